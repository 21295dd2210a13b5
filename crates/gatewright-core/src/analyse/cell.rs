//! The tables: numbers per criterion × slice. They show; they decide nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use gatewright_stats::choose::{self, Rows};
use gatewright_stats::{paired, quantile, repeats};

use crate::analyse::require::Inputs;
use crate::analyse::scores::{Shape, Tally};
use crate::analyse::slice::{Members, table_slices};
use crate::analyse::weight::Traffic;
use crate::analyse::{Cell, ClassCount, Counts, PairedCell, SystemCell};
use crate::manifest::{Grader, Role};
use crate::outcome::Missing;

/// One-sided level of table intervals: both sides together are the usual 95 %.
const TABLE_ALPHA: f64 = 0.025;

/// The tables under work: slices in table order, criteria in page order. Several threads may share the work; whoever is free takes the next slice.
pub(crate) struct Tables<'a> {
    inputs: Inputs<'a>,
    slices: Vec<Members>,
    /// For each slice: the earlier one that holds the same examples.
    same: Vec<Option<usize>>,
    missing: MissingIndex,
    next: AtomicUsize,
    done: Mutex<BTreeMap<usize, Vec<Cell>>>,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(inputs: Inputs<'a>) -> Self {
        let slices = table_slices(inputs.manifest, inputs.reference);
        // The one value of a dimension that has no other holds what all examples hold: the same examples have the same numbers.
        let same = (0..slices.len()).map(|place| {
            let mut earlier = slices[..place].iter();
            earlier.position(|it| it.examples == slices[place].examples)
        });
        Self {
            inputs,
            same: same.collect(),
            missing: MissingIndex::build(inputs),
            next: AtomicUsize::new(0),
            done: Mutex::default(),
            slices,
        }
    }

    /// Makes the cells of one slice after the other until all are made or taken.
    pub(crate) fn work(&self) {
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            match self.same.get(place) {
                None => return,
                Some(Some(_)) => {}
                Some(None) => {
                    let cells = self.cells(place);
                    let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.insert(place, cells);
                }
            }
        }
    }

    fn cells(&self, place: usize) -> Vec<Cell> {
        let inputs = self.inputs;
        let members = &self.slices[place];
        let traffic = Traffic::of(inputs.manifest, inputs.reference, members);
        (0..inputs.manifest.criteria.len() as u16)
            .map(|criterion| cell(inputs, &self.missing, criterion, (members, &traffic)))
            .collect()
    }

    /// Returns all cells.
    pub(crate) fn finish(self) -> Vec<Cell> {
        self.work();
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.slices.iter().zip(&self.same).enumerate();
        all.flat_map(|(place, (members, same))| {
            let made = done.get(&same.unwrap_or(place)).cloned();
            // Not there only if a worker panicked: then it panics here.
            let made = made.unwrap_or_else(|| self.cells(place));
            made.into_iter().map(|cell| Cell {
                slice: members.slice.clone(),
                ..cell
            })
        })
        .collect()
    }
}

fn cell(
    inputs: Inputs<'_>,
    missing: &MissingIndex,
    criterion: u16,
    (members, traffic): (&Members, &Traffic),
) -> Cell {
    let mut systems = BTreeMap::new();
    let mut against = BTreeMap::new();
    let preference = inputs.scores.shape[criterion as usize] == Shape::Preference;
    for system in &inputs.plan.systems {
        if preference && system.role != Role::Candidate {
            if system.role == Role::Production && inputs.scores.has(Role::Candidate) {
                against.insert(system.role, preferred_cell(inputs, criterion, members));
            }
            continue;
        }
        systems.insert(
            system.role,
            system_cell(inputs, missing, criterion, system.role, members),
        );
        if system.role != Role::Candidate && inputs.scores.has(Role::Candidate) {
            against.insert(
                system.role,
                paired_cell(inputs, criterion, system.role, (members, traffic)),
            );
        }
    }
    Cell {
        criterion,
        slice: members.slice.clone(),
        examples: members.examples.len() as u64,
        systems,
        against,
    }
}

