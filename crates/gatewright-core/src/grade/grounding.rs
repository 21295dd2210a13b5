//! Grounding: what an answer cites is there and is the right source, and what it quotes and counts stands in it.
//!
//! One criterion tells five failures apart, each with its own repair: nothing cited, the wrong source, a stale version, a claim that no source makes, and an answer
//! where sources contradict each other.

use std::borrow::Cow;

use regex::Regex;
use serde_json::Value;

use super::behaviour;
use super::digits::{in_a_word, plain};
use super::evidence;
use super::quotation;
use super::sheet::{Measures, Sheet};
use super::verdict::Graded;
use crate::manifest::Grounding;
use crate::pattern;
use crate::reference::{Example, SourceDocument};
use crate::response::{Behaviour, Response};

/// What this grader can tell.
pub(super) const SHEETS: [Sheet; 1] = [Sheet {
    kind: "grounding",
    measures: Measures::Evidence,
    checks: "the right sources are cited, in their present version; quoted passages and numbers stand in what is cited; contradicting sources are met as declared",
    protects: &[
        "unsupported-claim",
        "wrong-source",
        "missing-source",
        "source-conflict",
    ],
    cost: "each passage and number once through the cited sources",
    deterministic: true,
    blind_spot: "a claim without a number, in the answer's own words, is not checked; a true number may be said of something else; numbers in words are not read",
}];

/// Everything that a failure can be called.
pub(super) const SYMPTOMS: [&str; 8] = [
    "no-source",
    "unknown-source",
    "stale-source",
    "wrong-source",
    "missing-source",
    "unsupported-quote",
    "unsupported-number",
    "source-conflict",
];

/// Characters shown around a number that no source has.
const AROUND: usize = 24;
/// Longest answer whose claims are looked for.
const OUTPUT_LIMIT: usize = 1 << 20;

/// Grounding with its pattern compiled.
#[derive(Debug)]
pub(super) struct ReadyGrounding {
    rules: Grounding,
    number: Regex,
}

impl ReadyGrounding {
    /// # Errors
    /// Never for the pattern that ships.
    pub(super) fn new(rules: &Grounding) -> Result<Self, String> {
        let number = pattern::compile(r"\d+(?:[.,'’\u{a0}\u{202f} ]?\d+)*", false);
        Ok(Self {
            rules: rules.clone(),
            number: number.map_err(|error| error.to_string())?,
        })
    }

    /// Holds an answer against the example's sources; the first thing that is wrong names the symptom.
    pub(super) fn grade(&self, example: &Example, response: &Response) -> Graded {
        if response.output.len() > OUTPUT_LIMIT {
            return Graded::missing(format!("the output has more than {OUTPUT_LIMIT} bytes"));
        }
        // Nothing is said and nothing is done: there is no answer to hold against the sources.
        if behaviour::observed(response).is_none() {
            return Graded::missing("the response is empty: nothing in it rests on its sources");
        }
        if let Some(graded) = self.conflict(example, response) {
            return graded;
        }
        // Who asks, refuses or hands over claims nothing that needs a source.
        let observed = behaviour::observed(response);
        if observed.is_some_and(|observed| observed != Behaviour::Answer) {
            return Graded::pass();
        }
        let cited = match self.cited(example, response) {
            Ok(cited) => cited,
            Err(graded) => return graded,
        };
        let texts: Vec<&str> = cited.iter().filter_map(|it| it.text.as_deref()).collect();
        if self.rules.quotes
            && let Some(passage) = quotation::unsupported(&texts, &response.output)
        {
            let named = cited
                .iter()
                .filter_map(|it| Some((it.id.as_str(), it.text.as_deref()?)));
            let why = evidence::unsaid("no cited source", &passage, named);
            return Graded::fail("unsupported-quote", why);
        }
        if self.rules.numbers
            && let Some(graded) = self.numbers(&texts, example, &response.output)
        {
            return graded;
        }
        Graded::pass()
    }

    /// An answer where sources contradict each other and something else is expected.
    fn conflict(&self, example: &Example, response: &Response) -> Option<Graded> {
        let field = self.rules.conflicts.as_deref()?;
        let declared = match example.fields.get(field)? {
            Value::Null | Value::Bool(false) => return None,
            Value::Array(pairs) if pairs.is_empty() => return None,
            other => other,
        };
        let expected = example.expect.behaviour?;
        let observed = behaviour::observed(response)?;
        if observed != Behaviour::Answer || expected == Behaviour::Answer {
            return None;
        }
        let why = format!(
            "answers where its sources contradict each other ({declared}); it should {}",
            expected.word()
        );
        Some(Graded::fail("source-conflict", why))
    }

