//! Numbers of the view in words, as all renderers write them.

use gatewright_core::report::model::{EstimateView, Unit};
use gatewright_core::report::words;

/// `−30 points (−54.6 to −5.4)`, or why there is none.
pub(crate) fn change(unit: Unit, shown: Option<&EstimateView>, why: Option<&str>) -> String {
    with_bounds(
        shown,
        why,
        |value| words::change(unit, value),
        |value| match unit {
            Unit::Share => words::short(value * 100.0, 1),
            _ => words::change(unit, value),
        },
    )
}

/// `84 % (75.8 to 90.1)`, or why there is none.
pub(crate) fn level(unit: Unit, shown: Option<&EstimateView>, why: Option<&str>) -> String {
    with_bounds(
        shown,
        why,
        |value| words::amount(unit, value),
        |value| match unit {
            Unit::Share => words::short(value * 100.0, 1),
            _ => words::amount(unit, value),
        },
    )
}

fn with_bounds(
    shown: Option<&EstimateView>,
    why: Option<&str>,
    point: impl Fn(f64) -> String,
    bound: impl Fn(f64) -> String,
) -> String {
    let Some(shown) = shown else {
        return why.unwrap_or("–").to_owned();
    };
    let of = |value: Option<f64>| value.map_or_else(|| "no bound".to_owned(), &bound);
    let mut text = point(shown.point);
    if shown.lower.is_some() || shown.upper.is_some() {
        text.push_str(&format!(" ({} to {})", of(shown.lower), of(shown.upper)));
    }
    if let Some(why) = why {
        text.push_str(&format!("; {why}"));
    }
    text
}

/// A value in its unit, or a dash.
pub(crate) fn amount(unit: Unit, value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| words::amount(unit, value))
}

/// The method behind an estimate, with what it counted.
pub(crate) fn method(shown: Option<&EstimateView>) -> String {
    shown.map_or_else(String::new, |shown| {
        format!(
            "{}, {} sources, effective n {}",
            shown.method,
            words::count(shown.clusters),
            words::short(shown.n_eff, 1)
        )
    })
}

/// `1 example`, `12 examples`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        more => format!("{} {one}s", words::count(more)),
    }
}
