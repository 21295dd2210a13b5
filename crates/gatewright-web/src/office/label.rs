//! Review: the next answer for me, and what I say of it.
//!
//! Until somebody has labelled an answer, a page for this person shows its [`Item`] and nothing else of it. Why an answer is asked is shown once
//! the label cannot be taken back any more: who could read it, take the label back and give another would not be blind.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use gatewright_core::digest::Digest;
use gatewright_core::review::{Desk, Entry, Item, Origin, Refusal, ReviewEvent};

use super::Served;
use super::access::Visit;
use super::answer::{Answer, go_to, page};
use super::frame::Frame;
use super::pairs;

/// The one page with a script, which stands in a file of its own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// An answer as its reader may see it before labelling it.
pub(super) struct Shown {
    pub(super) id: String,
    pub(super) criterion: String,
    pub(super) rubric: Option<String>,
    pub(super) code: String,
    /// The part of the answer, from 1.
    pub(super) part: Option<u32>,
    pub(super) input: String,
    pub(super) output: Option<String>,
    /// The other of two answers that are compared.
    pub(super) second: Option<String>,
    /// The labels with their numbers, from 1.
    pub(super) labels: Vec<(usize, String)>,
}

impl Shown {
    pub(super) fn of(served: &Served, who: &str, item: &Item) -> Self {
        let id = item.id();
        let (mut output, mut second) = (item.output.clone(), item.second.clone());
        if pairs::is_turned(served, who, item) {
            std::mem::swap(&mut output, &mut second);
        }
        Self {
            id: served.aliases.of(&id),
            criterion: item.criterion.clone(),
            rubric: item.rubric.clone(),
            code: served.aliases.short(&id),
            part: item.part.map(|part| part + 1),
            input: item.input.clone(),
            output,
            second,
            labels: (1..).zip(pairs::choices(served, who, item)).collect(),
        }
    }
}

/// A label of mine.
struct Mine {
    id: String,
    criterion: String,
    code: String,
    label: String,
    note: String,
    why: String,
}

impl Mine {
    fn of(served: &Served, desk: &Desk, entry: &Entry, who: &str) -> Option<Self> {
        let given = entry.said_by(who)?;
        // Why one answer to a question was asked may tell of the other one.
        let same = |it: &Entry| {
            (&it.item.example, &it.item.criterion) == (&entry.item.example, &entry.item.criterion)
        };
        let waits = desk.waiting(who).any(same);
        Some(Self {
            id: served.aliases.of(&entry.id),
            criterion: entry.item.criterion.clone(),
            code: served.aliases.short(&entry.id),
            label: pairs::words(served, who, &entry.item, &given.label),
            note: given.note.clone(),
            why: match waits {
                true => String::new(),
                false => entry.why.clone(),
            },
        })
    }
}

