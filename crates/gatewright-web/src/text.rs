//! Numbers of the view in words, as all renderers write them.

use gatewright_core::report::model::Unit;
use gatewright_core::report::words;

/// A value in its unit, or a dash.
pub(crate) fn amount(unit: Unit, value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| words::amount(unit, value))
}
