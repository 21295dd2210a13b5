//! Faults of the provider and of the way to it (hardening.md F8 to F16, F21, F22, F27).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::response::{AttemptEnd, Behaviour as Does};
use gatewright_engine::{Limits, stop_pair};
use gatewright_testkit::provider::{Behaviour, Provider, Script};
use serde_json::json;

use super::{CHAT, STREAM, always, chat, examples, limits, run, run_todo, script, system, targets};
use crate::runner::{attempt, provider_error};

#[test]
fn all_answers_come_back_once() {
    let (live, provider) = chat(Script::default(), 200);
    live.ran.complete();
    assert_eq!(live.ran.answers(), 200);
    assert_eq!(live.ran.answer(7).output, "question 7");
    assert!(live.ran.answer(7).latency_ms.is_some());
    let mut asked: BTreeMap<String, u32> = BTreeMap::new();
    for served in provider.log() {
        *asked.entry(served.key).or_default() += 1;
    }
    assert_eq!(asked.len(), 200);
    assert!(
        asked.values().all(|&times| times == 1),
        "nothing is asked twice"
    );
}

/// An attempt is on the record as started before a byte of it goes out, and shown as ended only after its end is.
#[test]
fn f1_intent_comes_before_the_call_and_the_result_before_the_count() {
    let (live, _provider) = chat(Script::default(), 40);
    for example in 0..40 {
        let spec = attempt(Role::Candidate, example, 0);
        let place = |wanted: &dyn Fn(&RunEvent) -> bool| {
            live.ran.events().position(wanted).expect("it is there")
        };
        let started = place(&|it| matches!(it, RunEvent::Started { attempt } if *attempt == spec));
        let ended = place(&|it| matches!(it, RunEvent::Ended { attempt, .. } if *attempt == spec));
        assert!(started < ended);
    }
    let batch = |wanted: &dyn Fn(&RunEvent) -> bool| {
        live.ran
            .batches
            .iter()
            .position(|batch| batch.iter().any(wanted))
    };
    assert!(
        batch(&|it| matches!(it, RunEvent::Started { .. }))
            < batch(&|it| matches!(it, RunEvent::Ended { .. })),
        "never in one commit"
    );
}

/// Every form of `Retry-After`: the call is made again, the wait is a minimum and capped, one burst is one slow-down.
#[test]
fn f8_429_with_retry_after() {
    for asked in [
        json!({"seconds": 0}),
        json!({"text": "-5"}),
        json!({"text": "soon"}),
        json!({"date_in": 0}),
        json!({"seconds": 31_536_000}),
        json!({"date_in": 31_536_000}),
        json!({"date_in": -31_536_000}),
    ] {
        let rules =
            json!({"rules": [{"when": {"nth_for_key": {"to": 1}}, "do": {"rate_limited": asked}}]});
        let start = Instant::now();
        let (live, _) = chat(script(rules), 12);
        live.ran.complete();
        assert_eq!(live.ran.answers(), 12, "{asked}");
        assert_eq!(live.faults(), ["rate-limited"; 12], "{asked}");
        let slowed = live
            .paced()
            .iter()
            .filter(|why| *why == "rate-limited")
            .count();
        // The first request goes alone; the eleven others are one burst.
        assert_eq!(slowed, 2, "one burst: {:?}", live.paced());
        let waited = start.elapsed();
        assert!(waited < Duration::from_secs(10), "{asked}: {waited:?}");
        if asked.to_string().contains(":31536000") {
            assert!(
                waited >= Duration::from_millis(300),
                "the cap is waited for"
            );
        }
    }
}

#[test]
fn f9_429_with_none_backs_off_and_comes_through() {
    let rules =
        json!({"rules": [{"when": {"nth_for_key": {"to": 6}}, "do": {"rate_limited": "absent"}}]});
    let (live, _) = chat(script(rules), 4);
    live.ran.complete();
    assert_eq!(live.ran.answers(), 4, "being told to wait is no failure");
    assert_eq!(live.faults().len(), 24);
}

