//! How hard a host is driven: concurrency that backs off and recovers, limits a minute, and a circuit that opens.
//!
//! A state machine that is told the time; every change is returned to be recorded.

use std::time::Duration;

use gatewright_core::exchange::Fault;
use gatewright_core::manifest::Pace;
use tokio::time::Instant;

use crate::limits::Limits;

/// Whether a request may go now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ready {
    /// It may.
    Go,
    /// As many are on their way as may be: the next end makes room.
    Full,
    /// Not before this moment.
    Until(Instant, &'static str),
}

/// A change of how hard the host is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) concurrency: u32,
    pub(crate) why: &'static str,
}

/// How one exchange ended, as far as the host is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// When it was sent.
    pub(crate) sent: Instant,
    /// What went wrong.
    pub(crate) fault: Option<Fault>,
    /// What the provider asked us to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Whether a failure counts towards opening the circuit.
    pub(crate) counts: bool,
    /// Tokens that were taken from the bucket, and tokens that were really used.
    pub(crate) tokens: (u64, Option<u64>),
}

/// One host.
#[derive(Debug)]
pub(crate) struct Host {
    /// `host:port`.
    pub(crate) name: String,
    most: u32,
    /// Requests that may be on their way; its whole part counts.
    window: f64,
    on_their_way: u32,
    not_before: Option<(Instant, &'static str)>,
    slowed_at: Option<Instant>,
    opened_at: Option<Instant>,
    announced: u32,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    faults: u32,
    openings: u32,
    /// The circuit is open: one request at a time tries whether the host is back.
    probing: bool,
    circuit_faults: u32,
    backoff_min: Duration,
    backoff_max: Duration,
    retry_after_max: Duration,
    /// How long an answer takes, by the last ones.
    latency: Option<Duration>,
    /// Something came from it once, whatever it was.
    reached: bool,
}

impl Host {
    pub(crate) fn new(name: String, limits: &Limits) -> Self {
        Self {
            name,
            most: limits.concurrency.max(1),
            window: f64::from(limits.concurrency.max(1)),
            on_their_way: 0,
            not_before: None,
            slowed_at: None,
            opened_at: None,
            announced: limits.concurrency.max(1),
            requests: None,
            tokens: None,
            faults: 0,
            openings: 0,
            probing: false,
            circuit_faults: limits.circuit_faults.max(1),
            backoff_min: limits.backoff_min,
            backoff_max: limits.backoff_max,
            retry_after_max: limits.retry_after_max,
            latency: None,
            reached: false,
        }
    }

    /// Takes over what a system's page says: the strictest counts.
    pub(crate) fn pace(&mut self, pace: &Pace, first: bool, now: Instant) {
        if let Some(most) = pace.concurrency {
            self.most = if first { most } else { self.most.min(most) };
            self.window = f64::from(self.most);
            self.announced = self.most;
        }
        for (bucket, limit) in [
            (&mut self.requests, pace.requests_per_minute),
            (&mut self.tokens, pace.tokens_per_minute),
        ] {
            let Some(limit) = limit else { continue };
            let limit = f64::from(limit);
            if bucket.as_ref().is_none_or(|it| it.per_minute > limit) {
                *bucket = Some(Bucket::new(limit, now));
            }
        }
    }

    /// Returns how many requests may be on their way.
    pub(crate) fn concurrency(&self) -> u32 {
        if self.probing {
            1
        } else {
            (self.window as u32).max(1)
        }
    }

    /// Returns the most that may ever be on their way.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// Says whether the circuit is open: the host is down as far as we know.
    pub(crate) fn is_down(&self) -> bool {
        self.probing
    }

    /// Says whether something came from it once: its name and its address are right.
    pub(crate) fn was_reached(&self) -> bool {
        self.reached
    }

    /// Says how often the circuit opened since the last answer.
    pub(crate) fn openings(&self) -> u32 {
        self.openings
    }

    /// Returns how many starts may be committed ahead of a free place: as many as end in `within`, at most half of what may be on its way; none
    /// while the host is held back or is paced by the minute, as then nothing waits for a commit.
    pub(crate) fn ahead(&self, within: Duration) -> usize {
        let paced = self.requests.is_some() || self.tokens.is_some();
        let held_back =
            self.probing || self.not_before.is_some() || self.on_their_way > self.concurrency();
        let Some(latency) = self.latency.filter(|_| !paced && !held_back) else {
            return 0;
        };
        let share = (within.as_secs_f64() / latency.as_secs_f64().max(1e-6)).min(0.5);
        (f64::from(self.concurrency()) * share) as usize
    }

    /// Says whether a request of about so many tokens may go now. It takes nothing: [`Host::take`] does.
    pub(crate) fn ready(&mut self, now: Instant, tokens: u64) -> Ready {
        if self.on_their_way >= self.concurrency() {
            return Ready::Full;
        }
        if let Some((until, why)) = self.not_before {
            if now < until {
                return Ready::Until(until, why);
            }
            self.not_before = None;
        }
        let waits = [
            (&mut self.requests, 1.0, "requests-a-minute"),
            (&mut self.tokens, tokens as f64, "tokens-a-minute"),
        ];
        for (bucket, amount, why) in waits {
            if let Some(bucket) = bucket
                && let Some(until) = bucket.until(now, amount)
            {
                return Ready::Until(until, why);
            }
        }
        Ready::Go
    }

