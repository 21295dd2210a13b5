//! tau-bench airline: 50 tasks, four recorded trials each, five of which were never graded.

use std::collections::BTreeMap;

use gatewright_core::analyse::Standing;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Bin, Missing};
use gatewright_core::response::AttemptEnd;
use gatewright_stats::{cluster, repeats};

use crate::ledger::{Ledger, escaped};
use crate::run::Run;

pub(crate) fn check(ledger: &mut Ledger) {
    let run = Run::of("tau_airline/passk.yaml", &[]);
    pass_hats(ledger, &run);
    trials(ledger, &run);
    spread(ledger, &run);
    ungraded(ledger, &run);
    tools(ledger, &run);
}

/// pass^k in both readings: ungraded trials counted as failed, as published, and missing.
fn pass_hats(ledger: &mut Ledger, run: &Run) {
    let published = run.system("solved-published", &[], Role::Candidate);
    let missing = run.system("solved", &[], Role::Candidate);
    let absent_fails = run.system("solved-absent-fails", &[], Role::Candidate);
    for k in 0..4 {
        let pointer = format!("/{}/pass^{}", escaped("pass^k"), k + 1);
        ledger.rounded(&pointer, published.pass_hat[k].0.expect("examples"), 6);
        // The strict column of the gating criterion, and the criterion that reads an absent label as a failure, say the same.
        let strict = missing.pass_hat_strict[k].0.expect("examples");
        ledger.described(
            "strict pass^k, to 1e-12",
            (strict - published.pass_hat[k].0.expect("examples")).abs() < 1e-12,
            true,
        );
        ledger.described(
            "absent: fail, to 1e-12",
            (absent_fails.pass_hat[k].0.expect("examples") - strict).abs() < 1e-12,
            true,
        );
    }
    // Ungraded trials missing: stated in the issue, not in the file.
    let observed: Vec<String> = missing
        .pass_hat
        .iter()
        .map(|(rate, n)| format!("{:.4} of {n}", rate.expect("examples")))
        .collect();
    ledger.described(
        "pass^k with ungraded trials missing",
        observed.join(", ").as_str(),
        "0.4250 of 50, 0.2767 of 50, 0.2245 of 49, 0.2174 of 46",
    );
    for writes in ["0", "1", "2+"] {
        let cell = run.system(
            "solved-published",
            &[("gold_writes", writes)],
            Role::Candidate,
        );
        let at = format!("/by_gold_writes/{writes}");
        ledger.count(&format!("{at}/tasks"), cell.n);
        for k in 0..4 {
            ledger.rounded(
                &format!("{at}/pass^{}", k + 1),
                cell.pass_hat[k].0.expect("examples"),
                6,
            );
        }
    }
}

/// Passes per task: (passes, trials), with ungraded trials counted as failed.
fn passes(run: &Run) -> Vec<(u32, u32)> {
    let mut tally = vec![(0, 0); run.reference.examples.len()];
    for outcome in run.outcomes("solved-published", Role::Candidate) {
        let (pass, of) = &mut tally[outcome.example as usize];
        *pass += u32::from(outcome.bin == Bin::Pass);
        *of += 1;
    }
    tally
}

fn trials(ledger: &mut Ledger, run: &Run) {
    let tally = passes(run);
    for k in 1..=4_u32 {
        let sum: f64 = tally
            .iter()
            .map(|&(pass, of)| {
                repeats::pass_at_k(of, pass, k)
                    .ok()
                    .flatten()
                    .expect("four trials of every task")
            })
            .sum();
        ledger.rounded(
            &format!("/{}/pass@{k}", escaped("pass@k")),
            sum / tally.len() as f64,
            6,
        );
        let exactly = tally.iter().filter(|(pass, _)| *pass == k).count();
        ledger.count(&format!("/tasks_by_number_of_passes/{k}"), exactly as u64);
    }
    let none = tally.iter().filter(|(pass, _)| *pass == 0).count();
    ledger.count("/tasks_by_number_of_passes/0", none as u64);
    let mut per_trial: BTreeMap<u32, u64> = BTreeMap::new();
    for outcome in run.outcomes("solved-published", Role::Candidate) {
        *per_trial.entry(outcome.trial).or_default() += u64::from(outcome.bin == Bin::Pass);
    }
    for (trial, passes) in per_trial {
        ledger.count(&format!("/per_trial_passes/{trial}"), passes);
    }
}

/// Standard errors, intraclass correlation and design effect of pass^1.
fn spread(ledger: &mut Ledger, run: &Run) {
    let tally = passes(run);
    let mut values = Vec::new();
    let mut clusters = Vec::new();
    for (task, &(pass, of)) in tally.iter().enumerate() {
        for trial in 0..of {
            values.push(f64::from(u8::from(trial < pass)));
            clusters.push(task as u32);
        }
    }
    let found = cluster::icc_deff(&values, &clusters).expect("50 tasks of four trials");
    ledger.rounded("/icc_oneway", found.icc, 6);
    ledger.rounded("/design_effect", found.deff_kish, 6);
    let mean = cluster::cluster_mean(&values, &clusters, None).expect("50 tasks of four trials");
    ledger.rounded("/cluster_se_pass1", mean.cr2.sqrt(), 6);
    let p = values.iter().sum::<f64>() / values.len() as f64;
    ledger.rounded(
        "/naive_se_pass1",
        (p * (1.0 - p) / values.len() as f64).sqrt(),
        6,
    );
}