/// The money is gone: nothing is tried again, what is there is kept, and the run says so.
#[test]
fn f9_money_gone_pauses_the_run() {
    for gone in ["insufficient_quota", "payment_required"] {
        let rules = json!({"rules": [{"when": {"nth": {"from": 5}}, "do": gone}]});
        let provider = Provider::start(script(rules));
        let few = Limits {
            concurrency: 1,
            ..limits()
        };
        let live = run(&targets(system(CHAT, &provider.url())), &examples(20), &few);
        let (fault, why) = live.paused();
        assert_eq!(fault, "money-gone");
        assert!(why.contains("status 4"), "{why}");
        assert_eq!(live.ran.answers(), 4, "what was paid for is kept");
        assert_eq!(live.ran.ends().len(), 4, "the rest stays outstanding");
        assert_eq!(provider.log().len(), 5, "and is not asked");
        assert!(
            live.ran
                .events()
                .any(|it| matches!(it, RunEvent::Paused { .. }))
        );
    }
}

#[test]
fn wrong_keys_and_models_pause_at_once() {
    for (behaviour, word) in [
        (Behaviour::WrongKey, "unauthorised"),
        (Behaviour::Forbidden, "unauthorised"),
        (Behaviour::UnknownModel, "not-found"),
        (Behaviour::ProxyAuth, "proxy"),
        (Behaviour::LoginPage, "page"),
    ] {
        let provider = Provider::start(Script::always(behaviour));
        let few = Limits {
            concurrency: 2,
            ..limits()
        };
        let live = run(&targets(system(CHAT, &provider.url())), &examples(50), &few);
        assert_eq!(live.paused().0, word);
        assert!(
            live.ran.ends().is_empty(),
            "nothing is filed against the system"
        );
        assert!(
            provider.log().len() <= 3,
            "{word}: {}",
            provider.log().len()
        );
    }
}

#[test]
fn f10_a_storm_opens_the_circuit_and_the_run_pauses() {
    let provider = Provider::start(Script::always(Behaviour::status(500)));
    let live = run(
        &targets(system(CHAT, &provider.url())),
        &examples(100),
        &limits(),
    );
    assert!(
        live.paced().iter().any(|why| why == "circuit-open"),
        "{:?}",
        live.ran.seen
    );
    assert!(
        live.ran.ends().is_empty(),
        "the storm is not the attempts' fault"
    );
    let asked = provider.log().len();
    assert!(asked < 100, "the circuit stops the flood: {asked}");
    assert!(!matches!(
        live.ran.end,
        Ok(gatewright_engine::RunEnd::Complete)
    ));
}

#[test]
fn f10_a_storm_that_passes_costs_nothing() {
    let rules = json!({"rules": [{"when": {"nth": {"from": 2, "to": 34}}, "do": {"status": {"code": 503}}}]});
    let (live, _) = chat(script(rules), 30);
    live.ran.complete();
    assert_eq!(live.ran.answers(), 30);
    // From the very first request on: the run may pause, and what it goes on with has lost nothing.
    let rules = json!({"rules": [{"when": {"nth": {"to": 45}}, "do": {"status": {"code": 503}}}]});
    let provider = Provider::start(script(rules));
    let target = targets(system(CHAT, &provider.url()));
    let complete = (0..10).any(|_| {
        let live = run(&target, &examples(30), &limits());
        let done = matches!(live.ran.end, Ok(gatewright_engine::RunEnd::Complete));
        assert_eq!(live.ran.ends().len(), if done { 30 } else { 0 });
        assert_eq!(live.ran.answers(), if done { 30 } else { 0 });
        done
    });
    assert!(complete, "it comes through once the storm is over");
    let rules = json!({"rules": [{"do": "alternating"}]});
    let (live, _) = chat(script(rules), 30);
    live.ran.complete();
    assert!(live.ran.answers() >= 29, "{}", live.ran.answers());
}

