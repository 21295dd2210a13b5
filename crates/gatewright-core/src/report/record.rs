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
    RecordView {
        checkpoint: checkpoint.map(|at| at.to_string()),
        decisions: all
            .iter()
            .filter(|one| one.summary.run == view.run.name && one.summary.product == view.product)
            .map(decision)
            .collect(),
        overrides: in_force(&all, &view.product, today).map(decision).collect(),
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
        persons: summary.persons,
        stands: one.stands() && !one.superseded,
    }
}

/// Says what overrides are in force: the rules they bypass, who, until when and why.
pub fn overrides(view: &View) -> Vec<String> {
    let all = view.record.iter().flat_map(|record| &record.overrides);
    all.map(|one| {
        let rules = match one.bypasses.as_slice() {
            [] => String::new(),
            rules => format!(" over {}", line(&rules.join(", "), 200)),
        };
        let run = match one.run == view.run.name {
            true => "this run".to_owned(),
            false => format!("run {}", line(&one.run, 60)),
        };
        format!(
            "{} instead of {} for {run} until {}{rules}, by {}: {}",
            one.answer.word(),
            one.proposed.word(),
            one.expires.as_deref().unwrap_or("further notice"),
            line(&one.signed.join(", "), 120),
            line(&one.reason, 300)
        )
    })
    .collect()
}

/// Says how decisions about this run stand.
pub fn decisions(view: &View) -> Vec<String> {
    let all = view.record.iter().flat_map(|record| &record.decisions);
    all.map(|one| {
        let kind = match one.kind {
            Kind::Proposal => "as the gate says",
            Kind::Override => "an override",
        };
        let who = line(&one.signed.join(", "), 200);
        let stands = match (one.stands, one.signed.len() as u32) {
            (true, _) => format!("signed by {who}"),
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
