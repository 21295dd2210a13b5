//! Requires: claims about traffic, by one-sided bounds against a limit (design.md §6, statistics.md §1–§3, §7).
//!
//! Rows are kept twice: *worst* (missing outcomes of the candidate fail, of the other system pass) carries `holds`;
//! *observed* carries `violated`. So removing an outcome can never produce `holds`.

use gatewright_stats::choose::{self, Rows};
use gatewright_stats::estimate::{Bounds, Undefined};
use gatewright_stats::{power, repeats};

use crate::analyse::scores::{Scores, Shape, Tally};
use crate::analyse::slice::Members;
use crate::analyse::weight::{Weights, weights};
use crate::analyse::{Measured, Standing, Undecided};
use crate::manifest::{Compare, Grader, Manifest, Metric, Role, Rule, Subject};
use crate::plan::Plan;
use crate::reference::ReferenceSet;

/// Everything an evaluation looks at.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) reference: &'a ReferenceSet,
    pub(crate) plan: &'a Plan,
    pub(crate) scores: &'a Scores,
    /// Whether p-values are wanted: only a narrow compares them, over the values of a route.
    pub(crate) p_values: bool,
}

/// Rows of one statistic: value, cluster, weight; for ratios also the denominator.
#[derive(Default)]
struct Column {
    value: Vec<f64>,
    denominator: Vec<f64>,
    cluster: Vec<u32>,
    weight: Option<Vec<f64>>,
}

impl Column {
    fn rows(&self) -> Rows<'_> {
        Rows {
            value: &self.value,
            cluster: &self.cluster,
            weight: self.weight.as_deref(),
        }
    }

    fn push(&mut self, value: f64, cluster: u32, weight: Option<f64>) {
        self.value.push(value);
        self.cluster.push(cluster);
        if let (Some(weights), Some(weight)) = (&mut self.weight, weight) {
            weights.push(weight);
        }
    }
}

/// Worst-case and observed rows of a rule in a slice.
struct Table {
    worst: Column,
    observed: Column,
    planned: u64,
    missing: u64,
    lost: Vec<(f64, u32)>,
    gained: u64,
    net_loss: f64,
    sums: (f64, f64),
}

/// What kind of statistic the rows carry.
#[derive(Clone, Copy, PartialEq)]
enum Statistic {
    Share,
    Difference,
    Mean,
    Quantile(f64),
    Ratio,
}

/// Evaluates a require (or a watch with a comparison) in one slice.
pub(crate) fn evaluate(
    inputs: Inputs<'_>,
    rule: &Rule,
    members: &Members,
) -> (Measured, Standing, Vec<u32>) {
    let weights = weights(inputs.manifest, inputs.reference, members);
    let smaller = smaller_is_better(inputs.manifest, rule);
    let (table, statistic) = tabulate(inputs, rule, members, &weights, smaller);
    let limit = limit(rule, smaller);
    let mut measured = Measured {
        planned: table.planned,
        n: table.observed.value.len() as u64,
        n_eff: table.observed.value.len() as f64,
        limit: Some(limit),
        smaller_is_better: smaller,
        missing: table.missing,
        lost: table.lost.len() as u64,
        gained: table.gained,
        net_loss: table.net_loss,
        ..Measured::default()
    };
    let n = measured.n.max(1) as f64;
    if measured.n > 0 {
        measured.value = Some(table.sums.0 / n);
        measured.other = compared_with(rule).map(|_| table.sums.1 / n);
    }
    let mut lost = table.lost.clone();
    lost.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let examples: Vec<u32> = lost.into_iter().map(|(_, example)| example).collect();
    let standing = judge(
        (rule, inputs.p_values),
        statistic,
        &table,
        &weights,
        limit,
        smaller,
        &mut measured,
    );
    (measured, standing, examples)
}

