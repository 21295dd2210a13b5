//! One request after the other to an interface of one host: for what is no attempt, such as the issues of a forge.
//!
//! The connection is made as for systems under test: the host that was allowed and no other, no private address behind a public name, no
//! redirect, the operator's proxy, and secrets taken out of everything that comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::exchange::Fault;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::address::is_private_host;
use super::resolve::names;
use super::retry::{backoff, retry_after};
use super::wire::{Way, classify, client, too_large};
use crate::limits::Limits;
use crate::secret::{Scrubber, SecretText};

/// How an interface is reached.
#[derive(Clone, Debug)]
pub struct ApiTarget {
    /// Its address: what paths are joined to.
    pub base: Url,
    /// Headers of every request that may be shown.
    pub headers: Vec<(String, String)>,
    /// The header with the token, what stands before it there, and the token.
    pub token: (String, String, SecretText),
    /// Whether the operator allowed this host to have a private address.
    pub private_allowed: bool,
    /// The operator's proxy for this host.
    pub proxy: Option<SecretText>,
}

/// An interface of one host.
#[derive(Debug)]
pub struct Api {
    base: Url,
    client: Client,
    headers: HeaderMap,
    scrub: Scrubber,
    limits: Limits,
    reachable: bool,
    runtime: tokio::runtime::Runtime,
}

/// What came back, secrets taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiReply {
    /// The status.
    pub status: u16,
    /// Headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the host asks to wait: longer than it was waited for.
    pub wait: Option<Duration>,
}

/// Nothing came back that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiFault {
    /// What went wrong.
    pub fault: Fault,
    /// In words.
    pub what: String,
    /// The request may have arrived and done its work.
    pub may_be_done: bool,
}

impl Api {
    /// Prepares the connection.
    ///
    /// # Errors
    /// What cannot be used, for people.
    pub fn new(target: &ApiTarget, limits: &Limits) -> Result<Self, String> {
        let host = target.base.host_str().unwrap_or_default().to_owned();
        let client = client(
            &Way {
                proxy: target.proxy.as_ref(),
                private_allowed: target.private_allowed,
                only: Some(names(&host, target.proxy.as_ref())),
                host: &host,
                most: 1,
            },
            limits,
        )?;
        let mut headers = HeaderMap::new();
        let unusable = |name: &str| format!("the header `{name}` cannot be sent");
        for (name, value) in &target.headers {
            let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
            let (parsed, value) = parsed
                .zip(HeaderValue::from_str(value).ok())
                .ok_or_else(|| unusable(name))?;
            headers.insert(parsed, value);
        }
        let (name, prefix, token) = &target.token;
        let value = HeaderValue::from_str(&format!("{prefix}{}", token.reveal())).ok();
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
        let (parsed, mut value) = parsed.zip(value).ok_or_else(|| unusable(name))?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let mut base = target.base.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self {
            reachable: target.private_allowed || !is_private_host(&host),
            scrub: Scrubber::new([token]),
            base,
            client,
            headers,
            limits: limits.clone(),
            runtime,
        })
    }

    /// Sends one request and waits for what comes of it.
    ///
    /// `path` is joined to the interface's address; a whole address, such as that of a next page, must be of the same host and port. What was
    /// refused for its pace (429, or 403 with a time) is sent again after the time that is asked for, up to [`Limits::retry_after_max`]. What failed
    /// otherwise is sent again only where sending it twice changes nothing: not a `POST`.
    ///
    /// # Errors
    /// When nothing came back; whether it may have been done all the same.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<ApiReply, ApiFault> {
        let refused = |fault, what: String| ApiFault {
            fault,
            what,
            may_be_done: false,
        };
        let address = self.base.join(path);
        let address =
            address.map_err(|error| refused(Fault::Unreadable, format!("no address: {error}")))?;
        if address.origin() != self.base.origin() {
            let what = "the next page is said to be on another host".to_owned();
            return Err(refused(Fault::Redirect, what));
        }
        if !self.reachable {
            let what = "its address is private, and nobody allowed it".to_owned();
            return Err(refused(Fault::PrivateAddress, what));
        }
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| refused(Fault::Unreadable, "no such method".to_owned()))?;
        self.runtime.block_on(self.until(&method, &address, body))
    }

    async fn until(
        &self,
        method: &Method,
        address: &Url,
        body: Option<&[u8]>,
    ) -> Result<ApiReply, ApiFault> {
        let again = *method != Method::POST;
        let (mut tries, mut waits) = (0, 0);
        loop {
            let came = self.once(method, address, body).await;
            tries += 1;
            let last = tries >= self.limits.tries_max;
            match came {
                Ok(mut reply) if is_pace(&reply) => {
                    let wait = asked_wait(&reply);
                    waits += 1;
                    match wait.filter(|&wait| {
                        wait <= self.limits.retry_after_max && waits <= self.limits.waits_max
                    }) {
                        Some(wait) => sleep(wait).await,
                        None => {
                            reply.wait = wait;
                            return Ok(reply);
                        }
                    }
                    tries -= 1;
                }
                Ok(reply) if reply.status >= 500 && again && !last => {}
                Ok(reply) => return Ok(reply),
                Err(fault) if last || (fault.may_be_done && !again) || !is_passing(fault.fault) => {
                    return Err(fault);
                }
                Err(_) => {}
            }
            if tries > 0 {
                let id = format!("{method} {address}");
                sleep(backoff(&id, tries - 1, None, &self.limits)).await;
            }
        }
    }

    async fn once(
        &self,
        method: &Method,
        address: &Url,
        body: Option<&[u8]>,
    ) -> Result<ApiReply, ApiFault> {
        let mut request = self.client.request(method.clone(), address.clone());
        request = request.headers(self.headers.clone());
        if let Some(body) = body {
            request = request
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body.to_vec());
        }
        exchange(request, &self.scrub, &self.limits).await
    }
}

