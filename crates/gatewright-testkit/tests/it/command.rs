//! Programs that work: what they are asked, what is kept of their answers, what they may see.

use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::response::{AttemptEnd, Behaviour};
use gatewright_engine::{Target, Targets, attempt_id, trial_seed};
use serde_json::json;

use crate::runner::{
    Numbers, SEED, WITHHELD, attempt, candidate, command, first, harness_error, limits, misbehave,
    run, with_env,
};
use gatewright_engine::Inputs;

#[test]
fn every_attempt_is_committed_as_started_before_and_as_ended_after() {
    let mut target = misbehave(&["echo"]);
    target.workers = 3;
    let ran = run(&candidate(target), first(40), &limits());
    ran.complete();
    assert_eq!(ran.answers(), 40);
    let mut started = ran.started();
    started.sort();
    assert_eq!(started, first(40));
    let events: Vec<_> = ran.events().collect();
    for spec in first(40) {
        let place = |wanted: fn(&RunEvent) -> bool| {
            events
                .iter()
                .position(|event| {
                    wanted(event)
                        && matches!(event, RunEvent::Started { attempt } | RunEvent::Ended { attempt, .. } if *attempt == spec)
                })
                .expect("there")
        };
        assert!(
            place(|e| matches!(e, RunEvent::Started { .. }))
                < place(|e| matches!(e, RunEvent::Ended { .. }))
        );
    }
    let response = ran.answer(3);
    let seed = trial_seed(SEED, Role::Candidate, "e3", 0);
    assert_eq!(
        response.output,
        format!("echo: \"question 3\" with seed {seed}")
    );
    assert_eq!(response.behaviour, Some(Behaviour::Answer));
    assert!(response.latency_ms.expect("measured") > 0.0);
}

#[test]
fn a_request_holds_what_the_protocol_says_and_nothing_else() {
    let ran = run(&candidate(misbehave(&["request"])), first(1), &limits());
    let request = &ran.answer(0).fields["request"];
    assert_eq!(
        *request,
        json!({
            "id": attempt_id(SEED, Role::Candidate, "e0", 0),
            "example": "e0",
            "trial": 0,
            "input": "question 0",
            "context": {"account": "A-1"},
            "seed": trial_seed(SEED, Role::Candidate, "e0", 0),
        })
    );
}

#[test]
fn a17_a_program_sees_only_the_environment_it_was_given() {
    let mut target = with_env(misbehave(&["environment"]), "MODEL_NAME", "m");
    target.cwd = std::path::PathBuf::from("/");
    let ran = run(&candidate(target), first(1), &limits());
    let response = ran.answer(0);
    let allowed = ["HOME", "LANG", "MODEL_NAME", "PATH", "TMPDIR"];
    for name in response.output.split(' ') {
        assert!(allowed.contains(&name), "{name}");
    }
    assert!(response.output.contains("MODEL_NAME") && response.output.contains("PATH"));
    assert_eq!(response.fields["folder"], "/");
}

#[test]
fn systems_are_asked_side_by_side_so_that_an_interrupted_run_is_paired() {
    let targets = Targets {
        seed: SEED,
        begun: Default::default(),
        answered: Default::default(),
        refused: Default::default(),
        by_role: [
            (
                Role::Candidate,
                Target::Command(misbehave(&["echo", "--delay-ms", "5"])),
            ),
            (Role::Production, Target::Command(misbehave(&["echo"]))),
        ]
        .into(),
    };
    let todo: Vec<_> = (0..60)
        .flat_map(|i| {
            [
                attempt(Role::Candidate, i, 0),
                attempt(Role::Production, i, 0),
            ]
        })
        .collect();
    let mut limits = limits();
    limits.ahead_max = 10;
    let ran = run(&targets, todo, &limits);
    ran.complete();
    let (mut slow, mut fast) = (0_i64, 0_i64);
    for event in ran.events() {
        if let RunEvent::Ended { attempt, .. } = event {
            match attempt.system {
                Role::Candidate => slow += 1,
                _ => fast += 1,
            }
            assert!(fast - slow <= 12, "{fast} against {slow}");
        }
    }
    assert_eq!((slow, fast), (60, 60));
}

