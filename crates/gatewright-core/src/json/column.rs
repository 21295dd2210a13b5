//! Where in a line a member stands: looked for once something is wrong with it.

use super::scan::Scanner;
use super::{Fault, JsonError, text};

/// Returns the column of a member of an object, in characters from 1: of its key. A path is dotted, as for [`lookup`](super::lookup). Where the line has no
/// such member, the column is that of the part of the path that it has, or of the object.
///
/// The line is read again for that: only once something is wrong with it.
pub fn column(line: &[u8], path: &str) -> u32 {
    at_byte(line, member(line, path))
}

/// Returns the column of the first member of an object that a message names in backticks; of the object itself where it names none.
pub fn column_named(line: &[u8], message: &str) -> u32 {
    let mut words = message.split('`').skip(1).step_by(2);
    at_byte(line, words.find_map(|word| member(line, word)))
}

fn member(line: &[u8], path: &str) -> Option<usize> {
    let mut scanner = Scanner::new(text(line).ok()?);
    scanner.expect_object().ok()?;
    scanner.member(path)
}

fn at_byte(line: &[u8], byte: Option<usize>) -> u32 {
    let start = || line.iter().take_while(|byte| byte.is_ascii_whitespace());
    let byte = byte.unwrap_or_else(|| start().count());
    let fault = Fault::EndsEarly;
    JsonError { fault, byte }.column(line)
}
