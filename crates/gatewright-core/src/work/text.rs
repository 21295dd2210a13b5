//! What an issue says. Rules, segments, examples and reasons may quote anybody: a system under test, a customer, a page of a fork.
//!
//! So in a body everything that others wrote stands in a code span, in which no forge reads markup, mentions, references to issues or words that
//! close them; and every line begins with words of ours, so that none is a command of the forge (`/close`). A title has no markup, but GitLab
//! reads mentions and references in it: it is made of letters, digits and plain signs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::decide::WorkKind;
use crate::digest::Digest;
use crate::report::View;
use crate::report::model::{FindingView, WorkItemView};
use crate::report::untrusted;

/// What the hidden line begins with.
const MARK: &str = "gatewright-work/1";
/// Longest title in characters. GitLab takes 255, GitHub 256.
pub(super) const TITLE_CHARS_MAX: usize = 200;
/// Longest text of others in one line of a body, in characters. A body has under 40 such texts, and forges take 65,536 characters at least.
const TEXT_CHARS_MAX: usize = 1000;
/// Examples that are named.
const EXAMPLES_MAX: usize = 20;
/// Longest name of an example.
const EXAMPLE_CHARS_MAX: usize = 200;

/// Which rule of which product, and in which segment: by hashes, so that a hidden line quotes nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    product: Digest,
    rule: Digest,
    segment: Digest,
}

impl Key {
    /// Names a rule in a segment; an empty segment is all examples.
    pub fn of(product: &str, rule: &str, segment: &BTreeMap<String, String>) -> Self {
        Self {
            product: Digest::of(product.as_bytes()),
            rule: Digest::of(rule.as_bytes()),
            segment: Digest::of_json(segment),
        }
    }

    /// Says whether it is one of a product.
    pub fn is_of(&self, product: &Digest) -> bool {
        self.product == *product
    }

    /// Reads the first line of an issue's text. Anybody may have edited it: what is not exactly such a line, or stands there twice, is none.
    pub fn read(body: &str) -> Option<Self> {
        // What is quoted in a text of ours begins no line.
        let marks = body.lines().filter(|line| {
            let inside = line.trim_start().strip_prefix("<!--");
            inside.is_some_and(|inside| inside.trim_start().starts_with(MARK))
        });
        if marks.count() != 1 {
            return None;
        }
        let first = body.lines().next()?.trim_end();
        let inside = first.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
        let mut words = inside.split(' ');
        if words.next() != Some(MARK) {
            return None;
        }
        let mut digest = |name: &str| {
            let hex = words.next()?.strip_prefix(name)?.strip_prefix('=')?;
            Digest::parse(hex).filter(|digest| digest.hex() == hex)
        };
        let key = Self {
            product: digest("product")?,
            rule: digest("rule")?,
            segment: digest("segment")?,
        };
        words.next().is_none().then_some(key)
    }

    /// Writes the hidden line.
    pub fn line(&self) -> String {
        format!(
            "<!-- {MARK} product={} rule={} segment={} -->",
            self.product.hex(),
            self.rule.hex(),
            self.segment.hex()
        )
    }
}

/// The title of an issue.
pub(super) fn title(product: &str, kind: WorkKind, finding: &FindingView) -> String {
    let verb = match kind {
        WorkKind::FixEvaluation => "fix the evaluation for",
        WorkKind::RepairBoundary => "repair",
        WorkKind::FixSources => "fix the sources for",
        WorkKind::ChangePolicy => "decide the policy for",
        WorkKind::RepairRubric => "repair the rubric for",
        WorkKind::QuarantineExamples => "look at the examples of",
        WorkKind::CollectEvidence => "collect evidence for",
    };
    let text = format!(
        "{product}: {verb} {} in {}",
        finding.rule, finding.slice.words
    );
    plain(&text, TITLE_CHARS_MAX)
}

