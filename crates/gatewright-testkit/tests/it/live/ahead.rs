//! Starts that are committed ahead of a free place: no more on their way than may be, nothing twice, and nothing left in doubt by a run that ends.

use std::collections::BTreeSet;
use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::Blob;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_engine::{Limit, Limits, RunEnd, SinkError, stop_pair};
use gatewright_testkit::provider::{Behaviour, Nth, Provider, RetryAfter, Script, When};

use super::{CHAT, Live, examples, limits, run_committing, system, targets};
use crate::runner::attempt;

const AT_ONCE: u32 = 8;
/// A slow disk beside a quick provider: places become free while a commit takes its time.
const COMMIT: Duration = Duration::from_millis(15);

fn slowly(_: &[RunEvent], _: &[Blob]) -> Result<(), SinkError> {
    std::thread::sleep(COMMIT);
    Ok(())
}

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
            RunEvent::Shelved { attempt } => Some(*attempt),
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
    let live = run_committing(
        &targets(system(CHAT, &provider.url())),
        &examples(300),
        todo(300),
        &eight(),
        stop_pair().1,
        slowly,
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

/// Whether starts are ahead at the moment of the stop is up to the threads: stops until one found some, and each has to hold.
#[test]
fn f21_a_stop_takes_back_what_was_ahead() {
    let found = (0..20).any(|_| {
        let (heard, asked) = stopped_after(60);
        assert!(asked < 2000, "it was stopped");
        assert_eq!(heard.ran.answers(), asked, "what was asked is kept");
        let back = withdrawn(&heard);
        assert_eq!(heard.ran.started().len() - back.len(), asked);
        let ended: BTreeSet<AttemptSpec> = heard.ran.ends().into_keys().collect();
        assert!(ended.is_disjoint(&back));
        !back.is_empty()
    });
    assert!(
        found,
        "nothing was ahead in 20 stops: this test tests nothing"
    );
}

/// A run of 2,000 attempts that is stopped once this many were answered, and how many the provider was asked.
fn stopped_after(ended: usize) -> (Live, usize) {
    let provider = Provider::start(Script::always(Behaviour::answer_after(10)));
    let (stopper, stop) = stop_pair();
    let live = std::thread::scope(|scope| {
        scope.spawn(|| {
            provider.wait_for_ended(ended);
            stopper.request();
        });
        run_committing(
            &targets(system(CHAT, &provider.url())),
            &examples(2000),
            todo(2000),
            &eight(),
            stop,
            slowly,
        )
    });
    let asked = provider.log().len();
    (live, asked)
}

#[test]
fn what_is_ahead_counts_in_the_budget() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(10)));
    let few = Limits {
        calls_max: Some(117),
        ..eight()
    };
    let live = run_committing(
        &targets(system(CHAT, &provider.url())),
        &examples(400),
        todo(400),
        &few,
        stop_pair().1,
        slowly,
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
    let live = run_committing(
        &targets(system(CHAT, &provider.url())),
        &examples(300),
        todo(300),
        &eight(),
        stop_pair().1,
        slowly,
    );
    live.ran.complete();
    assert_eq!(live.ran.answers(), 300);
    assert!(live.paced().contains(&"rate-limited".to_owned()));
    assert!(most_at_once(&provider) <= AT_ONCE as usize);
}
