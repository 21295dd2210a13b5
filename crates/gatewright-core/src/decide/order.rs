//! The order of answers (design.md §6): first match wins.

use crate::analyse::{Analysis, Finding, Standing, Undecided};
use crate::class::Severity;
use crate::decide::{
    Answer, DecisionContext, FallbackStanding, Proposal, Scope, narrow, unseen, work,
};
use crate::manifest::{Action, Compare, Manifest, Metric, Role, Rule, Standard, Verb};

/// Everything a step looks at.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) analysis: &'a Analysis,
    pub(crate) context: &'a DecisionContext,
}

impl<'a> Case<'a> {
    pub(crate) fn rule(&self, finding: &Finding) -> &'a Rule {
        &self.manifest.gate[finding.rule]
    }

    /// What stands in the way of shipping: violated findings, and undecided ones that block.
    fn open(self) -> (Vec<usize>, Vec<usize>) {
        (
            self.standing(|finding| finding.standing == Standing::Violated),
            self.standing(|finding| blocks(self, finding)),
        )
    }

    /// Deciding findings with a standing, by index.
    fn standing(&self, wanted: impl Fn(&Finding) -> bool) -> Vec<usize> {
        (0..self.analysis.findings.len())
            .filter(|&index| {
                self.analysis.findings[index].deciding && wanted(&self.analysis.findings[index])
            })
            .collect()
    }
}

/// The answer alone, on findings and routes.
pub(crate) fn answer_of(
    manifest: &Manifest,
    analysis: &Analysis,
    context: &DecisionContext,
) -> Answer {
    let case = Case {
        manifest,
        analysis,
        context,
    };
    let (violated, undecided) = case.open();
    first_match(case, &violated, &undecided).answer
}

/// Computes the proposal. Same inputs, same bytes; nothing else is looked at.
pub fn decide(manifest: &Manifest, analysis: &Analysis, context: &DecisionContext) -> Proposal {
    let case = Case {
        manifest,
        analysis,
        context,
    };
    let (violated, undecided) = case.open();
    let mut proposal = first_match(case, &violated, &undecided);
    proposal.work_items = work::items(case, &proposal, &violated, &undecided);
    proposal.needs = work::needs(case, &undecided);
    if matches!(proposal.answer, Answer::NotEnoughEvidence) && proposal.fired.is_empty() {
        proposal.needs.push(nothing_shown(case));
    }
    if proposal.step == 4 && proposal.answer == Answer::Hold {
        proposal.no_narrow = narrow::refused(case, &violated, &undecided);
    }
    proposal.unseen = unseen::unseen(case);
    proposal.watches = watches(case);
    if matches!(proposal.answer, Answer::Rollback) {
        proposal.fallback = fallback(case, &proposal.fired);
    }
    if matches!(
        proposal.answer,
        Answer::Hold | Answer::Rollback | Answer::Repair
    ) && !violated.is_empty()
    {
        proposal.alternative = narrow::alternative(case, &violated, &undecided);
    }
    proposal
}

fn first_match(case: Case<'_>, violated: &[usize], undecided: &[usize]) -> Proposal {
    if let Some(proposal) = run_invalid(case) {
        return proposal;
    }
    let nevers: Vec<usize> = violated
        .iter()
        .copied()
        .filter(|&index| verb(case, index) == Verb::Never)
        .collect();
    if !nevers.is_empty() {
        return by_action(case, 2, &nevers);
    }
    if let Some(scope) = narrow::by_segment(case, violated, undecided) {
        return Proposal {
            scope: Some(scope),
            ..answer(Answer::Narrow, 3, sorted(case, violated))
        };
    }
    if !violated.is_empty() {
        return by_action(case, 4, violated);
    }
    if !undecided.is_empty() {
        return if may_narrow_to_share(case, undecided) {
            let scope = Some(Scope::Share(case.manifest.decision.narrow_share));
            Proposal {
                scope,
                ..answer(Answer::Narrow, 5, sorted(case, undecided))
            }
        } else {
            answer(Answer::NotEnoughEvidence, 5, sorted(case, undecided))
        };
    }
    let shown = match case.manifest.decision.standard {
        Standard::Shown => has_holding_require(case),
        // Where nothing decides, or not on any example, nothing could have broken.
        Standard::Unbroken => {
            let mut findings = case.analysis.findings.iter();
            let planned = findings.any(|it| it.deciding && it.measured.planned > 0);
            planned && !without_verdict(case)
        }
    };
    if !shown {
        return answer(Answer::NotEnoughEvidence, 5, Vec::new());
    }
    answer(Answer::Ship, 6, Vec::new())
}

