//! Releases: what was decided, why, and what must be looked at before somebody signs.
//!
//! Whoever is still to label an answer of a run sees nothing of the run but its answer: which system said what, and what graders said of it, would
//! tell what to label.

use std::collections::BTreeSet;

use askama::Template;
use axum::http::StatusCode;
use gatewright_core::review::ReviewEvent;

use super::Served;
use super::access::{Role, Visit};
use super::answer::{Answer, Failure, go_on, page};
use super::frame::{self, Frame};
use super::project::{Look, Looked, NotDone, Release, Releases, ToLook};
use crate::page::flips::{FlipCard, card};

#[derive(Template)]
#[template(path = "office/releases.html")]
struct List {
    frame: Frame,
    releases: Releases,
}

/// GET /releases.
pub(super) fn list(served: &Served, visit: &Visit) -> Answer {
    let list = List {
        frame: Frame::of(served, &visit.who, "Releases", "/releases"),
        releases: served.project.releases()?,
    };
    page(StatusCode::OK, &list)
}

/// The parts of a path after `/releases/`: the run, and what follows.
pub(super) fn parts(path: &str) -> (&str, Vec<&str>) {
    let mut parts = path.trim_start_matches("/releases/").split('/');
    (parts.next().unwrap_or_default(), parts.collect())
}

/// Counts the answers to these examples that wait for somebody's own label, or may still be taken back.
///
/// # Errors
/// When the desk cannot be read.
pub(super) fn waiting(
    served: &Served,
    visit: &Visit,
    examples: &BTreeSet<String>,
) -> Result<usize, Failure> {
    if visit.who.role < Role::Reviewer {
        return Ok(0);
    }
    let desk = served.office.desk()?;
    let (me, now) = (&visit.who.person, &visit.call.now);
    let of_run = desk.current();
    let of_run = of_run.filter(|entry| examples.contains(&entry.item.example));
    let blind = of_run.filter(|entry| desk.is_blind(entry, me, now)).count();
    if blind == 0 {
        served.tell(me);
    }
    Ok(blind)
}

#[derive(Template)]
#[template(path = "office/blind.html")]
struct Blind {
    frame: Frame,
    count: usize,
}

/// Remembers that somebody is shown which system answers an example how: whoever is asked about its answers after that is not blind.
///
/// # Errors
/// When it cannot be written.
pub(super) fn remember(served: &Served, visit: &Visit, example: &str) -> Result<(), Failure> {
    let told = ReviewEvent::Told {
        example: example.to_owned(),
        by: visit.who.person.clone(),
        at: visit.call.now.clone(),
    };
    // It is written once; that it is there already is no fault.
    if served.office.desk()?.check(&told).is_ok() {
        let _ = served.office.record(told)?;
    }
    Ok(())
}

/// Refuses whoever is still to label some of these examples; nothing for everybody else.
///
/// # Errors
/// As [`waiting`].
pub(super) fn blind(
    served: &Served,
    visit: &Visit,
    examples: &BTreeSet<String>,
) -> Result<Option<Answer>, Failure> {
    let count = waiting(served, visit, examples)?;
    Ok((count > 0).then(|| {
        let frame = Frame::of(served, &visit.who, "Label first", "/releases");
        page(StatusCode::FORBIDDEN, &Blind { frame, count })
    }))
}

/// The status of what was not done, and the sentence about it.
pub(super) fn told(not_done: &NotDone) -> (StatusCode, String) {
    match not_done {
        NotDone::Missing => (StatusCode::NOT_FOUND, "There is no such thing.".to_owned()),
        NotDone::Bad(said) => (StatusCode::BAD_REQUEST, said.clone()),
        NotDone::Forbidden(said) => (StatusCode::FORBIDDEN, said.clone()),
        NotDone::Stands(said) => (StatusCode::CONFLICT, said.clone()),
        NotDone::Moved(_) => {
            let said = "What you saw is something else by now. Nothing was recorded.";
            (StatusCode::CONFLICT, said.to_owned())
        }
    }
}

/// Says why there is no page.
pub(super) fn refuse(served: &Served, visit: &Visit, not_done: &NotDone) -> Answer {
    let (status, mut said) = told(not_done);
    if let NotDone::Moved(what) = not_done {
        said = format!("Changed since: {}.", what.join(", "));
    }
    frame::refuse(served, &visit.who, status, &said)
}

