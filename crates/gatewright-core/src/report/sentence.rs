//! Sentences: one per finding, the headline of the answer, and what follows from it.

use super::view::LIMIT;
use crate::analyse::slice::is_on_traffic;
use crate::analyse::{Finding, Standing, Undecided};
use crate::calibrate::{Fitness, reason_words};
use crate::decide::{Answer, Proposal, WorkKind};
use crate::manifest::{Compare, Grader, Manifest, Metric, Role, Rule, Subject, Verb};
use crate::report::model::{PerWeek, Unit, WorkItemView};
use crate::report::view::Materials;
use crate::report::words;

/// Says how one rule stands in one slice.
pub(super) fn finding(materials: &Materials<'_>, finding: &Finding) -> String {
    let manifest = materials.manifest;
    let rule = &manifest.gate[finding.rule];
    let mut text = match (rule.verb, &finding.standing) {
        (Verb::Never, _) => never(manifest, rule, finding),
        (Verb::Guard, Standing::Holds) => guard_holds(rule, finding),
        (Verb::Guard, Standing::Violated) => loss(rule, finding),
        (Verb::Guard, Standing::Undecided(Undecided::Unconfirmed { .. })) => {
            format!("{}, not confirmed by fresh runs", loss(rule, finding))
        }
        (Verb::Guard, Standing::Undecided(Undecided::Unlabelled { .. })) => {
            format!("as its judge sees it, {}", loss(rule, finding))
        }
        (Verb::Guard, Standing::Undecided(_)) => {
            format!(
                "{}: it cannot be said whether {} broke",
                rule.id,
                words::place(&finding.slice)
            )
        }
        (Verb::Require | Verb::Watch, _) => level(manifest, rule, finding),
    };
    if let Standing::Undecided(why) = &finding.standing {
        text.push_str("; ");
        text.push_str(&undecided(why));
    }
    text
}

/// Says why a rule is undecided and what would decide it.
pub(super) fn undecided(why: &Undecided) -> String {
    let s = |count: u64| if count == 1 { "" } else { "s" };
    match why {
        Undecided::Unconfirmed {
            examples,
            trials: 0,
        } => {
            format!("a person should look at {examples} example{}", s(*examples))
        }
        Undecided::Unconfirmed { examples, trials } => {
            format!(
                "running {examples} example{} {trials} more times would decide it",
                s(*examples)
            )
        }
        Undecided::Missing { units } => {
            format!("{units} missing outcome{} could change it", s(*units))
        }
        Undecided::TooFew { more: Some(more) } => {
            format!(
                "{} more example{} would show it",
                words::count(*more),
                s(*more)
            )
        }
        Undecided::TooFew { more: None } => {
            "no number of examples like these would show it".to_owned()
        }
        Undecided::TooFewSources { clusters } => {
            format!("only {clusters} independent source{}", s(*clusters))
        }
        Undecided::Empty => "no example of the kinds it may rest on".to_owned(),
        Undecided::CoverageGap { uncovered, trimmed } => {
            let share = |share: &f64| words::amount(Unit::Share, *share);
            let none = format!("{} of traffic has no example", share(uncovered));
            let few = "of the weight stood on too few examples";
            match (*uncovered > 0.0, *trimmed > 0.0) {
                (_, false) => none,
                (false, true) => format!("{} {few}", share(trimmed)),
                (true, true) => format!("{none}, and {} {few}", share(trimmed)),
            }
        }
        Undecided::Unreachable { dimension, value } => format!(
            "no weights give {dimension} {value} its share of traffic together with the other shares"
        ),
        Undecided::HalfWeighed { by } => format!(
            "not every example states its {}, so they cannot be weighed to traffic",
            by.join(" and its ")
        ),
        Undecided::Combinations { dimensions } => format!(
            "the shares of {} have too many combinations to be reached together",
            dimensions.join(", ")
        ),
        Undecided::DominantWeight { share } => format!(
            "one example carries {} of the weight",
            words::amount(Unit::Share, *share)
        ),
        Undecided::JudgeUnfit { fitness } => {
            let known = match **fitness {
                Fitness::Undecided { .. } => "its judge is not known to be fit",
                _ => "its judge is unfit",
            };
            match fitness.reasons().first() {
                Some(reason) => format!("{known}: {}", reason_words(reason)),
                None => known.to_owned(),
            }
        }
        Undecided::Unlabelled { flips } => {
            format!("only the judge saw it: label {flips} flip{}", s(*flips))
        }
        Undecided::FewLabels { more } => {
            format!(
                "{more} more example{} labelled by people would show it",
                s(*more)
            )
        }
        Undecided::Unbounded { needs: Some(needs) } => {
            format!("it needs {} examples", words::count(*needs))
        }
        Undecided::Unbounded { needs: None } => "it has no bound at this size".to_owned(),
    }
}

