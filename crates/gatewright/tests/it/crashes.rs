//! A live run that dies at a named point, on a disk that is full or does not flush, under a clock that jumps and names that come and go
//! (hardening.md F1, F3, F4, F6, F16). The provider's log is the witness of what was paid for.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use gatewright_core::plan::AttemptSpec;
use gatewright_store::RunLog;
use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::{Provider, Script};

use crate::project::{GUARD, environment, examples, page};

/// Most requests on their way in these tests.
const AT_ONCE: usize = 4;

fn project(url: &str, per_task: usize) -> TestEnvironment {
    let system = format!("{{openai: {{model: m, base_url: \"{url}/v1\", key: none}}}}");
    let page = page("standard: unbroken", GUARD)
        .replace("{recorded: runs/candidate.jsonl}", &system)
        .replace("{recorded: runs/production.jsonl}", &system)
        .replace("reference: [", "trials: 1\nreference: [");
    let host = url.replace("http://", "");
    let environment = environment().with_variable("GATEWRIGHT_ALLOW_HOST", &host);
    environment.write("gatewright.yaml", page);
    environment.write("reference/all.jsonl", examples(per_task));
    environment
}

fn script(text: &str) -> Script {
    Script::parse(text).expect("a script")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is on the disk of the one run: attempts that ended, and attempts that were begun and are open.
fn on_disk(project: &TestEnvironment) -> (BTreeSet<AttemptSpec>, usize) {
    let runs = project.project().join(".gatewright/runs");
    let Ok(entries) = std::fs::read_dir(runs) else {
        return (BTreeSet::new(), 0);
    };
    let folders: Vec<PathBuf> = entries.map(|it| it.expect("an entry").path()).collect();
    let [folder] = folders.as_slice() else {
        panic!("one run: {folders:?}");
    };
    let log = RunLog::read_only(folder).expect("a log");
    log.integrity_check().expect("sound");
    let progress = log.progress().expect("read");
    (progress.ended, progress.started.len())
}

/// F1: SIGKILL at every point that a live gate passes. The next one goes on: what was on the disk is not asked again, all else is asked once,
/// and what may have been paid for is counted.
#[test]
fn f1_killed_at_every_point_of_a_live_gate_nothing_is_lost_and_nothing_is_paid_for_twice() {
    for (point, count) in [
        ("sealed", 1),
        ("in-flight", 1),
        ("in-flight", 9),
        ("body-read", 7),
        ("parsed", 1),
        ("parsed", 12),
        ("before-commit", 4),
        ("committed", 5),
        ("counted", 11),
        ("judged", 1),
        ("recorded", 1),
        ("report-written", 1),
    ] {
        let place = format!("{point}:{count}");
        let provider = Provider::start(script(
            r#"{"rules": [{"do": {"answer": {"delay_ms": 5}}}]}"#,
        ));
        let project = project(&provider.url(), 6);
        let gate = ["gate", "-j", "4", "-o", "decision.json"];
        let died = project
            .command(&gate)
            .env("GATEWRIGHT_CRASH_AT", &place)
            .output();
        let died = died.expect("runs");
        assert_eq!(died.status.signal(), Some(9), "{place}: {}", said(&died));
        let paid = provider.log().len();
        let (ended, open) = on_disk(&project);
        assert!(
            paid - ended.len() <= AT_ONCE * 3 / 2,
            "{place}: {paid} asked, {} kept",
            ended.len()
        );
        assert!(
            open >= paid - ended.len(),
            "{place}: what was on its way is named"
        );
        let on = project.run(&gate).expect(0);
        assert_eq!(
            provider.log().len(),
            paid + 24 - ended.len(),
            "{place}: each once: {on}"
        );
        let named = match open {
            0 => "going on with run 0001-".to_owned(),
            1 => "1 attempt of the interrupted run may have been paid for".to_owned(),
            open => format!("{open} attempts of the interrupted run may have been paid for"),
        };
        assert!(on.stderr.contains(&named), "{place}: {named}: {on}");
        assert_eq!(on_disk(&project).0.len(), 24, "{place}");
        assert!(
            project.read("decision.json").contains("\"answer\""),
            "{place}"
        );
        let _ = project.run(&["verify"]);
    }
}

/// The library that stands between the program and the machine.
struct Shim {
    folder: tempfile::TempDir,
}

impl Shim {
    fn build() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/shim.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(Self::library(folder.path()))
            .args([source, "-ldl"])
            .output()
            .expect("cc, which links every Rust program too");
        assert!(built.status.success(), "{}", said(&built));
        Self { folder }
    }

    fn library(folder: &Path) -> PathBuf {
        folder.join("shim.so")
    }

    /// Runs a command under a fault.
    fn run(
        &self,
        project: &TestEnvironment,
        arguments: &[&str],
        fault: &str,
        after: u64,
    ) -> Output {
        project
            .command(arguments)
            .env("LD_PRELOAD", Self::library(self.folder.path()))
            .env("SHIM", fault)
            .env("SHIM_AFTER", after.to_string())
            .output()
            .expect("runs")
    }
}

