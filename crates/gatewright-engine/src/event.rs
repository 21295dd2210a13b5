//! What somebody who watches a run is told.

use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::AttemptEnd;

/// What happened. Attempts are told only after their commit has returned.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineEvent<'e> {
    /// An attempt is on its way.
    Started {
        /// Which.
        attempt: AttemptSpec,
    },
    /// An attempt ended.
    Ended {
        /// Which.
        attempt: AttemptSpec,
        /// How.
        end: &'e AttemptEnd,
    },
    /// A program was started.
    ProcessStarted {
        /// Of which system.
        system: Role,
        /// Its process id.
        pid: u32,
    },
    /// A program ended, or was ended, before its work was done. It is started again when there is more to ask.
    ProcessLost {
        /// Of which system.
        system: Role,
        /// Why, for people.
        why: &'e str,
    },
    /// A system works with fewer programs than it was given: no more could be started.
    FewerWorkers {
        /// Of which system.
        system: Role,
        /// Why, for people.
        why: &'e str,
    },
    /// A system did something odd that cost nothing.
    Note {
        /// Which system.
        system: Role,
        /// What, for people. It may quote the system: untrusted text.
        what: &'e str,
    },
    /// Nothing more is started; this many attempts are still on their way.
    Draining {
        /// How many.
        in_flight: usize,
    },
}
