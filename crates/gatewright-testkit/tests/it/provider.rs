//! The scripted provider itself: what it says it does, it does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use gatewright_testkit::provider::{
    Behaviour, Change, Code, Count, Gap, Nth, Pace, Provider, Redirect, Reply, RetryAfter, Script,
    Size, Status, Tokens,
};
use serde_json::{Value, json};

use crate::http::{Client, Got};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";

fn asks(text: &str) -> String {
    json!({"model": "m-1", "messages": [{"role": "user", "content": text}], "input": text})
        .to_string()
}

fn asks_for_stream(text: &str) -> String {
    json!({
        "model": "m-1", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": text}], "input": text
    })
    .to_string()
}

/// One request to a provider that does only this.
fn once(behaviour: Behaviour, path: &str, body: &str) -> Got {
    let provider = Provider::start(Script::always(behaviour));
    Client::new(provider.address()).post(path, body)
}

fn script(json: &Value) -> Script {
    Script::parse(&json.to_string()).expect("a script")
}

#[test]
fn each_dialect_answers_and_streams_the_same_words() {
    let provider = Provider::start(Script::default());
    let mut client = Client::new(provider.address());
    let chat = client.post(CHAT, &asks("hello big world")).json();
    assert_eq!(chat["choices"][0]["message"]["content"], "hello big world");
    assert_eq!(chat["model"], "m-1");
    assert_eq!(chat["system_fingerprint"], "fp_scripted");
    assert_eq!(chat["usage"]["total_tokens"], 6);
    let responses = client.post(RESPONSES, &asks("hello big world")).json();
    assert_eq!(
        responses["output"][0]["content"][0]["text"],
        "hello big world"
    );
    let messages = client.post(MESSAGES, &asks("hello big world")).json();
    assert_eq!(messages["content"][0]["text"], "hello big world");
    assert_eq!(messages["stop_reason"], "end_turn");
    assert_eq!(client.post("/any", "raw").json()["output"], "raw");

    let body = asks_for_stream("hello big world");
    let joined = |events: &[Value], pointer: &str| -> String {
        let pieces = events
            .iter()
            .filter_map(|event| event.pointer(pointer)?.as_str());
        pieces.collect()
    };
    let events = client.post(CHAT, &body).events();
    assert_eq!(
        joined(&events, "/choices/0/delta/content"),
        "hello big world"
    );
    assert!(events.last().expect("done").is_null());
    assert_eq!(events[events.len() - 2]["usage"]["completion_tokens"], 3);
    let events = client.post(RESPONSES, &body).events();
    assert_eq!(joined(&events, "/delta"), "hello big world");
    let last = events.last().expect("last");
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["usage"]["output_tokens"], 3);
    let got = client.post(MESSAGES, &body);
    assert!(got.text().contains("event: ping"));
    assert_eq!(joined(&got.events(), "/delta/text"), "hello big world");
    assert!(
        got.text()
            .trim_end()
            .ends_with(r#"data: {"type":"message_stop"}"#)
    );
    let log = provider.wait_for_ended(7);
    assert!(
        log.iter()
            .all(|served| served.whole && served.connection == 1)
    );
}

#[test]
fn tools_are_called_in_each_dialect() {
    let reply = json!({"tool_call": {"name": "find", "arguments": "{\"id\": 7}"}});
    let provider = Provider::start(script(&json!({"reply": reply})));
    let mut client = Client::new(provider.address());
    let chat = client.post(CHAT, &asks("x")).json();
    let call = &chat["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(*call, json!({"name": "find", "arguments": "{\"id\": 7}"}));
    assert_eq!(chat["choices"][0]["finish_reason"], "tool_calls");
    let item = &client.post(RESPONSES, &asks("x")).json()["output"][0];
    assert_eq!(item["type"], "function_call");
    let message = client.post(MESSAGES, &asks("x")).json();
    assert_eq!(message["content"][0]["input"]["id"], 7);
    for path in [CHAT, RESPONSES, MESSAGES] {
        let text = client.post(path, &asks_for_stream("x")).text();
        assert!(text.contains("find") && text.contains("7}"), "{text}");
    }
}

