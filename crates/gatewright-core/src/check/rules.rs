//! Rules against the examples that carry them.

use gatewright_stats::choose::whole_rows;

use super::power::{self, DISCORDANCE, POWER, percent};
use super::sight::{Sight, sights, trials};
use super::{Facts, few};
use crate::analyse::slice::rule_slices;
use crate::analyse::slice_words;
use crate::grade::Graders;
use crate::manifest::{Action, Compare, Manifest, Metric, Role, Rule, Standard, Subject, Verb};
use crate::problem::Problem;
use crate::reference::ReferenceSet;

/// Fewest examples of a segment that a decision rests on.
const THIN: u64 = 12;

pub(super) fn check(
    manifest: &Manifest,
    reference: &ReferenceSet,
    facts: &Facts,
    graders: &Graders<'_>,
    problems: &mut Vec<Problem>,
) {
    if reference.examples.is_empty() {
        return;
    }
    let trials = trials(manifest, reference);
    // Chance that all requires hold when nothing changed, if each is told something about.
    let mut together: Option<f64> = None;
    for (index, rule) in manifest.gate.iter().enumerate() {
        let sights = sights(manifest, reference, Some(graders), rule);
        let path = format!("gate[{index}]");
        words(manifest, rule, &path, problems);
        if rule.verb == Verb::Watch {
            continue;
        }
        for sight in &sights {
            if let Some(problem) = unable(manifest, rule, sight, trials, &path) {
                problems.push(problem);
            }
        }
        thin(manifest, rule, &sights, &path, problems);
        problems.extend(outside(manifest, reference, rule, &path));
        for sight in &sights {
            let (chance, problem) = weak(manifest, rule, sight, trials, facts, &path);
            if let Some(chance) = chance {
                together = Some(together.unwrap_or(1.0) * chance);
            }
            problems.extend(problem);
        }
    }
    jointly(manifest, together, problems);
    gate(manifest, reference, graders, problems);
}

fn named(rule: &Rule, sight: &Sight) -> String {
    if sight.slice.is_empty() {
        format!("`{}`", rule.id)
    } else {
        format!("`{}` in {}", rule.id, slice_words(&sight.slice))
    }
}

/// A rule that nothing could make hold at this n.
fn unable(
    manifest: &Manifest,
    rule: &Rule,
    sight: &Sight,
    trials: u32,
    path: &str,
) -> Option<Problem> {
    let name = named(rule, sight);
    if sight.n == 0 {
        let what = match (rule.verb, &rule.from) {
            (Verb::Require, None) => format!("{name}: no example of kind traffic carries it"),
            _ => format!("{name}: no example carries it"),
        };
        let instead = match (rule.verb, &rule.from) {
            (Verb::Require, None) => {
                "`from: [policy]` (or the kinds there are) for a claim on this mix of examples, or examples of kind traffic"
            }
            _ => "examples that the rule is about, or no such rule",
        };
        return Some(
            Problem::error("cannot-hold", manifest.at(path), what)
                .why("without an example the rule stays undecided, and nothing ships")
                .instead(instead),
        );
    }
    if sight.clusters < 2 && rule.verb == Verb::Require {
        return Some(
            Problem::error(
                "cannot-hold",
                manifest.at(path),
                format!("{name}: all {} examples are one cluster", sight.n),
            )
            .why("one independent source shows nothing about traffic")
            .instead("examples from more sources, or a guard"),
        );
    }
    if !sight.unweighed.is_empty() {
        let by = sight.unweighed.join(" and ");
        let what = format!(
            "{name}: some of its {} examples state {by}, and some do not",
            sight.n
        );
        return Some(
            Problem::error("cannot-hold", manifest.at(path), what)
                .why("examples that are not all weighed to traffic by the same show nothing about it")
                .instead(format!(
                    "state {by} of every one, or of none; or `from: [traffic, …]` for a claim on this mix of examples"
                )),
        );
    }
    let found = power::impossible(rule, sight, trials)?;
    Some(
        Problem::error(
            "cannot-hold",
            manifest.at(path),
            format!("{name}: {}", found.what),
        )
        .why("no data of this size could make the rule hold")
        .instead(found.instead),
    )
}

