//! The loop's side of live systems: which request goes next, what follows its end, and what is spent.

mod ahead;
mod ended;
mod flight;
mod next;
mod refused;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use self::ahead::{Ahead, order};
use self::flight::Flight;
use self::refused::Doubt;
use super::RunError;
use crate::limits::Limits;
use crate::live::host::Host;
use crate::live::wire::{Clients, Line, Wire};
use crate::target::{Begun, LiveTarget, Targets};

/// Everything live.
#[derive(Default)]
pub(in crate::run) struct Live {
    systems: BTreeMap<Role, System>,
    hosts: Vec<Host>,
    /// What is committed ahead on each host.
    ahead: Vec<Ahead>,
    flights: BTreeMap<u64, Flight>,
    /// Flights that are sent as soon as what is pending is committed.
    waiting: Vec<u64>,
    /// Flights that go into reserve as soon as what is pending is committed.
    promising: Vec<u64>,
    /// When flights are to be tried again.
    later: BinaryHeap<Reverse<(Instant, u64)>>,
    lines: Option<Arc<[Line]>>,
    pub(in crate::run) wire: Option<Wire>,
    begun: BTreeMap<AttemptSpec, Vec<Begun>>,
    /// Attempts that were refused in an earlier part of the run, and how often.
    refused: BTreeMap<AttemptSpec, u32>,
    /// Until when each attempt of a pending event waits, to be told with it.
    pub(in crate::run) again_in: BTreeMap<AttemptSpec, Duration>,
    /// Rooms of large answers that wait for their commit.
    pub(in crate::run) rooms: Vec<OwnedSemaphorePermit>,
    tickets: u64,
    calls: u64,
    spent_usd: f64,
    dearest_usd: f64,
    /// Until when each host was last said to wait.
    told: BTreeMap<usize, Instant>,
    /// When a host that may not be asked now may be asked again.
    due: Option<Instant>,
}

struct System {
    line: usize,
    host: usize,
    queue: VecDeque<AttemptSpec>,
    answered: bool,
    /// Whether what it is asked with still holds.
    doubt: Doubt,
    /// Attempts of it that are being made. Until its first answer it is one: a wrong key, model or address shows on one call and not on many.
    made: u32,
    held: Vec<RunEvent>,
    in_a_row: u32,
    seen: BTreeSet<(Option<String>, Option<String>)>,
    last_seen: String,
    tokens: u64,
}

impl Live {
    /// Prepares connections to all live systems.
    ///
    /// # Errors
    /// A system that cannot be asked as its page says, and why.
    pub(in crate::run) fn start(
        targets: &[(Role, &LiveTarget)],
        all: &Targets,
        limits: &Limits,
    ) -> Result<Self, RunError> {
        let mut live = Self {
            begun: all.begun.clone(),
            refused: all.refused.clone(),
            ..Self::default()
        };
        if targets.is_empty() {
            return Ok(live);
        }
        let names: BTreeSet<String> = targets
            .iter()
            .filter_map(|(_, target)| target.live.host())
            .collect();
        // All hosts together keep within what this process may hold.
        let room = (room(limits) / names.len().max(1) as u32).max(1);
        let mut clients = Clients::default();
        let now = Instant::now();
        let mut lines = Vec::new();
        for (line, (role, target)) in targets.iter().enumerate() {
            let mut way = Line::new(target, limits, (&mut clients, room))
                .map_err(|why| RunError::Unusable { role: *role, why })?;
            let name = target.live.host().unwrap_or_default();
            let known = live.hosts.iter().position(|host| host.name == name);
            let host = known.unwrap_or_else(|| {
                let limits = Limits {
                    concurrency: limits.concurrency.min(room),
                    ..limits.clone()
                };
                live.hosts.push(Host::new(name, &limits));
                live.ahead.push(Ahead::default());
                live.hosts.len() - 1
            });
            way.reserve = live.ahead[host].reserve.clone();
            lines.push(way);
            let mut pace = target.live.pace;
            pace.concurrency = pace.concurrency.map(|most| most.min(room));
            live.hosts[host].pace(&pace, known.is_none(), now);
            let answered = all.answered.contains(role);
            let mut system = System::new(line, host, answered);
            system.doubt.earlier = all.refused.keys().any(|it| it.system == *role);
            live.systems.insert(*role, system);
        }
        let lines: Arc<[Line]> = lines.into();
        live.lines = Some(lines.clone());
        live.wire = Some(Wire::start(lines, limits).map_err(RunError::Thread)?);
        Ok(live)
    }

    /// Says whether a role is live.
    pub(in crate::run) fn has(&self, role: Role) -> bool {
        self.systems.contains_key(&role)
    }

    /// Queues an attempt.
    pub(in crate::run) fn queue(&mut self, attempt: AttemptSpec) {
        if let Some(system) = self.systems.get_mut(&attempt.system) {
            system.queue.push_back(attempt);
        }
    }

    /// Returns how many attempts are queued.
    pub(in crate::run) fn queued(&self) -> usize {
        self.systems.values().map(|system| system.queue.len()).sum()
    }

    /// Returns how far the queue may run ahead: far enough for all that may be on its way at once.
    pub(in crate::run) fn ahead(&self) -> usize {
        2 * self
            .hosts
            .iter()
            .map(|host| host.most() as usize)
            .sum::<usize>()
    }

    /// Says whether something waits for the next commit.
    pub(in crate::run) fn waits_for_commit(&self) -> bool {
        !self.waiting.is_empty() || self.is_low()
    }

