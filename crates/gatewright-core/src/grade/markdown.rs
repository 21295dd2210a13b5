//! Graders of Markdown in an answer: code_fence, list, table. It is read as CommonMark with tables, by the crate `pulldown-cmark`.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::length::within;
use super::sheet::{Measures, ONE_PASS, Sheet};
use super::verdict::Graded;
use crate::manifest::{Limits, ListMarks};
use crate::response::Response;

/// What these graders can tell.
pub(super) const SHEETS: [Sheet; 3] = [
    Sheet {
        kind: "code_fence",
        measures: Measures::Form,
        checks: "the answer holds so many fenced blocks of code, of these languages, with nothing outside where `only` says so",
        protects: &["format-violation"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "the language is what the fence claims; the code is neither parsed nor run",
    },
    Sheet {
        kind: "list",
        measures: Measures::Form,
        checks: "the answer's lists have so many items",
        protects: &["format-violation"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "empty and repeated items count; lines that only look like a list to a reader (`•`, `a)`) do not",
    },
    Sheet {
        kind: "table",
        measures: Measures::Form,
        checks: "a table in the answer has these columns and so many rows",
        protects: &["format-violation"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "cells may be empty or wrong; a table in HTML or drawn with spaces is none",
    },
];

/// One fenced block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    /// The language that the fence names, lower case; empty when it names none.
    pub(super) language: String,
    /// What stands inside.
    pub(super) content: String,
    /// Where it stands, its fences included.
    pub(super) range: Range<usize>,
    /// False when it runs to the end of the text without a closing fence.
    pub(super) closed: bool,
}

/// Lists the fenced blocks of a text. One inside another's longer fence is content, as readers see it.
pub(super) fn fences(text: &str) -> Vec<Fence> {
    let mut all: Vec<Fence> = Vec::new();
    let mut open = false;
    for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let language = info.split([' ', ',', '{', '\t']).next().unwrap_or("");
                all.push(Fence {
                    language: language.to_lowercase(),
                    content: String::new(),
                    closed: is_closed(&text[range.clone()]),
                    range,
                });
                open = true;
            }
            Event::Text(piece) if open => {
                if let Some(last) = all.last_mut() {
                    last.content.push_str(&piece);
                }
            }
            Event::End(TagEnd::CodeBlock) => open = false,
            _ => {}
        }
    }
    all
}

/// A closed block ends in a line of at least three fence characters that is not its first.
fn is_closed(block: &str) -> bool {
    let mut lines = block.trim_end().lines();
    let first = lines.next().unwrap_or_default().trim_start();
    let mark = first.chars().next().unwrap_or('`');
    let opening = first.chars().take_while(|it| *it == mark).count();
    // Inside a quotation or an item the last line may carry its marks too.
    lines.last().is_some_and(|last| {
        let last = last.trim().trim_start_matches(['>', ' ']);
        last.chars().count() >= opening && last.chars().all(|it| it == mark)
    })
}

/// Passes when so many fences of the languages stand in the answer, all closed, with nothing outside where that is asked; symptoms
/// `too-few-fences`, `too-many-fences`, `unclosed-fence` and `text-outside`.
pub(super) fn code_fence(
    languages: &[String],
    limits: Limits,
    only: bool,
    response: &Response,
) -> Graded {
    let all = fences(&response.output);
    if let Some(open) = all.iter().find(|fence| !fence.closed) {
        let why = format!("the fence at byte {} is not closed", open.range.start);
        return Graded::fail("unclosed-fence", why);
    }
    let wanted = |fence: &&Fence| {
        languages.is_empty()
            || languages
                .iter()
                .any(|it| it.to_lowercase() == fence.language)
    };
    let count = all.iter().filter(wanted).count() as u64;
    let what = match languages {
        [] => "fences".to_owned(),
        _ => format!("fences of {}", languages.join(" or ")),
    };
    let counted = within(
        count,
        or_one(limits),
        ["too-few-fences", "too-many-fences"],
        &what,
    );
    if !only || counted != Graded::pass() {
        return counted;
    }
    let mut end = 0;
    for fence in &all {
        // Ranges are in order; a fence inside an item or a quotation has its mark outside.
        let between = response.output.get(end..fence.range.start).unwrap_or("");
        if !between.trim().is_empty() {
            return outside(between);
        }
        end = fence.range.end;
    }
    match response.output.get(end..).unwrap_or("").trim() {
        "" => Graded::pass(),
        rest => outside(rest),
    }
}

fn outside(text: &str) -> Graded {
    let shown: String = text.trim().chars().take(60).collect();
    Graded::fail("text-outside", format!("outside the fences: {shown:?}"))
}

/// Where nothing is said, one is wanted.
fn or_one(limits: Limits) -> Limits {
    match limits {
        Limits {
            at_least: None,
            at_most: None,
        } => Limits {
            at_least: Some(1),
            at_most: None,
        },
        said => said,
    }
}

/// Says whether a mark of an item may stand somewhere in a text: `-`, `+`, `*`, or a digit with `.` or `)`, before white space or the end of
/// the line. Without one there is no list, and nothing to parse.
fn may_hold_items(text: &str, marks: ListMarks) -> bool {
    let bytes = text.as_bytes();
    let ends = |at: usize| bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
    let numbered = |at: usize| at > 0 && bytes[at - 1].is_ascii_digit() && ends(at);
    let bullets = || memchr::memchr3_iter(b'-', b'+', b'*', bytes).any(ends);
    let numbers = || memchr::memchr2_iter(b'.', b')', bytes).any(numbered);
    match marks {
        ListMarks::Bullets => bullets(),
        ListMarks::Numbers => numbers(),
        ListMarks::Any => bullets() || numbers(),
    }
}

