//! Regular expressions of the page: linear-time engine, limited size, compiled once (hardening.md A6).

use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
pub const PATTERN_LIMIT: usize = 16 << 10;
/// Largest compiled program, in bytes.
const PROGRAM_LIMIT: usize = 4 << 20;

/// Says why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is longer than [`PATTERN_LIMIT`].
    #[error("the pattern has {0} bytes; at most {PATTERN_LIMIT} are allowed")]
    TooLong(usize),
    /// Its compiled form is too large.
    #[error("the pattern compiles to more than {PROGRAM_LIMIT} bytes")]
    TooLarge,
    /// It is no regular expression of the linear-time kind (no look-around, no back references).
    #[error("not a regular expression: {0}")]
    Syntax(String),
}

/// Compiles a pattern.
///
/// # Errors
/// One variant of [`PatternError`] per limit.
pub fn compile(pattern: &str, ignore_case: bool) -> Result<Regex, PatternError> {
    if pattern.len() > PATTERN_LIMIT {
        return Err(PatternError::TooLong(pattern.len()));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .size_limit(PROGRAM_LIMIT)
        .dfa_size_limit(PROGRAM_LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            other => {
                // The engine's message draws the pattern over several lines; its last line says what is wrong.
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                PatternError::Syntax(last.trim_start_matches("error: ").to_owned())
            }
        })
}

/// Returns the column, from 0, of the character at fault in a pattern of one line, where the engine names one.
pub(crate) fn fault(pattern: &str) -> Option<u32> {
    if pattern.len() > PATTERN_LIMIT || pattern.contains('\n') {
        return None;
    }
    // The engine draws the pattern, indented, and below it carets.
    let drawing = Regex::new(pattern).err()?.to_string();
    let carets = drawing.lines().nth(2)?;
    let column = carets.find('^')?.checked_sub(4)?;
    carets
        .trim_matches([' ', '^'])
        .is_empty()
        .then_some(column as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A6: a pattern that makes other engines backtrack is matched in linear time; huge ones are refused.
    #[test]
    fn a6_patterns_are_linear_and_limited() {
        let evil = compile("(a+)+$", false).expect("a fine pattern");
        assert!(!evil.is_match(&format!("{}b", "a".repeat(1 << 20))));
        assert_eq!(
            compile(&"a".repeat(1 << 20), false).err(),
            Some(PatternError::TooLong(1 << 20))
        );
        assert_eq!(
            compile("(a{1000}){1000}", false).err(),
            Some(PatternError::TooLarge)
        );
        assert!(matches!(
            compile("(?<=a)b", false),
            Err(PatternError::Syntax(_))
        ));
        assert!(matches!(compile("(a", false), Err(PatternError::Syntax(_))));
    }
}
