//! Graders: one kind with its options.

pub(in crate::manifest) mod conduct;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use super::source::{self, Use};
use super::{criteria, judge, segments};
use crate::manifest::node::{Content, Node};
use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{
    Absent, Combine, Drawn, Grader, LabelGrader, LabelMap, Manifest, PartsRule, PeopleLabels,
    PreferenceGrader, quantity,
};
use crate::outcome::GraderKind;
use crate::problem::{Problem, nearest};
use crate::source::Source;

/// Every kind of grader and its options.
pub(in crate::manifest) const KINDS: [(&str, &[&str]); 37] = [
    ("exact", &["text", "normalise"]),
    ("contains", &["texts", "ignore_case", "any"]),
    ("not_contains", &["texts", "ignore_case"]),
    ("regex", &["pattern", "negate"]),
    ("number", &["tolerance", "relative"]),
    ("json_schema", &["schema"]),
    ("must_cite", &[]),
    ("cites", &["from"]),
    ("quotes_in_sources", &[]),
    ("must_call", &[]),
    ("must_not_call", &["tools"]),
    ("behaviour", &["stated", "read", "otherwise"]),
    ("latency", &["at_most", "field"]),
    ("cost", &["at_most"]),
    (
        "trajectory",
        &[
            "from",
            "only",
            "never",
            "before",
            "counts",
            "arguments",
            "rules",
            "permissions",
            "writes",
            "confirmed_by",
            "one_at_a_time",
            "audit",
            "final",
        ],
    ),
    (
        "grounding",
        &["must_cite", "quotes", "numbers", "conflicts"],
    ),
    (
        "judge",
        &[
            "rubric",
            "by",
            "sees",
            "mode",
            "votes",
            "structured",
            "canaries",
        ],
    ),
    (
        "program",
        &["command", "workers", "env", "timeout", "memory"],
    ),
    ("all", &["of"]),
    ("any", &["of"]),
    ("none", &["of"]),
    ("starts_with", &["texts", "ignore_case"]),
    ("ends_with", &["texts", "ignore_case"]),
    ("length", &["of", "at_least", "at_most"]),
    ("language", &["is"]),
    ("script", &["is", "share"]),
    (
        "json_path",
        &["path", "equals", "matches", "at_least", "at_most"],
    ),
    ("json_contains", &["value", "schema"]),
    ("code_fence", &["languages", "at_least", "at_most", "only"]),
    ("list", &["marks", "at_least", "at_most", "nested"]),
    ("table", &["columns", "width", "at_least", "at_most"]),
    ("quantity", &["is", "tolerance", "relative"]),
    ("date", &["is", "order", "within_days"]),
    ("similarity", &["metric", "at_least"]),
    ("instructions", &["from", "reading", "parts"]),
    (
        "label",
        &[
            "from",
            "by",
            "rubric",
            "values",
            "behaviour",
            "combine",
            "parts",
            "parts_from",
            "absent",
            "score",
        ],
    ),
    (
        "preference",
        &[
            "from",
            "by",
            "rubric",
            "first",
            "second",
            "tie",
            "first_system_field",
            "second_system_field",
            "combine",
        ],
    ),
];
/// Keys of a label map.
pub(in crate::manifest) const LABEL_MAP: [&str; 4] = ["when", "pass", "fail", "not_applicable"];

/// Keys of `people`.
pub(in crate::manifest) const PEOPLE: [&str; 8] = [
    "from", "by", "rubric", "values", "combine", "parts", "score", "drawn",
];

const PARTS: [(&str, PartsRule); 3] = [
    ("all", PartsRule::All),
    ("any", PartsRule::Any),
    ("share", PartsRule::Share),
];
const BY: [(&str, GraderKind); 4] = [
    ("person", GraderKind::Person),
    ("model", GraderKind::Model),
    ("program", GraderKind::Program),
    ("rule", GraderKind::Rule),
];
const COMBINE: [(&str, Combine); 3] = [
    ("majority", Combine::Majority),
    ("unanimous", Combine::Unanimous),
    ("any", Combine::Any),
];

