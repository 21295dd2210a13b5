//! A key that is refused in the middle of a run, errors that are left, and `--resume`, as somebody at a shell meets them.

use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::{Provider, Script};
use serde_json::{Value, json};

use crate::project::live;

fn project(provider: &Provider, per_task: usize) -> TestEnvironment {
    live(provider, "sk-real", per_task)
}

fn provider(rules: &Value) -> Provider {
    let script = json!({"rules": rules}).to_string();
    Provider::start(Script::parse(&script).expect("a script"))
}

fn runs(project: &TestEnvironment) -> usize {
    let runs = project.project().join(".gatewright/runs");
    std::fs::read_dir(runs).expect("runs").count()
}

/// F9: the key is taken back after some answers. `gate` decides nothing and says what repairs it; with the key back it goes on with the same run,
/// every answer is there once, and nothing is paid for twice.
#[test]
fn f9_a_key_that_is_taken_back_pauses_the_gate_and_nothing_is_paid_for_anew() {
    // How many are refused before it pauses; then the same with a key that comes back after so many.
    let refused = {
        let provider = provider(&json!([{"when": {"nth": {"from": 21}}, "do": "wrong_key"}]));
        let project = project(&provider, 20);
        let _ = project.run(&["gate", "-j", "1"]).expect(111);
        provider.log().len() - 20
    };
    assert!((5..20).contains(&refused), "{refused}");
    let last = 20 + refused;
    let provider =
        provider(&json!([{"when": {"nth": {"from": 21, "to": last}}, "do": "wrong_key"}]));
    let project = project(&provider, 20);
    let mut pauses = 0;
    let told = loop {
        let gate = project.run(&["gate", "-j", "1"]);
        if gate.code != Some(111) {
            break gate;
        }
        pauses += 1;
        assert!(pauses < 5, "{gate}");
        assert!(gate.stdout.is_empty(), "nothing is decided: {gate}");
        for part in [
            "the run is paused",
            "it answered before, and then refused",
            "check the value of env:LLM_KEY",
            "gatewright gate   (it goes on where it was)",
        ] {
            let said: Vec<&str> = gate.stderr.split_whitespace().collect();
            let part = part.replace("   ", " ");
            assert!(said.join(" ").contains(&part), "{part}: {gate}");
        }
    };
    let told = told.expect(0);
    assert!(!told.stdout.contains("provider error"), "{told}");
    assert_eq!(runs(&project), 1);
    assert_eq!(
        provider.log().len(),
        80 + refused,
        "only what was refused is asked again"
    );
    let graded = project.run(&["grade", "--json"]).expect(0);
    let graded: Value = serde_json::from_str(&graded.stdout).expect("JSON");
    for one in graded["denominators"].as_array().expect("two") {
        assert_eq!(one["answered"], 40, "{graded}");
    }
}

/// Many examples that are refused for themselves do not stop a run for ever: going on often enough comes to its end.
#[test]
fn examples_that_are_refused_for_themselves_end_as_errors_when_the_run_goes_on() {
    let provider =
        provider(&json!([{"when": {"key_regex": "what is cold-0[1-8]"}, "do": "forbidden"}]));
    let project = project(&provider, 20);
    let mut parts = 0;
    let done = loop {
        let run = project.run(&["run", "-j", "2", "--json"]);
        if !run.stderr.contains("the run is paused") {
            break run;
        }
        parts += 1;
        assert!(parts < 6, "{run}");
    };
    assert!(parts > 0, "{done}");
    let done: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!((&done["ended"], &done["errors"]), (&json!(80), &json!(16)));
    let answered = |key: &str| {
        provider
            .log()
            .iter()
            .filter(|it| it.key.starts_with(key))
            .count()
    };
    assert_eq!(answered("what is warm-"), 40, "each once");
}

/// `run` that ends with errors says how to make them again; with many of them it is no success.
#[test]
fn errors_that_are_left_name_the_command_and_many_are_no_success() {
    let few = provider(&json!([{"when": {"key": "what is cold-03?"}, "do": "context_length"}]));
    let project_of_few = project(&few, 10);
    let run = project_of_few.run(&["run"]).expect(0);
    assert!(
        run.stdout.contains("2 of them ended in an error: missing evidence.\nNext: gatewright run --retry-errors   (makes them again)\nOr, without them: gatewright gate\n"),
        "{run}"
    );
    let json: Value =
        serde_json::from_str(&project_of_few.run(&["run", "--json"]).expect(0).stdout)
            .expect("JSON");
    assert_eq!(json["next"], "gatewright run --retry-errors");
    assert_eq!(json["errors"], 2);
    let many = provider(&json!([{"when": {"key_regex": "cold-0[5-9]"}, "do": "context_length"}]));
    let project_of_many = project(&many, 10);
    let run = project_of_many.run(&["run"]).expect(111);
    assert!(run.stdout.contains("40 of 40 attempts ended."), "{run}");
    assert!(
        run.stdout.contains("Next: gatewright run --retry-errors"),
        "{run}"
    );
}

/// `--resume` goes on with what is incomplete, and begins nothing: exit code 4.
#[test]
fn resume_goes_on_and_begins_nothing() {
    let provider = provider(&json!([]));
    let project = project(&provider, 5);
    for command in [
        &["run", "--resume"][..],
        &["gate", "--resume"],
        &["run", "--resume", "--dry-run"],
    ] {
        let nothing = project.run(command).expect(4);
        assert!(
            nothing.stderr.contains("there is nothing to resume"),
            "{nothing}"
        );
    }
    assert!(!project.project().join(".gatewright").exists());
    let _ = project.run(&["run", "--fresh", "--resume"]).expect(2);
    let _ = project.run(&["run", "--max-calls", "6"]).expect(111);
    let rest = project.run(&["run", "--resume"]).expect(0);
    assert!(rest.stderr.contains("going on with run 0001-"), "{rest}");
    assert_eq!(provider.log().len(), 20);
    let whole = project.run(&["run", "--resume"]).expect(4);
    assert!(
        whole.stderr.contains("there is nothing to resume"),
        "{whole}"
    );
    // It is not decided yet: the gate goes on with it, once.
    let _ = project.run(&["gate", "--resume"]).expect(0);
    assert_eq!(provider.log().len(), 20);
    let _ = project.run(&["gate", "--resume"]).expect(4);
    let _ = project.run(&["run", "--resume"]).expect(4);
    assert_eq!((runs(&project), provider.log().len()), (1, 20));
}
