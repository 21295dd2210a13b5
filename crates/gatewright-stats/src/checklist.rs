//! Behavioural tests (Ribeiro et al. 2020; statistics.md §10): expectations, invariance and direction under changes.
//!
//! A case is a base input with its perturbations, and is one cluster. What does not apply leaves numerator and denominator;
//! no case left means no rate. Rates of written cases bound behaviour there, not the frequency on traffic.

use crate::choose::{Rows, paired_difference, pass_rate};
use crate::estimate::{Bounds, Undefined};
use crate::paired::{Mcnemar, mcnemar};
use crate::proportion::{Share, share};

/// Keeps equal scores equal in spite of rounding.
const SLACK: f64 = 1e-12;

/// Scores of a base input and of its perturbations; none where not applicable.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Score of the base.
    pub base: Option<f64>,
    /// Scores of its perturbations.
    pub perturbed: Vec<Option<f64>>,
}

impl Case {
    /// Base and applicable perturbations; none where there is no base, or nothing to compare it with.
    fn applicable(&self) -> Option<(f64, impl Iterator<Item = f64> + '_)> {
        let base = self.base?;
        self.perturbed
            .iter()
            .any(Option::is_some)
            .then(|| (base, self.perturbed.iter().filter_map(|score| *score)))
    }
}

/// What a perturbation may not do to the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Raise it.
    NotIncrease,
    /// Lower it.
    NotDecrease,
}

/// Says whether a case is invariant: no perturbation changes the label (pass from `threshold` on) or moves the score by
/// more than `tolerance` (≥ 0, in units of the score). None where no perturbation applies.
pub fn invariant(case: &Case, tolerance: f64, threshold: f64) -> Option<bool> {
    let (base, mut scores) = case.applicable()?;
    Some(scores.all(|score| {
        (score >= threshold) == (base >= threshold) && (score - base).abs() <= tolerance + SLACK
    }))
}

/// Says whether every perturbation keeps the direction within `tolerance` (≥ 0). None where no perturbation applies.
pub fn directional(case: &Case, direction: Direction, tolerance: f64) -> Option<bool> {
    let (base, mut scores) = case.applicable()?;
    Some(scores.all(|score| {
        let wrong = match direction {
            Direction::NotIncrease => score - base,
            Direction::NotDecrease => base - score,
        };
        wrong <= tolerance + SLACK
    }))
}

/// Failures among applicable cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureRate {
    /// Applicable cases.
    pub cases: u64,
    /// Those that failed.
    pub failures: u64,
    /// Their share with Clopper–Pearson bounds; no point without cases.
    pub rate: Share,
}

/// Counts verdicts (passed, failed, not applicable), with bounds at one-sided level alpha each.
///
/// ```
/// let verdicts = [Some(true), Some(false), None, Some(true), Some(true)];
/// let found = gatewright_stats::checklist::failure_rate(&verdicts, 0.025);
/// assert_eq!((found.cases, found.failures, found.rate.point), (4, 1, Some(0.25)));
/// ```
pub fn failure_rate(verdicts: &[Option<bool>], alpha: f64) -> FailureRate {
    let cases = verdicts.iter().flatten().count() as u64;
    let failures = verdicts.iter().flatten().filter(|passed| !**passed).count() as u64;
    FailureRate {
        cases,
        failures,
        rate: share(failures, cases, alpha),
    }
}

/// Returns bounds of the failure rate when cases were made from templates: a template is the cluster (Korn–Graubard).
///
/// # Errors
/// `Empty` where no case applies, `OutOfRange` for lists of different lengths, and what [`pass_rate`] refuses.
pub fn failure_rate_by_template(
    verdicts: &[Option<bool>],
    template: &[u32],
    alpha: f64,
) -> Result<Bounds, Undefined> {
    if verdicts.len() != template.len() {
        return Err(Undefined::OutOfRange);
    }
    let (value, cluster): (Vec<f64>, Vec<u32>) = verdicts
        .iter()
        .zip(template)
        .filter_map(|(passed, template)| Some((f64::from(u8::from(!(*passed)?)), *template)))
        .unzip();
    pass_rate(
        &Rows {
            value: &value,
            cluster: &cluster,
            weight: None,
        },
        alpha,
    )
}

/// Two systems on the same cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Cases that apply to both.
    pub cases: u64,
    /// Cases that only the first passes.
    pub first_only: u64,
    /// Cases that only the second passes.
    pub second_only: u64,
    /// Difference of pass rates, first less second, in [−1, 1].
    pub difference: Result<Bounds, Undefined>,
    /// McNemar's tests of no difference.
    pub mcnemar: Mcnemar,
}

/// Compares two systems pairwise on the cases that apply to both: Tango's bounds at one-sided level alpha each, or their
/// clustered forms when `template` gives the cluster of each case.
///
/// # Errors
/// `OutOfRange` for lists of different lengths.
pub fn compare(
    first: &[Option<bool>],
    second: &[Option<bool>],
    template: Option<&[u32]>,
    alpha: f64,
) -> Result<Comparison, Undefined> {
    let count = first.len();
    if second.len() != count || template.is_some_and(|template| template.len() != count) {
        return Err(Undefined::OutOfRange);
    }
    let (mut value, mut cluster) = (Vec::new(), Vec::new());
    let mut only = [0_u64; 2];
    for case in 0..count {
        if let (Some(a), Some(b)) = (first[case], second[case]) {
            value.push(f64::from(u8::from(a)) - f64::from(u8::from(b)));
            cluster.push(template.map_or(case as u32, |template| template[case]));
            only[0] += u64::from(a && !b);
            only[1] += u64::from(b && !a);
        }
    }
    Ok(Comparison {
        cases: value.len() as u64,
        first_only: only[0],
        second_only: only[1],
        difference: paired_difference(
            &Rows {
                value: &value,
                cluster: &cluster,
                weight: None,
            },
            alpha,
        ),
        mcnemar: mcnemar(only[0], only[1]),
    })
}

/// Changes of label under perturbation, each way: invariance counts change, right to wrong and wrong to right alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flips {
    /// Perturbations compared with their base.
    pub compared: u64,
    /// From pass to fail.
    pub to_fail: u64,
    /// From fail to pass.
    pub to_pass: u64,
    /// Cases with a change to fail.
    pub cases_to_fail: u64,
    /// Cases with a change to pass.
    pub cases_to_pass: u64,
}

/// Counts changes of label both ways; a score passes from `threshold` on.
pub fn flips(cases: &[Case], threshold: f64) -> Flips {
    let mut found = Flips::default();
    for case in cases {
        let Some((base, scores)) = case.applicable() else {
            continue;
        };
        let passed = base >= threshold;
        let mut changed = 0;
        for score in scores {
            found.compared += 1;
            changed += u64::from((score >= threshold) != passed);
        }
        if passed {
            found.to_fail += changed;
            found.cases_to_fail += u64::from(changed > 0);
        } else {
            found.to_pass += changed;
            found.cases_to_pass += u64::from(changed > 0);
        }
    }
    found
}