/// The verdict from bounds at the rule's levels (statistics.md §3).
fn judge(
    (rule, p_values): (&Rule, bool),
    statistic: Statistic,
    table: &Table,
    weights: &Weights,
    limit: f64,
    smaller: bool,
    measured: &mut Measured,
) -> Standing {
    if table.planned == 0 {
        return Standing::Undecided(Undecided::Empty);
    }
    let holds_bounds = bounds(statistic, &table.worst, rule.alpha_holds);
    let violated_bounds = bounds(statistic, &table.observed, rule.alpha_violated);
    if let Ok(found) = &violated_bounds {
        measured.clusters = found.clusters;
        measured.n_eff = found.n_eff;
        if statistic != Statistic::Difference {
            measured.value = Some(found.point);
        }
        let beyond = if smaller {
            found.lower > limit
        } else {
            found.upper < limit
        };
        measured.for_violated = Some(found.clone());
        if beyond {
            measured.for_holds = holds_bounds.ok();
            return Standing::Violated;
        }
    }
    let largest = table.worst.weight.as_ref().map_or(0.0, |weights| {
        weights.iter().copied().fold(0.0, f64::max) / weights.iter().sum::<f64>()
    });
    let undecided = |reason| Standing::Undecided(reason);
    let found = match holds_bounds {
        Ok(found) => found,
        Err(_) if table.missing > 0 => {
            return undecided(Undecided::Missing {
                units: table.missing,
            });
        }
        Err(Undefined::Empty) => return undecided(Undecided::Empty),
        Err(Undefined::TooFewClusters { clusters }) => {
            return undecided(Undecided::TooFewSources { clusters });
        }
        Err(Undefined::FewDegreesOfFreedom { shown, .. }) => {
            let clusters = shown.clusters;
            measured.for_holds = Some(*shown);
            return undecided(Undecided::TooFewSources { clusters });
        }
        Err(Undefined::TooFewForQuantile { needs }) => {
            return undecided(Undecided::Unbounded { needs: Some(needs) });
        }
        Err(_) => return undecided(Undecided::Unbounded { needs: None }),
    };
    if p_values {
        measured.p_holds = p_holds(statistic, &table.worst, limit, smaller);
    }
    let covered = worst_over_uncovered(statistic, &found, weights.uncovered, smaller);
    let holds = if smaller {
        covered < limit
    } else {
        covered > limit
    };
    measured.for_holds = Some(found.clone());
    if holds && largest <= 0.1 {
        return Standing::Holds;
    }
    if table.missing > 0 {
        return undecided(Undecided::Missing {
            units: table.missing,
        });
    }
    if holds {
        return undecided(Undecided::DominantWeight { share: largest });
    }
    let would_hold = if smaller {
        found.upper < limit
    } else {
        found.lower > limit
    };
    if weights.uncovered > 0.0 && would_hold {
        return undecided(Undecided::CoverageGap {
            uncovered: weights.uncovered,
        });
    }
    undecided(Undecided::TooFew {
        more: more_examples(rule, statistic, table, &found, limit, smaller),
    })
}

fn bounds(statistic: Statistic, column: &Column, alpha: f64) -> Result<Bounds, Undefined> {
    match statistic {
        Statistic::Share => choose::pass_rate(&column.rows(), alpha),
        Statistic::Difference => choose::paired_difference(&column.rows(), alpha),
        Statistic::Mean => choose::mean(&column.rows(), alpha),
        Statistic::Quantile(p) => choose::quantile(&mut column.value.clone(), p, alpha, 1.0),
        Statistic::Ratio => {
            choose::ratio(&column.value, &column.denominator, &column.cluster, alpha)
        }
    }
}

fn p_holds(statistic: Statistic, column: &Column, limit: f64, smaller: bool) -> Option<f64> {
    match (statistic, smaller) {
        (Statistic::Share, false) => choose::p_above_pass_rate(&column.rows(), limit).ok(),
        (Statistic::Share, true) => choose::p_below_pass_rate(&column.rows(), limit).ok(),
        (Statistic::Difference, false) => choose::p_above_difference(&column.rows(), limit).ok(),
        (Statistic::Difference, true) => choose::p_below_difference(&column.rows(), limit).ok(),
        (Statistic::Mean, false) => choose::p_above_mean(&column.rows(), limit).ok(),
        (Statistic::Mean, true) => choose::p_below_mean(&column.rows(), limit).ok(),
        (Statistic::Quantile(_) | Statistic::Ratio, _) => None,
    }
}

/// The hold-side bound when traffic without examples is put at its worst.
fn worst_over_uncovered(
    statistic: Statistic,
    found: &Bounds,
    uncovered: f64,
    smaller: bool,
) -> f64 {
    let bound = if smaller { found.upper } else { found.lower };
    let worst = match (statistic, smaller) {
        (Statistic::Share, false) => 0.0,
        (Statistic::Difference, false) => -1.0,
        (Statistic::Share | Statistic::Difference, true) => 1.0,
        // A mean or quantile has no worst value: the page cannot claim it over traffic it has no example of.
        (_, true) if uncovered > 0.0 => f64::INFINITY,
        (_, false) if uncovered > 0.0 => f64::NEG_INFINITY,
        _ => 0.0,
    };
    if uncovered > 0.0 {
        (1.0 - uncovered) * bound + uncovered * worst
    } else {
        bound
    }
}

