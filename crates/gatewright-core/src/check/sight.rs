//! What a rule rests on in each of its segments.

use std::collections::{BTreeMap, BTreeSet};

use super::classes_of;
use crate::analyse::Slice;
use crate::analyse::slice::rule_slices;
use crate::analyse::weight::{Weights, weights_for};
use crate::grade::Graders;
use crate::id::ExampleId;
use crate::manifest::{Manifest, Metric, Role, Rule, Subject, Trials, Verb};
use crate::plan::auto_trials;
use crate::reference::{Example, ReferenceSet, Relation};

/// Correlation inside a cluster where nothing is known of it (statistics.md §5: never 0).
const ICC: f64 = 0.1;

/// The examples that carry a rule in one segment.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) slice: Slice,
    /// Examples that the rule is about and the criterion applies to.
    pub(super) n: u64,
    /// Their clusters.
    pub(super) clusters: u64,
    /// What they are worth by their weights alone (Kish): n for all but a require.
    pub(super) weighed: f64,
    /// What some of them state that the others could be weighed to traffic by, and some do not.
    pub(super) unweighed: Vec<String>,
    /// What they are worth: n over the design effect of clusters and, for a require, of weights.
    pub(super) n_eff: f64,
}

impl Sight {
    /// Rows that are independent of each other whatever comes out.
    pub(super) fn independent(&self) -> u64 {
        self.n.min(self.clusters)
    }
}

/// Criteria that can see a rule's subject.
pub(super) fn criteria(manifest: &Manifest, rule: &Rule) -> Vec<u16> {
    match rule.subject {
        Subject::Criterion(index) => vec![index],
        Subject::Class(class) => (0_u16..)
            .zip(&manifest.criteria)
            .filter(|(_, criterion)| classes_of(criterion).contains(&class))
            .map(|(index, _)| index)
            .collect(),
    }
}

/// Looks at every segment of a rule.
pub(super) fn sights(
    manifest: &Manifest,
    reference: &ReferenceSet,
    graders: Option<&Graders<'_>>,
    rule: &Rule,
) -> Vec<Sight> {
    let criteria = criteria(manifest, rule);
    let applies = |example: u32| {
        graders.is_none_or(|graders| criteria.iter().any(|&it| graders.applies(it, example)))
    };
    rule_slices(manifest, reference, rule)
        .into_iter()
        .map(|mut members| {
            members.examples.retain(|&example| applies(example));
            if let Metric::Relation(relation) = rule.metric {
                one_for_each_base(reference, relation, &mut members.examples);
            }
            let clusters = members.examples.iter().map(|&example| {
                let cluster = reference.cluster.get(example as usize);
                cluster.copied().unwrap_or(example)
            });
            let mut clusters: Vec<u32> = clusters.collect();
            clusters.sort_unstable();
            let sizes = || clusters.chunk_by(|one, next| one == next).map(<[u32]>::len);
            let n = members.examples.len() as f64;
            let squares: u64 = sizes().map(|size| (size * size) as u64).sum();
            let deff = if n > 0.0 {
                1.0 + (squares as f64 / n - 1.0) * ICC
            } else {
                1.0
            };
            let weights = match rule.verb {
                Verb::Require => weights_for(manifest, reference, rule, &members),
                _ => Weights::default(),
            };
            let kish = weights.each.map_or(n, |each| {
                let sum: f64 = each.iter().sum();
                let squares: f64 = each.iter().map(|weight| weight * weight).sum();
                if squares > 0.0 {
                    sum * sum / squares
                } else {
                    n
                }
            });
            Sight {
                slice: members.slice,
                n: members.examples.len() as u64,
                clusters: sizes().count() as u64,
                weighed: kish.min(n),
                unweighed: weights.unweighed,
                n_eff: kish.min(n) / deff,
            }
        })
        .collect()
}

/// Keeps one variant of each base: a base with its variants is one case.
fn one_for_each_base(reference: &ReferenceSet, relation: Relation, examples: &mut Vec<u32>) {
    let base_of = |(index, example): (u32, std::sync::Arc<Example>)| {
        let variant = example.variant.as_ref();
        let variant = variant.filter(|variant| variant.relation == relation)?;
        Some((index, variant.of.clone()))
    };
    let bases: BTreeMap<u32, ExampleId> = reference.tests().filter_map(base_of).collect();
    let mut seen = BTreeSet::new();
    examples.retain(|example| bases.get(example).is_some_and(|base| seen.insert(base)));
}

/// First-look trials of the candidate; recorded systems may carry more than one, which only their file says.
pub(super) fn trials(manifest: &Manifest, reference: &ReferenceSet) -> u32 {
    let callable = manifest
        .systems
        .get(&Role::Candidate)
        .is_some_and(|system| system.target.can_rerun());
    match (callable, manifest.trials) {
        (true, Trials::Auto) => auto_trials(reference.examples.len()),
        (true, Trials::Fixed(count)) => count,
        (false, _) => 1,
    }
}
