//! `gatewright review ask`

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use gatewright_core::label::TextCode;
use gatewright_core::manifest::{Grader, Manifest};
use gatewright_core::report::untrusted::line;
use gatewright_core::review::{AskedRow, Desk, Item, ReviewEvent, is_of_people};

use super::{Outputs, criterion, given};
use crate::args::AskArgs;
use crate::commands::labelling::Asked;
use crate::commands::{Context, unknown};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{DeskLog, Judging, page_of, writer};

const COMMAND: &str = "gatewright review ask";
/// Most bytes of one row.
const ROW_BYTES_MAX: u64 = 16 << 20;

/// What was found to ask, before it is known what of it is new.
#[derive(Default)]
struct Found {
    items: Vec<Item>,
    said: Vec<Said>,
}

/// A label that is there.
struct Said {
    /// Index into the items.
    item: usize,
    label: String,
    by: String,
    settles: bool,
}

pub(super) fn ask(context: &Context, args: &AskArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let mut found = Found::default();
    match &args.criterion {
        Some(name) => of_criterion(context, args, name, &mut found)?,
        None if args.files.is_empty() => {
            return Err(Failure::usage("nothing to ask about")
                .next("gatewright review ask FILE   (rows to label)")
                .next("gatewright review ask --criterion NAME   (which people label)"));
        }
        None => {
            let (page, problems) = page_of(&project)?;
            let page = page.ok_or(Failure::Problems(problems))?;
            for path in &args.files {
                of_file(context, &page, path, &mut found)?;
            }
        }
    }
    let writer = writer(COMMAND, &context.now);
    let by = writer.actor.clone();
    let mut log = DeskLog::open(&project, writer)?;
    let known = log.refresh()?;
    let (mut events, labels) = news(&known, &found, args, (&by, &context.now.at));
    let count = labels.len();
    events.extend(labels);
    let (_, refused) = log.record_all(events, &context.now.at)?;
    let asked = log.refresh()?.entries().len() - known.entries().len();
    tell(context, args, (asked, found.items.len()), count)?;
    if let Some(why) = refused {
        context
            .console
            .note(&format!("some labels were not taken over: {why}"));
    }
    Ok(exit::SHIP)
}

/// Returns what is asked anew, and the labels that are not known yet.
fn news(
    known: &Desk,
    found: &Found,
    args: &AskArgs,
    (by, at): (&str, &str),
) -> (Vec<ReviewEvent>, Vec<ReviewEvent>) {
    let not_by: BTreeSet<String> = args.not_by.iter().cloned().collect();
    let items = found.items.iter();
    let asked = items
        .filter(|item| known.is_news(item, args.people, &not_by))
        .map(|item| ReviewEvent::Asked {
            item: Box::new(item.clone()),
            people: args.people,
            not_by: not_by.clone(),
            why: args.why.clone(),
            by: by.to_owned(),
            at: at.to_owned(),
        });
    let labels = found.said.iter().filter_map(|said| {
        let item = found.items[said.item].id();
        let label = if args.gold {
            ReviewEvent::Gold {
                item,
                label: said.label.clone(),
                by: said.by.clone(),
                at: at.to_owned(),
            }
        } else {
            ReviewEvent::Labelled {
                item,
                label: said.label.clone(),
                by: said.by.clone(),
                note: String::new(),
                settles: said.settles,
                from_file: true,
                at: at.to_owned(),
            }
        };
        // What is known already is no news.
        let new = known.find(&item).is_none() || known.check(&label).is_ok();
        new.then_some(label)
    });
    (asked.collect(), labels.collect())
}

fn of_file(
    context: &Context,
    page: &Manifest,
    path: &Path,
    found: &mut Found,
) -> Result<(), Failure> {
    let shown = line(&path.display().to_string(), 400);
    let unread = |error: std::io::Error| {
        Failure::usage(format!("cannot read `{shown}`"))
            .why(error.to_string())
            .next("gatewright calibrate CRITERION --plan 90 -o labels.jsonl")
    };
    let file = std::fs::File::open(context.here.join(path)).map_err(unread)?;
    let mut reader = BufReader::new(file);
    let mut row = Vec::new();
    for number in 1_u64.. {
        row.clear();
        let mut one = (&mut reader).take(ROW_BYTES_MAX);
        if one.read_until(b'\n', &mut row).map_err(unread)? == 0 {
            break;
        }
        if row.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let asks = AskedRow::parse(&row).and_then(AskedRow::asks);
        let asks = asks.map_err(|why| {
            Failure::usage(format!("{shown}:{number}: no row to label"))
                .why(line(&why, 400))
                .next("gatewright calibrate CRITERION --plan 90 -o labels.jsonl")
        })?;
        if !page
            .criteria
            .iter()
            .any(|it| it.id.as_str() == asks.item.criterion)
        {
            let known = page.criteria.iter().map(|it| it.id.as_str());
            let unknown = unknown("criterion", &asks.item.criterion, known);
            return Err(unknown.why(format!("{shown}:{number} asks about it")));
        }
        if let Some((label, by)) = asks.said {
            found.said.push(Said {
                item: found.items.len(),
                label,
                by,
                settles: asks.settles,
            });
        }
        found.items.push(asks.item);
    }
    Ok(())
}

