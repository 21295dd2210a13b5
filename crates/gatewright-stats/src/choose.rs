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

mod p_values;

pub use p_values::{
    p_above_difference, p_above_mean, p_above_pass_rate, p_below_difference, p_below_mean,
    p_below_pass_rate,
};

use crate::betting;
use crate::cluster::{ClusterMean, are_distinct, cluster_mean, effective_tango_of, unseen};
use crate::estimate::{Bounds, Method, Undefined};
use crate::mean::student_t;
use crate::paired::tango_bounds;
use crate::proportion::{clopper_pearson, korn_graubard};
use crate::quantile::{bound_ranks, min_n_for_upper, type7};
use crate::ratio;
use crate::special::{norm_ppf, t_ppf};

/// Fewest degrees of freedom that may gate (statistics.md §2.3).
const LEAST_DF: f64 = 4.0 - 1e-9;
/// Fewest costs that are not 0 for a t interval of a mean cost.
const LEAST_NONZERO: usize = 10;
/// Fewest trial means that differ from all the others for a t interval of a rate: with fewer, nearly all rows are equal, their spread says
/// little of what was not seen, and one trial that is taken away would make the interval of the whole narrower.
const LEAST_UNLIKE: usize = 10;
/// Fewest pairs of trial means that differ for a t interval of their difference (statistics.md §2.3: clusters whose sum is not 0).
const LEAST_DIFFERENT: usize = 8;
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

/// Returns one-sided bounds of a pass rate: values in [0, 1], each 0 or 1 for single trials, fractions for trial means.
///
/// # Errors
/// See [`Undefined`].
pub fn pass_rate(rows: &Rows<'_>, alpha: f64) -> Result<Bounds, Undefined> {
    let [found] = pass_rate_at(rows, [alpha]);
    found
}

/// Returns the bounds of [`pass_rate`] at several levels: what does not depend on the level is computed once.
///
/// # Errors
/// See [`Undefined`], for each level.
pub fn pass_rate_at<const N: usize>(
    rows: &Rows<'_>,
    alphas: [f64; N],
) -> [Result<Bounds, Undefined>; N] {
    match rate_plan(rows) {
        Ok(plan) => alphas.map(|alpha| rate_bounds(rows, &plan, alpha)),
        Err(why) => alphas.map(|_| Err(why.clone())),
    }
}

/// How a pass rate is estimated.
enum RatePlan {
    /// Trial means that are estimated by their spread.
    Spread,
    /// Single trials of independent rows: how many passed.
    Counts(f64),
    /// Clustered or weighted rows, or trial means of which few differ.
    Clustered { mean: ClusterMean, single: bool },
}

fn rate_plan(rows: &Rows<'_>) -> Result<RatePlan, Undefined> {
    rows.check(0.0, 1.0)?;
    let (below, above) = (
        rows.count(|value| value != 1.0),
        rows.count(|value| value != 0.0),
    );
    let single = rows.count(|value| value != 0.0 && value != 1.0) == 0;
    if !single && has_spread(rows, below.min(above), LEAST_UNLIKE) {
        return Ok(RatePlan::Spread);
    }
    if single && rows.independent() {
        return Ok(RatePlan::Counts(crate::sum::sum(
            rows.value.iter().copied(),
        )));
    }
    let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
    Ok(RatePlan::Clustered { mean, single })
}

fn rate_bounds(rows: &Rows<'_>, plan: &RatePlan, alpha: f64) -> Result<Bounds, Undefined> {
    let (mean, single) = match plan {
        RatePlan::Spread => return bounded_mean(rows, alpha, 0.0, 1.0),
        RatePlan::Counts(passes) => {
            let n = rows.value.len();
            let (lower, upper) = clopper_pearson(*passes, n as f64, alpha);
            return Ok(plain(
                passes / n as f64,
                lower,
                upper,
                alpha,
                n,
                None,
                Method::ClopperPearson,
            ));
        }
        RatePlan::Clustered { mean, single } => (mean, *single),
    };
    let p = mean.estimate.clamp(0.0, 1.0);
    let rounded = if p < 1e-12 {
        0.0
    } else if p > 1.0 - 1e-12 {
        1.0
    } else {
        p
    };
    let nominal = if rounded == 0.0 || rounded == 1.0 || mean.cr2 <= 0.0 {
        (mean.n as f64).min(mean.clusters as f64)
    } else {
        mean.n as f64
    };
    let (n_eff, lower, upper) = if single {
        korn_graubard(rounded, nominal, mean.cr2, mean.df, alpha)
    } else {
        few_shares(rounded, mean, alpha)
    };
    enough_df(
        mean.df,
        clustered(mean, lower, upper, alpha, n_eff, Method::KornGraubard),
    )
}

