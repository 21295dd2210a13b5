//! Examples weighed to traffic: what was cut, and what could not be weighed, is not claimed.

use gatewright_core::analyse::{Finding, Standing, Undecided};
use gatewright_core::calibrate::Carried;
use gatewright_core::decide::Answer;
use gatewright_core::digest::Digest;
use gatewright_core::manifest::Role;
use gatewright_core::report::{RunFacts, view};

use gatewright_stats::judge::Confusion;

use crate::judged::judged;
use crate::release::{Release, release};

const SHOWN: &str = "standard: shown";
const FLOOR: &str =
    "{id: floor, require: right, at_least: 55 %, then: {violated: hold}, owner: team}";
/// Two of sixty stand for 40 % of traffic: raked, each would carry a fifth of the weight, and is cut to a twentieth.
const RARE: [(&str, &str, usize); 4] = [
    ("a", "high", 29),
    ("a", "low", 29),
    ("b", "high", 1),
    ("b", "low", 1),
];
const SHARES: [(&str, &[(&str, f64)]); 2] = [
    ("task", &[("a", 0.6), ("b", 0.4)]),
    ("risk", &[("high", 0.5), ("low", 0.5)]),
];

fn floor(case: &Release) -> Finding {
    case.analysis().findings.remove(0)
}

#[test]
fn weight_that_was_cut_is_traffic_that_nothing_speaks_for() {
    // Both of b fail, so that 60 % of traffic passes; with b cut to a tenth it looks like 85 %.
    let case = release(30, SHOWN, &[FLOOR], false).of_cells(&RARE, &SHARES);
    let case = case.fail(Role::Candidate, "b", 2);
    let found = floor(&case);
    let Standing::Undecided(Undecided::CoverageGap { uncovered, trimmed }) = found.standing else {
        panic!("{:?}", found.standing);
    };
    assert_eq!(uncovered, 0.0);
    assert!(
        (trimmed - (0.4 - 2.0 * 5.0 * 0.6 / 58.0)).abs() < 1e-9,
        "{trimmed}"
    );
    assert_eq!(case.decide().answer, Answer::NotEnoughEvidence);
    let needs = case.decide().needs.join(" ");
    assert!(
        needs.contains("more examples of rare combinations"),
        "{needs}"
    );
    // Where even the worst of it leaves the floor standing, one example still carries a fifth of the weight.
    let low = FLOOR.replace("55", "40");
    let case = release(30, SHOWN, &[&low], false).of_cells(&RARE, &SHARES);
    let found = floor(&case);
    let Standing::Undecided(Undecided::DominantWeight { share }) = found.standing else {
        panic!("{:?}", found.standing);
    };
    assert!((share - 0.2).abs() < 1e-9, "{share}");
}

#[test]
fn the_same_of_a_judged_rule() {
    // Everything is labelled, so that the labels decide; an earlier calibration shows the judge fit.
    let said = |_, example: u32| (Some(example < 58), example < 58);
    let mut case = judged(30, SHOWN, &[FLOOR], said);
    let table = Confusion {
        true_pass: 100,
        true_fail: 100,
        ..Confusion::default()
    };
    let judge = Digest::of(b"judge");
    case.people.known.judges.insert(0, judge);
    case.people
        .known
        .carried
        .insert(0, Carried { judge, table });
    let beside: Vec<_> = case
        .outcomes
        .iter()
        .map(|one| (one.bin, one.by, one.beside.clone()))
        .collect();
    let mut case = case.of_cells(&RARE, &SHARES);
    for (one, (bin, by, beside)) in case.outcomes.iter_mut().zip(beside) {
        (one.bin, one.by, one.beside) = (bin, by, beside);
    }
    let found = floor(&case);
    assert!(
        matches!(found.standing, Standing::Undecided(Undecided::CoverageGap { trimmed, .. }) if trimmed > 0.29),
        "{:?}",
        found.standing
    );
}

#[test]
fn one_example_without_a_value_hides_no_uncovered_traffic() {
    // No example of b: 40 % of traffic is not spoken for, whatever one example lacks.
    let floor_at = FLOOR.replace("55", "70");
    for risk in ["high", ""] {
        let cells = [("a", "high", 30), ("a", "low", 29), ("a", risk, 1)];
        let case = release(30, SHOWN, &[&floor_at], false).of_cells(&cells, &SHARES);
        let found = floor(&case);
        assert!(
            matches!(found.standing, Standing::Undecided(Undecided::CoverageGap { uncovered, .. }) if (uncovered - 0.4).abs() < 1e-12),
            "{risk}: {:?}",
            found.standing
        );
    }
    // The other dimension weighs on, and the sentence says which one does not. That holds nothing: one example that lacks its value would take
    // the weights of all away.
    let cells = [("a", "high", 30), ("b", "low", 29), ("b", "", 1)];
    let case = release(30, SHOWN, &[FLOOR], false).of_cells(&cells, &SHARES);
    let found = floor(&case);
    let by = vec!["risk".to_owned()];
    assert_eq!(
        found.standing,
        Standing::Undecided(Undecided::HalfWeighed { by: by.clone() })
    );
    assert_eq!(found.measured.unweighed, by);
    let analysis = case.analysis();
    let proposal = case.decide();
    let facts = RunFacts {
        run: "r",
        tool: "t",
        seal: None,
        notes: &[],
        judges: &[],
        incidents: &[],
    };
    let parts = (&case.manifest, &case.reference, &case.plan);
    let view = view(
        parts.0,
        parts.1,
        parts.2,
        &analysis,
        &proposal,
        &case.context,
        &facts,
    );
    let said = &view.findings[0].sentence;
    let wanted = "traffic not weighed by risk, of which an example has no stated value";
    assert!(said.contains(wanted), "{said}");
    let wanted = "not every example states its risk, so they cannot be weighed to traffic";
    assert!(said.contains(wanted), "{said}");
}
