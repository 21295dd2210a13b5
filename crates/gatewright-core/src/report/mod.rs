//! The report: a view model with every number already chosen, and its renderers.
//!
//! `view` chooses and computes, `model` is what it makes (`gatewright-report/1`, docs/format-report.md), and
//! `terminal` and `markdown` only arrange. `untrusted` is the one door for text that others wrote.

pub mod model;
pub mod untrusted;
pub mod words;

mod behaviour;
mod markdown;
mod record;
mod sentence;
mod tables;
mod terminal;
mod view;

pub use markdown::{MARKDOWN_BYTES_MAX, markdown};
pub use model::{RecordView, View};
pub use record::record;
pub use terminal::{TerminalOptions, behaviour_table, terminal};
pub use view::{RunFacts, view};

/// Returns the JSON Schema of the report.
pub fn schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(View)).unwrap_or(serde_json::Value::Null)
}

#[cfg(test)]
mod tests;