/// Returns (n_eff, lower, upper) of a rate of trial means of which few differ: Clopper–Pearson at the size at which single trials would vary as much.
fn few_shares(p: f64, mean: &ClusterMean, alpha: f64) -> (f64, f64, f64) {
    let n = mean.n as f64;
    let factor = (t_ppf(alpha, n - 1.0) / t_ppf(alpha, mean.df)).powi(2);
    let n_eff = p * (1.0 - p) / (mean.cr2 + unseen(n)) * factor;
    let (lower, upper) = clopper_pearson(p * n_eff, n_eff, alpha);
    (n_eff.min(n), lower, upper)
}

/// Says whether trial means are estimated by their spread: enough of them differ, or they are so few that they bet.
fn has_spread(rows: &Rows<'_>, differ: usize, least: usize) -> bool {
    rows.value.len() < LEAST_ROWS || differ >= least
}

/// Returns one-sided bounds of a mean paired difference: values in [−1, 1], each −1, 0 or 1 for single trials.
///
/// # Errors
/// See [`Undefined`].
pub fn paired_difference(rows: &Rows<'_>, alpha: f64) -> Result<Bounds, Undefined> {
    let [found] = paired_difference_at(rows, [alpha]);
    found
}

/// Returns the bounds of [`paired_difference`] at several levels: what does not depend on the level is computed once.
///
/// # Errors
/// See [`Undefined`], for each level.
pub fn paired_difference_at<const N: usize>(
    rows: &Rows<'_>,
    alphas: [f64; N],
) -> [Result<Bounds, Undefined>; N] {
    match rows.check(-1.0, 1.0).and_then(|()| paired_plan(rows)) {
        Ok(plan) => alphas.map(|alpha| difference_bounds(rows, &plan, alpha)),
        Err(why) => alphas.map(|_| Err(why.clone())),
    }
}

fn difference_bounds(rows: &Rows<'_>, plan: &PairedPlan, alpha: f64) -> Result<Bounds, Undefined> {
    match plan {
        PairedPlan::Tango { b, c, n } => {
            let (lower, upper) = tango_bounds(*b, *c, *n, -norm_ppf(alpha));
            Ok(plain(
                (b - c) / n,
                lower,
                upper,
                alpha,
                rows.value.len(),
                None,
                Method::Tango,
            ))
        }
        PairedPlan::Effective { mean, trial_means } => {
            let found = effective_tango_of(mean, rows.value, rows.weight, *trial_means, alpha);
            let bounds = clustered(
                mean,
                found.lower,
                found.upper,
                alpha,
                found.n_eff,
                Method::EffectiveTango,
            );
            enough_df(mean.df, bounds)
        }
        PairedPlan::Cr2(mean) => enough_df(mean.df, inside(cr2_bounds(mean, alpha), -1.0, 1.0)),
        PairedPlan::Fractional => bounded_mean(rows, alpha, -1.0, 1.0),
    }
}

/// How a paired difference is estimated (statistics.md §2.3, gate default).
enum PairedPlan {
    Tango {
        b: f64,
        c: f64,
        n: f64,
    },
    Effective {
        mean: ClusterMean,
        trial_means: bool,
    },
    Cr2(ClusterMean),
    Fractional,
}

