//! Requires: claims about traffic, by one-sided bounds against a limit (design.md §6, statistics.md §1–§3, §7).
//!
//! Rows are kept twice: *worst* (missing outcomes of the candidate fail, of the other system pass) carries `holds`;
//! *observed* carries `violated`. So removing an outcome can never produce `holds`.

use gatewright_stats::choose;
use gatewright_stats::estimate::{Bounds, Undefined};
use gatewright_stats::special::norm_ppf;
use gatewright_stats::{cluster, power, quantile};

use crate::analyse::behavioural::Probed;
use crate::analyse::rows::{Column, Statistic, Table, tabulate};
use crate::analyse::scores::Scores;
use crate::analyse::slice::Members;
use crate::analyse::weight::{Weights, weights_for};
use crate::analyse::{Measured, People, Standing, Undecided};
use crate::manifest::{Compare, Grader, Manifest, Metric, Role, Rule, Subject};
use crate::plan::Plan;
use crate::reference::ReferenceSet;

/// Everything an evaluation looks at.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) reference: &'a ReferenceSet,
    pub(crate) plan: &'a Plan,
    pub(crate) scores: &'a Scores,
    pub(crate) people: &'a People,
    /// Examples that test something.
    pub(crate) probed: &'a [Probed],
    /// Whether p-values are wanted: only a narrow compares them, over the values of a route.
    pub(crate) p_values: bool,
    /// Scale of the severest classes' costs: 1, or another to see whether a cost verdict hangs on the guess.
    pub(crate) cost_scale: f64,
}

/// Evaluates a require (or a watch with a comparison) in one slice.
pub(crate) fn evaluate(
    inputs: Inputs<'_>,
    rule: &Rule,
    members: &Members,
) -> (Measured, Standing, Vec<u32>) {
    let weights = weights_for(inputs.manifest, inputs.reference, rule, members);
    let smaller = smaller_is_better(inputs.manifest, rule);
    let (table, statistic) = tabulate(inputs, rule, members, &weights, smaller);
    let limit = limit(rule, smaller);
    let mut measured = Measured {
        planned: table.planned,
        n: table.observed.value.len() as u64,
        n_eff: table.observed.value.len() as f64,
        limit: Some(limit),
        smaller_is_better: smaller,
        missing: table.missing,
        lost: table.lost.len() as u64,
        gained: table.gained,
        net_loss: table.net_loss,
        raked: weights.raked.clone(),
        unweighed: weights.unweighed.clone(),
        trimmed: table.mass.trimmed(),
        ..Measured::default()
    };
    if compared_with(rule).is_none() {
        measured.value = point(statistic, &table.observed);
    } else if table.sums.2 > 0.0 {
        // Both systems on the same rows and weights as their difference. A preference has no value of the other alone.
        measured.value = Some(table.sums.0 / table.sums.2);
        measured.other = (!table.preference).then(|| table.sums.1 / table.sums.2);
    }
    let mut lost = table.lost.clone();
    lost.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let examples: Vec<u32> = lost.into_iter().map(|(_, example)| example).collect();
    let standing = judge(
        (rule, inputs.p_values),
        statistic,
        &table,
        &weights,
        limit,
        smaller,
        &mut measured,
    );
    if rule.metric == Metric::FailureCost && inputs.cost_scale == 1.0 {
        let other = |scale: f64| {
            evaluate(
                Inputs {
                    cost_scale: scale,
                    ..inputs
                },
                rule,
                members,
            )
            .1
        };
        measured.cost_fragile = Some(
            [0.5, 2.0]
                .into_iter()
                .any(|scale| verdict_kind(&other(scale)) != verdict_kind(&standing)),
        );
    }
    (measured, standing, examples)
}

/// Holds, violated or undecided, whatever the reason.
fn verdict_kind(standing: &Standing) -> u8 {
    match standing {
        Standing::Holds => 0,
        Standing::Violated => 1,
        Standing::Undecided(_) => 2,
    }
}

