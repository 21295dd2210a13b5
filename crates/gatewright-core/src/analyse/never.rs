//! Nevers: zero tolerance for a class (design.md §6). One confirmed event is enough; none holds only as far as n goes.

use std::collections::BTreeSet;

use gatewright_stats::proportion;

use crate::analyse::require::{Inputs, subject_role};
use crate::analyse::slice::Members;
use crate::analyse::weight::Traffic;
use crate::analyse::{Measured, Standing, Undecided};
use crate::manifest::{Rule, Subject};

/// Evaluates a never in one slice. Events of any look count: an event is an event.
pub(crate) fn evaluate(
    inputs: Inputs<'_>,
    rule: &Rule,
    members: &Members,
) -> (Measured, Standing, Vec<u32>) {
    let role = subject_role(rule);
    let watching = criteria_of(inputs, rule);
    let inside: BTreeSet<u32> = members.examples.iter().copied().collect();
    let (mut confirmed, mut seen): (BTreeSet<u32>, BTreeSet<u32>) =
        (BTreeSet::new(), BTreeSet::new());
    let (mut events, mut unconfirmed) = (0, 0);
    let mut answers_with = BTreeSet::new();
    for failure in &inputs.scores.failures {
        let hit = match rule.subject {
            Subject::Class(class) => failure.class == class,
            Subject::Criterion(criterion) => failure.criterion == criterion,
        };
        if failure.role != role || !hit || !inside.contains(&failure.example) {
            continue;
        }
        events += 1;
        if !failure.fresh {
            answers_with.insert((failure.example, failure.trial));
        }
        seen.insert(failure.example);
        if failure.by_model {
            unconfirmed += 1;
        } else {
            confirmed.insert(failure.example);
        }
    }
    let (mut planned, mut missing) = (0_u64, 0_u64);
    // Only examples that can show the event count as sources.
    let mut applicable = Vec::new();
    let mut clusters: BTreeSet<u32> = BTreeSet::new();
    for &example in &members.examples {
        let tallies: Vec<_> = watching
            .iter()
            .map(|&criterion| inputs.scores.first(criterion, role, example))
            .filter(super::scores::Tally::applies)
            .collect();
        if !tallies.is_empty() {
            planned += 1;
            applicable.push(example);
            clusters.insert(inputs.reference.cluster[example as usize]);
        }
        missing += tallies
            .iter()
            .map(|tally| u64::from(tally.missing))
            .sum::<u64>();
    }
    missing += missing_fresh(inputs, &watching, rule, members);
    let independent = planned.min(clusters.len() as u64);
    let trials = f64::from(inputs.plan.trials(role).max(1));
    let traffic = Traffic::of(inputs.manifest, inputs.reference, members);
    let mut traffic = traffic.mean();
    for &example in &applicable {
        let answers = answers_with
            .range((example, 0)..=(example, u32::MAX))
            .count();
        traffic.add(example, answers as f64 / trials);
    }
    let mut measured = Measured {
        traffic: traffic.found(),
        planned,
        n: planned,
        clusters: clusters.len() as u64,
        n_eff: independent as f64,
        limit: rule.cap,
        events,
        unconfirmed_events: unconfirmed,
        event_share: (planned > 0).then(|| {
            let answers = planned * u64::from(inputs.plan.trials(role).max(1));
            answers_with.len() as f64 / answers as f64
        }),
        missing,
        ..Measured::default()
    };
    let examples: Vec<u32> = confirmed
        .iter()
        .copied()
        .chain(seen.difference(&confirmed).copied())
        .collect();
    let standing = if planned == 0 {
        Standing::Undecided(Undecided::Empty)
    } else if !confirmed.is_empty() {
        Standing::Violated
    } else if !seen.is_empty() {
        Standing::Undecided(Undecided::Unconfirmed {
            examples: seen.len() as u64,
            trials: 0,
        })
    } else if missing > 0 {
        Standing::Undecided(Undecided::Missing { units: missing })
    } else {
        capped(rule, independent, &mut measured)
    };
    (measured, standing, examples)
}

/// Without a cap, zero events hold on these examples. With one, n must carry it (3/n).
fn capped(rule: &Rule, independent: u64, measured: &mut Measured) -> Standing {
    let Some(cap) = rule.cap else {
        return Standing::Holds;
    };
    match proportion::zero_event_upper(independent, rule.alpha_holds) {
        Ok(upper) => {
            measured.value = Some(upper);
            if upper <= cap {
                return Standing::Holds;
            }
        }
        Err(_) => return Standing::Undecided(Undecided::Empty),
    }
    let more = proportion::zero_event_n(cap, rule.alpha_holds)
        .ok()
        .map(|needed| needed.saturating_sub(independent).max(1));
    Standing::Undecided(Undecided::TooFew { more })
}

/// Criteria that can see the rule's subject.
fn criteria_of(inputs: Inputs<'_>, rule: &Rule) -> Vec<u16> {
    match rule.subject {
        Subject::Criterion(criterion) => vec![criterion],
        Subject::Class(class) => (0..inputs.manifest.criteria.len() as u16)
            .filter(|&index| {
                inputs.manifest.criteria[index as usize]
                    .classes()
                    .contains(&class)
            })
            .collect(),
    }
}

/// Confirmation trials that were planned and have no outcome: one of them could have been the event.
fn missing_fresh(inputs: Inputs<'_>, watching: &[u16], rule: &Rule, members: &Members) -> u64 {
    let role = subject_role(rule);
    let mut missing = 0;
    for round in inputs
        .plan
        .confirmations
        .iter()
        .filter(|round| round.roles.contains(&role))
    {
        for &example in members
            .examples
            .iter()
            .filter(|example| round.examples.binary_search(example).is_ok())
        {
            for &criterion in watching {
                if inputs.scores.first(criterion, role, example).applies() {
                    let seen = inputs.scores.fresh(criterion, role, example);
                    missing += u64::from(round.trials.saturating_sub(u32::from(seen.graded)));
                }
            }
        }
    }
    missing
}
