//! How answers are named in a browser.
//!
//! An answer's own code is a hash of what it is of, the system among it: whoever knows the names of the systems could try them all. So pages and
//! forms name it by a hash that has a secret of this server in it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use gatewright_core::digest::Digest;
use gatewright_core::review::Desk;

use super::held;

/// Digits of a name that people read.
const READ: usize = 8;

/// The names of all answers.
pub(super) struct Aliases {
    secret: [u8; 32],
    /// How many answers of the desk are in the map, and the answer of each name. A desk only grows.
    known: Mutex<(usize, BTreeMap<Digest, Digest>)>,
}

impl Aliases {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            known: Mutex::default(),
        }
    }

    fn alias(&self, id: &Digest) -> Digest {
        Digest::of(&[self.secret.as_slice(), id.bytes()].concat())
    }

    /// Names an answer for pages and forms.
    pub(super) fn of(&self, id: &Digest) -> String {
        self.alias(id).hex()
    }

    /// Says whether somebody is shown two answers in the other order. It hangs on the person, the answer and the secret: nobody can work it out, and
    /// it is the same at each look.
    pub(super) fn is_turned(&self, who: &str, id: &Digest) -> bool {
        let of = [self.secret.as_slice(), id.bytes(), who.as_bytes()].concat();
        Digest::of(&of).bytes()[0] & 1 == 1
    }

    /// Names an answer for people who speak of it.
    pub(super) fn short(&self, id: &Digest) -> String {
        let mut name = self.of(id);
        name.truncate(READ);
        name
    }

    /// Finds the answer of a name, written as [`Aliases::of`] writes it.
    pub(super) fn find(&self, desk: &Desk, name: &str) -> Option<Digest> {
        let alias = Digest::parse(name).filter(|alias| alias.hex() == name)?;
        let mut known = held(&self.known);
        let (counted, all) = &mut *known;
        for entry in desk.entries().iter().skip(*counted) {
            all.insert(self.alias(&entry.id), entry.id);
        }
        *counted = (*counted).max(desk.entries().len());
        all.get(&alias).copied()
    }
}
