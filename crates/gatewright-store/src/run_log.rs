//! The log of one run: one writer, held by a lease.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, FORMAT, RunEvent};
use gatewright_core::exchange::{Blob, Exchange, Fault};
use gatewright_core::manifest::Role;
use gatewright_core::plan::{AttemptSpec, Progress, RunOptions};
use gatewright_core::record::Checkpoint;
use gatewright_core::response::Response;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::Writer;
use crate::blob;
use crate::database::{self, Kind};
use crate::disk;
use crate::error::StoreError;
use crate::lease::{Holder, Lease};
use crate::migrate;
use crate::room::Room;
use crate::row::{self, Encoded, Events};

/// Where a run's options stand: right behind its seal.
const OPTIONS_SEQ: u64 = 2;

/// The turns of conversations that were begun and have not ended.
pub type Begun = BTreeMap<AttemptSpec, Vec<(Exchange, Response)>>;

/// The log of one run. Dropping it gives the lease back.
#[derive(Debug)]
pub struct RunLog {
    // Before the lease: the database is closed while the run is still ours.
    connection: Connection,
    path: PathBuf,
    last_seq: u64,
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    writer: Writer,
    lease: Lease,
    broken: bool,
    /// Room on the disk for what comes back, until it is needed.
    room: Option<Room>,
    /// The disk was full, and what came back was written into the room that was kept.
    out_of_room: bool,
}

impl RunLog {
    /// Name of the database in the run's folder.
    pub const FILE: &'static str = "run.db";
    /// Name of the lease's file beside it.
    pub const LEASE: &'static str = "run.lease";

    /// Makes a new log in a folder, which is made too (mode 0700, files 0600).
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is a log; [`StoreError::Held`] when another process is making one;
    /// otherwise the operation that failed.
    pub fn create(dir: &Path, writer: Writer) -> Result<Self, StoreError> {
        disk::private_folder(dir)?;
        let path = dir.join(Self::FILE);
        let lease = Lease::take(&path, &dir.join(Self::LEASE), &writer)?;
        // An empty file is what a crash leaves between making the file and its first table.
        if path.metadata().is_ok_and(|file| file.len() > 0) {
            return Err(StoreError::Exists { path });
        }
        Self::write(path, writer, lease)
    }

    /// Opens a log to write more. A lease whose process has died is taken over ([`RunLog::taken_over_from`] tells).
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is none; [`StoreError::Held`] while another process writes;
    /// [`StoreError::Foreign`], [`StoreError::Newer`] or [`StoreError::Damaged`] when the file is not what it should be.
    pub fn open(dir: &Path, writer: Writer) -> Result<Self, StoreError> {
        let path = dir.join(Self::FILE);
        if !path.exists() {
            return Err(StoreError::Absent { path });
        }
        let lease = Lease::take(&path, &dir.join(Self::LEASE), &writer)?;
        Self::write(path, writer, lease)
    }

    /// Opens a log to read it; a writer may be at work.
    ///
    /// # Errors
    /// As [`RunLog::open`], and [`StoreError::Older`] when the file must be migrated first.
    pub fn read_only(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(Self::FILE);
        let connection = database::open_read_only(&path, Kind::Run)?;
        let last_seq = last_seq(&connection, &path)?;
        Ok(Self {
            connection,
            path,
            last_seq,
            writing: None,
        })
    }

    fn write(path: PathBuf, writer: Writer, lease: Lease) -> Result<Self, StoreError> {
        let connection = database::open(&path, Kind::Run)?;
        let last_seq = last_seq(&connection, &path)?;
        Ok(Self {
            connection,
            path,
            last_seq,
            writing: Some(Writing {
                writer,
                lease,
                broken: false,
                room: None,
                out_of_room: false,
            }),
        })
    }

    /// Returns where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of the last event; 0 in an empty log.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Says whose lease was broken when the log was opened: a process that died while it wrote.
    pub fn taken_over_from(&self) -> Option<&Holder> {
        self.writing.as_ref()?.lease.broken.as_ref()
    }

    /// Appends events in one transaction and flushes it: when this returns, they are on the disk, all of them.
    ///
    /// `at` is the time for showing, RFC 3339. After an error nothing of the batch counts and the log takes no more:
    /// what a disk holds after a failed flush is known only once the file is opened again.
    ///
    /// # Errors
    /// [`StoreError::Append`] when the disk refused; [`StoreError::Broken`] after that; [`StoreError::ReadOnly`].
    pub fn append(&mut self, bodies: &[RunEvent], at: &str) -> Result<(), StoreError> {
        self.append_with(bodies, &[], at)
    }

