//! Work items as issues of a forge: which issue is opened, which is left and which is closed. Nothing is sent here.
//!
//! `text` writes titles, bodies and comments, in which whatever others wrote stays text, and reads the hidden line back; `forge` says what is
//! asked of GitHub's and GitLab's interfaces, and reads what they answer. `docs/work-items.md` says for whom.

mod asks;
mod forge;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use asks::{Asked, Asks};
pub use forge::{Forge, Method, Request, label, next_page};
pub use text::{Key, is_said, plain};

/// Most issues that one call opens: a gate that asks for more has another problem, and a forge slows down whoever writes much.
pub const OPEN_MAX: usize = 30;

/// An issue of the forge. Anybody may have written any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issue {
    /// Its number in the project.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Where people see it.
    pub url: String,
    /// Its text.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// It is open.
    pub open: bool,
}

/// What is done with one issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// A new one is opened.
    Open {
        /// The rule that asks for it.
        rule: String,
        /// Where, in words.
        segment: String,
        /// Its title.
        title: String,
        /// Its text.
        #[serde(skip)]
        body: String,
    },
    /// It stays as it is.
    Leave {
        /// Its number.
        number: u64,
        /// Its title.
        title: String,
        /// Where people see it.
        url: String,
        /// Why.
        why: String,
    },
    /// It is closed, with a comment.
    Close {
        /// Its number.
        number: u64,
        /// Its title.
        title: String,
        /// Where people see it.
        url: String,
        /// Why.
        why: String,
        /// What is said there.
        #[serde(skip)]
        comment: String,
        /// The hidden line of that comment.
        #[serde(skip)]
        mark: String,
    },
}

/// What is done with all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// First what is opened, in the order of the work items; then what is left and what is closed, by number.
    pub actions: Vec<Action>,
    /// Issues that are opened by a later call: at most [`OPEN_MAX`] are by one.
    pub later: usize,
    /// Why nothing that holds is closed; nothing when what holds is.
    pub closes_nothing: Option<String>,
}

impl Plan {
    /// Counts what is opened, left and closed.
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for action in &self.actions {
            counts[match action {
                Action::Open { .. } => 0,
                Action::Leave { .. } => 1,
                Action::Close { .. } => 2,
            }] += 1;
        }
        counts
    }
}

/// Says what is done with the open issues of a project, given what a run asks for.
///
/// An issue is the gate's when it is open, carries the label, and its first line is the hidden one; no other is touched. For one product, rule
/// and segment there is one open issue: the oldest stays, younger ones are closed as doubles. A closed issue stays closed: the next run that
/// asks for the work again opens a new one.
pub fn plan(asks: &Asks, label: &str, issues: &[Issue]) -> Plan {
    let mut ours: BTreeMap<Key, Vec<&Issue>> = BTreeMap::new();
    for issue in issues.iter().filter(|issue| issue.open && issue.has(label)) {
        if let Some(key) = Key::read(&issue.body)
            && key.is_of(&asks.product)
        {
            ours.entry(key).or_default().push(issue);
        }
    }
    let mut plan = Plan {
        closes_nothing: asks.invalid.clone().or_else(|| asks.closes_nothing.clone()),
        ..Plan::default()
    };
    let mut kept = Vec::new();
    for (key, mut same) in ours.clone() {
        same.sort_by_key(|issue| issue.number);
        same.dedup_by_key(|issue| issue.number);
        let Some((first, doubles)) = same.split_first() else {
            continue;
        };
        kept.push(standing(asks, &plan, key, first));
        kept.extend(
            doubles
                .iter()
                .map(|issue| double(asks, issue, first.number)),
        );
    }
    kept.sort_by_key(|action| match action {
        Action::Open { .. } => (0, 0),
        Action::Leave { number, .. } => (1, *number),
        Action::Close { number, .. } => (2, *number),
    });
    if asks.invalid.is_none() {
        let mut seen = BTreeSet::new();
        let wanted = |one: &&Asked| !ours.contains_key(&one.key) && seen.insert(one.key);
        let mut wanted = asks.items.iter().filter(wanted);
        plan.actions
            .extend(wanted.by_ref().take(OPEN_MAX).map(|one| Action::Open {
                rule: one.rule.clone(),
                segment: one.segment.clone(),
                title: one.title.clone(),
                body: one.body.clone(),
            }));
        plan.later = wanted.count();
    }
    plan.actions.extend(kept);
    plan
}

impl Issue {
    /// Says whether it carries a label. Forges compare labels without regard to case.
    pub fn has(&self, label: &str) -> bool {
        let is = |own: &String| own.to_lowercase() == label.to_lowercase();
        self.labels.iter().any(is)
    }
}

/// What becomes of the one issue of a rule in a segment.
fn standing(asks: &Asks, plan: &Plan, key: Key, issue: &Issue) -> Action {
    let leave = |why: &str| Action::Leave {
        number: issue.number,
        title: issue.title.clone(),
        url: issue.url.clone(),
        why: why.to_owned(),
    };
    if asks.items.iter().any(|one| one.key == key) {
        return leave("still asked for");
    }
    if !asks.held.contains(&key) {
        return leave("not decided by this run");
    }
    if plan.closes_nothing.is_some() {
        return leave("holds, but this run closes nothing");
    }
    let (comment, mark) = text::closing(&asks.run, asks.link.as_deref(), None);
    Action::Close {
        number: issue.number,
        title: issue.title.clone(),
        url: issue.url.clone(),
        why: "the rule holds there".to_owned(),
        comment,
        mark,
    }
}

/// Two calls at the same time may both have opened one.
fn double(asks: &Asks, issue: &Issue, of: u64) -> Action {
    if asks.invalid.is_some() {
        return Action::Leave {
            number: issue.number,
            title: issue.title.clone(),
            url: issue.url.clone(),
            why: format!("the same as {of}, but this run closes nothing"),
        };
    }
    let (comment, mark) = text::closing(&asks.run, asks.link.as_deref(), Some(of));
    Action::Close {
        number: issue.number,
        title: issue.title.clone(),
        url: issue.url.clone(),
        why: format!("the same as {of}"),
        comment,
        mark,
    }
}
