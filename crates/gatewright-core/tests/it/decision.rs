//! The order of answers, step by step (design.md §6).

use gatewright_core::analyse::{Standing, Undecided};
use gatewright_core::decide::{Answer, Obligation, Scope, WorkKind};
use gatewright_core::manifest::{Kind, Role};

use crate::release::release;

const GUARD: &str = "{id: tasks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}";
const GUARD_NARROW: &str = "{id: tasks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: narrow}, owner: team}";
const REQUIRE: &str = "{id: no-worse, require: right, against: production, margin: 5 pts, then: {violated: hold, undecided: narrow}, owner: team}";
const NEVER: &str =
    "{id: never, never: unsupported-claim, then: {violated: rollback}, owner: team}";
const SHOWN: &str = "standard: shown";

#[test]
fn everything_equal_ships_when_n_carries_the_margin() {
    // Fully concordant pairs: 52 hold a margin of 5 points at 5 % (statistics.md §2.2); 51 do not.
    let enough = release(26, SHOWN, &[GUARD, REQUIRE], false);
    assert_eq!(enough.decide().answer, Answer::Ship);
    let thin = release(25, SHOWN, &[GUARD, REQUIRE], false);
    assert_eq!(
        thin.decide().answer,
        Answer::Narrow,
        "undecided: narrow, nothing tripped, the estimate is 0"
    );
    assert_eq!(
        thin.decide().scope,
        Some(Scope::Share(thin.manifest.decision.narrow_share))
    );
}

#[test]
fn shown_without_a_require_is_not_enough_evidence() {
    let bare = release(30, SHOWN, &[GUARD], false);
    assert_eq!(bare.decide().answer, Answer::NotEnoughEvidence);
    assert!(
        bare.decide()
            .needs
            .iter()
            .any(|need| need.contains("unbroken"))
    );
    let unbroken = release(30, "standard: unbroken", &[GUARD], false);
    assert_eq!(unbroken.decide().answer, Answer::Ship);
    assert!(
        unbroken
            .decide()
            .unseen
            .iter()
            .any(|line| line.contains("nothing is shown about traffic"))
    );
}

#[test]
fn where_nothing_decides_nothing_ships() {
    const WATCH: &str = "{id: seen, watch: right, owner: team}";
    for decision in [SHOWN, "standard: unbroken"] {
        let watched = release(30, decision, &[WATCH], false);
        let proposal = watched.decide();
        assert_eq!(proposal.answer, Answer::NotEnoughEvidence, "{decision}");
        assert!(!proposal.needs.is_empty());
        // The worst outcomes ship no more than the best ones.
        let failing = watched.fail(Role::Candidate, "a", 30);
        assert_eq!(failing.decide().answer, Answer::NotEnoughEvidence);
    }
    // A rule in a segment without examples is none that decides.
    let nowhere = "{id: nowhere, never: unsupported-claim, where: {risk: high}, then: {violated: hold}, owner: team}";
    let empty = release(30, "standard: unbroken", &[nowhere, WATCH], false);
    let proposal = empty.decide();
    assert_eq!(proposal.answer, Answer::NotEnoughEvidence);
    assert!(
        proposal
            .needs
            .iter()
            .any(|need| need.contains("no rule that decides")),
        "{:?}",
        proposal.needs
    );
    let with_one = release(30, "standard: unbroken", &[GUARD, nowhere, WATCH], false);
    assert_eq!(with_one.decide().answer, Answer::Ship);
}

#[test]
fn a_confirmed_loss_holds_and_an_unreproduced_one_does_not() {
    let tripped = release(30, SHOWN, &[GUARD, REQUIRE], true).fail(Role::Candidate, "a", 5);
    let standing = &tripped.analysis().findings[0].standing;
    assert_eq!(
        *standing,
        Standing::Undecided(Undecided::Unconfirmed {
            examples: 30,
            trials: 5
        })
    );
    let lost: Vec<u32> = tripped.task("a").into_iter().take(5).collect();
    let real = tripped.confirm(|example| lost.contains(&example));
    assert_eq!(real.decide().answer, Answer::Hold);
    let analysis = real.analysis();
    let fresh = analysis.findings[0]
        .measured
        .fresh
        .clone()
        .expect("confirmed");
    assert_eq!((fresh.n, fresh.calls, fresh.reproduced), (30, 300, 5));

    let noise = release(30, "standard: unbroken", &[GUARD], true)
        .fail(Role::Candidate, "a", 5)
        .confirm(|_| false);
    assert_eq!(noise.decide().answer, Answer::Ship);
    assert!(noise.analysis().findings[0].measured.tripped);
}