    /// Keeps this many bytes of the disk free for what comes back, until the log is dropped. When the disk is full they are given up, once, and what
    /// could not be written is: [`RunLog::is_out_of_room`] says so from then on, and nothing more should be asked for.
    ///
    /// A file system that cannot set room aside keeps none.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`] when there is less; [`StoreError::ReadOnly`]; [`StoreError::Broken`].
    pub fn keep_room(&mut self, bytes: u64) -> Result<(), StoreError> {
        if self.writing()?.room.is_some() {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let room = Room::take(folder, bytes)?;
        if let Some(writing) = &mut self.writing {
            writing.room = Some(room);
        }
        Ok(())
    }

    /// Says whether the disk was full: what was written since went into the room that was kept ([`RunLog::keep_room`]).
    pub fn is_out_of_room(&self) -> bool {
        let writing = self.writing.as_ref();
        writing.is_some_and(|writing| writing.out_of_room)
    }

    /// Gives up the room that was kept; false when there was none. Only for a disk that was full: the batch was rolled back, and the file is sound.
    fn give_up_room(&mut self) -> bool {
        let Some(writing) = &mut self.writing else {
            return false;
        };
        let had = writing.room.take().is_some_and(|room| room.is_kept());
        if had {
            writing.broken = false;
            writing.out_of_room = true;
        }
        had
    }

    /// Appends events together with the bytes that they name by digest: all of it is on the disk, or none. Bytes that are there already are kept once.
    ///
    /// # Errors
    /// As [`RunLog::append`].
    pub fn append_with(
        &mut self,
        bodies: &[RunEvent],
        blobs: &[Blob],
        at: &str,
    ) -> Result<(), StoreError> {
        if bodies.is_empty() && blobs.is_empty() {
            return self.writing().map(|_| ());
        }
        match self.put(bodies.iter().map(Encoded::of), blobs, at) {
            Err(error) if error.is_full() && self.give_up_room() => {
                self.put(bodies.iter().map(Encoded::of), blobs, at)
            }
            other => other,
        }
    }

    /// Appends events as [`RunLog::append`] does, in one transaction too, without holding all of them: a plan may be of hundreds of thousands of examples.
    ///
    /// # Errors
    /// As [`RunLog::append`].
    pub fn append_each(
        &mut self,
        bodies: impl IntoIterator<Item = RunEvent>,
        at: &str,
    ) -> Result<(), StoreError> {
        let encoded = bodies.into_iter().map(|body| Encoded::of(&body));
        self.put(encoded, &[], at)
    }

    /// Returns who writes, while it may.
    fn writing(&self) -> Result<&Writing, StoreError> {
        let path = || self.path.clone();
        match &self.writing {
            None => Err(StoreError::ReadOnly { path: path() }),
            Some(writing) if writing.broken => Err(StoreError::Broken { path: path() }),
            Some(writing) => Ok(writing),
        }
    }

    fn put(
        &mut self,
        encoded: impl Iterator<Item = Result<Encoded, serde_json::Error>>,
        blobs: &[Blob],
        at: &str,
    ) -> Result<(), StoreError> {
        let writer = self.writing()?.writer.clone();
        let mut last_seq = self.last_seq;
        let from = self.last_seq;
        let mut counted = encoded.inspect(|_| last_seq += 1);
        let connection = &mut self.connection;
        let inserted = insert(connection, counted.by_ref(), blobs, from, &writer, at);
        // None of the batch counts, and the error says how many that are: those too that were not reached.
        counted.for_each(drop);
        let path = self.path.clone();
        match inserted {
            Ok(()) => {
                self.last_seq = last_seq;
                Ok(())
            }
            // The transaction was rolled back, and the disk is sound.
            Err(Refused::Encode(source)) => Err(StoreError::Encode { path, source }),
            Err(Refused::Disk(source)) => {
                if let Some(writing) = &mut self.writing {
                    writing.broken = true;
                }
                let events = (last_seq - from) as usize;
                Err(StoreError::Append {
                    path,
                    events,
                    source,
                })
            }
        }
    }

    /// Iterates over all events in order, a few megabytes at a time, checking each against its hash.
    /// The first error ends it.
    pub fn events(&self) -> impl Iterator<Item = Result<Event<RunEvent>, StoreError>> {
        Events::new(&self.connection, &self.path, Kind::Run.word(), true)
    }

    /// Iterates over all events in order as [`RunLog::events`] does, but goes on behind an event that was changed or is not known.
    /// For picking what is sound out of a log that nothing is decided on.
    pub fn sound_events(&self) -> impl Iterator<Item = Result<Event<RunEvent>, StoreError>> {
        Events::new(&self.connection, &self.path, Kind::Run.word(), true).going_on()
    }

    /// Reads what the run was asked to differ in from the page: it stands right behind the seal, or nowhere.
    ///
    /// # Errors
    /// As [`RunLog::events`].
    pub fn options(&self) -> Result<RunOptions, StoreError> {
        if self.last_seq < OPTIONS_SEQ {
            return Ok(RunOptions::default());
        }
        Ok(match self.event(OPTIONS_SEQ)?.body {
            RunEvent::Options { options } => options,
            _ => RunOptions::default(),
        })
    }

    /// Says whether an answer is on the record.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn is_decided(&self) -> Result<bool, StoreError> {
        self.connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM event WHERE kind = 'proposed')",
                [],
                |row| row.get(0),
            )
            .map_err(self.read_error())
    }

    /// Returns when the first event was written; nothing in an empty log.
    ///
    /// # Errors
    /// As [`RunLog::events`].
    pub fn first_at(&self) -> Result<Option<String>, StoreError> {
        if self.last_seq == 0 {
            return Ok(None);
        }
        self.event(1).map(|event| Some(event.at))
    }

    /// Returns the last answer on the record, and when it was given.
    ///
    /// # Errors
    /// As [`RunLog::events`].
    pub fn answer(&self) -> Result<Option<(String, String)>, StoreError> {
        let last: Option<u64> = self
            .connection
            .query_row(
                "SELECT max(seq) FROM event WHERE kind = 'proposed'",
                [],
                |row| row.get::<_, Option<i64>>(0),
            )
            .map_err(self.read_error())?
            .and_then(|seq| u64::try_from(seq).ok());
        let Some(seq) = last else { return Ok(None) };
        let event = self.event(seq)?;
        Ok(match event.body {
            RunEvent::Proposed { answer, .. } => Some((answer, event.at)),
            _ => None,
        })
    }

    /// Returns the systems that have answered at least once.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn answered(&self) -> Result<BTreeSet<Role>, StoreError> {
        let failed = self.read_error();
        let mut found = BTreeSet::new();
        for role in Role::ALL {
            // The first answer ends the search; bodies are canonical JSON, so the words stand together.
            let answered: bool = self
                .connection
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM event WHERE kind = 'ended' AND system = ?1 AND instr(body, '\"ended\":\"answered\"') > 0)",
                    [role.word()],
                    |row| row.get(0),
                )
                .map_err(&failed)?;
            if answered {
                found.insert(role);
            }
        }
        Ok(found)
    }

    /// Counts the attempts of each system whose last end is an error of the provider or of our side; systems without one are left out.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn errors(&self) -> Result<BTreeMap<Role, u64>, StoreError> {
        let superseded = self.superseded()?;
        let failed = self.read_error();
        let mut statement = self
            .connection
            .prepare("SELECT seq, system FROM event WHERE kind = 'ended' AND (instr(body, '\"ended\":\"provider-error\"') > 0 OR instr(body, '\"ended\":\"harness-error\"') > 0)")
            .map_err(&failed)?;
        let mut rows = statement.query([]).map_err(&failed)?;
        let mut counts = BTreeMap::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let seq: i64 = row.get(0).map_err(&failed)?;
            let system: String = row.get(1).map_err(&failed)?;
            let role = Role::ALL.into_iter().find(|role| role.word() == system);
            if let Some(role) = role.filter(|_| !superseded.contains(&(seq as u64))) {
                *counts.entry(role).or_default() += 1;
            }
        }
        Ok(counts)
    }

    fn event(&self, seq: u64) -> Result<Event<RunEvent>, StoreError> {
        Events::new(&self.connection, &self.path, Kind::Run.word(), true).one(seq)
    }

    /// Folds which attempts have started, were shelved, ended and were reopened. Bodies are not read, so this is fast and its memory is flat.
    ///
    /// # Errors
    /// [`StoreError::Read`]; [`StoreError::Changed`] when a row names no role.
    pub fn progress(&self) -> Result<Progress, StoreError> {
        let failed = self.read_error();
        // The index alone. It brings the rows of an attempt together, and only among them order matters.
        let mut statement = self
            .connection
            .prepare(
                "SELECT seq, CASE kind WHEN 'ended' THEN 1 WHEN 'reused' THEN 1 WHEN 'reopened' THEN 2 WHEN 'shelved' THEN 3 ELSE 0 END, example, system, trial \
                 FROM event INDEXED BY event_attempt WHERE example IS NOT NULL ORDER BY example, system, trial",
            )
            .map_err(&failed)?;
        let mut rows = statement.query([]).map_err(&failed)?;
        let mut progress = Progress::default();
        let mut of_one: Vec<(u64, u8)> = Vec::new();
        let mut current = None;
        while let Some(row) = rows.next().map_err(&failed)? {
            let (seq, what, attempt) = attempt(row).map_err(&failed)?;
            let Some(attempt) = attempt else {
                return Err(StoreError::Changed {
                    path: self.path.clone(),
                    seq,
                    why: "it names an unknown role",
                });
            };
            if current.is_some_and(|current| current != attempt) {
                fold(&mut progress, current, &mut of_one);
            }
            current = Some(attempt);
            of_one.push((seq, what));
        }
        fold(&mut progress, current, &mut of_one);
        Ok(progress)
    }

    /// Lists the ends that count no more, by number: a later end of the same attempt took their place.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn superseded(&self) -> Result<BTreeSet<u64>, StoreError> {
        let failed = self.read_error();
        let mut statement = self
            .connection
            .prepare(
                "SELECT e.seq FROM (SELECT example, system, trial, max(seq) AS last FROM event INDEXED BY event_attempt \
                 WHERE example IS NOT NULL AND kind IN ('ended', 'reused') GROUP BY example, system, trial HAVING count(*) > 1) AS d \
                 JOIN event AS e INDEXED BY event_attempt ON e.example = d.example AND e.system = d.system AND e.trial = d.trial \
                 WHERE e.example IS NOT NULL AND e.kind IN ('ended', 'reused') AND e.seq < d.last",
            )
            .map_err(&failed)?;
        let rows = statement
            .query_map([], |row| row.get::<_, i64>(0))
            .map_err(&failed)?;
        rows.map(|seq| seq.map(|seq| seq as u64).map_err(&failed))
            .collect()
    }

    /// Returns what came back of attempts that were started and have not ended: the turns of their conversations, in order.
    ///
    /// # Errors
    /// As [`RunLog::events`].
    pub fn begun(&self) -> Result<Begun, StoreError> {
        let mut begun = Begun::new();
        let progress = self.progress()?;
        for attempt in progress.started.into_iter().chain(progress.shelved) {
            let mut turns: Vec<(Exchange, Response)> = Vec::new();
            for seq in self.exchanged(&attempt)? {
                if let RunEvent::Exchanged {
                    exchange,
                    response: Some(response),
                    ..
                } = self.event(seq)?.body
                {
                    // A conversation that was begun anew: what it said before is not what it goes on from.
                    turns.retain(|(earlier, _)| earlier.step < exchange.step);
                    turns.push((*exchange, *response));
                }
            }
            if !turns.is_empty() {
                begun.insert(attempt, turns);
            }
        }
        Ok(begun)
    }

    /// Counts how often each attempt was refused that was left for the next run because of it
    /// ([`Fault::is_refusal`](gatewright_core::exchange::Fault::is_refusal)).
    ///
    /// # Errors
    /// As [`RunLog::events`].
    pub fn refused(&self) -> Result<BTreeMap<AttemptSpec, u32>, StoreError> {
        let mut refused = BTreeMap::new();
        for attempt in self.progress()?.shelved {
            let mut count = 0;
            for seq in self.exchanged(&attempt)? {
                if let RunEvent::Exchanged { exchange, .. } = self.event(seq)?.body {
                    count += u32::from(exchange.fault.is_some_and(Fault::is_refusal));
                }
            }
            if count > 0 {
                refused.insert(attempt, count);
            }
        }
        Ok(refused)
    }

    /// Lists the exchanges of an attempt since it last ended, by number.
    fn exchanged(&self, attempt: &AttemptSpec) -> Result<Vec<u64>, StoreError> {
        let failed = self.read_error();
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT seq FROM event INDEXED BY event_attempt WHERE example = ?1 AND system = ?2 AND trial = ?3 AND kind = 'exchanged' \
                 AND seq > coalesce((SELECT max(seq) FROM event INDEXED BY event_attempt \
                   WHERE example = ?1 AND system = ?2 AND trial = ?3 AND kind IN ('ended', 'reused')), 0) ORDER BY seq",
            )
            .map_err(&failed)?;
        let key = params![attempt.example, attempt.system.word(), attempt.trial];
        let rows = statement
            .query_map(key, |row| row.get::<_, i64>(0))
            .map_err(&failed)?;
        rows.map(|seq| seq.map(|seq| seq as u64).map_err(&failed))
            .collect()
    }

    fn read_error(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |source| StoreError::Read {
            path: path.clone(),
            source,
        }
    }

    /// Lists the digests of all bytes that are kept, sorted.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn blobs(&self) -> Result<Vec<Digest>, StoreError> {
        blob::list(&self.connection, &self.path)
    }

    /// Reads bytes by their digest; nothing when the log does not have them.
    ///
    /// # Errors
    /// [`StoreError::Read`]; [`StoreError::ChangedBytes`] when they do not match their digest any more.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        blob::read(&self.connection, &self.path, digest)
    }

    /// Returns where the log stands: how many events there are, and the link of the last one, computed from all of them.
    ///
    /// # Errors
    /// As [`RunLog::events`].
    pub fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        let mut at = Checkpoint::default();
        for event in self.events() {
            at.take(&event?);
        }
        Ok(at)
    }

    /// Checks the file's pages and every event's hash, order and columns.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn integrity_check(&self) -> Result<(), StoreError> {
        row::check_pages(&self.connection, &self.path)?;
        self.events().try_for_each(|event| event.map(|_| ()))?;
        blob::check_all(&self.connection, &self.path)
    }

    /// Checks the file as [`RunLog::integrity_check`] does, and returns where it stands: one reading for both.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verified(&self) -> Result<Checkpoint, StoreError> {
        row::check_pages(&self.connection, &self.path)?;
        let at = self.checkpoint()?;
        blob::check_all(&self.connection, &self.path)?;
        Ok(at)
    }

    /// Copies the log, as of now, into a new file while it may be written to.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the file is there; [`StoreError::Copy`].
    pub fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        migrate::copy_whole(&self.connection, &self.path, to)
    }
}

