//! The reference set: examples with provenance, design and segments.
//!
//! Of every example an [`Entry`] is in memory. The whole [`Example`] is read again from its file when it is wanted.

pub mod aside;
mod bodies;
mod claims;
mod entry;
pub mod load;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::id::ExampleId;
use crate::manifest::Kind;
use crate::problem::Location;
use crate::response::Behaviour;

pub use self::bodies::{Changed, InMemory, Rows};
pub use self::claims::Claim;
pub use self::entry::{Entry, Standing, Traits};

use self::bodies::{Bodies, File};
use self::claims::Claims;
use crate::digest::Hasher;
use crate::grade::Marks;

/// The governed collection of examples. Examples are sorted by id (byte order); outcomes refer to them by index.
#[derive(Clone, Debug, Default)]
pub struct ReferenceSet {
    /// Active examples, sorted by id.
    pub examples: Vec<Entry>,
    /// Quarantined and retired ones, sorted by id: never run, always counted.
    pub set_aside: Vec<Entry>,
    /// For each dimension of the manifest (same order): the values that occur, in page order then byte order.
    pub values: Vec<Vec<String>>,
    /// For each dimension: the index into `values` per example; [`ReferenceSet::NO_VALUE`] when it has none.
    pub assigned: Vec<Vec<u16>>,
    /// For each example: a dense cluster index. Variants share their base's cluster.
    pub cluster: Vec<u32>,
    /// Number of clusters.
    pub clusters: u32,
    /// Hash over all active examples' digests in order.
    pub digest: Digest,
    /// Days on which examples were added, as they state it.
    dates: Vec<Arc<str>>,
    /// Digests that examples state of their sources.
    claims: Claims,
    /// What the page's criteria ask of examples.
    marks: Option<Arc<Marks>>,
    files: Vec<File>,
    bodies: Bodies,
}

impl ReferenceSet {
    /// Marks an example without a value in a dimension.
    pub const NO_VALUE: u16 = u16::MAX;

    /// Makes a set of examples that are in memory, each a cluster of its own, without segments; of two with one id the first stays.
    pub fn of(mut examples: Vec<Example>) -> Self {
        examples.sort_by(|a, b| a.id.cmp(&b.id));
        examples.dedup_by(|later, first| later.id == first.id);
        let (active, aside): (Vec<_>, Vec<_>) = examples
            .into_iter()
            .partition(|example| example.status == Status::Active);
        let mut hasher = Hasher::default();
        for example in &active {
            hasher.update(example.digest.bytes());
        }
        Self {
            examples: active.iter().map(Entry::of).collect(),
            set_aside: aside.iter().map(Entry::of).collect(),
            cluster: (0..active.len() as u32).collect(),
            clusters: active.len() as u32,
            digest: hasher.finish(),
            bodies: Bodies::Held(active.into_iter().map(Arc::new).collect()),
            ..Self::default()
        }
    }

    /// Makes a set of some of its examples, as often as they are named, in these clusters (dense, from 0). It has no texts and no order of ids:
    /// what it is for is counting.
    pub(crate) fn of_rows(&self, rows: &[u32], cluster: Vec<u32>) -> Self {
        let assigned = self.assigned.iter();
        Self {
            examples: rows
                .iter()
                .map(|&row| self.examples[row as usize].clone())
                .collect(),
            values: self.values.clone(),
            assigned: assigned
                .map(|of| rows.iter().map(|&row| of[row as usize]).collect())
                .collect(),
            clusters: cluster.last().map_or(0, |last| last + 1),
            cluster,
            ..Self::default()
        }
    }

    /// Finds an example's index by id.
    pub fn index_of(&self, id: &str) -> Option<u32> {
        self.examples
            .binary_search_by(|example| example.id.as_str().cmp(id))
            .ok()
            .map(|index| index as u32)
    }

