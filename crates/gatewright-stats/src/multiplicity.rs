//! Corrections for asking several questions at once (statistics.md §4).
//!
//! Every function takes p-values in any order and returns adjusted p-values in the same order, in [0, 1].
//! A NaN p-value has left the family: it does not count, and comes back as NaN for the caller to list.

use libm::{expm1, log1p};

/// Applies `adjust` to the family without its NaN members, sorted ascending, and puts the results back in place.
fn over_family(p: &[f64], adjust: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let sorted: Vec<f64> = order.iter().map(|&i| p[i]).collect();
    let mut out = vec![f64::NAN; p.len()];
    for (&i, q) in order.iter().zip(adjust(&sorted)) {
        out[i] = q.clamp(0.0, 1.0);
    }
    out
}

/// Makes a sequence non-decreasing by its running maximum.
fn running_max(mut v: Vec<f64>) -> Vec<f64> {
    for i in 1..v.len() {
        v[i] = v[i].max(v[i - 1]);
    }
    v
}

/// Makes a sequence non-decreasing by its running minimum from the end.
fn running_min(mut v: Vec<f64>) -> Vec<f64> {
    for i in (1..v.len()).rev() {
        v[i - 1] = v[i - 1].min(v[i]);
    }
    v
}

/// 1 − (1 − p)^m without loss for small p.
fn sidak_of(p: f64, m: f64) -> f64 {
    if p >= 1.0 { 1.0 } else { -expm1(m * log1p(-p)) }
}

/// Scales each member of a sorted family: `f(p, index from 0, size)`.
fn scale(s: &[f64], f: impl Fn(f64, f64, f64) -> f64) -> Vec<f64> {
    let m = s.len() as f64;
    s.iter()
        .enumerate()
        .map(|(i, &p)| f(p, i as f64, m))
        .collect()
}

/// Returns Bonferroni-adjusted p-values, valid under any dependence.
#[must_use]
pub fn bonferroni(p: &[f64]) -> Vec<f64> {
    over_family(p, |s| scale(s, |p, _, m| p * m))
}

/// Returns Šidák-adjusted p-values (Šidák 1967), valid for independent tests.
#[must_use]
pub fn sidak(p: &[f64]) -> Vec<f64> {
    over_family(p, |s| scale(s, |p, _, m| sidak_of(p, m)))
}

/// Returns Holm-adjusted p-values (Holm 1979), valid under any dependence; the default correction.
///
/// # Examples
///
/// ```
/// assert_eq!(gatewright_stats::multiplicity::holm(&[0.01, 0.04]), vec![0.02, 0.04]);
/// ```
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    over_family(p, |s| {
        running_max(scale(s, |p, i, m| (p * (m - i)).min(1.0)))
    })
}

/// Returns Holm–Šidák-adjusted p-values, valid for independent tests.
#[must_use]
pub fn holm_sidak(p: &[f64]) -> Vec<f64> {
    over_family(p, |s| running_max(scale(s, |p, i, m| sidak_of(p, m - i))))
}

/// Returns Hochberg-adjusted p-values (Hochberg 1988), valid for positively dependent tests.
#[must_use]
pub fn hochberg(p: &[f64]) -> Vec<f64> {
    over_family(p, |s| running_min(scale(s, |p, i, m| p * (m - i))))
}

/// Returns Hommel-adjusted p-values (Hommel 1988): closed testing with Simes, for positively dependent tests.
#[must_use]
pub fn hommel(p: &[f64]) -> Vec<f64> {
    over_family(p, hommel_sorted)
}

/// Hommel's adjustment of an ascending family (Wright 1992, the algorithm of R's `p.adjust`).
fn hommel_sorted(s: &[f64]) -> Vec<f64> {
    let n = s.len();
    let whole = scale(s, |p, i, m| m * p / (i + 1.0))
        .into_iter()
        .fold(f64::INFINITY, f64::min);
    let (mut q, mut adjusted) = (vec![whole; n], vec![whole; n]);
    for m in (2..n).rev() {
        let first_large = n - m + 1;
        let mf = m as f64;
        let least = (first_large..n)
            .map(|i| mf * s[i] / (2 + i - first_large) as f64)
            .fold(f64::INFINITY, f64::min);
        for i in 0..first_large {
            q[i] = (mf * s[i]).min(least);
        }
        for i in first_large..n {
            q[i] = q[n - m];
        }
        for (a, &b) in adjusted.iter_mut().zip(&q) {
            *a = a.max(b);
        }
    }
    adjusted.iter().zip(s).map(|(&a, &p)| a.max(p)).collect()
}