/// Why events were not inserted.
enum Refused {
    Encode(serde_json::Error),
    Disk(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Disk(error)
    }
}

fn insert(
    connection: &mut Connection,
    events: impl Iterator<Item = Result<Encoded, serde_json::Error>>,
    blobs: &[Blob],
    last_seq: u64,
    writer: &Writer,
    at: &str,
) -> Result<(), Refused> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO event (seq, format, id, stream, writer, actor, at, kind, example, system, trial, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        for (event, seq) in events.zip(last_seq + 1..) {
            let event = event.map_err(Refused::Encode)?;
            statement.execute(params![
                seq as i64,
                FORMAT,
                event.id.to_string(),
                Kind::Run.word(),
                writer.name,
                writer.actor,
                at,
                event.kind,
                event.attempt.map(|attempt| attempt.example),
                event.attempt.map(|attempt| attempt.system.word()),
                event.attempt.map(|attempt| attempt.trial),
                event.json,
            ])?;
        }
    }
    if !blobs.is_empty() {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO blob (digest, packed, size, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (digest) DO NOTHING",
        )?;
        for blob in blobs {
            let (packed, bytes) = blob::pack(&blob.bytes);
            statement.execute(params![
                &blob.digest.bytes()[..],
                packed,
                blob.bytes.len() as i64,
                &bytes[..],
            ])?;
        }
    }
    Ok(transaction.commit()?)
}

