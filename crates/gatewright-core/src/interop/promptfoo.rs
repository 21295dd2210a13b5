//! promptfoo's results: the document of `-o out.json` (versions 2 and 3), or the lines of `-o out.jsonl`.
//!
//! Field names are those that promptfoo 0.121 writes. A row is a provider error when `failureReason` is 2 or `response.error` is there, whatever
//! `success` says; an assertion that broke (`graderError`, or a reason that promptfoo gives only then) said nothing of the answer.

mod verdict;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(super) use self::verdict::take_whole;
use self::verdict::{OVERALL, criterion, grades, nameless, whole};
use super::document::{self, Document, Step};
use super::{Case, End, Input, Log, Row, Theirs, name};
use crate::problem::Problem;

const TOOL: &str = "promptfoo";
/// Types whose value is the expected answer.
const ANSWERS: [&str; 9] = [
    "bleu",
    "equals",
    "factuality",
    "levenshtein",
    "meteor",
    "model-graded-factuality",
    "rouge-n",
    "similar",
    "starts-with",
];

/// Rows that were read, and how promptfoo counts them: passed, failed, errors.
#[derive(Default)]
struct Reader {
    log: Log,
    prompts: Vec<(String, String)>,
    /// Verdicts that name no assertion: how many, and where the first is.
    nameless: Option<(usize, String)>,
    counts: BTreeMap<String, [u32; 3]>,
}

/// Reads results.
pub(super) fn read(input: &Input, problems: &mut Vec<Problem>) -> Option<Log> {
    let bytes = document::whole(input, TOOL, problems)?;
    let first = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let is_line = crate::json::parse_object(first).is_ok_and(|row| row.contains_key("success"));
    let mut reader = Reader::default();
    if is_line {
        let rows = document::lines(&input.name, bytes, problems);
        reader.prompts = prompts(rows.iter().map(|(_, _, row)| row));
        for (document, line, row) in &rows {
            let place = format!("line {line}");
            reader.row(row, &place, |what| {
                problems.push(document.odd(&[], what, TOOL))
            });
        }
    } else {
        let document = Document::new(&input.name, bytes);
        let whole = document.parse(problems)?;
        let rows = results(&document, &whole, problems)?;
        let version = whole["metadata"]["promptfooVersion"].as_str();
        reader.log.version = version.map(str::to_owned);
        reader.prompts = prompts(rows.iter().filter_map(Value::as_object));
        for (index, row) in rows.iter().enumerate() {
            let path = [Step::Key("results"), Step::Key("results"), Step::At(index)];
            let place = format!("results.results[{index}]");
            let mut odd = |what: String| problems.push(document.odd(&path, what, TOOL));
            match row.as_object() {
                Some(row) => reader.row(row, &place, odd),
                None => odd(format!("{place} is no object")),
            }
        }
    }
    if let Some((count, first)) = reader.nameless.take() {
        note(
            &mut reader.log,
            &format!(
                "{count} verdicts say not which assertion they are of (first in {first}): where one fails, the row as a whole does (`{OVERALL}`)"
            ),
        );
    }
    let theirs = reader.counts.into_iter().map(|(system, counts)| Theirs {
        system,
        of: "tests".to_owned(),
        figures: ["pass", "fail", "errors"]
            .into_iter()
            .zip(counts)
            .map(|(word, count)| (word.to_owned(), f64::from(count)))
            .collect(),
    });
    reader.log.theirs = theirs.collect();
    Some(reader.log)
}

impl Reader {
    fn row(&mut self, row: &Map<String, Value>, place: &str, mut odd: impl FnMut(String)) {
        let provider = row.get("provider");
        let named = provider.and_then(|provider| match provider {
            Value::String(id) => Some(id.as_str()),
            other => other["label"]
                .as_str()
                .filter(|label| !label.is_empty())
                .or_else(|| other["id"].as_str()),
        });
        let named = named.map(name).filter(|named| !named.is_empty());
        let Some(mut system) = named else {
            return odd(format!("{place} names no `provider`"));
        };
        let Some(success) = row.get("success").and_then(Value::as_bool) else {
            return odd(format!("{place} has no `success`"));
        };
        if self.prompts.len() > 1 {
            let key = prompt_key(row);
            let called = self.prompts.iter().find(|(known, _)| *known == key);
            system = format!("{system} | {}", called.map_or("", |(_, called)| called));
        }
        let end = end(row, &mut self.log);
        let grades = grades(row, &end);
        let nameless = nameless(row);
        if !nameless.is_empty() {
            let (count, _) = self.nameless.get_or_insert((0, place.to_owned()));
            *count += nameless.len();
        }
        let whole = whole(row, success, &end, &grades);
        let stated = row.get("failureReason").and_then(Value::as_u64);
        let counted = match (stated, &end, success) {
            (_, _, true) => 0,
            (Some(2), ..) | (None, End::Error { .. }, _) => 2,
            _ => 1,
        };
        self.counts.entry(system.clone()).or_default()[counted] += 1;
        if success && matches!(end, End::Error { .. }) {
            note(
                &mut self.log,
                "promptfoo counts a row with an error of the provider as passed; here it is missing",
            );
        }
        let case = case(row);
        if case.criteria.is_empty() && grades.is_empty() {
            note(
                &mut self.log,
                "promptfoo counts a row without assertions as passed; here nothing is judged in it",
            );
        }
        self.log.rows.push(Row {
            place: place.to_owned(),
            system,
            case,
            trial: None,
            end,
            grades,
            whole,
        });
    }
}

