//! The grader of numbers with units: read, converted where two units measure the same, and compared.

use regex::{Captures, Regex};

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

/// A unit: how it is written, what it measures, and how a value becomes one of the measure's first unit (value × factor + offset).
struct Unit {
    names: &'static [&'static str],
    measures: &'static str,
    factor: f64,
    offset: f64,
}

const fn unit(names: &'static [&'static str], measures: &'static str, factor: f64) -> Unit {
    Unit {
        names,
        measures,
        factor,
        offset: 0.0,
    }
}

/// Source: SI brochure (9th ed.) for the prefixes and accepted units; NIST SP 811, appendix B for the inch, pound, gallon and calorie.
/// Names are compared as written first (`m`, `M`), then without case.
const UNITS: [Unit; 59] = [
    unit(&["m", "metre", "metres", "meter", "meters"], "length", 1.0),
    unit(
        &["km", "kilometre", "kilometres", "kilometer", "kilometers"],
        "length",
        1000.0,
    ),
    unit(
        &[
            "cm",
            "centimetre",
            "centimetres",
            "centimeter",
            "centimeters",
        ],
        "length",
        0.01,
    ),
    unit(
        &[
            "mm",
            "millimetre",
            "millimetres",
            "millimeter",
            "millimeters",
        ],
        "length",
        0.001,
    ),
    unit(
        &[
            "µm",
            "μm",
            "micrometre",
            "micrometres",
            "micrometer",
            "micrometers",
        ],
        "length",
        1e-6,
    ),
    unit(
        &["nm", "nanometre", "nanometres", "nanometer", "nanometers"],
        "length",
        1e-9,
    ),
    unit(&["in", "inch", "inches"], "length", 0.0254),
    unit(&["ft", "foot", "feet"], "length", 0.3048),
    unit(&["yd", "yard", "yards"], "length", 0.9144),
    unit(&["mi", "mile", "miles"], "length", 1609.344),
    unit(&["g", "gram", "grams", "gramme", "grammes"], "mass", 1.0),
    unit(
        &["kg", "kilogram", "kilograms", "kilo", "kilos"],
        "mass",
        1000.0,
    ),
    unit(&["mg", "milligram", "milligrams"], "mass", 0.001),
    unit(
        &["µg", "μg", "mcg", "microgram", "micrograms"],
        "mass",
        1e-6,
    ),
    unit(&["t", "tonne", "tonnes"], "mass", 1e6),
    unit(&["lb", "lbs", "pound", "pounds"], "mass", 453.592_37),
    unit(&["oz", "ounce", "ounces"], "mass", 28.349_523_125),
    unit(&["s", "sec", "secs", "second", "seconds"], "time", 1.0),
    unit(&["ms", "millisecond", "milliseconds"], "time", 0.001),
    unit(&["µs", "μs", "microsecond", "microseconds"], "time", 1e-6),
    unit(&["ns", "nanosecond", "nanoseconds"], "time", 1e-9),
    unit(&["min", "mins", "minute", "minutes"], "time", 60.0),
    unit(&["h", "hr", "hrs", "hour", "hours"], "time", 3600.0),
    unit(&["d", "day", "days"], "time", 86_400.0),
    unit(&["week", "weeks"], "time", 604_800.0),
    unit(&["month", "months"], "months", 1.0),
    unit(&["year", "years", "yr", "yrs"], "months", 12.0),
    unit(
        &["l", "L", "litre", "litres", "liter", "liters"],
        "volume",
        1.0,
    ),
    unit(
        &[
            "ml",
            "mL",
            "millilitre",
            "millilitres",
            "milliliter",
            "milliliters",
        ],
        "volume",
        0.001,
    ),
    unit(&["m³", "m3"], "volume", 1000.0),
    unit(&["gal", "gallon", "gallons"], "volume", 3.785_411_784),
    unit(&["m²", "m2"], "area", 1.0),
    unit(&["km²", "km2"], "area", 1e6),
    unit(&["ha", "hectare", "hectares"], "area", 1e4),
    unit(&["m/s"], "speed", 1.0),
    unit(&["km/h", "kmh", "kph"], "speed", 1.0 / 3.6),
    unit(&["mph"], "speed", 0.447_04),
    Unit {
        names: &["K", "kelvin"],
        measures: "temperature",
        factor: 1.0,
        offset: 0.0,
    },
    Unit {
        names: &["°C", "℃", "celsius"],
        measures: "temperature",
        factor: 1.0,
        offset: 273.15,
    },
    Unit {
        names: &["°F", "℉", "fahrenheit"],
        measures: "temperature",
        factor: 5.0 / 9.0,
        offset: 459.67 * 5.0 / 9.0,
    },
    unit(&["J", "joule", "joules"], "energy", 1.0),
    unit(&["kJ", "kilojoule", "kilojoules"], "energy", 1000.0),
    unit(&["kcal", "kilocalorie", "kilocalories"], "energy", 4184.0),
    unit(&["Wh"], "energy", 3600.0),
    unit(&["kWh"], "energy", 3.6e6),
    unit(&["W", "watt", "watts"], "power", 1.0),
    unit(&["kW", "kilowatt", "kilowatts"], "power", 1000.0),
    unit(&["MW", "megawatt", "megawatts"], "power", 1e6),
    unit(&["B", "byte", "bytes"], "data", 1.0),
    unit(&["kB", "KB", "kilobyte", "kilobytes"], "data", 1e3),
    unit(&["MB", "megabyte", "megabytes"], "data", 1e6),
    unit(&["GB", "gigabyte", "gigabytes"], "data", 1e9),
    unit(&["TB", "terabyte", "terabytes"], "data", 1e12),
    unit(&["KiB"], "data", 1024.0),
    unit(&["MiB"], "data", 1_048_576.0),
    unit(&["GiB"], "data", 1_073_741_824.0),
    unit(&["%", "percent", "per cent"], "share", 1.0),
    unit(&["USD", "$", "dollar", "dollars"], "USD", 1.0),
    unit(&["EUR", "€", "euro", "euros"], "EUR", 1.0),
];
/// Currencies that only have a code and a sign.
const CURRENCIES: [Unit; 6] = [
    unit(&["GBP", "£"], "GBP", 1.0),
    unit(&["JPY", "¥", "yen"], "JPY", 1.0),
    unit(&["INR", "₹", "rupee", "rupees"], "INR", 1.0),
    unit(&["CHF"], "CHF", 1.0),
    unit(&["CAD"], "CAD", 1.0),
    unit(&["AUD"], "AUD", 1.0),
];
/// Words between a number and its unit.
const MULTIPLES: [(&str, f64); 4] = [
    ("thousand", 1e3),
    ("million", 1e6),
    ("billion", 1e9),
    ("trillion", 1e12),
];
/// Conversions round: two values are equal within this relative difference.
const ROUNDING: f64 = 1e-9;
/// Longest name of a unit, in characters.
const NAME_MAX: usize = 16;

