//! Starts that are committed ahead of a free place: no more on their way than may be, nothing twice, and nothing left in doubt by a run that ends.

use std::collections::BTreeSet;
use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_engine::{Limit, Limits, RunEnd, stop_pair};
use gatewright_testkit::provider::{Behaviour, Nth, Provider, RetryAfter, Script, When};

use super::{CHAT, Live, examples, limits, run_on_disk, system, targets};
use crate::runner::attempt;

const AT_ONCE: u32 = 8;
/// A slow disk beside a quick provider: places become free while a commit takes its time.
const COMMIT: Duration = Duration::from_millis(15);

fn todo(n: u32) -> Vec<AttemptSpec> {
    (0..n).map(|i| attempt(Role::Candidate, i, 0)).collect()
}

fn eight() -> Limits {
    Limits {
        concurrency: AT_ONCE,
        ..limits()
    }
}

fn withdrawn(live: &Live) -> BTreeSet<AttemptSpec> {
    let events = live.ran.events();
    events
        .filter_map(|event| match event {
            RunEvent::Withdrawn { attempt } => Some(*attempt),
            _ => None,
        })
        .collect()
}

fn most_at_once(provider: &Provider) -> usize {
    let log = provider.log();
    let mut edges: Vec<(u64, i32)> = log
        .iter()
        .flat_map(|it| [(it.received_ms, 1), (it.ended_ms.expect("ended"), -1)])
        .collect();
    edges.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, change) in edges {
        now += change;
        most = most.max(now);
    }
    most as usize
}

#[test]
fn a_start_is_on_the_disk_before_it_is_sent_and_places_are_kept() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(10)));
    let live = run_on_disk(
        &targets(system(CHAT, &provider.url())),
        &examples(300),
        todo(300),
        &eight(),
        stop_pair().1,
        COMMIT,
    );
    live.ran.complete();
    assert_eq!(live.ran.answers(), 300);
    assert_eq!(provider.log().len(), 300, "nothing is asked twice");
    assert!(most_at_once(&provider) <= AT_ONCE as usize);
    assert!(withdrawn(&live).is_empty(), "{:?}", withdrawn(&live));
    // A start that shares its commit with the end of an attempt that was started in the same or the commit before would not be ahead: here
    // some attempts are told as on their way long after their start was committed.
    let told: Vec<&String> = live
        .ran
        .seen
        .iter()
        .filter(|it| it.starts_with("Started"))
        .collect();
    assert_eq!(told.len(), 300, "each is told once, when it goes");
    for (index, batch) in live.ran.batches.iter().enumerate() {
        for event in batch {
            if let RunEvent::Ended { attempt, .. } = event {
                let start = live.ran.batches[..index]
                    .iter()
                    .flatten()
                    .any(|it| *it == RunEvent::Started { attempt: *attempt });
                assert!(start, "{attempt:?} ended before its start was committed");
            }
        }
    }
}

#[test]
fn f21_a_stop_takes_back_what_was_ahead() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(10)));
    let (stopper, stop) = stop_pair();
    let heard = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            provider.wait_for_ended(60);
            stopper.request();
        });
        let live = run_on_disk(
            &targets(system(CHAT, &provider.url())),
            &examples(2000),
            todo(2000),
            &eight(),
            stop,
            COMMIT,
        );
        waiter.join().expect("stopped");
        live
    });
    let asked = provider.log().len();
    assert!(asked < 2000, "it was stopped");
    assert_eq!(heard.ran.answers(), asked, "what was asked is kept");
    let back = withdrawn(&heard);
    assert!(
        !back.is_empty(),
        "nothing was ahead: this test tests nothing"
    );
    assert_eq!(heard.ran.started().len() - back.len(), asked);
    let ended: BTreeSet<AttemptSpec> = heard.ran.ends().into_keys().collect();
    assert!(ended.is_disjoint(&back));
}

#[test]
fn what_is_ahead_counts_in_the_budget() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(10)));
    let few = Limits {
        calls_max: Some(117),
        ..eight()
    };
    let live = run_on_disk(
        &targets(system(CHAT, &provider.url())),
        &examples(400),
        todo(400),
        &few,
        stop_pair().1,
        COMMIT,
    );
    assert_eq!(
        live.ran.end.as_ref().expect("ran"),
        &RunEnd::Limited { what: Limit::Calls }
    );
    assert_eq!(provider.log().len(), 117);
    assert_eq!(live.ran.answers(), 117, "what was paid for is kept");
    assert!(most_at_once(&provider) <= AT_ONCE as usize);
    assert_eq!(live.ran.started().len(), 117);
}

#[test]
fn f8_nothing_follows_a_host_that_asks_to_wait() {
    let burst = When {
        nth: Some(Nth {
            from: Some(100),
            to: Some(107),
            ..Nth::default()
        }),
        ..When::default()
    };
    let script = Script::default()
        .rule(burst, Behaviour::RateLimited(RetryAfter::Absent))
        .rule(When::default(), Behaviour::answer_after(10));
    let provider = Provider::start(script);
    let live = run_on_disk(
        &targets(system(CHAT, &provider.url())),
        &examples(300),
        todo(300),
        &eight(),
        stop_pair().1,
        COMMIT,
    );
    live.ran.complete();
    assert_eq!(live.ran.answers(), 300);
    assert!(live.paced().contains(&"rate-limited".to_owned()));
    assert!(most_at_once(&provider) <= AT_ONCE as usize);
}
