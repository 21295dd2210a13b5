//! What the tests of several crates need and nothing ships: where the shared real data is, hermetic runs of a binary,
//! redaction for snapshots, and (as binaries) systems that misbehave.

pub mod environment;
pub mod redact;
pub mod shared;

pub use environment::{TestEnvironment, Transcript};
pub use redact::Redactor;
pub use shared::shared_data;
