//! Short queues by policy: what of a graded run people are asked about, and what their labels make of the gate.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gatewright_testkit::{TestEnvironment, Transcript};
use serde_json::Value;

use crate::project::{environment, recorded};

/// A criterion that people label, beside the example's own that rules grade. What nobody was asked about passes.
const WRONG: &str = "criteria:
  promise-kept:
    grader: {label: {from: reviewed.jsonl, by: person, rubric: r1, absent: pass, values: {pass: [kept], fail: {broken: unsupported-claim}}}}
    fails_as: unsupported-claim
";
const RULE: &str = "gate:
  - {id: people-find-none, never: promise-kept, then: {violated: hold}, owner: product}
";

fn json(output: &Transcript) -> Value {
    serde_json::from_str(&output.stdout).expect("json")
}

fn rows(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

/// The shipped example with a criterion that people label, graded and not yet confirmed.
fn billing() -> TestEnvironment {
    let place = environment();
    let _ = place
        .run(&["init", ".", "--example", "billing-support"])
        .expect(0);
    let page = place.read("gatewright.yaml");
    let page = page.replacen("criteria:\n", WRONG, 1);
    let page = page.replacen("gate:\n", RULE, 1);
    place.write("gatewright.yaml", page);
    place.write("reviewed.jsonl", "");
    let _ = place.run(&["run", "--quiet"]).expect(0);
    place
}

/// What is asked, in the order in which it waits: example ids.
fn asked(place: &TestEnvironment) -> Vec<Value> {
    let _ = place
        .run(&["review", "export", "-o", "asked.jsonl"])
        .expect(0);
    rows(&place.read("asked.jsonl"))
}

fn examples(rows: &[Value]) -> Vec<&str> {
    let mut all: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["example"].as_str())
        .collect();
    all.dedup();
    all
}

#[test]
fn flips_of_a_rule_are_asked_as_what_people_label_and_their_labels_gate() {
    let place = billing();
    let ask = [
        "review",
        "ask",
        "--policy",
        "flips",
        "--of",
        "grounded",
        "--at-most",
        "12",
        "--people",
        "1",
    ];
    let said = place.run(&ask).expect(0);
    assert!(
        said.stdout.contains("more that `flips` picks are left"),
        "{said}"
    );
    let all = asked(&place);
    assert_eq!(all.len(), 12);
    // Regressed first, by cost: the order of `diff`, and both answers to each question.
    let diff = json(
        &place
            .run(&["diff", "--criterion", "grounded", "--limit", "6", "--json"])
            .expect(0),
    );
    let changed = diff["changed"].as_array().expect("a list");
    let wanted: Vec<&str> = changed
        .iter()
        .filter_map(|it| it["example"].as_str())
        .collect();
    assert_eq!(examples(&all), wanted);
    for one in changed {
        let of = |row: &&Value| row["example"] == one["example"];
        let outputs: BTreeSet<&str> = all
            .iter()
            .filter(of)
            .filter_map(|row| row["fields"]["output"].as_str())
            .collect();
        for said in ["candidate_said", "production_said"] {
            let said = one[said].as_str().expect("an answer");
            assert!(
                outputs.iter().any(|it| said.contains(it)),
                "{said}\n{outputs:?}"
            );
        }
    }
    // A23: no row says which system answered, or why it is asked.
    let text = place.read("asked.jsonl");
    for word in ["candidate", "production", "regress", "passes"] {
        assert!(!text.contains(&format!("\"{word}")), "{word}: {text}");
    }
    // Again: what was asked is not asked anew, and the next ones come.
    let again = json(&place.run(&[&ask[..], &["--json"]].concat()).expect(0));
    assert_eq!(
        (&again["asked_before"], &again["new"]),
        (&12.into(), &12.into())
    );

    // One answer that somebody finds broken is an event of the never, as labels of people are.
    let is_candidates = |row: &Value| {
        let said = changed[0]["candidate_said"].as_str().expect("an answer");
        row["example"] == changed[0]["example"]
            && said.contains(row["fields"]["output"].as_str().expect("text"))
    };
    let mut filled = String::new();
    for mut row in asked(&place) {
        let label = if is_candidates(&row) {
            "broken"
        } else {
            "kept"
        };
        row["label"] = label.into();
        row["annotator"] = "ana".into();
        let _ = writeln!(filled, "{row}");
    }
    assert_eq!(filled.matches("\"broken\"").count(), 24 + 1, "{filled}");
    place.write("filled.jsonl", &filled);
    let _ = place
        .run(&["review", "ask", "filled.jsonl", "--people", "1"])
        .expect(0);
    let _ = place
        .run(&["review", "export", "-o", "reviewed.jsonl"])
        .expect(0);
    let gate = json(&place.run(&["gate", "--fresh", "--json"]).expect(100));
    let rules = gate["findings"].as_array().expect("findings").iter();
    let mut own = rules.filter(|it| it["rule"] == "people-find-none");
    let own = own.next().expect("the rule");
    assert_eq!(own["standing"], "violated", "{own}");
}

