//! Graders of JSON inside an answer: json_path, json_contains.

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::length::within;
use super::markdown;
use super::sheet::{Measures, Sheet};
use super::structure::{OUTPUT_LIMIT, ReadySchema};
use super::verdict::Graded;
use crate::json::{self, scalar_text};
use crate::manifest::Limits;
use crate::response::Response;

/// What these graders can tell.
pub(super) const SHEETS: [Sheet; 2] = [
    Sheet {
        kind: "json_path",
        measures: Measures::Answer,
        checks: "a JSONPath selects values of the answer's JSON, as many and as such as wanted",
        protects: &["format-violation", "unsupported-claim"],
        cost: "one parse, and the path through every value",
        deterministic: true,
        blind_spot: "what the path does not select is not looked at; without `equals` or `matches` it says only that something is there; an integer beyond 64 bits is text on the page and loses digits in an answer",
    },
    Sheet {
        kind: "json_contains",
        measures: Measures::Answer,
        checks: "JSON somewhere in the answer holds a value, or a value that is valid under a schema",
        protects: &["format-violation", "unsupported-claim"],
        cost: "every JSON text in the answer once, with the value or schema at each place",
        deterministic: true,
        blind_spot: "another JSON in the same answer may say the opposite; further keys are not looked at; an integer beyond 64 bits is text on the page and loses digits in an answer",
    },
];

/// How many times its own length an answer is scanned for JSON: unbalanced brackets must not make the work quadratic.
const SCANS_MAX: usize = 8;

/// Parses an answer that is JSON as a whole, or as the only fenced block it consists of.
fn document(output: &str) -> Result<Value, String> {
    if output.len() > OUTPUT_LIMIT {
        return Err(format!("the output has more than {OUTPUT_LIMIT} bytes"));
    }
    let text = output.trim();
    json::parse(text.as_bytes()).or_else(|error| {
        let fences = markdown::fences(text);
        match fences.as_slice() {
            [one] if one.range.len() == text.len() => {
                json::parse(one.content.trim().as_bytes()).map_err(|error| error.to_string())
            }
            _ => Err(error.to_string()),
        }
    })
}

/// Selects values by a path.
#[derive(Debug)]
pub(super) struct ReadyPath {
    path: JsonPath,
    equals: Option<Value>,
    matches: Option<Regex>,
    limits: Limits,
}

impl ReadyPath {
    pub(super) fn new(
        path: &str,
        equals: Option<&Value>,
        matches: Option<Regex>,
        limits: Limits,
    ) -> Result<Self, String> {
        let path = JsonPath::parse(path).map_err(|error| format!("not a JSONPath: {error}"))?;
        let some = Limits {
            at_least: Some(1),
            at_most: None,
        };
        Ok(Self {
            path,
            equals: equals.cloned(),
            matches,
            limits: if limits == Limits::default() {
                some
            } else {
                limits
            },
        })
    }

    /// Passes when as many values as wanted are selected and each is as wanted; symptoms `not-json`, `wrong-count` and `wrong-value`.
    pub(super) fn grade(&self, response: &Response) -> Graded {
        let document = match document(&response.output) {
            Ok(document) => document,
            Err(error) => return Graded::fail("not-json", format!("not JSON: {error}")),
        };
        let found = self.path.query(&document).all();
        let counted = within(
            found.len() as u64,
            self.limits,
            ["wrong-count", "wrong-count"],
            "values are selected",
        );
        if counted != Graded::pass() {
            return counted;
        }
        let wrong = found.iter().find(|value| !self.admits(value));
        match wrong {
            None => Graded::pass(),
            Some(value) => Graded::fail("wrong-value", format!("selected {value}")),
        }
    }

    fn admits(&self, value: &Value) -> bool {
        self.equals
            .as_ref()
            .is_none_or(|wanted| same(wanted, value))
            && self.matches.as_ref().is_none_or(|pattern| {
                scalar_text(value).is_some_and(|text| pattern.is_match(&text))
            })
    }
}

/// Numbers are equal by value (1 and 1.0), integers of 64 bits to the last digit; everything else as JSON is.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (json::whole(a), json::whole(b)) {
            (Some(a), Some(b)) => a == b,
            (None, None) => a.as_f64() == b.as_f64(),
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Says whether a value holds what is wanted: objects may have further keys, and each wanted item of a list is among the items.
fn holds(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Object(wanted), Value::Object(value)) => wanted
            .iter()
            .all(|(key, wanted)| value.get(key).is_some_and(|value| holds(wanted, value))),
        (Value::Array(wanted), Value::Array(value)) => wanted
            .iter()
            .all(|wanted| value.iter().any(|value| holds(wanted, value))),
        _ => same(wanted, value),
    }
}

