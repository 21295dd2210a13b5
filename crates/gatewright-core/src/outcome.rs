//! Outcomes: where every unit of evidence ends, in exactly one bin.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::manifest::Role;
use crate::response::Behaviour;

/// Says why there is no verdict. Missing is never a pass and never leaves the denominator silently.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The provider or the system under test failed to answer.
    ProviderError,
    /// Our own side failed (could not start, could not write, bad protocol).
    HarnessError,
    /// The grader could not read the answer or the label (unmapped label, split vote).
    GraderError,
    /// Planned and never tried.
    NotAttempted,
    /// Planned and then not wanted.
    NotNeeded,
}

impl Missing {
    /// All reasons in the order of reports.
    pub const ALL: [Missing; 5] = [
        Missing::ProviderError,
        Missing::HarnessError,
        Missing::GraderError,
        Missing::NotAttempted,
        Missing::NotNeeded,
    ];

    /// Returns the word used in reports.
    pub fn word(self) -> &'static str {
        match self {
            Missing::ProviderError => "provider error",
            Missing::HarnessError => "harness error",
            Missing::GraderError => "grader error",
            Missing::NotAttempted => "not attempted",
            Missing::NotNeeded => "not needed",
        }
    }
}

/// The one bin an outcome ends in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bin {
    /// Passed.
    Pass,
    /// Failed as the class with this index in [`crate::manifest::Manifest::classes`].
    Fail(u16),
    /// The criterion does not apply to this example: a property of the example alone.
    NotApplicable,
    /// A finite measured value in the criterion's unit.
    Value(f64),
    /// Preferred over the other system.
    Win,
    /// No preference.
    Tie,
    /// The other system was preferred.
    Loss,
    /// No verdict.
    Missing(Missing),
}

/// Says who judged.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum GraderKind {
    /// A deterministic rule.
    Rule,
    /// A program.
    Program,
    /// A model judge.
    Model,
    /// A person.
    Person,
}

impl GraderKind {
    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            GraderKind::Rule => "rule",
            GraderKind::Program => "program",
            GraderKind::Model => "model",
            GraderKind::Person => "person",
        }
    }
}

/// One unit of evidence and where it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Index into [`crate::reference::ReferenceSet::examples`].
    pub example: u32,
    /// The system that answered (for preferences: system A; the manifest says who B is).
    pub system: Role,
    /// Trial, from 0. Trials at or above the plan's first-look count are confirmation trials.
    pub trial: u32,
    /// Index into [`crate::manifest::Manifest::criteria`].
    pub criterion: u16,
    /// Part of the answer (a claim, an instruction), clustered in its example.
    pub part: Option<u32>,
    /// Where it ended.
    pub bin: Bin,
    /// The measured value beside a pass or fail verdict, in the criterion's unit (milliseconds, US dollars), so that quantiles stay available.
    pub value: Option<f64>,
    /// Who judged.
    pub by: GraderKind,
    /// One line why, for failures and missing ones; may quote the answer (untrusted text).
    pub why: Option<Arc<str>>,
    /// What else was said of the unit, where the page calibrates the judge; boxed, because most units have none.
    pub beside: Option<Box<Beside>>,
    /// What the system did, for criteria that look at behaviour and could tell; the example says what was expected.
    pub observed: Option<Behaviour>,
}

/// What was said of a unit beside the judge's verdict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// What people said, when they labelled it.
    pub people: Option<Said>,
    /// The judge's label as written, when it is one text.
    pub judge: Option<Arc<str>>,
    /// True or false when the judge was asked more than once: whether its verdicts differ.
    pub flips: Option<bool>,
    /// People labelled another answer in this place, and not this one.
    pub outdated: bool,
}

/// What people said of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Pass, fail, not applicable or a value; missing(grader error) when they are split or cannot be read.
    pub bin: Bin,
    /// The label as written, when all of them wrote the same.
    pub label: Option<Arc<str>>,
    /// The probability with which the unit was drawn to be labelled, in (0, 1].
    pub inclusion: f64,
}
