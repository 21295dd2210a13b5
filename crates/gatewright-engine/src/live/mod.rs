//! Live systems: what is sent, what came back, when it is tried again, how hard a host is driven, and the thread that speaks HTTP.
//!
//! Everything here but `wire`, `through`, `api` and `errand` is a pure function or a state machine that is told the time, so that each fault of a provider is a test without a network.

pub(crate) mod address;
pub(crate) mod api;
pub(crate) mod ask;
pub(crate) mod door;
pub(crate) mod errand;
pub(crate) mod host;
pub(crate) mod reply;
pub(crate) mod reserve;
mod resolve;
pub(crate) mod retry;
mod said;
mod through;
pub(crate) mod wire;
