//! One rule in words: what follows each result, what it can see at this n, and why it is judged as it is.

use std::fmt::Write as _;

use serde::Serialize;

use super::classes_of;
use super::power::{self, percent};
use super::rules::{smallest_loss, whole_percent};
use super::sight::{Sight, sights, trials};
use crate::analyse::slice_words;
use crate::class::{FailureClass, Severity};
use crate::grade::Graders;
use crate::label::Labels;
use crate::manifest::{
    Action, Compare, Kind, Manifest, Metric, Role, Rule, Standard, Subject, Verb,
};
use crate::plan::Plan;
use crate::problem::Location;
use crate::reference::ReferenceSet;

/// A rule explained before any run.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Explanation {
    /// The rule's name.
    pub rule: String,
    /// Where it stands on the page.
    #[serde(skip)]
    pub at: Location,
    /// Its question, in a sentence.
    pub asks: String,
    /// The owner's shown name, with how to reach them.
    pub owner: String,
    /// How bad a violation is.
    pub severity: Severity,
    /// What follows each result.
    pub follows: Vec<Follows>,
    /// What it can see, in each of its segments.
    pub sees: Vec<Seen>,
    /// How the verdict is computed.
    pub method: String,
    /// One-sided level for `holds`, if the rule has one.
    pub alpha_holds: Option<f64>,
    /// Why that level.
    pub why_alpha: String,
}

/// What follows one result.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Follows {
    /// `holds`, `violated` or `undecided`.
    pub result: String,
    /// What the gate does.
    pub action: String,
    /// What is asked of whom.
    pub work: Option<String>,
}

/// What a rule can see in one segment.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Seen {
    /// The segment: `refund`, or `all examples`.
    pub segment: String,
    /// Examples that carry the rule there.
    pub examples: u64,
    /// Their clusters.
    pub clusters: u64,
    /// What they are worth, clusters and weights considered.
    pub worth: f64,
    /// The smallest loss, in examples, that trips a guard.
    pub smallest_loss: Option<u64>,
    /// The smallest drop that can be shown with 80 % power, as a fraction.
    pub smallest_drop: Option<f64>,
    /// The margin in points that these examples carry with 80 % power.
    pub carried_points: Option<u64>,
    /// Examples that the margin or floor of the rule needs.
    pub needed: Option<u64>,
    /// Chance that the rule holds when nothing changed.
    pub holds_unchanged: Option<f64>,
    /// The same in words.
    pub words: String,
}

/// Explains a rule by its name; `None` when the gate has no such rule.
pub fn explain(manifest: &Manifest, reference: &ReferenceSet, rule: &str) -> Option<Explanation> {
    let index = manifest.gate.iter().position(|it| it.id.as_str() == rule)?;
    let rule = &manifest.gate[index];
    let labels = Labels::default();
    let graders = Graders::new(manifest, reference, &labels).ok();
    let trials = trials(manifest, reference);
    let sees = sights(manifest, reference, graders.as_ref(), rule)
        .iter()
        .map(|sight| seen(rule, sight, trials))
        .collect();
    let owner = manifest.owners.get(&rule.owner);
    Some(Explanation {
        rule: rule.id.to_string(),
        at: manifest.at(&format!("gate[{index}]")),
        asks: asks(manifest, rule),
        owner: match owner {
            Some(owner) => match &owner.contact {
                Some(contact) => format!("{} ({contact})", owner.name),
                None => owner.name.clone(),
            },
            None => rule.owner.to_string(),
        },
        severity: rule.severity,
        follows: follows(manifest, rule),
        sees,
        method: method(rule).to_owned(),
        alpha_holds: states_alpha(rule).then_some(rule.alpha_holds),
        why_alpha: why_alpha(manifest, rule),
    })
}

impl Explanation {
    /// Writes it for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.rule, self.asks);
        let _ = writeln!(text, "  at        {}", self.at);
        let _ = writeln!(
            text,
            "  owner     {} · severity {}",
            self.owner,
            self.severity.word()
        );
        let _ = writeln!(text, "What follows");
        for it in &self.follows {
            let _ = writeln!(text, "  {:<9} {}", it.result, it.action);
            if let Some(work) = &it.work {
                let _ = writeln!(text, "            {work}");
            }
        }
        let _ = writeln!(text, "What it can see");
        for it in &self.sees {
            let _ = writeln!(text, "  {}: {}", it.segment, it.words);
        }
        let _ = writeln!(text, "Why\n  {}", self.method);
        if !self.why_alpha.is_empty() {
            let _ = writeln!(text, "  {}", self.why_alpha);
        }
        text
    }
}

