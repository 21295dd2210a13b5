//! Trajectories and grounding, as pages write them.

use std::collections::BTreeMap;

use super::super::segments;
use crate::grade;
use crate::manifest::node::Node;
use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{CallRule, Grader, Grounding, Limits, Trajectory};

/// Keys of a rule on calls.
pub(in crate::manifest) const RULE: [&str; 3] = ["when", "must", "says"];
/// Keys of a count.
pub(in crate::manifest) const COUNT: [&str; 2] = ["at_least", "at_most"];
/// Keys of permissions.
pub(in crate::manifest) const PERMISSIONS: [&str; 2] = ["by", "tools"];

const COUNT_MAX: u64 = 1_000_000;

pub(super) fn grounding(w: &mut Walk<'_>, fields: &Fields<'_>) -> Grader {
    Grader::Grounding(Grounding {
        must_cite: w.flag_at(fields, "must_cite", true),
        quotes: w.flag_at(fields, "quotes", true),
        numbers: w.flag_at(fields, "numbers", true),
        conflicts: w.text_at(fields, "conflicts").map(str::to_owned),
    })
}

pub(super) fn trajectory(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    if fields.entries().next().is_none() {
        let what = format!("`{}` asks for nothing", fields.path);
        w.error_in(
            fields,
            "missing-key",
            what,
            "`{never: [delete_account], before: {pay: [quote]}}`",
        );
        return None;
    }
    let trajectory = Trajectory {
        from: w.text_at(fields, "from").map(str::to_owned),
        only: w.texts_at(fields, "only"),
        never: w.texts_at(fields, "never"),
        before: before(w, fields),
        counts: counts(w, fields),
        arguments: by_tool(w, fields, "arguments", |_, node, _| Some(node.json())),
        rules: rules(w, fields),
        permissions: permissions(w, fields),
        writes: w.texts_at(fields, "writes"),
        confirmed_by: confirmed_by(w, fields),
        one_at_a_time: w.flag_at(fields, "one_at_a_time", false),
        audit: by_tool(w, fields, "audit", |w, node, path| {
            Some(w.texts(node, path))
        }),
        final_state: w.text_at(fields, "final").map(str::to_owned),
    };
    for key in ["only", "never", "writes"] {
        if let Some(node) = fields.get(key)
            && w.list(node, &fields.at(key)).is_empty()
        {
            let what = format!("`{}` names no tool", fields.at(key));
            w.error(
                node,
                "missing-key",
                what,
                "the tools it is about, or no such key",
            );
        }
    }
    if let Some(node) = fields.get("confirmed_by")
        && trajectory.writes.is_empty()
    {
        let what = format!("`{}` confirms no tool", fields.at("confirmed_by"));
        w.error(
            node,
            "missing-key",
            what,
            "`writes: [book, cancel]`, the tools that need it",
        );
    }
    if let Err((key, why)) = grade::trajectory(&trajectory) {
        let top = key.split(['.', '[']).next().unwrap_or_default();
        let what = format!("`{}` cannot be used: {why}", fields.at(&key));
        let instead = "CEL such as `call.arguments.amount <= 50.0`, a JSON Schema, or a pattern";
        match fields.get(top) {
            Some(node) => w.error(node, "bad-rule", what, instead),
            None => w.error_in(fields, "bad-rule", what, instead),
        }
        return None;
    }
    Some(Grader::Trajectory(Box::new(trajectory)))
}

fn by_tool<T>(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    key: &str,
    mut read: impl FnMut(&mut Walk<'_>, &Node, &str) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut of = BTreeMap::new();
    if let Some(node) = fields.get(key)
        && let Some(open) = w.open_fields(node, &fields.at(key))
    {
        for (tool, node) in open.entries() {
            let path = open.at(&tool.text);
            if let Some(value) = read(w, node, &path) {
                of.insert(tool.text.clone(), value);
            }
        }
    }
    of
}

/// `before: {pay: [quote, login]}`: `pay` only after `quote` and after `login`.
fn before(w: &mut Walk<'_>, fields: &Fields<'_>) -> Vec<(String, String)> {
    let by = by_tool(w, fields, "before", |w, node, path| {
        Some(w.texts(node, path))
    });
    by.into_iter()
        .flat_map(|(later, earlier)| {
            let pair = move |one: String| (one, later.clone());
            earlier.into_iter().map(pair)
        })
        .collect()
}

fn counts(w: &mut Walk<'_>, fields: &Fields<'_>) -> BTreeMap<String, Limits> {
    by_tool(w, fields, "counts", |w, node, path| {
        let own = w.fields(node, path, &COUNT)?;
        Some(Limits {
            at_least: w.count_at(&own, "at_least", 0..=COUNT_MAX),
            at_most: w.count_at(&own, "at_most", 0..=COUNT_MAX),
        })
    })
}

fn rules(w: &mut Walk<'_>, fields: &Fields<'_>) -> Vec<CallRule> {
    let path = fields.at("rules");
    let mut read = Vec::new();
    for (index, node) in w.list_at(fields, "rules").iter().enumerate() {
        let Some(own) = w.fields(node, &format!("{path}[{index}]"), &RULE) else {
            continue;
        };
        let Some(must) = w.text_at(&own, "must").map(str::to_owned) else {
            let what = format!("`{}` says nothing that must hold", own.path);
            w.error_in(
                &own,
                "missing-key",
                what,
                "`must: call.arguments.amount <= 50.0`",
            );
            continue;
        };
        read.push(CallRule {
            when: w.text_at(&own, "when").map(str::to_owned),
            must,
            says: w.text_at(&own, "says").map(str::to_owned),
        });
    }
    read
}

fn permissions(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
) -> Option<(String, BTreeMap<String, Vec<String>>)> {
    let node = fields.get("permissions")?;
    let own = w.fields(node, &fields.at("permissions"), &PERMISSIONS)?;
    let tools = by_tool(w, &own, "tools", |w, node, path| Some(w.texts(node, path)));
    match w.text_at(&own, "by").map(str::to_owned) {
        Some(by) if !tools.is_empty() => Some((by, tools)),
        _ => {
            let what = format!("`{}` does not say whose tools are which", own.path);
            w.error_in(
                &own,
                "missing-key",
                what,
                "`{by: role, tools: {guest: [read], staff: [read, refund]}}`",
            );
            None
        }
    }
}

fn confirmed_by(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<String> {
    let text = w.text_at(fields, "confirmed_by").map(str::to_owned)?;
    if let Some(node) = fields.get("confirmed_by") {
        segments::check_pattern(w, node, &text);
    }
    Some(text)
}
