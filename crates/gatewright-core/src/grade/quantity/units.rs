//! Units: their names, what they measure, and how one becomes another.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A unit: how it is written, what it measures, and how a value becomes one of the measure's first unit (value × factor + offset).
pub(super) struct Unit {
    pub(super) names: &'static [&'static str],
    pub(super) measures: &'static str,
    pub(super) factor: f64,
    pub(super) offset: f64,
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
pub(super) static UNITS: [Unit; 59] = [
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
static CURRENCIES: [Unit; 6] = [
    unit(&["GBP", "£"], "GBP", 1.0),
    unit(&["JPY", "¥", "yen"], "JPY", 1.0),
    unit(&["INR", "₹", "rupee", "rupees"], "INR", 1.0),
    unit(&["CHF"], "CHF", 1.0),
    unit(&["CAD"], "CAD", 1.0),
    unit(&["AUD"], "AUD", 1.0),
];

/// Units by their names.
struct Names {
    /// Every name as written.
    exact: HashMap<&'static str, &'static Unit>,
    /// Every name of three letters or more, without case: `mW` is not `MW`.
    folded: HashMap<String, &'static Unit>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let all = || UNITS.iter().chain(&CURRENCIES);
    let named = || all().flat_map(|unit| unit.names.iter().map(move |name| (*name, unit)));
    let long = named().filter(|(name, _)| name.chars().count() >= 3);
    Names {
        exact: named().collect(),
        folded: long
            .map(|(name, unit)| (name.to_lowercase(), unit))
            .collect(),
    }
});

/// Longest name of a unit, in bytes.
const NAME_MAX: usize = 24;

/// Finds a unit by its name.
pub(super) fn find(name: &str) -> Option<&'static Unit> {
    match NAMES.exact.get(name) {
        Some(unit) => Some(unit),
        None if name.len() > NAME_MAX => None,
        None => NAMES.folded.get(&name.to_lowercase()).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_taken_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for name in UNITS.iter().chain(&CURRENCIES).flat_map(|unit| unit.names) {
            assert!(seen.insert(*name), "{name}");
            assert!(name.len() <= NAME_MAX, "{name}");
        }
        assert!(find("KILOMETRES").is_some_and(|unit| unit.names[0] == "km"));
        assert!(find("mw").is_none());
    }
}
