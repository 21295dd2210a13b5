//! The one page: `gatewright.yaml` as the domain sees it.
//!
//! Reading (`read`) turns the file's serde shape (`shape`) into these types and returns everything
//! wrong at once. Nothing here is serialised: the shape is the file format, these are the meaning.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::class::{FailureClass, Severity};
use crate::digest::Digest;
use crate::id::{CriterionId, OwnerId, RuleId};
use crate::problem::Location;
use crate::source::Source;

/// The whole page.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Product name.
    pub product: String,
    /// What the product promises.
    pub promise: Promise,
    /// Kinds of machinery in use; each brings demands.
    pub uses: BTreeSet<Uses>,
    /// Tasks users ask for, with a description.
    pub tasks: BTreeMap<String, String>,
    /// The twelve shipped classes merged with the page's, sorted by id. Outcomes refer to them by index.
    pub classes: Vec<FailureClass>,
    /// Who owns what.
    pub owners: BTreeMap<OwnerId, Owner>,
    /// Where real examples can be sampled.
    pub evidence: Vec<EvidenceSource>,
    /// Traffic volume and mix.
    pub traffic: Option<Traffic>,
    /// The release decision.
    pub decision: DecisionPolicy,
    /// Dimensions in page order; `task` comes first by itself.
    pub dimensions: Vec<Dimension>,
    /// Systems by role. Candidate is required; production and fallback are optional.
    pub systems: BTreeMap<Role, System>,
    /// Planned trials.
    pub trials: Trials,
    /// Where the examples are.
    pub reference: Vec<Source>,
    /// Where incidents are kept (`incidents.jsonl` beside the page by default).
    pub incidents: String,
    /// Criteria in page order. Outcomes refer to them by index.
    pub criteria: Vec<Criterion>,
    /// The gate: rules in page order.
    pub gate: Vec<Rule>,
    /// Seed of everything random that is derived from the page.
    pub seed: u64,
    /// Where each key stands: dotted path (`gate[2].margin`, `criteria.grounded.grader`) to location.
    pub spans: BTreeMap<String, Location>,
    /// Hash of the page's bytes.
    pub digest: Digest,
}

impl Manifest {
    /// Returns the location of a dotted path, or of its nearest ancestor.
    pub fn at(&self, path: &str) -> Location {
        let mut path = path;
        loop {
            if let Some(location) = self.spans.get(path) {
                return location.clone();
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return self.spans.get("").cloned().unwrap_or_default(),
            }
        }
    }

    /// Finds a class's index by name.
    pub fn class_index(&self, id: &str) -> Option<u16> {
        self.classes
            .binary_search_by(|class| class.id.as_str().cmp(id))
            .ok()
            .map(|index| index as u16)
    }

    /// Finds a criterion's index by name.
    pub fn criterion_index(&self, id: &str) -> Option<u16> {
        self.criteria
            .iter()
            .position(|criterion| criterion.id.as_str() == id)
            .map(|index| index as u16)
    }

    /// Finds a dimension by name.
    pub fn dimension(&self, name: &str) -> Option<(usize, &Dimension)> {
        self.dimensions
            .iter()
            .enumerate()
            .find(|(_, dimension)| dimension.name == name)
    }
}

/// What the product does, for whom, with what evidence, under which constraints, and what it does when the answer is not ready.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Promise {
    /// What it does.
    pub does: String,
    /// For whom.
    pub for_whom: String,
    /// What counts as evidence for an answer.
    pub evidence: String,
    /// What it must keep to.
    pub constraints: Vec<String>,
    /// What it does when the answer is not ready.
    pub when_not_ready: String,
}

/// A kind of machinery whose use brings demands that `check` makes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Uses {
    /// Answers follow a written policy: policy-sensitive examples are demanded.
    Policy,
    /// Answers come from retrieved sources: source quality and answerability are demanded.
    Retrieval,
    /// Support work: durable resolution is demanded.
    Support,
    /// Tools are called: permission boundaries and audit fields are demanded.
    Tools,
}

/// A person or team.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// Shown name.
    pub name: String,
    /// How to reach them.
    pub contact: Option<String>,
}

