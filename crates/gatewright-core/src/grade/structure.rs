//! Graders of structured answers: a number within tolerance, JSON under a schema.

use jsonschema::{PatternOptions, Validator};
use regex::Regex;
use serde_json::Value;

use super::digits::plain;
use super::sheet::{Measures, ONE_PASS, Sheet};
use super::verdict::Graded;
use crate::json;
use crate::pattern::{self, PatternError};
use crate::reference::Example;
use crate::response::Response;

/// What these graders can tell.
pub(super) const SHEETS: [Sheet; 2] = [
    Sheet {
        kind: "number",
        measures: Measures::Answer,
        checks: "one of the answer's numbers is within tolerance of `expect.answer`",
        protects: &["unsupported-claim"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "any number counts: an answer that lists all numbers passes, and so does the right number of the wrong thing",
    },
    Sheet {
        kind: "json_schema",
        measures: Measures::Form,
        checks: "the whole answer is JSON that is valid under a schema",
        protects: &["format-violation"],
        cost: "one parse, and the schema on every value",
        deterministic: true,
        blind_spot: "valid is not true: every field may hold a wrong value of the right type",
    },
];

/// Largest output that is parsed as JSON, in bytes.
pub(super) const OUTPUT_LIMIT: usize = 8 << 20;

/// Compares numbers.
#[derive(Debug)]
pub(super) struct ReadyNumber {
    number: Regex,
    tolerance: f64,
    relative: f64,
}

/// Reads the expected answer as a number.
pub(super) fn expected_number(example: &Example) -> Option<f64> {
    let number = match example.expect.answer.as_ref()? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => plain(text.trim()).replace(',', "").parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

impl ReadyNumber {
    pub(super) fn new(tolerance: f64, relative: f64) -> Result<Self, PatternError> {
        Ok(Self {
            number: pattern::compile(
                r"[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?",
                false,
            )?,
            tolerance,
            relative,
        })
    }

    /// Passes when any number of the output is within max(tolerance, relative × |expected|); symptoms `no-number` and `wrong-number`.
    pub(super) fn grade(&self, example: &Example, response: &Response) -> Graded {
        let Some(expected) = expected_number(example) else {
            return Graded::missing("no number is expected");
        };
        let allowed = self.tolerance.max(self.relative * expected.abs());
        let mut nearest: Option<f64> = None;
        for found in self.number.find_iter(&plain(&response.output)) {
            let text = found.as_str();
            let number = match text.contains([',', '−']) {
                true => text.replace(',', "").replace('−', "-").parse::<f64>(),
                false => text.parse(),
            };
            let Ok(number) = number else {
                continue;
            };
            let distance = (number - expected).abs();
            if distance <= allowed {
                return Graded::pass();
            }
            if nearest.is_none_or(|nearest| distance < (nearest - expected).abs()) {
                nearest = Some(number);
            }
        }
        match nearest {
            None => Graded::fail("no-number", format!("no number; expected {expected}")),
            Some(nearest) => {
                let why = format!("the nearest number is {nearest}; expected {expected}");
                Graded::fail("wrong-number", why)
            }
        }
    }
}

/// Validates JSON.
#[derive(Debug)]
pub(super) struct ReadySchema {
    validator: Validator,
}

impl ReadySchema {
    /// Compiles a schema. Its patterns run on the linear-time engine; references outside the schema are not followed.
    pub(super) fn new(schema: &Value) -> Result<Self, String> {
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map_err(|error| format!("not a JSON Schema that can be used: {error}"))?;
        Ok(Self { validator })
    }

    /// Passes when the output is one JSON value valid under the schema; symptoms `not-json` and `schema-violation`.
    pub(super) fn grade(&self, response: &Response) -> Graded {
        if response.output.len() > OUTPUT_LIMIT {
            return Graded::fail(
                "not-json",
                format!("the output has more than {OUTPUT_LIMIT} bytes"),
            );
        }
        match json::parse(response.output.trim().as_bytes()) {
            Err(error) => Graded::fail("not-json", format!("not JSON: {error}")),
            Ok(value) => match self.validator.iter_errors(&value).next() {
                None => Graded::pass(),
                Some(error) => {
                    let why = format!("at `{}`: {error}", error.instance_path());
                    Graded::fail("schema-violation", why)
                }
            },
        }
    }

    /// Says whether a value is valid.
    pub(super) fn admits(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }
}
