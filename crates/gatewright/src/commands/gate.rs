//! `gatewright gate`

use gatewright_core::decide::Answer;

use crate::args::GateArgs;
use crate::commands::{Context, extension, writable};
use crate::crash;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{
    Drive, Session, Start, ask_judges, confirm, dry_run, judge, on_record, record,
};

const COMMAND: &str = "gatewright gate";

pub(crate) fn gate(context: &Context, args: &GateArgs) -> Result<u8, Failure> {
    for path in &args.output.output {
        // Before anything is spent.
        extension(path)?;
        writable(&context.here.join(path), path)?;
    }
    let mut loaded = context.sound()?;
    let start = if args.fresh {
        Start::Fresh
    } else {
        Start::Resume
    };
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
        && left.is_nothing()
        && confirm(&loaded, &mut session, &mut drive, now, console)?
    {
        left = ask_judges(&loaded, &mut session, &mut drive, errors, now, console)?;
    }
    let mut judged = judge(&loaded, &session, now)?;
    crash::point("judged");
    if left.is_nothing() {
        record(&loaded, &mut session, &judged.view, now, COMMAND)?;
    }
    judged.view.record = Some(on_record(&loaded, &judged.view, now)?);
    context.write_reports(&judged.view, &args.output.output)?;
    crash::point("report-written");
    context.show(&judged.view)?;
    if !left.is_nothing() {
        left.tell(COMMAND, console);
        // Whatever the rest says, nothing is decided while judgements are missing.
        if judged.view.answer != Answer::NotEnoughEvidence {
            return Ok(exit::INCOMPLETE);
        }
    }
    Ok(exit::of_answer(
        judged.view.answer,
        judged.view.enforce,
        &args.accept.accept,
    ))
}