/// How many more examples would show it, if the disagreement stays as seen and nothing has changed.
fn more_examples(
    rule: &Rule,
    statistic: Statistic,
    table: &Table,
    found: &Bounds,
    limit: f64,
    smaller: bool,
) -> Option<u64> {
    let n = table.worst.value.len() as u64;
    let needed = match statistic {
        Statistic::Difference => {
            let discordance =
                table.worst.value.iter().map(|d| d * d).sum::<f64>() / n.max(1) as f64;
            let margin = if smaller { limit } else { -limit };
            if margin <= 0.0 {
                return None;
            }
            let deff = found.deff.unwrap_or(1.0).max(1.0);
            power::n_non_inferiority(
                discordance.max(0.01),
                0.0,
                margin,
                rule.alpha_holds,
                0.8,
                deff,
            )
            .ok()?
        }
        Statistic::Share if !smaller && found.point > limit => {
            power::n_for_floor(found.point, limit, rule.alpha_holds, 0.8)?
        }
        _ => return None,
    };
    Some(needed.saturating_sub(n).max(1))
}

/// The other system of a comparison.
pub(crate) fn compared_with(rule: &Rule) -> Option<Role> {
    match rule.compare {
        Compare::NoWorse { than, .. } | Compare::Better { than, .. } => Some(than),
        _ => None,
    }
}

/// The system that a rule is about.
pub(crate) fn subject_role(rule: &Rule) -> Role {
    match rule.compare {
        Compare::AtLeast { of, .. } | Compare::AtMost { of, .. } | Compare::Nothing { of } => of,
        Compare::NoWorse { .. } | Compare::Better { .. } => Role::Candidate,
    }
}

/// True when smaller values of the rule's metric are better.
pub(crate) fn smaller_is_better(manifest: &Manifest, rule: &Rule) -> bool {
    let measured = matches!(rule.metric, Metric::Mean | Metric::Quantile(_));
    let cost_like = match rule.subject {
        Subject::Criterion(criterion) => matches!(
            manifest.criteria[criterion as usize].grader,
            Grader::Latency { .. } | Grader::Cost { .. }
        ),
        Subject::Class(_) => true,
    };
    matches!(rule.metric, Metric::FailureCost | Metric::CostPerSolved)
        || (measured && cost_like)
        || matches!(rule.compare, Compare::AtMost { .. })
}

/// The limit that the statistic is held against.
fn limit(rule: &Rule, smaller: bool) -> f64 {
    let sign = if smaller { -1.0 } else { 1.0 };
    match rule.compare {
        Compare::NoWorse { margin, .. } => -sign * margin,
        Compare::Better { by, .. } => sign * by,
        Compare::AtLeast { floor, .. } => floor,
        Compare::AtMost { ceiling, .. } => ceiling,
        Compare::Nothing { .. } => 0.0,
    }
}

