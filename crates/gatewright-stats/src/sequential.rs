//! Evidence that may be looked at any time (statistics.md §6): stop an expensive run, watch a rollout.
//!
//! A fixed-n interval may be looked at once; these stay valid however often one looks, and whenever one stops. Values come
//! in an order that does not depend on them: seeded, never that of a file. One value per cluster: the cluster's mean.
//! `alpha` is one-sided, for each side.

use libm::{exp, log, log1p, sqrt};

use crate::betting::{Seen, bounds, log_gain};
use crate::estimate::Undefined;
use crate::special::{beta_tails, ln_gamma};
use crate::verdict::Verdict;

/// Largest bet of the empirical Bernstein sequence.
const BERNSTEIN_CAP: f64 = 0.5;

/// Capital of a bet that the mean of values in [0, 1] is above m, or below it: an e-process.
///
/// Capital 1/alpha or more at any time rejects at level alpha (Ville 1939; Waudby-Smith & Ramdas 2024).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capital {
    m: f64,
    above: bool,
    alpha: f64,
    seen: Seen,
    count: u64,
    log_capital: f64,
    most: f64,
    crossed: Option<u64>,
}

impl Capital {
    /// Starts with capital 1 against a mean of m: `above` bets that it is larger. alpha sets the bets and the crossing.
    ///
    /// # Errors
    /// `OutOfRange` unless m is in [0, 1] and alpha in (0, 1).
    pub fn new(m: f64, above: bool, alpha: f64) -> Result<Self, Undefined> {
        if !((0.0..=1.0).contains(&m) && alpha > 0.0 && alpha < 1.0) {
            return Err(Undefined::OutOfRange);
        }
        Ok(Self {
            m,
            above,
            alpha,
            seen: Seen::default(),
            count: 0,
            log_capital: 0.0,
            most: f64::NEG_INFINITY,
            crossed: None,
        })
    }

    /// Takes the next value; returns ln capital. Capital 0 stays 0.
    ///
    /// # Errors
    /// `OutOfRange` unless the value is in [0, 1]; it is then not taken.
    pub fn observe(&mut self, value: f64) -> Result<f64, Undefined> {
        self.observe_weighted(value, 1.0)
    }

    /// Takes the next value with its share w/w_max in [0, 1] of the largest weight there can be; both are fixed before the
    /// value is known.
    ///
    /// # Errors
    /// `OutOfRange` unless value and share are in [0, 1].
    pub fn observe_weighted(&mut self, value: f64, share: f64) -> Result<f64, Undefined> {
        if !((0.0..=1.0).contains(&value) && (0.0..=1.0).contains(&share)) {
            return Err(Undefined::OutOfRange);
        }
        let bet = self.seen.bet(self.alpha);
        self.log_capital += log_gain(value, bet, self.m, self.above, share);
        self.seen.add(value);
        self.count += 1;
        self.most = self.most.max(self.log_capital);
        if self.crossed.is_none() && self.log_capital >= -log(self.alpha) {
            self.crossed = Some(self.count);
        }
        Ok(self.log_capital)
    }

    /// Returns ln capital now: the logarithm of an e-value, 0 before any value.
    pub fn log_capital(&self) -> f64 {
        self.log_capital
    }

    /// Returns the largest ln capital after any value; −∞ before the first.
    pub fn most(&self) -> f64 {
        self.most
    }

    /// Returns how many values it took to reach 1/alpha; none if it never did.
    pub fn crossed(&self) -> Option<u64> {
        self.crossed
    }
}

/// Two bets on a paired rule: not worse than −margin, and worse than it. The first crossing decides, and nothing after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedProcess {
    /// Evidence that the difference is above −margin.
    pub holds: Capital,
    /// Evidence that it is below.
    pub violated: Capital,
}

impl PairedProcess {
    /// Starts a rule "no worse than −margin" for differences in [−1, 1]; margin in [−1, 1], levels in (0, 1).
    ///
    /// # Errors
    /// `OutOfRange` outside.
    pub fn new(margin: f64, alpha_holds: f64, alpha_violated: f64) -> Result<Self, Undefined> {
        let m = (1.0 - margin) / 2.0;
        Ok(Self {
            holds: Capital::new(m, true, alpha_holds)?,
            violated: Capital::new(m, false, alpha_violated)?,
        })
    }

