//! Strict JSON lines: one reader and one parser for every file and every interface.
//!
//! Strict means: valid UTF-8, one value a line, no duplicate keys at any depth, no NUL in a key, no number outside
//! the range of a double, no lone surrogate, no byte order mark, at most [`DEPTH_LIMIT`] levels and [`LINE_LIMIT`]
//! bytes a line. Everything wrong with a file is collected, with line and column; nothing panics.

mod column;
mod pick;
mod scan;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use serde_json::{Map, Value};

pub use self::column::{column, column_named};
pub use self::pick::{Picker, Slot};
use self::scan::Scanner;
pub(crate) use self::value::whole;
pub use self::value::{lookup, scalar_text};
use crate::problem::{Location, Problem, Weight};

/// Largest line that is read into memory, in bytes.
pub const LINE_LIMIT: usize = 64 << 20;
/// Deepest nesting of arrays and objects.
pub const DEPTH_LIMIT: usize = 128;
/// Problems of one file that are shown one by one.
pub const SHOWN_LIMIT: usize = 100;
/// Bytes of whole lines that are handed on at a time. Fixed, so that results do not depend on the number of threads.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;
/// The same where every line becomes much more in memory than it is on the disk, until it is taken.
const ROWS_BYTES: usize = 1 << 18;

/// Writes a limit of bytes as people read it: `64 MiB`, else `4000 bytes`.
pub fn size_text(bytes: usize) -> String {
    match (bytes >> 20, bytes % (1 << 20)) {
        (mib @ 1.., 0) => format!("{mib} MiB"),
        _ => format!("{bytes} bytes"),
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file starts with a byte order mark.
    #[error("the file starts with a byte order mark")]
    ByteOrderMark,
    /// The line is longer than [`LINE_LIMIT`].
    #[error("the line is longer than {}", size_text(*.0))]
    LineTooLong(usize),
    /// The bytes are not text; holds the byte's offset in the line, from 0.
    #[error("invalid UTF-8 at byte {0} of the line")]
    InvalidUtf8(usize),
    /// A key occurs twice in one object.
    #[error("the key `{0}` occurs twice in one object")]
    DuplicateKey(String),
    /// A key holds the character NUL.
    #[error("a key holds the character NUL")]
    NulInKey,
    /// A number is outside the range of a double.
    #[error("the number {0} is too large for a double")]
    NumberTooLarge(String),
    /// `NaN`, `Infinity` and the like are no JSON.
    #[error("`{0}` is not a JSON number")]
    NotANumber(String),
    /// A `\uD800`-`\uDFFF` escape without its other half.
    #[error("a lone surrogate: half of a character escape")]
    LoneSurrogate,
    /// An escape that JSON does not have.
    #[error("an escape that JSON does not have")]
    BadEscape,
    /// A raw control character inside a string.
    #[error("a raw control character (U+{0:04X}) inside a string")]
    RawControl(u8),
    /// More than [`DEPTH_LIMIT`] levels.
    #[error("nested deeper than {DEPTH_LIMIT} levels")]
    TooDeep,
    /// Text after the value.
    #[error("text after the end of the value")]
    TrailingText,
    /// The line ends too early.
    #[error("the line ends inside a value")]
    EndsEarly,
    /// Something else was expected.
    #[error("expected {0}")]
    Expected(&'static str),
}

impl Fault {
    /// Returns the stable code of the problem.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::ByteOrderMark => "byte-order-mark",
            Fault::LineTooLong(_) => "line-too-long",
            Fault::InvalidUtf8(_) => "invalid-utf8",
            Fault::DuplicateKey(_) => "duplicate-key",
            Fault::NulInKey => "nul-in-key",
            Fault::NumberTooLarge(_) => "number-too-large",
            Fault::NotANumber(_) => "not-a-number",
            Fault::LoneSurrogate => "lone-surrogate",
            Fault::BadEscape | Fault::RawControl(_) => "bad-string",
            Fault::TooDeep => "too-deep",
            Fault::TrailingText | Fault::EndsEarly | Fault::Expected(_) => "bad-json",
        }
    }

    fn instead(&self) -> &'static str {
        match self {
            Fault::ByteOrderMark => "remove the byte order mark (the first three bytes, EF BB BF)",
            Fault::LineTooLong(_) => {
                "split the record, or keep the large part in a file of its own"
            }
            Fault::InvalidUtf8(_) => "save the file as UTF-8",
            Fault::DuplicateKey(_) => "keep one of the two",
            Fault::NulInKey => "rename the key",
            Fault::NumberTooLarge(_) => "write a number of at most 1.797e308, or a string",
            Fault::NotANumber(_) => "write null, or leave the field out",
            Fault::LoneSurrogate => "write both halves, or the character itself",
            Fault::BadEscape | Fault::RawControl(_) => "escape it as \\u00XX",
            Fault::TooDeep => "flatten the record",
            Fault::TrailingText | Fault::EndsEarly | Fault::Expected(_) => {
                "write one JSON object a line"
            }
        }
    }
}

