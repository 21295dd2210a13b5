//! Narrowing by segment: step 3 of the order, and the narrow that a hold could have been.

use std::collections::BTreeSet;

use gatewright_stats::multiplicity;

use crate::analyse::{Route, RouteValue, Standing, Undecided};
use crate::decide::Scope;
use crate::decide::order::Case;
use crate::manifest::{Action, Standard, Verb};

/// The values of one routed dimension that pass every rule restricted to them, when every violation says `narrow` and lies in the others.
pub(crate) fn by_segment(case: Case<'_>, violated: &[usize], undecided: &[usize]) -> Option<Scope> {
    let asks =
        |&index: &usize| case.rule(&case.analysis.findings[index]).violated == Some(Action::Narrow);
    if violated.is_empty() || !violated.iter().all(asks) {
        return None;
    }
    case.analysis.routes.iter().find_map(|route| {
        let bad = bad_values(case, route, violated, undecided)?;
        remaining(case, route, &bad)
    })
}

/// The narrow that could stand in a hold's place, shown beside it: what remains passes the same rules as after a narrow.
pub(crate) fn alternative(
    case: Case<'_>,
    violated: &[usize],
    undecided: &[usize],
) -> Option<Scope> {
    case.analysis.routes.iter().find_map(|route| {
        let bad = bad_values(case, route, violated, undecided)?;
        remaining(case, route, &bad)
    })
}

/// Values that violated findings lie in; `None` when one lies outside the dimension.
fn bad_values<'a>(
    case: Case<'a>,
    route: &Route,
    violated: &[usize],
    undecided: &[usize],
) -> Option<BTreeSet<&'a str>> {
    let value_of = |index: usize| {
        let slice = &case.analysis.findings[index].slice;
        slice
            .iter()
            .find(|(dimension, _)| *dimension == route.dimension)
            .map(|(_, value)| value.as_str())
    };
    let mut bad = BTreeSet::new();
    for &index in violated {
        bad.extend(value_of(index)?.split(" or "));
    }
    // An undecided finding over all traffic is answered by the rules restricted to what remains.
    for &index in undecided {
        if let Some(values) = value_of(index) {
            bad.extend(values.split(" or "));
        }
    }
    Some(bad)
}

fn remaining(case: Case<'_>, route: &Route, bad: &BTreeSet<&str>) -> Option<Scope> {
    let left = passing(case, route, bad).ok()?;
    Some(Scope::Segments {
        dimension: route.dimension.clone(),
        values: left.iter().map(|value| value.value.clone()).collect(),
        without: without(route, bad).map(|it| it.value.clone()).collect(),
        share: left.iter().map(|value| value.share).sum::<Option<f64>>(),
    })
}

fn without<'r>(route: &'r Route, bad: &BTreeSet<&str>) -> impl Iterator<Item = &'r RouteValue> {
    let values = route.values.iter();
    values.filter(|value| bad.contains(value.value.as_str()))
}

/// The values that are not bad, if a release to them alone passes; else why it does not.
fn passing<'r>(
    case: Case<'_>,
    route: &'r Route,
    bad: &BTreeSet<&str>,
) -> Result<Vec<&'r RouteValue>, String> {
    let left: Vec<&RouteValue> = route
        .values
        .iter()
        .filter(|value| !bad.contains(value.value.as_str()))
        .collect();
    if left.is_empty() {
        return Err("no value is left".to_owned());
    }
    if without(route, bad).next().is_none() {
        return Err("it lies in no value that examples have".to_owned());
    }
    let p: Vec<f64> = route
        .values
        .iter()
        .map(|value| value.p_requires.unwrap_or(0.0))
        .collect();
    let adjusted = multiplicity::holm(&p);
    let passes = |value: &RouteValue| {
        let place = route
            .values
            .iter()
            .position(|one| one.value == value.value)
            .unwrap_or(0);
        value_passes(case, value, adjusted[place])
    };
    let failing = left.iter().filter(|value| !passes(value));
    let failing: Vec<&str> = failing.map(|value| value.value.as_str()).collect();
    if !failing.is_empty() {
        let names = failing.join(", ");
        return Err(format!("not every rule is shown to hold in {names} alone"));
    }
    // Under `shown` something must be shown where the release goes: at least one require, as for a ship.
    let shown = left.iter().any(|value| value.p_requires.is_some());
    if case.manifest.decision.standard == Standard::Shown && !shown {
        return Err("no demand is shown in what would be left".to_owned());
    }
    Ok(left)
}

/// Why a hold is no narrow, where a rule that is violated asks for one.
pub(crate) fn refused(case: Case<'_>, violated: &[usize], undecided: &[usize]) -> Option<String> {
    let rule = |&index: &usize| case.rule(&case.analysis.findings[index]);
    let asks = |index: &usize| rule(index).violated == Some(Action::Narrow);
    if !violated.iter().any(asks) {
        return None;
    }
    if let Some(other) = violated.iter().find(|index| !asks(index)) {
        return Some(format!(
            "{} is violated too, and asks for more",
            rule(other).id
        ));
    }
    let reasons = case.analysis.routes.iter().map(|route| {
        let why = match bad_values(case, route, violated, undecided) {
            None => Err("what is violated lies in no one value of it".to_owned()),
            Some(bad) => passing(case, route, &bad).map(|_| ()),
        };
        let why = why.err().unwrap_or_default();
        format!("by {}, {why}", route.dimension)
    });
    let reasons: Vec<String> = reasons.collect();
    Some(match reasons.is_empty() {
        true => "nothing to route by is in the reference set".to_owned(),
        false => reasons.join("; "),
    })
}

/// Guards and nevers hold; requires hold after Holm over the values, or are optional under `unbroken`.
fn value_passes(case: Case<'_>, value: &RouteValue, adjusted: f64) -> bool {
    let unbroken = case.manifest.decision.standard == Standard::Unbroken;
    value
        .findings
        .iter()
        .filter(|finding| finding.deciding)
        .all(|finding| {
            let rule = case.rule(finding);
            match (&finding.standing, rule.verb) {
                (Standing::Holds, Verb::Require) => unbroken || adjusted <= rule.alpha_holds,
                (Standing::Holds, _) => true,
                (Standing::Violated, _) => false,
                (Standing::Undecided(reason), Verb::Require | Verb::Never) => {
                    unbroken
                        && !matches!(
                            reason,
                            Undecided::Missing { .. }
                                | Undecided::Unconfirmed { .. }
                                | Undecided::Unlabelled { .. }
                                | Undecided::JudgeUnfit { .. }
                        )
                }
                (Standing::Undecided(_), _) => false,
            }
        })
}
