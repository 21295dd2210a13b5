//! What came back: from status, headers and bytes to an answer or a fault. Pure; the bytes may hold anything.

mod anthropic;
mod chat;
mod http;
mod responses;
mod sse;

use std::borrow::Cow;

use gatewright_core::exchange::Fault;
use gatewright_core::manifest::{Live, Protocol};
use gatewright_core::response::{Response, ToolCall, Usage};
use serde_json::Value;

/// Bytes of a provider's own words that a message quotes.
const QUOTE_CHARS_MAX: usize = 300;

/// What an exchange amounts to.
#[derive(Debug, PartialEq)]
pub(crate) enum Reading {
    /// An answer.
    Reply(Box<Reply>),
    /// None, and why.
    Fault(Fault, String),
}

/// An answer and what the provider says about it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reply {
    pub(crate) response: Response,
    pub(crate) model: Option<String>,
    pub(crate) fingerprint: Option<String>,
}

/// What began to come back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head<'h> {
    pub(crate) status: u16,
    pub(crate) content_type: &'h str,
    pub(crate) content_encoding: Option<&'h str>,
}

/// Reads a whole answer.
pub(crate) fn read(live: &Live, head: &Head<'_>, body: &[u8]) -> Reading {
    let text = text_of(body);
    if let Some(encoding) = head.content_encoding.filter(|it| *it != "identity") {
        let what = format!("it sent {encoding} data, which was not asked for");
        return Reading::Fault(Fault::Unreadable, what);
    }
    if !(200..300).contains(&head.status) {
        return refused(head.status, &text);
    }
    let streamed = live.stream && live.protocol != Protocol::Http;
    let is_stream = streamed && !text.trim_start().starts_with(['{', '<']);
    if !is_stream && looks_like_a_page(head, &text) {
        return page();
    }
    if is_stream {
        let events = sse::events(&text);
        return match live.protocol {
            Protocol::OpenAiChat => chat::stream(&events),
            Protocol::OpenAiResponses => responses::stream(&events),
            _ => anthropic::stream(&events),
        };
    }
    let value = match parse(&text) {
        Ok(value) => value,
        Err(why) => {
            let what = format!("its answer is not JSON ({why}): {}", quote(&text));
            return Reading::Fault(Fault::Unreadable, what);
        }
    };
    if live.protocol != Protocol::Http
        && let Some(error) = error_of(&value)
    {
        return Reading::Fault(fault_of_error(&error), error.message);
    }
    match live.protocol {
        Protocol::OpenAiChat => chat::whole(&value),
        Protocol::OpenAiResponses => responses::whole(&value),
        Protocol::Anthropic => anthropic::whole(&value),
        Protocol::Http => http::whole(live, &value),
        Protocol::Provider => {
            let what = "its answer was not read by its adapter".to_owned();
            Reading::Fault(Fault::Unreadable, what)
        }
    }
}

/// Reads what a door did not take for an answer; `why` is its reason, for a status of success.
pub(crate) fn unread(head: &Head<'_>, body: &[u8], why: &str) -> Reading {
    let text = text_of(body);
    if !(200..300).contains(&head.status) {
        return refused(head.status, &text);
    }
    if looks_like_a_page(head, &text) {
        return page();
    }
    error_in(&text).unwrap_or_else(|| {
        let what = format!("its answer could not be read: {}", clip(why));
        Reading::Fault(Fault::Unreadable, what)
    })
}

/// Reads the error that a body with a status of success says, if it says one.
pub(crate) fn error_in(text: &str) -> Option<Reading> {
    let error = error_of(&parse(text).ok()?)?;
    Some(Reading::Fault(fault_of_error(&error), error.message))
}

fn page() -> Reading {
    let what = "it sent a page for people: a login or a captive portal answers in its place";
    Reading::Fault(Fault::Page, what.to_owned())
}

/// Says whether a stream has brought a part of the answer yet.
pub(crate) fn has_token(live: &Live, body: &[u8]) -> bool {
    if !live.stream {
        return false;
    }
    let text = text_of(body);
    let events = sse::events(&text);
    events.iter().any(|event| match live.protocol {
        Protocol::OpenAiChat => chat::is_token(&event.data),
        Protocol::OpenAiResponses => responses::is_token(&event.data),
        Protocol::Anthropic => anthropic::is_token(&event.data),
        Protocol::Http | Protocol::Provider => false,
    })
}

/// What a provider says is wrong.
#[derive(Debug)]
pub(crate) struct Said {
    message: String,
    code: String,
}

