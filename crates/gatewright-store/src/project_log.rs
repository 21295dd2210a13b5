//! The log of a project: many writers, each event once.

use std::path::{Path, PathBuf};

use gatewright_core::event::{Event, FORMAT, ProjectEvent};
use gatewright_core::record::Checkpoint;
use gatewright_core::record::chain::{Linked, link};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::Writer;
use crate::chain;
use crate::database::{self, Kind};
use crate::disk;
use crate::error::StoreError;
use crate::migrate;
use crate::row::{self, Encoded, Events};

/// The log of a project: triage, release attempts, later labels, incidents and decisions.
///
/// Several processes may write at once: they wait for each other. An event that is there already, by the hash of its
/// body, is not written again, so repeating an append after a lost reply does no harm.
#[derive(Debug)]
pub struct ProjectLog {
    connection: Connection,
    path: PathBuf,
    writer: Option<Writer>,
}

impl ProjectLog {
    /// Name of the database in the project's folder.
    pub const FILE: &'static str = "project.db";
    /// Name of the file that is locked while the database is opened.
    pub const LOCK: &'static str = "project.lock";

    /// Opens the log in a folder for reading and writing, making both when they are not there.
    ///
    /// # Errors
    /// [`StoreError::Foreign`], [`StoreError::Newer`] or [`StoreError::Damaged`] when the file is not what it should
    /// be; otherwise the operation that failed.
    pub fn open(dir: &Path, writer: Writer) -> Result<Self, StoreError> {
        disk::private_folder(dir)?;
        let path = dir.join(Self::FILE);
        let lock_path = dir.join(Self::LOCK);
        let lock = disk::private_file(&lock_path)?;
        // Two processes must not make or migrate the file at once; the lock goes with the file, also in a crash.
        lock.lock().map_err(disk::file_error("lock", &lock_path))?;
        let connection = database::open(&path, Kind::Project)?;
        drop(lock);
        Ok(Self {
            connection,
            path,
            writer: Some(writer),
        })
    }

    /// Opens the log to read it.
    ///
    /// # Errors
    /// As [`ProjectLog::open`], and [`StoreError::Absent`] when there is none.
    pub fn read_only(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(Self::FILE);
        let connection = database::open_read_only(&path, Kind::Project)?;
        Ok(Self {
            connection,
            path,
            writer: None,
        })
    }

    /// Returns where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the events that are not there yet, in one flushed transaction; returns how many were new.
    ///
    /// `at` is the time for showing, RFC 3339.
    ///
    /// # Errors
    /// [`StoreError::Append`] when the disk refused: nothing of the batch counts. [`StoreError::ReadOnly`].
    pub fn append(&mut self, bodies: &[ProjectEvent], at: &str) -> Result<usize, StoreError> {
        let Some(writer) = &self.writer else {
            return Err(StoreError::ReadOnly {
                path: self.path.clone(),
            });
        };
        let encoded = bodies
            .iter()
            .map(Encoded::of)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| StoreError::Encode {
                path: self.path.clone(),
                source,
            })?;
        insert(&mut self.connection, &encoded, writer, at).map_err(|source| StoreError::Append {
            path: self.path.clone(),
            events: encoded.len(),
            source,
        })
    }

    /// Iterates over all events in order, checking each against its hash. The first error ends it.
    pub fn events(&self) -> impl Iterator<Item = Result<Event<ProjectEvent>, StoreError>> {
        Events::new(&self.connection, &self.path, Kind::Project.word(), false)
    }

    /// Iterates over the events behind a checkpoint, checked as all are.
    pub fn events_after(
        &self,
        known: &Checkpoint,
    ) -> impl Iterator<Item = Result<Event<ProjectEvent>, StoreError>> {
        Events::new(&self.connection, &self.path, Kind::Project.word(), false).after(known)
    }

    /// Reads where the log stands: how many events there are, and the last link. Nothing is checked.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        chain::head(&self.connection).map_err(|source| StoreError::Read {
            path: self.path.clone(),
            source,
        })
    }

    /// Checks the file's pages and every event's hash, order and link.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn integrity_check(&self) -> Result<(), StoreError> {
        row::check_pages(&self.connection, &self.path)?;
        self.events().try_for_each(|event| event.map(|_| ()))
    }

    /// Copies the log, as of now, into a new file while it may be written to.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the file is there; [`StoreError::Copy`].
    pub fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        migrate::copy_whole(&self.connection, &self.path, to)
    }
}

fn insert(
    connection: &mut Connection,
    events: &[Encoded],
    writer: &Writer,
    at: &str,
) -> Result<usize, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut new = 0;
    {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO event (seq, format, id, stream, writer, actor, at, kind, body, link) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (id) DO NOTHING",
        )?;
        // Nobody else writes until this transaction ends, so the last row stays the last.
        let mut last = chain::head(&transaction)?;
        for event in events {
            let linked = Linked {
                seq: last.size + 1,
                format: FORMAT,
                id: &event.id,
                stream: Kind::Project.word(),
                writer: &writer.name,
                actor: &writer.actor,
                at,
            };
            let head = link(&last.head, &linked);
            let inserted = statement.execute(params![
                linked.seq as i64,
                FORMAT,
                event.id.to_string(),
                linked.stream,
                linked.writer,
                linked.actor,
                at,
                event.kind,
                event.json,
                head.hex(),
            ])?;
            if inserted > 0 {
                (last.size, last.head) = (linked.seq, head);
            }
            new += inserted;
        }
    }
    transaction.commit()?;
    Ok(new)
}
