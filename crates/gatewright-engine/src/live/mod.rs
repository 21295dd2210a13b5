//! Live systems: what is sent, what came back, when it is tried again, how hard a host is driven, and the thread that speaks HTTP.
//!
//! Everything here but `wire` is a pure function or a state machine that is told the time, so that each fault of a provider is a test without a network.

pub(crate) mod address;
pub(crate) mod ask;
pub(crate) mod host;
pub(crate) mod reply;
pub(crate) mod reserve;
pub(crate) mod retry;
pub(crate) mod wire;
