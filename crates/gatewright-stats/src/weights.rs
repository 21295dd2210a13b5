//! From a reference set to traffic: weights, strata, margins (statistics.md §7).

use crate::estimate::Undefined;

/// Checks weights: finite and not negative.
fn check_weights(w: &[f64]) -> Result<(), Undefined> {
    if w.iter().all(|w| w.is_finite() && *w >= 0.0) {
        Ok(())
    } else {
        Err(Undefined::OutOfRange)
    }
}

/// Returns Kish's effective number of rows, (Σw)²/Σw² (Kish 1965).
///
/// # Errors
///
/// [`Undefined::Empty`] without weights, [`Undefined::OutOfRange`] for one below 0 or not finite,
/// [`Undefined::ZeroWeight`] when all are 0.
///
/// # Examples
///
/// ```
/// assert_eq!(gatewright_stats::weights::kish(&[2.0, 2.0, 2.0]), Ok(3.0));
/// ```
pub fn kish(w: &[f64]) -> Result<f64, Undefined> {
    check_weights(w)?;
    let largest = w.iter().copied().fold(0.0, f64::max);
    if w.is_empty() {
        return Err(Undefined::Empty);
    }
    if largest == 0.0 {
        return Err(Undefined::ZeroWeight);
    }
    let sum: f64 = w.iter().map(|w| w / largest).sum();
    let squares: f64 = w.iter().map(|w| (w / largest) * (w / largest)).sum();
    Ok(sum * sum / squares)
}

/// A weighted mean and what the weights cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Hajek {
    /// Σwy/Σw.
    pub mean: f64,
    /// Linearised variance of the mean, n/(n−1)·Σ(w(y−mean)/Σw)²; `None` for one row.
    pub variance: Option<f64>,
    /// Rows of weight above 0.
    pub n: u64,
    /// Kish's effective number of rows.
    pub n_eff: f64,
    /// n / n_eff.
    pub deff: f64,
    /// Largest share of the weight that one row carries.
    pub largest_share: f64,
}

