//! Analysis: outcomes become numbers per criterion × segment, and numbers become findings per rule × segment.
//!
//! Nothing is decided here. A finding says how one rule stands in one segment and what would decide it.

mod behavioural;
mod blind;
mod cell;
mod conduct;
mod confirm;
pub(crate) mod drawn;
mod finding;
mod flips;
mod guard;
mod judged;
mod never;
mod require;
mod rows;
mod scores;
pub(crate) mod slice;
pub(crate) mod weight;

use std::collections::BTreeMap;

use gatewright_stats::estimate::{Bounds, Undefined};

use crate::calibrate::{Calibration, Fitness, KnownJudges, calibrate};
use crate::label::Disagreement;
use crate::manifest::{Manifest, Role};
use crate::outcome::{Missing, Outcome};
use crate::plan::{AttemptSpec, Plan};
use crate::reference::ReferenceSet;
use crate::response::AttemptEnd;

use self::scores::Scores;

pub use behavioural::{Behavioural, CaseRate};
pub use blind::{Absent, Blind};
pub use conduct::{Conduct, Done, Lapse};
pub use confirm::{confirmation, confirmation_at_most};
pub use finding::{rests_on, uncorrected};
pub use guard::{Resolution, Resolutions};

/// Outcomes folded into scores: parts that are folded apart, on threads of their own, are joined into one.
pub struct Folded(Scores);

impl Folded {
    /// Folds outcomes.
    pub fn of(
        manifest: &Manifest,
        reference: &ReferenceSet,
        plan: &Plan,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Self {
        Self(Scores::part(manifest, reference, plan, outcomes))
    }

    /// Takes in another part.
    pub fn join(&mut self, other: Self) {
        self.0.join(other.0);
    }
}

/// Turns outcomes into numbers and findings. Pure: the same inputs give the same analysis, whatever their order.
///
/// `people` is what people said beside the run; `denominators` come from [`denominators`].
pub fn analyse(
    manifest: &Manifest,
    reference: &ReferenceSet,
    plan: &Plan,
    outcomes: impl IntoIterator<Item = Outcome>,
    people: &People,
    denominators: BTreeMap<Role, Denominator>,
) -> Analysis {
    let folded = Folded::of(manifest, reference, plan, outcomes);
    analyse_folded(manifest, reference, plan, folded, people, denominators)
}

/// Does what [`analyse`] does with outcomes that were folded before.
pub fn analyse_folded(
    manifest: &Manifest,
    reference: &ReferenceSet,
    plan: &Plan,
    folded: Folded,
    people: &People,
    denominators: BTreeMap<Role, Denominator>,
) -> Analysis {
    let scores = folded.0.whole(manifest, plan);
    let probed = behavioural::probed(reference);
    let inputs = require::Inputs {
        manifest,
        reference,
        plan,
        scores: &scores,
        people,
        probed: &probed,
        p_values: false,
        cost_scale: 1.0,
    };
    let with_p_values = require::Inputs {
        p_values: true,
        ..inputs
    };
    // The tables and the flips cost about as much as all the rest; all of it only reads, so a second thread changes no number.
    let tables = cell::Tables::new(inputs);
    let analysis = std::thread::scope(|scope| {
        let flips = scope.spawn(|| {
            let flips = flips::flips(inputs);
            tables.work();
            flips
        });
        let analysis = Analysis {
            denominators,
            cells: Vec::new(),
            classes: cell::classes(inputs),
            findings: finding::findings(inputs, &people.resolutions),
            routes: finding::routes(with_p_values, &people.resolutions),
            flips: Vec::new(),
            behavioural: behavioural::behavioural(inputs),
            conduct: conduct::conduct(inputs),
            disagreements: people.disagreements.clone(),
            causes: people.causes.clone(),
            uncalibrated: (0..manifest.criteria.len() as u16)
                .filter(|&c| scores.by_model[c as usize] && !scores.units.contains_key(&c))
                .collect(),
            calibrations: calibrate(manifest, reference, &scores.units, &people.known),
            blind: blind::blind(inputs),
        };
        tables.work();
        // A worker does not panic; should one, its work is done here and fails here.
        let flips = flips.join().unwrap_or_else(|_| flips::flips(inputs));
        Analysis { flips, ..analysis }
    });
    Analysis {
        cells: tables.finish(),
        ..analysis
    }
}

impl Analysis {
    /// Findings and nothing else: what an answer rests on.
    pub(crate) fn of_findings(findings: Vec<Finding>, routes: Vec<Route>) -> Self {
        Self {
            denominators: BTreeMap::new(),
            cells: Vec::new(),
            classes: Vec::new(),
            findings,
            routes,
            flips: Vec::new(),
            behavioural: Vec::new(),
            conduct: Vec::new(),
            disagreements: BTreeMap::new(),
            causes: BTreeMap::new(),
            uncalibrated: Vec::new(),
            calibrations: Vec::new(),
            blind: Blind::default(),
        }
    }
}

/// What people added to the run.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// What they said about single flips.
    pub resolutions: Resolutions,
    /// How far those who label differ, per criterion with any difference or any label that settles one.
    pub disagreements: BTreeMap<u16, Disagreement>,
    /// Causes set by triage: example and criterion to a class. Work items follow the cause, not the symptom.
    pub causes: BTreeMap<(u32, u16), u16>,
    /// What is known of the judges.
    pub known: KnownJudges,
}

