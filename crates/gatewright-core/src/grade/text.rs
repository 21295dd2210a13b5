//! Graders of the answer's text: exact, contains, not_contains, regex, starts_with, ends_with.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use regex::Regex;

use super::sheet::{Measures, ONE_PASS, Sheet};
use super::verdict::Graded;
use crate::json::scalar_text;
use crate::manifest::Edge;
use crate::reference::Example;
use crate::report::untrusted::is_hidden;
use crate::response::Response;

/// What these graders can tell.
pub(super) const SHEETS: [Sheet; 6] = [
    Sheet {
        kind: "exact",
        measures: Measures::Answer,
        checks: "the answer is the expected text, with `normalise` apart from case and white space",
        protects: &["unsupported-claim", "format-violation"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "a right answer in other words fails; a full stop more fails",
    },
    Sheet {
        kind: "contains",
        measures: Measures::Presence,
        checks: "all texts, or any, stand in the answer",
        protects: &["format-violation", "scope-mismatch"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "`not 50 USD` contains `50 USD`: a negation, a quotation and a wrong sentence around the text pass",
    },
    Sheet {
        kind: "not_contains",
        measures: Measures::Presence,
        checks: "none of the texts stands in the answer, invisible characters and the way accents are written left out",
        protects: &["format-violation", "scope-mismatch"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "the same thing said in other words, with other spelling or look-alike letters passes",
    },
    Sheet {
        kind: "regex",
        measures: Measures::Presence,
        checks: "a linear-time pattern matches, or with `negate` does not",
        protects: &["format-violation"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "it sees characters, not meaning; what matches may stand in a wrong sentence",
    },
    Sheet {
        kind: "starts_with",
        measures: Measures::Presence,
        checks: "the answer begins with one of the texts, white space left out",
        protects: &["format-violation"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "what follows may take the beginning back",
    },
    Sheet {
        kind: "ends_with",
        measures: Measures::Presence,
        checks: "the answer ends with one of the texts, white space left out",
        protects: &["format-violation"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "a full stop or a quotation mark after the text fails; what comes before is not looked at",
    },
];

fn wanted<'e>(text: Option<&'e str>, example: &'e Example) -> Option<Cow<'e, str>> {
    match text {
        Some(text) => Some(text.into()),
        None => example.expect.answer.as_ref().and_then(scalar_text),
    }
}

pub(super) fn exact_applies(text: Option<&str>, example: &Example) -> bool {
    wanted(text, example).is_some()
}

/// Passes when the output is the wanted text; symptom `different-answer`.
pub(super) fn exact(
    text: Option<&str>,
    normalise: bool,
    example: &Example,
    response: &Response,
) -> Graded {
    let Some(wanted) = wanted(text, example) else {
        return Graded::missing("nothing to compare with");
    };
    let same = if normalise {
        words(&wanted) == words(&response.output)
    } else {
        wanted == response.output
    };
    if same {
        Graded::pass()
    } else {
        Graded::fail("different-answer", format!("expected {wanted:?}"))
    }
}

/// Lower case, runs of white space as one space.
pub(super) fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn folded(text: &str, ignore_case: bool) -> Cow<'_, str> {
    let lower = || {
        text.bytes()
            .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    };
    if !ignore_case || lower() {
        text.into()
    } else {
        text.to_lowercase().into()
    }
}

/// Passes when all (or any) of the texts occur; symptom `missing-text`.
pub(super) fn contains(
    texts: &[String],
    ignore_case: bool,
    any: bool,
    example: &Example,
    response: &Response,
) -> Graded {
    let output = folded(&response.output, ignore_case);
    let mut absent = Vec::new();
    for text in texts.iter().chain(&example.expect.contains) {
        if !output.contains(folded(text, ignore_case).as_ref()) {
            absent.push(text.as_str());
        } else if any {
            return Graded::pass();
        }
    }
    match absent.first() {
        None => Graded::pass(),
        Some(first) if absent.len() == 1 => {
            Graded::fail("missing-text", format!("does not contain {first:?}"))
        }
        Some(_) => Graded::fail("missing-text", format!("contains none of {absent:?}")),
    }
}

/// Returns a text composed (NFC) and without characters that nobody sees: a forbidden word does not become another by a zero-width space in it.
fn bare(text: &str, ignore_case: bool) -> Cow<'_, str> {
    if text.is_ascii() {
        return folded(text, ignore_case);
    }
    let seen: String = text.chars().filter(|one| !is_hidden(*one)).collect();
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&seen);
    folded(&composed, ignore_case).into_owned().into()
}

/// Passes when none of the texts occurs, as written or in its bare form; symptom `forbidden-text`.
pub(super) fn not_contains(
    texts: &[String],
    ignore_case: bool,
    example: &Example,
    response: &Response,
) -> Graded {
    let output = folded(&response.output, ignore_case);
    let seen = (!output.is_ascii()).then(|| bare(&response.output, ignore_case));
    let found = texts
        .iter()
        .chain(&example.expect.not_contains)
        .find(|text| {
            output.contains(folded(text, ignore_case).as_ref())
                || seen.as_ref().is_some_and(|seen| {
                    let text = bare(text, ignore_case);
                    !text.is_empty() && seen.contains(text.as_ref())
                })
        });
    match found {
        None => Graded::pass(),
        Some(text) => Graded::fail("forbidden-text", format!("contains {text:?}")),
    }
}

/// Passes when the pattern matches (or, negated, does not); symptoms `no-match` and `match`.
pub(super) fn regex(regex: &Regex, negate: bool, response: &Response) -> Graded {
    // Whether it matches is known before where the match begins and ends.
    if !negate {
        return match regex.is_match(&response.output) {
            true => Graded::pass(),
            false => Graded::fail("no-match", "the pattern does not match"),
        };
    }
    match regex.find(&response.output) {
        None => Graded::pass(),
        Some(found) => Graded::fail("match", format!("the pattern matches {:?}", found.as_str())),
    }
}

/// Passes when the output starts (or ends) with one of the texts, white space around it left out; symptoms `different-start` and `different-end`.
pub(super) fn edge(edge: Edge, texts: &[String], ignore_case: bool, response: &Response) -> Graded {
    /// A character beyond the text shows how the answer really begins or ends.
    const SHOWN: usize = 60;
    let output = response.output.trim();
    // Only as much of the answer as a text can reach is looked at: a long answer costs nothing more.
    let reach = texts.iter().map(|text| text.len()).max().unwrap_or(0) * 4 + SHOWN * 4;
    let near = match edge {
        Edge::Start => &output[..output.floor_char_boundary(reach)],
        Edge::End => &output[output.ceil_char_boundary(output.len().saturating_sub(reach))..],
    };
    // ASCII is folded byte by byte, so that it need not be folded as a whole.
    let bytewise = ignore_case && near.is_ascii();
    let folded_near = folded(near, ignore_case && !bytewise);
    let stands = |text: &String| {
        let wanted = folded(text.trim(), ignore_case);
        let there = match edge {
            Edge::Start => folded_near.get(..wanted.len()),
            Edge::End => folded_near
                .len()
                .checked_sub(wanted.len())
                .and_then(|from| folded_near.get(from..)),
        };
        !wanted.is_empty()
            && there.is_some_and(|there| match bytewise {
                true => there.eq_ignore_ascii_case(&wanted),
                false => there == wanted,
            })
    };
    if texts.iter().any(stands) {
        return Graded::pass();
    }
    match edge {
        Edge::Start => {
            let to = near.char_indices().nth(SHOWN);
            let shown = &near[..to.map_or(near.len(), |(at, _)| at)];
            Graded::fail("different-start", format!("begins with {shown:?}"))
        }
        Edge::End => {
            let from = near.char_indices().rev().nth(SHOWN - 1);
            let shown = &near[from.map_or(0, |(at, _)| at)..];
            Graded::fail("different-end", format!("ends with {shown:?}"))
        }
    }
}