/// "cancellation lost 5 of 24 answers that production gets right, reproduced 5 of 5": the 24 are those that production gets
/// right on at least one trial, not all examples of the segment.
fn loss(rule: &Rule, finding: &Finding) -> String {
    let measured = &finding.measured;
    let other = match rule.compare {
        Compare::NoWorse { than, .. } | Compare::Better { than, .. } => than.word(),
        Compare::AtLeast { .. } | Compare::AtMost { .. } | Compare::Nothing { .. } => "production",
    };
    let who = if finding.slice.is_empty() {
        "the candidate".to_owned()
    } else {
        words::place(&finding.slice)
    };
    let mut text = format!(
        "{who} lost {} of {} answers that {other} gets right",
        measured.lost,
        measured.right.max(measured.lost)
    );
    if measured.gained > 0 {
        text.push_str(&format!(" and gained {}", measured.gained));
    }
    let by_count = measured.lost as f64 - measured.gained as f64;
    if (measured.net_loss - by_count).abs() >= 0.5 {
        // Several trials: an answer that is lost now and then counts by its share.
        let net = words::short(measured.net_loss, 1);
        text.push_str(&format!(" (net {net} over the trials)"));
    }
    if let Some(fresh) = &measured.fresh {
        text.push_str(&format!(
            ", reproduced {} of {}",
            fresh.reproduced, measured.lost
        ));
    } else if measured.sign_p.is_some() && finding.standing == Standing::Violated {
        text.push_str(", too one-sided to be chance");
    }
    text
}

fn guard_holds(rule: &Rule, finding: &Finding) -> String {
    let measured = &finding.measured;
    if measured.tripped {
        return match &measured.fresh {
            Some(fresh) => format!(
                "{}; tripped, not reproduced in {} fresh calls",
                loss(rule, finding),
                words::count(fresh.calls)
            ),
            None => format!("{}; tripped, not reproduced", loss(rule, finding)),
        };
    }
    format!(
        "{}: net {} of {} lost, below the {} at which it trips",
        words::place(&finding.slice),
        words::short(measured.net_loss, 1),
        measured.n,
        measured
            .trip_limit
            .map_or_else(|| "limit".to_owned(), |limit| words::short(limit, 1)),
    )
}

fn never(manifest: &Manifest, rule: &Rule, finding: &Finding) -> String {
    let measured = &finding.measured;
    let what = match rule.subject {
        Subject::Class(class) => words::class(
            manifest.classes[class as usize].id.as_str(),
            measured.events,
        ),
        Subject::Criterion(criterion) => {
            format!("{} failures", manifest.criteria[criterion as usize].id)
        }
    };
    let place = if finding.slice.is_empty() {
        String::new()
    } else {
        format!(" in {}", words::place(&finding.slice))
    };
    match measured.events {
        0 => format!("no {what}{place} in {} examples", words::count(measured.n)),
        events => format!(
            "{} {what}{place} in {} examples, and none is allowed",
            words::count(events),
            words::count(measured.n)
        ),
    }
}

