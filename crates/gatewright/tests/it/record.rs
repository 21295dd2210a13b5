//! The record: keys, signatures, overrides, verification, and what attackers and accidents do to them.

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

use crate::project::{GUARD, environment, examples, outputs, page, recorded};

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
fn f25_keys_are_private_listed_rotated_and_revoked() {
    let project = decided("", &["ana"]);
    look(&project);
    let path = key(&project, "ana");
    let mode = |mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode()
            & 0o777
    };
    use std::os::unix::fs::PermissionsExt as _;
    let made = std::fs::metadata(&path)
        .expect("a key")
        .permissions()
        .mode();
    assert_eq!(made & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).expect("a key");
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"));
    let again = project
        .run(&["key", "new", "--identity", "ana", "-o", &path])
        .expect(2);
    assert!(again.stderr.contains("never overwritten"), "{again}");
    assert_eq!(std::fs::read_to_string(&path).expect("a key"), text);
    for wide in [0o640, 0o604, 0o660] {
        assert_eq!(mode(wide), wide);
        let refused = sign(&project, "ana", &[]).expect(2);
        assert!(
            refused.stderr.contains("others may read it") && refused.stderr.contains("chmod 600"),
            "{refused}"
        );
    }
    mode(0o600);
    let missing = sign(&project, "nobody", &[]).expect(2);
    assert!(missing.stderr.contains("gatewright key new"), "{missing}");
    assert!(!state(&project).join("records").join("0001").exists());
    assert_eq!(
        project
            .run(&["verify", "--json"])
            .expect(0)
            .stdout
            .matches("null")
            .count(),
        1
    );
    let _ = sign(&project, "ana", &[]).expect(0);
    // Rotated: the old one signs no more, and what it signed stays.
    let id = json(&project.run(&["key", "list", "--json"]).expect(0))["keys"][0]["key"].clone();
    let id = id.as_str().expect("an id").to_owned();
    let _ = project
        .run(&["key", "new", "--identity", "ana", "--replaces", &id[..16]])
        .expect(0);
    let list = project.run(&["key", "list"]).expect(0);
    assert!(
        list.stdout.contains("revoked 2026-11-02: ") && list.stdout.contains("in use"),
        "{list}"
    );
    let _ = project.run(&["verify"]).expect(0);
    let refused = sign(&project, "ana", &["--anew"]).expect(2);
    assert!(
        refused.stderr.contains("was revoked on 2026-11-02"),
        "{refused}"
    );
    // Void since a day: then what it signed on that day is void too.
    let _ = project
        .run(&[
            "key",
            "revoke",
            &id,
            "--since",
            "2026-11-03",
            "--reason",
            "the laptop was stolen",
        ])
        .expect(0);
    let _ = project.run(&["verify"]).expect(0);
    let _ = project
        .run(&[
            "key",
            "revoke",
            &id,
            "--since",
            "2026-11-02",
            "--reason",
            "the laptop was stolen",
        ])
        .expect(0);
    let void = project.run(&["verify"]).expect(112);
    assert!(void.stderr.contains("void since 2026-11-02"), "{void}");
}

#[test]
fn a24_two_persons_sign_and_neither_is_the_author() {
    let project = decided(
        "sign: {persons: 2, author_may_sign: false}",
        &["ana", "ben", "eve@x.org"],
    );
    look(&project);
    let unknown = sign(&project, "ana", &[]).expect(2);
    assert!(unknown.stderr.contains("--change-author"), "{unknown}");
    let author = ["--change-author", "Eve+work@x.org"];
    let refused = sign(&project, "eve@x.org", &author).expect(2);
    assert!(
        refused.stderr.contains("eve@x.org is an author"),
        "{refused}"
    );
    let first = sign(&project, "ana", &author).expect(0);
    assert!(first.stdout.contains("1 of 2 persons"), "{first}");
    let waiting = project.run(&["verify"]).expect(0);
    assert!(
        waiting
            .stdout
            .contains("It does not count today: 1 of 2 persons have signed"),
        "{waiting}"
    );
    let _ = project.run(&["verify", "--require", "hold"]).expect(100);
    let twice = sign(&project, "ana", &author).expect(2);
    assert!(
        twice
            .stderr
            .contains("ana has signed this decision already"),
        "{twice}"
    );
    // The author that the first person named holds for the second.
    let refused = sign(&project, "eve@x.org", &["--change-author", "zoe"]).expect(2);
    assert!(
        refused.stderr.contains("eve@x.org is an author"),
        "{refused}"
    );
    let second = sign(
        &project,
        "ben",
        &[&author[..], &["--reason", "I read all six"]].concat(),
    );
    let second = second.expect(0);
    assert!(second.stdout.contains("signed by ana, ben."), "{second}");
    assert_eq!(
        std::fs::read_dir(state(&project).join("records"))
            .expect("records")
            .count(),
        1
    );
    let both = project.run(&["verify", "--require", "hold"]).expect(0);
    assert!(
        both.stdout.contains("I read all six") && both.stdout.contains(REASON),
        "{both}"
    );
    let log = ProjectLog::read_only(&state(&project)).expect("a log");
    let refusals = log.events().filter(|event| {
        matches!(
            event.as_ref().expect("sound").body,
            ProjectEvent::SignRefused { .. }
        )
    });
    assert_eq!(
        refusals.count(),
        3,
        "every attempt is on the record, one in the same second once"
    );
}

