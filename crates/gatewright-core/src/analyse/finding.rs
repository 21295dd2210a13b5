//! Findings: every rule in every slice it names, and again inside every value that a router can isolate.

use crate::analyse::guard::{self, Resolutions};
use crate::analyse::judged;
use crate::analyse::require::{self, Inputs};
use crate::analyse::slice::{Members, rule_slices, within};
use crate::analyse::{Finding, Route, RouteValue, Slice, Standing, never};
use crate::incident::{Incident, IncidentStatus};
use crate::manifest::{Compare, Criterion, Grader, Kind, Manifest, Metric, Rule, Subject, Verb};
use crate::outcome::GraderKind;

/// Evaluates every rule in every slice, in page order.
pub(crate) fn findings(inputs: Inputs<'_>, resolutions: &Resolutions) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, rule) in inputs.manifest.gate.iter().enumerate() {
        for members in rule_slices(inputs.manifest, inputs.reference, rule) {
            findings.push(evaluate(inputs, resolutions, index, rule, &members));
        }
    }
    guard::settle_recorded(&mut findings);
    findings
}

/// Evaluates every rule restricted to each value of each routed dimension.
pub(crate) fn routes(inputs: Inputs<'_>, resolutions: &Resolutions) -> Vec<Route> {
    let mut routes = Vec::new();
    for name in &inputs.manifest.decision.route_by {
        let Some((dimension, _)) = inputs.manifest.dimension(name) else {
            continue;
        };
        let values = inputs.reference.values[dimension]
            .iter()
            .map(|value| route_value(inputs, resolutions, (dimension, name), value))
            .collect();
        routes.push(Route {
            dimension: name.clone(),
            values,
        });
    }
    routes
}

fn route_value(
    inputs: Inputs<'_>,
    resolutions: &Resolutions,
    (dimension, name): (usize, &str),
    value: &str,
) -> RouteValue {
    let mut findings = Vec::new();
    for (index, rule) in inputs.manifest.gate.iter().enumerate() {
        for members in rule_slices(inputs.manifest, inputs.reference, rule) {
            if let Some(inside) = within(inputs.reference, &members, (dimension, name), value) {
                // A slice of another dimension may have nothing to do with this value; a rule about traffic whose slice other
                // examples show to be there has a gap in it, and a gap is no pass.
                if inside.examples.is_empty()
                    && !members.slice.is_empty()
                    && !(about_traffic(rule) && occurs(inputs, &inside.slice))
                {
                    continue;
                }
                findings.push(evaluate(inputs, resolutions, index, rule, &inside));
            }
        }
    }
    guard::settle_recorded(&mut findings);
    let p_requires = findings
        .iter()
        .filter(|finding| {
            finding.deciding && inputs.manifest.gate[finding.rule].verb == Verb::Require
        })
        .map(|finding| finding.measured.p_holds.unwrap_or(1.0))
        .reduce(f64::max);
    RouteValue {
        value: value.to_owned(),
        share: share(inputs, (dimension, name), value),
        findings,
        p_requires,
    }
}

/// Says whether a rule claims something about traffic rather than about these examples.
fn about_traffic(rule: &Rule) -> bool {
    rule.verb == Verb::Require || (rule.verb == Verb::Never && rule.cap.is_some())
}

/// Says whether any example, of whatever kind, lies in a slice.
fn occurs(inputs: Inputs<'_>, slice: &Slice) -> bool {
    let dimensions: Option<Vec<(usize, &str)>> = slice
        .iter()
        .map(|(name, accepted)| Some((inputs.manifest.dimension(name)?.0, accepted.as_str())))
        .collect();
    dimensions.is_some_and(|dimensions| {
        (0..inputs.reference.examples.len() as u32).any(|example| {
            dimensions.iter().all(|(dimension, accepted)| {
                let value = inputs.reference.value(*dimension, example);
                value.is_some_and(|value| accepted.split(" or ").any(|one| one == value))
            })
        })
    })
}

/// Share of traffic: as the page states it, else as the traffic examples show it.
fn share(inputs: Inputs<'_>, (dimension, name): (usize, &str), value: &str) -> Option<f64> {
    let stated = inputs
        .manifest
        .traffic
        .as_ref()
        .and_then(|traffic| traffic.share.get(name));
    if let Some(shares) = stated {
        return shares.get(value).copied();
    }
    let traffic: Vec<u32> = (0..inputs.reference.examples.len() as u32)
        .filter(|&example| inputs.reference.examples[example as usize].kind == Kind::Traffic)
        .collect();
    if traffic.is_empty() {
        return None;
    }
    let with = traffic
        .iter()
        .filter(|&&example| inputs.reference.value(dimension, example) == Some(value))
        .count();
    Some(with as f64 / traffic.len() as f64)
}

