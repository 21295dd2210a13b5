//! What each kind of grader is good for, as data: the table of docs/graders.md, `gatewright graders`, and what `check` says about a
//! criterion that protects a class its grader cannot see.

use serde::Serialize;

use super::{
    behaviour, date, evidence, grounding, instructions, joined, json, judged, label, language,
    length, markdown, measure, preference, quantity, similarity, structure, text, tools,
    trajectory,
};
use crate::manifest::{Grader, Join};

/// What a grader's verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measures {
    /// Whether the answer is the expected one.
    Answer,
    /// What the answer rests on.
    Evidence,
    /// What the system does.
    Conduct,
    /// Whether something stands in the answer, whatever else stands there.
    Presence,
    /// How the answer looks.
    Form,
    /// What the answer takes: time, money.
    Resource,
    /// What somebody else says of it.
    Judgement,
    /// What the rules inside it are about.
    Parts,
}

/// One kind of grader: what it can tell and what it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// The kind, as pages write it.
    pub kind: &'static str,
    /// What its verdict is about.
    pub measures: Measures,
    /// What it checks, in one sentence fragment.
    pub checks: &'static str,
    /// Shipped failure classes that it can protect by itself.
    pub protects: &'static [&'static str],
    /// How its time grows; every rule costs no money.
    pub cost: &'static str,
    /// True when the same answer always gets the same verdict.
    pub deterministic: bool,
    /// What passes and should not, or fails and should not.
    pub blind_spot: &'static str,
}

/// Cost of one pass over the answer.
pub(super) const ONE_PASS: &str = "one pass over the answer";

/// Lists every kind, in the order of the page's documentation.
pub fn sheets() -> Vec<&'static Sheet> {
    let families: [&[Sheet]; 20] = [
        &text::SHEETS,
        &structure::SHEETS,
        &evidence::SHEETS,
        &tools::SHEETS,
        &behaviour::SHEETS,
        &measure::SHEETS,
        &joined::SHEETS,
        &length::SHEETS,
        &language::SHEETS,
        &json::SHEETS,
        &markdown::SHEETS,
        &quantity::SHEETS,
        &date::SHEETS,
        &similarity::SHEETS,
        &instructions::SHEETS,
        &label::SHEETS,
        &trajectory::SHEETS,
        &grounding::SHEETS,
        &judged::SHEETS,
        &preference::SHEETS,
    ];
    families.into_iter().flatten().collect()
}

/// Finds the sheet of a kind, by the word of pages.
pub fn sheet(kind: &str) -> Option<&'static Sheet> {
    sheets().into_iter().find(|sheet| sheet.kind == kind)
}

/// Returns the word that pages write for a grader.
pub fn kind(grader: &Grader) -> &'static str {
    use crate::manifest::Edge;
    match grader {
        Grader::Exact { .. } => "exact",
        Grader::Contains { .. } => "contains",
        Grader::NotContains { .. } => "not_contains",
        Grader::Regex { .. } => "regex",
        Grader::Number { .. } => "number",
        Grader::JsonSchema { .. } => "json_schema",
        Grader::MustCite => "must_cite",
        Grader::CitesKnown => "cites",
        Grader::QuotesInSources => "quotes_in_sources",
        Grader::MustCall => "must_call",
        Grader::MustNotCall { .. } => "must_not_call",
        Grader::Behaviour(_) => "behaviour",
        Grader::Latency { .. } => "latency",
        Grader::Cost { .. } => "cost",
        Grader::Joined { join, .. } => match join {
            Join::All => "all",
            Join::Any => "any",
            Join::None => "none",
        },
        Grader::Edge { edge, .. } => match edge {
            Edge::Start => "starts_with",
            Edge::End => "ends_with",
        },
        Grader::Length { .. } => "length",
        Grader::Language { .. } => "language",
        Grader::Script { .. } => "script",
        Grader::JsonPath { .. } => "json_path",
        Grader::JsonContains { .. } => "json_contains",
        Grader::CodeFence { .. } => "code_fence",
        Grader::List { .. } => "list",
        Grader::Table { .. } => "table",
        Grader::Quantity { .. } => "quantity",
        Grader::Date { .. } => "date",
        Grader::Similarity { .. } => "similarity",
        Grader::Instructions { .. } => "instructions",
        Grader::Trajectory(_) => "trajectory",
        Grader::Grounding(_) => "grounding",
        Grader::Judge(_) => "judge",
        Grader::Program(_) => "program",
        Grader::Label(_) => "label",
        Grader::Preference(_) => "preference",
    }
}

/// Says whether a grader tells nothing about whether the answer is right: only that something stands there, how it looks, or what it took.
pub fn blind_to_correctness(grader: &Grader) -> bool {
    match grader {
        Grader::Joined { of, .. } => of.iter().all(blind_to_correctness),
        _ => sheet(kind(grader)).is_some_and(|sheet| {
            matches!(
                sheet.measures,
                Measures::Presence | Measures::Form | Measures::Resource
            )
        }),
    }
}

/// Writes the table of docs/graders.md: one row for each kind.
pub fn table() -> String {
    let mut text = String::from(
        "| grader | checks | protects | cost | deterministic | blind spot |\n|---|---|---|---|---|---|\n",
    );
    for sheet in sheets() {
        let protects: Vec<String> = sheet.protects.iter().map(|it| format!("`{it}`")).collect();
        let protects = match protects.is_empty() {
            true => "what its criterion says".to_owned(),
            false => protects.join(", "),
        };
        let deterministic = if sheet.deterministic { "yes" } else { "no" };
        text += &format!(
            "| `{}` | {} | {protects} | {} | {deterministic} | {} |\n",
            sheet.kind, sheet.checks, sheet.cost, sheet.blind_spot
        );
    }
    text
}