/// Where real examples can be sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceSource {
    /// Its name.
    pub id: String,
    /// What it yields.
    pub kind: Kind,
    /// Where it is (not opened by this tool's everyday commands).
    pub at: String,
}

/// The kind of an example: where it came from.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sampled from traffic by a stated design: the only kind that estimates traffic rates by itself.
    Traffic,
    /// From a production failure.
    Incident,
    /// At the edge of the task.
    Edge,
    /// From a written policy.
    Policy,
    /// Made up to fill a named gap.
    Synthetic,
    /// Chosen by hand: may break a guard, never carries a require unless `from` names it.
    Handpicked,
    /// From a public benchmark: the same limits as handpicked.
    Benchmark,
}

impl Kind {
    /// All kinds in the order of reports.
    pub const ALL: [Kind; 7] = [
        Kind::Traffic,
        Kind::Incident,
        Kind::Edge,
        Kind::Policy,
        Kind::Synthetic,
        Kind::Handpicked,
        Kind::Benchmark,
    ];

    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Traffic => "traffic",
            Kind::Incident => "incident",
            Kind::Edge => "edge",
            Kind::Policy => "policy",
            Kind::Synthetic => "synthetic",
            Kind::Handpicked => "handpicked",
            Kind::Benchmark => "benchmark",
        }
    }
}

/// Traffic volume and mix.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Requests a week.
    pub per_week: f64,
    /// Share of traffic per value, by dimension; each dimension's shares add up to at most 1.
    pub share: BTreeMap<String, BTreeMap<String, f64>>,
}

/// How the release is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionPolicy {
    /// The question that the gate answers.
    pub question: String,
    /// Who decides.
    pub decided_by: Option<OwnerId>,
    /// True when the candidate already serves users, so that a rollback means something.
    pub exposed: bool,
    /// The standard of proof.
    pub standard: Standard,
    /// Dimensions that a router can isolate.
    pub route_by: Vec<String>,
    /// Share of traffic of a narrow that names no segment, in (0, 1).
    pub narrow_share: f64,
    /// What the exit code does.
    pub enforce: Enforce,
    /// Planned release attempts on this reference set; each spends α/N.
    pub attempts: Option<u32>,
}

/// The standard of proof (design.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standard {
    /// At least one require, and all hold.
    Shown,
    /// Nothing violated, tripped, unconfirmed or missing; requires are optional.
    Unbroken,
}

/// How far the answer reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Enforce {
    /// Report only; exit 0.
    Observe,
    /// Say "would hold"; exit 0.
    Advise,
    /// The exit code is the answer's.
    Block,
}

/// A dimension by which results are reported separately.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Its name.
    pub name: String,
    /// Its values in page order. Empty: whatever values the examples carry.
    pub values: Vec<DimensionValue>,
}

/// One value of a dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct DimensionValue {
    /// Its name.
    pub name: String,
    /// Which examples have it.
    pub matches: Matcher,
}

/// Which examples a dimension value takes. First match in page order wins.
#[derive(Clone, Debug, PartialEq)]
pub enum Matcher {
    /// The example's own segment field says so.
    Field,
    /// The input's text matches a regular expression (case-insensitive).
    InputMatches(String),
    /// A field of the example (dotted path) equals one of these values.
    FieldIn {
        /// Dotted path inside the example: `context.plan`, `expect.behaviour`, `provenance.kind`.
        field: String,
        /// Accepted values as text.
        values: Vec<String>,
    },
    /// Everything no other value takes.
    Rest,
}

/// The role of a system under test.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The release under question.
    Candidate,
    /// What serves users now.
    Production,
    /// What would serve if neither did.
    Fallback,
}

impl Role {
    /// All roles in the order of reports.
    pub const ALL: [Role; 3] = [Role::Candidate, Role::Production, Role::Fallback];

    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Role::Candidate => "candidate",
            Role::Production => "production",
            Role::Fallback => "fallback",
        }
    }

    /// Returns the index in [`Role::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// A system under test.
