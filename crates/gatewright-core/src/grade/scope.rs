//! What the page's criteria ask of examples: answered once, while an example is at hand, and kept as bits.

use std::sync::Arc;

use super::preference::candidate_is_first;
use super::ready::{Ready, expects, prepare_rule};
use crate::manifest::{Criterion, Grader, Manifest, Role};
use crate::reference::{Changed, Example, ReferenceSet};
use crate::segment;

/// What the criteria of a page ask of an example itself: whether it expects something for them, and the fields that they name.
/// Segments are not in it: they are known of every example.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    criteria: Vec<Criterion>,
    dimensions: Vec<String>,
    /// The names of candidate and production.
    pair: [String; 2],
    /// For each criterion: the first of its bits.
    first: Vec<usize>,
    bits: usize,
    /// The rules, compiled once.
    ready: Arc<Vec<Ready<'static>>>,
}

impl PartialEq for Scope {
    /// Everything else follows from what is compared.
    fn eq(&self, other: &Self) -> bool {
        self.criteria == other.criteria
            && self.dimensions == other.dimensions
            && self.pair == other.pair
    }
}

/// The bits of one example.
#[derive(Clone, Debug)]
pub(crate) struct Bits(Box<[u64]>);

/// The bits of every example of a set.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    scope: Scope,
    bits: Vec<u64>,
}

impl Scope {
    pub(crate) fn new(manifest: &Manifest) -> Self {
        let name = |role| {
            let system = manifest.systems.get(&role);
            system.map_or_else(String::new, |system| system.name.clone())
        };
        let mut first = Vec::with_capacity(manifest.criteria.len());
        let mut bits = 0;
        for criterion in &manifest.criteria {
            first.push(bits);
            bits += 1 + match &criterion.grader {
                Grader::Label(grader) => grader.values.len(),
                Grader::Preference(_) => 1,
                _ => 0,
            };
            bits += people(criterion).len();
        }
        Self {
            criteria: manifest.criteria.clone(),
            dimensions: manifest
                .dimensions
                .iter()
                .map(|dimension| dimension.name.clone())
                .collect(),
            pair: [name(Role::Candidate), name(Role::Production)],
            first,
            bits,
            ready: Arc::new(manifest.criteria.iter().map(compiled).collect()),
        }
    }

    /// Answers everything that is asked of an example.
    pub(crate) fn ask(&self, example: &Example) -> Bits {
        let mut bits = vec![0_u64; self.words()].into_boxed_slice();
        let mut set = |bit: usize, holds: bool| bits[bit / 64] |= u64::from(holds) << (bit % 64);
        let has = |conditions: &_| segment::has_fields(&self.dimensions, example, conditions);
        let rules = self.criteria.iter().zip(self.ready.iter());
        for ((criterion, ready), &first) in rules.zip(&self.first) {
            let mut expected = match &criterion.grader {
                Grader::Label(_) | Grader::Preference(_) => true,
                rule => expects(rule, ready, example),
            };
            match &criterion.grader {
                Grader::Label(grader) => {
                    for (map, bit) in grader.values.iter().zip(first + 1..) {
                        set(bit, has(&map.when));
                    }
                }
                Grader::Preference(grader) => {
                    let [candidate, production] = &self.pair;
                    let order = candidate_is_first(grader, candidate, production, example);
                    expected = order.is_some();
                    set(first + 1, order == Some(true));
                }
                _ => {}
            }
            let own = Self::own_maps(&criterion.grader);
            for (map, bit) in people(criterion).iter().zip(first + 1 + own..) {
                set(bit, has(&map.when));
            }
            set(first, expected && has(&criterion.applies_to));
        }
        Bits(bits)
    }

    /// The label maps of a grader itself; those of people beside it follow them.
    fn own_maps(grader: &Grader) -> usize {
        match grader {
            Grader::Label(grader) => grader.values.len(),
            _ => 0,
        }
    }

    fn words(&self) -> usize {
        self.bits.div_ceil(64)
    }
}

fn people(criterion: &Criterion) -> &[crate::manifest::LabelMap] {
    let people = criterion.people.as_ref();
    people.map_or(&[], |people| &people.labels.values)
}

/// Compiles a criterion's rule. What cannot be used expects nothing, and is an error where graders are made; labels and preferences need nothing here.
fn compiled(criterion: &Criterion) -> Ready<'static> {
    match &criterion.grader {
        Grader::Label(_) | Grader::Preference(_) | Grader::Judge(_) | Grader::Program(_) => {
            Ready::Plain
        }
        rule => prepare_rule(rule).unwrap_or(Ready::Plain),
    }
}

impl Marks {
    /// Starts without examples.
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            bits: Vec::new(),
        }
    }

    /// Takes the marks that were made when the set was loaded; where other criteria were asked for then, every example is read again.
    ///
    /// # Errors
    /// When an example is not what it was.
    pub(crate) fn of(manifest: &Manifest, reference: &ReferenceSet) -> Result<Arc<Self>, Changed> {
        let scope = Scope::new(manifest);
        if let Some(known) = reference.marks().filter(|marks| marks.scope == scope) {
            return Ok(known.clone());
        }
        let mut marks = Self::new(scope);
        for index in 0..reference.examples.len() as u32 {
            let bits = marks.scope.ask(&*reference.example(index)?);
            marks.push(&bits);
        }
        Ok(Arc::new(marks))
    }

    /// Adds an example's bits.
    pub(crate) fn push(&mut self, bits: &Bits) {
        self.bits.extend_from_slice(&bits.0);
    }

    /// Puts examples in another order, given by their places in this one; those that are not named are left out.
    pub(crate) fn reordered(self, order: &[u32]) -> Self {
        let words = self.scope.words();
        let of = |&place: &u32| &self.bits[place as usize * words..][..words];
        let bits = order.iter().flat_map(of).copied().collect();
        Self { bits, ..self }
    }

    /// Says whether an example expects something for a criterion and has the fields that it applies to.
    pub(crate) fn expects(&self, criterion: u16, example: u32) -> bool {
        self.is_set(criterion, 0, example)
    }

    /// Says whether an example has the fields that a label map of a criterion is for.
    pub(super) fn fits(&self, criterion: u16, map: usize, example: u32) -> bool {
        self.is_set(criterion, 1 + map, example)
    }

    /// Says whether an example has the fields that a label map of the people beside a judge is for.
    pub(super) fn fits_people(&self, criterion: u16, map: usize, example: u32) -> bool {
        let own = Scope::own_maps(&self.scope.criteria[usize::from(criterion)].grader);
        self.is_set(criterion, 1 + own + map, example)
    }

    /// Says whether an example's first system is the candidate.
    pub(super) fn candidate_is_first(&self, criterion: u16, example: u32) -> bool {
        self.is_set(criterion, 1, example)
    }

    fn is_set(&self, criterion: u16, bit: usize, example: u32) -> bool {
        let bit = self.scope.first[usize::from(criterion)] + bit;
        let word = self.bits[example as usize * self.scope.words() + bit / 64];
        word >> (bit % 64) & 1 == 1
    }
}
