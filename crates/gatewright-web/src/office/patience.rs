//! How long whoever gave wrong passwords has to wait.

use std::collections::BTreeMap;

/// Wrong passwords for one name before its next try has to wait.
const FREE_FOR_NAME: u32 = 5;
/// Wrong passwords in all before everybody's next try has to wait.
const FREE_IN_ALL: u32 = 50;
/// The longest wait for a name, and for all, in seconds.
const LONGEST: (i64, i64) = (900, 30);
/// After so many seconds without a wrong password all is forgotten.
const FORGET: i64 = 3600;
/// Most names that are remembered.
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
}

impl Patience {
    /// Counts a try as wrong before it is looked at, so that many at once gain nothing.
    ///
    /// # Errors
    /// The seconds to wait; the try is then not to be looked at, and is not counted.
    pub(super) fn try_now(&mut self, name: &str, now: i64) -> Result<(), i64> {
        let known = self.names.get(name).copied().unwrap_or_default();
        let of_name = known.wait(FREE_FOR_NAME, LONGEST.0, now);
        let wait = of_name.max(self.all.wait(FREE_IN_ALL, LONGEST.1, now));
        if wait > 0 {
            return Err(wait);
        }
        self.all.count(now);
        if self.names.len() >= NAMES && !self.names.contains_key(name) {
            self.names.retain(|_, wrong| now - wrong.last < FORGET);
            let oldest = self.names.iter().min_by_key(|(_, wrong)| wrong.last);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone())
                && self.names.len() >= NAMES
            {
                self.names.remove(&oldest);
            }
        }
        self.names.entry(name.to_owned()).or_default().count(now);
        Ok(())
    }

    /// The try was right after all.
    pub(super) fn was_right(&mut self, name: &str) {
        self.names.remove(name);
        self.all.times = self.all.times.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a22_after_five_wrong_ones_a_name_waits_longer_each_time() {
        let mut patience = Patience::default();
        for _ in 0..5 {
            assert_eq!(patience.try_now("ana", 1000), Ok(()));
        }
        assert_eq!(patience.try_now("ana", 1000), Err(1));
        assert_eq!(patience.try_now("ben", 1000), Ok(()), "others do not");
        assert_eq!(patience.try_now("ana", 1001), Ok(()));
        assert_eq!(patience.try_now("ana", 1001), Err(2));
        assert_eq!(patience.try_now("ana", 0), Err(2), "a clock set back");
        assert_eq!(patience.try_now("ana", 1003), Ok(()));
        assert_eq!(patience.try_now("ana", 1003), Err(4));
        patience.was_right("ana");
        assert_eq!(patience.try_now("ana", 1003), Ok(()));
    }

    #[test]
    fn a22_after_fifty_wrong_ones_everybody_waits_and_names_are_few() {
        let mut patience = Patience::default();
        for index in 0..50 {
            assert_eq!(patience.try_now(&format!("n{index}"), 1000), Ok(()));
        }
        assert_eq!(patience.try_now("ana", 1000), Err(1));
        let mut now = 1000;
        for index in 0..2 * NAMES {
            now += LONGEST.1;
            assert_eq!(patience.try_now(&format!("m{index}"), now), Ok(()));
        }
        assert!(patience.names.len() <= NAMES);
        assert_eq!(patience.try_now("ana", now), Err(LONGEST.1));
        assert_eq!(patience.try_now("ana", now + FORGET), Ok(()));
        assert_eq!(patience.try_now("ana", now + FORGET), Ok(()), "forgotten");
    }
}
