//! What a file of labels is asked for: every criterion's fields and filters, as slots of one line.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{Labels, Request};
use crate::json::{Slot, scalar_text};
use crate::manifest::Manifest;
use crate::reference::ReferenceSet;
use crate::source::Source;

/// Our own keys.
pub(super) const KEYS: [&str; 15] = [
    "example",
    "example_id",
    "system",
    "trial",
    "part",
    "annotator",
    "kind",
    "label",
    "score",
    "criterion",
    "inclusion",
    "answer_id",
    "fields",
    "rubric",
    "open",
];

/// Where one of our fields comes from.
pub(super) enum Field {
    Fixed(Option<String>),
    Slot(usize),
    /// The first of two that is there.
    Either(usize, usize),
}

pub(super) struct Compiled {
    pub(super) criterion: String,
    pub(super) own_criterion: Option<Field>,
    /// The place of a fixed system; `None` when the page does not name it.
    pub(super) fixed_system: Option<Option<u8>>,
    pub(super) example: Field,
    pub(super) system: Field,
    pub(super) trial: Field,
    pub(super) part: Field,
    pub(super) annotator: Field,
    pub(super) kind: Field,
    pub(super) value: Field,
    pub(super) inclusion: Field,
    pub(super) answer_id: Field,
    /// Which version of the rubric a label follows; rows with the code of an answer tell it.
    pub(super) rubric: Field,
    /// The version that the page names.
    pub(super) page_rubric: Option<String>,
    /// Not all who were asked have labelled it.
    pub(super) open: Field,
    pub(super) score: bool,
    pub(super) pair: bool,
    pub(super) people: bool,
    pub(super) by_person: bool,
}

/// Requests that share a filter.
pub(super) struct Group {
    pub(super) filter: Vec<(usize, Vec<String>)>,
    /// A filter on one text: its slot, and the text's [`sign`].
    pub(super) only: Option<(usize, u64)>,
    pub(super) members: Vec<usize>,
}

/// What every row is asked for.
pub(super) struct Plan<'r> {
    pub(super) paths: Vec<String>,
    pub(super) groups: Vec<Group>,
    pub(super) requests: Vec<Compiled>,
    pub(super) systems: Vec<String>,
    pub(super) ids: HashMap<&'r str, u32>,
    pub(super) reference: &'r ReferenceSet,
    /// Keys that rows may have; `None` when every criterion maps the file.
    pub(super) known: Option<BTreeSet<String>>,
}

impl<'r> Plan<'r> {
    pub(super) fn new(
        manifest: &Manifest,
        reference: &'r ReferenceSet,
        requests: &[Request<'_>],
        labels: &Labels,
    ) -> Self {
        let mut paths = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut compiled = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let source = request.source;
            let filter: Vec<(usize, Vec<String>)> = source
                .filter
                .iter()
                .map(|(field, accepted)| (slot(&mut paths, field), accepted.clone()))
                .collect();
            match groups.iter_mut().find(|group| group.filter == filter) {
                Some(group) => group.members.push(index),
                None => groups.push(Group {
                    only: match filter.as_slice() {
                        [(slot, accepted)] if accepted.len() == 1 => {
                            Some((*slot, sign(&accepted[0])))
                        }
                        _ => None,
                    },
                    filter,
                    members: vec![index],
                }),
            }
            let criterion = &manifest.criteria[usize::from(request.criterion)].id;
            let mut ready = compile(request, criterion.as_str(), &mut paths);
            let declared = &manifest.criteria[usize::from(request.criterion)];
            ready.page_rubric = declared.people_rubric().map(str::to_owned);
            if let Field::Fixed(Some(name)) = &ready.system {
                let systems = labels.system_names();
                let place = systems.iter().position(|known| **known == **name);
                ready.fixed_system = Some(place.map(|index| index as u8 + 1));
            }
            compiled.push(ready);
        }
        let ours = requests.iter().any(|request| !request.source.is_foreign());
        let known = ours.then(|| {
            let filtered = requests.iter().flat_map(|request| &request.source.filter);
            let mapped = requests
                .iter()
                .flat_map(|request| request.source.map.values());
            let top = |path: &String| path.split('.').next().unwrap_or_default().to_owned();
            KEYS.iter()
                .map(|key| (*key).to_owned())
                .chain(filtered.map(|(field, _)| top(field)))
                .chain(mapped.map(top))
                .collect()
        });
        Self {
            paths,
            groups,
            requests: compiled,
            systems: labels
                .system_names()
                .iter()
                .map(|name| name.to_string())
                .collect(),
            ids: reference
                .examples
                .iter()
                .zip(0..)
                .map(|(example, index)| (example.id.as_str(), index))
                .collect(),
            reference,
            known,
        }
    }
}

