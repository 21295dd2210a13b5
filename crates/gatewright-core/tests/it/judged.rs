//! Rules on a judge that people's labels calibrate: it never decides by itself.

use std::collections::BTreeMap;

use gatewright_core::analyse::{Finding, Standing, Undecided};
use gatewright_core::calibrate::{Carried, Fitness, Reason};
use gatewright_core::decide::Answer;
use gatewright_core::digest::Digest;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Beside, Bin, GraderKind, Missing, Said};
use gatewright_stats::estimate::Method;
use gatewright_stats::judge::Confusion;

use crate::release::{Release, release};

const GUARD: &str = "{id: tasks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}";
const REQUIRE: &str = "{id: no-worse, require: right, against: production, margin: 5 pts, then: {violated: hold}, owner: team}";
const FLOOR: &str =
    "{id: floor, require: right, at_least: 70 %, then: {violated: hold}, owner: team}";

/// A release whose criterion `right` a model judges. `said` gives people's verdict, if any, and the judge's.
pub(crate) fn judged(
    n: usize,
    decision: &str,
    gate: &[&str],
    said: impl Fn(Role, u32) -> (Option<bool>, bool),
) -> Release {
    let page = r#"gatewright: 1
promise: Answer two kinds of questions.
tasks: {a: one, b: two}
failures: {latency: {severity: low}}
owners: {team: {name: Team}}
systems: {candidate: {labels_only: true}, production: {labels_only: true}}
criteria:
  right:
    grader: {label: {from: judge.jsonl, by: model, rubric: r1, values: {pass: [ok], fail: [no]}}}
    people: {from: people.jsonl}
    fails_as: latency
gate: [{watch: right, owner: team}]
"#;
    let (other, problems) = gatewright_core::manifest::read::read(page.as_bytes(), "page.yaml");
    let mut other = other.unwrap_or_else(|| panic!("{problems:#?}"));
    let mut case = release(n, decision, gate, false);
    let criterion = other.criteria.remove(0);
    case.manifest.criteria[0].grader = criterion.grader;
    case.manifest.criteria[0].people = criterion.people;
    let class = case
        .manifest
        .class_index("unsupported-claim")
        .expect("declared");
    let bin = |passed| if passed { Bin::Pass } else { Bin::Fail(class) };
    for outcome in &mut case.outcomes {
        if outcome.criterion != 0 {
            continue;
        }
        let (people, judge) = said(outcome.system, outcome.example);
        outcome.by = GraderKind::Model;
        outcome.bin = bin(judge);
        outcome.beside = Some(Box::new(Beside {
            people: people.map(|passed| Said {
                bin: bin(passed),
                label: None,
                inclusion: 1.0,
            }),
            judge: None,
            flips: None,
            outdated: false,
        }));
    }
    case
}

fn finding(case: &Release, rule: usize) -> Finding {
    let analysis = case.analysis();
    let found = analysis.findings.into_iter().find(|one| one.rule == rule);
    found.expect("a finding")
}

fn method(finding: &Finding) -> Option<Method> {
    finding
        .measured
        .for_holds
        .as_ref()
        .map(|bounds| bounds.method)
}

const SHOWN: &str = "standard: shown";

/// One of five fails, alike on both systems.
fn truth(example: u32) -> bool {
    example % 5 != 3
}

#[test]
fn an_unfit_judge_neither_ships_nor_blocks() {
    // It passes everything of the candidate: raw, every rule would hold. People see a fifth fail.
    let praise = judged(100, SHOWN, &[GUARD, REQUIRE, FLOOR], |role, example| {
        (
            Some(truth(example)),
            role == Role::Candidate || truth(example),
        )
    });
    // It fails half of the candidate: raw, every rule would be violated.
    let blame = judged(100, SHOWN, &[GUARD, REQUIRE, FLOOR], |role, example| {
        let harsh = role == Role::Candidate && example.is_multiple_of(2);
        (Some(truth(example)), truth(example) && !harsh)
    });
    for case in [praise, blame] {
        let analysis = case.analysis();
        for finding in &analysis.findings {
            assert!(finding.deciding);
            assert!(
                matches!(
                    finding.standing,
                    Standing::Undecided(Undecided::JudgeUnfit { .. })
                ),
                "{:?}",
                finding.standing
            );
        }
        assert_eq!(case.decide().answer, Answer::NotEnoughEvidence);
        assert!(matches!(
            analysis.calibrations[0].fitness,
            Fitness::Unfit { .. }
        ));
    }
}

