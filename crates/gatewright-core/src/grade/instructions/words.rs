//! Words, sentences and case.

use super::super::length;

/// A character of a word: a letter, a digit, `_`.
fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

/// Counts runs of letters, digits and `_`.
pub(super) fn words(text: &str) -> usize {
    text.split(|it| !is_word(it))
        .filter(|it| !it.is_empty())
        .count()
}

/// Counts sentences; line breaks are white space.
pub(super) fn sentences(text: &str) -> usize {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    length::sentences(&one_line)
}

/// Says whether there is a capital and no small letter.
pub(super) fn is_upper(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

/// Says whether there is a small letter and no capital.
pub(super) fn is_lower(text: &str) -> bool {
    text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)
}

/// Says whether a text of lower case stands in another with an edge of a word at both ends.
pub(super) fn stands_as_word(text: &str, wanted: &str) -> bool {
    let (Some(first), Some(last)) = (wanted.chars().next(), wanted.chars().next_back()) else {
        return false;
    };
    text.match_indices(wanted).any(|(start, found)| {
        let before = text[..start].chars().next_back().is_some_and(is_word);
        let after = text[start + found.len()..]
            .chars()
            .next()
            .is_some_and(is_word);
        before != is_word(first) && after != is_word(last)
    })
}

/// Counts words in capitals only. A word ends at white space and at punctuation, but not at a hyphen or at a full stop inside (`U.S.`).
pub(super) fn capital_words(text: &str) -> usize {
    let ends = |it: char| it.is_whitespace() || SEPARATORS.contains(it);
    text.split(ends).filter(|word| is_upper(word)).count()
}

/// Punctuation that is a word of its own.
const SEPARATORS: &str = ",;:@#$%&?!()[]{}<>\"“”‘’'`*|=+…";
