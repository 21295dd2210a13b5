//! GitHub workflow commands: the rules that fired, then failure classes, at the lines they are about.
//!
//! A step shows at most ten annotations of a kind, so classes stand for their examples and the last line says how many more there are.

use std::fmt::Write as _;

use crate::decide::Answer;
use crate::manifest::Role;
use crate::report::model::{FindingView, StandingWord, View};
use crate::report::record::overrides;
use crate::report::untrusted::line;
use crate::report::words;

/// Most annotations of one kind in one step.
pub const ANNOTATIONS_MAX: usize = 10;
/// Most characters of one message.
const MESSAGE_CHARS: usize = 500;

/// Returns workflow commands, one a line, at most [`ANNOTATIONS_MAX`]; `page` is the page's path from the root of the checkout.
pub fn annotations(view: &View, page: &str) -> String {
    let mut all = vec![decision(view, page)];
    for one in overrides(view) {
        all.push(command("warning", page, 0, 0, "override in force", &one));
    }
    let fired = view.fired.iter().filter_map(|it| view.findings.get(*it));
    all.extend(fired.map(|it| of_finding(it, page)));
    for class in &view.classes {
        let more = class.change.and_then(|change| u64::try_from(change).ok());
        let Some(more) = more.filter(|more| *more > 0) else {
            continue;
        };
        let of = |role| words::count(class.examples.get(&role).copied().unwrap_or(0));
        let text = format!(
            "{} {} more than production: {} of {}, production {} (counts of these examples, so no interval). Repair: {}. Owner: {}",
            words::count(more),
            words::class(&class.class, more),
            of(Role::Candidate),
            words::counted(view.reference.active, "example"),
            of(Role::Production),
            class.repair,
            class.owner.name,
        );
        all.push(command("warning", page, 0, 0, &class.class, &text));
    }
    let more = all.len().saturating_sub(ANNOTATIONS_MAX);
    let mut out = String::new();
    if more > 0 {
        // The last place says what is left out, itself among what it counts.
        all.truncate(ANNOTATIONS_MAX - 1);
        let text = format!("{} more are in the report", more + 1);
        all.push(command("notice", page, 0, 0, "gatewright", &text));
    }
    for one in all {
        let _ = writeln!(out, "{one}");
    }
    out
}

fn decision(view: &View, page: &str) -> String {
    let kind = match view.answer {
        Answer::Ship => "notice",
        Answer::Narrow | Answer::NotEnoughEvidence => "warning",
        Answer::Hold | Answer::Repair | Answer::Rollback => "error",
    };
    let mut text = view.sentence.clone();
    for follow in &view.follows {
        text.push(' ');
        text.push_str(follow);
    }
    command(
        kind,
        page,
        0,
        0,
        &format!("gatewright: {}", view.answer.word()),
        &text,
    )
}

fn of_finding(finding: &FindingView, page: &str) -> String {
    let kind = match finding.standing {
        StandingWord::Violated => "error",
        _ => "warning",
    };
    let mut place = finding.at.rsplitn(3, ':');
    let mut number = || place.next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let (column, row) = (number(), number());
    let title = format!(
        "{} {}: {}",
        finding.rule,
        finding.standing.word(),
        finding.slice.words
    );
    let text = format!(
        "{}. Owner: {}. It rests on {}",
        finding.sentence, finding.owner.name, finding.rests_on
    );
    command(kind, page, row, column, &title, &text)
}

fn command(kind: &str, file: &str, row: u32, column: u32, title: &str, text: &str) -> String {
    let mut at = format!("file={}", property(file));
    if row > 0 {
        let _ = write!(at, ",line={row},col={column}");
    }
    let title = property(&line(title, 200));
    let text = data(&line(text, MESSAGE_CHARS));
    format!("::{kind} {at},title={title}::{text}")
}

/// A message: per cent, carriage return and line feed are escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property: colons and commas too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
