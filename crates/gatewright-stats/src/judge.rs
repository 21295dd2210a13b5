//! A grader that errs, against people's labels (statistics.md §8): sensitivity, specificity, corrected rates, fitness.
//!
//! Positive means pass. All correction here assumes that the error rates of the labelled rows are those of the graded
//! rows; where the labels are a random part of the graded rows, `ppi` needs no such assumption.

use std::cmp::Ordering;

use libm::sqrt;

use crate::choose::{Rows, pass_rate};
use crate::estimate::{Bounds, Undefined};
use crate::proportion::{Share, share};
use crate::special::{norm_ppf, norm_sf};

/// Labelled rows by what people and the grader said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Both say pass.
    pub true_pass: u64,
    /// People say pass, the grader fail.
    pub false_fail: u64,
    /// People say fail, the grader pass.
    pub false_pass: u64,
    /// Both say fail.
    pub true_fail: u64,
}

impl Confusion {
    /// Counts pairs of (people's label, the grader's label), true for pass.
    pub fn count(labels: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut table = Self::default();
        for pair in labels {
            match pair {
                (true, true) => table.true_pass += 1,
                (true, false) => table.false_fail += 1,
                (false, true) => table.false_pass += 1,
                (false, false) => table.true_fail += 1,
            }
        }
        table
    }

    /// Rows that people passed.
    pub fn passes(&self) -> u64 {
        self.true_pass + self.false_fail
    }

    /// Rows that people failed.
    pub fn fails(&self) -> u64 {
        self.false_pass + self.true_fail
    }

    /// True when prediction-powered estimates may decide: ≥ 30 labels with ≥ 15 passes and ≥ 15 fails by people. With
    /// fewer fails their intervals cover too little; use [`lang_reiczigel`] or the labels alone.
    pub fn suffices_for_ppi(&self) -> bool {
        self.passes() + self.fails() >= 30 && self.passes() >= 15 && self.fails() >= 15
    }
}

/// How often the grader agrees with people, on what they passed and on what they failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Sensitivity: P(grader passes | people pass).
    pub se: Share,
    /// Specificity: P(grader fails | people fail).
    pub sp: Share,
}

impl Accuracy {
    /// Returns Se + Sp − 1 in [−1, 1] (Youden 1950); none where either has no rows.
    pub fn youden(&self) -> Option<f64> {
        Some(self.se.point? + self.sp.point? - 1.0)
    }

    /// Returns lower(Se) + lower(Sp) − 1, the number that fitness is judged by; −1 without any label.
    pub fn youden_lower(&self) -> f64 {
        self.se.lower + self.sp.lower - 1.0
    }
}

/// Returns sensitivity and specificity with Clopper–Pearson bounds at one-sided level alpha each.
pub fn accuracy(table: &Confusion, alpha: f64) -> Accuracy {
    Accuracy {
        se: share(table.true_pass, table.passes(), alpha),
        sp: share(table.true_fail, table.fails(), alpha),
    }
}

/// Sensitivity and specificity of weighted or clustered labels.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedAccuracy {
    /// P(grader passes | people pass), Hajek-weighted, with Korn–Graubard bounds.
    pub se: Result<Bounds, Undefined>,
    /// P(grader fails | people fail), the same way.
    pub sp: Result<Bounds, Undefined>,
}

/// Returns sensitivity and specificity of labels drawn with unequal probabilities (weight = 1/probability) or in
/// clusters. All slices have one entry per label; no weights means all alike.
///
/// Each side is `Empty`, `OutOfRange` for slices of different lengths, or what [`pass_rate`] says, where it cannot be given.
pub fn weighted_accuracy(
    people: &[bool],
    grader: &[bool],
    clusters: &[u32],
    weights: Option<&[f64]>,
    alpha: f64,
) -> WeightedAccuracy {
    let count = people.len();
    let even = grader.len() == count
        && clusters.len() == count
        && weights.is_none_or(|weights| weights.len() == count);
    let side = |of: bool| {
        if !even {
            return Err(Undefined::OutOfRange);
        }
        let kept: Vec<usize> = (0..people.len()).filter(|&row| people[row] == of).collect();
        let value: Vec<f64> = kept
            .iter()
            .map(|&row| f64::from(u8::from(grader[row] == of)))
            .collect();
        let cluster: Vec<u32> = kept.iter().map(|&row| clusters[row]).collect();
        let weight: Option<Vec<f64>> =
            weights.map(|weights| kept.iter().map(|&row| weights[row]).collect());
        pass_rate(
            &Rows {
                value: &value,
                cluster: &cluster,
                weight: weight.as_deref(),
            },
            alpha,
        )
    };
    WeightedAccuracy {
        se: side(true),
        sp: side(false),
    }
}

