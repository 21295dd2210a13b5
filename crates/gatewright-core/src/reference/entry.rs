//! What is always in memory of an example: everything that is asked of all examples at once.

use super::{Design, Example, Expect, Input, Status};
use crate::digest::Digest;
use crate::id::ExampleId;
use crate::manifest::Kind;
use crate::response::Behaviour;

/// Fewest characters of an input that asks something.
const SHORTEST_INPUT: usize = 8;

/// An example without its texts, which [`super::ReferenceSet::example`] reads. There may be hundreds of thousands: about a hundred bytes each.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name, unique in the set.
    pub id: ExampleId,
    /// Hash of its content (everything but its place).
    pub digest: Digest,
    /// Where it came from.
    pub kind: Kind,
    /// Active, quarantined or retired.
    pub standing: Standing,
    /// What `check` asks of every example.
    pub traits: Traits,
    /// When somebody must look at it again.
    pub review_by: Option<jiff::civil::Date>,
    /// Its inclusion probability in (0, 1], where its design states one.
    pub inclusion: Option<f64>,
    /// When it was added, as an index into the set's dates; [`Entry::NEVER`] when that is not stated.
    pub(super) added: u32,
    /// The file it stands in, as an index into the set's files.
    pub(super) file: u32,
    /// Its line, from 1.
    pub(super) line: u32,
    /// Bytes of its line, without the line end.
    pub(super) bytes: u32,
    /// Bytes of its file before its line.
    pub(super) offset: u64,
}

/// Whether an example is in force. Who changed it, when and why is in [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In force.
    Active,
    /// In doubt: kept, not run.
    Quarantined,
    /// Out of use: kept, not run.
    Retired,
}

/// What is known of an example's texts without reading them again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Its input exists and may not be shown.
    pub withheld: bool,
    /// Its input may be shown and is nearly nothing (under eight characters).
    pub short: bool,
    /// Its input may be shown and is nothing.
    pub empty: bool,
    /// It expects nothing.
    pub expects_nothing: bool,
    /// It names tools that must not be called.
    pub forbids_calls: bool,
    /// It is a variant of another example.
    pub variant: bool,
    /// It is a variant, or says of itself that it tests something (`fields.test`).
    pub tests: bool,
    /// What the response is expected to do.
    pub behaviour: Option<Behaviour>,
    /// Whoever loaded the set wants to look at it again ([`super::load::Loader::noting`]).
    pub noted: bool,
}

impl Entry {
    /// Marks an example that does not say when it was added.
    pub(super) const NEVER: u32 = u32::MAX;

    /// Takes down what is kept of an example; its place is not known yet.
    pub(super) fn of(example: &Example) -> Self {
        Self {
            id: example.id.clone(),
            digest: example.digest,
            kind: example.provenance.kind,
            standing: match example.status {
                Status::Active => Standing::Active,
                Status::Quarantined(_) => Standing::Quarantined,
                Status::Retired(_) => Standing::Retired,
            },
            traits: Traits::of(example),
            review_by: example.review_by,
            inclusion: match example.design {
                Design::Sampled { inclusion, .. } => inclusion,
                Design::Purposive => None,
            },
            added: Self::NEVER,
            file: 0,
            line: 0,
            bytes: 0,
            offset: 0,
        }
    }
}

impl Traits {
    fn of(example: &Example) -> Self {
        let withheld = example.input == Input::Withheld;
        let text = example.input.text();
        let text = text.trim();
        let short = text.chars().take(SHORTEST_INPUT).count() < SHORTEST_INPUT;
        Self {
            withheld,
            short: !withheld && short,
            empty: !withheld && text.is_empty(),
            expects_nothing: example.expect == Expect::default(),
            forbids_calls: !example.expect.must_not_call.is_empty(),
            variant: example.variant.is_some(),
            tests: example.variant.is_some() || example.fields.contains_key("test"),
            behaviour: example.expect.behaviour,
            noted: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an example costs for as long as a command runs.
    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 112, "{}", size_of::<Entry>());
    }
}
