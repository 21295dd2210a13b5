//! Segments: which examples a value of a dimension takes, by field or by expression.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;

use crate::json::{lookup, scalar_text};
use crate::manifest::{Dimension, Manifest, Matcher};
use crate::pattern;
use crate::problem::{Location, Problem, nearest};
use crate::reference::{Design, Example, Input, ReferenceSet};

/// Returns a field of an example as text: `id`, `input`, `cluster`, `stratum`, `expect.behaviour`, `expect.answer`,
/// `provenance.kind|ref|by|added`, `segments.NAME`, `context.PATH`, `fields.PATH`; any other path is looked up in `fields`, then in `context`.
pub fn field_text<'e>(example: &'e Example, path: &str) -> Option<Cow<'e, str>> {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    let own = match (head, rest) {
        ("id", "") => Some(example.id.as_str().into()),
        ("input", "") if example.input != Input::Withheld => Some(example.input.text()),
        ("cluster", "") => example.cluster.as_deref().map(Cow::from),
        ("stratum", "") => match &example.design {
            Design::Sampled { stratum, .. } => stratum.as_deref().map(Cow::from),
            Design::Purposive => None,
        },
        ("expect", "behaviour") => example.expect.behaviour.map(|it| it.word().into()),
        ("expect", "answer") => example.expect.answer.as_ref().and_then(scalar_text),
        ("provenance", "kind") => Some(example.provenance.kind.word().into()),
        ("provenance", "ref") => example.provenance.reference.as_deref().map(Cow::from),
        ("provenance", "by") => example.provenance.by.as_deref().map(Cow::from),
        ("provenance", "added") => example.provenance.added.as_deref().map(Cow::from),
        ("segments", name) => example.segments.get(name).map(Into::into),
        ("context", path) => lookup(&example.context, path).and_then(scalar_text),
        ("fields", path) => lookup(&example.fields, path).and_then(scalar_text),
        _ => None,
    };
    own.or_else(|| lookup(&example.fields, path).and_then(scalar_text))
        .or_else(|| lookup(&example.context, path).and_then(scalar_text))
}

/// Says whether an example has one of the accepted values in every dimension that is named (`where`, `when`, `applies_to`). Names that are no
/// dimension are fields of the example, which [`has_fields`] looks at.
pub(crate) fn is_in(
    manifest: &Manifest,
    reference: &ReferenceSet,
    example: u32,
    conditions: &[(String, Vec<String>)],
) -> bool {
    conditions.iter().all(|(name, accepted)| {
        manifest.dimension(name).is_none_or(|(dimension, _)| {
            let value = reference.value(dimension, example);
            value.is_some_and(|value| accepted.iter().any(|one| one == value))
        })
    })
}

/// Says whether an example has one of the accepted values in every field that is named. Dimensions are what [`is_in`] looks at.
pub(crate) fn has_fields(
    dimensions: &[String],
    example: &Example,
    conditions: &[(String, Vec<String>)],
) -> bool {
    conditions.iter().all(|(name, accepted)| {
        dimensions.contains(name)
            || field_text(example, name)
                .is_some_and(|value| accepted.iter().any(|one| *one == value))
    })
}

/// The dimensions of a page, ready to be asked about examples.
pub(crate) struct Dimensions<'m> {
    manifest: &'m Manifest,
    names: BTreeSet<&'m str>,
    each: Vec<One<'m>>,
}

struct One<'m> {
    dimension: &'m Dimension,
    ready: Vec<Ready<'m>>,
    /// The values that the page lists.
    declared: Vec<&'m str>,
    /// Patterns that are none.
    problems: Vec<Problem>,
}

/// What an example has in a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing.
    None,
    /// A value that the page lists, by its place there.
    Declared(u32),
    /// Another one, which the example states.
    Stated(Box<str>),
}

/// A matcher ready for use; its place is its value's index on the page.
enum Ready<'m> {
    Field,
    Input(Regex),
    FieldIn(&'m str, &'m [String]),
    Rest,
    Broken,
}

impl<'m> Dimensions<'m> {
    pub(crate) fn new(manifest: &'m Manifest) -> Self {
        let names = manifest.dimensions.iter().map(|it| it.name.as_str());
        Self {
            manifest,
            names: names.collect(),
            each: manifest
                .dimensions
                .iter()
                .map(|dimension| One::new(manifest, dimension))
                .collect(),
        }
    }

    /// Finds what an example has in each dimension. What it says itself wins over expressions; of those, the first in page order.
    pub(crate) fn values(&self, example: &Example) -> Box<[Value]> {
        self.each.iter().map(|one| one.value(example)).collect()
    }

    /// Lists what an example states of dimensions that the page does not have.
    pub(crate) fn unknown(&self, example: &Example) -> Vec<Box<str>> {
        let stated = example.segments.dimensions();
        stated
            .filter(|name| !self.names.contains(name))
            .map(Into::into)
            .collect()
    }

    /// Says that an example states something of a dimension that the page does not have.
    pub(crate) fn unknown_dimension(&self, name: &str, at: Location) -> Problem {
        let what = format!("`{name}` is no dimension of the page");
        let hint = nearest(name, self.names.iter().copied());
        Problem::suggestion("unknown-dimension", at, what)
            .why("nothing is reported by it")
            .instead(match hint {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("add `{name}: {{}}` under `segments`"),
            })
    }

