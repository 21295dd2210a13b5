//! The view model: what a report says, as data. Field by field in docs/format-report.md.
//!
//! Text that others wrote (`why`, ids, names, reasons) is kept as it came; renderers escape it.

mod behaviour;
mod conduct;
mod evidence;
mod pictures;
mod record;
mod stability;
mod tables;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::class::Severity;
use crate::decide::{Answer, Repair, WorkKind};
use crate::judge::MemberReport;
use crate::manifest::{Action, Enforce, Kind, Role, Standard, Verb};

pub use behaviour::{BehaviourView, CasesAgainstView, CasesView, FlipsView};
pub use conduct::{ConfusionView, DoneView, ExpectedView, LapseView};
pub use evidence::{
    ChangedView, EvidenceView, GradeView, PieceView, SaidView, SourceView, TallyView,
};
pub use pictures::{
    CaptionView, FitnessView, ForestRow, ForestView, FreshDifference, HeatCell, HeatRow, HeatView,
    IncidentView, OwnerRow, OwnersView, PaceRow, PaceView, ShareView,
};
pub use record::{DecisionView, RecordView};
pub use stability::{AnswerCount, LeftOutView, StabilityView, StableRule};
pub use tables::{CellView, DenominatorView, PairedView, ReliabilityView, ShareOf, SystemCellView};

/// The format this build writes.
pub const FORMAT: &str = "gatewright-report/1";

/// Everything a report says about one run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct View {
    /// Format and version: `gatewright-report/1`.
    pub format: String,
    /// Product name.
    pub product: String,
    /// What the product promises, in the team's words.
    pub promise: String,
    /// The release question that is answered.
    pub question: String,
    /// One of the six answers.
    pub answer: Answer,
    /// Exit code of the answer before `enforce` and `--accept`.
    pub exit_code: u8,
    /// The answer in one sentence, in words people use.
    pub sentence: String,
    /// What follows: failures a week, who acts, what would be possible instead.
    pub follows: Vec<String>,
    /// Which step of the decision gave the answer, from 1 (docs/decide.md).
    pub step: u8,
    /// The standard of proof.
    pub standard: Standard,
    /// How far the answer reaches: `observe` and `advise` exit 0.
    pub enforce: Enforce,
    /// Why the run is invalid; empty when it is valid.
    pub invalid: Vec<String>,
    /// Findings that made the answer, the severest first, as indexes into `findings`.
    pub fired: Vec<usize>,
    /// For a narrow: where.
    pub scope: Option<ScopeView>,
    /// For a hold, repair or rollback: a narrow that would be possible.
    pub alternative: Option<ScopeView>,
    /// For a rollback: whether the fallback holds the rules that fired.
    pub fallback: Option<FallbackView>,
    /// What the violation means a week, where traffic is known.
    pub per_week: Option<PerWeek>,
    /// One entry per rule and slice, rules in page order.
    pub findings: Vec<FindingView>,
    /// Segments by criterion in which candidate and production differ, the largest loss first.
    pub segments: Vec<SegmentView>,
    /// Failure classes with their counts and owners, the costliest first.
    pub classes: Vec<ClassView>,
    /// What was traded, in one line ("over-refusals −6, unsupported claims +4").
    pub trade_offs: Option<String>,
    /// What was planned, answered and missing, per system.
    pub denominators: Vec<DenominatorView>,
    /// Every criterion in every slice for every system.
    pub tables: Vec<CellView>,
    /// pass^k in both readings, where there are several trials.
    pub reliability: Vec<ReliabilityView>,
    /// Behavioural tests by capability, kind of test and criterion; absent when the reference set has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behaviour: Vec<BehaviourView>,
    /// What was expected against what was done, per criterion that looks at behaviour, slice and system; absent without such a criterion.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<ConfusionView>,
    /// What is asked of whom.
    pub work_items: Vec<WorkItemView>,
    /// What would decide the undecided rules.
    pub needs: Vec<String>,
    /// What would change the answer: how far the rules that made it are from holding, or, for a ship, which rule is the nearest to failing.
    pub would_change: Vec<String>,
    /// Candidate − production per rule and slice; null without production.
    pub forest: Option<ForestView>,
    /// Segment × criterion; null when nothing was graded.
    pub heat: Option<HeatView>,
    /// Failing examples by class and owner; null when nothing fails.
    pub class_owners: Option<OwnersView>,
    /// What this gate could not have seen.
    pub unseen: Vec<String>,
    /// Findings that go along as rollout watches, as indexes into `findings`.
    pub watches: Vec<usize>,
    /// About judges and reviewers.
    pub judge_notes: Vec<String>,
    /// Model judges of this run, with what they said of canaries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeView>,
    /// Judges that people's labels calibrate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub fitness: Vec<FitnessView>,
    /// Where the examples came from.
    pub reference: ReferenceView,
    /// Examples that changed between production and candidate: regressed first, by cost; at most [`FLIPS_MAX`].
    pub flips: Vec<FlipView>,
    /// How many examples changed in all.
    pub flips_total: u64,
    /// How many of all of them the candidate lost.
    pub flips_lost: u64,
    /// How many of all of them it gained.
    pub flips_gained: u64,
    /// What both systems said on the flips; only in files that `-o` writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceView>,
    /// The run and its seal.
    pub run: RunView,
    /// What is on the record besides; absent in what a proposal is hashed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordView>,
    /// How far the answer hangs on which examples are in the set; absent in what a proposal is hashed from, and where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(default)]
    pub stability: Option<StabilityView>,
    /// The command to type next.
    pub next: String,
}