#[test]
fn recorded_arms_are_settled_by_the_sign_test_or_by_people() {
    let five = release(30, "standard: unbroken", &[GUARD], false).fail(Role::Candidate, "a", 5);
    // Five losses and no gain: p = 1/32, one tripped slice, so Holm leaves it below 5 %.
    assert_eq!(five.decide().answer, Answer::Hold);
    let four = release(30, "standard: unbroken", &[GUARD], false).fail(Role::Candidate, "a", 4);
    assert_eq!(four.decide().answer, Answer::NotEnoughEvidence);
    let both = release(30, "standard: unbroken", &[GUARD], false)
        .fail(Role::Candidate, "a", 5)
        .fail(Role::Candidate, "b", 5);
    assert_eq!(
        both.decide().answer,
        Answer::NotEnoughEvidence,
        "two tripped slices: 2/32 each under Holm"
    );
}

#[test]
fn never_needs_one_event_and_rollback_needs_exposure() {
    let hidden = release(60, SHOWN, &[NEVER, REQUIRE], false).fail(Role::Candidate, "a", 1);
    assert_eq!(
        (hidden.decide().answer, hidden.decide().step),
        (Answer::Hold, 2)
    );
    let exposed = release(
        60,
        "standard: shown, exposed: true",
        &[NEVER, REQUIRE],
        false,
    )
    .fail(Role::Candidate, "a", 1);
    let proposal = exposed.decide();
    assert_eq!((proposal.answer, proposal.step), (Answer::Rollback, 2));
    assert!(proposal.fallback.is_some(), "a rollback names the fallback");
    assert_eq!(proposal.work_items[0].kind, WorkKind::RepairBoundary);
}

#[test]
fn a_cap_needs_n() {
    let gate =
        ["{id: capped, never: unsupported-claim, cap: 5 %, then: {violated: hold}, owner: team}"];
    // 59 clean examples carry a cap of 5 % at 95 % (3/n); 58 do not.
    assert_eq!(
        release(30, SHOWN, &[gate[0], REQUIRE], false)
            .analysis()
            .findings[0]
            .standing,
        Standing::Holds
    );
    assert_eq!(
        release(29, SHOWN, &[gate[0], REQUIRE], false)
            .analysis()
            .findings[0]
            .standing,
        Standing::Undecided(Undecided::TooFew { more: Some(1) })
    );
}

#[test]
fn narrow_names_the_values_that_pass() {
    let gate = [
        GUARD_NARROW,
        "{id: floor, require: right, at_least: 80 %, then: {violated: narrow}, owner: team}",
    ];
    let routed = release(40, "standard: shown, route_by: [task]", &gate, false).fail(
        Role::Candidate,
        "a",
        9,
    );
    let proposal = routed.decide();
    assert_eq!((proposal.answer, proposal.step), (Answer::Narrow, 3));
    assert_eq!(
        proposal.scope,
        Some(Scope::Segments {
            dimension: "task".to_owned(),
            values: vec!["b".to_owned()],
            without: vec!["a".to_owned()],
            share: Some(0.5)
        })
    );
}

#[test]
fn the_severest_action_wins() {
    let gate = [
        "{id: fix, guard: right, where: {task: a}, against: production, margin: 10 pts, then: {violated: repair}, owner: team}",
        "{id: stop, guard: right, where: {task: b}, against: production, margin: 10 pts, then: {violated: hold}, owner: team}",
    ];
    let repair = release(40, "standard: unbroken", &gate, false).fail(Role::Candidate, "a", 9);
    assert_eq!(repair.decide().answer, Answer::Repair);
    let both = release(40, "standard: unbroken", &gate, false)
        .fail(Role::Candidate, "a", 9)
        .fail(Role::Candidate, "b", 9);
    assert_eq!(both.decide().answer, Answer::Hold);
}

#[test]
fn a_broken_seal_or_an_open_incident_holds_first() {
    let mut sealed = release(60, SHOWN, &[GUARD, REQUIRE], false);
    assert_eq!(sealed.decide().answer, Answer::Ship);
    sealed.context.broken_seal = vec!["gate".to_owned()];
    assert_eq!(
        (sealed.decide().answer, sealed.decide().step),
        (Answer::Hold, 1)
    );
    let mut obliged = release(60, SHOWN, &[GUARD, REQUIRE], false);
    obliged.context.obligations = vec![Obligation {
        incident: "inc-1".to_owned(),
        what: "no example reproduces it".to_owned(),
        owner: "team".into(),
    }];
    assert_eq!(obliged.decide().answer, Answer::Hold);
    assert_eq!(obliged.decide().work_items[0].kind, WorkKind::FixEvaluation);
}

