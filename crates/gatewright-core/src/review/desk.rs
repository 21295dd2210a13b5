//! What people are asked to label, what each of them has said, and what is open: folded from events of the project log.
//!
//! Nothing here knows which system answered: an item is named by its answer's code. What others said, and what is known of an answer, is not for
//! whoever has not labelled it yet; [`Entry`] holds all of it, and who shows an entry shows [`Entry::item`] alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::{Aside, Entry, Given, Origin, person_of};
use crate::digest::Digest;
use crate::manifest::{Criterion, Manifest};

/// How long somebody may take a label back, in seconds.
pub const UNDO_SECONDS: i64 = 30;
/// Length of a reason or a note, in characters.
pub const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=2000;
/// Fewest answers with a known label before anybody's share of right ones says something (statistics.md §9).
pub const LEAST_GOLD: u64 = 30;

/// An answer, or a part of one, that people are asked about: all that they see before they have said something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Criterion id.
    pub criterion: String,
    /// Example id.
    pub example: String,
    /// The answer's code ([`crate::label::answer_id`]).
    pub answer_id: String,
    /// The trial as recorded.
    pub trial: u32,
    /// The part of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// The labels that may be given.
    pub labels: Vec<String>,
    /// The version of the rubric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rubric: Option<String>,
    /// What was asked.
    pub input: String,
    /// What was answered, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Where two answers are compared, the second of them; `output` is the first then, and the labels mean: the first is better, the second is, and
    /// where there is a third neither is. Whoever shows them turns their order as it likes, and the labels with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// The probability with which the answer was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion: Option<f64>,
}

impl Item {
    /// Names what a label binds to: the answer by its code, the criterion and the version of the rubric.
    pub fn id(&self) -> Digest {
        Digest::of_json(&("item/1", &self.criterion, &self.answer_id, &self.rubric))
    }
}

