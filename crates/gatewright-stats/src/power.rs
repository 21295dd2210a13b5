//! What a rule can see before anything is spent: power, smallest visible change, sample size (statistics.md §5).
//!
//! Exact sums, except where a function's description says that it is the normal approximation.
//! Levels `alpha` are one-sided and in (0, 0.5) unless said otherwise; `power` is in (0, 1); `deff` is a design effect ≥ 1.

use crate::{
    binomial::{cdf, pmf, sf_ge},
    estimate::Undefined,
    paired::tango_z,
    special::{ln_gamma, norm_ppf, norm_sf, t_ppf},
};

/// Probability below which an outcome is left out of an exact sum.
const NEGLIGIBLE: f64 = 1e-18;
/// Largest n for the exact sums over paired outcomes; beyond it the sample-size formulas are accurate.
const MAX_EXACT_PAIRS: u64 = 5000;
/// Largest n that [`n_for_floor`] looks at.
const MAX_FLOOR_N: u64 = 20_000;

/// Fails unless every condition on the arguments holds.
fn require(sound: bool) -> Result<(), Undefined> {
    if sound {
        Ok(())
    } else {
        Err(Undefined::OutOfRange)
    }
}

/// Returns true for a one-sided level in (0, 0.5).
fn is_level(alpha: f64) -> bool {
    alpha > 0.0 && alpha < 0.5
}

/// Returns true for a probability, ends included.
fn is_share(p: f64) -> bool {
    (0.0..=1.0).contains(&p)
}

/// z at 1 − alpha plus z at the power.
fn z_sum(alpha: f64, power: f64) -> f64 {
    norm_ppf(power) - norm_ppf(alpha)
}

/// Rounds a sample size up; `None`-like sizes (beyond u64 or NaN) are out of range.
fn whole(n: f64) -> Result<u64, Undefined> {
    require(n.is_finite() && n < 1e18)?;
    Ok((n - 1e-9 * n.abs().min(1.0)).ceil().max(1.0) as u64)
}

/// Power of a floor rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloorPower {
    /// Fewest passes that hold the floor; `None` when not even all n do.
    pub min_passes: Option<u64>,
    /// Chance that the rule holds.
    pub power: f64,
}

/// Returns the fewest passes of n whose Clopper–Pearson lower bound is above the floor.
fn min_passes(n: u64, floor: f64, alpha: f64) -> Option<u64> {
    // L(x) > floor exactly when P(Bin(n, floor) ≥ x) < alpha.
    let holds = |x: u64| sf_ge(x as i64, n, floor) < alpha;
    if n == 0 || !holds(n) {
        return None;
    }
    let (mut fails, mut works) = (0, n);
    while works - fails > 1 {
        let middle = fails + (works - fails) / 2;
        if holds(middle) {
            works = middle;
        } else {
            fails = middle;
        }
    }
    Some(works)
}

/// Returns the chance that n examples hold a floor by Clopper–Pearson, at a true pass rate.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for a floor or rate outside [0, 1] or a level outside (0, 0.5).
///
/// # Examples
///
/// ```
/// use gatewright_stats::power::power_floor_cp;
/// assert_eq!(power_floor_cp(12, 0.9, 0.97, 0.05)?.min_passes, None); // 12 of 12 only show .779
/// assert_eq!(power_floor_cp(60, 0.9, 0.97, 0.05)?.min_passes, Some(59));
/// # Ok::<(), gatewright_stats::estimate::Undefined>(())
/// ```
pub fn power_floor_cp(
    n: u64,
    floor: f64,
    true_rate: f64,
    alpha: f64,
) -> Result<FloorPower, Undefined> {
    require(is_share(floor) && is_share(true_rate) && is_level(alpha))?;
    let min_passes = min_passes(n, floor, alpha);
    let power = min_passes.map_or(0.0, |x| sf_ge(x as i64, n, true_rate));
    Ok(FloorPower { min_passes, power })
}

