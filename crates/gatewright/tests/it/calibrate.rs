//! From a judge's labels to a decision: plan, label, calibrate, gate.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gatewright_testkit::TestEnvironment;
use serde_json::Value;

use crate::project::labelled;

const REQUIRE: &str = "  - {id: mostly-right, require: right, at_least: 60 %, from: [policy], then: {violated: hold}, owner: team}
  - {id: no-task-breaks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}
";
const PER_TASK: usize = 60;

/// Every fourth answer is wrong.
fn right(index: usize) -> bool {
    index % 4 != 1
}

/// The judge is wrong on every twentieth answer, and sees the candidate lose the first `flips` warm ones.
fn judge(flips: usize) -> String {
    let mut text = String::new();
    for system in ["candidate", "production"] {
        for task in ["cold", "warm"] {
            for index in 0..PER_TASK {
                let flip = system == "candidate" && task == "warm" && index < flips;
                let passed = (right(index) ^ (index % 20 == 19)) && !flip;
                let label = if passed { "ok" } else { "no" };
                let _ = writeln!(
                    text,
                    r#"{{"example":"{task}-{index:02}","system":"{system}","annotator":"judge-1","label":"{label}"}}"#
                );
            }
        }
    }
    text
}

pub(crate) fn project(people: &str, rubric: &str, flips: usize) -> TestEnvironment {
    let label = format!("from: judge.jsonl, by: model, rubric: {rubric}");
    let project = labelled(
        ("standard: shown", REQUIRE),
        (&label, people),
        PER_TASK,
        right,
    );
    project.write("judge.jsonl", judge(flips));
    project
}

pub(crate) const PEOPLE: &str = ", people: {from: labels.jsonl}";

