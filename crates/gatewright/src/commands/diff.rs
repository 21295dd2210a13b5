//! `gatewright diff`

use std::fmt::Write as _;

use gatewright_core::analyse::Flip;
use gatewright_core::event::ProjectEvent;
use gatewright_core::grade::Graders;
use gatewright_core::manifest::{Role, identity};
use gatewright_core::report::untrusted::{block, clip, columns, line, wrap};
use gatewright_core::report::words;
use gatewright_core::response::AttemptEnd;
use gatewright_store::ProjectLog;
use serde::Serialize;

use crate::args::DiffArgs;
use crate::commands::{self, Context, pairs, unknown};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{
    Answers, Loaded, Session, answers, graders, judge, look, not_looked_at, project_events,
    telling, what_judges_said, writer,
};

/// Below this many columns the two outputs stand one above the other: a half would hold a few words.
const SIDE_BY_SIDE_COLUMNS: usize = 72;
/// Most lines shown of one output; `--json` has all of it.
const OUTPUT_LINES: usize = 12;
/// Most characters shown of one line of output.
const OUTPUT_CHARS: usize = 1000;

/// One example that changed, with what both systems said.
#[derive(Debug, Serialize)]
struct Changed {
    example: String,
    criterion: String,
    segments: std::collections::BTreeMap<String, String>,
    change: f64,
    candidate: f64,
    production: f64,
    /// Fresh trials' mean scores: candidate, production.
    fresh: Option<(f64, f64)>,
    class: Option<String>,
    cost: f64,
    why: Option<String>,
    input: Option<String>,
    candidate_said: Option<String>,
    production_said: Option<String>,
}

pub(crate) fn diff(context: &Context, args: &DiffArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let filter = Filter::new(&loaded, args)?;
    let session = Session::read(
        &mut loaded,
        args.stored.run.as_deref(),
        &context.now,
        &context.console,
        "gatewright diff",
    )?;
    let judged = judge(&loaded, &session, &context.now)?;
    let left = match args.not_looked_at {
        true => {
            let events = project_events(&loaded.project)?;
            let analysis = &judged.analysis;
            Some(not_looked_at(&loaded, analysis, &session.name, &events))
        }
        false => None,
    };
    let is_left = |flip: &Flip| {
        let id = &loaded.reference.examples[flip.example as usize].id;
        left.as_ref()
            .is_none_or(|left| flip.change < 0.0 && left.iter().any(|one| *one == id.as_str()))
    };
    let all: Vec<&Flip> = judged
        .analysis
        .flips
        .iter()
        .filter(|flip| filter.admits(&loaded, flip) && is_left(flip))
        .collect();
    let chosen: Vec<&Flip> = all.iter().copied().take(args.limit).collect();
    if let Some(by) = &args.looked_by {
        looked(context, &loaded, &session.name, by, &chosen)?;
    }
    let said = answers(&session, |example| {
        chosen.iter().any(|flip| flip.example == example)
    })?;
    let verdicts = what_judges_said(&loaded, &session)?.unwrap_or_default();
    let graders = graders(&loaded)?.with_judged(&verdicts);
    let changed: Vec<Changed> = chosen
        .iter()
        .map(|flip| changed(&loaded, &graders, flip, &said))
        .collect::<Result<_, Failure>>()?;
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-diff/1", "run": session.name, "total": all.len(), "changed": changed,
        }))?;
        return Ok(exit::SHIP);
    }
    let width = context.console.options.width;
    let lost = all.iter().filter(|flip| flip.change < 0.0).count();
    if args.not_looked_at && all.is_empty() {
        return context
            .console
            .out("0 lost, 0 gained: nothing is left to look at\n")
            .map(|()| exit::SHIP);
    }
    let mut text = format!("{lost} lost, {} gained", all.len() - lost);
    let _ = writeln!(
        text,
        "{}",
        if all.len() > chosen.len() {
            format!("; the first {} of them", chosen.len())
        } else {
            String::new()
        }
    );
    if !context.console.quiet {
        for one in &changed {
            show(one, width, &mut text);
        }
    }
    context.console.out(&text)?;
    Ok(exit::SHIP)
}

