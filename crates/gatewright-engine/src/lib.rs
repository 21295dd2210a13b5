//! Makes attempts: recorded outputs and programs that read and write JSON lines, through one closed event loop.
//!
//! [`run()`] takes the attempts that are outstanding and hands batches of events to a commit callback. An attempt is
//! committed as started before a byte of it is sent, and an outcome counts only after its commit has returned. The
//! processes are driven by a thread of their own, so a slow disk delays what is asked next and never what is measured.
//!
//! There is no SQL here, no grading, no printing, no clock but the monotonic one, and no environment: names and values
//! of variables arrive in [`CommandTarget`]. `docs/command-systems.md` describes the protocol.

pub mod crash;
mod event;
mod inputs;
mod limits;
mod line;
mod live;
mod pool;
mod process;
mod program;
mod protocol;
mod run;
mod secret;
mod state;
mod stop;
mod tail;
mod target;
mod worker;

pub use event::EngineEvent;
pub use inputs::{Inputs, Request};
pub use limits::Limits;
pub use live::address::{is_private, is_private_host};
pub use live::api::{Api, ApiFault, ApiReply, ApiTarget};
pub use live::door::{Answer, Calling, Came, Door, Message, OpenDoor, Wanted};
pub use live::errand::Errands;
pub use program::NoProgram;
pub use protocol::{attempt_id, trial_seed};
pub use run::{Limit, RunEnd, RunError, SinkError, run};
pub use secret::{Scrubber, SecretText};
pub use stop::{StopSignal, Stopper, stop_pair};
pub use target::{Begun, CommandTarget, LiveTarget, Target, Targets, environment};
