//! Rank correlation: does a score order answers as people do?

use libm::sqrt;

use crate::estimate::Undefined;
use crate::sum::{mean, sum};

/// Returns Spearman's correlation of two scores of the same items, in [−1, 1]: Pearson's of their ranks, ties at their
/// mean rank (Spearman 1904).
///
/// # Errors
/// `Empty` below two items, `OutOfRange` for lists of different lengths or values that are not finite, `NoVariation`
/// where all values of one score are equal.
///
/// ```
/// let rho = gatewright_stats::rank::spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0]).unwrap();
/// assert!((rho - 0.8).abs() < 1e-12);
/// ```
pub fn spearman(first: &[f64], second: &[f64]) -> Result<f64, Undefined> {
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    if first.len() != second.len() || !finite(first) || !finite(second) {
        return Err(Undefined::OutOfRange);
    }
    if first.len() < 2 {
        return Err(Undefined::Empty);
    }
    let (a, b) = (ranks(first), ranks(second));
    let (centre_a, centre_b) = (mean(&a), mean(&b));
    let together = sum(a
        .iter()
        .zip(&b)
        .map(|(a, b)| (a - centre_a) * (b - centre_b)));
    let spread =
        |ranks: &[f64], centre: f64| sum(ranks.iter().map(|r| (r - centre) * (r - centre)));
    let scale = sqrt(spread(&a, centre_a) * spread(&b, centre_b));
    if scale <= 0.0 {
        return Err(Undefined::NoVariation);
    }
    Ok((together / scale).clamp(-1.0, 1.0))
}

/// Ranks from 1; equal values share the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        // `-0.0` and `0.0` are the same score.
        let same = |place: &usize| values[*place] == values[order[from]];
        let to = from + order[from..].iter().take_while(|place| same(place)).count();
        let shared = (from + to + 1) as f64 / 2.0;
        for &place in &order[from..to] {
            ranks[place] = shared;
        }
        from = to;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(
            ranks(&[3.0, 1.0, 3.0, 0.0, -0.0]),
            [4.5, 3.0, 4.5, 1.5, 1.5]
        );
        // scipy.stats.spearmanr([1, 2, 2, 4], [1, 3, 2, 2]).statistic
        let rho = spearman(&[1.0, 2.0, 2.0, 4.0], &[1.0, 3.0, 2.0, 2.0]).expect("defined");
        assert!((rho - 0.5).abs() < 1e-12, "{rho}");
        assert_eq!(
            spearman(&[1.0, 1.0], &[1.0, 2.0]),
            Err(Undefined::NoVariation)
        );
        assert_eq!(spearman(&[1.0], &[1.0]), Err(Undefined::Empty));
    }
}