/// "grounded is 4 points worse than production on traffic (95 of 100 sure …)".
fn level(manifest: &Manifest, rule: &Rule, finding: &Finding) -> String {
    let measured = &finding.measured;
    let unit = unit(manifest, rule);
    let subject = level_subject(manifest, rule);
    let metric = match rule.metric {
        Metric::Share => String::new(),
        other => format!(" {}", metric(other)),
    };
    let on = basis(rule, finding);
    let Some(value) = measured.value else {
        return format!("{subject}{metric} has no value on {on}");
    };
    let (value_words, n) = (words::amount(unit, value), words::count(measured.n));
    // As it was judged: traffic without examples counts at its worst.
    let sure = measured
        .covered
        .filter(|bound| bound.is_finite() && finding.standing != Standing::Violated);
    match rule.compare {
        Compare::NoWorse { than, margin } => format!(
            "{} on {on} (n {n}); at most {} worse is allowed{}",
            against(manifest, rule, finding, than),
            words::distance(unit, margin),
            sure.map(|bound| format!(
                ", at worst {} is compatible with the data",
                words::change(unit, bound)
            ))
            .unwrap_or_default(),
        ),
        Compare::Better { than, by } => format!(
            "{} on {on} (n {n}); more than {} better is demanded",
            against(manifest, rule, finding, than),
            words::distance(unit, by),
        ),
        Compare::AtLeast { of, floor } => format!(
            "{}{subject}{metric} is {value_words} on {on} (n {n}); at least {} is demanded{}",
            whose(of),
            words::amount(unit, floor),
            sure.map(|bound| format!(", {} is sure", words::amount(unit, bound)))
                .unwrap_or_default(),
        ),
        Compare::AtMost { of, ceiling } => format!(
            "{}{subject}{metric} is {value_words} on {on} (n {n}); at most {} is allowed",
            whose(of),
            words::amount(unit, ceiling),
        ),
        Compare::Nothing { of } => {
            format!(
                "{}{subject}{metric} is {value_words} on {on} (n {n})",
                whose(of)
            )
        }
    }
}

/// "grounded is 81 % against 90 % of production"; of a preference, which has no value of its own per system: wins minus losses.
fn against(manifest: &Manifest, rule: &Rule, finding: &Finding, than: Role) -> String {
    let (unit, subject) = (unit(manifest, rule), level_subject(manifest, rule));
    let value = finding.measured.value.unwrap_or(0.0);
    if let Subject::Criterion(criterion) = rule.subject
        && let Grader::Preference(_) = manifest.criteria[criterion as usize].grader
    {
        let net = words::change(unit, value);
        return format!(
            "{subject}: wins minus losses against {} are {net}",
            than.word()
        );
    }
    let metric = match rule.metric {
        Metric::Share => String::new(),
        other => format!(" {}", metric(other)),
    };
    let other = finding.measured.other;
    format!(
        "{subject}{metric} is {} against {} of {}",
        words::amount(unit, value),
        other.map_or_else(|| "?".to_owned(), |other| words::amount(unit, other)),
        than.word()
    )
}

fn whose(role: crate::manifest::Role) -> String {
    match role {
        crate::manifest::Role::Candidate => String::new(),
        other => format!("{}'s ", other.word()),
    }
}

/// The system that a rule compares with.
pub(super) fn other(rule: &Rule) -> Option<Role> {
    match rule.compare {
        Compare::NoWorse { than, .. } | Compare::Better { than, .. } => Some(than),
        Compare::AtLeast { .. } | Compare::AtMost { .. } | Compare::Nothing { .. } => None,
    }
}

/// Says whether a rule's estimate is a difference.
pub(super) fn compares(rule: &Rule) -> bool {
    other(rule).is_some()
}

/// What the sentence may claim: traffic, this mix of examples, or a segment of either.
fn basis(rule: &Rule, finding: &Finding) -> String {
    let place = if finding.slice.is_empty() {
        None
    } else {
        Some(words::place(&finding.slice))
    };
    let traffic_only = is_on_traffic(rule);
    let weighed = match finding.measured.raked.as_slice() {
        [] => String::new(),
        [first @ .., last] => format!(
            " weighed to the shares of {} and {last}{}",
            first.join(", "),
            match finding.measured.trimmed {
                0.0 => String::new(),
                cut => format!(
                    " ({} of the weight cut, put at its worst)",
                    words::amount(Unit::Share, cut)
                ),
            }
        ),
    };
    let weighed = match finding.measured.unweighed.as_slice() {
        [] => weighed,
        names => {
            let but = if weighed.is_empty() {
                " not weighed by"
            } else {
                ", not by"
            };
            let names = names.join(", ");
            format!("{weighed}{but} {names}, of which an example has no stated value")
        }
    };
    match (traffic_only, place) {
        (true, None) => format!("traffic{weighed}"),
        (true, Some(place)) => format!("{place} traffic{weighed}"),
        (false, None) => "this mix of examples".to_owned(),
        (false, Some(place)) => format!("this mix of {place} examples"),
    }
}

