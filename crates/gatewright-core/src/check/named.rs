//! Names that a criterion takes from elsewhere: fields of examples, and tools. A name that nothing has switches its rule off without a word.

use std::collections::BTreeSet;

use crate::manifest::{Grader, Manifest, Trajectory};
use crate::problem::{Problem, nearest};
use crate::reference::ReferenceSet;

/// Examples that are read to learn which tools they name.
const READ_MAX: usize = 2000;

pub(super) fn check(manifest: &Manifest, reference: &ReferenceSet, problems: &mut Vec<Problem>) {
    for criterion in &manifest.criteria {
        let mut graders = Vec::new();
        parts(&criterion.grader, &mut graders);
        for grader in graders {
            let path = format!("criteria.{}.grader", criterion.id);
            if let Some((key, field)) = field_of(grader) {
                problems.extend(unknown_field(
                    reference,
                    (criterion.id.as_str(), key, field),
                    manifest.at(&path),
                ));
            }
            if let Grader::Trajectory(rules) = grader {
                for (tool, meant) in misspelt(rules, reference) {
                    let what = format!("only `{}` names a tool `{tool}`", criterion.id);
                    problems.push(
                        Problem::suggestion("unknown-tool", manifest.at(&path), what)
                            .why("a rule on a tool that nobody calls says nothing")
                            .instead(format!("did you mean `{meant}`?")),
                    );
                }
            }
        }
    }
}

/// A grader and, where it joins others, those.
fn parts<'g>(grader: &'g Grader, into: &mut Vec<&'g Grader>) {
    into.push(grader);
    if let Grader::Joined { of, .. } = grader {
        of.iter().for_each(|one| parts(one, into));
    }
}

/// The field of examples that a grader's rule hangs on.
fn field_of(grader: &Grader) -> Option<(&'static str, &str)> {
    match grader {
        Grader::Grounding(rules) => Some(("conflicts", rules.conflicts.as_deref()?)),
        Grader::Trajectory(rules) => Some(("permissions", &rules.permissions.as_ref()?.0)),
        _ => None,
    }
}

/// An error where no example has the field. Sets are read until one has it, which is mostly the first.
fn unknown_field(
    reference: &ReferenceSet,
    (criterion, key, field): (&str, &str, &str),
    at: crate::problem::Location,
) -> Option<Problem> {
    let mut seen = BTreeSet::new();
    for index in 0..reference.examples.len() as u32 {
        let Ok(example) = reference.example(index) else {
            continue;
        };
        if example.fields.contains_key(field) {
            return None;
        }
        seen.extend(example.fields.keys().cloned());
    }
    if reference.examples.is_empty() {
        return None;
    }
    let what = format!("`{key}` of `{criterion}` names the field `{field}`, and no example has it");
    let instead = match nearest(field, seen.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if seen.is_empty() => {
            format!("put it under `fields` of the examples that it is about: {{\"{field}\": …}}")
        }
        None => format!(
            "a field of the examples, by its own name: {}",
            super::few(seen.iter().map(String::as_str))
        ),
    };
    Some(
        Problem::error("unknown-field", at, what)
            .why("its rule would pass everything")
            .instead(instead),
    )
}