#[derive(Clone, Debug)]
pub struct System {
    /// Its role.
    pub role: Role,
    /// Its own name (`assistant-12`); labels from files join on it. The role's word by default.
    pub name: String,
    /// How it is reached.
    pub target: Target,
    /// Its own promise of time, in milliseconds; exceeding it fails as `latency`.
    pub timeout_ms: Option<u64>,
    /// Hash of everything that makes it what it is.
    pub fingerprint: Digest,
}

/// How a system is reached.
#[derive(Clone, Debug)]
pub enum Target {
    /// Outputs recorded in a file.
    Recorded(Source),
    /// Only labels were recorded: there are no outputs to read; `trials` is how many the labels carry.
    LabelsOnly,
    /// A program that reads and writes JSON lines.
    Command {
        /// Program and arguments; no shell.
        argv: Vec<String>,
        /// Parallel processes, from 1.
        workers: u32,
        /// Further environment variables by name, taken from the caller's environment (never values).
        env: Vec<String>,
    },
    /// A live endpoint (`openai`, `anthropic`, `http`): understood on the page, called by the run engine of a later release.
    Live {
        /// The adapter's key.
        kind: String,
        /// Its settings as written.
        settings: serde_json::Value,
    },
}

impl Target {
    /// Says whether fresh trials can be had.
    pub fn can_rerun(&self) -> bool {
        matches!(self, Target::Command { .. } | Target::Live { .. })
    }
}

/// Planned trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trials {
    /// `clamp(ceil(400 / n), 1, 5)` for systems that can be called.
    Auto,
    /// This many.
    Fixed(u32),
}

/// One thing that can fail for its own reason.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// Its name.
    pub id: CriterionId,
    /// What judges it.
    pub grader: Grader,
    /// Which classes its failures are.
    pub fails_as: FailsAs,
    /// Which part of the promise it protects, in words; optional.
    pub protects: Option<String>,
    /// Which examples it applies to; empty means all.
    pub applies_to: Vec<(String, Vec<String>)>,
}

/// Maps a criterion's failures to classes (indexes into [`Manifest::classes`]).
#[derive(Clone, Debug, PartialEq)]
pub enum FailsAs {
    /// Every failure is of one class.
    One(u16),
    /// By the symptom that the grader names (`answered-when-refuse`, or a label), with an optional default.
    BySymptom {
        /// Symptom to class.
        map: BTreeMap<String, u16>,
        /// For symptoms not in the map (`otherwise`).
        otherwise: Option<u16>,
    },
    /// It protects nothing (an error that `check` reports).
    Nothing,
}

impl FailsAs {
    /// Returns all classes named.
    pub fn classes(&self) -> BTreeSet<u16> {
        match self {
            FailsAs::One(class) => BTreeSet::from([*class]),
            FailsAs::BySymptom { map, otherwise } => {
                map.values().copied().chain(*otherwise).collect()
            }
            FailsAs::Nothing => BTreeSet::new(),
        }
    }
}

