//! What the user says in an input, and the same input with something else said.

use super::NotApplicable;
use crate::reference::Input;

/// Returns what the user says: the text, the last message of the user, or the last turn.
pub(super) fn said(input: &Input) -> Result<&str, NotApplicable> {
    let said = match input {
        Input::Text(text) => Some(text.as_str()),
        Input::Messages(messages) => messages
            .iter()
            .rev()
            .find(|message| message.role == "user")
            .map(|message| message.content.as_str()),
        Input::Turns(turns) => turns.last().map(String::as_str),
        Input::Withheld => None,
    };
    match said {
        Some(text) if !text.trim().is_empty() => Ok(text),
        Some(_) => NotApplicable::because("the user says nothing"),
        None => NotApplicable::because("there is no turn of the user"),
    }
}

/// Returns the input with something else said in that place.
pub(super) fn say(input: &Input, text: String) -> Input {
    let mut other = input.clone();
    match &mut other {
        Input::Text(said) => *said = text,
        Input::Messages(messages) => {
            let mut from_last = messages.iter_mut().rev();
            if let Some(message) = from_last.find(|message| message.role == "user") {
                message.content = text;
            }
        }
        Input::Turns(turns) => {
            if let Some(last) = turns.last_mut() {
                *last = text;
            }
        }
        Input::Withheld => {}
    }
    other
}

/// Puts a sentence before or after a text.
pub(super) fn beside(text: &str, sentence: &str, after: bool) -> String {
    if after {
        format!("{} {sentence}", text.trim_end())
    } else {
        format!("{sentence} {}", text.trim_start())
    }
}
