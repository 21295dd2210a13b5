//! What a signed decision releases: this product, this run, these authors, and nothing that came after.

use super::*;

/// Reads what `verify --require ship` says, at the time that the tests are at.
fn required(project: &TestEnvironment, more: &[&str]) -> Transcript {
    project.run(&[&["verify", "--require", "ship"], more].concat())
}

/// A project whose ship is signed by ana.
fn shipped() -> TestEnvironment {
    let project = recorded("standard: unbroken", 10, 0);
    let _ = project.run(&["gate"]).expect(0);
    let _ = project.run(&["key", "new", "--identity", "ana"]).expect(0);
    let _ = sign(&project, "ana", &[]).expect(0);
    let _ = required(&project, &[]).expect(0);
    project
}

/// A run that nobody has decided is newer all the same: what was decided before it is another release.
#[test]
fn a_newer_run_without_a_decision_is_not_released() {
    let project = shipped();
    let text = project
        .read("runs/candidate.jsonl")
        .replace("it is", "it must be");
    project.write("runs/candidate.jsonl", text);
    let _ = project.run(&["run"]).expect(0);
    let newer = required(&project, &[]).expect(100);
    assert!(newer.said().contains("run 0002-"), "{newer}");
    assert!(
        newer.said().contains("is newer than the decision"),
        "{newer}"
    );
    // Whoever names a record means that one.
    let _ = required(&project, &["1"]).expect(0);
    let _ = project.run(&["verify"]).expect(0);
}

/// Two pages in one folder share their state, and not their releases.
#[test]
fn another_products_record_releases_nothing_here() {
    let project = shipped();
    let page = project.read("gatewright.yaml");
    project.write(
        "other.yaml",
        page.replace("product: demo", "product: other"),
    );
    let other = ["--config", "other.yaml"];
    let none = project
        .run(&[&other, &["verify", "--require", "ship"][..]].concat())
        .expect(2);
    assert!(none.said().contains("no record of other"), "{none}");
    let _ = project.run(&[&other, &["gate"][..]].concat()).expect(0);
    let ana = key(&project, "ana");
    let signing = ["sign", "--key", &ana, "--reason", REASON];
    let _ = project.run(&[&other[..], &signing].concat()).expect(0);
    let first = required(&project, &["--json"]).expect(0);
    assert_eq!(
        json(&first)["record"],
        json(&required(&project, &["1", "--json"]))["record"]
    );
}

/// Who signed first was not asked about an author that only the second names.
#[test]
fn a24_an_author_named_later_is_a_new_decision() {
    let project = decided(
        "sign: {persons: 2, author_may_sign: false}",
        &["ana", "ben"],
    );
    look(&project);
    let _ = sign(&project, "ana", &["--change-author", "zoe"]).expect(0);
    let late = sign(&project, "ben", &["--change-author", "ana"]).expect(2);
    assert!(
        late.said().contains("ana is an author of the change"),
        "{late}"
    );
    let anew = ["--anew", "--change-author", "ana", "--change-author", "zoe"];
    let _ = sign(&project, "ben", &anew).expect(0);
    let refused = sign(&project, "ana", &["--change-author", "zoe"]).expect(2);
    assert!(refused.said().contains("authors may not sign"), "{refused}");
}

/// What the gate takes back stays out under a hold: that is an override, too.
#[test]
fn a26_a_hold_instead_of_a_rollback_bypasses_what_took_it_back() {
    let gate = "  - {id: no-loss, never: unsupported-claim, overridable: false, then: {violated: rollback}, owner: team}\n";
    let page = crate::project::page("standard: unbroken, exposed: true", gate);
    let project = environment();
    project.write("gatewright.yaml", page);
    project.write("reference/all.jsonl", examples(4));
    project.write("runs/production.jsonl", outputs(4, |_, _| true));
    project.write("runs/candidate.jsonl", outputs(4, |_, _| false));
    let gate = project.run(&["gate"]);
    assert_eq!(gate.code, Some(101), "{gate}");
    let _ = project.run(&["key", "new", "--identity", "ana"]).expect(0);
    let _ = sign(&project, "ana", &["--without-looking"]).expect(0);
    let hold = [
        "--override",
        "hold",
        "--expires",
        "2026-11-20",
        "--without-looking",
        "--reason",
        "nobody is awake to take it back",
    ];
    let refused = sign(&project, "ana", &hold).expect(2);
    assert!(
        refused.said().contains("no override may bypass no-loss"),
        "{refused}"
    );
}

/// What people released against the gate shipped: runs that are replayed are held against what was decided, not against what was proposed.
#[test]
fn a_release_by_override_is_replayed_as_one_that_shipped() {
    let project = decided("sign: {override_days: 30}", &["ana"]);
    let _ = sign(&project, "ana", &["--without-looking"]).expect(0);
    let ship = [
        "--override",
        "ship",
        "--expires",
        "2026-11-20",
        "--without-looking",
        "--reason",
        "the losses are known and somebody watches them",
    ];
    let _ = sign(&project, "ana", &ship).expect(0);
    let said = json(&project.run(&["replay", "--json"]).expect(0));
    let run = &said["runs"][0];
    assert_eq!(
        (&run["then"], &run["gate_then"], &run["overridden"]),
        (&"ship".into(), &"hold".into(), &true.into()),
        "{said}"
    );
    assert_eq!(
        (&said["held_and_shipped_then"], &said["changed"]),
        (&1.into(), &1.into()),
        "{said}"
    );
    let text = project.run(&["replay"]).expect(0).stdout;
    assert!(
        text.contains("1 of them shipped then.") && text.contains("ship (override)"),
        "{text}"
    );
}

/// A file that is none of the record's is not in it, and no export carries one away.
#[test]
fn nothing_but_the_record_is_exported() {
    let project = signed();
    let record = folder(&project, "records", 1);
    let link = record.join("notes.txt");
    std::os::unix::fs::symlink(key(&project, "ana"), &link).expect("a link");
    let found = project.run(&["verify", "--export", "copy"]).expect(112);
    assert!(found.said().contains("file:notes.txt"), "{found}");
    assert!(!project.project().join("copy").exists());
    std::fs::remove_file(&link).expect("removed");
    // A folder behind a link is not the folder.
    let (files, moved) = (record.join("files"), project.project().join("moved"));
    std::fs::rename(&files, &moved).expect("moved");
    std::os::unix::fs::symlink(&moved, &files).expect("a link");
    let found = project.run(&["verify"]).expect(112);
    assert!(found.said().contains("a link"), "{found}");
}

/// F24: two who sign in the same moment are both on the record.
#[test]
fn f24_two_who_sign_at_once_are_both_on_the_record() {
    let people = ["ana", "ben", "cara", "dan"];
    let project = decided("sign: {persons: 4}", &people);
    look(&project);
    let _ = sign(&project, "ana", &[]).expect(0);
    let mut running: Vec<std::process::Child> = Vec::new();
    for who in &people[1..] {
        let key = key(&project, who);
        let mut command = project.command(&["sign", "--key", &key, "--reason", REASON]);
        running.push(
            command
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("started"),
        );
    }
    for mut one in running {
        assert!(one.wait().expect("ended").success());
    }
    let verified = json(&project.run(&["verify", "--json"]).expect(0));
    assert_eq!(
        verified["signed"].as_array().map(Vec::len),
        Some(4),
        "{verified}"
    );
    assert_eq!(verified["counts"], true);
}
