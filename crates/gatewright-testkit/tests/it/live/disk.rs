//! The disk under a run of live systems: torn, slow, and a provider that goes away meanwhile (hardening.md F2, F5, F6, F10).

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatewright_core::digest::Digest;
use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::plan::{Plan, PlannedSystem, outstanding};
use gatewright_core::reference::ReferenceSet;
use gatewright_core::response::AttemptEnd;
use gatewright_engine::{Limits, stop_pair};
use gatewright_store::{RunLog, Writer};
use gatewright_testkit::provider::{Behaviour, Provider, Script};

use super::{CHAT, Live, examples, limits, run, run_committing, system, targets};
use crate::runner::{SEED, attempt};

const AT: &str = "2026-01-01T00:00:00Z";

fn writer() -> Writer {
    Writer {
        name: "test".to_owned(),
        actor: "test".to_owned(),
        at: AT.to_owned(),
    }
}

fn plan(examples: &ReferenceSet) -> Plan {
    let examples = &examples.examples;
    Plan {
        examples: examples.iter().map(|it| it.id.clone()).collect(),
        example_digests: examples.iter().map(|it| it.digest).collect(),
        systems: vec![PlannedSystem {
            role: Role::Candidate,
            fingerprint: Digest::of(b"candidate"),
            trials: 1,
        }],
        seed: SEED,
        confirmations: Vec::new(),
        shard: None,
    }
}

/// Makes what is outstanding in a log.
fn go_on(
    log: &mut RunLog,
    examples: &ReferenceSet,
    provider: &Provider,
    mut before: impl FnMut(usize),
) -> Live {
    let todo = outstanding(&plan(examples), &log.progress().expect("progress")).collect();
    let few = Limits {
        concurrency: 4,
        ..limits()
    };
    let mut commits = 0;
    let target = targets(system(CHAT, &provider.url()));
    run_committing(
        &target,
        examples,
        todo,
        &few,
        stop_pair().1,
        |events, blobs| {
            commits += 1;
            before(commits);
            log.append_with(events, blobs, AT).map_err(Into::into)
        },
    )
}

fn copy(from: &Path, to: &Path, ahead: usize) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_owned();
        let lossy = name.to_string_lossy();
        // A machine that lost its power holds no lock, and shared memory is made anew.
        if lossy.ends_with("-shm") || lossy.ends_with(".lease") {
            continue;
        }
        let mut bytes = std::fs::read(&path).expect("bytes");
        if lossy.ends_with("-wal") {
            bytes.truncate(ahead);
        }
        std::fs::write(to.join(name), bytes).expect("written");
    }
}

/// F2: a power cut leaves some of what was written. What is left is whole, its answers are not asked for again, and their bytes are there.
#[test]
fn f2_a_torn_log_of_exchanges_goes_on_from_what_is_whole() {
    let examples = examples(60);
    let home = tempfile::tempdir().expect("a folder");
    let run = home.path().join("run");
    let provider = Provider::start(Script::default());
    let mut log = RunLog::create(&run, writer()).expect("made");
    let caught = home.path().join("caught");
    std::fs::create_dir(&caught).expect("made");
    let live = go_on(&mut log, &examples, &provider, |commits| {
        // How many commits there are depends on how quickly answers come; the last of these counts.
        if [5, 10, 20, 30].contains(&commits) {
            copy(&run, &caught, usize::MAX);
        }
    });
    live.ran.complete();
    let ahead = std::fs::metadata(caught.join("run.db-wal")).expect("a log ahead");
    let ahead = ahead.len() as usize;
    let mut kept = Vec::new();
    for cut in (0..=ahead).step_by(ahead.div_ceil(9)).chain([ahead]) {
        let torn = tempfile::tempdir().expect("a folder");
        copy(&caught, torn.path(), cut);
        let mut log = RunLog::open(torn.path(), writer()).expect("opens");
        log.integrity_check().expect("whole");
        let before = log.progress().expect("progress").ended;
        for event in log.events() {
            if let RunEvent::Ended {
                end: AttemptEnd::Answered { .. },
                exchange,
                ..
            } = event.expect("an event").body
            {
                let response = exchange.and_then(|it| it.response).expect("it answered");
                let bytes = log.blob(&response).expect("read");
                assert!(bytes.is_some(), "an answer that counts has its bytes");
            }
        }
        let provider = Provider::start(Script::default());
        go_on(&mut log, &examples, &provider, |_| {}).ran.complete();
        assert_eq!(provider.log().len(), 60 - before.len(), "cut at {cut}");
        assert_eq!(log.progress().expect("progress").ended.len(), 60);
        log.integrity_check().expect("whole");
        kept.push(before.len());
    }
    assert!(kept.is_sorted(), "{kept:?}");
    assert_eq!(kept.first(), Some(&0));
    assert!(*kept.last().expect("cuts") > 0, "{kept:?}");
}

