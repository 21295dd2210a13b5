//! Our side: the page, a run, its grades, and a run that is killed halfway and goes on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::endpoint::{Door, Endpoint};
use crate::bench::measure::{self, Run};
use crate::repository::{self, Failure};

/// Gatewright, built for release.
pub(super) struct Ours {
    binary: PathBuf,
}

/// What a killed run did, and what its resume asked.
pub(super) struct Resumed {
    /// Requests up to the kill.
    pub(super) before: usize,
    /// Requests of the resume.
    pub(super) after: usize,
    /// Requests beyond one an example: those that were in flight at the kill.
    pub(super) extra: usize,
    /// Examples whose answer was in the log at the kill.
    pub(super) answered: usize,
    /// Of those, how many were asked again.
    pub(super) repeated: usize,
    /// Seconds the resume took.
    pub(super) wall_s: f64,
}

impl Ours {
    pub(super) fn build() -> Result<Self, Failure> {
        Ok(Self {
            binary: measure::release_binary()?,
        })
    }

    /// A fresh run of the examples in a folder.
    pub(super) fn run(&self, folder: &Path, port: u16) -> Result<Run, Failure> {
        page(folder, port)?;
        forget(folder)?;
        self.must(&["run", "--fresh"], folder, port)
    }

    /// Grades the run that is there, and demands a pass rate of exactly 0.80.
    pub(super) fn grade(&self, folder: &Path, port: u16) -> Result<Run, Failure> {
        let run = self.must(&["grade"], folder, port)?;
        let counts = run.said.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("right") && words.next() == Some("candidate")).then(|| {
                words
                    .filter_map(|word| word.parse::<usize>().ok())
                    .collect()
            })
        });
        match counts {
            Some(counts) if exact(&counts) => Ok(run),
            _ => Err(format!("the pass rate is not 0.80:\n{}", run.said).into()),
        }
    }

    /// Kills a run at half of its requests, looks at what it has on disk, and lets it go on to its end.
    pub(super) fn killed(
        &self,
        folder: &Path,
        endpoint: &Endpoint,
        examples: usize,
    ) -> Result<Resumed, Failure> {
        let port = endpoint.port(Door::Marked);
        page(folder, port)?;
        forget(folder)?;
        let start = endpoint.count(Door::Marked)?;
        let mut child = self
            .command(&["run", "--fresh"], folder, port)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let since = Instant::now();
        while endpoint.count(Door::Marked)? - start < examples / 2 {
            if child.try_wait()?.is_some() || since.elapsed() > Duration::from_secs(300) {
                child.kill()?;
                return Err("the run to be killed ended, or asked nothing, before its half".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // SIGKILL: nothing of the program runs after it.
        child.kill()?;
        child.wait()?;
        let before = endpoint.asked(Door::Marked)?.len() - start;
        let answered = answered(folder)?;
        let resume = self.must(&["run"], folder, port)?;
        let asked = endpoint.asked(Door::Marked)?;
        let again = asked[start + before..]
            .iter()
            .filter_map(|line| line.split_whitespace().nth(1));
        Ok(Resumed {
            before,
            after: asked.len() - start - before,
            extra: (asked.len() - start).saturating_sub(examples),
            answered: answered.len(),
            repeated: again.filter(|example| answered.contains(*example)).count(),
            wall_s: resume.wall_s,
        })
    }

    fn must(&self, arguments: &[&str], folder: &Path, port: u16) -> Result<Run, Failure> {
        let consent = consent(port);
        let binary = self
            .binary
            .to_str()
            .ok_or("the target's path is not UTF-8")?;
        let words: Vec<&str> = [consent.as_str(), binary]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        let run = Run::of(Path::new("env"), &words, folder)?;
        if run.exit == 0 {
            return Ok(run);
        }
        let last: Vec<&str> = run.said.lines().rev().take(10).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        Err(format!(
            "gatewright {} ended with exit code {}:\n{}",
            arguments.join(" "),
            run.exit,
            last.join("\n")
        )
        .into())
    }

    fn command(&self, arguments: &[&str], folder: &Path, port: u16) -> Command {
        let mut command = Command::new(&self.binary);
        let consent = consent(port);
        if let Some((name, value)) = consent.split_once('=') {
            command.env(name, value);
        }
        command.args(arguments).current_dir(folder);
        command
    }
}

/// The operator's word that a run may ask a private address.
fn consent(port: u16) -> String {
    format!("GATEWRIGHT_ALLOW_HOST=127.0.0.1:{port}")
}

fn exact(counts: &Vec<usize>) -> bool {
    matches!(counts.as_slice(), [units, pass, fail, ..] if pass + fail == *units && pass * 5 == units * 4)
}

fn page(folder: &Path, port: u16) -> Result<(), Failure> {
    let page = fs::read_to_string(repository::root().join("bench/run/gatewright.yaml"))?;
    fs::write(
        folder.join("gatewright.yaml"),
        page.replace("@PORT@", &port.to_string()),
    )?;
    Ok(())
}

fn forget(folder: &Path) -> Result<(), Failure> {
    let state = folder.join(".gatewright");
    if state.exists() {
        fs::remove_dir_all(state)?;
    }
    Ok(())
}

/// The examples whose answer is in the log of the one run of a folder.
fn answered(folder: &Path) -> Result<BTreeSet<String>, Failure> {
    let runs: Vec<PathBuf> = fs::read_dir(folder.join(".gatewright/runs"))?
        .map(|entry| entry.map(|entry| entry.path().join("run.db")))
        .collect::<Result<_, _>>()?;
    let [log] = runs.as_slice() else {
        return Err(format!("{} runs where one was started", runs.len()).into());
    };
    let output = Command::new("python3")
        .arg(repository::root().join("bench/run/answered.py"))
        .arg(log)
        .arg(folder.join("examples.jsonl"))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .map(str::to_owned)
        .collect())
}
