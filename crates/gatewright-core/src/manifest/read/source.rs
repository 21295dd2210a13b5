//! Sources: a path, or a file with a field map.

use crate::manifest::Kind;
use crate::manifest::node::{Content, Node};
use crate::manifest::walk::{Fields, Walk};
use crate::problem::{Problem, nearest};
use crate::source::Source;

/// What a source is read for; decides which of our fields it may map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Reference,
    Outputs,
    Labels,
}

/// Keys of a source.
pub(in crate::manifest) const KEYS: [&str; 7] = [
    "file",
    "map",
    "set",
    "where",
    "provenance",
    "withheld",
    "trials",
];
/// Most trials that a source may declare.
const TRIALS_MAX: u64 = 1000;
/// Keys of a source's provenance.
pub(in crate::manifest) const PROVENANCE: [&str; 2] = ["kind", "ref"];
/// Longest path, in bytes.
const PATH_LIMIT: usize = 1024;

impl Use {
    /// Our fields.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Use::Reference => &[
                "id",
                "input",
                "context",
                "segments",
                "expect",
                "expect.behaviour",
                "expect.answer",
                "expect.must_cite",
                "expect.must_call",
                "expect.must_not_call",
                "expect.contains",
                "expect.not_contains",
                "sources",
                "cluster",
                "provenance",
                "provenance.kind",
                "provenance.ref",
                "provenance.added",
                "provenance.by",
                "provenance.why",
                "stratum",
                "inclusion",
                "review_by",
                "status",
                "variant_of",
                "relation",
                "fields",
            ],
            Use::Outputs => &[
                "example",
                "system",
                "trial",
                "output",
                "behaviour",
                "citations",
                "tool_calls",
                "latency_ms",
                "latency_s",
                "cost_usd",
                "input_tokens",
                "output_tokens",
                "error",
                "error_code",
                "status",
                "fields",
            ],
            Use::Labels => &[
                "example",
                "system",
                "trial",
                "part",
                "annotator",
                "kind",
                "label",
                "score",
                "criterion",
                "inclusion",
                "answer_id",
                "fields",
            ],
        }
    }

    /// Fields under which any name may stand.
    fn open(self) -> &'static [&'static str] {
        match self {
            Use::Reference => &["segments.", "context.", "fields."],
            Use::Outputs | Use::Labels => &["fields."],
        }
    }
}

/// Reads a source.
pub(super) fn read(w: &mut Walk<'_>, node: &Node, path: &str, usage: Use) -> Option<Source> {
    let at = w.location(node.place);
    if let Content::Scalar { .. } = node.content {
        let file = w.text(node, path)?;
        check_path(w, node, file, usage);
        return Some(Source::plain(file, at));
    }
    let fields = w.fields(node, path, &KEYS)?;
    let Some(file) = w.text_at(&fields, "file") else {
        if !fields.has("file") {
            w.error_in(
                &fields,
                "no-file",
                format!("`{path}` names no file"),
                "`file: PATH`",
            );
        }
        return None;
    };
    if let Some(node) = fields.get("file") {
        check_path(w, node, file, usage);
    }
    let mut source = Source::plain(file, at);
    if let Some(node) = fields.get("map")
        && let Some(map) = w.open_fields(node, &fields.at("map"))
    {
        for (key, theirs) in map.entries() {
            our_field(w, key, &map.path, usage);
            if let Some(theirs) = w.text(theirs, &map.at(&key.text)) {
                source.map.insert(key.text.clone(), theirs.to_owned());
            }
        }
    }
    if let Some(node) = fields.get("set")
        && let Some(set) = w.open_fields(node, &fields.at("set"))
    {
        for (key, value) in set.entries() {
            our_field(w, key, &set.path, usage);
            source.set.insert(key.text.clone(), value.json());
        }
    }
    source.filter = conditions(w, &fields, "where");
    provenance(w, &fields, usage, &mut source);
    source.withheld = w.flag_at(&fields, "withheld", false);
    source.trials = w
        .count_at(&fields, "trials", 1..=TRIALS_MAX)
        .map(|it| it as u32);
    if let Some(node) = fields.get("trials")
        && usage == Use::Reference
    {
        let what = format!("`{}` declares trials of examples", fields.at("trials"));
        let instead = "`trials` where outputs or labels are: examples have none";
        w.error(node, "no-trials", what, instead);
    }
    Some(source)
}

/// Reads conditions: a field or dimension to one value or a list of them.
pub(super) fn conditions(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    key: &str,
) -> Vec<(String, Vec<String>)> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    let Some(conditions) = w.open_fields(node, &fields.at(key)) else {
        return Vec::new();
    };
    conditions
        .entries()
        .map(|(key, value)| {
            let accepted = w.texts(value, &conditions.at(&key.text));
            (key.text.clone(), accepted)
        })
        .collect()
}

fn provenance(w: &mut Walk<'_>, fields: &Fields<'_>, usage: Use, source: &mut Source) {
    let Some(node) = fields.get("provenance") else {
        return;
    };
    if usage != Use::Reference {
        let what = "only examples have a provenance";
        w.error(node, "not-here", what, "take `provenance` away");
        return;
    }
    if let Some(provenance) = w.fields(node, &fields.at("provenance"), &PROVENANCE) {
        source.kind = w.word_at(
            &provenance,
            "kind",
            &Kind::ALL.map(|kind| (kind.word(), kind)),
        );
        source.reference = w.text_at(&provenance, "ref").map(str::to_owned);
    }
}

fn our_field(w: &mut Walk<'_>, key: &crate::manifest::node::Key, path: &str, usage: Use) {
    let ours = key.text.as_str();
    let open = usage.open().iter().any(|prefix| {
        ours.strip_prefix(prefix)
            .is_some_and(|name| !name.is_empty())
    });
    if open || usage.fields().contains(&ours) {
        return;
    }
    let problem = Problem::error(
        "unknown-key",
        w.location(key.place),
        format!("`{ours}` in `{path}` is none of our fields"),
    )
    .why("`map` and `set` go from our field to theirs")
    .instead(match nearest(ours, usage.fields().iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!(
            "one of {}, or `fields.NAME` to keep it",
            usage.fields().join(", ")
        ),
    });
    w.push(problem);
}

/// Checks that a path stays inside the project or a declared root.
fn check_path(w: &mut Walk<'_>, node: &Node, file: &str, usage: Use) {
    let (root, inside) = match file.split_once(':') {
        Some((root, rest)) => (Some(root), rest),
        None => (None, file),
    };
    let root_is_bad = root.is_some_and(|root| {
        root.chars().count() < 2
            || !root
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_'))
    });
    let leaves = inside.starts_with('/')
        || inside.contains('\\')
        || inside.split('/').any(|part| part == "..")
        || inside.chars().any(char::is_control)
        || inside.len() > PATH_LIMIT
        || inside.is_empty();
    if root_is_bad || leaves {
        let what = format!("`{file}` is no path inside the project");
        w.error(
            node,
            "outside-project",
            what,
            "a relative path without `..`, or `ROOT:path` with `--root ROOT=DIR` on the command line",
        );
        return;
    }
    let folder = inside.rsplit_once('/').map_or("", |(folder, _)| folder);
    let star = inside.contains('*');
    if folder.contains('*') || (star && usage != Use::Reference) {
        let what = format!("`{file}` has a `*` where none is read");
        w.error(
            node,
            "bad-glob",
            what,
            "`*` only in the last part of a `reference` path",
        );
    }
}
