//! Judges that are right, wrong, unsteady, and right on one system only.

use super::*;
use crate::manifest::{Drawn, LabelGrader, LabelMap, PeopleLabels};
use crate::outcome::{GraderKind, Said};
use crate::testing::{self, criterion, page};

/// A page whose judge is calibrated, with `n` examples that are each their own source.
fn world(n: u32) -> (Manifest, ReferenceSet) {
    let mut manifest = page();
    let labels = |by| LabelGrader {
        sources: Vec::new(),
        by,
        rubric: Some("r1".to_owned()),
        values: vec![LabelMap {
            pass: ["ok".to_owned()].into(),
            fail: [("no".to_owned(), None)].into(),
            ..LabelMap::default()
        }],
        behaviours: Default::default(),
        combine: crate::manifest::Combine::Majority,
        parts: None,
        parts_from: None,
        score: false,
        absent: crate::manifest::Absent::Missing,
    };
    criterion(
        &mut manifest,
        "right",
        Grader::Label(labels(GraderKind::Model)),
        crate::manifest::FailsAs::One(0),
    );
    manifest.criteria[0].people = Some(PeopleLabels {
        labels: labels(GraderKind::Person),
        drawn: Drawn::Random,
    });
    for (role, name) in [(Role::Candidate, "new"), (Role::Production, "old")] {
        let target = crate::manifest::Target::LabelsOnly;
        testing::system(&mut manifest, role, name, target);
    }
    let reference = crate::testing::blank_set(n);
    (manifest, reference)
}

fn unit(role: Role, example: u32, people: Option<bool>, judge: bool) -> Unit {
    let bin = |passed| if passed { Bin::Pass } else { Bin::Fail(0) };
    let word = |passed: bool| if passed { "ok" } else { "no" };
    Unit {
        role,
        example,
        trial: 0,
        part: None,
        judge: bin(judge),
        beside: Beside {
            people: people.map(|passed| Said {
                bin: bin(passed),
                label: Some(word(passed).into()),
                inclusion: 1.0,
            }),
            judge: Some(word(judge).into()),
            flips: None,
            outdated: false,
        },
    }
}

/// Counts of one system: both pass, people pass only, judge passes only, both fail; then unlabelled passes and fails.
fn units(role: Role, from: u32, counts: [u32; 6]) -> Vec<Unit> {
    let kinds = [
        (Some(true), true),
        (Some(true), false),
        (Some(false), true),
        (Some(false), false),
        (None, true),
        (None, false),
    ];
    let all = kinds.into_iter().zip(counts);
    let all = all.flat_map(|(kind, count)| (0..count).map(move |_| kind));
    (from..)
        .zip(all)
        .map(|(example, (people, judge))| unit(role, example, people, judge))
        .collect()
}

fn calibrated(units: Vec<Unit>, change: impl FnOnce(&mut Manifest)) -> Calibration {
    let (mut manifest, reference) = world(5000);
    change(&mut manifest);
    let units = BTreeMap::from([(0, units)]);
    let mut found = calibrate(&manifest, &reference, &units, &KnownJudges::default());
    found.remove(0)
}

fn codes(calibration: &Calibration) -> Vec<String> {
    let document = document(
        &world(1).0,
        std::slice::from_ref(calibration),
        &BTreeMap::new(),
    );
    let reasons = document.criteria[0].reasons.iter();
    reasons.map(|reason| reason.code.clone()).collect()
}

#[test]
fn a_good_judge_is_fit_and_a_coin_is_not() {
    let good = calibrated(units(Role::Candidate, 0, [90, 4, 3, 40, 200, 60]), |_| {});
    assert_eq!(good.fitness, Fitness::Fit);
    // The p at which 90 or more of 94 have a chance of 5 %, by exact binomial sums.
    let se = good.pooled.accuracy.se;
    assert!((se.lower - 0.905_267_8).abs() < 1e-6, "{se:?}");
    assert_eq!((se.n, good.pooled.accuracy.sp.n), (94, 43));
    let coin = calibrated(
        units(Role::Candidate, 0, [50, 50, 50, 50, 200, 200]),
        |_| {},
    );
    assert!(
        matches!(coin.fitness, Fitness::Unfit { .. }),
        "{:?}",
        coin.fitness
    );
    assert!(codes(&coin).contains(&"inaccurate".to_owned()));
    let kappa = coin.pooled.labels.as_ref().and_then(|found| found.kappa);
    assert_eq!(kappa, Some(0.0));
}

