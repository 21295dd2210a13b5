//! The log that OpenAI's `oaieval` records: JSON lines with a `spec`, events of samples, and a `final_report` when the run came to its end.
//!
//! Field names are those of evals 3.0.1 (`evals/record.py`). A provider error stops `oaieval`, and what it did not reach leaves no trace.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Case, End, Grade, Input, Log, Row, Theirs, Verdict, document, name};
use crate::json::scalar_text;
use crate::outcome::GraderKind;
use crate::problem::{Location, Problem};

const TOOL: &str = "OpenAI evals";

/// What the events say of one sample.
#[derive(Default)]
struct Sample {
    line: u32,
    prompt: Option<Value>,
    sampled: Option<String>,
    usage: Value,
    error: Option<String>,
    expected: Option<Value>,
    grades: Vec<Grade>,
}

/// Reads a log.
pub(super) fn read(input: &Input, problems: &mut Vec<Problem>) -> Option<Log> {
    let bytes = document::whole(input, TOOL, problems)?;
    let lines = document::lines(&input.name, bytes, problems);
    let mut specs = lines
        .iter()
        .filter_map(|(document, line, row)| Some((document, line, row.get("spec")?)));
    let first = specs.next();
    if let (Some((_, line, spec)), Some((document, other, second))) = (first, specs.next()) {
        let (one, two) = (system(spec), system(second));
        let what =
            format!("the file holds several runs: {one} from line {line}, {two} from line {other}");
        problems.push(
            Problem::error("several-runs", document.at(&[]), what)
                .why("they name the same samples, so the answers of two systems would be one's")
                .instead("one file for each run; --record_path is written on to when it is there already"),
        );
        return None;
    }
    let Some((_, _, spec)) = first else {
        if !crate::problem::has_errors(problems) {
            let at = Location::new(&input.name.as_str().into(), 1, 1);
            problems.push(
                Problem::error("not-their-format", at, "no line holds a `spec`")
                    .why("oaieval writes it first, and only it names the system")
                    .instead("oaieval MODEL EVAL --record_path log.jsonl, then gatewright import openai-evals log.jsonl"),
            );
        }
        return None;
    };
    let system = system(spec);
    let mut log = Log::default();
    let mut samples: BTreeMap<String, Sample> = BTreeMap::new();
    for (document, line, row) in &lines {
        if let Some(report) = row.get("final_report") {
            log.theirs.push(report_of(&system, report));
        }
        let Some(kind) = row.get("type").and_then(Value::as_str) else {
            continue;
        };
        let Some(id) = row.get("sample_id").and_then(scalar_text) else {
            problems.push(document.odd(&[], "the event names no `sample_id`", TOOL));
            continue;
        };
        let sample = samples.entry(id.into_owned()).or_default();
        sample.line = if sample.line == 0 { *line } else { sample.line };
        take(sample, kind, row.get("data").unwrap_or(&Value::Null));
    }
    if log.theirs.is_empty() {
        log.notes.push(
            "the log has no final report: the run stopped, and samples that it did not reach are not in it".to_owned(),
        );
    }
    let task = name(spec["base_eval"].as_str().unwrap_or("eval"));
    log.rows = samples
        .into_iter()
        .map(|(id, sample)| row(id, sample, &system, &task))
        .collect();
    Some(log)
}

fn system(spec: &Value) -> String {
    let list = spec["completion_fns"].as_array();
    let first = list.and_then(|list| list.first()).and_then(Value::as_str);
    name(
        first
            .or_else(|| spec["completion_fn"].as_str())
            .unwrap_or("completion function"),
    )
}

fn report_of(system: &str, report: &Value) -> Theirs {
    let figures = report.as_object().into_iter().flatten();
    Theirs {
        system: system.to_owned(),
        of: "samples".to_owned(),
        figures: figures
            .filter(|(word, _)| !word.starts_with("usage_"))
            .filter_map(|(word, value)| Some((word.clone(), value.as_f64()?)))
            .collect(),
    }
}

