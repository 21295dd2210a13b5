//! Graders of evidence: must_cite, cites, quotes_in_sources.

use super::behaviour;
use super::quotation;
use super::sheet::{Measures, Sheet};
use super::verdict::Graded;
use crate::reference::Example;
use crate::response::Response;

/// What these graders can tell.
pub(super) const SHEETS: [Sheet; 3] = [
    Sheet {
        kind: "must_cite",
        measures: Measures::Evidence,
        checks: "every source that the example says must be cited is",
        protects: &["missing-source", "wrong-source"],
        cost: "one look-up for each source",
        deterministic: true,
        blind_spot: "citing everything passes; that a source is cited does not say that the answer follows it",
    },
    Sheet {
        kind: "cites",
        measures: Measures::Presence,
        checks: "something is cited, and all of it is among the example's sources",
        protects: &["missing-source"],
        cost: "one look-up for each citation",
        deterministic: true,
        blind_spot: "citing a source of the example that says nothing about the question passes",
    },
    Sheet {
        kind: "quotes_in_sources",
        measures: Measures::Evidence,
        checks: "every quoted passage of three words or more stands in a source",
        protects: &["unsupported-claim"],
        cost: "each passage once through the sources",
        deterministic: true,
        blind_spot: "an answer that quotes nothing passes, whatever it claims in its own words (an empty one is missing); a true passage may be quoted for something else; single quotation marks and `「」` are not read",
    },
];

/// Passes when everything that must be cited is; symptom `missing-citation`.
pub(super) fn must_cite(example: &Example, response: &Response) -> Graded {
    let absent = example
        .expect
        .must_cite
        .iter()
        .find(|id| !response.citations.contains(id));
    match absent {
        None => Graded::pass(),
        Some(id) => Graded::fail("missing-citation", format!("does not cite `{id}`")),
    }
}

/// Passes when at least one source is cited and all cited ones are the example's; symptoms `no-source` and `unknown-source`.
pub(super) fn cites_known(example: &Example, response: &Response) -> Graded {
    if response.citations.is_empty() {
        return Graded::fail("no-source", "cites nothing");
    }
    let unknown = response
        .citations
        .iter()
        .find(|id| !example.sources.iter().any(|source| source.id == **id));
    match unknown {
        None => Graded::pass(),
        Some(id) => Graded::fail(
            "unknown-source",
            format!("cites `{id}`, which is no source of the example"),
        ),
    }
}

/// Passes when every quoted passage stands in a source, apart from case, white space and a last punctuation mark; symptom `unsupported-quote`.
/// An answer without a quoted passage of at least three words passes: it quotes nothing falsely.
/// One that says and does nothing is missing: nothing in it can stand anywhere.
pub(super) fn quotes_in_sources(example: &Example, response: &Response) -> Graded {
    if behaviour::observed(response).is_none() {
        return Graded::missing("the response is empty: nothing in it rests on its sources");
    }
    let texts = || {
        let sources = example.sources.iter();
        sources.filter_map(|source| Some((source.id.as_str(), source.text.as_deref()?)))
    };
    let sources: Vec<&str> = texts().map(|(_, text)| text).collect();
    match quotation::unsupported(&sources, &response.output) {
        None => Graded::pass(),
        Some(passage) => Graded::fail("unsupported-quote", unsaid("no source", &passage, texts())),
    }
}

/// Says that no source holds a passage, and which of theirs is nearest to it.
pub(super) fn unsaid<'s>(
    who: &str,
    passage: &str,
    sources: impl IntoIterator<Item = (&'s str, &'s str)>,
) -> String {
    match quotation::nearest(sources, passage) {
        Some((name, text)) => {
            format!("{who} says {passage:?}; `{name}` says {text:?}")
        }
        None => format!("{who} says {passage:?}"),
    }
}
