//! Results that other tools wrote, as recorded systems, examples and labels.
//!
//! Three steps, all pure: a reader for each tool turns its bytes into a [`Log`] (rows in our words, nothing judged anew); [`pair`] says which rows
//! answer the same example, for which role and as which trial, and names what has no partner; [`files`] and [`page`] write what the
//! rest of the program reads. What a tool counts in a way that we do not (an error as a failure, a test without assertions as a pass) is told apart here.

pub mod document;
pub mod files;
pub mod page;
pub mod pair;

mod criteria;
mod deepeval;
mod ids;
mod inspect;
mod keys;
mod openai_evals;
mod promptfoo;
mod roles;
mod table;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::json::lookup;
use crate::outcome::GraderKind;
use crate::problem::Problem;

pub use self::criteria::{Criterion, Measure, Vocabulary};
pub use self::roles::{Found, Named, choose};
pub use self::table::Columns;

/// Largest file of another tool that is read into memory, in bytes.
pub const FILE_BYTES_MAX: u64 = 512 << 20;
/// Most rows of one import: (example, system, trial).
pub const ROWS_MAX: usize = 2_000_000;

/// Largest number of a repeat, counted from 0.
pub const TRIAL_MAX: u32 = 9_999;

/// A tool whose files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// promptfoo: `promptfoo eval -o out.json` or `-o out.jsonl`.
    Promptfoo,
    /// Inspect: logs as `.eval` or `.json`.
    Inspect,
    /// OpenAI evals: the log that `oaieval` records.
    OpenaiEvals,
    /// DeepEval: the test run that it saves.
    Deepeval,
    /// A table, by columns that are named.
    Csv,
}

impl Format {
    /// All of them, in the order of the documentation.
    pub const ALL: [Format; 5] = [
        Format::Promptfoo,
        Format::Inspect,
        Format::OpenaiEvals,
        Format::Deepeval,
        Format::Csv,
    ];

    /// Returns the word on the command line and in files.
    pub fn word(self) -> &'static str {
        match self {
            Format::Promptfoo => "promptfoo",
            Format::Inspect => "inspect",
            Format::OpenaiEvals => "openai-evals",
            Format::Deepeval => "deepeval",
            Format::Csv => "csv",
        }
    }
}

/// One file, or the members of an archive.
#[derive(Clone, Debug)]
pub struct Input {
    /// As the user named it.
    pub name: String,
    /// Its bytes; of an archive its members by name, in the archive's order.
    pub bytes: Bytes,
}

/// What a file is made of.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// The file itself.
    Whole(Vec<u8>),
    /// The members of an archive.
    Members(Vec<(String, Vec<u8>)>),
}

/// What one file of another tool holds.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The file's name, as the user gave it.
    pub file: String,
    /// The tool's version, where the file says it.
    pub version: Option<String>,
    /// What it says was asked, answered and judged, in the file's order.
    pub rows: Vec<Row>,
    /// What the tool itself says it comes to.
    pub theirs: Vec<Theirs>,
    /// What is in the file and is not taken over, in words.
    pub notes: Vec<String>,
}

/// One answer of one system.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands in the file, in words: `results.results[3]`, `line 4`.
    pub place: String,
    /// Which system, as the tool names it.
    pub system: String,
    /// What was asked.
    pub case: Case,
    /// Which repeat, where the tool numbers them.
    pub trial: Option<u32>,
    /// How it ended.
    pub end: End,
    /// What was said of the answer.
    pub grades: Vec<Grade>,
    /// What the tool says of all that it judged together; only where that may be more than `grades` tell.
    pub whole: Option<Grade>,
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// The tool's own id of it, where it gives one.
    pub id: Option<String>,
    /// The task, eval or file that it is part of, where ids count inside it only.
    pub suite: Option<String>,
    /// A text, or messages.
    pub input: Value,
    /// What makes two cases one: the input, or the variables that prompts are made of.
    pub content: Value,
    /// The expected answer.
    pub answer: Option<String>,
    /// What the answer rests on, as the file gives it.
    pub sources: Vec<Value>,
    /// Variables of the prompt.
    pub vars: Map<String, Value>,
    /// What the tool keeps about the case.
    pub metadata: Map<String, Value>,
    /// The criteria that judge it, as far as the file says so beside the verdicts.
    pub criteria: Vec<String>,
    /// What it is judged by, so that two cases with one question and two sets of assertions stay two.
    pub judged_by: Value,
}

impl Case {
    /// Looks up a field that the user names: `id`, `input`, `answer`, `vars.NAME`, `metadata.NAME`, or a name alone, variables first.
    pub fn field(&self, name: &str) -> Option<Value> {
        match name {
            "id" => return self.id.clone().map(Value::from),
            "suite" => return self.suite.clone().map(Value::from),
            "input" => return Some(self.input.clone()),
            "answer" | "expected" => return self.answer.clone().map(Value::from),
            _ => {}
        }
        if let Some(inner) = name.strip_prefix("vars.") {
            return lookup(&self.vars, inner).cloned();
        }
        if let Some(inner) = name.strip_prefix("metadata.") {
            return lookup(&self.metadata, inner).cloned();
        }
        lookup(&self.vars, name)
            .or_else(|| lookup(&self.metadata, name))
            .cloned()
    }

