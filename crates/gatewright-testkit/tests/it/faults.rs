//! Programs that misbehave: each is told apart, costs one attempt at most, and never hangs the run.

use std::time::{Duration, Instant};

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::response::AttemptEnd;
use gatewright_engine::{Limit, RunEnd, RunError, Target, Targets, stop_pair};
use rustix::process::{Pid, test_kill_process};

use crate::runner::{
    Ran, SEED, attempt, candidate, command, first, harness_error, limits, misbehave,
    provider_error, run, run_with,
};

/// Runs a program that misbehaves on the example `e3` alone; the other nine must be answered.
fn on_one(mode: &str) -> (Ran, AttemptEnd) {
    let ran = run(
        &candidate(misbehave(&[mode, "--only", "e3"])),
        first(10),
        &limits(),
    );
    ran.complete();
    assert_eq!(ran.ends().len(), 10, "{mode}");
    let end = ran.end_of(3);
    let answered = usize::from(matches!(end, AttemptEnd::Answered { .. }));
    assert_eq!(ran.answers(), 9 + answered, "{mode}");
    (ran, end)
}

fn is_alive(pid: u32) -> bool {
    let Some(pid) = Pid::from_raw(pid.cast_signed()) else {
        return false;
    };
    // A killed process may be a zombie until somebody waits for it.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_ok() && !stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn garbage_costs_one_attempt_and_is_quoted_without_its_escapes() {
    let (ran, end) = on_one("garbage");
    let message = harness_error(&end);
    assert!(message.contains("I am not JSON \\x1b[31m"), "{message}");
    assert!(ran.seen.iter().any(|line| line.starts_with("ProcessLost")));
}

#[test]
fn f11_a_program_that_dies_half_way_costs_one_attempt() {
    let (ran, end) = on_one("dies-half-way");
    let message = provider_error(&end);
    assert!(message.starts_with("exited with status 3"), "{message}");
    assert!(message.contains("standard error: boom"), "{message}");
    assert!(message.contains("of a line without an end"), "{message}");
    let programs = ran
        .seen
        .iter()
        .filter(|line| line.starts_with("ProcessStarted"))
        .count();
    assert_eq!(programs, 2, "it was started again once: {:#?}", ran.seen);
}

#[test]
fn a_signal_is_named() {
    let (_, end) = on_one("aborts");
    assert!(provider_error(&end).contains("signal 6 (abort)"));
}

#[test]
fn an_answer_with_another_id_is_nobodys() {
    let (_, end) = on_one("wrong-id");
    assert!(harness_error(&end).contains("id that was not asked"));
}

#[test]
fn the_first_of_two_answers_counts() {
    let (ran, end) = on_one("double");
    let AttemptEnd::Answered { response } = end else {
        panic!("{end:?}");
    };
    assert!(response.output.starts_with("first"));
    let notes = ran
        .seen
        .iter()
        .filter(|line| line.starts_with("Note"))
        .count();
    assert_eq!(notes, 1);
}

#[test]
fn f13_bytes_that_are_no_text_are_no_answer() {
    let (_, end) = on_one("invalid-utf8");
    let message = harness_error(&end);
    assert!(
        message.contains("invalid UTF-8") && message.contains("\\xff\\xfe"),
        "{message}"
    );
}

#[test]
fn an_answer_of_the_wrong_shape_says_what_is_wrong_and_keeps_the_program() {
    let (ran, end) = on_one("bad-shape");
    assert!(harness_error(&end).contains("`output` must be a string"));
    assert!(!ran.seen.iter().any(|line| line.starts_with("ProcessLost")));
}

#[test]
fn f14_a_line_without_an_end_is_cut_at_its_limit() {
    let mut limits = limits();
    limits.response_bytes_max = 1 << 20;
    let size = (100 << 20).to_string();
    let target = misbehave(&["long-line", "--only", "e3", "--size", &size]);
    let ran = run(&candidate(target), first(10), &limits);
    ran.complete();
    let end = ran.end_of(3);
    assert!(harness_error(&end).contains("more than 1 MiB without an answer"));
    assert_eq!(ran.answers(), 9);
}

#[test]
fn f15_a_program_that_writes_on_and_on_without_an_answer_is_ended() {
    for (mode, word) in [
        ("blank-flood", "without an answer"),
        ("ready-flood", "nobody asked for"),
    ] {
        let clock = Instant::now();
        let (_, end) = on_one(mode);
        assert!(harness_error(&end).contains(word), "{mode}: {end:?}");
        assert!(clock.elapsed() < Duration::from_secs(10), "{mode}");
    }
    let clock = Instant::now();
    let target = misbehave(&["second-answer-flood", "--only", "e3"]);
    let ran = run(&candidate(target), first(10), &limits());
    ran.complete();
    assert!(ran.answer(3).output.starts_with("first"));
    assert!(
        ran.answers() >= 9,
        "the next one may be asked while the flood goes on"
    );
    assert!(clock.elapsed() < Duration::from_secs(10));
}

