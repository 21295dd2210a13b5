//! What is signed: an in-toto Statement v1 with our predicate (docs/formats/decision.md).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decide::Answer;
use crate::digest::Digest;
use crate::json;
use crate::manifest::SignRules;
use crate::record::chain::Checkpoint;
use crate::seal::Seal;

/// Type of the statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Type of our predicate.
pub const PREDICATE_TYPE: &str = "urn:gatewright:decision:v1";
/// Format of our predicate.
pub const FORMAT: &str = "gatewright-decision/1";

/// The statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// Everything that the decision rests on, by digest.
    pub subject: Vec<Subject>,
    /// [`PREDICATE_TYPE`].
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What was decided.
    pub predicate: Predicate,
}

/// One thing that the decision rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// What it is: `file:gatewright.yaml`, `sealed:gate`, `outcomes`.
    pub name: String,
    /// `sha256` to hexadecimal digits.
    pub digest: BTreeMap<String, String>,
}

/// Whether the gate's answer was recorded, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What the gate computed.
    Proposal,
    /// Something else, by a person, for a time.
    Override,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predicate {
    /// [`FORMAT`].
    pub format: String,
    /// What kind of decision it is.
    pub kind: Kind,
    /// Product name.
    pub product: String,
    /// The release question.
    pub question: String,
    /// The run.
    pub run: String,
    /// What is decided.
    pub answer: Answer,
    /// What the gate computed.
    pub proposed: Answer,
    /// The gate's sentence.
    pub sentence: String,
    /// Rules that made the gate's answer, the severest first.
    pub fired: Vec<String>,
    /// For an override: the rules that it bypasses, and `incident ID` for open obligations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bypasses: Vec<String>,
    /// For an override: the last civil date on which it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The decision that this one comes after, by the hash of its payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Digest>,
    /// Who recorded it.
    pub recorded: RecordedBy,
    /// The rules of signing at the time.
    pub sign: SignRules,
    /// Authors of the change, as far as they were known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Regressed examples of never and guard rules that nobody had looked at; the reason says why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_looked_at: Vec<String>,
    /// The tool and its version.
    pub tool: String,
    /// What the numbers rest on.
    pub evidence: Counts,
    /// The page's own name among the files.
    pub page: String,
    /// The page and the files it names, as they were copied.
    pub files: Vec<FileEntry>,
}

/// Who recorded a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedBy {
    /// Identity.
    pub by: String,
    /// Id of the key.
    pub key: String,
    /// When, RFC 3339, by that person's clock.
    pub at: String,
    /// Why.
    pub reason: String,
}

/// How much there is of what was hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events of the run.
    pub events: u64,
    /// Kept bytes of requests and answers.
    pub kept: u64,
    /// Outcomes.
    pub outcomes: u64,
    /// Events of the project log when this was recorded: the decision rests on these and no later ones.
    pub log: u64,
}

/// A file that was copied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path as the page writes it; the page's own name for the page.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// Their hash.
    pub digest: Digest,
}

/// Everything that is hashed into a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The tool and its version.
    pub tool: String,
    /// What was sealed.
    pub seal: Seal,
    /// Files, sorted by path.
    pub files: Vec<FileEntry>,
    /// The run's log.
    pub events: Checkpoint,
    /// Kept bytes: how many, and the hash of their digests.
    pub kept: (u64, Digest),
    /// Outcomes: how many, and their hash.
    pub outcomes: (u64, Digest),
    /// What people and recorded judges said.
    pub labels: Digest,
    /// The proposal, as JSON.
    pub proposal: Digest,
    /// The project's log.
    pub log: Checkpoint,
}

/// Name of the subject that only says how far the project's log had come.
pub const LOG_SUBJECT: &str = "log";

impl Evidence {
    /// Lists what a decision rests on, in the order in which it is verified.
    pub fn subjects(&self) -> Vec<Subject> {
        let mut list = vec![
            ("tool".to_owned(), Digest::of(self.tool.as_bytes())),
            (LOG_SUBJECT.to_owned(), self.log.head),
        ];
        let files = self.files.iter();
        list.extend(files.map(|file| (format!("file:{}", file.path), file.digest)));
        list.push(("run:events".to_owned(), self.events.head));
        list.push(("run:kept".to_owned(), self.kept.1));
        let parts = self.seal.parts.iter();
        list.extend(parts.map(|(part, digest)| (format!("sealed:{part}"), *digest)));
        list.push(("seal".to_owned(), self.seal.digest()));
        list.push(("labels".to_owned(), self.labels));
        list.push(("outcomes".to_owned(), self.outcomes.1));
        list.push(("proposal".to_owned(), self.proposal));
        list.into_iter()
            .map(|(name, digest)| Subject {
                name,
                digest: BTreeMap::from([("sha256".to_owned(), digest.hex())]),
            })
            .collect()
    }

    /// Returns how much there is of it.
    pub fn counts(&self) -> Counts {
        Counts {
            events: self.events.size,
            kept: self.kept.0,
            outcomes: self.outcomes.0,
            log: self.log.size,
        }
    }
}

