//! Hermetic runs of a binary: a folder of its own, a cleared environment, a fixed time.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::redact::Redactor;

/// A project folder and an environment that no machine can reach into.
///
/// The binary runs in the folder with `PATH`, a home and a temporary folder of its own, `LANG=C.UTF-8`, 100 columns and
/// the fixed time [`TestEnvironment::EPOCH`] in `SOURCE_DATE_EPOCH`. Nothing else is set, and nothing is inherited.
#[derive(Debug)]
pub struct TestEnvironment {
    _folder: TempDir,
    project: PathBuf,
    binary: PathBuf,
    variables: BTreeMap<OsString, OsString>,
}

impl TestEnvironment {
    /// The fixed time: 2026-11-02T09:00:00Z, in seconds since 1970.
    pub const EPOCH: i64 = 1_793_610_000;

    /// Makes an empty project for a binary, usually `env!("CARGO_BIN_EXE_gatewright")`.
    ///
    /// # Panics
    /// When the folder cannot be made: nothing can be tested then.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("its path");
        let mut variables = BTreeMap::new();
        for name in ["project", "home", "tmp"] {
            std::fs::create_dir(root.join(name)).expect("a folder in it");
        }
        if let Some(path) = std::env::var_os("PATH") {
            variables.insert("PATH".into(), path);
        }
        variables.insert("HOME".into(), root.join("home").into());
        variables.insert("TMPDIR".into(), root.join("tmp").into());
        variables.insert("LANG".into(), "C.UTF-8".into());
        variables.insert("COLUMNS".into(), "100".into());
        variables.insert("SOURCE_DATE_EPOCH".into(), Self::EPOCH.to_string().into());
        Self {
            project: root.join("project"),
            _folder: folder,
            binary: binary.into(),
            variables,
        }
    }

    /// Sets a variable for the runs that follow.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Returns the project folder: the working folder of every run.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// Writes a file of the project, making the folders above it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.project.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("the folder of a test's file");
        }
        std::fs::write(path, text).expect("a test's file");
    }

    /// Sets who may read, write and execute a file of the project.
    ///
    /// # Panics
    /// When it is not there.
    #[cfg(unix)]
    pub fn mode(&self, path: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.project.join(path), mode).expect("a test's file");
    }

    /// Reads a file of the project.
    ///
    /// # Panics
    /// When it is not there or no text.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        let path = self.project.join(path);
        match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }

    /// Copies what is in a folder into the project, with all folders below it.
    ///
    /// # Panics
    /// When something cannot be copied.
    pub fn copy_from(&self, folder: &Path) {
        copy(folder, &self.project);
    }

    /// Returns the command, ready to be changed and started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(&self.project)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Transcript {
        let output = self
            .command(arguments)
            .output()
            .expect("the binary that is tested");
        self.transcript(arguments, &output)
    }

    /// Runs the binary to its end, with something to read.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Transcript {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the binary that is tested");
        let mut stdin = child.stdin.take().expect("its input");
        let input = input.to_owned();
        let writing = std::thread::spawn(move || {
            // A program may end without reading everything.
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().expect("its end");
        writing.join().expect("no panic while writing");
        self.transcript(arguments, &output)
    }

    /// Returns a redactor that knows this environment's folders.
    pub fn redactor(&self) -> Redactor {
        let root = self.project.parent().unwrap_or(&self.project);
        Redactor::new()
            .folder(&self.project, "project")
            .folder(&root.join("home"), "home")
            .folder(&root.join("tmp"), "tmp")
    }

    /// Puts what a command wrote and how it ended together, with this project's paths taken out.
    pub fn transcript(&self, arguments: &[&str], output: &std::process::Output) -> Transcript {
        Transcript {
            arguments: arguments.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            redactor: self.redactor(),
        }
    }
}

/// What a run said. `Display` is the form for snapshots: redacted, with a heading for each part.
#[must_use = "look at what the run said"]
#[derive(Clone, Debug)]
pub struct Transcript {
    /// The arguments, separated by spaces.
    pub arguments: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output, as it was.
    pub stdout: String,
    /// Its standard error, as it was.
    pub stderr: String,
    redactor: Redactor,
}

impl Transcript {
    /// Requires an exit code.
    ///
    /// # Panics
    /// When it is another; the whole transcript is shown.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "expected exit code {code}\n{self}");
        self
    }

    /// Returns what it wrote to standard error with every line break and indent as one blank: messages are wrapped where they fit,
    /// and that depends on how long the project's path is.
    pub fn said(&self) -> String {
        let words: Vec<&str> = self.stderr.split_whitespace().collect();
        words.join(" ")
    }

    /// Replaces more before the transcript is shown.
    pub fn redact(mut self, pattern: &str, replacement: &str) -> Self {
        self.redactor = self.redactor.also(pattern, replacement);
        self
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ gatewright {}", self.redactor.redact(&self.arguments))?;
        match self.code {
            Some(code) => writeln!(f, "exit code: {code}")?,
            None => writeln!(f, "ended by a signal")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(f, "-- {name} --")?;
                let text = self.redactor.redact(text);
                f.write_str(&text)?;
                if !text.ends_with('\n') {
                    writeln!(f)?;
                }
            }
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder of the copy");
    let entries =
        std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries {
        let entry = entry.expect("an entry of the folder");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its kind").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file of the copy");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_sees_only_what_the_environment_says() {
        let environment = TestEnvironment::new("/bin/sh").with_variable("WORD", "w");
        let seen = environment
            .run(&["-c", "env | sort | cut -d= -f1; pwd"])
            .expect(0);
        let names: Vec<&str> = seen.stdout.lines().collect();
        for name in [
            "HOME",
            "LANG",
            "PATH",
            "SOURCE_DATE_EPOCH",
            "TMPDIR",
            "WORD",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        assert!(!names.contains(&"CARGO_MANIFEST_DIR") && !names.contains(&"USER"));
        assert!(seen.to_string().contains("\n<project>\n"), "{seen}");
    }

    #[test]
    fn a_transcript_has_headings_and_no_paths() {
        let environment = TestEnvironment::new("/bin/sh");
        environment.write("deep/file.txt", "text");
        assert_eq!(environment.read("deep/file.txt"), "text");
        let seen = environment.run_with_input(&["-c", "cat; echo $HOME >&2; exit 3"], "in");
        assert_eq!(
            seen.expect(3).to_string(),
            "$ gatewright -c cat; echo $HOME >&2; exit 3\nexit code: 3\n-- stdout --\nin\n-- stderr --\n<home>\n"
        );
    }

    #[test]
    fn folders_are_copied_with_what_is_in_them() {
        let from = TestEnvironment::new("/bin/sh");
        from.write("a/b/c.txt", "c");
        let to = TestEnvironment::new("/bin/sh");
        to.copy_from(from.project());
        assert_eq!(to.read("a/b/c.txt"), "c");
    }
}
