//! The tables of the view: segments, classes, cells, denominators, reliability, provenance, flips.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_stats::estimate::{Bounds, Undefined};

use crate::analyse::{ClassCount, Counts, Flip, PairedCell, SystemCell, missing_reason};
use crate::incident::{Incident, IncidentStatus};
use crate::manifest::{Grader, Manifest, Metric, Role, Subject};
use crate::outcome::GraderKind;
use crate::reference::{ReferenceSet, Standing};
use crate::report::model::*;
use crate::report::sentence;
use crate::report::view::{Materials, estimate, owner, requests_per_week, slice};

/// Most example ids listed with one finding or work item.
const EXAMPLE_IDS_MAX: usize = 100;

/// Names examples.
pub(super) fn example_ids(materials: &Materials<'_>, examples: &[u32]) -> Vec<String> {
    examples
        .iter()
        .take(EXAMPLE_IDS_MAX)
        .filter_map(|index| materials.reference.examples.get(*index as usize))
        .map(|example| example.id.to_string())
        .collect()
}

/// Splits an estimate that may be undefined into what to show and why not.
pub(super) fn shown(result: &Result<Bounds, Undefined>) -> (Option<EstimateView>, Option<String>) {
    match result {
        Ok(bounds) => (Some(estimate(bounds)), None),
        Err(Undefined::FewDegreesOfFreedom { shown, .. }) => (
            Some(estimate(shown)),
            result.as_ref().err().map(ToString::to_string),
        ),
        Err(why) => (None, Some(why.to_string())),
    }
}

/// The point of an estimate, if it has one.
pub(super) fn point(result: &Result<Bounds, Undefined>) -> Option<f64> {
    match result {
        Ok(bounds) => Some(bounds.point),
        Err(Undefined::FewDegreesOfFreedom { shown, .. }) => Some(shown.point),
        Err(_) => None,
    }
}

/// Criterion × slice where candidate and production differ, plus all examples of every criterion that differs anywhere.
pub(super) fn segments(materials: &Materials<'_>) -> Vec<SegmentView> {
    let fired: BTreeSet<(u16, &crate::analyse::Slice)> = materials
        .proposal
        .fired
        .iter()
        .map(|index| &materials.analysis.findings[*index])
        .filter_map(
            |finding| match materials.manifest.gate[finding.rule].subject {
                Subject::Criterion(criterion) => Some((criterion, &finding.slice)),
                Subject::Class(_) => None,
            },
        )
        .collect();
    let mut rows: Vec<SegmentView> = Vec::new();
    for cell in &materials.analysis.cells {
        let Some(paired) = cell.against.get(&Role::Production) else {
            continue;
        };
        let fired = fired.contains(&(cell.criterion, &cell.slice));
        let grader = &materials.manifest.criteria[usize::from(cell.criterion)].grader;
        let preference = matches!(grader, Grader::Preference(_));
        if paired.lost == 0 && paired.gained == 0 && !fired {
            continue;
        }
        let (difference, no_interval) = shown(&paired.difference);
        // Traffic examples say how often; without any, all examples stand in.
        let rate = paired.traffic.map(|(rate, _)| rate);
        let per_week = rate
            .or_else(|| point(&paired.difference))
            .zip(requests_per_week(materials, &cell.slice))
            .filter(|_| rate_unit(materials, cell.criterion) == Unit::Share)
            .map(|(difference, requests)| -difference * requests);
        rows.push(SegmentView {
            criterion: materials.manifest.criteria[cell.criterion as usize]
                .id
                .to_string(),
            note: note(materials, cell.criterion),
            slice: slice(&cell.slice),
            unit: rate_unit(materials, cell.criterion),
            n: paired.n,
            // Of the same pairs as n and the difference.
            candidate: paired.candidate,
            production: paired.other,
            difference,
            no_interval,
            lost: paired.lost,
            gained: paired.gained,
            tied: preference.then_some(paired.both + paired.neither),
            net: {
                let change = match preference {
                    true => point(&paired.difference).unwrap_or(0.0),
                    false => paired.candidate.unwrap_or(0.0) - paired.other.unwrap_or(0.0),
                };
                // Of time and money, less is better.
                let smaller = rate_unit(materials, cell.criterion) != Unit::Share
                    && matches!(grader, Grader::Latency { .. } | Grader::Cost { .. });
                paired.n as f64 * if smaller { -change } else { change }
            },
            per_week,
            fired,
        });
    }
    rows.sort_by(|a, b| b.fired.cmp(&a.fired).then(a.net.total_cmp(&b.net)));
    rows
}

