//! The loop's side of live systems: which request goes next, what follows its end, and what is spent.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::{After, Blob, Exchange, Fault};
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::reference::Input;
use gatewright_core::response::{AttemptEnd, Response, Turn, Usage};
use tokio::time::Instant;

use super::{Limit, Run, RunEnd, RunError, SinkError};
use crate::event::EngineEvent;
use crate::limits::Limits;
use crate::live::ask::Outgoing;
use crate::live::host::{Ended, Host, Ready};
use crate::live::reply::{Reading, Reply};
use crate::live::retry::backoff;
use crate::live::wire::{Heard, Line, Order, Outcome, Wire};
use crate::protocol::{attempt_id, trial_seed};
use crate::target::{Begun, LiveTarget};

/// Tries of a host that was never reached before the run says so: offline is not worth a minute.
const FIRST_TRIES: u32 = 3;

/// Everything live.
#[derive(Default)]
pub(super) struct Live {
    systems: BTreeMap<Role, System>,
    hosts: Vec<Host>,
    flights: BTreeMap<u64, Flight>,
    /// Flights that are sent as soon as what is pending is committed.
    waiting: Vec<u64>,
    /// When flights are to be tried again.
    later: BinaryHeap<Reverse<(Instant, u64)>>,
    lines: Option<Arc<[Line]>>,
    pub(super) wire: Option<Wire>,
    begun: BTreeMap<AttemptSpec, Vec<Begun>>,
    /// Until when each attempt of a pending event waits, to be told with it.
    pub(super) again_in: BTreeMap<AttemptSpec, Duration>,
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
    held: Vec<RunEvent>,
    in_a_row: u32,
    seen: BTreeSet<(Option<String>, Option<String>)>,
    last_seen: String,
    tokens: u64,
}

/// An attempt that is being made.
struct Flight {
    attempt: AttemptSpec,
    outgoing: Outgoing,
    history: Vec<Turn>,
    usage: Usage,
    step: u32,
    call: u32,
    tries: u32,
    waits: u32,
    /// Its start is not committed yet.
    fresh: bool,
    sent: Option<Instant>,
    tokens: u64,
}

impl Live {
    /// Prepares connections to all live systems.
    ///
    /// # Errors
    /// A system that cannot be asked as its page says, and why.
    pub(super) fn start(
        targets: &[(Role, &LiveTarget)],
        begun: &BTreeMap<AttemptSpec, Vec<Begun>>,
        limits: &Limits,
    ) -> Result<Self, RunError> {
        let mut live = Self {
            begun: begun.clone(),
            ..Self::default()
        };
        if targets.is_empty() {
            return Ok(live);
        }
        let room = room(limits);
        let now = Instant::now();
        let mut lines = Vec::new();
        for (line, (role, target)) in targets.iter().enumerate() {
            lines.push(
                Line::new(target, limits).map_err(|why| RunError::Unusable { role: *role, why })?,
            );
            let name = target.live.host().unwrap_or_default();
            let known = live.hosts.iter().position(|host| host.name == name);
            let host = known.unwrap_or_else(|| {
                let limits = Limits {
                    concurrency: limits.concurrency.min(room),
                    ..limits.clone()
                };
                live.hosts.push(Host::new(name, &limits));
                live.hosts.len() - 1
            });
            let mut pace = target.live.pace;
            pace.concurrency = pace.concurrency.map(|most| most.min(room));
            live.hosts[host].pace(&pace, known.is_none(), now);
            live.systems.insert(*role, System::new(line, host));
        }
        let lines: Arc<[Line]> = lines.into();
        live.lines = Some(lines.clone());
        live.wire = Some(Wire::start(lines, limits).map_err(RunError::Thread)?);
        Ok(live)
    }

    /// Says whether a role is live.
    pub(super) fn has(&self, role: Role) -> bool {
        self.systems.contains_key(&role)
    }

    /// Queues an attempt.
    pub(super) fn queue(&mut self, attempt: AttemptSpec) {
        if let Some(system) = self.systems.get_mut(&attempt.system) {
            system.queue.push_back(attempt);
        }
    }

