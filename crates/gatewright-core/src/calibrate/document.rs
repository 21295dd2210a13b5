//! `gatewright-calibration/1`: the calibration as JSON (docs/format-calibration.md). Every number is already chosen.

use std::collections::BTreeMap;

use gatewright_stats::judge::Differential;
use gatewright_stats::ppi::squared_correlation;
use gatewright_stats::proportion::Share;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Agreement, Calibration, Fitness, Reading, Reason, agreement_interval, reason_words};
use crate::manifest::{Manifest, Role};
use crate::review::{PairView, Reviewers};

/// Everything that `gatewright calibrate` says.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Document {
    /// `gatewright-calibration/1`.
    pub format: String,
    /// One entry for each criterion with people's labels beside a judge.
    pub criteria: Vec<CriterionView>,
}

/// One criterion.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CriterionView {
    /// Its name.
    pub criterion: String,
    /// Hash of the judge: a changed model, prompt or rubric has another.
    pub judge: String,
    /// `fit`, `unfit` or `undecided`, for a rule that compares candidate and production (on the candidate where it is alone).
    pub fitness: String,
    /// True when a critical rule rests on it, which asks for more.
    pub critical: bool,
    /// Why it is not fit; empty when it is.
    pub reasons: Vec<ReasonView>,
    /// More labels that would show it fit if its rates stay; `null` where that cannot be said.
    pub labels_needed: Option<u64>,
    /// True when the error rates are those of an earlier calibration of the same judge.
    pub from_earlier: bool,
    /// Per system.
    pub systems: Vec<SystemView>,
    /// All systems together.
    pub pooled: ReadingView,
    /// How its error rates differ between candidate and production.
    pub differential: Option<DifferentialView>,
    /// Squared correlation with people: what one verdict is worth in labels. `null` without labels.
    pub worth: Option<f64>,
    /// How far the people agree.
    pub reviewers: ReviewersView,
    /// What to do next, in words.
    pub next: String,
}

/// Why a judge is not fit.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReasonView {
    /// `no-labels`, `inaccurate`, `adds-nothing`, `differs`, `one-arm`, `unsteady`, `changed`, `chosen`, `open`, `scores`, `metric`.
    pub code: String,
    /// The same with its numbers, in words.
    pub words: String,
}

/// One system's labels.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SystemView {
    /// Its role.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Whether the judge may gate a rule about this system alone.
    pub fitness: String,
    /// The numbers.
    pub reading: ReadingView,
}

/// What labels say of a judge.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReadingView {
    /// Judged answers (or parts).
    pub units: u64,
    /// Of these, labelled by people.
    pub labelled: u64,
    /// Verdicts of the judge that cannot be read: kept as missing.
    pub judge_unread: u64,
    /// Labels of people that cannot be read, or on which they are split.
    pub people_unread: u64,
    /// Labels of answers that are others now: in no rate.
    pub outdated: u64,
    /// People pass, judge passes.
    pub true_pass: u64,
    /// People pass, judge fails.
    pub false_fail: u64,
    /// People fail, judge passes.
    pub false_pass: u64,
    /// People fail, judge fails.
    pub true_fail: u64,
    /// P(judge passes | people pass).
    pub sensitivity: ShareView,
    /// P(judge fails | people fail).
    pub specificity: ShareView,
    /// True when labels are weighed by how they were drawn.
    pub weighted: bool,
    /// Agreement of verdicts.
    pub verdicts: Option<AgreementView>,
    /// Agreement of the labels as written.
    pub labels: Option<AgreementView>,
    /// Answers on which the judge contradicts itself.
    pub retest_flips: u64,
    /// Answers that it was asked about more than once.
    pub retest_asked: u64,
    /// Spearman's correlation of scores.
    pub spearman: Option<f64>,
    /// Its n.
    pub spearman_n: u64,
}

/// A share with one-sided 95 % bounds.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ShareView {
    /// The share; `null` without labels.
    pub point: Option<f64>,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Labels, effective where they are weighted or clustered.
    pub n: u64,
}

/// Agreement of people and judge.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgreementView {
    /// Answers that both labelled.
    pub n: u64,
    /// Share of equal labels.
    pub same: f64,
    /// Cohen's kappa; `null` where it is not defined.
    pub kappa: Option<f64>,
    /// Approximate 95 % interval, by bootstrap.
    pub interval: Option<(f64, f64)>,
    /// True below 20 answers: then it is no more than that.
    pub anecdote: bool,
}

/// Error rates of candidate less those of production.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DifferentialView {
    /// On what people pass.
    pub sensitivity_gap: Option<f64>,
    /// Its two-sided p-value.
    pub sensitivity_p: Option<f64>,
    /// On what people fail.
    pub specificity_gap: Option<f64>,
    /// Its two-sided p-value.
    pub specificity_p: Option<f64>,
}

/// Agreement of the people.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReviewersView {
    /// Answers with a label.
    pub units: u64,
    /// Answers that two or more labelled.
    pub shared: u64,
    /// Of these, answers on which they differ.
    pub differ: u64,
    /// Krippendorff's alpha; `null` where it is not defined.
    pub alpha: Option<f64>,
    /// Each two people.
    pub pairs: Vec<PairView>,
}

/// Returns the JSON Schema of the calibration.
pub fn schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(Document)).unwrap_or(serde_json::Value::Null)
}

