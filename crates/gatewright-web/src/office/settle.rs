//! Disagreements: what people differ on, and what follows.
//!
//! Whoever is still to label an answer is shown nothing of it here, not even that people differ. Whoever has not labelled it and settles it sees
//! what was said, without who said it.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use gatewright_core::report::untrusted;
use gatewright_core::review::{Desk, Entry, Item, Origin, Refusal, ReviewEvent, Stand};

use super::Served;
use super::access::Visit;
use super::answer::{Answer, Failure, go_to, page, patch};
use super::frame::{self, Frame};
use super::label::{Shown, chosen, sentence, status_of};
use super::pairs;
use super::project::{AsideWish, NotDone, Patch, RubricWish};
use super::releases::told;

/// Characters of a question in the list.
const EXCERPT: usize = 120;

struct Line {
    id: String,
    criterion: String,
    question: String,
    kind: &'static str,
}

#[derive(Template)]
#[template(path = "office/settle.html")]
struct List {
    frame: Frame,
    lines: Vec<Line>,
    /// Those that I labelled or asked about, which somebody else settles.
    others: Vec<Line>,
}

fn line(served: &Served, entry: &Entry) -> Line {
    let differ = entry.stand() == Stand::Disputed;
    Line {
        id: served.aliases.of(&entry.id),
        criterion: entry.item.criterion.clone(),
        question: untrusted::line(&entry.item.input, EXCERPT),
        kind: match (differ, entry.is_policy_question()) {
            (true, true) => "people differ, and there is a question of policy",
            (true, false) => "people differ",
            _ => "a question of policy",
        },
    }
}

/// GET /settle.
pub(super) fn list(served: &Served, visit: &Visit) -> Answer {
    let desk = served.office.desk()?;
    let (me, now) = (&visit.who.person, &visit.call.now);
    let mine = |entry: &&Entry| {
        let asked = entry.aside_by(me).is_some_and(|aside| aside.policy);
        (entry.said_by(me).is_some() || asked) && !desk.is_blind(entry, me, now)
    };
    served.tell(me);
    let line = |entry: &Entry| line(served, entry);
    let list = List {
        frame: Frame::of(served, &visit.who, "Disagreements", "/settle"),
        lines: desk.to_settle_by(me, now).map(line).collect(),
        others: desk.to_settle().filter(mine).map(line).collect(),
    };
    page(StatusCode::OK, &list)
}

/// What somebody said; without a name for whoever is to settle it.
struct Said {
    who: Option<String>,
    what: String,
    note: String,
    /// Whoever wrote it saw the two answers in the other order than whoever reads it.
    turned: bool,
}

#[derive(Template)]
#[template(path = "office/dispute.html")]
struct Dispute {
    frame: Frame,
    refused: String,
    item: Shown,
    said: Vec<Said>,
    settled: Option<Said>,
    /// Why this person does not settle it; empty where it may be settled.
    closed: String,
    voids: Voids,
    example: String,
    choice: String,
    reason: String,
    version: String,
    clause: String,
    doubt: String,
}

/// Lists what was said. Without names it is in the order of its words, which tells nothing of who spoke first.
fn said(served: &Served, entry: &Entry, me: &str) -> Vec<Said> {
    let named = entry.said_by(me).is_some();
    let who = |name: &str| named.then(|| name.to_owned());
    let of = |who: &str| pairs::is_turned(served, who, &entry.item);
    let turned = |name: &str| of(name) != of(me);
    let given = entry.given.iter().map(|given| Said {
        turned: turned(&given.by),
        who: who(&given.by),
        what: pairs::words(served, me, &entry.item, &given.label),
        note: given.note.clone(),
    });
    let aside = entry.aside.iter().map(|aside| Said {
        turned: turned(&aside.by),
        who: who(&aside.by),
        what: match aside.policy {
            true => "put aside: a question of policy".to_owned(),
            false => "put aside".to_owned(),
        },
        note: aside.reason.clone(),
    });
    let mut all: Vec<Said> = given.chain(aside).collect();
    if !named {
        all.sort_by(|a, b| (&a.what, &a.note).cmp(&(&b.what, &b.note)));
    }
    all
}