/// Puts on the record that somebody looks at the lost examples that are shown.
fn looked(
    context: &Context,
    loaded: &Loaded,
    run: &str,
    by: &str,
    shown: &[&Flip],
) -> Result<(), Failure> {
    let Some(by) = identity(by) else {
        return Err(Failure::usage(format!("`{by}` is no identity"))
            .next("--looked-by with a plain name or a mail address, such as ana@example.com"));
    };
    let events: Vec<ProjectEvent> = shown
        .iter()
        .filter(|flip| flip.change < 0.0)
        .map(|flip| look(loaded, run, flip, &by, &context.now.at))
        .collect();
    let mut log = ProjectLog::open(
        &loaded.project.state,
        writer("gatewright diff", &context.now),
    )?;
    let new = log.append(&events, &context.now.at)?;
    context
        .console
        .note(&format!("looked at by {by}: {new} lost examples"));
    Ok(())
}

/// Which flips are wanted.
struct Filter {
    segments: Vec<(usize, String)>,
    class: Option<u16>,
    criterion: Option<u16>,
}

impl Filter {
    fn new(loaded: &Loaded, args: &DiffArgs) -> Result<Self, Failure> {
        let manifest = &loaded.manifest;
        let mut segments = Vec::new();
        for (dimension, value) in pairs(&args.segment, "--segment task=refund")? {
            let Some((index, _)) = manifest.dimension(&dimension) else {
                let known: Vec<&str> = manifest
                    .dimensions
                    .iter()
                    .map(|dimension| dimension.name.as_str())
                    .collect();
                return Err(unknown("dimension", &dimension, known));
            };
            let values = loaded
                .reference
                .values
                .get(index)
                .cloned()
                .unwrap_or_default();
            if !values.contains(&value) {
                return Err(unknown(
                    &dimension,
                    &value,
                    values.iter().map(String::as_str),
                ));
            }
            segments.push((index, value));
        }
        let class = args.class.as_ref().map(|class| {
            let known = manifest.classes.iter().map(|class| class.id.as_str());
            manifest
                .class_index(class)
                .ok_or_else(|| unknown("failure class", class, known))
        });
        let criterion = args.criterion.as_ref();
        let criterion = criterion.map(|name| commands::criterion(manifest, name));
        Ok(Self {
            segments,
            class: class.transpose()?,
            criterion: criterion.transpose()?,
        })
    }

    fn admits(&self, loaded: &Loaded, flip: &Flip) -> bool {
        self.class.is_none_or(|class| flip.class == Some(class))
            && self
                .criterion
                .is_none_or(|criterion| flip.criterion == criterion)
            && self.segments.iter().all(|(dimension, value)| {
                loaded.reference.value(*dimension, flip.example) == Some(value)
            })
    }
}

fn changed(
    loaded: &Loaded,
    graders: &Graders<'_>,
    flip: &Flip,
    said: &Answers,
) -> Result<Changed, Failure> {
    let example = loaded.reference.example(flip.example)?;
    let segments = loaded
        .manifest
        .dimensions
        .iter()
        .enumerate()
        .filter_map(|(index, dimension)| {
            let value = loaded.reference.value(index, flip.example)?;
            Some((dimension.name.clone(), value.to_owned()))
        })
        .collect();
    let input = example.input.text();
    let said = |role: Role, wants_pass: bool| -> Result<Option<String>, Failure> {
        let Some(ends) = said.get(&(flip.example, role)) else {
            return Ok(None);
        };
        let found = telling(graders, ends, (flip.criterion, wants_pass))?;
        Ok(found.map(|(.., end)| words_of(end)))
    };
    let lost = flip.change < 0.0;
    Ok(Changed {
        example: example.id.to_string(),
        criterion: loaded.manifest.criteria[usize::from(flip.criterion)]
            .id
            .to_string(),
        segments,
        change: flip.change,
        candidate: flip.scores.0,
        production: flip.scores.1,
        fresh: flip.fresh,
        class: flip.class.and_then(|class| {
            Some(
                loaded
                    .manifest
                    .classes
                    .get(usize::from(class))?
                    .id
                    .to_string(),
            )
        }),
        cost: flip.cost,
        why: flip.why.as_deref().map(str::to_owned),
        input: (!input.is_empty()).then(|| input.into_owned()),
        candidate_said: said(Role::Candidate, !lost)?,
        production_said: said(Role::Production, lost)?,
    })
}

