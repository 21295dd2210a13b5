//! Confirmation: whole tripped slices, both arms, fresh trials (statistics.md §13). Never only the flips: selection would bias it.

use std::collections::BTreeSet;

use crate::analyse::require::compared_with;
use crate::analyse::slice::rule_slices;
use crate::analyse::{Analysis, Standing, Undecided};
use crate::manifest::{Manifest, Role, Verb};
use crate::plan::{Confirmation, Plan};
use crate::reference::ReferenceSet;

/// Plans the fresh trials that would settle every guard that tripped and can be run again.
pub fn confirmation(
    manifest: &Manifest,
    reference: &ReferenceSet,
    plan: &Plan,
    analysis: &Analysis,
) -> Option<Confirmation> {
    let mut examples = BTreeSet::new();
    let mut roles = BTreeSet::new();
    for finding in &analysis.findings {
        let Standing::Undecided(Undecided::Unconfirmed { trials, .. }) = finding.standing else {
            continue;
        };
        let rule = &manifest.gate[finding.rule];
        // What only reports is not worth fresh trials.
        let wanted = trials > 0 && finding.deciding;
        let Some(other) = compared_with(rule).filter(|_| wanted) else {
            continue;
        };
        for members in rule_slices(manifest, reference, rule) {
            if members.slice == finding.slice {
                examples.extend(members.examples);
                roles.extend([Role::Candidate, other]);
            }
        }
    }
    round(plan, examples, roles)
}

/// Plans the largest round that [`confirmation`] could ask for: every guard between systems that can be called trips everywhere. It says before the
/// run what a confirmation may add at most; nothing when nothing could be confirmed.
pub fn confirmation_at_most(
    manifest: &Manifest,
    reference: &ReferenceSet,
    plan: &Plan,
) -> Option<Confirmation> {
    let can_rerun = |role: Role| {
        let system = manifest.systems.get(&role);
        system.is_some_and(|system| system.target.can_rerun())
    };
    let mut examples = BTreeSet::new();
    let mut roles = BTreeSet::new();
    for rule in manifest.gate.iter().filter(|rule| rule.verb == Verb::Guard) {
        let Some(other) = compared_with(rule).filter(|&other| can_rerun(other)) else {
            continue;
        };
        if !can_rerun(Role::Candidate) {
            continue;
        }
        for members in rule_slices(manifest, reference, rule) {
            examples.extend(members.examples);
        }
        roles.extend([Role::Candidate, other]);
    }
    round(plan, examples, roles)
}

/// Makes a round of fresh trials, after all that were planned before.
fn round(plan: &Plan, examples: BTreeSet<u32>, roles: BTreeSet<Role>) -> Option<Confirmation> {
    if examples.is_empty() {
        return None;
    }
    let first_look = plan
        .systems
        .iter()
        .map(|system| system.trials)
        .max()
        .unwrap_or(1);
    let used = plan
        .confirmations
        .iter()
        .map(|round| round.first_trial + round.trials)
        .max()
        .unwrap_or(0);
    Some(Confirmation {
        examples: examples.into_iter().collect(),
        roles: roles.into_iter().collect(),
        first_trial: first_look.max(used),
        trials: Plan::CONFIRM_TRIALS,
    })
}