    /// Lists the names that [`Case::field`] knows.
    pub fn names(&self) -> Vec<String> {
        let vars = self.vars.keys().map(|name| format!("vars.{name}"));
        let metadata = self.metadata.keys().map(|name| format!("metadata.{name}"));
        let id = self.id.iter().map(|_| "id".to_owned());
        id.chain(vars).chain(metadata).collect()
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// There is an answer: the keys of our recorded outputs.
    Answered(Map<String, Value>),
    /// There is none, and why.
    Error {
        /// What the tool says.
        message: String,
        /// How long it took, in milliseconds.
        latency_ms: Option<f64>,
    },
}

/// One verdict on an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Grade {
    /// What was judged, as the tool names it.
    pub criterion: String,
    /// What judged it.
    pub by: GraderKind,
    /// The verdict.
    pub verdict: Verdict,
    /// A score beside the verdict.
    pub score: Option<f64>,
    /// What the tool says of it.
    pub why: String,
}

/// What was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A word: `pass`, `fail`, or the tool's own.
    Word(String),
    /// A number without a threshold.
    Number(f64),
    /// Whatever judges broke: it said nothing of the answer.
    Broken,
}

impl Verdict {
    /// Makes the word for a truth value.
    pub fn of(passed: bool) -> Self {
        Self::Word(if passed { "pass" } else { "fail" }.to_owned())
    }
}

/// What a tool says its results come to, for one system.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Theirs {
    /// The system, as the tool names it.
    pub system: String,
    /// What is counted: `tests`, a scorer's or a metric's name.
    pub of: String,
    /// Counts and rates in the tool's words, in its order.
    pub figures: Vec<(String, f64)>,
}

/// What a reader is told besides the bytes.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Columns of a table.
    pub columns: Columns,
    /// What judged a criterion, where the user says it.
    pub by: BTreeMap<String, GraderKind>,
}

/// Reads one file. What is wrong with it is in `problems`; nothing is returned when nothing can be read.
pub fn read(
    format: Format,
    input: &Input,
    reading: &Reading,
    problems: &mut Vec<Problem>,
) -> Option<Log> {
    let mut log = match format {
        Format::Promptfoo => promptfoo::read(input, problems),
        Format::Inspect => inspect::read(input, problems),
        Format::OpenaiEvals => openai_evals::read(input, problems),
        Format::Deepeval => deepeval::read(input, problems),
        Format::Csv => table::read(input, &reading.columns, problems),
    }?;
    log.file.clone_from(&input.name);
    // Words of the file that are shown as they are.
    log.version = log.version.map(|version| name(&version));
    for (word, _) in log.theirs.iter_mut().flat_map(|it| &mut it.figures) {
        *word = name(word);
    }
    if log.rows.is_empty() && !crate::problem::has_errors(problems) {
        let at = crate::problem::Location::file(&input.name);
        problems.push(
            Problem::error("nothing-recorded", at, "there is no answer in the file")
                .why("nothing can be compared")
                .instead(match format {
                    Format::Csv => {
                        "a row for each answer, below the names of the columns".to_owned()
                    }
                    tool => format!("a file that {} wrote after a run", tool.word()),
                }),
        );
    }
    for grade in log.rows.iter_mut().flat_map(|row| &mut row.grades) {
        if let Some(by) = reading.by.get(&grade.criterion) {
            grade.by = *by;
        }
    }
    Some(log)
}

/// Looks over all files of an import, once they are read: what one of them tells may matter in the others.
pub fn together(format: Format, logs: &mut [Log]) {
    if format == Format::Promptfoo {
        promptfoo::take_whole(logs);
    }
}

/// Takes the last part of a path.
pub fn last(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

/// The file's name without folder and ending: the system, where nothing names one.
fn stem(file: &str) -> String {
    let last = last(file);
    name(last.rsplit_once('.').map_or(last, |(stem, _)| stem))
}

/// Makes a name for keys, files and segment values: lower case, letters and digits joined by hyphens, at most `most` characters.
pub fn slug(text: &str, most: usize) -> String {
    let mut made = String::new();
    for word in text
        .split(|one: char| !one.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        let word = word.to_lowercase();
        let before = made.chars().count();
        let room = most.saturating_sub(before + usize::from(before > 0));
        if before > 0 && room < word.chars().count() {
            break;
        }
        if before > 0 {
            made.push('-');
        }
        made.extend(word.chars().take(room));
    }
    made
}

/// Makes a name that files and reports may use of whatever a tool says: one line, no control character, at most 100 characters.
pub fn name(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|one| match one.is_control() || is_bidi(one) {
            true => ' ',
            false => one,
        })
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let joined: String = words.join(" ").chars().take(100).collect();
    joined.trim().to_owned()
}

/// Says whether a character turns the direction of what follows, or is not seen.
fn is_bidi(one: char) -> bool {
    matches!(one, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
