//! The files that an import writes: examples, recorded outputs of each role, labels; and what came of it all, in figures.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::criteria::{Criterion, Label, Measure};
use super::pair::{Example, Paired, Unpaired};
use super::{Case, End, Format, Log, Row, Theirs, last, name, slug};
use crate::json::scalar_text;
use crate::manifest::{Kind, Role};
use crate::problem::{Location, Problem, nearest};

/// Longest explanation that is taken over with a label, in characters.
const WHY_CHARS_MAX: usize = 2000;
/// Most values of a dimension: more would be no segments.
const VALUES_MAX: usize = 50;

/// What examples say besides their question.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The tool.
    pub format: Format,
    /// Where examples come from, for their provenance: tool, version, files.
    pub origin: String,
    /// Today.
    pub today: String,
    /// Their kind.
    pub kind: Kind,
    /// Dimension to field, `task` among them.
    pub segments: Vec<(String, String)>,
}

/// JSON lines of every file, and what they hold.
#[derive(Debug, Default)]
pub struct Written {
    /// Examples that the page does not have.
    pub examples: String,
    /// For each role its outputs.
    pub outputs: Vec<(Role, String)>,
    /// Labels of all roles; empty without verdicts.
    pub labels: String,
    /// Values of each dimension, sorted.
    pub values: BTreeMap<String, Vec<String>>,
    /// For each criterion the fewest examples that it judges in any one task.
    pub fewest: BTreeMap<String, usize>,
    /// What it comes to.
    pub ours: Vec<Ours>,
}

/// What is there for one role.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ours {
    /// The role.
    pub role: &'static str,
    /// The system's name.
    pub system: String,
    /// Attempts: rows of the files.
    pub attempts: u64,
    /// Attempts with an answer.
    pub answered: u64,
    /// Attempts that ended in an error: missing.
    pub errors: u64,
    /// Examples that the other roles answer and this one does not: missing.
    pub examples_without: u64,
    /// Attempts by all their verdicts together: failing where one fails, passing where all pass.
    pub all: Counts,
    /// Attempts that nothing judges.
    pub not_judged: u64,
    /// Verdicts by criterion, counted over attempts that it judges.
    pub criteria: BTreeMap<String, Counts>,
}

/// Verdicts of one criterion.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Passing.
    pub pass: u64,
    /// Failing.
    pub fail: u64,
    /// Numbers without a threshold.
    pub numbers: u64,
    /// Missing because there is no answer.
    pub no_answer: u64,
    /// Missing because what judges broke, or said nothing.
    pub no_verdict: u64,
}

/// What an import has to say of itself: the document that stands beside the files.
#[derive(Debug, Serialize)]
pub struct Summary<'s> {
    /// `gatewright-import/1`.
    pub format: &'static str,
    /// The tool.
    pub tool: &'static str,
    /// Files with digest and the tool's version.
    pub files: Vec<FileSummary<'s>>,
    /// Examples in all.
    pub examples: usize,
    /// Of them, those that the page had already.
    pub known: usize,
    /// Examples without a partner, all of them.
    pub unpaired: &'s [Unpaired],
    /// Systems of the files that no role was given to, with their answers.
    pub left_out: Vec<(String, usize)>,
    /// Criteria: ours, theirs, what judged.
    pub criteria: Vec<Value>,
    /// What is there for each role.
    pub ours: &'s [Ours],
    /// What the tool itself says.
    pub theirs: Vec<&'s Theirs>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    /// Files that were written, from the project's folder.
    pub wrote: Vec<String>,
}

/// A file that was read.
#[derive(Debug, Serialize)]
pub struct FileSummary<'s> {
    /// As the user named it.
    pub file: &'s str,
    /// `sha256:…`
    pub digest: String,
    /// The tool's version, where the file says it.
    pub version: Option<&'s str>,
}

