//! Keys that match nothing, or more than one question: each is a problem that says what to match by instead.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ids::question;
use super::pair::{By, Group, Key, Placed};
use super::{Case, Log, Row, name};
use crate::manifest::Role;
use crate::problem::{Location, Problem};

pub(super) fn no_key(log: &Log, row: &Row, key: &Key) -> Problem {
    let field = match key {
        Key::Field(field) => field.as_str(),
        _ => "id",
    };
    let known = row.case.names();
    let instead = match crate::problem::nearest(field, known.iter().map(String::as_str)) {
        Some(near) => format!("--key {near}"),
        None if known.is_empty() => "--key content".to_owned(),
        None => format!("--key content, or one of: {}", name(&known.join(", "))),
    };
    let what = format!("{} has no `{field}`", row.place);
    Problem::error("missing-key", Location::file(&log.file), what)
        .why("without it the answer belongs to no example")
        .instead(instead)
}

/// Says whether anything was asked: all that ask nothing would be repeats of one example.
pub(super) fn is_asked(case: &Case) -> bool {
    match &case.content {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

pub(super) fn no_question(log: &Log, row: &Row) -> Problem {
    let what = format!("{} has no question, and is matched by it", row.place);
    let known = row.case.names();
    let instead = match known.is_empty() {
        true => "a question in every row".to_owned(),
        false => format!(
            "--key with a field that each example has, one of: {}",
            name(&known.join(", "))
        ),
    };
    Problem::error("missing-key", Location::file(&log.file), what)
        .why("without it the answer belongs to no example")
        .instead(instead)
}

/// Says where one key means several questions of one system: they would be taken for repeats of one example.
pub(super) fn several_questions(groups: &[Group<'_>], logs: &[Log], problems: &mut Vec<Problem>) {
    let mut first: Option<(&Group<'_>, Placed<'_>, Placed<'_>)> = None;
    let mut more = 0;
    for group in groups {
        let mut asked: BTreeMap<Role, (String, Placed<'_>)> = BTreeMap::new();
        let other = group.rows.iter().find_map(|placed| {
            let (role, _, row) = *placed;
            let content = question(&row.case.content);
            let (known, before) = asked.entry(role).or_insert((content.clone(), *placed));
            (*known != content).then_some((*before, *placed))
        });
        match (other, &first) {
            (Some((before, after)), None) => first = Some((group, before, after)),
            (Some(_), Some(_)) => more += 1,
            (None, _) => {}
        }
    }
    let Some((group, (_, _, before), (_, log, after))) = first else {
        return;
    };
    let more = match more {
        0 => String::new(),
        1 => ", and 1 more key is like this".to_owned(),
        more => format!(", and {more} more keys are like this"),
    };
    let what = format!(
        "`{}` is the key of two questions of `{}`: {} and {}{more}",
        name(&group.key),
        name(&after.system),
        before.place,
        after.place
    );
    problems.push(
        Problem::error("other-question", Location::file(&logs[log].file), what)
            .why("they would count as repeats of one example")
            .instead("--key with a field that tells the examples apart, or --key content"),
    );
}

/// Says where one id means two questions.
pub(super) fn same_questions(
    groups: &[Group<'_>],
    by: By,
    logs: &[Log],
    notes: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) {
    let mut stated = 0;
    for group in groups {
        let (_, first_log, first) = group.rows[0];
        let other = group
            .rows
            .iter()
            .find(|(.., row)| question(&row.case.content) != question(&first.case.content));
        let Some((_, log, row)) = other else { continue };
        if by == By::Field {
            stated += 1;
            continue;
        }
        let what = format!(
            "`{}` is another question in {} ({}) than in {} ({})",
            name(&group.key),
            logs[*log].file,
            row.place,
            logs[first_log].file,
            first.place
        );
        problems.push(
            Problem::error("other-question", Location::file(&logs[*log].file), what)
                .why("answers to two questions would be compared")
                .instead("--key content, to match by what was asked; or --key FIELD with ids of your own"),
        );
    }
    if stated > 0 {
        notes.push(format!("{stated} examples are asked in other words in another file or system: your key says that they are the same"));
    }
}
