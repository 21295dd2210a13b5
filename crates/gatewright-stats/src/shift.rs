//! How far the mix of a reference set is from the mix of traffic (statistics.md §7), and distances of samples.

use libm::{fabs, log, sqrt};

use crate::estimate::Undefined;
use crate::quantile::type7;
use crate::rng::Stream;
use crate::special::chi2_sf;
use crate::sum::sum;

/// Distances of two mixes over the same categories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixShift {
    /// Total variation in [0, 1]: the share of traffic that would have to move. The primary measure.
    pub tv: f64,
    /// Jensen–Shannon divergence in [0, ln 2].
    pub jsd: f64,
    /// Kullback–Leibler divergence of traffic from the reference set; infinite where traffic has what the set has not.
    pub kl_traffic_from_reference: f64,
    /// Hellinger distance in [0, 1].
    pub hellinger: f64,
    /// Population stability index with half a row added to every category.
    pub psi: f64,
    /// P-value of Pearson's chi-square test of one mix; none with a single category in use.
    pub chi2_p: Option<f64>,
    /// Share of traffic in categories without an example.
    pub uncovered: f64,
}

/// Compares counts (≥ 0, real counts allowed) of the reference set and of traffic by category.
///
/// # Errors
/// `Empty` when either has no rows, `OutOfRange` for lists of different lengths or a count that is negative or not finite.
pub fn mix_shift(reference: &[f64], traffic: &[f64]) -> Result<MixShift, Undefined> {
    let valid = |counts: &[f64]| {
        counts
            .iter()
            .all(|count| count.is_finite() && *count >= 0.0)
    };
    if reference.len() != traffic.len() || !valid(reference) || !valid(traffic) {
        return Err(Undefined::OutOfRange);
    }
    let (r, t) = (sum(reference.iter().copied()), sum(traffic.iter().copied()));
    if r <= 0.0 || t <= 0.0 {
        return Err(Undefined::Empty);
    }
    let pairs = || reference.iter().copied().zip(traffic.iter().copied());
    let shares = || pairs().map(|(a, b)| (a / r, b / t));
    let part = |p: f64, q: f64| if p > 0.0 { p * log(p / q) } else { 0.0 };
    let classes = reference.len() as f64;
    let smooth = |count: f64, total: f64| (count + 0.5) / (total + 0.5 * classes);
    Ok(MixShift {
        tv: 0.5 * sum(shares().map(|(p, q)| fabs(p - q))),
        jsd: 0.5
            * sum(shares().map(|(p, q)| {
                let middle = 0.5 * (p + q);
                part(p, middle) + part(q, middle)
            })),
        kl_traffic_from_reference: if pairs().any(|(a, b)| a <= 0.0 && b > 0.0) {
            f64::INFINITY
        } else {
            sum(shares().map(|(p, q)| part(q, p)))
        },
        hellinger: sqrt(
            0.5 * sum(shares().map(|(p, q)| (sqrt(p) - sqrt(q)) * (sqrt(p) - sqrt(q)))),
        ),
        psi: sum(pairs().map(|(a, b)| {
            let (p, q) = (smooth(a, r), smooth(b, t));
            (q - p) * log(q / p)
        })),
        chi2_p: one_mix(reference, traffic, r, t),
        uncovered: sum(shares().filter(|(p, _)| *p <= 0.0).map(|(_, q)| q)),
    })
}

fn one_mix(reference: &[f64], traffic: &[f64], r: f64, t: f64) -> Option<f64> {
    let used = || {
        let pairs = reference.iter().copied().zip(traffic.iter().copied());
        pairs.filter(|(a, b)| a + b > 0.0)
    };
    let classes = used().count();
    let off = |got: f64, expected: f64| (got - expected) * (got - expected) / expected;
    let statistic = sum(used().map(|(a, b)| {
        let share = (a + b) / (r + t);
        off(a, share * r) + off(b, share * t)
    }));
    (classes > 1).then(|| chi2_sf(statistic, classes as f64 - 1.0))
}

/// Returns the total variation that mixes of these sizes reach by chance alone, as the `level` quantile (0.95, say) over
/// permutations of all rows: a shift is one above it. `stream` opens the random words of a replicate.
///
/// # Errors
/// `Empty` when either has no rows or there are no replicates, `OutOfRange` for lists of different lengths or a level
/// outside [0, 1].
pub fn chance_tv(
    reference: &[u64],
    traffic: &[u64],
    level: f64,
    replicates: u64,
    stream: impl Fn(u64) -> Stream,
) -> Result<f64, Undefined> {
    if reference.len() != traffic.len() || !(0.0..=1.0).contains(&level) {
        return Err(Undefined::OutOfRange);
    }
    let (r, t): (u64, u64) = (reference.iter().sum(), traffic.iter().sum());
    if r == 0 || t == 0 || replicates == 0 {
        return Err(Undefined::Empty);
    }
    let pooled: Vec<u64> = reference.iter().zip(traffic).map(|(a, b)| a + b).collect();
    // The smaller side is drawn, the larger is what remains: total variation does not ask which is which.
    let (few, many) = (r.min(t), r.max(t));
    let mut reached: Vec<f64> = (0..replicates)
        .map(|replicate| {
            let drawn = without_replacement(&pooled, few, &mut stream(replicate));
            0.5 * sum(drawn.iter().zip(&pooled).map(|(&one, &all)| {
                fabs(one as f64 / few as f64 - (all - one) as f64 / many as f64)
            }))
        })
        .collect();
    reached.sort_by(f64::total_cmp);
    Ok(type7(&reached, level))
}

/// Counts by category of `draws` rows drawn without replacement.
fn without_replacement(counts: &[u64], draws: u64, stream: &mut Stream) -> Vec<u64> {
    let mut left = counts.to_vec();
    let mut drawn = vec![0; counts.len()];
    let mut rows: u64 = counts.iter().sum();
    for _ in 0..draws.min(rows) {
        let mut place = stream.index(rows);
        for (left, drawn) in left.iter_mut().zip(&mut drawn) {
            if place < *left {
                *left -= 1;
                *drawn += 1;
                break;
            }
            place -= *left;
        }
        rows -= 1;
    }
    drawn
}

/// Distances of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleShift {
    /// Kolmogorov–Smirnov: the largest difference of the distribution functions, in [0, 1].
    pub ks: f64,
    /// Wasserstein-1: the area between them, in units of the values.
    pub wasserstein1: f64,
}

/// Compares the distributions of two samples.
///
/// # Errors
/// `Empty` when either has no values, `OutOfRange` for one that is not finite.
pub fn sample_shift(x: &[f64], y: &[f64]) -> Result<SampleShift, Undefined> {
    if x.is_empty() || y.is_empty() {
        return Err(Undefined::Empty);
    }
    if x.iter().chain(y).any(|value| !value.is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    // Adding 0 makes −0 one value with 0.
    let mut all: Vec<(f64, f64)> = Vec::with_capacity(x.len() + y.len());
    all.extend(x.iter().map(|value| (value + 0.0, 1.0 / x.len() as f64)));
    all.extend(y.iter().map(|value| (value + 0.0, -1.0 / y.len() as f64)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut gap, mut ks, mut area) = (0.0_f64, 0.0_f64, Vec::new());
    for (place, (value, step)) in all.iter().enumerate() {
        gap += step;
        if let Some(next) = all.get(place + 1).filter(|next| next.0 > *value) {
            ks = ks.max(fabs(gap));
            area.push(fabs(gap) * (next.0 - value));
        }
    }
    Ok(SampleShift {
        ks,
        wasserstein1: sum(area),
    })
}
