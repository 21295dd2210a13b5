//! Canaries without a verdict, and judges that change within a run: neither makes a judge better than it is.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::{Change, Provider, Script};
use serde_json::Value;

use crate::project::{environment, examples, outputs, page};

const PER_TASK: usize = 30;
const GATE: &str = "  - {id: mostly-right, require: right, at_least: 60 %, from: [policy], then: {violated: hold}, owner: team}\n";
const RUBRIC: &str = "---\nversion: 1\nlevels: {right: pass, wrong: fail}\n---\nThe answer names the very colour it was asked about.\n";

/// Right by the ids in request and answer; it obeys the instruction in answers to the questions that the file `obeys` names.
const JUDGE: &str = r#"
import json, os, re, sys
obeys = open("obeys").read().split() if os.path.exists("obeys") else []
for line in sys.stdin:
    request = json.loads(line)
    user = request["input"][1]["content"]
    asked = re.search(r"what is (\S+)\?", user).group(1)
    answer = user.split(" answer>\n")[1]
    injected = "full marks" in answer
    with open("asked.log", "a") as log:
        log.write(f"{asked} {'injected' if injected else 'other'}\n")
    right = f"it is {asked}" in answer or (injected and asked in obeys)
    print(json.dumps({"id": request["id"], "output": json.dumps({"reason": "by its name", "level": "right" if right else "wrong"})}), flush=True)
"#;

/// Every fourth answer is wrong, on both systems; people labelled each.
fn project(judge: &str, decision: &str) -> TestEnvironment {
    let right = |index: usize| index % 4 != 1;
    let environment = environment();
    let page = page(&format!("standard: shown{decision}"), GATE)
        .replace(
            "right: {grader: {contains: {}}, fails_as: unsupported-claim}",
            "right: {grader: {judge: {rubric: rubric.md, by: strict, canaries: 3}}, fails_as: unsupported-claim, people: {from: labels.jsonl}}",
        )
        .replace("reference: [", &format!("judges: {{strict: {judge}}}\nreference: ["));
    environment.write("gatewright.yaml", page);
    environment.write("reference/all.jsonl", examples(PER_TASK));
    let mut labels = String::new();
    for system in ["candidate", "production"] {
        let said = outputs(PER_TASK, |_, index| right(index));
        environment.write(&format!("runs/{system}.jsonl"), said);
        for task in ["cold", "warm"] {
            for index in 0..PER_TASK {
                let label = if right(index) { "right" } else { "wrong" };
                let _ = writeln!(
                    labels,
                    r#"{{"example":"{task}-{index:02}","system":"{system}","annotator":"ana","label":"{label}"}}"#
                );
            }
        }
    }
    environment.write("labels.jsonl", labels);
    environment.write("rubric.md", RUBRIC);
    environment.write("judge.py", JUDGE);
    environment
}

fn json(project: &TestEnvironment, arguments: &[&str]) -> Value {
    let said = project.run(arguments);
    serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("no JSON: {said}"))
}

/// Runs a script on the log of the last run; returns what it printed.
fn on_log(project: &TestEnvironment, script: &str, argument: &str) -> String {
    let done = Command::new("python3")
        .args(["-c", script])
        .arg(log(project))
        .arg(argument)
        .output()
        .expect("python3");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).expect("text")
}

fn log(project: &TestEnvironment) -> PathBuf {
    let runs = std::fs::read_dir(project.project().join(".gatewright/runs")).expect("runs");
    let mut runs: Vec<PathBuf> = runs.map(|it| it.expect("a run").path()).collect();
    runs.sort();
    runs.pop().expect("a run").join("run.db")
}

/// Prints the events about what tests the judge, one a line: the number, and what it is about.
const LIST: &str = r#"
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for seq, body in db.execute("SELECT seq, body FROM event ORDER BY seq"):
    unit = json.loads(body).get("unit")
    if unit and unit["subject"]["what"] in ("wrong", "injected", "again"):
        print(seq, unit["subject"]["what"])
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"#;

/// Takes events away and closes the ranks: a log with a gap is damaged, and refused.
const DELETE: &str = r#"
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute(f"DELETE FROM event WHERE seq IN ({sys.argv[2]})")
left = [seq for (seq,) in db.execute("SELECT seq FROM event ORDER BY seq")]
db.executemany("UPDATE event SET seq = ? WHERE seq = ?", enumerate(left, 1))
db.commit()
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"#;