/// Makes the document. `reviewers` is by criterion.
pub fn document(
    manifest: &Manifest,
    calibrations: &[Calibration],
    reviewers: &BTreeMap<u16, Reviewers>,
) -> Document {
    let criteria = calibrations.iter();
    Document {
        format: "gatewright-calibration/1".to_owned(),
        criteria: criteria
            .map(|one| criterion(manifest, one, reviewers.get(&one.criterion)))
            .collect(),
    }
}

fn criterion(
    manifest: &Manifest,
    one: &Calibration,
    reviewers: Option<&Reviewers>,
) -> CriterionView {
    let id = manifest.criteria[usize::from(one.criterion)].id.to_string();
    let view = |reading: &Reading, segment: &str| reading_view(manifest, &id, reading, segment);
    let systems = one.systems.iter().map(|(role, reading)| {
        let name = manifest.systems.get(role);
        SystemView {
            role: *role,
            name: name.map_or_else(String::new, |system| system.name.clone()),
            fitness: one
                .each
                .get(role)
                .map_or("undecided", Fitness::word)
                .to_owned(),
            reading: view(reading, role.word()),
        }
    });
    let reasons = one.fitness.reasons().iter();
    CriterionView {
        judge: one.judge.to_string(),
        fitness: one.fitness.word().to_owned(),
        critical: one.critical,
        reasons: reasons
            .map(|reason| ReasonView {
                code: code(reason).to_owned(),
                words: reason_words(reason),
            })
            .collect(),
        labels_needed: match one.fitness {
            Fitness::Undecided { labels, .. } => labels,
            _ => None,
        },
        from_earlier: one.evidence.from_earlier,
        systems: systems.collect(),
        pooled: view(&one.pooled, "all"),
        differential: one.evidence.differential.as_ref().map(differential),
        worth: worth(one),
        reviewers: reviewers_view(reviewers),
        next: super::next_words(&id, one),
        criterion: id,
    }
}

/// What one verdict of the judge is worth in labels: the squared correlation of the two.
pub(super) fn worth(one: &Calibration) -> Option<f64> {
    let table = &one.evidence.table;
    let labels = table.passes() + table.fails();
    let (se, sp) = (
        one.evidence.accuracy.se.point?,
        one.evidence.accuracy.sp.point?,
    );
    let passing = table.passes() as f64 / labels.max(1) as f64;
    // A judge that is wrong more often than right is worth nothing, however well that predicts.
    (se + sp > 1.0)
        .then(|| squared_correlation(passing, se, sp))
        .flatten()
        .or(Some(0.0))
}

fn reading_view(manifest: &Manifest, id: &str, reading: &Reading, segment: &str) -> ReadingView {
    let share = |share: &Share| ShareView {
        point: share.point,
        lower: share.lower,
        upper: share.upper,
        n: share.n,
    };
    let agreement = |found: &Option<Agreement>| {
        found.as_ref().map(|found| AgreementView {
            n: found.n,
            same: found.same,
            kappa: found.kappa,
            interval: agreement_interval(found, manifest.seed, id, segment),
            anecdote: found.n < super::LEAST_ITEMS,
        })
    };
    ReadingView {
        units: reading.units,
        labelled: reading.labelled,
        judge_unread: reading.judge_unread,
        people_unread: reading.people_unread,
        outdated: reading.outdated,
        true_pass: reading.table.true_pass,
        false_fail: reading.table.false_fail,
        false_pass: reading.table.false_pass,
        true_fail: reading.table.true_fail,
        sensitivity: share(&reading.accuracy.se),
        specificity: share(&reading.accuracy.sp),
        weighted: reading.weighted,
        verdicts: agreement(&reading.verdicts),
        labels: agreement(&reading.labels),
        retest_flips: reading.retest.0,
        retest_asked: reading.retest.1,
        spearman: reading.ranks.map(|(rho, _)| rho),
        spearman_n: reading.ranks.map_or(0, |(_, n)| n),
    }
}

fn differential(found: &Differential) -> DifferentialView {
    DifferentialView {
        sensitivity_gap: found.se_gap,
        sensitivity_p: found.se_p,
        specificity_gap: found.sp_gap,
        specificity_p: found.sp_p,
    }
}

fn reviewers_view(found: Option<&Reviewers>) -> ReviewersView {
    ReviewersView {
        units: found.map_or(0, |found| found.units),
        shared: found.map_or(0, |found| found.shared),
        differ: found.map_or(0, |found| found.differ),
        alpha: found.and_then(|found| found.alpha),
        pairs: found.map_or_else(Vec::new, |found| found.pairs.clone()),
    }
}

fn code(reason: &Reason) -> &'static str {
    match reason {
        Reason::NoLabels => "no-labels",
        Reason::Inaccurate { .. } => "inaccurate",
        Reason::AddsNothing { .. } => "adds-nothing",
        Reason::Differs(_) => "differs",
        Reason::OneArm => "one-arm",
        Reason::Unsteady { .. } => "unsteady",
        Reason::Changed => "changed",
        Reason::Chosen => "chosen",
        Reason::Open { .. } => "open",
        Reason::Scores { .. } => "scores",
        Reason::Canaries => "canaries",
        Reason::Metric => "metric",
    }
}