fn slot(paths: &mut Vec<String>, path: &str) -> usize {
    paths
        .iter()
        .position(|known| known == path)
        .unwrap_or_else(|| {
            paths.push(path.to_owned());
            paths.len() - 1
        })
}

fn compile(request: &Request<'_>, criterion: &str, paths: &mut Vec<String>) -> Compiled {
    let source = request.source;
    let mut field = |ours: &str| match (source.set.get(ours), source.map.get(ours)) {
        (Some(fixed), _) => Field::Fixed(scalar_text(fixed).map(Cow::into_owned)),
        (None, Some(theirs)) => Field::Slot(slot(paths, theirs)),
        (None, None) if ours == "example" => {
            Field::Either(slot(paths, "example"), slot(paths, "example_id"))
        }
        (None, None) => Field::Slot(slot(paths, ours)),
    };
    let own_criterion = takes_criterion(source).then(|| field("criterion"));
    let (example, system) = (field("example"), field("system"));
    let (trial, part) = (field("trial"), field("part"));
    let (annotator, kind) = (field("annotator"), field("kind"));
    let value = field(if request.score { "score" } else { "label" });
    let mut when = |is: bool, ours: &str| match is {
        true => field(ours),
        false => Field::Fixed(None),
    };
    let inclusion = when(request.people, "inclusion");
    let mut of_person = |ours: &str| when(request.by_person, ours);
    Compiled {
        criterion: criterion.to_owned(),
        own_criterion,
        fixed_system: None,
        example,
        system,
        trial,
        part,
        annotator,
        kind,
        value,
        inclusion,
        answer_id: of_person("answer_id"),
        page_rubric: None,
        open: of_person("open"),
        rubric: match request.by_person {
            // Rows that people fill in tell it among what they read.
            true => Field::Either(slot(paths, "rubric"), slot(paths, "fields.rubric")),
            false => Field::Fixed(None),
        },
        score: request.score,
        pair: request.pair,
        people: request.people,
        by_person: request.by_person,
    }
}

/// Rows may name the criterion they are about; in a mapped or filtered file `criterion` may be something else.
fn takes_criterion(source: &Source) -> bool {
    let filtered = source.filter.iter().any(|(field, _)| field == "criterion");
    source.names("criterion") || (!source.is_foreign() && !filtered)
}

/// Reads a field as text.
pub(super) fn text<'s>(field: &'s Field, slots: &'s [Slot<'_>]) -> Option<Cow<'s, str>> {
    match field {
        Field::Fixed(fixed) => fixed.as_deref().map(Cow::from),
        Field::Slot(slot) => slots[*slot].text(),
        Field::Either(first, second) => slots[*first].text().or_else(|| slots[*second].text()),
    }
}

/// A text's length and first bytes in one number: texts of different signs differ.
pub(super) fn sign(text: &str) -> u64 {
    let mut bytes = [0_u8; 8];
    let some = text.len().min(7);
    bytes[..some].copy_from_slice(&text.as_bytes()[..some]);
    bytes[7] = text.len().min(255) as u8;
    u64::from_le_bytes(bytes)
}

/// Says whether a slot holds this text, numbers and booleans by their JSON form.
pub(super) fn is_text(slot: &Slot<'_>, wanted: &str) -> bool {
    // Values of filters are short: comparing in place is faster than a call.
    let same = |text: &str| text.len() == wanted.len() && text.bytes().eq(wanted.bytes());
    match slot {
        Slot::Number(digits) => same(digits),
        Slot::Text(text) => same(text),
        Slot::Null => wanted == "null",
        Slot::Absent => false,
        Slot::Bool(_) | Slot::Tree(_) => slot.text().is_some_and(|text| text == wanted),
    }
}

/// Says whether the row has the field, be it null.
pub(super) fn is_there(field: &Field, slots: &[Slot<'_>]) -> bool {
    match field {
        Field::Fixed(_) => true,
        Field::Slot(slot) | Field::Either(slot, _) => {
            matches!(&slots[*slot], Slot::Null | Slot::Tree(Value::Null))
        }
    }
}

/// Reads a field as a score; nothing when it is no finite number.
pub(super) fn score(field: &Field, slots: &[Slot<'_>]) -> Option<f64> {
    let score: f64 = match field {
        Field::Fixed(fixed) => fixed.as_deref()?.parse().ok()?,
        Field::Slot(slot) | Field::Either(slot, _) => match &slots[*slot] {
            Slot::Number(digits) => digits.parse().ok()?,
            Slot::Tree(value) => value.as_f64()?,
            Slot::Bool(true) => 1.0,
            Slot::Bool(false) => 0.0,
            Slot::Absent | Slot::Null | Slot::Text(_) => return None,
        },
    };
    score.is_finite().then_some(score)
}
