//! Odd inputs: a clear error with its place and exit code 2, or an honest answer; never a pass.

use crate::project::{GUARD, environment, examples, outputs, page, recorded};

#[test]
fn a30_an_empty_set_is_nothing_to_judge() {
    let project = recorded("standard: unbroken", 30, 12);
    project.write("reference/all.jsonl", "");
    let gate = project.run(&["gate"]).expect(4);
    assert!(gate.stdout.is_empty(), "{gate}");
    assert!(gate.stderr.contains("nothing to judge"), "{gate}");
    // `check` says it as what is wrong with the files, with the place.
    let check = project.run(&["check"]).expect(2);
    assert!(check.stdout.contains("[no-examples]"), "{check}");
    // Another fault beside it is the files' own.
    let page = project.read("gatewright.yaml");
    project.write("gatewright.yaml", page + "unknwon: 1\n");
    let _ = project.run(&["gate"]).expect(2);
}

/// One example and no answer: too few to trip any guard, and nothing was seen. That is no ship.
#[test]
fn a30_nothing_answered_never_ships() {
    for per_task in [1, 2] {
        let project = recorded("standard: unbroken", per_task, 0);
        project.write("runs/candidate.jsonl", "");
        let gate = project.run(&["gate"]).expect(110);
        assert!(
            gate.stdout.starts_with(
                "NOT ENOUGH EVIDENCE: no rule that decides has a verdict on any example"
            ),
            "{gate}"
        );
        project.write("runs/production.jsonl", "");
        let gate = project.run(&["gate"]).expect(110);
        assert!(gate.stdout.contains("not attempted"), "{gate}");
    }
}

/// Outputs of examples that are not there: `check` says it, and so does the gate, in its summary and in its JSON.
#[test]
fn a30_outputs_of_unknown_examples_are_counted() {
    let project = recorded("standard: unbroken", 30, 0);
    let more = "{\"example\":\"warm-98\",\"output\":\"x\"}\n";
    let outputs = project.read("runs/candidate.jsonl");
    project.write("runs/candidate.jsonl", format!("{outputs}{more}"));
    let one =
        "1 output of the candidate is about an example that is not in the reference set (warm-98)";
    let check = project.run(&["check"]).expect(0);
    let plain = check
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(plain.contains(one), "{check}");
    let gate = project.run(&["gate"]).expect(0);
    let plain = gate.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain.contains(&format!("Note: {one}")), "{gate}");
    let gate = project.run(&["gate", "--json"]).expect(0);
    assert!(gate.stdout.contains(one), "{gate}");
}

#[test]
fn a30_all_missing_is_not_enough_evidence() {
    let project = recorded("standard: unbroken", 30, 12);
    let errors = outputs(30, |_, _| true).replace("\"output\":", "\"error\":");
    project.write("runs/candidate.jsonl", errors);
    let gate = project.run(&["gate"]).expect(110);
    assert!(gate.stdout.starts_with("NOT ENOUGH EVIDENCE"), "{gate}");
    assert!(gate.stdout.contains("60 provider error"), "{gate}");
    project.write("runs/candidate.jsonl", "");
    let gate = project.run(&["gate"]).expect(110);
    assert!(gate.stdout.contains("60 not attempted"), "{gate}");
}

#[test]
fn a30_one_missing_answer_never_makes_a_ship() {
    let project = recorded("standard: unbroken", 30, 3);
    let before = project.run(&["gate", "--json"]);
    let lines: Vec<String> = project
        .read("runs/candidate.jsonl")
        .lines()
        .map(str::to_owned)
        .collect();
    for index in [0, 30, 33, 59] {
        let mut fewer = lines.clone();
        fewer.remove(index);
        project.write("runs/candidate.jsonl", fewer.join("\n"));
        let after = project.run(&["gate"]);
        assert!(
            before.code == Some(0) || after.code != Some(0),
            "line {index}: {after}"
        );
    }
}

