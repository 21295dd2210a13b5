//! What a rule compares with, in the unit of what it measures.

use crate::manifest::node::Node;
use crate::manifest::quantity::{self, NotAQuantity};
use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{Compare, Grader, Manifest, Metric, PartsRule, Role, Subject, Verb};

/// The unit of what a rule measures, and so of its margin and threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Share,
    Milliseconds,
    Dollars,
    Money,
    Plain,
}

pub(super) fn unit(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    metric: Metric,
    subject: Subject,
    verb: Verb,
    page: &Manifest,
) -> Unit {
    let grader = match subject {
        Subject::Criterion(index) => Some(&page.criteria[usize::from(index)].grader),
        Subject::Class(_) => None,
    };
    let value = match grader {
        Some(Grader::Latency { .. }) => Unit::Milliseconds,
        Some(Grader::Cost { .. }) => Unit::Dollars,
        Some(Grader::Label(label)) if label.score => Unit::Plain,
        Some(Grader::Similarity { .. }) => Unit::Plain,
        _ => Unit::Share,
    };
    let parts = match grader {
        Some(Grader::Label(label)) => label.parts == Some(PartsRule::Share),
        Some(Grader::Instructions { parts, .. }) => *parts == Some(PartsRule::Share),
        _ => false,
    };
    let unit = match metric {
        Metric::Share | Metric::PassHatK(_) | Metric::PassAtK(_) | Metric::Relation(_) => {
            Unit::Share
        }
        Metric::Mean | Metric::Quantile(_) => value,
        Metric::CostPerSolved => Unit::Dollars,
        Metric::FailureCost => Unit::Money,
    };
    if let (Subject::Class(_), Some(node)) = (subject, fields.get("at_most"))
        && metric == Metric::Share
    {
        w.error(
            node,
            "at-most-of-class",
            "the share of a class counts answers without it, and this limits those",
            "`at_least: 98 %` for at most 2 % with the failure, or `never:` with a `cap:`",
        );
    }
    let Some(node) = fields.get("metric") else {
        return unit;
    };
    if matches!(metric, Metric::Quantile(_)) && value == Unit::Share && !parts {
        w.error(
            node,
            "metric-without-value",
            "a quantile of passes and failures",
            "a criterion with a value: latency, cost, or a label with `score: true`",
        );
    }
    if matches!(subject, Subject::Class(_))
        && !matches!(metric, Metric::Share | Metric::FailureCost)
    {
        w.error(
            node,
            "metric-of-class",
            "a class has no such number",
            "`metric: share` or `failure_cost`, or a criterion",
        );
    }
    if metric == Metric::CostPerSolved && grader.is_some_and(only_measures) {
        w.error(
            node,
            "metric-without-pass",
            "what is solved is not said: this criterion measures, and nothing passes it",
            "a criterion that passes or fails what is to be solved, or a limit on this one",
        );
    }
    let pairs = !matches!(metric, Metric::Quantile(_) | Metric::CostPerSolved);
    if !pairs && fields.has("against") {
        let what = "a quantile or a ratio of two systems cannot be compared example by example";
        let instead = "`at_most:` for the candidate, or the share within a limit: `at_most` on the criterion and a margin on its share";
        w.error(node, "metric-of-comparison", what, instead);
    }
    let decides_by_share = match verb {
        Verb::Never => metric == Metric::Share,
        Verb::Guard => unit == Unit::Share && matches!(metric, Metric::Share | Metric::Mean),
        Verb::Require | Verb::Watch => true,
    };
    if !decides_by_share {
        let what = format!("a {} counts answers, and this metric does not", verb.word());
        w.error(
            node,
            "metric-of-verb",
            what,
            "`metric: share`, or a `require` or `watch` for other metrics",
        );
    }
    unit
}

/// Says whether a grader gives a value and no verdict: money divided by such values is no price of anything.
fn only_measures(grader: &Grader) -> bool {
    match grader {
        Grader::Latency { at_most_ms, .. } => at_most_ms.is_none(),
        Grader::Cost { at_most_usd } => at_most_usd.is_none(),
        Grader::Similarity { at_least, .. } => at_least.is_none(),
        _ => false,
    }
}

fn amount(unit: Unit, difference: bool) -> fn(&str) -> Result<f64, NotAQuantity> {
    match (unit, difference) {
        (Unit::Share, true) => quantity::points,
        (Unit::Share, false) => quantity::share,
        (Unit::Milliseconds, _) => quantity::milliseconds,
        (Unit::Dollars, _) => quantity::dollars,
        (Unit::Money, _) => |text| quantity::money(text).map(|cost| cost.amount),
        (Unit::Plain, _) => |text| match text.ends_with('%') {
            true => quantity::share(text),
            false => quantity::number(text),
        },
    }
}

