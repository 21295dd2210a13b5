//! What promptfoo's assertions said: each one's verdict, what judged it, and the row as a whole where that is more than they tell.

use serde_json::{Map, Value};

use super::super::{End, Grade, Log, Row, Verdict};
use crate::json::scalar_text;
use crate::outcome::GraderKind;

/// Reasons of assertions that did not come to a verdict, by their beginnings, and the types that give them: a reason may quote anybody.
const BROKEN: [(&str, &[&str]); 9] = [
    ("Custom function threw error", &["javascript"]),
    ("Python code execution failed", &["python"]),
    ("Ruby code execution failed", &["ruby"]),
    ("Webhook error", &["webhook"]),
    ("Invalid regex pattern", &["regex"]),
    ("Moderation API error", &["moderation"]),
    ("Search rubric evaluation failed", &["search-rubric"]),
    ("Could not extract JSON", &MODEL),
    ("API error", &MODEL),
];
/// Types that ask a model; some of them for a number that a threshold decides. So does every type that is in no list here.
const MODEL: [&str; 19] = [
    "agent-rubric",
    "answer-relevance",
    "classifier",
    "context-faithfulness",
    "context-recall",
    "context-relevance",
    "conversation-relevance",
    "factuality",
    "g-eval",
    "guardrails",
    "llm-rubric",
    "max-score",
    "model-graded-closedqa",
    "model-graded-factuality",
    "moderation",
    "pi",
    "search-rubric",
    "select-best",
    "similar",
];
/// Types that promptfoo itself computes from the answer.
const RULE: [&str; 40] = [
    "bleu",
    "contains",
    "contains-all",
    "contains-any",
    "contains-html",
    "contains-json",
    "contains-sql",
    "contains-xml",
    "cost",
    "equals",
    "finish-reason",
    "gleu",
    "icontains",
    "icontains-all",
    "icontains-any",
    "is-html",
    "is-json",
    "is-refusal",
    "is-sql",
    "is-valid-function-call",
    "is-valid-openai-function-call",
    "is-valid-openai-tools-call",
    "is-xml",
    "latency",
    "levenshtein",
    "meteor",
    "perplexity",
    "perplexity-score",
    "regex",
    "rouge-n",
    "starts-with",
    "tool-call-f1",
    "trace-error-spans",
    "trace-span-count",
    "trace-span-duration",
    "trajectory:step-count",
    "trajectory:tool-args-match",
    "trajectory:tool-sequence",
    "trajectory:tool-used",
    "word-count",
];
const PROGRAM: [&str; 4] = ["javascript", "python", "ruby", "webhook"];
/// The criterion of a row as a whole, where its assertions are not told one by one, or not all of them.
pub(super) const OVERALL: &str = "passes";

/// Takes the verdict on a row as a whole in, where something failed that no verdict on an assertion tells: for all rows of all files then, so
/// that every system is judged by it.
pub(in crate::interop) fn take_whole(logs: &mut [Log]) {
    let fails = |grade: &Grade| grade.verdict == Verdict::of(false);
    let untold = |row: &Row| {
        let whole = row.whole.as_ref();
        whole.is_some_and(|whole| row.grades.is_empty() || fails(whole))
            && !row.grades.iter().any(fails)
    };
    if !logs.iter().flat_map(|log| &log.rows).any(untold) {
        return;
    }
    for row in logs.iter_mut().flat_map(|log| &mut log.rows) {
        row.grades.extend(row.whole.take());
    }
}

/// What an assertion is called: its metric, else its type.
pub(super) fn criterion(assertion: &Value) -> Option<String> {
    let metric = assertion["metric"].as_str().filter(|text| !text.is_empty());
    let kind = assertion["type"]
        .as_str()
        .filter(|kind| *kind != "assert-set");
    metric.or(kind).map(str::to_owned)
}

fn components(row: &Map<String, Value>) -> &[Value] {
    let result = row.get("gradingResult").unwrap_or(&Value::Null);
    let parts = result["componentResults"].as_array();
    parts.map_or(&[][..], Vec::as_slice)
}

