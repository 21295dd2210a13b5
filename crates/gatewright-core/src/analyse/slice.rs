//! Slices: which examples a rule or a table row is about.

use std::collections::BTreeSet;

use crate::analyse::Slice;
use crate::manifest::{Kind, Manifest, Rule};
use crate::reference::ReferenceSet;

/// A slice with its examples, sorted.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    pub(crate) slice: Slice,
    pub(crate) examples: Vec<u32>,
}

/// All examples first, then every value of every dimension.
pub(crate) fn table_slices(manifest: &Manifest, reference: &ReferenceSet) -> Vec<Members> {
    let mut slices = vec![Members {
        slice: Vec::new(),
        examples: (0..reference.examples.len() as u32).collect(),
    }];
    for (index, dimension) in manifest.dimensions.iter().enumerate() {
        slices.extend(split(
            reference,
            index,
            &dimension.name,
            &slices[0].examples,
        ));
    }
    slices
}

/// Splits examples by the values of one dimension that occur in the set; those that `examples` leaves empty are kept.
fn split(reference: &ReferenceSet, dimension: usize, name: &str, examples: &[u32]) -> Vec<Members> {
    let values = reference
        .values
        .get(dimension)
        .map_or(&[][..], Vec::as_slice);
    let mut parts: Vec<Members> = values
        .iter()
        .map(|value| Members {
            slice: vec![(name.to_owned(), value.clone())],
            examples: Vec::new(),
        })
        .collect();
    if let Some(assigned) = reference.assigned.get(dimension) {
        for &example in examples {
            if let Some(part) = parts.get_mut(assigned[example as usize] as usize) {
                part.examples.push(example);
            }
        }
    }
    parts
}

/// The slices that a rule is evaluated in: its restriction, split by each dimension of `by`.
pub(crate) fn rule_slices(
    manifest: &Manifest,
    reference: &ReferenceSet,
    rule: &Rule,
) -> Vec<Members> {
    let kinds = admitted_kinds(rule);
    // Asked of every example for every rule.
    let admits = Kind::ALL.map(|kind| kinds.contains(&kind));
    let mut examples: Vec<u32> = (0..reference.examples.len() as u32)
        .filter(|&example| admits[reference.examples[example as usize].kind as usize])
        .collect();
    let mut slice: Slice = Vec::new();
    for (name, accepted) in &rule.restrict {
        if let Some((dimension, _)) = manifest.dimension(name) {
            examples.retain(|&example| {
                reference
                    .value(dimension, example)
                    .is_some_and(|value| accepted.iter().any(|one| one == value))
            });
        }
        slice.push((name.clone(), accepted.join(" or ")));
    }
    if rule.by.is_empty() {
        return vec![Members { slice, examples }];
    }
    let mut members = Vec::new();
    for name in &rule.by {
        if let Some((dimension, _)) = manifest.dimension(name) {
            let mut parts = split(reference, dimension, name, &examples);
            if rule.verb != crate::manifest::Verb::Watch {
                parts.extend(never_seen(manifest, reference, dimension, name));
            }
            for mut part in parts {
                // A value that the restriction rules out is no finding of this rule.
                let ruled_out = part.examples.is_empty()
                    && rule
                        .restrict
                        .iter()
                        .any(|(dim, accepted)| dim == name && !accepted.contains(&part.slice[0].1));
                if !ruled_out {
                    part.slice = slice
                        .iter()
                        .filter(|(dim, _)| dim != name)
                        .cloned()
                        .chain(part.slice)
                        .collect();
                    members.push(part);
                }
            }
        }
    }
    members
}

/// The values that the page declares and no example has, as empty slices: leaving a value's examples out is a gap of the
/// rule that names the value's dimension, never a reason to pass it.
fn never_seen(
    manifest: &Manifest,
    reference: &ReferenceSet,
    dimension: usize,
    name: &str,
) -> Vec<Members> {
    let occurring = reference
        .values
        .get(dimension)
        .map_or(&[][..], Vec::as_slice);
    let values = &manifest.dimensions[dimension].values;
    let mut declared: Vec<&String> = values.iter().map(|value| &value.name).collect();
    if declared.is_empty() && name == "task" {
        declared.extend(manifest.tasks.keys());
    }
    declared
        .into_iter()
        .filter(|value| !occurring.contains(value))
        .map(|value| Members {
            slice: vec![(name.to_owned(), value.clone())],
            examples: Vec::new(),
        })
        .collect()
}

/// Kinds of examples that may carry a rule (design.md §6): traffic for requires, every kind otherwise, or what `from` names.
pub(crate) fn admitted_kinds(rule: &Rule) -> BTreeSet<Kind> {
    match (&rule.from, rule.verb) {
        (Some(kinds), _) => kinds.clone(),
        (None, crate::manifest::Verb::Require) => BTreeSet::from([Kind::Traffic]),
        (None, _) => Kind::ALL.into_iter().collect(),
    }
}

/// Says whether only examples of traffic carry a rule: then it speaks of traffic, else of this mix of examples.
pub(crate) fn is_on_traffic(rule: &Rule) -> bool {
    let kinds = admitted_kinds(rule);
    kinds.iter().all(|kind| *kind == Kind::Traffic)
}

/// Restricts members to one value of a dimension; `None` when the slice pins another value of it.
pub(crate) fn within(
    reference: &ReferenceSet,
    members: &Members,
    (dimension, name): (usize, &str),
    value: &str,
) -> Option<Members> {
    let pinned = members.slice.iter().find(|(dim, _)| dim == name);
    if pinned.is_some_and(|(_, accepted)| !accepted.split(" or ").any(|one| one == value)) {
        return None;
    }
    let examples = members
        .examples
        .iter()
        .copied()
        .filter(|&example| reference.value(dimension, example) == Some(value))
        .collect();
    let mut slice: Slice = members
        .slice
        .iter()
        .filter(|(dim, _)| dim != name)
        .cloned()
        .collect();
    slice.push((name.to_owned(), value.to_owned()));
    Some(Members { slice, examples })
}
