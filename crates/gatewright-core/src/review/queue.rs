//! What a graded run makes worth a person's label: where candidate and production differ, those first that can change the decision.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyse::{Analysis, Finding, Flip, Standing};
use crate::manifest::{Manifest, Subject, Verb};

/// An example on which people are asked what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Index into the reference set.
    pub example: u32,
    /// The criterion whose verdicts picked it.
    pub of: u16,
    /// The candidate fails what production passes; else it is the other way round, or both fail.
    pub regressed: bool,
}

/// Lists the criteria that a rule of the gate decides by, in the order of the page. Watches decide nothing.
pub fn deciding(manifest: &Manifest) -> BTreeSet<u16> {
    let rules = manifest.gate.iter().filter(|it| it.verb != Verb::Watch);
    rules.flat_map(|rule| of(manifest, rule.subject)).collect()
}

/// Lists the criteria that find what a rule is about.
fn of(manifest: &Manifest, subject: Subject) -> Vec<u16> {
    let all = (0..).zip(&manifest.criteria);
    let finds = |class: u16| all.filter(move |(_, it)| it.classes().contains(&class));
    match subject {
        Subject::Criterion(criterion) => vec![criterion],
        Subject::Class(class) => finds(class).map(|(index, _)| index).collect(),
    }
}

/// Lists the examples on which candidate and production differ by some criteria: regressed first, by cost.
pub fn flips(analysis: &Analysis, wanted: &BTreeSet<u16>) -> Vec<Picked> {
    let flips = analysis.flips.iter();
    let flips = flips.filter(|flip| wanted.contains(&flip.criterion));
    let picked = flips.map(|flip| Picked {
        example: flip.example,
        of: flip.criterion,
        regressed: flip.change < 0.0,
    });
    picked.collect()
}

/// Lists the examples that a never or a guard turns on, and that no fresh trial has answered for: events first, then what regressed, by cost.
/// Rules that hold turn on none.
pub fn guard_flips(
    manifest: &Manifest,
    analysis: &Analysis,
    wanted: &BTreeSet<u16>,
) -> Vec<Picked> {
    let flips = analysis.flips.iter();
    let flips: BTreeMap<(u32, u16), &Flip> =
        flips.map(|it| ((it.example, it.criterion), it)).collect();
    let mut seen = BTreeSet::new();
    let mut picked = Vec::new();
    for verb in [Verb::Never, Verb::Guard] {
        for finding in turning(manifest, analysis, verb) {
            let found_by = of(manifest, manifest.gate[finding.rule].subject);
            let found_by = found_by.into_iter().filter(|of| wanted.contains(of));
            let found_by: Vec<u16> = found_by.collect();
            for &example in &finding.examples {
                for &of in &found_by {
                    let flip = flips.get(&(example, of));
                    let is_open = match flip {
                        Some(flip) => flip.change < 0.0 && flip.fresh.is_none(),
                        // An event is one whatever production does.
                        None => verb == Verb::Never,
                    };
                    if is_open && seen.insert((example, of)) {
                        picked.push(Picked {
                            example,
                            of,
                            regressed: flip.is_some(),
                        });
                    }
                }
            }
        }
    }
    picked
}

/// Findings of one verb that do not hold, and that no fresh trial has answered for.
fn turning<'a>(
    manifest: &'a Manifest,
    analysis: &'a Analysis,
    verb: Verb,
) -> impl Iterator<Item = &'a Finding> {
    let open = move |it: &&Finding| {
        let is_of = manifest.gate[it.rule].verb == verb;
        is_of && it.standing != Standing::Holds && it.measured.fresh.is_none()
    };
    analysis.findings.iter().filter(open)
}
