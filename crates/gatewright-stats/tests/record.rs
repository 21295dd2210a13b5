//! Properties of evidence over time, of the shift of a mix, and of the gate's own record.

use gatewright_stats::backtest::{
    self, Releases, correlation, discrimination, fisher_exact, leave_one_out, paired_verdict,
    stability,
};
use gatewright_stats::estimate::Undefined;
use gatewright_stats::rng::Stream;
use gatewright_stats::sequential::{
    self, Capital, PairedProcess, average_log_e, betting_sequence, sign_log_e_worse,
};
use gatewright_stats::shift::{chance_tv, mix_shift, sample_shift};
use gatewright_stats::verdict::Verdict;
use proptest::prelude::*;

/// Over all sequences of passes and fails with pass rate m, the mean capital is exactly 1: nobody wins on average.
#[test]
fn capital_is_fair() {
    const LENGTH: u32 = 10;
    for m in [0.2, 0.5, 0.9_f64] {
        for above in [true, false] {
            for shares in [[1.0; 3], [0.3, 1.0, 0.6]] {
                let mut mean = 0.0;
                for outcome in 0..1_u32 << LENGTH {
                    let mut capital = Capital::new(m, above, 0.05).unwrap();
                    let mut chance = 1.0;
                    for t in 0..LENGTH {
                        let pass = outcome >> t & 1 == 1;
                        chance *= if pass { m } else { 1.0 - m };
                        let share = shares[t as usize % 3];
                        capital
                            .observe_weighted(f64::from(u8::from(pass)), share)
                            .unwrap();
                    }
                    mean += chance * capital.log_capital().exp();
                }
                assert!((mean - 1.0).abs() < 1e-10, "{m} {above}: {mean}");
            }
        }
    }
}

/// With even odds the mean e-value of "loses more pairs" is at most 1.
#[test]
fn the_sign_e_value_is_fair() {
    for pairs in 0..40_u64 {
        let mut mean = 0.0;
        let mut ways = 1.0_f64;
        for b in 0..=pairs {
            mean += ways * 0.5_f64.powi(pairs as i32) * sign_log_e_worse(b, pairs - b).exp();
            ways *= (pairs - b) as f64 / (b + 1) as f64;
        }
        assert!(mean <= 1.0 + 1e-12, "{pairs}: {mean}");
    }
    assert!(sign_log_e_worse(0, 30) > 17.0 && sign_log_e_worse(30, 0) < 0.0);
}

