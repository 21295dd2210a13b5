//! Past runs under today's page: read, decided in memory, never touched.

use serde_json::Value;

use crate::project::{GUARD, environment, examples, outputs, page, recorded};

fn replayed(project: &gatewright_testkit::TestEnvironment, arguments: &[&str]) -> Value {
    let mut all = vec!["replay", "--json"];
    all.extend(arguments);
    let said = project.run(&all).expect(0);
    serde_json::from_str(&said.stdout).expect("JSON")
}

#[test]
fn a_stricter_gate_would_have_held_what_shipped_and_the_record_stays() {
    // Twelve of sixty answers lost: more than ten points, less than thirty.
    let project = recorded("standard: unbroken", 30, 12);
    let lax = GUARD.replace("10 pts", "60 pts");
    project.write("gatewright.yaml", page("standard: unbroken", &lax));
    let _ = project.run(&["gate"]).expect(0);
    // The next release is another file, and loses nothing.
    project.write("runs/next.jsonl", outputs(30, |_, _| true));
    let next = page("standard: unbroken", &lax).replace("runs/candidate.jsonl", "runs/next.jsonl");
    project.write("gatewright.yaml", &next);
    let _ = project.run(&["gate"]).expect(0);
    let runs = project.project().join(".gatewright/runs");
    let names: Vec<String> = {
        let mut all: Vec<String> = std::fs::read_dir(&runs)
            .expect("runs")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        all.sort();
        all
    };
    let bytes = |name: &String| std::fs::read(runs.join(name).join("run.db")).expect("its log");
    let before: Vec<Vec<u8>> = names.iter().map(bytes).collect();
    project.write("gatewright.yaml", next.replace("60 pts", "10 pts"));
    let said = replayed(&project, &[]);
    assert_eq!(
        (
            &said["held"],
            &said["held_and_shipped_then"],
            &said["cannot"],
            &said["changed"]
        ),
        (&1.into(), &1.into(), &0.into(), &1.into())
    );
    let first = &said["runs"][0];
    assert_eq!(
        (first["then"].as_str(), first["now"].as_str()),
        (Some("ship"), Some("hold"))
    );
    assert_eq!(first["fired_now"][0]["rule"], "no-task-breaks");
    assert_eq!(first["fired_now"][0]["slice"]["values"]["task"], "warm");
    assert_eq!(
        (&said["runs"][1]["then"], &said["runs"][1]["now"]),
        (&"ship".into(), &"ship".into())
    );
    let text = project.run(&["replay"]).expect(0).stdout;
    assert!(
        text.starts_with(
            "Today's page would not have shipped 1 of 2 replayed runs; 1 of them shipped then."
        ),
        "{text}"
    );
    assert!(
        text.contains("  hold *  no-task-breaks in warm\n")
            && text.contains("* another answer than then")
            && text.contains("No decision on record was touched."),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    // By name, by number, by path; and only those.
    let path = format!(".gatewright/runs/{}", names[0]);
    for name in [names[0].as_str(), "1", path.as_str()] {
        assert_eq!(
            replayed(&project, &[name])["runs"][0]["now"],
            "hold",
            "{name}"
        );
    }
    assert_eq!(
        replayed(&project, &["--last", "1"])["runs"][0]["run"],
        names[1].as_str()
    );
    let after: Vec<Vec<u8>> = names.iter().map(bytes).collect();
    assert_eq!(before, after, "the logs are as they were");
}

#[test]
fn what_cannot_be_replayed_says_why_and_counts_as_such() {
    let project = recorded("standard: unbroken", 30, 0);
    let _ = project.run(&["gate"]).expect(0);
    project.write(
        "reference/more.jsonl",
        examples(31).lines().last().expect("a line"),
    );
    let said = replayed(&project, &[]);
    assert_eq!((&said["cannot"], &said["held"]), (&1.into(), &0.into()));
    let why = said["runs"][0]["cannot"].as_str().expect("why");
    assert!(
        why.contains("the examples are not those that were asked (61 now)"),
        "{why}"
    );
    let text = project.run(&["replay"]).expect(0).stdout;
    assert!(text.starts_with("No run could be replayed."), "{text}");
    std::fs::remove_file(project.project().join("reference/more.jsonl")).expect("gone");
    assert_eq!(replayed(&project, &[])["runs"][0]["now"], "ship");
    // A criterion that nothing can judge of these answers.
    let labelled = page("standard: unbroken", GUARD).replace(
        "{contains: {}}",
        "{label: {from: labels.jsonl, by: person, values: {pass: [yes], fail: [no]}}}",
    );
    project.write("gatewright.yaml", labelled);
    project.write(
        "labels.jsonl",
        "{\"example\":\"warm-00\",\"system\":\"another\",\"label\":\"yes\"}\n",
    );
    let why = replayed(&project, &[])["runs"][0]["cannot"].clone();
    assert!(
        why.as_str()
            .is_some_and(|why| why
                .starts_with("`right` has no verdict on any of the 60 answers of candidate")),
        "{why}"
    );
    let missing = project.run(&["replay", "0009"]).expect(2).said();
    assert!(missing.contains("there is no run `0009`"), "{missing}");
    let empty = environment();
    empty.write("gatewright.yaml", page("standard: unbroken", GUARD));
    empty.write("reference/all.jsonl", examples(3));
    let _ = empty.run(&["replay"]).expect(4);
}

/// Imported runs: labels are of each system by its name, so that a past candidate is judged by its own.
#[test]
fn imported_runs_are_judged_by_their_own_labels() {
    let project = environment();
    let table = |candidate: &str, lost: usize| {
        let mut text = String::from("id,input,system,output,correct\n");
        for index in 0..30 {
            for system in ["v10", candidate] {
                let right = system == "v10" || index >= lost;
                text.push_str(&format!(
                    "c{index},what is {index}?,{system},it is,{}\n",
                    if right { "yes" } else { "no" }
                ));
            }
        }
        text
    };
    project.write("one.csv", table("v11", 6));
    project.write("two.csv", table("v12", 0));
    let _ = project
        .run(&[
            "import",
            "csv",
            "one.csv",
            "--candidate",
            "v11",
            "--name",
            "spring",
        ])
        .expect(0);
    let lax = project.read("gatewright.yaml").replace("10 pts", "40 pts");
    project.write("gatewright.yaml", &lax);
    let _ = project.run(&["gate"]).expect(0);
    let _ = project
        .run(&[
            "import",
            "csv",
            "two.csv",
            "--candidate",
            "v12",
            "--name",
            "autumn",
        ])
        .expect(0);
    let today = lax
        .replace("\"v11\", recorded: \"imported/spring/", "\"v12\", recorded: \"imported/autumn/")
        .replace("from: \"imported/spring/labels.jsonl\"", "from: [imported/autumn/labels.jsonl, {file: imported/spring/labels.jsonl, where: {system: v11}}]")
        .replace("40 pts", "10 pts");
    project.write("gatewright.yaml", &today);
    let said = replayed(&project, &[]);
    let first = &said["runs"][0];
    assert_eq!(
        (
            first["then"].as_str(),
            first["now"].as_str(),
            &first["cannot"]
        ),
        (Some("ship"), Some("hold"), &Value::Null),
        "{said}"
    );
    // Other answers under the same name: the labels of today say nothing of those of then.
    let same_name = |page: &str| {
        page.replace("\"v12\"", "\"v11\"")
            .replace("where: {system: v11}", "where: {system: none}")
    };
    project.write("gatewright.yaml", same_name(&today));
    let labels = project.read("imported/autumn/labels.jsonl");
    project.write(
        "imported/autumn/labels.jsonl",
        labels.replace("\"v12\"", "\"v11\""),
    );
    let why = replayed(&project, &[])["runs"][0]["cannot"].clone();
    let said = "are both called `v11`, and they are not the same";
    assert!(why.as_str().is_some_and(|why| why.contains(said)), "{why}");
    project.write("imported/autumn/labels.jsonl", labels);
    // Without the labels of then nothing is guessed.
    project.write(
        "gatewright.yaml",
        today.replace(
            ", {file: imported/spring/labels.jsonl, where: {system: v11}}",
            "",
        ),
    );
    let why = replayed(&project, &[])["runs"][0]["cannot"].clone();
    assert!(
        why.as_str()
            .is_some_and(|why| why.contains("candidate (v11)")),
        "{why}"
    );
}

/// An answer that ships nothing is counted as such, and the longest one leaves a rule readable.
#[test]
fn what_is_not_enough_is_not_shipped_either() {
    let project = recorded("standard: unbroken", 30, 0);
    let _ = project.run(&["gate"]).expect(0);
    let shown = page("standard: shown", GUARD);
    project.write("gatewright.yaml", shown);
    let said = replayed(&project, &[]);
    assert_eq!(said["runs"][0]["now"], "not enough evidence");
    assert_eq!(
        [
            &said["replayed"],
            &said["not_shipped"],
            &said["not_shipped_but_then"],
            &said["held"]
        ],
        [1, 1, 1, 0]
    );
    let text = project.run(&["replay"]).expect(0).stdout;
    assert!(
        text.starts_with(
            "Today's page would not have shipped 1 of 1 replayed run; 1 of them shipped then.\n"
        ),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}

/// A table of two systems of always the same names; the candidate loses the first `lost` of thirty.
fn release(word: &str, lost: usize) -> String {
    let mut text = String::from("id,input,system,output,correct\n");
    for index in 0..30 {
        for system in ["prod", "app"] {
            let right = if system == "prod" || index >= lost {
                "yes"
            } else {
                "no"
            };
            text.push_str(&format!(
                "c{index},what is {index}?,{system},{word} {index},{right}\n"
            ));
        }
    }
    text
}

/// Labels are found by the system's name: where two releases have one name, those of the other say nothing of this one.
#[test]
fn labels_of_another_release_of_the_same_name_judge_nothing() {
    let project = environment();
    project.write("release.csv", release("spring", 12));
    let import = ["import", "csv", "release.csv", "--candidate", "app"];
    let _ = project.run(&import).expect(0);
    let _ = project.run(&["gate"]).expect(100);
    let page = project.read("gatewright.yaml");
    // The next release, under the same name in another folder: its labels are all that the page reads.
    project.write("release.csv", release("autumn", 0));
    let mut next = import.to_vec();
    next.extend(["--name", "autumn"]);
    let _ = project.run(&next).expect(0);
    let file = |what: &str, page: &str| {
        page.replace(
            &format!("imported/csv/{what}"),
            &format!("imported/autumn/{what}"),
        )
    };
    let autumn = file("labels", &file("candidate", &file("production", &page)));
    project.write("gatewright.yaml", &autumn);
    let cannot = |project: &gatewright_testkit::TestEnvironment| {
        let said = replayed(project, &["1"]);
        assert_eq!(said["runs"][0]["now"], Value::Null, "{said}");
        said["runs"][0]["cannot"].as_str().expect("why").to_owned()
    };
    assert_eq!(
        cannot(&project),
        "`correct` goes by labels, which are found by name: its candidate and today's candidate are both called `app`, and they are not the same"
    );
    // A rule on a class reads the same labels.
    let by_class = autumn.replace(
        "guard: correct, against: production, margin: 10 pts",
        "never: wrong-answer",
    );
    assert_ne!(by_class, autumn);
    project.write("gatewright.yaml", by_class);
    assert!(cannot(&project).starts_with("`correct` goes by labels"));
    // The next release, written over the first.
    project.write("gatewright.yaml", &page);
    for file in ["candidate", "production", "labels"] {
        let newer = project.read(&format!("imported/autumn/{file}.jsonl"));
        project.write(&format!("imported/csv/{file}.jsonl"), newer);
    }
    assert_eq!(
        cannot(&project),
        "`correct` goes by labels, and `imported/csv/candidate.jsonl` is not what it was: they may be of other answers"
    );
}
