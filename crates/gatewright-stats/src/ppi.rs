//! Prediction-powered means (statistics.md §8): many graded rows, few of them labelled by people, no trust in the grader.
//!
//! θ = λ·mean(f on unlabelled rows) + mean(y − λf on labelled rows), for any λ unbiased when the labelled rows are a random
//! part of the same rows; λ = 0 is the mean of the labels. y is what people say, f what the grader says.
//! Variances divide by n, as the published reference does.

use std::collections::BTreeMap;

use libm::sqrt;

use crate::choose::Rows;
use crate::cluster::{ClusterMean, cluster_mean};
use crate::estimate::{Bounds, Method, Undefined};
use crate::special::{norm_ppf, t_ppf};
use crate::sum::{mean, sum};

/// How much of the grader goes into the estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tuning {
    /// The λ in [0, 1] with the smallest variance (PPI++, Angelopoulos, Duchi & Zrnic 2023).
    Power,
    /// This λ; 1 is the estimator of Angelopoulos et al. 2023.
    Fixed(f64),
}

/// A prediction-powered mean of independent rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PpiMean {
    /// θ.
    pub estimate: f64,
    /// Variance of θ.
    pub variance: f64,
    /// λ in use.
    pub lambda: f64,
    /// Labelled rows.
    pub labelled: u64,
    /// Rows with the grader's verdict only.
    pub unlabelled: u64,
}

impl PpiMean {
    /// Returns normal bounds at one-sided level alpha each. They are not clipped: they may leave the range of y.
    pub fn bounds(&self, alpha: f64) -> (f64, f64) {
        normal_bounds(self.estimate, self.variance, alpha)
    }
}

/// Returns (estimate, variance) of the mean of the labels alone.
///
/// # Errors
/// `Empty` without rows, `OutOfRange` for a value that is not finite.
pub fn labels_only(y: &[f64]) -> Result<(f64, f64), Undefined> {
    check(&[y])?;
    Ok((mean(y), spread(y) / y.len() as f64))
}

/// Returns the prediction-powered mean: `y` and `f` over the n labelled rows, `fu` over the N others (may be empty: then
/// λ = 0).
///
/// # Errors
/// `Empty` without labelled rows; `OutOfRange` for values that are not finite, y and f of different lengths, or a fixed λ
/// that is not finite.
pub fn ppi_mean(y: &[f64], f: &[f64], fu: &[f64], tuning: Tuning) -> Result<PpiMean, Undefined> {
    check(&[y, f])?;
    if fu.iter().any(|value| !value.is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    let (n, others) = (y.len() as f64, fu.len() as f64);
    let lambda = match tuning {
        _ if fu.is_empty() => 0.0,
        Tuning::Fixed(lambda) if lambda.is_finite() => lambda,
        Tuning::Fixed(_) => return Err(Undefined::OutOfRange),
        Tuning::Power => power_lambda(y, f, fu),
    };
    let rectified: Vec<f64> = y.iter().zip(f).map(|(y, f)| y - lambda * f).collect();
    let (graded, graded_variance) = if fu.is_empty() {
        (0.0, 0.0)
    } else {
        (mean(fu), spread(fu) / others)
    };
    Ok(PpiMean {
        estimate: lambda * graded + mean(&rectified),
        variance: lambda * lambda * graded_variance + spread(&rectified) / n,
        lambda,
        labelled: y.len() as u64,
        unlabelled: fu.len() as u64,
    })
}

/// cov(y, f)/(var(f)(1 + n/N)) in [0, 1], var over all rows with n + N − 1; 0 where the grader never varies.
fn power_lambda(y: &[f64], f: &[f64], fu: &[f64]) -> f64 {
    let (n, others) = (y.len() as f64, fu.len() as f64);
    let (my, mf) = (mean(y), mean(f));
    let covariance = sum(y.iter().zip(f).map(|(y, f)| (y - my) * (f - mf))) / n;
    let both = || f.iter().chain(fu).copied();
    let centre = sum(both()) / (n + others);
    let variance = sum(both().map(|f| (f - centre) * (f - centre))) / (n + others - 1.0);
    if variance <= 0.0 {
        return 0.0;
    }
    (covariance / (variance * (1.0 + n / others))).clamp(0.0, 1.0)
}

/// One stratum of labelled and unlabelled rows.
#[derive(Clone, Copy, Debug)]
pub struct Stratum<'a> {
    /// Its share of traffic, ≥ 0; shares add up to 1.
    pub share: f64,
    /// People's values on the labelled rows.
    pub y: &'a [f64],
    /// The grader's on the same rows.
    pub f: &'a [f64],
    /// The grader's on the other rows.
    pub fu: &'a [f64],
}

