//! What a finding rests on, in words: the numbers that stand beside its sentence wherever it is said.

use crate::analyse::{Finding, Standing};
use crate::manifest::{Metric, Rule, Subject, Verb};
use crate::report::model::{EstimateView, Unit};
use crate::report::tables::shown;
use crate::report::view::{Materials, estimate};
use crate::report::{pictures, sentence, words};

/// "24 examples, effective n 24, 0 missing outcomes, change −20.8 points (−37.8 to −3.8, 95 % interval, Tango score)".
pub(super) fn rests_on(materials: &Materials<'_>, finding: &Finding) -> String {
    let measured = &finding.measured;
    let rule = &materials.manifest.gate[finding.rule];
    let mut parts = vec![
        words::counted(measured.n, "example"),
        format!(
            "effective n {}",
            words::short(effective_n(materials, finding), 1)
        ),
        words::counted(measured.missing, "missing outcome"),
    ];
    if measured.labelled > 0 {
        parts.push(format!(
            "{} labelled by people",
            words::count(measured.labelled)
        ));
    }
    parts.push(match rule.verb {
        Verb::Never => events(rule, finding),
        _ => interval(materials, finding),
    });
    if let Some(fresh) = &measured.fresh {
        let share = |value| words::amount(Unit::Share, value);
        parts.push(format!(
            "fresh runs lose {} (at least {} at one-sided 95 % for run noise, {} calls)",
            share(fresh.loss),
            share(fresh.bound),
            words::count(fresh.calls)
        ));
    } else if let Some(p) = measured.sign_p {
        parts.push(format!("exact sign test p {}", words::short(p, 4)));
    }
    parts.join(", ")
}

/// Of a never, one event is enough; where there is none, what could still be.
fn events(rule: &Rule, finding: &Finding) -> String {
    match finding.measured.value {
        Some(most) if finding.measured.events == 0 => format!(
            "at most {} of traffic at one-sided {} (exact binomial, no event in effective n)",
            words::amount(Unit::Share, most),
            words::amount(Unit::Share, 1.0 - rule.alpha_holds)
        ),
        _ => "no interval: one event is enough, and none is no rate".to_owned(),
    }
}

/// The estimate with its interval, or why there is none.
fn interval(materials: &Materials<'_>, finding: &Finding) -> String {
    let rule = &materials.manifest.gate[finding.rule];
    let unit = sentence::unit(materials.manifest, rule);
    let compares = sentence::compares(rule);
    let (found, why) = behind(materials, finding);
    let Some(found) = found else {
        let why = why.unwrap_or_else(|| "none was computed".to_owned());
        return format!("no interval: {why}");
    };
    let mut text = match compares {
        true => format!("change {}", words::change(unit, found.point)),
        false => words::amount(unit, found.point),
    };
    text.push_str(&format!(" ({})", words::interval(unit, compares, &found)));
    if let Some(why) = why {
        text.push_str(&format!("; {why}"));
    }
    // Of the two bounds that of the judgement is the one that traffic without examples widened.
    let judged = finding.measured.covered.filter(|it| it.is_finite());
    let of_examples = [found.lower, found.upper];
    if let Some(judged) = judged.filter(|it| !of_examples.contains(&Some(*it))) {
        let point = if compares {
            words::change
        } else {
            words::amount
        };
        text.push_str(&format!(
            ", {} with traffic that has no example at its worst",
            point(unit, judged)
        ));
    }
    text
}

/// The estimate that a finding's sentence speaks of. A guard counts examples: its segment's own difference stands beside it.
pub(super) fn behind(
    materials: &Materials<'_>,
    finding: &Finding,
) -> (Option<EstimateView>, Option<String>) {
    let rule = &materials.manifest.gate[finding.rule];
    let measured = &finding.measured;
    let (holds, violated) = (measured.for_holds.as_ref(), measured.for_violated.as_ref());
    let own = match finding.standing {
        Standing::Violated => violated.or(holds),
        Standing::Holds | Standing::Undecided(_) => holds.or(violated),
    };
    if let Some(own) = own {
        return (Some(estimate(own)), None);
    }
    let counts = matches!(rule.verb, Verb::Guard | Verb::Watch) && rule.metric == Metric::Share;
    let of_cell = || {
        let Subject::Criterion(criterion) = rule.subject else {
            return None;
        };
        let cell = pictures::cell(materials, criterion, &finding.slice)?;
        let paired = cell.against.get(&sentence::other(rule)?)?;
        // A rule that takes some kinds only rests on fewer examples than its segment's row in the tables.
        Some(match paired.n == measured.n {
            true => shown(&paired.difference),
            false => (
                None,
                Some("its segment's own holds other examples".to_owned()),
            ),
        })
    };
    let found = counts.then(of_cell).flatten();
    found.unwrap_or((None, None))
}

/// How many independent examples a finding's own are worth: where it counts and its segment's interval stands beside it, as that has it.
pub(super) fn effective_n(materials: &Materials<'_>, finding: &Finding) -> f64 {
    let measured = &finding.measured;
    let is_count = measured.for_holds.is_none() && measured.for_violated.is_none();
    let beside = is_count.then(|| behind(materials, finding).0).flatten();
    beside.map_or(measured.n_eff, |shown| shown.n_eff)
}
