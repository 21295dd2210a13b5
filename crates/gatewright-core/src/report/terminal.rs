//! The closing summary in a terminal: at most 25 lines, plain words, no colour-only meaning.

use crate::decide::Answer;
use crate::manifest::{Enforce, Role};
use crate::report::model::{BehaviourView, EstimateView, ReliabilityView, SegmentView, Unit, View};
use crate::report::untrusted::{clip, columns, line, pad, wrap};
use crate::report::words;
use crate::report::{behaviour, conduct, record};

/// Most lines of the summary.
pub(super) const LINES_MAX: usize = 25;

/// How the terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Columns; taken as at least 40.
    pub width: usize,
    /// Colour may be used, beside words.
    pub colour: bool,
    /// Symbols outside ASCII may be used.
    pub symbols: bool,
}

/// A block of lines, how many of them should and must stay when there are too many, and how soon it gives lines away.
struct Section {
    lines: Vec<String>,
    should: usize,
    must: usize,
    /// Sections with a smaller rank give lines away first.
    rank: u8,
}

/// Shows a view in at most `LINES_MAX` lines, none wider than the terminal.
pub fn terminal(view: &View, options: &TerminalOptions) -> String {
    let width = options.width.max(40);
    // In the order of the summary; `must` adds up to no more than the limit.
    let mut sections = vec![
        section(head(view, width), (6, 5), 9),
        section(
            labelled("Override", &record::overrides(view), width),
            (4, 1),
            9,
        ),
        section(rules(view, width), (2, 2), 8),
        section(segments(view, width), (6, 3), 4),
        section(classes(view, width), (4, 3), 3),
        section(reliability(view, width), (3, 0), 3),
        section(behaviour::table(&first_tests(view), width), (4, 0), 3),
        section(
            labelled("Traded", view.trade_offs.as_slice(), width),
            (2, 1),
            6,
        ),
        section(counted(view, width), (3, 2), 7),
        section(labelled("Needed", &view.needs, width), (2, 2), 5),
        section(labelled("To do", &work(view), width), (2, 1), 1),
        section(labelled("Not seen", &unseen(view), width), (2, 2), 2),
        section(
            labelled("Decided", &last(record::decisions(view)), width),
            (1, 0),
            5,
        ),
        section(log(view, width), (1, 1), 9),
        section(next(view, width), (2, 2), 10),
    ];
    fit(&mut sections);
    let mut text = String::new();
    for (index, line) in sections
        .iter()
        .flat_map(|section| &section.lines)
        .enumerate()
    {
        let line = if options.symbols {
            line.clone()
        } else {
            ascii(line)
        };
        match index {
            0 if options.colour => text.push_str(&coloured(view, &line)),
            _ => text.push_str(&line),
        }
        text.push('\n');
    }
    text
}

/// Most behavioural tests in the summary.
const TESTS_MAX: usize = 5;

/// The behavioural tests that fail most; those that nothing fails are no news.
fn first_tests(view: &View) -> Vec<&BehaviourView> {
    let mut rows = behaviour::worst_first(view);
    rows.retain(|row| row.systems.values().any(|cases| cases.failures > 0));
    rows.truncate(TESTS_MAX);
    rows
}

/// Shows every behavioural test of a view, none of the lines wider than the terminal; nothing when there are none.
pub fn behaviour_table(view: &View, options: &TerminalOptions) -> String {
    let rows: Vec<&BehaviourView> = view.behaviour.iter().collect();
    plain(behaviour::table(&rows, options.width.max(40)), options)
}

/// Shows what was expected against what was done; nothing when no criterion looks at behaviour.
pub fn confusion_table(view: &View, options: &TerminalOptions) -> String {
    plain(conduct::table(view, options.width.max(40)), options)
}

fn plain(lines: Vec<String>, options: &TerminalOptions) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&match options.symbols {
            true => line,
            false => ascii(&line),
        });
        text.push('\n');
    }
    text
}

fn section(lines: Vec<String>, (should, must): (usize, usize), rank: u8) -> Section {
    Section {
        lines,
        should,
        must,
        rank,
    }
}

