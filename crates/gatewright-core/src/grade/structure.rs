//! Graders of structured answers: a number within tolerance, JSON under a schema.

use std::fmt::{self, Display, Formatter};

use jsonschema::{PatternOptions, Validator};
use regex::Regex;
use serde_json::Value;

use super::digits::{alone, plain};
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
        blind_spot: "any number counts: an answer that lists all numbers passes, and so does the right number of the wrong thing; a number directly behind a letter (`v12.5`, `USD12`) or within `1.12.5` is part of a name; integers of more than 38 digits are compared as doubles",
    },
    Sheet {
        kind: "json_schema",
        measures: Measures::Form,
        checks: "the whole answer is JSON, no key twice in an object, that is valid under a schema",
        protects: &["format-violation"],
        cost: "one parse, and the schema on every value",
        deterministic: true,
        blind_spot: "valid is not true: every field may hold a wrong value of the right type; an integer beyond 64 bits is text on the page and loses digits in an answer",
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

/// A number, exact where it is an integer of at most 38 digits.
#[derive(Clone, Copy)]
pub(super) struct Figure {
    value: f64,
    whole: Option<i128>,
}

impl Figure {
    /// Reads a plain number without marks of thousands; infinite beyond the range of a double.
    fn read(text: &str) -> Option<Self> {
        let value: f64 = text.parse().ok()?;
        let whole = match text.split_once('.') {
            Some((whole, rest)) if rest.bytes().all(|it| it == b'0') => whole.parse().ok(),
            Some(_) => None,
            None => text.parse().ok(),
        };
        Some(Self { value, whole })
    }

    fn distance(self, other: Self) -> f64 {
        match (self.whole, other.whole) {
            (Some(one), Some(other)) => one.abs_diff(other) as f64,
            _ => (self.value - other.value).abs(),
        }
    }
}

impl Display for Figure {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.whole {
            Some(whole) => whole.fmt(out),
            None => self.value.fmt(out),
        }
    }
}

/// Reads the expected answer as a number.
pub(super) fn expected_number(example: &Example) -> Option<Figure> {
    let figure = match example.expect.answer.as_ref()? {
        Value::Number(number) => Some(Figure {
            value: number.as_f64()?,
            whole: json::whole(number),
        }),
        Value::String(text) => Figure::read(&plain(text.trim()).replace(',', "")),
        _ => None,
    };
    figure.filter(|figure| figure.value.is_finite())
}

impl ReadyNumber {
    pub(super) fn new(tolerance: f64, relative: f64) -> Result<Self, PatternError> {
        Ok(Self {
            number: pattern::compile(
                r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?",
                false,
            )?,
            tolerance,
            relative,
        })
    }

    /// Passes when any number of the output is within max(tolerance, relative × |expected|); symptoms `no-number` and `wrong-number`. Missing
    /// where it would pass on digits that the expected number has lost.
    pub(super) fn grade(&self, example: &Example, response: &Response) -> Graded {
        let Some(expected) = expected_number(example) else {
            return Graded::missing("no number is expected");
        };
        let allowed = self.tolerance.max(self.relative * expected.value.abs());
        let is_number = matches!(example.expect.answer, Some(Value::Number(_)));
        let lossy = is_number && expected.whole.is_none() && expected.value.fract() == 0.0;
        let mut lost = false;
        let mut nearest: Option<(f64, Figure)> = None;
        let output = plain(&response.output);
        for found in self.number.find_iter(&output) {
            let Some(text) = alone(&output, found.range()) else {
                continue;
            };
            let number = match text.contains(',') {
                true => Figure::read(&text.replace(',', "")),
                false => Figure::read(text),
            };
            let Some(number) = number else {
                continue;
            };
            let distance = number.distance(expected);
            if distance <= allowed && distance.is_finite() {
                if !(lossy && allowed < 1.0 && number.whole.is_some()) {
                    return Graded::pass();
                }
                lost = true;
            }
            if nearest.is_none_or(|(known, _)| distance < known) {
                nearest = Some((distance, number));
            }
        }
        match nearest {
            _ if lost => Graded::missing(
                "the expected number has more digits than a JSON number keeps: write it as a string",
            ),
            None => Graded::fail("no-number", format!("no number; expected {expected}")),
            Some((_, nearest)) => {
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