proptest! {
    #[test]
    fn sides_mirror_each_other(values in prop::collection::vec(0.0..=1.0_f64, 1..60), m in 0.05..0.95_f64) {
        let mut above = Capital::new(m, true, 0.05).unwrap();
        let mut below = Capital::new(1.0 - m, false, 0.05).unwrap();
        for value in &values {
            let (a, b) = (above.observe(*value).unwrap(), below.observe(1.0 - value).unwrap());
            prop_assert!((a - b).abs() < 1e-9);
        }
        let flipped: Vec<f64> = values.iter().map(|v| 1.0 - v).collect();
        let looks: Vec<usize> = (1..=values.len()).step_by(7).collect();
        let one = betting_sequence(&values, &looks, 0.05).unwrap();
        let other = betting_sequence(&flipped, &looks, 0.05).unwrap();
        for (a, b) in one.iter().zip(&other) {
            prop_assert!((a.0 - (1.0 - b.1)).abs() < 1e-9 && (a.1 - (1.0 - b.0)).abs() < 1e-9);
        }
        prop_assert!(one.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 >= pair[1].1));
        for sequence in [
            sequential::hoeffding_sequence(&values, 0.05).unwrap(),
            sequential::empirical_bernstein_sequence(&values, 0.05).unwrap(),
        ] {
            prop_assert!(sequence.iter().all(|b| 0.0 <= b.0 && b.1 <= 1.0));
        }
    }

    #[test]
    fn shifts_are_distances(counts in prop::collection::vec((0_u32..50, 0_u32..50), 1..8), by in -3.0..3.0_f64) {
        let (r, t): (Vec<f64>, Vec<f64>) = counts.iter().map(|(a, b)| (f64::from(*a), f64::from(*b))).unzip();
        match (mix_shift(&r, &t), mix_shift(&t, &r)) {
            (Ok(one), Ok(other)) => {
                prop_assert!((one.tv - other.tv).abs() < 1e-12 && (one.jsd - other.jsd).abs() < 1e-12);
                prop_assert!((0.0..=1.0 + 1e-12).contains(&one.tv) && (0.0..=1.0 + 1e-12).contains(&one.hellinger));
                prop_assert!(one.hellinger * one.hellinger <= one.tv + 1e-12 && one.uncovered <= one.tv + 1e-12);
                let none = mix_shift(&r, &r).unwrap();
                prop_assert_eq!((none.tv, none.psi, none.uncovered), (0.0, 0.0, 0.0));
            }
            (one, _) => prop_assert_eq!(one, Err(Undefined::Empty)),
        }
        let moved: Vec<f64> = r.iter().map(|v| v + by).collect();
        let found = sample_shift(&r, &moved).unwrap();
        prop_assert!((found.wasserstein1 - by.abs()).abs() < 1e-9 && (0.0..=1.0).contains(&found.ks));
    }

    #[test]
    fn the_exact_test_knows_no_sides((a, b, c, d) in (0_u64..12, 0_u64..12, 0_u64..12, 0_u64..12)) {
        let p = fisher_exact([[a, b], [c, d]]);
        prop_assert!(p > 0.0 && p <= 1.0);
        for other in [[[a, c], [b, d]], [[c, d], [a, b]], [[b, a], [d, c]]] {
            prop_assert!((fisher_exact(other) - p).abs() < 1e-9);
        }
        let releases = Releases { hold_incident: a, hold_quiet: b, ship_incident: c, ship_quiet: d };
        let found = backtest::backtest(&releases, 0.025);
        prop_assert!(found.mcc.is_none_or(|mcc| (-1.0..=1.0).contains(&mcc)));
        prop_assert_eq!(found.descriptive_only, a + c < 10);
        prop_assert_eq!(found.catch_rate.point.is_none(), a + c == 0);
    }
}

#[test]
fn the_first_crossing_decides() {
    let run = |differences: &[f64]| {
        let mut process = PairedProcess::new(0.05, 0.05, 0.05).unwrap();
        for d in differences {
            process.observe(*d).unwrap();
        }
        process.verdict()
    };
    assert_eq!(run(&[]), Verdict::NotEnoughEvidence);
    assert_eq!(run(&[1.0; 40]), Verdict::Holds);
    assert_eq!(run(&[-1.0; 40]), Verdict::Violated);
    // What comes later does not take it back, however much it is.
    for (first, verdict) in [(1.0, Verdict::Holds), (-1.0, Verdict::Violated)] {
        let mut process = PairedProcess::new(0.05, 0.05, 0.05).unwrap();
        for t in 0..3000 {
            process
                .observe(if t < 40 { first } else { -first })
                .unwrap();
        }
        assert!(process.holds.crossed().is_some() && process.violated.crossed().is_some());
        assert_eq!(process.verdict(), verdict);
    }
}

