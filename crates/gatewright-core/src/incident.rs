//! Incidents: production failures that oblige the gate until an example reproduces each and passes.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::decide::Obligation;
use crate::id::OwnerId;
use crate::json::{self, Collector, scalar_text};
use crate::manifest::Manifest;
use crate::problem::{Location, Problem, nearest};
use crate::recorded::is_set_aside;
use crate::reference::ReferenceSet;

const KEYS: [&str; 8] = [
    "id", "date", "class", "segment", "what", "example", "status", "owner",
];

/// One production failure: a line of `incidents.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// Its name, unique in the file.
    pub id: String,
    /// When it happened.
    pub date: jiff::civil::Date,
    /// The failure class it is of.
    pub class: String,
    /// Where it happened: dimension to value.
    pub segment: BTreeMap<String, String>,
    /// What happened.
    pub what: String,
    /// The example that reproduces it.
    pub example: Option<String>,
    /// Whether it still obliges the gate.
    pub status: IncidentStatus,
    /// Who answers for it; the class's owner when it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerId>,
    /// Where it stands.
    #[serde(skip)]
    pub at: Location,
}

/// Whether an incident still obliges the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentStatus {
    /// It does: an example must reproduce it, and pass.
    Open,
    /// It was reproduced, repaired and closed by a person.
    Covered,
}

impl IncidentStatus {
    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            IncidentStatus::Open => "open",
            IncidentStatus::Covered => "covered",
        }
    }
}

/// Reads incidents; everything wrong is reported, and rows with an error are left out.
pub fn read(file: &str, reader: impl BufRead, problems: &mut Vec<Problem>) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    let mut problems = Collector::new(file, problems);
    json::for_each_object(reader, &mut problems, |line, row, problems| {
        let at = problems.line(line);
        let (incident, found) = incident(&row, &at);
        for problem in found {
            problems.push(problem);
        }
        let Some(incident) = incident else { return };
        match incidents.iter().find(|known| known.id == incident.id) {
            Some(known) => {
                let what = format!(
                    "the id `{}` is taken by the incident at {}",
                    known.id, known.at
                );
                problems
                    .push(Problem::error("duplicate-id", at, what).instead("give it another id"));
            }
            None => incidents.push(incident),
        }
    });
    problems.finish();
    incidents
}

fn incident(row: &Map<String, Value>, at: &Location) -> (Option<Incident>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut error = |code, what: String, instead: String| {
        problems.push(Problem::error(code, at.clone(), what).instead(instead));
    };
    for key in row.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        let instead = match nearest(key, KEYS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", KEYS.join(", ")),
        };
        error("unknown-key", format!("unknown key `{key}`"), instead);
    }
    let text = |key: &str| {
        row.get(key)
            .and_then(scalar_text)
            .map(std::borrow::Cow::into_owned)
    };
    let mut needed = |key: &str, instead: &str| {
        let found = text(key).filter(|text| !text.trim().is_empty());
        if found.is_none() {
            error(
                "missing-key",
                format!("the incident has no `{key}`"),
                instead.to_owned(),
            );
        }
        found.unwrap_or_default()
    };
    let id = needed("id", "a name of its own: INC-2026-014");
    let class = needed("class", "the failure class it is of");
    let what = needed("what", "one or two sentences");
    let stated = needed("date", "the day it happened: 2026-08-21");
    let date: Option<jiff::civil::Date> = stated.parse().ok();
    if date.is_none() && !stated.is_empty() {
        error(
            "bad-date",
            format!("`date` is `{stated}`"),
            "a date such as 2026-08-21".to_owned(),
        );
    }
    let word = text("status").unwrap_or_else(|| "open".to_owned());
    let status = [IncidentStatus::Open, IncidentStatus::Covered]
        .into_iter()
        .find(|status| status.word() == word);
    if status.is_none() {
        let instead = match nearest(&word, ["open", "covered"]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "open or covered".to_owned(),
        };
        error("unknown-word", format!("`{word}` is no `status`"), instead);
    }
    let segment = segment(row.get("segment")).unwrap_or_else(|| {
        let instead = r#"{"task": "refund"}"#.to_owned();
        error(
            "wrong-type",
            "`segment` is no object of texts".to_owned(),
            instead,
        );
        BTreeMap::new()
    });
    let (Some(date), Some(status), true) = (date, status, problems.is_empty()) else {
        return (None, problems);
    };
    let incident = Incident {
        id,
        date,
        class,
        segment,
        what,
        example: text("example").filter(|id| !id.is_empty()),
        status,
        owner: text("owner").map(OwnerId),
        at: at.clone(),
    };
    (Some(incident), problems)
}

/// Reads dimension to value; nothing when it is no object of texts.
fn segment(value: Option<&Value>) -> Option<BTreeMap<String, String>> {
    match value {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(Value::Object(map)) => map
            .iter()
            .map(|(key, value)| Some((key.clone(), scalar_text(value)?.into_owned())))
            .collect(),
        Some(_) => None,
    }
}