/// Returns the smallest n ≤ 20 000 at which [`power_floor_cp`] reaches the power, or `None`.
///
/// Power goes up and down by single examples; this is the first n that reaches it. Also `None` for arguments outside
/// their ranges.
#[must_use]
pub fn n_for_floor(p: f64, floor: f64, alpha: f64, power: f64) -> Option<u64> {
    let sound = is_share(p) && is_share(floor) && is_level(alpha) && power > 0.0 && power < 1.0;
    // At or below the floor the power never exceeds the level.
    if !sound || (p <= floor && power >= alpha) {
        return None;
    }
    let reaches = |n: u64, x: u64| x <= n && sf_ge(x as i64, n, p) >= power;
    // The fewest passes grow by 0 or 1 with each example, so that one comparison for each n finds them.
    let mut x = 1;
    for n in 1..=MAX_FLOOR_N {
        if sf_ge(x as i64, n, floor) >= alpha {
            x += 1;
        }
        if reaches(n, x) {
            return Some(n);
        }
    }
    None
}

/// Returns the smallest n at which a table without disagreements holds a margin by Tango: z²/(n+z²) < margin.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for a margin outside (0, 1] or a level outside (0, 0.5).
///
/// # Examples
///
/// ```
/// assert_eq!(gatewright_stats::power::min_n_concordant(0.05, 0.05), Ok(52));
/// ```
pub fn min_n_concordant(margin: f64, alpha: f64) -> Result<u64, Undefined> {
    require(margin > 0.0 && margin <= 1.0 && is_level(alpha))?;
    let z = norm_ppf(alpha);
    let z2 = z * z;
    let mut n = (z2 * (1.0 - margin) / margin).floor().max(1.0) as u64;
    while z2 / (n as f64 + z2) >= margin {
        n += 1;
    }
    Ok(n)
}

/// Sums `weigh(b, c)` over the trinomial outcomes of n pairs: b candidate-only with chance p_b, c production-only with p_c.
fn over_pairs(n: u64, discordant: f64, delta: f64, mut weigh: impl FnMut(u64, u64, f64)) {
    let share = if discordant > 0.0 {
        ((1.0 + delta / discordant) / 2.0).clamp(0.0, 1.0)
    } else {
        0.5
    };
    for d in 0..=n {
        let outer = pmf(d as i64, n, discordant);
        if outer < NEGLIGIBLE {
            continue;
        }
        for b in 0..=d {
            let p = outer * pmf(b as i64, d, share);
            if p >= NEGLIGIBLE {
                weigh(b, d - b, p);
            }
        }
    }
}

/// Fails unless the paired plan is possible: |δ| ≤ D ≤ 1, n small enough for an exact sum.
fn require_plan(n: u64, discordant: f64, delta: f64, alpha: f64) -> Result<(), Undefined> {
    require(
        is_share(discordant)
            && delta.abs() <= discordant
            && is_level(alpha)
            && n <= MAX_EXACT_PAIRS,
    )
}

/// Power of a paired non-inferiority rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedPower {
    /// Chance that the lower bound is above −margin.
    pub holds: f64,
    /// Chance that the upper bound is below −margin.
    pub violated: f64,
}

/// Returns the chances that Tango bounds hold or violate a margin, by the exact trinomial sum.
///
/// `discordant` is the share of pairs on which the systems disagree; `true_delta` is candidate minus production.
///
/// # Errors
///
/// [`Undefined::Empty`] for n = 0; [`Undefined::OutOfRange`] for |true_delta| > discordant, a margin outside [0, 1), a
/// level outside (0, 0.5), or n above 5000 (use [`n_non_inferiority`]).
pub fn power_paired_tango(
    n: u64,
    discordant: f64,
    true_delta: f64,
    margin: f64,
    alpha: f64,
) -> Result<PairedPower, Undefined> {
    require_plan(n, discordant, true_delta, alpha)?;
    require((0.0..1.0).contains(&margin))?;
    if n == 0 {
        return Err(Undefined::Empty);
    }
    let z = -norm_ppf(alpha);
    let (mut holds, mut violated) = (0.0, 0.0);
    over_pairs(n, discordant, true_delta, |b, c, p| {
        let t = tango_z(b as f64, c as f64, n as f64, -margin);
        if t > z {
            holds += p;
        } else if t < -z {
            violated += p;
        }
    });
    Ok(PairedPower { holds, violated })
}

