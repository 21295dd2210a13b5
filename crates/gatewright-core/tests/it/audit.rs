//! Numbers that were wrong once, recomputed by hand.

use std::collections::BTreeMap;

use gatewright_core::analyse::{Resolution, Standing, Undecided, denominators};
use gatewright_core::decide::Answer;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Bin, Missing};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::AttemptEnd;

use crate::release::release;

const SHOWN: &str = "standard: shown";
const GUARD: &str = "{id: tasks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}";

#[test]
fn compared_costs_show_each_system_s_own_mean_not_the_difference() {
    let rule = "{id: cost, require: right, metric: failure_cost, against: production, margin: 1, then: {violated: hold}, owner: team}";
    // Candidate fails 6 of 60 at 10: 1.0 an answer. Production fails 12 of 60: 2.0.
    let case = release(30, SHOWN, &[rule], false)
        .fail(Role::Candidate, "a", 6)
        .fail(Role::Production, "b", 12);
    let measured = &case.analysis().findings[0].measured;
    assert_eq!((measured.value, measured.other), (Some(1.0), Some(2.0)));
    let found = measured.for_violated.as_ref().expect("bounded");
    assert!((found.point + 1.0).abs() < 1e-12, "the difference is −1");
}

#[test]
fn systems_are_shown_on_the_weights_of_their_difference() {
    let rule = "{id: no-worse, require: right, against: production, margin: 5 pts, then: {violated: hold}, owner: team}";
    // Task a is 50 % of traffic and, once most of b is gone, 30 of 40 examples.
    let mut case = release(30, SHOWN, &[rule], false)
        .fail(Role::Candidate, "a", 15)
        .fail(Role::Production, "b", 3);
    let traffic = case.manifest.traffic.as_mut().expect("stated");
    let shares = traffic.share.get_mut("task").expect("stated");
    shares.insert("a".to_owned(), 0.9);
    shares.insert("b".to_owned(), 0.1);
    let measured = &case.analysis().findings[0].measured;
    // Candidate .9·.5 + .1·1, production .9·1 + .1·.9.
    let (value, other) = (measured.value.expect("n"), measured.other.expect("n"));
    assert!((value - 0.55).abs() < 1e-12 && (other - 0.99).abs() < 1e-12);
    let found = measured.for_violated.as_ref().expect("bounded");
    assert!((found.point - (value - other)).abs() < 1e-12);
}

#[test]
fn a_mix_of_chosen_examples_is_not_weighed_to_traffic() {
    let watch = "{id: seen, watch: right, owner: team}";
    let mut case = release(30, SHOWN, &[watch], false).fail(Role::Candidate, "a", 15);
    let traffic = case.manifest.traffic.as_mut().expect("stated");
    let shares = traffic.share.get_mut("task").expect("stated");
    shares.insert("a".to_owned(), 0.9);
    shares.insert("b".to_owned(), 0.1);
    let measured = &case.analysis().findings[0].measured;
    assert_eq!(measured.value, Some(0.75), "45 of these 60 examples");
    assert_eq!(measured.for_holds.as_ref().map(|it| it.point), Some(0.75));
}

#[test]
fn a_ship_names_only_what_is_shown() {
    let rule = "{id: no-worse, require: right, against: production, margin: 5 pts, then: {violated: hold}, owner: team}";
    let thin = release(20, "standard: unbroken", &[GUARD, rule], false);
    let proposal = thin.decide();
    assert_eq!(proposal.answer, Answer::Ship, "optional under unbroken");
    assert!(matches!(
        thin.analysis().findings[2].standing,
        Standing::Undecided(Undecided::TooFew { .. })
    ));
    assert!(
        proposal
            .unseen
            .iter()
            .any(|line| line == "nothing is shown about traffic")
    );
    let enough = release(30, "standard: unbroken", &[GUARD, rule], false).decide();
    assert!(
        !enough
            .unseen
            .iter()
            .any(|line| line == "nothing is shown about traffic"),
        "no-worse holds, so something is"
    );
}

#[test]
fn an_event_counts_once_an_answer() {
    let never = "{id: never, never: unsupported-claim, then: {violated: hold}, owner: team}";
    let case = release(30, SHOWN, &[never, GUARD], true)
        .fail(Role::Candidate, "a", 3)
        .confirm(|_| true);
    let measured = &case.analysis().findings[0].measured;
    assert!(measured.events > 3, "fresh trials are events too");
    assert_eq!(measured.event_share, Some(3.0 / 60.0));
}

