//! What was expected against what was done.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{EstimateView, SliceView};
use crate::manifest::Role;
use crate::response::Behaviour;

/// The confusion matrix of one criterion in one slice.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ConfusionView {
    /// Criterion id.
    pub criterion: String,
    /// The slice.
    pub slice: SliceView,
    /// Per system.
    pub systems: BTreeMap<Role, DoneView>,
}

/// What one system did. First-look answers are counted, each once.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DoneView {
    /// One for each behaviour that an example expects, in the order answer, ask, escalate, refuse, call, stop.
    pub expected: Vec<ExpectedView>,
    /// Refused where answer, ask or call is expected.
    pub over_refusal: LapseView,
    /// Answered or called where refuse is expected.
    pub refusal_failure: LapseView,
    /// Answers that went wrong in one of these ways.
    pub lapses: u64,
}

/// What was done where one behaviour is expected.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ExpectedView {
    /// The behaviour that is expected.
    pub behaviour: Behaviour,
    /// Answers by what was done; what was never done is left out.
    pub observed: BTreeMap<Behaviour, u64>,
    /// Units of which it is not known: no answer, or one that cannot be read.
    pub unseen: u64,
}

/// How often one thing went wrong, of the answers on which it could.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LapseView {
    /// Answers on which it did.
    pub count: u64,
    /// Answers on which it could, and what was done is known.
    pub of: u64,
    /// Units on which it could, and what was done is not known. Where this and `of` are 0, it cannot happen.
    pub unseen: u64,
    /// Mean share over their examples with a two-sided 95 % interval; null when it has none.
    pub rate: Option<EstimateView>,
    /// Why there is no interval.
    pub no_interval: Option<String>,
}
