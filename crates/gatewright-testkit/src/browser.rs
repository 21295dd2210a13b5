//! As much of a browser as logging in needs: cookies by their rules for hosts, paths and encryption, over plain connections or TLS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A browser that is at one server.
#[derive(Debug)]
pub struct Browser {
    address: SocketAddr,
    /// What it names the server.
    host: String,
    /// What its pages say that they are of.
    origin: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// Cookies by name.
    pub cookies: BTreeMap<String, String>,
    /// Those that are not sent when another site sends the browser here.
    strict: BTreeSet<String>,
    /// Headers of every request beside its own.
    pub also: Vec<(String, String)>,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Page {
    /// A header; empty without it.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The value of a hidden field.
    ///
    /// # Panics
    /// When there is none.
    pub fn hidden(&self, name: &str) -> String {
        let from = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&from).expect("a hidden field");
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Browser {
    /// A browser at `http://HOST`.
    pub fn at(address: SocketAddr, host: &str) -> Self {
        Self {
            address,
            host: host.to_owned(),
            origin: format!("http://{host}"),
            tls: None,
            cookies: BTreeMap::new(),
            strict: BTreeSet::new(),
            also: Vec::new(),
        }
    }

    /// A browser at `https://HOST` behind a proxy, whose part is the test's.
    #[must_use]
    pub fn by_proxy(mut self) -> Self {
        self.origin = format!("https://{}", self.host);
        self
    }

    /// A browser at `https://HOST` that trusts the authority which has this certificate (PEM), and nobody else.
    ///
    /// # Panics
    /// When that is none.
    #[must_use]
    pub fn by_tls(mut self, authority: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        for one in CertificateDer::pem_slice_iter(authority) {
            roots
                .add(one.expect("a certificate"))
                .expect("an authority");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = self.host.rsplit_once(':').map_or(&*self.host, |it| it.0);
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        self.tls = Some((Arc::new(config), name));
        self.by_proxy()
    }

    /// Gets a page.
    ///
    /// # Errors
    /// When nobody answers, or not as whom the browser asked for.
    pub fn get(&mut self, path: &str) -> std::io::Result<Page> {
        self.ask("GET", path, (None, false))
    }

    /// Gets a page to which another site has sent the browser.
    ///
    /// # Errors
    /// As [`Browser::get`].
    pub fn get_from_elsewhere(&mut self, path: &str) -> std::io::Result<Page> {
        self.ask("GET", path, (None, true))
    }

    /// Sends a form.
    ///
    /// # Errors
    /// As [`Browser::get`].
    pub fn post(&mut self, path: &str, form: &str) -> std::io::Result<Page> {
        self.ask("POST", path, (Some(form), false))
    }

    fn ask(
        &mut self,
        method: &str,
        path: &str,
        (form, from_elsewhere): (Option<&str>, bool),
    ) -> std::io::Result<Page> {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .filter(|(name, _)| !from_elsewhere || !self.strict.contains(*name))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        if !pairs.is_empty() {
            text.push_str(&format!("Cookie: {}\r\n", pairs.join("; ")));
        }
        for (name, value) in &self.also {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(form) = form {
            let (origin, length) = (&self.origin, form.len());
            text.push_str(&format!("Origin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"));
        }
        text.push_str("Connection: close\r\n\r\n");
        text.push_str(form.unwrap_or_default());
        let stream = TcpStream::connect(self.address)?;
        let answer = match &self.tls {
            None => exchange(stream, &text)?,
            Some((config, name)) => {
                let made = ClientConnection::new(Arc::clone(config), name.clone());
                let connection = made.map_err(std::io::Error::other)?;
                exchange(StreamOwned::new(connection, stream), &text)?
            }
        };
        let page = read(&answer).ok_or_else(|| std::io::Error::other(answer))?;
        self.keep(&page);
        Ok(page)
    }

    /// Keeps cookies as browsers do: `Secure` ones and those with the prefix `__Host-` only from https.
    fn keep(&mut self, page: &Page) {
        let is_secure = self.origin.starts_with("https://");
        for (_, line) in page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let mut parts = line.split("; ");
            let (name, value) = parts
                .next()
                .unwrap_or_default()
                .split_once('=')
                .unwrap_or_default();
            let has = |wanted: &str| line.split("; ").any(|part| part == wanted);
            let is_kept = match name.starts_with("__Host-") {
                true => is_secure && has("Secure") && has("Path=/"),
                false => is_secure || !has("Secure"),
            };
            if has("Max-Age=0") {
                self.cookies.remove(name);
            } else if is_kept {
                self.cookies.insert(name.to_owned(), value.to_owned());
                if has("SameSite=Strict") {
                    self.strict.insert(name.to_owned());
                }
            }
        }
    }
}

fn exchange(mut stream: impl Read + Write, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // Whoever closes at once may leave the end of TLS unsaid.
        Err(error) if answer.is_empty() => return Err(error),
        _ => {}
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn read(answer: &str) -> Option<Page> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Page {
        status,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}
