//! Sessions: who is logged in, and until when.

use rusqlite::{OptionalExtension as _, Row, params};

use super::Accounts;
use crate::error::StoreError;

/// Seconds for which a session's last use need not be written again: a page that is looked at would otherwise wait for the disk.
const USE_SECONDS: i64 = 60;

/// What somebody has shown who logs in.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// The password of this hash.
    Password {
        /// The hash that it was held against.
        hash: &'a str,
    },
    /// A provider's word, to which the account is linked.
    Provider {
        /// The provider.
        issuer: &'a str,
        /// What it calls the person.
        sub: &'a str,
    },
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

impl Accounts {
    /// Begins a session that ends at `ends`, and forgets those that have ended. `token` is the SHA-256 of the session's token; times are
    /// seconds since 1970.
    ///
    /// Returns whether it began: not where what was shown does not hold any more, as after a change of the password, and not for whoever is shut out
    /// or not there.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn start_session(
        &self,
        token: &[u8; 32],
        (name, proof): (&str, Proof<'_>),
        csrf: &str,
        now: i64,
        ends: i64,
    ) -> Result<bool, StoreError> {
        self.write("DELETE FROM session WHERE ends <= ?1", [now])?;
        let (hash, issuer, sub) = match proof {
            Proof::Password { hash } => (Some(hash), None, None),
            Proof::Provider { issuer, sub } => (None, Some(issuer), Some(sub)),
        };
        let sql = "INSERT INTO session (token, person, csrf, last_used, ends) SELECT ?1, name, ?3, ?4, ?5 FROM person \
                   WHERE name = ?2 AND NOT disabled AND (hash = ?6 OR EXISTS \
                   (SELECT 1 FROM link WHERE person = name AND issuer = ?7 AND sub = ?8))";
        self.write(
            sql,
            params![token, name, csrf, now, ends, hash, issuer, sub],
        )
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

    /// Ends a session; there need be none.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn end_session(&self, token: &[u8; 32]) -> Result<(), StoreError> {
        self.write("DELETE FROM session WHERE token = ?1", [token])?;
        Ok(())
    }
}
