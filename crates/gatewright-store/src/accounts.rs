//! Who may log in to the review server, their sessions, and what was changed by whom.
//!
//! What is kept of a password is its slow hash, and of a session's token its SHA-256: neither can be used by whoever reads the file. What
//! roles there are, and what each may do, is not known here.

mod link;
mod session;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

pub use self::link::{Added, Known, Link, NO_PASSWORD, Unlinked};
pub use self::session::{Proof, Session};
use crate::database::{self, Kind};
use crate::disk;
use crate::error::StoreError;
use crate::migrate;

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
    /// The slow hash of the password.
    pub hash: String,
    /// May not log in any more.
    pub disabled: bool,
    /// Somebody else chose the password, and knows it.
    pub provisional: bool,
    /// When the account was made, RFC 3339.
    pub at: String,
    /// Whom an identity provider knows this person as.
    pub link: Option<Link>,
}

impl Person {
    /// Says whether there is a password that is this person's.
    pub fn has_password(&self) -> bool {
        self.hash != NO_PASSWORD
    }
}

impl std::fmt::Debug for Person {
    /// Shows all but the hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, role, .. } = self;
        write!(f, "Person({name}, {role}, disabled: {})", self.disabled)
    }
}

/// What a change of an account did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is changed.
    Done,
    /// There is no such person.
    NoPerson,
    /// It is the last one of the role that must not be without anybody.
    Last,
}

/// A line of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
}

/// The accounts of a project's review server. Every change is on the disk before the call returns.
#[derive(Debug)]
pub struct Accounts {
    connection: Connection,
    path: PathBuf,
}

impl Accounts {
    /// Name of the database in the project's folder.
    pub const FILE: &'static str = "accounts.db";
    /// Name of the file that is locked while the database is opened.
    pub const LOCK: &'static str = "accounts.lock";