/// A fault and where it is in the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct JsonError {
    /// What is wrong.
    pub fault: Fault,
    /// Offset in bytes from the start of the text.
    pub byte: usize,
}

impl JsonError {
    /// Returns the column in characters, from 1. Bytes that are no text count as one character each.
    pub fn column(&self, text: &[u8]) -> u32 {
        let before = &text[..self.byte.min(text.len())];
        let characters = String::from_utf8_lossy(before).chars().count();
        u32::try_from(characters + 1).unwrap_or(u32::MAX)
    }
}

/// Parses one value strictly.
///
/// # Errors
/// The first [`Fault`] with its offset.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut scanner = Scanner::new(text(bytes)?);
    let value = scanner.value()?;
    scanner.end()?;
    Ok(value)
}

/// Parses one object strictly.
///
/// # Errors
/// The first [`Fault`] with its offset; [`Fault::Expected`] when the value is no object.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let mut scanner = Scanner::new(text(bytes)?);
    scanner.expect_object()?;
    let map = scanner.object()?;
    scanner.end()?;
    Ok(map)
}

fn text(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|error| JsonError {
        fault: Fault::InvalidUtf8(error.valid_up_to()),
        byte: error.valid_up_to(),
    })
}

/// Whole lines of a file, a block at a time.
#[derive(Debug)]
pub struct Block {
    /// The lines' bytes.
    pub bytes: Vec<u8>,
    /// Number of the first line, from 1.
    pub first_line: u32,
    /// Where the lines' bytes begin in the file.
    pub first_byte: u64,
    /// Faults that are no line's own: byte order mark, lines over the limit (left out of `bytes`).
    pub faults: Vec<(u32, Fault)>,
}

impl Block {
    /// Iterates over (line number, bytes without the line end), leaving blank lines out.
    pub fn lines(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.placed_lines().map(|(place, line)| (place.line, line))
    }

    /// Iterates over (where it stands, bytes without the line end), leaving blank lines out.
    pub fn placed_lines(&self) -> impl Iterator<Item = (Place, &[u8])> {
        let mut rest = self.bytes.as_slice();
        let mut offset = self.first_byte;
        let lines = std::iter::from_fn(move || {
            let from = rest;
            // Of what the standard library has, only this looks for a byte in large steps; memory gives no error.
            let used = rest.skip_until(b'\n').ok().filter(|used| *used > 0)?;
            let start = offset;
            offset += used as u64;
            let line = &from[..used];
            Some((start, line.strip_suffix(b"\n").unwrap_or(line)))
        });
        lines
            .zip(self.first_line..)
            .filter_map(|((offset, line), number)| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let place = Place {
                    line: number,
                    offset,
                    bytes: line.len() as u32,
                };
                (!line.trim_ascii().is_empty()).then_some((place, line))
            })
    }
}

/// Where a line stands in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub line: u32,
    /// Bytes before it.
    pub offset: u64,
    /// Its bytes without the line end; at most [`LINE_LIMIT`].
    pub bytes: u32,
}

/// Reads blocks of whole lines; never more than a block and one line of at most the limit in memory.
#[derive(Debug)]
pub struct Blocks<R> {
    reader: R,
    next_line: u32,
    /// Bytes that were taken from the reader.
    read: u64,
    block_bytes: usize,
    line_limit: usize,
    ended: bool,
    /// Buffers of blocks that are done with: memory that was written to once costs nothing to fill again.
    spare: Vec<Vec<u8>>,
}

