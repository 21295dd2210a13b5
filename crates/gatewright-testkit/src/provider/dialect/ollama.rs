//! Ollama's own chat.

use serde_json::{Value, json};

use super::{Answer, Finish, Say};

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let message = match &answer.say {
        Say::Text(text) | Say::Refusal(text) => json!({"role": "assistant", "content": text}),
        Say::Tool { name, arguments } => {
            let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
            json!({
                "role": "assistant", "content": "",
                "tool_calls": [{"function": {"name": name, "arguments": arguments}}]
            })
        }
        Say::Nothing => Value::Null,
    };
    let (read, written) = answer.tokens();
    json!({
        "model": answer.model,
        "created_at": "2026-11-26T10:00:00Z",
        "message": message,
        "done": true,
        "done_reason": if answer.finish == Finish::Length { "length" } else { "stop" },
        "prompt_eval_count": read,
        "eval_count": written,
    })
}
