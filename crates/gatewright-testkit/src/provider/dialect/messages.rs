//! Anthropic messages.

use serde_json::{Value, json};

use super::{Answer, Finish, Say, named};

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let (input, output) = answer.tokens();
    let content = match &answer.say {
        Say::Text(text) => json!([{"type": "text", "text": text}]),
        Say::Refusal(text) => json!([{"type": "text", "text": text}]),
        Say::Tool { name, arguments } => json!([{
            "type": "tool_use", "id": format!("toolu_{}", answer.seq), "name": name,
            "input": serde_json::from_str::<Value>(arguments).unwrap_or_default()
        }]),
        Say::Nothing => json!([]),
    };
    json!({
        "id": format!("msg_{}", answer.seq),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop(answer),
        "stop_sequence": null,
        "usage": {"input_tokens": input, "output_tokens": output},
    })
}

pub(super) fn delta(answer: &Answer<'_>, piece: &str) -> Vec<u8> {
    let delta = match answer.say {
        Say::Tool { .. } => json!({"type": "input_json_delta", "partial_json": piece}),
        _ => json!({"type": "text_delta", "text": piece}),
    };
    let event = json!({"type": "content_block_delta", "index": 0, "delta": delta});
    named("content_block_delta", &event)
}

pub(super) fn around(answer: &Answer<'_>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<u8>) {
    let (input, output) = answer.tokens();
    let start = json!({"type": "message_start", "message": {
        "id": format!("msg_{}", answer.seq), "type": "message", "role": "assistant",
        "model": answer.model, "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": input, "output_tokens": 1}
    }});
    let mut opening = vec![named("message_start", &start)];
    let mut closing = Vec::new();
    if !matches!(answer.say, Say::Nothing) {
        let block = match &answer.say {
            Say::Tool { name, .. } => {
                json!({"type": "tool_use", "id": format!("toolu_{}", answer.seq), "name": name, "input": {}})
            }
            _ => json!({"type": "text", "text": ""}),
        };
        let event = json!({"type": "content_block_start", "index": 0, "content_block": block});
        opening.push(named("content_block_start", &event));
        let event = json!({"type": "content_block_stop", "index": 0});
        closing.push(named("content_block_stop", &event));
    }
    opening.push(named("ping", &json!({"type": "ping"})));
    let end = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop(answer), "stop_sequence": null},
        "usage": {"output_tokens": output},
    });
    closing.push(named("message_delta", &end));
    let terminator = named("message_stop", &json!({"type": "message_stop"}));
    (opening, closing, terminator)
}

fn stop(answer: &Answer<'_>) -> &'static str {
    match (answer.finish, &answer.say) {
        (_, Say::Refusal(_)) | (Finish::Filter, _) => "refusal",
        (Finish::Length, _) => "max_tokens",
        (Finish::Stop, Say::Tool { .. }) => "tool_use",
        (Finish::Stop, _) => "end_turn",
    }
}
