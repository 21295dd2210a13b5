//! `cargo xtask tamper --flips N`: changes single bytes of a record and of everything it rests on, and counts what `gatewright verify` misses.
//!
//! Every flip is a byte of a file, replaced by another one, and one run of the real program, which must end with 112. A flip that it does not
//! find must leave every row of the database, or everything that the envelope decodes to, as it was: such a byte is no evidence. That is looked
//! at without Gatewright (`look.py`).

mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gatewright_stats::rng::Stream;

use crate::repository::{self, Failure};

const USAGE: &str = "cargo xtask tamper --flips N [--from SEED] [--release]";
/// Copies of the project that are tampered with at a time.
const AT_ONCE: usize = 2;
/// How often a database or an envelope is drawn for once another file.
const OFTEN: usize = 4;
/// The exit code of what was found.
const FOUND: i32 = 112;

/// What became of the flips in one file.
#[derive(Clone, Copy, Default)]
struct Count {
    found: u64,
    no_evidence: u64,
    missed: u64,
}

/// One copy of the project.
struct Copy {
    folder: PathBuf,
    record: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// Flips, prints what became of them by file, and fails when one was missed.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Failure> {
    let (mut flips, mut from, mut release) = (300_u64, 1_u64, false);
    let mut rest = arguments;
    loop {
        rest = match rest {
            ["--flips", number, rest @ ..] => {
                flips = number.parse()?;
                rest
            }
            ["--from", number, rest @ ..] => {
                from = number.parse()?;
                rest
            }
            ["--release", rest @ ..] => {
                release = true;
                rest
            }
            [] => break,
            _ => return Err(USAGE.into()),
        };
    }
    let binary = build(release)?;
    let folder = target().join("tamper");
    fs::create_dir_all(&folder)?;
    let (state, record) = world::make(&binary, &folder.join("project"))?;
    let next = AtomicU64::new(from);
    let done: Mutex<(BTreeMap<String, Count>, Vec<String>)> = Mutex::default();
    let failed: Mutex<Option<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for worker in 0..AT_ONCE {
            let (next, done, failed) = (&next, &done, &failed);
            let (binary, state, record) = (&binary, &state, &record);
            let to = folder.join(format!("copy-{worker}"));
            scope.spawn(move || {
                let work = || -> Result<(), Failure> {
                    let copy = Copy::new(state, record, to)?;
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= from.saturating_add(flips) {
                            return Ok(());
                        }
                        flip(binary, &copy, seed, done)?;
                    }
                };
                if let Err(error) = work() {
                    *lock(failed) = Some(error.to_string());
                }
            });
        }
    });
    if let Some(error) = lock(&failed).take() {
        return Err(error.into());
    }
    let (counts, missed) = std::mem::take(&mut *lock(&done));
    print!("{}", summary(&counts));
    for one in &missed {
        println!("MISSED {one}");
    }
    match missed.len() {
        0 => Ok(()),
        count => Err(format!("{count} of {flips} flips were missed").into()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Changes one byte, verifies, and puts it back.
fn flip(
    binary: &Path,
    copy: &Copy,
    seed: u64,
    done: &Mutex<(BTreeMap<String, Count>, Vec<String>)>,
) -> Result<(), Failure> {
    let mut draw = Stream::new(seed, "tamper", "", "flip", 0);
    let (path, bytes) = &copy.files[draw.index(copy.files.len() as u64) as usize];
    let at = draw.index(bytes.len() as u64) as usize;
    let mut changed = bytes.clone();
    changed[at] ^= 1 + draw.index(255) as u8;
    fs::write(path, &changed)?;
    let record = copy.record.display().to_string();
    let output = world::run(binary, &copy.folder, &["verify", &record])?;
    let name = path.strip_prefix(&copy.folder).unwrap_or(path);
    let name = kind(&name.to_string_lossy());
    let mut count = Count::default();
    let mut missed = None;
    match output.status.code() {
        Some(FOUND) => count.found = 1,
        code => {
            let told = format!(
                "seed {seed}: byte {at} of {name}, {:#04x} to {:#04x}, ended with {code:?}",
                bytes[at], changed[at]
            );
            if code == Some(0) && says_the_same(copy, path, bytes)? {
                count.no_evidence = 1;
            } else {
                count.missed = 1;
                missed = Some(told);
            }
        }
    }
    fs::write(path, bytes)?;
    for beside in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{beside}", path.display()));
    }
    let mut done = lock(done);
    let all = done.0.entry(name).or_default();
    all.found += count.found;
    all.no_evidence += count.no_evidence;
    all.missed += count.missed;
    done.1.extend(missed);
    Ok(())
}

/// Names a file without what differs from project to project.
fn kind(name: &str) -> String {
    let parts: Vec<&str> = name
        .split('/')
        .filter(|part| !part.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    parts.join("/")
}

/// Says whether a changed file still says what it said: looked at without Gatewright.
fn says_the_same(copy: &Copy, path: &Path, before: &[u8]) -> Result<bool, Failure> {
    let extension = path.extension().unwrap_or_default();
    let name = path.file_name().unwrap_or_default();
    if extension != "db" && name != "record.json" {
        return Ok(false);
    }
    let whole = copy.folder.join(format!("before.{}", extension.display()));
    fs::write(&whole, before)?;
    let output = Command::new("python3")
        .arg(repository::root().join("xtask/src/tamper/look.py"))
        .arg(&whole)
        .arg(path)
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim() == "same")
}

fn summary(counts: &BTreeMap<String, Count>) -> String {
    let mut text = String::new();
    let mut all = Count::default();
    for (name, count) in counts {
        all.found += count.found;
        all.no_evidence += count.no_evidence;
        all.missed += count.missed;
        text.push_str(&format!(
            "{:>6} {name}: {} found, {} no evidence, {} missed\n",
            count.found + count.no_evidence + count.missed,
            count.found,
            count.no_evidence,
            count.missed
        ));
    }
    text.push_str(&format!(
        "{} flips: {} found, {} in bytes of a database that hold no row (free space, counters, the file's own header), {} missed\n",
        all.found + all.no_evidence + all.missed,
        all.found,
        all.no_evidence,
        all.missed
    ));
    text
}

impl Copy {
    /// Copies the state folder, and reads every file that a record is or rests on.
    fn new(state: &Path, record: &Path, folder: PathBuf) -> Result<Self, Failure> {
        let _ = fs::remove_dir_all(&folder);
        copy_tree(state, &folder.join("state"))?;
        let inner = record.strip_prefix(state)?;
        let mut paths = Vec::new();
        files(&folder.join("state"), &mut paths)?;
        // Who holds a file and what SQLite rebuilds when it is gone are no evidence and are not flipped.
        let aside = |path: &Path| {
            let name = path.to_string_lossy();
            [".lock", ".lease", "-wal", "-shm"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        paths.sort();
        let mut read = Vec::new();
        for path in paths {
            if aside(&path) {
                fs::remove_file(&path)?;
                continue;
            }
            let bytes = fs::read(&path)?;
            if bytes.is_empty() {
                continue;
            }
            // Rows are few among a database's bytes, and everything hangs on them and on the envelope.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let times = match name.ends_with(".db") || name == "record.json" {
                true => OFTEN,
                false => 1,
            };
            read.extend(std::iter::repeat_n((path, bytes), times));
        }
        Ok(Self {
            record: folder.join("state").join(inner),
            files: read,
            folder,
        })
    }
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn build(release: bool) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--package", "gatewright"]);
    if release {
        command.arg("--release");
    }
    if !command.current_dir(repository::root()).status()?.success() {
        return Err("gatewright does not build".into());
    }
    let profile = if release { "release" } else { "debug" };
    Ok(target().join(profile).join("gatewright"))
}

fn target() -> PathBuf {
    let root = repository::root();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    root.join(target)
}
