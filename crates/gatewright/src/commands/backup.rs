//! `gatewright backup` and `gatewright restore`: all that a project keeps, copied while others may write, and put back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use gatewright_core::digest::Digest;
use gatewright_core::record::Checkpoint;
use gatewright_core::report::untrusted::line;
use gatewright_store::{Accounts, ProjectLog, RunLog};
use serde::{Deserialize, Serialize};

use crate::args::{BackupArgs, RestoreArgs};
use crate::commands::{Context, shell};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::keys::{SERVER_KEYS, alone};
use crate::pipeline::{digest_of, writer};

/// What a backup says of itself, in the folder that holds it.
const CONTENTS: &str = "backup.json";
const FORMAT: &str = "gatewright-backup/1";
const PROJECT: &str = "project.db";

/// What is in a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    format: String,
    /// When it was begun, RFC 3339.
    at: String,
    /// Where the project's log stood; nothing where there is none.
    log: Option<String>,
    /// Each file with its SHA-256.
    files: BTreeMap<String, Digest>,
}

pub(crate) fn backup(context: &Context, args: &BackupArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let state = &project.state;
    if !state.is_dir() {
        return Err(Failure::usage("this project keeps nothing yet")
            .why(format!("there is no {}", state.display()))
            .next("gatewright gate"));
    }
    let to = context.here.join(&args.folder);
    empty(&to, &args.folder)?;
    if is_inside(&to, state) {
        return Err(Failure::usage("a backup inside of what it holds")
            .next("a folder elsewhere, best on another disk"));
    }
    // Nobody signs meanwhile: a record and what the log says of it are one.
    let _alone = alone(state)?;
    make_folder(&to)?;
    // The log first, and only then a look at what is there: what it names was there before it named it.
    let log = Path::new(PROJECT);
    if state.join(log).exists() {
        copy(state, log, &to)?;
    }
    let mut found = Vec::new();
    walk(state, Path::new(""), &mut found)?;
    found.retain(|path| path != log || to.join(path).exists());
    found.sort();
    for path in found.iter().filter(|path| path.as_path() != log) {
        copy(state, path, &to)?;
    }
    let mut files = BTreeMap::new();
    for path in &found {
        let digest = File::open(to.join(path)).ok().and_then(digest_of);
        let digest = digest.ok_or_else(|| unwritten(&to.join(path), "it cannot be read again"))?;
        files.insert(path.to_string_lossy().into_owned(), digest);
    }
    let contents = Contents {
        format: FORMAT.to_owned(),
        at: context.now.at.clone(),
        log: checkpoint(&to)?.map(|at| at.to_string()),
        files,
    };
    let text = serde_json::to_string_pretty(&contents).map_err(|source| Failure::Unexpected {
        doing: "write the backup's contents".to_owned(),
        source: Box::new(source),
    })?;
    // Last: a folder without it is no backup.
    let part = to.join(format!("{CONTENTS}.part"));
    let _ = std::fs::remove_file(&part);
    write_new(&mut text.as_bytes(), &part)?;
    let named = std::fs::rename(&part, to.join(CONTENTS));
    named.map_err(|why| unwritten(&part, &why.to_string()))?;
    told(context, &contents, &args.folder)
}

fn told(context: &Context, contents: &Contents, folder: &Path) -> Result<u8, Failure> {
    if context.console.json {
        context.console.document(contents)?;
        return Ok(exit::SHIP);
    }
    let many = contents.files.len();
    let s = if many == 1 { "" } else { "s" };
    let mut text = format!(
        "Wrote {many} file{s} to {}\n",
        line(&folder.display().to_string(), 400)
    );
    if let Some(log) = &contents.log {
        text.push_str(&format!("Log: {log}\n"));
    }
    text.push_str(
        "It holds all answers, labels and accounts: keep it as you keep those.\nKeys for signing are not in it.\n",
    );
    context.console.out(&text)?;
    Ok(exit::SHIP)
}