    /// Says whether nothing is being made any more.
    pub(in crate::run) fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    /// Returns the attempts that are on their way.
    pub(in crate::run) fn in_flight(&self) -> Vec<AttemptSpec> {
        let sent = self.flights.values().filter(|flight| flight.sent.is_some());
        sent.map(|flight| flight.attempt).collect()
    }

    /// Returns the next moment at which something can go on by itself.
    pub(in crate::run) fn due(&self) -> Option<Instant> {
        let later = self.later.peek().map(|Reverse((due, _))| *due);
        [later, self.due].into_iter().flatten().min()
    }

    /// Forgets what waits to be sent, but for what is ahead; returns the attempts whose start is not committed yet, and those that were begun and wait.
    pub(in crate::run) fn drop_unsent(&mut self) -> (Vec<AttemptSpec>, Vec<AttemptSpec>) {
        let unstarted: Vec<_> = std::mem::take(&mut self.waiting)
            .into_iter()
            .filter_map(|ticket| {
                let flight = self.flights.get(&ticket)?;
                self.hosts[self.systems[&flight.attempt.system].host].give_back();
                flight.fresh.then_some(flight.attempt)
            })
            .collect();
        self.later.clear();
        self.due = None;
        let mut shelved = Vec::new();
        let ahead: BTreeSet<u64> = self
            .ahead
            .iter()
            .flat_map(|it| it.tickets.iter().copied())
            .collect();
        self.flights.retain(|ticket, flight| {
            let is_kept = flight.sent.is_some() || ahead.contains(ticket);
            if !is_kept && !flight.fresh {
                shelved.push(flight.attempt);
            }
            is_kept
        });
        for (role, system) in &mut self.systems {
            let of = |flight: &&Flight| flight.attempt.system == *role;
            system.made = self.flights.values().filter(of).count() as u32;
        }
        (unstarted, shelved)
    }

    /// Sends what waited for its commit; returns the attempts that are on their way for the first time.
    pub(in crate::run) fn send_waiting(&mut self) -> Vec<AttemptSpec> {
        let now = Instant::now();
        let mut first = Vec::new();
        for ticket in std::mem::take(&mut self.waiting) {
            let (Some(flight), Some(wire)) = (self.flights.get_mut(&ticket), &self.wire) else {
                continue;
            };
            flight.sent = Some(now);
            if std::mem::take(&mut flight.fresh) {
                first.push(flight.attempt);
            }
            if let Some(system) = self.systems.get(&flight.attempt.system) {
                wire.send(order(ticket, flight, system));
            }
        }
        self.stock();
        first
    }

    /// Takes the failures that were held back, but for those of a system that is broken, and for refusals when the run is not `complete`: whether
    /// they are about their requests is not known yet.
    pub(in crate::run) fn release_held(
        &mut self,
        broken: Option<Role>,
        complete: bool,
    ) -> Vec<RunEvent> {
        let mut released = Vec::new();
        for (role, system) in &mut self.systems {
            let stays = Some(*role) == broken || (!complete && system.doubt.is_held());
            for event in std::mem::take(&mut system.held) {
                // The attempts of a broken system stay outstanding; what was sent for them and what came back is kept all the same.
                match event {
                    RunEvent::Ended {
                        attempt,
                        exchange: Some(exchange),
                        ..
                    } if stays => released.extend([
                        RunEvent::Exchanged {
                            attempt,
                            exchange,
                            response: None,
                        },
                        RunEvent::Shelved { attempt },
                    ]),
                    RunEvent::Ended { .. } if stays => {}
                    event => released.push(event),
                }
            }
        }
        released
    }

    /// Returns how many exchanges ended, are on their way, or are about to be.
    fn sent(&self) -> u64 {
        self.calls + (self.waiting.len() + self.in_flight().len() + self.promised()) as u64
    }

    /// Returns what the next exchange may cost, by what the dearest one has.
    fn reserve(&self) -> f64 {
        self.dearest_usd * (self.flights.len() as f64 + 1.0)
    }

    /// Says whether an exchange that is estimated to cost this much is beyond what may be spent. Once one has been paid for, the dearest so far
    /// is the better guess.
    fn beyond(&self, estimate: Option<f64>, max: f64) -> bool {
        let guess = if self.dearest_usd > 0.0 {
            self.dearest_usd
        } else {
            estimate.unwrap_or(0.0)
        };
        self.spent_usd + guess * (self.flights.len() as f64 + 1.0) > max
    }
}

impl System {
    fn new(line: usize, host: usize, answered: bool) -> Self {
        Self {
            line,
            host,
            queue: VecDeque::new(),
            answered,
            doubt: Doubt::default(),
            made: 0,
            held: Vec::new(),
            in_a_row: 0,
            seen: BTreeSet::new(),
            last_seen: String::new(),
            tokens: 0,
        }
    }
}

/// Returns how many connections this process may hold, raising its own limit as far as it may (F22).
fn room(limits: &Limits) -> u32 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    const SPARE: u64 = 64;
    let mut now = getrlimit(Resource::Nofile);
    if now.current != now.maximum {
        let mut wanted = now;
        wanted.current = now.maximum;
        if setrlimit(Resource::Nofile, wanted).is_ok() {
            now = getrlimit(Resource::Nofile);
        }
    }
    let files = now.current.unwrap_or(u64::MAX);
    let room = files.saturating_sub(SPARE).max(8);
    u32::try_from(room)
        .unwrap_or(u32::MAX)
        .max(limits.concurrency.min(8))
}
