//! Recorded outputs: what a system answered before, read through a field map.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::BufRead;

use serde_json::{Map, Value};

use crate::json::{self, Collector, scalar_text};
use crate::manifest::Role;
use crate::plan::AttemptSpec;
use crate::problem::{Location, Problem, nearest};
use crate::reference::ReferenceSet;
use crate::report::words::counted;
use crate::response::{AttemptEnd, Behaviour, Response, ToolCall, Usage};
use crate::source::Source;

/// Names of unknown examples that are kept for showing.
const NAMED_LIMIT: usize = 5;
const KEYS: [&str; 17] = [
    "example",
    "example_id",
    "system",
    "trial",
    "output",
    "behaviour",
    "citations",
    "tool_calls",
    "latency_ms",
    "latency_s",
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "error",
    "error_code",
    "status",
    "fields",
];

/// What a file of outputs holds for one system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Most trials of any one example, or as many as the page declares.
    pub trials: u32,
    /// Attempts in the order of example, then trial. Trials are renumbered from 0 in each example, in the order of the recorded trial.
    pub attempts: Vec<RecordedAttempt>,
    /// Rows of other systems or conditions, left out by `where`.
    pub filtered_rows: u64,
    /// Rows of examples that are quarantined or retired.
    pub set_aside_rows: u64,
    /// Rows of examples that the reference set does not have.
    pub unknown_rows: u64,
    /// The first few of these examples by id.
    pub unknown_examples: Vec<String>,
}

impl Recorded {
    /// Says how many rows are about examples that the reference set does not have, and names some.
    pub fn unknown_said(&self, role: Role) -> String {
        let rows = counted(self.unknown_rows, "output");
        let (are, examples) = match self.unknown_rows {
            1 => ("is", "an example that is"),
            _ => ("are", "examples that are"),
        };
        format!(
            "{rows} of the {} {are} about {examples} not in the reference set ({})",
            role.word(),
            self.unknown_examples.join(", ")
        )
    }
}

/// One recorded attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedAttempt {
    /// Which, with the trial renumbered.
    pub attempt: AttemptSpec,
    /// The trial's number in the file.
    pub recorded_trial: u32,
    /// How it ended.
    pub end: AttemptEnd,
}

/// Reads one file of outputs. Examples without a row are simply absent; rows with an error are reported and left out.
///
/// A row is a provider error when `error` is neither null nor empty nor false, when `error_code` is neither null nor empty nor 0, or when `status` says so.
/// In a mapped file, `status` counts only when it is mapped or says a word we know.
pub fn read(
    source: &Source,
    file: &str,
    reader: impl BufRead,
    role: Role,
    reference: &ReferenceSet,
    problems: &mut Vec<Problem>,
) -> Recorded {
    let mut problems = Collector::new(file, problems);
    let mut recorded = Recorded::default();
    let mut unknown = BTreeSet::new();
    let mut rows: Vec<Read> = Vec::new();
    json::for_each_object(reader, &mut problems, |line, row, problems| {
        if !source.admits(&row) {
            recorded.filtered_rows += 1;
            return;
        }
        let mut row = Row {
            source,
            row: &row,
            at: problems.line(line),
            problems,
            broken: false,
            looked: Cell::new(""),
        };
        row.known_keys();
        let Some(id) = row.example() else { return };
        let Some(example) = reference.index_of(&id) else {
            if is_set_aside(reference, &id) {
                recorded.set_aside_rows += 1;
            } else {
                recorded.unknown_rows += 1;
                if unknown.len() < NAMED_LIMIT && unknown.insert(id.clone()) {
                    recorded.unknown_examples.push(id);
                }
            }
            return;
        };
        let trial = row.count("trial").unwrap_or(0);
        let end = row.end();
        if !row.broken {
            rows.push((example, trial, line, end));
        }
    });
    renumber(rows, role, reference, &mut recorded, &mut problems);
    if let Some(declared) = source.trials
        && recorded.trials > 0
    {
        recorded.trials = recorded.trials.max(declared);
    }
    problems.finish();
    recorded
}

