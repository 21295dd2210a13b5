//! An identity provider that speaks OpenID Connect over real connections, and misbehaves when it is told to.
//!
//! Whoever comes to its login page is the person that the test says, and is sent straight back. Codes are good once, for the address and the
//! verifier that they were asked for with.

mod token;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::tls::whole;
use token::Keys;
pub use token::Signing;

/// What the provider does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Amiss {
    /// Nothing.
    #[default]
    Nothing,
    /// The token is for another login.
    WrongNonce,
    /// The browser comes back with another state.
    WrongState,
    /// The token is for another client.
    WrongAudience,
    /// The token is of another issuer.
    WrongIssuer,
    /// The browser comes back saying that another issuer sent it.
    OtherIssuer,
    /// The token has ended.
    Expired,
    /// The token was changed after it was signed.
    WrongSignature,
    /// The token says that it needs no signature, and has none.
    NoSignature,
    /// The token is signed with the secret that the client has too.
    SignedWithSecret,
    /// Tokens cannot be had.
    TokenDown,
    /// The login is refused.
    Denied,
}

/// Who comes to the login page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Somebody {
    /// The provider's name for them.
    pub sub: String,
    /// Their address of e-mail.
    pub email: Option<String>,
    /// Whether it vouches for that.
    pub verified: bool,
}

/// What a code stands for.
#[derive(Debug)]
struct Grant {
    nonce: String,
    challenge: String,
    back: String,
}

#[derive(Debug, Default)]
struct Inner {
    amiss: Amiss,
    somebody: Somebody,
    signing: Signing,
    codes: BTreeMap<String, Grant>,
    made: usize,
}

#[derive(Debug)]
struct State {
    issuer: String,
    client: (String, String),
    keys: Keys,
    inner: Mutex<Inner>,
}

/// An identity provider on a port of its own, on a thread that ends with the process.
#[derive(Debug)]
pub struct IdentityProvider {
    state: Arc<State>,
    address: SocketAddr,
}

impl IdentityProvider {
    /// Starts a provider that knows one client, by its name and its secret.
    ///
    /// # Panics
    /// When there is no port, key or thread to be had.
    pub fn start(id: &str, secret: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            issuer: format!("http://{address}"),
            client: (id.to_owned(), secret.to_owned()),
            keys: Keys::new(),
            inner: Mutex::default(),
        });
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&served);
                std::thread::spawn(move || {
                    // Whoever left is not answered.
                    let _ = serve(stream, &state);
                });
            }
        });
        Self { state, address }
    }

    /// Its address, which is the issuer's.
    pub fn url(&self) -> &str {
        &self.state.issuer
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says who comes to the login page from now on.
    pub fn comes(&self, sub: &str, email: Option<&str>, verified: bool) {
        self.state.inner().somebody = Somebody {
            sub: sub.to_owned(),
            email: email.map(str::to_owned),
            verified,
        };
    }

    /// Says what it does wrong from now on.
    pub fn does(&self, amiss: Amiss) {
        self.state.inner().amiss = amiss;
    }

    /// Says what it signs with from now on.
    pub fn signs_with(&self, signing: Signing) {
        self.state.inner().signing = signing;
    }
}

impl State {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is answered: the status line, further headers, and the body.
type Answer = (&'static str, Vec<String>, String);

fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let (mut got, mut part) = (Vec::new(), [0; 4096]);
    while !whole(&got) {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Ok(());
        }
        got.extend_from_slice(&part[..read]);
    }
    let text = String::from_utf8_lossy(&got).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let (status, headers, answer) = answer(state, head, body);
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{answer}"
    )?;
    stream.flush()
}

fn answer(state: &State, head: &str, body: &str) -> Answer {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let found = |value: serde_json::Value| ("200 OK", Vec::new(), value.to_string());
    match path {
        "/.well-known/openid-configuration" => found(json!({
            "issuer": state.issuer,
            "authorization_endpoint": format!("{}/authorize", state.issuer),
            "token_endpoint": format!("{}/token", state.issuer),
            "jwks_uri": format!("{}/keys", state.issuer),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            // What a careless provider lists is not what is believed.
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        })),
        "/keys" => found(state.keys.public(state.inner().signing)),
        "/authorize" => authorize(state, &fields(query)),
        "/token" => token(state, head, &fields(body)),
        _ => ("404 Not Found", Vec::new(), String::new()),
    }
}

/// Sends the browser straight back with a code.
fn authorize(state: &State, asked: &BTreeMap<String, String>) -> Answer {
    let get = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let is_ours = get("client_id") == state.client.0
        && get("response_type") == "code"
        && get("code_challenge_method") == "S256"
        && get("scope").split(' ').any(|scope| scope == "openid");
    if !is_ours {
        return ("400 Bad Request", Vec::new(), format!("{asked:?}"));
    }
    let mut inner = state.inner();
    inner.made += 1;
    let code = format!("code-{}", inner.made);
    let back = get("redirect_uri");
    let grant = Grant {
        nonce: get("nonce"),
        challenge: get("code_challenge"),
        back: back.clone(),
    };
    inner.codes.insert(code.clone(), grant);
    let told = get("state");
    let place = match inner.amiss {
        Amiss::WrongState => format!("{back}?code={code}&state=another"),
        Amiss::Denied => format!("{back}?error=access_denied&state={told}"),
        Amiss::OtherIssuer => {
            format!("{back}?code={code}&state={told}&iss=https%3A%2F%2Fother.example")
        }
        _ => format!("{back}?code={code}&state={told}"),
    };
    (
        "302 Found",
        vec![format!("location: {place}")],
        String::new(),
    )
}

/// Gives a token for a code, once, to the client that asked for it.
fn token(state: &State, head: &str, sent: &BTreeMap<String, String>) -> Answer {
    let get = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let refused = |error: &str| {
        let said = json!({"error": error, "error_description": "not <b>that</b>"});
        ("400 Bad Request", Vec::new(), said.to_string())
    };
    let mut inner = state.inner();
    if inner.amiss == Amiss::TokenDown {
        return ("503 Service Unavailable", Vec::new(), String::new());
    }
    let (id, secret) = &state.client;
    let wanted = format!("basic {}", STANDARD.encode(format!("{id}:{secret}"))).to_lowercase();
    let known = head.lines().any(|line| {
        let (name, value) = line.split_once(':').unwrap_or_default();
        name.eq_ignore_ascii_case("authorization") && value.trim().to_lowercase() == wanted
    });
    if !known {
        return refused("invalid_client");
    }
    let Some(grant) = inner.codes.remove(&get("code")) else {
        return refused("invalid_grant");
    };
    let verifier = ring::digest::digest(&ring::digest::SHA256, get("code_verifier").as_bytes());
    let is_same = URL_SAFE_NO_PAD.encode(verifier) == grant.challenge
        && grant.back == get("redirect_uri")
        && get("grant_type") == "authorization_code";
    if !is_same {
        return refused("invalid_grant");
    }
    let id_token = state.keys.token(
        &inner.somebody,
        (inner.signing, inner.amiss),
        (&state.issuer, &grant.nonce),
        (id, secret),
    );
    let said = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": id_token});
    ("200 OK", Vec::new(), said.to_string())
}

/// Reads the fields of a form or an address.
fn fields(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|it| it.map_or('0', char::from));
                let digits = String::from_iter(digits);
                u8::from_str_radix(&digits, 16).unwrap_or(b'?')
            }
            plain => plain,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
