//! Properties of what graders and reviewers are judged by, beside the reference vectors.

use gatewright_stats::agreement::{LEAST_ITEMS, Level, RESAMPLES, Ratings};
use gatewright_stats::choose::Rows;
use gatewright_stats::cluster::cluster_mean;
use gatewright_stats::dawid_skene::{Annotation, Size, Stop, dawid_skene};
use gatewright_stats::estimate::{Method, Undefined};
use gatewright_stats::judge::{self, Confusion, Evidence, Rate, Unfit};
use gatewright_stats::kappa::cohen;
use gatewright_stats::ppi::{
    self, Budget, Labelled, Stratum, Tuning, labels_only, ppi_clustered, ppi_mean, ppi_stratified,
};
use gatewright_stats::proportion::clopper_pearson;
use gatewright_stats::rng::Stream;
use gatewright_stats::{bootstrap, checklist};
use proptest::prelude::*;

const CATEGORIES: u32 = 4;

/// Items × reviewers, some missing.
fn ratings() -> impl Strategy<Value = Vec<Vec<Option<u32>>>> {
    let one = prop::option::weighted(0.8, 0..CATEGORIES);
    prop::collection::vec(prop::collection::vec(one, 3), 1..30)
}

/// Complete tables.
fn complete() -> impl Strategy<Value = Vec<Vec<Option<u32>>>> {
    let one = (0..CATEGORIES).prop_map(Some);
    prop::collection::vec(prop::collection::vec(one, 3), 2..30)
}

fn relabelled(rows: &[Vec<Option<u32>>], to: impl Fn(u32) -> u32) -> Vec<Vec<Option<u32>>> {
    let row = |row: &Vec<Option<u32>>| row.iter().map(|one| one.map(&to)).collect();
    rows.iter().map(row).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()))
}

fn same(a: &Result<f64, Undefined>, b: &Result<f64, Undefined>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => near(*a, *b),
        (a, b) => a == b,
    }
}

const PLACES: [f64; 4] = [0.0, 1.0, 2.0, 3.0];

proptest! {
    #[test]
    fn alpha_does_not_depend_on_names_or_order(rows in ratings()) {
        let Ok(found) = Ratings::new(&rows, CATEGORIES) else { return Ok(()) };
        let turned = Ratings::new(&relabelled(&rows, |k| (k + 1) % CATEGORIES), CATEGORIES).unwrap();
        prop_assert!(same(&found.alpha(Level::Nominal), &turned.alpha(Level::Nominal)));
        let upside_down = Ratings::new(&relabelled(&rows, |k| CATEGORIES - 1 - k), CATEGORIES).unwrap();
        prop_assert!(same(&found.alpha(Level::Ordinal), &upside_down.alpha(Level::Ordinal)));
        prop_assert!(same(&found.alpha(Level::Interval(&PLACES)), &upside_down.alpha(Level::Interval(&PLACES))));
        let stretched = PLACES.map(|place| 1e6 - 7.0 * place);
        prop_assert!(same(&found.alpha(Level::Interval(&PLACES)), &found.alpha(Level::Interval(&stretched))));
        let backwards: Vec<_> = rows.iter().rev().map(|row| row.iter().rev().copied().collect()).collect();
        let backwards = Ratings::new(&backwards, CATEGORIES).unwrap();
        prop_assert!(same(&found.alpha(Level::Ordinal), &backwards.alpha(Level::Ordinal)));
    }

    #[test]
    fn coefficients_stay_in_range_or_say_why_not(rows in ratings()) {
        let Ok(found) = Ratings::new(&rows, CATEGORIES) else { return Ok(()) };
        for level in [Level::Nominal, Level::Ordinal, Level::Interval(&PLACES)] {
            match found.alpha(level) {
                Ok(alpha) => prop_assert!(alpha.is_finite() && alpha <= 1.0 + 1e-12),
                Err(why) => prop_assert!(matches!(why, Undefined::Empty | Undefined::NoVariation)),
            }
        }
        match found.ac1() {
            Ok(ac1) => {
                prop_assert!((-1.0..=1.0 + 1e-12).contains(&ac1.ac1), "{ac1:?}");
                prop_assert!((0.0..=1.0 / f64::from(CATEGORIES) + 1e-12).contains(&ac1.chance));
                prop_assert!(ac1.se.is_none_or(|se| se.is_finite() && se >= 0.0));
            }
            Err(why) => prop_assert_eq!(why, Undefined::Empty),
        }
    }

    /// On a complete table alpha is Fleiss' kappa with a correction for few ratings: 1 − α = (n − 1)/n·(1 − κ).
    #[test]
    fn alpha_and_fleiss_know_each_other(rows in complete()) {
        let found = Ratings::new(&rows, CATEGORIES).unwrap();
        let n = (rows.len() * 3) as f64;
        match (found.alpha(Level::Nominal), found.fleiss()) {
            (Ok(alpha), Ok(kappa)) => prop_assert!(near(1.0 - alpha, (n - 1.0) / n * (1.0 - kappa))),
            (alpha, kappa) => prop_assert_eq!(alpha, kappa),
        }
    }

    #[test]
    fn two_categories_have_one_alpha(rows in ratings()) {
        let Ok(found) = Ratings::new(&relabelled(&rows, |k| k % 2), 2) else { return Ok(()) };
        prop_assert!(same(&found.alpha(Level::Nominal), &found.alpha(Level::Ordinal)));
        prop_assert!(same(&found.alpha(Level::Nominal), &found.alpha(Level::Interval(&[3.0, 5.0]))));
    }

    #[test]
    fn kappa_is_symmetric(pairs in prop::collection::vec((0..CATEGORIES, 0..CATEGORIES), 1..40)) {
        let (a, b): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        let (one, other) = (cohen(&a, &b, CATEGORIES).unwrap(), cohen(&b, &a, CATEGORIES).unwrap());
        for (x, y) in [(one.kappa, other.kappa), (one.linear, other.linear), (one.quadratic, other.quadratic), (one.se, other.se)] {
            match (x, y) {
                (Some(x), Some(y)) => prop_assert!(near(x, y)),
                (x, y) => prop_assert_eq!(x, y),
            }
        }
        let two = cohen(&a.iter().map(|k| k % 2).collect::<Vec<_>>(), &b.iter().map(|k| k % 2).collect::<Vec<_>>(), 2).unwrap();
        prop_assert_eq!(two.kappa, two.linear);
        prop_assert_eq!(two.kappa, two.quadratic);
        prop_assert!(one.kappa.is_none_or(|kappa| (-1.0..=1.0).contains(&kappa)));
    }
}