/// Names what a rule is about.
pub(super) fn subject(manifest: &Manifest, rule: &Rule) -> String {
    match rule.subject {
        Subject::Criterion(criterion) => manifest.criteria[criterion as usize].id.to_string(),
        Subject::Class(class) => manifest.classes[class as usize].id.to_string(),
    }
}

/// Names what a level is of: for a class it is the answers without it.
fn level_subject(manifest: &Manifest, rule: &Rule) -> String {
    let name = subject(manifest, rule);
    match (rule.subject, rule.metric) {
        (Subject::Class(_), Metric::Share) => format!("the share of answers without {name}"),
        _ => name,
    }
}

/// Names a metric.
pub(super) fn metric(metric: Metric) -> String {
    match metric {
        Metric::Share => "share".to_owned(),
        Metric::Mean => "mean".to_owned(),
        Metric::PassHatK(k) => format!("pass^{k}"),
        Metric::PassAtK(k) => format!("pass@{k}"),
        Metric::Quantile(q) => format!("p{}", words::short(q * 100.0, 2)),
        Metric::CostPerSolved => "cost per solved".to_owned(),
        Metric::FailureCost => "failure cost".to_owned(),
        Metric::Relation(relation) => relation.word().to_owned(),
    }
}

/// Says what a rule's numbers are measured in.
pub(super) fn unit(manifest: &Manifest, rule: &Rule) -> Unit {
    match rule.metric {
        Metric::Share | Metric::PassHatK(_) | Metric::PassAtK(_) | Metric::Relation(_) => {
            Unit::Share
        }
        Metric::CostPerSolved => Unit::Usd,
        Metric::FailureCost => Unit::Cost,
        Metric::Mean | Metric::Quantile(_) => match rule.subject {
            Subject::Criterion(criterion) => value_unit(manifest, criterion),
            Subject::Class(_) => Unit::Number,
        },
    }
}

/// Says what a criterion's measured values are in.
pub(super) fn value_unit(manifest: &Manifest, criterion: u16) -> Unit {
    match manifest.criteria[criterion as usize].grader {
        crate::manifest::Grader::Latency { .. } => Unit::Milliseconds,
        crate::manifest::Grader::Cost { .. } => Unit::Usd,
        _ => Unit::Number,
    }
}

/// Writes the answer in one sentence.
pub(super) fn headline(materials: &Materials<'_>, sentences: &[String]) -> String {
    let proposal = materials.proposal;
    let lead = proposal.answer.word().to_uppercase();
    let first = proposal
        .fired
        .first()
        .and_then(|index| sentences.get(*index));
    let body = match proposal.answer {
        _ if !proposal.invalid.is_empty() => {
            format!("this run cannot decide: {}", proposal.invalid.join("; "))
        }
        Answer::Ship => ship(materials),
        Answer::Narrow => {
            let to = proposal.scope.as_ref().map(super::view::scope);
            let to = to.map_or_else(
                || "part of traffic".to_owned(),
                |scope| words::scope(&scope),
            );
            match first {
                Some(first) => format!("release to {to} only; {first}"),
                None => format!("release to {to} only"),
            }
        }
        Answer::Hold | Answer::Repair | Answer::Rollback | Answer::NotEnoughEvidence => {
            first.cloned().unwrap_or_else(|| nothing_fired(proposal))
        }
    };
    format!("{lead}: {}.", body.trim_end_matches('.'))
}

fn nothing_fired(proposal: &Proposal) -> String {
    match proposal.needs.first() {
        Some(need) => need.clone(),
        None => "no rule of this gate could be decided".to_owned(),
    }
}