/// A pass rate corrected for the grader's errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoganGladen {
    /// (a + Sp − 1)/(Se + Sp − 1), which may leave [0, 1] by chance.
    pub raw: f64,
    /// The same, clipped to [0, 1].
    pub estimate: f64,
    /// Delta-method variance of `raw`.
    pub variance: f64,
}

/// Returns the corrected pass rate when the grader passes `apparent` of `n` rows (Rogan & Gladen 1978).
///
/// # Errors
/// `Empty` when n = 0 or people passed none or failed none, `Uninformative` when Se + Sp ≤ 1, `OutOfRange` when
/// apparent > n.
///
/// ```
/// use gatewright_stats::judge::{Confusion, rogan_gladen};
/// let table = Confusion { true_pass: 90, false_fail: 10, false_pass: 5, true_fail: 45 };
/// assert!((rogan_gladen(&table, 800, 1000).unwrap().estimate - 0.875).abs() < 1e-12);
/// ```
pub fn rogan_gladen(table: &Confusion, apparent: u64, n: u64) -> Result<RoganGladen, Undefined> {
    if n == 0 || table.passes() == 0 || table.fails() == 0 {
        return Err(Undefined::Empty);
    }
    if apparent > n {
        return Err(Undefined::OutOfRange);
    }
    // In counts, so that Se + Sp = 1 is seen exactly.
    let (passes, fails) = (u128::from(table.passes()), u128::from(table.fails()));
    let right = u128::from(table.true_pass) * fails + u128::from(table.true_fail) * passes;
    if right <= passes * fails {
        return Err(Undefined::Uninformative);
    }
    let (n_se, n_sp) = (table.passes() as f64, table.fails() as f64);
    let (se, sp) = (table.true_pass as f64 / n_se, table.true_fail as f64 / n_sp);
    let a = apparent as f64 / n as f64;
    let youden = se + sp - 1.0;
    let raw = (a + sp - 1.0) / youden;
    let variance = (a * (1.0 - a) / n as f64
        + raw * raw * se * (1.0 - se) / n_se
        + (1.0 - raw) * (1.0 - raw) * sp * (1.0 - sp) / n_sp)
        / (youden * youden);
    Ok(RoganGladen {
        raw,
        estimate: raw.clamp(0.0, 1.0),
        variance,
    })
}

/// Returns bounds in [0, 1] of the corrected pass rate at one-sided level alpha each (Lang & Reiczigel 2014): the interval
/// for labels that come from another, earlier sample.
///
/// It can be computed without labels of one kind, but means little there: its shift grows with z², so that a smaller alpha
/// need not give a wider interval. Of a grader that [`unfit`] finds fit it is nested in alpha.
///
/// # Errors
/// `Empty` when n = 0, `OutOfRange` when apparent > n, `Uninformative` when the adjusted Se + Sp is not above 1.
pub fn lang_reiczigel(
    table: &Confusion,
    apparent: u64,
    n: u64,
    alpha: f64,
) -> Result<(f64, f64), Undefined> {
    let rate = |x: u64, n: u64| Rate {
        passes: x as f64,
        n: n as f64,
    };
    lang_reiczigel_of(
        rate(apparent, n),
        rate(table.true_pass, table.passes()),
        rate(table.true_fail, table.fails()),
        alpha,
    )
}

/// A rate as passes of n; both may be real, as effective counts of weighted or clustered rows are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// 0 ≤ passes ≤ n.
    pub passes: f64,
    /// Rows, or the effective number of them.
    pub n: f64,
}

impl From<&Bounds> for Rate {
    /// The point at the effective number of rows.
    fn from(bounds: &Bounds) -> Self {
        Self {
            passes: bounds.point.clamp(0.0, 1.0) * bounds.n_eff,
            n: bounds.n_eff,
        }
    }
}

