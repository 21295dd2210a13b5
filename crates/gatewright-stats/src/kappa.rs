//! Cohen's kappa of two reviewers (statistics.md §9), plain and weighted.

use libm::sqrt;

use crate::estimate::Undefined;

/// Agreement of two reviewers on the same items. Kappa is undefined where chance agreement is certain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CohenKappa {
    /// Share of equal ratings.
    pub percent_agreement: f64,
    /// Cohen's kappa, in [−1, 1].
    pub kappa: Option<f64>,
    /// Its large-sample standard error (Fleiss, Cohen & Everitt 1969).
    pub se: Option<f64>,
    /// Kappa with disagreement weighted by |i − j|, for ordered categories.
    pub linear: Option<f64>,
    /// Kappa with disagreement weighted by (i − j)².
    pub quadratic: Option<f64>,
}

/// Returns the kappas of two reviewers (Cohen 1960, 1968): one rating each per item, in 0..categories.
///
/// # Errors
/// `Empty` without items, `OutOfRange` for lists of different lengths or a rating that is no category.
///
/// ```
/// let found = gatewright_stats::kappa::cohen(&[1, 1, 1], &[1, 1, 1], 2).unwrap();
/// assert_eq!((found.kappa, found.percent_agreement), (None, 1.0));
/// ```
pub fn cohen(first: &[u32], second: &[u32], categories: u32) -> Result<CohenKappa, Undefined> {
    if first.is_empty() {
        return Err(Undefined::Empty);
    }
    let known = |ratings: &[u32]| ratings.iter().all(|&rating| rating < categories);
    if first.len() != second.len() || !known(first) || !known(second) {
        return Err(Undefined::OutOfRange);
    }
    let wide = categories as usize;
    let mut table = Table {
        wide,
        cell: vec![0; wide * wide],
        row: vec![0; wide],
        column: vec![0; wide],
        n: first.len() as u64,
    };
    for (&a, &b) in first.iter().zip(second) {
        table.cell[a as usize * wide + b as usize] += 1;
        table.row[a as usize] += 1;
        table.column[b as usize] += 1;
    }
    let kappa = table.weighted(|i, j| u64::from(i != j));
    Ok(CohenKappa {
        percent_agreement: table.diagonal() as f64 / table.n as f64,
        kappa,
        se: kappa.map(|kappa| table.standard_error(kappa)),
        linear: table.weighted(|i, j| i.abs_diff(j) as u64),
        quadratic: table.weighted(|i, j| (i.abs_diff(j) as u64).pow(2)),
    })
}

/// Counts of pairs of ratings, and their margins.
struct Table {
    wide: usize,
    cell: Vec<u64>,
    row: Vec<u64>,
    column: Vec<u64>,
    n: u64,
}

impl Table {
    fn diagonal(&self) -> u64 {
        (0..self.wide).map(|k| self.cell[k * self.wide + k]).sum()
    }

    /// 1 − observed/expected disagreement, in counts until the last division; none where none is expected.
    fn weighted(&self, weight: impl Fn(usize, usize) -> u64) -> Option<f64> {
        let (mut observed, mut expected) = (0_u128, 0_u128);
        for i in 0..self.wide {
            for j in 0..self.wide {
                let weight = u128::from(weight(i, j));
                observed += weight * u128::from(self.cell[i * self.wide + j]);
                expected += weight * u128::from(self.row[i]) * u128::from(self.column[j]);
            }
        }
        (expected > 0).then(|| 1.0 - (observed * u128::from(self.n)) as f64 / expected as f64)
    }

    fn standard_error(&self, kappa: f64) -> f64 {
        let n = self.n as f64;
        let (row, column) = (
            |k: usize| self.row[k] as f64 / n,
            |k: usize| self.column[k] as f64 / n,
        );
        let chance: f64 = (0..self.wide).map(|k| row(k) * column(k)).sum();
        let mut spread = 0.0;
        for i in 0..self.wide {
            for j in 0..self.wide {
                let share = self.cell[i * self.wide + j] as f64 / n;
                let lean = if i == j {
                    1.0 - (row(i) + column(i)) * (1.0 - kappa)
                } else {
                    (column(i) + row(j)) * (1.0 - kappa)
                };
                spread += share * lean * lean;
            }
        }
        let centre = kappa - chance * (1.0 - kappa);
        sqrt((spread - centre * centre).max(0.0) / n) / (1.0 - chance)
    }
}