/// What was sent and not taken.
struct Refused {
    status: StatusCode,
    said: String,
    /// What I had said before, which stands.
    stands: Option<String>,
    /// What was sent and has no place in the form any more.
    sent: Vec<(&'static str, String)>,
}

/// What was typed.
#[derive(Default)]
struct Typed {
    item: Option<Digest>,
    note: String,
    reason: String,
    policy: bool,
}

#[derive(Template)]
#[template(path = "office/review.html")]
struct Review {
    frame: Frame,
    refused: Option<Refused>,
    labelled: u64,
    of: u64,
    item: Option<Shown>,
    typed: Typed,
    /// My last label, while it can be taken back.
    last: Option<Mine>,
    /// My last label that stands.
    stood: Option<Mine>,
}

/// GET /review.
pub(super) fn next(served: &Served, visit: &Visit) -> Answer {
    show(served, visit, None, Typed::default())
}

fn show(served: &Served, visit: &Visit, refused: Option<Refused>, typed: Typed) -> Answer {
    let desk = served.office.desk()?;
    let me = &visit.who.person;
    let progress = desk.progress(me, &visit.call.now);
    let of = progress.labelled + progress.left;
    let wanted = |entry: &&Entry| Some(entry.id) == typed.item;
    let entry = match refused {
        Some(_) => desk.waiting(me).find(wanted),
        None => None,
    };
    let entry = entry.or_else(|| desk.next_for(me));
    let is_same = entry.is_some_and(|entry| Some(entry.id) == typed.item);
    if let Some(entry) = entry {
        served.show(me, entry.id);
    }
    let (last, stood) = mine(served, &desk, me, &visit.call.now);
    let title = match &refused {
        Some(_) => "Not recorded · Review".to_owned(),
        None => format!("{} of {of} · Review", progress.labelled),
    };
    let mut frame = Frame::of(served, &visit.who, &title, "/review");
    frame.script = true;
    let status = refused.as_ref().map_or(StatusCode::OK, |it| it.status);
    let review = Review {
        frame,
        labelled: progress.labelled,
        of,
        item: entry.map(|entry| Shown::of(served, me, &entry.item)),
        // What was typed for one answer is not offered for another.
        refused: refused.map(|it| if is_same { it.in_form() } else { it }),
        typed: if is_same { typed } else { Typed::default() },
        last,
        stood,
    };
    let mut response = page(status, &review)?;
    let policy = HeaderValue::from_static(POLICY);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

impl Refused {
    fn in_form(self) -> Self {
        Self {
            sent: Vec::new(),
            ..self
        }
    }
}

/// Says whether a person may still take the label of an answer back.
fn may_undo(entry: &Entry, who: &str, now: &str) -> bool {
    let given = entry.said_by(who);
    entry.settled.is_none() && given.is_some_and(|given| given.may_be_taken_back(now))
}

/// Returns my last label while it can be taken back, and my last one that cannot.
fn mine(served: &Served, desk: &Desk, me: &str, now: &str) -> (Option<Mine>, Option<Mine>) {
    let said = desk.entries().iter().filter_map(|entry| {
        let entry: &Entry = entry;
        let given = entry
            .said_by(me)
            .filter(|given| given.origin != Origin::Page)?;
        Some((given.at.as_str(), entry))
    });
    let mut said: Vec<(&str, &Entry)> = said.collect();
    // The newest first, and of two in the same second the one that was asked later.
    said.sort_by_key(|(at, _)| *at);
    let mut newest = said.iter().rev().map(|(_, entry)| *entry).peekable();
    let last = newest.next_if(|entry| may_undo(entry, me, now));
    let stood = newest.find(|entry| !may_undo(entry, me, now));
    let of = |entry: Option<&Entry>| entry.and_then(|entry| Mine::of(served, desk, entry, me));
    (of(last), of(stood))
}

/// What a refusal is in HTTP.
pub(super) fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Twice
        | Refusal::AsideTwice
        | Refusal::Aside
        | Refusal::Enough
        | Refusal::OldRubric
        | Refusal::Settled { .. } => StatusCode::CONFLICT,
        Refusal::Author
        | Refusal::OwnDispute
        | Refusal::OwnQuestion
        | Refusal::LabelFirst
        | Refusal::Told
        | Refusal::Read => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Puts a refusal into a sentence. What begins with somebody's name keeps it as it is written.
pub(super) fn sentence(refusal: &Refusal) -> String {
    let said = refusal.to_string();
    if matches!(refusal, Refusal::Settled { .. }) {
        return format!("{said}.");
    }
    let mut chars = said.chars();
    let first = chars.next().map(|one| one.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}

/// Returns the label that the form names by its number; what is no number of a label is passed on, to be refused. Of two answers a label is what
/// its number meant on this person's screen, and nothing else.
pub(super) fn chosen(
    served: &Served,
    (desk, who): (&Desk, &str),
    id: &Digest,
    choice: &str,
) -> String {
    let item = desk.find(id).map(|entry| &entry.item);
    let label = item.and_then(|item| pairs::label_of(served, who, item, choice));
    let is_pair = item.is_some_and(|item| item.second.is_some());
    label.unwrap_or_else(|| match is_pair {
        true => String::new(),
        false => choice.to_owned(),
    })
}

fn refused(
    served: &Served,
    visit: &Visit,
    refusal: &Refusal,
    sent: Vec<(&'static str, String)>,
    typed: Typed,
) -> Answer {
    let desk = served.office.desk()?;
    let entry = typed.item.and_then(|id| desk.find(&id));
    let me = visit.who.person.as_str();
    let given = entry.and_then(|entry| Some((entry, entry.said_by(me)?)));
    let stands = given.map(|(entry, given)| pairs::words(served, me, &entry.item, &given.label));
    let shown = pairs::refusal(served, me, entry.map(|entry| &entry.item), refusal);
    let refused = Refused {
        status: status_of(refusal),
        said: sentence(&shown),
        stands,
        sent: sent.into_iter().filter(|(_, it)| !it.is_empty()).collect(),
    };
    show(served, visit, Some(refused), typed)
}

/// POST /review/label.
pub(super) fn label(served: &Served, visit: &Visit) -> Answer {
    let form = &visit.call.form;
    let note = form.text("note");
    let desk = served.office.desk()?;
    let item = served.aliases.find(&desk, form.get("item"));
    let me = &visit.who.person;
    let choice = form.get("choice");
    let label = item.map_or_else(String::new, |id| chosen(served, (&desk, me), &id, choice));
    // Of what enough people have labelled, pages tell what they said. A label on top is blind only from somebody who had the answer on the screen
    // when others were faster, and has not been on those pages since.
    let may_be_told = |entry: &Entry| {
        let is_new = entry.said_by(me).is_none() && !entry.is_author(me);
        is_new && entry.settled.is_none() && entry.is_finished() && !served.shows(me, entry.id)
    };
    let found = item.and_then(|id| desk.find(&id));
    let is_late = found.is_some_and(may_be_told);
    let recorded = match item {
        Some(_) if is_late => Err(Refusal::Enough),
        Some(item) => served.office.record(ReviewEvent::Labelled {
            item,
            label: label.clone(),
            by: me.clone(),
            note: note.clone(),
            settles: false,
            origin: Origin::Here,
            at: visit.call.now.clone(),
        })?,
        None => Err(Refusal::NoItem),
    };
    match recorded {
        Ok(()) => done(served, visit, item, &format!("labelled it {label}")),
        Err(refusal) => {
            let of = |entry: &Entry| pairs::words(served, me, &entry.item, &label);
            let shown = found.map_or_else(|| label.clone(), of);
            let sent = vec![("Label", shown), ("Note", note.clone())];
            let typed = Typed {
                item,
                note,
                ..Typed::default()
            };
            refused(served, visit, &refusal, sent, typed)
        }
    }
}

/// POST /review/aside.
pub(super) fn aside(served: &Served, visit: &Visit) -> Answer {
    let form = &visit.call.form;
    let item = served
        .aliases
        .find(&*served.office.desk()?, form.get("item"));
    let (reason, policy) = (form.text("reason"), !form.get("policy").is_empty());
    let recorded = match item {
        Some(item) => served.office.record(ReviewEvent::PutAside {
            item,
            by: visit.who.person.clone(),
            reason: reason.clone(),
            policy,
            at: visit.call.now.clone(),
        })?,
        None => Err(Refusal::NoItem),
    };
    match recorded {
        Ok(()) => done(served, visit, item, "put it aside"),
        Err(refusal) => {
            let typed = Typed {
                item,
                reason: reason.clone(),
                policy,
                ..Typed::default()
            };
            let sent = vec![("Reason to put it aside", reason)];
            refused(served, visit, &refusal, sent, typed)
        }
    }
}

/// POST /review/undo.
pub(super) fn undo(served: &Served, visit: &Visit) -> Answer {
    let name = visit.call.form.get("item");
    let item = served.aliases.find(&*served.office.desk()?, name);
    let recorded = match item {
        Some(item) => served.office.record(ReviewEvent::Withdrawn {
            item,
            by: visit.who.person.clone(),
            at: visit.call.now.clone(),
        })?,
        None => Err(Refusal::NoItem),
    };
    match recorded {
        Ok(()) => done(served, visit, item, "took the label back"),
        Err(refusal) => {
            let typed = Typed {
                item,
                ..Typed::default()
            };
            refused(served, visit, &refusal, Vec::new(), typed)
        }
    }
}

fn done(served: &Served, visit: &Visit, item: Option<Digest>, what: &str) -> Answer {
    let item = item.map(|item| item.hex()).unwrap_or_default();
    let what = format!("answer {item}: {what}");
    served.note(&visit.call.now, &visit.who.person, &what)?;
    Ok(go_to("/review"))
}
