//! Metrics over words.

use std::collections::{BTreeMap, HashMap};

use super::f1;

/// Splits a text as rouge-score does, without stemming: lower case, runs of a to z and digits. Everything else separates.
fn rouge_tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower
        .split(|it: char| !it.is_ascii_alphanumeric())
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Counts what two lists share, each as often as both have it.
fn shared<T: std::hash::Hash + Eq>(
    expected: impl Iterator<Item = T>,
    said: impl Iterator<Item = T>,
) -> usize {
    let mut left: HashMap<T, usize> = HashMap::new();
    for one in expected {
        *left.entry(one).or_default() += 1;
    }
    said.filter(|one| match left.get_mut(one) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    })
    .count()
}

/// ROUGE-N: F1 of shared runs of n words. 0 where one of the texts has none.
///
/// Source: C.-Y. Lin, ROUGE (2004); rouge-score 0.1.2 without stemming.
pub(super) fn rouge_n(n: usize, expected: &str, said: &str) -> f64 {
    let (expected, said) = (rouge_tokens(expected), rouge_tokens(said));
    let count = |tokens: &[String]| (tokens.len() + 1).saturating_sub(n) as f64;
    let shared = shared(expected.windows(n), said.windows(n)) as f64;
    f1(
        shared / count(&said).max(1.0),
        shared / count(&expected).max(1.0),
    )
}

/// ROUGE-L: F1 of the longest common subsequence of words, the texts as one sentence each.
///
/// Source: C.-Y. Lin, ROUGE (2004); rouge-score 0.1.2, `rougeL`.
pub(super) fn rouge_l(expected: &str, said: &str) -> f64 {
    let (expected, said) = (rouge_tokens(expected), rouge_tokens(said));
    if expected.is_empty() || said.is_empty() {
        return 0.0;
    }
    let common = common_subsequence(&expected, &said) as f64;
    f1(common / said.len() as f64, common / expected.len() as f64)
}

/// Length of the longest common subsequence, 64 expected words at a time.
///
/// Source: H. Hyyrö, Bit-parallel LCS-length computation revisited (2004): zeros of V count matches.
fn common_subsequence(expected: &[String], said: &[String]) -> usize {
    let blocks = expected.len().div_ceil(64);
    let mut places: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (index, token) in expected.iter().enumerate() {
        let bits = places.entry(token).or_insert_with(|| vec![0; blocks]);
        bits[index / 64] |= 1 << (index % 64);
    }
    let mut column = vec![u64::MAX; blocks];
    for token in said {
        let Some(bits) = places.get(token.as_str()) else {
            continue;
        };
        let mut carry = false;
        for (v, bits) in column.iter_mut().zip(bits) {
            let matched = *v & bits;
            let (sum, first) = v.overflowing_add(matched);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            *v = sum | (*v - matched);
        }
    }
    let zeros = |(block, v): (usize, &u64)| {
        let used = (expected.len() - block * 64).min(64);
        let mask = u64::MAX >> (64 - used);
        (!v & mask).count_ones() as usize
    };
    column.iter().enumerate().map(zeros).sum()
}

/// The marks that Python calls punctuation, all ASCII.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Splits a text as the SQuAD script does: lower case, without ASCII punctuation, without the words a, an, the.
fn squad_tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let plain: String = lower
        .chars()
        .filter(|it| !PUNCTUATION.contains(*it))
        .collect();
    // An article is one between boundaries of words, wherever white space stands: `a–b` loses its `a`.
    let mut kept = String::with_capacity(plain.len());
    let mut rest = plain.as_str();
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..]
            .find(|it| !is_word(it))
            .map_or(rest.len(), |length| start + length);
        kept.push_str(&rest[..start]);
        match &rest[start..end] {
            "a" | "an" | "the" => kept.push(' '),
            word => kept.push_str(word),
        }
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept.split_whitespace().map(str::to_owned).collect()
}

/// A character of a word, as `\w` of Python's `re` sees it.
fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

/// F1 of shared words; where one text has no word left, 1 if the other has none either.
///
/// Source: the evaluation script of SQuAD 2.0 (`compute_f1`).
pub(super) fn token_f1(expected: &str, said: &str) -> f64 {
    let (expected, said) = (squad_tokens(expected), squad_tokens(said));
    if expected.is_empty() || said.is_empty() {
        return f64::from(u8::from(expected.is_empty() && said.is_empty()));
    }
    let shared = shared(expected.iter(), said.iter()) as f64;
    f1(shared / said.len() as f64, shared / expected.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plain way: a table of every pair of prefixes.
    fn plain(a: &[String], b: &[String]) -> usize {
        let mut row = vec![0; b.len() + 1];
        for x in a {
            let mut diagonal = 0;
            for (j, y) in b.iter().enumerate() {
                let above = row[j + 1];
                row[j + 1] = if x == y {
                    diagonal + 1
                } else {
                    above.max(row[j])
                };
                diagonal = above;
            }
        }
        row[b.len()]
    }

    proptest! {
        #[test]
        fn bits_count_what_the_table_counts(
            a in proptest::collection::vec("[abc]", 1..150),
            b in proptest::collection::vec("[abc]", 0..150),
        ) {
            prop_assert_eq!(common_subsequence(&a, &b), plain(&a, &b));
        }
    }
}