/// Counts attempts and what became of them. `answers` names every attempt that ended, and how.
pub fn denominators<'a>(
    plan: &Plan,
    answers: impl IntoIterator<Item = (AttemptSpec, &'a AttemptEnd)>,
) -> BTreeMap<Role, Denominator> {
    let mut all: BTreeMap<Role, Denominator> = plan
        .systems
        .iter()
        .map(|system| {
            let planned = plan.examples.len() as u64 * u64::from(system.trials);
            (
                system.role,
                Denominator {
                    planned,
                    ..Denominator::default()
                },
            )
        })
        .collect();
    let mut ended: BTreeMap<Role, u64> = BTreeMap::new();
    for (attempt, end) in answers {
        let Some(count) = all.get_mut(&attempt.system) else {
            continue;
        };
        let fresh = attempt.trial >= plan.trials(attempt.system);
        if !fresh {
            *ended.entry(attempt.system).or_default() += 1;
        }
        match end {
            AttemptEnd::Answered { .. } if fresh => count.confirm_answered += 1,
            AttemptEnd::Answered { .. } => count.answered += 1,
            AttemptEnd::TimedOut { .. } if fresh => count.confirm_timed_out += 1,
            AttemptEnd::TimedOut { .. } => count.timed_out += 1,
            AttemptEnd::ProviderError { .. } | AttemptEnd::HarnessError { .. } if fresh => {
                count.confirm_failed += 1
            }
            AttemptEnd::ProviderError { .. } => {
                *count.missing.entry(Missing::ProviderError).or_default() += 1
            }
            AttemptEnd::HarnessError { .. } => {
                *count.missing.entry(Missing::HarnessError).or_default() += 1
            }
        }
    }
    for (role, count) in &mut all {
        let absent = count
            .planned
            .saturating_sub(ended.get(role).copied().unwrap_or(0));
        if absent > 0 {
            count.missing.insert(Missing::NotAttempted, absent);
        }
    }
    all
}

/// A slice of the reference set: dimension to value, all must match; empty means every example.
pub type Slice = Vec<(String, String)>;

/// Everything measured in one run.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// What was planned, attempted and graded, per system.
    pub denominators: BTreeMap<Role, Denominator>,
    /// Numbers per criterion × slice: all examples first, then every value of every dimension, criteria in page order.
    pub cells: Vec<Cell>,
    /// Failures per class × system, over all examples and per slice.
    pub classes: Vec<ClassCount>,
    /// One per rule × slice, rules in page order.
    pub findings: Vec<Finding>,
    /// For every `route_by` dimension: its values, each with every rule restricted to it.
    pub routes: Vec<Route>,
    /// Examples whose outcome differs between production and candidate: regressed first, by cost.
    pub flips: Vec<Flip>,
    /// Behavioural tests: capability × kind of test × criterion, in that order.
    pub behavioural: Vec<Behavioural>,
    /// What was expected against what was done: criterion × slice, all examples first.
    pub conduct: Vec<Conduct>,
    /// How far those who label differ, per criterion with any difference or any label that settles one.
    pub disagreements: BTreeMap<u16, Disagreement>,
    /// Causes set by triage: example and criterion to a class.
    pub causes: BTreeMap<(u32, u16), u16>,
    /// Criteria that model judges graded without people's labels, which gate nothing until calibrated.
    pub uncalibrated: Vec<u16>,
    /// How the judges stand that people's labels calibrate.
    pub calibrations: Vec<Calibration>,
    /// What nothing here speaks of.
    pub blind: Blind,
}

