//! Inspect's logs: `.eval` (a zip archive: `header.json` and a file for each sample) or `.json` (one document).
//!
//! Field names are those of log version 2, as inspect_ai 0.3.285 writes them. A sample with an `error` is missing, also where Inspect scored it.

use serde_json::{Map, Value};

use super::document::{Document, Step};
use super::{Bytes, Case, End, Grade, Input, Log, Row, TRIAL_MAX, Theirs, Verdict, name};
use crate::json::scalar_text;
use crate::outcome::GraderKind;
use crate::problem::{Location, Problem};

const TOOL: &str = "Inspect";
/// How long texts are kept apart from a sample: `attachment://` and the digest.
const ATTACHMENT: &str = "attachment://";

/// Reads a log.
pub(super) fn read(input: &Input, problems: &mut Vec<Problem>) -> Option<Log> {
    match &input.bytes {
        Bytes::Whole(bytes) => whole(&input.name, bytes, problems),
        Bytes::Members(members) => archive(&input.name, members, problems),
    }
}

fn whole(file: &str, bytes: &[u8], problems: &mut Vec<Problem>) -> Option<Log> {
    let document = Document::new(file, bytes);
    let log = document.parse(problems)?;
    if !log["eval"]["task"].is_string() {
        problems.push(document.odd(&[Step::Key("eval")], "there is no `eval.task`", TOOL));
        return None;
    }
    let mut reader = Reader::new(&log);
    match log.get("samples") {
        Some(Value::Array(samples)) => {
            for (index, sample) in samples.iter().enumerate() {
                let place = format!("samples[{index}]");
                let path = [Step::Key("samples"), Step::At(index)];
                reader.sample(sample, &place, |what| {
                    problems.push(document.odd(&path, what, TOOL));
                });
            }
        }
        _ => {
            let what = "the log holds no samples";
            let problem = document.odd(&[Step::Key("samples")], what, TOOL);
            problems.push(problem.instead("run inspect eval without --no-log-samples"));
        }
    }
    Some(reader.finish(&log))
}

fn archive(file: &str, members: &[(String, Vec<u8>)], problems: &mut Vec<Problem>) -> Option<Log> {
    let head = |name: &str| {
        let found = members.iter().find(|(member, _)| member == name);
        found.map(|(member, bytes)| (member, bytes))
    };
    // A log that was not finished has only what it began with.
    let Some((name, bytes)) = head("header.json").or_else(|| head("_journal/start.json")) else {
        problems.push(
            Problem::error(
                "not-their-format",
                Location::file(file),
                "the archive has neither `header.json` nor `_journal/start.json`",
            )
            .why("it is not what Inspect writes")
            .instead("a log of inspect eval, from its folder logs/"),
        );
        return None;
    };
    let document = Document::new(&format!("{file}:{name}"), bytes);
    let log = document.parse(problems)?;
    if !log["eval"]["task"].is_string() {
        problems.push(document.odd(&[Step::Key("eval")], "there is no `eval.task`", TOOL));
        return None;
    }
    let mut reader = Reader::new(&log);
    let samples = members
        .iter()
        .filter(|(name, _)| name.starts_with("samples/") && name.ends_with(".json"));
    for (name, bytes) in samples {
        let document = Document::new(&format!("{file}:{name}"), bytes);
        if let Some(sample) = document.parse(problems) {
            reader.sample(&sample, name, |what| {
                problems.push(document.odd(&[], what, TOOL))
            });
        }
    }
    // Members stand in the order in which samples ended.
    reader
        .log
        .rows
        .sort_by(|one, other| (&one.case.id, one.trial).cmp(&(&other.case.id, other.trial)));
    Some(reader.finish(&log))
}

struct Reader {
    log: Log,
    system: String,
    task: String,
    scorers: Vec<(String, bool)>,
    scored_errors: u32,
}

impl Reader {
    fn new(log: &Value) -> Self {
        let eval = &log["eval"];
        let scorers = eval["scorers"].as_array().map_or(&[][..], Vec::as_slice);
        let scorer = |one: &Value| {
            let id = one["name"].as_str()?;
            let asks = !one["options"]["model"].is_null() || id.contains("model_graded");
            Some((short(id).to_owned(), asks))
        };
        Self {
            log: Log {
                version: eval["packages"]["inspect_ai"].as_str().map(str::to_owned),
                ..Log::default()
            },
            system: name(eval["model"].as_str().unwrap_or("model")),
            task: short(eval["task"].as_str().unwrap_or_default()).to_owned(),
            scorers: scorers.iter().filter_map(scorer).collect(),
            scored_errors: 0,
        }
    }

