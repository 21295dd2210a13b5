//! What systems are asked.

use std::sync::Arc;

use gatewright_core::reference::{Changed, Example, Input, ReferenceSet};
use serde_json::{Map, Value, json};

/// What an example asks. What is expected of the answer is not in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What the id and the seed on the wire are derived from, beside role and trial: the example's id, for a system. Two requests of one run
    /// that ask different things have different keys.
    pub key: String,
    /// The example's id.
    pub example: String,
    /// Text, or the messages of a conversation.
    pub input: Value,
    /// What the system may see besides.
    pub context: Map<String, Value>,
}

/// Where the engine gets requests from.
pub trait Inputs {
    /// Says whether what an example asks may be shown, by its index in the plan. It is asked of every attempt and reads nothing.
    fn is_shown(&self, example: u32) -> bool;

    /// Returns what an example asks; `None` when its input may not be shown.
    ///
    /// # Errors
    /// When the example is not what was planned any more.
    fn request(&self, example: u32) -> Result<Option<Request>, Changed>;

    /// Returns the whole example, for prompts; `None` when its input may not be shown. Nothing that is expected goes into a prompt.
    ///
    /// # Errors
    /// When the example is not what was planned any more.
    fn example(&self, example: u32) -> Result<Option<Arc<Example>>, Changed>;
}

impl Inputs for ReferenceSet {
    fn is_shown(&self, example: u32) -> bool {
        let entry = self.examples.get(example as usize);
        entry.is_some_and(|entry| !entry.traits.withheld)
    }

    fn example(&self, example: u32) -> Result<Option<Arc<Example>>, Changed> {
        match self.is_shown(example) {
            true => ReferenceSet::example(self, example).map(Some),
            false => Ok(None),
        }
    }

    fn request(&self, example: u32) -> Result<Option<Request>, Changed> {
        let Some(example) = Inputs::example(self, example)? else {
            return Ok(None);
        };
        let input = match &example.input {
            Input::Text(text) => Value::String(text.clone()),
            Input::Messages(messages) => messages
                .iter()
                .map(|message| json!({"role": message.role, "content": message.content}))
                .collect(),
            Input::Turns(turns) => json!({"turns": turns}),
            Input::Withheld => return Ok(None),
        };
        Ok(Some(Request {
            key: example.id.as_str().to_owned(),
            example: example.id.as_str().to_owned(),
            input,
            context: example.context.clone(),
        }))
    }
}