/// Lists what open incidents still ask of the gate, in file order.
///
/// An open incident obliges it when no example reproduces it, when that example is not active in the set, or when it does not pass on the candidate.
/// `passes` says so for an example by index; nothing means that there is no verdict, which is no pass.
pub fn obligations(
    incidents: &[Incident],
    manifest: &Manifest,
    reference: &ReferenceSet,
    passes: impl Fn(u32) -> Option<bool>,
) -> Vec<Obligation> {
    incidents
        .iter()
        .filter(|incident| incident.status == IncidentStatus::Open)
        .filter_map(|incident| {
            let what = match &incident.example {
                None => "no example reproduces it".to_owned(),
                Some(id) => match reference.index_of(id).map(&passes) {
                    Some(Some(true)) => return None,
                    Some(Some(false)) => format!("its example `{id}` does not pass"),
                    Some(None) => format!("its example `{id}` has no verdict"),
                    None if is_set_aside(reference, id) => {
                        format!("its example `{id}` is set aside")
                    }
                    None => format!("its example `{id}` is not in the reference set"),
                },
            };
            Some(Obligation {
                incident: incident.id.clone(),
                what,
                owner: owner(incident, manifest),
            })
        })
        .collect()
}

/// The incident's own owner, else its class's, else who decides.
fn owner(incident: &Incident, manifest: &Manifest) -> OwnerId {
    let class = manifest.class_index(&incident.class);
    let class = class.and_then(|index| manifest.classes.get(usize::from(index)));
    let owner = incident.owner.as_ref().or(class.map(|class| &class.owner));
    let owner = owner.or(manifest.decision.decided_by.as_ref());
    owner.cloned().unwrap_or_else(|| "product".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::testing::{lines, page, set};

    #[test]
    fn open_incidents_oblige_the_gate() {
        let text = r#"{"id":"1","date":"2026-08-21","class":"latency","segment":{"task":"refund"},"what":"slow","example":null,"status":"open"}
{"id":"2","date":"2026-08-21","class":"latency","what":"slow","example":"a"}
{"id":"3","date":"2026-08-21","class":"latency","what":"slow","example":"b","owner":"ana"}
{"id":"4","date":"2026-08-21","class":"latency","what":"slow","example":"r"}
{"id":"5","date":"2026-08-21","class":"unheard","what":"slow","example":"z"}
{"id":"6","date":"2026-08-21","class":"latency","what":"slow","example":"c"}
{"id":"7","date":"2026-08-21","class":"latency","what":"slow","status":"covered"}"#;
        let mut problems = Vec::new();
        let incidents = read("incidents.jsonl", text.as_bytes(), &mut problems);
        assert_eq!((problems.len(), incidents.len()), (0, 7));
        let again: Vec<String> = incidents
            .iter()
            .map(|incident| serde_json::to_string(incident).expect("json"))
            .collect();
        let mut back = read(
            "incidents.jsonl",
            again.join("\n").as_bytes(),
            &mut problems,
        );
        assert_eq!(problems, []);
        for (back, incident) in back.iter_mut().zip(&incidents) {
            back.at = incident.at.clone();
        }
        assert_eq!(back, incidents, "what is written is what is read");
        let examples = "{\"id\":\"a\",\"input\":\"1\"}\n{\"id\":\"b\",\"input\":\"2\"}\n{\"id\":\"c\",\"input\":\"3\"}\n{\"id\":\"r\",\"input\":\"4\",\"status\":\"retired\"}";
        let source = Source::plain("r.jsonl", Location::default());
        let (reference, _) = set(&page(), &source, examples.as_bytes());
        let found = obligations(&incidents, &page(), &reference, |example| {
            [Some(true), Some(false), None][example as usize]
        });
        let shown: Vec<String> = found
            .iter()
            .map(|it| format!("{} {} {}", it.incident, it.what, it.owner))
            .collect();
        assert_eq!(
            shown,
            [
                "1 no example reproduces it platform",
                "3 its example `b` does not pass ana",
                "4 its example `r` is set aside platform",
                "5 its example `z` is not in the reference set product",
                "6 its example `c` has no verdict platform",
            ]
        );
    }

    #[test]
    fn bad_incidents_are_named() {
        let text = r#"{"id":"1","date":"yesterday","class":"latency","what":"slow","segment":"refund"}
{"id":"2","date":"2026-08-21","clas":"latency","what":"slow","status":"opened"}
{"id":"3","date":"2026-08-21","class":"latency","what":"slow"}
{"id":"3","date":"2026-08-21","class":"latency","what":"slow"}"#;
        let mut problems = Vec::new();
        assert_eq!(read("i.jsonl", text.as_bytes(), &mut problems).len(), 1);
        assert_eq!(
            lines(&problems),
            [
                "i.jsonl:1:11 bad-date: `date` is `yesterday` / a date such as 2026-08-21",
                "i.jsonl:1:62 wrong-type: `segment` is no object of texts / {\"task\": \"refund\"}",
                "i.jsonl:2:31 unknown-key: unknown key `clas` / did you mean `class`?",
                "i.jsonl:2:1 missing-key: the incident has no `class` / the failure class it is of",
                "i.jsonl:2:62 unknown-word: `opened` is no `status` / did you mean `open`?",
                "i.jsonl:4:1 duplicate-id: the id `3` is taken by the incident at i.jsonl:3 / give it another id",
            ]
        );
    }
}
