//! Rows of a rule in a slice: every example read twice, worst case and observed, for the rule's metric.

use std::collections::BTreeSet;

use gatewright_stats::choose::Rows;
use gatewright_stats::repeats;

use crate::analyse::behavioural;
use crate::analyse::require::{Inputs, compared_with, subject_role};
use crate::analyse::scores::{Shape, Tally};
use crate::analyse::slice::Members;
use crate::analyse::weight::{Mass, Weights};
use crate::manifest::{Grader, Metric, Role, Rule, Subject};

/// Rows of one statistic: value, cluster, weight; for ratios also the denominator.
#[derive(Default, PartialEq)]
pub(crate) struct Column {
    pub(crate) value: Vec<f64>,
    pub(crate) denominator: Vec<f64>,
    pub(crate) cluster: Vec<u32>,
    pub(crate) weight: Option<Vec<f64>>,
}

impl Column {
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows {
            value: &self.value,
            cluster: &self.cluster,
            weight: self.weight.as_deref(),
        }
    }

    pub(crate) fn push(&mut self, value: f64, cluster: u32, weight: Option<f64>) {
        self.value.push(value);
        self.cluster.push(cluster);
        if let (Some(weights), Some(weight)) = (&mut self.weight, weight) {
            weights.push(weight);
        }
    }
}

/// Rows of a rule in a slice: with what is missing at its worst, at its best where it has one ([`Statistic::has_best`]), and left out.
pub(crate) struct Table {
    pub(crate) worst: Column,
    pub(crate) best: Column,
    pub(crate) observed: Column,
    pub(crate) planned: u64,
    pub(crate) missing: u64,
    pub(crate) lost: Vec<(f64, u32)>,
    pub(crate) gained: u64,
    pub(crate) net_loss: f64,
    /// True when rows are wins minus losses of the pair.
    pub(crate) preference: bool,
    /// Weighted sums of the two systems' values over observed rows, and of the weights.
    pub(crate) sums: (f64, f64, f64),
    /// What the worst-case rows weigh.
    pub(crate) mass: Mass,
}

impl Table {
    /// Adds an unweighted observed row's values to the sums.
    pub(crate) fn add_sums(&mut self, ours: f64, other: f64) {
        self.sums.0 += ours;
        self.sums.1 += other;
        self.sums.2 += 1.0;
    }
}

/// What kind of statistic the rows carry.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Statistic {
    Share,
    Difference,
    Mean,
    Quantile(f64),
    Ratio,
    /// Expected failure cost, or a difference of two, within these limits for an answer.
    Cost(f64, f64),
}

impl Statistic {
    /// Says whether what is missing has a best value and not only a worst one.
    pub(crate) fn has_best(self) -> bool {
        matches!(self, Self::Share | Self::Difference | Self::Cost(..))
    }
}