/// One judge of one criterion.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct JudgeView {
    /// The criterion.
    pub criterion: String,
    /// What it judged, and what it said of canaries.
    #[serde(flatten)]
    pub report: MemberReport,
    /// Why it may not gate by its canaries; absent when they hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
}

/// Most flips that a view carries; `gatewright diff` shows all.
pub const FLIPS_MAX: usize = 1000;

/// An estimate with everything that must stand beside it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EstimateView {
    /// Point estimate.
    pub point: f64,
    /// One-sided lower bound; null when there is none.
    pub lower: Option<f64>,
    /// One-sided upper bound; null when there is none.
    pub upper: Option<f64>,
    /// One-sided level of each bound.
    pub alpha: f64,
    /// Rows.
    pub n: u64,
    /// Independent sources.
    pub clusters: u64,
    /// Effective number of rows.
    pub n_eff: f64,
    /// Degrees of freedom, where the method has them.
    pub df: Option<f64>,
    /// How the bounds were made.
    pub method: String,
}

/// An owner.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OwnerView {
    /// Id on the page.
    pub id: String,
    /// Shown name.
    pub name: String,
    /// How to reach them.
    pub contact: Option<String>,
}

/// A slice: dimension and value pairs that all match; empty means every example.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SliceView {
    /// Dimension to value.
    pub values: BTreeMap<String, String>,
    /// In words.
    pub words: String,
}

/// Where a narrow release goes.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ScopeView {
    /// The routed dimension; null for a share of everything.
    pub dimension: Option<String>,
    /// Values that pass.
    pub values: Vec<String>,
    /// Values that are left out.
    pub without: Vec<String>,
    /// Share of traffic, if known.
    pub share: Option<f64>,
}

/// Whether the fallback would do better.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FallbackView {
    /// Its name.
    pub name: String,
    /// Whether it holds the rules that fired; null when it was not measured.
    pub holds: Option<bool>,
    /// Its value on the first fired rule.
    pub value: Option<f64>,
}

/// What a loss means a week.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PerWeek {
    /// Failures a week: more than `than`, or all of them.
    pub failures: f64,
    /// What they are more than: a system's role, or `the limit` of a demand; `null` where they are counted whole (a never).
    pub than: Option<String>,
    /// Their cost a week, if the class has one in money.
    pub money: Option<Money>,
    /// What the figure rests on.
    pub basis: String,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Money {
    /// Amount.
    pub amount: f64,
    /// Currency code; null for plain cost units.
    pub currency: Option<String>,
}

/// What a number is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A fraction of 1, shown in per cent; differences in points.
    Share,
    /// Milliseconds.
    Milliseconds,
    /// US dollars.
    Usd,
    /// The page's cost units.
    Cost,
    /// A plain number.
    Number,
}

