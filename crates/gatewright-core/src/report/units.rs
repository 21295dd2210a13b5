//! What stands under each criterion for each example: what test tabs, code scanning and spreadsheets are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::manifest::{Manifest, Role};
use crate::outcome::{Bin, Missing, Outcome};
use crate::plan::Plan;
use crate::reference::ReferenceSet;

/// Verdicts of one system on one example under one criterion, over its first-look trials and the answer's parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Passed.
    pub pass: u32,
    /// Failed.
    pub fail: u32,
    /// Without a verdict, the reason of the first beside it.
    pub missing: u32,
    /// Measured, compared, or not applicable: nothing that passes or fails.
    pub beside: u32,
    /// Class of the first failure, an index into the page's classes.
    pub class: Option<u16>,
    /// Why the first one is missing.
    pub reason: Option<Missing>,
    /// Why the first one failed, or else is missing: untrusted text.
    pub why: Option<Arc<str>>,
}

/// Where an example stands under a criterion: a failure outweighs a missing verdict, which outweighs a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// At least one trial or part failed.
    Failed,
    /// None failed, and at least one is missing.
    Missing,
    /// All that were judged passed.
    Passed,
    /// The criterion says nothing about it that passes or fails.
    Beside,
}

impl Tally {
    /// Says where it stands.
    pub fn stands(&self) -> Stands {
        match self {
            Self { fail: 1.., .. } => Stands::Failed,
            Self { missing: 1.., .. } => Stands::Missing,
            Self { pass: 1.., .. } => Stands::Passed,
            Self { .. } => Stands::Beside,
        }
    }

    /// "2 of 3 pass": trials and parts that passed, of all that pass or fail or are missing.
    pub fn words(&self) -> String {
        let all = self.pass + self.fail + self.missing;
        format!("{} of {all} pass", self.pass)
    }

    fn add(&mut self, outcome: &Outcome) {
        match outcome.bin {
            Bin::Pass => self.pass += 1,
            Bin::Fail(class) => {
                self.fail += 1;
                if self.class.is_none() {
                    self.class = Some(class);
                    // A failure is told, whatever was missing before it.
                    self.why = outcome.why.clone();
                }
            }
            Bin::Missing(reason) => {
                self.missing += 1;
                self.reason.get_or_insert(reason);
                if self.class.is_none() && self.why.is_none() {
                    self.why = outcome.why.clone();
                }
            }
            Bin::NotApplicable | Bin::Value(_) | Bin::Win | Bin::Tie | Bin::Loss => {
                self.beside += 1;
            }
        }
    }
}

/// Both systems on one example under one criterion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// The candidate.
    pub candidate: Tally,
    /// Production.
    pub production: Tally,
}

impl Unit {
    /// True when the candidate fails where production passes.
    pub fn is_lost(&self) -> bool {
        self.candidate.stands() == Stands::Failed && self.production.stands() == Stands::Passed
    }
}

/// All units of a run: criterion and example to verdicts, in the order of the page and of the reference set. About 150 bytes each.
#[derive(Debug)]
pub struct Units<'a> {
    /// The page.
    pub manifest: &'a Manifest,
    /// The examples.
    pub reference: &'a ReferenceSet,
    plan: &'a Plan,
    by_key: BTreeMap<(u16, u32), Unit>,
}

impl<'a> Units<'a> {
    /// Starts with none.
    pub fn new(manifest: &'a Manifest, reference: &'a ReferenceSet, plan: &'a Plan) -> Self {
        Self {
            manifest,
            reference,
            plan,
            by_key: BTreeMap::new(),
        }
    }

    /// Counts an outcome; confirmation trials and other systems than candidate and production are left out.
    pub fn add(&mut self, outcome: &Outcome) {
        if outcome.trial >= self.plan.trials(outcome.system) {
            return;
        }
        let unit = || (outcome.criterion, outcome.example);
        match outcome.system {
            Role::Candidate => self
                .by_key
                .entry(unit())
                .or_default()
                .candidate
                .add(outcome),
            Role::Production => self
                .by_key
                .entry(unit())
                .or_default()
                .production
                .add(outcome),
            Role::Fallback => {}
        }
    }

    /// Iterates over criterion, example and unit.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32, &Unit)> {
        self.by_key
            .iter()
            .map(|(&(criterion, example), unit)| (criterion, example, unit))
    }

    /// Returns a criterion's id.
    pub(super) fn criterion(&self, index: u16) -> &str {
        let criterion = self.manifest.criteria.get(usize::from(index));
        criterion.map_or("", |criterion| criterion.id.as_str())
    }

    /// Returns an example's id.
    pub(super) fn example(&self, index: u32) -> &str {
        let entry = self.reference.examples.get(index as usize);
        entry.map_or("", |entry| entry.id.as_str())
    }

    /// Returns an example's task.
    pub(super) fn task(&self, example: u32) -> &str {
        let task = self.manifest.dimension("task");
        task.and_then(|(index, _)| self.reference.value(index, example))
            .unwrap_or("(none)")
    }
}