impl<R: BufRead> Blocks<R> {
    /// Starts at the first line.
    pub fn new(reader: R) -> Self {
        Self::with_limits(reader, BLOCK_BYTES, LINE_LIMIT)
    }

    fn with_limits(reader: R, block_bytes: usize, line_limit: usize) -> Self {
        Self {
            reader,
            next_line: 1,
            read: 0,
            block_bytes,
            line_limit,
            ended: false,
            spare: Vec::new(),
        }
    }

    /// Takes back a block that is done with.
    pub fn reuse(&mut self, block: Block) {
        let mut bytes = block.bytes;
        bytes.clear();
        self.spare.push(bytes);
    }

    /// Reads the next block; `None` at the end.
    ///
    /// # Errors
    /// The reader's own error; reading ends there.
    pub fn next_block(&mut self) -> Option<std::io::Result<Block>> {
        if self.ended {
            return None;
        }
        let mut block = Block {
            bytes: self
                .spare
                .pop()
                .unwrap_or_else(|| Vec::with_capacity(self.block_bytes.min(BLOCK_BYTES) + 4096)),
            first_line: self.next_line,
            first_byte: self.read,
            faults: Vec::new(),
        };
        if let Err(error) = self.fill(&mut block) {
            self.ended = true;
            return Some(Err(error));
        }
        if block.first_line == 1 && block.bytes.starts_with(b"\xEF\xBB\xBF") {
            block.bytes.drain(..3);
            block.first_byte += 3;
            block.faults.insert(0, (1, Fault::ByteOrderMark));
        }
        (!block.bytes.is_empty() || !block.faults.is_empty()).then_some(Ok(block))
    }

    fn fill(&mut self, block: &mut Block) -> std::io::Result<()> {
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                self.ended = true;
                break;
            }
            let room = self.block_bytes.saturating_sub(block.bytes.len());
            if chunk.len() <= room {
                block.bytes.extend_from_slice(chunk);
                let used = chunk.len();
                self.consume(used);
                continue;
            }
            // The block is full somewhere in this chunk: end it with the first line end from there on.
            let line_end = chunk[room..].iter().position(|&byte| byte == b'\n');
            let used = line_end.map_or(chunk.len(), |at| room + at + 1);
            block.bytes.extend_from_slice(&chunk[..used]);
            self.consume(used);
            if line_end.is_some() {
                break;
            }
            if block.bytes.len() > self.line_limit {
                let start = block
                    .bytes
                    .iter()
                    .rposition(|&byte| byte == b'\n')
                    .map_or(0, |at| at + 1);
                if block.bytes.len() - start > self.line_limit {
                    block.bytes.truncate(start);
                    let line = self.next_line.saturating_add(newlines(&block.bytes));
                    block
                        .faults
                        .push((line, Fault::LineTooLong(self.line_limit)));
                    self.next_line = line.saturating_add(1);
                    return self.skip_line();
                }
            }
        }
        self.next_line = self.next_line.saturating_add(newlines(&block.bytes));
        Ok(())
    }

    fn consume(&mut self, bytes: usize) {
        self.reader.consume(bytes);
        self.read += bytes as u64;
    }

    fn skip_line(&mut self) -> std::io::Result<()> {
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                self.ended = true;
                return Ok(());
            }
            let line_end = chunk.iter().position(|&byte| byte == b'\n');
            let used = line_end.map_or(chunk.len(), |at| at + 1);
            self.consume(used);
            if line_end.is_some() {
                return Ok(());
            }
        }
    }
}

