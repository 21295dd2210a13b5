//! The tables: what was counted, every criterion in every slice, and pass^k.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{EstimateView, SliceView, Unit};
use crate::manifest::Role;

/// One system's attempts.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DenominatorView {
    /// The role.
    pub system: Role,
    /// Its name.
    pub name: String,
    /// First-look attempts planned.
    pub planned: u64,
    /// Answered.
    pub answered: u64,
    /// Beyond the system's own promise of time: a failure, and no answer.
    pub timed_out: u64,
    /// Missing attempts by reason.
    pub missing: BTreeMap<String, u64>,
    /// Confirmation attempts answered.
    pub confirm_answered: u64,
    /// Confirmation attempts beyond the system's own promise of time.
    pub confirm_timed_out: u64,
    /// Confirmation attempts that ended without an answer.
    pub confirm_failed: u64,
    /// Of the answers, how many an earlier run had already; absent when none.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(default)]
    pub reused: u64,
}

/// One criterion in one slice.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CellView {
    /// Criterion id.
    pub criterion: String,
    /// What the numbers are where they are no share that stands as it is: a `mean`, a judge's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(default)]
    pub note: Option<String>,
    /// The slice.
    pub slice: SliceView,
    /// Unit of the rates.
    pub unit: Unit,
    /// Active examples in it.
    pub examples: u64,
    /// Per system.
    pub systems: BTreeMap<Role, SystemCellView>,
    /// Candidate against each other system.
    pub against: BTreeMap<Role, PairedView>,
}

/// One system in one cell.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SystemCellView {
    /// Planned units.
    pub units: u64,
    /// Units with a verdict.
    pub graded: u64,
    /// Passed.
    pub pass: u64,
    /// Failed.
    pub fail: u64,
    /// Measured values.
    pub value: u64,
    /// Preferred, no preference, other preferred.
    pub win: u64,
    /// See `win`.
    pub tie: u64,
    /// See `win`.
    pub loss: u64,
    /// Not applicable.
    pub not_applicable: u64,
    /// Missing units by reason.
    pub missing: BTreeMap<String, u64>,
    /// Examples with at least one graded trial.
    pub n: u64,
    /// Mean score with a two-sided 95 % interval.
    pub rate: Option<EstimateView>,
    /// Why there is no interval.
    pub no_interval: Option<String>,
    /// p50, p95, p99 of measured values.
    pub quantiles: Option<[f64; 3]>,
    /// Share of the variance that is run noise.
    pub within: Option<f64>,
}

/// A paired comparison.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PairedView {
    /// Examples with an outcome on both.
    pub n: u64,
    /// Both right.
    pub both: u64,
    /// Only the candidate.
    pub gained: u64,
    /// Only the other.
    pub lost: u64,
    /// Neither.
    pub neither: u64,
    /// Mean difference with a two-sided 95 % interval.
    pub difference: Option<EstimateView>,
    /// Why there is no interval.
    pub no_interval: Option<String>,
    /// McNemar mid-p, two-sided; exploration only.
    pub p_midp: Option<f64>,
    /// McNemar exact, two-sided; exploration only.
    pub p_exact: Option<f64>,
}

/// pass^k of one criterion on one system: k uses in a row all work.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReliabilityView {
    /// Criterion id.
    pub criterion: String,
    /// The system.
    pub system: Role,
    /// k, from 1.
    pub k: u32,
    /// Ungraded trials counted as failed.
    pub ungraded_failed: ShareOf,
    /// Ungraded trials missing: only examples with k graded trials count.
    pub ungraded_missing: ShareOf,
    /// Which reading gates.
    pub gates: String,
}

/// A share and the number of examples it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ShareOf {
    /// In [0, 1]; none without examples.
    pub value: Option<f64>,
    /// Examples.
    pub n: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
