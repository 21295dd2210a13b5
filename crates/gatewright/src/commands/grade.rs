//! `gatewright grade`

use std::fmt::Write as _;

use gatewright_core::report::untrusted::{clip, line};
use gatewright_core::report::{behaviour_table, confusion_table};

use crate::args::GradeArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Drive, Left, Session, ask_judges, judge};

const COMMAND: &str = "gatewright grade";
const ASK: &str = "gatewright grade --ask";

pub(crate) fn grade(context: &Context, args: &GradeArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let wanted = args.stored.run.as_deref();
    let (now, console) = (&context.now, &context.console);
    let mut left = Left::default();
    let session = if args.ask {
        let allowed = &context.global.allow_host;
        let mut drive = Drive::new(&loaded, allowed, &args.budget, None, ASK)?;
        let mut session = Session::open(&mut loaded, wanted, now, console, COMMAND)?;
        let errors = args.retry_errors;
        left = ask_judges(&loaded, &mut session, &mut drive, errors, now, console)?;
        session
    } else {
        Session::read(&mut loaded, wanted, now, console, COMMAND)?
    };
    let judged = judge(&loaded, &session, &context.now)?;
    let whole = || {
        judged
            .view
            .tables
            .iter()
            .filter(|cell| cell.slice.values.is_empty())
    };
    if context.console.json {
        let cells: Vec<_> = whole().collect();
        context.console.document(&serde_json::json!({
            "format": "gatewright-grade/1",
            "run": session.name,
            "denominators": judged.view.denominators,
            "criteria": cells,
            "behaviour": judged.view.behaviour,
            "confusion": judged.view.confusion,
        }))?;
        return Ok(exit::SHIP);
    }
    let mut text = format!("Run {}\n", session.name);
    let _ = writeln!(
        text,
        "{:<20} {:<11} {:>6} {:>6} {:>6} {:>7} {:>5} {:>7}",
        "criterion", "system", "units", "pass", "fail", "value", "n/a", "missing"
    );
    for cell in whole() {
        for (role, system) in &cell.systems {
            let missing: u64 = system.missing.values().sum();
            let _ = writeln!(
                text,
                "{:<20} {:<11} {:>6} {:>6} {:>6} {:>7} {:>5} {:>7}",
                clip(&line(&cell.criterion, 60), 20),
                role.word(),
                system.units,
                system.pass,
                system.fail,
                system.value + system.win + system.tie + system.loss,
                system.not_applicable,
                missing
            );
        }
    }
    let tests = behaviour_table(&judged.view, &context.console.options);
    if !tests.is_empty() {
        let _ = writeln!(
            text,
            "\nBehavioural tests: shares of failed cases; of changed labels, right to wrong (−) and wrong to right (+)"
        );
        text.push_str(&tests);
    }
    let done = confusion_table(&judged.view, &context.console.options);
    if !done.is_empty() {
        let _ = writeln!(text, "\n{}", done.trim_end());
    }
    if left.is_nothing() {
        text.push_str("Next: gatewright decide\n");
    }
    context.console.out(&text)?;
    if left.is_nothing() {
        return Ok(exit::SHIP);
    }
    left.tell(ASK, console);
    Ok(exit::INCOMPLETE)
}
