//! Calibration: how far a model judge agrees with people, and whether it may decide (statistics.md §8).
//!
//! Pure: outcomes with what people said beside them come in, numbers and a typed verdict go out. `reading` counts,
//! `fitness` judges the judge, `drawing` says what to label next, `document` is the
//! JSON form and `words` the text. How a rule uses a fit judge is in `analyse`.

mod document;
mod drawing;
mod fitness;
mod reading;
mod words;

use std::collections::BTreeMap;

use gatewright_stats::judge::Confusion;

use crate::class::Severity;
use crate::digest::Digest;
use crate::label::Labels;
use crate::manifest::{Criterion, Drawn, Grader, Manifest, Metric, Role, Rule, Subject, Verb};
use crate::outcome::{Beside, Bin, Outcome};
use crate::reference::ReferenceSet;

pub use document::{Document, document, schema};
pub use drawing::{Answer, Drawing, Stratum, draw};
pub(crate) use fitness::rate as share_rate;
pub use fitness::{Evidence, Fitness, Known, Reason, fitness, reason_words};
pub use reading::{Agreement, Reading, agreement_interval, reading};
pub use words::{next_words, text};

/// Labels of a criterion below which agreement is an anecdote.
pub const LEAST_ITEMS: u64 = gatewright_stats::agreement::LEAST_ITEMS;

/// Returns how many labels show a judge of a criterion fit to decide for every rule on it, that is right on 95 of 100 answers
/// that people pass and on 90 of 100 that they fail, where one of five fails: what to plan with before anything is known.
///
/// The second number is how many answers to draw for that: they are drawn of all systems alike, also where the labels of
/// one are wanted.
pub fn first_labels(manifest: &Manifest, criterion: u16) -> (u64, u64) {
    let systems: Vec<Role> = manifest.systems.keys().copied().collect();
    let of = |one: &Demand| {
        let labels = fitness::first_labels(one.alpha, one.critical)?;
        let named = one.roles.len().clamp(1, systems.len().max(1)) as u64;
        Some((labels, drawn_of_all(labels, named, systems.len() as u64)))
    };
    let asked = demands(manifest, criterion, &systems);
    let most = |a: (u64, u64), b: (u64, u64)| (a.0.max(b.0), a.1.max(b.1));
    let each = asked.iter().filter_map(of);
    each.reduce(most).unwrap_or((LEAST_ITEMS, LEAST_ITEMS))
}

/// How many of all answers to draw, so that `labels` of them are of those wanted.
fn drawn_of_all(labels: u64, wanted: u64, all: u64) -> u64 {
    (labels * all.max(wanted)).div_ceil(wanted.max(1))
}

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
    /// Whether it may gate the rule that asks most of it; where none decides, one that compares candidate and production.
    pub fitness: Fitness,
    /// Labelled answers and all answers of the systems that this rests on.
    pub rests_on: (u64, u64),
    /// What the labels of candidate and production say together, at the level that reports show.
    pub evidence: Evidence,
    /// Labels to plan with before anything is known ([`first_labels`]).
    pub first_labels: (u64, u64),
    /// True when a critical rule rests on it: then it must be better.
    pub critical: bool,
}

/// One-sided level of the bounds that a report of a calibration shows.
pub const ALPHA: f64 = 0.05;

/// What is known of the judges of a page, by criterion.
#[derive(Clone, Debug, Default)]
pub struct KnownJudges {
    /// The judge of each calibrated criterion, by hash.
    pub judges: BTreeMap<u16, Digest>,
    /// Its last calibration on record.
    pub carried: BTreeMap<u16, Carried>,
    /// Why canaries forbid a judge to gate.
    pub forbidden: BTreeMap<u16, String>,
    /// Answers that people were to label and that nobody has labelled.
    pub open: BTreeMap<u16, u64>,
    /// For judges that the run asked: how many verdicts changed when it asked again, and how many it asked again.
    pub retested: BTreeMap<u16, (u64, u64)>,
}

impl KnownJudges {
    /// Returns what is known of one criterion's judge.
    pub fn of(&self, criterion: u16) -> Known<'_> {
        Known {
            judge: self.judges.get(&criterion).copied().unwrap_or_default(),
            carried: self.carried.get(&criterion),
            forbidden: self.forbidden.get(&criterion).map(String::as_str),
            open: self.open.get(&criterion).copied().unwrap_or_default(),
            retested: self.retested.get(&criterion).copied(),
        }
    }
}