/// What happens to answers that people label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "review", rename_all = "kebab-case")]
pub enum ReviewEvent {
    /// People are asked about an answer.
    Asked {
        /// The answer.
        item: Box<Item>,
        /// How many people are to label it, each without the others.
        people: u32,
        /// Who must not: authors of the change.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        not_by: BTreeSet<String>,
        /// Why this answer; shown to whoever has labelled it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
        /// Who asks.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
    /// Somebody labelled an answer, or settled what others said.
    Labelled {
        /// The item's id.
        item: Digest,
        /// The label, one of the item's.
        label: String,
        /// Who.
        by: String,
        /// What this person adds.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
        /// It is the verdict, whatever others said.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        settles: bool,
        /// Where it was given.
        #[serde(default, skip_serializing_if = "Origin::is_here")]
        origin: Origin,
        /// When, RFC 3339.
        at: String,
    },
    /// Somebody took the last label back, within [`UNDO_SECONDS`].
    Withdrawn {
        /// The item's id.
        item: Digest,
        /// Who.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
    /// Somebody will not label an answer.
    PutAside {
        /// The item's id.
        item: Digest,
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// It is a question for whoever owns the policy.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        policy: bool,
        /// When, RFC 3339.
        at: String,
    },
    /// The label of an answer is known: it tells how often people are right, and is shown to nobody before.
    Gold {
        /// The item's id.
        item: Digest,
        /// The label.
        label: String,
        /// Who says so.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
    /// Somebody was shown which system answers an example how, and what graders say of it: no answer to it is labelled by this person any more.
    Told {
        /// The example's id.
        example: String,
        /// Who.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
    /// Somebody who had not labelled an answer was shown what others said of it: it is labelled by this person no more, however many are asked.
    Read {
        /// The item's id.
        item: Digest,
        /// Who.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
}

/// Which version of its rubric each criterion of a page names.
pub type Rubrics = BTreeMap<String, Option<String>>;

/// Reads which version of its rubric each criterion of a page names.
pub fn rubrics(manifest: &Manifest) -> Rubrics {
    let named = |it: &Criterion| (it.id.to_string(), it.people_rubric().map(str::to_owned));
    manifest.criteria.iter().map(named).collect()
}

/// How far one person is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Answers that this person labelled here.
    pub labelled: u64,
    /// Answers that wait for this person.
    pub left: u64,
    /// Answers on which people differ, that this person may settle.
    pub disputed: u64,
}

/// All that people are asked, by the events so far. A copy shares what does not change: who looks at one holds up nobody who writes.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    entries: Vec<Arc<Entry>>,
    place: Arc<BTreeMap<Digest, usize>>,
    /// Places of the answers with the same words to the same question, by both: whoever reads one has read the others.
    twins: Arc<BTreeMap<Digest, Vec<usize>>>,
    /// The examples of which each person was told which system answers how.
    told: Arc<BTreeMap<String, BTreeSet<String>>>,
    /// The answers of which each person was shown what others said.
    read: Arc<BTreeMap<String, BTreeSet<Digest>>>,
    /// What the page says; nothing where nobody has said it, and then all is asked by the version that the page names.
    rubrics: Option<Arc<Rubrics>>,
}

impl Desk {
    /// Takes one event in. Events that [`Desk::check`] would refuse change nothing: of two processes that write at once, the first is right.
    pub fn apply(&mut self, event: &ReviewEvent) {
        if self.check(event).is_err() {
            return;
        }
        match event {
            ReviewEvent::Asked {
                item,
                people,
                not_by,
                why,
                ..
            } => {
                let not_by = not_by.iter().map(|name| person_of(name)).collect();
                self.ask(item, *people, &not_by, why);
            }
            ReviewEvent::Labelled {
                item,
                label,
                by,
                note,
                settles,
                origin,
                at,
            } => {
                let given = Given {
                    label: label.clone(),
                    by: person_of(by),
                    note: note.clone(),
                    origin: *origin,
                    at: at.clone(),
                };
                if let Some(entry) = self.entry(item) {
                    if *settles {
                        entry.settled = Some(given);
                    } else {
                        entry.given.push(given);
                    }
                }
            }
            ReviewEvent::Withdrawn { item, by, .. } => {
                let by = person_of(by);
                if let Some(entry) = self.entry(item) {
                    let back = entry.given.extract_if(.., |given| given.by == by);
                    entry.withdrawn.extend(back);
                }
            }
            ReviewEvent::PutAside {
                item,
                by,
                reason,
                policy,
                at,
            } => {
                if let Some(entry) = self.entry(item) {
                    entry.aside.push(Aside {
                        by: person_of(by),
                        reason: reason.clone(),
                        policy: *policy,
                        at: at.clone(),
                    });
                }
            }
            ReviewEvent::Gold {
                item, label, by, ..
            } => {
                if let Some(entry) = self.entry(item) {
                    entry.gold = Some((label.clone(), person_of(by)));
                }
            }
            ReviewEvent::Told { example, by, .. } => {
                let told = Arc::make_mut(&mut self.told);
                told.entry(person_of(by))
                    .or_default()
                    .insert(example.clone());
            }
            ReviewEvent::Read { item, by, .. } => {
                let read = Arc::make_mut(&mut self.read);
                read.entry(person_of(by)).or_default().insert(*item);
            }
        }
    }

    fn ask(&mut self, item: &Item, people: u32, not_by: &BTreeSet<String>, why: &str) {
        let id = item.id();
        if let Some(entry) = self.entry(&id) {
            entry.people = entry.people.max(people);
            entry.not_by.extend(not_by.iter().cloned());
            // A larger plan draws all that a smaller one did, so the larger probability is that of both; and what was unknown may be known now.
            if item.inclusion > entry.item.inclusion {
                entry.item.inclusion = item.inclusion;
            }
            if entry.item.output.is_none() {
                entry.item.output.clone_from(&item.output);
            }
            if let Some(&place) = self.place.get(&id) {
                self.pair(place);
            }
            return;
        }
        Arc::make_mut(&mut self.place).insert(id, self.entries.len());
        self.entries.push(Arc::new(Entry {
            id,
            item: item.clone(),
            people,
            not_by: not_by.clone(),
            why: why.to_owned(),
            given: Vec::new(),
            aside: Vec::new(),
            settled: None,
            gold: None,
            withdrawn: Vec::new(),
        }));
        self.pair(self.entries.len() - 1);
    }

    /// Puts an answer beside those that have its words.
    fn pair(&mut self, place: usize) {
        let Some(words) = words(&self.entries[place].item) else {
            return;
        };
        let twins = Arc::make_mut(&mut self.twins).entry(words).or_default();
        if !twins.contains(&place) {
            twins.push(place);
        }
    }

    /// Says by which versions of their rubrics answers are asked about now: those of other versions wait for nobody.
    pub fn by_rubrics(&mut self, rubrics: Arc<Rubrics>) {
        self.rubrics = Some(rubrics);
    }

    /// Says whether an answer is asked about by the version of the rubric that the page names.
    pub fn is_current(&self, entry: &Entry) -> bool {
        let item = &entry.item;
        let named = |all: &Rubrics| all.get(&item.criterion) == Some(&item.rubric);
        self.rubrics.as_deref().is_none_or(named)
    }

    /// Returns the answers that are asked about by the versions that the page names, in the order in which they were asked.
    pub fn current(&self) -> impl Iterator<Item = &Entry> {
        self.all().filter(|entry| self.is_current(entry))
    }

    /// Says whether somebody was told which system answers an example how.
    pub(super) fn is_told(&self, who: &str, example: &str) -> bool {
        let told = self.told.get(who);
        told.is_some_and(|examples| examples.contains(example))
    }

    /// Says whether somebody was shown what others said of an answer, or of another with the same words to the same question.
    pub(super) fn has_read(&self, who: &str, entry: &Entry) -> bool {
        let Some(read) = self.read.get(who) else {
            return false;
        };
        read.contains(&entry.id) || self.twins(entry).any(|twin| read.contains(&twin.id))
    }

    /// Says whether somebody knows too much of an answer to label it.
    pub(super) fn is_spoilt(&self, who: &str, entry: &Entry) -> bool {
        self.is_told(who, &entry.item.example) || self.has_read(who, entry)
    }

    /// Says whether an answer waits for a person's label.
    pub fn awaits(&self, entry: &Entry, who: &str) -> bool {
        self.is_current(entry) && entry.waits_for(who) && !self.is_spoilt(who, entry)
    }

    /// Returns the answers with the same words to the same question, this one among them where its words are known.
    fn twins(&self, entry: &Entry) -> impl Iterator<Item = &Entry> {
        let twins = words(&entry.item).and_then(|words| self.twins.get(&words));
        let twins = twins.into_iter().flatten();
        twins.map(|at| &*self.entries[*at])
    }

    /// Says whether nothing that others said of an answer is for a person yet: it, or another with the same words to the same question, waits for
    /// this person's label, or the label can be taken back.
    pub fn is_blind(&self, entry: &Entry, who: &str, now: &str) -> bool {
        if self.awaits(entry, who) || entry.is_fresh_of(who, now) {
            return true;
        }
        self.twins(entry).any(|twin| self.awaits(twin, who))
    }

    fn entry(&mut self, id: &Digest) -> Option<&mut Entry> {
        let place = *self.place.get(id)?;
        Some(Arc::make_mut(&mut self.entries[place]))
    }

    /// Says whether what a label says is in effect: of two that one person gave at the same time, the first is.
    pub fn has(&self, event: &ReviewEvent) -> bool {
        match event {
            ReviewEvent::Labelled {
                item,
                label,
                by,
                settles,
                at,
                ..
            } => self.find(item).is_some_and(|entry| {
                let said = match settles {
                    true => entry.settled.as_ref(),
                    false => entry.said_by(&person_of(by)),
                };
                let by = &person_of(by);
                said.is_some_and(|given| (&given.label, &given.by, &given.at) == (label, by, at))
            }),
            _ => true,
        }
    }

    /// Says whether asking would change anything.
    pub fn is_news(&self, item: &Item, people: u32, not_by: &BTreeSet<String>) -> bool {
        self.find(&item.id()).is_none_or(|entry| {
            entry.people < people
                || !not_by.is_subset(&entry.not_by)
                || item.inclusion > entry.item.inclusion
                || (entry.item.output.is_none() && item.output.is_some())
        })
    }

    /// Returns all answers, in the order in which they were asked.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|entry| &**entry)
    }

    /// Finds an answer.
    pub fn find(&self, id: &Digest) -> Option<&Entry> {
        self.place.get(id).map(|&place| &*self.entries[place])
    }

    /// Returns the answers that wait for a person, the first to be labelled first.
    pub fn waiting<'d>(&'d self, who: &'d str) -> impl Iterator<Item = &'d Entry> {
        self.all().filter(|entry| self.awaits(entry, who))
    }

    /// Returns the answer that a person is shown next. Of several to one example, as of two systems, whichever comes first differs from person to
    /// person and from example to example: the order tells nobody which is whose.
    pub fn next_for<'d>(&'d self, who: &'d str) -> Option<&'d Entry> {
        let first = self.waiting(who).next()?;
        let of_example = self.waiting(who).filter(|it| {
            it.item.example == first.item.example && it.item.criterion == first.item.criterion
        });
        of_example.min_by_key(|entry| Digest::of_json(&("next/1", who, &entry.id)))
    }

    /// Returns the answers on which people differ, and those with a question about policy, that nobody has settled.
    pub fn to_settle(&self) -> impl Iterator<Item = &Entry> {
        self.current().filter(|entry| entry.is_to_settle())
    }

    /// Returns those of them that a person may settle now.
    pub fn to_settle_by<'d>(
        &'d self,
        who: &'d str,
        now: &'d str,
    ) -> impl Iterator<Item = &'d Entry> {
        let may =
            move |entry: &&Entry| entry.may_be_settled_by(who) && !self.is_blind(entry, who, now);
        self.to_settle().filter(may)
    }

