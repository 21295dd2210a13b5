//! Run folders: `runs/NNNN-<first eight digits of the plan's hash>/`.

use std::path::{Path, PathBuf};

use gatewright_core::plan::Plan;

use crate::error::Failure;

/// A run's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunFolder {
    /// Its number, from 1.
    pub(crate) number: u32,
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) dir: PathBuf,
}

/// The part of a plan's hash that folders carry.
pub(crate) fn plan_mark(plan: &Plan) -> String {
    plan.digest().hex()[..8].to_owned()
}

/// Lists the runs, oldest first. What does not look like a run is left alone.
pub(crate) fn list(state: &Path) -> Vec<RunFolder> {
    let Ok(entries) = std::fs::read_dir(state.join("runs")) else {
        return Vec::new();
    };
    let mut found: Vec<RunFolder> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let (number, mark) = name.split_once('-')?;
            let looks = mark.len() == 8 && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = number.parse().ok().filter(|_| looks)?;
            Some(RunFolder {
                number,
                dir: entry.path(),
                name,
            })
        })
        .collect();
    found.sort();
    found
}

/// Finds the run that was asked for: by name, by number, else the newest of this plan, else the newest.
///
/// # Errors
/// When there is none.
pub(crate) fn find(state: &Path, wanted: Option<&str>, mark: &str) -> Result<RunFolder, Failure> {
    let mut all = list(state);
    let Some(wanted) = wanted else {
        let same = all.iter().rposition(|run| run.name.ends_with(mark));
        let index = same
            .or(all.len().checked_sub(1))
            .ok_or_else(|| Failure::usage("there is no run yet").next("gatewright gate"))?;
        return Ok(all.swap_remove(index));
    };
    let number = wanted.parse::<u32>().ok();
    let index = all
        .iter()
        .position(|run| run.name == wanted || number == Some(run.number));
    match index {
        Some(index) => Ok(all.swap_remove(index)),
        None => {
            let names: Vec<&str> = all
                .iter()
                .rev()
                .take(5)
                .map(|run| run.name.as_str())
                .collect();
            Err(Failure::usage(format!("there is no run `{wanted}`"))
                .why(format!("the newest are: {}", names.join(", "))))
        }
    }
}

/// Makes the next folder. Two processes cannot make the same one.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn create(state: &Path, mark: &str) -> Result<RunFolder, Failure> {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let failed = |source: std::io::Error| match source.kind() {
        PermissionDenied | ReadOnlyFilesystem => {
            Failure::usage(format!("cannot keep runs in {}", state.display()))
                .why(source.to_string())
                .next("--state DIR, with a folder that you may write to")
        }
        _ => Failure::Unexpected {
            doing: format!("make a run folder in {}", state.display()),
            source: Box::new(source),
        },
    };
    private(&state.join("runs"), true).map_err(failed)?;
    let mut number = list(state).last().map_or(1, |run| run.number + 1);
    loop {
        let name = format!("{number:04}-{mark}");
        let dir = state.join("runs").join(&name);
        match private(&dir, false) {
            Ok(()) => return Ok(RunFolder { number, name, dir }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Makes a folder for its owner alone: answers may hold what customers wrote.
fn private(dir: &Path, with_parents: bool) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(with_parents);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_runs_are_found_by_name_or_number_and_never_by_path() {
        let state = tempfile::tempdir().expect("a folder");
        let first = create(state.path(), "0123abcd").expect("made");
        let second = create(state.path(), "ffff0000").expect("made");
        let third = create(state.path(), "0123abcd").expect("made");
        std::fs::create_dir(state.path().join("runs/other")).expect("made");
        assert_eq!(third.name, "0003-0123abcd");
        let find = |wanted, mark| find(state.path(), wanted, mark);
        assert_eq!(find(None, "0123abcd").expect("newest of the plan"), third);
        assert_eq!(find(None, "ffff0000").expect("newest of the plan"), second);
        assert_eq!(find(None, "99999999").expect("newest"), third);
        assert_eq!(find(Some("1"), "").expect("by number"), first);
        assert_eq!(find(Some("0002-ffff0000"), "").expect("by name"), second);
        for wanted in ["../runs/0001-0123abcd", "other", "9", "/etc"] {
            assert!(find(Some(wanted), "").is_err(), "{wanted}");
        }
    }
}
