//! Segments: which examples a value of a dimension takes, by field or by expression.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::json::{lookup, scalar_text};
use crate::manifest::{Dimension, Manifest, Matcher};
use crate::pattern;
use crate::problem::{Problem, nearest};
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

/// Says whether an example has one of the accepted values in every dimension or field named (`where`, `when`, `applies_to`).
pub fn matches(
    manifest: &Manifest,
    reference: &ReferenceSet,
    example: u32,
    conditions: &[(String, Vec<String>)],
) -> bool {
    conditions.iter().all(|(name, accepted)| {
        let value = match manifest.dimension(name) {
            Some((dimension, _)) => reference.value(dimension, example).map(Cow::from),
            None => reference
                .examples
                .get(example as usize)
                .and_then(|example| field_text(example, name)),
        };
        value.is_some_and(|value| accepted.iter().any(|one| *one == value))
    })
}

/// For each dimension, the values that occur; and for each dimension and example, the index of its value.
pub(crate) type Assignment = (Vec<Vec<String>>, Vec<Vec<u16>>);

/// Assigns every example to the values of every dimension. What an example says itself wins over expressions; of those, the first in page order.
pub(crate) fn assign(
    manifest: &Manifest,
    examples: &[Example],
    problems: &mut Vec<Problem>,
) -> Assignment {
    let names: BTreeSet<&str> = manifest
        .dimensions
        .iter()
        .map(|dimension| dimension.name.as_str())
        .collect();
    unknown_dimensions(&names, examples, problems);
    manifest
        .dimensions
        .iter()
        .map(|dimension| assign_one(manifest, dimension, examples, problems))
        .unzip()
}

fn unknown_dimensions(names: &BTreeSet<&str>, examples: &[Example], problems: &mut Vec<Problem>) {
    let mut reported = BTreeSet::new();
    for example in examples {
        for name in example.segments.dimensions() {
            if !names.contains(name) && reported.insert(name) {
                let what = format!("`{name}` is no dimension of the page");
                let hint = nearest(name, names.iter().copied());
                problems.push(
                    Problem::suggestion("unknown-dimension", example.at.clone(), what)
                        .why("nothing is reported by it")
                        .instead(match hint {
                            Some(known) => format!("did you mean `{known}`?"),
                            None => format!("add `{name}: {{}}` under `segments`"),
                        }),
                );
            }
        }
    }
}

/// A matcher ready for use; its place is its value's index on the page.
enum Ready<'m> {
    Field,
    Input(Regex),
    FieldIn(&'m str, &'m [String]),
    Rest,
    Broken,
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

fn assign_one(
    manifest: &Manifest,
    dimension: &Dimension,
    examples: &[Example],
    problems: &mut Vec<Problem>,
) -> (Vec<String>, Vec<u16>) {
    let ready = ready(manifest, dimension, problems);
    let tasks = (dimension.name == "task").then(|| manifest.tasks.keys());
    let mut declared: Vec<&str> = dimension.values.iter().map(|it| it.name.as_str()).collect();
    if declared.is_empty() {
        declared.extend(tasks.into_iter().flatten().map(String::as_str));
    }
    let mut undeclared: BTreeMap<&str, usize> = BTreeMap::new();
    let chosen: Vec<Option<&str>> = examples
        .iter()
        .map(|example| {
            if let Some(own) = example.segments.get(&dimension.name) {
                if !declared.is_empty() && !declared.contains(&own) {
                    let seen = undeclared.entry(own).or_default();
                    *seen += 1;
                    if *seen == 1 {
                        problems.push(undeclared_value(dimension, own, &declared, example));
                    }
                    return None;
                }
                return Some(own);
            }
            let found = ready.iter().position(|matcher| takes(matcher, example))?;
            Some(dimension.values[found].name.as_str())
        })
        .collect();
    let occurring: BTreeSet<&str> = chosen.iter().copied().flatten().collect();
    let mut values: Vec<&str> = declared
        .iter()
        .copied()
        .filter(|value| occurring.contains(value))
        .collect();
    let further: Vec<&str> = occurring
        .into_iter()
        .filter(|value| !declared.contains(value))
        .collect();
    values.extend(further);
    if values.len() >= usize::from(ReferenceSet::NO_VALUE) {
        let what = format!("`{}` has {} values", dimension.name, values.len());
        let at = manifest.at(&format!("segments.{}", dimension.name));
        problems.push(
            Problem::error("too-many-values", at, what)
                .instead("fewer than 65,535 values, by expression"),
        );
        values.truncate(usize::from(ReferenceSet::NO_VALUE) - 1);
    }
    let index: BTreeMap<&str, u16> = values.iter().copied().zip(0..).collect();
    let assigned = chosen
        .iter()
        .map(|value| {
            value
                .and_then(|value| index.get(value).copied())
                .unwrap_or(ReferenceSet::NO_VALUE)
        })
        .collect();
    (values.into_iter().map(str::to_owned).collect(), assigned)
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

fn undeclared_value(
    dimension: &Dimension,
    own: &str,
    declared: &[&str],
    example: &Example,
) -> Problem {
    let place = if dimension.name == "task" {
        "tasks"
    } else {
        "segments"
    };
    let what = format!("`{own}` is no value of `{}` on the page", dimension.name);
    Problem::error("undeclared-value", example.at.clone(), what)
        .why("its examples would be in no segment")
        .instead(match nearest(own, declared.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("one of {}, or add it under `{place}`", declared.join(", ")),
        })
}
