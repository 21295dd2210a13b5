//! Arguments of the record: signing, verifying, keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gatewright_core::decide::Answer;

use super::{StoredRun, answer};

/// Record a decision: stand behind what the gate computed, or override it, with name, key and reason.
///
/// A decision is never updated. A second person signs the same one; an override is a new one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright sign --reason 'as the gate says: cancellation goes back to retrieval'\n  gatewright sign --override ship --expires 2026-12-01 --reason 'the old version is withdrawn today'"
)]
pub(crate) struct SignArgs {
    #[command(flatten)]
    pub(crate) stored: StoredRun,
    /// Why, in your words (10 to 2,000 characters).
    #[arg(long)]
    pub(crate) reason: String,
    /// Your private key; by default the one in your own folder that the project's list knows.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Decide this instead of what the gate computed.
    #[arg(long = "override", id = "override", value_name = "ANSWER", value_parser = answer, requires = "expires")]
    pub(crate) other: Option<Answer>,
    /// The last day on which the override counts.
    #[arg(long, value_name = "DATE", requires = "override")]
    pub(crate) expires: Option<String>,
    /// Who wrote the change that is decided on (repeat it).
    #[arg(long, value_name = "IDENTITY", value_delimiter = ',')]
    pub(crate) change_author: Vec<String>,
    /// Sign although nobody looked at some regressed examples: the reason says why.
    #[arg(long)]
    pub(crate) without_looking: bool,
    /// Record a new decision where the one before rests on something else by now.
    #[arg(long)]
    pub(crate) anew: bool,
}

/// Compute a recorded decision again from its evidence: intact, or the first thing that differs (exit code 112).
///
/// It needs no network and no key, and writes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright verify\n  gatewright verify 0001-hold-1a2b3c4d --require ship,narrow"
)]
pub(crate) struct VerifyArgs {
    /// The record: its name or number, its folder or record.json. The newest by default.
    #[arg(value_name = "RECORD")]
    pub(crate) record: Option<PathBuf>,
    /// A checkpoint that was kept (`Log:` in every report): finds a log that was cut or put back.
    #[arg(long, value_name = "SIZE:HEX")]
    pub(crate) against: Option<String>,
    /// Let only these keys count: files with public keys from elsewhere (repeat it).
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<PathBuf>,
    /// Demand a decision that counts today and says one of these; other than that it ends with exit code 100.
    #[arg(long, value_name = "ANSWERS", value_delimiter = ',', value_parser = answer)]
    pub(crate) require: Vec<Answer>,
    /// Copy what was verified into this folder, which must not be there: everything that verifying takes.
    #[arg(long, value_name = "DIR")]
    pub(crate) export: Option<PathBuf>,
}

/// Make and list the keys that sign decisions, and take them out of use.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright key new --identity ana@example.com\n  gatewright key list"
)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) action: KeyAction,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyAction {
    New(KeyNewArgs),
    Add(KeyAddArgs),
    List(KeyListArgs),
    Revoke(KeyRevokeArgs),
}

/// Make a key: the private one in a file that only you can read, the public one in the project's list.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright key new --identity ana@example.com\n  gatewright key new --identity ana@example.com --replaces 1a2b3c4d5e6f7081 -o ana-2.pem"
)]
pub(crate) struct KeyNewArgs {
    /// Whose it is: a plain name or a mail address.
    #[arg(long)]
    pub(crate) identity: String,
    /// The key of the same person that it takes the place of: that one signs no more.
    #[arg(long, value_name = "KEY")]
    pub(crate) replaces: Option<String>,
    /// Write the private key here, instead of your own folder. It never overwrites.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Make the key with which the review server signs for this account, whose person has another name on the record.
    #[arg(long, value_name = "NAME", conflicts_with = "output")]
    pub(crate) account: Option<String>,
}

/// Put somebody's public key into the project's list.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright key add ben.pub.pem --identity ben@example.com\n  gatewright key add ben.pub.pem --identity ben"
)]
pub(crate) struct KeyAddArgs {
    /// The public key (PEM).
    pub(crate) file: PathBuf,
    /// Whose it is: a plain name or a mail address.
    #[arg(long)]
    pub(crate) identity: String,
}

/// List the keys with their history.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatewright key list\n  gatewright key list --json")]
pub(crate) struct KeyListArgs {}

/// Take a key out of use. What it signed before stays valid, unless --since says otherwise.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatewright key revoke ana@example.com --reason 'left the team'\n  gatewright key revoke 1a2b3c4d5e6f7081 --since 2026-11-01 --reason 'the laptop was stolen'"
)]
pub(crate) struct KeyRevokeArgs {
    /// The key: its id, the beginning of it, or its owner where there is only one.
    pub(crate) key: String,
    /// Why.
    #[arg(long)]
    pub(crate) reason: String,
    /// From this day on what it signed is void, too.
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
}
