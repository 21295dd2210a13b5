//! One row becomes one example.

use serde_json::{Map, Value};

use super::content::{Cases, Hashes, hashes};
use crate::digest::Digest;
use crate::id::ExampleId;
use crate::json::{Collector, scalar_text};
use crate::manifest::Kind;
use crate::problem::{Location, nearest};
use crate::reference::{
    Design, Example, Expect, Input, Message, Provenance, Relation, SourceDocument, Stated, Status,
    StatusChange, Variant,
};
use crate::response::Behaviour;
use crate::source::{Row, Source};

const KEYS: [&str; 15] = [
    "id",
    "input",
    "context",
    "segments",
    "expect",
    "sources",
    "cluster",
    "provenance",
    "stratum",
    "inclusion",
    "review_by",
    "status",
    "variant_of",
    "relation",
    "fields",
];
const EXPECT: [&str; 7] = [
    "behaviour",
    "answer",
    "must_cite",
    "must_call",
    "must_not_call",
    "contains",
    "not_contains",
];
const PROVENANCE: [&str; 5] = ["kind", "ref", "added", "by", "why"];
const STATUS: [&str; 4] = ["state", "by", "at", "why"];
const DOCUMENT: [&str; 5] = ["id", "text", "file", "digest", "version"];

/// A row under reading: collects what is wrong with it.
struct ExampleRow<'a, 'c, 'p> {
    row: Row<'a, 'c, 'p>,
}

/// Reads a row, and hashes what it asks and expects ([`Cases`]); `None` when it has an error.
pub(in crate::reference) fn read(
    source: &Source,
    row: &Map<String, Value>,
    at: Location,
    problems: &mut Collector<'_>,
) -> Option<(Example, Cases)> {
    let mut row = ExampleRow {
        row: Row::new(source, row, at, problems),
    };
    if !source.is_foreign() {
        row.known_keys();
    }
    let id = row.id();
    let kind = row.kind();
    let mut example = Example {
        id,
        input: row.input(),
        context: row.tree("context"),
        segments: row.segments(),
        expect: row.expect(),
        sources: row.sources(),
        cluster: row.text("cluster"),
        provenance: Provenance {
            kind,
            reference: source
                .reference
                .clone()
                .or_else(|| row.text("provenance.ref")),
            added: row.text("provenance.added"),
            by: row.text("provenance.by"),
            why: row.text("provenance.why"),
        },
        design: row.design(kind),
        review_by: row.review_by(),
        status: row.status(),
        variant: row.variant(),
        fields: row.tree("fields"),
        at: row.row.at.clone(),
        digest: Digest::default(),
    };
    if row.row.broken {
        return None;
    }
    let Hashes { digest, cases } = hashes(&example);
    example.digest = digest;
    Some((example, cases))
}

impl<'a> ExampleRow<'a, '_, '_> {
    fn known_keys(&mut self) {
        self.only("", self.row.map, &KEYS);
        for (name, known) in [
            ("expect", &EXPECT[..]),
            ("provenance", &PROVENANCE),
            ("status", &STATUS),
        ] {
            if let Some(Value::Object(map)) = self.row.map.get(name) {
                self.only(name, map, known);
            }
        }
        if let Some(Value::Array(documents)) = self.row.map.get("sources") {
            for document in documents.iter().filter_map(Value::as_object) {
                self.only("sources", document, &DOCUMENT);
            }
        }
    }