#[test]
fn few_labels_leave_it_open_and_say_how_many_would_tell() {
    let few = calibrated(units(Role::Candidate, 0, [9, 0, 0, 6, 200, 60]), |_| {});
    let Fitness::Undecided {
        labels: Some(more), ..
    } = few.fitness
    else {
        panic!("{:?}", few.fitness);
    };
    // As many as it says, in the same proportions and with the same rates, are enough; one label fewer than that is not.
    let shown = |n: u64| {
        let (passes, fails) = (n as f64 * 0.6, n as f64 * 0.4);
        let lower = |n| gatewright_stats::proportion::clopper_pearson(n, n, ALPHA).0;
        lower(passes) + lower(fails) - 1.0 >= 0.5
    };
    assert!(shown(15 + more) && !shown(15 + more - 1), "{more}");
    let none = calibrated(units(Role::Candidate, 0, [0, 0, 0, 0, 200, 60]), |_| {});
    let planned = Fitness::Undecided {
        reasons: vec![Reason::NoLabels],
        labels: Some(60),
    };
    assert_eq!(
        none.fitness, planned,
        "what `check` says is what the rule needs"
    );
}

#[test]
fn a_critical_rule_asks_for_more() {
    let counts = [80, 6, 5, 40, 100, 40];
    let found = calibrated(units(Role::Candidate, 0, counts), |_| {});
    assert_eq!(found.fitness, Fitness::Fit);
    let evidence = &found.evidence;
    let reasons = fitness(evidence, true);
    assert!(
        matches!(reasons.reasons(), [Reason::Inaccurate { needs, .. }] if *needs == 0.7),
        "{reasons:?}"
    );
}

#[test]
fn a_judge_that_errs_on_one_system_fakes_a_difference() {
    let mut all = units(Role::Candidate, 0, [190, 10, 2, 48, 0, 0]);
    all.extend(units(Role::Production, 0, [160, 40, 2, 48, 0, 0]));
    let found = calibrated(all, |_| {});
    assert_eq!(codes(&found), ["differs"]);
    assert!(matches!(found.fitness, Fitness::Unfit { .. }));
    // On either system alone nothing is compared.
    assert!(
        found.each.values().all(|fit| *fit == Fitness::Fit),
        "{:?}",
        found.each
    );
    let mut one_arm = units(Role::Candidate, 0, [190, 10, 2, 48, 0, 0]);
    one_arm.extend(units(Role::Production, 0, [0, 0, 0, 0, 200, 50]));
    let found = calibrated(one_arm, |_| {});
    assert!(
        codes(&found).contains(&"one-arm".to_owned()),
        "{:?}",
        codes(&found)
    );
}

#[test]
fn a_judge_that_contradicts_itself_is_unfit() {
    let with = |flips: usize| {
        let mut all = units(Role::Candidate, 0, [90, 4, 3, 40, 200, 60]);
        for (place, unit) in all.iter_mut().take(100).enumerate() {
            unit.beside.flips = Some(place < flips);
        }
        calibrated(all, |_| {})
    };
    assert_eq!(with(5).fitness, Fitness::Fit);
    assert_eq!(codes(&with(6)), ["unsteady"]);
}

#[test]
fn an_unreadable_verdict_is_in_no_rate_and_counted() {
    let mut all = units(Role::Candidate, 0, [90, 4, 3, 40, 0, 0]);
    for unit in all.iter_mut().take(10) {
        unit.judge = Bin::Missing(crate::outcome::Missing::GraderError);
        unit.beside.judge = Some("whatever".into());
    }
    let found = calibrated(all, |_| {});
    let reading = &found.pooled;
    assert_eq!(
        (reading.units, reading.labelled, reading.judge_unread),
        (137, 137, 10)
    );
    assert_eq!(reading.table.passes(), 84);
    // As a label it is a class of its own: it disagrees.
    assert_eq!(reading.labels.as_ref().map(|found| found.n), Some(137));
    assert_eq!(reading.verdicts.as_ref().map(|found| found.n), Some(127));
}