/// Attempts and what became of them, for one system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Denominator {
    /// First-look attempts in the plan.
    pub planned: u64,
    /// Attempts that were answered.
    pub answered: u64,
    /// Attempts in which the system exceeded its own promise of time: a failure, and no answer.
    pub timed_out: u64,
    /// Attempts by missing reason.
    pub missing: BTreeMap<Missing, u64>,
    /// Confirmation attempts that were answered.
    pub confirm_answered: u64,
    /// Confirmation attempts in which the system exceeded its own promise of time.
    pub confirm_timed_out: u64,
    /// Confirmation attempts that ended without an answer.
    pub confirm_failed: u64,
    /// Of the answers, how many an earlier run had already.
    pub reused: u64,
}

/// Counts of outcomes in one cell for one system: every planned unit is in exactly one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub pass: u64,
    /// Failed.
    pub fail: u64,
    /// Measured values.
    pub value: u64,
    /// Preferred.
    pub win: u64,
    /// No preference.
    pub tie: u64,
    /// The other was preferred.
    pub loss: u64,
    /// Not applicable.
    pub not_applicable: u64,
    /// Missing, by reason in the order of [`Missing::ALL`].
    pub missing: [u64; 5],
}

impl Counts {
    /// Number of units with a verdict.
    pub fn graded(&self) -> u64 {
        self.pass + self.fail + self.value + self.win + self.tie + self.loss
    }

    /// Number of missing units.
    pub fn missing_total(&self) -> u64 {
        self.missing.iter().sum()
    }

    /// Number of all units.
    pub fn total(&self) -> u64 {
        self.graded() + self.not_applicable + self.missing_total()
    }
}

/// Numbers of one criterion in one slice.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Criterion index.
    pub criterion: u16,
    /// The slice.
    pub slice: Slice,
    /// Active examples in the slice.
    pub examples: u64,
    /// Per system.
    pub systems: BTreeMap<Role, SystemCell>,
    /// Candidate against production and fallback, on examples where both have an outcome.
    pub against: BTreeMap<Role, PairedCell>,
}

/// One system's numbers in one cell.
#[derive(Clone, Debug)]
pub struct SystemCell {
    /// First-look units by bin.
    pub counts: Counts,
    /// Examples with at least one graded trial.
    pub n: u64,
    /// Mean score with a two-sided 95 % interval (one-sided 2.5 % each).
    pub rate: Result<Bounds, Undefined>,
    /// For measured values: p50, p95, p99 (type 7) over graded units, in the criterion's unit.
    pub quantiles: Option<[f64; 3]>,
    /// Run noise: share of the variance that is within examples, when there are two trials or more.
    pub within: Option<f64>,
    /// pass^1..k over examples with all k trials graded, with the number of such examples; ungraded trials missing.
    pub pass_hat: Vec<(Option<f64>, u64)>,
    /// The same with ungraded trials counted as failed.
    pub pass_hat_strict: Vec<(Option<f64>, u64)>,
}

/// A paired comparison in one cell, candidate minus the other.
#[derive(Clone, Debug)]
pub struct PairedCell {
    /// Examples with a graded trial on both systems.
    pub n: u64,
    /// Examples (or parts) where both score alike at the top.
    pub both: u64,
    /// Where the candidate scores better (lower, for time and money).
    pub gained: u64,
    /// Where the other scores better.
    pub lost: u64,
    /// Where both score alike below the top.
    pub neither: u64,
    /// The candidate's mean over these pairs.
    pub candidate: Option<f64>,
    /// The other's mean over these pairs.
    pub other: Option<f64>,
    /// The mean difference over the traffic examples among them, and their number.
    pub traffic: Option<(f64, u64)>,
    /// Mean difference with a two-sided 95 % interval.
    pub difference: Result<Bounds, Undefined>,
    /// Two-sided McNemar p-value on gained and lost (mid-p), for single-trial pass/fail on independent examples; exploration only.
    pub p_midp: Option<f64>,
    /// Two-sided exact McNemar p-value.
    pub p_exact: Option<f64>,
}

/// Failures of one class in one slice.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassCount {
    /// Class index.
    pub class: u16,
    /// The slice.
    pub slice: Slice,
    /// Failing outcomes per system (first look).
    pub outcomes: BTreeMap<Role, u64>,
    /// Examples with at least one such failure, per system.
    pub examples: BTreeMap<Role, u64>,
    /// Examples that only the candidate fails so minus those that only production does, of those that both have a verdict on.
    pub change: i64,
    /// Examples that fail so on one of these two, while the other has no verdict: not compared.
    pub unpaired: u64,
}

