//! How it is written: typos, case, white space, contractions. What is asked stays the same, and so must the verdict.

use unicode_segmentation::UnicodeSegmentation;

use super::draw::Draw;
use super::spoken::{said, say};
use super::words::{facts, find_word, replace_words};
use super::{Change, NotApplicable};
use crate::reference::Example;

/// Shortest word that gets a typo, in characters as a reader sees them.
const TYPO_WORD: usize = 4;
/// Words for each typo, and most typos in a text.
const TYPO_RATE: (usize, usize) = (8, 3);
/// Most gaps that get more white space.
const GAPS: usize = 3;

/// Swaps, drops or doubles a letter inside some words. Words with digits or marks (identifiers, addresses) and words that the
/// expectation names stay as they are.
pub(super) fn typos(base: &Example, draw: &mut Draw) -> Result<Change, NotApplicable> {
    let text = said(&base.input)?;
    let named = facts(&base.expect).join(" ").to_lowercase();
    let words: Vec<(usize, &str)> = text
        .split_word_bound_indices()
        .filter(|(at, word)| {
            letters(word)
                && word.graphemes(true).count() >= TYPO_WORD
                && !named.contains(&word.to_lowercase())
                && plain(token(text, *at))
        })
        .collect();
    if words.is_empty() {
        return NotApplicable::because(format!(
            "no plain word of {TYPO_WORD} letters or more is in it"
        ));
    }
    let count = (1 + text.unicode_words().count() / TYPO_RATE.0).min(TYPO_RATE.1);
    let (mut out, mut last) = (String::with_capacity(text.len() + 8), 0);
    let chosen = draw.some(count, words.len());
    for &index in &chosen {
        let (at, word) = words[index];
        out.push_str(&text[last..at]);
        out.push_str(&mistyped(word, draw));
        last = at + word.len();
    }
    out.push_str(&text[last..]);
    let what = match chosen.len() {
        1 => "1 word mistyped".to_owned(),
        many => format!("{many} words mistyped"),
    };
    Ok(Change::said(say(&base.input, out), what))
}

/// Says whether every character that a reader sees is a letter; marks above and below belong to one.
fn letters(word: &str) -> bool {
    word.graphemes(true)
        .all(|one| one.chars().next().is_some_and(char::is_alphabetic))
}

/// The run without white space around a place.
fn token(text: &str, at: usize) -> &str {
    let start = text[..at].rfind(char::is_whitespace).map_or(0, |space| {
        space + text[space..].chars().next().map_or(1, char::len_utf8)
    });
    let rest = &text[start..];
    &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())]
}

/// Says whether a run is a word with at most punctuation around it: no address, path, variable or identifier.
fn plain(token: &str) -> bool {
    !token
        .chars()
        .any(|one| one.is_numeric() || "@/\\_<>{}[]=#&|".contains(one))
        && !token.contains("://")
        && !token.trim_end_matches(['.', '…']).contains('.')
}

/// One typo inside a word: its first letter stays.
fn mistyped(word: &str, draw: &mut Draw) -> String {
    let mut letters: Vec<&str> = word.graphemes(true).collect();
    let at = 1 + draw.index(letters.len() - 2);
    match draw.index(3) {
        0 if letters[at] != letters[at + 1] => letters.swap(at, at + 1),
        1 => {
            letters.remove(at);
        }
        _ => letters.insert(at, letters[at]),
    }
    letters.concat()
}

/// Writes everything in capitals, or in small letters.
pub(super) fn case(base: &Example, draw: &mut Draw) -> Result<Change, NotApplicable> {
    let text = said(&base.input)?;
    let mut ways = [
        (text.to_uppercase(), "all in capitals"),
        (text.to_lowercase(), "all in small letters"),
    ];
    if draw.flip() {
        ways.reverse();
    }
    match ways.into_iter().find(|(other, _)| other != text) {
        Some((other, what)) => Ok(Change::said(say(&base.input, other), what)),
        None => NotApplicable::because("its letters have no case"),
    }
}

/// Widens some gaps between words, or puts white space around a text that has none.
pub(super) fn whitespace(base: &Example, draw: &mut Draw) -> Result<Change, NotApplicable> {
    const WIDER: [&str; 4] = ["  ", "\t", " \n", "   "];
    let text = said(&base.input)?;
    let gaps: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).collect();
    let other = if gaps.is_empty() {
        format!("  {text}\n")
    } else {
        let (mut out, mut last) = (String::with_capacity(text.len() + 8), 0);
        for index in draw.some(GAPS, gaps.len()) {
            out.push_str(&text[last..gaps[index]]);
            out.push_str(draw.pick(&WIDER).copied().unwrap_or("  "));
            last = gaps[index] + 1;
        }
        out.push_str(&text[last..]);
        out
    };
    Ok(Change::said(
        say(&base.input, other),
        "more white space between words",
    ))
}

/// Written out and contracted. Only pairs that mean the same wherever they stand: `it's` and `I'd` do not.
const PAIRS: [(&str, &str); 22] = [
    ("do not", "don't"),
    ("does not", "doesn't"),
    ("did not", "didn't"),
    ("is not", "isn't"),
    ("are not", "aren't"),
    ("was not", "wasn't"),
    ("were not", "weren't"),
    ("have not", "haven't"),
    ("has not", "hasn't"),
    ("had not", "hadn't"),
    ("will not", "won't"),
    ("would not", "wouldn't"),
    ("could not", "couldn't"),
    ("should not", "shouldn't"),
    ("cannot", "can't"),
    ("I would like", "I'd like"),
    ("we would like", "we'd like"),
    ("I will", "I'll"),
    ("we will", "we'll"),
    ("what is the", "what's the"),
    ("where is the", "where's the"),
    ("I have been", "I've been"),
];

/// Writes contractions out; where there are none, contracts what can be.
pub(super) fn contractions(base: &Example) -> Result<Change, NotApplicable> {
    let text = said(&base.input)?;
    let plain = text.replace('’', "'");
    let written_out = PAIRS
        .iter()
        .any(|(_, short)| find_word(&plain, short, 0).is_some());
    let mut other = if written_out { plain } else { text.to_owned() };
    for (long, short) in PAIRS {
        let (from, to) = match written_out {
            true => (short, long),
            false => (long, short),
        };
        if let Some(changed) = replace_words(&other, from, to) {
            other = changed;
        }
    }
    if other == text {
        return NotApplicable::because("nothing in it can be contracted or written out");
    }
    let what = match written_out {
        true => "contractions written out",
        false => "words contracted",
    };
    Ok(Change::said(say(&base.input, other), what))
}
