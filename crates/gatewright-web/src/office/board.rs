//! What the pages of failures, incidents and the suite show, and what is asked for there.

use std::collections::BTreeSet;

/// Failing outcomes of a class that are listed.
const LINES_MAX: usize = 50;
/// Examples past their date that are listed.
const STALE_MAX: usize = 100;

/// What fails in the newest decided run, by class.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// The run; empty where none is decided.
    pub run: String,
    /// How many runs were held against each other.
    pub runs: usize,
    /// Classes with what fails as them.
    pub classes: Vec<FailingClass>,
    /// What failed before and passes now.
    pub repaired: Vec<Repaired>,
    /// The run's examples, by id.
    pub examples: BTreeSet<String>,
}

/// A failure class, who repairs it, and what fails as it.
#[derive(Clone, Debug, Default)]
pub struct FailingClass {
    /// Its id.
    pub id: String,
    /// Its name, in words.
    pub name: String,
    /// How bad it is.
    pub severity: &'static str,
    /// Who repairs it.
    pub owner: String,
    /// How to reach them.
    pub contact: Option<String>,
    /// How it is repaired.
    pub repair: String,
    /// What fails as it.
    pub lines: Vec<FailingLine>,
}

impl FailingClass {
    /// What is listed of it.
    pub(super) fn shown(&self) -> &[FailingLine] {
        &self.lines[..self.lines.len().min(LINES_MAX)]
    }

    /// How many are not listed.
    pub(super) fn more(&self) -> usize {
        self.lines.len().saturating_sub(LINES_MAX)
    }

    /// Counts what nobody has set a cause of.
    pub(super) fn open(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| line.cause.is_none())
            .count()
    }
}

/// A failing outcome, all trials together.
#[derive(Clone, Debug, Default)]
pub struct FailingLine {
    /// Its number among all of the run, from 1.
    pub number: usize,
    /// The example's id.
    pub example: String,
    /// The criterion.
    pub criterion: String,
    /// Failing trials.
    pub failed: u64,
    /// Judged trials.
    pub graded: u64,
    /// Why, by the grader.
    pub why: String,
    /// The cause that somebody set.
    pub cause: Option<CauseLine>,
    /// The day of the first of the runs since which it failed in each.
    pub since: String,
}

/// A cause that somebody set.
#[derive(Clone, Debug, Default)]
pub struct CauseLine {
    /// The cause.
    pub cause: String,
    /// Who repairs it; empty where nothing is to be repaired.
    pub owner: String,
    /// Who set it.
    pub by: String,
    /// When.
    pub at: String,
    /// Why.
    pub reason: String,
}

/// What failed in an earlier run and passes in the newest.
#[derive(Clone, Debug, Default)]
pub struct Repaired {
    /// The example's id.
    pub example: String,
    /// The criterion.
    pub criterion: String,
    /// The last run in which it failed.
    pub failed_in: String,
    /// Runs since then in which it passes.
    pub passes: u64,
}

/// A failing outcome in full.
#[derive(Clone, Debug, Default)]
pub struct FailingOne {
    /// The run.
    pub run: String,
    /// Which.
    pub line: FailingLine,
    /// The class it fails as.
    pub class: FailingClass,
    /// What was asked; none where it may not be shown.
    pub input: Option<String>,
    /// What the candidate answered first.
    pub answer: Option<String>,
    /// Causes that may be set.
    pub causes: Vec<String>,
    /// The run's examples, by id.
    pub examples: BTreeSet<String>,
}

/// The cause that somebody sets.
#[derive(Clone, Debug, Default)]
pub struct CauseWish {
    /// The number of the failing outcome.
    pub number: usize,
    /// The run, as it was shown.
    pub run: String,
    /// The example, as it was shown.
    pub example: String,
    /// The criterion, as it was shown.
    pub criterion: String,
    /// The account.
    pub account: String,
    /// The cause.
    pub cause: String,
    /// Why.
    pub reason: String,
}

