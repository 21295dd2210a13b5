//! Scores of some examples of a run, as often as they are named: what stability draws.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::{Failure, Scores};
use crate::calibrate::Unit;
use crate::manifest::Role;

impl Scores {
    /// Copies what rules read of these examples; the copies are numbered from 0 in this order. What only tables read stays behind.
    pub(crate) fn of_rows(&self, rows: &[u32]) -> Self {
        let slots = self.first.len();
        Self {
            examples: rows.len(),
            first: self.first.iter().map(|all| pick(all, rows)).collect(),
            fresh: self.fresh_of(rows),
            shape: self.shape.clone(),
            parts: self.parts.clone(),
            by_model: self.by_model.clone(),
            units: self
                .units
                .iter()
                .map(|(criterion, all)| (*criterion, units_of(all, rows)))
                .collect(),
            failures: self.failures_of(rows),
            values: self.values.iter().map(|all| values_of(all, rows)).collect(),
            missing: vec![Vec::new(); slots],
            class_by_cell: self
                .class_by_cell
                .iter()
                .map(|all| pick(all, rows))
                .collect(),
            observed: vec![Vec::new(); slots],
            why: vec![Vec::new(); slots],
            cost: self.cost_of(rows),
        }
    }

    fn fresh_of(&self, rows: &[u32]) -> HashMap<(u16, Role, u32), super::Tally> {
        let mut fresh = HashMap::new();
        if self.fresh.is_empty() {
            return fresh;
        }
        for criterion in 0..self.shape.len() as u16 {
            for role in Role::ALL {
                for (new, old) in (0..).zip(rows) {
                    if let Some(tally) = self.fresh.get(&(criterion, role, *old)) {
                        fresh.insert((criterion, role, new), *tally);
                    }
                }
            }
        }
        fresh
    }

    fn failures_of(&self, rows: &[u32]) -> Vec<Failure> {
        let mut copies: HashMap<u32, Vec<u32>> = HashMap::new();
        if !self.failures.is_empty() {
            for (new, old) in (0..).zip(rows) {
                copies.entry(*old).or_default().push(new);
            }
        }
        let mut failures: Vec<Failure> = self
            .failures
            .iter()
            .filter_map(|one| Some((one, copies.get(&one.example)?)))
            .flat_map(|(one, copies)| copies.iter().map(|&example| Failure { example, ..*one }))
            .collect();
        failures.sort_unstable();
        failures
    }

    fn cost_of(&self, rows: &[u32]) -> BTreeMap<(Role, u32, u32), (f64, f64)> {
        let mut cost = BTreeMap::new();
        if self.cost.is_empty() {
            return cost;
        }
        for role in Role::ALL {
            for (new, old) in (0..).zip(rows) {
                let of = self.cost.range((role, *old, 0)..=(role, *old, u32::MAX));
                cost.extend(of.map(|((_, _, trial), sums)| ((role, new, *trial), *sums)));
            }
        }
        cost
    }

    /// Writes everything that rules read of one example: two examples of which the same is written differ for no rule.
    pub(crate) fn write(&self, example: u32, classes: u16, text: &mut String) {
        for criterion in 0..self.shape.len() as u16 {
            for role in Role::ALL {
                let first = self.first(criterion, role, example);
                let fresh = self.fresh(criterion, role, example);
                let class = self.class_of(role, example, criterion);
                let values = self.values_of(criterion, role, example).iter();
                let values: Vec<f64> = values.map(|(_, value)| *value).collect();
                let _ = write!(text, "{first:?}{fresh:?}{class:?}{values:?};");
            }
            let units = self.units.get(&criterion).map(Vec::as_slice);
            for unit in of_example(units.unwrap_or(&[]), example, |unit| unit.example) {
                let _ = write!(
                    text,
                    "{:?}{:?}{:?}{:?}{:?};",
                    unit.role, unit.trial, unit.part, unit.judge, unit.beside
                );
            }
        }
        for role in Role::ALL {
            let of = self
                .cost
                .range((role, example, 0)..=(role, example, u32::MAX));
            for ((_, _, trial), sums) in of {
                let _ = write!(text, "{role:?}{trial}{sums:?};");
            }
        }
        for role in Role::ALL {
            for class in 0..classes {
                for one in self.failures_on(role, class, example) {
                    let _ = write!(
                        text,
                        "{role:?}{class}{}{}{}{};",
                        one.criterion, one.trial, one.fresh, one.by_model
                    );
                }
            }
        }
    }
}

fn pick<T: Copy>(all: &[T], rows: &[u32]) -> Vec<T> {
    // A role that is not in the plan has no rows.
    match all.is_empty() {
        true => Vec::new(),
        false => rows.iter().map(|&row| all[row as usize]).collect(),
    }
}

/// What a list that is sorted by example holds of one.
fn of_example<T>(all: &[T], example: u32, index: impl Fn(&T) -> u32) -> &[T] {
    let from = all.partition_point(|one| index(one) < example);
    let to = all.partition_point(|one| index(one) <= example);
    &all[from..to]
}

fn values_of(all: &[(u32, f64)], rows: &[u32]) -> Vec<(u32, f64)> {
    if all.is_empty() {
        return Vec::new();
    }
    let of = |(new, old): (u32, &u32)| {
        let own = of_example(all, *old, |(example, _)| *example).iter();
        own.map(move |(_, value)| (new, *value))
    };
    (0..).zip(rows).flat_map(of).collect()
}

fn units_of(all: &[Unit], rows: &[u32]) -> Vec<Unit> {
    let of = |(new, old): (u32, &u32)| {
        let own = of_example(all, *old, |unit| unit.example).iter();
        own.map(move |unit| Unit {
            example: new,
            ..unit.clone()
        })
    };
    (0..).zip(rows).flat_map(of).collect()
}