    /// Returns the example's value in a dimension, if it has one.
    pub fn value(&self, dimension: usize, example: u32) -> Option<&str> {
        let value = *self.assigned.get(dimension)?.get(example as usize)?;
        self.values
            .get(dimension)?
            .get(value as usize)
            .map(String::as_str)
    }

    /// Reads the behavioural tests among the active examples, whole. One that is not what it was when the set was loaded is left out: whoever grades it
    /// reads it as well, and says so.
    pub fn tests(&self) -> impl Iterator<Item = (u32, Arc<Example>)> + '_ {
        (0..)
            .zip(&self.examples)
            .filter(|(_, entry)| entry.traits.tests)
            .filter_map(|(index, _)| Some((index, self.example(index).ok()?)))
    }

    /// Reads a whole active example, by its index.
    ///
    /// # Errors
    /// When it is not what it was when the set was loaded.
    pub fn example(&self, index: u32) -> Result<Arc<Example>, Changed> {
        let found = match &self.bodies {
            Bodies::Held(all) => all.get(index as usize).cloned().map(Ok),
            Bodies::Filed(filed) => {
                let entry = self.examples.get(index as usize);
                entry.map(|entry| filed.example(index, entry, &self.files))
            }
        };
        found.unwrap_or_else(|| {
            Err(Changed {
                at: Location::default(),
                why: format!("the set has no example number {index}"),
            })
        })
    }

    /// Points at where an example of this set stands.
    pub fn at(&self, entry: &Entry) -> Location {
        match self.files.get(entry.file as usize) {
            Some(file) => Location::new(&file.name, entry.line, 0),
            None => Location::default(),
        }
    }

    /// Returns when an example of this set was added, as it states it.
    pub fn added(&self, entry: &Entry) -> Option<&str> {
        self.dates.get(entry.added as usize).map(|date| &**date)
    }

    /// Iterates over the digests that active examples state of their sources, by example.
    pub fn claims(&self) -> impl Iterator<Item = (u32, &Claim)> {
        self.claims.iter()
    }

    /// Iterates over the files that those sources are in, each once.
    pub fn source_files(&self) -> impl Iterator<Item = &str> {
        self.claims.files()
    }

    /// Returns what was noted for the criteria of a page when the set was loaded.
    pub(crate) fn marks(&self) -> Option<&Arc<Marks>> {
        self.marks.as_ref()
    }
}

/// One case to evaluate.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its name, unique in the set.
    pub id: ExampleId,
    /// What the system is asked.
    pub input: Input,
    /// What the system may see besides the input.
    pub context: Map<String, Value>,
    /// Segment values stated by the example itself, by dimension.
    pub segments: Stated,
    /// What is expected.
    pub expect: Expect,
    /// Sources the answer may rest on.
    pub sources: Vec<SourceDocument>,
    /// What it must not be counted independently of.
    pub cluster: Option<String>,
    /// Where it came from.
    pub provenance: Provenance,
    /// How it was drawn.
    pub design: Design,
    /// When somebody must look at it again.
    pub review_by: Option<jiff::civil::Date>,
    /// Active, quarantined or retired.
    pub status: Status,
    /// For behavioural tests: the example it is a variant of, and the relation that must hold.
    pub variant: Option<Variant>,
    /// Further fields (mapped by name), for segment expressions and graders.
    pub fields: Map<String, Value>,
    /// Where it stands.
    pub at: Location,
    /// Hash of its content (everything but its place).
    pub digest: Digest,
}

impl Example {
    /// Makes an example that asks this and expects nothing: for what is asked without being an example of a set.
    pub fn asking(id: &str, input: Input) -> Self {
        Self {
            id: ExampleId(id.into()),
            input,
            context: Map::new(),
            segments: Stated::default(),
            expect: Expect::default(),
            sources: Vec::new(),
            cluster: None,
            provenance: Provenance {
                kind: Kind::Synthetic,
                reference: None,
                added: None,
                by: None,
                why: None,
            },
            design: Design::Purposive,
            review_by: None,
            status: Status::Active,
            variant: None,
            fields: Map::new(),
            at: Location::default(),
            digest: Digest::default(),
        }
    }
}

