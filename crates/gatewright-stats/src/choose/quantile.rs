//! A quantile, of values alike or weighted: order statistics, at ranks of the effective sample.

use super::plain;
use crate::estimate::{Bounds, Method, Undefined};
use crate::quantile::{bound_ranks, min_n_for_upper, type7};

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

#[cfg(test)]
mod tests {
    use super::*;

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
