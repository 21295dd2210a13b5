//! Distribution functions that everything rests on, accurate in the far tails.
//!
//! Transcendental functions come from a pure-Rust libm, so that platforms agree to the last bit.
//! Arguments outside a function's domain give NaN; callers check their inputs before they come here.

use libm::{erfc, exp, expm1, lgamma, log, log1p, sqrt};

const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;
const CONTINUED_FRACTION_STEPS: u32 = 20_000;

/// Returns Φ(x), the standard normal lower tail.
pub fn norm_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// Returns 1 − Φ(x) without cancellation.
pub fn norm_sf(x: f64) -> f64 {
    norm_cdf(-x)
}

/// Returns ln Φ(x), far into the lower tail (not through `ln(cdf)`).
pub fn norm_log_cdf(x: f64) -> f64 {
    if x >= 0.0 {
        return log1p(-norm_sf(x));
    }
    if x > -5.0 {
        return log(norm_cdf(x));
    }
    -0.5 * x * x - LN_SQRT_2PI + log(mills(-x))
}

/// Mills ratio (1 − Φ(x))/φ(x) for x ≥ 5 by its continued fraction.
fn mills(x: f64) -> f64 {
    let mut fraction = x;
    for k in (1..=120).rev() {
        fraction = x + f64::from(k) / fraction;
    }
    1.0 / fraction
}

/// Returns the standard normal quantile of p in (0, 1); ±∞ at 0 and 1.
///
/// Newton steps on ln Φ, which is concave, so that p = 1e−300 is as good as p = 0.05.
pub fn norm_ppf(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    if p == 1.0 {
        return f64::INFINITY;
    }
    if p > 0.5 {
        return -norm_ppf(1.0 - p);
    }
    let target = log(p);
    let mut x = if p < 0.05 {
        -sqrt(-2.0 * target)
    } else {
        (p - 0.5) * 2.506_628_274_631
    };
    for _ in 0..60 {
        let log_cdf = norm_log_cdf(x);
        let density = exp(-0.5 * x * x - LN_SQRT_2PI - log_cdf);
        let step = (log_cdf - target) / density;
        x -= step;
        if step.abs() <= 1e-15 * x.abs().max(1e-3) {
            break;
        }
    }
    x
}

/// Returns ln Γ(x) for x > 0.
pub fn ln_gamma(x: f64) -> f64 {
    lgamma(x)
}

/// Error of Stirling's formula: ln Γ(n+1) − (n+½)ln n + n − ln √2π (Loader 2000).
pub(crate) fn stirling_error(n: f64) -> f64 {
    if n <= 15.0 {
        return lgamma(n + 1.0) - (n + 0.5) * log(n) + n - LN_SQRT_2PI;
    }
    let n2 = n * n;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - (1.0 / 1188.0) / n2) / n2) / n2) / n2)
        / n
}

/// Deviance part x ln(x/m) + m − x without cancellation near x = m (Loader 2000).
pub(crate) fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() < 0.1 * (x + m) {
        let v = (x - m) / (x + m);
        let mut sum = (x - m) * v;
        let mut term = 2.0 * x * v;
        let v2 = v * v;
        for j in 1..1000 {
            term *= v2;
            let next = sum + term / f64::from(2 * j + 1);
            if next == sum {
                return next;
            }
            sum = next;
        }
        return sum;
    }
    x * log(x / m) + m - x
}

/// ln of Γ(a+b+1)/(Γ(a+1)Γ(b+1)) p^a q^b, the binomial mass at real a, b ≥ 0, by Loader's saddle point.
pub(crate) fn log_binomial_mass(a: f64, b: f64, p: f64, q: f64) -> f64 {
    let n = a + b;
    if a == 0.0 {
        return if b == 0.0 { 0.0 } else { power_log(b, p, q) };
    }
    if b == 0.0 {
        return power_log(a, q, p);
    }
    let body = stirling_error(n)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, n * p)
        - deviance(b, n * q);
    body - LN_SQRT_2PI - 0.5 * (log(a) + log(b) - log(n))
}

/// n·ln q where p = 1 − q is known exactly.
fn power_log(n: f64, p: f64, q: f64) -> f64 {
    if p < 0.5 { n * log1p(-p) } else { n * log(q) }
}

/// Both tails of the regularised incomplete beta function, with the logarithm of the lower one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BetaTails {
    pub(crate) cdf: f64,
    pub(crate) sf: f64,
    pub(crate) log_cdf: f64,
    pub(crate) log_sf: f64,
}

/// I_x(a, b) and its complement for x + y = 1, by Lentz's continued fraction with the swap at the mean.
pub(crate) fn beta_tails(x: f64, y: f64, a: f64, b: f64) -> BetaTails {
    if x <= 0.0 {
        return BetaTails {
            cdf: 0.0,
            sf: 1.0,
            log_cdf: f64::NEG_INFINITY,
            log_sf: 0.0,
        };
    }
    if y <= 0.0 {
        return BetaTails {
            cdf: 1.0,
            sf: 0.0,
            log_cdf: 0.0,
            log_sf: f64::NEG_INFINITY,
        };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        let mirrored = beta_tails_below(y, x, b, a);
        return BetaTails {
            cdf: mirrored.sf,
            sf: mirrored.cdf,
            log_cdf: mirrored.log_sf,
            log_sf: mirrored.log_cdf,
        };
    }
    beta_tails_below(x, y, a, b)
}