/// What judges a criterion.
#[derive(Clone, Debug)]
pub enum Grader {
    /// The output equals the expected answer (`expect.answer`), or `text`.
    Exact {
        /// Fixed text; the example's `expect.answer` when absent.
        text: Option<String>,
        /// Ignore case and runs of white space.
        normalise: bool,
    },
    /// The output contains all of `texts` and `expect.contains`.
    Contains {
        /// Fixed texts, besides `expect.contains`.
        texts: Vec<String>,
        /// Ignore case.
        ignore_case: bool,
        /// Pass when any one is contained.
        any: bool,
    },
    /// The output contains none of `texts` and `expect.not_contains`.
    NotContains {
        /// Fixed texts, besides `expect.not_contains`.
        texts: Vec<String>,
        /// Ignore case.
        ignore_case: bool,
    },
    /// The output matches (or must not match) a linear-time regular expression.
    Regex {
        /// The pattern.
        pattern: String,
        /// Pass when it does not match.
        negate: bool,
    },
    /// A number in the output is within tolerance of `expect.answer`.
    Number {
        /// Absolute tolerance, ≥ 0.
        tolerance: f64,
        /// Relative tolerance, ≥ 0.
        relative: f64,
    },
    /// The output is JSON valid under a schema.
    JsonSchema {
        /// The schema itself.
        schema: serde_json::Value,
    },
    /// Every id of `expect.must_cite` is among the citations.
    MustCite,
    /// Cited ids exist among the example's sources, and at least one is cited when sources exist (`cites: {from: sources}`).
    CitesKnown,
    /// Quoted passages (in double quotes) of the output stand in the example's sources.
    QuotesInSources,
    /// Every tool of `expect.must_call` is called.
    MustCall,
    /// No tool of `expect.must_not_call`, nor of `tools`, is called.
    MustNotCall {
        /// Fixed tool names, besides `expect.must_not_call`.
        tools: Vec<String>,
    },
    /// The behaviour is the one expected. Symptoms read `answered-when-refuse`, `refused-when-answer`, …
    Behaviour,
    /// The time of the whole answer: fails above `at_most_ms`; its value is in milliseconds.
    Latency {
        /// Limit in milliseconds; none = only measured.
        at_most_ms: Option<f64>,
        /// A numeric response field in seconds or milliseconds to read instead of the whole answer's time.
        field: Option<String>,
    },
    /// The money of an answer in US dollars: fails above `at_most_usd`.
    Cost {
        /// Limit in US dollars; none = only measured.
        at_most_usd: Option<f64>,
    },
    /// Recorded labels of people, programs or model judges.
    Label(LabelGrader),
    /// Recorded preferences between candidate and production.
    Preference(PreferenceGrader),
}

/// Reads recorded labels.
#[derive(Clone, Debug)]
pub struct LabelGrader {
    /// Where the labels are.
    pub source: Source,
    /// Who gave them (decides whether they may gate).
    pub by: crate::outcome::GraderKind,
    /// Version of the rubric they followed, if stated.
    pub rubric: Option<String>,
    /// Label to verdict, first entry whose `when` matches the example.
    pub values: Vec<LabelMap>,
    /// How several annotators make one verdict. Their disagreement is kept either way.
    pub combine: Combine,
    /// How several parts of one answer make the answer's verdict; none: each part is a row in its example's cluster.
    pub parts: Option<PartsRule>,
    /// A numeric field is the score itself, instead of a label.
    pub score: bool,
    /// What it means when an answered trial has no label.
    pub absent: Absent,
}

/// What an absent label means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// Missing(grader error).
    Missing,
    /// The criterion does not apply (for parts: an answer without parts).
    NotApplicable,
    /// Counted as a failure (the published reading of some benchmarks).
    Fail,
    /// Counted as a pass (an answer without claims has no contradicted claim).
    Pass,
}

/// Maps labels to verdicts for the examples that `when` selects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelMap {
    /// Dimension or example field to accepted values; empty means every example.
    pub when: Vec<(String, Vec<String>)>,
    /// Labels that pass.
    pub pass: BTreeSet<String>,
    /// Labels that fail, with the symptom or class they fail as (`None`: the criterion's only class).
    pub fail: BTreeMap<String, Option<u16>>,
    /// Labels that say the criterion does not apply.
    pub not_applicable: BTreeSet<String>,
}

/// How several annotators' labels of one unit make one verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Combine {
    /// The verdict most annotators gave; a split is missing(grader error).
    Majority,
    /// Pass only if every annotator passes it.
    Unanimous,
    /// Pass if any annotator passes it.
    Any,
}

/// How the parts of an answer make the answer's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartsRule {
    /// Pass when every part passes.
    All,
    /// Pass when any part passes.
    Any,
    /// The share of parts that pass, a value in [0, 1].
    Share,
}

/// Reads recorded preferences: labels that name the better of two systems.
#[derive(Clone, Debug)]
pub struct PreferenceGrader {
    /// Where the labels are.
    pub source: Source,
    /// Who gave them.
    pub by: crate::outcome::GraderKind,
    /// Version of the rubric, if stated.
    pub rubric: Option<String>,
    /// Labels that mean "the first system is better".
    pub first: BTreeSet<String>,
    /// Labels that mean "the second system is better".
    pub second: BTreeSet<String>,
    /// Labels that mean "no preference".
    pub tie: BTreeSet<String>,
    /// Example field that names the first system; its value is a system's `name`.
    pub first_field: String,
    /// Example field that names the second system.
    pub second_field: String,
    /// How several annotators make one verdict.
    pub combine: Combine,
}

