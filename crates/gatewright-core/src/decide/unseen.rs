//! What this gate could not have seen, in plain words: the honest end of every answer.

use crate::analyse::slice_words;
use crate::decide::order::Case;
use crate::manifest::{Kind, Metric, Verb};

/// Names the losses that were too small to see, the traffic nothing speaks for, and the claims that rest on other examples.
pub(crate) fn unseen(case: Case<'_>) -> Vec<String> {
    let mut lines: Vec<String> = absent(case).into_iter().chain(unjudged(case)).collect();
    let requires = || {
        case.analysis
            .findings
            .iter()
            .filter(|finding| finding.deciding && case.rule(finding).verb == Verb::Require)
    };
    let shown = requires().any(|finding| finding.standing == crate::analyse::Standing::Holds);
    if !shown {
        lines.push("nothing is shown about traffic".to_owned());
    }
    if let Some(line) = smallest_losses(case) {
        lines.push(line);
    }
    if let Some(line) = other_mix(case) {
        lines.push(line);
    }
    for finding in requires() {
        if let Some(bound) = finding.measured.covered
            && finding.standing == crate::analyse::Standing::Holds
            && finding.measured.other.is_some()
            && matches!(
                case.rule(finding).metric,
                Metric::Share | Metric::PassHatK(_) | Metric::PassAtK(_) | Metric::Relation(_)
            )
        {
            let loss = if finding.measured.smaller_is_better {
                bound
            } else {
                -bound
            };
            if loss > 0.0 && loss < 1.0 {
                lines.push(format!(
                    "{}: a drop of up to {:.1} points in {} is not ruled out",
                    case.rule(finding).id,
                    loss * 100.0,
                    slice_words(&finding.slice)
                ));
            }
        }
    }
    if let Some(line) = repeated_attempts(case) {
        lines.push(line);
    }
    if case.context.sealed_after_outputs {
        lines.push("the rules were sealed after outputs existed".to_owned());
    }
    lines
}

/// Values that the page declares and no example has: whatever is true of them, no rule could have said so.
fn absent(case: Case<'_>) -> Option<String> {
    let all = &case.analysis.blind.absent;
    let named: Vec<String> = all
        .iter()
        .map(|it| {
            let share = it.share.map(|share| format!("{:.1}", share * 100.0));
            let share = share.map(|share| share.trim_end_matches(".0").to_owned());
            let share = share.map(|share| format!(" ({share} % of traffic)"));
            let (dimension, value) = (&it.dimension, &it.value);
            format!("{dimension} {value}{}", share.unwrap_or_default())
        })
        .collect();
    (!named.is_empty()).then(|| format!("no example at all of {}", named.join(", ")))
}

/// Examples on which no deciding rule has a verdict.
fn unjudged(case: Case<'_>) -> Option<String> {
    let (all, judged) = (case.analysis.blind.examples, case.analysis.blind.judged);
    (judged < all).then(|| {
        let without = all - judged;
        format!("{without} of {all} examples, on which no rule that decides has a verdict")
    })
}

/// Repairing until one passes is selection: the chances of a wrong ship add up over the attempts (statistics.md §4f).
fn repeated_attempts(case: Case<'_>) -> Option<String> {
    let attempt = case.context.attempt;
    if attempt < 2 {
        return None;
    }
    let requires = case
        .manifest
        .gate
        .iter()
        .filter(|rule| rule.verb == Verb::Require);
    let alpha = requires.map(|rule| rule.alpha_holds).fold(0.0, f64::max);
    let risk = if alpha > 0.0 {
        let percent = (f64::from(attempt) * alpha * 100.0).min(100.0);
        format!(": chances of a wrong ship add up to at most {percent:.0} %")
    } else {
        String::new()
    };
    let advice = if attempt > 3 {
        "; collect fresh examples"
    } else {
        ""
    };
    Some(format!(
        "release attempt {attempt} on these examples{risk}{advice}"
    ))
}

/// A loss below the trip limit of a guarded slice is invisible: the thinnest slice says how much that can be.
fn smallest_losses(case: Case<'_>) -> Option<String> {
    let guards: Vec<_> = case
        .analysis
        .findings
        .iter()
        .filter(|finding| {
            finding.deciding
                && finding.measured.trip_limit.is_some()
                && finding.measured.planned > 0
        })
        .collect();
    let limits: Vec<f64> = guards
        .iter()
        .filter_map(|finding| finding.measured.trip_limit)
        .collect();
    let (low, high) = (
        limits.iter().copied().reduce(f64::min)?.ceil(),
        limits.iter().copied().reduce(f64::max)?.ceil(),
    );
    let thin = guards.iter().max_by(|a, b| {
        share(a)
            .total_cmp(&share(b))
            .then_with(|| b.rule.cmp(&a.rule))
    })?;
    let limits = if (high - low).abs() < 0.5 {
        format!("{low:.0}")
    } else {
        format!("{low:.0} to {high:.0}")
    };
    let (needed, of) = (thin.measured.trip_limit?.ceil(), thin.measured.planned);
    let place = slice_words(&thin.slice);
    let thinnest = if needed > of as f64 {
        format!("{place} has only {of}, so no loss there can be seen")
    } else {
        format!("thinnest: {place}, {needed:.0} of {of}")
    };
    Some(format!(
        "a loss under {limits} examples in a guarded segment ({thinnest})"
    ))
}

fn share(finding: &crate::analyse::Finding) -> f64 {
    finding.measured.trip_limit.unwrap_or(0.0) / finding.measured.planned.max(1) as f64
}

/// Requires that rest on kinds other than traffic speak about this mix of examples only.
fn other_mix(case: Case<'_>) -> Option<String> {
    let widened: Vec<&str> = case
        .manifest
        .gate
        .iter()
        .filter(|rule| rule.verb == Verb::Require)
        .filter(|rule| {
            rule.from
                .as_ref()
                .is_some_and(|kinds| kinds.iter().any(|kind| *kind != Kind::Traffic))
        })
        .map(|rule| rule.id.as_str())
        .collect();
    (!widened.is_empty()).then(|| {
        format!(
            "{}: shown on this mix of examples, not on traffic",
            widened.join(", ")
        )
    })
}
