use proptest::prelude::*;
use serde_json::Value;

use super::measure;
use crate::manifest::SimilarityMetric;

/// Figures of the Python packages on sentences of our own; `tests/vectors/similarity.py` wrote them.
const VECTORS: &str = include_str!("../../../tests/vectors/similarity.jsonl");
/// Sums in another order differ in the last bits only.
const TOLERANCE: f64 = 1e-12;

#[test]
fn the_figures_are_those_of_the_python_packages() {
    let mut compared = 0;
    for line in VECTORS.lines() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| row[key].as_str().expect("a text");
        for (word, metric) in SimilarityMetric::ALL {
            let wanted = row[word].as_f64().expect("a figure");
            let found = measure(metric, text("expected"), text("said")).expect("short enough");
            assert!(
                (found - wanted).abs() <= TOLERANCE,
                "{word}: {found}, Python says {wanted}: {line}"
            );
            compared += 1;
        }
    }
    assert!(compared >= 6 * 40, "{compared}");
}

#[test]
fn megabytes_are_measured_or_refused() {
    let long = "the fee is refunded in full ".repeat(1 << 16);
    for (word, metric) in SimilarityMetric::ALL {
        let value = measure(metric, "The fee is refunded in full.", &long);
        assert!(
            value.is_none_or(|value| (0.0..=1.0).contains(&value)),
            "{word}"
        );
        if metric != SimilarityMetric::Edit {
            assert!(value.is_some(), "{word}");
        }
    }
    assert_eq!(measure(SimilarityMetric::Edit, &long, &long), None);
}

proptest! {
    #[test]
    fn any_two_texts_have_a_similarity(a in any::<String>(), b in any::<String>()) {
        for (_, metric) in SimilarityMetric::ALL {
            let value = measure(metric, &a, &b).expect("short enough");
            prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{metric:?} {value}");
        }
    }

    #[test]
    fn a_text_is_like_itself(text in "[a-z]{1,9}( [b-y]{2,9}){1,6}") {
        for (_, metric) in SimilarityMetric::ALL {
            let value = measure(metric, &text, &text).expect("short enough");
            prop_assert!((value - 1.0).abs() < 1e-12, "{metric:?} {value} {text}");
        }
    }
}
