//! The confusion matrix in the report: what the view says of it, and the tables for a terminal.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyse::{Done, Lapse};
use crate::manifest::Role;
use crate::report::model::*;
use crate::report::tables::shown;
use crate::report::untrusted::{clip, line, wrap};
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
        lapses: done.over_refusal.count + done.refusal_failure.count,
    }
}

fn lapse_view(lapse: &Lapse) -> LapseView {
    let (rate, no_interval) = shown(&lapse.rate);
    LapseView {
        count: lapse.count,
        of: lapse.of,
        unseen: lapse.unseen,
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

    /// Its lapses as reports name them, without those that cannot happen.
    fn could(&self) -> impl Iterator<Item = (&'static str, &LapseView)> {
        let named = [
            (words::OVER_REFUSAL, &self.over_refusal),
            (words::REFUSAL_FAILURE, &self.refusal_failure),
        ];
        named.into_iter().filter(|(_, lapse)| lapse.could_happen())
    }
}

impl LapseView {
    /// Says whether there was a unit on which it could happen, seen or not.
    pub fn could_happen(&self) -> bool {
        self.of > 0 || self.unseen > 0
    }
}

/// The matrices over all examples and the refusals by segment, for a terminal: lines of at most `width` (at least 80 shows everything).
pub(super) fn table(view: &View, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let whole = |one: &&ConfusionView| one.slice.values.is_empty();
    for matrix in view.confusion.iter().filter(whole) {
        let criterion = line(&matrix.criterion, 40);
        lines.push(format!("Behaviour by {criterion}: expected → done"));
        lines.extend(one_matrix(matrix, width));
        let of_it = |one: &&ConfusionView| one.criterion == matrix.criterion && !whole(one);
        lines.extend(refusals(view.confusion.iter().filter(of_it).collect()));
    }
    lines.iter().map(|line| clip(line, width)).collect()
}

fn one_matrix(matrix: &ConfusionView, width: usize) -> Vec<String> {
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
        for (what, lapse) in done.could() {
            let text = format!("{what}: {}", words::lapse(lapse));
            let mut name = role.word();
            for line in wrap(&text, width.saturating_sub(13), 0) {
                lines.push(format!("  {name:<10} {line}"));
                name = "";
            }
        }
    }
    lines
}

/// Refusals by segment, the most lapses of the candidate first; segments where nothing went wrong or was unseen are left out.
fn refusals(mut segments: Vec<&ConfusionView>) -> Vec<String> {
    let is_news = |done: &DoneView| done.lapses > 0 || done.could().any(|(_, it)| it.unseen > 0);
    let all = segments.len();
    segments.retain(|one| one.systems.values().any(is_news));
    let quiet = all - segments.len();
    let lapses = |one: &ConfusionView| one.systems.get(&Role::Candidate).map(|done| done.lapses);
    // Stable: equal ones stay in the order of the table.
    segments.sort_by_key(|one| std::cmp::Reverse(lapses(one)));
    let row =
        |name: &str, [over, failure]: [&str; 2]| format!("   {name:<10}{over:>33} {failure:>33}");
    let heads = [words::OVER_REFUSAL, words::REFUSAL_FAILURE];
    let mut lines = match segments.is_empty() {
        true => Vec::new(),
        false => vec!["  By segment".to_owned(), row("", heads)],
    };
    let mut methods = BTreeSet::new();
    for one in segments.iter().take(SEGMENTS_MAX) {
        lines.push(format!("  {}", line(&one.slice.words, 60)));
        for (role, done) in &one.systems {
            let both = [&done.over_refusal, &done.refusal_failure];
            methods.extend(
                both.iter()
                    .filter_map(|it| Some(it.rate.as_ref()?.method.as_str())),
            );
            let [over, failure] = both.map(words::lapse_short);
            lines.push(row(role.word(), [&over, &failure]));
        }
    }
    if !methods.is_empty() {
        let methods: Vec<&str> = methods.into_iter().collect();
        let methods = methods.join(" or ");
        lines.push(format!(
            "  In brackets: 95 % intervals of the share, in per cent ({methods})"
        ));
    }
    let more = segments.len().saturating_sub(SEGMENTS_MAX);
    let left_out = [(more, "more with"), (quiet, "without")]
        .into_iter()
        .filter(|(count, _)| *count > 0);
    let left_out: Vec<String> = left_out
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        lines.push(format!(
            "  Segments left out: {left_out} a lapse; `gatewright grade --json` has all"
        ));
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
    let could = |done: &&DoneView| done.could().next().is_some();
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
