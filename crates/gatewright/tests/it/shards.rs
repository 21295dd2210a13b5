//! A run in parts: each part on its own, put together, and the same findings as the whole.

use std::path::PathBuf;

use gatewright_core::event::RunEvent;
use gatewright_core::response::{AttemptEnd, Response};
use gatewright_store::{RunLog, Writer};
use gatewright_testkit::TestEnvironment;
use serde_json::Value;

use crate::project::{GUARD, environment, examples, page};

/// Answers with the example's id; the candidate loses the first warm ones, at every trial.
const SYSTEM: &str = r#"import json, sys
for line in sys.stdin:
    request = json.loads(line)
    task, number = request["example"].split("-")
    lost = sys.argv[1] == "candidate" and task == "warm" and int(number) < 5
    print(json.dumps({"id": request["id"], "output": "no idea" if lost else request["example"]}), flush=True)
"#;

fn project() -> TestEnvironment {
    let environment = environment();
    let page = page("standard: unbroken", GUARD)
        .replace(
            "candidate: {recorded: runs/candidate.jsonl}",
            "candidate: {command: [python3, system.py, candidate]}",
        )
        .replace(
            "production: {recorded: runs/production.jsonl}",
            "production: {command: [python3, system.py, production]}",
        )
        .replace("reference: [", "trials: 1\nreference: [");
    environment.write("gatewright.yaml", page);
    environment.write("system.py", SYSTEM);
    environment.write("reference/all.jsonl", examples(20));
    environment
}

fn run_shards(project: &TestEnvironment, shards: &[&str]) {
    for shard in shards {
        let run = project.run(&["run", "--shard", shard]).expect(0);
        assert!(run.stdout.contains("Next: gatewright merge"), "{run}");
    }
}

/// The names of all runs, in order.
fn names(project: &TestEnvironment) -> Vec<String> {
    let entries = std::fs::read_dir(project.project().join(".gatewright/runs"));
    let mut names: Vec<String> = entries
        .expect("runs")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .into_string()
                .expect("name")
        })
        .collect();
    names.sort();
    names
}

fn folder(project: &TestEnvironment, number: usize) -> PathBuf {
    let name = names(project)[number - 1].clone();
    project.project().join(".gatewright/runs").join(name)
}

fn append(project: &TestEnvironment, number: usize, events: &[RunEvent]) {
    let writer = Writer {
        name: "test".to_owned(),
        actor: "test".to_owned(),
        at: "2026-11-02T09:00:00Z".to_owned(),
    };
    let mut log = RunLog::open(&folder(project, number), writer).expect("opens");
    log.append(events, "2026-11-02T09:00:00Z").expect("appends");
}

fn events(project: &TestEnvironment, number: usize) -> Vec<RunEvent> {
    let log = RunLog::read_only(&folder(project, number)).expect("opens");
    log.events()
        .map(|event| event.expect("sound").body)
        .collect()
}

/// Everything that a decision says, without the run's name.
fn findings(project: &TestEnvironment, run: &str, code: i32) -> String {
    let decided = project.run(&["decide", run, "--json"]).expect(code);
    let view: Value = serde_json::from_str(&decided.stdout).expect("JSON");
    let name = view["run"]["name"].as_str().expect("a name").to_owned();
    // The log tells one project's history from another's, times and names of runs among it.
    let log = view["record"]["checkpoint"].as_str().expect("a log");
    decided.stdout.replace(&name, "RUN").replace(log, "LOG")
}

#[test]
fn f18_a_merged_run_says_what_the_whole_one_says_whatever_the_order_of_its_parts() {
    let whole = project();
    let _ = whole.run(&["gate"]).expect(100);
    let expected = findings(&whole, "1", 100);
    assert!(expected.contains("no-task-breaks"));

    let project = project();
    run_shards(&project, &["1/3", "2/3", "3/3"]);
    assert_eq!(
        names(&project).len(),
        3,
        "each part has a folder of its own"
    );
    let merged = project.run(&["merge", "2", "3", "1"]).expect(0);
    assert!(
        merged
            .stdout
            .contains("3 parts merged, 80 of 80 attempts ended"),
        "{merged}"
    );
    // The same parts by path, in another order: the same events.
    let paths: Vec<String> = (1..=3)
        .map(|number| folder(&project, number).display().to_string())
        .collect();
    let by_file = format!("{}/run.db", paths[0]);
    let _ = project
        .run(&["merge", &paths[2], &by_file, &paths[1]])
        .expect(0);
    assert_eq!(events(&project, 4), events(&project, 5));
    // It goes on: what tripped is confirmed, then it is decided.
    let gate = project.run(&["gate"]).expect(100);
    assert!(gate.stderr.contains("going on with run 0005-"), "{gate}");
    assert!(gate.stderr.contains("tripped a guard"), "{gate}");
    assert_eq!(findings(&project, "5", 100), expected);
    // The names carry the mark of the whole plan.
    assert_eq!(
        names(&project)[4].split('-').nth(1),
        names(&whole)[0].split('-').nth(1)
    );
}