/// What a new version of the rubric would void.
struct Voids {
    labels: usize,
    answers: usize,
    /// How many labels of each person, the most first; with names for whoever labelled the answer, as elsewhere on the page.
    people: Vec<(Option<String>, usize)>,
}

impl Voids {
    /// Counts the labels of the same criterion by the same version.
    fn of(desk: &Desk, item: &Item, named: bool) -> Self {
        let same = |it: &Item| (&it.criterion, &it.rubric) == (&item.criterion, &item.rubric);
        let all = desk.current().filter(|entry| same(&entry.item));
        let mut people: BTreeMap<&str, usize> = BTreeMap::new();
        let mut answers = 0;
        for entry in all {
            let said = entry.given.iter().chain(&entry.settled);
            answers += usize::from(entry.settled.is_some() || !entry.given.is_empty());
            said.for_each(|given| *people.entry(&given.by).or_default() += 1);
        }
        let labels = people.values().sum();
        let mut people: Vec<(Option<String>, usize)> = people
            .into_iter()
            .map(|(by, many)| (named.then(|| by.to_owned()), many))
            .collect();
        // Without names the order must not tell them either.
        people.sort_by_key(|(_, many)| std::cmp::Reverse(*many));
        Self {
            labels,
            answers,
            people,
        }
    }
}

/// Finds the answer that the path names.
fn named<'d>(served: &Served, desk: &'d Desk, path: &str) -> Option<&'d Entry> {
    let name = path.strip_prefix("/settle/")?.split('/').next()?;
    desk.find(&served.aliases.find(desk, name)?)
}

const NOTHING: &str = "There is nothing to settle here.";
const LABEL_FIRST: &str = "This answer waits for your own label, or yours can still be taken back: what others said is not shown. Label it or put it aside first.";

const AUTHORS: &str =
    "You wrote the change that this answer is of: its authors neither label nor settle it.";

/// Says why somebody is shown nothing of what others said of an answer.
fn closed_to(
    served: &Served,
    (desk, entry): (&Desk, &Entry),
    visit: &Visit,
) -> Option<&'static str> {
    let me = &visit.who.person;
    if entry.is_author(me) {
        return Some(AUTHORS);
    }
    let blind = desk.is_blind(entry, me, &visit.call.now);
    if !blind {
        served.tell(me);
    }
    blind.then_some(LABEL_FIRST)
}

/// GET /settle/{id}.
pub(super) fn one(served: &Served, visit: &Visit) -> Answer {
    shown(served, visit, (StatusCode::OK, String::new()))
}

/// POST /settle/{id}/rubric: the rubric can be read two ways, and a new version of it leaves as a patch.
pub(super) fn repair(served: &Served, visit: &Visit) -> Answer {
    let form = &visit.call.form;
    leave(served, visit, |entry| {
        served.project.rubric_patch(&RubricWish {
            criterion: entry.item.criterion.clone(),
            from: entry.item.rubric.clone(),
            to: form.text("version"),
            clause: form.text("clause"),
        })
    })
}

/// POST /settle/{id}/quarantine: the example is in doubt, and is set aside by a patch.
pub(super) fn quarantine(served: &Served, visit: &Visit) -> Answer {
    let reason = visit.call.form.text("doubt");
    leave(served, visit, |entry| {
        served.project.suite_patch(&AsideWish {
            id: entry.item.example.clone(),
            state: "quarantined".to_owned(),
            reason,
            account: visit.who.person.clone(),
        })
    })
}

/// Gives a patch that an answer makes necessary, to whoever may see what was said of it.
fn leave(
    served: &Served,
    visit: &Visit,
    make: impl FnOnce(&Entry) -> Result<Result<Patch, NotDone>, String>,
) -> Answer {
    let desk = served.office.desk()?;
    let who = &visit.who;
    let entry = match open_to(served, &desk, visit) {
        Ok(entry) => entry,
        Err((status, why)) => return frame::refuse(served, who, status, why),
    };
    match make(entry)? {
        Ok(made) => {
            let what = format!("took the patch {}", made.name);
            served.note(&visit.call.now, &who.person, &what)?;
            patch(&made)
        }
        Err(not_done) => shown(served, visit, told(&not_done)),
    }
}

