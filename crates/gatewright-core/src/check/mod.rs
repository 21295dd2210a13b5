//! Check: everything that is wrong or weak before anything is spent.
//!
//! Errors are what the gate cannot be run with: failures that nothing detects, demands of `uses:` that are not met, rules that no data could
//! make hold at this n. Suggestions are what the team should know and may leave. `explain` answers "what follows each result, and what can
//! this rule see" for one rule.

mod behaviour;
mod beyond;
mod carried;
mod coverage;
mod examples;
mod explain;
mod named;
mod parts;
mod power;
mod presence;
mod promise;
mod rules;
mod sight;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use beyond::{labels_beyond, other_rubrics};
pub use carried::unequal_trials;
pub use explain::{Explanation, Follows, Seen, explain};
pub use parts::parts_from;

use crate::digest::Digest;
use crate::grade::Graders;
use crate::incident::Incident;
use crate::label::Labels;
use crate::manifest::{Criterion, Manifest};
use crate::problem::Problem;
use crate::reference::ReferenceSet;

/// What `check` must be told of the world.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Today.
    pub today: jiff::civil::Date,
    /// Digest of every file that examples name as a source, by the path they name it by; `None` when there is no such file. Files that are
    /// not in the map were not looked at.
    pub file_digests: BTreeMap<String, Option<Digest>>,
    /// The incidents on record.
    pub incidents: Vec<Incident>,
    /// What production passed of each criterion when it was last measured, in [0, 1], by the criterion's name. Where nothing is known, power
    /// is said for a system halfway between the floor and 100 %.
    pub pass_rates: BTreeMap<String, f64>,
}

impl Facts {
    /// Starts with a date and nothing else known.
    pub fn new(today: jiff::civil::Date) -> Self {
        Self {
            today,
            file_digests: BTreeMap::new(),
            incidents: Vec::new(),
            pass_rates: BTreeMap::new(),
        }
    }
}

/// Finds everything that is wrong or weak, errors first, each in the order of files and lines.
///
/// Graders' schemas must have been provided ([`Manifest::schema_files`]). Linear in the number of examples.
pub fn check(manifest: &Manifest, reference: &ReferenceSet, facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    promise::check(manifest, &mut problems);
    coverage::check(manifest, reference, &mut problems);
    behaviour::check(manifest, reference, &mut problems);
    named::check(manifest, reference, &mut problems);
    examples::check(manifest, reference, facts, &mut problems);
    let labels = Labels::default();
    match Graders::new(manifest, reference, &labels) {
        Ok(graders) => {
            examples::unjudged(manifest, reference, &graders, &mut problems);
            rules::check(manifest, reference, facts, &graders, &mut problems);
        }
        Err(more) => problems.extend(more),
    }
    problems.sort_by(|a, b| (a.weight, &a.at).cmp(&(b.weight, &b.at)));
    problems
}

/// Returns every class that a criterion's failures can be of.
pub fn classes_of(criterion: &Criterion) -> BTreeSet<u16> {
    criterion.classes()
}

/// Names a few of many, for messages: `a, b, c and 9 more`.
pub(crate) fn few<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let mut names = names.into_iter();
    let mut text = names.by_ref().take(SHOWN).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