/// Why bytes are no statement of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// Not strict JSON.
    #[error("the payload is not JSON: {0}")]
    Json(json::JsonError),
    /// Another kind of statement, or of predicate.
    #[error("`{field}` is `{found}`, and `{expected}` is expected")]
    Other {
        /// Which field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A field is missing or is something else.
    #[error("the statement cannot be read: {0}")]
    Shape(String),
}

impl Statement {
    /// Makes the statement.
    pub fn new(subject: Vec<Subject>, predicate: Predicate) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        }
    }

    /// Reads a verified payload; the second is what it has besides: fields that are ignored.
    ///
    /// # Errors
    /// The first [`StatementFault`].
    pub fn read(payload: &[u8]) -> Result<(Self, Vec<String>), StatementFault> {
        let value = json::parse(payload).map_err(StatementFault::Json)?;
        let checked = [
            ("_type", STATEMENT_TYPE, value.get("_type")),
            ("predicateType", PREDICATE_TYPE, value.get("predicateType")),
            (
                "predicate.format",
                FORMAT,
                value.pointer("/predicate/format"),
            ),
        ];
        for (field, expected, found) in checked {
            let found = found.and_then(Value::as_str).unwrap_or_default();
            if found != expected {
                return Err(StatementFault::Other {
                    field,
                    found: found.to_owned(),
                    expected,
                });
            }
        }
        let statement: Self = serde_json::from_value(value.clone())
            .map_err(|error| StatementFault::Shape(error.to_string()))?;
        for (index, subject) in statement.subject.iter().enumerate() {
            let twice = statement.subject[..index]
                .iter()
                .any(|before| before.name == subject.name);
            let sha256 = subject.digest.keys().all(|kind| kind == "sha256");
            if twice || !sha256 || subject.digest.is_empty() {
                let why = format!(
                    "subject `{}` is there twice, or has no sha256 alone",
                    subject.name
                );
                return Err(StatementFault::Shape(why));
            }
        }
        let mut besides = Vec::new();
        let own = serde_json::to_value(&statement).unwrap_or(Value::Null);
        unknown(&value, &own, "", &mut besides);
        Ok((statement, besides))
    }

    /// Writes the bytes that are signed.
    pub fn write(&self) -> Vec<u8> {
        super::canonical(self).into_bytes()
    }

    /// Names what another statement about the same run would rest on differently: subjects, then fields of the predicate. How far the log
    /// had come, who recorded it and what had been looked at by then are no evidence.
    pub fn moved(&self, now: &Self) -> Vec<String> {
        let of = |statement: &Self| -> BTreeMap<String, BTreeMap<String, String>> {
            let subjects = statement.subject.iter();
            subjects
                .filter(|subject| subject.name != LOG_SUBJECT)
                .map(|subject| (subject.name.clone(), subject.digest.clone()))
                .collect()
        };
        let (before, after) = (of(self), of(now));
        let names: std::collections::BTreeSet<&String> =
            before.keys().chain(after.keys()).collect();
        let mut moved: Vec<String> = names
            .into_iter()
            .filter(|name| before.get(*name) != after.get(*name))
            .cloned()
            .collect();
        let (old, new) = (&self.predicate, &now.predicate);
        let fields = [
            ("answer", old.answer == new.answer),
            ("proposed", old.proposed == new.proposed),
            ("bypasses", old.bypasses == new.bypasses),
            ("expires", old.expires == new.expires),
            ("sign", old.sign == new.sign),
        ];
        moved.extend(
            fields
                .into_iter()
                .filter(|(_, same)| !same)
                .map(|(field, _)| field.to_owned()),
        );
        moved
    }
}

/// Lists keys that ours does not have.
fn unknown(theirs: &Value, ours: &Value, path: &str, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                match ours.get(key) {
                    Some(own) => unknown(value, own, &format!("{path}{key}."), found),
                    None if value.is_null() => {}
                    None => found.push(format!("{path}{key}")),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            for (theirs, ours) in theirs.iter().zip(ours) {
                unknown(theirs, ours, path, found);
            }
        }
        _ => {}
    }
}

/// What the project log says of a decision. It repeats the record, so that a report need not open files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The record's folder.
    pub record: String,
    /// What kind it is.
    pub kind: Kind,
    /// Product name.
    pub product: String,
    /// The run.
    pub run: String,
    /// What is decided.
    pub answer: Answer,
    /// What the gate computed.
    pub proposed: Answer,
    /// For an override: what it bypasses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bypasses: Vec<String>,
    /// For an override: its last date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The decision before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Digest>,
    /// Who recorded it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, RFC 3339.
    pub at: String,
    /// Persons whose signatures it needs.
    pub persons: u32,
}

