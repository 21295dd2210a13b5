//! One file per command.

pub(crate) mod backup;
pub(crate) mod calibrate;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod confirm;
pub(crate) mod decide;
pub(crate) mod diff;
pub(crate) mod gate;
pub(crate) mod grade;
pub(crate) mod graders;
pub(crate) mod import;
pub(crate) mod incident;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod labelling;
mod listening;
pub(crate) mod merge;
pub(crate) mod perturb;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod today;
pub(crate) mod triage;
pub(crate) mod verify;
pub(crate) mod view;
pub(crate) mod work;

use std::path::{Path, PathBuf};

use gatewright_core::manifest::Manifest;
use gatewright_core::report::{View, answer, terminal};

use crate::args::Global;
use crate::console::Console;
use crate::error::{Failure, problems_text};
use crate::now::Now;
use crate::pipeline::{Depth, Judging, Loaded};
use crate::project::Project;

/// What every command is given.
pub(crate) struct Context {
    /// Flags of every command.
    pub(crate) global: Global,
    /// The terminal.
    pub(crate) console: Console,
    /// The time.
    pub(crate) now: Now,
    /// The folder the command was started in.
    pub(crate) here: PathBuf,
}

impl Context {
    /// Finds the project.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn project(&self) -> Result<Project, Failure> {
        let global = &self.global;
        Project::find(
            global.config.as_deref(),
            global.state.as_deref(),
            &global.root,
            &self.here,
        )
    }

    /// Gathers what systems answered and judges said: of recorded systems from their files, of others from a run.
    ///
    /// # Errors
    /// When a log cannot be read, or a system that is called has no run yet.
    pub(crate) fn judging(
        &self,
        loaded: &mut Loaded,
        run: Option<&str>,
    ) -> Result<Judging, Failure> {
        Judging::of(loaded, run, &self.now, &self.console)
    }

    /// Loads the page and its data, and refuses to go on when something is wrong.
    ///
    /// # Errors
    /// Every error at once.
    pub(crate) fn sound(&self) -> Result<Loaded, Failure> {
        let loaded = Loaded::read(self.project()?, &self.now, Depth::Errors)?.sound()?;
        if !loaded.problems.is_empty() {
            let width = self.console.options.width;
            self.console.detail(&problems_text(&loaded.problems, width));
        }
        Ok(loaded)
    }

    /// Shows a view: at most 25 lines, or one JSON document; only the answer where that is wanted.
    ///
    /// # Errors
    /// When standard output refuses.
    pub(crate) fn show(&self, view: &View) -> Result<(), Failure> {
        if self.console.json {
            self.console.document(view)
        } else if self.console.quiet {
            self.console.out(&answer(view, &self.console.options))
        } else {
            self.console.out(&terminal(view, &self.console.options))
        }
    }
}

/// Checks that a file can go where it is wanted, before anything is spent on what it would hold.
///
/// # Errors
/// When its folder is not there, or a folder stands in its place.
pub(crate) fn writable(whole: &Path, path: &Path) -> Result<(), Failure> {
    let cannot = |why: &str| {
        Failure::usage(format!("cannot write `{}`", path.display())).why(why.to_owned())
    };
    if whole.is_dir() {
        return Err(cannot("it is a folder").next("the name of a file"));
    }
    match whole.parent().filter(|folder| !folder.is_dir()) {
        Some(_) => Err(
            cannot("its folder does not exist").next(match path.parent() {
                Some(folder) => format!("mkdir -p {}", shell(folder)),
                None => "a folder that exists".to_owned(),
            }),
        ),
        None => Ok(()),
    }
}

/// Writes a path the way a shell reads it back.
pub(crate) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Writes a file whole or not at all.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |source: std::io::Error| {
        Failure::usage(format!("cannot write `{}`", path.display())).why(source.to_string())
    };
    let mut name = path
        .file_name()
        .map(std::ffi::OsStr::to_os_string)
        .unwrap_or_default();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, path));
    written.map_err(|source| {
        let _ = std::fs::remove_file(&part);
        failed(source)
    })
}

/// Reads the `NAME=VALUE` pairs of a flag.
///
/// # Errors
/// For a text without `=`, with a pair as it is written after the flag.
pub(crate) fn pairs(texts: &[String], example: &str) -> Result<Vec<(String, String)>, Failure> {
    texts
        .iter()
        .map(|text| {
            text.split_once('=')
                .map(|(dimension, value)| (dimension.to_owned(), value.to_owned()))
                .ok_or_else(|| Failure::usage(format!("`{text}` is not NAME=VALUE")).next(example))
        })
        .collect()
}

/// Finds a criterion by its name.
///
/// # Errors
/// When there is none of that name.
pub(crate) fn criterion(manifest: &Manifest, name: &str) -> Result<u16, Failure> {
    let known = || manifest.criteria.iter().map(|it| it.id.as_str());
    let missing = || unknown("criterion", name, known().collect::<Vec<_>>());
    manifest.criterion_index(name).ok_or_else(missing)
}

/// Says that a name is not known, with the nearest one.
pub(crate) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Failure {
    let failure = Failure::usage(format!("there is no {what} `{name}`"));
    match gatewright_core::problem::nearest(name, known.clone()) {
        Some(near) => failure.next(format!("did you mean `{near}`?")),
        None => failure.next(format!(
            "one of: {}",
            known.into_iter().take(12).collect::<Vec<_>>().join(", ")
        )),
    }
}
