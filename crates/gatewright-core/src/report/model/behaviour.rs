//! The table of behavioural tests.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::EstimateView;
use crate::manifest::Role;
use crate::perturb::Test;

/// One criterion in one cell: a capability under one kind of test. A case is a base with its variants.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BehaviourView {
    /// What is tested.
    pub capability: String,
    /// The kind of test: `mft`, `invariance`, `directional` or `never`.
    pub test: Test,
    /// Criterion id.
    pub criterion: String,
    /// Per system.
    pub systems: BTreeMap<Role, CasesView>,
    /// Candidate against production on the same cases; null without both.
    pub against: Option<CasesAgainstView>,
}

/// One system's cases in one cell.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CasesView {
    /// Cases with a verdict.
    pub cases: u64,
    /// Those that failed.
    pub failures: u64,
    /// Cases whose verdict is open because outcomes are missing: never passes.
    pub missing: u64,
    /// Cases that the criterion does not apply to: in no denominator.
    pub not_applicable: u64,
    /// Share of failures with a two-sided 95 % interval; null when it has none.
    pub rate: Option<EstimateView>,
    /// Why there is no interval.
    pub no_interval: Option<String>,
    /// Changes of label against the base; null for tests that compare with none, and for measured values.
    pub flips: Option<FlipsView>,
    /// Ids of failed cases (of their base, or of the test itself).
    pub examples: Vec<String>,
}

/// Changes of label both ways: invariance counts each as a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FlipsView {
    /// Variants compared with their base.
    pub compared: u64,
    /// From pass to fail.
    pub to_fail: u64,
    /// From fail to pass.
    pub to_pass: u64,
}

/// Two systems on the same cases.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CasesAgainstView {
    /// Cases with a verdict on both.
    pub cases: u64,
    /// Cases that only the candidate passes.
    pub gained: u64,
    /// Cases that only production passes.
    pub lost: u64,
    /// Share of cases that hold, candidate minus production, with a two-sided 95 % interval; null when it has none.
    pub difference: Option<EstimateView>,
    /// Why there is no interval.
    pub no_interval: Option<String>,
    /// Exact McNemar p-value, two-sided, for exploration; null where cases share a cluster.
    pub p_exact: Option<f64>,
}
