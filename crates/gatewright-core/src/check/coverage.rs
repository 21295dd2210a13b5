//! What the criteria cover: declared failures, demands of `uses:`, form against substance.

use std::collections::BTreeSet;

use super::{classes_of, presence};
use crate::analyse::uncorrected;
use crate::calibrate;
use crate::class::Severity;
use crate::grade::symptoms;
use crate::manifest::{
    Criterion, FailsAs, Grader, Kind, Manifest, Metric, Subject, Target, Uses, Verb,
};
use crate::outcome::GraderKind;
use crate::problem::{Problem, nearest};
use crate::reference::ReferenceSet;

/// Classes of how an answer looks, not of what it says.
const FORM: [&str; 2] = ["format-violation", "latency"];
/// Words by which a criterion tells that it is about form.
const FORM_WORDS: [&str; 8] = [
    "format",
    "tone",
    "style",
    "length",
    "latency",
    "speed",
    "fluency",
    "politeness",
];

pub(super) fn check(manifest: &Manifest, reference: &ReferenceSet, problems: &mut Vec<Problem>) {
    let seen: BTreeSet<u16> = manifest.criteria.iter().flat_map(classes_of).collect();
    undetected(manifest, &seen, problems);
    if manifest.uses.contains(&Uses::Policy) {
        policy(manifest, reference, problems);
    }
    if manifest.uses.contains(&Uses::Retrieval) {
        retrieval(manifest, problems);
    }
    if manifest.uses.contains(&Uses::Support) {
        support(manifest, problems);
    }
    if manifest.uses.contains(&Uses::Tools) {
        tools(manifest, reference, problems);
    }
    form(manifest, problems);
    presence::check(manifest, problems);
    symptoms_without_class(manifest, problems);
    sums_of_judges(manifest, problems);
    if !manifest.spans.contains_key("criteria") {
        let names: Vec<&str> = manifest.criteria.iter().map(|it| it.id.as_str()).collect();
        problems.push(
            Problem::suggestion(
                "standing-criteria",
                manifest.at(""),
                format!(
                    "the page writes no criteria; these stand: {}",
                    names.join(", ")
                ),
            )
            .why("they judge what examples expect, and nothing else")
            .instead("`criteria:` with one entry for each reason to fail"),
        );
    }
}

/// Failures that are declared high or critical, that `uses:` implies, or that a never-rule names, and that no criterion detects.
fn undetected(manifest: &Manifest, seen: &BTreeSet<u16>, problems: &mut Vec<Problem>) {
    let implied = |id: &str| match id {
        "unsupported-claim" => manifest
            .uses
            .contains(&Uses::Retrieval)
            .then_some("retrieval"),
        "unsafe-tool-action" => manifest.uses.contains(&Uses::Tools).then_some("tools"),
        _ => None,
    };
    for (index, class) in (0_u16..).zip(&manifest.classes) {
        if seen.contains(&index) {
            continue;
        }
        let id = class.id.as_str();
        let instead = format!("a criterion with `fails_as: {id}`");
        if class.declared && class.severity >= Severity::High {
            let at = manifest.at(&format!("failures.{id}"));
            let what = format!(
                "no criterion detects `{id}`, declared {}",
                class.severity.word()
            );
            problems.push(
                Problem::error("undetected-failure", at, what)
                    .why("a high-cost failure that nothing looks for ships")
                    .instead(instead),
            );
        } else if let Some(uses) = implied(id) {
            let what = format!("no criterion detects `{id}`, which `uses: [{uses}]` implies");
            problems.push(
                Problem::error("undetected-failure", manifest.at("uses"), what).instead(instead),
            );
        } else if let Some(rule) = manifest
            .gate
            .iter()
            .position(|rule| rule.verb != Verb::Watch && rule.subject == Subject::Class(index))
        {
            let what = format!("no criterion detects `{id}`, so this rule can see nothing");
            problems.push(
                Problem::error(
                    "undetected-failure",
                    manifest.at(&format!("gate[{rule}]")),
                    what,
                )
                .instead(instead),
            );
        }
    }
}

fn demand(manifest: &Manifest, uses: &str, what: &str, instead: &str) -> Problem {
    Problem::error(
        "unmet-demand",
        manifest.at("uses"),
        format!("`uses: [{uses}]` demands {what}"),
    )
    .instead(instead)
}

