//! Dimensions, their values, and every place that names them.

use super::source;
use crate::manifest::node::{Content, Key, Node};
use crate::manifest::walk::{Fields, Walk, join};
use crate::manifest::{Dimension, DimensionValue, Manifest, Matcher};
use crate::pattern;
use crate::problem::{Problem, nearest};

/// Keys of a value that is taken by expression.
pub(in crate::manifest) const VALUE: [&str; 4] = ["input_matches", "field", "equals", "in"];

/// Reads the dimensions; `task` comes first by itself.
pub(super) fn read(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    let declared = top
        .get("segments")
        .and_then(|node| w.open_fields(node, "segments"));
    let mut task = Dimension {
        name: "task".to_owned(),
        values: task_values(top, page),
    };
    let mut others = Vec::new();
    for (key, node) in declared.iter().flat_map(Fields::entries) {
        w.identifier(key.place, &key.text, "a dimension");
        let values = values(w, node, &join("segments", &key.text));
        if key.text == "task" {
            for value in &values {
                if !page.tasks.contains_key(&value.name) {
                    let at = w.location(key.place);
                    let what = format!("`{}` is no task of the page", value.name);
                    w.push(
                        Problem::error("undefined-value", at, what).instead("add it under `tasks`"),
                    );
                }
            }
            if !values.is_empty() {
                task.values = values;
            }
        } else {
            others.push(Dimension {
                name: key.text.clone(),
                values,
            });
        }
    }
    page.dimensions.push(task);
    page.dimensions.extend(others);
}

/// The tasks in page order, by the example's own field.
fn task_values(top: &Fields<'_>, page: &Manifest) -> Vec<DimensionValue> {
    let Some(Node {
        content: Content::Map(entries),
        ..
    }) = top.get("tasks")
    else {
        return Vec::new();
    };
    let mut seen = std::collections::BTreeSet::new();
    entries
        .iter()
        .filter(|(key, _)| page.tasks.contains_key(&key.text) && seen.insert(&key.text))
        .map(|(key, _)| DimensionValue {
            name: key.text.clone(),
            matches: Matcher::Field,
        })
        .collect()
}

fn values(w: &mut Walk<'_>, node: &Node, path: &str) -> Vec<DimensionValue> {
    if node.is_empty() {
        return Vec::new();
    }
    let mut values: Vec<DimensionValue> = Vec::new();
    if let Content::Map(_) = node.content {
        let Some(fields) = w.open_fields(node, path) else {
            return values;
        };
        let last = fields.entries().count().saturating_sub(1);
        for (index, (key, node)) in fields.entries().enumerate() {
            w.name(key.place, &key.text, "a value");
            let Some(matches) = matcher(w, node, &fields.at(&key.text)) else {
                continue;
            };
            if matches == Matcher::Rest && index != last {
                let what = format!("`{}` takes the rest, and values follow it", key.text);
                w.error(
                    node,
                    "rest-not-last",
                    what,
                    "put `rest` last: the first value that matches wins",
                );
            }
            values.push(DimensionValue {
                name: key.text.clone(),
                matches,
            });
        }
        return values;
    }
    for (index, item) in w.list(node, path).iter().enumerate() {
        let Some(name) = w.text(item, &format!("{path}[{index}]")) else {
            continue;
        };
        w.name(item.place, name, "a value");
        if values.iter().any(|known| known.name == name) {
            w.error(
                item,
                "duplicate-id",
                format!("`{name}` is given twice"),
                "keep one",
            );
            continue;
        }
        values.push(DimensionValue {
            name: name.to_owned(),
            matches: Matcher::Field,
        });
    }
    values
}

fn matcher(w: &mut Walk<'_>, node: &Node, path: &str) -> Option<Matcher> {
    match &node.content {
        _ if node.is_empty() => return Some(Matcher::Field),
        Content::Scalar { text, .. } if text == "rest" => return Some(Matcher::Rest),
        Content::Scalar { text, .. } => {
            let what = format!("`{text}` does not say which examples have the value");
            w.error(
                node,
                "bad-value",
                what,
                "`rest`, `{input_matches: REGEX}` or `{field: PATH, in: [..]}`",
            );
            return None;
        }
        _ => {}
    }
    let fields = w.fields(node, path, &VALUE)?;
    if let Some(expression) = fields.get("input_matches") {
        if ["field", "equals", "in"].iter().any(|key| fields.has(key)) {
            w.error(
                node,
                "bad-value",
                "a value is taken by its input or by a field",
                "keep `input_matches`, or `field` with `equals` or `in`",
            );
        }
        let source = w.text(expression, &fields.at("input_matches"))?;
        check_pattern(w, expression, source);
        return Some(Matcher::InputMatches(source.to_owned()));
    }
    let mut accepted = w.texts_at(&fields, "in");
    accepted.extend(w.texts_at(&fields, "equals"));
    match w.text_at(&fields, "field") {
        Some(field) if !accepted.is_empty() => Some(Matcher::FieldIn {
            field: field.to_owned(),
            values: accepted,
        }),
        _ => {
            w.error(
                node,
                "bad-value",
                format!("`{path}` does not say which examples have the value"),
                "`{field: PATH, equals: V}` or `{field: PATH, in: [..]}`",
            );
            None
        }
    }
}

