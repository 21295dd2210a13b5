//! The grader that reads recorded preferences between the candidate and production.

use super::Sink;
use super::scope::Marks;
use super::sheet::{Measures, Sheet};
use crate::json::scalar_text;
use crate::label::{Labels, Row, TextCode};
use crate::manifest::{Combine, PreferenceGrader};
use crate::outcome::{Bin, GraderKind, Missing};
use crate::reference::{Example, ReferenceSet};
use crate::segment;

/// What this grader can tell.
pub(super) const SHEETS: [Sheet; 1] = [Sheet {
    kind: "preference",
    measures: Measures::Judgement,
    checks: "a recorded preference between the candidate's answer and production's",
    protects: &["reviewer-disagreement"],
    cost: "one look-up; the preferences themselves cost people or money",
    deterministic: true,
    blind_spot: "the better of two wrong answers wins; longer answers are often preferred for being longer",
}];

/// A preference grader with its labels' meaning looked up.
#[derive(Debug)]
pub(super) struct ReadyPreference<'a> {
    grader: &'a PreferenceGrader,
    criterion: u16,
    /// For each distinct label text: which of the two it prefers.
    votes: Vec<Option<Vote>>,
    /// For each example (filled when it applies): whether the candidate is the first system.
    first: Vec<bool>,
    /// Some label tells which two texts it is of.
    tells_texts: bool,
}

/// Which of the two is preferred.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vote {
    First,
    Second,
    Tie,
}

impl<'a> ReadyPreference<'a> {
    pub(super) fn new(
        reference: &ReferenceSet,
        marks: &Marks,
        labels: &Labels,
        index: u16,
        grader: &'a PreferenceGrader,
    ) -> Self {
        let votes = labels
            .texts()
            .iter()
            .map(|text| {
                let text = &**text;
                if grader.first.contains(text) {
                    Some(Vote::First)
                } else if grader.second.contains(text) {
                    Some(Vote::Second)
                } else {
                    grader.tie.contains(text).then_some(Vote::Tie)
                }
            })
            .collect();
        let examples = 0..reference.examples.len() as u32;
        Self {
            grader,
            criterion: index,
            votes,
            first: examples
                .map(|example| marks.candidate_is_first(index, example))
                .collect(),
            tells_texts: labels.tells_texts(index),
        }
    }

    pub(super) fn by(&self) -> GraderKind {
        self.grader.by
    }

    /// Says whether the candidate is the first system of an example to which it applies.
    pub(super) fn candidate_is_first(&self, example: u32) -> bool {
        self.first[example as usize]
    }

    /// Returns the recorded trials of an example's labels.
    pub(super) fn trials(&self, labels: &Labels, example: u32) -> Vec<u32> {
        let mut trials: Vec<u32> = labels
            .rows(self.criterion, 0, example)
            .iter()
            .map(|row| row.trial)
            .collect();
        trials.dedup();
        trials
    }