pub(super) fn grades(row: &Map<String, Value>, end: &End) -> Vec<Grade> {
    match end {
        End::Error { .. } => Vec::new(),
        End::Answered(_) => components(row).iter().filter_map(component).collect(),
    }
}

/// Verdicts that name no assertion. What sums a set of assertions up is none: its parts stand beside it.
pub(super) fn nameless(row: &Map<String, Value>) -> Vec<&Value> {
    let sums_up = |part: &Value| part["componentResults"].is_array();
    let parts = components(row).iter();
    parts
        .filter(|part| component(part).is_none() && !sums_up(part))
        .collect()
}

/// The row as a whole, as promptfoo says it; nothing where nothing was judged.
pub(super) fn whole(
    row: &Map<String, Value>,
    success: bool,
    end: &End,
    grades: &[Grade],
) -> Option<Grade> {
    if matches!(end, End::Error { .. }) {
        return None;
    }
    let result = row.get("gradingResult").unwrap_or(&Value::Null);
    result["pass"].as_bool()?;
    let asserts = row
        .get("testCase")
        .and_then(|test| test["assert"].as_array());
    let asserts = asserts.map_or(&[][..], Vec::as_slice);
    if asserts.is_empty() && components(row).is_empty() {
        return None;
    }
    let unknown = nameless(row);
    let failing = unknown.iter().find(|part| part["pass"] == false);
    // What broke may be all that failed.
    let broken = grades.iter().any(|grade| grade.verdict == Verdict::Broken);
    let told = grades
        .iter()
        .any(|grade| grade.verdict == Verdict::of(false));
    let verdict = match (success, failing) {
        (true, None) => Verdict::of(true),
        (false, None) if broken && !told => Verdict::Broken,
        _ => Verdict::of(false),
    };
    // A model among those that say nothing of their own may be what judged.
    let silent = asserts.iter().filter(|assertion| {
        let named = criterion(assertion);
        named.is_some_and(|named| grades.iter().all(|grade| grade.criterion != named))
    });
    let kinds = silent.filter_map(|assertion| assertion["type"].as_str());
    let by = match kinds.map(judged_by).any(|by| by == GraderKind::Model) && unknown.is_empty() {
        true => GraderKind::Model,
        false => GraderKind::Rule,
    };
    let reason = failing.map_or(&result["reason"], |part| &part["reason"]);
    Some(Grade {
        criterion: OVERALL.to_owned(),
        by,
        verdict,
        score: result["score"].as_f64(),
        why: reason.as_str().unwrap_or_default().to_owned(),
    })
}

/// What judges by a type of assertion. A type that nobody here knows may ask a model, and then it must not gate by itself.
fn judged_by(kind: &str) -> GraderKind {
    let bare = kind.strip_prefix("not-").unwrap_or(kind);
    let head = bare.split(':').next().unwrap_or(bare);
    match head {
        "human" => GraderKind::Person,
        _ if PROGRAM.contains(&head) => GraderKind::Program,
        _ if RULE.contains(&bare) || RULE.contains(&head) => GraderKind::Rule,
        _ => GraderKind::Model,
    }
}

/// Says whether an assertion came to no verdict, as promptfoo marks it, or by a reason that it gives only then.
fn is_broken(part: &Value, kind: &str, why: &str) -> bool {
    let bare = kind.strip_prefix("not-").unwrap_or(kind);
    let head = bare.split(':').next().unwrap_or(bare);
    let known =
        |(begins, kinds): &(&str, &[&str])| kinds.contains(&head) && why.starts_with(begins);
    part["metadata"]["graderError"] == true || (part["pass"] == false && BROKEN.iter().any(known))
}

fn component(part: &Value) -> Option<Grade> {
    let assertion = part.get("assertion").filter(|one| one.is_object())?;
    let kind = scalar_text(&assertion["type"])?.into_owned();
    let pass = part["pass"].as_bool()?;
    let why = part["reason"].as_str().unwrap_or_default();
    Some(Grade {
        criterion: criterion(assertion)?,
        by: judged_by(&kind),
        verdict: match is_broken(part, &kind, why) {
            true => Verdict::Broken,
            false => Verdict::of(pass),
        },
        score: part["score"].as_f64(),
        why: why.to_owned(),
    })
}
