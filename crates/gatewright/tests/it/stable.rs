//! How stable the answer is, as a user reads it.

use serde_json::Value;

use crate::project::{environment, examples, outputs, page, recorded};

fn report(project: &gatewright_testkit::TestEnvironment, more: &[&str]) -> Value {
    let shown = project
        .run(&[&["report", "--json"], more].concat())
        .expect(0);
    serde_json::from_str(&shown.stdout).expect("JSON")
}

/// One answer of twenty makes the difference: the reports name it.
#[test]
fn the_example_that_the_answer_hangs_on_is_in_every_report() {
    let gate =
        "  - {id: no-claims, never: unsupported-claim, then: {violated: hold}, owner: team}\n";
    let project = environment();
    project.write("gatewright.yaml", page("standard: unbroken", gate));
    project.write("reference/all.jsonl", examples(20));
    project.write("runs/production.jsonl", outputs(20, |_, _| true));
    project.write(
        "runs/candidate.jsonl",
        outputs(20, |task, index| task == "cold" || index != 3),
    );
    let gate = project.run(&["gate", "-o", "r.html", "-o", "r.md", "-o", "r.json"]);
    assert_eq!(gate.code, Some(100), "{gate}");
    let stability = &report(&project, &[])["stability"];
    assert_eq!(stability["resamples"], 1_000);
    assert_eq!(stability["clusters"], 40);
    assert_eq!(stability["approximate"], false);
    assert_eq!(stability["left_out_total"], 1);
    assert_eq!(stability["left_out"][0]["examples"][0], "warm-03");
    assert_eq!(stability["left_out"][0]["answer"], "ship");
    let draws = |at: usize| {
        let one = &stability["answers"][at];
        (
            one["answer"].as_str().expect("a word"),
            one["draws"].as_f64().expect("a count"),
        )
    };
    // (39/40)^40 of the draws are without it: 363 of 1,000, with a standard error of 15.
    let ((hold, held), (ship, shipped)) = (draws(0), draws(1));
    assert_eq!((hold, ship, held + shipped), ("hold", "ship", 1_000.0));
    assert!((shipped - 363.0).abs() < 60.0, "{shipped}");
    let named = "leaving out one example changes the answer: warm-03 (ship)";
    for file in ["r.html", "r.md", "r.json"] {
        let text = project.read(file);
        assert!(text.contains(named), "{file}");
        assert!(text.contains("draws of the examples"), "{file}");
    }
    // Twice the same, and no part of what was decided.
    assert_eq!(&report(&project, &[])["stability"], stability);
    let _ = project.run(&["decide"]).expect(100);
}

/// Whatever is drawn, a run that cannot decide holds: nothing is computed of it.
#[test]
fn an_invalid_run_has_no_stability() {
    let project = recorded("standard: unbroken", 10, 0);
    let _ = project.run(&["gate"]).expect(0);
    assert!(report(&project, &[])["stability"].is_object());
    let page = project.read("gatewright.yaml");
    project.write("gatewright.yaml", page.replace("10 pts", "20 pts"));
    assert!(report(&project, &[])["stability"].is_null());
}

/// Beyond a thousand examples it is computed where somebody asks for it.
#[test]
fn large_sets_are_drawn_where_it_is_asked_for() {
    let project = recorded("standard: unbroken", 501, 0);
    let _ = project.run(&["gate"]).expect(0);
    assert!(report(&project, &[])["stability"].is_null());
    let asked = report(&project, &["--stability"]);
    assert_eq!(asked["stability"]["clusters"], 1_002);
    assert_eq!(asked["stability"]["same_share"], 1.0);
}
