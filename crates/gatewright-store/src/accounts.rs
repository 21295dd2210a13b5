//! Who may log in to the review server, their sessions, and what was changed by whom.
//!
//! What is kept of a password is its slow hash, and of a session's token its SHA-256: neither can be used by whoever reads the file. What
//! roles there are, and what each may do, is not known here.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use crate::database::{self, Kind};
use crate::disk;
use crate::error::StoreError;
use crate::migrate;

/// Seconds for which a session's last use need not be written again: a page that is looked at would otherwise wait for the disk.
const USE_SECONDS: i64 = 60;

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

/// What stands in the place of a hash where there is no password: the hash of nothing.
pub const NO_PASSWORD: &str = "-";

/// What an identity provider calls somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// An address of e-mail, in lower case. It counts once, at the first login.
    Email,
    /// The provider's own name for the person (`sub`).
    Sub,
}

impl Known {
    const fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sub => "sub",
        }
    }
}

/// Whom an identity provider knows somebody as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The provider.
    pub issuer: String,
    /// What it is called by.
    pub kind: Known,
    /// The address, or the `sub`, that an admin wrote down.
    pub known_as: String,
    /// The `sub` that has logged in first, and is the only one since.
    pub sub: Option<String>,
}

/// What became of a new account or link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Done,
    /// The name is somebody's, or the person has a link already.
    NameTaken,
    /// The provider's name is linked to somebody else.
    LinkTaken,
    /// There is no such person.
    NoPerson,
}

/// What became of a link that was to be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlinked {
    /// It is gone, and so are the person's sessions.
    Done,
    /// There is none.
    NoLink,
    /// The person has no password: nobody could log in as this person any more.
    NoPassword,
}

impl std::fmt::Debug for Person {
    /// Shows all but the hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, role, .. } = self;
        write!(f, "Person({name}, {role}, disabled: {})", self.disabled)
    }
}

