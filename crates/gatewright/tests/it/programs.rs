//! Programs that are not there: noticed before anybody is asked, with their place on the page.

use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::{Provider, Script};

use crate::judges::{lines, project as judged};

fn change(project: &TestEnvironment, from: &str, to: &str) {
    let page = project.read("gatewright.yaml");
    assert!(page.contains(from), "{from}: {page}");
    project.write("gatewright.yaml", page.replacen(from, to, 1));
}

#[test]
fn check_says_which_program_is_not_there_and_where_it_was_looked_for() {
    for (from, to, said, at) in [
        (
            "[python3, tone.py]",
            "[pythno3, tone.py]",
            "the grader of tone is the program `pythno3`, and there is none",
            "did you mean `python3",
        ),
        (
            "[python3, tone.py]",
            "[./tone.sh]",
            "the grader of tone is the program `./tone.sh`, and there is none",
            "did you mean `./tone.py`?",
        ),
        (
            "[python3, tone.py]",
            "[tone.py]",
            "the grader of tone is the program `tone.py`, and there is none",
            "`./tone.py`",
        ),
        (
            "[python3, tone.py]",
            "./tone.py",
            "the grader of tone is the program `./tone.py`, and it may not be executed",
            "`chmod +x ./tone.py`; or `command: [python3, ./tone.py]`",
        ),
        (
            "[python3, judge.py]",
            "[reference]",
            "judge strict is the program `reference`, and there is none",
            "install it, or write the path it has",
        ),
        (
            "[python3, judge.py]",
            "[./reference]",
            "judge strict is the program `./reference`, and that is a folder",
            "the program's own path",
        ),
        (
            "{recorded: runs/candidate.jsonl}",
            "{command: [./assistant]}",
            "the candidate is the program `./assistant`, and there is none",
            "put the program there",
        ),
    ] {
        let project = judged("{command: [python3, judge.py]}", 0);
        change(&project, from, to);
        let page = project.read("gatewright.yaml");
        let line = page
            .lines()
            .position(|line| line.contains(to))
            .expect("there");
        let column = page
            .lines()
            .nth(line)
            .and_then(|it| it.find(to))
            .expect("it");
        let column =
            column + 1 + usize::from(to.starts_with('[')) + 11 * usize::from(to.starts_with('{'));
        let check = project.run(&["check"]);
        assert_eq!(check.code, Some(2), "{to}: {check}");
        let text = check.stdout.replace("\n    ", " ");
        let place = format!("gatewright.yaml:{}:{column}", line + 1);
        for part in [said, at, "[no-program]", &place] {
            assert!(text.contains(part), "{to}, {part}: {text}");
        }
        assert_eq!(text.matches("[no-program]").count(), 1, "{text}");
        assert!(
            text.contains("looked in PATH: ")
                || text.contains("looked for /")
                || text.contains("found /")
        );
    }
}

#[test]
fn a_script_that_is_not_there_is_a_suggestion() {
    let project = judged("{command: [python3, judge.py]}", 0);
    change(&project, "[python3, tone.py]", "[python3, tune.py]");
    let check = project.run(&["check"]).expect(0);
    let text = check.stdout.replace("\n    ", " ");
    assert!(
        text.contains("the grader of tone runs `tune.py`, and there is no such file [no-script]"),
        "{text}"
    );
    assert!(text.contains("did you mean `./tone.py`?"), "{text}");
}

/// The grader is checked before the systems are paid for, and everything that is wrong is said at once.
#[test]
fn nothing_is_sent_while_a_program_is_missing() {
    let provider = Provider::start(Script::default());
    let live = format!(
        "{{openai: {{model: m, base_url: \"{}/v1\"}}}}",
        provider.url()
    );
    let project = judged("{command: [./strict]}", 0);
    change(&project, "{recorded: runs/candidate.jsonl}", &live);
    change(&project, "[python3, tone.py]", "[no-such-grader]");
    let host = format!("--allow-host={}", provider.address());
    for command in ["gate", "run"] {
        for more in [&[][..], &["--fresh"]] {
            let refused = project.run(&[&[command, host.as_str()], more].concat());
            assert_eq!(refused.code, Some(2), "{refused}");
            assert_eq!(
                refused.stderr.matches("[no-program]").count(),
                2,
                "{refused}"
            );
        }
    }
    assert_eq!(provider.log().len(), 0);
    assert!(!project.project().join(".gatewright").exists());
    // A part is judged where the parts are put together.
    let part = project.run(&["run", "--shard", "1/2", &host]);
    assert_eq!(part.code, Some(0), "{part}");
    assert!(!provider.log().is_empty());
}

/// One judge is not paid for what the program beside it cannot judge; and nobody is kept from what needs no program.
#[test]
fn judges_are_not_asked_while_a_program_beside_them_is_missing() {
    let project = judged("{command: [python3, judge.py]}", 2);
    change(&project, "[python3, tone.py]", "[./tone.py]");
    let refused = project.run(&["gate"]).expect(2);
    assert!(refused.stderr.contains("`chmod +x ./tone.py`"), "{refused}");
    assert!(!project.project().join(".gatewright").exists());
    let whole = format!("#!/usr/bin/env python3\n{}", project.read("tone.py"));
    project.write("tone.py", &whole);
    project.mode("tone.py", 0o755);
    let _ = project.run(&["run"]).expect(0);
    project.mode("tone.py", 0o644);
    for command in [&["gate"][..], &["grade", "--ask"]] {
        let refused = project.run(command).expect(2);
        assert!(refused.stderr.contains("[no-program]"), "{refused}");
        assert_eq!(lines(&project, "asked.log"), 0);
    }
    project.mode("tone.py", 0o755);
    let _ = project.run(&["gate"]).expect(0);
    assert_eq!(lines(&project, "graded.log"), 40);
    // All is judged: the program is not needed any more.
    project.mode("tone.py", 0o644);
    let _ = project.run(&["grade", "--ask"]).expect(0);
    let _ = project.run(&["decide"]).expect(0);
}
