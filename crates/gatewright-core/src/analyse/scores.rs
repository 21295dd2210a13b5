//! The score table: outcomes folded per criterion × system × example, compact enough for millions of rows.

mod rows;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::calibrate::Unit;
use crate::manifest::{Grader, Manifest, Role};
use crate::outcome::{Bin, GraderKind, Missing, Outcome};
use crate::plan::Plan;
use crate::reference::ReferenceSet;
use crate::response::Behaviour;

/// Outcomes of one example on one system for one criterion, over trials and parts of one look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// Sum of scores: pass 1, fail 0, a value as it is, win 1, tie ½, loss 0.
    pub(crate) score: f64,
    /// Units with a verdict.
    pub(crate) graded: u16,
    /// Units without one.
    pub(crate) missing: u16,
    /// Units that passed or won.
    pub(crate) pass: u16,
    /// Units to which the criterion does not apply.
    pub(crate) not_applicable: u16,
}

impl Tally {
    /// Mean score over graded units.
    pub(crate) fn mean(&self) -> Option<f64> {
        match self.graded {
            0 => None,
            // Most have one: a division is the dearest part of reading them.
            1 => Some(self.score),
            graded => Some(self.score / f64::from(graded)),
        }
    }

    /// Mean score with missing units put at `imputed`; `None` when nothing applies.
    pub(crate) fn mean_with(&self, imputed: f64) -> Option<f64> {
        if self.missing == 0 {
            return self.mean();
        }
        let units = self.graded + self.missing;
        (units > 0).then(|| (self.score + imputed * f64::from(self.missing)) / f64::from(units))
    }

    /// True when the criterion has something to say about this example.
    pub(crate) fn applies(&self) -> bool {
        self.graded + self.missing > 0
    }

    fn join(&mut self, other: Self) {
        self.score += other.score;
        self.graded += other.graded;
        self.missing += other.missing;
        self.pass += other.pass;
        self.not_applicable += other.not_applicable;
    }

    fn add(&mut self, bin: Bin) {
        match bin {
            Bin::Pass | Bin::Win => {
                self.score += 1.0;
                self.graded += 1;
                self.pass += 1;
            }
            Bin::Fail(_) | Bin::Loss => self.graded += 1,
            Bin::Tie => {
                self.score += 0.5;
                self.graded += 1;
            }
            Bin::Value(value) => {
                self.score += value;
                self.graded += 1;
            }
            Bin::NotApplicable => self.not_applicable += 1,
            Bin::Missing(_) => self.missing += 1,
        }
    }
}

/// What kind of verdicts a criterion gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    PassFail,
    Measured,
    Preference,
}

/// Marks a cell without a failing outcome; no page has as many classes.
const NO_CLASS: u16 = u16::MAX;

/// One failing outcome, for classes and nevers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Failure {
    pub(crate) role: Role,
    pub(crate) class: u16,
    pub(crate) example: u32,
    pub(crate) criterion: u16,
    pub(crate) trial: u32,
    pub(crate) fresh: bool,
    pub(crate) by_model: bool,
}

/// All outcomes of a run, folded.
pub(crate) struct Scores {
    examples: usize,
    first: Vec<Vec<Tally>>,
    fresh: HashMap<(u16, Role, u32), Tally>,
    /// Shape per criterion.
    pub(crate) shape: Vec<Shape>,
    /// True when any outcome of the criterion is about a part.
    pub(crate) parts: Vec<bool>,
    /// True when the page says that a model judges the criterion.
    pub(crate) by_model: Vec<bool>,
    /// First-look units of criteria whose judge is calibrated, with what people said of them, sorted.
    pub(crate) units: BTreeMap<u16, Vec<Unit>>,
    /// Failing outcomes, sorted.
    pub(crate) failures: Vec<Failure>,
    /// Measured values per criterion × role: (example, value), first look, sorted.
    values: Vec<Vec<(u32, f64)>>,
    /// Missing units per criterion × role: (example, reason), first look.
    missing: Vec<Vec<(u32, Missing)>>,
    /// First class found per criterion × role and example, first look; [`NO_CLASS`] for none.
    class_by_cell: Vec<Vec<u16>>,
    /// What was done per criterion × role and example, first look, counted in the order of [`Behaviour::ALL`]; empty where nothing says.
    observed: Vec<Vec<[u16; Behaviour::ALL.len()]>>,
    /// First reason given per criterion × role: (example, reason), sorted.
    why: Vec<Vec<(u32, Arc<str>)>>,
    /// Greatest class cost per role × example × trial (first look), for expected failure cost: of the page's severest
    /// classes, and of the others. Costs are ordinal guesses, so the severest are tried at other scales too.
    cost: BTreeMap<(Role, u32, u32), (f64, f64)>,
}

