//! Arguments of what people do with answers.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Answers that people label: who is asked what, how far they agree, and what they differ on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright review ask labels.jsonl --people 2\n  gatewright review export -o reviewed.jsonl\n  gatewright review agreement"
)]
pub(crate) struct ReviewArgs {
    #[command(subcommand)]
    pub(crate) action: ReviewAction,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewAction {
    Ask(AskArgs),
    Export(ExportArgs),
    Agreement(AgreementArgs),
    Disagreements(DisagreementsArgs),
}

/// Say how far people agree beyond chance, by criterion, system and label. It decides nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright review agreement\n  gatewright review agreement grounded --person ana --person ben --json"
)]
pub(crate) struct AgreementArgs {
    /// The criterion; all that people label without one.
    #[arg(value_name = "CRITERION")]
    pub(crate) criterion: Option<String>,
    /// Only these people's labels (repeat it).
    #[arg(long, value_name = "NAME")]
    pub(crate) person: Vec<String>,
    /// What people said of the answers that `review ask` asked about, instead of the labels in the page's files.
    #[arg(long, conflicts_with_all = ["criterion", "person"])]
    pub(crate) asked: bool,
}

/// Say what is due: answers to label and to settle, incidents that oblige the gate, examples past their date.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatewright today\n  gatewright today --person ana --json")]
pub(crate) struct TodayArgs {
    /// Whose answers are counted.
    #[arg(long, value_name = "NAME")]
    pub(crate) person: Option<String>,
}

/// Write the answers on which people differ, for somebody to settle.
///
/// Each answer stands there with the labels that it was given, without the names of who gave them and of who answered. What is settled already is left out.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright review disagreements grounded -o disputed.jsonl\n  gatewright review disagreements grounded --run RUN -o disputed.jsonl"
)]
pub(crate) struct DisagreementsArgs {
    /// The criterion.
    #[arg(value_name = "CRITERION")]
    pub(crate) criterion: String,
    /// The run whose answers were labelled, for systems that are called; the last one without it.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// The file to write; one that exists is never overwritten.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Ask people about answers: those of a file that `calibrate --plan` or `review disagreements` wrote, those of a criterion that people label, or those that a policy picks from a graded run.
///
/// What is asked stands in the project's log, for `gatewright serve`. Labels that a file or the page holds already are taken over. The same answer is asked once, however often it comes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright review ask labels.jsonl --people 2 --why \"judge and flips\"\n  gatewright review ask --criterion tone --not-by ana\n  gatewright review ask --policy auto --at-most 30\n  gatewright review ask --policy flips --criterion tone --of grounded\n  gatewright review ask known.jsonl --gold"
)]
pub(crate) struct AskArgs {
    /// Files of rows to label.
    #[arg(value_name = "FILE", conflicts_with = "criterion")]
    pub(crate) files: Vec<PathBuf>,
    /// All answers of this criterion, which people label.
    #[arg(long, value_name = "CRITERION")]
    pub(crate) criterion: Option<String>,
    /// Of a criterion that a model judges: this many answers, those that can change the decision first.
    ///
    /// All on which the judge sees a difference, all that it fails, and at least 30 that it passes, at random, as far as the number goes.
    #[arg(long, value_name = "N", requires = "criterion", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) plan: Option<u32>,
    /// Which answers of a graded run, a short queue: of all criteria that people label, or of the one named.
    #[arg(long, value_name = "POLICY", value_enum, conflicts_with_all = ["files", "plan"])]
    pub(crate) policy: Option<Policy>,
    /// Whose verdicts pick the answers; without it a judge's own, and for a criterion that people alone label those of all criteria that the gate decides by.
    #[arg(long, value_name = "CRITERION", requires = "policy")]
    pub(crate) of: Option<String>,
    /// Most answers that a policy asks about at once; those that were asked before are not counted.
    #[arg(long, value_name = "N", requires = "policy", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) at_most: u32,
    /// The run whose answers are asked about, for systems that are called; the last one without it.
    #[arg(long, value_name = "RUN", conflicts_with = "files")]
    pub(crate) run: Option<String>,
    /// How many people label each answer, without seeing each other's labels.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) people: u32,
    /// Who must not label them: authors of the change (repeat it).
    #[arg(long, value_name = "NAME")]
    pub(crate) not_by: Vec<String>,
    /// Why these; whoever has labelled one reads it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) why: String,
    /// The labels in these files are right: people are measured by them, and do not see them.
    #[arg(long, requires = "files", conflicts_with = "criterion")]
    pub(crate) gold: bool,
}

