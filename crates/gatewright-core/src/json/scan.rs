//! The scanner under both ways of reading: whole trees, and wanted fields only.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::{DEPTH_LIMIT, Fault, JsonError};

/// Keys up to this many are compared one by one; above, a set is kept.
const FEW_KEYS: usize = 24;

/// Walks over one text. `at` never leaves a character boundary at the points where text is cut.
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pub(super) at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
        }
    }

    pub(super) fn fail<T>(&self, fault: Fault) -> Result<T, JsonError> {
        self.fail_at(fault, self.at)
    }

    fn fail_at<T>(&self, fault: Fault, byte: usize) -> Result<T, JsonError> {
        Err(JsonError { fault, byte })
    }

    /// Skips white space and returns the next byte; 0 at the end (a NUL is no JSON either).
    #[inline]
    pub(super) fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                _ => return byte,
            }
        }
        0
    }

    /// Says whether the rest starts with these bytes.
    #[inline]
    pub(super) fn rest_starts_with(&self, bytes: &[u8]) -> bool {
        self.bytes
            .get(self.at..self.at + bytes.len())
            .is_some_and(|rest| rest == bytes)
    }

    fn expected<T>(&self, what: &'static str) -> Result<T, JsonError> {
        if self.at >= self.bytes.len() {
            self.fail(Fault::EndsEarly)
        } else {
            self.fail(Fault::Expected(what))
        }
    }

    pub(super) fn expect_object(&mut self) -> Result<(), JsonError> {
        if self.peek() == b'{' {
            Ok(())
        } else {
            self.expected("a JSON object")
        }
    }

    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.peek();
        if self.at < self.bytes.len() {
            return self.fail(Fault::TrailingText);
        }
        Ok(())
    }

    /// Reads `:` after a key.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), JsonError> {
        if self.peek() != b':' {
            return self.expected("`:` after a key");
        }
        self.at += 1;
        Ok(())
    }

    /// Reads `,` (true) or the closing byte (false).
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Result<bool, JsonError> {
        match self.peek() {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            byte if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ if close == b'}' => self.expected("`,` or `}`"),
            _ => self.expected("`,` or `]`"),
        }
    }

    /// Reads the opening byte; true when the container is empty and already closed.
    #[inline]
    pub(super) fn open(&mut self, close: u8) -> Result<bool, JsonError> {
        if self.depth >= DEPTH_LIMIT {
            return self.fail(Fault::TooDeep);
        }
        self.at += 1;
        if self.peek() == close {
            self.at += 1;
            return Ok(true);
        }
        self.depth += 1;
        Ok(false)
    }

    pub(super) fn close(&mut self) {
        self.depth -= 1;
    }

    /// Reads a value as a tree.
    pub(super) fn value(&mut self) -> Result<Value, JsonError> {
        Ok(match self.peek() {
            b'{' => Value::Object(self.object()?),
            b'[' => {
                let mut items = Vec::new();
                if !self.open(b']')? {
                    loop {
                        items.push(self.value()?);
                        if !self.more(b']')? {
                            break;
                        }
                    }
                    self.close();
                }
                Value::Array(items)
            }
            b'"' => Value::String(self.string()?.into_owned()),
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                let token = self.number()?;
                match number(token) {
                    Some(number) => Value::Number(number),
                    None => {
                        return self.fail_at(Fault::NumberTooLarge(clip(token)), start);
                    }
                }
            }
            _ => self.word()?,
        })
    }

    /// Reads an object as a tree.
    pub(super) fn object(&mut self) -> Result<Map<String, Value>, JsonError> {
        let mut map = Map::new();
        if self.open(b'}')? {
            return Ok(map);
        }
        loop {
            let (key, start) = self.key()?;
            // One search for both: most of a small object's time is comparing keys.
            let Entry::Vacant(place) = map.entry(key.as_ref()) else {
                return self.fail_at(Fault::DuplicateKey(clip(&key)), start);
            };
            self.colon()?;
            place.insert(self.value()?);
            if !self.more(b'}')? {
                break;
            }
        }
        self.close();
        // Does nothing where maps are sorted by themselves: see `Digest::of_json`.
        map.sort_keys();
        Ok(map)
    }

    /// Checks a value as strictly as [`Scanner::value`] does and keeps nothing.
    pub(super) fn skip(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            b'{' => {
                if self.open(b'}')? {
                    return Ok(());
                }
                let mut seen = Seen::default();
                loop {
                    let (key, start) = self.key()?;
                    if let Err(key) = seen.insert(key) {
                        return self.fail_at(Fault::DuplicateKey(key), start);
                    }
                    self.colon()?;
                    self.skip()?;
                    if !self.more(b'}')? {
                        break;
                    }
                }
                self.close();
            }
            b'[' => {
                if self.open(b']')? {
                    return Ok(());
                }
                loop {
                    self.skip()?;
                    if !self.more(b']')? {
                        break;
                    }
                }
                self.close();
            }
            b'"' => {
                self.string()?;
            }
            b'-' | b'0'..=b'9' => {
                self.checked_number()?;
            }
            _ => {
                self.word()?;
            }
        }
        Ok(())
    }

    /// Walks over an object for a member by its dotted path: where its key starts, or the key of the part of the path that is there.
    pub(super) fn member(&mut self, path: &str) -> Option<usize> {
        if self.open(b'}').ok()? {
            return None;
        }
        let mut part = None;
        loop {
            let (key, start) = self.key().ok()?;
            self.colon().ok()?;
            if key == path {
                return Some(start);
            }
            let rest = path
                .strip_prefix(&*key)
                .and_then(|rest| rest.strip_prefix('.'));
            match rest {
                Some(rest) if self.peek() == b'{' => {
                    let inner = self.member(rest);
                    if inner.is_some() {
                        return inner;
                    }
                    part = part.or(Some(start));
                }
                rest => {
                    part = part.or(rest.map(|_| start));
                    self.skip().ok()?;
                }
            }
            if !self.more(b'}').ok()? {
                break;
            }
        }
        self.close();
        part
    }

    /// Reads a key: its text and where it starts.
    pub(super) fn key(&mut self) -> Result<(Cow<'a, str>, usize), JsonError> {
        if self.peek() != b'"' {
            return self.expected("a key in double quotes");
        }
        let start = self.at;
        let key = self.string()?;
        if key.contains('\0') {
            return self.fail_at(Fault::NulInKey, start);
        }
        Ok((key, start))
    }

    pub(super) fn duplicate<T>(&self, key: String, start: usize) -> Result<T, JsonError> {
        self.fail_at(Fault::DuplicateKey(key), start)
    }

    /// Reads `true`, `false` or `null`.
    pub(super) fn word(&mut self) -> Result<Value, JsonError> {
        let words = [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
        ];
        for (word, value) in words {
            if self.rest_starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        for word in ["NaN", "nan", "Infinity", "inf", "+"] {
            if self.rest_starts_with(word.as_bytes()) {
                return self.fail(Fault::NotANumber(word.to_owned()));
            }
        }
        self.expected("a value")
    }

    /// Reads a number's characters by JSON's grammar.
    #[inline]
    pub(super) fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'I' | b'i' | b'N' | b'n')) {
                return self.fail_at(Fault::NotANumber("-Infinity".to_owned()), start);
            }
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.expected("a digit"),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            return self.fail_at(Fault::Expected("a number without leading zeros"), start);
        }
        Ok(&self.text[start..self.at])
    }

    /// Reads a number's characters and checks that a double can hold it.
    #[inline]
    pub(super) fn checked_number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        let token = self.number()?;
        // Fewer than 300 digits without an exponent always fit.
        let plain = token.len() < 300 && !token.bytes().any(|byte| matches!(byte, b'e' | b'E'));
        if !plain && number(token).is_none() {
            return self.fail_at(Fault::NumberTooLarge(clip(token)), start);
        }
        Ok(token)
    }

    #[inline]
    fn digits(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            return self.expected("a digit");
        }
        self.digits();
        Ok(())
    }

    /// Reads a string; borrowed when it holds no escape.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let start = self.at + 1;
        let at = start + plain(&self.bytes[start..]);
        match self.bytes.get(at) {
            Some(b'"') => {
                self.at = at + 1;
                Ok(Cow::Borrowed(&self.text[start..at]))
            }
            Some(b'\\') => {
                self.at = at;
                self.escaped(start).map(Cow::Owned)
            }
            Some(&control) => self.fail_at(Fault::RawControl(control), at),
            None => self.fail_at(Fault::EndsEarly, at),
        }
    }

    /// Reads the rest of a string from its first escape at `self.at`.
    fn escaped(&mut self, start: usize) -> Result<String, JsonError> {
        let mut out = String::from(&self.text[start..self.at]);
        let mut copied = self.at;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    out.push_str(&self.text[copied..self.at]);
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(&self.text[copied..self.at]);
                    out.push(self.escape()?);
                    copied = self.at;
                }
                Some(&control) => return self.fail(Fault::RawControl(control)),
                None => return self.fail(Fault::EndsEarly),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        let Some(&kind) = self.bytes.get(self.at + 1) else {
            return self.fail_at(Fault::EndsEarly, self.bytes.len());
        };
        self.at += 2;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex(start)?;
                if !(0xD800..0xE000).contains(&high) {
                    return char::from_u32(high)
                        .map_or_else(|| self.fail_at(Fault::LoneSurrogate, start), Ok);
                }
                if high >= 0xDC00 || !self.rest_starts_with(b"\\u") {
                    return self.fail_at(Fault::LoneSurrogate, start);
                }
                self.at += 2;
                let low = self.hex(start)?;
                if !(0xDC00..0xE000).contains(&low) {
                    return self.fail_at(Fault::LoneSurrogate, start);
                }
                let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return char::from_u32(code)
                    .map_or_else(|| self.fail_at(Fault::LoneSurrogate, start), Ok);
            }
            _ => return self.fail_at(Fault::BadEscape, start),
        })
    }

    fn hex(&mut self, start: usize) -> Result<u32, JsonError> {
        let Some(digits) = self.bytes.get(self.at..self.at + 4) else {
            return self.fail_at(Fault::EndsEarly, self.bytes.len());
        };
        let mut code = 0;
        for &digit in digits {
            match char::from(digit).to_digit(16) {
                Some(digit) => code = code * 16 + digit,
                None => return self.fail_at(Fault::BadEscape, start),
            }
        }
        self.at += 4;
        Ok(code)
    }
}

