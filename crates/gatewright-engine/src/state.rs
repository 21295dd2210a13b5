//! What the loop knows of its workers and systems.

use std::collections::VecDeque;

use gatewright_core::event::RunEvent;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::recorded::RecordedAttempt;

use crate::pool::Handle;
use crate::tail::Tail;
use crate::worker::Question;

/// Where a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has no program.
    Down,
    /// A program is being started, to be asked this.
    Starting(AttemptSpec),
    /// Its program waits to be asked.
    Up,
    /// This is asked as soon as its start is committed.
    Waiting(AttemptSpec),
    /// This is being answered.
    Busy(AttemptSpec),
    /// It is not used any more: the machine has no room for its program.
    Retired,
}

/// A worker and where it is.
pub(crate) struct Slot {
    pub(crate) handle: Handle,
    pub(crate) state: State,
    /// What is asked as soon as its start is committed.
    pub(crate) question: Option<Question>,
}

impl Slot {
    /// Returns the attempt that a program is answering.
    pub(crate) fn in_flight(&self) -> Option<AttemptSpec> {
        match self.state {
            State::Busy(attempt) => Some(attempt),
            _ => None,
        }
    }

    /// Says whether something is to come from it.
    pub(crate) fn is_engaged(&self) -> bool {
        matches!(
            self.state,
            State::Starting(_) | State::Waiting(_) | State::Busy(_)
        )
    }

    /// Says whether it has a program.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up | State::Waiting(_) | State::Busy(_))
    }
}

/// A system that is a program.
pub(crate) struct System {
    /// What it is to be asked next.
    pub(crate) queue: VecDeque<AttemptSpec>,
    /// It has answered once.
    pub(crate) answered: bool,
    /// Failures from before its first answer. They count once it has answered; if it never does, it is the system
    /// that is broken and not the attempts, and they stay outstanding.
    pub(crate) held: Vec<RunEvent>,
    /// Failures since its last answer.
    pub(crate) in_a_row: u32,
    /// Programs lost.
    pub(crate) lost: u32,
    /// The last lines of its standard error.
    pub(crate) tail: Tail,
}

impl System {
    pub(crate) fn new(tail: Tail) -> Self {
        Self {
            queue: VecDeque::new(),
            answered: false,
            held: Vec::new(),
            in_a_row: 0,
            lost: 0,
            tail,
        }
    }
}

/// The recorded outputs of one system, found by attempt.
pub(crate) struct Recording<'t> {
    attempts: &'t [RecordedAttempt],
    order: Vec<u32>,
}

impl<'t> Recording<'t> {
    pub(crate) fn new(attempts: &'t [RecordedAttempt]) -> Self {
        let mut order: Vec<u32> = (0..attempts.len() as u32).collect();
        order.sort_by_key(|&index| attempts[index as usize].attempt);
        Self { attempts, order }
    }

    /// Returns the event of an attempt, if it was recorded.
    pub(crate) fn ended(&self, attempt: AttemptSpec) -> Option<RunEvent> {
        let at = self
            .order
            .binary_search_by_key(&attempt, |&index| self.attempts[index as usize].attempt)
            .ok()?;
        let recorded = &self.attempts[self.order[at] as usize];
        Some(RunEvent::Ended {
            attempt,
            recorded_trial: Some(recorded.recorded_trial),
            end: recorded.end.clone(),
            exchange: None,
        })
    }
}

/// How one system is reached, ready for the loop.
pub(crate) enum Reach<'t> {
    /// By looking it up.
    Recording(Recording<'t>),
    /// By asking a program.
    Program(System),
}
