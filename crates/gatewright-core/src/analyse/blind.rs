//! What no rule can see: values that the page declares and no example has, and examples that no rule which decides has a verdict on.

use crate::analyse::finding::{decides, reads};
use crate::analyse::require::Inputs;
use crate::analyse::slice::rule_slices;
use crate::manifest::{Manifest, Role, Rule, Subject};
use crate::reference::ReferenceSet;

use super::scores::Shape;

/// What this run says nothing about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blind {
    /// Declared values without any active example, dimensions and values in page order.
    pub absent: Vec<Absent>,
    /// Active examples.
    pub examples: u64,
    /// Of these, how many a deciding rule has a verdict on, for every system that it names.
    pub judged: u64,
}

/// A value that the page declares and no active example has.
#[derive(Clone, Debug, PartialEq)]
pub struct Absent {
    /// The dimension.
    pub dimension: String,
    /// Its value.
    pub value: String,
    /// Share of traffic, where the page states it.
    pub share: Option<f64>,
}

/// Finds what the run says nothing about.
pub(crate) fn blind(inputs: Inputs<'_>) -> Blind {
    let judged = judged(inputs);
    Blind {
        absent: absent(inputs.manifest, inputs.reference),
        examples: judged.len() as u64,
        judged: judged.iter().filter(|&&judged| judged).count() as u64,
    }
}

/// A value with a stated share of traffic is declared by that, too.
fn absent(manifest: &Manifest, reference: &ReferenceSet) -> Vec<Absent> {
    let mut all = Vec::new();
    for (index, dimension) in manifest.dimensions.iter().enumerate() {
        let shares = manifest.traffic.iter();
        let shares = shares.filter_map(|traffic| traffic.share.get(&dimension.name));
        let stated = shares.flat_map(|shares| shares.iter());
        let mut declared: Vec<&String> = dimension.values.iter().map(|it| &it.name).collect();
        if declared.is_empty() && dimension.name == "task" {
            declared.extend(manifest.tasks.keys());
        }
        for (value, share) in stated.clone() {
            if *share > 0.0 && !declared.contains(&value) {
                declared.push(value);
            }
        }
        let there = reference.values.get(index).map_or(&[][..], Vec::as_slice);
        let missing = declared.into_iter().filter(|value| !there.contains(value));
        all.extend(missing.map(|value| Absent {
            dimension: dimension.name.clone(),
            value: value.clone(),
            share: stated.clone().find(|(of, _)| *of == value).map(|it| *it.1),
        }));
    }
    all
}

/// For every active example whether a deciding rule that takes it has a verdict on it.
fn judged(inputs: Inputs<'_>) -> Vec<bool> {
    let mut judged = vec![false; inputs.reference.examples.len()];
    let gate = inputs.manifest.gate.iter();
    for rule in gate.filter(|rule| decides(inputs.manifest, rule)) {
        let criteria: Vec<u16> = (0..)
            .zip(&inputs.manifest.criteria)
            .filter(|(index, criterion)| reads(rule, *index, criterion))
            .map(|(index, _)| index)
            .collect();
        for members in rule_slices(inputs.manifest, inputs.reference, rule) {
            for example in members.examples {
                judged[example as usize] |= has_verdict(inputs, rule, &criteria, example);
            }
        }
    }
    judged
}

/// A preference is one verdict on two systems, and it is kept as the candidate's.
fn has_verdict(inputs: Inputs<'_>, rule: &Rule, criteria: &[u16], example: u32) -> bool {
    let graded = |role: Role| {
        let mut criteria = criteria.iter();
        criteria.any(|&it| inputs.scores.first(it, role, example).graded > 0)
    };
    let compared = match rule.subject {
        Subject::Criterion(it) if inputs.scores.shape[it as usize] == Shape::Preference => None,
        _ => rule.than(),
    };
    graded(rule.of()) && compared.is_none_or(graded)
}
