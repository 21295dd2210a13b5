//! Pass rates by segment while a run goes on: a first impression, never a verdict.

use std::cmp::Ordering;

use gatewright_core::manifest::{Manifest, Role, Subject};
use gatewright_core::outcome::{Bin, Outcome};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::reference::ReferenceSet;
use gatewright_core::report::untrusted;
use gatewright_stats::proportion::wilson;

/// Two-sided intervals of 95 %: the one-sided level of each bound.
const ALPHA: f64 = 0.025;

/// Rates of one criterion over one dimension.
pub(super) struct Rates<'l> {
    /// The criterion's name.
    pub(super) criterion: &'l str,
    /// The dimension's name.
    pub(super) dimension: &'l str,
    index: u16,
    values: &'l [String],
    /// The value of each example.
    assigned: &'l [u16],
    /// By role, then by value.
    cells: [Vec<Cell>; 3],
    /// By role: examples that were counted.
    seen: [Vec<bool>; 3],
}

/// One system in one segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    passed: u64,
    graded: u64,
    examples: u64,
}

impl Cell {
    fn rate(self) -> Option<f64> {
        (self.graded > 0).then(|| self.passed as f64 / self.graded as f64)
    }

    /// Shows rate, interval and n. Trials of one example are not independent, so n is examples.
    fn text(self) -> String {
        let Some(rate) = self.rate() else {
            return "-".to_owned();
        };
        let n = self.examples as f64;
        let (lower, upper) = wilson(rate * n, n, ALPHA);
        let percent = |share: f64| format!("{:.0}", share * 100.0);
        format!(
            "{:>3} % [{}, {}] n={}",
            percent(rate),
            percent(lower),
            percent(upper),
            self.examples
        )
    }
}

impl<'l> Rates<'l> {
    /// Watches what the first guard is about, by its first dimension; without a guard, the first rule; without any, nothing.
    pub(super) fn new(manifest: &'l Manifest, reference: &'l ReferenceSet) -> Option<Self> {
        use gatewright_core::manifest::Verb;
        let about = |rule: &gatewright_core::manifest::Rule| match rule.subject {
            Subject::Criterion(index) => Some((index, rule.by.first().cloned())),
            Subject::Class(_) => None,
        };
        let guards = manifest.gate.iter().filter(|rule| rule.verb == Verb::Guard);
        let split = guards.clone().filter(|rule| !rule.by.is_empty());
        let (index, by) = split.chain(guards).chain(&manifest.gate).find_map(about)?;
        let dimension = by
            .and_then(|name| manifest.dimension(&name))
            .map_or(0, |(dimension, _)| dimension);
        let values = reference.values.get(dimension)?;
        let n = reference.examples.len();
        Some(Self {
            criterion: manifest.criteria.get(usize::from(index))?.id.as_str(),
            dimension: &manifest.dimensions.get(dimension)?.name,
            index,
            values,
            assigned: reference.assigned.get(dimension)?,
            cells: std::array::from_fn(|_| vec![Cell::default(); values.len()]),
            seen: std::array::from_fn(|_| vec![false; n]),
        })
    }

    /// Counts what an attempt came to.
    pub(super) fn add(&mut self, attempt: AttemptSpec, outcomes: &[Outcome]) {
        let example = attempt.example as usize;
        let role = attempt.system.index();
        let Some(value) = self.assigned.get(example).map(|&value| usize::from(value)) else {
            return;
        };
        let Some(cell) = self.cells[role].get_mut(value) else {
            return;
        };
        let whole = outcomes
            .iter()
            .filter(|one| one.criterion == self.index && one.part.is_none());
        for outcome in whole {
            let passed = match outcome.bin {
                Bin::Pass => 1,
                Bin::Fail(_) => 0,
                _ => continue,
            };
            cell.passed += passed;
            cell.graded += 1;
            if !std::mem::replace(&mut self.seen[role][example], true) {
                cell.examples += 1;
            }
        }
    }