#[test]
fn replies_are_a_function_of_the_key() {
    let said = |reply: Value, text: &str| {
        let provider = Provider::start(script(&json!({"reply": reply, "seed": 3})));
        let got = Client::new(provider.address())
            .post(CHAT, &asks(text))
            .json();
        got["choices"][0]["message"]["content"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    assert_eq!(said(json!("upper"), "abc"), "ABC");
    assert_eq!(said(json!({"fixed": "yes"}), "abc"), "yes");
    let table = json!({"table": {"entries": {"abc": "1"}, "otherwise": "0"}});
    assert_eq!(
        (said(table.clone(), "abc"), said(table, "x")),
        ("1".into(), "0".into())
    );

    let reply = Reply::Correct {
        share: 0.7,
        right: BTreeMap::new(),
        wrong: "wrong".to_owned(),
    };
    let provider = Provider::start(Script {
        reply,
        ..Script::default()
    });
    let mut client = Client::new(provider.address());
    let mut right = 0;
    for number in 0..300 {
        let text = format!("question {number}");
        let mut said = || client.post(CHAT, &asks(&text)).json()["choices"].take();
        let first = said();
        assert_eq!(first, said());
        right += u32::from(first[0]["message"]["content"] == text.as_str());
    }
    assert!((180..240).contains(&right), "{right}");
}

#[test]
fn rules_look_at_numbers_keys_paths_and_shares() {
    let provider = Provider::start(script(&json!({"rules": [
        {"when": {"key": "exact", "nth_for_key": {"to": 2}}, "do": {"status": {"code": 503}}},
        {"when": {"key_regex": "^re.x$"}, "do": "wrong_key"},
        {"when": {"path": "/other"}, "do": "unknown_model"},
        {"when": {"nth": {"at": [6]}}, "do": "forbidden"},
        {"when": {"share": 0.0}, "do": "stall"},
    ]})));
    let mut client = Client::new(provider.address());
    let mut status = |path: &str, text: &str| client.post(path, &asks(text)).status;
    let seen = [
        status(CHAT, "exact"),
        status(CHAT, "exact"),
        status(CHAT, "exact"),
        status(CHAT, "regx"),
        status("/other?x=1", "a"),
        status(CHAT, "sixth"),
        status(CHAT, "seventh"),
    ];
    assert_eq!(seen, [503, 503, 200, 401, 404, 403, 200]);
    let log = provider.wait_for_ended(7);
    assert_eq!(
        (log[2].nth_for_key, log[2].billed, log[0].billed),
        (3, true, false)
    );
    assert_eq!(log[3].behaviour, "wrong_key");
}

#[test]
fn f8_retry_after_comes_in_every_shape() {
    let line = |after: RetryAfter| {
        let got = once(Behaviour::RateLimited(after), CHAT, &asks("x"));
        assert_eq!(got.status, 429);
        let mut lines = got.head.lines();
        lines.find_map(|line| line.strip_prefix("retry-after: ").map(str::to_owned))
    };
    assert_eq!(line(RetryAfter::Absent), None);
    for seconds in [7, 0, -5, 31_536_000] {
        assert_eq!(
            line(RetryAfter::Seconds(seconds)),
            Some(seconds.to_string())
        );
    }
    assert_eq!(
        line(RetryAfter::Text("soon".into())).as_deref(),
        Some("soon")
    );
    assert!(
        line(RetryAfter::DateIn(60))
            .expect("a date")
            .ends_with(" GMT")
    );
    assert!(line(RetryAfter::Millis(1)).is_some());
}

#[test]
fn f9_f10_errors_speak_the_dialect() {
    let got = once(Behaviour::InsufficientQuota, CHAT, &asks("x"));
    assert_eq!(
        (got.status, &got.json()["error"]["code"]),
        (429, &json!("insufficient_quota"))
    );
    let got = once(Behaviour::ContextLength, CHAT, &asks("x"));
    assert_eq!(
        (got.status, &got.json()["error"]["code"]),
        (400, &json!("context_length_exceeded"))
    );
    let got = once(Behaviour::Overloaded, MESSAGES, &asks("x"));
    assert_eq!(
        (got.status, &got.json()["error"]["type"]),
        (529, &json!("overloaded_error"))
    );
    for (behaviour, status) in [
        (Behaviour::PaymentRequired, 402),
        (Behaviour::WrongKey, 401),
        (Behaviour::Forbidden, 403),
        (Behaviour::UnknownModel, 404),
        (Behaviour::Overloaded, 503),
        (Behaviour::ProxyAuth, 407),
        (Behaviour::status(502), 502),
    ] {
        assert_eq!(once(behaviour, CHAT, &asks("x")).status, status);
    }
    let got = once(
        Behaviour::Status(Status {
            code: 418,
            headers: vec![("x-a".into(), "b".into())],
            body: Some("tea".into()),
            delay_ms: 1,
        }),
        CHAT,
        "{}",
    );
    assert_eq!(
        (got.status, got.text().as_str(), got.head.contains("x-a: b")),
        (418, "tea", true)
    );
    let provider = Provider::start(Script::always(Behaviour::Alternating));
    let mut client = Client::new(provider.address());
    let seen: Vec<u16> = (0..4)
        .map(|_| client.post(CHAT, &asks("x")).status)
        .collect();
    assert_eq!(seen, [200, 500, 200, 500]);
}

#[test]
fn f11_bodies_end_too_early_or_too_late() {
    for body in [asks("some words"), asks_for_stream("some words")] {
        for behaviour in [
            Behaviour::Truncated,
            Behaviour::ChunkMissing,
            Behaviour::Reset,
        ] {
            let provider = Provider::start(Script::always(behaviour));
            let got = Client::new(provider.address()).post(CHAT, &body);
            assert!(
                got.status == 200 && !got.whole && !got.body.is_empty(),
                "{got:?}"
            );
            let log = provider.wait_for_ended(1);
            assert!(!log[0].whole && log[0].billed);
            assert_eq!(got.reset, log[0].behaviour == "reset");
        }
    }
    for path in [CHAT, RESPONSES, MESSAGES] {
        let got = once(Behaviour::StreamEnds, path, &asks_for_stream("a b"));
        let text = got.text();
        assert!(
            got.whole && !text.contains("[DONE]") && !text.contains("message_stop"),
            "{text}"
        );
        assert!(!text.contains("response.completed"));
        let got = once(Behaviour::StreamError, path, &asks_for_stream("a b"));
        assert!(got.whole && got.text().contains("error"));
    }
    let provider = Provider::start(Script::always(Behaviour::WrongLength));
    let mut client = Client::new(provider.address());
    let got = client.post(CHAT, &asks("x"));
    assert!(got.whole && serde_json::from_slice::<Value>(&got.body).is_err());
    assert!(!client.rest(1).is_empty());
}

#[test]
fn f11_gzip_is_valid_or_cut() {
    let unpacked = |got: &Got| {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), &got.body).expect("writes");
        let mut gzip = Command::new("gzip");
        let gzip = gzip
            .arg("-dc")
            .stdin(std::fs::File::open(file.path()).expect("opens"));
        gzip.output().expect("gzip runs")
    };
    let whole = unpacked(&once(Behaviour::Gzip, CHAT, &asks("hello")));
    assert!(whole.status.success() && String::from_utf8_lossy(&whole.stdout).contains("hello"));
    let cut = once(Behaviour::GzipCut, CHAT, &asks("hello"));
    assert!(cut.whole && !unpacked(&cut).status.success());
    for bytes in [1, 5_000, 30_000_000] {
        let bomb = once(Behaviour::GzipBomb(Size { bytes }), CHAT, &asks("x"));
        let out = unpacked(&bomb);
        assert!(bomb.whole && out.status.success(), "{:?}", out.stderr);
        assert!(out.stdout.len() as u64 >= bytes && bomb.body.len() as u64 <= 60 + bytes / 150);
        assert!(out.stdout.iter().all(|byte| *byte == b' '));
    }
}

