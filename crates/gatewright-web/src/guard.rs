//! What stands before every page of every server: whose name a request must use, and what an answer may do.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Names of this machine, as browsers write them.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Says whether an address can be reached from this machine alone.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// The names under which a server answers: a page of another site that points its own name here gets nothing.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    ip: IpAddr,
    port: u16,
    /// Connections are encrypted here.
    tls: bool,
    /// The host, with its port where that is not 443, of a proxy in front that speaks https.
    public: Option<String>,
}

impl Names {
    /// The names of a server that listens on an address and speaks http.
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self {
            ip: address.ip().to_canonical(),
            port: address.port(),
            tls: false,
            public: None,
        }
    }

    /// The names of a server that others reach: by TLS, and by a public name that is always https.
    pub(crate) fn reached(address: SocketAddr, tls: bool, public: Option<&str>) -> Self {
        Self {
            tls,
            public: public.map(str::to_owned),
            ..Self::of(address)
        }
    }

    /// Says whether those who come from elsewhere come by https.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls || self.public.is_some()
    }

    /// The origin of the pages of this server, as a browser writes it, for a host that it was asked by.
    pub(crate) fn origin(&self, host: &str) -> String {
        match &self.public {
            Some(public) => format!("https://{public}"),
            None => self.own_origin(host),
        }
    }

    fn own_origin(&self, host: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{host}")
    }

    fn is_public(&self, host: &str) -> bool {
        let public = self.public.as_deref();
        public.is_some_and(|public| host.eq_ignore_ascii_case(public))
    }

    /// Says whether `host:port` is this server: its public name, a loopback name, or, where others can reach it, its address in digits, which no
    /// other site can take for its own.
    fn has(&self, host: &str) -> bool {
        if self.is_public(host) {
            return true;
        }
        let name = match host.strip_suffix(&format!(":{}", self.port)) {
            Some(name) => name,
            // Browsers leave the port of their scheme out.
            None if self.port == if self.tls { 443 } else { 80 } => host,
            None => return false,
        };
        if is_loopback_name(name) {
            return true;
        }
        // Behind a proxy on another machine, somebody who typed the address would send a password in the clear.
        if self.ip.is_loopback() || (self.public.is_some() && !self.tls) {
            return false;
        }
        let digits = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let Ok(asked) = digits.unwrap_or(name).parse::<IpAddr>() else {
            return false;
        };
        self.ip.is_unspecified() || asked.to_canonical() == self.ip
    }

    /// Says whether a request asks for this server by one of its names, and for its port.
    fn are_in(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let mut named = headers.get_all(header::HOST).iter();
        let one = named.next().and_then(|host| host.to_str().ok());
        one.is_some_and(|host| self.has(host))
            && named.next().is_none()
            && uri
                .authority()
                .is_none_or(|authority| self.has(authority.as_str()))
    }

    /// Says whether a request that changes something comes from a page of this server, as far as its browser says where it comes from.
    pub(crate) fn is_from_here(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
        let ours = |origin: &HeaderValue| {
            let Some((origin, host)) = origin.to_str().ok().zip(host) else {
                return false;
            };
            // A proxy may have written its own way here in the place of the public host.
            let is = |ours: String| origin.eq_ignore_ascii_case(&ours);
            is(self.origin(host)) || (!self.is_public(host) && is(self.own_origin(host)))
        };
        let here = |site: &HeaderValue| site == "same-origin" || site == "none";
        headers.get_all(header::ORIGIN).iter().all(ours)
            && headers.get_all("sec-fetch-site").iter().all(here)
    }

    /// What is said to who asks by another name.
    fn refusal(&self) -> String {
        match &self.public {
            Some(public) => format!("this server answers to https://{public}/ only\n"),
            None if self.ip.is_loopback() => "this server answers to localhost only\n".to_owned(),
            None => {
                "this server answers to its address only; --public-url gives it a name\n".to_owned()
            }
        }
    }
}

/// Says whether a host without its port is a name of this machine.
fn is_loopback_name(name: &str) -> bool {
    LOOPBACK.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

/// The guard of one server.
#[derive(Debug)]
pub(crate) struct Guard {
    names: Names,
    policy: HeaderValue,
    referrer: HeaderValue,
}

impl Guard {
    /// A guard with a content security policy and a referrer policy.
    pub(crate) fn new(names: Names, policy: &str, referrer: &'static str) -> Self {
        let policy = format!("{policy}; frame-ancestors 'none'");
        Self {
            names,
            policy: HeaderValue::from_str(&policy).expect("policies are plain text of ours"),
            referrer: HeaderValue::from_static(referrer),
        }
    }
}

/// Refuses what does not name this server, before anything else is looked at; and says of every answer what it may do. An answer that names its
/// own policy keeps it.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).cloned();
    let mut response = match guard.names.are_in(request.headers(), request.uri()) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, guard.names.refusal()).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Not for this machine itself: its browser would then refuse every other server on it that speaks http.
    let host = host.as_ref().and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    if guard.names.is_secure() && name.is_some_and(|name| !is_loopback_name(name)) {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    headers.insert(header::REFERRER_POLICY, guard.referrer.clone());
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, guard.policy.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(address: &str) -> Names {
        Names::of(address.parse().expect("an address"))
    }

    #[test]
    fn a18_a_server_has_the_names_of_its_address_and_no_others() {
        let here = names("127.0.0.1:7418");
        for host in [
            "localhost:7418",
            "LOCALHOST:7418",
            "127.0.0.1:7418",
            "[::1]:7418",
        ] {
            assert!(here.has(host), "{host}");
        }
        for host in [
            "localhost",
            "localhost:80",
            "10.0.0.5:7418",
            "evil.example:7418",
            "",
        ] {
            assert!(!here.has(host), "{host}");
        }
        let there = names("10.0.0.5:7418");
        assert!(there.has("10.0.0.5:7418") && there.has("localhost:7418"));
        assert!(!there.has("10.0.0.6:7418") && !there.has("evil.example:7418"));
        let all = names("[::]:7418");
        assert!(all.has("10.0.0.6:7418") && all.has("[fe80::1]:7418"));
        assert!(!all.has("evil.example:7418") && !all.has("10.0.0.6:80"));
    }

    #[test]
    fn a18_what_comes_from_another_site_says_so() {
        let from = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            headers.insert("host", HeaderValue::from_static("localhost:7418"));
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_str(value).expect("a value"));
            }
            names("127.0.0.1:7418").is_from_here(&headers)
        };
        assert!(from(&[]));
        assert!(from(&[
            ("origin", "http://localhost:7418"),
            ("sec-fetch-site", "same-origin")
        ]));
        for origin in [
            "null",
            "http://localhost:7417",
            "http://127.0.0.1:7418",
            "https://localhost:7418",
            "http://evil.example",
            "http://localhost:7418.evil.example",
            "",
        ] {
            assert!(!from(&[("origin", origin)]), "{origin}");
            assert!(!from(&[
                ("origin", "http://localhost:7418"),
                ("origin", origin)
            ]));
        }
        for site in ["cross-site", "same-site", "x"] {
            assert!(!from(&[("sec-fetch-site", site)]), "{site}");
        }
    }
}
