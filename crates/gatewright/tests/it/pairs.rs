//! Two answers that people compare: asked, written, and read by the gate.

use std::fmt::Write as _;

use gatewright_testkit::{TestEnvironment, Transcript};
use serde_json::Value;

use crate::project::{environment, page};

const PER_TASK: usize = 12;
const LIKED: &str = "  - {id: not-liked-less, require: liked, against: production, margin: 10 pts, from: [policy], then: {violated: hold}, owner: team}\n";
const GRADER: &str = "right: {grader: {preference: {from: [old.jsonl, reviewed.jsonl], by: person, rubric: RUBRIC, first: [\"1\", one], second: [\"2\"], tie: [same]}}, fails_as: unsupported-claim}";

/// The candidate is the first system of every other example.
fn is_first(index: usize) -> bool {
    index.is_multiple_of(2)
}

fn project() -> TestEnvironment {
    let place = environment();
    let page = page("standard: shown", LIKED)
        .replace(
            "right: {grader: {contains: {}}, fails_as: unsupported-claim}",
            &GRADER.replace("right:", "liked:").replace("RUBRIC", "r1"),
        )
        .replace(
            "{recorded: runs/candidate",
            "{name: newer, recorded: runs/candidate",
        )
        .replace(
            "{recorded: runs/production",
            "{name: older, recorded: runs/production",
        );
    place.write("gatewright.yaml", page);
    let (mut examples, mut ours, mut theirs) = Default::default();
    for task in ["cold", "warm"] {
        for index in 0..PER_TASK {
            let id = format!("{task}-{index:02}");
            let (first, second) = match is_first(index) {
                true => ("newer", "older"),
                false => ("older", "newer"),
            };
            let example: &mut String = &mut examples;
            let _ = writeln!(
                example,
                r#"{{"id":"{id}","input":"what is {id}?","segments":{{"task":"{task}"}},"fields":{{"system_1":"{first}","system_2":"{second}"}},"provenance":{{"kind":"policy","added":"2026-10-01"}}}}"#
            );
            let ours: &mut String = &mut ours;
            let _ = writeln!(
                ours,
                r#"{{"example":"{id}","output":"{id}, with a reason"}}"#
            );
            let theirs: &mut String = &mut theirs;
            let _ = writeln!(theirs, r#"{{"example":"{id}","output":"{id}"}}"#);
        }
    }
    place.write("reference/all.jsonl", examples);
    place.write("runs/candidate.jsonl", ours);
    place.write("runs/production.jsonl", theirs);
    place.write("old.jsonl", "");
    place.write("reviewed.jsonl", "");
    place
}

fn json(output: &Transcript) -> Value {
    serde_json::from_str(&output.stdout).expect("json")
}

fn counts(place: &TestEnvironment) -> Value {
    let view = json(&place.run(&["gate", "--fresh", "--json"]));
    let cells = view["tables"].as_array().expect("tables").iter();
    let mut whole =
        cells.filter(|it| it["criterion"] == "liked" && it["slice"]["words"] == "all examples");
    whole.next().expect("a cell")["systems"]["candidate"].clone()
}

/// Everybody likes the answer with a reason, whichever system the example names first.
fn fill_in(text: &str, who: &str) -> String {
    let mut filled = String::new();
    for row in text.lines() {
        let mut row: Value = serde_json::from_str(row).expect("a row");
        let output = row["fields"]["output"].as_str().expect("the first answer");
        row["label"] = if output.contains("reason") { "1" } else { "2" }.into();
        row["annotator"] = who.into();
        let _ = writeln!(filled, "{row}");
    }
    filled.replace(",\"open\":true", "")
}

#[test]
fn pairs_are_asked_without_names_and_their_labels_are_of_both_texts() {
    let place = project();
    let ask = [
        "review",
        "ask",
        "--criterion",
        "liked",
        "--people",
        "1",
        "--json",
    ];
    let asked = json(&place.run(&ask).expect(0));
    assert_eq!((&asked["answers"], &asked["new"]), (&24.into(), &24.into()));
    assert_eq!(json(&place.run(&ask).expect(0))["new"], 0);
    let export = ["review", "export", "-o", "reviewed.jsonl"];
    let _ = place.run(&export).expect(0);
    let open = place.read("reviewed.jsonl");
    for word in ["newer", "older", "candidate", "production"] {
        assert!(!open.contains(word), "{word}: {open}");
    }
    // Nobody has compared them: what is asked and open is missing, and no verdict.
    let none = counts(&place);
    assert_eq!(none["missing"]["grader error"], 24, "{none}");
    place.write("filled.jsonl", fill_in(&open, "ana"));
    let _ = place
        .run(&["review", "ask", "filled.jsonl", "--people", "1"])
        .expect(0);
    let _ = place.run(&export).expect(0);
    assert!(!place.read("reviewed.jsonl").contains("newer"));
    let won = counts(&place);
    assert_eq!(
        (&won["win"], &won["loss"]),
        (&24.into(), &0.into()),
        "{won}"
    );
    // Another answer of either system is another pair: what was said of the first is not said of it.
    for file in ["runs/candidate.jsonl", "runs/production.jsonl"] {
        let before = place.read(file);
        place.write(
            file,
            before.replace("\"output\":\"warm-03", "\"output\":\"so: warm-03"),
        );
        let moved = counts(&place);
        assert_eq!(
            (&moved["win"], &moved["missing"]["grader error"]),
            (&23.into(), &1.into()),
            "{file}: {moved}"
        );
        place.write(file, before);
    }
    // A new version of the rubric leaves all of them to be compared anew.
    let page = place.read("gatewright.yaml");
    place.write("gatewright.yaml", page.replace("rubric: r1", "rubric: r2"));
    let voided = counts(&place);
    assert_eq!(voided["missing"]["grader error"], 24, "{voided}");
    assert_eq!(json(&place.run(&ask).expect(0))["new"], 24);
}

#[test]
fn what_people_prefer_otherwise_is_taken_over_by_its_meaning() {
    let place = project();
    // `one` and `1` mean the same; a label that means nothing is left out.
    let row = |who: &str, label: &str| {
        format!(r#"{{"example":"warm-00","annotator":"{who}","label":"{label}"}}"#) + "\n"
    };
    place.write(
        "old.jsonl",
        row("ana", "one") + &row("ben", "2") + &row("eve", "hm"),
    );
    let ask = ["review", "ask", "--policy", "disputed", "--json"];
    let asked = json(&place.run(&ask).expect(0));
    assert_eq!((&asked["new"], &asked["labels"]), (&1.into(), &2.into()));
    let due = json(
        &place
            .run(&["today", "--person", "cleo", "--json"])
            .expect(0),
    );
    assert_eq!(due["to_settle"]["liked"], 1);
    let refused = place
        .run(&["review", "disagreements", "liked", "-o", "d.jsonl"])
        .expect(2);
    assert!(
        refused
            .said()
            .contains("--policy disputed --criterion liked"),
        "{refused}"
    );
    // Where one of the two answered nothing there is no pair.
    place.write("runs/production.jsonl", "");
    let none = place
        .run(&["review", "ask", "--criterion", "liked"])
        .expect(2);
    assert!(none.said().contains("no two answers to compare"), "{none}");
}
