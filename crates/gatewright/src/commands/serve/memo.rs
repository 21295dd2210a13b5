//! Pages that are told again while nothing that they rest on has changed.
//!
//! A page of a release loads the project and judges the run: seconds for ten thousand examples. All of it comes from files of the project, so a page
//! is kept for as long as every one of them is the same by path, length, times and inode. A file that changed in the last two seconds keeps nothing,
//! as its next change might leave no trace in its times.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use gatewright_core::digest::Digest;
use gatewright_web::project::{Failures, NotDone, Release, Releases};

use crate::project::Project;

/// Most files that are looked at; of larger projects nothing is kept.
const FILES_MAX: usize = 10_000;
/// How long a file must have stood still, in seconds.
const STILL: i64 = 2;
/// Release pages that are kept.
const RELEASES_MAX: usize = 8;
/// Where the state keeps the server's keys: no page rests on them.
const KEYS: &str = "server-keys";

/// Stands for all files that a page rests on, and the day.
pub(super) type Key = (Digest, String);

/// What was told of one state of the files.
#[derive(Default)]
pub(super) struct Memo {
    key: Option<Key>,
    releases: Option<Releases>,
    failures: Option<Failures>,
    release: BTreeMap<String, Release>,
}

/// A kind of page that is kept.
pub(super) trait Kept: Clone {
    /// Reads it for a run; pages about no run take any name.
    fn of(memo: &Memo, run: &str) -> Option<Self>;
    /// Keeps it.
    fn keep(self, memo: &mut Memo, run: &str);
}

impl Kept for Releases {
    fn of(memo: &Memo, _: &str) -> Option<Self> {
        memo.releases.clone()
    }

    fn keep(self, memo: &mut Memo, _: &str) {
        memo.releases = Some(self);
    }
}

impl Kept for Failures {
    fn of(memo: &Memo, _: &str) -> Option<Self> {
        memo.failures.clone()
    }

    fn keep(self, memo: &mut Memo, _: &str) {
        memo.failures = Some(self);
    }
}

impl Kept for Release {
    fn of(memo: &Memo, run: &str) -> Option<Self> {
        memo.release.get(run).cloned()
    }

    fn keep(self, memo: &mut Memo, run: &str) {
        if memo.release.len() >= RELEASES_MAX {
            memo.release.clear();
        }
        memo.release.insert(run.to_owned(), self);
    }
}

impl Memo {
    /// Reads a page that was told of these files.
    pub(super) fn get<T: Kept>(&self, key: &Key, run: &str) -> Option<T> {
        match self.key.as_ref() == Some(key) {
            true => T::of(self, run),
            false => None,
        }
    }

    /// Keeps a page; what was told of other files goes.
    pub(super) fn put<T: Kept>(&mut self, key: Key, run: &str, page: &Result<T, NotDone>) {
        let Ok(page) = page else { return };
        if self.key.as_ref() != Some(&key) {
            *self = Self {
                key: Some(key),
                ..Self::default()
            };
        }
        page.clone().keep(self, run);
    }
}

/// Names the files of a project as they are; nothing where they cannot be told from other ones: too many, links, files outside the project, or one
/// that changed just now.
pub(super) fn key(project: &Project, has_roots: bool, today: String) -> Option<Key> {
    if has_roots {
        return None;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let mut seen = Seen {
        files: Vec::new(),
        before: i64::try_from(now.as_secs()).ok()? - STILL,
        keys: project.state.join(KEYS),
    };
    seen.file(&project.page)?;
    seen.folder(&project.root)?;
    if !project.state.starts_with(&project.root) {
        seen.folder(&project.state)?;
    }
    Some((Digest::of_json(&seen.files), today))
}

/// Path, length, times of change and of content, inode.
type File = (String, u64, (i64, i64), (i64, i64), u64);

struct Seen {
    files: Vec<File>,
    /// Files must not have changed since.
    before: i64,
    keys: PathBuf,
}

impl Seen {
    fn folder(&mut self, folder: &Path) -> Option<()> {
        let entries = std::fs::read_dir(folder).ok()?;
        let mut entries = entries.collect::<Result<Vec<_>, _>>().ok()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type().ok()?;
            let name = entry.file_name();
            let name = name.to_str()?;
            // Any other folder may hold what the page names: a project with too many files keeps nothing.
            if kind.is_dir() && name != ".git" && entry.path() != self.keys {
                self.folder(&entry.path())?;
            } else if kind.is_file() && is_read(name) {
                self.file(&entry.path())?;
            } else if kind.is_symlink() {
                return None;
            }
        }
        Some(())
    }

    fn file(&mut self, path: &Path) -> Option<()> {
        let of = std::fs::metadata(path).ok()?;
        // An empty journal is one that is not there: it comes and goes with whoever reads.
        if of.len() == 0 && path.to_str()?.ends_with("-wal") {
            return Some(());
        }
        if of.ctime() >= self.before || self.files.len() >= FILES_MAX {
            return None;
        }
        self.files.push((
            path.to_str()?.to_owned(),
            of.len(),
            (of.ctime(), of.ctime_nsec()),
            (of.mtime(), of.mtime_nsec()),
            of.ino(),
        ));
        Some(())
    }
}

/// Says whether a page may rest on a file: not on who logs in, nor on what readers of a database leave.
fn is_read(name: &str) -> bool {
    let is_aside = [".lock", ".lease", "-shm"]
        .iter()
        .any(|end| name.ends_with(end));
    !is_aside && !name.starts_with("accounts.db")
}
