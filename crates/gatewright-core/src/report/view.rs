//! From the analysis and the proposal to the view: all arithmetic of the report is here and in `tables`.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyse::{Analysis, Finding, Flip, Slice, Standing};
use crate::decide::{Answer, DecisionContext, Proposal, Scope, WorkItem, WorkKind};
use crate::id::OwnerId;
use crate::incident::Incident;
use crate::judge::MemberReport;
use crate::manifest::{Compare, Manifest, Role, Rule, Subject, Target, Verb};
use crate::plan::Plan;
use crate::reference::ReferenceSet;
use crate::report::model::*;
use crate::report::{
    behaviour, conduct, judges, outlook, pictures, rests, sentence, tables, words,
};
use crate::seal::Seal;

/// What a report knows of the run besides analysis and proposal.
#[derive(Clone, Copy, Debug)]
pub struct RunFacts<'a> {
    /// The run folder's name.
    pub run: &'a str,
    /// Tool and version.
    pub tool: &'a str,
    /// The seal, when the run has one.
    pub seal: Option<&'a Seal>,
    /// What whoever reads the numbers must know of how the run went.
    pub notes: &'a [String],
    /// What judges said of canaries, by criterion index.
    pub judges: &'a [(u16, Vec<MemberReport>)],
    /// Production failures that the gate knows of.
    pub incidents: &'a [Incident],
}

/// Everything a view is made of.
pub(super) struct Materials<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) reference: &'a ReferenceSet,
    pub(super) plan: &'a Plan,
    pub(super) analysis: &'a Analysis,
    pub(super) proposal: &'a Proposal,
    pub(super) context: &'a DecisionContext,
}

/// Builds the view of a run. Pure: the same arguments give the same bytes.
pub fn view(
    manifest: &Manifest,
    reference: &ReferenceSet,
    plan: &Plan,
    analysis: &Analysis,
    proposal: &Proposal,
    context: &DecisionContext,
    facts: &RunFacts<'_>,
) -> View {
    let materials = Materials {
        manifest,
        reference,
        plan,
        analysis,
        proposal,
        context,
    };
    let sentences: Vec<String> = analysis
        .findings
        .iter()
        .map(|finding| sentence::finding(&materials, finding))
        .collect();
    let per_week = per_week(&materials);
    let work_items: Vec<WorkItemView> = proposal
        .work_items
        .iter()
        .map(|item| work_item(&materials, item))
        .collect();
    let classes = tables::classes(&materials);
    let (flips_total, flips_lost, flips_gained) = tables::flip_counts(&materials);
    View {
        format: FORMAT.to_owned(),
        product: manifest.product.clone(),
        promise: manifest.promise.does.clone(),
        question: manifest.decision.question.clone(),
        answer: proposal.answer,
        exit_code: proposal.answer.exit_code(),
        sentence: sentence::headline(&materials, &sentences),
        follows: sentence::follows(&materials, per_week.as_ref(), &work_items),
        step: proposal.step,
        standard: manifest.decision.standard,
        enforce: manifest.decision.enforce,
        invalid: proposal.invalid.clone(),
        fired: proposal.fired.clone(),
        scope: proposal.scope.as_ref().map(scope),
        alternative: proposal.alternative.as_ref().map(scope),
        fallback: proposal.fallback.as_ref().map(|fallback| FallbackView {
            name: fallback.name.clone(),
            holds: fallback.holds,
            value: fallback.value,
        }),
        per_week,
        findings: analysis
            .findings
            .iter()
            .zip(sentences)
            .map(|(finding, sentence)| finding_view(&materials, finding, sentence))
            .collect(),
        segments: tables::segments(&materials),
        trade_offs: trade_offs(&classes, paired(manifest)),
        class_owners: pictures::class_owners(&classes, reference.examples.len() as u64),
        classes,
        denominators: tables::denominators(&materials),
        tables: tables::cells(&materials),
        reliability: tables::reliability(&materials),
        behaviour: behaviour::behaviour(&materials),
        confusion: conduct::confusion(&materials),
        needs: proposal.needs.clone(),
        would_change: outlook::would_change(&materials),
        forest: pictures::forest(&materials),
        heat: pictures::heat(&materials),
        unseen: proposal.unseen.clone(),
        watches: proposal.watches.clone(),
        judge_notes: judges::notes(&materials, facts.judges),
        judges: judges::list(manifest, facts.judges),
        fitness: pictures::fitness(&materials),
        reference: tables::reference(&materials, facts.incidents),
        flips: tables::flips(&materials),
        flips_total,
        flips_lost,
        flips_gained,
        evidence: None,
        run: run_view(&materials, facts),
        record: None,
        stability: None,
        next: next_command(&materials, &work_items),
        work_items,
    }
}