/// Returns the Hájek mean of rows with weights 1/π; rows of weight 0 are dropped first.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for different lengths or values not finite, [`Undefined::Empty`], [`Undefined::ZeroWeight`].
pub fn hajek(y: &[f64], w: &[f64]) -> Result<Hajek, Undefined> {
    if y.len() != w.len() || y.iter().any(|y| !y.is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    let n_eff = kish(w)?;
    let total: f64 = w.iter().sum();
    let mean = y.iter().zip(w).map(|(y, w)| w * y).sum::<f64>() / total;
    let n = w.iter().filter(|w| **w > 0.0).count();
    let squares: f64 = y
        .iter()
        .zip(w)
        .map(|(y, w)| w / total * (y - mean))
        .map(|u| u * u)
        .sum();
    let nf = n as f64;
    Ok(Hajek {
        mean,
        variance: (n > 1).then(|| nf / (nf - 1.0) * squares),
        n: n as u64,
        n_eff,
        deff: nf / n_eff,
        largest_share: w.iter().copied().fold(0.0, f64::max) / total,
    })
}

/// Returns the Horvitz–Thompson mean Σwy/N for a known population size N > 0 (1952); it may leave the range of y.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for different lengths, values not finite, or N ≤ 0.
pub fn horvitz_thompson_mean(y: &[f64], w: &[f64], population: f64) -> Result<f64, Undefined> {
    check_weights(w)?;
    if y.len() != w.len()
        || y.iter().any(|y| !y.is_finite())
        || !(population > 0.0 && population.is_finite())
    {
        return Err(Undefined::OutOfRange);
    }
    Ok(y.iter().zip(w).map(|(y, w)| w * y).sum::<f64>() / population)
}

/// Cuts weights at five times their median; returns the weights and the share of mass that was cut.
///
/// # Errors
///
/// Those of [`kish`].
pub fn trim(w: &[f64]) -> Result<(Vec<f64>, f64), Undefined> {
    kish(w)?;
    let mut sorted: Vec<f64> = w.iter().copied().filter(|w| *w > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 {
        sorted[half]
    } else {
        sorted[half - 1] / 2.0 + sorted[half] / 2.0
    };
    let cut: Vec<f64> = w.iter().map(|w| w.min(5.0 * median)).collect();
    let share = 1.0 - cut.iter().sum::<f64>() / w.iter().sum::<f64>();
    Ok((cut, share.max(0.0)))
}

/// A mean over strata with known shares of traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct PostStratified {
    /// Share of traffic in strata with rows, in (0, 1].
    pub covered_mass: f64,
    /// Mean over the covered traffic.
    pub estimate: f64,
    /// Variance of the estimate; `None` when a covered stratum has one row.
    pub variance: Option<f64>,
    /// The same for passes (rows all 0 or 1), where a stratum without spread adds p̃(1−p̃)/n, p̃=(x+1)/(n+2), instead of 0.
    pub pass_variance: Option<f64>,
    /// Satterthwaite degrees of freedom of `variance`; `None` when it is 0 or undefined.
    pub df: Option<f64>,
    /// Estimate over all traffic if everything uncovered scores 0.
    pub worst_case: f64,
    /// Estimate over all traffic if everything uncovered scores 1.
    pub best_case: f64,
}

/// Returns the post-stratified mean of rows in [0, 1]; `share[h]` is the traffic share of stratum h.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for different lengths, rows outside [0, 1], shares that do not add up to 1 within 1e-6,
/// [`Undefined::Empty`] without rows, [`Undefined::ZeroWeight`] when only strata of share 0 have rows.
pub fn poststratify(share: &[f64], strata: &[Vec<f64>]) -> Result<PostStratified, Undefined> {
    check_weights(share)?;
    let sum: f64 = share.iter().sum();
    let bad_row = strata.iter().flatten().any(|y| !(0.0..=1.0).contains(y));
    if share.len() != strata.len() || bad_row || (sum - 1.0).abs() > 1e-6 {
        return Err(Undefined::OutOfRange);
    }
    if strata.iter().all(Vec::is_empty) {
        return Err(Undefined::Empty);
    }
    let covered = || {
        share
            .iter()
            .zip(strata)
            .filter(|(w, y)| **w > 0.0 && !y.is_empty())
    };
    let covered_mass = covered().map(|(w, _)| w).sum::<f64>() / sum;
    if covered_mass == 0.0 {
        return Err(Undefined::ZeroWeight);
    }
    let binary = strata.iter().flatten().all(|y| *y == 0.0 || *y == 1.0);
    let (mut estimate, mut variance, mut floored, mut fourth) = (0.0, 0.0, 0.0, 0.0);
    let mut single = false;
    for (w, y) in covered() {
        let w = w / sum / covered_mass;
        let n = y.len() as f64;
        let total: f64 = y.iter().sum();
        let mean = total / n;
        estimate += w * mean;
        single |= y.len() < 2;
        if y.len() < 2 {
            continue;
        }
        let s2 = y.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
        let part = w * w * s2 / n;
        variance += part;
        fourth += part * part / (n - 1.0);
        let smoothed = (total + 1.0) / (n + 2.0);
        floored += if s2 == 0.0 {
            w * w * smoothed * (1.0 - smoothed) / n
        } else {
            part
        };
    }
    Ok(PostStratified {
        covered_mass,
        estimate,
        variance: (!single).then_some(variance),
        pass_variance: (!single && binary).then_some(floored),
        df: (!single && fourth > 0.0).then(|| variance * variance / fourth),
        worst_case: covered_mass * estimate,
        best_case: covered_mass * estimate + (1.0 - covered_mass),
    })
}

/// A table raked to known margins, cells in the order of the counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Raked {
    /// Share of traffic of each cell; adds up to 1.
    pub cell_share: Vec<f64>,
    /// Share of one row of each cell; 0 for an empty cell.
    pub cell_weight: Vec<f64>,
    /// Sweeps over all margins that were needed.
    pub sweeps: u32,
}

/// Why a table cannot be raked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RakeError {
    /// The number of cells is not the product of the lengths of the margins, or there are none.
    #[error("the table has not one cell for each combination of the margins")]
    Shape,
    /// A count or a share is negative or not finite, or the shares of a margin do not add up to 1 within 1e-6.
    #[error("margin {margin}: shares must add up to 1 and counts must not be negative")]
    OutOfRange {
        /// Margin, from 0.
        margin: usize,
    },
    /// No weights give these margins: a level with a share has no rows, or empty cells contradict each other.
    #[error("margin {margin}: level {level} cannot reach its share with the rows there are")]
    NoConvergence {
        /// Margin, from 0.
        margin: usize,
        /// Level of the margin that is farthest off, from 0.
        level: usize,
    },
}

/// Most sweeps of [`rake`].
const MAX_SWEEPS: u32 = 1000;
/// Largest distance of a raked margin from its share.
const MARGIN_TOLERANCE: f64 = 1e-10;