/// Examples that a rule by segment does not look at, because they state no value of its dimension.
fn outside(
    manifest: &Manifest,
    reference: &ReferenceSet,
    rule: &Rule,
    path: &str,
) -> Option<Problem> {
    let whole = Rule {
        by: Vec::new(),
        ..rule.clone()
    };
    let carried = rule_slices(manifest, reference, &whole);
    let carried: Vec<u32> = carried.into_iter().flat_map(|it| it.examples).collect();
    let without = |name: &String| {
        let (dimension, _) = manifest.dimension(name)?;
        let states_none = |example: &&u32| reference.value(dimension, **example).is_none();
        let count = carried.iter().filter(states_none).count();
        (1..carried.len()).contains(&count).then_some(count)
    };
    let (name, count) = rule
        .by
        .iter()
        .find_map(|name| Some((name, without(name)?)))?;
    let what = format!(
        "`{}` is by {name}: {count} of its {} examples state none, and are in no segment that it looks at",
        rule.id,
        carried.len()
    );
    Some(
        Problem::suggestion("outside-segments", manifest.at(path), what)
            .why("a loss among them is not seen by this rule")
            .instead(format!(
                "state {name} of every one, or add a rule of the same kind over all examples"
            )),
    )
}

fn thin(
    manifest: &Manifest,
    rule: &Rule,
    sights: &[Sight],
    path: &str,
    problems: &mut Vec<Problem>,
) {
    let found: Vec<&Sight> = sights
        .iter()
        .filter(|sight| (1..THIN).contains(&sight.n))
        .collect();
    let (Some(first), true) = (
        found.first(),
        matches!(rule.verb, Verb::Guard | Verb::Require),
    ) else {
        return;
    };
    let names: Vec<String> = found
        .iter()
        .map(|sight| format!("{} ({})", slice_words(&sight.slice), sight.n))
        .collect();
    let what = format!(
        "`{}` rests on few examples in {}",
        rule.id,
        few(names.iter().map(String::as_str))
    );
    let smallest = smallest_loss(rule, first.n);
    let why = match smallest {
        Some(loss) if loss > first.n => {
            format!("a loss of {loss} trips it, and there are {}", first.n)
        }
        Some(loss) => format!(
            "the smallest loss that it can see there is {loss} of {}",
            first.n
        ),
        None => format!(
            "with {} examples it cannot see a 5-point regression",
            first.n
        ),
    };
    problems.push(
        Problem::suggestion("thin-segment", manifest.at(path), what)
            .why(why)
            .instead(format!("{THIN} examples or more in each")),
    );
}

/// The smallest loss, in examples, that trips a guard.
pub(super) fn smallest_loss(rule: &Rule, n: u64) -> Option<u64> {
    match (rule.verb, rule.compare) {
        (Verb::Guard, Compare::NoWorse { margin, .. }) => {
            Some((gatewright_stats::guard::trip_limit(n, margin) - 1e-9).ceil() as u64)
        }
        _ => None,
    }
}

/// How likely a require holds when nothing changed, and what to say when that is little.
fn weak(
    manifest: &Manifest,
    rule: &Rule,
    sight: &Sight,
    trials: u32,
    facts: &Facts,
    path: &str,
) -> (Option<f64>, Option<Problem>) {
    if rule.verb == Verb::Require && matches!(rule.metric, Metric::Quantile(_)) {
        return (None, weak_quantile(manifest, rule, (sight, trials), path));
    }
    if rule.verb != Verb::Require || rule.metric != Metric::Share || sight.n == 0 {
        return (None, None);
    }
    let (chance, what, instead) = match rule.compare {
        Compare::NoWorse { margin, .. } => match margin_words(rule, sight, margin, trials) {
            Some(found) => found,
            None => return (None, None),
        },
        Compare::AtLeast { floor, .. } => match floor_words(manifest, rule, sight, floor, facts) {
            Some(found) => found,
            None => return (None, None),
        },
        _ => return (None, None),
    };
    if chance >= POWER || power::impossible(rule, sight, trials).is_some() {
        return (Some(chance), None);
    }
    let problem = Problem::suggestion(
        "weak-power",
        manifest.at(path),
        format!("{}: {what}", named(rule, sight)),
    )
    .why("a rule that good work seldom passes is overridden, or holds good work back")
    .instead(instead);
    (Some(chance), Some(problem))
}

