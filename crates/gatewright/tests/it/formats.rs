//! Reports for machines, and what a CI system is told.

use gatewright_testkit::TestEnvironment;
use serde_json::Value;

use crate::project::{environment, recorded};

/// Runs a command as a CI system would; what it wrote to both streams.
#[track_caller]
fn told(project: &TestEnvironment, arguments: &[&str], variables: &[(&str, &str)]) -> [String; 2] {
    let mut command = project.command(arguments);
    let output = command
        .envs(variables.iter().copied())
        .output()
        .expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let [stdout, stderr] = [text(output.stdout), text(output.stderr)];
    assert!(output.status.success(), "{stdout}{stderr}");
    [stdout, stderr]
}

#[test]
fn reports_for_ci_say_what_the_decision_says() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project
        .run(&[
            "gate", "-o", "a.xml", "-o", "a.sarif", "-o", "a.csv", "-o", "a.json",
        ])
        .expect(100);
    let report: Value = serde_json::from_str(&project.read("a.json")).expect("JSON");
    let sentence = report["sentence"].as_str().expect("a sentence");
    let junit = project.read("a.xml");
    assert!(junit.contains("<failure type=\"hold\""), "{junit}");
    assert!(junit.contains(sentence), "{junit}");
    let sarif: Value = serde_json::from_str(&project.read("a.sarif")).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let failing = |lost: bool| {
        let of = |it: &&Value| it["properties"]["lost"] == lost;
        results.iter().filter(of).count() as u64
    };
    let outcomes = &report["tables"][0]["systems"]["candidate"];
    assert_eq!(
        failing(true) + failing(false),
        outcomes["fail"].as_u64().expect("a count")
    );
    let lost = report["tables"][0]["against"]["production"]["lost"].as_u64();
    assert_eq!(Some(failing(true)), lost);
    // Every line that is named holds the example that is named.
    for result in results
        .iter()
        .filter(|it| it["properties"]["example"].is_string())
    {
        let place = &result["locations"][0]["physicalLocation"];
        let file = project.read(place["artifactLocation"]["uri"].as_str().expect("a file"));
        let line = place["region"]["startLine"].as_u64().expect("a line") as usize;
        let row: Value =
            serde_json::from_str(file.lines().nth(line - 1).expect("there")).expect("JSON");
        assert_eq!(row["id"], result["properties"]["example"]);
    }
    let csv = project.read("a.csv");
    let units: u64 = report["tables"][0]["systems"]
        .as_object()
        .expect("systems")
        .values()
        .map(|it| it["units"].as_u64().expect("units"))
        .sum();
    assert_eq!(csv.lines().count() as u64, 1 + units, "{csv}");
}

#[test]
fn github_gets_a_summary_outputs_and_annotations() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate"]).expect(100);
    let root = project.project().display().to_string();
    let summary = project.project().join("summary").display().to_string();
    let outputs = project.project().join("outputs").display().to_string();
    std::fs::write(&outputs, "before=1\n").expect("written");
    let environment = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_STEP_SUMMARY", summary.as_str()),
        ("GITHUB_OUTPUT", outputs.as_str()),
        ("GITHUB_WORKSPACE", root.as_str()),
    ];
    let [stdout, stderr] = told(&project, &["report", "--json", "--ci"], &environment);
    let report: Value = serde_json::from_str(&stdout).expect("one document and nothing else");
    let first = stderr.lines().next().expect("annotations");
    assert!(
        first.starts_with("::error file=gatewright.yaml,title="),
        "{stderr}"
    );
    assert!(stderr.lines().count() <= 10);
    let written = project.read("outputs");
    assert!(
        written.starts_with("before=1\nanswer=hold\nexit-code=100\nrun=0001-"),
        "{written}"
    );
    assert!(
        written.contains(report["sentence"].as_str().expect("words")),
        "{written}"
    );
    assert!(project.read("summary").starts_with("# hold: "));
    // Elsewhere nothing happens, and that is said.
    let said = project.run(&["report", "--ci"]).expect(0);
    assert!(said.stderr.contains("no CI system is recognised"), "{said}");
    let environment = [("GITLAB_CI", "true"), ("CI_PROJECT_DIR", root.as_str())];
    let _ = told(&project, &["report", "--ci"], &environment);
    assert!(
        project
            .read("gatewright.env")
            .starts_with("GATE_ANSWER=hold\nGATE_EXIT_CODE=100\n")
    );
    assert!(project.read("gatewright-junit.xml").starts_with("<?xml"));
}