    /// Takes the next difference (a cluster's mean) and says what is decided so far.
    ///
    /// # Errors
    /// `OutOfRange` unless it is in [−1, 1].
    pub fn observe(&mut self, difference: f64) -> Result<Verdict, Undefined> {
        self.observe_mapped((difference + 1.0) / 2.0)
    }

    /// Takes (difference + 1)/2.
    ///
    /// # Errors
    /// `OutOfRange` unless it is in [0, 1].
    pub fn observe_mapped(&mut self, value: f64) -> Result<Verdict, Undefined> {
        self.holds.observe(value)?;
        self.violated.observe(value)?;
        Ok(self.verdict())
    }

    /// Returns what the first crossing decided.
    pub fn verdict(&self) -> Verdict {
        match (self.holds.crossed, self.violated.crossed) {
            (Some(holds), Some(violated)) if violated < holds => Verdict::Violated,
            (Some(_), _) => Verdict::Holds,
            (None, Some(_)) => Verdict::Violated,
            (None, None) => Verdict::NotEnoughEvidence,
        }
    }
}

/// Returns the ln of the mean of e-values given by their logarithms: an e-value again, however they depend on each other,
/// so segments of one criterion need no correction. None without any.
pub fn average_log_e(log_e: &[f64]) -> Option<f64> {
    let most = log_e.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if log_e.is_empty() || !most.is_finite() {
        return (!log_e.is_empty()).then_some(most);
    }
    let total: f64 = log_e.iter().map(|one| exp(one - most)).sum();
    Some(most + log(total / log_e.len() as f64))
}

/// Returns the hedged betting confidence sequence of values in [0, 1] at the given looks (counts, ascending), each the
/// intersection of the looks so far (Waudby-Smith & Ramdas 2024). Where looks contradict each other, bounds cross: the
/// values do not come from one mean.
///
/// # Errors
/// `OutOfRange` for a value outside [0, 1], or a look beyond the values.
pub fn betting_sequence(
    values: &[f64],
    looks: &[usize],
    alpha: f64,
) -> Result<Vec<(f64, f64)>, Undefined> {
    check(values)?;
    if looks.iter().any(|&look| look > values.len()) {
        return Err(Undefined::OutOfRange);
    }
    let (mut lower, mut upper) = (0.0_f64, 1.0_f64);
    let narrowed = looks.iter().map(|&look| {
        let found = bounds(&values[..look], alpha);
        lower = lower.max(found.0);
        upper = upper.min(found.1);
        (lower, upper)
    });
    Ok(narrowed.collect())
}

/// Returns the predictable plug-in empirical Bernstein sequence after each value, without intersection (Waudby-Smith & Ramdas
/// 2024): a closed form for dashboards, wider than betting.
///
/// # Errors
/// `OutOfRange` for a value outside [0, 1].
pub fn empirical_bernstein_sequence(
    values: &[f64],
    alpha: f64,
) -> Result<Vec<(f64, f64)>, Undefined> {
    check(values)?;
    let lower = empirical_bernstein_lower(values.iter().copied(), alpha);
    let mirrored = empirical_bernstein_lower(values.iter().map(|value| 1.0 - value), alpha);
    let both = lower.iter().zip(mirrored);
    Ok(both
        .map(|(lower, mirrored)| (lower.max(0.0), (1.0 - mirrored).min(1.0)))
        .collect())
}

fn empirical_bernstein_lower(values: impl Iterator<Item = f64>, alpha: f64) -> Vec<f64> {
    let mut seen = Seen::default();
    let (mut bets, mut weighted, mut spread) = (0.0, 0.0, 0.0);
    // Each value is measured from the mean of those before it, the first from 0: the published implementation's choice, and
    // as valid as any that does not know the value.
    let (mut count, mut total, mut centre) = (0.0, 0.0, 0.0);
    let step = |value: f64| {
        let bet = seen.bet(alpha).min(BERNSTEIN_CAP);
        bets += bet;
        weighted += bet * value;
        spread += (value - centre) * (value - centre) * (-log1p(-bet) - bet);
        seen.add(value);
        count += 1.0;
        total += value;
        centre = total / count;
        (weighted - spread + log(alpha)) / bets
    };
    values.map(step).collect()
}

