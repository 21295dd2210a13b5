//! What is written and what may be read: init, reports, links, roots.

use serde_json::Value;

use crate::project::{environment, recorded};

#[test]
fn init_writes_a_page_that_check_accepts_and_never_overwrites() {
    let place = environment();
    let said = place
        .run(&[
            "init",
            "--product",
            "Billing \"help\"",
            "--promise",
            "Answers: billing questions # all of them",
            "--task",
            "Refund request,invoice",
            "--failure",
            "unsupported-claim,over-refusal",
            "--segment",
            "risk",
            "--owner",
            "Retrieval team",
        ])
        .expect(0);
    assert!(said.stdout.contains("gatewright check"), "{said}");
    for left in [
        "reference/first.jsonl",
        "runs/candidate.jsonl",
        "runs/production.jsonl",
    ] {
        assert!(said.stdout.contains(left), "{said}");
    }
    // The page is sound as it is; the gate has nothing to decide on yet, and says so.
    let check = place.run(&["check"]).expect(0);
    assert!(
        check.stdout.contains("2 rules over 2 examples; 0 errors"),
        "{check}"
    );
    assert!(check.stdout.contains("suggestion: "), "{check}");
    let gate = place.run(&["gate"]).expect(110);
    assert!(gate.stdout.contains("not attempted"), "{gate}");
    // A program that is named and not there is said before anything runs.
    let page = place.read("gatewright.yaml");
    let program = page.replace(
        "{recorded: runs/candidate.jsonl}",
        "{command: [\"./assistant\"]}",
    );
    place.write("gatewright.yaml", program);
    let check = place.run(&["check"]).expect(2);
    assert_eq!(check.stdout.matches("[no-program]").count(), 1, "{check}");
    place.write("assistant", "#!/bin/sh\ncat\n");
    let check = place.run(&["check"]).expect(2);
    assert!(check.stdout.contains("`chmod +x ./assistant`"), "{check}");
    place.mode("assistant", 0o755);
    let check = place.run(&["check"]).expect(0);
    assert!(
        check.stdout.contains("2 rules over 2 examples; 0 errors"),
        "{check}"
    );
    assert!(
        place
            .read("gatewright.yaml")
            .starts_with("# yaml-language-server: $schema=gatewright.schema.json\n")
    );
    let schema: Value =
        serde_json::from_str(&place.read("gatewright.schema.json")).expect("a schema");
    assert!(schema["properties"]["promise"].is_object());
    let again = place.run(&["init"]).expect(2);
    assert!(again.stderr.contains("never overwrites"), "{again}");
}

#[test]
fn init_refuses_answers_that_no_page_could_be_written_with() {
    for (flag, answer, why) in [
        (
            "--failure",
            "unsuported-claim",
            "did you mean `unsupported-claim`?",
        ),
        ("--task", "refund,Refund", "`Refund` is named twice"),
        ("--segment", "task", "is a segment by itself"),
    ] {
        let place = environment();
        let said = place.run(&["init", flag, answer]).expect(2);
        assert!(said.stderr.contains(why), "{said}");
        assert!(!place.project().join("gatewright.yaml").exists());
    }
}

#[test]
fn init_without_flags_or_terminal_writes_the_commented_page() {
    let place = environment();
    let _ = place.run(&["init", "new place"]).expect(0);
    let check = place
        .run(&["--config", "new place/gatewright.yaml", "check"])
        .expect(0);
    assert!(check.stdout.contains("0 errors"), "{check}");
}

#[test]
fn reports_are_written_whole_and_equal_for_the_same_time() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project
        .run(&["gate", "-o", "a.md", "-o", "a.json"])
        .expect(100);
    let _ = project
        .run(&["report", "-o", "b.md", "-o", "b.json"])
        .expect(0);
    assert_eq!(project.read("a.md"), project.read("b.md"));
    assert_eq!(project.read("a.json"), project.read("b.json"));
    assert!(project.read("a.md").starts_with("# hold: demo\n"));
    let view: Value = serde_json::from_str(&project.read("a.json")).expect("json");
    assert_eq!(view["run"]["today"], "2026-11-02");
    let wrong = project.run(&["gate", "-o", "report.docx"]).expect(2);
    assert!(
        wrong
            .stderr
            .contains(".html, .md, .json, .xml, .sarif or .csv"),
        "{wrong}"
    );
}

#[test]
fn a_report_that_could_not_be_written_is_refused_before_anything_is_spent() {
    let project = recorded("standard: unbroken", 30, 12);
    let wrong = project.run(&["gate", "-o", "no such/report.md"]).expect(2);
    assert!(wrong.stderr.contains("mkdir -p 'no such'"), "{wrong}");
    assert!(!project.project().join(".gatewright").exists());
    project.write("taken.md/inside", "");
    let wrong = project.run(&["gate", "-o", "taken.md"]).expect(2);
    assert!(wrong.stderr.contains("it is a folder"), "{wrong}");
}