#[test]
fn equal_ratings_agree_and_prove_nothing() {
    let found = Ratings::new(&vec![vec![Some(1); 3]; 40], 2).unwrap();
    assert_eq!(found.alpha(Level::Nominal), Err(Undefined::NoVariation));
    assert_eq!(found.fleiss(), Err(Undefined::NoVariation));
    assert_eq!(found.percent_agreement(), Ok(1.0));
    assert_eq!(found.ac1().unwrap().ac1, 1.0);
    let stream = |r| Stream::new(1, "c", "s", "agreement", r);
    assert_eq!(
        found.alpha_interval(Level::Nominal, 0.025, stream),
        Err(Undefined::NoVariation)
    );
    let always = found.ac1_interval(0.025, stream).unwrap();
    assert_eq!((always.lower, always.upper, always.dropped), (1.0, 1.0, 0));
}

#[test]
fn an_interval_needs_items_counts_what_it_drops_and_repeats_exactly() {
    // One item of thirty differs: a third of the resamples miss it, and alpha is undefined there.
    let mut rows = vec![vec![Some(1), Some(1)]; 30];
    rows[7] = vec![Some(0), Some(0)];
    let found = Ratings::new(&rows, 2).unwrap();
    let with = |seed| {
        found.alpha_interval(Level::Nominal, 0.025, |r| {
            Stream::new(seed, "c", "s", "agreement", r)
        })
    };
    let interval = with(1).unwrap();
    assert_eq!(interval.kept + interval.dropped, RESAMPLES);
    let share = interval.dropped as f64 / RESAMPLES as f64;
    // (29/30)^30 = 0.362; four standard errors of 2000 draws.
    assert!((share - 0.3617).abs() < 0.043, "{share}");
    assert_eq!(with(1), with(1));
    assert_ne!(with(1).unwrap().dropped, with(2).unwrap().dropped);

    let few = Ratings::new(&rows[..19], 2).unwrap();
    let refused = few.alpha_interval(Level::Nominal, 0.025, |r| Stream::new(1, "c", "s", "a", r));
    assert_eq!(refused, Err(Undefined::TooFewRows { needs: LEAST_ITEMS }));
}

