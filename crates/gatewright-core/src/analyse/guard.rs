//! Guards: trip on the first look, confirm on fresh trials (design.md §6, statistics.md §13).

use std::collections::{BTreeMap, BTreeSet};

use gatewright_stats::{guard, multiplicity};

use crate::analyse::scores::Scores;
use crate::analyse::slice::Members;
use crate::analyse::weight::{Traffic, TrafficMean};
use crate::analyse::{Finding, Fresh, Measured, Standing, Undecided};
use crate::manifest::{Manifest, Role};
use crate::plan::Plan;
use crate::reference::ReferenceSet;

/// What people said about single flips: the example and criterion, and whether the loss is real.
pub type Resolutions = BTreeMap<(u32, u16), Resolution>;

/// What a person said about a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The candidate really lost this answer.
    Real,
    /// Run noise.
    Noise,
    /// The label or the expectation is wrong.
    LabelWrong,
}

/// Evaluates a guard in one slice. Unconfirmed trips on systems that cannot be called are settled afterwards by [`settle_recorded`].
pub(crate) fn evaluate(
    (manifest, reference): (&Manifest, &ReferenceSet),
    plan: &Plan,
    scores: &Scores,
    resolutions: &Resolutions,
    (criterion, other, margin): (u16, Role, f64),
    members: &Members,
) -> (Measured, Standing, Vec<u32>) {
    let traffic = Traffic::of(manifest, reference, members);
    let first = Losses::first(
        scores,
        (criterion, other),
        &members.examples,
        (reference, &traffic),
    );
    let mut measured = first.measured(margin);
    if first.planned == 0 {
        return (measured, Standing::Undecided(Undecided::Empty), Vec::new());
    }
    let regressed = first.lost.clone();
    measured.tripped = guard::trips(first.net_loss, first.planned, margin);
    let worst = guard::trips(first.worst_net_loss, first.planned, margin);
    if !measured.tripped {
        let standing = if worst {
            Standing::Undecided(Undecided::Missing {
                units: first.missing,
            })
        } else {
            Standing::Holds
        };
        return (measured, standing, regressed);
    }
    let rerun = manifest
        .systems
        .get(&Role::Candidate)
        .is_some_and(|system| system.target.can_rerun())
        && manifest
            .systems
            .get(&other)
            .is_some_and(|system| system.target.can_rerun());
    let standing = match fresh_look(
        scores,
        criterion,
        other,
        margin,
        members,
        &first,
        (plan, &traffic),
    ) {
        Some((fresh, traffic, standing)) => {
            measured.fresh = Some(fresh);
            measured.traffic = traffic.found();
            standing
        }
        None => match resolved(resolutions, (criterion, margin), &first) {
            Some(standing) => standing,
            None => Standing::Undecided(Undecided::Unconfirmed {
                examples: first.planned,
                trials: if rerun { Plan::CONFIRM_TRIALS } else { 0 },
            }),
        },
    };
    if measured.fresh.is_none() && !rerun {
        measured.sign_p = Some(guard::sign_test_worse(
            first.lost.len() as u64,
            first.gained,
        ));
    }
    (measured, standing, regressed)
}

/// Settles trips that no fresh run can confirm: exact sign tests on discordant pairs, Holm over the tripped slices, at 5 %.
pub(crate) fn settle_recorded(findings: &mut [Finding]) {
    let open: Vec<usize> = (0..findings.len())
        .filter(|&index| {
            findings[index].measured.sign_p.is_some()
                && matches!(
                    findings[index].standing,
                    Standing::Undecided(Undecided::Unconfirmed { .. })
                )
        })
        .collect();
    let raw: Vec<f64> = open
        .iter()
        .filter_map(|&index| findings[index].measured.sign_p)
        .collect();
    for (&index, adjusted) in open.iter().zip(multiplicity::holm(&raw)) {
        findings[index].measured.sign_p = Some(adjusted);
        if adjusted <= 0.05 {
            findings[index].standing = Standing::Violated;
        }
    }
}

