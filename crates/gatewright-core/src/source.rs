//! Files that other tools wrote, read through one field map for references, outputs and labels alike.

use std::collections::BTreeMap;

use serde_json::Value;

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
            at,
        }
    }
}
