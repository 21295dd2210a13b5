//! `gatewright triage`

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gatewright_core::manifest::Role;
use gatewright_core::report::untrusted::{clip, line};
use gatewright_core::report::words::counted;

use crate::args::{TriageAction, TriageArgs, TriageSetArgs};
use crate::commands::{Context, unknown};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::triage::{Failing, Said, failing};
use crate::pipeline::{Loaded, Session};

const COMMAND: &str = "gatewright triage";

pub(crate) fn triage(context: &Context, args: &TriageArgs) -> Result<u8, Failure> {
    match &args.action {
        Some(TriageAction::Set(set)) => set_cause(context, set),
        None => list(context, args),
    }
}

fn list(context: &Context, args: &TriageArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    if let Some(class) = &args.class
        && loaded.manifest.class_index(class).is_none()
    {
        let known: Vec<&str> = loaded
            .manifest
            .classes
            .iter()
            .map(|class| class.id.as_str())
            .collect();
        return Err(unknown("failure class", class, known));
    }
    let session = Session::read(
        &mut loaded,
        args.stored.run.as_deref(),
        &context.now,
        &context.console,
        "gatewright triage",
    )?;
    let mut failing = failing(&loaded, &session)?;
    let others = failing.len();
    // Whoever looks for a class means those that failed as it, and those that somebody traced to it.
    failing.retain(|one| {
        let wanted = args.class.as_ref();
        wanted.is_none_or(|class| *class == one.class || one.cause.as_ref() == Some(class))
    });
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-triage/1", "run": session.name, "failing": failing,
        }))?;
        return Ok(exit::SHIP);
    }
    let width = context.console.options.width;
    let mut text = String::new();
    let mut by_class: BTreeMap<&str, Vec<&Failing>> = BTreeMap::new();
    for one in &failing {
        by_class.entry(&one.class).or_default().push(one);
    }
    for (class, rows) in by_class {
        text.push_str(&heading(&loaded, class, &rows, width));
        for one in rows.iter().take(args.limit) {
            let cause = one
                .cause
                .as_deref()
                .map(|cause| format!(" [cause: {cause}]"))
                .unwrap_or_default();
            let shown = format!(
                "  {} {} {}/{}{} {}",
                line(&one.example, 60),
                line(&one.criterion, 40),
                one.failed,
                one.graded,
                line(&cause, 60),
                line(one.why.as_deref().unwrap_or_default(), 200)
            );
            let _ = writeln!(text, "{}", clip(shown.trim_end(), width));
        }
        if rows.len() > args.limit {
            let _ = writeln!(text, "  … {} more (--limit)", rows.len() - args.limit);
        }
    }
    if text.is_empty() {
        let of = args
            .class
            .as_deref()
            .map(|class| format!(" of class {class}"));
        let _ = writeln!(
            text,
            "No failing outcome of the candidate{}.",
            of.unwrap_or_default()
        );
        if args.class.is_some() && others > 0 {
            let there = counted(others as u64, "failing outcome");
            let _ = writeln!(
                text,
                "There {} of other classes.\nNext: gatewright triage",
                match others {
                    1 => format!("is {there}"),
                    _ => format!("are {there}"),
                }
            );
        }
    } else {
        text.push_str(
            "Next: gatewright triage set EXAMPLE --criterion C --cause CLASS\n        --author YOU --reason WHY\n",
        );
    }
    context.console.out(&text)?;
    Ok(exit::SHIP)
}

fn heading(loaded: &Loaded, class: &str, rows: &[&Failing], width: usize) -> String {
    let known = loaded
        .manifest
        .class_index(class)
        .and_then(|index| loaded.manifest.classes.get(usize::from(index)));
    let about = known.map_or_else(String::new, |class| {
        let owner = loaded.manifest.owners.get(&class.owner);
        let owner = owner.map_or_else(|| class.owner.to_string(), |owner| owner.name.clone());
        format!(
            ", {}, {}: {}",
            class.severity.word(),
            line(&owner, 60),
            line(&class.repair, 100)
        )
    });
    let shown = format!(
        "{} ({}{about})",
        line(class, 60),
        counted(rows.len() as u64, "outcome")
    );
    clip(&shown, width) + "\n"
}

fn set_cause(context: &Context, args: &TriageSetArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let system = Role::ALL
        .into_iter()
        .find(|role| role.word() == args.system)
        .unwrap_or(Role::Candidate);
    let said = Said {
        example: &args.example,
        system,
        criterion: &args.criterion,
        cause: &args.cause,
        author: &args.author,
        reason: &args.reason,
    };
    said.check(&loaded)?;
    let session = Session::read(
        &mut loaded,
        args.run.as_deref(),
        &context.now,
        &context.console,
        COMMAND,
    )?;
    let (event, new) = said.record(context, COMMAND, (&loaded, &session))?;
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-triage-set/1", "recorded": new, "event": event,
        }))?;
    } else {
        context.console.out(&format!(
            "{} {}: cause {} by {}.\nNext: gatewright decide {}\n",
            line(&args.example, 60),
            args.criterion,
            args.cause,
            line(&args.author, 60),
            session.name
        ))?;
    }
    Ok(exit::SHIP)
}
