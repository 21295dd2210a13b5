//! What both systems said on the examples that changed, and what their answers took: only in files that `-o` writes.

use schemars::JsonSchema;
use serde::Serialize;

use super::{OwnerView, PaceView};
use crate::outcome::GraderKind;
use crate::response::Behaviour;

/// What the log holds beside the numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct EvidenceView {
    /// Flips in full, in the order of `flips`.
    pub changed: Vec<ChangedView>,
    /// Flips that are not shown in full, because of their size or their number; `flips` has those of the first 1,000.
    pub not_in_full: u64,
    /// Time and money; null when no answer states either.
    pub pace: Option<PaceView>,
}

/// One flip in full. All text is untrusted.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ChangedView {
    /// Index into `flips`.
    pub flip: usize,
    /// What was asked; null when it may not be shown.
    pub input: Option<String>,
    /// What was expected, one line each.
    pub expected: Vec<String>,
    /// What the answer may rest on.
    pub sources: Vec<SourceView>,
    /// Who owns the failure class.
    pub owner: Option<OwnerView>,
    /// The class's repair path; empty without a class.
    pub repair: String,
    /// The cause that triage set.
    pub cause: Option<String>,
    /// The candidate; null when it has no answer.
    pub candidate: Option<SaidView>,
    /// Production.
    pub production: Option<SaidView>,
    /// How many characters of the longer texts are not shown.
    pub clipped: u64,
}

/// A source document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceView {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: Option<String>,
    /// Its text; null when the example only names it.
    pub text: Option<String>,
    /// The candidate cites it.
    pub candidate_cites: bool,
    /// Production cites it.
    pub production_cites: bool,
}

/// What one system said at the trial that shows the change: the first that passes on the better side, the first that fails on the other.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SaidView {
    /// The trial, from 1.
    pub trial: u32,
    /// Its text in pieces, marked where the other system's text differs.
    pub text: Vec<PieceView>,
    /// Why there is no text (too late, an error); null for an answer.
    pub no_answer: Option<String>,
    /// What the response does.
    pub behaviour: Option<Behaviour>,
    /// Cited source ids.
    pub citations: Vec<String>,
    /// Tool calls, each as `name(arguments)`.
    pub calls: Vec<String>,
    /// Time in milliseconds.
    pub latency_ms: Option<f64>,
    /// Price in US dollars.
    pub cost_usd: Option<f64>,
    /// What every criterion said of this answer, in page order.
    pub grades: Vec<GradeView>,
    /// First-look trials that pass the flip's criterion, and how many were graded.
    pub first_look: TallyView,
    /// The same for fresh trials of a confirmation.
    pub fresh: TallyView,
}

/// Passes of trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TallyView {
    /// Passed.
    pub passes: u64,
    /// Graded.
    pub trials: u64,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PieceView {
    /// The text.
    pub text: String,
    /// Only this system said it.
    pub only: bool,
}

/// One criterion's verdict on one answer.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GradeView {
    /// Criterion.
    pub criterion: String,
    /// `pass`, `fail`, `not applicable`, `missing`, `win`, `tie`, `loss`, or `value`.
    pub verdict: String,
    /// It is the criterion of the flip.
    pub flipped: bool,
    /// Failure class.
    pub class: Option<String>,
    /// Who judged.
    pub by: GraderKind,
    /// Why. Untrusted text.
    pub why: Option<String>,
    /// What people said of the same answer, where they labelled it.
    pub people: Option<String>,
}