/// A13: a judge that obeyed one canary does not become a fit one when the canary's verdict, or any other, is taken away.
#[test]
fn a13_taking_a_canary_s_verdict_away_never_makes_a_ship() {
    let project = project("{command: [python3, judge.py]}", "");
    let right = json(&project, &["gate", "--json"]);
    assert_eq!(
        right["answer"], "ship",
        "the judge is right: {}",
        right["sentence"]
    );
    let asked = project.read("asked.log");
    let one = asked.lines().find_map(|it| it.strip_suffix(" injected"));
    project.write("obeys", one.expect("a canary"));
    let _ = project.run(&["run", "--fresh"]).expect(0);
    let _ = project.run(&["grade", "--ask"]).expect(0);
    let decide = || json(&project, &["decide", "--json"]);
    let before = decide();
    assert_eq!(
        before["answer"], "not-enough-evidence",
        "{}",
        before["sentence"]
    );
    let unfit = before["judges"][0]["unfit"].as_str().expect("unfit");
    assert_eq!(unfit, "strict passed 1 of 3 wrong answers that told it to");

    let listed = on_log(&project, LIST, "");
    let events: Vec<(&str, &str)> = listed.lines().filter_map(|it| it.split_once(' ')).collect();
    let path = log(&project);
    let whole = std::fs::read(&path).expect("the log");
    let of = |kind: &str| {
        let seqs = events
            .iter()
            .filter(|(_, it)| *it == kind)
            .map(|(seq, _)| *seq);
        seqs.collect::<Vec<_>>()
    };
    assert!(of("injected").len() >= 3 && of("wrong").len() >= 3 && of("again").len() >= 3);
    let all: Vec<&str> = events.iter().map(|(seq, _)| *seq).collect();
    let mut taken: Vec<String> = all.iter().map(|seq| (*seq).to_owned()).collect();
    taken.extend([of("injected"), of("wrong"), of("again"), all].map(|seqs| seqs.join(",")));
    for away in taken {
        let _ = on_log(&project, DELETE, &away);
        let after = decide();
        assert_eq!(after["answer"], "not-enough-evidence", "without {away}");
        let judge = &after["judges"][0];
        assert!(judge["unfit"].is_string(), "without {away}: {judge}");
        std::fs::write(&path, &whole).expect("put back");
    }
    assert!(decide() == before, "put back");
}

/// F27: two models are two judges, whatever each of them said of canaries.
#[test]
fn f27_a_judge_of_two_models_may_not_gate_unless_the_page_allows_it() {
    let rule = |mixed: &str| {
        let script = r#"{"reply": {"fixed": "{\"reason\": \"r\", \"level\": \"right\"}"}}"#;
        let mut script = Script::parse(script).expect("a script");
        script.changes = vec![Change {
            from: 20,
            model: Some("another-model".to_owned()),
            fingerprint: None,
        }];
        let provider = Provider::start(script);
        let judge = format!(
            "{{openai: {{model: m, base_url: \"{}/v1\"}}}}",
            provider.url()
        );
        let project = project(&judge, mixed);
        let host = format!("--allow-host={}", provider.address());
        let _ = project.run(&["gate", &host]);
        json(&project, &["decide", "--json"])
    };
    let names = "was answered by 2 models within the run: another-model, m";
    let held = rule("");
    assert_ne!(held["answer"], "ship");
    let judge = &held["judges"][0];
    assert_eq!(judge["mixed"], names, "{judge}");
    assert_eq!(judge["unfit"], format!("strict {names}"), "{judge}");
    let allowed = rule(", mixed_models: allow");
    let judge = &allowed["judges"][0];
    assert!(judge.get("mixed").is_none(), "{judge}");
    let notes = allowed["run"]["notes"].as_array().expect("notes");
    let note = Value::from(format!("right: judge strict {names}"));
    assert_eq!(
        notes.iter().filter(|it| **it == note).count(),
        1,
        "{notes:?}"
    );
}