fn find(name: &str) -> Option<&'static Unit> {
    let all = || UNITS.iter().chain(&CURRENCIES);
    let exact = all().find(|unit| unit.names.contains(&name));
    exact.or_else(|| {
        if name.chars().count() > NAME_MAX {
            return None;
        }
        let lower = name.to_lowercase();
        // Without case only names of three letters or more: `mW` is not `MW`.
        all().find(|unit| {
            unit.names
                .iter()
                .any(|it| it.chars().count() >= 3 && it.to_lowercase() == lower)
        })
    })
}

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
const PATTERN: &str = r"(?P<sign>[$€£¥₹])?\s?(?P<number>[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?:\s?(?P<multiple>thousand|million|billion|trillion)\b)?[\s\u{202f}-]?(?P<unit>per cent|[%$€£¥₹℃℉]|°\s?[CFcf]|[\p{L}µ]+(?:/[\p{L}]+|[²³23])?)?";

fn pattern() -> Result<Regex, PatternError> {
    pattern::compile(PATTERN, false)
}

fn read(found: &Captures<'_>) -> Option<Found> {
    let digits = found["number"].replace(',', "").replace('−', "-");
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
    let text = text.trim();
    let found = pattern.captures(text)?;
    let all = found
        .get(0)
        .is_some_and(|it| it.as_str().len() == text.len());
    all.then(|| read(&found)).flatten()
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
        for found in self.pattern.captures_iter(&response.output) {
            let Some(found) = read(&found) else { continue };
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

    use super::*;

    #[test]
    fn no_name_is_taken_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for name in UNITS.iter().chain(&CURRENCIES).flat_map(|unit| unit.names) {
            assert!(seen.insert(*name), "{name}");
            assert!(name.chars().count() <= NAME_MAX, "{name}");
        }
    }

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