#[test]
fn f12_a_good_status_says_nothing() {
    assert!(once(Behaviour::ErrorJson, CHAT, &asks("x")).json()["error"].is_object());
    let page = once(Behaviour::LoginPage, CHAT, &asks("x"));
    assert!(page.head.contains("text/html") && page.text().starts_with("<!DOCTYPE"));
    assert_eq!(
        once(Behaviour::EmptyChoices, CHAT, &asks("x")).json()["choices"],
        json!([])
    );
    let refusal = once(Behaviour::Refusal, CHAT, &asks("x")).json();
    assert!(refusal["choices"][0]["message"]["refusal"].is_string());
    let refusal = once(Behaviour::Refusal, MESSAGES, &asks("x")).json();
    assert_eq!(refusal["stop_reason"], "refusal");
    let part = once(Behaviour::Refusal, RESPONSES, &asks("x")).json();
    assert_eq!(part["output"][0]["content"][0]["type"], "refusal");
    for (behaviour, reason) in [
        (Behaviour::LengthStop, "length"),
        (Behaviour::ContentFilter, "content_filter"),
    ] {
        let got = once(behaviour, CHAT, &asks("x")).json();
        assert_eq!(got["choices"][0]["finish_reason"], reason);
    }
    let cut = once(Behaviour::LengthStop, RESPONSES, &asks_for_stream("x")).text();
    assert!(cut.contains("response.incomplete"));
    let wrong = once(Behaviour::WrongType, CHAT, &asks("x")).json();
    assert_eq!(wrong["choices"][0]["message"]["content"], 42);
    let invalid = once(Behaviour::InvalidJson, CHAT, &asks("x"));
    assert!(serde_json::from_slice::<Value>(&invalid.body).is_err());
}

