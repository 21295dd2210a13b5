//! The record of a decision: what was decided on which evidence, by whom, so that anyone can compute it again.
//!
//! `chain` links a log's events, `envelope` is DSSE, `key` is who may sign with what, `statement` is what is signed (in-toto v1 with our
//! predicate, docs/formats/decision.md), `outcomes` hashes what the graders said, `permit` says who may sign and what an override may
//! bypass, `standing` folds the project log into decisions, and `compare` names the first thing that differs.
//! docs/design/0007-the-record.md says what is hashed in which order.

pub mod chain;
pub mod compare;
pub mod envelope;
pub mod key;
pub mod outcomes;
pub mod permit;
pub mod standing;
pub mod statement;

pub use chain::Checkpoint;
pub use compare::{Difference, first_difference};
pub use envelope::{Envelope, EnvelopeFault};
pub use key::{KeyEntry, Keys, PublicKey, SecretKey};
pub use standing::{Recorded, in_force, recorded};
pub use statement::{Kind, Predicate, Statement, Summary};

/// Writes a value as canonical JSON: keys sorted, no white space. What is signed and hashed is this text.
pub fn canonical<T: serde::Serialize>(value: &T) -> String {
    let mut tree = serde_json::to_value(value).unwrap_or(serde_json::Value::Null);
    tree.sort_all_objects();
    tree.to_string()
}
