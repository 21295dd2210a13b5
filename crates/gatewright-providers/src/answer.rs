//! An answer as the adapters read it.

use gatewright_core::response::{Behaviour, Response, ToolCall, Usage};
use gatewright_engine::Answer;
use genai::chat::{ChatResponse, StopReason};
use serde_json::Value;

/// Takes an answer over. What an adapter drops and many providers say (the model's own name, the price) is looked for in the raw answer.
pub(crate) fn read(response: ChatResponse) -> Answer {
    let raw = response.captured_raw_body.unwrap_or_default();
    let text = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| raw.get(*name)?.as_str());
        found.next().map(str::to_owned)
    };
    let output = response.content.texts().concat();
    let calls: Vec<ToolCall> = response
        .content
        .tool_calls()
        .into_iter()
        .map(|call| ToolCall {
            name: call.fn_name.clone(),
            arguments: call.fn_arguments.clone(),
        })
        .collect();
    let refused = matches!(response.stop_reason, Some(StopReason::ContentFilter(_)));
    let behaviour = if refused {
        Some(Behaviour::Refuse)
    } else if !calls.is_empty() && output.trim().is_empty() {
        Some(Behaviour::Call)
    } else {
        None
    };
    let tokens = |count: Option<i32>| count.and_then(|count| u64::try_from(count).ok());
    let cost = raw.pointer("/usage/cost").and_then(Value::as_f64);
    Answer {
        response: Response {
            output,
            behaviour,
            tool_calls: calls,
            usage: Usage {
                input_tokens: tokens(response.usage.prompt_tokens),
                output_tokens: tokens(response.usage.completion_tokens),
                cost_usd: cost.filter(|cost| *cost >= 0.0 && cost.is_finite()),
            },
            finish: response.stop_reason.map(|reason| reason.raw().to_owned()),
            ..Response::default()
        },
        model: text(&["model", "modelVersion", "model_version"]),
        fingerprint: text(&["system_fingerprint"]),
        body: raw.to_string().into_bytes(),
    }
}