/// A session that has not ended, with the role that its person has now.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub person: String,
    /// The person's role.
    pub role: String,
    /// The person's password was chosen by somebody else.
    pub provisional: bool,
    /// The token that forms of this session carry.
    pub csrf: String,
    /// When it ends, in seconds since 1970.
    pub ends: i64,
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
        let sql = "INSERT INTO person (name, role, hash, provisional, at) VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (name) DO NOTHING";
        self.write(sql, params![name, role, hash, provisional, at])
    }

    /// Adds somebody who logs in by an identity provider: account and link, or neither. Without a password the hash is [`NO_PASSWORD`].
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn add_linked(
        &mut self,
        name: &str,
        role: &str,
        (hash, provisional): (&str, bool),
        link: &Link,
        at: &str,
    ) -> Result<Added, StoreError> {
        self.together(|both| {
            let sql = "INSERT INTO person (name, role, hash, provisional, at) VALUES (?1, ?2, ?3, ?4, ?5) \
                       ON CONFLICT (name) DO NOTHING";
            if both.execute(sql, params![name, role, hash, provisional, at])? == 0 {
                return Ok((Added::NameTaken, false));
            }
            let linked = both.execute(LINK, params![name, link.issuer, link.kind.word(), link.known_as])?;
            Ok(match linked {
                0 => (Added::LinkTaken, false),
                _ => (Added::Done, true),
            })
        })
    }

    /// Lets somebody log in by an identity provider as well.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn link(&mut self, name: &str, link: &Link) -> Result<Added, StoreError> {
        self.together(|both| {
            let is_there = |sql: &str| both.prepare(sql)?.exists([name]);
            if !is_there("SELECT 1 FROM person WHERE name = ?1")? {
                return Ok((Added::NoPerson, false));
            }
            if is_there("SELECT 1 FROM link WHERE person = ?1")? {
                return Ok((Added::NameTaken, false));
            }
            let linked = both.execute(
                LINK,
                params![name, link.issuer, link.kind.word(), link.known_as],
            )?;
            Ok(match linked {
                0 => (Added::LinkTaken, false),
                _ => (Added::Done, true),
            })
        })
    }

    /// Takes somebody's link away and ends all of the person's sessions, unless there is no password: then nobody could log in as this person.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn unlink(&mut self, name: &str) -> Result<Unlinked, StoreError> {
        self.together(|both| {
            let sql = "SELECT hash FROM person JOIN link ON person = name WHERE name = ?1";
            let hash: Option<String> = both.query_row(sql, [name], |row| row.get(0)).optional()?;
            match hash.as_deref() {
                None => return Ok((Unlinked::NoLink, false)),
                Some(NO_PASSWORD) => return Ok((Unlinked::NoPassword, false)),
                Some(_) => {}
            }
            both.execute("DELETE FROM link WHERE person = ?1", [name])?;
            both.execute("DELETE FROM session WHERE person = ?1", [name])?;
            Ok((Unlinked::Done, true))
        })
    }

    /// Finds who logs in as what an identity provider says: the one who did so before, or the one whom an admin linked, who is then bound to this
    /// `sub` for good. `email` is an address in lower case for which the provider vouches.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn bind(
        &mut self,
        issuer: &str,
        sub: &str,
        email: Option<&str>,
    ) -> Result<Option<Person>, StoreError> {
        self.together(|both| {
            let by_sub = format!("{PEOPLE} WHERE issuer = ?1 AND sub = ?2");
            let find = || both.query_row(&by_sub, [issuer, sub], person).optional();
            if let Some(known) = find()? {
                return Ok((Some(known), false));
            }
            let first = "UPDATE link SET sub = ?2 WHERE issuer = ?1 AND sub IS NULL AND kind = ?3 AND known_as = ?4 \
                         AND person IN (SELECT name FROM person WHERE NOT disabled)";
            let mut bound = both.execute(first, params![issuer, sub, Known::Sub.word(), sub])?;
            if let (0, Some(email)) = (bound, email) {
                bound = both.execute(first, params![issuer, sub, Known::Email.word(), email])?;
            }
            Ok((find()?, bound > 0))
        })
    }

    /// Does several things, all or none: the second of what is returned says whether they stay.
    fn together<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>) -> Result<(T, bool), rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let path = &self.path;
        let failed = |source| StoreError::Write {
            path: path.clone(),
            source,
        };
        let both = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let (done, stays) = act(&both).map_err(failed)?;
        if stays {
            both.commit().map_err(failed)?;
        }
        Ok(done)
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

    /// Begins a session that ends at `ends`, and forgets those that have ended. `token` is the SHA-256 of the session's token; times are
    /// seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Write`], also when there is no such person.
    pub fn start_session(
        &self,
        token: &[u8; 32],
        name: &str,
        csrf: &str,
        now: i64,
        ends: i64,
    ) -> Result<(), StoreError> {
        self.write("DELETE FROM session WHERE ends <= ?1", [now])?;
        let sql = "INSERT INTO session (token, person, csrf, last_used, ends) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.write(sql, params![token, name, csrf, now, ends])?;
        Ok(())
    }

    /// Finds a session by the SHA-256 of its token, and notes its use. There is none once it ended, was not used for `idle` seconds, or its
    /// person was shut out.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Write`].
    pub fn session(
        &self,
        token: &[u8; 32],
        now: i64,
        idle: i64,
    ) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT person, role, csrf, ends, provisional, last_used FROM session JOIN person ON name = person \
                   WHERE token = ?1 AND ends > ?2 AND last_used > ?2 - ?3 AND NOT disabled";
        let read = |row: &Row<'_>| {
            let session = Session {
                person: row.get(0)?,
                role: row.get(1)?,
                csrf: row.get(2)?,
                ends: row.get(3)?,
                provisional: row.get(4)?,
            };
            Ok((session, row.get::<_, i64>(5)?))
        };
        let found = self
            .connection
            .query_row(sql, params![token, now, idle], read)
            .optional()
            .map_err(|source| self.unread(source))?;
        let Some((session, last_used)) = found else {
            return Ok(None);
        };
        if now - last_used >= USE_SECONDS.min(idle) {
            let sql = "UPDATE session SET last_used = ?2 WHERE token = ?1";
            self.write(sql, params![token, now])?;
        }
        Ok(Some(session))
    }

    /// Ends all sessions, as after a restored backup: who was logged in then may have been shut out since.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn end_all_sessions(&self) -> Result<(), StoreError> {
        self.write("DELETE FROM session", [])?;
        Ok(())
    }

    /// Copies the accounts, as of now, into a new file while they may be changed.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the file is there; [`StoreError::Copy`].
    pub fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        migrate::copy_whole(&self.connection, &self.path, to)
    }

    /// Ends a session; there need be none.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn end_session(&self, token: &[u8; 32]) -> Result<(), StoreError> {
        self.write("DELETE FROM session WHERE token = ?1", [token])?;
        Ok(())
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