fn subject(manifest: &Manifest, rule: &Rule) -> String {
    match rule.subject {
        Subject::Criterion(index) => manifest
            .criteria
            .get(usize::from(index))
            .map_or_else(String::new, |it| it.id.to_string()),
        Subject::Class(index) => manifest
            .classes
            .get(usize::from(index))
            .map_or_else(String::new, |it| it.id.to_string()),
    }
}

fn asks(manifest: &Manifest, rule: &Rule) -> String {
    let subject = subject(manifest, rule);
    let place = match rule.restrict.as_slice() {
        [] => String::new(),
        restrict => format!(
            " where {}",
            slice_words(
                &restrict
                    .iter()
                    .map(|(name, values)| (name.clone(), values.join(" or ")))
                    .collect()
            )
        ),
    };
    let by = match rule.by.as_slice() {
        [] => String::new(),
        by => format!(", in each {} by itself", by.join(" and each ")),
    };
    let from = match (&rule.from, rule.verb) {
        (Some(kinds), _) => {
            let kinds: Vec<&str> = kinds.iter().map(|kind: &Kind| kind.word()).collect();
            format!(", on examples of kind {}", kinds.join(" or "))
        }
        (None, Verb::Require) => ", on traffic".to_owned(),
        (None, _) => String::new(),
    };
    let question = match (rule.verb, rule.compare) {
        (Verb::Never, _) => match rule.cap {
            Some(cap) => format!(
                "did {subject} happen even once, and can it be less than {} % of traffic",
                percent(cap)
            ),
            None => format!("did {subject} happen even once"),
        },
        (Verb::Guard, Compare::NoWorse { than, margin }) => format!(
            "does the candidate lose {subject} on answers that {} gets right, by {} points or more",
            than.word(),
            percent(margin)
        ),
        (_, Compare::NoWorse { than, margin }) => format!(
            "is {subject} no worse than with {}, by less than {}",
            than.word(),
            limit(rule, margin)
        ),
        (_, Compare::Better { than, by }) => format!(
            "is {subject} better than with {}, by more than {}",
            than.word(),
            limit(rule, by)
        ),
        (_, Compare::AtLeast { of, floor }) => format!(
            "is {subject} of the {} above {}",
            of.word(),
            limit(rule, floor)
        ),
        (_, Compare::AtMost { of, ceiling }) => format!(
            "is {subject} of the {} below {}",
            of.word(),
            limit(rule, ceiling)
        ),
        (_, Compare::Nothing { of }) => format!("what is {subject} of the {}", of.word()),
    };
    format!("{question}{place}{by}{from}?")
}

/// A limit in the unit of the rule's metric.
fn limit(rule: &Rule, value: f64) -> String {
    let difference = matches!(
        rule.compare,
        Compare::NoWorse { .. } | Compare::Better { .. }
    );
    match rule.metric {
        Metric::Share | Metric::PassHatK(_) | Metric::PassAtK(_) | Metric::Relation(_) => {
            match difference {
                true => format!("{} points", percent(value)),
                false => format!("{} %", percent(value)),
            }
        }
        Metric::Mean | Metric::Quantile(_) | Metric::CostPerSolved | Metric::FailureCost => {
            format!("{value}")
        }
    }
}

fn follows(manifest: &Manifest, rule: &Rule) -> Vec<Follows> {
    let line = |result: &str, action: String, work: Option<String>| Follows {
        result: result.to_owned(),
        action,
        work,
    };
    if rule.verb == Verb::Watch {
        let action = "is reported, decides nothing, and goes along with the rollout".to_owned();
        return vec![line("any", action, None)];
    }
    let standard = match manifest.decision.standard {
        Standard::Shown => "the gate goes on to the other rules; ship needs every require to hold",
        Standard::Unbroken => "the gate goes on to the other rules; ship needs nothing to break",
    };
    let violated = match rule.violated {
        Some(Action::Rollback)
            if manifest.decision.exposed || crate::analyse::rule_role(rule) == Role::Production =>
        {
            match manifest.systems.get(&Role::Fallback) {
                Some(system) => format!("rollback: `{}` serves instead", system.name),
                None => "rollback".to_owned(),
            }
        }
        Some(Action::Rollback) => "hold (a rollback, once the candidate serves users)".to_owned(),
        Some(Action::Narrow) => format!(
            "narrow to the other values of {}, if they pass every rule by themselves; else hold",
            manifest.decision.route_by.join(" or ")
        ),
        Some(Action::Repair) => {
            "hold, with this boundary to repair; afterwards only the affected rules run again"
                .to_owned()
        }
        Some(Action::ChangePolicy) => "hold, until the policy is decided".to_owned(),
        Some(Action::Hold) | None => "hold: nothing ships".to_owned(),
    };
    let undecided = if rule.undecided_narrow {
        format!(
            "narrow to {} % of traffic with a watch, if every undecided rule says so and nothing tripped; else not enough evidence",
            percent(manifest.decision.narrow_share)
        )
    } else {
        "not enough evidence: nothing ships, and the report says what would decide it".to_owned()
    };
    let owner = manifest
        .owners
        .get(&rule.owner)
        .map_or(rule.owner.as_str(), |it| it.name.as_str());
    vec![
        line("holds", standard.to_owned(), None),
        line("violated", violated, Some(repair(manifest, rule))),
        line(
            "undecided",
            undecided,
            Some(format!("{owner} collects what is missing")),
        ),
    ]
}

