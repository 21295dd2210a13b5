//! Model judges, and the criteria that ask them or a program.

use std::collections::BTreeMap;

use super::systems;
use crate::digest::Digest;
use crate::manifest::node::Node;
use crate::manifest::walk::{Fields, Walk, join};
use crate::manifest::{Judge, JudgeGrader, Manifest, ProgramGrader, Sees, Target, quantity};
use crate::problem::{Problem, nearest};

/// Keys of a judge.
pub(in crate::manifest) const JUDGE: [&str; 8] = [
    "command",
    "workers",
    "env",
    "openai",
    "anthropic",
    "http",
    "provider",
    "timeout",
];
/// The ways to reach a judge; each has exactly one.
const WAYS: [&str; 5] = ["command", "openai", "anthropic", "http", "provider"];
/// Most judges of one panel, votes of one judge, and canaries of one kind.
const PANEL_MAX: usize = 9;
const VOTES_MAX: u64 = 9;
const CANARIES_MAX: u64 = 200;
/// Canaries of each kind, unless the page says otherwise.
const CANARIES: u32 = 8;

pub(super) fn read(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    let judges = top
        .get("judges")
        .and_then(|node| w.open_fields(node, "judges"));
    let mut read = BTreeMap::new();
    for (key, node) in judges.iter().flat_map(Fields::entries) {
        w.identifier(key.place, &key.text, "a judge");
        if let Some(judge) = judge(w, &key.text, node) {
            read.insert(key.text.clone(), judge);
        }
    }
    page.judges = read;
}

fn judge(w: &mut Walk<'_>, name: &str, node: &Node) -> Option<Judge> {
    let path = join("judges", name);
    let fields = w.fields(node, &path, &JUDGE)?;
    let (target, timeout_ms) = systems::reached(w, &fields, &WAYS)?;
    if let Target::Live(live) = &target
        && (live.prompt.is_some() || live.http.is_some())
        && live.http.is_none()
    {
        let what = format!("`{path}` has a prompt of its own");
        w.error(
            node,
            "not-here",
            what,
            "take `prompt` away: the rubric is what a judge is asked",
        );
    }
    Some(Judge {
        name: name.to_owned(),
        target,
        timeout_ms,
        fingerprint: Digest::of_json(&node.json()),
    })
}

/// Reads a criterion that judges judge.
pub(super) fn grader(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    page: &Manifest,
) -> Option<JudgeGrader> {
    const MODES: [(&str, bool); 2] = [("single", false), ("pair", true)];
    let file = w.text_at(fields, "rubric").map(str::to_owned);
    if fields.get("rubric").is_none() {
        let what = format!("`{}` has no rubric", fields.path);
        w.error_in(fields, "missing-key", what, "`rubric: rubrics/grounded.md`");
    }
    let by = by(w, fields, page);
    let sees = sees(w, fields);
    Some(JudgeGrader {
        file: file?,
        rubric: None,
        by: by?,
        sees,
        pair: w.word_at(fields, "mode", &MODES).unwrap_or(false),
        votes: w.count_at(fields, "votes", 1..=VOTES_MAX).unwrap_or(1) as u32,
        structured: w.flag_at(fields, "structured", false),
        canaries: w
            .count_at(fields, "canaries", 0..=CANARIES_MAX)
            .map_or(CANARIES, |count| count as u32),
    })
}

fn by(w: &mut Walk<'_>, fields: &Fields<'_>, page: &Manifest) -> Option<Vec<String>> {
    let Some(node) = fields.get("by") else {
        let what = format!("`{}` does not say who judges", fields.path);
        w.error_in(
            fields,
            "missing-key",
            what,
            "`by: NAME`, one of the page's `judges`",
        );
        return None;
    };
    let names = w.texts(node, &fields.at("by"));
    let mut known = Vec::new();
    for name in names {
        if !page.judges.contains_key(&name) {
            let instead = match nearest(&name, page.judges.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("`judges: {{{name}: {{openai: {{model: …}}}}}}` on the page"),
            };
            w.error(
                node,
                "unknown-judge",
                format!("`{name}` is no judge"),
                instead,
            );
        } else if known.contains(&name) {
            let what = format!("`{name}` is in the panel twice");
            w.error(
                node,
                "judge-twice",
                what,
                "`votes: 2` lets one judge judge twice",
            );
        } else {
            known.push(name);
        }
    }
    if known.len() > PANEL_MAX {
        let what = format!("a panel has at most {PANEL_MAX} judges");
        w.error(node, "large-panel", what, "fewer judges");
    }
    (!known.is_empty()).then_some(known)
}

fn sees(w: &mut Walk<'_>, fields: &Fields<'_>) -> Sees {
    const PARTS: [(&str, u8); 4] = [("input", 0), ("sources", 1), ("expect", 2), ("context", 3)];
    let Some(node) = fields.get("sees") else {
        return Sees {
            sources: true,
            ..Sees::default()
        };
    };
    let mut sees = Sees::default();
    let path = fields.at("sees");
    for item in w.list(node, &path) {
        match w.word(item, &path, &PARTS) {
            Some(1) => sees.sources = true,
            Some(2) => sees.expect = true,
            Some(3) => sees.context = true,
            _ => {}
        }
    }
    sees
}

/// Reads a criterion that a program grades.
pub(super) fn program(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<ProgramGrader> {
    let Some(node) = fields.get("command") else {
        let at = w.location(fields.entries().next().map_or((1, 1), |(key, _)| key.place));
        let what = format!("`{}` names no program", fields.path);
        w.push(
            Problem::error("missing-key", at, what)
                .instead("`command: [python3, graders/tone.py]`"),
        );
        return None;
    };
    let Target::Command { argv, env, .. } = systems::command(w, fields, node)? else {
        return None;
    };
    Some(ProgramGrader {
        fingerprint: Digest::of_json(&argv),
        argv,
        env,
        workers: w
            .count_at(fields, "workers", 1..=256)
            .map(|count| count as u32),
        timeout_ms: w
            .quantity_at(fields, "timeout", quantity::milliseconds)
            .map(|it| it.ceil() as u64),
        memory_mib: w.quantity_at(fields, "memory", quantity::mebibytes),
    })
}