/// Counts the bytes that stand for themselves in a string: up to the next quote, escape or control character.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    let ends = |byte: u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    // A fixed number without a way out in between: the compiler looks at all of them at once.
    let chunks = bytes.chunks_exact(16);
    let whole = chunks
        .take_while(|chunk| !chunk.iter().fold(false, |any, byte| any | ends(*byte)))
        .count()
        * 16;
    let rest = &bytes[whole..];
    whole
        + rest
            .iter()
            .position(|byte| ends(*byte))
            .unwrap_or(rest.len())
}

/// Turns a number's characters into a number; `None` when no double can hold it.
fn number(token: &str) -> Option<Number> {
    let integer = !token.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    if integer && token != "-0" {
        if let Ok(number) = token.parse::<u64>() {
            return Some(number.into());
        }
        if let Ok(number) = token.parse::<i64>() {
            return Some(number.into());
        }
    }
    Number::from_f64(token.parse().ok()?)
}

fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(60).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

/// The keys of one object so far.
#[derive(Default)]
pub(super) struct Seen<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Seen<'a> {
    /// Adds a key; gives it back when it is there already.
    pub(super) fn insert(&mut self, key: Cow<'a, str>) -> Result<(), String> {
        if self.many.is_empty() {
            if self.few.contains(&key) {
                return Err(clip(&key));
            }
            self.few.push(key);
            if self.few.len() > FEW_KEYS {
                self.many = self.few.drain(..).collect();
            }
            return Ok(());
        }
        if self.many.contains(&key) {
            return Err(clip(&key));
        }
        self.many.insert(key);
        Ok(())
    }
}
