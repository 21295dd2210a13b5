//! What may be said of an answer, by whom and when.

use super::desk::{Desk, REASON_CHARS, ReviewEvent};
use super::entry::{Entry, Origin, person_of};
use super::refusal::Refusal;
use crate::digest::Digest;

impl Desk {
    /// Says whether an event may be written now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, event: &ReviewEvent) -> Result<(), Refusal> {
        match event {
            ReviewEvent::Asked { people, .. } => match people {
                1..=20 => Ok(()),
                _ => Err(Refusal::People),
            },
            ReviewEvent::Labelled {
                item,
                label,
                by,
                note,
                settles,
                origin,
                ..
            } => {
                let entry = self.find(item).ok_or(Refusal::NoItem)?;
                let by = person_of(by);
                of_labels(entry, label)?;
                match (by.is_empty(), entry.is_author(&by)) {
                    (true, _) => Err(Refusal::Nobody),
                    (_, true) => Err(Refusal::Author),
                    _ if *origin == Origin::Page => may_take_over(entry, &by, *settles),
                    _ if *settles => self.may_settle(entry, &by, note),
                    _ => self.may_label(entry, &by, note, *origin),
                }
            }
            ReviewEvent::Withdrawn { item, by, at } => self.may_withdraw(item, &person_of(by), at),
            ReviewEvent::PutAside {
                item, by, reason, ..
            } => {
                let entry = self.find(item).ok_or(Refusal::NoItem)?;
                self.may_put_aside(entry, &person_of(by), reason)
            }
            ReviewEvent::Gold { item, label, .. } => {
                let entry = self.find(item).ok_or(Refusal::NoItem)?;
                of_labels(entry, label)?;
                match &entry.gold {
                    Some((known, _)) if known != label => Err(Refusal::KnownOtherwise),
                    _ => Ok(()),
                }
            }
            ReviewEvent::Told { example, by, .. } => {
                let by = person_of(by);
                match (by.is_empty(), self.is_told(&by, example)) {
                    (true, _) => Err(Refusal::Nobody),
                    (_, true) => Err(Refusal::Told),
                    _ => Ok(()),
                }
            }
            ReviewEvent::Read { item, by, .. } => {
                let entry = self.find(item).ok_or(Refusal::NoItem)?;
                let by = person_of(by);
                match (by.is_empty(), entry.said_by(&by).is_some()) {
                    (true, _) => Err(Refusal::Nobody),
                    (_, true) => Err(Refusal::Twice),
                    _ if self.has_read(&by, entry) => Err(Refusal::Read),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Says whether an event may be written by the versions of the rubrics that the page names now; what was said by others stays.
    ///
    /// # Errors
    /// As [`Desk::check`], and [`Refusal::OldRubric`].
    pub fn may_be_said(&self, event: &ReviewEvent) -> Result<(), Refusal> {
        if let ReviewEvent::Labelled { item, .. } | ReviewEvent::PutAside { item, .. } = event
            && self.find(item).is_some_and(|entry| !self.is_current(entry))
        {
            return Err(Refusal::OldRubric);
        }
        self.check(event)
    }

    /// Who has put an answer aside may have been shown what others said of it. A label on top of those that were asked for is taken: who gave it
    /// had the answer on the screen when somebody else was faster.
    fn may_label(
        &self,
        entry: &Entry,
        by: &str,
        note: &str,
        origin: Origin,
    ) -> Result<(), Refusal> {
        if note.chars().count() > *REASON_CHARS.end() {
            return Err(Refusal::Note);
        }
        open(entry)?;
        if entry.said_by(by).is_some() {
            return Err(Refusal::Twice);
        }
        if entry.aside_by(by).is_some() {
            return Err(Refusal::Aside);
        }
        match origin == Origin::Here {
            true if self.is_told(by, &entry.item.example) => Err(Refusal::Told),
            true if self.has_read(by, entry) => Err(Refusal::Read),
            _ => Ok(()),
        }
    }

    fn may_settle(&self, entry: &Entry, by: &str, reason: &str) -> Result<(), Refusal> {
        open(entry)?;
        if entry.said_by(by).is_some() {
            return Err(Refusal::OwnDispute);
        }
        if !entry.is_to_settle() {
            return Err(Refusal::NotDisputed);
        }
        if entry.aside_by(by).is_some_and(|aside| aside.policy) {
            return Err(Refusal::OwnQuestion);
        }
        if entry.waits_for(by) && !self.is_spoilt(by, entry) {
            return Err(Refusal::LabelFirst);
        }
        of_length(reason)
    }

    /// Only what waits for somebody can be put aside: else whoever settles could ask about what others agree on.
    fn may_put_aside(&self, entry: &Entry, by: &str, reason: &str) -> Result<(), Refusal> {
        if entry.is_author(by) {
            return Err(Refusal::Author);
        }
        open(entry)?;
        if entry.said_by(by).is_some() {
            return Err(Refusal::Twice);
        }
        if entry.aside_by(by).is_some() {
            return Err(Refusal::AsideTwice);
        }
        if !entry.waits_for(by) {
            return Err(Refusal::Enough);
        }
        of_length(reason)
    }

    pub(super) fn may_withdraw(&self, item: &Digest, by: &str, at: &str) -> Result<(), Refusal> {
        let entry = self.find(item).ok_or(Refusal::NoItem)?;
        let given = entry.said_by(by).ok_or(Refusal::NothingSaid)?;
        open(entry)?;
        match given.may_be_taken_back(at) {
            true => Ok(()),
            false => Err(Refusal::TooLate),
        }
    }
}

/// Refuses what is settled.
fn open(entry: &Entry) -> Result<(), Refusal> {
    match &entry.settled {
        Some(settled) => Err(Refusal::Settled {
            by: settled.by.clone(),
        }),
        None => Ok(()),
    }
}

/// Labels that a file holds were given elsewhere: by whom, and why, was settled there.
fn may_take_over(entry: &Entry, by: &str, settles: bool) -> Result<(), Refusal> {
    match (settles, entry.said_by(by)) {
        (true, _) => open(entry),
        (false, Some(_)) => Err(Refusal::Twice),
        (false, None) => Ok(()),
    }
}

fn of_length(reason: &str) -> Result<(), Refusal> {
    match REASON_CHARS.contains(&reason.trim().chars().count()) {
        true => Ok(()),
        false => Err(Refusal::Reason),
    }
}

fn of_labels(entry: &Entry, label: &str) -> Result<(), Refusal> {
    match entry.item.labels.iter().any(|known| known == label) {
        true => Ok(()),
        false => Err(Refusal::NotALabel {
            known: entry.item.labels.clone(),
        }),
    }
}