/// Returns Benjamini–Hochberg-adjusted p-values (1995): false discovery rate, for exploration only.
#[must_use]
pub fn bh(p: &[f64]) -> Vec<f64> {
    over_family(p, |s| {
        running_min(scale(s, |p, i, m| (p * m / (i + 1.0)).min(1.0)))
    })
}

/// Returns Benjamini–Yekutieli-adjusted p-values (2001): false discovery rate under any dependence.
#[must_use]
pub fn by(p: &[f64]) -> Vec<f64> {
    over_family(p, |s| {
        let harmonic: f64 = (1..=s.len()).map(|i| 1.0 / i as f64).sum();
        running_min(scale(s, |p, i, m| (p * m * harmonic / (i + 1.0)).min(1.0)))
    })
}

/// Returns the p-value of "all of these hold" (intersection–union test, Berger 1982): the largest one.
///
/// `None` for an empty family: a claim about nothing has no p-value.
#[must_use]
pub fn iut_max(p: &[f64]) -> Option<f64> {
    p.iter().copied().filter(|x| !x.is_nan()).reduce(f64::max)
}

/// Returns the Simes p-value (1986) of the global null hypothesis; `None` for an empty family.
#[must_use]
pub fn simes_global(p: &[f64]) -> Option<f64> {
    bh(p).into_iter().filter(|x| !x.is_nan()).reduce(f64::min)
}

/// Returns adjusted p-values of the closed test with Simes local tests, which is Hommel's procedure.
#[must_use]
pub fn closed_simes(p: &[f64]) -> Vec<f64> {
    hommel(p)
}

/// Returns adjusted p-values of the closed test with Bonferroni local tests, which is Holm's procedure.
#[must_use]
pub fn closed_bonferroni(p: &[f64]) -> Vec<f64> {
    holm(p)
}

/// Returns weighted-Holm-adjusted p-values (Holm 1979 §4): closed testing with weighted Bonferroni.
///
/// `None` when lengths differ or a weight is not positive and finite.
#[must_use]
pub fn weighted_holm(p: &[f64], weights: &[f64]) -> Option<Vec<f64>> {
    if p.len() != weights.len() || weights.iter().any(|w| !w.is_finite() || *w <= 0.0) {
        return None;
    }
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_by(|&i, &j| (p[i] / weights[i]).total_cmp(&(p[j] / weights[j])));
    let mut out = vec![f64::NAN; p.len()];
    let mut largest: f64 = 0.0;
    for (k, &i) in order.iter().enumerate() {
        let left: f64 = order[k..].iter().map(|&j| weights[j]).sum();
        largest = largest.max(p[i] * left / weights[i]).min(1.0);
        out[i] = largest;
    }
    Some(out)
}

/// Returns adjusted p-values of tiers tested in a fixed sequence, Holm inside each tier.
///
/// A tier opens only when everything in the tiers before it was rejected, so that each adjusted p-value is at
/// least the largest of the tiers before.
#[must_use]
pub fn tiered_holm(tiers: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut before: f64 = 0.0;
    tiers
        .iter()
        .map(|tier| {
            let own: Vec<f64> = holm(tier)
                .into_iter()
                .map(|p| if p.is_nan() { p } else { p.max(before) })
                .collect();
            before = iut_max(&own).unwrap_or(before).max(before);
            own
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_holm_is_the_closed_weighted_bonferroni_test() {
        let p = [0.03, 0.001, 0.2, 0.04, 0.012];
        let w = [1.0, 2.0, 5.0, 3.0, 1.5];
        let mut want = [0.0f64; 5];
        for set in 1u32..32 {
            let members: Vec<usize> = (0..5).filter(|i| set >> i & 1 == 1).collect();
            let total: f64 = members.iter().map(|&i| w[i]).sum();
            let local = members
                .iter()
                .map(|&i| p[i] * total / w[i])
                .fold(1.0, f64::min);
            for i in members {
                want[i] = want[i].max(local);
            }
        }
        let got = weighted_holm(&p, &w).unwrap();
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() < 1e-14, "{g} {w}");
        }
    }

    #[test]
    fn a_missing_p_leaves_the_family() {
        let got = holm(&[0.01, f64::NAN, 0.04]);
        assert_eq!((got[0], got[2]), (0.02, 0.04));
        assert!(got[1].is_nan());
        assert_eq!(iut_max(&[]), None);
        assert!(hommel(&[]).is_empty());
    }
}
