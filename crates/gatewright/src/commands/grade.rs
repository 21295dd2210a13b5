//! `gatewright grade`

use std::fmt::Write as _;

use gatewright_core::report::untrusted::{clip, line, wrap};
use gatewright_core::report::{View, behaviour_table, confusion_table};

use crate::args::GradeArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Drive, Left, Session, Without, ask_judges, judge, without_verdict};

const COMMAND: &str = "gatewright grade";
const ASK: &str = "gatewright grade --ask";
/// Reasons that are shown of each criterion.
const REASONS_SHOWN: usize = 3;

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
    let without = without_verdict(&loaded, &session)?;
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
            "without_verdict": without,
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
    text.push_str(&reasons(&without, context.console.options.width));
    if left.is_nothing() {
        text.push_str(&next(&judged.view, context.console.options.width));
    }
    context.console.out(&text)?;
    if left.is_nothing() {
        return Ok(exit::SHIP);
    }
    left.tell(console);
    Err(left.incomplete(ASK))
}

/// The next step: to decide, but not what cannot decide.
fn next(view: &View, width: usize) -> String {
    let mut rows = Vec::new();
    for why in &view.invalid {
        rows.extend(wrap(&format!("This run cannot decide: {why}"), width, 2));
    }
    let next = match view.invalid.is_empty() {
        true => "gatewright decide",
        false => view.next.as_str(),
    };
    rows.push(format!("Next: {next}\n"));
    rows.join("\n")
}

/// Says why verdicts of judges and programs are missing: by criterion, the most frequent reasons.
fn reasons(without: &[Without], width: usize) -> String {
    let mut text = String::new();
    let mut put = |line: &str, indent: usize| {
        for row in wrap(line, width, indent) {
            text.push_str(&row);
            text.push('\n');
        }
    };
    if !without.is_empty() {
        put("Without a verdict of a judge or program:", 0);
    }
    for of_one in without.chunk_by(|a, b| a.criterion == b.criterion) {
        for one in of_one.iter().take(REASONS_SHOWN) {
            let said = format!(
                "  {}: {}, such as {}: {}",
                line(&one.criterion, 60),
                one.count,
                line(&one.example, 60),
                one.reason
            );
            put(&said, 6);
            put(&format!("    try: {}", one.next), 9);
        }
        let rest = of_one.iter().skip(REASONS_SHOWN);
        let more: u64 = rest.clone().map(|one| one.count).sum();
        if more > 0 {
            put(
                &format!(
                    "    and {more} for {} other reasons: --json has all",
                    rest.count()
                ),
                6,
            );
        }
    }
    text
}