/// Calibrates every criterion that has people's labels beside a judge.
pub fn calibrate(
    manifest: &Manifest,
    reference: &ReferenceSet,
    units: &BTreeMap<u16, Vec<Unit>>,
    known: &KnownJudges,
) -> Vec<Calibration> {
    let none = Vec::new();
    (0..)
        .zip(&manifest.criteria)
        .filter(|(_, criterion)| criterion.is_calibrated())
        .map(|(index, criterion)| {
            let units = units.get(&index).unwrap_or(&none);
            let about = About {
                criterion,
                units,
                known: known.of(index),
                asked: demands(manifest, index, &compared(units)),
                first_labels: first_labels(manifest, index),
            };
            one(reference, index, &about)
        })
        .collect()
}

/// What one calibration looks at.
struct About<'a> {
    criterion: &'a Criterion,
    units: &'a [Unit],
    known: Known<'a>,
    asked: Vec<Demand>,
    first_labels: (u64, u64),
}

/// What a rule asks of a judge.
#[derive(Clone, Debug, PartialEq)]
struct Demand {
    /// The systems whose answers must be labelled.
    roles: Vec<Role>,
    /// One-sided level.
    alpha: f64,
    /// Its severity is critical: the judge must be better.
    critical: bool,
}

/// What the deciding rules on a criterion ask of its judge, each the same as the gate asks; where there are none, what a
/// rule on `roles` would.
fn demands(manifest: &Manifest, criterion: u16, roles: &[Role]) -> Vec<Demand> {
    let decides = |rule: &&Rule| {
        let share = rule.verb != Verb::Require || rule.metric == Metric::Share;
        rule.verb != Verb::Watch && rule.subject == Subject::Criterion(criterion) && share
    };
    let demand = |rule: &Rule| Demand {
        roles: rule.roles(),
        alpha: rule.alpha_holds,
        critical: rule.severity == Severity::Critical,
    };
    let mut asked: Vec<Demand> = Vec::new();
    for one in manifest.gate.iter().filter(decides).map(demand) {
        if !asked.contains(&one) {
            asked.push(one);
        }
    }
    if asked.is_empty() {
        asked.push(Demand {
            roles: roles.to_vec(),
            alpha: ALPHA,
            critical: false,
        });
    }
    asked
}

/// Candidate and production, as far as they have answers.
fn compared(units: &[Unit]) -> Vec<Role> {
    let has = |role: &Role| units.iter().any(|unit| unit.role == *role);
    let both = [Role::Candidate, Role::Production];
    both.into_iter().filter(has).collect()
}

/// Orders verdicts on a judge by how much is asked before it may gate.
fn hardness(fitness: &Fitness) -> (u8, u64) {
    match fitness {
        Fitness::Fit => (0, 0),
        Fitness::Undecided {
            labels: Some(more), ..
        } => (1, *more),
        Fitness::Undecided { labels: None, .. } => (2, 0),
        Fitness::Unfit { .. } => (3, 0),
    }
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
    let evidence = |roles: &[Role], alpha: f64| {
        Evidence::of(
            reference,
            about.criterion,
            &of(roles),
            roles,
            about.known,
            alpha,
        )
    };
    let mut hardest: Option<(Fitness, (u64, u64))> = None;
    for asked in &about.asked {
        let found = evidence(&asked.roles, asked.alpha);
        let fitness = fitness(&found, asked.critical);
        let harder = |(known, _): &(Fitness, _)| hardness(&fitness) > hardness(known);
        if hardest.as_ref().is_none_or(harder) {
            hardest = Some((fitness, (found.reading.labelled, found.reading.units)));
        }
    }
    let whole = evidence(&compared(about.units), ALPHA);
    let (fitness_of_all, rests_on) =
        hardest.unwrap_or((Fitness::Fit, (whole.reading.labelled, whole.reading.units)));
    let critical = about.asked.iter().any(|asked| asked.critical);
    let strictest = about
        .asked
        .iter()
        .map(|asked| asked.alpha)
        .fold(ALPHA, f64::min);
    let pooled = reading(reference, &of(&roles), written, ALPHA);
    Calibration {
        criterion: index,
        judge: about.known.judge,
        systems: roles
            .iter()
            .map(|role| (*role, reading(reference, &of(&[*role]), written, ALPHA)))
            .collect(),
        pooled: Reading {
            // What the run asked again is kept apart from the verdicts that count; whether it forbids the judge is told with its canaries.
            retest: about.known.retested.unwrap_or(pooled.retest),
            ..pooled
        },
        each: roles
            .iter()
            .map(|role| (*role, fitness(&evidence(&[*role], strictest), critical)))
            .collect(),
        fitness: fitness_of_all,
        rests_on,
        first_labels: about.first_labels,
        evidence: whole,
        critical,
    }
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
