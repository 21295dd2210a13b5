//! A million answers through ten rule graders: Gatewright's graders beside the same checks in Python, with `re` and `json`.
//!
//! Both sides read the same JSON lines and say how many answers pass each check; unless they say the same, nothing was measured.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::measure::{self, Run, median};
use crate::repository::{self, Failure};

const ROUNDS: usize = 3;
/// How many times faster than Python, with every core that there is.
const RATIO: f64 = 20.0;

/// Measures both sides in turn, prints medians and ratios, and fails when the counts differ or the target is missed.
pub(super) fn run() -> Result<(), Failure> {
    let folder = measure::folder("rules")?;
    let root = repository::root();
    // The page comes last: with it, the answers are whole.
    measure::once(&folder.join("gatewright.yaml"), || {
        let script = root.join("bench/gen_rules.py");
        measure::must(Command::new("python3").arg(script).arg(&folder))?;
        let page = root.join("bench/rules/gatewright.yaml");
        std::fs::copy(page, folder.join("gatewright.yaml"))?;
        Ok(())
    })?;
    let binary = measure::release("gatewright-testkit", "grade-rules")?;
    let script = root.join("bench/peer_rules.py");
    let script = script.to_str().ok_or("the project's path is not UTF-8")?;
    let cores = std::thread::available_parallelism()?.get().to_string();
    let files = [
        "gatewright.yaml",
        "reference/examples.jsonl",
        "responses.jsonl",
    ];
    let mut one = Vec::new();
    let mut all = Vec::new();
    let mut python = Vec::new();
    for round in 0..ROUNDS {
        one.push(counted(&binary, &files, &folder)?);
        let with_threads = [&files[..], &[cores.as_str()]].concat();
        all.push(counted(&binary, &with_threads, &folder)?);
        python.push(counted(Path::new("python3"), &[script, "."], &folder)?);
        eprintln!("round {} of {ROUNDS}", round + 1);
    }
    report(&one, &all, &python)
}

/// Runs one side.
fn counted(program: &Path, arguments: &[&str], folder: &Path) -> Result<Run, Failure> {
    let run = Run::of(program, arguments, folder)?;
    if run.exit != 0 {
        let what = format!("{} ended with exit code {}", program.display(), run.exit);
        return Err(format!("{what}: {}", run.said).into());
    }
    Ok(run)
}

/// Reads the counts, wherever they stand among what was said.
fn counts(run: &Run) -> Result<serde_json::Value, Failure> {
    let line = run.said.lines().find(|line| line.starts_with('{'));
    Ok(serde_json::from_str(line.ok_or("no counts were said")?)?)
}

fn report(one: &[Run], all: &[Run], python: &[Run]) -> Result<(), Failure> {
    let wanted = counts(&python[0])?;
    for run in one.iter().chain(all).chain(python) {
        let found = counts(run)?;
        if found != wanted {
            return Err(format!("the two sides count differently:\n{found}\n{wanted}").into());
        }
    }
    let wall = |runs: &[Run]| median(runs.iter().map(|run| run.wall_s));
    let cpu = |runs: &[Run]| median(runs.iter().map(|run| run.cpu_s));
    println!("a million answers, ten rules, JSON lines to counts, median of {ROUNDS}:");
    for (name, runs) in [
        ("gatewright, one thread", one),
        ("gatewright, every core", all),
        ("Python, re and json", python),
    ] {
        println!(
            "  {name:<24} {:>7.2} s, of the processor {:>7.2} s",
            wall(runs),
            cpu(runs)
        );
    }
    let (single, ratio) = (wall(python) / wall(one), wall(python) / wall(all));
    // Beside other work the processor's time says more than the wall.
    let of_cpu = cpu(python) / cpu(one);
    println!(
        "  ratio {ratio:.1} (target {RATIO}); with one thread {single:.1}, of the processor {of_cpu:.1}"
    );
    measure::record(&json!({
        "bench": "rules", "rounds": ROUNDS, "wall_s": wall(all), "one_thread_wall_s": wall(one),
        "python_wall_s": wall(python), "ratio": ratio, "ratio_one_thread": single,
        "cpu_s": cpu(all), "one_thread_cpu_s": cpu(one), "python_cpu_s": cpu(python),
        "ratio_cpu": of_cpu,
    }))?;
    if ratio < RATIO {
        return Err("a target is missed".into());
    }
    Ok(())
}