#[test]
fn missing_outcomes_are_undecided_not_gone() {
    let guard = release(30, "standard: unbroken", &[GUARD], false).lose(Role::Candidate, "a", 4);
    assert_eq!(
        guard.analysis().findings[0].standing,
        Standing::Undecided(Undecided::Missing { units: 4 }),
        "worst case: four losses of thirty would trip"
    );
    let all = release(30, "standard: unbroken", &[GUARD, REQUIRE], false)
        .lose(Role::Candidate, "a", 30)
        .lose(Role::Candidate, "b", 30);
    assert_eq!(all.decide().answer, Answer::NotEnoughEvidence);
}

#[test]
fn work_items_follow_the_cause_and_attempts_add_up() {
    let mut case = release(30, "standard: unbroken", &[GUARD], false).fail(Role::Candidate, "a", 9);
    let symptom = case.manifest.class_index("unsupported-claim");
    assert_eq!(case.decide().work_items[0].class, symptom);
    let cause = case
        .manifest
        .class_index("source-conflict")
        .expect("shipped");
    for example in case.task("a").into_iter().take(9) {
        case.people.causes.insert((example, 0), cause);
    }
    assert_eq!(case.decide().work_items[0].class, Some(cause));
    assert_eq!(case.decide().work_items[0].kind, WorkKind::FixSources);

    let mut again = release(60, SHOWN, &[GUARD, REQUIRE], false);
    again.context.attempt = 4;
    let line = again
        .decide()
        .unseen
        .into_iter()
        .find(|line| line.contains("attempt 4"));
    assert_eq!(
        line.as_deref(),
        Some(
            "release attempt 4 on these examples: chances of a wrong ship add up to at most 20 %; collect fresh examples"
        )
    );
}

/// A rule about traffic in some slice is no pass in a routed value that has the slice and none of its traffic.
#[test]
fn a_narrow_needs_the_traffic_of_a_where_rule_where_its_slice_is_seen() {
    let gate = [
        GUARD_NARROW,
        "{id: floor, require: right, at_least: 80 %, then: {violated: narrow}, owner: team}",
        "{id: high-risk, require: right, where: {risk: high}, at_least: 50 %, then: {violated: hold}, owner: team}",
    ];
    let mut case = release(40, "standard: shown, route_by: [task]", &gate, false).fail(
        Role::Candidate,
        "a",
        9,
    );
    let (a, b) = (case.task("a"), case.task("b"));
    case.reference.values[1] = vec!["high".to_owned(), "low".to_owned()];
    case.reference.assigned[1] = vec![1; case.reference.examples.len()];
    for &example in &a {
        case.reference.assigned[1][example as usize] = 0;
    }
    assert_eq!(case.decide().answer, Answer::Narrow, "b has no high risk");
    for &example in &b[..3] {
        case.reference.assigned[1][example as usize] = 0;
        case.reference.examples[example as usize].kind = Kind::Incident;
    }
    assert_eq!(
        case.decide().answer,
        Answer::Hold,
        "incidents show that b has high risk, and no traffic example carries the rule there"
    );
}

/// The narrow beside a hold is one that the same page could have answered with.
#[test]
fn a_narrow_beside_a_hold_passes_the_rules_too() {
    let alternative = |n: usize, decision: &str| {
        let lost = (n / 10).max(5);
        let held = release(n, decision, &[GUARD, REQUIRE], false).fail(Role::Candidate, "a", lost);
        let proposal = held.decide();
        assert_eq!(proposal.answer, Answer::Hold);
        proposal.alternative
    };
    let b = Some(Scope::Segments {
        dimension: "task".to_owned(),
        values: vec!["b".to_owned()],
        without: vec!["a".to_owned()],
        share: Some(0.5),
    });
    let routed = "standard: shown, route_by: [task]";
    assert_eq!(alternative(40, routed), None, "40 do not carry 5 points");
    assert_eq!(alternative(160, routed), b);
    assert_eq!(alternative(40, "standard: unbroken, route_by: [task]"), b);
}
