//! Agreement of reviewers (statistics.md §9): percent agreement, Krippendorff's alpha, Gwet's AC1, Fleiss' kappa.
//!
//! Agreement is not correctness. Where all ratings are equal, alpha and kappa are undefined: never 1, never 0.
//! Two reviewers on the same items: see `kappa`.

use libm::sqrt;

use crate::bootstrap::{Interval, draw, interval_of_draws};
use crate::estimate::Undefined;
use crate::rng::Stream;
use crate::sum::sum;

/// Fewest items for an interval; below, agreement is an anecdote.
pub const LEAST_ITEMS: u64 = 20;

/// Lower bound of alpha below which the rubric, not the reviewers, needs repair (Krippendorff 2004).
pub const LEAST_ALPHA: f64 = 0.667;

/// Fewest items with a known answer before a reviewer's accuracy is acted on.
pub const LEAST_GOLD: u64 = 30;

/// Resamples of an item interval.
pub const RESAMPLES: u64 = 2000;

/// Ratings of items, counted by category: who gave which does not matter to these coefficients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ratings {
    categories: usize,
    /// Items × categories.
    counts: Vec<u32>,
}

/// What the distance between two categories is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level<'a> {
    /// Equal or not.
    Nominal,
    /// By rank, in the order of categories.
    Ordinal,
    /// By value: one finite number per category.
    Interval(&'a [f64]),
}

/// Gwet's coefficient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ac1 {
    /// (agreement − chance)/(1 − chance), in [−1, 1].
    pub ac1: f64,
    /// Mean share of agreeing pairs over items with at least two ratings.
    pub percent_agreement: f64,
    /// Agreement by chance.
    pub chance: f64,
    /// Standard error with items random and reviewers fixed; none for a single item.
    pub se: Option<f64>,
}

impl Ratings {
    /// Counts ratings: one row per item, one rating per reviewer, none where missing. Rows may have different lengths.
    ///
    /// # Errors
    /// `Empty` without a rating, `OutOfRange` for a rating that is not below `categories`.
    pub fn new(items: &[Vec<Option<u32>>], categories: u32) -> Result<Self, Undefined> {
        let wide = categories as usize;
        let mut counts = vec![0_u32; items.len() * wide];
        let mut seen = false;
        for (item, row) in items.iter().enumerate() {
            for rating in row.iter().flatten() {
                if *rating >= categories {
                    return Err(Undefined::OutOfRange);
                }
                counts[item * wide + *rating as usize] += 1;
                seen = true;
            }
        }
        if !seen {
            return Err(Undefined::Empty);
        }
        Ok(Self {
            categories: wide,
            counts,
        })
    }

    /// Items, with those without a rating.
    pub fn items(&self) -> usize {
        self.counts.len() / self.categories
    }

    /// Items with at least two ratings: those that say anything about agreement.
    pub fn rated_twice(&self) -> usize {
        self.rows().iter().filter(|row| total(row) >= 2.0).count()
    }

    fn rows(&self) -> Vec<&[u32]> {
        self.counts.chunks_exact(self.categories).collect()
    }

    fn drawn(&self, draw: &[usize]) -> Vec<&[u32]> {
        let row = |&item: &usize| &self.counts[item * self.categories..][..self.categories];
        draw.iter().map(row).collect()
    }

    /// Returns the mean share of agreeing pairs of reviewers over the items with at least two ratings.
    ///
    /// # Errors
    /// `Empty` where no item has two ratings.
    pub fn percent_agreement(&self) -> Result<f64, Undefined> {
        let shares: Vec<f64> = self.rows().into_iter().filter_map(agreeing).collect();
        if shares.is_empty() {
            return Err(Undefined::Empty);
        }
        Ok(sum(shares.iter().copied()) / shares.len() as f64)
    }

    /// Returns Krippendorff's alpha (Krippendorff 2011), at most 1; ratings may be missing, and items with fewer than two
    /// say nothing.
    ///
    /// ```
    /// use gatewright_stats::agreement::{Level, Ratings};
    /// let items = [[0, 0], [1, 1], [0, 1], [1, 1]].map(|row| row.map(Some).to_vec());
    /// let alpha = Ratings::new(&items, 2).unwrap().alpha(Level::Nominal).unwrap();
    /// assert!((alpha - 8.0 / 15.0).abs() < 1e-12);
    /// ```
    ///
    /// # Errors
    /// `Empty` where no item has two ratings, `NoVariation` where all those ratings are equal (or of equal value),
    /// `OutOfRange` for interval values that are not one finite number per category.
    pub fn alpha(&self, level: Level<'_>) -> Result<f64, Undefined> {
        alpha_of(&self.rows(), self.categories, level)
    }