/// No rule that decides has a verdict on any example: nothing was seen, so nothing was seen to hold.
fn without_verdict(case: Case<'_>) -> bool {
    let blind = &case.analysis.blind;
    blind.examples > 0 && blind.judged == 0
}

/// Step 1: the evaluation itself cannot be trusted.
fn run_invalid(case: Case<'_>) -> Option<Proposal> {
    let mut invalid: Vec<String> = case
        .context
        .broken_seal
        .iter()
        .map(|part| format!("{part} changed after the seal"))
        .collect();
    invalid.extend(case.context.invalid.iter().cloned());
    invalid.extend(
        case.context
            .obligations
            .iter()
            .map(|one| format!("incident {}: {}", one.incident, one.what)),
    );
    (!invalid.is_empty()).then(|| Proposal {
        invalid,
        ..answer(Answer::Hold, 1, Vec::new())
    })
}

/// The severest action of the findings. A rollback needs exposure, a narrow needs a route: else each is a hold.
fn by_action(case: Case<'_>, step: u8, findings: &[usize]) -> Proposal {
    let effective = |index: usize| {
        let rule = case.rule(&case.analysis.findings[index]);
        match rule.violated.unwrap_or(Action::Hold) {
            Action::Rollback if case.manifest.decision.exposed || about_production(rule) => {
                Action::Rollback
            }
            Action::Rollback | Action::Narrow => Action::Hold,
            other => other,
        }
    };
    let mut fired = findings.to_vec();
    fired.sort_by(|&a, &b| {
        effective(b)
            .cmp(&effective(a))
            .then_with(|| by_weight(case, a, b))
    });
    let found = match fired.first().map(|&index| effective(index)) {
        Some(Action::Rollback) => Answer::Rollback,
        Some(Action::Repair) => Answer::Repair,
        // A policy to be decided holds the release at a named boundary.
        _ => Answer::Hold,
    };
    answer(found, step, fired)
}

fn about_production(rule: &Rule) -> bool {
    matches!(
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
    )
}

/// Severest rule first, then the larger net loss, then page order.
fn by_weight(case: Case<'_>, a: usize, b: usize) -> std::cmp::Ordering {
    let (one, two) = (&case.analysis.findings[a], &case.analysis.findings[b]);
    case.rule(two)
        .severity
        .cmp(&case.rule(one).severity)
        .then(two.measured.net_loss.total_cmp(&one.measured.net_loss))
        .then(a.cmp(&b))
}

fn sorted(case: Case<'_>, findings: &[usize]) -> Vec<usize> {
    let mut fired = findings.to_vec();
    fired.sort_by(|&a, &b| by_weight(case, a, b));
    fired
}

/// Whether an undecided finding stands in the way of shipping, by the standard of proof.
fn blocks(case: Case<'_>, finding: &Finding) -> bool {
    let Standing::Undecided(reason) = &finding.standing else {
        return false;
    };
    match case.manifest.decision.standard {
        Standard::Shown => true,
        // Unbroken claims nothing about traffic: a require that n does not carry is no obstacle, a missing outcome is.
        Standard::Unbroken => {
            !matches!(verb_of(case, finding), Verb::Require | Verb::Never)
                || matches!(
                    reason,
                    Undecided::Missing { .. }
                        | Undecided::Unconfirmed { .. }
                        | Undecided::Unlabelled { .. }
                        | Undecided::JudgeUnfit { .. }
                )
        }
    }
}

fn verb(case: Case<'_>, index: usize) -> Verb {
    verb_of(case, &case.analysis.findings[index])
}

fn verb_of(case: Case<'_>, finding: &Finding) -> Verb {
    case.rule(finding).verb
}

fn may_narrow_to_share(case: Case<'_>, undecided: &[usize]) -> bool {
    let tripped = case.analysis.findings.iter().any(|finding| {
        finding.deciding && finding.measured.tripped && finding.standing != Standing::Holds
    });
    !tripped
        && undecided.iter().all(|&index| {
            let finding = &case.analysis.findings[index];
            let rule = case.rule(finding);
            rule.undecided_narrow
                && rule.severity <= Severity::Medium
                && better_than_half_margin(finding, rule)
        })
}

