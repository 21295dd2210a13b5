//! Adapters against the scripted provider: what is asked, what comes back, and whose the retries are.
#![cfg(feature = "genai")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gatewright_core::digest::Digest;
use gatewright_core::event::RunEvent;
use gatewright_core::exchange::{Blob, Exchange};
use gatewright_core::manifest::{Role, read};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::reference::{Example, Input, ReferenceSet};
use gatewright_core::response::{AttemptEnd, Behaviour, Response};
use gatewright_engine::{
    EngineEvent, Limits, LiveTarget, RunEnd, RunError, SecretText, Target, Targets, stop_pair,
};
use gatewright_testkit::provider::{Provider, Script};
use serde_json::{Value, json};

/// Adapters whose protocols the scripted provider speaks; each with the path that follows its address.
const SPOKEN: [(&str, &str); 5] = [
    ("openai", "/v1/chat/completions"),
    ("groq", "/v1/chat/completions"),
    ("anthropic", "/v1/messages"),
    ("gemini", "/v1/models/m-1:generateContent"),
    ("ollama", "/v1/api/chat"),
];
const KEY: &str = "sk-canary-4711/abc+def";

/// What a run did.
struct Ran {
    end: Result<RunEnd, RunError>,
    events: Vec<RunEvent>,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl Ran {
    fn exchanges(&self) -> Vec<&Exchange> {
        let exchanges = self.events.iter().filter_map(|event| match event {
            RunEvent::Exchanged { exchange, .. }
            | RunEvent::Ended {
                exchange: Some(exchange),
                ..
            } => Some(&**exchange),
            _ => None,
        });
        exchanges.collect()
    }

    fn answer(&self, example: u32) -> &Response {
        let ended = self.events.iter().find_map(|event| match event {
            RunEvent::Ended { attempt, end, .. } if attempt.example == example => Some(end),
            _ => None,
        });
        match ended {
            Some(AttemptEnd::Answered { response }) => response,
            other => panic!("{example}: {other:?}, {:?}", self.end),
        }
    }

    fn faults(&self) -> Vec<&'static str> {
        let exchanges = self.exchanges();
        let faults = exchanges.iter().filter_map(|it| it.fault);
        faults.map(|fault| fault.word()).collect()
    }

    fn complete(&self) {
        assert!(matches!(self.end, Ok(RunEnd::Complete)), "{:?}", self.end);
    }

    /// Every byte that was handed out.
    fn everything(&self) -> String {
        let mut text = format!("{:?} {:?}", self.end, self.events);
        text.push_str(&serde_json::to_string(&self.events).expect("JSON"));
        for bytes in self.blobs.values() {
            text.push_str(&String::from_utf8_lossy(bytes));
        }
        text
    }
}

fn examples(inputs: impl IntoIterator<Item = Input>) -> ReferenceSet {
    let one = |(index, input): (usize, Input)| Example {
        digest: Digest::of(&index.to_le_bytes()),
        ..Example::asking(&format!("e{index:03}"), input)
    };
    ReferenceSet::of(inputs.into_iter().enumerate().map(one).collect())
}

fn questions(n: u32) -> ReferenceSet {
    examples((0..n).map(|index| Input::Text(format!("question {index}"))))
}

/// Reads a candidate as a page describes it; `more` goes beside adapter, model and address.
fn target(adapter: &str, url: &str, more: &str) -> LiveTarget {
    let page = format!(
        "gatewright: 1\npromise: Answer.\ntasks: {{a: b}}\nfailures: {{}}\nowners: {{p: P}}\nsystems:\n  candidate: {{provider: {{adapter: {adapter}, model: m-1, base_url: \"{url}/v1\", key: 'env:K'{more}}}}}\ngate: []\n"
    );
    let (manifest, problems) = read::survey(page.as_bytes(), "page");
    let manifest = manifest.unwrap_or_else(|| panic!("{problems:?}"));
    let system = &manifest.systems[&Role::Candidate];
    LiveTarget {
        live: system.live().expect("live").clone(),
        secrets: vec![SecretText::new(KEY.to_owned())],
        timeout: None,
        private_allowed: true,
        proxy: None,
        door: Some(gatewright_providers::open),
    }
}

