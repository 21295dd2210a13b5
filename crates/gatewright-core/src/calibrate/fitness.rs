//! Whether a judge may gate, by the rules of statistics.md §8, each reason with its numbers.

use gatewright_stats::choose::{Rows, pass_rate};
use gatewright_stats::judge::{
    self, Accuracy, Confusion, Differential, Rate, Unfit, accuracy, differential, lang_reiczigel_of,
};
use gatewright_stats::ppi::{self, Labelled, Tuning};
use gatewright_stats::proportion::{Share, clopper_pearson};

use super::reading::{Reading, reading};
use super::{Carried, Unit, is_chosen, is_scored};
use crate::digest::Digest;
use crate::manifest::{Criterion, Role};
use crate::reference::ReferenceSet;

/// What is known of a judge beside its verdicts and people's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The judge of now.
    pub judge: Digest,
    /// Its last calibration.
    pub carried: Option<&'a Carried>,
    /// Why its canaries forbid it to gate.
    pub forbidden: Option<&'a str>,
    /// Answers that people were to label and that nobody has labelled.
    pub open: u64,
    /// How many verdicts changed when the run asked again, and how many it asked again.
    pub retested: Option<(u64, u64)>,
}

/// What a judge's fitness rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its canaries of this run forbid it to gate.
    pub forbidden: bool,
    /// Answers that people were to label and that nobody has labelled.
    pub open: u64,
    /// The labels of the systems in question, together.
    pub reading: Reading,
    /// Error rates in use: this run's, or those of an earlier calibration of the same judge where that had more labels.
    pub accuracy: Accuracy,
    /// The labels behind `accuracy`.
    pub table: Confusion,
    /// True when an earlier calibration's labels are in use.
    pub from_earlier: bool,
    /// Candidate against the other system, where the rule compares two and both are labelled.
    pub differential: Option<Differential>,
    /// The labels of each of the two.
    pub arms: Option<[Confusion; 2]>,
    /// The corrected interval of the pass rate, and the one from people's labels alone; none where every unit is labelled.
    pub intervals: Option<[(f64, f64); 2]>,
    /// Whether the rule compares two systems.
    pub compares: bool,
    /// An earlier calibration was of another judge, and this run has no labels.
    pub changed: bool,
    /// Labels were chosen by hand and do not cover everything: they estimate nothing.
    pub by_hand: bool,
    /// The same, and no earlier calibration stands in for them.
    pub chosen: bool,
    /// The judge gives scores.
    pub scored: bool,
    /// One-sided level of its bounds.
    pub alpha: f64,
}

/// Whether a judge may gate.
#[derive(Clone, Debug, PartialEq)]
pub enum Fitness {
    /// It may, through a correction.
    Fit,
    /// It may not, and more labels will not change that.
    Unfit {
        /// Why.
        reasons: Vec<Reason>,
    },
    /// It may not yet: more labels would tell.
    Undecided {
        /// Why not yet.
        reasons: Vec<Reason>,
        /// How many more labels would show it fit if its rates stay as they are; none where that cannot be said.
        labels: Option<u64>,
    },
}

/// Why a judge may not gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// People labelled nothing of these systems.
    NoLabels,
    /// lower(Se) + lower(Sp) − 1 is below what is needed.
    Inaccurate {
        /// P(judge passes | people pass).
        se: Share,
        /// P(judge fails | people fail).
        sp: Share,
        /// The number that is compared.
        youden_lower: f64,
        /// What is needed: .5, or .7 for a critical rule.
        needs: f64,
    },
    /// The corrected interval is not narrower than the one from labels alone: the labels decide without it.
    AddsNothing {
        /// Width of the corrected interval.
        corrected: f64,
        /// Width of the interval from labels.
        labels_only: f64,
    },
    /// It errs differently on the two systems, which fakes a difference.
    Differs(Differential),
    /// Only one of the two systems has labels.
    OneArm,
    /// It contradicts itself.
    Unsteady {
        /// Answers with different verdicts.
        flips: u64,
        /// Answers that it was asked about more than once.
        asked: u64,
    },
    /// Its model, prompt or rubric is not the one that was calibrated.
    Changed,
    /// The labels were chosen by hand, so they say nothing about the others.
    Chosen,
    /// Answers that were drawn to be labelled are not: those that are may be the ones on which it is right.
    Open {
        /// How many.
        answers: u64,
    },
    /// It gives scores, and no score is a pass or a fail.
    Scores {
        /// Spearman's correlation with people's scores, and its n.
        ranks: Option<(f64, u64)>,
    },
    /// It passed canaries of this run, answered otherwise when asked again, or was shown none.
    Canaries,
    /// The rule's metric has no correction.
    Metric,
}

