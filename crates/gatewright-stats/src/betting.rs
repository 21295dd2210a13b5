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
    let (mut total, mut squares, mut variance) = (0.0, 0.25, 0.25);
    let mut bets = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        let t = (place + 1) as f64;
        bets.push(sqrt(2.0 * -log(alpha) / (t * log1p(t) * variance)));
        total += value;
        let mean = (0.5 + total) / (t + 1.0);
        squares += (value - mean) * (value - mean);
        variance = squares / (t + 1.0);
    }
    bets
}

/// ln K⁺(m) (`above`) or ln K⁻(m) after all values. Capital 0 stays 0.
pub fn log_capital(values: &[f64], bets: &[f64], m: f64, above: bool) -> f64 {
    let room = if above { m } else { 1.0 - m };
    let most = if room > 0.0 {
        CAP / room
    } else {
        f64::INFINITY
    };
    let mut total = 0.0;
    for (value, bet) in values.iter().zip(bets) {
        let away = if above { value - m } else { m - value };
        // An unbounded bet on no difference wins nothing: ∞·0 = 0.
        let gain = if away == 0.0 {
            0.0
        } else {
            bet.min(most) * away
        };
        total += if gain <= -1.0 {
            f64::NEG_INFINITY
        } else {
            log1p(gain)
        };
    }
    total
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