/// A second trial that only production still has was cut from the candidate: it is missing, and nothing ships without it.
#[test]
fn a_trial_cut_from_every_example_is_missing() {
    let project = recorded("standard: unbroken", 30, 0);
    let again = |text: String| -> String {
        let rows = text.lines().flat_map(|row| {
            let with = |trial: u32| row.replacen('{', &format!("{{\"trial\":{trial},"), 1) + "\n";
            [with(0), with(1)]
        });
        rows.collect()
    };
    project.write("runs/production.jsonl", again(outputs(30, |_, _| true)));
    project.write("runs/candidate.jsonl", again(outputs(30, |_, _| true)));
    let both = project.run(&["gate"]).expect(0);
    assert!(!both.stdout.contains("not attempted"), "{both}");
    project.write("runs/candidate.jsonl", outputs(30, |_, _| true));
    let check = project.run(&["check"]).expect(0);
    let said = "candidate is recorded with 1 trial an example, production with 2";
    assert!(check.stdout.contains(said), "{check}");
    let cut = project.run(&["gate", "--fresh"]);
    assert!([Some(100), Some(110)].contains(&cut.code), "{cut}");
    assert!(cut.stdout.contains("60 not attempted"), "{cut}");
}

#[test]
fn a30_a_segment_of_one_and_one_cluster_for_all() {
    let project = recorded("standard: shown", 30, 0);
    let one = "{\"id\":\"lone\",\"input\":\"?\",\"segments\":{\"task\":\"warm\"},\"expect\":{\"contains\":[\"x\"]}}\n";
    project.write("reference/all.jsonl", one);
    project.write(
        "runs/production.jsonl",
        "{\"example\":\"lone\",\"output\":\"x\"}\n",
    );
    project.write(
        "runs/candidate.jsonl",
        "{\"example\":\"lone\",\"output\":\"y\"}\n",
    );
    let gate = project.run(&["gate"]);
    assert!(gate.code != Some(0) && gate.code != Some(1), "{gate}");
    let require = "  - {id: no-worse, require: right, against: production, margin: 5 pts, from: [policy], then: {violated: hold}, owner: team}\n";
    let project = recorded("standard: shown", 30, 0);
    project.write("gatewright.yaml", page("standard: shown", require));
    let clustered = examples(30).replace("\"provenance\"", "\"cluster\":\"same\",\"provenance\"");
    project.write("reference/all.jsonl", clustered);
    let gate = project.run(&["gate"]);
    assert!(
        gate.code != Some(0) && gate.code != Some(1),
        "one source shows nothing: {gate}"
    );
}

#[test]
fn zero_variance_is_an_answer() {
    let project = recorded("standard: unbroken", 30, 30);
    let gate = project.run(&["gate"]).expect(100);
    assert!(gate.stdout.contains("warm lost 30 of 30"), "{gate}");
}

#[test]
fn a5_files_are_read_strictly_and_line_ends_do_not_matter() {
    let project = recorded("standard: unbroken", 30, 12);
    let crlf = project.read("reference/all.jsonl").replace('\n', "\r\n");
    project.write("reference/all.jsonl", &crlf);
    project.write(
        "gatewright.yaml",
        project.read("gatewright.yaml").replace('\n', "\r\n"),
    );
    let _ = project.run(&["gate"]).expect(100);
    for (name, bytes) in [
        (
            "invalid UTF-8",
            b"{\"id\":\"x\",\"input\":\"\xff\"}\n".to_vec(),
        ),
        (
            "twice the same key",
            b"{\"id\":\"x\",\"id\":\"y\",\"input\":\"\"}\n".to_vec(),
        ),
        (
            "1e400",
            b"{\"id\":\"x\",\"input\":\"a\",\"fields\":{\"n\":1e400}}\n".to_vec(),
        ),
        (
            "depth",
            [
                b"{\"id\":\"x\",\"input\":".to_vec(),
                b"[".repeat(5000),
                b"]".repeat(5000),
                b"}".to_vec(),
            ]
            .concat(),
        ),
        (
            "a name without a file",
            b"{\"id\":\"x\",\"imput\":\"a\"}\n".to_vec(),
        ),
    ] {
        project.write("reference/odd.jsonl", bytes);
        let check = project.run(&["check"]).expect(2);
        assert!(
            check.stdout.contains("reference/odd.jsonl:1"),
            "{name}: {check}"
        );
    }
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let project = environment();
    let wrong = page("standard: unbroken, enfroce: block", GUARD)
        .replace("margin: 10 pts", "margin: 110 %")
        .replace("fails_as: unsupported-claim", "fails_as: unsuported-claim");
    project.write("gatewright.yaml", wrong);
    let check = project.run(&["check"]).expect(2);
    for needed in [
        "enfroce",
        "did you mean `enforce`",
        "110 %",
        "unsuported-claim",
        "unsupported-claim",
        "gatewright.yaml:",
    ] {
        assert!(
            check.stdout.contains(needed) || check.stderr.contains(needed),
            "{needed}\n{check}"
        );
    }
}