fn rows(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

/// What a person would write: the answer names the example or it does not.
fn fill_in(text: &str) -> String {
    let mut filled = String::new();
    for mut row in rows(text) {
        let example = row["example"].as_str().expect("an example").to_owned();
        let output = row["fields"]["output"].as_str().expect("an output");
        let label = if output.contains(&example) {
            "ok"
        } else {
            "no"
        };
        row["label"] = label.into();
        row["annotator"] = "ana".into();
        let _ = writeln!(filled, "{row}");
    }
    filled
}

#[test]
fn plan_label_calibrate_gate() {
    let project = project(PEOPLE, "r1", 0);
    // Nobody has labelled anything: the rules are open, and say what would decide them.
    let gate = project.run(&["gate"]).expect(110);
    assert!(gate.stdout.contains("people labelled none"), "{gate}");
    let plan = ["calibrate", "right", "--plan", "160", "-o", "labels.jsonl"];
    let planned = project.run(&plan).expect(0);
    assert!(
        planned
            .stdout
            .starts_with("Wrote 160 answers of 80 examples"),
        "{planned}"
    );
    let blank = project.read("labels.jsonl");
    assert_eq!(blank.lines().count(), 160);
    for word in ["candidate", "production", "judge-1"] {
        assert!(!blank.contains(word), "the file is blind to `{word}`");
    }
    let ids: BTreeSet<String> = rows(&blank)
        .iter()
        .map(|row| row["answer_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 160, "each answer has its own");
    assert!(rows(&blank).iter().all(|row| row["label"].is_null()));
    // An empty file of labels is no label, and what is there is not overwritten.
    let _ = project.run(&["calibrate", "right"]).expect(0);
    let again = project.run(&plan).expect(2);
    assert!(again.stderr.contains("may hold labels"), "{again}");

    project.write("labels.jsonl", fill_in(&blank));
    let json = project.run(&["calibrate", "right", "--json"]).expect(0);
    let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let one = &found["criteria"][0];
    assert_eq!(found["format"], "gatewright-calibration/1");
    assert_eq!(
        (&one["fitness"], &one["pooled"]["labelled"]),
        (&Value::from("fit"), &Value::from(160)),
        "{json}"
    );
    let text = project.run(&["calibrate", "right"]).expect(0).stdout;
    assert!(
        text.lines().count() <= 25 && text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    assert!(text.contains("fit to gate"), "{text}");
    let gate = project.run(&["gate", "--json"]).expect(0);
    let view: Value = serde_json::from_str(&gate.stdout).expect("JSON");
    assert_eq!(
        view["findings"][0]["for_holds"]["method"], "PPI++",
        "{gate}"
    );
    assert_eq!(view["findings"][0]["labelled"], 80);

    // More of the same draw, with what is labelled already.
    let more = ["calibrate", "right", "--plan", "200", "-o", "more.jsonl"];
    let _ = project.run(&more).expect(0);
    let more = rows(&project.read("more.jsonl"));
    assert_eq!(more.len(), 200);
    assert_eq!(
        more.iter().filter(|row| row["label"].is_string()).count(),
        160
    );
}

/// Blank places are answers that were drawn: leaving out those on which the judge is wrong must not make it right.
#[test]
fn a_drawn_answer_without_a_label_keeps_the_judge_from_gating() {
    let project = project(PEOPLE, "r1", 0);
    let plan = ["calibrate", "right", "--plan", "240", "-o", "labels.jsonl"];
    let _ = project.run(&plan).expect(0);
    let whole = fill_in(&project.read("labels.jsonl"));
    project.write("labels.jsonl", &whole);
    let _ = project.run(&["gate"]).expect(0);
    let mut blanked = 0;
    let mut some = String::new();
    for mut row in rows(&whole) {
        // The judge is wrong on every twentieth.
        let example = row["example"].as_str().expect("an example");
        if example.ends_with("19") {
            row["label"] = Value::Null;
            blanked += 1;
        }
        let _ = writeln!(some, "{row}");
    }
    assert_eq!(blanked, 4);
    project.write("labels.jsonl", &some);
    let gate = project.run(&["gate", "--fresh"]).expect(110);
    let said = "4 answers that people were to label have no label yet";
    let words = gate.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(said), "{gate}");
    let json = project.run(&["calibrate", "right", "--json"]).expect(0);
    let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let one = &found["criteria"][0];
    assert_eq!(
        (
            &one["fitness"],
            &one["reasons"][0]["code"],
            &one["labels_needed"]
        ),
        (&"undecided".into(), &"open".into(), &4.into()),
        "{json}"
    );
    // Somebody else's label fills the place.
    let filled: String = rows(&whole)
        .into_iter()
        .filter(|row| row["example"].as_str().is_some_and(|it| it.ends_with("19")))
        .map(|mut row| {
            row["annotator"] = "ben".into();
            format!("{row}\n")
        })
        .collect();
    project.write("labels.jsonl", some + &filled);
    let _ = project.run(&["gate", "--fresh"]).expect(0);
}

#[test]
fn a_trip_waits_for_people_and_a_new_rubric_is_another_judge() {
    let project = project(PEOPLE, "r1", 8);
    let _ = project
        .run(&["calibrate", "right", "--plan", "240", "-o", "all.jsonl"])
        .expect(0);
    let all = fill_in(&project.read("all.jsonl"));
    // Everything but the flips.
    let flip = |row: &Value| {
        let example = row["example"].as_str().unwrap_or_default();
        example.starts_with("warm-0") && example < "warm-08"
    };
    let some: String = rows(&all)
        .iter()
        .filter(|row| !flip(row))
        .map(|row| format!("{row}\n"))
        .collect();
    project.write("labels.jsonl", some);
    let hash = |environment: &TestEnvironment| {
        let json = environment.run(&["calibrate", "right", "--json"]).expect(0);
        let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
        found["criteria"][0]["judge"].to_string()
    };
    let before = hash(&project);
    let gate = project.run(&["gate"]).expect(110);
    assert!(
        gate.stdout.contains("only the judge saw it: label 6 flips"),
        "{gate}"
    );
    // Another rubric version is another judge: the calibration on the record is not its own.
    let page = project
        .read("gatewright.yaml")
        .replace("rubric: r1", "rubric: r2");
    project.write("gatewright.yaml", page);
    project.write("labels.jsonl", "");
    let json = project.run(&["calibrate", "right", "--json"]).expect(0);
    let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_ne!(found["criteria"][0]["judge"].to_string(), before);
    assert_eq!(
        found["criteria"][0]["reasons"][0]["code"], "changed",
        "{json}"
    );
    let back = project
        .read("gatewright.yaml")
        .replace("rubric: r2", "rubric: r1");
    project.write("gatewright.yaml", back);
    let json = project.run(&["calibrate", "right", "--json"]).expect(0);
    let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(found["criteria"][0]["from_earlier"], true, "{json}");
}

#[test]
fn check_asks_for_people_where_a_judge_decides() {
    let without = project("", "r1", 0);
    let check = without.run(&["check"]).expect(0);
    let said = check.stdout.clone() + &check.stderr;
    for part in [
        "uncalibrated-judge",
        "76 labels",
        "people: {from: labels.jsonl}",
        "only watch",
    ] {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(part), "no `{part}` in\n{check}");
    }
    let refused = without.run(&["calibrate", "right"]).expect(2);
    assert!(refused.stderr.contains("docs/calibration.md"), "{refused}");
    let refused = without.run(&["calibrate", "rigth"]).expect(2);
    assert!(
        refused.stderr.contains("did you mean `right`?"),
        "{refused}"
    );
    let with = project(PEOPLE, "r1", 0);
    let check = with.run(&["check"]).expect(0);
    assert!(
        (check.stdout.clone() + &check.stderr).contains("no-labels-yet"),
        "{check}"
    );
    let machine = project(", people: {from: labels.jsonl, by: model}", "r1", 0);
    let check = machine.run(&["check"]).expect(2);
    assert!(
        (check.stdout.clone() + &check.stderr).contains("not-people"),
        "{check}"
    );
}

/// What people said of one answer is not said of another that took its place: fewer labels, never somebody else's.
#[test]
fn labels_are_about_the_text_that_was_read() {
    let project = project(PEOPLE, "r1", 0);
    let _ = project
        .run(&["calibrate", "right", "--plan", "240", "-o", "labels.jsonl"])
        .expect(0);
    let filled = fill_in(&project.read("labels.jsonl"));
    project.write("labels.jsonl", &filled);
    let reading = |environment: &TestEnvironment| {
        let json = environment.run(&["calibrate", "right", "--json"]).expect(0);
        let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
        let pooled = &found["criteria"][0]["pooled"];
        (pooled["labelled"].clone(), pooled["outdated"].clone())
    };
    assert_eq!(reading(&project), (240.into(), 0.into()));
    let before = project.run(&["gate"]);

    // The candidate answers 30 of its 120 examples in other words.
    let mut said = String::new();
    for (index, line) in project.read("runs/candidate.jsonl").lines().enumerate() {
        let mut row: Value = serde_json::from_str(line).expect("a JSON line");
        if index % 4 == 0 {
            row["output"] =
                format!("{} Anything else?", row["output"].as_str().expect("text")).into();
        }
        let _ = writeln!(said, "{row}");
    }
    project.write("runs/candidate.jsonl", said);
    assert_eq!(reading(&project), (210.into(), 30.into()));
    let text = project.run(&["calibrate", "right"]).expect(0).stdout;
    assert!(
        text.contains("People labelled 30 more answers that are others now"),
        "{text}"
    );
    let gate = project.run(&["gate", "--json"]);
    let view: Value = serde_json::from_str(&gate.stdout).expect("JSON");
    assert_eq!(view["findings"][0]["labelled"], 90, "{before}");

    // They are asked about again, beside what still stands; the old rows may stay.
    let again = ["calibrate", "right", "--plan", "240", "-o", "again.jsonl"];
    let _ = project.run(&again).expect(0);
    let asked = rows(&project.read("again.jsonl"));
    let open: Vec<&Value> = asked.iter().filter(|row| row["label"].is_null()).collect();
    assert_eq!((asked.len(), open.len()), (240, 30));
    let lines: String = open.iter().map(|row| format!("{row}\n")).collect();
    project.write("labels.jsonl", filled + &fill_in(&lines));
    assert_eq!(reading(&project), (240.into(), 0.into()));

    // A code whose text is no code is none of ours.
    let mut broken = rows(&fill_in(&lines)).swap_remove(0);
    let id = broken["answer_id"].as_str().expect("text")[..20].to_owned();
    broken["answer_id"] = id.into();
    project.write("labels.jsonl", broken.to_string());
    let refused = project.run(&["calibrate", "right"]).expect(2);
    assert!(refused.stderr.contains("unknown-answer"), "{refused}");
}

/// How many labels are needed is one number, from one formula, wherever it is said: that of the rule that asks most.
#[test]
fn check_gate_and_calibrate_ask_for_as_many_labels() {
    for (severity, wanted) in [("medium", 60), ("high", 76), ("critical", 362)] {
        let project = project(PEOPLE, "r1", 0);
        let page = project.read("gatewright.yaml");
        let rule = format!("severity: {severity}, then: {{violated: hold}}");
        project.write(
            "gatewright.yaml",
            page.replace("then: {violated: hold}", &rule),
        );
        let said = |run: gatewright_testkit::Transcript| {
            let all = run.stdout.clone() + &run.stderr;
            all.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let check = said(project.run(&["check"]).expect(0));
        // A rule on the candidate alone: the answers drawn are half production's.
        let drawn = 2 * wanted;
        let planned = format!("gatewright calibrate right --plan {drawn} -o labels.jsonl");
        assert!(check.contains(&planned), "{severity}: {check}");
        let more = format!("label about {wanted} more answers");
        let gate = said(project.run(&["gate"]).expect(110));
        assert!(gate.contains(&more), "{severity}: {gate}");
        let json = project.run(&["calibrate", "right", "--json"]).expect(0);
        let found: Value = serde_json::from_str(&json.stdout).expect("JSON");
        assert_eq!(found["criteria"][0]["labels_needed"], wanted, "{severity}");
        let next = found["criteria"][0]["next"].as_str().expect("text");
        assert!(next.contains(&more) && next.contains(&planned), "{next}");
    }
}

/// The same plan, asked at the desk: what can change the decision comes first, each with its reason, and the gate reads what comes back.
#[test]
fn a_plan_is_asked_at_the_desk() {
    let project = project(PEOPLE, "r1", 6);
    let ask = ["review", "ask", "--criterion", "right"];
    let refused = project.run(&ask).expect(2);
    assert!(
        refused
            .said()
            .contains("review ask --criterion right --plan 90"),
        "{refused}"
    );
    let plan = [&ask[..], &["--plan", "160", "--people", "1", "--json"]].concat();
    let asked: Value = serde_json::from_str(&project.run(&plan).expect(0).stdout).expect("json");
    assert_eq!(
        (&asked["answers"], &asked["new"]),
        (&160.into(), &160.into())
    );
    let again: Value = serde_json::from_str(&project.run(&plan).expect(0).stdout).expect("json");
    assert_eq!(again["new"], 0);
    let export = ["review", "export", "-o", "labels.jsonl"];
    let _ = project.run(&export).expect(0);
    let open = project.read("labels.jsonl");
    let all = rows(&open);
    assert_eq!(all.len(), 160);
    // Both answers to each of the six examples with a difference come first; nothing in a row says so, or who answered.
    let first: BTreeSet<&str> = all[..12]
        .iter()
        .filter_map(|row| row["example"].as_str())
        .collect();
    let flips: Vec<String> = (0..6).map(|index| format!("warm-{index:02}")).collect();
    let flips: BTreeSet<&str> = flips
        .iter()
        .map(String::as_str)
        .filter(|it| *it != "warm-01" && *it != "warm-05")
        .collect();
    assert!(flips.is_subset(&first), "{first:?}");
    for word in ["judge", "difference", "candidate", "production"] {
        assert!(!open.contains(word), "{word}");
    }
    assert!(all.iter().all(|row| {
        row["inclusion"]
            .as_f64()
            .is_some_and(|it| it > 0.0 && it <= 1.0)
    }));
    // Nobody has labelled one: the judge does not gate.
    let gate = project.run(&["gate", "--fresh"]);
    assert!([Some(100), Some(110)].contains(&gate.code), "{gate}");
    let filled = fill_in(&open).replace(",\"open\":true", "");
    project.write("filled.jsonl", filled);
    let taken = project
        .run(&["review", "ask", "filled.jsonl", "--people", "1"])
        .expect(0);
    assert!(taken.stdout.contains("160 labels taken over"), "{taken}");
    let _ = project.run(&export).expect(0);
    let said = project.run(&["calibrate", "right"]).expect(0);
    assert!(said.stdout.contains("160"), "{said}");
    // Somebody outside the team looks at some of what is finished; by that people are measured.
    let audit = ["review", "export", "--audit", "40", "-o", "audit.jsonl"];
    let wrote = project.run(&audit).expect(0);
    assert!(
        wrote
            .stdout
            .starts_with("Wrote 40 answers of 160 to audit.jsonl"),
        "{wrote}"
    );
    let _ = project.run(&audit).expect(2);
    let blank = project.read("audit.jsonl");
    assert!(
        !blank.contains("ana") && rows(&blank).iter().all(|row| row["label"].is_null()),
        "{blank}"
    );
    let outside = fill_in(&blank).replace("\"ana\"", "\"outside\"");
    project.write(
        "audit-filled.jsonl",
        outside.replacen("\"label\":\"ok\"", "\"label\":\"no\"", 4),
    );
    let gold = project
        .run(&[
            "review",
            "ask",
            "audit-filled.jsonl",
            "--gold",
            "--people",
            "1",
        ])
        .expect(0);
    assert!(gold.stdout.contains("40 known labels taken over"), "{gold}");
    let next = ["review", "export", "--audit", "200", "-o", "more.jsonl"];
    let rest = project.run(&next).expect(0);
    assert!(
        rest.stdout.starts_with("Wrote 120 answers of 120"),
        "{rest}"
    );
}
