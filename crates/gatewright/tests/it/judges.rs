//! Judges and grader programs from the command line: asked once, resumed, kept apart from what systems answered, and believed no further than their canaries.

use std::fmt::Write as _;

use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::{Provider, Script};
use serde_json::Value;

use crate::project::{GUARD, environment, examples, outputs, page};

const RUBRIC: &str = "---\nversion: 1\nlevels: {right: pass, wrong: fail}\n---\nThe answer names the very colour it was asked about.\n";

/// Judges by the ids in request and answer; writes down every request. With `obeys` it does what an answer tells it to.
const JUDGE: &str = r#"
import json, re, sys
for line in sys.stdin:
    request = json.loads(line)
    system, user = [it["content"] for it in request["input"]][:2]
    with open("asked.log", "a") as log:
        log.write(json.dumps([request["id"], len(request["input"])]) + "\n")
    asked = re.search(r"what is (\S+)\?", user).group(1)
    answer = user.split(" answer>\n")[1]
    right = f"it is {asked}" in answer
    if "obeys" in sys.argv and "full marks" in answer:
        right = True
    text = json.dumps({"reason": "by its name", "level": "right" if right else "wrong"})
    if "babbles" in sys.argv and len(request["input"]) == 2:
        text = "Let me see. " + text
    print(json.dumps({"id": request["id"], "output": text}), flush=True)
"#;

const TONE: &str = r#"
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    answer = request["input"]
    with open("graded.log", "a") as log:
        log.write(answer["output"] + "\n")
    if "fails" in sys.argv:
        sys.exit(3)
    rude = "no idea" in answer["output"]
    print(json.dumps({"id": request["id"], "verdict": "fail" if rude else "pass", "symptom": "rude", "score": len(answer["output"])}), flush=True)
"#;

pub(crate) fn project(judge: &str, lost: usize) -> TestEnvironment {
    let environment = environment();
    let criteria = "  judged: {grader: {judge: {rubric: rubric.md, by: strict}}, fails_as: unsupported-claim}\n  tone: {grader: {program: {command: [python3, tone.py]}}, fails_as: {rude: scope-mismatch}}\ngate:\n";
    let page = page("standard: unbroken", GUARD)
        .replace("gate:\n", criteria)
        .replace(
            "reference: [",
            &format!("judges: {{strict: {judge}}}\nreference: ["),
        );
    environment.write("gatewright.yaml", page);
    environment.write("reference/all.jsonl", examples(10));
    environment.write("runs/production.jsonl", outputs(10, |_, _| true));
    environment.write(
        "runs/candidate.jsonl",
        outputs(10, |task, index| task == "cold" || index >= lost),
    );
    environment.write("rubric.md", RUBRIC);
    environment.write("judge.py", JUDGE);
    environment.write("tone.py", TONE);
    environment
}

pub(crate) fn lines(project: &TestEnvironment, file: &str) -> usize {
    std::fs::read_to_string(project.project().join(file)).map_or(0, |text| text.lines().count())
}

/// The counts of one criterion and system from `grade --json`: pass, fail, missing.
pub(crate) fn counts(project: &TestEnvironment, criterion: &str, system: &str) -> (u64, u64, u64) {
    let graded = project.run(&["grade", "--json"]).expect(0);
    let graded: Value = serde_json::from_str(&graded.stdout).expect("JSON");
    let cells = graded["criteria"].as_array().expect("cells");
    let cell = cells
        .iter()
        .find(|it| it["criterion"] == criterion)
        .expect("cell");
    let cell = &cell["systems"][system];
    let missing = cell["missing"].as_object().expect("bins");
    (
        cell["pass"].as_u64().expect("pass"),
        cell["fail"].as_u64().expect("fail"),
        missing.values().filter_map(Value::as_u64).sum(),
    )
}

