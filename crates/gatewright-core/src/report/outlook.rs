//! What would change the answer: how far rules are from holding, or from failing.

use crate::analyse::Finding;
use crate::decide::Answer;
use crate::manifest::{Compare, Verb};
use crate::report::model::Unit;
use crate::report::view::Materials;
use crate::report::{sentence, words};

/// What would change the answer.
pub(super) fn would_change(materials: &Materials<'_>) -> Vec<String> {
    let proposal = materials.proposal;
    let mut said: Vec<String> = Vec::new();
    if !proposal.invalid.is_empty() {
        said.push(
            "Run it again with the evaluation mended; what is measured now decides nothing."
                .to_owned(),
        );
        return said;
    }
    let findings = &materials.analysis.findings;
    if proposal.answer == Answer::Ship {
        said.extend(nearest_guard(materials));
        said.extend(nearest_demand(materials));
        return said;
    }
    let fired = proposal.fired.iter().filter_map(|&at| findings.get(at));
    said.extend(fired.filter_map(|finding| distance(materials, finding)));
    said.extend(
        proposal
            .needs
            .iter()
            .map(|need| format!("To decide it: {need}.")),
    );
    if let Some(scope) = &proposal.alternative {
        said.push(format!(
            "Or narrow to {}: every rule holds there by itself.",
            words::scope(&super::view::scope(scope))
        ));
    }
    said
}

/// How far a finding is from holding.
fn distance(materials: &Materials<'_>, finding: &Finding) -> Option<String> {
    let rule = &materials.manifest.gate[finding.rule];
    let measured = &finding.measured;
    let unit = sentence::unit(materials.manifest, rule);
    let named = format!("{} in {}", rule.id, words::place(&finding.slice));
    let text = match (rule.verb, rule.compare) {
        (Verb::Never, _) => format!(
            "{named} holds with no such failure; there were {}.",
            words::count(measured.events)
        ),
        (Verb::Guard, Compare::NoWorse { margin, .. }) => match &measured.fresh {
            Some(fresh) => format!(
                "{named} holds when fresh runs lose fewer than {} of {} examples net (its margin is {}); they lost {}.",
                words::short(margin * fresh.n as f64, 1),
                words::count(fresh.n),
                words::distance(Unit::Share, margin),
                words::short(fresh.net_loss, 1)
            ),
            None => format!(
                "{named} trips at a net loss of {} of {} examples; the first look lost {}.",
                words::short(measured.trip_limit?, 1),
                words::count(measured.n),
                words::short(measured.net_loss, 1)
            ),
        },
        (_, Compare::NoWorse { margin, .. }) => format!(
            "{named} holds when at most {} worse is shown; {} was seen.",
            words::distance(unit, margin),
            words::change(unit, measured.value? - measured.other?)
        ),
        (_, Compare::Better { by, .. }) => format!(
            "{named} holds when more than {} better is shown; {} was seen.",
            words::distance(unit, by),
            words::change(unit, measured.value? - measured.other?)
        ),
        (_, Compare::AtLeast { floor, .. }) => format!(
            "{named} holds when at least {} is shown; {} was seen.",
            words::amount(unit, floor),
            words::amount(unit, measured.value?)
        ),
        (_, Compare::AtMost { ceiling, .. }) => format!(
            "{named} holds when at most {} is shown; {} was seen.",
            words::amount(unit, ceiling),
            words::amount(unit, measured.value?)
        ),
        (_, Compare::Nothing { .. }) => return None,
    };
    Some(text)
}

/// The guard that came nearest to tripping.
fn nearest_guard(materials: &Materials<'_>) -> Option<String> {
    let guards = materials.analysis.findings.iter().filter_map(|finding| {
        let rule = &materials.manifest.gate[finding.rule];
        let limit = finding.measured.trip_limit.filter(|limit| *limit > 0.0)?;
        let counts = rule.verb == Verb::Guard && finding.deciding && !finding.measured.tripped;
        counts.then(|| (finding.measured.net_loss / limit, limit, rule, finding))
    });
    // The first of equals: the order of the page.
    let (_, limit, rule, finding) =
        guards.reduce(|best, one| if one.0 > best.0 { one } else { best })?;
    Some(format!(
        "The guard nearest to tripping is {} in {}: net {} of {} examples lost, and it trips at {}.",
        rule.id,
        words::place(&finding.slice),
        words::short(finding.measured.net_loss.max(0.0), 1),
        words::count(finding.measured.n),
        words::short(limit, 1)
    ))
}

/// The demand on a share that holds by the least.
fn nearest_demand(materials: &Materials<'_>) -> Option<String> {
    let demands = materials.analysis.findings.iter().filter_map(|finding| {
        let rule = &materials.manifest.gate[finding.rule];
        let measured = &finding.measured;
        let bound = measured.for_holds.as_ref()?.lower;
        let limit = measured.limit?;
        let counts = rule.verb == Verb::Require
            && finding.deciding
            && !measured.smaller_is_better
            && sentence::unit(materials.manifest, rule) == Unit::Share
            && bound.is_finite();
        counts.then_some((bound - limit, rule, finding))
    });
    let (left, rule, finding) =
        demands.reduce(|best, one| if one.0 < best.0 { one } else { best })?;
    Some(format!(
        "The demand that holds by the least is {} in {}: {} are left between its bound and its limit.",
        rule.id,
        words::place(&finding.slice),
        words::distance(Unit::Share, left)
    ))
}
