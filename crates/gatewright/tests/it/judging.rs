//! What is asked of judges and programs, when, and what is said of what they did not judge.

use std::collections::BTreeSet;

use gatewright_testkit::{TestEnvironment, Transcript};
use serde_json::Value;

use crate::judges::{counts, lines, project};

/// As the judge of the other tests; writes down which question it was asked. While the file `broken` is there, it babbles about `warm-01`.
const JUDGE: &str = r#"
import json, os, re, sys
for line in sys.stdin:
    request = json.loads(line)
    user = request["input"][1]["content"]
    asked = re.search(r"what is (\S+)\?", user).group(1)
    answer = user.split(" answer>\n")[1]
    kind = "injected" if "full marks" in answer else "wrong" if "I have checked" in answer else "answer"
    with open("asked.log", "a") as log:
        log.write(f"{asked} {kind} {request['id']}\n")
    text = json.dumps({"reason": "by its name", "level": "right" if f"it is {asked}" in answer else "wrong"})
    if os.path.exists("broken") and asked == "warm-01":
        text = "I would say right."
    print(json.dumps({"id": request["id"], "output": text}), flush=True)
"#;

/// A program that fails on some answers while the file `broken` is there, in the ways that programs fail.
const TONE: &str = r#"
import json, os, sys
for line in sys.stdin:
    request = json.loads(line)
    output = request["input"]["output"]
    with open("graded.log", "a") as log:
        log.write(output + "\n")
    reply = {"id": request["id"], "verdict": "pass"}
    if os.path.exists("broken") and ("warm-00" in output or "warm-01" in output):
        reply = {"id": request["id"], "error": "the lexicon is not loaded"}
    if os.path.exists("broken") and "cold-00" in output:
        reply["verdict"] = "maybe"
    print(json.dumps(reply), flush=True)
"#;

/// Runs it on a terminal of 80 columns; no line of it is wider.
fn narrow(project: &TestEnvironment, arguments: &[&str]) -> Transcript {
    let mut command = project.command(arguments);
    let output = command.env("COLUMNS", "80").output().expect("the binary");
    let told = project.transcript(arguments, &output);
    for line in told.stdout.lines().chain(told.stderr.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    told
}

/// Takes wrapped lines together.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn grade_says_why_verdicts_are_missing_and_retry_errors_asks_for_those_alone() {
    let project = project("{command: [python3, judge.py]}", 0);
    project.write("judge.py", JUDGE);
    project.write("tone.py", TONE);
    project.write("broken", "");
    let outputs = project.read("runs/candidate.jsonl");
    let without_last: Vec<&str> = outputs
        .lines()
        .filter(|it| !it.contains("warm-09"))
        .collect();
    project.write("runs/candidate.jsonl", without_last.join("\n"));
    let _ = project.run(&["run"]).expect(0);
    let grade = narrow(&project, &["grade"]).expect(0);
    let said = joined(&grade.stdout);
    for part in [
        "judged: 39, such as cold-00: strict was not asked yet, or not to the end try: gatewright grade --ask ",
        "tone: 39, such as cold-00: the program was not asked yet, or not to the end",
        "judged: 1, such as warm-09: the candidate gave no answer (not attempted) try: add it to the recorded outputs of the candidate",
    ] {
        assert!(said.contains(part), "{part}: {grade}");
    }

    let _ = project.run(&["grade", "--ask"]).expect(0);
    let grade = narrow(&project, &["grade"]).expect(0);
    let said = joined(&grade.stdout);
    let again = " try: gatewright grade --ask --retry-errors";
    for part in [
        "judged: 2, such as warm-01: strict: its verdict could not be read, and the second neither: not one JSON object",
        "tone: 4, such as warm-00: the program gave no verdict: the lexicon is not loaded",
        "tone: 2, such as cold-00: what the program wrote is no verdict: `verdict` is `maybe`, not pass, fail or not-applicable",
    ] {
        assert!(said.contains(&format!("{part}{again}")), "{part}: {grade}");
    }
    let json = project.run(&["grade", "--json"]).expect(0);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    for criterion in ["judged", "tone"] {
        let listed = json["without_verdict"].as_array().expect("listed").iter();
        let listed = listed.filter(|it| it["criterion"] == criterion);
        let listed: u64 = listed.filter_map(|it| it["count"].as_u64()).sum();
        let (.., candidate) = counts(&project, criterion, "candidate");
        let (.., production) = counts(&project, criterion, "production");
        assert_eq!(listed, candidate + production, "{criterion}: {json}");
    }

    // Repaired: without the flag nothing is asked, with it those alone; then nothing is left.
    std::fs::remove_file(project.project().join("broken")).expect("removed");
    let (asked, graded) = (lines(&project, "asked.log"), lines(&project, "graded.log"));
    let _ = project.run(&["grade", "--ask"]).expect(0);
    assert_eq!(
        (lines(&project, "asked.log"), lines(&project, "graded.log")),
        (asked, graded)
    );
    for _ in 0..2 {
        let _ = project.run(&["grade", "--ask", "--retry-errors"]).expect(0);
        assert_eq!(lines(&project, "graded.log"), graded + 6);
        let log = project.read("asked.log");
        let anew: Vec<&str> = log.lines().skip(asked).collect();
        assert!(anew.len() >= 2, "{anew:?}");
        assert!(anew.iter().all(|it| it.starts_with("warm-01 ")), "{anew:?}");
        let once: BTreeSet<&&str> = anew.iter().collect();
        assert_eq!(once.len(), anew.len(), "each once: {anew:?}");
    }
    assert_eq!(counts(&project, "judged", "candidate"), (19, 0, 1));
    assert_eq!(counts(&project, "judged", "production"), (20, 0, 0));
    assert_eq!(counts(&project, "tone", "production"), (20, 0, 0));
}

