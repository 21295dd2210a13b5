//! `gatewright incident`

use std::fmt::Write as _;
use std::path::PathBuf;

use gatewright_core::decide::Obligation;
use gatewright_core::incident::{self as incidents, Incident, IncidentStatus};
use gatewright_core::problem::{Problem, Weight, has_errors};
use gatewright_core::report::untrusted::{clip, line};
use serde_json::{Map, Value};

use crate::args::{IncidentAction, IncidentAddArgs, IncidentArgs, IncidentCoverArgs};
use crate::commands::{Context, pairs, replace, unknown};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Depth, Loaded};

pub(crate) fn incident(context: &Context, args: &IncidentArgs) -> Result<u8, Failure> {
    let loaded = Loaded::read(context.project()?, &context.now, Depth::Errors)?;
    match &args.action {
        IncidentAction::Add(add_args) => add(context, &loaded, add_args),
        IncidentAction::List(_) => list(context, &loaded),
        IncidentAction::Cover(cover_args) => cover(context, &loaded, cover_args),
    }
}

fn add(context: &Context, loaded: &Loaded, args: &IncidentAddArgs) -> Result<u8, Failure> {
    let text = added(loaded, &context.now.today.to_string(), args)?;
    let all = store(loaded, &text)?;
    say(
        context,
        &all,
        &args.id,
        "recorded; it obliges the gate until an example reproduces it and passes",
    )
}

/// Writes the file with one more incident.
///
/// # Errors
/// When what was typed cannot be, or the file cannot be read.
pub(crate) fn added(
    loaded: &Loaded,
    today: &str,
    args: &IncidentAddArgs,
) -> Result<String, Failure> {
    if loaded.manifest.class_index(&args.class).is_none() {
        let known: Vec<&str> = loaded
            .manifest
            .classes
            .iter()
            .map(|class| class.id.as_str())
            .collect();
        return Err(unknown("failure class", &args.class, known));
    }
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
    put("id", args.id.clone().into());
    put(
        "date",
        args.date.clone().unwrap_or_else(|| today.to_owned()).into(),
    );
    put("class", args.class.clone().into());
    let segment: Map<String, Value> = pairs(&args.segment, "--segment task=refund")?
        .into_iter()
        .map(|(dimension, value)| (dimension, value.into()))
        .collect();
    if !segment.is_empty() {
        put("segment", segment.into());
    }
    put("what", args.what.clone().into());
    if let Some(example) = &args.example {
        put("example", example.clone().into());
    }
    put("status", "open".into());
    let mut text = current(loaded)?.unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&Value::Object(row).to_string());
    text.push('\n');
    Ok(text)
}

fn cover(context: &Context, loaded: &Loaded, args: &IncidentCoverArgs) -> Result<u8, Failure> {
    let text = covered(loaded, args)?;
    let all = store(loaded, &text)?;
    let what = match args.close {
        true => "closed; its example keeps watch from now on",
        false => "reproduced by its example; it obliges the gate until that example passes",
    };
    say(context, &all, &args.id, what)
}

/// Writes the file with an incident that an example reproduces.
///
/// # Errors
/// When there is no such example or incident, or the file cannot be read.
pub(crate) fn covered(loaded: &Loaded, args: &IncidentCoverArgs) -> Result<String, Failure> {
    if loaded.reference.index_of(&args.example).is_none() {
        let known: Vec<&str> = loaded
            .reference
            .examples
            .iter()
            .map(|example| example.id.as_str())
            .collect();
        return Err(unknown("example", &args.example, known)
            .next("add the example that reproduces it to the reference set first"));
    }
    if !loaded
        .incidents
        .iter()
        .any(|incident| incident.id == args.id)
    {
        let known: Vec<&str> = loaded
            .incidents
            .iter()
            .map(|incident| incident.id.as_str())
            .collect();
        return Err(unknown("incident", &args.id, known));
    }
    let mut text = String::new();
    for old in current(loaded)?.unwrap_or_default().lines() {
        let row = serde_json::from_str::<Map<String, Value>>(old).ok();
        match row.filter(|row| row.get("id").and_then(Value::as_str) == Some(&args.id)) {
            Some(mut row) => {
                row.insert("example".to_owned(), args.example.clone().into());
                if args.close {
                    row.insert("status".to_owned(), "covered".into());
                }
                text.push_str(&Value::Object(row).to_string());
            }
            None => text.push_str(old),
        }
        text.push('\n');
    }
    Ok(text)
}

