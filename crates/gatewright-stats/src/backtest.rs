//! Is the gate itself any good (statistics.md §11): decisions against incidents, examples that discriminate, stability.

use libm::{fabs, sqrt};

use crate::binomial::log_pmf;
use crate::estimate::Undefined;
use crate::paired::tango_bounds;
use crate::proportion::{Share, share};
use crate::special::norm_ppf;
use crate::sum::{mean, sum, variance};
use crate::verdict::{Verdict, against};

/// Fewest incidents before the rates are more than a description.
pub const LEAST_INCIDENTS: u64 = 10;

/// Share of resamples with another verdict beyond which a verdict is fragile (statistics.md §11).
pub const FRAGILE_SHARE: f64 = 0.2;

/// Past releases by what the gate said and what happened. A held release has no outcome of its own: count one only where it
/// was overridden, rolled out narrowly or shipped later unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Releases {
    /// Held, with an incident.
    pub hold_incident: u64,
    /// Held, without.
    pub hold_quiet: u64,
    /// Shipped, with an incident.
    pub ship_incident: u64,
    /// Shipped, without.
    pub ship_quiet: u64,
}

/// How the gate did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backtest {
    /// Held among releases with an incident.
    pub catch_rate: Share,
    /// Held among releases without.
    pub false_hold_rate: Share,
    /// Incidents among ships.
    pub miss_rate_among_ships: Share,
    /// Incidents among holds.
    pub precision_of_hold: Share,
    /// Matthews' correlation in [−1, 1]; none where a row or column is empty.
    pub mcc: Option<f64>,
    /// Fisher's exact two-sided p-value that holding and incidents have nothing to do with each other.
    pub fisher_p: f64,
    /// True below [`LEAST_INCIDENTS`] incidents.
    pub descriptive_only: bool,
}

/// Returns how the gate did, with Clopper–Pearson bounds at one-sided level alpha each.
pub fn backtest(releases: &Releases, alpha: f64) -> Backtest {
    let Releases {
        hold_incident: tp,
        hold_quiet: fp,
        ship_incident: fnn,
        ship_quiet: tn,
    } = *releases;
    let of = |x: u64, other: u64| share(x, x + other, alpha);
    let margins = [tp + fp, tp + fnn, tn + fp, tn + fnn].map(|count| count as f64);
    let bottom: f64 = margins.iter().product();
    let top = tp as f64 * tn as f64 - fp as f64 * fnn as f64;
    Backtest {
        catch_rate: of(tp, fnn),
        false_hold_rate: of(fp, tn),
        miss_rate_among_ships: of(fnn, tn),
        precision_of_hold: of(tp, fp),
        mcc: (bottom > 0.0).then(|| top / sqrt(bottom)),
        fisher_p: fisher_exact([[tp, fp], [fnn, tn]]),
        descriptive_only: tp + fnn < LEAST_INCIDENTS,
    }
}

/// Returns Fisher's exact two-sided p-value of a 2×2 table (Fisher 1935): all tables with its margins that are no likelier.
pub fn fisher_exact(table: [[u64; 2]; 2]) -> f64 {
    let [[a, b], [c, d]] = table;
    let (row, other, column) = (a + b, c + d, a + c);
    let first = column.saturating_sub(other);
    // A hypergeometric mass is a ratio of binomial ones at any p; the common factor cancels below.
    let log_mass = |k: u64| {
        log_pmf(k as i64, row, 0.5) + log_pmf((column - k) as i64, other, 0.5)
            - log_pmf(column as i64, row + other, 0.5)
    };
    // The slack keeps equally likely tables together in spite of rounding.
    let limit = log_mass(a) + 1e-7;
    let masses = (first..=row.min(column)).map(log_mass);
    sum(masses.filter(|mass| *mass <= limit).map(libm::exp)).min(1.0)
}

/// What examples say about systems.
#[derive(Clone, Debug, PartialEq)]
pub struct Discrimination {
    /// Share of systems that pass, per example.
    pub difficulty: Vec<f64>,
    /// Correlation with the total of all other examples, per example; none where either is the same for every system.
    /// Negative: suspect the label first.
    pub item_rest: Vec<Option<f64>>,
    /// Cronbach's alpha, at most 1; none with one example or where totals are all equal.
    pub cronbach_alpha: Option<f64>,
}

