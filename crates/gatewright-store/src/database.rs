//! The one way to open a database: version, pragmas, identity, schema.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::disk;
use crate::error::StoreError;
use crate::migrate;

/// How long a connection waits for another before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// The kinds of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One run, one writer.
    Run,
    /// One project, many writers.
    Project,
    /// Who may log in to the review server.
    Accounts,
}

impl Kind {
    /// Returns the word for people, which is also the stream's name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Project => "project",
            Kind::Accounts => "accounts",
        }
    }

    /// Returns the number in the file's header that says whose file it is: `GWr1`, `GWp1`, `GWa1`.
    pub(crate) fn application_id(self) -> i32 {
        match self {
            Kind::Run => 0x4757_7231,
            Kind::Project => 0x4757_7031,
            Kind::Accounts => 0x4757_6131,
        }
    }

    fn steps(self) -> &'static [&'static str] {
        match self {
            Kind::Run => migrate::RUN,
            Kind::Project => migrate::PROJECT,
            Kind::Accounts => migrate::ACCOUNTS,
        }
    }
}

/// Returns the version of the SQLite library that is linked in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Opens a log for writing, making it when it is not there, and brings it to the newest schema.
///
/// The caller sees to it that no two processes do this to one file at once.
pub(crate) fn open(path: &Path, kind: Kind) -> Result<Connection, StoreError> {
    open_with_steps(path, kind, kind.steps())
}

pub(crate) fn open_with_steps(
    path: &Path,
    kind: Kind,
    steps: &[&str],
) -> Result<Connection, StoreError> {
    require_sound_sqlite(rusqlite::version_number())?;
    let folder = path.parent().unwrap_or(Path::new("."));
    if !path.exists() {
        // Made here and not by SQLite, so that it and the files beside it are the owner's alone.
        let file = disk::private_file(path)?;
        file.sync_all().map_err(disk::file_error("flush", path))?;
        disk::flush_folder(folder)?;
    }
    disk::refuse_link(path)?;
    let failed = open_error(path, kind);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    // Identity comes before any pragma that writes: a file that is not ours stays untouched.
    require_identity(&connection, path, kind, steps)?;
    let journal = if disk::is_network(folder) {
        "DELETE"
    } else {
        "WAL"
    };
    set_pragmas(&connection, Some(journal)).map_err(&failed)?;
    migrate::to_newest(&mut connection, path, kind, steps)?;
    Ok(connection)
}

/// Opens a log for reading.
pub(crate) fn open_read_only(path: &Path, kind: Kind) -> Result<Connection, StoreError> {
    require_sound_sqlite(rusqlite::version_number())?;
    if !path.exists() {
        return Err(StoreError::Absent {
            path: path.to_owned(),
        });
    }
    disk::refuse_link(path)?;
    let failed = open_error(path, kind);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    if let Err(error) = probe(&connection) {
        let beside = PathBuf::from(format!("{}-wal", path.display()));
        let unread = beside.metadata().is_ok_and(|wal| wal.len() > 0);
        if is_read_only_disk(&error) && !unread {
            // A disk that cannot be written to: nobody changes the file, so no lock is needed either.
            connection = Connection::open_with_flags(
                immutable_uri(path),
                flags | OpenFlags::SQLITE_OPEN_URI,
            )
            .map_err(&failed)?;
        }
    }
    require_identity(&connection, path, kind, kind.steps())?;
    set_pragmas(&connection, None).map_err(&failed)?;
    let known = kind.steps().len() as u32;
    match migrate::version(&connection, path)? {
        found if found < known => Err(StoreError::Older {
            path: path.to_owned(),
            found,
            known,
        }),
        _ => Ok(connection),
    }
}

fn set_pragmas(connection: &Connection, journal: Option<&str>) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Full: a commit returns after its bytes are flushed. No memory map: a disk error must be an error, not a signal.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF;",
    )?;
    if let Some(journal) = journal {
        connection.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |_| Ok(()))?;
    }
    Ok(())
}

fn probe(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
}

/// Refuses a file that some other program made, and one that a newer version of this one made.
fn require_identity(
    connection: &Connection,
    path: &Path,
    kind: Kind,
    steps: &[&str],
) -> Result<(), StoreError> {
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(open_error(path, kind))?;
    let tables = probe(connection).map_err(open_error(path, kind))?;
    let id: i32 = connection
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(open_error(path, kind))?;
    let found = migrate::version(connection, path)?;
    if id != kind.application_id() && (tables > 0 || id != 0 || found != 0) {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            kind: kind.word(),
            why: "it is a database of something else".to_owned(),
        });
    }
    let known = steps.len() as u32;
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

/// Accepts 3.51.3 and later but for the withdrawn 3.52.0: before, two connections in WAL mode could corrupt a file.
fn require_sound_sqlite(number: i32) -> Result<(), StoreError> {
    const WAL_RESET_FIXED: i32 = 3_051_003;
    const WITHDRAWN: i32 = 3_052_000;
    if number >= WAL_RESET_FIXED && number != WITHDRAWN {
        return Ok(());
    }
    Err(StoreError::UnsafeSqlite {
        found: format!(
            "{}.{}.{}",
            number / 1_000_000,
            number / 1000 % 1000,
            number % 1000
        ),
    })
}

fn is_read_only_disk(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    )
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for character in path.to_string_lossy().chars() {
        match character {
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            '%' => uri.push_str("%25"),
            other => uri.push(other),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn open_error(path: &Path, kind: Kind) -> impl Fn(rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign {
            path: path.clone(),
            kind: kind.word(),
            why: "it is no database".to_owned(),
        },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            path: path.clone(),
            why: source.to_string(),
        },
        _ => StoreError::Open {
            path: path.clone(),
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsound_versions_of_sqlite_are_refused() {
        for (number, sound) in [
            (3_051_002, false),
            (3_051_003, true),
            (3_052_000, false),
            (3_052_001, true),
            (3_007_000, false),
        ] {
            assert_eq!(require_sound_sqlite(number).is_ok(), sound, "{number}");
        }
        let refused = require_sound_sqlite(3_052_000).expect_err("withdrawn");
        assert!(refused.to_string().contains("3.52.0"), "{refused}");
    }

    #[test]
    fn the_linked_sqlite_is_sound() {
        require_sound_sqlite(rusqlite::version_number()).expect("sound");
    }
}
