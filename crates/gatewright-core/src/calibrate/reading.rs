//! Counting: people against the judge, on the answers that both read.

use std::collections::BTreeMap;

use gatewright_stats::agreement::RESAMPLES;
use gatewright_stats::bootstrap::{draw, interval_of_draws};
use gatewright_stats::estimate::{Bounds, Undefined};
use gatewright_stats::judge::{Accuracy, Confusion, accuracy, weighted_accuracy};
use gatewright_stats::kappa::cohen;
use gatewright_stats::proportion::Share;
use gatewright_stats::rank::spearman;
use gatewright_stats::rng::Stream;

use super::Unit;
use crate::outcome::{Bin, Missing};
use crate::reference::ReferenceSet;

/// What the labels of one system, or of several, say of the judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Judged units.
    pub units: u64,
    /// Units that people labelled, readable or not.
    pub labelled: u64,
    /// Units whose judge gave no readable verdict: kept as missing, in no rate.
    pub judge_unread: u64,
    /// Labelled units on which people are split or wrote what the page does not know.
    pub people_unread: u64,
    /// Units whose only labels are about another answer than the one of now: in no rate.
    pub outdated: u64,
    /// People against the judge, each label counted once.
    pub table: Confusion,
    /// Sensitivity and specificity with one-sided bounds: weighed by inclusion, by clusters where answers share one.
    pub accuracy: Accuracy,
    /// True when labels were drawn with unequal probabilities.
    pub weighted: bool,
    /// Agreement of verdicts: pass, fail, not applicable.
    pub verdicts: Option<Agreement>,
    /// Agreement of the labels as written, an unreadable one being its own class; only where both write the same ones.
    pub labels: Option<Agreement>,
    /// Answers on which the judge contradicts itself, of those it was asked about more than once.
    pub retest: (u64, u64),
    /// Spearman's correlation of scores and its n, where both give scores.
    pub ranks: Option<(f64, u64)>,
}

/// How often two agree, and how much of it is more than chance.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Units that both labelled.
    pub n: u64,
    /// Share of equal labels.
    pub same: f64,
    /// Cohen's kappa; none where chance agreement is certain.
    pub kappa: Option<f64>,
    /// The two as numbers, for the interval.
    pairs: (Vec<u32>, Vec<u32>, u32),
}

/// Counts what the labels of these units say.
pub fn reading(reference: &ReferenceSet, units: &[&Unit], written: bool, alpha: f64) -> Reading {
    let both: Vec<(&Unit, bool, bool)> = units
        .iter()
        .filter_map(|unit| Some((*unit, unit.said()?, unit.judged()?)))
        .collect();
    let unread = |bin: Bin| bin == Bin::Missing(Missing::GraderError);
    let said = |unit: &&&Unit| unit.beside.people.as_ref().map(|said| said.bin);
    let asked = units.iter().filter_map(|unit| unit.beside.flips);
    let (accuracy, weighted) = rates(reference, &both, alpha);
    Reading {
        units: units.len() as u64,
        labelled: units.iter().filter(|unit| said(unit).is_some()).count() as u64,
        judge_unread: units.iter().filter(|unit| unread(unit.judge)).count() as u64,
        people_unread: units
            .iter()
            .filter(|unit| said(unit).is_some_and(unread))
            .count() as u64,
        outdated: units.iter().filter(|unit| unit.beside.outdated).count() as u64,
        table: Confusion::count(both.iter().map(|(_, said, judged)| (*said, *judged))),
        accuracy,
        weighted,
        verdicts: agreement(units.iter().filter_map(|unit| {
            let word = |bin: Bin| match bin {
                Bin::Pass => Some("pass"),
                Bin::Fail(_) => Some("fail"),
                Bin::NotApplicable => Some("not applicable"),
                _ => None,
            };
            Some((word(said(&unit)?)?, word(unit.judge)?))
        })),
        labels: if written {
            agreement(units.iter().filter_map(|unit| {
                let people = unit.beside.people.as_ref()?.label.as_deref()?;
                Some((people, unit.beside.judge.as_deref()?))
            }))
        } else {
            None
        },
        retest: asked.fold((0, 0), |(flips, asked), differ| {
            (flips + u64::from(differ), asked + 1)
        }),
        ranks: ranks(units),
    }
}

