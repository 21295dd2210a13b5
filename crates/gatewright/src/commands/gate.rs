//! `gatewright gate`

use crate::args::GateArgs;
use crate::commands::{Context, extension, writable};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Session, Start, confirm, judge, record};

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
    let asked = args.asks.asked(None);
    let mut session = Session::begin(&mut loaded, start, &asked, now, console, COMMAND)?;
    session.whole()?;
    session.prepare(&loaded, &args.asks, now, console)?;
    session.attempt(&loaded, now, console)?;
    confirm(&loaded, &mut session, now, console)?;
    let judged = judge(&loaded, &session, now)?;
    record(&loaded, &mut session, &judged.view, now, COMMAND)?;
    context.write_reports(&judged.view, &args.output.output)?;
    context.show(&judged.view)?;
    Ok(exit::of_answer(
        judged.view.answer,
        judged.view.enforce,
        &args.accept.accept,
    ))
}
