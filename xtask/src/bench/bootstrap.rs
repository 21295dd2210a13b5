//! 10,000 resamples of the clusters of a million rows: ours with one and two threads, numpy beside it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::measure::{self, Run, median};
use crate::repository::{self, Failure};

const ROUNDS: usize = 3;
const REPLICATES: &str = "10000";
/// How many times faster than numpy, with every core that there is.
const RATIO: f64 = 5.0;
/// How far two standard errors from 10,000 resamples each may lie apart: five times their own error.
const APART: f64 = 0.05;

/// Measures both sides in turn, prints medians and ratios, and fails when threads change a byte, the sides differ or the target is missed.
pub(super) fn run() -> Result<(), Failure> {
    let folder = measure::folder("bootstrap")?;
    let root = repository::root();
    let python = measure::environment("venv", &super::graded::PACKAGES)?.join("bin/python");
    measure::once(&folder.join("clusters.u32"), || {
        let script = root.join("bench/gen_bootstrap.py");
        measure::must(Command::new(&python).arg(script).arg(&folder))
    })?;
    let binary = measure::release("gatewright-testkit", "cluster-bootstrap")?;
    let script = root.join("bench/peer_bootstrap.py");
    let script = script.to_str().ok_or("the project's path is not UTF-8")?;
    let files = ["values.f64", "clusters.u32", REPLICATES];
    let (mut one, mut all, mut numpy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one.push(said(&binary, &[&files[..], &["1"]].concat(), &folder)?);
        all.push(said(&binary, &[&files[..], &["2"]].concat(), &folder)?);
        numpy.push(said(&python, &[&[script], &files[..]].concat(), &folder)?);
    }
    let first = &one[0].1;
    if one.iter().chain(&all).any(|(_, found)| found != first) {
        return Err("the number of threads changes what comes out".into());
    }
    let se = |found: &Value| found["se"].as_f64().unwrap_or(f64::NAN);
    let (ours, theirs) = (se(first), se(&numpy[0].1));
    let apart = (ours / theirs - 1.0).abs();
    if apart.is_nan() || apart >= APART {
        return Err(format!("standard errors differ: {ours} and {theirs}").into());
    }
    let wall = |runs: &[(Run, Value)]| median(runs.iter().map(|(run, _)| run.wall_s));
    let memory = |runs: &[(Run, Value)]| median(runs.iter().map(|(run, _)| run.rss_mib));
    println!("{REPLICATES} resamples of 10,000 clusters, a million rows, median of {ROUNDS}:");
    for (name, runs) in [
        ("gatewright, one thread", &one),
        ("gatewright, two threads", &all),
        ("numpy", &numpy),
    ] {
        println!(
            "  {name:<24} {:>7.2} s {:>6.0} MiB",
            wall(runs),
            memory(runs)
        );
    }
    let (single, ratio) = (wall(&numpy) / wall(&one), wall(&numpy) / wall(&all));
    println!("  ratio {ratio:.1} (target {RATIO}); with one thread {single:.1}");
    measure::record(&json!({
        "bench": "bootstrap", "rounds": ROUNDS, "wall_s": wall(&all), "one_thread_wall_s": wall(&one),
        "numpy_wall_s": wall(&numpy), "ratio": ratio, "ratio_one_thread": single,
    }))?;
    if ratio < RATIO {
        return Err("a target is missed".into());
    }
    Ok(())
}

/// Runs one side and reads what it says.
fn said(program: &Path, arguments: &[&str], folder: &Path) -> Result<(Run, Value), Failure> {
    let run = Run::of(program, arguments, folder)?;
    if run.exit != 0 {
        let what = format!("{} ended with exit code {}", program.display(), run.exit);
        return Err(format!("{what}: {}", run.said).into());
    }
    let line = run.said.lines().find(|line| line.starts_with('{'));
    let found = serde_json::from_str(line.ok_or("nothing was said")?)?;
    Ok((run, found))
}