    /// Settles which values of a dimension occur, and which of them each example has.
    ///
    /// `texts` are the values that examples state and the page does not list. Each example's value is its place among those that are
    /// listed, followed by `texts`; [`Dimensions::NOTHING`] stands for none.
    pub(crate) fn settle(
        &self,
        dimension: usize,
        texts: &[Arc<str>],
        given: impl Iterator<Item = u32> + Clone,
        at: impl Fn(usize) -> Location,
        problems: &mut Vec<Problem>,
    ) -> (Vec<String>, Vec<u16>) {
        let one = &self.each[dimension];
        problems.extend(one.problems.iter().cloned());
        let known = one.declared.len();
        let mut occurs = vec![false; known + texts.len()];
        for (example, value) in given.clone().enumerate() {
            let Some(occurs) = occurs.get_mut(value as usize) else {
                continue;
            };
            let first = !std::mem::replace(occurs, true);
            if let Some(own) = (value as usize).checked_sub(known)
                && first
                && known > 0
            {
                problems.push(one.undeclared(&texts[own], at(example)));
            }
        }
        // Where the page lists values, others are none.
        let further = if known > 0 { &[] } else { texts };
        let declared = one.declared.iter().copied();
        let mut values: Vec<&str> = declared
            .zip(&occurs)
            .filter_map(|(value, occurs)| occurs.then_some(value))
            .collect();
        let own = further.iter().zip(&occurs[known..]);
        let mut own: Vec<&str> = own
            .filter_map(|(value, occurs)| occurs.then_some(&**value))
            .collect();
        own.sort_unstable();
        values.extend(own);
        if values.len() >= usize::from(ReferenceSet::NO_VALUE) {
            problems.push(one.too_many(self.manifest, values.len()));
            values.truncate(usize::from(ReferenceSet::NO_VALUE) - 1);
        }
        let index: BTreeMap<&str, u16> = values.iter().copied().zip(0..).collect();
        let names = one
            .declared
            .iter()
            .copied()
            .chain(further.iter().map(|it| &**it));
        let places: Vec<u16> = names
            .map(|name| index.get(name).copied().unwrap_or(ReferenceSet::NO_VALUE))
            .collect();
        let assigned = given.map(|value| {
            let place = places.get(value as usize);
            place.copied().unwrap_or(ReferenceSet::NO_VALUE)
        });
        let assigned = assigned.collect();
        (values.into_iter().map(str::to_owned).collect(), assigned)
    }

    /// The name of a dimension.
    pub(crate) fn name(&self, dimension: usize) -> &'m str {
        &self.each[dimension].dimension.name
    }

    /// Stands for no value.
    pub(crate) const NOTHING: u32 = u32::MAX;

    /// Returns how many values the page lists of a dimension.
    pub(crate) fn declared(&self, dimension: usize) -> u32 {
        self.each[dimension].declared.len() as u32
    }

    /// Returns how many dimensions there are.
    pub(crate) fn len(&self) -> usize {
        self.each.len()
    }
}

impl<'m> One<'m> {
    fn new(manifest: &'m Manifest, dimension: &'m Dimension) -> Self {
        let mut problems = Vec::new();
        let tasks = (dimension.name == "task").then(|| manifest.tasks.keys());
        let mut declared: Vec<&str> = dimension.values.iter().map(|it| it.name.as_str()).collect();
        if declared.is_empty() {
            declared.extend(tasks.into_iter().flatten().map(String::as_str));
        }
        Self {
            dimension,
            ready: ready(manifest, dimension, &mut problems),
            declared,
            problems,
        }
    }

    fn value(&self, example: &Example) -> Value {
        if let Some(own) = example.segments.get(&self.dimension.name) {
            return match self.declared.iter().position(|value| *value == own) {
                Some(place) => Value::Declared(place as u32),
                None => Value::Stated(own.into()),
            };
        }
        let found = self
            .ready
            .iter()
            .position(|matcher| takes(matcher, example));
        found.map_or(Value::None, |place| Value::Declared(place as u32))
    }

    fn undeclared(&self, own: &str, at: Location) -> Problem {
        let name = &self.dimension.name;
        let place = if name == "task" { "tasks" } else { "segments" };
        let declared = &self.declared;
        let what = format!("`{own}` is no value of `{name}` on the page");
        Problem::error("undeclared-value", at, what)
            .why("its examples would be in no segment")
            .instead(match nearest(own, declared.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("one of {}, or add it under `{place}`", declared.join(", ")),
            })
    }

    fn too_many(&self, manifest: &Manifest, count: usize) -> Problem {
        let name = &self.dimension.name;
        let at = manifest.at(&format!("segments.{name}"));
        let what = format!("`{name}` has {count} values");
        Problem::error("too-many-values", at, what)
            .instead("fewer than 65,535 values, by expression")
    }
}

fn ready<'m>(
    manifest: &Manifest,
    dimension: &'m Dimension,
    problems: &mut Vec<Problem>,
) -> Vec<Ready<'m>> {
    let mut each = |value: &'m crate::manifest::DimensionValue| match &value.matches {
        Matcher::Field => Ready::Field,
        Matcher::Rest => Ready::Rest,
        Matcher::FieldIn { field, values } => Ready::FieldIn(field, values),
        Matcher::InputMatches(source) => match pattern::compile(source, true) {
            Ok(regex) => Ready::Input(regex),
            Err(error) => {
                let path = format!("segments.{}.{}.input_matches", dimension.name, value.name);
                let problem = Problem::error("bad-pattern", manifest.at(&path), error.to_string());
                problems.push(problem.instead(
                    "a linear-time regular expression: no look-around, no back references",
                ));
                Ready::Broken
            }
        },
    };
    dimension.values.iter().map(&mut each).collect()
}

fn takes(matcher: &Ready<'_>, example: &Example) -> bool {
    match matcher {
        Ready::Field | Ready::Broken => false,
        Ready::Input(regex) => regex.is_match(&example.input.text()),
        Ready::FieldIn(field, values) => {
            field_text(example, field).is_some_and(|text| values.iter().any(|value| *value == text))
        }
        Ready::Rest => true,
    }
}
