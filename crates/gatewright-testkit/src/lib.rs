//! What the tests of several crates need and nothing ships: where the shared real data is, misbehaving systems, redaction.

pub mod shared;

pub use shared::shared_data;
