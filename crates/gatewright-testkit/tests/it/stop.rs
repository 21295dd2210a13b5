//! Stopping: once drains, twice leaves, and both say the truth about what is on its way.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gatewright_core::manifest::Role;
use gatewright_engine::{RunEnd, stop_pair};
use gatewright_store::RunLog;
use rustix::process::{Pid, Signal, kill_process};

use crate::runner::{MISBEHAVE, candidate, first, limits, misbehave, run_with};

#[test]
fn f21_the_first_request_drains() {
    let mut target = misbehave(&["echo", "--delay-ms", "50"]);
    target.workers = 3;
    let (stopper, stop) = stop_pair();
    let mut commits = 0;
    let ran = run_with(&candidate(target), first(100), &limits(), stop, |_| {
        commits += 1;
        if commits == 4 {
            stopper.request();
        }
        Ok(())
    });
    assert_eq!(
        ran.end.as_ref().expect("ran"),
        &RunEnd::Interrupted {
            in_flight: Vec::new()
        }
    );
    let mut started = ran.started();
    started.sort();
    assert_eq!(started, ran.ends().into_keys().collect::<Vec<_>>());
    assert!((1..20).contains(&started.len()), "{}", started.len());
    assert!(ran.seen.iter().any(|line| line.starts_with("Draining")));
}

#[test]
fn f21_the_second_request_leaves_and_names_what_may_have_been_paid_for() {
    let mut target = misbehave(&["silent", "--only", "e1"]);
    target.workers = 2;
    let (stopper, stop) = stop_pair();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        stopper.request();
        std::thread::sleep(Duration::from_millis(200));
        stopper.request();
    });
    let clock = Instant::now();
    let ran = run_with(&candidate(target), first(9), &limits(), stop, |_| Ok(()));
    assert!(clock.elapsed() < Duration::from_secs(5));
    assert_eq!(
        ran.end.as_ref().expect("ran"),
        &RunEnd::Interrupted {
            in_flight: vec![first(9)[1]]
        }
    );
    assert_eq!(ran.ends().len(), 8);
}

fn start(folder: &std::path::Path, examples: &str, command: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_run-to-log"))
        .arg(folder)
        .args([examples, "1", "2", "--"])
        .args(command)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("process id");
    kill_process(pid, Signal::INT).expect("interrupts");
}

fn wait_for_events(folder: &std::path::Path, n: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if RunLog::read_only(folder).is_ok_and(|log| log.last_seq() >= n) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no {n} events in time");
}

#[test]
fn f21_an_interrupted_process_drains_and_resumes() {
    let folder = tempfile::tempdir().expect("folder");
    let run = folder.path().join("run");
    let command = [MISBEHAVE, "echo", "--delay-ms", "20"];
    let child = start(&run, "60", &command);
    wait_for_events(&run, 10);
    interrupt(&child);
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(130), "{output:?}");

    let log = RunLog::read_only(&run).expect("log");
    let progress = log.progress().expect("progress");
    assert!(progress.started.is_empty(), "{:?}", progress.started);
    assert!((4..120).contains(&progress.ended.len()));
    drop(log);

    let output = start(&run, "60", &command)
        .wait_with_output()
        .expect("ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let log = RunLog::read_only(&run).expect("log");
    assert_eq!(log.progress().expect("progress").ended.len(), 120);
    log.integrity_check().expect("sound");
}

#[test]
fn f21_twice_leaves_at_once_and_the_log_names_the_rest() {
    let folder = tempfile::tempdir().expect("folder");
    let run = folder.path().join("run");
    let child = start(&run, "3", &[MISBEHAVE, "silent"]);
    wait_for_events(&run, 4);
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&child);
    let clock = Instant::now();
    let output = child.wait_with_output().expect("ends");
    assert!(clock.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let progress = RunLog::read_only(&run)
        .expect("log")
        .progress()
        .expect("progress");
    assert_eq!(progress.started.len(), 4);
    assert!(
        progress
            .started
            .keys()
            .any(|spec| spec.system == Role::Production)
    );
}

#[test]
fn f7_a_second_process_on_one_run_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("folder");
    let run = folder.path().join("run");
    let mut first = start(&run, "3", &[MISBEHAVE, "silent"]);
    wait_for_events(&run, 1);
    let output = start(&run, "3", &[MISBEHAVE, "echo"])
        .wait_with_output()
        .expect("ends");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("is being written by run-to-log"), "{text}");
    assert!(text.contains(&format!("process {}", first.id())), "{text}");
    first.kill().expect("kill");
    first.wait().expect("ends");
    let output = start(&run, "3", &[MISBEHAVE, "echo"])
        .wait_with_output()
        .expect("ends");
    assert_eq!(
        output.status.code(),
        Some(0),
        "the lease of a killed process is free: {output:?}"
    );
}
