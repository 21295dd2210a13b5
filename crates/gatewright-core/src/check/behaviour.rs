//! Behavioural tests: which cells of capability and kind of test are empty, and what would fill them.
//!
//! Said only of sets that have such tests at all: a set without any has chosen another way to find what breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::few;
use crate::manifest::Manifest;
use crate::perturb::{Perturbation, Probe, Setting, Test, perturb, probe};
use crate::problem::{Location, Problem};
use crate::reference::{Example, ReferenceSet};
use serde_json::Value;

/// Bases on which a perturbation is tried before it is said to fit none.
const TRIED_MAX: usize = 200;

pub(super) fn check(manifest: &Manifest, reference: &ReferenceSet, problems: &mut Vec<Problem>) {
    let mut filled: BTreeSet<(String, Test)> = BTreeSet::new();
    let mut first: Option<Arc<Example>> = None;
    for (_, example) in reference.tests() {
        let Some(probe) = probe(&example) else {
            unread(&example, problems);
            continue;
        };
        fields(&example, &probe, problems);
        first = first.or(Some(example));
        filled.insert((probe.capability, probe.test));
    }
    let Some(first) = first else {
        return;
    };
    let first = &*first;
    let bases = bases(reference);
    let setting = Setting {
        seed: manifest.seed,
        not_ready: Setting::not_ready(&manifest.promise.when_not_ready),
        qualities: &[],
        by_capability: false,
        added: "",
        others: &bases,
    };
    let mut cells: BTreeMap<(&str, Test), Vec<Perturbation>> = BTreeMap::new();
    for kind in Perturbation::ALL {
        for test in kind.tests() {
            let cell = cells.entry((kind.capability(), *test)).or_default();
            cell.push(kind);
        }
    }
    let mut fits: BTreeMap<Perturbation, BTreeSet<Test>> = BTreeMap::new();
    for ((capability, test), kinds) in cells {
        if filled.contains(&(capability.to_owned(), test)) {
            continue;
        }
        let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
        let mut able = kinds.clone();
        able.retain(|kind| {
            let tests = fits
                .entry(*kind)
                .or_insert_with(|| made(*kind, &bases, &setting));
            tests.contains(&test)
        });
        let what = format!("no behavioural test of {capability} x {}", test.word());
        let problem = Problem::suggestion("empty-test-cell", Location::file(&first.at.file), what);
        problems.push(if able.is_empty() {
            problem
                .why(format!("{} fits none of the examples", words.join(", ")))
                .instead(lacking(&kinds))
        } else {
            let flags: Vec<String> = able
                .iter()
                .map(|kind| format!("--kind {}", kind.word()))
                .collect();
            problem
                .why("what is not tested there is not seen there")
                .instead(format!("gatewright perturb {} -o FILE", flags.join(" ")))
        });
    }
    without_mft(&filled, first, problems);
}

/// Tests of a relation say how a verdict moves; that the simple case works at all is another question.
fn without_mft(filled: &BTreeSet<(String, Test)>, first: &Example, problems: &mut Vec<Problem>) {
    if filled.iter().any(|(_, test)| *test == Test::Mft) {
        let capabilities: BTreeSet<&str> = filled.iter().map(|(name, _)| name.as_str()).collect();
        let without: Vec<&str> = capabilities
            .into_iter()
            .filter(|name| !filled.contains(&((*name).to_owned(), Test::Mft)))
            .collect();
        if without.is_empty() {
            return;
        }
        let what = format!(
            "no minimum-functionality test of {}",
            few(without.iter().copied())
        );
        problems.push(
            Problem::suggestion("empty-test-cell", Location::file(&first.at.file), what)
                .why("a verdict that never changes may be wrong every time")
                .instead("gatewright perturb --template FILE -o FILE"),
        );
    }
}

/// Reads the first examples that are no variants.
fn bases(reference: &ReferenceSet) -> Vec<Example> {
    let entries = (0..).zip(&reference.examples);
    entries
        .filter(|(_, entry)| !entry.traits.variant)
        .take(TRIED_MAX)
        .filter_map(|(index, _)| reference.example(index).ok())
        .map(|base| (*base).clone())
        .collect()
}

/// Which tests a perturbation makes of the first bases.
fn made(kind: Perturbation, bases: &[Example], setting: &Setting<'_>) -> BTreeSet<Test> {
    bases
        .iter()
        .filter_map(|base| perturb(kind, base, setting).ok())
        .filter_map(|variant| Some(probe(&variant)?.test))
        .collect()
}

/// What examples would need so that a perturbation fits.
fn lacking(kinds: &[Perturbation]) -> &'static str {
    match kinds.first().map(|kind| kind.capability()) {
        Some("grounding" | "conflict" | "security") => {
            "examples with `sources` that hold a `text`, and with the facts that the answer takes from them under `expect.contains`"
        }
        Some("negation") => {
            "examples with `expect.must_call`, or with a yes or no as `expect.answer`"
        }
        Some("entities") => "examples that name a person, a place or a number beside the point",
        _ => "examples with an input that may be shown",
    }
}

/// A test that says it is one and is not read as one.
fn unread(example: &Example, problems: &mut Vec<Problem>) {
    if let Some(stated) = example.fields.get("test")
        && example.fields.contains_key("capability")
    {
        let what = format!("`fields.test` is {stated}, which names no test");
        problems.push(
            Problem::error("unknown-word", example.at.clone(), what)
                .instead("`mft` or `never`; a variant says its `relation` instead"),
        );
    }
}

/// Fields that are written and cannot be read would change what a test asks.
fn fields(example: &Example, probe: &Probe, problems: &mut Vec<Problem>) {
    if let Some(stated) = example.fields.get("tolerance")
        && probe.tolerance.is_none()
    {
        let what = format!("`fields.tolerance` is {stated}");
        problems.push(
            Problem::error("bad-quantity", example.at.clone(), what)
                .instead("a number of 0 or more, in units of the score"),
        );
    }
    let known = ["not-decrease", "not-increase"];
    if let Some(stated) = example.fields.get("direction")
        && probe.test == Test::Directional
        && !stated.as_str().is_some_and(|word| known.contains(&word))
    {
        let shown = match stated {
            Value::String(word) => format!("`{word}`"),
            other => other.to_string(),
        };
        let what = format!("`fields.direction` is {shown}");
        problems.push(
            Problem::error("unknown-word", example.at.clone(), what)
                .instead("`not-decrease` or `not-increase`"),
        );
    }
}
