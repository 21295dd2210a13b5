//! Doors to further providers: what came through one is judged as what came over the wire is.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatewright_core::manifest::Live;
use gatewright_core::response::{AttemptEnd, Response, ToolCall, Usage};
use gatewright_engine::{Answer, Calling, Came, Door, LiveTarget, Message, SecretText, Wanted};
use serde_json::json;

use super::{Live as Did, examples, limits, run, secret, system, targets};

const THROUGH: &str = "{provider: {adapter: gemini, model: m, base_url: URL/v1, key: 'env:K', system: 'Be short.', seed: 5, temperature: 0.5, stop: [END], max_tokens: 9, price: {input: 1 USD, output: 2 USD}}}";
const KEY: &str = "sk-canary-4711";

/// Says of itself what it was asked.
#[derive(Debug)]
struct Fake;

fn open(_: &Live, key: Option<&SecretText>, _: reqwest::Client) -> Result<Arc<dyn Door>, String> {
    match key {
        Some(_) => Ok(Arc::new(Fake)),
        None => Err("it wants a key".to_owned()),
    }
}

impl Door for Fake {
    fn call(&self, wanted: Wanted) -> Calling<'_> {
        Box::pin(async move { came(&wanted) })
    }
}

fn other(status: Option<u16>, body: &str) -> Came {
    Came::Other {
        status,
        headers: BTreeMap::from([("retry-after".to_owned(), "0".to_owned())]),
        body: body.as_bytes().to_vec(),
        why: "an odd shape".to_owned(),
    }
}

fn answer(response: Response, body: &str) -> Came {
    Came::Answer(Box::new(Answer {
        body: body.as_bytes().to_vec(),
        response,
        model: Some("m-2".to_owned()),
        fingerprint: None,
    }))
}

fn came(wanted: &Wanted) -> Came {
    let Some(Message::User { content }) = wanted.messages.last() else {
        return Came::Unasked("nobody asks".to_owned());
    };
    let says = |text: &str| Response {
        output: text.to_owned(),
        finish: Some("stop".to_owned()),
        ..Response::default()
    };
    match content.as_str() {
        "question 0" => {
            let response = Response {
                usage: Usage {
                    input_tokens: Some(1_000_000),
                    output_tokens: Some(1_000_000),
                    cost_usd: None,
                },
                ..says(&serde_json::to_string(wanted).expect("JSON"))
            };
            answer(response, "{\"text\": \"raw\"}")
        }
        "question 1" => Came::Unasked("a picture".to_owned()),
        "question 2" => other(Some(401), r#"{"error": {"message": "no right"}}"#),
        "question 3" => other(None, &"x".repeat(3000)),
        "question 4" => answer(Response::default(), "{}"),
        "question 5" => answer(
            Response {
                tool_calls: vec![ToolCall {
                    name: "find".to_owned(),
                    arguments: json!({"by": KEY}),
                }],
                ..says(&format!("your key is {KEY}"))
            },
            &format!("{{\"text\": \"{KEY}\"}}"),
        ),
        "question 6" => answer(says("fine"), r#"{"error": {"type": "invalid_request"}}"#),
        "question 7" => Came::Broken("the line is dead".into()),
        "question 8" => other(Some(200), "<!doctype html><p>Log in"),
        _ => answer(says(&"long ".repeat(1000)), &"x".repeat(5000)),
    }
}

fn target(url: &str) -> LiveTarget {
    let mut target = system(THROUGH, url);
    target.secrets = vec![secret(KEY)];
    target.door = Some(open);
    target
}

fn through(n: u32) -> Did {
    let limits = gatewright_engine::Limits {
        response_bytes_max: 4000,
        small_body_bytes: 2000,
        tries_max: 2,
        ..limits()
    };
    run(
        &targets(target("http://127.0.0.1:9")),
        &examples(n),
        &limits,
    )
}

#[test]
fn what_is_wanted_goes_through_and_what_came_is_kept() {
    let live = through(1);
    live.ran.complete();
    let said = live.ran.answer(0);
    let wanted: Wanted = serde_json::from_str(&said.output).expect("what was asked");
    assert_eq!(wanted.model, "m");
    assert_eq!(wanted.seed, Some(5));
    assert_eq!(wanted.temperature, Some(0.5));
    assert_eq!(wanted.max_tokens, Some(9));
    assert_eq!(wanted.stop, ["END"]);
    let system = Message::System {
        content: "Be short.".to_owned(),
    };
    assert_eq!(wanted.messages[0], system);
    let (_, exchange) = &live.exchanges()[0];
    assert_eq!(exchange.usage.cost_usd, Some(3.0), "by the page's price");
    assert_eq!(exchange.model.as_deref(), Some("m-2"));
    assert_eq!(live.response(exchange), b"{\"text\": \"raw\"}");
    let request = String::from_utf8_lossy(&live.blobs[&exchange.request]).into_owned();
    assert!(
        request.starts_with("gemini http://127.0.0.1:9/v1/\n\n{"),
        "{request}"
    );
}

#[test]
fn faults_are_those_of_the_wire() {
    let live = through(10);
    live.ran.complete();
    let code = |example| match live.ran.end_of(example) {
        AttemptEnd::ProviderError { code, message, .. } => {
            format!("{}: {message}", code.unwrap_or_default())
        }
        other => panic!("{example}: {other:?}"),
    };
    assert_eq!(code(1), "bad-request: it cannot be asked: a picture");
    assert_eq!(code(2), "unauthorised: status 401: no right");
    assert_eq!(
        code(3),
        "unreadable: its answer could not be read: an odd shape"
    );
    assert!(code(4).starts_with("empty: "), "{}", code(4));
    assert!(code(6).starts_with("bad-request: "), "{}", code(6));
    assert_eq!(code(7), "cut: the line is dead");
    assert!(code(8).starts_with("page: "), "{}", code(8));
    assert_eq!(code(9), "too-large: its answer is longer than 4000 bytes");
    // Tried twice where trying helps, once where it does not.
    let calls = |example| {
        let all = live.exchanges();
        all.iter().filter(|(it, _)| it.example == example).count()
    };
    assert_eq!([calls(1), calls(3), calls(7)], [1, 2, 2]);
}

#[test]
fn a17_an_answer_that_repeats_the_key_is_taken_without_it() {
    let live = through(6);
    let said = live.ran.answer(5);
    assert_eq!(said.output, "your key is [secret]");
    assert_eq!(said.tool_calls[0].arguments, json!({"by": "[secret]"}));
    let mut everything = serde_json::to_string(&live.ran.batches).expect("JSON");
    for bytes in live.blobs.values() {
        everything.push_str(&String::from_utf8_lossy(bytes));
    }
    assert!(!everything.contains("canary"), "{everything}");
}

#[test]
fn a15_a_private_address_is_refused_before_the_door() {
    let mut target = target("http://127.0.0.1:9");
    target.private_allowed = false;
    let live = run(&targets(target), &examples(1), &limits());
    assert_eq!(live.paused().0, "private-address");
}

#[test]
fn without_a_door_nothing_runs() {
    for (door, secrets) in [(None, vec![secret(KEY)]), (Some(open as _), Vec::new())] {
        let mut target = target("http://127.0.0.1:9");
        (target.door, target.secrets) = (door, secrets);
        let live = run(&targets(target), &examples(1), &limits());
        let why = live.ran.end.expect_err("unusable").to_string();
        assert!(
            why.contains("no adapters") || why.contains("wants a key"),
            "{why}"
        );
    }
}
