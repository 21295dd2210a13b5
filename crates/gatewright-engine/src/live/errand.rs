//! Single requests to one host that the operator named and to those that it names in turn: for an identity provider, whose keys and tokens may be
//! elsewhere than its own address.
//!
//! The connection is made as for systems under test: no redirect, the operator's proxy, secrets taken out of everything that comes back. A private
//! address is asked where it is the named host's own, and nowhere else.

use gatewright_core::exchange::Fault;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use url::Url;

use super::address::is_private_host;
use super::api::{ApiFault, ApiReply, exchange};
use super::resolve::names;
use super::wire::{Way, client};
use crate::limits::Limits;
use crate::secret::{Scrubber, SecretText};

/// Carries single requests.
#[derive(Debug)]
pub struct Errands {
    host: String,
    /// To the host that was named.
    own: Client,
    /// To all others.
    others: Client,
    scrub: Scrubber,
    limits: Limits,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Errands {
    /// Prepares connections to a host that the operator named, and to those that it names. Secrets are taken out of what comes back.
    ///
    /// # Errors
    /// What cannot be used, for people.
    pub fn new<'s>(
        host: &str,
        proxy: Option<&SecretText>,
        secrets: impl IntoIterator<Item = &'s SecretText>,
        limits: &Limits,
    ) -> Result<Self, String> {
        // No connection is kept: between two requests nobody would see that its other end has left.
        let way = Way {
            proxy,
            private_allowed: true,
            only: Some(names(host, proxy)),
            host,
            most: 0,
        };
        let own = client(&way, limits)?;
        let others = client(
            &Way {
                // A proxy looks names up itself: the only one that is looked up here is its own.
                private_allowed: proxy.is_some(),
                only: None,
                ..way
            },
            limits,
        )?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            host: host.to_owned(),
            own,
            others,
            scrub: Scrubber::new(secrets),
            limits: limits.clone(),
            runtime: Some(runtime),
        })
    }

    /// Sends one request, once, and waits for what comes of it; not to be called where others wait for the thread.
    ///
    /// # Errors
    /// When nothing came back; whether it may have been done all the same.
    pub fn send(
        &self,
        method: &str,
        address: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<ApiReply, ApiFault> {
        let refused = |fault, what: &str| ApiFault {
            fault,
            what: what.to_owned(),
            may_be_done: false,
        };
        let url = Url::parse(address).map_err(|_| refused(Fault::Unreadable, "no address"))?;
        let host = url.host_str().unwrap_or_default();
        let is_own = host.eq_ignore_ascii_case(&self.host);
        // A number in an address is never resolved, so it is looked at here.
        if !is_own && is_private_host(host) {
            let what = "its address is private, and not the one that was named";
            return Err(refused(Fault::PrivateAddress, what));
        }
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| refused(Fault::Unreadable, "no such method"))?;
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let name = name.map_err(|_| refused(Fault::Unreadable, "a header cannot be sent"))?;
            let value = HeaderValue::from_str(value);
            let mut value =
                value.map_err(|_| refused(Fault::Unreadable, "a header cannot be sent"))?;
            value.set_sensitive(true);
            sent.insert(name, value);
        }
        let client = if is_own { &self.own } else { &self.others };
        let request = client
            .request(method, url)
            .headers(sent)
            .body(body.to_vec());
        let Some(runtime) = &self.runtime else {
            return Err(refused(Fault::Cut, "it has ended"));
        };
        runtime.block_on(exchange(request, &self.scrub, &self.limits))
    }
}

impl Drop for Errands {
    /// Leaves what is on its way: whoever drops this may be among others who must not wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_may_end_where_nobody_may_wait() {
        let errands = Errands::new("id.example.com", None, [], &Limits::standard());
        drop(errands.expect("prepared"));
    }

    #[test]
    fn a15_a_private_address_is_asked_only_where_it_was_named() {
        let errands = Errands::new("id.example.com", None, [], &Limits::standard());
        let errands = errands.expect("prepared");
        for elsewhere in [
            "http://169.254.169.254/latest",
            "https://10.0.0.1/token",
            "https://localhost/token",
            "https://[::1]/token",
        ] {
            let refused = errands.send("POST", elsewhere, &[], b"");
            let refused = refused.expect_err(elsewhere);
            assert_eq!(refused.fault, Fault::PrivateAddress, "{elsewhere}");
        }
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}/", closed.local_addr().expect("bound"));
        drop(closed);
        let named = Errands::new("127.0.0.1", None, [], &Limits::standard()).expect("prepared");
        let refused = named.send("GET", &address, &[], b"").expect_err("nobody");
        assert_eq!(refused.fault, Fault::Connect, "{refused:?}");
    }
}
