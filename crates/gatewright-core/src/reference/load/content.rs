//! What makes an example the example it is: the bytes under its digest.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::digest::{Digest, Hasher};
use crate::reference::{
    Design, Example, Input, Message, Relation, SourceDocument, Stated, Status, StatusChange,
};
use crate::response::Behaviour;

/// What a digest covers besides [`Shared`]: everything but the place. `cluster` comes first, then `content`, which is [`Shared`], then these:
/// fields are in the order of their names, so that the bytes are canonical.
#[derive(Serialize)]
struct Rest<'e> {
    design: (Option<&'e str>, Option<f64>, bool),
    id: &'e str,
    provenance: (&'e str, [Option<&'e str>; 4]),
    review_by: Option<jiff::civil::Date>,
    status: (&'e str, Option<[&'e str; 3]>),
    variant: Option<(&'e str, Relation)>,
}

/// What two examples share when they are the same case under two names.
#[derive(Serialize)]
struct Shared<'e> {
    context: &'e Map<String, Value>,
    expect: (Option<Behaviour>, &'e Option<Value>, [&'e Vec<String>; 5]),
    fields: &'e Map<String, Value>,
    input: Asked<'e>,
    segments: &'e Stated,
    sources: &'e [SourceDocument],
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Asked<'e> {
    Text(&'e str),
    Messages(&'e [Message]),
    Turns(&'e [String]),
    Withheld,
}

fn shared(example: &Example) -> Shared<'_> {
    let expect = &example.expect;
    Shared {
        context: &example.context,
        expect: (
            expect.behaviour,
            &expect.answer,
            [
                &expect.must_cite,
                &expect.must_call,
                &expect.must_not_call,
                &expect.contains,
                &expect.not_contains,
            ],
        ),
        fields: &example.fields,
        input: match &example.input {
            Input::Text(text) => Asked::Text(text),
            Input::Messages(turns) => Asked::Messages(turns),
            Input::Turns(turns) => Asked::Turns(turns),
            Input::Withheld => Asked::Withheld,
        },
        segments: &example.segments,
        sources: &example.sources,
    }
}

/// What an example is known by.
pub(super) struct Hashes {
    /// Of everything but the place.
    pub(super) digest: Digest,
    /// Of what it asks and expects.
    pub(super) cases: Cases,
}

/// What an example has in common with others that are the same case, whatever it is called and wherever it came from; nothing when its input
/// is withheld. For a hint only: 64 bits, not kept.
#[derive(Clone, Copy)]
pub(in crate::reference) struct Cases {
    /// Of what it asks and expects.
    pub(super) same: Option<u64>,
    /// Of what it asks, without capitals, punctuation and white space.
    pub(super) near: Option<u64>,
}

/// Hashes an example. These types hold only text keys and finite numbers, so they always serialise.
pub(super) fn hashes(example: &Example) -> Hashes {
    let content = serde_json::to_vec(&shared(example)).unwrap_or_default();
    let case = (example.input != Input::Withheld).then(|| {
        let mut hasher = std::hash::DefaultHasher::new();
        std::hash::Hasher::write(&mut hasher, &content);
        std::hash::Hasher::finish(&hasher)
    });
    let cluster = serde_json::to_vec(&example.cluster).unwrap_or_default();
    let rest = serde_json::to_vec(&rest(example)).unwrap_or_default();
    let mut hasher = Hasher::default();
    for part in [
        b"{\"cluster\":".as_slice(),
        &cluster,
        b",\"content\":",
        &content,
        b",",
        rest.get(1..).unwrap_or_default(),
    ] {
        hasher.update(part);
    }
    Hashes {
        digest: hasher.finish(),
        cases: Cases {
            same: case,
            near: near(example),
        },
    }
}

/// Hashes the words that an example asks, with what stands beside the question: the same question about another account is another one.
fn near(example: &Example) -> Option<u64> {
    let mut words = String::new();
    let mut letters = 0_usize;
    let mut text = |text: &str| {
        words.reserve(text.len() + 1);
        let mut inside = false;
        for one in text.chars().flat_map(char::to_lowercase) {
            if one.is_alphanumeric() {
                letters += 1;
                inside = true;
                words.push(one);
            } else if inside && !is_joining(one) {
                inside = false;
                words.push(' ');
            }
        }
        words.push('\n');
    };
    match &example.input {
        Input::Text(input) => text(input.trim_end_matches(|one: char| !one.is_alphanumeric())),
        Input::Messages(turns) => {
            for turn in turns {
                text(&turn.role);
                text(
                    turn.content
                        .trim_end_matches(|one: char| !one.is_alphanumeric()),
                );
            }
        }
        Input::Turns(turns) => turns
            .iter()
            .for_each(|turn| text(turn.trim_end_matches(|one: char| !one.is_alphanumeric()))),
        Input::Withheld => return None,
    }
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hasher::write(&mut hasher, words.as_bytes());
    let beside = (&example.context, &example.fields, &example.sources);
    if !(beside.0.is_empty() && beside.1.is_empty() && beside.2.is_empty()) {
        let beside = serde_json::to_vec(&beside).unwrap_or_default();
        std::hash::Hasher::write(&mut hasher, &beside);
    }
    // A word or two are asked often, and mean what stands around them.
    (letters >= NEAR_LETTERS).then(|| std::hash::Hasher::finish(&hasher))
}

/// Fewest letters and digits of questions that are compared without their form.
const NEAR_LETTERS: usize = 12;

/// Signs inside of a word: "don't" and "dont" are the same one.
fn is_joining(one: char) -> bool {
    matches!(one, '\'' | '’' | '-')
}

fn rest(example: &Example) -> Rest<'_> {
    let provenance = &example.provenance;
    fn change(change: &StatusChange) -> Option<[&str; 3]> {
        Some([&change.by, &change.at, &change.why])
    }
    let (state, parts) = match &example.status {
        Status::Active => ("active", None),
        Status::Quarantined(it) => ("quarantined", change(it)),
        Status::Retired(it) => ("retired", change(it)),
    };
    Rest {
        design: match &example.design {
            Design::Sampled { stratum, inclusion } => (stratum.as_deref(), *inclusion, true),
            Design::Purposive => (None, None, false),
        },
        id: example.id.as_str(),
        provenance: (
            provenance.kind.word(),
            [
                provenance.reference.as_deref(),
                provenance.added.as_deref(),
                provenance.by.as_deref(),
                provenance.why.as_deref(),
            ],
        ),
        review_by: example.review_by,
        status: (state, parts),
        variant: example
            .variant
            .as_ref()
            .map(|variant| (variant.of.as_str(), variant.relation)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::problem::Location;
    use crate::source::Source;

    /// The bytes under a digest are one canonical JSON object: keys sorted, no white space.
    #[test]
    fn a_digest_is_of_canonical_json() {
        let line = r#"{"id":"b","input":"größe \"x\"","context":{"b":1.5,"a":null},"segments":{"task":"t"},"cluster":"c\n","provenance":{"kind":"traffic","ref":"r","by":"ana"},"stratum":"s","inclusion":0.25,"review_by":"2027-01-31","status":{"state":"retired","by":"x","at":"y","why":"z"},"variant_of":"a","relation":"never"}"#;
        let source = Source::plain("r.jsonl", Location::default());
        let row = crate::json::parse_object(line.as_bytes()).expect("JSON");
        let mut problems = Vec::new();
        let mut problems = crate::json::Collector::new("r.jsonl", &mut problems);
        let read = super::super::row::read(&source, &row, Location::default(), &mut problems);
        let (example, _) = read.expect("an example");
        let whole = BTreeMap::from([
            ("cluster", json!("c\n")),
            (
                "content",
                json!({
                    "context": {"b": 1.5},
                    "expect": [null, null, [[], [], [], [], []]],
                    "fields": {},
                    "input": {"text": "größe \"x\""},
                    "segments": {"task": "t"},
                    "sources": [],
                }),
            ),
            ("design", json!(["s", 0.25, true])),
            ("id", json!("b")),
            ("provenance", json!(["traffic", ["r", null, "ana", null]])),
            ("review_by", json!("2027-01-31")),
            ("status", json!(["retired", ["x", "y", "z"]])),
            ("variant", json!(["a", "never"])),
        ]);
        assert_eq!(example.digest, Digest::of_json(&whole));
    }
}
