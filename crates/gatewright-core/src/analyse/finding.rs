//! Findings: every rule in every slice it names, and again inside every value that a router can isolate.

use crate::analyse::guard::{self, Resolutions};
use crate::analyse::judged;
use crate::analyse::require::{self, Inputs};
use crate::analyse::slice::{Members, rule_slices, within};
use crate::analyse::{Finding, Route, RouteValue, Slice, Standing, never};
use crate::manifest::{Compare, Criterion, Kind, Manifest, Rule, Subject, Verb};
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
            if inputs.scores.units.contains_key(&criterion) =>
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
    let judged = judged_by_model(inputs, rule);
    Finding {
        rule: index,
        slice: members.slice.clone(),
        standing,
        deciding: rule.verb != Verb::Watch && !judged,
        measured,
        examples,
    }
}

/// Says whether what the gate answers can change with verdicts of a criterion. It cannot where rules only watch it: no rule is on it, or
/// it is a model judge's and nobody calibrates the judge. Taking such verdicts away turns no answer into another.
pub fn rests_on(manifest: &Manifest, criterion: u16) -> bool {
    let Some(of_it) = manifest.criteria.get(usize::from(criterion)) else {
        return false;
    };
    let by_model = |criterion: &Criterion| criterion.judged_by() == GraderKind::Model;
    let fails_as = |class: u16| of_it.classes().contains(&class);
    manifest
        .gate
        .iter()
        .any(|rule| match (rule.verb, rule.subject) {
            (Verb::Watch, _) => false,
            (Verb::Never, Subject::Criterion(it)) => it == criterion,
            (Verb::Never, Subject::Class(class)) => fails_as(class),
            (_, Subject::Criterion(it)) => {
                it == criterion && (!by_model(of_it) || of_it.is_calibrated())
            }
            // A rule on a class that a model can report is a watch.
            (_, Subject::Class(class)) => {
                let mut all = manifest.criteria.iter();
                fails_as(class) && !all.any(|it| it.classes().contains(&class) && by_model(it))
            }
        })
}

/// True when the page lets a model judge the rule's subject, and no people's labels are beside it (design.md §6: then it is a
/// watch). A class stays a watch also with them: what is corrected is the rate of one criterion.
fn judged_by_model(inputs: Inputs<'_>, rule: &Rule) -> bool {
    match (rule.verb, rule.subject) {
        // A never on a class keeps deciding: an event that only a judge saw is undecided(unconfirmed), not nothing.
        (Verb::Never, _) => false,
        (_, Subject::Criterion(criterion)) => {
            inputs.scores.by_model[criterion as usize]
                && !inputs.scores.units.contains_key(&criterion)
        }
        (_, Subject::Class(class)) => inputs
            .manifest
            .criteria
            .iter()
            .enumerate()
            .any(|(index, c)| c.classes().contains(&class) && inputs.scores.by_model[index]),
    }
}