#[test]
fn ratings_that_are_none_are_refused() {
    assert_eq!(Ratings::new(&[vec![None, None]], 2), Err(Undefined::Empty));
    assert_eq!(Ratings::new(&[], 0), Err(Undefined::Empty));
    assert_eq!(
        Ratings::new(&[vec![Some(2)]], 2),
        Err(Undefined::OutOfRange)
    );
    let alone = Ratings::new(&[vec![Some(1)], vec![Some(0), None]], 2).unwrap();
    assert_eq!(alone.alpha(Level::Nominal), Err(Undefined::Empty));
    assert_eq!(alone.ac1(), Err(Undefined::Empty));
    let odd = Ratings::new(&[vec![Some(1), Some(0)], vec![Some(0)]], 2).unwrap();
    assert_eq!(odd.fleiss(), Err(Undefined::OutOfRange));
    assert_eq!(
        odd.alpha(Level::Interval(&[1.0])),
        Err(Undefined::OutOfRange)
    );
    assert_eq!(
        odd.alpha_of_draw(&[2], Level::Nominal),
        Err(Undefined::OutOfRange)
    );
    assert!(cohen(&[0], &[0, 1], 2).is_err() && cohen(&[], &[], 2).is_err());
}

/// Labels, verdicts and other verdicts in [0, 1].
fn graded() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<f64>)> {
    let score = || prop::sample::select(&[0.0, 1.0, 1.0, 0.25][..]);
    let labelled = prop::collection::vec((score(), score()), 2..40);
    (labelled, prop::collection::vec(score(), 2..60)).prop_map(|(labelled, others)| {
        let (y, f) = labelled.into_iter().unzip();
        (y, f, others)
    })
}

proptest! {
    #[test]
    fn without_the_grader_only_labels_count((y, f, fu) in graded()) {
        let (mean, variance) = labels_only(&y).unwrap();
        for found in [
            ppi_mean(&y, &f, &fu, Tuning::Fixed(0.0)).unwrap(),
            ppi_mean(&y, &f, &[], Tuning::Power).unwrap(),
            ppi_mean(&y, &vec![1.0; y.len()], &[1.0, 1.0], Tuning::Power).unwrap(),
        ] {
            prop_assert!(near(found.estimate, mean) && near(found.variance, variance), "{found:?}");
        }
    }

    #[test]
    fn passing_and_failing_mirror_each_other((y, f, fu) in graded()) {
        let turn = |values: &[f64]| values.iter().map(|v| 1.0 - v).collect::<Vec<_>>();
        let one = ppi_mean(&y, &f, &fu, Tuning::Power).unwrap();
        let other = ppi_mean(&turn(&y), &turn(&f), &turn(&fu), Tuning::Power).unwrap();
        prop_assert!(near(one.estimate, 1.0 - other.estimate) && near(one.lambda, other.lambda));
        prop_assert!((0.0..=1.0).contains(&one.lambda) && one.variance >= 0.0);
        let whole = ppi_stratified(&[Stratum { share: 1.0, y: &y, f: &f, fu: &fu }]).unwrap();
        prop_assert!(near(whole.estimate, one.estimate) && near(whole.variance, one.variance));
    }

    /// Independent rows are clusters of one: the same estimate, and variances that differ by n/(n − 1) on each side.
    #[test]
    fn clusters_of_one_are_independent_rows((y, f, fu) in graded(), lambda in 0.0..1.0_f64) {
        let own: Vec<u32> = (0..y.len() as u32).collect();
        let other: Vec<u32> = (1000..1000 + fu.len() as u32).collect();
        let labelled = Labelled { y: &y, f: &f, cluster: &own, weight: None };
        let rows = Rows { value: &fu, cluster: &other, weight: None };
        let (n, big_n) = (y.len() as f64, fu.len() as f64);
        let plain = ppi_mean(&y, &f, &fu, Tuning::Fixed(lambda)).unwrap();
        let found = ppi_clustered(&labelled, &rows, Tuning::Fixed(lambda)).unwrap();
        let graded = lambda * lambda * labels_only(&fu).unwrap().1;
        let expected = graded * big_n / (big_n - 1.0) + (plain.variance - graded) * n / (n - 1.0);
        prop_assert!(near(found.estimate, plain.estimate) && near(found.variance, expected), "{found:?} {expected}");
        // The tuned one is the best there is between its ends.
        let tuned = ppi_clustered(&labelled, &rows, Tuning::Power).unwrap();
        for lambda in [0.0, lambda, 1.0] {
            let fixed = ppi_clustered(&labelled, &rows, Tuning::Fixed(lambda)).unwrap();
            prop_assert!(tuned.variance <= fixed.variance + 1e-12);
        }
        // Weights that are all alike are no weights.
        let (twos, threes) = (vec![2.0; y.len()], vec![3.0; fu.len()]);
        let weighted = ppi_clustered(
            &Labelled { weight: Some(&twos), ..labelled },
            &Rows { weight: Some(&threes), ..rows },
            Tuning::Power,
        ).unwrap();
        prop_assert!(near(weighted.estimate, tuned.estimate) && near(weighted.variance, tuned.variance));
    }

    #[test]
    fn without_the_grader_clusters_are_those_of_the_labels((y, f, fu) in graded(), groups in 2_u32..9) {
        let own: Vec<u32> = (0..y.len() as u32).map(|row| row % groups).collect();
        let other: Vec<u32> = (0..fu.len() as u32).map(|row| row % groups).collect();
        let labelled = Labelled { y: &y, f: &f, cluster: &own, weight: None };
        let plain = cluster_mean(&y, &own, None).unwrap();
        for rows in [Rows { value: &fu, cluster: &other, weight: None }, Rows { value: &[], cluster: &[], weight: None }] {
            let found = ppi_clustered(&labelled, &rows, Tuning::Fixed(0.0)).unwrap();
            prop_assert!(near(found.estimate, plain.estimate) && near(found.variance, plain.cr2));
            prop_assert!(near(found.df, plain.df));
        }
        // Shared clusters: the sum of each counts, and no variance is below 0.
        let found = ppi_clustered(&labelled, &Rows { value: &fu, cluster: &other, weight: None }, Tuning::Power).unwrap();
        prop_assert!(found.variance >= 0.0 && found.df <= plain.df + 1e-9);
    }
}

