//! What the loop makes of a report: which state a worker is in, which events follow, and when a system is broken.

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::Blob;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::AttemptEnd;

use super::{Run, RunEnd, SinkError};
use crate::event::EngineEvent;
use crate::state::{Reach, State};
use crate::worker::{Message, Report};

impl<I, O, C> Run<'_, I, O, C>
where
    I: Iterator<Item = AttemptSpec>,
    O: FnMut(&EngineEvent<'_>),
    C: FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
{
    pub(super) fn hear(&mut self, message: Message) {
        let Message { worker, report } = message;
        let system = self.slots[worker].handle.system;
        let state = self.slots[worker].state;
        match report {
            Report::Started { pid } => {
                (self.observe)(&EngineEvent::ProcessStarted { system, pid });
                if let State::Starting(attempt) = state {
                    self.slots[worker].state = State::Up;
                    if self.end.is_none() {
                        self.promise(worker, attempt);
                    }
                }
            }
            Report::CannotStart { why, scarce } => self.cannot_start(worker, why, scarce),
            Report::Ended { attempt, end } => {
                self.slots[worker].state = State::Up;
                let fault = matches!(end, AttemptEnd::HarnessError { .. });
                self.settle(attempt, end, fault);
            }
            Report::Failed {
                attempt,
                end,
                fault,
            } => {
                self.slots[worker].state = State::Down;
                let why = words(&end);
                (self.observe)(&EngineEvent::ProcessLost { system, why: &why });
                if fault {
                    self.count_lost(system, &why);
                }
                self.settle(attempt, end, fault);
            }
            Report::Lost { why } => {
                // An order that crossed this report starts the next program by itself.
                if state == State::Up {
                    self.slots[worker].state = State::Down;
                }
                (self.observe)(&EngineEvent::ProcessLost { system, why: &why });
                self.count_lost(system, &why);
                self.count_fault(system, &why);
            }
            Report::Note { what } => {
                (self.observe)(&EngineEvent::Note {
                    system,
                    what: &what,
                });
            }
        }
    }

    /// Goes on with fewer workers when the machine has no room for one more program; otherwise the system is broken.
    fn cannot_start(&mut self, worker: usize, why: String, scarce: bool) {
        let role = self.slots[worker].handle.system;
        let state = std::mem::replace(&mut self.slots[worker].state, State::Down);
        let others = self
            .slots
            .iter()
            .any(|slot| slot.handle.system == role && slot.is_up());
        if !(scarce && others) {
            self.break_off(role, why);
            return;
        }
        self.slots[worker].state = State::Retired;
        if let (State::Starting(attempt) | State::Busy(attempt), Some(Reach::Program(system))) =
            (state, self.reaches.get_mut(&role))
        {
            system.queue.push_front(attempt);
            self.asked -= 1;
        }
        (self.observe)(&EngineEvent::FewerWorkers {
            system: role,
            why: &why,
        });
    }

    /// Files how an attempt ended.
    pub(super) fn settle(&mut self, attempt: AttemptSpec, end: AttemptEnd, fault: bool) {
        let role = attempt.system;
        let why = words(&end);
        let answered = !fault && !matches!(end, AttemptEnd::TimedOut { .. });
        let event = RunEvent::Ended {
            attempt,
            recorded_trial: None,
            exchange: None,
            end,
        };
        let Some(Reach::Program(system)) = self.reaches.get_mut(&role) else {
            return;
        };
        if fault && !system.answered {
            system.held.push(event);
        } else {
            let mut events = Vec::new();
            if answered {
                system.answered = true;
                system.in_a_row = 0;
                events = std::mem::take(&mut system.held);
            }
            events.push(event);
            for event in events {
                self.push(event);
            }
        }
        if fault {
            self.count_fault(role, &why);
        }
    }

    fn count_fault(&mut self, role: Role, why: &str) {
        let Some(Reach::Program(system)) = self.reaches.get_mut(&role) else {
            return;
        };
        system.in_a_row += 1;
        if system.in_a_row >= self.limits.faults_in_a_row_max {
            let times = system.in_a_row;
            self.break_off(role, format!("it failed {times} times in a row: {why}"));
        }
    }

    fn count_lost(&mut self, role: Role, why: &str) {
        let Some(Reach::Program(system)) = self.reaches.get_mut(&role) else {
            return;
        };
        system.lost += 1;
        if system.lost > self.limits.restarts_max {
            let times = system.lost;
            self.break_off(role, format!("it was lost {times} times, at last: {why}"));
        }
    }

    fn break_off(&mut self, system: Role, why: String) {
        if self.end.is_none() {
            self.end = Some(RunEnd::Broken { system, why });
        }
    }

    /// Lets failures count that were held back, but for those of a system that is broken.
    pub(super) fn release_held(&mut self) {
        let broken = match &self.end {
            Some(RunEnd::Broken { system, .. } | RunEnd::Paused { system, .. }) => Some(*system),
            _ => None,
        };
        let mut released = Vec::new();
        for (role, reach) in &mut self.reaches {
            if let Reach::Program(system) = reach
                && Some(*role) != broken
            {
                released.append(&mut system.held);
            }
        }
        released.extend(self.live.release_held(broken, self.end.is_none()));
        for event in released {
            self.push(event);
        }
    }
}

/// Says in a few words how an attempt ended.
fn words(end: &AttemptEnd) -> String {
    match end {
        AttemptEnd::Answered { .. } => "it answered".to_owned(),
        AttemptEnd::TimedOut { after_ms } => format!("it exceeded its promise of {after_ms} ms"),
        AttemptEnd::ProviderError { message, .. } => format!("it {message}"),
        AttemptEnd::HarnessError { message } => message.clone(),
    }
}