/// Returns the predictable plug-in Hoeffding sequence after each value, without intersection (Waudby-Smith & Ramdas 2024).
///
/// # Errors
/// `OutOfRange` for a value outside [0, 1].
pub fn hoeffding_sequence(values: &[f64], alpha: f64) -> Result<Vec<(f64, f64)>, Undefined> {
    check(values)?;
    let (mut bets, mut weighted, mut spread) = (0.0, 0.0, 0.0);
    let step = |(place, value): (usize, &f64)| {
        let t = (place + 1) as f64;
        let bet = sqrt(8.0 * -log(alpha) / (t * log1p(t))).min(1.0);
        bets += bet;
        weighted += bet * value;
        spread += bet * bet / 8.0;
        clipped(weighted / bets, (spread - log(alpha)) / bets)
    };
    Ok(values.iter().enumerate().map(step).collect())
}

/// Returns ln of the normal-mixture likelihood ratio of a mean against `null` (Robbins 1970; Johari et al. 2022): `variance`
/// of one value, t values, mixture variance `tau2`; the margin squared is a good one.
///
/// # Errors
/// `OutOfRange` unless variance > 0, tau2 ≥ 0 and all are finite; `Empty` when t = 0.
pub fn msprt_log_e(
    mean: f64,
    variance: f64,
    t: u64,
    tau2: f64,
    null: f64,
) -> Result<f64, Undefined> {
    let finite = [mean, variance, tau2, null].iter().all(|v| v.is_finite());
    if !finite || variance <= 0.0 || tau2 < 0.0 {
        return Err(Undefined::OutOfRange);
    }
    if t == 0 {
        return Err(Undefined::Empty);
    }
    let t = t as f64;
    let total = variance + t * tau2;
    let away = mean - null;
    Ok(0.5 * log(variance / total) + t * t * tau2 * away * away / (2.0 * variance * total))
}

/// An asymptotic confidence sequence at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asymptotic {
    /// Mixture scale, tightest at the time it was made for.
    pub rho: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

/// Returns the asymptotic confidence sequence of an unbounded mean (cost, latency) after t values, made tightest at
/// `t_best` (Waudby-Smith et al. 2024). Not to be used below t = 100.
///
/// # Errors
/// `OutOfRange` unless sd ≥ 0, mean finite and alpha in (0, 0.5); `Empty` when a time is 0.
pub fn asymptotic_sequence(
    mean: f64,
    sd: f64,
    t: u64,
    t_best: u64,
    alpha: f64,
) -> Result<Asymptotic, Undefined> {
    if !(mean.is_finite() && sd.is_finite() && sd >= 0.0 && alpha > 0.0 && alpha < 0.5) {
        return Err(Undefined::OutOfRange);
    }
    if t == 0 || t_best == 0 {
        return Err(Undefined::Empty);
    }
    // The published form states the level of both sides together.
    let alpha = 2.0 * alpha;
    let surprise = -2.0 * log(alpha);
    let rho = sqrt((surprise + log(surprise + 1.0)) / t_best as f64);
    let t = t as f64;
    let grown = t * rho * rho + 1.0;
    let half = sd * sqrt(2.0 * grown / (t * t * rho * rho) * log(sqrt(grown) / alpha));
    Ok(Asymptotic {
        rho,
        lower: mean - half,
        upper: mean + half,
    })
}

/// Returns ln of the e-value that the candidate loses more pairs than it wins, after b pairs that only it passes and c that
/// only the other passes: 2^(b+c+1)·B(b+1, c+1)·I_½(b+1, c+1), a uniform mixture over P(win) < ½. 0 before any pair.
pub fn sign_log_e_worse(b: u64, c: u64) -> f64 {
    let (b, c) = (b as f64, c as f64);
    let log_beta = ln_gamma(b + 1.0) + ln_gamma(c + 1.0) - ln_gamma(b + c + 2.0);
    let tail = beta_tails(0.5, 0.5, b + 1.0, c + 1.0).log_cdf;
    (b + c + 1.0) * std::f64::consts::LN_2 + log_beta + tail
}

fn clipped(centre: f64, half: f64) -> (f64, f64) {
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

fn check(values: &[f64]) -> Result<(), Undefined> {
    if values.iter().all(|value| (0.0..=1.0).contains(value)) {
        Ok(())
    } else {
        Err(Undefined::OutOfRange)
    }
}
