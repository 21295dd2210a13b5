//! What the tests of several crates need and nothing ships: where the shared real data is, hermetic runs of a binary,
//! redaction for snapshots, systems that misbehave (as binaries), and a provider that does so by script.

pub mod environment;
pub mod provider;
pub mod redact;
pub mod shared;

pub use environment::{TestEnvironment, Transcript};
pub use redact::Redactor;
pub use shared::shared_data;
