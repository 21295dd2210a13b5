//! Recorded outputs: what a system answered before, read through a field map.

mod row;

use std::collections::BTreeSet;
use std::io::BufRead;

use self::row::OutputRow;
use crate::json::{self, Collector};
use crate::manifest::Role;
use crate::plan::AttemptSpec;
use crate::problem::Problem;
use crate::reference::ReferenceSet;
use crate::response::AttemptEnd;
use crate::source::{Row, Source};
use crate::words::counted;

/// Names of unknown examples that are kept for showing.
const NAMED_LIMIT: usize = 5;

/// What a file of outputs holds for one system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Most trials of any one example, or as many as the page declares.
    pub trials: u32,
    /// Attempts in the order of example, then trial. Trials are renumbered from 0 in each example, in the order of the recorded trial.
    pub attempts: Vec<RecordedAttempt>,
    /// Rows of other systems or conditions, left out by `where`.
    pub filtered_rows: u64,
    /// Rows of examples that are quarantined or retired.
    pub set_aside_rows: u64,
    /// Rows of examples that the reference set does not have.
    pub unknown_rows: u64,
    /// The first few of these examples by id.
    pub unknown_examples: Vec<String>,
}

impl Recorded {
    /// Says how many rows are about examples that the reference set does not have, and names some.
    pub fn unknown_said(&self, role: Role) -> String {
        let rows = counted(self.unknown_rows, "output");
        let (are, examples) = match self.unknown_rows {
            1 => ("is", "an example that is"),
            _ => ("are", "examples that are"),
        };
        format!(
            "{rows} of the {} {are} about {examples} not in the reference set ({})",
            role.word(),
            self.unknown_examples.join(", ")
        )
    }
}

/// One recorded attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedAttempt {
    /// Which, with the trial renumbered.
    pub attempt: AttemptSpec,
    /// The trial's number in the file.
    pub recorded_trial: u32,
    /// How it ended.
    pub end: AttemptEnd,
}

/// Reads one file of outputs. Examples without a row are simply absent; rows with an error are reported and left out.
///
/// A row is a provider error when `error` is neither null nor empty nor false, when `error_code` is neither null nor empty nor 0, or when `status` says so.
/// In a mapped file, `status` counts only when it is mapped or says a word we know.
pub fn read(
    source: &Source,
    file: &str,
    reader: impl BufRead,
    role: Role,
    reference: &ReferenceSet,
    problems: &mut Vec<Problem>,
) -> Recorded {
    let mut problems = Collector::new(file, problems);
    let mut recorded = Recorded::default();
    let mut unknown = BTreeSet::new();
    let mut rows: Vec<Read> = Vec::new();
    json::for_each_object(reader, &mut problems, |line, row, problems| {
        if !source.admits(&row) {
            recorded.filtered_rows += 1;
            return;
        }
        let at = problems.line(line);
        let mut row = OutputRow {
            row: Row::new(source, &row, at, problems),
        };
        row.known_keys();
        let Some(id) = row.example() else { return };
        let Some(example) = reference.index_of(&id) else {
            if is_set_aside(reference, &id) {
                recorded.set_aside_rows += 1;
            } else {
                recorded.unknown_rows += 1;
                if unknown.len() < NAMED_LIMIT && unknown.insert(id.clone()) {
                    recorded.unknown_examples.push(id);
                }
            }
            return;
        };
        let trial = row.count("trial").unwrap_or(0);
        let end = row.end();
        if !row.row.broken {
            rows.push((example, trial, line, end));
        }
    });
    renumber(rows, role, reference, &mut recorded, &mut problems);
    if let Some(declared) = source.trials
        && recorded.trials > 0
    {
        recorded.trials = recorded.trials.max(declared);
    }
    problems.finish();
    recorded
}

/// A row that was read: example, recorded trial, line, end.
type Read = (u32, u32, u32, AttemptEnd);

/// Numbers the trials of each example from 0 in the order of the recorded ones; a trial recorded twice is reported and counts once.
fn renumber(
    mut rows: Vec<Read>,
    role: Role,
    reference: &ReferenceSet,
    recorded: &mut Recorded,
    problems: &mut Collector<'_>,
) {
    rows.sort_by_key(|(example, trial, line, _)| (*example, *trial, *line));
    let mut before: Option<(u32, u32, u32)> = None;
    let mut next = 0;
    for (example, recorded_trial, line, end) in rows {
        if let Some((same, trial, first)) = before {
            if (same, trial) == (example, recorded_trial) {
                let id = &reference.examples[example as usize].id;
                let what = format!("trial {trial} of `{id}` is already recorded in line {first}");
                let mut at = problems.line(line);
                // The row as a whole.
                at.column = 1;
                problems.push(
                    Problem::error("duplicate-output", at, what)
                        .why("one attempt has one answer")
                        .instead("map `trial`, or keep one system with `where`"),
                );
                continue;
            }
            next = if same == example { next + 1 } else { 0 };
        }
        before = Some((example, recorded_trial, line));
        recorded.trials = recorded.trials.max(next + 1);
        recorded.attempts.push(RecordedAttempt {
            attempt: AttemptSpec {
                example,
                system: role,
                trial: next,
            },
            recorded_trial,
            end,
        });
    }
}

pub(crate) fn is_set_aside(reference: &ReferenceSet, id: &str) -> bool {
    reference
        .set_aside
        .binary_search_by(|example| example.id.as_str().cmp(id))
        .is_ok()
}

#[cfg(test)]
mod tests;