/// Passes and graded trials of one example on one arm.
type Passes = (u32, u32);

/// Wins and losses of one look.
struct Losses {
    planned: u64,
    n: u64,
    net_loss: f64,
    worst_net_loss: f64,
    missing: u64,
    gained: u64,
    /// Lost examples with how much of each, the largest first.
    losses: Vec<(f64, u32)>,
    lost: Vec<u32>,
    /// What the others gained, as a positive sum over trial means.
    gains: f64,
    right: u64,
    clusters: BTreeSet<u32>,
    /// Mean loss over the traffic examples, and their number.
    traffic: Option<(f64, u64)>,
    candidate: f64,
    other: f64,
}

impl Losses {
    fn first(
        scores: &Scores,
        (criterion, other): (u16, Role),
        examples: &[u32],
        (reference, traffic): (&ReferenceSet, &Traffic),
    ) -> Self {
        let mut look = Self {
            planned: 0,
            n: 0,
            net_loss: 0.0,
            worst_net_loss: 0.0,
            missing: 0,
            gained: 0,
            losses: Vec::new(),
            lost: Vec::new(),
            gains: 0.0,
            right: 0,
            clusters: BTreeSet::new(),
            traffic: None,
            candidate: 0.0,
            other: 0.0,
        };
        let mut by_loss = Vec::new();
        let mut traffic = traffic.mean();
        for &example in examples {
            let ours = scores.first(criterion, Role::Candidate, example);
            let theirs = scores.first(criterion, other, example);
            if !ours.applies() && !theirs.applies() {
                continue;
            }
            look.planned += 1;
            look.missing += u64::from(ours.missing) + u64::from(theirs.missing);
            look.worst_net_loss +=
                theirs.mean_with(1.0).unwrap_or(1.0) - ours.mean_with(0.0).unwrap_or(0.0);
            if let (Some(candidate), Some(other)) = (ours.mean(), theirs.mean()) {
                look.n += 1;
                look.candidate += candidate;
                look.other += other;
                look.net_loss += other - candidate;
                look.right += u64::from(other > 1e-12);
                look.clusters.insert(reference.cluster[example as usize]);
                traffic.add(example, other - candidate);
                if other > candidate + 1e-12 {
                    by_loss.push((other - candidate, example));
                } else if candidate > other + 1e-12 {
                    look.gained += 1;
                    look.gains += candidate - other;
                }
            }
        }
        by_loss.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        look.lost = by_loss.iter().map(|(_, example)| *example).collect();
        look.losses = by_loss;
        look.traffic = traffic.found();
        look
    }

    fn measured(&self, margin: f64) -> Measured {
        let n = self.n.max(1) as f64;
        Measured {
            planned: self.planned,
            n: self.n,
            clusters: self.clusters.len() as u64,
            right: self.right,
            traffic: self.traffic,
            n_eff: self.n as f64,
            value: (self.n > 0).then(|| self.candidate / n),
            other: (self.n > 0).then(|| self.other / n),
            limit: Some(-margin),
            net_loss: self.net_loss,
            lost: self.lost.len() as u64,
            gained: self.gained,
            trip_limit: Some(guard::trip_limit(self.planned, margin)),
            missing: self.missing,
            ..Measured::default()
        }
    }
}