fn system_cell(
    inputs: Inputs<'_>,
    missing: &MissingIndex,
    criterion: u16,
    role: Role,
    members: &Members,
) -> SystemCell {
    let shape = inputs.scores.shape[criterion as usize];
    let parts = inputs.scores.parts[criterion as usize];
    let mut counts = Counts::default();
    let mut values = Vec::with_capacity(members.examples.len());
    let mut clusters = Vec::with_capacity(members.examples.len());
    let mut n = 0;
    let reasons = missing.of(criterion, role);
    for &example in &members.examples {
        let tally = inputs.scores.first(criterion, role, example);
        count(&mut counts, shape, &tally);
        if let Some(reasons) = reasons.and_then(|by| by.get(&example)) {
            for (total, one) in counts.missing.iter_mut().zip(reasons) {
                *total += one;
            }
        }
        let Some(mean) = tally.mean() else { continue };
        n += 1;
        let cluster = inputs.reference.cluster[example as usize];
        if parts && shape == Shape::PassFail {
            values.extend((0..tally.graded).map(|unit| f64::from(u8::from(unit < tally.pass))));
            clusters.extend((0..tally.graded).map(|_| cluster));
        } else {
            values.push(mean);
            clusters.push(cluster);
        }
    }
    let rows = Rows {
        value: &values,
        cluster: &clusters,
        weight: None,
    };
    // A measured value has no range, even where all of them happen to lie in [0, 1].
    let bounded =
        shape != Shape::Measured && values.iter().all(|value| (0.0..=1.0).contains(value));
    let rate = if bounded {
        choose::pass_rate(&rows, TABLE_ALPHA)
    } else {
        choose::mean(&rows, TABLE_ALPHA)
    };
    let (pass_hat, pass_hat_strict) = if shape == Shape::PassFail && !parts {
        pass_hats(inputs, criterion, role, members)
    } else {
        (Vec::new(), Vec::new())
    };
    SystemCell {
        counts,
        n,
        rate,
        quantiles: quantiles(inputs, criterion, role, members),
        within: within_share(inputs, criterion, role, members),
        pass_hat,
        pass_hat_strict,
    }
}

fn count(counts: &mut Counts, shape: Shape, tally: &Tally) {
    let (graded, pass) = (u64::from(tally.graded), u64::from(tally.pass));
    match shape {
        Shape::PassFail => {
            counts.pass += pass;
            counts.fail += graded - pass;
        }
        Shape::Measured => counts.value += graded,
        Shape::Preference => {
            let ties = (2.0 * (tally.score - pass as f64)).round() as u64;
            counts.win += pass;
            counts.tie += ties;
            counts.loss += graded - pass - ties;
        }
    }
    counts.not_applicable += u64::from(tally.not_applicable);
}

/// pass^1.. with the number of examples each rests on.
type PassHats = Vec<(Option<f64>, u64)>;

/// pass^k for k = 1.. up to the planned trials: ungraded trials missing, and ungraded trials counted as failed.
fn pass_hats(
    inputs: Inputs<'_>,
    criterion: u16,
    role: Role,
    members: &Members,
) -> (PassHats, PassHats) {
    let trials = inputs.plan.trials(role);
    if trials < 2 {
        return (Vec::new(), Vec::new());
    }
    let mean = |k: u32, strict: bool| {
        let (mut sum, mut n) = (0.0, 0_u64);
        for &example in &members.examples {
            let tally = inputs.scores.first(criterion, role, example);
            let of = u32::from(tally.graded) + if strict { u32::from(tally.missing) } else { 0 };
            if let Ok(Some(value)) = repeats::pass_hat_k(of, u32::from(tally.pass), k) {
                sum += value;
                n += 1;
            }
        }
        ((n > 0).then(|| sum / n as f64), n)
    };
    (
        (1..=trials).map(|k| mean(k, false)).collect(),
        (1..=trials).map(|k| mean(k, true)).collect(),
    )
}