/// An answer that came in part is never one: it is tried again, and its bytes are kept.
#[test]
fn f11_half_an_answer_is_never_one() {
    for (behaviour, way) in [
        ("truncated", CHAT),
        ("chunk_missing", CHAT),
        ("wrong_length", CHAT),
        ("gzip_cut", CHAT),
        ("stream_ends", CHAT),
        ("truncated", STREAM),
        ("chunk_missing", STREAM),
        ("stream_ends", STREAM),
        ("stream_error", STREAM),
    ] {
        let rules = json!({"rules": [{"when": {"nth_for_key": {"to": 1}}, "do": behaviour}]});
        let provider = Provider::start(script(rules));
        let live = run(
            &targets(system(way, &provider.url())),
            &examples(1),
            &limits(),
        );
        live.ran.complete();
        assert_eq!(live.ran.answer(0).output, "question 0", "{behaviour}");
        let exchanges = live.exchanges();
        assert_eq!(exchanges.len(), 2, "{behaviour}: {:?}", live.faults());
        let first = &exchanges[0].1;
        assert!(first.fault.is_some());
        assert!(
            !live.response(first).is_empty(),
            "{behaviour}: the raw bytes are kept"
        );

        let provider = Provider::start(script(json!({"rules": [{"do": behaviour}]})));
        let live = run(
            &targets(system(way, &provider.url())),
            &examples(1),
            &limits(),
        );
        assert_eq!(live.ran.answers(), 0, "{behaviour}: never an answer");
        assert!(provider.log().len() <= 10, "{behaviour}: bounded");
    }
}

#[test]
fn f12_success_that_is_none() {
    for (behaviour, word) in [
        ("error_json", "error-body"),
        ("empty_choices", "empty"),
        ("wrong_type", "unreadable"),
        ("invalid_json", "unreadable"),
        ("gzip", "unreadable"),
    ] {
        let rules = json!({"rules": [{"when": {"nth": {"from": 2, "to": 2}}, "do": behaviour}]});
        let provider = Provider::start(script(rules));
        let one = Limits {
            concurrency: 1,
            ..limits()
        };
        let live = run(&targets(system(CHAT, &provider.url())), &examples(3), &one);
        live.ran.complete();
        assert_eq!(live.ran.answers(), 3, "{behaviour}");
        assert_eq!(live.faults(), [word], "{behaviour}");
    }
    let (live, _) = always(Behaviour::Refusal);
    assert_eq!(live.ran.answer(0).behaviour, Some(Does::Refuse));
    let (live, _) = always(Behaviour::ContentFilter);
    assert_eq!(live.ran.answer(0).behaviour, Some(Does::Refuse));
    let (live, _) = always(Behaviour::LengthStop);
    assert_eq!(live.ran.answer(0).finish.as_deref(), Some("length"));
}

/// What stays wrong is an error of the provider, apart from failures, with its word.
#[test]
fn f12_a_lasting_error_is_missing_and_no_failure() {
    let rules = json!({"rules": [{"when": {"key": "question 1"}, "do": "error_json"}, {"when": {"key": "question 2"}, "do": "context_length"}]});
    let (live, provider) = chat(script(rules), 4);
    live.ran.complete();
    assert_eq!(live.ran.answers(), 2);
    let AttemptEnd::ProviderError { code, message, .. } = live.ran.end_of(1) else {
        panic!("{:?}", live.ran.end_of(1));
    };
    assert_eq!(code.as_deref(), Some("error-body"));
    assert!(!message.is_empty());
    assert!(provider_error(&live.ran.end_of(2)).contains("400"));
    let asked = |key: &str| provider.log().iter().filter(|it| it.key == key).count();
    assert_eq!(asked("question 1"), limits().tries_max as usize);
    assert_eq!(
        asked("question 2"),
        1,
        "what is wrong with the request is not tried again"
    );
}

#[test]
fn f13_odd_bytes_are_kept_and_read_with_one_visible_replacement() {
    for behaviour in [
        Behaviour::InvalidUtf8,
        Behaviour::LoneSurrogate,
        Behaviour::Bom,
        Behaviour::MixedNewlines,
    ] {
        let name = behaviour.name();
        let (live, _) = always(behaviour);
        live.ran.complete();
        let output = live.ran.answer(0).output;
        if name == "invalid_utf8" || name == "lone_surrogate" {
            assert!(output.contains('\u{fffd}'), "{name}: {output:?}");
        }
        let (_, exchange) = &live.exchanges()[0];
        let raw = live.response(exchange);
        if name == "invalid_utf8" {
            assert!(
                std::str::from_utf8(raw).is_err(),
                "the bytes are as they came"
            );
        }
    }
}

