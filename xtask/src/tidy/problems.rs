//! Every code of a problem must be declared with why it matters and what to write instead.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::Finding;
use super::code::without_tests;
use crate::repository::TextFile;

const DECLARED: &str = "crates/gatewright-core/src/problem/codes.rs";

/// A problem that is made, or reported through one of the readers' own ways, with its code as a literal.
static MADE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?:Problem::(?:error|suggestion)|\.(?:error|error_in|error_at|bad)|\b(?:error|group))\(\s*(?:[^"();]*(?:\([^"();]*\)[^"();]*)*,\s*)?"([a-z0-9]+(?:-[a-z0-9]+)+)""#,
    )
    .expect("the pattern is a literal")
});
static CODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""([a-z0-9]+(?:-[a-z0-9]+)*)""#).expect("the pattern is a literal")
});

/// Checks the codes of problems in what is shipped against those that are declared.
pub(crate) fn check(files: &[TextFile]) -> Vec<Finding> {
    let Some(declared) = files.iter().find(|file| file.path == DECLARED) else {
        return vec![Finding::error(DECLARED, "is missing")];
    };
    let known: BTreeSet<&str> = CODE
        .captures_iter(without_tests(&declared.text))
        .filter_map(|found| Some(found.get(1)?.as_str()))
        .collect();
    let sources = files.iter().filter(|file| {
        let shipped = ["crates/gatewright-core/src/", "crates/gatewright/src/"];
        file.path.ends_with(".rs")
            && shipped.iter().any(|folder| file.path.starts_with(folder))
            && !file.path.contains("tests")
            && file.path != DECLARED
    });
    let mut findings = Vec::new();
    for file in sources {
        let text = without_tests(&file.text);
        for found in MADE.captures_iter(text) {
            let (Some(whole), code) = (found.get(0), &found[1]) else {
                continue;
            };
            if !known.contains(code) {
                let line = text[..whole.end()].matches('\n').count() + 1;
                findings.push(Finding::error(
                    format!("{}:{line}", file.path),
                    format!("the code `{code}` has no why and no instead: add it to {DECLARED}"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code that is made anywhere has its row.
    #[test]
    fn every_problem_says_why_and_what_to_write_instead() {
        let files = crate::repository::text_files().expect("the repository");
        assert_eq!(check(&files), []);
    }

    #[test]
    fn undeclared_codes_are_found_in_every_form() {
        let made = r#"
Problem::error("known-one", at, what);
Problem::suggestion(
    "new-one", at, what);
self.error(node, "new-two", what);
self.error_in((1, 2), "new-three", what);
self.bad(line, "new-four", what);
#[cfg(test)]
mod tests { Problem::error("only-tested", at, what) }
"#;
        let found = check(&[
            TextFile::of(DECLARED, r#"(&["known-one"], "why", "instead"),"#),
            TextFile::of("crates/gatewright-core/src/a.rs", made),
            TextFile::of("crates/gatewright-core/src/a/tests.rs", made),
        ]);
        let said: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
        for code in ["new-one", "new-two", "new-three", "new-four"] {
            assert!(
                said.iter().any(|what| what.contains(code)),
                "{code}: {said:?}"
            );
        }
        assert_eq!(found.len(), 4, "{said:?}");
    }
}
