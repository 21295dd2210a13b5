//! Key files: private keys that only their owner can read, and where they are by default.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use gatewright_core::record::key::KeyEntry;
use gatewright_core::record::{Keys, PublicKey, SecretKey};
use gatewright_core::report::untrusted::line;

use crate::error::Failure;

/// The folder, in that of the project's state, of the keys that the review server signs with.
pub(crate) const SERVER_KEYS: &str = "server-keys";

/// Bits of a mode that must not be set: nobody but the owner may read a private key.
const OTHERS: u32 = 0o077;
/// Largest key file that is read.
const BYTES_MAX: u64 = 1 << 16;
/// End of the names of public keys' files.
pub(crate) const PUBLIC: &str = "pub.pem";

/// Finds the user's own folder of keys. A relative `XDG_CONFIG_HOME` does not count.
pub(crate) fn folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var(name).ok().filter(|value| !value.is_empty())?);
        path.is_absolute().then_some(path)
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(base.join("gatewright").join("keys"))
}

/// Makes a key of the system's randomness.
///
/// # Errors
/// When the system gives none.
pub(crate) fn make() -> Result<SecretKey, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|source| Failure::Unexpected {
        doing: "get random bytes from the system".to_owned(),
        source: Box::new(source),
    })?;
    Ok(SecretKey::of_seed(&seed))
}

/// Writes a private key for its owner alone, and the public one beside it. Nothing is overwritten.
///
/// # Errors
/// When a file is there, or the disk refuses.
pub(crate) fn write(path: &Path, key: &SecretKey) -> Result<PathBuf, Failure> {
    let beside = path.with_extension(PUBLIC);
    let failed = |path: &Path, error: std::io::Error| {
        let failure = Failure::usage(format!("cannot write the key {}", path.display()));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure
                .why("it is there already, and a key is never overwritten")
                .next("-o FILE, with another name"),
            _ => failure.why(error.to_string()),
        }
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| failed(folder, error))?;
    }
    if beside.symlink_metadata().is_ok() {
        return Err(failed(&beside, std::io::ErrorKind::AlreadyExists.into()));
    }
    for (path, text, mode) in [
        (path, key.pem(), 0o600),
        (&beside, key.public().pem(), 0o644),
    ] {
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            });
        written.map_err(|error| failed(path, error))?;
    }
    Ok(beside)
}

/// Says where the review server keeps the key of an account. Accounts have 2 to 40 characters: a to z, digits, dots, hyphens, underscores.
///
/// # Errors
/// For a text that is no account's name.
pub(crate) fn at_server(state: &Path, account: &str) -> Result<PathBuf, Failure> {
    let fits = |one: u8| matches!(one, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    if !(2..=40).contains(&account.len()) || !account.bytes().all(fits) {
        return Err(Failure::usage(format!("`{account}` is no account"))
            .next("the name with which somebody logs in to `gatewright serve`"));
    }
    // With a word before it, no name is a folder above.
    let folder = format!("of-{account}");
    Ok(state.join(SERVER_KEYS).join(folder).join("key.pem"))
}

/// Keeps others from signing in a state folder for as long as it is held.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn alone(state: &Path) -> Result<std::fs::File, Failure> {
    let path = state.join("sign.lock");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .and_then(|file| file.lock().map(|()| file));
    file.map_err(|error| {
        Failure::usage(format!("cannot lock {}", path.display())).why(error.to_string())
    })
}

/// Reads a private key. A file that others may read is refused: whoever read it can sign.
///
/// # Errors
/// When it is not there, not private, or no key.
pub(crate) fn secret(path: &Path) -> Result<SecretKey, Failure> {
    let failed =
        |why: String| Failure::usage(format!("cannot sign with {}", path.display())).why(why);
    let found = std::fs::metadata(path).map_err(|error| {
        failed(error.to_string())
            .next("gatewright key new --identity YOU")
            .next("--key FILE, with your private key")
    })?;
    let text = text(path, found.len()).map_err(failed)?;
    if PublicKey::read(&text).is_ok() {
        return Err(failed("it is a public key".to_owned())
            .next("--key FILE, with the private key: beside NAME.pub.pem it is NAME.pem"));
    }
    if found.mode() & OTHERS != 0 {
        return Err(failed(format!(
            "others may read it (mode {:03o})",
            found.mode() & 0o777
        ))
        .next(format!("chmod 600 {}", crate::commands::shell(path)))
        .next("gatewright key revoke KEY --reason …   (if somebody may have read it)"));
    }
    SecretKey::read(&text)
        .map_err(|error| failed(error.to_string()).next("gatewright key new --identity YOU"))
}

/// Refuses a listed key that was taken out of use.
///
/// # Errors
/// When and why it was.
pub(crate) fn in_use(entry: &KeyEntry) -> Result<(), Failure> {
    let Some(revoked) = &entry.revoked else {
        return Ok(());
    };
    Err(Failure::usage(format!(
        "the key {} of {} was revoked on {}",
        crate::commands::key::short(&entry.id),
        entry.identity,
        revoked.at
    ))
    .why(line(&revoked.reason, 300))
    .next(format!("gatewright key new --identity {}", entry.identity)))
}

/// Reads a public key.
///
/// # Errors
/// When it is not there, or no key.
pub(crate) fn public(path: &Path) -> Result<PublicKey, Failure> {
    let failed =
        |why: String| Failure::usage(format!("cannot use the key {}", path.display())).why(why);
    let bytes = std::fs::metadata(path).map_or(0, |found| found.len());
    let text = text(path, bytes).map_err(failed)?;
    PublicKey::read(&text).map_err(|error| match SecretKey::read(&text) {
        // It is not shown to anybody by mistake.
        Ok(_) => failed("it is a private key, which nobody but its owner may have".to_owned())
            .next("the public one: beside NAME.pem it is NAME.pub.pem"),
        Err(_) => failed(error.to_string())
            .next("a file that `gatewright key new` wrote, or `openssl pkey -pubout`"),
    })
}

fn text(path: &Path, bytes: u64) -> Result<String, String> {
    if bytes > BYTES_MAX {
        return Err("it is too large to be a key".to_owned());
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Finds the user's own key that a project's list knows and that is in use.
///
/// # Errors
/// When there is none, or more than one.
pub(crate) fn own(keys: &Keys) -> Result<SecretKey, Failure> {
    let dir = folder().unwrap_or_default();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".pem") && !name.ends_with(PUBLIC)
        })
        .collect();
    files.sort();
    let in_use = |path: &PathBuf| {
        let beside = public(&path.with_extension(PUBLIC)).ok();
        let entry = beside.and_then(|key| keys.get(&key.id()));
        entry.is_some_and(|entry| entry.revoked.is_none())
    };
    let (known, others): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(in_use);
    let none = Failure::usage("there is no key of yours that this project's list has in use");
    match (known.as_slice(), others.as_slice()) {
        ([one], _) => secret(one),
        ([], []) => Err(none
            .why("a decision without a signature is no decision")
            .next("gatewright key new --identity YOU")),
        ([], others) => {
            let names: Vec<String> = others
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Err(none
                .why(format!("in {}: {}", dir.display(), names.join(", ")))
                .next("gatewright key add FILE.pub.pem --identity YOU")
                .next("--key FILE"))
        }
        (several, _) => {
            let names: Vec<String> = several
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Err(Failure::usage("several keys of yours may sign here")
                .why(names.join(", "))
                .next("--key FILE"))
        }
    }
}