/// Returns the bounds of [`lang_reiczigel`] from the grader's pass rate, its sensitivity and its specificity.
///
/// # Errors
/// `Empty` when no row was graded, `OutOfRange` unless 0 ≤ passes ≤ n, `Uninformative` as there.
pub fn lang_reiczigel_of(
    apparent: Rate,
    se: Rate,
    sp: Rate,
    alpha: f64,
) -> Result<(f64, f64), Undefined> {
    let valid = |rate: Rate| rate.n.is_finite() && (0.0..=rate.n + 1e-9).contains(&rate.passes);
    if !(valid(apparent) && valid(se) && valid(sp)) {
        return Err(Undefined::OutOfRange);
    }
    if apparent.n == 0.0 {
        return Err(Undefined::Empty);
    }
    let z = -norm_ppf(alpha);
    let (n_a, n_se, n_sp) = (apparent.n + z * z, se.n + 2.0, sp.n + 2.0);
    let a = (apparent.passes + z * z / 2.0) / n_a;
    let (se, sp) = ((se.passes + 1.0) / n_se, (sp.passes + 1.0) / n_sp);
    let youden = se + sp - 1.0;
    // Exactly 0 for a grader that tosses a coin, but for rounding.
    if youden <= 1e-12 {
        return Err(Undefined::Uninformative);
    }
    let p = (a + sp - 1.0) / youden;
    let (v_se, v_sp) = (se * (1.0 - se) / n_se, sp * (1.0 - sp) / n_sp);
    let variance =
        (a * (1.0 - a) / n_a + p * p * v_se + (1.0 - p) * (1.0 - p) * v_sp) / (youden * youden);
    let shift = 2.0 * z * z * (p * v_se - (1.0 - p) * v_sp);
    let half = z * sqrt(variance);
    Ok((
        (p + shift - half).clamp(0.0, 1.0),
        (p + shift + half).clamp(0.0, 1.0),
    ))
}

/// Returns bounds in [−1, 1] of a difference of true pass rates, from bounds of the difference that the grader saw.
///
/// With the same Se and Sp on both systems the true difference is the seen one divided by Se + Sp − 1. Bounds of the three
/// rates at levels that add up to alpha on each side give bounds at level alpha (Bonferroni), so this is conservative.
///
/// # Errors
/// `Uninformative` when Se + Sp may be 1 or less, `OutOfRange` for bounds out of order or not finite.
///
/// ```
/// use gatewright_stats::judge::{Accuracy, corrected_difference};
/// use gatewright_stats::proportion::share;
/// let accuracy = Accuracy { se: share(95, 100, 0.0125), sp: share(90, 100, 0.0125) };
/// let (lower, upper) = corrected_difference((-0.04, 0.02), &accuracy).unwrap();
/// assert!(lower < -0.04 / 0.85 && upper > 0.02 / 0.85);
/// ```
pub fn corrected_difference(
    seen: (f64, f64),
    accuracy: &Accuracy,
) -> Result<(f64, f64), Undefined> {
    if !(seen.0.is_finite() && seen.1.is_finite() && seen.0 <= seen.1) {
        return Err(Undefined::OutOfRange);
    }
    let least = accuracy.youden_lower();
    let most = (accuracy.se.upper + accuracy.sp.upper - 1.0).min(1.0);
    if least <= 1e-12 {
        return Err(Undefined::Uninformative);
    }
    let lower = seen.0 / if seen.0 < 0.0 { least } else { most };
    let upper = seen.1 / if seen.1 > 0.0 { least } else { most };
    Ok((lower.clamp(-1.0, 1.0), upper.clamp(-1.0, 1.0)))
}

/// How the grader's error rates differ between two systems: differential error fakes a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Differential {
    /// Sensitivity of the first less that of the second, in [−1, 1]; none where either has no rows.
    pub se_gap: Option<f64>,
    /// Its two-sided p-value.
    pub se_p: Option<f64>,
    /// Specificity of the first less that of the second.
    pub sp_gap: Option<f64>,
    /// Its two-sided p-value.
    pub sp_p: Option<f64>,
}

impl Differential {
    /// True when a gap is above 5 points, or its p-value below 5 %.
    pub fn differs(&self) -> bool {
        let wide = |gap: Option<f64>| gap.is_some_and(|gap| gap.abs() > 0.05 + 1e-12);
        let clear = |p: Option<f64>| p.is_some_and(|p| p < 0.05);
        wide(self.se_gap) || wide(self.sp_gap) || clear(self.se_p) || clear(self.sp_p)
    }
}

