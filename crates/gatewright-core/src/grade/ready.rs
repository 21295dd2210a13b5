//! From a criterion on the page to a grader that is ready: compiled, with the examples it applies to.

use super::behaviour::ReadyBehaviour;
use super::date::ReadyDate;
use super::grounding::ReadyGrounding;
use super::json::{ReadyContains, ReadyPath};
use super::judged::{ReadyJudge, ReadyProgram};
use super::label::ReadyLabel;
use super::language::{self, ReadyScript};
use super::preference::ReadyPreference;
use super::quantity::ReadyQuantity;
use super::scope::Marks;
use super::structure::{self, ReadyNumber, ReadySchema};
use super::trajectory::ReadyTrajectory;
use super::verdict::Graded;
use super::{
    behaviour, evidence, instructions, joined, length, markdown, measure, similarity, text, tools,
};
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
    /// The rubric's file could not be read, which is an error of its own.
    NoRubric,
    Judge(ReadyJudge<'a>),
    Program(ReadyProgram<'a>),
    Behaviour(Box<ReadyBehaviour>),
    Trajectory(Box<ReadyTrajectory>),
    Grounding(ReadyGrounding),
    Joined(Vec<Ready<'a>>),
    Script(ReadyScript),
    Path(ReadyPath),
    Contains(ReadyContains),
    Quantity(ReadyQuantity),
    Date(ReadyDate),
    Label(ReadyLabel<'a>),
    Preference(ReadyPreference<'a>),
}

/// A grader that cannot be used: under which key, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) key: String,
    pub(super) what: String,
}

/// Compiles a criterion's grader.
pub(super) fn prepare<'a>(
    manifest: &'a Manifest,
    (reference, marks): (&ReferenceSet, &Marks),
    labels: &'a Labels,
    criterion: &'a Criterion,
    index: u16,
) -> Result<Ready<'a>, Problem> {
    match &criterion.grader {
        Grader::Label(grader) => Ok(Ready::Label(ReadyLabel::new(
            manifest,
            (reference, marks),
            labels,
            criterion,
            index,
            grader,
        ))),
        Grader::Preference(grader) => Ok(Ready::Preference(ReadyPreference::new(
            reference, marks, labels, index, grader,
        ))),
        Grader::Judge(grader) => {
            let ready = ReadyJudge::new(manifest, criterion, grader);
            Ok(ready.map_or(Ready::NoRubric, Ready::Judge))
        }
        Grader::Program(grader) => Ok(Ready::Program(ReadyProgram::new(criterion, grader))),
        rule => prepare_rule(rule).map_err(|refused| {
            let path = format!("criteria.{}.grader.{}", criterion.id, refused.key);
            Problem::error(refused.code, manifest.at(&path), refused.what)
        }),
    }
}

/// Compiles a rule, the rules inside it included.
pub(super) fn prepare_rule<'a>(grader: &Grader) -> Result<Ready<'a>, Refused> {
    let bad = |code, key: &str, what: String| Refused {
        code,
        key: key.to_owned(),
        what,
    };
    let compile = |pattern: &str, key: &str| {
        pattern::compile(pattern, false).map_err(|error| bad("bad-pattern", key, error.to_string()))
    };
    Ok(match grader {
        Grader::Regex { pattern, .. } => Ready::Regex(compile(pattern, "regex.pattern")?),
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
        Grader::Behaviour(reading) => Ready::Behaviour(Box::new(
            ReadyBehaviour::new(reading)
                .map_err(|(key, what)| bad("bad-rule", &format!("behaviour.{key}"), what))?,
        )),
        Grader::Trajectory(rules) => Ready::Trajectory(Box::new(
            ReadyTrajectory::new(rules)
                .map_err(|(key, what)| bad("bad-rule", &format!("trajectory.{key}"), what))?,
        )),
        Grader::Grounding(rules) => Ready::Grounding(
            ReadyGrounding::new(rules).map_err(|what| bad("bad-pattern", "grounding", what))?,
        ),
        Grader::Joined { of, .. } => {
            let kind = super::sheet::kind(grader);
            let rules = of.iter().zip(0..).map(|(rule, index)| {
                prepare_rule(rule).map_err(|refused| Refused {
                    key: format!("{kind}.of[{index}].{}", refused.key),
                    ..refused
                })
            });
            Ready::Joined(rules.collect::<Result<_, _>>()?)
        }
        Grader::Script { is, share } => Ready::Script(
            ReadyScript::new(is, *share)
                .map_err(|error| bad("bad-pattern", "script.is", error.to_string()))?,
        ),
        Grader::JsonPath {
            path,
            equals,
            matches,
            limits,
        } => {
            let matches = matches.as_deref();
            let matches = matches.map(|it| compile(it, "json_path.matches"));
            let ready = ReadyPath::new(path, equals.as_ref(), matches.transpose()?, *limits);
            Ready::Path(ready.map_err(|what| bad("bad-path", "json_path.path", what))?)
        }
        Grader::JsonContains { value, schema } => Ready::Contains(
            ReadyContains::new(value.as_ref(), schema.as_ref())
                .map_err(|what| bad("bad-schema", "json_contains.schema", what))?,
        ),
        Grader::Quantity {
            is,
            tolerance,
            relative,
        } => Ready::Quantity(
            ReadyQuantity::new(is.as_deref(), *tolerance, *relative)
                .map_err(|error| bad("bad-pattern", "quantity", error.to_string()))?,
        ),
        Grader::Date {
            is,
            order,
            within_days,
        } => Ready::Date(
            ReadyDate::new(*is, *order, *within_days)
                .map_err(|error| bad("bad-pattern", "date", error.to_string()))?,
        ),
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

/// Says whether an example expects something for a rule.
pub(super) fn expects(grader: &Grader, ready: &Ready<'_>, example: &Example) -> bool {
    match (grader, ready) {
        (Grader::Exact { text, .. }, _) => text::exact_applies(text.as_deref(), example),
        (Grader::Contains { texts, .. }, _) => {
            !texts.is_empty() || !example.expect.contains.is_empty()
        }
        (Grader::NotContains { texts, .. }, _) => {
            !texts.is_empty() || !example.expect.not_contains.is_empty()
        }
        (Grader::Number { .. }, _) => structure::expected_number(example).is_some(),
        (Grader::MustCite, _) => !example.expect.must_cite.is_empty(),
        (Grader::CitesKnown, _) => !example.sources.is_empty(),
        (Grader::QuotesInSources, _) => example.sources.iter().any(|source| source.text.is_some()),
        (Grader::MustCall, _) => !example.expect.must_call.is_empty(),
        (Grader::MustNotCall { tools }, _) => {
            !tools.is_empty() || !example.expect.must_not_call.is_empty()
        }
        (Grader::Behaviour(_), _) => example.expect.behaviour.is_some(),
        (Grader::Joined { of, .. }, Ready::Joined(ready)) => {
            let mut rules = of.iter().zip(ready);
            rules.any(|(grader, ready)| expects(grader, ready, example))
        }
        (Grader::Quantity { .. }, Ready::Quantity(ready)) => ready.applies(example),
        (Grader::Date { .. }, Ready::Date(ready)) => ready.applies(example),
        (Grader::Similarity { .. }, _) => similarity::applies(example),
        (Grader::Instructions { field, .. }, _) => instructions::applies(field, example),
        (
            Grader::Regex { .. }
            | Grader::JsonSchema { .. }
            | Grader::Latency { .. }
            | Grader::Cost { .. }
            | Grader::Edge { .. }
            | Grader::Length { .. }
            | Grader::Language { .. }
            | Grader::Script { .. }
            | Grader::JsonPath { .. }
            | Grader::JsonContains { .. }
            | Grader::CodeFence { .. }
            | Grader::List { .. }
            | Grader::Table { .. }
            | Grader::Trajectory(_)
            | Grader::Judge(_)
            | Grader::Program(_),
            _,
        ) => true,
        (Grader::Grounding(_), _) => !example.sources.is_empty(),
        (
            Grader::Joined { .. }
            | Grader::Quantity { .. }
            | Grader::Date { .. }
            | Grader::Label(_)
            | Grader::Preference(_),
            _,
        ) => false,
    }
}

/// Applies a rule to an answer, as a whole.
pub(super) fn judge(
    grader: &Grader,
    ready: &Ready<'_>,
    example: &Example,
    response: &Response,
) -> Graded {
    match (grader, ready) {
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
        (Grader::Behaviour(_), Ready::Behaviour(ready)) => {
            behaviour::grade(example, &ready.observed(example, response))
        }
        (Grader::Latency { at_most_ms, field }, _) => {
            measure::latency(*at_most_ms, field.as_deref(), response)
        }
        (Grader::Cost { at_most_usd }, _) => measure::cost(*at_most_usd, response),
        _ => judge_form(grader, ready, example, response),
    }
}

/// The rules that look at form and structure, and those made of rules.
fn judge_form(
    grader: &Grader,
    ready: &Ready<'_>,
    example: &Example,
    response: &Response,
) -> Graded {
    match (grader, ready) {
        (Grader::Trajectory(_), Ready::Trajectory(ready)) => ready.grade(example, response),
        (Grader::Grounding(_), Ready::Grounding(ready)) => ready.grade(example, response),
        (Grader::Joined { join, of }, Ready::Joined(ready)) => {
            joined::grade(*join, of, ready, example, response)
        }
        (
            Grader::Edge {
                edge,
                texts,
                ignore_case,
            },
            _,
        ) => text::edge(*edge, texts, *ignore_case, response),
        (Grader::Length { of, limits }, _) => length::length(*of, *limits, response),
        (Grader::Language { is }, _) => language::language(is, response),
        (Grader::Script { .. }, Ready::Script(ready)) => ready.grade(response),
        (Grader::JsonPath { .. }, Ready::Path(ready)) => ready.grade(response),
        (Grader::JsonContains { .. }, Ready::Contains(ready)) => ready.grade(response),
        (
            Grader::CodeFence {
                languages,
                limits,
                only,
            },
            _,
        ) => markdown::code_fence(languages, *limits, *only, response),
        (
            Grader::List {
                marks,
                limits,
                nested,
            },
            _,
        ) => markdown::list(*marks, *limits, *nested, response),
        (
            Grader::Table {
                columns,
                width,
                limits,
            },
            _,
        ) => markdown::table(columns, *width, *limits, response),
        (Grader::Quantity { .. }, Ready::Quantity(ready)) => ready.grade(example, response),
        (Grader::Date { .. }, Ready::Date(ready)) => ready.grade(example, response),
        (Grader::Similarity { metric, at_least }, _) => {
            similarity::grade(*metric, *at_least, example, response)
        }
        _ => Graded::missing("the grader was not prepared"),
    }
}
