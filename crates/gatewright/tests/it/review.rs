//! People who label the same answers: agreement, what they differ on, and a label that settles it.

use std::fmt::Write as _;

use gatewright_testkit::TestEnvironment;
use serde_json::Value;

use crate::project::{GUARD, labelled};

const PER_TASK: usize = 30;

/// What two people say of both systems: everything is right, and they differ on the candidate's first `disputed` warm answers.
fn labels(disputed: usize) -> String {
    let mut text = String::new();
    for system in ["candidate", "production"] {
        for task in ["cold", "warm"] {
            for index in 0..PER_TASK {
                let differ = system == "candidate" && task == "warm" && index < disputed;
                for (who, label) in [("ana", "ok"), ("ben", if differ { "no" } else { "ok" })] {
                    let _ = writeln!(
                        text,
                        r#"{{"example":"{task}-{index:02}","system":"{system}","annotator":"{who}","label":"{label}"}}"#
                    );
                }
            }
        }
    }
    text
}

pub(crate) fn project(from: &str, disputed: usize) -> TestEnvironment {
    let label = format!("from: {from}, by: person, rubric: r1");
    let project = labelled(
        ("standard: unbroken", GUARD),
        (&label, ""),
        PER_TASK,
        |_| true,
    );
    project.write("labels.jsonl", labels(disputed));
    project
}

fn settle(project: &TestEnvironment, label: &str) {
    let mut settled = String::new();
    for row in project.read("disputed.jsonl").lines() {
        let mut row: Value = serde_json::from_str(row).expect("a row");
        row["label"] = label.into();
        row["annotator"] = "carla".into();
        let _ = writeln!(settled, "{row}");
    }
    project.write("settled.jsonl", settled);
}

#[test]
fn what_people_differ_on_is_missing_until_somebody_settles_it() {
    let project = project("labels.jsonl", 8);
    let gate = project.run(&["gate"]);
    assert!([Some(100), Some(110)].contains(&gate.code), "{gate}");
    let said = project.run(&["review", "agreement"]).expect(0);
    assert!(
        said.stdout.contains("right (rubric r1): repair the rubric"),
        "{said}"
    );
    assert!(said.stdout.contains("ana and ben: Cohen's kappa"), "{said}");
    let said = project
        .run(&["review", "disagreements", "right", "-o", "disputed.jsonl"])
        .expect(0);
    assert!(
        said.stdout.starts_with("Wrote 8 disputed answers"),
        "{said}"
    );
    // A23: neither who labelled nor who answered is in the file.
    let rows = project.read("disputed.jsonl");
    for name in ["ana", "ben", "candidate", "production"] {
        assert!(!rows.contains(&format!("\"{name}\"")), "{name}: {rows}");
    }
    let first: Value = serde_json::from_str(rows.lines().next().expect("one")).expect("json");
    assert_eq!(first["fields"]["said"], serde_json::json!(["no", "ok"]));
    assert_eq!(first["fields"]["output"], "it is warm-00");
    let again = project
        .run(&["review", "disagreements", "right", "-o", "disputed.jsonl"])
        .expect(2);
    assert!(again.said().contains("there already"), "{again}");
    // Settled in favour of the candidate it ships, against it it does not.
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("from: labels.jsonl", "from: [labels.jsonl, settled.jsonl]"),
    );
    project.write("settled.jsonl", rows.as_str());
    let open = project.run(&["gate", "--fresh"]);
    assert!(
        [Some(100), Some(110)].contains(&open.code),
        "nobody has filled it in\n{open}"
    );
    settle(&project, "ok");
    let gate = project.run(&["gate", "--fresh", "--json"]).expect(0);
    let view: Value = serde_json::from_str(&gate.stdout).expect("json");
    let note = "reviewers of right disagree on 8 of 120 answers that several labelled; 8 settled by one label";
    assert_eq!(view["judge_notes"], serde_json::json!([note]));
    settle(&project, "no");
    let gate = project.run(&["gate", "--fresh"]).expect(100);
    assert!(gate.stdout.contains("warm"), "{gate}");
    // They still differ, and there is nothing left to settle.
    let said = project.run(&["review", "agreement", "--json"]).expect(0);
    let found: Value = serde_json::from_str(&said.stdout).expect("json");
    assert_eq!(found["criteria"][0]["all"]["differ"], 8);
    assert_eq!(
        found["criteria"][0]["people"],
        serde_json::json!(["ana", "ben"])
    );
    let said = project
        .run(&["review", "disagreements", "right", "-o", "more.jsonl"])
        .expect(0);
    assert!(said.stdout.contains("nothing is left to settle"), "{said}");
    assert!(said.stdout.contains("8 settled already"), "{said}");
}

