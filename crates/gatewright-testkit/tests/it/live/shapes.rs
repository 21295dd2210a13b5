//! What is sent and what is read: four protocols, streams, conversations, tools.

use std::collections::BTreeMap;

use gatewright_core::event::RunEvent;
use gatewright_core::reference::{Input, ReferenceSet};
use gatewright_engine::{Begun, Limit, Limits, RunEnd};
use gatewright_testkit::provider::{Provider, Script};
use serde_json::{Value, json};

use super::{Live, each, examples, limits, run, script, system, targets, with_inputs};
use crate::runner::attempt;

fn one(way: &str, script: Script) -> (Live, Vec<Value>) {
    let provider = Provider::start(script);
    let live = run(
        &targets(system(way, &provider.url())),
        &examples(1),
        &limits(),
    );
    live.ran.complete();
    let sent = provider.log();
    let bodies = sent
        .iter()
        .map(|it| serde_json::from_slice(&it.request.body).unwrap_or(Value::Null));
    (live, bodies.collect())
}

#[test]
fn every_protocol_is_spoken_whole_and_streamed() {
    for (way, path) in [
        (
            "openai: {model: m, base_url: URL/v1",
            "/v1/chat/completions",
        ),
        (
            "openai: {model: m, api: responses, base_url: URL/v1",
            "/v1/responses",
        ),
        ("anthropic: {model: m, base_url: URL/v1", "/v1/messages"),
    ] {
        for stream in [false, true] {
            let way = format!("{{{way}, system: Be brief., stream: {stream}}}}}");
            let provider = Provider::start(Script::default());
            let live = run(
                &targets(system(&way, &provider.url())),
                &examples(2),
                &limits(),
            );
            live.ran.complete();
            let answer = live.ran.answer(1);
            assert_eq!(answer.output, "question 1", "{way}");
            assert_eq!(
                answer
                    .finish
                    .as_deref()
                    .map(|it| it == "stop" || it == "completed"),
                Some(true),
                "{way} {answer:?}"
            );
            assert!(answer.usage.output_tokens.is_some(), "{way}: {answer:?}");
            assert_eq!(answer.first_token_ms.is_some(), stream, "{way}");
            assert_eq!(provider.log()[0].request.path, path);
            let body = String::from_utf8_lossy(&provider.log()[0].request.body).into_owned();
            assert!(body.contains("Be brief."), "{body}");
        }
    }
}

#[test]
fn parameters_seeds_and_headers_are_sent() {
    let (_, sent) = one(
        "{openai: {model: m, base_url: URL/v1, temperature: 0.2, max_tokens: 9, seed: trial, stop: [x], tools: [{type: function, function: {name: f}}], extra: {top_k: 3}}}",
        Script::default(),
    );
    let body = &sent[0];
    assert_eq!(body["temperature"], json!(0.2));
    assert_eq!(body["max_tokens"], json!(9));
    assert_eq!(body["stop"], json!(["x"]));
    assert_eq!(body["top_k"], json!(3));
    assert_eq!(body["tools"][0]["function"]["name"], json!("f"));
    assert!(body["seed"].as_u64().is_some_and(|seed| seed < 1 << 31));
}

#[test]
fn prompts_are_filled_in() {
    let (_, sent) = one(
        "{openai: {model: m, base_url: URL/v1, system: 'Tone: {{ tone }}', prompt: '<q>{{ input }}</q>', variables: {tone: calm}}}",
        Script::default(),
    );
    assert_eq!(
        sent[0]["messages"],
        json!([{"role": "system", "content": "Tone: calm"}, {"role": "user", "content": "<q>question 0</q>"}])
    );
}

#[test]
fn an_endpoint_of_its_own_shape() {
    let (live, sent) = one(
        "{http: {url: URL/ask, body: {q: '{{ input }}', all: '{{ messages }}'}, answer: '$.output'}}",
        Script::default(),
    );
    assert_eq!(sent[0]["q"], json!("question 0"));
    assert_eq!(sent[0]["all"][0]["content"], json!("question 0"));
    assert!(!live.ran.answer(0).output.is_empty());
}

fn script_of_turns() -> ReferenceSet {
    with_inputs([Input::Turns(vec![
        "first".to_owned(),
        "second".to_owned(),
        "third".to_owned(),
    ])])
}

