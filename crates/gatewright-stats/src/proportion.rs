//! Intervals for one proportion (statistics.md §2.1). Gates use Clopper–Pearson; the others are for tables.
//!
//! All take a one-sided level alpha in (0, 0.5): the two-sided interval at confidence 1 − 2·alpha.

use libm::{ceil, log, log1p, sqrt};

use crate::estimate::Undefined;
use crate::special::{beta_ppf_both, chi2_sf, norm_ppf, t_ppf};

/// Returns Clopper–Pearson bounds for real x passes of n ≥ 0 (Clopper & Pearson 1934). n = 0 gives (0, 1).
///
/// ```
/// let (lower, upper) = gatewright_stats::proportion::clopper_pearson(30.0, 30.0, 0.05);
/// assert!((lower - 0.9049661).abs() < 1e-6 && upper == 1.0);
/// ```
pub fn clopper_pearson(x: f64, n: f64, alpha: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let lower = if x <= 0.0 {
        0.0
    } else {
        beta_ppf_both(alpha, 1.0 - alpha, x, n - x + 1.0).0
    };
    let upper = if x >= n {
        1.0
    } else {
        beta_ppf_both(1.0 - alpha, alpha, x + 1.0, n - x).0
    };
    (lower, upper)
}

/// A share of counted cases with its Clopper–Pearson bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// x/n in [0, 1]; none when n = 0.
    pub point: Option<f64>,
    /// One-sided lower bound; 0 when n = 0.
    pub lower: f64,
    /// One-sided upper bound; 1 when n = 0.
    pub upper: f64,
    /// Cases.
    pub n: u64,
}

/// Returns x of n as a share with Clopper–Pearson bounds at one-sided level alpha each; x ≤ n (more counts as n).
///
/// ```
/// let gold = gatewright_stats::proportion::share(18, 20, 0.025);
/// assert!(gold.point == Some(0.9) && (gold.lower - 0.68302).abs() < 1e-5);
/// ```
pub fn share(x: u64, n: u64, alpha: f64) -> Share {
    let x = x.min(n);
    let (lower, upper) = clopper_pearson(x as f64, n as f64, alpha);
    Share {
        point: (n > 0).then(|| x as f64 / n as f64),
        lower,
        upper,
        n,
    }
}

/// Returns Wilson score bounds (Wilson 1927): for exploratory tables, never for gates.
pub fn wilson(x: f64, n: f64, alpha: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let z2 = norm_ppf(alpha).powi(2);
    let p = x / n;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = sqrt(z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))) / (1.0 + z2 / n);
    let lower = if x <= 0.0 {
        0.0
    } else {
        (centre - half).max(0.0)
    };
    let upper = if x >= n {
        1.0
    } else {
        (centre + half).min(1.0)
    };
    (lower, upper)
}

/// Returns Jeffreys bounds with the edge rule of Brown, Cai & DasGupta 2001.
pub fn jeffreys(x: f64, n: f64, alpha: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let (a, b) = (x + 0.5, n - x + 0.5);
    let lower = if x <= 0.0 {
        0.0
    } else {
        beta_ppf_both(alpha, 1.0 - alpha, a, b).0
    };
    let upper = if x >= n {
        1.0
    } else {
        beta_ppf_both(1.0 - alpha, alpha, a, b).0
    };
    (lower, upper)
}

/// Returns Agresti–Coull bounds clipped to [0, 1] (Agresti & Coull 1998).
pub fn agresti_coull(x: f64, n: f64, alpha: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let z = -norm_ppf(alpha);
    let n2 = n + z * z;
    let p = (x + z * z / 2.0) / n2;
    let half = z * sqrt(p * (1.0 - p) / n2);
    ((p - half).max(0.0), (p + half).min(1.0))
}

/// Returns (n_eff, lower, upper) by Korn & Graubard 1998: Clopper–Pearson at an effective size.
///
/// `n` is the nominal size (pass min(n, G) when the estimate is 0 or 1), `variance` that of the estimate, `df` the design's.
pub fn korn_graubard(p: f64, n: f64, variance: f64, df: f64, alpha: f64) -> (f64, f64, f64) {
    let factor = if n > 1.0 && df > 0.0 {
        (t_ppf(alpha, n - 1.0) / t_ppf(alpha, df)).powi(2)
    } else {
        1.0
    };
    let base = if p <= 0.0 || p >= 1.0 || variance <= 0.0 {
        n
    } else {
        n.min(p * (1.0 - p) / variance)
    };
    let n_eff = (base * factor).min(n);
    let (lower, upper) = clopper_pearson(p * n_eff, n_eff, alpha);
    (n_eff, lower, upper)
}

/// Returns the upper bound of a rate when none of n showed the event: 1 − alpha^(1/n) ≈ 3/n at 5 %.
///
/// # Errors
/// [`Undefined::Empty`] when n = 0.
pub fn zero_event_upper(n: u64, alpha: f64) -> Result<f64, Undefined> {
    if n == 0 {
        return Err(Undefined::Empty);
    }
    Ok(-libm::expm1(log(alpha) / n as f64))
}

/// Returns the shortcut −ln(alpha)/n, the "rule of three" at 5 % (Hanley & Lippman-Hand 1983), at most 1.
pub fn rule_of_three(n: u64, alpha: f64) -> f64 {
    (-log(alpha) / n as f64).min(1.0)
}

/// Returns how many event-free examples carry a cap: ⌈ln alpha / ln(1 − cap)⌉.
///
/// # Errors
/// [`Undefined::OutOfRange`] unless 0 < cap < 1.
pub fn zero_event_n(cap: f64, alpha: f64) -> Result<u64, Undefined> {
    if !(cap > 0.0 && cap < 1.0) {
        return Err(Undefined::OutOfRange);
    }
    Ok(ceil(log(alpha) / log1p(-cap) - 1e-12) as u64)
}

/// Returns simultaneous bounds for the shares of a multinomial at family level alpha (Goodman 1965).
pub fn goodman_multinomial(counts: &[u64], alpha: f64) -> Vec<(f64, f64)> {
    let total: u64 = counts.iter().sum();
    let n = total as f64;
    let k = counts.len().max(1) as f64;
    let a = chi2_one_quantile(alpha / k);
    counts
        .iter()
        .map(|&count| {
            let x = count as f64;
            let root = sqrt(a * (a + 4.0 * x * (n - x) / n));
            let scale = 2.0 * (n + a);
            (
                ((a + 2.0 * x - root) / scale).max(0.0),
                ((a + 2.0 * x + root) / scale).min(1.0),
            )
        })
        .collect()
}

/// Upper-tail quantile of chi-square with one degree of freedom.
fn chi2_one_quantile(upper: f64) -> f64 {
    let z = norm_ppf(upper / 2.0);
    debug_assert!((chi2_sf(z * z, 1.0) - upper).abs() < 1e-8);
    z * z
}
