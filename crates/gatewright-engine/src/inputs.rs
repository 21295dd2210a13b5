//! What systems are asked.

use gatewright_core::reference::{Example, Input, ReferenceSet};
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

    /// Returns the whole example, for prompts; `None` when its input may not be shown. Nothing that is expected goes into a prompt.
    fn example(&self, example: u32) -> Option<&Example>;
}

impl Inputs for ReferenceSet {
    fn example(&self, example: u32) -> Option<&Example> {
        self.examples
            .get(example as usize)
            .filter(|example| example.input != Input::Withheld)
    }

    fn request(&self, example: u32) -> Option<Request> {
        let example = self.examples.get(example as usize)?;
        let input = match &example.input {
            Input::Text(text) => Value::String(text.clone()),
            Input::Messages(messages) => messages
                .iter()
                .map(|message| json!({"role": message.role, "content": message.content}))
                .collect(),
            Input::Turns(turns) => json!({"turns": turns}),
            Input::Withheld => return None,
        };
        Some(Request {
            example: example.id.as_str().to_owned(),
            input,
            context: example.context.clone(),
        })
    }
}