/// Shows a scope.
pub(super) fn scope(scope: &Scope) -> ScopeView {
    match scope {
        Scope::Segments {
            dimension,
            values,
            without,
            share,
        } => ScopeView {
            dimension: Some(dimension.clone()),
            values: values.clone(),
            without: without.clone(),
            share: *share,
        },
        Scope::Share(share) => ScopeView {
            dimension: None,
            values: Vec::new(),
            without: Vec::new(),
            share: Some(*share),
        },
    }
}

/// Shows a slice.
pub(super) fn slice(slice: &Slice) -> SliceView {
    SliceView {
        values: slice.iter().cloned().collect(),
        words: words::place(slice),
    }
}

/// Shows an owner.
pub(super) fn owner(manifest: &Manifest, id: &OwnerId) -> OwnerView {
    let declared = manifest.owners.get(id);
    OwnerView {
        id: id.to_string(),
        name: declared.map_or_else(|| id.to_string(), |owner| owner.name.clone()),
        contact: declared.and_then(|owner| owner.contact.clone()),
    }
}

/// Shows bounds; an infinite bound is none.
pub(super) fn estimate(bounds: &gatewright_stats::estimate::Bounds) -> EstimateView {
    EstimateView {
        point: bounds.point,
        lower: Some(bounds.lower).filter(|bound| bound.is_finite()),
        upper: Some(bounds.upper).filter(|bound| bound.is_finite()),
        alpha: bounds.alpha,
        n: bounds.n,
        clusters: bounds.clusters,
        n_eff: bounds.n_eff,
        df: bounds.df.filter(|df| df.is_finite()),
        method: bounds.method.name().to_owned(),
    }
}

fn finding_view(materials: &Materials<'_>, finding: &Finding, sentence: String) -> FindingView {
    let manifest = materials.manifest;
    let rule = &manifest.gate[finding.rule];
    let measured = &finding.measured;
    let (of, against) = systems(rule);
    FindingView {
        rule: rule.id.to_string(),
        at: manifest.at(&format!("gate[{}]", finding.rule)).to_string(),
        verb: rule.verb,
        subject: sentence::subject(manifest, rule),
        metric: sentence::metric(rule.metric),
        slice: slice(&finding.slice),
        standing: pictures::standing(&finding.standing),
        undecided: match &finding.standing {
            Standing::Undecided(why) => Some(sentence::undecided(why)),
            Standing::Holds | Standing::Violated => None,
        },
        sentence,
        rests_on: rests::rests_on(materials, finding),
        deciding: finding.deciding,
        severity: rule.severity,
        action: rule.violated,
        owner: owner(manifest, &rule.owner),
        unit: sentence::unit(manifest, rule),
        of,
        against,
        value: measured.value,
        other: measured.other,
        limit: measured.limit,
        planned: measured.planned,
        n: measured.n,
        clusters: measured.clusters,
        n_eff: rests::effective_n(materials, finding),
        missing: measured.missing,
        labelled: measured.labelled,
        for_holds: measured.for_holds.as_ref().map(estimate),
        covered: measured.covered.filter(|bound| bound.is_finite()),
        for_violated: measured.for_violated.as_ref().map(estimate),
        lost: measured.lost,
        gained: measured.gained,
        net_loss: measured.net_loss,
        trip_limit: measured.trip_limit,
        tripped: measured.tripped,
        confirmed: measured.fresh.as_ref().map(|fresh| FreshView {
            loss: fresh.loss,
            bound: fresh.bound,
            n: fresh.n,
            calls: fresh.calls,
            reproduced: fresh.reproduced,
            net_loss: fresh.net_loss,
        }),
        sign_p: measured.sign_p,
        events: measured.events,
        unconfirmed_events: measured.unconfirmed_events,
        examples: tables::example_ids(materials, &finding.examples),
    }
}

