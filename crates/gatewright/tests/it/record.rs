//! The record: keys, signatures, overrides, verification, and what attackers and accidents do to them.

mod altered;
mod keys;
mod releases;
mod signing;

use std::path::{Path, PathBuf};

use gatewright_core::digest::Digest;
use gatewright_core::event::ProjectEvent;
use gatewright_core::record::envelope::{Signature, to_base64};
use gatewright_core::record::statement::{SignOff, Statement};
use gatewright_core::record::{Envelope, SecretKey};
use gatewright_store::{ProjectLog, Writer};
use gatewright_testkit::provider::{Provider, Script};
use gatewright_testkit::{TestEnvironment, Transcript};
use serde_json::Value;

use crate::project::{GUARD, environment, examples, not_overridable, outputs, page, recorded};

const REASON: &str = "as the gate says: warm colours go back";
const AT: &str = "2026-11-02T09:00:00Z";

/// A decided project in which warm colours broke (hold), with the keys of these persons.
fn decided(decision: &str, persons: &[&str]) -> TestEnvironment {
    let project = recorded(&format!("standard: unbroken, {decision}"), 10, 6);
    let _ = project.run(&["gate"]).expect(100);
    for person in persons {
        let _ = project.run(&["key", "new", "--identity", person]).expect(0);
    }
    project
}

fn key(project: &TestEnvironment, name: &str) -> String {
    let home = project.project().parent().expect("a parent").join("home");
    let path = home
        .join(".config/gatewright/keys")
        .join(format!("{name}.pem"));
    path.display().to_string()
}

fn look(project: &TestEnvironment) {
    let _ = project
        .run(&["diff", "--not-looked-at", "--looked-by", "ana"])
        .expect(0);
}

fn sign(project: &TestEnvironment, who: &str, more: &[&str]) -> Transcript {
    let key = key(project, who);
    let mut arguments = vec!["sign", "--key", &key];
    if !more.contains(&"--reason") {
        arguments.extend(["--reason", REASON]);
    }
    arguments.extend(more);
    project.run(&arguments)
}

/// A project of which the decision is signed by ana.
fn signed() -> TestEnvironment {
    let project = decided("", &["ana"]);
    look(&project);
    let _ = sign(&project, "ana", &[]).expect(0);
    let _ = project.run(&["verify"]).expect(0);
    project
}

fn state(project: &TestEnvironment) -> PathBuf {
    project.project().join(".gatewright")
}

fn folder(project: &TestEnvironment, kind: &str, number: usize) -> PathBuf {
    let entries = std::fs::read_dir(state(project).join(kind)).expect("the folder");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.sort();
    found.swap_remove(number - 1)
}

fn json(transcript: &Transcript) -> Value {
    serde_json::from_str(&transcript.stdout).expect("JSON")
}

/// Edits a database the way an attacker with any SQLite tool would.
fn edit(path: &Path, sql: &str) {
    const SCRIPT: &str = "import sqlite3, sys, hashlib
db = sqlite3.connect(sys.argv[1])
db.create_function('digest', 1, lambda text: 'sha256:' + hashlib.sha256(text.encode()).hexdigest())
db.executescript(sys.argv[2])
db.commit()
db.execute('PRAGMA wal_checkpoint(TRUNCATE)')";
    let done = std::process::Command::new("python3")
        .args(["-c", SCRIPT, &path.display().to_string(), sql])
        .status()
        .expect("python3");
    assert!(done.success(), "{sql}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn a_decision_is_signed_verified_and_told_in_every_report() {
    let project = decided("", &["Ana@example.com"]);
    let who = "ana@example.com";
    let unseen = sign(&project, who, &[]).expect(2);
    assert!(
        unseen
            .stderr
            .contains("nobody has looked at 6 of the regressed examples")
            && unseen
                .stderr
                .contains("--not-looked-at --looked-by ana@example.com"),
        "{unseen}"
    );
    let seen = project
        .run(&["diff", "--not-looked-at", "--looked-by", who])
        .expect(0);
    assert!(seen.stdout.starts_with("6 lost, 0 gained"), "{seen}");
    let left = project.run(&["diff", "--not-looked-at"]).expect(0);
    assert!(left.stdout.starts_with("0 lost"), "{left}");
    // The only key of one's own is found by itself.
    let said = project.run(&["sign", "--reason", REASON]).expect(0);
    assert!(
        said.stdout.starts_with("Recorded: hold of run 0001-")
            && said.stdout.contains("signed by ana@example.com."),
        "{said}"
    );
    let verified = project.run(&["verify"]).expect(0);
    assert!(
        verified.stdout.starts_with("Intact: record 0001-hold-"),
        "{verified}"
    );
    let one_line = verified.stdout.replace("\n  ", " ");
    assert!(one_line.contains(REASON), "{verified}");
    assert!(
        verified
            .stdout
            .lines()
            .all(|line| line.chars().count() <= 100)
    );
    let log = verified
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("Log: "));
    let log = log.expect("a checkpoint").to_owned();
    let decide = project.run(&["decide"]).expect(100);
    assert!(
        decide.stdout.contains(&format!("\nLog: {log}\n")),
        "{decide}"
    );
    assert!(
        decide
            .stdout
            .contains("Decided: hold, as the gate says, signed by ana@example.com"),
        "{decide}"
    );
    assert!(project.run(&["report"]).expect(0).stdout.contains(&log));
    let view = json(&project.run(&["decide", "--json"]).expect(100));
    assert_eq!(view["record"]["checkpoint"], Value::from(log.clone()));
    assert_eq!(view["record"]["decisions"][0]["stands"], true);
    let against = project
        .run(&["verify", "--against", &log, "--json"])
        .expect(0);
    let against = json(&against);
    assert_eq!(against["intact"], true);
    assert_eq!(against["counts"], true);
    let _ = project.run(&["verify", "--require", "hold"]).expect(0);
    let _ = project
        .run(&["verify", "--require", "ship,narrow"])
        .expect(100);
    let trusted = key(&project, "ana@example.com.pub");
    let trusted = project.run(&["verify", "--trust", &trusted]).expect(0);
    assert!(!trusted.stdout.contains("--trust"), "{trusted}");
}

