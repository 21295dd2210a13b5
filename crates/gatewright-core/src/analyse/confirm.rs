//! Confirmation: whole tripped slices, both arms, fresh trials (statistics.md §13). Never only the flips: selection would bias it.

use std::collections::BTreeSet;

use crate::analyse::require::compared_with;
use crate::analyse::slice::rule_slices;
use crate::analyse::{Analysis, Standing, Undecided};
use crate::manifest::{Manifest, Role};
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
        let Some(other) = compared_with(rule).filter(|_| trials > 0) else {
            continue;
        };
        for members in rule_slices(manifest, reference, rule) {
            if members.slice == finding.slice {
                examples.extend(members.examples);
                roles.extend([Role::Candidate, other]);
            }
        }
    }
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
