//! The bootstrap (statistics.md §2.4): for stability and for statistics without a formula, never for a gate.
//!
//! Its intervals cover too little below about 30 independent clusters, so every one is to be called approximate.

use std::collections::BTreeMap;

use libm::{fabs, sqrt};

use crate::estimate::Undefined;
use crate::quantile::type7;
use crate::rng::{Stream, index};
use crate::special::{norm_cdf, norm_ppf};
use crate::sum::{mean, sum};

/// Labels up to this many times the number of rows are places in a list.
const DENSE: usize = 4;

/// Returns the percentile interval of resampled statistics at one-sided level alpha each: their type 7 quantiles.
///
/// # Errors
/// `Empty` without resamples, `OutOfRange` for one that is not finite.
pub fn percentile(resamples: &[f64], alpha: f64) -> Result<(f64, f64), Undefined> {
    let sorted = sorted(resamples)?;
    Ok((type7(&sorted, alpha), type7(&sorted, 1.0 - alpha)))
}

/// Returns the basic interval, the percentile interval mirrored at the estimate (Davison & Hinkley 1997).
///
/// # Errors
/// Those of [`percentile`].
pub fn basic(estimate: f64, resamples: &[f64], alpha: f64) -> Result<(f64, f64), Undefined> {
    let (lower, upper) = percentile(resamples, alpha)?;
    Ok((2.0 * estimate - upper, 2.0 * estimate - lower))
}

/// A bias-corrected and accelerated interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bca {
    /// Bias correction: Φ⁻¹ of the share of resamples below the estimate, ties counted half.
    pub z0: f64,
    /// Acceleration from the jackknife; 0 where it does not vary.
    pub acceleration: f64,
    /// The levels of the two quantiles.
    pub levels: [f64; 2],
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

/// Returns the BCa interval at one-sided level alpha each (Efron 1987), from resampled statistics and the statistic with
/// each unit left out once.
///
/// Where no resample differs from the estimate, the interval has no width: the caller says so.
///
/// # Errors
/// `Empty` without resamples or without jackknife values, `OutOfRange` for a value that is not finite.
pub fn bca(
    estimate: f64,
    resamples: &[f64],
    jackknife: &[f64],
    alpha: f64,
) -> Result<Bca, Undefined> {
    if jackknife.is_empty() {
        return Err(Undefined::Empty);
    }
    if !estimate.is_finite() || jackknife.iter().any(|value| !value.is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    let sorted = sorted(resamples)?;
    let count = sorted.len() as f64;
    let scale = sorted
        .iter()
        .copied()
        .map(fabs)
        .fold(fabs(estimate), f64::max);
    let slack = 1e-12 * scale;
    let below = sorted.iter().filter(|t| **t < estimate - slack).count() as f64;
    let equal = sorted
        .iter()
        .filter(|t| fabs(**t - estimate) <= slack)
        .count() as f64;
    let share = ((below + 0.5 * equal) / count).clamp(0.5 / count, 1.0 - 0.5 / count);
    let z0 = norm_ppf(share);
    let acceleration = acceleration(jackknife);
    let level = |alpha: f64| {
        let z = z0 + norm_ppf(alpha);
        norm_cdf(z0 + z / (1.0 - acceleration * z))
    };
    let levels = [level(alpha), level(1.0 - alpha)];
    Ok(Bca {
        z0,
        acceleration,
        levels,
        lower: type7(&sorted, levels[0]),
        upper: type7(&sorted, levels[1]),
    })
}

/// Σd³/(6(Σd²)^1.5) with d = mean − value; 0 where the values differ by rounding only.
fn acceleration(jackknife: &[f64]) -> f64 {
    let centre = mean(jackknife);
    let scale = jackknife.iter().copied().map(fabs).fold(0.0, f64::max);
    let squares = sum(jackknife.iter().map(|t| (centre - t) * (centre - t)));
    if squares <= jackknife.len() as f64 * (1e-14 * scale) * (1e-14 * scale) {
        return 0.0;
    }
    let cubes = sum(jackknife.iter().map(|t| (centre - t).powi(3)));
    cubes / (6.0 * squares * sqrt(squares))
}

/// Returns the mean of the rows of one resample: `draw` holds row numbers below the number of values, and is not empty.
pub fn mean_of_draw(values: &[f64], draw: &[usize]) -> f64 {
    sum(draw.iter().map(|&row| values[row])) / draw.len() as f64
}

/// Returns the mean with each of at least two values left out once.
pub fn jackknife_means(values: &[f64]) -> Vec<f64> {
    let total = sum(values.iter().copied());
    let rest = values.len() as f64 - 1.0;
    values.iter().map(|value| (total - value) / rest).collect()
}

/// Draws `units` of `units` with replacement, from the words of one replicate.
pub fn draw(stream: &mut Stream, units: usize) -> Vec<usize> {
    (0..units)
        .map(|_| stream.index(units as u64) as usize)
        .collect()
}

/// A percentile interval of a statistic that some resamples leave undefined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// One-sided lower bound.
    pub lower: f64,
    /// One-sided upper bound.
    pub upper: f64,
    /// Resamples that the bounds rest on.
    pub kept: u64,
    /// Resamples in which the statistic was undefined.
    pub dropped: u64,
}

