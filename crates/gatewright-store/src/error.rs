//! What can go wrong with a log, one variant for each failed operation.

use std::path::PathBuf;

use crate::lease::Holder;

/// What went wrong with a log. `Display` never repeats its source: print the whole chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A folder or file could not be made, opened or flushed.
    #[error("could not {what} {path}")]
    File {
        /// What was tried (`create`, `lock`).
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// There is no log in the folder.
    #[error("there is no log at {path}")]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A log is there already and a new one was asked for.
    #[error("there is a log at {path} already")]
    Exists {
        /// Where it is.
        path: PathBuf,
    },
    /// The file is a symbolic link: it could point anywhere.
    #[error("{path} is a symbolic link; a log must be a file of its own")]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Another process writes to the run.
    #[error("{path} is being written by {holder}")]
    Held {
        /// The run's log.
        path: PathBuf,
        /// Who holds it.
        holder: Box<Holder>,
    },
    /// A process on another host held the run on a network file system and never gave it back.
    #[error(
        "{path} was held by {holder}, and a network file system cannot tell whether that process is alive; delete {lease} when it is gone"
    )]
    HeldElsewhere {
        /// The run's log.
        path: PathBuf,
        /// The lease's file.
        lease: PathBuf,
        /// Who held it.
        holder: Box<Holder>,
    },
    /// The SQLite library that is linked in has a known defect.
    #[error("SQLite {found} can lose data in this mode: 3.51.3 or later is needed, and not 3.52.0")]
    UnsafeSqlite {
        /// The version found.
        found: String,
    },
    /// The file could not be opened as a database.
    #[error("could not open the log {path}")]
    Open {
        /// The log.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is no log of this kind.
    #[error("{path} is not a Gatewright {kind} log: {why}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The kind that was expected (`run`, `project`).
        kind: &'static str,
        /// How that was seen.
        why: String,
    },
    /// A newer program wrote the file; nothing was touched.
    #[error(
        "{path} has schema {found}, and this program knows schemas up to {known}: use the program that wrote it, or a newer one"
    )]
    Newer {
        /// The log.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// An older program wrote the file, and it was opened for reading only.
    #[error(
        "{path} has schema {found}, and schema {known} is needed: open it once with a command that writes"
    )]
    Older {
        /// The log.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The schema that is needed.
        known: u32,
    },
    /// The file could not be brought from an older schema to this one. It still has the older schema.
    #[error("could not bring {path} to schema {to}")]
    Migrate {
        /// The log.
        path: PathBuf,
        /// The schema that was being made.
        to: u32,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// Events could not be made durable. The log takes no more: open it again.
    #[error("could not write {events} events to {path}; nothing of them counts")]
    Append {
        /// The log.
        path: PathBuf,
        /// How many were in the batch.
        events: usize,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// The disk has less room than a run keeps free for what comes back.
    #[error(
        "the disk of {path} has {} MiB left, and {} MiB are kept free for answers that are on their way", free >> 20, bytes >> 20
    )]
    NoRoom {
        /// A folder on the disk.
        path: PathBuf,
        /// Bytes that are left.
        free: u64,
        /// Bytes that are kept free.
        bytes: u64,
    },
    /// A change of the accounts could not be made durable.
    #[error("could not write to {path}; nothing was changed")]
    Write {
        /// The accounts.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// An earlier write failed, so what is on the disk is not known until the log is opened again.
    #[error("an earlier write to {path} failed: open it again before writing more")]
    Broken {
        /// The log.
        path: PathBuf,
    },
    /// The log was opened for reading only.
    #[error("{path} was opened for reading only")]
    ReadOnly {
        /// The log.
        path: PathBuf,
    },
    /// An event could not be turned into JSON.
    #[error("could not encode an event for {path}")]
    Encode {
        /// The log.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: serde_json::Error,
    },
    /// The log could not be read.
    #[error("could not read {path}")]
    Read {
        /// The log.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// An event is not what was written: its body does not match its id, or its columns do not match its body.
    #[error("event {seq} of {path} was changed after it was written: {why}")]
    Changed {
        /// The log.
        path: PathBuf,
        /// The event.
        seq: u64,
        /// What does not match.
        why: &'static str,
    },
    /// Bytes are not what was kept: they do not match their digest.
    #[error("the bytes {} kept in {path} were changed after they were written", digest.short())]
    ChangedBytes {
        /// The log.
        path: PathBuf,
        /// Their digest.
        digest: gatewright_core::digest::Digest,
    },
    /// An event that must be there is not.
    #[error("event {seq} of {path} is missing")]
    Gap {
        /// The log.
        path: PathBuf,
        /// The first event that is missing.
        seq: u64,
    },
    /// An event has a newer format, or a body that this program does not know.
    #[error("event {seq} of {path} has format {format} and cannot be read by this program")]
    Unreadable {
        /// The log.
        path: PathBuf,
        /// The event.
        seq: u64,
        /// Its format.
        format: u32,
        /// What was found.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// SQLite's own check found damage.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// The log.
        path: PathBuf,
        /// The first finding.
        why: String,
    },
    /// A copy of the log could not be made.
    #[error("could not copy {path} to {to}")]
    Copy {
        /// The log.
        path: PathBuf,
        /// The copy.
        to: PathBuf,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Says whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        let Self::Append { source, .. } = self else {
            return false;
        };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
    }

    /// The log whose bytes are not what was written: changed, missing in the middle, or no longer a database.
    pub fn damaged(&self) -> Option<&std::path::Path> {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Changed { path, .. }
            | Self::ChangedBytes { path, .. }
            | Self::Gap { path, .. } => Some(path),
            Self::Open { path, source }
            | Self::Read { path, source }
            | Self::Write { path, source }
            | Self::Append { path, source, .. } => source
                .sqlite_error_code()
                .is_some_and(|code| matches!(code, DatabaseCorrupt | NotADatabase))
                .then_some(path),
            _ => None,
        }
    }
}
