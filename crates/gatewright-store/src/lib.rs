//! Durable, append-only logs in SQLite: the run (one writer, held by a lease) and the project log (many writers). Beside them, who may log
//! in to the review server.
//!
//! Two promises. An event that [`RunLog::append`] or [`ProjectLog::append`] accepted is on the disk: it was written in
//! one transaction and flushed before the call returned. And nothing is ever guessed: a file that is foreign, damaged,
//! of a newer format, or held by somebody else is refused with an error that says which.
//!
//! There is no async, no clock, no environment and no business rule here: times and names arrive as values.
//! `docs/format-run.md` describes the files.

mod accounts;
mod blob;
mod chain;
mod database;
mod disk;
mod error;
mod lease;
mod migrate;
mod project_log;
mod room;
mod row;
mod run_log;

pub use accounts::{
    Accounts, Added, Changed, Known, Link, NO_PASSWORD, Note, Person, Proof, Session, Unlinked,
};
pub use database::sqlite_version;
pub use error::StoreError;
pub use lease::Holder;
pub use project_log::ProjectLog;
pub use run_log::{Begun, RunLog};

/// Who writes to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The program that writes (`gatewright gate`): shown to whoever finds the log taken.
    pub name: String,
    /// Who caused it: a person or a CI job.
    pub actor: String,
    /// When it began to write, RFC 3339; for showing.
    pub at: String,
}
