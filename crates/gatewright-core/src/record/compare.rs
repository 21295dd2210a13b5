//! What is recorded against what is computed again: the first thing that differs, by name.

use serde_json::Value;

/// Longest value that is shown, in characters.
const SHOWN_CHARS: usize = 80;

/// The first thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: `findings[3].value`, or the whole when it is empty.
    pub path: String,
    /// What the record says.
    pub recorded: String,
    /// What is computed now.
    pub computed: String,
}

/// Compares two documents in the order of their keys; numbers must be equal to the last digit.
pub fn first_difference(recorded: &Value, computed: &Value) -> Option<Difference> {
    at(recorded, computed, String::new())
}

fn at(recorded: &Value, computed: &Value, path: String) -> Option<Difference> {
    match (recorded, computed) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<&String> =
                one.keys().chain(other.keys()).collect();
            keys.into_iter().find_map(|key| {
                let dot = if path.is_empty() { "" } else { "." };
                let here = format!("{path}{dot}{key}");
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => at(one, other, here),
                    (one, other) => Some(difference(one, other, here)),
                }
            })
        }
        (Value::Array(one), Value::Array(other)) => {
            (0..one.len().max(other.len())).find_map(|index| {
                let here = format!("{path}[{index}]");
                match (one.get(index), other.get(index)) {
                    (Some(one), Some(other)) => at(one, other, here),
                    (one, other) => Some(difference(one, other, here)),
                }
            })
        }
        (one, other) if one == other => None,
        (one, other) => Some(difference(Some(one), Some(other), path)),
    }
}

fn difference(recorded: Option<&Value>, computed: Option<&Value>, path: String) -> Difference {
    let shown = |value: Option<&Value>| {
        let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        match text.char_indices().nth(SHOWN_CHARS) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text,
        }
    };
    Difference {
        path,
        recorded: shown(recorded),
        computed: shown(computed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let one = serde_json::json!({"a": [1, {"b": 0.1}], "c": "x", "d": null});
        assert_eq!(first_difference(&one, &one), None);
        let path = |other: Value| first_difference(&one, &other).map(|it| it.path);
        let mut other = one.clone();
        other["a"][1]["b"] = serde_json::json!(0.1 + f64::EPSILON);
        other["c"] = serde_json::json!("y");
        assert_eq!(path(other).as_deref(), Some("a[1].b"));
        let mut other = one.clone();
        other["a"] = serde_json::json!([1]);
        let told = first_difference(&one, &other).expect("differs");
        assert_eq!(
            (told.path.as_str(), told.computed.as_str()),
            ("a[1]", "nothing")
        );
        let mut other = one.clone();
        other["0"] = serde_json::json!(1);
        assert_eq!(path(other).as_deref(), Some("0"));
        assert_eq!(path(serde_json::json!(1)).as_deref(), Some(""));
        let long = first_difference(&Value::from("é".repeat(200)), &Value::Null).expect("differs");
        assert_eq!(long.recorded.chars().count(), SHOWN_CHARS + 1);
    }
}