#[test]
fn bounds_of_clusters_say_what_they_rest_on() {
    let y: Vec<f64> = (0..40).map(|row| f64::from(row % 3 != 0)).collect();
    let f: Vec<f64> = (0..40).map(|row| f64::from(row % 4 != 0)).collect();
    let cluster: Vec<u32> = (0..40).map(|row| row / 2).collect();
    let labelled = Labelled {
        y: &y,
        f: &f,
        cluster: &cluster,
        weight: None,
    };
    let other: Vec<u32> = (100..140).collect();
    let rows = Rows {
        value: &f,
        cluster: &other,
        weight: None,
    };
    let bounds = ppi_clustered(&labelled, &rows, Tuning::Power)
        .unwrap()
        .bounds(0.05)
        .unwrap();
    assert!(bounds.lower < bounds.point && bounds.point < bounds.upper);
    assert_eq!(
        (bounds.n, bounds.clusters, bounds.method),
        (40, 20, Method::PpiPlusPlus)
    );
    let ones = vec![1.0; 40];
    let equal = Labelled {
        y: &ones,
        f: &ones,
        ..labelled
    };
    let certain = ppi_clustered(&equal, &rows, Tuning::Power).unwrap();
    assert_eq!(certain.bounds(0.05), Err(Undefined::NoVariation));
    let few: Vec<u32> = (0..40).map(|row| row / 14).collect();
    let shown = ppi_clustered(
        &Labelled {
            cluster: &few,
            ..labelled
        },
        &rows,
        Tuning::Fixed(0.0),
    );
    assert!(matches!(
        shown.unwrap().bounds(0.05),
        Err(Undefined::FewDegreesOfFreedom { .. })
    ));
    let short = Labelled {
        cluster: &few[..3],
        ..labelled
    };
    assert_eq!(
        ppi_clustered(&short, &rows, Tuning::Power),
        Err(Undefined::OutOfRange)
    );
}

#[test]
fn inputs_out_of_range_are_refused() {
    assert_eq!(
        ppi_mean(&[], &[], &[1.0], Tuning::Power),
        Err(Undefined::Empty)
    );
    for (y, f, fu) in [
        (&[1.0][..], &[][..], &[1.0][..]),
        (&[f64::NAN], &[1.0], &[1.0]),
        (&[1.0], &[1.0], &[f64::INFINITY]),
    ] {
        assert_eq!(
            ppi_mean(y, f, fu, Tuning::Power),
            Err(Undefined::OutOfRange)
        );
    }
    assert!(ppi_mean(&[1.0], &[1.0], &[1.0], Tuning::Fixed(f64::NAN)).is_err());
    let half = Stratum {
        share: 0.5,
        y: &[1.0],
        f: &[1.0],
        fu: &[1.0],
    };
    assert_eq!(ppi_stratified(&[half]), Err(Undefined::OutOfRange));
    assert_eq!(ppi_stratified(&[]), Err(Undefined::Empty));
}