#[test]
fn guard_flips_wait_until_fresh_trials_answer_for_them() {
    let place = billing();
    let ask = ["review", "ask", "--policy", "guard-flips", "--json"];
    let found = json(&place.run(&ask).expect(0));
    assert!(found["new"].as_u64().expect("a count") > 0, "{found}");
    let all = asked(&place);
    let diff = json(&place.run(&["diff", "--limit", "500", "--json"]).expect(0));
    let lost: BTreeSet<&str> = diff["changed"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|it| it["change"].as_f64() < Some(0.0) && it["fresh"].is_null())
        .filter_map(|it| it["example"].as_str())
        .collect();
    for example in examples(&all) {
        assert!(lost.contains(example), "{example} has not regressed");
    }
    // Of `auto` they come first.
    let auto = json(
        &place
            .run(&[
                "review",
                "ask",
                "--policy",
                "auto",
                "--at-most",
                "5",
                "--json",
            ])
            .expect(0),
    );
    assert_eq!(auto["asked_before"], found["new"], "{auto}");
    // Decided, the guards have been run again, and none waits for a person.
    let _ = place.run(&["gate"]).expect(100);
    let none = place
        .run(&[
            "review",
            "ask",
            "--policy",
            "guard-flips",
            "--of",
            "grounded",
        ])
        .expect(2);
    assert!(none.said().contains("fresh trials have answered"), "{none}");
    let flips = json(
        &place
            .run(&["review", "ask", "--policy", "flips", "--json"])
            .expect(0),
    );
    assert!(flips["answers"].as_u64() > Some(0), "{flips}");
}

#[test]
fn a_policy_without_anything_to_ask_says_so() {
    let place = recorded("standard: unbroken", 10, 6);
    let none = place.run(&["review", "ask", "--policy", "auto"]).expect(2);
    assert!(
        none.said()
            .contains("no criterion of this page is labelled by people"),
        "{none}"
    );
    let ruled = place
        .run(&["review", "ask", "--policy", "flips", "--criterion", "right"])
        .expect(2);
    assert!(
        ruled.said().contains("`right` is not labelled by people"),
        "{ruled}"
    );
    assert!(ruled.said().contains("--of right"), "{ruled}");
    let both = place
        .run(&["review", "ask", "labels.jsonl", "--policy", "flips"])
        .expect(2);
    assert!(both.said().contains("--policy"), "{both}");
    let alone = place.run(&["review", "ask", "--of", "right"]).expect(2);
    assert!(alone.said().contains("--policy"), "{alone}");

    let place = environment();
    let _ = place
        .run(&["init", ".", "--example", "billing-support"])
        .expect(0);
    let page = place.read("gatewright.yaml");
    place.write("gatewright.yaml", page.replacen("criteria:\n", WRONG, 1));
    place.write("reviewed.jsonl", "");
    let none = place.run(&["review", "ask", "--policy", "flips"]);
    assert_ne!(none.code, Some(0), "{none}");
    assert!(none.said().contains("there is no run yet"), "{none}");
    assert!(!place.project().join(".gatewright/project.db").exists());
    let _ = place
        .run(&["run", "--quiet", "--repeat", "1", "--limit", "6"])
        .expect(0);
    let none = place
        .run(&["review", "ask", "--policy", "flips", "--of", "latency"])
        .expect(2);
    assert!(none.said().contains("no flip of these criteria"), "{none}");
    let slip = place
        .run(&["review", "ask", "--policy", "flips", "--of", "groundet"])
        .expect(2);
    assert!(slip.said().contains("did you mean `grounded`"), "{slip}");
    for policy in ["disputed", "gaps"] {
        let none = place.run(&["review", "ask", "--policy", policy]).expect(2);
        assert!(none.said().contains("error:"), "{policy}: {none}");
    }
}

