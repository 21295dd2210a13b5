//! Templates: a sentence with slots becomes cases, one for each way to fill them; a seed draws some where there are many.
//!
//! The template is the cluster of its cases: sentences that differ in one word are no independent evidence.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::draw::Draw;
use super::{Direction, Test};
use crate::problem::{Location, Problem, has_errors};
use crate::reference::{Example, load};
use crate::source::Source;

/// Most cases that one template makes when no limit is asked for.
pub const CASES_MAX: u64 = 1000;

/// A sentence with slots.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its name: the cluster of its cases, and the start of their ids.
    pub id: String,
    /// The sentences; each makes cases of its own.
    pub texts: Vec<String>,
    /// What fills each slot, at least one word.
    pub lexicon: BTreeMap<String, Vec<String>>,
    /// What is expected, as an example says it; texts may name slots.
    pub expect: Map<String, Value>,
    /// The capability: the row of the table.
    pub capability: String,
    /// The kind of test.
    pub test: Test,
    /// For invariance and direction: the slot whose first word makes the base and whose others make its variants.
    pub vary: Option<String>,
    /// For direction: which way the score may not move.
    pub direction: Direction,
    /// How far the score may move.
    pub tolerance: Option<f64>,
    /// The failure class that it probes.
    pub probes: Option<String>,
    /// Segment values.
    pub segments: Map<String, Value>,
    /// Sources, as an example lists them.
    pub sources: Option<Value>,
    /// What the system may see besides.
    pub context: Map<String, Value>,
    /// Where it stands.
    pub at: Location,
}

/// Why a template makes no cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// There are more ways to fill its slots than are taken without asking.
    TooMany {
        /// How many; `u64::MAX` for more than can be counted.
        ways: u64,
    },
    /// What it makes is no example.
    Wrong(Vec<Problem>),
}

/// What expansion must be told besides the template.
#[derive(Clone, Copy, Debug)]
pub struct Making<'a> {
    /// The seed of the draw.
    pub seed: u64,
    /// At most so many cases; a base with its variants is one.
    pub limit: Option<u64>,
    /// True when the page has a dimension `capability`.
    pub by_capability: bool,
    /// When they were made.
    pub added: &'a str,
}

/// Finds the slots that a text names, in order.
///
/// # Errors
/// What is wrong with its braces.
pub fn slots(text: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    filled(text, |slot| {
        found.push(slot.to_owned());
        Some("")
    })?;
    Ok(found)
}

/// Fills the slots of a text.
///
/// # Errors
/// What is wrong with its braces, or a slot without a word.
fn filled<'w>(text: &str, mut word: impl FnMut(&str) -> Option<&'w str>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            out.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        let close = rest.find('}').filter(|_| brace == "{");
        let slot = close.map(|close| &rest[..close]);
        let named = |slot: &&str| {
            let inside = |one: char| one.is_alphanumeric() || matches!(one, '-' | '_');
            !slot.is_empty() && slot.chars().all(inside)
        };
        let Some(slot) = slot.filter(named) else {
            return Err(match brace {
                "{" => "a brace that opens no slot".to_owned(),
                _ => "a brace that closes no slot".to_owned(),
            });
        };
        out.push_str(word(slot).ok_or_else(|| format!("the slot `{{{slot}}}` has no words"))?);
        rest = &rest[slot.len() + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Fills the slots of every text inside a value.
fn filled_value<'w>(
    value: &Value,
    word: &mut dyn FnMut(&str) -> Option<&'w str>,
) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(filled(text, &mut *word)?),
        Value::Array(items) => {
            let mut all = Vec::with_capacity(items.len());
            for item in items {
                all.push(filled_value(item, word)?);
            }
            Value::Array(all)
        }
        Value::Object(map) => {
            let mut all = Map::new();
            for (key, value) in map {
                all.insert(key.clone(), filled_value(value, word)?);
            }
            Value::Object(all)
        }
        other => other.clone(),
    })
}

/// Makes the cases of a template: examples as a reference file holds them, in the order of the ways to fill its slots.
///
/// # Errors
/// When there are too many ways and no limit, or what it makes cannot be read as an example.
pub fn expand(template: &Template, making: Making<'_>) -> Result<Vec<Example>, Unmade> {
    let free: Vec<(&String, &Vec<String>)> = template
        .lexicon
        .iter()
        .filter(|(slot, _)| Some(*slot) != template.vary.as_ref())
        .collect();
    let ways = free
        .iter()
        .map(|(_, words)| words.len() as u64)
        .chain([template.texts.len() as u64])
        .try_fold(1_u64, u64::checked_mul)
        .unwrap_or(u64::MAX);
    let count = making.limit.unwrap_or(ways).min(ways);
    if making.limit.is_none() && ways > CASES_MAX {
        return Err(Unmade::TooMany { ways });
    }
    let mut rows = Vec::new();
    for way in drawn(template, making.seed, count, ways) {
        case(template, making, &free, way, &mut rows).map_err(|what| wrong(template, what))?;
    }
    read_back(template, &rows)
}