fn results<'v>(
    document: &Document<'_>,
    whole: &'v Value,
    problems: &mut Vec<Problem>,
) -> Option<&'v Vec<Value>> {
    let rows = whole["results"]["results"].as_array();
    if rows.is_none() {
        let what = match whole.get("evalId").or(whole.get("results")) {
            Some(_) => "there is no list `results.results`",
            None => "it is no result of an evaluation: there is no `results`",
        };
        let problem = document.odd(&[Step::Key("results")], what, TOOL);
        problems.push(
            problem
                .instead("promptfoo eval -o out.json, then gatewright import promptfoo out.json"),
        );
    }
    rows
}

/// Which prompts there are, in their order of appearance, with what each is called.
fn prompts<'r>(rows: impl Iterator<Item = &'r Map<String, Value>>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for row in rows {
        let key = prompt_key(row);
        if !found.iter().any(|(known, _)| *known == key) {
            let label = row
                .get("prompt")
                .and_then(|prompt| prompt["label"].as_str());
            found.push((key, name(label.unwrap_or_default())));
        }
    }
    let long = |label: &str| label.is_empty() || label.chars().count() > 40;
    let twice = |label: &str| found.iter().filter(|(_, other)| other == label).count() > 1;
    let numbered = found.iter().any(|(_, label)| long(label) || twice(label));
    let names = found.iter().enumerate().map(|(index, (key, label))| {
        let called = match numbered {
            true => format!("prompt {}", index + 1),
            false => label.clone(),
        };
        (key.clone(), called)
    });
    names.collect()
}

fn prompt_key(row: &Map<String, Value>) -> String {
    let id = row.get("promptId").and_then(Value::as_str);
    let label = || {
        row.get("prompt")
            .and_then(|prompt| prompt["label"].as_str())
    };
    id.or_else(label).unwrap_or_default().to_owned()
}

/// Notes something once.
fn note(log: &mut Log, what: &str) {
    if !log.notes.iter().any(|known| known == what) {
        log.notes.push(what.to_owned());
    }
}