/// How one rule stands in one slice.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FindingView {
    /// Rule id.
    pub rule: String,
    /// Where the rule is written (`gatewright.yaml:61:5`).
    pub at: String,
    /// Its verb.
    pub verb: Verb,
    /// Criterion or class it is about.
    pub subject: String,
    /// What is measured (`share`, `p95`, `pass^4` …).
    pub metric: String,
    /// Where it was evaluated.
    pub slice: SliceView,
    /// `holds`, `violated` or `undecided`.
    pub standing: StandingWord,
    /// Why it is undecided, in words.
    pub undecided: Option<String>,
    /// In one sentence.
    pub sentence: String,
    /// What the sentence rests on, in words: n, effective n, missing outcomes, interval with its method, or why there is none.
    pub rests_on: String,
    /// False when it only reports.
    pub deciding: bool,
    /// How bad a violation is.
    pub severity: Severity,
    /// What a violation asks for.
    pub action: Option<Action>,
    /// Who acts.
    pub owner: OwnerView,
    /// Unit of the values below.
    pub unit: Unit,
    /// The system that the rule is about.
    pub of: Role,
    /// The system it is compared with.
    pub against: Option<Role>,
    /// Value of the system the rule is about.
    pub value: Option<f64>,
    /// Value of the other system.
    pub other: Option<f64>,
    /// Threshold or margin in the unit.
    pub limit: Option<f64>,
    /// Examples that the rule admits.
    pub planned: u64,
    /// Examples with an outcome on every system it names.
    pub n: u64,
    /// Independent sources.
    pub clusters: u64,
    /// Effective number of examples.
    pub n_eff: f64,
    /// Missing units on the systems it names.
    pub missing: u64,
    /// Examples that people labelled on every system it names, for a rule on a calibrated judge; 0 otherwise.
    pub labelled: u64,
    /// The estimate for `holds`: missing outcomes at their worst.
    pub for_holds: Option<EstimateView>,
    /// The bound that `holds` was judged by: that of `for_holds` with traffic that has no example at its worst; null when there is none.
    pub covered: Option<f64>,
    /// The estimate for `violated`: observed outcomes only.
    pub for_violated: Option<EstimateView>,
    /// Examples lost, gained, and the net loss over trial means.
    pub lost: u64,
    /// See `lost`.
    pub gained: u64,
    /// See `lost`.
    pub net_loss: f64,
    /// At how many lost examples a guard trips.
    pub trip_limit: Option<f64>,
    /// The first look tripped the guard.
    pub tripped: bool,
    /// What fresh trials said.
    pub confirmed: Option<FreshView>,
    /// Exact sign test, adjusted over all tripped segments, for guards without fresh trials.
    pub sign_p: Option<f64>,
    /// Events seen, for a never.
    pub events: u64,
    /// Of those, seen only by a judge.
    pub unconfirmed_events: u64,
    /// Example ids behind it, costliest first.
    pub examples: Vec<String>,
}

/// A rule's standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StandingWord {
    /// The evidence shows that it holds.
    Holds,
    /// The evidence shows that it is violated.
    Violated,
    /// It cannot be said yet.
    Undecided,
}

impl StandingWord {
    /// Returns the word.
    pub fn word(self) -> &'static str {
        match self {
            StandingWord::Holds => "holds",
            StandingWord::Violated => "violated",
            StandingWord::Undecided => "undecided",
        }
    }
}

/// What fresh trials of a tripped guard said.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FreshView {
    /// Mean loss, a fraction of examples.
    pub loss: f64,
    /// Its one-sided 95 % bound for run noise.
    pub bound: f64,
    /// Examples.
    pub n: u64,
    /// Calls made.
    pub calls: u64,
    /// Of the examples lost at first look: how many were lost again.
    pub reproduced: u64,
    /// Net loss in examples.
    pub net_loss: f64,
}

/// One criterion in one slice, candidate against production.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SegmentView {
    /// Criterion id.
    pub criterion: String,
    /// What the numbers are where they are no share that stands as it is: a `mean`, a judge's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(default)]
    pub note: Option<String>,
    /// The slice.
    pub slice: SliceView,
    /// Unit of the values below.
    pub unit: Unit,
    /// Examples with an outcome on both.
    pub n: u64,
    /// Candidate's value.
    pub candidate: Option<f64>,
    /// Production's value.
    pub production: Option<f64>,
    /// Candidate minus production with a two-sided 95 % interval; null when it has none.
    pub difference: Option<EstimateView>,
    /// Why there is no interval.
    pub no_interval: Option<String>,
    /// Examples lost; of a preference those where production was preferred.
    pub lost: u64,
    /// Examples gained; of a preference those where the candidate was preferred.
    pub gained: u64,
    /// Of a preference: examples where neither was preferred. A preference has no value of one system alone; its change is wins minus losses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(default)]
    pub tied: Option<u64>,
    /// Net change over all n, in the criterion's unit, so that negative is worse: few large losses may outweigh many small gains.
    pub net: f64,
    /// More failures a week than production, where traffic is known; negative for fewer.
    pub per_week: Option<f64>,
    /// A rule fired here.
    pub fired: bool,
}