/// A quantile has no bound when rows of one source are as alike as is usual.
fn weak_quantile(
    manifest: &Manifest,
    rule: &Rule,
    (sight, trials): (&Sight, u32),
    path: &str,
) -> Option<Problem> {
    let needed = power::ranks_needed(rule)?;
    let worth = whole_rows(sight.n_eff);
    if worth >= needed || power::impossible(rule, sight, trials).is_some() {
        return None;
    }
    let what = format!(
        "{}: a bound on this quantile needs {needed} examples, and {} in {} clusters are worth about {worth}",
        named(rule, sight),
        sight.n,
        sight.clusters
    );
    let problem = Problem::suggestion("weak-power", manifest.at(path), what)
        .why("examples of one source are alike, so that they count for fewer ranks")
        .instead("examples from more sources, or the share over the limit: `metric: share`");
    Some(problem)
}

fn margin_words(
    rule: &Rule,
    sight: &Sight,
    margin: f64,
    trials: u32,
) -> Option<(f64, String, String)> {
    let alpha = rule.alpha_holds;
    let points = percent(margin);
    if margin <= 0.0 {
        let what = "a margin of 0 is held only by a candidate that is better".to_owned();
        return Some((
            alpha,
            what,
            "a margin that harm allows, such as `5 pts`".to_owned(),
        ));
    }
    // Trials average run noise away, so that they count like examples as far as disagreement is noise.
    let chance = power::no_worse(sight.n_eff * f64::from(trials), margin, alpha)?;
    let needed = power::needed(margin, alpha)?;
    let carried = power::carried(sight.n_eff, alpha)?;
    let runs = (needed as f64 / sight.n_eff).ceil() as u64;
    let single = power::no_worse(sight.n_eff, margin, alpha)?;
    let mut what = format!(
        "{} examples carry a margin of {carried} points; {points} needs {needed}",
        sight.n
    );
    if runs <= 20 {
        what.push_str(&format!(", or {runs} trials if disagreement is run noise"));
    }
    what.push_str(&format!(
        "; production itself passes this margin {} % of the time",
        whole_percent(single)
    ));
    if trials > 1 {
        what.push_str(&format!(
            ", {} % with {trials} trials if disagreement is run noise",
            whole_percent(chance)
        ));
    }
    let instead = format!(
        "more examples, more trials, `margin: {carried} pts` if harm allows it, or a guard"
    );
    Some((chance, what, instead))
}

fn floor_words(
    manifest: &Manifest,
    rule: &Rule,
    sight: &Sight,
    floor: f64,
    facts: &Facts,
) -> Option<(f64, String, String)> {
    let known = match rule.subject {
        Subject::Criterion(index) => manifest
            .criteria
            .get(usize::from(index))
            .and_then(|criterion| facts.pass_rates.get(criterion.id.as_str()).copied()),
        Subject::Class(_) => None,
    };
    let rate = known.unwrap_or((1.0 + floor) / 2.0);
    let chance = power::floor_holds(sight.n_eff, floor, rate, rule.alpha_holds)?;
    let who = match known {
        Some(_) => "production itself".to_owned(),
        None => format!("a system that gets {} % right", percent(rate)),
    };
    let mut what = format!(
        "{} examples: {who} passes this floor {} % of the time",
        sight.n,
        whole_percent(chance)
    );
    let instead = match power::floor_needs(floor, rate, rule.alpha_holds) {
        Some(needed) if needed as f64 > sight.n_eff => {
            what.push_str(&format!("; {needed} examples would do"));
            "more examples, a lower floor, or a guard".to_owned()
        }
        _ => "a lower floor, or a guard".to_owned(),
    };
    Some((chance, what, instead))
}

