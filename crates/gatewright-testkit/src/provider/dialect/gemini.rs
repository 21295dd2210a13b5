//! Gemini's `generateContent`.

use serde_json::{Value, json};

use super::{Answer, Finish, Say};

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let part = match &answer.say {
        Say::Text(text) | Say::Refusal(text) => json!({"text": text}),
        Say::Tool { name, arguments } => {
            let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
            json!({"functionCall": {"name": name, "args": arguments}})
        }
        Say::Nothing => {
            return json!({"promptFeedback": {"blockReason": "SAFETY"}});
        }
    };
    let finish = match answer.finish {
        Finish::Stop => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filter => "SAFETY",
    };
    let (read, written) = answer.tokens();
    json!({
        "candidates": [{
            "content": {"role": "model", "parts": [part]}, "finishReason": finish, "index": 0
        }],
        "modelVersion": answer.model,
        "usageMetadata": {
            "promptTokenCount": read, "candidatesTokenCount": written,
            "totalTokenCount": read + written
        }
    })
}
