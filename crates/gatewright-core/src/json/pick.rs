//! Reads only the wanted fields of many lines of the same shape, checking the rest just as strictly.

use std::borrow::Cow;

use serde_json::Value;

use super::scan::{Scanner, Seen};
use super::{JsonError, lookup};

/// A wanted field's value in one line.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Slot<'a> {
    /// The line does not have it.
    #[default]
    Absent,
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, by its characters.
    Number(&'a str),
    /// Text.
    Text(Cow<'a, str>),
    /// An array or object, or a value inside one.
    Tree(Value),
}

impl Slot<'_> {
    /// Returns a scalar as text, as [`super::scalar_text`] does.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Slot::Absent | Slot::Null => None,
            Slot::Bool(true) => Some("true".into()),
            Slot::Bool(false) => Some("false".into()),
            Slot::Number(text) => Some((*text).into()),
            Slot::Text(text) => Some(text.as_ref().into()),
            Slot::Tree(value) => super::scalar_text(value),
        }
    }
}

/// Picks wanted fields (dotted paths) out of lines. Remembers the keys of the last line, because lines of one file are alike.
#[derive(Clone, Debug)]
pub struct Picker {
    paths: Vec<String>,
    shape: Vec<ShapeKey>,
    relearned: u32,
}

#[derive(Clone, Debug)]
struct ShapeKey {
    key: String,
    /// The key as it stands in the line, quotes included; empty when it holds escapes.
    raw: Vec<u8>,
    wants: Wants,
}

/// Which wanted fields a top-level key feeds.
#[derive(Clone, Debug)]
enum Wants {
    Nothing,
    Whole(usize),
    /// Slots with the rest of the path below this key; none for the key's own value.
    Several(Vec<(usize, Option<String>)>),
}

impl Picker {
    /// How often the remembered shape is replaced before it is left as it is.
    const RELEARN_LIMIT: u32 = 64;

    /// Makes a picker; slots come in the order of `paths`, which must be distinct.
    pub fn new(paths: Vec<String>) -> Self {
        Self {
            paths,
            shape: Vec::new(),
            relearned: 0,
        }
    }

    fn wants(&self, key: &str) -> Wants {
        let hits: Vec<(usize, Option<String>)> = self
            .paths
            .iter()
            .enumerate()
            .filter_map(|(index, path)| {
                let rest = path.strip_prefix(key)?;
                match rest.strip_prefix('.') {
                    Some(rest) => Some((index, Some(rest.to_owned()))),
                    None => rest.is_empty().then_some((index, None)),
                }
            })
            .collect();
        match hits.as_slice() {
            [] => Wants::Nothing,
            [(one, None)] => Wants::Whole(*one),
            _ => Wants::Several(hits),
        }
    }

    /// Returns the top-level keys of the last line of a new shape, for a check of names.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.shape.iter().map(|known| known.key.as_str())
    }

    /// Fills `slots` from one line; true when its keys differ from the last line's and are remembered now.
    ///
    /// # Errors
    /// The first [`super::Fault`] with its offset.
    pub fn pick<'a>(
        &mut self,
        line: &'a [u8],
        slots: &mut Vec<Slot<'a>>,
    ) -> Result<bool, JsonError> {
        slots.clear();
        slots.resize(self.paths.len(), Slot::Absent);
        let mut scanner = Scanner::new(super::text(line)?);
        scanner.expect_object()?;
        let mut new = false;
        if !scanner.open(b'}')? {
            let strange = self.members(&mut scanner, slots)?;
            scanner.close();
            if let Some(shape) = strange
                && self.relearned < Self::RELEARN_LIMIT
            {
                self.shape = shape;
                self.relearned += 1;
                new = true;
            }
        }
        scanner.end()?;
        Ok(new)
    }

    /// Reads the members; returns the line's own shape when it is not the remembered one.
    fn members<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        slots: &mut [Slot<'a>],
    ) -> Result<Option<Vec<ShapeKey>>, JsonError> {
        let mut index = 0;
        let mut strange: Option<(Seen<'_>, Vec<ShapeKey>)> = None;
        loop {
            scanner.peek();
            let known = self.shape.get(index).filter(|known| {
                strange.is_none() && !known.raw.is_empty() && scanner.rest_starts_with(&known.raw)
            });
            if let Some(known) = known {
                scanner.at += known.raw.len();
                scanner.colon()?;
                self.store(scanner, &known.wants, slots)?;
            } else {
                let (seen, shape) = strange.get_or_insert_with(|| self.seen_so_far(index));
                let start = scanner.at;
                let (key, _) = scanner.key()?;
                let width = scanner.at - start;
                let wants = match self.shape.iter().find(|known| known.key == key) {
                    Some(known) => known.wants.clone(),
                    None => self.wants(&key),
                };
                if self.relearned < Self::RELEARN_LIMIT && shape.len() < 256 {
                    let raw = if width == key.len() + 2 {
                        format!("\"{key}\"").into_bytes()
                    } else {
                        Vec::new()
                    };
                    shape.push(ShapeKey {
                        key: key.clone().into_owned(),
                        raw,
                        wants: wants.clone(),
                    });
                }
                if let Err(key) = seen.insert(key) {
                    return scanner.duplicate(key, start);
                }
                scanner.colon()?;
                self.store(scanner, &wants, slots)?;
            }
            index += 1;
            if !scanner.more(b'}')? {
                break;
            }
        }
        Ok(strange.map(|(_, shape)| shape))
    }

    fn seen_so_far(&self, index: usize) -> (Seen<'_>, Vec<ShapeKey>) {
        let mut seen = Seen::default();
        let same = &self.shape[..index.min(self.shape.len())];
        for known in same {
            // Keys of a remembered shape are distinct.
            let _ = seen.insert(Cow::Borrowed(known.key.as_str()));
        }
        let learning = self.relearned < Self::RELEARN_LIMIT;
        (seen, if learning { same.to_vec() } else { Vec::new() })
    }

    fn store<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        wants: &Wants,
        slots: &mut [Slot<'a>],
    ) -> Result<(), JsonError> {
        match wants {
            Wants::Nothing => scanner.skip(),
            Wants::Whole(index) => {
                slots[*index] = match scanner.peek() {
                    b'"' => Slot::Text(scanner.string()?),
                    b'-' | b'0'..=b'9' => Slot::Number(scanner.checked_number()?),
                    b'{' | b'[' => Slot::Tree(scanner.value()?),
                    _ => match scanner.word()? {
                        Value::Bool(bool) => Slot::Bool(bool),
                        _ => Slot::Null,
                    },
                };
                Ok(())
            }
            Wants::Several(indexes) => {
                let value = scanner.value()?;
                for (index, rest) in indexes {
                    match rest {
                        None => slots[*index] = Slot::Tree(value.clone()),
                        // A key that itself holds the dots wins over a nested one.
                        Some(rest) if slots[*index] == Slot::Absent => {
                            if let Some(inner) = value.as_object().and_then(|map| lookup(map, rest))
                            {
                                slots[*index] = Slot::Tree(inner.clone());
                            }
                        }
                        Some(_) => {}
                    }
                }
                Ok(())
            }
        }
    }
}
