//! The lines between us and a program: what is asked, and what an answer may look like.

use gatewright_core::digest::Digest;
use gatewright_core::json;
use gatewright_core::manifest::Role;
use gatewright_core::response::{AttemptEnd, Behaviour, Response, ToolCall, Usage};
use serde_json::{Map, Value, json};

use crate::inputs::Request;

/// Bytes of a system's own text that an error message quotes.
const QUOTE_BYTES_MAX: usize = 200;

/// Derives the seed of one attempt: the first 53 bits of
/// SHA-256 of `gatewright-trial|SEED|ROLE|EXAMPLE|TRIAL`, so that any JSON reader keeps it exactly.
pub fn trial_seed(plan_seed: u64, role: Role, example: &str, trial: u32) -> u64 {
    let text = format!(
        "gatewright-trial|{plan_seed}|{}|{example}|{trial}",
        role.word()
    );
    let digest = Digest::of(text.as_bytes());
    let first = digest
        .bytes()
        .iter()
        .take(8)
        .fold(0, |number, &byte| number << 8 | u64::from(byte));
    first >> 11
}

/// Derives the id that goes over the wire for one attempt. It is opaque: a system cannot read from it which arm it is.
pub fn attempt_id(plan_seed: u64, role: Role, example: &str, trial: u32) -> String {
    let text = format!(
        "gatewright-attempt|{plan_seed}|{}|{example}|{trial}",
        role.word()
    );
    let mut hex = Digest::of(text.as_bytes()).hex();
    hex.truncate(24);
    hex
}

/// Writes a request line.
pub(crate) fn request_line(id: &str, request: &Request, trial: u32, seed: u64) -> Vec<u8> {
    let line = json!({
        "id": id,
        "example": request.example,
        "trial": trial,
        "input": request.input,
        "context": request.context,
        "seed": seed,
    });
    let mut bytes = line.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

/// What a line of a program says.
#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and moved once")]
pub(crate) enum Said {
    /// It has started and waits for its first request.
    Ready,
    /// It answers the request with this id.
    Reply {
        /// The id.
        id: String,
        /// What it answers; the latency is not in it yet.
        end: AttemptEnd,
    },
    /// Nothing that the protocol knows; says what.
    Nonsense(String),
}

/// Reads a line.
pub(crate) fn read_line(line: &[u8]) -> Said {
    let mut fields = match json::parse_object(line) {
        Ok(fields) => fields,
        Err(error) => {
            return Said::Nonsense(format!(
                "it wrote a line that is not a JSON object ({error}): {}",
                quote(line)
            ));
        }
    };
    if !fields.contains_key("id") && fields.get("ready") == Some(&Value::Bool(true)) {
        return Said::Ready;
    }
    let Some(Value::String(id)) = fields.remove("id") else {
        return Said::Nonsense(format!("it wrote a line without an id: {}", quote(line)));
    };
    let end = match end(fields) {
        Ok(end) => end,
        Err(what) => AttemptEnd::HarnessError {
            message: format!("its answer could not be read: {what}"),
        },
    };
    Said::Reply { id, end }
}

/// Shows bytes that are not ours in a message: clipped, control characters and bytes that are no text escaped.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let clipped = &bytes[..bytes.len().min(QUOTE_BYTES_MAX)];
    let mut text = format!("\"{}\"", clipped.escape_ascii());
    if let Ok(plain) = std::str::from_utf8(clipped)
        && !plain.chars().any(char::is_control)
    {
        text = format!("\"{plain}\"");
    }
    if clipped.len() < bytes.len() {
        text.push_str(&format!(" and {} bytes more", bytes.len() - clipped.len()));
    }
    text
}

