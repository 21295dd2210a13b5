//! OpenAI's chat completions.

use std::collections::BTreeMap;

use gatewright_core::exchange::Fault;
use gatewright_core::response::{Behaviour, Response, Usage};
use serde_json::Value;

use super::sse::Event;
use super::{Reading, Reply, error_of, fault_of_error, parse, text_at, tokens, tool_call};

/// Reads an answer that came whole.
pub(super) fn whole(value: &Value) -> Reading {
    let Some(choice) = value.get("choices").and_then(|it| it.get(0)) else {
        let what = "its answer has no choices".to_owned();
        return Reading::Fault(Fault::Empty, what);
    };
    let Some(message) = choice.get("message").filter(|it| it.is_object()) else {
        let what = "the first choice of its answer has no message".to_owned();
        return Reading::Fault(Fault::Unreadable, what);
    };
    let output = match message.get("content") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|it| text_at(it, "text")).collect(),
        Some(_) => {
            let what = "`content` of its answer is no text".to_owned();
            return Reading::Fault(Fault::Unreadable, what);
        }
    };
    let calls = message.get("tool_calls").and_then(Value::as_array);
    let parts = Parts {
        output,
        refusal: text_at(message, "refusal").unwrap_or_default().to_owned(),
        calls: calls
            .into_iter()
            .flatten()
            .map(|call| {
                let function = call.get("function").unwrap_or(call);
                tool_call(text_at(function, "name"), function.get("arguments"))
            })
            .collect(),
        finish: text_at(choice, "finish_reason").map(str::to_owned),
        usage: usage(value),
        model: text_at(value, "model").map(str::to_owned),
        fingerprint: text_at(value, "system_fingerprint").map(str::to_owned),
    };
    parts.reading()
}

fn usage(value: &Value) -> Usage {
    tokens(value.get("usage"), "prompt_tokens", "completion_tokens")
}

#[derive(Default)]
struct Parts {
    output: String,
    refusal: String,
    calls: Vec<gatewright_core::response::ToolCall>,
    finish: Option<String>,
    usage: Usage,
    model: Option<String>,
    fingerprint: Option<String>,
}

impl Parts {
    fn reading(self) -> Reading {
        let refused = !self.refusal.is_empty() || self.finish.as_deref() == Some("content_filter");
        let behaviour = if refused {
            Some(Behaviour::Refuse)
        } else if !self.calls.is_empty() && self.output.trim().is_empty() {
            Some(Behaviour::Call)
        } else {
            None
        };
        let output = if self.output.is_empty() {
            self.refusal
        } else {
            self.output
        };
        Reading::Reply(Box::new(Reply {
            response: Response {
                output,
                behaviour,
                tool_calls: self.calls,
                usage: self.usage,
                finish: self.finish,
                ..Response::default()
            },
            model: self.model,
            fingerprint: self.fingerprint,
        }))
    }
}

/// Reads an answer that came in parts. Without its end it is none.
pub(super) fn stream(events: &[Event]) -> Reading {
    let mut parts = Parts::default();
    let mut calls: BTreeMap<u64, (String, String)> = BTreeMap::new();
    let mut ended = false;
    let mut chunks = 0;
    for event in events {
        if event.data == "[DONE]" {
            ended = true;
            continue;
        }
        let value = match parse(&event.data) {
            Ok(value) => value,
            Err(why) => {
                let what = format!("a part of its stream is not JSON ({why})");
                return Reading::Fault(Fault::Unreadable, what);
            }
        };
        if let Some(error) = error_of(&value) {
            return Reading::Fault(fault_of_error(&error), error.message);
        }
        chunks += 1;
        if let Some(model) = text_at(&value, "model") {
            parts.model = Some(model.to_owned());
        }
        if let Some(fingerprint) = text_at(&value, "system_fingerprint") {
            parts.fingerprint = Some(fingerprint.to_owned());
        }
        if value.get("usage").is_some_and(Value::is_object) {
            parts.usage = usage(&value);
        }
        let Some(choice) = value.get("choices").and_then(|it| it.get(0)) else {
            continue;
        };
        if let Some(finish) = text_at(choice, "finish_reason") {
            parts.finish = Some(finish.to_owned());
        }
        let Some(delta) = choice.get("delta") else {
            continue;
        };
        parts
            .output
            .push_str(text_at(delta, "content").unwrap_or_default());
        parts
            .refusal
            .push_str(text_at(delta, "refusal").unwrap_or_default());
        for call in delta
            .get("tool_calls")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let index = call.get("index").and_then(Value::as_u64).unwrap_or(0);
            let (name, arguments) = calls.entry(index).or_default();
            let function = call.get("function").unwrap_or(&Value::Null);
            name.push_str(text_at(function, "name").unwrap_or_default());
            arguments.push_str(text_at(function, "arguments").unwrap_or_default());
        }
    }
    if !ended {
        let what = format!("its stream ended after {chunks} parts without `[DONE]`");
        return Reading::Fault(Fault::Cut, what);
    }
    if chunks == 0 {
        return Reading::Fault(Fault::Empty, "its stream has no parts".to_owned());
    }
    parts.calls = calls
        .into_values()
        .map(|(name, arguments)| tool_call(Some(&name), Some(&arguments.into())))
        .collect();
    parts.reading()
}

/// Says whether a part of a stream brings something of the answer.
pub(super) fn is_token(data: &str) -> bool {
    parse(data).is_ok_and(|value| {
        let delta = value.get("choices").and_then(|it| it.get(0)?.get("delta"));
        delta.is_some_and(|delta| {
            ["content", "refusal", "reasoning_content"]
                .iter()
                .any(|key| text_at(delta, key).is_some_and(|text| !text.is_empty()))
                || delta.get("tool_calls").is_some_and(Value::is_array)
        })
    })
}
