//! Pictures as data: what each says in a sentence, and the rows that are drawn. A renderer only places them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{EstimateView, Money, OwnerView, SliceView, StandingWord, Unit};
use crate::class::Severity;
use crate::manifest::{Role, Verb};

/// What a picture says, for whoever does not see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CaptionView {
    /// What it shows, as a sentence with its numbers: the picture's title.
    pub finding: String,
    /// How to read it, and what else is in it.
    pub summary: String,
}

/// Candidate − production, one row per rule and slice, the worst first.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ForestView {
    /// What it says.
    pub caption: CaptionView,
    /// The smallest and the largest value on the axis, as fractions of 1.
    pub axis: (f64, f64),
    /// Where the axis is marked, ascending; 0 is among them.
    pub ticks: Vec<f64>,
    /// The rows.
    pub rows: Vec<ForestRow>,
}

/// One rule in one slice.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ForestRow {
    /// Index into `findings`.
    pub finding: usize,
    /// Rule id.
    pub rule: String,
    /// Its verb.
    pub verb: Verb,
    /// Criterion.
    pub criterion: String,
    /// Where.
    pub slice: SliceView,
    /// How it stands.
    pub standing: StandingWord,
    /// False when it only reports.
    pub deciding: bool,
    /// How bad a violation is.
    pub severity: Severity,
    /// It made the answer.
    pub fired: bool,
    /// Unit: rows that are no share have no place on the axis.
    pub unit: Unit,
    /// Examples with an outcome on both systems.
    pub n: u64,
    /// Candidate − production; null when it has no value.
    pub difference: Option<EstimateView>,
    /// Why there is no interval.
    pub no_interval: Option<String>,
    /// The level of the interval as a fraction of 1 (0.95 for 95 %).
    pub level: Option<f64>,
    /// The limit on the axis: the difference below which it is worse than allowed; null when there is none.
    pub limit: Option<f64>,
    /// Examples lost at first look.
    pub lost: u64,
    /// Examples gained at first look.
    pub gained: u64,
    /// Candidate − production on fresh trials, with the calls behind it; null when none were made.
    pub fresh: Option<FreshDifference>,
    /// First-look trials of an example: candidate, production.
    pub trials: (u32, u32),
}

/// What fresh trials of a tripped guard say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FreshDifference {
    /// Candidate − production.
    pub difference: f64,
    /// The least loss that run noise leaves, as a difference (one-sided 95 %).
    pub at_best: f64,
    /// Calls.
    pub calls: u64,
}

/// Segment × criterion.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct HeatView {
    /// What it says.
    pub caption: CaptionView,
    /// Criteria, in page order.
    pub criteria: Vec<String>,
    /// All examples first, then the segment with the largest loss.
    pub rows: Vec<HeatRow>,
    /// Segments that are left out because there are too many: the tables have them.
    pub left_out: u64,
    /// Cells with fewer examples than this are hatched.
    pub thin_below: u64,
    /// True when cells compare candidate with production; otherwise they show the candidate alone.
    pub compares: bool,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct HeatRow {
    /// The segment.
    pub slice: SliceView,
    /// Active examples in it.
    pub examples: u64,
    /// One cell per criterion, in the order of `criteria`; null where nothing was graded.
    pub cells: Vec<Option<HeatCell>>,
}

/// One criterion in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct HeatCell {
    /// Unit of the values.
    pub unit: Unit,
    /// The candidate's value.
    pub candidate: f64,
    /// Candidate − production on the same examples; null without production.
    pub change: Option<f64>,
    /// Examples it rests on.
    pub n: u64,
    /// Too few examples to read much into it.
    pub thin: bool,
    /// How strongly it is coloured, from −3 (much worse) over 0 to 3 (much better).
    pub shade: i8,
}

/// Failing examples by class and owner.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OwnersView {
    /// What it says.
    pub caption: CaptionView,
    /// One row per owner, the costliest first.
    pub owners: Vec<OwnerRow>,
    /// Of how many examples these are.
    pub examples: u64,
    /// The largest count of failing examples in any class: the full width of a bar.
    pub most: u64,
}

/// What one owner answers for.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OwnerRow {
    /// Who.
    pub owner: OwnerView,
    /// Indexes into `classes`, in their order.
    pub classes: Vec<usize>,
    /// What the candidate's failing examples of these classes cost together; null where the costs cannot be added up.
    pub cost: Option<Money>,
}

/// Time and money of the answers, beside what they are worth.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PaceView {
    /// What it says.
    pub caption: CaptionView,
    /// The criteria beside which it stands: those that a deciding rule is about.
    pub criteria: Vec<String>,
    /// One row per system.
    pub systems: Vec<PaceRow>,
    /// The largest p95, in milliseconds; null without any.
    pub slowest: Option<f64>,
    /// The largest p95 or upper bound of one, in milliseconds: the full width of a bar; null without any.
    pub widest: Option<f64>,
}

/// One system.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PaceRow {
    /// Role.
    pub system: Role,
    /// Its name.
    pub name: String,
    /// Mean score with interval per criterion, in the order of `criteria`; null where it has none.
    pub quality: Vec<Option<EstimateView>>,
    /// First-look answers.
    pub answers: u64,
    /// Answers with a time.
    pub timed: u64,
    /// Median time in milliseconds, with its 95 % interval.
    pub p50: Option<EstimateView>,
    /// 95th percentile in milliseconds, with its 95 % interval; a bound is null where there are too few answers for one.
    pub p95: Option<EstimateView>,
    /// Answers with a price.
    pub priced: u64,
    /// Mean price of an answer in US dollars.
    pub cost_mean: Option<f64>,
    /// The same with its 95 % interval, which takes sources as independent.
    pub cost: Option<EstimateView>,
    /// Why the price has no interval.
    pub cost_no_interval: Option<String>,
    /// Price of all first-look answers in US dollars.
    pub cost_total: Option<f64>,
}

/// How a calibrated judge stands.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FitnessView {
    /// Criterion.
    pub criterion: String,
    /// `fit`, `unfit` or `undecided`.
    pub standing: String,
    /// Why it may not gate.
    pub reasons: Vec<String>,
    /// People pass, judge passes; people pass, judge fails; people fail, judge passes; people fail, judge fails.
    pub counts: [u64; 4],
    /// How often it passes what people pass, with a one-sided 95 % bound on each side.
    pub passes_right: ShareView,
    /// How often it fails what people fail.
    pub fails_right: ShareView,
    /// The labels are those of an earlier calibration of the same judge.
    pub from_earlier: bool,
}

/// A share with bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ShareView {
    /// In [0, 1]; null without cases.
    pub point: Option<f64>,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Cases.
    pub n: u64,
}

/// A production failure that the gate knows of.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct IncidentView {
    /// Its id.
    pub id: String,
    /// When it happened.
    pub date: String,
    /// Failure class.
    pub class: String,
    /// Dimension to value.
    pub segment: BTreeMap<String, String>,
    /// What happened. Untrusted text.
    pub what: String,
    /// The example that reproduces it.
    pub example: Option<String>,
    /// It obliges the gate.
    pub open: bool,
}
