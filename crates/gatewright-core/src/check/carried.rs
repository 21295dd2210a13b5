//! Trials that one recorded system carries and another does not.

use std::collections::BTreeMap;

use crate::manifest::{Manifest, Role};
use crate::problem::Problem;

/// Finds recorded systems with fewer trials an example than another. `carried` has the trials of each recorded system that was read.
///
/// What one of them lacks is planned all the same, and missing: else it could be cut off unseen.
pub fn unequal_trials(manifest: &Manifest, carried: &BTreeMap<Role, u32>) -> Vec<Problem> {
    let Some((most_role, &most)) = carried.iter().max_by_key(|(_, trials)| **trials) else {
        return Vec::new();
    };
    let fewer = carried.iter().filter(|(_, trials)| **trials < most);
    let problem = |(role, trials): (&Role, &u32)| {
        let s = if *trials == 1 { "" } else { "s" };
        let what = format!(
            "{} is recorded with {trials} trial{s} an example, {} with {most}",
            role.word(),
            most_role.word()
        );
        Problem::suggestion(
            "unequal-trials",
            manifest.at(&format!("systems.{}", role.word())),
            what,
        )
        .why("the trials that it lacks count as missing, so they can hold the release")
        .instead("record as many of both, or keep the same ones of both with `where`")
    };
    fewer.map(problem).collect()
}