fn wrong(template: &Template, what: String) -> Unmade {
    Unmade::Wrong(vec![Problem::error("bad-slot", template.at.clone(), what)])
}

/// Draws `count` of `ways` without putting back, sorted.
fn drawn(template: &Template, seed: u64, count: u64, ways: u64) -> Vec<u64> {
    if count >= ways {
        return (0..ways).collect();
    }
    let mut draw = Draw::new(seed, &template.id, "template");
    let mut chosen = std::collections::BTreeSet::new();
    // Floyd's way: each step adds exactly one, however many ways there are.
    for last in ways - count..ways {
        let one = draw.below(last + 1);
        if !chosen.insert(one) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}

/// Writes the rows of one way to fill the slots: a case by itself, or a base and its variants.
fn case(
    template: &Template,
    making: Making<'_>,
    free: &[(&String, &Vec<String>)],
    way: u64,
    rows: &mut Vec<Value>,
) -> Result<(), String> {
    let texts = template.texts.len() as u64;
    let text = &template.texts[(way % texts) as usize];
    let mut rest = way / texts;
    let mut words: BTreeMap<&str, &str> = BTreeMap::new();
    for (slot, all) in free {
        let count = all.len() as u64;
        words.insert(slot, &all[(rest % count) as usize]);
        rest /= count;
    }
    let id = format!("{}-{:04}", template.id, way + 1);
    let Some(vary) = &template.vary else {
        rows.push(one(template, making, text, &words, (&id, None))?);
        return Ok(());
    };
    let all = template.lexicon.get(vary).map_or(&[][..], Vec::as_slice);
    for (index, word) in all.iter().enumerate() {
        words.insert(vary, word);
        let own = match index {
            0 => id.clone(),
            _ => format!("{id}~{}", index + 1),
        };
        let base = (index > 0).then_some(id.as_str());
        rows.push(one(template, making, text, &words, (&own, base))?);
    }
    Ok(())
}

fn one(
    template: &Template,
    making: Making<'_>,
    text: &str,
    words: &BTreeMap<&str, &str>,
    (id, base): (&str, Option<&str>),
) -> Result<Value, String> {
    let mut word = |slot: &str| words.get(slot).copied();
    let mut fields = Map::new();
    fields.insert("capability".to_owned(), json!(template.capability));
    if let Some(probes) = &template.probes {
        fields.insert("probes".to_owned(), json!(probes));
    }
    if let Some(tolerance) = template.tolerance {
        fields.insert("tolerance".to_owned(), json!(tolerance));
    }
    match template.test {
        Test::Mft | Test::Never => {
            fields.insert("test".to_owned(), json!(template.test.word()));
        }
        Test::Directional => {
            fields.insert("direction".to_owned(), json!(template.direction.word()));
        }
        Test::Invariance => {}
    }
    let mut segments = template.segments.clone();
    if making.by_capability {
        segments.insert("capability".to_owned(), json!(template.capability));
    }
    let mut row = json!({
        "id": id,
        "input": filled(text, &mut word)?,
        "expect": filled_value(&Value::Object(template.expect.clone()), &mut word)?,
        "context": filled_value(&Value::Object(template.context.clone()), &mut word)?,
        "segments": filled_value(&Value::Object(segments), &mut word)?,
        "cluster": format!("template {}", template.id),
        "provenance": {
            "kind": "synthetic",
            "ref": format!("{} x {}: template {}", template.capability, template.test.word(), template.id),
            "added": making.added,
            "by": "gatewright perturb",
            "why": format!("a template filled (seed {})", making.seed),
        },
        "fields": fields,
    });
    if let Some(sources) = &template.sources {
        row["sources"] = filled_value(sources, &mut word)?;
    }
    if let (Some(base), Some(relation)) = (base, template.test.relation()) {
        row["variant_of"] = json!(base);
        row["relation"] = json!(relation);
        if let Some(row) = row.as_object_mut() {
            // A variant is in its base's cluster.
            row.remove("cluster");
        }
    }
    Ok(row)
}

/// Reads the rows as the loader will; what is wrong with them is wrong with the template.
fn read_back(template: &Template, rows: &[Value]) -> Result<Vec<Example>, Unmade> {
    let source = Source::plain(template.at.file.to_string(), template.at.clone());
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let mut problems = Vec::new();
    let mut examples = load::whole(&source, &template.at.file, text.as_bytes(), &mut problems);
    if has_errors(&problems) {
        for problem in &mut problems {
            problem.at = template.at.clone();
        }
        problems.sort();
        problems.dedup();
        return Err(Unmade::Wrong(problems));
    }
    for example in &mut examples {
        example.at = template.at.clone();
    }
    Ok(examples)
}
