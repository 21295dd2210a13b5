//! The gate: rules in page order.

mod compare;

use std::collections::BTreeSet;

use super::{product, segments};
use crate::class::Severity;
use crate::id::{OwnerId, RuleId};
use crate::manifest::node::{Content, Node};
use crate::manifest::quantity;
use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{Action, Kind, Manifest, Metric, Rule, Subject, Verb};
use crate::problem::{Problem, nearest};
use crate::reference::Relation;

/// Keys of a rule.
pub(in crate::manifest) const KEYS: [&str; 20] = [
    "id",
    "never",
    "guard",
    "require",
    "watch",
    "where",
    "by",
    "against",
    "margin",
    "better_by",
    "at_least",
    "at_most",
    "of",
    "from",
    "cap",
    "metric",
    "severity",
    "then",
    "owner",
    "overridable",
];
/// Keys of what follows.
pub(in crate::manifest) const THEN: [&str; 2] = ["violated", "undecided"];

const VERBS: [Verb; 4] = [Verb::Never, Verb::Guard, Verb::Require, Verb::Watch];
const ACTIONS: [(&str, Action); 5] = [
    ("narrow", Action::Narrow),
    ("change-policy", Action::ChangePolicy),
    ("repair", Action::Repair),
    ("hold", Action::Hold),
    ("rollback", Action::Rollback),
];

pub(super) fn read(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    let lines = match top.get("gate") {
        Some(node) if matches!(node.content, Content::List(_)) => w.list(node, "gate"),
        Some(node) => {
            w.error(
                node,
                "wrong-kind",
                "`gate` is no list of rules",
                "`gate: [{id: …, guard: …, …}]`",
            );
            return;
        }
        None => &[],
    };
    if lines.is_empty() {
        w.error_in(top, "no-gate", "the gate has no rule", "`gate: [{guard: CRITERION, against: production, margin: 10 pts, then: {violated: hold}, owner: …}]`");
    }
    for (index, node) in lines.iter().enumerate() {
        let path = format!("gate[{index}]");
        let Some(fields) = w.fields(node, &path, &KEYS) else {
            continue;
        };
        if let Some(rule) = rule(w, &fields, node, page) {
            if page.gate.iter().any(|known| known.id == rule.id) {
                let what = format!("two rules are called `{}`", rule.id);
                let node = fields.get("id").unwrap_or(node);
                w.error(node, "duplicate-id", what, "give one another `id`");
            }
            page.gate.push(rule);
        }
    }
}

fn rule(w: &mut Walk<'_>, fields: &Fields<'_>, node: &Node, page: &Manifest) -> Option<Rule> {
    let verb = verb(w, fields, node);
    let subject = verb.and_then(|verb| subject(w, fields, verb, page));
    let metric = metric(w, fields).unwrap_or(Metric::Share);
    let restrict = segments::restriction(w, fields, "where", page);
    let by = segments::dimension_list(w, fields, "by", page);
    let owner = rule_owner(w, fields, node, page);
    let stated = w.word_at(fields, "severity", &product::SEVERITY);
    let (verb, subject) = (verb?, subject?);
    let unit = compare::unit(w, fields, metric, subject, verb, page);
    let compare = compare::read(w, fields, node, verb, unit, page);
    let violated = then(w, fields, node, verb, page);
    let severity = stated.unwrap_or_else(|| severest(subject, page));
    let attempts = f64::from(page.decision.attempts.unwrap_or(1));
    let name = match fields.get("id") {
        Some(node) => {
            let id = w.text(node, &fields.at("id"))?;
            w.identifier(node.place, id, "a rule");
            id.to_owned()
        }
        None => format!("{}-{}", verb.word(), subject_name(subject, page)),
    };
    Some(Rule {
        id: RuleId(name),
        verb,
        subject,
        metric,
        restrict,
        by,
        compare: compare?,
        from: from(w, fields, metric, verb),
        cap: cap(w, fields, verb),
        violated: violated.0,
        undecided_narrow: violated.1,
        owner,
        severity,
        alpha_holds: severity.alpha_holds() / attempts,
        alpha_violated: 0.05,
        overridable: w.flag_at(fields, "overridable", true),
    })
}

