//! Clustered and weighted means (statistics.md §2.3): CR0–CR3, Satterthwaite degrees of freedom, effective-count Tango.

use libm::sqrt;

use crate::estimate::Undefined;
use crate::paired::tango_bounds;
use crate::special::{norm_ppf, t_ppf};
use crate::sum::sum;

/// A weighted mean with its cluster-robust variances. Rows of weight 0 are dropped first.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterMean {
    /// Σwd / Σw.
    pub estimate: f64,
    /// Rows with a positive weight.
    pub n: u64,
    /// Clusters with a positive weight.
    pub clusters: u64,
    /// Clusters that only had rows of weight 0.
    pub zero_weight_clusters: u64,
    /// Clusters whose weighted sum is not 0.
    pub nonzero_clusters: u64,
    /// Variances of the estimate; CR2 is the gate's (Bell & McCaffrey 2002).
    pub cr0: f64,
    /// CR0 · G/(G−1).
    pub cr1: f64,
    /// Σu²/(1−h).
    pub cr2: f64,
    /// The delete-one-cluster jackknife about the estimate.
    pub cr3: f64,
    /// Satterthwaite degrees of freedom of CR2 and CR3 (Pustejovsky & Tipton 2018).
    pub df: f64,
    /// See `df`.
    pub df_cr3: f64,
    /// Kish's effective number of rows, (Σw)²/Σw².
    pub kish: f64,
    /// Variance of the unweighted mean of independent rows, s²/n.
    pub independent: f64,
}

impl ClusterMean {
    /// Design effect CR1/(s²/n); 1 when no row varies.
    pub fn deff(&self) -> f64 {
        if self.independent > 0.0 {
            self.cr1 / self.independent
        } else {
            1.0
        }
    }
}

/// Up to this many clusters the degrees of freedom are summed cell by cell.
const DIRECT_CLUSTERS: usize = 256;

/// One cluster's share of the weight, residual sum and squared weights.
struct Part {
    h: f64,
    u: f64,
    q: f64,
    sum: f64,
}

