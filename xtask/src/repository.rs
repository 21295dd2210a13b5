//! The working tree as the chores see it: its root, its files, their text.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The way chores fail: a sentence for whoever runs them.
pub(crate) type Failure = Box<dyn Error>;

/// A text file of the project.
pub(crate) struct TextFile {
    /// Path from the root, with forward slashes.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

#[cfg(test)]
impl TextFile {
    /// Makes up a file.
    pub(crate) fn of(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// Returns the root of the project: where cargo runs this from, for two checkouts that
/// share a target directory also share what was built in the other one.
pub(crate) fn root() -> PathBuf {
    let run_from = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = run_from
        .as_deref()
        .unwrap_or(Path::new(env!("CARGO_MANIFEST_DIR")));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Prepares a run of the program in a folder: at a fixed time, with none of the user's settings.
pub(crate) fn program(binary: &Path, folder: &Path, now: &str) -> Command {
    let mut command = Command::new(binary);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("USER", "you")
        .env("NO_COLOR", "1")
        .env("GATEWRIGHT_NOW", now);
    command
}

/// Writes files into a folder, by their paths in it.
pub(crate) fn write_files(folder: &Path, files: &[(&str, &str)]) -> Result<(), Failure> {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// Reads every text file that is tracked, or new and not ignored, sorted by path.
pub(crate) fn text_files() -> Result<Vec<TextFile>, Failure> {
    let root = root();
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(&root)
        .output()?;
    if !listed.status.success() {
        return Err(
            "git ls-files failed: the rules are about tracked files, so this needs a git checkout"
                .into(),
        );
    }
    let mut paths: Vec<&str> = std::str::from_utf8(&listed.stdout)?
        .split('\0')
        .filter(|path| !path.is_empty())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        // A file that was deleted and not yet committed is still listed.
        let Ok(bytes) = std::fs::read(root.join(path)) else {
            continue;
        };
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(TextFile {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(files)
}