fn newlines(bytes: &[u8]) -> u32 {
    // Counting in bytes lets the compiler use vector registers; 255 is the most a byte can count.
    let count: usize = bytes
        .chunks(255)
        .map(|chunk| {
            usize::from(
                chunk
                    .iter()
                    .map(|&byte| u8::from(byte == b'\n'))
                    .sum::<u8>(),
            )
        })
        .sum();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Collects one file's problems: the first [`SHOWN_LIMIT`] one by one, the rest as a number.
#[derive(Debug)]
pub struct Collector<'p> {
    into: &'p mut Vec<Problem>,
    file: Arc<str>,
    shown: usize,
    more_errors: usize,
    more_suggestions: usize,
    /// Which members the problems of the line that is read are about: their place among the problems, and the member.
    members: Vec<(usize, Cow<'static, str>)>,
}

impl<'p> Collector<'p> {
    /// Starts with nothing.
    pub fn new(file: &str, into: &'p mut Vec<Problem>) -> Self {
        Self {
            into,
            file: file.into(),
            shown: 0,
            more_errors: 0,
            more_suggestions: 0,
            members: Vec::new(),
        }
    }

    /// Points at a line of the file.
    pub fn line(&self, line: u32) -> Location {
        Location::new(&self.file, line, 0)
    }

    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        if self.shown < SHOWN_LIMIT {
            self.shown += 1;
            self.into.push(problem);
        } else if problem.weight == Weight::Error {
            self.more_errors += 1;
        } else {
            self.more_suggestions += 1;
        }
    }

    /// Adds a problem about a member of the object that is read. Its column is found when the object is done with.
    pub fn push_member(&mut self, member: impl Into<Cow<'static, str>>, problem: Problem) {
        self.members.push((self.into.len(), member.into()));
        self.push(problem);
    }

    /// Finds the columns of what was pushed about a line, since there were `before` problems.
    fn place(&mut self, before: usize, line: &[u8]) {
        for problem in self.into.iter_mut().skip(before) {
            if problem.at.column == 0 && problem.at.file == self.file {
                problem.at.column = column_named(line, &problem.what);
            }
        }
        for (at, member) in self.members.drain(..) {
            if let Some(problem) = self.into.get_mut(at) {
                problem.at.column = column(line, &member);
            }
        }
    }

    /// Adds what is wrong with a line.
    pub fn fault(&mut self, line: u32, column: u32, fault: &Fault) {
        let at = Location::new(&self.file, line, column);
        self.push(Problem::error(fault.code(), at, fault.to_string()).instead(fault.instead()));
    }

    /// Adds that the file could not be read to its end.
    pub fn unreadable(&mut self, error: &std::io::Error) {
        let at = Location::file(&self.file);
        self.push(Problem::error(
            "unreadable-file",
            at,
            format!("could not be read: {error}"),
        ));
    }

    /// Takes over what was collected about a later part of the same file, as if it had been pushed here.
    fn absorb(&mut self, part: Found) {
        for problem in part.problems {
            self.push(problem);
        }
        self.more_errors += part.more_errors;
        self.more_suggestions += part.more_suggestions;
    }

    /// Ends the file: says how many more there are.
    pub fn finish(self) {
        let at = Location::file(&self.file);
        if self.more_errors > 0 {
            let what = format!("and {} more errors in this file", self.more_errors);
            self.into.push(Problem::error("more-problems", at, what));
        } else if self.more_suggestions > 0 {
            let what = format!(
                "and {} more suggestions in this file",
                self.more_suggestions
            );
            self.into
                .push(Problem::suggestion("more-problems", at, what));
        }
    }
}