#[test]
fn f18_a_part_goes_on_as_itself_and_decides_nothing() {
    let project = project();
    run_shards(&project, &["1/2", "2/2", "1/2"]);
    assert_eq!(names(&project).len(), 2, "the same part goes on");
    for command in [
        &["gate"][..],
        &["decide"],
        &["decide", "1"],
        &["report"],
        &["confirm", "1"],
    ] {
        let refused = project.run(command).expect(111);
        assert!(
            refused.stderr.contains("a part decides nothing"),
            "{refused}"
        );
        assert!(refused.stderr.contains("gatewright merge"), "{refused}");
    }
    for (shard, why) in [
        ("0/2", "from 1 to 2"),
        ("3/2", "from 1 to 2"),
        ("1/0", "1 to 10000"),
        ("x", "i/n"),
    ] {
        let refused = project.run(&["run", "--shard", shard]).expect(2);
        assert!(refused.stderr.contains(why), "{refused}");
    }
    let _ = project.run(&["merge", "1", "2"]).expect(0);
    let _ = project.run(&["gate"]).expect(100);
    // The merged run is decided, so a new one begins, and it is whole.
    let again = project.run(&["gate"]).expect(100);
    assert!(!again.stderr.contains("going on"), "{again}");
    assert_eq!(names(&project).len(), 4);
}

#[test]
fn f18_a_missing_part_is_named_and_merged_only_when_asked() {
    let project = project();
    run_shards(&project, &["1/3", "3/3"]);
    let refused = project.run(&["merge", "1", "2"]).expect(111);
    assert!(
        refused.stderr.contains("part 2/3 was not given"),
        "{refused}"
    );
    assert_eq!(names(&project).len(), 2, "nothing was written");
    let merged = project
        .run(&["merge", "1", "2", "--partial", "--json"])
        .expect(0);
    let document: Value = serde_json::from_str(&merged.stdout).expect("JSON");
    let missing = &document["missing"][0];
    assert_eq!(
        (missing["shard"].as_str(), missing["given"].as_bool()),
        (Some("2/3"), Some(false))
    );
    let left = missing["attempts"].as_u64().expect("a count");
    assert_eq!(document["ended"].as_u64(), Some(80 - left));
    assert!(left > 0 && left < 80);
    // What is missing stays to be made.
    let gate = project.run(&["gate", "-v"]).expect(100);
    assert!(
        gate.stderr.contains(&format!("{left} attempts to make")),
        "{gate}"
    );
}

#[test]
fn f18_parts_of_different_runs_are_refused_with_what_differs() {
    let project = project();
    run_shards(&project, &["1/2"]);
    let _ = project
        .run(&["run", "--shard", "2/2", "--seed", "5", "--repeat", "2"])
        .expect(0);
    let _ = project.run(&["run", "--shard", "2/3"]).expect(0);
    let refused = project.run(&["merge", "1", "2"]).expect(2);
    for part in [
        "runs 1 and 2",
        "seed (the page's and 5)",
        "repeat (the page's and 2)",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused}");
    }
    let refused = project.run(&["merge", "1", "3"]).expect(2);
    assert!(
        refused.stderr.contains("number of parts (2 and 3)"),
        "{refused}"
    );
    // Another gate, another program.
    let page = project.read("gatewright.yaml");
    project.write("gatewright.yaml", page.replace("10 pts", "12 pts"));
    project.write("system.py", format!("{SYSTEM}\n"));
    let _ = project.run(&["run", "--shard", "2/2"]).expect(0);
    let refused = project.run(&["merge", "1", "4"]).expect(2);
    assert!(
        refused.stderr.contains("gate") && refused.stderr.contains("systems"),
        "{refused}"
    );
    let _ = project.run(&["gate", "--fresh"]).expect(100);
    let refused = project.run(&["merge", "5"]).expect(2);
    assert!(
        refused.stderr.contains("it is no part any more"),
        "{refused}"
    );
    let refused = project.run(&["merge", "nowhere/run.db"]).expect(2);
    assert!(refused.stderr.contains("there is no run"), "{refused}");
}

