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

    pub(super) fn fail(symptom: impl Into<Cow<'static, str>>, why: impl Into<String>) -> Self {
        Verdict::Fail {
            symptom: symptom.into(),
            why: clip(why),
        }
        .into()
    }

    pub(super) fn missing(why: impl Into<String>) -> Self {
        Verdict::Missing(clip(why)).into()
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
pub(super) fn clip(text: impl Into<String>) -> String {
    let mut text = text.into();
    // As many bytes hold no more characters.
    if text.len() > WHY_LIMIT
        && let Some((cut, _)) = text.char_indices().nth(WHY_LIMIT)
    {
        text.truncate(cut);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanations_are_cut_at_characters() {
        assert_eq!(clip("short"), "short");
        for one in ["a", "é", "語"] {
            let whole = one.repeat(WHY_LIMIT);
            assert_eq!(clip(whole.as_str()), whole);
            assert_eq!(clip(format!("{whole}x")), format!("{whole}…"));
        }
    }
}