/// Share of the variance of an example's mean that is run noise.
fn within_share(inputs: Inputs<'_>, criterion: u16, role: Role, members: &Members) -> Option<f64> {
    if inputs.plan.trials(role) < 2 || inputs.scores.shape[criterion as usize] != Shape::PassFail {
        return None;
    }
    let rows: Vec<(u32, u32)> = members
        .examples
        .iter()
        .map(|&example| inputs.scores.first(criterion, role, example))
        .filter(|tally| tally.graded >= 2)
        .map(|tally| (u32::from(tally.pass), u32::from(tally.graded)))
        .collect();
    let parts = repeats::decompose_counts(&rows).ok()?;
    let within = parts.within_of_mean?;
    (parts.total > 0.0).then(|| (within / parts.total).clamp(0.0, 1.0))
}

fn quantiles(
    inputs: Inputs<'_>,
    criterion: u16,
    role: Role,
    members: &Members,
) -> Option<[f64; 3]> {
    let all = inputs.scores.values(criterion, role);
    if all.is_empty() {
        return None;
    }
    let inside: BTreeSet<u32> = members.examples.iter().copied().collect();
    let mut values: Vec<f64> = all
        .iter()
        .filter(|(example, _)| inside.contains(example))
        .map(|(_, value)| *value)
        .collect();
    if values.is_empty() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some([0.5, 0.95, 0.99].map(|p| quantile::type7(&values, p)))
}

fn paired_cell(
    inputs: Inputs<'_>,
    criterion: u16,
    other: Role,
    (members, traffic): (&Members, &Traffic),
) -> PairedCell {
    let (mut both, mut gained, mut lost, mut neither) = (0, 0, 0, 0);
    let mut values = Vec::with_capacity(members.examples.len());
    let mut clusters = Vec::with_capacity(members.examples.len());
    let (mut single, mut sums) = (true, (0.0, 0.0));
    let mut traffic = traffic.mean();
    let smaller = smaller_value(inputs, criterion);
    for &example in &members.examples {
        let ours = inputs.scores.first(criterion, Role::Candidate, example);
        let theirs = inputs.scores.first(criterion, other, example);
        let (Some(a), Some(b)) = (ours.mean(), theirs.mean()) else {
            continue;
        };
        single &= [a, b].iter().all(|score| *score == 0.0 || *score == 1.0);
        sums = (sums.0 + a, sums.1 + b);
        traffic.add(example, a - b);
        match if smaller { b - a } else { a - b } {
            d if d > 1e-12 => gained += 1,
            d if d < -1e-12 => lost += 1,
            _ if a >= 1.0 - 1e-12 => both += 1,
            _ => neither += 1,
        }
        values.push(a - b);
        clusters.push(inputs.reference.cluster[example as usize]);
    }
    let rows = Rows {
        value: &values,
        cluster: &clusters,
        weight: None,
    };
    let measured = inputs.scores.shape[criterion as usize] == Shape::Measured;
    let bounded = !measured && values.iter().all(|value| (-1.0..=1.0).contains(value));
    let difference = if bounded {
        choose::paired_difference(&rows, TABLE_ALPHA)
    } else {
        choose::mean(&rows, TABLE_ALPHA)
    };
    // McNemar's tests count pairs as independent: clustered pairs have no p-value here, their interval speaks.
    let mcnemar = (single && rows.independent() && !measured && !values.is_empty())
        .then(|| paired::mcnemar(gained, lost));
    let mean = |sum: f64| (!values.is_empty()).then(|| sum / values.len() as f64);
    PairedCell {
        n: values.len() as u64,
        both,
        gained,
        lost,
        neither,
        candidate: mean(sums.0),
        other: mean(sums.1),
        traffic: traffic.found(),
        difference,
        p_midp: mcnemar.as_ref().map(|test| test.midp_two_sided),
        p_exact: mcnemar.as_ref().map(|test| test.exact_two_sided),
    }
}

