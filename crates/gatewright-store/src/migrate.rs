//! Schemas: one list of steps for each kind of log, and the way from an older file to the newest.
//!
//! A step is never edited once it has been released: files made by it exist. A new schema is a new step at the end.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::chain;
use crate::database::Kind;
use crate::disk;
use crate::error::StoreError;

/// Steps of the run log; schema n is what the first n of them make.
pub(crate) const RUN: &[&str] = &[
    "
CREATE TABLE event (
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  format INTEGER NOT NULL,
  id TEXT NOT NULL,
  stream TEXT NOT NULL,
  writer TEXT NOT NULL,
  actor TEXT NOT NULL,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  example INTEGER,
  system TEXT,
  trial INTEGER,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX event_attempt ON event (example, system, trial, kind) WHERE example IS NOT NULL;
",
    "
CREATE TABLE blob (
  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
  packed INTEGER NOT NULL CHECK (packed IN (0, 1)),
  size INTEGER NOT NULL CHECK (size >= 0),
  bytes BLOB NOT NULL
) STRICT;
",
];

/// Steps of the project log.
pub(crate) const PROJECT: &[&str] = &[
    "
CREATE TABLE event (
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  format INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  stream TEXT NOT NULL,
  writer TEXT NOT NULL,
  actor TEXT NOT NULL,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
",
    // Filled in from the rows by `chain::fill`, in the same transaction: SQL cannot hash.
    "
ALTER TABLE event ADD COLUMN link TEXT NOT NULL DEFAULT '';
",
];

/// Steps of the accounts.
pub(crate) const ACCOUNTS: &[&str] = &[
    "
CREATE TABLE person (
  name TEXT NOT NULL PRIMARY KEY,
  role TEXT NOT NULL,
  hash TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
  at TEXT NOT NULL
) STRICT;
CREATE TABLE session (
  token BLOB NOT NULL PRIMARY KEY CHECK (length(token) = 32),
  person TEXT NOT NULL REFERENCES person (name),
  csrf TEXT NOT NULL,
  last_used INTEGER NOT NULL,
  ends INTEGER NOT NULL
) STRICT;
CREATE INDEX session_person ON session (person);
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL
) STRICT;
",
    "
ALTER TABLE person ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0 CHECK (provisional IN (0, 1));
",
    "CREATE TABLE secret (one INTEGER PRIMARY KEY CHECK (one = 1), value BLOB NOT NULL CHECK (length(value) = 32)) STRICT;",
    "
CREATE TABLE link (
  person TEXT NOT NULL PRIMARY KEY REFERENCES person (name),
  issuer TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('email', 'sub')),
  known_as TEXT NOT NULL,
  sub TEXT,
  UNIQUE (issuer, kind, known_as),
  UNIQUE (issuer, sub)
) STRICT;
",
];

/// Brings a log to the newest schema: nothing to do for most files. An older file is copied first
/// (`NAME.schema-N`), then changed in one transaction, so a crash leaves the older schema or the newer one.
pub(crate) fn to_newest(
    connection: &mut Connection,
    path: &Path,
    kind: Kind,
    steps: &[&str],
) -> Result<(), StoreError> {
    let known = steps.len() as u32;
    let found = version(connection, path)?;
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    if found == known {
        return Ok(());
    }
    if found > 0 {
        back_up(connection, path, found)?;
    }
    let failed = |source| StoreError::Migrate {
        path: path.to_owned(),
        to: known,
        source,
    };
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Exclusive)
        .map_err(failed)?;
    for step in &steps[found as usize..] {
        transaction.execute_batch(step).map_err(failed)?;
    }
    if kind == Kind::Project && steps.len() >= chain::SCHEMA {
        chain::fill(&transaction).map_err(failed)?;
    }
    transaction
        .pragma_update(None, "application_id", kind.application_id())
        .map_err(failed)?;
    transaction
        .pragma_update(None, "user_version", known)
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Reads the schema of a log.
pub(crate) fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|source| StoreError::Read {
            path: path.to_owned(),
            source,
        })
}

/// Names the copy that is made before a log of schema `from` is changed.
fn backup_path(path: &Path, from: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{from}"));
    PathBuf::from(name)
}

