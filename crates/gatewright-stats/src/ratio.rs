//! Ratios of sums over clusters, such as cost per solved task (statistics.md §2.6).

use crate::{
    estimate::{Bounds, Method, Undefined},
    special::t_ppf,
};

/// Coefficient of variation of the mean denominator above which Fieller replaces the delta method.
const FIELLER_ABOVE: f64 = 0.1;

/// A ratio of two means over clusters, and the moments that its bounds need.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Σnumerator/Σdenominator.
    pub ratio: f64,
    /// Linearised variance, G/(G−1)·Σ(y − Rx)²/(Σx)².
    pub v_delta: f64,
    /// Delete-one-cluster jackknife variance; `None` when a denominator without one cluster is 0.
    pub v_jackknife: Option<f64>,
    /// Clusters.
    pub clusters: u64,
    means: (f64, f64),
    /// Variances of the means: numerator, covariance, denominator.
    moments: (f64, f64, f64),
}

/// Returns the ratio of per-cluster sums `numerator[g]` to `denominator[g]`.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for different lengths or values not finite, [`Undefined::Empty`],
/// [`Undefined::TooFewClusters`] for one cluster, [`Undefined::Unbounded`] when the denominator adds up to 0.
///
/// # Examples
///
/// ```
/// let r = gatewright_stats::ratio::ratio(&[2.0, 4.0, 7.0], &[1.0, 2.0, 3.0])?;
/// assert!((r.ratio - 13.0 / 6.0).abs() < 1e-15);
/// # Ok::<(), gatewright_stats::estimate::Undefined>(())
/// ```
pub fn ratio(numerator: &[f64], denominator: &[f64]) -> Result<Ratio, Undefined> {
    let finite = numerator.iter().chain(denominator).all(|v| v.is_finite());
    if numerator.len() != denominator.len() || !finite {
        return Err(Undefined::OutOfRange);
    }
    let clusters = numerator.len() as u64;
    match clusters {
        0 => return Err(Undefined::Empty),
        1 => return Err(Undefined::TooFewClusters { clusters }),
        _ => {}
    }
    let g = clusters as f64;
    let (sum_y, sum_x) = (
        numerator.iter().sum::<f64>(),
        denominator.iter().sum::<f64>(),
    );
    if sum_x == 0.0 {
        return Err(Undefined::Unbounded);
    }
    let pairs = || numerator.iter().zip(denominator);
    let ratio = sum_y / sum_x;
    let (mean_y, mean_x) = (sum_y / g, sum_x / g);
    let residual: f64 = pairs().map(|(y, x)| y - ratio * x).map(|e| e * e).sum();
    let moment = |f: fn(f64, f64) -> f64| {
        pairs().map(|(y, x)| f(y - mean_y, x - mean_x)).sum::<f64>() / (g - 1.0) / g
    };
    Ok(Ratio {
        ratio,
        v_delta: g / (g - 1.0) * residual / (sum_x * sum_x),
        v_jackknife: jackknife(numerator, denominator, sum_y, sum_x),
        clusters,
        means: (mean_y, mean_x),
        moments: (
            moment(|y, _| y * y),
            moment(|y, x| y * x),
            moment(|_, x| x * x),
        ),
    })
}

/// Delete-one variance around the full estimate, as CR3 is.
fn jackknife(numerator: &[f64], denominator: &[f64], sum_y: f64, sum_x: f64) -> Option<f64> {
    let without: Vec<f64> = numerator
        .iter()
        .zip(denominator)
        .map(|(y, x)| (sum_y - y) / (sum_x - x))
        .collect();
    let g = without.len() as f64;
    let centre = sum_y / sum_x;
    let v = (g - 1.0) / g
        * without
            .iter()
            .map(|r| (r - centre) * (r - centre))
            .sum::<f64>();
    v.is_finite().then_some(v)
}

impl Ratio {
    /// Student's t at one-sided alpha with G − 1 degrees of freedom.
    fn t(&self, alpha: f64) -> Result<f64, Undefined> {
        if alpha > 0.0 && alpha < 0.5 {
            Ok(t_ppf(1.0 - alpha, self.df()))
        } else {
            Err(Undefined::OutOfRange)
        }
    }

