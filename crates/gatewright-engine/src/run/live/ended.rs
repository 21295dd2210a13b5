//! What follows the end of a request: an answer, the next turn, another try, or a pause.

use std::cmp::Reverse;
use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::{After, Blob, Exchange, Fault};
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::AttemptEnd;
use tokio::time::Instant;

use super::flight::Flight;
use crate::event::EngineEvent;
use crate::live::host::Ended;
use crate::live::reply::{Reading, Reply};
use crate::live::retry::backoff;
use crate::live::wire::{Heard, Outcome};
use crate::protocol::attempt_id;
use crate::run::{Run, RunEnd, SinkError};

/// Tries of a host that was never reached before the run says so: offline is not worth a minute.
const FIRST_TRIES: u32 = 3;

impl<I, O, C> Run<'_, I, O, C>
where
    I: Iterator<Item = AttemptSpec>,
    O: FnMut(&EngineEvent<'_>),
    C: FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
{
    /// Learns how a request ended.
    pub(in crate::run) fn hear_live(&mut self, heard: Heard) {
        let Heard {
            ticket,
            exchange,
            outcome,
            retry_after,
            kept,
            followed,
            room,
        } = heard;
        let Some(mut flight) = self.live.flights.remove(&ticket) else {
            return;
        };
        self.live.rooms.extend(room);
        let role = flight.attempt.system;
        let answered = self.live.systems[&role].answered;
        self.blobs.extend(kept);
        self.live.calls += 1;
        let cost = exchange.usage.cost_usd.unwrap_or(0.0);
        self.live.spent_usd += cost;
        self.live.dearest_usd = self.live.dearest_usd.max(cost);
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
            // One request that fails again and again is about itself; many that fail once are about the host.
            counts: flight.tries == 0 || !answered,
        };
        let host = self.live.systems[&role].host;
        let change = self.live.hosts[host].ended(now, ended);
        if let Some(attempt) = followed.and_then(|(ticket, at)| self.live.went(ticket, at)) {
            (self.observe)(&EngineEvent::Started { attempt });
        }
        if let Some(change) = change {
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
        self.trust(attempt.system);
        self.note_model(attempt.system, &reply);
        let mut response = reply.response;
        response.usage = exchange.usage;
        response.latency_ms = Some(exchange.latency_ms);
        response.first_token_ms = exchange.first_token_ms;
        if !flight.has_more(&response) {
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
            self.compose(&flight)
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
            Ok(Some(_)) => {
                self.push(RunEvent::Exchanged {
                    attempt,
                    exchange: Box::new(exchange),
                    response: Some(Box::new(response)),
                });
                self.push(RunEvent::Shelved { attempt });
            }
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
        let lost = matches!(fault, Fault::Dns | Fault::Connect);
        // A name that another system has been reached by is there, and comes and goes.
        let comes_back = lost && self.live.hosts[host].was_reached();
        let unreached = !answered && lost && !comes_back && flight.tries + 1 >= FIRST_TRIES;
        let dead = fault.is_of_the_host()
            && self.live.hosts[host].openings() > self.limits.circuit_openings_max;
        // A provider that asks for an hour, again and again, is not waited for.
        let too_long = fault == Fault::RateLimited
            && flight.waits >= FIRST_TRIES
            && asked.is_some_and(|asked| asked > self.limits.retry_after_max);
        // A certificate may end in the middle of a run: that is about the host. Once is no proof of it.
        let insecure = fault == Fault::Tls && answered;
        let pauses = match fault.after() {
            After::Pause if insecure => flight.tries + 1 >= FIRST_TRIES,
            After::Pause if fault.is_refusal() && answered => {
                return self.refused(attempt, exchange, fault, what);
            }
            After::Pause => true,
            _ => unreached || dead || too_long,
        };
        if pauses {
            self.push(RunEvent::Exchanged {
                attempt,
                exchange: Box::new(exchange),
                response: None,
            });
            self.push(RunEvent::Shelved { attempt });
            self.pause(attempt.system, fault, what);
            return;
        }
        let retry = (fault.after() == After::Retry || insecure) && {
            if fault == Fault::RateLimited {
                flight.waits += 1;
                flight.waits <= self.limits.waits_max
            } else if fault.is_of_the_host() && self.live.hosts[host].is_down() {
                // The host is down, and that is not this request's doing.
                flight.tries = flight.tries.max(1);
                true
            } else {
                flight.tries += 1;
                let most = if answered || comes_back {
                    self.limits.tries_max
                } else {
                    self.limits.tries_max.min(FIRST_TRIES)
                };
                flight.tries < most
            }
        };
        if !retry {
            let end = provider_error(fault, what, &exchange);
            self.settle_live(attempt, end, Some(exchange));
            return;
        }
        let example = flight.example.id.as_str();
        let id = attempt_id(self.seed, attempt.system, example, attempt.trial);
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
            self.push(RunEvent::Shelved { attempt });
            return;
        }
        flight.call += 1;
        self.live.again_in.insert(attempt, wait);
        self.live.flights.insert(ticket, flight);
        self.live
            .later
            .push(Reverse((Instant::now() + wait, ticket)));
    }

    pub(super) fn pause(&mut self, system: Role, fault: Fault, what: &str) {
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
    pub(super) fn settle_live(
        &mut self,
        attempt: AttemptSpec,
        end: AttemptEnd,
        exchange: Option<Exchange>,
    ) {
        // An attempt whose prompt cannot be written never took off.
        let was_made = exchange.is_some();
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
        if was_made {
            system.made = system.made.saturating_sub(1);
        }
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
            // An answer out of time proves no key.
            if !system.doubt.is_held() {
                events = std::mem::take(&mut system.held);
            }
        }
        events.push(event);
        for event in events {
            self.push(event);
        }
    }

    /// Takes back what was not sent: nothing more goes out from here, but at a limit what has its place already.
    pub(in crate::run) fn abandon_unsent(&mut self) {
        let (mut unstarted, mut unsent) = (Vec::new(), Vec::new());
        if !self.is_at_limit() {
            (unstarted, unsent) = self.live.take_back();
        }
        let (fresh, begun) = self.live.drop_unsent();
        unstarted.extend(fresh);
        unsent.extend(begun);
        if !unstarted.is_empty() {
            self.pending.retain(
                |event| !matches!(event, RunEvent::Started { attempt } if unstarted.contains(attempt)),
            );
        }
        for attempt in unsent {
            self.push(RunEvent::Shelved { attempt });
        }
    }
}

/// Says how an attempt ended that came to nothing.
pub(super) fn provider_error(fault: Fault, what: &str, exchange: &Exchange) -> AttemptEnd {
    AttemptEnd::ProviderError {
        message: what.to_owned(),
        code: Some(fault.word().to_owned()),
        latency_ms: Some(exchange.latency_ms),
    }
}
