//! Answers, and who gave each which label.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gatewright_stats::agreement::Level;

use crate::label::{Label, Labels, TextCode};
use crate::manifest::{Criterion, Grader};
use crate::outcome::GraderKind;
use crate::reference::ReferenceSet;

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

/// One answer, or one part of it, that somebody labelled.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Index into the reference set.
    pub example: u32,
    /// The system; none for the pair.
    pub system: Option<Arc<str>>,
    /// The trial as recorded.
    pub trial: u32,
    /// The part of the answer.
    pub part: Option<u32>,
    /// The text that was labelled, where the labels tell.
    pub text: Option<TextCode>,
    /// Index into [`Rated::labels`], one for each of [`Rated::people`].
    pub given: Vec<Option<u32>>,
}

impl Unit {
    /// Says whether two or more labelled it.
    pub fn is_shared(&self) -> bool {
        self.given.iter().flatten().count() > 1
    }

    /// Says whether they do not all say the same.
    pub fn is_disputed(&self) -> bool {
        let mut said = self.given.iter().flatten();
        let first = said.next();
        said.any(|one| Some(one) != first)
    }
}

/// Labels by unit and person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rated {
    /// Who labelled, sorted.
    pub people: Vec<Arc<str>>,
    /// The labels as written, in the order of their first appearance.
    pub labels: Vec<Arc<str>>,
    /// Their values where labels are scores; else empty.
    pub values: Vec<f64>,
    /// In the order of examples, systems, trials, parts.
    pub units: Vec<Unit>,
}

impl Rated {
    /// Returns what the distance between two labels is: equal or not, or of scores how far apart they are.
    pub fn level(&self) -> Level<'_> {
        match self.values.as_slice() {
            [] => Level::Nominal,
            values => Level::Interval(values),
        }
    }

    /// Keeps some of the people. Units that nobody of them labelled go.
    #[must_use]
    pub fn by(mut self, people: &BTreeSet<String>) -> Self {
        let kept: Vec<bool> = self
            .people
            .iter()
            .map(|it| people.contains(&**it))
            .collect();
        let mut place = kept.iter();
        self.people.retain(|_| place.next() == Some(&true));
        for unit in &mut self.units {
            let mut place = kept.iter();
            unit.given.retain(|_| place.next() == Some(&true));
        }
        self.units
            .retain(|unit| unit.given.iter().flatten().next().is_some());
        self
    }
}

/// Says whether a criterion has labels of people: its own, or beside a judge. `Some(true)` is beside a judge.
pub fn is_of_people(criterion: &Criterion) -> Option<bool> {
    let own = match &criterion.grader {
        Grader::Label(labels) => Some(labels.by),
        Grader::Preference(preference) => Some(preference.by),
        _ => None,
    };
    match (&criterion.people, own) {
        (Some(_), _) => Some(true),
        (None, Some(GraderKind::Person)) => Some(false),
        _ => None,
    }
}

/// Gathers who gave which label. A row that says it is no person's is left out, and so are one that settles what others said and a score that
/// cannot be read.
pub fn rated(labels: &Labels, reference: &ReferenceSet, whose: Whose<'_>) -> Rated {
    let mut found = Rated::default();
    let mut numbers: BTreeMap<Arc<str>, u32> = BTreeMap::new();
    let mut given: Vec<BTreeMap<Arc<str>, u32>> = Vec::new();
    for example in 0..reference.examples.len() as u32 {
        let mut units: BTreeMap<Place, ByName> = BTreeMap::new();
        for label in said(labels, whose, example) {
            let text = label
                .score
                .map_or_else(|| label.label.clone(), |score| score.to_string().into());
            let number = *numbers.entry(text.clone()).or_insert_with(|| {
                found.labels.push(text);
                found.values.extend(label.score);
                found.labels.len() as u32 - 1
            });
            let place = (label.system, label.trial, label.part, label.text);
            units
                .entry(place)
                .or_default()
                .insert(label.annotator, number);
        }
        for ((system, trial, part, text), by) in of_one_text(units) {
            found.units.push(Unit {
                example,
                system,
                trial,
                part,
                text,
                given: Vec::new(),
            });
            given.push(by);
        }
    }
    let people: BTreeSet<&Arc<str>> = given.iter().flat_map(BTreeMap::keys).collect();
    for (unit, by) in found.units.iter_mut().zip(&given) {
        unit.given = people.iter().map(|name| by.get(*name).copied()).collect();
    }
    found.people = people.into_iter().cloned().collect();
    found
}

/// Where a unit is: system, recorded trial, part and text.
type Place = (Option<Arc<str>>, u32, Option<u32>, Option<TextCode>);
/// What each annotator said, by number of the label.
type ByName = BTreeMap<Arc<str>, u32>;

/// A label that does not tell its text is of the one that the others tell, where that is one and the same.
fn of_one_text(units: BTreeMap<Place, ByName>) -> BTreeMap<Place, ByName> {
    if units.keys().all(|place| place.3.is_none()) {
        return units;
    }
    let mut joined: BTreeMap<Place, ByName> = BTreeMap::new();
    // Of one place those without a text come first.
    for ((system, trial, part, text), by) in &units {
        let of_place = |it: &&Place| (&it.0, it.1, it.2) == (system, *trial, *part);
        let mut told = units.keys().filter(of_place).filter_map(|it| it.3);
        let only = match (text, told.next(), told.next()) {
            (None, Some(only), None) => Some(only),
            _ => *text,
        };
        let place = (system.clone(), *trial, *part, only);
        let all = joined.entry(place).or_default();
        for (name, label) in by {
            all.entry(Arc::clone(name)).or_insert(*label);
        }
    }
    joined
}

fn said<'a>(
    labels: &Labels,
    whose: Whose<'a>,
    example: u32,
) -> impl Iterator<Item = Label> + use<'a> {
    let said = if whose.beside {
        labels.people_of_example(whose.criterion, example)
    } else {
        labels.of_example(whose.criterion, example)
    };
    said.into_iter().filter(move |label| {
        let of_system = whose
            .system
            .is_none_or(|wanted| label.system.as_deref() == Some(wanted));
        let of_people = label.kind.is_none_or(|kind| kind == GraderKind::Person);
        let is_read = label.score.is_some() || !label.label.is_empty();
        of_system && of_people && !label.settles && is_read
    })
}