/// Says whether a criterion's score is a share of passes rather than a measured value.
fn is_share(materials: &Materials<'_>, criterion: u16) -> bool {
    materials
        .analysis
        .cells
        .iter()
        .filter(|cell| cell.criterion == criterion)
        .flat_map(|cell| cell.systems.values())
        .all(|cell| cell.counts.value == 0)
}

/// Failure classes that occurred, the costliest loss first.
pub(super) fn classes(materials: &Materials<'_>) -> Vec<ClassView> {
    let mut grouped: BTreeMap<u16, Vec<&ClassCount>> = BTreeMap::new();
    for count in &materials.analysis.classes {
        grouped.entry(count.class).or_default().push(count);
    }
    let mut rows = Vec::new();
    for (index, counts) in grouped {
        let class = &materials.manifest.classes[index as usize];
        let total = counts.iter().find(|count| count.slice.is_empty());
        rows.push(ClassView {
            class: class.id.to_string(),
            severity: class.severity,
            cost: Money {
                amount: class.cost.amount,
                currency: class.cost.currency.clone(),
            },
            owner: owner(materials.manifest, &class.owner),
            repair: class.repair.clone(),
            outcomes: every_system(materials, total.map(|count| &count.outcomes)),
            change: class_change(materials, total.copied()),
            unpaired: total.map_or(0, |count| count.unpaired),
            examples: every_system(materials, total.map(|count| &count.examples)),
            slices: counts
                .iter()
                .filter(|count| !count.slice.is_empty())
                .map(|count| ClassSliceView {
                    slice: slice(&count.slice),
                    outcomes: count.outcomes.clone(),
                    examples: count.examples.clone(),
                })
                .collect(),
        });
    }
    rows.retain(|row| row.outcomes.values().any(|&count| count > 0));
    let weight = |row: &ClassView| {
        let candidate = row.examples.get(&Role::Candidate).copied().unwrap_or(0);
        (row.severity, row.cost.amount * candidate as f64)
    };
    rows.sort_by(|a, b| {
        let ((a_severity, a_cost), (b_severity, b_cost)) = (weight(a), weight(b));
        b_cost
            .total_cmp(&a_cost)
            .then(b_severity.cmp(&a_severity))
            .then(a.class.cmp(&b.class))
    });
    rows
}

/// Counts of every system in the run: a class that did not occur counts 0.
fn every_system(
    materials: &Materials<'_>,
    counts: Option<&BTreeMap<Role, u64>>,
) -> BTreeMap<Role, u64> {
    let of = |role: &Role| counts.and_then(|counts| counts.get(role)).copied();
    let roles = materials.manifest.systems.keys();
    roles.map(|role| (*role, of(role).unwrap_or(0))).collect()
}

/// Failing examples of the candidate minus those of production, where both ran and both have a verdict.
fn class_change(materials: &Materials<'_>, total: Option<&ClassCount>) -> Option<i64> {
    let ran = |role| materials.manifest.systems.contains_key(&role);
    let both = ran(Role::Candidate) && ran(Role::Production);
    both.then(|| total.map_or(0, |count| count.change))
}

/// Attempts per system.
pub(super) fn denominators(materials: &Materials<'_>) -> Vec<DenominatorView> {
    materials
        .analysis
        .denominators
        .iter()
        .map(|(role, denominator)| DenominatorView {
            system: *role,
            name: materials
                .manifest
                .systems
                .get(role)
                .map_or_else(|| role.word().to_owned(), |system| system.name.clone()),
            planned: denominator.planned,
            answered: denominator.answered,
            timed_out: denominator.timed_out,
            missing: denominator
                .missing
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(reason, count)| (reason.word().to_owned(), *count))
                .collect(),
            confirm_answered: denominator.confirm_answered,
            confirm_timed_out: denominator.confirm_timed_out,
            confirm_failed: denominator.confirm_failed,
            reused: denominator.reused,
        })
        .collect()
}

