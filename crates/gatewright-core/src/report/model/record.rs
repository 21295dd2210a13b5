//! What is on the record besides the proposal: the project's log, decisions about the run, overrides in force.

use schemars::JsonSchema;
use serde::Serialize;

use crate::decide::Answer;
use crate::record::Kind;

/// What is on the record. It may say more tomorrow about the same run, so it is no part of the proposal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct RecordView {
    /// Where the project's log stands, `SIZE:HEX`; `gatewright verify --against` takes it. Null without a log.
    pub checkpoint: Option<String>,
    /// Decisions about this run, in the order of the log.
    pub decisions: Vec<DecisionView>,
    /// Overrides of this product that are in force today, of any run.
    pub overrides: Vec<DecisionView>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DecisionView {
    /// The record's folder.
    pub record: String,
    /// Whether it records the gate's answer or another.
    pub kind: Kind,
    /// The run.
    pub run: String,
    /// What is decided.
    pub answer: Answer,
    /// What the gate computed.
    pub proposed: Answer,
    /// For an override: the rules that it bypasses.
    pub bypasses: Vec<String>,
    /// For an override: its last date.
    pub expires: Option<String>,
    /// Who recorded it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, RFC 3339.
    pub at: String,
    /// Who has signed, by identity.
    pub signed: Vec<String>,
    /// Of these, the persons for whom the review server signed: somebody was logged in there as them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub at_server: Vec<String>,
    /// How many persons must sign.
    pub persons: u32,
    /// Enough persons have signed, and no later decision took its place.
    pub stands: bool,
}