/// The cheapest plan reaches its variance, and is not dearer than labels alone or than its neighbours.
#[test]
fn a_budget_is_kept() {
    let r2 = ppi::squared_correlation(0.85, 0.92, 0.8).unwrap();
    assert!((r2 - 0.433).abs() < 0.001, "{r2}");
    let budget = Budget {
        label_variance: 0.85 * 0.15,
        r2,
        label_cost: 1.0,
        graded_cost: 0.01,
        rows: 5000,
    };
    let target = 0.0005;
    let reached = |n: u64, others: u64| {
        let (n, others) = (n as f64, others as f64);
        budget.label_variance / n * (1.0 - r2 * others / (n + others))
    };
    let plan = ppi::label_budget(&budget, target).unwrap();
    assert!(reached(plan.labelled, plan.unlabelled) <= target * (1.0 + 1e-9));
    assert!(reached(plan.labelled - 1, plan.unlabelled) > target);
    let alone = (budget.label_variance / target).ceil();
    assert!(plan.unlabelled > 0 && plan.cost < 0.75 * alone, "{plan:?}");
    // A useless grader: labels alone.
    let useless = ppi::label_budget(&Budget { r2: 0.0, ..budget }, target).unwrap();
    assert_eq!((useless.labelled, useless.unlabelled), (alone as u64, 0));
    assert_eq!(
        ppi::label_budget(
            &Budget {
                rows: 100,
                ..budget
            },
            target
        ),
        Err(Undefined::TooFewRows {
            needs: alone as u64
        })
    );
    assert_eq!(ppi::label_budget(&budget, 0.0), Err(Undefined::OutOfRange));
    assert_eq!(ppi::squared_correlation(1.0, 0.9, 0.9), None);
}

proptest! {
    #[test]
    fn corrected_rates_stay_rates(
        (tp, fnn, fp, tn) in (0_u64..60, 0_u64..20, 0_u64..20, 0_u64..60), n in 1_u64..500, share in 0.0..=1.0_f64,
    ) {
        let table = Confusion { true_pass: tp, false_fail: fnn, false_pass: fp, true_fail: tn };
        let apparent = (share * n as f64) as u64;
        if let Ok(found) = judge::rogan_gladen(&table, apparent, n) {
            prop_assert!((0.0..=1.0).contains(&found.estimate) && found.variance >= 0.0 && found.variance.is_finite());
        }
        let rates = judge::accuracy(&table, 0.05);
        let narrow = judge::lang_reiczigel(&table, apparent, n, 0.05);
        let wide = judge::lang_reiczigel(&table, apparent, n, 0.025);
        if let (Ok(narrow), Ok(wide)) = (narrow, wide) {
            for bounds in [narrow, wide] {
                prop_assert!(0.0 <= bounds.0 && bounds.0 <= bounds.1 && bounds.1 <= 1.0);
            }
            // With hardly a label of one kind the shift, which grows with z², outruns the width; not for a fit grader.
            if rates.youden_lower() >= 0.5 {
                prop_assert!(wide.0 <= narrow.0 + 1e-9 && wide.1 >= narrow.1 - 1e-9, "{narrow:?} {wide:?}");
            }
        }
        prop_assert!((-1.0..=1.0).contains(&rates.youden_lower()));
        prop_assert!(rates.youden().is_none_or(|youden| youden >= rates.youden_lower()));
    }
}

#[test]
fn a_perfect_grader_is_taken_at_its_word() {
    let table = Confusion {
        true_pass: 400,
        true_fail: 100,
        ..Confusion::default()
    };
    let found = judge::rogan_gladen(&table, 700, 1000).unwrap();
    assert!((found.estimate - 0.7).abs() < 1e-12);
    assert!((found.variance - 0.7 * 0.3 / 1000.0).abs() < 1e-15);
    let coin = Confusion {
        true_pass: 10,
        false_fail: 10,
        false_pass: 10,
        true_fail: 10,
    };
    assert_eq!(
        judge::rogan_gladen(&coin, 5, 10),
        Err(Undefined::Uninformative)
    );
    assert_eq!(
        judge::lang_reiczigel(&coin, 5, 10, 0.05),
        Err(Undefined::Uninformative)
    );
    assert_eq!(
        judge::rogan_gladen(&table, 11, 10),
        Err(Undefined::OutOfRange)
    );
    let rate = |passes, n| Rate { passes, n };
    assert_eq!(
        judge::lang_reiczigel_of(rate(5.0, 4.0), rate(1.0, 1.0), rate(1.0, 1.0), 0.05),
        Err(Undefined::OutOfRange)
    );
}