/// Returns the chance that the one-sided McNemar mid-p test finds the candidate worse (p ≤ alpha), by the exact sum.
///
/// Source of the test: Fagerland, Lydersen & Laake 2013.
///
/// # Errors
///
/// Those of [`power_paired_tango`].
pub fn power_mcnemar_midp_worse(
    n: u64,
    discordant: f64,
    true_delta: f64,
    alpha: f64,
) -> Result<f64, Undefined> {
    require_plan(n, discordant, true_delta, alpha)?;
    if n == 0 {
        return Err(Undefined::Empty);
    }
    let share = if discordant > 0.0 {
        ((1.0 + true_delta / discordant) / 2.0).clamp(0.0, 1.0)
    } else {
        0.5
    };
    let mut power = 0.0;
    // Mid-p grows with b at a fixed number of disagreements, so that those it rejects are b = 0 .. last.
    let mut last: i64 = -1;
    for d in 1..=n {
        let midp = |b: i64| cdf(b, d, 0.5) - 0.5 * pmf(b, d, 0.5);
        while last >= 0 && midp(last) > alpha {
            last -= 1;
        }
        while last < d as i64 && midp(last + 1) <= alpha {
            last += 1;
        }
        if last >= 0 {
            power += pmf(d as i64, n, discordant) * cdf(last, d, share);
        }
    }
    Ok(power)
}

/// Returns the number of pairs for a non-inferiority rule, by the normal approximation
/// n = (z₁₋α + z_power)²·(D − δ²)·deff/(δ + margin)², rounded up.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for |true_delta| > discordant, no disagreement at all, true_delta ≤ −margin (no n is
/// enough), or a level, power or deff outside its range.
///
/// # Examples
///
/// ```
/// assert_eq!(gatewright_stats::power::n_non_inferiority(0.10, 0.0, 0.05, 0.05, 0.8, 1.0), Ok(248));
/// ```
pub fn n_non_inferiority(
    discordant: f64,
    true_delta: f64,
    margin: f64,
    alpha: f64,
    power: f64,
    deff: f64,
) -> Result<u64, Undefined> {
    require_plan(0, discordant, true_delta, alpha)?;
    require(
        power > 0.0 && power < 1.0 && deff > 0.0 && margin + true_delta > 0.0 && discordant > 0.0,
    )?;
    let k = z_sum(alpha, power);
    let room = true_delta + margin;
    whole(k * k * (discordant - true_delta * true_delta) / (room * room) * deff)
}

/// Smallest drop that a paired comparison can see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mde {
    /// Smallest drop detectable as worse, in share of examples; may exceed the disagreement there is.
    pub mde: f64,
    /// `mde`, at most the discordant share.
    pub capped: f64,
    /// False when the drop would be larger than all disagreements: invisible at this n.
    pub visible: bool,
}

/// Returns the smallest drop detectable as worse with n pairs, by the normal approximation
/// k√(D·deff/n)/√(1+k²·deff/n), k = z₁₋α + z_power.
///
/// # Errors
///
/// [`Undefined::Empty`] for n = 0, [`Undefined::OutOfRange`] for arguments outside their ranges.
pub fn mde_paired(
    n: u64,
    discordant: f64,
    alpha: f64,
    power: f64,
    deff: f64,
) -> Result<Mde, Undefined> {
    require_plan(0, discordant, 0.0, alpha)?;
    require(power > 0.0 && power < 1.0 && deff > 0.0)?;
    if n == 0 {
        return Err(Undefined::Empty);
    }
    let k = z_sum(alpha, power);
    let per_row = deff / n as f64;
    let mde = k * (discordant * per_row).sqrt() / (1.0 + k * k * per_row).sqrt();
    Ok(Mde {
        mde,
        capped: mde.min(discordant),
        visible: mde <= discordant,
    })
}

/// Returns the power of the one-sided t test of n values at a true mean of `effect_sd` standard deviations.
///
/// Integrates the noncentral t over its chi part by Simpson's rule; absolute error below 1e-9.
///
/// # Errors
///
/// [`Undefined::TooFewClusters`] for n < 2, [`Undefined::OutOfRange`] for a level outside (0, 0.5) or an infinite effect.
pub fn power_t_one_sided(n: u64, effect_sd: f64, alpha: f64) -> Result<f64, Undefined> {
    require(is_level(alpha) && effect_sd.is_finite())?;
    if n < 2 {
        return Err(Undefined::TooFewClusters { clusters: n });
    }
    let df = (n - 1) as f64;
    let shift = effect_sd * (n as f64).sqrt();
    Ok(noncentral_t_sf(t_ppf(1.0 - alpha, df), df, shift).clamp(0.0, 1.0))
}

