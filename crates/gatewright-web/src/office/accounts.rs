//! Accounts: who may log in, and as what.

use askama::Template;
use axum::http::StatusCode;
use gatewright_store::{Added, Changed, Link, NO_PASSWORD, Person, Unlinked};

use super::Served;
use super::access::{Role, Visit};
use super::answer::{Answer, Failure, go_to, page};
use super::first::{NAMES, may_be};
use super::frame::Frame;
use super::oidc::Oidc;
use super::passwords::hash;
use super::sign_in::is_name;

#[derive(Default)]
struct Typed {
    name: String,
    role: String,
    provider: String,
}

#[derive(Template)]
#[template(path = "office/accounts.html")]
struct List {
    frame: Frame,
    refused: &'static str,
    people: Vec<Person>,
    roles: [&'static str; 5],
    typed: Typed,
    /// The host of the identity provider; empty without one.
    provider: String,
}

impl List {
    /// What the page says of a link.
    fn link(link: &Link) -> String {
        let Link {
            issuer, known_as, ..
        } = link;
        match link.sub.as_deref() {
            None => format!("{known_as} at {issuer}, who has not logged in yet"),
            Some(sub) if sub == known_as => format!("{known_as} at {issuer}"),
            Some(sub) => format!("{sub} at {issuer}, at first as {known_as}"),
        }
    }
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
        provider: served.oidc.as_ref().map_or_else(String::new, Oidc::host),
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
const NO_PROVIDER: Refused = (
    StatusCode::BAD_REQUEST,
    "This server has no identity provider: start it with --oidc-issuer.",
);
const LINKED: Refused = (
    StatusCode::CONFLICT,
    "The provider's name is linked to another account.",
);
const HAS_LINK: Refused = (
    StatusCode::CONFLICT,
    "There is a link already: take it away first.",
);
const NO_LINK: Refused = (StatusCode::NOT_FOUND, "There is no such link.");
const ONLY_LINK: Refused = (
    StatusCode::CONFLICT,
    "There is no password: give one first, or nobody could log in to this account.",
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
        "link" => link(served, visit, &name)?,
        "unlink" => match served.accounts().unlink(&name)? {
            Unlinked::Done => Ok("unlinked from the identity provider".to_owned()),
            Unlinked::NoLink => Err(NO_LINK),
            Unlinked::NoPassword => Err(ONLY_LINK),
        },
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
                    provider: form.text("provider"),
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

/// The link that was typed; nothing where the field is empty.
fn typed_link(served: &Served, visit: &Visit) -> Result<Option<Link>, Refused> {
    let typed = visit.call.form.text("provider");
    match &served.oidc {
        _ if typed.is_empty() => Ok(None),
        None => Err(NO_PROVIDER),
        Some(oidc) => match oidc.link(&typed) {
            Ok(link) => Ok(Some(link)),
            Err(said) => Err((StatusCode::BAD_REQUEST, said)),
        },
    }
}

/// Adds somebody with a password, with a link, or with both.
fn add(served: &Served, visit: &Visit, name: &str, role: Role) -> Result<Change, Failure> {
    let (password, role) = (visit.call.form.get("password"), role.word());
    let link = match typed_link(served, visit) {
        Ok(link) => link,
        Err(refused) => return Ok(Err(refused)),
    };
    let without = link.is_some() && password.is_empty();
    let fits = match without {
        true => is_name(name).then_some(()).ok_or(NAMES),
        false => may_be(name, password),
    };
    if let Err(said) = fits {
        return Ok(Err((StatusCode::BAD_REQUEST, said)));
    }
    let hash = match without {
        true => NO_PASSWORD.to_owned(),
        false => hash(password, &*served.office)?,
    };
    let (now, theirs) = (&visit.call.now, (hash.as_str(), !without));
    let Some(link) = link else {
        return Ok(match served.accounts().add(name, role, theirs, now)? {
            true => Ok(format!("added as {role}")),
            false => Err(TAKEN),
        });
    };
    let added = served
        .accounts()
        .add_linked(name, role, theirs, &link, now)?;
    Ok(match added {
        Added::Done => Ok(format!("added as {role}, linked to {}", List::link(&link))),
        Added::LinkTaken => Err(LINKED),
        Added::NameTaken | Added::NoPerson => Err(TAKEN),
    })
}

/// Lets somebody log in by the identity provider as well.
fn link(served: &Served, visit: &Visit, name: &str) -> Result<Change, Failure> {
    let link = match typed_link(served, visit) {
        Ok(Some(link)) => link,
        Ok(None) => {
            return Ok(Err((
                StatusCode::BAD_REQUEST,
                "Say whom the provider knows.",
            )));
        }
        Err(refused) => return Ok(Err(refused)),
    };
    Ok(match served.accounts().link(name, &link)? {
        Added::Done => Ok(format!("linked to {}", List::link(&link))),
        Added::LinkTaken => Err(LINKED),
        Added::NameTaken => Err(HAS_LINK),
        Added::NoPerson => Err(NO_PERSON),
    })
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