/// A line of the gate.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// What kind of question it asks.
    pub verb: Verb,
    /// What it is about.
    pub subject: Subject,
    /// What is measured.
    pub metric: Metric,
    /// Restriction: dimension to accepted values. All must match.
    pub restrict: Vec<(String, Vec<String>)>,
    /// Splits: one finding per value of each dimension listed (dimensions are not crossed).
    pub by: Vec<String>,
    /// What it is compared with.
    pub compare: Compare,
    /// Kinds of examples that may carry it. `None`: every kind for guards and nevers, traffic for requires.
    pub from: Option<BTreeSet<Kind>>,
    /// For a never: the largest rate that may be claimed, in (0, 1).
    pub cap: Option<f64>,
    /// What follows when it is violated; `None` for a watch.
    pub violated: Option<Action>,
    /// True when `undecided: narrow` was written.
    pub undecided_narrow: bool,
    /// Who acts.
    pub owner: OwnerId,
    /// How bad a violation is; the severest class it protects unless the rule states its own.
    pub severity: Severity,
    /// One-sided level for `holds`.
    pub alpha_holds: f64,
    /// One-sided level for `violated`.
    pub alpha_violated: f64,
    /// False: no override may bypass it.
    pub overridable: bool,
}

/// What kind of question a rule asks (design.md §6).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Zero tolerance for a class.
    Never,
    /// Did it break these examples? Trip, then confirm.
    Guard,
    /// A claim about traffic.
    Require,
    /// Reports, never decides.
    Watch,
}

impl Verb {
    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Verb::Never => "never",
            Verb::Guard => "guard",
            Verb::Require => "require",
            Verb::Watch => "watch",
        }
    }
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A criterion by index.
    Criterion(u16),
    /// A failure class by index, whatever criterion finds it.
    Class(u16),
}

/// What a rule measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Share of passes (`share`, the default).
    Share,
    /// Mean of the criterion's value.
    Mean,
    /// pass^k: k uses in a row all work.
    PassHatK(u32),
    /// pass@k: some of k tries works.
    PassAtK(u32),
    /// A quantile of the criterion's value, in (0, 1): `p50`, `p95`, `p99`.
    Quantile(f64),
    /// Money per passing answer.
    CostPerSolved,
    /// Expected cost of failures per answer, from the classes' costs.
    FailureCost,
}

/// What a rule compares with. Margins and floors of shares are fractions (5 pts = 0.05).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Compare {
    /// No worse than a system by more than a margin ≥ 0.
    NoWorse {
        /// The other system.
        than: Role,
        /// The margin, in the metric's unit.
        margin: f64,
    },
    /// Better than a system by more than `by` ≥ 0.
    Better {
        /// The other system.
        than: Role,
        /// By how much.
        by: f64,
    },
    /// Above a floor.
    AtLeast {
        /// Whose value.
        of: Role,
        /// The floor.
        floor: f64,
    },
    /// Below a ceiling.
    AtMost {
        /// Whose value.
        of: Role,
        /// The ceiling.
        ceiling: f64,
    },
    /// Nothing: a never or a watch. `of` says whose outcomes it watches.
    Nothing {
        /// Whose outcomes.
        of: Role,
    },
}

/// What a violation asks for, mildest first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Ship to the segments that pass.
    Narrow,
    /// A hold that asks for a policy decision.
    ChangePolicy,
    /// A hold with a named boundary to repair.
    Repair,
    /// Do not ship.
    Hold,
    /// Take it back.
    Rollback,
}

impl Action {
    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Action::Narrow => "narrow",
            Action::ChangePolicy => "change-policy",
            Action::Repair => "repair",
            Action::Hold => "hold",
            Action::Rollback => "rollback",
        }
    }
}
