//! Arguments of what people do around a run: triage, incidents, graders, calibration.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use gatewright_core::work::Forge;

use super::StoredRun;

/// List what a decided run asks of whom; keep it as issues of a forge.
///
/// Off by default: without --forge nothing is read from a host, and without --send nothing is written there. A rule in a segment has one open issue; the run in which the rule holds there closes it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright work\n  gatewright work --forge github --repository OWNER/NAME --token env:GITHUB_TOKEN\n  gatewright work --forge gitlab --send"
)]
pub(crate) struct WorkArgs {
    #[command(flatten)]
    pub(crate) stored: StoredRun,
    /// Show what would be done with the issues of this forge.
    #[arg(long, value_name = "FORGE")]
    pub(crate) forge: Option<ForgeName>,
    /// Do it: open issues, close those whose rule holds.
    #[arg(long, requires = "forge")]
    pub(crate) send: bool,
    /// Whose issues; GITHUB_REPOSITORY or CI_PROJECT_ID by default.
    #[arg(long, value_name = "PROJECT", requires = "forge")]
    pub(crate) repository: Option<String>,
    /// The address of the forge's interface; GITHUB_API_URL or CI_API_V4_URL by default, else the forge's own.
    #[arg(long, value_name = "URL", requires = "forge")]
    pub(crate) api: Option<String>,
    /// Where the token stands, `env:NAME` or `file:PATH`; env:GITHUB_TOKEN or env:GITLAB_TOKEN by default.
    #[arg(long, value_name = "KEY", requires = "forge")]
    pub(crate) token: Option<String>,
    /// The label by which issues are found again.
    #[arg(long, default_value = "gatewright")]
    pub(crate) label: String,
}

/// A forge, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForgeName {
    /// GitHub, also on a server of its own.
    Github,
    /// GitLab, also on a server of its own.
    Gitlab,
}

impl ForgeName {
    /// Returns the forge.
    pub(crate) fn forge(self) -> Forge {
        match self {
            ForgeName::Github => Forge::Github,
            ForgeName::Gitlab => Forge::Gitlab,
        }
    }

    /// Returns its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            ForgeName::Github => "github",
            ForgeName::Gitlab => "gitlab",
        }
    }
}

/// List failing outcomes by class; set their causes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  gatewright triage --class over-refusal\n  gatewright triage set refund-014 --criterion grounded --cause wrong-source --author ana --reason 'old policy cited'"
)]
pub(crate) struct TriageArgs {
    #[command(subcommand)]
    pub(crate) action: Option<TriageAction>,
    #[command(flatten)]
    pub(crate) stored: StoredRun,
    /// Only this class.
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// At most so many examples a class.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: usize,
}

/// What to do with failing outcomes.
#[derive(Debug, Subcommand)]
pub(crate) enum TriageAction {
    Set(TriageSetArgs),
}

/// Set the cause of a failing outcome, with author and reason.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright triage set refund-014 --criterion grounded --cause wrong-source --author ana --reason 'old policy cited'\n  gatewright triage set refund-020 --criterion grounded --cause label-wrong --author ben --reason 'the expected answer is out of date'"
)]
pub(crate) struct TriageSetArgs {
    /// The example's id.
    pub(crate) example: String,
    /// The criterion it fails.
    #[arg(long)]
    pub(crate) criterion: String,
    /// The cause: a failure class, `label-wrong`, or `noise`.
    #[arg(long)]
    pub(crate) cause: String,
    /// Who says so.
    #[arg(long)]
    pub(crate) author: String,
    /// Why, in at least three words' worth of letters (10 to 2,000).
    #[arg(long)]
    pub(crate) reason: String,
    /// Whose outcome it is.
    #[arg(long, default_value = "candidate", value_parser = ["candidate", "production", "fallback"])]
    pub(crate) system: String,
    /// The run; the newest of this page by default.
    #[arg(long)]
    pub(crate) run: Option<String>,
}

/// Keep production failures; an open one obliges the gate.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright incident list\n  gatewright incident cover INC-7 --example refund-031"
)]
pub(crate) struct IncidentArgs {
    #[command(subcommand)]
    pub(crate) action: IncidentAction,
}