/// Builds worst-case and observed rows for the rule's metric.
fn tabulate(
    inputs: Inputs<'_>,
    rule: &Rule,
    members: &Members,
    weights: &Weights,
    smaller: bool,
) -> (Table, Statistic) {
    let column = || Column {
        weight: weights.each.as_ref().map(|_| Vec::new()),
        ..Column::default()
    };
    let mut table = Table {
        worst: column(),
        observed: column(),
        planned: 0,
        missing: 0,
        lost: Vec::new(),
        gained: 0,
        net_loss: 0.0,
        sums: (0.0, 0.0),
    };
    let role = subject_role(rule);
    let other = compared_with(rule);
    let reader = Reader { inputs, rule };
    let preference = reader.is_preference();
    for (place, &example) in members.examples.iter().enumerate() {
        let weight = weights.each.as_ref().map(|each| each[place]);
        let cluster = inputs.reference.cluster[example as usize];
        let ours = reader.read(role, example);
        match other.filter(|_| !preference) {
            None => {
                let Some(ours) = ours else { continue };
                table.planned += 1;
                table.missing += ours.missing;
                let shown = |score: f64| {
                    if preference && other.is_some() {
                        2.0 * score - 1.0
                    } else {
                        score
                    }
                };
                if let Some(value) = ours.observed {
                    table.sums.0 += shown(value);
                    if !smaller && value < 1.0 - 1e-12 {
                        table.lost.push((1.0 - value, example));
                    }
                }
                if rule.metric == Metric::CostPerSolved {
                    reader.push_ratio(&mut table, &ours, role, example, cluster);
                } else if let Some(tally) = reader.parts(role, example) {
                    for unit in 0..u32::from(tally.graded + tally.missing) {
                        let value = f64::from(u8::from(unit < u32::from(tally.pass)));
                        if unit < u32::from(tally.graded) {
                            table.observed.push(value, cluster, weight);
                        }
                        table.worst.push(value, cluster, weight);
                    }
                } else {
                    if let Some(value) = ours.observed {
                        table.observed.push(shown(value), cluster, weight);
                    }
                    table
                        .worst
                        .push(shown(ours.worst(true, smaller)), cluster, weight);
                }
            }
            Some(other) => {
                let theirs = reader.read(other, example);
                if ours.is_none() && theirs.is_none() {
                    continue;
                }
                let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
                table.planned += 1;
                table.missing += ours.missing + theirs.missing;
                table.worst.push(
                    ours.worst(true, smaller) - theirs.worst(false, smaller),
                    cluster,
                    weight,
                );
                if let (Some(a), Some(b)) = (ours.observed, theirs.observed) {
                    table.observed.push(a - b, cluster, weight);
                    table.sums.0 += a;
                    table.sums.1 += b;
                    let loss = if smaller { a - b } else { b - a };
                    table.net_loss += loss;
                    if loss > 1e-12 {
                        table.lost.push((loss, example));
                    } else if loss < -1e-12 {
                        table.gained += 1;
                    }
                }
            }
        }
    }
    let statistic = match rule.metric {
        Metric::Quantile(p) => Statistic::Quantile(p),
        Metric::CostPerSolved => Statistic::Ratio,
        _ if reader.unbounded() => Statistic::Mean,
        _ if other.is_some() => Statistic::Difference,
        _ => Statistic::Share,
    };
    (table, statistic)
}

/// One example's reading on one system.
#[derive(Default)]
struct Reading {
    /// Over graded units; `None` when nothing was graded.
    observed: Option<f64>,
    /// With missing units put at 0 and at 1 (or at ∓∞ for unbounded metrics).
    low: f64,
    high: f64,
    missing: u64,
}

impl Reading {
    /// The worst value for the release: of the candidate's side, or of the other side.
    fn worst(&self, candidate: bool, smaller: bool) -> f64 {
        if candidate != smaller {
            self.low
        } else {
            self.high
        }
    }
}

/// Reads examples for a rule's metric.
struct Reader<'a> {
    inputs: Inputs<'a>,
    rule: &'a Rule,
}