/// Judges fresh trials only. `None` when the slice has no complete round of them.
fn fresh_look<'t>(
    scores: &Scores,
    criterion: u16,
    other: Role,
    margin: f64,
    members: &Members,
    first: &Losses,
    (plan, traffic): (&Plan, &'t Traffic),
) -> Option<(Fresh, TrafficMean<'t>, Standing)> {
    // A round is there when it was planned for every example of the slice; what of it is missing is then missing.
    let planned: BTreeSet<u32> = plan
        .confirmations
        .iter()
        .flat_map(|round| round.examples.iter().copied())
        .collect();
    let (mut production, mut candidate): (Vec<Passes>, Vec<Passes>) = (Vec::new(), Vec::new());
    let (mut production_worst, mut candidate_worst): (Vec<Passes>, Vec<Passes>) =
        (Vec::new(), Vec::new());
    let mut traffic = traffic.mean();
    let (mut missing, mut reproduced, mut net_loss, mut calls) = (0_u64, 0_u64, 0.0, 0_u64);
    for &example in &members.examples {
        let applies = scores.first(criterion, Role::Candidate, example).applies()
            || scores.first(criterion, other, example).applies();
        if !applies {
            continue;
        }
        if !planned.contains(&example) {
            return None;
        }
        let trials: u32 = plan
            .confirmations
            .iter()
            .filter(|round| round.examples.binary_search(&example).is_ok())
            .map(|r| r.trials)
            .sum();
        let ours = scores.fresh(criterion, Role::Candidate, example);
        let theirs = scores.fresh(criterion, other, example);
        let (passes_ours, graded_ours) = (u32::from(ours.pass), u32::from(ours.graded));
        let (passes_theirs, graded_theirs) = (u32::from(theirs.pass), u32::from(theirs.graded));
        calls += u64::from(graded_ours) + u64::from(graded_theirs);
        missing +=
            u64::from(trials.saturating_sub(graded_ours) + trials.saturating_sub(graded_theirs));
        production_worst.push((
            passes_theirs + trials.saturating_sub(graded_theirs),
            trials.max(graded_theirs),
        ));
        candidate_worst.push((passes_ours, trials.max(graded_ours)));
        if graded_ours > 0 && graded_theirs > 0 {
            production.push((passes_theirs, graded_theirs));
            candidate.push((passes_ours, graded_ours));
            let loss = theirs.mean().unwrap_or(0.0) - ours.mean().unwrap_or(0.0);
            net_loss += loss;
            traffic.add(example, loss);
            if loss > 0.5 && first.lost.contains(&example) {
                reproduced += 1;
            }
        }
    }
    let judged = guard::confirm(&production, &candidate, margin).ok();
    let judged_worst = guard::confirm(&production_worst, &candidate_worst, margin).ok();
    let violated = judged.as_ref().is_some_and(|(_, violated)| *violated);
    let violated_worst = judged_worst.as_ref().is_none_or(|(_, violated)| *violated);
    let standing = if violated {
        Standing::Violated
    } else if missing > 0 && violated_worst {
        Standing::Undecided(Undecided::Missing { units: missing })
    } else {
        Standing::Holds
    };
    let shown = judged.map_or((0.0, 0.0, 0), |(fresh, _)| {
        (fresh.loss, fresh.bound, fresh.n)
    });
    Some((
        Fresh {
            loss: shown.0,
            bound: shown.1,
            n: shown.2,
            calls,
            reproduced,
            net_loss,
        },
        traffic,
        standing,
    ))
}

/// A person resolved every lost flip: violated when the real net loss, over trial means, still reaches the trip limit.
/// Outcomes that nobody has could be real losses too: where they would reach it, the guard stays undecided.
fn resolved(
    resolutions: &Resolutions,
    (criterion, margin): (u16, f64),
    first: &Losses,
) -> Option<Standing> {
    let mut real = 0.0;
    for &(loss, example) in &first.losses {
        if resolutions.get(&(example, criterion))? == &Resolution::Real {
            real += loss;
        }
    }
    let net = real - first.gains;
    let unseen = first.worst_net_loss - first.net_loss;
    Some(if guard::trips(net, first.planned, margin) {
        Standing::Violated
    } else if guard::trips(net + unseen, first.planned, margin) {
        Standing::Undecided(Undecided::Missing {
            units: first.missing,
        })
    } else {
        Standing::Holds
    })
}
