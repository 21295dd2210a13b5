//! Results of other tools, as they wrote them (`tests/imported`), through import, check and gate: our figures beside theirs.

use std::path::PathBuf;

use gatewright_testkit::TestEnvironment;
use serde_json::{Value, json};

use crate::project::{environment, examples, page};

/// An empty project with the files that a tool wrote in its folder `in`.
fn with(tool: &str) -> TestEnvironment {
    let project = environment();
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/imported")
        .join(tool);
    for entry in std::fs::read_dir(from).expect("the golden files") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        project.write(
            &format!("in/{name}"),
            std::fs::read(&path).expect("its bytes"),
        );
    }
    project
}

#[track_caller]
fn imported(project: &TestEnvironment, arguments: &[&str]) -> Value {
    let mut all = vec!["import"];
    all.extend(arguments);
    all.push("--json");
    let said = project.run(&all).expect(0);
    serde_json::from_str(&said.stdout).expect("JSON")
}

/// pass, fail, numbers, no answer, no verdict.
fn counts(summary: &Value, role: usize, criterion: &str) -> [u64; 5] {
    let of = &summary["ours"][role]["criteria"][criterion];
    ["pass", "fail", "numbers", "no_answer", "no_verdict"]
        .map(|word| of[word].as_u64().expect("a count"))
}

/// What the gate makes of a criterion on the candidate: pass, fail, missing, and the answer's word.
#[track_caller]
fn decided(project: &TestEnvironment, criterion: &str, code: i32) -> ([u64; 3], String) {
    let checked = project.run(&["check", "--json"]).expect(0);
    let checked: Value = serde_json::from_str(&checked.stdout).expect("JSON");
    assert_eq!(checked["errors"], 0);
    let report = project.run(&["gate", "--json"]).expect(code);
    let report: Value = serde_json::from_str(&report.stdout).expect("JSON");
    let tables = report["tables"].as_array().expect("tables");
    let table = tables.iter().find(|table| {
        table["criterion"] == criterion
            && table["segment"]
                .as_object()
                .is_none_or(serde_json::Map::is_empty)
    });
    let of = &table.unwrap_or_else(|| panic!("no table of {criterion}: {tables:?}"))["systems"]["candidate"];
    let missing = of["missing"]
        .as_object()
        .map_or(0, |of| of.values().filter_map(Value::as_u64).sum());
    let count = |word: &str| of[word].as_u64().unwrap_or(0);
    (
        [count("pass"), count("fail"), missing],
        report["answer"].as_str().expect("an answer").to_owned(),
    )
}

#[test]
fn promptfoo_errors_and_broken_assertions_are_missing() {
    // Where reports go is no column of a table.
    let project = with("promptfoo").with_variable("GATEWRIGHT_OUTPUT", "report.md");
    let summary = imported(
        &project,
        &["promptfoo", "in/repeat.json", "--candidate", "assistant-12"],
    );
    assert_eq!(summary["files"][0]["version"], "0.121.20");
    assert_eq!(
        summary["theirs"][1]["figures"],
        json!([["pass", 14.0], ["fail", 8.0], ["errors", 2.0]])
    );
    // Two of promptfoo's eight failures are an assertion whose program broke: it said nothing of the answers.
    let all = &summary["ours"][0]["all"];
    assert_eq!(
        [
            &all["pass"],
            &all["fail"],
            &all["no_answer"],
            &all["no_verdict"]
        ],
        [14, 6, 2, 2]
    );
    assert_eq!(counts(&summary, 0, "icontains"), [18, 4, 0, 2, 0]);
    assert_eq!(counts(&summary, 0, "cites"), [2, 2, 0, 0, 0]);
    assert_eq!(counts(&summary, 0, "javascript"), [0, 0, 0, 0, 2]);
    assert_eq!(summary["unpaired"], json!([]));
    let (of, answer) = decided(&project, "icontains", 0);
    assert_eq!((of, answer.as_str()), ([18, 4, 2], "ship"));
    let page = project.read("gatewright.yaml");
    assert!(
        page.contains("watch: javascript") && page.contains("guard: icontains"),
        "one example carries no guard: {page}"
    );
    let first: Value = serde_json::from_str(
        project
            .read("imported/promptfoo/examples.jsonl")
            .lines()
            .next()
            .expect("a line"),
    )
    .expect("JSON");
    assert_eq!(first["segments"]["task"], "refund");
    assert_eq!(first["context"]["question"], first["input"]);
    assert!(
        first["provenance"]["ref"]
            .as_str()
            .is_some_and(|from| from.starts_with("promptfoo 0.121.20: repeat.json sha256:"))
    );
    // The same once, as lines and as a document.
    for (name, file) in [("doc", "in/out.json"), ("lines", "in/out.jsonl")] {
        let one = imported(
            &project,
            &[
                "promptfoo",
                file,
                "--candidate",
                "assistant-12",
                "--name",
                name,
            ],
        );
        assert_eq!(counts(&one, 0, "icontains"), [9, 2, 0, 1, 0], "{file}");
        assert_eq!(one["known"], 12, "the page has these questions: {file}");
        assert!(
            project
                .read(&format!("imported/{name}/page-parts.yaml"))
                .contains("recorded: \"imported/")
        );
    }
}

