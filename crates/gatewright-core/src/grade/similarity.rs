//! The grader of similarity to `expect.answer`: ROUGE-1, -2 and -L, chrF, token F1, edit distance. Each is in [0, 1].
//!
//! The figures are those of the Python packages that made the metrics known (rouge-score, sacrebleu, the SQuAD script, RapidFuzz); a file of
//! vectors holds them together.

mod characters;
mod words;

use super::sheet::{Measures, Sheet};
use super::verdict::{Graded, Verdict};
use crate::json::scalar_text;
use crate::manifest::SimilarityMetric;
use crate::reference::Example;
use crate::response::Response;

/// What this grader can tell.
pub(super) const SHEETS: [Sheet; 1] = [Sheet {
    kind: "similarity",
    measures: Measures::Presence,
    checks: "the answer shares words or characters with `expect.answer`, as a value or above a threshold",
    protects: &["format-violation", "scope-mismatch"],
    cost: "words or characters of the answer times those of the expected one",
    deterministic: true,
    blind_spot: "a `not` more changes little; a right answer in other words scores low; ROUGE sees letters a to z and digits only",
}];

/// Says whether there is something to be like.
pub(super) fn applies(example: &Example) -> bool {
    example
        .expect
        .answer
        .as_ref()
        .and_then(scalar_text)
        .is_some()
}

/// Measures; `None` when the texts are too long to be compared by this metric.
pub(super) fn measure(metric: SimilarityMetric, expected: &str, said: &str) -> Option<f64> {
    match metric {
        SimilarityMetric::Rouge1 => Some(words::rouge_n(1, expected, said)),
        SimilarityMetric::Rouge2 => Some(words::rouge_n(2, expected, said)),
        SimilarityMetric::RougeL => Some(words::rouge_l(expected, said)),
        SimilarityMetric::Chrf => Some(characters::chrf(expected, said)),
        SimilarityMetric::TokenF1 => Some(words::token_f1(expected, said)),
        SimilarityMetric::Edit => characters::edit(expected, said),
    }
}

/// Gives the similarity as a value, or passes from the threshold on with the value beside the verdict; symptom `too-different`.
pub(super) fn grade(
    metric: SimilarityMetric,
    at_least: Option<f64>,
    example: &Example,
    response: &Response,
) -> Graded {
    let Some(expected) = example.expect.answer.as_ref().and_then(scalar_text) else {
        return Graded::missing("nothing to compare with");
    };
    let Some(value) = measure(metric, &expected, &response.output) else {
        return Graded::missing(
            "too long for an edit distance; `chrf` compares texts of any length",
        );
    };
    let graded = match at_least {
        None => return Verdict::Value(value).into(),
        Some(floor) if value >= floor => Graded::pass(),
        Some(floor) => {
            let why = format!("{} is {value:.3}; at least {floor}", metric.word());
            Graded::fail("too-different", why)
        }
    };
    Graded {
        value: Some(value),
        ..graded
    }
}

/// The harmonic mean of precision and recall; 0 where both are.
fn f1(precision: f64, recall: f64) -> f64 {
    if precision + recall > 0.0 {
        2.0 * precision * recall / (precision + recall)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests;
