//! Shape of the Rust files, and what their code must not contain.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::Finding;
use super::code::{code_only, without_tests};
use crate::repository::TextFile;

/// Lines without tests above which a file is listed, and above which it fails.
const FILE_LINES: (usize, usize) = (500, 700);
/// Lines above which a function is listed.
const FUNCTION_LINES: usize = 70;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "common", "types", "helper", "helpers", "misc", "imp",
];

/// A pattern that must not occur in the code of some files.
struct Absence {
    pattern: Regex,
    what: &'static str,
}

impl Absence {
    fn new(pattern: &str, what: &'static str) -> Self {
        Self {
            pattern: Regex::new(pattern).expect("the patterns of this file are literals"),
            what,
        }
    }
}

/// In any Rust code, tests included.
static EVERYWHERE: LazyLock<Vec<Absence>> = LazyLock::new(|| {
    vec![
        Absence::new(r"\b(todo|unimplemented)!", "a stub is not done"),
        Absence::new(r"\bdbg!", "left from debugging"),
        Absence::new(
            r"#\[ignore\b",
            "a test that does not run: fix it or delete it",
        ),
        Absence::new(
            r"#!?\[(cfg_attr\([^\]]*\b)?allow\(",
            "use #[expect(lint, reason = \"...\")], which says why and ends by itself",
        ),
    ]
});

/// In the code of stats and core, tests excepted: invariant 1.
static PURE: LazyLock<Vec<Absence>> = LazyLock::new(|| {
    vec![
        Absence::new(
            r"\bstd::(fs|env|net|process)\b|\bstd::\{[^}]*\b(fs|env|net|process)\b|\bthread::sleep\b",
            "no files, environment, network, processes or waiting here: take a reader or a value",
        ),
        Absence::new(
            r"\b(SystemTime|Instant)\b|\b(Timestamp|Zoned)::now\b",
            "no clock here: time arrives as a value",
        ),
        Absence::new(r"\be?print(ln)?!", "no printing here: return it"),
        Absence::new(
            r"\b(stdin|stdout|stderr)\(\)",
            "no terminal here: take a reader or return text",
        ),
        Absence::new(
            r"\b(rand|getrandom|fastrand)::|\bthread_rng\b|\bRandomState\b",
            "no hidden randomness here: the seed arrives as a value",
        ),
        Absence::new(r"\basync\b|\btokio::", "no async here"),
    ]
});

/// In the code of the engine, tests excepted.
static ENGINE: LazyLock<Vec<Absence>> = LazyLock::new(|| {
    vec![
        Absence::new(
            r"\brusqlite\b",
            "no SQL here: events go through the commit callback",
        ),
        Absence::new(
            r"\be?print(ln)?!",
            "no printing here: events go through the commit callback",
        ),
        Absence::new(r"\bgatewright_core::grade\b", "no grading here"),
    ]
});

/// In the code of the store, tests excepted.
static STORE: LazyLock<Vec<Absence>> = LazyLock::new(|| {
    vec![
        Absence::new(r"\basync\b|\btokio::", "no async here"),
        Absence::new(r"\be?print(ln)?!", "no printing here"),
        Absence::new(
            r"\bgatewright_core::(decide|analyse)\b",
            "no business rules here",
        ),
    ]
});

static FUNCTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^( *)(?:pub(?:\([a-z:]+\))? )?(?:(?:const|async|unsafe|extern "C") )*fn (\w+)"#)
        .expect("the pattern is a literal")
});

/// Checks every Rust file.
pub(crate) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let only_tests = test_modules(files);
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        names(file, &mut findings);
        let code = code_only(&file.text);
        absent(file, &code, &EVERYWHERE, &mut findings);
        if only_tests.contains(&file.path) || file.path.split('/').any(|part| part == "tests") {
            continue;
        }
        // Blanking keeps every byte's place, so the cut found in the text fits the code.
        let kept = without_tests(&file.text);
        let shipped = &code[..kept.len().min(code.len())];
        absent(file, shipped, walls(&file.path), &mut findings);
        size(file, kept, &mut findings);
        functions(file, kept, &mut findings);
    }
    findings
}

fn walls(path: &str) -> &'static [Absence] {
    if path.starts_with("crates/gatewright-stats/src/")
        || path.starts_with("crates/gatewright-core/src/")
    {
        &PURE
    } else if path.starts_with("crates/gatewright-engine/src/")
        || path.starts_with("crates/gatewright-providers/src/")
    {
        &ENGINE
    } else if path.starts_with("crates/gatewright-store/src/") {
        &STORE
    } else {
        &[]
    }
}

/// Returns the files that a `mod` under a test attribute names.
fn test_modules(files: &[TextFile]) -> BTreeSet<String> {
    static DECLARED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"#\[cfg\(test\)\]\s+(?:pub(?:\(crate\))? )?mod (\w+);")
            .expect("the pattern is a literal")
    });
    let mut paths = BTreeSet::new();
    for file in files {
        let Some(stem) = file.path.strip_suffix(".rs") else {
            continue;
        };
        let folder = match stem.rsplit_once('/') {
            Some((folder, "mod" | "lib" | "main")) => folder,
            _ => stem,
        };
        for found in DECLARED.captures_iter(&file.text) {
            paths.insert(format!("{folder}/{}.rs", &found[1]));
            paths.insert(format!("{folder}/{}/mod.rs", &found[1]));
        }
    }
    paths
}