/// Tools that one list of the rules alone names, and that are written nearly like another one.
fn misspelt(rules: &Trajectory, reference: &ReferenceSet) -> Vec<(String, String)> {
    let mut lists: Vec<BTreeSet<&str>> = vec![
        rules.only.iter().map(String::as_str).collect(),
        rules.never.iter().map(String::as_str).collect(),
        rules.writes.iter().map(String::as_str).collect(),
        rules.counts.keys().map(String::as_str).collect(),
        rules.arguments.keys().map(String::as_str).collect(),
        rules.audit.keys().map(String::as_str).collect(),
    ];
    let pairs = rules.before.iter();
    lists.push(
        pairs
            .flat_map(|(first, second)| [first.as_str(), second])
            .collect(),
    );
    if let Some((_, roles)) = &rules.permissions {
        lists.push(roles.values().flatten().map(String::as_str).collect());
    }
    let mut called: BTreeSet<String> = BTreeSet::new();
    for index in 0..reference.examples.len().min(READ_MAX) as u32 {
        if let Ok(example) = reference.example(index) {
            let expect = &example.expect;
            called.extend(expect.must_call.iter().cloned());
            called.extend(expect.must_not_call.iter().cloned());
        }
    }
    lists.push(called.iter().map(String::as_str).collect());
    let all: BTreeSet<&str> = lists.iter().flatten().copied().collect();
    let alone = |tool: &str| lists.iter().filter(|list| list.contains(tool)).count() == 1;
    let mut found = Vec::new();
    for &tool in &all {
        // What examples name may be named there alone.
        if called.contains(tool) || !alone(tool) {
            continue;
        }
        let others = all.iter().copied().filter(|other| *other != tool);
        if let Some(meant) = nearest(tool, others) {
            found.push((tool.to_owned(), meant.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::read::read;
    use crate::reference::load;
    use crate::testing::lines;

    const PAGE: &str = "\
gatewright: 1
promise: Answer billing questions from the current policy.
tasks: {refund: a, invoice: b}
failures: {source-conflict: {severity: high}}
owners: {product: Maria}
systems: {candidate: {recorded: a.jsonl}, production: {recorded: b.jsonl}}
reference: [e.jsonl]
criteria: {c: {grader: GRADER, fails_as: source-conflict}}
gate: [{watch: c, owner: product}]
";
    const SET: &str = r#"{"id":"e1","input":"May I have it back?","segments":{"task":"refund"},"expect":{"must_call":["refund"]},"fields":{"contradict":true,"role":"agent"}}"#;

    fn found(grader: &str) -> Vec<String> {
        let (manifest, problems) = read(PAGE.replace("GRADER", grader).as_bytes(), "g.yaml");
        let manifest = manifest.unwrap_or_else(|| panic!("{:?}", lines(&problems)));
        let source = manifest.reference[0].clone();
        let rows = [(source, "e.jsonl".to_owned(), SET.as_bytes().to_vec())];
        let mut problems = Vec::new();
        let set = load::in_memory(&manifest, rows, &mut problems);
        assert!(problems.is_empty(), "{:?}", lines(&problems));
        let mut said = Vec::new();
        check(&manifest, &set, &mut said);
        said.iter()
            .map(|it| format!("{} {}", it.code, it.what))
            .collect()
    }

    #[test]
    fn a_field_that_no_example_has_is_an_error() {
        for (grader, field) in [
            ("{grounding: {conflicts: contradictt}}", "contradictt"),
            (
                "{grounding: {conflicts: fields.contradict}}",
                "fields.contradict",
            ),
            (
                "{trajectory: {permissions: {by: rolle, tools: {agent: [refund]}}}}",
                "rolle",
            ),
            (
                "{all: {of: [{contains: {}}, {grounding: {conflicts: x}}]}}",
                "x",
            ),
        ] {
            let said = found(grader);
            assert_eq!(said.len(), 1, "{grader}: {said:?}");
            assert!(
                said[0].starts_with("unknown-field") && said[0].contains(&format!("`{field}`")),
                "{said:?}"
            );
        }
        for grader in [
            "{grounding: {conflicts: contradict}}",
            "{grounding: {}}",
            "{trajectory: {permissions: {by: role, tools: {agent: [refund]}}}}",
        ] {
            assert_eq!(found(grader), [""; 0], "{grader}");
        }
    }

    #[test]
    fn a_tool_that_is_nearly_another_one_is_asked_about() {
        let said = found("{trajectory: {audit: {reefund: [by]}}}");
        assert_eq!(said, ["unknown-tool only `c` names a tool `reefund`"]);
        for grader in [
            "{trajectory: {audit: {refund: [by]}}}",
            "{trajectory: {never: [delete_account]}}",
            "{trajectory: {audit: {lookup: [by]}, counts: {lookup: {at_most: 2}}}}",
        ] {
            assert_eq!(found(grader), [""; 0], "{grader}");
        }
    }
}
