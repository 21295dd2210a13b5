//! An example as a line of a reference file: what the loader reads back as the same example.

use serde_json::{Map, Value, json};

use crate::reference::{Design, Example, Expect, Input, Provenance, Status};

/// Writes an example as one line of JSON, without its line feed.
pub fn line(example: &Example) -> String {
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| {
        row.insert(key.to_owned(), value);
    };
    put("id", json!(example.id));
    match &example.input {
        Input::Text(text) => put("input", json!(text)),
        Input::Messages(messages) => put("input", json!(messages)),
        Input::Turns(turns) => put("input", json!({ "turns": turns })),
        Input::Withheld => {}
    }
    if !example.context.is_empty() {
        put("context", Value::Object(example.context.clone()));
    }
    if example.segments.dimensions().next().is_some() {
        put("segments", json!(example.segments));
    }
    let expect = expect(&example.expect);
    if !expect.is_empty() {
        put("expect", Value::Object(expect));
    }
    if !example.sources.is_empty() {
        put("sources", json!(example.sources));
    }
    if let Some(cluster) = &example.cluster {
        put("cluster", json!(cluster));
    }
    put("provenance", provenance(&example.provenance));
    if let Design::Sampled { stratum, inclusion } = &example.design {
        if let Some(stratum) = stratum {
            put("stratum", json!(stratum));
        }
        if let Some(inclusion) = inclusion {
            put("inclusion", json!(inclusion));
        }
    }
    if let Some(date) = example.review_by {
        put("review_by", json!(date.to_string()));
    }
    match &example.status {
        Status::Active => {}
        Status::Quarantined(change) => put("status", status("quarantined", change)),
        Status::Retired(change) => put("status", status("retired", change)),
    }
    if let Some(variant) = &example.variant {
        put("variant_of", json!(variant.of));
        put("relation", json!(variant.relation));
    }
    if !example.fields.is_empty() {
        put("fields", Value::Object(example.fields.clone()));
    }
    Value::Object(row).to_string()
}

fn expect(expect: &Expect) -> Map<String, Value> {
    let mut map = Map::new();
    if let Some(behaviour) = expect.behaviour {
        map.insert("behaviour".to_owned(), json!(behaviour));
    }
    if let Some(answer) = &expect.answer {
        map.insert("answer".to_owned(), answer.clone());
    }
    for (key, texts) in [
        ("must_cite", &expect.must_cite),
        ("must_call", &expect.must_call),
        ("must_not_call", &expect.must_not_call),
        ("contains", &expect.contains),
        ("not_contains", &expect.not_contains),
    ] {
        if !texts.is_empty() {
            map.insert(key.to_owned(), json!(texts));
        }
    }
    map
}

fn provenance(provenance: &Provenance) -> Value {
    let mut map = Map::new();
    map.insert("kind".to_owned(), json!(provenance.kind.word()));
    for (key, text) in [
        ("ref", &provenance.reference),
        ("added", &provenance.added),
        ("by", &provenance.by),
        ("why", &provenance.why),
    ] {
        if let Some(text) = text {
            map.insert(key.to_owned(), json!(text));
        }
    }
    Value::Object(map)
}

fn status(state: &str, change: &crate::reference::StatusChange) -> Value {
    json!({"state": state, "by": change.by, "at": change.at, "why": change.why})
}