    /// Returns the desk without the answers of which a person is to see nothing yet.
    pub fn seen_by(&self, who: &str, now: &str) -> Self {
        let seen = self.entries.iter();
        let seen = seen.filter(|entry| !self.is_blind(entry, who, now));
        let entries: Vec<Arc<Entry>> = seen.cloned().collect();
        let place = entries.iter().zip(0..);
        let place = place.map(|(entry, at)| (entry.id, at)).collect();
        let mut seen = Self {
            entries,
            place: Arc::new(place),
            twins: Arc::default(),
            ..self.clone()
        };
        (0..seen.entries.len()).for_each(|place| seen.pair(place));
        seen
    }

    /// Returns the names of all who have said something of an answer, or put one aside.
    pub fn names(&self) -> BTreeSet<&str> {
        let all = self.all().flat_map(|entry| {
            let said = entry.given.iter().chain(&entry.settled);
            let aside = entry.aside.iter().map(|aside| aside.by.as_str());
            said.map(|given| given.by.as_str()).chain(aside)
        });
        all.collect()
    }

    /// Says how far a person is.
    pub fn progress(&self, who: &str, now: &str) -> Progress {
        let count = |all: &mut dyn Iterator<Item = &Entry>| all.count() as u64;
        let mine = |entry: &&Entry| {
            entry
                .said_by(who)
                .is_some_and(|given| given.origin != Origin::Page)
        };
        Progress {
            labelled: count(&mut self.current().filter(mine)),
            left: count(&mut self.waiting(who)),
            disputed: count(&mut self.to_settle_by(who, now)),
        }
    }

    /// Returns the answer that a person labelled last and may still take the label of back.
    pub fn last_of(&self, who: &str, now: &str) -> Option<&Entry> {
        let said = self.all().filter_map(|entry| {
            let given = entry.said_by(who)?;
            Some((entry, &given.at))
        });
        let last = said.max_by(|(_, a), (_, b)| a.cmp(b))?.0;
        self.may_withdraw(&last.id, who, now).ok().map(|()| last)
    }
}

/// Stands for a question and what was answered, where that is known.
fn words(item: &Item) -> Option<Digest> {
    let output = item.output.as_deref()?;
    let of = (&item.criterion, &item.input);
    Some(match item.second.as_deref() {
        None => Digest::of_json(&("words/1", of.0, of.1, output)),
        // Two answers are the same two in either order.
        Some(second) => {
            let (one, other) = (output.min(second), output.max(second));
            Digest::of_json(&("pair/1", of.0, of.1, one, other))
        }
    })
}