/// Weights that are all alike, each row its own cluster: nearly the counts, and exactly the points.
#[test]
fn weighted_labels_have_the_points_of_counted_ones() {
    let people: Vec<bool> = (0..120).map(|row| row % 4 != 0).collect();
    let grader: Vec<bool> = (0..120).map(|row| row % 4 != 0 && row % 7 != 0).collect();
    let clusters: Vec<u32> = (0..120).collect();
    let counted = judge::accuracy(
        &Confusion::count(people.iter().copied().zip(grader.iter().copied())),
        0.05,
    );
    let same = judge::weighted_accuracy(&people, &grader, &clusters, None, 0.05);
    let se = same.se.unwrap();
    assert_eq!(
        (Some(se.point), se.lower, se.upper),
        (counted.se.point, counted.se.lower, counted.se.upper)
    );
    let weights = vec![5.0; 120];
    let weighted = judge::weighted_accuracy(&people, &grader, &clusters, Some(&weights), 0.05);
    let weighted = weighted.se.unwrap();
    assert!((weighted.point - se.point).abs() < 1e-12 && (weighted.lower - se.lower).abs() < 0.01);
    // Labelling the grader's fails ten times as often, and weighing them back, does not move the estimate's target.
    let uneven: Vec<f64> = grader
        .iter()
        .map(|says| if *says { 10.0 } else { 1.0 })
        .collect();
    let moved = judge::weighted_accuracy(&people, &grader, &clusters, Some(&uneven), 0.05);
    assert!(moved.se.unwrap().point > weighted.point);
    let short = judge::weighted_accuracy(&people, &grader[..5], &clusters, None, 0.05);
    assert_eq!(short.se, Err(Undefined::OutOfRange));
    let none = judge::weighted_accuracy(&[true], &[true], &[0], None, 0.05);
    assert_eq!(none.sp, Err(Undefined::Empty));
}

#[test]
fn every_reason_against_a_grader_is_found() {
    let good = Confusion {
        true_pass: 190,
        false_fail: 10,
        false_pass: 4,
        true_fail: 96,
    };
    assert!(good.suffices_for_ppi());
    let evidence = Evidence {
        accuracy: judge::accuracy(&good, 0.05),
        critical: false,
        intervals: Some([(0.8, 0.85), (0.78, 0.86)]),
        differential: Some(judge::differential(&good, &good)),
        retest: Some((5, 100)),
    };
    assert_eq!(judge::unfit(&evidence), []);
    let worse = Confusion {
        true_pass: 165,
        false_fail: 35,
        ..good
    };
    let bad = Evidence {
        accuracy: judge::accuracy(&worse, 0.05),
        critical: true,
        intervals: Some([(0.7, 0.9), (0.75, 0.9)]),
        differential: Some(judge::differential(&good, &worse)),
        retest: Some((6, 100)),
    };
    let reasons = judge::unfit(&bad);
    assert!(
        matches!(
            reasons[..],
            [
                Unfit::Inaccurate { needs: 0.7, .. },
                Unfit::AddsNothing { .. },
                Unfit::Differs(_),
                Unfit::Unsteady { .. }
            ]
        ),
        "{reasons:?}"
    );
    // Nothing labelled: unfit, whatever else is known.
    let unlabelled = Evidence {
        accuracy: judge::accuracy(&Confusion::default(), 0.05),
        critical: false,
        intervals: None,
        differential: None,
        retest: None,
    };
    assert!(matches!(
        judge::unfit(&unlabelled)[..],
        [Unfit::Inaccurate { .. }]
    ));
    // 10 of 20 against 2 of 20: z = 2.760, by hand.
    assert!((judge::two_proportions(10, 20, 2, 20) - 0.005_778).abs() < 1e-5);
}

#[test]
fn reviewers_with_a_known_truth_are_found_out() {
    let truth = |item: u32| u32::from(item.is_multiple_of(3));
    let mut stream = Stream::new(7, "c", "s", "reviewers", 0);
    // Right in 95, 90, 85 and 60 of 100.
    let rates = [0.95, 0.9, 0.85, 0.6];
    let mut annotations = Vec::new();
    for item in 0..300 {
        for (worker, rate) in (0..).zip(rates) {
            let right = stream.uniform() < rate;
            let label = if right { truth(item) } else { 1 - truth(item) };
            annotations.push(Annotation {
                item,
                worker,
                label,
            });
        }
    }
    let size = Size {
        items: 300,
        workers: 4,
        labels: 2,
    };
    let found = dawid_skene(&annotations, size, Stop::default()).unwrap();
    let right = (0..300)
        .filter(|&item| found.posterior[item as usize][truth(item) as usize] > 0.5)
        .count();
    assert!(right >= 280, "{right}");
    for (worker, rate) in rates.iter().enumerate() {
        let accuracy = found.accuracy(worker).unwrap();
        assert!((accuracy - rate).abs() < 0.1, "{worker}: {accuracy}");
    }
    assert_eq!(found.accuracy(4), None);
    assert!(found.iterations <= 50);
    // Naming labels and reviewers otherwise changes nothing else.
    let turned: Vec<Annotation> = annotations
        .iter()
        .rev()
        .map(|a| Annotation {
            worker: 3 - a.worker,
            label: 1 - a.label,
            ..*a
        })
        .collect();
    let other = dawid_skene(&turned, size, Stop::default()).unwrap();
    for (one, other) in found.posterior.iter().zip(&other.posterior) {
        assert!((one[0] - other[1]).abs() < 1e-6);
    }
}