/// What cannot be written takes nothing else with it, and says what to do.
#[test]
fn annotations_and_summary_are_there_when_outputs_cannot_be_written() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate"]).expect(100);
    let summary = project.project().join("summary");
    let output = project
        .command(&["report", "--ci=github"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        // A folder: nobody can append to it.
        .env("GITHUB_OUTPUT", project.project())
        .output()
        .expect("started");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.starts_with("::error file=gatewright.yaml,title="),
        "{stderr}"
    );
    assert!(stderr.contains("error: cannot write `"), "{stderr}");
    assert!(
        stderr.contains("  try: let this step write to the file that GITHUB_OUTPUT names"),
        "{stderr}"
    );
    assert!(project.read("summary").starts_with("# hold: "));
}

/// A run whose terms changed cannot be decided: `grade` does not send there, and a log that is gone is said to be gone.
#[test]
fn what_cannot_be_decided_has_another_next_step() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate"]).expect(100);
    let graded = project.run(&["grade"]).expect(0);
    assert!(
        graded.stdout.ends_with("Next: gatewright decide\n"),
        "{graded}"
    );
    let page = project
        .read("gatewright.yaml")
        .replace("margin: 10 pts", "margin: 60 pts");
    project.write("gatewright.yaml", page);
    let graded = project.run(&["grade"]).expect(0);
    assert!(
        graded.stdout.contains("This run cannot decide: "),
        "{graded}"
    );
    assert!(
        graded.stdout.ends_with("Next: gatewright gate\n"),
        "{graded}"
    );
    let runs = project.project().join(".gatewright/runs");
    let run = std::fs::read_dir(&runs)
        .expect("runs")
        .next()
        .expect("a run")
        .expect("read");
    std::fs::remove_file(run.path().join("run.db")).expect("removed");
    let gone = project.run(&["report", "1"]).expect(112);
    assert!(gone.stderr.contains("run.db is missing"), "{gone}");
    assert!(
        gone.stderr.contains("  try: restore ") && gone.stderr.contains("gatewright gate --fresh"),
        "{gone}"
    );
}

#[test]
fn init_writes_a_workflow_where_the_repository_begins() {
    let place = environment();
    std::fs::create_dir_all(place.project().join(".git")).expect("made");
    let bare = place.run(&["init", "evals", "--ci", "github"]).expect(2);
    assert!(bare.stderr.contains("--source"), "{bare}");
    let source = "https://example.org/a/gatewright#0123abc";
    for odd in [
        "https://example.org/$(id)#0123abc",
        "https://example.org/a#main",
    ] {
        let _ = place
            .run(&["init", "evals", "--ci", "github", "--source", odd])
            .expect(2);
    }
    assert!(
        !place.project().join("evals").exists(),
        "nothing is written before all is known"
    );
    let _ = place
        .run(&["init", "evals", "--ci", "github", "--source", source])
        .expect(0);
    let workflow = place.read(".github/workflows/gatewright-evals.yml");
    assert!(
        workflow.contains("working-directory: evals\n"),
        "{workflow}"
    );
    assert!(
        workflow.contains("--git https://example.org/a/gatewright --rev 0123abc"),
        "{workflow}"
    );
    assert!(place.project().join("evals/gatewright.yaml").exists());
    // The page is there: only what is new.
    let said = place
        .run(&["init", "evals", "--ci", "gitlab", "--source", source])
        .expect(0);
    assert!(
        said.stdout.contains(".gitlab/gatewright-evals.yml"),
        "{said}"
    );
    let _ = place
        .run(&["init", "evals", "--ci", "gitlab", "--source", source])
        .expect(2);
}
