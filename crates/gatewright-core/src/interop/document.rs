//! A whole file as one JSON document, and where a part of it stands.

use serde_json::{Map, Value};

use super::{Bytes, Input};
use crate::json::{self, Fault};
use crate::problem::{Location, Problem};

/// A document under reading: finds fields, and says where one is missing or of another kind.
pub(super) struct Document<'a> {
    /// The file, and the member of an archive.
    pub(super) name: String,
    bytes: &'a [u8],
    /// The line that the bytes begin in, less one: a line of a file of lines is a document of its own.
    lines_before: u32,
}

/// A step into a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'s> {
    /// Into an object.
    Key(&'s str),
    /// Into an array.
    At(usize),
}

impl<'a> Document<'a> {
    pub(super) fn new(name: &str, bytes: &'a [u8]) -> Self {
        Self {
            name: name.to_owned(),
            bytes,
            lines_before: 0,
        }
    }

    /// Parses the document, and takes numbers that are none (`NaN`, `Infinity`), which Python writes, as no value.
    pub(super) fn parse(&self, problems: &mut Vec<Problem>) -> Option<Value> {
        let start = usize::from(self.bytes.starts_with(b"\xEF\xBB\xBF")) * 3;
        let bytes = &self.bytes[start..];
        let parsed = match json::parse(bytes) {
            Err(error) if matches!(error.fault, Fault::NotANumber(_)) => {
                json::parse(&without_odd_numbers(bytes))
            }
            parsed => parsed,
        };
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                let (line, column) = self.at_byte(start + error.byte);
                let at = Location::new(&self.name.as_str().into(), line, column);
                problems.push(
                    Problem::error(error.fault.code(), at, error.fault.to_string())
                        .why("the file is no JSON document as tools write them; it may be cut off")
                        .instead("let the tool write it again, to its end"),
                );
                None
            }
        }
    }

    /// Points at a part of the document.
    pub(super) fn at(&self, path: &[Step<'_>]) -> Location {
        let mut finder = Finder {
            bytes: self.bytes,
            at: 0,
        };
        let (line, column) = finder.find(path).map_or((1, 1), |byte| self.at_byte(byte));
        Location::new(&self.name.as_str().into(), line, column)
    }

    fn at_byte(&self, byte: usize) -> (u32, u32) {
        let before = &self.bytes[..byte.min(self.bytes.len())];
        let line = before.iter().filter(|&&one| one == b'\n').count();
        let start = before
            .iter()
            .rposition(|&one| one == b'\n')
            .map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count();
        (self.lines_before + line as u32 + 1, column as u32 + 1)
    }

    /// Says that a part is missing or of another kind.
    pub(super) fn odd(&self, path: &[Step<'_>], what: impl Into<String>, tool: &str) -> Problem {
        Problem::error("not-their-format", self.at(path), what)
            .why(format!("it is not what {tool} writes"))
            .instead(format!(
                "a file that {tool} wrote; docs/import.md says which, and how to make it"
            ))
    }
}

/// Reads a file as lines of JSON, one object each; blank lines are left out. Gives (line, object, document).
pub(super) fn lines<'a>(
    input: &str,
    bytes: &'a [u8],
    problems: &mut Vec<Problem>,
) -> Vec<(Document<'a>, u32, Map<String, Value>)> {
    let mut found = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let document = Document {
            lines_before: index as u32,
            ..Document::new(input, line)
        };
        let broken = problems.len();
        match document.parse(problems) {
            Some(Value::Object(map)) => found.push((document, index as u32 + 1, map)),
            Some(_) => {
                let at = document.at(&[]);
                problems.push(
                    Problem::error("not-an-object", at, "the line is no JSON object")
                        .why("each line is one record")
                        .instead("let the tool write it again"),
                );
            }
            None => {}
        }
        // One cut line is told; a file that is no JSON lines at all is not told a thousand times.
        if problems.len() > broken && problems.len() >= json::SHOWN_LIMIT {
            break;
        }
    }
    found
}

/// Gives the bytes of a plain file; an archive where none is read is a problem.
pub(super) fn whole<'i>(
    input: &'i Input,
    tool: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'i [u8]> {
    match &input.bytes {
        Bytes::Whole(bytes) => Some(bytes),
        Bytes::Members(_) => {
            problems.push(
                Problem::error(
                    "not-their-format",
                    Location::file(&input.name),
                    "the file is a zip archive",
                )
                .why(format!("{tool} writes none"))
                .instead("gatewright import inspect FILE, when Inspect wrote it"),
            );
            None
        }
    }
}