fn evaluate(
    inputs: Inputs<'_>,
    resolutions: &Resolutions,
    index: usize,
    rule: &Rule,
    members: &Members,
) -> Finding {
    let (measured, standing, examples) = match (rule.verb, rule.compare, rule.subject) {
        (Verb::Guard, Compare::NoWorse { than, margin }, Subject::Criterion(criterion))
            if inputs.scores.units.contains_key(&criterion) =>
        {
            judged::guard(
                inputs,
                resolutions,
                rule,
                (criterion, than, margin),
                members,
            )
        }
        (Verb::Require, _, Subject::Criterion(criterion))
            if rule.metric != Metric::FailureCost
                && inputs.scores.units.contains_key(&criterion) =>
        {
            judged::require(inputs, rule, criterion, members)
        }
        (Verb::Guard, Compare::NoWorse { than, margin }, Subject::Criterion(criterion)) => {
            guard::evaluate(
                (inputs.manifest, inputs.reference),
                inputs.plan,
                inputs.scores,
                resolutions,
                (criterion, than, margin),
                members,
            )
        }
        (Verb::Never, ..) | (Verb::Watch, Compare::Nothing { .. }, Subject::Class(_)) => {
            never::evaluate(inputs, rule, members)
        }
        _ => require::evaluate(inputs, rule, members),
    };
    let standing = match (&rule.compare, rule.verb) {
        // A watch without a limit has nothing to hold or violate: it shows its number.
        (Compare::Nothing { .. }, Verb::Watch) => Standing::Holds,
        _ => standing,
    };
    Finding {
        rule: index,
        slice: members.slice.clone(),
        standing,
        deciding: decides(inputs.manifest, rule),
        measured,
        examples,
    }
}

/// Says whether what the gate answers can change with verdicts of a criterion. It cannot where rules only watch it: no rule reads it, or
/// those that do are a model judge's and nobody calibrates the judge. Taking such verdicts away turns no answer into another. An open incident
/// reads what rules, programs and people say.
pub fn rests_on(manifest: &Manifest, incidents: &[Incident], criterion: u16) -> bool {
    let Some(of_it) = manifest.criteria.get(usize::from(criterion)) else {
        return false;
    };
    let mut rules = manifest.gate.iter();
    let is_open = |incident: &Incident| incident.status == IncidentStatus::Open;
    rules.any(|rule| reads(rule, criterion, of_it) && decides(manifest, rule))
        || of_it.judged_by() != GraderKind::Model && incidents.iter().any(is_open)
}

/// Says whether a rule does more than watch.
pub(super) fn decides(manifest: &Manifest, rule: &Rule) -> bool {
    rule.verb != Verb::Watch && uncorrected(manifest, rule).is_empty()
}

/// Says whether a rule's number changes with verdicts of a criterion.
pub(super) fn reads(rule: &Rule, index: u16, criterion: &Criterion) -> bool {
    match (rule.metric, rule.subject) {
        // Whatever failed on an answer has its cost, whichever criterion found it.
        (Metric::FailureCost, _) => true,
        (Metric::CostPerSolved, Subject::Criterion(it)) => {
            it == index || matches!(criterion.grader, Grader::Cost { .. })
        }
        (_, Subject::Criterion(it)) => it == index,
        (_, Subject::Class(class)) => criterion.classes().contains(&class),
    }
}

