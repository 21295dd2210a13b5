//! What a user would run instead: promptfoo, Inspect and a bare aiohttp loop, each at a fixed version, installed on first use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::CONNECTIONS;
use crate::bench::measure::{self, Run};
use crate::repository::{self, Failure};

const PYTHON: [&str; 3] = ["inspect-ai==0.3.285", "openai==3.57.0", "aiohttp==3.14.5"];
const PROMPTFOO: &str = "promptfoo@0.121.20";
const NODE: &str = "24.21.0";
/// The oldest Node that promptfoo runs on without a notice.
const NODE_MAJOR: u32 = 22;

/// A tool to measure beside ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Aiohttp,
    Promptfoo,
    Inspect,
}

/// The installed peers, and a folder for what they write.
pub(super) struct Peers {
    python: PathBuf,
    node: PathBuf,
    promptfoo: PathBuf,
    work: PathBuf,
}

impl Peers {
    /// Installs what is missing.
    pub(super) fn install() -> Result<Self, Failure> {
        let (node, promptfoo) = promptfoo()?;
        Ok(Self {
            python: measure::environment("venv-run", &PYTHON)?,
            node,
            promptfoo,
            work: measure::folder("peers")?,
        })
    }

    /// Runs one of them over the prompts in a folder, and demands a pass rate of exactly 0.80.
    pub(super) fn run(&self, peer: Peer, prompts: &Path, port: u16) -> Result<Run, Failure> {
        let run = match peer {
            Peer::Aiohttp => self.aiohttp(prompts, port),
            Peer::Promptfoo => self.promptfoo(prompts, port),
            Peer::Inspect => self.inspect(prompts, port),
        }?;
        let (name, rate) = match peer {
            Peer::Aiohttp => ("aiohttp", after(&run.said, "pass rate")),
            // It counts passes and failures, and says them in a line of its own.
            Peer::Promptfoo => ("promptfoo", promptfoo_rate(&run.said)),
            Peer::Inspect => ("inspect", after(&run.said, "accuracy")),
        };
        if rate.is_some_and(|rate| (rate - 0.8).abs() < 1e-9) {
            return Ok(run);
        }
        let said = self.work.join(format!("{name}.txt"));
        fs::write(&said, &run.said)?;
        Err(format!(
            "{name} reported {rate:?} and not 0.80 (exit code {}); what it said is in {}",
            run.exit,
            said.display()
        )
        .into())
    }

    fn aiohttp(&self, prompts: &Path, port: u16) -> Result<Run, Failure> {
        let script = repository::root().join("bench/run/peer_aiohttp.py");
        let arguments = [
            text(&script)?,
            text(&prompts.join("prompts.jsonl"))?,
            port.to_string(),
            CONNECTIONS.to_string(),
        ];
        Run::of(
            &self.python.join("bin/python"),
            &borrowed(&arguments),
            &self.work,
        )
    }

    fn inspect(&self, prompts: &Path, port: u16) -> Result<Run, Failure> {
        let logs = self.work.join("inspect-logs");
        remove(&logs)?;
        // Beside the logs: it takes a task by a path relative to where it runs.
        fs::copy(
            repository::root().join("bench/run/peer_inspect.py"),
            self.work.join("peer_inspect.py"),
        )?;
        let arguments = [
            format!("MOCK_BASE_URL=http://127.0.0.1:{port}/v1"),
            "MOCK_API_KEY=none".to_owned(),
            text(&self.python.join("bin/inspect"))?,
            "eval".to_owned(),
            "peer_inspect.py".to_owned(),
            "-T".to_owned(),
            format!("prompts={}", text(&prompts.join("prompts.jsonl"))?),
            "--model".to_owned(),
            "openai-api/mock/mock".to_owned(),
            "--max-connections".to_owned(),
            CONNECTIONS.to_string(),
            "--log-dir".to_owned(),
            text(&logs)?,
            "--display".to_owned(),
            "plain".to_owned(),
        ];
        Run::of(Path::new("env"), &borrowed(&arguments), &self.work)
    }

