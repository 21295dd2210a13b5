//! What makes an example the example it is: the bytes under its digest.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::reference::{
    Design, Example, Input, Message, Relation, SourceDocument, Stated, Status, StatusChange,
};
use crate::response::Behaviour;

/// What a digest covers: everything but the place. Fields are in the order of their names, so that the bytes are canonical.
#[derive(Serialize)]
struct Content<'e> {
    cluster: &'e Option<String>,
    content: Shared<'e>,
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

/// Hashes what an example asks and expects, whatever it is called and wherever it came from; nothing when its input is withheld.
/// For a hint only: 64 bits, not kept.
pub(super) fn case_hash(example: &Example) -> Option<u64> {
    if example.input == Input::Withheld {
        return None;
    }
    let mut hasher = std::hash::DefaultHasher::new();
    let bytes = serde_json::to_vec(&shared(example)).unwrap_or_default();
    std::hash::Hasher::write(&mut hasher, &bytes);
    Some(std::hash::Hasher::finish(&hasher))
}

/// Hashes everything but the place.
pub(super) fn digest(example: &Example) -> Digest {
    let provenance = &example.provenance;
    let change =
        |change: &'_ StatusChange| [change.by.clone(), change.at.clone(), change.why.clone()];
    let (state, parts) = match &example.status {
        Status::Active => ("active", None),
        Status::Quarantined(it) => ("quarantined", Some(change(it))),
        Status::Retired(it) => ("retired", Some(change(it))),
    };
    hash(&Content {
        cluster: &example.cluster,
        content: shared(example),
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
        status: (
            state,
            parts
                .as_ref()
                .map(|parts| std::array::from_fn(|index| parts[index].as_str())),
        ),
        variant: example
            .variant
            .as_ref()
            .map(|variant| (variant.of.as_str(), variant.relation)),
    })
}

fn hash(value: &impl Serialize) -> Digest {
    // These types hold only text keys and finite numbers, so they always serialise.
    Digest::of(&serde_json::to_vec(value).unwrap_or_default())
}
