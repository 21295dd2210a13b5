//! What the pages beside the review are made of: the project, as whoever serves it reads and changes it.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::report::model::{ChangedView, FlipView};
use gatewright_core::report::{View, decisions, overrides};

use crate::page::top::Top;

pub use super::board::{
    Aside, AsideWish, CauseLine, CauseWish, FailingClass, FailingLine, FailingOne, Failures,
    IncidentLine, IncidentWish, Incidents, KindLine, Patch, Repaired, RubricWish, Stale, Suite,
    ValueLine,
};

/// The project's runs and decisions. Each call may wait for the disk. Text that others wrote comes as it is: the pages escape it.
pub trait Project: Send + Sync + 'static {
    /// Says what an account is asked beside labels, as of a short while ago.
    ///
    /// # Errors
    /// What to show instead.
    fn due(&self, account: &str) -> Result<Due, String>;

    /// Lists the decided runs, the newest first, and the overrides in force.
    ///
    /// # Errors
    /// What to show instead.
    fn releases(&self) -> Result<Releases, String>;

    /// Reads what a run amounts to; nothing where there is no such run.
    ///
    /// # Errors
    /// What to show instead.
    fn release(&self, run: &str) -> Result<Result<Release, NotDone>, String>;

    /// Reads one of the regressed examples that are to be looked at, in full, by its number from 1.
    ///
    /// # Errors
    /// What to show instead.
    fn look(&self, run: &str, number: usize) -> Result<Result<Look, NotDone>, String>;

    /// Puts on the record that somebody looked at one.
    ///
    /// # Errors
    /// What to show instead; inside, why it was not recorded.
    fn looked(&self, what: &Looked<'_>) -> Result<Result<(), NotDone>, String>;

    /// Computes again what an account would sign, and everything that it rests on.
    ///
    /// # Errors
    /// What to show instead; inside, why there is nothing to sign.
    fn proposal(&self, run: &str, account: &str) -> Result<Result<Proposal, NotDone>, String>;

    /// Puts a decision on the record; returns what was recorded, as a sentence.
    ///
    /// # Errors
    /// What to show instead; inside, why nothing was recorded.
    fn sign(&self, wish: &Wish) -> Result<Result<String, NotDone>, String>;

    /// Reads what fails in the newest decided run.
    ///
    /// # Errors
    /// What to show instead.
    fn failures(&self) -> Result<Result<Failures, NotDone>, String>;

    /// Reads one failing outcome in full, by its number from 1.
    ///
    /// # Errors
    /// What to show instead.
    fn failure(&self, number: usize) -> Result<Result<FailingOne, NotDone>, String>;

    /// Puts a cause on the record.
    ///
    /// # Errors
    /// What to show instead; inside, why it was not recorded.
    fn set_cause(&self, wish: &CauseWish) -> Result<Result<(), NotDone>, String>;

    /// Reads the incidents.
    ///
    /// # Errors
    /// What to show instead.
    fn incidents(&self) -> Result<Result<Incidents, NotDone>, String>;

    /// Makes a patch that changes them.
    ///
    /// # Errors
    /// What to show instead; inside, why there is none.
    fn incident_patch(&self, wish: &IncidentWish) -> Result<Result<Patch, NotDone>, String>;

    /// Reads what examples there are.
    ///
    /// # Errors
    /// What to show instead.
    fn suite(&self) -> Result<Result<Suite, NotDone>, String>;

    /// Makes a patch that sets an example aside.
    ///
    /// # Errors
    /// What to show instead; inside, why there is none.
    fn suite_patch(&self, wish: &AsideWish) -> Result<Result<Patch, NotDone>, String>;

    /// Makes a patch that gives the rubric of a criterion a new version.
    ///
    /// # Errors
    /// What to show instead; inside, why there is none.
    fn rubric_patch(&self, wish: &RubricWish) -> Result<Result<Patch, NotDone>, String>;
}

/// What is asked of somebody beside labels.
#[derive(Clone, Debug, Default)]
pub struct Due {
    /// The newest decided run, where it waits for this person's signature.
    pub to_sign: Option<String>,
    /// Failures without a cause that this person repairs.
    pub without_cause: u64,
    /// Open incidents that no example reproduces yet.
    pub incidents: u64,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// There is no such thing.
    Missing,
    /// What was sent cannot be.
    Bad(String),
    /// This person may not, or nobody may.
    Forbidden(String),
    /// Something stands against it.
    Stands(String),
    /// What was seen is something else by now: names of its parts.
    Moved(Vec<String>),
}

/// The list of releases.
#[derive(Clone, Debug, Default)]
pub struct Releases {
    /// The newest first.
    pub lines: Vec<ReleaseLine>,
    /// Overrides in force.
    pub overrides: Vec<String>,
}

