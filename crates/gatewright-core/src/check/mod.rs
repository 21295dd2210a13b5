//! Lints of a page and its reference set: what is wrong or weak before anything is spent.

use std::collections::BTreeSet;

use crate::manifest::{Criterion, Grader};

/// Returns every class that a criterion's failures can be of.
pub fn classes_of(criterion: &Criterion) -> BTreeSet<u16> {
    let mut classes = criterion.fails_as.classes();
    if let Grader::Label(label) = &criterion.grader {
        let named = label.values.iter().flat_map(|map| map.fail.values());
        classes.extend(named.copied().flatten());
    }
    classes
}