#[test]
fn judges_and_programs_are_asked_once_and_graded_again_without_a_call() {
    let project = project("{command: [python3, judge.py]}", 2);
    let gate = project
        .run(&["gate", "--json", "-o", "report.json"])
        .expect(0);
    let report: Value = serde_json::from_str(&gate.stdout).expect("JSON");
    // 40 answers, 8 canaries of each kind, 8 answers a second time.
    assert_eq!(lines(&project, "asked.log"), 40 + 16 + 8, "{gate}");
    assert_eq!(lines(&project, "graded.log"), 40);
    assert_eq!(counts(&project, "judged", "candidate"), (18, 2, 0));
    assert_eq!(counts(&project, "judged", "production"), (20, 0, 0));
    assert_eq!(counts(&project, "tone", "candidate"), (18, 2, 0));
    let judge = &report["judges"][0];
    assert_eq!(judge["criterion"], "judged");
    assert_eq!(
        judge["wrong"],
        serde_json::json!({"n": 8, "count": 0}),
        "{judge}"
    );
    assert_eq!(judge["injected"], serde_json::json!({"n": 8, "count": 0}));
    assert_eq!(judge["again"], serde_json::json!({"n": 8, "count": 0}));
    assert!(judge.get("unfit").is_none(), "{judge}");
    // Again: nothing is asked.
    let _ = project.run(&["grade", "--ask"]).expect(0);
    let _ = project.run(&["decide"]).expect(0);
    assert_eq!(lines(&project, "asked.log"), 64);
    // Another rubric is another judge: its verdicts are outstanding, and nothing old counts.
    project.write("rubric.md", RUBRIC.replace("version: 1", "version: 2"));
    assert_eq!(counts(&project, "judged", "candidate"), (0, 0, 20));
}

