//! What the examples do not speak for: values of the page that none of them has, and examples that no deciding rule judges.

use std::collections::BTreeSet;

use crate::analyse::Finding;
use crate::analyse::never::criteria_of;
use crate::analyse::require::{Inputs, subject_role};
use crate::reference::Standing;

/// How far the examples reach.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Active examples.
    pub examples: u64,
    /// Of these, examples on which a deciding rule has a verdict of its system.
    pub judged: u64,
    /// Examples that are set aside until they are repaired.
    pub quarantined: u64,
    /// Examples that are not asked any more.
    pub retired: u64,
    /// Values that the page declares and no active example has, with their share of traffic where the page states it.
    pub empty: Vec<EmptyValue>,
}

/// A value of a dimension without an example.
#[derive(Clone, Debug, PartialEq)]
pub struct EmptyValue {
    /// The dimension.
    pub dimension: String,
    /// The value.
    pub value: String,
    /// Its share of traffic, 0 to 1.
    pub share: Option<f64>,
}

/// Says how far the examples reach, by the rules that decide.
pub(crate) fn coverage(inputs: Inputs<'_>, findings: &[Finding]) -> Coverage {
    let reference = inputs.reference;
    let aside = reference.set_aside.iter();
    let retired = aside.filter(|it| it.standing == Standing::Retired).count();
    Coverage {
        examples: reference.examples.len() as u64,
        judged: judged(inputs, findings),
        quarantined: (reference.set_aside.len() - retired) as u64,
        retired: retired as u64,
        empty: empty(inputs),
    }
}

fn judged(inputs: Inputs<'_>, findings: &[Finding]) -> u64 {
    let deciding: BTreeSet<usize> = findings
        .iter()
        .filter(|finding| finding.deciding)
        .map(|finding| finding.rule)
        .collect();
    let rules = deciding.iter().map(|&rule| &inputs.manifest.gate[rule]);
    let looks: BTreeSet<_> = rules
        .flat_map(|rule| {
            let role = subject_role(rule);
            criteria_of(inputs, rule)
                .into_iter()
                .map(move |it| (it, role))
        })
        .collect();
    let graded = |example: &u32| {
        looks
            .iter()
            .any(|&(criterion, role)| inputs.scores.first(criterion, role, *example).graded > 0)
    };
    let examples = 0..inputs.reference.examples.len() as u32;
    examples.filter(graded).count() as u64
}

fn empty(inputs: Inputs<'_>) -> Vec<EmptyValue> {
    let shares = inputs.manifest.traffic.as_ref().map(|it| &it.share);
    let mut empty = Vec::new();
    for (index, dimension) in inputs.manifest.dimensions.iter().enumerate() {
        let reference = inputs.reference;
        let names = reference.values.get(index);
        let assigned = reference.assigned.get(index).map_or(&[][..], Vec::as_slice);
        let has: BTreeSet<&str> = assigned
            .iter()
            .filter_map(|&value| names?.get(value as usize).map(String::as_str))
            .collect();
        let declared = dimension.values.iter();
        for value in declared.filter(|value| !has.contains(value.name.as_str())) {
            let share = shares.and_then(|all| all.get(&dimension.name)?.get(&value.name).copied());
            empty.push(EmptyValue {
                dimension: dimension.name.clone(),
                value: value.name.clone(),
                share,
            });
        }
    }
    empty
}