/// A stratified prediction-powered mean, Σ W_h θ_h.
#[derive(Clone, Debug, PartialEq)]
pub struct Stratified {
    /// ΣW_hθ_h.
    pub estimate: f64,
    /// ΣW_h²v_h.
    pub variance: f64,
    /// The strata's own estimates.
    pub strata: Vec<PpiMean>,
}

impl Stratified {
    /// Returns normal bounds at one-sided level alpha each.
    pub fn bounds(&self, alpha: f64) -> (f64, f64) {
        normal_bounds(self.estimate, self.variance, alpha)
    }
}

/// Returns the stratified prediction-powered mean, tuned in each stratum (Fisch et al. 2024).
///
/// # Errors
/// `Empty` without strata or for a stratum without labels, `OutOfRange` for shares that are negative, not finite or do not
/// add up to 1, and what [`ppi_mean`] refuses.
pub fn ppi_stratified(strata: &[Stratum<'_>]) -> Result<Stratified, Undefined> {
    if strata.is_empty() {
        return Err(Undefined::Empty);
    }
    let total = sum(strata.iter().map(|stratum| stratum.share));
    let negative = strata.iter().any(|stratum| stratum.share < 0.0);
    if negative || !total.is_finite() || (total - 1.0).abs() > 1e-9 {
        return Err(Undefined::OutOfRange);
    }
    let found = strata
        .iter()
        .map(|stratum| ppi_mean(stratum.y, stratum.f, stratum.fu, Tuning::Power))
        .collect::<Result<Vec<_>, _>>()?;
    let with = || strata.iter().map(|stratum| stratum.share).zip(&found);
    Ok(Stratified {
        estimate: sum(with().map(|(share, one)| share * one.estimate)),
        variance: sum(with().map(|(share, one)| share * share * one.variance)),
        strata: found,
    })
}

/// Labelled rows with clusters and inclusion weights; all slices have the same length.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// People's values, or differences of them.
    pub y: &'a [f64],
    /// The grader's on the same rows.
    pub f: &'a [f64],
    /// Cluster of each row; a number means the same cluster here and among the graded rows.
    pub cluster: &'a [u32],
    /// 1/(probability of being labelled), ≥ 0; none means all alike.
    pub weight: Option<&'a [f64]>,
}

/// A prediction-powered mean of clustered or weighted rows, or of paired differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PpiClustered {
    /// θ.
    pub estimate: f64,
    /// CR2 variance of θ.
    pub variance: f64,
    /// λ in [0, 1].
    pub lambda: f64,
    /// Degrees of freedom: Welch's over the two terms; the smaller of both where clusters have rows of both kinds.
    pub df: f64,
    /// Labelled rows of positive weight.
    pub labelled: u64,
    /// Clusters with labelled rows: what the correction rests on.
    pub clusters: u64,
    /// How many independent labels would have this variance.
    pub n_eff: f64,
}

impl PpiClustered {
    /// Puts the two terms together; `graded` is the grader's mean, and whether it shares clusters with the labels.
    fn new(
        correction: &ClusterMean,
        people: &ClusterMean,
        graded: Option<(&ClusterMean, bool)>,
        lambda: f64,
        cross: f64,
    ) -> Self {
        let (mut estimate, mut variance, mut df) =
            (correction.estimate, correction.cr2, correction.df);
        if let Some((graded, shared)) = graded {
            let (v_label, v_graded) = (correction.cr2, lambda * lambda * graded.cr2);
            estimate += lambda * graded.estimate;
            variance = (v_label + v_graded + cross).max(0.0);
            df = if v_graded <= 0.0 {
                correction.df
            } else if shared || v_label <= 0.0 {
                correction.df.min(graded.df)
            } else {
                (v_label + v_graded).powi(2)
                    / (v_label * v_label / correction.df + v_graded * v_graded / graded.df)
            };
        }
        let spread = people.independent * people.n as f64;
        Self {
            estimate,
            variance,
            lambda,
            df,
            labelled: correction.n,
            clusters: correction.clusters,
            n_eff: if variance > 0.0 {
                spread / variance
            } else {
                0.0
            },
        }
    }

