//! Work items: what the findings ask of whom; and what would decide the undecided ones.

use crate::analyse::{Finding, Standing, Undecided, slice_words};
use crate::calibrate::Fitness;
use crate::decide::order::Case;
use crate::decide::{Answer, Proposal, Repair, WorkItem, WorkKind};
use crate::id::OwnerId;
use crate::manifest::{Action, Compare, Role, Subject, Verb};
use crate::words::counted;

/// One item per violated finding (the severest first), then per undecided one, then per fault of the evaluation.
pub(crate) fn items(
    case: Case<'_>,
    proposal: &Proposal,
    violated: &[usize],
    undecided: &[usize],
) -> Vec<WorkItem> {
    let mut items = Vec::new();
    let fallback_owner = case
        .manifest
        .decision
        .decided_by
        .clone()
        .or_else(|| case.manifest.owners.keys().next().cloned())
        .unwrap_or_else(|| OwnerId::from("product"));
    for obligation in &case.context.obligations {
        items.push(WorkItem {
            kind: WorkKind::FixEvaluation,
            owner: obligation.owner.clone(),
            finding: None,
            class: None,
            slice: Vec::new(),
            examples: Vec::new(),
            what: format!("incident {}: {}", obligation.incident, obligation.what),
            repair: None,
            system: Role::Candidate,
        });
    }
    let faults = case
        .context
        .broken_seal
        .iter()
        .map(|part| format!("{part} changed after the seal: run again"))
        .chain(case.context.invalid.iter().cloned());
    for what in faults {
        items.push(WorkItem {
            kind: WorkKind::FixEvaluation,
            owner: fallback_owner.clone(),
            finding: None,
            class: None,
            slice: Vec::new(),
            examples: Vec::new(),
            what: format!("fix the evaluation: {what}"),
            repair: None,
            system: Role::Candidate,
        });
    }
    let mut order: Vec<usize> = proposal
        .fired
        .iter()
        .copied()
        .filter(|index| violated.contains(index))
        .collect();
    order.extend(
        violated
            .iter()
            .copied()
            .filter(|index| !proposal.fired.contains(index)),
    );
    items.extend(order.into_iter().map(|index| repair(case, index)));
    if proposal.answer != Answer::Ship {
        items.extend(undecided.iter().map(|&index| collect(case, index)));
    }
    items
}

/// What a violated finding asks for. The owner of the class repairs; the rule's owner answers for it.
fn repair(case: Case<'_>, index: usize) -> WorkItem {
    let finding = &case.analysis.findings[index];
    let rule = case.rule(finding);
    let class = main_class(case, finding);
    let declared = class.map(|class| &case.manifest.classes[class as usize]);
    let owner = declared
        .filter(|class| case.manifest.owners.contains_key(&class.owner))
        .map_or_else(|| rule.owner.clone(), |class| class.owner.clone());
    let path = declared.map_or("", |class| class.repair.as_str());
    let kind = match (rule.violated, declared.map(|class| class.id.as_str())) {
        (Some(Action::ChangePolicy), _) | (_, Some("policy-ambiguity")) => WorkKind::ChangePolicy,
        (_, Some("wrong-source" | "missing-source" | "source-conflict")) => WorkKind::FixSources,
        (_, Some("reviewer-disagreement")) => WorkKind::RepairRubric,
        _ => WorkKind::RepairBoundary,
    };
    let boundary = match rule.subject {
        Subject::Criterion(criterion) => case.manifest.criteria[criterion as usize].id.to_string(),
        Subject::Class(class) => case.manifest.classes[class as usize].id.to_string(),
    };
    let verb = if kind == WorkKind::ChangePolicy {
        "decide the policy for"
    } else {
        "repair"
    };
    let repair = Repair {
        does: format!("{verb} {boundary}"),
        path: path.to_owned(),
        rule: rule.id.to_string(),
    };
    let place: Vec<String> = match finding.slice.is_empty() {
        true => Vec::new(),
        false => vec![slice_words(&finding.slice)],
    };
    WorkItem {
        kind,
        owner,
        finding: Some(index),
        class,
        slice: finding.slice.clone(),
        examples: finding.examples.clone(),
        what: repair.text(&place, std::slice::from_ref(&repair.rule)),
        repair: Some(repair),
        system: crate::analyse::rule_role(rule),
    }
}

