//! How long whoever gave wrong passwords has to wait.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Wrong passwords for one name before its next try has to wait.
const FREE_FOR_NAME: u32 = 5;
/// Wrong passwords from one client, by its address, before its next try has to wait; further ones are no reason for others to wait.
const FREE_FOR_CLIENT: u32 = 20;
/// Wrong passwords in all before everybody's next try has to wait.
const FREE_IN_ALL: u32 = 50;
/// The longest wait for a name or a client, and for all, in seconds.
const LONGEST: (i64, i64) = (900, 30);
/// After so many seconds without a wrong password all is forgotten.
const FORGET: i64 = 3600;
/// Most names, and most clients, that are remembered.
const NAMES: usize = 10_000;

#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    times: u32,
    last: i64,
}

impl Wrong {
    /// Seconds still to wait: one, two, four … after the last wrong one.
    fn wait(self, free: u32, longest: i64, now: i64) -> i64 {
        let Some(over) = self.times.checked_sub(free) else {
            return 0;
        };
        let wait = (1_i64 << over.min(20)).min(longest);
        // A clock that was set back does not lock anybody out for longer than the wait.
        (self.last + wait - now).clamp(0, wait)
    }

    fn count(&mut self, now: i64) {
        if now - self.last >= FORGET {
            self.times = 0;
        }
        self.times = self.times.saturating_add(1);
        self.last = now;
    }
}

/// Wrong passwords so far.
#[derive(Debug, Default)]
pub(super) struct Patience {
    all: Wrong,
    names: BTreeMap<String, Wrong>,
    clients: BTreeMap<IpAddr, Wrong>,
}

impl Patience {
    /// Counts a try as wrong before it is looked at, so that many at once gain nothing. There is no client where it is this machine.
    ///
    /// # Errors
    /// The seconds to wait; the try is then not to be looked at, and is not counted.
    pub(super) fn try_now(
        &mut self,
        name: &str,
        client: Option<IpAddr>,
        now: i64,
    ) -> Result<(), i64> {
        let of_name = self.names.get(name).copied().unwrap_or_default();
        let of_client = client.and_then(|client| self.clients.get(&client).copied());
        let of_client = of_client.unwrap_or_default();
        let wait = of_name
            .wait(FREE_FOR_NAME, LONGEST.0, now)
            .max(of_client.wait(FREE_FOR_CLIENT, LONGEST.0, now))
            .max(self.all.wait(FREE_IN_ALL, LONGEST.1, now));
        if wait > 0 {
            return Err(wait);
        }
        if of_client.times < FREE_FOR_CLIENT {
            self.all.count(now);
        }
        count(&mut self.names, name.to_owned(), now);
        if let Some(client) = client {
            count(&mut self.clients, client, now);
        }
        Ok(())
    }

    /// The try was right after all.
    pub(super) fn was_right(&mut self, name: &str, client: Option<IpAddr>) {
        self.names.remove(name);
        self.all.times = self.all.times.saturating_sub(1);
        if let Some(wrong) = client.and_then(|client| self.clients.get_mut(&client)) {
            wrong.times = wrong.times.saturating_sub(1);
        }
    }
}

/// Counts one more, and forgets the oldest where there are too many.
fn count<K: Ord + Clone>(known: &mut BTreeMap<K, Wrong>, key: K, now: i64) {
    if known.len() >= NAMES && !known.contains_key(&key) {
        known.retain(|_, wrong| now - wrong.last < FORGET);
        let oldest = known.iter().min_by_key(|(_, wrong)| wrong.last);
        if let Some(oldest) = oldest.map(|(key, _)| key.clone())
            && known.len() >= NAMES
        {
            known.remove(&oldest);
        }
    }
    known.entry(key).or_default().count(now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a22_after_five_wrong_ones_a_name_waits_longer_each_time() {
        let mut patience = Patience::default();
        for _ in 0..5 {
            assert_eq!(patience.try_now("ana", None, 1000), Ok(()));
        }
        assert_eq!(patience.try_now("ana", None, 1000), Err(1));
        assert_eq!(patience.try_now("ben", None, 1000), Ok(()), "others do not");
        assert_eq!(patience.try_now("ana", None, 1001), Ok(()));
        assert_eq!(patience.try_now("ana", None, 1001), Err(2));
        assert_eq!(patience.try_now("ana", None, 0), Err(2), "a clock set back");
        assert_eq!(patience.try_now("ana", None, 1003), Ok(()));
        assert_eq!(patience.try_now("ana", None, 1003), Err(4));
        patience.was_right("ana", None);
        assert_eq!(patience.try_now("ana", None, 1003), Ok(()));
    }

    #[test]
    fn a22_after_fifty_wrong_ones_everybody_waits_and_names_are_few() {
        let mut patience = Patience::default();
        for index in 0..50 {
            assert_eq!(patience.try_now(&format!("n{index}"), None, 1000), Ok(()));
        }
        assert_eq!(patience.try_now("ana", None, 1000), Err(1));
        let mut now = 1000;
        for index in 0..2 * NAMES {
            now += LONGEST.1;
            assert_eq!(patience.try_now(&format!("m{index}"), None, now), Ok(()));
        }
        assert!(patience.names.len() <= NAMES);
        assert_eq!(patience.try_now("ana", None, now), Err(LONGEST.1));
        assert_eq!(patience.try_now("ana", None, now + FORGET), Ok(()));
        assert_eq!(
            patience.try_now("ana", None, now + FORGET),
            Ok(()),
            "forgotten"
        );
    }

    #[test]
    fn a22_one_client_waits_alone() {
        let mut patience = Patience::default();
        let client = |last: u8| Some(IpAddr::from([203, 0, 113, last]));
        for index in 0..20 {
            let name = format!("n{index}");
            assert_eq!(patience.try_now(&name, client(1), 1000), Ok(()));
        }
        assert_eq!(patience.try_now("ana", client(1), 1000), Err(1));
        assert_eq!(patience.try_now("ana", client(2), 1000), Ok(()));
        let mut now = 1000;
        for index in 0..100 {
            now += LONGEST.0;
            let name = format!("m{index}");
            assert_eq!(patience.try_now(&name, client(1), now), Ok(()));
        }
        assert_eq!(patience.try_now("ana", client(1), now), Err(LONGEST.0));
        assert_eq!(
            patience.try_now("ana", client(2), now),
            Ok(()),
            "others do not"
        );
        patience.was_right("ana", client(2));
    }
}
