//! Clustered and weighted means (statistics.md §2.3): CR0–CR3, Satterthwaite degrees of freedom, effective-count Tango.

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

/// One cluster's share of the weight, residual sum and squared weights.
struct Part {
    h: f64,
    /// 1 − h, summed from the others for the heaviest cluster: it may be tiny.
    free: f64,
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
    // Gathered once into the order of clusters: every pass below then walks straight through memory.
    let order = by_label(clusters);
    let labels: Vec<u32> = order.iter().map(|&row| clusters[row as usize]).collect();
    let value: Vec<f64> = order.iter().map(|&row| values[row as usize]).collect();
    let gathered: Option<Vec<f64>> =
        weights.map(|weights| order.iter().map(|&row| weights[row as usize]).collect());
    let weighed = |place: usize| gathered.as_ref().map_or(1.0, |weights| weights[place]);
    let total = match &gathered {
        Some(weights) => sum(weights.iter().copied()),
        None => value.len() as f64,
    };
    if total <= 0.0 {
        return Err(Undefined::ZeroWeight);
    }
    let estimate = match &gathered {
        Some(weights) => sum(weights.iter().zip(&value).map(|(w, value)| w * value)) / total,
        None => sum(value.iter().copied()) / total,
    };
    let mut parts: Vec<Part> = Vec::new();
    let (mut zero_weight_clusters, mut n, mut squares) = (0, 0_u64, 0.0);
    let mut from = 0;
    while from < labels.len() {
        let label = labels[from];
        let mut to = from;
        let (mut w, mut u, mut q, mut s, mut size) = (0.0, 0.0, 0.0, 0.0, 0.0);
        while to < labels.len() && labels[to] == label {
            let one = weighed(to);
            w += one;
            u += one * (value[to] - estimate);
            q += one * one;
            s += one * value[to];
            size += one * (value[to].abs() + estimate.abs());
            n += u64::from(one > 0.0);
            to += 1;
        }
        let rows = (to - from) as f64;
        from = to;
        // A residual of rounding errors only is none: else rows that do not vary would have bounds of no width.
        if u.abs() <= (rows + 8.0) * f64::EPSILON * size {
            u = 0.0;
        }
        if w > 0.0 {
            squares += q;
            parts.push(Part {
                h: w / total,
                free: 1.0 - w / total,
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
    let heaviest = settle_heaviest(&mut parts);
    if parts[heaviest].free < 1e-12 {
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
        cr2: sum(parts.iter().map(|part| part.u * part.u / part.free)),
        cr3: (g - 1.0) / g * sum(parts.iter().map(|part| (part.u / part.free).powi(2))),
        df: satterthwaite(&parts, heaviest, |free| 1.0 / free),
        df_cr3: satterthwaite(&parts, heaviest, |free| 1.0 / (free * free)),
        kish: total * total / squares,
        independent,
    })
}

/// Labels up to this many times the rows (and a bit) are counted rather than compared: a slice of a large set has few of its
/// clusters, and counting through all of them is still faster than sorting.
const COUNTED: usize = 32;

/// Rows in the order of their labels, equal labels in the order of rows; small labels are counted, not compared.
pub(crate) fn by_label(labels: &[u32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..labels.len() as u32).collect();
    if labels.is_sorted() {
        return order;
    }
    let largest = labels.iter().copied().max().unwrap_or(0) as usize;
    if largest > COUNTED * labels.len() + 64 {
        order.sort_by_key(|&row| labels[row as usize]);
        return order;
    }
    let mut place = vec![0_u32; largest + 2];
    for label in labels {
        place[*label as usize + 1] += 1;
    }
    for label in 1..place.len() {
        place[label] += place[label - 1];
    }
    for (row, label) in (0..).zip(labels) {
        let next = &mut place[*label as usize];
        order[*next as usize] = row;
        *next += 1;
    }
    order
}

/// Says whether no label comes twice.
pub(crate) fn are_distinct(labels: &[u32]) -> bool {
    if labels.is_sorted() {
        return labels.windows(2).all(|pair| pair[0] < pair[1]);
    }
    let largest = labels.iter().copied().max().unwrap_or(0) as usize;
    if largest > COUNTED * labels.len() + 64 {
        let mut sorted = labels.to_vec();
        sorted.sort_unstable();
        return sorted.windows(2).all(|pair| pair[0] < pair[1]);
    }
    // Clustered rows show it early, and are the long ones.
    let mut seen = vec![false; largest + 1];
    labels
        .iter()
        .all(|&label| !std::mem::replace(&mut seen[label as usize], true))
}

/// Finds the heaviest cluster and takes its 1 − h and its residual from the others (shares sum to 1, residuals to 0).
fn settle_heaviest(parts: &mut [Part]) -> usize {
    let mut heaviest = 0;
    for (place, part) in parts.iter().enumerate() {
        if part.h > parts[heaviest].h {
            heaviest = place;
        }
    }
    let others = |place: &usize| *place != heaviest;
    let free = sum((0..parts.len()).filter(others).map(|place| parts[place].h));
    let residual = -sum((0..parts.len()).filter(others).map(|place| parts[place].u));
    parts[heaviest].free = free;
    parts[heaviest].u = residual;
    heaviest
}

/// (tr M)²/ΣM² with M_gh = a_g a_h (1[g=h]Q_g − h_gQ_h − h_hQ_g + h_gh_hQ), in sums over clusters only;
/// `square` maps 1 − h to a².
///
/// Pairs with the heaviest cluster are summed one by one and all others by expanding the square, so that nothing
/// cancels when one cluster holds nearly all weight.
fn satterthwaite(parts: &[Part], heaviest: usize, square: impl Fn(f64) -> f64) -> f64 {
    let big_q = sum(parts.iter().map(|part| part.q));
    let light = || (0..parts.len()).filter(|place| *place != heaviest);
    let others = sum(light().map(|place| parts[place].q));
    let top = &parts[heaviest];
    let top_square = square(top.free);
    // Q_k − h_kQ without subtracting near-equal numbers.
    let tilt = top.q * top.free - top.h * others;
    let own = top_square * (top.q * top.free * top.free + top.h * top.h * others);
    let (mut trace, mut squares) = (own, own * own);
    let (mut hh, mut hq, mut qq) = (0.0, 0.0, 0.0);
    for part in light().map(|place| &parts[place]) {
        let a = square(part.free);
        let own = a * (part.q * part.free * part.free + part.h * part.h * (big_q - part.q));
        let with_top = top.h * part.q + part.h * tilt;
        // What the expanded square below counts for g = h.
        let same = a * part.h * (part.h * big_q - 2.0 * part.q);
        trace += own;
        squares += own * own - same * same + 2.0 * a * top_square * with_top * with_top;
        hh += a * part.h * part.h;
        hq += a * part.h * part.q;
        qq += a * part.q * part.q;
    }
    // Σ_gh A_gA_h(−h_gQ_h − h_hQ_g + h_gh_hQ)² over all but the heaviest.
    squares += 2.0 * hh * qq + 2.0 * hq * hq + big_q * big_q * hh * hh - 4.0 * big_q * hh * hq;
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
    Ok(effective_tango_of(&mean, values, weights, false, alpha))
}

/// Returns what is added to the variance of n trial means of which few differ: that of one more row, unseen, that differs by half a pair.
/// Without it rows that all seem equal would count for as many as one likes.
pub(crate) fn unseen(n: f64) -> f64 {
    0.25 / (n * n)
}

/// Effective-count Tango. Differences of trial means, in [−1, 1], count as shares of a pair, and for as many pairs as would vary as they do.
pub(crate) fn effective_tango_of(
    mean: &ClusterMean,
    values: &[f64],
    weights: Option<&[f64]>,
    trial_means: bool,
    alpha: f64,
) -> EffectiveTango {
    let n = mean.n as f64;
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let total = sum((0..values.len()).map(weight));
    let share = |sign: f64| {
        sum((0..values.len()).map(|row| (values[row] * sign).max(0.0) * weight(row))) / total * n
    };
    let (b, c) = (share(1.0), share(-1.0));
    let v0 = ((b + c) - (b - c) * (b - c) / n) / (n * n);
    let z = -norm_ppf(alpha);
    let factor = (z / t_ppf(alpha, mean.df)).powi(2);
    let n_eff = if v0 <= 0.0 || mean.cr2 <= 0.0 {
        n.min(mean.clusters as f64) * factor
    } else if trial_means {
        n * v0 / (mean.cr2 + unseen(n)) * factor
    } else {
        n * (v0 / mean.cr2).min(1.0) * factor
    };
    let scale = n_eff / n;
    let (lower, upper) = tango_bounds(b * scale, c * scale, n_eff, z);
    EffectiveTango {
        b,
        c,
        // Trials make a pair say more than one of single trials; never are there more pairs.
        n_eff: n_eff.min(n),
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