/// The verdict from bounds at the rule's levels (statistics.md §3).
fn judge(
    (rule, p_values): (&Rule, bool),
    statistic: Statistic,
    table: &Table,
    weights: &Weights,
    limit: f64,
    smaller: bool,
    measured: &mut Measured,
) -> Standing {
    if table.planned == 0 {
        return Standing::Undecided(Undecided::Empty);
    }
    if let Some(unraked) = weights.unraked.clone() {
        return Standing::Undecided(unraked.into());
    }
    let [holds_bounds, violated_bounds] = both_bounds(statistic, table, rule, smaller);
    if let Ok(found) = &violated_bounds {
        measured.clusters = found.clusters;
        measured.n_eff = found.n_eff;
        let beyond = if smaller {
            found.lower > limit
        } else {
            found.upper < limit
        };
        measured.for_violated = Some(found.clone());
        if beyond {
            measured.for_holds = holds_bounds.ok();
            return Standing::Violated;
        }
    }
    let largest = table.mass.largest();
    let undecided = |reason| Standing::Undecided(reason);
    let found = match holds_bounds {
        Ok(found) => found,
        Err(_) if table.missing > 0 => {
            return undecided(Undecided::Missing {
                units: table.missing,
            });
        }
        Err(Undefined::Empty) => return undecided(Undecided::Empty),
        Err(Undefined::TooFewClusters { clusters }) => {
            return undecided(Undecided::TooFewSources { clusters });
        }
        Err(Undefined::FewDegreesOfFreedom { shown, .. }) => {
            let clusters = shown.clusters;
            (measured.clusters, measured.n_eff) = (clusters, shown.n_eff);
            measured.for_holds = Some(*shown);
            return undecided(Undecided::TooFewSources { clusters });
        }
        Err(Undefined::TooFewForQuantile { needs }) => {
            return undecided(Undecided::Unbounded { needs: Some(needs) });
        }
        Err(_) => return undecided(Undecided::Unbounded { needs: None }),
    };
    if p_values {
        measured.p_holds = p_holds(statistic, &table.worst, limit, smaller);
    }
    let unspoken = table.mass.unspoken(weights.uncovered);
    let covered = worst_over_uncovered(statistic, &found, unspoken, smaller);
    measured.covered = Some(covered);
    let holds = if smaller {
        covered < limit
    } else {
        covered > limit
    };
    measured.for_holds = Some(found.clone());
    if holds && largest <= 0.1 {
        return weights.holding();
    }
    if table.missing > 0 {
        return undecided(Undecided::Missing {
            units: table.missing,
        });
    }
    if holds {
        return undecided(Undecided::DominantWeight { share: largest });
    }
    let would_hold = if smaller {
        found.upper < limit
    } else {
        found.lower > limit
    };
    if unspoken > 0.0 && would_hold {
        return undecided(Undecided::CoverageGap {
            uncovered: weights.uncovered,
            trimmed: table.mass.trimmed(),
        });
    }
    undecided(Undecided::TooFew {
        more: more_examples(rule, statistic, table, &found, (limit, unspoken, smaller)),
    })
}

/// The estimate itself, whether or not these rows carry a bound.
fn point(statistic: Statistic, column: &Column) -> Option<f64> {
    if column.value.is_empty() {
        return None;
    }
    let weight = |row: usize| column.weight.as_ref().map_or(1.0, |weights| weights[row]);
    let total: f64 = (0..column.value.len()).map(weight).sum();
    let found = match statistic {
        Statistic::Quantile(p) => {
            choose::quantile_point(&column.value, column.weight.as_deref(), p)?
        }
        // Numerator and denominator are weighted already.
        Statistic::Ratio => {
            column.value.iter().sum::<f64>() / column.denominator.iter().sum::<f64>()
        }
        _ => {
            (0..column.value.len())
                .map(|row| weight(row) * column.value[row])
                .sum::<f64>()
                / total
        }
    };
    found.is_finite().then_some(found)
}

/// The bounds that carry `holds` and `violated`, each at its level.
fn both_bounds(
    statistic: Statistic,
    table: &Table,
    rule: &Rule,
    smaller: bool,
) -> [Result<Bounds, Undefined>; 2] {
    let (worst, observed) = (&table.worst, &table.observed);
    let alphas = [rule.alpha_holds, rule.alpha_violated];
    // Where nothing is missing both are the same rows, and most of the work is the same too.
    if worst == observed {
        match statistic {
            Statistic::Share => return choose::pass_rate_at(&worst.rows(), alphas),
            Statistic::Difference => return choose::paired_difference_at(&worst.rows(), alphas),
            _ => {}
        }
    }
    [
        both_ways(statistic, table, alphas[0], smaller),
        bounds(statistic, observed, alphas[1]),
    ]
}