fn repair(manifest: &Manifest, rule: &Rule) -> String {
    let classes: Vec<u16> = match rule.subject {
        Subject::Class(class) => vec![class],
        Subject::Criterion(index) => manifest
            .criteria
            .get(usize::from(index))
            .map(|it| classes_of(it).into_iter().collect())
            .unwrap_or_default(),
    };
    let worst: Option<&FailureClass> = classes
        .iter()
        .filter_map(|&class| manifest.classes.get(usize::from(class)))
        .max_by(|a, b| a.severity.cmp(&b.severity).then(b.id.cmp(&a.id)));
    match worst {
        Some(class) => {
            let owner = manifest
                .owners
                .get(&class.owner)
                .map_or(class.owner.as_str(), |it| it.name.as_str());
            format!(
                "{owner} repairs {}: {}",
                class.id,
                if class.repair.is_empty() {
                    "no path stated"
                } else {
                    &class.repair
                }
            )
        }
        None => format!("{} repairs it", rule.owner),
    }
}

fn seen(rule: &Rule, sight: &Sight, trials: u32) -> Seen {
    let alpha = rule.alpha_holds;
    let share =
        matches!(rule.metric, Metric::Share | Metric::Relation(_)) && rule.verb == Verb::Require;
    let (carried_points, needed, holds_unchanged) = match rule.compare {
        Compare::NoWorse { margin, .. } if share => (
            power::carried(sight.n_eff, alpha),
            power::needed(margin, alpha),
            power::no_worse(sight.n_eff, margin, alpha),
        ),
        Compare::AtLeast { floor, .. } if share => {
            let rate = (1.0 + floor) / 2.0;
            let holds = power::floor_holds(sight.n_eff, floor, rate, alpha);
            (None, power::floor_needs(floor, rate, alpha), holds)
        }
        _ => (None, None, None),
    };
    let mut seen = Seen {
        segment: if sight.slice.is_empty() {
            "all examples".to_owned()
        } else {
            slice_words(&sight.slice)
        },
        examples: sight.n,
        clusters: sight.clusters,
        worth: sight.n_eff,
        smallest_loss: smallest_loss(rule, sight.n),
        smallest_drop: power::smallest_drop(sight.n_eff, alpha)
            .filter(|_| share && matches!(rule.compare, Compare::NoWorse { .. }))
            .map(|(drop, _)| drop),
        carried_points,
        needed,
        holds_unchanged,
        words: String::new(),
    };
    seen.words = seen_words(rule, sight, &seen, trials);
    seen
}

fn seen_words(rule: &Rule, sight: &Sight, seen: &Seen, trials: u32) -> String {
    if sight.n == 0 {
        return "no example carries the rule, so it stays undecided".to_owned();
    }
    let mut parts = vec![format!("{} examples", sight.n)];
    if sight.clusters < sight.n {
        parts[0].push_str(&format!(
            " in {} clusters, worth {:.0}",
            sight.clusters, sight.n_eff
        ));
    }
    if let Some(loss) = seen.smallest_loss {
        parts.push(if loss > sight.n {
            format!("a loss of {loss} trips it, so that it never can here")
        } else {
            format!(
                "a net loss of {loss} ({:.0} %) trips it, a smaller one cannot be seen",
                100.0 * loss as f64 / sight.n as f64
            )
        });
        parts.push(format!(
            "a trip is run again: {} answers",
            2 * u64::from(Plan::CONFIRM_TRIALS) * sight.n
        ));
    }
    if let (Some(carried), Some(needed), Compare::NoWorse { margin, .. }) =
        (seen.carried_points, seen.needed, rule.compare)
    {
        parts.push(format!(
            "they carry a margin of {carried} points; {} needs {needed}",
            percent(margin)
        ));
        if needed as f64 > sight.n_eff && trials > 1 {
            parts.push(format!(
                "{trials} trials count for {:.0} where disagreement is run noise",
                sight.n_eff * f64::from(trials)
            ));
        }
    }
    if let (None, Some(needed)) = (seen.carried_points, seen.needed) {
        parts.push(format!(
            "{needed} would show the floor for a system halfway between it and 100 %"
        ));
    }
    match power::smallest_drop(sight.n_eff, rule.alpha_holds) {
        Some((drop, true)) if seen.smallest_drop.is_some() => parts.push(format!(
            "the smallest drop it can show is {} points",
            percent(drop)
        )),
        Some((_, false)) if seen.smallest_drop.is_some() => parts
            .push("a drop is invisible: it would have to be more than all disagreement".to_owned()),
        _ => {}
    }
    if let Some(chance) = seen.holds_unchanged {
        parts.push(format!(
            "it holds {} % of the time when nothing changed",
            whole_percent(chance)
        ));
    }
    if rule.verb == Verb::Never
        && let Ok(upper) =
            gatewright_stats::proportion::zero_event_upper(sight.independent(), rule.alpha_holds)
    {
        parts.push(format!(
            "no event among them promises at most {} % of what they stand for",
            percent(upper)
        ));
    }
    if let Some(found) = power::impossible(rule, sight, trials) {
        parts.push(format!("no data could make it hold: {}", found.what));
    }
    parts.join("; ")
}