impl Predicate {
    /// Returns what the project log says of this decision.
    pub fn summary(&self, record: &str) -> Summary {
        Summary {
            record: record.to_owned(),
            kind: self.kind,
            product: self.product.clone(),
            run: self.run.clone(),
            answer: self.answer,
            proposed: self.proposed,
            bypasses: self.bypasses.clone(),
            expires: self.expires.clone(),
            parent: self.parent,
            by: self.recorded.by.clone(),
            reason: self.recorded.reason.clone(),
            at: self.recorded.at.clone(),
            persons: self.sign.persons,
        }
    }
}

/// What a person says with a signature: signed apart, with its own type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignOff<'a> {
    /// The decision, by the hash of what was signed.
    pub payload: Digest,
    /// Who.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When, RFC 3339.
    pub at: &'a str,
}

impl SignOff<'_> {
    /// Returns the bytes that its signature is over.
    pub fn signed(&self) -> Vec<u8> {
        let text = super::canonical(self);
        super::envelope::pae(super::envelope::SIGN_OFF_TYPE, text.as_bytes())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn predicate() -> Predicate {
        Predicate {
            format: FORMAT.to_owned(),
            kind: Kind::Proposal,
            product: "demo".to_owned(),
            question: String::new(),
            run: "0001-0123abcd".to_owned(),
            answer: Answer::Hold,
            proposed: Answer::Hold,
            sentence: "HOLD".to_owned(),
            fired: vec!["no-task-breaks".to_owned()],
            bypasses: Vec::new(),
            expires: None,
            parent: None,
            recorded: RecordedBy {
                by: "ana".to_owned(),
                key: "k".to_owned(),
                at: "2026-11-02T09:00:00Z".to_owned(),
                reason: "as the gate says".to_owned(),
            },
            sign: SignRules::default(),
            authors: Vec::new(),
            not_looked_at: Vec::new(),
            tool: "gatewright 0.1.0".to_owned(),
            evidence: Counts {
                events: 3,
                kept: 0,
                outcomes: 2,
                log: 1,
            },
            page: "gatewright.yaml".to_owned(),
            files: Vec::new(),
        }
    }

    fn subject(name: &str, digest: &[u8]) -> Subject {
        Subject {
            name: name.to_owned(),
            digest: BTreeMap::from([("sha256".to_owned(), Digest::of(digest).hex())]),
        }
    }

    #[test]
    fn a28_a_subject_stands_there_once_with_its_sha256_alone() {
        let good = subject("outcomes", b"1");
        let mut other = good.clone();
        other.digest.insert("sha1".to_owned(), "00".to_owned());
        let mut bare = good.clone();
        bare.digest.clear();
        for subjects in [
            vec![good, subject("outcomes", b"2")],
            vec![other],
            vec![bare],
        ] {
            let bytes = Statement::new(subjects, predicate()).write();
            assert!(matches!(
                Statement::read(&bytes),
                Err(StatementFault::Shape(_))
            ));
        }
    }

    #[test]
    fn a_statement_is_read_as_it_is_written() {
        let statement = Statement::new(vec![subject("outcomes", b"1")], predicate());
        let bytes = statement.write();
        assert_eq!(Statement::read(&bytes), Ok((statement.clone(), Vec::new())));
        let text = String::from_utf8(bytes).expect("text");
        assert!(
            text.contains("\"_type\":\"https://in-toto.io/Statement/v1\""),
            "{text}"
        );
        let more = text.replace("\"answer\":", "\"mood\":1,\"answer\":");
        let (read, besides) = Statement::read(more.as_bytes()).expect("read");
        assert_eq!(
            (read, besides),
            (statement, vec!["predicate.mood".to_owned()])
        );
    }

    #[test]
    fn a28_another_statement_or_a_key_twice_is_refused() {
        let text = String::from_utf8(Statement::new(Vec::new(), predicate()).write());
        let text = text.expect("text");
        for (from, to) in [
            ("Statement/v1", "Statement/v0.1"),
            ("decision:v1", "decision:v2"),
            ("gatewright-decision/1", "gatewright-decision/2"),
            ("\"hold\"", "\"maybe\""),
            ("\"answer\":", "\"answer\":\"ship\",\"answer\":"),
        ] {
            let other = text.replace(from, to);
            assert_ne!(other, text, "{from}");
            assert!(Statement::read(other.as_bytes()).is_err(), "{from}");
        }
    }

    #[test]
    fn a25_what_moved_is_named_and_the_log_is_no_evidence() {
        let before = Statement::new(
            vec![
                subject("outcomes", b"1"),
                subject("log", b"1"),
                subject("labels", b"1"),
            ],
            predicate(),
        );
        let mut now = before.clone();
        now.subject[1] = subject("log", b"2");
        now.predicate.recorded.by = "ben".to_owned();
        assert!(before.moved(&now).is_empty());
        now.subject[2] = subject("labels", b"2");
        now.subject.push(subject("file:new.jsonl", b"1"));
        now.predicate.answer = Answer::Ship;
        assert_eq!(before.moved(&now), ["file:new.jsonl", "labels", "answer"]);
    }
}