#[test]
fn f15_a_program_that_never_answers_fails_its_own_promise() {
    let mut target = misbehave(&["silent", "--only", "e3"]);
    target.timeout = Some(Duration::from_millis(200));
    let ran = run(&candidate(target), first(6), &limits());
    ran.complete();
    assert_eq!(ran.end_of(3), AttemptEnd::TimedOut { after_ms: 200 });
    assert_eq!(ran.answers(), 5);
}

/// What an answer may take does not hang on whether the one before it was late, so that its program had to be started again.
#[test]
fn f15_a_program_that_is_started_again_gets_no_more_time_than_it_needs_to_start() {
    let mut target = misbehave(&["slow", "--only", "e3,e4,e5", "--delay-ms", "3000"]);
    target.timeout = Some(Duration::from_millis(300));
    let ran = run(&candidate(target), first(8), &limits());
    ran.complete();
    for late in 3..6 {
        assert_eq!(ran.end_of(late), AttemptEnd::TimedOut { after_ms: 300 });
    }
    assert_eq!(ran.answers(), 5);
}

#[test]
fn f15_without_a_promise_a_silent_program_is_our_error() {
    let mut limits = limits();
    limits.answer_timeout = Duration::from_millis(200);
    let target = misbehave(&["silent", "--only", "e3"]);
    let ran = run(&candidate(target), first(6), &limits);
    ran.complete();
    assert!(harness_error(&ran.end_of(3)).contains("within 0.2 s"));
}

