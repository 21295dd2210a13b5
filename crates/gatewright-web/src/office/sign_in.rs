//! Logging in and out.

use std::net::IpAddr;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use gatewright_store::Proof;

use super::access::{Call, Visit};
use super::answer::{Answer, Failure, go_to, page as show};
use super::frame::Frame;
use super::oidc::Oidc;
use super::{Served, held};
use gatewright_core::digest::Digest;

/// A session ends after so long, in seconds.
const SESSION: i64 = 12 * 3600;
/// Length of a name.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=40;

/// Says whether a name may be a person's: ASCII alone, which leaves few letters that look like others, and a letter first.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |one: u8| matches!(one, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    begins && NAME_CHARS.contains(&name.len()) && name.bytes().all(fits)
}

#[derive(Template)]
#[template(path = "office/login.html")]
struct Login {
    frame: Frame,
    said: String,
    name: String,
    nobody_yet: bool,
    /// The host of the identity provider; empty without one.
    provider: String,
}

fn form(served: &Served, status: StatusCode, said: String, name: String) -> Answer {
    let nobody_yet = served.accounts().people()?.is_empty();
    let frame = Frame::bare(served, "Log in");
    let login = Login {
        frame,
        said,
        name,
        nobody_yet,
        provider: served.oidc.as_ref().map_or_else(String::new, Oidc::host),
    };
    show(status, &login)
}

/// Says how long to wait after so many of something: wrong passwords.
pub(super) fn wait(of_what: &str, seconds: i64) -> String {
    let s = if seconds == 1 { "" } else { "s" };
    format!("Too many {of_what}. Wait {seconds} second{s}, then try again.")
}

/// GET /login.
pub(super) fn page(served: &Served, _: &Call) -> Answer {
    form(served, StatusCode::OK, String::new(), String::new())
}

/// POST /login. A name that nobody has costs the time of a wrong password, and gets its answer.
pub(super) fn log_in(served: &Served, call: &Call) -> Answer {
    let typed = call.form.text("name");
    let name = typed.to_ascii_lowercase();
    // What is no name is nobody's, and all of it counts as one.
    let known = if is_name(&name) { name.as_str() } else { "-" };
    if let Err(wait) = held(&served.patience).try_now(known, call.client, call.second) {
        let mut response = form(
            served,
            StatusCode::TOO_MANY_REQUESTS,
            self::wait("wrong passwords", wait),
            typed,
        )?;
        let seconds = HeaderValue::from(wait.unsigned_abs());
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        return Ok(response);
    }
    let person = served.accounts().find(known)?;
    let person = person.filter(|person| !person.disabled && person.has_password());
    let hash = person.as_ref().map(|person| person.hash.as_str());
    if !served.passwords.is_right(call.form.get("password"), hash) {
        let from = from(call.client);
        served.note(&call.now, known, &format!("gave a wrong password{from}"))?;
        let said =
            "That name and password do not belong together. Check both, or ask whoever is admin.";
        return form(served, StatusCode::FORBIDDEN, said.to_owned(), typed);
    }
    held(&served.patience).was_right(known, call.client);
    let hash = hash.unwrap_or_default();
    match begin(served, call, (known, Proof::Password { hash }), "logged in")? {
        Some(response) => Ok(response),
        None => form(served, StatusCode::CONFLICT, CHANGED.to_owned(), typed),
    }
}

/// Names a client that is not this machine, for the audit.
pub(super) fn from(client: Option<IpAddr>) -> String {
    client.map_or_else(String::new, |ip| format!(", from {ip}"))
}

/// What whoever logs in is told when the account has changed in the same moment.
pub(super) const CHANGED: &str =
    "This account was changed while you logged in. Log in again, with what it has now.";

/// Begins a session with a token that nobody had before, ends the one that the browser had, and goes Home; nothing where what was shown does not
/// hold any more.
pub(super) fn begin(
    served: &Served,
    call: &Call,
    who: (&str, Proof<'_>),
    what: &str,
) -> Result<Option<Response>, Failure> {
    let cookie = session(served, call, call.token.as_ref(), who, what)?;
    Ok(cookie.map(|cookie| {
        let mut response = go_to("/");
        response.headers_mut().append(header::SET_COOKIE, cookie);
        response
    }))
}

/// Begins a session and ends the old one; returns the new one's cookie, or nothing as [`begin`] does.
pub(super) fn session(
    served: &Served,
    call: &Call,
    old: Option<&[u8; 32]>,
    (name, proof): (&str, Proof<'_>),
    what: &str,
) -> Result<Option<HeaderValue>, Failure> {
    let (token, csrf) = (served.token()?, served.token()?);
    let hash = Digest::of(token.as_bytes());
    {
        let accounts = served.accounts();
        if let Some(old) = old {
            accounts.end_session(old)?;
        }
        let ends = call.second + SESSION;
        let who = (name, proof);
        if !accounts.start_session(hash.bytes(), who, &csrf, call.second, ends)? {
            return Ok(None);
        }
        accounts.note(&call.now, name, what)?;
    }
    cookie(served, (&served.cookie, &token), "Strict", SESSION).map(Some)
}

/// A cookie for this server alone, which no script reads and, where people come by https, nothing else carries.
pub(super) fn cookie(
    served: &Served,
    (name, value): (&str, &str),
    same_site: &str,
    seconds: i64,
) -> Result<HeaderValue, Failure> {
    let secure = if served.names.is_secure() {
        "; Secure"
    } else {
        ""
    };
    let line = format!(
        "{name}={value}; HttpOnly; SameSite={same_site}; Path=/; Max-Age={seconds}{secure}"
    );
    HeaderValue::from_str(&line)
        .map_err(|why| Failure::from(format!("the cookie could not be written: {why}")))
}

/// POST /logout.
pub(super) fn log_out(served: &Served, visit: &Visit) -> Answer {
    if let Some(token) = &visit.call.token {
        served.accounts().end_session(token)?;
    }
    served.note(&visit.call.now, &visit.who.person, "logged out")?;
    let mut response = go_to("/login");
    let cookie = cookie(served, (&served.cookie, ""), "Strict", 0)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}
