//! What the tests of several crates need and nothing ships: where the shared real data is, hermetic runs of a binary,
//! redaction for snapshots, systems that misbehave (as binaries), a provider that does so by script, a forge, and an endpoint behind TLS.

pub mod environment;
pub mod forge;
pub mod provider;
pub mod redact;
pub mod shared;
pub mod tls;

pub use environment::{TestEnvironment, Transcript};
pub use redact::Redactor;
pub use shared::shared_data;