/// Every criterion in every slice.
pub(super) fn cells(materials: &Materials<'_>) -> Vec<CellView> {
    materials
        .analysis
        .cells
        .iter()
        .map(|cell| CellView {
            criterion: materials.manifest.criteria[cell.criterion as usize]
                .id
                .to_string(),
            note: note(materials, cell.criterion),
            slice: slice(&cell.slice),
            unit: rate_unit(materials, cell.criterion),
            examples: cell.examples,
            systems: cell
                .systems
                .iter()
                .map(|(role, one)| (*role, system_cell(one)))
                .collect(),
            against: cell
                .against
                .iter()
                .map(|(role, one)| (*role, paired(one)))
                .collect(),
        })
        .collect()
}

fn system_cell(cell: &SystemCell) -> SystemCellView {
    let counts = &cell.counts;
    let (rate, no_interval) = shown(&cell.rate);
    SystemCellView {
        units: counts.total(),
        graded: counts.graded(),
        pass: counts.pass,
        fail: counts.fail,
        value: counts.value,
        win: counts.win,
        tie: counts.tie,
        loss: counts.loss,
        not_applicable: counts.not_applicable,
        missing: missing(counts),
        n: cell.n,
        rate,
        no_interval,
        quantiles: cell.quantiles,
        within: cell.within,
    }
}

fn missing(counts: &Counts) -> BTreeMap<String, u64> {
    counts
        .missing
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(index, count)| (missing_reason(index).word().to_owned(), *count))
        .collect()
}

fn paired(cell: &PairedCell) -> PairedView {
    let (difference, no_interval) = shown(&cell.difference);
    PairedView {
        n: cell.n,
        both: cell.both,
        gained: cell.gained,
        lost: cell.lost,
        neither: cell.neither,
        difference,
        no_interval,
        p_midp: cell.p_midp,
        p_exact: cell.p_exact,
    }
}

/// pass^k over all examples, in both readings.
pub(super) fn reliability(materials: &Materials<'_>) -> Vec<ReliabilityView> {
    let mut rows = Vec::new();
    for cell in materials
        .analysis
        .cells
        .iter()
        .filter(|cell| cell.slice.is_empty())
    {
        let gated = materials.manifest.gate.iter().any(|rule| {
            rule.subject == Subject::Criterion(cell.criterion)
                && matches!(rule.metric, Metric::PassHatK(_))
        });
        let gates = if gated {
            "a demand holds with ungraded counted as failed; it is violated on graded trials only"
        } else {
            "no rule rests on it"
        };
        for (role, system) in &cell.systems {
            if system.pass_hat.len() < 2 && system.pass_hat_strict.len() < 2 {
                continue;
            }
            let both = system.pass_hat_strict.iter().zip(&system.pass_hat);
            for (index, (strict, graded)) in both.enumerate() {
                rows.push(ReliabilityView {
                    criterion: materials.manifest.criteria[cell.criterion as usize]
                        .id
                        .to_string(),
                    system: *role,
                    k: index as u32 + 1,
                    ungraded_failed: ShareOf {
                        value: strict.0,
                        n: strict.1,
                    },
                    ungraded_missing: ShareOf {
                        value: graded.0,
                        n: graded.1,
                    },
                    gates: gates.to_owned(),
                });
            }
        }
    }
    rows
}

/// Kinds, age and what is set aside.
pub(super) fn reference(materials: &Materials<'_>, incidents: &[Incident]) -> ReferenceView {
    let set = materials.reference;
    let mut kinds = BTreeMap::new();
    let (mut dates, mut undated, mut overdue) = (BTreeMap::new(), 0, 0);
    for example in &set.examples {
        *kinds.entry(example.kind).or_insert(0) += 1;
        match set.added(example) {
            Some(added) => {
                *dates.entry(added).or_insert(0u64) += 1;
            }
            None => undated += 1,
        }
        if let Some(review_by) = example.review_by {
            overdue += u64::from(review_by.to_string() < materials.context.today);
        }
    }
    let retired = set
        .set_aside
        .iter()
        .filter(|example| example.standing == Standing::Retired)
        .count() as u64;
    ReferenceView {
        active: set.examples.len() as u64,
        clusters: u64::from(set.clusters),
        kinds,
        quarantined: set.set_aside.len() as u64 - retired,
        retired,
        oldest: dates.first_key_value().map(|(&date, _)| date.to_owned()),
        newest: dates.last_key_value().map(|(&date, _)| date.to_owned()),
        middle: middle(&dates),
        undated,
        overdue,
        stale: (!set.examples.is_empty()).then(|| overdue as f64 / set.examples.len() as f64),
        incidents: known_incidents(incidents),
        digest: set.digest.to_string(),
    }
}

