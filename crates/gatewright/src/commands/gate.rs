//! `gatewright gate`

use crate::args::GateArgs;
use crate::commands::Context;
use crate::crash;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Drive, Session, ask_judges, confirm, dry_run, judge, on_record, record};
use crate::reports;

const COMMAND: &str = "gatewright gate";

pub(crate) fn gate(context: &Context, args: &GateArgs) -> Result<u8, Failure> {
    // Before anything is spent.
    reports::writable(context, &args.output)?;
    let mut loaded = context.sound()?;
    let start = args.begins.start();
    let (console, now) = (&context.console, &context.now);
    let allowed = &context.global.allow_host;
    let asked = args.asks.asked(None);
    if args.dry_run {
        let budget = &args.budget;
        return dry_run(&mut loaded, start, &asked, allowed, budget, None, console);
    }
    let mut drive = Drive::new(&loaded, allowed, &args.budget, None, COMMAND)?;
    drive.open_for(&mut loaded, start, &asked, console)?;
    let mut session = Session::begin(&mut loaded, start, &asked, now, console, COMMAND)?;
    session.whole()?;
    session.prepare(&loaded, &args.asks, now, console)?;
    session.attempt(&loaded, &mut drive, now, console)?;
    let errors = args.asks.retry_errors;
    let mut left = ask_judges(&loaded, &mut session, &mut drive, errors, now, console)?;
    if session.decided.is_none()
        && !left.blocks(&loaded)
        && confirm(&loaded, &mut session, &mut drive, now, console)?
    {
        // What had no verdict was asked anew once: here only fresh answers are judged.
        left = ask_judges(&loaded, &mut session, &mut drive, false, now, console)?;
    }
    left.tell(console);
    if left.blocks(&loaded) {
        return Err(left.incomplete(COMMAND));
    }
    if !left.is_nothing() {
        console.say_wrapped(
            "the answer does not rest on it: no rule that decides is on what was not judged",
        );
    }
    let mut judged = judge(&loaded, &session, now)?;
    crash::point("judged");
    record(&loaded, &mut session, &judged.view, now, COMMAND)?;
    judged.view.record = Some(on_record(&loaded, &judged.view, now)?);
    reports::write(context, (&loaded, &session), &mut judged, &args.output)?;
    crash::point("report-written");
    context.show(&judged.view)?;
    Ok(exit::of_answer(
        judged.view.answer,
        judged.view.enforce,
        &args.accept.accept,
    ))
}