#[test]
fn a_damaged_log_is_named_and_decides_nothing() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate"]).expect(100);
    let runs = project.project().join(".gatewright/runs");
    let run = std::fs::read_dir(runs)
        .expect("runs")
        .next()
        .expect("one")
        .expect("an entry")
        .path();
    let log = run.join("run.db");
    let mut bytes = std::fs::read(&log).expect("a log");
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0xA5;
    }
    std::fs::write(&log, bytes).expect("damaged");
    let decide = project.run(&["decide"]).expect(112);
    assert!(decide.stderr.contains("run.db is damaged"), "{decide}");
    assert!(
        decide.stderr.contains("gatewright gate --fresh"),
        "{decide}"
    );
    std::fs::rename(&run, project.project().join("aside")).expect("moved");
    let _ = project.run(&["gate", "--fresh"]).expect(100);
}

#[test]
fn the_next_commands_can_be_typed_as_they_are_shown() {
    let place = environment();
    let said = place.run(&["init", "büro o'clock"]).expect(0);
    assert!(said.stdout.contains(r"cd 'büro o'\''clock'"), "{said}");
}

#[test]
fn one_mistake_in_every_line_is_said_twenty_times_and_counted() {
    let project = recorded("standard: unbroken", 30, 12);
    let lines = project.read("reference/all.jsonl");
    project.write(
        "reference/all.jsonl",
        lines.replace("\"input\"", "\"inptu\""),
    );
    let gate = project.run(&["gate"]).expect(2);
    assert_eq!(gate.stderr.matches("unknown key `inptu`").count(), 20);
    assert!(
        gate.stderr.contains("more like this [unknown-key]"),
        "{gate}"
    );
    assert!(!gate.stderr.contains("suggestion:"), "{gate}");
    let check = project.run(&["check", "--json"]).expect(2);
    let check: Value = serde_json::from_str(&check.stdout).expect("json");
    let all = check["problems"].as_array().expect("a list");
    let unknown = all.iter().filter(|one| one["code"] == "unknown-key");
    assert!(unknown.count() > 20, "the JSON has all of them");
}

#[test]
fn a1_files_outside_the_project_need_a_declared_root() {
    let project = recorded("standard: unbroken", 30, 12);
    let outside = environment();
    outside.write("deep/candidate.jsonl", project.read("runs/candidate.jsonl"));
    let page = project.read("gatewright.yaml");
    let with = |path: &str| page.replace("runs/candidate.jsonl", path);
    for path in [
        "../../etc/passwd",
        "/etc/passwd",
        "data:deep/candidate.jsonl",
    ] {
        project.write("gatewright.yaml", with(path));
        let refused = project.run(&["gate"]).expect(2);
        assert!(refused.stderr.contains("gatewright.yaml:"), "{refused}");
        assert!(refused.stderr.contains("--root"), "{refused}");
    }
    let root = format!("data={}", outside.project().display());
    let _ = project.run(&["gate", "--root", &root]).expect(100);
}

#[cfg(unix)]
#[test]
fn a2_links_that_leave_the_project_are_refused() {
    let project = recorded("standard: unbroken", 30, 12);
    let outside = environment();
    outside.write("candidate.jsonl", project.read("runs/candidate.jsonl"));
    let link = project.project().join("runs/candidate.jsonl");
    std::fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(outside.project().join("candidate.jsonl"), &link).expect("linked");
    let refused = project.run(&["gate"]).expect(2);
    assert!(
        refused.stderr.contains("is a link that leaves the folder"),
        "{refused}"
    );
}

#[cfg(unix)]
#[test]
fn f29_private_files_and_odd_paths() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = recorded("standard: unbroken", 30, 12);
    let odd = format!("state with ünïcode {}", "x".repeat(150));
    let _ = project.run(&["gate", "--state", &odd]).expect(100);
    let run = project.project().join(&odd).join("runs");
    let run = std::fs::read_dir(run)
        .expect("runs")
        .next()
        .expect("one")
        .expect("an entry")
        .path();
    let mode =
        |path: &std::path::Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&run), 0o700);
    assert_eq!(mode(&run.join("run.db")), 0o600);
    let homeless = project
        .command(&["decide", "--state", &odd])
        .env_remove("HOME")
        .env("TZ", "Asia/Tokyo")
        .env("LANG", "tr_TR.UTF-8")
        .output()
        .expect("runs");
    let usual = project.run(&["decide", "--state", &odd]).expect(100);
    assert_eq!(homeless.stdout, usual.stdout.as_bytes());
}

#[cfg(unix)]
#[test]
fn f21_a_closed_pipe_is_quiet_and_the_answer_stays() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate"]).expect(100);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = project
        .command(&["report"])
        .stdout(writer)
        .output()
        .expect("runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = project
        .command(&["decide"])
        .stdout(writer)
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(100));
}