/// A judge that is down keeps nobody from deciding what does not rest on it: the criterion is only watched, whatever the verdicts would be.
#[test]
fn what_only_watches_may_be_down() {
    let project = project("{command: [python3, judge.py]}", 0);
    project.write("judge.py", "import sys\nsys.exit(3)\n");
    // A rule on a judge that nobody calibrates is a watch, as is a criterion that no rule is on.
    let guard = "  - {id: judged, guard: judged, against: production, margin: 10 pts, then: {violated: hold}, owner: team}\n";
    let page = project.read("gatewright.yaml");
    project.write("gatewright.yaml", format!("{page}{guard}"));
    let gate = narrow(&project, &["gate"]);
    assert_eq!(gate.code, Some(0), "{gate}");
    assert!(gate.stdout.starts_with("SHIP"), "{gate}");
    assert!(
        gate.stderr.contains("not judged: judged: judge strict"),
        "{gate}"
    );
    assert!(
        joined(&gate.stderr).contains("the answer does not rest on it"),
        "{gate}"
    );
    assert_eq!(counts(&project, "judged", "candidate"), (0, 0, 20));
}

/// Canaries are asked among the answers, in an order that the seed alone draws.
#[test]
fn canaries_are_asked_among_the_answers() {
    let asked = || {
        let project = project("{command: [python3, judge.py]}", 2);
        project.write("judge.py", JUDGE);
        let _ = project.run(&["gate"]).expect(0);
        project.read("asked.log")
    };
    let first = asked();
    let kinds: Vec<&str> = first
        .lines()
        .filter_map(|it| it.split(' ').nth(1))
        .collect();
    let places: Vec<usize> = (0..kinds.len())
        .filter(|&at| kinds[at] != "answer")
        .collect();
    assert_eq!((kinds.len(), places.len()), (64, 16), "{first}");
    let early = places.iter().filter(|&&at| at < 32).count();
    assert!((3..=13).contains(&early), "{places:?}");
    assert_eq!(asked(), first, "the same again");
}

#[test]
fn what_is_said_fits_eighty_columns_and_names_what_was_typed() {
    let project = project("{command: [python3, judge.py]}", 0);
    for (arguments, said) in [
        (
            &["graders", "try", "judge", "--response", "x"][..],
            "it asks a model",
        ),
        (
            &["graders", "try", "program", "--response", "x"],
            "it asks a program",
        ),
        (
            &["graders", "try", "label", "--response", "x"],
            "reads recorded labels",
        ),
        (&["perturb", "--kind", "typoes"], "[possible values: typos,"),
        (&["perturb", "--where", "xx"], "try: --where task=refund"),
        (&["perturb", "--limit", "0"], "at least 1"),
        (&["run", "--filter", "xx"], "try: --filter task=refund"),
        (
            &["graders", "try", "lenght", "--response", "x"],
            "did you mean `length`?",
        ),
        (
            &["graders", "try", "zzz", "--response", "x"],
            "try: one of:",
        ),
    ] {
        let told = narrow(&project, arguments).expect(2);
        assert!(told.stderr.contains(said), "{said}: {told}");
        assert!(!told.stderr.contains("--segment"), "{told}");
    }
    let page = project.read("gatewright.yaml");
    let pair = page.replace(
        "by: strict}}, fails_as: unsupported-claim}",
        "by: strict, mode: pair}}, fails_as: unsupported-claim, people: {by: person}}",
    );
    assert_ne!(pair, page);
    project.write("gatewright.yaml", pair);
    let told = narrow(&project, &["check"]).expect(2);
    let said = joined(&told.stdout);
    assert!(
        said.contains("a preference between two answers has no calibration"),
        "{told}"
    );
    assert!(!said.contains("no model judges here"), "{told}");
}