#[test]
fn the_time_to_start_is_not_latency_when_the_program_says_that_it_is_ready() {
    let mut target = misbehave(&["ready", "--delay-ms", "400"]);
    target.timeout = Some(Duration::from_millis(300));
    let ran = run(&candidate(target), first(3), &limits());
    ran.complete();
    for example in 0..3 {
        let latency = ran.answer(example).latency_ms.expect("measured");
        assert!(latency < 300.0, "{latency}");
    }
}

#[test]
fn a_slow_start_is_forgiven_once_for_each_program() {
    let mut target = command(&[
        "sh",
        "-c",
        "sleep 0.4; while read -r line; do id=${line#*'\"id\":\"'}; echo \"{\\\"id\\\":\\\"${id%%'\"'*}\\\",\\\"output\\\":\\\"x\\\"}\"; done",
    ]);
    target.timeout = Some(Duration::from_millis(200));
    let ran = run(&candidate(target), first(3), &limits());
    ran.complete();
    assert_eq!(ran.answers(), 3);
    assert!(ran.answer(0).latency_ms.expect("measured") > 300.0);
    assert!(ran.answer(1).latency_ms.expect("measured") < 200.0);
}

#[test]
fn a_withheld_input_cannot_be_asked() {
    assert_eq!(Numbers.request(WITHHELD), Ok(None));
    let todo = vec![
        attempt(Role::Candidate, WITHHELD, 0),
        attempt(Role::Candidate, 1, 0),
    ];
    let ran = run(&candidate(misbehave(&["echo"])), todo, &limits());
    ran.complete();
    assert!(harness_error(&ran.end_of(WITHHELD)).contains("withheld"));
    assert_eq!(ran.answers(), 1);
    assert_eq!(
        ran.started().len(),
        1,
        "what cannot be asked is not started"
    );
}

#[test]
fn a_request_larger_than_every_pipe_is_written_while_the_program_talks() {
    // It echoes each line before it has read the whole of the next: both pipes fill.
    let target = command(&[
        "python3",
        "-c",
        "import sys, json\nfor line in sys.stdin:\n    r = json.loads(line)\n    sys.stderr.write('x' * 300000 + '\\n')\n    print(json.dumps({'id': r['id'], 'output': 'y' * 300000}), flush=True)",
    ]);
    let ran = run(&candidate(target), first(3), &limits());
    ran.complete();
    assert_eq!(ran.answer(2).output.len(), 300_000);
}

#[test]
fn nothing_to_do_starts_nothing() {
    let ran = run(
        &candidate(command(&["/nowhere/at-all"])),
        Vec::new(),
        &limits(),
    );
    ran.complete();
    assert!(ran.batches.is_empty() && ran.seen.is_empty());
}

#[test]
fn f13_every_character_of_an_answer_is_kept() {
    let ran = run(
        &candidate(misbehave(&["every-character"])),
        first(1),
        &limits(),
    );
    let output = ran.answer(0).output;
    assert!(output.contains("nul \0 esc \u{1b}[31m bidi \u{202e} bom \u{feff} crlf \r\n"));
    assert!(output.ends_with("sep \u{2028} astral 🜁"));
}

#[test]
fn an_error_that_a_system_states_is_its_own_and_does_not_stop_the_run() {
    let ran = run(
        &candidate(misbehave(&["error-reply"])),
        first(20),
        &limits(),
    );
    ran.complete();
    let end = ran.end_of(7);
    let AttemptEnd::ProviderError {
        message,
        code,
        latency_ms,
    } = &end
    else {
        panic!("{end:?}");
    };
    assert_eq!(
        (message.as_str(), code.as_deref()),
        ("overloaded", Some("529"))
    );
    assert!(latency_ms.is_some());
}
