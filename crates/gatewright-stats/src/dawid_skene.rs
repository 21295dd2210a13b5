//! Likely labels of many reviewers by expectation–maximisation (Dawid & Skene 1979; statistics.md §9).
//!
//! A hint where to look first, never the truth: blind spots that reviewers share break it, and reviewers worse than chance
//! turn the labels round. It needs at least [`LEAST_WORKERS`] reviewers to say anything.

use libm::{exp, log};

use crate::estimate::Undefined;
use crate::sum::sum;

/// Fewest reviewers whose result is worth showing.
pub const LEAST_WORKERS: u32 = 3;

/// Smallest share: keeps one contradiction from deciding alone.
const FLOOR: f64 = 1e-10;

/// One label that a reviewer gave an item; all three are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The item.
    pub item: u32,
    /// Who labelled it.
    pub worker: u32,
    /// The label.
    pub label: u32,
}

/// How many items, reviewers and labels there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Items; each must have an annotation.
    pub items: u32,
    /// Reviewers.
    pub workers: u32,
    /// Labels.
    pub labels: u32,
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Iterations at most.
    pub iterations: u32,
    /// Stop earlier when the evidence lower bound grows by less; none means never.
    pub gain: Option<f64>,
}

impl Default for Stop {
    /// 50 iterations, or a gain below 1e-9.
    fn default() -> Self {
        Self {
            iterations: 50,
            gain: Some(1e-9),
        }
    }
}

/// What the reviewers' labels say together.
#[derive(Clone, Debug, PartialEq)]
pub struct DawidSkene {
    /// Item × label: how likely each label is, each at least 1e-10.
    pub posterior: Vec<Vec<f64>>,
    /// Label: how frequent it is.
    pub prior: Vec<f64>,
    /// Reviewer × given label × true label: P(given | true); 0 for a label that the reviewer never gave.
    pub errors: Vec<Vec<Vec<f64>>>,
    /// Iterations made.
    pub iterations: u32,
}

impl DawidSkene {
    /// Returns how often a reviewer gives the true label, Σ_t prior_t·P(t given | t): below 1/labels, labels may be turned
    /// round.
    pub fn accuracy(&self, worker: usize) -> Option<f64> {
        let errors = self.errors.get(worker)?;
        Some(sum(
            (0..self.prior.len()).map(|t| self.prior[t] * errors[t][t])
        ))
    }
}

/// Estimates labels, their frequencies and each reviewer's error rates, starting from the shares of votes.
///
/// # Errors
/// `Empty` without annotations or for an item without one, `OutOfRange` for an index beyond its size.
pub fn dawid_skene(
    annotations: &[Annotation],
    size: Size,
    stop: Stop,
) -> Result<DawidSkene, Undefined> {
    let outside =
        |a: &Annotation| a.item >= size.items || a.worker >= size.workers || a.label >= size.labels;
    if annotations.is_empty() {
        return Err(Undefined::Empty);
    }
    if annotations.iter().any(outside) {
        return Err(Undefined::OutOfRange);
    }
    let mut posterior = votes(annotations, size)?;
    let mut prior = shares(&posterior);
    let mut errors = confusions(annotations, size, &posterior);
    let (mut made, mut bound) = (0, f64::NEG_INFINITY);
    while made < stop.iterations {
        posterior = expect(annotations, size, &prior, &errors);
        prior = shares(&posterior);
        errors = confusions(annotations, size, &posterior);
        made += 1;
        if let Some(gain) = stop.gain {
            let next = lower_bound(annotations, &posterior, &prior, &errors);
            if (next - bound).abs() < gain {
                break;
            }
            bound = next;
        }
    }
    Ok(DawidSkene {
        posterior,
        prior,
        errors,
        iterations: made,
    })
}

/// Shares of votes per item.
fn votes(annotations: &[Annotation], size: Size) -> Result<Vec<Vec<f64>>, Undefined> {
    let mut votes = vec![vec![0.0; size.labels as usize]; size.items as usize];
    for a in annotations {
        votes[a.item as usize][a.label as usize] += 1.0;
    }
    for row in &mut votes {
        let total: f64 = row.iter().sum();
        if total == 0.0 {
            return Err(Undefined::Empty);
        }
        row.iter_mut().for_each(|vote| *vote /= total);
    }
    Ok(votes)
}

/// Mean posterior of each label.
fn shares(posterior: &[Vec<f64>]) -> Vec<f64> {
    (0..posterior[0].len())
        .map(|t| sum(posterior.iter().map(|row| row[t])) / posterior.len() as f64)
        .collect()
}

/// P(given | true) of each reviewer, floored; labels never given stay 0.
fn confusions(
    annotations: &[Annotation],
    size: Size,
    posterior: &[Vec<f64>],
) -> Vec<Vec<Vec<f64>>> {
    let labels = size.labels as usize;
    let mut errors = vec![vec![vec![0.0; labels]; labels]; size.workers as usize];
    let mut given = vec![vec![false; labels]; size.workers as usize];
    for a in annotations {
        let (worker, label) = (a.worker as usize, a.label as usize);
        given[worker][label] = true;
        for (cell, share) in errors[worker][label]
            .iter_mut()
            .zip(&posterior[a.item as usize])
        {
            *cell += share;
        }
    }
    for (table, given) in errors.iter_mut().zip(&given) {
        for t in 0..labels {
            let mut total = 0.0;
            for (row, _) in table.iter_mut().zip(given).filter(|(_, given)| **given) {
                row[t] = f64::max(row[t], FLOOR);
                total += row[t];
            }
            for (row, _) in table.iter_mut().zip(given).filter(|(_, given)| **given) {
                row[t] /= total;
            }
        }
    }
    errors
}

/// Posterior of each item, through logarithms.
fn expect(
    annotations: &[Annotation],
    size: Size,
    prior: &[f64],
    errors: &[Vec<Vec<f64>>],
) -> Vec<Vec<f64>> {
    let start: Vec<f64> = prior.iter().map(|share| log(*share)).collect();
    let mut posterior = vec![start; size.items as usize];
    for a in annotations {
        let seen = &errors[a.worker as usize][a.label as usize];
        for (cell, share) in posterior[a.item as usize].iter_mut().zip(seen) {
            *cell += log(*share);
        }
    }
    for row in &mut posterior {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter_mut().for_each(|cell| *cell = exp(*cell - most));
        let total: f64 = row.iter().sum();
        row.iter_mut()
            .for_each(|cell| *cell = (*cell / total).max(FLOOR));
    }
    posterior
}

/// Expected log likelihood plus entropy: what every iteration increases.
fn lower_bound(
    annotations: &[Annotation],
    posterior: &[Vec<f64>],
    prior: &[f64],
    errors: &[Vec<Vec<f64>>],
) -> f64 {
    let items = posterior.iter().flat_map(|row| {
        row.iter()
            .zip(prior)
            .map(|(share, prior)| share * (log(*prior) - log(*share)))
    });
    let given = annotations.iter().flat_map(|a| {
        let seen = &errors[a.worker as usize][a.label as usize];
        posterior[a.item as usize]
            .iter()
            .zip(seen)
            .map(|(share, error)| share * log(*error))
    });
    sum(items.chain(given))
}
