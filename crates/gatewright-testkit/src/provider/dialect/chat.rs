//! OpenAI chat completions.

use serde_json::{Value, json};

use super::{Answer, Finish, Say, data};

const CREATED: u64 = 1_790_000_000;

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    match &answer.say {
        Say::Text(text) => message["content"] = json!(text),
        Say::Refusal(text) => message["refusal"] = json!(text),
        Say::Tool { name, arguments } => {
            message["tool_calls"] = json!([{
                "id": call_id(answer), "type": "function",
                "function": {"name": name, "arguments": arguments}
            }]);
        }
        Say::Nothing => {}
    }
    let choices = match answer.say {
        Say::Nothing => json!([]),
        _ => {
            json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": finish(answer)}])
        }
    };
    json!({
        "id": format!("chatcmpl-{}", answer.seq),
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model,
        "system_fingerprint": answer.fingerprint,
        "choices": choices,
        "usage": usage(answer),
    })
}

/// The same as [`whole`] for what a load asks for most, without building a tree first.
pub(super) fn quick(answer: &Answer<'_>) -> Option<String> {
    let Say::Text(text) = &answer.say else {
        return None;
    };
    let (prompt, completion) = answer.tokens();
    let text = serde_json::to_string(text).ok()?;
    let model = serde_json::to_string(answer.model).ok()?;
    let fingerprint = serde_json::to_string(answer.fingerprint).ok()?;
    let (seq, finish, total) = (answer.seq, finish(answer), prompt + completion);
    Some(format!(
        "{{\"id\":\"chatcmpl-{seq}\",\"object\":\"chat.completion\",\"created\":{CREATED},\
         \"model\":{model},\"system_fingerprint\":{fingerprint},\
         \"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":{text},\
         \"refusal\":null}},\"logprobs\":null,\"finish_reason\":\"{finish}\"}}],\
         \"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\
         \"total_tokens\":{total}}}}}"
    ))
}

pub(super) fn delta(answer: &Answer<'_>, piece: &str) -> Vec<u8> {
    let delta = match &answer.say {
        Say::Refusal(_) => json!({"refusal": piece}),
        Say::Tool { .. } => {
            json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        }
        _ => json!({"content": piece}),
    };
    chunk(answer, &choice(&delta, None))
}

pub(super) fn around(answer: &Answer<'_>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<u8>) {
    let mut opening = Vec::new();
    let mut closing = Vec::new();
    if !matches!(answer.say, Say::Nothing) {
        let mut first = json!({"role": "assistant", "content": ""});
        if let Say::Tool { name, .. } = &answer.say {
            first["content"] = Value::Null;
            first["tool_calls"] = json!([{
                "index": 0, "id": call_id(answer), "type": "function",
                "function": {"name": name, "arguments": ""}
            }]);
        }
        opening.push(chunk(answer, &choice(&first, None)));
        closing.push(chunk(answer, &choice(&json!({}), Some(finish(answer)))));
    }
    if answer.usage_in_stream {
        closing.push(chunk(answer, &json!([])));
    }
    (opening, closing, b"data: [DONE]\n\n".to_vec())
}

fn choice(delta: &Value, finish: Option<&str>) -> Value {
    json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}])
}

/// One chunk; the one without choices carries the usage.
fn chunk(answer: &Answer<'_>, choices: &Value) -> Vec<u8> {
    let mut value = json!({
        "id": format!("chatcmpl-{}", answer.seq),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": answer.model,
        "system_fingerprint": answer.fingerprint,
        "choices": choices,
    });
    if answer.usage_in_stream {
        value["usage"] = match choices.as_array() {
            Some(none) if none.is_empty() => usage(answer),
            _ => Value::Null,
        };
    }
    data(&value)
}

fn usage(answer: &Answer<'_>) -> Value {
    let (prompt, completion) = answer.tokens();
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    })
}

fn finish(answer: &Answer<'_>) -> &'static str {
    match (answer.finish, &answer.say) {
        (Finish::Length, _) => "length",
        (Finish::Filter, _) => "content_filter",
        (Finish::Stop, Say::Tool { .. }) => "tool_calls",
        (Finish::Stop, _) => "stop",
    }
}

fn call_id(answer: &Answer<'_>) -> String {
    format!("call_{}", answer.seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_says_the_same() {
        let answer = Answer {
            seq: 7,
            model: "m\"1",
            fingerprint: "fp",
            content: "a b",
            say: Say::Text("line\nnul \0 quote \" end".to_owned()),
            finish: Finish::Length,
            usage_in_stream: false,
        };
        let quick: Value = serde_json::from_str(&quick(&answer).expect("text")).expect("JSON");
        assert_eq!(quick, whole(&answer));
    }
}