/// Takes lines away until the summary fits: in the order of rank, first what should stay is spared, then what must.
fn fit(sections: &mut [Section]) {
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|&index| sections[index].rank);
    for strict in [false, true] {
        for &index in &order {
            let total: usize = sections.iter().map(|section| section.lines.len()).sum();
            let over = total.saturating_sub(LINES_MAX);
            let section = &mut sections[index];
            let keep = if strict { section.must } else { section.should };
            let spare = section.lines.len().saturating_sub(keep);
            if over == 0 || spare == 0 {
                continue;
            }
            section
                .lines
                .truncate(section.lines.len() - spare.min(over));
            if let Some(last) = section.lines.last_mut() {
                "  … more in gatewright report".clone_into(last);
            }
        }
    }
}

fn head(view: &View, width: usize) -> Vec<String> {
    let would = match view.enforce {
        Enforce::Block => "",
        Enforce::Advise | Enforce::Observe => "WOULD ",
    };
    let mut text = format!("{would}{}", line(&view.sentence, 600));
    for follow in &view.follows {
        text.push(' ');
        text.push_str(&line(follow, 400));
    }
    let mut lines = wrap(&text, width, 0);
    match view.enforce {
        Enforce::Block => {}
        Enforce::Advise => {
            lines.push("Advice only (enforce: advise): the exit code is 0.".to_owned())
        }
        Enforce::Observe => {
            lines.push("Observing (enforce: observe): the exit code is 0.".to_owned())
        }
    }
    lines
}

/// The rules that fired and where they stand on the page.
fn rules(view: &View, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let fired: Vec<_> = view
        .fired
        .iter()
        .filter_map(|index| view.findings.get(*index))
        .collect();
    if let Some(first) = fired.first() {
        let missing = match first.missing {
            0 => String::new(),
            more => format!(", {} missing", words::count(more)),
        };
        let text = format!(
            "Rule: {} ({}, {}), n {}, effective n {}{missing}",
            line(&first.rule, 60),
            first.verb.word(),
            line(&first.at, 60),
            words::count(first.n),
            words::short(first.n_eff, 0),
        );
        lines.extend(wrap(&text, width, 2));
    }
    if fired.len() > 1 {
        let rest: Vec<String> = fired[1..]
            .iter()
            .map(|finding| {
                format!(
                    "{} in {}",
                    line(&finding.rule, 60),
                    line(&finding.slice.words, 60)
                )
            })
            .collect();
        lines.extend(
            wrap(&format!("Also: {}", rest.join("; ")), width, 2)
                .into_iter()
                .take(2),
        );
    }
    lines
}

fn segments(view: &View, width: usize) -> Vec<String> {
    let rows = chosen_segments(view);
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let one_criterion = rows.iter().all(|row| row.criterion == first.criterion);
    let title = match one_criterion {
        true => format!("Changed on {}", line(&first.criterion, 40)),
        false => "Changed".to_owned(),
    };
    let place = width.saturating_sub(59).clamp(12, 40);
    // There is room for the first words of what the numbers are.
    let short = |row: &SegmentView| {
        let note = row.note.as_deref()?;
        Some(note.trim_end_matches(", not corrected").to_owned())
    };
    let alike = rows.iter().all(|row| row.note == first.note);
    let change = match short(first).filter(|_| alike) {
        Some(note) => format!("95 % change ({note})"),
        None => "change (95 % interval)".to_owned(),
    };
    let mut lines = vec![format!(
        "  {} {:>5}  {:>10}  {:>9}  {change}",
        pad(&title, place),
        "n",
        "production",
        "candidate"
    )];
    for row in rows {
        let mark = match row.net {
            net if net < -1e-9 => '▼',
            net if net > 1e-9 => '▲',
            _ => '·',
        };
        let value = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| words::amount(row.unit, value))
        };
        let mut name = line(&row.slice.words, 60);
        if !one_criterion {
            name = format!("{name}, {}", line(&row.criterion, 30));
        }
        if let Some(note) = short(row).filter(|_| !alike) {
            name = format!("{name} ({note})");
        }
        lines.push(format!(
            "{mark} {} {:>5}  {:>10}  {:>9}  {}",
            pad(&name, place),
            words::count(row.n),
            value(row.production),
            value(row.candidate),
            difference(row.unit, row.difference.as_ref()),
        ));
    }
    lines.iter().map(|row| clip(row, width)).collect()
}

