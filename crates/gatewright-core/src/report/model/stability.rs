//! How far the answer hangs on which examples are in the set.

use schemars::JsonSchema;
use serde::Serialize;

use crate::decide::Answer;

/// What drawing the examples again, leaving them out and moving the rules' levels does to the answer. It is shown and decides nothing, so it is no
/// part of the proposal.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StabilityView {
    /// The finding, in one sentence.
    pub finding: String,
    /// How it was computed and how to read it.
    pub summary: String,
    /// What else hangs on single examples or on the rules' levels, one sentence each.
    pub notes: Vec<String>,
    /// Draws of the clusters.
    pub resamples: u32,
    /// Clusters that are drawn.
    pub clusters: u64,
    /// Fewer clusters than the method needs: the shares are a rough picture.
    pub approximate: bool,
    /// Share of draws with the answer, in [0, 1].
    pub same_share: f64,
    /// How often each answer came out, the most frequent first.
    pub answers: Vec<AnswerCount>,
    /// How often each deciding rule stood how, by finding.
    pub rules: Vec<StableRule>,
    /// Clusters without which the answer is another, the first of them; null where too many differ to leave each out.
    pub left_out: Option<Vec<LeftOutView>>,
    /// How many such clusters there are in all.
    pub left_out_total: u64,
}

/// How often an answer came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AnswerCount {
    /// The answer.
    pub answer: Answer,
    /// Draws.
    pub draws: u32,
}

/// How often one rule stood how in one slice.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StableRule {
    /// Index into `findings`.
    pub finding: usize,
    /// Draws in which it held.
    pub holds: u32,
    /// Draws in which it was violated.
    pub violated: u32,
    /// Draws in which it was undecided.
    pub undecided: u32,
    /// Share of draws in which it stood otherwise than on all examples, in [0, 1].
    pub otherwise_share: f64,
    /// It holds, and not in more than a fifth of the draws.
    pub fragile: bool,
}

/// A cluster without which the answer is another.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LeftOutView {
    /// Its first examples, by id.
    pub examples: Vec<String>,
    /// How many it has.
    pub size: u64,
    /// The answer without it.
    pub answer: Answer,
}
