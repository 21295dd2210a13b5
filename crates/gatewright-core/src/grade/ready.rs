//! From a criterion on the page to a grader that is ready: compiled, with the examples it applies to.

use super::label::ReadyLabel;
use super::preference::ReadyPreference;
use super::scope::Marks;
use super::structure::{ReadyNumber, ReadySchema};
use super::verdict::Graded;
use super::{behaviour, evidence, measure, text, tools};
use crate::label::Labels;
use crate::manifest::{Criterion, Grader, Manifest};
use crate::pattern;
use crate::problem::Problem;
use crate::reference::{Example, ReferenceSet};
use crate::response::Response;
use crate::segment;

/// A grader with everything compiled.
#[derive(Debug)]
pub(super) enum Ready<'a> {
    /// Needs no preparation.
    Plain,
    Regex(regex::Regex),
    Number(ReadyNumber),
    Schema(ReadySchema),
    Label(ReadyLabel<'a>),
    Preference(ReadyPreference<'a>),
}

/// Compiles a criterion's grader.
pub(super) fn prepare<'a>(
    manifest: &'a Manifest,
    (reference, marks): (&ReferenceSet, &Marks),
    labels: &'a Labels,
    criterion: &'a Criterion,
    index: u16,
) -> Result<Ready<'a>, Problem> {
    let bad = |code, key: &str, what: String| {
        let path = format!("criteria.{}.grader.{key}", criterion.id);
        Problem::error(code, manifest.at(&path), what)
    };
    Ok(match &criterion.grader {
        Grader::Regex { pattern, .. } => Ready::Regex(
            pattern::compile(pattern, false)
                .map_err(|error| bad("bad-pattern", "regex.pattern", error.to_string()))?,
        ),
        Grader::Number {
            tolerance,
            relative,
        } => Ready::Number(
            ReadyNumber::new(*tolerance, *relative)
                .map_err(|error| bad("bad-pattern", "number", error.to_string()))?,
        ),
        Grader::JsonSchema { schema } => Ready::Schema(
            ReadySchema::new(schema).map_err(|what| bad("bad-schema", "json_schema", what))?,
        ),
        Grader::Label(grader) => Ready::Label(ReadyLabel::new(
            manifest,
            (reference, marks),
            labels,
            criterion,
            index,
            grader,
        )),
        Grader::Preference(grader) => Ready::Preference(ReadyPreference::new(
            reference, marks, labels, index, grader,
        )),
        _ => Ready::Plain,
    })
}

/// Says for each example whether a criterion applies to it.
pub(super) fn applies(
    manifest: &Manifest,
    (reference, marks): (&ReferenceSet, &Marks),
    criterion: &Criterion,
    index: u16,
    ready: &Ready<'_>,
) -> Vec<bool> {
    (0..reference.examples.len() as u32)
        .map(|example| {
            let labelled = match ready {
                Ready::Label(ready) => ready.applies(example),
                _ => true,
            };
            labelled
                && marks.expects(index, example)
                && segment::is_in(manifest, reference, example, &criterion.applies_to)
        })
        .collect()
}

/// Applies a rule grader to an answer.
pub(super) fn judge(
    criterion: &Criterion,
    ready: &Ready<'_>,
    example: &Example,
    response: &Response,
) -> Graded {
    match (&criterion.grader, ready) {
        (Grader::Exact { text, normalise }, _) => {
            text::exact(text.as_deref(), *normalise, example, response)
        }
        (
            Grader::Contains {
                texts,
                ignore_case,
                any,
            },
            _,
        ) => text::contains(texts, *ignore_case, *any, example, response),
        (Grader::NotContains { texts, ignore_case }, _) => {
            text::not_contains(texts, *ignore_case, example, response)
        }
        (Grader::Regex { negate, .. }, Ready::Regex(regex)) => {
            text::regex(regex, *negate, response)
        }
        (Grader::Number { .. }, Ready::Number(ready)) => ready.grade(example, response),
        (Grader::JsonSchema { .. }, Ready::Schema(ready)) => ready.grade(response),
        (Grader::MustCite, _) => evidence::must_cite(example, response),
        (Grader::CitesKnown, _) => evidence::cites_known(example, response),
        (Grader::QuotesInSources, _) => evidence::quotes_in_sources(example, response),
        (Grader::MustCall, _) => tools::must_call(example, response),
        (Grader::MustNotCall { tools }, _) => tools::must_not_call(tools, example, response),
        (Grader::Behaviour, _) => behaviour::grade(example, response),
        (Grader::Latency { at_most_ms, field }, _) => {
            measure::latency(*at_most_ms, field.as_deref(), response)
        }
        (Grader::Cost { at_most_usd }, _) => measure::cost(*at_most_usd, response),
        (
            Grader::Regex { .. }
            | Grader::Number { .. }
            | Grader::JsonSchema { .. }
            | Grader::Label(_)
            | Grader::Preference(_),
            _,
        ) => Graded::missing("the grader was not prepared"),
    }
}
