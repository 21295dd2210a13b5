//! Ids of examples: those of the page where it asks the same, else the tool's, else the question and a mark.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::pair::{By, Known};
use super::{Case, name, slug};
use crate::digest::Digest;
use crate::problem::{Location, Problem};

/// Characters of a mark: long enough that two marks are never the same, and no id depends on which row comes first.
const MARK_CHARS: usize = 12;

/// Gives examples their ids.
pub(super) struct Namer<'k> {
    by_id: BTreeMap<&'k str, &'k Known>,
    by_input: BTreeMap<String, Option<&'k Known>>,
    taken: BTreeSet<String>,
}

impl<'k> Namer<'k> {
    pub(super) fn new(known: &'k [Known]) -> Self {
        let mut by_input: BTreeMap<String, Option<&Known>> = BTreeMap::new();
        for one in known.iter().filter(|one| !one.input.is_null()) {
            let seen = by_input.entry(question(&one.input));
            // Two examples of the page with one question: neither is meant by it alone.
            seen.and_modify(|known| *known = None).or_insert(Some(one));
        }
        Self {
            by_id: known.iter().map(|one| (one.id.as_str(), one)).collect(),
            by_input,
            taken: BTreeSet::new(),
        }
    }

    pub(super) fn id(
        &mut self,
        key: &str,
        by: By,
        case: &Case,
        file: &str,
        at: &str,
        problems: &mut Vec<Problem>,
    ) -> (String, bool) {
        if by != By::Content
            && let Some(known) = self.by_id.get(key).copied()
        {
            if by == By::Tool
                && !known.input.is_null()
                && question(&known.input) != question(&case.input)
            {
                let what = format!(
                    "`{}` is another question here ({at}) than in the page's examples",
                    name(key)
                );
                problems.push(
                    Problem::error("other-question", Location::file(file), what)
                        .why("answers to two questions would be compared")
                        .instead("--key content, to match by what was asked"),
                );
            }
            if self.taken.insert(known.id.clone()) {
                return (known.id.clone(), true);
            }
        }
        let same = self.by_input.get(&question(&case.input)).copied().flatten();
        if let Some(known) = same.filter(|_| !case.input.is_null() && case.input != "")
            && self.taken.insert(known.id.clone())
        {
            return (known.id.clone(), true);
        }
        (self.new_id(key, by, case), false)
    }

    fn new_id(&mut self, key: &str, by: By, case: &Case) -> String {
        let mark = Digest::of(key.as_bytes()).hex()[..MARK_CHARS].to_owned();
        let plain = name(key);
        let mut id = match by {
            By::Content => {
                let said = match &case.input {
                    Value::String(text) => slug(text, 40),
                    other => slug(&other.to_string(), 40),
                };
                format!("{}-{mark}", if said.is_empty() { "case" } else { &said })
            }
            _ if plain == key => plain,
            _ => format!("{}-{mark}", slug(key, 60)),
        };
        let mut number = 1;
        let bare = id.clone();
        while self.by_id.contains_key(id.as_str()) || !self.taken.insert(id.clone()) {
            number += 1;
            id = format!("{bare}-{number}");
        }
        id
    }
}

/// Hashes what was asked. White space at the ends makes no other question.
pub(super) fn question(value: &Value) -> String {
    match value {
        Value::String(text) => Digest::of_json(&text.trim()).hex(),
        other => Digest::of_json(other).hex(),
    }
}