#[derive(Template)]
#[template(path = "office/release.html")]
struct One {
    frame: Frame,
    release: Release,
    left: usize,
    may_sign: bool,
}

/// GET /releases/{run}.
pub(super) fn one(served: &Served, visit: &Visit) -> Answer {
    let (run, _) = parts(&visit.call.path);
    let release = match served.project.release(run)? {
        Ok(release) => release,
        Err(not_done) => return refuse(served, visit, &not_done),
    };
    if let Some(refused) = blind(served, visit, &release.examples)? {
        return refused;
    }
    let left = release.to_look.iter().filter(|one| one.looked.is_empty());
    let title = format!("{} · run {run}", release.top.word);
    let one = One {
        frame: Frame::of(served, &visit.who, &title, "/releases"),
        left: left.count(),
        may_sign: visit.who.role >= Role::ReleaseManager && !release.changed,
        release,
    };
    page(StatusCode::OK, &one)
}

#[derive(Template)]
#[template(path = "office/look.html")]
struct OneLook<'a> {
    frame: Frame,
    run: &'a str,
    number: usize,
    of: usize,
    entry: &'a ToLook,
    card: FlipCard<'a>,
    may_record: bool,
    mine: bool,
    refused: String,
}

/// Finds the example that the path names, for whoever may see it.
fn found(served: &Served, visit: &Visit) -> Result<Result<(usize, Look), Answer>, Failure> {
    let (run, rest) = parts(&visit.call.path);
    let number = rest.get(1).and_then(|number| number.parse().ok());
    let look = match number {
        Some(number) => served.project.look(run, number)?.map(|look| (number, look)),
        None => Err(NotDone::Missing),
    };
    let (number, look) = match look {
        Ok(found) => found,
        Err(not_done) => return Ok(Err(refuse(served, visit, &not_done))),
    };
    match blind(served, visit, &look.examples)? {
        Some(refused) => Ok(Err(refused)),
        None => Ok(Ok((number, look))),
    }
}

/// GET /releases/{run}/look/{n}.
pub(super) fn look(served: &Served, visit: &Visit) -> Answer {
    match found(served, visit)? {
        Ok((number, look)) => show(served, visit, (number, &look), None),
        Err(refused) => refused,
    }
}

fn show(
    served: &Served,
    visit: &Visit,
    (number, look): (usize, &Look),
    refused: Option<&NotDone>,
) -> Answer {
    let (run, _) = parts(&visit.call.path);
    remember(served, visit, &look.entry.example)?;
    let title = format!("{number} of {} · What did it break?", look.of);
    let mine = look
        .entry
        .looked
        .iter()
        .any(|(by, _)| *by == visit.who.person);
    let refused = refused.map(told);
    let shown = OneLook {
        frame: Frame::of(served, &visit.who, &title, "/releases"),
        run,
        number,
        of: look.of,
        entry: &look.entry,
        card: card(0, &look.changed, &look.flip),
        may_record: visit.who.role >= Role::Reviewer,
        mine,
        refused: refused
            .as_ref()
            .map(|(_, said)| said.clone())
            .unwrap_or_default(),
    };
    page(refused.map_or(StatusCode::OK, |(status, _)| status), &shown)
}

/// POST /releases/{run}/look/{n}.
pub(super) fn looked(served: &Served, visit: &Visit) -> Answer {
    let (number, look) = match found(served, visit)? {
        Ok(found) => found,
        Err(refused) => return refused,
    };
    let (run, _) = parts(&visit.call.path);
    let form = &visit.call.form;
    let recorded = served.project.looked(&Looked {
        run,
        number,
        example: form.get("example"),
        criterion: form.get("criterion"),
        account: &visit.who.person,
    })?;
    if let Err(not_done) = recorded {
        return show(served, visit, (number, &look), Some(&not_done));
    }
    let what = format!("run {run}: looked at {}", look.entry.example);
    served.note(&visit.call.now, &visit.who.person, &what)?;
    // On to the next that nobody has looked at is on the release's own page.
    match number < look.of {
        true => go_on(&format!("/releases/{run}/look/{}", number + 1)),
        false => go_on(&format!("/releases/{run}")),
    }
}
