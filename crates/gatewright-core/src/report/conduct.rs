//! The confusion matrix in the report: what the view says of it, and the tables for a terminal.

use std::collections::BTreeMap;

use crate::analyse::{Done, Lapse};
use crate::manifest::Role;
use crate::report::model::*;
use crate::report::tables::shown;
use crate::report::untrusted::{clip, line, pad};
use crate::report::view::{Materials, slice};
use crate::report::words;
use crate::response::Behaviour;

/// Most segments for a terminal; the JSON report has all.
const SEGMENTS_MAX: usize = 10;

/// All matrices, in the order of the analysis.
pub(super) fn confusion(materials: &Materials<'_>) -> Vec<ConfusionView> {
    let all = materials.analysis.conduct.iter();
    all.map(|conduct| ConfusionView {
        criterion: materials.manifest.criteria[usize::from(conduct.criterion)]
            .id
            .to_string(),
        slice: slice(&conduct.slice),
        systems: conduct
            .systems
            .iter()
            .map(|(role, done)| (*role, done_view(done)))
            .collect(),
    })
    .collect()
}

fn done_view(done: &Done) -> DoneView {
    let expected = Behaviour::ALL.into_iter().map(|expected| {
        let counts = done.counts[expected as usize];
        let observed = Behaviour::ALL.into_iter().zip(counts);
        ExpectedView {
            behaviour: expected,
            observed: observed.filter(|(_, count)| *count > 0).collect(),
            unseen: done.unseen[expected as usize],
        }
    });
    DoneView {
        expected: expected
            .filter(|row| row.unseen > 0 || !row.observed.is_empty())
            .collect(),
        over_refusal: lapse_view(&done.over_refusal),
        refusal_failure: lapse_view(&done.refusal_failure),
    }
}

fn lapse_view(lapse: &Lapse) -> LapseView {
    let (rate, no_interval) = shown(&lapse.rate);
    LapseView {
        count: lapse.count,
        of: lapse.of,
        rate,
        no_interval,
    }
}

impl DoneView {
    /// What this system did at all, in the order of reports.
    fn seen(&self) -> impl Iterator<Item = Behaviour> + '_ {
        let done = |one: &Behaviour| {
            let mut rows = self.expected.iter();
            rows.any(|row| row.observed.contains_key(one))
        };
        Behaviour::ALL.into_iter().filter(done)
    }
}

/// The matrices over all examples and the refusals by segment, for a terminal: lines of at most `width` (at least 80 shows everything).
pub(super) fn table(view: &View, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let whole = |one: &&ConfusionView| one.slice.values.is_empty();
    for matrix in view.confusion.iter().filter(whole) {
        let criterion = line(&matrix.criterion, 40);
        lines.push(format!("Behaviour by {criterion}: expected → done"));
        lines.extend(one_matrix(matrix));
        let of_it = |one: &&ConfusionView| one.criterion == matrix.criterion && !whole(one);
        lines.extend(refusals(view.confusion.iter().filter(of_it).collect()));
    }
    lines.iter().map(|line| clip(line, width)).collect()
}

