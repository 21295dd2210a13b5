//! What the provider writes down by itself: the oracle for "nothing that was paid for is lost, nothing is paid twice".

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Notify;

use super::request::{Asked, Request};

/// How long a test waits for the provider before it is told that nothing came.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Served {
    /// The number of the request, from 1, over all connections.
    pub seq: u64,
    /// The number of the connection, from 1.
    pub connection: u64,
    /// The number of the request among those of its key, from 1.
    pub nth_for_key: u64,
    /// The request as it came.
    pub request: Request,
    /// What the user said last, or the whole body; with ` #seed` after it when a seed was given.
    pub key: String,
    /// The seed, when one was given.
    pub seed: Option<i64>,
    /// The name of what was done.
    pub behaviour: &'static str,
    /// The status that was sent; 0 for none.
    pub status: u16,
    /// Whether a provider would want money for it: a model was asked, whatever became of the answer.
    pub billed: bool,
    /// The request is dealt with: its response is written, or never will be.
    pub ended: bool,
    /// The whole response was handed to the system, on a connection that was not closed, reset or left before. It
    /// does not say that the client has read it.
    pub whole: bool,
    /// When the request was read, since the provider started.
    pub received_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
}

/// Takes down requests, in memory or in a file.
#[derive(Debug)]
pub(super) struct Record {
    start: Instant,
    inner: Mutex<Inner>,
    changed: Condvar,
    unwritten: Notify,
}

#[derive(Debug)]
struct Inner {
    seq: u64,
    ended: usize,
    per_key: HashMap<String, u64>,
    /// Absent when lines go to a file, as a long load would fill the memory.
    kept: Option<Vec<Served>>,
    file: Option<File>,
    lines: Vec<u8>,
}

#[derive(Serialize)]
struct ReceivedLine<'a> {
    event: &'static str,
    seq: u64,
    connection: u64,
    nth_for_key: u64,
    method: &'a str,
    path: &'a str,
    key: &'a str,
    seed: Option<i64>,
    behaviour: &'static str,
    status: u16,
    billed: bool,
    ms: u64,
}

#[derive(Serialize)]
struct EndedLine {
    event: &'static str,
    seq: u64,
    ms: u64,
}

/// What is known of a request before it is decided what is done.
pub(super) struct Counted {
    pub(super) seq: u64,
    pub(super) nth_for_key: u64,
}

impl Record {
    pub(super) fn in_memory() -> Self {
        Self::new(Some(Vec::new()), None)
    }

    pub(super) fn in_file(file: File) -> Self {
        Self::new(None, Some(file))
    }

    fn new(kept: Option<Vec<Served>>, file: Option<File>) -> Self {
        Self {
            start: Instant::now(),
            inner: Mutex::new(Inner {
                seq: 0,
                ended: 0,
                per_key: HashMap::new(),
                kept,
                file,
                lines: Vec::new(),
            }),
            changed: Condvar::new(),
            unwritten: Notify::new(),
        }
    }

    /// Numbers a request.
    pub(super) fn count(&self, key: &str) -> Counted {
        let mut inner = self.lock();
        inner.seq += 1;
        let seq = inner.seq;
        let nth_for_key = match inner.per_key.get_mut(key) {
            Some(times) => {
                *times += 1;
                *times
            }
            None => {
                inner.per_key.insert(key.to_owned(), 1);
                1
            }
        };
        Counted { seq, nth_for_key }
    }

    /// Takes down a request that was read; it is in the file when this returns.
    pub(super) fn received(
        &self,
        connection: u64,
        counted: &Counted,
        request: Request,
        asked: Asked,
        (behaviour, status, billed): (&'static str, u16, bool),
    ) -> io::Result<()> {
        let ms = self.now();
        let mut inner = self.lock();
        if inner.file.is_some() {
            inner.line(&ReceivedLine {
                event: "received",
                seq: counted.seq,
                connection,
                nth_for_key: counted.nth_for_key,
                method: &request.method,
                path: &request.path,
                key: &asked.key,
                seed: asked.seed,
                behaviour,
                status,
                billed,
                ms,
            })?;
            inner.write()?;
        }
        if let Some(kept) = &mut inner.kept {
            // Numbers are given and taken down on one thread with no wait between, so the place is the number.
            kept.push(Served {
                seq: counted.seq,
                connection,
                nth_for_key: counted.nth_for_key,
                request,
                key: asked.key,
                seed: asked.seed,
                behaviour,
                status,
                billed,
                ended: false,
                whole: false,
                received_ms: ms,
                ended_ms: None,
            });
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Takes down how a request ended; it is in the file before anything is read later, see [`Record::write_ends`].
    pub(super) fn ended(&self, seq: u64, whole: bool) -> io::Result<()> {
        let ms = self.now();
        let mut inner = self.lock();
        if inner.file.is_some() {
            let event = if whole { "served" } else { "cut" };
            inner.line(&EndedLine { event, seq, ms })?;
            // Whatever else is ready is dealt with first, so that many ends become one write.
            self.unwritten.notify_one();
        }
        inner.ended += 1;
        if let Some(served) = inner
            .kept
            .as_mut()
            .and_then(|kept| kept.get_mut(seq as usize - 1))
        {
            served.ended = true;
            served.whole = whole;
            served.ended_ms = Some(ms);
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Writes ends to the file as they come; returns only with an error.
    pub(super) async fn write_ends(&self) -> io::Result<()> {
        loop {
            self.unwritten.notified().await;
            self.write()?;
        }
    }

    /// Writes what is left.
    pub(super) fn write(&self) -> io::Result<()> {
        self.lock().write()
    }

    pub(super) fn all(&self) -> Vec<Served> {
        self.lock().kept.clone().unwrap_or_default()
    }

    /// Waits until so many were received and so many ended.
    pub(super) fn wait(&self, received: usize, ended: usize) -> Vec<Served> {
        let lacks = |inner: &mut Inner| {
            inner.kept.as_ref().map_or(0, Vec::len) < received || inner.ended < ended
        };
        let (inner, waited) = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, lacks)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(
            !waited.timed_out(),
            "waited {PATIENCE:?} for {received} requests and {ended} ends, have {} and {}",
            inner.seq,
            inner.ended
        );
        inner.kept.clone().unwrap_or_default()
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.push(b'\n');
        Ok(())
    }

    /// Writes whole lines with one call.
    fn write(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.lines)?;
        }
        self.lines.clear();
        Ok(())
    }
}
