use gatewright_core::manifest::{Manifest, Role, read};
use gatewright_core::response::Behaviour;
use serde_json::json;

use super::*;

/// A live system as a page describes it.
fn live(way: &str) -> Live {
    let page = format!(
        "gatewright: 1\npromise: Answer.\ntasks: {{a: b}}\nfailures: {{}}\nowners: {{p: P}}\nsystems: {{candidate: {way}}}\ngate: []\n"
    );
    let (manifest, problems): (Option<Manifest>, _) = read::survey(page.as_bytes(), "page");
    let manifest = manifest.unwrap_or_else(|| panic!("{problems:?}"));
    manifest.systems[&Role::Candidate]
        .live()
        .unwrap_or_else(|| panic!("{problems:?}"))
        .clone()
}

fn chat() -> Live {
    live("{openai: {model: m}}")
}

fn ok(body: &str) -> Reading {
    read(&chat(), &head(200), body.as_bytes())
}

fn head(status: u16) -> Head<'static> {
    Head {
        status,
        content_type: "application/json",
        content_encoding: None,
    }
}

fn reply(reading: Reading) -> Reply {
    match reading {
        Reading::Reply(reply) => *reply,
        Reading::Fault(fault, what) => panic!("{fault:?}: {what}"),
    }
}

fn fault(reading: &Reading) -> Fault {
    match reading {
        Reading::Fault(fault, _) => *fault,
        Reading::Reply(reply) => panic!("{reply:?}"),
    }
}