/// A label that settles is the verdict also where nobody differed: the report says so.
#[test]
fn a_label_against_all_others_is_in_sight() {
    let project = project("[labels.jsonl, settled.jsonl]", 2);
    let row = |example: &str, label: &str| {
        format!(
            r#"{{"example":"{example}","system":"candidate","annotator":"carla","kind":"human_adjudicated","label":"{label}"}}"#
        ) + "\n"
    };
    let rows = row("warm-00", "ok") + &row("warm-01", "ok") + &row("cold-03", "no");
    project.write("settled.jsonl", rows);
    let gate = project.run(&["gate", "--json"]);
    let view: Value = serde_json::from_str(&gate.stdout).expect("json");
    let note = "reviewers of right disagree on 2 of 120 answers that several labelled; 3 settled by one label, 1 of them against all others";
    assert_eq!(view["judge_notes"], serde_json::json!([note]), "{gate}");
    assert_eq!(view["classes"][0]["outcomes"]["candidate"], 1, "{gate}");
}

#[test]
fn names_that_nobody_has_are_refused() {
    let project = project("labels.jsonl", 2);
    let wrong = project.run(&["review", "agreement", "rigth"]).expect(2);
    assert!(wrong.said().contains("did you mean `right`"), "{wrong}");
    let wrong = project
        .run(&["review", "agreement", "--person", "anna"])
        .expect(2);
    assert!(wrong.said().contains("did you mean `ana`"), "{wrong}");
    let alone = project
        .run(&["review", "agreement", "--person", "ana"])
        .expect(0);
    assert!(
        alone
            .stdout
            .contains("no answer has the labels of two people"),
        "{alone}"
    );
    let plain = crate::project::recorded("standard: unbroken", 30, 0);
    let none = plain.run(&["review", "agreement"]).expect(2);
    assert!(
        none.said()
            .contains("no criterion of this page is labelled by people"),
        "{none}"
    );
}

fn json(output: &gatewright_testkit::Transcript) -> Value {
    serde_json::from_str(&output.stdout).expect("json")
}

/// What people said in files becomes a queue of what they differ on; what is said of it comes back as a file that the page can name.
#[test]
fn labels_of_files_are_asked_about_and_written_back() {
    let project = project("labels.jsonl", 8);
    let asked = project
        .run(&["review", "ask", "--criterion", "right", "--not-by", "dora"])
        .expect(0);
    assert!(
        asked
            .stdout
            .contains("120 answers, 120 of them new; 2 people label each")
            && asked.stdout.contains("240 labels taken over"),
        "{asked}"
    );
    let again = json(
        &project
            .run(&[
                "review",
                "ask",
                "--criterion",
                "right",
                "--not-by",
                "dora",
                "--json",
            ])
            .expect(0),
    );
    assert_eq!(
        (&again["new"], &again["labels"]),
        (&0.into(), &0.into()),
        "{again}"
    );
    let due = json(
        &project
            .run(&["today", "--person", "cy", "--json"])
            .expect(0),
    );
    assert_eq!(due["to_settle"]["right"], 8);
    assert_eq!(due["review"]["disputed"], 8);
    let author = json(
        &project
            .run(&["today", "--person", "dora", "--json"])
            .expect(0),
    );
    assert_eq!(
        author["review"]["disputed"], 0,
        "the author settles nothing"
    );
    // Nothing in the log's items says who answered (A23); labels carry names, which is why pages show them late.
    let here = json(
        &project
            .run(&["review", "agreement", "--asked", "--json"])
            .expect(0),
    );
    let files = json(&project.run(&["review", "agreement", "--json"]).expect(0));
    assert_eq!(here["criteria"][0]["all"], files["criteria"][0]["all"]);
    // What files hold is not written again.
    let wrote = project
        .run(&["review", "export", "-o", "reviewed.jsonl"])
        .expect(0);
    assert!(wrote.stdout.starts_with("Wrote 0 labels"), "{wrote}");
    assert_eq!(project.read("reviewed.jsonl"), "");
}