    /// Finds what is cited, or says what is wrong with it.
    fn cited<'e>(
        &self,
        example: &'e Example,
        response: &Response,
    ) -> Result<Vec<&'e SourceDocument>, Graded> {
        let wanted = &example.expect.must_cite;
        if response.citations.is_empty() {
            return if self.rules.must_cite {
                Err(Graded::fail("no-source", "cites nothing"))
            } else {
                Ok(example.sources.iter().collect())
            };
        }
        let mut cited = Vec::new();
        let mut ids = Vec::new();
        for citation in &response.citations {
            let whole = example.sources.iter().find(|source| source.id == *citation);
            let (source, version) = match (whole, citation.rsplit_once('@')) {
                (Some(source), _) => (source, None),
                (None, Some((id, version))) => {
                    let found = example.sources.iter().find(|source| source.id == id);
                    (found.ok_or_else(|| unknown(citation))?, Some(version))
                }
                (None, None) => return Err(unknown(citation)),
            };
            if let (Some(said), Some(present)) = (version, source.version.as_deref())
                && said != present
            {
                let why = format!("cites `{}` as of {said}; it is of {present}", source.id);
                return Err(Graded::fail("stale-source", why));
            }
            ids.push(source.id.as_str());
            cited.push(source);
        }
        let absent: Vec<&String> = wanted
            .iter()
            .filter(|id| !ids.contains(&id.as_str()))
            .collect();
        if !wanted.is_empty() && absent.len() == wanted.len() {
            let why = format!(
                "cites {}, and not `{}`",
                ids.join(", "),
                wanted.join("`, `")
            );
            return Err(Graded::fail("wrong-source", why));
        }
        if let Some(id) = absent.first() {
            return Err(Graded::fail(
                "missing-source",
                format!("does not cite `{id}`"),
            ));
        }
        Ok(cited)
    }

    fn numbers(&self, texts: &[&str], example: &Example, output: &str) -> Option<Graded> {
        let input = example.input.text();
        let mut known: Vec<f64> = Vec::new();
        for text in texts.iter().copied().chain([input.as_ref()]) {
            let text = plain(text);
            for found in self.number.find_iter(&text) {
                known.extend(signed(&text, found.start(), found.as_str()));
            }
        }
        let output = &*plain(output);
        for found in self.number.find_iter(output) {
            if is_item_mark(output, found.start(), found.end())
                || is_in_a_word(output, found.start())
            {
                continue;
            }
            let said = signed(output, found.start(), found.as_str());
            let stands = said.iter().any(|value| known.iter().any(|it| it == value));
            if !said.is_empty() && !stands {
                let at = output[..found.start()].chars().count() + 1;
                let why = format!(
                    "{:?} at character {at}: no cited source says {}{}",
                    around(output, found.start(), found.end()),
                    if said.iter().all(|value| *value < 0.0) {
                        "-"
                    } else {
                        ""
                    },
                    found.as_str()
                );
                return Some(Graded::fail("unsupported-number", why));
            }
        }
        None
    }
}

fn unknown(citation: &str) -> Graded {
    let why = format!("cites `{citation}`, which is no source of the example");
    Graded::fail("unknown-source", why)
}

/// Reads a number in the ways it can be meant: `1,250` is 1250, `1.250` is 1.25 or 1250, `3,5` is 3.5, `1 250` is 1250 or two numbers.
fn values(text: &str) -> Vec<f64> {
    let mut values = Vec::new();
    let separators: Vec<char> = text.chars().filter(|one| !one.is_ascii_digit()).collect();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let groups: Vec<&str> = text.split(|one: char| !one.is_ascii_digit()).collect();
    let grouped =
        groups.len() > 1 && groups[0].len() <= 3 && groups[1..].iter().all(|it| it.len() == 3);
    match separators.as_slice() {
        [] => add(&mut values, text),
        [one] => {
            if grouped {
                add(&mut values, &digits);
            }
            if matches!(one, '.' | ',') {
                add(&mut values, &text.replace(*one, "."));
            }
        }
        [.., last] => {
            if grouped {
                add(&mut values, &digits);
            }
            // Thousands and a decimal mark: `1,250.50` and `1.250,50`.
            if matches!(last, '.' | ',')
                && separators[..separators.len() - 1]
                    .iter()
                    .all(|it| it != last)
            {
                let cut = text.rfind(*last).unwrap_or(0);
                let whole: String = text[..cut].chars().filter(char::is_ascii_digit).collect();
                let rest: String = text[cut..].chars().filter(char::is_ascii_digit).collect();
                add(&mut values, &format!("{whole}.{rest}"));
            }
        }
    }
    // A date or a row of numbers: each part by itself.
    if values.is_empty() {
        for group in groups {
            add(&mut values, group);
        }
    }
    values
}