#[test]
fn a_chat_completion() {
    let body = json!({"model": "m-1", "system_fingerprint": "fp", "choices": [{"finish_reason": "stop",
        "message": {"role": "assistant", "content": "yes"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}});
    let reply = reply(ok(&body.to_string()));
    assert_eq!(reply.response.output, "yes");
    assert_eq!(reply.response.finish.as_deref(), Some("stop"));
    assert_eq!(reply.response.usage.input_tokens, Some(3));
    assert_eq!(
        (reply.model.as_deref(), reply.fingerprint.as_deref()),
        (Some("m-1"), Some("fp"))
    );
}

#[test]
fn tool_calls_and_refusals() {
    let body = json!({"choices": [{"finish_reason": "tool_calls", "message": {"content": null, "tool_calls": [
        {"id": "x", "type": "function", "function": {"name": "refund", "arguments": "{\"usd\": 5}"}},
        {"id": "y", "type": "function", "function": {"name": "odd", "arguments": "{not json"}}]}}]});
    let reply = reply(ok(&body.to_string()));
    assert_eq!(reply.response.tool_calls[0].arguments, json!({"usd": 5}));
    assert_eq!(reply.response.tool_calls[1].arguments, json!("{not json"));
    assert_eq!(reply.response.behaviour, Some(Behaviour::Call));
    let body = json!({"choices": [{"finish_reason": "stop", "message": {"content": null, "refusal": "no"}}]});
    let reply = super::tests::reply(ok(&body.to_string()));
    assert_eq!(
        (reply.response.behaviour, reply.response.output.as_str()),
        (Some(Behaviour::Refuse), "no")
    );
}

/// F12: status 200 that is no answer; each its own class.
#[test]
fn f12_success_that_is_none() {
    for (body, expected) in [
        (
            r#"{"error": {"message": "x", "type": "server_error"}}"#,
            Fault::ErrorBody,
        ),
        (
            r#"{"error": {"message": "x", "code": "insufficient_quota"}}"#,
            Fault::MoneyGone,
        ),
        (
            r#"{"error": {"message": "x", "code": "rate_limit_exceeded"}}"#,
            Fault::RateLimited,
        ),
        (r#"{"error": "down"}"#, Fault::ErrorBody),
        ("<!DOCTYPE html><html>log in</html>", Fault::Page),
        ("  <html><body>portal", Fault::Page),
        (r#"{"choices": []}"#, Fault::Empty),
        (r#"{}"#, Fault::Empty),
        (r#"{"choices": [{"text": "x"}]}"#, Fault::Unreadable),
        (
            r#"{"choices": [{"message": {"content": 5}}]}"#,
            Fault::Unreadable,
        ),
        ("", Fault::Unreadable),
        ("[1]", Fault::Empty),
        (
            r#"{"choices": [{"message": {"content": "cut"#,
            Fault::Unreadable,
        ),
    ] {
        assert_eq!(fault(&ok(body)), expected, "{body}");
    }
    let filtered =
        r#"{"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}"#;
    assert_eq!(
        reply(ok(filtered)).response.behaviour,
        Some(Behaviour::Refuse)
    );
    let length = r#"{"choices": [{"message": {"content": "half"}, "finish_reason": "length"}]}"#;
    assert_eq!(reply(ok(length)).response.finish.as_deref(), Some("length"));
    let packed = Head {
        content_encoding: Some("gzip"),
        ..head(200)
    };
    assert_eq!(
        fault(&read(&chat(), &packed, b"\x1f\x8b")),
        Fault::Unreadable
    );
}

#[test]
fn f9_f10_statuses() {
    for (status, body, expected) in [
        (429, "", Fault::RateLimited),
        (
            429,
            r#"{"error": {"message": "pay", "code": "insufficient_quota"}}"#,
            Fault::MoneyGone,
        ),
        (402, "", Fault::MoneyGone),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
            Fault::MoneyGone,
        ),
        (401, "", Fault::Unauthorised),
        (403, "<html>", Fault::Unauthorised),
        (404, "", Fault::NotFound),
        (407, "", Fault::Proxy),
        (
            400,
            r#"{"error": {"message": "too long", "code": "context_length_exceeded"}}"#,
            Fault::BadRequest,
        ),
        (500, "<html>", Fault::Server),
        (502, "", Fault::Server),
        (503, "", Fault::Overloaded),
        (529, "", Fault::Overloaded),
        (302, "", Fault::Redirect),
    ] {
        let reading = read(&chat(), &head(status), body.as_bytes());
        assert_eq!(fault(&reading), expected, "{status} {body}");
    }
}

/// F13: bytes that are no text have one visible replacement.
#[test]
fn f13_odd_bytes() {
    let mut body = b"\xef\xbb\xbf{\"choices\":[{\"message\":{\"content\":\"a\xffb\"}}]}".to_vec();
    assert_eq!(
        reply(read(&chat(), &head(200), &body)).response.output,
        "a\u{fffd}b"
    );
    body = br#"{"choices":[{"message":{"content":"a\ud800b\udc00 \ud83d\ude00 \u0000\\ud800"}}]}"#
        .to_vec();
    assert_eq!(
        reply(read(&chat(), &head(200), &body)).response.output,
        "a\u{fffd}b\u{fffd} \u{1f600} \0\\ud800"
    );
}

#[test]
fn f11_a_stream_without_an_end_is_no_answer() {
    let live = live("{openai: {model: m, stream: true}}");
    let stream = Head {
        content_type: "text/event-stream",
        ..head(200)
    };
    let parts = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"ye\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"s\"}}]}\n\n";
    assert_eq!(fault(&read(&live, &stream, parts.as_bytes())), Fault::Cut);
    assert_eq!(fault(&read(&live, &stream, b"")), Fault::Cut);
    let first = parts.find("\n\n").expect("a part") + 2;
    assert!(!has_token(&live, &parts.as_bytes()[..first]));
    assert!(has_token(&live, parts.as_bytes()));
    let whole = format!(
        "{parts}data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":2}}}}\n\ndata: [DONE]\n\n"
    );
    let reply = reply(read(&live, &stream, whole.as_bytes()));
    assert_eq!(reply.response.output, "yes");
    assert_eq!(reply.response.usage.output_tokens, Some(2));
    let broken =
        format!("{parts}data: {{\"error\":{{\"message\":\"x\",\"type\":\"server_error\"}}}}\n\n");
    assert_eq!(
        fault(&read(&live, &stream, broken.as_bytes())),
        Fault::ErrorBody
    );
}

#[test]
fn anthropic_messages() {
    let whole = live("{anthropic: {model: c}}");
    let body = json!({"type": "message", "model": "c-1", "stop_reason": "tool_use", "content": [
        {"type": "text", "text": "Let me see."}, {"type": "tool_use", "id": "t", "name": "look", "input": {"q": 1}}],
        "usage": {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 2}});
    let read_it = reply(read(&whole, &head(200), body.to_string().as_bytes()));
    assert_eq!(read_it.response.output, "Let me see.");
    assert_eq!(read_it.response.tool_calls[0].arguments, json!({"q": 1}));
    assert_eq!(read_it.response.usage.input_tokens, Some(7));
    assert_eq!(read_it.response.behaviour, None);
    let streamed = live("{anthropic: {model: c, stream: true}}");
    let parts = [
        r#"{"type":"message_start","message":{"model":"c-1","usage":{"input_tokens":5,"output_tokens":1}}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"yes"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","name":"look"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let text: String = parts
        .iter()
        .map(|it| format!("event: x\ndata: {it}\n\n"))
        .collect();
    let read_it = reply(read(&streamed, &head(200), text.as_bytes()));
    assert_eq!(read_it.response.output, "yes");
    assert_eq!(read_it.response.tool_calls[0].arguments, json!({"q": 1}));
    assert_eq!(read_it.response.usage.output_tokens, Some(9));
    assert_eq!(read_it.response.finish.as_deref(), Some("stop"));
    let cut = text.replace(r#"data: {"type":"message_stop"}"#, "");
    assert_eq!(
        fault(&read(&streamed, &head(200), cut.as_bytes())),
        Fault::Cut
    );
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
    assert_eq!(
        fault(&read(&streamed, &head(200), error.as_bytes())),
        Fault::Overloaded
    );
}

#[test]
fn openai_responses() {
    let whole = live("{openai: {model: m, api: responses}}");
    let body = json!({"status": "completed", "model": "m-1", "error": null, "output": [
        {"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": "yes"}]},
        {"type": "function_call", "name": "look", "arguments": "{}"}], "usage": {"input_tokens": 1, "output_tokens": 2}});
    let read_it = reply(read(&whole, &head(200), body.to_string().as_bytes()));
    assert_eq!(read_it.response.output, "yes");
    assert_eq!(read_it.response.tool_calls[0].name, "look");
    let streamed = live("{openai: {model: m, api: responses, stream: true}}");
    let text = format!(
        "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"y\"}}\n\nevent: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{body}}}\n\n"
    );
    assert!(has_token(&streamed, text.as_bytes()));
    assert_eq!(
        reply(read(&streamed, &head(200), text.as_bytes()))
            .response
            .output,
        "yes"
    );
    let cut = text
        .split("event: response.completed")
        .next()
        .expect("a part");
    assert_eq!(
        fault(&read(&streamed, &head(200), cut.as_bytes())),
        Fault::Cut
    );
}

#[test]
fn an_endpoint_of_its_own_shape() {
    let own = live(
        "{http: {url: 'https://x.example.com/a', answer: $.out.text, citations: '$.sources[*].id', tool_calls: $.calls, behaviour: $.did, error: $.err, output_tokens: $.n}}",
    );
    let body = json!({"out": {"text": "yes"}, "sources": [{"id": "s1"}, {"id": 7}], "did": "escalate",
        "calls": [{"name": "look", "arguments": {"q": 1}}], "err": null, "n": 4});
    let read_it = reply(read(&own, &head(200), body.to_string().as_bytes()));
    assert_eq!(read_it.response.output, "yes");
    assert_eq!(read_it.response.citations, ["s1", "7"]);
    assert_eq!(read_it.response.behaviour, Some(Behaviour::Escalate));
    assert_eq!(read_it.response.tool_calls[0].name, "look");
    assert_eq!(read_it.response.usage.output_tokens, Some(4));
    for (body, expected) in [
        (json!({"out": {}}), Fault::Unreadable),
        (
            json!({"out": {"text": "x"}, "err": "down"}),
            Fault::ErrorBody,
        ),
        (
            json!({"out": {"text": "x"}, "did": "shrug"}),
            Fault::Unreadable,
        ),
    ] {
        let reading = read(&own, &head(200), body.to_string().as_bytes());
        assert_eq!(fault(&reading), expected, "{body}");
    }
}
