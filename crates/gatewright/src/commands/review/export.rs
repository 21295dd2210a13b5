//! `gatewright review export`

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use gatewright_core::report::untrusted::line;
use gatewright_core::review::{Desk, Entry, Origin, Same, label_of_row, rubrics, said, withdrawn};
use gatewright_stats::rng::Stream;

use crate::args::ExportArgs;
use crate::commands::labelling::{Given, write_row};
use crate::commands::{Context, replace, shell, unknown, writable};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{DeskLog, page_of, writer};

pub(super) fn export(context: &Context, args: &ExportArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let mut log = DeskLog::open(&project, writer("gatewright review export", &context.now))?;
    let mut desk = log.refresh()?;
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
    let (page, problems) = page_of(&project)?;
    let page = page.ok_or(Failure::Problems(problems))?;
    Arc::make_mut(&mut desk).by_rubrics(Arc::new(rubrics(&page)));
    let is_wanted = |entry: &Entry| criterion.is_none_or(|name| name == entry.item.criterion);
    if let Some(many) = args.audit {
        let wanted = |entry: &Entry| is_wanted(entry) && desk.is_current(entry);
        let drawn = Drawn {
            many: many as usize,
            seed: page.seed,
        };
        return audit(context, (&desk, &wanted), drawn, (&whole, &args.output));
    }
    let Written {
        text,
        labels,
        open,
        other,
    } = rows(&desk, is_wanted, (&there, &context.now.at))?;
    replace(&whole, text.as_bytes())?;
    let file = args.output.display().to_string();
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-exported/1", "file": file, "labels": labels, "open": open, "other_rubric": other,
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
    if other > 0 {
        text.push_str(&format!(
            "{other} label{} left out: of another rubric than the page names, or of no\ncriterion of it. The log keeps them\n",
            s(other)
        ));
    }
    text.push_str("Next: name the file on the page, beside those that are there:\n      from: [THEIR-FILE, THIS-FILE]\n");
    context.console.out(&text)?;
    Ok(exit::SHIP)
}

/// How many answers are drawn, and from which seed.
#[derive(Clone, Copy)]
struct Drawn {
    many: usize,
    seed: u64,
}

/// Draws finished answers for somebody outside the team; what was said of them is not in the file.
fn audit(
    context: &Context,
    (desk, wanted): (&Desk, &dyn Fn(&Entry) -> bool),
    drawn: Drawn,
    (whole, shown): (&Path, &Path),
) -> Result<u8, Failure> {
    if whole.exists() {
        let what = format!(
            "`{}` is there already, and may hold labels",
            shown.display()
        );
        return Err(Failure::usage(what).next("another name"));
    }
    let now = &context.now.at;
    let all = desk.entries().iter().map(|entry| &**entry);
    let mut all: Vec<&Entry> = all
        .filter(|entry| wanted(entry) && entry.is_final(now) && entry.gold.is_none())
        .collect();
    if all.is_empty() {
        return Err(
            Failure::usage("no answer is labelled by all who were asked yet")
                .next("gatewright serve"),
        );
    }
    all.sort_by_key(|entry| entry.id);
    let there = all.len();
    Stream::new(drawn.seed, "", "", "audit", 0).shuffle(&mut all);
    all.truncate(drawn.many);
    let mut text = String::new();
    for entry in &all {
        write_row(&entry.item, Given::default(), &[], &mut text)?;
    }
    replace(whole, text.as_bytes())?;
    let (file, many) = (shown.display().to_string(), all.len());
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-audit/1", "file": file, "answers": many, "of": there,
        }))?;
        return Ok(exit::SHIP);
    }
    let s = if many == 1 { "" } else { "s" };
    context.console.out(&format!(
        "Wrote {many} answer{s} of {there} to {}\nNext: somebody outside the team fills in `label` and `annotator`, then\n      gatewright review ask {} --gold\n",
        line(&file, 400),
        shell(shown)
    ))?;
    Ok(exit::SHIP)
}

/// What is written.
#[derive(Default)]
struct Written {
    text: String,
    /// Rows with a label.
    labels: usize,
    /// Answers that not all who were asked have labelled.
    open: usize,
    /// Labels that follow another version of the rubric than the page names, or a criterion that it does not have.
    other: usize,
}

/// Makes the rows. Labels that the page's files hold are theirs to keep, but for those that stand in this very file. What can still be taken back is
/// not written: a file does not take back.
fn rows(
    desk: &Desk,
    is_wanted: impl Fn(&Entry) -> bool,
    (there, now): (&BTreeSet<Same>, &str),
) -> Result<Written, Failure> {
    let mut written = Written {
        other: said(desk, |entry| is_wanted(entry) && !desk.is_current(entry)).count(),
        ..Written::default()
    };
    let is_final =
        |entry: &Entry| is_wanted(entry) && desk.is_current(entry) && entry.is_final(now);
    let rows = said(desk, is_final);
    for row in rows.filter(|row| row.origin != Origin::Page || there.contains(&row.same())) {
        let row = serde_json::to_string(&row).map_err(|source| Failure::Unexpected {
            doing: "write a label".to_owned(),
            source: Box::new(source),
        })?;
        written.text.push_str(&row);
        written.text.push('\n');
        written.labels += 1;
    }
    let all = desk.current().filter(|entry| is_wanted(entry));
    // Of an answer whose label is known nobody awaits a verdict: it measures people.
    for entry in all.filter(|entry| !entry.is_final(now) && entry.gold.is_none()) {
        // What was asked and is not answered by all must not look as if nobody had been asked; and half of it is no verdict.
        let blank = Given {
            inclusion: entry.item.inclusion,
            open: true,
            ..Given::default()
        };
        write_row(&entry.item, blank, &[], &mut written.text)?;
        written.open += 1;
    }
    Ok(written)
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
    let all = said(desk, |_| true).chain(withdrawn(desk));
    let known: BTreeSet<Same> = all.map(|row| row.same()).collect();
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
