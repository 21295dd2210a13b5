//! `gatewright run`

use crate::args::RunArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Session, Start};

pub(crate) fn run(context: &Context, args: &RunArgs) -> Result<u8, Failure> {
    let loaded = context.sound()?;
    let start = if args.fresh {
        Start::Fresh
    } else {
        Start::Resume
    };
    let console = &context.console;
    let mut session = Session::begin(&loaded, start, &context.now, console, "gatewright run")?;
    session.attempt(&loaded, &context.now, console)?;
    let progress = session.log.progress()?;
    if console.json {
        console.document(&serde_json::json!({
            "format": "gatewright-run/1",
            "run": session.name,
            "plan": session.plan.digest(),
            "attempts": session.plan.attempts().count(),
            "ended": progress.ended.len(),
            "next": "gatewright decide",
        }))?;
    } else {
        console.out(&format!(
            "Run {}: {} of {} attempts ended.\nNext: gatewright gate\n",
            session.name,
            progress.ended.len(),
            session.plan.attempts().count()
        ))?;
    }
    Ok(exit::SHIP)
}