/// A row that was read: example, recorded trial, line, end.
type Read = (u32, u32, u32, AttemptEnd);

/// Numbers the trials of each example from 0 in the order of the recorded ones; a trial recorded twice is reported and counts once.
fn renumber(
    mut rows: Vec<Read>,
    role: Role,
    reference: &ReferenceSet,
    recorded: &mut Recorded,
    problems: &mut Collector<'_>,
) {
    rows.sort_by_key(|(example, trial, line, _)| (*example, *trial, *line));
    let mut before: Option<(u32, u32, u32)> = None;
    let mut next = 0;
    for (example, recorded_trial, line, end) in rows {
        if let Some((same, trial, first)) = before {
            if (same, trial) == (example, recorded_trial) {
                let id = &reference.examples[example as usize].id;
                let what = format!("trial {trial} of `{id}` is already recorded in line {first}");
                let mut at = problems.line(line);
                // The row as a whole.
                at.column = 1;
                problems.push(
                    Problem::error("duplicate-output", at, what)
                        .why("one attempt has one answer")
                        .instead("map `trial`, or keep one system with `where`"),
                );
                continue;
            }
            next = if same == example { next + 1 } else { 0 };
        }
        before = Some((example, recorded_trial, line));
        recorded.trials = recorded.trials.max(next + 1);
        recorded.attempts.push(RecordedAttempt {
            attempt: AttemptSpec {
                example,
                system: role,
                trial: next,
            },
            recorded_trial,
            end,
        });
    }
}

pub(crate) fn is_set_aside(reference: &ReferenceSet, id: &str) -> bool {
    reference
        .set_aside
        .binary_search_by(|example| example.id.as_str().cmp(id))
        .is_ok()
}

struct Row<'a, 'c, 'p> {
    source: &'a Source,
    row: &'a Map<String, Value>,
    at: Location,
    problems: &'c mut Collector<'p>,
    broken: bool,
    /// The member that was looked at last: what is wrong is wrong there.
    looked: Cell<&'static str>,
}

/// What `status` says.
enum Stated {
    Fine,
    Failed(String),
    TimedOut,
}

impl<'a> Row<'a, '_, '_> {
    fn get(&self, ours: &'static str) -> Option<&'a Value> {
        self.looked.set(ours);
        self.source.get(self.row, ours)
    }

    fn error(&mut self, code: &'static str, what: String, instead: impl Into<String>) {
        let ours = self.looked.get();
        let theirs = self.source.map.get(ours).cloned();
        let member = theirs.map_or(Cow::Borrowed(ours), Cow::Owned);
        self.error_at(member, code, what, instead);
    }

    fn error_at(
        &mut self,
        member: Cow<'static, str>,
        code: &'static str,
        what: String,
        instead: impl Into<String>,
    ) {
        self.broken = true;
        let problem = Problem::error(code, self.at.clone(), what).instead(instead);
        self.problems.push_member(member, problem);
    }

    fn known_keys(&mut self) {
        if self.source.is_foreign() {
            return;
        }
        let filtered = |key: &String| {
            self.source
                .filter
                .iter()
                .any(|(field, _)| field.split('.').next() == Some(key.as_str()))
        };
        let unknown: Vec<&String> = self
            .row
            .keys()
            .filter(|key| !KEYS.contains(&key.as_str()) && !filtered(key))
            .collect();
        for key in unknown {
            let instead = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "put it under `fields`, or read the file with a `map`".to_owned(),
            };
            let what = format!("unknown key `{key}`");
            self.error_at(key.clone().into(), "unknown-key", what, instead);
        }
    }

    fn example(&mut self) -> Option<String> {
        let value = self.get("example").or_else(|| self.get("example_id"));
        let id = value.and_then(scalar_text).filter(|id| !id.is_empty());
        if id.is_none() {
            let what = "the row names no example".to_owned();
            self.error("missing-id", what, "`example`: the example's id");
        }
        id.map(std::borrow::Cow::into_owned)
    }

