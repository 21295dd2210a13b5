//! What people said of the answers that a model judges, put beside the judge's verdicts.

use super::label::ReadyLabel;
use super::scope::Marks;
use super::{Graders, Ready};
use crate::label::{Labels, PEOPLE, TextCode};
use crate::manifest::Manifest;
use crate::outcome::{Beside, Outcome, Said};
use crate::plan::AttemptSpec;
use crate::reference::ReferenceSet;

/// Makes people's labels ready, for every criterion that has them beside a judge.
pub(super) fn prepare<'a>(
    manifest: &'a Manifest,
    (reference, marks): (&ReferenceSet, &Marks),
    labels: &'a Labels,
) -> Vec<(u16, ReadyLabel<'a>)> {
    let calibrated = (0..)
        .zip(&manifest.criteria)
        .filter(|(_, criterion)| criterion.is_calibrated());
    calibrated
        .filter_map(|(index, criterion)| {
            let grader = &criterion.people.as_ref()?.labels;
            let ready = ReadyLabel::of_people(
                manifest,
                (reference, marks),
                labels,
                criterion,
                index | PEOPLE,
                grader,
            );
            Some((index, ready))
        })
        .collect()
}

impl Graders<'_> {
    /// Joins people's labels to the outcomes of one attempt, on example, system, recorded trial, part and, where the label tells it, the text of the
    /// answer; whoever judged.
    pub(super) fn put_beside(
        &self,
        attempt: AttemptSpec,
        recorded_trial: Option<u32>,
        text: Option<TextCode>,
        outcomes: &mut [Outcome],
    ) {
        let trial = recorded_trial.unwrap_or(attempt.trial);
        for (criterion, people) in &self.people {
            if !self.applies(*criterion, attempt.example) {
                continue;
            }
            let answer = (attempt, text);
            let (said, of_another) = people.units(self.labels, answer, trial, self.manifest);
            let judged = match &self.ready[usize::from(*criterion)] {
                Ready::Label(judge) => judge.units(self.labels, answer, trial, self.manifest).0,
                _ => Vec::new(),
            };
            let of_it = outcomes
                .iter_mut()
                .filter(|outcome| outcome.criterion == *criterion);
            for outcome in of_it {
                let judge = judged.iter().find(|unit| unit.part == outcome.part);
                let people = said.iter().find(|unit| unit.part == outcome.part);
                let outdated = people.is_none()
                    && of_another
                        .iter()
                        .any(|part| outcome.part.is_none() || *part == outcome.part);
                if judge.is_none() && people.is_none() && !outdated {
                    continue;
                }
                let beside = outcome.beside.get_or_insert_default();
                beside.outdated = outdated;
                if let Some(unit) = judge {
                    beside.judge.clone_from(&unit.label);
                    beside.flips = unit.flips;
                }
                put(beside, people);
            }
        }
    }
}

fn put(beside: &mut Beside, people: Option<&super::label::Unit>) {
    beside.people = people.map(|unit| Said {
        bin: unit.bin,
        label: unit.label.clone(),
        inclusion: unit.inclusion,
    });
}