/// Folds what a log says of one attempt, in its order.
fn fold(progress: &mut Progress, attempt: Option<AttemptSpec>, said: &mut Vec<(u64, u8)>) {
    let Some(attempt) = attempt else { return };
    said.sort_unstable();
    for (_, what) in said.drain(..) {
        match what {
            1 => progress.end(attempt),
            2 => progress.reopen(attempt),
            3 => progress.shelve(attempt),
            _ => progress.start(attempt),
        }
    }
}

fn attempt(row: &rusqlite::Row<'_>) -> Result<(u64, u8, Option<AttemptSpec>), rusqlite::Error> {
    let word: String = row.get(3)?;
    let (example, trial) = (row.get(2)?, row.get(4)?);
    let attempt = row::role(&word).map(|system| AttemptSpec {
        example,
        system,
        trial,
    });
    Ok((row.get::<_, i64>(0)? as u64, row.get(1)?, attempt))
}

fn last_seq(connection: &Connection, path: &Path) -> Result<u64, StoreError> {
    connection
        .query_row("SELECT coalesce(max(seq), 0) FROM event", [], |row| {
            row.get::<_, i64>(0)
        })
        .map(|seq| seq as u64)
        .map_err(|source| StoreError::Read {
            path: path.to_owned(),
            source,
        })
}
