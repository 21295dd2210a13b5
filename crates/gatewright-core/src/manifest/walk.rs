//! Walks the page's tree: expects, reports, and remembers where each key stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::{Content, Key, Node};
use super::quantity::NotAQuantity;
use crate::problem::{Location, Problem, nearest};

/// Longest name of a task, class, owner, criterion, rule, dimension or value, in characters.
const NAME_LIMIT: usize = 120;

/// What is wrong so far, and where each key stands.
pub(super) struct Walk<'p> {
    file: Arc<str>,
    problems: &'p mut Vec<Problem>,
    pub(super) spans: BTreeMap<String, Location>,
}

/// A mapping with known keys.
pub(super) struct Fields<'n> {
    pub(super) path: String,
    place: (u32, u32),
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// Returns the value under a key; one that is written and empty counts as absent.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(known, _)| known.text == key)
            .map(|(_, node)| node)
            .filter(|node| !node.is_empty())
    }

    /// Says whether a key is written, be it empty.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(known, _)| known.text == key)
    }

    /// Returns all entries in page order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'n Key, &'n Node)> + use<'n> {
        self.entries.iter().map(|(key, node)| (key, node))
    }

    /// Returns the path of a key.
    pub(super) fn at(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

/// Joins a path and a key.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

impl<'p> Walk<'p> {
    pub(super) fn new(file: &Arc<str>, problems: &'p mut Vec<Problem>) -> Self {
        Self {
            file: file.clone(),
            problems,
            spans: BTreeMap::new(),
        }
    }

    pub(super) fn location(&self, place: (u32, u32)) -> Location {
        Location::new(&self.file, place.0, place.1)
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Reports an error at a node.
    pub(super) fn error(
        &mut self,
        node: &Node,
        code: &'static str,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let at = self.location(node.place);
        self.push(Problem::error(code, at, what).instead(instead));
    }

    /// Reports an error at a mapping.
    pub(super) fn error_in(
        &mut self,
        fields: &Fields<'_>,
        code: &'static str,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let at = self.location(fields.place);
        self.push(Problem::error(code, at, what).instead(instead));
    }

    fn wrong_kind(&mut self, node: &Node, path: &str, wanted: &str) {
        let what = format!("`{path}` is {}, where {wanted} is expected", node.kind());
        self.error(node, "wrong-kind", what, format!("write {wanted}"));
    }

    /// Remembers where a path stands: a text at its own place, a collection at its key.
    fn mark(&mut self, path: String, key: Option<(u32, u32)>, node: &Node) {
        let place = match (&node.content, key) {
            (Content::Scalar { .. }, _) | (_, None) if !node.is_empty() => node.place,
            (_, key) => key.unwrap_or(node.place),
        };
        let location = self.location(place);
        self.spans.entry(path).or_insert(location);
    }

    /// Expects a mapping whose keys are all known.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let fields = self.open_fields(node, path)?;
        for (key, _) in fields.entries() {
            if !known.contains(&key.text.as_str()) {
                self.unknown_key(key, path, known);
            }
        }
        Some(fields)
    }

    /// Expects a mapping with keys of the team's own.
    pub(super) fn open_fields<'n>(&mut self, node: &'n Node, path: &str) -> Option<Fields<'n>> {
        let Content::Map(entries) = &node.content else {
            self.wrong_kind(
                node,
                if path.is_empty() { "the page" } else { path },
                "a mapping (`key: value`)",
            );
            return None;
        };
        for (key, value) in entries {
            self.mark(join(path, &key.text), Some(key.place), value);
        }
        Some(Fields {
            path: path.to_owned(),
            place: node.place,
            entries,
        })
    }

    /// Reports a key that nothing reads.
    pub(super) fn unknown_key(&mut self, key: &Key, path: &str, known: &[&str]) {
        let place = if path.is_empty() { "the page" } else { path };
        let problem = Problem::error(
            "unknown-key",
            self.location(key.place),
            format!("`{}` is no key of `{place}`", key.text),
        )
        .why("a key that nothing reads would be a rule that nobody applies")
        .instead(match nearest(&key.text, known.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None if key.text == "<<" => "write the keys out: merge keys are not read".to_owned(),
            None => format!("one of {}", known.join(", ")),
        });
        self.push(problem);
    }

    /// Expects a text.
    pub(super) fn text<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n str> {
        match &node.content {
            Content::Scalar { text, .. } if !node.is_empty() => Some(text),
            _ => {
                self.wrong_kind(node, path, "a text");
                None
            }
        }
    }

    /// Reads the text under a key, if it is written.
    pub(super) fn text_at<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n str> {
        self.text(fields.get(key)?, &fields.at(key))
    }

    /// Expects a list, or one value as a list of one.
    pub(super) fn list<'n>(&mut self, node: &'n Node, path: &str) -> &'n [Node] {
        match &node.content {
            Content::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.mark(format!("{path}[{index}]"), None, item);
                }
                items
            }
            _ if node.is_empty() => &[],
            _ => std::slice::from_ref(node),
        }
    }

    /// Reads the list under a key; absent means empty.
    pub(super) fn list_at<'n>(&mut self, fields: &Fields<'n>, key: &str) -> &'n [Node] {
        match fields.get(key) {
            Some(node) => self.list(node, &fields.at(key)),
            None => &[],
        }
    }

    /// Reads texts: one, or a list. An unquoted `null` reads as the text `null`.
    pub(super) fn texts(&mut self, node: &Node, path: &str) -> Vec<String> {
        if node.is_empty() {
            return vec!["null".to_owned()];
        }
        let mut texts = Vec::new();
        for item in self.list(node, path) {
            if item.is_empty() {
                texts.push("null".to_owned());
            } else if let Some(text) = self.text(item, path) {
                texts.push(text.to_owned());
            }
        }
        texts
    }

    /// Reads the texts under a key; absent means none.
    pub(super) fn texts_at(&mut self, fields: &Fields<'_>, key: &str) -> Vec<String> {
        match fields.get(key) {
            Some(node) => self.texts(node, &fields.at(key)),
            None => Vec::new(),
        }
    }

    /// Reads `true` or `false` under a key.
    pub(super) fn flag_at(&mut self, fields: &Fields<'_>, key: &str, default: bool) -> bool {
        let Some(node) = fields.get(key) else {
            return default;
        };
        match &node.content {
            Content::Scalar { text, plain: true } if text == "true" => true,
            Content::Scalar { text, plain: true } if text == "false" => false,
            _ => {
                let what = format!("`{}` is neither true nor false", fields.at(key));
                self.error(node, "wrong-kind", what, "write `true` or `false`");
                default
            }
        }
    }

    /// Reads one of a few words under a key.
    pub(super) fn word_at<T: Copy>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let node = fields.get(key)?;
        self.word(node, &fields.at(key), words)
    }

    /// Expects one of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        node: &Node,
        path: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(node, path)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            let instead = match nearest(text, known.clone()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("one of {}", known.collect::<Vec<_>>().join(", ")),
            };
            let what = format!("`{text}` is not known as `{path}`");
            self.error(node, "unknown-word", what, instead);
        }
        found.map(|(_, value)| *value)
    }

    /// Reads a quantity under a key.
    pub(super) fn quantity_at<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        read: impl Fn(&str) -> Result<T, NotAQuantity>,
    ) -> Option<T> {
        let node = fields.get(key)?;
        self.quantity(node, &fields.at(key), read)
    }

    /// Expects a quantity.
    pub(super) fn quantity<T>(
        &mut self,
        node: &Node,
        path: &str,
        read: impl Fn(&str) -> Result<T, NotAQuantity>,
    ) -> Option<T> {
        match read(self.text(node, path)?) {
            Ok(value) => Some(value),
            Err(NotAQuantity { what, instead }) => {
                let what = format!("`{path}`: {what}");
                self.error(node, "bad-quantity", what, format!("write {instead}"));
                None
            }
        }
    }

    /// Reads a whole number in a range under a key.
    pub(super) fn count_at(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let count = self.quantity_at(fields, key, super::quantity::whole)?;
        if range.contains(&count) {
            return Some(count);
        }
        let node = fields.get(key)?;
        let what = format!("`{}` is {count}", fields.at(key));
        let instead = format!("from {} to {}", range.start(), range.end());
        self.error(node, "out-of-range", what, instead);
        None
    }

    /// Checks a name that files and reports use.
    pub(super) fn name(&mut self, place: (u32, u32), name: &str, what: &str) -> bool {
        let good = !name.trim().is_empty()
            && name.trim() == name
            && name.chars().count() <= NAME_LIMIT
            && !name.chars().any(char::is_control);
        if !good {
            let shown: String = name.chars().take(40).collect();
            let problem = Problem::error(
                "bad-name",
                self.location(place),
                format!("{shown:?} cannot name {what}"),
            )
            .instead(format!("at most {NAME_LIMIT} characters, none of them a control character, no space at the ends"));
            self.push(problem);
        }
        good
    }

    /// Checks a name that rules and paths on the page use: letters, digits, `-` and `_`.
    pub(super) fn identifier(&mut self, place: (u32, u32), name: &str, what: &str) -> bool {
        if !self.name(place, name, what) {
            return false;
        }
        let good = name
            .chars()
            .all(|it| it.is_alphanumeric() || matches!(it, '-' | '_'));
        if !good {
            let problem = Problem::error(
                "bad-name",
                self.location(place),
                format!("`{name}` cannot name {what}"),
            )
            .instead("letters, digits, `-` and `_`");
            self.push(problem);
        }
        good
    }
}