#[test]
fn a25_what_moved_between_two_signatures_is_shown() {
    let project = decided("sign: {persons: 2}", &["ana", "ben"]);
    look(&project);
    let _ = sign(&project, "ana", &[]).expect(0);
    let _ = project
        .run(&[
            "triage",
            "set",
            "warm-00",
            "--criterion",
            "right",
            "--cause",
            "label-wrong",
            "--author",
            "ben",
            "--reason",
            "the book says otherwise",
        ])
        .expect(0);
    let moved = sign(&project, "ben", &[]).expect(2);
    assert!(
        moved.stderr.contains("rests on something else by now")
            && moved.stderr.contains("moved since: labels"),
        "{moved}"
    );
    let _ = project.run(&["verify"]).expect(0);
    let anew = sign(&project, "ben", &["--anew"]).expect(0);
    assert!(anew.stdout.contains("Record: "), "{anew}");
    let second = json(&project.run(&["verify", "2", "--json"]).expect(0));
    assert_eq!(second["signed"][0]["by"], "ben");
    // A page that changed is refused before anything is signed.
    let page = project.read("gatewright.yaml").replace("10 pts", "90 pts");
    project.write("gatewright.yaml", page);
    let changed = sign(&project, "ana", &[]).expect(112);
    assert!(changed.stderr.contains("gate (sealed "), "{changed}");
}

#[test]
fn a26_an_override_has_a_reason_an_end_and_rules_that_it_cannot_bypass() {
    let project = decided("sign: {override_days: 30}", &["ana"]);
    look(&project);
    let other = |until: &str, reason: &str| {
        sign(
            &project,
            "ana",
            &["--override", "ship", "--expires", until, "--reason", reason],
        )
    };
    let early = other("2026-11-20", "the old one goes off today").expect(2);
    assert!(
        early.stderr.contains("no decision to override yet"),
        "{early}"
    );
    let _ = sign(&project, "ana", &[]).expect(0);
    for reason in ["", "ok!", "aaaaaaaaaaaaaaaaaaaa", &"word ".repeat(1000)] {
        let short = other("2026-11-20", reason).expect(2);
        assert!(short.stderr.contains("10 to 2,000"), "{short}");
    }
    for until in ["2026-11-01", "2026-12-03", "never"] {
        let wrong = other(until, "the old one goes off today").expect(2);
        assert!(wrong.stderr.contains("2026-11-02 to 2026-12-02"), "{wrong}");
    }
    let said = other("2026-11-20", "the old one goes off today").expect(0);
    assert!(
        said.stdout
            .starts_with("Recorded: ship instead of hold for run 0001-")
            && said.stdout.contains("over no-task-breaks"),
        "{said}"
    );
    let verified = json(&project.run(&["verify", "--json"]).expect(0));
    assert_eq!(verified["kind"], "override");
    assert_eq!(verified["bypasses"][0], "no-task-breaks");
    let _ = project.run(&["verify", "--require", "ship"]).expect(0);
    let first = project.run(&["verify", "1"]).expect(0);
    assert!(
        first.stdout.contains("a later decision took its place"),
        "{first}"
    );
    // It stands in the reports of later runs, until it ends.
    project.write("runs/candidate.jsonl", outputs(10, |_, _| true));
    let at = |time: &str| {
        let run = project
            .command(&["gate"])
            .env("GATEWRIGHT_NOW", time)
            .output();
        String::from_utf8_lossy(&run.expect("runs").stdout).into_owned()
    };
    let next = at("2026-11-20");
    assert!(
        next.contains("Override: ship instead of hold for run 0001-")
            && next.contains("the old one goes off"),
        "{next}"
    );
    assert!(!at("2026-11-21").contains("Override:"));
    // What was decided of an earlier run releases no later one.
    let bare = project
        .command(&["verify", "--require", "ship"])
        .env("GATEWRIGHT_NOW", "2026-11-20")
        .output()
        .expect("runs");
    assert_eq!(bare.status.code(), Some(100));
    let said = String::from_utf8_lossy(&bare.stderr).into_owned();
    assert!(said.contains("is newer than the decision"), "{said}");
    for (name, begins) in [
        ("r.md", "Override in force"),
        ("r.xml", "override in force"),
    ] {
        let mut report = project.command(&["report", "-o", name]);
        let done = report.env("GATEWRIGHT_NOW", "2026-11-20").output();
        assert!(done.expect("runs").status.success());
        assert!(project.read(name).contains(begins), "{name}");
    }
    for (time, stands) in [("2026-11-20", true), ("2026-11-21", false)] {
        let mut report = project.command(&["report", "-o", "report.html"]);
        let done = report.env("GATEWRIGHT_NOW", time).output().expect("runs");
        assert!(done.status.success());
        let html = project.read("report.html");
        let top = html.find("Overrides in force");
        assert_eq!(top.is_some(), stands, "{time}");
        assert_eq!(html.contains("the old one goes off"), stands, "{time}");
        assert!(html.contains("<section id=\"record\""));
    }
    let ended = project
        .command(&["verify", "2", "--require", "ship"])
        .env("GATEWRIGHT_NOW", "2026-11-21")
        .output()
        .expect("runs");
    assert_eq!(ended.status.code(), Some(100));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("the override ended on 2026-11-20"));
}

