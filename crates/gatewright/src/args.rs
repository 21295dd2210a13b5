//! Arguments. The doc comments here are the help; docs/cli.md is a copy of it.

mod import;
mod record;
mod review;
mod start;
mod work;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use gatewright_core::decide::Answer;
use gatewright_core::plan::{RunOptions, Shard};
use gatewright_core::report::Cells;

use crate::pipeline::{Asked, Start};

pub(crate) use self::import::*;
pub(crate) use self::record::*;
pub(crate) use self::review::*;
pub(crate) use self::start::*;
pub(crate) use self::work::*;

/// Evals that decide: ship, narrow, hold, repair, rollback, or not enough evidence.
#[derive(Debug, Parser)]
#[command(
    name = "gatewright",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The page, instead of gatewright.yaml here or above.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document on standard output and nothing else there.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only the answer and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more about what happens.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Use no colour (NO_COLOR does the same).
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Answer yes to every question.
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
    /// Let the page read files under DIR as NAME:path.
    #[arg(long, global = true, value_name = "NAME=DIR", value_delimiter = ',')]
    pub(crate) root: Vec<String>,
    /// Let the page send examples to this host, and with `=env:NAME` or `=file:PATH` that key (repeat it).
    #[arg(
        long,
        global = true,
        value_name = "HOST[:PORT][=KEY]",
        value_delimiter = ','
    )]
    pub(crate) allow_host: Vec<String>,
    /// Keep runs and the project log here, instead of .gatewright beside the page.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Take this as the time, for reports that are equal byte for byte.
    #[arg(long, global = true, value_name = "TIME", hide = true)]
    pub(crate) now: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(InitArgs),
    Check(CheckArgs),
    Import(ImportArgs),
    Perturb(PerturbArgs),
    Run(RunArgs),
    Grade(GradeArgs),
    Confirm(ConfirmArgs),
    Gate(GateArgs),
    Merge(MergeArgs),
    Diff(DiffArgs),
    Decide(DecideArgs),
    Replay(ReplayArgs),
    Report(ReportArgs),
    View(ViewArgs),
    Work(WorkArgs),
    Sign(SignArgs),
    Verify(VerifyArgs),
    Key(KeyArgs),
    Triage(TriageArgs),
    Incident(IncidentArgs),
    Graders(GradersArgs),
    Calibrate(CalibrateArgs),
    Review(ReviewArgs),
    Serve(ServeArgs),
    Today(TodayArgs),
    Backup(BackupArgs),
    Restore(RestoreArgs),
    Schema(SchemaArgs),
    Completions(CompletionsArgs),
}

/// Make the attempts: examples × systems × trials. Every result is on disk before it counts.
///
/// A run that was stopped goes on where it was.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright run --dry-run\n  gatewright run --filter task=refund --limit 10 --max-cost 2"
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) begins: Begins,
    #[command(flatten)]
    pub(crate) asks: Asks,
    /// Make only part i of n: the examples whose digest falls into it. `gatewright merge` puts the parts together.
    #[arg(long, value_name = "i/n")]
    pub(crate) shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) budget: Budget,
    #[command(flatten)]
    pub(crate) select: Select,
    /// Show what would be sent, where to and at what price; send and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What may be spent now.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Budget {
    /// Spend at most so many US dollars now.
    #[arg(long, value_name = "USD", value_parser = amount)]
    pub(crate) max_cost: Option<f64>,
    /// Make at most so many calls to providers now, retries among them.
    #[arg(long, value_name = "N")]
    pub(crate) max_calls: Option<u64>,
    /// Keep at most so many requests on their way to one host, and so many programs of one system.
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) concurrency: Option<u32>,
}

/// Which attempts are made now; the others stay outstanding.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Select {
    /// Only examples of this segment, or whose id matches `id=GLOB` (repeat it; all must match).
    #[arg(long, value_name = "DIM=VALUE")]
    pub(crate) filter: Vec<String>,
    /// Only the first so many examples.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Only so many examples, drawn by the seed.
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<usize>,
}

