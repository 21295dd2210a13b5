//! Which method a row of evidence gets (the table of statistics.md §3), with its bounds and p-values.
//!
//! | outcome | independent rows | clustered or weighted |
//! |---|---|---|
//! | pass/fail, one system | Clopper–Pearson | Korn–Graubard |
//! | pass/fail, paired | Tango | CR2 + t, or effective-count Tango |
//! | score or trial mean | t if n ≥ 10 and s > 0, else betting | CR2 + t if df ≥ 4 |
//! | trial means of which few differ | effective-count Clopper–Pearson or Tango | the same |
//! | quantile | order statistics | ranks at n/deff |
//! | ratio | delta, Fieller if CV > .1 | the same on clusters |
//!
//! P-values come from the same statistic as the bounds: a bound at level alpha clears a threshold exactly when the p-value is below alpha.

mod difference;
mod p_values;
mod quantile;
mod rate;

pub use difference::{paired_difference, paired_difference_at};
pub use p_values::{
    p_above_difference, p_above_mean, p_above_pass_rate, p_below_difference, p_below_mean,
    p_below_pass_rate,
};
pub use quantile::{quantile, quantile_point, weighted_quantile, whole_rows};
pub use rate::{pass_rate, pass_rate_at};

use crate::betting;
use crate::cluster::{ClusterMean, are_distinct, cluster_mean};
use crate::estimate::{Bounds, Method, Undefined};
use crate::mean::student_t;
use crate::ratio;
use crate::special::t_ppf;

/// Fewest degrees of freedom that may gate (statistics.md §2.3).
const LEAST_DF: f64 = 4.0 - 1e-9;
/// Fewest costs that are not 0 for a t interval of a mean cost.
const LEAST_NONZERO: usize = 10;
/// Fewest independent rows for a t interval.
const LEAST_ROWS: usize = 10;

/// Rows of one cell: all slices have the same length. Cluster labels may be any numbers; no weights means all alike.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Values.
    pub value: &'a [f64],
    /// Cluster of each row.
    pub cluster: &'a [u32],
    /// Weight of each row, ≥ 0.
    pub weight: Option<&'a [f64]>,
}

impl Rows<'_> {
    /// True when every row is its own cluster and weights are alike.
    pub fn independent(&self) -> bool {
        if self.weight.is_some() {
            return false;
        }
        are_distinct(self.cluster)
    }

    /// Rows of a kind that carry weight.
    fn count(&self, is: impl Fn(f64) -> bool) -> usize {
        let weighs = |row: usize| self.weight.is_none_or(|weights| weights[row] > 0.0);
        (0..self.value.len())
            .filter(|&row| is(self.value[row]) && weighs(row))
            .count()
    }

    fn check(&self, low: f64, high: f64) -> Result<(), Undefined> {
        if self.value.is_empty() {
            return Err(Undefined::Empty);
        }
        if self
            .value
            .iter()
            .any(|value| !value.is_finite() || *value < low - 1e-12 || *value > high + 1e-12)
        {
            return Err(Undefined::OutOfRange);
        }
        Ok(())
    }
}

/// Returns bounds at several levels from one plan, or why there is none, once for each level.
fn at_each<P, const N: usize>(
    plan: Result<P, Undefined>,
    alphas: [f64; N],
    of: impl Fn(&P, f64) -> Result<Bounds, Undefined>,
) -> [Result<Bounds, Undefined>; N] {
    match plan {
        Ok(plan) => alphas.map(|alpha| of(&plan, alpha)),
        Err(why) => alphas.map(|_| Err(why.clone())),
    }
}

/// Says whether trial means are estimated by their spread: enough of them differ, or they are so few that they bet.
fn has_spread(rows: &Rows<'_>, differ: usize, least: usize) -> bool {
    rows.value.len() < LEAST_ROWS || differ >= least
}

/// Returns one-sided bounds of a mean of values without a range (milliseconds, money).
///
/// # Errors
/// See [`Undefined`]; `Unbounded` when a value is infinite, or fewer than ten rows, or none varies.
pub fn mean(rows: &Rows<'_>, alpha: f64) -> Result<Bounds, Undefined> {
    if rows.value.is_empty() {
        return Err(Undefined::Empty);
    }
    if rows.value.iter().any(|value| value.is_nan()) {
        return Err(Undefined::OutOfRange);
    }
    if rows.value.iter().any(|value| value.is_infinite()) {
        return Err(Undefined::Unbounded);
    }
    if rows.independent() {
        if rows.value.len() < LEAST_ROWS {
            return Err(Undefined::Unbounded);
        }
        return t_bounds(rows.value, alpha).ok_or(Undefined::Unbounded);
    }
    let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
    if mean.cr2 <= 0.0 {
        return Err(Undefined::Unbounded);
    }
    enough_df(mean.df, cr2_bounds(&mean, alpha))
}

