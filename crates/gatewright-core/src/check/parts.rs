//! The field that says how many parts an answer has: some answer or example must have it.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{Grader, Manifest, Role, Target};
use crate::problem::{Problem, nearest};
use crate::recorded::Recorded;
use crate::reference::{Changed, ReferenceSet};
use crate::response::AttemptEnd;

/// Finds graders whose `parts_from` no answer and no example has, where all answers are there already. Every example is read
/// again only where no answer has the field.
///
/// # Errors
/// When an example is not what it was when it was loaded.
pub fn parts_from(
    manifest: &Manifest,
    reference: &ReferenceSet,
    recorded: &BTreeMap<Role, Recorded>,
) -> Result<Vec<Problem>, Changed> {
    let mut problems = Vec::new();
    let is_there = |(role, target): (&Role, &Target)| match target {
        Target::LabelsOnly => true,
        Target::Recorded(_) => recorded.contains_key(role),
        _ => false,
    };
    let systems = &manifest.systems;
    let all_there = systems
        .iter()
        .all(|(role, system)| is_there((role, &system.target)));
    if !all_there || reference.examples.is_empty() {
        return Ok(problems);
    }
    for criterion in &manifest.criteria {
        let Grader::Label(grader) = &criterion.grader else {
            continue;
        };
        let Some(field) = &grader.parts_from else {
            continue;
        };
        let mut known = BTreeSet::new();
        if has(field, reference, recorded, &mut known)? {
            continue;
        }
        let what = format!("no answer and no example has the field `{field}`");
        let at = manifest.at(&format!(
            "criteria.{}.grader.label.parts_from",
            criterion.id
        ));
        let there = known.iter().map(String::as_str);
        let instead = match (nearest(field, there.clone()), known.is_empty()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, true) => {
                "map the number of parts under `fields`, or leave `parts_from` out".to_owned()
            }
            (None, false) => format!("there are {}", super::few(there)),
        };
        let problem = Problem::error("unknown-field", at, what);
        let why = "without it a part that nobody labelled is not known to be missing";
        problems.push(problem.why(why).instead(instead));
    }
    Ok(problems)
}

/// Says whether any answer or example has a field; collects the fields that there are until one has it.
fn has(
    field: &str,
    reference: &ReferenceSet,
    recorded: &BTreeMap<Role, Recorded>,
    known: &mut BTreeSet<String>,
) -> Result<bool, Changed> {
    let mut looked = |fields: &serde_json::Map<String, serde_json::Value>| {
        let new = fields.keys().filter(|key| !known.contains(*key));
        let new: Vec<String> = new.cloned().collect();
        known.extend(new);
        fields.contains_key(field)
    };
    for one in recorded.values().flat_map(|system| &system.attempts) {
        if let AttemptEnd::Answered { response } = &one.end
            && looked(&response.fields)
        {
            return Ok(true);
        }
    }
    for example in 0..reference.examples.len() as u32 {
        if looked(&reference.example(example)?.fields) {
            return Ok(true);
        }
    }
    Ok(false)
}