#[test]
fn a26_a_rule_that_is_not_overridable_is_not_bypassed() {
    let project = recorded("standard: unbroken", 10, 6);
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("margin: 10 pts,", "margin: 10 pts, overridable: false,"),
    );
    let _ = project.run(&["gate"]).expect(100);
    let _ = project.run(&["key", "new", "--identity", "ana"]).expect(0);
    let _ = sign(&project, "ana", &["--without-looking"]).expect(0);
    let refused = sign(
        &project,
        "ana",
        &[
            "--override",
            "ship",
            "--expires",
            "2026-11-20",
            "--without-looking",
        ],
    );
    let refused = refused.expect(2);
    assert!(
        refused
            .stderr
            .contains("no override may bypass no-task-breaks")
            && refused.stderr.contains("overridable: false"),
        "{refused}"
    );
    let verified = json(&project.run(&["verify", "--json"]).expect(0));
    assert_eq!(verified["not_looked_at"].as_array().map(Vec::len), Some(6));
}

#[test]
fn a27_whatever_is_changed_is_named() {
    let project = signed();
    let state = state(&project);
    let whole = project.project().join("whole");
    copy(&state, &whole);
    let record = folder(&project, "records", 1);
    let run = folder(&project, "runs", 1).join("run.db");
    let log = state.join("project.db");
    let restored = || {
        std::fs::remove_dir_all(&state).expect("removed");
        copy(&whole, &state);
        let _ = project.run(&["verify"]).expect(0);
    };
    let file = |name: &str| record.join(name);
    type Change = fn(&Path);
    let flip: Change = |path| {
        let mut bytes = std::fs::read(path).expect("a file");
        bytes[40] ^= 1;
        std::fs::write(path, bytes).expect("written");
    };
    let lie: Change = |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        std::fs::write(path, text.replace("\"hold\"", "\"ship\"")).expect("written");
    };
    let make: Change = |path| std::fs::write(path, "").expect("written");
    let remove: Change = |path| std::fs::remove_file(path).expect("removed");
    let of_files = [
        (
            flip,
            "files/reference/all.jsonl",
            "file:reference/all.jsonl",
        ),
        (make, "files/incidents.jsonl", "file:incidents.jsonl"),
        (
            remove,
            "files/runs/candidate.jsonl",
            "file:runs/candidate.jsonl",
        ),
        (lie, "proposal.json", "proposal"),
    ];
    for (change, path, named) in of_files {
        change(&file(path));
        let verify = project.run(&["verify"]).expect(112);
        assert!(verify.stderr.contains(named), "{path}\n{verify}");
        restored();
    }
    // Any SQLite tool, also with the hashes of bodies computed again.
    let of_logs = [
        (
            &run,
            "UPDATE event SET body = replace(body, 'no idea', 'warm-00') WHERE kind = 'ended'; UPDATE event SET id = digest(body)",
            "run:events",
        ),
        (
            &run,
            "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
            "were recorded",
        ),
        (
            &run,
            "UPDATE event SET actor = 'eve' WHERE seq = 1",
            "run:events",
        ),
        (&log, "DELETE FROM event WHERE seq = 3", "event 3 of"),
        (
            &log,
            "UPDATE event SET seq = 1000 WHERE seq = 3; UPDATE event SET seq = 3 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = 1000",
            "event 3 of",
        ),
        (
            &log,
            "UPDATE event SET actor = 'eve' WHERE seq = 2",
            "event 2 of",
        ),
        (
            &log,
            "DELETE FROM event WHERE kind IN ('decided', 'signed')",
            "the project's log does not have it",
        ),
        (
            &log,
            "UPDATE event SET body = replace(body, 'warm colours', 'cold colours') WHERE kind = 'signed'; UPDATE event SET id = digest(body)",
            "its link does not follow",
        ),
    ];
    for (path, sql, named) in of_logs {
        edit(path, sql);
        let verify = project.run(&["verify"]).expect(112);
        assert!(verify.stderr.contains(named), "{sql}\n{verify}");
        restored();
    }
}

