//! 100,000 stored answers graded again by ten rules, beside merely reading them: what grading adds to unpacking and parsing.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::measure::{self, Run, median};
use crate::repository::{self, Failure};

const ROUNDS: usize = 3;
const ANSWERS: u64 = 100_000;

/// Measures both in turn and prints medians and the ratio; fails when not every answer was read and graded.
pub(super) fn run() -> Result<(), Failure> {
    let folder = measure::folder("regrade")?;
    let root = repository::root();
    // The page comes last: with it, the answers are whole.
    measure::once(&folder.join("gatewright.yaml"), || {
        let script = root.join("bench/gen_rules.py");
        let count = ANSWERS.to_string();
        measure::must(Command::new("python3").arg(script).arg(&folder).arg(count))?;
        let page = root.join("bench/rules/gatewright.yaml");
        std::fs::copy(page, folder.join("gatewright.yaml"))?;
        Ok(())
    })?;
    let binary = measure::release_binary()?;
    let reader = measure::release("gatewright-testkit", "read-run")?;
    // Another version's run is none of this one's.
    let old = folder.join(".gatewright");
    if old.exists() {
        std::fs::remove_dir_all(&old)?;
    }
    measure::must(Command::new(&binary).arg("run").current_dir(&folder))?;
    let stored = the_run(&old.join("runs"))?;
    let stored = stored.to_str().ok_or("the cache's path is not UTF-8")?;
    let (mut graded, mut read) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        graded.push(sound(Run::of(&binary, &["grade", "--json"], &folder)?)?);
        read.push(sound(Run::of(&reader, &[stored], &folder)?)?);
        eprintln!("round {} of {ROUNDS}", round + 1);
    }
    report(&graded, &read)
}

/// The folder of the only run.
fn the_run(runs: &std::path::Path) -> Result<PathBuf, Failure> {
    let mut folders = std::fs::read_dir(runs)?;
    let one = folders.next().ok_or("`gatewright run` kept nothing")??;
    Ok(one.path())
}

fn sound(run: Run) -> Result<Run, Failure> {
    match run.exit {
        0 => Ok(run),
        code => Err(format!("it ended with exit code {code}: {}", run.said).into()),
    }
}

fn report(graded: &[Run], read: &[Run]) -> Result<(), Failure> {
    for run in graded {
        let found: Value = serde_json::from_str(&run.said)?;
        let cells = found["criteria"]
            .as_array()
            .ok_or("no criteria were said")?;
        let whole = cells.iter().all(|cell| {
            let system = &cell["systems"]["candidate"];
            system["graded"].as_u64() == Some(ANSWERS)
        });
        if cells.is_empty() || !whole {
            return Err("not every answer was graded by every rule".into());
        }
    }
    for run in read {
        let found: Value = serde_json::from_str(&run.said)?;
        if found["answers"].as_u64() != Some(ANSWERS) {
            return Err(format!("not every answer was read: {found}").into());
        }
    }
    let wall = |runs: &[Run]| median(runs.iter().map(|run| run.wall_s));
    let cpu = |runs: &[Run]| median(runs.iter().map(|run| run.cpu_s));
    println!("100,000 stored answers, median of {ROUNDS} (wall, processor):");
    for (name, runs) in [
        ("gatewright grade, ten rules", graded),
        ("read alone", read),
    ] {
        println!("  {name:<28} {:>6.2} s {:>6.2} s", wall(runs), cpu(runs));
    }
    let (ratio, of_cpu) = (wall(graded) / wall(read), cpu(graded) / cpu(read));
    println!("  grading takes {ratio:.1} times reading; of the processor {of_cpu:.1}");
    measure::record(&json!({
        "bench": "regrade", "rounds": ROUNDS, "wall_s": wall(graded), "cpu_s": cpu(graded),
        "read_wall_s": wall(read), "read_cpu_s": cpu(read), "ratio": ratio, "ratio_cpu": of_cpu,
    }))
}