#[test]
fn inspect_logs_of_both_forms_are_the_same_and_errors_stay_in_the_denominator() {
    let project = with("inspect");
    let eval = imported(
        &project,
        &[
            "inspect",
            "in/assistant-11.eval",
            "in/assistant-12.eval",
            "--candidate",
            "assistant-12.eval",
        ],
    );
    assert_eq!(eval["files"][0]["version"], "0.3.285");
    // Inspect: accuracy 0.818, which is 9 of the 11 samples that were scored. Here 18 of 24 attempts pass, and 2 are missing.
    let figures = eval["theirs"].as_array().expect("figures");
    let accuracy = figures
        .iter()
        .find(|it| it["of"] == "includes")
        .expect("there");
    assert!((accuracy["figures"][0][1].as_f64().expect("a rate") - 9.0 / 11.0).abs() < 1e-9);
    assert_eq!(counts(&eval, 0, "includes"), [18, 4, 0, 2, 0]);
    assert_eq!(counts(&eval, 0, "length"), [0, 0, 22, 2, 0]);
    let judged = eval["criteria"]
        .as_array()
        .expect("criteria")
        .iter()
        .find(|it| it["theirs"] == "model_graded_qa")
        .expect("there");
    assert_eq!(
        judged["by"], "model",
        "it gates nothing before it is calibrated"
    );
    let (of, answer) = decided(&project, "includes", 0);
    assert_eq!((of, answer.as_str()), ([18, 4, 2], "ship"));
    let json = with("inspect");
    let dumped = imported(
        &json,
        &[
            "inspect",
            "in/assistant-11.json",
            "in/assistant-12.json",
            "--candidate",
            "assistant-12.json",
        ],
    );
    assert_eq!(dumped["ours"], eval["ours"]);
    for file in ["candidate", "production", "labels"] {
        let path = format!("imported/inspect/{file}.jsonl");
        assert_eq!(json.read(&path), project.read(&path), "{file}");
    }
}

#[test]
fn openai_evals_that_stopped_names_what_it_did_not_reach() {
    let project = with("openai-evals");
    let summary = imported(
        &project,
        &[
            "openai-evals",
            "in/log-11.jsonl",
            "in/log-12.jsonl",
            "--candidate",
            "assistant-12",
        ],
    );
    assert_eq!(counts(&summary, 0, "match"), [10, 2, 0, 0, 0]);
    let accuracy = summary["theirs"][1]["figures"][0][1]
        .as_f64()
        .expect("a rate");
    assert!(
        (accuracy - 10.0 / 12.0).abs() < 1e-9,
        "the same: nothing is missing"
    );
    assert_eq!(decided(&project, "match", 0).0, [10, 2, 0]);
    let stopped = with("openai-evals");
    let said = stopped
        .run(&[
            "import",
            "openai-evals",
            "in/log-11.jsonl",
            "in/stopped-12.jsonl",
            "--candidate",
            "assistant-12",
        ])
        .expect(0);
    let text = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains(
            "Unpaired: 5 examples: billing.dev.0 (production only), billing.dev.1 (production only)"
        ),
        "{text}"
    );
    assert!(
        text.contains("stopped-12.jsonl: the log has no final report"),
        "{text}"
    );
    assert!(
        said.stdout.lines().all(|line| line.chars().count() <= 100),
        "{}",
        said.stdout
    );
    let (of, _) = decided(&stopped, "match", 110);
    assert_eq!(of, [5, 2, 5], "what was not reached is missing and no pass");
}