/// Segment values by dimension, sorted by name. A handful for each of hundreds of thousands of examples: a map with room for eleven would be
/// most of an example's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated(Box<[(Box<str>, Box<str>)]>);

impl Stated {
    /// Returns the value of a dimension.
    pub fn get(&self, dimension: &str) -> Option<&str> {
        let at = self
            .0
            .binary_search_by(|(name, _)| (**name).cmp(dimension))
            .ok()?;
        Some(&self.0[at].1)
    }

    /// Iterates over the dimensions that are stated, by name.
    pub fn dimensions(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

impl FromIterator<(String, String)> for Stated {
    /// Sorts; of two values of one dimension the last counts.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let sorted: BTreeMap<String, String> = pairs.into_iter().collect();
        Self(
            sorted
                .into_iter()
                .map(|(name, value)| (name.into_boxed_str(), value.into_boxed_str()))
                .collect(),
        )
    }
}

impl Serialize for Stated {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What a system is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// One text.
    Text(String),
    /// A conversation.
    Messages(Vec<Message>),
    /// A script: the user's turns, played one after the other.
    Turns(Vec<String>),
    /// It exists and may not be shown.
    Withheld,
}

impl Input {
    /// Returns all text, turns separated by line feeds.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Input::Text(text) => text.as_str().into(),
            Input::Messages(messages) => messages
                .iter()
                .map(|message| message.content.as_str())
                .collect::<Vec<_>>()
                .join("\n")
                .into(),
            Input::Turns(turns) => turns.join("\n").into(),
            Input::Withheld => "".into(),
        }
    }
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `user`, `assistant`, `system`, `tool`.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// What is expected of an answer. Everything is optional; graders that find nothing to compare with do not apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// The behaviour.
    pub behaviour: Option<Behaviour>,
    /// The answer: text or number.
    pub answer: Option<Value>,
    /// Source ids that must be cited.
    pub must_cite: Vec<String>,
    /// Tools that must be called.
    pub must_call: Vec<String>,
    /// Tools that must not be called.
    pub must_not_call: Vec<String>,
    /// Texts that must occur.
    pub contains: Vec<String>,
    /// Texts that must not occur.
    pub not_contains: Vec<String>,
}

/// A source the answer may rest on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceDocument {
    /// Its id, as cited.
    pub id: String,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// File inside the project that holds it, for staleness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Digest (`sha256:…`) of that file or text when the example was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Where an example came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// Its kind. `handpicked` when nothing is stated.
    pub kind: Kind,
    /// A reference (ticket, log id, gap it targets).
    pub reference: Option<String>,
    /// When it was added.
    pub added: Option<String>,
    /// Who added it.
    pub by: Option<String>,
    /// Why.
    pub why: Option<String>,
}

/// How an example was drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Design {
    /// Drawn at random inside a stratum.
    Sampled {
        /// The stratum.
        stratum: Option<String>,
        /// Its inclusion probability in (0, 1]; `None` when only shares are known.
        inclusion: Option<f64>,
    },
    /// Chosen for a purpose: estimates no traffic rate.
    Purposive,
}

/// Whether an example is in force.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// In force.
    Active,
    /// In doubt: kept, not run.
    Quarantined(StatusChange),
    /// Out of use: kept, not run.
    Retired(StatusChange),
}

/// Who changed a status, when and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusChange {
    /// Who.
    pub by: String,
    /// When.
    pub at: String,
    /// Why.
    pub why: String,
}

/// The relation of a behavioural test's variant to its base.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The base example.
    pub of: ExampleId,
    /// What must hold.
    pub relation: Relation,
}

/// What must hold between a variant and its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// The verdict must not change.
    Invariance,
    /// The score must move one way only.
    Directional,
    /// It must never happen.
    Never,
}

impl Relation {
    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Relation::Invariance => "invariance",
            Relation::Directional => "directional",
            Relation::Never => "never",
        }
    }
}
