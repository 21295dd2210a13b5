//! Refusals after a system has answered: one is about its request, several in a row are about the key, the model or the address.

use std::collections::BTreeMap;

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_engine::{Limits, stop_pair};
use gatewright_testkit::provider::{Provider, Script};
use serde_json::json;

use super::{CHAT, Live, chat, examples, limits, run, run_todo, script, system, targets};
use crate::runner::{attempt, provider_error};

/// What was refused and left for the next part of a run, and how often.
fn refused(live: &Live, known: &BTreeMap<AttemptSpec, u32>) -> BTreeMap<AttemptSpec, u32> {
    let mut refused = known.clone();
    for event in live.ran.events() {
        match event {
            RunEvent::Exchanged {
                attempt, exchange, ..
            } if exchange.fault.is_some_and(|fault| fault.is_refusal()) => {
                *refused.entry(*attempt).or_default() += 1;
            }
            RunEvent::Ended { attempt, .. } => {
                refused.remove(attempt);
            }
            _ => {}
        }
    }
    refused
}

fn shelved(live: &Live) -> usize {
    let events = live.ran.events();
    events
        .filter(|event| matches!(event, RunEvent::Shelved { .. }))
        .count()
}

/// F9, F12, F15: a key that is taken back, a model that goes, a login that ends: the run pauses, and no attempt ends in an error for it.
#[test]
fn f9_what_is_refused_from_the_middle_on_pauses_and_ends_no_attempt() {
    for (behaviour, word) in [
        (json!("wrong_key"), "unauthorised"),
        (json!("forbidden"), "unauthorised"),
        (json!("unknown_model"), "not-found"),
        (json!("proxy_auth"), "proxy"),
        (
            json!({"redirect": {"code": 302, "to": "/login"}}),
            "redirect",
        ),
        (json!("login_page"), "page"),
    ] {
        for concurrency in [1, 16] {
            let rules = json!({"rules": [{"when": {"nth": {"from": 13}}, "do": behaviour}]});
            let provider = Provider::start(script(rules));
            let some = Limits {
                concurrency,
                ..limits()
            };
            let live = run(
                &targets(system(CHAT, &provider.url())),
                &examples(360),
                &some,
            );
            let (fault, why) = live.paused();
            assert_eq!(fault, word);
            assert!(why.contains("it answered before"), "{why}");
            assert_eq!(live.ran.answers(), 12, "{word}");
            assert_eq!(live.ran.ends().len(), 12, "{word}: no attempt ends for it");
            let asked = provider.log().len();
            let most = 12 + some.refusals_max as usize + concurrency as usize * 3 / 2;
            assert!(asked <= most, "{word}: {asked} asked");
            let all = shelved(&live);
            assert!(all >= asked - 12, "{word}: {all} of {}", asked - 12);
        }
    }
}

/// One example that is refused, however many trials it has, stops nothing; neither do four in a row.
#[test]
fn what_is_refused_for_itself_is_an_error_and_stops_nothing() {
    let rules =
        json!({"rules": [{"when": {"key_regex": "^question (1|2|3|4|17)$"}, "do": "forbidden"}]});
    for concurrency in [1, 8] {
        let provider = Provider::start(script(rules.clone()));
        let some = Limits {
            concurrency,
            ..limits()
        };
        let todo =
            (0..40).flat_map(|i| (0..3).map(move |trial| attempt(Role::Candidate, i, trial)));
        let target = targets(system(CHAT, &provider.url()));
        let live = run_todo(&target, &examples(40), todo.collect(), &some, stop_pair().1);
        live.ran.complete();
        assert_eq!(live.ran.answers(), 35 * 3);
        assert!(provider_error(&live.ran.end_of(17)).contains("403"));
        assert_eq!(provider.log().len(), 120, "each once");
        assert_eq!(shelved(&live), 0);
    }
}

/// Many examples that are refused for themselves: the run pauses, comes through when it goes on, and is not stopped by them for ever.
#[test]
fn a_run_that_pauses_for_poisonous_examples_comes_through() {
    let rules = json!({"rules": [{"when": {"key_regex": "^question (1|2|3|4|5|6|7|8|9)$"}, "do": "forbidden"}]});
    for concurrency in [1, 8] {
        let provider = Provider::start(script(rules.clone()));
        let some = Limits {
            concurrency,
            ..limits()
        };
        let examples = examples(30);
        let mut target = targets(system(CHAT, &provider.url()));
        let mut left: Vec<AttemptSpec> = (0..30).map(|i| attempt(Role::Candidate, i, 0)).collect();
        let (mut answers, mut errors, mut parts) = (0, 0, 0);
        while !left.is_empty() {
            parts += 1;
            assert!(parts <= 4, "{left:?}");
            let live = run_todo(&target, &examples, left.clone(), &some, stop_pair().1);
            let ends = live.ran.ends();
            answers += live.ran.answers();
            errors += ends.len() - live.ran.answers();
            left.retain(|attempt| !ends.contains_key(attempt));
            target.refused = refused(&live, &target.refused);
            target.answered.insert(Role::Candidate);
            left.sort_by_key(|attempt| target.refused.contains_key(attempt));
        }
        assert_eq!((answers, errors), (21, 9));
        let asked = |key: &str| provider.log().iter().filter(|it| it.key == key).count();
        assert!((10..30).all(|i| asked(&format!("question {i}")) == 1));
    }
}

/// At the end of a run nothing tells any more what a refusal is about: with more than one it pauses, and the third time ends it.
#[test]
fn the_last_examples_of_a_run_may_be_refused_twice_before_it_is_about_them() {
    let rules = json!({"rules": [{"when": {"key_regex": "^question (8|9)$"}, "do": "wrong_key"}]});
    let provider = Provider::start(script(rules));
    let one = Limits {
        concurrency: 1,
        ..limits()
    };
    let examples = examples(10);
    let mut target = targets(system(CHAT, &provider.url()));
    let mut left: Vec<AttemptSpec> = (0..10).map(|i| attempt(Role::Candidate, i, 0)).collect();
    for part in 0..3 {
        let live = run_todo(&target, &examples, left.clone(), &one, stop_pair().1);
        let ends = live.ran.ends();
        if part < 2 {
            assert_eq!(live.paused().0, "unauthorised");
            assert_eq!(ends.len(), if part == 0 { 8 } else { 0 });
        } else {
            live.ran.complete();
            assert_eq!(ends.len(), 2);
        }
        left.retain(|attempt| !ends.contains_key(attempt));
        target.refused = refused(&live, &target.refused);
        target.answered.insert(Role::Candidate);
    }
    assert!(left.is_empty());
}

/// A run that is stopped meanwhile leaves what was refused outstanding.
#[test]
fn what_was_refused_stays_outstanding_when_the_run_is_stopped() {
    let rules = json!({"rules": [
        {"when": {"nth": {"from": 5, "to": 7}}, "do": "forbidden"},
        {"when": {"nth": {"from": 8}}, "do": {"answer": {"delay_ms": 400}}},
    ]});
    let provider = Provider::start(script(rules));
    let few = Limits {
        concurrency: 1,
        calls_max: Some(7),
        ..limits()
    };
    let live = run(&targets(system(CHAT, &provider.url())), &examples(20), &few);
    assert_eq!(live.ran.ends().len(), 4, "{:?}", live.ran.end);
    assert_eq!(shelved(&live), 3);
    let (live, _) = chat(Script::default(), 3);
    live.ran.complete();
}