#[test]
fn with_every_answer_labelled_the_labels_decide() {
    // The judge is wrong on one of twenty, alike on both systems.
    let judge = |example: u32| truth(example) ^ (example % 20 == 19);
    let equal = judged(100, SHOWN, &[GUARD, REQUIRE, FLOOR], |_, example| {
        (Some(truth(example)), judge(example))
    });
    assert_eq!(equal.decide().answer, Answer::Ship);
    let floor = finding(&equal, 2);
    assert_eq!(
        floor.measured.value,
        Some(0.8),
        "people's rate, not the judge's"
    );
    assert_eq!(method(&floor), Some(Method::ClopperPearson));
    assert_eq!(floor.measured.labelled, 200);
    // People see the candidate lose a tenth; the judge sees the same, since it errs alike.
    let worse = |role, example: u32| {
        truth(example) && !(role == Role::Candidate && example.is_multiple_of(10))
    };
    let lost = judged(100, SHOWN, &[REQUIRE], |role, example| {
        (
            Some(worse(role, example)),
            worse(role, example) ^ (example % 20 == 19),
        )
    });
    assert_eq!(finding(&lost, 0).standing, Standing::Violated);
    assert_eq!(lost.decide().answer, Answer::Hold);
}

#[test]
fn part_of_the_labels_and_the_judge_estimate_together() {
    // The judge fails a quarter of what people pass: raw it sees 60 % and a floor of 70 % would be violated.
    let floor = |labelled: u32, floor: &str| {
        let rule = FLOOR.replace("70 %", floor);
        let case = judged(500, SHOWN, &[&rule], move |_, example| {
            let judge = truth(example) && (example / 5) % 12 != 5;
            (
                Some(truth(example)).filter(|_| (example / 5) % labelled == 0),
                judge,
            )
        });
        finding(&case, 0)
    };
    let found = floor(5, "70 %");
    assert_eq!(method(&found), Some(Method::PpiPlusPlus));
    assert_eq!(
        found.standing,
        Standing::Holds,
        "{:?}",
        found.measured.for_holds
    );
    let bounds = found.measured.for_holds.expect("bounds");
    assert!(bounds.lower < 0.8 && 0.8 < bounds.upper, "{bounds:?}");
    assert_eq!(floor(5, "85 %").standing, Standing::Violated);
    assert_eq!(found.measured.labelled, 200);
}

#[test]
fn few_labels_correct_the_judge_s_rate() {
    // 50 of 1,000 labelled, ten of them fails: too few for PPI++.
    let case = judged(500, SHOWN, &[FLOOR], |_, example| {
        (
            Some(truth(example)).filter(|_| example % 20 < 1 || example % 200 == 3),
            truth(example),
        )
    });
    let found = finding(&case, 0);
    assert_eq!(found.measured.labelled, 55);
    match found.standing {
        Standing::Undecided(Undecided::JudgeUnfit { ref fitness }) => {
            assert!(
                matches!(**fitness, Fitness::Undecided { .. }),
                "{fitness:?}"
            );
        }
        ref other => panic!("5 fails show no judge fit: {other:?}"),
    }
    let case = judged(500, SHOWN, &[FLOOR], |_, example| {
        let picked = example % 20 < 1 || example % 80 == 3;
        (Some(truth(example)).filter(|_| picked), truth(example))
    });
    let found = finding(&case, 0);
    if found.standing == Standing::Holds {
        assert_eq!(method(&found), Some(Method::LangReiczigel));
    } else {
        panic!("{:?} {:?}", found.standing, found.measured);
    }
}

#[test]
fn a_judge_s_trip_is_confirmed_by_people_and_by_nothing_else() {
    // The judge sees the candidate lose the first six answers of task a. Elsewhere a third is labelled, and it is right.
    let with = |of_flips: Option<bool>| {
        judged(100, SHOWN, &[GUARD, REQUIRE], move |role, example| {
            let flip = example.is_multiple_of(2) && example < 40 && truth(example);
            let seen = truth(example) && !(flip && role == Role::Candidate);
            let people = match (flip, of_flips) {
                (true, Some(real)) => Some(truth(example) && !(real && role == Role::Candidate)),
                (true, None) => None,
                (false, _) => Some(truth(example)),
            };
            (people, seen)
        })
    };
    let open = finding(&with(None), 0);
    assert!(open.measured.tripped);
    assert_eq!(
        open.measured.sign_p, None,
        "the sign test would take the judge's word"
    );
    assert_eq!(
        open.standing,
        Standing::Undecided(Undecided::Unlabelled { flips: 16 })
    );
    let needs = with(None).decide().needs;
    assert!(
        needs.iter().any(|need| need.contains("labels on 16 flips")),
        "{needs:?}"
    );
    assert_eq!(finding(&with(Some(true)), 0).standing, Standing::Violated);
    // Sixteen flips that are none make the judge wrong on one system only: then it is unfit, and blocks nothing.
    let none = finding(&with(Some(false)), 0);
    assert!(
        matches!(
            none.standing,
            Standing::Undecided(Undecided::JudgeUnfit { .. })
        ),
        "{:?}",
        none.standing
    );
}