impl Scores {
    /// Folds outcomes. Planned units without an outcome are added as missing(not attempted).
    pub(crate) fn fold(
        manifest: &Manifest,
        reference: &ReferenceSet,
        plan: &Plan,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Self {
        Self::part(manifest, reference, plan, outcomes).whole(manifest, plan)
    }

    /// Folds some of the outcomes; the rest are joined to them ([`Scores::join`]) before anything is read ([`Scores::whole`]).
    pub(crate) fn part(
        manifest: &Manifest,
        reference: &ReferenceSet,
        plan: &Plan,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Self {
        let slots = manifest.criteria.len() * Role::ALL.len();
        let mut scores = Self {
            examples: reference.examples.len(),
            first: vec![Vec::new(); slots],
            fresh: HashMap::new(),
            shape: vec![Shape::PassFail; manifest.criteria.len()],
            parts: vec![false; manifest.criteria.len()],
            by_model: manifest
                .criteria
                .iter()
                .map(|criterion| criterion.judged_by() == GraderKind::Model)
                .collect(),
            units: (0..)
                .zip(&manifest.criteria)
                .filter(|(_, criterion)| criterion.is_calibrated())
                .map(|(index, _)| (index, Vec::new()))
                .collect(),
            failures: Vec::new(),
            values: vec![Vec::new(); slots],
            missing: vec![Vec::new(); slots],
            class_by_cell: vec![Vec::new(); slots],
            observed: vec![Vec::new(); slots],
            why: vec![Vec::new(); slots],
            cost: BTreeMap::new(),
        };
        let needs_cost = manifest
            .gate
            .iter()
            .any(|rule| matches!(rule.metric, crate::manifest::Metric::FailureCost));
        let planned = Role::ALL.map(|role| plan.systems.iter().any(|it| it.role == role));
        for outcome in outcomes {
            let slot = slot(outcome.criterion, outcome.system);
            if planned[outcome.system.index()] && scores.first[slot].is_empty() {
                scores.make_room(slot);
            }
            scores.add(manifest, plan, outcome, needs_cost);
        }
        scores
    }

    fn make_room(&mut self, slot: usize) {
        self.first[slot] = vec![Tally::default(); self.examples];
        self.class_by_cell[slot] = vec![NO_CLASS; self.examples];
    }

    /// Takes in another part.
    pub(crate) fn join(&mut self, other: Self) {
        let tallies = self.first.iter_mut().zip(other.first);
        tallies.for_each(|(ours, theirs)| each_with(ours, theirs, Tally::join));
        let classes = self.class_by_cell.iter_mut().zip(other.class_by_cell);
        classes.for_each(|(ours, theirs)| {
            each_with(ours, theirs, |class, other| {
                if *class == NO_CLASS {
                    *class = other;
                }
            });
        });
        let observed = self.observed.iter_mut().zip(other.observed);
        observed.for_each(|(ours, theirs)| {
            each_with(ours, theirs, |counts, other| {
                counts
                    .iter_mut()
                    .zip(other)
                    .for_each(|(count, more)| *count += more);
            });
        });
        fn append<T>(into: &mut [Vec<T>], from: Vec<Vec<T>>) {
            for (into, mut from) in into.iter_mut().zip(from) {
                into.append(&mut from);
            }
        }
        append(&mut self.values, other.values);
        append(&mut self.missing, other.missing);
        append(&mut self.why, other.why);
        for (key, tally) in other.fresh {
            self.fresh.entry(key).or_default().join(tally);
        }
        self.failures.extend(other.failures);
        for (key, (top, rest)) in other.cost {
            let cost = self.cost.entry(key).or_default();
            *cost = (cost.0.max(top), cost.1.max(rest));
        }
        for (shape, theirs) in self.shape.iter_mut().zip(other.shape) {
            if theirs != Shape::PassFail {
                *shape = theirs;
            }
        }
        for (parts, theirs) in self.parts.iter_mut().zip(other.parts) {
            *parts |= theirs;
        }
        for (criterion, mut units) in other.units {
            self.units.entry(criterion).or_default().append(&mut units);
        }
    }

    /// Completes what was folded: from here on it is read.
    pub(crate) fn whole(mut self, manifest: &Manifest, plan: &Plan) -> Self {
        let scores = &mut self;
        for system in &plan.systems {
            for criterion in 0..manifest.criteria.len() {
                let slot = slot(criterion as u16, system.role);
                if scores.first[slot].is_empty() {
                    scores.make_room(slot);
                }
            }
        }
        scores.fill_not_attempted(manifest, plan);
        scores.failures.sort_unstable();
        for units in scores.units.values_mut() {
            units.sort_by_key(|unit| (unit.example, unit.role, unit.trial, unit.part));
        }
        // What never came has no mean, and is no measurement of 0.
        for (place, values) in scores.values.iter().enumerate() {
            if scores.shape[place / Role::ALL.len()] == Shape::Measured {
                for (example, _) in values.iter().filter(|(_, value)| value.is_infinite()) {
                    if let Some(tally) = scores.first[place].get_mut(*example as usize) {
                        tally.score = f64::INFINITY;
                    }
                }
            }
        }
        for values in &mut scores.values {
            values.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        }
        for missing in &mut scores.missing {
            missing.sort_unstable();
        }
        for why in &mut scores.why {
            // Stable: the first reason that came in is the one that stays.
            why.sort_by_key(|(example, _)| *example);
            why.dedup_by_key(|(example, _)| *example);
        }
        self
    }

    fn add(&mut self, manifest: &Manifest, plan: &Plan, outcome: Outcome, needs_cost: bool) {
        let fresh = outcome.trial >= plan.trials(outcome.system);
        let slot = slot(outcome.criterion, outcome.system);
        let criterion = outcome.criterion as usize;
        match outcome.bin {
            Bin::Value(_) => self.shape[criterion] = Shape::Measured,
            Bin::Win | Bin::Tie | Bin::Loss => self.shape[criterion] = Shape::Preference,
            _ => {}
        }
        self.parts[criterion] |= outcome.part.is_some();
        // Where people, programs or rules judge, a single verdict of a judge is none: taking it away must change nothing.
        let judge = outcome.by == GraderKind::Model;
        let none = judge && !self.by_model[criterion];
        let bin = match outcome.bin {
            Bin::NotApplicable => Bin::NotApplicable,
            Bin::Missing(reason) => Bin::Missing(reason),
            _ if none => Bin::Missing(Missing::GraderError),
            bin => bin,
        };
        if fresh {
            self.fresh
                .entry((outcome.criterion, outcome.system, outcome.example))
                .or_default()
                .add(bin);
        } else if let Some(tally) = self.first[slot].get_mut(outcome.example as usize) {
            tally.add(bin);
            match bin {
                Bin::Missing(reason) => self.missing[slot].push((outcome.example, reason)),
                Bin::Value(value) => self.values[slot].push((outcome.example, value)),
                _ => {}
            }
            if let Some(value) = outcome.value
                && !none
                && !matches!(bin, Bin::Value(_))
            {
                self.values[slot].push((outcome.example, value));
            }
        }
        if !fresh && let Some(observed) = outcome.observed {
            let seen = &mut self.observed[slot];
            if seen.is_empty() {
                seen.resize(self.examples, Default::default());
            }
            if let Some(counts) = seen.get_mut(outcome.example as usize) {
                counts[observed as usize] += 1;
            }
        }
        if !fresh && let Some(units) = self.units.get_mut(&outcome.criterion) {
            units.push(Unit::of(&outcome));
        }
        if let Some((class, by_model)) = failed(&outcome, judge) {
            self.failures.push(Failure {
                role: outcome.system,
                class,
                example: outcome.example,
                criterion: outcome.criterion,
                trial: outcome.trial,
                fresh,
                by_model,
            });
        }
        if let Bin::Fail(class) = outcome.bin {
            if !fresh
                && !none
                && let Some(first) = self.class_by_cell[slot].get_mut(outcome.example as usize)
                && *first == NO_CLASS
            {
                *first = class;
            }
            if needs_cost && !fresh && !none {
                let found = &manifest.classes[class as usize];
                let entry = self
                    .cost
                    .entry((outcome.system, outcome.example, outcome.trial))
                    .or_default();
                let part = if Some(found.severity) == top_severity(manifest) {
                    &mut entry.0
                } else {
                    &mut entry.1
                };
                *part = part.max(found.cost.amount);
            }
        }
        if let Some(why) = outcome.why {
            self.why[slot].push((outcome.example, why));
        }
    }

    /// Planned units that nothing was said about are missing, never gone.
    fn fill_not_attempted(&mut self, manifest: &Manifest, plan: &Plan) {
        for system in &plan.systems {
            for (criterion, declared) in manifest.criteria.iter().enumerate() {
                // A preference is one unit of the pair, kept under the candidate.
                if matches!(declared.grader, Grader::Preference(_))
                    && system.role != Role::Candidate
                {
                    continue;
                }
                let slot = slot(criterion as u16, system.role);
                let parts = self.parts[criterion];
                for (example, tally) in self.first[slot].iter_mut().enumerate() {
                    let seen = u32::from(tally.graded + tally.missing + tally.not_applicable);
                    let absent = match (seen, parts || tally.not_applicable > 0) {
                        (0, _) => system.trials,
                        (_, true) => 0,
                        (_, false) => system.trials.saturating_sub(seen),
                    };
                    tally.missing += absent as u16;
                    for _ in 0..absent {
                        self.missing[slot].push((example as u32, Missing::NotAttempted));
                    }
                }
            }
        }
    }

    /// First-look tally; all zero when the role is not in the plan.
    pub(crate) fn first(&self, criterion: u16, role: Role, example: u32) -> Tally {
        self.first[slot(criterion, role)]
            .get(example as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Fresh-look tally.
    pub(crate) fn fresh(&self, criterion: u16, role: Role, example: u32) -> Tally {
        self.fresh
            .get(&(criterion, role, example))
            .copied()
            .unwrap_or_default()
    }

    /// True when the role was planned.
    pub(crate) fn has(&self, role: Role) -> bool {
        !self.first.is_empty()
            && self.first[slot(0, role)].len() == self.examples
            && self.examples > 0
    }

    /// Says whether a criterion could tell of any system what it did.
    pub(crate) fn sees_behaviour(&self, criterion: u16) -> bool {
        let mut roles = Role::ALL.into_iter();
        roles.any(|role| !self.observed[slot(criterion, role)].is_empty())
    }

    /// What a system did on an example, counted in the order of [`Behaviour::ALL`].
    pub(crate) fn observed(
        &self,
        criterion: u16,
        role: Role,
        example: u32,
    ) -> [u16; Behaviour::ALL.len()] {
        let seen = self.observed[slot(criterion, role)].get(example as usize);
        seen.copied().unwrap_or_default()
    }

    /// Measured values of a criterion on a system.
    pub(crate) fn values(&self, criterion: u16, role: Role) -> &[(u32, f64)] {
        &self.values[slot(criterion, role)]
    }

    /// Measured values of one example.
    pub(crate) fn values_of(&self, criterion: u16, role: Role, example: u32) -> &[(u32, f64)] {
        let all = &self.values[slot(criterion, role)];
        let from = all.partition_point(|(index, _)| *index < example);
        let to = all.partition_point(|(index, _)| *index <= example);
        &all[from..to]
    }

    /// Failures that share the first fields they are in the order of.
    fn failures_with<K: Ord>(&self, key: impl Fn(&Failure) -> K, wanted: &K) -> &[Failure] {
        let from = self.failures.partition_point(|one| key(one) < *wanted);
        let rest = &self.failures[from..];
        &rest[..rest.partition_point(|one| key(one) == *wanted)]
    }

    pub(super) fn failures_on(&self, role: Role, class: u16, example: u32) -> &[Failure] {
        let key = |one: &Failure| (one.role, one.class, one.example);
        self.failures_with(key, &(role, class, example))
    }

    /// First-look trials of one example on which one criterion found a failure of a class; one may come several times.
    pub(crate) fn failed_trials(
        &self,
        role: Role,
        class: u16,
        example: u32,
        criterion: u16,
    ) -> impl Iterator<Item = u32> + '_ {
        self.failures_on(role, class, example)
            .iter()
            .filter(move |f| f.criterion == criterion && !f.fresh)
            .filter(move |f| !f.by_model || self.by_model[usize::from(criterion)])
            .map(|f| f.trial)
    }

    /// The criteria that found a failure of a class on one example at first look; one may come several times.
    pub(crate) fn failed_by(
        &self,
        role: Role,
        class: u16,
        example: u32,
    ) -> impl Iterator<Item = u16> + '_ {
        let of = self.failures_on(role, class, example).iter();
        of.filter(|one| !one.fresh).map(|one| one.criterion)
    }

    /// The examples on which a system failed as a class at first look, each once, in order.
    pub(crate) fn failing(&self, role: Role, class: u16) -> impl Iterator<Item = u32> + '_ {
        let of = self.failures_with(|one| (one.role, one.class), &(role, class));
        let first_look = of.iter().filter(|one| !one.fresh).map(|one| one.example);
        let mut last = None;
        first_look.filter(move |example| last.replace(*example) != Some(*example))
    }

    /// The class of the first failing outcome that a criterion found on an example.
    pub(crate) fn class_of(&self, role: Role, example: u32, criterion: u16) -> Option<u16> {
        self.class_by_cell[slot(criterion, role)]
            .get(example as usize)
            .copied()
            .filter(|&class| class != NO_CLASS)
    }

    /// Missing units of a criterion on a system.
    pub(crate) fn missing(&self, criterion: u16, role: Role) -> &[(u32, Missing)] {
        &self.missing[slot(criterion, role)]
    }

    /// Why the first failing unit of each example failed, in the order of examples.
    pub(crate) fn whys(&self, criterion: u16, role: Role) -> &[(u32, Arc<str>)] {
        &self.why[slot(criterion, role)]
    }

    /// Mean failure cost of an example over its first-look trials, the severest classes' costs taken `scale` times.
    pub(crate) fn failure_cost(&self, role: Role, example: u32, trials: u32, scale: f64) -> f64 {
        let total: f64 = self
            .cost
            .range((role, example, 0)..=(role, example, u32::MAX))
            .map(|(_, (top, rest))| (top * scale).max(*rest))
            .sum();
        total / f64::from(trials.max(1))
    }
}

/// Joins two columns of one slot: either may have no rows yet.
fn each_with<T>(into: &mut Vec<T>, from: Vec<T>, join: impl Fn(&mut T, T)) {
    if into.is_empty() {
        *into = from;
    } else {
        for (into, from) in into.iter_mut().zip(from) {
            join(into, from);
        }
    }
}

/// Says whether the unit failed, as what, and whether only a judge says so. Where people labelled it, theirs is the word.
fn failed(outcome: &Outcome, judge: bool) -> Option<(u16, bool)> {
    let people = outcome.beside.as_ref().and_then(|b| b.people.as_ref());
    match (people.map(|said| said.bin), outcome.bin) {
        (Some(Bin::Pass | Bin::NotApplicable), _) => None,
        (Some(Bin::Fail(class)), _) => Some((class, false)),
        (_, Bin::Fail(class)) => Some((class, judge)),
        _ => None,
    }
}

/// The severest class that the page declares.
pub(crate) fn top_severity(manifest: &Manifest) -> Option<crate::class::Severity> {
    manifest
        .classes
        .iter()
        .filter(|class| class.declared)
        .map(|class| class.severity)
        .max()
}

fn slot(criterion: u16, role: Role) -> usize {
    criterion as usize * Role::ALL.len() + role.index()
}
