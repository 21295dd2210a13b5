//! Logins that were begun: what is to come back, until it does.

use std::collections::VecDeque;
use std::net::IpAddr;

/// How long a login may take at the provider, in seconds.
pub(super) const LASTS: i64 = 600;
/// Most that are remembered; the oldest goes first.
const MOST: usize = 10_000;
/// Most of one client: what it begins on top pushes out its own, and nobody else's.
const OF_CLIENT: usize = 100;

/// A login that was begun.
#[derive(Clone)]
pub(super) struct Begun {
    /// What the provider sends back with the browser: the answer is to our question.
    pub(super) state: String,
    /// What stands in the token: it was made for this login.
    pub(super) nonce: String,
    /// What proves that whoever brings the code began the login (PKCE).
    pub(super) verifier: String,
    /// The origin that the browser comes back to.
    pub(super) origin: String,
    /// The hash of the token of the session that the browser had: when it comes back from another site it does not bring that along.
    pub(super) session: Option<[u8; 32]>,
    /// When, in seconds since 1970.
    pub(super) at: i64,
    /// From where; nothing where it is this machine.
    pub(super) client: Option<IpAddr>,
}

/// Logins that were begun, the oldest first, by the hash of the token in their browser.
#[derive(Default)]
pub(super) struct BegunLogins(VecDeque<([u8; 32], Begun)>);

impl BegunLogins {
    pub(super) fn begin(&mut self, key: [u8; 32], begun: Begun) {
        let is_over = |it: &Begun| begun.at - it.at >= LASTS;
        while self.0.len() >= MOST || self.0.front().is_some_and(|(_, it)| is_over(it)) {
            self.0.pop_front();
        }
        if begun.client.is_some() {
            let mut own = self.0.iter().enumerate();
            let is_own = |(_, (_, it)): &(usize, &([u8; 32], Begun))| it.client == begun.client;
            let oldest = own.find(is_own).map(|(place, _)| place);
            if let Some(oldest) = oldest.filter(|_| own.filter(is_own).count() + 1 >= OF_CLIENT) {
                self.0.remove(oldest);
            }
        }
        self.0.push_back((key, begun));
    }

    /// Returns a login and forgets it; none that took too long.
    pub(super) fn take(&mut self, key: &[u8; 32], now: i64) -> Option<Begun> {
        let place = self.0.iter().position(|(known, _)| known == key)?;
        let (_, begun) = self.0.remove(place)?;
        (now - begun.at < LASTS).then_some(begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at: i64) -> Begun {
        Begun {
            state: String::new(),
            nonce: String::new(),
            verifier: String::new(),
            origin: String::new(),
            session: None,
            at,
            client: None,
        }
    }

    #[test]
    fn a22_a_login_is_answered_once_soon_and_they_are_few() {
        let mut begun = BegunLogins::default();
        begun.begin([1; 32], at(0));
        begun.begin([2; 32], at(0));
        assert!(begun.take(&[3; 32], 1).is_none());
        assert!(begun.take(&[1; 32], 599).is_some());
        assert!(begun.take(&[1; 32], 599).is_none(), "once");
        assert!(begun.take(&[2; 32], 600).is_none(), "too late");
        for number in 0..2 * MOST {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            begun.begin(key, at(number as i64 / 100));
        }
        assert!(begun.0.len() <= MOST);
    }

    #[test]
    fn a22_who_begins_many_logins_pushes_out_nobody_else_s() {
        let mut begun = BegunLogins::default();
        let from = |last: u8| Begun {
            client: Some(IpAddr::from([203, 0, 113, last])),
            ..at(0)
        };
        begun.begin([1; 32], from(1));
        for number in 0..3 * MOST {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            begun.begin(key, from(2));
        }
        assert_eq!(begun.0.len(), OF_CLIENT + 1);
        assert!(begun.take(&[1; 32], 1).is_some());
    }
}