    /// Returns alpha of a resample: `draw` names items, repeats allowed.
    ///
    /// # Errors
    /// Those of [`Ratings::alpha`], and `OutOfRange` for an item that there is not.
    pub fn alpha_of_draw(&self, draw: &[usize], level: Level<'_>) -> Result<f64, Undefined> {
        if draw.iter().any(|&item| item >= self.items()) {
            return Err(Undefined::OutOfRange);
        }
        alpha_of(&self.drawn(draw), self.categories, level)
    }

    /// Returns the percentile interval of alpha over [`RESAMPLES`] item resamples at one-sided level alpha each; undefined
    /// resamples are dropped and counted. `stream` opens the random words of a replicate.
    ///
    /// # Errors
    /// `TooFewRows` below [`LEAST_ITEMS`] items with two ratings, and those of [`Ratings::alpha`].
    pub fn alpha_interval(
        &self,
        level: Level<'_>,
        alpha: f64,
        stream: impl Fn(u64) -> Stream,
    ) -> Result<Interval, Undefined> {
        self.alpha(level)?;
        self.interval(alpha, stream, |rows| {
            alpha_of(rows, self.categories, level).ok()
        })
    }

    /// Returns the percentile interval of Gwet's AC1 the same way.
    ///
    /// # Errors
    /// `TooFewRows` below [`LEAST_ITEMS`] items with two ratings, and those of [`Ratings::ac1`].
    pub fn ac1_interval(
        &self,
        alpha: f64,
        stream: impl Fn(u64) -> Stream,
    ) -> Result<Interval, Undefined> {
        self.ac1()?;
        self.interval(alpha, stream, |rows| {
            ac1_of(rows, self.categories).ok().map(|found| found.ac1)
        })
    }

    fn interval(
        &self,
        alpha: f64,
        stream: impl Fn(u64) -> Stream,
        statistic: impl Fn(&[&[u32]]) -> Option<f64>,
    ) -> Result<Interval, Undefined> {
        if (self.rated_twice() as u64) < LEAST_ITEMS {
            return Err(Undefined::TooFewRows { needs: LEAST_ITEMS });
        }
        let items = self.items();
        let draws = (0..RESAMPLES).map(|replicate| draw(&mut stream(replicate), items));
        interval_of_draws(draws, alpha, |draw| statistic(&self.drawn(draw)))
    }

    /// Returns Gwet's AC1 (Gwet 2008): it keeps its meaning where nearly everything passes, and kappa does not.
    ///
    /// # Errors
    /// `Empty` where no item has two ratings, `OutOfRange` with fewer than two categories.
    pub fn ac1(&self) -> Result<Ac1, Undefined> {
        ac1_of(&self.rows(), self.categories)
    }

    /// Returns Fleiss' kappa (Fleiss 1971) of a complete table.
    ///
    /// # Errors
    /// `OutOfRange` unless every item has the same number of ratings, at least two; `NoVariation` where all are equal.
    pub fn fleiss(&self) -> Result<f64, Undefined> {
        self.complete()?;
        let rows = self.rows();
        let chance = sum((0..self.categories).map(|k| {
            let share =
                sum(rows.iter().map(|row| f64::from(row[k]) / total(row))) / rows.len() as f64;
            share * share
        }));
        if self.used_categories() < 2 {
            return Err(Undefined::NoVariation);
        }
        Ok((self.percent_agreement()? - chance) / (1.0 - chance))
    }

    /// Returns Randolph's free-marginal kappa of a complete table: chance agreement is 1/categories (Randolph 2005).
    ///
    /// # Errors
    /// `OutOfRange` unless every item has the same number of ratings, at least two, and there are two categories.
    pub fn randolph(&self) -> Result<f64, Undefined> {
        self.complete()?;
        if self.categories < 2 {
            return Err(Undefined::OutOfRange);
        }
        let chance = 1.0 / self.categories as f64;
        Ok((self.percent_agreement()? - chance) / (1.0 - chance))
    }

    fn complete(&self) -> Result<(), Undefined> {
        let mut totals = self.rows().into_iter().map(total);
        let first = totals.next().ok_or(Undefined::Empty)?;
        if first >= 2.0 && totals.all(|one| one == first) {
            Ok(())
        } else {
            Err(Undefined::OutOfRange)
        }
    }

    fn used_categories(&self) -> usize {
        (0..self.categories)
            .filter(|&k| self.rows().iter().any(|row| row[k] > 0))
            .count()
    }
}

fn total(row: &[u32]) -> f64 {
    row.iter().map(|count| f64::from(*count)).sum()
}

