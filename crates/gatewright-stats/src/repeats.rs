//! Several answers per example: reliability over k uses and the split of variance (statistics.md §1).

use crate::estimate::Undefined;

/// Returns C(a, k) / C(n, k) for a ≤ n, as a product that never overflows.
fn choose_ratio(a: u32, n: u32, k: u32) -> f64 {
    (0..k)
        .map(|i| f64::from(a.saturating_sub(i)) / f64::from(n - i))
        .product()
}

/// Checks n answers with c passes; `false` when k uses cannot be estimated from n answers.
fn estimable(n: u32, c: u32, k: u32) -> Result<bool, Undefined> {
    if c > n || k == 0 {
        return Err(Undefined::OutOfRange);
    }
    Ok(k <= n)
}

/// Returns the unbiased chance that at least one of k answers passes, from c passes in n answers (Chen et al. 2021).
///
/// `None` when k > n: missing, never 0 or 1.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] when c > n or k = 0.
pub fn pass_at_k(n: u32, c: u32, k: u32) -> Result<Option<f64>, Undefined> {
    Ok(estimable(n, c, k)?.then(|| 1.0 - choose_ratio(n - c, n, k)))
}

/// Returns the unbiased chance that all of k answers pass, from c passes in n answers (Yao et al. 2024, τ-bench).
///
/// `None` when k > n: missing, never 0 or 1.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] when c > n or k = 0.
///
/// # Examples
///
/// ```
/// use gatewright_stats::repeats::pass_hat_k;
/// assert_eq!(pass_hat_k(5, 5, 5), Ok(Some(1.0)));
/// assert_eq!(pass_hat_k(3, 2, 4), Ok(None));
/// ```
pub fn pass_hat_k(n: u32, c: u32, k: u32) -> Result<Option<f64>, Undefined> {
    Ok(estimable(n, c, k)?.then(|| choose_ratio(c, n, k)))
}

/// How the variance of example means splits into run noise and real differences (Miller 2024).
///
/// The three parts that need repeats are `None` when no example was answered twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Decomposition {
    /// Examples with at least one answer.
    pub examples: u64,
    /// Mean of the example means.
    pub mean: f64,
    /// Sample variance of the example means, n − 1 in the denominator.
    pub total: f64,
    /// Mean variance of one answer within its example, over examples answered at least twice.
    pub within: Option<f64>,
    /// Mean of s²/K: the part of `total` that is run noise. An example answered once counts `within`/1.
    pub within_of_mean: Option<f64>,
    /// `total` − `within_of_mean`; below 0 by chance when examples hardly differ.
    pub between: Option<f64>,
}

impl Decomposition {
    /// Returns `between`, at least 0.
    #[must_use]
    pub fn between_floored(&self) -> Option<f64> {
        self.between.map(|b| b.max(0.0))
    }

    /// Returns the standard error of the mean with the answers at hand.
    #[must_use]
    pub fn se_now(&self) -> f64 {
        (self.total / self.examples as f64).sqrt()
    }

    /// Returns the standard error of the mean if every example were answered k times; `None` without repeats or k = 0.
    #[must_use]
    pub fn se_at(&self, k: u32) -> Option<f64> {
        let noise = self.within? / f64::from(k);
        (k > 0).then(|| {
            ((self.between_floored().unwrap_or(0.0) + noise) / self.examples as f64).sqrt()
        })
    }

    /// Returns true when more repeats are wasted: run noise at k answers is below a quarter of `between`.
    #[must_use]
    pub fn repeats_wasted(&self, k: u32) -> Option<bool> {
        let noise = self.within? / f64::from(k);
        (k > 0).then(|| noise < 0.25 * self.between_floored().unwrap_or(0.0))
    }
}

/// One example: its mean, its unbiased variance if answered twice, its answers.
struct Example {
    mean: f64,
    variance: Option<f64>,
    answers: f64,
}