/// Returns the system a rule is about and the one it is compared with.
fn systems(rule: &Rule) -> (Role, Option<Role>) {
    match rule.compare {
        Compare::NoWorse { than, .. } | Compare::Better { than, .. } => {
            (Role::Candidate, Some(than))
        }
        Compare::AtLeast { of, .. } | Compare::AtMost { of, .. } | Compare::Nothing { of } => {
            (of, None)
        }
    }
}

fn work_item(materials: &Materials<'_>, item: &WorkItem) -> WorkItemView {
    WorkItemView {
        kind: item.kind,
        owner: owner(materials.manifest, &item.owner),
        what: item.what.clone(),
        repair: item.repair.clone(),
        finding: item.finding,
        class: item
            .class
            .and_then(|class| materials.manifest.classes.get(class as usize))
            .map(|class| class.id.to_string()),
        slice: slice(&item.slice),
        examples: tables::example_ids(materials, &item.examples),
        system: item.system,
    }
}

/// Requests a week in a slice, where the page (or the traffic examples, for a routed dimension) says so.
pub(super) fn requests_per_week(materials: &Materials<'_>, slice: &Slice) -> Option<f64> {
    let traffic = materials.manifest.traffic.as_ref()?;
    let share = match slice.as_slice() {
        [] => 1.0,
        [(dimension, value)] => {
            let stated = traffic
                .share
                .get(dimension)
                .and_then(|shares| shares.get(value));
            let routed = || {
                let routes = &materials.analysis.routes;
                let route = routes.iter().find(|route| route.dimension == *dimension)?;
                route.values.iter().find(|one| one.value == *value)?.share
            };
            stated.copied().or_else(routed)?
        }
        _ => return None,
    };
    Some(share * traffic.per_week)
}

/// What a demand's failures are more than.
pub(super) const LIMIT: &str = "the limit";

/// Failures a week by the first finding that fired: its loss (fresh trials if there are any) on the slice's traffic.
fn per_week(materials: &Materials<'_>) -> Option<PerWeek> {
    let finding = &materials.analysis.findings[*materials.proposal.fired.first()?];
    let rule = &materials.manifest.gate[finding.rule];
    let requests = requests_per_week(materials, &finding.slice)?;
    let measured = &finding.measured;
    let rate = match (rule.verb, &measured.fresh) {
        (Verb::Guard | Verb::Never, _) if measured.traffic.is_some() => measured.traffic?.0,
        (Verb::Guard, Some(fresh)) => fresh.loss,
        (Verb::Guard, None) if measured.n > 0 => measured.net_loss / measured.n as f64,
        (Verb::Never, _) => measured.event_share?,
        (Verb::Require | Verb::Watch, _)
            if sentence::unit(materials.manifest, rule) == Unit::Share =>
        {
            let other = match rule.compare {
                Compare::AtLeast { floor, .. } => Some(floor),
                _ => measured.other,
            };
            other? - measured.value?
        }
        _ => return None,
    };
    let failures = rate * requests;
    let money = cost_each(materials, finding, rule).map(|cost| Money {
        amount: cost.amount * failures,
        currency: cost.currency,
    });
    let than = match (rule.verb, &rule.compare) {
        (Verb::Never, _) => None,
        (_, Compare::NoWorse { than, .. } | Compare::Better { than, .. }) => Some(than.word()),
        _ => Some(LIMIT),
    };
    Some(PerWeek {
        failures,
        than: than.map(ToOwned::to_owned),
        money,
        basis: format!(
            "{} requests a week in {}, if they are like these {}",
            words::about(requests),
            words::place(&finding.slice),
            match measured.traffic {
                Some((_, n)) => format!("{} traffic examples", words::count(n)),
                None => format!("{} examples", words::count(measured.n)),
            }
        ),
    })
}

