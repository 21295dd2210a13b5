//! What is taken down of an example while its line is read, and how it is kept until all are there.

use std::collections::HashMap;
use std::sync::Arc;

use super::Asks;
use super::content::Cases;
use crate::grade::{Bits, Marks, Scope};
use crate::json::Place;
use crate::reference::claims::{Claim, Collected};
use crate::reference::{Entry, Example};
use crate::segment::{Dimensions, Value};

/// One example, taken down.
pub(super) struct Draft {
    entry: Entry,
    added: Option<Box<str>>,
    cluster: Option<Box<str>>,
    base: Option<Box<str>>,
    cases: Cases,
    values: Box<[Value]>,
    unknown: Vec<Box<str>>,
    claims: Vec<Claim>,
    bits: Bits,
}

/// What an example has in common with others.
#[derive(Debug)]
pub(super) struct Ties {
    /// The cluster it states, as an index into [`Drafts::clusters`]; [`Ties::NONE`] when it states none.
    pub(super) cluster: u32,
    /// The example it is a variant of, as an index into [`Drafts::bases`]; [`Ties::NONE`] when it is none.
    pub(super) base: u32,
    /// A hash of what it asks and expects; it means nothing when its input is withheld.
    pub(super) case: u64,
    /// A hash of its words alone; nothing where it has too few.
    pub(super) near: Option<std::num::NonZeroU64>,
}

impl Ties {
    pub(super) const NONE: u32 = u32::MAX;
}

impl Draft {
    pub(super) fn of(
        example: &Example,
        cases: Cases,
        (file, place): (u32, Place),
        asks: &Asks<'_>,
    ) -> Self {
        let mut entry = Entry::of(example);
        entry.file = file;
        (entry.line, entry.offset, entry.bytes) = (place.line, place.offset, place.bytes);
        entry.traits.noted = asks.note.is_some_and(|wanted| wanted(example));
        let variant = example.variant.as_ref();
        Self {
            entry,
            added: example.provenance.added.as_deref().map(Into::into),
            cluster: example.cluster.as_deref().map(Into::into),
            base: variant.map(|variant| variant.of.as_str().into()),
            cases,
            values: asks.dimensions.values(example),
            unknown: asks.dimensions.unknown(example),
            claims: Claim::of(example),
            bits: asks.scope.ask(example),
        }
    }
}

/// All examples, in the order in which they were read.
pub(super) struct Drafts {
    pub(super) entries: Vec<Entry>,
    pub(super) ties: Vec<Ties>,
    pub(super) clusters: Numbered,
    pub(super) bases: Numbered,
    pub(super) dates: Numbered,
    /// For each dimension: what each example has in it, as [`Dimensions::settle`] takes it.
    pub(super) values: Vec<Vec<u32>>,
    /// For each dimension: values that examples state and the page does not list.
    pub(super) texts: Vec<Numbered>,
    declared: Vec<u32>,
    /// What examples state of dimensions that the page does not have.
    pub(super) unknown: Vec<(u32, Box<str>)>,
    pub(super) claims: Collected,
    pub(super) marks: Marks,
}

impl Drafts {
    pub(super) fn new(dimensions: &Dimensions<'_>, scope: Scope) -> Self {
        let all = 0..dimensions.len();
        Self {
            entries: Vec::new(),
            ties: Vec::new(),
            clusters: Numbered::default(),
            bases: Numbered::default(),
            dates: Numbered::default(),
            values: vec![Vec::new(); all.len()],
            texts: all.clone().map(|_| Numbered::default()).collect(),
            declared: all.map(|index| dimensions.declared(index)).collect(),
            unknown: Vec::new(),
            claims: Collected::default(),
            marks: Marks::new(scope),
        }
    }

    /// Adds the next example.
    pub(super) fn add(&mut self, draft: Draft) {
        let number = self.entries.len() as u32;
        let Draft {
            mut entry,
            added,
            cluster,
            base,
            cases,
            values,
            unknown,
            claims,
            bits,
        } = draft;
        if let Some(added) = added {
            entry.added = self.dates.number(&added);
        }
        self.entries.push(entry);
        let number_in = |all: &mut Numbered, text: Option<Box<str>>| {
            text.map_or(Ties::NONE, |text| all.number(&text))
        };
        self.ties.push(Ties {
            cluster: number_in(&mut self.clusters, cluster),
            base: number_in(&mut self.bases, base),
            case: cases.same.unwrap_or_default(),
            near: cases.near.and_then(std::num::NonZeroU64::new),
        });
        for (dimension, value) in values.into_iter().enumerate() {
            self.values[dimension].push(match value {
                Value::None => Dimensions::NOTHING,
                Value::Declared(place) => place,
                Value::Stated(text) => {
                    self.declared[dimension] + self.texts[dimension].number(&text)
                }
            });
        }
        self.unknown
            .extend(unknown.into_iter().map(|name| (number, name)));
        self.claims.add(number, claims);
        self.marks.push(&bits);
    }
}

/// Texts that occur again and again, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    numbers: HashMap<Arc<str>, u32>,
    pub(super) texts: Vec<Arc<str>>,
}

impl Numbered {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let number = self.texts.len() as u32;
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }
}
