//! Labels of people, programs and model judges, as recorded.

use crate::outcome::GraderKind;

/// One recorded label. Labels bind to an example and, through the system's name and the trial as recorded, to a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Index into the reference set.
    pub example: u32,
    /// System name as recorded; `None` for labels about the pair (preferences).
    pub system: Option<std::sync::Arc<str>>,
    /// Trial as recorded (before renumbering).
    pub trial: u32,
    /// Part of the answer.
    pub part: Option<u32>,
    /// Who labelled.
    pub annotator: std::sync::Arc<str>,
    /// What kind of annotator, if the file says so; the criterion's `by` otherwise.
    pub kind: Option<GraderKind>,
    /// The label as text.
    pub label: std::sync::Arc<str>,
    /// The score, when the grader reads one.
    pub score: Option<f64>,
}
