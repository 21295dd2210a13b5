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
///
/// Letters and digits behind something else begin words, but for those behind a mark that joins; the first is counted many bytes at a time.
fn ascii_words(text: &[u8]) -> usize {
    if memchr::memchr(b'_', text).is_some() {
        return words_with_lines(text);
    }
    let joins = |&at: &usize| at > 0 && joins(text[at], text[at - 1], text.get(at + 1).copied());
    let letters = memchr::memchr3_iter(b'\'', b'.', b':', text).filter(joins);
    let digits = memchr::memchr2_iter(b',', b';', text).filter(joins);
    begins(text) - letters.count() - digits.count()
}

/// Counts the letters and digits that stand behind neither.
fn begins(text: &[u8]) -> usize {
    /// So many that a byte holds their number: the processor adds many bytes at once.
    const AT_ONCE: usize = 255;
    let Some((first, rest)) = text.split_first() else {
        return 0;
    };
    let is_in = |byte: u8| u8::from(byte.is_ascii_alphanumeric());
    let mut count = usize::from(is_in(*first));
    for (before, here) in text.chunks(AT_ONCE).zip(rest.chunks(AT_ONCE)) {
        let mut some = 0_u8;
        for (before, here) in before.iter().zip(here) {
            some += is_in(*here) & !is_in(*before);
        }
        count += usize::from(some);
    }
    count
}

/// Counts the words of a text that has `_` in it, byte by byte: it goes on a word, and is none by itself.
fn words_with_lines(text: &[u8]) -> usize {
    let mut count = 0;
    // Of the word that is open: whether it holds a letter or a digit, and the byte before.
    let (mut counted, mut before) = (false, b' ');
    for (index, &byte) in text.iter().enumerate() {
        if byte.is_ascii_alphanumeric() {
            count += usize::from(!counted);
            counted = true;
        } else if byte != b'_' {
            counted &= joins(byte, before, text.get(index + 1).copied());
        }
        before = byte;
    }
    count
}

/// Says whether a mark joins what stands before and after it to one word.
fn joins(byte: u8, before: u8, after: Option<u8>) -> bool {
    let may = match byte {
        b'\'' | b'.' => before.is_ascii_alphanumeric(),
        b':' => before.is_ascii_alphabetic(),
        b',' | b';' => before.is_ascii_digit(),
        _ => false,
    };
    let same = |after: u8| match before.is_ascii_digit() {
        true => after.is_ascii_digit(),
        false => after.is_ascii_alphabetic(),
    };
    may && after.is_some_and(same)
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
                let wanted = text.unicode_words().count();
                prop_assert_eq!(ascii_words(text.as_bytes()), wanted, "{:?}", text);
                prop_assert_eq!(words_with_lines(text.as_bytes()), wanted, "{:?}", text);
            }
        }

        #[test]
        fn words_of_long_texts_are_counted_as_those_of_short_ones(text in "[a-c1 .,]{200,900}") {
            prop_assert_eq!(ascii_words(text.as_bytes()), text.unicode_words().count(), "{:?}", text);        }
    }
}