/// Returns the percentile interval of a statistic over resampled units (items, clusters) at one-sided level alpha each.
///
/// Each draw is a list of units, as many as there are; undefined resamples are dropped and counted.
///
/// # Errors
/// `NoVariation` when every resample is undefined or there is none.
pub fn interval_of_draws(
    draws: impl IntoIterator<Item = Vec<usize>>,
    alpha: f64,
    statistic: impl Fn(&[usize]) -> Option<f64>,
) -> Result<Interval, Undefined> {
    let (mut kept, mut dropped) = (Vec::new(), 0);
    for draw in draws {
        match statistic(&draw).filter(|value| value.is_finite()) {
            Some(value) => kept.push(value),
            None => dropped += 1,
        }
    }
    if kept.is_empty() {
        return Err(Undefined::NoVariation);
    }
    let (lower, upper) = percentile(&kept, alpha)?;
    Ok(Interval {
        lower,
        upper,
        kept: kept.len() as u64,
        dropped,
    })
}

/// Resampled clusters of a weighted-by-size mean.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterBootstrap {
    /// Mean over all rows.
    pub estimate: f64,
    /// Its CR1 standard error.
    pub se: f64,
    /// The mean in each resample.
    pub resamples: Vec<f64>,
    /// Percentile interval.
    pub percentile: (f64, f64),
    /// Studentised interval; none where every resample has a standard error of 0.
    pub studentised: Option<(f64, f64)>,
    /// Resamples without a standard error, left out of `studentised`.
    pub zero_se: u64,
}

/// Sums and numbers of the rows of each cluster, in the order of labels.
fn groups(values: &[f64], clusters: &[u32]) -> Result<Vec<(f64, f64)>, Undefined> {
    if values.is_empty() {
        return Err(Undefined::Empty);
    }
    if values.len() != clusters.len() || !values.iter().all(|value| value.is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    let most = clusters.iter().copied().max().unwrap_or(0) as usize;
    let groups: Vec<(f64, f64)> = if most < DENSE * values.len() {
        let mut all = vec![(0.0, 0.0); most + 1];
        for (value, cluster) in values.iter().zip(clusters) {
            let group = &mut all[*cluster as usize];
            *group = (group.0 + value, group.1 + 1.0);
        }
        all.into_iter().filter(|(_, rows)| *rows > 0.0).collect()
    } else {
        let mut all: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for (value, cluster) in values.iter().zip(clusters) {
            let group = all.entry(*cluster).or_default();
            *group = (group.0 + value, group.1 + 1.0);
        }
        all.into_values().collect()
    };
    if groups.len() < 2 {
        return Err(Undefined::TooFewClusters {
            clusters: groups.len() as u64,
        });
    }
    Ok(groups)
}

/// Returns the mean over all rows in each of `replicates` resamples of whole clusters, drawn from a stream's words: replicate r from the words of
/// [`Stream::new`] with that replicate, so any number of threads (from 1) gives the same bytes.
///
/// # Errors
/// `Empty` without rows, `TooFewClusters` below two, `OutOfRange` for a value that is not finite and for lists of different lengths.
pub fn resampled_means(
    values: &[f64],
    clusters: &[u32],
    (seed, criterion, segment): (u64, &str, &str),
    replicates: u64,
    threads: usize,
) -> Result<Vec<f64>, Undefined> {
    let groups = groups(values, clusters)?;
    let stream = Stream::new(seed, criterion, segment, "bootstrap", 0);
    let mut means = vec![0.0; replicates as usize];
    let part = means.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        for (at, part_of) in (0_u64..).zip(means.chunks_mut(part)) {
            let (groups, stream) = (&groups, &stream);
            scope.spawn(move || {
                for (replicate, mean) in (at * part as u64..).zip(part_of) {
                    *mean = resampled_mean(groups, &mut stream.replicate(replicate));
                }
            });
        }
    });
    Ok(means)
}

