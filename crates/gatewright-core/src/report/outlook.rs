//! What would change the answer: how far rules are from holding, or from failing.

use crate::analyse::{Finding, Standing};
use crate::decide::Answer;
use crate::manifest::{Compare, Verb};
use crate::report::model::Unit;
use crate::report::view::{Materials, estimate};
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

/// How far a finding is from holding; nothing where what it needs says so already.
fn distance(materials: &Materials<'_>, finding: &Finding) -> Option<String> {
    let rule = &materials.manifest.gate[finding.rule];
    let measured = &finding.measured;
    let unit = sentence::unit(materials.manifest, rule);
    let named = format!("{} in {}", rule.id, words::place(&finding.slice));
    let seen = seen(finding, unit, sentence::compares(rule));
    let text = match (rule.verb, rule.compare) {
        // What was not seen could have been the event.
        (Verb::Never, _) if finding.standing != Standing::Violated => return None,
        (Verb::Never, _) => format!(
            "{named} holds with no such failure; there were {} in {}.",
            words::count(measured.events),
            words::counted(measured.n, "example")
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
            "{named} holds when at most {} worse is shown; {} was seen ({seen}).",
            words::distance(unit, margin),
            words::change(unit, measured.value? - measured.other?)
        ),
        (_, Compare::Better { by, .. }) => format!(
            "{named} holds when more than {} better is shown; {} was seen ({seen}).",
            words::distance(unit, by),
            words::change(unit, measured.value? - measured.other?)
        ),
        (_, Compare::AtLeast { floor, .. }) => format!(
            "{named} holds when at least {} is shown; {} was seen ({seen}).",
            words::amount(unit, floor),
            words::amount(unit, measured.value?)
        ),
        (_, Compare::AtMost { ceiling, .. }) => format!(
            "{named} holds when at most {} is shown; {} was seen ({seen}).",
            words::amount(unit, ceiling),
            words::amount(unit, measured.value?)
        ),
        (_, Compare::Nothing { .. }) => return None,
    };
    Some(text)
}

/// What stands beside a value that was seen: n, and the interval of what was observed.
fn seen(finding: &Finding, unit: Unit, compares: bool) -> String {
    let measured = &finding.measured;
    let found = measured
        .for_violated
        .as_ref()
        .or(measured.for_holds.as_ref());
    let interval = found.map_or_else(
        || "no interval at this size".to_owned(),
        |found| words::interval(unit, compares, &estimate(found)),
    );
    format!("n {}, {interval}", words::count(measured.n))
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

/// The demand that holds by the least, by the bound it was judged by. Distances in other units have no common measure: of these
/// nothing is said.
fn nearest_demand(materials: &Materials<'_>) -> Option<String> {
    let gate = &materials.manifest.gate;
    let findings = materials.analysis.findings.iter();
    let demands: Vec<&Finding> = findings
        .filter(|finding| {
            let holds = finding.standing == Standing::Holds;
            gate[finding.rule].verb == Verb::Require && finding.deciding && holds
        })
        .collect();
    let is_share =
        |finding: &&Finding| sentence::unit(materials.manifest, &gate[finding.rule]) == Unit::Share;
    let shares = demands.iter().copied().filter(is_share);
    let left = shares.filter_map(|finding| {
        let (bound, limit) = (finding.measured.covered?, finding.measured.limit?);
        let left = match finding.measured.smaller_is_better {
            true => limit - bound,
            false => bound - limit,
        };
        left.is_finite().then_some((left, finding))
    });
    let (left, finding) = left.reduce(|best, one| if one.0 < best.0 { one } else { best })?;
    let what = match demands.iter().all(is_share) {
        true => "demand",
        false => "share",
    };
    Some(format!(
        "The {what} that holds by the least is {} in {}: {} are left between its bound and its limit (n {}).",
        gate[finding.rule].id,
        words::place(&finding.slice),
        words::distance(Unit::Share, left),
        words::count(finding.measured.n)
    ))
}
