//! XSTest: refusals and over-refusals of five systems, judged by people and by two automatic judges.
//!
//! Completions are never printed.

use gatewright_core::analyse::{Standing, Undecided};
use gatewright_core::calibrate::{Fitness, Reason};
use gatewright_core::decide::Answer;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Bin, Missing};
use gatewright_core::response::Behaviour;
use gatewright_core::review::{Whose, reviewers};
use gatewright_stats::proportion;

use crate::ledger::{Ledger, escaped};
use crate::run::{Run, swap};

pub(crate) const SYSTEMS: [&str; 5] = [
    "gpt4",
    "llama2new",
    "llama2orig",
    "mistralguard",
    "mistralinstruct",
];
const LABELS: [(&str, &str); 3] = [
    ("full-compliance", "1_full_compliance"),
    ("full-refusal", "2_full_refusal"),
    ("partial-refusal", "3_partial_refusal"),
];

pub(crate) fn check(ledger: &mut Ledger) {
    for pair in ledger.keys("/paired") {
        let (production, candidate) = names(&pair);
        let run = Run::of(
            "xstest/trap.yaml",
            &swap(("llama2orig", "mistralinstruct"), (production, candidate)),
        );
        for slice in ["all", "safe", "unsafe"] {
            let only = [("label", slice)];
            let at = if slice == "all" { &[][..] } else { &only[..] };
            run.compare(
                ledger,
                &format!("/paired/{}/{slice}", escaped(&pair)),
                "right",
                at,
            );
        }
    }
    let run = Run::of(
        "xstest/trap.yaml",
        &swap(
            ("llama2orig", "mistralinstruct"),
            ("mistralguard", "mistralinstruct"),
        ),
    );
    for kind in ledger.keys("/paired_by_type_mistralguard_to_mistralinstruct") {
        let pointer = format!("/paired_by_type_mistralguard_to_mistralinstruct/{kind}");
        run.compare(ledger, &pointer, "right", &[("type", &kind)]);
    }
    let (mut agreed, mut rated) = (0, 0);
    for system in SYSTEMS {
        let (same, n) = one_system(ledger, system);
        agreed += same;
        rated += n;
    }
    ledger.count("/agreement/ALL/n", rated);
    ledger.count("/agreement/ALL/disagreements", rated - agreed);
    ledger.rounded(
        "/agreement/ALL/percent",
        100.0 * agreed as f64 / rated as f64,
        4,
    );
}

/// `production=A,candidate=B` as (A, B).
fn names(pair: &str) -> (&str, &str) {
    pair.strip_prefix("production=")
        .and_then(|rest| rest.split_once(",candidate="))
        .unwrap_or_else(|| panic!("`{pair}` names no pair"))
}

/// Counts, rates, agreement and judges of one system; returns on how many answers two people agree, and of how many.
fn one_system(ledger: &mut Ledger, system: &str) -> (u64, u64) {
    let right = Run::of("xstest/trap.yaml", &[("mistralinstruct", system)]);
    for slice in ["all", "safe", "unsafe"] {
        let only = [("label", slice)];
        let at = if slice == "all" { &[][..] } else { &only[..] };
        let cell = right.system("right", at, Role::Candidate);
        ledger.count(&format!("/ok_counts/{system}/{slice}"), cell.counts.pass);
        if slice == "all" {
            let wilson = proportion::wilson(cell.counts.pass as f64, cell.n as f64, 0.025);
            ledger.rounded(&format!("/ok_counts/{system}/wilson95_all/0"), wilson.0, 6);
            ledger.rounded(&format!("/ok_counts/{system}/wilson95_all/1"), wilson.1, 6);
        }
    }
    let labels = Run::of("xstest/labels.yaml", &[("llama2orig", system)]);
    for slice in ["safe", "unsafe"] {
        for (criterion, label) in LABELS {
            let cell = labels.system(
                &format!("final-{criterion}"),
                &[("label", slice)],
                Role::Candidate,
            );
            let share = 100.0 * cell.counts.pass as f64 / cell.n as f64;
            ledger.rounded(
                &format!("/rates_human_final_pct/{system}/{slice}/{label}"),
                share,
                1,
            );
        }
    }
    judges(ledger, &labels, system);
    kappas(ledger, system);
    agreement(ledger, &labels, system)
}

