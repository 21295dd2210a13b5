//! The opposite: what was asked for is asked not to happen, and what was claimed is denied.

use serde_json::Value;

use super::spoken::{said, say};
use super::words::find_word;
use super::{Change, NotApplicable, Test};
use crate::reference::{Example, Expect};

/// How a wish begins, and how its opposite does.
const WISHES: [(&str, &str); 12] = [
    ("i want to", "I do not want to"),
    ("we want to", "we do not want to"),
    ("i would like to", "I would not like to"),
    ("i'd like to", "I would not like to"),
    ("we'd like to", "we would not like to"),
    ("i need to", "I do not want to"),
    ("i want", "I do not want"),
    ("i need", "I do not want"),
    ("i would like", "I would not like"),
    ("i'd like", "I would not like"),
    ("could you please", "could you please not"),
    ("please", "please do not"),
];

/// Negates a wish whose tools must then not be called, or a claim whose expected yes or no then turns.
pub(super) fn negation(base: &Example) -> Result<Change, NotApplicable> {
    let text = said(&base.input)?;
    let expect = &base.expect;
    if !expect.must_call.is_empty() {
        let Some(other) = unwished(text) else {
            return NotApplicable::because("no wish in it that can be turned round");
        };
        let mut forbidden = expect.must_not_call.clone();
        forbidden.extend(expect.must_call.iter().cloned());
        return Ok(Change {
            expect: Some(Expect {
                must_not_call: forbidden,
                ..Expect::default()
            }),
            test: Test::Never,
            ..Change::said(say(&base.input, other), "the wish is negated")
        });
    }
    let Some(turned) = expect.answer.as_ref().and_then(turned) else {
        return NotApplicable::because(
            "it expects no tool call and no yes or no, so nothing says what its opposite must give",
        );
    };
    if text.contains(['?', '？', '؟']) {
        return NotApplicable::because("it asks; only a claim can be denied without changing more");
    }
    let other = format!("It is not true that: {text}");
    Ok(Change {
        expect: Some(Expect {
            answer: Some(turned),
            contains: Vec::new(),
            ..expect.clone()
        }),
        test: Test::Directional,
        ..Change::said(say(&base.input, other), "the claim is denied")
    })
}

/// Turns the first wish round.
fn unwished(text: &str) -> Option<String> {
    let text = text.replace('’', "'");
    if find_word(&text, "not", 0).is_some() || text.to_ascii_lowercase().contains("n't") {
        // What is negated already would become a double negation, which people read either way.
        return None;
    }
    let (from, to) = WISHES
        .iter()
        .find(|(from, _)| find_word(&text, from, 0).is_some())?;
    let at = find_word(&text, from, 0)?;
    let capital = text[at..].starts_with(|one: char| one.is_ascii_uppercase());
    let mut to = (*to).to_owned();
    if capital {
        to[..1].make_ascii_uppercase();
    }
    Some(format!("{}{to}{}", &text[..at], &text[at + from.len()..]))
}

/// The other of yes and no, true and false.
fn turned(answer: &Value) -> Option<Value> {
    match answer {
        Value::Bool(truth) => Some(Value::Bool(!truth)),
        Value::String(text) => {
            let other = match text.trim().to_ascii_lowercase().as_str() {
                "yes" => "no",
                "no" => "yes",
                "true" => "false",
                "false" => "true",
                _ => return None,
            };
            let mut other = other.to_owned();
            if text
                .trim()
                .starts_with(|one: char| one.is_ascii_uppercase())
            {
                other[..1].make_ascii_uppercase();
            }
            Some(Value::String(other))
        }
        _ => None,
    }
}
