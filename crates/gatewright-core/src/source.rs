//! Files that other tools wrote, read through one field map for references, outputs and labels alike.

mod row;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(crate) use self::row::Row;
use crate::json::{lookup, scalar_text};
use crate::manifest::Kind;
use crate::problem::Location;

/// A file (or glob) and how its fields become ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Path inside the project, or `ROOT:path` under a root given by `--root ROOT=DIR`. May hold `*` in the last part.
    pub file: String,
    /// Our field (dotted: `expect.behaviour`, `segments.label`, `fields.claims`) to theirs (dotted path). Unmapped fields keep their own names where
    /// the name is ours; everything else is left out unless mapped.
    pub map: BTreeMap<String, String>,
    /// Our field to a fixed value.
    pub set: BTreeMap<String, Value>,
    /// Their field to accepted values (compared as text; numbers and booleans by their JSON form): rows that do not match are left out.
    pub filter: Vec<(String, Vec<String>)>,
    /// Fixed provenance kind for every row.
    pub kind: Option<Kind>,
    /// Fixed provenance reference for every row.
    pub reference: Option<String>,
    /// The input is declared withheld: it exists and may not be shown.
    pub withheld: bool,
    /// How many trials of each example there should be, of outputs and labels: those that are not there are missing.
    pub trials: Option<u32>,
    /// Where the page says so.
    pub at: Location,
}

impl Source {
    /// Makes a source of our own format.
    pub fn plain(file: impl Into<String>, at: Location) -> Self {
        Self {
            file: file.into(),
            map: BTreeMap::new(),
            set: BTreeMap::new(),
            filter: Vec::new(),
            kind: None,
            reference: None,
            withheld: false,
            trials: None,
            at,
        }
    }
}

impl Source {
    /// Says whether the source reads a file that another tool wrote.
    pub fn is_foreign(&self) -> bool {
        !self.map.is_empty()
    }

    /// Says whether a row passes `where`.
    pub fn admits(&self, row: &Map<String, Value>) -> bool {
        self.filter.iter().all(|(field, accepted)| {
            let value = lookup(row, field);
            let text = match value {
                Some(Value::Null) => Some("null".into()),
                other => other.and_then(scalar_text),
            };
            text.is_some_and(|text| accepted.iter().any(|one| *one == text))
        })
    }

    /// Returns one of our fields of a row: the fixed value, else the mapped one, else the one of our name. Null counts as absent.
    pub fn get<'r>(&'r self, row: &'r Map<String, Value>, ours: &str) -> Option<&'r Value> {
        let value = match (self.set.get(ours), self.map.get(ours)) {
            (Some(fixed), _) => Some(fixed),
            (None, Some(theirs)) => lookup(row, theirs),
            (None, None) => lookup(row, ours),
        };
        value.filter(|value| !value.is_null())
    }

    /// Says whether the page itself maps or sets one of our fields.
    pub fn names(&self, ours: &str) -> bool {
        self.map.contains_key(ours) || self.set.contains_key(ours)
    }

    /// Returns the members of one of our open-ended fields (`segments`, `fields`, `context`): the row's own object and everything mapped to `PREFIX.NAME`.
    ///
    /// # Errors
    /// The value, when the row's own field of that name is no object.
    pub fn members<'r>(
        &'r self,
        row: &'r Map<String, Value>,
        prefix: &str,
    ) -> Result<BTreeMap<&'r str, &'r Value>, &'r Value> {
        let mut members = BTreeMap::new();
        match self.get(row, prefix) {
            Some(Value::Object(own)) => {
                members.extend(own.iter().map(|(name, value)| (name.as_str(), value)));
            }
            Some(other) => return Err(other),
            None => {}
        }
        let below = |key: &'r String| key.strip_prefix(prefix)?.strip_prefix('.');
        for (key, theirs) in &self.map {
            if let (Some(name), Some(value)) = (below(key), lookup(row, theirs)) {
                members.insert(name, value);
            }
        }
        for (key, value) in &self.set {
            if let Some(name) = below(key) {
                members.insert(name, value);
            }
        }
        members.retain(|_, value| !value.is_null());
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_set_where_and_own_names() {
        let mut source = Source::plain("x.jsonl", Location::default());
        source
            .map
            .insert("segments.size".into(), "meta.size".into());
        source.map.insert("id".into(), "key".into());
        source.set.insert("system".into(), "v2".into());
        source
            .filter
            .push(("criterion".into(), vec!["3".into(), "4".into()]));
        let row = crate::json::parse_object(
            br#"{"key":7,"id":"theirs","input":"hi","criterion":3,"meta":{"size":"7b"},"segments":{"a":"x","b":null}}"#,
        )
        .expect("valid");
        assert!(source.admits(&row));
        assert_eq!(source.get(&row, "id"), Some(&Value::from(7)));
        assert_eq!(source.get(&row, "input"), Some(&Value::from("hi")));
        assert_eq!(source.get(&row, "system"), Some(&Value::from("v2")));
        let members = source.members(&row, "segments").expect("an object");
        assert_eq!(members.keys().copied().collect::<Vec<_>>(), ["a", "size"]);
        source.filter[0].1 = vec!["5".into()];
        assert!(!source.admits(&row));
    }
}