fn paired_plan(rows: &Rows<'_>) -> Result<PairedPlan, Undefined> {
    let single = rows.count(|value| value != 0.0 && value.abs() != 1.0) == 0;
    if !single {
        if has_spread(rows, rows.count(|value| value != 0.0), LEAST_DIFFERENT) {
            return Ok(PairedPlan::Fractional);
        }
        let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
        return Ok(PairedPlan::Effective {
            mean,
            trial_means: true,
        });
    }
    let b = rows.value.iter().filter(|value| **value > 0.0).count() as f64;
    let c = rows.value.iter().filter(|value| **value < 0.0).count() as f64;
    if rows.independent() {
        return Ok(PairedPlan::Tango {
            b,
            c,
            n: rows.value.len() as f64,
        });
    }
    let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
    // Rows of weight 0 carry no evidence.
    let weightless = rows.weight.map_or(0, |weights| {
        let zero = |(weight, value): (&f64, &f64)| *weight == 0.0 && *value != 0.0;
        weights
            .iter()
            .zip(rows.value)
            .filter(|pair| zero(*pair))
            .count()
    }) as f64;
    if b + c - weightless >= 10.0
        && mean.nonzero_clusters >= 8
        && mean.df >= LEAST_DF
        && mean.cr2 > 0.0
    {
        return Ok(PairedPlan::Cr2(mean));
    }
    Ok(PairedPlan::Effective {
        mean,
        trial_means: false,
    })
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

/// Returns order-statistic bounds of a quantile; timeouts enter as +∞. `deff` ≥ 1 lowers n for the ranks.
///
/// # Errors
/// `Empty`; `OutOfRange` for NaN or p outside (0, 1); `TooFewForQuantile` when not even the largest value is an upper bound.
pub fn quantile(values: &mut [f64], p: f64, alpha: f64, deff: f64) -> Result<Bounds, Undefined> {
    if values.is_empty() {
        return Err(Undefined::Empty);
    }
    if values.iter().any(|value| value.is_nan()) || !(p > 0.0 && p < 1.0) {
        return Err(Undefined::OutOfRange);
    }
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let effective = whole_rows(n as f64 / deff.max(1.0)).max(1);
    let (lower, upper) = bound_ranks(effective, p, alpha);
    // Ranks of the effective sample are carried over as shares of the real one, outwards.
    let place = |rank: u64, up: bool| {
        let share = rank as f64 / effective as f64 * n as f64;
        let rank = if up { share.ceil() } else { share.floor() } as usize;
        values[rank.clamp(1, n) - 1]
    };
    let Some(upper) = upper else {
        return Err(Undefined::TooFewForQuantile {
            needs: min_n_for_upper(p, alpha),
        });
    };
    let low = lower.map_or(f64::NEG_INFINITY, |rank| place(rank, false));
    let mut bounds = plain(
        type7(values, p),
        low,
        place(upper, true),
        alpha,
        n,
        None,
        Method::OrderStatistic,
    );
    bounds.n_eff = effective as f64;
    Ok(bounds)
}

/// Returns how many whole rows an effective number of them is, for ranks: down, but for what a division loses to rounding.
pub fn whole_rows(effective: f64) -> u64 {
    (effective + 1e-9).floor() as u64
}

/// Returns the quantile p of values in any order: type 7, or with weights the smallest value that covers p of the weight.
/// `None` without values, for NaN, and for weights that are not as many or sum to 0.
pub fn quantile_point(values: &[f64], weights: Option<&[f64]>, p: f64) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return None;
    }
    match weights {
        None => {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            Some(type7(&sorted, p))
        }
        Some(weights) => Some(covering(&shares_of_weight(values, weights)?, p)),
    }
}

/// Returns order-statistic bounds of a quantile of weighted values: the ranks of the effective sample (Kish's number over
/// `deff`) are carried over as shares of the weight (Woodruff 1952). Without weights this is [`quantile`].
///
/// # Errors
/// Those of [`quantile`]; `ZeroWeight` when the weights sum to 0.
pub fn weighted_quantile(
    values: &[f64],
    weights: Option<&[f64]>,
    p: f64,
    alpha: f64,
    deff: f64,
) -> Result<Bounds, Undefined> {
    let Some(weights) = weights else {
        return quantile(&mut values.to_vec(), p, alpha, deff);
    };
    // What does not depend on weights, with its errors.
    let plain = quantile(&mut values.to_vec(), p, 0.499, 1.0)?;
    let cumulated = shares_of_weight(values, weights).ok_or(Undefined::ZeroWeight)?;
    let (sum, squares) = weights
        .iter()
        .fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    let effective = whole_rows(sum * sum / squares / deff.max(1.0)).max(1);
    let (lower, upper) = bound_ranks(effective, p, alpha);
    let Some(upper) = upper else {
        return Err(Undefined::TooFewForQuantile {
            needs: min_n_for_upper(p, alpha),
        });
    };
    let place = |rank: u64| covering(&cumulated, rank as f64 / effective as f64);
    Ok(Bounds {
        point: covering(&cumulated, p),
        lower: lower.map_or(f64::NEG_INFINITY, place),
        upper: place(upper),
        alpha,
        n_eff: effective as f64,
        ..plain
    })
}