/// Returns one-sided bounds of an expected failure cost, or of a difference of two, known to lie in a range (statistics.md §2.7).
///
/// The t or CR2 bound needs ten clusters whose cost is not 0; else the betting bound on cluster means.
///
/// # Errors
/// See [`Undefined`].
pub fn cost(rows: &Rows<'_>, (low, most): (f64, f64), alpha: f64) -> Result<Bounds, Undefined> {
    if !(most > low && (most - low).is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    rows.check(low, most)?;
    if rows.independent() {
        if rows.value.iter().filter(|value| **value != 0.0).count() >= LEAST_NONZERO
            && let Some(found) = t_bounds(rows.value, alpha)
        {
            return Ok(found);
        }
        return Ok(betting_bounds(rows.value, alpha, low, most, None));
    }
    let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
    if mean.nonzero_clusters >= LEAST_NONZERO as u64 && mean.cr2 > 0.0 {
        return enough_df(mean.df, cr2_bounds(&mean, alpha));
    }
    if rows.weight.is_some() {
        return Err(Undefined::Unbounded);
    }
    let mut sums: std::collections::BTreeMap<u32, (f64, f64)> = std::collections::BTreeMap::new();
    for (value, label) in rows.value.iter().zip(rows.cluster) {
        let entry = sums.entry(*label).or_default();
        entry.0 += value;
        entry.1 += 1.0;
    }
    let each: Vec<f64> = sums.into_values().map(|(total, n)| total / n).collect();
    Ok(betting_bounds(&each, alpha, low, most, Some(&mean)))
}

/// Means of bounded values: t or betting when independent, CR2 + t when clustered.
fn bounded_mean(rows: &Rows<'_>, alpha: f64, low: f64, high: f64) -> Result<Bounds, Undefined> {
    if rows.independent() {
        if rows.value.len() >= LEAST_ROWS
            && let Some(found) = t_bounds(rows.value, alpha)
        {
            return Ok(inside(found, low, high));
        }
        return Ok(betting_bounds(rows.value, alpha, low, high, None));
    }
    let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
    if mean.cr2 <= 1e-30 {
        // Nothing varies between clusters: one value per cluster bets, weights aside, since all are alike.
        let each = vec![mean.estimate; mean.clusters as usize];
        return Ok(betting_bounds(&each, alpha, low, high, Some(&mean)));
    }
    enough_df(mean.df, inside(cr2_bounds(&mean, alpha), low, high))
}

/// Keeps bounds of a bounded value inside its range: a t interval does not know of one.
fn inside(mut bounds: Bounds, low: f64, high: f64) -> Bounds {
    bounds.lower = bounds.lower.max(low);
    bounds.upper = bounds.upper.min(high);
    bounds
}

fn t_bounds(values: &[f64], alpha: f64) -> Option<Bounds> {
    let found = student_t(values, alpha)?;
    Some(plain(
        found.estimate,
        found.lower,
        found.upper,
        alpha,
        values.len(),
        Some(found.df),
        Method::StudentT,
    ))
}

fn betting_bounds(
    values: &[f64],
    alpha: f64,
    low: f64,
    high: f64,
    mean: Option<&ClusterMean>,
) -> Bounds {
    let scaled: Vec<f64> = values
        .iter()
        .map(|value| ((value - low) / (high - low)).clamp(0.0, 1.0))
        .collect();
    let (lower, upper) = betting::bounds(&scaled, alpha);
    let (lower, upper) = (low + (high - low) * lower, low + (high - low) * upper);
    match mean {
        Some(mean) => clustered(
            mean,
            lower,
            upper,
            alpha,
            values.len() as f64,
            Method::Betting,
        ),
        None => {
            let point = crate::sum::mean(values);
            plain(
                point,
                lower,
                upper,
                alpha,
                values.len(),
                None,
                Method::Betting,
            )
        }
    }
}

fn cr2_bounds(mean: &ClusterMean, alpha: f64) -> Bounds {
    let half = -t_ppf(alpha, mean.df) * libm::sqrt(mean.cr2);
    let n_eff = mean.n as f64 / mean.deff().max(1.0);
    clustered(
        mean,
        mean.estimate - half,
        mean.estimate + half,
        alpha,
        n_eff,
        Method::Cr2Satterthwaite,
    )
}

fn enough_df(df: f64, bounds: Bounds) -> Result<Bounds, Undefined> {
    if df >= LEAST_DF {
        Ok(bounds)
    } else {
        Err(Undefined::FewDegreesOfFreedom {
            df,
            shown: Box::new(bounds),
        })
    }
}

fn plain(
    point: f64,
    lower: f64,
    upper: f64,
    alpha: f64,
    n: usize,
    df: Option<f64>,
    method: Method,
) -> Bounds {
    let count = n as u64;
    Bounds {
        point,
        lower,
        upper,
        alpha,
        n: count,
        clusters: count,
        n_eff: n as f64,
        df,
        deff: None,
        method,
    }
}

fn clustered(
    mean: &ClusterMean,
    lower: f64,
    upper: f64,
    alpha: f64,
    n_eff: f64,
    method: Method,
) -> Bounds {
    Bounds {
        point: mean.estimate,
        lower,
        upper,
        alpha,
        n: mean.n,
        clusters: mean.clusters,
        n_eff,
        df: Some(mean.df),
        deff: Some(mean.deff()),
        method,
    }
}

/// Returns bounds of Σnumerator/Σdenominator over clusters: delta method, Fieller when the denominator's CV exceeds .1.
///
/// # Errors
/// `Empty`, `TooFewClusters`, `OutOfRange`; `Unbounded` when the denominator may be 0.
pub fn ratio(
    numerator: &[f64],
    denominator: &[f64],
    cluster: &[u32],
    alpha: f64,
) -> Result<Bounds, Undefined> {
    let mut sums: std::collections::BTreeMap<u32, (f64, f64)> = std::collections::BTreeMap::new();
    for ((top, bottom), label) in numerator.iter().zip(denominator).zip(cluster) {
        let entry = sums.entry(*label).or_default();
        entry.0 += top;
        entry.1 += bottom;
    }
    let (top, bottom): (Vec<f64>, Vec<f64>) = sums.into_values().unzip();
    ratio::ratio(&top, &bottom)?.bounds(alpha)
}