/// Computes the weighted mean of values and its cluster-robust variances.
///
/// # Errors
/// `Empty` without rows, `ZeroWeight`, `OutOfRange` for a value or weight that is not finite or a negative weight,
/// `TooFewClusters` below two, and when one cluster owns all weight.
pub fn cluster_mean(
    values: &[f64],
    clusters: &[u32],
    weights: Option<&[f64]>,
) -> Result<ClusterMean, Undefined> {
    if values.is_empty() {
        return Err(Undefined::Empty);
    }
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    if (0..values.len())
        .any(|row| !values[row].is_finite() || !weight(row).is_finite() || weight(row) < 0.0)
    {
        return Err(Undefined::OutOfRange);
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    if !clusters.is_sorted() {
        order.sort_by_key(|&row| clusters[row]);
    }
    let total = sum(order.iter().map(|&row| weight(row)));
    if total <= 0.0 {
        return Err(Undefined::ZeroWeight);
    }
    let estimate = sum(order.iter().map(|&row| weight(row) * values[row])) / total;
    let mut parts: Vec<Part> = Vec::new();
    let (mut zero_weight_clusters, mut n, mut squares) = (0, 0_u64, 0.0);
    let mut from = 0;
    while from < order.len() {
        let label = clusters[order[from]];
        let mut to = from;
        let (mut w, mut u, mut q, mut s) = (0.0, 0.0, 0.0, 0.0);
        while to < order.len() && clusters[order[to]] == label {
            let row = order[to];
            let one = weight(row);
            w += one;
            u += one * (values[row] - estimate);
            q += one * one;
            s += one * values[row];
            n += u64::from(one > 0.0);
            to += 1;
        }
        from = to;
        if w > 0.0 {
            squares += q;
            parts.push(Part {
                h: w / total,
                u: u / total,
                q: q / (total * total),
                sum: s,
            });
        } else {
            zero_weight_clusters += 1;
        }
    }
    if parts.len() < 2 {
        return Err(Undefined::TooFewClusters {
            clusters: parts.len() as u64,
        });
    }
    if parts.iter().any(|part| 1.0 - part.h < 1e-12) {
        return Err(Undefined::TooFewClusters { clusters: 1 });
    }
    let g = parts.len() as f64;
    let cr0 = sum(parts.iter().map(|part| part.u * part.u));
    let kept = || {
        (0..values.len())
            .filter(|&row| weight(row) > 0.0)
            .map(|row| values[row])
    };
    let plain = sum(kept()) / n as f64;
    let independent = if n > 1 {
        sum(kept().map(|value| (value - plain).powi(2))) / ((n - 1) as f64 * n as f64)
    } else {
        0.0
    };
    Ok(ClusterMean {
        estimate,
        n,
        clusters: parts.len() as u64,
        zero_weight_clusters,
        nonzero_clusters: parts.iter().filter(|part| part.sum.abs() > 1e-12).count() as u64,
        cr0,
        cr1: g / (g - 1.0) * cr0,
        cr2: sum(parts.iter().map(|part| part.u * part.u / (1.0 - part.h))),
        cr3: (g - 1.0) / g * sum(parts.iter().map(|part| (part.u / (1.0 - part.h)).powi(2))),
        df: satterthwaite(&parts, |h| 1.0 / sqrt(1.0 - h)),
        df_cr3: satterthwaite(&parts, |h| 1.0 / (1.0 - h)),
        kish: total * total / squares,
        independent,
    })
}

/// (tr M)²/ΣM² with M_gh = a_g a_h (1[g=h]Q_g − h_gQ_h − h_hQ_g + h_gh_hQ), in sums over clusters only.
fn satterthwaite(parts: &[Part], scale: impl Fn(f64) -> f64) -> f64 {
    let big_q = sum(parts.iter().map(|part| part.q));
    if parts.len() <= DIRECT_CLUSTERS {
        return satterthwaite_direct(parts, big_q, scale);
    }
    // With A_g = a_g², the square of the off-diagonal form separates into products of these sums.
    let (mut trace, mut diagonal) = (0.0, 0.0);
    let (mut hh, mut hq, mut qq) = (0.0, 0.0, 0.0);
    for part in parts {
        let squared = scale(part.h).powi(2);
        let common = squared * (-2.0 * part.h * part.q + part.h * part.h * big_q);
        let own = squared * part.q + common;
        trace += own;
        diagonal += own * own - common * common;
        hh += squared * part.h * part.h;
        hq += squared * part.h * part.q;
        qq += squared * part.q * part.q;
    }
    // Σ_gh A_gA_h(−h_gQ_h − h_hQ_g + h_gh_hQ)²
    let all = 2.0 * hh * qq + 2.0 * hq * hq + big_q * big_q * hh * hh - 4.0 * big_q * hh * hq;
    trace * trace / (diagonal + all)
}

/// The same cell by cell: no cancellation when one cluster holds nearly all weight.
fn satterthwaite_direct(parts: &[Part], big_q: f64, scale: impl Fn(f64) -> f64) -> f64 {
    let scales: Vec<f64> = parts.iter().map(|part| scale(part.h)).collect();
    let (mut trace, mut squares) = (0.0, 0.0);
    for (g, one) in parts.iter().enumerate() {
        for (h, two) in parts.iter().enumerate() {
            let own = if g == h { one.q } else { 0.0 };
            let common = own - one.h * two.q - two.h * one.q + one.h * two.h * big_q;
            let cell = scales[g] * scales[h] * common;
            squares += cell * cell;
            if g == h {
                trace += cell;
            }
        }
    }
    trace * trace / squares
}

/// Effective-count Tango for clustered or weighted pass/fail differences (statistics.md §2.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EffectiveTango {
    /// Candidate-only and other-only counts (weighted shares × n).
    pub b: f64,
    /// See `b`.
    pub c: f64,
    /// Effective number of pairs.
    pub n_eff: f64,
    /// Degrees of freedom of the design.
    pub df: f64,
    /// Bounds.
    pub lower: f64,
    /// See `lower`.
    pub upper: f64,
}

