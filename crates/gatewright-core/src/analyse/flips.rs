//! Flips: examples that candidate and production do not score alike. Regressed first, by cost.

use std::sync::Arc;

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
    // By example, then criterion: flips of the same cost are then in order already. Noted first in few bytes: there may be many, and flips
    // that are moved about cost more than all else.
    let mut found: Vec<(u32, u16, bool)> = Vec::new();
    for example in 0..inputs.reference.examples.len() as u32 {
        for &criterion in &criteria {
            let mean = |role| inputs.scores.first(criterion, role, example).mean();
            if let (Some(ours), Some(theirs)) = (mean(Role::Candidate), mean(Role::Production))
                && (ours - theirs).abs() > 1e-12
            {
                found.push((example, criterion, ours < theirs));
            }
        }
    }
    flips.reserve_exact(found.len());
    // Regressed ones first, so that flips of one cost need no sorting at all.
    for (is_regressed, failing) in [(true, Role::Candidate), (false, Role::Production)] {
        let mut whys: Vec<Whys<'_>> = (0..inputs.manifest.criteria.len() as u16)
            .map(|criterion| Whys(inputs.scores.whys(criterion, failing)))
            .collect();
        let some = found
            .iter()
            .filter(|(.., regressed)| *regressed == is_regressed);
        flips.extend(some.map(|&(example, criterion, _)| {
            let why = whys[usize::from(criterion)].of_example(example);
            flip(inputs, (criterion, example, failing), why)
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

/// Reasons of one criterion and system that are still to come, asked for in the order of examples.
struct Whys<'a>(&'a [(u32, Arc<str>)]);

impl<'a> Whys<'a> {
    fn of_example(&mut self, example: u32) -> Option<&'a Arc<str>> {
        let past = self.0.iter().take_while(|(of, _)| *of < example).count();
        self.0 = &self.0[past..];
        let (of, why) = self.0.first()?;
        (*of == example).then_some(why)
    }
}

fn flip(
    inputs: Inputs<'_>,
    (criterion, example, failing): (u16, u32, Role),
    why: Option<&Arc<str>>,
) -> Flip {
    let mean = |role| {
        let tally = inputs.scores.first(criterion, role, example);
        // It is a flip: both have a verdict.
        tally.mean().unwrap_or_default()
    };
    let (ours, theirs) = (mean(Role::Candidate), mean(Role::Production));
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
        why: why.cloned(),
    }
}
