//! IFEval: recorded verdicts of the original checkers, by prompt and by instruction.

use std::collections::BTreeMap;

use gatewright_core::manifest::Role;
use gatewright_core::outcome::Bin;

use crate::ledger::Ledger;
use crate::run::Run;

pub(crate) fn check(ledger: &mut Ledger) {
    let run = Run::of("ifeval_gpt4/format.yaml", &[]);
    for reading in ["strict", "loose"] {
        for level in ["prompt", "instruction"] {
            let cell = run.system(&format!("{reading}-{level}"), &[], Role::Candidate);
            let at = format!("/ifeval_{reading}/{level}_level");
            ledger.count(&format!("{at}/0"), cell.counts.pass);
            ledger.count(&format!("{at}/1"), cell.counts.graded());
            ledger.rounded(
                &format!("{at}/2"),
                cell.counts.pass as f64 / cell.counts.graded() as f64,
                6,
            );
            // 540 prompts carry the 832 instructions: parts never count as examples.
            ledger.described("examples behind the parts", cell.n, 540);
        }
        for (group, violated) in violations(&run, &format!("{reading}-instruction")) {
            ledger.count(
                &format!("/ifeval_{reading}/violations_by_group/{group}"),
                violated,
            );
        }
    }
}

/// Of the 832 instructions, how many may be judged otherwise than the original checkers did: less than 1 %.
const DIFFER_MAX: usize = 8;

/// Where our reading of a recorded answer is not the recorded verdict: reading, example, part. docs/real-data.md says why of each.
const DIFFER: [(&str, &str, u32); 15] = [
    ("strict", "if-2299", 0),
    ("strict", "if-2309", 0),
    ("strict", "if-279", 0),
    ("strict", "if-3456", 1),
    ("strict", "if-3534", 1),
    ("strict", "if-3534", 2),
    ("strict", "if-3617", 0),
    ("loose", "if-1122", 1),
    ("loose", "if-2299", 0),
    ("loose", "if-2309", 0),
    ("loose", "if-279", 0),
    ("loose", "if-3456", 1),
    ("loose", "if-3534", 1),
    ("loose", "if-3534", 2),
    ("loose", "if-3617", 0),
];

/// The product's own grader on the recorded answers, instruction by instruction beside the recorded verdicts.
#[test]
fn recorded_answers_get_their_recorded_verdicts() {
    if gatewright_testkit::shared_data().is_none() {
        return;
    }
    let run = Run::of("ifeval_gpt4/rules.yaml", &[]);
    let mut differ = Vec::new();
    for reading in ["strict", "loose"] {
        let verdicts = |criterion: &str| -> BTreeMap<(u32, Option<u32>), Bin> {
            let outcomes = run.outcomes(criterion, Role::Candidate);
            let keyed = outcomes.map(|it| ((it.example, it.part), it.bin));
            keyed.collect()
        };
        let (ours, theirs) = (verdicts(reading), verdicts(&format!("{reading}-recorded")));
        assert_eq!((ours.len(), theirs.len()), (832, 832), "{reading}");
        let before = differ.len();
        for ((example, part), bin) in theirs {
            if ours[&(example, part)] != bin {
                let id = run.reference.examples[example as usize].id.to_string();
                differ.push((reading, id, part.expect("an instruction")));
            }
        }
        let agree = 832 - (differ.len() - before);
        println!("{reading}: {agree} of 832 instructions agree");
        assert!(differ.len() - before <= DIFFER_MAX, "{reading}: {differ:?}");
    }
    let found: Vec<(&str, &str, u32)> = differ
        .iter()
        .map(|(reading, id, part)| (*reading, id.as_str(), *part))
        .collect();
    assert_eq!(found, DIFFER, "docs/real-data.md names and explains each");
    let page = gatewright_testkit::shared::project_root().join("docs/real-data.md");
    let page = std::fs::read_to_string(page).expect("docs/real-data.md");
    for (_, id, _) in found {
        assert!(page.contains(&format!("`{id}`")), "{id} is not explained");
    }
}

/// Violated instructions by group: the part's number finds the instruction in its example.
fn violations(run: &Run, criterion: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for outcome in run.outcomes(criterion, Role::Candidate) {
        if let (Bin::Fail(_), Some(part)) = (outcome.bin, outcome.part) {
            let example = run.reference.example(outcome.example).expect("unchanged");
            let group = &example.fields["instructions"][part as usize]["group"];
            let group = group.as_str().unwrap_or("no group").to_owned();
            *found.entry(group).or_default() += 1;
        }
    }
    found
}