/// Counts the items of a text's lists.
fn items(text: &str, marks: ListMarks, nested: bool) -> u64 {
    if !may_hold_items(text, marks) {
        return 0;
    }
    parsed_items(text, marks, nested)
}

fn parsed_items(text: &str, marks: ListMarks, nested: bool) -> u64 {
    let mut open: Vec<bool> = Vec::new();
    let mut count = 0;
    for event in Parser::new_ext(text, Options::empty()) {
        match event {
            Event::Start(Tag::List(first)) => open.push(first.is_some()),
            Event::End(TagEnd::List(_)) => {
                open.pop();
            }
            Event::Start(Tag::Item) if nested || open.len() == 1 => {
                let numbered = open.last().copied().unwrap_or(false);
                count += u64::from(match marks {
                    ListMarks::Any => true,
                    ListMarks::Numbers => numbered,
                    ListMarks::Bullets => !numbered,
                });
            }
            _ => {}
        }
    }
    count
}

/// Passes when the lists of the answer have so many items together; symptoms `too-few-items` and `too-many-items`.
pub(super) fn list(marks: ListMarks, limits: Limits, nested: bool, response: &Response) -> Graded {
    within(
        items(&response.output, marks, nested),
        or_one(limits),
        ["too-few-items", "too-many-items"],
        "items",
    )
}

/// The head of a table, and how many rows stand below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shape {
    head: Vec<String>,
    rows: u64,
}

/// Lists the tables of a text.
fn tables(text: &str) -> Vec<Shape> {
    let mut all: Vec<Shape> = Vec::new();
    let mut in_head = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        let Some(last) = all.last_mut() else {
            if let Event::Start(Tag::Table(_)) = event {
                all.push(Shape::default());
            }
            continue;
        };
        match event {
            Event::Start(Tag::Table(_)) => all.push(Shape::default()),
            Event::Start(Tag::TableHead) => in_head = true,
            Event::End(TagEnd::TableHead) => in_head = false,
            Event::Start(Tag::TableCell) if in_head => last.head.push(String::new()),
            Event::Text(piece) | Event::Code(piece) if in_head => {
                if let Some(cell) = last.head.last_mut() {
                    cell.push_str(&piece);
                }
            }
            Event::Start(Tag::TableRow) => last.rows += 1,
            _ => {}
        }
    }
    all
}

/// Passes when one table of the answer has the columns and so many rows; symptoms `no-table`, `wrong-columns`, `too-few-rows`, `too-many-rows`,
/// of the table that comes nearest.
pub(super) fn table(
    columns: &[String],
    width: Option<u64>,
    limits: Limits,
    response: &Response,
) -> Graded {
    let folded = |text: &str| super::text::words(text);
    let wanted: Vec<String> = columns.iter().map(|column| folded(column)).collect();
    let mut nearest: Option<Graded> = None;
    for table in tables(&response.output) {
        let head: Vec<String> = table.head.iter().map(|cell| folded(cell)).collect();
        let wide = width.is_none_or(|width| head.len() as u64 == width);
        if !wide || !wanted.iter().all(|column| head.contains(column)) {
            let why = format!("{} columns: {}", head.len(), table.head.join(", "));
            nearest.get_or_insert_with(|| Graded::fail("wrong-columns", why));
            continue;
        }
        let counted = within(
            table.rows,
            limits,
            ["too-few-rows", "too-many-rows"],
            "rows",
        );
        if counted == Graded::pass() {
            return counted;
        }
        nearest = Some(counted);
    }
    nearest.unwrap_or_else(|| Graded::fail("no-table", "there is no table"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nested_fences_are_content() {
        let text = "````md\n```rust\nfn a() {}\n```\n````\n";
        let found = fences(text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].language.as_str(), found[0].closed), ("md", true));
        assert_eq!(found[0].content, "```rust\nfn a() {}\n```\n");
        assert!(!fences("```py\nx = 1\n")[0].closed);
        assert!(!fences("```")[0].closed);
        assert!(fences("> ```\n> x\n> ```\n")[0].closed);
        assert!(!fences("````\nx\n```")[0].closed);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            fences(&text);
            items(&text, ListMarks::Any, true);
            tables(&text);
        }

        #[test]
        fn without_a_mark_there_is_no_item(text in "[-+*.)>#:0-9\u{b}\u{c}\u{a0} \r\n\tab]{0,12}") {
            for marks in [ListMarks::Any, ListMarks::Bullets, ListMarks::Numbers] {
                if !may_hold_items(&text, marks) {
                    prop_assert_eq!(parsed_items(&text, marks, true), 0);
                }
            }
        }

        #[test]
        fn any_marks_are_read(text in "[`~|*\\-+>#:0-9. \\n\\tab]{0,80}") {
            fences(&text);
            prop_assert!(items(&text, ListMarks::Bullets, true) + items(&text, ListMarks::Numbers, true) == items(&text, ListMarks::Any, true));
            tables(&text);
        }
    }
}