fn end(row: &Map<String, Value>, log: &mut Log) -> End {
    let response = row.get("response").unwrap_or(&Value::Null);
    let is_error = row.get("failureReason").and_then(Value::as_u64) == Some(2);
    let stated = response["error"].as_str().filter(|text| !text.is_empty());
    let ungraded = row.get("gradingResult").is_none_or(Value::is_null);
    let outer = row.get("error").and_then(Value::as_str);
    let latency = row.get("latencyMs").and_then(Value::as_f64);
    let output = response.get("output").filter(|output| !output.is_null());
    let message = match (stated, is_error, output) {
        (Some(said), ..) => Some(said),
        (None, true, _) => Some(outer.unwrap_or("recorded as an error")),
        (None, false, None) if ungraded => Some(outer.unwrap_or("no output is recorded")),
        (None, false, None) => Some("no output is recorded"),
        (None, false, Some(_)) => None,
    };
    if let Some(message) = message {
        return End::Error {
            message: message.to_owned(),
            latency_ms: latency.filter(|ms| *ms >= 0.0),
        };
    }
    let mut said = Map::new();
    let output = output.unwrap_or(&Value::Null);
    match calls(output) {
        Some(calls) => {
            said.insert("output".to_owned(), "".into());
            said.insert("tool_calls".to_owned(), calls);
        }
        None => {
            let text = match output {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            said.insert("output".to_owned(), text.into());
        }
    }
    // A cached answer took no time of its own.
    match response["cached"] == true {
        true => note(log, "the times of cached answers are not taken over"),
        false => put(&mut said, "latency_ms", latency),
    }
    let cost = row.get("cost").and_then(Value::as_f64);
    put(&mut said, "cost_usd", cost.filter(|cost| *cost > 0.0));
    let usage = &response["tokenUsage"];
    put(
        &mut said,
        "input_tokens",
        usage["prompt"].as_f64().filter(|count| *count > 0.0),
    );
    put(
        &mut said,
        "output_tokens",
        usage["completion"].as_f64().filter(|count| *count > 0.0),
    );
    End::Answered(said)
}

fn put(said: &mut Map<String, Value>, key: &str, value: Option<f64>) {
    let Some(value) = value.filter(|value| value.is_finite() && *value >= 0.0) else {
        return;
    };
    let whole = value.fract() == 0.0 && value < 9.0e15;
    let number = if whole {
        Value::from(value as u64)
    } else {
        Value::from(value)
    };
    said.insert(key.to_owned(), number);
}

/// Reads an output that is a list of tool calls, as chat interfaces give it.
fn calls(output: &Value) -> Option<Value> {
    let items = output.as_array().filter(|items| !items.is_empty())?;
    let call = |item: &Value| {
        let function = item.get("function")?;
        let name = function["name"].as_str()?;
        let arguments = match &function["arguments"] {
            Value::String(text) => crate::json::parse(text.as_bytes()).ok()?,
            other => other.clone(),
        };
        Some(serde_json::json!({"name": name, "arguments": arguments}))
    };
    items
        .iter()
        .map(call)
        .collect::<Option<Vec<Value>>>()
        .map(Value::from)
}

fn case(row: &Map<String, Value>) -> Case {
    let object = |value: Option<&Value>| {
        value
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let test = row.get("testCase").unwrap_or(&Value::Null);
    let mut vars = object(row.get("vars").or_else(|| test.get("vars")));
    // promptfoo's own.
    vars.retain(|key, _| key != "_conversation" && key != "sessionId");
    let mut metadata = object(test.get("metadata"));
    if let Some(description) = test["description"].as_str().filter(|text| !text.is_empty()) {
        let entry = metadata.entry("description".to_owned());
        entry.or_insert_with(|| description.into());
    }
    let raw = row
        .get("prompt")
        .and_then(|prompt| prompt["raw"].as_str())
        .unwrap_or_default();
    let asserts = test["assert"].as_array().map_or(&[][..], Vec::as_slice);
    let input = asked(&vars, raw);
    Case {
        id: None,
        suite: None,
        content: match vars.is_empty() {
            true => raw.into(),
            false => Value::Object(vars.clone()),
        },
        input,
        answer: expected(asserts),
        sources: Vec::new(),
        vars,
        metadata,
        criteria: asserts.iter().filter_map(criterion).collect(),
        judged_by: asserts.to_vec().into(),
    }
}

/// What was asked: the one variable that is a text, or the one whose name says so; else the prompt as it was sent.
fn asked(vars: &Map<String, Value>, raw: &str) -> Value {
    const NAMES: [&str; 8] = [
        "input",
        "question",
        "query",
        "message",
        "prompt",
        "text",
        "user_input",
        "request",
    ];
    let texts: Vec<&Value> = vars.values().filter(|value| value.is_string()).collect();
    if let ([only], 1) = (texts.as_slice(), vars.len()) {
        return (*only).clone();
    }
    let named = NAMES.iter().find_map(|name| vars.get(*name));
    if let Some(named) = named.filter(|value| value.is_string()) {
        return named.clone();
    }
    match crate::json::parse(raw.as_bytes()) {
        Ok(messages) if is_messages(&messages) => messages,
        _ => raw.into(),
    }
}

fn is_messages(value: &Value) -> bool {
    let is_message = |one: &Value| {
        matches!(one["role"].as_str(), Some("user" | "assistant" | "system"))
            && one["content"].is_string()
    };
    value
        .as_array()
        .is_some_and(|items| !items.is_empty() && items.iter().all(is_message))
}

fn expected(asserts: &[Value]) -> Option<String> {
    let mut answers = asserts.iter().filter_map(|one| {
        let kind = one["type"].as_str()?;
        let is_answer = ANSWERS.contains(&kind.split(':').next().unwrap_or(kind));
        one["value"].as_str().filter(|_| is_answer)
    });
    let first = answers.next()?;
    answers
        .all(|other| other == first)
        .then(|| first.to_owned())
}