    /// Shows at most `most` segments, worst first: by what the candidate loses against production.
    pub(super) fn rows(&self, most: usize) -> Vec<String> {
        let [candidate, production] = [Role::Candidate, Role::Production].map(Role::index);
        let loss = |value: usize| {
            let rate = self.cells[candidate][value].rate();
            let against = self.cells[production][value].rate();
            match (rate, against) {
                (Some(rate), Some(against)) => rate - against,
                (Some(rate), None) => rate - 1.0,
                _ => 1.0,
            }
        };
        let started = |value: &usize| {
            self.cells[candidate][*value].graded + self.cells[production][*value].graded > 0
        };
        let mut order: Vec<usize> = (0..self.values.len()).filter(started).collect();
        order.sort_by(|&a, &b| {
            let by_loss = loss(a).partial_cmp(&loss(b)).unwrap_or(Ordering::Equal);
            by_loss.then(a.cmp(&b))
        });
        if order.is_empty() || most < 2 {
            return Vec::new();
        }
        let title = format!("{} by {}", self.criterion, self.dimension);
        let title = untrusted::clip(&untrusted::line(&title, 200), 24);
        let mut rows = vec![format!(
            "{} candidate              production",
            untrusted::pad(&title, 24)
        )];
        rows.extend(order.into_iter().take(most - 1).map(|value| {
            let name = untrusted::clip(&untrusted::line(&self.values[value], 100), 22);
            format!(
                "  {} {} {}",
                untrusted::pad(&name, 22),
                untrusted::pad(&self.cells[candidate][value].text(), 22),
                self.cells[production][value].text()
            )
        }));
        rows
    }

    /// Says the worst segment in a few words.
    pub(super) fn worst(&self) -> Option<String> {
        let row = self.rows(2).into_iter().nth(1)?;
        let words: Vec<&str> = row.split_whitespace().collect();
        Some(format!("worst {} (candidate, production)", words.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use gatewright_core::outcome::GraderKind;

    use super::*;

    fn rates(values: &[String]) -> Rates<'_> {
        const ASSIGNED: [u16; 6] = [0, 0, 0, 1, 1, ReferenceSet::NO_VALUE];
        Rates {
            criterion: "grounded",
            dimension: "task",
            index: 0,
            values,
            assigned: &ASSIGNED,
            cells: std::array::from_fn(|_| vec![Cell::default(); values.len()]),
            seen: std::array::from_fn(|_| vec![false; 6]),
        }
    }

    fn add(rates: &mut Rates<'_>, system: Role, example: u32, trial: u32, bin: Bin) {
        let attempt = AttemptSpec {
            example,
            system,
            trial,
        };
        let outcome = Outcome {
            example,
            system,
            trial,
            criterion: 0,
            part: None,
            bin,
            value: None,
            by: GraderKind::Rule,
            why: None,
            beside: None,
            observed: None,
        };
        rates.add(attempt, &[outcome]);
    }

    #[test]
    fn the_worst_segment_comes_first_and_n_is_examples() {
        let values = ["invoice".to_owned(), "refund\u{1b}[2J".to_owned()];
        let mut rates = rates(&values);
        assert!(rates.rows(7).is_empty(), "nothing is known yet");
        for example in 0..6 {
            for trial in 0..2 {
                let bad = example >= 3 && trial == 0;
                let bin = if bad { Bin::Fail(0) } else { Bin::Pass };
                add(&mut rates, Role::Candidate, example, trial, bin);
                add(&mut rates, Role::Production, example, trial, Bin::Pass);
            }
        }
        let missing = Bin::Missing(gatewright_core::outcome::Missing::ProviderError);
        add(&mut rates, Role::Candidate, 0, 2, missing);
        let rows = rates.rows(7);
        assert_eq!(
            rows,
            [
                "grounded by task         candidate              production",
                "  refund\\u{1b}[2J         50 % [9, 91] n=2      100 % [34, 100] n=2",
                "  invoice                100 % [44, 100] n=3    100 % [44, 100] n=3",
            ]
        );
        assert_eq!(rates.rows(2).len(), 2);
        assert!(
            rates
                .worst()
                .is_some_and(|text| text.starts_with("worst refund"))
        );
    }
}
