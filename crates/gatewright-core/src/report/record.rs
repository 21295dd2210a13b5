//! The part of a report that says what is on the record, and how it is worded.

use crate::event::{Event, ProjectEvent};
use crate::record::{Checkpoint, Keys, Kind, Recorded, in_force, recorded};
use crate::report::model::{DecisionView, RecordView, View};
use crate::report::untrusted::line;

/// Builds what a report says of the record: of a project's log, on a civil date (`YYYY-MM-DD`).
pub fn record(
    events: &[Event<ProjectEvent>],
    checkpoint: Option<Checkpoint>,
    view: &View,
    today: &str,
) -> RecordView {
    let all = recorded(events, &Keys::fold(events));
    record_of(&all, checkpoint, (&view.run.name, &view.product), today)
}

/// Does the same for a run and a product, of a log that was folded already.
pub fn record_of(
    all: &[Recorded],
    checkpoint: Option<Checkpoint>,
    (run, product): (&str, &str),
    today: &str,
) -> RecordView {
    let own = |one: &&Recorded| one.summary.run == run && one.summary.product == product;
    RecordView {
        checkpoint: checkpoint.map(|at| at.to_string()),
        decisions: all.iter().filter(own).map(decision).collect(),
        overrides: in_force(all, product, today).map(decision).collect(),
    }
}

fn decision(one: &Recorded) -> DecisionView {
    let summary = one.summary.clone();
    DecisionView {
        record: summary.record,
        kind: summary.kind,
        run: summary.run,
        answer: summary.answer,
        proposed: summary.proposed,
        bypasses: summary.bypasses,
        expires: summary.expires,
        by: summary.by,
        reason: summary.reason,
        at: summary.at,
        signed: one.signed.iter().map(|sign| sign.by.clone()).collect(),
        at_server: one
            .signed
            .iter()
            .filter(|sign| sign.account.is_some())
            .map(|sign| sign.by.clone())
            .collect(),
        persons: summary.persons,
        stands: one.stands() && !one.superseded,
    }
}

/// Names who signed, and for whom the review server did.
fn signers(one: &DecisionView, max: usize) -> String {
    let named = one
        .signed
        .iter()
        .map(|name| match one.at_server.contains(name) {
            true => format!("{name} (logged in at the review server)"),
            false => name.clone(),
        });
    line(&named.collect::<Vec<_>>().join(", "), max)
}

/// Says what overrides are in force: the rules they bypass, who, until when and why.
pub fn overrides(view: &View) -> Vec<String> {
    let record = view.record.as_ref();
    record.map_or_else(Vec::new, |record| overrides_of(record, &view.run.name))
}

/// Does the same, as seen from a run.
pub fn overrides_of(record: &RecordView, of: &str) -> Vec<String> {
    let all = record.overrides.iter();
    all.map(|one| {
        let rules = match one.bypasses.as_slice() {
            [] => String::new(),
            rules => format!(" over {}", line(&rules.join(", "), 200)),
        };
        let run = match one.run == of {
            true => "this run".to_owned(),
            false => format!("run {}", line(&one.run, 60)),
        };
        format!(
            "{} instead of {} for {run} until {}{rules}, by {}: {}",
            one.answer.word(),
            one.proposed.word(),
            one.expires.as_deref().unwrap_or("further notice"),
            signers(one, 120),
            line(&one.reason, 300)
        )
    })
    .collect()
}

/// Says how decisions about this run stand.
pub fn decisions(view: &View) -> Vec<String> {
    view.record.as_ref().map_or_else(Vec::new, decisions_of)
}

/// Says how decisions stand.
pub fn decisions_of(record: &RecordView) -> Vec<String> {
    let all = record.decisions.iter();
    all.map(|one| {
        let kind = match one.kind {
            Kind::Proposal => "as the gate says",
            Kind::Override => "an override",
        };
        let stands = match (one.stands, one.signed.len() as u32) {
            (true, _) => format!("signed by {}", signers(one, 200)),
            (false, signed) if signed < one.persons => {
                format!("{signed} of {} persons have signed", one.persons)
            }
            (false, _) => "another decision came after it".to_owned(),
        };
        format!(
            "{}, {kind}, {stands} ({})",
            one.answer.word(),
            line(&one.record, 80)
        )
    })
    .collect()
}