/// Policy: examples of kind policy, or a segment of policy conflicts.
fn policy(manifest: &Manifest, reference: &ReferenceSet, problems: &mut Vec<Problem>) {
    let kind = reference
        .examples
        .iter()
        .any(|example| example.kind == Kind::Policy);
    let segment = manifest.dimensions.iter().any(|dimension| {
        dimension.name.contains("policy")
            || dimension
                .values
                .iter()
                .any(|it| it.name.contains("conflict"))
    });
    if !kind && !segment {
        problems.push(demand(
            manifest,
            "policy",
            "examples that the policy decides",
            "examples with `provenance: {kind: policy, …}`, or a dimension with a value such as `conflicting`",
        ));
    }
}

/// Says whether a grader looks at what was done: by rule, or by labels that name it.
fn sees_behaviour(grader: &Grader) -> bool {
    match grader {
        Grader::Behaviour(_) => true,
        Grader::Label(label) => !label.behaviours.is_empty(),
        _ => false,
    }
}

/// Retrieval: the quality of sources as a dimension, and a criterion on whether the question can be answered.
fn retrieval(manifest: &Manifest, problems: &mut Vec<Problem>) {
    if manifest.dimension("source_quality").is_none() {
        problems.push(demand(
            manifest,
            "retrieval",
            "source quality as a dimension",
            "`source_quality: [current, stale, conflicting, missing]` under `segments`",
        ));
    }
    let answerable = manifest
        .criteria
        .iter()
        .any(|criterion| sees_behaviour(&criterion.grader) || says(criterion, "answerab"));
    if !answerable {
        problems.push(demand(
            manifest,
            "retrieval",
            "a criterion on whether the question can be answered from the sources",
            "`behaviour: {grader: {behaviour: {}}, fails_as: …}`, or a criterion whose name or `protects` says answerability",
        ));
    }
}

/// Support: durable resolution, as a criterion.
fn support(manifest: &Manifest, problems: &mut Vec<Problem>) {
    let durable = manifest.criteria.iter().any(|it| says(it, "resol"))
        || manifest
            .gate
            .iter()
            .any(|rule| rule.verb == Verb::Watch && rule.id.as_str().contains("resol"));
    if !durable {
        problems.push(demand(
            manifest,
            "support",
            "durable resolution, not first-response fluency",
            "a criterion or a watch whose name or `protects` says resolution (`resolved-after-7-days`), such as labels that arrive later",
        ));
    }
}

/// Tools: a permission boundary that a criterion watches, and calls that can be audited.
fn tools(manifest: &Manifest, reference: &ReferenceSet, problems: &mut Vec<Problem>) {
    let boundary = manifest
        .criteria
        .iter()
        .any(|criterion| match &criterion.grader {
            Grader::MustNotCall { tools } => {
                !tools.is_empty()
                    || reference
                        .examples
                        .iter()
                        .any(|example| example.traits.forbids_calls)
            }
            Grader::MustCall => true,
            Grader::Label(_) => says(criterion, "permission") || says(criterion, "tool"),
            _ => false,
        });
    if !boundary {
        problems.push(demand(
            manifest,
            "tools",
            "a criterion at the permission boundary",
            "`{grader: {must_not_call: {tools: [..]}}, fails_as: unsafe-tool-action}`, or `must_call`",
        ));
    }
    for (role, system) in &manifest.systems {
        if let Target::Recorded(source) = &system.target
            && source.is_foreign()
            && !source.names("tool_calls")
        {
            let at = manifest.at(&format!("systems.{}", role.word()));
            let what = format!(
                "`uses: [tools]` demands the calls of `{}`, so that they can be audited",
                role.word()
            );
            problems.push(
                Problem::error("unmet-demand", at, what)
                    .instead("map `tool_calls` to the field of the file that holds them"),
            );
        }
    }
}

/// Says whether a criterion's name or what it protects holds a word.
fn says(criterion: &Criterion, word: &str) -> bool {
    let protects = criterion.protects.as_deref().unwrap_or_default();
    criterion.id.as_str().to_lowercase().contains(word) || protects.to_lowercase().contains(word)
}

fn form(manifest: &Manifest, problems: &mut Vec<Problem>) {
    let about_form = |criterion: &Criterion| {
        let classes = classes_of(criterion);
        let looks = classes
            .iter()
            .filter_map(|&class| manifest.classes.get(usize::from(class)))
            .all(|class| FORM.contains(&class.id.as_str()));
        (looks && !classes.is_empty())
            || criterion
                .id
                .as_str()
                .split(['-', '_'])
                .any(|part| FORM_WORDS.contains(&part))
    };
    let form: Vec<&str> = manifest
        .criteria
        .iter()
        .filter(|criterion| about_form(criterion))
        .map(|criterion| criterion.id.as_str())
        .collect();
    let substance = manifest.criteria.len() - form.len();
    if form.len() > substance {
        let what = format!(
            "{} criteria look at form ({}), {substance} at evidence, refusal and policy",
            form.len(),
            form.join(", ")
        );
        problems.push(
            Problem::suggestion("form-over-substance", manifest.at("criteria"), what)
                .why("the easiest behaviour to measure is seldom the one that costs most")
                .instead("criteria on what an answer rests on: quotes, citations, behaviour, forbidden calls"),
        );
    }
}