/// Lists the criteria by which a rule only watches: it reads them, a model judges them, and no people's labels correct what it reads
/// (design.md §6). A class and a failure cost are watched also with labels: what those correct is the share of one criterion.
pub fn uncorrected(manifest: &Manifest, rule: &Rule) -> Vec<u16> {
    // A never keeps deciding: an event that only a judge saw is undecided(unconfirmed), not nothing.
    if rule.verb == Verb::Never {
        return Vec::new();
    }
    let is_corrected = |index: u16, criterion: &Criterion| {
        rule.metric != Metric::FailureCost
            && rule.subject == Subject::Criterion(index)
            && criterion.is_calibrated()
    };
    (0..)
        .zip(&manifest.criteria)
        .filter(|(_, criterion)| criterion.judged_by() == GraderKind::Model)
        .filter(|(index, criterion)| reads(rule, *index, criterion))
        .filter(|(index, criterion)| !is_corrected(*index, criterion))
        .map(|(index, _)| index)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident;
    use crate::manifest::read::read;

    const JUDGED: &str = "{label: {from: j.jsonl, by: model, values: {pass: [ok], fail: [no]}}}";
    const COST: &str = "{id: cost, require: right, metric: failure_cost, at_most: 2, then: {violated: hold}, owner: team}";

    /// A page with a rule-graded criterion, one more by this grader (and what is beside it), a cost, and this gate.
    fn page(tone: &str, gate: &[&str]) -> Manifest {
        let gate: String = gate.iter().map(|rule| format!("  - {rule}\n")).collect();
        let page = format!(
            "gatewright: 1
promise: Answer.
tasks: {{a: A, b: B}}
failures: {{unsupported-claim: {{severity: high}}, scope-mismatch: {{severity: low}}}}
owners: {{team: Team}}
systems: {{candidate: {{labels_only: true}}, production: {{labels_only: true}}}}
reference: r.jsonl
criteria:
  right: {{grader: {{exact: {{}}}}, fails_as: unsupported-claim}}
  tone: {{grader: {tone}, fails_as: scope-mismatch}}
  dear: {{grader: {{cost: {{at_most: 1 USD}}}}, fails_as: latency}}
gate:
{gate}"
        );
        let (page, problems) = read(page.as_bytes(), "p.yaml");
        page.unwrap_or_else(|| panic!("{problems:#?}"))
    }

    fn rests(page: &Manifest) -> Vec<bool> {
        let criteria = 0..page.criteria.len() as u16 + 1;
        criteria.map(|it| rests_on(page, &[], it)).collect()
    }

    /// What reads several criteria rests on each of them.
    #[test]
    fn an_answer_rests_on_every_criterion_that_a_deciding_rule_reads() {
        let program = "{program: {command: [tone]}}";
        let rests_of = |rule: &str| rests(&page(program, &[rule]));
        assert_eq!(rests_of(COST), [true, true, true, false]);
        for (rule, expected) in [
            (
                "{id: r, require: right, at_least: 1 %, then: {violated: hold}, owner: team}",
                [true, false, false, false],
            ),
            (
                "{id: r, require: right, metric: cost_per_solved, at_most: 1 USD, then: {violated: hold}, owner: team}",
                [true, false, true, false],
            ),
            (
                "{id: r, require: scope-mismatch, at_least: 1 %, then: {violated: hold}, owner: team}",
                [false, true, false, false],
            ),
            (
                "{id: r, require: latency, metric: failure_cost, at_most: 2, then: {violated: hold}, owner: team}",
                [true, true, true, false],
            ),
            (
                "{id: r, never: scope-mismatch, then: {violated: hold}, owner: team}",
                [false, true, false, false],
            ),
            (
                "{id: r, watch: right, metric: failure_cost, owner: team}",
                [false; 4],
            ),
            ("{id: r, watch: tone, owner: team}", [false; 4]),
        ] {
            assert_eq!(rests_of(rule), expected, "{rule}");
        }
    }

    #[test]
    fn an_open_incident_rests_on_what_no_model_judges() {
        let row = br#"{"id": "i", "date": "2026-10-01", "class": "unsupported-claim", "what": "It was wrong."}"#;
        let mut problems = Vec::new();
        let mut incidents = incident::read("i.jsonl", &row[..], &mut problems);
        assert_eq!((problems.len(), incidents.len()), (0, 1), "{problems:?}");
        let watch = "{id: r, watch: tone, owner: team}";
        let by_model = page(JUDGED, &[watch]);
        assert!(rests_on(&by_model, &incidents, 0));
        assert!(!rests_on(&by_model, &incidents, 1), "a judge is not asked");
        let by_program = page("{program: {command: [tone]}}", &[watch]);
        assert!(rests_on(&by_program, &incidents, 1));
        incidents[0].status = IncidentStatus::Covered;
        assert!(!rests_on(&by_program, &incidents, 1));
    }

    /// With a model's verdicts in the sum, people's labels or not, the sum is a model's.
    #[test]
    fn a_failure_cost_with_a_judge_in_it_only_watches() {
        let rules = [
            COST,
            "{id: tone, require: tone, at_least: 1 %, then: {violated: hold}, owner: team}",
            "{id: class, require: scope-mismatch, at_least: 1 %, then: {violated: hold}, owner: team}",
            "{id: none, never: scope-mismatch, then: {violated: hold}, owner: team}",
            "{id: right, require: right, at_least: 1 %, then: {violated: hold}, owner: team}",
        ];
        let people = format!("{JUDGED}, people: {{from: p.jsonl}}");
        for (tone, expected) in [
            (JUDGED, [vec![1], vec![1], vec![1], vec![], vec![]]),
            (&people, [vec![1], vec![], vec![1], vec![], vec![]]),
            ("{program: {command: [tone]}}", Default::default()),
        ] {
            let page = page(tone, &rules);
            let by: Vec<Vec<u16>> = page
                .gate
                .iter()
                .map(|rule| uncorrected(&page, rule))
                .collect();
            assert_eq!(by, expected, "{tone}");
        }
        // Nothing else reads it: what a judge that is down did not say changes no answer.
        assert_eq!(rests(&page(JUDGED, &[COST])), [false; 4]);
    }
}