/// One resample: four sums beside each other, so that no addition waits for the one before it.
fn resampled_mean(groups: &[(f64, f64)], stream: &mut Stream) -> f64 {
    let count = groups.len();
    let (mut sums, mut rows) = ([0.0; 4], [0.0; 4]);
    for _ in 0..count / 4 {
        let words = stream.block();
        for lane in 0..4 {
            let (sum, size) = groups[index(words[lane], count as u64) as usize];
            sums[lane] += sum;
            rows[lane] += size;
        }
    }
    let rest = stream.block();
    for lane in 0..count % 4 {
        let (sum, size) = groups[index(rest[lane], count as u64) as usize];
        sums[lane] += sum;
        rows[lane] += size;
    }
    (sums[0] + sums[1] + (sums[2] + sums[3])) / (rows[0] + rows[1] + (rows[2] + rows[3]))
}

/// Resamples whole clusters: each draw names clusters by their place in the order of labels, as many as there are, and a
/// cluster drawn twice counts as two (Davison & Hinkley 1997; Cameron, Gelbach & Miller 2008).
///
/// # Errors
/// `Empty` without rows or draws, `TooFewClusters` below two, `OutOfRange` for a value that is not finite or a draw that
/// names no cluster or is empty.
pub fn cluster_bootstrap(
    values: &[f64],
    clusters: &[u32],
    draws: &[Vec<usize>],
    alpha: f64,
) -> Result<ClusterBootstrap, Undefined> {
    if values.is_empty() || draws.is_empty() {
        return Err(Undefined::Empty);
    }
    let groups = groups(values, clusters)?;
    let named = |draw: &Vec<usize>| !draw.is_empty() && draw.iter().all(|&g| g < groups.len());
    if !draws.iter().all(named) {
        return Err(Undefined::OutOfRange);
    }
    let all: Vec<usize> = (0..groups.len()).collect();
    let (estimate, se) = ratio_with_se(&groups, &all);
    let (mut resamples, mut studentised, mut zero_se) = (Vec::new(), Vec::new(), 0);
    for draw in draws {
        let (theta, se) = ratio_with_se(&groups, draw);
        resamples.push(theta);
        if se > 0.0 {
            studentised.push((theta - estimate) / se);
        } else {
            zero_se += 1;
        }
    }
    let studentised = if studentised.is_empty() {
        None
    } else {
        let (low, high) = percentile(&studentised, alpha)?;
        Some((estimate - high * se, estimate - low * se))
    };
    Ok(ClusterBootstrap {
        estimate,
        se,
        percentile: percentile(&resamples, alpha)?,
        resamples,
        studentised,
        zero_se,
    })
}

/// ΣS/ΣW over the drawn clusters with its CR1 standard error; 0 where residuals are rounding errors only.
fn ratio_with_se(groups: &[(f64, f64)], draw: &[usize]) -> (f64, f64) {
    let total = sum(draw.iter().map(|&g| groups[g].1));
    let theta = sum(draw.iter().map(|&g| groups[g].0)) / total;
    let count = draw.len() as f64;
    let squares = sum(draw.iter().map(|&g| {
        let (s, w) = groups[g];
        let residual = s - theta * w;
        let size = fabs(s) + fabs(theta) * w;
        if fabs(residual) <= 8.0 * f64::EPSILON * size {
            0.0
        } else {
            (residual / total) * (residual / total)
        }
    }));
    if count < 2.0 {
        return (theta, 0.0);
    }
    (theta, sqrt(count / (count - 1.0) * squares))
}

fn sorted(values: &[f64]) -> Result<Vec<f64>, Undefined> {
    if values.is_empty() {
        return Err(Undefined::Empty);
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}
