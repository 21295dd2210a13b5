//! What systems are asked.

use gatewright_core::reference::{Input, ReferenceSet};
use serde_json::{Map, Value, json};

/// What an example asks. What is expected of the answer is not in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The example's id.
    pub example: String,
    /// Text, or the messages of a conversation.
    pub input: Value,
    /// What the system may see besides.
    pub context: Map<String, Value>,
}

/// Where the engine gets requests from.
pub trait Inputs {
    /// Returns what an example asks, by its index in the plan; `None` when its input may not be shown.
    fn request(&self, example: u32) -> Option<Request>;
}

impl Inputs for ReferenceSet {
    fn request(&self, example: u32) -> Option<Request> {
        let example = self.examples.get(example as usize)?;
        let input = match &example.input {
            Input::Text(text) => Value::String(text.clone()),
            Input::Messages(messages) => messages
                .iter()
                .map(|message| json!({"role": message.role, "content": message.content}))
                .collect(),
            Input::Withheld => return None,
        };
        Some(Request {
            example: example.id.as_str().to_owned(),
            input,
            context: example.context.clone(),
        })
    }
}