/// The five trials that the grader never reached are in sight, by name.
fn ungraded(ledger: &mut Ledger, run: &Run) {
    let missing: Vec<(String, u32)> = run
        .outcomes("solved", Role::Candidate)
        .filter(|outcome| outcome.bin == Bin::Missing(Missing::GraderError))
        .map(|outcome| {
            (
                run.reference.examples[outcome.example as usize]
                    .id
                    .as_str()
                    .to_owned(),
                outcome.trial,
            )
        })
        .collect();
    ledger.count("/ungraded_trials", missing.len() as u64);
    let listed = ledger
        .peek("/ungraded_ids")
        .as_array()
        .expect("a list")
        .clone();
    for (place, pair) in listed.iter().enumerate() {
        let id = pair[0].as_str().expect("an id");
        let trial = missing
            .iter()
            .find(|(found, trial)| found == id && Some(u64::from(*trial)) == pair[1].as_u64())
            .map_or(u64::MAX, |(_, trial)| u64::from(*trial));
        ledger.count(&format!("/ungraded_ids/{place}/1"), trial);
    }
}

/// What the recorded runs did: writes where nothing was to be written, transfers, calls, cost.
fn tools(ledger: &mut Ledger, run: &Run) {
    let writes: Vec<_> = run
        .outcomes("no-writes", Role::Candidate)
        .filter(|outcome| outcome.bin != Bin::NotApplicable)
        .collect();
    let wrote: Vec<_> = writes
        .iter()
        .filter(|outcome| matches!(outcome.bin, Bin::Fail(_)))
        .collect();
    let failed = wrote
        .iter()
        .filter(|one| {
            run.outcomes("solved-published", Role::Candidate)
                .any(|other| {
                    (other.example, other.trial) == (one.example, one.trial)
                        && matches!(other.bin, Bin::Fail(_))
                })
        })
        .count();
    let at = "/writes_made_when_gold_has_none";
    ledger.count(&format!("{at}/trials"), writes.len() as u64);
    ledger.count(&format!("{at}/with_any_write"), wrote.len() as u64);
    ledger.count(&format!("{at}/of_which_failed"), failed as u64);
    let transfers = run.system("no-transfer", &[], Role::Candidate).counts.fail;
    ledger.count("/transferred_trials", transfers);
    let (mut calls, mut cost) = (0, 0.0);
    for recorded in &run.recorded[&Role::Candidate].attempts {
        if let AttemptEnd::Answered { response } = &recorded.end {
            calls += response.tool_calls.len() as u64;
            cost += response.usage.cost_usd.unwrap_or(0.0);
        }
    }
    ledger.count("/tool_calls_total", calls);
    ledger.rounded("/user_sim_cost_usd_total", cost, 6);
}

/// Two trials of a system against two others of the same: nothing may be violated, and nothing may be praised.
#[test]
fn an_a_a_test_violates_nothing() {
    if gatewright_testkit::shared_data().is_none() {
        return;
    }
    let run = Run::of("tau_airline/aa.yaml", &[]);
    for (role, passes) in [(Role::Production, 43), (Role::Candidate, 41)] {
        assert_eq!(
            run.system("solved", &[], role).counts.pass,
            passes,
            "{role:?}"
        );
    }
    let violated: Vec<_> = run
        .analysis
        .findings
        .iter()
        .filter(|finding| finding.standing == Standing::Violated)
        .collect();
    assert!(violated.is_empty(), "{violated:?}");
    // Five ungraded trials could hide a loss: `unbroken` does not ship over missing outcomes.
    assert_ne!(run.proposal.answer, gatewright_core::decide::Answer::Ship);
}

/// The rules of the airline's policy that can be written as rules, on every recorded trajectory. The counts were made again in Python from the same file.
#[test]
fn trajectories_are_held_against_the_policy() {
    if gatewright_testkit::shared_data().is_none() {
        return;
    }
    let run = Run::of("tau_airline/policy.yaml", &[]);
    for (criterion, candidate, production) in [
        ("confirmed", 23, 18),
        ("one-call", 32, 29),
        ("passengers", 0, 0),
        ("payment", 1, 2),
        ("certificate", 0, 0),
        ("handed-over", 0, 0),
    ] {
        for (role, failed) in [(Role::Candidate, candidate), (Role::Production, production)] {
            let counts = &run.system(criterion, &[], role).counts;
            assert_eq!(counts.fail, failed, "{criterion} {role:?}");
            assert_eq!(counts.pass + counts.fail, 100, "{criterion} {role:?}");
        }
    }
}
