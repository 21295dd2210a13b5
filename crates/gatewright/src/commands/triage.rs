//! `gatewright triage`

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gatewright_core::event::ProjectEvent;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::Bin;
use gatewright_core::report::untrusted::{clip, line};
use gatewright_store::ProjectLog;
use serde::Serialize;

use crate::args::{TriageAction, TriageArgs, TriageSetArgs};
use crate::commands::{self, Context, unknown};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Loaded, Session, ends, graders, project_log, what_judges_said, writer};

/// Shortest and longest reason, in characters.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 10..=2000;
/// Causes that are no failure class: a person looked, and the flip was none.
const NO_FAILURE: [&str; 2] = ["label-wrong", "noise"];

/// One failing outcome, all trials together.
#[derive(Clone, Debug, Serialize)]
struct Failing {
    class: String,
    example: String,
    system: Role,
    criterion: String,
    /// Failing outcomes among the graded ones.
    failed: u64,
    graded: u64,
    why: Option<String>,
    cause: Option<String>,
}

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
    failing.retain(|one| args.class.as_ref().is_none_or(|class| *class == one.class));
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
        text.push_str("No failing outcome of the candidate.\n");
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
    let shown = format!("{} ({} outcomes{about})", line(class, 60), rows.len());
    clip(&shown, width) + "\n"
}

/// What the trials of one example say on one criterion.
#[derive(Default)]
struct Tally {
    failed: u64,
    graded: u64,
    class: Option<u16>,
    why: Option<String>,
}

/// Collects the candidate's failing outcomes at first look, by class, then example.
fn failing(loaded: &Loaded, session: &Session) -> Result<Vec<Failing>, Failure> {
    let judged = what_judges_said(loaded, session)?.unwrap_or_default();
    let graders = graders(loaded)?.with_judged(&judged);
    let causes = causes(loaded, &session.name)?;
    let mut outcomes = Vec::new();
    let mut found: BTreeMap<(u32, u16), Tally> = BTreeMap::new();
    let mut take = |outcomes: &mut Vec<gatewright_core::outcome::Outcome>| {
        for outcome in outcomes.drain(..) {
            if outcome.system != Role::Candidate
                || matches!(outcome.bin, Bin::NotApplicable | Bin::Missing(_))
            {
                continue;
            }
            let one = found
                .entry((outcome.example, outcome.criterion))
                .or_default();
            one.graded += 1;
            if let Bin::Fail(class) = outcome.bin {
                one.failed += 1;
                one.class.get_or_insert(class);
                if one.why.is_none() {
                    one.why = outcome.why.map(|why| why.to_string());
                }
            }
        }
    };
    for one in ends(session)? {
        let one = one?;
        if one.attempt.trial < session.plan.trials(one.attempt.system) {
            graders.grade(one.attempt, one.recorded_trial, &one.end, &mut outcomes)?;
            take(&mut outcomes);
        }
    }
    if loaded
        .manifest
        .systems
        .get(&Role::Candidate)
        .is_some_and(|system| {
            matches!(system.target, gatewright_core::manifest::Target::LabelsOnly)
        })
    {
        graders.labels_only(Role::Candidate, &mut outcomes);
        take(&mut outcomes);
    }
    let mut failing: Vec<Failing> = found
        .into_iter()
        .filter_map(|((example, criterion), tally)| {
            let class = loaded.manifest.classes.get(usize::from(tally.class?))?;
            let example = loaded
                .reference
                .examples
                .get(example as usize)?
                .id
                .to_string();
            let criterion = loaded
                .manifest
                .criteria
                .get(usize::from(criterion))?
                .id
                .to_string();
            Some(Failing {
                class: class.id.to_string(),
                cause: causes.get(&(example.clone(), criterion.clone())).cloned(),
                system: Role::Candidate,
                example,
                criterion,
                failed: tally.failed,
                graded: tally.graded,
                why: tally.why,
            })
        })
        .collect();
    failing.sort_by(|a, b| {
        (&a.class, &a.example, &a.criterion).cmp(&(&b.class, &b.example, &b.criterion))
    });
    Ok(failing)
}

/// Causes that people set in a run: the last one holds.
fn causes(loaded: &Loaded, of: &str) -> Result<BTreeMap<(String, String), String>, Failure> {
    let mut causes = BTreeMap::new();
    let Some(log) = project_log(&loaded.project.state)? else {
        return Ok(causes);
    };
    for event in log.events() {
        if let ProjectEvent::Triaged {
            run,
            example,
            system: Role::Candidate,
            criterion,
            cause,
            ..
        } = event?.body
            && run == of
        {
            causes.insert((example, criterion), cause);
        }
    }
    Ok(causes)
}

fn set_cause(context: &Context, args: &TriageSetArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let manifest = &loaded.manifest;
    let Some(example) = loaded.reference.index_of(&args.example) else {
        let known: Vec<&str> = loaded
            .reference
            .examples
            .iter()
            .map(|example| example.id.as_str())
            .collect();
        return Err(unknown("example", &args.example, known));
    };
    commands::criterion(manifest, &args.criterion)?;
    if manifest.class_index(&args.cause).is_none() && !NO_FAILURE.contains(&args.cause.as_str()) {
        let known = manifest
            .classes
            .iter()
            .map(|class| class.id.as_str())
            .chain(NO_FAILURE);
        return Err(unknown("cause", &args.cause, known.collect::<Vec<_>>()));
    }
    if !REASON_CHARS.contains(&args.reason.trim().chars().count()) {
        return Err(Failure::usage("the reason is too short, or too long")
            .why("somebody will read it in a year")
            .next("--reason with 10 to 2,000 characters"));
    }
    if args.author.trim().is_empty() {
        return Err(Failure::usage("the author is empty").next("--author YOUR-NAME"));
    }
    let session = Session::read(
        &mut loaded,
        args.run.as_deref(),
        &context.now,
        &context.console,
        "gatewright triage",
    )?;
    let system = Role::ALL
        .into_iter()
        .find(|role| role.word() == args.system)
        .unwrap_or(Role::Candidate);
    let answers = crate::pipeline::answers(&session, |one| one == example)?;
    let response = answers
        .get(&(example, system))
        .and_then(|ends| ends.first())
        .map(|(_, _, end)| gatewright_core::digest::Digest::of_json(end));
    let event = ProjectEvent::Triaged {
        run: session.name.clone(),
        example: args.example.clone(),
        system,
        criterion: args.criterion.clone(),
        response,
        cause: args.cause.clone(),
        author: args.author.clone(),
        reason: args.reason.clone(),
        at: context.now.at.clone(),
    };
    let mut log = ProjectLog::open(
        &loaded.project.state,
        writer("gatewright triage", &context.now),
    )?;
    let new = log.append(std::slice::from_ref(&event), &context.now.at)?;
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-triage-set/1", "recorded": new > 0, "event": event,
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