#[test]
fn annotations_out_of_range_are_refused() {
    let one = Annotation {
        item: 0,
        worker: 0,
        label: 0,
    };
    let size = Size {
        items: 1,
        workers: 1,
        labels: 1,
    };
    assert_eq!(
        dawid_skene(&[], size, Stop::default()),
        Err(Undefined::Empty)
    );
    let two = Size { items: 2, ..size };
    assert_eq!(
        dawid_skene(&[one], two, Stop::default()),
        Err(Undefined::Empty)
    );
    let beyond = Annotation { label: 1, ..one };
    assert_eq!(
        dawid_skene(&[beyond], size, Stop::default()),
        Err(Undefined::OutOfRange)
    );
    let sure = dawid_skene(&[one], size, Stop::default()).unwrap();
    assert_eq!((sure.posterior[0][0], sure.prior[0]), (1.0, 1.0));
}

fn cases() -> impl Strategy<Value = Vec<checklist::Case>> {
    let score = || prop::sample::select(&[0.1, 0.45, 0.5, 0.55, 0.9][..]);
    let perturbed = prop::collection::vec(prop::option::weighted(0.8, score()), 0..4);
    let case = (prop::option::weighted(0.9, score()), perturbed)
        .prop_map(|(base, perturbed)| checklist::Case { base, perturbed });
    prop::collection::vec(case, 0..30)
}

proptest! {
    #[test]
    fn invariance_is_both_directions_and_no_flip(cases in cases(), tolerance in 0.0..0.5_f64) {
        use checklist::Direction::{NotDecrease, NotIncrease};
        let flips = checklist::flips(&cases, 0.5);
        prop_assert!(flips.to_fail + flips.to_pass <= flips.compared);
        prop_assert!(flips.cases_to_fail <= flips.to_fail && flips.cases_to_pass <= flips.to_pass);
        let mut flipped = 0;
        for case in &cases {
            let one = checklist::flips(std::slice::from_ref(case), 0.5);
            let any = one.to_fail + one.to_pass > 0;
            flipped += u64::from(any);
            let both = [NotIncrease, NotDecrease].map(|d| checklist::directional(case, d, tolerance));
            let expected = both[0].zip(both[1]).map(|(up, down)| up && down && !any);
            prop_assert_eq!(checklist::invariant(case, tolerance, 0.5), expected);
            let applies = case.base.is_some() && case.perturbed.iter().any(Option::is_some);
            prop_assert_eq!(expected.is_some(), applies);
        }
        prop_assert_eq!(flipped, flips.cases_to_fail + flips.cases_to_pass);
    }

    #[test]
    fn a_template_of_its_own_is_no_template(verdicts in prop::collection::vec(prop::option::of(any::<bool>()), 1..50)) {
        let own: Vec<u32> = (0..verdicts.len() as u32).collect();
        let counted = checklist::failure_rate(&verdicts, 0.05);
        match checklist::failure_rate_by_template(&verdicts, &own, 0.05) {
            Ok(bounds) => {
                prop_assert_eq!(Some(bounds.point), counted.rate.point);
                prop_assert_eq!((bounds.lower, bounds.upper), (counted.rate.lower, counted.rate.upper));
                prop_assert_eq!((bounds.lower, bounds.upper), clopper_pearson(counted.failures as f64, counted.cases as f64, 0.05));
            }
            Err(why) => prop_assert!(why == Undefined::Empty && counted.cases == 0 && counted.rate.point.is_none()),
        }
        let same = checklist::compare(&verdicts, &verdicts, None, 0.05).unwrap();
        prop_assert_eq!((same.first_only, same.second_only, same.mcnemar.midp_two_sided), (0, 0, 1.0));
    }
}

#[test]
fn systems_are_compared_on_cases_that_apply_to_both() {
    let first = [Some(true), Some(true), None, Some(false), Some(true)];
    let second = [Some(false), Some(true), Some(true), Some(true), None];
    let found = checklist::compare(&first, &second, None, 0.05).unwrap();
    assert_eq!(
        (found.cases, found.first_only, found.second_only),
        (3, 1, 1)
    );
    let bounds = found.difference.unwrap();
    assert_eq!((bounds.point, bounds.method), (0.0, Method::Tango));
    assert!(near(bounds.lower, -bounds.upper));
    let templates = checklist::compare(&first, &second, Some(&[0; 5]), 0.05).unwrap();
    assert_eq!(
        templates.difference,
        Err(Undefined::TooFewClusters { clusters: 1 })
    );
    assert!(checklist::compare(&first, &second[..4], None, 0.05).is_err());
}

