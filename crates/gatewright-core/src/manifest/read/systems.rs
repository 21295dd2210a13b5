//! Systems under test, by role.

use super::source::{self, Use};
use crate::digest::Digest;
use crate::manifest::node::{Content, Node};
use crate::manifest::walk::{Fields, Walk, join};
use crate::manifest::{Manifest, Role, System, Target, quantity};

/// Keys of a system.
pub(in crate::manifest) const KEYS: [&str; 11] = [
    "name",
    "recorded",
    "labels_only",
    "command",
    "workers",
    "env",
    "openai",
    "anthropic",
    "http",
    "provider",
    "timeout",
];
/// The ways to reach a system; each has exactly one.
const WAYS: [&str; 7] = [
    "recorded",
    "labels_only",
    "command",
    "openai",
    "anthropic",
    "http",
    "provider",
];

pub(super) fn read(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    let roles = Role::ALL.map(Role::word);
    if let Some(node) = top.get("systems")
        && let Some(systems) = w.fields(node, "systems", &roles)
    {
        for role in Role::ALL {
            if let Some(node) = systems.get(role.word())
                && let Some(system) = system(w, node, role)
            {
                page.systems.insert(role, system);
            } else if systems.has(role.word()) && systems.get(role.word()).is_none() {
                let what = format!("`systems.{}` is empty", role.word());
                w.error_in(
                    &systems,
                    "no-target",
                    what,
                    "`{recorded: runs/v12.jsonl}` or `{command: [./assistant]}`",
                );
            }
        }
        if !systems.has("candidate") {
            w.error_in(
                &systems,
                "no-candidate",
                "`systems` has no candidate",
                "`candidate: {recorded: runs/v12.jsonl}`",
            );
        }
    } else if !top.has("systems") {
        w.error_in(top, "no-candidate", "the page names no systems", "`systems: {candidate: {recorded: runs/v12.jsonl}, production: {recorded: runs/v11.jsonl}}`");
    }
}

fn system(w: &mut Walk<'_>, node: &Node, role: Role) -> Option<System> {
    let path = join("systems", role.word());
    let fields = w.fields(node, &path, &KEYS)?;
    let (target, timeout_ms) = reached(w, &fields, &WAYS)?;
    let name = w.text_at(&fields, "name").unwrap_or(role.word()).to_owned();
    if let Some(node) = fields.get("name") {
        w.name(node.place, &name, "a system");
    }
    Some(System {
        role,
        name,
        target,
        timeout_ms,
        fingerprint: Digest::of_json(&node.json()),
    })
}

/// Reads how a system or a judge is reached, and its promise of time in milliseconds.
pub(super) fn reached(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    ways: &[&'static str],
) -> Option<(Target, Option<u64>)> {
    let path = &fields.path;
    let written: Vec<&str> = ways.iter().copied().filter(|way| fields.has(way)).collect();
    let way = match written.as_slice() {
        [one] => *one,
        [] => {
            w.error_in(
                fields,
                "no-target",
                format!("`{path}` does not say how it is reached"),
                format!("one of {}", ways.join(", ")),
            );
            return None;
        }
        [_, second, ..] => {
            let what = format!(
                "`{path}` is reached in more than one way: {}",
                written.join(", ")
            );
            match fields.get(second) {
                Some(node) => w.error(node, "two-targets", what, "keep one"),
                None => w.error_in(fields, "two-targets", what, "keep one"),
            }
            return None;
        }
    };
    if way != "command" {
        for key in ["workers", "env"] {
            if let Some(node) = fields.get(key) {
                w.error(
                    node,
                    "not-here",
                    format!("`{key}` belongs to a command"),
                    format!("take `{key}` away"),
                );
            }
        }
    }
    let target = target(w, fields, way)?;
    let timeout = w.quantity_at(fields, "timeout", quantity::milliseconds);
    Some((target, timeout.map(|it| it.ceil() as u64)))
}

fn target(w: &mut Walk<'_>, fields: &Fields<'_>, way: &str) -> Option<Target> {
    let Some(node) = fields.get(way) else {
        let what = format!("`{}` is empty", fields.at(way));
        w.error_in(fields, "no-target", what, "say how the system is reached");
        return None;
    };
    match way {
        "recorded" => source::read(w, node, &fields.at(way), Use::Outputs).map(Target::Recorded),
        "labels_only" => {
            if !w.flag_at(fields, way, true) {
                let what = format!("`{}` can only be true", fields.at(way));
                w.error(
                    node,
                    "no-target",
                    what,
                    "`labels_only: true`, or another way to reach it",
                );
            }
            Some(Target::LabelsOnly)
        }
        "command" => command(w, fields, node),
        kind => super::live::read(w, node, &fields.at(kind), kind),
    }
}

pub(super) fn command(w: &mut Walk<'_>, fields: &Fields<'_>, node: &Node) -> Option<Target> {
    let argv = w.texts(node, &fields.at("command"));
    if argv.first().is_none_or(|program| program.is_empty()) {
        w.error(
            node,
            "no-target",
            "the command names no program",
            "`command: [./assistant, --version, \"12\"]`",
        );
        return None;
    }
    if matches!(node.content, Content::Scalar { .. }) && argv[0].contains(' ') {
        let what = format!("`{}` looks like a shell line; no shell runs it", argv[0]);
        let list = argv[0].split_whitespace().collect::<Vec<_>>().join(", ");
        w.error(
            node,
            "shell-line",
            what,
            format!("a list: `command: [{list}]`"),
        );
    }
    let env = w.texts_at(fields, "env");
    if let Some(node) = fields.get("env") {
        for name in &env {
            let good = !name.is_empty()
                && name
                    .chars()
                    .all(|it| it.is_ascii_alphanumeric() || it == '_')
                && !name.starts_with(|it: char| it.is_ascii_digit());
            if !good {
                // What follows `=` may be a secret: it is not repeated.
                let shown = name.split('=').next().unwrap_or_default();
                let what = format!("`{shown}` is no name of an environment variable");
                w.error(
                    node,
                    "bad-name",
                    what,
                    "names only, such as `env: [API_KEY]`; values never stand on the page",
                );
            }
        }
    }
    let workers = w.count_at(fields, "workers", 1..=256).unwrap_or(1) as u32;
    Some(Target::Command { argv, workers, env })
}