    fn promptfoo(&self, prompts: &Path, port: u16) -> Result<Run, Failure> {
        let state = self.work.join("promptfoo");
        remove(&state)?;
        let page = fs::read_to_string(repository::root().join("bench/run/promptfoo.yaml"))?
            .replace("@PORT@", &port.to_string())
            .replace("@PROMPTS@", &text(&prompts.join("prompts.csv"))?);
        fs::write(self.work.join("promptfoo.yaml"), page)?;
        let arguments = [
            "PROMPTFOO_DISABLE_TELEMETRY=1".to_owned(),
            "PROMPTFOO_DISABLE_UPDATE=1".to_owned(),
            "PROMPTFOO_DISABLE_REMOTE_GENERATION=true".to_owned(),
            format!("PROMPTFOO_CONFIG_DIR={}", text(&state)?),
            text(&self.node)?,
            text(&self.promptfoo)?,
            "eval".to_owned(),
            "-c".to_owned(),
            "promptfoo.yaml".to_owned(),
            "-j".to_owned(),
            CONNECTIONS.to_string(),
            "--no-cache".to_owned(),
            "--no-table".to_owned(),
            "--no-progress-bar".to_owned(),
            "--no-share".to_owned(),
        ];
        Run::of(Path::new("env"), &borrowed(&arguments), &self.work)
    }
}

/// Returns a Node that promptfoo accepts, and promptfoo.
fn promptfoo() -> Result<(PathBuf, PathBuf), Failure> {
    let folder = measure::folder("promptfoo")?;
    let modules = folder.join("node_modules");
    let mut packages = vec![PROMPTFOO.to_owned()];
    let mut node = PathBuf::from("node");
    if !node_is_new_enough() {
        // The package with the program itself: `node` fetches it in an install script, which npm may not run.
        let system = if cfg!(target_os = "macos") {
            "darwin"
        } else {
            "linux"
        };
        let machine = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x64"
        };
        packages.push(format!("node-{system}-{machine}@{NODE}"));
        node = modules.join(format!("node-{system}-{machine}/bin/node"));
    }
    measure::once(&folder.join("ready"), || {
        eprintln!("installing {} (minutes)", packages.join(", "));
        measure::must(
            Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
                .args(&packages)
                .current_dir(&folder),
        )?;
        fs::write(folder.join("ready"), packages.join("\n"))?;
        Ok(())
    })?;
    Ok((node, modules.join("promptfoo/dist/src/entrypoint.js")))
}

fn node_is_new_enough() -> bool {
    Command::new("node")
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| {
            let said = String::from_utf8(output.stdout).ok()?;
            said.trim()
                .strip_prefix('v')?
                .split('.')
                .next()?
                .parse()
                .ok()
        })
        .is_some_and(|major: u32| major >= NODE_MAJOR)
}

/// The first number after the last mention of a word.
fn after(said: &str, word: &str) -> Option<f64> {
    let (_, rest) = said.rsplit_once(word)?;
    rest.split_whitespace().find_map(|part| {
        part.trim_matches(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .parse()
            .ok()
    })
}

fn promptfoo_rate(said: &str) -> Option<f64> {
    let passed = before(said, " passed")?;
    let failed = before(said, " failed")?;
    let errors = before(said, " error").unwrap_or(0.0);
    Some(passed / (passed + failed + errors))
}

/// The number that stands right in front of the last mention of a word.
fn before(said: &str, word: &str) -> Option<f64> {
    let (front, _) = said.rsplit_once(word)?;
    let number = front.rsplit(|letter: char| !letter.is_ascii_digit() && letter != ',');
    number.into_iter().next()?.replace(',', "").parse().ok()
}

fn text(path: &Path) -> Result<String, Failure> {
    Ok(path.to_str().ok_or("a path is not UTF-8")?.to_owned())
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn remove(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_what_the_tools_say() {
        assert_eq!(
            after("includes\naccuracy   0.800\nstderr 0.009", "accuracy"),
            Some(0.8)
        );
        assert_eq!(after("pass rate 0.8000\n", "pass rate"), Some(0.8));
        assert_eq!(after("nothing", "accuracy"), None);
        let said = "Results:\n  ✓ 1,600 passed (80.00%)\n  ✗ 400 failed (20.00%)\n";
        assert_eq!(promptfoo_rate(said), Some(0.8));
    }
}