/// A preference compares both by itself: wins minus losses, where neither system has a value of its own.
fn preferred_cell(inputs: Inputs<'_>, criterion: u16, members: &Members) -> PairedCell {
    let (mut gained, mut lost) = (0, 0);
    let mut values = Vec::with_capacity(members.examples.len());
    let mut clusters = Vec::with_capacity(members.examples.len());
    for &example in &members.examples {
        let tally = inputs.scores.first(criterion, Role::Candidate, example);
        let Some(mean) = tally.mean() else { continue };
        let net = 2.0 * mean - 1.0;
        gained += u64::from(net > 1e-12);
        lost += u64::from(net < -1e-12);
        values.push(net);
        clusters.push(inputs.reference.cluster[example as usize]);
    }
    let rows = Rows {
        value: &values,
        cluster: &clusters,
        weight: None,
    };
    PairedCell {
        n: values.len() as u64,
        both: 0,
        gained,
        lost,
        neither: values.len() as u64 - gained - lost,
        candidate: None,
        other: None,
        traffic: None,
        difference: choose::paired_difference(&rows, TABLE_ALPHA),
        p_midp: None,
        p_exact: None,
    }
}

/// True when the criterion measures time or money: the smaller value is the better one.
fn smaller_value(inputs: Inputs<'_>, criterion: u16) -> bool {
    inputs.scores.shape[criterion as usize] == Shape::Measured
        && matches!(
            inputs.manifest.criteria[criterion as usize].grader,
            Grader::Latency { .. } | Grader::Cost { .. }
        )
}

/// Missing reasons by criterion, system and example.
struct MissingIndex(BTreeMap<(u16, Role), BTreeMap<u32, [u64; 5]>>);

impl MissingIndex {
    fn build(inputs: Inputs<'_>) -> Self {
        let mut index: BTreeMap<(u16, Role), BTreeMap<u32, [u64; 5]>> = BTreeMap::new();
        for criterion in 0..inputs.manifest.criteria.len() as u16 {
            for system in &inputs.plan.systems {
                for &(example, reason) in inputs.scores.missing(criterion, system.role) {
                    let place = Missing::ALL
                        .iter()
                        .position(|one| *one == reason)
                        .unwrap_or(0);
                    index
                        .entry((criterion, system.role))
                        .or_default()
                        .entry(example)
                        .or_default()[place] += 1;
                }
            }
        }
        Self(index)
    }

    fn of(&self, criterion: u16, role: Role) -> Option<&BTreeMap<u32, [u64; 5]>> {
        self.0.get(&(criterion, role))
    }
}

/// Systems with a verdict on anything.
fn judged_roles(inputs: Inputs<'_>) -> Vec<Role> {
    let examples = 0..inputs.reference.examples.len() as u32;
    let judged = |role| {
        (0..inputs.manifest.criteria.len() as u16).any(|criterion| {
            let mut examples = examples.clone();
            examples.any(|example| inputs.scores.first(criterion, role, example).graded > 0)
        })
    };
    let planned = inputs.plan.systems.iter().map(|system| system.role);
    planned.filter(|&role| judged(role)).collect()
}

