//! Guards (statistics.md §13): trip on the first look, confirm on fresh trials only. The examples are fixed; only runs are random.

use libm::sqrt;

use crate::binomial;
use crate::estimate::Undefined;

/// Smallest net loss in examples that can trip a guard.
const LEAST_EXAMPLES: f64 = 3.0;
/// One-sided 95 % normal quantile, as statistics.md §13 writes it.
const Z_95: f64 = 1.644_853_626_951_472_2;
/// Sums of trial means carry rounding errors; a loss of exactly the limit trips.
const SLACK: f64 = 1e-9;

/// Returns max(3, margin · n), the net loss in examples that trips a guard over n examples.
pub fn trip_limit(n: u64, margin: f64) -> f64 {
    (margin * n as f64).max(LEAST_EXAMPLES)
}

/// Says whether a net loss trips a guard.
pub fn trips(net_loss: f64, n: u64, margin: f64) -> bool {
    net_loss >= trip_limit(n, margin) - SLACK
}

/// The loss on fresh trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FreshLoss {
    /// Mean of production − candidate, a fraction of examples.
    pub loss: f64,
    /// Its standard error from run noise alone.
    pub se: f64,
    /// loss − 1.645 · se.
    pub bound: f64,
    /// Examples.
    pub n: u64,
}

/// Judges fresh trials: violated when the loss is at least the margin and its one-sided 95 % run-noise bound is above 0.
///
/// Each pair is (passes, trials) of one example; both slices are in the same order of examples.
/// An example with one trial on an arm has no run noise to estimate there; its variance counts as p(1 − p).
///
/// # Errors
/// `Empty` without examples, `OutOfRange` when an example has no trial or more passes than trials.
pub fn confirm(
    production: &[(u32, u32)],
    candidate: &[(u32, u32)],
    margin: f64,
) -> Result<(FreshLoss, bool), Undefined> {
    if production.is_empty() || production.len() != candidate.len() {
        return Err(Undefined::Empty);
    }
    let n = production.len() as f64;
    let (mut loss, mut variance) = (0.0, 0.0);
    for (&theirs, &ours) in production.iter().zip(candidate) {
        for (passes, trials) in [theirs, ours] {
            if trials == 0 || passes > trials {
                return Err(Undefined::OutOfRange);
            }
            let share = f64::from(passes) / f64::from(trials);
            variance += share * (1.0 - share) / f64::from((trials - 1).max(1));
        }
        loss += f64::from(theirs.0) / f64::from(theirs.1) - f64::from(ours.0) / f64::from(ours.1);
    }
    let (loss, se) = (loss / n, sqrt(variance) / n);
    let fresh = FreshLoss {
        loss,
        se,
        bound: loss - Z_95 * se,
        n: production.len() as u64,
    };
    Ok((fresh, loss >= margin - SLACK && fresh.bound > SLACK * SLACK))
}

/// Returns the one-sided exact p-value of "the candidate loses more pairs than it wins", each discordant pair a fair coin.
pub fn sign_test_worse(lost: u64, gained: u64) -> f64 {
    binomial::sf_ge(lost as i64, lost + gained, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_of_exactly_the_limit_trips() {
        assert!(trips(3.0, 24, 0.10) && !trips(2.9, 24, 0.10));
        assert!(
            trips(0.1 + 0.2 + 2.7, 30, 0.10),
            "sums of trial means round"
        );
        assert!(!trips(11.9, 120, 0.10) && trips(12.0, 120, 0.10));
    }

    #[test]
    fn confirmation_needs_the_margin_and_more_than_noise() {
        let steady = vec![(5, 5); 24];
        let mut broken = steady.clone();
        broken[..5].fill((0, 5));
        let (fresh, violated) = confirm(&steady, &broken, 0.10).expect("defined");
        assert!(violated && (fresh.loss - 5.0 / 24.0).abs() < 1e-12 && fresh.se == 0.0);
        assert!(
            !confirm(&steady, &steady, 0.0).expect("defined").1,
            "no loss is no violation, even at margin 0"
        );
        assert_eq!(confirm(&[], &[], 0.1), Err(Undefined::Empty));
    }

    #[test]
    fn sign_test_is_a_fair_coin() {
        assert!((sign_test_worse(5, 0) - 1.0 / 32.0).abs() < 1e-15);
        assert_eq!(sign_test_worse(0, 0), 1.0);
    }
}
