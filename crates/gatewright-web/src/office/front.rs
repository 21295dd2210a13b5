//! How others reach the server: whether connections are encrypted here or by a proxy in front, and whose word about a client counts.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig};
use url::Url;

use crate::guard::{Names, is_loopback};

/// Where proxies say whom they speak for.
const FORWARDED: &str = "x-forwarded-for";

/// How others reach the server; by default they do not.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// Connections are encrypted with this.
    pub tls: Option<Tls>,
    /// The address that people type: of this server, or of a proxy in front that ends TLS.
    pub public: Option<PublicUrl>,
    /// Proxies beside those on this machine.
    pub proxies: Vec<IpAddr>,
}

impl Front {
    /// Says whether passwords and cookies are encrypted on every network that they cross to an address, as far as it is up to this server.
    pub fn is_safe_at(&self, address: SocketAddr) -> bool {
        is_loopback(address) || self.tls.is_some() || self.public.is_some()
    }

    /// The names under which the server answers at an address.
    pub(super) fn names(&self, address: SocketAddr) -> Names {
        let public = self.public.as_ref().map(|public| public.host.as_str());
        Names::reached(address, self.tls.is_some(), public)
    }

    fn is_proxy(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.proxies.iter().any(|known| known.to_canonical() == ip)
    }

    /// The client whose connections are counted: nobody for this machine, and for proxies of ours, behind which everybody is.
    pub(super) fn counted(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        (!self.is_proxy(peer)).then(|| network(peer))
    }

    /// The client behind a connection, as far as patience counts clients: nobody for what comes from this machine. A proxy's word counts only
    /// where there is to be one, and only if the connection comes from it.
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer?.to_canonical();
        if self.public.is_some() && self.is_proxy(client) {
            let lines = headers.get_all(FORWARDED).iter();
            // Bytes that are no text stand before what the proxy added: they must not hide that.
            let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()));
            let lines: Vec<_> = lines.collect();
            let said: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).collect();
            if said
                .last()
                .is_some_and(|last| address(last.trim()).is_none())
            {
                // Somebody came by a proxy that does not say who: whoever that is waits with all others of whom that holds.
                return Some(network(client));
            }
            // Each proxy adds whom it saw at the end: what stands before the first that is no proxy of ours, anybody may have written.
            for one in said.into_iter().rev() {
                let Some(ip) = address(one.trim()) else { break };
                client = ip;
                if !self.is_proxy(ip) {
                    break;
                }
            }
        }
        (!client.is_loopback()).then(|| network(client))
    }
}

/// Reads an address with or without its port.
fn address(text: &str) -> Option<IpAddr> {
    let digits = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let plain = digits.unwrap_or(text).parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    plain.or_else(with_port).map(|ip| ip.to_canonical())
}

/// Whoever has one address of version 6 mostly has 2^72 of them: providers give a household a /56.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(six) => {
            let bits = u128::from(six) & !((1 << 72) - 1);
            IpAddr::V6(bits.into())
        }
    }
}

/// An address that people type: https and a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// With the port where it is not 443, as browsers write it.
    host: String,
}

impl PublicUrl {
    /// Reads `https://HOST` or `https://HOST:PORT`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "it is no address")?;
        if url.scheme() != "https" {
            return Err(
                "it does not begin with https://: passwords would cross the network as they are typed",
            );
        }
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_bare || url.path() != "/" {
            return Err("it has more than a host and a port: the server's pages begin at /");
        }
        let host = url.host_str().ok_or("it has no host")?;
        let host = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { host })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/", self.host)
    }
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Tls(pub(super) Arc<ServerConfig>);

/// What is wrong with a certificate or its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadTls {
    /// The file with the certificate.
    Certificate(String),
    /// The file with the key.
    Key(String),
}