#[test]
fn f13_bytes_that_are_no_text() {
    for body in [asks("x"), asks_for_stream("x")] {
        let has = |behaviour, bytes: &[u8]| {
            let got = once(behaviour, CHAT, &body).body;
            got.windows(bytes.len()).any(|at| at == bytes)
        };
        assert!(has(Behaviour::InvalidUtf8, b"\xff\xfe"));
        assert!(has(Behaviour::Nul, b"\0"));
        assert!(has(Behaviour::LoneSurrogate, b"\\ud83d \\udc00"));
        assert!(has(Behaviour::MixedNewlines, b"\\r\\n\\n"));
        assert!(
            once(Behaviour::Bom, CHAT, &body)
                .body
                .starts_with(b"\xef\xbb\xbf")
        );
    }
    let mixed = once(Behaviour::MixedNewlines, CHAT, &asks("x")).json();
    assert!(
        mixed["choices"][0]["message"]["content"]
            .as_str()
            .expect("text")
            .contains('\u{2028}')
    );
}

#[test]
fn f14_large_long_and_slow() {
    let bytes = 3_000_001;
    let got = once(Behaviour::Huge(Size { bytes }), CHAT, &asks("x"));
    let text = &got.json()["choices"][0]["message"]["content"];
    assert_eq!(text.as_str().expect("text").len() as u64, bytes);
    let got = once(
        Behaviour::LongStream(Tokens { tokens: 2_000 }),
        MESSAGES,
        &asks("x"),
    );
    assert!(got.whole);
    assert_eq!(got.text().matches("text_delta").count(), 2_000);
    let pace = Pace {
        delay_ms: 5,
        first_token_delay_ms: 5,
        byte_gap_ms: 1,
    };
    for body in [asks("a b"), asks_for_stream("a b")] {
        assert!(once(Behaviour::Answer(pace.clone()), CHAT, &body).whole);
    }
    let slow = once(Behaviour::Slow(Gap { gap_ms: 1 }), "/x", "q");
    assert_eq!(slow.json()["output"], "q");
}

