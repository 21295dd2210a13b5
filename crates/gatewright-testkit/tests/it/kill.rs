//! F1: a process that is killed at any moment loses nothing that was paid for, and pays for nothing twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gatewright_core::plan::AttemptSpec;
use gatewright_store::RunLog;

use crate::runner::MISBEHAVE;

const KILLS: u32 = 40;
const EXAMPLES: u32 = 200;

/// The next of a fixed sequence of numbers, so that a failure can be seen again (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// What the systems wrote down by themselves: how often each attempt was received.
fn received(log: &Path) -> BTreeMap<String, u32> {
    let mut times = BTreeMap::new();
    for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
        if let Some(id) = line.strip_prefix("received ") {
            *times.entry(id.to_owned()).or_default() += 1;
        }
    }
    times
}

fn ended(folder: &Path) -> Vec<AttemptSpec> {
    let log = RunLog::read_only(folder).expect("log");
    log.integrity_check().expect("sound");
    log.progress()
        .expect("progress")
        .ended
        .into_iter()
        .collect()
}

#[test]
fn f1_killed_at_forty_moments_nothing_is_lost_and_nothing_is_paid_for_twice() {
    let home = tempfile::tempdir().expect("folder");
    let (run, paid) = (home.path().join("run"), home.path().join("paid"));
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut named: BTreeMap<String, u32> = BTreeMap::new();
    let (mut kills, mut starts) = (0, 0);
    loop {
        let mut child = Command::new(env!("CARGO_BIN_EXE_run-to-log"))
            .arg(&run)
            .args([&EXAMPLES.to_string(), "2", "2", "--", MISBEHAVE, "echo"])
            .args(["--delay-ms", "4", "--log"])
            .arg(&paid)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        starts += 1;
        if kills < KILLS {
            // From before the log is made to some way into the run.
            std::thread::sleep(Duration::from_micros(next(&mut state) % 40_000));
            child.kill().expect("kills");
            kills += 1;
        }
        let output = child.wait_with_output().expect("ends");
        let text = String::from_utf8_lossy(&output.stdout);
        for id in text
            .lines()
            .filter_map(|line| line.strip_prefix("in-flight "))
        {
            *named.entry(id.to_owned()).or_default() += 1;
        }
        if output.status.code() == Some(0) {
            break;
        }
        // No exit code of its own: it was killed, and not refused or broken.
        assert_eq!(
            output.status.code(),
            None,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert!(kills >= 30, "only {kills} of {starts} runs were killed");
    assert_eq!(ended(&run).len() as u32, EXAMPLES * 2 * 2);
    let received = received(&paid);
    assert_eq!(
        received.len() as u32,
        EXAMPLES * 2 * 2,
        "every attempt was made"
    );
    for (id, times) in &received {
        let allowed = 1 + named.get(id).copied().unwrap_or(0);
        assert!(
            *times <= allowed,
            "{id} was paid for {times} times and named in flight {} times",
            allowed - 1
        );
    }
    println!(
        "{kills} kills, {} attempts, {} paid for again after they were named in flight",
        received.len(),
        received.values().filter(|&&times| times > 1).count()
    );

    let whole = home.path().join("whole");
    let status = Command::new(env!("CARGO_BIN_EXE_run-to-log"))
        .arg(&whole)
        .args([&EXAMPLES.to_string(), "2", "2", "--", MISBEHAVE, "echo"])
        .stdout(Stdio::null())
        .status()
        .expect("runs");
    assert!(status.success());
    assert_eq!(outputs(&run), outputs(&whole), "as if nothing had happened");
}

/// What each attempt answered: the same for an interrupted and a whole run, as the seeds are derived.
fn outputs(folder: &Path) -> BTreeMap<AttemptSpec, String> {
    use gatewright_core::event::RunEvent;
    use gatewright_core::response::AttemptEnd;
    let log = RunLog::read_only(folder).expect("log");
    log.events()
        .filter_map(|event| match event.expect("event").body {
            RunEvent::Ended {
                attempt,
                end: AttemptEnd::Answered { response },
                ..
            } => Some((attempt, response.output)),
            _ => None,
        })
        .collect()
}

#[test]
fn f3_f4_a_disk_that_refuses_stops_the_run_and_the_next_one_loses_nothing() {
    let home = tempfile::tempdir().expect("folder");
    let (run, paid) = (home.path().join("run"), home.path().join("paid"));
    let start = |shell: &str| {
        Command::new("sh")
            .args(["-c", shell, "sh", env!("CARGO_BIN_EXE_run-to-log")])
            .arg(&run)
            .args(["200", "1", "2", "--", MISBEHAVE, "echo", "--log"])
            .arg(&paid)
            .output()
            .expect("starts")
    };
    // Files may not grow beyond a few hundred kilobytes: a write fails as it does on a full disk.
    let refused = start("trap '' XFSZ; ulimit -f 400; exec \"$@\"");
    let text = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("could not commit"), "{text}");
    let before = ended(&run);
    assert!((1..400).contains(&before.len()), "{}", before.len());

    let resumed = start("exec \"$@\"");
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
    assert_eq!(ended(&run).len(), 400);
    let named = String::from_utf8_lossy(&resumed.stdout)
        .lines()
        .filter(|line| line.starts_with("in-flight "))
        .count();
    let again = received(&paid).values().filter(|&&times| times > 1).count();
    assert!(again <= named, "{again} paid for again, {named} named");
    assert!(named <= 8, "at most what was in flight: {named}");
}
