//! Where things stand in a drawing. The drawings are small SVG pictures in the templates: they take their colours from
//! the page, so that they follow its theme, print and stretch to any width (docs/design/0008-html-report.md).

/// A horizontal scale from `low` at 0 % to `high` at 100 %.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// Makes a scale; an empty one puts everything at its start.
    pub(crate) fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// Places a value, clamped to the scale, in per cent of the width.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let width = self.high - self.low;
        if width <= 0.0 || !value.is_finite() {
            return 0.0;
        }
        ((value - self.low) / width * 100.0).clamp(0.0, 100.0)
    }
}

/// Writes a place for an attribute: `34.25%`.
pub(crate) fn percent(place: f64) -> String {
    format!("{place:.2}%")
}

/// A bar from one value to another.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// Left end.
    pub(crate) from: String,
    /// Right end.
    pub(crate) to: String,
}

impl Span {
    /// A span between two values in any order.
    pub(crate) fn new(scale: Scale, from: f64, to: f64) -> Self {
        let (from, to) = (scale.at(from), scale.at(to));
        Self {
            from: percent(from.min(to)),
            to: percent(from.max(to)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_placed_and_stay_inside() {
        let scale = Scale::new(-0.6, 0.4);
        assert_eq!(percent(scale.at(-0.1)), "50.00%");
        assert_eq!(percent(scale.at(-2.0)), "0.00%");
        assert_eq!(percent(scale.at(2.0)), "100.00%");
        assert_eq!(percent(scale.at(f64::NAN)), "0.00%");
        assert_eq!(Scale::new(1.0, 1.0).at(1.0), 0.0);
        let span = Span::new(scale, 0.4, -0.6);
        assert_eq!((span.from.as_str(), span.to.as_str()), ("0.00%", "100.00%"));
    }
}