/// What to do with incidents.
#[derive(Debug, Subcommand)]
pub(crate) enum IncidentAction {
    Add(IncidentAddArgs),
    List(IncidentListArgs),
    Cover(IncidentCoverArgs),
}

/// Record a production failure.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright incident add INC-7 --class unsupported-claim --what 'promised a refund of 900 USD'\n  gatewright incident add INC-8 --class over-refusal --segment task=refund --date 2026-11-02 --what 'refused a plain question'"
)]
pub(crate) struct IncidentAddArgs {
    /// Its id.
    pub(crate) id: String,
    /// The failure class.
    #[arg(long)]
    pub(crate) class: String,
    /// What happened.
    #[arg(long)]
    pub(crate) what: String,
    /// When, as a date; today by default.
    #[arg(long)]
    pub(crate) date: Option<String>,
    /// Where it happened (repeat it).
    #[arg(long, value_name = "DIM=VALUE")]
    pub(crate) segment: Vec<String>,
    /// The example that reproduces it, if there is one already.
    #[arg(long)]
    pub(crate) example: Option<String>,
}

/// List incidents, and what each still asks of the gate.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatewright incident list\n  gatewright incident list --json")]
pub(crate) struct IncidentListArgs {}

/// Name the example that reproduces an incident; it obliges the gate until that example passes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright incident cover INC-7 --example refund-031\n  gatewright incident cover INC-7 --example refund-031 --close"
)]
pub(crate) struct IncidentCoverArgs {
    /// The incident's id.
    pub(crate) id: String,
    /// The example's id.
    #[arg(long)]
    pub(crate) example: String,
    /// Close it: repaired, and kept by the example from now on.
    #[arg(long)]
    pub(crate) close: bool,
}

/// List the graders, with what each checks, protects and does not see; try one on one response.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright graders\n  gatewright graders try length --options '{of: words, at_most: 80}' --response @answer.txt"
)]
pub(crate) struct GradersArgs {
    #[command(subcommand)]
    pub(crate) action: Option<GradersAction>,
}

/// What to do with graders.
#[derive(Debug, Subcommand)]
pub(crate) enum GradersAction {
    Try(GradersTryArgs),
}

/// Try one grader on one response. Nothing is stored, and no page is needed.
///
/// It ends with 0 for every verdict: a failing response is an answer to the question that was asked.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright graders try contains --options '{texts: [30 days]}' --response 'Within 30 days.'\n  gatewright graders try must_cite --response @response.json --example reference/refunds.jsonl --id refund-014"
)]
pub(crate) struct GradersTryArgs {
    /// The grader, as pages write it.
    pub(crate) kind: String,
    /// Its options, as a page would write them (YAML or JSON).
    #[arg(long, value_name = "{...}", default_value = "")]
    pub(crate) options: String,
    /// The response's text; or @FILE to read it, where a name that ends in .json holds a whole response (output, citations, tool_calls, behaviour, …).
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    pub(crate) response: String,
    /// A file of examples, for what the example expects.
    #[arg(long, value_name = "FILE", requires = "id")]
    pub(crate) example: Option<PathBuf>,
    /// The example's id in that file.
    #[arg(long, requires = "example")]
    pub(crate) id: Option<String>,
    /// Our field and theirs in that file, as under `map` of a page (repeat it).
    #[arg(long, value_name = "OURS=THEIRS", requires = "example")]
    pub(crate) map: Vec<String>,
}

/// Compare a model judge with people's labels: may it decide, why not, and what to label next.
///
/// What it finds is kept, so that labels carry over to later runs while judge and rubric stay the same.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright calibrate grounded\n  gatewright calibrate grounded --plan 90 -o labels.jsonl"
)]
pub(crate) struct CalibrateArgs {
    /// The criterion; all that have `people` without one.
    #[arg(value_name = "CRITERION")]
    pub(crate) criterion: Option<String>,
    /// The run whose answers were judged, for systems that are called; the last one without it.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Write at most N answers to label, where it pays: flips, judge-fails, random judge-passes.
    #[arg(long, value_name = "N", requires = "output", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) plan: Option<u32>,
    /// Write the answers to label, or the calibration as JSON, here.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
