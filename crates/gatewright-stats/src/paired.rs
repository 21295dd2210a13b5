//! Paired pass/fail (statistics.md §2.2). b = candidate only, c = production only, n pairs; δ = (b − c)/n.

use libm::sqrt;

use crate::binomial;
use crate::proportion;
use crate::special::{chi2_sf, norm_ppf};

/// Returns Tango's score statistic T(δ) for real b, c ≥ 0 and n > 0 (Tango 1998). 0/0 is 0.
pub fn tango_z(b: f64, c: f64, n: f64, delta: f64) -> f64 {
    let numerator = b - c - n * delta;
    let (big_a, big_b) = (2.0 * n, -b - c + (2.0 * n - b + c) * delta);
    let big_c = -c * delta * (1.0 - delta);
    let q = (sqrt((big_b * big_b - 4.0 * big_a * big_c).max(0.0)) - big_b) / (2.0 * big_a);
    let variance = n * (2.0 * q + delta * (1.0 - delta));
    if variance <= 0.0 || numerator.abs() <= 1e-14 * n {
        return if numerator.abs() <= 1e-12 * n {
            0.0
        } else {
            numerator.signum() * f64::INFINITY
        };
    }
    numerator / sqrt(variance)
}

/// Returns Tango's bounds at a one-sided normal quantile z > 0, by bisection. n = 0 gives (−1, 1).
pub fn tango_bounds(b: f64, c: f64, n: f64, z: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (-1.0, 1.0);
    }
    let point = (b - c) / n;
    let solve = |mut low: f64, mut high: f64, target: f64| {
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if tango_z(b, c, n, middle) > target {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    };
    let lower = if point <= -1.0 {
        -1.0
    } else {
        solve(-1.0, point, z)
    };
    let upper = if point >= 1.0 {
        1.0
    } else {
        solve(point, 1.0, -z)
    };
    (lower, upper)
}

/// Returns Newcombe's square-and-add bounds (Newcombe 1998, method 10), for cross-checks. a, b, c, d as in the module's table.
pub fn newcombe(a: f64, b: f64, c: f64, d: f64, alpha: f64) -> (f64, f64) {
    let n = a + b + c + d;
    if n <= 0.0 {
        return (-1.0, 1.0);
    }
    let (p1, p2) = ((a + b) / n, (a + c) / n);
    let (l1, u1) = proportion::wilson(a + b, n, alpha);
    let (l2, u2) = proportion::wilson(a + c, n, alpha);
    let product = (a + b) * (c + d) * (a + c) * (b + d);
    let phi = if product <= 0.0 {
        0.0
    } else {
        let cross = a * d - b * c;
        let corrected = if cross > n / 2.0 {
            cross - n / 2.0
        } else if cross >= 0.0 {
            0.0
        } else {
            cross
        };
        corrected / sqrt(product)
    };
    let delta = p1 - p2;
    let below = (p1 - l1).powi(2) - 2.0 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2).powi(2);
    let above = (p2 - l2).powi(2) - 2.0 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1).powi(2);
    (delta - sqrt(below.max(0.0)), delta + sqrt(above.max(0.0)))
}

/// Returns Bonett–Price adjusted Wald bounds clipped to [−1, 1] (Bonett & Price 2012), for cross-checks.
pub fn bonett_price(b: f64, c: f64, n: f64, alpha: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (-1.0, 1.0);
    }
    let z = -norm_ppf(alpha);
    let (p1, p2) = ((b + 1.0) / (n + 2.0), (c + 1.0) / (n + 2.0));
    let half = z * sqrt((p1 + p2 - (p1 - p2).powi(2)) / (n + 2.0));
    ((p1 - p2 - half).max(-1.0), (p1 - p2 + half).min(1.0))
}

/// P-values of McNemar's test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mcnemar {
    /// Exact conditional, two-sided.
    pub exact_two_sided: f64,
    /// Mid-p, two-sided (Fagerland, Lydersen & Laake 2013).
    pub midp_two_sided: f64,
    /// Chi-square without correction, two-sided.
    pub asymptotic_two_sided: f64,
    /// Exact, one-sided: the candidate is better.
    pub exact_greater: f64,
}

/// Returns McNemar's p-values for b candidate-only and c production-only passes. b + c = 0 gives 1.
pub fn mcnemar(b: u64, c: u64) -> Mcnemar {
    let n = b + c;
    if n == 0 {
        return Mcnemar {
            exact_two_sided: 1.0,
            midp_two_sided: 1.0,
            asymptotic_two_sided: 1.0,
            exact_greater: 1.0,
        };
    }
    let smaller = b.min(c) as i64;
    let exact = (2.0 * binomial::cdf(smaller, n, 0.5)).min(1.0);
    let at = binomial::pmf(smaller, n, 0.5);
    let midp = if b == c { 1.0 - 0.5 * at } else { exact - at };
    let difference = b as f64 - c as f64;
    Mcnemar {
        exact_two_sided: exact,
        midp_two_sided: midp,
        asymptotic_two_sided: chi2_sf(difference * difference / n as f64, 1.0),
        exact_greater: binomial::sf_ge(b as i64, n, 0.5),
    }
}