/// F2: bytes that changed on the disk are an error, and never a shorter log.
#[test]
fn f2_a_log_of_exchanges_that_was_changed_is_refused() {
    let examples = examples(20);
    let home = tempfile::tempdir().expect("a folder");
    let mut log = RunLog::create(home.path(), writer()).expect("made");
    let provider = Provider::start(Script::default());
    go_on(&mut log, &examples, &provider, |_| {}).ran.complete();
    drop(log);
    let file = home.path().join(RunLog::FILE);
    let mut bytes = std::fs::read(&file).expect("bytes");
    let wanted = b"question 7";
    let places: Vec<usize> = bytes
        .windows(wanted.len())
        .enumerate()
        .filter_map(|(at, window)| (window == wanted).then_some(at))
        .collect();
    assert!(!places.is_empty(), "the answer stands in the log");
    for at in places {
        bytes[at] = b'Q';
    }
    std::fs::write(&file, bytes).expect("written");
    let log = RunLog::read_only(home.path()).expect("opens");
    assert!(log.integrity_check().is_err());
}

/// F5: while a commit takes its time nothing more is sent than has its place, and nobody's time runs out.
#[test]
fn f5_a_commit_that_takes_long_holds_sending_back_and_costs_no_attempt() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(20)));
    let way = "{openai: {model: m, base_url: URL/v1}, timeout: 300 ms}";
    let todo: Vec<_> = (0..30).map(|i| attempt(Role::Candidate, i, 0)).collect();
    let few = Limits {
        concurrency: 4,
        ..limits()
    };
    let mut ended = 0;
    let live = run_committing(
        &targets(system(way, &provider.url())),
        &examples(30),
        todo,
        &few,
        stop_pair().1,
        |events, _| {
            let is_end = |event: &&RunEvent| matches!(event, RunEvent::Ended { .. });
            ended += events.iter().filter(is_end).count();
            std::thread::sleep(Duration::from_millis(500));
            // What is on its way, and as many whose answers wait to be heard.
            let asked = provider.log().len();
            assert!(asked <= ended + 8, "{asked} asked, {ended} ended");
            Ok(())
        },
    );
    live.ran.complete();
    assert_eq!(live.ran.answers(), 30, "{:?}", live.faults());
    for example in 0..30 {
        let latency = live.ran.answer(example).latency_ms.expect("measured");
        assert!(latency < 300.0, "{latency}");
    }
}

/// F6: the engine has no clock that can be set: what it waits for is monotonic.
#[test]
fn f6_the_engine_reads_no_wall_clock() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../gatewright-engine/src");
    let mut folders = vec![std::path::PathBuf::from(sources)];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            read += 1;
            for clock in ["SystemTime", "UNIX_EPOCH", "jiff::", "Timestamp::now"] {
                assert!(!text.contains(clock), "{}: {clock}", path.display());
            }
        }
    }
    assert!(read > 20, "{read} files");
}

/// A provider in a process of its own.
fn started(address: &str, log: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_provider"))
        .args(["--listen", address, "--script"])
        .arg(r#"{"rules": [{"do": {"answer": {"delay_ms": 30}}}]}"#)
        .arg("--log")
        .arg(log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().expect("its output"));
    said.read_line(&mut line).expect("its address");
    let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    (child, said["address"].as_str().expect("it").to_owned())
}

/// F10, F15: a provider is killed in the middle and comes back: what was on its way is tried again, and no attempt ends in an error for it.
#[test]
fn f10_a_provider_that_is_killed_and_comes_back_costs_no_attempt() {
    for (count, concurrency) in [(60, 8), (12, 4)] {
        let home = tempfile::tempdir().expect("a folder");
        let paid = home.path().join("paid");
        let (mut first, address) = started("127.0.0.1:0", &paid);
        let (target, away) = (system(CHAT, &format!("http://{address}")), address.clone());
        let from = paid.clone();
        let killer = std::thread::spawn(move || {
            let lines = || {
                std::fs::read_to_string(&from)
                    .unwrap_or_default()
                    .lines()
                    .count()
            };
            while lines() < 10 {
                std::thread::sleep(Duration::from_millis(5));
            }
            first.kill().expect("killed");
            first.wait().expect("gone");
            std::thread::sleep(Duration::from_millis(700));
            started(&away, &from).0
        });
        let patient = Limits {
            concurrency,
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(2),
            ..limits()
        };
        let live = run(&targets(target), &examples(count), &patient);
        let mut second = killer.join().expect("it came back");
        second.kill().expect("killed");
        second.wait().expect("gone");
        live.ran.complete();
        assert!(!live.faults().is_empty(), "it was away");
        assert_eq!(live.ran.answers() as u32, count, "{:?}", live.faults());
    }
}
