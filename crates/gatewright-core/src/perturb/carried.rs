//! Sources that the context carries: a program is sent the context and not the sources, so that a changed text must change there too.

use serde_json::{Map, Value};

use crate::reference::{Example, SourceDocument};

/// Returns the base's context with every text of a source in it replaced by the changed one. Where a list holds a text of which a further
/// source says otherwise, that one stands beside it.
pub(super) fn context(base: &Example, changed: &[SourceDocument]) -> Map<String, Value> {
    let mut context = base.context.clone();
    for value in context.values_mut() {
        for (old, new) in base.sources.iter().zip(changed) {
            if let (Some(from), Some(to)) = (&old.text, &new.text)
                && from != to
            {
                replace(value, from, to);
            }
        }
        for added in &changed[base.sources.len().min(changed.len())..] {
            let stem = added.id.trim_end_matches("-2");
            let origin = base.sources.iter().find(|source| source.id == stem);
            if let (Some(origin), Some(to)) = (origin, &added.text)
                && let Some(from) = &origin.text
            {
                stand_beside(value, (from, to), (&origin.id, &added.id));
            }
        }
    }
    context
}

/// Returns the context as text, without the texts of the sources.
pub(super) fn beside_sources(base: &Example) -> String {
    let mut context = base.context.clone();
    for value in context.values_mut() {
        for text in base
            .sources
            .iter()
            .filter_map(|source| source.text.as_ref())
        {
            replace(value, text, "");
        }
    }
    context.values().map(Value::to_string).collect()
}

/// Replaces every text inside a value that is this one.
fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => to.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, from, to)),
        Value::Object(map) => map.values_mut().for_each(|item| replace(item, from, to)),
        _ => {}
    }
}

fn stand_beside(value: &mut Value, (from, to): (&str, &str), (id, other): (&str, &str)) {
    match value {
        Value::Array(items) => {
            let holds = |item: &Value| match item {
                Value::String(text) => text == from,
                Value::Object(map) => map.values().any(|inner| inner == from),
                _ => false,
            };
            if let Some(item) = items.iter().find(|item| holds(item)) {
                let mut second = item.clone();
                replace(&mut second, from, to);
                replace(&mut second, id, other);
                items.push(second);
            }
        }
        Value::Object(map) => map
            .values_mut()
            .for_each(|inner| stand_beside(inner, (from, to), (id, other))),
        _ => {}
    }
}
