//! One row of outputs becomes the end of one attempt.

use serde_json::{Map, Value};

use crate::json::scalar_text;
use crate::problem::nearest;
use crate::response::{AttemptEnd, Behaviour, Response, ToolCall, Usage};
use crate::source::Row;

const KEYS: [&str; 17] = [
    "example",
    "example_id",
    "system",
    "trial",
    "output",
    "behaviour",
    "citations",
    "tool_calls",
    "latency_ms",
    "latency_s",
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "error",
    "error_code",
    "status",
    "fields",
];

/// A row of outputs under reading.
pub(super) struct OutputRow<'a, 'c, 'p> {
    pub(super) row: Row<'a, 'c, 'p>,
}

/// What `status` says.
enum Stated {
    Fine,
    Failed(String),
    TimedOut,
}

impl OutputRow<'_, '_, '_> {
    pub(super) fn known_keys(&mut self) {
        if self.row.source.is_foreign() {
            return;
        }
        let filtered = |key: &String| {
            self.row
                .source
                .filter
                .iter()
                .any(|(field, _)| field.split('.').next() == Some(key.as_str()))
        };
        let unknown: Vec<&String> = self
            .row
            .map
            .keys()
            .filter(|key| !KEYS.contains(&key.as_str()) && !filtered(key))
            .collect();
        for key in unknown {
            let instead = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "put it under `fields`, or read the file with a `map`".to_owned(),
            };
            let what = format!("unknown key `{key}`");
            self.row
                .error_at(key.clone().into(), "unknown-key", what, instead);
        }
    }

    pub(super) fn example(&mut self) -> Option<String> {
        let value = self
            .row
            .get("example")
            .or_else(|| self.row.get("example_id"));
        let id = value.and_then(scalar_text).filter(|id| !id.is_empty());
        if id.is_none() {
            let what = "the row names no example".to_owned();
            self.row
                .error("missing-id", what, "`example`: the example's id");
        }
        id.map(std::borrow::Cow::into_owned)
    }

    /// Reads an optional whole number.
    pub(super) fn count<N: TryFrom<u64>>(&mut self, ours: &'static str) -> Option<N> {
        let value = self.row.get(ours)?;
        let whole = match value {
            Value::String(text) => text.parse::<u64>().ok(),
            Value::Number(number) => number.as_u64().or_else(|| {
                let float = number.as_f64()?;
                (float >= 0.0 && float.fract() == 0.0 && float < 9.0e15).then_some(float as u64)
            }),
            _ => None,
        };
        let count = whole.and_then(|whole| N::try_from(whole).ok());
        if count.is_none() {
            let what = format!("`{ours}` is {value}");
            self.row.error("bad-number", what, "a whole number from 0");
        }
        count
    }

    /// Reads an optional amount.
    fn amount(&mut self, ours: &'static str) -> Option<f64> {
        let value = self.row.get(ours)?;
        let amount = value.as_f64().filter(|amount| *amount >= 0.0);
        if amount.is_none() {
            self.row.error(
                "bad-number",
                format!("`{ours}` is {value}"),
                "a number from 0",
            );
        }
        amount
    }

    pub(super) fn end(&mut self) -> AttemptEnd {
        let latency_ms = match self.amount("latency_ms") {
            None => self.amount("latency_s").map(|seconds| seconds * 1000.0),
            stated => stated,
        };
        let status = self.status();
        if matches!(status, Stated::TimedOut) {
            return AttemptEnd::TimedOut {
                after_ms: latency_ms.unwrap_or(0.0).round() as u64,
            };
        }
        let code = self
            .row
            .get("error_code")
            .and_then(scalar_text)
            .filter(|code| !code.is_empty() && code != "0");
        let message = self.row.get("error").and_then(error_message);
        if message.is_some() || code.is_some() || matches!(status, Stated::Failed(_)) {
            let said = match (message, status) {
                (Some(message), _) => message,
                (None, Stated::Failed(word)) => format!("recorded with status {word}"),
                (None, _) => format!("recorded with error code {}", code.as_deref().unwrap_or("")),
            };
            return AttemptEnd::ProviderError {
                message: said,
                code: code.map(std::borrow::Cow::into_owned),
                latency_ms,
            };
        }
        AttemptEnd::Answered {
            response: self.response(latency_ms),
        }
    }

    fn status(&mut self) -> Stated {
        let Some(text) = self.row.get("status").and_then(scalar_text) else {
            return Stated::Fine;
        };
        let words = ["ok", "error", "failed", "timeout"];
        match text.to_lowercase().as_str() {
            "ok" | "success" | "succeeded" | "completed" | "complete" | "done" | "" | "200" => {
                Stated::Fine
            }
            "error" | "failed" | "failure" | "cancelled" | "canceled" => {
                Stated::Failed(text.into_owned())
            }
            "timeout" | "timed_out" | "timed-out" | "timed out" => Stated::TimedOut,
            _ if self.row.source.is_foreign() && !self.row.source.names("status") => Stated::Fine,
            _ => {
                let instead = match nearest(&text, words) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("one of {}", words.join(", ")),
                };
                self.row
                    .error("unknown-word", format!("`{text}` is no `status`"), instead);
                Stated::Fine
            }
        }
    }

    fn response(&mut self, latency_ms: Option<f64>) -> Response {
        let output = match self.row.get("output") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        let fields = match self.row.source.members(self.row.map, "fields") {
            Ok(members) => members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
            Err(_) => {
                let what = "`fields` is no object".to_owned();
                self.row.error("wrong-type", what, "{\"name\": value}");
                Map::new()
            }
        };
        let response = Response {
            behaviour: self.behaviour(),
            citations: self.citations(),
            tool_calls: self.tool_calls(),
            usage: Usage {
                input_tokens: self.count("input_tokens"),
                output_tokens: self.count("output_tokens"),
                cost_usd: self.amount("cost_usd"),
            },
            latency_ms,
            fields,
            first_token_ms: None,
            finish: None,
            turns: Vec::new(),
            output: output.clone().unwrap_or_default(),
        };
        let said = output.is_some()
            || response.behaviour.is_some()
            || !response.tool_calls.is_empty()
            || latency_ms.is_some();
        // A null output is an empty answer; no output at all is most likely a field of another name.
        let null = self.row.map.get("output").is_some();
        if !said && !null && response.fields.is_empty() {
            let what = "the row has no output".to_owned();
            let instead = "map `output` (or `error`, when there was none)";
            self.row.error("missing-output", what, instead);
        }
        response
    }

    fn behaviour(&mut self) -> Option<Behaviour> {
        let text = self.row.get("behaviour").and_then(scalar_text)?;
        let behaviour = Behaviour::parse(&text);
        if behaviour.is_none() {
            let words = Behaviour::ALL.map(Behaviour::word);
            let instead = match nearest(&text, words) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", words.join(", ")),
            };
            self.row
                .error("unknown-word", format!("`{text}` is no behaviour"), instead);
        }
        behaviour
    }

    fn citations(&mut self) -> Vec<String> {
        let id = |value: &Value| {
            let inner = value.as_object().and_then(|map| map.get("id"));
            scalar_text(inner.unwrap_or(value)).map(std::borrow::Cow::into_owned)
        };
        let read = match self.row.get("citations") {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(id).collect(),
            Some(one) => id(one).map(|id| vec![id]),
        };
        read.unwrap_or_else(|| {
            let what = "`citations` is no list of source ids".to_owned();
            self.row.error("wrong-type", what, r#"["...", "..."]"#);
            Vec::new()
        })
    }

    fn tool_calls(&mut self) -> Vec<ToolCall> {
        let read = match self.row.get("tool_calls") {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(tool_call).collect(),
            Some(_) => None,
        };
        read.unwrap_or_else(|| {
            let what = "`tool_calls` is no list of calls".to_owned();
            self.row
                .error("wrong-type", what, r#"[{"name": "...", "arguments": {}}]"#);
            Vec::new()
        })
    }
}

fn error_message(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some("recorded as an error".to_owned()),
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Object(map) if map.is_empty() => None,
        Value::Object(map) => match map.get("message").and_then(scalar_text) {
            Some(message) => Some(message.into_owned()),
            None => Some(value.to_string()),
        },
        Value::Array(items) if items.is_empty() => None,
        Value::Number(_) | Value::Array(_) => Some(value.to_string()),
    }
}

/// Reads a tool's name, `{name, arguments}`, or `{function: {name, arguments}}`.
fn tool_call(value: &Value) -> Option<ToolCall> {
    if let Value::String(name) = value {
        return Some(ToolCall {
            name: name.clone(),
            arguments: Value::Null,
        });
    }
    let outer = value.as_object()?;
    let inner = outer.get("function").and_then(Value::as_object);
    let call = inner.unwrap_or(outer);
    Some(ToolCall {
        name: call.get("name")?.as_str()?.to_owned(),
        arguments: call.get("arguments").cloned().unwrap_or_default(),
    })
}