    /// Returns how many attempts are queued.
    pub(super) fn queued(&self) -> usize {
        self.systems.values().map(|system| system.queue.len()).sum()
    }

    /// Returns how far the queue may run ahead: far enough for all that may be on its way at once.
    pub(super) fn ahead(&self) -> usize {
        2 * self
            .hosts
            .iter()
            .map(|host| host.most() as usize)
            .sum::<usize>()
    }

    /// Says whether something waits for the next commit.
    pub(super) fn waits_for_commit(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Says whether nothing is being made any more.
    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    /// Returns the attempts that are on their way.
    pub(super) fn in_flight(&self) -> Vec<AttemptSpec> {
        let sent = self.flights.values().filter(|flight| flight.sent.is_some());
        sent.map(|flight| flight.attempt).collect()
    }

    /// Returns the next moment at which something can go on by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        let later = self.later.peek().map(|Reverse((due, _))| *due);
        [later, self.due].into_iter().flatten().min()
    }

    /// Forgets what was not sent; returns the attempts whose start is not committed yet.
    pub(super) fn drop_unsent(&mut self) -> Vec<AttemptSpec> {
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
        self.flights.retain(|_, flight| flight.sent.is_some());
        unstarted
    }

    /// Sends what waited for its commit.
    pub(super) fn send_waiting(&mut self) {
        let now = Instant::now();
        for ticket in std::mem::take(&mut self.waiting) {
            let (Some(flight), Some(wire)) = (self.flights.get_mut(&ticket), &self.wire) else {
                continue;
            };
            flight.sent = Some(now);
            flight.fresh = false;
            let Some(system) = self.systems.get(&flight.attempt.system) else {
                continue;
            };
            wire.send(Order {
                ticket,
                line: system.line,
                step: flight.step,
                call: flight.call,
                body: flight.outgoing.body.clone(),
            });
        }
    }

    /// Takes the failures that were held back, but for those of a system that is broken.
    pub(super) fn release_held(&mut self, broken: Option<Role>) -> Vec<RunEvent> {
        let whole = self
            .systems
            .iter_mut()
            .filter(|(role, _)| Some(**role) != broken);
        whole
            .flat_map(|(_, system)| std::mem::take(&mut system.held))
            .collect()
    }

    /// Returns how many exchanges ended, are on their way, or are about to be.
    fn sent(&self) -> u64 {
        self.calls + (self.waiting.len() + self.in_flight().len()) as u64
    }

    /// Returns what the next exchange may cost, by what the dearest one has.
    fn reserve(&self) -> f64 {
        self.dearest_usd * (self.flights.len() as f64 + 1.0)
    }
}

impl System {
    fn new(line: usize, host: usize) -> Self {
        Self {
            line,
            host,
            queue: VecDeque::new(),
            answered: false,
            held: Vec::new(),
            in_a_row: 0,
            seen: BTreeSet::new(),
            last_seen: String::new(),
            tokens: 0,
        }
    }
}