/// The label that an annotator gave to each example, by its place in [`LABELS`]; none where it could not be read.
fn given(run: &Run, who: &str) -> Vec<Option<usize>> {
    let mut given = vec![None; run.reference.examples.len()];
    for (place, (criterion, _)) in LABELS.iter().enumerate() {
        for outcome in run.outcomes(&format!("{who}-{criterion}"), Role::Candidate) {
            if outcome.bin == Bin::Pass {
                given[outcome.example as usize] = Some(place);
            }
        }
    }
    given
}

/// How often the automatic judges say what the people's final label says.
fn judges(ledger: &mut Ledger, run: &Run, system: &str) {
    let people = given(run, "final");
    for (who, name) in [("gpt4", "judge_gpt4"), ("strmatch", "judge_strmatch")] {
        let judge = given(run, who);
        let at = format!("/judge_vs_human_final/{system}/{name}");
        let n = people.len() as f64;
        let same = people.iter().zip(&judge).filter(|(a, b)| a == b).count();
        ledger.rounded(&format!("{at}/accuracy_3class"), same as f64 / n, 6);
        let full = people
            .iter()
            .zip(&judge)
            .filter(|(a, b)| (**a == Some(0)) == (**b == Some(0)))
            .count();
        ledger.rounded(
            &format!("{at}/accuracy_binary_compliance"),
            full as f64 / n,
            6,
        );
        let unread = run
            .outcomes(&format!("{who}-full-compliance"), Role::Candidate)
            .filter(|outcome| outcome.bin == Bin::Missing(Missing::GraderError))
            .count();
        ledger.count(&format!("{at}/invalid_labels"), unread as u64);
    }
}

/// The judges against the people's final label, as `gatewright calibrate` sees it.
fn kappas(ledger: &mut Ledger, system: &str) {
    for judge in ["judge_gpt4", "judge_strmatch"] {
        let run = Run::of(
            "xstest/judged.yaml",
            &[("mistralinstruct", system), ("judge_gpt4", judge)],
        );
        let found = &run.analysis.calibrations[0];
        let (role, reading) = &found.systems[0];
        assert_eq!(*role, Role::Candidate);
        let labels = reading.labels.as_ref().expect("the same labels");
        ledger.rounded(
            &format!("/judge_vs_human_final/{system}/{judge}/cohen_kappa_3class"),
            labels.kappa.expect("defined"),
            6,
        );
        assert_eq!(
            labels.n, 450,
            "the unreadable ones are a class of their own"
        );
        let unread = ledger.peek(&format!(
            "/judge_vs_human_final/{system}/{judge}/invalid_labels"
        ));
        assert_eq!(
            Some(reading.judge_unread),
            unread.as_u64(),
            "kept as missing"
        );
    }
}

/// On how many answers two people gave the same of the three labels, and of how many.
fn agreement(ledger: &mut Ledger, run: &Run, system: &str) -> (u64, u64) {
    let found = run
        .labels
        .disagreement(run.criterion("two-full-compliance"));
    let (n, agreed) = (
        u64::from(found.shared),
        u64::from(found.shared - found.differ),
    );
    ledger.count(&format!("/agreement/{system}/n"), n);
    ledger.rounded(
        &format!("/agreement/{system}/percent"),
        100.0 * agreed as f64 / n as f64,
        4,
    );
    let people = reviewers(
        &run.labels,
        &run.reference,
        Whose {
            criterion: run.criterion("two-full-compliance"),
            beside: false,
            system: Some(system),
        },
    );
    for (figure, found) in [
        ("fleiss_kappa", people.fleiss),
        ("cohen_kappa", people.pairs[0].kappa),
        ("krippendorff_alpha_nominal", people.alpha),
    ] {
        let pointer = format!("/agreement/{system}/{figure}");
        ledger.rounded(&pointer, found.expect("defined"), 6);
    }
    (agreed, n)
}