/// P(T > t) of the noncentral t: the mean of P(Z > t·S − shift) over S = √(χ²/df).
fn noncentral_t_sf(t: f64, df: f64, shift: f64) -> f64 {
    const STEPS: u32 = 4000;
    let half = df / 2.0;
    let ln_scale = std::f64::consts::LN_2 + half * libm::log(half) - ln_gamma(half);
    let density = |s: f64| {
        let ln_power = if df == 1.0 {
            0.0
        } else {
            (df - 1.0) * libm::log(s)
        };
        libm::exp(ln_scale + ln_power - half * s * s)
    };
    let spread = 10.0 / (2.0 * df).sqrt();
    let (from, to) = ((1.0 - spread).max(0.0), 1.0 + spread);
    let h = (to - from) / f64::from(STEPS);
    let sum: f64 = (0..=STEPS)
        .map(|i| {
            let s = from + h * f64::from(i);
            let weight = match i {
                0 | STEPS => 1.0,
                _ if i % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * density(s) * norm_sf(t * s - shift)
        })
        .sum();
    sum * h / 3.0
}

/// Variance of a paired mean difference with repeats, in the words of Miller 2024.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MillerPlan {
    /// Variance between examples of the true difference.
    pub omega2: f64,
    /// Variance of one answer of each system within an example.
    pub sigma2: [f64; 2],
    /// Answers of each system per example.
    pub k: [u32; 2],
}

impl MillerPlan {
    /// Returns the variance of one example's observed difference.
    fn variance(&self) -> Result<f64, Undefined> {
        let [a, b] = self.sigma2;
        require(
            [self.omega2, a, b]
                .iter()
                .all(|v| v.is_finite() && *v >= 0.0)
                && self.k[0] > 0
                && self.k[1] > 0,
        )?;
        Ok(self.omega2 + a / f64::from(self.k[0]) + b / f64::from(self.k[1]))
    }

    /// Returns the smallest difference that n examples detect at two-sided level alpha, by the normal approximation.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] for n = 0, [`Undefined::OutOfRange`] for arguments outside their ranges.
    pub fn mde(&self, n: u64, alpha: f64, power: f64) -> Result<f64, Undefined> {
        require(alpha > 0.0 && alpha < 1.0 && power > 0.0 && power < 1.0)?;
        if n == 0 {
            return Err(Undefined::Empty);
        }
        Ok(z_sum(alpha / 2.0, power) * (self.variance()? / n as f64).sqrt())
    }
}

/// Returns the number of examples that detect a mean difference `delta` at two-sided level alpha (Miller 2024):
/// n = (z at 1 − α/2 + z_power)²·(ω² + σ_A²/K_A + σ_B²/K_B)/δ², rounded up.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for delta = 0 or arguments outside their ranges.
pub fn n_miller(plan: &MillerPlan, delta: f64, alpha: f64, power: f64) -> Result<u64, Undefined> {
    require(
        delta != 0.0
            && delta.is_finite()
            && alpha > 0.0
            && alpha < 1.0
            && power > 0.0
            && power < 1.0,
    )?;
    let k = z_sum(alpha / 2.0, power);
    whole(k * k * plan.variance()? / (delta * delta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_for_floor_is_the_first_n_with_the_power() {
        for (p, floor) in [(0.97, 0.9), (0.9, 0.8), (0.99, 0.95), (1.0, 0.9)] {
            let n = n_for_floor(p, floor, 0.05, 0.8).unwrap();
            let first = (1..).find(|&n| power_floor_cp(n, floor, p, 0.05).unwrap().power >= 0.8);
            assert_eq!(Some(n), first, "{p} {floor}");
        }
        assert_eq!(n_for_floor(0.9, 0.9, 0.05, 0.8), None);
        assert_eq!(n_for_floor(0.901, 0.9, 0.05, 0.8), None);
    }

    #[test]
    fn a_margin_holds_without_disagreement_from_this_n() {
        let figures: Vec<u64> = [0.10, 0.05, 0.02]
            .iter()
            .map(|m| min_n_concordant(*m, 0.05).unwrap())
            .collect();
        assert_eq!(figures, [25, 52, 133]);
        assert_eq!(min_n_concordant(0.0, 0.05), Err(Undefined::OutOfRange));
    }

    #[test]
    fn twelve_examples_see_nothing() {
        let at_12 = power_paired_tango(12, 0.2, 0.0, 0.10, 0.05).unwrap();
        assert!(at_12.holds < 0.13, "{at_12:?}");
        assert!(!mde_paired(12, 0.3, 0.05, 0.8, 1.0).unwrap().visible);
        assert!(n_non_inferiority(0.1, -0.05, 0.05, 0.05, 0.8, 1.0).is_err());
    }
}
