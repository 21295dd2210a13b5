//! The review server: people log in, label what they are asked about without each other, settle what they differ on, and decide releases.
//!
//! `access` is the only way to a page: one table says of every route what it needs. The pages are functions that take who asks and what was sent
//! and return an answer; they run on threads that may wait. What a page shows of an answer before its reader has labelled it comes from
//! [`gatewright_core::review::Item`] alone.

mod access;
mod accounts;
mod aliases;
mod answer;
mod board;
mod connection;
mod failures;
mod first;
mod form;
mod frame;
mod home;
mod incidents;
mod label;
mod own;
mod pairs;
mod passwords;
mod patience;
mod people;
pub mod project;
mod releases;
mod settle;
mod sign;
mod sign_in;
mod suite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatewright_core::digest::Digest;
use gatewright_core::review::{AgreementDocument, Desk, Refusal, ReviewEvent};
use gatewright_store::Accounts;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::guard::{Names, is_loopback};
use aliases::Aliases;
use answer::Failure;
use first::FirstCode;
use passwords::Passwords;
pub use passwords::password_hash;
use patience::Patience;
use project::Project;

/// Most requests that are being worked on at once; more are told to come again.
const AT_ONCE: usize = 200;

/// What the review server works on. Each call may wait for the disk.
pub trait Office: Send + Sync + 'static {
    /// The product that is being judged; for showing.
    fn product(&self) -> String;

    /// Now: RFC 3339 in UTC, whole seconds.
    fn now(&self) -> String;

    /// All that people were asked and said so far, by other processes too.
    ///
    /// # Errors
    /// What to show instead.
    fn desk(&self) -> Result<Arc<Desk>, String>;

    /// Records an event: checked against the newest desk, one after the other, and on the disk before it returns.
    ///
    /// # Errors
    /// What to show when it could not be written; inside, why it may not be.
    fn record(&self, event: ReviewEvent) -> Result<Result<(), Refusal>, String>;

    /// How far people agree on the answers of a desk.
    fn agreement(&self, desk: &Desk) -> AgreementDocument;

    /// Random bytes from the system, for tokens and salts.
    ///
    /// # Errors
    /// When the system has none.
    fn random(&self) -> Result<[u8; 32], String>;
}

/// All that the pages work with.
struct Served {
    office: Arc<dyn Office>,
    project: Arc<dyn Project>,
    accounts: Mutex<Accounts>,
    passwords: Passwords,
    aliases: Aliases,
    patience: Mutex<Patience>,
    first: Mutex<FirstCode>,
    /// The answer that each person has on the page Review, until that person is told what others said.
    shown: Mutex<BTreeMap<String, Digest>>,
    /// The cookie's name has the port in it: cookies know no ports, and there may be two servers.
    cookie: String,
    room: Arc<Semaphore>,
}

impl Served {
    fn new(
        (office, project): (Arc<dyn Office>, Arc<dyn Project>),
        accounts: Accounts,
        first_code: Option<String>,
        port: u16,
    ) -> Result<Self, Failure> {
        let passwords = Passwords::new(&*office)?;
        let aliases = Aliases::new(accounts.secret(&office.random()?)?);
        Ok(Self {
            office,
            project,
            accounts: Mutex::new(accounts),
            passwords,
            aliases,
            patience: Mutex::default(),
            first: Mutex::new(FirstCode::new(first_code)),
            shown: Mutex::default(),
            cookie: format!("gatewright-review-{port}"),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// The accounts, for as long as the guard is held: what is looked up stays true until it is changed.
    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        held(&self.accounts)
    }

    /// Remembers which answer a person has on the page Review.
    fn show(&self, person: &str, item: Digest) {
        held(&self.shown).insert(person.to_owned(), item);
    }

    /// Says whether a person has an answer on the page Review, and was told nothing since.
    fn shows(&self, person: &str, item: Digest) -> bool {
        held(&self.shown).get(person) == Some(&item)
    }

    /// Remembers that a person is being told what others said, or which system answered.
    fn tell(&self, person: &str) {
        held(&self.shown).remove(person);
    }

    /// Writes a line into the audit.
    fn note(&self, at: &str, who: &str, what: &str) -> Result<(), Failure> {
        Ok(self.accounts().note(at, who, what)?)
    }

    /// Makes a token of 64 hexadecimal digits.
    fn token(&self) -> Result<String, Failure> {
        let bytes = self.office.random()?;
        // Hashed once more, so that no byte of the system's generator is ever shown.
        Ok(Digest::of(&bytes).hex())
    }
}

/// Locks; a page that failed half-way does not shut the others out, for nothing is left half-done under a lock.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compares two texts in a time that does not tell how much of them is equal.
fn is_same(left: &str, right: &str) -> bool {
    let (left, right) = (Digest::of(left.as_bytes()), Digest::of(right.as_bytes()));
    let pairs = left.bytes().iter().zip(right.bytes());
    pairs.fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Serves until `stop` ends. Requests that are being answered are finished.
///
/// `first_code` makes the first admin, once, while nobody may log in yet; the console shows it.
///
/// # Errors
/// When the system refuses, or when others could reach a server that has no people yet.
pub async fn office(
    listener: TcpListener,
    (office, project): (Arc<dyn Office>, Arc<dyn Project>),
    accounts: Accounts,
    first_code: Option<String>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let people = accounts.people().map_err(io::Error::other)?;
    if people.is_empty() && !is_loopback(address) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "nobody may log in yet, and others can reach {address}: make the first admin on an address of this machine"
            ),
        ));
    }
    let made = Served::new((office, project), accounts, first_code, address.port());
    let served = made.map_err(|failure| io::Error::other(failure.to_string()))?;
    let app = access::app(Arc::new(served), Names::of(address));
    connection::answer(listener, app, stop).await
}
