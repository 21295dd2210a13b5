//! Logging in by an identity provider: OpenID Connect, authorization code with PKCE, state and nonce.
//!
//! The provider says who somebody is, and nothing else: nobody is let in whom an admin has not linked to an account, and the role is the account's.

mod begun;
mod provider;

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderValue, StatusCode, header};
use gatewright_core::digest::Digest;
use gatewright_core::report::untrusted;
use gatewright_store::{Known, Link, Person, Proof};
use url::Url;

use super::access::Call;
use super::answer::{Answer, go_on};
use super::form::Form;
use super::frame::tell;
use super::sign_in::{CHANGED, cookie, from, session, wait};
use super::{Served, held, is_same};
use begun::{Begun, BegunLogins};
use provider::{Provider, Unvouched, Vouched};

/// Where a login by the provider begins, and where its browser comes back to.
pub(super) const BEGIN: &str = "/login/oidc";
pub(super) const DONE: &str = "/login/oidc/done";
/// Most characters of what others said that are shown or kept.
const SAID_CHARS: usize = 200;

/// A request to the identity provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errand {
    /// GET or POST.
    pub method: String,
    /// The address.
    pub address: String,
    /// Headers; the secret may be among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Carries requests to the identity provider. Each call may wait, some seconds at most.
pub trait Fetch: Send + Sync + 'static {
    /// Sends a request once, and follows no redirect.
    ///
    /// # Errors
    /// Why nothing came back, for people, without secrets.
    fn fetch(&self, errand: &Errand) -> Result<Returned, String>;
}

/// The address of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    url: Url,
    /// As it was typed: it has to be what the provider says of itself, to the letter.
    text: String,
}

impl Issuer {
    /// Reads the address: https, or http on this machine.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "it is no address")?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let text = text.to_owned();
        match url.scheme() {
            _ if url.host_str().is_none() => Err("it has no host"),
            _ if !is_bare => Err("it has more than a host and a path"),
            "https" => Ok(Self { url, text }),
            "http" if provider::is_here(&url) => Ok(Self { url, text }),
            _ => Err(
                "it does not begin with https://: whoever is on the way could log in as anybody",
            ),
        }
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// An identity provider by which people may log in.
pub struct Oidc {
    issuer: Issuer,
    provider: Provider,
    begun: Mutex<BegunLogins>,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oidc({})", self.issuer.text)
    }
}

impl Oidc {
    /// Prepares logging in; nothing is asked yet.
    pub fn new(
        issuer: Issuer,
        client_id: String,
        client_secret: Option<String>,
        fetch: Arc<dyn Fetch>,
    ) -> Self {
        let provider = Provider::new(issuer.clone(), client_id, client_secret, fetch);
        Self {
            issuer,
            provider,
            begun: Mutex::default(),
        }
    }

    /// The host, with its port where that is not the scheme's own; for showing.
    pub(super) fn host(&self) -> String {
        let host = self.issuer.url.host_str().unwrap_or_default();
        let port = self.issuer.url.port();
        port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The issuer as links have it.
    pub(super) fn name(&self) -> &str {
        self.issuer.text.trim_end_matches('/')
    }

    /// Reads what an admin wrote down: an address of e-mail, or the provider's `sub` for somebody; `sub:` before it says that it is the latter.
    ///
    /// # Errors
    /// Why it can be neither.
    pub(super) fn link(&self, typed: &str) -> Result<Link, &'static str> {
        let (kind, known_as) = match typed.strip_prefix("sub:") {
            Some(sub) => (Known::Sub, sub.to_owned()),
            None if typed.contains('@') => (Known::Email, typed.to_ascii_lowercase()),
            None => (Known::Sub, typed.to_owned()),
        };
        if !(1..=255).contains(&known_as.len()) || !known_as.bytes().all(|it| it.is_ascii_graphic())
        {
            return Err(
                "The provider's name for somebody has 1 to 255 plain characters and no spaces: an address of e-mail, or what the provider calls `sub`.",
            );
        }
        let is_address = |it: &str| {
            let parts: Vec<&str> = it.split('@').collect();
            matches!(parts.as_slice(), [before, after] if !before.is_empty() && !after.is_empty())
        };
        if kind == Known::Email && !is_address(&known_as) {
            return Err(
                "That is no address of e-mail. If the provider calls somebody so, write `sub:` before it.",
            );
        }
        Ok(Link {
            issuer: self.name().to_owned(),
            kind,
            known_as,
            sub: None,
        })
    }
}

/// What others said, on one line, not too long.
fn said(text: &str) -> String {
    untrusted::line(text, SAID_CHARS)
}