/// The bounds with what is missing at its worst, or at its best where those show less. A failure that is made up makes rows vary that may not have
/// varied, and bounds of rows that vary may be narrower: leaving an answer out must never make anything surer.
fn both_ways(
    statistic: Statistic,
    table: &Table,
    alpha: f64,
    smaller: bool,
) -> Result<Bounds, Undefined> {
    let worst = bounds(statistic, &table.worst, alpha)?;
    if table.missing == 0 || !statistic.has_best() {
        return Ok(worst);
    }
    let best = bounds(statistic, &table.best, alpha)?;
    Ok(if smaller {
        Bounds {
            upper: worst.upper.max(best.upper),
            ..worst
        }
    } else {
        Bounds {
            lower: worst.lower.min(best.lower),
            ..worst
        }
    })
}

fn bounds(statistic: Statistic, column: &Column, alpha: f64) -> Result<Bounds, Undefined> {
    match statistic {
        Statistic::Share => choose::pass_rate(&column.rows(), alpha),
        Statistic::Difference => choose::paired_difference(&column.rows(), alpha),
        Statistic::Mean => choose::mean(&column.rows(), alpha),
        Statistic::Quantile(p) => {
            // Timeouts stand at +∞: the design effect is that of the finite values.
            let finite: Vec<usize> = (0..column.value.len())
                .filter(|&row| column.value[row].is_finite())
                .collect();
            let values: Vec<f64> = finite.iter().map(|&row| column.value[row]).collect();
            let clusters: Vec<u32> = finite.iter().map(|&row| column.cluster[row]).collect();
            let deff = match cluster::cluster_mean(&values, &clusters, None) {
                Ok(mean) => mean.deff(),
                // One source is no sample, however many rows it has.
                Err(why @ Undefined::TooFewClusters { .. }) if values.len() > 1 => return Err(why),
                Err(_) => 1.0,
            };
            // Those without a value may all be of one source: leaving it out must not make the others many.
            let is_infinite = |value: &f64| f64::from(u8::from(value.is_infinite()));
            let infinite: Vec<f64> = column.value.iter().map(is_infinite).collect();
            let of_infinite = cluster::cluster_mean(&infinite, &column.cluster, None);
            let deff = of_infinite.map_or(deff, |mean| deff.max(mean.deff()));
            choose::weighted_quantile(
                &column.value,
                column.weight.as_deref(),
                p,
                alpha,
                deff.max(1.0),
            )
        }
        Statistic::Cost(low, most) => choose::cost(&column.rows(), (low, most), alpha),
        Statistic::Ratio => {
            choose::ratio(&column.value, &column.denominator, &column.cluster, alpha)
        }
    }
}

fn p_holds(statistic: Statistic, column: &Column, limit: f64, smaller: bool) -> Option<f64> {
    match (statistic, smaller) {
        (Statistic::Share, false) => choose::p_above_pass_rate(&column.rows(), limit).ok(),
        (Statistic::Share, true) => choose::p_below_pass_rate(&column.rows(), limit).ok(),
        (Statistic::Difference, false) => choose::p_above_difference(&column.rows(), limit).ok(),
        (Statistic::Difference, true) => choose::p_below_difference(&column.rows(), limit).ok(),
        (Statistic::Mean, false) => choose::p_above_mean(&column.rows(), limit).ok(),
        (Statistic::Mean, true) => choose::p_below_mean(&column.rows(), limit).ok(),
        (Statistic::Quantile(_) | Statistic::Ratio | Statistic::Cost(..), _) => None,
    }
}

/// The hold-side bound when traffic that the examples do not speak for is put at its worst.
pub(super) fn worst_over_uncovered(
    statistic: Statistic,
    found: &Bounds,
    uncovered: f64,
    smaller: bool,
) -> f64 {
    let bound = if smaller { found.upper } else { found.lower };
    let worst = match (statistic, smaller) {
        (Statistic::Share, false) => 0.0,
        (Statistic::Difference, false) => -1.0,
        (Statistic::Share | Statistic::Difference, true) => 1.0,
        (Statistic::Cost(_, most), true) => most,
        (Statistic::Cost(low, _), false) => low,
        // A mean or quantile has no worst value: the page cannot claim it over traffic it has no example of.
        (_, true) if uncovered > 0.0 => f64::INFINITY,
        (_, false) if uncovered > 0.0 => f64::NEG_INFINITY,
        _ => 0.0,
    };
    if uncovered > 0.0 {
        (1.0 - uncovered) * bound + uncovered * worst
    } else {
        bound
    }
}

