//! What examples state of their sources: the digest that a file or a text had when they were written.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Example;
use crate::digest::Digest;

/// A digest that examples state of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// Of a file.
    File {
        /// Its path inside the project.
        path: Arc<str>,
        /// What it was.
        stated: Digest,
    },
    /// Of a text that stands in the example itself and is another now.
    Text {
        /// The source's id.
        source: Arc<str>,
    },
}

impl Claim {
    /// Returns the file's path, or the source's id.
    pub fn name(&self) -> &str {
        match self {
            Claim::File { path, .. } => path,
            Claim::Text { source } => source,
        }
    }

    /// Lists what an example states.
    pub(super) fn of(example: &Example) -> Vec<Self> {
        let claim = |document: &super::SourceDocument| {
            let stated = document.digest.as_deref().and_then(Digest::parse)?;
            match (&document.file, &document.text) {
                (Some(file), _) => Some(Self::File {
                    path: file.as_str().into(),
                    stated,
                }),
                (None, Some(text)) => (Digest::of(text.as_bytes()) != stated).then(|| Self::Text {
                    source: document.id.as_str().into(),
                }),
                (None, None) => None,
            }
        };
        example.sources.iter().filter_map(claim).collect()
    }
}

/// All claims of a set. Many examples rest on few files, so each claim is kept once.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    each: Vec<Claim>,
    /// Example and claim, by example.
    made: Vec<(u32, u32)>,
}

impl Claims {
    /// Iterates over (example, claim), by example.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Claim)> {
        self.made
            .iter()
            .map(|&(example, claim)| (example, &self.each[claim as usize]))
    }

    /// Iterates over the files, each once, by path.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let files: BTreeSet<&str> = self
            .each
            .iter()
            .filter(|claim| matches!(claim, Claim::File { .. }))
            .map(Claim::name)
            .collect();
        files.into_iter()
    }
}

/// Claims under collection. Examples are numbered as they are read.
#[derive(Debug, Default)]
pub(super) struct Collected {
    numbers: HashMap<Claim, u32>,
    made: Vec<(u32, u32)>,
}

impl Collected {
    pub(super) fn add(&mut self, example: u32, claims: Vec<Claim>) {
        for claim in claims {
            let next = self.numbers.len() as u32;
            let number = *self.numbers.entry(claim).or_insert(next);
            self.made.push((example, number));
        }
    }

    /// Numbers examples by their place in the set; those without one are left out.
    pub(super) fn finish(self, place: impl Fn(u32) -> Option<u32>) -> Claims {
        let mut made: Vec<(u32, u32)> = self
            .made
            .into_iter()
            .filter_map(|(example, claim)| Some((place(example)?, claim)))
            .collect();
        // Stable: an example's own claims stay in its order.
        made.sort_by_key(|(example, _)| *example);
        let mut each: Vec<(Claim, u32)> = self.numbers.into_iter().collect();
        each.sort_by_key(|(_, number)| *number);
        Claims {
            each: each.into_iter().map(|(claim, _)| claim).collect(),
            made,
        }
    }
}