fn end(mut fields: Map<String, Value>) -> Result<AttemptEnd, String> {
    let code = fields.remove("error_code").and_then(|code| plain(&code));
    if let Some(error) = fields.remove("error")
        && !is_nothing(&error)
    {
        return Ok(provider_error(&error, code));
    }
    let spoke = ["output", "behaviour", "tool_calls", "verdict"]
        .iter()
        .any(|key| fields.get(*key).is_some_and(|value| !value.is_null()));
    if !spoke {
        return Err("it has neither `output` nor `error`".to_owned());
    }
    let output = match fields.remove("output") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(_) => return Err("`output` must be a string".to_owned()),
    };
    let behaviour = match fields.remove("behaviour") {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(Behaviour::parse(&word).ok_or_else(|| {
            let words: Vec<_> = Behaviour::ALL.iter().map(|b| b.word()).collect();
            format!("`behaviour` must be one of {}", words.join(", "))
        })?),
        Some(_) => return Err("`behaviour` must be a string".to_owned()),
    };
    let citations: Vec<String> = list(&mut fields, "citations", "strings")?;
    let tool_calls: Vec<ToolCall> = list(
        &mut fields,
        "tool_calls",
        "objects with `name` and `arguments`",
    )?;
    let usage = usage(fields.remove("usage"))?;
    // Our own clock measures the time; what the system says of itself stays visible under its name.
    fields.retain(|_, value| !value.is_null());
    Ok(AttemptEnd::Answered {
        response: Response {
            output,
            behaviour,
            citations,
            tool_calls,
            usage,
            latency_ms: None,
            fields,
            ..Response::default()
        },
    })
}

fn provider_error(error: &Value, code: Option<String>) -> AttemptEnd {
    let (message, inner) = match error {
        Value::Object(object) => (
            object.get("message").and_then(plain),
            object.get("code").and_then(plain),
        ),
        other => (plain(other), None),
    };
    AttemptEnd::ProviderError {
        message: message.unwrap_or_else(|| error.to_string()),
        code: code.or(inner),
        latency_ms: None,
    }
}

fn list<T: serde::de::DeserializeOwned>(
    fields: &mut Map<String, Value>,
    key: &str,
    of: &str,
) -> Result<Vec<T>, String> {
    match fields.remove(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(value) => {
            serde_json::from_value(value).map_err(|_| format!("`{key}` must be a list of {of}"))
        }
    }
}

fn usage(value: Option<Value>) -> Result<Usage, String> {
    let value = match value {
        None | Some(Value::Null) => return Ok(Usage::default()),
        Some(value) => value,
    };
    let usage: Usage = serde_json::from_value(value).map_err(
        |_| "`usage` must hold input_tokens, output_tokens (whole numbers) and cost_usd",
    )?;
    if usage.cost_usd.is_some_and(|cost| cost < 0.0) {
        return Err("`usage.cost_usd` must not be negative".to_owned());
    }
    Ok(usage)
}

