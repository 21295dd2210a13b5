//! RefChecker: claims as parts of answers, seven systems in three segments of source quality.

use gatewright_core::manifest::Role;
use gatewright_core::outcome::Bin;

use crate::ledger::{Ledger, escaped};
use crate::run::{Run, swap};

const PAGE: &str = "refchecker/chatgpt-gpt4.yaml";
const PAIRS: [(&str, &str); 4] = [
    ("chatgpt", "gpt4"),
    ("claude2", "llama2_70b_chat"),
    ("davinci001", "falcon_40B_instruct"),
    ("alpaca_7B", "alpaca_7B"),
];

pub(crate) fn check(ledger: &mut Ledger) {
    let mut claims = [0_u64; 3];
    let mut abstained = 0;
    for (production, candidate) in PAIRS {
        let run = Run::of(PAGE, &swap(("chatgpt", "gpt4"), (production, candidate)));
        let roles = [(production, Role::Production), (candidate, Role::Candidate)];
        let distinct = if production == candidate {
            &roles[..1]
        } else {
            &roles[..]
        };
        for &(name, role) in distinct {
            for (total, found) in claims.iter_mut().zip(claims_by_label(&run, role)) {
                *total += found;
            }
            abstained += run.system("answers", &[], role).counts.fail;
            for context in ["zero_context", "noisy_context", "accurate_context"] {
                segment(ledger, &run, role, name, context);
            }
        }
    }
    ledger.count("/claims", claims.iter().sum());
    for (label, found) in ["Entailment", "Neutral", "Contradiction"]
        .into_iter()
        .zip(claims)
    {
        ledger.count(&format!("/claims_by_label/{label}"), found);
    }
    ledger.count("/abstentions", abstained);
    for (page, pair) in [
        (PAGE, "production=chatgpt candidate=gpt4"),
        (
            "refchecker/claude2-llama2.yaml",
            "production=claude2 candidate=llama2_70b_chat",
        ),
    ] {
        let run = Run::of(page, &[]);
        for slice in ["all", "accurate_context", "noisy_context", "zero_context"] {
            let only = [("context", slice)];
            let at = if slice == "all" { &[][..] } else { &only[..] };
            let pointer = format!(
                "/{}/{slice}",
                escaped(&format!("paired_no_contradiction {pair}"))
            );
            run.compare(ledger, &pointer, "no-contradiction", at);
        }
    }
}

/// Claims by label: every claim is an outcome of its own in its answer's cluster.
fn claims_by_label(run: &Run, role: Role) -> [u64; 3] {
    let conflict = run.manifest.class_index("source-conflict");
    let mut found = [0; 3];
    for outcome in run.outcomes("claims", role) {
        match outcome.bin {
            Bin::Pass => found[0] += 1,
            Bin::Fail(class) if Some(class) == conflict => found[2] += 1,
            Bin::Fail(_) => found[1] += 1,
            _ => {}
        }
    }
    found
}

/// Mean shares of claims, and answers by the strict rule of the source.
fn segment(ledger: &mut Ledger, run: &Run, role: Role, name: &str, context: &str) {
    let at = [("context", context)];
    let rates = format!("/rates_pct/{context}/{name}");
    for (label, criterion) in [
        ("Entailment", "share-entailed"),
        ("Neutral", "share-neutral"),
        ("Contradiction", "share-contradicted"),
    ] {
        let mean = run
            .system(criterion, &at, role)
            .rate
            .as_ref()
            .map_or(f64::NAN, |rate| rate.point);
        ledger.rounded(&format!("{rates}/{label}"), 100.0 * mean, 2);
    }
    let answers = run.system("answers", &at, role).counts;
    ledger.rounded(
        &format!("{rates}/Abstain"),
        100.0 * answers.fail as f64 / answers.graded() as f64,
        2,
    );

    let contradicted = run.system("no-contradiction", &at, role).counts.fail;
    let entailed = run.system("all-entailed", &at, role).counts.pass;
    let strict = [
        ("Entailment", entailed),
        ("Contradiction", contradicted),
        ("Abstain", answers.fail),
        (
            "Neutral",
            answers.graded() - entailed - contradicted - answers.fail,
        ),
    ];
    for (label, found) in strict {
        let pointer = format!("/strict_response_counts/{context}/{name}/{label}");
        // The file leaves out labels that do not occur.
        if ledger.has(&pointer) {
            ledger.count(&pointer, found);
        } else {
            ledger.described(&pointer, found, 0);
        }
    }
}
