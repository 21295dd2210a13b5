//! Paired means (statistics.md §2.3): Student's t and the exact sign-flip test.

use libm::sqrt;

use crate::special::{t_ppf, t_sf};
use crate::sum::{mean, variance};

/// A t interval of a mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentT {
    /// Mean.
    pub estimate: f64,
    /// Standard error.
    pub se: f64,
    /// n − 1.
    pub df: f64,
    /// estimate / se.
    pub t: f64,
    /// Two-sided p-value of mean 0.
    pub p_two_sided: f64,
    /// One-sided bounds at alpha.
    pub lower: f64,
    /// See `lower`.
    pub upper: f64,
}

/// Returns the t interval at one-sided level alpha; `None` below two values or without variance: the caller falls back.
pub fn student_t(values: &[f64], alpha: f64) -> Option<StudentT> {
    if values.len() < 2 {
        return None;
    }
    let spread = variance(values);
    let estimate = mean(values);
    // A spread of rounding errors only is no variance.
    if spread <= (1e-14 * estimate.abs().max(f64::MIN_POSITIVE)).powi(2) {
        return None;
    }
    let (n, df) = (values.len() as f64, (values.len() - 1) as f64);
    let se = sqrt(spread / n);
    let half = -t_ppf(alpha, df) * se;
    let t = estimate / se;
    Some(StudentT {
        estimate,
        se,
        df,
        t,
        p_two_sided: 2.0 * t_sf(t.abs(), df),
        lower: estimate - half,
        upper: estimate + half,
    })
}

/// Returns (two-sided, greater) p-values of the sign-flip test by full enumeration, for at most 24 non-zero differences.
pub fn sign_flip_exact(differences: &[f64]) -> Option<(f64, f64)> {
    let moving: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    if moving.len() > 24 {
        return None;
    }
    let observed: f64 = moving.iter().sum();
    let slack = 1e-12 * moving.iter().map(|d| d.abs()).sum::<f64>().max(1e-300);
    let all = 1_u64 << moving.len();
    let (mut greater, mut less) = (0_u64, 0_u64);
    for signs in 0..all {
        let total: f64 = moving
            .iter()
            .enumerate()
            .map(|(i, d)| {
                if signs >> i & 1 == 1 {
                    -d.abs()
                } else {
                    d.abs()
                }
            })
            .sum();
        greater += u64::from(total >= observed - slack);
        less += u64::from(total <= observed + slack);
    }
    let all = all as f64;
    let (greater, less) = (greater as f64 / all, less as f64 / all);
    Some(((2.0 * greater.min(less)).min(1.0), greater))
}
