//! OpenAI's responses.

use gatewright_core::exchange::Fault;
use gatewright_core::response::{Behaviour, Response};
use serde_json::Value;

use super::sse::Event;
use super::{Reading, Reply, error_of, fault_of_error, parse, text_at, tokens, tool_call};

/// Reads an answer that came whole.
pub(super) fn whole(value: &Value) -> Reading {
    let Some(items) = value.get("output").and_then(Value::as_array) else {
        let what = "its answer has no output".to_owned();
        return Reading::Fault(Fault::Empty, what);
    };
    let (mut output, mut refusal, mut tool_calls) = (String::new(), String::new(), Vec::new());
    for item in items {
        match text_at(item, "type") {
            Some("function_call") => {
                tool_calls.push(tool_call(text_at(item, "name"), item.get("arguments")));
            }
            Some("message") | None => {
                for part in item
                    .get("content")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    match text_at(part, "type") {
                        Some("refusal") => {
                            refusal.push_str(text_at(part, "refusal").unwrap_or_default());
                        }
                        _ => output.push_str(text_at(part, "text").unwrap_or_default()),
                    }
                }
            }
            _ => {}
        }
    }
    let incomplete = value
        .get("incomplete_details")
        .and_then(|it| text_at(it, "reason"));
    let finish = match incomplete {
        Some("max_output_tokens") => "length",
        Some(other) => other,
        None => text_at(value, "status").unwrap_or("completed"),
    };
    if items.is_empty() && incomplete.is_none() {
        return Reading::Fault(Fault::Empty, "its output is empty".to_owned());
    }
    let behaviour = if !refusal.is_empty() || finish == "content_filter" {
        Some(Behaviour::Refuse)
    } else if !tool_calls.is_empty() && output.trim().is_empty() {
        Some(Behaviour::Call)
    } else {
        None
    };
    Reading::Reply(Box::new(Reply {
        response: Response {
            output: if output.is_empty() { refusal } else { output },
            behaviour,
            tool_calls,
            usage: tokens(value.get("usage"), "input_tokens", "output_tokens"),
            finish: Some(finish.to_owned()),
            ..Response::default()
        },
        model: text_at(value, "model").map(str::to_owned),
        fingerprint: text_at(value, "system_fingerprint").map(str::to_owned),
    }))
}

/// Reads an answer that came in parts: its last event holds it whole.
pub(super) fn stream(events: &[Event]) -> Reading {
    for event in events {
        if event.data == "[DONE]" {
            continue;
        }
        let Ok(value) = parse(&event.data) else {
            let what = "a part of its stream is not JSON".to_owned();
            return Reading::Fault(Fault::Unreadable, what);
        };
        let kind = text_at(&value, "type").unwrap_or_default();
        let inner = value.get("response").unwrap_or(&Value::Null);
        match kind {
            "response.completed" | "response.incomplete" => return whole(inner),
            "response.failed" | "error" => {
                let error = error_of(inner).or_else(|| error_of(&value));
                return match error {
                    Some(error) => Reading::Fault(fault_of_error(&error), error.message),
                    None => Reading::Fault(Fault::ErrorBody, "it failed".to_owned()),
                };
            }
            _ => {}
        }
    }
    let what = format!(
        "its stream ended after {} parts without an end",
        events.len()
    );
    Reading::Fault(Fault::Cut, what)
}

/// Says whether a part of a stream brings something of the answer.
pub(super) fn is_token(data: &str) -> bool {
    parse(data).is_ok_and(|value| {
        text_at(&value, "type").is_some_and(|kind| kind.ends_with(".delta"))
            && text_at(&value, "delta").is_some_and(|delta| !delta.is_empty())
    })
}
