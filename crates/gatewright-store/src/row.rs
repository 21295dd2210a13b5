//! Events as rows: the envelope in columns, the body as canonical JSON beside its hash.

use std::collections::VecDeque;
use std::path::Path;

use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, FORMAT, ProjectEvent, RunEvent};
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::record::Checkpoint;
use rusqlite::Connection;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// Bytes of bodies that are read ahead.
const READ_AHEAD_BYTES: usize = 4 << 20;
/// Events that are read ahead.
const READ_AHEAD_EVENTS: usize = 4096;

/// What a log must know of a body besides its JSON.
pub(crate) trait Body: Serialize + DeserializeOwned {
    /// The word in the column `kind`.
    fn kind(&self) -> &'static str;
    /// The attempt it is about, when it is about one.
    fn attempt(&self) -> Option<AttemptSpec>;
}

impl Body for RunEvent {
    fn kind(&self) -> &'static str {
        match self {
            RunEvent::Sealed { .. } => "sealed",
            RunEvent::Started { .. } => "started",
            RunEvent::Ended { .. } => "ended",
            RunEvent::Stderr { .. } => "stderr",
            RunEvent::Confirming { .. } => "confirming",
            RunEvent::Proposed { .. } => "proposed",
            RunEvent::Exchanged { .. } => "exchanged",
            RunEvent::Reused { .. } => "reused",
            RunEvent::Reopened { .. } => "reopened",
            RunEvent::Shelved { .. } => "shelved",
            RunEvent::Options { .. } => "options",
            RunEvent::Examples { .. } => "examples",
            RunEvent::Systems { .. } => "systems",
            RunEvent::Paced { .. } => "paced",
            RunEvent::ModelSeen { .. } => "model-seen",
            RunEvent::Paused { .. } => "paused",
            RunEvent::Judged { .. } => "judged",
        }
    }

    fn attempt(&self) -> Option<AttemptSpec> {
        match self {
            RunEvent::Started { attempt }
            | RunEvent::Exchanged { attempt, .. }
            | RunEvent::Reused { attempt, .. }
            | RunEvent::Reopened { attempt }
            | RunEvent::Shelved { attempt }
            | RunEvent::Ended { attempt, .. } => Some(*attempt),
            _ => None,
        }
    }
}

impl Body for ProjectEvent {
    fn kind(&self) -> &'static str {
        match self {
            ProjectEvent::Triaged { .. } => "triaged",
            ProjectEvent::Attempted { .. } => "attempted",
            ProjectEvent::Calibrated { .. } => "calibrated",
            ProjectEvent::KeyAdded { .. } => "key-added",
            ProjectEvent::KeyRevoked { .. } => "key-revoked",
            ProjectEvent::Looked { .. } => "looked",
            ProjectEvent::Decided { .. } => "decided",
            ProjectEvent::Signed { .. } => "signed",
            ProjectEvent::Reviewed { .. } => "reviewed",
            ProjectEvent::SignRefused { .. } => "sign-refused",
        }
    }

    fn attempt(&self) -> Option<AttemptSpec> {
        None
    }
}

/// A body ready to be stored: encoded and hashed outside of the transaction.
pub(crate) struct Encoded {
    pub(crate) kind: &'static str,
    pub(crate) attempt: Option<AttemptSpec>,
    pub(crate) id: Digest,
    pub(crate) json: String,
}

impl Encoded {
    pub(crate) fn of<B: Body>(body: &B) -> Result<Self, serde_json::Error> {
        // Through `Value` with its keys sorted: the text is what `Digest::of_json` hashes.
        let mut tree = serde_json::to_value(body)?;
        tree.sort_all_objects();
        let json = tree.to_string();
        Ok(Self {
            kind: body.kind(),
            attempt: body.attempt(),
            id: Digest::of(json.as_bytes()),
            json,
        })
    }
}

/// Reads the word of a role as stored.
pub(crate) fn role(word: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.word() == word)
}

/// A row as it is on the disk.
struct Row {
    seq: u64,
    format: u32,
    id: String,
    stream: String,
    writer: String,
    actor: String,
    at: String,
    kind: String,
    attempt: Option<(u32, String, u32)>,
    body: String,
    /// The link beside it, in the project log.
    link: Option<String>,
}

/// Iterates over a log in its order, a few megabytes at a time; every event is checked against its hash.
pub(crate) struct Events<'c, B> {
    connection: &'c Connection,
    path: &'c Path,
    sql: &'static str,
    stream: &'static str,
    next_seq: u64,
    ahead: VecDeque<Row>,
    ahead_max: usize,
    /// Goes on behind an event that cannot be used.
    goes_on: bool,
    /// Where the chain stands, in a log that has one.
    chain: Checkpoint,
    ended: bool,
    body: std::marker::PhantomData<B>,
}

