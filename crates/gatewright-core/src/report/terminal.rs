//! The closing summary in a terminal: at most 25 lines, plain words, no colour-only meaning.

mod fit;
mod tables;

use self::fit::{HEAD, Section, fit};
use self::tables::Columns;
use crate::decide::Answer;
use crate::manifest::Enforce;
use crate::outcome::Missing;
use crate::report::model::{BehaviourView, FindingView, ReliabilityView, View, WorkItemView};
use crate::report::untrusted::{clip, columns, line, wrap};
use crate::report::{behaviour, conduct, record, words};

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

/// Shows a view in at most `LINES_MAX` lines, none wider than the terminal.
pub fn terminal(view: &View, options: &TerminalOptions) -> String {
    let width = options.width.max(40);
    let mut sections = sections(view, width);
    fit(&mut sections, LINES_MAX);
    let mut lines: Vec<String> = sections.iter().flat_map(Section::lines).cloned().collect();
    if let Some(more) = fit::more(&sections, width) {
        // In front of the log and the next command, which end the summary.
        let behind: usize = sections
            .iter()
            .rev()
            .take(2)
            .map(|one| one.lines().count())
            .sum();
        lines.insert(lines.len() - behind, more);
    }
    written(view, lines, options)
}

/// Shows the answer alone, with what follows from it.
pub fn answer(view: &View, options: &TerminalOptions) -> String {
    let lines = head(view, options.width.max(40)).into_iter().flatten();
    written(view, lines.collect(), options)
}

/// Puts lines together as the terminal can show them.
fn written(view: &View, lines: Vec<String>, options: &TerminalOptions) -> String {
    let mut text = String::new();
    for (index, line) in lines.into_iter().enumerate() {
        let line = if options.symbols { line } else { ascii(&line) };
        match index {
            0 if options.colour => text.push_str(&coloured(view, &line)),
            _ => text.push_str(&line),
        }
        text.push('\n');
    }
    text
}

