//! Flips: examples that candidate and production do not score alike. Regressed first, by cost.

use crate::analyse::Flip;
use crate::analyse::require::Inputs;
use crate::analyse::scores::Shape;
use crate::manifest::Role;

/// Lists every flip of every pass/fail criterion.
pub(crate) fn flips(inputs: Inputs<'_>) -> Vec<Flip> {
    let mut flips = Vec::new();
    if !inputs.scores.has(Role::Candidate) || !inputs.scores.has(Role::Production) {
        return flips;
    }
    let criteria: Vec<u16> = (0..inputs.manifest.criteria.len() as u16)
        .filter(|&criterion| inputs.scores.shape[usize::from(criterion)] == Shape::PassFail)
        .collect();
    // By example, then criterion: flips of the same cost are then in order already.
    let examples = 0..inputs.reference.examples.len() as u32;
    let found = || {
        let cells = examples.clone().flat_map(|example| {
            let each = criteria.iter();
            each.map(move |&criterion| (criterion, example))
        });
        cells.filter_map(|(criterion, example)| {
            let mean = |role| inputs.scores.first(criterion, role, example).mean();
            let (ours, theirs) = (mean(Role::Candidate)?, mean(Role::Production)?);
            ((ours - theirs).abs() > 1e-12).then_some((criterion, example, ours, theirs))
        })
    };
    // Counted first: there may be many, and a vector that grows moves them again and again. Regressed ones first, so that flips of one cost
    // need no sorting at all.
    flips.reserve_exact(found().count());
    for regressed in [true, false] {
        let some = found().filter(|(_, _, ours, theirs)| (ours < theirs) == regressed);
        flips.extend(some.map(|(criterion, example, ours, theirs)| {
            flip(inputs, criterion, example, ours, theirs)
        }));
    }
    flips.sort_by(|a, b| {
        let regressed = |flip: &Flip| flip.change >= 0.0;
        regressed(a)
            .cmp(&regressed(b))
            .then(b.cost.total_cmp(&a.cost))
            .then(b.change.abs().total_cmp(&a.change.abs()))
            .then(a.example.cmp(&b.example))
            .then(a.criterion.cmp(&b.criterion))
    });
    flips
}

fn flip(inputs: Inputs<'_>, criterion: u16, example: u32, ours: f64, theirs: f64) -> Flip {
    let failing = if ours < theirs {
        Role::Candidate
    } else {
        Role::Production
    };
    let class = inputs.scores.class_of(failing, example, criterion);
    let fresh = |role| inputs.scores.fresh(criterion, role, example).mean();
    Flip {
        example,
        criterion,
        change: ours - theirs,
        scores: (ours, theirs),
        class,
        cost: class.map_or(0.0, |class| {
            inputs.manifest.classes[class as usize].cost.amount
        }),
        fresh: fresh(Role::Candidate).zip(fresh(Role::Production)),
        why: inputs.scores.why(criterion, failing, example).cloned(),
    }
}