    /// Returns t bounds at one-sided level alpha each.
    ///
    /// # Errors
    /// `NoVariation` when the variance is 0: an interval without width claims too much. `FewDegreesOfFreedom` below four.
    pub fn bounds(&self, alpha: f64) -> Result<Bounds, Undefined> {
        if self.variance <= 0.0 {
            return Err(Undefined::NoVariation);
        }
        let half = -t_ppf(alpha, self.df) * sqrt(self.variance);
        let bounds = Bounds {
            point: self.estimate,
            lower: self.estimate - half,
            upper: self.estimate + half,
            alpha,
            n: self.labelled,
            clusters: self.clusters,
            n_eff: self.n_eff,
            df: Some(self.df),
            deff: None,
            method: Method::PpiPlusPlus,
        };
        if self.df < 4.0 - 1e-9 {
            return Err(Undefined::FewDegreesOfFreedom {
                df: self.df,
                shown: Box::new(bounds),
            });
        }
        Ok(bounds)
    }
}

/// Returns the prediction-powered mean of clustered or weighted rows: Hajek means, CR2 variances of both terms.
///
/// With y and f differences of two systems on the same example this is their paired difference. `graded` holds the grader's
/// values on the rows without a label; where labels were not drawn with equal chances (every flip, a sample of the rest),
/// those are no sample of the run any more: give the grader's values on *all* rows then. A cluster with rows on both sides
/// enters with its sum, so that the two terms need not be independent; unclustered rows need the same cluster number on both.
/// λ minimises the variance that is reported. Without graded rows it is the mean of the labels.
///
/// # Errors
/// `OutOfRange` for columns of different lengths, and what [`cluster_mean`] refuses of either side: no labelled rows, fewer
/// than two clusters, no weight, values out of range.
pub fn ppi_clustered(
    labelled: &Labelled<'_>,
    graded: &Rows<'_>,
    tuning: Tuning,
) -> Result<PpiClustered, Undefined> {
    check(&[labelled.y, labelled.f])?;
    let uneven = |rows: &Rows<'_>| {
        let count = rows.value.len();
        rows.cluster.len() != count || rows.weight.is_some_and(|weight| weight.len() != count)
    };
    let with = |values| Rows {
        value: values,
        cluster: labelled.cluster,
        weight: labelled.weight,
    };
    let (people, grader) = (with(labelled.y), with(labelled.f));
    if uneven(&people) || uneven(graded) {
        return Err(Undefined::OutOfRange);
    }
    let of_people = cluster_mean(labelled.y, labelled.cluster, labelled.weight)?;
    if graded.value.is_empty() {
        return Ok(PpiClustered::new(&of_people, &of_people, None, 0.0, 0.0));
    }
    let of_grader = cluster_mean(graded.value, graded.cluster, graded.weight)?;
    let (on_y, on_f, on_fu) = (influence(&people), influence(&grader), influence(graded));
    let lambda = match tuning {
        Tuning::Fixed(lambda) if lambda.is_finite() => lambda,
        Tuning::Fixed(_) => return Err(Undefined::OutOfRange),
        Tuning::Power => best_lambda(&on_y, &on_f, &on_fu),
    };
    let rectified: Vec<f64> = labelled
        .y
        .iter()
        .zip(labelled.f)
        .map(|(y, f)| y - lambda * f)
        .collect();
    let correction = cluster_mean(&rectified, labelled.cluster, labelled.weight)?;
    let shared = || on_fu.iter().filter(|(g, _)| on_y.contains_key(*g));
    let cross = 2.0 * lambda * sum(shared().map(|(g, fu)| fu * (on_y[g] - lambda * on_f[g])));
    let shares = shared().next().is_some();
    let with_grader = Some((&of_grader, shares));
    Ok(PpiClustered::new(
        &correction,
        &of_people,
        with_grader,
        lambda,
        cross,
    ))
}

/// What each cluster adds to the error of a Hajek mean, in CR2's scale; rows of weight 0 are left out.
fn influence(rows: &Rows<'_>) -> BTreeMap<u32, f64> {
    let weight = |row: usize| rows.weight.map_or(1.0, |weights| weights[row]);
    let count = rows.value.len();
    let total = sum((0..count).map(weight));
    let centre = sum((0..count).map(|row| weight(row) * rows.value[row])) / total;
    let mut clusters: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for row in (0..count).filter(|&row| weight(row) > 0.0) {
        let part = clusters.entry(rows.cluster[row]).or_default();
        part.0 += weight(row) / total;
        part.1 += weight(row) * (rows.value[row] - centre) / total;
    }
    clusters
        .into_iter()
        .map(|(g, (h, u))| (g, u / sqrt((1.0 - h).max(1e-12))))
        .collect()
}

