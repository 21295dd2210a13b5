//! Graders of the answer's text: exact, contains, not_contains, regex.

use std::borrow::Cow;

use regex::Regex;

use super::verdict::Graded;
use crate::json::scalar_text;
use crate::reference::Example;
use crate::response::Response;

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
    if ignore_case {
        text.to_lowercase().into()
    } else {
        text.into()
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

/// Passes when none of the texts occurs; symptom `forbidden-text`.
pub(super) fn not_contains(
    texts: &[String],
    ignore_case: bool,
    example: &Example,
    response: &Response,
) -> Graded {
    let output = folded(&response.output, ignore_case);
    let found = texts
        .iter()
        .chain(&example.expect.not_contains)
        .find(|text| output.contains(folded(text, ignore_case).as_ref()));
    match found {
        None => Graded::pass(),
        Some(text) => Graded::fail("forbidden-text", format!("contains {text:?}")),
    }
}

/// Passes when the pattern matches (or, negated, does not); symptoms `no-match` and `match`.
pub(super) fn regex(regex: &Regex, negate: bool, response: &Response) -> Graded {
    match (regex.find(&response.output), negate) {
        (Some(_), false) | (None, true) => Graded::pass(),
        (None, false) => Graded::fail("no-match", "the pattern does not match"),
        (Some(found), true) => {
            Graded::fail("match", format!("the pattern matches {:?}", found.as_str()))
        }
    }
}
