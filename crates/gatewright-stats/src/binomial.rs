//! Binomial mass and tails, in linear and log space (Loader 2000; statistics.md §12).

use libm::{exp, log};

use crate::special::{beta_tails, log_binomial_mass};

/// Lower and upper tails of a binomial count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tails {
    /// P(X = k).
    pub pmf: f64,
    /// P(X ≤ k).
    pub cdf: f64,
    /// P(X ≥ k).
    pub sf_ge: f64,
    /// Natural logarithms of the three.
    pub log_pmf: f64,
    /// ln P(X ≤ k).
    pub log_cdf: f64,
    /// ln P(X ≥ k).
    pub log_sf_ge: f64,
}

/// Returns ln P(X = k) for X ~ Bin(n, p).
pub fn log_pmf(k: i64, n: u64, p: f64) -> f64 {
    if k < 0 || k as u64 > n {
        return f64::NEG_INFINITY;
    }
    let (k, n) = (k as f64, n as f64);
    if p <= 0.0 {
        return if k == 0.0 { 0.0 } else { f64::NEG_INFINITY };
    }
    if p >= 1.0 {
        return if k == n { 0.0 } else { f64::NEG_INFINITY };
    }
    log_binomial_mass(k, n - k, p, 1.0 - p)
}

/// Returns P(X = k) for X ~ Bin(n, p).
pub fn pmf(k: i64, n: u64, p: f64) -> f64 {
    exp(log_pmf(k, n, p))
}

/// Returns P(X ≤ k) for X ~ Bin(n, p).
pub fn cdf(k: i64, n: u64, p: f64) -> f64 {
    tails(k, n, p).cdf
}

/// Returns P(X ≥ k) for X ~ Bin(n, p), not through 1 − cdf.
pub fn sf_ge(k: i64, n: u64, p: f64) -> f64 {
    tails(k, n, p).sf_ge
}

/// Returns mass and both tails at k (any integer) for X ~ Bin(n, p), p in [0, 1].
pub fn tails(k: i64, n: u64, p: f64) -> Tails {
    let log_pmf = log_pmf(k, n, p);
    let (cdf, log_cdf) = lower(k, n, p);
    let (sf_ge, log_sf_ge) = upper(k, n, p);
    Tails {
        pmf: exp(log_pmf),
        cdf,
        sf_ge,
        log_pmf,
        log_cdf,
        log_sf_ge,
    }
}

fn lower(k: i64, n: u64, p: f64) -> (f64, f64) {
    if k < 0 {
        return (0.0, f64::NEG_INFINITY);
    }
    if k as u64 >= n || p <= 0.0 {
        return (1.0, 0.0);
    }
    if p >= 1.0 {
        return (0.0, f64::NEG_INFINITY);
    }
    let found = beta_tails(1.0 - p, p, (n - k as u64) as f64, k as f64 + 1.0);
    (found.cdf, found.log_cdf)
}

fn upper(k: i64, n: u64, p: f64) -> (f64, f64) {
    if k <= 0 {
        return (1.0, 0.0);
    }
    if k as u64 > n || p <= 0.0 {
        return (0.0, f64::NEG_INFINITY);
    }
    if p >= 1.0 {
        return (1.0, 0.0);
    }
    let found = beta_tails(p, 1.0 - p, k as f64, (n - k as u64) as f64 + 1.0);
    (found.cdf, found.log_cdf)
}

/// Which alternative a binomial test is against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// The rate is smaller.
    Less,
    /// The rate is larger.
    Greater,
    /// Either; by minimum likelihood.
    TwoSided,
}

/// Returns the exact p-value of k successes of n against rate p.
pub fn test(k: u64, n: u64, p: f64, alternative: Alternative) -> f64 {
    match alternative {
        Alternative::Less => cdf(k as i64, n, p),
        Alternative::Greater => sf_ge(k as i64, n, p),
        Alternative::TwoSided => {
            // The slack keeps counts of equal likelihood together in spite of rounding.
            let limit = log_pmf(k as i64, n, p) + log(1.0 + 1e-7);
            let expected = n as f64 * p;
            if (k as f64 - expected).abs() < 1e-12 {
                return 1.0;
            }
            let total = if (k as f64) < expected {
                let other = (0..=n as i64)
                    .rev()
                    .take_while(|&i| log_pmf(i, n, p) <= limit)
                    .last();
                cdf(k as i64, n, p) + other.map_or(0.0, |i| sf_ge(i, n, p))
            } else {
                let other = (0..=n as i64)
                    .take_while(|&i| log_pmf(i, n, p) <= limit)
                    .last();
                sf_ge(k as i64, n, p) + other.map_or(0.0, |i| cdf(i, n, p))
            };
            total.min(1.0)
        }
    }
}
