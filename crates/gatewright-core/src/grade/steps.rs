//! The steps of an answer: what the user said, what was called, what came back.
//!
//! They come from a field that holds the messages of the talk, else from the turns of a conversation, else from the list of calls alone.

use serde_json::Value;

use crate::response::Response;

/// Longest list of steps that is looked at.
const STEPS_MAX: usize = 10_000;
/// One step of a trajectory.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// The user said something.
    User(String),
    /// The system said something.
    Says,
    /// The system called a tool.
    Call {
        name: String,
        arguments: Value,
        /// Several calls in one message, or a call beside a text.
        together: bool,
    },
    /// What a tool returned.
    Result(String),
}

/// Lists the steps of an answer.
pub(super) fn steps(response: &Response, from: Option<&str>) -> Result<Vec<Step>, String> {
    let steps = match from {
        Some(field) => match response.fields.get(field) {
            Some(Value::Array(messages)) => of_messages(messages)?,
            Some(_) => return Err(format!("the response's `{field}` is no list of messages")),
            None => return Err(format!("the response has no `{field}`")),
        },
        None if !response.turns.is_empty() => of_turns(response),
        None => of_calls(response),
    };
    if steps.len() > STEPS_MAX {
        return Err(format!("more than {STEPS_MAX} steps"));
    }
    Ok(steps)
}

fn of_calls(response: &Response) -> Vec<Step> {
    let calls = response.tool_calls.iter();
    calls
        .map(|call| Step::Call {
            name: call.name.clone(),
            arguments: call.arguments.clone(),
            together: false,
        })
        .collect()
}

fn of_turns(response: &Response) -> Vec<Step> {
    let mut steps = Vec::new();
    for turn in &response.turns {
        if !turn.user.is_empty() {
            steps.push(Step::User(turn.user.clone()));
        }
        let together = turn.tool_calls.len() > 1
            || (!turn.tool_calls.is_empty() && !turn.output.trim().is_empty());
        for call in &turn.tool_calls {
            steps.push(Step::Call {
                name: call.name.clone(),
                arguments: call.arguments.clone(),
                together,
            });
        }
        if !turn.output.is_empty() {
            steps.push(Step::Says);
        }
    }
    steps
}

/// Reads messages as chat interfaces record them: `role`, `content`, `tool_calls` (`{function: {name, arguments}}` or `{name, arguments}`).
fn of_messages(messages: &[Value]) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let text = message
            .get("content")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match message.get("role").and_then(Value::as_str) {
            Some("user") => steps.push(Step::User(text.to_owned())),
            Some("tool") => steps.push(Step::Result(text.to_owned())),
            Some("assistant") => {
                let none = Vec::new();
                let calls = message
                    .get("tool_calls")
                    .and_then(Value::as_array)
                    .unwrap_or(&none);
                let together = calls.len() > 1 || (!calls.is_empty() && !text.trim().is_empty());
                for call in calls {
                    steps.push(call_of(call, together).ok_or_else(|| {
                        format!("message {} has a call without a name", index + 1)
                    })?);
                }
                if !text.is_empty() {
                    steps.push(Step::Says);
                }
            }
            Some("system" | "developer") => {}
            _ => return Err(format!("message {} has no known role", index + 1)),
        }
    }
    Ok(steps)
}

fn call_of(call: &Value, together: bool) -> Option<Step> {
    let inner = call.get("function").unwrap_or(call);
    let name = inner.get("name")?.as_str()?.to_owned();
    // Chat interfaces write arguments as a text that holds JSON.
    let arguments = match inner.get("arguments").or_else(|| inner.get("kwargs")) {
        Some(Value::String(text)) => {
            crate::json::parse(text.as_bytes()).unwrap_or_else(|_| Value::String(text.clone()))
        }
        Some(other) => other.clone(),
        None => Value::Null,
    };
    Some(Step::Call {
        name,
        arguments,
        together,
    })
}