#[test]
fn labels_carry_over_while_the_judge_is_the_same() {
    let (manifest, reference) = world(500);
    let units = BTreeMap::from([(0, units(Role::Candidate, 0, [3, 0, 0, 2, 200, 60]))]);
    let judge = Digest::of(b"judge");
    let table = Confusion {
        true_pass: 90,
        false_fail: 4,
        false_pass: 3,
        true_fail: 40,
    };
    let with = |then: Digest, units: &BTreeMap<u16, Vec<Unit>>| {
        let known = KnownJudges {
            judges: BTreeMap::from([(0, judge)]),
            carried: BTreeMap::from([(0, Carried { judge: then, table })]),
            ..KnownJudges::default()
        };
        calibrate(&manifest, &reference, units, &known).remove(0)
    };
    let same = with(judge, &units);
    assert!(same.evidence.from_earlier);
    assert_eq!(same.evidence.table, table);
    let other = with(Digest::of(b"new prompt"), &units);
    assert!(!other.evidence.from_earlier);
    assert!(matches!(other.fitness, Fitness::Undecided { .. }));
    let none = BTreeMap::from([(0, Vec::new())]);
    let changed = with(Digest::of(b"new prompt"), &none);
    assert_eq!(changed.fitness.reasons(), [Reason::Changed]);
}

#[test]
fn drawing_takes_flips_and_fails_and_random_passes_and_hides_nothing_of_how() {
    // 20 flips, 30 both fail, 450 both pass.
    let verdict = |example: u32| match example {
        0..20 => (false, true),
        20..50 => (false, false),
        _ => (true, true),
    };
    let all: Vec<Unit> = (0..500)
        .flat_map(|example| {
            let (ours, theirs) = verdict(example);
            [
                unit(Role::Candidate, example, None, ours),
                unit(Role::Production, example, None, theirs),
            ]
        })
        .collect();
    let found = draw(&all, 200, 7, "right");
    assert_eq!(found.whole, 160);
    assert_eq!(found.answers.len(), 200);
    assert_eq!(
        found.strata.values().copied().collect::<Vec<_>>(),
        [(20, 20), (30, 30), (50, 450)]
    );
    for answer in &found.answers {
        let expected = match answer.stratum {
            Stratum::Flip | Stratum::Fail => 1.0,
            Stratum::Pass => 50.0 / 450.0,
        };
        assert!((answer.inclusion - expected).abs() < 1e-12);
        // Both answers to an example, or neither.
        let of = |one: &&Answer<'_>| one.unit.example == answer.unit.example;
        assert_eq!(found.answers.iter().filter(of).count(), 2);
    }
    assert_eq!(
        found,
        draw(&all, 200, 7, "right"),
        "the same seed draws the same"
    );
    assert_ne!(found.answers, draw(&all, 200, 8, "right").answers);
    let small: Vec<(u32, Role)> = draw(&all, 170, 7, "right")
        .answers
        .iter()
        .map(|one| (one.unit.example, one.unit.role))
        .collect();
    let large: Vec<(u32, Role)> = found
        .answers
        .iter()
        .map(|one| (one.unit.example, one.unit.role))
        .collect();
    assert!(
        small.iter().all(|one| large.contains(one)),
        "a larger budget keeps what was drawn"
    );
    let tight = draw(&all, 60, 7, "right");
    assert!(tight.answers.len() <= 60);
    assert!(tight.strata[&Stratum::Pass].0 >= 10, "{:?}", tight.strata);
    let order: Vec<u32> = found.answers.iter().map(|one| one.unit.example).collect();
    assert!(!order.is_sorted(), "shuffled");
}

#[test]
fn a_report_fits_and_says_the_reason() {
    let mut all = units(Role::Candidate, 0, [190, 10, 2, 48, 100, 30]);
    all.extend(units(Role::Production, 0, [100, 100, 30, 20, 100, 30]));
    all[0].judge = Bin::Missing(crate::outcome::Missing::GraderError);
    all[1].beside.flips = Some(true);
    let found = calibrated(all, |_| {});
    let document = document(&world(1).0, &[found], &BTreeMap::new());
    let shown = text(&document, 80);
    assert!(shown.lines().count() <= 25, "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    for part in [
        "unfit to gate",
        "errs differently",
        "candidate",
        "production",
        "together",
        "Next: ",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
}
