//! `gatewright run`

use gatewright_core::manifest::Role;
use gatewright_core::plan::outstanding;

use crate::args::RunArgs;
use crate::commands::Context;
use crate::console::Console;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Drive, Loaded, Selection, Session, Start, dry_run, nothing_to_resume};

const COMMAND: &str = "gatewright run";
/// Errors are too many from one in so many of what a system was asked: the run is not complete with them.
const ERRORS_SHARE: u64 = 5;

pub(crate) fn run(context: &Context, args: &RunArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let asked = args.asks.asked(args.shard);
    let start = args.begins.start();
    let console = &context.console;
    let (manifest, reference) = (&loaded.manifest, &loaded.reference);
    let selection = Selection::read(
        manifest,
        reference,
        loaded.manifest.seed,
        &args.select,
        "--filter",
    )?;
    let selected = selection.is_some();
    let allowed = &context.global.allow_host;
    if args.dry_run {
        let selection = selection.as_ref();
        return dry_run(
            &mut loaded,
            start,
            &asked,
            allowed,
            &args.budget,
            selection,
            console,
        );
    }
    let mut drive = Drive::new(&loaded, allowed, &args.budget, selection, COMMAND)?;
    drive.open_for(&mut loaded, start, &asked, console)?;
    let now = &context.now;
    let mut session = Session::begin(&mut loaded, start, &asked, now, console, COMMAND)?;
    session.prepare(&loaded, &args.asks, now, console)?;
    if start == Start::Only && left(&loaded, &session)? == 0 {
        return Err(nothing_to_resume());
    }
    session.attempt(&loaded, &mut drive, now, console)?;
    tell(console, &loaded, &session, selected)
}

/// Counts what is still to be made. What a recorded file does not hold stays unattempted for good; what was not selected does not.
fn left(loaded: &Loaded, session: &Session) -> Result<usize, Failure> {
    let progress = session.log.progress()?;
    let todo = outstanding(&session.plan, &progress);
    Ok(todo
        .filter(|attempt| can_rerun(loaded, attempt.system))
        .count())
}

fn can_rerun(loaded: &Loaded, role: Role) -> bool {
    let system = loaded.manifest.systems.get(&role);
    system.is_some_and(|system| system.target.can_rerun())
}

/// Says what was made and what comes next. So many errors that the evidence is incomplete are no success.
fn tell(
    console: &Console,
    loaded: &Loaded,
    session: &Session,
    selected: bool,
) -> Result<u8, Failure> {
    let left = left(loaded, session)?;
    let ended = session.log.progress()?.ended;
    let errors = session.log.errors()?;
    let count: u64 = errors.values().sum();
    // An error in a recorded file would be read from it again.
    let again: u64 = errors
        .iter()
        .filter(|(role, _)| can_rerun(loaded, **role))
        .map(|(_, count)| count)
        .sum();
    let shard = session.plan.shard;
    let then = match (shard, selected, left) {
        (Some(_), ..) => "gatewright merge RUN RUN …".to_owned(),
        (None, true, 1..) => "gatewright run".to_owned(),
        _ => "gatewright gate".to_owned(),
    };
    let retry = match shard {
        Some(shard) => format!("gatewright run --shard {shard} --retry-errors"),
        None => "gatewright run --retry-errors".to_owned(),
    };
    let broken = errors.iter().any(|(role, count)| {
        let of = ended.iter().filter(|attempt| attempt.system == *role);
        can_rerun(loaded, *role) && count * ERRORS_SHARE >= of.count() as u64
    });
    if console.json {
        let next = match (again, left, shard) {
            (1.., ..) => &retry,
            (0, 0, None) => "gatewright decide",
            _ => &then,
        };
        console.document(&serde_json::json!({
            "format": "gatewright-run/1",
            "run": session.name,
            "plan": session.plan.digest(),
            "attempts": session.plan.attempts().count(),
            "ended": ended.len(),
            "outstanding": left,
            "errors": count,
            "shard": shard.map(|shard| shard.to_string()),
            "next": next,
        }))?;
    } else {
        let rest = rest(left, count);
        let next = match again {
            0 => then,
            1 => format!("{retry}   (makes it again)\nOr, without it: {then}"),
            _ => format!("{retry}   (makes them again)\nOr, without them: {then}"),
        };
        console.out(&format!(
            "Run {}: {} of {} attempts ended.{rest}\nNext: {next}\n",
            session.name,
            ended.len(),
            session.plan.attempts().count()
        ))?;
    }
    Ok(if broken { exit::INCOMPLETE } else { exit::SHIP })
}

/// Says what is missing.
fn rest(left: usize, errors: u64) -> String {
    let left = match left {
        0 => String::new(),
        1 => " 1 is outstanding.".to_owned(),
        left => format!(" {left} are outstanding."),
    };
    match errors {
        0 => left,
        count => format!("{left}\n{count} of them ended in an error: missing evidence."),
    }
}
