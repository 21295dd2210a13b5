//! `gatewright report`

use gatewright_core::report::markdown;

use crate::args::ReportArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Session, UNASKED_MAX, judge, on_record, stable};
use crate::reports;

pub(crate) fn report(context: &Context, args: &ReportArgs) -> Result<u8, Failure> {
    reports::writable(context, &args.output)?;
    let mut loaded = context.sound()?;
    let session = Session::read(
        &mut loaded,
        args.stored.run.as_deref(),
        &context.now,
        &context.console,
        "gatewright report",
    )?;
    session.whole()?;
    let mut judged = judge(&loaded, &session, &context.now)?;
    judged.view.record = Some(on_record(&loaded, &judged.view, &context.now)?);
    let examples = loaded.reference.examples.len();
    if args.stability || args.output.output.is_empty() {
        judged.view.stability = stable(&loaded, &session, &judged, args.stability)?;
    }
    if judged.view.stability.is_none() && judged.view.invalid.is_empty() && examples > UNASKED_MAX {
        context.console.detail(
            "how stable the answer is takes a while for so many examples: --stability computes it",
        );
    }
    reports::write(context, (&loaded, &session), &mut judged, &args.output)?;
    if context.console.json {
        context.console.document(&judged.view)?;
    } else if args.output.output.is_empty() {
        context.console.out(&markdown(&judged.view))?;
    } else {
        for path in &args.output.output {
            context.console.note(&format!("wrote {}", path.display()));
        }
    }
    Ok(exit::SHIP)
}