impl Reader<'_> {
    fn criterion(&self) -> Option<u16> {
        match self.rule.subject {
            Subject::Criterion(criterion) => Some(criterion),
            Subject::Class(_) => None,
        }
    }

    fn is_preference(&self) -> bool {
        self.criterion().is_some_and(|criterion| {
            self.inputs.scores.shape[criterion as usize] == Shape::Preference
        })
    }

    /// True when the metric has no bounded range.
    fn unbounded(&self) -> bool {
        matches!(self.rule.metric, Metric::Mean | Metric::FailureCost)
    }

    fn read(&self, role: Role, example: u32) -> Option<Reading> {
        let trials = self.inputs.plan.trials(role);
        match (self.rule.metric, self.criterion()) {
            (Metric::Share, Some(criterion)) => self.share(criterion, role, example),
            (Metric::Share, None) => self.class_free(role, example),
            (Metric::PassHatK(k) | Metric::PassAtK(k), Some(criterion)) => {
                let tally = self.inputs.scores.first(criterion, role, example);
                if !tally.applies() {
                    return None;
                }
                let hat = matches!(self.rule.metric, Metric::PassHatK(_));
                let of = |n: u32, passes: u32| {
                    let value = if hat {
                        repeats::pass_hat_k(n, passes, k)
                    } else {
                        repeats::pass_at_k(n, passes, k)
                    };
                    value.ok().flatten()
                };
                let (graded, pass, missing) = (
                    u32::from(tally.graded),
                    u32::from(tally.pass),
                    u32::from(tally.missing),
                );
                Some(Reading {
                    observed: of(graded, pass),
                    low: of(graded + missing, pass).unwrap_or(0.0),
                    high: of(graded + missing, pass + missing).unwrap_or(1.0),
                    missing: u64::from(missing),
                })
            }
            (Metric::Mean | Metric::Quantile(_), Some(criterion)) => {
                self.measured(criterion, role, example)
            }
            (Metric::FailureCost, _) => Some(self.failure_cost(role, example, trials)),
            (Metric::CostPerSolved, Some(_)) => self.cost_per_solved(role, example),
            _ => None,
        }
    }

    fn share(&self, criterion: u16, role: Role, example: u32) -> Option<Reading> {
        let tally = self.inputs.scores.first(criterion, role, example);
        tally.applies().then(|| Reading {
            observed: tally.mean(),
            low: tally.mean_with(0.0).unwrap_or(0.0),
            high: tally.mean_with(1.0).unwrap_or(1.0),
            missing: u64::from(tally.missing),
        })
    }

    /// Share of answers without a failure of the class, over the criteria that can find it.
    fn class_free(&self, role: Role, example: u32) -> Option<Reading> {
        let Subject::Class(class) = self.rule.subject else {
            return None;
        };
        let (mut score, mut low, mut high, mut missing, mut any) =
            (1.0_f64, 1.0_f64, 1.0_f64, 0, false);
        let mut graded = false;
        for (index, criterion) in self.inputs.manifest.criteria.iter().enumerate() {
            if !criterion.fails_as.classes().contains(&class) {
                continue;
            }
            let tally = self.inputs.scores.first(index as u16, role, example);
            if !tally.applies() {
                continue;
            }
            any = true;
            missing += u64::from(tally.missing);
            graded |= tally.graded > 0;
            let failures = self
                .inputs
                .scores
                .failures_of(role, class, example, index as u16);
            let units = f64::from(tally.graded + tally.missing);
            score = score.min(1.0 - failures as f64 / f64::from(tally.graded.max(1)));
            low = low.min(1.0 - (failures as f64 + f64::from(tally.missing)) / units);
            high = high.min(1.0 - failures as f64 / units);
        }
        any.then_some(Reading {
            observed: graded.then_some(score),
            low,
            high,
            missing,
        })
    }

    fn measured(&self, criterion: u16, role: Role, example: u32) -> Option<Reading> {
        let tally = self.inputs.scores.first(criterion, role, example);
        if !tally.applies() {
            return None;
        }
        let values = self.inputs.scores.values_of(criterion, role, example);
        let mean = (!values.is_empty())
            .then(|| values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64);
        let missing = u64::from(tally.missing);
        // A missing measurement has no worst finite value; it stands beyond every limit.
        let (low, high) = match (mean, missing) {
            (Some(mean), 0) => (mean, mean),
            (_, _) => (f64::NEG_INFINITY, f64::INFINITY),
        };
        Some(Reading {
            observed: mean,
            low,
            high,
            missing,
        })
    }

    fn failure_cost(&self, role: Role, example: u32, trials: u32) -> Reading {
        let mean = self.inputs.scores.failure_cost(role, example, trials);
        let dearest = self
            .inputs
            .manifest
            .classes
            .iter()
            .map(|class| class.cost.amount)
            .fold(0.0, f64::max);
        let (mut missing, mut planned) = (0_u64, 0_u64);
        for criterion in 0..self.inputs.manifest.criteria.len() {
            let tally = self.inputs.scores.first(criterion as u16, role, example);
            missing += u64::from(tally.missing);
            planned += u64::from(tally.missing + tally.graded);
        }
        let high = if missing > 0 { dearest } else { mean };
        Reading {
            observed: (planned > missing).then_some(mean),
            low: mean,
            high,
            missing,
        }
    }

    /// Money of an example's answers; the solved share joins it in [`Reader::push_ratio`].
    fn cost_per_solved(&self, role: Role, example: u32) -> Option<Reading> {
        let cost = self
            .inputs
            .manifest
            .criteria
            .iter()
            .position(|c| matches!(c.grader, Grader::Cost { .. }))?;
        self.measured(cost as u16, role, example)
    }

    fn push_ratio(
        &self,
        table: &mut Table,
        money: &Reading,
        role: Role,
        example: u32,
        cluster: u32,
    ) {
        let Some(solved) = self
            .criterion()
            .and_then(|criterion| self.share(criterion, role, example))
        else {
            return;
        };
        table.missing += solved.missing;
        if let (Some(money), Some(rate)) = (money.observed, solved.observed) {
            table.observed.push(money, cluster, None);
            table.observed.denominator.push(rate);
        }
        table.worst.push(money.high, cluster, None);
        table.worst.denominator.push(solved.low);
    }

    /// The tally of a single-system share over parts: every part is a row in its example's cluster.
    fn parts(&self, role: Role, example: u32) -> Option<Tally> {
        let criterion = self.criterion()?;
        (self.rule.metric == Metric::Share && self.inputs.scores.parts[criterion as usize])
            .then(|| self.inputs.scores.first(criterion, role, example))
    }
}
