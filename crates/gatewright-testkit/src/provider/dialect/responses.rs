//! OpenAI responses.

use serde_json::{Value, json};

use super::{Answer, Finish, Say, named};

/// The response object; before it is done it has no output and no usage.
pub(super) fn whole(answer: &Answer<'_>, done: bool) -> Value {
    let (input, output) = answer.tokens();
    let (status, details) = match answer.finish {
        _ if !done => ("in_progress", Value::Null),
        Finish::Stop => ("completed", Value::Null),
        Finish::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
        Finish::Filter => ("incomplete", json!({"reason": "content_filter"})),
    };
    let mut value = json!({
        "id": format!("resp_{}", answer.seq),
        "object": "response",
        "created_at": 1_790_000_000,
        "status": status,
        "error": null,
        "incomplete_details": details,
        "model": answer.model,
        "output": [],
        "usage": null,
    });
    if done {
        value["output"] = items(answer, status);
        value["usage"] = json!({
            "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0}
        });
    }
    value
}

pub(super) fn delta(answer: &Answer<'_>, piece: &str) -> Vec<u8> {
    let kind = match answer.say {
        Say::Tool { .. } => "response.function_call_arguments.delta",
        Say::Refusal(_) => "response.refusal.delta",
        _ => "response.output_text.delta",
    };
    event(
        kind,
        json!({"item_id": item_id(answer), "output_index": 0, "content_index": 0, "delta": piece}),
    )
}

pub(super) fn around(answer: &Answer<'_>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<u8>) {
    let begun = whole(answer, false);
    let mut opening = vec![
        event("response.created", json!({"response": begun})),
        event("response.in_progress", json!({"response": begun})),
    ];
    let mut closing = Vec::new();
    let done = whole(answer, true);
    let at = |more: Value| {
        let mut value = json!({"item_id": item_id(answer), "output_index": 0, "content_index": 0});
        if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
            value.extend(more);
        }
        value
    };
    let added = |item: Value| {
        event(
            "response.output_item.added",
            json!({"output_index": 0, "item": item}),
        )
    };
    match &answer.say {
        Say::Nothing => {}
        Say::Tool { name, arguments } => {
            opening.push(added(json!({
                "id": item_id(answer), "type": "function_call", "status": "in_progress",
                "call_id": format!("call_{}", answer.seq), "name": name, "arguments": ""
            })));
            let kind = "response.function_call_arguments.done";
            closing.push(event(kind, at(json!({"arguments": arguments}))));
        }
        Say::Text(text) | Say::Refusal(text) => {
            opening.push(added(json!({
                "id": item_id(answer), "type": "message", "status": "in_progress",
                "role": "assistant", "content": []
            })));
            let refuses = matches!(answer.say, Say::Refusal(_));
            let (kind, field) = match refuses {
                true => ("response.refusal.done", "refusal"),
                false => ("response.output_text.done", "text"),
            };
            let part = at(json!({"part": part(answer, "")}));
            opening.push(event("response.content_part.added", part));
            closing.push(event(kind, at(json!({field: text}))));
            let part = at(json!({"part": done["output"][0]["content"][0]}));
            closing.push(event("response.content_part.done", part));
        }
    }
    if !matches!(answer.say, Say::Nothing) {
        let item = json!({"output_index": 0, "item": done["output"][0]});
        closing.push(event("response.output_item.done", item));
    }
    let end = match answer.finish {
        Finish::Stop => "response.completed",
        _ => "response.incomplete",
    };
    (opening, closing, event(end, json!({"response": done})))
}

fn items(answer: &Answer<'_>, status: &str) -> Value {
    match &answer.say {
        Say::Nothing => json!([]),
        Say::Tool { name, arguments } => json!([{
            "id": item_id(answer), "type": "function_call", "status": status,
            "call_id": format!("call_{}", answer.seq), "name": name, "arguments": arguments
        }]),
        Say::Text(text) | Say::Refusal(text) => json!([{
            "id": item_id(answer), "type": "message", "status": status, "role": "assistant",
            "content": [part(answer, text)]
        }]),
    }
}

fn part(answer: &Answer<'_>, text: &str) -> Value {
    match answer.say {
        Say::Refusal(_) => json!({"type": "refusal", "refusal": text}),
        _ => json!({"type": "output_text", "text": text, "annotations": []}),
    }
}

fn item_id(answer: &Answer<'_>) -> String {
    format!("item_{}", answer.seq)
}

fn event(kind: &str, mut value: Value) -> Vec<u8> {
    value["type"] = json!(kind);
    named(kind, &value)
}