    /// Opens the accounts in a folder, making both for their owner alone when they are not there.
    ///
    /// # Errors
    /// [`StoreError::Foreign`], [`StoreError::Newer`] or [`StoreError::Damaged`] when the file is not what it should be; otherwise the
    /// operation that failed.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        disk::private_folder(dir)?;
        let path = dir.join(Self::FILE);
        let lock_path = dir.join(Self::LOCK);
        let lock = disk::private_file(&lock_path)?;
        lock.lock().map_err(disk::file_error("lock", &lock_path))?;
        let connection = database::open(&path, Kind::Accounts)?;
        drop(lock);
        Ok(Self { connection, path })
    }

    /// Returns everybody, in the order of names.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn people(&self) -> Result<Vec<Person>, StoreError> {
        let read = || {
            let sql = format!("{PEOPLE} ORDER BY name");
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement
                .query_map([], person)?
                .collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.unread(source))
    }

    /// Finds somebody.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn find(&self, name: &str) -> Result<Option<Person>, StoreError> {
        let sql = format!("{PEOPLE} WHERE name = ?1");
        let found = self.connection.query_row(&sql, [name], person);
        found.optional().map_err(|source| self.unread(source))
    }

    /// Adds somebody; `false` when the name is taken. `provisional` says that somebody else chose the password; `at` is RFC 3339.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn add(
        &self,
        name: &str,
        role: &str,
        (hash, provisional): (&str, bool),
        at: &str,
    ) -> Result<bool, StoreError> {
        self.write(ADD, params![name, role, hash, provisional, at])
    }

    /// Gives somebody another role, from the next request on, unless nobody would have the role `kept` then. Of two who try at once, also in two
    /// processes, one may be the last.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Write`].
    pub fn set_role(&self, name: &str, role: &str, kept: &str) -> Result<Changed, StoreError> {
        let sql = "UPDATE person SET role = ?2 WHERE name = ?1 AND (?2 = ?3 OR EXISTS \
                   (SELECT 1 FROM person WHERE role = ?3 AND NOT disabled AND name <> ?1))";
        let done = self.write(sql, [name, role, kept])?;
        self.changed(name, done)
    }

    /// Shuts somebody out and ends all of the person's sessions, unless nobody would have the role `kept` then.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Write`].
    pub fn disable(&mut self, name: &str, kept: &str) -> Result<Changed, StoreError> {
        let sql = "UPDATE person SET disabled = 1 WHERE name = ?1 AND EXISTS \
                   (SELECT 1 FROM person WHERE role = ?2 AND NOT disabled AND name <> ?1)";
        let done = self.and_end_sessions(name, sql, params![name, kept])?;
        self.changed(name, done)
    }

    /// Gives somebody another password's hash and ends all of the person's sessions; `false` when there is no such person. `provisional` says
    /// that somebody else chose the password.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn set_password(
        &mut self,
        name: &str,
        hash: &str,
        provisional: bool,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE person SET hash = ?2, provisional = ?3 WHERE name = ?1";
        self.and_end_sessions(name, sql, params![name, hash, provisional])
    }

    /// Changes a person, and ends the person's sessions if that changed something: both or neither.
    fn and_end_sessions(
        &mut self,
        name: &str,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<bool, StoreError> {
        let path = &self.path;
        let failed = |source| StoreError::Write {
            path: path.clone(),
            source,
        };
        let both = self.connection.transaction().map_err(failed)?;
        let found = both.execute(sql, values).map_err(failed)?;
        if found > 0 {
            both.execute("DELETE FROM session WHERE person = ?1", [name])
                .map_err(failed)?;
        }
        both.commit().map_err(failed)?;
        Ok(found > 0)
    }

    fn changed(&self, name: &str, done: bool) -> Result<Changed, StoreError> {
        Ok(match (done, self.find(name)?) {
            (true, _) => Changed::Done,
            (false, None) => Changed::NoPerson,
            (false, Some(_)) => Changed::Last,
        })
    }

    /// Lets somebody in again; `false` when there is no such person.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn enable(&self, name: &str) -> Result<bool, StoreError> {
        self.write("UPDATE person SET disabled = 0 WHERE name = ?1", [name])
    }

    /// Copies the accounts, as of now, into a new file while they may be changed.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the file is there; [`StoreError::Copy`].
    pub fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        migrate::copy_whole(&self.connection, &self.path, to)
    }

    /// Returns the server's secret; `new`, kept from now on, where there is none.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Write`].
    pub fn secret(&self, new: &[u8; 32]) -> Result<[u8; 32], StoreError> {
        let sql = "INSERT INTO secret (one, value) VALUES (1, ?1) ON CONFLICT (one) DO NOTHING";
        self.write(sql, [new])?;
        let sql = "SELECT value FROM secret";
        let found = self.connection.query_row(sql, [], |row| row.get(0));
        found.map_err(|source| self.unread(source))
    }

    /// Adds a line to the audit. `at` is RFC 3339.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn note(&self, at: &str, who: &str, what: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit (at, who, what) VALUES (?1, ?2, ?3)";
        self.write(sql, [at, who, what])?;
        Ok(())
    }

    /// Returns the audit, the oldest line first.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn notes(&self) -> Result<Vec<Note>, StoreError> {
        let note = |row: &Row<'_>| {
            Ok(Note {
                at: row.get(0)?,
                who: row.get(1)?,
                what: row.get(2)?,
            })
        };
        let read = || {
            let sql = "SELECT at, who, what FROM audit ORDER BY seq";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement
                .query_map([], note)?
                .collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.unread(source))
    }

    /// Runs one statement in a transaction of its own; says whether it changed something.
    fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<bool, StoreError> {
        let run = || self.connection.prepare_cached(sql)?.execute(values);
        let changed = run().map_err(|source| StoreError::Write {
            path: self.path.clone(),
            source,
        })?;
        Ok(changed > 0)
    }

    fn unread(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Read {
            path: self.path.clone(),
            source,
        }
    }
}

/// Adds a person, where there is nobody of the name.
const ADD: &str = "INSERT INTO person (name, role, hash, provisional, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING";
/// People, with what an identity provider knows them as.
const PEOPLE: &str = "SELECT name, role, hash, disabled, provisional, at, issuer, kind, known_as, sub \
                      FROM person LEFT JOIN link ON person = name";

fn person(row: &Row<'_>) -> Result<Person, rusqlite::Error> {
    let link = match row.get::<_, Option<String>>(6)? {
        None => None,
        Some(issuer) => Some(Link {
            issuer,
            kind: match row.get::<_, String>(7)?.as_str() {
                "email" => Known::Email,
                _ => Known::Sub,
            },
            known_as: row.get(8)?,
            sub: row.get(9)?,
        }),
    };
    Ok(Person {
        name: row.get(0)?,
        role: row.get(1)?,
        hash: row.get(2)?,
        disabled: row.get(3)?,
        provisional: row.get(4)?,
        at: row.get(5)?,
        link,
    })
}

#[cfg(test)]
mod tests;