/// A failure whose symptom has no class ends as missing: the team should know before it happens.
fn symptoms_without_class(manifest: &Manifest, problems: &mut Vec<Problem>) {
    for criterion in &manifest.criteria {
        let path = format!("criteria.{}", criterion.id);
        if let FailsAs::BySymptom {
            map,
            otherwise: None,
        } = &criterion.fails_as
        {
            let open: Vec<String> = symptoms(&criterion.grader)
                .into_iter()
                .filter(|symptom| !map.contains_key(symptom))
                .collect();
            if !open.is_empty() {
                let what = format!(
                    "failures without a class: {}",
                    super::few(open.iter().map(String::as_str))
                );
                problems.push(
                    Problem::suggestion(
                        "symptom-without-class",
                        manifest.at(&format!("{path}.fails_as")),
                        what,
                    )
                    .why("such a failure ends as missing, and missing never ships")
                    .instead("`otherwise: CLASS`"),
                );
            }
        }
        if let (FailsAs::BySymptom { map, .. }, Grader::Judge(judge)) =
            (&criterion.fails_as, &criterion.grader)
            && let Some(rubric) = &judge.rubric
        {
            let levels: Vec<&str> = rubric.failing().collect();
            for symptom in map.keys().filter(|it| !levels.contains(&it.as_str())) {
                let what = format!("`{symptom}` is no failing level of `{}`", judge.file);
                let at = manifest.at(&format!("{path}.fails_as.{symptom}"));
                let problem = Problem::error("unknown-symptom", at, what);
                problems.push(match nearest(symptom, levels.iter().copied()) {
                    Some(near) => problem.instead(format!("did you mean `{near}`?")),
                    None => problem.instead(format!("one of {}", levels.join(", "))),
                });
            }
        }
        if criterion.judged_by() == GraderKind::Model && !criterion.is_calibrated() {
            let index = manifest.criterion_index(criterion.id.as_str());
            let decides = |index: &u16| {
                manifest.gate.iter().any(|rule| {
                    rule.verb != Verb::Watch && rule.subject == Subject::Criterion(*index)
                })
            };
            if let Some(index) = index.filter(decides) {
                let (labels, drawn) = calibrate::first_labels(manifest, index);
                let what = format!("a model judge decides on `{}`", criterion.id);
                problems.push(
                    Problem::suggestion(
                        "uncalibrated-judge",
                        manifest.at(&format!("{path}.grader")),
                        what,
                    )
                    .why(format!(
                        "until people's labels show it fit its rules only watch: it cannot hold, block or ship anything; {labels} labels would show that of a judge as good as most, and each of its verdicts is then worth {:.2} of a label",
                        calibrate::typical_worth()
                    ))
                    .instead(format!(
                        "`people: {{from: labels.jsonl}}` beside the grader, then `gatewright calibrate {} --plan {drawn} -o labels.jsonl`; or `watch:`",
                        criterion.id
                    )),
                );
            }
        }
    }
}

/// Rules on a class or a failure cost that a model judge has a part in. Those on a judged criterion are named with the criterion.
fn sums_of_judges(manifest: &Manifest, problems: &mut Vec<Problem>) {
    for (index, rule) in manifest.gate.iter().enumerate() {
        let is_sum = match rule.subject {
            Subject::Class(_) => true,
            Subject::Criterion(_) => rule.metric == Metric::FailureCost,
        };
        if !is_sum || rule.verb == Verb::Watch {
            continue;
        }
        let names: Vec<String> = uncorrected(manifest, rule)
            .into_iter()
            .map(|it| format!("`{}`", manifest.criteria[usize::from(it)].id))
            .collect();
        if names.is_empty() {
            continue;
        }
        let what = format!(
            "`{}` counts what a model judge finds: {}",
            rule.id,
            names.join(", ")
        );
        problems.push(
            Problem::suggestion("judge-in-a-sum", manifest.at(&format!("gate[{index}]")), what)
                .why("a rule on a class or a failure cost only watches then, also with people's labels: what they correct is the share of one criterion")
                .instead("`watch:`, and a `require` or `guard` on each criterion that shall decide"),
        );
    }
}
