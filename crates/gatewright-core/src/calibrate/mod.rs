//! Calibration: how far a model judge agrees with people, and whether it may decide (statistics.md §8).
//!
//! Pure: outcomes with what people said beside them come in, numbers and a typed verdict go out. `reading` counts,
//! `fitness` judges the judge, `drawing` says what to label next, `reviewers` looks at the people, `document` is the
//! JSON form and `words` the text. How a rule uses a fit judge is in `analyse`.

mod document;
mod drawing;
mod fitness;
mod reading;
mod reviewers;
mod words;

use std::collections::BTreeMap;

use gatewright_stats::judge::Confusion;

use crate::class::Severity;
use crate::digest::Digest;
use crate::label::Labels;
use crate::manifest::{Criterion, Drawn, Grader, Manifest, Role, Subject, Verb};
use crate::outcome::{Beside, Bin, Outcome};
use crate::reference::ReferenceSet;

pub use document::{Document, document, schema};
pub use drawing::{Answer, Drawing, Stratum, draw};
pub(crate) use fitness::rate as share_rate;
pub use fitness::{Evidence, Fitness, Reason, fitness, reason_words};
pub use reading::{Agreement, Reading, agreement_interval, reading};
pub use reviewers::{Reviewers, Two, Whose, reviewers};
pub use words::{next_words, text};

/// Labels of a criterion below which agreement is an anecdote.
pub const LEAST_ITEMS: u64 = gatewright_stats::agreement::LEAST_ITEMS;

/// Labels that show a judge fit that is right on 95 of 100 answers that people pass and on 90 of 100 that they fail, where
/// one of five fails: what to plan with before anything is known.
pub const TYPICAL_LABELS: u64 = 60;

/// Returns what a verdict of such a judge is worth in labels.
pub fn typical_worth() -> f64 {
    gatewright_stats::ppi::squared_correlation(0.8, 0.95, 0.9).unwrap_or(0.0)
}

/// One judged unit of the first look, with what people said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// The system that answered.
    pub role: Role,
    /// The example.
    pub example: u32,
    /// The trial.
    pub trial: u32,
    /// The part.
    pub part: Option<u32>,
    /// The judge's verdict.
    pub judge: Bin,
    /// What people said, and how the judge's label reads.
    pub beside: Beside,
}

impl Unit {
    /// Takes what calibration looks at out of an outcome.
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            role: outcome.system,
            example: outcome.example,
            trial: outcome.trial,
            part: outcome.part,
            judge: outcome.bin,
            beside: outcome.beside.as_deref().cloned().unwrap_or_default(),
        }
    }

    /// The judge's verdict as pass or fail.
    pub fn judged(&self) -> Option<bool> {
        passed(self.judge)
    }

    /// People's verdict as pass or fail.
    pub fn said(&self) -> Option<bool> {
        self.beside
            .people
            .as_ref()
            .and_then(|said| passed(said.bin))
    }
}

fn passed(bin: Bin) -> Option<bool> {
    match bin {
        Bin::Pass => Some(true),
        Bin::Fail(_) => Some(false),
        _ => None,
    }
}

/// A calibration of an earlier run: its labels carry over while the judge is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    /// The judge of then.
    pub judge: Digest,
    /// People against the judge, both systems together.
    pub table: Confusion,
}

/// How one criterion's judge stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The criterion.
    pub criterion: u16,
    /// The judge: whatever changes it voids a calibration.
    pub judge: Digest,
    /// Per system, in the order of roles.
    pub systems: Vec<(Role, Reading)>,
    /// All systems together.
    pub pooled: Reading,
    /// Per system: whether it may gate there.
    pub each: BTreeMap<Role, Fitness>,
    /// Whether it may gate a rule that compares candidate and production, or one on the candidate when there is no other.
    pub fitness: Fitness,
    /// The evidence behind it.
    pub evidence: Evidence,
    /// True when a critical rule rests on it: then it must be better.
    pub critical: bool,
}

/// One-sided level of the bounds that a report of a calibration shows.
pub const ALPHA: f64 = 0.05;

