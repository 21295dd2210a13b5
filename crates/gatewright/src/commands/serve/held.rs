//! The keys that the review server keeps: it signs for whoever is logged in, and the project's list says so.

use std::path::Path;

use gatewright_core::event::ProjectEvent;
use gatewright_core::manifest::{identity, may_be_one};
use gatewright_core::record::{KeyEntry, Keys, SecretKey};

use crate::error::Failure;
use crate::pipeline::{Signer, keys};

/// The key of an account.
pub(super) struct Held<'a> {
    /// The state folder.
    pub(super) state: &'a Path,
    /// The account.
    pub(super) account: &'a str,
}

impl Held<'_> {
    /// Reads the key, where there is one.
    fn secret(&self) -> Result<Option<SecretKey>, Failure> {
        let path = keys::at_server(self.state, self.account)?;
        match path.exists() {
            true => keys::secret(&path).map(Some),
            false => Ok(None),
        }
    }

    /// The last key that the list has for the account.
    fn last<'k>(&self, known: &'k Keys) -> Option<&'k KeyEntry> {
        let mut entries = known.entries.iter().rev();
        entries.find(|entry| entry.account.as_deref() == Some(self.account))
    }

    fn own(&self) -> Result<String, Failure> {
        identity(self.account).ok_or_else(|| {
            Failure::usage(format!("`{}` is no name that signs", self.account))
                .next("an account whose name begins with a letter or a digit")
        })
    }
}

impl Signer for Held<'_> {
    fn who(&self, known: &Keys) -> Result<String, Failure> {
        let secret = self.secret()?;
        let entry = secret.and_then(|secret| known.get(&secret.public().id()));
        // A key that was lost, as with a restored backup, takes neither its person with it nor that it was revoked.
        let Some(entry) = entry.or_else(|| self.last(known)) else {
            return self.own();
        };
        keys::in_use(entry)?;
        if entry.account.as_deref() != Some(self.account) {
            return Err(Failure::usage(format!(
                "the key that the server keeps for {} is in the project's list as somebody's own",
                self.account
            ))
            .why("nobody could tell what the server signs from what that person signs")
            .next("move the key away from server-keys in the state folder")
            .next(format!(
                "gatewright key new --identity {} --account {}",
                entry.identity, self.account
            )));
        }
        Ok(entry.identity.clone())
    }

    fn key(&self, known: &Keys, at: &str) -> Result<(SecretKey, Option<ProjectEvent>), Failure> {
        let secret = match self.secret()? {
            Some(secret) => secret,
            None => {
                let made = keys::make()?;
                keys::write(&keys::at_server(self.state, self.account)?, &made)?;
                made
            }
        };
        let public = secret.public();
        // A crash between the two leaves a key that the list does not have.
        let listed = match known.get(&public.id()) {
            Some(_) => None,
            None => Some(ProjectEvent::KeyAdded {
                key: public.id(),
                public: public.pem(),
                identity: self.who(known)?,
                replaces: None,
                account: Some(self.account.to_owned()),
                at: at.to_owned(),
            }),
        };
        Ok((secret, listed))
    }

    fn may_be(&self, other: &str) -> bool {
        may_be_one(self.account, other)
    }
}
