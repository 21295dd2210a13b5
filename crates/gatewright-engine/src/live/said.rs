//! The parts of a conversation, and how each protocol writes them.

use gatewright_core::response::ToolCall;
use serde_json::{Value, json};

use super::door::Message;

/// One part of a conversation.
#[derive(Debug)]
pub(super) enum Said {
    System(String),
    User(String),
    Other {
        role: String,
        content: String,
    },
    /// What the system under test said, with the tools it called.
    Assistant {
        output: String,
        calls: Vec<(String, ToolCall)>,
    },
    /// What the tools gave back: the id of the call, the tool's name, and its text.
    Results(Vec<(String, String, String)>),
}

impl Said {
    /// Returns the text of a system message.
    pub(super) fn system(&self) -> Option<&str> {
        match self {
            Said::System(text) => Some(text),
            Said::Other { role, content } if role == "system" => Some(content),
            _ => None,
        }
    }
}

fn arguments(call: &ToolCall) -> String {
    match &call.arguments {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Writes a part as chat completions say it.
pub(super) fn chat(said: &Said) -> Vec<Value> {
    match said {
        Said::System(text) => vec![json!({"role": "system", "content": text})],
        Said::User(text) => vec![json!({"role": "user", "content": text})],
        Said::Other { role, content } => vec![json!({"role": role, "content": content})],
        Said::Assistant { output, calls } if calls.is_empty() => {
            vec![json!({"role": "assistant", "content": output})]
        }
        Said::Assistant { output, calls } => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|(id, call)| {
                    json!({"id": id, "type": "function",
                           "function": {"name": call.name, "arguments": arguments(call)}})
                })
                .collect();
            vec![json!({"role": "assistant", "content": output, "tool_calls": calls})]
        }
        Said::Results(results) => results
            .iter()
            .map(|(id, _, result)| json!({"role": "tool", "tool_call_id": id, "content": result}))
            .collect(),
    }
}

/// Writes a part as responses say it.
pub(super) fn responses(said: &Said) -> Vec<Value> {
    match said {
        Said::Assistant { output, calls } => {
            let mut items = Vec::new();
            if !output.is_empty() {
                items.push(json!({"role": "assistant", "content": output}));
            }
            items.extend(calls.iter().map(|(id, call)| {
                json!({"type": "function_call", "call_id": id, "name": call.name, "arguments": arguments(call)})
            }));
            items
        }
        Said::Results(results) => results
            .iter()
            .map(|(id, _, result)| json!({"type": "function_call_output", "call_id": id, "output": result}))
            .collect(),
        other => chat(other),
    }
}

/// Writes a part as Anthropic says it.
pub(super) fn anthropic(said: &Said) -> Vec<Value> {
    if said.system().is_some() {
        return Vec::new();
    }
    match said {
        Said::Assistant { output, calls } if !calls.is_empty() => {
            let mut blocks = Vec::new();
            if !output.is_empty() {
                blocks.push(json!({"type": "text", "text": output}));
            }
            blocks.extend(calls.iter().map(|(id, call)| {
                json!({"type": "tool_use", "id": id, "name": call.name, "input": call.arguments})
            }));
            vec![json!({"role": "assistant", "content": blocks})]
        }
        Said::Results(results) => {
            let blocks: Vec<Value> = results
                .iter()
                .map(|(id, _, result)| json!({"type": "tool_result", "tool_use_id": id, "content": result}))
                .collect();
            vec![json!({"role": "user", "content": blocks})]
        }
        other => chat(other),
    }
}

/// Writes a part of a conversation for a door.
pub(super) fn neutral(said: &Said) -> Result<Vec<Message>, String> {
    Ok(match said {
        Said::System(content) => vec![Message::System {
            content: content.clone(),
        }],
        Said::User(content) => vec![Message::User {
            content: content.clone(),
        }],
        Said::Other { role, content } => {
            let content = content.clone();
            vec![match role.as_str() {
                "system" | "developer" => Message::System { content },
                "user" => Message::User { content },
                "assistant" => Message::Assistant {
                    content,
                    calls: Vec::new(),
                },
                other => return Err(format!("no adapter knows messages of the role `{other}`")),
            }]
        }
        Said::Assistant { output, calls } => vec![Message::Assistant {
            content: output.clone(),
            calls: calls.clone(),
        }],
        Said::Results(results) => results
            .iter()
            .map(|(call, name, content)| Message::Tool {
                call: call.clone(),
                name: name.clone(),
                content: content.clone(),
            })
            .collect(),
    })
}