fn list(context: &Context, loaded: &Loaded) -> Result<u8, Failure> {
    let broken: Vec<Problem> = loaded
        .problems
        .iter()
        .filter(|problem| {
            problem.weight == Weight::Error && *problem.at.file == *loaded.manifest.incidents
        })
        .cloned()
        .collect();
    if !broken.is_empty() {
        return Err(Failure::Problems(broken));
    }
    let missing = missing(loaded);
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-incidents/1",
            "incidents": loaded.incidents,
            "without_reproduction": missing,
        }))?;
        return Ok(exit::SHIP);
    }
    let width = context.console.options.width;
    let mut text = String::new();
    for incident in &loaded.incidents {
        let obligation = missing.iter().find(|one| one.incident == incident.id);
        let state = match (incident.status, obligation) {
            (IncidentStatus::Covered, _) => "covered".to_owned(),
            (IncidentStatus::Open, Some(one)) => format!("open: {}", one.what),
            (IncidentStatus::Open, None) => {
                format!(
                    "open: must pass {}",
                    incident.example.as_deref().unwrap_or_default()
                )
            }
        };
        let shown = format!(
            "{}  {}  {}  {}  {}",
            line(&incident.id, 40),
            incident.date,
            line(&incident.class, 40),
            line(&state, 120),
            line(&incident.what, 200)
        );
        let _ = writeln!(text, "{}", clip(&shown, width));
    }
    let _ = writeln!(
        text,
        "{} incidents, {} without a reproducing example",
        loaded.incidents.len(),
        missing.len()
    );
    context.console.out(&text)?;
    Ok(exit::SHIP)
}

/// Lists what is missing before an example can pass.
pub(crate) fn missing(loaded: &Loaded) -> Vec<Obligation> {
    incidents::obligations(
        &loaded.incidents,
        &loaded.manifest,
        &loaded.reference,
        |_| Some(true),
    )
}

/// Where incidents are, also when there are none yet.
fn file(loaded: &Loaded) -> Result<PathBuf, Failure> {
    let path = &loaded.manifest.incidents;
    match loaded.project.resolve(path) {
        Ok(full) => Ok(full),
        Err(crate::project::Refused::Unreadable { .. }) if !path.contains(':') => {
            Ok(loaded.project.root.join(path))
        }
        Err(refused) => Err(Failure::usage(refused.to_string()).next(refused.instead())),
    }
}

/// Reads the file; nothing where it is not there yet.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn current(loaded: &Loaded) -> Result<Option<String>, Failure> {
    let path = file(loaded)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(
            Failure::usage(format!("cannot read `{}`", loaded.manifest.incidents))
                .why(error.to_string()),
        ),
    }
}

/// Reads what the file would hold.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn sound(loaded: &Loaded, text: &str) -> Result<Vec<Incident>, Failure> {
    let mut problems = Vec::new();
    let all = incidents::read(&loaded.manifest.incidents, text.as_bytes(), &mut problems);
    match has_errors(&problems) {
        true => Err(Failure::Problems(problems)),
        false => Ok(all),
    }
}

/// Writes the file when what would be in it is sound.
fn store(loaded: &Loaded, text: &str) -> Result<Vec<Incident>, Failure> {
    let all = sound(loaded, text)?;
    replace(&file(loaded)?, text.as_bytes())?;
    Ok(all)
}

fn say(context: &Context, all: &[Incident], id: &str, what: &str) -> Result<u8, Failure> {
    if context.console.json {
        let incident = all.iter().find(|incident| incident.id == id);
        context.console.document(&serde_json::json!({
            "format": "gatewright-incident/1", "incident": incident,
        }))?;
    } else {
        context.console.out(&format!(
            "{}: {what}.\nNext: gatewright incident list\n",
            line(id, 60)
        ))?;
    }
    Ok(exit::SHIP)
}
