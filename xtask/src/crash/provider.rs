//! The scripted provider in a process of its own, and its log: what was really asked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::repository::Failure;

/// How long a provider may take to notice that a client is gone.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// A provider that ends with this value.
pub(super) struct Provider {
    child: Child,
    log: PathBuf,
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
}

/// The log as far as it goes.
pub(super) struct Heard {
    /// The key of every request, in order.
    pub(super) keys: Vec<String>,
    /// Requests that are dealt with.
    ended: usize,
}

impl Provider {
    pub(super) fn start(binary: &Path, script: &Value, log: PathBuf) -> Result<Self, Failure> {
        let mut child = Command::new(binary)
            .args(["--script", &script.to_string(), "--log"])
            .arg(&log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let said: Value = serde_json::from_str(&line)?;
        let url = said["url"].as_str().unwrap_or_default().to_owned();
        Ok(Self { child, log, url })
    }

    /// The address as `--allow-host` wants it.
    pub(super) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Waits until everything that was asked is dealt with, and returns it. The client is dead: nothing new comes.
    pub(super) fn settled(&self) -> Result<Heard, Failure> {
        let since = Instant::now();
        let mut before = usize::MAX;
        loop {
            let heard = self.heard()?;
            if heard.ended == heard.keys.len() && heard.keys.len() == before {
                return Ok(heard);
            }
            if since.elapsed() > PATIENCE {
                return Err(format!(
                    "the provider has {} requests and dealt with {}",
                    heard.keys.len(),
                    heard.ended
                )
                .into());
            }
            before = heard.keys.len();
            std::thread::sleep(PAUSE);
        }
    }

    fn heard(&self) -> Result<Heard, Failure> {
        let text = fs::read_to_string(&self.log)?;
        let mut heard = Heard {
            keys: Vec::new(),
            ended: 0,
        };
        // A line that is being written has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let line: Value = serde_json::from_str(line)?;
            match line["event"].as_str() {
                Some("received") => heard
                    .keys
                    .push(line["key"].as_str().unwrap_or_default().to_owned()),
                _ => heard.ended += 1,
            }
        }
        Ok(heard)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