/// Where a rule fired with the average beside it, the largest losses, the largest gains: of the criteria that decide.
fn chosen_segments(view: &View) -> Vec<&SegmentView> {
    let decides = |row: &SegmentView| {
        view.findings
            .iter()
            .any(|finding| finding.deciding && finding.subject == row.criterion)
    };
    let mut rows: Vec<&SegmentView> = view
        .segments
        .iter()
        .filter(|row| row.fired)
        .take(3)
        .collect();
    let fired: Vec<String> = rows.iter().map(|row| row.criterion.clone()).collect();
    let same = |row: &SegmentView| fired.is_empty() || fired.contains(&row.criterion);
    let whole = |row: &SegmentView| row.slice.values.is_empty();
    // A dimension with one value says the same as all examples.
    let repeats = |row: &SegmentView| {
        let mut all = view.segments.iter().filter(|one| whole(one));
        !whole(row) && all.any(|one| one.criterion == row.criterion && one.n == row.n)
    };
    let others: Vec<&SegmentView> = view
        .segments
        .iter()
        .filter(|row| !row.fired && decides(row) && same(row) && !repeats(row))
        .collect();
    // A better average over a broken segment is the thing to see.
    rows.extend(others.iter().filter(|row| whole(row)).take(1));
    let lost = others.iter().filter(|row| row.net < -1e-9 && !whole(row));
    rows.extend(lost.take(2));
    let gained = others
        .iter()
        .rev()
        .filter(|row| row.net > 1e-9 && !whole(row));
    rows.extend(gained.take(2));
    rows
}

/// `−20.8 pts (−38 to −4)`.
fn difference(unit: Unit, estimate: Option<&EstimateView>) -> String {
    let Some(estimate) = estimate else {
        return "no interval".to_owned();
    };
    let show = |value: f64| match unit {
        Unit::Share => format!(
            "{}{}",
            words::sign(value),
            words::short(value.abs() * 100.0, 1)
        ),
        other => words::change(other, value),
    };
    let bound = |bound: Option<f64>| bound.map_or_else(|| "?".to_owned(), show);
    let points = if unit == Unit::Share { " pts" } else { "" };
    format!(
        "{}{points} ({} to {})",
        show(estimate.point),
        bound(estimate.lower),
        bound(estimate.upper)
    )
}

/// pass^k in both readings, where a rule rests on it.
fn reliability(view: &View, width: usize) -> Vec<String> {
    let gated = |criterion: &str| {
        view.findings
            .iter()
            .any(|finding| finding.subject == criterion && finding.metric.starts_with("pass^"))
    };
    let mut lines = Vec::new();
    for first in view
        .reliability
        .iter()
        .filter(|row| row.k == 1 && gated(&row.criterion))
    {
        let of: Vec<_> = view
            .reliability
            .iter()
            .filter(|row| row.criterion == first.criterion && row.system == first.system)
            .collect();
        let shares = |reading: fn(&ReliabilityView) -> Option<f64>| {
            of.iter()
                .map(|row| {
                    reading(row).map_or_else(|| "-".to_owned(), |value| words::short(value, 4))
                })
                .collect::<Vec<_>>()
                .join(", ")
        };
        let text = format!(
            "{} {}, 1 to {} uses in a row all work: {} (ungraded missing), {} (ungraded counted as failed); {}",
            first.system.word(),
            line(&first.criterion, 40),
            of.len(),
            shares(|row| row.ungraded_missing.value),
            shares(|row| row.ungraded_failed.value),
            first.gates,
        );
        lines.extend(labelled("In a row", &[text], width));
    }
    lines
}

fn classes(view: &View, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let place = width.saturating_sub(59).clamp(12, 40);
    for class in view.classes.iter().take(4) {
        let of = |role: Role| {
            let count = class.examples.get(&role).copied();
            count.map_or_else(|| "-".to_owned(), words::count)
        };
        let contact = class
            .owner
            .contact
            .as_deref()
            .map(|contact| format!(" {}", line(contact, 40)));
        lines.push(format!(
            "  {} {:>5}  {:>10}  {:>9}  {}{}",
            pad(&words::class(&line(&class.class, 60), 2), place),
            words::count(view.reference.active),
            of(Role::Production),
            of(Role::Candidate),
            line(&class.owner.name, 60),
            contact.unwrap_or_default(),
        ));
    }
    if !lines.is_empty() {
        let header = format!(
            "  {:<place$} {:>5}  {:>10}  {:>9}  owner",
            "Examples failing as", "n", "production", "candidate"
        );
        lines.insert(0, header);
    }
    lines.iter().map(|row| clip(row, width)).collect()
}