/// A script is played turn by turn, each with all that was said before, and each turn is on the record as it comes.
#[test]
fn a_conversation_is_played_turn_by_turn() {
    let provider = Provider::start(script(json!({"reply": "upper"})));
    let live = run(
        &targets(system(super::CHAT, &provider.url())),
        &script_of_turns(),
        &limits(),
    );
    live.ran.complete();
    let answer = live.ran.answer(0);
    assert_eq!(answer.output, "THIRD");
    let said: Vec<_> = answer
        .turns
        .iter()
        .map(|it| (it.user.as_str(), it.output.as_str()))
        .collect();
    assert_eq!(
        said,
        [("first", "FIRST"), ("second", "SECOND"), ("third", "THIRD")]
    );
    let log = provider.log();
    assert_eq!(log.len(), 3);
    let last: Value = serde_json::from_slice(&log[2].request.body).expect("JSON");
    let roles: Vec<_> = last["messages"]
        .as_array()
        .expect("list")
        .iter()
        .map(|it| it["content"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(roles, ["first", "FIRST", "second", "SECOND", "third"]);
    let turns = live
        .ran
        .events()
        .filter(|it| {
            matches!(
                it,
                RunEvent::Exchanged {
                    response: Some(_),
                    ..
                }
            )
        })
        .count();
    assert_eq!(turns, 2);
    let steps: Vec<u32> = live.exchanges().iter().map(|(_, it)| it.step).collect();
    assert_eq!(steps, [0, 1, 2]);
}

/// F1: a conversation that was interrupted goes on where it was; no turn is paid for twice.
#[test]
fn f1_an_interrupted_conversation_goes_on() {
    let provider = Provider::start(script(json!({"reply": "upper"})));
    let reference = script_of_turns();
    let two = Limits {
        calls_max: Some(2),
        ..limits()
    };
    let mut both = targets(system(super::CHAT, &provider.url()));
    let live = run(&both, &reference, &two);
    assert_eq!(
        live.ran.end.as_ref().expect("ran"),
        &RunEnd::Limited { what: Limit::Calls }
    );
    let begun: Vec<Begun> = live
        .ran
        .events()
        .filter_map(|event| match event {
            RunEvent::Exchanged {
                exchange,
                response: Some(response),
                ..
            } => Some(Begun {
                exchange: (**exchange).clone(),
                response: (**response).clone(),
            }),
            _ => None,
        })
        .collect();
    assert_eq!(begun.len(), 2);
    both.begun = BTreeMap::from([(
        attempt(gatewright_core::manifest::Role::Candidate, 0, 0),
        begun,
    )]);
    let live = run(&both, &reference, &limits());
    live.ran.complete();
    let answer = live.ran.answer(0);
    assert_eq!(answer.output, "THIRD");
    let said: Vec<_> = answer.turns.iter().map(|it| it.user.as_str()).collect();
    assert_eq!(said, ["first", "second", "third"]);
    assert_eq!(
        provider.log().len(),
        3,
        "three turns were paid for, not five"
    );
}

/// Tools whose results the example knows are answered, step by step; the whole trajectory is on the record.
#[test]
fn a_trajectory_of_tools_is_recorded() {
    let provider = Provider::start(script(json!({
        "reply": {"tool_call": {"name": "lookup", "arguments": "{\"id\": 7}"}},
    })));
    let mut example = each([Input::Text("question 0".to_owned())]);
    example[0].context =
        serde_json::from_value(json!({"tool_results": {"lookup": {"plan": "pro"}}}))
            .expect("object");
    let reference = ReferenceSet::of(example);
    let few = Limits {
        turns_max: 3,
        ..limits()
    };
    for way in [
        "{openai: {model: m, base_url: URL/v1}}",
        "{openai: {model: m, api: responses, base_url: URL/v1}}",
        "{anthropic: {model: m, base_url: URL/v1}}",
    ] {
        let live = run(&targets(system(way, &provider.url())), &reference, &few);
        live.ran.complete();
        let answer = live.ran.answer(0);
        assert_eq!(answer.tool_calls.len(), 3, "{way}: {answer:?}");
        assert_eq!(answer.tool_calls[0].arguments, json!({"id": 7}));
        assert!(answer.turns[1].tool_results && !answer.turns[0].tool_results);
    }
    let sent = provider.log();
    let second: Value = serde_json::from_slice(&sent[1].request.body).expect("JSON");
    let messages = second["messages"].as_array().expect("a list");
    assert_eq!(
        messages[1]["tool_calls"][0]["function"]["name"],
        json!("lookup")
    );
    assert_eq!(messages[2]["content"], json!("{\"plan\":\"pro\"}"));
    assert_eq!(
        messages[2]["tool_call_id"],
        messages[1]["tool_calls"][0]["id"]
    );
}