/// The sections in the order of the summary; what must stay adds up to no more than the limit where names are of a usual length.
fn sections(view: &View, width: usize) -> Vec<Section> {
    let whole = |lines: Vec<String>| lines.into_iter().map(|line| vec![line]).collect();
    let reason = ("reason", "reasons");
    let count = ("count", "counts");
    let room = Columns::of(view, width);
    let mut sections = vec![
        Section::new(head(view, width), (2, 1), HEAD, reason),
        Section::new(
            labelled("Override", &record::overrides(view), width),
            (2, 1),
            HEAD,
            ("override", "overrides"),
        ),
        Section::new(rules(view, width), (2, 1), 8, ("rule", "rules")),
    ];
    sections.extend(tables::segments(view, &room));
    sections.extend(tables::classes(view, &room));
    sections.extend([
        Section::new(
            reliability(view, width),
            (1, 0),
            3,
            ("reliability", "reliabilities"),
        ),
        Section::new(
            whole(behaviour::table(&first_tests(view), width)),
            (4, 0),
            3,
            ("behaviour", "behaviours"),
        ),
        Section::new(
            labelled("Traded", view.trade_offs.as_slice(), width),
            (1, 1),
            5,
            ("trade-off", "trade-offs"),
        ),
        Section::new(counted(view, width), (3, 2), 5, count),
        Section::new(examples(view, width), (1, 1), 5, count),
        Section::new(
            labelled("Needed", &needs(view), width),
            (2, 1),
            6,
            ("need", "needs"),
        ),
        Section::new(
            labelled("To do", &work(view), width),
            (3, 1),
            7,
            ("work item", "work items"),
        ),
        Section::new(
            labelled("Not seen", &unseen(view), width),
            (2, 1),
            2,
            ("limit", "limits"),
        ),
        Section::new(
            labelled("Decided", &last(record::decisions(view)), width),
            (1, 0),
            5,
            ("decision", "decisions"),
        ),
        Section::new(log(view, width), (1, 1), HEAD, ("log", "logs")),
        Section::new(next(view, width), (1, 1), HEAD, ("command", "commands")),
    ]);
    sections
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

/// The answer with what follows, and what the exit code makes of it.
fn head(view: &View, width: usize) -> Vec<Vec<String>> {
    let mut text = line(&words::answered(view), 600);
    for follow in &view.follows {
        text.push(' ');
        text.push_str(&line(follow, 400));
    }
    let mut entries = vec![wrap(&text, width, 0)];
    entries.extend(
        match view.enforce {
            Enforce::Block => None,
            Enforce::Advise => Some("Advice only (enforce: advise): the exit code is 0."),
            Enforce::Observe => Some("Observing (enforce: observe): the exit code is 0."),
        }
        .map(|said| wrap(said, width, 0)),
    );
    entries
}

/// The rules that fired and where they stand on the page.
fn rules(view: &View, width: usize) -> Vec<Vec<String>> {
    let fired: Vec<_> = view
        .fired
        .iter()
        .filter_map(|index| view.findings.get(*index))
        .collect();
    let Some((first, others)) = fired.split_first() else {
        return Vec::new();
    };
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
    let mut entries = vec![wrap(&text, width, 2)];
    if !others.is_empty() {
        let named = |finding: &&FindingView| {
            let (rule, place) = (line(&finding.rule, 60), line(&finding.slice.words, 60));
            format!("{rule} in {place}")
        };
        let mut named: Vec<String> = others.iter().take(ALSO_MAX).map(named).collect();
        let more = others.len().saturating_sub(ALSO_MAX) as u64;
        if more > 0 {
            named.push(format!("{more} more"));
        }
        entries.push(wrap(&format!("Also: {}", named.join("; ")), width, 2));
    }
    entries
}

/// Most rules that are named after the first one that fired.
const ALSO_MAX: usize = 4;

/// pass^k in both readings, where a rule rests on it.
fn reliability(view: &View, width: usize) -> Vec<Vec<String>> {
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

/// Who answered how often, and what has no verdict.
fn counted(view: &View, width: usize) -> Vec<Vec<String>> {
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
    let mut entries = labelled("Answered", &[parts.join(", ")], width);
    entries.extend(labelled("Ungraded", &ungraded(view), width));
    entries.extend(labelled("Note", &view.run.notes, width));
    entries
}

/// Answers that a grader or its labels could not read: no answer is missing, and a verdict is.
fn ungraded(view: &View) -> Vec<String> {
    let mut entries = Vec::new();
    for cell in view
        .tables
        .iter()
        .filter(|cell| cell.slice.values.is_empty())
    {
        for (role, system) in &cell.systems {
            let reason = Missing::GraderError.word();
            if let Some(count) = system.missing.get(reason) {
                let (criterion, role) = (line(&cell.criterion, 40), role.word());
                let of = words::count(system.units);
                let count = words::count(*count);
                entries.push(format!("{criterion} of {role} {count} of {of} ({reason})"));
            }
        }
    }
    let named: Vec<String> = entries.iter().take(3).cloned().collect();
    let more = match entries.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    match named.is_empty() {
        true => Vec::new(),
        false => vec![format!("{}{more}", named.join(", "))],
    }
}

/// What the examples are.
fn examples(view: &View, width: usize) -> Vec<Vec<String>> {
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
    let aside = words::set_aside(view.reference.quarantined, view.reference.retired);
    let (asked, label) = (evidence.join(", "), "Examples");
    let evidence: Vec<String> = match aside {
        // On the same line where it fits.
        Some(aside) if columns(&format!("{label}: {asked}; {aside}")) <= width => {
            vec![format!("{asked}; {aside}")]
        }
        aside => [asked].into_iter().chain(aside).collect(),
    };
    labelled(label, &evidence, width)
}

/// What is to do and by whom. Repairs of one boundary by one owner in several places are one entry: the work is the same.
fn work(view: &View) -> Vec<String> {
    let mut entries: Vec<Work<'_>> = Vec::new();
    for item in &view.work_items {
        let same = entries.iter_mut().find(|entry| entry.is_same(item));
        match same {
            Some(entry) => entry.add(item),
            None => entries.push(Work::of(item)),
        }
    }
    entries.iter().map(Work::text).collect()
}

/// A work item, with all places and rules of the same repair by the same owner.
struct Work<'v> {
    item: &'v WorkItemView,
    places: Vec<String>,
    rules: Vec<String>,
}

impl<'v> Work<'v> {
    fn of(item: &'v WorkItemView) -> Self {
        let mut work = Self {
            item,
            places: Vec::new(),
            rules: Vec::new(),
        };
        work.add(item);
        work
    }

    /// Says whether it asks the same of the same owner. What is asked everywhere holds all places, so it stands alone.
    fn is_same(&self, other: &WorkItemView) -> bool {
        let of = |item: &WorkItemView| {
            let repair = item.repair.as_ref()?;
            let placed = !item.slice.values.is_empty();
            placed.then(|| {
                (
                    item.owner.name.clone(),
                    repair.does.clone(),
                    repair.path.clone(),
                )
            })
        };
        of(self.item).is_some_and(|asked| Some(asked) == of(other))
    }

    fn add(&mut self, item: &WorkItemView) {
        let Some(repair) = &item.repair else {
            return;
        };
        if !item.slice.values.is_empty() {
            self.places.push(line(&item.slice.words, 60));
        }
        let rule = line(&repair.rule, 60);
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }

    fn text(&self) -> String {
        let owner = line(&self.item.owner.name, 60);
        let what = match &self.item.repair {
            Some(repair) => repair.text(&self.places, &self.rules),
            None => self.item.what.clone(),
        };
        format!("{owner}: {}", line(&what, 300))
    }
}

/// What would decide it, where nobody has it to do.
fn needs(view: &View) -> Vec<String> {
    let given = |need: &&String| view.work_items.iter().any(|item| item.what == **need);
    view.needs
        .iter()
        .filter(|need| !given(need))
        .cloned()
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
fn log(view: &View, width: usize) -> Vec<Vec<String>> {
    let checkpoint = view
        .record
        .iter()
        .filter_map(|record| record.checkpoint.as_deref());
    checkpoint
        .map(|at| vec![clip(&format!("Log: {at}"), width.max(80))])
        .collect()
}

/// Keeps the last one.
fn last(mut lines: Vec<String>) -> Vec<String> {
    let keep = lines.len().saturating_sub(1);
    lines.split_off(keep)
}

fn next(view: &View, width: usize) -> Vec<Vec<String>> {
    vec![wrap(&format!("Next: {}", line(&view.next, 300)), width, 6)]
}

/// Entries behind a label; further lines are indented.
fn labelled(label: &str, entries: &[String], width: usize) -> Vec<Vec<String>> {
    let indent = " ".repeat(label.len() + 2);
    let mut shown = Vec::new();
    for entry in entries {
        let body = wrap(&line(entry, 400), width - indent.len(), 0);
        let lines = body.into_iter().enumerate().map(|(index, text)| {
            match index == 0 && shown.is_empty() {
                true => format!("{label}: {text}"),
                false => format!("{indent}{text}"),
            }
        });
        let lines: Vec<String> = lines.collect();
        shown.push(lines);
    }
    shown
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