/// Splits the variance over examples, given finite scores of the answers to each example.
///
/// Examples without answers are left out.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for a score that is not finite, [`Undefined::Empty`] without answers,
/// [`Undefined::TooFewClusters`] for one example.
pub fn decompose(answers: &[Vec<f64>]) -> Result<Decomposition, Undefined> {
    if answers.iter().flatten().any(|y| !y.is_finite()) {
        return Err(Undefined::OutOfRange);
    }
    let examples = answers.iter().filter(|y| !y.is_empty()).map(|y| {
        let k = y.len() as f64;
        let mean = y.iter().sum::<f64>() / k;
        let squares: f64 = y.iter().map(|v| (v - mean) * (v - mean)).sum();
        Example {
            mean,
            variance: (y.len() > 1).then(|| squares / (k - 1.0)),
            answers: k,
        }
    });
    split(&examples.collect::<Vec<_>>())
}

/// Splits the variance over examples, given (passes, trials) of each.
///
/// Examples without trials are left out.
///
/// # Errors
///
/// [`Undefined::OutOfRange`] for more passes than trials, [`Undefined::Empty`] without trials,
/// [`Undefined::TooFewClusters`] for one example.
pub fn decompose_counts(counts: &[(u32, u32)]) -> Result<Decomposition, Undefined> {
    if counts.iter().any(|&(passes, trials)| passes > trials) {
        return Err(Undefined::OutOfRange);
    }
    let examples = counts.iter().filter(|c| c.1 > 0).map(|&(passes, trials)| {
        let (c, k) = (f64::from(passes), f64::from(trials));
        Example {
            mean: c / k,
            variance: (trials > 1).then(|| c * (k - c) / (k * (k - 1.0))),
            answers: k,
        }
    });
    split(&examples.collect::<Vec<_>>())
}

/// Splits the variance of examples that have answers.
fn split(examples: &[Example]) -> Result<Decomposition, Undefined> {
    match examples.len() {
        0 => return Err(Undefined::Empty),
        1 => return Err(Undefined::TooFewClusters { clusters: 1 }),
        _ => {}
    }
    let n = examples.len() as f64;
    let mean = examples.iter().map(|e| e.mean).sum::<f64>() / n;
    let total = examples
        .iter()
        .map(|e| (e.mean - mean) * (e.mean - mean))
        .sum::<f64>()
        / (n - 1.0);
    let repeated: Vec<f64> = examples.iter().filter_map(|e| e.variance).collect();
    let within =
        (!repeated.is_empty()).then(|| repeated.iter().sum::<f64>() / repeated.len() as f64);
    let within_of_mean = within.map(|pooled| {
        examples
            .iter()
            .map(|e| e.variance.unwrap_or(pooled) / e.answers)
            .sum::<f64>()
            / n
    });
    Ok(Decomposition {
        examples: examples.len() as u64,
        mean,
        total,
        within,
        within_of_mean,
        between: within_of_mean.map(|w| total - w),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_answers_agree() {
        let scores = vec![vec![1.0, 0.0, 1.0], vec![1.0, 1.0], vec![0.0], vec![]];
        let a = decompose(&scores).unwrap();
        let b = decompose_counts(&[(2, 3), (2, 2), (0, 1), (0, 0)]).unwrap();
        assert_eq!(a.examples, 3);
        assert!((a.total - b.total).abs() < 1e-15);
        assert!((a.within.unwrap() - b.within.unwrap()).abs() < 1e-15);
        assert!((a.between.unwrap() - b.between.unwrap()).abs() < 1e-15);
    }

    #[test]
    fn one_answer_each_has_an_error_but_no_split() {
        let d = decompose_counts(&[(1, 1), (0, 1), (1, 1)]).unwrap();
        assert_eq!((d.within, d.between, d.se_at(3)), (None, None, None));
        assert!(d.se_now() > 0.0);
        assert_eq!(decompose_counts(&[(2, 1)]), Err(Undefined::OutOfRange));
        assert_eq!(decompose_counts(&[]), Err(Undefined::Empty));
        assert_eq!(pass_at_k(3, 4, 1), Err(Undefined::OutOfRange));
    }
}
