//! The seal: what was agreed before the first outcome, by hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Hashes of everything that must not change between the seal and the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seal {
    /// Version of the tool that sealed.
    pub tool: String,
    /// Part (`gate`, `criteria`, `segments`, `classes`, `reference`, `labels`, `systems`, `seed`, `rubrics`, `incidents`) to hash.
    pub parts: BTreeMap<String, Digest>,
    /// Digests of the files that recorded systems and labels come from, by path as written.
    pub files: BTreeMap<String, Digest>,
    /// True when recorded outputs existed before the seal ("sealed after outputs existed").
    pub after_outputs: bool,
}

impl Seal {
    /// Names the parts and files that differ, in order.
    pub fn differences(&self, other: &Seal) -> Vec<String> {
        let mut names = Vec::new();
        let keys: std::collections::BTreeSet<&String> =
            self.parts.keys().chain(other.parts.keys()).collect();
        names.extend(
            keys.into_iter()
                .filter(|key| self.parts.get(*key) != other.parts.get(*key))
                .cloned(),
        );
        let files: std::collections::BTreeSet<&String> =
            self.files.keys().chain(other.files.keys()).collect();
        names.extend(
            files
                .into_iter()
                .filter(|key| self.files.get(*key) != other.files.get(*key))
                .cloned(),
        );
        names
    }

    /// Hashes the seal itself.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }
}
