//! An answer that people label, and where it stands.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::desk::{Item, UNDO_SECONDS};
use crate::digest::Digest;
use crate::manifest::may_be_one;

/// Returns a person's name as it is compared: without spaces around it and in lower case, as accounts have it. `Ana` and `ana` are one person.
pub fn person_of(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Where a label was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// At the desk, where it can be taken back for a while.
    #[default]
    Here,
    /// In a file that somebody filled in, and that was taken over.
    File,
    /// In a file that the page names: the page reads it there, and it is not written again.
    Page,
}

impl Origin {
    /// Says whether it was given at the desk.
    pub fn is_here(&self) -> bool {
        *self == Self::Here
    }
}

/// What somebody said of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Given {
    /// The label.
    pub label: String,
    /// Who.
    pub by: String,
    /// What this person adds.
    pub note: String,
    /// Where it was given.
    pub origin: Origin,
    /// When, RFC 3339.
    pub at: String,
}

impl Given {
    /// Says whether it was given here, and less than [`UNDO_SECONDS`] ago.
    pub fn may_be_taken_back(&self, now: &str) -> bool {
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let age = match (time(&self.at), time(now)) {
            (Some(said), Some(now)) => now.as_second() - said.as_second(),
            _ => i64::MAX,
        };
        self.origin == Origin::Here && (0..=UNDO_SECONDS).contains(&age)
    }
}

/// An answer that somebody would not label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Aside {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// It is a question for whoever owns the policy.
    pub policy: bool,
    /// When, RFC 3339.
    pub at: String,
}

/// Where an answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stand {
    /// Fewer have labelled it than are to.
    Open,
    /// Those who labelled it say the same.
    Agreed,
    /// They do not.
    Disputed,
    /// Somebody settled it.
    Settled,
}

/// An answer with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: Digest,
    /// What people see.
    pub item: Item,
    /// How many are to label it.
    pub people: u32,
    /// Who must not.
    pub not_by: BTreeSet<String>,
    /// Why it is asked.
    pub why: String,
    /// Labels, in the order they came.
    pub given: Vec<Given>,
    /// Who would not label it.
    pub aside: Vec<Aside>,
    /// The label that settles it.
    pub settled: Option<Given>,
    /// The label that is known, and who says so.
    pub gold: Option<(String, String)>,
    /// Labels that were taken back.
    pub withdrawn: Vec<Given>,
}

impl Entry {
    /// Says where it stands.
    pub fn stand(&self) -> Stand {
        if self.settled.is_some() {
            return Stand::Settled;
        }
        let mut labels = self.given.iter().map(|given| &given.label);
        let first = labels.next();
        if labels.any(|label| Some(label) != first) {
            Stand::Disputed
        } else if self.is_finished() {
            Stand::Agreed
        } else {
            Stand::Open
        }
    }

    /// Says whether all who are to label it have, or somebody settled it: before that what some said is no verdict, since the others may differ.
    pub fn is_finished(&self) -> bool {
        self.settled.is_some() || self.given.len() as u64 >= u64::from(self.people)
    }

    /// Says whether it is finished, and no label of it can be taken back any more.
    pub fn is_final(&self, now: &str) -> bool {
        let fresh = |given: &Given| given.may_be_taken_back(now);
        self.settled.is_some() || (self.is_finished() && !self.given.iter().any(fresh))
    }

    /// Returns what one person said.
    pub fn said_by(&self, who: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.by == who)
    }

    /// Says whether somebody asked a question about policy that nobody has settled.
    pub fn is_policy_question(&self) -> bool {
        self.settled.is_none() && self.aside.iter().any(|aside| aside.policy)
    }

    /// Says whether somebody is, or may be, one of those who must not label it.
    pub fn is_author(&self, who: &str) -> bool {
        self.not_by.iter().any(|author| may_be_one(author, who))
    }

    /// Returns why one person would not label it.
    pub fn aside_by(&self, who: &str) -> Option<&Aside> {
        self.aside.iter().find(|aside| aside.by == who)
    }

    /// Says whether one person is still to label it. What others said of it makes no difference but by their number, and whether its label is
    /// known makes none: an answer that came back when all others are done would be known for what it is.
    pub(super) fn waits_for(&self, who: &str) -> bool {
        !self.is_finished()
            && !self.is_author(who)
            && self.said_by(who).is_none()
            && self.aside_by(who).is_none()
    }

    /// Says whether one person's label of it can still be taken back.
    pub fn is_fresh_of(&self, who: &str, now: &str) -> bool {
        let given = self.said_by(who).filter(|_| self.settled.is_none());
        given.is_some_and(|given| given.may_be_taken_back(now))
    }

    /// Says whether it is open to be settled: people differ, or somebody asks about the policy.
    pub fn is_to_settle(&self) -> bool {
        self.stand() == Stand::Disputed || self.is_policy_question()
    }

    /// Says whether one person may settle it, once it is open: neither who labelled it, nor who asked, nor who wrote what is judged.
    pub(super) fn may_be_settled_by(&self, who: &str) -> bool {
        self.said_by(who).is_none()
            && !self.is_author(who)
            && !self.aside_by(who).is_some_and(|aside| aside.policy)
    }
}