const NO_PROVIDER: &str = "This server has no identity provider: log in with your password.";
const AGAIN: &str = "This login was not begun in this browser, or too long ago. Log in again.";

fn refuse(served: &Served, status: StatusCode, said: &str) -> Answer {
    tell(served, status, "Not logged in", said)
}

/// Says that the provider cannot be asked, to the person and, once for each time that it was tried, to the audit.
fn down(served: &Served, call: &Call, oidc: &Oidc, why: &Unvouched) -> Answer {
    let host = oidc.host();
    if let Unvouched::Unreached { why, new: true } = why {
        served.note(
            &call.now,
            "-",
            &format!("{host} cannot be asked: {}", self::said(why)),
        )?;
    }
    let said = format!(
        "{host} cannot be asked now. Try again in a minute, or log in with a password; whoever is admin finds the reason in the audit."
    );
    refuse(served, StatusCode::BAD_GATEWAY, &said)
}

/// GET /login/oidc: remembers what is asked, and sends the browser to the provider.
pub(super) fn begin(served: &Served, call: &Call) -> Answer {
    let Some(oidc) = &served.oidc else {
        return tell(served, StatusCode::OK, "Log in", NO_PROVIDER);
    };
    let begun = Begun {
        state: served.token()?,
        nonce: served.token()?,
        verifier: served.token()?,
        origin: call.origin.clone(),
        session: call.token,
        at: call.second,
        client: call.client,
    };
    let place = match oidc.provider.place(&begun, call.second) {
        Ok(place) => place,
        Err(why) => return down(served, call, oidc, &why),
    };
    let token = served.token()?;
    let key = *Digest::of(token.as_bytes()).bytes();
    held(&oidc.begun).begin(key, begun);
    let mut response = go_on(place.as_str())?;
    // Lax, or the browser would not bring it when the provider sends it back here.
    let cookie = cookie(served, (&served.begun_cookie, &token), "Lax", begun::LASTS)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// GET /login/oidc/done: what the provider sent the browser back with.
pub(super) fn done(served: &Served, call: &Call) -> Answer {
    let Some(oidc) = &served.oidc else {
        return tell(served, StatusCode::OK, "Log in", NO_PROVIDER);
    };
    // Taken whatever comes of it: no answer is looked at twice.
    let taken = call
        .begun
        .and_then(|key| held(&oidc.begun).take(&key, call.second));
    let Some(begun) = taken.filter(|begun| is_same(&begun.state, call.query.get("state"))) else {
        return refuse(served, StatusCode::BAD_REQUEST, AGAIN);
    };
    let patience = call
        .client
        .map_or_else(|| "?".to_owned(), |ip| format!("?{ip}"));
    if let Err(seconds) = held(&served.patience).try_now(&patience, call.client, call.second) {
        let mut response = refuse(
            served,
            StatusCode::TOO_MANY_REQUESTS,
            &wait("logins that were refused", seconds),
        )?;
        let seconds = HeaderValue::from(seconds.unsigned_abs());
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        return Ok(response);
    }
    let vouched = match code(&call.query, oidc) {
        Ok(code) => oidc.provider.vouch(code, &begun, call.second),
        Err(why) => Err(why),
    };
    let vouched = match vouched {
        Ok(vouched) => vouched,
        Err(why @ Unvouched::Unreached { new, .. }) => {
            // Nobody's fault who waits for it; but each try for which it was asked is one that counts.
            if !new {
                held(&served.patience).was_right(&patience, call.client);
            }
            return down(served, call, oidc, &why);
        }
        Err(Unvouched::Refused(why)) => return unvouched(served, call, oidc, &why),
    };
    let email = vouched.email.as_deref().filter(|_| vouched.verified);
    let person = served.accounts().bind(oidc.name(), &vouched.sub, email)?;
    match person.filter(|person| !person.disabled) {
        Some(person) => {
            held(&served.patience).was_right(&patience, call.client);
            welcome(served, call, oidc, (&person, begun.session), &vouched)
        }
        None => unknown(served, call, oidc, &vouched),
    }
}

/// The code in what the browser brought; or why there is none.
fn code<'q>(query: &'q Form, oidc: &Oidc) -> Result<&'q str, Unvouched> {
    let issuer = query.get("iss").trim_end_matches('/');
    if !issuer.is_empty() && issuer != oidc.name() {
        return Err(Unvouched::Refused(format!(
            "the answer is of another issuer, {issuer}"
        )));
    }
    match (query.get("error"), query.get("code")) {
        ("", "") => Err(Unvouched::Refused("it sent no code".to_owned())),
        ("", code) => Ok(code),
        (error, _) => Err(Unvouched::Refused(format!("it says {error}"))),
    }
}

