//! What is wrong with a file: everything at once, with where, why and what to write instead.

mod codes;

use std::fmt;

use serde::Serialize;

/// Points into a file as the user named it. Lines and columns count from 1; 0 means "the file as a whole".
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// Path as given on the page or the command line.
    pub file: std::sync::Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Location {
    /// Points at a place in a file.
    pub fn new(file: &std::sync::Arc<str>, line: u32, column: u32) -> Self {
        Self {
            file: file.clone(),
            line,
            column,
        }
    }

    /// Points at a file as a whole.
    pub fn file(file: &str) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// Says whether a problem stops the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The page or the data cannot be used.
    Error,
    /// It can be used; the team should know.
    Suggestion,
}

/// One thing that is wrong, or could be better.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Error or suggestion.
    pub weight: Weight,
    /// Where it is.
    pub at: Location,
    /// Stable kebab-case code, e.g. `unknown-key`.
    pub code: &'static str,
    /// What is wrong: one sentence fragment, lower case, no full stop.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to write instead.
    pub instead: String,
}

impl Problem {
    /// Makes an error. Its code says why it matters and what to write instead, until something better is said.
    pub fn error(code: &'static str, at: Location, what: impl Into<String>) -> Self {
        let known = codes::known(code);
        debug_assert!(known.is_some(), "{code} is not in problem/codes.rs");
        let (why, instead) = known.unwrap_or_default();
        Self {
            weight: Weight::Error,
            at,
            code,
            what: what.into(),
            why: why.to_owned(),
            instead: instead.to_owned(),
        }
    }

    /// Makes a suggestion.
    pub fn suggestion(code: &'static str, at: Location, what: impl Into<String>) -> Self {
        Self {
            weight: Weight::Suggestion,
            ..Self::error(code, at, what)
        }
    }

    /// Adds why it matters.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn instead(mut self, instead: impl Into<String>) -> Self {
        self.instead = instead.into();
        self
    }
}

/// Returns true when any problem is an error.
pub fn has_errors(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.weight == Weight::Error)
}

/// Finds the known name that a word is most likely a misspelling of: at most two letters differ. Where names of one's own are allowed, what
/// is farther away is one.
pub fn misspelt<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    near.filter(|(distance, _)| (1..=2).contains(distance))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Finds the nearest known name, for "did you mean".
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.chars().count().max(word.chars().count()) / 4
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_close_or_nothing() {
        assert_eq!(nearest("margn", ["margin", "metric"]), Some("margin"));
        assert_eq!(nearest("zebra", ["margin", "metric"]), None);
        let classes = ["wrong-source", "unsupported-claim"];
        assert_eq!(
            misspelt("unsuported-claim", classes),
            Some("unsupported-claim")
        );
        assert_eq!(misspelt("wrong-tone", classes), None);
        assert_eq!(misspelt("wrong-source", classes), None);
    }
}
