//! Rows of label files: read as what people are asked, and written as what they said.

use serde::{Deserialize, Serialize};

use super::desk::{Desk, Given, Item};

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
    fields: Fields,
    #[serde(default)]
    inclusion: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Fields {
    labels: Vec<String>,
    #[serde(default)]
    rubric: Option<String>,
    input: String,
    #[serde(default)]
    output: Option<String>,
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

    /// Turns the row into what it asks.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn asks(self) -> Result<Asks, String> {
        if self.fields.labels.len() < 2 {
            return Err("`fields.labels` names fewer than two labels".to_owned());
        }
        let label = self.label.filter(|label| !label.trim().is_empty());
        let said = match (label, self.annotator.trim()) {
            (None, _) => None,
            (Some(_), "") => return Err("it has a `label` and no `annotator`".to_owned()),
            (Some(label), by) => Some((label, by.to_owned())),
        };
        Ok(Asks {
            item: Item {
                criterion: self.criterion,
                example: self.example,
                answer_id: self.answer_id,
                trial: self.trial,
                part: self.part,
                labels: self.fields.labels,
                rubric: self.fields.rubric,
                input: self.fields.input,
                output: self.fields.output,
                inclusion: self.inclusion,
            },
            said,
            settles: self.kind.as_deref() == Some(SETTLES),
        })
    }
}

/// One label, as label files have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SaidRow<'d> {
    criterion: &'d str,
    example: &'d str,
    answer_id: &'d str,
    trial: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    label: &'d str,
    annotator: &'d str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    inclusion: Option<f64>,
}

/// Lists what was said at the desk as rows of a label file, without what stands in a file of the page already; of one criterion, or of all.
pub fn said<'d>(desk: &'d Desk, criterion: Option<&'d str>) -> impl Iterator<Item = SaidRow<'d>> {
    let wanted = move |name: &str| criterion.is_none_or(|wanted| wanted == name);
    let entries = desk.entries().iter();
    let entries = entries.filter(move |entry| wanted(&entry.item.criterion));
    entries.flat_map(|entry| {
        let item = &entry.item;
        let row = |given: &'d Given, kind: &'static str| SaidRow {
            criterion: &item.criterion,
            example: &item.example,
            answer_id: &item.answer_id,
            trial: item.trial,
            part: item.part,
            label: &given.label,
            annotator: &given.by,
            kind,
            inclusion: item.inclusion,
        };
        let own = entry.given.iter().filter(|given| !given.from_file);
        let settled = entry.settled.iter().filter(|given| !given.from_file);
        own.map(move |given| row(given, "human"))
            .chain(settled.map(move |given| row(given, SETTLES)))
    })
}
