//! Arguments of what comes before a run: a page to start from, what is wrong with it, variants of examples.

use std::path::PathBuf;

use clap::Args;
use gatewright_core::perturb::Perturbation;

use super::Ci;

/// Ask the seven questions and write gatewright.yaml, a first reference set and its schema.
///
/// On a terminal it asks; without one it takes the flags and leaves comments where an answer is missing. It never overwrites.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright init\n  gatewright init --example billing-support billing"
)]
pub(crate) struct InitArgs {
    /// The folder to write into.
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Write a shipped example instead.
    #[arg(long, value_name = "NAME", value_parser = ["billing-support"])]
    pub(crate) example: Option<String>,
    /// The product's name.
    #[arg(long)]
    pub(crate) product: Option<String>,
    /// What the product does, in one sentence.
    #[arg(long)]
    pub(crate) promise: Option<String>,
    /// A task users ask for (repeat it).
    #[arg(long, value_delimiter = ',')]
    pub(crate) task: Vec<String>,
    /// A failure that costs most (repeat it): one of the twelve classes, or your own.
    #[arg(long, value_delimiter = ',')]
    pub(crate) failure: Vec<String>,
    /// Where real examples can be sampled.
    #[arg(long)]
    pub(crate) evidence: Option<String>,
    /// The release question.
    #[arg(long)]
    pub(crate) question: Option<String>,
    /// A dimension by which results are reported separately (repeat it).
    #[arg(long, value_delimiter = ',')]
    pub(crate) segment: Vec<String>,
    /// Who owns the gate.
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// Write a workflow that gates every pull request; beside a page that is there, only that.
    #[arg(long, value_name = "SYSTEM", value_parser = named_ci)]
    pub(crate) ci: Option<Ci>,
    /// Where the workflow installs gatewright from.
    #[arg(long, value_name = "URL#REVISION", requires = "ci")]
    pub(crate) source: Option<String>,
}

/// Reads the name of a CI system.
fn named_ci(text: &str) -> Result<Ci, String> {
    match text {
        "github" => Ok(Ci::Github),
        "gitlab" => Ok(Ci::Gitlab),
        _ => Err("github or gitlab".to_owned()),
    }
}

/// Say everything that is wrong with the page and the data, and what each rule can see.
///
/// Errors end with exit code 2. Suggestions never do.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatewright check\n  gatewright check --explain no-worse")]
pub(crate) struct CheckArgs {
    /// Say what follows each result of a rule, what it can see at this n, and why.
    #[arg(long, value_name = "RULE")]
    pub(crate) explain: Option<String>,
}

/// Write behavioural tests: variants of examples with the relation that must hold, or cases from a template.
///
/// The same seed writes the same file. Variants are synthetic examples: read them before they count.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright perturb --kind typos --kind injected-instruction -o reference/variants.jsonl\n  gatewright perturb --template tests/negation.yaml --limit 50 -o reference/negation.jsonl"
)]
pub(crate) struct PerturbArgs {
    /// What to change (repeat it); everything that applies by default.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds())]
    pub(crate) kind: Vec<String>,
    /// Make cases from this file of templates (YAML or JSON), instead of variants of examples.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "where"])]
    pub(crate) template: Option<PathBuf>,
    /// Only examples of this segment, or whose id matches `id=GLOB` (repeat it; all must match).
    #[arg(id = "where", long = "where", value_name = "DIM=VALUE")]
    pub(crate) filter: Vec<String>,
    /// Only the first so many examples; of a template, so many cases drawn by the seed.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) limit: Option<u64>,
    /// Take this seed instead of the page's.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Write the examples here, as JSON lines; on standard output without it. It never overwrites.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Reads a whole number from 1.
fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("nothing would be made; at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("a whole number from 1".to_owned()),
    }
}

/// The words of all perturbations, for help and for "did you mean".
fn kinds() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(Perturbation::ALL.map(Perturbation::word))
}