/// Se and Sp: exact where every label is its own source, else by clusters and weights.
fn rates(reference: &ReferenceSet, both: &[(&Unit, bool, bool)], alpha: f64) -> (Accuracy, bool) {
    let people: Vec<bool> = both.iter().map(|(_, said, _)| *said).collect();
    let judge: Vec<bool> = both.iter().map(|(_, _, judged)| *judged).collect();
    let cluster: Vec<u32> = both
        .iter()
        .map(|(unit, ..)| reference.cluster[unit.example as usize])
        .collect();
    let weight: Vec<f64> = both
        .iter()
        .map(|(unit, ..)| {
            1.0 / unit
                .beside
                .people
                .as_ref()
                .map_or(1.0, |said| said.inclusion)
        })
        .collect();
    let weighted = weight.iter().any(|one| (one - weight[0]).abs() > 1e-12);
    let counts = accuracy(
        &Confusion::count(people.iter().copied().zip(judge.iter().copied())),
        alpha,
    );
    let weights = weighted.then_some(weight.as_slice());
    let found = weighted_accuracy(&people, &judge, &cluster, weights, alpha);
    let side = |found: Result<Bounds, Undefined>, counted: Share| match found {
        Ok(bounds) => of_bounds(&bounds),
        Err(Undefined::FewDegreesOfFreedom { shown, .. }) => of_bounds(&shown),
        // One source says as little as one label: its share stands, its bounds are open.
        Err(_) => Share {
            lower: 0.0,
            upper: 1.0,
            ..counted
        },
    };
    let accuracy = Accuracy {
        se: side(found.se, counts.se),
        sp: side(found.sp, counts.sp),
    };
    (accuracy, weighted)
}

/// A share at the effective number of rows.
fn of_bounds(bounds: &Bounds) -> Share {
    Share {
        point: Some(bounds.point.clamp(0.0, 1.0)),
        lower: bounds.lower.clamp(0.0, 1.0),
        upper: bounds.upper.clamp(0.0, 1.0),
        n: whole(bounds.n_eff),
    }
}

/// Effective counts are shown as whole labels; half a label more would claim evidence that is not there.
fn whole(count: f64) -> u64 {
    if count.is_finite() && count > 0.0 {
        count as u64
    } else {
        0
    }
}

fn agreement<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Agreement> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (people, judge) in pairs {
        let mut number = |text| {
            let next = numbers.len() as u32;
            *numbers.entry(text).or_insert(next)
        };
        first.push(number(people));
        second.push(number(judge));
    }
    let found = cohen(&first, &second, numbers.len() as u32).ok()?;
    Some(Agreement {
        n: first.len() as u64,
        same: found.percent_agreement,
        kappa: found.kappa,
        pairs: (first, second, numbers.len() as u32),
    })
}

/// Returns the approximate two-sided 95 % interval of kappa over resampled units; none below [`super::LEAST_ITEMS`] units,
/// where agreement is an anecdote, and where kappa is not defined.
pub fn agreement_interval(
    agreement: &Agreement,
    seed: u64,
    criterion: &str,
    segment: &str,
) -> Option<(f64, f64)> {
    agreement.kappa?;
    if agreement.n < super::LEAST_ITEMS {
        return None;
    }
    let (first, second, categories) = &agreement.pairs;
    let draws = (0..RESAMPLES).map(|replicate| {
        let mut stream = Stream::new(seed, criterion, segment, "kappa", replicate);
        draw(&mut stream, first.len())
    });
    let found = interval_of_draws(draws, 0.025, |rows| {
        let of = |values: &[u32]| -> Vec<u32> { rows.iter().map(|&row| values[row]).collect() };
        cohen(&of(first), &of(second), *categories).ok()?.kappa
    });
    found.ok().map(|interval| (interval.lower, interval.upper))
}

/// How alike two scores order the answers.
fn ranks(units: &[&Unit]) -> Option<(f64, u64)> {
    let score = |bin: Bin| match bin {
        Bin::Value(value) => Some(value),
        _ => None,
    };
    let (people, judge): (Vec<f64>, Vec<f64>) = units
        .iter()
        .filter_map(|unit| Some((score(unit.beside.people.as_ref()?.bin)?, score(unit.judge)?)))
        .unzip();
    let rho = spearman(&people, &judge).ok()?;
    Some((rho, people.len() as u64))
}