/// One failure class.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClassView {
    /// Class id.
    pub class: String,
    /// How bad one is.
    pub severity: Severity,
    /// What one costs.
    pub cost: Money,
    /// Who repairs it.
    pub owner: OwnerView,
    /// The repair path.
    pub repair: String,
    /// Failing outcomes per system, first look.
    pub outcomes: BTreeMap<Role, u64>,
    /// Examples with at least one, per system.
    pub examples: BTreeMap<Role, u64>,
    /// The candidate's examples minus production's, of those that both have a verdict on; null without production.
    pub change: Option<i64>,
    /// Examples that fail so on one of these two, while the other has no verdict: not in `change`.
    #[schemars(default)]
    pub unpaired: u64,
    /// The same per slice.
    pub slices: Vec<ClassSliceView>,
}

/// One class in one slice.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClassSliceView {
    /// The slice.
    pub slice: SliceView,
    /// Failing outcomes per system.
    pub outcomes: BTreeMap<Role, u64>,
    /// Examples per system.
    pub examples: BTreeMap<Role, u64>,
}

/// What is asked of an owner.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WorkItemView {
    /// Kind of work.
    pub kind: WorkKind,
    /// Who.
    pub owner: OwnerView,
    /// What to do.
    pub what: String,
    /// For a repair: the same taken apart, for the summary.
    #[serde(skip)]
    pub repair: Option<Repair>,
    /// Index of the finding it follows from.
    pub finding: Option<usize>,
    /// Failure class.
    pub class: Option<String>,
    /// Where.
    pub slice: SliceView,
    /// Example ids to look at first.
    pub examples: Vec<String>,
    /// Whose outcomes it is about.
    pub system: Role,
}

/// Where the examples came from.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReferenceView {
    /// Active examples.
    pub active: u64,
    /// Independent sources.
    pub clusters: u64,
    /// Active examples by kind.
    pub kinds: BTreeMap<Kind, u64>,
    /// Kept and not run.
    pub quarantined: u64,
    /// Out of use.
    pub retired: u64,
    /// Earliest stated date of addition.
    pub oldest: Option<String>,
    /// Latest stated date of addition.
    pub newest: Option<String>,
    /// Without a date.
    pub undated: u64,
    /// Active examples whose `review_by` has passed.
    pub overdue: u64,
    /// Their share of the active examples; null without any.
    pub stale: Option<f64>,
    /// The middle date of addition, of those that state one.
    pub middle: Option<String>,
    /// Production failures that the gate knows of, open ones first.
    pub incidents: Vec<IncidentView>,
    /// Hash of the set.
    pub digest: String,
}

/// One example that changed.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FlipView {
    /// Example id.
    pub example: String,
    /// Criterion id.
    pub criterion: String,
    /// Segment values of the example.
    pub segments: BTreeMap<String, String>,
    /// Candidate's mean score minus production's.
    pub change: f64,
    /// Candidate's mean score.
    pub candidate: f64,
    /// Production's mean score.
    pub production: f64,
    /// Fresh trials' mean scores (candidate, production).
    pub fresh: Option<(f64, f64)>,
    /// Failure class of the failing side.
    pub class: Option<String>,
    /// What one such failure costs.
    pub cost: f64,
    /// Why it failed: untrusted text.
    pub why: Option<String>,
}

/// The run and its seal.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RunView {
    /// The run folder's name.
    pub name: String,
    /// Tool and version.
    pub tool: String,
    /// Civil date of the decision.
    pub today: String,
    /// Which release attempt on this reference set.
    pub attempt: u32,
    /// Hash of the plan.
    pub plan: String,
    /// Hash of the seal.
    pub seal: Option<String>,
    /// `sealed before the first outcome`, `sealed after outputs existed` or `not sealed`.
    pub sealed: String,
    /// Sealed parts that changed since.
    pub changed: Vec<String>,
    /// What whoever reads the numbers must know of how the run went.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub notes: Vec<String>,
    /// Systems by role: name and fingerprint.
    pub systems: BTreeMap<Role, SystemView>,
    /// First-look trials per role.
    pub trials: BTreeMap<Role, u32>,
}

/// A system in the run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SystemView {
    /// Its name.
    pub name: String,
    /// Its fingerprint.
    pub fingerprint: String,
}
