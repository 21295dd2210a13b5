//! What the tests of several crates need and nothing ships: where the shared real data is, hermetic runs of a binary,
//! redaction for snapshots, systems that misbehave (as binaries), a provider that does so by script, a forge, an identity provider, an endpoint behind TLS, and as much of a browser as logging in needs.

pub mod browser;
pub mod environment;
pub mod forge;
pub mod identity;
pub mod provider;
pub mod redact;
pub mod shared;
pub mod tls;

pub use environment::{TestEnvironment, Transcript};
pub use redact::Redactor;
pub use shared::shared_data;
