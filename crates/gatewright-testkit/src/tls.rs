//! An endpoint behind TLS whose certificate is what a test wants it to be: good, expired, of another name, of an unknown authority.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Who vouches for certificates.
type Authority = CertifiedIssuer<'static, KeyPair>;

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Nothing.
    Good,
    /// It ended in 2021.
    Expired,
    /// It begins in 2999.
    NotYet,
    /// It is another host's.
    OtherName,
}

/// An endpoint on `https://localhost:PORT` that answers every chat completion with its own text.
#[derive(Debug)]
pub struct TlsEndpoint {
    address: SocketAddr,
    authority: String,
    answered: Arc<AtomicUsize>,
}

impl TlsEndpoint {
    /// Starts to serve on a free port, on a thread that ends with the process.
    ///
    /// # Panics
    /// When there is no port, key or thread to be had.
    pub fn start(certificate: Certificate) -> Self {
        Self::start_then(certificate, usize::MAX, certificate)
    }

    /// As [`TlsEndpoint::start`], with another certificate of the same authority after so many connections.
    ///
    /// # Panics
    /// As [`TlsEndpoint::start`].
    pub fn start_then(certificate: Certificate, count: usize, then: Certificate) -> Self {
        let authority = authority();
        let configs = [certificate, then].map(|one| config(one, &authority));
        let authority = authority.pem();
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let answered = Arc::new(AtomicUsize::new(0));
        let total = Arc::clone(&answered);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let config = &configs[usize::from(number >= count)];
                let (config, count) = (Arc::clone(config), Arc::clone(&total));
                std::thread::spawn(move || {
                    // A client that does not trust us ends the handshake: nothing was answered then.
                    if serve(stream, config).is_ok() {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self {
            address,
            authority,
            answered,
        }
    }

    /// Returns `https://localhost:PORT`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Returns the certificate of the authority that signed its own, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns how many requests were answered.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

/// Makes the certificate of a server with this name or address, and its key; and the certificate of the authority that vouches for it: all PEM.
///
/// # Panics
/// When there is no key to be had.
pub fn certificate(name: &str) -> (String, String, String) {
    let authority = authority();
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let key = KeyPair::generate().expect("a key");
    let own = params.signed_by(&key, &authority).expect("a certificate");
    (own.pem(), key.serialize_pem(), authority.pem())
}

fn authority() -> Authority {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(authority, key).expect("an authority")
}

fn config(certificate: Certificate, authority: &Authority) -> Arc<ServerConfig> {
    let name = match certificate {
        Certificate::OtherName => "other.example.com",
        _ => "localhost",
    };
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    match certificate {
        Certificate::Expired => {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        Certificate::NotYet => {
            params.not_before = date_time_ymd(2999, 1, 1);
            params.not_after = date_time_ymd(3000, 1, 1);
        }
        Certificate::Good | Certificate::OtherName => {}
    }
    let key = KeyPair::generate().expect("a key");
    let own = params.signed_by(&key, authority).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("a certificate and its key");
    Arc::new(config)
}

/// Reads one request and answers it.
fn serve(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let (mut got, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        got.extend_from_slice(&part[..read]);
        if whole(&got) {
            break;
        }
    }
    let body = r#"{"object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"over tls"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Says whether a request has arrived with its body.
pub(crate) fn whole(got: &[u8]) -> bool {
    let text = String::from_utf8_lossy(got).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|text| text.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}
