//! Metrics over characters (Unicode scalar values).

use std::collections::HashMap;

/// Longest runs that chrF counts.
const ORDER: usize = 6;
/// How many times as much recall counts as precision, squared.
const BETA_SQUARED: f64 = 4.0;
/// Most cells of the table that an edit distance may need; about a second.
const CELLS_MAX: usize = 1 << 28;

/// chrF2: F2 of the mean precision and recall over shared runs of one to six characters, white space left out. Orders that one of the texts
/// is too short for are left out of the mean.
///
/// Source: M. Popović, chrF (2015); sacrebleu 2.6.0 `CHRF()` ÷ 100.
pub(super) fn chrf(expected: &str, said: &str) -> f64 {
    let (expected, said) = (dense(expected), dense(said));
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for n in 1..=ORDER.min(expected.len()).min(said.len()) {
        let shared = shared(&expected, &said, n) as f64;
        precision += shared / (said.len() + 1 - n) as f64;
        recall += shared / (expected.len() + 1 - n) as f64;
        orders += 1.0;
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (precision / orders, recall / orders);
    (1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
}

fn dense(text: &str) -> Vec<char> {
    text.chars().filter(|it| !it.is_whitespace()).collect()
}

/// Counts shared runs of n characters, each as often as both texts have it. Memory grows with the expected text only.
fn shared(expected: &[char], said: &[char], n: usize) -> usize {
    let mut left: HashMap<&[char], usize> = HashMap::new();
    for run in expected.windows(n) {
        *left.entry(run).or_default() += 1;
    }
    said.windows(n)
        .filter(|run| match left.get_mut(run) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
        .count()
}

/// 1 − Levenshtein distance ÷ length of the longer text; 1 for two empty texts; `None` where the table would be too large.
///
/// Source: RapidFuzz 3.14 `Levenshtein.normalized_similarity`.
pub(super) fn edit(expected: &str, said: &str) -> Option<f64> {
    let cells = expected.chars().count().checked_mul(said.chars().count())?;
    (cells <= CELLS_MAX).then(|| strsim::normalized_levenshtein(expected, said))
}
