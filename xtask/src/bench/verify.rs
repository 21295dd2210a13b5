//! `gatewright verify` of a decision on 100,000 outcomes: 25,000 examples, two systems, two criteria.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::measure::{self, Run, median};
use crate::repository::{self, Failure};

const EXAMPLES: usize = 25_000;
const ROUNDS: usize = 5;
/// The target of the design.
const SECONDS: f64 = 5.0;

const PAGE: &str = r#"gatewright: 1
product: demo
promise: {does: Answer questions about numbers., for: readers, evidence: the book of numbers, when_not_ready: ask}
tasks: {odd: Odd numbers, even: Even numbers}
failures:
  unsupported-claim: {severity: high, cost: 10 USD, owner: team, repair: "the book"}
  format-violation: {severity: low, cost: 1 USD, owner: team, repair: "the form"}
owners: {team: {name: Number team}}
decision: {question: "Release?", decided_by: team, standard: unbroken}
systems:
  candidate: {recorded: runs/candidate.jsonl}
  production: {recorded: runs/production.jsonl}
reference: [reference/*.jsonl]
criteria:
  right: {grader: {contains: {}}, fails_as: unsupported-claim}
  clean: {grader: {not_contains: {}}, fails_as: format-violation}
gate:
  - {id: no-task-breaks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}
  - {id: form, watch: clean, owner: team}
"#;

/// Signs a decision once, and measures verifying it.
pub(super) fn run() -> Result<(), Failure> {
    let binary = measure::release_binary()?;
    let folder = measure::folder("verify")?;
    measure::once(&folder.join("runs/candidate.jsonl"), || make(&folder))?;
    let state = folder.join(".gatewright");
    if state.exists() {
        std::fs::remove_dir_all(&state)?;
    }
    let keys = folder.join("ana.pem");
    for old in [&keys, &folder.join("ana.pub.pem")] {
        let _ = std::fs::remove_file(old);
    }
    let steps: [&[&str]; 3] = [
        &["gate"],
        &["key", "new", "--identity", "ana", "-o", "ana.pem"],
        &[
            "sign",
            "--key",
            "ana.pem",
            "--without-looking",
            "--reason",
            "a measured decision",
        ],
    ];
    let mut signing = 0.0;
    for step in steps {
        let run = Run::of(&binary, step, &folder)?;
        if run.exit != 0 {
            return Err(format!(
                "gatewright {} ended with {}: {}",
                step[0], run.exit, run.said
            )
            .into());
        }
        signing = run.wall_s;
    }
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        let run = Run::of(&binary, &["verify"], &folder)?;
        if run.exit != 0 {
            return Err(format!("verify ended with {}: {}", run.exit, run.said).into());
        }
        runs.push(run);
    }
    let wall = median(runs.iter().map(|run| run.wall_s));
    let memory = median(runs.iter().map(|run| run.rss_mib));
    println!(
        "verify, 100,000 outcomes: {wall:.2} s, {memory:.0} MiB (target {SECONDS} s); signing them: {signing:.2} s"
    );
    measure::record(&json!({
        "bench": "verify", "outcomes": EXAMPLES * 4, "wall_s": wall, "rss_mib": memory, "sign_s": signing, "runs": runs.len(),
    }))?;
    match wall <= SECONDS {
        true => Ok(()),
        false => Err(format!("verify takes {wall:.2} s, and {SECONDS} s is the target").into()),
    }
}

fn make(folder: &Path) -> Result<(), Failure> {
    let (mut reference, mut right, mut other) = (String::new(), String::new(), String::new());
    let filler = "and so on, as the book has it, line by line, ".repeat(6);
    for index in 0..EXAMPLES {
        let task = if index % 2 == 0 { "even" } else { "odd" };
        writeln!(
            reference,
            r#"{{"id":"n-{index:05}","input":"what is number {index} of the book, {filler}?","segments":{{"task":"{task}"}},"expect":{{"contains":["number {index}"],"not_contains":["sorry"]}},"provenance":{{"kind":"policy","added":"2026-10-01"}}}}"#
        )?;
        let line = |said: &str| {
            format!(r#"{{"example":"n-{index:05}","output":"it is {said}, {filler}"}}"#)
        };
        let number = format!("number {index}");
        writeln!(right, "{}", line(&number))?;
        writeln!(
            other,
            "{}",
            line(if index % 50 == 7 { "unknown" } else { &number })
        )?;
    }
    let files = [
        ("gatewright.yaml", PAGE),
        ("reference/all.jsonl", &reference),
        ("runs/production.jsonl", &right),
        ("runs/candidate.jsonl", &other),
    ];
    repository::write_files(folder, &files)
}