/// A decided run.
#[derive(Clone, Debug, Default)]
pub struct ReleaseLine {
    /// Its name.
    pub run: String,
    /// When it was begun, as it says.
    pub at: String,
    /// The gate's answer; empty where it cannot be read.
    pub answer: String,
    /// The rules that made it, where they are known without computing it again.
    pub rules: Vec<String>,
    /// How decisions about it stand.
    pub decisions: Vec<String>,
    /// What of its terms changed since they were sealed: it cannot be signed.
    pub changed: Vec<String>,
    /// Why it cannot be read.
    pub broken: Option<String>,
}

/// What a run amounts to, and what is on the record about it.
#[derive(Clone)]
pub struct Release {
    pub(super) run: String,
    pub(super) top: Top,
    pub(super) question: String,
    /// What must be known first: why the run cannot decide, what changed, how it went.
    pub(super) first: Vec<String>,
    pub(super) decisions: Vec<String>,
    pub(super) overrides: Vec<String>,
    pub(super) to_look: Vec<ToLook>,
    pub(super) changed: bool,
    /// Its examples, by id.
    pub(super) examples: BTreeSet<String>,
}

impl Release {
    /// Puts a view, with its record, into words.
    pub fn of(view: &View, to_look: Vec<ToLook>, examples: BTreeSet<String>) -> Self {
        let invalid = view.invalid.iter();
        let invalid = invalid.map(|why| format!("This run cannot decide: {why}"));
        let changed = view.run.changed.iter();
        let changed = changed.map(|part| format!("Changed since the seal: {part}"));
        Self {
            run: view.run.name.clone(),
            top: Top::of(view),
            question: view.question.clone(),
            first: invalid
                .chain(changed)
                .chain(view.run.notes.iter().cloned())
                .collect(),
            decisions: decisions(view),
            overrides: overrides(view),
            to_look,
            changed: !view.run.changed.is_empty(),
            examples,
        }
    }
}

impl Release {
    /// Adds what must be known first.
    pub fn know(&mut self, what: String) {
        self.first.push(what);
    }
}

/// A regressed example that somebody is to look at before a decision is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToLook {
    /// Its id.
    pub example: String,
    /// The criterion on which it regressed.
    pub criterion: String,
    /// Its segments, in words.
    pub segments: String,
    /// Who has looked at it, and when.
    pub looked: Vec<(String, String)>,
}

/// One of them in full.
pub struct Look {
    /// Which.
    pub entry: ToLook,
    /// How many there are.
    pub of: usize,
    /// What changed.
    pub flip: FlipView,
    /// What both systems said.
    pub changed: ChangedView,
    /// The run's examples, by id.
    pub examples: BTreeSet<String>,
}

/// That somebody looked.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The run.
    pub run: &'a str,
    /// The number of the example.
    pub number: usize,
    /// Its id, as it was shown.
    pub example: &'a str,
    /// The criterion, as it was shown.
    pub criterion: &'a str,
    /// The account.
    pub account: &'a str,
}

/// What somebody would sign.
pub struct Proposal {
    /// What the run amounts to.
    pub release: Release,
    /// The gate's answer, as a word.
    pub answer: &'static str,
    /// Whose signature it will be.
    pub who: String,
    /// Everything it rests on: names to digests.
    pub seen: BTreeMap<String, String>,
    /// Regressed examples that nobody has looked at.
    pub left: usize,
    /// Who signed the decision that this would be a second signature under.
    pub before: Option<String>,
    /// What that rests on that is something else by now: only a new decision can be signed.
    pub moved: Vec<String>,
    /// There is a decision, which may be overridden.
    pub decided: bool,
    /// The last decision is an override.
    pub overridden: bool,
    /// How many persons must sign.
    pub persons: u32,
    /// Authors of the change that the page names.
    pub authors: Vec<String>,
    /// An author must be named.
    pub wants_author: bool,
    /// Rules that no override may bypass.
    pub not_overridable: Vec<String>,
    /// First and last date on which an override may end.
    pub ends: (String, String),
}

/// What somebody wants to put on the record.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The run.
    pub run: String,
    /// The account.
    pub account: String,
    /// Why.
    pub reason: String,
    /// Another answer than the gate's, as a word, and its last date.
    pub other: Option<(String, String)>,
    /// Who wrote the change.
    pub authors: Vec<String>,
    /// Sign although nobody looked at some regressed examples.
    pub without_looking: bool,
    /// Record a new decision after one that rests on something else.
    pub anew: bool,
    /// What the page showed: names to digests.
    pub seen: BTreeMap<String, String>,
}