/// Returns the sums of the cells over each level of one margin; `stride` is the distance between its levels.
fn margin_sums(cells: &[f64], stride: usize, levels: usize) -> Vec<f64> {
    let mut sums = vec![0.0; levels];
    for (i, c) in cells.iter().enumerate() {
        sums[i / stride % levels] += c;
    }
    sums
}

/// Rakes a table (iterative proportional fitting, Deming & Stephan 1940) until every margin holds within 1e-10.
///
/// Cells are in row-major order: the last margin varies fastest.
///
/// # Errors
///
/// See [`RakeError`]; the margin that cannot hold is named.
pub fn rake(counts: &[f64], margins: &[Vec<f64>]) -> Result<Raked, RakeError> {
    let cells: usize = margins.iter().map(Vec::len).product();
    if margins.is_empty() || cells == 0 || cells != counts.len() {
        return Err(RakeError::Shape);
    }
    for (margin, shares) in margins.iter().enumerate() {
        let sound = counts
            .iter()
            .chain(shares)
            .all(|v| v.is_finite() && *v >= 0.0);
        if !sound || (shares.iter().sum::<f64>() - 1.0).abs() > 1e-6 {
            return Err(RakeError::OutOfRange { margin });
        }
    }
    let mut strides = vec![1; margins.len()];
    for d in (1..margins.len()).rev() {
        strides[d - 1] = strides[d] * margins[d].len();
    }
    let margins: Vec<Vec<f64>> = margins
        .iter()
        .map(|shares| {
            let sum: f64 = shares.iter().sum();
            shares.iter().map(|s| s / sum).collect()
        })
        .collect();
    let mut table = counts.to_vec();
    let mut sweeps = 0;
    let mut worst = (0.0, 0, 0);
    while sweeps < MAX_SWEEPS {
        sweeps += 1;
        for (shares, &stride) in margins.iter().zip(&strides) {
            let sums = margin_sums(&table, stride, shares.len());
            for (i, cell) in table.iter_mut().enumerate() {
                let level = i / stride % shares.len();
                if sums[level] > 0.0 {
                    *cell *= shares[level] / sums[level];
                }
            }
        }
        worst = farthest(&table, &margins, &strides);
        if worst.0 <= MARGIN_TOLERANCE / 100.0 {
            break;
        }
    }
    if worst.0 > MARGIN_TOLERANCE {
        return Err(RakeError::NoConvergence {
            margin: worst.1,
            level: worst.2,
        });
    }
    let per_row = |(share, count): (&f64, &f64)| if *count > 0.0 { share / count } else { 0.0 };
    Ok(Raked {
        cell_weight: table.iter().zip(counts).map(per_row).collect(),
        cell_share: table,
        sweeps,
    })
}

/// Returns what the levels of the worst margin lack of their shares together, with that margin and its level that lacks
/// most. As table and shares both add up to 1, no level is farther off than that.
fn farthest(table: &[f64], margins: &[Vec<f64>], strides: &[usize]) -> (f64, usize, usize) {
    let mut worst = (0.0, 0, 0);
    for (d, shares) in margins.iter().enumerate() {
        let sums = margin_sums(table, strides[d], shares.len());
        let lacks: Vec<f64> = sums
            .iter()
            .zip(shares)
            .map(|(sum, share)| (share - sum).max(0.0))
            .collect();
        let total: f64 = lacks.iter().sum();
        if total > worst.0 {
            let most = lacks.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            worst = (total, d, most.map_or(0, |(level, _)| level));
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_without_rows_is_named() {
        let got = rake(&[5.0, 5.0, 0.0, 0.0], &[vec![0.6, 0.4], vec![0.5, 0.5]]);
        assert_eq!(
            got,
            Err(RakeError::NoConvergence {
                margin: 0,
                level: 1
            })
        );
        assert_eq!(rake(&[1.0], &[]), Err(RakeError::Shape));
    }

    #[test]
    fn a_stratum_without_spread_is_not_free_of_error() {
        let strata = vec![vec![1.0; 10], vec![1.0, 0.0, 1.0, 1.0]];
        let got = poststratify(&[0.5, 0.5], &strata).unwrap();
        assert!(got.pass_variance.unwrap() > got.variance.unwrap());
    }

    #[test]
    fn trimming_reports_the_mass_it_cuts() {
        let (cut, share) = trim(&[1.0, 1.0, 1.0, 7.0]).unwrap();
        assert_eq!(cut[3], 5.0);
        assert!((share - 0.2).abs() < 1e-15);
        assert_eq!(kish(&[0.0, 0.0]), Err(Undefined::ZeroWeight));
    }
}