/// Reads a grader: `KIND`, or `{KIND: {options}}`.
pub(super) fn read(w: &mut Walk<'_>, node: &Node, path: &str, page: &Manifest) -> Option<Grader> {
    let nothing = Node {
        place: node.place,
        content: Content::Map(Vec::new()),
    };
    let (kind, place, options) = match &node.content {
        Content::Scalar { text, .. } => (text.as_str(), node.place, &nothing),
        Content::Map(entries) => match entries.as_slice() {
            [(key, options)] if options.is_empty() => (key.text.as_str(), key.place, &nothing),
            [(key, options)] => (key.text.as_str(), key.place, options),
            _ => {
                let what = format!("`{path}` has {} kinds", entries.len());
                w.error(node, "not-one-grader", what, "one kind, such as `{behaviour: {}}`; another criterion for another reason to fail");
                return None;
            }
        },
        Content::List(_) => {
            w.error(
                node,
                "not-one-grader",
                format!("`{path}` is a list"),
                "one kind, such as `{behaviour: {}}`",
            );
            return None;
        }
    };
    let Some((_, known)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        let names = KINDS.iter().map(|(name, _)| *name);
        let instead = match nearest(kind, names.clone()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("one of {}", names.collect::<Vec<_>>().join(", ")),
        };
        let at = w.location(place);
        w.push(
            Problem::error("unknown-grader", at, format!("`{kind}` is no grader")).instead(instead),
        );
        return None;
    };
    if let Content::Map(_) = node.content {
        // For the places of its keys.
        w.open_fields(node, path);
    }
    let fields = w.fields(options, &format!("{path}.{kind}"), known)?;
    grader(w, kind, &fields, page)
}

fn grader(w: &mut Walk<'_>, kind: &str, fields: &Fields<'_>, page: &Manifest) -> Option<Grader> {
    Some(match kind {
        "exact" => Grader::Exact {
            text: w.text_at(fields, "text").map(str::to_owned),
            normalise: w.flag_at(fields, "normalise", false),
        },
        "contains" => Grader::Contains {
            texts: w.texts_at(fields, "texts"),
            ignore_case: w.flag_at(fields, "ignore_case", false),
            any: w.flag_at(fields, "any", false),
        },
        "not_contains" => Grader::NotContains {
            texts: w.texts_at(fields, "texts"),
            ignore_case: w.flag_at(fields, "ignore_case", false),
        },
        "regex" => {
            let pattern = required(w, fields, "pattern", "`pattern: REGEX`")?;
            if let Some(node) = fields.get("pattern") {
                segments::check_pattern(w, node, &pattern);
            }
            Grader::Regex {
                pattern,
                negate: w.flag_at(fields, "negate", false),
            }
        }
        "number" => Grader::Number {
            tolerance: w
                .quantity_at(fields, "tolerance", quantity::number)
                .unwrap_or(0.0),
            relative: w
                .quantity_at(fields, "relative", quantity::share)
                .unwrap_or(0.0),
        },
        "json_schema" => {
            let Some(schema) = fields.get("schema") else {
                w.error_in(
                    fields,
                    "no-schema",
                    "`json_schema` has no schema",
                    "`schema: {type: object, …}` or `schema: schemas/answer.json`",
                );
                return None;
            };
            Grader::JsonSchema {
                schema: schema.json(),
            }
        }
        "must_cite" => Grader::MustCite,
        "cites" => {
            w.word_at(fields, "from", &[("sources", ())]);
            Grader::CitesKnown
        }
        "quotes_in_sources" => Grader::QuotesInSources,
        "must_call" => Grader::MustCall,
        "must_not_call" => Grader::MustNotCall {
            tools: w.texts_at(fields, "tools"),
        },
        "behaviour" => conduct::behaviour(w, fields),
        "latency" => Grader::Latency {
            at_most_ms: w.quantity_at(fields, "at_most", quantity::milliseconds),
            field: w.text_at(fields, "field").map(str::to_owned),
        },
        "cost" => Grader::Cost {
            at_most_usd: w.quantity_at(fields, "at_most", quantity::dollars),
        },
        "trajectory" => conduct::trajectory(w, fields)?,
        "grounding" => conduct::grounding(w, fields),
        "judge" => Grader::Judge(Box::new(judge::grader(w, fields, page)?)),
        "program" => Grader::Program(Box::new(judge::program(w, fields)?)),
        "label" => Grader::Label(label(w, fields, page)?),
        "preference" => Grader::Preference(Box::new(preference(w, fields)?)),
        _ => rules::read(w, kind, fields, page)?,
    })
}

fn required(w: &mut Walk<'_>, fields: &Fields<'_>, key: &str, instead: &str) -> Option<String> {
    let text = w.text_at(fields, key).map(str::to_owned);
    if text.is_none() && fields.get(key).is_none() {
        let what = format!("`{}` has no `{key}`", fields.path);
        w.error_in(fields, "missing-key", what, instead);
    }
    text
}