/// Sends one request and reads what comes of it, whole, secrets taken out.
pub(super) async fn exchange(
    request: RequestBuilder,
    scrub: &Scrubber,
    limits: &Limits,
) -> Result<ApiReply, ApiFault> {
    let deadline = Instant::now() + limits.answer_timeout;
    let too_long = |_| ApiFault {
        fault: Fault::TookTooLong,
        what: format!("it took longer than {} s", limits.answer_timeout.as_secs()),
        may_be_done: true,
    };
    let broken = |error: &reqwest::Error| {
        let (fault, what) = classify(error);
        ApiFault {
            fault,
            what: scrub.text(&what).into_owned(),
            may_be_done: !error.is_connect(),
        }
    };
    let sent = timeout_at(deadline, request.send()).await;
    let mut response = sent.map_err(too_long)?.map_err(|error| broken(&error))?;
    let mut reply = ApiReply {
        status: response.status().as_u16(),
        ..ApiReply::default()
    };
    for (name, value) in response.headers().iter().take(super::wire::HEADERS_MAX) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = scrub.text(&value).into_owned();
        reply.headers.insert(name.as_str().to_owned(), value);
    }
    loop {
        let chunk = timeout_at(deadline, response.chunk()).await;
        let chunk = chunk.map_err(too_long)?.map_err(|error| broken(&error))?;
        let Some(chunk) = chunk else { break };
        if reply.body.len() + chunk.len() > limits.response_bytes_max {
            return Err(ApiFault {
                fault: Fault::TooLarge,
                what: too_large(limits.response_bytes_max),
                may_be_done: true,
            });
        }
        reply.body.extend_from_slice(&chunk);
    }
    reply.body = scrub.bytes(reply.body);
    Ok(reply)
}

/// Says whether a request was refused for its pace alone: it did nothing.
fn is_pace(reply: &ApiReply) -> bool {
    let has = |name: &str| reply.headers.get(name);
    let spent = has("x-ratelimit-remaining").is_some_and(|left| left.trim() == "0");
    reply.status == 429 || (reply.status == 403 && (spent || has("retry-after").is_some()))
}

/// The moment that hosts count seconds from.
const COUNTED_FROM: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// How long a host asks to wait: `Retry-After`, or until the moment of `x-ratelimit-reset`, in seconds since 1970 by the host's own clock.
fn asked_wait(reply: &ApiReply) -> Option<Duration> {
    let header = |name: &str| reply.headers.get(name).map(String::as_str);
    let date = header("date");
    retry_after(header("retry-after"), date).or_else(|| {
        let until: u64 = header("x-ratelimit-reset")?.trim().parse().ok()?;
        // The host's own date, as a wait from the moment that it counts from: no clock of ours is asked.
        let now = retry_after(Some(date?), Some(COUNTED_FROM))?;
        Some(Duration::from_secs(until).saturating_sub(now))
    })
}

/// Says whether what went wrong may be over in a moment.
fn is_passing(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::Dns | Fault::Connect | Fault::Cut | Fault::Stalled | Fault::TookTooLong
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&str, &str)]) -> ApiReply {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ApiReply {
            status,
            headers: headers.collect(),
            ..ApiReply::default()
        }
    }

    #[test]
    fn f8_what_was_refused_for_its_pace_says_how_long() {
        let date = ("date", "Thu, 26 Nov 2026 10:00:00 GMT");
        let spent = ("x-ratelimit-remaining", "0");
        // 2026-11-26T10:00:30Z.
        let reset = ("x-ratelimit-reset", "1795687230");
        for (reply, pace, seconds) in [
            (reply(429, &[]), true, None),
            (reply(429, &[("retry-after", "7")]), true, Some(7)),
            (reply(403, &[("retry-after", "60")]), true, Some(60)),
            (reply(403, &[spent, date, reset]), true, Some(30)),
            (reply(403, &[spent, reset]), true, None),
            (reply(403, &[("x-ratelimit-remaining", "12")]), false, None),
            (reply(401, &[("retry-after", "7")]), false, Some(7)),
            (reply(200, &[spent]), false, None),
        ] {
            let wait = asked_wait(&reply).map(|wait| wait.as_secs());
            assert_eq!((is_pace(&reply), wait), (pace, seconds), "{reply:?}");
        }
    }

    #[test]
    fn a16_the_token_goes_to_no_other_host() {
        let target = ApiTarget {
            base: Url::parse("https://api.forge.example/v3").expect("an address"),
            headers: Vec::new(),
            token: (
                "authorization".to_owned(),
                "Bearer ".to_owned(),
                SecretText::new("canary-token".to_owned()),
            ),
            private_allowed: false,
            proxy: None,
        };
        let api = Api::new(&target, &Limits::standard()).expect("prepared");
        for elsewhere in [
            "https://evil.example/issues",
            "http://api.forge.example/v3/issues",
            "https://api.forge.example:8443/",
            "//evil.example/x",
        ] {
            let refused = api.call("GET", elsewhere, None).expect_err(elsewhere);
            assert_eq!(refused.fault, Fault::Redirect, "{elsewhere}");
        }
        assert!(!format!("{target:?} {api:?}").contains("canary"));
        let private = ApiTarget {
            base: Url::parse("https://169.254.169.254/").expect("an address"),
            ..target
        };
        let api = Api::new(&private, &Limits::standard()).expect("prepared");
        let refused = api.call("GET", "x", None).expect_err("private");
        assert_eq!(refused.fault, Fault::PrivateAddress);
    }
}