fn verb(w: &mut Walk<'_>, fields: &Fields<'_>, node: &Node) -> Option<Verb> {
    let written: Vec<Verb> = VERBS
        .into_iter()
        .filter(|verb| fields.has(verb.word()))
        .collect();
    match written.as_slice() {
        [one] => Some(*one),
        [] => {
            w.error(node, "no-verb", "the rule asks nothing", "one of `never: CLASS`, `guard: CRITERION`, `require: CRITERION`, `watch: CRITERION`");
            None
        }
        _ => {
            w.error(
                node,
                "two-verbs",
                "the rule asks two questions",
                "two rules, one verb each",
            );
            None
        }
    }
}

fn subject(w: &mut Walk<'_>, fields: &Fields<'_>, verb: Verb, page: &Manifest) -> Option<Subject> {
    let Some(node) = fields.get(verb.word()) else {
        let what = format!("`{}` names nothing", fields.at(verb.word()));
        w.error_in(
            fields,
            "undefined-criterion",
            what,
            "a criterion or a failure class",
        );
        return None;
    };
    let name = w.text(node, &fields.at(verb.word()))?;
    let criterion = page.criterion_index(name).map(Subject::Criterion);
    let class = page.class_index(name).map(Subject::Class);
    // One name may be both: a never speaks of classes, the other verbs of criteria.
    let found = if verb == Verb::Never {
        class.or(criterion)
    } else {
        criterion.or(class)
    };
    if found.is_none() {
        let names = page.criteria.iter().map(|it| it.id.as_str());
        let names = names.chain(page.classes.iter().map(|it| it.id.as_str()));
        let instead = match nearest(name, names) {
            Some(known) => format!("did you mean `{known}`?"),
            None => {
                let all: Vec<&str> = page.criteria.iter().map(|it| it.id.as_str()).collect();
                format!("a criterion ({}) or a failure class", all.join(", "))
            }
        };
        let what = format!("`{name}` is neither a criterion nor a failure class");
        w.error(node, "undefined-criterion", what, instead);
    }
    if let (Verb::Guard, Some(Subject::Class(_))) = (verb, found) {
        let what = format!("a guard of the class `{name}`");
        w.error(
            node,
            "guard-of-class",
            what,
            "a guard of the criterion that finds it, or `never:` for the class",
        );
        return None;
    }
    found
}

fn subject_name(subject: Subject, page: &Manifest) -> &str {
    match subject {
        Subject::Criterion(index) => page.criteria[usize::from(index)].id.as_str(),
        Subject::Class(index) => page.classes[usize::from(index)].id.as_str(),
    }
}

fn severest(subject: Subject, page: &Manifest) -> Severity {
    let classes = match subject {
        Subject::Class(index) => BTreeSet::from([index]),
        Subject::Criterion(index) => crate::check::classes_of(&page.criteria[usize::from(index)]),
    };
    classes
        .into_iter()
        .filter_map(|class| page.classes.get(usize::from(class)))
        .map(|class| class.severity)
        .max()
        .unwrap_or(Severity::Medium)
}

fn rule_owner(w: &mut Walk<'_>, fields: &Fields<'_>, node: &Node, page: &Manifest) -> OwnerId {
    let owner = product::owner(w, fields, "owner", page);
    if owner.is_none() && fields.get("owner").is_none() {
        let names = product::owner_names(page);
        let at = w.location(node.place);
        w.push(
            Problem::error("no-owner", at, "the rule has no owner")
                .why("nobody would act on what it finds")
                .instead(format!("`owner:` with one of {names}")),
        );
    }
    owner.unwrap_or_else(|| OwnerId::from(""))
}

