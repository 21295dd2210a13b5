//! The same run with other examples in it: clusters drawn anew, or one left out (statistics.md §11). For stability, never for an answer.
//!
//! Drawn examples are rows of their own with new numbers, and a cluster that is drawn twice is two clusters; so every rule is evaluated by the
//! same code as on the whole set.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::analyse::behavioural::{Probed, probed};
use crate::analyse::finding;
use crate::analyse::require::Inputs;
use crate::analyse::scores::Scores;
use crate::analyse::{Analysis, Finding, People, Standing};
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::outcome::Outcome;
use crate::plan::{Confirmation, Plan};
use crate::reference::ReferenceSet;

/// A run's outcomes, and which examples belong together.
pub(crate) struct Whole<'a> {
    pub(crate) reference: &'a ReferenceSet,
    plan: &'a Plan,
    people: &'a People,
    scores: Scores,
    probed: Vec<Probed>,
    /// Examples by cluster.
    members: Vec<Vec<u32>>,
    /// What tests something, by example.
    probes: HashMap<u32, usize>,
}

/// A draw of it.
struct Drawn {
    reference: ReferenceSet,
    plan: Plan,
    people: People,
    scores: Scores,
    probed: Vec<Probed>,
}

impl<'a> Whole<'a> {
    pub(crate) fn fold(
        manifest: &Manifest,
        (reference, plan): (&'a ReferenceSet, &'a Plan),
        outcomes: impl IntoIterator<Item = Outcome>,
        people: &'a People,
    ) -> Self {
        let mut members = vec![Vec::new(); reference.clusters as usize];
        for (example, cluster) in (0..).zip(&reference.cluster) {
            if let Some(of) = members.get_mut(*cluster as usize) {
                of.push(example);
            }
        }
        let probed = probed(reference);
        let probes = (0..).zip(&probed).map(|(at, one)| (one.example, at));
        Self {
            reference,
            plan,
            people,
            scores: Scores::fold(manifest, reference, plan, outcomes),
            members,
            probes: probes.collect(),
            probed,
        }
    }

    /// Number of clusters.
    pub(crate) fn clusters(&self) -> usize {
        self.members.len()
    }

    /// The examples of a cluster.
    pub(crate) fn members(&self, cluster: usize) -> &[u32] {
        &self.members[cluster]
    }

    /// Evaluates every rule on the whole set.
    pub(crate) fn analysis(&self, manifest: &Manifest) -> Analysis {
        let inputs = Inputs {
            manifest,
            reference: self.reference,
            plan: self.plan,
            scores: &self.scores,
            people: self.people,
            probed: &self.probed,
            p_values: false,
            cost_scale: 1.0,
        };
        analysis(inputs)
    }

    /// Evaluates every rule on these clusters, each as often as it is named.
    pub(crate) fn analysis_of(&self, manifest: &Manifest, clusters: &[usize]) -> Analysis {
        let drawn = self.draw(clusters);
        analysis(Inputs {
            manifest,
            reference: &drawn.reference,
            plan: &drawn.plan,
            scores: &drawn.scores,
            people: &drawn.people,
            probed: &drawn.probed,
            p_values: false,
            cost_scale: 1.0,
        })
    }

    fn draw(&self, clusters: &[usize]) -> Drawn {
        let (mut rows, mut cluster, mut from) = (Vec::new(), Vec::new(), Vec::new());
        for (copy, &index) in (0..).zip(clusters) {
            from.push(rows.len() as u32);
            rows.extend_from_slice(&self.members[index]);
            cluster.resize(rows.len(), copy);
        }
        let confirmations = self.plan.confirmations.iter().map(|round| Confirmation {
            examples: (0..)
                .zip(&rows)
                .filter(|(_, old)| round.examples.binary_search(old).is_ok())
                .map(|(new, _)| new)
                .collect(),
            ..round.clone()
        });
        let mut resolutions = BTreeMap::new();
        if !self.people.resolutions.is_empty() {
            for (new, old) in (0..).zip(&rows) {
                let of = self.people.resolutions.range((*old, 0)..=(*old, u16::MAX));
                resolutions.extend(of.map(|((_, criterion), said)| ((new, *criterion), *said)));
            }
        }
        Drawn {
            plan: Plan {
                examples: Vec::new(),
                example_digests: Vec::new(),
                systems: self.plan.systems.clone(),
                seed: self.plan.seed,
                confirmations: confirmations.collect(),
                shard: None,
            },
            people: People {
                resolutions,
                disagreements: BTreeMap::new(),
                causes: BTreeMap::new(),
                known: self.people.known.clone(),
            },
            scores: self.scores.of_rows(&rows),
            probed: self.probed_of(&rows, &cluster, &from),
            reference: self.reference.of_rows(&rows, cluster),
        }
    }

    /// A variant's base is in its cluster, so both are in the same copy.
    fn probed_of(&self, rows: &[u32], cluster: &[u32], from: &[u32]) -> Vec<Probed> {
        if self.probed.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (new, old) in (0_u32..).zip(rows) {
            let Some(one) = self.probes.get(old).map(|&at| &self.probed[at]) else {
                continue;
            };
            let copy = cluster[new as usize];
            let start = from[copy as usize];
            let own = &rows[start as usize..];
            let base = one.base.and_then(|base| {
                let place = own.iter().position(|&row| row == base)? as u32 + start;
                (cluster[place as usize] == copy).then_some(place)
            });
            found.push(one.copied(new, base, copy));
        }
        found
    }

    /// A cluster's evidence as one digest: clusters with the same one may stand for each other in every rule.
    pub(crate) fn signature(&self, manifest: &Manifest, cluster: usize) -> Digest {
        let mut text = String::new();
        let members = &self.members[cluster];
        for &example in members {
            let entry = &self.reference.examples[example as usize];
            let _ = write!(text, "{:?} {:?};", entry.kind, entry.inclusion);
            for dimension in &self.reference.assigned {
                let _ = write!(text, "{} ", dimension[example as usize]);
            }
            for round in &self.plan.confirmations {
                let _ = write!(text, "{} ", round.examples.binary_search(&example).is_ok());
            }
            for criterion in 0..manifest.criteria.len() as u16 {
                let _ = write!(
                    text,
                    "{:?}",
                    self.people.resolutions.get(&(example, criterion))
                );
            }
            if let Some(&at) = self.probes.get(&example) {
                let one = &self.probed[at];
                let base = one
                    .base
                    .and_then(|base| members.iter().position(|&it| it == base));
                let _ = write!(text, "{base:?} {:?};", one.probe());
            }
            self.scores
                .write(example, manifest.classes.len() as u16, &mut text);
        }
        Digest::of(text.as_bytes())
    }
}

/// Routes decide nothing while all holds, and cost as much as all the rest.
fn analysis(inputs: Inputs<'_>) -> Analysis {
    let resolutions = &inputs.people.resolutions;
    let findings = finding::findings(inputs, resolutions);
    let held = |finding: &Finding| !finding.deciding || finding.standing == Standing::Holds;
    let routes = match findings.iter().all(held) {
        true => Vec::new(),
        false => finding::routes(
            Inputs {
                p_values: true,
                ..inputs
            },
            resolutions,
        ),
    };
    Analysis::of_findings(findings, routes)
}
