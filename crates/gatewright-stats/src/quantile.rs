//! Quantiles with distribution-free bounds from order statistics (statistics.md §2.5).

use crate::binomial;

/// Returns the Hyndman–Fan type 7 quantile of sorted values (at least one), p in [0, 1].
pub fn type7(sorted: &[f64], p: f64) -> f64 {
    interpolate(sorted, (sorted.len() - 1) as f64 * p)
}

/// Returns the Hyndman–Fan type 8 quantile (median-unbiased) of sorted values.
pub fn type8(sorted: &[f64], p: f64) -> f64 {
    let n = sorted.len() as f64;
    let place = (n + 1.0 / 3.0) * p + 1.0 / 3.0 - 1.0;
    interpolate(sorted, place.clamp(0.0, n - 1.0))
}

fn interpolate(sorted: &[f64], place: f64) -> f64 {
    let below = place.floor() as usize;
    let part = place - place.floor();
    match (sorted.get(below), sorted.get(below + 1)) {
        (Some(low), Some(high)) if part > 0.0 => {
            if low == high {
                *low
            } else {
                low + part * (high - low)
            }
        }
        (Some(low), _) => *low,
        (None, _) => sorted[sorted.len() - 1],
    }
}

/// Returns 1-based ranks of the one-sided lower and upper bounds at level alpha; `None` when n is too small for one.
///
/// Upper: the smallest s with P(Bin(n, p) ≥ s) ≤ alpha. Lower: the largest r with P(Bin(n, p) ≤ r − 1) ≤ alpha.
pub fn bound_ranks(n: u64, p: f64, alpha: f64) -> (Option<u64>, Option<u64>) {
    let upper = first(1, n, |s| binomial::sf_ge(s as i64, n, p) <= alpha);
    // P(Bin ≤ r−1) grows with r: the first r that exceeds alpha, less one.
    let beyond = first(1, n, |r| binomial::cdf(r as i64 - 1, n, p) > alpha).unwrap_or(n + 1);
    ((beyond > 1).then(|| beyond - 1), upper)
}

/// The first value in [from, to] for which a monotone condition holds.
fn first(from: u64, to: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if from > to || !holds(to) {
        return None;
    }
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

/// Returns the smallest n whose largest value is a valid upper bound of the p-quantile at level alpha.
pub fn min_n_for_upper(p: f64, alpha: f64) -> u64 {
    (libm::log(alpha) / libm::log(p) - 1e-12).ceil() as u64
}
