//! DeepEval's test runs: what `evaluate` and `deepeval test run` save under `DEEPEVAL_RESULTS_FOLDER`, and `.deepeval/.latest_run_full.json`.
//!
//! Field names are those that deepeval 4.3 writes. The file names no system: the user does, or its `hyperparameters` do. A metric that ended in
//! an `error` said nothing of the answer, which DeepEval counts as failed; a case without `actualOutput` has no answer, whatever a metric says.

use serde_json::{Map, Value};

use super::document::{self, Document, Step};
use super::{Case, End, Grade, Input, Log, Row, Theirs, Verdict, name, stem};
use crate::outcome::GraderKind;
use crate::problem::Problem;

const TOOL: &str = "DeepEval";

/// Reads a test run.
pub(super) fn read(input: &Input, problems: &mut Vec<Problem>) -> Option<Log> {
    let bytes = document::whole(input, TOOL, problems)?;
    let document = Document::new(&input.name, bytes);
    let run = document.parse(problems)?;
    let Some(cases) = run["testCases"].as_array() else {
        let problem = document.odd(&[], "there is no list `testCases`", TOOL);
        problems.push(problem.instead(
            "DEEPEVAL_RESULTS_FOLDER=results deepeval test run FILE, then gatewright import deepeval results/test_run_….json",
        ));
        return None;
    };
    let system = system(&run, &input.name);
    let mut log = Log::default();
    let talks = run["conversationalTestCases"]
        .as_array()
        .map_or(0, Vec::len);
    if talks > 0 {
        log.notes.push(format!("{talks} conversational test cases are not taken over: they hold turns, and no answer to compare"));
    }
    let mut judged_nothing = 0;
    for (index, case) in cases.iter().enumerate() {
        let place = format!("testCases[{index}]");
        let path = [Step::Key("testCases"), Step::At(index)];
        if !case["input"].is_string() {
            problems.push(document.odd(&path, format!("{place} has no `input`"), TOOL));
            continue;
        }
        let metrics = case["metricsData"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let end = end(case);
        let mut grades: Vec<Grade> = metrics.iter().filter_map(grade).collect();
        if matches!(end, End::Error { .. }) {
            judged_nothing += u32::from(!grades.is_empty());
            grades.clear();
        }
        log.rows.push(Row {
            place,
            system: system.clone(),
            case: asked(case, metrics),
            trial: None,
            end,
            grades,
            whole: None,
        });
    }
    if judged_nothing > 0 {
        log.notes.push(format!(
            "{judged_nothing} cases have no `actualOutput`: DeepEval counts them as failed, here they are missing"
        ));
    }
    log.theirs = theirs(&run, &system);
    Some(log)
}

/// What was tested: the one hyperparameter that names it, else the file.
fn system(run: &Value, file: &str) -> String {
    let said = ["system", "assistant", "app", "model"]
        .iter()
        .find_map(|key| run["hyperparameters"][*key].as_str())
        .or_else(|| run["identifier"].as_str());
    let named = said.map_or_else(|| stem(file), name);
    match named.is_empty() {
        true => "deepeval".to_owned(),
        false => named,
    }
}

fn end(case: &Value) -> End {
    let Some(output) = case["actualOutput"].as_str() else {
        return End::Error {
            message: "no actual output is recorded".to_owned(),
            latency_ms: None,
        };
    };
    let mut answer = Map::from_iter([("output".to_owned(), output.into())]);
    if let Some(calls) = case["toolsCalled"].as_array() {
        let call = |call: &Value| {
            let name = call["name"].as_str()?;
            let arguments = call.get("inputParameters").or(call.get("input_parameters"));
            Some(
                serde_json::json!({"name": name, "arguments": arguments.cloned().unwrap_or_default()}),
            )
        };
        let calls: Vec<Value> = calls.iter().filter_map(call).collect();
        answer.insert("tool_calls".to_owned(), calls.into());
    }
    let mut put = |ours: &str, value: Option<f64>| {
        if let Some(value) = value.filter(|value| value.is_finite() && *value >= 0.0) {
            answer.insert(ours.to_owned(), value.into());
        }
    };
    // Seconds, and of the system; `runDuration` is how long the metrics took.
    put(
        "latency_ms",
        case["completionTime"]
            .as_f64()
            .map(|seconds| seconds * 1000.0),
    );
    put("cost_usd", case["tokenCost"].as_f64());
    if let Some(passages) = case["retrievalContext"].as_array() {
        let fields = serde_json::json!({"retrieval_context": passages});
        answer.insert("fields".to_owned(), fields);
    }
    End::Answered(answer)
}

fn asked(case: &Value, metrics: &[Value]) -> Case {
    let passages = case["context"].as_array().map_or(&[][..], Vec::as_slice);
    let sources = passages.iter().enumerate().filter_map(|(index, passage)| {
        Some(serde_json::json!({"id": format!("context-{}", index + 1), "text": passage.as_str()?}))
    });
    let mut metadata = case["metadata"].as_object().cloned().unwrap_or_default();
    if let Some(called) = case["name"].as_str() {
        let entry = metadata.entry("name".to_owned());
        entry.or_insert_with(|| called.into());
    }
    Case {
        id: None,
        suite: None,
        content: case["input"].clone(),
        input: case["input"].clone(),
        answer: case["expectedOutput"].as_str().map(str::to_owned),
        sources: sources.collect(),
        vars: Map::new(),
        metadata,
        criteria: metrics
            .iter()
            .filter_map(|metric| metric["name"].as_str().map(str::to_owned))
            .collect(),
        judged_by: case["expectedOutput"].clone(),
    }
}

fn grade(metric: &Value) -> Option<Grade> {
    let error = metric["error"].as_str().filter(|text| !text.is_empty());
    let verdict = match (error, metric["success"].as_bool()) {
        (Some(_), _) | (None, None) => Verdict::Broken,
        (None, Some(success)) => Verdict::of(success),
    };
    Some(Grade {
        criterion: metric["name"].as_str()?.to_owned(),
        by: match metric["evaluationModel"].is_string() {
            true => GraderKind::Model,
            false => GraderKind::Program,
        },
        verdict,
        score: metric["score"].as_f64(),
        why: error
            .or_else(|| metric["reason"].as_str())
            .unwrap_or_default()
            .to_owned(),
    })
}

fn theirs(run: &Value, system: &str) -> Vec<Theirs> {
    let mut made = Vec::new();
    let mut push = |of: &str, figures: Vec<(&str, Option<f64>)>| {
        made.push(Theirs {
            system: system.to_owned(),
            of: of.to_owned(),
            figures: figures
                .into_iter()
                .filter_map(|(word, value)| Some((word.to_owned(), value?)))
                .collect(),
        });
    };
    let cases = [("pass", "testPassed"), ("fail", "testFailed")];
    push(
        "test cases",
        cases.map(|(word, key)| (word, run[key].as_f64())).into(),
    );
    for metric in run["metricsScores"].as_array().into_iter().flatten() {
        let words = [("pass", "passes"), ("fail", "fails"), ("errors", "errors")];
        let figures = words.map(|(word, key)| (word, metric[key].as_f64()));
        push(
            &name(metric["metric"].as_str().unwrap_or("metric")),
            figures.into(),
        );
    }
    made
}