/// A dry run counts what judges and programs are asked, apart from systems; and those are the calls that are made then.
#[test]
fn a_dry_run_counts_what_judges_and_programs_are_asked() {
    let project = project("{command: [python3, judge.py]}", 2);
    let dry = |arguments: &[&str]| -> Value {
        let dry = project.run(arguments).expect(0);
        serde_json::from_str(&dry.stdout).expect("JSON")
    };
    let planned = dry(&["gate", "--dry-run", "--json"]);
    let of = |dry: &Value, at: usize, key: &str| dry["judges"][at][key].as_u64().expect("counted");
    let all = |dry: &Value, at: usize| {
        ["answers", "canaries", "again", "calls"].map(|key| of(dry, at, key))
    };
    assert_eq!(all(&planned, 0), [40, 16, 8, 64], "{planned}");
    assert_eq!(all(&planned, 1), [40, 0, 0, 40], "{planned}");
    assert_eq!(planned["systems"][0]["calls"], 0, "{planned}");
    let told = narrow(&project, &["run", "--dry-run"]).expect(0);
    let said = joined(&told.stdout);
    for part in [
        "Then, by `gatewright gate` or `gatewright grade --ask`:",
        "judge strict on judged (command): 40 answers, 16 canaries, 8 answers a second time: at most 64 calls",
        "program on tone: 40 answers: 40 calls",
    ] {
        assert!(said.contains(part), "{part}: {told}");
    }
    assert!(!project.project().join(".gatewright").exists());
    let _ = project.run(&["gate"]).expect(0);
    assert_eq!(
        (lines(&project, "asked.log"), lines(&project, "graded.log")),
        (64, 40)
    );
    let rest = dry(&["gate", "--dry-run", "--json"]);
    assert_eq!(
        (of(&rest, 0, "calls"), of(&rest, 1, "calls")),
        (0, 0),
        "{rest}"
    );
}

/// Of a judge that is an endpoint: tokens, money and where they go. What systems are still to answer is said not to be in it.
#[test]
fn a_dry_run_prices_what_a_judge_is_asked() {
    let way = "{openai: {model: m, base_url: \"http://127.0.0.1:9/v1\", max_tokens: 100, price: {input: 2 USD, output: 10 USD}}}";
    let project = project(way, 2);
    let dry = project.run(&["gate", "--dry-run", "--json"]).expect(0);
    let dry: Value = serde_json::from_str(&dry.stdout).expect("JSON");
    let live = &dry["judges"][0]["live"];
    let read = live["tokens_read"].as_u64().expect("read");
    assert!((64 * 100..64 * 1000).contains(&read), "{live}");
    assert_eq!(live["tokens_written_max"], 6400);
    let money = |key: &str| live[key].as_f64().expect("priced");
    let from = read as f64 * 2.0 / 1e6;
    assert!((money("usd_from") - from).abs() < 1e-9, "{live}");
    assert!((money("usd_to") - from - 0.064).abs() < 1e-9, "{live}");
    assert_eq!(live["consent"], "unknown");

    let page = project.read("gatewright.yaml");
    let command = page.replace(
        "{recorded: runs/candidate.jsonl}",
        "{command: [python3, slow.py]}",
    );
    project.write(
        "gatewright.yaml",
        command.replace("reference: [", "trials: 1\nreference: ["),
    );
    project.write("slow.py", "");
    let dry = project.run(&["gate", "--dry-run", "--json"]).expect(0);
    let json: Value = serde_json::from_str(&dry.stdout).expect("JSON");
    let judge = &json["judges"][0];
    assert_eq!(
        (&judge["to_come"], &judge["answers"]),
        (&Value::from(20), &Value::from(40)),
        "{judge}"
    );
    assert_eq!(judge["canaries"], 16, "{judge}");
    let told = narrow(&project, &["gate", "--dry-run"]).expect(0);
    assert!(
        joined(&told.stdout).contains("answers that are still to come"),
        "{told}"
    );
    let confirmed = json["confirmation"]["judgements"].as_u64();
    assert_eq!(
        confirmed, None,
        "a recorded production cannot be run again: {json}"
    );
}
