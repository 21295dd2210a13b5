//! The decision: a pure function of gate, findings and context, in the order of design.md §6.

mod narrow;
mod order;
mod unseen;
mod work;

use serde::{Deserialize, Serialize};

use crate::analyse::Slice;
use crate::id::OwnerId;
use crate::manifest::Role;
use crate::words::list;

pub(crate) use order::answer_of;
pub use order::decide;

/// One of the six answers.
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
pub enum Answer {
    /// Release to everybody.
    Ship,
    /// Release to the named segments or share.
    Narrow,
    /// Do not release.
    Hold,
    /// Do not release until the named boundary is repaired.
    Repair,
    /// Take it back.
    Rollback,
    /// The evidence decides nothing.
    NotEnoughEvidence,
}

impl Answer {
    /// Returns the word used in files and reports.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Ship => "ship",
            Answer::Narrow => "narrow",
            Answer::Hold => "hold",
            Answer::Repair => "repair",
            Answer::Rollback => "rollback",
            Answer::NotEnoughEvidence => "not enough evidence",
        }
    }

    /// Returns the exit code (design.md §7).
    pub fn exit_code(self) -> u8 {
        match self {
            Answer::Ship => 0,
            Answer::Hold => 100,
            Answer::Rollback => 101,
            Answer::Narrow => 102,
            Answer::Repair => 103,
            Answer::NotEnoughEvidence => 110,
        }
    }
}

/// What the decision needs to know besides gate and findings. It is itself recorded as an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionContext {
    /// The civil date, `YYYY-MM-DD`.
    pub today: String,
    /// Release attempts on this version of the reference set, this one included.
    pub attempt: u32,
    /// Sealed parts that changed since the seal; empty when it is intact.
    pub broken_seal: Vec<String>,
    /// Open incident obligations, in words.
    pub obligations: Vec<Obligation>,
    /// True when recorded outputs existed before the seal.
    pub sealed_after_outputs: bool,
    /// Arms that ran on different references, or other reasons why the run is invalid.
    pub invalid: Vec<String>,
}

/// An open incident that the gate must answer for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Obligation {
    /// Incident id.
    pub incident: String,
    /// What is missing, in words.
    pub what: String,
    /// The owner of the incident's class.
    pub owner: OwnerId,
}

/// What the gate computed: pure and repeatable.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The answer.
    pub answer: Answer,
    /// Which step of design.md §6 gave it, from 1.
    pub step: u8,
    /// Findings that made the answer (indexes into the analysis), the severest first.
    pub fired: Vec<usize>,
    /// For a narrow: where.
    pub scope: Option<Scope>,
    /// For a rollback or hold: a narrow that would be possible (four tasks, 81 % of traffic).
    pub alternative: Option<Scope>,
    /// For a rollback: whether the fallback holds the rules that fired.
    pub fallback: Option<FallbackStanding>,
    /// For a hold that a rule asked to be a narrow: why there is none.
    pub no_narrow: Option<String>,
    /// Why the run is invalid, for step 1.
    pub invalid: Vec<String>,
    /// What is asked of whom.
    pub work_items: Vec<WorkItem>,
    /// What would decide undecided rules, in plain words.
    pub needs: Vec<String>,
    /// What this gate could not have seen, in plain words.
    pub unseen: Vec<String>,
    /// Findings that go along as rollout watches.
    pub watches: Vec<usize>,
}

/// Where a narrow release goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// These values of a dimension.
    Segments {
        /// The dimension.
        dimension: String,
        /// The values that pass.
        values: Vec<String>,
        /// The values that are left out.
        without: Vec<String>,
        /// Their share of traffic, if known.
        share: Option<f64>,
    },
    /// This share of traffic, with a watch.
    Share(f64),
}

/// Whether the fallback would do better.
#[derive(Clone, Debug, PartialEq)]
pub struct FallbackStanding {
    /// The fallback's name.
    pub name: String,
    /// Whether it holds the rules that fired; `None` when it was not measured.
    pub holds: Option<bool>,
    /// Its value on the first fired rule.
    pub value: Option<f64>,
}

/// What a finding asks of an owner.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkItem {
    /// What kind of work.
    pub kind: WorkKind,
    /// Who.
    pub owner: OwnerId,
    /// Index of the finding it follows from; `None` for evaluation faults.
    pub finding: Option<usize>,
    /// Class index of the cause (triaged) or symptom.
    pub class: Option<u16>,
    /// The slice.
    pub slice: Slice,
    /// Example ids to look at first.
    pub examples: Vec<u32>,
    /// What to do, in words.
    pub what: String,
    /// For a repair: the same taken apart, so that one repair in several places can be told once.
    pub repair: Option<Repair>,
    /// Which system's outcomes it is about.
    pub system: Role,
}

/// What is to be repaired, and what shows that it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What to do to which boundary: `repair grounded`.
    pub does: String,
    /// The path of repair that the class names; may be empty.
    pub path: String,
    /// The rule that is to be run again.
    pub rule: String,
}

impl Repair {
    /// Says it of one place or several, and of all rules that are to be run again.
    pub fn text(&self, places: &[String], rules: &[String]) -> String {
        let Self { does, path, .. } = self;
        let place = match places.is_empty() {
            true => String::new(),
            false => format!(" in {}", list(places)),
        };
        let rules = list(rules);
        match path.is_empty() {
            true => format!("{does}{place}, then run {rules} again"),
            false => format!("{does}{place}: {path}; then run {rules} again"),
        }
    }
}

/// Kinds of work.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum WorkKind {
    /// The evaluation itself is at fault.
    FixEvaluation,
    /// Repair a boundary of the product.
    RepairBoundary,
    /// Fix sources.
    FixSources,
    /// Decide policy.
    ChangePolicy,
    /// Repair the rubric.
    RepairRubric,
    /// Quarantine examples.
    QuarantineExamples,
    /// Collect evidence.
    CollectEvidence,
}
