//! What a rule can and cannot show at this n, before anything is run (statistics.md §5).

use gatewright_stats::choose::whole_rows;
use gatewright_stats::paired::tango_z;
use gatewright_stats::power::{
    mde_paired, n_for_floor, n_non_inferiority, power_floor_cp, power_paired_tango,
};
use gatewright_stats::proportion::{zero_event_n, zero_event_upper};
use gatewright_stats::quantile::min_n_for_upper;
use gatewright_stats::special::{norm_cdf, norm_ppf};

use super::sight::Sight;
use crate::manifest::{Compare, Metric, Rule, Verb};

/// Share of examples on which two systems disagree where nothing is known of it.
pub(super) const DISCORDANCE: f64 = 0.10;
/// The power that a plan aims at.
pub(super) const POWER: f64 = 0.8;
/// Largest n of an exact sum; beyond it the normal approximation is within a point.
const EXACT_N: u64 = 300;

/// A rule that no data could make hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Impossible {
    pub(super) what: String,
    pub(super) instead: String,
}

/// Says why no data of this size could make a rule hold, if none could.
pub(super) fn impossible(rule: &Rule, sight: &Sight, trials: u32) -> Option<Impossible> {
    let n = sight.independent();
    let alpha = rule.alpha_holds;
    if let (Verb::Never, Some(cap)) = (rule.verb, rule.cap) {
        let upper = zero_event_upper(n, alpha).ok()?;
        let needed = zero_event_n(cap, alpha).ok()?;
        return (upper > cap).then(|| Impossible {
            what: format!("{n} independent examples without an event can promise at most {} %, not {} %", percent(upper), percent(cap)),
            instead: format!("{needed} examples, or `cap: {} %`, or no cap: one event is still enough to violate it", percent_up(upper)),
        });
    }
    if rule.verb != Verb::Require {
        return None;
    }
    match (rule.metric, rule.compare) {
        (Metric::Share | Metric::Relation(_), Compare::AtLeast { floor, .. }) => {
            floor_unreachable(n, floor, alpha)
        }
        (Metric::Share | Metric::Relation(_), Compare::AtMost { ceiling, .. }) => {
            floor_unreachable(n, 1.0 - ceiling, alpha)
        }
        (Metric::Share | Metric::Relation(_), Compare::NoWorse { margin, .. }) => {
            pair_unreachable(n, -margin, alpha)
        }
        (Metric::Share | Metric::Relation(_), Compare::Better { by, .. }) => {
            pair_unreachable(n, by, alpha)
        }
        (Metric::Quantile(_), _) => {
            // The analysis takes ranks at Kish's number over the design effect that it finds, which may be 1.
            let (n, needed) = (whole_rows(sight.weighed), ranks_needed(rule)?);
            (n < needed).then(|| Impossible {
                what: format!("a bound on this quantile needs {needed} examples, and {n} carry it"),
                instead: format!("{needed} examples, or the share over the limit: `metric: share`"),
            })
        }
        (Metric::PassHatK(k) | Metric::PassAtK(k), _) if k > trials && trials > 1 => {
            Some(Impossible {
                what: format!("{k} uses in a row need {k} trials, and {trials} are planned"),
                instead: format!("`trials: {k}`"),
            })
        }
        _ => None,
    }
}

fn floor_unreachable(n: u64, floor: f64, alpha: f64) -> Option<Impossible> {
    let reached = power_floor_cp(n, floor, 1.0, alpha).ok()?.min_passes;
    if reached.is_some() {
        return None;
    }
    let shown = alpha.powf(1.0 / n.max(1) as f64);
    let what = format!(
        "{n} of {n} independent passes only show {} %, not {} %",
        percent(shown),
        percent(floor)
    );
    let instead = match n_for_floor(1.0, floor, alpha, POWER) {
        Some(needed) => format!(
            "{needed} examples or more, or a floor under {} %, or a guard",
            percent(shown)
        ),
        None => "a floor below 100 %: a bound is always below what it bounds".to_owned(),
    };
    Some(Impossible { what, instead })
}

/// The most one-sided table there is: every pair won by the candidate.
fn pair_unreachable(n: u64, limit: f64, alpha: f64) -> Option<Impossible> {
    let z = -norm_ppf(alpha);
    if n > 0 && tango_z(n as f64, 0.0, n as f64, limit) > z {
        return None;
    }
    let needed = (1..=1000).find(|&n| tango_z(f64::from(n), 0.0, f64::from(n), limit) > z);
    Some(Impossible {
        what: format!("{n} independent examples could not hold it if the candidate won every one"),
        instead: match needed {
            Some(needed) => format!("{needed} examples or more, or a guard"),
            None => "a smaller difference".to_owned(),
        },
    })
}

/// Rows that a limit on a quantile needs before it has a bound at all.
pub(super) fn ranks_needed(rule: &Rule) -> Option<u64> {
    match (rule.metric, rule.compare) {
        (Metric::Quantile(p), Compare::AtMost { .. }) => Some(min_n_for_upper(p, rule.alpha_holds)),
        (Metric::Quantile(p), Compare::AtLeast { .. }) => {
            Some(min_n_for_upper(1.0 - p, rule.alpha_holds))
        }
        _ => None,
    }
}

/// Says how likely a require of no worse holds when nothing changed.
pub(super) fn no_worse(n_eff: f64, margin: f64, alpha: f64) -> Option<f64> {
    let n = n_eff.floor() as u64;
    if n == 0 || margin <= 0.0 {
        return None;
    }
    if n <= EXACT_N {
        return Some(
            power_paired_tango(n, DISCORDANCE, 0.0, margin, alpha)
                .ok()?
                .holds,
        );
    }
    Some(norm_cdf(
        margin * (n_eff / DISCORDANCE).sqrt() + norm_ppf(alpha),
    ))
}

/// The margin, in whole points, that n pairs carry at the power aimed at.
pub(super) fn carried(n_eff: f64, alpha: f64) -> Option<u64> {
    (n_eff >= 1.0).then(|| {
        let k = norm_ppf(POWER) - norm_ppf(alpha);
        (100.0 * k * (DISCORDANCE / n_eff).sqrt() - 1e-9).ceil() as u64
    })
}

/// Pairs that a margin needs, not counting any design effect.
pub(super) fn needed(margin: f64, alpha: f64) -> Option<u64> {
    n_non_inferiority(DISCORDANCE, 0.0, margin, alpha, POWER, 1.0).ok()
}

/// The smallest drop that can be shown, and whether it is less than all disagreement there is.
pub(super) fn smallest_drop(n_eff: f64, alpha: f64) -> Option<(f64, bool)> {
    let mde = mde_paired(n_eff.floor() as u64, DISCORDANCE, alpha, POWER, 1.0).ok()?;
    Some((mde.mde, mde.visible))
}

/// Chance that a floor holds at a pass rate.
pub(super) fn floor_holds(n_eff: f64, floor: f64, rate: f64, alpha: f64) -> Option<f64> {
    let found = power_floor_cp(n_eff.floor() as u64, floor, rate, alpha).ok()?;
    Some(found.power)
}

/// Examples that a floor needs at a pass rate.
pub(super) fn floor_needs(floor: f64, rate: f64, alpha: f64) -> Option<u64> {
    n_for_floor(rate, floor, alpha, POWER)
}

/// A share in percent, with one decimal where it matters.
pub(super) fn percent(share: f64) -> String {
    let value = (share * 1000.0).round() / 10.0;
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// A share in percent, rounded up to one decimal.
fn percent_up(share: f64) -> String {
    percent((share * 1000.0).ceil() / 1000.0)
}
