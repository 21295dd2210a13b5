//! Rules: the lines of the gate.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Kind, Role};
use crate::class::Severity;
use crate::id::{OwnerId, RuleId};
use crate::reference::Relation;

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

impl Rule {
    /// The system that it is about.
    pub fn of(&self) -> Role {
        match self.compare {
            Compare::AtLeast { of, .. } | Compare::AtMost { of, .. } | Compare::Nothing { of } => {
                of
            }
            Compare::NoWorse { .. } | Compare::Better { .. } => Role::Candidate,
        }
    }

    /// The system that it is compared with.
    pub fn than(&self) -> Option<Role> {
        match self.compare {
            Compare::NoWorse { than, .. } | Compare::Better { than, .. } => Some(than),
            _ => None,
        }
    }

    /// The systems that it names, the one that it is about first.
    pub fn roles(&self) -> Vec<Role> {
        std::iter::once(self.of()).chain(self.than()).collect()
    }
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
    /// Share of behavioural cases in which a relation holds between a base and its variants (`invariance`, `directional`).
    Relation(Relation),
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
