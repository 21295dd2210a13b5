//! Weights to traffic (statistics.md §7): inclusion probabilities, else the page's traffic shares.

use std::collections::BTreeMap;

use crate::analyse::slice::Members;
use crate::manifest::Manifest;
use crate::reference::{Design, ReferenceSet};

/// Weights of a slice's examples, and the traffic that no example covers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Weights {
    /// One weight per example of the slice; `None` when all are alike.
    pub(crate) each: Option<Vec<f64>>,
    /// Share of the slice's traffic without any example.
    pub(crate) uncovered: f64,
}

/// Finds the weights of a slice.
///
/// Known inclusion probabilities win (1/π). Otherwise the shares that the page states for the first
/// dimension with shares post-stratify: each value's examples share its traffic evenly.
pub(crate) fn weights(manifest: &Manifest, reference: &ReferenceSet, members: &Members) -> Weights {
    if members.examples.is_empty() {
        return Weights::default();
    }
    if let Some(each) = by_inclusion(reference, &members.examples) {
        return Weights {
            each: unless_alike(each),
            uncovered: uncovered(manifest, reference, members),
        };
    }
    let Some(traffic) = &manifest.traffic else {
        return Weights::default();
    };
    let Some((dimension, name, shares)) = traffic.share.iter().find_map(|(name, shares)| {
        manifest
            .dimension(name)
            .map(|(index, _)| (index, name, shares))
    }) else {
        return Weights::default();
    };
    let pinned = members
        .slice
        .iter()
        .find(|(dim, _)| dim == name)
        .map(|(_, accepted)| accepted.as_str());
    let in_slice =
        |value: &str| pinned.is_none_or(|accepted| accepted.split(" or ").any(|one| one == value));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for &example in &members.examples {
        if let Some(value) = reference.value(dimension, example) {
            *counts.entry(value).or_default() += 1;
        }
    }
    let total: f64 = shares
        .iter()
        .filter(|(value, _)| in_slice(value))
        .map(|(_, share)| share)
        .sum();
    if total <= 0.0 {
        return Weights::default();
    }
    let covered: f64 = shares
        .iter()
        .filter(|(value, _)| in_slice(value) && counts.contains_key(value.as_str()))
        .map(|(_, share)| share)
        .sum();
    let each = members
        .examples
        .iter()
        .map(|&example| {
            let value = reference.value(dimension, example)?;
            Some(shares.get(value)? / counts[value] as f64)
        })
        .collect::<Option<Vec<f64>>>();
    // An example outside the stated shares has no traffic to stand for: then nothing is weighted.
    match each {
        Some(each) => Weights {
            each: unless_alike(each),
            uncovered: ((total - covered) / total).max(0.0),
        },
        None => Weights::default(),
    }
}

/// Share of traffic that lies in stated values without any example, where the slice is all traffic or is told apart by
/// that dimension alone. A draw that reached a value has examples of it; one without them says nothing about it.
fn uncovered(manifest: &Manifest, reference: &ReferenceSet, members: &Members) -> f64 {
    let stated = manifest.traffic.iter().flat_map(|traffic| &traffic.share);
    stated
        .filter(|(name, _)| members.slice.iter().all(|(dim, _)| dim == *name))
        .filter_map(|(name, shares)| {
            let (dimension, _) = manifest.dimension(name)?;
            let asked = members.slice.first().map(|(_, accepted)| accepted.as_str());
            let seen = |value: &str| {
                members
                    .examples
                    .iter()
                    .any(|&example| reference.value(dimension, example) == Some(value))
            };
            let (mut total, mut without) = (0.0, 0.0);
            for (value, share) in shares {
                if asked.is_none_or(|accepted| accepted.split(" or ").any(|one| one == value)) {
                    total += share;
                    without += if seen(value) { 0.0 } else { *share };
                }
            }
            (total > 0.0).then(|| without / total)
        })
        .fold(0.0, f64::max)
}

fn by_inclusion(reference: &ReferenceSet, examples: &[u32]) -> Option<Vec<f64>> {
    examples
        .iter()
        .map(
            |&example| match reference.examples[example as usize].design {
                Design::Sampled {
                    inclusion: Some(probability),
                    ..
                } if probability > 0.0 => Some(1.0 / probability),
                _ => None,
            },
        )
        .collect()
}

fn unless_alike(each: Vec<f64>) -> Option<Vec<f64>> {
    let first = each[0];
    (!each
        .iter()
        .all(|weight| (weight - first).abs() <= 1e-12 * first.abs()))
    .then_some(each)
}
