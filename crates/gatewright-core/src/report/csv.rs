//! CSV for spreadsheets: a row for each verdict. RFC 4180, UTF-8.

use std::io::Write;

use ::csv::Writer;

use crate::manifest::Manifest;
use crate::outcome::{Bin, Outcome};
use crate::reference::ReferenceSet;
use crate::report::untrusted::is_hidden;

/// Whether cells that a spreadsheet would run as formulas are defused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// For people: control characters are shown as `\u{…}`, and a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break, and is no number, gets `'` before it.
    Safe,
    /// Every cell as it is.
    Exact,
}

/// Writes outcomes as they come: example, segments, system, trial, criterion, part, verdict, class, value, by, why.
#[derive(Debug)]
pub struct Csv<'a, W: Write> {
    manifest: &'a Manifest,
    reference: &'a ReferenceSet,
    cells: Cells,
    out: Writer<W>,
}

impl<'a, W: Write> Csv<'a, W> {
    /// Writes the head.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(
        manifest: &'a Manifest,
        reference: &'a ReferenceSet,
        cells: Cells,
        out: W,
    ) -> Result<Self, ::csv::Error> {
        let mut csv = Self {
            manifest,
            reference,
            cells,
            out: Writer::from_writer(out),
        };
        let mut head = vec!["example".to_owned()];
        let dimensions = manifest.dimensions.iter();
        head.extend(dimensions.map(|it| format!("segment {}", it.name)));
        let rest = [
            "system",
            "trial",
            "criterion",
            "part",
            "verdict",
            "class",
            "value",
            "by",
            "why",
        ];
        head.extend(rest.map(str::to_owned));
        csv.row(&head)?;
        Ok(csv)
    }

    /// Writes one outcome.
    ///
    /// # Errors
    /// What the writer says.
    pub fn add(&mut self, outcome: &Outcome) -> Result<(), ::csv::Error> {
        let example = self.reference.examples.get(outcome.example as usize);
        let mut row = vec![example.map_or(String::new(), |entry| entry.id.to_string())];
        row.extend((0..self.manifest.dimensions.len()).map(|index| {
            let value = self.reference.value(index, outcome.example);
            value.unwrap_or_default().to_owned()
        }));
        let criterion = self.manifest.criteria.get(usize::from(outcome.criterion));
        let (verdict, class) = match outcome.bin {
            Bin::Pass => ("pass", None),
            Bin::Fail(class) => ("fail", self.manifest.classes.get(usize::from(class))),
            Bin::NotApplicable => ("not applicable", None),
            Bin::Value(_) => ("value", None),
            Bin::Win => ("win", None),
            Bin::Tie => ("tie", None),
            Bin::Loss => ("loss", None),
            Bin::Missing(reason) => (reason.word(), None),
        };
        let value = match outcome.bin {
            Bin::Value(value) => Some(value),
            // What never came has none.
            _ => outcome.value.filter(|value| value.is_finite()),
        };
        row.extend([
            outcome.system.word().to_owned(),
            outcome.trial.to_string(),
            criterion.map_or(String::new(), |it| it.id.to_string()),
            outcome.part.map_or(String::new(), |it| it.to_string()),
            verdict.to_owned(),
            class.map_or(String::new(), |class| class.id.to_string()),
            value.map_or(String::new(), |value| value.to_string()),
            outcome.by.word().to_owned(),
            outcome.why.as_deref().unwrap_or_default().to_owned(),
        ]);
        self.row(&row)
    }

    /// Writes what is left; returns the writer.
    ///
    /// # Errors
    /// What the writer says.
    pub fn end(self) -> Result<W, ::csv::Error> {
        self.out
            .into_inner()
            .map_err(|error| error.into_error().into())
    }

    fn row(&mut self, cells: &[String]) -> Result<(), ::csv::Error> {
        match self.cells {
            Cells::Exact => self.out.write_record(cells),
            Cells::Safe => self.out.write_record(cells.iter().map(|cell| safe(cell))),
        }
    }
}

/// Shows what cannot be seen or turns the text round, and puts `'` before what a spreadsheet would take for a formula (hardening A9, A12).
fn safe(cell: &str) -> String {
    let cell: String = cell
        .chars()
        .map(|it| match is_hidden(it) {
            true => format!("\\u{{{:x}}}", u32::from(it)),
            false => it.to_string(),
        })
        .collect();
    let first = cell.chars().next();
    // A quotation mark or white space before it does not stop every program.
    let inner = cell.trim_start_matches(|it: char| it.is_whitespace() || it == '\'' || it == '"');
    let runs =
        |it: Option<char>| matches!(it, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'));
    let odd = matches!(first, Some('\t' | '\r' | '\n'));
    match (runs(inner.chars().next()) || odd) && cell.parse::<f64>().is_err() {
        true => format!("'{cell}"),
        false => cell,
    }
}
