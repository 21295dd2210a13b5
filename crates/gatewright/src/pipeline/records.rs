//! Record folders: `records/NNNN-ANSWER-DIGEST/` with the envelope, the proposal and copies of everything that the page read.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use gatewright_core::digest::{Digest, Hasher};
use gatewright_core::record::statement::FileEntry;

use crate::commands::unknown;
use crate::error::Failure;
use crate::project::Project;

/// The envelope's file.
pub(crate) const ENVELOPE: &str = "record.json";
/// The proposal's file.
pub(crate) const PROPOSAL: &str = "proposal.json";
/// Largest envelope or proposal that is read.
const BYTES_MAX: u64 = 256 << 20;

/// A record's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordFolder {
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) dir: PathBuf,
}

/// Lists the records, oldest first.
pub(crate) fn list(state: &Path) -> Vec<RecordFolder> {
    let Ok(entries) = std::fs::read_dir(state.join("records")) else {
        return Vec::new();
    };
    let mut found: Vec<RecordFolder> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            number(&name)?;
            Some(RecordFolder {
                name,
                dir: entry.path(),
            })
        })
        .collect();
    found.sort();
    found
}

fn number(name: &str) -> Option<u32> {
    let (number, rest) = name.split_once('-')?;
    let plain = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| plain && !rest.is_empty())
}

/// Finds the record that was asked for by name or number; the newest when nothing is said.
///
/// # Errors
/// When there is none.
pub(crate) fn find(state: &Path, wanted: Option<&str>) -> Result<RecordFolder, Failure> {
    let mut all = list(state);
    let Some(wanted) = wanted else {
        return all.pop().ok_or_else(|| {
            Failure::usage("there is no record yet")
                .why("a decision is recorded when somebody signs it")
                .next("gatewright sign --reason WHY")
        });
    };
    let by_number = wanted.parse::<u32>().ok();
    let index = all.iter().position(|one| {
        one.name == wanted || (by_number.is_some() && number(&one.name) == by_number)
    });
    match index {
        Some(index) => Ok(all.swap_remove(index)),
        None => {
            let names: Vec<String> = all.into_iter().map(|one| one.name).collect();
            Err(unknown("record", wanted, names.iter().map(String::as_str)))
        }
    }
}