/// How one rule stands in one slice.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Index into the gate.
    pub rule: usize,
    /// The slice it was evaluated in.
    pub slice: Slice,
    /// How it stands.
    pub standing: Standing,
    /// False when it only reports: a watch, or a rule that reads an uncorrected judge ([`uncorrected`]).
    pub deciding: bool,
    /// What it rests on.
    pub measured: Measured,
    /// Regressed or failing examples by index, costliest first.
    pub examples: Vec<u32>,
}

/// How a rule stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// The evidence shows that it holds.
    Holds,
    /// The evidence shows that it is violated.
    Violated,
    /// It cannot be said yet.
    Undecided(Undecided),
}

/// Why a rule is undecided, and what would decide it.
#[derive(Clone, Debug, PartialEq)]
pub enum Undecided {
    /// A guard tripped, or a judge saw an event, and nothing has confirmed it.
    Unconfirmed {
        /// Examples to run again, or to look at.
        examples: u64,
        /// Fresh trials per example and arm that would decide it; 0 when the systems cannot be called.
        trials: u32,
    },
    /// Missing outcomes could change the verdict.
    Missing {
        /// How many.
        units: u64,
    },
    /// Too few examples to show it either way.
    TooFew {
        /// How many more of the admitted kinds would show it if nothing has changed; `None` when no number would.
        more: Option<u64>,
    },
    /// Too few independent sources (clusters, or degrees of freedom).
    TooFewSources {
        /// Clusters seen.
        clusters: u64,
    },
    /// No example of the admitted kinds is in the slice.
    Empty,
    /// Traffic that no example covers, or whose weight was cut, is larger than the margin allows.
    CoverageGap {
        /// Share of traffic without any example.
        uncovered: f64,
        /// Share of the examples' weight that was cut.
        trimmed: f64,
    },
    /// No weights of these examples reach the stated traffic shares of all dimensions together.
    Unreachable {
        /// The dimension.
        dimension: String,
        /// Its value that cannot reach its share.
        value: String,
    },
    /// The bound would do, but not all examples state what the others could be weighed to traffic by.
    HalfWeighed {
        /// The dimensions, and `inclusion` for the probability with which an example was drawn.
        by: Vec<String>,
    },
    /// The dimensions with stated traffic shares have more combinations of values than can be weighed together.
    Combinations {
        /// The dimensions.
        dimensions: Vec<String>,
    },
    /// One example carries too much of the weight.
    DominantWeight {
        /// The largest share.
        share: f64,
    },
    /// The judge may not gate.
    JudgeUnfit {
        /// Why, and what would decide it.
        fitness: Box<Fitness>,
    },
    /// A judge saw the loss, and people have not labelled the answers in question.
    Unlabelled {
        /// Examples on which the judge sees a difference, without labels of both answers.
        flips: u64,
    },
    /// People labelled too few answers to show it either way.
    FewLabels {
        /// How many more would show it if everything stays as seen.
        more: u64,
    },
    /// The statistic is unbounded at this n (a high quantile, a ratio with a denominator near 0).
    Unbounded {
        /// Examples needed, where known.
        needs: Option<u64>,
    },
}

