//! What every page has around it, and the pages that are the same for everybody.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::access::{Call, Role, Visit, Visitor};
use super::answer::{Answer, page};
use super::{Served, own};

/// The style of the reports, and what forms need beside it.
const STYLE: &str = concat!(
    include_str!("../../templates/style.css"),
    include_str!("../../templates/office/office.css")
);
const SCRIPT: &str = include_str!("../../templates/office/review.js");

/// A place of the navigation.
pub(super) struct Tab {
    pub(super) path: &'static str,
    pub(super) text: &'static str,
    pub(super) here: bool,
}

/// What is around a page.
pub(super) struct Frame {
    pub(super) product: String,
    pub(super) title: String,
    /// Who is logged in; empty for nobody.
    pub(super) person: String,
    pub(super) role: &'static str,
    pub(super) csrf: String,
    pub(super) tabs: Vec<Tab>,
    /// The page has the script of the keys.
    pub(super) script: bool,
}

impl Frame {
    /// Around a page for somebody who is logged in; `here` is the page's path.
    pub(super) fn of(served: &Served, who: &Visitor, title: &str, here: &str) -> Self {
        let all = [
            ("/", "Home", Role::Viewer),
            ("/review", "Review", Role::Reviewer),
            ("/settle", "Disagreements", Role::Owner),
            ("/people-who-label", "Reviewers", Role::Owner),
            ("/releases", "Releases", Role::Viewer),
            ("/failures", "Failures", Role::Viewer),
            ("/incidents", "Incidents", Role::Viewer),
            ("/suite", "Suite", Role::Viewer),
            ("/accounts", "Accounts", Role::Admin),
            ("/keys", "Keys", Role::Viewer),
            (own::PATH, "Your password", Role::Viewer),
        ];
        let may = all.into_iter().filter(|(_, _, role)| who.role >= *role);
        let tab = |(path, text, _): (&'static str, _, _)| Tab {
            path,
            text,
            here: path == here,
        };
        Self {
            product: served.office.product(),
            title: title.to_owned(),
            person: who.person.clone(),
            role: who.role.word(),
            csrf: who.csrf.clone(),
            tabs: may.map(tab).collect(),
            script: false,
        }
    }

    /// Around a page for anybody.
    pub(super) fn bare(served: &Served, title: &str) -> Self {
        Self {
            product: served.office.product(),
            title: title.to_owned(),
            person: String::new(),
            role: "",
            csrf: String::new(),
            tabs: Vec::new(),
            script: false,
        }
    }
}

#[derive(Template)]
#[template(path = "office/message.html")]
struct Message {
    frame: Frame,
    said: String,
}

/// Says to somebody who is logged in why something was not done.
pub(super) fn refuse(served: &Served, who: &Visitor, status: StatusCode, said: &str) -> Answer {
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        _ => "Not done",
    };
    let frame = Frame::of(served, who, title, "");
    let said = said.to_owned();
    page(status, &Message { frame, said })
}

/// Says something to anybody.
pub(super) fn tell(served: &Served, status: StatusCode, title: &str, said: &str) -> Answer {
    let frame = Frame::bare(served, title);
    let said = said.to_owned();
    page(status, &Message { frame, said })
}

#[derive(Template)]
#[template(path = "office/keys.html")]
struct Keys {
    frame: Frame,
}

/// GET /keys: what the keys do.
pub(super) fn keys(served: &Served, visit: &Visit) -> Answer {
    let frame = Frame::of(served, &visit.who, "Keys", "/keys");
    page(StatusCode::OK, &Keys { frame })
}

/// GET /style.css.
pub(super) fn style(_: &Served, _: &Call) -> Answer {
    Ok(file("text/css; charset=utf-8", STYLE))
}

/// GET /review.js.
pub(super) fn script(_: &Served, _: &Call) -> Answer {
    Ok(file("text/javascript; charset=utf-8", SCRIPT))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        text,
    )
        .into_response()
}
