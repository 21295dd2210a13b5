//! Rules on a criterion that a calibrated judge grades (statistics.md §8): the judge never decides by itself.
//!
//! A require takes people's labels and the judge's verdicts together; a guard that the judge trips is confirmed by people's
//! labels on the flips. While any verdict of the judge is missing on a system that the rule names, nothing holds: what is
//! taken away could have been the label that shows the judge wrong, so no worst case of the rest bounds it.

mod estimate;

use std::collections::BTreeMap;

use gatewright_stats::guard as trip;

use crate::analyse::guard::{self, Resolutions};
use crate::analyse::require::{Inputs, limit, smaller_is_better, worst_over_uncovered};
use crate::analyse::rows::Statistic;
use crate::analyse::slice::Members;
use crate::analyse::weight::weights_for;
use crate::analyse::{Measured, Standing, Undecided};
use crate::calibrate::{Evidence, Fitness, Reason, Unit, fitness};
use crate::class::Severity;
use crate::manifest::{Metric, Role, Rule};
use estimate::{Estimator, Example};

/// Evaluates a require in one slice.
pub(crate) fn require(
    inputs: Inputs<'_>,
    rule: &Rule,
    criterion: u16,
    members: &Members,
) -> (Measured, Standing, Vec<u32>) {
    let roles = rule.roles();
    let smaller = smaller_is_better(inputs.manifest, rule);
    let examples = examples(inputs, rule, criterion, &roles, members);
    let mut measured = measure(inputs, rule, criterion, &roles, members, &examples);
    let lost = lost(&examples, roles.len() == 2, &mut measured);
    if measured.planned == 0 {
        return (measured, Standing::Undecided(Undecided::Empty), lost);
    }
    let (evidence, fit) = judge(inputs, rule, criterion, &roles);
    let usable = rule.metric == Metric::Share && (fit == Fitness::Fit || fit.is_only_idle());
    if !usable {
        return (measured, unfit(rule, fit), lost);
    }
    let missing = missing(inputs, criterion, &roles);
    let estimator = Estimator {
        examples: &examples,
        evidence: &evidence,
        compares: roles.len() == 2,
        idle: fit.is_only_idle(),
    };
    let standing = stand(
        inputs,
        rule,
        members,
        &estimator,
        (smaller, missing),
        &mut measured,
    );
    (measured, standing, lost)
}

/// The verdict from bounds at the rule's levels, as for any require (statistics.md §3).
fn stand(
    inputs: Inputs<'_>,
    rule: &Rule,
    members: &Members,
    estimator: &Estimator<'_>,
    (smaller, missing): (bool, u64),
    measured: &mut Measured,
) -> Standing {
    let limit = limit(rule, smaller);
    let undecided = |reason| Standing::Undecided(reason);
    let weights = weights_for(inputs.manifest, inputs.reference, rule, members);
    let mass = estimator.mass();
    if let Some(unraked) = weights.unraked.clone() {
        return undecided(unraked.into());
    }
    measured.trimmed = mass.trimmed();
    measured.raked.clone_from(&weights.raked);
    measured.unweighed.clone_from(&weights.unweighed);
    let alphas = (rule.alpha_violated, rule.alpha_holds);
    if let Ok(found) = estimator.bounds(alphas.0) {
        (measured.clusters, measured.n_eff) = (found.clusters, found.n_eff);
        if rule.roles().len() == 1 {
            measured.value = Some(found.point);
        }
        let beyond = if smaller {
            found.lower > limit
        } else {
            found.upper < limit
        };
        measured.for_violated = Some(found);
        if beyond {
            measured.for_holds = estimator.bounds(alphas.1).ok();
            return Standing::Violated;
        }
    }
    if missing > 0 {
        return undecided(Undecided::Missing { units: missing });
    }
    let found = match estimator.bounds(alphas.1) {
        Ok(found) => found,
        Err(_) => return undecided(Undecided::FewLabels { more: 30 }),
    };
    let statistic = if estimator.compares {
        Statistic::Difference
    } else {
        Statistic::Share
    };
    let (uncovered, trimmed) = (weights.uncovered, mass.trimmed());
    let unspoken = mass.unspoken(uncovered);
    let covered = worst_over_uncovered(statistic, &found, unspoken, smaller);
    measured.covered = Some(covered);
    let clears = |bound: f64| {
        if smaller {
            bound < limit
        } else {
            bound > limit
        }
    };
    let bound = if smaller { found.upper } else { found.lower };
    let more = estimator.more_labels(&found, limit, smaller);
    measured.for_holds = Some(found);
    let largest = mass.largest();
    match (clears(covered), clears(bound)) {
        (true, _) if largest <= 0.1 => weights.holding(),
        (true, _) => undecided(Undecided::DominantWeight { share: largest }),
        (false, true) => undecided(Undecided::CoverageGap { uncovered, trimmed }),
        (false, false) => undecided(more),
    }
}