fn run(target: LiveTarget, examples: &ReferenceSet) -> Ran {
    let targets = Targets {
        seed: 7,
        by_role: BTreeMap::from([(Role::Candidate, Target::Live(Box::new(target)))]),
        begun: BTreeMap::new(),
        answered: Default::default(),
        refused: Default::default(),
    };
    // Short patience, so that tests of waiting do not wait.
    let limits = Limits {
        answer_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(2),
        backoff_min: Duration::from_millis(4),
        backoff_max: Duration::from_millis(40),
        retry_after_max: Duration::from_secs(5),
        ..Limits::standard()
    };
    let todo: Vec<AttemptSpec> = (0..examples.examples.len() as u32)
        .map(|example| AttemptSpec {
            example,
            system: Role::Candidate,
            trial: 0,
        })
        .collect();
    let (mut events, mut blobs) = (Vec::new(), BTreeMap::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let end = runtime.block_on(async {
        let running = gatewright_engine::run(
            todo,
            examples,
            &targets,
            &limits,
            |_: &EngineEvent<'_>| {},
            |batch: &[RunEvent], kept: &[Blob]| {
                events.extend_from_slice(batch);
                blobs.extend(kept.iter().map(|blob| (blob.digest, blob.bytes.clone())));
                Ok(())
            },
            stop_pair().1,
        );
        let bound = Duration::from_secs(30);
        let ended = tokio::time::timeout(bound, running).await;
        ended.expect("a run never hangs")
    });
    Ran { end, events, blobs }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests write the script inline"
)]
fn script(json: Value) -> Script {
    Script::parse(&json.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_protocol_answers_with_usage_model_and_money() {
    for (adapter, path) in SPOKEN {
        let provider = Provider::start(Script::default());
        let more = ", system: \"Be short.\", seed: 5, temperature: 0.5, max_tokens: 50, price: {input: 1 USD, output: 2 USD}";
        let ran = run(target(adapter, &provider.url(), more), &questions(3));
        ran.complete();
        for index in 0..3 {
            let answer = ran.answer(index);
            assert_eq!(answer.output, format!("question {index}"), "{adapter}");
            assert_eq!(answer.usage.input_tokens, Some(2), "{adapter}");
            assert_eq!(answer.usage.output_tokens, Some(2), "{adapter}");
            let cost = answer.usage.cost_usd.expect(adapter);
            assert!((cost - 6e-6).abs() < 1e-12, "{adapter}: {cost}");
            assert!(answer.finish.is_some(), "{adapter}");
        }
        let exchange = ran.exchanges()[0];
        assert_eq!(exchange.model.as_deref(), Some("m-1"), "{adapter}");
        let body = &ran.blobs[&exchange.response.expect(adapter)];
        let body: Value = serde_json::from_slice(body).expect("the raw answer");
        assert!(body.to_string().contains("question 0"), "{adapter}");
        let served = provider.log();
        assert_eq!(served.len(), 3);
        assert_eq!(served[0].request.path, path, "{adapter}");
        let sent = String::from_utf8_lossy(&served[0].request.body).into_owned();
        for part in ["Be short.", "question 0", "0.5", "50"] {
            assert!(sent.contains(part), "{adapter}: {part} in {sent}");
        }
        if adapter != "anthropic" {
            assert!(sent.contains("\"seed\":5"), "{adapter}: {sent}");
        }
    }
}

/// F8: the wait that a provider asks for is ours to keep, and being told to wait is no try.
#[test]
fn f8_429_is_tried_again_by_the_engine_after_the_wait() {
    for (adapter, _) in SPOKEN {
        let rule = json!({"when": {"nth": {"at": [2]}}, "do": {"status": {"code": 429, "headers": [["retry-after", "1"]]}}});
        let provider = Provider::start(script(json!({"rules": [rule]})));
        let start = Instant::now();
        let ran = run(target(adapter, &provider.url(), ""), &questions(2));
        ran.complete();
        assert!(start.elapsed() >= Duration::from_secs(1), "{adapter}");
        assert_eq!(ran.faults(), ["rate-limited"], "{adapter}");
        assert_eq!(ran.answer(1).output, "question 1", "{adapter}");
        assert_eq!(provider.log().len(), 3, "{adapter}: no retries of its own");
        let refused = ran.exchanges();
        let refused = refused.iter().find(|it| it.fault.is_some()).expect("one");
        assert_eq!(refused.status, Some(429));
        assert_eq!(refused.headers["retry-after"], "1");
    }
}

#[test]
fn a_wrong_key_pauses_after_one_call() {
    for (adapter, _) in SPOKEN {
        let provider = Provider::start(script(json!({"rules": [{"do": "wrong_key"}]})));
        let ran = run(target(adapter, &provider.url(), ""), &questions(5));
        let Ok(RunEnd::Paused { fault, .. }) = &ran.end else {
            panic!("{adapter}: {:?}", ran.end);
        };
        assert_eq!(fault.word(), "unauthorised", "{adapter}");
        assert_eq!(provider.log().len(), 1, "{adapter}");
    }
    // Gemini says it with another status.
    let body = r#"{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}"#;
    let rule = json!({"do": {"status": {"code": 400, "body": body}}});
    let provider = Provider::start(script(json!({"rules": [rule]})));
    let ran = run(target("gemini", &provider.url(), ""), &questions(2));
    assert!(
        matches!(&ran.end, Ok(RunEnd::Paused { fault, .. }) if fault.word() == "unauthorised"),
        "{:?}",
        ran.end
    );
}

#[test]
fn faults_have_the_names_that_they_have_elsewhere() {
    for (behaviour, fault) in [
        (json!({"status": {"code": 503}}), "overloaded"),
        (json!("error_json"), "error-body"),
        (json!("empty_choices"), "empty"),
        (json!("invalid_json"), "unreadable"),
        (json!("truncated"), "cut"),
        (json!("close_early"), "cut"),
        (json!("login_page"), "page"),
        (json!("stall"), "took-too-long"),
        (
            json!({"redirect": {"code": 302, "to": "http://127.0.0.1:9/x"}}),
            "redirect",
        ),
        (json!("gzip"), "unreadable"),
    ] {
        let rules = json!({"rules": [{"when": {"nth": {"at": [2]}}, "do": behaviour.clone()}]});
        let provider = Provider::start(script(rules));
        let ran = run(target("openai", &provider.url(), ""), &questions(2));
        assert_eq!(ran.faults().first(), Some(&fault), "{behaviour}");
    }
}

#[test]
fn refusals_and_tools_are_behaviours() {
    let provider = Provider::start(script(json!({"rules": [{"do": "content_filter"}]})));
    for adapter in ["openai", "gemini"] {
        let ran = run(target(adapter, &provider.url(), ""), &questions(1));
        assert_eq!(
            ran.answer(0).behaviour,
            Some(Behaviour::Refuse),
            "{adapter}"
        );
    }
    let reply = json!({"reply": {"tool_call": {"name": "find", "arguments": "{\"id\": 7}"}}});
    let provider = Provider::start(script(reply));
    for (adapter, _) in SPOKEN {
        let ran = run(target(adapter, &provider.url(), ""), &questions(1));
        let answer = ran.answer(0);
        assert_eq!(answer.behaviour, Some(Behaviour::Call), "{adapter}");
        assert_eq!(answer.tool_calls[0].name, "find", "{adapter}");
        assert_eq!(
            answer.tool_calls[0].arguments,
            json!({"id": 7}),
            "{adapter}"
        );
    }
}

#[test]
fn a_conversation_is_played_turn_by_turn() {
    let turns = ["one", "two", "three"].map(str::to_owned).to_vec();
    for (adapter, _) in SPOKEN {
        let provider = Provider::start(Script::default());
        let examples = examples([Input::Turns(turns.clone())]);
        let ran = run(target(adapter, &provider.url(), ""), &examples);
        ran.complete();
        let said = &ran.answer(0).turns;
        let outputs: Vec<&str> = said.iter().map(|turn| turn.output.as_str()).collect();
        assert_eq!(outputs, ["one", "two", "three"], "{adapter}");
        assert_eq!(provider.log().len(), 3, "{adapter}");
    }
}

/// A17: the key goes where it belongs, and nowhere else; it is the one that was handed over, whatever the environment says.
#[test]
fn a17_the_key_is_sent_and_kept_nowhere() {
    for (adapter, header, value) in [
        ("openai", "authorization", format!("Bearer {KEY}")),
        ("anthropic", "x-api-key", KEY.to_owned()),
        ("gemini", "x-goog-api-key", KEY.to_owned()),
    ] {
        for code in [200, 400, 401, 500] {
            let provider = Provider::start(match code {
                200 => script(json!({"reply": {"fixed": format!("your key is {KEY}")}})),
                code => script(json!({"rules": [{"do": {"echo_auth": {"code": code}}}]})),
            });
            let ran = run(target(adapter, &provider.url(), ""), &questions(2));
            let sent = provider.log();
            assert_eq!(sent[0].request.header(header), Some(value.as_str()));
            let everything = ran.everything();
            assert!(
                !everything.contains("canary"),
                "{adapter} {code}: {everything}"
            );
            assert!(everything.contains("[secret]"), "{adapter} {code}");
            if code == 200 {
                assert_eq!(ran.answer(0).output, "your key is [secret]");
            }
        }
    }
}