impl<I, O, C> Run<'_, I, O, C>
where
    I: Iterator<Item = AttemptSpec>,
    O: FnMut(&EngineEvent<'_>),
    C: FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
{
    /// Gives requests their go: first those that are tried again, then the attempts that are next in the plan.
    pub(super) fn assign_live(&mut self) {
        if self.live.systems.is_empty() {
            return;
        }
        if self.end.is_some() {
            self.abandon_unsent();
            return;
        }
        let now = Instant::now();
        self.live.due = None;
        let mut again: Vec<VecDeque<u64>> = vec![VecDeque::new(); self.live.hosts.len()];
        while let Some(&Reverse((due, ticket))) = self.live.later.peek()
            && due <= now
        {
            self.live.later.pop();
            if let Some(flight) = self.live.flights.get(&ticket) {
                again[self.live.systems[&flight.attempt.system].host].push_back(ticket);
            }
        }
        for (host, mut again) in again.into_iter().enumerate() {
            while self.end.is_none() {
                let next = match again.front() {
                    Some(ticket) => Next::Again(*ticket),
                    None => match self.next_on(host) {
                        Some(role) => Next::Attempt(role),
                        None => break,
                    },
                };
                let tokens = match next {
                    Next::Again(ticket) => self.live.flights.get(&ticket).map_or(0, |it| it.tokens),
                    Next::Attempt(role) => self.live.systems[&role].tokens,
                };
                match self.live.hosts[host].ready(now, tokens) {
                    Ready::Go => {}
                    Ready::Full => break,
                    Ready::Until(until, why) => {
                        self.wait_for(host, until, why, now);
                        break;
                    }
                }
                if !self.may_spend() {
                    break;
                }
                match next {
                    Next::Again(ticket) => {
                        again.pop_front();
                        self.live.hosts[host].take(now, tokens);
                        self.live.waiting.push(ticket);
                    }
                    Next::Attempt(role) => self.take_off(role, host, now),
                }
            }
            // What had no room goes first the next time.
            for ticket in again {
                self.live.later.push(Reverse((now, ticket)));
            }
        }
    }

    fn wait_for(&mut self, host: usize, until: Instant, why: &'static str, now: Instant) {
        self.live.due = Some(self.live.due.map_or(until, |due| due.min(until)));
        let wait = until.saturating_duration_since(now);
        if wait >= Duration::from_secs(1) && self.live.told.insert(host, until) != Some(until) {
            let host = &self.live.hosts[host].name;
            (self.observe)(&EngineEvent::Waiting { host, wait, why });
        }
    }

    /// Returns the system on a host whose next attempt is the earliest in the plan: arms stay paired.
    fn next_on(&self, host: usize) -> Option<Role> {
        let systems = self.live.systems.iter().filter(|(_, it)| it.host == host);
        systems
            .filter_map(|(role, system)| {
                system
                    .queue
                    .front()
                    .map(|front| (front.example, front.trial, *role))
            })
            .min()
            .map(|(_, _, role)| role)
    }

    /// Says whether one more exchange is within the budget; ends the run when it is not.
    fn may_spend(&mut self) -> bool {
        let live = &self.live;
        let what = if self.limits.calls_max.is_some_and(|max| live.sent() >= max) {
            Limit::Calls
        } else if self
            .limits
            .cost_max_usd
            .is_some_and(|max| live.spent_usd + live.reserve() > max)
        {
            Limit::Cost
        } else {
            return true;
        };
        // What has its place already still goes.
        self.end = Some(RunEnd::Limited { what });
        false
    }

    /// Begins an attempt: its start is committed, then it is sent.
    fn take_off(&mut self, role: Role, host: usize, now: Instant) {
        let Some(attempt) = self
            .live
            .systems
            .get_mut(&role)
            .and_then(|it| it.queue.pop_front())
        else {
            return;
        };
        if self
            .limits
            .attempts_max
            .is_some_and(|max| self.asked >= max)
        {
            self.end = Some(RunEnd::Limited {
                what: Limit::Attempts,
            });
            return;
        }
        self.asked += 1;
        let begun = self.live.begun.remove(&attempt).unwrap_or_default();
        let mut flight = Flight::new(attempt);
        for one in begun {
            flight.call = flight.call.max(one.exchange.call + 1);
            flight.learn(&one.exchange, &one.response);
        }
        match self.compose(attempt, &flight.history) {
            Err(what) => {
                let message = format!("its prompt cannot be written: {what}");
                self.settle_live(attempt, AttemptEnd::HarnessError { message }, None);
            }
            Ok(None) if flight.history.is_empty() => self.refuse(attempt),
            Ok(None) => {
                let response = flight.whole(Response::default());
                self.settle_live(attempt, AttemptEnd::Answered { response }, None);
            }
            Ok(Some(outgoing)) => {
                flight.tokens = outgoing.tokens;
                flight.outgoing = outgoing;
                if let Some(system) = self.live.systems.get_mut(&role) {
                    system.tokens = flight.tokens;
                }
                self.live.hosts[host].take(now, flight.tokens);
                self.live.tickets += 1;
                let ticket = self.live.tickets;
                self.live.flights.insert(ticket, flight);
                self.live.waiting.push(ticket);
                self.push(RunEvent::Started { attempt });
            }
        }
    }

    /// Writes what is sent next for an attempt; `None` when nothing is.
    fn compose(&self, attempt: AttemptSpec, history: &[Turn]) -> Result<Option<Outgoing>, String> {
        let (Some(lines), Some(system), Some(example)) = (
            &self.live.lines,
            self.live.systems.get(&attempt.system),
            self.inputs.example(attempt.example),
        ) else {
            return Ok(None);
        };
        let id = example.id.as_str();
        let seed = trial_seed(self.seed, attempt.system, id, attempt.trial);
        lines[system.line].asker.next(example, history, seed)
    }

    /// Learns how a request ended.
    pub(super) fn hear_live(&mut self, heard: Heard) {
        let Heard {
            ticket,
            exchange,
            outcome,
            retry_after,
            kept,
        } = heard;
        let Some(mut flight) = self.live.flights.remove(&ticket) else {
            return;
        };
        self.blobs.extend(kept);
        self.live.calls += 1;
        let cost = exchange.usage.cost_usd.unwrap_or(0.0);
        self.live.spent_usd += cost;
        self.live.dearest_usd = self.live.dearest_usd.max(cost);
        let role = flight.attempt.system;
        let now = Instant::now();
        let usage = exchange.usage;
        let used = usage.input_tokens.zip(usage.output_tokens);
        let ended = Ended {
            sent: flight.sent.take().unwrap_or(now),
            fault: match outcome {
                // A broken promise of time is the system's failure, not its host's.
                Outcome::PromiseBroken(_) => None,
                Outcome::Read(_) => exchange.fault,
            },
            retry_after,
            tokens: (flight.tokens, used.map(|(read, written)| read + written)),
        };
        let host = self.live.systems[&role].host;
        if let Some(change) = self.live.hosts[host].ended(now, ended) {
            self.push(RunEvent::Paced {
                host: self.live.hosts[host].name.clone(),
                concurrency: change.concurrency,
                why: change.why.to_owned(),
            });
        }
        match outcome {
            Outcome::PromiseBroken(after_ms) => {
                let end = AttemptEnd::TimedOut { after_ms };
                self.settle_live(flight.attempt, end, Some(exchange));
            }
            Outcome::Read(Reading::Reply(reply)) => self.answered(ticket, flight, exchange, *reply),
            Outcome::Read(Reading::Fault(fault, what)) => {
                self.failed(ticket, flight, exchange, fault, &what, retry_after);
            }
        }
    }

    fn answered(&mut self, ticket: u64, mut flight: Flight, exchange: Exchange, reply: Reply) {
        let attempt = flight.attempt;
        self.note_model(attempt.system, &reply);
        let mut response = reply.response;
        response.usage = exchange.usage;
        response.latency_ms = Some(exchange.latency_ms);
        response.first_token_ms = exchange.first_token_ms;
        if !self.has_more(attempt, &response) {
            let end = AttemptEnd::Answered { response };
            self.settle_live(attempt, end, Some(exchange));
            return;
        }
        flight.learn(&exchange, &response);
        // Kept with what was asked, so that an interrupted conversation can go on from it.
        response.turns = flight.history.last().cloned().into_iter().collect();
        let next = if flight.history.len() as u32 >= self.limits.turns_max {
            Ok(None)
        } else {
            self.compose(attempt, &flight.history)
        };
        match next {
            Ok(Some(outgoing)) if self.end.is_none() => {
                self.push(RunEvent::Exchanged {
                    attempt,
                    exchange: Box::new(exchange),
                    response: Some(Box::new(response)),
                });
                flight.call += 1;
                (flight.tries, flight.waits) = (0, 0);
                flight.tokens = outgoing.tokens;
                flight.outgoing = outgoing;
                self.live.flights.insert(ticket, flight);
                self.live.later.push(Reverse((Instant::now(), ticket)));
            }
            // The run ends here; the turn is kept, and the conversation goes on from it the next time.
            Ok(Some(_)) => self.push(RunEvent::Exchanged {
                attempt,
                exchange: Box::new(exchange),
                response: Some(Box::new(response)),
            }),
            Ok(None) => {
                let end = AttemptEnd::Answered {
                    response: flight.whole(response),
                };
                self.settle_live(attempt, end, Some(exchange));
            }
            Err(what) => {
                let message = format!("its prompt cannot be written: {what}");
                self.settle_live(
                    attempt,
                    AttemptEnd::HarnessError { message },
                    Some(exchange),
                );
            }
        }
    }

    /// Says whether an attempt may have more turns after this answer.
    fn has_more(&self, attempt: AttemptSpec, response: &Response) -> bool {
        self.inputs.example(attempt.example).is_some_and(|example| {
            matches!(example.input, Input::Turns(_))
                || (!response.tool_calls.is_empty() && example.context.contains_key("tool_results"))
        })
    }

    /// Records when another model answers than before (F27).
    fn note_model(&mut self, role: Role, reply: &Reply) {
        let Some(system) = self.live.systems.get_mut(&role) else {
            return;
        };
        let (model, fingerprint) = (reply.model.clone(), reply.fingerprint.clone());
        let name = [&model, &fingerprint]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ");
        if name == system.last_seen || !system.seen.insert((model.clone(), fingerprint.clone())) {
            return;
        }
        if !system.last_seen.is_empty() {
            (self.observe)(&EngineEvent::ModelChanged {
                system: role,
                from: &system.last_seen,
                to: &name,
            });
        }
        system.last_seen = name;
        self.push(RunEvent::ModelSeen {
            system: role,
            model,
            fingerprint,
        });
    }

    fn failed(
        &mut self,
        ticket: u64,
        mut flight: Flight,
        exchange: Exchange,
        fault: Fault,
        what: &str,
        asked: Option<Duration>,
    ) {
        let attempt = flight.attempt;
        let answered = self.live.systems[&attempt.system].answered;
        let host = self.live.systems[&attempt.system].host;
        let unreached = !answered
            && matches!(fault, Fault::Dns | Fault::Connect)
            && flight.tries + 1 >= FIRST_TRIES;
        let dead = fault.is_of_the_host()
            && self.live.hosts[host].openings() > self.limits.circuit_openings_max;
        // A key that has worked and a model that has answered are there: then it is about this one request.
        let pauses = match fault.after() {
            After::Pause => !answered || matches!(fault, Fault::MoneyGone | Fault::PrivateAddress),
            _ => unreached || dead,
        };
        if pauses {
            self.push(RunEvent::Exchanged {
                attempt,
                exchange: Box::new(exchange),
                response: None,
            });
            self.pause(attempt.system, fault, what);
            return;
        }
        let retry = fault.after() == After::Retry && {
            if fault == Fault::RateLimited {
                flight.waits += 1;
                flight.waits <= self.limits.waits_max
            } else {
                flight.tries += 1;
                flight.tries < self.limits.tries_max
            }
        };
        if !retry {
            let end = AttemptEnd::ProviderError {
                message: what.to_owned(),
                code: Some(fault.word().to_owned()),
                latency_ms: Some(exchange.latency_ms),
            };
            self.settle_live(attempt, end, Some(exchange));
            return;
        }
        let example = self
            .inputs
            .example(attempt.example)
            .map(|it| it.id.as_str());
        let id = attempt_id(
            self.seed,
            attempt.system,
            example.unwrap_or_default(),
            attempt.trial,
        );
        let wait = backoff(
            &id,
            flight.tries.max(flight.waits).saturating_sub(1),
            asked,
            self.limits,
        );
        self.push(RunEvent::Exchanged {
            attempt,
            exchange: Box::new(exchange),
            response: None,
        });
        if self.end.is_some() {
            return;
        }
        flight.call += 1;
        self.live.again_in.insert(attempt, wait);
        self.live.flights.insert(ticket, flight);
        self.live
            .later
            .push(Reverse((Instant::now() + wait, ticket)));
    }

    fn pause(&mut self, system: Role, fault: Fault, what: &str) {
        if self.end.is_some() {
            return;
        }
        let why = what.to_owned();
        self.push(RunEvent::Paused {
            system,
            why: format!("{}: {why}", fault.word()),
        });
        self.end = Some(RunEnd::Paused { system, fault, why });
        self.abandon_unsent();
    }

    /// Files how an attempt ended. Failures from before a system's first answer are held back, as with programs.
    fn settle_live(&mut self, attempt: AttemptSpec, end: AttemptEnd, exchange: Option<Exchange>) {
        let failed = matches!(
            end,
            AttemptEnd::ProviderError { .. } | AttemptEnd::HarnessError { .. }
        );
        let why = match &end {
            AttemptEnd::ProviderError { message, .. } | AttemptEnd::HarnessError { message } => {
                message.clone()
            }
            _ => String::new(),
        };
        let event = RunEvent::Ended {
            attempt,
            recorded_trial: None,
            end,
            exchange: exchange.map(Box::new),
        };
        let Some(system) = self.live.systems.get_mut(&attempt.system) else {
            return;
        };
        if failed && !system.answered {
            system.held.push(event);
            system.in_a_row += 1;
            if system.in_a_row >= self.limits.faults_in_a_row_max && self.end.is_none() {
                let times = system.in_a_row;
                self.end = Some(RunEnd::Broken {
                    system: attempt.system,
                    why: format!("its first {times} attempts all failed, at last: {why}"),
                });
                self.abandon_unsent();
            }
            return;
        }
        let mut events = Vec::new();
        if !failed {
            system.answered = true;
            system.in_a_row = 0;
            events = std::mem::take(&mut system.held);
        }
        events.push(event);
        for event in events {
            self.push(event);
        }
    }

    /// Takes back what was not sent: nothing more goes out from here.
    pub(super) fn abandon_unsent(&mut self) {
        for attempt in self.live.drop_unsent() {
            self.pending
                .retain(|event| *event != RunEvent::Started { attempt });
        }
    }
}

/// What goes next on a host.
#[derive(Clone, Copy)]
enum Next {
    Again(u64),
    Attempt(Role),
}

impl Flight {
    fn new(attempt: AttemptSpec) -> Self {
        Self {
            attempt,
            outgoing: Outgoing {
                body: Vec::new(),
                user: String::new(),
                tool_results: false,
                tokens: 0,
            },
            history: Vec::new(),
            usage: Usage::default(),
            step: 0,
            call: 0,
            tries: 0,
            waits: 0,
            fresh: true,
            sent: None,
            tokens: 0,
        }
    }

    /// Adds a turn that came back.
    fn learn(&mut self, exchange: &Exchange, response: &Response) {
        let said = response.turns.last();
        self.history.push(Turn {
            user: said.map_or_else(|| self.outgoing.user.clone(), |turn| turn.user.clone()),
            tool_results: said.map_or(self.outgoing.tool_results, |turn| turn.tool_results),
            output: response.output.clone(),
            tool_calls: response.tool_calls.clone(),
            latency_ms: Some(exchange.latency_ms),
        });
        self.step += 1;
        self.usage = add(self.usage, exchange.usage);
    }

    /// Makes one response of all turns: what was said last, every tool that was called, and what all of it took.
    fn whole(&self, last: Response) -> Response {
        let latency = self.history.iter().filter_map(|turn| turn.latency_ms).sum();
        Response {
            output: self
                .history
                .last()
                .map(|turn| turn.output.clone())
                .unwrap_or_default(),
            tool_calls: self
                .history
                .iter()
                .flat_map(|turn| turn.tool_calls.clone())
                .collect(),
            usage: self.usage,
            latency_ms: Some(latency),
            turns: self.history.clone(),
            ..last
        }
    }
}

fn add(a: Usage, b: Usage) -> Usage {
    let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    };
    Usage {
        input_tokens: sum(a.input_tokens, b.input_tokens),
        output_tokens: sum(a.output_tokens, b.output_tokens),
        cost_usd: match (a.cost_usd, b.cost_usd) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        },
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