fn beta_tails_below(x: f64, y: f64, a: f64, b: f64) -> BetaTails {
    // x^a y^b / (a B(a,b)) = mass · b/(a+b)
    let log_front = log_binomial_mass(a, b, x, y) + log(b / (a + b));
    let log_cdf = log_front + log(beta_fraction(x, a, b));
    let log_cdf = log_cdf.min(0.0);
    let (cdf, sf) = (exp(log_cdf), -expm1(log_cdf));
    BetaTails {
        cdf,
        sf,
        log_cdf,
        log_sf: if cdf < 0.5 { log1p(-cdf) } else { log(sf) },
    }
}

/// Continued fraction of the incomplete beta function (modified Lentz).
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for step in 1..=CONTINUED_FRACTION_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    h
}

/// Returns I_x(a, b), the lower tail of Beta(a, b), for x in [0, 1] and a, b > 0.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    beta_tails(x, 1.0 - x, a, b).cdf
}

/// Returns the upper tail of Beta(a, b).
pub fn beta_sf(x: f64, a: f64, b: f64) -> f64 {
    beta_tails(x, 1.0 - x, a, b).sf
}

/// Returns the quantile of Beta(a, b) at p in [0, 1], a, b > 0.
pub fn beta_ppf(p: f64, a: f64, b: f64) -> f64 {
    beta_ppf_both(p, 1.0 - p, a, b).0
}

/// Quantile x and 1 − x, for a lower tail p with q = 1 − p, by safeguarded Newton steps on the log-odds of x.
pub(crate) fn beta_ppf_both(p: f64, q: f64, a: f64, b: f64) -> (f64, f64) {
    if p <= 0.0 {
        return (0.0, 1.0);
    }
    if q <= 0.0 {
        return (1.0, 0.0);
    }
    let lower = p <= 0.5;
    let target = if lower { log(p) } else { log(q) };
    let (mut low, mut high) = (-745.0_f64, 745.0_f64);
    let mut u = starting_log_odds(p, a, b).clamp(low + 1.0, high - 1.0);
    for _ in 0..200 {
        let (x, y) = (logistic(u), logistic(-u));
        let tails = beta_tails(x, y, a, b);
        let (value, sign) = if lower {
            (tails.log_cdf, 1.0)
        } else {
            (tails.log_sf, -1.0)
        };
        let gap = sign * (value - target);
        if gap > 0.0 {
            high = high.min(u);
        } else {
            low = low.max(u);
        }
        // d ln(tail)/du = x·y·density / tail; x^a y^b/B = mass·a·b/(a+b)
        let log_slope = log_binomial_mass(a, b, x, y) + log(a * b / (a + b)) - value;
        let step = gap / exp(log_slope);
        let next = u - step;
        // Newton's error after a step is of the order of its square.
        if step.abs() <= 1e-10 {
            u = next;
            break;
        }
        u = if step.is_finite() && next > low && next < high {
            next
        } else {
            0.5 * (low + high)
        };
        if high - low < 1e-15 * u.abs().max(1.0) {
            break;
        }
    }
    (logistic(u), logistic(-u))
}

fn logistic(u: f64) -> f64 {
    1.0 / (1.0 + exp(-u))
}

fn starting_log_odds(p: f64, a: f64, b: f64) -> f64 {
    let z = norm_ppf(p);
    if a > 1.0 && b > 1.0 {
        return log(a / b) + z * sqrt(1.0 / a + 1.0 / b);
    }
    // Small shapes: one tail behaves like a power law.
    let left = (log(p) + log(a) + lgamma(a) + lgamma(b) - lgamma(a + b)) / a;
    if left < -1.0 {
        return left;
    }
    let right = (log1p(-p) + log(b) + lgamma(a) + lgamma(b) - lgamma(a + b)) / b;
    if right < -1.0 { -right } else { log(a / b) }
}

/// Returns the lower tail of Student's t with real df > 0.
pub fn t_cdf(x: f64, df: f64) -> f64 {
    if x > 0.0 {
        1.0 - t_sf(x, df)
    } else {
        t_sf(-x, df)
    }
}

/// Returns the upper tail of Student's t with real df > 0.
pub fn t_sf(x: f64, df: f64) -> f64 {
    if x < 0.0 {
        return 1.0 - t_sf(-x, df);
    }
    let square = x * x;
    let (inside, outside) = if square.is_infinite() {
        (0.0, 1.0)
    } else {
        (df / (df + square), square / (df + square))
    };
    0.5 * beta_tails(inside, outside, 0.5 * df, 0.5).cdf
}

/// Returns the quantile of Student's t at p in (0, 1) with real df > 0.
pub fn t_ppf(p: f64, df: f64) -> f64 {
    if p == 0.5 {
        return 0.0;
    }
    if p > 0.5 {
        return -t_ppf(1.0 - p, df);
    }
    let (inside, outside) = beta_ppf_both(2.0 * p, 1.0 - 2.0 * p, 0.5 * df, 0.5);
    -sqrt(df * outside / inside)
}

/// Returns the upper tail of chi-square with real df > 0 at x ≥ 0.
pub fn chi2_sf(x: f64, df: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let (a, h) = (0.5 * df, 0.5 * x);
    let front = exp(a * log(h) - h - lgamma(a));
    if h < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for k in 1..100_000 {
            term *= h / (a + f64::from(k));
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return 1.0 - front * sum;
    }
    let mut b = h + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for k in 1..100_000 {
        let k = f64::from(k);
        let numerator = -k * (k - a);
        b += 2.0;
        d = 1.0 / (numerator * d + b);
        c = b + numerator / c;
        let change = c * d;
        fraction *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}
