//! A hash over outcomes: one line each, in the order in which they come.

use crate::digest::{Digest, Hasher};
use crate::manifest::Manifest;
use crate::outcome::{Bin, GraderKind, Outcome};
use crate::reference::ReferenceSet;

/// Hashes outcomes as they stream by.
pub struct OutcomeHasher<'a> {
    manifest: &'a Manifest,
    reference: &'a ReferenceSet,
    hasher: Hasher,
    line: String,
    count: u64,
}

impl<'a> OutcomeHasher<'a> {
    /// Starts with none.
    pub fn new(manifest: &'a Manifest, reference: &'a ReferenceSet) -> Self {
        Self {
            manifest,
            reference,
            hasher: Hasher::default(),
            line: String::new(),
            count: 0,
        }
    }

    /// Takes one in: example, system, trial, criterion, part, bin, value, grader, tab between them.
    pub fn take(&mut self, outcome: &Outcome) {
        use std::fmt::Write as _;
        let manifest = self.manifest;
        let example = &self.reference.examples[outcome.example as usize].id;
        let criterion = &manifest.criteria[usize::from(outcome.criterion)].id;
        self.line.clear();
        let written = write!(
            self.line,
            "{example}\t{}\t{}\t{criterion}\t",
            outcome.system.word(),
            outcome.trial
        );
        // Writing into memory does not fail.
        let _ = written.and_then(|()| {
            match outcome.part {
                Some(part) => write!(self.line, "{part}\t")?,
                None => self.line.push('\t'),
            }
            match outcome.bin {
                Bin::Pass => self.line.push_str("pass"),
                Bin::Fail(class) => {
                    let class = &manifest.classes[usize::from(class)].id;
                    write!(self.line, "fail {class}")?;
                }
                Bin::NotApplicable => self.line.push_str("not applicable"),
                Bin::Value(value) => write!(self.line, "value {value}")?,
                Bin::Win => self.line.push_str("win"),
                Bin::Tie => self.line.push_str("tie"),
                Bin::Loss => self.line.push_str("loss"),
                Bin::Missing(why) => write!(self.line, "missing {}", why.word())?,
            }
            if let Some(value) = outcome.value {
                write!(self.line, "\t{value}")?;
            }
            let by = match outcome.by {
                GraderKind::Rule => "rule",
                GraderKind::Program => "program",
                GraderKind::Model => "model",
                GraderKind::Person => "person",
            };
            writeln!(self.line, "\t{by}")
        });
        self.hasher.update(self.line.as_bytes());
        self.count += 1;
    }

    /// Returns how many there were, and their hash.
    pub fn finish(self) -> (u64, Digest) {
        (self.count, self.hasher.finish())
    }
}
