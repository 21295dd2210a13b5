//! A rubric: the written guide that a judge or a person applies to one criterion.

use std::sync::Arc;

use serde::Serialize;

use crate::digest::Digest;
use crate::manifest::read;
use crate::problem::{Location, Problem};

/// Largest rubric in bytes: it is sent with every answer that is judged.
pub(super) const RUBRIC_BYTES_MAX: usize = 64 << 10;
const LEVELS_MAX: usize = 20;

/// The written guide for one criterion: a Markdown file whose head names its version and its levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rubric {
    /// Its version, as its head says.
    pub version: String,
    /// What an answer may be, in the order of the file.
    pub levels: Vec<Level>,
    /// Everything below the head, as it is.
    pub text: String,
    /// Hash of the whole file.
    pub digest: Digest,
}

/// One level of a rubric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Level {
    /// Its name; of a failing one it is the symptom.
    pub name: String,
    /// What it means.
    pub meaning: Meaning,
}

/// What a level means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The answer passes.
    Pass,
    /// The answer fails, with the level's name as its symptom.
    Fail,
    /// The criterion does not apply to this answer.
    NotApplicable,
}

impl Rubric {
    /// Reads a rubric's file.
    ///
    /// # Errors
    /// Everything wrong with it, each with its place in the file.
    pub fn read(content: &str, file: &str) -> Result<Self, Vec<Problem>> {
        let name: Arc<str> = file.into();
        let at = |line| Location::new(&name, line, 1);
        let example = "---\nversion: 1\nlevels: {supported: pass, unsupported: fail}\n---";
        if content.len() > RUBRIC_BYTES_MAX {
            let what = format!("the rubric is longer than {RUBRIC_BYTES_MAX} bytes");
            return Err(vec![
                Problem::error("long-rubric", at(1), what)
                    .why("it is sent with every answer that is judged"),
            ]);
        }
        let whole = content.strip_prefix('\u{feff}').unwrap_or(content);
        let plain = whole.replace("\r\n", "\n");
        let Some((head, text)) = plain
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---\n"))
        else {
            let what = format!("`{file}` has no head with a version and levels");
            let problem = Problem::error("no-rubric-head", at(1), what);
            return Err(vec![problem.instead(format!("begin it with:\n{example}"))]);
        };
        // The parser counts lines from the first one of the file.
        let head = format!("\n{head}\n");
        let (version, levels) = read::rubric_head(&head, file)?;
        let mut problems = Vec::new();
        let has = |meaning| levels.iter().any(|level: &Level| level.meaning == meaning);
        if !has(Meaning::Pass) || !has(Meaning::Fail) {
            let what = "a rubric needs a level that passes and one that fails".to_owned();
            let problem = Problem::error("bad-levels", at(2), what);
            problems.push(problem.instead("`levels: {supported: pass, unsupported: fail}`"));
        }
        if levels.len() > LEVELS_MAX {
            let what = format!("a rubric has at most {LEVELS_MAX} levels");
            problems.push(Problem::error("bad-levels", at(2), what));
        }
        if text.trim().is_empty() {
            let line = 2 + head.matches('\n').count() as u32;
            let what = format!("`{file}` says nothing below its head");
            problems.push(
                Problem::error("empty-rubric", at(line), what)
                    .why("a judge without a guide judges by its own taste")
                    .instead("what each level means, an example of each, and what fails"),
            );
        }
        if problems.is_empty() {
            Ok(Self {
                version,
                levels,
                text: text.trim().to_owned(),
                digest: Digest::of(content.as_bytes()),
            })
        } else {
            Err(problems)
        }
    }

    /// Finds a level by its name, written in any case.
    pub fn level(&self, name: &str) -> Option<&Level> {
        let name = name.trim();
        self.levels
            .iter()
            .find(|level| level.name.eq_ignore_ascii_case(name))
    }

    /// Lists the names of levels that fail.
    pub fn failing(&self) -> impl Iterator<Item = &str> {
        let failing = |level: &&Level| level.meaning == Meaning::Fail;
        self.levels
            .iter()
            .filter(failing)
            .map(|level| level.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "---\nversion: 2\nlevels:\n  supported: pass\n  partly: fail\n  beside: not-applicable\n---\n# Grounded\nEvery claim stands in a source.\n";

    #[test]
    fn a_rubric_is_read() {
        for content in [
            GOOD.to_owned(),
            format!("\u{feff}{GOOD}"),
            GOOD.replace('\n', "\r\n"),
        ] {
            let rubric = Rubric::read(&content, "r.md").expect("it is good");
            assert_eq!(rubric.version, "2");
            let names: Vec<_> = rubric
                .levels
                .iter()
                .map(|it| (it.name.as_str(), it.meaning))
                .collect();
            assert_eq!(
                names,
                [
                    ("supported", Meaning::Pass),
                    ("partly", Meaning::Fail),
                    ("beside", Meaning::NotApplicable)
                ]
            );
            assert!(rubric.text.starts_with("# Grounded"), "{}", rubric.text);
            assert_eq!(
                rubric.level(" Partly ").map(|it| it.meaning),
                Some(Meaning::Fail)
            );
            assert_eq!(rubric.failing().collect::<Vec<_>>(), ["partly"]);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let head = |head: &str| format!("---\n{head}\n---\nText.\n");
        for (content, code, line) in [
            ("No head at all.".to_owned(), "no-rubric-head", 1),
            (head("version: 1\nlevels: {a: pass}"), "bad-levels", 2),
            (
                head("version: 1\nlevels: {a: pass, b: maybe}"),
                "unknown-word",
                3,
            ),
            (
                head("version: 1\nlevls: {a: pass, b: fail}"),
                "unknown-key",
                3,
            ),
            (head("levels: {a: pass, b: fail}"), "missing-key", 2),
            (
                "---\nversion: 1\nlevels: {a: pass, b: fail}\n---\n \n".to_owned(),
                "empty-rubric",
                5,
            ),
            (
                format!(
                    "---\nversion: 1\nlevels: {{a: pass, b: fail}}\n---\n{}",
                    "x".repeat(70_000)
                ),
                "long-rubric",
                1,
            ),
        ] {
            let problems = Rubric::read(&content, "r.md").expect_err("it is bad");
            assert!(
                problems
                    .iter()
                    .any(|it| it.code == code && it.at.line == line),
                "{code} at {line}: {problems:?}"
            );
        }
    }
}
