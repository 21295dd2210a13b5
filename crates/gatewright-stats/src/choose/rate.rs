//! A pass rate: Clopper–Pearson of single trials, Korn–Graubard of clusters and weights, the spread of trial means.

use super::{Rows, at_each, bounded_mean, clustered, enough_df, has_spread, plain};
use crate::cluster::{ClusterMean, cluster_mean, unseen};
use crate::estimate::{Bounds, Method, Undefined};
use crate::proportion::{clopper_pearson, korn_graubard};
use crate::special::t_ppf;

/// Fewest trial means that differ from all the others for a t interval of a rate: with fewer, nearly all rows are equal, their spread says
/// little of what was not seen, and one trial that is taken away would make the interval of the whole narrower.
const LEAST_UNLIKE: usize = 10;

/// Returns one-sided bounds of a pass rate: values in [0, 1], each 0 or 1 for single trials, fractions for trial means.
///
/// # Errors
/// See [`Undefined`].
pub fn pass_rate(rows: &Rows<'_>, alpha: f64) -> Result<Bounds, Undefined> {
    let [found] = pass_rate_at(rows, [alpha]);
    found
}

/// Returns the bounds of [`pass_rate`] at several levels: what does not depend on the level is computed once.
///
/// # Errors
/// See [`Undefined`], for each level.
pub fn pass_rate_at<const N: usize>(
    rows: &Rows<'_>,
    alphas: [f64; N],
) -> [Result<Bounds, Undefined>; N] {
    at_each(rate_plan(rows), alphas, |plan, alpha| {
        rate_bounds(rows, plan, alpha)
    })
}

/// How a pass rate is estimated.
enum RatePlan {
    /// Trial means that are estimated by their spread.
    Spread,
    /// Single trials of independent rows: how many passed.
    Counts(f64),
    /// Clustered or weighted rows, or trial means of which few differ.
    Clustered { mean: ClusterMean, single: bool },
}

fn rate_plan(rows: &Rows<'_>) -> Result<RatePlan, Undefined> {
    rows.check(0.0, 1.0)?;
    let (below, above) = (
        rows.count(|value| value != 1.0),
        rows.count(|value| value != 0.0),
    );
    let single = rows.count(|value| value != 0.0 && value != 1.0) == 0;
    if !single && has_spread(rows, below.min(above), LEAST_UNLIKE) {
        return Ok(RatePlan::Spread);
    }
    if single && rows.independent() {
        return Ok(RatePlan::Counts(crate::sum::sum(
            rows.value.iter().copied(),
        )));
    }
    let mean = cluster_mean(rows.value, rows.cluster, rows.weight)?;
    Ok(RatePlan::Clustered { mean, single })
}

fn rate_bounds(rows: &Rows<'_>, plan: &RatePlan, alpha: f64) -> Result<Bounds, Undefined> {
    let (mean, single) = match plan {
        RatePlan::Spread => return bounded_mean(rows, alpha, 0.0, 1.0),
        RatePlan::Counts(passes) => {
            let n = rows.value.len();
            let (lower, upper) = clopper_pearson(*passes, n as f64, alpha);
            return Ok(plain(
                passes / n as f64,
                lower,
                upper,
                alpha,
                n,
                None,
                Method::ClopperPearson,
            ));
        }
        RatePlan::Clustered { mean, single } => (mean, *single),
    };
    let p = mean.estimate.clamp(0.0, 1.0);
    let rounded = if p < 1e-12 {
        0.0
    } else if p > 1.0 - 1e-12 {
        1.0
    } else {
        p
    };
    let nominal = if rounded == 0.0 || rounded == 1.0 || mean.cr2 <= 0.0 {
        (mean.n as f64).min(mean.clusters as f64)
    } else {
        mean.n as f64
    };
    let (n_eff, lower, upper) = if single {
        korn_graubard(rounded, nominal, mean.cr2, mean.df, alpha)
    } else {
        few_shares(rounded, mean, alpha)
    };
    enough_df(
        mean.df,
        clustered(mean, lower, upper, alpha, n_eff, Method::KornGraubard),
    )
}

/// Returns (n_eff, lower, upper) of a rate of trial means of which few differ: Clopper–Pearson at the size at which single trials would vary as much.
fn few_shares(p: f64, mean: &ClusterMean, alpha: f64) -> (f64, f64, f64) {
    let n = mean.n as f64;
    let factor = (t_ppf(alpha, n - 1.0) / t_ppf(alpha, mean.df)).powi(2);
    let n_eff = p * (1.0 - p) / (mean.cr2 + unseen(n)) * factor;
    let (lower, upper) = clopper_pearson(p * n_eff, n_eff, alpha);
    (n_eff.min(n), lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pass that becomes a failure, or is taken away and counted as one, must not make anything surer: nearly equal rows have nearly no
    /// spread, and a t interval of them is as narrow as if nothing else could be.
    #[test]
    fn one_trial_less_never_makes_a_rate_surer() {
        let cluster: Vec<u32> = (0..30).collect();
        let rows = |value: &[f64]| -> (f64, Method) {
            let rows = Rows {
                value,
                cluster: &cluster,
                weight: None,
            };
            let found = pass_rate(&rows, 0.05).expect("a rate");
            (found.lower, found.method)
        };
        let mut value = vec![1.0; 30];
        (value[0], value[1]) = (0.0, 0.0);
        let mut last = rows(&value);
        for row in 2..9 {
            for passed in [0.5, 0.0] {
                value[row] = passed;
                let next = rows(&value);
                assert!(next.0 < last.0, "{value:?}: {next:?} after {last:?}");
                let single = passed == 0.0 && value.iter().all(|value| *value != 0.5);
                assert_eq!(next.1 == Method::ClopperPearson, single);
                last = next;
            }
        }
    }
}