#[test]
fn f15_connections_that_die_or_hang() {
    let provider = Provider::start(Script::always(Behaviour::Stall));
    let mut client = Client::new(provider.address());
    client.send(CHAT, &asks("x"));
    assert!(client.silent());
    assert!(!provider.wait_for(1)[0].ended);
    drop(client);
    assert!(!provider.wait_for_ended(1)[0].whole);

    let got = once(Behaviour::CloseEarly, CHAT, &asks("x"));
    assert!(got.status == 0 && got.body.is_empty() && !got.reset);
    assert!(
        once(Behaviour::NotHttp, CHAT, &asks("x"))
            .text()
            .starts_with("220")
    );
    let provider = Provider::start(Script::always(Behaviour::StallMidway));
    let mut client = Client::new(provider.address());
    client.send(CHAT, &asks("x"));
    provider.wait_for(1);
    assert!(!client.rest(20).is_empty() && client.silent());

    let provider = Provider::start(script(
        &json!({"half_open": {"at": [1]}, "hang_up": {"at": [2]}}),
    ));
    let mut silent = Client::new(provider.address());
    silent.send(CHAT, &asks("x"));
    assert!(silent.silent());
    assert!(Client::new(provider.address()).rest(1).is_empty());
    assert_eq!(
        Client::new(provider.address())
            .post(CHAT, &asks("x"))
            .status,
        200
    );
    assert_eq!(provider.wait_for_ended(1).len(), 1);
}

#[test]
fn a_client_that_leaves_while_it_waits_is_not_served() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(60_000)));
    let mut client = Client::new(provider.address());
    client.send(CHAT, &asks("x"));
    provider.wait_for(1);
    drop(client);
    let log = provider.wait_for_ended(1);
    assert!(log[0].billed && !log[0].whole);
}

#[test]
fn a15_a17_f27_redirects_headers_secrets_and_models() {
    for code in [302, 307, 308] {
        let to = "http://169.254.169.254/latest".to_owned();
        let got = once(Behaviour::Redirect(Redirect { code, to }), CHAT, &asks("x"));
        assert_eq!(got.status, code);
        assert!(got.head.contains("location: http://169.254.169.254/latest"));
    }
    let got = once(
        Behaviour::ManyHeaders(Count { count: 10_000 }),
        CHAT,
        &asks("x"),
    );
    assert!(got.whole && got.head.lines().count() > 10_000);
    let got = once(Behaviour::EchoAuth(Code { code: 401 }), CHAT, &asks("x"));
    assert!(got.status == 401 && got.text().contains("Bearer sk-canary"));
    let changes = vec![Change {
        from: 2,
        model: Some("other".into()),
        fingerprint: Some("fp_2".into()),
    }];
    let provider = Provider::start(Script {
        changes,
        ..Script::default()
    });
    let mut client = Client::new(provider.address());
    let model = |got: &Got| got.json()["model"].as_str().map(str::to_owned);
    assert_eq!(
        model(&client.post(CHAT, &asks("x"))).as_deref(),
        Some("m-1")
    );
    let second = client.post(CHAT, &asks("x"));
    assert_eq!(model(&second).as_deref(), Some("other"));
    assert_eq!(second.json()["system_fingerprint"], "fp_2");
}

#[test]
fn pipelined_requests_are_read() {
    let provider = Provider::start(Script::default());
    let mut client = Client::new(provider.address());
    client.send(CHAT, &asks("a"));
    client.send(CHAT, &asks("b"));
    assert!(client.receive().text().contains("\"a\"") && client.receive().text().contains("\"b\""));
    let log = provider.wait_for_ended(2);
    assert_eq!(log[1].request.body, asks("b").as_bytes());
    assert_eq!(
        log[1].request.header("authorization"),
        Some("Bearer sk-canary")
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]

    #[test]
    fn the_log_counts_what_was_sent(plan in proptest::collection::vec((0_usize..3, 0_u8..5, 0_i64..2), 1..40)) {
        let provider = Provider::start(script(&json!({"rules": [
            {"when": {"key": "3"}, "do": {"status": {"code": 500}}},
            {"when": {"key": "4"}, "do": "truncated"},
        ]})));
        let mut clients: Vec<Client> = (0..3).map(|_| Client::new(provider.address())).collect();
        let mut sent: BTreeMap<(String, bool, bool), usize> = BTreeMap::new();
        for &(client, text, seed) in &plan {
            let body = json!({"messages": [{"role": "user", "content": text.to_string()}], "seed": seed});
            let got = clients[client].post(CHAT, &body.to_string());
            if !got.whole {
                clients[client] = Client::new(provider.address());
            }
            let billed = got.status == 200;
            *sent.entry((format!("{text} #{seed}"), billed, got.whole)).or_default() += 1;
        }
        let mut logged: BTreeMap<(String, bool, bool), usize> = BTreeMap::new();
        let log = provider.wait_for_ended(plan.len());
        for (index, served) in log.iter().enumerate() {
            assert_eq!(served.seq as usize, index + 1);
            *logged.entry((served.key.clone(), served.billed, served.whole)).or_default() += 1;
        }
        assert_eq!(sent, logged);
    }
}

