//! Logging in by an identity provider: whom an admin has linked, and whom the first login has bound.

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{ADD, Accounts, PEOPLE, Person, person};
use crate::error::StoreError;

const LINK: &str = "INSERT INTO link (person, issuer, kind, known_as) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

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

impl Accounts {
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
            if both.execute(ADD, params![name, role, hash, provisional, at])? == 0 {
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
}