#[test]
fn what_is_signed_is_an_in_toto_statement_about_everything_sealed() {
    let project = signed();
    let record = std::fs::read(folder(&project, "records", 1).join("record.json"));
    let (envelope, besides) = Envelope::read(&record.expect("a record")).expect("an envelope");
    assert!(besides.is_empty());
    let (statement, _) = Statement::read(&envelope.payload).expect("a statement");
    let names: Vec<&str> = statement
        .subject
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    for needed in [
        "tool",
        "log",
        "file:gatewright.yaml",
        "file:reference/all.jsonl",
        "file:runs/candidate.jsonl",
        "run:events",
        "run:kept",
        "sealed:gate",
        "sealed:criteria",
        "seal",
        "labels",
        "outcomes",
        "proposal",
    ] {
        assert!(names.contains(&needed), "{needed}: {names:?}");
    }
    assert_eq!(statement.predicate.evidence.outcomes, 40);
    assert_eq!(statement.predicate.fired, ["no-task-breaks"]);
    let page = statement
        .subject
        .iter()
        .find(|one| one.name == "file:gatewright.yaml");
    let bytes = project.read("gatewright.yaml");
    assert_eq!(
        page.expect("the page").digest["sha256"],
        Digest::of(bytes.as_bytes()).hex()
    );
}

/// What was sent and what came back is in it too; neither the provider nor its key is needed to verify.
#[test]
fn kept_bytes_of_a_live_run_are_part_of_what_is_signed() {
    let provider = Provider::start(Script::default());
    let system = format!(
        "{{openai: {{model: m, base_url: \"{}/v1\", key: env:LOCAL_KEY}}}}",
        provider.url()
    );
    let project = environment().with_variable("LOCAL_KEY", "sk-local");
    let page = page("standard: unbroken", GUARD)
        .replace("{recorded: runs/candidate.jsonl}", &system)
        .replace("{recorded: runs/production.jsonl}", &system)
        .replace("reference: [", "trials: 1\nreference: [");
    project.write("gatewright.yaml", page);
    project.write("reference/all.jsonl", examples(4));
    let host = format!("--allow-host={}=env:LOCAL_KEY", provider.address());
    let _ = project.run(&["gate", &host]).expect(0);
    drop(provider);
    let project = project.with_variable("LOCAL_KEY", "");
    let _ = project.run(&["key", "new", "--identity", "ana"]).expect(0);
    let _ = sign(&project, "ana", &[]).expect(0);
    let verified = project.run(&["verify"]).expect(0);
    assert!(!verified.stdout.contains("and 0 kept bytes"), "{verified}");
    let run = folder(&project, "runs", 1).join("run.db");
    let whole = std::fs::read(&run).expect("a run");
    edit(&run, "DELETE FROM blob WHERE rowid = 1");
    let gone = project.run(&["verify"]).expect(112);
    assert!(gone.stderr.contains("run:kept"), "{gone}");
    std::fs::write(&run, whole).expect("put back");
    edit(
        &run,
        "UPDATE blob SET bytes = zeroblob(length(bytes)) WHERE rowid = 1",
    );
    let changed = project.run(&["verify"]).expect(112);
    assert!(
        changed
            .said()
            .contains("were changed after they were written"),
        "{changed}"
    );
}

#[test]
fn a_replay_knows_the_rule_of_a_signed_decision() {
    let project = signed();
    let page = project.read("gatewright.yaml");
    let records = std::fs::read(folder(&project, "records", 1).join("record.json")).expect("bytes");
    project.write("gatewright.yaml", page.replace("10 pts", "90 pts"));
    let said = json(&project.run(&["replay", "--json"]).expect(0));
    let run = &said["runs"][0];
    assert_eq!(
        (&run["then"], &run["now"]),
        (&"hold".into(), &"ship".into())
    );
    let rule = run["fired_then"].as_str().expect("a rule");
    assert!(
        rule.starts_with("no-task-breaks in ") && rule.ends_with("warm"),
        "{rule}"
    );
    let text = project.run(&["replay"]).expect(0).stdout;
    assert!(text.contains("(then: no-task-breaks in "), "{text}");
    let after = std::fs::read(folder(&project, "records", 1).join("record.json")).expect("bytes");
    assert_eq!(records, after, "no record is touched");
}
