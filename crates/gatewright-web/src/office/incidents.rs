//! Incidents: what happened in production, and what each still asks of the gate. What is added or covered here leaves as a patch.

use askama::Template;
use axum::http::StatusCode;

use super::Served;
use super::access::{Role, Visit};
use super::answer::{Answer, page, patch};
use super::frame::Frame;
use super::project::{IncidentWish, Incidents, NotDone};
use super::releases::{refuse, told};

#[derive(Template)]
#[template(path = "office/incidents.html")]
struct List {
    frame: Frame,
    incidents: Incidents,
    open: usize,
    may_change: bool,
    refused: String,
    /// What was typed: id, date, class, segment, what, example.
    typed: [String; 6],
}

/// GET /incidents.
pub(super) fn list(served: &Served, visit: &Visit) -> Answer {
    show(served, visit, None, Default::default())
}

fn show(served: &Served, visit: &Visit, refused: Option<&NotDone>, typed: [String; 6]) -> Answer {
    let incidents = match served.project.incidents()? {
        Ok(incidents) => incidents,
        Err(not_done) => return refuse(served, visit, &not_done),
    };
    let refused = refused.map(told);
    let status = refused
        .as_ref()
        .map_or(StatusCode::OK, |(status, _)| *status);
    let list = List {
        frame: Frame::of(served, &visit.who, "Incidents", "/incidents"),
        open: incidents.lines.iter().filter(|line| line.open).count(),
        incidents,
        may_change: visit.who.role >= Role::Owner,
        refused: refused.map(|(_, said)| said).unwrap_or_default(),
        typed,
    };
    page(status, &list)
}

/// POST /incidents.
pub(super) fn change(served: &Served, visit: &Visit) -> Answer {
    let form = &visit.call.form;
    let fields = ["id", "date", "class", "segment", "what", "example"];
    let typed = fields.map(|name| form.text(name));
    let [id, date, class, segment, what, example] = typed.clone();
    let wish = match form.get("action") {
        "cover" => IncidentWish::Cover {
            id,
            example,
            close: !form.get("close").is_empty(),
        },
        _ => IncidentWish::Add {
            id,
            date,
            class,
            segment,
            what,
            example,
        },
    };
    match served.project.incident_patch(&wish)? {
        Ok(made) => {
            let what = format!("took the patch {}", made.name);
            served.note(&visit.call.now, &visit.who.person, &what)?;
            patch(&made)
        }
        Err(not_done) => show(served, visit, Some(&not_done), typed),
    }
}