#[test]
fn f14_answers_have_a_size_and_a_time() {
    let small = Limits {
        response_bytes_max: 100_000,
        ..limits()
    };
    for (behaviour, way) in [
        (json!({"huge": {"bytes": 5_000_000}}), CHAT),
        (json!({"long_stream": {"tokens": 100_000}}), STREAM),
        (json!({"gzip_bomb": {"bytes": 50_000_000}}), CHAT),
    ] {
        let provider = Provider::start(script(json!({"rules": [{"do": behaviour}]})));
        let live = run(&targets(system(way, &provider.url())), &examples(1), &small);
        assert_eq!(live.ran.answers(), 0);
        assert!(
            live.faults()
                .iter()
                .all(|it| *it == "too-large" || *it == "unreadable"),
            "{:?}",
            live.faults()
        );
        assert!(live.blobs.values().all(|bytes| bytes.len() <= 500_000));
    }
    // Slow is not stalled: each byte starts the patience anew.
    let provider = Provider::start(script(json!({"rules": [{"do": {"slow": {"gap_ms": 2}}}]})));
    let live = run(
        &targets(system(CHAT, &provider.url())),
        &examples(1),
        &limits(),
    );
    live.ran.complete();
    assert_eq!(live.ran.answers(), 1);
    // Until it takes longer than our side waits at all.
    let short = Limits {
        answer_timeout: Duration::from_millis(150),
        ..limits()
    };
    let provider = Provider::start(script(json!({"rules": [{"do": {"slow": {"gap_ms": 20}}}]})));
    let live = run(
        &targets(system(CHAT, &provider.url())),
        &examples(1),
        &short,
    );
    assert_eq!(live.faults(), ["took-too-long"]);
    assert_eq!(
        provider.log().len(),
        1,
        "what was paid for once is not paid for again"
    );
}

/// F14: the page says how large an answer may be; what is larger is missing, and nothing of it is held beyond that.
#[test]
fn f14_the_page_says_how_large_an_answer_may_be() {
    let rules = json!({"rules": [{"do": {"huge": {"bytes": 3_000_000}}}]});
    for (size, answers, word) in [("2 MiB", 0, &["too-large"][..]), ("4 MiB", 1, &[])] {
        let provider = Provider::start(script(rules.clone()));
        let way =
            format!("{{openai: {{model: m, base_url: URL/v1, limits: {{answer_size: {size}}}}}}}");
        let live = run(
            &targets(system(&way, &provider.url())),
            &examples(1),
            &limits(),
        );
        live.ran.complete();
        assert_eq!(live.ran.answers(), answers, "{size}");
        assert_eq!(live.faults(), word, "{size}");
        if answers == 0 {
            assert!(provider_error(&live.ran.end_of(0)).contains("longer than 2 MiB"));
        }
    }
}

/// The system's own promise of time is its failure, not the provider's error.
#[test]
fn a_broken_promise_of_time_is_a_failure() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(500)));
    let way = "{openai: {model: m, base_url: URL/v1}, timeout: 60 ms}";
    let live = run(
        &targets(system(way, &provider.url())),
        &examples(2),
        &limits(),
    );
    live.ran.complete();
    for example in 0..2 {
        assert_eq!(
            live.ran.end_of(example),
            AttemptEnd::TimedOut { after_ms: 60 }
        );
    }
}

#[test]
fn f15_connections_that_break_or_hang() {
    for behaviour in [
        "stall",
        "stall_midway",
        "reset",
        "close_early",
        "not_http",
        "proxy_auth",
    ] {
        let rules = json!({"rules": [{"when": {"nth": {"from": 2, "to": 3}}, "do": behaviour}]});
        let provider = Provider::start(script(rules));
        let one = Limits {
            concurrency: 1,
            answer_timeout: Duration::from_millis(900),
            ..limits()
        };
        let start = Instant::now();
        let live = run(&targets(system(CHAT, &provider.url())), &examples(4), &one);
        assert!(
            start.elapsed() < Duration::from_secs(8),
            "{behaviour} is bounded"
        );
        live.ran.complete();
        assert!(
            live.ran.answers() >= 2,
            "{behaviour}: {:?}",
            live.ran.ends()
        );
        assert!(!live.faults().is_empty(), "{behaviour}");
    }
    // A connection that is accepted and never answered.
    let provider = Provider::start(script(json!({"half_open": {"at": [1]}})));
    let live = run(
        &targets(system(CHAT, &provider.url())),
        &examples(1),
        &Limits {
            answer_timeout: Duration::from_millis(400),
            ..limits()
        },
    );
    assert!(live.ran.end.is_ok());
}

