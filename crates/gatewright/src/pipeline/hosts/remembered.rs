//! The user's own file of hosts that were allowed for good: a line for each pair of a host and a key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Largest file that is read.
const BYTES_MAX: u64 = 1 << 20;

/// A line. One without a key lets examples alone go there.
#[derive(Serialize, Deserialize)]
struct Line {
    host: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Lines of earlier versions held all keys of a host.
    #[serde(default, skip_serializing)]
    keys: Option<BTreeSet<String>>,
}

/// Finds the file. A relative `XDG_CONFIG_HOME` does not count.
pub(super) fn home(var: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(var(name).filter(|value| !value.is_empty())?);
        path.is_absolute().then_some(path)
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(base.join("gatewright").join("hosts.jsonl"))
}

/// Reads which keys may go to which host; no file is an empty one.
///
/// # Errors
/// Why the file is not read: others may write it, it is too large, or the disk refuses.
pub(super) fn read(file: &Path) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let mut hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines(file)? {
        let keys = hosts.entry(line.host).or_default();
        keys.extend(line.key);
        keys.extend(line.keys.into_iter().flatten());
    }
    Ok(hosts)
}

fn lines(file: &Path) -> Result<Vec<Line>, String> {
    let found = match std::fs::metadata(file) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if found.permissions().mode() & 0o022 != 0 {
            return Err("others may write it (chmod 600)".to_owned());
        }
    }
    if found.len() > BYTES_MAX {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    // A line that is no line of ours allows nothing.
    let lines = text.lines();
    Ok(lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

/// Adds a host with keys. A file of an earlier version is written anew, a pair in each line.
///
/// # Errors
/// When the disk refuses.
pub(super) fn add(file: &Path, host: &str, keys: &BTreeSet<String>) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let added = pairs(host, keys)?;
    let is_older = lines(file).is_ok_and(|lines| lines.iter().any(|line| line.keys.is_some()));
    if !is_older {
        return open(file, OpenOptions::new().append(true))?.write_all(added.as_bytes());
    }
    let mut text = String::new();
    for (host, keys) in read(file).map_err(io::Error::other)? {
        text += &pairs(&host, &keys)?;
    }
    let part = file.with_extension(format!("{}.part", std::process::id()));
    let written = open(&part, OpenOptions::new().write(true).truncate(true))
        .and_then(|mut part| {
            part.write_all((text + &added).as_bytes())?;
            part.sync_all()
        })
        .and_then(|()| std::fs::rename(&part, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Writes a host and its keys, a pair in each line.
fn pairs(host: &str, keys: &BTreeSet<String>) -> io::Result<String> {
    let line = |key: Option<String>| {
        let line = Line {
            host: host.to_owned(),
            key,
            keys: None,
        };
        serde_json::to_string(&line).map(|line| line + "\n")
    };
    if keys.is_empty() {
        return Ok(line(None)?);
    }
    let lines: Result<String, _> = keys.iter().map(|key| line(Some(key.clone()))).collect();
    Ok(lines?)
}

/// Opens a file for its owner alone.
fn open(file: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|&key| key.to_owned()).collect()
    }

    /// A file of an earlier version allows what it allowed, and becomes one of pairs when something is added.
    #[test]
    fn older_files_are_read_and_become_pairs() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/hosts.jsonl");
        std::fs::create_dir(folder.path().join("deep")).expect("made");
        let older = "{\"host\":\"a:443\",\"keys\":[\"env:A\",\"env:B\"]}\nnonsense\n{\"host\":\"b:1\",\"keys\":[]}\n";
        std::fs::write(&file, older).expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("set");
        }
        let before = read(&file).expect("read");
        assert_eq!(before["a:443"], keys(&["env:A", "env:B"]));
        assert_eq!(before["b:1"], keys(&[]));
        assert_eq!(std::fs::read_to_string(&file).expect("read"), older);
        add(&file, "c:443", &keys(&["env:C", "file:k"])).expect("added");
        assert_eq!(
            std::fs::read_to_string(&file).expect("read"),
            "{\"host\":\"a:443\",\"key\":\"env:A\"}\n{\"host\":\"a:443\",\"key\":\"env:B\"}\n{\"host\":\"b:1\"}\n{\"host\":\"c:443\",\"key\":\"env:C\"}\n{\"host\":\"c:443\",\"key\":\"file:k\"}\n"
        );
        add(&file, "a:443", &keys(&["env:D"])).expect("added");
        let after = read(&file).expect("read");
        assert_eq!(after["a:443"], keys(&["env:A", "env:B", "env:D"]));
        assert_eq!(after.len(), 3);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&file).expect("there").permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        let left = std::fs::read_dir(folder.path().join("deep")).expect("read");
        assert_eq!(left.count(), 1, "no part is left behind");
    }
}
