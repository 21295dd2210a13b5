//! Refusals by a system that has answered before: one is about its request, several in a row are about the key, the model or the address.
//!
//! What was refused is held back until it is known which. An answer makes it errors of their requests; a pause leaves it outstanding.

use std::collections::BTreeSet;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::{Blob, Exchange, Fault};
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;

use super::System;
use super::ended::provider_error;
use crate::event::EngineEvent;
use crate::run::{Run, SinkError};

/// Different examples refused in a row from which on one thing is asked at a time, and from which on a run does not end without saying so.
const DOUBTED: usize = 2;
/// Refusals of one attempt, each in another part of the run, after which it is about the attempt.
const TIMES_MAX: u32 = 3;

/// What is known against a system that has answered.
#[derive(Default)]
pub(super) struct Doubt {
    /// Examples that were refused since its last answer; their ends are held back.
    examples: BTreeSet<u32>,
    /// The last refusal.
    last: Option<(Fault, String)>,
    /// An earlier part of the run paused for refusals, and nothing was answered since.
    pub(super) earlier: bool,
    /// It has answered in this part of the run.
    answered: bool,
}

impl Doubt {
    /// Says whether refusals are held back.
    pub(super) fn is_held(&self) -> bool {
        !self.examples.is_empty()
    }
}

impl System {
    /// Says whether many things may be asked of it at once.
    pub(super) fn is_trusted(&self) -> bool {
        self.answered && !self.doubt.earlier && self.doubt.examples.len() < DOUBTED
    }
}

impl<I, O, C> Run<'_, I, O, C>
where
    I: Iterator<Item = AttemptSpec>,
    O: FnMut(&EngineEvent<'_>),
    C: FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
{
    /// Learns that a system answers: what it was asked with holds, and what it refused was refused for itself.
    pub(super) fn trust(&mut self, role: Role) {
        let Some(system) = self.live.systems.get_mut(&role) else {
            return;
        };
        let was_held = system.doubt.is_held();
        system.doubt = Doubt {
            answered: true,
            ..Doubt::default()
        };
        if was_held {
            for event in std::mem::take(&mut system.held) {
                self.push(event);
            }
        }
    }

    /// Files a refusal by a system that has answered before.
    pub(super) fn refused(
        &mut self,
        attempt: AttemptSpec,
        exchange: Exchange,
        fault: Fault,
        what: &str,
    ) {
        // Nothing can be asked any more that would tell what it is about: it stays outstanding.
        if self.end.is_some() {
            self.push(RunEvent::Exchanged {
                attempt,
                exchange: Box::new(exchange),
                response: None,
            });
            self.push(RunEvent::Shelved { attempt });
            return;
        }
        let earlier = self.live.refused.get(&attempt).copied().unwrap_or(0);
        let Some(system) = self.live.systems.get_mut(&attempt.system) else {
            return;
        };
        system.made = system.made.saturating_sub(1);
        let event = RunEvent::Ended {
            attempt,
            recorded_trial: None,
            end: provider_error(fault, what, &exchange),
            exchange: Some(Box::new(exchange)),
        };
        let of_itself = earlier > 0 && (system.doubt.answered || earlier + 1 >= TIMES_MAX);
        if of_itself {
            self.push(event);
            return;
        }
        system.held.push(event);
        system.doubt.examples.insert(attempt.example);
        system.doubt.last = Some((fault, what.to_owned()));
        if system.doubt.examples.len() >= self.limits.refusals_max as usize {
            self.pause_for(attempt.system);
        }
    }

    /// Pauses a run at its end when its last examples were refused: whether that is about them is not known.
    pub(in crate::run) fn pause_in_doubt(&mut self) {
        let doubted = self.live.systems.iter();
        let mut doubted = doubted.filter(|(_, it)| it.doubt.examples.len() >= DOUBTED);
        if let Some((&role, _)) = doubted.next() {
            self.pause_for(role);
        }
    }

    fn pause_for(&mut self, role: Role) {
        let Some(doubt) = self.live.systems.get(&role).map(|it| &it.doubt) else {
            return;
        };
        let Some((fault, what)) = doubt.last.clone() else {
            return;
        };
        let count = doubt.examples.len();
        let why = format!(
            "it answered before, and then refused {count} examples in a row, the last one with: {what}"
        );
        self.pause(role, fault, &why);
    }
}