fn take(sample: &mut Sample, kind: &str, data: &Value) {
    let mut grade = |criterion: &str, by, verdict, why: &str| {
        sample.grades.push(Grade {
            criterion: criterion.to_owned(),
            by,
            verdict,
            score: None,
            why: why.to_owned(),
        });
    };
    match kind {
        // A judge samples too, after the system did.
        "sampling" if sample.prompt.is_none() => {
            sample.prompt = data.get("prompt").cloned();
            sample.sampled = said(&data["sampled"]);
            sample.usage = data["usage"].clone();
        }
        "match" => {
            if let Some(correct) = data["correct"].as_bool() {
                let picked = data["picked"].as_str().unwrap_or_default();
                grade("match", GraderKind::Rule, Verdict::of(correct), picked);
            }
            sample.expected = data.get("expected").filter(|it| !it.is_null()).cloned();
            if sample.sampled.is_none() {
                sample.sampled = said(&data["sampled"]);
            }
        }
        "metrics" => {
            let by = match data.get("choice") {
                Some(_) => GraderKind::Model,
                None => GraderKind::Program,
            };
            for (word, value) in data.as_object().into_iter().flatten() {
                let verdict = match value {
                    Value::Bool(passed) => Verdict::of(*passed),
                    // What evals writes when a judge's answer held no choice.
                    Value::String(choice) if choice.starts_with("__") => Verdict::Broken,
                    Value::String(choice) => Verdict::Word(choice.clone()),
                    Value::Number(number) => {
                        number.as_f64().map_or(Verdict::Broken, Verdict::Number)
                    }
                    _ => continue,
                };
                grade(word, by, verdict, "");
            }
        }
        "error" => {
            let message = data["message"].as_str().unwrap_or("recorded as an error");
            sample.error.get_or_insert_with(|| message.to_owned());
        }
        _ => {}
    }
}

fn said(sampled: &Value) -> Option<String> {
    match sampled {
        Value::Array(items) => items.first().and_then(scalar_text),
        one => scalar_text(one),
    }
    .map(std::borrow::Cow::into_owned)
}

fn row(id: String, mut sample: Sample, system: &str, task: &str) -> Row {
    let prompt = sample.prompt.take().unwrap_or(Value::Null);
    let input = asked(&prompt);
    let end = match (&sample.error, &sample.sampled) {
        (Some(message), _) => Err(message.clone()),
        (None, None) => Err("no answer is recorded".to_owned()),
        (None, Some(text)) => Ok(text.clone()),
    };
    if end.is_err() {
        sample.grades.clear();
    } else if sample.grades.is_empty() {
        // It was asked, answered and never judged: the run stopped in between.
        sample.grades.push(Grade {
            criterion: "match".to_owned(),
            by: GraderKind::Rule,
            verdict: Verdict::Broken,
            score: None,
            why: "the log has no verdict".to_owned(),
        });
    }
    let answer = sample.expected.as_ref().and_then(scalar_text);
    Row {
        place: format!("line {}", sample.line),
        system: system.to_owned(),
        case: Case {
            id: Some(id),
            content: input.clone(),
            input,
            answer: answer.map(std::borrow::Cow::into_owned),
            suite: Some(task.to_owned()),
            judged_by: sample.expected.unwrap_or_default(),
            ..Case::default()
        },
        trial: None,
        end: match end {
            Err(message) => End::Error {
                message,
                latency_ms: None,
            },
            Ok(text) => {
                let mut answer = Map::from_iter([("output".to_owned(), text.into())]);
                for (ours, theirs) in [
                    ("input_tokens", "prompt_tokens"),
                    ("output_tokens", "completion_tokens"),
                ] {
                    if let Some(count) = sample.usage[theirs].as_u64() {
                        answer.insert(ours.to_owned(), count.into());
                    }
                }
                End::Answered(answer)
            }
        },
        grades: sample.grades,
        whole: None,
    }
}

/// Reads a prompt: the one message's text, messages, or a text.
fn asked(prompt: &Value) -> Value {
    let Value::Array(messages) = prompt else {
        return prompt.clone();
    };
    if let [only] = messages.as_slice()
        && let Some(text) = only["content"].as_str()
    {
        return text.into();
    }
    let plain = |message: &Value| {
        let role = message["role"]
            .as_str()
            .filter(|role| ["user", "assistant", "system"].contains(role))?;
        Some(serde_json::json!({"role": role, "content": message["content"].as_str()?}))
    };
    match messages.iter().map(plain).collect::<Option<Vec<Value>>>() {
        Some(plain) => plain.into(),
        None => prompt.to_string().into(),
    }
}
