//! Expected cost of failures (statistics.md §2.7).
//!
//! A cost is one number per example, 0 for a good answer. The unit is the caller's.

use crate::{estimate::Undefined, special::t_ppf};

/// Fewest non-zero costs for which Student's t may bound the mean.
pub const MIN_NONZERO_FOR_T: u64 = 10;

/// Mean cost of independent examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Mean cost per example.
    pub mean: f64,
    /// Sample variance; `None` for one example.
    pub variance: Option<f64>,
    /// Examples.
    pub n: u64,
    /// Examples with a cost other than 0.
    pub nonzero: u64,
}

/// Returns the mean of the costs, or of paired differences of costs.
///
/// # Errors
///
/// [`Undefined::Empty`] without costs, [`Undefined::OutOfRange`] for one that is not finite.
///
/// # Examples
///
/// ```
/// let cost = gatewright_stats::cost::expected_cost(&[0.0, 0.0, 5.0, 1.0])?;
/// assert_eq!((cost.mean, cost.nonzero), (1.5, 2));
/// # Ok::<(), gatewright_stats::estimate::Undefined>(())
/// ```
pub fn expected_cost(costs: &[f64]) -> Result<Cost, Undefined> {
    if costs.iter().any(|c| !c.is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    let n = costs.len() as f64;
    let Some(&first) = costs.first() else {
        return Err(Undefined::Empty);
    };
    // Around the first value, so that equal costs have a variance of exactly 0.
    let shift = costs.iter().map(|c| c - first).sum::<f64>() / n;
    let squares: f64 = costs
        .iter()
        .map(|c| (c - first - shift) * (c - first - shift))
        .sum();
    Ok(Cost {
        mean: first + shift,
        variance: (costs.len() > 1).then(|| squares / (n - 1.0)),
        n: costs.len() as u64,
        nonzero: costs.iter().filter(|c| **c != 0.0).count() as u64,
    })
}

/// Returns the mean of candidate minus production costs on the same examples.
///
/// # Errors
///
/// Those of [`expected_cost`]; [`Undefined::OutOfRange`] for different lengths.
pub fn cost_difference(candidate: &[f64], production: &[f64]) -> Result<Cost, Undefined> {
    if candidate.len() != production.len() {
        return Err(Undefined::OutOfRange);
    }
    let differences: Vec<f64> = candidate
        .iter()
        .zip(production)
        .map(|(c, p)| c - p)
        .collect();
    expected_cost(&differences)
}

impl Cost {
    /// Returns true when there are enough non-zero costs for [`Cost::t_bounds`] to decide; else a betting bound does.
    #[must_use]
    pub fn t_may_decide(&self) -> bool {
        self.nonzero >= MIN_NONZERO_FOR_T
    }

    /// Returns Student's one-sided bounds of the mean, each at alpha in (0, 0.5).
    ///
    /// `None` when all costs are equal or there is one: their spread is unknown, not 0.
    ///
    /// # Errors
    ///
    /// [`Undefined::OutOfRange`] for alpha.
    pub fn t_bounds(&self, alpha: f64) -> Result<Option<(f64, f64)>, Undefined> {
        check_level(alpha)?;
        let n = self.n as f64;
        Ok(self.variance.filter(|v| *v > 0.0).map(|v| {
            let half = t_ppf(1.0 - alpha, n - 1.0) * (v / n).sqrt();
            (self.mean - half, self.mean + half)
        }))
    }

    /// Returns the one-sided empirical Bernstein bounds of Maurer & Pontil 2009 for costs in [0, c_max], each at alpha.
    ///
    /// Valid at any n, and too wide below about 500 examples: a check on the others.
    ///
    /// # Errors
    ///
    /// [`Undefined::OutOfRange`] for alpha or c_max ≤ 0 or below the mean, [`Undefined::TooFewClusters`] for one example.
    pub fn empirical_bernstein(&self, c_max: f64, alpha: f64) -> Result<(f64, f64), Undefined> {
        check_level(alpha)?;
        if !c_max.is_finite() || c_max <= 0.0 || !(0.0..=c_max).contains(&self.mean) {
            return Err(Undefined::OutOfRange);
        }
        let variance = self
            .variance
            .ok_or(Undefined::TooFewClusters { clusters: self.n })?;
        let n = self.n as f64;
        let ln = libm::log(2.0 / alpha);
        let half = (2.0 * variance * ln / n).sqrt() + 7.0 * c_max * ln / (3.0 * (n - 1.0));
        Ok(((self.mean - half).max(0.0), (self.mean + half).min(c_max)))
    }
}

/// Fails unless alpha is a one-sided level in (0, 0.5).
fn check_level(alpha: f64) -> Result<(), Undefined> {
    if alpha > 0.0 && alpha < 0.5 {
        Ok(())
    } else {
        Err(Undefined::OutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_costs_have_no_t_bounds() {
        let cost = expected_cost(&[0.1; 60]).unwrap();
        assert_eq!(cost.variance, Some(0.0));
        assert_eq!(cost.t_bounds(0.05), Ok(None));
        assert!(cost.empirical_bernstein(50.0, 0.05).unwrap().1 > 7.0);
        assert_eq!(expected_cost(&[]), Err(Undefined::Empty));
        assert!(cost.empirical_bernstein(f64::NAN, 0.05).is_err());
    }
}
