//! Reads examples through a field map, and assembles the reference set.

mod assemble;
mod content;
mod draft;
pub(super) mod row;

use std::io::BufRead;
use std::num::NonZeroUsize;
use std::sync::Arc;

use self::draft::{Draft, Drafts};
use super::bodies::File;
use super::{Example, InMemory, ReferenceSet, Rows};
use crate::grade::Scope;
use crate::json::{self, Collector};
use crate::manifest::Manifest;
use crate::problem::Problem;
use crate::segment::Dimensions;
use crate::source::Source;

/// Reads the files of a reference set. Of every example it keeps an [`super::Entry`]; whole ones are in memory only while their line is read.
pub struct Loader<'m> {
    asks: Asks<'m>,
    drafts: Drafts,
    files: Vec<File>,
}

/// What every example is asked while its line is read.
struct Asks<'m> {
    dimensions: Dimensions<'m>,
    scope: Scope,
    note: Option<&'m (dyn Fn(&Example) -> bool + Sync)>,
}

impl<'m> Loader<'m> {
    /// Prepares to read examples for a page. Schemas and files of the page must have been provided before.
    pub fn new(manifest: &'m Manifest) -> Self {
        let dimensions = Dimensions::new(manifest);
        let scope = Scope::new(manifest);
        Self {
            drafts: Drafts::new(&dimensions, scope.clone()),
            asks: Asks {
                dimensions,
                scope,
                note: None,
            },
            files: Vec::new(),
        }
    }

    /// Has every example looked at while it is in memory. Those for which `wanted` is true are noted ([`super::Traits::noted`]).
    #[must_use]
    pub fn noting(mut self, wanted: &'m (dyn Fn(&Example) -> bool + Sync)) -> Self {
        self.asks.note = Some(wanted);
        self
    }

    /// Reads one file of examples, a block of lines on each thread. Rows that `where` leaves out are skipped; rows with an error are reported
    /// and left out. The result does not depend on the number of threads.
    ///
    /// Files of our own format (without a map) may hold only our keys. In a mapped file, everything that is neither mapped nor ours is left out;
    /// `status` counts only when it is mapped, because other tools use the word for other things.
    pub fn file(
        &mut self,
        threads: NonZeroUsize,
        source: &Source,
        name: &str,
        reader: impl BufRead,
        problems: &mut Vec<Problem>,
    ) {
        let number = self.files.len() as u32;
        let same = self.files.last().filter(|last| *last.source == *source);
        self.files.push(File {
            source: same.map_or_else(|| Arc::new(source.clone()), |last| last.source.clone()),
            name: name.into(),
        });
        let mut problems = Collector::new(name, problems);
        let asks = &self.asks;
        let read = |place: json::Place, row, problems: &mut Collector<'_>| {
            if !source.admits(&row) {
                return None;
            }
            let (example, cases) = row::read(source, &row, problems.line(place.line), problems)?;
            Some(Draft::of(&example, cases, (number, place), asks))
        };
        let drafts = &mut self.drafts;
        json::map_objects(reader, threads, &mut problems, read, |draft| {
            drafts.add(draft);
        });
        problems.finish();
    }

    /// Assembles the set. Of two examples with one id the first is kept and the pair is reported. `rows` gives the bytes of the files, in the
    /// order in which they were read.
    pub fn finish(self, rows: Arc<dyn Rows>, problems: &mut Vec<Problem>) -> ReferenceSet {
        assemble::assemble(
            &self.asks.dimensions,
            self.drafts,
            self.files,
            rows,
            problems,
        )
    }
}

/// Reads the examples of one file, whole and in its order, without a set around them: to look at one of them.
pub fn whole(
    source: &Source,
    name: &str,
    reader: impl BufRead,
    problems: &mut Vec<Problem>,
) -> Vec<Example> {
    let mut problems = Collector::new(name, problems);
    let read = |place: json::Place, row, problems: &mut Collector<'_>| {
        let read = source
            .admits(&row)
            .then(|| row::read(source, &row, problems.line(place.line), problems));
        read.flatten().map(|(example, _)| example)
    };
    let mut found = Vec::new();
    json::map_objects(reader, NonZeroUsize::MIN, &mut problems, read, |example| {
        found.push(example);
    });
    problems.finish();
    found
}

/// Reads a set from files whose bytes are in memory: how each is read, its name and its bytes.
pub fn in_memory(
    manifest: &Manifest,
    files: impl IntoIterator<Item = (Source, String, Vec<u8>)>,
    problems: &mut Vec<Problem>,
) -> ReferenceSet {
    let mut loader = Loader::new(manifest);
    let mut rows = InMemory::default();
    for (source, name, bytes) in files {
        loader.file(
            NonZeroUsize::MIN,
            &source,
            &name,
            bytes.as_slice(),
            problems,
        );
        rows.0.push(bytes);
    }
    loader.finish(Arc::new(rows), problems)
}

#[cfg(test)]
mod tests;
