//! One row of a file under reading: what it says under our names, and what is wrong with it, at the member where it is wrong.

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Map, Value};

use super::Source;
use crate::json::Collector;
use crate::problem::{Location, Problem};

/// A row, read through the field map of its source.
pub(crate) struct Row<'a, 'c, 'p> {
    pub(crate) source: &'a Source,
    /// What stands in the file.
    pub(crate) map: &'a Map<String, Value>,
    pub(crate) at: Location,
    /// Something is wrong with it: it counts for nothing.
    pub(crate) broken: bool,
    problems: &'c mut Collector<'p>,
    /// The row is of our own format, nothing is fixed by the page, and no key of it holds a dot: a path means what it says.
    plain: bool,
    /// The member that was looked at last: what is wrong is wrong there.
    looked: Cell<&'static str>,
}

impl<'a, 'c, 'p> Row<'a, 'c, 'p> {
    pub(crate) fn new(
        source: &'a Source,
        map: &'a Map<String, Value>,
        at: Location,
        problems: &'c mut Collector<'p>,
    ) -> Self {
        let plain = !source.is_foreign()
            && source.set.is_empty()
            && !map.keys().any(|key| key.contains('.'));
        Self {
            source,
            map,
            at,
            broken: false,
            problems,
            plain,
            looked: Cell::new(""),
        }
    }

    /// Returns what the row says under a name of ours.
    pub(crate) fn get(&self, ours: &'static str) -> Option<&'a Value> {
        self.look_at(ours);
        if !self.plain {
            return self.source.get(self.map, ours);
        }
        // The same in fewer steps: rows are looked into some thirty times each.
        let value = match ours.bytes().position(|byte| byte == b'.') {
            None => self.map.get(ours),
            Some(dot) => self
                .map
                .get(&ours[..dot])?
                .as_object()?
                .get(&ours[dot + 1..]),
        };
        value.filter(|value| !value.is_null())
    }

    /// Says which member is looked at, where it is not got by [`Row::get`].
    pub(crate) fn look_at(&self, ours: &'static str) {
        self.looked.set(ours);
    }

    /// Reports what is wrong with the member that was looked at last.
    pub(crate) fn error(&mut self, code: &'static str, what: String, instead: impl Into<String>) {
        let ours = self.looked.get();
        let theirs = self.source.map.get(ours).cloned();
        let member = theirs.map_or(Cow::Borrowed(ours), Cow::Owned);
        self.error_at(member, code, what, instead);
    }

    /// Reports what is wrong with a member by its name in the file.
    pub(crate) fn error_at(
        &mut self,
        member: Cow<'static, str>,
        code: &'static str,
        what: String,
        instead: impl Into<String>,
    ) {
        self.broken = true;
        let problem = Problem::error(code, self.at.clone(), what).instead(instead);
        self.problems.push_member(member, problem);
    }
}