/// What a run is asked for, besides the page.
#[derive(Debug, Args)]
pub(crate) struct Asks {
    /// Make so many trials of each system that can be called, instead of the page's.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repeat: Option<u32>,
    /// Take this seed instead of the page's.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Take over what live systems answered to the very same request and trial in earlier runs of this project.
    #[arg(long)]
    pub(crate) reuse: bool,
    /// Make attempts again that ended in an error, and ask judges and programs anew that gave no verdict. Their errors count until they have ended anew.
    #[arg(long, conflicts_with = "fresh")]
    pub(crate) retry_errors: bool,
}

/// Which run it is: one that can go on does, unless something else is asked for.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Begins {
    /// Start anew, also when a run of the same plan can go on.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Go on with the run that is incomplete, and begin none: exit code 4 when there is nothing to go on with.
    #[arg(long, conflicts_with = "fresh")]
    pub(crate) resume: bool,
}

impl Begins {
    /// Says how the run begins.
    pub(crate) fn start(self) -> Start {
        match (self.fresh, self.resume) {
            (true, _) => Start::Fresh,
            (false, true) => Start::Only,
            (false, false) => Start::Resume,
        }
    }
}

/// Put the parts of a run together: run folders of this project, or paths to them.
///
/// It refuses parts that differ in plan, seal, tool or options, and says what is missing and what is double.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright merge 0001 0002 0003\n  gatewright merge shards/*/run.db && gatewright gate"
)]
pub(crate) struct MergeArgs {
    /// The parts: names or numbers of runs, or paths to run.db or its folder.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// Merge also when something is missing: it stays to be made.
    #[arg(long)]
    pub(crate) partial: bool,
}

/// Names a stored run.
#[derive(Debug, Args)]
pub(crate) struct StoredRun {
    /// The run: its folder's name or number. The newest of this page by default.
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
}

/// Grade what a run has so far, and show where every outcome ended.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatewright grade\n  gatewright grade 0003 --json")]
pub(crate) struct GradeArgs {
    #[command(flatten)]
    pub(crate) stored: StoredRun,
    /// Ask judges and grader programs what is outstanding; without it, nothing is called
    #[arg(long, env = "GATEWRIGHT_ASK")]
    pub(crate) ask: bool,
    /// With --ask: ask anew where a judge or program gave no verdict that could be read
    #[arg(long, requires = "ask")]
    pub(crate) retry_errors: bool,
    #[command(flatten)]
    pub(crate) budget: Budget,
}

/// Run what tripped again: whole segments, both arms, fresh trials.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatewright confirm\n  gatewright confirm 0003")]
pub(crate) struct ConfirmArgs {
    #[command(flatten)]
    pub(crate) stored: StoredRun,
    #[command(flatten)]
    pub(crate) budget: Budget,
}

/// Run, grade, confirm, decide and report in one go: the main job. The exit code is the answer.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright gate --max-cost 20\n  gatewright gate --accept ship,narrow -o report.html -o report.json"
)]
pub(crate) struct GateArgs {
    #[command(flatten)]
    pub(crate) begins: Begins,
    #[command(flatten)]
    pub(crate) asks: Asks,
    #[command(flatten)]
    pub(crate) budget: Budget,
    /// Show what would be sent, where to and at what price; send and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) accept: Accept,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Which answers end with exit code 0.
#[derive(Debug, Args)]
pub(crate) struct Accept {
    /// Answers that end with exit code 0, besides ship.
    #[arg(long, value_name = "ANSWERS", value_delimiter = ',', value_parser = answer)]
    pub(crate) accept: Vec<Answer>,
}

/// Where reports go.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Write the report here too; the name ends in .html, .md, .json, .xml (JUnit), .sarif or .csv (repeat it).
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
    /// Tell the CI system that this runs in: a summary, annotations and outputs (GitHub), or JUnit, Markdown and variables (GitLab).
    #[arg(long, value_name = "SYSTEM", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub(crate) ci: Option<Ci>,
    /// Write CSV cells as they are. Without it, what a spreadsheet would run as a formula gets a `'` before it.
    #[arg(long)]
    pub(crate) exact: bool,
}

