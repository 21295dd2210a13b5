//! Endpoints of a team's own shape: where each part of the answer stands is said on the page.

use gatewright_core::exchange::Fault;
use gatewright_core::json::scalar_text;
use gatewright_core::manifest::Live;
use gatewright_core::response::{Behaviour, Response, Usage};
use serde_json::Value;
use serde_json_path::JsonPath;

use super::{Reading, Reply, clip, text_at, tool_call};

/// Reads an answer.
pub(super) fn whole(live: &Live, value: &Value) -> Reading {
    let Some(shape) = &live.http else {
        return Reading::Fault(Fault::Unreadable, "the page says no shape".to_owned());
    };
    let all = |path: &str| -> Vec<&Value> {
        JsonPath::parse(path)
            .map(|path| path.query(value).all())
            .unwrap_or_default()
    };
    let field = |name: &str| {
        let path = shape.fields.iter().find(|(known, _)| known == name);
        path.map(|(_, path)| all(path)).unwrap_or_default()
    };
    let one = |name: &str| field(name).first().copied();
    if let Some(error) = one("error").filter(|it| !is_nothing(it)) {
        let message = text_at(error, "message").map_or_else(|| plain(error), str::to_owned);
        return Reading::Fault(Fault::ErrorBody, clip(&message));
    }
    let tool_calls: Vec<_> = flat(&field("tool_calls"))
        .into_iter()
        .map(|call| tool_call(text_at(call, "name"), call.get("arguments")))
        .collect();
    let behaviour = match one("behaviour").filter(|it| !is_nothing(it)) {
        None => None,
        Some(word) => match Behaviour::parse(&plain(word)) {
            Some(behaviour) => Some(behaviour),
            None => {
                let what = format!(
                    "its behaviour {:?} is none that is known",
                    clip(&plain(word))
                );
                return Reading::Fault(Fault::Unreadable, what);
            }
        },
    };
    let answer = all(&shape.answer);
    if answer.is_empty() && tool_calls.is_empty() && behaviour.is_none() {
        let what = format!("nothing stands at {} of its answer", shape.answer);
        return Reading::Fault(Fault::Unreadable, what);
    }
    let output = answer
        .first()
        .filter(|it| !it.is_null())
        .map_or_else(String::new, |it| plain(it));
    let citations = flat(&field("citations"))
        .into_iter()
        .filter_map(|it| scalar_text(it.get("id").unwrap_or(it)))
        .map(std::borrow::Cow::into_owned)
        .collect();
    Reading::Reply(Box::new(Reply {
        response: Response {
            output,
            behaviour,
            citations,
            tool_calls,
            usage: Usage {
                input_tokens: one("input_tokens").and_then(Value::as_u64),
                output_tokens: one("output_tokens").and_then(Value::as_u64),
                cost_usd: one("cost_usd")
                    .and_then(Value::as_f64)
                    .filter(|cost| *cost >= 0.0),
            },
            ..Response::default()
        },
        model: text_at(value, "model").map(str::to_owned),
        fingerprint: None,
    }))
}

/// A path may name a list or each of its items.
fn flat<'v>(found: &[&'v Value]) -> Vec<&'v Value> {
    found
        .iter()
        .flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            Value::Null => Vec::new(),
            one => vec![*one],
        })
        .collect()
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value.as_str() == Some("")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
