//! What somebody who watches a run is told.

use std::time::Duration;

use gatewright_core::exchange::Exchange;
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
        /// For live systems: the attempt's last exchange.
        exchange: Option<&'e Exchange>,
    },
    /// An exchange with a provider ended and the attempt goes on: it is tried again, or the conversation has more turns.
    Exchanged {
        /// Which attempt.
        attempt: AttemptSpec,
        /// What was sent and what came back.
        exchange: &'e Exchange,
        /// How long until it is tried again; `None` when it is the next turn's.
        again_in: Option<Duration>,
    },
    /// A host is not asked for a while.
    Waiting {
        /// The host.
        host: &'e str,
        /// How long.
        wait: Duration,
        /// Why: `rate-limited`, `overloaded`, `circuit-open`, `requests-a-minute`, `tokens-a-minute`.
        why: &'e str,
    },
    /// The run changed how hard it drives a host.
    Paced {
        /// The host.
        host: &'e str,
        /// Requests that may be on their way at once from now on.
        concurrency: u32,
        /// Why.
        why: &'e str,
    },
    /// Another model answers than before.
    ModelChanged {
        /// Of which system.
        system: Role,
        /// What answered until now.
        from: &'e str,
        /// What answers now.
        to: &'e str,
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