/// Finds the error in a body, if there is one.
fn error_of(value: &Value) -> Option<Said> {
    let error = match value.get("error") {
        Some(Value::Null) | None => {
            let failed = value.get("type").and_then(Value::as_str) == Some("error");
            failed.then_some(value)?
        }
        Some(error) => error,
    };
    let text = |key: &str| {
        error.get(key).and_then(|it| match it {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    let message = error
        .as_str()
        .map(str::to_owned)
        .or_else(|| text("message"))
        .unwrap_or_else(|| quote(&error.to_string()));
    let code = [text("code"), text("type")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    Some(Said {
        message: clip(&message),
        code: code.to_lowercase(),
    })
}

/// Says what an error means that came with a status of success, or inside a stream.
fn fault_of_error(error: &Said) -> Fault {
    let code = error.code.as_str();
    let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
    if is_money(error) {
        Fault::MoneyGone
    } else if has(&["rate_limit", "429"]) {
        Fault::RateLimited
    } else if has(&["overloaded", "529", "503", "unavailable"]) {
        Fault::Overloaded
    } else if has(&[
        "authentication",
        "permission",
        "invalid_api_key",
        "401",
        "403",
    ]) {
        Fault::Unauthorised
    } else if has(&["invalid_request", "context_length", "400"]) {
        Fault::BadRequest
    } else {
        Fault::ErrorBody
    }
}

fn is_money(error: &Said) -> bool {
    ["insufficient_quota", "billing", "credit", "payment", "402"]
        .iter()
        .any(|word| error.code.contains(word))
        || error.message.to_lowercase().contains("credit balance")
}

/// Reads an answer whose status says that there is none.
fn refused(status: u16, text: &str) -> Reading {
    let said = parse(text).ok().and_then(|value| error_of(&value));
    let fault = match status {
        300..400 => Fault::Redirect,
        401 | 403 => Fault::Unauthorised,
        402 => Fault::MoneyGone,
        404 => Fault::NotFound,
        407 => Fault::Proxy,
        408 | 409 | 425 => Fault::Server,
        429 if said.as_ref().is_some_and(is_money) => Fault::MoneyGone,
        429 => Fault::RateLimited,
        400 if said.as_ref().is_some_and(is_money) => Fault::MoneyGone,
        // Gemini says so of a wrong key.
        400 if text.contains("API_KEY_INVALID") => Fault::Unauthorised,
        400..500 => Fault::BadRequest,
        503 | 529 => Fault::Overloaded,
        _ => Fault::Server,
    };
    let what = match said {
        Some(said) => said.message,
        None if text.trim().is_empty() => "it said nothing".to_owned(),
        None if text.trim_start().starts_with('<') => "it sent a page".to_owned(),
        None => quote(text),
    };
    Reading::Fault(fault, format!("status {status}: {what}"))
}

fn looks_like_a_page(head: &Head<'_>, text: &str) -> bool {
    let start = text.trim_start().get(..15).unwrap_or(text.trim_start());
    let start = start.to_ascii_lowercase();
    head.content_type.contains("text/html")
        || start.starts_with("<!doctype html")
        || start.starts_with("<html")
}

/// Takes bytes for text: a byte order mark goes, bytes that are no UTF-8 become U+FFFD. The bytes themselves are kept beside.
pub(crate) fn text_of(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    String::from_utf8_lossy(body)
}

/// Reads JSON. Half of a surrogate pair, which is no character, becomes U+FFFD too.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) => match mend(text) {
            Some(mended) => serde_json::from_str(&mended).map_err(|error| error.to_string()),
            None => Err(error.to_string()),
        },
    }
}

/// Replaces escapes of lone surrogates; `None` when there is none.
fn mend(text: &str) -> Option<String> {
    let escape = |at: usize| -> Option<u16> {
        let hex = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(hex, 16).ok()
    };
    let bytes = text.as_bytes();
    let mut mended: Option<String> = None;
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match escape(at) {
            Some(0xd800..=0xdbff) if matches!(escape(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                let out = mended.get_or_insert_with(String::new);
                out.push_str(&text[kept..at]);
                out.push_str("\\ufffd");
                at += 6;
                kept = at;
            }
            _ => at += 2,
        }
    }
    let mut out = mended?;
    out.push_str(text.get(kept..)?);
    Some(out)
}

fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

fn quote(text: &str) -> String {
    format!("{:?}", clip(text))
}

/// Reads the arguments of a tool call: JSON in a text for some, the value itself for others.
fn tool_call(name: Option<&str>, arguments: Option<&Value>) -> ToolCall {
    ToolCall {
        name: name.unwrap_or_default().to_owned(),
        arguments: match arguments {
            Some(Value::String(text)) => parse(text).unwrap_or_else(|_| text.clone().into()),
            Some(other) => other.clone(),
            None => Value::Null,
        },
    }
}

fn text_at<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

fn tokens(usage: Option<&Value>, input: &str, output: &str) -> Usage {
    let count = |key: &str| usage.and_then(|usage| usage.get(key)?.as_u64());
    Usage {
        input_tokens: count(input),
        output_tokens: count(output),
        cost_usd: usage
            .and_then(|usage| usage.get("cost")?.as_f64())
            .filter(|cost| *cost >= 0.0 && cost.is_finite()),
    }
}

#[cfg(test)]
mod tests;
