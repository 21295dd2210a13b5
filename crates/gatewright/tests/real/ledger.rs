//! The figures that were checked against an `expected.json`, and those that were not.

use std::collections::BTreeSet;

use serde_json::Value;

/// Compares computed figures with the file's, by JSON pointer, and keeps count.
pub(crate) struct Ledger {
    set: &'static str,
    expected: Value,
    seen: BTreeSet<String>,
    further: usize,
    wrong: Vec<String>,
}

/// One line of the table at the end.
pub(crate) struct Row {
    /// The set.
    pub(crate) set: &'static str,
    /// Figures in the file (numbers).
    pub(crate) in_file: usize,
    /// Figures of the file that were computed and compared.
    pub(crate) checked: usize,
    /// Figures that stand only in the set's description and were compared too.
    pub(crate) further: usize,
    /// Figures that differ.
    pub(crate) wrong: Vec<String>,
    /// Groups of figures that nothing here computes.
    pub(crate) left: Vec<String>,
}

impl Ledger {
    /// Opens the set's `expected.json`.
    pub(crate) fn open(set: &'static str, data: &std::path::Path) -> Self {
        let file = data.join(set).join("expected.json");
        let bytes =
            std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let expected = serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self {
            set,
            expected,
            seen: BTreeSet::new(),
            further: 0,
            wrong: Vec::new(),
        }
    }

    /// Returns a value of the file without counting it.
    pub(crate) fn peek(&self, pointer: &str) -> &Value {
        self.expected
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{}: no `{pointer}` in expected.json", self.set))
    }

    /// Says whether the file has a value.
    pub(crate) fn has(&self, pointer: &str) -> bool {
        self.expected.pointer(pointer).is_some()
    }

    /// Returns the keys of an object of the file.
    pub(crate) fn keys(&self, pointer: &str) -> Vec<String> {
        self.peek(pointer)
            .as_object()
            .unwrap_or_else(|| panic!("{}: `{pointer}` is no object", self.set))
            .keys()
            .cloned()
            .collect()
    }

    /// Compares a count.
    pub(crate) fn count(&mut self, pointer: &str, ours: u64) {
        self.figure(pointer, ours as f64, 0.0);
    }

    /// Compares a number that the file rounds to `digits` decimals.
    pub(crate) fn rounded(&mut self, pointer: &str, ours: f64, digits: i32) {
        self.figure(pointer, ours, 0.5 * 10_f64.powi(-digits) * (1.0 + 1e-6));
    }

    /// Compares a number that the file has in full, to a relative 1e-9.
    pub(crate) fn full(&mut self, pointer: &str, ours: f64) {
        let theirs = self.peek(pointer).as_f64().unwrap_or(f64::NAN);
        self.figure(pointer, ours, theirs.abs() * 1e-9);
    }

    fn figure(&mut self, pointer: &str, ours: f64, tolerance: f64) {
        let theirs = self.peek(pointer).as_f64().unwrap_or(f64::NAN);
        assert!(
            self.seen.insert(pointer.to_owned()),
            "{}: `{pointer}` was compared twice",
            self.set
        );
        let apart = (ours - theirs).abs();
        if apart.is_nan() || apart > tolerance {
            self.wrong
                .push(format!("{pointer}: expected {theirs}, found {ours}"));
        }
    }

    /// Compares a figure that only the set's description has.
    pub(crate) fn described<T: Copy + PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        ours: T,
        theirs: T,
    ) {
        self.further += 1;
        if ours != theirs {
            self.wrong
                .push(format!("{what}: expected {theirs:?}, found {ours:?}"));
        }
    }

    /// Closes the set's account.
    pub(crate) fn close(self) -> Row {
        let mut all = Vec::new();
        numbers(&self.expected, String::new(), &mut all);
        let left: BTreeSet<String> = all
            .iter()
            .filter(|pointer| !self.seen.contains(*pointer))
            .map(|pointer| group(pointer))
            .collect();
        Row {
            set: self.set,
            in_file: all.len(),
            checked: self.seen.len(),
            further: self.further,
            wrong: self.wrong,
            left: left.into_iter().collect(),
        }
    }
}

/// Pointers of all numbers below a value.
fn numbers(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Number(_) => into.push(at),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                numbers(item, format!("{at}/{index}"), into);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                numbers(item, format!("{at}/{}", escaped(key)), into);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A key as a JSON pointer writes it.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What kind of figure a pointer names.
fn group(pointer: &str) -> String {
    let kinds = [
        ("kappa", "kappa"),
        ("alpha", "Krippendorff's alpha"),
        ("wald95", "Wald interval"),
        ("macro_", "macro precision, recall and F1"),
        ("spearman", "Spearman correlation"),
    ];
    kinds
        .iter()
        .find(|(part, _)| pointer.contains(part))
        .map_or_else(|| pointer.to_owned(), |(_, words)| (*words).to_owned())
}
