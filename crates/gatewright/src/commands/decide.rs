//! `gatewright decide`

use crate::args::DecideArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Session, judge, on_record, record, refuse_changed};

const COMMAND: &str = "gatewright decide";

pub(crate) fn decide(context: &Context, args: &DecideArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let mut session = Session::read(
        &mut loaded,
        args.stored.run.as_deref(),
        &context.now,
        &context.console,
        "gatewright decide",
    )?;
    session.whole()?;
    refuse_changed(&loaded, &session)?;
    let undecided = session.decided.is_none();
    if undecided {
        session = Session::open(
            &mut loaded,
            Some(&session.name),
            &context.now,
            &context.console,
            COMMAND,
        )?;
    }
    let mut judged = judge(&loaded, &session, &context.now)?;
    if undecided {
        record(&loaded, &mut session, &judged.view, &context.now, COMMAND)?;
    }
    judged.view.record = Some(on_record(&loaded, &judged.view, &context.now)?);
    context.show(&judged.view)?;
    Ok(exit::of_answer(
        judged.view.answer,
        judged.view.enforce,
        &args.accept.accept,
    ))
}