    /// Counts a request that goes.
    pub(crate) fn take(&mut self, now: Instant, tokens: u64) {
        self.on_their_way += 1;
        if let Some(bucket) = &mut self.requests {
            bucket.take(now, 1.0);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.take(now, tokens as f64);
        }
    }

    /// Counts a request that went and never ended: the run leaves.
    pub(crate) fn give_back(&mut self) {
        self.on_their_way = self.on_their_way.saturating_sub(1);
    }

    /// Learns how a request ended.
    pub(crate) fn ended(&mut self, now: Instant, end: Ended) -> Option<Change> {
        self.give_back();
        self.reached |= !matches!(end.fault, Some(Fault::Dns | Fault::Connect));
        if let (Some(bucket), (taken, Some(used))) = (&mut self.tokens, end.tokens) {
            bucket.level += taken as f64 - used as f64;
        }
        match end.fault {
            Some(fault @ (Fault::RateLimited | Fault::Overloaded)) => {
                self.slow_down(now, end, fault)
            }
            Some(fault) if fault.is_of_the_host() => {
                // What was on its way when the circuit opened says nothing new.
                if self.opened_at.is_some_and(|opened| end.sent < opened) {
                    return None;
                }
                if !end.counts && !self.probing {
                    return None;
                }
                self.faults += 1;
                (self.faults >= self.circuit_faults || self.probing).then(|| self.open(now))
            }
            Some(_) => None,
            None => {
                self.note_latency(now.saturating_duration_since(end.sent));
                self.recover()
            }
        }
    }

    /// A tenth of the newest: one slow answer changes little, a hundred change all.
    fn note_latency(&mut self, newest: Duration) {
        self.latency = Some(
            self.latency
                .map_or(newest, |before| before.mul_f64(0.9) + newest.mul_f64(0.1)),
        );
    }

    /// One burst is one slow-down: what was sent before the last one says nothing new.
    fn slow_down(&mut self, now: Instant, end: Ended, fault: Fault) -> Option<Change> {
        let why = fault.word();
        let asked = end
            .retry_after
            .unwrap_or_default()
            .min(self.retry_after_max);
        if !asked.is_zero() {
            let until = now + asked;
            if self.not_before.is_none_or(|(before, _)| before < until) {
                self.not_before = Some((until, why));
            }
        }
        if self.slowed_at.is_some_and(|slowed| end.sent < slowed) {
            return None;
        }
        self.slowed_at = Some(now);
        self.window = (self.window / 2.0).max(1.0);
        if asked.is_zero() && self.window <= 1.0 {
            self.not_before = Some((now + self.backoff_min, why));
        }
        self.announce(why)
    }

    fn open(&mut self, now: Instant) -> Change {
        self.openings += 1;
        self.faults = 0;
        self.probing = true;
        self.opened_at = Some(now);
        let wait = self
            .backoff_min
            .saturating_mul(1 << self.openings.min(16))
            .min(self.backoff_max);
        self.not_before = Some((now + wait, "circuit-open"));
        self.announced = 1;
        Change {
            concurrency: 1,
            why: "circuit-open",
        }
    }

    fn recover(&mut self) -> Option<Change> {
        self.faults = 0;
        self.openings = 0;
        if self.probing {
            self.probing = false;
            self.window = (self.window / 2.0).max(1.0);
            self.announced = self.concurrency();
            return Some(Change {
                concurrency: self.announced,
                why: "circuit-closed",
            });
        }
        let most = f64::from(self.most);
        if self.window < most {
            // One more for each round of answers.
            self.window = (self.window + 1.0 / self.window).min(most);
            let now = self.concurrency();
            // Recorded when it has grown by half, and when it is whole again: not each single step.
            if now >= self.most || now >= self.announced + self.announced.div_ceil(2) {
                return self.announce("recovered");
            }
        }
        None
    }

    fn announce(&mut self, why: &'static str) -> Option<Change> {
        let concurrency = self.concurrency();
        if concurrency == self.announced {
            return None;
        }
        self.announced = concurrency;
        Some(Change { concurrency, why })
    }
}

/// A bucket that fills evenly: no more than a second's worth at once, so that a minute's limit is kept in any minute.
#[derive(Debug)]
struct Bucket {
    per_minute: f64,
    most: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    fn new(per_minute: f64, now: Instant) -> Self {
        let most = (per_minute / 60.0).max(1.0);
        Self {
            per_minute,
            most,
            level: most,
            at: now,
        }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.level = (self.level + passed * self.per_minute / 60.0).min(self.most);
    }

    /// Returns from when on so much may be taken; `None` for now. What is more than the bucket holds goes when it is full, and leaves a debt.
    fn until(&mut self, now: Instant, amount: f64) -> Option<Instant> {
        self.fill(now);
        let lacking = amount.min(self.most) - self.level;
        (lacking > 1e-9).then(|| now + Duration::from_secs_f64(lacking * 60.0 / self.per_minute))
    }