    /// Reads an optional whole number.
    fn count<N: TryFrom<u64>>(&mut self, ours: &'static str) -> Option<N> {
        let value = self.get(ours)?;
        let whole = match value {
            Value::String(text) => text.parse::<u64>().ok(),
            Value::Number(number) => number.as_u64().or_else(|| {
                let float = number.as_f64()?;
                (float >= 0.0 && float.fract() == 0.0 && float < 9.0e15).then_some(float as u64)
            }),
            _ => None,
        };
        let count = whole.and_then(|whole| N::try_from(whole).ok());
        if count.is_none() {
            let what = format!("`{ours}` is {value}");
            self.error("bad-number", what, "a whole number from 0");
        }
        count
    }

    /// Reads an optional amount.
    fn amount(&mut self, ours: &'static str) -> Option<f64> {
        let value = self.get(ours)?;
        let amount = value.as_f64().filter(|amount| *amount >= 0.0);
        if amount.is_none() {
            self.error(
                "bad-number",
                format!("`{ours}` is {value}"),
                "a number from 0",
            );
        }
        amount
    }

    fn end(&mut self) -> AttemptEnd {
        let latency_ms = match self.amount("latency_ms") {
            None => self.amount("latency_s").map(|seconds| seconds * 1000.0),
            stated => stated,
        };
        let status = self.status();
        if matches!(status, Stated::TimedOut) {
            return AttemptEnd::TimedOut {
                after_ms: latency_ms.unwrap_or(0.0).round() as u64,
            };
        }
        let code = self
            .get("error_code")
            .and_then(scalar_text)
            .filter(|code| !code.is_empty() && code != "0");
        let message = self.get("error").and_then(error_message);
        if message.is_some() || code.is_some() || matches!(status, Stated::Failed(_)) {
            let said = match (message, status) {
                (Some(message), _) => message,
                (None, Stated::Failed(word)) => format!("recorded with status {word}"),
                (None, _) => format!("recorded with error code {}", code.as_deref().unwrap_or("")),
            };
            return AttemptEnd::ProviderError {
                message: said,
                code: code.map(std::borrow::Cow::into_owned),
                latency_ms,
            };
        }
        AttemptEnd::Answered {
            response: self.response(latency_ms),
        }
    }