fn names(file: &TextFile, findings: &mut Vec<Finding>) {
    for part in file.path.split('/') {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        if EMPTY_NAMES.contains(&stem) {
            findings.push(Finding::error(
                &file.path,
                format!("`{stem}` says nothing: name the module for what it is about"),
            ));
        }
    }
}

fn absent(file: &TextFile, code: &str, absences: &[Absence], findings: &mut Vec<Finding>) {
    for absence in absences {
        for found in absence.pattern.find_iter(code) {
            let line = code[..found.start()].matches('\n').count() + 1;
            findings.push(Finding::error(
                format!("{}:{line}", file.path),
                format!("`{}`: {}", found.as_str().trim(), absence.what),
            ));
        }
    }
}

fn size(file: &TextFile, kept: &str, findings: &mut Vec<Finding>) {
    let lines = kept.lines().count();
    let (listed, failing) = FILE_LINES;
    if lines > listed {
        let what = format!(
            "{lines} lines without tests (about {listed} is the aim): split it by what it is about"
        );
        findings.push(if lines > failing {
            Finding::error(&file.path, what)
        } else {
            Finding::warning(&file.path, what)
        });
    }
}

/// Functions end where a brace closes at their own indentation; rustfmt makes that true.
fn functions(file: &TextFile, kept: &str, findings: &mut Vec<Finding>) {
    let lines: Vec<&str> = kept.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some(found) = FUNCTION.captures(line) else {
            continue;
        };
        let close = format!("{}}}", &found[1]);
        let length = lines[index..]
            .iter()
            .position(|line| *line == close || (line.ends_with(';') && line.starts_with(&found[0])))
            .map_or(0, |end| end + 1);
        if length > FUNCTION_LINES {
            findings.push(Finding::warning(
                format!("{}:{}", file.path, index + 1),
                format!(
                    "`{}` has {length} lines (about {FUNCTION_LINES} is the aim)",
                    &found[2]
                ),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        check(&[TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
    }

    fn here(prefix: &str) -> Vec<Finding> {
        let files: Vec<TextFile> = repository::text_files()
            .expect("the tests run in a checkout")
            .into_iter()
            .filter(|file| file.path.starts_with(prefix))
            .collect();
        assert!(!files.is_empty(), "{prefix} has files");
        // Only what is about calls; the size of a file is `cargo xtask tidy`'s to say.
        check(&files)
            .into_iter()
            .filter(|finding| finding.fails && finding.at.contains(".rs:"))
            .collect()
    }

    #[test]
    fn core_and_stats_have_no_side_doors() {
        assert_eq!(here("crates/gatewright-stats/"), []);
        assert_eq!(here("crates/gatewright-core/"), []);
    }

    #[test]
    fn the_engine_knows_no_sql_and_prints_nothing() {
        assert_eq!(here("crates/gatewright-engine/"), []);
    }

    #[test]
    fn the_store_knows_no_async_and_no_rules() {
        assert_eq!(here("crates/gatewright-store/"), []);
    }

    #[test]
    fn a_clock_in_core_is_found_with_its_line() {
        let found = findings(
            "crates/gatewright-core/src/x.rs",
            "fn a() {\n    let t = std::time::Instant::now();\n}\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].at, "crates/gatewright-core/src/x.rs:2");
        for line in [
            "use std::fs;",
            "use std::{env, io};",
            "println!(\"x\");",
            "jiff::Timestamp::now();",
            "rand::random();",
        ] {
            assert_eq!(
                findings("crates/gatewright-stats/src/x.rs", line).len(),
                1,
                "{line}"
            );
        }
    }

    #[test]
    fn sentences_tests_and_other_crates_are_left_alone() {
        for text in [
            "//! No std::fs here.\n",
            "const A: &str = \"Instant\";\n",
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
        ] {
            assert_eq!(
                findings("crates/gatewright-core/src/x.rs", text),
                [],
                "{text}"
            );
        }
        assert_eq!(
            findings("crates/gatewright-core/tests/it.rs", "use std::fs;\n"),
            []
        );
        assert_eq!(findings("crates/gatewright/src/x.rs", "use std::fs;\n"), []);
    }

    #[test]
    fn stubs_and_allows_are_found_in_tests_too() {
        for line in [
            "todo!()",
            "dbg!(1)",
            "#[ignore]",
            "#![allow(dead_code)]",
            "#[cfg_attr(test, allow(x))]",
        ] {
            assert_eq!(
                findings("crates/gatewright/tests/it/a.rs", line).len(),
                1,
                "{line}"
            );
        }
        assert_eq!(
            findings("crates/gatewright/src/a.rs", "#[expect(x, reason = \"y\")]"),
            []
        );
    }

    #[test]
    fn long_files_long_functions_and_empty_names() {
        let long = "fn a() {}\n".repeat(600);
        assert!(!findings("src/a.rs", &long)[0].fails);
        assert!(findings("src/a.rs", &"fn a() {}\n".repeat(701))[0].fails);
        let function = format!("fn a() {{\n{}}}\n", "    b();\n".repeat(80));
        assert!(
            findings("src/a.rs", &function)[0]
                .what
                .contains("`a` has 82 lines")
        );
        assert!(findings("src/utils.rs", "")[0].fails);
        assert!(findings("src/types/a.rs", "")[0].fails);
    }
}