/// What is recorded and then judged stands in the run: calibrating looks there, also where no system can be called.
#[test]
fn a_live_judge_of_recorded_answers_is_calibrated() {
    let project = project("{command: [python3, judge.py]}", 2);
    let page = project.read("gatewright.yaml").replace(
        "by: strict}}, fails",
        "by: strict}}, people: {from: labels.jsonl}, fails",
    );
    project.write("gatewright.yaml", page);
    let none = project.run(&["calibrate", "judged"]).expect(2);
    assert!(none.stderr.contains("gatewright gate"), "{none}");
    let _ = project.run(&["gate"]);
    let plan = ["calibrate", "judged", "--plan", "40", "-o", "labels.jsonl"];
    let planned = project.run(&plan).expect(0);
    assert!(
        planned
            .stdout
            .contains("2 of 2 examples on which the judge sees a difference"),
        "{planned}"
    );
    let labelled = project
        .read("labels.jsonl")
        .replace(r#""label":null"#, r#""label":"right""#)
        .replace(r#""annotator":null"#, r#""annotator":"ana""#);
    project.write("labels.jsonl", labelled);
    let json = project.run(&["calibrate", "judged", "--json"]).expect(0);
    let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let pooled = &found["criteria"][0]["pooled"];
    assert_eq!(
        (
            &pooled["units"],
            &pooled["labelled"],
            &pooled["retest_asked"]
        ),
        (&Value::from(40), &Value::from(40), &Value::from(8)),
        "{json}"
    );
    let text = project.run(&["calibrate", "judged"]).expect(0).stdout;
    let again = "Asked more than once, it changed its mind on 0 of 8 answers.";
    assert!(text.contains(again), "{text}");
}

/// A13: canaries in every judged run; a judge that obeys an answer is unfit, and says so.
#[test]
fn a13_a_judge_that_obeys_an_answer_is_found_out() {
    let project = project("{command: [python3, judge.py, obeys]}", 0);
    let gate = project.run(&["gate", "--json"]).expect(0);
    let report: Value = serde_json::from_str(&gate.stdout).expect("JSON");
    let judge = &report["judges"][0];
    assert_eq!(judge["injected"], serde_json::json!({"n": 8, "count": 8}));
    let unfit = judge["unfit"].as_str().expect("unfit");
    assert!(
        unfit.contains("8 of 8 wrong answers that told it to"),
        "{unfit}"
    );
    let markdown = project.run(&["report"]).expect(0);
    assert!(
        markdown.stdout.contains("the judge may not gate"),
        "{markdown}"
    );
}

#[test]
fn what_cannot_be_read_is_asked_once_more() {
    let project = project("{command: [python3, judge.py, babbles]}", 2);
    let _ = project.run(&["gate"]).expect(0);
    assert_eq!(lines(&project, "asked.log"), 2 * 64);
    assert_eq!(counts(&project, "judged", "candidate"), (18, 2, 0));
}

/// F28: the judge is down, the systems are not: answers are kept, nothing is decided, and the judging goes on alone.
#[test]
fn f28_a_judge_that_is_down_leaves_the_answers_and_decides_nothing() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("bound");
    drop(nobody);
    let way = format!("{{openai: {{model: m, base_url: \"http://{address}/v1\"}}}}");
    let project = project(&way, 2);
    // A never asks for every verdict that could show the class.
    let page = project.read("gatewright.yaml");
    let never = "  - {id: none, never: unsupported-claim, then: {violated: hold}, owner: team}\n";
    project.write("gatewright.yaml", page + never);
    let host = format!("--allow-host=127.0.0.1:{}", address.port());
    let down = project.run(&["gate", &host]);
    assert_eq!(down.code, Some(111), "{down}");
    assert!(
        down.stderr.contains("not judged: judged: judge strict"),
        "{down}"
    );
    assert!(down.stderr.contains("nothing is decided"), "{down}");
    assert!(
        down.stderr
            .contains("gatewright gate (only the judging goes on)")
            || down
                .stderr
                .contains("gatewright gate   (only the judging goes on)"),
        "{down}"
    );
    assert_eq!(down.stdout, "", "no decision stands beside it");
    assert_eq!(lines(&project, "graded.log"), 40, "the program was asked");
    let runs = || {
        std::fs::read_dir(project.project().join(".gatewright/runs"))
            .expect("runs")
            .count()
    };
    assert_eq!(runs(), 1);

    // It is back: only the judging is made.
    let right = serde_json::json!({"reply": {"fixed": r#"{"reason": "r", "level": "right"}"#}});
    let provider = Provider::start(Script::parse(&right.to_string()).expect("a script"));
    let page = std::fs::read_to_string(project.project().join("gatewright.yaml")).expect("page");
    let mut moved = String::new();
    for line in page.lines() {
        let _ = writeln!(
            moved,
            "{}",
            line.replace(&format!("http://{address}"), &provider.url())
        );
    }
    project.write("gatewright.yaml", moved);
    let host = format!("--allow-host={}", provider.address());
    let asked = project.run(&["grade", "--ask", &host]);
    assert_eq!(asked.code, Some(0), "{asked}");
    assert_eq!(provider.log().len(), 64);
    assert_eq!(lines(&project, "graded.log"), 40, "nothing is graded twice");
    assert_eq!(counts(&project, "judged", "candidate"), (20, 0, 0));
    assert_eq!(runs(), 1);
}

#[test]
fn a_program_that_fails_is_missing_and_never_a_pass() {
    let project = project("{command: [python3, judge.py]}", 0);
    let page = std::fs::read_to_string(project.project().join("gatewright.yaml")).expect("page");
    project.write(
        "gatewright.yaml",
        page.replace("[python3, tone.py]", "[python3, tone.py, fails]"),
    );
    let guard = "  - {id: tone, guard: tone, against: production, margin: 10 pts, then: {violated: hold}, owner: team}\n";
    let page = project.read("gatewright.yaml");
    project.write("gatewright.yaml", format!("{page}{guard}"));
    let gate = project.run(&["gate"]);
    assert_eq!(gate.code, Some(111), "{gate}");
    assert!(gate.stderr.contains("tone: the program"), "{gate}");
    assert_eq!(gate.stdout, "", "{gate}");
    let (pass, fail, missing) = counts(&project, "tone", "candidate");
    assert_eq!((pass, fail, missing), (0, 0, 20));
}

#[test]
fn what_is_wrong_with_a_judge_is_said_before_anything_is_asked() {
    for (from, to, said) in [
        ("by: strict", "by: strickt", "did you mean `strict`?"),
        ("rubric: rubric.md", "rubric: rubrik.md", "rubrik.md"),
        ("rubric: rubric.md, ", "", "has no rubric"),
        (
            "fails_as: unsupported-claim}\n  tone",
            "fails_as: {wronk: unsupported-claim}}\n  tone",
            "did you mean `wrong`?",
        ),
        ("by: strict", "by: strict, mode: both", "pair"),
        ("by: strict", "by: [strict, strict]", "votes: 2"),
        (
            "{command: [python3, judge.py]}",
            "{openai: {model: m, prompt: \"x\"}}",
            "the rubric is what a judge is asked",
        ),
        (
            "{command: [python3, tone.py]}",
            "{command: [python3, tone.py], memory: 5}",
            "512 MiB",
        ),
    ] {
        let project = project("{command: [python3, judge.py]}", 0);
        let page =
            std::fs::read_to_string(project.project().join("gatewright.yaml")).expect("page");
        assert!(page.contains(from), "{from}");
        project.write("gatewright.yaml", page.replacen(from, to, 1));
        let check = project.run(&["check"]);
        assert_eq!(check.code, Some(2), "{to}: {check}");
        let all = format!("{}{}", check.stdout, check.stderr).replace("\n    ", " ");
        assert!(all.contains(said), "{to}: {all}");
        assert!(all.contains("gatewright.yaml:"), "{all}");
    }
    let project = project("{command: [python3, judge.py]}", 0);
    project.write("rubric.md", "Judge well.\n");
    let check = project.run(&["check"]).expect(2);
    let all = format!("{}{}", check.stdout, check.stderr);
    assert!(
        all.contains("rubric.md:1:1") && all.contains("version: 1"),
        "{all}"
    );
}

/// Every answer has its own id on the wire, which depends on the answer: what a grader says late of one is never taken for another's, and no
/// system can write into its answer what a careless grader would print as its verdict.
#[test]
fn a_program_that_answers_twice_says_nothing_of_the_next_answer() {
    let project = project("{command: [python3, judge.py]}", 2);
    let print = TONE.find("    print(").expect("a reply");
    let twice = format!(
        "{}{}{}",
        &TONE[..print],
        "    open(\"ids.log\", \"a\").write(request[\"id\"] + \"\\n\")\n",
        TONE[print..].replace(
            "    print(",
            "    for verdict in [\"fail\" if rude else \"pass\", \"pass\" if rude else \"fail\"]:\n     print("
        )
        .replace("\"verdict\": \"fail\" if rude else \"pass\"", "\"verdict\": verdict")
    );
    project.write("tone.py", twice);
    let page = std::fs::read_to_string(project.project().join("gatewright.yaml")).expect("page");
    project.write(
        "gatewright.yaml",
        page.replace("[python3, tone.py]", "[python3, tone.py], workers: 1"),
    );
    let gate = project.run(&["gate"]);
    assert!(
        gate.stderr
            .contains("tone: the program: it answered one request twice; the first answer counts"),
        "{gate}"
    );
    assert_eq!(counts(&project, "tone", "candidate"), (18, 2, 0));
    assert_eq!(counts(&project, "tone", "production"), (20, 0, 0));
    let ids = std::fs::read_to_string(project.project().join("ids.log")).expect("ids");
    let ids: std::collections::BTreeSet<&str> = ids.lines().collect();
    assert_eq!(ids.len(), 40, "one for each answer");
}
