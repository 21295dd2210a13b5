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
    for criterion in 0..inputs.manifest.criteria.len() as u16 {
        if inputs.scores.shape[criterion as usize] != Shape::PassFail {
            continue;
        }
        for example in 0..inputs.reference.examples.len() as u32 {
            let ours = inputs
                .scores
                .first(criterion, Role::Candidate, example)
                .mean();
            let theirs = inputs
                .scores
                .first(criterion, Role::Production, example)
                .mean();
            let (Some(ours), Some(theirs)) = (ours, theirs) else {
                continue;
            };
            if (ours - theirs).abs() > 1e-12 {
                flips.push(flip(inputs, criterion, example, ours, theirs));
            }
        }
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
        why: inputs
            .scores
            .why(criterion, failing, example)
            .map(Into::into),
    }
}
