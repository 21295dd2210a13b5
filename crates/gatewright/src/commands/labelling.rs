//! Rows for people to label. Who answered, and what a judge or somebody else by name said, is not in them.

use std::fmt::Write as _;

use gatewright_core::calibrate::Unit;
use gatewright_core::label::{Label, TextCode, answer_id};
use gatewright_core::manifest::Grader;
use gatewright_core::review::Item;
use serde::Serialize;

use crate::error::Failure;
use crate::pipeline::{Judging, Loaded};

/// An answer that people are asked about.
pub(crate) struct Asked<'a> {
    /// The criterion.
    pub(crate) criterion: u16,
    /// Index into the reference set.
    pub(crate) example: u32,
    /// The name of the system that answered: it goes into the row's code alone.
    pub(crate) system: &'a str,
    /// The trial as recorded.
    pub(crate) trial: u32,
    /// The part of the answer.
    pub(crate) part: Option<u32>,
    /// What was answered, where it is known.
    pub(crate) output: Option<&'a str>,
    /// Which text the label will be of.
    pub(crate) text: Option<TextCode>,
    /// Labels that differ, in alphabetical order and without names; empty unless somebody is to settle them.
    pub(crate) said: Vec<&'a str>,
}

/// What is filled in already.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) label: Option<String>,
    pub(crate) annotator: String,
    pub(crate) kind: Option<&'static str>,
    /// The probability with which the answer was drawn.
    pub(crate) inclusion: Option<f64>,
    /// Not all who were asked have labelled it: no label of it counts yet, wherever it stands.
    pub(crate) open: bool,
}

/// One row to label.
#[derive(Debug, Serialize)]
struct Row<'a> {
    criterion: &'a str,
    example: &'a str,
    answer_id: &'a str,
    trial: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    label: Option<String>,
    annotator: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    fields: Shown<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inclusion: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    open: bool,
}

/// What whoever labels reads.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    labels: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    rubric: Option<&'a str>,
    input: &'a str,
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<&'a str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    said: &'a [&'a str],
}

impl Asked<'_> {
    /// Returns what people see of it.
    ///
    /// # Errors
    /// When the example is not what it was when it was loaded.
    pub(crate) fn item(&self, loaded: &Loaded) -> Result<Item, Failure> {
        let declared = &loaded.manifest.criteria[usize::from(self.criterion)];
        let whole = loaded.reference.example(self.example)?;
        Ok(Item {
            criterion: declared.id.to_string(),
            example: whole.id.to_string(),
            answer_id: answer_id(
                declared.id.as_str(),
                whole.id.as_str(),
                self.system,
                (self.trial, self.part),
                self.text,
            ),
            trial: self.trial,
            part: self.part,
            labels: labels_of(&declared.grader),
            rubric: declared.people_rubric().map(str::to_owned),
            input: whole.input.text().into_owned(),
            output: self.output.map(str::to_owned),
            second: None,
            inclusion: None,
        })
    }

    /// Writes one row.
    ///
    /// # Errors
    /// As [`Asked::item`].
    pub(crate) fn write(
        &self,
        loaded: &Loaded,
        given: Given,
        text: &mut String,
    ) -> Result<(), Failure> {
        let item = self.item(loaded)?;
        write_row(&item, given, &self.said, text)
    }
}

impl<'a> Asked<'a> {
    /// An answer that was drawn to be labelled beside a judge; nothing where its system is not on the page.
    pub(crate) fn drawn(
        loaded: &'a Loaded,
        judging: &'a Judging,
        criterion: u16,
        unit: &Unit,
    ) -> Option<Self> {
        let system = loaded.manifest.systems.get(&unit.role)?;
        let answered = judging.answers.get(&(unit.example, unit.role, unit.trial));
        let recorded = || {
            let trials = loaded.labels.recorded_trials(&system.name, unit.example);
            trials.get(unit.trial as usize).copied()
        };
        let trial = answered.map(|(trial, _)| *trial).or_else(recorded);
        let output = answered.and_then(|(_, output)| output.as_deref());
        Some(Self {
            criterion,
            example: unit.example,
            system: &system.name,
            trial: trial.unwrap_or(unit.trial),
            part: unit.part,
            output,
            text: output.map(TextCode::of),
            said: Vec::new(),
        })
    }

    /// The labels that it has on the page: beside a judge, or the criterion's own.
    pub(crate) fn labels(&self, loaded: &Loaded) -> Vec<Label> {
        let declared = &loaded.manifest.criteria[usize::from(self.criterion)];
        let (labels, at) = (&loaded.labels, (self.criterion, self.example));
        let all = match declared.people {
            Some(_) => labels.people_of_example(at.0, at.1),
            None => labels.of_example(at.0, at.1),
        };
        let own = all.into_iter().filter(|label| {
            label.system.as_deref() == Some(self.system)
                && label.trial == self.trial
                && label.part == self.part
                && (label.text.is_none() || label.text == self.text)
        });
        own.collect()
    }
}

/// Writes a row about an item.
///
/// # Errors
/// When it cannot be encoded: a defect.
pub(crate) fn write_row(
    item: &Item,
    given: Given,
    said: &[&str],
    text: &mut String,
) -> Result<(), Failure> {
    let row = Row {
        criterion: &item.criterion,
        example: &item.example,
        answer_id: &item.answer_id,
        trial: item.trial,
        part: item.part,
        label: given.label,
        annotator: given.annotator,
        kind: given.kind,
        fields: Shown {
            labels: &item.labels,
            rubric: item.rubric.as_deref(),
            input: &item.input,
            output: item.output.as_deref(),
            second: item.second.as_deref(),
            said,
        },
        inclusion: given.inclusion,
        open: given.open,
    };
    let line = serde_json::to_string(&row).map_err(|source| Failure::Unexpected {
        doing: "write a row to label".to_owned(),
        source: Box::new(source),
    })?;
    let _ = writeln!(text, "{line}");
    Ok(())
}

/// The labels that may be given, passes first.
pub(crate) fn labels_of(grader: &Grader) -> Vec<String> {
    if let Grader::Preference(own) = grader {
        // One of each meaning, in the order of `Item::second`.
        let each = [&own.first, &own.second, &own.tie].into_iter();
        return each.filter_map(|it| it.first().cloned()).collect();
    }
    if let Grader::Judge(judge) = grader {
        let levels = judge.rubric.iter().flat_map(|rubric| &rubric.levels);
        return levels.map(|level| level.name.clone()).collect();
    }
    let Grader::Label(judge) = grader else {
        return Vec::new();
    };
    let mut known: Vec<String> = Vec::new();
    for map in &judge.values {
        let all = map
            .pass
            .iter()
            .chain(map.fail.keys())
            .chain(&map.not_applicable);
        for label in all {
            if !known.contains(label) {
                known.push(label.clone());
            }
        }
    }
    known
}