/// Makes the lines of all files.
pub fn write(paired: &Paired<'_>, terms: &Terms, problems: &mut Vec<Problem>) -> Written {
    let mut written = Written::default();
    let mut by_task: BTreeMap<(String, String), usize> = BTreeMap::new();
    unknown_fields(paired, terms, problems);
    let all = paired.criteria.iter();
    let marked = all.filter(|it| scope(it, paired) == Scope::Marked);
    let partly: Vec<&Criterion> = marked.collect();
    for example in &paired.examples {
        let segments = segments(example, terms);
        for (dimension, value) in &segments {
            let values = written.values.entry(dimension.clone()).or_default();
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        for (_, task) in segments.iter().filter(|(dimension, _)| dimension == "task") {
            for criterion in &paired.criteria {
                let judged = usize::from(is_judged(example, criterion));
                *by_task
                    .entry((criterion.id.clone(), task.clone()))
                    .or_default() += judged;
            }
        }
        if !example.known {
            line(
                &mut written.examples,
                &example_row(example, &segments, &partly, terms),
            );
        }
    }
    for ((criterion, _), judged) in by_task {
        let fewest = written.fewest.entry(criterion).or_insert(judged);
        *fewest = judged.min(*fewest);
    }
    for (dimension, values) in &mut written.values {
        values.sort();
        if values.len() > VALUES_MAX {
            let what = format!("`{dimension}` would have {} values", values.len());
            problems.push(
                Problem::error("too-many-values", Location::file(terms.format.word()), what)
                    .why("results are reported for each, and nearly every one would be thin")
                    .instead("a field that names kinds of work, such as --task metadata.topic"),
            );
        }
    }
    for (role, system) in &paired.systems {
        let mut ours = Ours {
            role: role.word(),
            system: system.clone(),
            ..Ours::default()
        };
        let mut outputs = String::new();
        let mut answered = vec![false; paired.examples.len()];
        for answer in paired.answers.iter().filter(|answer| answer.role == *role) {
            let example = &paired.examples[answer.example];
            answered[answer.example] = true;
            line(&mut outputs, &output_row(example, answer.trial, answer.row));
            labels(
                &mut written.labels,
                example,
                system,
                answer.trial,
                answer.row,
                &paired.criteria,
            );
            ours.count(example, answer.row, &paired.criteria);
        }
        ours.examples_without = answered.iter().filter(|there| !**there).count() as u64;
        written.outputs.push((*role, outputs));
        written.ours.push(ours);
    }
    written
}

/// Fields that the user names and no example has.
fn unknown_fields(paired: &Paired<'_>, terms: &Terms, problems: &mut Vec<Problem>) {
    for (dimension, field) in &terms.segments {
        if paired
            .examples
            .iter()
            .any(|example| example.case.field(field).is_some())
        {
            continue;
        }
        let names = paired
            .examples
            .first()
            .map(|example| example.case.names())
            .unwrap_or_default();
        let at = Location::file(terms.format.word());
        let what = format!("no example has a field `{field}` for the dimension `{dimension}`");
        problems.push(Problem::error("unknown-field", at, what).instead(
            match nearest(field, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of: {}", name(&names.join(", "))),
            },
        ));
    }
}

fn line(text: &mut String, row: &Value) {
    text.push_str(&row.to_string());
    text.push('\n');
}

fn segments(example: &Example<'_>, terms: &Terms) -> Vec<(String, String)> {
    let value = |(dimension, field): &(String, String)| {
        let value = example.case.field(field);
        let said = value
            .as_ref()
            .and_then(scalar_text)
            .map(|text| slug(&text, 60))
            .unwrap_or_default();
        let said = if said.is_empty() {
            "other".to_owned()
        } else {
            said
        };
        (dimension.clone(), said)
    };
    terms.segments.iter().map(value).collect()
}

fn example_row(
    example: &Example<'_>,
    segments: &[(String, String)],
    partly: &[&Criterion],
    terms: &Terms,
) -> Value {
    let case = example.case;
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| drop(row.insert(key.to_owned(), value));
    put("id", example.id.clone().into());
    put("input", asked(case));
    put(
        "provenance",
        json!({"kind": terms.kind.word(), "ref": terms.origin, "added": terms.today}),
    );
    if !segments.is_empty() {
        let values = segments
            .iter()
            .map(|(dimension, value)| (dimension.clone(), value.clone().into()));
        put("segments", Value::Object(values.collect()));
    }
    if let Some(answer) = &case.answer {
        put("expect", json!({"answer": answer}));
    }
    if !case.vars.is_empty() {
        put("context", Value::Object(case.vars.clone()));
    }
    if !case.sources.is_empty() {
        put("sources", case.sources.clone().into());
    }
    let mut fields = Map::new();
    if !case.metadata.is_empty() {
        fields.insert("metadata".to_owned(), Value::Object(case.metadata.clone()));
    }
    let judged: Map<String, Value> = partly
        .iter()
        .map(|criterion| {
            let by_it = is_judged(example, criterion);
            (
                criterion.id.clone(),
                if by_it { "yes" } else { "no" }.into(),
            )
        })
        .collect();
    if !judged.is_empty() {
        fields.insert("judged".to_owned(), Value::Object(judged));
    }
    if !fields.is_empty() {
        put("fields", Value::Object(fields));
    }
    Value::Object(row)
}

/// The question. Where the file has none, its id stands for it.
fn asked(case: &Case) -> Value {
    match &case.input {
        Value::Null => case.id.clone().unwrap_or_default().into(),
        Value::String(text) if text.is_empty() => case.id.clone().unwrap_or_default().into(),
        input => input.clone(),
    }
}

pub(super) fn is_judged(example: &Example<'_>, criterion: &Criterion) -> bool {
    let judged = example.judged.as_ref();
    judged.is_none_or(|judged| judged.contains(&criterion.theirs))
}

/// How a page says which examples a criterion judges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scope {
    /// It judges all of them.
    Everywhere,
    /// Each example has a mark that says so.
    Marked,
    /// Their ids are listed: an example that was there before this import has no mark of it, or one of another import.
    Listed,
}