/// The provider did not say who this is, or not so that it can be believed.
fn unvouched(served: &Served, call: &Call, oidc: &Oidc, why: &str) -> Answer {
    let (host, why) = (oidc.host(), said(why));
    let what = format!("{host}: login refused: {why}{}", from(call.client));
    served.note(&call.now, "-", &what)?;
    let said = format!("{host} did not say who you are, or not so that it can be believed: {why}.");
    refuse(served, StatusCode::FORBIDDEN, &said)
}

/// The provider says who this is, and nobody here is linked to that. Whether there is such an account, or one that is shut out, is not said.
fn unknown(served: &Served, call: &Call, oidc: &Oidc, vouched: &Vouched) -> Answer {
    let host = oidc.host();
    let (sub, email) = (said(&vouched.sub), vouched.email.as_deref().map(said));
    let named = match (&email, vouched.verified) {
        (None, _) => format!("`sub` {sub}"),
        (Some(email), true) => format!("{email}, `sub` {sub}"),
        (Some(email), false) => format!("{email}, which it does not vouch for, `sub` {sub}"),
    };
    let what = format!(
        "{host}: login refused: no account for {named}{}",
        from(call.client)
    );
    served.note(&call.now, "-", &what)?;
    let said = format!(
        "{host} knows you as {named}. No account that may log in is linked to that: ask whoever is admin."
    );
    refuse(served, StatusCode::FORBIDDEN, &said)
}

/// Begins the session. The page goes Home by itself: a redirect would still count as the provider's, and the browser would keep the session's
/// cookie back.
fn welcome(
    served: &Served,
    call: &Call,
    oidc: &Oidc,
    (person, old): (&Person, Option<[u8; 32]>),
    vouched: &Vouched,
) -> Answer {
    let by_address = person.link.as_ref().is_some_and(|link| {
        link.kind == Known::Email && vouched.email.as_deref() == Some(link.known_as.as_str())
    });
    let by = match by_address {
        true => format!(", {}", said(vouched.email.as_deref().unwrap_or_default())),
        false => String::new(),
    };
    let what = format!(
        "logged in by {}, `sub` {}{by}",
        oidc.host(),
        said(&vouched.sub)
    );
    let proof = Proof::Provider {
        issuer: oidc.name(),
        sub: &vouched.sub,
    };
    let who = (&*person.name, proof);
    let Some(began) = session(served, call, old.as_ref(), who, &what)? else {
        return refuse(served, StatusCode::CONFLICT, CHANGED);
    };
    let mut response = tell(
        served,
        StatusCode::OK,
        "Logged in",
        "One moment: Home follows.",
    )?;
    let over = cookie(served, (&served.begun_cookie, ""), "Lax", 0)?;
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, began);
    headers.append(header::SET_COOKIE, over);
    headers.insert(header::REFRESH, HeaderValue::from_static("0; url=/"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Fetch for Nobody {
        fn fetch(&self, _: &Errand) -> Result<Returned, String> {
            Err("nobody is there".to_owned())
        }
    }

    #[test]
    fn a22_an_issuer_is_https_or_on_this_machine() {
        for good in [
            "https://id.example.com/realms/a",
            "http://127.0.0.1:8080",
            "http://localhost:9/x",
            "http://[::1]:9",
        ] {
            assert!(Issuer::parse(good).is_ok(), "{good}");
        }
        for wrong in [
            "id.example.com",
            "http://id.example.com",
            "http://10.0.0.5",
            "https://a:b@id.example",
            "https://id.example/?x",
            "ftp://localhost",
            "http://localhost.evil.example",
        ] {
            assert!(Issuer::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_an_admin_writes_down_is_an_address_or_a_sub() {
        let issuer = Issuer::parse("https://id.example/").expect("one");
        let oidc = Oidc::new(issuer, "c".to_owned(), None, Arc::new(Nobody));
        let read = |typed: &str| {
            let link = oidc.link(typed);
            link.map(|link| (link.kind, link.known_as, link.issuer))
        };
        let at = "https://id.example".to_owned();
        let is = |kind, name: &str| Ok((kind, name.to_owned(), at.clone()));
        assert_eq!(read("Ana@Example.com"), is(Known::Email, "ana@example.com"));
        assert_eq!(read("auth0|5f"), is(Known::Sub, "auth0|5f"));
        assert_eq!(
            read("sub:Ana@Example.com"),
            is(Known::Sub, "Ana@Example.com")
        );
        for wrong in [
            "",
            "sub:",
            "@",
            "a@",
            "a@b@c",
            "a b@c",
            "añа@c",
            &"x".repeat(256),
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
