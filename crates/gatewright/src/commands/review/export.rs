//! `gatewright review export`

use std::collections::BTreeSet;
use std::path::Path;

use gatewright_core::report::untrusted::line;
use gatewright_core::review::{Desk, Stand, said};

use crate::args::ExportArgs;
use crate::commands::labelling::{Given, write_row};
use crate::commands::{Context, replace, unknown, writable};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{DeskLog, writer};

pub(super) fn export(context: &Context, args: &ExportArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let mut log = DeskLog::open(&project, writer("gatewright review export", &context.now))?;
    let desk = log.refresh()?;
    let criterion = args.criterion.as_deref();
    let entries = desk.entries().iter();
    let known: BTreeSet<&str> = entries.map(|entry| entry.item.criterion.as_str()).collect();
    if known.is_empty() {
        return Err(
            Failure::usage("nobody was asked to label anything").next("gatewright review ask FILE")
        );
    }
    if let Some(name) = criterion.filter(|name| !known.contains(name)) {
        return Err(unknown("criterion", name, known));
    }
    let whole = context.here.join(&args.output);
    writable(&whole, &args.output)?;
    let (text, labels, open) = rows(&desk, criterion)?;
    refuse_foreign(&whole, &args.output, &text)?;
    replace(&whole, text.as_bytes())?;
    let file = args.output.display().to_string();
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-exported/1", "file": file, "labels": labels, "open": open,
        }))?;
        return Ok(exit::SHIP);
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    context.console.out(&format!(
        "Wrote {labels} label{} to {}; {open} answer{} without one yet\nNext: name the file on the page, beside those that are there:\n      from: [THEIR-FILE, THIS-FILE]\n",
        s(labels),
        line(&file, 400),
        s(open),
    ))?;
    Ok(exit::SHIP)
}

/// Returns the rows, how many of them have a label, and how many have none.
fn rows(desk: &Desk, criterion: Option<&str>) -> Result<(String, usize, usize), Failure> {
    let mut text = String::new();
    let mut labels = 0;
    for row in said(desk, criterion) {
        let row = serde_json::to_string(&row).map_err(|source| Failure::Unexpected {
            doing: "write a label".to_owned(),
            source: Box::new(source),
        })?;
        text.push_str(&row);
        text.push('\n');
        labels += 1;
    }
    let mut open = 0;
    let wanted = |name: &str| criterion.is_none_or(|wanted| wanted == name);
    let entries = desk.entries().iter();
    for entry in entries.filter(|entry| wanted(&entry.item.criterion)) {
        // An answer that was drawn and that nobody has labelled must not look as if nobody had been asked.
        if entry.given.is_empty() && entry.stand() == Stand::Open {
            let blank = Given {
                inclusion: entry.item.inclusion,
                ..Given::default()
            };
            write_row(&entry.item, blank, &[], &mut text)?;
            open += 1;
        }
    }
    Ok((text, labels, open))
}

/// Refuses to take away rows that would not be written again: somebody may have typed them.
fn refuse_foreign(whole: &Path, shown: &Path, text: &str) -> Result<(), Failure> {
    let Ok(there) = std::fs::read_to_string(whole) else {
        return Ok(());
    };
    // Blank rows go when they are labelled.
    let labelled = |row: &&str| !row.contains("\"label\":null") && !row.trim().is_empty();
    let again: BTreeSet<&str> = text.lines().collect();
    let mut kept = there.lines().filter(labelled);
    if kept.all(|row| again.contains(row)) {
        return Ok(());
    }
    let what = format!(
        "`{}` holds rows that the project's log does not have",
        shown.display()
    );
    Err(Failure::usage(what)
        .why("they would be lost")
        .next("another name, or: gatewright review ask THIS-FILE   (takes its labels over)"))
}
