//! Starts that are committed ahead of a free place, so that no place waits for the disk.
//!
//! Only as many as end while a commit takes its time, and never more than half of what may be on its way: a run that is killed must name
//! them among what may have been paid for. A run that ends by itself takes their starts back.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::Blob;
use gatewright_core::plan::AttemptSpec;
use tokio::time::Instant;

use super::flight::Flight;
use super::{Live, System};
use crate::event::EngineEvent;
use crate::live::host::Ready;
use crate::live::reserve::Reserve;
use crate::live::wire::Order;
use crate::run::{Limit, Run, RunEnd, SinkError};

/// The starts ahead on one host.
#[derive(Default)]
pub(super) struct Ahead {
    /// What is committed and not sent, as the thread that speaks HTTP shares it.
    pub(super) reserve: Arc<Reserve>,
    /// All of them by ticket: to be committed, in reserve, or sent without the loop having heard of it.
    pub(super) tickets: BTreeSet<u64>,
}

impl Live {
    /// Returns how many starts are ahead on all hosts.
    pub(super) fn promised(&self) -> usize {
        self.ahead.iter().map(|ahead| ahead.tickets.len()).sum()
    }

    /// Says whether so much of a reserve is used up that it must be filled now, and not with the next commit.
    pub(super) fn is_low(&self) -> bool {
        !self.promising.is_empty()
            && self.ahead.iter().any(|ahead| {
                !ahead.tickets.is_empty() && 2 * ahead.reserve.len() <= ahead.tickets.len()
            })
    }

    /// Puts into reserve what was committed for it.
    pub(super) fn stock(&mut self) {
        for ticket in std::mem::take(&mut self.promising) {
            let Some(flight) = self.flights.get_mut(&ticket) else {
                continue;
            };
            let Some(system) = self.systems.get(&flight.attempt.system) else {
                continue;
            };
            flight.fresh = false;
            self.ahead[system.host]
                .reserve
                .add(order(ticket, flight, system));
        }
    }

    /// Notes that a request from the reserve went; returns its attempt.
    pub(super) fn went(&mut self, ticket: u64, at: Instant) -> Option<AttemptSpec> {
        let flight = self.flights.get_mut(&ticket)?;
        let host = self.systems.get(&flight.attempt.system)?.host;
        if !self.ahead[host].tickets.remove(&ticket) {
            return None;
        }
        flight.sent = Some(at);
        self.hosts[host].take(at, flight.tokens);
        Some(flight.attempt)
    }

    /// Takes back what is ahead; returns the attempts whose start is not committed, and those whose start is and that were not sent.
    pub(super) fn take_back(&mut self) -> (Vec<AttemptSpec>, Vec<AttemptSpec>) {
        let mut unstarted = Vec::new();
        let mut unsent = Vec::new();
        for ticket in std::mem::take(&mut self.promising) {
            if let Some(flight) = self.flights.remove(&ticket) {
                unstarted.push(flight.attempt);
            }
        }
        let now = Instant::now();
        for index in 0..self.ahead.len() {
            for order in self.ahead[index].reserve.take_back() {
                if let Some(flight) = self.flights.remove(&order.ticket) {
                    unsent.push(flight.attempt);
                }
            }
            // What is neither here nor there was sent already.
            for ticket in std::mem::take(&mut self.ahead[index].tickets) {
                if let Some(flight) = self.flights.get_mut(&ticket) {
                    flight.sent = Some(now);
                    self.hosts[index].take(now, flight.tokens);
                }
            }
        }
        (unstarted, unsent)
    }
}

/// Writes the order for a request.
pub(super) fn order(ticket: u64, flight: &Flight, system: &System) -> Order {
    Order {
        ticket,
        line: system.line,
        step: flight.step,
        call: flight.call,
        body: flight.outgoing.body.clone(),
    }
}

impl<I, O, C> Run<'_, I, O, C>
where
    I: Iterator<Item = AttemptSpec>,
    O: FnMut(&EngineEvent<'_>),
    C: FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
{
    /// Sends what is in reserve of a host as far as there is room.
    pub(super) fn send_ahead(&mut self, host: usize, now: Instant) {
        loop {
            let Some(&ticket) = self.live.ahead[host].tickets.first() else {
                return;
            };
            let tokens = self.live.flights.get(&ticket).map_or(0, |it| it.tokens);
            match self.live.hosts[host].ready(now, tokens) {
                Ready::Go => {}
                Ready::Full => return,
                Ready::Until(until, why) => return self.wait_for(host, until, why, now),
            }
            let Some(order) = self.live.ahead[host].reserve.next() else {
                return;
            };
            if let Some(attempt) = self.live.went(order.ticket, now) {
                (self.observe)(&EngineEvent::Started { attempt });
            }
            if let Some(wire) = &self.live.wire {
                wire.send(order);
            }
        }
    }

    /// Has the starts of the next attempts committed ahead of a free place.
    pub(super) fn promise_ahead(&mut self, host: usize, now: Instant) {
        let most = self.live.hosts[host].ahead(self.limits.batch_wait);
        self.live.ahead[host].reserve.flow(most > 0);
        // Filled when half of it is gone: fewer and larger commits.
        if self.live.ahead[host].tickets.len() * 2 > most {
            return;
        }
        while self.end.is_none() && self.live.ahead[host].tickets.len() < most {
            let Some(role) = self.next_on(host) else {
                return;
            };
            if !self.live.systems[&role].is_trusted() || !self.may_spend() {
                return;
            }
            self.take_off(role, host, now, true);
        }
    }

    /// Lets what is ahead go where the run may start nothing more: its place in the budget is counted already.
    pub(super) fn finish_ahead(&mut self) {
        let now = Instant::now();
        for host in 0..self.live.hosts.len() {
            let flows = self.live.hosts[host].ahead(self.limits.batch_wait) > 0;
            self.live.ahead[host].reserve.flow(flows);
            self.send_ahead(host, now);
        }
    }

    /// Says whether the run is at a limit: what has its place already still goes.
    pub(super) fn is_at_limit(&self) -> bool {
        matches!(
            self.end,
            Some(RunEnd::Limited {
                what: Limit::Attempts | Limit::Calls | Limit::Cost
            })
        )
    }
}