impl Fitness {
    /// Returns the reasons, none when it is fit.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Fitness::Fit => &[],
            Fitness::Unfit { reasons } | Fitness::Undecided { reasons, .. } => reasons,
        }
    }

    /// Says whether people's labels may decide where the judge may not: it adds nothing, and nothing else is wrong.
    pub fn is_only_idle(&self) -> bool {
        let idle = |reason: &Reason| matches!(reason, Reason::AddsNothing { .. });
        !self.reasons().is_empty() && self.reasons().iter().all(idle)
    }

    /// Returns `fit`, `unfit` or `undecided`.
    pub fn word(&self) -> &'static str {
        match self {
            Fitness::Fit => "fit",
            Fitness::Unfit { .. } => "unfit",
            Fitness::Undecided { .. } => "undecided",
        }
    }
}

impl Evidence {
    /// Gathers what the labels of these systems say, at a rule's level.
    pub fn of(
        reference: &ReferenceSet,
        criterion: &Criterion,
        units: &[&Unit],
        roles: &[Role],
        known: Known<'_>,
        alpha: f64,
    ) -> Self {
        let Known {
            judge,
            carried,
            forbidden,
            open,
            retested: _,
        } = known;
        let reading = reading(reference, units, false, alpha);
        let chosen = is_chosen(criterion) && reading.labelled < reading.units;
        let own = if chosen { 0 } else { labels(&reading.table) };
        let same = carried.filter(|carried| carried.judge == judge);
        let earlier = same.filter(|carried| labels(&carried.table) > own);
        let compares = roles.len() == 2;
        let arms = (compares && !chosen).then(|| {
            let arm = |role| -> Vec<&Unit> {
                let kept = units.iter().copied();
                kept.filter(|unit| unit.role == role).collect()
            };
            [arm(roles[0]), arm(roles[1])].map(|arm| effective(reference, &arm, alpha))
        });
        Self {
            accuracy: earlier.map_or(reading.accuracy, |carried| accuracy(&carried.table, alpha)),
            table: earlier.map_or(reading.table, |carried| carried.table),
            from_earlier: earlier.is_some(),
            differential: arms
                .filter(|arms| arms.iter().all(|arm| labels(arm) > 0))
                .map(|[first, second]| differential(&first, &second)),
            arms,
            intervals: if chosen {
                None
            } else {
                intervals(reference, units, &reading, alpha)
            },
            compares,
            changed: own == 0 && carried.is_some() && same.is_none(),
            forbidden: forbidden.is_some(),
            open,
            by_hand: chosen,
            chosen: chosen && earlier.is_none(),
            scored: is_scored(criterion),
            alpha,
            reading,
        }
    }
}

fn labels(table: &Confusion) -> u64 {
    table.passes() + table.fails()
}