/// The judge agrees with people on the small model hardly more than by chance: it decides nothing there, and its own account of the
/// two systems, which would block the release, is not taken.
#[test]
fn an_unfit_judge_neither_blocks_nor_ships() {
    if gatewright_testkit::shared_data().is_none() {
        return;
    }
    let run = Run::of("xstest/judged.yaml", &[]);
    let found = &run.analysis.calibrations[0];
    assert!(
        matches!(found.fitness, Fitness::Unfit { .. }),
        "{:?}",
        found.fitness
    );
    let inaccurate = |reason: &Reason| matches!(reason, Reason::Inaccurate { .. });
    assert!(found.fitness.reasons().iter().any(inaccurate));
    assert!(matches!(
        found.each[&Role::Candidate],
        Fitness::Unfit { .. }
    ));
    for finding in &run.analysis.findings {
        assert!(finding.deciding);
        let unfit = Standing::Undecided(Undecided::JudgeUnfit {
            fitness: Box::new(found.fitness.clone()),
        });
        assert_eq!(
            std::mem::discriminant(&finding.standing),
            std::mem::discriminant(&unfit),
            "{:?}",
            finding.standing
        );
    }
    assert_eq!(run.proposal.answer, Answer::NotEnoughEvidence);
    // On the large model it agrees well, and with 22 fails to go by that is not yet enough for a critical rule.
    let large = Run::of("xstest/judged.yaml", &[("mistralinstruct", "gpt4")]);
    let found = &large.analysis.calibrations[0];
    assert!(
        matches!(
            found.each[&Role::Candidate],
            Fitness::Fit | Fitness::Undecided { .. }
        ),
        "{:?}",
        found.each[&Role::Candidate]
    );
}

/// The source's string match looks at how an answer begins: its 2,250 labels follow from the texts, and so do their counts by system and segment.
#[test]
fn the_string_match_follows_from_the_texts() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let rows = |file: &str| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(data.join("xstest").join(file)).expect(file);
        let rows = text.lines();
        rows.map(|row| serde_json::from_str(row).expect("JSON"))
            .collect()
    };
    let segment: std::collections::BTreeMap<String, bool> = rows("examples.jsonl")
        .iter()
        .map(|row| {
            let id = row["id"].as_str().expect("an id").to_owned();
            (id, row["segment_label"] == "unsafe")
        })
        .collect();
    let mut answers = 0;
    for system in SYSTEMS {
        let run = Run::of("xstest/behaviour.yaml", &[("mistralinstruct", system)]);
        let seen = |criterion| -> Vec<_> {
            let outcomes = run.outcomes(criterion, Role::Candidate);
            outcomes
                .map(|it| (it.example, it.observed, it.bin))
                .collect()
        };
        let (words, labels) = (seen("words"), seen("strmatch"));
        assert_eq!(words, labels, "{system}");
        assert!(words.iter().all(|(_, observed, _)| observed.is_some()));
        answers += words.len();
        for (criterion, annotator) in [("words", "judge_strmatch"), ("people", "human_final")] {
            // Counted once more, from the file alone.
            let mut counted = [[0_u64; 2]; 2];
            for row in rows("labels.jsonl") {
                if row["annotator"] == annotator && row["system"] == system {
                    let of = segment[row["example_id"].as_str().expect("an id")];
                    let refused = row["label"] != "1_full_compliance";
                    counted[usize::from(of)][usize::from(refused)] += 1;
                }
            }
            let index = run.criterion(criterion);
            let found = |slice: &[(&str, &str)]| {
                let mut all = run.analysis.conduct.iter();
                let at = |it: &&gatewright_core::analyse::Conduct| {
                    let own = it
                        .slice
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_str()));
                    it.criterion == index && own.eq(slice.iter().copied())
                };
                all.find(at).expect("a matrix").systems[&Role::Candidate].clone()
            };
            let whole = found(&[]);
            let done = [Behaviour::Answer, Behaviour::Refuse];
            let matrix =
                done.map(|expected| done.map(|did| whole.counts[expected as usize][did as usize]));
            assert_eq!(matrix, counted, "{system} {criterion}");
            assert_eq!(whole.units(), 450);
            let over = &whole.over_refusal;
            assert_eq!((over.count, over.of), (counted[0][1], 250));
            let failed = &whole.refusal_failure;
            assert_eq!((failed.count, failed.of), (counted[1][0], 200));
            let unsafe_only = found(&[("label", "unsafe")]);
            assert_eq!(unsafe_only.over_refusal.of, 0);
            assert_eq!(unsafe_only.refusal_failure.count, counted[1][0]);
        }
    }
    assert_eq!(answers, 2250);
}
