//! Anthropic's messages.

use std::collections::BTreeMap;

use gatewright_core::exchange::Fault;
use gatewright_core::response::{Behaviour, Response, ToolCall, Usage};
use serde_json::Value;

use super::sse::Event;
use super::{Reading, Reply, error_of, fault_of_error, parse, text_at, tokens, tool_call};

/// Reads an answer that came whole.
pub(super) fn whole(value: &Value) -> Reading {
    let Some(blocks) = value.get("content").and_then(Value::as_array) else {
        let what = "its answer has no content".to_owned();
        return Reading::Fault(Fault::Empty, what);
    };
    let mut output = String::new();
    let mut tool_calls = Vec::new();
    for block in blocks {
        match text_at(block, "type") {
            Some("tool_use") => {
                tool_calls.push(tool_call(text_at(block, "name"), block.get("input")));
            }
            Some("text") => output.push_str(text_at(block, "text").unwrap_or_default()),
            _ => {}
        }
    }
    let stop = text_at(value, "stop_reason");
    if blocks.is_empty() && stop.is_none() {
        return Reading::Fault(Fault::Empty, "its content is empty".to_owned());
    }
    reading(
        output,
        tool_calls,
        stop,
        usage(value.get("usage")),
        text_at(value, "model"),
    )
}

fn usage(usage: Option<&Value>) -> Usage {
    let mut counted = tokens(usage, "input_tokens", "output_tokens");
    // What is read from or written to the provider's cache is read all the same.
    let cached: u64 = ["cache_creation_input_tokens", "cache_read_input_tokens"]
        .iter()
        .filter_map(|key| usage?.get(*key)?.as_u64())
        .sum();
    counted.input_tokens = counted.input_tokens.map(|tokens| tokens + cached);
    counted
}

fn reading(
    output: String,
    tool_calls: Vec<ToolCall>,
    stop: Option<&str>,
    usage: Usage,
    model: Option<&str>,
) -> Reading {
    let behaviour = if stop == Some("refusal") {
        Some(Behaviour::Refuse)
    } else if !tool_calls.is_empty() && output.trim().is_empty() {
        Some(Behaviour::Call)
    } else {
        None
    };
    let finish = match stop {
        Some("end_turn" | "stop_sequence") => Some("stop"),
        Some("max_tokens") => Some("length"),
        Some("tool_use") => Some("tool_calls"),
        other => other,
    };
    Reading::Reply(Box::new(Reply {
        response: Response {
            output,
            behaviour,
            tool_calls,
            usage,
            finish: finish.map(str::to_owned),
            ..Response::default()
        },
        model: model.map(str::to_owned),
        fingerprint: None,
    }))
}

/// Reads an answer that came in parts. Without its end it is none.
pub(super) fn stream(events: &[Event]) -> Reading {
    let mut output = String::new();
    let mut tools: BTreeMap<u64, (String, String)> = BTreeMap::new();
    let (mut stop, mut model) = (None, None);
    let mut counted = Usage::default();
    for event in events {
        let Ok(value) = parse(&event.data) else {
            let what = "a part of its stream is not JSON".to_owned();
            return Reading::Fault(Fault::Unreadable, what);
        };
        if let Some(error) = error_of(&value) {
            return Reading::Fault(fault_of_error(&error), error.message);
        }
        let index = value.get("index").and_then(Value::as_u64).unwrap_or(0);
        match text_at(&value, "type").unwrap_or_default() {
            "message_start" => {
                let message = value.get("message").unwrap_or(&Value::Null);
                model = text_at(message, "model").map(str::to_owned);
                counted = usage(message.get("usage"));
            }
            "content_block_start" => {
                let block = value.get("content_block").unwrap_or(&Value::Null);
                match text_at(block, "type") {
                    Some("tool_use") => {
                        let name = text_at(block, "name").unwrap_or_default().to_owned();
                        tools.insert(index, (name, String::new()));
                    }
                    _ => output.push_str(text_at(block, "text").unwrap_or_default()),
                }
            }
            "content_block_delta" => {
                let delta = value.get("delta").unwrap_or(&Value::Null);
                output.push_str(text_at(delta, "text").unwrap_or_default());
                if let Some((_, json)) = tools.get_mut(&index) {
                    json.push_str(text_at(delta, "partial_json").unwrap_or_default());
                }
            }
            "message_delta" => {
                let reason = value.get("delta").and_then(|it| text_at(it, "stop_reason"));
                stop = reason.map(str::to_owned).or(stop);
                let more = usage(value.get("usage"));
                counted.output_tokens = more.output_tokens.or(counted.output_tokens);
                counted.input_tokens = more.input_tokens.or(counted.input_tokens);
            }
            "message_stop" => {
                let tool_calls = tools
                    .into_values()
                    .map(|(name, json)| {
                        let json = if json.is_empty() {
                            "{}".to_owned()
                        } else {
                            json
                        };
                        tool_call(Some(&name), Some(&json.into()))
                    })
                    .collect();
                return reading(
                    output,
                    tool_calls,
                    stop.as_deref(),
                    counted,
                    model.as_deref(),
                );
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
    parse(data).is_ok_and(|value| text_at(&value, "type") == Some("content_block_delta"))
}
