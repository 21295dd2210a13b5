//! Accounts: who may log in, and as what.

use askama::Template;
use axum::http::StatusCode;
use gatewright_store::{Changed, Person};

use super::Served;
use super::access::{Role, Visit};
use super::answer::{Answer, Failure, go_to, page};
use super::first::may_be;
use super::frame::Frame;
use super::passwords::hash;

#[derive(Default)]
struct Typed {
    name: String,
    role: String,
}

#[derive(Template)]
#[template(path = "office/accounts.html")]
struct List {
    frame: Frame,
    refused: &'static str,
    people: Vec<Person>,
    roles: [&'static str; 5],
    typed: Typed,
}

/// GET /accounts.
pub(super) fn list(served: &Served, visit: &Visit) -> Answer {
    show(served, visit, StatusCode::OK, "", Typed::default())
}

fn show(
    served: &Served,
    visit: &Visit,
    status: StatusCode,
    refused: &'static str,
    typed: Typed,
) -> Answer {
    let list = List {
        frame: Frame::of(served, &visit.who, "Accounts", "/accounts"),
        refused,
        people: served.accounts().people()?,
        roles: Role::ALL.map(Role::word),
        typed,
    };
    page(status, &list)
}

/// Why a change is not made.
type Refused = (StatusCode, &'static str);

const NO_ROLE: Refused = (StatusCode::BAD_REQUEST, "There is no such role.");
const NO_PERSON: Refused = (StatusCode::NOT_FOUND, "There is no such person.");
const TAKEN: Refused = (
    StatusCode::CONFLICT,
    "Somebody has this name, or had it: choose another.",
);
const LAST_ADMIN: Refused = (
    StatusCode::CONFLICT,
    "This is the last admin: make somebody else admin first.",
);
const NO_ACTION: Refused = (StatusCode::BAD_REQUEST, "The form does not say what to do.");

/// POST /accounts.
pub(super) fn change(served: &Served, visit: &Visit) -> Answer {
    let form = &visit.call.form;
    let name = form.text("name").to_ascii_lowercase();
    let role = Role::parse(form.get("role")).ok_or(NO_ROLE);
    let action = form.get("action");
    let changed = match action {
        "add" => match role {
            Ok(role) => add(served, visit, &name, role)?,
            Err(refused) => Err(refused),
        },
        "role" => match role {
            Ok(role) => changed(
                served.accounts().set_role(&name, role.word(), KEPT)?,
                format!("is {} now", role.word()),
            ),
            Err(refused) => Err(refused),
        },
        "disable" => changed(
            served.accounts().disable(&name, KEPT)?,
            "shut out".to_owned(),
        ),
        "enable" => found(served.accounts().enable(&name)?, "let in again".to_owned()),
        "password" => reset(served, visit, &name)?,
        _ => Err(NO_ACTION),
    };
    match changed {
        Ok(what) => {
            served.note(
                &visit.call.now,
                &visit.who.person,
                &format!("{name}: {what}"),
            )?;
            Ok(go_to("/accounts"))
        }
        Err((status, said)) => {
            let typed = match action {
                "add" => Typed {
                    name,
                    role: form.get("role").to_owned(),
                },
                _ => Typed::default(),
            };
            show(served, visit, status, said, typed)
        }
    }
}

/// Somebody must be able to say who may log in.
const KEPT: &str = Role::Admin.word();

/// What was done, or why not.
type Change = Result<String, Refused>;

fn found(found: bool, what: String) -> Change {
    if found { Ok(what) } else { Err(NO_PERSON) }
}

fn add(served: &Served, visit: &Visit, name: &str, role: Role) -> Result<Change, Failure> {
    let password = visit.call.form.get("password");
    if let Err(said) = may_be(name, password) {
        return Ok(Err((StatusCode::BAD_REQUEST, said)));
    }
    let hash = hash(password, &*served.office)?;
    let now = &visit.call.now;
    let theirs = (hash.as_str(), true);
    Ok(
        match served.accounts().add(name, role.word(), theirs, now)? {
            true => Ok(format!("added as {}", role.word())),
            false => Err(TAKEN),
        },
    )
}

/// Gives somebody who has lost a password another, which has to be changed at the next login.
fn reset(served: &Served, visit: &Visit, name: &str) -> Result<Change, Failure> {
    let password = visit.call.form.get("password");
    if let Err(said) = may_be(name, password) {
        return Ok(Err((StatusCode::BAD_REQUEST, said)));
    }
    let hash = hash(password, &*served.office)?;
    let done = served.accounts().set_password(name, &hash, true)?;
    Ok(found(done, "was given another password".to_owned()))
}

fn changed(changed: Changed, what: String) -> Change {
    match changed {
        Changed::Done => Ok(what),
        Changed::NoPerson => Err(NO_PERSON),
        Changed::Last => Err(LAST_ADMIN),
    }
}