pub(super) fn scope(criterion: &Criterion, paired: &Paired<'_>) -> Scope {
    let mut examples = paired.examples.iter();
    if examples.all(|example| is_judged(example, criterion)) {
        return Scope::Everywhere;
    }
    match paired.examples.iter().any(|example| example.known) {
        true => Scope::Listed,
        false => Scope::Marked,
    }
}

fn output_row(example: &Example<'_>, trial: u32, row: &Row) -> Value {
    let mut made = match &row.end {
        End::Answered(answer) => answer.clone(),
        End::Error {
            message,
            latency_ms,
        } => {
            let mut made = Map::from_iter([("error".to_owned(), not_empty(message).into())]);
            if let Some(ms) = latency_ms {
                made.insert("latency_ms".to_owned(), (*ms).into());
            }
            made
        }
    };
    made.insert("example".to_owned(), example.id.clone().into());
    made.insert("trial".to_owned(), trial.into());
    Value::Object(made)
}

/// An error without words would be read as none.
fn not_empty(message: &str) -> &str {
    if message.trim().is_empty() {
        "recorded as an error"
    } else {
        message
    }
}

fn labels(
    text: &mut String,
    example: &Example<'_>,
    system: &str,
    trial: u32,
    row: &Row,
    criteria: &[Criterion],
) {
    if matches!(row.end, End::Error { .. }) {
        return;
    }
    for criterion in criteria {
        let grades = row
            .grades
            .iter()
            .filter(|grade| grade.criterion == criterion.theirs);
        for (part, grade) in grades.enumerate() {
            let mut made = json!({
                "example": example.id, "system": system, "trial": trial,
                "criterion": criterion.id, "kind": criterion.by.word(),
            });
            match criterion.label(&grade.verdict) {
                Label::Word(word) => made["label"] = word.into(),
                Label::Score(score) => made["score"] = score.into(),
                Label::Broken if criterion.measure == Measure::Number => continue,
                Label::Broken => made["label"] = "error".into(),
            }
            if criterion.parts {
                made["part"] = part.into();
            }
            let mut fields = Map::new();
            if !grade.why.is_empty() {
                let why: String = grade.why.chars().take(WHY_CHARS_MAX).collect();
                fields.insert("why".to_owned(), why.into());
            }
            if let Some(score) = grade.score.filter(|_| made.get("score").is_none()) {
                fields.insert("score".to_owned(), score.into());
            }
            if !fields.is_empty() {
                made["fields"] = Value::Object(fields);
            }
            line(text, &made);
        }
    }
}