pub(super) fn whole_percent(share: f64) -> String {
    format!("{:.0}", 100.0 * share)
}

/// Words of a rule that cannot mean what they say.
fn words(manifest: &Manifest, rule: &Rule, path: &str, problems: &mut Vec<Problem>) {
    let of_production = matches!(
        rule.compare,
        Compare::AtLeast {
            of: Role::Production,
            ..
        } | Compare::AtMost {
            of: Role::Production,
            ..
        } | Compare::Nothing {
            of: Role::Production
        }
    );
    if rule.violated == Some(Action::Rollback) && !manifest.decision.exposed && !of_production {
        let at = manifest.at(&format!("{path}.then.violated"));
        problems.push(
            Problem::suggestion(
                "rollback-of-nothing",
                at,
                format!("`{}` rolls back a candidate that serves nobody", rule.id),
            )
            .why("there is nothing to take back, so that it will be a hold")
            .instead("`violated: hold`, or `exposed: true` under `decision`"),
        );
    }
}

fn jointly(manifest: &Manifest, together: Option<f64>, problems: &mut Vec<Problem>) {
    let requires = manifest
        .gate
        .iter()
        .filter(|rule| rule.verb == Verb::Require)
        .count();
    if let Some(chance) = together.filter(|&chance| chance < POWER && requires > 1) {
        let what = format!(
            "all {requires} requires together hold {} % of the time when nothing changed",
            whole_percent(chance)
        );
        problems.push(
            Problem::suggestion("weak-gate", manifest.at("gate"), what)
                .why(format!("ship needs every one of them (reckoned at {} % disagreement between two systems)", percent(DISCORDANCE)))
                .instead("few requires over all traffic; guards for single segments"),
        );
    }
}

/// What the gate as a whole cannot do.
fn gate(
    manifest: &Manifest,
    reference: &ReferenceSet,
    graders: &Graders<'_>,
    problems: &mut Vec<Problem>,
) {
    let requires = manifest.gate.iter().any(|rule| rule.verb == Verb::Require);
    if manifest.decision.standard == Standard::Shown && !requires {
        problems.push(
            Problem::suggestion(
                "never-ships",
                manifest.at("decision.standard"),
                "`standard: shown` and no require",
            )
            .why("`shown` asks for at least one require that holds, so that this gate never ships")
            .instead("a require, or `standard: unbroken`"),
        );
    }
    for (index, criterion) in (0_u16..).zip(&manifest.criteria) {
        let idle = !(0..reference.examples.len() as u32).any(|it| graders.applies(index, it));
        if idle && manifest.spans.contains_key("criteria") {
            let at = manifest.at(&format!("criteria.{}", criterion.id));
            problems.push(
                Problem::suggestion(
                    "idle-criterion",
                    at,
                    format!("`{}` applies to no example", criterion.id),
                )
                .why("it looks like evidence and is none")
                .instead("examples that expect something for it, or no such criterion"),
            );
        }
    }
    for (index, dimension) in manifest.dimensions.iter().enumerate() {
        let occurring = reference.values.get(index).map_or(&[][..], Vec::as_slice);
        let empty: Vec<&str> = dimension
            .values
            .iter()
            .map(|value| value.name.as_str())
            .filter(|value| !occurring.iter().any(|it| it == value))
            .collect();
        if !empty.is_empty() {
            let path = if index == 0 {
                "tasks".to_owned()
            } else {
                format!("segments.{}", dimension.name)
            };
            let what = format!("no example has `{}`: {}", dimension.name, few(empty));
            problems.push(
                Problem::suggestion("empty-segment", manifest.at(&path), what)
                    .why("what happens there cannot be seen")
                    .instead("twelve examples or more for each"),
            );
        }
    }
}
