//! `gatewright run`

use crate::args::RunArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Session, Start};

pub(crate) fn run(context: &Context, args: &RunArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let asked = args.asks.asked(args.shard);
    let start = if args.fresh {
        Start::Fresh
    } else {
        Start::Resume
    };
    let console = &context.console;
    let mut session = Session::begin(
        &mut loaded,
        start,
        &asked,
        &context.now,
        console,
        "gatewright run",
    )?;
    session.prepare(&loaded, &args.asks, &context.now, console)?;
    session.attempt(&loaded, &context.now, console)?;
    let progress = session.log.progress()?;
    let next = match session.plan.shard {
        Some(_) => "gatewright merge RUN RUN …",
        None => "gatewright gate",
    };
    if console.json {
        console.document(&serde_json::json!({
            "format": "gatewright-run/1",
            "run": session.name,
            "plan": session.plan.digest(),
            "attempts": session.plan.attempts().count(),
            "ended": progress.ended.len(),
            "shard": session.plan.shard.map(|shard| shard.to_string()),
            "next": if session.plan.shard.is_some() { next } else { "gatewright decide" },
        }))?;
    } else {
        console.out(&format!(
            "Run {}: {} of {} attempts ended.\nNext: {next}\n",
            session.name,
            progress.ended.len(),
            session.plan.attempts().count()
        ))?;
    }
    Ok(exit::SHIP)
}