    fn status(&mut self) -> Stated {
        let Some(text) = self.get("status").and_then(scalar_text) else {
            return Stated::Fine;
        };
        let words = ["ok", "error", "failed", "timeout"];
        match text.to_lowercase().as_str() {
            "ok" | "success" | "succeeded" | "completed" | "complete" | "done" | "" | "200" => {
                Stated::Fine
            }
            "error" | "failed" | "failure" | "cancelled" | "canceled" => {
                Stated::Failed(text.into_owned())
            }
            "timeout" | "timed_out" | "timed-out" | "timed out" => Stated::TimedOut,
            _ if self.source.is_foreign() && !self.source.names("status") => Stated::Fine,
            _ => {
                let instead = match nearest(&text, words) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("one of {}", words.join(", ")),
                };
                self.error("unknown-word", format!("`{text}` is no `status`"), instead);
                Stated::Fine
            }
        }
    }

    fn response(&mut self, latency_ms: Option<f64>) -> Response {
        let output = match self.get("output") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        let fields = match self.source.members(self.row, "fields") {
            Ok(members) => members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
            Err(_) => {
                let what = "`fields` is no object".to_owned();
                self.error("wrong-type", what, "{\"name\": value}");
                Map::new()
            }
        };
        let response = Response {
            behaviour: self.behaviour(),
            citations: self.citations(),
            tool_calls: self.tool_calls(),
            usage: Usage {
                input_tokens: self.count("input_tokens"),
                output_tokens: self.count("output_tokens"),
                cost_usd: self.amount("cost_usd"),
            },
            latency_ms,
            fields,
            first_token_ms: None,
            finish: None,
            turns: Vec::new(),
            output: output.clone().unwrap_or_default(),
        };
        let said = output.is_some()
            || response.behaviour.is_some()
            || !response.tool_calls.is_empty()
            || latency_ms.is_some();
        // A null output is an empty answer; no output at all is most likely a field of another name.
        let null = self.row.get("output").is_some();
        if !said && !null && response.fields.is_empty() {
            let what = "the row has no output".to_owned();
            let instead = "map `output` (or `error`, when there was none)";
            self.error("missing-output", what, instead);
        }
        response
    }

    fn behaviour(&mut self) -> Option<Behaviour> {
        let text = self.get("behaviour").and_then(scalar_text)?;
        let behaviour = Behaviour::parse(&text);
        if behaviour.is_none() {
            let words = Behaviour::ALL.map(Behaviour::word);
            let instead = match nearest(&text, words) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", words.join(", ")),
            };
            self.error("unknown-word", format!("`{text}` is no behaviour"), instead);
        }
        behaviour
    }

    fn citations(&mut self) -> Vec<String> {
        let id = |value: &Value| {
            let inner = value.as_object().and_then(|map| map.get("id"));
            scalar_text(inner.unwrap_or(value)).map(std::borrow::Cow::into_owned)
        };
        let read = match self.get("citations") {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(id).collect(),
            Some(one) => id(one).map(|id| vec![id]),
        };
        read.unwrap_or_else(|| {
            let what = "`citations` is no list of source ids".to_owned();
            self.error("wrong-type", what, r#"["...", "..."]"#);
            Vec::new()
        })
    }

    fn tool_calls(&mut self) -> Vec<ToolCall> {
        let read = match self.get("tool_calls") {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(tool_call).collect(),
            Some(_) => None,
        };
        read.unwrap_or_else(|| {
            let what = "`tool_calls` is no list of calls".to_owned();
            self.error("wrong-type", what, r#"[{"name": "...", "arguments": {}}]"#);
            Vec::new()
        })
    }
}

fn error_message(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some("recorded as an error".to_owned()),
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Object(map) if map.is_empty() => None,
        Value::Object(map) => match map.get("message").and_then(scalar_text) {
            Some(message) => Some(message.into_owned()),
            None => Some(value.to_string()),
        },
        Value::Array(items) if items.is_empty() => None,
        Value::Number(_) | Value::Array(_) => Some(value.to_string()),
    }
}