impl Tls {
    /// Reads a certificate, followed by those that vouch for it, and its key, both PEM.
    ///
    /// # Errors
    /// Which of the two cannot be used, and why.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, BadTls> {
        let read = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let chain = read.map_err(|why| BadTls::Certificate(format!("it is no PEM: {why}")))?;
        if chain.is_empty() {
            let said = "there is no certificate in it (-----BEGIN CERTIFICATE-----)";
            return Err(BadTls::Certificate(said.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|why| {
            BadTls::Key(match why {
                pem::Error::NoItemsFound => {
                    "there is no key in it that is not locked by a password (-----BEGIN PRIVATE KEY-----)".to_owned()
                }
                why => format!("it is no PEM: {why}"),
            })
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Looked at by itself first, so that what is wrong is said of the right file.
        if let Err(why) = provider.key_provider.load_private_key(key.clone_key()) {
            return Err(BadTls::Key(format!("the key in it cannot be used: {why}")));
        }
        let made = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        let mut config = made.map_err(|why| match why {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                BadTls::Key("the key in it is not the one of the certificate".to_owned())
            }
            why => BadTls::Certificate(format!("the certificate in it cannot be used: {why}")),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn behind(proxies: &[&str]) -> Front {
        Front {
            public: Some(PublicUrl::parse("https://evals.example.com").expect("one")),
            proxies: proxies.iter().map(|it| it.parse().expect("ip")).collect(),
            ..Front::default()
        }
    }

    fn client(front: &Front, peer: &str, said: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in said {
            headers.append(FORWARDED, HeaderValue::from_str(line).expect("a value"));
        }
        let client = front.client(Some(peer.parse().expect("an address")), &headers);
        client.map(|ip| ip.to_string())
    }

    #[test]
    fn a22_a_client_is_whom_a_proxy_of_ours_saw_and_nobody_else() {
        let front = behind(&["10.0.0.2"]);
        let is = |peer, said: &[&str], client: Option<&str>| {
            assert_eq!(
                self::client(&front, peer, said).as_deref(),
                client,
                "{peer} {said:?}"
            );
        };
        is("127.0.0.1", &["203.0.113.5"], Some("203.0.113.5"));
        is("::1", &["198.51.100.1, 203.0.113.5"], Some("203.0.113.5"));
        is(
            "127.0.0.1",
            &["198.51.100.1", "203.0.113.5:4711"],
            Some("203.0.113.5"),
        );
        is(
            "10.0.0.2",
            &["6.6.6.6, 203.0.113.5, 10.0.0.2"],
            Some("203.0.113.5"),
        );
        // A proxy that does not say who came: not whoever is at this machine, whom nothing holds up.
        is("127.0.0.1", &["203.0.113.5, nonsense"], Some("127.0.0.1"));
        is("127.0.0.1", &[], None);
        is("127.0.0.1", &["2001:db8:1:2:3:4:5:6"], Some("2001:db8:1::"));
        is("10.0.0.9", &["203.0.113.5"], Some("10.0.0.9"));
        is("::ffff:10.0.0.9", &["203.0.113.5"], Some("10.0.0.9"));
        // What is no text before it does not hide what the proxy added.
        let mut headers = HeaderMap::new();
        let line = HeaderValue::from_bytes(b"\xff, 203.0.113.5").expect("a value");
        headers.append(FORWARDED, line);
        let seen = front.client(Some("127.0.0.1".parse().expect("an address")), &headers);
        assert_eq!(seen, Some("203.0.113.5".parse().expect("an address")));
        // Where there is to be no proxy, nobody's word counts.
        let alone = Front::default();
        assert_eq!(self::client(&alone, "127.0.0.1", &["203.0.113.5"]), None);
        assert_eq!(
            self::client(&alone, "192.0.2.1", &["203.0.113.5"]).as_deref(),
            Some("192.0.2.1")
        );
    }

    #[test]
    fn a19_a_public_address_is_https_and_a_host() {
        let said = |text: &str| PublicUrl::parse(text).map(|url| url.to_string());
        assert_eq!(
            said("https://Evals.example.com").as_deref(),
            Ok("https://evals.example.com/")
        );
        assert_eq!(said("https://h:443/").as_deref(), Ok("https://h/"));
        assert_eq!(said("https://h:8443").as_deref(), Ok("https://h:8443/"));
        for wrong in [
            "evals",
            "http://h",
            "https://h/gate",
            "https://a@h",
            "https://h/?x",
            "https://",
        ] {
            assert!(said(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a19_the_names_of_a_public_server_and_their_origins() {
        let at = "192.0.2.7:7418".parse().expect("an address");
        let names = behind(&[]).names(at);
        let from = |host: &'static str, origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("host", HeaderValue::from_static(host));
            headers.insert("origin", HeaderValue::from_static(origin));
            names.is_from_here(&headers)
        };
        assert!(from("evals.example.com", "https://evals.example.com"));
        assert!(from("127.0.0.1:7418", "https://evals.example.com"));
        assert!(from("localhost:7418", "http://localhost:7418"));
        for origin in [
            "http://evals.example.com",
            "https://evals.example.com:8443",
            "null",
            "https://evil.example",
        ] {
            assert!(!from("evals.example.com", origin), "{origin}");
        }
        assert!(names.is_secure());
    }
}