fn one_matrix(matrix: &ConfusionView) -> Vec<String> {
    let seen: Vec<Behaviour> = Behaviour::ALL
        .into_iter()
        .filter(|one| {
            matrix
                .systems
                .values()
                .any(|it| it.seen().any(|it| it == *one))
        })
        .collect();
    let head: String = seen.iter().map(|it| format!(" {:>8}", it.word())).collect();
    let mut lines = vec![format!(
        "  {:<10} {:<8}{head} {:>7}",
        "", "expected", "unseen"
    )];
    for (role, done) in &matrix.systems {
        let mut name = role.word();
        for row in &done.expected {
            let count = |one: &Behaviour| row.observed.get(one).copied().unwrap_or(0);
            let counts: String = seen
                .iter()
                .map(|one| format!(" {:>8}", words::count(count(one))))
                .collect();
            lines.push(format!(
                "  {name:<10} {:<8}{counts} {:>7}",
                row.behaviour.word(),
                words::count(row.unseen)
            ));
            name = "";
        }
    }
    for (role, done) in &matrix.systems {
        let said = [
            said("refused what it should do", &done.over_refusal),
            said("did what it should refuse", &done.refusal_failure),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        lines.extend(
            said.into_iter()
                .map(|said| format!("  {:<10} {said}", role.word())),
        );
    }
    lines
}

/// `refused what it should do: 3 of 250 (1.2 %, 0.2 to 3.5)`; nothing where it could not happen.
fn said(what: &str, lapse: &LapseView) -> Option<String> {
    if lapse.of == 0 {
        return None;
    }
    let counts = format!(
        "{} of {}",
        words::count(lapse.count),
        words::count(lapse.of)
    );
    let shown = lapse.rate.as_ref().map(|rate| {
        format!(
            " ({}, 95 %: {} to {})",
            words::amount(Unit::Share, rate.point),
            words::bound(rate.lower, 1),
            words::bound(rate.upper, 1)
        )
    });
    Some(format!("{what}: {counts}{}", shown.unwrap_or_default()))
}

/// Refusals by segment, the most lapses of the candidate first; segments without any are left out.
fn refusals(mut segments: Vec<&ConfusionView>) -> Vec<String> {
    let lapses = |one: &ConfusionView, role: Role| {
        let done = one.systems.get(&role);
        done.map_or(0, |it| it.over_refusal.count + it.refusal_failure.count)
    };
    segments.retain(|one| one.systems.keys().any(|role| lapses(one, *role) > 0));
    // Stable: equal ones stay in the order of the table.
    segments.sort_by_key(|one| std::cmp::Reverse(lapses(one, Role::Candidate)));
    if segments.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "  {:<24} {:<10} {:>15} {:>15}",
        "segment", "system", "over-refusals", "refusal failures"
    )];
    for one in segments.iter().take(SEGMENTS_MAX) {
        let mut name = pad(&line(&one.slice.words, 60), 24);
        for (role, done) in &one.systems {
            let of = |lapse: &LapseView| match lapse.of {
                0 => "-".to_owned(),
                of => format!("{} of {}", words::count(lapse.count), words::count(of)),
            };
            lines.push(format!(
                "  {name} {:<10} {:>15} {:>16}",
                role.word(),
                of(&done.over_refusal),
                of(&done.refusal_failure)
            ));
            name = pad("", 24);
        }
    }
    if segments.len() > SEGMENTS_MAX {
        let more = segments.len() - SEGMENTS_MAX;
        lines.push(format!("  {more} more segments are in `--json`"));
    }
    lines
}

/// One row for Markdown: where, system, what was expected, then how often each was done and how often nothing is known.
pub(super) fn rows(view: &View) -> Vec<(&ConfusionView, Role, &ExpectedView, [u64; 7])> {
    let mut rows = Vec::new();
    for matrix in &view.confusion {
        for (role, done) in &matrix.systems {
            for row in &done.expected {
                let mut counts = [0; 7];
                for (count, one) in counts.iter_mut().zip(Behaviour::ALL) {
                    *count = row.observed.get(&one).copied().unwrap_or(0);
                }
                counts[6] = row.unseen;
                rows.push((matrix, *role, row, counts));
            }
        }
    }
    rows
}

/// The systems of each matrix with a lapse that could happen there.
pub(super) fn lapses(view: &View) -> Vec<(&ConfusionView, BTreeMap<Role, &DoneView>)> {
    let could = |done: &&DoneView| done.over_refusal.of + done.refusal_failure.of > 0;
    let matrices = view.confusion.iter().map(|matrix| {
        let systems = matrix.systems.iter();
        let systems: BTreeMap<Role, &DoneView> = systems
            .filter(|(_, done)| could(done))
            .map(|(role, done)| (*role, done))
            .collect();
        (matrix, systems)
    });
    matrices
        .filter(|(_, systems)| !systems.is_empty())
        .collect()
}