    fn take(&mut self, now: Instant, amount: f64) {
        self.fill(now);
        self.level -= amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(concurrency: u32) -> (Host, Instant) {
        let limits = Limits {
            concurrency,
            ..Limits::standard()
        };
        (Host::new("h:1".to_owned(), &limits), Instant::now())
    }

    fn end(sent: Instant, fault: Option<Fault>) -> Ended {
        Ended {
            sent,
            fault,
            retry_after: None,
            counts: true,
            tokens: (0, None),
        }
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    /// F8: one burst of refusals is one slow-down, and everybody waits as long as the provider asked.
    #[test]
    fn f8_one_burst_is_one_slow_down() {
        let (mut host, start) = host(16);
        for _ in 0..16 {
            assert_eq!(host.ready(start, 0), Ready::Go);
            host.take(start, 0);
        }
        assert_eq!(host.ready(start, 0), Ready::Full);
        let mut changes = Vec::new();
        for _ in 0..16 {
            let refused = Ended {
                retry_after: Some(Duration::from_secs(5)),
                ..end(start, Some(Fault::RateLimited))
            };
            changes.extend(host.ended(after(start, 1), refused));
        }
        assert_eq!(
            changes,
            [Change {
                concurrency: 8,
                why: "rate-limited"
            }]
        );
        assert_eq!(
            host.ready(after(start, 2), 0),
            Ready::Until(after(start, 6), "rate-limited")
        );
        assert_eq!(host.ready(after(start, 6), 0), Ready::Go);
    }

    #[test]
    fn f8_it_recovers_step_by_step() {
        let (mut host, start) = host(8);
        host.take(start, 0);
        host.ended(start, end(start, Some(Fault::RateLimited)));
        assert_eq!(host.concurrency(), 4);
        let mut changes = Vec::new();
        for _ in 0..200 {
            host.take(start, 0);
            changes.extend(host.ended(start, end(start, None)));
        }
        assert_eq!(host.concurrency(), 8);
        assert_eq!(
            changes.last().map(|it| (it.concurrency, it.why)),
            Some((8, "recovered"))
        );
    }

    /// F10: a storm of failures opens the circuit; one request at a time tries whether the host is back.
    #[test]
    fn f10_a_storm_opens_the_circuit() {
        let (mut host, start) = host(64);
        let mut opened = None;
        for _ in 0..10 {
            host.take(start, 0);
            opened = host
                .ended(start, end(start, Some(Fault::Server)))
                .or(opened);
        }
        assert_eq!(opened.map(|it| it.why), Some("circuit-open"));
        let Ready::Until(until, "circuit-open") = host.ready(start, 0) else {
            panic!("it must wait");
        };
        assert_eq!(host.ready(until, 0), Ready::Go);
        host.take(until, 0);
        assert_eq!(host.ready(until, 0), Ready::Full, "one at a time");
        let again = host.ended(until, end(until, Some(Fault::Server)));
        assert_eq!(again.map(|it| it.why), Some("circuit-open"));
        assert_eq!(host.openings(), 2);
        let Ready::Until(later, _) = host.ready(until, 0) else {
            panic!("it must wait longer");
        };
        assert!(later - until > until - start);
        host.take(later, 0);
        let closed = host.ended(later, end(later, None));
        assert_eq!(closed.map(|it| it.why), Some("circuit-closed"));
        assert_eq!(host.openings(), 0);
        assert_eq!(host.concurrency(), 32);
    }

    #[test]
    fn f10_alternating_failures_do_not_open_it() {
        let (mut host, start) = host(4);
        for turn in 0..100 {
            host.take(start, 0);
            let fault = (turn % 2 == 0).then_some(Fault::Server);
            assert_eq!(host.ended(start, end(start, fault)), None);
        }
        assert_eq!(host.openings(), 0);
    }

    #[test]
    fn limits_a_minute_are_kept_in_any_minute() {
        let (mut host, start) = host(1000);
        let pace = Pace {
            requests_per_minute: Some(120),
            tokens_per_minute: Some(60_000),
            ..Pace::default()
        };
        host.pace(&pace, true, start);
        let (mut now, mut sent) = (start, 0);
        while now < after(start, 60) {
            match host.ready(now, 100) {
                Ready::Go => {
                    host.take(now, 100);
                    sent += 1;
                }
                Ready::Until(until, _) => now = until,
                Ready::Full => panic!("room for a thousand"),
            }
        }
        assert!((118..=122).contains(&sent), "{sent}");
        // A request larger than the bucket goes when it is full, and is paid back.
        let (mut host, start) = self::host(10);
        host.pace(
            &Pace {
                tokens_per_minute: Some(600),
                ..Pace::default()
            },
            true,
            start,
        );
        assert_eq!(host.ready(start, 100), Ready::Go);
        host.take(start, 100);
        let Ready::Until(until, "tokens-a-minute") = host.ready(start, 10) else {
            panic!("it owes tokens");
        };
        assert_eq!((until - start).as_secs(), 10);
    }
}
