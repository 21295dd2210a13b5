//! One million graded pairs, from JSON lines to 320 findings: Gatewright beside pandas and statsmodels.

use std::process::Command;

use serde_json::json;

use super::measure::{self, Run, median};
use crate::repository::{self, Failure};

const ROUNDS: usize = 3;
pub(super) const PACKAGES: [&str; 4] = [
    "numpy==2.4.6",
    "pandas==3.1.1",
    "statsmodels==0.15.0",
    "pyarrow",
];
/// How many times faster than pandas and statsmodels.
const RATIO: f64 = 5.0;
const MEMORY_MIB: f64 = 1024.0;

/// Measures both sides in turn, prints medians and the ratio, and fails when a target is missed.
pub(super) fn run() -> Result<(), Failure> {
    let python = measure::environment("venv", &PACKAGES)?.join("bin/python");
    let folder = measure::folder("graded")?;
    let root = repository::root();
    measure::once(&folder.join("examples.jsonl"), || {
        let script = root.join("bench/gen_graded.py");
        measure::must(Command::new(&python).arg(script).arg(&folder))
    })?;
    std::fs::copy(
        root.join("bench/graded/gatewright.yaml"),
        folder.join("gatewright.yaml"),
    )?;
    let binary = measure::release_binary()?;
    let script = root.join("bench/peer_pandas.py");
    let script = script.to_str().ok_or("the project's path is not UTF-8")?;

    let mut ours = Vec::new();
    let mut pandas = Vec::new();
    let mut tuned = Vec::new();
    for round in 0..ROUNDS {
        let old = folder.join(".gatewright");
        if old.exists() {
            std::fs::remove_dir_all(old)?;
        }
        let run = Run::of(&binary, &["gate", "--json"], &folder)?;
        // Ship, or one of the answers: anything below 100 but 0 means that nothing was decided.
        if run.exit != 0 && !(100..=110).contains(&run.exit) {
            return Err(
                format!("gate ended with exit code {}, which is no answer", run.exit).into(),
            );
        }
        ours.push(run);
        for (reader, runs) in [("default", &mut pandas), ("pyarrow", &mut tuned)] {
            let run = Run::of(&python, &[script, "wide.jsonl", reader], &folder)?;
            if run.exit != 0 {
                return Err(format!(
                    "the Python side ({reader}) ended with exit code {}",
                    run.exit
                )
                .into());
            }
            runs.push(run);
        }
        eprintln!("round {} of {ROUNDS}", round + 1);
    }
    report(&ours, &pandas, &tuned)
}

fn report(ours: &[Run], pandas: &[Run], tuned: &[Run]) -> Result<(), Failure> {
    let wall = |runs: &[Run]| median(runs.iter().map(|run| run.wall_s));
    let memory = |runs: &[Run]| median(runs.iter().map(|run| run.rss_mib));
    println!(
        "one million graded pairs, JSON lines to 320 findings, median of {ROUNDS} (wall, peak memory):"
    );
    for (name, runs) in [
        ("gatewright gate", ours),
        ("pandas + statsmodels", pandas),
        ("pandas with pyarrow's reader", tuned),
    ] {
        println!(
            "  {name:<30} {:>7.2} s {:>7.0} MiB",
            wall(runs),
            memory(runs)
        );
    }
    let ratio = wall(pandas) / wall(ours);
    let ratio_tuned = wall(tuned) / wall(ours);
    println!(
        "  ratio {ratio:.1} (target {RATIO}); with pyarrow's reader {ratio_tuned:.1}; memory {:.0} MiB (target {MEMORY_MIB})",
        memory(ours)
    );
    measure::record(&json!({
        "bench": "graded", "rounds": ROUNDS,
        "wall_s": wall(ours), "rss_mib": memory(ours),
        "pandas_wall_s": wall(pandas), "pandas_rss_mib": memory(pandas),
        "pyarrow_wall_s": wall(tuned), "pyarrow_rss_mib": memory(tuned),
        "ratio": ratio, "ratio_pyarrow": ratio_tuned,
    }))?;
    if ratio < RATIO || memory(ours) > MEMORY_MIB {
        return Err("a target is missed".into());
    }
    Ok(())
}