    fn df(&self) -> f64 {
        (self.clusters - 1) as f64
    }

    /// Returns the coefficient of variation of the mean denominator.
    #[must_use]
    pub fn denominator_cv(&self) -> f64 {
        self.moments.2.sqrt() / self.means.1.abs()
    }

    /// Returns the one-sided bounds of the delta method, each at alpha in (0, 0.5).
    ///
    /// # Errors
    ///
    /// [`Undefined::OutOfRange`] for alpha.
    pub fn delta(&self, alpha: f64) -> Result<(f64, f64), Undefined> {
        let half = self.t(alpha)? * self.v_delta.sqrt();
        Ok((self.ratio - half, self.ratio + half))
    }

    /// Returns Fieller's one-sided bounds (1954), each at alpha in (0, 0.5).
    ///
    /// # Errors
    ///
    /// [`Undefined::Unbounded`] when the denominator may be 0 at this level, [`Undefined::OutOfRange`] for alpha.
    pub fn fieller(&self, alpha: f64) -> Result<(f64, f64), Undefined> {
        let t = self.t(alpha)?;
        let (t2, (y, x), (vyy, vxy, vxx)) = (t * t, self.means, self.moments);
        // Roots of (x̄² − t²v_xx)R² − 2(x̄ȳ − t²v_xy)R + (ȳ² − t²v_yy).
        let a = x * x - t2 * vxx;
        if a <= 0.0 {
            return Err(Undefined::Unbounded);
        }
        let b = x * y - t2 * vxy;
        let root = (b * b - a * (y * y - t2 * vyy)).max(0.0).sqrt();
        Ok(((b - root) / a, (b + root) / a))
    }

    /// Returns the bounds a rule uses: the delta method, or Fieller where the denominator varies by more than 10 %.
    ///
    /// # Errors
    ///
    /// Those of [`Ratio::fieller`]; [`Undefined::FewDegreesOfFreedom`] with fewer than five clusters.
    pub fn bounds(&self, alpha: f64) -> Result<Bounds, Undefined> {
        let (method, (lower, upper)) = if self.denominator_cv() > FIELLER_ABOVE {
            (Method::Fieller, self.fieller(alpha)?)
        } else {
            (Method::Delta, self.delta(alpha)?)
        };
        let df = self.df();
        let bounds = Bounds {
            point: self.ratio,
            lower,
            upper,
            alpha,
            n: self.clusters,
            clusters: self.clusters,
            n_eff: self.clusters as f64,
            df: Some(df),
            deff: None,
            method,
        };
        if df < 4.0 {
            return Err(Undefined::FewDegreesOfFreedom {
                df,
                shown: Box::new(bounds),
            });
        }
        Ok(bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denominator_that_may_be_zero_has_no_bounds() {
        assert_eq!(ratio(&[1.0, 2.0], &[0.0, 0.0]), Err(Undefined::Unbounded));
        let r = ratio(&[1.0, 2.0, 1.0, 3.0, 2.0], &[1.0, -1.0, 0.5, -0.3, 0.1]).unwrap();
        assert_eq!(r.bounds(0.05), Err(Undefined::Unbounded));
    }

    #[test]
    fn a_steady_denominator_uses_the_delta_method() {
        let r = ratio(&[2.0, 2.1, 1.9, 2.2, 2.0], &[1.0, 1.0, 1.0, 1.0, 1.0]).unwrap();
        let b = r.bounds(0.05).unwrap();
        assert_eq!(b.method, Method::Delta);
        let (lower, upper) = r.fieller(0.05).unwrap();
        assert!((lower - b.lower).abs() < 1e-12 && (upper - b.upper).abs() < 1e-12);
        assert!(matches!(
            ratio(&[2.0, 2.1], &[1.0, 1.0]).unwrap().bounds(0.05),
            Err(Undefined::FewDegreesOfFreedom { .. })
        ));
    }
}
