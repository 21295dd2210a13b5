//! The grader of numbers with units: read, converted where two units measure the same, and compared.

mod units;

use regex::{Captures, Regex};

use self::units::{Unit, find};
use super::digits::{alone, plain};
use super::sheet::{Measures, ONE_PASS, Sheet};
use super::verdict::Graded;
use crate::json::scalar_text;
use crate::pattern::{self, PatternError};
use crate::reference::Example;
use crate::response::Response;

/// What this grader can tell.
pub(super) const SHEETS: [Sheet; 1] = [Sheet {
    kind: "quantity",
    measures: Measures::Answer,
    checks: "one of the answer's numbers with a unit is within tolerance of the expected one, units of the same measure converted",
    protects: &["unsupported-claim"],
    cost: ONE_PASS,
    deterministic: true,
    blind_spot: "any quantity counts, whatever it is said of; `1.234,5`, numbers in words and units outside its list are not read; currencies are not converted",
}];

/// Words between a number and its unit.
const MULTIPLES: [(&str, f64); 4] = [
    ("thousand", 1e3),
    ("million", 1e6),
    ("billion", 1e9),
    ("trillion", 1e12),
];
/// Conversions round: two values are equal within this relative difference.
const ROUNDING: f64 = 1e-9;
/// A number with its unit.
#[derive(Clone, Copy)]
struct Found {
    value: f64,
    unit: &'static Unit,
}

impl Found {
    /// Converts into another unit of the same measure.
    fn in_unit(self, unit: &Unit) -> Option<f64> {
        let same = self.unit.measures == unit.measures;
        let base = self.value.mul_add(self.unit.factor, self.unit.offset);
        same.then(|| (base - unit.offset) / unit.factor)
    }
}

/// Reads numbers with units.
#[derive(Debug)]
pub(super) struct ReadyQuantity {
    pattern: Regex,
    is: Option<String>,
    tolerance: f64,
    relative: f64,
}

/// A sign before the number and a word or a sign after it; which of them is a unit is looked up.
const PATTERN: &str = r"(?P<sign>[$€£¥₹])?\s?(?P<number>-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?:\s?(?P<multiple>thousand|million|billion|trillion)\b)?[\s\u{202f}-]?(?P<unit>per cent|[%$€£¥₹℃℉]|°\s?[CFcf]|[\p{L}µ]+(?:/[\p{L}]+|[²³23])?)?";

fn pattern() -> Result<Regex, PatternError> {
    pattern::compile(PATTERN, false)
}

/// Reads a match whose number is this.
fn read(found: &Captures<'_>, number: &str) -> Option<Found> {
    let digits = number.replace(',', "");
    let number: f64 = digits.parse().ok()?;
    let times = found.name("multiple").map_or(1.0, |word| {
        MULTIPLES
            .iter()
            .find(|(name, _)| *name == word.as_str())
            .map_or(1.0, |(_, times)| *times)
    });
    let after = found
        .name("unit")
        .and_then(|name| find(&name.as_str().replace(' ', "")).or_else(|| find(name.as_str())));
    let before = found.name("sign").and_then(|sign| find(sign.as_str()));
    Some(Found {
        value: number * times,
        unit: before.or(after)?,
    })
    .filter(|found| found.value.is_finite())
}

/// Says whether a text is one number with a unit that can be read.
pub fn is_quantity(text: &str) -> bool {
    pattern().is_ok_and(|pattern| whole(&pattern, text).is_some())
}

fn whole(pattern: &Regex, text: &str) -> Option<Found> {
    let text = &*plain(text.trim());
    let found = pattern.captures(text)?;
    let all = found
        .get(0)
        .is_some_and(|it| it.as_str().len() == text.len());
    all.then(|| read(&found, &found["number"])).flatten()
}

impl ReadyQuantity {
    pub(super) fn new(
        is: Option<&str>,
        tolerance: f64,
        relative: f64,
    ) -> Result<Self, PatternError> {
        Ok(Self {
            pattern: pattern()?,
            is: is.map(str::to_owned),
            tolerance,
            relative,
        })
    }

    fn expected(&self, example: &Example) -> Option<Found> {
        let text = match &self.is {
            Some(text) => Some(text.as_str().into()),
            None => example.expect.answer.as_ref().and_then(scalar_text),
        };
        text.and_then(|text| whole(&self.pattern, &text))
    }

    /// Says whether something is expected that can be read.
    pub(super) fn applies(&self, example: &Example) -> bool {
        self.expected(example).is_some()
    }

    /// Passes when a quantity of the answer is within max(tolerance, relative × |expected|); symptoms `no-quantity`, `wrong-unit` (none
    /// measures the same) and `wrong-quantity`.
    pub(super) fn grade(&self, example: &Example, response: &Response) -> Graded {
        let Some(expected) = self.expected(example) else {
            return Graded::missing("no number with a unit is expected");
        };
        let unit = expected.unit;
        let shown = unit.names[0];
        let rounding = ROUNDING * expected.value.abs();
        let allowed = self.tolerance.max(self.relative * expected.value.abs()) + rounding;
        let (mut any, mut nearest) = (false, None::<f64>);
        let output = plain(&response.output);
        for found in self.pattern.captures_iter(&output) {
            let number = found.name("number").map(|it| it.range());
            let number = number.and_then(|range| alone(&output, range));
            let Some(found) = number.and_then(|number| read(&found, number)) else {
                continue;
            };
            any = true;
            let Some(value) = found.in_unit(unit) else {
                continue;
            };
            let distance = (value - expected.value).abs();
            if distance <= allowed {
                return Graded::pass();
            }
            if nearest.is_none_or(|nearest| distance < (nearest - expected.value).abs()) {
                nearest = Some(value);
            }
        }
        let wanted = format!("expected {} {shown}", expected.value);
        match (nearest, any) {
            (Some(nearest), _) => Graded::fail(
                "wrong-quantity",
                format!("the nearest is {nearest} {shown}; {wanted}"),
            ),
            (None, true) => Graded::fail(
                "wrong-unit",
                format!("no quantity of that measure; {wanted}"),
            ),
            (None, false) => {
                Graded::fail("no-quantity", format!("no number with a unit; {wanted}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::units::UNITS;
    use super::*;

    #[test]
    fn one_quantity_and_nothing_else() {
        for text in [
            "12.5 km",
            "40 USD",
            "$1,200",
            "3 %",
            "250ms",
            "−4 °C",
            "2 million EUR",
            "١٢٫٥ km",
            "－４ °C",
            "60 km/h",
            "5 m²",
        ] {
            assert!(is_quantity(text), "{text}");
        }
        for text in ["", "km", "12", "12 parsecs", "12 km and 3 m", "about 12 km"] {
            assert!(!is_quantity(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            is_quantity(&text);
        }

        /// A value written in one unit and expected in another is the same value.
        #[test]
        fn conversions_go_both_ways(value in 0.001_f64..1e6, a in 0_usize..UNITS.len(), b in 0_usize..UNITS.len()) {
            let there = Found { value, unit: &UNITS[a] };
            if let Some(converted) = there.in_unit(&UNITS[b]) {
                let back = Found { value: converted, unit: &UNITS[b] }.in_unit(&UNITS[a]);
                let back = back.expect("the same measure");
                prop_assert!((back - value).abs() <= 1e-6 * (value.abs() + 500.0), "{back} {value}");
            }
        }
    }
}