/// Looks for a value in all JSON of an answer.
#[derive(Debug)]
pub(super) struct ReadyContains {
    value: Option<Value>,
    schema: Option<ReadySchema>,
}

impl ReadyContains {
    pub(super) fn new(value: Option<&Value>, schema: Option<&Value>) -> Result<Self, String> {
        Ok(Self {
            value: value.cloned(),
            schema: schema.map(ReadySchema::new).transpose()?,
        })
    }

    /// Passes when one value of one JSON text in the answer holds the wanted value and is valid under the schema; symptoms `not-json` (there
    /// is none) and `not-contained`.
    pub(super) fn grade(&self, response: &Response) -> Graded {
        let found = documents(&response.output);
        if found.is_empty() {
            return Graded::fail("not-json", "no JSON object or list stands in the answer");
        }
        if found.iter().any(|document| self.stands_in(document)) {
            return Graded::pass();
        }
        let why = format!("none of {} JSON texts holds it", found.len());
        Graded::fail("not-contained", why)
    }

    fn stands_in(&self, value: &Value) -> bool {
        let here = self.value.as_ref().is_none_or(|it| holds(it, value))
            && self.schema.as_ref().is_none_or(|it| it.admits(value));
        here || match value {
            Value::Array(items) => items.iter().any(|item| self.stands_in(item)),
            Value::Object(entries) => entries.values().any(|item| self.stands_in(item)),
            _ => false,
        }
    }
}

/// Finds every outermost JSON object and list of a text, in order; the whole text first if it is JSON.
fn documents(text: &str) -> Vec<Value> {
    if text.len() > OUTPUT_LIMIT {
        return Vec::new();
    }
    if let Ok(value) = json::parse(text.trim().as_bytes()) {
        return vec![value];
    }
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut work = SCANS_MAX * bytes.len();
    let mut at = 0;
    while let Some(skip) = bytes[at..].iter().position(|it| matches!(it, b'{' | b'[')) {
        let start = at + skip;
        let end = balanced(&bytes[start..]);
        let used = end.unwrap_or(bytes.len() - start);
        let Some(left) = work.checked_sub(used) else {
            break;
        };
        work = left;
        let parsed = end.and_then(|length| json::parse(&bytes[start..start + length]).ok());
        match (parsed, end) {
            (Some(value), Some(length)) => {
                found.push(value);
                at = start + length;
            }
            _ => at = start + 1,
        }
    }
    found
}

/// Returns the length of the bracketed text at the start, strings respected; `None` when it is not closed.
fn balanced(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_in_a_text_is_found_and_the_rest_is_not() {
        let found = |text: &str| {
            documents(text)
                .iter()
                .map(Value::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found("Sure: {\"a\": [1]} and [2] [see]"),
            ["{\"a\":[1]}", "[2]"]
        );
        assert_eq!(found("```json\n{\"a\":\"}\"}\n```"), ["{\"a\":\"}\"}"]);
        assert_eq!(found("{not {\"b\":1}"), ["{\"b\":1}"]);
        assert_eq!(found("7"), ["7"]);
        assert_eq!(found("no json"), [""; 0]);
        assert_eq!(found("}{"), [""; 0]);
    }

    /// Unbalanced brackets end the search; the work is at most a few times the length.
    #[test]
    fn hostile_brackets_end_soon() {
        for text in [
            "[".repeat(1 << 20),
            "{\"a\":".repeat(1 << 18),
            "[\"".repeat(1 << 19),
        ] {
            assert_eq!(documents(&text), Vec::<Value>::new());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_searched(text in any::<String>()) {
            documents(&text);
            let _ = document(&text);
        }

        #[test]
        fn any_brackets_are_searched(text in "[\\[\\]{}\",:1a \\\\]{0,60}") {
            documents(&text);
        }

        #[test]
        fn what_is_written_is_found(numbers in proptest::collection::vec(0_u32..9, 0..5), before in "[a-z ]{0,9}") {
            let value = serde_json::json!({"n": numbers});
            let found = documents(&format!("{before}{value} end"));
            prop_assert_eq!(found, vec![value]);
        }
    }
}