/// Compares the grader's error rates on two systems.
pub fn differential(first: &Confusion, second: &Confusion) -> Differential {
    let compare = |x1: u64, n1: u64, x2: u64, n2: u64| {
        (n1 > 0 && n2 > 0).then(|| {
            let gap = x1 as f64 / n1 as f64 - x2 as f64 / n2 as f64;
            (gap, two_proportions(x1, n1, x2, n2))
        })
    };
    let se = compare(
        first.true_pass,
        first.passes(),
        second.true_pass,
        second.passes(),
    );
    let sp = compare(
        first.true_fail,
        first.fails(),
        second.true_fail,
        second.fails(),
    );
    Differential {
        se_gap: se.map(|se| se.0),
        se_p: se.map(|se| se.1),
        sp_gap: sp.map(|sp| sp.0),
        sp_p: sp.map(|sp| sp.1),
    }
}

/// Returns the two-sided p-value of equal proportions of independent groups, both n ≥ 1 (pooled z; Pearson 1900).
///
/// A fitness check wants to see a difference: the exact test would be the gentler one here.
pub fn two_proportions(x1: u64, n1: u64, x2: u64, n2: u64) -> f64 {
    let (n1, n2) = (n1 as f64, n2 as f64);
    let (x1, x2) = (x1 as f64, x2 as f64);
    let pooled = (x1 + x2) / (n1 + n2);
    let spread = pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2);
    if spread <= 0.0 {
        return 1.0;
    }
    (2.0 * norm_sf((x1 / n1 - x2 / n2).abs() / sqrt(spread))).min(1.0)
}

/// What a grader's fitness to gate is judged by. What is not known is left out, and is then no reason against it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Error rates over all labelled rows, at the level of the rule.
    pub accuracy: Accuracy,
    /// True for rules of critical severity: the grader must be better.
    pub critical: bool,
    /// The corrected interval and the one from people's labels alone.
    pub intervals: Option<[(f64, f64); 2]>,
    /// The comparison of both systems.
    pub differential: Option<Differential>,
    /// Verdicts that changed when the grader was asked twice, and how many were asked twice.
    pub retest: Option<(u64, u64)>,
}

/// Why a grader is unfit to gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unfit {
    /// lower(Se) + lower(Sp) − 1 is below what is needed (.5; .7 for critical rules).
    Inaccurate {
        /// What it is.
        youden_lower: f64,
        /// What is needed.
        needs: f64,
    },
    /// The corrected interval is not narrower than the one from people's labels: gate on the labels alone.
    AddsNothing {
        /// Width of the corrected interval.
        corrected: f64,
        /// Width of the interval from labels.
        labels_only: f64,
    },
    /// The grader errs differently on the two systems.
    Differs(Differential),
    /// More than 5 % of verdicts change when the grader is asked again.
    Unsteady {
        /// Share of changed verdicts.
        flip_rate: f64,
    },
}

/// Returns every reason in the numbers why the grader may not gate; none means fit. A changed hash, and a grader of the
/// candidate's own family, are the caller's to see.
pub fn unfit(evidence: &Evidence) -> Vec<Unfit> {
    let mut reasons = Vec::new();
    let needs = if evidence.critical { 0.7 } else { 0.5 };
    let youden_lower = evidence.accuracy.youden_lower();
    if youden_lower < needs {
        reasons.push(Unfit::Inaccurate {
            youden_lower,
            needs,
        });
    }
    if let Some([corrected, labels]) = evidence.intervals {
        let (corrected, labels_only) = (corrected.1 - corrected.0, labels.1 - labels.0);
        // Written so that a width that is no number adds nothing either.
        if corrected.partial_cmp(&labels_only) != Some(Ordering::Less) {
            reasons.push(Unfit::AddsNothing {
                corrected,
                labels_only,
            });
        }
    }
    if let Some(found) = evidence.differential.filter(Differential::differs) {
        reasons.push(Unfit::Differs(found));
    }
    if let Some((flips, asked)) = evidence.retest
        // In counts: more than one in twenty.
        && flips > 0
        && u128::from(flips) * 20 > u128::from(asked)
    {
        reasons.push(Unfit::Unsteady {
            flip_rate: flips as f64 / asked.max(1) as f64,
        });
    }
    reasons
}