#[test]
fn a_cap_counts_the_sources_that_can_show_the_event() {
    let capped =
        "{id: capped, never: unsupported-claim, cap: 5 %, then: {violated: hold}, owner: team}";
    let mut case = release(30, SHOWN, &[capped], false);
    assert_eq!(case.analysis().findings[0].standing, Standing::Holds);
    // The criterion does not apply to b, and the 30 of a are one source; the other clusters cannot show the event.
    let a = case.task("a");
    for outcome in &mut case.outcomes {
        if outcome.criterion == 0 && !a.contains(&outcome.example) {
            outcome.bin = Bin::NotApplicable;
        }
    }
    for &example in &a {
        case.reference.cluster[example as usize] = a[0];
    }
    let finding = &case.analysis().findings[0];
    assert_eq!((finding.measured.n, finding.measured.clusters), (30, 1));
    assert_eq!(finding.measured.n_eff, 1.0);
    assert!(matches!(
        finding.standing,
        Standing::Undecided(Undecided::TooFew { .. })
    ));
}

#[test]
fn what_a_person_settled_does_not_hide_what_is_missing() {
    let mut case = release(30, "standard: unbroken", &[GUARD], false).fail(Role::Candidate, "a", 4);
    let lost: Vec<u32> = case.task("a").into_iter().take(4).collect();
    for (place, &example) in lost.iter().enumerate() {
        let said = if place < 3 {
            Resolution::Real
        } else {
            Resolution::Noise
        };
        case.people.resolutions.insert((example, 0), said);
    }
    assert_eq!(case.decide().answer, Answer::Hold, "three real losses");
    // Without the outcome of one real loss, two of three are real and one is unknown.
    for outcome in &mut case.outcomes {
        if (outcome.system, outcome.criterion, outcome.example) == (Role::Candidate, 0, lost[0]) {
            outcome.bin = Bin::Missing(Missing::ProviderError);
        }
    }
    let finding = &case.analysis().findings[0];
    assert!(finding.measured.tripped);
    assert_eq!(
        finding.standing,
        Standing::Undecided(Undecided::Missing { units: 1 })
    );
    assert_eq!(case.decide().answer, Answer::NotEnoughEvidence);
}

#[test]
fn failed_fresh_calls_stay_out_of_the_first_look_s_bins() {
    let case = release(30, SHOWN, &[GUARD], true);
    let failed = AttemptEnd::ProviderError {
        message: "down".to_owned(),
        code: None,
        latency_ms: None,
    };
    let answered = AttemptEnd::Answered {
        response: gatewright_core::response::Response::default(),
    };
    let attempt = |example, trial| AttemptSpec {
        example,
        system: Role::Candidate,
        trial,
    };
    let mut ends: Vec<(AttemptSpec, &AttemptEnd)> = (0..60)
        .map(|example| (attempt(example, 0), &answered))
        .collect();
    ends.push((attempt(0, 1), &failed));
    let all = denominators(&case.plan, ends);
    let count = &all[&Role::Candidate];
    assert_eq!((count.planned, count.answered), (60, 60));
    assert_eq!(count.missing, BTreeMap::new());
    assert_eq!((count.confirm_answered, count.confirm_failed), (0, 1));
}

#[test]
fn clustered_pairs_have_no_mcnemar_p_value() {
    let mut case = release(30, SHOWN, &[GUARD], false).fail(Role::Candidate, "a", 6);
    let p = |case: &crate::release::Release| {
        let analysis = case.analysis();
        let cell = &analysis.cells[0];
        cell.against[&Role::Production].p_exact
    };
    assert!((p(&case).expect("independent pairs") - 2.0 / 64.0).abs() < 1e-12);
    case.reference.cluster.fill(0);
    assert_eq!(p(&case), None);
}

#[test]
fn failures_per_week_rest_on_traffic_examples() {
    let mut case = release(30, SHOWN, &[GUARD], false).fail(Role::Candidate, "a", 12);
    // Of the 12 losses of a, 9 are incidents: its 21 traffic examples lose 3.
    let lost: Vec<u32> = case.task("a").into_iter().take(9).collect();
    for &example in &lost {
        case.reference.examples[example as usize].kind = gatewright_core::manifest::Kind::Incident;
    }
    let measured = &case.analysis().findings[0].measured;
    assert_eq!((measured.net_loss, measured.n), (12.0, 30));
    let (rate, n) = measured.traffic.expect("traffic examples");
    assert!((rate - 3.0 / 21.0).abs() < 1e-12 && n == 21);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let page = |gate: &str| {
        let case = std::panic::catch_unwind(|| release(30, SHOWN, &[gate], false));
        case.err().and_then(|panic| panic.downcast::<String>().ok())
    };
    for (gate, code) in [
        (
            "{id: p, require: right, metric: cost_per_solved, against: production, margin: 1 USD, then: {violated: hold}, owner: team}",
            "metric-of-comparison",
        ),
        (
            "{id: c, require: unsupported-claim, at_most: 2 %, then: {violated: hold}, owner: team}",
            "at-most-of-class",
        ),
        (
            "{id: m, require: unsupported-claim, metric: mean, at_least: 2 %, then: {violated: hold}, owner: team}",
            "metric-of-class",
        ),
    ] {
        let problems = page(gate).expect("refused");
        assert!(problems.contains(code), "{gate}: {problems}");
    }
}
