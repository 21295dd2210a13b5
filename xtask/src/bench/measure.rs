//! One run measured from outside, the folders it happens in, and the line that is kept of it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::repository::{self, Failure};

/// What one process cost.
pub(super) struct Run {
    /// Seconds from start to end of the process.
    pub(super) wall_s: f64,
    /// Seconds of the processor, of all its threads.
    pub(super) cpu_s: f64,
    /// Largest resident memory of the process, in MiB.
    pub(super) rss_mib: f64,
    /// Its exit code.
    pub(super) exit: i64,
    /// What it printed, both streams as they came.
    pub(super) said: String,
}

impl Run {
    /// Runs a program in a folder.
    pub(super) fn of(program: &Path, arguments: &[&str], folder: &Path) -> Result<Self, Failure> {
        let output = Command::new("python3")
            .arg(repository::root().join("bench/measure.py"))
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .stderr(Stdio::piped())
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let measured: Value = serde_json::from_slice(&output.stdout)?;
        let number = |field: &str| {
            measured[field]
                .as_f64()
                .ok_or("bench/measure.py said nothing")
        };
        Ok(Self {
            wall_s: number("wall_s")?,
            cpu_s: number("cpu_s")?,
            rss_mib: number("rss_mib")?,
            exit: measured["exit"].as_i64().unwrap_or(-1),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Returns the median; 0 of nothing.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// Returns (and makes) a folder under the user's cache.
pub(super) fn folder(name: &str) -> Result<PathBuf, Failure> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let folder = cache.join("gatewright/bench").join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Does something unless the file that it makes last is there.
pub(super) fn once(made: &Path, make: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    if made.exists() { Ok(()) } else { make() }
}

/// Runs a command and fails when it does.
pub(super) fn must(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} ended with {status}").into())
    }
}

/// Builds the everyday binary in release and returns where it is.
pub(super) fn release_binary() -> Result<PathBuf, Failure> {
    release("gatewright", "gatewright")
}

/// Builds one binary of a package in release and returns where it is.
pub(super) fn release(package: &str, binary: &str) -> Result<PathBuf, Failure> {
    let root = repository::root();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    must(
        Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--release",
                "--locked",
                "--package",
                package,
                "--bin",
                binary,
            ])
            .current_dir(&root),
    )?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(root.join(target).join("release").join(binary))
}

/// Returns the folder of a virtual environment with these packages in it, made on first use.
pub(super) fn environment(name: &str, packages: &[&str]) -> Result<PathBuf, Failure> {
    let environment = folder(name)?;
    let ready = environment.join("ready");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&ready).is_ok_and(|made| made == wanted) {
        return Ok(environment);
    }
    eprintln!("installing {}", packages.join(", "));
    must(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )?;
    must(
        Command::new(environment.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet"])
            .args(packages),
    )?;
    std::fs::write(ready, wanted)?;
    Ok(environment)
}

/// Appends one line to `bench/results.jsonl`, with the commit it is about.
pub(super) fn record(result: &Value) -> Result<(), Failure> {
    let root = repository::root();
    let commit = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(&root)
        .output()?;
    let mut line = result.clone();
    line["commit"] = String::from_utf8_lossy(&commit.stdout).trim().into();
    line["cores"] = std::thread::available_parallelism()?.get().into();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(root.join("bench/results.jsonl"))?;
    writeln!(file, "{line}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 2.5);
        assert_eq!(median(std::iter::empty()), 0.0);
    }
}