#[test]
fn values_out_of_range_are_not_taken() {
    let mut capital = Capital::new(0.5, true, 0.05).unwrap();
    for value in [-0.1, 1.1, f64::NAN] {
        assert_eq!(capital.observe(value), Err(Undefined::OutOfRange));
    }
    assert_eq!(capital, Capital::new(0.5, true, 0.05).unwrap());
    assert!(Capital::new(1.5, true, 0.05).is_err() && Capital::new(0.5, true, 0.0).is_err());
    assert!(betting_sequence(&[0.5], &[2], 0.05).is_err());
    assert!(sequential::msprt_log_e(0.0, 0.0, 1, 0.1, 0.0).is_err());
    assert!(sequential::asymptotic_sequence(0.0, 1.0, 0, 1, 0.05).is_err());
    // A certain loss is never won back.
    let mut lost = Capital::new(1.0, true, 0.05).unwrap();
    lost.observe(0.0).unwrap();
    assert!(lost.observe(1.0).unwrap() <= 0.0);
    assert_eq!(average_log_e(&[]), None);
    assert!((average_log_e(&[0.0, 3.0_f64.ln()]).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
    assert_eq!(average_log_e(&[f64::NEG_INFINITY]), Some(f64::NEG_INFINITY));
}

/// What chance alone does to a small set is above what it does to a large one, and a real shift is above both.
#[test]
fn chance_shifts_small_sets_more() {
    let stream = |r| Stream::new(3, "c", "s", "shift", r);
    let traffic = [5000, 3000, 2000];
    let of = |set: [u64; 3]| chance_tv(&set, &traffic, 0.95, 400, stream).unwrap();
    let (small, large) = (of([15, 9, 6]), of([500, 300, 200]));
    assert!(small > 3.0 * large && small < 0.3, "{small} {large}");
    let shifted = mix_shift(&[100.0, 400.0, 500.0], &traffic.map(|c| c as f64)).unwrap();
    assert!(shifted.tv > 5.0 * of([100, 400, 500]));
    // About one in twenty sets of the same mix is beyond its own limit.
    let mix = |stream: &mut Stream| {
        let mut counts = [0_u64; 3];
        for _ in 0..60 {
            let u = stream.uniform();
            counts[usize::from(u > 0.5) + usize::from(u > 0.8)] += 1;
        }
        counts
    };
    let beyond = (0..400)
        .filter(|&run| {
            let counts = mix(&mut Stream::new(4, "c", "s", "mix", run));
            let tv = mix_shift(&counts.map(|c| c as f64), &traffic.map(|c| c as f64))
                .unwrap()
                .tv;
            tv > chance_tv(&counts, &traffic, 0.95, 200, stream).unwrap()
        })
        .count();
    assert!((4..=42).contains(&beyond), "{beyond} of 400");
    assert!(chance_tv(&[1], &[0], 0.95, 10, stream).is_err());
    assert!(chance_tv(&[1, 2], &[1], 0.95, 10, stream).is_err());
}

#[test]
fn stability_counts_other_verdicts() {
    let d = [1_i8, 0, 0, -1, 0, 1];
    let decide = |draw: &[usize]| paired_verdict(draw.iter().map(|&p| d[p]), 0.9, 0.05);
    let all: Vec<usize> = (0..d.len()).collect();
    let same = stability(d.len(), vec![all.clone(); 5], decide).unwrap();
    assert_eq!((same.flip_share, same.fragile()), (0.0, false));
    let lost = stability(d.len(), [all, vec![3; 6], vec![3; 6], vec![3; 6]], decide).unwrap();
    assert_eq!((lost.flip_share, lost.fragile()), (0.75, true));
    assert!(stability(d.len(), Vec::new(), decide).is_err());
    let without: Vec<i8> = leave_one_out(&[0, 0, 1], 0.05, 0.05)
        .into_iter()
        .map(|one| one.0)
        .collect();
    assert_eq!(without, [0, 1]);
    assert_eq!(paired_verdict([], 0.05, 0.05), Verdict::NotEnoughEvidence);
}

#[test]
fn examples_that_all_pass_say_nothing_about_systems() {
    let found = discrimination(&vec![vec![1.0, 1.0]; 4]).unwrap();
    assert_eq!(found.item_rest, [None, None]);
    assert_eq!((found.cronbach_alpha, found.difficulty[0]), (None, 1.0));
    // An example that only bad systems pass is suspect.
    let odd = [
        [1.0, 1.0, 0.0],
        [1.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 1.0, 1.0],
    ];
    let found = discrimination(&odd.map(|row| row.to_vec())).unwrap();
    // By hand: −1.5/√2.75, and −0.5/√0.75 for the first, whose rest the odd one spoils.
    assert!((found.item_rest[2].unwrap() + 1.5 / 2.75_f64.sqrt()).abs() < 1e-12);
    assert!((found.item_rest[0].unwrap() + 0.5 / 0.75_f64.sqrt()).abs() < 1e-12);
    assert_eq!(discrimination(&[]), Err(Undefined::Empty));
    assert_eq!(
        discrimination(&[vec![1.0]]),
        Err(Undefined::TooFewRows { needs: 2 })
    );
    assert!(discrimination(&[vec![1.0], vec![1.0, 0.0]]).is_err());
    assert_eq!(correlation(&[1.0, 1.0], &[0.0, 1.0]), None);
}
