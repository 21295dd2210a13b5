//! Failures: what fails, who repairs it, and what was repaired.
//!
//! Whoever is still to label an answer sees how many fail as what, and not which.

use askama::Template;
use axum::http::StatusCode;

use super::Served;
use super::access::{Role, Visit};
use super::answer::{Answer, go_to, page};
use super::frame::{self, Frame};
use super::project::{CauseWish, FailingOne, Failures, NotDone};
use super::releases::{blind, remember, told, waiting};

#[derive(Template)]
#[template(path = "office/failures.html")]
struct Board {
    frame: Frame,
    failures: Failures,
    /// Answers that wait for my label: then no example is named.
    waiting: usize,
}

/// GET /failures.
pub(super) fn board(served: &Served, visit: &Visit) -> Answer {
    let failures = match served.project.failures()? {
        Ok(failures) => failures,
        Err(not_done) => return refuse(served, visit, &not_done),
    };
    let board = Board {
        frame: Frame::of(served, &visit.who, "Failures", "/failures"),
        waiting: waiting(served, visit, &failures.examples)?,
        failures,
    };
    page(StatusCode::OK, &board)
}

fn refuse(served: &Served, visit: &Visit, not_done: &NotDone) -> Answer {
    let (status, said) = match not_done {
        NotDone::Missing => (StatusCode::NOT_FOUND, "No such example fails.".to_owned()),
        other => told(other),
    };
    frame::refuse(served, &visit.who, status, &said)
}

#[derive(Template)]
#[template(path = "office/failure.html")]
struct One {
    frame: Frame,
    one: FailingOne,
    may_set: bool,
    refused: String,
    typed: CauseWish,
}

fn number(path: &str) -> usize {
    let number = path.trim_start_matches("/failures/");
    number.parse().unwrap_or_default()
}

/// GET /failures/{n}.
pub(super) fn one(served: &Served, visit: &Visit) -> Answer {
    show(served, visit, None, CauseWish::default())
}

fn show(served: &Served, visit: &Visit, refused: Option<&NotDone>, typed: CauseWish) -> Answer {
    let one = match served.project.failure(number(&visit.call.path))? {
        Ok(one) => one,
        Err(not_done) => return refuse(served, visit, &not_done),
    };
    if let Some(refused) = blind(served, visit, &one.examples)? {
        return refused;
    }
    remember(served, visit, &one.line.example)?;
    let refused = refused.map(told);
    let status = refused
        .as_ref()
        .map_or(StatusCode::OK, |(status, _)| *status);
    let title = format!("{} · Failures", one.line.example);
    let shown = One {
        frame: Frame::of(served, &visit.who, &title, "/failures"),
        one,
        may_set: visit.who.role >= Role::Owner,
        refused: refused.map(|(_, said)| said).unwrap_or_default(),
        typed,
    };
    page(status, &shown)
}

/// POST /failures/{n}.
pub(super) fn set(served: &Served, visit: &Visit) -> Answer {
    let form = &visit.call.form;
    let wish = CauseWish {
        number: number(&visit.call.path),
        run: form.text("run"),
        example: form.get("example").to_owned(),
        criterion: form.text("criterion"),
        account: visit.who.person.clone(),
        cause: form.text("cause"),
        reason: form.text("reason"),
    };
    // Who is still to label answers sets no cause of one.
    match served.project.failure(wish.number)? {
        Ok(one) => {
            if let Some(refused) = blind(served, visit, &one.examples)? {
                return refused;
            }
        }
        Err(not_done) => return refuse(served, visit, &not_done),
    }
    match served.project.set_cause(&wish)? {
        Ok(()) => {
            let what = format!("{}: cause {}", wish.example, wish.cause);
            served.note(&visit.call.now, &visit.who.person, &what)?;
            Ok(go_to("/failures"))
        }
        Err(not_done) => show(served, visit, Some(&not_done), wish),
    }
}