/// How many more examples would show it, if they are like these. Nothing only where what was seen is not on the right side of the limit:
/// then no number of examples like these would.
fn more_examples(
    rule: &Rule,
    statistic: Statistic,
    table: &Table,
    found: &Bounds,
    (limit, unspoken, smaller): (f64, f64, bool),
) -> Option<u64> {
    let n = table.worst.value.len() as u64;
    let needed = match statistic {
        Statistic::Difference => unchanged(rule, table, found, (limit, smaller)),
        Statistic::Share if !smaller && unspoken <= 0.0 && found.point > limit => {
            power::n_for_floor(found.point, limit, rule.alpha_holds, 0.8)
        }
        Statistic::Share if smaller && unspoken <= 0.0 && found.point < limit => {
            power::n_for_floor(1.0 - found.point, 1.0 - limit, rule.alpha_holds, 0.8)
        }
        _ => None,
    };
    let needed = needed
        .filter(|needed| *needed > n)
        .or_else(|| narrower(rule, statistic, found, (limit, unspoken, smaller)))?;
    Some(needed.saturating_sub(n).max(1))
}

/// Pairs that a margin needs, if the disagreement stays as seen and nothing has changed; or where that many are there already, as seen.
fn unchanged(
    rule: &Rule,
    table: &Table,
    found: &Bounds,
    (limit, smaller): (f64, bool),
) -> Option<u64> {
    let n = table.worst.value.len() as u64;
    let discordance = table.worst.value.iter().map(|d| d * d).sum::<f64>() / n.max(1) as f64;
    let margin = if smaller { limit } else { -limit };
    if margin <= 0.0 {
        return None;
    }
    let deff = found.deff.unwrap_or(1.0).max(1.0);
    let planned = |delta: f64| {
        let discordance = discordance.max(0.01).max(delta.abs());
        power::n_non_inferiority(discordance, delta, margin, rule.alpha_holds, 0.8, deff).ok()
    };
    match planned(0.0)? {
        needed if needed > n => Some(needed),
        _ => {
            let seen = if smaller { -found.point } else { found.point };
            planned(seen.min(0.0)).filter(|needed| *needed > n)
        }
    }
}

/// Rows at which a bound that narrows with the root of their number is inside the limit four times in five, what was seen staying as it is.
fn narrower(
    rule: &Rule,
    statistic: Statistic,
    found: &Bounds,
    (limit, unspoken, smaller): (f64, f64, bool),
) -> Option<u64> {
    let seen = Bounds {
        lower: found.point,
        upper: found.point,
        ..found.clone()
    };
    let seen = worst_over_uncovered(statistic, &seen, unspoken, smaller);
    let (room, half) = if smaller {
        (limit - seen, found.upper - found.point)
    } else {
        (seen - limit, found.point - found.lower)
    };
    if room.is_nan() || room <= 0.0 {
        return None;
    }
    if !half.is_finite() {
        // A quantile that has no bound on this side yet.
        return match statistic {
            Statistic::Quantile(p) => {
                let p = if smaller { p } else { 1.0 - p };
                Some(quantile::min_n_for_upper(p, rule.alpha_holds))
            }
            _ => None,
        };
    }
    let z = -norm_ppf(rule.alpha_holds);
    let half = half * (1.0 - unspoken) * (z + norm_ppf(0.8)) / z;
    let needed = found.n as f64 * (half / room).powi(2);
    (needed.is_finite() && needed < 1e12).then(|| needed.ceil() as u64)
}

/// The other system of a comparison.
pub(crate) fn compared_with(rule: &Rule) -> Option<Role> {
    rule.than()
}

/// The system that a rule is about.
pub(crate) fn subject_role(rule: &Rule) -> Role {
    rule.of()
}

/// True when smaller values of the rule's metric are better.
pub(crate) fn smaller_is_better(manifest: &Manifest, rule: &Rule) -> bool {
    let measured = matches!(rule.metric, Metric::Mean | Metric::Quantile(_));
    let cost_like = match rule.subject {
        Subject::Criterion(criterion) => matches!(
            manifest.criteria[criterion as usize].grader,
            Grader::Latency { .. } | Grader::Cost { .. }
        ),
        Subject::Class(_) => true,
    };
    matches!(rule.metric, Metric::FailureCost | Metric::CostPerSolved)
        || (measured && cost_like)
        || matches!(rule.compare, Compare::AtMost { .. })
}

/// The limit that the statistic is held against.
pub(super) fn limit(rule: &Rule, smaller: bool) -> f64 {
    let sign = if smaller { -1.0 } else { 1.0 };
    match rule.compare {
        Compare::NoWorse { margin, .. } => -sign * margin,
        Compare::Better { by, .. } => sign * by,
        Compare::AtLeast { floor, .. } => floor,
        Compare::AtMost { ceiling, .. } => ceiling,
        Compare::Nothing { .. } => 0.0,
    }
}