/// Returns how examples discriminate: one row per system (or run), one score in [0, 1] per example.
///
/// # Errors
/// `Empty` without rows or examples, `TooFewRows` below two systems, `OutOfRange` for rows of different lengths or a score
/// that is not finite.
pub fn discrimination(systems: &[Vec<f64>]) -> Result<Discrimination, Undefined> {
    let items = systems.first().map_or(0, Vec::len);
    if items == 0 {
        return Err(Undefined::Empty);
    }
    let whole = |row: &Vec<f64>| row.len() == items && row.iter().all(|score| score.is_finite());
    if !systems.iter().all(whole) {
        return Err(Undefined::OutOfRange);
    }
    if systems.len() < 2 {
        return Err(Undefined::TooFewRows { needs: 2 });
    }
    let totals: Vec<f64> = systems.iter().map(|row| sum(row.iter().copied())).collect();
    let column = |item: usize| -> Vec<f64> { systems.iter().map(|row| row[item]).collect() };
    let columns: Vec<Vec<f64>> = (0..items).map(column).collect();
    let rest =
        |own: &[f64]| -> Vec<f64> { totals.iter().zip(own).map(|(t, own)| t - own).collect() };
    let of_totals = variance(&totals);
    let k = items as f64;
    let parts = sum(columns.iter().map(|own| variance(own)));
    Ok(Discrimination {
        difficulty: columns.iter().map(|own| mean(own)).collect(),
        item_rest: columns
            .iter()
            .map(|own| correlation(own, &rest(own)))
            .collect(),
        cronbach_alpha: (items > 1 && of_totals > 1e-20)
            .then(|| k / (k - 1.0) * (1.0 - parts / of_totals)),
    })
}

/// Returns Pearson's correlation of two lists of the same length, in [−1, 1]; none where either does not vary.
pub fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.is_empty() || x.len() != y.len() {
        return None;
    }
    let (mx, my) = (mean(x), mean(y));
    let cross = sum(x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)));
    let spread = |values: &[f64], centre: f64| {
        let squares = sum(values.iter().map(|v| (v - centre) * (v - centre)));
        let size = values.iter().copied().map(fabs).fold(0.0, f64::max);
        // A spread of rounding errors only is none.
        (squares > values.len() as f64 * (1e-14 * size) * (1e-14 * size)).then_some(squares)
    };
    Some((cross / sqrt(spread(x, mx)? * spread(y, my)?)).clamp(-1.0, 1.0))
}

/// Returns the verdict "no worse than −margin" on paired differences of −1, 0 or 1, by Tango's bounds at one-sided level
/// alpha each; rows beyond that count by their sign. No rows: not enough evidence.
pub fn paired_verdict(
    differences: impl IntoIterator<Item = i8>,
    margin: f64,
    alpha: f64,
) -> Verdict {
    let (mut b, mut c, mut n) = (0_u64, 0_u64, 0_u64);
    for difference in differences {
        n += 1;
        b += u64::from(difference > 0);
        c += u64::from(difference < 0);
    }
    if n == 0 {
        return Verdict::NotEnoughEvidence;
    }
    let (lower, upper) = tango_bounds(b as f64, c as f64, n as f64, -norm_ppf(alpha));
    against(lower, upper, -margin)
}

/// How far a verdict hangs on which examples are in the set.
#[derive(Clone, Debug, PartialEq)]
pub struct Stability<V> {
    /// Verdict on all examples.
    pub verdict: V,
    /// Verdict on each resample.
    pub resamples: Vec<V>,
    /// Share of resamples with another verdict, in [0, 1]; near a bound about one half by construction, and no p-value.
    pub flip_share: f64,
}

impl<V> Stability<V> {
    /// True when more than a fifth of the resamples say something else.
    pub fn fragile(&self) -> bool {
        self.flip_share > FRAGILE_SHARE
    }
}

/// Decides again on every draw of examples (or clusters); `decide` gets the units drawn, first all `units` once.
///
/// # Errors
/// `Empty` without draws.
pub fn stability<V: PartialEq>(
    units: usize,
    draws: impl IntoIterator<Item = Vec<usize>>,
    decide: impl Fn(&[usize]) -> V,
) -> Result<Stability<V>, Undefined> {
    let all: Vec<usize> = (0..units).collect();
    let verdict = decide(&all);
    let resamples: Vec<V> = draws.into_iter().map(|draw| decide(&draw)).collect();
    if resamples.is_empty() {
        return Err(Undefined::Empty);
    }
    let flips = resamples.iter().filter(|one| **one != verdict).count();
    Ok(Stability {
        verdict,
        flip_share: flips as f64 / resamples.len() as f64,
        resamples,
    })
}

/// Returns, for each difference (−1, 0, 1) that occurs, the verdict without one such example: all that leaving out any one
/// can do to a paired rule.
pub fn leave_one_out(differences: &[i8], margin: f64, alpha: f64) -> Vec<(i8, Verdict)> {
    let without = |sign: i8| {
        let place = differences.iter().position(|d| d.signum() == sign)?;
        let rest = differences[..place].iter().chain(&differences[place + 1..]);
        Some((sign, paired_verdict(rest.copied(), margin, alpha)))
    };
    [-1, 0, 1].into_iter().filter_map(without).collect()
}
