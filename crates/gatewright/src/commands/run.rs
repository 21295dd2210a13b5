//! `gatewright run`

use gatewright_core::plan::outstanding;

use crate::args::RunArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Drive, Selection, Session, Start, dry_run};

const COMMAND: &str = "gatewright run";

pub(crate) fn run(context: &Context, args: &RunArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let asked = args.asks.asked(args.shard);
    let start = if args.fresh {
        Start::Fresh
    } else {
        Start::Resume
    };
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
    session.attempt(&loaded, &mut drive, now, console)?;
    let progress = session.log.progress()?;
    let errors = session.log.errors()?;
    // What a recorded file does not hold stays unattempted for good; what was not selected does not.
    let left = outstanding(&session.plan, &progress)
        .filter(|attempt| {
            let system = loaded.manifest.systems.get(&attempt.system);
            system.is_some_and(|system| system.target.can_rerun())
        })
        .count();
    let next = match (session.plan.shard, selected, left) {
        (Some(_), ..) => "gatewright merge RUN RUN …",
        (None, true, 1..) => "gatewright run",
        _ => "gatewright gate",
    };
    if console.json {
        console.document(&serde_json::json!({
            "format": "gatewright-run/1",
            "run": session.name,
            "plan": session.plan.digest(),
            "attempts": session.plan.attempts().count(),
            "ended": progress.ended.len(),
            "outstanding": left,
            "errors": errors,
            "shard": session.plan.shard.map(|shard| shard.to_string()),
            "next": if left > 0 || session.plan.shard.is_some() { next } else { "gatewright decide" },
        }))?;
    } else {
        let rest = match left {
            0 => String::new(),
            1 => " 1 is outstanding.".to_owned(),
            left => format!(" {left} are outstanding."),
        };
        let rest = match errors {
            0 => rest,
            1 => format!(
                "{rest}\n1 of them ended in an error. To make it again: gatewright run --retry-errors"
            ),
            count => format!(
                "{rest}\n{count} of them ended in an error. To make them again: gatewright run --retry-errors"
            ),
        };
        console.out(&format!(
            "Run {}: {} of {} attempts ended.{rest}\nNext: {next}\n",
            session.name,
            progress.ended.len(),
            session.plan.attempts().count()
        ))?;
    }
    Ok(exit::SHIP)
}
