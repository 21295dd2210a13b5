//! What people's labels are bound to: the text that they read, the version of the rubric, and all who were asked.

use std::fmt::Write as _;

use gatewright_testkit::TestEnvironment;
use serde_json::Value;

use crate::project::{GUARD, labelled};

const PER_TASK: usize = 30;

/// All answers are right, and nobody has labelled any.
fn project() -> TestEnvironment {
    let label = "from: [reviewed.jsonl], by: person, rubric: r1";
    let project = labelled(("standard: unbroken", GUARD), (label, ""), PER_TASK, |_| {
        true
    });
    project.write("reviewed.jsonl", "");
    project
}

fn run(project: &TestEnvironment, arguments: &[&str], code: i32) -> String {
    let got = project.run(arguments).expect(code);
    format!("{}{}", got.stdout, got.said())
}

/// Fills in the rows of a file as one person.
fn fill(rows: &str, who: &str, label: impl Fn(&Value) -> Option<&'static str>) -> String {
    let mut text = String::new();
    for row in rows.lines() {
        let mut row: Value = serde_json::from_str(row).expect("a row");
        let Some(label) = label(&row) else { continue };
        row["label"] = label.into();
        row["annotator"] = who.into();
        row.as_object_mut().expect("a row").remove("open");
        let _ = writeln!(text, "{row}");
    }
    text
}

/// Asks about all, and has these people say `ok` of everything.
fn reviewed(project: &TestEnvironment, people: &[&str]) {
    review(project, people, |_| Some("ok"));
}

/// Asks about all, and has these people say this of it.
fn review(
    project: &TestEnvironment,
    people: &[&str],
    label: impl Fn(&Value) -> Option<&'static str>,
) {
    let many = people.len().to_string();
    let ask = ["review", "ask", "--criterion", "right", "--people", &many];
    run(project, &ask, 0);
    run(project, &["review", "export", "-o", "asked.jsonl"], 0);
    let rows = project.read("asked.jsonl");
    for who in people {
        let file = format!("{who}.jsonl");
        project.write(&file, fill(&rows, who, &label));
        run(project, &["review", "ask", &file, "--people", &many], 0);
    }
    run(project, &["review", "export", "-o", "reviewed.jsonl"], 0);
}

/// What the gate says of one system: how many answers pass, and how many are missing.
fn gate(project: &TestEnvironment) -> (String, i32) {
    let got = project.run(&["gate", "--fresh"]);
    (
        format!("{}{}", got.stdout, got.said()),
        got.code.unwrap_or(-1),
    )
}