/// The confusion of one arm, at the effective number of labels where they are weighted or clustered.
fn effective(reference: &ReferenceSet, units: &[&Unit], alpha: f64) -> Confusion {
    let found = reading(reference, units, false, alpha);
    if !found.weighted {
        return found.table;
    }
    let side = |share: Share| {
        let right = share.point.map_or(0.0, |point| point * share.n as f64);
        // Rounded to the nearest label.
        let right = ((right + 0.5) as u64).min(share.n);
        (right, share.n - right)
    };
    let (true_pass, false_fail) = side(found.accuracy.se);
    let (true_fail, false_pass) = side(found.accuracy.sp);
    Confusion {
        true_pass,
        false_fail,
        false_pass,
        true_fail,
    }
}

/// The corrected interval of the pass rate beside the one from labels alone; none without labels, and where all is labelled.
fn intervals(
    reference: &ReferenceSet,
    units: &[&Unit],
    reading: &Reading,
    alpha: f64,
) -> Option<[(f64, f64); 2]> {
    let number = |passed: bool| f64::from(u8::from(passed));
    let cluster = |unit: &Unit| reference.cluster[unit.example as usize];
    let (mut y, mut f, mut on, mut weight) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut all, mut on_all) = (Vec::new(), Vec::new());
    for unit in units {
        let Some(judged) = unit.judged().map(number) else {
            continue;
        };
        all.push(judged);
        on_all.push(cluster(unit));
        if let (Some(passed), Some(said)) = (unit.said(), &unit.beside.people) {
            y.push(number(passed));
            f.push(judged);
            on.push(cluster(unit));
            weight.push(1.0 / said.inclusion);
        }
    }
    if y.is_empty() || y.len() == all.len() {
        return None;
    }
    let weights = reading.weighted.then_some(weight.as_slice());
    let rows = |value, cluster, weight| Rows {
        value,
        cluster,
        weight,
    };
    let alone = pass_rate(&rows(&y, &on, weights), alpha).ok()?;
    let corrected = if reading.table.suffices_for_ppi() {
        let labelled = Labelled {
            y: &y,
            f: &f,
            cluster: &on,
            weight: weights,
        };
        // Over all rows, as a rule does it.
        let graded = rows(&all, &on_all, None);
        let found = ppi::ppi_clustered(&labelled, &graded, Tuning::Power).ok()?;
        let bounds = found.bounds(alpha).ok()?;
        (bounds.lower.max(0.0), bounds.upper.min(1.0))
    } else {
        let apparent = pass_rate(&rows(&all, &on_all, None), alpha).ok()?;
        let (se, sp) = (rate(reading.accuracy.se), rate(reading.accuracy.sp));
        lang_reiczigel_of(Rate::from(&apparent), se, sp, alpha).unwrap_or((0.0, 1.0))
    };
    Some([corrected, (alone.lower, alone.upper)])
}

/// A share as passes of n.
pub(crate) fn rate(share: Share) -> Rate {
    Rate {
        passes: share.point.unwrap_or(0.0) * share.n as f64,
        n: share.n as f64,
    }
}

/// Judges the judge. A critical rule asks for more.
pub fn fitness(evidence: &Evidence, critical: bool) -> Fitness {
    let unfit = |reason| Fitness::Unfit {
        reasons: vec![reason],
    };
    if evidence.forbidden {
        return unfit(Reason::Canaries);
    }
    if evidence.scored {
        return unfit(Reason::Scores {
            ranks: evidence.reading.ranks,
        });
    }
    if evidence.changed {
        return Fitness::Undecided {
            reasons: vec![Reason::Changed],
            labels: None,
        };
    }
    if labels(&evidence.table) == 0 {
        return Fitness::Undecided {
            reasons: vec![Reason::NoLabels],
            labels: first_labels(evidence.alpha, critical),
        };
    }
    let found = judge::unfit(&judge::Evidence {
        accuracy: evidence.accuracy,
        critical,
        intervals: evidence.intervals,
        differential: evidence.differential,
        retest: Some(evidence.reading.retest).filter(|(_, asked)| *asked > 0),
    });
    let mut reasons: Vec<Reason> = found
        .into_iter()
        .map(|reason| named(reason, evidence))
        .collect();
    if evidence.compares && evidence.differential.is_none() && !evidence.chosen {
        reasons.push(Reason::OneArm);
    }
    if evidence.chosen {
        reasons.push(Reason::Chosen);
    }
    // Labels of an earlier calibration are whole.
    if evidence.open > 0 && !evidence.from_earlier {
        reasons.push(Reason::Open {
            answers: evidence.open,
        });
    }
    if reasons.is_empty() {
        return Fitness::Fit;
    }
    if reasons.iter().all(|reason| is_curable(reason, evidence)) {
        let more = reasons.iter().map(|reason| more_labels(reason, evidence));
        // The hardest of them decides; one without a number leaves it open.
        let labels = more.collect::<Option<Vec<u64>>>();
        let labels = labels.and_then(|each| each.into_iter().max());
        return Fitness::Undecided { reasons, labels };
    }
    Fitness::Unfit { reasons }
}