/// A plan's rows are asked, filled in by hand as a second way in, and an export never takes away what somebody typed.
#[test]
fn rows_come_in_and_go_out_and_nothing_typed_is_lost() {
    let project = project("labels.jsonl", 3);
    let _ = project
        .run(&["review", "disagreements", "right", "-o", "disputed.jsonl"])
        .expect(0);
    let _ = project
        .run(&["review", "ask", "disputed.jsonl", "--people", "1"])
        .expect(0);
    let open = project
        .run(&["review", "export", "-o", "out.jsonl"])
        .expect(0);
    assert!(
        open.stdout.contains("Wrote 0 labels")
            && open
                .stdout
                .contains("3 answers are not labelled by all yet"),
        "{open}"
    );
    let blank = project.read("out.jsonl");
    assert_eq!(blank.matches("\"label\":null").count(), 3, "{blank}");
    // Somebody fills a row in where it lies: it is not overwritten.
    let typed = blank.replacen(
        "\"label\":null,\"annotator\":\"\"",
        "\"label\":\"ok\",\"annotator\":\"eve\"",
        1,
    );
    assert_ne!(typed, blank);
    project.write("out.jsonl", typed.as_str());
    let kept = project
        .run(&["review", "export", "-o", "out.jsonl"])
        .expect(2);
    assert!(kept.said().contains("would be lost"), "{kept}");
    assert_eq!(project.read("out.jsonl"), typed);
    let taken = project
        .run(&["review", "ask", "out.jsonl", "--people", "1"])
        .expect(0);
    assert!(taken.stdout.contains("1 label taken over"), "{taken}");
    // What the error said to type works: the label is in the log, and stays in the file.
    let again = project
        .run(&["review", "export", "-o", "out.jsonl"])
        .expect(0);
    assert!(again.stdout.starts_with("Wrote 1 label"), "{again}");
    let rows = project.read("out.jsonl");
    assert!(
        rows.contains("\"eve\"") && rows.matches("\"label\":null").count() == 2,
        "{rows}"
    );
    // Rows that were written without the question are known by their answer.
    let known = json(
        &project
            .run(&["review", "ask", "out.jsonl", "--people", "1", "--json"])
            .expect(0),
    );
    assert_eq!((&known["new"], &known["labels"]), (&0.into(), &0.into()));
    let _ = project
        .run(&["review", "export", "-o", "out.jsonl"])
        .expect(0);
    assert_eq!(project.read("out.jsonl"), rows);
    let changed = rows.replace("\"label\":\"ok\"", "\"label\":\"no\"");
    project.write("other.jsonl", changed);
    let other = project
        .run(&["review", "ask", "other.jsonl", "--people", "1"])
        .expect(0);
    assert!(
        other
            .said()
            .contains("1 labels are not what the same people said before"),
        "{other}"
    );
    let blank = project
        .run(&["review", "ask", "disputed.jsonl", "--gold"])
        .expect(2);
    assert!(blank.said().contains("no row has a label"), "{blank}");
    project.write("notes.txt", "my notes\n");
    let foreign = project
        .run(&["review", "export", "-o", "notes.txt"])
        .expect(2);
    assert!(
        foreign.said().contains("something else than labels"),
        "{foreign}"
    );
    assert_eq!(project.read("notes.txt"), "my notes\n");
    for (file, text, said) in [
        (
            "bad.jsonl",
            "{\"criterion\":\"right\"}\n",
            "bad.jsonl:1: no row to label",
        ),
        ("two.jsonl", "\n\n[1]\n", "two.jsonl:3: no row to label"),
    ] {
        project.write(file, text);
        let refused = project.run(&["review", "ask", file]).expect(2);
        assert!(refused.said().contains(said), "{refused}");
    }
    let none = project.run(&["review", "ask"]).expect(2);
    assert!(none.said().contains("--criterion"), "{none}");
}

#[test]
fn today_says_what_is_due_and_makes_nothing() {
    let project = project("labels.jsonl", 0);
    let said = project.run(&["today"]).expect(0);
    assert_eq!(said.stdout, "Nothing is due.\n");
    assert!(!project.project().join(".gatewright/project.db").exists());
    let _ = project
        .run(&[
            "incident",
            "add",
            "INC-1",
            "--class",
            "unsupported-claim",
            "--what",
            "a refund was promised",
        ])
        .expect(0);
    let said = project.run(&["today"]).expect(0);
    assert!(said.stdout.contains("1 open incident: INC-1"), "{said}");
}

/// Of two who are asked one has spoken: that is no verdict yet, or taking the other's label away would make one.
#[test]
fn half_a_review_is_no_verdict() {
    let project = project("labels.jsonl", 1);
    let _ = project
        .run(&["review", "disagreements", "right", "-o", "disputed.jsonl"])
        .expect(0);
    let row = project
        .read("disputed.jsonl")
        .replace(",\"kind\":\"human_adjudicated\"", "");
    let by = |who: &str, label: &str| {
        row.replace("\"label\":null", &format!("\"label\":\"{label}\""))
            .replace("\"annotator\":\"\"", &format!("\"annotator\":\"{who}\""))
    };
    project.write("first.jsonl", by("eve", "ok"));
    project.write("second.jsonl", by("fay", "no"));
    let asked = |file: &str| {
        let _ = project.run(&["review", "ask", file]).expect(0);
        let _ = project
            .run(&["review", "export", "-o", "out.jsonl"])
            .expect(0);
        project.read("out.jsonl")
    };
    let half = asked("first.jsonl");
    assert!(
        !half.contains("eve") && half.contains("\"label\":null"),
        "{half}"
    );
    let whole = asked("second.jsonl");
    assert!(
        whole.contains("eve") && whole.contains("fay") && !whole.contains("null"),
        "{whole}"
    );
    // Asked of a third, it is open again, and what two said stays in the log.
    let _ = project
        .run(&["review", "ask", "first.jsonl", "--people", "3"])
        .expect(0);
    let _ = project
        .run(&["review", "export", "-o", "out.jsonl"])
        .expect(0);
    assert!(!project.read("out.jsonl").contains("eve"));
    let due = json(&project.run(&["today", "--json"]).expect(0));
    assert_eq!(due["to_settle"]["right"], 1);
}