fn words_of(end: &AttemptEnd) -> String {
    match end {
        AttemptEnd::Answered { response } => {
            let mut text = String::new();
            if let Some(behaviour) = response.behaviour {
                let _ = write!(text, "[{}] ", behaviour.word());
            }
            text.push_str(&response.output);
            if !response.citations.is_empty() {
                let _ = write!(text, "\n[cites {}]", response.citations.join(", "));
            }
            text
        }
        AttemptEnd::TimedOut { after_ms } => format!("[too late: more than {after_ms} ms]"),
        AttemptEnd::ProviderError { message, .. } => format!("[provider error: {message}]"),
        AttemptEnd::HarnessError { message } => format!("[harness error: {message}]"),
    }
}

fn show(one: &Changed, width: usize, text: &mut String) {
    let mark = if one.change < 0.0 { "LOST" } else { "GAINED" };
    let class = one
        .class
        .as_deref()
        .map(|class| format!(", {class}"))
        .unwrap_or_default();
    let head = format!(
        "{mark} {} ({}{class})  {}: {} → {}",
        line(&one.example, 60),
        one.segments
            .iter()
            .map(|(dimension, value)| format!("{dimension} {}", line(value, 40)))
            .collect::<Vec<_>>()
            .join(", "),
        one.criterion,
        words::short(one.production, 2),
        words::short(one.candidate, 2),
    );
    let _ = writeln!(text);
    for row in wrap(&head, width, 2) {
        let _ = writeln!(text, "{row}");
    }
    if let Some((candidate, production)) = one.fresh {
        let shown = format!(
            "  fresh runs: {} → {}",
            words::short(production, 2),
            words::short(candidate, 2)
        );
        let _ = writeln!(text, "{}", clip(&shown, width));
    }
    if let Some(why) = &one.why {
        for row in wrap(&format!("  why: {}", line(why, 400)), width, 7)
            .into_iter()
            .take(3)
        {
            let _ = writeln!(text, "{row}");
        }
    }
    let input = one
        .input
        .as_deref()
        .map_or_else(|| "(not shown)".to_owned(), |input| line(input, 600));
    for row in wrap(&format!("  input: {input}"), width, 9)
        .into_iter()
        .take(4)
    {
        let _ = writeln!(text, "{row}");
    }
    outputs(one, width, text);
}

/// Shows both outputs: beside each other where there is room, else one above the other.
fn outputs(one: &Changed, width: usize, text: &mut String) {
    let none = "(no output was recorded)";
    let production = one.production_said.as_deref().unwrap_or(none);
    let candidate = one.candidate_said.as_deref().unwrap_or(none);
    if width < SIDE_BY_SIDE_COLUMNS {
        for (who, said) in [("production", production), ("candidate", candidate)] {
            let _ = writeln!(text, "  {who}:");
            for row in column(said, width - 4) {
                let _ = writeln!(text, "    {row}");
            }
        }
        return;
    }
    let half = (width - 7) / 2;
    let left = [vec!["production".to_owned()], column(production, half)].concat();
    let right = [vec!["candidate".to_owned()], column(candidate, half)].concat();
    for index in 0..left.len().max(right.len()) {
        let (left, right) = (
            left.get(index).map_or("", String::as_str),
            right.get(index).map_or("", String::as_str),
        );
        let pad = " ".repeat(half.saturating_sub(columns(left)));
        let _ = writeln!(text, "{}", format!("  {left}{pad} │ {right}").trim_end());
    }
}

/// Visible lines of an output, wrapped to a column.
fn column(said: &str, width: usize) -> Vec<String> {
    let mut rows: Vec<String> = block(said, OUTPUT_CHARS, 100)
        .iter()
        .flat_map(|one| wrap(one, width, 0))
        .collect();
    if rows.len() > OUTPUT_LINES {
        let more = rows.len() - OUTPUT_LINES;
        rows.truncate(OUTPUT_LINES);
        rows.push(format!("… {more} more lines (--json)"));
    }
    rows
}