/// Two people of whom one finds eight of the candidate's answers wrong; a judge that errs on every twentieth.
#[test]
fn what_is_disputed_comes_with_its_labels_and_what_a_judge_lacks_with_its_probability() {
    let place = crate::review::project("labels.jsonl", 8);
    let ask = ["review", "ask", "--policy", "disputed", "--json"];
    let found = json(&place.run(&ask).expect(0));
    assert_eq!((&found["new"], &found["labels"]), (&8.into(), &16.into()));
    let due = json(
        &place
            .run(&["today", "--person", "carla", "--json"])
            .expect(0),
    );
    assert_eq!(due["to_settle"]["right"], 8);
    let again = json(&place.run(&ask).expect(0));
    assert_eq!(
        (&again["new"], &again["asked_before"]),
        (&0.into(), &8.into())
    );

    let place = crate::calibrate::project(crate::calibrate::PEOPLE, "r1", 6);
    place.write("labels.jsonl", "");
    let gaps = [
        "review",
        "ask",
        "--policy",
        "gaps",
        "--at-most",
        "60",
        "--json",
    ];
    let found = json(&place.run(&gaps).expect(0));
    assert_eq!(found["new"], 60);
    let all = asked(&place);
    let drawn = |row: &Value| row["inclusion"].as_f64().expect("a probability");
    assert!(all.iter().all(|row| drawn(row) > 0.0 && drawn(row) <= 1.0));
    assert!(
        all.iter().any(|row| drawn(row) < 1.0),
        "passes are drawn at random"
    );
    // A larger plan drew all of these too: their probability is the larger one.
    let least = |rows: &[Value]| rows.iter().map(drawn).fold(1.0, f64::min);
    let before = least(&all);
    let plan = ["review", "ask", "--criterion", "right", "--plan", "200"];
    let _ = place.run(&plan).expect(0);
    let after = asked(&place);
    assert!(after.len() > 60 && least(&after) > before, "{before}");
    // A queue that draws more of a judge's answers draws those that were asked before more surely too, and asks nobody about them again.
    let other = crate::calibrate::project(crate::calibrate::PEOPLE, "r1", 6);
    other.write("labels.jsonl", "");
    let gaps = |most: &str| {
        let ask = [
            "review",
            "ask",
            "--policy",
            "gaps",
            "--json",
            "--at-most",
            most,
        ];
        json(&other.run(&ask).expect(0))
    };
    assert_eq!(gaps("50")["new"], 50);
    let few = least(&asked(&other));
    let _ = gaps("140");
    assert!(least(&asked(&other)) > few, "{few}");
    // Of the whole queue the judge's own flips stand first once a run is there.
    let _ = place.run(&["gate"]);
    let flips = json(
        &place
            .run(&["review", "ask", "--policy", "flips", "--json"])
            .expect(0),
    );
    assert_eq!(flips["new"], 0, "the plan has them: {flips}");
    assert_eq!(flips["asked_before"], 8, "two answers to each: {flips}");
}
