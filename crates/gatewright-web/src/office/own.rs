//! My own password.

use askama::Template;
use axum::http::StatusCode;
use gatewright_store::Proof;

use super::access::Visit;
use super::answer::{Answer, page as show};
use super::first::may_be;
use super::frame::Frame;
use super::passwords::hash;
use super::sign_in::{CHANGED, begin, from};
use super::{Served, held};

pub(super) const PATH: &str = "/password";

#[derive(Template)]
#[template(path = "office/password.html")]
struct Own {
    frame: Frame,
    refused: String,
    provisional: bool,
    has_password: bool,
}

/// GET /password.
pub(super) fn page(served: &Served, visit: &Visit) -> Answer {
    form(served, visit, StatusCode::OK, String::new())
}

fn form(served: &Served, visit: &Visit, status: StatusCode, refused: String) -> Answer {
    let person = served.accounts().find(&visit.who.person)?;
    let own = Own {
        has_password: person.is_none_or(|person| person.has_password()),
        frame: Frame::of(served, &visit.who, "Your password", PATH),
        refused,
        provisional: visit.who.provisional,
    };
    show(status, &own)
}

/// POST /password. Wrong ones count as they do at login: a browser that was left open does not help to guess it.
pub(super) fn change(served: &Served, visit: &Visit) -> Answer {
    let (call, me) = (&visit.call, visit.who.person.as_str());
    let (before, after) = (call.form.get("password"), call.form.get("new"));
    let refuse = |status, said: &str| form(served, visit, status, said.to_owned());
    if let Err(said) = may_be(me, after) {
        return refuse(StatusCode::BAD_REQUEST, said);
    }
    if after != call.form.get("again") {
        let said = "The new password is not the same both times.";
        return refuse(StatusCode::BAD_REQUEST, said);
    }
    if after == before {
        let said = "The new password is the one that you have.";
        return refuse(StatusCode::BAD_REQUEST, said);
    }
    if let Err(wait) = held(&served.patience).try_now(me, call.client, call.second) {
        let said = super::sign_in::wait("wrong passwords", wait);
        return form(served, visit, StatusCode::TOO_MANY_REQUESTS, said);
    }
    let person = served.accounts().find(me)?;
    let person = person.filter(gatewright_store::Person::has_password);
    let known = person.as_ref().map(|person| person.hash.as_str());
    if !served.passwords.is_right(before, known) {
        let from = from(call.client);
        served.note(&call.now, me, &format!("gave a wrong password{from}"))?;
        return refuse(StatusCode::FORBIDDEN, "That is not the password you have.");
    }
    held(&served.patience).was_right(me, call.client);
    let hash = hash(after, &*served.office)?;
    served.accounts().set_password(me, &hash, false)?;
    let who = (me, Proof::Password { hash: &hash });
    match begin(served, call, who, "changed the password")? {
        Some(response) => Ok(response),
        None => refuse(StatusCode::CONFLICT, CHANGED),
    }
}
