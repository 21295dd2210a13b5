//! The JSON Schemas that ship: the page that people write, and what the program writes.

use gatewright_core::report::View;
use serde_json::Value;

use super::Generated;
use crate::repository::Failure;

/// Returns every schema file.
pub(super) fn generate() -> Result<Vec<Generated>, Failure> {
    Ok(vec![
        file(
            "docs/gatewright.schema.json",
            &gatewright_core::manifest::schema::schema(),
        )?,
        file(
            "docs/report.schema.json",
            &schemars::schema_for!(View).to_value(),
        )?,
    ])
}

fn file(path: &'static str, schema: &Value) -> Result<Generated, Failure> {
    let mut text = serde_json::to_string_pretty(schema)?;
    text.push('\n');
    Ok(Generated { path, text })
}