/// Redirects are not followed: a key would go along.
#[test]
fn a15_a_redirect_is_not_followed() {
    for code in [302, 307, 308] {
        let elsewhere = Provider::start(Script::default());
        let to = format!("{}/v1/chat/completions", elsewhere.url());
        let rules = json!({"rules": [{"do": {"redirect": {"code": code, "to": to}}}]});
        let (live, _) = chat(script(rules), 3);
        assert_eq!(live.paused().0, "redirect");
        assert_eq!(elsewhere.log().len(), 0);
    }
}

#[test]
fn a15_a_private_address_is_refused_at_the_connection() {
    let provider = Provider::start(Script::default());
    for url in [
        provider.url(),
        provider.url().replace("127.0.0.1", "localhost"),
    ] {
        let mut target = system(CHAT, &url);
        target.private_allowed = false;
        let live = run(&targets(target), &examples(3), &limits());
        assert_eq!(live.paused().0, "private-address", "{url}");
    }
    assert_eq!(provider.log().len(), 0, "not a byte was sent");
}

#[test]
fn f16_a_name_that_leads_nowhere_is_said_soon() {
    let start = Instant::now();
    let target = system(CHAT, "http://no-such-host.invalid:1");
    let live = run(&targets(target), &examples(20), &limits());
    assert_eq!(live.paused().0, "dns");
    assert!(start.elapsed() < Duration::from_secs(10));
    let target = system(CHAT, "http://127.0.0.1:1");
    let live = run(&targets(target), &examples(20), &limits());
    assert_eq!(live.paused().0, "connect");
    assert!(live.ran.ends().is_empty());
}

#[test]
fn f21_a_stop_drains_and_a_second_one_leaves() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(150)));
    let examples = examples(60);
    let todo: Vec<_> = (0..60).map(|i| attempt(Role::Candidate, i, 0)).collect();
    let few = Limits {
        concurrency: 5,
        ..limits()
    };
    let (stopper, stop) = stop_pair();
    let asking = provider.address();
    let waiter = std::thread::spawn(move || {
        let _ = asking;
        std::thread::sleep(Duration::from_millis(80));
        stopper.request();
    });
    let live = run_todo(
        &targets(system(CHAT, &provider.url())),
        &examples,
        todo.clone(),
        &few,
        stop,
    );
    waiter.join().expect("stopped");
    let Ok(gatewright_engine::RunEnd::Interrupted { in_flight }) = &live.ran.end else {
        panic!("{:?}", live.ran.end);
    };
    assert!(in_flight.is_empty(), "drained");
    assert_eq!(
        live.ran.answers(),
        provider.log().len(),
        "what was asked is kept"
    );
    assert_eq!(
        live.ran.started().len(),
        provider.log().len(),
        "what was not sent is not started"
    );

    let provider = Provider::start(Script::always(Behaviour::Stall));
    let (stopper, stop) = stop_pair();
    stopper.request();
    let waiter = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        stopper.request();
    });
    let live = run_todo(
        &targets(system(CHAT, &provider.url())),
        &examples,
        todo,
        &few,
        stop,
    );
    waiter.join().expect("stopped");
    assert!(matches!(
        live.ran.end,
        Ok(gatewright_engine::RunEnd::Interrupted { .. })
    ));
}

/// Nothing that was answered is asked again, however a run is interrupted: the provider's log is the witness.
#[test]
fn f27_another_model_is_noticed() {
    let rules = json!({"model": "m-1", "fingerprint": "fp-1", "changes": [{"from": 5, "model": "m-2", "fingerprint": "fp-2"}]});
    let provider = Provider::start(script(rules));
    let one = Limits {
        concurrency: 1,
        ..limits()
    };
    let live = run(&targets(system(CHAT, &provider.url())), &examples(10), &one);
    live.ran.complete();
    let models: Vec<_> = live
        .ran
        .events()
        .filter_map(|event| match event {
            RunEvent::ModelSeen { model, .. } => model.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(models, ["m-1", "m-2"]);
    assert!(
        live.ran
            .seen
            .iter()
            .any(|it| it.starts_with("ModelChanged"))
    );
    let last = live.exchanges().pop().expect("one").1;
    assert_eq!(last.model.as_deref(), Some("m-2"));
}