    /// Grades one pair by the labels of one recorded trial. `texts` are the candidate's and production's answers, where both are known: a label that
    /// tells its texts is of no others.
    pub(super) fn grade(
        &self,
        labels: &Labels,
        example: u32,
        trial: Option<u32>,
        texts: Option<(TextCode, TextCode)>,
        sink: &mut Sink<'_>,
    ) {
        let mut rows: Vec<&Row> = labels
            .rows(self.criterion, 0, example)
            .iter()
            .filter(|row| Some(row.trial) == trial)
            .collect();
        if self.tells_texts {
            let texts = texts.map(|(ours, theirs)| match self.first[example as usize] {
                true => TextCode::of_two(ours, theirs),
                false => TextCode::of_two(theirs, ours),
            });
            let there = rows.len();
            rows.retain(|row| labels.is_about(self.criterion, row, texts));
            let own: Vec<Row> = rows.iter().copied().copied().collect();
            let place = (0, example, trial.unwrap_or(0));
            let why = if labels.is_awaited(self.criterion, place, texts) {
                "not all who were asked have labelled it"
            } else if labels.is_outdated(self.criterion, place, texts, &own) {
                "people labelled it by another version of the rubric"
            } else if own.is_empty() && there > 0 {
                "what people compared are other texts than these answers"
            } else {
                ""
            };
            if !why.is_empty() {
                let bin = Bin::Missing(Missing::GraderError);
                return sink.push(self.by(), bin, None, Some(why.into()));
            }
        }
        // As with labels: what settles is the verdict, and where people judge, a judge's vote beside theirs counts for nothing.
        let judge = |row: &&Row| row.kind == Some(GraderKind::Model);
        let rows: Vec<&Row> = if rows.iter().any(|row| row.settles) {
            rows.into_iter().filter(|row| row.settles).collect()
        } else if self.by() == GraderKind::Model || rows.iter().all(judge) {
            rows
        } else {
            rows.into_iter().filter(|row| !judge(row)).collect()
        };
        if rows.is_empty() {
            let bin = Bin::Missing(Missing::GraderError);
            return sink.push(self.by(), bin, None, Some("no label".into()));
        }
        let candidate_first = self.first[example as usize];
        let bins: Vec<Bin> = rows
            .iter()
            .map(|row| {
                let vote = self.votes.get(row.value as usize).copied().flatten();
                match (vote, candidate_first) {
                    (None, _) => Bin::Missing(Missing::GraderError),
                    (Some(Vote::Tie), _) => Bin::Tie,
                    (Some(Vote::First), true) | (Some(Vote::Second), false) => Bin::Win,
                    (Some(Vote::First), false) | (Some(Vote::Second), true) => Bin::Loss,
                }
            })
            .collect();
        let bin = combine(&bins, self.grader.combine);
        let why = matches!(bin, Bin::Missing(_)).then(|| {
            let said: Vec<_> = rows.iter().map(|row| labels.text(row)).collect();
            super::clip(format!("labelled {}", said.join(", "))).into()
        });
        let mut kinds = rows.iter().map(|row| row.kind.unwrap_or(self.grader.by));
        let model = kinds.any(|kind| kind == GraderKind::Model);
        let by = match (model, rows.len()) {
            (true, _) => GraderKind::Model,
            (false, 1) => rows[0].kind.unwrap_or(self.grader.by),
            (false, _) => self.grader.by,
        };
        sink.push(by, bin, None, why);
    }
}

/// Says whether the first of an example's two systems is the candidate; `None` when the two are not candidate and production.
pub(super) fn candidate_is_first(
    grader: &PreferenceGrader,
    candidate: &str,
    production: &str,
    example: &Example,
) -> Option<bool> {
    let system = |field: &str| {
        let direct = example.fields.get(field).and_then(scalar_text);
        direct.or_else(|| segment::field_text(example, field))
    };
    let first = system(&grader.first_field)?;
    let second = system(&grader.second_field)?;
    if first == candidate && second == production {
        Some(true)
    } else if first == production && second == candidate {
        Some(false)
    } else {
        None
    }
}

/// Makes one preference of several. Majority: the most frequent, a split is missing. Unanimous: a win or loss that all share, else a tie. Any: a win if any, else a tie if any.
fn combine(bins: &[Bin], rule: Combine) -> Bin {
    let count = |bin: Bin| bins.iter().filter(|one| **one == bin).count();
    let (win, tie, loss) = (count(Bin::Win), count(Bin::Tie), count(Bin::Loss));
    let unread = bins.len() - win - tie - loss;
    let missing = Bin::Missing(Missing::GraderError);
    match rule {
        Combine::Majority => {
            let most = win.max(tie).max(loss).max(unread);
            match (win == most, tie == most, loss == most, unread == most) {
                (true, false, false, false) => Bin::Win,
                (false, true, false, false) => Bin::Tie,
                (false, false, true, false) => Bin::Loss,
                _ => missing,
            }
        }
        Combine::Any if win > 0 => Bin::Win,
        _ if unread > 0 => missing,
        Combine::Any if tie > 0 => Bin::Tie,
        Combine::Any => Bin::Loss,
        Combine::Unanimous if win == bins.len() => Bin::Win,
        Combine::Unanimous if loss == bins.len() => Bin::Loss,
        Combine::Unanimous => Bin::Tie,
    }
}