    fn sample(&mut self, sample: &Value, place: &str, mut odd: impl FnMut(String)) {
        let Some(id) = scalar_text(&sample["id"]) else {
            return odd(format!("{place} has no `id`"));
        };
        let epoch = sample["epoch"].as_u64();
        let epoch = epoch.filter(|epoch| (1..=u64::from(TRIAL_MAX) + 1).contains(epoch));
        let Some(epoch) = epoch else {
            return odd(format!("{place} has no `epoch` from 1"));
        };
        let attachments = &sample["attachments"];
        let end = end(sample, attachments);
        let mut grades = Vec::new();
        for (criterion, score) in sample["scores"].as_object().into_iter().flatten() {
            self.grade(criterion, score, &mut grades);
        }
        if matches!(end, End::Error { .. }) && !grades.is_empty() {
            self.scored_errors += 1;
            grades.clear();
        }
        self.log.rows.push(Row {
            place: place.to_owned(),
            system: self.system.clone(),
            case: self.case(&id, sample, attachments),
            trial: u32::try_from(epoch - 1).ok(),
            end,
            grades,
            whole: None,
        });
    }

    fn case(&self, id: &str, sample: &Value, attachments: &Value) -> Case {
        let input = asked(&sample["input"], attachments);
        let metadata = sample["metadata"].as_object().cloned().unwrap_or_default();
        let target = match &sample["target"] {
            Value::Array(targets) => match targets.as_slice() {
                [only] => scalar_text(only),
                _ => None,
            },
            one => scalar_text(one),
        };
        let target = target.map(|text| attached(&text, attachments));
        Case {
            id: Some(id.to_owned()),
            suite: Some(self.task.clone()),
            content: input.clone(),
            input,
            answer: target.filter(|text| !text.is_empty()),
            metadata,
            judged_by: sample["target"].clone(),
            ..Case::default()
        }
    }

    fn grade(&mut self, criterion: &str, score: &Value, grades: &mut Vec<Grade>) {
        let asks = score["metadata"]["grading"].is_array();
        let known = self.scorers.iter_mut().find(|(name, _)| name == criterion);
        let asks = match known {
            Some((_, known)) => {
                *known |= asks;
                *known
            }
            None => asks,
        };
        let mut push = |criterion: String, value: &Value| {
            grades.push(Grade {
                criterion,
                by: match asks {
                    true => GraderKind::Model,
                    false => GraderKind::Program,
                },
                verdict: verdict(value),
                score: value.as_f64(),
                why: score["explanation"].as_str().unwrap_or_default().to_owned(),
            });
        };
        match &score["value"] {
            Value::Object(values) => {
                for (name, value) in values {
                    push(format!("{criterion} {name}"), value);
                }
            }
            value => push(criterion.to_owned(), value),
        }
    }

    fn finish(mut self, log: &Value) -> Log {
        if self.scored_errors > 0 {
            self.log.notes.push(format!(
                "scores of {} samples that ended in an error are left out: there was no answer",
                self.scored_errors
            ));
        }
        match log["status"].as_str() {
            Some("success") => {}
            status => self.log.notes.push(format!(
                "the log says `{}`: samples that never began are not in it",
                name(status.unwrap_or("started"))
            )),
        }
        let scores = log["results"]["scores"].as_array();
        for score in scores.into_iter().flatten() {
            let mut figures = Vec::new();
            for (word, metric) in score["metrics"].as_object().into_iter().flatten() {
                if let Some(value) = metric["value"].as_f64() {
                    figures.push((word.clone(), value));
                }
            }
            if let Some(scored) = score["scored_samples"].as_f64() {
                figures.push(("scored samples".to_owned(), scored));
            }
            self.log.theirs.push(Theirs {
                system: self.system.clone(),
                of: name(score["name"].as_str().unwrap_or("score")),
                figures,
            });
        }
        self.log
    }
}

