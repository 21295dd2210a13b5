//! Failure classes: how an answer fails, with severity, cost, owner and repair path.

use serde::{Deserialize, Serialize};

use crate::id::{ClassId, OwnerId};

/// Orders how bad a failure is.
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
pub enum Severity {
    /// A nuisance.
    Low,
    /// The default.
    Medium,
    /// Costs customers or trust.
    High,
    /// Must not happen.
    Critical,
}

impl Severity {
    /// Returns the one-sided level a `holds` needs (statistics.md §3: .05, .025 high, .01 critical).
    pub fn alpha_holds(self) -> f64 {
        match self {
            Severity::Low | Severity::Medium => 0.05,
            Severity::High => 0.025,
            Severity::Critical => 0.01,
        }
    }

    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// An amount of money or of unnamed cost units.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Cost {
    /// Amount for one failure, ≥ 0.
    pub amount: f64,
    /// Currency code as written (`USD`), or nothing for plain cost units.
    pub currency: Option<String>,
}

/// How an answer fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureClass {
    /// Its name.
    pub id: ClassId,
    /// How bad one such failure is.
    pub severity: Severity,
    /// What one such failure costs.
    pub cost: Cost,
    /// Who repairs it; must be declared under `owners:` when the class is declared on the page.
    pub owner: OwnerId,
    /// The repair path, in the team's words.
    pub repair: String,
    /// True when the page declares it (design.md §5 demands detection of declared high and critical ones only).
    pub declared: bool,
}

/// The twelve classes that ship, with default owner role and repair path (design.md §5).
pub const SHIPPED: [(&str, &str, &str); 12] = [
    (
        "unsupported-claim",
        "grounding",
        "grounding rules or retrieval",
    ),
    ("wrong-source", "corpus", "corpus: index and ranking"),
    ("missing-source", "corpus", "corpus: coverage"),
    ("source-conflict", "source-of-truth", "source of truth"),
    (
        "policy-ambiguity",
        "product",
        "product or legal decides the policy",
    ),
    ("unsafe-tool-action", "permissions", "permission design"),
    ("refusal-failure", "policy", "refusal policy"),
    ("over-refusal", "policy", "refusal policy"),
    ("format-violation", "schema", "schema validation"),
    ("latency", "platform", "capacity or timeouts"),
    ("reviewer-disagreement", "rubric", "rubric"),
    ("scope-mismatch", "product", "task acceptance"),
];
