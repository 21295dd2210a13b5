//! How systems are reached.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use gatewright_core::exchange::Exchange;
use gatewright_core::manifest::{Live, Role};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::recorded::RecordedAttempt;
use gatewright_core::response::Response;

use crate::live::door::OpenDoor;
use crate::secret::SecretText;

/// The systems of a run.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// The plan's seed: each attempt's own is derived from it.
    pub seed: u64,
    /// How each system is reached.
    pub by_role: BTreeMap<Role, Target>,
    /// Systems that have answered before in this run: they are not strangers, and an error is about the attempt and not about them.
    pub answered: BTreeSet<Role>,
    /// Attempts that were refused before the run paused for it, and how often. They are best made last: when others of their system are answered
    /// first, or when it is their third time, a refusal is about them and ends them as an error.
    pub refused: BTreeMap<AttemptSpec, u32>,
    /// Conversations that an interrupted run had begun: what came back of each turn so far. They go on from there.
    pub begun: BTreeMap<AttemptSpec, Vec<Begun>>,
}

/// A turn of a conversation that came back before the run was interrupted.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// What was sent and what came back.
    pub exchange: Exchange,
    /// What the system said.
    pub response: Response,
}

/// How one system is reached.
#[derive(Clone, Debug)]
pub enum Target {
    /// Its outputs were recorded. Planned attempts that are not among them stay unattempted.
    Recorded(Vec<RecordedAttempt>),
    /// A program that reads and writes JSON lines.
    Command(CommandTarget),
    /// An endpoint.
    Live(Box<LiveTarget>),
}

/// An endpoint, with the values of its secrets.
#[derive(Clone, Debug)]
pub struct LiveTarget {
    /// What is asked there, as the page says it.
    pub live: Live,
    /// The values of [`Live::secrets`], in that order.
    pub secrets: Vec<SecretText>,
    /// The system's own promise of time: exceeding it is its failure.
    pub timeout: Option<Duration>,
    /// Whether the operator allowed this host to have a private address.
    pub private_allowed: bool,
    /// Proxy for plain and for encrypted connections, when the operator's environment names one for this host.
    pub proxy: Option<SecretText>,
    /// Opens the way to a further provider (`Protocol::Provider`); no other system needs one.
    pub door: Option<OpenDoor>,
}

/// A program that reads and writes JSON lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandTarget {
    /// Program and arguments; no shell.
    pub argv: Vec<String>,
    /// Programs that run side by side, from 1 to [`crate::Limits::WORKERS_MAX`].
    pub workers: u32,
    /// The system's own promise of time: exceeding it is its failure.
    pub timeout: Option<Duration>,
    /// The whole environment of the program ([`environment`] picks it).
    pub env: BTreeMap<OsString, OsString>,
    /// The folder it runs in.
    pub cwd: PathBuf,
    /// Memory that each program may use, in MiB; asking for more fails inside the program. Linux only; `None` for no limit of ours.
    pub memory_mib: Option<u64>,
}

/// Variables that every program gets, when they are set.
const ALWAYS: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];

/// Picks a program's environment: `PATH`, `HOME`, `LANG`, `TMPDIR` and the names that the page lists. Nothing else is
/// passed on, so a key that the page does not name does not reach the system.
pub fn environment(
    names: &[String],
    lookup: impl Fn(&str) -> Option<OsString>,
) -> BTreeMap<OsString, OsString> {
    ALWAYS
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .filter_map(|name| Some((OsString::from(name), lookup(name)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a17_only_named_variables_are_passed_on() {
        let lookup = |name: &str| (name != "LANG").then(|| OsString::from(format!("<{name}>")));
        let picked = environment(&["MODEL".to_owned()], lookup);
        let names: Vec<_> = picked.keys().filter_map(|name| name.to_str()).collect();
        assert_eq!(names, ["HOME", "MODEL", "PATH", "TMPDIR"]);
    }
}