/// Reads every object of a JSON-lines file in order. Lines with a fault are reported and left out.
pub fn for_each_object(
    reader: impl BufRead,
    problems: &mut Collector<'_>,
    mut each: impl FnMut(u32, Map<String, Value>, &mut Collector<'_>),
) {
    let mut blocks = Blocks::new(reader);
    while let Some(block) = blocks.next_block() {
        let block = match block {
            Ok(block) => block,
            Err(error) => return problems.unreadable(&error),
        };
        for (line, fault) in &block.faults {
            problems.fault(*line, 1, fault);
        }
        for (number, line) in block.lines() {
            match parse_object(line) {
                Ok(map) => {
                    let before = problems.into.len();
                    each(number, map, problems);
                    problems.place(before, line);
                }
                Err(error) => problems.fault(number, error.column(line), &error.fault),
            }
        }
    }
}

/// The problems of one block.
struct Found {
    problems: Vec<Problem>,
    more_errors: usize,
    more_suggestions: usize,
}

/// Maps every object of a JSON-lines file, a block on each thread, and hands the results on in the order of the lines.
///
/// Lines with a fault are reported and left out. Results and problems do not depend on the number of threads.
pub fn map_objects<T: Send>(
    reader: impl BufRead,
    threads: NonZeroUsize,
    problems: &mut Collector<'_>,
    each: impl Fn(Place, Map<String, Value>, &mut Collector<'_>) -> Option<T> + Sync,
    mut take: impl FnMut(T),
) {
    let file = problems.file.clone();
    let read = map_blocks(
        reader,
        (threads, ROWS_BYTES),
        &|block: &Block| map_block(&file, block, &each),
        |(found, values)| {
            problems.absorb(found);
            values.into_iter().for_each(&mut take);
        },
    );
    if let Err(error) = read {
        problems.unreadable(&error);
    }
}

/// Works on every block of a file, one on each thread, and hands the results on in the order of the file.
///
/// While the threads work, this one takes the results before theirs and reads the blocks after. At most two blocks for each thread are in memory.
///
/// # Errors
/// The reader's own error, after everything that was read before it.
pub(crate) fn map_blocks<T: Send>(
    reader: impl BufRead,
    (threads, block_bytes): (NonZeroUsize, usize),
    work: &(impl Fn(&Block) -> T + Sync),
    mut take: impl FnMut(T),
) -> std::io::Result<()> {
    let mut blocks = Blocks::with_limits(reader, block_bytes, LINE_LIMIT);
    if threads.get() == 1 {
        while let Some(block) = blocks.next_block() {
            let block = block?;
            take(work(&block));
            blocks.reuse(block);
        }
        return Ok(());
    }
    let (give, given) = mpsc::channel();
    let given = Mutex::new(given);
    let (report, reports) = mpsc::channel();
    std::thread::scope(|scope| {
        // Dropped at the end, whatever it is, so that the workers end too.
        let give = give;
        for _ in 0..threads.get() {
            let (report, given) = (Report(report.clone()), &given);
            scope.spawn(move || report.work(given, work));
        }
        let mut end = None;
        // The next block to read, the next to take, and what came before its turn.
        let (mut read, mut taken, mut early) = (0_u64, 0_u64, BTreeMap::new());
        loop {
            while end.is_none() && read - taken < 2 * threads.get() as u64 {
                match blocks.next_block() {
                    Some(Ok(block)) => {
                        // A worker that is gone has said so.
                        let _ = give.send((read, block));
                        read += 1;
                    }
                    Some(Err(error)) => end = Some(Err(error)),
                    None => end = Some(Ok(())),
                }
            }
            if let Some(end) = end.take_if(|_| taken == read) {
                return end;
            }
            // Without a result a worker panicked, which the scope passes on.
            let Ok(Some((number, block, result))) = reports.recv() else {
                return Ok(());
            };
            blocks.reuse(block);
            early.insert(number, result);
            while let Some(result) = early.remove(&taken) {
                take(result);
                taken += 1;
            }
        }
    })
}

/// Where a worker reports; `None` says that it panicked.
struct Report<T>(mpsc::Sender<Option<(u64, Block, T)>>);

impl<T> Report<T> {
    /// Works on blocks until there are no more.
    fn work(self, given: &Mutex<mpsc::Receiver<(u64, Block)>>, work: &impl Fn(&Block) -> T) {
        loop {
            let next = given.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((number, block)) = next else { return };
            let result = work(&block);
            if self.0.send(Some((number, block, result))).is_err() {
                return;
            }
        }
    }
}

impl<T> Drop for Report<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.send(None);
        }
    }
}

fn map_block<T>(
    file: &str,
    block: &Block,
    each: &impl Fn(Place, Map<String, Value>, &mut Collector<'_>) -> Option<T>,
) -> (Found, Vec<T>) {
    let mut problems = Vec::new();
    let mut collector = Collector::new(file, &mut problems);
    // As many as there are lines: a vector that grows takes new memory again and again.
    let lines = block.bytes.iter().filter(|byte| **byte == b'\n').count();
    let mut values = Vec::with_capacity(lines + 1);
    for (line, fault) in &block.faults {
        collector.fault(*line, 1, fault);
    }
    for (place, line) in block.placed_lines() {
        match parse_object(line) {
            Ok(map) => {
                let before = collector.into.len();
                values.extend(each(place, map, &mut collector));
                collector.place(before, line);
            }
            Err(error) => collector.fault(place.line, error.column(line), &error.fault),
        }
    }
    let (more_errors, more_suggestions) = (collector.more_errors, collector.more_suggestions);
    let found = Found {
        problems,
        more_errors,
        more_suggestions,
    };
    (found, values)
}

#[cfg(test)]
mod tests;
