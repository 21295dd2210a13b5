//! The fixed-n betting interval (Waudby-Smith & Ramdas 2024; statistics.md §6 at t = n): finite-sample valid for bounded values.

use libm::{log, log1p, sqrt};

/// Largest bet, as a share of what the truth could cost.
const CAP: f64 = 0.5;

/// Returns one-sided bounds at level alpha each for the mean of values in [0, 1], in the order given.
///
/// Capital may grow in either direction: m stays while K⁺(m) and K⁻(m) are below 1/alpha.
pub fn bounds(values: &[f64], alpha: f64) -> (f64, f64) {
    let bets = bets(values, alpha);
    let limit = -log(alpha);
    (
        endpoint(values, &bets, limit, true),
        endpoint(values, &bets, limit, false),
    )
}

/// Predictable bets λ_t = √(2 ln(1/alpha) / (t ln(1+t) σ̂²_{t−1})).
pub fn bets(values: &[f64], alpha: f64) -> Vec<f64> {
    let mut seen = Seen::default();
    let bet = |value: &f64| {
        let bet = seen.bet(alpha);
        seen.add(*value);
        bet
    };
    values.iter().map(bet).collect()
}

/// What a bet may be made from: the values before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen {
    count: f64,
    total: f64,
    squares: f64,
    variance: f64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            count: 0.0,
            total: 0.0,
            squares: 0.25,
            variance: 0.25,
        }
    }
}

impl Seen {
    /// The bet on the next value at level alpha.
    pub(crate) fn bet(&self, alpha: f64) -> f64 {
        let t = self.count + 1.0;
        sqrt(2.0 * -log(alpha) / (t * log1p(t) * self.variance))
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.total += value;
        let mean = (0.5 + self.total) / (self.count + 1.0);
        self.squares += (value - mean) * (value - mean);
        self.variance = self.squares / (self.count + 1.0);
    }
}

/// ln K⁺(m) (`above`) or ln K⁻(m) after all values. Capital 0 stays 0.
pub fn log_capital(values: &[f64], bets: &[f64], m: f64, above: bool) -> f64 {
    values
        .iter()
        .zip(bets)
        .map(|(value, bet)| log_gain(*value, *bet, m, above, 1.0))
        .sum()
}

/// ln of the factor by which one value changes the capital; `share` in [0, 1] scales the bet (weights).
pub(crate) fn log_gain(value: f64, bet: f64, m: f64, above: bool, share: f64) -> f64 {
    let room = if above { m } else { 1.0 - m };
    let most = if room > 0.0 {
        CAP / room
    } else {
        f64::INFINITY
    };
    let away = if above { value - m } else { m - value };
    // An unbounded bet on no difference wins nothing: ∞·0 = 0.
    let gain = if away == 0.0 || share == 0.0 {
        0.0
    } else {
        bet.min(most) * away * share
    };
    if gain <= -1.0 {
        f64::NEG_INFINITY
    } else {
        log1p(gain)
    }
}

fn endpoint(values: &[f64], bets: &[f64], limit: f64, lower: bool) -> f64 {
    let out = |m: f64| log_capital(values, bets, m, lower) >= limit;
    let (mut low, mut high) = (0.0, 1.0);
    if (lower && !out(0.0)) || (!lower && !out(1.0)) {
        return if lower { 0.0 } else { 1.0 };
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if out(middle) == lower {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}
