//! The line of an example that is quarantined or retired.

use serde_json::{Map, Value};

use super::StatusChange;

/// Why a line cannot be changed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// It is no JSON object with this id: another tool wrote the file, and the page maps it.
    #[error("the line is not in Gatewright's own form")]
    Form,
}

/// Writes a line of a reference file with another status; `state` is `quarantined` or `retired`. All else of the line stays as it is, byte for byte,
/// where it had no status before.
///
/// # Errors
/// [`NotOurs`].
pub fn set_aside(
    line: &str,
    id: &str,
    state: &str,
    change: &StatusChange,
) -> Result<String, NotOurs> {
    let mut row: Map<String, Value> = serde_json::from_str(line).map_err(|_| NotOurs::Form)?;
    if row.get("id").and_then(Value::as_str) != Some(id) {
        return Err(NotOurs::Form);
    }
    let status = serde_json::json!({
        "state": state, "by": change.by, "at": change.at, "why": change.why,
    });
    if row.contains_key("status") {
        row.insert("status".to_owned(), status);
        return Ok(Value::Object(row).to_string());
    }
    let body = line.trim_end().strip_suffix('}').ok_or(NotOurs::Form)?;
    Ok(format!("{},\"status\":{status}}}", body.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> StatusChange {
        StatusChange {
            by: "ana".to_owned(),
            at: "2026-11-27".to_owned(),
            why: "the \"policy\" changed".to_owned(),
        }
    }

    #[test]
    fn the_rest_of_the_line_stays_as_it_is() {
        let line = r#"{"z": 1.50, "id": "e1", "a": "ü" }"#;
        let new = set_aside(line, "e1", "retired", &change()).expect("ours");
        assert_eq!(
            new,
            r#"{"z": 1.50, "id": "e1", "a": "ü","status":{"at":"2026-11-27","by":"ana","state":"retired","why":"the \"policy\" changed"}}"#
        );
        let again = set_aside(&new, "e1", "quarantined", &change()).expect("ours");
        let row: Value = serde_json::from_str(&again).expect("JSON");
        assert_eq!(row["status"]["state"], "quarantined");
    }

    #[test]
    fn a_line_of_another_tool_is_left_alone() {
        for line in [r#"{"key": "e1"}"#, r#"{"id": "e2"}"#, "e1,hello", ""] {
            assert_eq!(
                set_aside(line, "e1", "retired", &change()),
                Err(NotOurs::Form)
            );
        }
    }
}