/// The class that most of the finding's regressed examples fail as: the cause where triage set one, else the symptom.
fn main_class(case: Case<'_>, finding: &Finding) -> Option<u16> {
    let rule = case.rule(finding);
    if let Subject::Class(class) = rule.subject {
        return Some(class);
    }
    let Subject::Criterion(criterion) = rule.subject else {
        return None;
    };
    let mut counts = std::collections::BTreeMap::<u16, usize>::new();
    for flip in &case.analysis.flips {
        if flip.criterion == criterion
            && flip.change < 0.0
            && finding.examples.contains(&flip.example)
            && let Some(class) = case
                .analysis
                .causes
                .get(&(flip.example, criterion))
                .copied()
                .or(flip.class)
        {
            *counts.entry(class).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
        .map(|(class, _)| class)
        .or_else(|| counted_class(case, finding, criterion))
}

/// Where nothing regressed (a floor, a rule about production): the criterion's class with most failures in the slice.
fn counted_class(case: Case<'_>, finding: &Finding, criterion: u16) -> Option<u16> {
    let classes = case.manifest.criteria[criterion as usize].classes();
    let role = crate::analyse::rule_role(case.rule(finding));
    let failures = |class: u16| {
        let mut counted = case.analysis.classes.iter();
        counted
            .find(|count| count.class == class && count.slice == finding.slice)
            .and_then(|count| count.outcomes.get(&role).copied())
            .unwrap_or(0)
    };
    classes
        .iter()
        .copied()
        .max_by_key(|&class| (failures(class), std::cmp::Reverse(class)))
}

fn collect(case: Case<'_>, index: usize) -> WorkItem {
    let finding = &case.analysis.findings[index];
    let rule = case.rule(finding);
    WorkItem {
        kind: WorkKind::CollectEvidence,
        owner: rule.owner.clone(),
        finding: Some(index),
        class: None,
        slice: finding.slice.clone(),
        examples: finding.examples.clone(),
        what: need(case, finding),
        repair: None,
        system: crate::analyse::rule_role(rule),
    }
}

/// What would decide the undecided findings, one line each, without repeats.
pub(crate) fn needs(case: Case<'_>, undecided: &[usize]) -> Vec<String> {
    let mut needs: Vec<String> = Vec::new();
    for &index in undecided {
        let line = need(case, &case.analysis.findings[index]);
        if !needs.contains(&line) {
            needs.push(line);
        }
    }
    needs
}

fn need(case: Case<'_>, finding: &Finding) -> String {
    let rule = case.rule(finding);
    let place = if finding.slice.is_empty() {
        String::new()
    } else {
        format!(" in {}", slice_words(&finding.slice))
    };
    let Standing::Undecided(reason) = &finding.standing else {
        return String::new();
    };
    let kinds = kinds_words(rule);
    match reason {
        Undecided::Unconfirmed { examples, trials } if *trials > 0 => {
            let examples = counted(*examples, "example");
            format!("{}: confirm {examples} × {trials}{place}", rule.id)
        }
        Undecided::Unconfirmed { examples, .. } if rule.verb == Verb::Never => {
            format!(
                "{}: a person must look at {} that only a judge saw{place}",
                rule.id,
                counted(*examples, "event")
            )
        }
        Undecided::Unconfirmed { .. } => format!(
            "{}: look at {}{place} (`gatewright diff`, then `gatewright triage set`), or record more trials",
            rule.id,
            counted(finding.examples.len() as u64, "flip")
        ),
        Undecided::Missing { units } => {
            format!(
                "{}: get {}{place}",
                rule.id,
                counted(*units, "missing outcome")
            )
        }
        Undecided::TooFew { more: Some(more) } => {
            format!(
                "{}: {}{place}",
                rule.id,
                counted(*more, &format!("more {kinds}example"))
            )
        }
        Undecided::TooFew { more: None } => {
            let by = matches!(
                rule.compare,
                Compare::Better { .. } | Compare::AtLeast { .. }
            );
            if by {
                format!(
                    "{}: the estimate is not above the limit{place}; more examples alone will not show it",
                    rule.id
                )
            } else {
                format!("{}: more {kinds}examples or a wider margin{place}", rule.id)
            }
        }
        Undecided::TooFewSources { clusters } => {
            format!(
                "{}: examples from more independent sources{place} ({clusters} now)",
                rule.id
            )
        }
        Undecided::Empty => format!("{}: no {kinds}example{place}: add some", rule.id),
        Undecided::CoverageGap { uncovered, trimmed } => {
            let percent = |share: &f64| format!("{:.0} %", share * 100.0);
            let none = format!("the {} of traffic that has none", percent(uncovered));
            let few = "rare combinations of values";
            let what = match (*uncovered > 0.0, *trimmed > 0.0) {
                (_, false) => format!("examples for {none}"),
                (false, true) => format!("more examples of {few}"),
                (true, true) => format!("examples for {none}, and more of {few}"),
            };
            format!("{}: {what}{place}", rule.id)
        }
        Undecided::Unreachable { dimension, value } => {
            format!(
                "{}: examples of {dimension} {value} with other values beside it{place}, or the shares of one dimension only",
                rule.id
            )
        }
        Undecided::HalfWeighed { by } => {
            format!(
                "{}: {} of every example{place}: some state it and some do not",
                rule.id,
                by.join(" and ")
            )
        }
        Undecided::Combinations { dimensions } => {
            format!(
                "{}: shares of fewer dimensions than {}, or of fewer values{place}",
                rule.id,
                dimensions.join(", ")
            )
        }
        Undecided::DominantWeight { share } => {
            format!(
                "{}: one example carries {:.0} % of the weight{place}: add examples beside it",
                rule.id,
                share * 100.0
            )
        }
        Undecided::JudgeUnfit { fitness } => {
            let subject = match rule.subject {
                Subject::Criterion(index) => case.manifest.criteria[usize::from(index)].id.as_str(),
                Subject::Class(_) => "",
            };
            let how = format!("`gatewright calibrate {subject}`");
            match &**fitness {
                Fitness::Undecided {
                    labels: Some(more), ..
                } => {
                    let answers = counted(*more, "more answer");
                    format!("{}: label about {answers} ({how})", rule.id)
                }
                Fitness::Undecided { .. } => {
                    format!("{}: label more answers ({how})", rule.id)
                }
                _ => format!(
                    "{}: another judge or rubric, or labels by people: the judge is unfit ({how})",
                    rule.id
                ),
            }
        }
        Undecided::Unlabelled { flips } => format!(
            "{}: people's labels on {}{place} (`gatewright calibrate --plan`)",
            rule.id,
            counted(*flips, "flip")
        ),
        Undecided::FewLabels { more } => format!(
            "{}: people's labels on {}{place} (`gatewright calibrate --plan`)",
            rule.id,
            counted(*more, "more example")
        ),
        Undecided::Unbounded { needs: Some(needs) } => {
            format!("{}: {} in all{place}", rule.id, counted(*needs, "example"))
        }
        Undecided::Unbounded { needs: None } => format!("{}: more examples{place}", rule.id),
    }
}

fn kinds_words(rule: &crate::manifest::Rule) -> String {
    match (&rule.from, rule.verb) {
        (Some(kinds), _) => format!(
            "{} ",
            kinds
                .iter()
                .map(|kind| kind.word())
                .collect::<Vec<_>>()
                .join(" or ")
        ),
        (None, Verb::Require) => "traffic ".to_owned(),
        (None, _) => String::new(),
    }
}
