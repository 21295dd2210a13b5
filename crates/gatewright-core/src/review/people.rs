//! What the labels given at the desk say of those who gave them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gatewright_stats::proportion::clopper_pearson;
use serde::Serialize;

use super::desk::{Desk, LEAST_GOLD};
use super::entry::Entry;
use super::{AgreementDocument, FORMAT, Rated, Unit, agreement};

/// How often one person is right, on answers whose label is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonLine {
    /// Who.
    pub name: String,
    /// Answers that this person labelled.
    pub labelled: u64,
    /// Of these, answers whose label is known.
    pub gold: u64,
    /// The share of those on which this person is right, with its 95 % Clopper–Pearson interval; none below [`LEAST_GOLD`].
    pub right: Option<(f64, f64, f64)>,
    /// The same of the last [`LEAST_GOLD`] known answers, by when they were labelled; none below twice as many. Where it is lower than the whole,
    /// somebody has begun to read the rubric another way, or to tire.
    pub lately: Option<(f64, f64, f64)>,
    /// Answers on which somebody said something else.
    pub differed: u64,
    /// Of those that were settled, the ones that were settled as this person said.
    pub settled_as: (u64, u64),
}

/// Says of everybody who labelled how often they were right.
pub fn people(desk: &Desk) -> Vec<PersonLine> {
    let names: BTreeSet<&str> = desk
        .entries()
        .iter()
        .flat_map(|entry| names(entry))
        .collect();
    names.into_iter().map(|name| person(desk, name)).collect()
}

fn names(entry: &Entry) -> impl Iterator<Item = &str> {
    entry.given.iter().map(|given| given.by.as_str())
}

fn person(desk: &Desk, name: &str) -> PersonLine {
    let mut line = PersonLine {
        name: name.to_owned(),
        labelled: 0,
        gold: 0,
        right: None,
        lately: None,
        differed: 0,
        settled_as: (0, 0),
    };
    let mut known = Vec::new();
    for entry in desk.entries() {
        let Some(given) = entry.said_by(name) else {
            continue;
        };
        line.labelled += 1;
        // Who says what is right is not measured by it.
        if let Some((label, _)) = entry.gold.as_ref().filter(|(_, by)| by != name) {
            line.gold += 1;
            known.push((given.at.as_str(), *label == given.label));
        }
        line.differed += u64::from(entry.given.iter().any(|it| it.label != given.label));
        if let Some(settled) = &entry.settled {
            line.settled_as.1 += 1;
            line.settled_as.0 += u64::from(settled.label == given.label);
        }
    }
    known.sort_by_key(|(at, _)| *at);
    if line.gold >= LEAST_GOLD {
        line.right = Some(share(&known));
    }
    if line.gold >= 2 * LEAST_GOLD {
        line.lately = Some(share(&known[known.len() - LEAST_GOLD as usize..]));
    }
    line
}

/// The share of right ones, with its 95 % Clopper–Pearson interval.
fn share(known: &[(&str, bool)]) -> (f64, f64, f64) {
    let n = known.len() as f64;
    let right = known.iter().filter(|(_, right)| *right).count() as f64;
    let (lower, upper) = clopper_pearson(right, n, 0.025);
    (right / n, lower, upper)
}

/// Says how far people agree at the desk, criterion by criterion. The same labels and seed give the same bytes.
pub fn desk_agreement(desk: &Desk, seed: u64) -> AgreementDocument {
    let mut criteria: BTreeMap<(&str, Option<&str>), Vec<&Entry>> = BTreeMap::new();
    for entry in desk.entries().iter().filter(|it| !it.given.is_empty()) {
        let key = (entry.item.criterion.as_str(), entry.item.rubric.as_deref());
        criteria.entry(key).or_default().push(entry);
    }
    let view = |((criterion, rubric), entries): ((&str, Option<&str>), Vec<&Entry>)| {
        agreement::view(&rated(&entries), criterion, rubric.map(str::to_owned), seed)
    };
    AgreementDocument {
        format: FORMAT.to_owned(),
        criteria: criteria.into_iter().map(view).collect(),
    }
}

fn rated(entries: &[&Entry]) -> Rated {
    let people: BTreeSet<&str> = entries.iter().copied().flat_map(names).collect();
    let mut labels: Vec<Arc<str>> = Vec::new();
    let mut units = Vec::new();
    for (place, entry) in (0..).zip(entries) {
        let mut given = Vec::new();
        for name in &people {
            let said = entry.said_by(name);
            given.push(said.map(|it| number(&mut labels, &it.label)));
        }
        units.push(Unit {
            example: place,
            system: None,
            trial: entry.item.trial,
            part: entry.item.part,
            text: None,
            given,
        });
    }
    Rated {
        people: people.into_iter().map(Arc::from).collect(),
        labels,
        values: Vec::new(),
        units,
    }
}

fn number(labels: &mut Vec<Arc<str>>, label: &str) -> u32 {
    let known = labels.iter().position(|it| **it == *label);
    known.unwrap_or_else(|| {
        labels.push(Arc::from(label));
        labels.len() - 1
    }) as u32
}