proptest! {
    #[test]
    fn resampled_bounds_lie_among_the_resamples(values in prop::collection::vec(-5.0..5.0_f64, 2..30), seed in any::<u64>()) {
        let mut stream = Stream::new(seed, "c", "s", "bootstrap", 0);
        let resamples: Vec<f64> = (0..200)
            .map(|_| bootstrap::mean_of_draw(&values, &bootstrap::draw(&mut stream, values.len())))
            .collect();
        let (low, high) = resamples.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let all: Vec<usize> = (0..values.len()).collect();
        let estimate = bootstrap::mean_of_draw(&values, &all);
        let jackknife = bootstrap::jackknife_means(&values);
        let found = bootstrap::bca(estimate, &resamples, &jackknife, 0.05).unwrap();
        let (lower, upper) = bootstrap::percentile(&resamples, 0.05).unwrap();
        for bound in [found.lower, found.upper, lower, upper] {
            prop_assert!((low..=high).contains(&bound));
        }
        // Turned round, bounds change places.
        let turn = |values: &[f64]| values.iter().map(|v| -v).collect::<Vec<_>>();
        let turned = bootstrap::bca(-estimate, &turn(&resamples), &turn(&jackknife), 0.05).unwrap();
        prop_assert!(near(turned.lower, -found.upper) && near(turned.upper, -found.lower));
        let (basic_lower, basic_upper) = bootstrap::basic(estimate, &resamples, 0.05).unwrap();
        prop_assert!(near(basic_lower + upper, 2.0 * estimate) && near(basic_upper + lower, 2.0 * estimate));
    }
}

#[test]
fn nothing_to_resample_is_said() {
    assert_eq!(bootstrap::percentile(&[], 0.05), Err(Undefined::Empty));
    assert_eq!(
        bootstrap::bca(0.0, &[f64::NAN], &[0.0], 0.05),
        Err(Undefined::OutOfRange)
    );
    let clusters = |draws: &[Vec<usize>]| {
        bootstrap::cluster_bootstrap(&[0.0, 1.0], &[0, 1], draws, 0.05).map(|_| ())
    };
    assert_eq!(clusters(&[]), Err(Undefined::Empty));
    assert_eq!(clusters(&[vec![2, 0]]), Err(Undefined::OutOfRange));
    assert_eq!(
        bootstrap::cluster_bootstrap(&[0.0, 1.0], &[3, 3], &[vec![0]], 0.05),
        Err(Undefined::TooFewClusters { clusters: 1 })
    );
    let never = bootstrap::interval_of_draws(vec![vec![0]], 0.05, |_| None);
    assert_eq!(never, Err(Undefined::NoVariation));
}

#[test]
fn resampled_means_are_the_same_on_any_number_of_threads_and_are_means_of_the_clusters_drawn() {
    let values: Vec<f64> = (0..23).map(|row| f64::from(row % 5) - 1.5).collect();
    // Labels near zero and far apart: both ways to group.
    for labels in [
        [0, 1, 2, 3, 4, 5, 6],
        [9, 80, 700, 6_000, 50_000, 400_000, u32::MAX],
    ] {
        let clusters: Vec<u32> = (0..23).map(|row| labels[row * row % 7]).collect();
        let cell = (11, "c", "s");
        let means = bootstrap::resampled_means(&values, &clusters, cell, 50, 1).unwrap();
        for threads in [0, 2, 3, 64] {
            let again = bootstrap::resampled_means(&values, &clusters, cell, 50, threads);
            assert_eq!(again.as_ref(), Ok(&means));
        }
        let kinds: std::collections::BTreeSet<u32> = clusters.iter().copied().collect();
        for (replicate, mean) in (0..).zip(&means) {
            let mut stream = Stream::new(11, "c", "s", "bootstrap", replicate);
            let drawn = bootstrap::draw(&mut stream, kinds.len());
            let found = bootstrap::cluster_bootstrap(&values, &clusters, &[drawn], 0.05).unwrap();
            assert!((found.resamples[0] - mean).abs() < 1e-12, "{replicate}");
        }
    }
    let cell = (1, "c", "s");
    let none = bootstrap::resampled_means(&[], &[], cell, 5, 1);
    assert_eq!(none, Err(Undefined::Empty));
    let one = bootstrap::resampled_means(&[1.0, 2.0], &[3, 3], cell, 5, 1);
    assert_eq!(one, Err(Undefined::TooFewClusters { clusters: 1 }));
    for (values, clusters) in [(&[1.0, f64::NAN][..], &[1, 2][..]), (&[1.0, 2.0], &[1])] {
        let found = bootstrap::resampled_means(values, clusters, cell, 5, 1);
        assert_eq!(found, Err(Undefined::OutOfRange));
    }
    let nothing = bootstrap::resampled_means(&[1.0, 2.0], &[1, 2], cell, 0, 2);
    assert_eq!(nothing, Ok(Vec::new()));
}