fn named(reason: Unfit, evidence: &Evidence) -> Reason {
    match reason {
        Unfit::Inaccurate {
            youden_lower,
            needs,
        } => Reason::Inaccurate {
            se: evidence.accuracy.se,
            sp: evidence.accuracy.sp,
            youden_lower,
            needs,
        },
        Unfit::AddsNothing {
            corrected,
            labels_only,
        } => Reason::AddsNothing {
            corrected,
            labels_only,
        },
        Unfit::Differs(found) => Reason::Differs(found),
        Unfit::Unsteady { .. } => Reason::Unsteady {
            flips: evidence.reading.retest.0,
            asked: evidence.reading.retest.1,
        },
    }
}

/// More labels could still show that there is nothing in it.
fn is_curable(reason: &Reason, evidence: &Evidence) -> bool {
    match reason {
        Reason::NoLabels
        | Reason::OneArm
        | Reason::Chosen
        | Reason::Changed
        | Reason::Open { .. } => true,
        Reason::Inaccurate { se, sp, needs, .. } => se.upper + sp.upper - 1.0 >= *needs,
        Reason::Differs(found) => {
            let clear = |p: Option<f64>| p.is_some_and(|p| p < 0.05);
            !clear(found.se_p) && !clear(found.sp_p) && unlabelled(evidence) > 0
        }
        Reason::AddsNothing { .. }
        | Reason::Unsteady { .. }
        | Reason::Scores { .. }
        | Reason::Canaries
        | Reason::Metric => false,
    }
}

fn unlabelled(evidence: &Evidence) -> u64 {
    let reading = &evidence.reading;
    reading.units.saturating_sub(reading.labelled)
}

fn more_labels(reason: &Reason, evidence: &Evidence) -> Option<u64> {
    match reason {
        Reason::Inaccurate { needs, .. } => needed(evidence, *needs),
        Reason::OneArm => Some(30),
        Reason::Open { answers } => Some(*answers),
        // A gap of 5 points is told from none when its standard error is 2.5 points.
        Reason::Differs(_) => {
            let arms = evidence.arms?;
            let per_arm = |right: [u64; 2], n: [u64; 2]| {
                let pooled = (right[0] + right[1]) as f64 / (n[0] + n[1]).max(1) as f64;
                let wanted = 2.0 * pooled * (1.0 - pooled) / (0.025 * 0.025);
                wanted / (n[0].min(n[1]).max(1)) as f64
            };
            let [a, b] = arms;
            let times = per_arm([a.true_pass, b.true_pass], [a.passes(), b.passes()])
                .max(per_arm([a.true_fail, b.true_fail], [a.fails(), b.fails()]));
            let now = labels(&a) + labels(&b);
            Some(((times * now as f64) as u64 + 1).saturating_sub(now).max(1))
        }
        _ => None,
    }
}

