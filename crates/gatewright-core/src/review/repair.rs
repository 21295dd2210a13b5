//! A rubric that can be read two ways gets a new version: the texts of the page and of the rubric's file with it, for a person to put in.

use std::ops::Range;

use super::desk::rubrics;
use crate::judge::Rubric;
use crate::manifest::read::survey;

/// Longest name of a version.
const VERSION_CHARS: usize = 60;

/// Says whether a text can name a version as it stands: letters, digits, dots, hyphens and underscores.
pub fn is_version(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
    (1..=VERSION_CHARS).contains(&text.chars().count()) && text.chars().all(plain)
}

/// Puts another version of a criterion's rubric into the text of a page. What comes out names it for this criterion and is the same page for all
/// others; nothing where no single word of the page can be changed to that end.
pub fn page_with(page: &str, criterion: &str, from: &str, to: &str) -> Option<String> {
    let named = |text: &str| survey(text.as_bytes(), "").0.map(|page| rubrics(&page));
    let mut wanted = named(page)?;
    *wanted.get_mut(criterion)? = Some(to.to_owned());
    let block = block(page, criterion)?;
    let inside = page.get(block.clone())?;
    let places = inside.match_indices("rubric:").filter_map(|(at, key)| {
        let after = block.start + at + key.len();
        let rest = page.get(after..)?;
        let value = rest.trim_start_matches([' ', '"', '\'']);
        let is_whole = value.strip_prefix(from)?.chars().next();
        let ends = is_whole.is_none_or(|c| c.is_whitespace() || "\"',}#".contains(c));
        let start = after + rest.len() - value.len();
        ends.then(|| start..start + from.len())
    });
    let with = |place: Range<usize>| {
        let mut text = page.to_owned();
        text.replace_range(place, to);
        text
    };
    let mut texts = places.map(with);
    texts.find(|text| named(text).as_ref() == Some(&wanted))
}

/// Finds what a page says of one criterion: from its key to the next key that is not inside it.
fn block(page: &str, criterion: &str) -> Option<Range<usize>> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut at, mut inside, mut start) = (0, false, None);
    for line in page.split_inclusive('\n') {
        let says = line.trim_start();
        let is_text = !says.is_empty() && !says.starts_with('#');
        match start {
            Some((from, least)) if is_text && indent(line) <= least => return Some(from..at),
            None if is_text && indent(line) == 0 => inside = says.starts_with("criteria:"),
            None if inside => {
                let key = says.strip_prefix(criterion);
                if key.is_some_and(|rest| rest.starts_with(':')) {
                    start = Some((at, indent(line)));
                }
            }
            _ => {}
        }
        at += line.len();
    }
    start.map(|(from, _)| from..at)
}

/// Puts another version into the head of a rubric's file, and what it says now at its end; nothing where the head cannot be changed so.
pub fn file_with(text: &str, to: &str, clause: &str) -> Option<String> {
    let before = Rubric::read(text, "").ok()?;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("version:") {
            break;
        }
        at += line.len();
    }
    let end = at + text.get(at..)?.find('\n')?;
    let mut new = text.to_owned();
    new.replace_range(at..end, &format!("version: {to}"));
    if !new.ends_with('\n') {
        new.push('\n');
    }
    if !clause.trim().is_empty() {
        new.push_str(&format!("\n{}\n", clause.trim()));
    }
    let after = Rubric::read(&new, "").ok()?;
    (after.version == to && after.levels == before.levels).then_some(new)
}