/// Compiles a regular expression of the page. The place reported is the character at fault, where the engine names it and the page shows it as it is.
pub(super) fn check_pattern(w: &mut Walk<'_>, node: &Node, source: &str) {
    let Err(error) = pattern::compile(source, true) else {
        return;
    };
    let quote = matches!(node.content, Content::Scalar { plain: false, .. });
    let (line, column) = node.place;
    let offset = pattern::fault(source).map_or(0, |offset| offset + u32::from(quote));
    let at = w.location((line, column + offset));
    w.push(
        Problem::error("bad-pattern", at, error.to_string())
            .instead("a linear-time regular expression: no look-around, no back references"),
    );
}

/// Says whether a key names a dimension; reports it if not.
pub(super) fn known(w: &mut Walk<'_>, key: &Key, page: &Manifest) -> bool {
    known_at(w, key.place, &key.text, page)
}

fn known_at(w: &mut Walk<'_>, place: (u32, u32), name: &str, page: &Manifest) -> bool {
    if page.dimension(name).is_some() {
        return true;
    }
    let names = page.dimensions.iter().map(|it| it.name.as_str());
    let instead = match nearest(name, names.clone()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!(
            "one of {}, or add it under `segments`",
            names.collect::<Vec<_>>().join(", ")
        ),
    };
    let at = w.location(place);
    let what = format!("`{name}` is no dimension of the page");
    w.push(Problem::error("undefined-dimension", at, what).instead(instead));
    false
}

/// Reports a value that its dimension does not have. Dimensions without stated values take whatever occurs.
pub(super) fn known_value(
    w: &mut Walk<'_>,
    place: (u32, u32),
    dimension: &str,
    value: &str,
    page: &Manifest,
) {
    let Some((_, dimension)) = page.dimension(dimension) else {
        return;
    };
    let names = dimension.values.iter().map(|it| it.name.as_str());
    if dimension.values.is_empty() || names.clone().any(|name| name == value) {
        return;
    }
    let instead = match nearest(value, names.clone()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("one of {}", names.collect::<Vec<_>>().join(", ")),
    };
    let at = w.location(place);
    let what = format!("`{value}` is no value of `{}`", dimension.name);
    w.push(
        Problem::error("undefined-value", at, what)
            .why("nothing would ever match it")
            .instead(instead),
    );
}

/// Reads a list of dimensions under a key.
pub(super) fn dimension_list(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    key: &str,
    page: &Manifest,
) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, node) in w.list_at(fields, key).iter().enumerate() {
        if let Some(name) = w.text(node, &format!("{}[{index}]", fields.at(key)))
            && known_at(w, node.place, name, page)
        {
            if names.iter().any(|known| known == name) {
                w.error(
                    node,
                    "duplicate-id",
                    format!("`{name}` is given twice"),
                    "keep one",
                );
            } else {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// Reads conditions whose keys must be dimensions (`where` of a rule).
pub(super) fn restriction(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    key: &str,
    page: &Manifest,
) -> Vec<(String, Vec<String>)> {
    let conditions = source::conditions(w, fields, key);
    let entries = fields.get(key).and_then(|node| match &node.content {
        Content::Map(entries) => Some(entries),
        _ => None,
    });
    for (name, node) in entries.into_iter().flatten() {
        if known(w, name, page) {
            check_values(w, &name.text, node, page);
        }
    }
    conditions
}

/// Reads conditions on dimensions or on fields of the example; values of dimensions must exist (`when`, `applies_to`).
pub(super) fn selection(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    key: &str,
    page: &Manifest,
) -> Vec<(String, Vec<String>)> {
    let conditions = source::conditions(w, fields, key);
    if let Some(Node {
        content: Content::Map(entries),
        ..
    }) = fields.get(key)
    {
        for (name, node) in entries {
            check_values(w, &name.text, node, page);
        }
    }
    conditions
}

fn check_values(w: &mut Walk<'_>, dimension: &str, node: &Node, page: &Manifest) {
    let items: &[Node] = match &node.content {
        Content::List(items) => items,
        _ => std::slice::from_ref(node),
    };
    for item in items {
        if let Content::Scalar { text, .. } = &item.content {
            known_value(w, item.place, dimension, text, page);
        }
    }
}
