//! A key that a provider repeats, looked for in every byte that the program writes (hardening.md A17).

use std::path::Path;

use gatewright_core::record::envelope::to_base64;
use gatewright_store::{ProjectLog, RunLog};
use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::{Provider, Script};
use serde_json::json;

use crate::project::live;

/// With everything in it that JSON, HTML, addresses and Base64 write in another way.
const CANARY: &str = "sk-canary/4711+never=shown&\"x<y>";

/// Every form that the key may have in what is written.
fn forms() -> Vec<String> {
    let mut forms = vec![
        CANARY.to_owned(),
        serde_json::Value::from(CANARY)
            .to_string()
            .trim_matches('"')
            .to_owned(),
        url::form_urlencoded::byte_serialize(CANARY.as_bytes()).collect(),
    ];
    // Whatever stands before it shifts Base64 by none, one or two bytes; the letters that it shares with its neighbours are left out.
    for shift in 0..3 {
        let shifted = [&vec![b'.'; shift][..], CANARY.as_bytes()].concat();
        let whole = to_base64(&shifted);
        let first = (shift * 8).div_ceil(6);
        let last = shifted.len() * 8 / 6;
        let part = whole[first..last].to_owned();
        forms.push(part.replace('+', "-").replace('/', "_"));
        forms.push(part);
    }
    // Its middle has nothing that any of them would write otherwise.
    forms.push("4711+never".to_owned());
    forms.push("canary".to_owned());
    forms
}

fn look(what: &str, bytes: &[u8]) {
    for form in forms() {
        let found = bytes
            .windows(form.len())
            .position(|window| window == form.as_bytes());
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + 80)];
            panic!("{what} holds `{form}`: {}", String::from_utf8_lossy(around));
        }
    }
}

/// Looks through every file, and through what databases hold packed; returns how many files there were.
fn look_through(folder: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files += look_through(&path);
            continue;
        }
        files += 1;
        look(
            &path.display().to_string(),
            &std::fs::read(&path).expect("bytes"),
        );
        if path.ends_with("run.db") {
            let log = RunLog::read_only(folder).expect("a log");
            for event in log.events() {
                let event = serde_json::to_vec(&event.expect("an event").body).expect("JSON");
                look("an event of a run", &event);
            }
            let kept = log.blobs().expect("listed");
            assert!(!kept.is_empty(), "bytes of requests and answers are kept");
            for digest in kept {
                let bytes = log.blob(&digest).expect("read").expect("there");
                look("bytes of a request or an answer", &bytes);
            }
        }
        if path.ends_with("project.db") {
            let log = ProjectLog::read_only(folder).expect("a log");
            for event in log.events() {
                let event = serde_json::to_vec(&event.expect("an event").body).expect("JSON");
                look("an event of the project", &event);
            }
        }
    }
    files
}

fn project(script: &serde_json::Value) -> (TestEnvironment, Provider) {
    let provider = Provider::start(Script::parse(&script.to_string()).expect("a script"));
    (live(&provider, CANARY, 10), provider)
}

/// Runs a command and looks through what it prints; returns its exit code.
fn run(project: &TestEnvironment, arguments: &[&str]) -> i32 {
    let output = project.command(arguments).output().expect("runs");
    look(&format!("standard output of {arguments:?}"), &output.stdout);
    look(&format!("standard error of {arguments:?}"), &output.stderr);
    output.status.code().expect("it ended by itself")
}

/// A17: a provider repeats the key in a header, in bodies, in errors and in answers, also written in other ways. It was sent, and stands nowhere:
/// in no report of any format, no log, no kept bytes, nothing that is printed.
#[test]
fn a17_a_key_that_is_repeated_stands_in_nothing_that_is_written() {
    let encoded: String = url::form_urlencoded::byte_serialize(CANARY.as_bytes()).collect();
    let repeats = format!(
        "The key is {CANARY}, {encoded}, {} and Bearer {CANARY}.",
        to_base64(format!("user:{CANARY}").as_bytes())
    );
    let (project, provider) = project(&json!({
        "reply": {"correct": {"share": 0.5, "wrong": repeats}},
        "seed": 7,
        "rules": [
            {"when": {"key": "what is cold-01?"}, "do": {"echo_auth": {"code": 400}}},
            {"when": {"key": "what is cold-02?", "nth_for_key": {"to": 1}}, "do": {"echo_auth": {"code": 500}}},
            {"when": {"key": "what is warm-03?"}, "do": {"echo_auth": {"code": 403}}},
            {"when": {"key": "what is warm-04?"}, "do": "invalid_json"},
        ],
    }));
    let reports = ["a.html", "a.md", "a.json", "a.xml", "a.sarif", "a.csv"];
    let outputs: Vec<&str> = reports.iter().flat_map(|name| ["-o", *name]).collect();
    let code = run(&project, &[&["gate", "-v"][..], &outputs].concat());
    assert!([0, 100, 103, 110].contains(&code), "{code}");
    let sent = provider.log();
    let bearer = format!("Bearer {CANARY}");
    assert!(
        sent.iter()
            .all(|it| it.request.header("authorization") == Some(&bearer)),
        "it was sent"
    );
    for name in reports {
        assert!(!project.read(name).is_empty(), "{name}");
    }
    let all: Vec<String> = reports.iter().map(|name| project.read(name)).collect();
    assert!(
        all.iter().any(|text| text.contains("[secret]")),
        "an answer is shown without it"
    );
    for (arguments, codes) in [
        (
            &[
                "report", "-o", "b.html", "-o", "b.json", "-o", "b.md", "-o", "b.csv",
            ][..],
            &[0][..],
        ),
        (&["diff"], &[0]),
        (&["diff", "--json"], &[0]),
        (&["grade", "--json"], &[0]),
        (&["triage"], &[0]),
        (&["triage", "--json"], &[0]),
        (&["work"], &[0]),
        (&["decide", "--json"], &[0, 100, 103, 110]),
        (&["gate", "--dry-run", "--json"], &[0]),
        (&["run", "--retry-errors", "--fresh"], &[2]),
    ] {
        let code = run(&project, arguments);
        assert!(codes.contains(&code), "{arguments:?}: {code}");
    }
    let root = project
        .project()
        .parent()
        .expect("its home and its temporary folder too");
    assert!(look_through(root) > 10);
}

/// A17: the message of a run that pauses, of a panic, and what both leave on the disk, hold it neither.
#[test]
fn a17_a_key_stands_in_no_pause_and_in_no_panic() {
    let (paused, _provider) = project(&json!({"rules": [{"do": {"echo_auth": {"code": 401}}}]}));
    assert_eq!(run(&paused, &["gate", "-v", "-o", "a.json"]), 111);
    assert_eq!(run(&paused, &["run", "--json"]), 111);
    look_through(paused.project());
    let (broken, _provider) = project(&json!({}));
    let encoded = to_base64(format!("Bearer {CANARY}").as_bytes());
    let output = broken
        .command(&["gate", "-v"])
        .env("GATEWRIGHT_CRASH_AT", "counted:5")
        .env(
            "GATEWRIGHT_CRASH_SAYS",
            format!("lost {CANARY} and {encoded}"),
        )
        .env("RUST_BACKTRACE", "1")
        .output()
        .expect("runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("lost [secret] and "),
        "it panicked: {stderr}"
    );
    assert!(!output.status.success());
    look("standard error of a panic", &output.stderr);
    look("standard output of a panic", &output.stdout);
    look_through(broken.project());
}