#[test]
fn deepeval_metrics_that_broke_and_cases_without_output_are_missing() {
    let project = with("deepeval");
    let summary = imported(
        &project,
        &[
            "deepeval",
            "in/test-run-11.json",
            "in/test-run-12.json",
            "--candidate",
            "assistant-12",
        ],
    );
    let cases: Vec<&Value> = summary["theirs"]
        .as_array()
        .expect("figures")
        .iter()
        .filter(|it| it["of"] == "test cases")
        .collect();
    assert_eq!(cases[1]["figures"], json!([["pass", 16.0], ["fail", 8.0]]));
    let all = &summary["ours"][0]["all"];
    assert_eq!(
        [
            &all["pass"],
            &all["fail"],
            &all["no_answer"],
            &all["no_verdict"]
        ],
        [16, 4, 2, 2]
    );
    assert_eq!(
        counts(&summary, 0, "contains"),
        [18, 4, 0, 2, 0],
        "DeepEval: 18 and 6"
    );
    assert_eq!(
        counts(&summary, 0, "clear-geval"),
        [20, 0, 0, 2, 2],
        "DeepEval: 20, 0 and 4 errors"
    );
    assert!(
        summary["notes"][0]
            .as_str()
            .is_some_and(|note| note.contains("counts them as failed"))
    );
    assert_eq!(decided(&project, "contains", 0).0, [18, 4, 2]);
}

/// Thirty questions in a table: the candidate loses five of them.
fn table(lost: usize) -> String {
    let mut text = String::from("case,question,model,reply,verdict,topic\n");
    for index in 0..30 {
        let topic = if index % 2 == 0 { "warm" } else { "cold" };
        for system in ["v11", "v12"] {
            let verdict = if system == "v12" && index < lost {
                "bad"
            } else {
                "fine"
            };
            text.push_str(&format!(
                "c{index},\"what is {index}, \"\"really\"\"?\",{system},=1+1,{verdict},{topic}\n"
            ));
        }
    }
    text
}