fn ship(materials: &Materials<'_>) -> String {
    let blind = &materials.analysis.blind;
    let n = match (words::count(blind.judged), words::count(blind.examples)) {
        (judged, all) if judged != all => {
            format!("{judged} of {all} examples (no rule that decides has a verdict on the others)")
        }
        (_, all) => format!("{all} examples"),
    };
    let gate = &materials.manifest.gate;
    let requires: Vec<&Finding> = materials
        .analysis
        .findings
        .iter()
        // Under `unbroken` a demand that n does not carry is no obstacle, and no claim either.
        .filter(|finding| {
            finding.deciding
                && finding.standing == Standing::Holds
                && gate[finding.rule].verb == Verb::Require
        })
        .collect();
    if requires.is_empty() {
        let limits = materials.analysis.findings.iter();
        let least = limits
            .filter(|finding| finding.deciding && finding.measured.planned > 0)
            .filter_map(|finding| finding.measured.trip_limit)
            .fold(3.0_f64, f64::max);
        let these = if blind.judged == blind.examples {
            "these "
        } else {
            ""
        };
        return format!(
            "nothing broke on {these}{n}; nothing is shown about traffic; a loss under {} examples per segment could not be seen",
            words::short(least.ceil(), 0)
        );
    }
    let open = |rule: usize| {
        materials.analysis.findings.iter().any(|finding| {
            finding.rule == rule && finding.deciding && finding.standing != Standing::Holds
        })
    };
    let mut names: Vec<String> = Vec::new();
    for finding in &requires {
        let mut name = gate[finding.rule].id.to_string();
        if open(finding.rule) {
            name = format!("{name} in {}", words::place(&finding.slice));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let on_traffic = requires
        .iter()
        .all(|finding| is_on_traffic(&gate[finding.rule]));
    let basis = if on_traffic {
        "on traffic"
    } else {
        "on this mix of examples"
    };
    let shown = match names.len() {
        1 => format!("{} is shown", names[0]),
        2..=4 => format!("{} are shown", words::list(&names)),
        more => format!("all {more} demands are shown"),
    };
    format!("{shown} {basis}, and nothing broke on {n}")
}

/// Says what follows: failures a week, who acts, what would be possible instead.
pub(super) fn follows(
    materials: &Materials<'_>,
    per_week: Option<&PerWeek>,
    work: &[WorkItemView],
) -> Vec<String> {
    let proposal = materials.proposal;
    let mut follows = Vec::new();
    if let Some(week) = per_week.filter(|week| week.failures >= 1.0) {
        let money = week
            .money
            .as_ref()
            .filter(|money| money.currency.is_some())
            .map(|money| format!(" ({})", words::about_money(money)))
            .unwrap_or_default();
        let failures = words::about(week.failures);
        follows.push(match week.than.as_deref() {
            Some(LIMIT) => {
                format!("About {failures} failures a week more than {LIMIT} allows{money}.")
            }
            Some(_) => format!("About {failures} more failures a week{money}."),
            None => format!("About {failures} such failures a week{money}."),
        });
    }
    if let Some(why) = &proposal.no_narrow {
        follows.push(format!("Not narrowed: {why}."));
    }
    let alternative = proposal
        .alternative
        .as_ref()
        .map(|scope| {
            format!(
                "; or narrow to {}",
                words::scope(&super::view::scope(scope))
            )
        })
        .unwrap_or_default();
    match work.first() {
        Some(item) => follows.push(format!("{} {}{alternative}.", item.owner.name, duty(item))),
        None if !alternative.is_empty() => follows.push(format!("{}.", &alternative[5..])),
        None => {}
    }
    if let Some(fallback) = &proposal.fallback {
        follows.push(match fallback.holds {
            Some(true) => format!("Fallback {} holds the same rule.", fallback.name),
            Some(false) => format!(
                "Fallback {} does not hold the same rule either.",
                fallback.name
            ),
            None => format!("Fallback {} was not measured on it.", fallback.name),
        });
    }
    follows
}

/// What an owner does about a work item.
fn duty(item: &WorkItemView) -> String {
    let examples = |count: usize| match count {
        0 => "the examples".to_owned(),
        1 => "1 example".to_owned(),
        more => format!("{more} examples"),
    };
    match item.kind {
        WorkKind::FixEvaluation => "fixes the evaluation".to_owned(),
        WorkKind::RepairBoundary => "repairs".to_owned(),
        WorkKind::FixSources => "fixes the sources".to_owned(),
        WorkKind::ChangePolicy => "decides the policy".to_owned(),
        WorkKind::RepairRubric => "repairs the rubric".to_owned(),
        WorkKind::QuarantineExamples => format!("looks at {}", examples(item.examples.len())),
        WorkKind::CollectEvidence => "collects the evidence".to_owned(),
    }
}