#[test]
fn f18_a_part_of_another_tool_or_with_a_changed_event_is_refused() {
    let project = project();
    run_shards(&project, &["1/2", "2/2"]);
    let mut all = events(&project, 2);
    let RunEvent::Sealed { seal } = &mut all[0] else {
        panic!("{:?}", all[0]);
    };
    seal.tool = "gatewright 0.0.9".to_owned();
    let writer = Writer {
        name: "test".to_owned(),
        actor: "test".to_owned(),
        at: String::new(),
    };
    let older = project.project().join("older");
    let mut log = RunLog::create(&older, writer).expect("made");
    log.append(&all, "").expect("appends");
    drop(log);
    let refused = project.run(&["merge", "1", "older"]).expect(2);
    assert!(refused.stderr.contains("gatewright 0.0.9)"), "{refused}");
    // A part that was changed on the way is damaged, not merged.
    let path = folder(&project, 2).join("run.db");
    let sql = "UPDATE event SET body = replace(body, 'cold', 'warm') WHERE kind = 'ended'";
    let done = std::process::Command::new("python3")
        .args(["-c", "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.execute(sys.argv[2])\nc.commit()"])
        .arg(path)
        .arg(sql)
        .status();
    assert!(done.expect("python3").success());
    let refused = project.run(&["merge", "1", "2"]).expect(112);
    assert!(refused.stderr.contains("is damaged"), "{refused}");
    assert_eq!(names(&project).len(), 2, "nothing was written");
}

#[test]
fn f18_a_part_given_twice_counts_once_and_two_that_disagree_are_refused() {
    let project = project();
    run_shards(&project, &["1/2", "2/2"]);
    let copy = project.project().join("copy");
    std::fs::create_dir(&copy).expect("folder");
    std::fs::copy(folder(&project, 1).join("run.db"), copy.join("run.db")).expect("copied");
    let merged = project.run(&["merge", "1", "copy", "2"]).expect(0);
    assert!(merged.stdout.contains("they are kept once"), "{merged}");
    let ends = |number| {
        let all = events(&project, number);
        all.iter()
            .filter(|event| matches!(event, RunEvent::Ended { .. }))
            .count()
    };
    assert_eq!(ends(3), 80);
    // The same attempt with another answer.
    let other = project.project().join("other");
    std::fs::create_dir(&other).expect("folder");
    std::fs::copy(copy.join("run.db"), other.join("run.db")).expect("copied");
    let attempt = events(&project, 1)
        .into_iter()
        .find_map(|event| match event {
            RunEvent::Ended { attempt, .. } => Some(attempt),
            _ => None,
        })
        .expect("one");
    let writer = Writer {
        name: "test".to_owned(),
        actor: "test".to_owned(),
        at: String::new(),
    };
    let end = AttemptEnd::Answered {
        response: Response {
            output: "something else".to_owned(),
            ..Response::default()
        },
    };
    let ended = RunEvent::Ended {
        attempt,
        recorded_trial: None,
        end,
        exchange: None,
    };
    RunLog::open(&other, writer)
        .expect("opens")
        .append(&[ended], "")
        .expect("appends");
    let refused = project.run(&["merge", "1", "other", "2"]).expect(2);
    assert!(
        refused.stderr.contains("they ended differently"),
        "{refused}"
    );
    assert!(
        refused.stderr.contains("candidate, trial 0")
            || refused.stderr.contains("production, trial 0"),
        "{refused}"
    );
    assert_eq!(names(&project).len(), 3, "nothing was written");
}

