//! Suite: which examples there are, and which are set aside. Setting one aside leaves as a patch.

use askama::Template;
use axum::http::StatusCode;

use super::Served;
use super::access::{Role, Visit};
use super::answer::{Answer, page, patch};
use super::frame::Frame;
use super::project::{AsideWish, NotDone, Suite};
use super::releases::{refuse, told};

#[derive(Template)]
#[template(path = "office/suite.html")]
struct Page {
    frame: Frame,
    suite: Suite,
    may_change: bool,
    refused: String,
    typed: AsideWish,
}

/// GET /suite.
pub(super) fn suite(served: &Served, visit: &Visit) -> Answer {
    show(served, visit, None, AsideWish::default())
}

fn show(served: &Served, visit: &Visit, refused: Option<&NotDone>, typed: AsideWish) -> Answer {
    let suite = match served.project.suite()? {
        Ok(suite) => suite,
        Err(not_done) => return refuse(served, visit, &not_done),
    };
    let refused = refused.map(told);
    let status = refused
        .as_ref()
        .map_or(StatusCode::OK, |(status, _)| *status);
    let shown = Page {
        frame: Frame::of(served, &visit.who, "Suite", "/suite"),
        suite,
        may_change: visit.who.role >= Role::Owner,
        refused: refused.map(|(_, said)| said).unwrap_or_default(),
        typed,
    };
    page(status, &shown)
}

/// POST /suite.
pub(super) fn set_aside(served: &Served, visit: &Visit) -> Answer {
    let form = &visit.call.form;
    let wish = AsideWish {
        id: form.text("id"),
        state: form.text("state"),
        reason: form.text("reason"),
        account: visit.who.person.clone(),
    };
    match served.project.suite_patch(&wish)? {
        Ok(made) => {
            let what = format!("took the patch {}", made.name);
            served.note(&visit.call.now, &visit.who.person, &what)?;
            patch(&made)
        }
        Err(not_done) => show(served, visit, Some(&not_done), wish),
    }
}

/// A share as people read it.
fn percent(share: &f64) -> String {
    format!("{:.0} %", share * 100.0)
}