/// The λ in [0, 1] that minimises Σ(y_g + λ(fu_g − f_g))² over clusters.
fn best_lambda(
    on_y: &BTreeMap<u32, f64>,
    on_f: &BTreeMap<u32, f64>,
    on_fu: &BTreeMap<u32, f64>,
) -> f64 {
    let at = |map: &BTreeMap<u32, f64>, g: &u32| map.get(g).copied().unwrap_or(0.0);
    let only_graded = on_fu.iter().filter(|(g, _)| !on_y.contains_key(*g));
    let slope = |g: &u32| at(on_f, g) - at(on_fu, g);
    let top = sum(on_y.iter().map(|(g, y)| y * slope(g)));
    let bottom =
        sum(on_y.keys().map(|g| slope(g) * slope(g))) + sum(only_graded.map(|(_, fu)| fu * fu));
    if bottom <= 0.0 {
        return 0.0;
    }
    (top / bottom).clamp(0.0, 1.0)
}

/// What labels and graded rows cost, and what there is to buy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Variance of one label, > 0; p(1 − p) for pass or fail.
    pub label_variance: f64,
    /// Squared correlation of people and grader, in [0, 1].
    pub r2: f64,
    /// Cost of one label, ≥ 0.
    pub label_cost: f64,
    /// Cost of one graded row, ≥ 0.
    pub graded_cost: f64,
    /// Rows there are at most.
    pub rows: u64,
}

/// How many rows to label, and how many to grade only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Labelled rows; they are graded too.
    pub labelled: u64,
    /// Other graded rows.
    pub unlabelled: u64,
    /// What all that costs.
    pub cost: f64,
}

/// Returns the cheapest plan whose tuned estimate has at most this variance: σ²/n·(1 − r²N/(n + N)) ≤ v.
///
/// # Errors
/// `OutOfRange` for a negative or not finite input, `TooFewRows` when even labelling every row does not reach it.
pub fn label_budget(budget: &Budget, variance: f64) -> Result<Plan, Undefined> {
    let costs = [budget.label_cost, budget.graded_cost];
    let valid = budget.label_variance > 0.0
        && budget.label_variance.is_finite()
        && (0.0..=1.0).contains(&budget.r2)
        && costs.iter().all(|cost| cost.is_finite() && *cost >= 0.0)
        && variance > 0.0
        && variance.is_finite();
    if !valid {
        return Err(Undefined::OutOfRange);
    }
    let alone = libm::ceil(budget.label_variance / variance - 1e-9).max(1.0);
    if alone > budget.rows as f64 {
        return Err(Undefined::TooFewRows {
            needs: alone as u64,
        });
    }
    // Labels alone need no grader.
    let mut best = Plan {
        labelled: alone as u64,
        unlabelled: 0,
        cost: alone * budget.label_cost,
    };
    for n in 1..alone as u64 {
        let short = 1.0 - variance * n as f64 / budget.label_variance;
        if budget.r2 <= short {
            continue;
        }
        let others = libm::ceil(short * n as f64 / (budget.r2 - short) - 1e-9).max(0.0);
        if others + n as f64 > budget.rows as f64 {
            continue;
        }
        let cost = n as f64 * budget.label_cost + (n as f64 + others) * budget.graded_cost;
        if cost < best.cost {
            best = Plan {
                labelled: n,
                unlabelled: others as u64,
                cost,
            };
        }
    }
    Ok(best)
}

/// Returns the squared correlation of a pass/fail label with a grader of these error rates, at pass rate p; none where
/// either never varies.
pub fn squared_correlation(p: f64, se: f64, sp: f64) -> Option<f64> {
    let passes = p * se + (1.0 - p) * (1.0 - sp);
    let covariance = p * (1.0 - p) * (se + sp - 1.0);
    let bottom = p * (1.0 - p) * passes * (1.0 - passes);
    (bottom > 0.0).then(|| covariance * covariance / bottom)
}

fn normal_bounds(estimate: f64, variance: f64, alpha: f64) -> (f64, f64) {
    let half = -norm_ppf(alpha) * sqrt(variance);
    (estimate - half, estimate + half)
}

/// Variance with denominator n.
fn spread(values: &[f64]) -> f64 {
    let centre = mean(values);
    sum(values.iter().map(|v| (v - centre) * (v - centre))) / values.len() as f64
}

/// Refuses no rows, rows of different lengths, and values that are not finite.
fn check(columns: &[&[f64]]) -> Result<(), Undefined> {
    if columns[0].is_empty() {
        return Err(Undefined::Empty);
    }
    let whole = columns
        .iter()
        .all(|c| c.len() == columns[0].len() && c.iter().all(|value| value.is_finite()));
    if whole {
        Ok(())
    } else {
        Err(Undefined::OutOfRange)
    }
}