fn metric(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Metric> {
    let node = fields.get("metric")?;
    let text = w.text(node, &fields.at("metric"))?;
    let times = |prefix: &str| {
        let k = text.strip_prefix(prefix)?.parse::<u32>().ok()?;
        (1..=1000).contains(&k).then_some(k)
    };
    let found = match text {
        "share" => Some(Metric::Share),
        "mean" => Some(Metric::Mean),
        "p50" => Some(Metric::Quantile(0.5)),
        "p95" => Some(Metric::Quantile(0.95)),
        "p99" => Some(Metric::Quantile(0.99)),
        "cost_per_solved" => Some(Metric::CostPerSolved),
        "failure_cost" => Some(Metric::FailureCost),
        "invariance" => Some(Metric::Relation(Relation::Invariance)),
        "directional" => Some(Metric::Relation(Relation::Directional)),
        _ => times("pass^")
            .map(Metric::PassHatK)
            .or_else(|| times("pass@").map(Metric::PassAtK)),
    };
    if found.is_none() {
        const NAMES: [&str; 11] = [
            "share",
            "mean",
            "p50",
            "p95",
            "p99",
            "pass^4",
            "pass@4",
            "cost_per_solved",
            "failure_cost",
            "invariance",
            "directional",
        ];
        let instead = match nearest(text, NAMES) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("one of {}", NAMES.join(", ")),
        };
        w.error(
            node,
            "unknown-metric",
            format!("`{text}` is no metric"),
            instead,
        );
    }
    found
}

fn from(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    metric: Metric,
    verb: Verb,
) -> Option<BTreeSet<Kind>> {
    if let (None, Verb::Require, Metric::Relation(_)) = (fields.get("from"), verb, metric) {
        // A require rests on traffic by itself, and no variant is: it would be empty for ever.
        let node = fields.get("metric")?;
        let what = "a require on variants does not say that they are no traffic";
        w.error(
            node,
            "no-kind",
            what,
            "`from: [synthetic]`, the kind that `gatewright perturb` writes",
        );
        return None;
    }
    fields.get("from")?;
    let kinds = Kind::ALL.map(|kind| (kind.word(), kind));
    let path = fields.at("from");
    let nodes = w.list_at(fields, "from");
    let found: BTreeSet<Kind> = nodes
        .iter()
        .enumerate()
        .filter_map(|(index, node)| w.word(node, &format!("{path}[{index}]"), &kinds))
        .collect();
    if nodes.is_empty() {
        w.error_in(
            fields,
            "no-kind",
            "`from` names no kind",
            "`from: [traffic, policy]`",
        );
    }
    Some(found)
}

fn cap(w: &mut Walk<'_>, fields: &Fields<'_>, verb: Verb) -> Option<f64> {
    let cap = w.quantity_at(fields, "cap", quantity::share)?;
    let node = fields.get("cap")?;
    if verb != Verb::Never {
        w.error(
            node,
            "not-here",
            "only a never has a cap",
            "`at_most:` for the other verbs",
        );
        return None;
    }
    if cap <= 0.0 || cap >= 1.0 {
        w.error(
            node,
            "out-of-range",
            "a cap of none or all",
            "a share between 0 and 1, such as `5 %`",
        );
        return None;
    }
    Some(cap)
}

/// Reads what follows a result.
fn then(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    node: &Node,
    verb: Verb,
    page: &Manifest,
) -> (Option<Action>, bool) {
    let Some(then) = fields.get("then") else {
        if verb != Verb::Watch {
            let at = w.location(node.place);
            w.push(
                Problem::error("no-action", at, "nothing follows when the rule is violated")
                    .why("a threshold without an action is a scorecard")
                    .instead("`then: {violated: hold}`, or one of rollback, repair, change-policy, narrow"),
            );
        }
        return (None, false);
    };
    if verb == Verb::Watch {
        w.error(
            then,
            "not-here",
            "a watch reports and never decides",
            "take `then` away, or make it a guard or a require",
        );
        return (None, false);
    }
    let Some(then) = w.fields(then, &fields.at("then"), &THEN) else {
        return (None, false);
    };
    let violated = w.word_at(&then, "violated", &ACTIONS);
    if then.get("violated").is_none() {
        w.error_in(
            &then,
            "no-action",
            "nothing follows when the rule is violated",
            "`violated: hold`",
        );
    }
    if violated == Some(Action::Narrow)
        && page.decision.route_by.is_empty()
        && let Some(node) = then.get("violated")
    {
        let at = w.location(node.place);
        w.push(
            Problem::error(
                "narrow-without-route",
                at,
                "`narrow` without `decision.route_by`",
            )
            .why("only what a router can isolate can be left out")
            .instead("`route_by: [task]` under `decision`, or `violated: hold`"),
        );
    }
    let undecided = w.word_at(&then, "undecided", &[("narrow", ())]).is_some();
    (violated, undecided)
}