/// Reads a file of a record.
///
/// # Errors
/// When it is not there, or larger than a record's file can be.
pub(crate) fn read(dir: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let path = dir.join(name);
    let failed = |why: String| Failure::usage(format!("cannot read {}", path.display())).why(why);
    let link = path
        .symlink_metadata()
        .map_err(|error| failed(error.to_string()))?;
    if !link.is_file() {
        return Err(failed("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(|error| failed(error.to_string()))?;
    file.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(error.to_string()))?;
    match bytes.len() as u64 > BYTES_MAX {
        true => Err(failed(format!("it is larger than {BYTES_MAX} bytes"))),
        false => Ok(bytes),
    }
}

/// A folder in which a record is put together. Dropped before it has its name, it is taken away.
pub(crate) struct Stage {
    /// Where it is.
    pub(crate) dir: PathBuf,
    records: PathBuf,
    named: bool,
}

impl Stage {
    /// Makes the folder.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn new(state: &Path) -> Result<Self, Failure> {
        let records = state.join("records");
        private(&records, true).map_err(|error| refused("make", &records, error))?;
        let dir = records.join(format!(".part-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        private(&dir, false).map_err(|error| refused("make", &dir, error))?;
        Ok(Self {
            dir,
            records,
            named: false,
        })
    }

    /// Copies everything that a project has read, the page first; returns what was copied, sorted by path.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn copy(&self, project: &Project) -> Result<Vec<FileEntry>, Failure> {
        let mut files = vec![copy(
            &project.page,
            &self.dir.join("files"),
            &project.page_name(),
        )?];
        let mut done = BTreeSet::from([project.page_name()]);
        for written in project.opened() {
            let from = project.resolve(&written).map_err(|error| {
                Failure::usage("a file that the decision rests on is gone").why(error.to_string())
            })?;
            let (root, inner) = match written.split_once(':') {
                Some((root, inner)) => (Some(root), inner),
                None => (None, written.as_str()),
            };
            let inner = plain(inner);
            let (base, name) = match root {
                Some(root) => (self.dir.join("roots").join(root), format!("{root}:{inner}")),
                None => (self.dir.join("files"), inner.clone()),
            };
            if done.insert(name.clone()) {
                let entry = copy(&from, &base, &inner)?;
                files.push(FileEntry {
                    path: name,
                    ..entry
                });
            }
        }
        files.sort();
        Ok(files)
    }

    /// Writes a file of the record.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.dir.join(name);
        let written = create(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|error| refused("write", &path, error))
    }

    /// Gives the record its number and name: from here on it is there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn name(&mut self, state: &Path, rest: &str) -> Result<RecordFolder, Failure> {
        let last = list(state).last().and_then(|one| number(&one.name));
        let mut next = last.map_or(1, |last| last + 1);
        loop {
            let name = format!("{next:04}-{rest}");
            let dir = self.records.join(&name);
            match std::fs::rename(&self.dir, &dir) {
                Ok(()) => {
                    self.named = true;
                    let flushed = File::open(&self.records).and_then(|folder| folder.sync_all());
                    flushed.map_err(|error| refused("flush", &self.records, error))?;
                    return Ok(RecordFolder { name, dir });
                }
                // Another process has taken the number.
                Err(_) if dir.exists() => next += 1,
                Err(error) => return Err(refused("name", &dir, error)),
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.named {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// Hashes the files of a record, and finds those that it does not name; returns the first that differs: path, recorded, found.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn first_other_file(
    dir: &Path,
    files: &[FileEntry],
) -> Result<Option<(String, String, String)>, Failure> {
    if let Some(other) = first_besides(dir)? {
        return Ok(Some(other));
    }
    let mut left: BTreeSet<String> = BTreeSet::new();
    walk(&dir.join("files"), "", &mut left)?;
    if dir.join("roots").exists() {
        let mut below = BTreeSet::new();
        walk(&dir.join("roots"), "", &mut below)?;
        left.extend(below.into_iter().map(|path| match path.split_once('/') {
            Some((root, inner)) => format!("{root}:{inner}"),
            None => path,
        }));
    }
    for file in files {
        if !left.remove(&file.path) {
            let gone = ("a file".to_owned(), "nothing".to_owned());
            return Ok(Some((file.path.clone(), gone.0, gone.1)));
        }
        let path = match file.path.split_once(':') {
            Some((root, inner)) => dir.join("roots").join(root).join(inner),
            None => dir.join("files").join(&file.path),
        };
        if path.is_symlink() {
            let (was, is) = (file.digest.to_string(), "a link".to_owned());
            return Ok(Some((file.path.clone(), was, is)));
        }
        let found = hash(&path)?;
        if found != (file.bytes, file.digest) {
            let (was, is) = (file.digest.to_string(), found.1.to_string());
            return Ok(Some((file.path.clone(), was, is)));
        }
    }
    Ok(left
        .pop_first()
        .map(|path| (path, "nothing".to_owned(), "a file".to_owned())))
}

/// Finds what has no place in a record's folder: only the envelope, the proposal and two folders have, and none of them is a link.
fn first_besides(dir: &Path) -> Result<Option<(String, String, String)>, Failure> {
    let failed = |error: std::io::Error| refused("read", dir, error);
    let mut found: Vec<(String, std::fs::FileType)> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        found.push((name, entry.file_type().map_err(failed)?));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    for (name, kind) in found {
        let (was, right) = match name.as_str() {
            ENVELOPE | PROPOSAL => ("a file", kind.is_file()),
            "files" | "roots" => ("a folder", kind.is_dir()),
            _ => ("nothing", false),
        };
        if !right {
            let is = if kind.is_symlink() {
                "a link"
            } else {
                "something else"
            };
            return Ok(Some((name, was.to_owned(), is.to_owned())));
        }
    }
    Ok(None)
}

fn walk(dir: &Path, prefix: &str, found: &mut BTreeSet<String>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| refused("read", dir, error);
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // A link is no folder here: it is listed by its own name, and no record names one.
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.insert(name);
        }
    }
    Ok(())
}

fn hash(path: &Path) -> Result<(u64, Digest), Failure> {
    let failed = |error: std::io::Error| refused("read", path, error);
    let link = path.symlink_metadata().map_err(failed)?;
    if !link.is_file() {
        return Ok((0, Digest::default()));
    }
    let mut hasher = Hasher::default();
    let bytes = through(File::open(path).map_err(failed)?, |piece| {
        hasher.update(piece);
        Ok(())
    });
    Ok((bytes.map_err(failed)?, hasher.finish()))
}

/// Copies a file for its owner alone, and hashes what was copied.
fn copy(from: &Path, base: &Path, inner: &str) -> Result<FileEntry, Failure> {
    let to = base.join(inner);
    let folder = to.parent().unwrap_or(base);
    private(folder, true).map_err(|error| refused("make", folder, error))?;
    let mut out = create(&to).map_err(|error| refused("write", &to, error))?;
    let mut hasher = Hasher::default();
    let file = File::open(from).map_err(|error| refused("read", from, error))?;
    let copied = through(file, |piece| {
        hasher.update(piece);
        out.write_all(piece)
    });
    let bytes = copied.map_err(|error| refused("copy", from, error))?;
    out.sync_all()
        .map_err(|error| refused("flush", &to, error))?;
    Ok(FileEntry {
        path: inner.to_owned(),
        bytes,
        digest: hasher.finish(),
    })
}

fn through(
    mut file: File,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<u64> {
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(bytes);
        }
        take(&buffer[..count])?;
        bytes += count as u64;
    }
}

/// Takes `./` out of a path that was accepted already.
fn plain(path: &str) -> String {
    let parts = Path::new(path).components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn create(path: &Path) -> std::io::Result<File> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn private(dir: &Path, with_parents: bool) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(with_parents)
        .mode(0o700)
        .create(dir)
}

fn refused(what: &str, path: &Path, error: std::io::Error) -> Failure {
    Failure::Unexpected {
        doing: format!("{what} {}", path.display()),
        source: Box::new(error),
    }
}