/// How the verdict is computed, by the table of statistics.md §3.
fn method(rule: &Rule) -> &'static str {
    match (rule.verb, rule.metric, rule.compare) {
        (Verb::Guard, ..) => {
            "these examples are the question, so that only run noise counts: the net loss over trial means trips it; five fresh trials on both sides confirm it (loss at least the margin and its one-sided 95 % bound above 0). Recorded systems: exact sign test on the flips, Holm over the tripped segments"
        }
        (Verb::Never, ..) => {
            "one confirmed event (a rule or a person saw it) is enough; an event that only a judge saw, or anything missing, leaves it undecided. A cap is held against the exact upper bound of a rate without events (Clopper–Pearson)"
        }
        (_, Metric::Relation(_), Compare::NoWorse { .. } | Compare::Better { .. }) => {
            "a base with its admitted variants is one case, which holds or fails: paired cases by Tango's score bound; where bases share a cluster (a template) CR2 or Tango at the effective count. A case whose verdict is missing counts against the candidate"
        }
        (_, Metric::Relation(_), _) => {
            "a base with its admitted variants is one case, which holds or fails: Clopper–Pearson's exact bound; where bases share a cluster (a template) Korn–Graubard. A case whose verdict is missing counts against the system"
        }
        (_, Metric::Share, Compare::NoWorse { .. } | Compare::Better { .. }) => {
            "paired passes and failures: Tango's score bound; with clusters or weights CR2 with Satterthwaite's t, or Tango at the effective count. What is missing counts against the candidate"
        }
        (_, Metric::Share, _) => {
            "a share of passes: Clopper–Pearson's exact bound; with clusters or weights Korn–Graubard. What is missing counts against the system"
        }
        (_, Metric::Quantile(_), _) => {
            "a quantile: bounds from order statistics; requests that timed out count as endless"
        }
        (_, Metric::CostPerSolved, _) => {
            "a ratio: delta method on clusters, Fieller where the denominator is uncertain"
        }
        (_, Metric::PassHatK(_) | Metric::PassAtK(_), _) => {
            "a value for each example from its trials: t with 30 examples or more, else the betting interval; clusters by CR2"
        }
        (_, Metric::Mean | Metric::FailureCost, _) => {
            "a mean: t, or CR2 with Satterthwaite's t on clusters; the betting interval for few examples or no variance"
        }
    }
}

fn states_alpha(rule: &Rule) -> bool {
    rule.verb == Verb::Require || rule.cap.is_some()
}

fn why_alpha(manifest: &Manifest, rule: &Rule) -> String {
    match rule.verb {
        Verb::Guard => {
            "no level: a trip is not a claim, and a claim is made on fresh trials at 5 %".to_owned()
        }
        Verb::Watch => String::new(),
        Verb::Never if rule.cap.is_none() => "no level: an event is seen or not".to_owned(),
        Verb::Never | Verb::Require => {
            let mut text = format!(
                "`holds` at one-sided {}, as for severity {}",
                rule.alpha_holds,
                rule.severity.word()
            );
            if let Some(attempts) = manifest.decision.attempts {
                text.push_str(&format!(", divided by {attempts} planned attempts"));
            }
            text.push_str(&format!("; `violated` at {}. Every require must hold, so that nothing is corrected for their number", rule.alpha_violated));
            text
        }
    }
}
