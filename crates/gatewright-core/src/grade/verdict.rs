//! What a rule grader says about one answer.

use std::borrow::Cow;

/// Longest explanation, in characters.
const WHY_LIMIT: usize = 300;

/// A verdict, and the measured value beside it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Graded {
    pub(super) verdict: Verdict,
    pub(super) value: Option<f64>,
}

/// A verdict of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Pass,
    Fail {
        symptom: Cow<'static, str>,
        why: String,
    },
    Value(f64),
    /// The grader could not read what it needs.
    Missing(String),
}

impl Graded {
    pub(super) fn pass() -> Self {
        Verdict::Pass.into()
    }

    pub(super) fn fail(symptom: impl Into<Cow<'static, str>>, why: impl AsRef<str>) -> Self {
        Verdict::Fail {
            symptom: symptom.into(),
            why: clip(why.as_ref()),
        }
        .into()
    }

    pub(super) fn missing(why: impl AsRef<str>) -> Self {
        Verdict::Missing(clip(why.as_ref())).into()
    }
}

impl From<Verdict> for Graded {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            value: None,
        }
    }
}

/// Cuts an explanation that quotes what a system said.
pub(super) fn clip(text: &str) -> String {
    match text.char_indices().nth(WHY_LIMIT) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
