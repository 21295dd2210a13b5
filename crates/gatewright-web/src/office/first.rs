//! The first admin, made once by whoever sees the console.

use askama::Template;
use axum::http::StatusCode;
use gatewright_store::Proof;

use super::access::{Call, Role};
use super::answer::{Answer, go_to, page as show};
use super::frame::{Frame, tell};
use super::passwords::{PASSWORD_CHARS, hash};
use super::sign_in::{CHANGED, begin, is_name};
use super::{Served, held, is_same};

/// Wrong codes after which no code is taken any more.
const TRIES: u32 = 5;

/// The code that the console printed, until it was used, or guessed at too often.
pub(super) struct FirstCode {
    code: Option<String>,
    wrong: u32,
}

impl FirstCode {
    pub(super) fn new(code: Option<String>) -> Self {
        // An empty code would let anybody in.
        let code = code.filter(|code| !code.trim().is_empty());
        Self { code, wrong: 0 }
    }

    fn is_right(&mut self, typed: &str) -> bool {
        let right = self
            .code
            .as_deref()
            .is_some_and(|code| is_same(code.trim(), typed));
        if !right {
            self.wrong += 1;
            if self.wrong >= TRIES {
                self.code = None;
            }
        }
        right
    }
}

#[derive(Template)]
#[template(path = "office/first.html")]
struct First {
    frame: Frame,
    said: String,
    name: String,
}

const LOCKED: &str = "No code is taken now. Start the server again: its console prints a new one.";

fn form(served: &Served, status: StatusCode, said: &str, name: String) -> Answer {
    let frame = Frame::bare(served, "First admin");
    let said = said.to_owned();
    show(status, &First { frame, said, name })
}

/// GET /first.
pub(super) fn page(served: &Served, _: &Call) -> Answer {
    if !served.accounts().people()?.is_empty() {
        return Ok(go_to("/login"));
    }
    if held(&served.first).code.is_none() {
        return tell(served, StatusCode::FORBIDDEN, "First admin", LOCKED);
    }
    form(served, StatusCode::OK, "", String::new())
}

/// POST /first.
pub(super) fn make(served: &Served, call: &Call) -> Answer {
    // Held to the end: of two that have the code, one makes the admin.
    let mut first = held(&served.first);
    let typed = call.form.text("name");
    if !served.accounts().people()?.is_empty() {
        let said = "There is an admin already. Log in, or ask whoever that is for an account.";
        return tell(served, StatusCode::FORBIDDEN, "First admin", said);
    }
    if first.code.is_none() {
        return tell(served, StatusCode::FORBIDDEN, "First admin", LOCKED);
    }
    if !first.is_right(call.form.get("code").trim()) {
        if first.code.is_none() {
            return tell(served, StatusCode::FORBIDDEN, "First admin", LOCKED);
        }
        let said = "That is not the code that the console printed.";
        return form(served, StatusCode::FORBIDDEN, said, typed);
    }
    let (name, password) = (typed.to_ascii_lowercase(), call.form.get("password"));
    if let Err(said) = may_be(&name, password) {
        return form(served, StatusCode::BAD_REQUEST, said, typed);
    }
    let hash = hash(password, &*served.office)?;
    let role = Role::Admin.word();
    let own = (hash.as_str(), false);
    if !served.accounts().add(&name, role, own, &call.now)? {
        let said = "Somebody else has made this account just now. Log in, or choose another name.";
        return form(served, StatusCode::CONFLICT, said, typed);
    }
    first.code = None;
    let who = (&*name, Proof::Password { hash: &hash });
    match begin(served, call, who, "became the first admin and logged in")? {
        Some(response) => Ok(response),
        None => tell(served, StatusCode::CONFLICT, "First admin", CHANGED),
    }
}

/// What a name is.
pub(super) const NAMES: &str = "A name has 2 to 40 characters: letters a to z, digits, dots, hyphens and underscores, a letter first.";

/// Says whether somebody may have this name and this password.
///
/// # Errors
/// Why not.
pub(super) fn may_be(name: &str, password: &str) -> Result<(), &'static str> {
    if !is_name(name) {
        return Err(NAMES);
    }
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return Err("A password has 12 to 200 characters.");
    }
    Ok(())
}