/// Labels that would show a judge fit of which nothing is known, as if it were right on 95 of 100 that pass and on 90 of 100
/// that fail, where one of five fails. A critical rule asks for more.
pub(super) fn first_labels(alpha: f64, critical: bool) -> Option<u64> {
    let needs = if critical { 0.7 } else { 0.5 };
    enough_labels(0, (0.95, 0.9, 0.8), alpha, needs)
}

/// Labels that would show the judge fit if its rates stay as they are.
fn needed(evidence: &Evidence, needs: f64) -> Option<u64> {
    let table = &evidence.table;
    let now = labels(table);
    let (se, sp) = (evidence.accuracy.se.point?, evidence.accuracy.sp.point?);
    let passing = table.passes() as f64 / now as f64;
    enough_labels(now, (se, sp, passing), evidence.alpha, needs)
}

/// Labels beyond those of now with which the lower bounds of both rates add up to what is needed, at a one-sided level, the
/// rates and the share of passes staying as they are.
fn enough_labels(
    now: u64,
    (se, sp, passing): (f64, f64, f64),
    alpha: f64,
    needs: f64,
) -> Option<u64> {
    let enough = |n: u64| {
        let (passes, fails) = (n as f64 * passing, n as f64 * (1.0 - passing));
        let lower = |rate: f64, n: f64| clopper_pearson(rate * n, n, alpha).0;
        lower(se, passes) + lower(sp, fails) - 1.0 >= needs
    };
    let (mut low, mut high) = (now, now.max(16));
    while !enough(high) {
        if high > 1 << 16 {
            return None;
        }
        low = high;
        high *= 2;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high.saturating_sub(now).max(1))
}

/// Says a reason in plain words.
pub fn reason_words(reason: &Reason) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let points =
        |gap: Option<f64>| gap.map_or("?".to_owned(), |gap| format!("{:+.0} pts", 100.0 * gap));
    match reason {
        Reason::NoLabels => "people labelled none of these answers".to_owned(),
        Reason::Inaccurate {
            se,
            sp,
            youden_lower,
            needs,
        } => {
            let side = |name: &str, share: &Share| match share.point {
                Some(point) => format!(
                    "{name} {} (at least {})",
                    percent(point),
                    percent(share.lower)
                ),
                None => format!("{name} unknown"),
            };
            format!(
                "it is not accurate enough: {}, {}; together {youden_lower:.2}, {needs} is needed",
                side("passes what people pass", se),
                side("fails what people fail", sp)
            )
        }
        Reason::AddsNothing {
            corrected,
            labels_only,
        } => format!(
            "it adds nothing to people's labels: interval {:.1} pts wide with it, {:.1} without",
            100.0 * corrected,
            100.0 * labels_only
        ),
        Reason::Differs(found) => format!(
            "it errs differently on the two systems: on what people pass {}, on what they fail {}",
            points(found.se_gap),
            points(found.sp_gap)
        ),
        Reason::OneArm => "only one of the two systems has labels".to_owned(),
        Reason::Unsteady { flips, asked } => {
            format!("asked again it changes its mind on {flips} of {asked} answers")
        }
        Reason::Changed => {
            "its model, prompt or rubric is not the one that was calibrated".to_owned()
        }
        Reason::Chosen => {
            "the labelled answers were chosen by hand and say nothing about the others".to_owned()
        }
        Reason::Open { answers } => format!(
            "{answers} answer{} that people were to label {} no label yet",
            if *answers == 1 { "" } else { "s" },
            if *answers == 1 { "has" } else { "have" }
        ),
        Reason::Canaries => {
            "what it said in this run of canaries, and when asked again, and by which model, does not let it gate (the notes on judges say how)"
                .to_owned()
        }
        Reason::Scores { ranks } => match ranks {
            Some((rho, n)) => format!(
                "it gives scores, not verdicts (they rank {n} answers like people's by {rho:.3})"
            ),
            None => "it gives scores, not verdicts".to_owned(),
        },
        Reason::Metric => "this metric cannot be corrected for a judge's errors".to_owned(),
    }
}
