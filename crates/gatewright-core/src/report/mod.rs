//! The report: a view model with every number already chosen, and its renderers.
//!
//! `view` chooses and computes, with `tables` and `pictures` for what they are named after, and `said` and `pace` for what
//! only the log has; `model` is what they make (`gatewright-report/1`, docs/format-report.md), and `terminal`, `markdown`,
//! `junit`, `sarif`, `csv`, `annotations` and the pages of `gatewright-web` only arrange (`units` is what the test tabs and
//! code scanning are made of). `untrusted` is the one door for text that others wrote.

pub mod model;
pub mod untrusted;
pub mod words;

mod annotations;
mod behaviour;
mod conduct;
mod csv;
mod judges;
mod junit;
mod markdown;
mod outlook;
mod pace;
mod pictures;
mod record;
mod rests;
mod said;
mod sarif;
mod sentence;
mod stability;
mod tables;
mod terminal;
mod units;
mod view;

pub use annotations::{ANNOTATIONS_MAX, annotations};
pub use csv::{Cells, Csv};
pub use junit::junit;
pub use markdown::{MARKDOWN_BYTES_MAX, markdown};
pub use model::{RecordView, View};
pub use pace::{Took, pace};
pub use record::{decisions, decisions_of, overrides, overrides_of, record, record_of};
pub use said::{Heard, changed};
pub use sarif::{RESULTS_MAX, sarif};
pub use stability::stability;
pub use tables::one_flip;
pub use terminal::{TerminalOptions, answer, behaviour_table, confusion_table, terminal};
pub use units::{Stands, Tally, Unit, Units};
pub use view::{RunFacts, view};

/// Returns the JSON Schema of the report.
pub fn schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(View)).unwrap_or(serde_json::Value::Null)
}

#[cfg(test)]
mod tests;
