//! The JSON Schemas that ship: of the page for editors, of the report for whoever reads `--json`.

use gatewright_core::{calibrate, manifest, report, review};
use serde_json::Value;

use super::Generated;
use crate::repository::Failure;

/// Returns every schema file.
pub(super) fn generate() -> Result<Vec<Generated>, Failure> {
    Ok(vec![
        file("docs/gatewright.schema.json", &manifest::schema::schema())?,
        file("docs/report.schema.json", &report::schema())?,
        file("docs/calibration.schema.json", &calibrate::schema())?,
        file("docs/agreement.schema.json", &review::schema())?,
    ])
}

fn file(path: &'static str, schema: &Value) -> Result<Generated, Failure> {
    let mut text = serde_json::to_string_pretty(schema)?;
    text.push('\n');
    Ok(Generated { path, text })
}