#[test]
fn a_table_decides_and_words_that_could_be_either_are_asked_about() {
    let project = environment();
    project.write("answers.csv", table(12));
    let arguments = [
        "import",
        "csv",
        "answers.csv",
        "--output",
        "reply",
        "--label",
        "right=verdict",
        "--candidate",
        "v12",
        "--task",
        "topic",
    ];
    let said = project.run(&arguments).expect(2).said();
    assert!(
        said.contains("`right` says `fine`: is that a pass or a failure? [unclear-verdict]")
            && said.contains("--pass 'right=fine'"),
        "{said}"
    );
    let mut all = arguments.to_vec();
    all.extend(["--pass", "right=fine", "--by", "right=person"]);
    let said = project.run(&all).expect(0);
    assert!(said.stdout.contains("columns: id `case`, input `question`, output `reply`, system `model`, label right=`verdict`"), "{}", said.stdout);
    let page = project.read("gatewright.yaml");
    assert!(
        page.contains("guard: right, by: [task]") && page.contains("by: person"),
        "{page}"
    );
    let (of, answer) = decided(&project, "right", 100);
    assert_eq!((of, answer.as_str()), ([18, 12, 0], "hold"));
    assert!(
        project
            .read("imported/csv/candidate.jsonl")
            .contains(r#""output":"=1+1""#),
        "as it was"
    );
}

/// A page without a rule that decides would ship whatever comes: it asks for what is shown instead.
#[test]
fn what_decides_nothing_ships_nothing() {
    let flags = [
        "--output",
        "reply",
        "--label",
        "right=verdict",
        "--pass",
        "right=fine",
    ];
    for (more, why) in [
        (vec!["--candidate", "v12", "--by", "right=model"], "judged"),
        (vec!["--candidate", "v12"], "alone"),
    ] {
        let project = environment();
        let rows = table(12);
        let alone = |line: &&str| why != "alone" || !line.contains(",v11,");
        let kept: Vec<&str> = rows.lines().filter(alone).collect();
        project.write("answers.csv", kept.join("\n"));
        let mut all = vec!["import", "csv", "answers.csv"];
        all.extend(flags);
        all.extend(more);
        let _ = project.run(&all).expect(0);
        assert!(
            project.read("gatewright.yaml").contains("standard: shown"),
            "{why}"
        );
        assert_eq!(
            decided(&project, "right", 110).1,
            "not-enough-evidence",
            "{why}"
        );
    }
}

#[test]
fn nothing_is_written_over_without_being_told() {
    let project = environment();
    project.write("answers.csv", table(0));
    let arguments = [
        "import",
        "csv",
        "answers.csv",
        "--output",
        "reply",
        "--label",
        "right=verdict",
        "--pass",
        "right=fine",
        "--candidate",
        "v12",
    ];
    let _ = project.run(&arguments).expect(0);
    let before = project.read("imported/csv/import.json");
    let said = project.run(&arguments).expect(2).said();
    assert!(
        said.contains("`imported/csv` is there already")
            && said.contains("--replace")
            && said.contains("--name NAME"),
        "{said}"
    );
    project.write("answers.csv", table(3));
    let page = project.read("gatewright.yaml");
    let mut again = arguments.to_vec();
    again.push("--replace");
    let _ = project.run(&again).expect(0);
    assert_ne!(project.read("imported/csv/import.json"), before);
    assert_eq!(
        project.read("gatewright.yaml"),
        page,
        "a page that is there is never touched"
    );
    for (name, why) in [
        ("../x", "cannot name a folder"),
        ("A b", "--name a-b"),
        ("", "--name results"),
    ] {
        let mut odd = arguments.to_vec();
        odd.extend(["--name", name]);
        let said = project.run(&odd).expect(2).said();
        assert!(said.contains(why), "{name}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn a2_a_link_in_the_place_of_the_folder_is_not_followed() {
    let (project, outside) = (environment(), environment());
    project.write("answers.csv", table(0));
    std::os::unix::fs::symlink(outside.project(), project.project().join("imported"))
        .expect("linked");
    let said = project
        .run(&[
            "import",
            "csv",
            "answers.csv",
            "--output",
            "reply",
            "--candidate",
            "v12",
        ])
        .expect(2)
        .said();
    assert!(said.contains("is a link"), "{said}");
    assert_eq!(
        std::fs::read_dir(outside.project()).expect("there").count(),
        0
    );
}

#[test]
fn a_page_that_is_there_keeps_its_examples_and_gets_parts() {
    let project = environment();
    project.write(
        "gatewright.yaml",
        page("standard: unbroken", crate::project::GUARD),
    );
    project.write("reference/all.jsonl", examples(3));
    project.write(
        "new.csv",
        "input,system,output,correct\nwhat is warm-00?,b,it is warm-00,yes\nwhat is warm-00?,a,no idea,no\n what is cold-01? ,b,x,yes\nsomething new?,a,y,yes\n",
    );
    let summary = imported(
        &project,
        &["csv", "new.csv", "--candidate", "b", "--name", "autumn"],
    );
    assert_eq!(
        (&summary["examples"], &summary["known"]),
        (&json!(3), &json!(2))
    );
    let unpaired: Vec<(&Value, &Value)> = summary["unpaired"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (&it["example"], &it["only"]))
        .collect();
    assert_eq!(unpaired[0], (&json!("cold-01"), &json!(["candidate"])));
    assert_eq!(unpaired.len(), 2);
    assert!(
        project
            .read("imported/autumn/candidate.jsonl")
            .contains(r#""example":"warm-00""#)
    );
    assert_eq!(
        project
            .read("imported/autumn/examples.jsonl")
            .lines()
            .count(),
        1,
        "only what the page does not have"
    );
    let parts = project.read("imported/autumn/page-parts.yaml");
    assert!(
        parts.contains("candidate: {name: \"b\", recorded: \"imported/autumn/candidate.jsonl\"}"),
        "{parts}"
    );
    assert!(parts.contains("guard: correct"), "{parts}");
}

#[test]
fn what_cannot_be_read_says_where_and_what_to_type_next() {
    let project = with("inspect");
    let bytes = std::fs::read(project.project().join("in/assistant-11.eval")).expect("bytes");
    project.write("cut.eval", &bytes[..bytes.len() / 2]);
    let mut bent = bytes.clone();
    bent[bytes.len() / 3] ^= 0x10;
    project.write("bent.eval", &bent);
    project.write(
        "cut.json",
        &std::fs::read(project.project().join("in/assistant-11.json")).expect("bytes")[..5000],
    );
    project.write("empty.json", "");
    project.write("list.json", "[]");
    for (arguments, said) in [
        (
            vec!["inspect", "cut.eval"],
            "the archive `cut.eval` cannot be unpacked",
        ),
        (
            vec!["inspect", "bent.eval"],
            "the archive `bent.eval` cannot be unpacked",
        ),
        (vec!["inspect", "cut.json"], "error: cut.json:"),
        (vec!["promptfoo", "empty.json"], "error: empty.json:1:1: "),
        (
            vec!["promptfoo", "list.json"],
            "error: list.json:1:1: it is no result of an evaluation",
        ),
        (
            vec!["promptfoo", "in/assistant-11.eval"],
            "the file is a zip archive",
        ),
        (
            vec!["inspect", "nowhere.eval"],
            "cannot read `nowhere.eval`",
        ),
        (vec!["inspect", "in"], "`in` is not a file"),
        (
            vec!["inspect", "in/assistant-11.eval", "in/assistant-11.eval"],
            "is the same file as",
        ),
        (
            vec!["inspect", "in/assistant-11.eval", "--output", "x"],
            "columns belong to tables",
        ),
        (
            vec!["inspect", "in/assistant-11.eval", "--by", "includes=oracle"],
            "`oracle` judges nothing",
        ),
        (
            vec![
                "inspect",
                "in/assistant-11.eval",
                "--at-least",
                "includes=much",
            ],
            "`much` is no number",
        ),
        (
            vec!["inspect", "in/assistant-11.eval"],
            "there is one system, and nothing says what it is",
        ),
        (
            vec!["inspect", "in/assistant-11.eval", "in/assistant-12.eval"],
            "nothing says which is the candidate",
        ),
        (
            vec![
                "inspect",
                "in/assistant-11.eval",
                "in/assistant-12.eval",
                "--candidate",
                "assistant-13",
            ],
            "no file holds a system `assistant-13`",
        ),
        (
            vec![
                "inspect",
                "in/assistant-11.eval",
                "in/assistant-12.eval",
                "--candidate",
                "assistant-12.eval",
                "--task",
                "metadata.topik",
            ],
            "no example has a field `metadata.topik`",
        ),
        (
            vec![
                "inspect",
                "in/assistant-11.eval",
                "in/assistant-12.eval",
                "--candidate",
                "assistant-12.eval",
                "--key",
                "metadata.nr",
            ],
            "has no `metadata.nr`",
        ),
    ] {
        let mut all = vec!["import"];
        all.extend(&arguments);
        let told = project.run(&all).expect(2);
        let text = told.said();
        assert!(text.contains(said), "{arguments:?}: {text}");
        assert!(
            !project.project().join("imported").exists()
                && !project.project().join("gatewright.yaml").exists(),
            "{arguments:?}"
        );
    }
}
