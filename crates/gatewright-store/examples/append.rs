//! Measures how fast a run log takes events: `cargo run --release -p gatewright-store --example append -- [folder]`.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::{AttemptEnd, Response};
use gatewright_store::{RunLog, Writer};

const EVENTS: u32 = 20_000;
const BATCH: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let at = "2026-01-01T00:00:00Z".to_owned();
    let folder = std::env::args_os().nth(1).map_or_else(
        || std::env::temp_dir().join("gatewright-append"),
        PathBuf::from,
    );
    let writer = Writer {
        name: "append".to_owned(),
        actor: "measure".to_owned(),
        at: at.clone(),
    };
    let mut log = RunLog::create(&folder, writer)?;
    let events: Vec<RunEvent> = (0..EVENTS).map(ended).collect();

    let clock = Instant::now();
    for batch in events.chunks(BATCH) {
        log.append(batch, &at)?;
    }
    report("appended, each batch flushed", clock);
    let clock = Instant::now();
    let ended = log.progress()?.ended.len();
    report("folded into progress", clock);
    let clock = Instant::now();
    for event in log.events() {
        event?;
    }
    report("read back and checked", clock);
    assert_eq!(ended, EVENTS as usize);
    drop(log);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn report(what: &str, clock: Instant) {
    let seconds = clock.elapsed().as_secs_f64();
    println!(
        "{what}: {EVENTS} events in {seconds:.3} s, {:.0} events/s",
        f64::from(EVENTS) / seconds
    );
}

fn ended(example: u32) -> RunEvent {
    RunEvent::Ended {
        attempt: AttemptSpec {
            example,
            system: Role::Candidate,
            trial: 0,
        },
        recorded_trial: None,
        exchange: None,
        end: AttemptEnd::Answered {
            response: Response {
                output: format!("Answer {example}: ") + &"some words of an answer ".repeat(20),
                latency_ms: Some(231.5),
                ..Response::default()
            },
        },
    }
}