impl Output {
    /// How CSV cells are written.
    pub(crate) fn cells(&self) -> Cells {
        match self.exact {
            true => Cells::Exact,
            false => Cells::Safe,
        }
    }
}

/// A CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ci {
    /// Whichever the environment names.
    Auto,
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
}

/// Show the examples that changed between production and candidate: regressed first, by cost.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright diff --segment task=refund\n  gatewright diff --criterion grounded --limit 3"
)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    pub(crate) stored: StoredRun,
    /// Only examples of this segment (repeat it; all must match).
    #[arg(long, value_name = "DIM=VALUE")]
    pub(crate) segment: Vec<String>,
    /// Only failures of this class.
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// Only this criterion.
    #[arg(long)]
    pub(crate) criterion: Option<String>,
    /// At most so many examples.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: usize,
    /// Only lost examples of never and guard rules that nobody has looked at.
    #[arg(long)]
    pub(crate) not_looked_at: bool,
    /// Put on the record that this person has looked at the lost examples that are shown.
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) looked_by: Option<String>,
}

/// Decide a stored run again: the same evidence gives the same bytes.
///
/// It refuses when anything sealed has changed, and says what (exit code 112).
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatewright decide\n  gatewright decide 0003 --json")]
pub(crate) struct DecideArgs {
    #[command(flatten)]
    pub(crate) stored: StoredRun,
    #[command(flatten)]
    pub(crate) accept: Accept,
}

/// Write the report of a stored run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright report -o report.html\n  gatewright report 0003 -o decision.md -o report.json"
)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) stored: StoredRun,
    /// Also say how stable the answer is where there are more than 1,000 examples: it evaluates every rule a thousand times over.
    #[arg(long)]
    pub(crate) stability: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Show the runs of this project in a browser, read-only, to this machine alone. Ctrl-C ends it.
///
/// Each report is made when it is opened: what the run's log holds, decided by what the page says now.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatewright view\n  gatewright view --address 127.0.0.1:0")]
pub(crate) struct ViewArgs {
    /// Where to listen: an address of this machine alone; port 0 takes any that is free.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7417")]
    pub(crate) address: std::net::SocketAddr,
}

/// Print a JSON Schema: of the page, the report, or a calibration.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright schema > gatewright.schema.json\n  gatewright schema report"
)]
pub(crate) struct SchemaArgs {
    /// Which one.
    #[arg(default_value = "manifest", value_parser = ["manifest", "report", "calibration"])]
    pub(crate) of: String,
}

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright completions bash > ~/.local/share/bash-completion/completions/gatewright\n  gatewright completions zsh > _gatewright"
)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

impl Asks {
    /// Returns what the plan depends on.
    pub(crate) fn asked(&self, shard: Option<Shard>) -> Asked {
        Asked {
            options: RunOptions {
                trials: self.repeat,
                seed: self.seed,
                shard,
            },
            retry_errors: self.retry_errors,
        }
    }
}

/// The groups of the help: what a newcomer needs first.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Start",
        &[
            "init",
            "check",
            "import",
            "graders",
            "perturb",
            "schema",
            "completions",
        ],
    ),
    (
        "Work",
        &["run", "merge", "grade", "confirm", "gate", "diff", "view"],
    ),
    ("Decide", &["decide", "replay", "report", "sign", "verify"]),
    (
        "Team",
        &[
            "today",
            "work",
            "triage",
            "incident",
            "calibrate",
            "review",
            "serve",
            "backup",
            "restore",
            "key",
        ],
    ),
];

/// Reads the arguments; every flag has a twin in the environment.
///
/// # Errors
/// Clap's own errors, which show themselves.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// Builds the command with groups, examples and environment twins.
pub(crate) fn command() -> clap::Command {
    let command = twins(Cli::command());
    let mut listed = String::new();
    for (title, names) in GROUPS {
        listed.push_str(&format!("{title}:\n"));
        for name in names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            listed.push_str(&format!("  {name:<12} {}\n", summary(&about)));
        }
        listed.push('\n');
    }
    command.help_template(format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{listed}Options:\n{{options}}\n\nExamples:\n  gatewright init --example billing-support billing\n  gatewright gate\n"
    ))
}

