//! How far the people who label agree with each other (statistics.md §9).

use std::collections::BTreeMap;
use std::sync::Arc;

use gatewright_stats::agreement::{Level, Ratings};
use gatewright_stats::estimate::Undefined;
use gatewright_stats::kappa::cohen;

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
    /// Krippendorff's alpha (nominal); none where it is not defined.
    pub alpha: Option<f64>,
    /// Fleiss' kappa; none unless everybody labelled every unit.
    pub fleiss: Option<f64>,
    /// Each two of them.
    pub pairs: Vec<Two>,
}

/// Two people who labelled the same units.
#[derive(Clone, Debug, PartialEq)]
pub struct Two {
    /// One.
    pub first: Arc<str>,
    /// The other.
    pub second: Arc<str>,
    /// Units that both labelled.
    pub n: u64,
    /// Cohen's kappa; none where it is not defined.
    pub kappa: Option<f64>,
}

/// People beyond whom each two of them are too many to look at.
const PAIRED_MAX: usize = 8;

/// Whose labels are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The criterion.
    pub criterion: u16,
    /// Labels beside a judge; else those that are the criterion's own.
    pub beside: bool,
    /// One system's only.
    pub system: Option<&'a str>,
}

/// Counts the agreement of those who labelled the same answers.
pub fn reviewers(labels: &Labels, reference: &ReferenceSet, whose: Whose<'_>) -> Reviewers {
    let all = labels.annotators(whose.criterion, whose.beside);
    let names: Vec<Arc<str>> = all.into_iter().collect();
    let mut texts: BTreeMap<Arc<str>, u32> = BTreeMap::new();
    let mut rows: Vec<Vec<Option<u32>>> = Vec::new();
    for example in 0..reference.examples.len() as u32 {
        let mut units: BTreeMap<_, Vec<Option<u32>>> = BTreeMap::new();
        let given = if whose.beside {
            labels.people_of_example(whose.criterion, example)
        } else {
            labels.of_example(whose.criterion, example)
        };
        let of_system = |system: &Option<Arc<str>>| {
            whose
                .system
                .is_none_or(|wanted| system.as_deref() == Some(wanted))
        };
        for label in given.into_iter().filter(|label| of_system(&label.system)) {
            let next = texts.len() as u32;
            let number = *texts.entry(label.label.clone()).or_insert(next);
            let unit = units
                .entry((label.system.clone(), label.trial, label.part, label.text))
                .or_insert_with(|| vec![None; names.len()]);
            if let Ok(place) = names.binary_search(&label.annotator) {
                unit[place] = Some(number);
            }
        }
        rows.extend(units.into_values());
    }
    let categories = texts.len() as u32;
    let given = |row: &&Vec<Option<u32>>| row.iter().flatten().count() > 1;
    let differs = |row: &&Vec<Option<u32>>| {
        let mut said = row.iter().flatten();
        let first = said.next();
        said.any(|one| Some(one) != first)
    };
    let ratings = Ratings::new(&rows, categories).ok();
    let of = |read: fn(&Ratings) -> Result<f64, Undefined>| {
        ratings.as_ref().and_then(|ratings| read(ratings).ok())
    };
    let mut pairs = Vec::new();
    let few = if names.len() <= PAIRED_MAX {
        names.len()
    } else {
        0
    };
    for (a, first) in names.iter().enumerate().take(few) {
        for (b, second) in names.iter().enumerate().skip(a + 1) {
            let (one, other): (Vec<u32>, Vec<u32>) =
                rows.iter().filter_map(|row| row[a].zip(row[b])).unzip();
            let kappa = cohen(&one, &other, categories).ok();
            let kappa = kappa.and_then(|found| found.kappa);
            pairs.push(Two {
                first: first.clone(),
                second: second.clone(),
                n: one.len() as u64,
                kappa,
            });
        }
    }
    Reviewers {
        units: rows.len() as u64,
        shared: rows.iter().filter(given).count() as u64,
        differ: rows.iter().filter(differs).count() as u64,
        alpha: of(|ratings| ratings.alpha(Level::Nominal)),
        fleiss: of(Ratings::fleiss),
        pairs,
    }
}
