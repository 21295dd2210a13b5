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