#[test]
fn a_program_that_left_a_child_on_its_pipe_is_still_seen_to_end() {
    let clock = Instant::now();
    let (_, end) = on_one("orphan-holds-pipe");
    assert!(provider_error(&end).contains("exited with status 0"));
    assert!(clock.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_program_that_cannot_be_started_stops_the_run_before_anything_is_paid_for() {
    for program in ["/nowhere/at-all", "no-such-program-on-any-path"] {
        let mut target = command(&[program]);
        target.workers = 4;
        let ran = run(&candidate(target), first(1000), &limits());
        let (system, why) = ran.broken();
        assert_eq!(system, Role::Candidate);
        assert!(
            why.contains(program) && why.contains("cannot be started"),
            "{why}"
        );
        assert_eq!(ran.batches, Vec::<Vec<_>>::new());
    }
}

#[test]
fn a_program_that_never_works_is_named_once_and_its_attempts_stay_outstanding() {
    for (mode, word) in [
        ("dies-at-start", "no module named model"),
        ("early-talk", "Loading model..."),
        ("garbage", "not a JSON object"),
        ("wrong-id", "not asked"),
        ("bad-shape", "must be a string"),
    ] {
        let mut target = misbehave(&[mode]);
        target.workers = 2;
        let ran = run(&candidate(target), first(1000), &limits());
        let (_, why) = ran.broken();
        assert!(why.contains("5 times in a row"), "{mode}: {why}");
        assert!(why.contains(word), "{mode}: {why}");
        assert!(ran.ends().is_empty(), "{mode}: {:?}", ran.ends());
        assert!(ran.started().len() < 10, "{mode}");
    }
}

#[test]
fn failures_before_the_first_answer_count_once_it_comes() {
    let target = misbehave(&["dies-half-way", "--only", "e0"]);
    let ran = run(&candidate(target), first(3), &limits());
    ran.complete();
    assert!(provider_error(&ran.end_of(0)).contains("exited"));
    assert_eq!(ran.answers(), 2);
    // And at the end of a short plan, even if none ever comes.
    let ran = run(
        &candidate(misbehave(&["dies-half-way"])),
        first(3),
        &limits(),
    );
    ran.complete();
    assert_eq!(ran.ends().len(), 3);
}

#[test]
fn a_broken_system_lets_the_other_one_finish_what_it_is_doing() {
    let targets = Targets {
        seed: SEED,
        begun: Default::default(),
        answered: Default::default(),
        refused: Default::default(),
        by_role: [
            (
                Role::Candidate,
                Target::Command(misbehave(&["dies-at-start"])),
            ),
            (
                Role::Production,
                Target::Command(misbehave(&["echo", "--delay-ms", "30"])),
            ),
        ]
        .into(),
    };
    let todo: Vec<_> = (0..500)
        .flat_map(|i| {
            [
                attempt(Role::Candidate, i, 0),
                attempt(Role::Production, i, 0),
            ]
        })
        .collect();
    let ran = run(&targets, todo, &limits());
    assert_eq!(ran.broken().0, Role::Candidate);
    let ends = ran.ends();
    for spec in ran.started() {
        assert_eq!(
            ends.contains_key(&spec),
            spec.system == Role::Production,
            "{spec:?}"
        );
    }
}

#[test]
fn standard_error_is_kept_by_its_last_lines_and_blocks_nothing() {
    let mut limits = limits();
    limits.stderr_lines_max = 10;
    let target = misbehave(&["flood-stderr", "--size", "2000"]);
    let ran = run(&candidate(target), first(3), &limits);
    ran.complete();
    assert_eq!(ran.answers(), 3);
    let lines: Vec<&String> = ran
        .events()
        .filter_map(|event| match event {
            RunEvent::Stderr { line, .. } => Some(line),
            _ => None,
        })
        .collect();
    assert_eq!(lines.len(), 10);
    assert!(lines[9].starts_with("noise 1999 \u{1b}[31m"));
    assert!(
        lines
            .iter()
            .all(|line| line.len() <= limits.stderr_line_bytes_max)
    );
}

#[test]
fn a_program_that_ignores_the_end_is_killed_after_its_grace() {
    let clock = Instant::now();
    let ran = run(
        &candidate(misbehave(&["ignore-close"])),
        first(3),
        &limits(),
    );
    ran.complete();
    assert!(clock.elapsed() < Duration::from_secs(5));
    let pid: u32 = ran.seen[0]
        .split(|c: char| !c.is_ascii_digit())
        .find_map(|word| word.parse().ok())
        .expect("process id");
    assert!(!is_alive(pid));
}

#[test]
fn what_a_program_started_ends_with_it() {
    let ran = run(&candidate(misbehave(&["spawn-child"])), first(3), &limits());
    ran.complete();
    for example in 0..3 {
        let pid: u32 = ran.answer(example).output.parse().expect("process id");
        let deadline = Instant::now() + Duration::from_secs(5);
        while is_alive(pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!is_alive(pid), "{pid} outlived the run");
    }
}

#[test]
fn a_program_that_closes_its_input_is_given_up() {
    let mut limits = limits();
    limits.faults_in_a_row_max = 2;
    limits.start_timeout = Duration::from_millis(300);
    limits.answer_timeout = Duration::from_millis(300);
    let ran = run(&candidate(misbehave(&["closes-input"])), first(5), &limits);
    // Whether the request was in the pipe before it closed decides which of the two is seen.
    let (_, why) = ran.broken();
    assert!(
        why.contains("closed its standard input") || why.contains("did not answer within"),
        "{why}"
    );
}

#[test]
fn f4_a_commit_that_fails_stops_the_run_and_nothing_more_counts() {
    let mut target = misbehave(&["echo"]);
    target.workers = 2;
    let mut commits = 0;
    let ran = run_with(
        &candidate(target),
        first(100),
        &limits(),
        stop_pair().1,
        |_| {
            commits += 1;
            if commits > 5 {
                return Err("the disk is full".into());
            }
            Ok(())
        },
    );
    let error = ran.end.as_ref().expect_err("stopped");
    assert!(matches!(error, RunError::Commit { .. }), "{error}");
    assert_eq!(
        std::error::Error::source(error).expect("why").to_string(),
        "the disk is full"
    );
    assert_eq!(ran.batches.len(), 5);
    let told = ran
        .seen
        .iter()
        .filter(|line| line.starts_with("Ended"))
        .count();
    assert_eq!(told, ran.ends().len(), "only what was committed was told");
}

#[test]
fn f5_a_slow_disk_delays_asking_and_is_nobodys_latency() {
    let mut target = misbehave(&["echo"]);
    target.timeout = Some(Duration::from_millis(250));
    target.workers = 2;
    let ran = run_with(
        &candidate(target),
        first(6),
        &limits(),
        stop_pair().1,
        |_| {
            std::thread::sleep(Duration::from_millis(400));
            Ok(())
        },
    );
    ran.complete();
    for example in 0..6 {
        let latency = ran.answer(example).latency_ms.expect("measured");
        assert!(latency < 250.0, "{latency}");
    }
}

#[test]
fn a_system_without_a_target_is_an_error() {
    let todo = vec![attempt(Role::Fallback, 0, 0)];
    let ran = run(&candidate(misbehave(&["echo"])), todo, &limits());
    assert!(matches!(
        ran.end,
        Err(RunError::NoTarget {
            role: Role::Fallback
        })
    ));
}

#[test]
fn no_more_attempts_are_made_than_allowed() {
    let mut limits = limits();
    limits.attempts_max = Some(7);
    let ran = run(&candidate(misbehave(&["echo"])), first(20), &limits);
    assert_eq!(
        ran.end.as_ref().expect("ran"),
        &RunEnd::Limited {
            what: Limit::Attempts
        }
    );
    assert_eq!(ran.ends().len(), 7);
    limits.attempts_max = Some(20);
    run(&candidate(misbehave(&["echo"])), first(20), &limits).complete();
}