/// Evaluates a guard in one slice: the judge trips it, people confirm it.
pub(crate) fn guard(
    inputs: Inputs<'_>,
    resolutions: &Resolutions,
    rule: &Rule,
    (criterion, other, margin): (u16, Role, f64),
    members: &Members,
) -> (Measured, Standing, Vec<u32>) {
    let (mut measured, standing, lost) = guard::evaluate(
        (inputs.manifest, inputs.reference),
        inputs.plan,
        inputs.scores,
        resolutions,
        (criterion, other, margin),
        members,
    );
    // The sign test would take the judge's word for every flip.
    measured.sign_p = None;
    if standing == Standing::Undecided(Undecided::Empty) {
        return (measured, standing, lost);
    }
    let roles = rule.roles();
    let examples = examples(inputs, rule, criterion, &roles, members);
    measured.labelled = labelled(&examples);
    let (_, fit) = judge(inputs, rule, criterion, &roles);
    if fit != Fitness::Fit && !fit.is_only_idle() {
        return (measured, unfit(rule, fit), lost);
    }
    let settled_by_people = measured.fresh.is_none()
        && matches!(standing, Standing::Violated | Standing::Holds)
        && measured.tripped;
    let standing = match standing {
        Standing::Violated if !settled_by_people => confirmed(&examples, margin, &measured),
        Standing::Undecided(Undecided::Unconfirmed {
            trials,
            examples: n,
        }) => match confirmed(&examples, margin, &measured) {
            Standing::Undecided(_) if trials > 0 => Standing::Undecided(Undecided::Unconfirmed {
                examples: n,
                trials,
            }),
            settled => settled,
        },
        other => other,
    };
    let missing = missing(inputs, criterion, &roles);
    let standing = match standing {
        Standing::Holds if missing > 0 => {
            Standing::Undecided(Undecided::Missing { units: missing })
        }
        other => other,
    };
    (measured, standing, lost)
}

/// What people's labels say of the flips: violated or not, whatever the flips without labels would turn out to be; else they
/// have to be labelled.
fn confirmed(examples: &[Example], margin: f64, measured: &Measured) -> Standing {
    let (mut least, mut most, mut open) = (0.0, 0.0, 0);
    for example in examples {
        let Some(seen) = example.judged_difference().filter(|d| d.abs() > 1e-12) else {
            continue;
        };
        match example.said_difference() {
            Some(said) => {
                least -= said;
                most -= said;
            }
            // Unlabelled, a loss may be none and a gain may be one.
            None => {
                open += 1;
                least -= seen.max(0.0);
                most -= seen.min(0.0);
            }
        }
    }
    if trip::trips(least, measured.planned, margin) {
        Standing::Violated
    } else if trip::trips(most, measured.planned, margin) {
        Standing::Undecided(Undecided::Unlabelled { flips: open })
    } else {
        Standing::Holds
    }
}

/// Judges the judge by the labels of these systems, over all their examples: a slice has too few of them.
fn judge(inputs: Inputs<'_>, rule: &Rule, criterion: u16, roles: &[Role]) -> (Evidence, Fitness) {
    let units = &inputs.scores.units[&criterion];
    let of: Vec<&Unit> = units
        .iter()
        .filter(|unit| roles.contains(&unit.role))
        .collect();
    let evidence = Evidence::of(
        inputs.reference,
        &inputs.manifest.criteria[usize::from(criterion)],
        &of,
        roles,
        inputs.people.known.of(criterion),
        rule.alpha_holds,
    );
    let fit = fitness(&evidence, rule.severity == Severity::Critical);
    (evidence, fit)
}

