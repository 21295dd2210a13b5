//! Whole words and numbers in a text, and what an example says besides its question.

use serde_json::Value;

use crate::reference::{Example, Expect};

/// Finds a whole word or phrase from a place on, capital and small ASCII letters alike. Returns where it starts.
pub(super) fn find_word(text: &str, word: &str, from: usize) -> Option<usize> {
    // ASCII letters change case without changing length, so places in one are places in the other.
    let (folded, wanted) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let mut start = from;
    while let Some(found) = folded.get(start..)?.find(&wanted) {
        let at = start + found;
        let end = at + wanted.len();
        let inside = |one: char| one.is_alphanumeric() || one == '\'' || one == '’';
        let open = !folded[..at].chars().next_back().is_some_and(inside);
        let closed = !folded[end..].chars().next().is_some_and(inside);
        if open && closed {
            return Some(at);
        }
        start = at + folded[at..].chars().next().map_or(1, char::len_utf8);
    }
    None
}

/// Replaces every whole occurrence of a phrase, keeping a capital at its start; none when it does not occur.
pub(super) fn replace_words(text: &str, from: &str, to: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut last = 0;
    while let Some(at) = find_word(text, from, last) {
        out.push_str(&text[last..at]);
        let capital = text[at..].starts_with(|one: char| one.is_ascii_uppercase());
        let mut letters = to.chars();
        match letters.next().filter(|_| capital) {
            Some(first) => {
                out.push(first.to_ascii_uppercase());
                out.extend(letters);
            }
            None => out.push_str(to),
        }
        last = at + from.len();
    }
    if last == 0 {
        return None;
    }
    out.push_str(&text[last..]);
    Some(out)
}

/// A number as it is written: where it stands, in bytes, and its whole part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written<'t> {
    pub(super) at: usize,
    pub(super) digits: &'t str,
}

/// Finds the whole parts of plain numbers. Dates, times, versions, identifiers, grouped thousands and numbers that start with 0 are none.
pub(super) fn numbers(text: &str) -> Vec<Written<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|one: char| one.is_ascii_digit()) {
        let start = at + start;
        let rest = &text[start..];
        let length = rest.find(|one: char| !one.is_ascii_digit());
        let end = start + length.unwrap_or(rest.len());
        at = end;
        let before = text[..start].chars().next_back();
        let bound = |one: char| one.is_alphanumeric() || "-_/:.,#@+".contains(one);
        let mut after = text[end..].chars();
        let next = after.next();
        let follows = after.next().is_some_and(char::is_alphanumeric);
        let ends = match next {
            None => true,
            // A full stop or comma that nothing follows ends a sentence; decimals belong to a number.
            Some('.') => !follows || decimals(&text[end..]),
            Some(',' | ':' | ';' | '-' | '/') => !follows,
            Some(one) => !one.is_alphanumeric() && one != '_' && one != '@',
        };
        if !before.is_some_and(bound) && ends && !text[start..end].starts_with('0') {
            found.push(Written {
                at: start,
                digits: &text[start..end],
            });
        }
        // The decimals of a number are no number of their own.
        if text[end..].starts_with('.') && decimals(&text[end..]) {
            let digits = &text[end + 1..];
            let length = digits.find(|one: char| !one.is_ascii_digit());
            at = end + 1 + length.unwrap_or(digits.len());
        }
    }
    found
}

/// Says whether a text starts with a full stop and nothing but digits up to the word's end.
fn decimals(text: &str) -> bool {
    let digits = text[1..].trim_start_matches(|one: char| one.is_ascii_digit());
    let mut rest = digits.chars();
    digits.len() < text.len() - 1
        && match rest.next() {
            None => true,
            Some('.' | ',' | ':' | '-' | '/') => {
                !rest.next().is_some_and(|one| one.is_alphanumeric())
            }
            Some(one) => !one.is_alphanumeric() && one != '_',
        }
}

/// Replaces every number that is written with these digits.
pub(super) fn replace_number(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = 0;
    for number in numbers(text) {
        if number.digits == from {
            out.push_str(&text[last..number.at]);
            out.push_str(to);
            last = number.at + from.len();
        }
    }
    out.push_str(&text[last..]);
    out
}

/// Says whether a number written with these digits stands in a text.
pub(super) fn has_number(text: &str, digits: &str) -> bool {
    numbers(text).iter().any(|number| number.digits == digits)
}

/// Says whether a run of digits stands anywhere in a text, also inside dates and identifiers; leading zeros do not count.
pub(super) fn has_digits(text: &str, digits: &str) -> bool {
    text.split(|one: char| !one.is_ascii_digit())
        .any(|run| !run.is_empty() && run.trim_start_matches('0') == digits)
}

/// Returns the facts that an answer must hold, as texts.
pub(super) fn facts(expect: &Expect) -> Vec<String> {
    let answer = match &expect.answer {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    expect.contains.iter().cloned().chain(answer).collect()
}

/// Returns everything that an example says besides its question: what is expected, the sources, the context.
pub(super) fn surroundings(base: &Example) -> String {
    let mut all = facts(&base.expect);
    all.extend(base.expect.not_contains.iter().cloned());
    for source in &base.sources {
        all.extend(source.text.clone());
        all.push(source.id.clone());
    }
    all.extend(base.context.values().map(Value::to_string));
    all.join("\n")
}