#[test]
fn a9_a10_what_systems_say_never_reaches_the_terminal_raw() {
    let project = recorded("standard: unbroken", 30, 12);
    let hostile = r"\u001b]0;owned\u0007\u202e::error::x\n::stop-commands::y";
    let said = project
        .read("runs/candidate.jsonl")
        .replace("no idea", hostile);
    project.write("runs/candidate.jsonl", said);
    let _ = project.run(&["gate", "-o", "report.md"]).expect(100);
    for arguments in [
        &["diff"][..],
        &["diff", "--json"],
        &["triage"],
        &["decide"],
        &["report"],
    ] {
        let shown = project.run(arguments);
        for text in [&shown.stdout, &shown.stderr, &project.read("report.md")] {
            assert!(
                !text.contains(['\u{1b}', '\u{7}', '\u{202e}']),
                "{}: {text}",
                arguments.join(" ")
            );
            assert!(
                !text.lines().any(|line| line.trim_start().starts_with("::")),
                "{text}"
            );
        }
    }
}

/// A misspelt `parts_from` is an error at its place; a row without the field is missing, and ships nothing.
#[test]
fn parts_that_nobody_counts_are_an_error_or_missing() {
    const NEVER: &str =
        "  - {id: never, never: unsupported-claim, then: {violated: hold}, owner: team}\n";
    let project = environment();
    let grader = "right: {grader: {label: {from: labels.jsonl, by: person, values: {pass: [ok], fail: [no]}, parts_from: claims}}, fails_as: unsupported-claim}";
    let text = page("standard: unbroken", NEVER).replace(
        "right: {grader: {contains: {}}, fails_as: unsupported-claim}",
        grader,
    );
    project.write("gatewright.yaml", &text);
    project.write("reference/all.jsonl", examples(30));
    let said =
        outputs(30, |_, _| true).replace("\"output\"", "\"fields\":{\"claims\":1},\"output\"");
    let mut labels = String::new();
    for system in ["candidate", "production"] {
        project.write(&format!("runs/{system}.jsonl"), &said);
        for task in ["cold", "warm"] {
            for index in 0..30 {
                labels += &format!(
                    "{{\"example\":\"{task}-{index:02}\",\"system\":\"{system}\",\"annotator\":\"1\",\"part\":0,\"label\":\"ok\"}}\n"
                );
            }
        }
    }
    project.write("labels.jsonl", labels);
    let _ = project.run(&["gate"]).expect(0);

    project.write(
        "gatewright.yaml",
        text.replace("parts_from: claims", "parts_from: claim"),
    );
    let line = 1 + text
        .lines()
        .position(|it| it.contains("parts_from"))
        .expect("there");
    let column = 1 + grader.find("claims").expect("there") + 2;
    let check = project.run(&["check"]).expect(2);
    let place =
        format!("error: gatewright.yaml:{line}:{column}: no answer and no example has the field");
    let told = check
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(told.contains(&place), "{place} in {check}");
    assert!(told.contains("did you mean `claims`?"), "{check}");
    assert_eq!(project.run(&["gate"]).code, Some(2));

    project.write("gatewright.yaml", &text);
    project.write(
        "runs/candidate.jsonl",
        said.replacen("\"fields\":{\"claims\":1},", "", 1),
    );
    let gate = project.run(&["gate"]).expect(110);
    assert!(gate.stdout.contains("1 missing outcome"), "{gate}");
}

/// What reading the page found is not found again, at a coarser place, by whoever takes the same text up.
#[test]
fn a_broken_pattern_or_expression_is_said_once() {
    let project = recorded("standard: unbroken", 30, 0);
    let text = project.read("gatewright.yaml").replace(
        "  right: {grader",
        "  sees: {grader: {regex: {pattern: \"b(\"}}, fails_as: unsupported-claim}
  calls: {grader: {trajectory: {rules: [{when: \"calls.exists(c, c.nme == 'x')\", must: \"true\"}]}}, fails_as: unsupported-claim}
  right: {grader",
    );
    let text = text.replace(
        "systems:\n",
        "segments: {shade: {deep: {input_matches: \"a(\"}, light: rest}}\nsystems:\n",
    );
    project.write("gatewright.yaml", text);
    let check = project.run(&["check"]).expect(2);
    let told = check
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(
        told.matches("not a regular expression").count(),
        2,
        "{check}"
    );
    assert_eq!(told.matches("a call has no `nme`").count(), 1, "{check}");
    assert!(
        told.contains("did you mean `name`? there are arguments, name, step"),
        "{check}"
    );
}
