//! Rows of label files: read as what people are asked, and written as what they said.

use serde::{Deserialize, Serialize};

use super::desk::{Desk, Item};
use super::entry::{Entry, Given, Origin, person_of};

/// The kind of annotator that settles what others said.
pub const SETTLES: &str = "human_adjudicated";

/// One row of a file that people fill in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AskedRow {
    criterion: String,
    example: String,
    answer_id: String,
    #[serde(default)]
    trial: u32,
    #[serde(default)]
    part: Option<u32>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    annotator: String,
    #[serde(default)]
    kind: Option<String>,
    /// What people read; rows of `review export` leave it out.
    #[serde(default)]
    fields: Option<Fields>,
    #[serde(default)]
    inclusion: Option<f64>,
    #[serde(default)]
    rubric: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Fields {
    labels: Vec<String>,
    #[serde(default)]
    rubric: Option<String>,
    input: String,
    #[serde(default)]
    output: Option<String>,
    /// The other of two answers that are compared.
    #[serde(default)]
    second: Option<String>,
}

/// What a row asks, and what it says already.
#[derive(Clone, Debug, PartialEq)]
pub struct Asks {
    /// The answer.
    pub item: Item,
    /// The label that stands in the row, and who gave it.
    pub said: Option<(String, String)>,
    /// The label settles what others said.
    pub settles: bool,
}

impl AskedRow {
    /// Reads a line of a file that `calibrate --plan` or `review` wrote.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }

    /// Turns the row into what it asks. `known` finds by criterion, answer and version of the rubric what was asked before, for a row that does not
    /// say it again.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn asks<'d>(
        self,
        known: impl FnOnce(&str, &str, Option<&str>) -> Option<&'d Item>,
    ) -> Result<Asks, String> {
        let Some(fields) = self.fields else {
            let item = known(&self.criterion, &self.answer_id, self.rubric.as_deref());
            let unasked = "it has no `fields`, and nobody was asked about this answer";
            let item = item.ok_or_else(|| unasked.to_owned())?.clone();
            return Ok(Asks {
                item,
                said: said_in(self.label, &self.annotator)?,
                settles: self.kind.as_deref() == Some(SETTLES),
            });
        };
        if fields.labels.len() < 2 {
            return Err("`fields.labels` names fewer than two labels".to_owned());
        }
        let said = said_in(self.label, &self.annotator)?;
        Ok(Asks {
            item: Item {
                criterion: self.criterion,
                example: self.example,
                answer_id: self.answer_id,
                trial: self.trial,
                part: self.part,
                labels: fields.labels,
                rubric: self.rubric.or(fields.rubric),
                input: fields.input,
                output: fields.output,
                second: fields.second,
                inclusion: self.inclusion,
            },
            said,
            settles: self.kind.as_deref() == Some(SETTLES),
        })
    }
}

/// The label of a row and who gave it; nothing where nobody has.
fn said_in(label: Option<String>, annotator: &str) -> Result<Option<(String, String)>, String> {
    let label = label.filter(|label| !label.trim().is_empty());
    match (label, annotator.trim()) {
        (None, _) => Ok(None),
        (Some(_), "") => Err("it has a `label` and no `annotator`".to_owned()),
        (Some(label), by) => Ok(Some((label, person_of(by)))),
    }
}

/// What makes a label one and the same, wherever it is written: criterion, answer, who, what, and whether it settles what others said.
pub type Same = (String, String, String, String, bool);

/// Reads which label a row of a label file is; nothing where it has none.
///
/// # Errors
/// What is wrong with the row, in words.
pub fn label_of_row(row: &[u8]) -> Result<Option<Same>, String> {
    let row: LabelOfRow = serde_json::from_slice(row).map_err(|error| error.to_string())?;
    let label = row.label.filter(|label| !label.trim().is_empty());
    let settles = row.kind.as_deref() == Some(SETTLES);
    let who = person_of(&row.annotator);
    Ok(label.map(|label| (row.criterion, row.answer_id, who, label, settles)))
}

#[derive(Deserialize)]
struct LabelOfRow {
    criterion: String,
    answer_id: String,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    annotator: String,
    #[serde(default)]
    kind: Option<String>,
}

/// One label, as label files have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SaidRow<'d> {
    /// Where it was given.
    #[serde(skip)]
    pub origin: Origin,
    criterion: &'d str,
    example: &'d str,
    answer_id: &'d str,
    trial: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rubric: Option<&'d str>,
    label: &'d str,
    annotator: &'d str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    inclusion: Option<f64>,
}

impl SaidRow<'_> {
    /// Says which label it is.
    pub fn same(&self) -> Same {
        let text = |it: &str| it.to_owned();
        let (criterion, answer) = (text(self.criterion), text(self.answer_id));
        let (who, what) = (text(self.annotator), text(self.label));
        (criterion, answer, who, what, self.kind == SETTLES)
    }
}

/// Lists what was said at the desk as rows of a label file, of the answers that are `wanted`.
pub fn said<'d>(
    desk: &'d Desk,
    wanted: impl Fn(&Entry) -> bool + 'd,
) -> impl Iterator<Item = SaidRow<'d>> {
    let entries = desk.entries().iter().map(|entry| &**entry);
    let entries = entries.filter(move |entry| wanted(entry));
    entries.flat_map(|entry| {
        let all = entry.given.iter().map(|given| row(entry, given, "human"));
        let settled = entry.settled.iter();
        all.chain(settled.map(|given| row(entry, given, SETTLES)))
    })
}

/// Lists the labels that were taken back.
pub fn withdrawn(desk: &Desk) -> impl Iterator<Item = SaidRow<'_>> {
    let all = desk.entries().iter().map(|entry| &**entry);
    all.flat_map(|entry| {
        let back = entry.withdrawn.iter();
        back.map(|given| row(entry, given, "human"))
    })
}

fn row<'d>(entry: &'d Entry, given: &'d Given, kind: &'static str) -> SaidRow<'d> {
    let item = &entry.item;
    SaidRow {
        origin: given.origin,
        criterion: &item.criterion,
        example: &item.example,
        answer_id: &item.answer_id,
        trial: item.trial,
        part: item.part,
        rubric: item.rubric.as_deref(),
        label: &given.label,
        annotator: &given.by,
        kind,
        inclusion: item.inclusion,
    }
}
