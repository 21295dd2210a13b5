//! 1,000 people at the review server, with 100,000 labels in the log, 5 actions a second in all; killed in the middle.

use std::process::Command;

use serde_json::Value;

use super::measure;
use crate::repository::{self, Failure};

/// The target of the issue, at the 95th percentile.
const MILLISECONDS: f64 = 50.0;
/// How long people label, unless told otherwise by `GATEWRIGHT_BENCH_SECONDS`.
const SECONDS: &str = "600";

/// Measures it, and fails when a label that somebody saw recorded is not in the log once.
pub(super) fn run() -> Result<(), Failure> {
    let binary = measure::release_binary()?;
    let folder = measure::folder("serve")?;
    std::fs::remove_dir_all(&folder)?;
    std::fs::create_dir_all(&folder)?;
    measure::must(
        Command::new(&binary)
            .args(["init", ".", "--example", "billing-support", "--quiet"])
            .current_dir(&folder),
    )?;
    let page = folder.join("gatewright.yaml");
    let criterion = "criteria:\n  tone:\n    grader: {label: {from: reviewed.jsonl, by: person, rubric: tone-1, values: {pass: [kind, plain], fail: {cold: scope-mismatch}}}}\n    fails_as: scope-mismatch\n";
    let text = std::fs::read_to_string(&page)?.replacen("criteria:\n", criterion, 1);
    std::fs::write(&page, text)?;
    std::fs::write(folder.join("reviewed.jsonl"), "")?;
    let seconds = std::env::var("GATEWRIGHT_BENCH_SECONDS");
    let ran = Command::new("python3")
        .arg(repository::root().join("bench/serve.py"))
        .arg(&binary)
        .arg(&folder)
        .arg(seconds.as_deref().unwrap_or(SECONDS))
        .output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    if !ran.status.success() {
        return Err(format!("{said}{}", String::from_utf8_lossy(&ran.stderr)).into());
    }
    let found: Value = serde_json::from_str(said.trim())?;
    let number = |name: &str| found[name].as_f64().unwrap_or(f64::NAN);
    println!(
        "{} actions of {} people: next answer p50 {:.1} ms, p95 {:.1} ms; label p50 {:.1} ms, p95 {:.1} ms (target {MILLISECONDS} ms)",
        found["actions"],
        found["people"],
        number("look_p50_ms"),
        number("look_p95_ms"),
        number("label_p50_ms"),
        number("label_p95_ms"),
    );
    println!(
        "{} labels seen recorded, {} in the log, {} doubled, {} requests cut by the kill",
        found["acknowledged"],
        found["in_the_log"],
        found["doubled"],
        found["requests_cut_by_the_kill"],
    );
    let (seen, kept) = (number("acknowledged"), number("in_the_log"));
    // A label that was written and whose answer the kill cut off may be there too.
    if number("doubled") > 0.0 || kept < seen || kept > seen + number("requests_cut_by_the_kill") {
        return Err("labels were lost or doubled".into());
    }
    measure::record(&found)
}
