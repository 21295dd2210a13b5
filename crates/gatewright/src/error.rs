//! What goes wrong, as the person at the terminal must see it: what, where, why, what to type next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use gatewright_core::problem::{Problem, Weight};
use gatewright_core::reference::Changed;
use gatewright_core::report::untrusted;
use gatewright_store::{ProjectLog, StoreError};

use crate::exit;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something outside the program: the user, a file, another process.
    Expected(Box<Expected>),
    /// The page or the data is wrong: everything at once.
    Problems(Vec<Problem>),
    /// A defect or an exhausted machine.
    Unexpected {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An error that a person can act on.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Exit code.
    pub(crate) code: u8,
    /// What failed, lower case, no full stop.
    pub(crate) what: String,
    /// Why, if there is more to say.
    pub(crate) why: String,
    /// What to type or write next.
    pub(crate) next: Vec<String>,
}

impl Failure {
    /// Makes a usage error.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::expected(exit::USAGE, what)
    }

    /// Makes an expected error with an exit code.
    pub(crate) fn expected(code: u8, what: impl Into<String>) -> Self {
        Self::Expected(Box::new(Expected {
            code,
            what: what.into(),
            why: String::new(),
            next: Vec::new(),
        }))
    }

    /// There is no example that could be asked.
    pub(crate) fn nothing_to_judge() -> Self {
        Self::expected(
            exit::NOTHING,
            "there is no active example: nothing to judge",
        )
        .why("an answer about nothing would look like a green build")
        .next("gatewright check")
    }

    /// Adds why.
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        if let Self::Expected(expected) = &mut self {
            expected.why = why.into();
        }
        self
    }

    /// Adds what to type next.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        if let Self::Expected(expected) = &mut self {
            expected.next.push(next.into());
        }
        self
    }

    /// Says what to type next, and nothing else.
    pub(crate) fn only(mut self, next: impl Into<String>) -> Self {
        if let Self::Expected(expected) = &mut self {
            expected.next = vec![next.into()];
        }
        self
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Expected(expected) => expected.code,
            Self::Problems(_) => exit::USAGE,
            Self::Unexpected { .. } => exit::UNEXPECTED,
        }
    }

    /// Shows the failure for a person.
    pub(crate) fn text(&self, width: usize) -> String {
        match self {
            Self::Expected(expected) => {
                let mut text = rows(&format!("error: {}", visible(&expected.what)), width, 2);
                if !expected.why.is_empty() {
                    text += &rows(&format!("  why: {}", visible(&expected.why)), width, 7);
                }
                for next in &expected.next {
                    text += &rows(&format!("  try: {}", visible(next)), width, 7);
                }
                text
            }
            Self::Problems(problems) => problems_text(problems, width),
            Self::Unexpected { doing, source } => {
                let mut text = format!("error: could not {}\n", visible(doing));
                let mut cause: Option<&dyn std::error::Error> = Some(source.as_ref());
                while let Some(one) = cause {
                    let _ = writeln!(text, "  caused by: {}", visible(&one.to_string()));
                    cause = one.source();
                }
                text
            }
        }
    }

    /// Shows the failure as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        let body = match self {
            Self::Expected(expected) => serde_json::json!({
                "what": expected.what, "why": expected.why, "next": expected.next,
            }),
            Self::Problems(problems) => serde_json::json!({
                "what": "the page or the data is wrong", "problems": problems,
            }),
            Self::Unexpected { doing, source } => serde_json::json!({
                "what": format!("could not {doing}"), "why": source.to_string(),
            }),
        };
        serde_json::json!({"format": "gatewright-error/1", "exit_code": self.code(), "error": body})
    }
}

impl From<Changed> for Failure {
    fn from(changed: Changed) -> Self {
        Self::usage(format!("{changed}; nothing was decided"))
            .why(changed.why)
            .next("run the same command again, when nobody writes to the file")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if let Some(path) = error.damaged() {
            let whole = path.parent().unwrap_or(path);
            let what = format!(
                "{} is damaged, and nothing is decided on it",
                path.display()
            );
            return Self::expected(exit::ALTERED, what)
                .why(error.to_string())
                .next(format!(
                    "restore {} from a copy; or keep it elsewhere and start anew: gatewright gate --fresh",
                    whole.display()
                ));
        }
        match &error {
            StoreError::Absent { path } => missing(path),
            StoreError::Held { .. } | StoreError::HeldElsewhere { .. } => {
                Self::expected(exit::INCOMPLETE, error.to_string())
                    .next("wait until it ends, then run the same command again")
            }
            StoreError::NoRoom { .. } => {
                Self::expected(exit::INCOMPLETE, format!("nothing was sent: {error}"))
                    .why("an answer that was paid for must find a place on a full disk")
                    .next("make room on the disk, then run the same command again")
            }
            _ => Self::Unexpected {
                doing: "use the log".to_owned(),
                source: Box::new(error),
            },
        }
    }
}

/// A log that was there and is gone, or was never there.
fn missing(path: &Path) -> Failure {
    let folder = path.parent().unwrap_or(path).display();
    let what = format!(
        "{} is missing, and nothing is decided without it",
        path.display()
    );
    let failure = Failure::expected(exit::ALTERED, what);
    if path.ends_with(ProjectLog::FILE) {
        return failure
            .why("the project's log says which runs, labels and decisions there were; it was deleted or moved")
            .next(format!("restore {} from a copy", path.display()))
            .next("--state DIR, with the folder that has it");
    }
    failure
        .why("a run's log holds what was asked and answered; it was deleted or moved")
        .next(format!("restore {folder} from a copy"))
        .next("gatewright gate --fresh   (a new run: every system is asked again)")
}

/// Problems of one kind that are shown to a person: a wrong field name in 100,000 lines is one mistake.
const ALIKE_SHOWN_MAX: usize = 20;

/// Shows problems: errors first, then suggestions, each with where, why and what to write instead; no line is wider than `width`.
pub(crate) fn problems_text(problems: &[Problem], width: usize) -> String {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort();
    let mut text = String::new();
    let mut put = |line: &str| {
        for row in untrusted::wrap(line, width, 4) {
            text.push_str(&row);
            text.push('\n');
        }
    };
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    for problem in sorted {
        let before = alike.entry(problem.code).or_default();
        *before += 1;
        if *before > ALIKE_SHOWN_MAX {
            continue;
        }
        let weight = match problem.weight {
            Weight::Error => "error",
            Weight::Suggestion => "suggestion",
        };
        put(&format!(
            "{weight}: {}: {} [{}]",
            visible(&problem.at.to_string()),
            visible(&problem.what),
            problem.code
        ));
        if !problem.why.is_empty() {
            put(&format!("  why: {}", visible(&problem.why)));
        }
        if !problem.instead.is_empty() {
            put(&format!("  instead: {}", visible(&problem.instead)));
        }
    }
    for (code, count) in alike {
        if let Some(more @ 1..) = count.checked_sub(ALIKE_SHOWN_MAX) {
            put(&format!(
                "… {more} more like this [{code}]: the same command with --json has all"
            ));
        }
    }
    text
}

/// Wraps a line where it is too wide. One with a word that fits in no line stays as it is: a path or an address is told whole.
fn rows(line: &str, width: usize, indent: usize) -> String {
    let fits = untrusted::columns(line) <= width;
    let mut words = line.split(' ');
    if fits || words.any(|word| untrusted::columns(word) + indent > width) {
        return format!("{line}\n");
    }
    untrusted::wrap(line, width, indent).join("\n") + "\n"
}

fn visible(text: &str) -> String {
    untrusted::line(text, untrusted::LINE_CHARS_MAX)
}