impl<'c, B: Body> Events<'c, B> {
    /// Starts at the first event. `with_attempts` says whether the table has the attempt's columns.
    pub(crate) fn new(
        connection: &'c Connection,
        path: &'c Path,
        stream: &'static str,
        with_attempts: bool,
    ) -> Self {
        let sql = if with_attempts {
            "SELECT seq, format, id, stream, writer, actor, at, kind, body, example, system, trial, NULL FROM event WHERE seq >= ?1 ORDER BY seq"
        } else {
            "SELECT seq, format, id, stream, writer, actor, at, kind, body, NULL, NULL, NULL, link FROM event WHERE seq >= ?1 ORDER BY seq"
        };
        Self {
            connection,
            path,
            sql,
            stream,
            next_seq: 1,
            ahead: VecDeque::new(),
            ahead_max: READ_AHEAD_EVENTS,
            goes_on: false,
            chain: Checkpoint::default(),
            ended: false,
            body: std::marker::PhantomData,
        }
    }

    /// Says which event was wrong and goes on with the next one, instead of ending there.
    pub(crate) fn going_on(mut self) -> Self {
        self.goes_on = true;
        self
    }

    /// Starts behind what was read before.
    pub(crate) fn after(mut self, known: &Checkpoint) -> Self {
        self.next_seq = known.size + 1;
        self.chain = *known;
        self
    }

    /// Reads one event, checked as all are.
    pub(crate) fn one(mut self, seq: u64) -> Result<Event<B>, StoreError> {
        self.next_seq = seq;
        self.ahead_max = 1;
        let path = self.path.to_owned();
        self.next().unwrap_or(Err(StoreError::Gap { path, seq }))
    }

    fn fill(&mut self) -> Result<(), rusqlite::Error> {
        let mut statement = self.connection.prepare_cached(self.sql)?;
        let mut rows = statement.query([self.next_seq as i64])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let example: Option<u32> = row.get(9)?;
            let attempt = match example {
                Some(example) => Some((example, row.get(10)?, row.get(11)?)),
                None => None,
            };
            let body: String = row.get(8)?;
            bytes += body.len();
            self.ahead.push_back(Row {
                seq: row.get::<_, i64>(0)? as u64,
                format: row.get(1)?,
                id: row.get(2)?,
                stream: row.get(3)?,
                writer: row.get(4)?,
                actor: row.get(5)?,
                at: row.get(6)?,
                kind: row.get(7)?,
                attempt,
                body,
                link: row.get(12)?,
            });
            if bytes >= READ_AHEAD_BYTES || self.ahead.len() >= self.ahead_max {
                break;
            }
        }
        Ok(())
    }

    /// Checks a row against its hash and its columns, and decodes it.
    fn decode(&mut self, row: Row) -> Result<Event<B>, StoreError> {
        let changed = |why| StoreError::Changed {
            path: self.path.to_owned(),
            seq: row.seq,
            why,
        };
        if row.seq != self.next_seq {
            return Err(StoreError::Gap {
                path: self.path.to_owned(),
                seq: self.next_seq,
            });
        }
        let unreadable = |source| StoreError::Unreadable {
            path: self.path.to_owned(),
            seq: row.seq,
            format: row.format,
            source,
        };
        if row.format > FORMAT {
            return Err(unreadable(None));
        }
        let id = Digest::of(row.body.as_bytes());
        if Digest::parse(&row.id) != Some(id) {
            return Err(changed("its body does not match its hash"));
        }
        if row.stream != self.stream {
            return Err(changed("it belongs to another log"));
        }
        let body: B = serde_json::from_str(&row.body).map_err(|error| unreadable(Some(error)))?;
        let attempt = row
            .attempt
            .as_ref()
            .map(|(example, system, trial)| (*example, system.as_str(), *trial));
        let stated = body
            .attempt()
            .map(|attempt| (attempt.example, attempt.system.word(), attempt.trial));
        if row.kind != body.kind() || attempt != stated {
            return Err(changed("its columns do not match its body"));
        }
        let event = Event {
            format: row.format,
            id,
            stream: row.stream,
            writer: row.writer,
            seq: row.seq,
            actor: row.actor,
            at: row.at,
            body,
        };
        if let Some(stored) = &row.link {
            self.chain.take(&event);
            if Digest::parse(stored) != Some(self.chain.head) {
                return Err(StoreError::Changed {
                    path: self.path.to_owned(),
                    seq: row.seq,
                    why: "its link does not follow from what is written",
                });
            }
        }
        Ok(event)
    }
}

impl<B: Body> Iterator for Events<'_, B> {
    type Item = Result<Event<B>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.ahead.is_empty()
            && let Err(source) = self.fill()
        {
            self.ended = true;
            return Some(Err(StoreError::Read {
                path: self.path.to_owned(),
                source,
            }));
        }
        let Some(row) = self.ahead.pop_front() else {
            self.ended = true;
            return None;
        };
        if self.goes_on {
            self.next_seq = row.seq;
        }
        let event = self.decode(row);
        self.next_seq += 1;
        self.ended = event.is_err() && !self.goes_on;
        Some(event)
    }
}

/// Runs SQLite's own check.
pub(crate) fn check_pages(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let finding: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|source| StoreError::Read {
            path: path.to_owned(),
            source,
        })?;
    if finding == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged {
        path: path.to_owned(),
        why: finding,
    })
}
