//! The head of a rubric: its version and its levels.

use std::sync::Arc;

use crate::judge::{Level, Meaning};
use crate::manifest::node::{self, Node};
use crate::manifest::walk::Walk;
use crate::problem::{Problem, has_errors};

/// Keys of a rubric's head.
const KEYS: [&str; 2] = ["version", "levels"];
const MEANINGS: [(&str, Meaning); 3] = [
    ("pass", Meaning::Pass),
    ("fail", Meaning::Fail),
    ("not-applicable", Meaning::NotApplicable),
];

/// Reads a rubric's head: YAML whose lines are counted from the file's first.
///
/// # Errors
/// Everything wrong with it.
pub fn rubric_head(head: &str, file: &str) -> Result<(String, Vec<Level>), Vec<Problem>> {
    let file: Arc<str> = file.into();
    let mut problems = Vec::new();
    let root = node::parse(head.as_bytes(), &file, &mut problems);
    let read = root.and_then(|root| fields(&root, &file, &mut problems));
    match read {
        Some(read) if !has_errors(&problems) => Ok(read),
        _ => Err(problems),
    }
}

fn fields(
    root: &Node,
    file: &Arc<str>,
    problems: &mut Vec<Problem>,
) -> Option<(String, Vec<Level>)> {
    let mut walk = Walk::new(file, problems);
    let w = &mut walk;
    let top = w.fields(root, "", &KEYS)?;
    for (key, instead) in [
        (
            "version",
            "`version: 1`, and another one after each change of meaning",
        ),
        ("levels", "`levels: {supported: pass, unsupported: fail}`"),
    ] {
        if top.get(key).is_none() {
            w.error_in(
                &top,
                "missing-key",
                format!("the rubric has no `{key}`"),
                instead,
            );
        }
    }
    let version = w.text_at(&top, "version")?.to_owned();
    let levels = top.get("levels")?;
    let open = w.open_fields(levels, "levels")?;
    let mut read = Vec::new();
    for (key, node) in open.entries() {
        w.name(key.place, &key.text, "a level");
        if let Some(meaning) = w.word(node, &open.at(&key.text), &MEANINGS) {
            read.push(Level {
                name: key.text.clone(),
                meaning,
            });
        }
    }
    Some((version, read))
}
