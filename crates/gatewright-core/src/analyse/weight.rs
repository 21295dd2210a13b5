//! Weights to traffic (statistics.md §7): inclusion probabilities, else the page's traffic shares.

use std::collections::BTreeMap;

use crate::analyse::slice::Members;
use crate::manifest::{Kind, Manifest};
use crate::reference::{Entry, ReferenceSet};

/// Weights of a slice's examples, and the traffic that no example covers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Weights {
    /// One weight per example of the slice; `None` when all are alike.
    pub(crate) each: Option<Vec<f64>>,
    /// Share of the slice's traffic without any example.
    pub(crate) uncovered: f64,
}

/// The mean of something over the traffic examples of a slice, weighed by their inclusion probabilities where all have one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TrafficMean {
    n: u64,
    plain: f64,
    weighted: f64,
    weight: f64,
    unknown: bool,
}

impl TrafficMean {
    /// Adds an example's value; examples of other kinds are left out.
    pub(crate) fn add(&mut self, reference: &ReferenceSet, example: u32, value: f64) {
        let one = &reference.examples[example as usize];
        if one.kind != Kind::Traffic {
            return;
        }
        self.n += 1;
        self.plain += value;
        match inclusion(one) {
            Some(probability) => {
                self.weighted += value / probability;
                self.weight += 1.0 / probability;
            }
            None => self.unknown = true,
        }
    }

    /// The mean, with the number of examples; `None` without any.
    pub(crate) fn mean(&self) -> Option<(f64, u64)> {
        let mean = if self.unknown {
            self.plain / self.n as f64
        } else {
            self.weighted / self.weight
        };
        (self.n > 0).then_some((mean, self.n))
    }
}

/// An example's inclusion probability, where its design states one.
fn inclusion(example: &Entry) -> Option<f64> {
    example.inclusion.filter(|probability| *probability > 0.0)
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
        .map(|&example| {
            inclusion(&reference.examples[example as usize]).map(|probability| 1.0 / probability)
        })
        .collect()
}

fn unless_alike(each: Vec<f64>) -> Option<Vec<f64>> {
    let first = each[0];
    (!each
        .iter()
        .all(|weight| (weight - first).abs() <= 1e-12 * first.abs()))
    .then_some(each)
}
