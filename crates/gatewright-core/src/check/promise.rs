//! Vague words in the promise.

use crate::manifest::Manifest;
use crate::problem::Problem;

/// Fewest words that can say something that an answer passes or fails.
const FEWEST_WORDS: usize = 4;
/// Praise that no answer passes or fails.
const PRAISE: [&str; 14] = [
    "helpful",
    "good",
    "accurate",
    "great",
    "high-quality",
    "quality",
    "reliable",
    "friendly",
    "best",
    "correct",
    "useful",
    "excellent",
    "robust",
    "appropriate",
];

pub(super) fn check(manifest: &Manifest, problems: &mut Vec<Problem>) {
    let promise = &manifest.promise;
    let fields = [
        (
            "does",
            &promise.does,
            "what it does, from what: `Answer billing questions from the current policy.`",
        ),
        (
            "for",
            &promise.for_whom,
            "for whom, and where: `customers on a paid plan, in chat`",
        ),
        (
            "evidence",
            &promise.evidence,
            "what counts as evidence: `every answer cites the policy section it used`",
        ),
        (
            "when_not_ready",
            &promise.when_not_ready,
            "what it does then: `escalate when policy and account state conflict`",
        ),
    ];
    for (name, text, instead) in fields {
        let at = manifest.at(&format!("promise.{name}"));
        if text.trim().is_empty() {
            problems.push(
                Problem::suggestion(
                    "promise-incomplete",
                    at,
                    format!("the promise does not say `{name}`"),
                )
                .why("everything else traces back to the promise")
                .instead(instead),
            );
        } else if text.split_whitespace().count() < FEWEST_WORDS {
            problems.push(
                Problem::suggestion(
                    "promise-vague",
                    at,
                    format!("`promise.{name}` has fewer than {FEWEST_WORDS} words"),
                )
                .why("no answer could pass or fail it")
                .instead(instead),
            );
        }
    }
    if promise.constraints.is_empty() {
        let at = manifest.at("promise");
        problems.push(
            Problem::suggestion("promise-incomplete", at, "the promise names no constraints")
                .instead("`constraints: [no refunds are promised above 50 USD]`"),
        );
    }
    let backed = promise.evidence.split_whitespace().count() >= FEWEST_WORDS
        && praise(&promise.evidence).is_none();
    for (name, text) in [("does", &promise.does), ("evidence", &promise.evidence)] {
        if let Some(word) = praise(text).filter(|_| !backed) {
            let at = manifest.at(&format!("promise.{name}"));
            problems.push(
                Problem::suggestion(
                    "promise-vague",
                    at,
                    format!("“{word}” stands without evidence"),
                )
                .why("no answer could pass or fail it")
                .instead("what can be seen in an answer: cites, refuses, asks, calls, stays under"),
            );
        }
    }
    decision(manifest, problems);
}

fn decision(manifest: &Manifest, problems: &mut Vec<Problem>) {
    if manifest.decision.question.trim().is_empty() {
        let at = manifest.at("decision");
        problems.push(
            Problem::suggestion("no-question", at, "the page does not say what is decided")
                .instead("`decision: {question: \"Release assistant 12 to all paid customers?\"}`"),
        );
    }
    if manifest.decision.decided_by.is_none() {
        let at = manifest.at("decision");
        problems.push(
            Problem::suggestion("no-decider", at, "the page does not say who decides")
                .instead("`decided_by:` with an owner"),
        );
    }
    if manifest.tasks.len() < 2 {
        let at = manifest.at("tasks");
        problems.push(
            Problem::suggestion("few-tasks", at, "fewer than two tasks")
                .why("an average hides the task that breaks")
                .instead("two tasks or more, as users would name them"),
        );
    }
}

fn praise(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|it: char| !(it.is_alphanumeric() || it == '-'))
        .collect();
    PRAISE.into_iter().find(|word| words.contains(word))
}