/// Calibrates every criterion that has people's labels beside a judge. `judges`, `carried` and `forbidden` (why canaries forbid a judge to gate) are by
/// criterion.
pub fn calibrate(
    manifest: &Manifest,
    reference: &ReferenceSet,
    units: &BTreeMap<u16, Vec<Unit>>,
    judges: &BTreeMap<u16, Digest>,
    carried: &BTreeMap<u16, Carried>,
    forbidden: &BTreeMap<u16, String>,
) -> Vec<Calibration> {
    let none = Vec::new();
    (0..)
        .zip(&manifest.criteria)
        .filter(|(_, criterion)| criterion.is_calibrated())
        .map(|(index, criterion)| {
            let units = units.get(&index).unwrap_or(&none);
            let judge = judges.get(&index).copied().unwrap_or_default();
            let about = About {
                criterion,
                units,
                judge,
                carried: carried.get(&index),
                forbidden: forbidden.get(&index).map(String::as_str),
                critical: is_critical(manifest, index),
            };
            one(reference, index, &about)
        })
        .collect()
}

/// What one calibration looks at.
struct About<'a> {
    criterion: &'a Criterion,
    units: &'a [Unit],
    judge: Digest,
    carried: Option<&'a Carried>,
    forbidden: Option<&'a str>,
    critical: bool,
}

fn one(reference: &ReferenceSet, index: u16, about: &About<'_>) -> Calibration {
    let roles: Vec<Role> = Role::ALL
        .into_iter()
        .filter(|role| about.units.iter().any(|unit| unit.role == *role))
        .collect();
    let written = shares_words(about.criterion);
    let of = |roles: &[Role]| -> Vec<&Unit> {
        let kept = about.units.iter();
        kept.filter(|unit| roles.contains(&unit.role)).collect()
    };
    let evidence = |roles: &[Role]| {
        Evidence::of(
            reference,
            about.criterion,
            &of(roles),
            roles,
            (about.judge, about.carried, about.forbidden),
            ALPHA,
        )
    };
    let compared: Vec<Role> = roles
        .iter()
        .copied()
        .filter(|role| *role != Role::Fallback)
        .collect();
    let whole = evidence(&compared);
    Calibration {
        criterion: index,
        judge: about.judge,
        systems: roles
            .iter()
            .map(|role| (*role, reading(reference, &of(&[*role]), written, ALPHA)))
            .collect(),
        pooled: reading(reference, &of(&roles), written, ALPHA),
        each: roles
            .iter()
            .map(|role| (*role, fitness(&evidence(&[*role]), about.critical)))
            .collect(),
        fitness: fitness(&whole, about.critical),
        evidence: whole,
        critical: about.critical,
    }
}

/// Says whether a rule of critical severity decides on a criterion.
fn is_critical(manifest: &Manifest, criterion: u16) -> bool {
    manifest.gate.iter().any(|rule| {
        rule.verb != Verb::Watch
            && rule.subject == Subject::Criterion(criterion)
            && rule.severity == Severity::Critical
    })
}

/// Judge and people write the same labels with the same meaning, so that the labels themselves can be compared.
fn shares_words(criterion: &Criterion) -> bool {
    match (&criterion.grader, &criterion.people) {
        (Grader::Label(judge), Some(people)) => {
            !judge.score && !people.labels.score && judge.values == people.labels.values
        }
        _ => false,
    }
}

/// Says whether both judge and people give scores instead of verdicts.
fn is_scored(criterion: &Criterion) -> bool {
    matches!(&criterion.grader, Grader::Label(judge) if judge.score)
}

fn is_chosen(criterion: &Criterion) -> bool {
    let people = criterion.people.as_ref();
    people.is_some_and(|people| people.drawn == Drawn::Chosen)
}

/// Returns the hash of a judge whose labels are recorded: who gave them, and by which version of the rubric. A judge that
/// is called has the hash of its model, prompt and rubric instead.
pub fn judge_digest(criterion: &Criterion, index: u16, labels: &Labels) -> Digest {
    let rubric = match &criterion.grader {
        Grader::Label(grader) => grader.rubric.as_deref(),
        Grader::Preference(grader) => grader.rubric.as_deref(),
        _ => None,
    };
    let who: Vec<String> = labels
        .annotators(index, false)
        .into_iter()
        .map(|name| name.to_string())
        .collect();
    Digest::of_json(&("judge/1", who, rubric))
}

#[cfg(test)]
mod tests;
