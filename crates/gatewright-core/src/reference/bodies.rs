//! Where whole examples are: in the files they came from. They are read again when they are wanted, and must be what they were.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::load::row;
use super::{Entry, Example};
use crate::json::{self, Collector};
use crate::problem::{Location, Problem};
use crate::source::Source;

/// Gives the bytes of the files that examples were read from. Files are numbered in the order in which they were loaded.
pub trait Rows: Send + Sync + fmt::Debug {
    /// Fills `into` with the bytes of a file that follow `offset`.
    ///
    /// # Errors
    /// When they cannot be read, or the file has not as many.
    fn read(&self, file: u32, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

/// Files whose bytes are in memory.
#[derive(Clone, Debug, Default)]
pub struct InMemory(pub Vec<Vec<u8>>);

impl Rows for InMemory {
    fn read(&self, file: u32, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).ok();
        let there = self.0.get(file as usize).zip(from).and_then(|(all, from)| {
            let to = from.checked_add(into.len())?;
            all.get(from..to)
        });
        into.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// An example is not what it was when its set was loaded. Nothing may be sent or judged with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at} changed while this command was running")]
pub struct Changed {
    /// Where it stood.
    pub at: Location,
    /// What was found there, for people.
    pub why: String,
}

impl Changed {
    /// Says it as what is wrong with a file.
    pub fn problem(&self) -> Problem {
        let what = "the example changed while this command was running";
        Problem::error("example-changed", self.at.clone(), what)
            .why(self.why.clone())
            .instead("run the command again; nothing was decided on either version")
    }
}

/// A file that examples were read from.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Its path as the page names it.
    pub(super) name: Arc<str>,
    /// How it is read.
    pub(super) source: Arc<Source>,
}

/// Whole examples.
#[derive(Clone, Debug)]
pub(super) enum Bodies {
    /// In memory, in the order of the set.
    Held(Arc<[Arc<Example>]>),
    /// In files.
    Filed(Arc<Filed>),
}

impl Default for Bodies {
    fn default() -> Self {
        Self::Held(Arc::new([]))
    }
}

/// Examples that are read again.
#[derive(Debug)]
pub(super) struct Filed {
    rows: Arc<dyn Rows>,
    recent: Mutex<Recent>,
}

/// Examples that were read last, each in its slot: small ones in many, large ones in one.
#[derive(Debug)]
struct Recent {
    slots: Vec<Option<(u32, Arc<Example>)>>,
    /// Bytes of the lines that were read for the slots of small ones since they were last emptied.
    bytes: usize,
}

/// How many small examples that were read last are kept: what is on its way is judged for the display when it comes back, and recorded trials
/// go through a whole set before they begin again.
const SMALL_MAX: usize = 4096;
/// Up to how many bytes of its line an example is small.
const SMALL_BYTES: u32 = 8 << 10;
/// Of how many bytes of lines small examples are kept. In memory an example is a few times its line.
const KEPT_BYTES: usize = 4 << 20;

impl Recent {
    fn get(&self, slot: usize, index: u32) -> Option<Arc<Example>> {
        let (known, example) = self.slots.get(slot)?.as_ref()?;
        (*known == index).then(|| example.clone())
    }

    fn keep(&mut self, slot: usize, index: u32, bytes: usize, example: Arc<Example>) {
        if slot < SMALL_MAX {
            self.bytes += bytes;
            if self.bytes > KEPT_BYTES {
                self.bytes = bytes;
                self.slots[..SMALL_MAX].fill(None);
            }
        }
        self.slots[slot] = Some((index, example));
    }
}

impl Filed {
    pub(super) fn new(rows: Arc<dyn Rows>) -> Self {
        Self {
            rows,
            recent: Mutex::new(Recent {
                slots: vec![None; SMALL_MAX + 1],
                bytes: 0,
            }),
        }
    }

    /// Reads an example, by its index in the set.
    pub(super) fn example(
        &self,
        index: u32,
        entry: &Entry,
        files: &[File],
    ) -> Result<Arc<Example>, Changed> {
        let slot = match entry.bytes <= SMALL_BYTES {
            true => index as usize % SMALL_MAX,
            false => SMALL_MAX,
        };
        // Nothing is done under the lock that could leave it half done.
        let lock = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(example) = lock().get(slot, index) {
            return Ok(example);
        }
        let example = Arc::new(self.read(entry, files)?);
        lock().keep(slot, index, entry.bytes as usize, example.clone());
        Ok(example)
    }

    fn read(&self, entry: &Entry, files: &[File]) -> Result<Example, Changed> {
        let Some(file) = files.get(entry.file as usize) else {
            return Err(Changed {
                at: Location::default(),
                why: "its file is not known".to_owned(),
            });
        };
        let at = Location::new(&file.name, entry.line, 0);
        let changed = |why: String| Changed {
            at: at.clone(),
            why,
        };
        let mut bytes = vec![0; entry.bytes as usize];
        self.rows
            .read(entry.file, entry.offset, &mut bytes)
            .map_err(|error| changed(format!("it cannot be read any more: {error}")))?;
        let row = json::parse_object(&bytes)
            .map_err(|error| changed(format!("no example is there any more: {error}")))?;
        // What is wrong with it does not matter: it was right.
        let mut problems = Vec::new();
        let mut problems = Collector::new(&file.name, &mut problems);
        row::read(&file.source, &row, at.clone(), &mut problems)
            .map(|(example, _)| example)
            .filter(|example| example.digest == entry.digest)
            .ok_or_else(|| changed(format!("`{}` is not what it was", entry.id)))
    }
}