/// Share of agreeing pairs of one item; none below two ratings.
fn agreeing(row: &[u32]) -> Option<f64> {
    let ratings = total(row);
    (ratings >= 2.0).then(|| {
        let pairs: f64 = row
            .iter()
            .map(|&count| f64::from(count) * (f64::from(count) - 1.0))
            .sum();
        pairs / (ratings * (ratings - 1.0))
    })
}

/// 1 − (n − 1)·Σ_u D_u/(m_u − 1) / D, D summing squared distances over unordered pairs: within item u, and over all ratings.
fn alpha_of(rows: &[&[u32]], categories: usize, level: Level<'_>) -> Result<f64, Undefined> {
    let pairable = || rows.iter().copied().filter(|row| total(row) >= 2.0);
    let mut all = vec![0_u64; categories];
    for row in pairable() {
        for (sum, count) in all.iter_mut().zip(row) {
            *sum += u64::from(*count);
        }
    }
    let n = all.iter().sum::<u64>() as f64;
    if n == 0.0 {
        return Err(Undefined::Empty);
    }
    // The ordinal distance |Σ_{c..k} n − (n_c + n_k)/2| is the distance of mid-ranks: one formula serves all three.
    let ranks;
    let place: Option<&[f64]> = match level {
        Level::Nominal => None,
        Level::Ordinal => {
            ranks = midranks(&all);
            Some(&ranks)
        }
        Level::Interval(values) => {
            if values.len() != categories || values.iter().any(|value| !value.is_finite()) {
                return Err(Undefined::OutOfRange);
            }
            Some(values)
        }
    };
    let used: Vec<usize> = (0..categories).filter(|&k| all[k] > 0).collect();
    let apart = |k: &usize| place.is_none_or(|place| place[*k] != place[used[0]]);
    if !used.iter().skip(1).any(apart) {
        return Err(Undefined::NoVariation);
    }
    let expected = distances(all.iter().map(|&count| count as f64), place);
    let observed = sum(pairable().map(|row| {
        distances(row.iter().map(|&count| f64::from(count)), place) / (total(row) - 1.0)
    }));
    Ok(1.0 - (n - 1.0) * observed / expected)
}

/// Sum of squared distances over unordered pairs of ratings: unequal pairs, or n·Σ(v − mean)² for places on a line.
fn distances(counts: impl Iterator<Item = f64> + Clone, place: Option<&[f64]>) -> f64 {
    let n: f64 = counts.clone().sum();
    match place {
        None => (n * n - counts.map(|count| count * count).sum::<f64>()) / 2.0,
        Some(place) => {
            let weighed = counts.clone().zip(place).map(|(count, at)| count * at);
            let centre = sum(weighed) / n;
            n * sum(counts
                .zip(place)
                .map(|(count, at)| count * (at - centre) * (at - centre)))
        }
    }
}

fn midranks(counts: &[u64]) -> Vec<f64> {
    let mut below = 0.0;
    counts
        .iter()
        .map(|&count| {
            let rank = below + count as f64 / 2.0;
            below += count as f64;
            rank
        })
        .collect()
}

fn ac1_of(rows: &[&[u32]], categories: usize) -> Result<Ac1, Undefined> {
    if categories < 2 {
        return Err(Undefined::OutOfRange);
    }
    let rated = || rows.iter().copied().filter(|row| total(row) >= 1.0);
    let n = rated().count() as f64;
    let shares: Vec<f64> = rated().filter_map(agreeing).collect();
    if shares.is_empty() {
        return Err(Undefined::Empty);
    }
    let twice = shares.len() as f64;
    let agreement = sum(shares.iter().copied()) / twice;
    let share_of: Vec<f64> = (0..categories)
        .map(|k| sum(rated().map(|row| f64::from(row[k]) / total(row))) / n)
        .collect();
    let spare = categories as f64 - 1.0;
    // At most 1/categories, so 1 − chance is never 0.
    let chance = sum(share_of.iter().map(|share| share * (1.0 - share))) / spare;
    let ac1 = (agreement - chance) / (1.0 - chance);
    let squares = sum(rated().map(|row| {
        let own =
            agreeing(row).map_or(0.0, |share| (n / twice) * (share - chance) / (1.0 - chance));
        let expected = sum(row
            .iter()
            .zip(&share_of)
            .map(|(&count, share)| f64::from(count) * (1.0 - share)))
            / (total(row) * spare);
        let linear = own - 2.0 * (1.0 - ac1) * (expected - chance) / (1.0 - chance);
        (linear - ac1) * (linear - ac1)
    }));
    Ok(Ac1 {
        ac1,
        percent_agreement: agreement,
        chance,
        se: (n > 1.0).then(|| sqrt(squares / (n * (n - 1.0)))),
    })
}