/// The class that a finding's failures are of: the rule's own, the criterion's only one, or the first flip's.
fn failing_class(materials: &Materials<'_>, finding: &Finding, rule: &Rule) -> Option<u16> {
    let criterion = match rule.subject {
        Subject::Class(class) => return Some(class),
        Subject::Criterion(criterion) => criterion,
    };
    let classes = materials.manifest.criteria[criterion as usize].classes();
    if classes.len() == 1 {
        return classes.first().copied();
    }
    let first = finding.examples.first()?;
    let mut flips = materials.analysis.flips.iter();
    flips
        .find(|flip| flip.example == *first && flip.criterion == criterion)
        .and_then(|flip| flip.class)
}

/// What one of a finding's failures costs: the class's cost, or that of each lost example where they fail as several classes. Nothing where
/// those costs differ, or where what was gained costs more than what was lost: a net count has no price then.
fn cost_each(materials: &Materials<'_>, finding: &Finding, rule: &Rule) -> Option<Money> {
    let of = |class: u16| {
        let cost = &materials.manifest.classes[class as usize].cost;
        Money {
            amount: cost.amount,
            currency: cost.currency.clone(),
        }
    };
    let criterion = match rule.subject {
        Subject::Class(class) => return Some(of(class)),
        Subject::Criterion(criterion) => criterion,
    };
    let classes = materials.manifest.criteria[criterion as usize].classes();
    if classes.len() == 1 {
        return classes.first().copied().map(of);
    }
    let lost: BTreeSet<u32> = finding.examples.iter().copied().collect();
    let own = materials.analysis.flips.iter();
    let own = own.filter(|flip| flip.criterion == criterion);
    let (lost, others): (Vec<&Flip>, Vec<&Flip>) =
        own.partition(|flip| lost.contains(&flip.example));
    let costs = |flips: &[&Flip]| -> Vec<Money> {
        flips.iter().filter_map(|flip| flip.class.map(of)).collect()
    };
    let each = costs(&lost).first()?.clone();
    let gained: Vec<&Flip> = others
        .into_iter()
        .filter(|flip| flip.change > 0.0)
        .collect();
    let alike = costs(&lost).iter().all(|cost| *cost == each);
    let dearer = |cost: &Money| cost.currency != each.currency || cost.amount > each.amount;
    (alike && !costs(&gained).iter().any(dearer)).then_some(each)
}

/// Says whether the candidate has production beside it.
fn paired(manifest: &Manifest) -> bool {
    [Role::Candidate, Role::Production]
        .iter()
        .all(|role| manifest.systems.contains_key(role))
}

