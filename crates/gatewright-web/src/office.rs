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
pub mod front;
mod home;
mod incidents;
mod label;
pub mod oidc;
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
mod turns;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatewright_core::digest::Digest;
use gatewright_core::review::{AgreementDocument, Desk, Refusal, ReviewEvent};
use gatewright_store::{Accounts, StoreError};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::guard::{Names, is_loopback};
use aliases::Aliases;
use answer::Failure;
use first::FirstCode;
use front::Front;
use oidc::Oidc;
use passwords::Passwords;
pub use passwords::password_hash;
use patience::Patience;
use project::Project;
use turns::Turns;

/// Most requests that are being worked on at once; more are told to come again.
const AT_ONCE: usize = 200;
/// Most that ask the identity provider at once.
const ASKING: usize = 4;

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
    hashing: Turns,
    asking: Turns,
    front: Front,
    names: Names,
    oidc: Option<Oidc>,
    aliases: Aliases,
    patience: Mutex<Patience>,
    first: Mutex<FirstCode>,
    /// The answer that each person has on the page Review, until that person is told what others said.
    shown: Mutex<BTreeMap<String, Digest>>,
    /// The name of the session's cookie.
    cookie: String,
    /// The name of the cookie of a login that was begun at the identity provider.
    begun_cookie: String,
    room: Arc<Semaphore>,
}

impl Served {
    fn new(
        (office, project): (Arc<dyn Office>, Arc<dyn Project>),
        accounts: Accounts,
        door: Door,
        address: SocketAddr,
    ) -> Result<Self, Failure> {
        let passwords = Passwords::new(&*office)?;
        let aliases = Aliases::new(accounts.secret(&office.random()?)?);
        let names = door.front.names(address);
        // The port is in it: cookies know no ports, and there may be two servers. A browser takes a cookie with this prefix from https alone, and
        // from no neighbour of the same domain.
        let prefix = if names.is_secure() { "__Host-" } else { "" };
        let cookie = |what: &str| format!("{prefix}gatewright-{what}-{}", address.port());
        Ok(Self {
            office,
            project,
            accounts: Mutex::new(accounts),
            passwords,
            hashing: Turns::new(passwords::AT_ONCE),
            asking: Turns::new(ASKING),
            front: door.front,
            names,
            oidc: door.oidc,
            aliases,
            patience: Mutex::default(),
            first: Mutex::new(FirstCode::new(door.first_code)),
            shown: Mutex::default(),
            cookie: cookie("review"),
            begun_cookie: cookie("login"),
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

/// How people come in.
#[derive(Debug, Default)]
pub struct Door {
    /// Makes the first admin, once, while nobody may log in yet; the console shows it.
    pub first_code: Option<String>,
    /// How others reach the server.
    pub front: Front,
    /// An identity provider by which people may log in as well.
    pub oidc: Option<Oidc>,
}

/// Says whether somebody can log in: with a password, or by an identity provider.
///
/// # Errors
/// When the accounts cannot be read.
pub fn may_log_in(accounts: &Accounts, by_provider: bool) -> Result<bool, StoreError> {
    let people = accounts.people()?;
    Ok(by_provider || people.iter().any(|it| !it.disabled && it.has_password()))
}

/// Serves until `stop` ends. Requests that are being answered are finished.
///
/// # Errors
/// When the system refuses; when others could reach a server into which nobody may log in yet, or their passwords would not be encrypted on the way.
pub async fn office(
    listener: TcpListener,
    (office, project): (Arc<dyn Office>, Arc<dyn Project>),
    accounts: Accounts,
    door: Door,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !door.front.is_safe_at(address) {
        return refused(format!(
            "others can reach {address}, and what they type would not be encrypted on the way"
        ));
    }
    let may = may_log_in(&accounts, door.oidc.is_some()).map_err(io::Error::other)?;
    if !may && !is_loopback(address) {
        return refused(format!(
            "nobody may log in yet, and others can reach {address}: make the first admin on an address of this machine"
        ));
    }
    let tls = door.front.tls.clone();
    let made = Served::new((office, project), accounts, door, address);
    let served = made.map_err(|failure| io::Error::other(failure.to_string()))?;
    let served = Arc::new(served);
    let known = Arc::clone(&served);
    let counts = move |peer| known.front.counted(peer);
    connection::answer(listener, access::app(served), tls, counts, stop).await
}