/// What a finding rests on. Fields that a verb does not use are `None` or 0.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Examples in the slice that the rule admits.
    pub planned: u64,
    /// Examples with an outcome on every system the rule names.
    pub n: u64,
    /// Independent clusters among them.
    pub clusters: u64,
    /// Value of the system the rule is about (rate, mean, quantile …).
    pub value: Option<f64>,
    /// Value of the system it is compared with.
    pub other: Option<f64>,
    /// The limit in the metric's unit: −margin, by, floor or ceiling (signs as in the comparison `value − other > limit`).
    pub limit: Option<f64>,
    /// True when smaller values are better (latency, cost, failure cost).
    pub smaller_is_better: bool,
    /// The estimate with its bound at the level of `holds`, missing outcomes taken at their worst.
    pub for_holds: Option<Bounds>,
    /// The estimate with its bound at the level of `violated`, observed outcomes only.
    pub for_violated: Option<Bounds>,
    /// The bound that `holds` was judged by: that of `for_holds` with traffic that has no example at its worst (statistics.md §7).
    /// Infinite where that has no worst; nothing where `holds` was not asked.
    pub covered: Option<f64>,
    /// One-sided p-value of `holds`, for Holm over narrow segments.
    pub p_holds: Option<f64>,
    /// Net loss Σ(other − candidate) over trial means, in examples.
    pub net_loss: f64,
    /// Examples lost and gained (any difference of trial means).
    pub lost: u64,
    /// See `lost`.
    pub gained: u64,
    /// The trip limit max(3, margin·n), in examples.
    pub trip_limit: Option<f64>,
    /// True when the first look tripped the guard.
    pub tripped: bool,
    /// What fresh trials said.
    pub fresh: Option<Fresh>,
    /// Exact sign test's Holm-adjusted one-sided p-value, for guards without fresh trials.
    pub sign_p: Option<f64>,
    /// Events seen, for a never.
    pub events: u64,
    /// Of those, seen only by an uncalibrated judge.
    pub unconfirmed_events: u64,
    /// Share of first-look answers with an event, for a never: each answer once, whatever its parts, criteria and fresh trials.
    pub event_share: Option<f64>,
    /// More failures per request that the traffic examples among these show (fresh trials if there are any), and how many they
    /// are: chosen examples say nothing about how often users ask such things (statistics.md §7).
    pub traffic: Option<(f64, u64)>,
    /// Examples that the other system gets right at least once, of those with an outcome on both, for a guard.
    pub right: u64,
    /// Missing units on the systems the rule names.
    pub missing: u64,
    /// Examples that people labelled on every system the rule names, for a rule on a calibrated judge.
    pub labelled: u64,
    /// Weight-adjusted number of examples.
    pub n_eff: f64,
    /// The dimensions to whose traffic shares the examples were weighted together, where they are several.
    pub raked: Vec<String>,
    /// Dimensions with stated traffic shares by which the examples could not be weighted: one of them has none of their values.
    pub unweighed: Vec<String>,
    /// Share of the weight that was cut after that.
    pub trimmed: f64,
    /// For failure costs: true when the verdict changes at ½× or 2× the cost of the severest classes (statistics.md §2.7).
    pub cost_fragile: Option<bool>,
}

/// What confirmation said about a tripped guard (statistics.md §13).
#[derive(Clone, Debug, PartialEq)]
pub struct Fresh {
    /// Mean loss on fresh trials, a fraction of examples.
    pub loss: f64,
    /// Its one-sided 95 % run-noise bound.
    pub bound: f64,
    /// Examples.
    pub n: u64,
    /// Calls made for it, both arms.
    pub calls: u64,
    /// Of the examples lost at first look: how many lost again on the majority of fresh trials.
    pub reproduced: u64,
    /// Fresh net loss in examples.
    pub net_loss: f64,
}

/// Every rule restricted to each value of a dimension that a router can isolate.
#[derive(Clone, Debug)]
pub struct Route {
    /// The dimension.
    pub dimension: String,
    /// Its values in order.
    pub values: Vec<RouteValue>,
}

/// One value of a routed dimension.
#[derive(Clone, Debug)]
pub struct RouteValue {
    /// The value.
    pub value: String,
    /// Share of traffic: stated on the page, else the share of traffic examples; `None` when neither is known.
    pub share: Option<f64>,
    /// Every rule restricted to this value (a rule whose own slice excludes it is left out).
    pub findings: Vec<Finding>,
    /// Largest one-sided p-value over its requires; `None` when it has none.
    pub p_requires: Option<f64>,
}

/// An example that one system gets right and the other does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Flip {
    /// Example index.
    pub example: u32,
    /// Criterion index.
    pub criterion: u16,
    /// Candidate's mean score minus production's, first look.
    pub change: f64,
    /// Mean scores: candidate, production.
    pub scores: (f64, f64),
    /// The failing side's class index, where there is one.
    pub class: Option<u16>,
    /// What one such failure costs.
    pub cost: f64,
    /// Fresh trials' scores (candidate, production), when there are any.
    pub fresh: Option<(f64, f64)>,
    /// Why it failed, first of its failing outcomes.
    pub why: Option<std::sync::Arc<str>>,
}

/// Names a slice in words: `task refund`, `all examples`.
pub fn slice_words(slice: &Slice) -> String {
    if slice.is_empty() {
        return "all examples".to_owned();
    }
    slice
        .iter()
        .map(|(dimension, value)| format!("{dimension} {value}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Names a missing reason by its place in [`Counts::missing`].
pub fn missing_reason(index: usize) -> Missing {
    Missing::ALL[index]
}

/// The system that a rule is about.
pub fn rule_role(rule: &crate::manifest::Rule) -> Role {
    require::subject_role(rule)
}