/// Failures per class, over all examples and per slice, first look only.
pub(crate) fn classes(inputs: Inputs<'_>) -> Vec<ClassCount> {
    let mut counts = Vec::new();
    let slices = table_slices(inputs.manifest, inputs.reference);
    // Every example is in one value per dimension, so one pass over the failures fills all slices.
    let of_example = OfExample::new(inputs.reference.examples.len(), &slices);
    let classes = inputs.manifest.classes.len();
    let mut found = vec![[Failed::default(); Role::ALL.len()]; slices.len() * classes];
    // Failures are in the order of system, class and example: one example's stand together.
    for failure in inputs.scores.failures.iter().filter(|one| !one.fresh) {
        for &slice in of_example.slices(failure.example) {
            let place = slice as usize * classes + usize::from(failure.class);
            let failed = &mut found[place][failure.role.index()];
            failed.outcomes += 1;
            if failed.last != Some(failure.example) {
                failed.last = Some(failure.example);
                failed.examples += 1;
            }
        }
    }
    let changes = changes(inputs, &of_example, slices.len());
    let judged = judged_roles(inputs);
    for (place, of_roles) in found.iter().enumerate() {
        if of_roles.iter().all(|failed| failed.outcomes == 0) {
            continue;
        }
        // A system that was judged and never failed so has a count of 0, not none.
        let of = |count: fn(&Failed) -> u64| -> BTreeMap<Role, u64> {
            let roles = Role::ALL.into_iter();
            roles
                .map(|role| (role, &of_roles[role.index()]))
                .filter(|(role, failed)| failed.outcomes > 0 || judged.contains(role))
                .map(|(role, failed)| (role, count(failed)))
                .collect()
        };
        counts.push(ClassCount {
            class: (place % classes) as u16,
            slice: slices[place / classes].slice.clone(),
            outcomes: of(|failed| failed.outcomes),
            examples: of(|failed| failed.examples),
            change: changes[place].0,
            unpaired: changes[place].1,
        });
    }
    counts
}

/// Per slice and class: the examples that only the candidate fails minus those that only production fails, of those on which the other has a verdict
/// by a criterion that found the failure; and how many fail on one of them while the other has no such verdict.
fn changes(inputs: Inputs<'_>, of_example: &OfExample, slices: usize) -> Vec<(i64, u64)> {
    let classes = inputs.manifest.classes.len();
    let mut found = vec![(0, 0); slices * classes];
    let pair = [Role::Candidate, Role::Production];
    for class in 0..classes as u16 {
        let [ours, theirs] = pair.map(|role| inputs.scores.failing(role, class));
        let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
        loop {
            let next = [ours.peek(), theirs.peek()];
            let Some(example) = next.into_iter().flatten().min().copied() else {
                break;
            };
            let is_worse = ours.next_if_eq(&example).is_some();
            if theirs.next_if_eq(&example).is_some() && is_worse {
                continue;
            }
            let (failing, other) = match is_worse {
                true => (Role::Candidate, Role::Production),
                false => (Role::Production, Role::Candidate),
            };
            // Compared where the other has a verdict by a criterion that found the failure: it failed by none.
            let mut found_by = inputs.scores.failed_by(failing, class, example);
            let is_judged = found_by.any(|it| inputs.scores.first(it, other, example).graded > 0);
            for &slice in of_example.slices(example) {
                let (change, unpaired) = &mut found[slice as usize * classes + usize::from(class)];
                match (is_judged, is_worse) {
                    (true, true) => *change += 1,
                    (true, false) => *change -= 1,
                    (false, _) => *unpaired += 1,
                }
            }
        }
    }
    found
}

/// For each example the slices that it is in.
struct OfExample {
    starts: Vec<u32>,
    slices: Vec<u32>,
}

impl OfExample {
    fn new(examples: usize, slices: &[Members]) -> Self {
        let mut starts = vec![0_u32; examples + 1];
        let all = || {
            let members = (0_u32..).zip(slices);
            members.flat_map(|(index, members)| {
                let examples = members.examples.iter();
                examples.map(move |&example| (example as usize, index))
            })
        };
        for (example, _) in all() {
            starts[example + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut places = vec![0; starts.last().map_or(0, |last| *last as usize)];
        for (example, index) in all() {
            places[next[example] as usize] = index;
            next[example] += 1;
        }
        Self {
            starts,
            slices: places,
        }
    }

    fn slices(&self, example: u32) -> &[u32] {
        let at = example as usize;
        &self.slices[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

/// One system's failures of one class in one slice.
#[derive(Clone, Copy, Default)]
struct Failed {
    outcomes: u64,
    examples: u64,
    /// The example counted last.
    last: Option<u32>,
}