/// Returns one line of letters, digits and signs that no forge reads as anything, clipped to `max` characters; `_` stands for every other character.
pub fn plain(text: &str, max: usize) -> String {
    let shown = untrusted::line(text, max.saturating_sub(1));
    let is_plain = |one: char| one.is_alphanumeric() || " .,:;()-_='…".contains(one);
    let mapped = shown
        .chars()
        .map(|one| if is_plain(one) { one } else { '_' });
    mapped.take(max).collect::<String>().trim().to_owned()
}

/// Returns a text as a code span: one visible line, in which nothing is read as anything.
pub(super) fn code(text: &str, max: usize) -> String {
    let shown = untrusted::line(text.trim(), max);
    if shown.trim().is_empty() {
        return "(nothing)".to_owned();
    }
    let longest = shown.split(|one| one != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or(0) + 1);
    match fence.len() {
        1 => format!("`{shown}`"),
        // The blanks are no part of it: they keep its own marks from those around it.
        _ => format!("{fence} {shown} {fence}"),
    }
}

/// The text of an issue.
pub(super) fn body(
    view: &View,
    item: &WorkItemView,
    finding: &FindingView,
    key: &Key,
    link: Option<&str>,
) -> String {
    let text = |text: &str| code(text, TEXT_CHARS_MAX);
    let mut out = format!("{}\n", key.line());
    let _ = writeln!(
        out,
        "The gate of {} asks for this work.\n",
        text(&view.product)
    );
    let _ = writeln!(out, "- **To do:** {}", text(&item.what));
    let _ = write!(out, "- **Owner:** {}", text(&item.owner.name));
    if let Some(contact) = &item.owner.contact {
        let _ = write!(out, ", {}", text(contact));
    }
    let _ = writeln!(
        out,
        "\n- **Rule:** {}, at {}",
        text(&finding.rule),
        text(&finding.at)
    );
    let _ = writeln!(out, "- **Where:** {}", text(&finding.slice.words));
    if let Some(class) = &item.class {
        let _ = writeln!(out, "- **Failure class:** {}", text(class));
    }
    let _ = writeln!(out, "- **Found:** {}", text(&finding.sentence));
    if !item.examples.is_empty() {
        let shown = item.examples.iter().take(EXAMPLES_MAX);
        let shown: Vec<String> = shown.map(|id| code(id, EXAMPLE_CHARS_MAX)).collect();
        let more = match item.examples.len().saturating_sub(EXAMPLES_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(out, "- **Look at first:** {}{more}", shown.join(", "));
    }
    let _ = writeln!(
        out,
        "- **Run:** {}, answer: {}{}\n",
        text(&view.run.name),
        view.answer.word(),
        link.map(|link| format!(", <{link}>")).unwrap_or_default()
    );
    out.push_str(
        "The gate closes this issue in the run in which the rule holds there. Its first line is hidden and says which rule and segment this is: \
         leave that line and the label, and there will be no second issue.\n",
    );
    out
}

/// What is said when an issue is closed, and the hidden line by which it is found again; `double` is the issue that stays open.
pub(super) fn closing(run: &str, link: Option<&str>, double: Option<u64>) -> (String, String) {
    let mark = format!(
        "<!-- {MARK} closed run={} -->",
        Digest::of(run.as_bytes()).hex()
    );
    let run = code(run, EXAMPLE_CHARS_MAX);
    let link = link.map(|link| format!(" (<{link}>)")).unwrap_or_default();
    let said = match double {
        Some(of) => {
            format!("The same work is asked for in #{of}: closed by the gate in run {run}{link}.")
        }
        None => format!("The rule holds there in run {run}{link}: closed by the gate."),
    };
    (format!("{mark}\n{said}\n"), mark)
}

/// Says whether a comment with this hidden line is among comments.
pub fn is_said(mark: &str, comments: &[String]) -> bool {
    let is = |comment: &String| {
        comment
            .lines()
            .next()
            .is_some_and(|line| line.trim_end() == mark)
    };
    comments.iter().any(is)
}

/// Says whether an address can stand in a text as it is.
pub(super) fn is_plain_link(link: &str) -> bool {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "/:._-".contains(one);
    let begins = link.starts_with("https://") || link.starts_with("http://");
    begins && link.len() <= 500 && link.chars().all(is_plain)
}