/// Replaces `NaN`, `Infinity` and `-Infinity` outside texts by an empty list of the same length: no number, no word, and every place stays.
fn without_odd_numbers(bytes: &[u8]) -> Vec<u8> {
    const ODD: [(&[u8], &[u8]); 3] = [
        (b"-Infinity", b"[]       "),
        (b"Infinity", b"[]      "),
        (b"NaN", b"[] "),
    ];
    let mut made = bytes.to_vec();
    let (mut at, mut inside) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if inside => at += 1,
            b'"' => inside = !inside,
            _ if !inside => {
                if let Some((odd, plain)) = ODD.iter().find(|(odd, _)| bytes[at..].starts_with(odd))
                {
                    made[at..at + odd.len()].copy_from_slice(plain);
                    at += odd.len() - 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    made
}

/// Walks through the bytes of a document that was parsed before.
struct Finder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Finder<'_> {
    /// Finds where a part begins; as far into the path as there is something.
    fn find(&mut self, path: &[Step<'_>]) -> Option<usize> {
        self.blanks();
        let here = self.at;
        let Some((step, rest)) = path.split_first() else {
            return Some(here);
        };
        let open = *self.bytes.get(self.at)?;
        let fits = matches!((step, open), (Step::Key(_), b'{') | (Step::At(_), b'['));
        if !fits {
            return Some(here);
        }
        self.at += 1;
        let mut index = 0;
        loop {
            self.blanks();
            if matches!(self.bytes.get(self.at), None | Some(b'}' | b']')) {
                return Some(here);
            }
            let found = match step {
                Step::At(wanted) => index == *wanted,
                Step::Key(wanted) => {
                    let start = self.at;
                    self.skip();
                    let key = serde_json::from_slice::<String>(&self.bytes[start..self.at]);
                    self.blanks();
                    self.at += 1;
                    key.is_ok_and(|key| key == *wanted)
                }
            };
            if found {
                return self.find(rest);
            }
            self.blanks();
            self.skip();
            self.blanks();
            if self.bytes.get(self.at) != Some(&b',') {
                return Some(here);
            }
            self.at += 1;
            index += 1;
        }
    }

    fn blanks(&mut self) {
        while self
            .bytes
            .get(self.at)
            .is_some_and(|byte| byte.is_ascii_whitespace() || *byte >= 0x80)
        {
            self.at += 1;
        }
    }

    /// Skips one value.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        let mut inside = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            match (inside, byte) {
                (true, b'\\') => self.at += 1,
                (_, b'"') => {
                    inside = !inside;
                    if !inside && depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                (true, _) => {}
                (false, b'{' | b'[') => depth += 1,
                (false, b'}' | b']') if depth == 0 => return,
                (false, b'}' | b']') => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                (false, b',') if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_by_line_and_column() {
        let text = "{\n \"a\": [1, {\"b\\n\": \"],}\"},\n  {\"c\": 2}],\n \"ü\": 3, \"d\": 4\n}";
        let document = Document::new("x.json", text.as_bytes());
        let at = |path: &[Step<'_>]| document.at(path).to_string();
        assert_eq!(at(&[]), "x.json:1:1");
        assert_eq!(
            at(&[Step::Key("a"), Step::At(1), Step::Key("b\n")]),
            "x.json:2:19"
        );
        assert_eq!(
            at(&[Step::Key("a"), Step::At(2), Step::Key("c")]),
            "x.json:3:9"
        );
        assert_eq!(at(&[Step::Key("d")]), "x.json:4:15");
        assert_eq!(
            at(&[Step::Key("a"), Step::At(2), Step::Key("z")]),
            "x.json:3:3"
        );
        assert_eq!(at(&[Step::Key("a"), Step::At(9)]), "x.json:2:7");
    }

    #[test]
    fn numbers_that_are_none_are_no_value_and_a_cut_file_says_where() {
        let read = |text: &str| {
            let mut problems = Vec::new();
            let value = Document::new("x.json", text.as_bytes()).parse(&mut problems);
            let said: Vec<String> = problems
                .iter()
                .map(|it| format!("{}: {}", it.at, it.what))
                .collect();
            (value, said)
        };
        let (value, said) = read(r#"{"a": NaN, "b": [-Infinity, 1], "c": "NaN \" NaN"}"#);
        let expected = serde_json::json!({"a": [], "b": [[], 1], "c": "NaN \" NaN"});
        assert_eq!((value, said), (Some(expected), Vec::new()));
        let (value, said) = read("{\"a\": NaN,\n \"b\": ");
        assert_eq!(value, None);
        assert_eq!(said, ["x.json:2:7: the line ends inside a value"]);
        assert!(read("\u{feff}{}").0.is_some());
    }
}
