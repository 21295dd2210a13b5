//! What came back from one attempt.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a response does.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// Answers.
    Answer,
    /// Asks for more context.
    Ask,
    /// Hands over to a person.
    Escalate,
    /// Refuses.
    Refuse,
    /// Calls a tool.
    Call,
    /// Stops.
    Stop,
}

impl Behaviour {
    /// All behaviours in the order of reports.
    pub const ALL: [Behaviour; 6] = [
        Behaviour::Answer,
        Behaviour::Ask,
        Behaviour::Escalate,
        Behaviour::Refuse,
        Behaviour::Call,
        Behaviour::Stop,
    ];

    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Behaviour::Answer => "answer",
            Behaviour::Ask => "ask",
            Behaviour::Escalate => "escalate",
            Behaviour::Refuse => "refuse",
            Behaviour::Call => "call",
            Behaviour::Stop => "stop",
        }
    }

    /// Returns the word for what was done.
    pub fn done_word(self) -> &'static str {
        match self {
            Behaviour::Answer => "answered",
            Behaviour::Ask => "asked",
            Behaviour::Escalate => "escalated",
            Behaviour::Refuse => "refused",
            Behaviour::Call => "called",
            Behaviour::Stop => "stopped",
        }
    }

    /// Reads the word used in files.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|behaviour| behaviour.word() == word)
    }
}

/// One tool call of a response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Tool name.
    pub name: String,
    /// Arguments as the system gave them.
    #[serde(default)]
    pub arguments: Value,
}

/// One turn of a conversation script: what the user said and what came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// What the user said; empty where tool results were handed back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// True where the example's tool results were handed back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tool_results: bool,
    /// What the system said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// The tools it called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Time from request to whole answer in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
}

/// What a response used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Money in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// What a system answered. Its text is data: never a template, markup, escape or instruction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The answer's text.
    #[serde(default)]
    pub output: String,
    /// Behaviour as the system or the field map states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behaviour: Option<Behaviour>,
    /// Ids of cited sources, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<String>,
    /// Tool calls, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Tokens and money.
    #[serde(default)]
    pub usage: Usage,
    /// Time from request to whole answer in milliseconds, by a monotonic clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Time to the first part of a streamed answer in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// Why the system stopped, in its own word (`stop`, `length`, `tool_calls`, `content_filter`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// The turns of a conversation script, in order; empty for everything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// Any further mapped field, by the name the map gave it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "kebab-case")]
pub enum AttemptEnd {
    /// The system answered.
    Answered {
        /// What it answered.
        response: Response,
    },
    /// The system exceeded its own time promise: that is a failure of the class `latency`, not a missing outcome.
    TimedOut {
        /// The promise in milliseconds; 0 where a record does not say it.
        after_ms: u64,
    },
    /// The system or its provider failed.
    ProviderError {
        /// What it said.
        message: String,
        /// Its code, if it gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Time until the error in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latency_ms: Option<f64>,
    },
    /// Our side failed.
    HarnessError {
        /// What went wrong.
        message: String,
    },
}