/// Reads a number with the sign before it.
fn signed(text: &str, start: usize, number: &str) -> Vec<f64> {
    let mut values = values(number);
    if is_negative(&text[..start]) {
        values.iter_mut().for_each(|value| *value = -*value);
    }
    values
}

/// Says whether what stands before a number makes it negative: `-30`, `–30`, `-$30`, `minus 30`. Not a range (`20-30`), a name (`COVID-19`) or the
/// mark of a list (`- 30`).
fn is_negative(before: &str) -> bool {
    let currency = |one: char| matches!(one, '$' | '€' | '£' | '¥' | '₹');
    let before = before.trim_end_matches(currency);
    let words = before.trim_end_matches([' ', '\u{a0}', '\u{202f}']);
    let said = words.len() < before.len()
        && words
            .get(words.len().saturating_sub(5)..)
            .is_some_and(|it| it.eq_ignore_ascii_case("minus"));
    let Some(rest) = before.strip_suffix(['-', '–']) else {
        return said && !ends_a_word(&words[..words.len() - 5]);
    };
    let rest = rest.trim_end_matches(currency);
    !ends_a_word(rest) && !rest.ends_with(['-', '–', '%', ')'])
}

fn ends_a_word(text: &str) -> bool {
    let last = text.chars().next_back();
    last.is_some_and(|one| one.is_alphanumeric() || one == '_')
}

fn add(values: &mut Vec<f64>, text: &str) {
    if let Ok(value) = text.parse::<f64>()
        && value.is_finite()
        && !values.contains(&value)
    {
        values.push(value);
    }
}

/// `1.` or `2)` at the beginning of a line counts items and claims nothing.
fn is_item_mark(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].rsplit('\n').next().unwrap_or_default();
    let (Ok(number), Some(mark)) = (text[start..end].parse::<u32>(), text[end..].chars().next())
    else {
        return false;
    };
    // The first item, or one whose predecessor stands at the beginning of a line before it.
    let follows = || {
        let earlier = format!("{}{mark}", number.saturating_sub(1));
        let mut lines = text[..start].lines();
        lines.any(|line| line.trim_start().starts_with(&earlier))
    };
    before.trim().is_empty() && matches!(mark, '.' | ')') && (number == 1 || follows())
}

/// `B2`, `x86`, `#3`: a name, not a number.
fn is_in_a_word(text: &str, start: usize) -> bool {
    let before = &text[..start];
    before.ends_with('#') || in_a_word(before)
}

fn around(text: &str, start: usize, end: usize) -> Cow<'_, str> {
    let from = text[..start]
        .char_indices()
        .rev()
        .nth(AROUND)
        .map_or(0, |(at, _)| at);
    let to = text[end..]
        .char_indices()
        .nth(AROUND)
        .map_or(text.len(), |(at, _)| end + at);
    Cow::Borrowed(text[from..to].trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_in_the_ways_they_can_be_meant() {
        for (text, wanted) in [
            ("50", vec![50.0]),
            ("1,250", vec![1250.0, 1.25]),
            ("1.250", vec![1250.0, 1.25]),
            ("3,5", vec![3.5]),
            ("1,250.50", vec![1250.5]),
            ("1.250,50", vec![1250.5]),
            ("1 250 000", vec![1_250_000.0]),
            ("2026.10.01", vec![2026.0, 10.0, 1.0]),
        ] {
            assert_eq!(values(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_sign_is_told_from_a_range_a_name_and_a_mark() {
        for (text, negative) in [
            ("-", true),
            ("it is -", true),
            ("(–", true),
            ("-$", true),
            ("€-", true),
            ("$ -", true),
            ("Minus ", true),
            ("20-", false),
            ("20 %-", false),
            ("COVID-", false),
            ("- ", false),
            ("--", false),
            ("terminus ", false),
            ("minus", false),
            ("", false),
            ("é", false),
        ] {
            assert_eq!(is_negative(text), negative, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let ready = ReadyGrounding::new(&Grounding::default()).expect("it ships");
            for found in ready.number.find_iter(&text) {
                let _ = signed(&text, found.start(), found.as_str());
                let _ = around(&text, found.start(), found.end());
                let _ = is_item_mark(&text, found.start(), found.end());
            }
        }
    }
}
