//! Who may sign and override, what is asked of them, and what a crash leaves.

use super::*;

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
    let project = not_overridable();
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

/// F1: SIGKILL between the record's file and the log, and right after the log: the next `sign` goes on, and one signature counts.
#[test]
fn f1_killed_at_a_sign_off_or_its_checkpoint_a_signature_counts_once() {
    use std::os::unix::process::ExitStatusExt as _;
    for (point, next) in [("sign-off", 0), ("checkpoint", 2)] {
        let project = decided("", &["ana"]);
        look(&project);
        let key = key(&project, "ana");
        let died = project
            .command(&["sign", "--key", &key, "--reason", REASON])
            .env("GATEWRIGHT_CRASH_AT", format!("{point}:1"))
            .output()
            .expect("runs");
        assert_eq!(died.status.signal(), Some(9), "{point}");
        let again = sign(&project, "ana", &[]).expect(next);
        assert!(
            next == 0
                || again
                    .stderr
                    .contains("ana has signed this decision already"),
            "{point}: {again}"
        );
        let verified = json(
            &project
                .run(&["verify", "--require", "hold", "--json"])
                .expect(0),
        );
        assert!(verified.is_object(), "{verified}");
        let log = ProjectLog::read_only(&state(&project)).expect("a log");
        let signed = log.events().filter(|event| {
            let event = &event.as_ref().expect("sound").body;
            matches!(
                event,
                ProjectEvent::Signed { .. } | ProjectEvent::Decided { .. }
            )
        });
        assert_eq!(signed.count(), 2, "{point}: one decision, signed once");
    }
}

/// What the first person left unseen, anybody may look at before the second signs.
#[test]
fn what_was_looked_at_since_the_first_signature_is_looked_at() {
    let project = decided("sign: {persons: 2}", &["ana", "bob"]);
    let _ = sign(&project, "ana", &["--without-looking"]).expect(0);
    let unseen = sign(&project, "bob", &[]).expect(2);
    assert!(unseen.said().contains("nobody has looked at"), "{unseen}");
    look(&project);
    let nothing = project.run(&["diff", "--not-looked-at"]).expect(0);
    assert_eq!(
        nothing.stdout,
        "0 lost, 0 gained: nothing is left to look at\n"
    );
    let both = sign(&project, "bob", &[]).expect(0);
    assert!(both.stdout.contains("signed by ana, bob"), "{both}");
    // What stands can be recorded anew, though nothing has moved.
    let anew = sign(&project, "bob", &["--anew"]).expect(0);
    assert!(anew.stdout.contains("signed by bob: 1 of 2"), "{anew}");
    let _ = project.run(&["verify"]).expect(0);
}