/// Builds worst-case, best-case and observed rows for the rule's metric.
pub(crate) fn tabulate(
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
        best: column(),
        observed: column(),
        planned: 0,
        missing: 0,
        lost: Vec::new(),
        gained: 0,
        net_loss: 0.0,
        preference: false,
        sums: (0.0, 0.0, 0.0),
        mass: Mass::default(),
    };
    let role = subject_role(rule);
    let other = compared_with(rule);
    if let Metric::Relation(relation) = rule.metric {
        behavioural::tabulate(inputs, rule, relation, members, &mut table);
        let statistic = match other {
            Some(_) => Statistic::Difference,
            None => Statistic::Share,
        };
        return (table, statistic);
    }
    let reader = Reader { inputs, rule };
    let preference = reader.is_preference();
    table.preference = preference;
    for (place, &example) in members.examples.iter().enumerate() {
        let weight = weights.each.as_ref().map(|each| each[place]);
        let cluster = inputs.reference.cluster[example as usize];
        let ours = reader.read(role, example);
        let before = table.worst.value.len();
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
                    table.sums.0 += weight.unwrap_or(1.0) * shown(value);
                    table.sums.2 += weight.unwrap_or(1.0);
                    if !smaller && value < 1.0 - 1e-12 {
                        table.lost.push((1.0 - value, example));
                    }
                }
                if rule.metric == Metric::CostPerSolved {
                    reader.push_ratio(&mut table, &ours, role, example, cluster, weight);
                } else if let Some(tally) = reader.parts(role, example) {
                    for unit in 0..u32::from(tally.graded + tally.missing) {
                        let value = f64::from(u8::from(unit < u32::from(tally.pass)));
                        if unit < u32::from(tally.graded) {
                            table.observed.push(value, cluster, weight);
                        }
                        table.worst.push(value, cluster, weight);
                        let at_best =
                            value.max(f64::from(u8::from(unit >= u32::from(tally.graded))));
                        table.best.push(at_best, cluster, weight);
                    }
                } else {
                    if let Some(value) = ours.observed {
                        table.observed.push(shown(value), cluster, weight);
                    }
                    table
                        .worst
                        .push(shown(ours.worst(true, smaller)), cluster, weight);
                    let best = shown(ours.worst(false, smaller));
                    table.best.push(best, cluster, weight);
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
                let best = ours.worst(false, smaller) - theirs.worst(true, smaller);
                table.best.push(best, cluster, weight);
                if let (Some(a), Some(b)) = (ours.observed, theirs.observed) {
                    table.observed.push(a - b, cluster, weight);
                    table.sums.0 += weight.unwrap_or(1.0) * a;
                    table.sums.1 += weight.unwrap_or(1.0) * b;
                    table.sums.2 += weight.unwrap_or(1.0);
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
        if let (Some(weight), Some(uncut)) = (weight, weights.uncut(place)) {
            let rows = table.worst.value.len() - before;
            table.mass.add(rows, weight, uncut);
        }
    }
    let statistic = match rule.metric {
        Metric::Quantile(p) => Statistic::Quantile(p),
        Metric::CostPerSolved => Statistic::Ratio,
        Metric::FailureCost => {
            let most = dearest(inputs);
            Statistic::Cost(if other.is_some() { -most } else { 0.0 }, most)
        }
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
            (Metric::Share, None) => self.class_free(role, example, trials),
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
            (Metric::FailureCost, _) => self.failure_cost(role, example, trials),
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

    /// Share of answers without a failure of the class, whichever of the criteria that can find it did so: an answer is one
    /// trial, so two criteria that fail on different trials fail two answers.
    fn class_free(&self, role: Role, example: u32, trials: u32) -> Option<Reading> {
        let Subject::Class(class) = self.rule.subject else {
            return None;
        };
        let (mut missing, mut graded, mut any) = (0_u32, 0_u32, false);
        let mut failed = BTreeSet::new();
        for (index, criterion) in self.inputs.manifest.criteria.iter().enumerate() {
            if !criterion.classes().contains(&class) {
                continue;
            }
            let scores = self.inputs.scores;
            let tally = scores.first(index as u16, role, example);
            if !tally.applies() {
                continue;
            }
            any = true;
            missing += u32::from(tally.missing);
            graded = graded.max(u32::from(tally.graded).min(trials));
            failed.extend(scores.failed_trials(role, class, example, index as u16));
        }
        let failures = failed.len() as f64;
        let share = |of: u32| 1.0 - failures / f64::from(of.max(1)).max(failures);
        let all = f64::from(trials.max(1)).max(failures);
        any.then(|| Reading {
            observed: (graded > 0).then(|| share(graded)),
            low: (1.0 - (failures + f64::from(missing)) / all).max(0.0),
            high: share(trials),
            missing: u64::from(missing),
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

    /// `None` when no criterion has anything to say about the example: it is no answer without failures.
    fn failure_cost(&self, role: Role, example: u32, trials: u32) -> Option<Reading> {
        let mean = self
            .inputs
            .scores
            .failure_cost(role, example, trials, self.inputs.cost_scale);
        let dearest = dearest(self.inputs);
        let (mut missing, mut planned) = (0_u64, 0_u64);
        for criterion in 0..self.inputs.manifest.criteria.len() {
            let tally = self.inputs.scores.first(criterion as u16, role, example);
            missing += u64::from(tally.missing);
            planned += u64::from(tally.missing + tally.graded);
        }
        let high = if missing > 0 { dearest } else { mean };
        (planned > 0).then_some(Reading {
            observed: (planned > missing).then_some(mean),
            low: mean,
            high,
            missing,
        })
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
        weight: Option<f64>,
    ) {
        // A ratio of weighted sums: both parts carry the example's weight to traffic.
        let w = weight.unwrap_or(1.0);
        let Some(solved) = self
            .criterion()
            .and_then(|criterion| self.share(criterion, role, example))
        else {
            return;
        };
        table.missing += solved.missing;
        if let (Some(money), Some(rate)) = (money.observed, solved.observed) {
            table.observed.push(w * money, cluster, weight);
            table.observed.denominator.push(w * rate);
        }
        table.worst.push(w * money.high, cluster, weight);
        table.worst.denominator.push(w * solved.low);
    }

    /// The tally of a single-system share over parts: every part is a row in its example's cluster.
    fn parts(&self, role: Role, example: u32) -> Option<Tally> {
        let criterion = self.criterion()?;
        (self.rule.metric == Metric::Share && self.inputs.scores.parts[criterion as usize])
            .then(|| self.inputs.scores.first(criterion, role, example))
    }
}

/// The dearest failure that the page knows, at the scale in force.
fn dearest(inputs: Inputs<'_>) -> f64 {
    let top = super::scores::top_severity(inputs.manifest);
    let scaled = |class: &crate::class::FailureClass| {
        let scale = if Some(class.severity) == top && class.declared {
            inputs.cost_scale
        } else {
            1.0
        };
        class.cost.amount * scale
    };
    inputs
        .manifest
        .classes
        .iter()
        .map(scaled)
        .fold(0.0, f64::max)
}
