//! The reference vectors: every formula against values from outside tools.
//!
//! Reads every file of `GATEWRIGHT_VECTORS` (default `../shared/data/stats` beside the project), prints cases per
//! function, and fails on a mismatch or on a function that it does not know. `coverage.json` has its own test.

mod later;
mod part3;
mod people;
mod single;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

fn folder() -> PathBuf {
    std::env::var_os("GATEWRIGHT_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/stats"),
        PathBuf::from,
    )
}

#[test]
fn every_vector_matches() {
    let folder = folder();
    if std::env::var_os("GATEWRIGHT_VECTORS").is_none() && !folder.exists() {
        println!(
            "skipped: no vectors at {} (GATEWRIGHT_VECTORS names the folder)",
            folder.display()
        );
        return;
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()))
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let mut counts: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut mismatches = Vec::new();
    for path in files {
        let topic = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        if topic == "coverage" {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("readable vectors");
        let file: Value = serde_json::from_str(&text).expect("vectors are JSON");
        for case in file["cases"].as_array().expect("cases") {
            let name = case["fn"].as_str().expect("fn");
            let found = single::check(name, &case["in"])
                .or_else(|| part3::check(name, &case["in"]))
                .or_else(|| people::check(name, &case["in"]))
                .or_else(|| later::check(name, &case["in"]));
            match found {
                Some(found) => {
                    let wrong = compare(case, &found);
                    let count = counts.entry(format!("{topic}/{name}")).or_default();
                    count.0 += 1;
                    count.1 += u32::from(!wrong.is_empty());
                    mismatches.extend(wrong);
                }
                None => mismatches.push(format!("{topic}: function {name} is not known")),
            }
        }
    }
    for (name, (cases, wrong)) in &counts {
        println!("{name:45} {cases:4} cases {wrong:4} wrong");
    }
    println!(
        "{} cases in {} functions",
        counts.values().map(|count| count.0).sum::<u32>(),
        counts.len()
    );
    assert!(
        counts.len() > 80,
        "only {} functions had vectors: is this the right folder?",
        counts.len()
    );
    assert!(
        mismatches.is_empty(),
        "{} mismatches:\n{}",
        mismatches.len(),
        mismatches.join("\n")
    );
}

/// Compares every field of `out`; extra computed fields are ignored.
fn compare(case: &Value, found: &Value) -> Vec<String> {
    let tolerance = (
        case["tol"]["rel"].as_f64().unwrap_or(0.0),
        case["tol"]["abs"].as_f64().unwrap_or(0.0),
    );
    let mut wrong = Vec::new();
    let id = case["id"].as_str().unwrap_or("?");
    walk(id, "", &case["out"], found, tolerance, &mut wrong);
    wrong
}

fn walk(
    id: &str,
    path: &str,
    want: &Value,
    got: &Value,
    tolerance: (f64, f64),
    wrong: &mut Vec<String>,
) {
    match (want, got) {
        (Value::Object(fields), _) => {
            for (key, value) in fields {
                walk(
                    id,
                    &format!("{path}.{key}"),
                    value,
                    &got[key],
                    tolerance,
                    wrong,
                );
            }
        }
        (Value::Array(items), Value::Array(found)) if items.len() == found.len() => {
            for (place, (item, found)) in items.iter().zip(found).enumerate() {
                walk(
                    id,
                    &format!("{path}[{place}]"),
                    item,
                    found,
                    tolerance,
                    wrong,
                );
            }
        }
        _ => match (number(want), number(got)) {
            // A few upper tails below 1e-50 were made as 1 − cdf at 50 digits: 0, or negative, which no probability is.
            // There the vector only says "smaller than 50 digits can show".
            (Some(want), Some(got))
                if want <= 0.0 && id.starts_with("beta_cdf") && path == ".sf" =>
            {
                if !(0.0..1e-49).contains(&got) {
                    wrong.push(format!("{id}{path}: got {got}, want a tail below 1e-49"));
                }
            }
            (Some(want), Some(got)) => {
                let near =
                    (got - want).abs() <= tolerance.1.max(tolerance.0 * got.abs().max(want.abs()));
                if !(near || got == want) {
                    wrong.push(format!("{id}{path}: got {got}, want {want}"));
                }
            }
            _ if want == got => {}
            _ => wrong.push(format!("{id}{path}: got {got}, want {want}")),
        },
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text == "inf" => Some(f64::INFINITY),
        Value::String(text) if text == "-inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
