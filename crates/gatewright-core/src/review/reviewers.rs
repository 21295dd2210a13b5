//! How far the people who label agree with each other, in few numbers (statistics.md §9).

use gatewright_stats::agreement::Ratings;
use gatewright_stats::estimate::Undefined;
use gatewright_stats::kappa::cohen;

use super::{PairView, Rated, Unit, Whose, rated};
use crate::label::Labels;
use crate::reference::ReferenceSet;

/// Agreement of the people who labelled one criterion, by the labels as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviewers {
    /// Units with a label of somebody.
    pub units: u64,
    /// Units that two or more labelled.
    pub shared: u64,
    /// Of these, units on which they do not all say the same.
    pub differ: u64,
    /// Krippendorff's alpha (nominal, of scores interval); none where it is not defined.
    pub alpha: Option<f64>,
    /// Fleiss' kappa; none unless everybody labelled every unit.
    pub fleiss: Option<f64>,
    /// Each two of them.
    pub pairs: Vec<PairView>,
}

/// People beyond whom each two of them are too many to look at.
const PAIRED_MAX: usize = 8;

/// Counts the agreement of those who labelled the same answers.
pub fn reviewers(labels: &Labels, reference: &ReferenceSet, whose: Whose<'_>) -> Reviewers {
    let found = rated(labels, reference, whose);
    let ratings = ratings(found.units.iter(), found.labels.len()).ok();
    let ratings = ratings.as_ref();
    let count = |is: fn(&Unit) -> bool| found.units.iter().filter(|unit| is(unit)).count() as u64;
    Reviewers {
        units: found.units.len() as u64,
        shared: count(Unit::is_shared),
        differ: count(Unit::is_disputed),
        alpha: ratings.and_then(|ratings| ratings.alpha(found.level()).ok()),
        fleiss: ratings.and_then(|ratings| ratings.fleiss().ok()),
        pairs: pairs(&found),
    }
}

/// Counts the labels of these units.
///
/// # Errors
/// Those of [`Ratings::new`].
pub(super) fn ratings<'u>(
    units: impl Iterator<Item = &'u Unit>,
    categories: usize,
) -> Result<Ratings, Undefined> {
    let rows: Vec<Vec<Option<u32>>> = units.map(|unit| unit.given.clone()).collect();
    Ratings::new(&rows, categories as u32)
}

/// Compares each two people, where they are few.
pub(super) fn pairs(found: &Rated) -> Vec<PairView> {
    let mut pairs = Vec::new();
    if found.people.len() > PAIRED_MAX {
        return pairs;
    }
    for (a, first) in found.people.iter().enumerate() {
        for (b, second) in found.people.iter().enumerate().skip(a + 1) {
            let both = |unit: &Unit| unit.given[a].zip(unit.given[b]);
            let (one, other): (Vec<u32>, Vec<u32>) = found.units.iter().filter_map(both).unzip();
            // Of scores, equal or not says nothing of how far apart two people are.
            let kappa = found
                .values
                .is_empty()
                .then(|| cohen(&one, &other, found.labels.len() as u32));
            let kappa = kappa.and_then(Result::ok);
            pairs.push(PairView {
                first: first.to_string(),
                second: second.to_string(),
                n: one.len() as u64,
                kappa: kappa.and_then(|found| found.kappa),
            });
        }
    }
    pairs
}