/// Reads a tool's name, `{name, arguments}`, or `{function: {name, arguments}}`.
fn tool_call(value: &Value) -> Option<ToolCall> {
    if let Value::String(name) = value {
        return Some(ToolCall {
            name: name.clone(),
            arguments: Value::Null,
        });
    }
    let outer = value.as_object()?;
    let inner = outer.get("function").and_then(Value::as_object);
    let call = inner.unwrap_or(outer);
    Some(ToolCall {
        name: call.get("name")?.as_str()?.to_owned(),
        arguments: call.get("arguments").cloned().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{data, lines, mapped, page, set};

    fn read_text(text: &str) -> (Recorded, Vec<String>) {
        let source = Source::plain("o.jsonl", Location::default());
        let examples = "{\"id\":\"a\",\"input\":\"x\"}\n{\"id\":\"b\",\"input\":\"y\"}\n{\"id\":\"r\",\"input\":\"z\",\"status\":\"retired\"}";
        let (reference, _) = set(&page(), &source, examples.as_bytes());
        let mut problems = Vec::new();
        let recorded = read(
            &source,
            "o.jsonl",
            text.as_bytes(),
            Role::Candidate,
            &reference,
            &mut problems,
        );
        (recorded, lines(&problems))
    }

    /// A trial that nobody recorded is there all the same where the page says how many there should be.
    #[test]
    fn declared_trials_are_there() {
        let count = |trials, text: &str| {
            let source = Source {
                trials,
                ..Source::plain("o.jsonl", Location::default())
            };
            let examples = "{\"id\":\"a\",\"input\":\"x\"}";
            let (reference, _) = set(&page(), &source, examples.as_bytes());
            let mut problems = Vec::new();
            let (role, bytes) = (Role::Candidate, text.as_bytes());
            read(&source, "o.jsonl", bytes, role, &reference, &mut problems).trials
        };
        let two = "{\"example\":\"a\",\"trial\":1,\"output\":\"x\"}\n{\"example\":\"a\",\"trial\":3,\"output\":\"y\"}";
        assert_eq!(
            (count(None, two), count(Some(4), two), count(Some(1), two)),
            (2, 4, 2)
        );
        assert_eq!(count(Some(4), ""), 0, "a file of nothing is no recording");
    }

    #[test]
    fn trials_are_renumbered_and_rows_counted() {
        let (recorded, problems) = read_text(
            r#"{"example":"b","trial":3,"output":"three"}
{"example_id":"b","trial":1,"output":"one","tool_calls":["t",{"function":{"name":"u"}}],"citations":"s1"}
{"example":"a","error":"rate limit","error_code":429,"latency_s":0.5}
{"example":"z","output":"x"}
{"example":"r","output":"x"}
{"example":"b","trial":"7","status":"timeout","latency_ms":900}"#,
        );
        assert_eq!(problems, Vec::<String>::new());
        let seen: Vec<_> = recorded
            .attempts
            .iter()
            .map(|it| (it.attempt.example, it.attempt.trial, it.recorded_trial))
            .collect();
        assert_eq!(seen, [(0, 0, 0), (1, 0, 1), (1, 1, 3), (1, 2, 7)]);
        assert_eq!(
            (
                recorded.trials,
                recorded.unknown_rows,
                recorded.set_aside_rows
            ),
            (3, 1, 1)
        );
        assert_eq!(recorded.unknown_examples, ["z"]);
        assert_eq!(
            recorded.attempts[0].end,
            AttemptEnd::ProviderError {
                message: "rate limit".into(),
                code: Some("429".into()),
                latency_ms: Some(500.0)
            }
        );
        assert_eq!(
            recorded.attempts[3].end,
            AttemptEnd::TimedOut { after_ms: 900 }
        );
        let AttemptEnd::Answered { response } = &recorded.attempts[1].end else {
            panic!("answered")
        };
        assert_eq!(
            response
                .tool_calls
                .iter()
                .map(|call| call.name.as_str())
                .collect::<Vec<_>>(),
            ["t", "u"]
        );
        assert_eq!(response.citations, ["s1"]);
    }

    #[test]
    fn bad_rows_are_named() {
        let (recorded, problems) = read_text(
            r#"{"example":"a","output":"x"}
{"example":"a","output":"y"}
{"example":"b","ouput":"y"}
{"output":"y"}
{"example":"b","output":"y","trial":-1,"latency_ms":-2,"behaviour":"refuses","status":"okay"}"#,
        );
        assert_eq!(recorded.attempts.len(), 1);
        assert_eq!(
            problems,
            [
                "o.jsonl:3:16 unknown-key: unknown key `ouput` / did you mean `output`?",
                "o.jsonl:3:1 missing-output: the row has no output / map `output` (or `error`, when there was none)",
                "o.jsonl:4:1 missing-id: the row names no example / `example`: the example's id",
                "o.jsonl:5:29 bad-number: `trial` is -1 / a whole number from 0",
                "o.jsonl:5:40 bad-number: `latency_ms` is -2 / a number from 0",
                "o.jsonl:5:78 unknown-word: `okay` is no `status` / did you mean `ok`?",
                "o.jsonl:5:56 unknown-word: `refuses` is no behaviour / did you mean `refuse`?",
                "o.jsonl:2:1 duplicate-output: trial 0 of `a` is already recorded in line 1 / map `trial`, or keep one system with `where`",
            ]
        );
    }

    /// A9, F13: what a system says is kept byte for byte, control characters included.
    #[test]
    fn a9_outputs_are_kept_as_they_are() {
        let (recorded, problems) =
            read_text(r#"{"example":"a","output":"\u001b]0;x\u0007\u0000\u202e\u200b\r\n"}"#);
        assert_eq!(problems, Vec::<String>::new());
        let AttemptEnd::Answered { response } = &recorded.attempts[0].end else {
            panic!("answered")
        };
        assert_eq!(response.output, "\u{1b}]0;x\u{7}\0\u{202e}\u{200b}\r\n");
    }

    fn real(examples: &Source, outputs: &Source) -> Recorded {
        let (reference, problems) = set(&page(), examples, &data(&examples.file));
        assert!(!crate::problem::has_errors(&problems));
        let mut problems = Vec::new();
        let bytes = data(&outputs.file);
        let recorded = read(
            outputs,
            &outputs.file,
            &bytes[..],
            Role::Candidate,
            &reference,
            &mut problems,
        );
        assert_eq!(lines(&problems), Vec::<String>::new());
        assert_eq!(recorded.unknown_rows, 0);
        recorded
    }

    #[test]
    fn real_outputs_load() {
        if !crate::testing::has_data() {
            return;
        }
        let with = |mut source: Source, field: &str, values: &[&str]| {
            source.filter.push((
                field.to_owned(),
                values.iter().map(|it| (*it).to_owned()).collect(),
            ));
            source
        };
        let xstest = real(
            &mapped("xstest/examples.jsonl", &[("fields.type", "segment_type")]),
            &with(
                mapped("xstest/outputs.jsonl", &[]),
                "system",
                &["llama2new"],
            ),
        );
        assert_eq!(
            (xstest.attempts.len(), xstest.trials, xstest.filtered_rows),
            (450, 1, 1800)
        );
        let tau_map = [
            ("tool_calls", "tool_sequence"),
            ("fields.transferred", "transferred"),
        ];
        let tau = real(
            &mapped("tau_airline/examples.jsonl", &[("fields.user", "user_id")]),
            &with(
                mapped("tau_airline/outputs.jsonl", &tau_map),
                "trial",
                &["2", "3"],
            ),
        );
        assert_eq!((tau.attempts.len(), tau.trials), (100, 2));
        assert!(
            tau.attempts
                .iter()
                .all(|it| it.recorded_trial == it.attempt.trial + 2)
        );
        let llmperf_map = [
            ("error", "error_msg"),
            ("latency_s", "end_to_end_latency_s"),
            ("fields.ttft_s", "ttft_s"),
            ("output_tokens", "number_output_tokens"),
        ];
        let by_system = |system: &str| {
            let mut examples = with(
                mapped(
                    "llmperf_latency/outputs.jsonl",
                    &[
                        ("id", "example_id"),
                        ("segments.size", "segment_model_size"),
                    ],
                ),
                "system",
                &[system],
            );
            examples.withheld = true;
            real(
                &examples,
                &with(
                    mapped("llmperf_latency/outputs.jsonl", &llmperf_map),
                    "system",
                    &[system],
                ),
            )
        };
        let errors = |recorded: &Recorded| {
            recorded
                .attempts
                .iter()
                .filter(|it| matches!(it.end, AttemptEnd::ProviderError { .. }))
                .count()
        };
        assert_eq!(errors(&by_system("lepton")), 390);
        assert_eq!(errors(&by_system("groq")), 0);
        let bedrock = by_system("bedrock");
        assert_eq!(errors(&bedrock), 97 + 49);
        let times = bedrock.attempts.iter().filter(|it| matches!(&it.end, AttemptEnd::Answered { response } if response.latency_ms.is_some())).count();
        assert_eq!(times, 53 + 101);
    }
}
