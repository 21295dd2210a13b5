//! Sums in a fixed order without losing digits (Neumaier 1974; statistics.md §12).

/// Returns the compensated sum of values in the order given.
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut compensation) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = total + value;
        compensation += if total.abs() >= value.abs() {
            (total - next) + value
        } else {
            (value - next) + total
        };
        total = next;
    }
    total + compensation
}

/// Returns the mean of at least one value.
pub(crate) fn mean(values: &[f64]) -> f64 {
    sum(values.iter().copied()) / values.len() as f64
}

/// Returns the sample variance (n − 1) of at least two values.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    sum(values
        .iter()
        .map(|value| (value - centre) * (value - centre)))
        / (values.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_small_term_survives_between_large_ones() {
        assert_eq!(super::sum([1.0, 1e100, 1.0, -1e100]), 2.0);
    }
}