#[test]
fn while_a_verdict_is_missing_nothing_holds() {
    let mut case = judged(100, SHOWN, &[REQUIRE, FLOOR], |_, example| {
        (Some(truth(example)), truth(example))
    });
    assert_eq!(case.decide().answer, Answer::Ship);
    let place = case
        .outcomes
        .iter()
        .position(|one| one.criterion == 0 && one.system == Role::Candidate && one.example == 7);
    case.outcomes[place.expect("there")].bin = Bin::Missing(Missing::GraderError);
    for rule in [0, 1] {
        assert_eq!(
            finding(&case, rule).standing,
            Standing::Undecided(Undecided::Missing { units: 1 })
        );
    }
}

#[test]
fn an_earlier_calibration_corrects_a_share_and_no_comparison() {
    let mut case = judged(200, SHOWN, &[FLOOR, REQUIRE], |_, example| {
        (None, truth(example))
    });
    let none = |case: &Release, rule| match finding(case, rule).standing {
        Standing::Undecided(Undecided::JudgeUnfit { fitness }) => fitness.reasons().to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(none(&case, 0), [Reason::NoLabels]);
    let judge = Digest::of(b"judge");
    case.people.known.judges = BTreeMap::from([(0, judge)]);
    let table = Confusion {
        true_pass: 150,
        false_fail: 3,
        false_pass: 2,
        true_fail: 60,
    };
    case.people.known.carried = BTreeMap::from([(0, Carried { judge, table })]);
    let floor = finding(&case, 0);
    assert_eq!(
        (floor.standing, none(&case, 1).as_slice()),
        (Standing::Holds, &[Reason::OneArm][..])
    );
    let changed = Digest::of(b"another prompt");
    case.people.known.judges = BTreeMap::from([(0, changed)]);
    assert_eq!(none(&case, 0), [Reason::Changed]);
}

#[test]
fn a_never_takes_people_s_word_over_the_judge_s() {
    let never = "{id: never, never: unsupported-claim, then: {violated: hold}, owner: team}";
    let with = |people: Option<bool>| {
        judged(30, "standard: unbroken", &[never], move |role, example| {
            let event = role == Role::Candidate && example == 4;
            (people.map(|word| word || !event), !event)
        })
    };
    assert_eq!(
        finding(&with(None), 0).standing,
        Standing::Undecided(Undecided::Unconfirmed {
            examples: 1,
            trials: 0
        })
    );
    assert_eq!(finding(&with(Some(false)), 0).standing, Standing::Violated);
    assert_eq!(finding(&with(Some(true)), 0).standing, Standing::Holds);
}

#[test]
fn without_people_a_judge_still_only_watches() {
    let mut case = judged(100, SHOWN, &[REQUIRE], |_, example| {
        (Some(truth(example)), truth(example))
    });
    case.manifest.criteria[0].people = None;
    let found = finding(&case, 0);
    assert!(!found.deciding);
    assert_eq!(case.analysis().uncalibrated, [0]);
    assert_eq!(case.decide().answer, Answer::NotEnoughEvidence);
}

/// A failure cost takes in what every criterion found: with a model's verdicts among them it would let the judge decide by another door.
#[test]
fn a_judge_decides_nothing_through_a_failure_cost() {
    let cost_rule = "{id: cost, require: open, metric: failure_cost, at_most: 2, then: {violated: hold}, owner: team}";
    let open = "{id: open, require: open, at_least: 70 %, then: {violated: hold}, owner: team}";
    for people in [false, true] {
        // Every failure costs 10: what a judge that blames each answer counts would hold, what one that praises each counts would ship.
        for (blames, cost) in [(true, 10.0), (false, 0.0)] {
            let mut case = judged(100, SHOWN, &[cost_rule, open], |role, _| {
                (None, role != Role::Candidate || !blames)
            });
            if !people {
                case.manifest.criteria[0].people = None;
            }
            let found = finding(&case, 0);
            assert!(!found.deciding, "{people} {blames}");
            assert_eq!(found.measured.value, Some(cost), "it is shown all the same");
            assert_eq!(case.decide().answer, Answer::Ship, "what `open` shows");
        }
    }
    // Where a rule grades instead, the same failures hold.
    let mut case = judged(100, SHOWN, &[cost_rule, open], |role, _| {
        (None, role != Role::Candidate)
    });
    case.manifest.criteria[0] = release(100, SHOWN, &[cost_rule, open], false)
        .manifest
        .criteria[0]
        .clone();
    for outcome in &mut case.outcomes {
        outcome.by = GraderKind::Rule;
        outcome.beside = None;
    }
    assert!(finding(&case, 0).deciding);
    assert_eq!(case.decide().answer, Answer::Hold);
}