/// How a short queue is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// What can change the decision first: guard flips, what is disputed, gaps, then other flips.
    Auto,
    /// Events of a never, and what regressed under a never or a guard, that no fresh trial has answered for.
    GuardFlips,
    /// Answers on which people differ, or people and the judge.
    Disputed,
    /// Answers whose labels `calibrate` still needs before a judge may decide.
    Gaps,
    /// Answers to examples on which candidate and production differ: regressed first, by cost.
    Flips,
}

impl Policy {
    /// Returns its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Policy::Auto => "auto",
            Policy::GuardFlips => "guard-flips",
            Policy::Disputed => "disputed",
            Policy::Gaps => "gaps",
            Policy::Flips => "flips",
        }
    }
}

/// Write what people said as a file of labels that the page can name.
///
/// Labels that stand in the page's other files are not written again. An answer that not all who were asked have labelled is a row without a label: half a review is no verdict. The file is written anew each time, if it holds no label that the log does not have.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright review export -o reviewed.jsonl\n  gatewright review export grounded -o grounded.jsonl --json"
)]
pub(crate) struct ExportArgs {
    /// The criterion; all without one.
    #[arg(value_name = "CRITERION")]
    pub(crate) criterion: Option<String>,
    /// Instead: this many finished answers, drawn at random, for somebody outside the team to label.
    ///
    /// Their rows have no label. Filled in, `gatewright review ask FILE --gold` takes the labels as the right ones, and people are measured by them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) audit: Option<u32>,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Let people label in a browser, each without the others, and decide releases. Ctrl-C ends it.
///
/// It listens to this machine alone, unless somebody may log in and the way is encrypted: with a certificate (`--tls-cert`, `--tls-key`) or behind a proxy that has one (`--public-url`). What is asked comes from `gatewright review ask`. The first account is made with a code that this command prints. Every label is in the project's log before the next answer is shown.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright serve\n  gatewright serve --demo\n  gatewright serve --address 127.0.0.1:0 --json\n  gatewright serve --address 0.0.0.0:443 --tls-cert site.pem --tls-key site.key --public-url https://evals.example.com"
)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7418")]
    pub(crate) address: SocketAddr,
    #[command(flatten)]
    pub(crate) reached: Reached,
    #[command(flatten)]
    pub(crate) oidc: OidcArgs,
    /// Show the shipped example, of which two people have labelled half, in a folder that goes when this ends.
    #[arg(long)]
    pub(crate) demo: bool,
}

/// How others reach the server.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "From elsewhere")]
pub(crate) struct Reached {
    /// Encrypt connections: the certificate, followed by those that vouch for it (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM, without a password).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The address that people type: of a proxy in front that ends TLS, or the name that the certificate has.
    #[arg(long, value_name = "https://HOST[:PORT]")]
    pub(crate) public_url: Option<String>,
    /// Believe this proxy too when it says whom it speaks for (X-Forwarded-For), and not only one on this machine (repeat it).
    #[arg(long, value_name = "IP", requires = "public_url")]
    pub(crate) trust_proxy: Vec<IpAddr>,
}

/// An identity provider by which people may log in as well.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Identity provider")]
pub(crate) struct OidcArgs {
    /// Let people log in by this OpenID Connect issuer too, whom an admin has linked to an account.
    #[arg(long, value_name = "URL", requires = "oidc_client_id")]
    pub(crate) oidc_issuer: Option<String>,
    /// What the issuer calls this server.
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    pub(crate) oidc_client_id: Option<String>,
    /// The secret that it gave this server; a public client has none.
    #[arg(long, value_name = "env:NAME|file:PATH", requires = "oidc_issuer")]
    pub(crate) oidc_client_secret: Option<String>,
}

/// Copy all that the project keeps into a folder, while others may write.
///
/// Runs, records, labels and accounts, each database as of one moment. Keys for signing are not in it. `gatewright restore` puts it back.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright backup /mnt/backups/2026-11-27\n  gatewright backup ../copy --json"
)]
pub(crate) struct BackupArgs {
    /// The folder to write; it must not hold anything.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// Put a backup back into a project that keeps nothing yet.
///
/// Each file is held against its digest first; when one differs nothing is put back (exit code 112). All who were logged in have to log in again.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright restore /mnt/backups/2026-11-27\n  gatewright restore ../copy --json"
)]
pub(crate) struct RestoreArgs {
    /// The folder that `gatewright backup` wrote.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}