/// People, with what an identity provider knows them as.
const PEOPLE: &str = "SELECT name, role, hash, disabled, provisional, at, issuer, kind, known_as, sub \
                      FROM person LEFT JOIN link ON person = name";
const LINK: &str = "INSERT INTO link (person, issuer, kind, known_as) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

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
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const AT: &str = "2026-11-27T10:00:00Z";
    const TOKEN: [u8; 32] = [7; 32];
    const IDLE: i64 = 7200;

    fn with_ana() -> (tempfile::TempDir, Accounts) {
        let dir = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::open(dir.path()).expect("opens");
        assert!(
            accounts
                .add("ana", "reviewer", ("h", false), AT)
                .expect("adds")
        );
        (dir, accounts)
    }

    #[test]
    fn the_file_is_its_owners_alone_and_holds_what_was_said() {
        let (dir, accounts) = with_ana();
        let mode = |name: &str| {
            let metadata = dir.path().join(name).metadata().expect("is there");
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode(Accounts::FILE), 0o600);
        assert!(!accounts.add("ana", "admin", ("x", true), AT).expect("asks"));
        accounts.note(AT, "ana", "logged in").expect("notes");
        drop(accounts);
        let again = Accounts::open(dir.path()).expect("opens");
        let ana = again.find("ana").expect("reads").expect("is there");
        assert_eq!((ana.role.as_str(), ana.disabled), ("reviewer", false));
        assert_eq!(again.people().expect("reads"), [ana]);
        assert_eq!(again.find("ben").expect("reads"), None);
        assert_eq!(again.notes().expect("reads")[0].what, "logged in");
        assert_eq!(again.secret(&[1; 32]).expect("keeps"), [1; 32]);
        assert_eq!(again.secret(&[2; 32]).expect("reads"), [1; 32]);
    }

    #[test]
    fn a22_a_session_ends_by_time_by_disuse_by_logout_and_with_its_person() {
        let (_dir, mut accounts) = with_ana();
        let begin = |accounts: &Accounts, now: i64| {
            accounts
                .start_session(&TOKEN, "ana", "c", now, now + 43_200)
                .expect("begins");
        };
        let role = |accounts: &Accounts, now: i64| {
            let found = accounts.session(&TOKEN, now, IDLE).expect("reads");
            found.map(|session| session.role)
        };
        begin(&accounts, 0);
        assert_eq!(role(&accounts, 7199).as_deref(), Some("reviewer"));
        let changed = accounts.set_role("ana", "viewer", "viewer");
        assert_eq!(changed.expect("changes"), Changed::Done);
        assert_eq!(role(&accounts, 14_398).as_deref(), Some("viewer"));
        assert_eq!(role(&accounts, 14_398 + IDLE), None);
        for now in (15_000..43_200).step_by(7000) {
            assert!(role(&accounts, now).is_some(), "{now}");
        }
        assert_eq!(role(&accounts, 43_200), None);
        begin(&accounts, 50_000);
        accounts.end_session(&TOKEN).expect("ends");
        assert_eq!(role(&accounts, 50_001), None);
        begin(&accounts, 60_000);
        assert_eq!(
            accounts.disable("ana", "viewer").expect("asks"),
            Changed::Last
        );
        assert!(role(&accounts, 60_001).is_some());
        let ben = accounts.add("ben", "viewer", ("h", false), AT);
        assert!(ben.expect("adds"));
        assert_eq!(
            accounts.disable("ana", "viewer").expect("changes"),
            Changed::Done
        );
        assert_eq!(role(&accounts, 60_001), None);
        assert!(accounts.enable("ana").expect("changes"));
        assert_eq!(role(&accounts, 60_001), None, "a new session is needed");
        let nobody = accounts.disable("nobody", "viewer");
        assert_eq!(nobody.expect("asks"), Changed::NoPerson);
        begin(&accounts, 70_000);
        assert!(accounts.set_password("ana", "h2", true).expect("changes"));
        assert_eq!(role(&accounts, 70_001), None, "a password ends sessions");
        assert!(
            accounts
                .find("ana")
                .expect("reads")
                .expect("is there")
                .provisional
        );
    }

    #[test]
    fn a22_a_link_is_bound_at_the_first_login_and_to_that_alone() {
        const AT_HOME: &str = "https://id.example";
        let (_dir, mut accounts) = with_ana();
        let link = |kind, known_as: &str| Link {
            issuer: AT_HOME.to_owned(),
            kind,
            known_as: known_as.to_owned(),
            sub: None,
        };
        let email = link(Known::Email, "ana@example.com");
        assert_eq!(accounts.link("ana", &email).expect("links"), Added::Done);
        assert_eq!(
            accounts.link("ana", &link(Known::Sub, "x")).expect("asks"),
            Added::NameTaken
        );
        assert_eq!(
            accounts.link("nobody", &email).expect("asks"),
            Added::NoPerson
        );
        let mut add = |name: &str, link: &Link| {
            let added = accounts.add_linked(name, "viewer", (NO_PASSWORD, false), link, AT);
            added.expect("asks")
        };
        assert_eq!(add("ben", &email), Added::LinkTaken);
        assert_eq!(add("ana", &link(Known::Sub, "s-2")), Added::NameTaken);
        assert_eq!(add("cleo", &link(Known::Sub, "s-2")), Added::Done);
        assert_eq!(
            accounts.find("ben").expect("reads"),
            None,
            "both or neither"
        );
        // Who is shut out is bound to nobody meanwhile.
        let at = Some("ana@example.com");
        let admin = accounts.add("root", "admin", ("h", false), AT);
        assert!(admin.expect("adds"));
        accounts.disable("ana", "admin").expect("changes");
        assert_eq!(accounts.bind(AT_HOME, "s-0", at).expect("asks"), None);
        assert!(accounts.enable("ana").expect("changes"));
        let mut bind = |issuer: &str, sub: &str, email: Option<&str>| {
            let found = accounts.bind(issuer, sub, email).expect("asks");
            found.map(|person| person.name)
        };
        assert_eq!(bind("https://other.example", "s-1", at), None);
        assert_eq!(bind(AT_HOME, "s-1", None), None, "no address, no link");
        assert_eq!(bind(AT_HOME, "ana@example.com", None), None, "another kind");
        assert_eq!(bind(AT_HOME, "s-1", at).as_deref(), Some("ana"));
        assert_eq!(bind(AT_HOME, "s-1", None).as_deref(), Some("ana"));
        assert_eq!(bind(AT_HOME, "s-9", at), None, "bound to the first");
        assert_eq!(bind(AT_HOME, "s-2", at).as_deref(), Some("cleo"));
        let begun = accounts.start_session(&TOKEN, "ana", "c", 0, 43_200);
        begun.expect("begins");
        assert_eq!(accounts.unlink("cleo").expect("asks"), Unlinked::NoPassword);
        assert_eq!(accounts.unlink("ana").expect("does"), Unlinked::Done);
        assert_eq!(accounts.unlink("ana").expect("asks"), Unlinked::NoLink);
        assert!(accounts.session(&TOKEN, 1, IDLE).expect("reads").is_none());
        assert_eq!(accounts.bind(AT_HOME, "s-1", at).expect("asks"), None);
    }

    #[test]
    fn somebody_unknown_has_no_session_and_a_log_is_no_accounts() {
        let (dir, accounts) = with_ana();
        let begun = accounts.start_session(&TOKEN, "ben", "c", 0, 1);
        assert!(matches!(begun, Err(StoreError::Write { .. })), "{begun:?}");
        let log = dir.path().join("project.db");
        drop(accounts);
        std::fs::copy(dir.path().join(Accounts::FILE), &log).expect("copies");
        let writer = crate::Writer {
            name: "t".to_owned(),
            actor: "t".to_owned(),
            at: AT.to_owned(),
        };
        let opened = crate::ProjectLog::open(dir.path(), writer);
        assert!(matches!(opened, Err(StoreError::Foreign { .. })));
    }
}
