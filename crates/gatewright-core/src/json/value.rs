//! What a value says: as text, as a whole number, and below a path.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// Returns a scalar as text: strings as they are, numbers and booleans by their JSON form; nothing for null, arrays and objects.
pub fn scalar_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(true) => Some("true".into()),
        Value::Bool(false) => Some("false".into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the integer that a number is (`1`, `1.0`, `1e3`); `None` for a fraction and beyond the range of 64 bits, where digits are lost.
pub(crate) fn whole(number: &Number) -> Option<i128> {
    let wide = || number.as_u64().map(i128::from);
    number.as_i64().map(i128::from).or_else(wide).or_else(|| {
        let value = number.as_f64()?;
        let kept = value > -(2.0_f64.powi(63)) && value < 2.0_f64.powi(64);
        (kept && value.fract() == 0.0).then_some(value as i128)
    })
}

/// Looks up a dotted path. A key that itself holds the dots wins.
pub fn lookup<'v>(map: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    if let Some(value) = map.get(path) {
        return Some(value);
    }
    let (head, rest) = path.split_once('.')?;
    lookup(map.get(head)?.as_object()?, rest)
}
