//! The grader of length: characters, words and sentences of UAX #29, lines, paragraphs.

use unicode_segmentation::UnicodeSegmentation;

use super::sheet::{Measures, ONE_PASS, Sheet};
use super::verdict::Graded;
use crate::manifest::{LengthIn, Limits};
use crate::response::Response;

/// What this grader can tell.
pub(super) const SHEETS: [Sheet; 1] = [Sheet {
    kind: "length",
    measures: Measures::Form,
    checks: "the answer has so many characters, words, sentences, lines or paragraphs",
    protects: &["format-violation"],
    cost: ONE_PASS,
    deterministic: true,
    blind_spot: "padding and repetition have length too; an abbreviation may end a sentence, one that begins with a small letter goes on the last, and scripts without spaces count each ideograph as a word",
}];

/// Counts a text in a unit.
pub(super) fn count(text: &str, of: LengthIn) -> u64 {
    let count = match of {
        LengthIn::Characters => text.graphemes(true).count(),
        LengthIn::Words => words(text),
        LengthIn::Sentences => paragraphs(text)
            .iter()
            .map(|lines| sentences(&lines.join(" ")))
            .sum(),
        LengthIn::Lines => text.lines().filter(|line| !line.trim().is_empty()).count(),
        LengthIn::Paragraphs => paragraphs(text).len(),
    };
    count as u64
}

/// Counts the words of UAX #29 that hold a letter or a digit.
fn words(text: &str) -> usize {
    if text.is_ascii() {
        ascii_words(text.as_bytes())
    } else {
        text.unicode_words().count()
    }
}

/// The same in ASCII, where the rules are few: letters, digits and `_` go together (WB5 to WB13b), and so do letters around one of `'.:` (WB6,
/// WB7) and digits around one of `'.,;` (WB11, WB12).
fn ascii_words(text: &[u8]) -> usize {
    let mut count = 0;
    // Of the word that is open: whether it holds a letter or a digit, and the byte before.
    let (mut counted, mut before) = (false, b' ');
    for (index, &byte) in text.iter().enumerate() {
        if byte.is_ascii_alphanumeric() {
            count += usize::from(!counted);
            counted = true;
        } else if byte != b'_' {
            let joins = match byte {
                b'\'' | b'.' => before.is_ascii_alphanumeric(),
                b':' => before.is_ascii_alphabetic(),
                b',' | b';' => before.is_ascii_digit(),
                _ => false,
            } && text.get(index + 1).is_some_and(|after| {
                match before.is_ascii_digit() {
                    true => after.is_ascii_digit(),
                    false => after.is_ascii_alphabetic(),
                }
            });
            counted &= joins;
        }
        before = byte;
    }
    count
}

/// Counts the sentences of a text without line breaks: UAX #29 ends a sentence at each.
pub(super) fn sentences(text: &str) -> usize {
    text.unicode_sentences().count()
}

/// Returns the lines of each paragraph: blocks of lines that hold more than white space.
fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        match all.last_mut() {
            Some(last) if open => last.push(line),
            _ => all.push(vec![line]),
        }
        open = true;
    }
    all
}

/// Names the unit in a message.
fn word(of: LengthIn) -> &'static str {
    match of {
        LengthIn::Characters => "characters",
        LengthIn::Words => "words",
        LengthIn::Sentences => "sentences",
        LengthIn::Lines => "lines",
        LengthIn::Paragraphs => "paragraphs",
    }
}

/// Passes when the count is within the limits; symptoms `too-short` and `too-long`.
pub(super) fn length(of: LengthIn, limits: Limits, response: &Response) -> Graded {
    within(
        count(&response.output, of),
        limits,
        ["too-short", "too-long"],
        word(of),
    )
}

/// Compares a count with limits; the symptoms are for too few and for too many.
pub(super) fn within(
    count: u64,
    limits: Limits,
    [few, many]: [&'static str; 2],
    what: &str,
) -> Graded {
    match (limits.at_least, limits.at_most) {
        (Some(low), _) if count < low => {
            Graded::fail(few, format!("{count} {what}; at least {low}"))
        }
        (_, Some(high)) if count > high => {
            Graded::fail(many, format!("{count} {what}; at most {high}"))
        }
        _ => Graded::pass(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ascii_words_are_those_of_the_standard(text in "[ -~\t\r\n]{0,60}", marks in "[a1_'.:,; -]{0,40}") {
            for text in [text, marks] {
                prop_assert_eq!(ascii_words(text.as_bytes()), text.unicode_words().count(), "{:?}", text);
            }
        }
    }
}