#[test]
fn the_binary_logs_to_its_file_and_ends_with_its_input() {
    let folder = tempfile::tempdir().expect("folder");
    let log = folder.path().join("log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_provider"))
        .args([
            "--script",
            r#"{"rules": [{"when": {"nth": {"at": [2]}}, "do": "close_early"}]}"#,
        ])
        .arg("--log")
        .arg(&log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let address = said["address"]
        .as_str()
        .expect("text")
        .parse()
        .expect("address");
    let mut client = Client::new(address);
    assert_eq!(client.post(CHAT, &asks("first")).status, 200);
    assert_eq!(client.post(CHAT, &asks("second")).status, 0);
    drop(child.stdin.take());
    assert!(child.wait().expect("ends").success());
    let text = std::fs::read_to_string(&log).expect("log");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let told: Vec<(&str, u64)> = lines
        .iter()
        .map(|line| {
            (
                line["event"].as_str().expect("text"),
                line["seq"].as_u64().expect("number"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("received", 1), ("served", 1), ("received", 2), ("cut", 2)]
    );
    assert_eq!(
        (&lines[0]["key"], &lines[0]["billed"]),
        (&json!("first"), &json!(true))
    );
    assert_eq!(lines[2]["behaviour"], "close_early");
}

#[test]
fn every_name_in_a_script_is_the_name_in_the_log() {
    for name in [
        "insufficient_quota",
        "payment_required",
        "wrong_key",
        "forbidden",
        "unknown_model",
        "context_length",
        "overloaded",
        "alternating",
        "proxy_auth",
        "error_json",
        "login_page",
        "empty_choices",
        "refusal",
        "length_stop",
        "content_filter",
        "wrong_type",
        "invalid_json",
        "truncated",
        "chunk_missing",
        "stream_ends",
        "stream_error",
        "wrong_length",
        "gzip",
        "gzip_cut",
        "invalid_utf8",
        "nul",
        "bom",
        "lone_surrogate",
        "mixed_newlines",
        "stall_midway",
        "stall",
        "reset",
        "close_early",
        "not_http",
    ] {
        let script = script(&json!({"rules": [{"do": name}]}));
        assert_eq!(script.rules[0].behaviour.name(), name);
    }
    for (name, value) in [
        ("answer", json!({"delay_ms": 1})),
        ("status", json!({"code": 500})),
        ("rate_limited", json!({"seconds": 0})),
        ("rate_limited", json!("absent")),
        ("gzip_bomb", json!({"bytes": 1})),
        ("huge", json!({"bytes": 1})),
        ("long_stream", json!({"tokens": 1})),
        ("slow", json!({"gap_ms": 1})),
        ("redirect", json!({"code": 307, "to": "/"})),
        ("many_headers", json!({"count": 1})),
        ("echo_auth", json!({"code": 401})),
    ] {
        let script = script(&json!({"rules": [{"do": {name: value}}]}));
        assert_eq!(script.rules[0].behaviour.name(), name);
    }
    assert!(Nth::every(3).holds(6) && !Nth::from(3).holds(2) && Nth::to(2).holds(2));
}
