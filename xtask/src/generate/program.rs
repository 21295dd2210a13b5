//! The built program, run so that its output is the same on every machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::repository::{self, Failure};

/// The time that every generated page is written at.
const NOW: &str = "2026-11-23T09:00:00Z";

/// The everyday binary.
pub(super) struct Program {
    binary: PathBuf,
}

/// What a command printed, and how it ended.
pub(super) struct Printed {
    /// Standard output, then nothing else: chatter belongs on the other stream.
    pub(super) text: String,
    /// Its exit code.
    pub(super) code: i32,
}

impl Program {
    /// Builds the everyday binary.
    pub(super) fn build() -> Result<Self, Failure> {
        let root = repository::root();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--locked", "--package", "gatewright"])
            .current_dir(&root)
            .status()?;
        if !built.success() {
            return Err("gatewright does not build".into());
        }
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self {
            binary: root.join(target).join("debug/gatewright"),
        })
    }

    /// Runs one command in a folder, with a fixed time and width and none of the user's settings.
    pub(super) fn run(&self, arguments: &[String], folder: &Path) -> Result<Printed, Failure> {
        let output = repository::program(&self.binary, folder, NOW)
            .args(arguments)
            .env("TZ", "UTC")
            .env("COLUMNS", "100")
            .output()?;
        let code = output.status.code().unwrap_or(-1);
        if matches!(code, -1 | 1 | 2) {
            return Err(format!(
                "`gatewright {}` ended with exit code {code}:\n{}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
        Ok(Printed {
            text: without_links(&String::from_utf8(output.stdout)?),
            code,
        })
    }
}

/// Shortens the checkpoint of the project's log: it holds how long answers took, so it is another one each time.
fn without_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.split_once(':').filter(|_| line.starts_with("Log: ")) {
            Some((_, rest)) => {
                let size = rest.split(':').next().unwrap_or_default();
                out.push_str(&format!("Log:{size}:… (64 digits)\n"));
            }
            None => out.push_str(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_shortened_and_nothing_else() {
        let text = format!("a: b:c\nLog: 12:{}\nNext: x", "0a".repeat(32));
        assert_eq!(
            without_links(&text),
            "a: b:c\nLog: 12:… (64 digits)\nNext: x"
        );
    }
}