/// Finds the answer that a page is about, or says why whoever asks may not see what was said of it.
fn open_to<'d>(
    served: &Served,
    desk: &'d Desk,
    visit: &Visit,
) -> Result<&'d Entry, (StatusCode, &'static str)> {
    let entry = named(served, desk, &visit.call.path).ok_or((StatusCode::NOT_FOUND, NOTHING))?;
    match closed_to(served, (desk, entry), visit) {
        None => Ok(entry),
        Some(why) => Err((StatusCode::FORBIDDEN, why)),
    }
}

/// Remembers that somebody who has not labelled an answer is shown what others said of it: more people may be asked later.
fn remember(served: &Served, visit: &Visit, desk: &Desk, entry: &Entry) -> Result<(), Failure> {
    let read = ReviewEvent::Read {
        item: entry.id,
        by: visit.who.person.clone(),
        at: visit.call.now.clone(),
    };
    if desk.check(&read).is_ok() {
        let _ = served.office.record(read)?;
    }
    Ok(())
}

/// Shows the page of one answer, with what was refused.
fn shown(served: &Served, visit: &Visit, (status, refused): (StatusCode, String)) -> Answer {
    let desk = served.office.desk()?;
    let who = &visit.who;
    let entry = match open_to(served, &desk, visit) {
        Ok(entry) => entry,
        Err((status, why)) => return frame::refuse(served, who, status, why),
    };
    let is_open = entry.stand() == Stand::Disputed || entry.is_policy_question();
    if refused.is_empty() && !is_open && entry.settled.is_none() {
        return frame::refuse(served, who, StatusCode::NOT_FOUND, NOTHING);
    }
    remember(served, visit, &desk, entry)?;
    let asked = entry.aside_by(&who.person).is_some_and(|it| it.policy);
    let closed = match (entry.said_by(&who.person).is_some(), asked) {
        (true, _) => sentence(&Refusal::OwnDispute),
        (false, true) => sentence(&Refusal::OwnQuestion),
        (false, false) => String::new(),
    };
    let dispute = Dispute {
        frame: Frame::of(served, who, "Settle an answer", ""),
        refused,
        item: Shown::of(served, &who.person, &entry.item),
        said: said(served, entry, &who.person),
        settled: entry.settled.as_ref().map(|given| Said {
            who: Some(given.by.clone()),
            what: pairs::words(served, &who.person, &entry.item, &given.label),
            note: given.note.clone(),
            turned: pairs::is_turned(served, &given.by, &entry.item)
                != pairs::is_turned(served, &who.person, &entry.item),
        }),
        closed,
        voids: Voids::of(&desk, &entry.item, entry.said_by(&who.person).is_some()),
        example: entry.item.example.clone(),
        choice: visit.call.form.get("choice").to_owned(),
        reason: visit.call.form.text("reason"),
        version: visit.call.form.text("version"),
        clause: visit.call.form.text("clause"),
        doubt: visit.call.form.text("doubt"),
    };
    page(status, &dispute)
}

/// POST /settle/{id}.
pub(super) fn settle(served: &Served, visit: &Visit) -> Answer {
    let desk = served.office.desk()?;
    let (who, form) = (&visit.who, &visit.call.form);
    let Some(entry) = named(served, &desk, &visit.call.path) else {
        return frame::refuse(served, who, StatusCode::NOT_FOUND, NOTHING);
    };
    if let Some(why) = closed_to(served, (&desk, entry), visit) {
        return frame::refuse(served, who, StatusCode::FORBIDDEN, why);
    }
    let label = chosen(served, (&desk, &who.person), &entry.id, form.get("choice"));
    let recorded = served.office.record(ReviewEvent::Labelled {
        item: entry.id,
        label: label.clone(),
        by: who.person.clone(),
        note: form.text("reason"),
        settles: true,
        origin: Origin::Here,
        at: visit.call.now.clone(),
    })?;
    if let Err(refusal) = recorded {
        let why = pairs::refusal(served, &who.person, Some(&entry.item), &refusal);
        return shown(served, visit, (status_of(&why), sentence(&why)));
    }
    let what = format!("answer {}: settled it as {label}", entry.id.hex());
    served.note(&visit.call.now, &who.person, &what)?;
    Ok(go_to("/settle"))
}