/// Takes the first clause of a help text.
fn summary(about: &str) -> &str {
    let end = [". ", ": ", "; "]
        .iter()
        .filter_map(|mark| about.find(mark))
        .min();
    about[..end.unwrap_or(about.len())].trim_end_matches('.')
}

/// Gives every flag its environment twin: `--no-color` is GATEWRIGHT_NO_COLOR. Columns of a table share words with flags of other commands
/// (`--output`), so theirs are GATEWRIGHT_COLUMN_OUTPUT and so on.
fn twins(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let Some(long) = arg
            .get_long()
            .filter(|long| !["help", "version"].contains(long))
        else {
            return arg;
        };
        let heading = arg.get_help_heading().unwrap_or_default();
        let of_table = heading.starts_with("Columns of a table");
        let prefix = if of_table {
            "GATEWRIGHT_COLUMN"
        } else {
            "GATEWRIGHT"
        };
        let name = format!("{prefix}_{}", long.to_uppercase().replace('-', "_"));
        let is_flag = matches!(arg.get_action(), clap::ArgAction::SetTrue);
        // Leaked once per flag at the start of the program: clap keeps names of variables for as long as it lives.
        let arg = arg.env(&*name.leak()).hide_env_values(true);
        if is_flag {
            arg.value_parser(FalseyValueParser::new())
        } else {
            arg
        }
    });
    command.mut_subcommands(twins)
}

/// Reads an amount of US dollars above zero.
fn amount(text: &str) -> Result<f64, String> {
    let bare = text.trim().trim_start_matches('$');
    let bare = bare.strip_suffix("USD").unwrap_or(bare).trim();
    match bare.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount > 0.0 => Ok(amount),
        Ok(_) => Err("it must be more than nothing, such as --max-cost 20".to_owned()),
        Err(_) => Err(
            "it is no amount of US dollars, such as --max-cost 20 or --max-cost 0.50".to_owned(),
        ),
    }
}

pub(crate) fn answer(word: &str) -> Result<Answer, String> {
    let all = [
        Answer::Ship,
        Answer::Narrow,
        Answer::Hold,
        Answer::Repair,
        Answer::Rollback,
        Answer::NotEnoughEvidence,
    ];
    let known = |answer: &Answer| answer.word().replace(' ', "-");
    all.into_iter()
        .find(|answer| known(answer) == word)
        .ok_or_else(|| {
            let words: Vec<String> = all.iter().map(known).collect();
            format!("one of {}", words.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group_and_has_two_examples() {
        let command = command();
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        for sub in command.get_subcommands() {
            assert_eq!(
                grouped
                    .iter()
                    .filter(|name| **name == sub.get_name())
                    .count(),
                1,
                "{}",
                sub.get_name()
            );
            check_examples(sub);
        }
        command.debug_assert();
    }

    fn check_examples(command: &clap::Command) {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            help.matches("\n  gatewright ").count() >= 2,
            "{} has no two examples",
            command.get_name()
        );
        for inner in command.get_subcommands() {
            check_examples(inner);
        }
    }

    #[test]
    fn amounts_of_money_are_read_or_shown_how() {
        for (text, value) in [("20", 20.0), ("0.50", 0.5), ("$3", 3.0), ("4 USD", 4.0)] {
            assert_eq!(amount(text), Ok(value), "{text}");
        }
        for text in ["abc", "", "NaN", "inf", "-1", "0", "1,50", "20 EUR"] {
            let why = amount(text).expect_err(text);
            assert!(why.contains("--max-cost 20"), "{text}: {why}");
        }
        let error = parse(["gatewright", "gate", "--max-cost", "abc"].map(Into::into));
        let text = error.expect_err("refused").to_string();
        assert!(
            text.contains("'abc'") && text.contains("--max-cost 0.50"),
            "{text}"
        );
    }

    #[test]
    fn answers_are_read_as_words() {
        assert_eq!(answer("not-enough-evidence"), Ok(Answer::NotEnoughEvidence));
        assert!(answer("maybe").is_err());
    }
}