pub(crate) fn restore(context: &Context, args: &RestoreArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let from = context.here.join(&args.folder);
    let contents = contents(&from, &args.folder)?;
    let state = &project.state;
    if state.exists() {
        let before = format!("{}.before", state.display());
        return Err(Failure::usage("this project keeps something already")
            .why("a restored backup would write over it")
            .next(format!("mv {} {}", shell(state), shell(Path::new(&before)))));
    }
    let part = part_of(state);
    let _ = std::fs::remove_dir_all(&part);
    make_folder(&part)?;
    let restored = put_back(context, &from, &contents, &part);
    if restored.is_err() {
        let _ = std::fs::remove_dir_all(&part);
    }
    restored?;
    std::fs::rename(&part, state).map_err(|why| unwritten(state, &why.to_string()))?;
    if context.console.json {
        context.console.document(&contents)?;
        return Ok(exit::SHIP);
    }
    let many = contents.files.len();
    let s = if many == 1 { "" } else { "s" };
    let mut text = format!(
        "Put {many} file{s} back, as of {}\n",
        line(&contents.at, 40)
    );
    if let Some(log) = &contents.log {
        text.push_str(&format!("Log: {}\n", line(log, 120)));
    }
    text.push_str("Everybody has to log in again.\nNext: gatewright verify --against CHECKPOINT   (says whether anything came after it)\n");
    context.console.out(&text)?;
    Ok(exit::SHIP)
}

/// Copies all files of a backup, each held against its digest, and looks at the databases.
fn put_back(
    context: &Context,
    from: &Path,
    contents: &Contents,
    part: &Path,
) -> Result<(), Failure> {
    for (name, digest) in &contents.files {
        let path =
            inside(name).ok_or_else(|| altered(&format!("it names `{}`", line(name, 200))))?;
        let (source, to) = (from.join(&path), part.join(&path));
        make_parent(&to)?;
        copy_file(&source, &to)?;
        if File::open(&to).ok().and_then(digest_of).as_ref() != Some(digest) {
            let what = format!("`{}` is not what was copied", line(name, 200));
            return Err(altered(&what));
        }
    }
    let log = match part.join(PROJECT).exists() {
        true => {
            let log = ProjectLog::read_only(part)?;
            log.integrity_check()?;
            Some(log.checkpoint()?.to_string())
        }
        false => None,
    };
    if contents.log != log {
        return Err(altered("its log is not where it says"));
    }
    if part.join(Accounts::FILE).exists() {
        // Who was logged in then may have been shut out since.
        let accounts = Accounts::open(part)?;
        accounts.end_all_sessions()?;
        let who = writer("gatewright restore", &context.now).actor;
        let what = format!("restored the accounts as of {}", contents.at);
        accounts.note(&context.now.at, &who, &what)?;
    }
    Ok(())
}

fn altered(what: &str) -> Failure {
    Failure::expected(exit::ALTERED, format!("the backup is not sound: {what}"))
        .why("nothing was put back")
        .next("an older backup")
}

fn contents(from: &Path, shown: &Path) -> Result<Contents, Failure> {
    let shown = line(&shown.display().to_string(), 400);
    let bytes = std::fs::read(from.join(CONTENTS)).map_err(|why| {
        Failure::usage(format!("`{shown}` is no backup"))
            .why(format!("{CONTENTS} cannot be read: {why}"))
            .next("gatewright backup FOLDER   (makes one)")
    })?;
    let contents: Contents = serde_json::from_slice(&bytes)
        .map_err(|why| altered(&format!("{CONTENTS}: {}", line(&why.to_string(), 200))))?;
    match contents.format == FORMAT {
        true => Ok(contents),
        false => Err(Failure::usage(format!(
            "`{shown}` is of another format: {}",
            line(&contents.format, 60)
        ))
        .next("the version of Gatewright that made it")),
    }
}