/// F3, F4: the disk is full, or does not flush, in the middle of a live run. The run stops and says what is wrong and what goes on; what was on the
/// disk stays, nothing counts that is not, and with a healthy disk the same command comes to its end and pays for nothing twice.
#[test]
fn f3_f4_a_disk_that_is_full_or_does_not_flush_stops_a_live_run_and_costs_nothing_twice() {
    let shim = Shim::build();
    for (fault, after, word) in [
        ("full", 150_000, "full"),
        ("full", 400_000, "full"),
        ("flush", 12, "disk I/O error"),
        ("flush", 40, "disk I/O error"),
    ] {
        let provider = Provider::start(script(
            r#"{"rules": [{"do": {"answer": {"delay_ms": 2}}}]}"#,
        ));
        let project = project(&provider.url(), 60);
        let command = ["gate", "-j", "4"];
        let stopped = shim.run(&project, &command, fault, after);
        let text = said(&stopped);
        assert_eq!(stopped.status.code(), Some(1), "{fault} {after}: {text}");
        assert!(
            stopped.stdout.is_empty(),
            "nothing is decided: {fault} {after}"
        );
        for part in [
            "could not be written",
            word,
            "gatewright gate   (it goes on where it was)",
        ] {
            assert!(text.contains(part), "{part}: {fault} {after}: {text}");
        }
        let paid = provider.log().len();
        let (ended, _) = on_disk(&project);
        assert!(
            !ended.is_empty() && ended.len() < 240,
            "{fault} {after}: {}",
            ended.len()
        );
        let lost = paid - ended.len();
        assert!(
            lost <= AT_ONCE * 3 / 2 + AT_ONCE,
            "{fault} {after}: {lost} of {paid}"
        );
        let on = project.run(&command).expect(0);
        assert_eq!(provider.log().len(), 240 + lost, "{fault} {after}: {on}");
        assert_eq!(on_disk(&project).0.len(), 240);
    }
}

/// F3: the disk is full in the middle of a live run, and the run has kept room free for what is on its way: it sends no more, and nothing that was
/// paid for is lost.
#[test]
fn f3_what_is_on_its_way_when_the_disk_is_full_goes_into_the_room_that_was_kept() {
    let shim = Shim::build();
    for after in [150_000, 400_000] {
        let provider = Provider::start(script(
            r#"{"rules": [{"do": {"answer": {"delay_ms": 2}}}]}"#,
        ));
        let project = project(&provider.url(), 60);
        let command = ["gate", "-j", "4"];
        let stopped = shim.run(&project, &command, "room", after);
        let text = said(&stopped);
        assert_eq!(stopped.status.code(), Some(111), "{after}: {text}");
        for part in [
            "the disk is full; nothing more is sent",
            "make room on the disk, then gatewright gate   (it goes on where it was)",
        ] {
            assert!(text.contains(part), "{part}: {after}: {text}");
        }
        let paid = provider.log().len();
        let (ended, open) = on_disk(&project);
        assert_eq!(
            (ended.len(), open),
            (paid, 0),
            "all that was paid for is kept"
        );
        assert!((1..240).contains(&paid), "{after}: {paid}");
        let on = project.run(&command).expect(0);
        assert_eq!(provider.log().len(), 240, "each once: {on}");
        assert_eq!(on_disk(&project).0.len(), 240);
    }
}

/// F6: the clock of the machine jumps at every look, while the run waits as a provider asked it to. It waits as long as that and not longer, and
/// asks nothing twice.
#[test]
fn f6_a_clock_that_jumps_during_a_live_wait_changes_nothing() {
    let shim = Shim::build();
    let provider = Provider::start(script(
        r#"{"rules": [
            {"when": {"nth": {"at": [3]}}, "do": {"rate_limited": {"seconds": 2}}},
            {"when": {"nth": {"at": [9]}}, "do": {"rate_limited": {"date_in": 2}}}
        ]}"#,
    ));
    let project = project(&provider.url(), 6);
    let start = Instant::now();
    let jumped = shim.run(&project, &["gate", "-j", "1"], "clock", 0);
    let took = start.elapsed();
    assert_eq!(jumped.status.code(), Some(0), "{}", said(&jumped));
    assert!(
        took >= Duration::from_secs(3),
        "both waits are kept: {took:?}"
    );
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(provider.log().len(), 24 + 2);
    let (ended, open) = on_disk(&project);
    assert_eq!((ended.len(), open), (24, 0));
}

/// F16: a name that leads nowhere every other time, on connections that break: each lookup is a new one, and every attempt is answered.
#[test]
fn f16_a_name_that_comes_and_goes_costs_a_live_run_no_attempt() {
    let shim = Shim::build();
    let provider = Provider::start(script(
        r#"{"rules": [{"when": {"nth": {"every": 3}}, "do": "reset"}]}"#,
    ));
    let url = format!("http://model.example:{}", provider.address().port());
    let project = project(&url, 4);
    // One at a time: what meets an attempt is then the same each time.
    let run = shim.run(&project, &["run", "-j", "1"], "names", 0);
    let text = said(&run);
    assert_eq!(run.status.code(), Some(0), "{text}");
    assert!(text.contains("dns "), "it did come and go: {text}");
    let stdout = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        stdout.contains("16 of 16 attempts ended.\nNext: gatewright gate"),
        "{stdout}"
    );
}