#[test]
fn a_label_is_of_the_text_that_was_read_and_of_no_other() {
    let project = project();
    reviewed(&project, &["ana"]);
    let (said, code) = gate(&project);
    assert_eq!(code, 0, "{said}");
    // The candidate answers something else now: what ana said of it before says nothing.
    let outputs = project.read("runs/candidate.jsonl");
    project.write(
        "runs/candidate.jsonl",
        outputs.replace("it is warm", "never warm"),
    );
    let (said, code) = gate(&project);
    assert!([100, 110].contains(&code), "{code}\n{said}");
    // It is asked again, and what she said stays in the log and out of the way.
    let asked = run(
        &project,
        &[
            "review",
            "ask",
            "--criterion",
            "right",
            "--people",
            "1",
            "--json",
        ],
        0,
    );
    assert!(
        asked.contains("\"new\": 30") || asked.contains("\"new\":30"),
        "{asked}"
    );
    run(&project, &["review", "export", "-o", "reviewed.jsonl"], 0);
    let open = project
        .read("reviewed.jsonl")
        .matches("\"open\":true")
        .count();
    assert_eq!(open, 30);
    let (said, code) = gate(&project);
    assert!([100, 110].contains(&code), "{code}\n{said}");
    let rows = project.read("reviewed.jsonl");
    let again = |row: &Value| row["open"].as_bool().map(|_| "ok");
    project.write("again.jsonl", fill(&rows, "ben", again));
    run(
        &project,
        &["review", "ask", "again.jsonl", "--people", "1"],
        0,
    );
    run(&project, &["review", "export", "-o", "reviewed.jsonl"], 0);
    let (said, code) = gate(&project);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_label_by_another_version_of_the_rubric_is_not_read() {
    let project = project();
    reviewed(&project, &["ana"]);
    assert_eq!(gate(&project).1, 0);
    let page = project.read("gatewright.yaml");
    project.write("gatewright.yaml", page.replace("rubric: r1", "rubric: r2"));
    let (said, code) = gate(&project);
    assert!([100, 110].contains(&code), "{code}\n{said}");
    let check = run(&project, &["check"], 0);
    assert!(
        check.contains("120 labels of `right` follow another version of the rubric"),
        "{check}"
    );
    // Neither is it written as a label by the new one, nor taken over from a file; asked again, each answer is there once.
    let wrote = run(&project, &["review", "export", "-o", "reviewed.jsonl"], 0);
    assert!(
        wrote.contains("Wrote 0 labels") && wrote.contains("120 labels left out"),
        "{wrote}"
    );
    let old = project.run(&["review", "ask", "ana.jsonl"]).expect(2);
    assert!(
        old.said().contains("120 rows follow another version"),
        "{old}"
    );
    reviewed(&project, &["ana"]);
    assert_eq!(gate(&project).1, 0);
    let rows = project.read("reviewed.jsonl");
    assert_eq!(rows.lines().count(), 120);
    assert_eq!(rows.matches("\"rubric\":\"r2\"").count(), 120);
}

/// What people called wrong is not as good as nothing said, where nothing said is right: another version of the rubric, or another text, does not turn
/// a failure into a pass.
#[test]
fn less_evidence_does_not_ship_where_an_absent_label_passes() {
    for (from, to) in [("rubric: r1", "rubric: r2"), ("", "")] {
        let label = "from: [reviewed.jsonl], by: person, rubric: r1, absent: pass";
        let project = labelled(("standard: unbroken", GUARD), (label, ""), PER_TASK, |_| {
            true
        });
        project.write("reviewed.jsonl", "");
        assert_eq!(gate(&project).1, 0, "nobody says anything");
        let warm = |row: &Value| {
            let of_warm = row["fields"]["output"]
                .as_str()
                .is_some_and(|it| it.contains("warm"));
            Some(if of_warm { "no" } else { "ok" })
        };
        review(&project, &["ana"], warm);
        let rows = project.read("reviewed.jsonl");
        let page = project.read("gatewright.yaml");
        if from.is_empty() {
            let outputs = project.read("runs/candidate.jsonl");
            project.write(
                "runs/candidate.jsonl",
                outputs.replace("it is warm", "never warm"),
            );
        } else {
            project.write("gatewright.yaml", page.replace(from, to));
        }
        assert_eq!(rows.lines().count(), 120);
        let view = project.run(&["gate", "--fresh", "--json"]);
        let view: Value = serde_json::from_str(&view.stdout).expect("json");
        let cells = view["tables"].as_array().expect("tables").iter();
        let warm = cells.filter(|cell| {
            cell["slice"]["words"]
                .as_str()
                .is_some_and(|it| it.contains("warm"))
        });
        let candidate: Vec<&Value> = warm.map(|cell| &cell["systems"]["candidate"]).collect();
        assert!(!candidate.is_empty());
        for cell in candidate {
            assert_eq!(cell["pass"], 0, "{cell}");
            assert_eq!(
                cell["missing"]["grader error"], PER_TASK,
                "every one stays in sight: {cell}"
            );
        }
    }
}

/// One of two has spoken in a file that the page names: the export's row says that the other is awaited, and no label of the answer counts.
#[test]
fn an_answer_that_awaits_somebody_has_no_verdict_wherever_the_other_label_stands() {
    let project = project();
    reviewed(&project, &["ana"]);
    assert_eq!(gate(&project).1, 0);
    let page = project.read("gatewright.yaml");
    let both = page.replace(
        "from: [reviewed.jsonl]",
        "from: [reviewed.jsonl, open.jsonl]",
    );
    project.write("gatewright.yaml", both);
    project.write("open.jsonl", "");
    run(
        &project,
        &["review", "ask", "--criterion", "right", "--people", "2"],
        0,
    );
    run(&project, &["review", "export", "-o", "open.jsonl"], 0);
    let rows = project.read("open.jsonl");
    assert_eq!(rows.matches("\"open\":true").count(), 120, "{rows}");
    let (said, code) = gate(&project);
    assert!([100, 110].contains(&code), "{code}\n{said}");
    // A plain row that nobody has filled in says no such thing: a plan may lie beside what was said of it.
    project.write("open.jsonl", rows.replace(",\"open\":true", ""));
    assert_eq!(gate(&project).1, 0);
}

/// What can be taken back is not written, and what was taken back does not come in again.
#[test]
fn a_label_at_the_desk_is_written_when_it_cannot_be_taken_back() {
    let project = project();
    run(
        &project,
        &[
            "review",
            "ask",
            "--criterion",
            "right",
            "--people",
            "1",
            "--now",
            "2026-11-27T10:00:00Z",
        ],
        0,
    );
    let wrote = run(&project, &["review", "export", "-o", "out.jsonl"], 0);
    assert!(wrote.contains("Wrote 0 labels"), "{wrote}");
    let rows = project.read("out.jsonl");
    let one = rows.lines().next().expect("a row");
    project.write("one.jsonl", fill(one, " Ana ", |_| Some("ok")));
    run(
        &project,
        &["review", "ask", "one.jsonl", "--people", "1"],
        0,
    );
    let wrote = run(&project, &["review", "export", "-o", "out.jsonl"], 0);
    assert!(
        wrote.contains("Wrote 1 label "),
        "what a file held is not taken back\n{wrote}"
    );
    assert!(project.read("out.jsonl").contains("\"annotator\":\"ana\""));
    let due = project.run(&["today", "--person", "ANA"]).expect(0);
    assert!(due.stdout.starts_with("ana: 119 to label"), "{due}");
}

/// A button for each label of the page, whatever stands in files.
#[test]
fn labels_that_the_page_does_not_name_are_not_offered() {
    let project = project();
    let mut rows = String::new();
    for index in 0..PER_TASK {
        let label = if index == 0 { "okay" } else { "ok" };
        let _ = writeln!(
            rows,
            r#"{{"example":"warm-{index:02}","system":"candidate","annotator":"ana","label":"{label}"}}"#
        );
    }
    project.write("reviewed.jsonl", rows);
    let asked = run(&project, &["review", "ask", "--criterion", "right"], 0);
    assert!(
        asked.contains("29 labels taken over") && asked.contains("some labels were not taken over"),
        "{asked}"
    );
    run(&project, &["review", "export", "-o", "out.jsonl"], 0);
    assert!(!project.read("out.jsonl").contains("okay"));
}