/// The middle date of those that are stated; of two middle ones the earlier.
fn middle(dates: &BTreeMap<&str, u64>) -> Option<String> {
    let total: u64 = dates.values().sum();
    let mut seen = 0;
    let mut counted = dates.iter();
    let found = counted.find(|(_, count)| {
        seen += **count;
        2 * seen >= total
    });
    found.map(|(date, _)| (*date).to_owned())
}

/// Incidents, open ones first, else in the order of their file.
fn known_incidents(incidents: &[Incident]) -> Vec<IncidentView> {
    let mut rows: Vec<IncidentView> = incidents
        .iter()
        .map(|incident| IncidentView {
            id: incident.id.clone(),
            date: incident.date.to_string(),
            class: incident.class.clone(),
            segment: incident.segment.clone(),
            what: incident.what.clone(),
            example: incident.example.clone(),
            open: incident.status == IncidentStatus::Open,
        })
        .collect();
    rows.sort_by_key(|row| !row.open);
    rows
}

/// How many verdicts changed in all, and of these lost and gained.
pub(super) fn flip_counts(materials: &Materials<'_>) -> (u64, u64, u64) {
    let all = &materials.analysis.flips;
    let lost = all.iter().filter(|flip| flip.change < 0.0).count();
    (all.len() as u64, lost as u64, (all.len() - lost) as u64)
}

/// Examples that changed, in the analysis' order: the first of them.
pub(super) fn flips(materials: &Materials<'_>) -> Vec<FlipView> {
    let all = materials.analysis.flips.iter().take(FLIPS_MAX);
    all.filter_map(|flip| one_flip(materials.manifest, materials.reference, flip))
        .collect()
}

/// Shows an example that changed.
pub fn one_flip(manifest: &Manifest, reference: &ReferenceSet, flip: &Flip) -> Option<FlipView> {
    let example = reference.examples.get(flip.example as usize)?;
    let dimensions = manifest.dimensions.iter().enumerate();
    let segments = dimensions
        .filter_map(|(index, dimension)| {
            let value = reference.value(index, flip.example)?;
            Some((dimension.name.clone(), value.to_owned()))
        })
        .collect();
    Some(FlipView {
        example: example.id.to_string(),
        criterion: manifest.criteria[flip.criterion as usize].id.to_string(),
        segments,
        change: flip.change,
        candidate: flip.scores.0,
        production: flip.scores.1,
        fresh: flip.fresh,
        class: flip
            .class
            .and_then(|class| manifest.classes.get(class as usize))
            .map(|class| class.id.to_string()),
        cost: flip.cost,
        why: flip.why.as_deref().map(str::to_owned),
    })
}

/// The unit of a criterion's rate.
pub(super) fn rate_unit(materials: &Materials<'_>, criterion: u16) -> Unit {
    if is_share(materials, criterion) {
        Unit::Share
    } else {
        sentence::value_unit(materials.manifest, criterion)
    }
}

/// What stands beside a criterion's numbers: values are shown as means, and tables show what a judge said, whatever people's labels correct.
fn note(materials: &Materials<'_>, criterion: u16) -> Option<String> {
    let mean = (!is_share(materials, criterion)).then_some("mean");
    let judged = materials.manifest.criteria[criterion as usize].judged_by() == GraderKind::Model;
    let judged = judged.then_some("judge's own, not corrected");
    let notes: Vec<&str> = mean.into_iter().chain(judged).collect();
    (!notes.is_empty()).then(|| notes.join(", "))
}