/// Reads a name of a file inside of a folder: no other place can be named.
fn inside(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(name);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    (!name.is_empty() && path.components().all(plain)).then_some(path)
}

/// Finds all files that are worth keeping: not locks, and not what a database has beside it, which its copy holds.
fn walk(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unread = |why: std::io::Error| {
        Failure::usage(format!("cannot read {}", root.join(below).display())).why(why.to_string())
    };
    for entry in std::fs::read_dir(root.join(below)).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type().map_err(unread)?;
        if kind.is_dir() && (path == Path::new(SERVER_KEYS) || is_stage(&path)) {
            // Who has the copy must not be able to sign.
            continue;
        } else if kind.is_dir() {
            walk(root, &path, found)?;
        } else if kind.is_symlink() {
            let what = format!("{} is a symbolic link", root.join(&path).display());
            return Err(Failure::usage(what).next("take it away: Gatewright makes none"));
        } else if kind.is_file() && !is_beside(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_beside(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let ends = [".lock", ".lease", "-wal", "-shm", "-journal", ".part"];
    ends.iter().any(|end| name.ends_with(end))
}

/// Says whether a folder is what somebody is working on right now.
fn is_stage(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(".part-")
}

/// Copies one file; of a database what is in it now, while others may write.
fn copy(state: &Path, path: &Path, to: &Path) -> Result<(), Failure> {
    let (from, to) = (state.join(path), to.join(path));
    make_parent(&to)?;
    let folder = from.parent().unwrap_or(state);
    match path.file_name().and_then(std::ffi::OsStr::to_str) {
        Some(PROJECT) => ProjectLog::read_only(folder)?.copy_to(&to)?,
        Some("run.db") => RunLog::read_only(folder)?.copy_to(&to)?,
        Some(Accounts::FILE) => Accounts::open(folder)?.copy_to(&to)?,
        _ => copy_file(&from, &to)?,
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut source = File::open(from).map_err(|why| {
        Failure::usage(format!("cannot read {}", from.display())).why(why.to_string())
    })?;
    write_new(&mut source, to)
}

/// Writes a file that is not there yet, for its owner alone.
fn write_new(source: &mut impl std::io::Read, to: &Path) -> Result<(), Failure> {
    let mut options = File::options();
    let made = options.write(true).create_new(true).mode(0o600).open(to);
    let written = made.and_then(|mut file| {
        std::io::copy(source, &mut file)?;
        file.flush()?;
        file.sync_all()
    });
    written.map_err(|why| unwritten(to, &why.to_string()))
}

/// Says whether a folder that may not be there yet would be in another, whatever links and dots its name has.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else {
        return false;
    };
    let there = path.ancestors().find_map(|above| above.canonicalize().ok());
    there.is_some_and(|there| there.starts_with(&folder))
}

fn make_parent(path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), make_folder)
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    let mut folder = std::fs::DirBuilder::new();
    let made = folder.recursive(true).mode(0o700).create(path);
    made.map_err(|why| unwritten(path, &why.to_string()))
}

fn unwritten(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("cannot write {}", path.display())).why(why.to_owned())
}

/// Refuses a folder that holds something.
fn empty(path: &Path, shown: &Path) -> Result<(), Failure> {
    let holds = std::fs::read_dir(path).is_ok_and(|mut all| all.next().is_some());
    match holds || path.is_file() {
        true => Err(
            Failure::usage(format!("`{}` holds something", shown.display()))
                .next("a folder that is not there yet, such as one with the date in its name"),
        ),
        false => Ok(()),
    }
}

fn part_of(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_os_string();
    name.push(".restoring");
    state.with_file_name(name)
}

fn checkpoint(folder: &Path) -> Result<Option<Checkpoint>, Failure> {
    match folder.join(PROJECT).exists() {
        true => Ok(Some(ProjectLog::read_only(folder)?.checkpoint()?)),
        false => Ok(None),
    }
}