fn unfit(rule: &Rule, fit: Fitness) -> Standing {
    let fitness = match fit {
        Fitness::Fit | Fitness::Unfit { .. } if rule.metric != Metric::Share => Fitness::Unfit {
            reasons: vec![Reason::Metric],
        },
        other => other,
    };
    Standing::Undecided(Undecided::JudgeUnfit {
        fitness: Box::new(fitness),
    })
}

/// Verdicts of the judge that are missing on these systems, over all examples.
fn missing(inputs: Inputs<'_>, criterion: u16, roles: &[Role]) -> u64 {
    let all = 0..inputs.reference.examples.len() as u32;
    all.flat_map(|example| {
        roles
            .iter()
            .map(move |role| u64::from(inputs.scores.first(criterion, *role, example).missing))
    })
    .sum()
}

/// The slice's examples with what judge and people say of each system, and their weights to traffic.
fn examples(
    inputs: Inputs<'_>,
    rule: &Rule,
    criterion: u16,
    roles: &[Role],
    members: &Members,
) -> Vec<Example> {
    let weights = weights_for(inputs.manifest, inputs.reference, rule, members);
    let mut by_example: BTreeMap<u32, Vec<&Unit>> = BTreeMap::new();
    for unit in &inputs.scores.units[&criterion] {
        by_example.entry(unit.example).or_default().push(unit);
    }
    // Parts of one system's answers count one by one, in their example's cluster.
    let parts = inputs.scores.parts[usize::from(criterion)] && roles.len() == 1;
    let none = Vec::new();
    let mut found = Vec::new();
    for (place, &example) in members.examples.iter().enumerate() {
        let applies = |role: &Role| inputs.scores.first(criterion, *role, example).applies();
        if !roles.iter().any(applies) {
            continue;
        }
        let units = by_example.get(&example).unwrap_or(&none);
        let weight = weights.each.as_ref().map_or(1.0, |each| each[place]);
        let mut one = Example::of(
            (example, inputs.reference.cluster[example as usize]),
            units,
            roles,
            weight,
        );
        one.uncut = weights.uncut(place).unwrap_or(weight);
        if parts {
            one.weight *= one.units.max(1) as f64;
            one.uncut *= one.units.max(1) as f64;
        }
        found.push(one);
    }
    found
}

fn labelled(examples: &[Example]) -> u64 {
    examples.iter().filter(|one| one.is_labelled()).count() as u64
}

fn measure(
    inputs: Inputs<'_>,
    rule: &Rule,
    criterion: u16,
    roles: &[Role],
    members: &Members,
    examples: &[Example],
) -> Measured {
    let smaller = smaller_is_better(inputs.manifest, rule);
    let missing = members.examples.iter().flat_map(|&example| {
        roles
            .iter()
            .map(move |role| u64::from(inputs.scores.first(criterion, *role, example).missing))
    });
    let judged = examples.iter().filter(|one| one.is_judged()).count();
    Measured {
        planned: examples.len() as u64,
        n: judged as u64,
        n_eff: judged as f64,
        limit: Some(limit(rule, smaller)),
        smaller_is_better: smaller,
        missing: missing.sum(),
        labelled: labelled(examples),
        ..Measured::default()
    }
}

/// Examples that are lost by the best that is known of them, and the counts of a comparison.
fn lost(examples: &[Example], compares: bool, measured: &mut Measured) -> Vec<u32> {
    let mut lost: Vec<(f64, u32)> = Vec::new();
    for one in examples {
        let best = one.said_value(compares).or(one.judged_value(compares));
        let Some(value) = best else { continue };
        let loss = if compares { -value } else { 1.0 - value };
        if compares {
            measured.net_loss += loss;
        }
        if loss > 1e-12 {
            lost.push((loss, one.example));
        } else if compares && loss < -1e-12 {
            measured.gained += 1;
        }
    }
    measured.lost = lost.len() as u64;
    lost.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    lost.into_iter().map(|(_, example)| example).collect()
}