#[test]
fn a_run_keeps_to_what_it_was_asked_to_differ_in() {
    let project = project();
    let _ = project
        .run(&["run", "--repeat", "2", "--seed", "9"])
        .expect(0);
    let run = project.run(&["run"]).expect(0);
    assert!(run.stderr.contains("going on with run 0001-"), "{run}");
    assert!(run.stdout.contains("160 of 160 attempts"), "{run}");
    let other = project.run(&["run", "--seed", "10"]).expect(0);
    assert!(other.stdout.contains("80 of 80 attempts"), "{other}");
    assert_eq!(names(&project).len(), 2);
    for command in [
        &["grade", "1"][..],
        &["diff", "1"],
        &["triage", "1"],
        &["report", "1"],
        &["confirm", "1"],
    ] {
        let _ = project.run(command).expect(0);
    }
    let decided = project.run(&["decide", "1", "--json"]).expect(100);
    let view: Value = serde_json::from_str(&decided.stdout).expect("JSON");
    assert_eq!(
        view["invalid"].as_array().map(Vec::len),
        Some(0),
        "{decided}"
    );
    assert_eq!(view["denominators"][0]["planned"].as_u64(), Some(80));
    // The other one is unfinished business, and is named by what it was asked for.
    let gate = project.run(&["gate"]).expect(100);
    assert!(gate.stderr.contains("going on with run 0002-"), "{gate}");
    // What the page says anyway is no difference.
    let same = project.run(&["run", "--repeat", "1"]).expect(0);
    let again = project.run(&["run"]).expect(0);
    assert!(
        again.stderr.contains("going on with run 0003-"),
        "{same}{again}"
    );
}

#[test]
fn errors_are_made_again_when_asked_and_count_until_then() {
    let project = project();
    let broken = SYSTEM.replace(
        "    print(",
        "    if task == 'cold' and open('mood').read() == 'bad':\n        print(json.dumps({'id': request['id'], 'error': 'no'}), flush=True)\n        continue\n    print(",
    );
    project.write("system.py", broken);
    project.write("mood", "bad");
    let half = project.run(&["run"]).expect(111);
    assert!(
        half.stdout
            .contains("Next: gatewright run --retry-errors   (makes them again)"),
        "{half}"
    );
    let graded = |what: &str| {
        let grade = project.run(&["grade", "--json"]).expect(0);
        let document: Value = serde_json::from_str(&grade.stdout).expect("JSON");
        let row = &document["denominators"][0];
        match what {
            "answered" => row["answered"].as_u64(),
            _ => row["missing"]
                .as_object()
                .map(|missing| missing.values().filter_map(Value::as_u64).sum()),
        }
    };
    assert_eq!(
        (graded("answered"), graded("missing")),
        (Some(20), Some(20))
    );
    let plain = project.run(&["run", "--json"]).expect(111);
    assert!(!plain.stderr.contains("made again"), "{plain}");
    let said: Value = serde_json::from_str(&plain.stdout).expect("JSON");
    assert_eq!(said["errors"], 40);
    assert_eq!(said["next"], "gatewright run --retry-errors");
    project.write("mood", "good");
    let again = project.run(&["run", "--retry-errors"]).expect(0);
    assert!(
        again
            .stderr
            .contains("40 attempts that ended in an error are made again"),
        "{again}"
    );
    assert_eq!((graded("answered"), graded("missing")), (Some(40), Some(0)));
    let nothing = project.run(&["gate", "--retry-errors"]).expect(100);
    assert!(
        nothing.stderr.contains("no attempt ended in an error"),
        "{nothing}"
    );
    let refused = project.run(&["gate", "--retry-errors"]).expect(2);
    assert!(
        refused.stderr.contains("a decision is never updated"),
        "{refused}"
    );
    assert!(refused.stderr.contains("--fresh --reuse"), "{refused}");
}

#[test]
fn an_error_that_was_reopened_counts_until_its_new_end_is_there() {
    let project = project();
    let _ = project.run(&["run"]).expect(0);
    let attempt = |event: &RunEvent| match event {
        RunEvent::Ended { attempt, .. } => Some(*attempt),
        _ => None,
    };
    let attempt = events(&project, 1).iter().find_map(attempt).expect("one");
    let failed = AttemptEnd::HarnessError {
        message: "no".to_owned(),
    };
    append(
        &project,
        1,
        &[
            RunEvent::Reopened { attempt },
            RunEvent::Ended {
                attempt,
                recorded_trial: None,
                end: failed,
                exchange: None,
            },
            RunEvent::Reopened { attempt },
        ],
    );
    let grade = project.run(&["grade", "--json"]).expect(0);
    assert!(
        grade.stdout.contains("\"harness-error\": 1") || grade.stdout.contains("harness"),
        "{grade}"
    );
    let run = project.run(&["run", "-v"]).expect(0);
    assert!(run.stderr.contains("1 attempts to make"), "{run}");
    let document: Value =
        serde_json::from_str(&project.run(&["grade", "--json"]).expect(0).stdout).expect("JSON");
    assert_eq!(
        document["denominators"][0]["missing"]
            .as_object()
            .map(|missing| missing.len()),
        Some(0)
    );
}
