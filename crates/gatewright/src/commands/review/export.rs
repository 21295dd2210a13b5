//! `gatewright review export`

use std::collections::BTreeSet;
use std::path::Path;

use gatewright_core::report::untrusted::line;
use gatewright_core::review::{Desk, Same, label_of_row, said};

use crate::args::ExportArgs;
use crate::commands::labelling::{Given, write_row};
use crate::commands::{Context, replace, shell, unknown, writable};
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
    let there = there(&whole, &args.output)?;
    keeps_all(&desk, &there, &args.output)?;
    let (text, labels, open) = rows(&desk, criterion, &there)?;
    replace(&whole, text.as_bytes())?;
    let file = args.output.display().to_string();
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-exported/1", "file": file, "labels": labels, "open": open,
        }))?;
        return Ok(exit::SHIP);
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let mut text = format!(
        "Wrote {labels} label{} to {}\n",
        s(labels),
        line(&file, 400)
    );
    if open > 0 {
        text.push_str(&format!(
            "{open} answer{} not labelled by all yet: a row without a label each\n",
            if open == 1 { " is" } else { "s are" }
        ));
    }
    text.push_str("Next: name the file on the page, beside those that are there:\n      from: [THEIR-FILE, THIS-FILE]\n");
    context.console.out(&text)?;
    Ok(exit::SHIP)
}

/// Returns the rows, how many of them have a label, and how many answers are not finished.
///
/// Labels that the page's files hold are theirs to keep, but for those that stand in this very file.
fn rows(
    desk: &Desk,
    criterion: Option<&str>,
    there: &BTreeSet<Same>,
) -> Result<(String, usize, usize), Failure> {
    let mut text = String::new();
    let mut labels = 0;
    let finished = said(desk, criterion).filter(|row| row.finished);
    for row in finished.filter(|row| !row.from_file || there.contains(&row.same())) {
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
    let unfinished = entries.filter(|entry| wanted(&entry.item.criterion) && !entry.is_finished());
    for entry in unfinished {
        // What was asked and is not answered by all must not look as if nobody had been asked; and half of it is no verdict.
        let blank = Given {
            inclusion: entry.item.inclusion,
            ..Given::default()
        };
        write_row(&entry.item, blank, &[], &mut text)?;
        open += 1;
    }
    Ok((text, labels, open))
}

/// Reads the labels of the file that is there.
fn there(whole: &Path, shown: &Path) -> Result<BTreeSet<Same>, Failure> {
    let bytes = match std::fs::read(whole) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => {
            return Err(
                Failure::usage(format!("cannot read `{}`", shown.display())).why(error.to_string())
            );
        }
    };
    let mut labels = BTreeSet::new();
    for (number, row) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if row.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let read = label_of_row(row).map_err(|why| {
            Failure::usage(format!(
                "`{}` holds something else than labels",
                shown.display()
            ))
            .why(format!("line {number}: {}", line(&why, 300)))
            .next("another name")
        })?;
        labels.extend(read);
    }
    Ok(labels)
}

/// Refuses to take away labels that the log does not have: somebody may have typed them.
fn keeps_all(desk: &Desk, there: &BTreeSet<Same>, shown: &Path) -> Result<(), Failure> {
    let known: BTreeSet<Same> = said(desk, None).map(|row| row.same()).collect();
    if there.is_subset(&known) {
        return Ok(());
    }
    let what = format!(
        "`{}` holds labels that the project's log does not have",
        shown.display()
    );
    Err(Failure::usage(what)
        .why("they would be lost")
        .next(format!(
            "gatewright review ask {}   (takes them over)",
            shell(shown)
        ))
        .next("another name"))
}
