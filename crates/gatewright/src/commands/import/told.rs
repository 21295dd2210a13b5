//! What an import says on the terminal: a table of what is there, what is not, and what to type next.

use gatewright_core::interop::files::{Counts, Summary};
use gatewright_core::interop::pair::Unpaired;
use gatewright_core::report::untrusted::{clip, line, pad, wrap};

use crate::commands::Context;
use crate::error::Failure;

/// Names that are shown; the rest is in the summary file.
const NAMED: usize = 6;
/// Lines of verdicts that are shown.
const LINES: usize = 10;

pub(super) fn tell(
    context: &Context,
    summary: &Summary<'_>,
    parts: Option<&str>,
) -> Result<(), Failure> {
    let width = context.console.options.width;
    let mut rows: Vec<String> = Vec::new();
    let mut say = |line: &str| rows.extend(wrap(line, width, 2));
    let versions = summary.files.iter().find_map(|file| file.version);
    let of = versions.map_or_else(
        || summary.tool.to_owned(),
        |version| format!("{} {version}", summary.tool),
    );
    let known = match summary.known {
        0 => String::new(),
        known => format!(" ({known} of them in the page already)"),
    };
    say(&format!(
        "{of}: {}{known}",
        counted(summary.examples as u64, "example")
    ));
    for ours in summary.ours {
        let without = match ours.examples_without {
            0 => String::new(),
            count => format!(", {} without an answer of it", counted(count, "example")),
        };
        let errors = match ours.errors {
            0 => "no error".to_owned(),
            some => format!("{} (missing)", counted(some, "error")),
        };
        say(&format!(
            "{} {}: {}, {} answered, {errors}{without}",
            ours.role,
            clip(&ours.system, 40),
            counted(ours.attempts, "attempt"),
            ours.answered,
        ));
    }
    // A table keeps its blanks.
    rows.extend(verdicts(summary, width));
    let mut say = |line: &str| rows.extend(wrap(line, width, 2));
    for theirs in compared(summary) {
        say(&theirs);
    }
    if let Some(line) = unpaired(summary) {
        say(&line);
    }
    for (system, rows) in &summary.left_out {
        say(&format!(
            "Left out: {}, {}",
            clip(system, 60),
            counted(*rows as u64, "answer")
        ));
    }
    for note in &summary.notes {
        say(&format!("Note: {note}"));
    }
    let last = summary.wrote.last().map_or("", String::as_str);
    let folder = last.rsplit_once('/').map_or("", |(folder, _)| folder);
    match parts {
        Some(_) => say(&format!(
            "Wrote {folder}/. Put what {folder}/page-parts.yaml says into the page. Next:"
        )),
        None => say(&format!("Wrote gatewright.yaml and {folder}/. Next:")),
    }
    rows.push("  gatewright check".to_owned());
    rows.push("  gatewright gate\n".to_owned());
    context.console.out(&rows.join("\n"))
}

/// Names the first examples without a partner.
fn unpaired(summary: &Summary<'_>) -> Option<String> {
    let count = summary.unpaired.len();
    let one = |one: &Unpaired| {
        format!(
            "{} ({} only)",
            line(&one.example, 40),
            one.only.join(" and ")
        )
    };
    let names: Vec<String> = summary.unpaired.iter().take(NAMED).map(one).collect();
    let more = match count.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", … {more} more in import.json"),
    };
    let all = counted(count as u64, "example");
    (count > 0).then(|| format!("Unpaired: {all}: {}{more}", names.join(", ")))
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A line for each role and criterion: where every verdict ended.
fn verdicts(summary: &Summary<'_>, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let name = width.saturating_sub(54).clamp(16, 40);
    let line = |role: &str, criterion: &str, cells: [String; 5]| {
        let [pass, fail, numbers, no_answer, no_verdict] = cells;
        format!(
            "{}{}{pass:>6}{fail:>6}{numbers:>8}{no_answer:>11}{no_verdict:>12}",
            pad(role, 11),
            pad(&clip(criterion, name), name)
        )
    };
    for ours in summary.ours {
        for (criterion, counts) in &ours.criteria {
            lines.push(line(ours.role, criterion, cells(counts)));
        }
    }
    if lines.is_empty() {
        return lines;
    }
    let hidden = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    if hidden > 0 {
        lines.push(format!(
            "… {} in import.json",
            counted(hidden as u64, "more line")
        ));
    }
    let head = ["pass", "fail", "numbers", "no answer", "no verdict"].map(str::to_owned);
    lines.insert(0, line("", "", head));
    lines
}

fn cells(counts: &Counts) -> [String; 5] {
    [
        counts.pass,
        counts.fail,
        counts.numbers,
        counts.no_answer,
        counts.no_verdict,
    ]
    .map(|count| count.to_string())
}

/// The tool's own figures beside ours, where it has any.
fn compared(summary: &Summary<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for ours in summary.ours {
        for theirs in &summary.theirs {
            let all = theirs.of == "tests" || theirs.of == "test cases";
            if theirs.system != ours.system
                && !ours.system.starts_with(&format!("{} (", theirs.system))
            {
                continue;
            }
            if lines.len() >= LINES {
                return lines;
            }
            let figures: Vec<String> = theirs
                .figures
                .iter()
                .map(|(word, value)| format!("{word} {}", figure(*value)))
                .collect();
            if figures.is_empty() {
                continue;
            }
            let mut line = format!(
                "{} says of {}, {}: {}",
                summary.tool,
                clip(&theirs.system, 40),
                theirs.of,
                figures.join(", ")
            );
            if all {
                line.push_str(&format!(
                    "; here: pass {}, fail {}, missing {} ({} without an answer, {} without a verdict)",
                    ours.all.pass,
                    ours.all.fail,
                    ours.all.no_answer + ours.all.no_verdict,
                    ours.all.no_answer,
                    ours.all.no_verdict
                ));
                if ours.not_judged > 0 {
                    line.push_str(&format!(", {} that nothing judges", ours.not_judged));
                }
            }
            lines.push(line);
        }
    }
    lines
}

fn figure(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value}")
    } else {
        format!("{value:.3}")
    }
}