fn back_up(connection: &Connection, path: &Path, from: u32) -> Result<(), StoreError> {
    let to = backup_path(path, from);
    if to.exists() {
        // A migration that did not finish made it; the file still has the older schema, so the copy is good.
        return Ok(());
    }
    let mut half = to.as_os_str().to_owned();
    half.push(".tmp");
    let half = PathBuf::from(half);
    let _ = std::fs::remove_file(&half);
    let file = disk::private_file(&half)?;
    copy(connection, path, &half)?;
    file.sync_all().map_err(disk::file_error("flush", &half))?;
    std::fs::rename(&half, &to).map_err(disk::file_error("rename", &half))?;
    disk::flush_folder(to.parent().unwrap_or(Path::new(".")))
}

/// Copies a log into a new file that only its owner can read, while others may use it.
///
/// # Errors
/// [`StoreError::Exists`] when the file is there; [`StoreError::Copy`].
pub(crate) fn copy_whole(
    connection: &Connection,
    path: &Path,
    to: &Path,
) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::Exists {
            path: to.to_owned(),
        });
    }
    let file = disk::private_file(to)?;
    copy(connection, path, to)?;
    file.sync_all().map_err(disk::file_error("flush", to))
}

/// Copies a log into an empty file while others may use it.
fn copy(connection: &Connection, path: &Path, to: &Path) -> Result<(), StoreError> {
    connection
        .execute("VACUUM INTO ?1", [to.to_string_lossy()])
        .map(|_| ())
        .map_err(|source| StoreError::Copy {
            path: path.to_owned(),
            to: to.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::open_with_steps;

    const OLD: &[&str] = &["CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT) STRICT;"];
    const NEW: &[&str] = &[OLD[0], "ALTER TABLE event ADD COLUMN note TEXT;"];
    const WRONG: &[&str] = &[
        OLD[0],
        "ALTER TABLE event ADD COLUMN note TEXT; SELECT no_such_function();",
    ];

    fn count(connection: &Connection, sql: &str) -> i64 {
        connection
            .query_row(sql, [], |row| row.get(0))
            .expect("query")
    }

    #[test]
    fn f20_an_older_schema_is_copied_and_migrated_once() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("run.db");
        let old = open_with_steps(&path, Kind::Run, OLD).expect("old");
        old.execute("INSERT INTO event (body) VALUES ('kept')", [])
            .expect("insert");
        drop(old);

        let new = open_with_steps(&path, Kind::Run, NEW).expect("migrates");
        assert_eq!(version(&new, &path).expect("version"), 2);
        assert_eq!(
            count(&new, "SELECT count(*) FROM event WHERE note IS NULL"),
            1
        );
        let copy = Connection::open(backup_path(&path, 1)).expect("copy");
        assert_eq!(version(&copy, &path).expect("version"), 1);
        assert_eq!(count(&copy, "SELECT count(*) FROM event"), 1);
        drop(new);
        open_with_steps(&path, Kind::Run, NEW).expect("nothing more to do");
    }

    #[test]
    fn f20_a_migration_that_fails_leaves_the_older_schema() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("run.db");
        drop(open_with_steps(&path, Kind::Run, OLD).expect("old"));
        let error = open_with_steps(&path, Kind::Run, WRONG).expect_err("wrong step");
        assert!(
            matches!(error, StoreError::Migrate { to: 2, .. }),
            "{error}"
        );
        let old = open_with_steps(&path, Kind::Run, OLD).expect("still opens");
        assert_eq!(
            count(&old, "SELECT count(*) FROM pragma_table_info('event')"),
            2
        );
        drop(old);
        open_with_steps(&path, Kind::Run, NEW).expect("and the right step works later");
    }

    #[test]
    fn f20_a_newer_schema_is_refused_by_name_and_untouched() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("run.db");
        drop(open_with_steps(&path, Kind::Run, NEW).expect("new"));
        let before = std::fs::read(&path).expect("bytes");
        let error = open_with_steps(&path, Kind::Run, OLD).expect_err("newer");
        assert!(
            matches!(
                error,
                StoreError::Newer {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("schema 2"), "{error}");
        assert_eq!(std::fs::read(&path).expect("bytes"), before);
    }
}
