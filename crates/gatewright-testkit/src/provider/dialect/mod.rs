//! The dialects that are spoken: what an answer looks like whole, and as a stream of events.

mod chat;
mod gemini;
mod messages;
mod ollama;
mod responses;

use serde_json::{Value, json};

/// Which API a path belongs to, whatever stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenAI chat completions.
    Chat,
    /// OpenAI responses.
    Responses,
    /// Anthropic messages.
    Messages,
    /// Gemini's `generateContent`, without streams.
    Gemini,
    /// Ollama's `/api/chat`, without streams.
    Ollama,
    /// Any other path: JSON in, `{"output": …}` out.
    Generic,
}

/// What is said.
#[derive(Clone, Debug)]
pub(super) enum Say {
    Text(String),
    Tool {
        name: String,
        arguments: String,
    },
    Refusal(String),
    /// No choice at all.
    Nothing,
}

/// Why it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Length,
    Filter,
}

/// Everything an answer is made of.
#[derive(Clone, Debug)]
pub(super) struct Answer<'a> {
    pub(super) seq: u64,
    pub(super) model: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) content: &'a str,
    pub(super) say: Say,
    pub(super) finish: Finish,
    pub(super) usage_in_stream: bool,
}

/// A stream in its parts, each a list of events.
pub(super) struct Stream {
    pub(super) opening: Vec<Vec<u8>>,
    pub(super) deltas: Vec<Vec<u8>>,
    pub(super) closing: Vec<Vec<u8>>,
    /// What a client waits for.
    pub(super) terminator: Vec<u8>,
}

impl Dialect {
    pub(super) fn of(path: &str) -> Self {
        if path.ends_with("/chat/completions") {
            Self::Chat
        } else if path.ends_with("/responses") {
            Self::Responses
        } else if path.ends_with("/messages") {
            Self::Messages
        } else if path.ends_with(":generateContent") {
            Self::Gemini
        } else if path.ends_with("/api/chat") {
            Self::Ollama
        } else {
            Self::Generic
        }
    }

    /// Returns the body of an answer that is not streamed.
    pub(super) fn whole(self, answer: &Answer<'_>) -> String {
        match self {
            Self::Chat => chat::quick(answer).unwrap_or_else(|| chat::whole(answer).to_string()),
            _ => self.value(answer).to_string(),
        }
    }

    fn value(self, answer: &Answer<'_>) -> Value {
        match self {
            Self::Chat => chat::whole(answer),
            Self::Responses => responses::whole(answer, true),
            Self::Messages => messages::whole(answer),
            Self::Gemini => gemini::whole(answer),
            Self::Ollama => ollama::whole(answer),
            Self::Generic => match &answer.say {
                Say::Text(text) => json!({"output": text, "model": answer.model}),
                Say::Tool { name, arguments } => json!({"tool": name, "arguments": arguments}),
                Say::Refusal(text) => json!({"refusal": text}),
                Say::Nothing => json!({}),
            },
        }
    }

    /// Returns one event that carries a piece of the text.
    pub(super) fn delta(self, answer: &Answer<'_>, piece: &str) -> Vec<u8> {
        match self {
            Self::Responses => responses::delta(answer, piece),
            Self::Messages => messages::delta(answer, piece),
            Self::Chat | Self::Gemini | Self::Ollama | Self::Generic => chat::delta(answer, piece),
        }
    }

    /// Returns a whole stream.
    pub(super) fn stream(self, answer: &Answer<'_>) -> Stream {
        let pieces = answer.pieces();
        let deltas = pieces.iter().map(|piece| self.delta(answer, piece));
        Stream {
            deltas: deltas.collect(),
            ..self.around(answer)
        }
    }

    /// Returns a stream without what it carries.
    pub(super) fn around(self, answer: &Answer<'_>) -> Stream {
        let (opening, closing, terminator) = match self {
            Self::Responses => responses::around(answer),
            Self::Messages => messages::around(answer),
            Self::Chat | Self::Gemini | Self::Ollama | Self::Generic => chat::around(answer),
        };
        Stream {
            opening,
            deltas: Vec::new(),
            closing,
            terminator,
        }
    }

    /// Returns the body of an error in the words of this dialect.
    pub(super) fn error(self, kind: &str, code: &str, message: &str) -> Value {
        match self {
            Self::Messages => json!({
                "type": "error",
                "error": {"type": kind, "message": message},
                "request_id": "req_scripted"
            }),
            Self::Gemini => json!({"error": {"message": message, "status": kind}}),
            Self::Ollama => json!({"error": message}),
            _ => json!({
                "error": {"message": message, "type": kind, "param": null, "code": code}
            }),
        }
    }

    /// Returns the event by which a stream reports an error.
    pub(super) fn error_event(self) -> Vec<u8> {
        match self {
            Self::Messages => named(
                "error",
                &self.error("overloaded_error", "overloaded", "Overloaded"),
            ),
            Self::Responses => named(
                "error",
                &json!({"type": "error", "code": "server_error", "message": "The server had an error", "param": null, "sequence_number": 9}),
            ),
            _ => data(&self.error("server_error", "server_error", "The server had an error")),
        }
    }
}

impl Answer<'_> {
    /// The pieces that a stream carries: words with the space after them.
    fn pieces(&self) -> Vec<&str> {
        match &self.say {
            Say::Text(text) | Say::Refusal(text) => text.split_inclusive(' ').collect(),
            Say::Tool { arguments, .. } => arguments.split_inclusive(' ').collect(),
            Say::Nothing => Vec::new(),
        }
    }

    /// Tokens as this server counts them: words in, pieces out.
    fn tokens(&self) -> (usize, usize) {
        (self.content.split_whitespace().count(), self.pieces().len())
    }
}

/// An event without a name.
fn data(value: &Value) -> Vec<u8> {
    format!("data: {value}\n\n").into_bytes()
}

/// An event with a name.
fn named(name: &str, value: &Value) -> Vec<u8> {
    format!("event: {name}\ndata: {value}\n\n").into_bytes()
}