/// Reads a role that must be among the page's systems.
fn role(w: &mut Walk<'_>, fields: &Fields<'_>, key: &str, page: &Manifest) -> Option<Role> {
    let role = w.word_at(fields, key, &Role::ALL.map(|role| (role.word(), role)))?;
    if !page.systems.contains_key(&role)
        && let Some(node) = fields.get(key)
    {
        let what = format!("`{}` is not among the page's systems", role.word());
        w.error(
            node,
            "undefined-system",
            what,
            format!("add `{}:` under `systems`", role.word()),
        );
    }
    Some(role)
}

/// The ways to compare; a rule has at most one.
const WAYS: [&str; 4] = ["margin", "better_by", "at_least", "at_most"];

/// Reads what a rule compares with.
pub(super) fn read(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    node: &Node,
    verb: Verb,
    unit: Unit,
    page: &Manifest,
) -> Option<Compare> {
    let against = role(w, fields, "against", page);
    let of = role(w, fields, "of", page);
    let margin = w.quantity_at(fields, "margin", amount(unit, true));
    let better = w.quantity_at(fields, "better_by", amount(unit, true));
    let floor = w.quantity_at(fields, "at_least", amount(unit, false));
    let ceiling = w.quantity_at(fields, "at_most", amount(unit, false));
    sides(w, fields, against);
    if let (Some(floor), Some(ceiling)) = (floor, ceiling)
        && floor > ceiling
    {
        let what = "`at_least` is above `at_most`";
        w.error(
            node,
            "min-above-max",
            what,
            "one of the two, in a rule each",
        );
        return None;
    }
    let written: Vec<&str> = WAYS.into_iter().filter(|way| fields.has(way)).collect();
    if written.len() > 1 {
        let what = format!(
            "one rule compares in {} ways: {}",
            written.len(),
            written.join(", ")
        );
        w.error(node, "two-comparisons", what, "a rule for each");
        return None;
    }
    let of = of.unwrap_or(Role::Candidate);
    if verb == Verb::Never {
        nothing_to_compare(w, fields);
        return Some(Compare::Nothing { of });
    }
    needs(w, fields, node, verb, &written)?;
    match written.first().copied() {
        Some("margin") => Some(Compare::NoWorse {
            than: against?,
            margin: margin?,
        }),
        Some("better_by") => Some(Compare::Better {
            than: against?,
            by: better?,
        }),
        Some("at_least") => Some(Compare::AtLeast { of, floor: floor? }),
        Some("at_most") => Some(Compare::AtMost {
            of,
            ceiling: ceiling?,
        }),
        _ => Some(Compare::Nothing { of }),
    }
}

/// Checks which systems are compared.
fn sides(w: &mut Walk<'_>, fields: &Fields<'_>, against: Option<Role>) {
    if let (Some(Role::Candidate), Some(node)) = (against, fields.get("against")) {
        let what = "the candidate is compared with itself";
        w.error(
            node,
            "against-itself",
            what,
            "`against: production` or `against: fallback`",
        );
    }
    if let (true, Some(node)) = (fields.has("against"), fields.get("of")) {
        let what = "a comparison is always of the candidate";
        w.error(node, "not-here", what, "take `of` or `against` away");
    }
    for way in ["margin", "better_by"] {
        if let (false, Some(node)) = (fields.has("against"), fields.get(way)) {
            let what = format!("`{way}` without `against`");
            w.error(
                node,
                "no-against",
                what,
                "`against: production` says what it is compared with",
            );
        }
    }
}

fn nothing_to_compare(w: &mut Walk<'_>, fields: &Fields<'_>) {
    for key in WAYS.into_iter().chain(["against"]) {
        if let Some(node) = fields.get(key) {
            let what = format!("a never has no `{key}`: one event is enough");
            let instead =
                "a `guard` or `require`, or `cap:` for the largest rate that may be claimed";
            w.error(node, "not-here", what, instead);
        }
    }
}

/// Reports what a verb needs and does not have.
fn needs(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    node: &Node,
    verb: Verb,
    written: &[&str],
) -> Option<()> {
    let against = fields.has("against");
    match verb {
        Verb::Guard => {
            if !against {
                w.error(
                    node,
                    "no-against",
                    "a guard without `against`",
                    "`against: production`: a guard asks what these examples lose",
                );
            }
            if written != ["margin"] {
                w.error(
                    node,
                    "no-margin",
                    "a guard without `margin`",
                    "`margin: 10 pts`, from the harm of a loss; a guard takes no other comparison",
                );
                return None;
            }
        }
        Verb::Require if written.is_empty() => {
            let instead = if against {
                "`margin: 5 pts` for no worse, or `better_by: 0 pts` for better"
            } else {
                "`against: production, margin: 5 pts`, or `at_least: 95 %`"
            };
            w.error(node, "no-threshold", "the rule requires nothing", instead);
            return None;
        }
        _ => {}
    }
    if against && !matches!(written, ["margin" | "better_by"]) {
        let node = fields.get("against").unwrap_or(node);
        if verb != Verb::Guard {
            w.error(
                node,
                "no-margin",
                "`against` without `margin` or `better_by`",
                "`margin: 5 pts` for no worse, or `better_by: 0 pts` for better",
            );
        }
        return None;
    }
    Some(())
}
