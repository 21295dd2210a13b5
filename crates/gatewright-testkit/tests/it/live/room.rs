//! Large answers: how much of them is held at once, and whose time it is while they wait for room.

use std::time::Duration;

use gatewright_core::manifest::Role;
use gatewright_engine::{Limits, stop_pair};
use gatewright_testkit::provider::Provider;
use serde_json::json;

use super::{CHAT, examples, run_committing, script, system, targets};
use crate::runner::attempt;

const SMALL: usize = 50_000;

fn few_rooms(rooms: u32) -> Limits {
    Limits {
        small_body_bytes: SMALL,
        large_bodies_max: rooms,
        concurrency: 16,
        ..super::limits()
    }
}

/// F14: of answers that are large, no more are held than there is room for, however many are on their way; small ones pass them by.
#[test]
fn f14_large_answers_are_held_a_few_at_a_time() {
    let rules = json!({"rules": [
        {"when": {"nth": {"every": 2}}, "do": {"huge": {"bytes": 400_000}}},
    ]});
    let provider = Provider::start(script(rules));
    let todo = (0..40).map(|i| attempt(Role::Candidate, i, 0)).collect();
    let (mut most, mut large) = (0, 0);
    let live = run_committing(
        &targets(system(CHAT, &provider.url())),
        &examples(40),
        todo,
        &few_rooms(3),
        stop_pair().1,
        |_, blobs| {
            let now = blobs.iter().filter(|blob| blob.bytes.len() > SMALL).count();
            most = most.max(now);
            large += now;
            Ok(())
        },
    );
    live.ran.complete();
    assert_eq!(live.ran.answers(), 40);
    assert_eq!(large, 20, "every second answer is large");
    assert!(most <= 3, "{most} were held at once");
}

/// F5, F14: waiting for room of ours is no time of the system's: it neither breaks its promise nor counts in its latency.
#[test]
fn f5_waiting_for_room_is_nobodys_time() {
    let provider = Provider::start(script(
        json!({"rules": [{"do": {"huge": {"bytes": 200_000}}}]}),
    ));
    let way = "{openai: {model: m, base_url: URL/v1}, timeout: 900 ms}";
    let todo = (0..7).map(|i| attempt(Role::Candidate, i, 0)).collect();
    let mut commits = 0;
    let live = run_committing(
        &targets(system(way, &provider.url())),
        &examples(7),
        todo,
        &few_rooms(1),
        stop_pair().1,
        |_, blobs| {
            commits += 1;
            // The room is given back only after this.
            if blobs.iter().any(|blob| blob.bytes.len() > SMALL) {
                std::thread::sleep(Duration::from_millis(400));
            }
            Ok(())
        },
    );
    live.ran.complete();
    assert!(commits >= 7, "one room: each is committed by itself");
    for example in 0..7 {
        let latency = live.ran.answer(example).latency_ms.expect("measured");
        assert!(latency < 900.0, "{example}: {latency}");
    }
}
