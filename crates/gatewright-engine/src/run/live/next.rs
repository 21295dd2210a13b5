//! Which request goes next: first those that are tried again, then the attempts that are next in the plan.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::Blob;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::{AttemptEnd, Response};
use tokio::time::Instant;

use super::flight::Flight;
use crate::event::EngineEvent;
use crate::live::ask::Outgoing;
use crate::live::host::Ready;
use crate::protocol::trial_seed;
use crate::run::{Limit, Run, RunEnd, SinkError};

/// What goes next on a host.
#[derive(Clone, Copy)]
enum Next {
    Again(u64),
    Attempt(Role),
}

impl<I, O, C> Run<'_, I, O, C>
where
    I: Iterator<Item = AttemptSpec>,
    O: FnMut(&EngineEvent<'_>),
    C: FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
{
    /// Gives requests their go: first those that are tried again, then the attempts that are next in the plan.
    pub(in crate::run) fn assign_live(&mut self) {
        if self.live.systems.is_empty() {
            return;
        }
        if self.end.is_some() {
            self.abandon_unsent();
            if self.is_at_limit() {
                self.finish_ahead();
            }
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
                if again.is_empty() {
                    self.send_ahead(host, now);
                }
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
                    Next::Attempt(role) => self.take_off(role, host, now, false),
                }
            }
            self.promise_ahead(host, now);
            // What had no room goes first the next time.
            for ticket in again {
                self.live.later.push(Reverse((now, ticket)));
            }
        }
    }

    pub(super) fn wait_for(
        &mut self,
        host: usize,
        until: Instant,
        why: &'static str,
        now: Instant,
    ) {
        self.live.due = Some(self.live.due.map_or(until, |due| due.min(until)));
        let wait = until.saturating_duration_since(now);
        if wait >= Duration::from_secs(1) && self.live.told.insert(host, until) != Some(until) {
            let host = &self.live.hosts[host].name;
            (self.observe)(&EngineEvent::Waiting { host, wait, why });
        }
    }

    /// Returns the system on a host whose next attempt is the earliest in the plan: arms stay paired.
    pub(super) fn next_on(&self, host: usize) -> Option<Role> {
        let systems = self.live.systems.iter().filter(|(_, it)| {
            // A stranger is asked one thing first, and so is one that turns us away.
            it.host == host && (it.is_trusted() || it.made == 0)
        });
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
    pub(super) fn may_spend(&mut self) -> bool {
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

    /// Begins an attempt: its start is committed, then it is sent; now, or when there is room for what is `ahead`.
    pub(super) fn take_off(&mut self, role: Role, host: usize, now: Instant, ahead: bool) {
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
        let example = match self.inputs.example(attempt.example) {
            Ok(Some(example)) => example,
            Ok(None) => return self.refuse(attempt),
            Err(changed) => return self.lose_example(changed),
        };
        let begun = self.live.begun.remove(&attempt).unwrap_or_default();
        let mut flight = Flight::new(attempt, example);
        for one in begun {
            flight.call = flight.call.max(one.exchange.call + 1);
            flight.learn(&one.exchange, &one.response);
        }
        match self.compose(&flight) {
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
                let max = self.limits.cost_max_usd;
                if max.is_some_and(|max| self.live.beyond(outgoing.cost_usd, max)) {
                    self.end = Some(RunEnd::Limited { what: Limit::Cost });
                    return;
                }
                flight.tokens = outgoing.tokens;
                flight.outgoing = outgoing;
                if let Some(system) = self.live.systems.get_mut(&role) {
                    system.tokens = flight.tokens;
                    system.made += 1;
                }
                self.live.tickets += 1;
                let ticket = self.live.tickets;
                if ahead {
                    self.live.ahead[host].tickets.insert(ticket);
                    self.live.promising.push(ticket);
                } else {
                    self.live.hosts[host].take(now, flight.tokens);
                    self.live.waiting.push(ticket);
                }
                self.live.flights.insert(ticket, flight);
                self.push(RunEvent::Started { attempt });
            }
        }
    }

    /// Writes what is sent next for an attempt; `None` when nothing is.
    pub(super) fn compose(&self, flight: &Flight) -> Result<Option<Outgoing>, String> {
        let (attempt, example) = (flight.attempt, &flight.example);
        let system = self.live.systems.get(&attempt.system);
        let Some((lines, system)) = self.live.lines.as_ref().zip(system) else {
            return Ok(None);
        };
        let id = example.id.as_str();
        let seed = trial_seed(self.seed, attempt.system, id, attempt.trial);
        lines[system.line]
            .asker
            .next(example, &flight.history, seed)
    }
}
