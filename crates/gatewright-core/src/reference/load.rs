//! Reads examples through a field map, and assembles the reference set.

mod assemble;
mod content;
mod row;

use std::io::BufRead;
use std::num::NonZeroUsize;

pub use self::assemble::assemble;
use super::Example;
use crate::json::{self, Collector};
use crate::problem::Problem;
use crate::source::Source;

/// Reads one file of examples. Rows that `where` leaves out are skipped; rows with an error are reported and left out.
///
/// Files of our own format (without a map) may hold only our keys. In a mapped file, everything that is neither mapped nor ours is left out;
/// `status` counts only when it is mapped, because other tools use the word for other things.
pub fn examples(
    source: &Source,
    file: &str,
    reader: impl BufRead,
    into: &mut Vec<Example>,
    problems: &mut Vec<Problem>,
) {
    examples_on((NonZeroUsize::MIN, 0), source, file, reader, into, problems);
}

/// Reads one file of about so many bytes (0: unknown) on several threads. The result depends on neither number.
pub fn examples_on(
    (threads, bytes): (NonZeroUsize, u64),
    source: &Source,
    file: &str,
    reader: impl BufRead,
    into: &mut Vec<Example>,
    problems: &mut Vec<Problem>,
) {
    let mut problems = Collector::new(file, problems);
    let read = |line, row, problems: &mut Collector<'_>| {
        if !source.admits(&row) {
            return None;
        }
        row::read(source, &row, problems.line(line), problems)
    };
    json::map_objects(reader, threads, bytes, &mut problems, read, into);
    problems.finish();
}

#[cfg(test)]
mod tests;
