//! Arguments of what comes from elsewhere: results of other tools, and runs of before.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gatewright_core::interop::Format;
use gatewright_core::manifest::Kind;
use gatewright_core::outcome::GraderKind;

/// Take over results of promptfoo, Inspect, OpenAI evals, DeepEval or a table: examples, answers and verdicts.
///
/// Nothing is judged anew and nothing is sent. Their errors stay missing, and every example without a partner is named.
/// Where there is no page, one is written to start from; otherwise the parts to put into it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright import promptfoo out.json --candidate assistant-12 --production assistant-11\n  gatewright import inspect new.eval old.eval --candidate new.eval --production old.eval\n  gatewright import csv answers.csv --system model --output reply --label correct=verdict --candidate v12 --production v11"
)]
pub(crate) struct ImportArgs {
    /// Which tool wrote the files.
    #[arg(value_name = "TOOL")]
    pub(crate) tool: Tool,
    /// Its files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The system under question: a name in the files, a file, or FILE=NAME (repeat it for repeats in several files).
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) candidate: Vec<String>,
    /// What serves users now.
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) production: Vec<String>,
    /// What would serve if neither did.
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) fallback: Vec<String>,
    /// Match answers by this field (id, vars.NAME, metadata.NAME), or by `content`: what was asked. By the tool's ids where it has stable ones.
    #[arg(long, value_name = "FIELD")]
    pub(crate) key: Option<String>,
    /// The field that names the kind of work (metadata.topic, …).
    #[arg(long, value_name = "FIELD")]
    pub(crate) task: Option<String>,
    /// A dimension and the field with its values (repeat it).
    #[arg(long, value_name = "DIM=FIELD")]
    pub(crate) segment: Vec<String>,
    /// Where the examples came from.
    #[arg(long, value_name = "KIND", default_value = "handpicked", value_parser = kind)]
    pub(crate) kind: Kind,
    /// The words of a criterion that pass; all its other words fail (repeat it).
    #[arg(long, value_name = "CRITERION=WORD,…")]
    pub(crate) pass: Vec<String>,
    /// The smallest number of a criterion that passes (repeat it).
    #[arg(long, value_name = "CRITERION=N")]
    pub(crate) at_least: Vec<String>,
    /// What judged a criterion: rule, program, model or person (repeat it).
    #[arg(long, value_name = "CRITERION=KIND")]
    pub(crate) by: Vec<String>,
    /// The folder under imported/ to write into; the tool's name without it.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Write over what an import wrote there before.
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) columns: ColumnArgs,
}

/// Which columns of a table hold what. Common names are recognised; an empty name says that there is no such column.
#[derive(Debug, Args)]
#[command(next_help_heading = "Columns of a table (csv); '' for none")]
pub(crate) struct ColumnArgs {
    /// The example's id.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id: Option<String>,
    /// What was asked.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) input: Option<String>,
    /// The answer.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) output: Option<String>,
    /// The system; a table without one is one system, named after its file.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) system: Option<String>,
    /// The number of the repeat.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) trial: Option<String>,
    /// The expected answer.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) expected: Option<String>,
    /// Why there is no answer.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) error: Option<String>,
    /// A criterion and the column with its verdicts (repeat it).
    #[arg(long, value_name = "CRITERION=COLUMN")]
    pub(crate) label: Vec<String>,
}

/// A tool, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// promptfoo eval -o out.json, or out.jsonl.
    Promptfoo,
    /// Logs of inspect eval: .eval or .json.
    Inspect,
    /// The log that oaieval records.
    OpenaiEvals,
    /// Test runs that DeepEval saves.
    Deepeval,
    /// A table with one answer a row.
    Csv,
}

impl Tool {
    /// Returns the format that its files have.
    pub(crate) fn format(self) -> Format {
        match self {
            Tool::Promptfoo => Format::Promptfoo,
            Tool::Inspect => Format::Inspect,
            Tool::OpenaiEvals => Format::OpenaiEvals,
            Tool::Deepeval => Format::Deepeval,
            Tool::Csv => Format::Csv,
        }
    }
}

/// Reads a kind of examples.
fn kind(text: &str) -> Result<Kind, String> {
    let words = || Kind::ALL.map(Kind::word).join(", ");
    let found = Kind::ALL.into_iter().find(|kind| kind.word() == text);
    found.ok_or_else(|| format!("one of {}", words()))
}

/// Reads what judged.
pub(crate) fn grader_kind(text: &str) -> Option<GraderKind> {
    use GraderKind::{Model, Person, Program, Rule};
    [Rule, Program, Model, Person]
        .into_iter()
        .find(|kind| kind.word() == text)
}

/// Decide past runs by what the page says today: would this gate have held what was released?
///
/// Nothing is asked and nothing is stored: decisions on record stay as they are. Runs whose examples are not today's cannot be replayed, and are told.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright replay\n  gatewright replay 0003 0004 ../other/.gatewright/runs/0001-0123abcd --json"
)]
pub(crate) struct ReplayArgs {
    /// The runs: names or numbers, or paths to their folders. The last ones without it.
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// So many of the last runs, where none is named.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) last: u32,
}
