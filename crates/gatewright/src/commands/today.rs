//! `gatewright today`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use gatewright_core::incident;
use gatewright_core::report::untrusted::line;
use gatewright_core::review::{Desk, Progress, person_of, rubrics};
use gatewright_store::Accounts;
use serde::Serialize;

use crate::args::TodayArgs;
use crate::commands::{Context, unknown};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Depth, DeskLog, Loaded, due as of_run};

const COMMAND: &str = "gatewright today";
/// Names that are shown of a list.
const NAMES_MAX: usize = 5;

/// What is due, for programs.
#[derive(Debug, Serialize)]
struct Due {
    format: &'static str,
    person: Option<String>,
    /// Answers that wait for this person, and how far they are; nothing without a person.
    review: Option<Progress>,
    /// Answers that somebody is still to label, by criterion.
    open: BTreeMap<String, u64>,
    /// Answers on which people differ, and questions of policy, by criterion.
    to_settle: BTreeMap<String, u64>,
    /// Open incidents without an example that reproduces them.
    incidents: Vec<String>,
    /// Examples past the date by which somebody was to look at them again.
    stale: Vec<String>,
    /// The newest decided run, where it waits for a signature (of this person, where one is named).
    to_sign: Option<String>,
    /// What fails there without a cause (and is this person's to repair, where one is named).
    without_cause: u64,
}

pub(crate) fn today(context: &Context, args: &TodayArgs) -> Result<u8, Failure> {
    let mut loaded = Loaded::read(context.project()?, &context.now, Depth::Errors)?.sound()?;
    let mut desk = DeskLog::look(&loaded.project)?;
    Arc::make_mut(&mut desk).by_rubrics(Arc::new(rubrics(&loaded.manifest)));
    let person = args.person.as_deref().map(person_of);
    if let Some(person) = &person {
        known(&loaded, &desk, person)?;
    }
    let person = person.as_deref();
    let of_run = of_run(context, COMMAND, &mut loaded, person)?;
    let due = Due {
        to_sign: of_run.to_sign,
        without_cause: of_run.without_cause,
        ..due(context, &loaded, &desk, person)
    };
    context.console.answer(&due, |_| text(&due))?;
    Ok(exit::SHIP)
}

/// Refuses the name of somebody who has no account and has said nothing: a slip would look like a day off. Where nobody has an account, anybody may
/// be meant.
fn known(loaded: &Loaded, desk: &Desk, person: &str) -> Result<(), Failure> {
    let state = &loaded.project.state;
    if !state.join(Accounts::FILE).exists() {
        return Ok(());
    }
    let people = Accounts::open(state)?.people()?;
    let mut names: BTreeSet<String> = people.into_iter().map(|it| it.name).collect();
    let nobody = names.is_empty();
    names.extend(desk.names().into_iter().map(str::to_owned));
    // The page names people too: who signs, and who owns.
    let owners = loaded.manifest.owners.iter();
    names.extend(
        owners.flat_map(|(id, owner)| [person_of(&id.to_string()), person_of(&owner.name)]),
    );
    names.extend(
        loaded
            .manifest
            .signing
            .by
            .iter()
            .map(|name| person_of(name)),
    );
    match nobody || names.contains(person) {
        true => Ok(()),
        false => Err(unknown("person", person, names.iter().map(String::as_str))),
    }
}

fn due(context: &Context, loaded: &Loaded, desk: &Desk, person: Option<&str>) -> Due {
    let obliged = incident::obligations(
        &loaded.incidents,
        &loaded.manifest,
        &loaded.reference,
        |_| Some(true),
    );
    let examples = loaded.reference.examples.iter();
    let stale = examples.filter(|it| it.review_by.is_some_and(|date| date < context.now.today));
    let mut open: BTreeMap<String, u64> = BTreeMap::new();
    for entry in desk.current() {
        if !entry.is_finished() {
            *open.entry(entry.item.criterion.clone()).or_default() += 1;
        }
    }
    let mut to_settle: BTreeMap<String, u64> = BTreeMap::new();
    for entry in desk.to_settle() {
        *to_settle.entry(entry.item.criterion.clone()).or_default() += 1;
    }
    Due {
        format: "gatewright-today/1",
        person: person.map(str::to_owned),
        review: person.map(|name| desk.progress(name, &context.now.at)),
        open,
        to_settle,
        incidents: obliged.into_iter().map(|it| it.incident).collect(),
        stale: stale.map(|it| it.id.to_string()).collect(),
        to_sign: None,
        without_cause: 0,
    }
}

fn text(due: &Due) -> String {
    let mut text = String::new();
    if let (Some(person), Some(review)) = (&due.person, due.review) {
        let _ = writeln!(
            text,
            "{}: {} to label, {} to settle, {} labelled",
            line(person, 40),
            review.left,
            review.disputed,
            review.labelled
        );
    }
    for (what, counts) in [("to label", &due.open), ("to settle", &due.to_settle)] {
        let all: u64 = counts.values().sum();
        if all > 0 {
            let each: Vec<String> = counts
                .iter()
                .map(|(criterion, count)| format!("{criterion} {count}"))
                .collect();
            let s = if all == 1 { "" } else { "s" };
            let _ = writeln!(text, "{all} answer{s} {what}: {}", each.join(", "));
        }
    }
    for (one, many, names) in [
        ("open incident", "open incidents", &due.incidents),
        (
            "example past its date",
            "examples past their date",
            &due.stale,
        ),
    ] {
        if !names.is_empty() {
            let shown: Vec<String> = names
                .iter()
                .take(NAMES_MAX)
                .map(|it| line(it, 40))
                .collect();
            let more = names.len().saturating_sub(NAMES_MAX);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let what = if names.len() == 1 { one } else { many };
            let all = names.len();
            let _ = writeln!(text, "{all} {what}: {}{more}", shown.join(", "));
        }
    }
    if let Some(run) = &due.to_sign {
        let _ = writeln!(text, "1 decision to sign: run {run}");
    }
    if due.without_cause > 0 {
        let s = if due.without_cause == 1 { "" } else { "s" };
        let _ = writeln!(text, "{} failure{s} without a cause", due.without_cause);
    }
    if text.is_empty() {
        return "Nothing is due.\n".to_owned();
    }
    let of_run = due.to_sign.is_some() || due.without_cause > 0;
    if !due.open.is_empty() || !due.to_settle.is_empty() || of_run {
        text.push_str("Next: gatewright serve\n");
    }
    text
}