/// Reads where labels are: one source, or a list of them where `several` may be.
fn from(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Vec<Source>> {
    let Some(node) = fields.get("from") else {
        let what = format!("`{}` does not say where the labels are", fields.path);
        w.error_in(fields, "missing-key", what, "`from: {file: labels.jsonl}`");
        return None;
    };
    let path = fields.at("from");
    match &node.content {
        Content::List(_) => {
            let items = w.list(node, &path);
            if items.is_empty() {
                let what = format!("`{path}` names no source");
                w.error(node, "missing-key", what, "`from: {file: labels.jsonl}`");
            }
            let sources: Vec<Option<Source>> = (0..)
                .zip(items)
                .map(|(index, item)| {
                    source::read(w, item, &format!("{path}[{index}]"), Use::Labels)
                })
                .collect();
            sources.into_iter().collect()
        }
        _ => source::read(w, node, &path, Use::Labels).map(|source| vec![source]),
    }
}

fn by(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<GraderKind> {
    if fields.get("by").is_none() {
        let what = format!("`{}` does not say who gave the labels", fields.path);
        let at = w.location(fields.entries().next().map_or((1, 1), |(key, _)| key.place));
        w.push(
            Problem::error("missing-key", at, what)
                .why("a model judge's label gates nothing until it is calibrated")
                .instead("`by: person`, `program`, `model` or `rule`"),
        );
    }
    w.word_at(fields, "by", &BY)
}

fn label(w: &mut Walk<'_>, fields: &Fields<'_>, page: &Manifest) -> Option<LabelGrader> {
    let sources = from(w, fields);
    let by = by(w, fields);
    let score = w.flag_at(fields, "score", false);
    let behaviours = conduct::labelled(w, fields);
    let mut values = label_maps(w, fields, page);
    if !behaviours.is_empty() {
        values = LabelMap::of_behaviours(&behaviours);
    } else if fields.get("values").is_none() && !score && !fields.has("behaviour") {
        let what = format!("`{}` does not say what its labels mean", fields.path);
        w.error_in(
            fields,
            "missing-key",
            what,
            "`values: {pass: [good], fail: [bad]}`, or `score: true`",
        );
    }
    let combine = w
        .word_at(fields, "combine", &COMBINE)
        .unwrap_or(Combine::Majority);
    const ABSENT: [(&str, Absent); 4] = [
        ("missing", Absent::Missing),
        ("not-applicable", Absent::NotApplicable),
        ("fail", Absent::Fail),
        ("pass", Absent::Pass),
    ];
    let parts = w.word_at(fields, "parts", &PARTS);
    let absent = w
        .word_at(fields, "absent", &ABSENT)
        .unwrap_or(Absent::Missing);
    Some(LabelGrader {
        sources: sources?,
        by: by?,
        rubric: w.text_at(fields, "rubric").map(str::to_owned),
        values,
        behaviours,
        combine,
        parts,
        parts_from: w.text_at(fields, "parts_from").map(str::to_owned),
        score,
        absent,
    })
}

/// Reads what labels mean: one map, or several.
fn label_maps(w: &mut Walk<'_>, fields: &Fields<'_>, page: &Manifest) -> Vec<LabelMap> {
    let mut values = Vec::new();
    let path = fields.at("values");
    match fields.get("values").map(|node| (node, &node.content)) {
        Some((node, Content::Map(_))) => values.extend(label_map(w, node, &path, page)),
        Some((node, _)) => {
            for (index, node) in w.list(node, &path).iter().enumerate() {
                values.extend(label_map(w, node, &format!("{path}[{index}]"), page));
            }
        }
        None => {}
    }
    values
}

/// Reads `people`: labels on the answers that a model judges. What it leaves out is as the judge has it.
pub(super) fn people(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    grader: &Grader,
    page: &Manifest,
) -> Option<PeopleLabels> {
    let node = fields.get("people")?;
    let path = fields.at("people");
    // What is left out is as the judge has it; a rubric's levels mean what its file says.
    let (judged, judge) = match grader {
        Grader::Label(label) if label.by == GraderKind::Model => (true, Some(label)),
        Grader::Judge(judge) => (!judge.pair, None),
        _ => (false, None),
    };
    if !judged {
        if matches!(grader, Grader::Judge(_)) {
            let what = format!(
                "`{path}` calibrates nothing: a preference between two answers has no calibration"
            );
            w.error(
                node,
                "no-judge",
                what,
                "take `people` away, or `mode: single`, whose verdicts are held against people's",
            );
            return None;
        }
        let what = format!("`{path}` calibrates nothing: no model judges here");
        w.error(node, "no-judge", what, "`people` beside `grader: {label: {by: model, …}}`, or the people as the grader: `by: person`");
        return None;
    }
    let fields = w.fields(node, &path, &PEOPLE)?;
    let sources = from(w, &fields);
    if let Some(GraderKind::Model | GraderKind::Program | GraderKind::Rule) =
        w.word_at(&fields, "by", &BY)
        && let Some(node) = fields.get("by")
    {
        let what = format!("`{path}` is given by a machine");
        w.error(
            node,
            "not-people",
            what,
            "`by: person`: a judge is calibrated against people",
        );
        return None;
    }
    let mut values = label_maps(w, &fields, page);
    if let Some(judge) = judge
        && values.is_empty()
    {
        values.clone_from(&judge.values);
    }
    // Levels of another kind than the judge's own say whether it was right, not what was done.
    let own = fields.get("values").is_some();
    let behaviours = judge.filter(|_| !own).map(|it| it.behaviours.clone());
    const DRAWN: [(&str, Drawn); 2] = [("random", Drawn::Random), ("chosen", Drawn::Chosen)];
    let combine = w
        .word_at(&fields, "combine", &COMBINE)
        .unwrap_or(Combine::Majority);
    let drawn = w.word_at(&fields, "drawn", &DRAWN).unwrap_or(Drawn::Random);
    let labels = LabelGrader {
        sources: sources?,
        by: GraderKind::Person,
        rubric: w.text_at(&fields, "rubric").map_or_else(
            || judge.and_then(|it| it.rubric.clone()),
            |text| Some(text.to_owned()),
        ),
        values,
        behaviours: behaviours.unwrap_or_default(),
        combine,
        parts: w
            .word_at(&fields, "parts", &PARTS)
            .or(judge.and_then(|it| it.parts)),
        // What people did not label is not missing: they label a sample.
        parts_from: None,
        score: w.flag_at(&fields, "score", judge.is_some_and(|it| it.score)),
        // An answer that nobody labelled is not labelled, whatever the judge's absence means.
        absent: Absent::Missing,
    };
    Some(PeopleLabels { labels, drawn })
}

fn label_map(w: &mut Walk<'_>, node: &Node, path: &str, page: &Manifest) -> Option<LabelMap> {
    let fields = w.fields(node, path, &LABEL_MAP)?;
    let mut map = LabelMap {
        when: segments::selection(w, &fields, "when", page),
        pass: w.texts_at(&fields, "pass").into_iter().collect(),
        fail: BTreeMap::new(),
        not_applicable: w.texts_at(&fields, "not_applicable").into_iter().collect(),
    };
    match fields.get("fail") {
        Some(
            fail @ Node {
                content: Content::Map(_),
                ..
            },
        ) => {
            if let Some(fail) = w.open_fields(fail, &fields.at("fail")) {
                for (key, node) in fail.entries() {
                    let class = criteria::class(w, node, &fail.at(&key.text), page);
                    map.fail.insert(key.text.clone(), class);
                }
            }
        }
        Some(_) => {
            let labels = w.texts_at(&fields, "fail");
            map.fail = labels.into_iter().map(|label| (label, None)).collect();
        }
        None => {}
    }
    let twice: Vec<&str> = map
        .pass
        .iter()
        .filter(|label| map.fail.contains_key(*label) || map.not_applicable.contains(*label))
        .chain(
            map.fail
                .keys()
                .filter(|label| map.not_applicable.contains(*label)),
        )
        .map(String::as_str)
        .collect();
    if !twice.is_empty() {
        let what = format!("labels with two meanings: {}", twice.join(", "));
        w.error(
            node,
            "label-twice",
            what,
            "one of `pass`, `fail` and `not_applicable`",
        );
    }
    if map.pass.is_empty() && map.fail.is_empty() && map.not_applicable.is_empty() {
        w.error(
            node,
            "missing-key",
            format!("`{path}` gives no label a meaning"),
            "`{pass: [good], fail: [bad]}`",
        );
    }
    Some(map)
}

fn preference(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<PreferenceGrader> {
    let sources = from(w, fields);
    let by = by(w, fields);
    let mut labels = |key| -> BTreeSet<String> { w.texts_at(fields, key).into_iter().collect() };
    let (first, second, tie) = (labels("first"), labels("second"), labels("tie"));
    if first.is_empty() || second.is_empty() {
        let what = format!(
            "`{}` does not say which labels prefer which system",
            fields.path
        );
        w.error_in(
            fields,
            "missing-key",
            what,
            "`first: [A], second: [B], tie: [same]`",
        );
    }
    let twice = first
        .intersection(&second)
        .chain(first.intersection(&tie))
        .chain(second.intersection(&tie));
    let twice: Vec<&str> = twice.map(String::as_str).collect();
    if !twice.is_empty() {
        let what = format!("labels with two meanings: {}", twice.join(", "));
        w.error_in(
            fields,
            "label-twice",
            what,
            "one of `first`, `second` and `tie`",
        );
    }
    let field =
        |w: &mut Walk<'_>, key, default: &str| w.text_at(fields, key).unwrap_or(default).to_owned();
    Some(PreferenceGrader {
        sources: sources?,
        by: by?,
        rubric: w.text_at(fields, "rubric").map(str::to_owned),
        first,
        second,
        tie,
        first_field: field(w, "first_system_field", "system_1"),
        second_field: field(w, "second_system_field", "system_2"),
        combine: w
            .word_at(fields, "combine", &COMBINE)
            .unwrap_or(Combine::Majority),
    })
}
