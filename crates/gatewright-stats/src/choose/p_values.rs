//! One-sided p-values of the statistics that bounds come from.

use super::difference::{PairedPlan, paired_difference, paired_plan};
use super::rate::pass_rate;
use super::{Rows, mean};
use crate::binomial;
use crate::estimate::{Bounds, Undefined};
use crate::paired::tango_z;
use crate::special::{norm_sf, t_sf};

/// Returns the one-sided p-value of "the pass rate is at most the threshold".
///
/// # Errors
/// Those of [`pass_rate`].
pub fn p_above_pass_rate(rows: &Rows<'_>, threshold: f64) -> Result<f64, Undefined> {
    if let Some((passes, n)) = independent_counts(rows)? {
        return Ok(binomial::sf_ge(passes as i64, n, threshold));
    }
    invert(
        |alpha| pass_rate(rows, alpha),
        |bounds| bounds.lower > threshold,
    )
}

/// Returns the one-sided p-value of "the pass rate is at least the threshold".
///
/// # Errors
/// Those of [`pass_rate`].
pub fn p_below_pass_rate(rows: &Rows<'_>, threshold: f64) -> Result<f64, Undefined> {
    if let Some((passes, n)) = independent_counts(rows)? {
        return Ok(binomial::cdf(passes as i64, n, threshold));
    }
    invert(
        |alpha| pass_rate(rows, alpha),
        |bounds| bounds.upper < threshold,
    )
}

/// Returns the one-sided p-value of "the mean difference is at most the threshold".
///
/// # Errors
/// Those of [`paired_difference`].
pub fn p_above_difference(rows: &Rows<'_>, threshold: f64) -> Result<f64, Undefined> {
    match paired_plan(rows)? {
        PairedPlan::Tango { b, c, n } => Ok(norm_sf(tango_z(b, c, n, threshold))),
        PairedPlan::Cr2(mean) => Ok(t_sf(
            (mean.estimate - threshold) / libm::sqrt(mean.cr2),
            mean.df,
        )),
        _ => invert(
            |alpha| paired_difference(rows, alpha),
            |bounds| bounds.lower > threshold,
        ),
    }
}

/// Returns the one-sided p-value of "the mean difference is at least the threshold".
///
/// # Errors
/// Those of [`paired_difference`].
pub fn p_below_difference(rows: &Rows<'_>, threshold: f64) -> Result<f64, Undefined> {
    let mirrored: Vec<f64> = rows.value.iter().map(|value| -value).collect();
    p_above_difference(
        &Rows {
            value: &mirrored,
            ..*rows
        },
        -threshold,
    )
}

/// Returns the one-sided p-value of "the mean is at most the threshold".
///
/// # Errors
/// Those of [`mean`].
pub fn p_above_mean(rows: &Rows<'_>, threshold: f64) -> Result<f64, Undefined> {
    invert(|alpha| mean(rows, alpha), |bounds| bounds.lower > threshold)
}

/// Returns the one-sided p-value of "the mean is at least the threshold".
///
/// # Errors
/// Those of [`mean`].
pub fn p_below_mean(rows: &Rows<'_>, threshold: f64) -> Result<f64, Undefined> {
    invert(|alpha| mean(rows, alpha), |bounds| bounds.upper < threshold)
}

/// Passes and n where Clopper–Pearson applies: its bound clears a threshold exactly when the binomial tail there is small.
fn independent_counts(rows: &Rows<'_>) -> Result<Option<(u64, u64)>, Undefined> {
    rows.check(0.0, 1.0)?;
    let single = rows
        .value
        .iter()
        .all(|value| *value == 0.0 || *value == 1.0);
    Ok((single && rows.independent()).then(|| {
        (
            rows.value.iter().filter(|value| **value == 1.0).count() as u64,
            rows.value.len() as u64,
        )
    }))
}

/// The level at which a bound just clears the threshold, by bisection on its logarithm; 1 when no level below ½ does.
fn invert(
    bounds: impl Fn(f64) -> Result<Bounds, Undefined>,
    clears: impl Fn(&Bounds) -> bool,
) -> Result<f64, Undefined> {
    let (mut low, mut high) = (1e-12_f64, 0.499_999);
    if !clears(&bounds(high)?) {
        return Ok(1.0);
    }
    if clears(&bounds(low)?) {
        return Ok(low);
    }
    for _ in 0..60 {
        let middle = libm::sqrt(low * high);
        if clears(&bounds(middle)?) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}