/// The estimate is better than −margin/2: a narrow release would not knowingly lose half of what is tolerated.
fn better_than_half_margin(finding: &Finding, rule: &Rule) -> bool {
    // With what is missing at its worst: leaving out what was lost must not make a narrow release.
    let Some(estimate) = finding.measured.for_holds.as_ref() else {
        return false;
    };
    match rule.compare {
        Compare::NoWorse { margin, .. } if finding.measured.smaller_is_better => {
            estimate.point < margin / 2.0
        }
        Compare::NoWorse { margin, .. } => estimate.point > -margin / 2.0,
        Compare::Better { .. } if finding.measured.smaller_is_better => estimate.point < 0.0,
        Compare::Better { .. } => estimate.point > 0.0,
        Compare::AtLeast { floor, .. } => estimate.point >= floor,
        Compare::AtMost { ceiling, .. } => estimate.point <= ceiling,
        Compare::Nothing { .. } => false,
    }
}

/// Under `shown`, at least one require must be there, and all must hold.
fn has_holding_require(case: Case<'_>) -> bool {
    case.analysis.findings.iter().any(|finding| {
        finding.deciding
            && verb_of(case, finding) == Verb::Require
            && finding.standing == Standing::Holds
    })
}

fn nothing_shown(case: Case<'_>) -> String {
    if case.manifest.decision.standard == Standard::Unbroken && without_verdict(case) {
        return "no rule that decides has a verdict on any example: record or ask for answers, or give labels"
            .to_owned();
    }
    if case.manifest.decision.standard == Standard::Unbroken {
        return "no rule that decides found an example: rules that only watch ship nothing. Add a guard or a never on what a rule, a program or people judge, or \
                calibrate the judge"
            .to_owned();
    }
    let judged = case
        .analysis
        .findings
        .iter()
        .any(|f| !f.deciding && verb_of(case, f) == Verb::Require);
    if judged {
        "every require rests on a model judge that is not calibrated: label answers by people, or use another grader"
            .to_owned()
    } else {
        "the standard is `shown` and no require rule is on the page: add one, or set `decision.standard: unbroken`"
            .to_owned()
    }
}

/// Watches, and rules that only watch because their judge is not calibrated.
fn watches(case: Case<'_>) -> Vec<usize> {
    (0..case.analysis.findings.len())
        .filter(|&index| !case.analysis.findings[index].deciding)
        .collect()
}

/// Whether the fallback holds what fired: the same limit read on the fallback's numbers.
fn fallback(case: Case<'_>, fired: &[usize]) -> Option<FallbackStanding> {
    let system = case.manifest.systems.get(&Role::Fallback)?;
    let first = case.analysis.findings.get(*fired.first()?)?;
    let rule = case.rule(first);
    let crate::manifest::Subject::Criterion(criterion) = rule.subject else {
        return Some(FallbackStanding {
            name: system.name.clone(),
            holds: None,
            value: None,
        });
    };
    let cell = case
        .analysis
        .cells
        .iter()
        .find(|cell| cell.criterion == criterion && cell.slice == first.slice)
        .and_then(|cell| cell.systems.get(&Role::Fallback));
    let value = cell.and_then(|cell| cell.rate.as_ref().ok().cloned());
    // The table's rate is a share or a mean over every kind of example, and it knows nothing of what is missing.
    let comparable = matches!(rule.metric, Metric::Share | Metric::Mean) && rule.restrict.len() < 2;
    let complete = cell.is_some_and(|cell| cell.counts.missing_total() == 0);
    let smaller = first.measured.smaller_is_better;
    let holds = value
        .as_ref()
        .filter(|_| comparable)
        .and_then(|rate| match rule.compare {
            Compare::AtLeast { floor, .. } => Some(rate.lower > floor),
            Compare::AtMost { ceiling, .. } => Some(rate.upper < ceiling),
            Compare::NoWorse { margin, .. } => first.measured.other.map(|other| match smaller {
                true => rate.point <= other + margin,
                false => rate.point >= other - margin,
            }),
            Compare::Better { .. } | Compare::Nothing { .. } => None,
        });
    // What is missing may be failing: then it is not said that the fallback holds.
    let holds = holds.filter(|holds| complete || !holds);
    Some(FallbackStanding {
        name: system.name.clone(),
        holds,
        value: value.map(|rate| rate.point),
    })
}

fn answer(answer: Answer, step: u8, fired: Vec<usize>) -> Proposal {
    Proposal {
        answer,
        step,
        fired,
        scope: None,
        alternative: None,
        no_narrow: None,
        fallback: None,
        invalid: Vec::new(),
        work_items: Vec::new(),
        needs: Vec::new(),
        unseen: Vec::new(),
        watches: Vec::new(),
    }
}