fn counted(view: &View, width: usize) -> Vec<String> {
    let parts: Vec<String> = view
        .denominators
        .iter()
        .map(|row| {
            let missing = row
                .missing
                .iter()
                .map(|(reason, count)| format!("{} {reason}", words::count(*count)));
            let some = |count: u64, what: &str| {
                (count > 0).then(|| format!("{} {what}", words::count(count)))
            };
            let late = some(row.timed_out, "too late");
            let reused = some(row.reused, "reused");
            let aside: Vec<String> = late.into_iter().chain(missing).chain(reused).collect();
            let missing = if aside.is_empty() {
                String::new()
            } else {
                format!(" ({})", aside.join(", "))
            };
            format!(
                "{} {} of {}{missing}",
                row.system.word(),
                words::count(row.answered),
                words::count(row.planned)
            )
        })
        .collect();
    let mut evidence: Vec<String> = view
        .reference
        .kinds
        .iter()
        .map(|(kind, count)| format!("{} {}", words::count(*count), kind.word()))
        .collect();
    if evidence.is_empty() {
        evidence.push("no example".to_owned());
    }
    if view.run.sealed != "sealed before the first outcome" {
        evidence.push(view.run.sealed.clone());
    }
    let mut lines = labelled("Answered", &[parts.join(", ")], width);
    lines.extend(labelled("Note", &view.run.notes, width));
    let aside = words::set_aside(view.reference.quarantined, view.reference.retired);
    let (asked, label) = (evidence.join(", "), "Examples");
    let evidence: Vec<String> = match aside {
        // On the same line where it fits.
        Some(aside) if columns(&format!("{label}: {asked}; {aside}")) <= width => {
            vec![format!("{asked}; {aside}")]
        }
        aside => [asked].into_iter().chain(aside).collect(),
    };
    lines.extend(labelled(label, &evidence, width));
    lines
}

fn work(view: &View) -> Vec<String> {
    view.work_items
        .iter()
        .take(2)
        .map(|item| format!("{}: {}", line(&item.owner.name, 60), line(&item.what, 300)))
        .collect()
}

fn unseen(view: &View) -> Vec<String> {
    view.judge_notes
        .iter()
        .chain(&view.unseen)
        .cloned()
        .collect()
}

/// Where the project's log stands: whoever keeps this line can find out later whether the log was cut or put back.
fn log(view: &View, width: usize) -> Vec<String> {
    let checkpoint = view
        .record
        .iter()
        .filter_map(|record| record.checkpoint.as_deref());
    checkpoint
        .map(|at| clip(&format!("Log: {at}"), width.max(80)))
        .collect()
}

/// Keeps the last one.
fn last(mut lines: Vec<String>) -> Vec<String> {
    let keep = lines.len().saturating_sub(1);
    lines.split_off(keep)
}

fn next(view: &View, width: usize) -> Vec<String> {
    wrap(&format!("Next: {}", line(&view.next, 300)), width, 6)
}

/// Lines behind a label; further entries are indented.
fn labelled(label: &str, entries: &[String], width: usize) -> Vec<String> {
    let indent = label.len() + 2;
    let mut lines = Vec::new();
    for entry in entries {
        let lead = if lines.is_empty() {
            format!("{label}: ")
        } else {
            " ".repeat(indent)
        };
        let body = wrap(&line(entry, 400), width - indent, 0);
        for (index, text) in body.into_iter().enumerate() {
            let lead = if index == 0 {
                lead.clone()
            } else {
                " ".repeat(indent)
            };
            lines.push(format!("{lead}{text}"));
        }
    }
    lines
}

/// Replaces our symbols one for one.
fn ascii(text: &str) -> String {
    text.chars()
        .map(|one| match one {
            '−' => '-',
            '…' => '~',
            '▼' => '-',
            '▲' => '+',
            '·' | '⏎' => ' ',
            '∞' => '?',
            one => one,
        })
        .collect()
}

/// Colours the answer word, which stands before the first colon.
fn coloured(view: &View, line: &str) -> String {
    let code = match view.answer {
        Answer::Ship => "1;32",
        Answer::Narrow | Answer::NotEnoughEvidence => "1;33",
        Answer::Hold | Answer::Repair | Answer::Rollback => "1;31",
    };
    match line.split_once(':') {
        Some((word, rest)) => format!("\u{1b}[{code}m{word}\u{1b}[0m:{rest}"),
        None => line.to_owned(),
    }
}
