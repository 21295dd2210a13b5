//! Every invariant of ARCHITECTURE.md must name tests, and they must exist.

use std::sync::LazyLock;

use regex::Regex;

use super::Finding;
use crate::repository::TextFile;

const PAGE: &str = "ARCHITECTURE.md";
const SECTION: &str = "## Invariants";

static TEST_NAMES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"Tests?: ((?:`\w+`(?:, )?)+)").expect("the pattern is a literal"));
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"`(\w+)`").expect("the pattern is a literal"));

/// Checks the list of invariants against the tests of the project.
pub(crate) fn check(files: &[TextFile]) -> Vec<Finding> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![Finding::error(PAGE, "is missing")];
    };
    let items = items(&page.text);
    if items.is_empty() {
        return vec![Finding::error(
            PAGE,
            format!("has no list under `{SECTION}`"),
        )];
    }
    let mut findings = Vec::new();
    for (line, item) in items {
        let at = format!("{PAGE}:{line}");
        let Some(names) = TEST_NAMES.captures(&item) else {
            findings.push(Finding::error(
                at,
                "an invariant without a test is a wish: end it with \"Test: `name`\"",
            ));
            continue;
        };
        for name in NAME.captures_iter(&names[1]) {
            if !files.iter().any(|file| has_test(file, &name[1])) {
                findings.push(Finding::error(
                    at.clone(),
                    format!("names the test `{}`, which is not there", &name[1]),
                ));
            }
        }
    }
    findings
}

/// Returns the list items of the section, each with its line; continuation lines are joined.
fn items(page: &str) -> Vec<(usize, String)> {
    let mut items: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("## ") {
            inside = line == SECTION;
        } else if !inside {
            continue;
        } else if line.starts_with("- ") || line.starts_with(|first: char| first.is_ascii_digit()) {
            items.push((index + 1, line.to_owned()));
        } else if line.starts_with(' ')
            && let Some((_, item)) = items.last_mut()
        {
            item.push(' ');
            item.push_str(line.trim());
        }
    }
    items
}

/// A test is a function of that name with a test attribute above it.
fn has_test(file: &TextFile, name: &str) -> bool {
    if !file.path.ends_with(".rs") {
        return false;
    }
    let opening = format!("fn {name}(");
    let lines: Vec<&str> = file.text.lines().map(str::trim_start).collect();
    lines.iter().enumerate().any(|(index, line)| {
        line.trim_start_matches("async ").starts_with(&opening)
            && lines[..index]
                .iter()
                .rev()
                .take_while(|above| above.starts_with("#[") || above.starts_with("//"))
                .any(|above| above.contains("test]") || above.contains("test("))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn every_invariant_names_a_test_that_exists() {
        let files = repository::text_files().expect("the tests run in a checkout");
        assert_eq!(check(&files), []);
    }

    #[test]
    fn missing_tests_and_missing_names_are_found() {
        let page = "## Invariants\n\n- One.\n  Test: `there`\n- Two. Tests: `there`, `gone`\n- Three.\n\n## Next\n- Four.\n";
        let files = [
            TextFile::of(PAGE, page),
            TextFile::of("a.rs", "    #[test]\n    fn there() {}\n    fn gone() {}\n"),
        ];
        let at: Vec<String> = check(&files)
            .into_iter()
            .map(|finding| finding.at)
            .collect();
        assert_eq!(at, ["ARCHITECTURE.md:5", "ARCHITECTURE.md:6"]);
    }
}