#[test]
fn a27_f30_an_older_log_is_found_against_a_checkpoint() {
    let project = signed();
    let state = state(&project);
    let older = project.project().join("older");
    copy(&state, &older);
    let _ = project.run(&["key", "new", "--identity", "ben"]).expect(0);
    let json_of = |arguments: &[&str], code| json(&project.run(arguments).expect(code));
    let newer = json_of(&["verify", "--json"], 0)["checkpoint"].clone();
    let newer = newer.as_str().expect("a checkpoint").to_owned();
    std::fs::remove_dir_all(&state).expect("removed");
    copy(&older, &state);
    // Sound in itself: only somebody who kept the checkpoint can tell.
    let _ = project.run(&["verify"]).expect(0);
    let rolled = project.run(&["verify", "--against", &newer]).expect(112);
    assert!(
        rolled.stderr.contains("an older copy was put in its place"),
        "{rolled}"
    );
    // Another history of the same length.
    let _ = project.run(&["key", "new", "--identity", "eve"]).expect(0);
    let other = project.run(&["verify", "--against", &newer]).expect(112);
    assert!(
        other.stderr.contains("another history up to event"),
        "{other}"
    );
    let wrong = project.run(&["verify", "--against", "12"]).expect(2);
    assert!(wrong.stderr.contains("SIZE:HEX"), "{wrong}");
}

#[test]
fn f30_an_export_is_verified_without_the_project() {
    let project = signed();
    let _ = project.run(&["verify", "--export", "kept"]).expect(0);
    let twice = project.run(&["verify", "--export", "kept"]).expect(2);
    assert!(twice.stderr.contains("cannot export"), "{twice}");
    let elsewhere = project
        .project()
        .parent()
        .expect("a parent")
        .join("elsewhere");
    copy(&project.project().join("kept"), &elsewhere);
    std::fs::remove_dir_all(project.project()).expect("gone");
    let record = std::fs::read_dir(elsewhere.join("records"))
        .expect("records")
        .next();
    let record = record.expect("one").expect("an entry").path();
    let there = |path: &Path| {
        project
            .command(&["verify", &path.display().to_string()])
            .current_dir(&elsewhere)
            .output()
            .expect("runs")
    };
    for path in [record.clone(), record.join("record.json")] {
        let verified = there(&path);
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert_eq!(verified.status.code(), Some(0), "{said}");
    }
}

#[test]
fn a28_an_envelope_that_is_not_ours_is_refused() {
    let project = signed();
    let path = folder(&project, "records", 1).join("record.json");
    let good = std::fs::read_to_string(&path).expect("a record");
    let (envelope, _) = Envelope::read(good.as_bytes()).expect("an envelope");
    let stranger = SecretKey::of_seed(&[9; 32]);
    let with = |change: &dyn Fn(&mut Envelope)| {
        let mut other = envelope.clone();
        change(&mut other);
        other.write()
    };
    let cases = [
        (good.replace("in-toto+json", "other+json"), "is expected"),
        (
            with(&|other| other.signatures[0].keyid = stranger.public().id()),
            "not in the project's list",
        ),
        (
            with(&|other| {
                let twice = other.signatures[0].clone();
                other.signatures.push(twice);
            }),
            "key is there twice",
        ),
        (
            with(&|other| {
                other.signatures.push(Signature {
                    keyid: stranger.public().id(),
                    sig: stranger.sign(&other.signed()),
                });
            }),
            "not in the project's list",
        ),
        (with(&|other| other.payload[20] ^= 1), "over these bytes"),
        (
            with(&|other| other.signatures[0].sig[5] ^= 1),
            "over these bytes",
        ),
        (with(&|other| other.signatures.clear()), "nobody signed it"),
        (
            good.replace("\"payload\":", "\"payload\":\"e30=\",\"payload\":"),
            "occurs twice",
        ),
    ];
    for (text, named) in cases {
        std::fs::write(&path, text).expect("written");
        let refused = project.run(&["verify"]).expect(112);
        assert!(refused.stderr.contains(named), "{named}\n{refused}");
    }
    // What the standard lets others add is ignored, and shown.
    std::fs::write(
        &path,
        good.replace("{\"payload\":", "{\"note\":1,\"payload\":"),
    )
    .expect("written");
    let noted = project.run(&["verify"]).expect(0);
    assert!(noted.stdout.contains("`note` is not known"), "{noted}");
}