/// "over-refusals −6, unsupported claims +4": fewer first, then more; candidate minus production.
fn trade_offs(classes: &[ClassView], paired: bool) -> Option<String> {
    // Where there is no other system, nothing was traded and nothing is left uncompared.
    if !paired {
        return None;
    }
    let mut changed: Vec<(i64, &ClassView)> = classes
        .iter()
        .filter_map(|class| Some((class.change?, class)))
        .filter(|(change, _)| *change != 0)
        .collect();
    changed.sort_by_key(|(change, class)| (*change > 0, -change.abs(), class.class.clone()));
    let parts: Vec<String> = changed
        .iter()
        .map(|(change, class)| {
            let sign = if *change < 0 { '−' } else { '+' };
            format!(
                "{} {sign}{}",
                words::class(&class.class, 2),
                change.unsigned_abs()
            )
        })
        .collect();
    let apart: u64 = classes.iter().map(|class| class.unpaired).sum();
    let apart = (apart > 0).then(|| {
        let failing = words::counted(apart, "failing example");
        format!("{failing} not compared (the other system has no verdict)")
    });
    let parts: Vec<String> = parts.into_iter().chain(apart).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn run_view(materials: &Materials<'_>, facts: &RunFacts<'_>) -> RunView {
    let context = materials.context;
    let after = context.sealed_after_outputs || facts.seal.is_some_and(|seal| seal.after_outputs);
    let sealed = match (facts.seal, after) {
        (None, _) => "not sealed",
        (Some(_), true) => "sealed after outputs existed",
        (Some(_), false) => "sealed before the first outcome",
    };
    RunView {
        name: facts.run.to_owned(),
        tool: facts.tool.to_owned(),
        today: context.today.clone(),
        attempt: context.attempt,
        plan: materials.plan.digest().to_string(),
        seal: facts.seal.map(|seal| seal.digest().to_string()),
        sealed: sealed.to_owned(),
        notes: facts.notes.to_vec(),
        changed: context.broken_seal.clone(),
        systems: materials
            .manifest
            .systems
            .values()
            .map(|system| {
                let shown = SystemView {
                    name: system.name.clone(),
                    fingerprint: system.fingerprint.to_string(),
                };
                (system.role, shown)
            })
            .collect(),
        trials: materials
            .plan
            .systems
            .iter()
            .map(|system| (system.role, system.trials))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// The one command that helps most now.
fn next_command(materials: &Materials<'_>, work: &[WorkItemView]) -> String {
    let proposal = materials.proposal;
    if !materials.context.obligations.is_empty() {
        return "gatewright incident list".to_owned();
    }
    if !proposal.invalid.is_empty() {
        return "gatewright gate".to_owned();
    }
    let fired = proposal
        .fired
        .first()
        .map(|index| &materials.analysis.findings[*index]);
    let unconfirmed = fired.is_some_and(|finding| {
        matches!(
            finding.standing,
            Standing::Undecided(crate::analyse::Undecided::Unconfirmed { trials, .. }) if trials > 0
        )
    });
    let callable = materials
        .manifest
        .systems
        .values()
        .any(|system| matches!(system.target, Target::Command { .. }));
    let repairs = |item: &WorkItemView| item.kind == WorkKind::RepairBoundary;
    match (proposal.answer, fired) {
        (Answer::Ship, _) => "gatewright report -o report.html".to_owned(),
        _ if unconfirmed && callable => "gatewright confirm".to_owned(),
        (_, Some(finding)) if has_flips(materials, finding) => diff_command(materials, finding),
        (_, Some(finding)) if work.iter().any(repairs) => {
            let rule = &materials.manifest.gate[finding.rule];
            let named = work
                .iter()
                .filter(|item| repairs(item))
                .find_map(|item| item.class.clone());
            let class = failing_class(materials, finding, rule)
                .and_then(|class| materials.manifest.classes.get(class as usize))
                .map(|class| class.id.to_string());
            match named.or(class) {
                Some(class) => format!("gatewright triage --class {class}"),
                None => "gatewright triage".to_owned(),
            }
        }
        (_, Some(finding)) => {
            format!(
                "gatewright check --explain {}",
                materials.manifest.gate[finding.rule].id
            )
        }
        (_, None) => "gatewright check".to_owned(),
    }
}

fn has_flips(materials: &Materials<'_>, finding: &Finding) -> bool {
    let lost = finding.examples.first();
    let mut flips = materials.analysis.flips.iter();
    lost.is_some_and(|lost| flips.any(|flip| flip.example == *lost && flip.change < 0.0))
}

fn diff_command(materials: &Materials<'_>, finding: &Finding) -> String {
    let mut command = "gatewright diff".to_owned();
    for (dimension, value) in &finding.slice {
        let bare = value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        if bare {
            command.push_str(&format!(" --segment {dimension}={value}"));
        } else {
            command.push_str(&format!(
                " --segment '{dimension}={}'",
                value.replace('\'', "'\\''")
            ));
        }
    }
    if let Subject::Criterion(criterion) = materials.manifest.gate[finding.rule].subject {
        command.push_str(&format!(
            " --criterion {}",
            materials.manifest.criteria[criterion as usize].id
        ));
    }
    command
}