/// Incidents, and what they still ask.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    /// In the order of the file.
    pub lines: Vec<IncidentLine>,
    /// Failure classes of the page.
    pub classes: Vec<String>,
    /// The file that they stand in.
    pub file: String,
    /// Today's date.
    pub today: String,
}

/// A production failure.
#[derive(Clone, Debug, Default)]
pub struct IncidentLine {
    /// Its id.
    pub id: String,
    /// When it happened.
    pub date: String,
    /// The failure class.
    pub class: String,
    /// Where, in words.
    pub segment: String,
    /// What happened.
    pub what: String,
    /// The example that reproduces it.
    pub example: Option<String>,
    /// It obliges the gate.
    pub open: bool,
    /// What is missing before an example can pass.
    pub obliges: Option<String>,
}

/// What somebody would change about incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentWish {
    /// A new one.
    Add {
        /// Its id.
        id: String,
        /// When it happened; empty for today.
        date: String,
        /// The failure class.
        class: String,
        /// Where: `task=refund`, several with spaces between.
        segment: String,
        /// What happened.
        what: String,
        /// The example that reproduces it; may be empty.
        example: String,
    },
    /// An example reproduces it.
    Cover {
        /// The incident.
        id: String,
        /// The example.
        example: String,
        /// It is closed.
        close: bool,
    },
}

/// A change of a file of the project, for a person to read and to put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// What it is, for the name of its file.
    pub name: String,
    /// The patch.
    pub text: String,
}

/// That a rubric is to have a new version.
#[derive(Clone, Debug, Default)]
pub struct RubricWish {
    /// The criterion.
    pub criterion: String,
    /// The version that was read.
    pub from: Option<String>,
    /// The new one.
    pub to: String,
    /// What the rubric says of it now; may be empty.
    pub clause: String,
}

/// The reference set.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// By kind of provenance.
    pub kinds: Vec<KindLine>,
    /// By segment.
    pub values: Vec<ValueLine>,
    /// Active examples past the date by which somebody was to look at them.
    pub stale: Vec<Stale>,
    /// Quarantined, then retired ones.
    pub aside: Vec<Aside>,
    /// Active examples.
    pub examples: usize,
}

impl Suite {
    /// Those past their date that are listed.
    pub(super) fn late(&self) -> &[Stale] {
        &self.stale[..self.stale.len().min(STALE_MAX)]
    }

    /// How many are not listed.
    pub(super) fn more(&self) -> usize {
        self.stale.len().saturating_sub(STALE_MAX)
    }
}

/// Examples of a kind.
#[derive(Clone, Debug, Default)]
pub struct KindLine {
    /// The kind.
    pub kind: &'static str,
    /// In force.
    pub active: u64,
    /// In doubt.
    pub quarantined: u64,
    /// Out of use.
    pub retired: u64,
}

/// Active examples of a segment.
#[derive(Clone, Debug, Default)]
pub struct ValueLine {
    /// The dimension.
    pub dimension: String,
    /// The value.
    pub value: String,
    /// In force.
    pub active: usize,
    /// The share of traffic that the page states.
    pub share: Option<f64>,
}

/// An example past its date.
#[derive(Clone, Debug, Default)]
pub struct Stale {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// The date.
    pub review_by: String,
    /// Where it stands.
    pub at: String,
}

/// An example that is quarantined or retired.
#[derive(Clone, Debug, Default)]
pub struct Aside {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// Retired, and not quarantined.
    pub retired: bool,
    /// Who set it aside.
    pub by: String,
    /// When.
    pub at: String,
    /// Why.
    pub why: String,
}

/// That an example is to be set aside.
#[derive(Clone, Debug, Default)]
pub struct AsideWish {
    /// Its id.
    pub id: String,
    /// `quarantined` or `retired`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// The account.
    pub account: String,
}