fn plain(value: &Value) -> Option<String> {
    if is_nothing(value) {
        return None;
    }
    json::scalar_text(value).map(std::borrow::Cow::into_owned)
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value.as_str() == Some("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_fit_a_json_number_and_differ_in_every_part() {
        let seed = trial_seed(1, Role::Candidate, "refund-001", 0);
        // Python: int.from_bytes(sha256(b"gatewright-trial|1|candidate|refund-001|0").digest()[:8], "big") >> 11
        assert_eq!(seed, 2_856_727_253_951_151);
        let others = [
            trial_seed(2, Role::Candidate, "refund-001", 0),
            trial_seed(1, Role::Production, "refund-001", 0),
            trial_seed(1, Role::Candidate, "refund-002", 0),
            trial_seed(1, Role::Candidate, "refund-001", 1),
        ];
        assert!(!others.contains(&seed));
    }

    #[test]
    fn ids_do_not_name_the_arm() {
        let id = attempt_id(1, Role::Candidate, "refund-001", 0);
        assert_eq!(id.len(), 24);
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(id, attempt_id(1, Role::Production, "refund-001", 0));
    }

    fn reply(line: &str) -> AttemptEnd {
        match read_line(line.as_bytes()) {
            Said::Reply { id, end } => {
                assert_eq!(id, "a");
                end
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_whole_answer_is_read() {
        let end = reply(
            r#"{"id":"a","output":"yes","behaviour":"call","citations":["s1"],"tool_calls":[{"name":"refund","arguments":{"usd":5}},{"name":"log"}],"usage":{"input_tokens":3,"cost_usd":0.5},"confidence":0.9,"note":null}"#,
        );
        let AttemptEnd::Answered { response } = end else {
            panic!("{end:?}");
        };
        assert_eq!(response.output, "yes");
        assert_eq!(response.behaviour, Some(Behaviour::Call));
        assert_eq!(response.citations, ["s1"]);
        assert_eq!(response.tool_calls[0].arguments, json!({"usd": 5}));
        assert_eq!(response.tool_calls[1].arguments, Value::Null);
        assert_eq!(response.usage.input_tokens, Some(3));
        assert_eq!(Value::Object(response.fields), json!({"confidence": 0.9}));
    }

    #[test]
    fn an_error_is_the_systems_and_an_answer_that_cannot_be_read_is_ours() {
        let error = |message: &str, code: Option<&str>| AttemptEnd::ProviderError {
            message: message.to_owned(),
            code: code.map(str::to_owned),
            latency_ms: None,
        };
        assert_eq!(reply(r#"{"id":"a","error":"busy"}"#), error("busy", None));
        assert_eq!(
            reply(r#"{"id":"a","output":"x","error":{"message":"busy","code":429}}"#),
            error("busy", Some("429"))
        );
        assert_eq!(
            reply(r#"{"id":"a","error":true,"error_code":"E1"}"#),
            error("true", Some("E1"))
        );
        for (line, what) in [
            (r#"{"id":"a"}"#, "neither"),
            (r#"{"id":"a","output":null,"error":null}"#, "neither"),
            (r#"{"id":"a","output":5}"#, "must be a string"),
            (
                r#"{"id":"a","output":"x","behaviour":"shrug"}"#,
                "answer, ask",
            ),
            (
                r#"{"id":"a","output":"x","citations":"s1"}"#,
                "list of strings",
            ),
            (
                r#"{"id":"a","output":"x","tool_calls":[{"arguments":1}]}"#,
                "`name`",
            ),
            (
                r#"{"id":"a","output":"x","usage":{"input_tokens":-1}}"#,
                "whole numbers",
            ),
            (
                r#"{"id":"a","output":"x","usage":{"cost_usd":-1}}"#,
                "negative",
            ),
        ] {
            let end = reply(line);
            let AttemptEnd::HarnessError { message } = &end else {
                panic!("{line}: {end:?}");
            };
            assert!(message.contains(what), "{line}: {message}");
        }
    }

    #[test]
    fn an_answer_may_be_a_behaviour_alone() {
        assert!(matches!(
            reply(r#"{"id":"a","behaviour":"refuse"}"#),
            AttemptEnd::Answered { .. }
        ));
    }

    #[test]
    fn a5_lines_that_are_no_answer_are_told_apart() {
        assert_eq!(read_line(br#"{"ready":true}"#), Said::Ready);
        for line in [
            &b"Loading model..."[..],
            b"[1]",
            b"{}",
            br#"{"id":7,"output":"x"}"#,
            br#"{"id":"a","id":"b","output":"x"}"#,
            b"{\"id\":\"a\",\"output\":\"\xff\"}",
            br#"{"id":"a","output":1e999}"#,
            br#"{"id":"a","output":"x"} extra"#,
        ] {
            let said = read_line(line);
            assert!(matches!(said, Said::Nonsense(_)), "{said:?}");
        }
    }

    #[test]
    fn a9_quotes_are_clipped_and_escaped() {
        assert_eq!(quote("plain é".as_bytes()), "\"plain é\"");
        assert_eq!(quote(b"\x1b[31m\xff"), "\"\\x1b[31m\\xff\"");
        assert!(quote(&[b'x'; 500]).ends_with("\" and 300 bytes more"));
    }
}