/// All answers of a criterion: those that somebody labelled, with the labels, and those that nobody has.
fn of_criterion(
    context: &Context,
    args: &AskArgs,
    name: &str,
    found: &mut Found,
) -> Result<(), Failure> {
    let mut loaded = context.sound()?;
    let index = criterion(&loaded.manifest, name)?;
    let declared = &loaded.manifest.criteria[usize::from(index)];
    if matches!(declared.grader, Grader::Preference(_)) {
        let what = format!("the labels of `{name}` are about two answers");
        return Err(Failure::usage(what)
            .why("whoever compares two would have to see which is whose")
            .next("a criterion about one answer"));
    }
    if is_of_people(declared) == Some(true) {
        return Err(Failure::usage(format!("`{name}` is judged by a model"))
            .why("which of its answers people look at is drawn by a plan")
            .next(format!(
                "gatewright calibrate {name} --plan 90 -o labels.jsonl"
            ))
            .next("gatewright review ask labels.jsonl"));
    }
    let rated = given(&loaded, index, false);
    if !rated.values.is_empty() {
        let what = format!("the labels of `{name}` are scores");
        return Err(Failure::usage(what).next("a criterion whose labels have names"));
    }
    let judging = Judging::of(
        &mut loaded,
        args.run.as_deref(),
        &context.now,
        &context.console,
    )?;
    let outputs = Outputs::of(&loaded, &judging);
    let mut seen = BTreeSet::new();
    for unit in &rated.units {
        let system = unit.system.as_deref().unwrap_or_default();
        let place = (unit.example, system, unit.trial);
        seen.insert(place);
        let output = outputs.0.get(&place).copied();
        let asked = Asked {
            criterion: index,
            example: unit.example,
            system,
            trial: unit.trial,
            part: unit.part,
            output: output.filter(|output| unit.text.is_none_or(|it| it == TextCode::of(output))),
            text: unit.text,
            said: Vec::new(),
        };
        let mut item = asked.item(&loaded)?;
        for (label, by) in unit.given.iter().zip(&rated.people) {
            let label = label.and_then(|label| rated.labels.get(label as usize));
            let Some(label) = label.map(ToString::to_string) else {
                continue;
            };
            if !item.labels.contains(&label) {
                item.labels.push(label.clone());
            }
            found.said.push(Said {
                item: found.items.len(),
                label,
                by: by.to_string(),
                settles: false,
            });
        }
        found.items.push(item);
    }
    for (&(example, system, trial), output) in &outputs.0 {
        if !seen.contains(&(example, system, trial)) {
            let asked = Asked {
                criterion: index,
                example,
                system,
                trial,
                part: None,
                output: Some(output),
                text: None,
                said: Vec::new(),
            };
            found.items.push(asked.item(&loaded)?);
        }
    }
    Ok(())
}

fn tell(
    context: &Context,
    args: &AskArgs,
    (new, all): (usize, usize),
    labels: usize,
) -> Result<(), Failure> {
    if context.console.json {
        return context.console.document(&serde_json::json!({
            "format": "gatewright-asked/1",
            "answers": all,
            "new": new,
            "labels": labels,
            "people": args.people,
        }));
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let people = match args.people {
        1 => "1 person labels".to_owned(),
        people => format!("{people} people label"),
    };
    let mut text = format!("{all} answer{}, {new} of them new; {people} each\n", s(all));
    if labels > 0 {
        let what = if args.gold { "known label" } else { "label" };
        text.push_str(&format!("{labels} {what}{} taken over\n", s(labels)));
    }
    text.push_str("Next: gatewright serve\n");
    context.console.out(&text)
}