    fn only(&mut self, inside: &str, map: &Map<String, Value>, known: &[&str]) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let what = match inside {
                "" => format!("unknown key `{key}`"),
                _ => format!("unknown key `{key}` in `{inside}`"),
            };
            let instead = match (nearest(key, known.iter().copied()), inside) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, "") => "put segment values under `segments` and anything else under `fields`, or read the file with a `map`".to_owned(),
                (None, _) => format!("one of {}", known.join(", ")),
            };
            let member = match inside {
                "" => key.clone(),
                _ => format!("{inside}.{key}"),
            };
            self.row
                .error_at(member.into(), "unknown-key", what, instead);
        }
    }

    /// Reads an optional scalar as text.
    fn text(&mut self, ours: &'static str) -> Option<String> {
        let value = self.row.get(ours)?;
        let text = scalar_text(value).map(std::borrow::Cow::into_owned);
        if text.is_none() {
            self.row.error(
                "wrong-type",
                format!("`{ours}` is no text"),
                "one text or number",
            );
        }
        text
    }

    fn id(&mut self) -> ExampleId {
        let id = self.text("id").unwrap_or_default();
        if id.is_empty() && !self.row.broken {
            let instead = if self.row.source.is_foreign() {
                "add `id` to the map"
            } else {
                "give every example a name of its own"
            };
            self.row
                .error("missing-id", "the example has no `id`".to_owned(), instead);
        }
        id.as_str().into()
    }

    fn input(&mut self) -> Input {
        if self.row.source.withheld {
            return Input::Withheld;
        }
        match self.row.get("input") {
            Some(Value::String(text)) => return Input::Text(text.clone()),
            Some(Value::Array(turns)) => {
                let turns: Option<Vec<Message>> = turns.iter().map(message).collect();
                if let Some(turns) = turns.filter(|turns| !turns.is_empty()) {
                    return Input::Messages(turns);
                }
                let what = "`input` is no list of messages".to_owned();
                self.row.error(
                    "wrong-type",
                    what,
                    r#"[{"role": "user", "content": "..."}]"#,
                );
            }
            Some(Value::Object(script)) if script.contains_key("turns") => {
                let turns: Option<Vec<String>> = script["turns"].as_array().and_then(|turns| {
                    turns
                        .iter()
                        .map(|turn| turn.as_str().map(str::to_owned))
                        .collect()
                });
                if let Some(turns) = turns.filter(|turns| !turns.is_empty() && script.len() == 1) {
                    return Input::Turns(turns);
                }
                let what = "`input.turns` is no list of what the user says".to_owned();
                self.row.error(
                    "wrong-type",
                    what,
                    r#"{"turns": ["first the user says this", "then that"]}"#,
                );
            }
            Some(_) => {
                let what = "`input` is neither text, a list of messages, nor turns".to_owned();
                self.row.error(
                    "wrong-type",
                    what,
                    "a text, [{\"role\": ..., \"content\": ...}], or {\"turns\": [...]}",
                );
            }
            None => {
                let what = "the example has no `input`".to_owned();
                let instead = "what the system is asked; `withheld: true` on the source when it exists and may not be shown";
                self.row.error("missing-input", what, instead);
            }
        }
        Input::Withheld
    }

    fn tree(&mut self, name: &'static str) -> Map<String, Value> {
        self.row.look_at(name);
        if !self.row.source.is_foreign() && self.row.source.set.is_empty() {
            match self.row.map.get(name) {
                None | Some(Value::Null) => return Map::new(),
                Some(Value::Object(map)) if !map.values().any(Value::is_null) => {
                    return map.clone();
                }
                // The general way below drops nulls and reports what is no object.
                Some(_) => {}
            }
        }
        match self.row.source.members(self.row.map, name) {
            Ok(members) => members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
            Err(_) => {
                let what = format!("`{name}` is no object");
                self.row.error(
                    "wrong-type",
                    what,
                    format!("{{\"name\": value}}, or map it to `fields.{name}`"),
                );
                Map::new()
            }
        }
    }

    fn segments(&mut self) -> Stated {
        let mut segments = Vec::new();
        for (name, value) in self.tree("segments") {
            match scalar_text(&value) {
                // An empty column of a table: the example is in no segment of it.
                Some(text) if text.is_empty() => {}
                Some(text) => segments.push((name, text.into_owned())),
                None => {
                    let what = format!("the segment value `{name}` is no text");
                    let ours = format!("segments.{name}");
                    let theirs = self.row.source.map.get(&ours).cloned();
                    let member = theirs.unwrap_or(ours);
                    let instead = "one text, number or boolean";
                    self.row
                        .error_at(member.into(), "wrong-type", what, instead);
                }
            }
        }
        segments.into_iter().collect()
    }

    fn kind(&mut self) -> Kind {
        if let Some(kind) = self.row.source.kind {
            return kind;
        }
        let word = match self.row.get("provenance") {
            // `provenance: traffic` says the kind and nothing else.
            Some(Value::String(word)) => Some(word.clone()),
            _ => self.text("provenance.kind"),
        };
        let words = Kind::ALL.map(Kind::word);
        word.and_then(|word| self.one_of("provenance.kind", &word, &words))
            .map_or(Kind::Handpicked, |index| Kind::ALL[index])
    }

    /// Finds a word among the allowed ones, or reports it with the nearest.
    fn one_of(&mut self, field: &str, word: &str, words: &[&str]) -> Option<usize> {
        let found = words.iter().position(|known| *known == word);
        if found.is_none() {
            let instead = match nearest(word, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", words.join(", ")),
            };
            self.row
                .error("unknown-word", format!("`{word}` is no `{field}`"), instead);
        }
        found
    }

    fn expect(&mut self) -> Expect {
        if let Some(value) = self.row.get("expect").filter(|value| !value.is_object()) {
            let what = format!("`expect` is no object but {value}");
            self.row
                .error("wrong-type", what, r#"{"behaviour": ..., "answer": ...}"#);
        }
        let words = Behaviour::ALL.map(Behaviour::word);
        let behaviour = self
            .text("expect.behaviour")
            .and_then(|word| self.one_of("expect.behaviour", &word, &words))
            .map(|index| Behaviour::ALL[index]);
        Expect {
            behaviour,
            answer: self.row.get("expect.answer").cloned(),
            must_cite: self.texts("expect.must_cite"),
            must_call: self.texts("expect.must_call"),
            must_not_call: self.texts("expect.must_not_call"),
            contains: self.texts("expect.contains"),
            not_contains: self.texts("expect.not_contains"),
        }
    }

    fn texts(&mut self, ours: &'static str) -> Vec<String> {
        let texts = match self.row.get(ours) {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| scalar_text(item).map(std::borrow::Cow::into_owned))
                .collect(),
            Some(one) => scalar_text(one).map(|text| vec![text.into_owned()]),
        };
        texts.unwrap_or_else(|| {
            let what = format!("`{ours}` is no list of texts");
            self.row.error("wrong-type", what, r#"["...", "..."]"#);
            Vec::new()
        })
    }

    fn sources(&mut self) -> Vec<SourceDocument> {
        let items = match self.row.get("sources") {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                let what = "`sources` is no list".to_owned();
                self.row
                    .error("wrong-type", what, r#"[{"id": "...", "text": "..."}]"#);
                return Vec::new();
            }
        };
        let mut sources = Vec::with_capacity(items.len());
        for item in items {
            let read = match item {
                Value::Object(_) => serde_json::from_value::<SourceDocument>(item.clone()).ok(),
                other => scalar_text(other).map(|id| SourceDocument {
                    id: id.into_owned(),
                    ..SourceDocument::default()
                }),
            };
            match read.filter(|document| !document.id.is_empty()) {
                None => {
                    let what = "a source has no `id`, or a field of it is no text".to_owned();
                    self.row.error(
                        "wrong-type",
                        what,
                        r#"{"id": "...", "text": "...", "version": "..."}"#,
                    );
                }
                Some(document) => {
                    if let Some(digest) = &document.digest
                        && Digest::parse(digest).is_none()
                    {
                        let what = format!("the digest of source `{}` is none", document.id);
                        self.row
                            .error("bad-digest", what, "sha256: and 64 hexadecimal digits");
                    }
                    sources.push(document);
                }
            }
        }
        sources
    }

    fn design(&mut self, kind: Kind) -> Design {
        let stratum = self.text("stratum");
        let stated = self.row.get("inclusion");
        let inclusion = stated
            .and_then(Value::as_f64)
            .filter(|share| *share > 0.0 && *share <= 1.0);
        if let Some(stated) = stated
            && inclusion.is_none()
        {
            let what = format!("the inclusion probability is {stated}");
            self.row
                .error("bad-inclusion", what, "a number above 0 and at most 1");
        }
        if stratum.is_some() || inclusion.is_some() || kind == Kind::Traffic {
            Design::Sampled { stratum, inclusion }
        } else {
            Design::Purposive
        }
    }

    fn review_by(&mut self) -> Option<jiff::civil::Date> {
        let text = self.text("review_by")?;
        let date = text.parse().ok();
        if date.is_none() {
            let what = format!("`review_by` is `{text}`");
            self.row
                .error("bad-date", what, "a date such as 2027-03-01");
        }
        date
    }

    fn status(&mut self) -> Status {
        let mapped = ["status", "status.state"]
            .into_iter()
            .any(|name| self.row.source.names(name));
        if self.row.source.is_foreign() && !mapped {
            return Status::Active;
        }
        let object = matches!(self.row.get("status"), Some(Value::Object(_)));
        let word = if object || self.row.source.names("status.state") {
            self.text("status.state")
        } else {
            self.text("status")
        };
        let Some(word) = word else {
            if object {
                let what = "`status` has no `state`".to_owned();
                self.row.error(
                    "unknown-word",
                    what,
                    "state: active, quarantined or retired",
                );
            }
            return Status::Active;
        };
        let words = ["active", "quarantined", "retired"];
        let mut change = || StatusChange {
            by: self.text("status.by").unwrap_or_default(),
            at: self.text("status.at").unwrap_or_default(),
            why: self.text("status.why").unwrap_or_default(),
        };
        match word.as_str() {
            "quarantined" => Status::Quarantined(change()),
            "retired" => Status::Retired(change()),
            _ => {
                self.one_of("status", &word, &words);
                Status::Active
            }
        }
    }

    fn variant(&mut self) -> Option<Variant> {
        let words = ["invariance", "directional", "never"];
        let relations = [Relation::Invariance, Relation::Directional, Relation::Never];
        match (self.text("variant_of"), self.text("relation")) {
            (None, None) => None,
            (Some(of), Some(word)) => {
                let relation = relations[self.one_of("relation", &word, &words)?];
                Some(Variant {
                    of: of.as_str().into(),
                    relation,
                })
            }
            _ => {
                let what = "only one of `variant_of` and `relation` is given".to_owned();
                self.row.error(
                    "half-variant",
                    what,
                    "both: variant_of: ID, relation: invariance",
                );
                None
            }
        }
    }
}

fn message(value: &Value) -> Option<Message> {
    let turn = value.as_object()?;
    Some(Message {
        role: turn.get("role")?.as_str()?.to_owned(),
        content: turn.get("content")?.as_str()?.to_owned(),
    })
}