/// Computes effective-count Tango bounds at one-sided level alpha for differences in {−1, 0, 1}.
///
/// # Errors
/// Those of [`cluster_mean`].
pub fn effective_tango(
    values: &[f64],
    clusters: &[u32],
    weights: Option<&[f64]>,
    alpha: f64,
) -> Result<EffectiveTango, Undefined> {
    let mean = cluster_mean(values, clusters, weights)?;
    Ok(effective_tango_of(&mean, values, weights, alpha))
}

pub(crate) fn effective_tango_of(
    mean: &ClusterMean,
    values: &[f64],
    weights: Option<&[f64]>,
    alpha: f64,
) -> EffectiveTango {
    let n = mean.n as f64;
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let total = sum((0..values.len()).map(weight));
    let share = |sign: f64| {
        sum((0..values.len())
            .filter(|&row| values[row] * sign > 0.0)
            .map(weight))
            / total
            * n
    };
    let (b, c) = (share(1.0), share(-1.0));
    let v0 = ((b + c) - (b - c) * (b - c) / n) / (n * n);
    let z = -norm_ppf(alpha);
    let factor = (z / t_ppf(alpha, mean.df)).powi(2);
    let n_eff = if v0 <= 0.0 || mean.cr2 <= 0.0 {
        n.min(mean.clusters as f64) * factor
    } else {
        n * (v0 / mean.cr2).min(1.0) * factor
    };
    let scale = n_eff / n;
    let (lower, upper) = tango_bounds(b * scale, c * scale, n_eff, z);
    EffectiveTango {
        b,
        c,
        n_eff,
        df: mean.df,
        lower,
        upper,
    }
}

/// Intraclass correlation and design effects of clustered rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IccDeff {
    /// One-way ANOVA intraclass correlation.
    pub icc: f64,
    /// Its mean cluster size (N − Σn²/N)/(G − 1).
    pub n0: f64,
    /// CR1/(s²/n).
    pub deff_observed: f64,
    /// 1 + (Σn²/N − 1)·ICC (Kish 1965).
    pub deff_kish: f64,
}

/// Computes the ICC by one-way analysis of variance, and design effects.
///
/// # Errors
/// `Empty`, `TooFewClusters`; `Unbounded` when nothing varies or every cluster has one row.
pub fn icc_deff(values: &[f64], clusters: &[u32]) -> Result<IccDeff, Undefined> {
    let mean = cluster_mean(values, clusters, None)?;
    let mut groups: std::collections::BTreeMap<u32, Vec<f64>> = std::collections::BTreeMap::new();
    for (value, cluster) in values.iter().zip(clusters) {
        groups.entry(*cluster).or_default().push(*value);
    }
    let (n, g) = (values.len() as f64, groups.len() as f64);
    let squares = sum(groups.values().map(|group| (group.len() as f64).powi(2)));
    let n0 = (n - squares / n) / (g - 1.0);
    let between = sum(groups.values().map(|group| {
        let centre = crate::sum::mean(group);
        group.len() as f64 * (centre - mean.estimate).powi(2)
    })) / (g - 1.0);
    if n <= g {
        return Err(Undefined::Unbounded);
    }
    let within = sum(groups.values().flat_map(|group| {
        let centre = crate::sum::mean(group);
        group
            .iter()
            .map(move |value| (value - centre).powi(2))
            .collect::<Vec<_>>()
    })) / (n - g);
    let spread = between + (n0 - 1.0) * within;
    if spread <= 0.0 || mean.independent <= 0.0 {
        return Err(Undefined::Unbounded);
    }
    let icc = (between - within) / spread;
    Ok(IccDeff {
        icc,
        n0,
        deff_observed: mean.deff(),
        deff_kish: 1.0 + (squares / n - 1.0) * icc,
    })
}
