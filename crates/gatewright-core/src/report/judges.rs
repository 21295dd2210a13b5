//! What a report says of model judges: how each stands by its canaries and by people's labels, and which rules only watch because of one.

use super::model::JudgeView;
use super::view::Materials;
use super::words;
use crate::analyse::uncorrected;
use crate::calibrate::{Fitness, reason_words};
use crate::judge::MemberReport;
use crate::label::Disagreement;
use crate::manifest::{Manifest, Metric, Verb};

/// Lists the judges of this run.
pub(super) fn list(manifest: &Manifest, reports: &[(u16, Vec<MemberReport>)]) -> Vec<JudgeView> {
    let of = |(criterion, members): &(u16, Vec<MemberReport>)| {
        let criterion = manifest.criteria[usize::from(*criterion)].id.to_string();
        let members = members.clone();
        members.into_iter().map(move |report| JudgeView {
            criterion: criterion.clone(),
            unfit: report.unfit(),
            report,
        })
    };
    reports.iter().flat_map(of).collect()
}

/// Says in one line what a judge's canaries showed.
fn canary_note(criterion: &str, report: &MemberReport) -> String {
    let MemberReport {
        judge,
        wrong,
        injected,
        again,
        same,
        ..
    } = report;
    let mut note = match report.unfit() {
        Some(why) => format!("{criterion}: the judge may not gate: {why}"),
        None => {
            let did = match same {
                Some(_) => "did not prefer",
                None => "failed",
            };
            let mut note = format!(
                "{criterion}: {judge} {did} {} of {} wrong answers, {} of them with an injected instruction",
                wrong.n - wrong.count + injected.n - injected.count,
                wrong.all() + injected.all(),
                injected.all()
            );
            if let Some(same) = same {
                let ties = same.n - same.count;
                let all = same.all();
                note.push_str(&format!(
                    "; {ties} of {all} pairs of equal answers were ties"
                ));
            }
            let missing = wrong.missing + injected.missing;
            if missing > 0 {
                note.push_str(&format!("; {missing} without a verdict count against it"));
            }
            note
        }
    };
    if again.all() > 0 {
        note.push_str(&format!(
            "; asked twice, it changed {} of {} verdicts",
            again.count, again.n
        ));
    }
    if again.missing > 0 {
        note.push_str(&format!(" and gave none on {}", again.missing));
    }
    if report.unreadable > 0 {
        note.push_str(&format!("; {} have no verdict", report.unreadable));
    }
    note
}

pub(super) fn notes(
    materials: &Materials<'_>,
    reports: &[(u16, Vec<MemberReport>)],
) -> Vec<String> {
    let name = |criterion: u16| {
        materials.manifest.criteria[criterion as usize]
            .id
            .to_string()
    };
    let mut notes: Vec<String> = materials
        .analysis
        .uncalibrated
        .iter()
        .map(|criterion| {
            format!(
                "{} is judged by a model that is not calibrated: its rules are watches",
                name(*criterion)
            )
        })
        .collect();
    notes.extend(sum_notes(materials.manifest));
    for one in &materials.analysis.calibrations {
        let id = name(one.criterion);
        let why: Vec<String> = one.fitness.reasons().iter().map(reason_words).collect();
        notes.push(match &one.fitness {
            Fitness::Fit => format!("{id}: the judge is fit, and corrected by people's labels"),
            Fitness::Unfit { .. } => format!("{id}: the judge is unfit: {}", why.join("; ")),
            Fitness::Undecided { .. } => {
                format!("{id}: the judge is not known to be fit: {}", why.join("; "))
            }
        });
    }
    for (criterion, members) in reports {
        let id = name(*criterion);
        notes.extend(members.iter().map(|report| canary_note(&id, report)));
    }
    let differ = materials.analysis.disagreements.iter();
    notes.extend(differ.map(|(criterion, found)| disagreement_note(&name(*criterion), found)));
    notes
}

/// How far people differ, how much of it somebody settled, and where that label stands against all others.
fn disagreement_note(id: &str, found: &Disagreement) -> String {
    let count = |n: u32| words::count(u64::from(n));
    let s = |n: u32| if n == 1 { "" } else { "s" };
    let mut note = format!(
        "reviewers of {id} disagree on {} of {} answer{} that several labelled",
        count(found.differ),
        count(found.shared),
        s(found.shared)
    );
    if found.settled > 0 {
        note += &format!("; {} settled by one label", count(found.settled));
    }
    if found.overruled > 0 {
        note += &format!(", {} of them against all others", count(found.overruled));
    }
    note
}

/// Says which rules only watch because a judge has a part in what they count.
fn sum_notes(manifest: &Manifest) -> impl Iterator<Item = String> {
    let rules = manifest.gate.iter();
    let sums = rules.filter(|rule| rule.verb != Verb::Watch && rule.metric == Metric::FailureCost);
    sums.filter_map(|rule| {
        let judged = uncorrected(manifest, rule);
        let judged: Vec<&str> = judged
            .iter()
            .map(|it| manifest.criteria[usize::from(*it)].id.as_str())
            .collect();
        let names = judged.join(", ");
        (!judged.is_empty()).then(|| {
            format!(
                "{} counts what a model judge finds ({names}): it is a watch",
                rule.id
            )
        })
    })
}