impl Ours {
    fn count(&mut self, example: &Example<'_>, row: &Row, criteria: &[Criterion]) {
        self.attempts += 1;
        let is_error = matches!(row.end, End::Error { .. });
        match is_error {
            true => self.errors += 1,
            false => self.answered += 1,
        }
        let mut all: Vec<Option<bool>> = Vec::new();
        let (mut judged, mut numbers_alone) = (false, true);
        for criterion in criteria
            .iter()
            .filter(|criterion| is_judged(example, criterion))
        {
            judged = true;
            let counts = self.criteria.entry(criterion.id.clone()).or_default();
            let said = row
                .grades
                .iter()
                .filter(|grade| grade.criterion == criterion.theirs);
            let said: Vec<Label> = said.map(|grade| criterion.label(&grade.verdict)).collect();
            let mut passes: Vec<Option<bool>> =
                said.iter().map(|label| criterion.passes(label)).collect();
            if passes.is_empty() {
                passes.push(None);
            }
            if said.iter().any(|label| matches!(label, Label::Score(_))) {
                counts.numbers += u64::from(!is_error);
                counts.no_answer += u64::from(is_error);
                continue;
            }
            counts.take(is_error, &passes);
            if criterion.measure != Measure::Number {
                numbers_alone = false;
                all.extend(passes);
            }
        }
        match () {
            () if !judged => self.not_judged += 1,
            () if numbers_alone && !is_error => self.all.numbers += 1,
            () => self.all.take(is_error, &all),
        }
    }
}

impl Counts {
    fn take(&mut self, is_error: bool, passes: &[Option<bool>]) {
        match () {
            () if is_error => self.no_answer += 1,
            () if passes.contains(&Some(false)) => self.fail += 1,
            () if passes.contains(&None) => self.no_verdict += 1,
            () => self.pass += 1,
        }
    }
}

/// Puts together what an import says of itself.
pub fn summary<'s>(
    format: Format,
    logs: &'s [Log],
    digests: &[String],
    paired: &'s Paired<'_>,
    written: &'s Written,
    left_out: Vec<(String, usize)>,
) -> Summary<'s> {
    let files = logs.iter().zip(digests).map(|(log, digest)| FileSummary {
        file: &log.file,
        digest: digest.clone(),
        version: log.version.as_deref(),
    });
    let criteria = paired.criteria.iter().map(|criterion| {
        json!({"id": criterion.id, "theirs": criterion.theirs, "by": criterion.by.word()})
    });
    let mut notes: Vec<String> = logs
        .iter()
        .flat_map(|log| {
            let several = logs.len() > 1;
            log.notes.iter().map(move |note| match several {
                true => format!("{}: {note}", last(&log.file)),
                false => note.clone(),
            })
        })
        .collect();
    notes.extend(paired.notes.iter().cloned());
    Summary {
        format: "gatewright-import/1",
        tool: format.word(),
        files: files.collect(),
        examples: paired.examples.len(),
        known: paired
            .examples
            .iter()
            .filter(|example| example.known)
            .count(),
        unpaired: &paired.unpaired,
        left_out,
        criteria: criteria.collect(),
        ours: &written.ours,
        theirs: logs.iter().flat_map(|log| &log.theirs).collect(),
        notes,
        wrote: Vec::new(),
    }
}
