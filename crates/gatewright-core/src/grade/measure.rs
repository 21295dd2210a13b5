//! Graders of measured values: latency in milliseconds, cost in US dollars.

use serde_json::Value;

use super::sheet::{Measures, Sheet};
use super::verdict::{Graded, Verdict};
use crate::response::Response;

/// What these graders can tell.
pub(super) const SHEETS: [Sheet; 2] = [
    Sheet {
        kind: "latency",
        measures: Measures::Resource,
        checks: "the answer took at most so long",
        protects: &["latency"],
        cost: "one comparison",
        deterministic: true,
        blind_spot: "an empty answer is quick",
    },
    Sheet {
        kind: "cost",
        measures: Measures::Resource,
        checks: "the answer cost at most so much",
        protects: &[],
        cost: "one comparison",
        deterministic: true,
        blind_spot: "an empty answer is cheap; a price that was not recorded is missing, not free",
    },
];

/// Measures the time of the whole answer, or of a field. Fails above the limit as `too-slow`; the value stays beside the verdict.
pub(super) fn latency(at_most_ms: Option<f64>, field: Option<&str>, response: &Response) -> Graded {
    let measured = match field {
        None | Some("latency_ms" | "latency_s") => response.latency_ms,
        Some(name) => response
            .fields
            .get(name)
            .and_then(|value| milliseconds(name, value)),
    };
    let absent = || match field {
        None => "no time was recorded".to_owned(),
        Some(name) => format!("the field `{name}` holds no time"),
    };
    limited(measured, at_most_ms, "too-slow", "ms", absent)
}

/// Measures the money of an answer. Fails above the limit as `too-expensive`; the value stays beside the verdict.
pub(super) fn cost(at_most_usd: Option<f64>, response: &Response) -> Graded {
    let absent = || "no cost was recorded".to_owned();
    limited(
        response.usage.cost_usd,
        at_most_usd,
        "too-expensive",
        "USD",
        absent,
    )
}

/// Reads a time: seconds when the field's name ends in `_s`, `_sec` or `_seconds`, else milliseconds.
fn milliseconds(name: &str, value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let seconds = ["_s", "_sec", "_seconds"]
        .iter()
        .any(|end| name.ends_with(end));
    Some(if seconds { number * 1000.0 } else { number })
}

fn limited(
    measured: Option<f64>,
    limit: Option<f64>,
    symptom: &'static str,
    unit: &str,
    absent: impl Fn() -> String,
) -> Graded {
    let Some(value) = measured.filter(|value| value.is_finite() && *value >= 0.0) else {
        return Graded::missing(absent());
    };
    let graded = match limit {
        None => return Verdict::Value(value).into(),
        Some(limit) if value <= limit => Graded::pass(),
        Some(limit) => Graded::fail(symptom, format!("{value} {unit}; at most {limit} {unit}")),
    };
    Graded {
        value: Some(value),
        ..graded
    }
}
