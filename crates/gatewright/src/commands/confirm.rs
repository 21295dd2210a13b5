//! `gatewright confirm`

use gatewright_core::report::words::counted;

use crate::args::ConfirmArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Drive, Session, confirm as confirm_run};

pub(crate) fn confirm(context: &Context, args: &ConfirmArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let (console, now) = (&context.console, &context.now);
    let mut session = Session::open(
        &mut loaded,
        args.stored.run.as_deref(),
        now,
        console,
        "gatewright confirm",
    )?;
    session.whole()?;
    if !session.same_plan {
        return Err(
            Failure::usage(format!("run {} is not of this page any more", session.name))
                .why("examples, systems, trials or seed changed")
                .next("gatewright gate"),
        );
    }
    let allowed = &context.global.allow_host;
    let command = "gatewright confirm";
    let mut drive = Drive::new(&loaded, allowed, &args.budget, None, command)?;
    session.attempt(&loaded, &mut drive, now, console)?;
    let ran = confirm_run(&loaded, &mut session, &mut drive, now, console)?;
    let fresh = session
        .plan
        .confirmations
        .iter()
        .map(|round| round.examples.len())
        .sum::<usize>();
    if console.json {
        console.document(&serde_json::json!({
            "format": "gatewright-confirm/1",
            "run": session.name,
            "confirmed_now": ran,
            "examples": fresh,
            "next": "gatewright decide",
        }))?;
    } else if ran {
        console.out(&format!(
            "Run {}: {} run again.\nNext: gatewright decide\n",
            session.name,
            were(fresh)
        ))?;
    } else if fresh > 0 {
        console.out(&format!(
            "Run {}: what tripped was confirmed already: {} run again.\nNext: gatewright decide\n",
            session.name,
            were(fresh)
        ))?;
    } else {
        console.out(&format!(
            "Run {}: nothing tripped that fresh trials could settle.\nNext: gatewright decide\n",
            session.name
        ))?;
    }
    Ok(exit::SHIP)
}

fn were(examples: usize) -> String {
    let was = if examples == 1 { "was" } else { "were" };
    format!("{} {was}", counted(examples as u64, "example"))
}
