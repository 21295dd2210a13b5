//! A mean paired difference: Tango of single trials, CR2 + t or effective-count Tango of clusters and weights, the spread of trial means.

use super::{
    LEAST_DF, Rows, at_each, bounded_mean, clustered, cr2_bounds, enough_df, has_spread, inside,
    plain,
};
use crate::cluster::{ClusterMean, cluster_mean, effective_tango_of};
use crate::estimate::{Bounds, Method, Undefined};
use crate::paired::tango_bounds;
use crate::special::norm_ppf;

/// Fewest pairs of trial means that differ for a t interval of their difference (statistics.md §2.3: clusters whose sum is not 0).
const LEAST_DIFFERENT: usize = 8;

/// Returns one-sided bounds of a mean paired difference: values in [−1, 1], each −1, 0 or 1 for single trials.
///
/// # Errors
/// See [`Undefined`].
pub fn paired_difference(rows: &Rows<'_>, alpha: f64) -> Result<Bounds, Undefined> {
    let [found] = paired_difference_at(rows, [alpha]);
    found
}

/// Returns the bounds of [`paired_difference`] at several levels: what does not depend on the level is computed once.
///
/// # Errors
/// See [`Undefined`], for each level.
pub fn paired_difference_at<const N: usize>(
    rows: &Rows<'_>,
    alphas: [f64; N],
) -> [Result<Bounds, Undefined>; N] {
    at_each(paired_plan(rows), alphas, |plan, alpha| {
        difference_bounds(rows, plan, alpha)
    })
}

fn difference_bounds(rows: &Rows<'_>, plan: &PairedPlan, alpha: f64) -> Result<Bounds, Undefined> {
    match plan {
        PairedPlan::Tango { b, c, n } => {
            let (lower, upper) = tango_bounds(*b, *c, *n, -norm_ppf(alpha));
            Ok(plain(
                (b - c) / n,
                lower,
                upper,
                alpha,
                rows.value.len(),
                None,
                Method::Tango,
            ))
        }
        PairedPlan::Effective { mean, trial_means } => {
            let found = effective_tango_of(mean, rows.value, rows.weight, *trial_means, alpha);
            let bounds = clustered(
                mean,
                found.lower,
                found.upper,
                alpha,
                found.n_eff,
                Method::EffectiveTango,
            );
            enough_df(mean.df, bounds)
        }
        PairedPlan::Cr2(mean) => enough_df(mean.df, inside(cr2_bounds(mean, alpha), -1.0, 1.0)),
        PairedPlan::Fractional => bounded_mean(rows, alpha, -1.0, 1.0),
    }
}

/// How a paired difference is estimated (statistics.md §2.3, gate default).
pub(super) enum PairedPlan {
    Tango {
        b: f64,
        c: f64,
        n: f64,
    },
    Effective {
        mean: ClusterMean,
        trial_means: bool,
    },
    Cr2(ClusterMean),
    Fractional,
}

pub(super) fn paired_plan(rows: &Rows<'_>) -> Result<PairedPlan, Undefined> {
    rows.check(-1.0, 1.0)?;
    let single = rows.count(|value| value != 0.0 && value.abs() != 1.0) == 0;
    if !single {
        if has_spread(rows, rows.count(|value| value != 0.0), LEAST_DIFFERENT) {
            return Ok(PairedPlan::Fractional);
        }
        let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
        return Ok(PairedPlan::Effective {
            mean,
            trial_means: true,
        });
    }
    let b = rows.value.iter().filter(|value| **value > 0.0).count() as f64;
    let c = rows.value.iter().filter(|value| **value < 0.0).count() as f64;
    if rows.independent() {
        return Ok(PairedPlan::Tango {
            b,
            c,
            n: rows.value.len() as f64,
        });
    }
    let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
    // Rows of weight 0 carry no evidence.
    let weightless = rows.weight.map_or(0, |weights| {
        let zero = |(weight, value): (&f64, &f64)| *weight == 0.0 && *value != 0.0;
        weights
            .iter()
            .zip(rows.value)
            .filter(|pair| zero(*pair))
            .count()
    }) as f64;
    if b + c - weightless >= 10.0
        && mean.nonzero_clusters >= 8
        && mean.df >= LEAST_DF
        && mean.cr2 > 0.0
    {
        return Ok(PairedPlan::Cr2(mean));
    }
    Ok(PairedPlan::Effective {
        mean,
        trial_means: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trial_less_never_makes_a_difference_surer() {
        let cluster: Vec<u32> = (0..30).collect();
        let halved: Vec<u32> = (0..30).map(|row| row / 2).collect();
        for cluster in [&cluster, &halved] {
            let lower = |value: &[f64]| {
                let rows = Rows {
                    value,
                    cluster,
                    weight: None,
                };
                let found = paired_difference(&rows, 0.05).expect("a difference");
                (found.lower, found.method)
            };
            let mut value = vec![0.0; 30];
            // 30 equal pairs do not show that nothing of 5 points is lost.
            assert!(lower(&value).0 < -0.05);
            // Equal pairs of clusters are counted by clusters, as the specification has it: from the first that differs on by rows.
            value[0] = -0.5;
            let mut last = lower(&value);
            assert!(last.0 < -0.05, "{last:?}");
            for row in [7, 14, 21, 28] {
                value[row] = -0.5;
                let next = lower(&value);
                assert!(next.0 < last.0, "{next:?} after {last:?}");
                assert!(matches!(next.1, Method::Tango | Method::EffectiveTango));
                last = next;
            }
        }
    }
}
