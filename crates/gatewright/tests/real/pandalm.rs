//! PandaLM: preferences of three people and of two model judges between five systems.

use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Bin, Missing, Outcome};
use gatewright_core::review::{Whose, reviewers};

use crate::ledger::{Ledger, escaped};
use crate::run::{Run, swap};

const PAIRS: &str = "pair_win_tie_loss_by_majority(system_1 wins,ties,system_2 wins)";

pub(crate) fn check(ledger: &mut Ledger) {
    let pointer = format!("/{}", escaped(PAIRS));
    let mut totals = [0_u64; 3];
    let mut people: Vec<(u32, Bin)> = Vec::new();
    let mut judges: [Vec<(u32, Bin)>; 2] = [Vec::new(), Vec::new()];
    for pair in ledger.keys(&pointer) {
        let (first, second) = pair.split_once('_').expect("two systems");
        let run = Run::of(
            "pandalm/pairs.yaml",
            &swap(("llama-7b", "bloom-7b"), (second, first)),
        );
        let counts = run.system("preferred", &[], Role::Candidate).counts;
        for (place, found) in [counts.win, counts.tie, counts.loss]
            .into_iter()
            .enumerate()
        {
            ledger.count(&format!("{pointer}/{}/{place}", escaped(&pair)), found);
            totals[place] += found;
        }
        // Compared on these examples only; nothing is assumed about the rest.
        let compared = (0..run.reference.examples.len() as u32)
            .map(|index| run.reference.example(index).expect("unchanged"))
            .filter(|one| one.segments.get("pair") == Some(&pair))
            .count();
        ledger.described(
            "not applicable elsewhere",
            counts.not_applicable,
            999 - compared as u64,
        );
        people.extend(verdicts(&run, "preferred"));
        judges[0].extend(verdicts(&run, "preferred-gpt35"));
        judges[1].extend(verdicts(&run, "preferred-pandalm"));
    }
    // The pairs are named in one order, so a win is label 1 and a loss label 2.
    for (label, found) in [("1", totals[0]), ("0", totals[1]), ("2", totals[2])] {
        ledger.count(&format!("/majority_counts/{label}"), found);
    }
    people.sort_by_key(|(example, _)| *example);
    for list in &mut judges {
        list.sort_by_key(|(example, _)| *example);
    }
    for (name, verdicts) in [("judge_gpt35", &judges[0]), ("judge_pandalm7b", &judges[1])] {
        judge(ledger, name, &people, verdicts);
    }
    let all = Run::of("pandalm/pairs.yaml", &[]);
    let differ = all.labels.disagreement(all.criterion("preferred")).differ;
    ledger.count("/items_not_unanimous", u64::from(differ));
    let unread = judges[0]
        .iter()
        .filter(|(_, bin)| *bin == Bin::Missing(Missing::GraderError))
        .count();
    ledger.described("garbage verdicts stay missing", unread, 25);
    calibrated(ledger);
}

/// The people among themselves, and the judges against most of them, as `gatewright calibrate` sees it.
fn calibrated(ledger: &mut Ledger) {
    let run = Run::of("pandalm/judges.yaml", &[]);
    let whose = Whose {
        criterion: 0,
        beside: true,
        system: None,
    };
    let people = reviewers(&run.labels, &run.reference, whose);
    for (place, names) in ["1-2", "1-3", "2-3"].into_iter().enumerate() {
        let pair = &people.pairs[place];
        let found = format!("{}-{}", &pair.first[6..], &pair.second[6..]);
        assert_eq!(found, names);
        assert_eq!(pair.n, 999);
        let pointer = format!("/cohen_kappa/{names}");
        ledger.rounded(&pointer, pair.kappa.expect("defined"), 6);
    }
    ledger.rounded("/fleiss_kappa", people.fleiss.expect("defined"), 6);
    ledger.rounded(
        "/krippendorff_alpha_nominal",
        people.alpha.expect("defined"),
        6,
    );
    for (criterion, reading) in [
        ("gpt35", "judge_gpt35 invalid_excluded"),
        ("gpt35-garbage-is-tie", "judge_gpt35 invalid_as_tie"),
        ("pandalm", "judge_pandalm7b invalid_excluded"),
    ] {
        let index = run.criterion(criterion);
        let all = run.analysis.calibrations.iter();
        let found = all.clone().find(|one| one.criterion == index);
        let found = found.expect("a calibration");
        let verdicts = found.pooled.verdicts.as_ref().expect("verdicts");
        let n = ledger.peek(&format!("/{reading}/n")).as_u64();
        assert_eq!(Some(verdicts.n), n);
        let accuracy = ledger.peek(&format!("/{reading}/accuracy")).as_f64();
        let apart = (verdicts.same - accuracy.expect("a number")).abs();
        assert!(apart < 0.5e-6, "{reading}: {apart}");
        ledger.rounded(
            &format!("/{reading}/cohen_kappa"),
            verdicts.kappa.expect("defined"),
            6,
        );
        // Where people prefer one of the two, both judges mostly name it. What they do with ties is in the accuracy above and
        // in no error rate: a tie is neither a pass nor a fail.
        let decided = found.pooled.table.passes() + found.pooled.table.fails();
        assert!(decided < verdicts.n, "ties are in no rate");
    }
}

fn verdicts(run: &Run, criterion: &str) -> Vec<(u32, Bin)> {
    run.outcomes(criterion, Role::Candidate)
        .filter(|outcome: &&Outcome| outcome.bin != Bin::NotApplicable)
        .map(|outcome| (outcome.example, outcome.bin))
        .collect()
}

/// How often a judge says what most people say: over what can be read, and with the rest taken for ties.
fn judge(ledger: &mut Ledger, name: &str, people: &[(u32, Bin)], verdicts: &[(u32, Bin)]) {
    assert_eq!(people.len(), verdicts.len());
    let read = |bin: &Bin| !matches!(bin, Bin::Missing(_));
    let excluded: Vec<bool> = people
        .iter()
        .zip(verdicts)
        .filter(|(_, b)| read(&b.1))
        .map(|(a, b)| a == b)
        .collect();
    let as_tie: Vec<bool> = people
        .iter()
        .zip(verdicts)
        .map(|(a, b)| a.1 == if read(&b.1) { b.1 } else { Bin::Tie })
        .collect();
    for (reading, same) in [("invalid_excluded", excluded), ("invalid_as_tie", as_tie)] {
        let at = format!("/{name} {reading}");
        ledger.count(&format!("{at}/n"), same.len() as u64);
        let share = same.iter().filter(|same| **same).count() as f64 / same.len() as f64;
        ledger.rounded(&format!("{at}/accuracy"), share, 6);
    }
}

/// The page's own pair, with recorded outputs: 28 won, 11 tied, 72 lost.
#[test]
fn bloom_loses_to_llama() {
    if gatewright_testkit::shared_data().is_none() {
        return;
    }
    let run = Run::of("pandalm/bloom-llama.yaml", &[]);
    let counts = run.system("preferred", &[], Role::Candidate).counts;
    assert_eq!(
        (counts.win, counts.tie, counts.loss, counts.total()),
        (28, 11, 72, 111)
    );
    assert_eq!(run.proposal.answer, gatewright_core::decide::Answer::Hold);
}