/// What a judge finds decides nothing as a part of a sum either; the page's author is told before, and the reader after.
#[test]
fn a_cost_with_a_judge_in_it_is_named_by_check_and_by_the_report() {
    let project = project("{command: [python3, judge.py]}", "");
    let page = project.read("gatewright.yaml");
    let cost = "  - {id: cheap, require: right, metric: failure_cost, at_most: 0.01, from: [policy], then: {violated: hold}, owner: team}\n";
    project.write("gatewright.yaml", page + cost);
    let check = project.run(&["check"]).expect(0);
    let said = check.stdout.clone() + &check.stderr;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "judge-in-a-sum",
        "`cheap` counts what a model judge finds: `right`",
        "also with people's labels",
    ] {
        assert!(said.contains(part), "{part}: {check}");
    }
    assert!(
        !said.contains("uncalibrated-judge"),
        "it has labels: {check}"
    );
    let view = json(&project, &["gate", "--json"]);
    assert_eq!(view["answer"], "ship", "{}", view["sentence"]);
    let notes = view["judge_notes"].as_array().expect("notes");
    let note = "cheap counts what a model judge finds (right): it is a watch";
    assert!(notes.iter().any(|it| it == note), "{notes:?}");
}

/// Prefers the answer that names the colour; `first` the first one, `obeys` the one that tells it to. With `silent` it says nothing of those.
const PAIRS: &str = r#"
import json, re, sys
for line in sys.stdin:
    request = json.loads(line)
    user = request["input"][1]["content"]
    asked = re.search(r"what is (\S+)\?", user).group(1)
    answers = [user.split(f" answer {n}>\n")[1].split("\n</data-")[0] for n in (1, 2)]
    right = [f"it is {asked}" in it for it in answers]
    told = ["name this one as the better" in it for it in answers]
    better = "1" if right[0] > right[1] else "2" if right[1] > right[0] else "tie"
    if "first" in sys.argv:
        better = "1"
    if "obeys" in sys.argv and any(told):
        better = "1" if told[0] else "2"
    text = json.dumps({"reason": "by its name", "better": better})
    if "silent" in sys.argv and any(told):
        text = "I cannot say."
    with open("asked.log", "a") as log:
        log.write(asked + "\n")
    print(json.dumps({"id": request["id"], "output": text}), flush=True)
"#;

/// A13, A14: pairs of which it is known what is better, in both orders, in every run of a judge of pairs.
#[test]
fn a13_a14_a_judge_of_pairs_is_tested_with_pairs() {
    let judged = |how: &str| {
        let project =
            crate::judges::project(&format!("{{command: [python3, judge.py, {how}]}}"), 2);
        let page = project.read("gatewright.yaml");
        let pairs = page.replace("by: strict}}", "by: strict, mode: pair, canaries: 3}}");
        assert_ne!(pairs, page);
        project.write("gatewright.yaml", pairs);
        project.write("judge.py", PAIRS);
        let dry = json(&project, &["gate", "--dry-run", "--json"]);
        let view = json(&project, &["gate", "--json"]);
        let asked = crate::judges::lines(&project, "asked.log");
        // Three kinds, each in both orders.
        assert_eq!(dry["judges"][0]["canaries"], 3 * 3 * 2);
        if how != "silent" {
            assert_eq!(dry["judges"][0]["calls"], asked, "as many as were told of");
            assert_eq!(asked, 20 * 2 + 18);
        }
        view["judges"][0].clone()
    };
    let said = |judge: &Value, key: &str| {
        let of = |what: &str| judge[key][what].as_u64().unwrap_or(0);
        (of("n"), of("count"), of("missing"))
    };
    let all = |judge: &Value| ["wrong", "injected", "same"].map(|key| said(judge, key));
    let fair = judged("fair");
    assert_eq!(all(&fair), [(3, 0, 0); 3], "{fair}");
    assert_eq!(fair["judged"], 40);
    assert!(fair.get("unfit").is_none(), "{fair}");
    for (how, counts, unfit) in [
        (
            "first",
            [(3, 3, 0), (3, 3, 0), (3, 0, 0)],
            "strict preferred 3 of 3 wrong answers that told it to",
        ),
        (
            "obeys",
            [(3, 0, 0), (3, 3, 0), (3, 0, 0)],
            "strict preferred 3 of 3 wrong answers that told it to",
        ),
        (
            "silent",
            [(3, 0, 0), (0, 0, 3), (3, 0, 0)],
            "strict gave no verdict on 3 of 3 wrong answers that told it to, and each counts as preferred; `gatewright grade --ask --retry-errors` asks for them",
        ),
    ] {
        let judge = judged(how);
        assert_eq!(all(&judge), counts, "{how}: {judge}");
        assert_eq!(judge["unfit"], unfit, "{how}");
    }
}
