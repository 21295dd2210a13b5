//! Triage and incidents.

use serde_json::Value;

use crate::project::recorded;

#[test]
fn causes_are_set_with_author_and_reason_and_settle_a_recorded_trip() {
    // Three of thirty: it trips, and the sign test alone cannot say.
    let project = recorded("standard: unbroken", 30, 3);
    let gate = project.run(&["gate"]).expect(110);
    assert!(gate.stdout.contains("not confirmed"), "{gate}");
    let list = project.run(&["triage"]).expect(0);
    assert!(
        list.stdout
            .starts_with("unsupported-claim (3 outcomes, high, Colour team"),
        "{list}"
    );
    let set = |example: &str, cause: &str, reason: &str| {
        project.run(&[
            "triage",
            "set",
            example,
            "--criterion",
            "right",
            "--cause",
            cause,
            "--author",
            "ana",
            "--reason",
            reason,
        ])
    };
    let short = set("warm-00", "noise", "no").expect(2);
    assert!(short.stderr.contains("10 to 2,000"), "{short}");
    let wrong = set("warm-00", "unsuported-claim", "a good reason").expect(2);
    assert!(
        wrong.stderr.contains("did you mean `unsupported-claim`?"),
        "{wrong}"
    );
    for example in ["warm-00", "warm-01", "warm-02"] {
        let said = set(example, "label-wrong", "the book says otherwise").expect(0);
        assert!(said.stdout.contains("by ana"), "{said}");
    }
    let list = project.run(&["triage"]).expect(0);
    assert!(list.stdout.contains("[cause: label-wrong]"), "{list}");
    let _ = project.run(&["decide"]).expect(0);
}

/// Whoever lists a class means what failed as it, and what somebody traced to it.
#[test]
fn a_class_lists_its_symptoms_and_its_causes() {
    let project = recorded("standard: unbroken", 30, 3);
    let _ = project.run(&["gate"]).expect(110);
    let none = project
        .run(&["triage", "--class", "source-conflict"])
        .expect(0);
    assert!(
        none.stdout
            .starts_with("No failing outcome of the candidate of class source-conflict.\nThere are 3 failing outcomes of other classes."),
        "{none}"
    );
    let set = [
        "triage",
        "set",
        "warm-00",
        "--criterion",
        "right",
        "--cause",
        "source-conflict",
        "--author",
        "ana",
        "--reason",
        "two editions of the book",
    ];
    let _ = project.run(&set).expect(0);
    let traced = project
        .run(&["triage", "--class", "source-conflict"])
        .expect(0);
    assert!(
        traced
            .stdout
            .starts_with("unsupported-claim (1 outcome, high, Colour team")
            && traced
                .stdout
                .contains("warm-00 right 1/1 [cause: source-conflict]"),
        "{traced}"
    );
    let failed = project
        .run(&["triage", "--class", "unsupported-claim"])
        .expect(0);
    assert!(failed.stdout.contains("(3 outcomes"), "{failed}");
}

#[test]
fn an_open_incident_obliges_the_gate_until_its_example_passes() {
    let project = recorded("standard: unbroken", 30, 1);
    let _ = project.run(&["gate"]).expect(0);
    let add = project
        .run(&[
            "incident",
            "add",
            "INC-1",
            "--class",
            "unsupported-claim",
            "--segment",
            "task=warm",
            "--what",
            "said red is blue",
        ])
        .expect(0);
    assert!(add.stdout.contains("obliges the gate"), "{add}");
    let held = project.run(&["gate"]).expect(100);
    assert!(held.stdout.contains("INC-1"), "{held}");
    assert!(
        held.stdout.contains("Next: gatewright incident list"),
        "{held}"
    );
    let _ = project
        .run(&["incident", "cover", "INC-1", "--example", "warm-00"])
        .expect(0);
    let held = project.run(&["gate"]).expect(100);
    assert!(held.stdout.contains("does not pass"), "{held}");
    let _ = project
        .run(&["incident", "cover", "INC-1", "--example", "warm-05"])
        .expect(0);
    let _ = project.run(&["gate"]).expect(0);
    let wrong = project
        .run(&["incident", "cover", "INC-2", "--example", "warm-05"])
        .expect(2);
    assert!(wrong.stderr.contains("INC-1"), "{wrong}");
    let twice = project
        .run(&[
            "incident",
            "add",
            "INC-1",
            "--class",
            "unsupported-claim",
            "--what",
            "again",
        ])
        .expect(2);
    assert!(twice.stderr.contains("INC-1"), "{twice}");
    let _ = project
        .run(&[
            "incident",
            "cover",
            "INC-1",
            "--example",
            "warm-05",
            "--close",
        ])
        .expect(0);
    let list = project.run(&["incident", "list", "--json"]).expect(0);
    let list: Value = serde_json::from_str(&list.stdout).expect("json");
    assert_eq!(list["incidents"][0]["status"], "covered");
    assert_eq!(list["incidents"][0]["example"], "warm-05");
}
