//! The reference set: examples that say little, are past their date, or speak for nobody.

use std::collections::BTreeMap;

use super::{Facts, few};
use crate::grade::Graders;
use crate::manifest::{Kind, Manifest, Target};
use crate::problem::{Location, Problem};
use crate::reference::{Claim, Entry, ReferenceSet};

/// From this size on, a set of which nothing was ever retired is worth a word.
const GROWN: usize = 200;

pub(super) fn check(
    manifest: &Manifest,
    reference: &ReferenceSet,
    facts: &Facts,
    problems: &mut Vec<Problem>,
) {
    if reference.examples.is_empty() {
        problems.push(
            Problem::error("no-examples", manifest.at("reference"), "the reference set is empty")
                .why("there is nothing to judge")
                .instead("examples as JSON lines under `reference/`, one a line: `{\"id\": …, \"input\": …, \"expect\": {…}}`"),
        );
        return;
    }
    near_empty(manifest, reference, problems);
    stale(reference, facts, problems);
    mix(manifest, reference, facts, problems);
}

/// Reports a group of examples once, where the first stands.
fn group(
    code: &'static str,
    reference: &ReferenceSet,
    found: &[&Entry],
    what: &str,
    why: &str,
    instead: &str,
    problems: &mut Vec<Problem>,
) {
    if let Some(first) = found.first() {
        let names = few(found.iter().map(|example| example.id.as_str()));
        let count = found.len();
        let mut at = reference.at(first);
        // The example as a whole.
        at.column = 1;
        let noun = if count == 1 { "example:" } else { "examples:" };
        problems.push(
            Problem::suggestion(code, at, format!("{count} {noun} {what}: {names}"))
                .why(why)
                .instead(instead),
        );
    }
}

fn near_empty(manifest: &Manifest, reference: &ReferenceSet, problems: &mut Vec<Problem>) {
    // Labels may say what examples do not, and recorded outputs need no input.
    let needs_input = manifest
        .systems
        .values()
        .any(|system| matches!(system.target, Target::Command { .. } | Target::Live(_)));
    let blank = |example: &&Entry| {
        let traits = example.traits;
        traits.short && (needs_input || traits.empty)
    };
    let found: Vec<&Entry> = reference.examples.iter().filter(blank).collect();
    group(
        "near-empty",
        reference,
        &found,
        "nearly no input",
        "an example that asks nothing tells nothing",
        "the whole input as the user sent it",
        problems,
    );
}

/// Examples that expect nothing, to which no criterion applies.
pub(super) fn unjudged(
    manifest: &Manifest,
    reference: &ReferenceSet,
    graders: &Graders<'_>,
    problems: &mut Vec<Problem>,
) {
    let criteria = 0..manifest.criteria.len() as u16;
    let is_judged = |example: u32| criteria.clone().any(|it| graders.applies(it, example));
    let found: Vec<&Entry> = (0..)
        .zip(&reference.examples)
        .filter(|(index, example)| example.traits.expects_nothing && !is_judged(*index))
        .map(|(_, example)| example)
        .collect();
    group(
        "expects-nothing",
        reference,
        &found,
        "nothing is expected",
        "no criterion of the page applies to them",
        "`expect: {behaviour: …}`, `contains`, `must_cite`, …",
        problems,
    );
}

fn stale(reference: &ReferenceSet, facts: &Facts, problems: &mut Vec<Problem>) {
    let past: Vec<&Entry> = reference
        .examples
        .iter()
        .filter(|example| example.review_by.is_some_and(|date| date < facts.today))
        .collect();
    let share = past.len() as f64 / reference.examples.len() as f64;
    group(
        "stale-example",
        reference,
        &past,
        &format!("past `review_by` ({:.0} % of the set)", 100.0 * share),
        "a stale example blocks good work and approves bad work",
        "look at each again: a new date, a new expectation, or `status: retired`",
        problems,
    );
    let mut moved: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for (example, claim) in reference.claims() {
        let is_other = match claim {
            Claim::File { path, stated } => {
                let now = facts.file_digests.get(&**path);
                now.is_some_and(|now| *now != Some(*stated))
            }
            Claim::Text { .. } => true,
        };
        let example = &reference.examples[example as usize];
        let found = is_other.then(|| moved.entry(claim.name()).or_default());
        if let Some(found) = found
            && found.last().is_none_or(|last| last.id != example.id)
        {
            found.push(example);
        }
    }
    for (file, found) in moved {
        let gone = matches!(facts.file_digests.get(file), Some(None));
        let what = if gone {
            format!("the source `{file}` is gone")
        } else {
            format!("the source `{file}` has changed since")
        };
        group(
            "stale-source",
            reference,
            &found,
            &what,
            "what they expect may no longer be true",
            "read the source again, mend the expectation, and update `digest`",
            problems,
        );
    }
}

fn mix(manifest: &Manifest, reference: &ReferenceSet, facts: &Facts, problems: &mut Vec<Problem>) {
    let n = reference.examples.len();
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for example in &reference.examples {
        *kinds.entry(example.kind).or_default() += 1;
    }
    let count = |kind| kinds.get(&kind).copied().unwrap_or(0);
    let at = || -> Location { manifest.at("reference") };
    if 2 * count(Kind::Synthetic) > n {
        let what = format!("{} of {n} examples are synthetic", count(Kind::Synthetic));
        problems.push(
            Problem::suggestion("synthetic-share", at(), what)
                .why("made-up examples say where the boundary is, not what users send")
                .instead("sampled traffic, incidents and edge cases beside them"),
        );
    }
    if count(Kind::Handpicked) == n {
        problems.push(
            Problem::suggestion("handpicked", at(), "every example is handpicked")
                .why("they may break a guard, and carry no claim about traffic")
                .instead("`provenance: {kind: traffic, …}` where examples were sampled"),
        );
    }
    let benchmark = count(Kind::Benchmark) == n;
    if count(Kind::Incident) == 0 && facts.incidents.is_empty() && !benchmark {
        problems.push(
            Problem::suggestion(
                "no-incidents",
                at(),
                "no example comes from an incident, and none is on record",
            )
            .why("what failed once is the cheapest thing to catch again")
            .instead("`gatewright incident add`, with the example that reproduces it"),
        );
    }
    let aside = reference.set_aside.len();
    if aside == 0 && n >= GROWN && !benchmark {
        problems.push(
            Problem::suggestion(
                "nothing-retired",
                at(),
                format!("none of {n} examples was ever retired"),
            )
            .why("a suite that only grows loses its authority")
            .instead("`status: retired` for examples that decide nothing any more"),
        );
    }
    if 3 * aside > n + aside {
        let what = format!("{aside} of {} examples are set aside", n + aside);
        problems.push(
            Problem::suggestion("much-set-aside", at(), what)
                .why("what is quarantined is never run")
                .instead("mend or retire what is in quarantine, and sample anew"),
        );
    }
}
