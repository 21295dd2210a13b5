//! The symptoms that graders name: keys of `fails_as`.

use super::{behaviour, grounding, instructions, trajectory};
use crate::manifest::{Edge, Grader, Join, Limits};
use crate::response::Behaviour;

/// Lists the symptoms that a grader can name, for `fails_as`; empty when they are the labels' own texts.
pub fn symptoms(grader: &Grader) -> Vec<String> {
    let fixed: &[&str] = match grader {
        Grader::Exact { .. } => &["different-answer"],
        Grader::Contains { .. } => &["missing-text"],
        Grader::NotContains { .. } => &["forbidden-text"],
        Grader::Regex { negate, .. } => &[if *negate { "match" } else { "no-match" }],
        Grader::Number { .. } => &["no-number", "wrong-number"],
        Grader::JsonSchema { .. } => &["not-json", "schema-violation"],
        Grader::MustCite => &["missing-citation"],
        Grader::CitesKnown => &["no-source", "unknown-source"],
        Grader::QuotesInSources => &["unsupported-quote"],
        Grader::MustCall => &["missing-call"],
        Grader::MustNotCall { .. } => &["forbidden-call"],
        Grader::Latency { .. } => &["too-slow"],
        Grader::Cost { .. } => &["too-expensive"],
        Grader::Behaviour(_) => return behaviours(),
        Grader::Joined { join, of } => return joined(*join, of),
        Grader::Edge { edge, .. } => match edge {
            Edge::Start => &["different-start"],
            Edge::End => &["different-end"],
        },
        Grader::Length { limits, .. } => lengths(limits),
        Grader::Language { .. } => &["no-text", "wrong-language"],
        Grader::Script { .. } => &["no-text", "wrong-script"],
        Grader::JsonPath { .. } => &["not-json", "wrong-count", "wrong-value"],
        Grader::JsonContains { .. } => &["not-json", "not-contained"],
        Grader::CodeFence { .. } => &[
            "too-few-fences",
            "too-many-fences",
            "unclosed-fence",
            "text-outside",
        ],
        Grader::List { .. } => &["too-few-items", "too-many-items"],
        Grader::Table { .. } => &["no-table", "wrong-columns", "too-few-rows", "too-many-rows"],
        Grader::Quantity { .. } => &["no-quantity", "wrong-unit", "wrong-quantity"],
        Grader::Date { .. } => &["no-date", "wrong-date"],
        Grader::Similarity { .. } => &["too-different"],
        Grader::Instructions { .. } => &instructions::IDS,
        Grader::Label(grader) if !grader.behaviours.is_empty() => return behaviours(),
        Grader::Label(grader) => {
            let fails = grader.values.iter().flat_map(|map| map.fail.keys());
            return fails.cloned().collect();
        }
        Grader::Judge(grader) => {
            let rubric = grader.rubric.iter();
            return rubric
                .flat_map(|it| it.failing().map(str::to_owned))
                .collect();
        }
        Grader::Trajectory(_) => &trajectory::SYMPTOMS,
        Grader::Grounding(_) => &grounding::SYMPTOMS,
        Grader::Program(_) | Grader::Preference(_) => &[],
    };
    fixed.iter().map(|symptom| (*symptom).to_owned()).collect()
}

/// Those of both that the limits can bring about.
fn lengths(limits: &Limits) -> &'static [&'static str] {
    match (limits.at_least, limits.at_most) {
        (Some(_), None) => &["too-short"],
        (None, Some(_)) => &["too-long"],
        _ => &["too-short", "too-long"],
    }
}

fn behaviours() -> Vec<String> {
    let all = Behaviour::ALL;
    all.iter()
        .flat_map(|expected| all.iter().map(move |observed| (*observed, *expected)))
        .filter(|(observed, expected)| observed != expected)
        .map(|(observed, expected)| behaviour::symptom(observed, expected))
        .collect()
}

/// All: what the rules name, each once.
fn joined(join: Join, of: &[Grader]) -> Vec<String> {
    match join {
        Join::Any => vec!["no-rule-holds".to_owned()],
        Join::None => vec!["a-rule-holds".to_owned()],
        Join::All => {
            let mut named: Vec<String> = Vec::new();
            for symptom in of.iter().flat_map(symptoms) {
                if !named.contains(&symptom) {
                    named.push(symptom);
                }
            }
            named
        }
    }
}