/// Whoever holds a listed key can sign anything: the decision is computed again, and a false one is found.
#[test]
fn a29_a_signed_record_that_does_not_follow_from_its_evidence_is_found() {
    let project = signed();
    let record = folder(&project, "records", 1);
    let read = |name: &str| std::fs::read_to_string(record.join(name)).expect("a file");
    let secret = std::fs::read_to_string(key(&project, "ana")).expect("a key");
    let secret = SecretKey::read(&secret).expect("a key");
    let (mut envelope, _) = Envelope::read(read("record.json").as_bytes()).expect("an envelope");
    let (mut statement, _) = Statement::read(&envelope.payload).expect("a statement");
    let forged = read("proposal.json").replace("\"answer\":\"hold\"", "\"answer\":\"ship\"");
    std::fs::write(record.join("proposal.json"), &forged).expect("written");
    statement.predicate.answer = gatewright_core::decide::Answer::Ship;
    statement.predicate.proposed = statement.predicate.answer;
    for subject in &mut statement.subject {
        if subject.name == "proposal" {
            let digest = Digest::of(forged.as_bytes()).hex();
            subject.digest.insert("sha256".to_owned(), digest);
        }
    }
    envelope.payload = statement.write();
    let sig = secret.sign(&envelope.signed());
    envelope.signatures[0].sig = sig.clone();
    std::fs::write(record.join("record.json"), envelope.write()).expect("written");
    let payload = Digest::of(&envelope.payload);
    let recorded = &statement.predicate.recorded;
    let said = SignOff {
        payload,
        by: &recorded.by,
        reason: &recorded.reason,
        at: &recorded.at,
    };
    let name = record.file_name().expect("a name").to_string_lossy();
    let events = [
        ProjectEvent::Decided {
            payload,
            decision: Box::new(statement.predicate.summary(&name)),
        },
        ProjectEvent::Signed {
            payload,
            key: recorded.key.clone(),
            by: recorded.by.clone(),
            reason: recorded.reason.clone(),
            signature: to_base64(&sig),
            said: to_base64(&secret.sign(&said.signed())),
            at: recorded.at.clone(),
        },
    ];
    let writer = Writer {
        name: "gatewright sign".to_owned(),
        actor: "ana".to_owned(),
        at: AT.to_owned(),
    };
    let mut log = ProjectLog::open(&state(&project), writer).expect("a log");
    assert_eq!(log.append(&events, AT).expect("appended"), 2);
    let found = project.run(&["verify"]).expect(112);
    assert!(
        found.stderr.contains("the decision's `answer`")
            && found
                .stderr
                .contains("recorded \"ship\", computed \"hold\""),
        "{found}"
    );
}

#[test]
fn f1_what_a_crash_left_of_a_signature_is_gone_on_with() {
    let project = decided("sign: {persons: 2}", &["ana", "ben"]);
    look(&project);
    let state = state(&project);
    // The record is there, and the log does not know it: the program died between the two.
    let died = |who: &str| {
        let before = std::fs::read(state.join("project.db")).expect("a log");
        let _ = sign(&project, who, &[]).expect(0);
        std::fs::write(state.join("project.db"), before).expect("put back");
        for beside in ["project.db-wal", "project.db-shm"] {
            let _ = std::fs::remove_file(state.join(beside));
        }
        let lost = project.run(&["verify"]).expect(112);
        assert!(
            lost.stderr.contains("the project's log does not have it"),
            "{lost}"
        );
        sign(&project, who, &[]).expect(0)
    };
    let first = died("ana");
    assert!(first.stdout.contains("signed by ana: 1 of 2"), "{first}");
    let second = died("ben");
    assert!(second.stdout.contains("signed by ana, ben."), "{second}");
    let _ = project.run(&["verify", "--require", "hold"]).expect(0);
}
