//! What to label next: where it pays, at random where it does not, and blind (statistics.md §8).

use std::collections::BTreeMap;

use gatewright_stats::rng::Stream;

use super::Unit;
use crate::manifest::Role;
use crate::outcome::Bin;

/// Judge-passes that are drawn at least, so that what the judge overlooks is seen.
const LEAST_PASSES: usize = 30;

/// An answer to label.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'u> {
    /// The judged unit.
    pub unit: &'u Unit,
    /// Why it is drawn.
    pub stratum: Stratum,
    /// The probability with which it was drawn, in (0, 1].
    pub inclusion: f64,
}

/// Why an answer is drawn. All answers to one example are drawn together: a comparison needs both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stratum {
    /// The judge passes one of candidate and production, and not the other.
    Flip,
    /// The judge fails it, or cannot be read.
    Fail,
    /// The judge passes it on every system.
    Pass,
}

impl Stratum {
    /// All, in the order in which they are worth a label.
    pub const ALL: [Stratum; 3] = [Stratum::Flip, Stratum::Fail, Stratum::Pass];

    fn word(self) -> &'static str {
        match self {
            Stratum::Flip => "flips",
            Stratum::Fail => "fails",
            Stratum::Pass => "passes",
        }
    }
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing<'u> {
    /// Answers in a random order.
    pub answers: Vec<Answer<'u>>,
    /// Per stratum: examples drawn, and examples there are.
    pub strata: BTreeMap<Stratum, (usize, usize)>,
    /// Answers that would take in every flip, every fail and `LEAST_PASSES` passes.
    pub whole: usize,
}

/// Draws at most `budget` answers: all flips, all fails and at least 30 random passes as far as that goes, more passes where
/// there is room. A larger budget of the same seed draws everything that a smaller one does.
pub fn draw<'u>(units: &'u [Unit], budget: usize, seed: u64, criterion: &str) -> Drawing<'u> {
    let mut examples: BTreeMap<u32, Vec<&Unit>> = BTreeMap::new();
    for unit in units.iter().filter(|unit| unit.judge != Bin::NotApplicable) {
        examples.entry(unit.example).or_default().push(unit);
    }
    let mut strata: BTreeMap<Stratum, Vec<Vec<&Unit>>> = BTreeMap::new();
    for group in examples.into_values() {
        strata.entry(stratum(&group)).or_default().push(group);
    }
    for (stratum, groups) in &mut strata {
        Stream::new(seed, criterion, stratum.word(), "label", 0).shuffle(groups);
    }
    let of = |stratum| strata.get(&stratum).map_or(&[][..], Vec::as_slice);
    let cost = |groups: &[Vec<&Unit>]| groups.iter().map(Vec::len).sum::<usize>();
    let (flips, fails, passes) = (of(Stratum::Flip), of(Stratum::Fail), of(Stratum::Pass));
    let least = &passes[..passes.len().min(LEAST_PASSES)];
    let whole = cost(flips) + cost(fails) + cost(least);
    // Where not everything fits, a third is for passes: without them nothing is known of what the judge overlooks.
    let reserved = cost(least).min(if whole <= budget { budget } else { budget / 3 });
    let mut left = budget - reserved.min(budget);
    let flips = &flips[..fitting(flips, &mut left)];
    let fails = &fails[..fitting(fails, &mut left)];
    left += reserved;
    let passes = &passes[..fitting(passes, &mut left)];
    let mut drawing = Drawing {
        answers: Vec::new(),
        strata: BTreeMap::new(),
        whole,
    };
    for (stratum, drawn) in Stratum::ALL.into_iter().zip([flips, fails, passes]) {
        let there = of(stratum).len();
        drawing.strata.insert(stratum, (drawn.len(), there));
        let inclusion = drawn.len() as f64 / there.max(1) as f64;
        drawing
            .answers
            .extend(drawn.iter().flatten().map(|unit| Answer {
                unit,
                stratum,
                inclusion,
            }));
    }
    Stream::new(seed, criterion, "", "label-order", 0).shuffle(&mut drawing.answers);
    drawing
}

/// Counts the groups at the front that fit, and takes their answers off what is left.
fn fitting(groups: &[Vec<&Unit>], left: &mut usize) -> usize {
    groups
        .iter()
        .take_while(|group| {
            let fits = group.len() <= *left;
            if fits {
                *left -= group.len();
            }
            fits
        })
        .count()
}

fn stratum(group: &[&Unit]) -> Stratum {
    let share = |role: Role| {
        let of: Vec<f64> = group
            .iter()
            .filter(|unit| unit.role == role)
            .filter_map(|unit| unit.judged().map(|passed| f64::from(u8::from(passed))))
            .collect();
        (!of.is_empty()).then(|| of.iter().sum::<f64>() / of.len() as f64)
    };
    let sides = share(Role::Candidate).zip(share(Role::Production));
    if sides.is_some_and(|(ours, theirs)| (ours - theirs).abs() > 1e-12) {
        return Stratum::Flip;
    }
    if group.iter().any(|unit| unit.judged() != Some(true)) {
        return Stratum::Fail;
    }
    Stratum::Pass
}