/// Takes the package off a registered name.
fn short(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn verdict(value: &Value) -> Verdict {
    match value {
        Value::Bool(passed) => Verdict::of(*passed),
        Value::String(word) if word.trim().is_empty() => Verdict::Broken,
        Value::String(word) => Verdict::Word(word.clone()),
        Value::Number(number) => number.as_f64().map_or(Verdict::Broken, Verdict::Number),
        // A score that is no number (NaN) or was left unscored.
        Value::Null | Value::Array(_) | Value::Object(_) => Verdict::Broken,
    }
}

fn end(sample: &Value, attachments: &Value) -> End {
    let seconds = sample["output"]["time"].as_f64();
    let latency_ms = seconds
        .map(|seconds| seconds * 1000.0)
        .filter(|ms| *ms >= 0.0);
    let output = &sample["output"];
    let said = output["error"].as_str().filter(|text| !text.is_empty());
    let message = match &sample["error"] {
        Value::Null => said.map(str::to_owned),
        error => {
            let message = error["message"]
                .as_str()
                .unwrap_or("the sample ended in an error");
            Some(attached(message, attachments))
        }
    };
    let choice = output["choices"]
        .as_array()
        .and_then(|choices| choices.first());
    let message = message.or_else(|| {
        let nothing = choice.is_none() && output["completion"].as_str().unwrap_or("").is_empty();
        nothing.then(|| match sample["limit"]["type"].as_str() {
            Some(limit) => format!("no output: the {} limit ended the sample", name(limit)),
            None => "no output is recorded".to_owned(),
        })
    });
    if let Some(message) = message {
        return End::Error {
            message,
            latency_ms,
        };
    }
    let mut answer = Map::new();
    let text = output["completion"]
        .as_str()
        .map(|text| attached(text, attachments));
    let text = text.or_else(|| Some(words(&choice?["message"]["content"], attachments)));
    answer.insert("output".to_owned(), text.unwrap_or_default().into());
    let calls = calls(&sample["messages"]);
    if !calls.is_empty() {
        answer.insert("tool_calls".to_owned(), calls.into());
    }
    if let Some(ms) = latency_ms {
        answer.insert("latency_ms".to_owned(), ms.into());
    }
    for (ours, theirs) in [
        ("input_tokens", "input_tokens"),
        ("output_tokens", "output_tokens"),
    ] {
        if let Some(count) = output["usage"][theirs].as_u64() {
            answer.insert(ours.to_owned(), count.into());
        }
    }
    End::Answered(answer)
}

/// Lists the tool calls of all turns, in their order.
fn calls(messages: &Value) -> Vec<Value> {
    let messages = messages.as_array().into_iter().flatten();
    let calls = messages.flat_map(|message| message["tool_calls"].as_array().into_iter().flatten());
    let call = |call: &Value| {
        let name = call["function"].as_str()?;
        Some(serde_json::json!({"name": name, "arguments": call["arguments"]}))
    };
    calls.filter_map(call).collect()
}

/// Puts a text back that is kept apart.
fn attached(text: &str, attachments: &Value) -> String {
    let kept = text
        .strip_prefix(ATTACHMENT)
        .and_then(|digest| attachments[digest].as_str());
    kept.unwrap_or(text).to_owned()
}

/// Reads a content: a text, or parts of which texts are kept and everything else is named.
fn words(content: &Value, attachments: &Value) -> String {
    match content {
        Value::String(text) => attached(text, attachments),
        Value::Array(parts) => {
            let part = |part: &Value| match (part["type"].as_str(), part["text"].as_str()) {
                (Some("text"), Some(text)) => Some(attached(text, attachments)),
                // What a model thinks is none of its answer.
                (Some("reasoning"), _) => None,
                (kind, _) => Some(format!("[{}]", name(kind.unwrap_or("part")))),
            };
            let parts: Vec<String> = parts.iter().filter_map(part).collect();
            parts.join("\n")
        }
        _ => String::new(),
    }
}

/// Reads an input: a text, or messages in the roles that we know; others become one text.
fn asked(input: &Value, attachments: &Value) -> Value {
    let Value::Array(messages) = input else {
        return words(input, attachments).into();
    };
    let plain = |message: &Value| {
        let role = message["role"].as_str()?;
        let known = ["user", "assistant", "system"].contains(&role);
        known.then(|| serde_json::json!({"role": role, "content": words(&message["content"], attachments)}))
    };
    if let [only] = messages.as_slice()
        && only["role"] == "user"
    {
        return words(&only["content"], attachments).into();
    }
    match messages.iter().map(plain).collect::<Option<Vec<Value>>>() {
        Some(plain) if !plain.is_empty() => plain.into(),
        _ => {
            let all: Vec<String> = messages
                .iter()
                .map(|message| {
                    let role = message["role"].as_str().unwrap_or("?");
                    format!("{role}: {}", words(&message["content"], attachments))
                })
                .collect();
            all.join("\n\n").into()
        }
    }
}