/// Values in order, each with the share of the weight at or below it.
fn shares_of_weight(values: &[f64], weights: &[f64]) -> Option<Vec<(f64, f64)>> {
    let total: f64 = weights.iter().sum();
    if weights.len() != values.len() || !(total > 0.0 && total.is_finite()) {
        return None;
    }
    let mut rows: Vec<(f64, f64)> = values
        .iter()
        .copied()
        .zip(weights.iter().copied())
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut below = 0.0;
    for row in &mut rows {
        below += row.1;
        row.1 = below / total;
    }
    Some(rows)
}

/// The smallest value that covers a share of the weight.
fn covering(cumulated: &[(f64, f64)], share: f64) -> f64 {
    let at = cumulated.partition_point(|(_, below)| *below < share - 1e-12);
    cumulated[at.min(cumulated.len() - 1)].0
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A pass that becomes a failure, or is taken away and counted as one, must not make anything surer: nearly equal rows have nearly no
    /// spread, and a t interval of them is as narrow as if nothing else could be.
    #[test]
    fn one_trial_less_never_makes_a_rate_surer() {
        let cluster: Vec<u32> = (0..30).collect();
        let rows = |value: &[f64]| -> (f64, Method) {
            let rows = Rows {
                value,
                cluster: &cluster,
                weight: None,
            };
            let found = pass_rate(&rows, 0.05).expect("a rate");
            (found.lower, found.method)
        };
        let mut value = vec![1.0; 30];
        (value[0], value[1]) = (0.0, 0.0);
        let mut last = rows(&value);
        for row in 2..9 {
            for passed in [0.5, 0.0] {
                value[row] = passed;
                let next = rows(&value);
                assert!(next.0 < last.0, "{value:?}: {next:?} after {last:?}");
                let single = passed == 0.0 && value.iter().all(|value| *value != 0.5);
                assert_eq!(next.1 == Method::ClopperPearson, single);
                last = next;
            }
        }
    }

    #[test]
    fn one_trial_less_never_makes_a_difference_surer() {
        let cluster: Vec<u32> = (0..30).collect();
        let halved: Vec<u32> = (0..30).map(|row| row / 2).collect();
        for cluster in [&cluster, &halved] {
            let lower = |value: &[f64]| {
                let rows = Rows {
                    value,
                    cluster,
                    weight: None,
                };
                let found = paired_difference(&rows, 0.05).expect("a difference");
                (found.lower, found.method)
            };
            let mut value = vec![0.0; 30];
            // 30 equal pairs do not show that nothing of 5 points is lost.
            assert!(lower(&value).0 < -0.05);
            // Equal pairs of clusters are counted by clusters, as the specification has it: from the first that differs on by rows.
            value[0] = -0.5;
            let mut last = lower(&value);
            assert!(last.0 < -0.05, "{last:?}");
            for row in [7, 14, 21, 28] {
                value[row] = -0.5;
                let next = lower(&value);
                assert!(next.0 < last.0, "{next:?} after {last:?}");
                assert!(matches!(next.1, Method::Tango | Method::EffectiveTango));
                last = next;
            }
        }
    }

    #[test]
    fn weights_move_a_quantile_and_its_bounds() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        let alike = vec![2.5; 200];
        let plain = quantile(&mut values.clone(), 0.95, 0.05, 1.0).expect("enough");
        let same = weighted_quantile(&values, Some(&alike), 0.95, 0.05, 1.0).expect("enough");
        assert_eq!((same.lower, same.upper), (plain.lower, plain.upper));
        // 59 rows carry the bound: a division that loses the last digit takes none of them, with weights or without.
        let few: Vec<f64> = (1..=177).map(f64::from).collect();
        for weights in [None, Some(&alike[..177])] {
            let found = weighted_quantile(&few, weights, 0.95, 0.05, 3.000_000_000_000_001);
            assert_eq!(found.map(|it| it.n_eff), Ok(59.0));
        }
        // The slow half carries nine tenths of traffic: the median is where 4/9 of that half lies below.
        let slow: Vec<f64> = values
            .iter()
            .map(|v| if *v > 100.0 { 9.0 } else { 1.0 })
            .collect();
        assert_eq!(quantile_point(&values, Some(&slow), 0.5), Some(145.0));
        assert_eq!(quantile_point(&values, None, 0.5), Some(100.5));
        let found = weighted_quantile(&values, Some(&slow), 0.5, 0.05, 1.0).expect("enough");
        assert!(found.lower < 145.0 && 145.0 < found.upper && found.n_eff < 200.0);
        assert!(weighted_quantile(&values, Some(&[0.0; 200]), 0.5, 0.05, 1.0).is_err());
    }
}
