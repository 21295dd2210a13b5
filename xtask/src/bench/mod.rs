//! `cargo xtask bench`: how long users wait, beside the Python way, in the same session on the same machine.
//!
//! Runs of the two sides alternate, so that a machine that slows down slows both. Every run is one line of `bench/results.jsonl`; what is worth
//! keeping goes into `docs/benchmarks.md` by hand, with the machine it was measured on.

mod bootstrap;
mod graded;
mod measure;
mod regrade;
mod rules;
mod run;
mod serve;
mod verify;

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::repository::{self, Failure};
use measure::{Run, median};

/// Targets, from the design: a million graded rows, the check of a large set, a newcomer's first decision.
const CHECK_SECONDS: f64 = 1.0;
const CLONE_SECONDS: f64 = 6.0 * 60.0;

/// Measures one thing, or everything but what takes minutes: the rules, regrading, the server, the clone, and the run with its peers.
pub(crate) fn run(what: Option<&str>) -> Result<(), Failure> {
    match what {
        None => {
            graded::run()?;
            check()
        }
        Some("bootstrap") => bootstrap::run(),
        Some("graded") => graded::run(),
        Some("check") => check(),
        Some("regrade") => regrade::run(),
        Some("rules") => rules::run(),
        Some("verify") => verify::run(),
        Some("serve") => serve::run(),
        Some("clone") => clean_clone(),
        Some("run") => run::run(run::Sides::All),
        Some("peers") => run::run(run::Sides::Peers),
        Some(other) => Err(format!(
            "no benchmark `{other}`: graded, check, rules, regrade, bootstrap, verify, serve, run, peers or clone"
        )
        .into()),
    }
}

/// `gatewright check` on 100,000 complete examples.
fn check() -> Result<(), Failure> {
    let binary = measure::release_binary()?;
    let folder = measure::folder("check")?;
    measure::once(&folder.join("reference/part-9.jsonl"), || {
        let script = repository::root().join("bench/gen_check.py");
        measure::must(Command::new("python3").arg(script).arg(&folder))
    })?;
    std::fs::copy(
        repository::root().join("bench/check/gatewright.yaml"),
        folder.join("gatewright.yaml"),
    )?;
    let mut runs = Vec::new();
    for _ in 0..5 {
        let run = Run::of(&binary, &["check"], &folder)?;
        if run.exit != 0 {
            return Err(format!("check ended with exit code {}", run.exit).into());
        }
        runs.push(run);
    }
    let wall = median(runs.iter().map(|run| run.wall_s));
    let memory = median(runs.iter().map(|run| run.rss_mib));
    println!("check, 100,000 examples: {wall:.2} s, {memory:.0} MiB (target {CHECK_SECONDS} s)");
    measure::record(
        &json!({"bench": "check", "wall_s": wall, "rss_mib": memory, "runs": runs.len()}),
    )
}

/// From `git clone` to the first decision with the README's command and an empty target folder. Crates are fetched already if cargo has them.
fn clean_clone() -> Result<(), Failure> {
    let folder = measure::folder("clone")?;
    let clone = folder.join("gatewright");
    let target = folder.join("target");
    for old in [&clone, &target] {
        if old.exists() {
            std::fs::remove_dir_all(old)?;
        }
    }
    let start = Instant::now();
    measure::must(
        Command::new("git")
            .args(["clone", "--quiet"])
            .arg(repository::root())
            .arg(&clone),
    )?;
    measure::must(
        Command::new("./try")
            .current_dir(&clone)
            .env("CARGO_TARGET_DIR", &target)
            .env("XDG_CACHE_HOME", folder.join("cache")),
    )?;
    let wall = start.elapsed().as_secs_f64();
    println!("clean clone to first decision: {wall:.0} s (target {CLONE_SECONDS:.0} s)");
    let measured = measure::record(&json!({"bench": "clone", "wall_s": wall}));
    for old in [clone, target, folder.join("cache")] {
        remove(old)?;
    }
    measured
}

fn remove(folder: PathBuf) -> Result<(), Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}
