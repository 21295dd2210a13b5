//! Trajectories and grounding, as pages write them.

use std::collections::BTreeMap;

use super::super::segments;
use crate::grade;
use crate::manifest::node::{Content, Key, Node};
use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{
    BehaviourReading, BehaviourSign, CallRule, Grader, Grounding, Limits, Trajectory,
};
use crate::problem::{Problem, nearest};
use crate::response::Behaviour;

/// Keys of a rule on calls.
pub(in crate::manifest) const RULE: [&str; 3] = ["when", "must", "says"];
/// Keys of a count.
pub(in crate::manifest) const COUNT: [&str; 2] = ["at_least", "at_most"];
/// Keys of what shows a behaviour.
pub(in crate::manifest) const SIGN: [&str; 3] = ["patterns", "ignore_case", "when"];
/// Keys of permissions.
pub(in crate::manifest) const PERMISSIONS: [&str; 2] = ["by", "tools"];

const COUNT_MAX: u64 = 1_000_000;

/// The behaviour that a key names; reports it if it names none.
fn named(w: &mut Walk<'_>, key: &Key) -> Option<Behaviour> {
    let found = Behaviour::parse(&key.text);
    if found.is_none() {
        let words = Behaviour::ALL.map(Behaviour::word);
        let instead = match nearest(&key.text, words) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("one of {}", words.join(", ")),
        };
        let what = format!("`{}` is no behaviour", key.text);
        let at = w.location(key.place);
        w.push(Problem::error("unknown-word", at, what).instead(instead));
    }
    found
}

pub(super) fn behaviour(w: &mut Walk<'_>, fields: &Fields<'_>) -> Grader {
    let mut reading = BehaviourReading {
        stated: w.flag_at(fields, "stated", true),
        ..BehaviourReading::default()
    };
    let path = fields.at("read");
    let signs = fields
        .get("read")
        .and_then(|node| w.open_fields(node, &path));
    for (key, node) in signs.iter().flat_map(Fields::entries) {
        if let Some(behaviour) = named(w, key) {
            let path = format!("{path}.{}", key.text);
            reading.read.extend(sign(w, behaviour, node, &path));
        }
    }
    if let Some(word) = w.text_at(fields, "otherwise").map(str::to_owned) {
        reading.otherwise = Behaviour::parse(&word);
        if reading.otherwise.is_none()
            && word != "missing"
            && let Some(node) = fields.get("otherwise")
        {
            let words = Behaviour::ALL.map(Behaviour::word);
            let what = format!("`{word}` is not known as `{}`", fields.at("otherwise"));
            let instead = format!("one of {}, missing", words.join(", "));
            w.error(node, "unknown-word", what, instead);
        }
    }
    Grader::Behaviour(Box::new(reading))
}

/// Reads what shows a behaviour: patterns, or a mapping with patterns and an expression.
fn sign(w: &mut Walk<'_>, behaviour: Behaviour, node: &Node, path: &str) -> Option<BehaviourSign> {
    let mut sign = BehaviourSign {
        behaviour,
        patterns: Vec::new(),
        ignore_case: true,
        when: None,
    };
    let patterns = match &node.content {
        Content::Map(_) => {
            let own = w.fields(node, path, &SIGN)?;
            sign.ignore_case = w.flag_at(&own, "ignore_case", true);
            sign.when = w.text_at(&own, "when").map(str::to_owned);
            if let (Some(node), Some(text)) = (own.get("when"), &sign.when) {
                check_expression(w, node, text, false);
            }
            own.get("patterns")
        }
        _ => Some(node),
    };
    if let Some(patterns) = patterns {
        for node in w.list(patterns, path) {
            if let Some(text) = w.text(node, path).map(str::to_owned) {
                segments::check_pattern(w, node, &text);
                sign.patterns.push(text);
            }
        }
    }
    if sign.patterns.is_empty() && sign.when.is_none() {
        let what = format!("`{path}` says nothing that shows it");
        let instead = "patterns, such as `[\"^I can(no|\'t) \"]`, or `{when: CEL}`";
        w.error(node, "missing-key", what, instead);
    }
    Some(sign)
}

/// Reads `behaviour` of a label grader: behaviours to the labels that name them.
pub(super) fn labelled(w: &mut Walk<'_>, fields: &Fields<'_>) -> BTreeMap<String, Behaviour> {
    let mut labels = BTreeMap::new();
    let path = fields.at("behaviour");
    let Some(node) = fields.get("behaviour") else {
        return labels;
    };
    if let Some(other) = ["values", "score"].into_iter().find(|it| fields.has(it)) {
        let what = format!("`{path}` stands beside `{other}`");
        let instead = "`behaviour`, where labels say what was done; `values`, where they say whether it was right";
        w.error(node, "two-meanings", what, instead);
        return labels;
    }
    let named_by = w.open_fields(node, &path);
    for (key, node) in named_by.iter().flat_map(Fields::entries) {
        let Some(behaviour) = named(w, key) else {
            continue;
        };
        for label in w.texts(node, &format!("{path}.{}", key.text)) {
            if labels.insert(label.clone(), behaviour).is_some() {
                let what = format!("the label `{label}` names two behaviours");
                w.error(node, "label-twice", what, "each label once");
            }
        }
    }
    if labels.is_empty() {
        let what = format!("`{path}` gives no label a meaning");
        let instead = "`{answer: [full], refuse: [refusal]}`";
        w.error(node, "missing-key", what, instead);
    }
    labels
}

/// Reports an expression that cannot be used, at the name that is at fault where there is one.
fn check_expression(w: &mut Walk<'_>, node: &Node, text: &str, on_call: bool) -> bool {
    let Err(flaw) = grade::usable(text, on_call) else {
        return true;
    };
    let quote = matches!(node.content, Content::Scalar { plain: false, .. });
    let (line, column) = node.place;
    // Where a text goes over several lines, its first place is all that is known.
    let inside = flaw.at.filter(|_| !text.contains('\n'));
    let offset = inside.map_or(0, |at| at as u32 + u32::from(quote));
    let at = w.location((line, column + offset));
    let instead = flaw
        .instead
        .unwrap_or_else(|| "CEL such as `call.arguments.amount <= 50.0`".to_owned());
    w.push(Problem::error("bad-rule", at, flaw.what).instead(instead));
    false
}

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
    let mut usable = true;
    if let (Some(node), Some(text)) = (fields.get("final"), &trajectory.final_state) {
        usable = check_expression(w, node, text, false);
    }
    for node in w.list_at(fields, "rules") {
        // The list was read before: only its expressions are looked at.
        let Content::Map(entries) = &node.content else {
            continue;
        };
        for (key, node) in entries {
            if let ("when" | "must", Content::Scalar { text, .. }) =
                (key.text.as_str(), &node.content)
            {
                usable &= check_expression(w, node, text, true);
            }
        }
    }
    if !usable {
        return None;
    }
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
