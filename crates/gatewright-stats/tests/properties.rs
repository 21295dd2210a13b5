//! Properties that hold for every input, beside the reference vectors.

use gatewright_stats::choose::{self, Rows};
use gatewright_stats::cluster::{ClusterMean, cluster_mean};
use gatewright_stats::estimate::{Bounds, Method, Undefined};
use gatewright_stats::multiplicity;
use gatewright_stats::paired::tango_z;
use gatewright_stats::rng::Stream;
use gatewright_stats::verdict::{Verdict, against};
use gatewright_stats::{guard, power, proportion, quantile, special};
use proptest::prelude::*;

/// Rows as a test owns them.
#[derive(Debug, Clone)]
struct Sample {
    value: Vec<f64>,
    cluster: Vec<u32>,
    weight: Option<Vec<f64>>,
}

impl Sample {
    fn rows(&self) -> Rows<'_> {
        Rows {
            value: &self.value,
            cluster: &self.cluster,
            weight: self.weight.as_deref(),
        }
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            value: self.value.iter().map(|v| f(*v)).collect(),
            ..self.clone()
        }
    }
}

/// Rows with values from a list, clustered, singletons or weighted.
fn sample(values: &'static [f64]) -> impl Strategy<Value = Sample> {
    let row = (prop::sample::select(values), 0_u32..14, 1_u32..9);
    (prop::collection::vec(row, 1..70), 0..3_u8).prop_map(|(rows, kind)| Sample {
        value: rows.iter().map(|r| r.0).collect(),
        cluster: match kind {
            0 => (0..rows.len() as u32).collect(),
            _ => rows.iter().map(|r| r.1).collect(),
        },
        weight: (kind == 2).then(|| rows.iter().map(|r| f64::from(r.2)).collect()),
    })
}

const PASS: &[f64] = &[0.0, 1.0, 1.0, 1.0];
const SHARES: &[f64] = &[0.0, 1.0, 0.25, 0.5, 0.8];
const SIGNS: &[f64] = &[-1.0, 0.0, 0.0, 0.0, 1.0];
const DIFFERENCES: &[f64] = &[-1.0, -0.4, 0.0, 0.0, 0.2, 0.6];

fn differences() -> impl Strategy<Value = Sample> {
    prop_oneof![sample(SIGNS), sample(DIFFERENCES)]
}

fn rates() -> impl Strategy<Value = Sample> {
    prop_oneof![sample(PASS), sample(SHARES)]
}

fn mean_of(sample: &Sample) -> Result<ClusterMean, Undefined> {
    cluster_mean(&sample.value, &sample.cluster, sample.weight.as_deref())
}

/// The bounds, decided on or only shown.
fn shown(result: Result<Bounds, Undefined>) -> Option<Bounds> {
    match result {
        Ok(bounds) => Some(bounds),
        Err(Undefined::FewDegreesOfFreedom { shown, .. }) => Some(*shown),
        Err(_) => None,
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bounds_enclose_the_point(d in differences(), p in rates(), alpha in 0.001..0.5_f64) {
        for bounds in [choose::paired_difference(&d.rows(), alpha), choose::pass_rate(&p.rows(), alpha)] {
            if let Some(b) = shown(bounds) {
                let slack = 1e-12;
                prop_assert!(b.lower <= b.point + slack && b.point <= b.upper + slack, "{b:?}");
                prop_assert!(b.n_eff > 0.0 && b.n_eff <= b.n as f64 + slack, "{b:?}");
            }
        }
    }

    #[test]
    fn swapping_the_systems_mirrors_the_difference(d in differences(), alpha in 0.001..0.5_f64) {
        let mirrored = d.map(|v| -v);
        let pair = (choose::paired_difference(&d.rows(), alpha), choose::paired_difference(&mirrored.rows(), alpha));
        if let (Some(a), Some(b)) = (shown(pair.0), shown(pair.1)) {
            prop_assert!(close(a.lower, -b.upper) && close(a.upper, -b.lower) && close(a.point, -b.point), "{a:?} {b:?}");
        }
        let p = (choose::p_above_difference(&d.rows(), -0.05), choose::p_below_difference(&mirrored.rows(), 0.05));
        if let (Ok(a), Ok(b)) = p {
            prop_assert!(close(a, b), "{a} {b}");
        }
    }

    /// Betting bounds depend on the order of rows, which the caller fixes; all others do not.
    #[test]
    fn order_and_labels_do_not_matter(d in differences(), seed in any::<u64>(), alpha in 0.001..0.5_f64) {
        let before = shown(choose::paired_difference(&d.rows(), alpha));
        let mut order: Vec<usize> = (0..d.value.len()).collect();
        Stream::new(seed, "c", "s", "shuffle", 0).shuffle(&mut order);
        let after = Sample {
            value: order.iter().map(|&i| d.value[i]).collect(),
            // Large, sparse labels in another order take the sorting path.
            cluster: order.iter().map(|&i| 4_000_000_000 - 7_777 * d.cluster[i]).collect(),
            weight: d.weight.as_ref().map(|w| order.iter().map(|&i| w[i]).collect()),
        };
        let after = shown(choose::paired_difference(&after.rows(), alpha));
        prop_assert_eq!(before.is_some(), after.is_some());
        if let (Some(a), Some(b)) = (before, after) {
            prop_assert_eq!(a.method, b.method);
            if a.method != Method::Betting {
                prop_assert!(close(a.lower, b.lower) && close(a.upper, b.upper), "{a:?} {b:?}");
            }
        }
    }

    /// The same rows again in the same clusters are no new evidence.
    #[test]
    fn repeating_rows_inside_their_clusters_adds_no_evidence(d in sample(DIFFERENCES)) {
        let twice = Sample {
            value: d.value.iter().chain(&d.value).copied().collect(),
            cluster: d.cluster.iter().chain(&d.cluster).copied().collect(),
            weight: d.weight.as_ref().map(|w| w.iter().chain(w).copied().collect()),
        };
        let (a, b) = (mean_of(&d), mean_of(&twice));
        prop_assert_eq!(a.is_ok(), b.is_ok());
        if let (Ok(a), Ok(b)) = (a, b) {
            prop_assert!(close(a.estimate, b.estimate) && close(a.cr2, b.cr2) && close(a.df, b.df), "{:?} {:?}", a, b);
        }
    }

    #[test]
    fn a_constant_times_the_weights_changes_nothing(d in differences(), factor in 0.01..100.0_f64, alpha in 0.001..0.5_f64) {
        let weight = d.weight.clone().unwrap_or_else(|| vec![1.0; d.value.len()]);
        let one = Sample { weight: Some(weight.clone()), ..d.clone() };
        let two = Sample { weight: Some(weight.iter().map(|w| w * factor).collect()), ..d };
        let pair = (choose::paired_difference(&one.rows(), alpha), choose::paired_difference(&two.rows(), alpha));
        if let (Some(a), Some(b)) = (shown(pair.0), shown(pair.1)) {
            prop_assert_eq!(a.method, b.method);
            prop_assert!(close(a.lower, b.lower) && close(a.upper, b.upper), "{a:?} {b:?}");
        }
    }

    #[test]
    fn bounds_widen_as_the_level_falls(d in differences(), p in rates(), alpha in 0.002..0.4_f64) {
        let pairs = [
            (choose::paired_difference(&d.rows(), alpha), choose::paired_difference(&d.rows(), 0.5 * alpha)),
            (choose::pass_rate(&p.rows(), alpha), choose::pass_rate(&p.rows(), 0.5 * alpha)),
        ];
        for (wide, narrow) in pairs.map(|(a, b)| (shown(b), shown(a))) {
            if let (Some(wide), Some(narrow)) = (wide, narrow)
                && wide.method != Method::Betting
            {
                prop_assert!(wide.lower <= narrow.lower + 1e-9 && wide.upper >= narrow.upper - 1e-9, "{wide:?} {narrow:?}");
            }
        }
    }

    #[test]
    fn one_more_pass_never_lowers_a_bound(n in 1_u64..200, share in 0.0..1.0_f64, alpha in 0.001..0.5_f64) {
        let x = (share * n as f64).floor();
        let at = |x: f64| [
            proportion::clopper_pearson(x, n as f64, alpha),
            proportion::jeffreys(x, n as f64, alpha),
            proportion::wilson(x, n as f64, alpha),
        ];
        for (less, more) in at(x).into_iter().zip(at((x + 1.0).min(n as f64))) {
            prop_assert!(less.0 <= more.0 + 1e-12 && less.1 <= more.1 + 1e-12);
        }
    }

    /// p < α exactly when the bound at α clears the threshold, so that Holm and the bound agree.
    #[test]
    fn p_values_agree_with_the_bounds(d in differences(), p in rates(), tau in 0.01..0.99_f64, alpha in 0.002..0.45_f64) {
        let gap = 2.0 * tau - 1.0;
        let checks = [
            (choose::paired_difference(&d.rows(), alpha), gap, choose::p_above_difference(&d.rows(), gap), choose::p_below_difference(&d.rows(), gap)),
            (choose::pass_rate(&p.rows(), alpha), tau, choose::p_above_pass_rate(&p.rows(), tau), choose::p_below_pass_rate(&p.rows(), tau)),
        ];
        for (bounds, tau, above, below) in checks {
            let Ok(bounds) = bounds else { continue };
            let (above, below) = (above.unwrap(), below.unwrap());
            prop_assert!((0.0..=1.0).contains(&above) && (0.0..=1.0).contains(&below));
            // Bets are tuned to their level, so their evidence need not be monotone in it.
            if bounds.method == Method::Betting {
                continue;
            }
            let near = |a: f64, b: f64| (a - b).abs() < 1e-7;
            if !near(bounds.lower, tau) && !near(above, alpha) {
                prop_assert_eq!(above < alpha, bounds.lower > tau, "{:?} tau {} p {}", bounds, tau, above);
            }
            if !near(bounds.upper, tau) && !near(below, alpha) {
                prop_assert_eq!(below < alpha, bounds.upper < tau, "{:?} tau {} p {}", bounds, tau, below);
            }
        }
    }

    #[test]
    fn holm_is_at_least_raw_and_keeps_the_order(p in prop::collection::vec(0.0..1.0_f64, 0..12)) {
        let families = [
            multiplicity::holm(&p), multiplicity::hochberg(&p), multiplicity::hommel(&p), multiplicity::bonferroni(&p),
            multiplicity::bh(&p), multiplicity::holm_sidak(&p),
        ];
        for adjusted in &families {
            for (i, raw) in p.iter().enumerate() {
                prop_assert!(adjusted[i] >= raw - 1e-15 && adjusted[i] <= 1.0);
                for (j, other) in p.iter().enumerate() {
                    prop_assert!(other < raw || adjusted[j] >= adjusted[i] - 1e-15);
                }
            }
        }
        for ((hommel, hochberg), holm) in families[2].iter().zip(&families[1]).zip(&families[0]) {
            prop_assert!(*hommel <= hochberg + 1e-12 && *hochberg <= holm + 1e-12);
        }
    }

    #[test]
    fn closed_testing_by_enumeration(p in prop::collection::vec(0.0..1.0_f64, 1..8), w in prop::collection::vec(0.5..5.0_f64, 8)) {
        let (hommel, holm) = (multiplicity::hommel(&p), multiplicity::weighted_holm(&p, &w[..p.len()]).unwrap());
        for i in 0..p.len() {
            let (mut simes, mut bonferroni) = (0.0_f64, 0.0_f64);
            for set in (0_u32..1 << p.len()).filter(|set| set & (1 << i) != 0) {
                let members: Vec<usize> = (0..p.len()).filter(|j| set & (1 << j) != 0).collect();
                let family: Vec<f64> = members.iter().map(|&j| p[j]).collect();
                simes = simes.max(multiplicity::simes_global(&family).unwrap());
                let total: f64 = members.iter().map(|&j| w[j]).sum();
                let local = members.iter().map(|&j| p[j] * total / w[j]).fold(1.0, f64::min);
                bonferroni = bonferroni.max(local);
            }
            prop_assert!(close(hommel[i], simes) && close(holm[i], bonferroni));
        }
    }

    /// The degrees of freedom in one pass against the full matrix, also when one cluster owns nearly all weight.
    #[test]
    fn satterthwaite_by_the_full_matrix(
        w in prop::collection::vec(1.0..9.0_f64, 3..20),
        giant in prop::sample::select(vec![1.0, 50.0, 3_000.0, 3e6]),
        at in 0_usize..3,
    ) {
        let mut w = w;
        w[at] *= giant;
        let cluster: Vec<u32> = (0..w.len() as u32).map(|i| i / 2).collect();
        let value: Vec<f64> = (0..w.len()).map(|i| (i % 3) as f64).collect();
        let total: f64 = w.iter().sum();
        let of = |label: u32, f: &dyn Fn(f64) -> f64| -> f64 {
            w.iter().zip(&cluster).filter(|(_, l)| **l == label).map(|(w, _)| f(*w)).sum()
        };
        let labels = 0..=cluster[cluster.len() - 1];
        // (h, 1 − h, Q), the second from the other clusters.
        let per: Vec<(f64, f64, f64)> = labels.clone().map(|label| {
            let rest: f64 = labels.clone().filter(|other| *other != label).map(|other| of(other, &|w| w)).sum();
            (of(label, &|w| w) / total, rest / total, of(label, &|w| w * w) / total / total)
        }).collect();
        // M = A(I − 1h')D(I − h1')A with the projection's rows written out, so that nothing cancels.
        let groups = per.len();
        let side = |g: usize, k: usize| if g == k { per[k].1 } else { -per[g].0 };
        let (mut trace, mut squares) = (0.0, 0.0);
        for g in 0..groups {
            for h in 0..groups {
                let m: f64 = (0..groups).map(|k| side(g, k) * side(h, k) * per[k].2).sum::<f64>() / (per[g].1 * per[h].1).sqrt();
                squares += m * m;
                trace += if g == h { m } else { 0.0 };
            }
        }
        let (want, got) = (trace * trace / squares, cluster_mean(&value, &cluster, Some(&w)).unwrap().df);
        prop_assert!((want - got).abs() < 1e-9 * want, "{want} {got}");
    }

    #[test]
    fn paired_power_by_the_full_trinomial(n in 1_u64..25, d in 0.0..0.6_f64, tilt in -1.0..1.0_f64, margin in 0.0..0.3_f64, alpha in 0.01..0.2_f64) {
        let delta = d * tilt;
        let (win, lose) = (0.5 * (d + delta), 0.5 * (d - delta));
        let z = -special::norm_ppf(alpha);
        let (mut holds, mut violated) = (0.0, 0.0);
        for b in 0..=n {
            for c in 0..=n - b {
                let choose = |n: u64, k: u64| (0..k).fold(1.0, |p, i| p * (n - i) as f64 / (i + 1) as f64);
                let powers = win.powf(b as f64) * lose.powf(c as f64) * (1.0 - d).powf((n - b - c) as f64);
                let weight = choose(n, b) * choose(n - b, c) * powers;
                let t = tango_z(b as f64, c as f64, n as f64, -margin);
                holds += if t > z { weight } else { 0.0 };
                violated += if t < -z { weight } else { 0.0 };
            }
        }
        let got = power::power_paired_tango(n, d, delta, margin, alpha).unwrap();
        prop_assert!((got.holds - holds).abs() < 1e-10 && (got.violated - violated).abs() < 1e-10, "{got:?} {holds} {violated}");
    }

    #[test]
    fn quantiles_invert_the_distribution_functions(p in 1e-8..0.99999_f64, a in 0.05..3000.0_f64, b in 0.05..3000.0_f64, df in 0.3..1e6_f64) {
        let x = special::beta_ppf(p, a, b);
        if x > 1e-200 && x < 1.0 - 1e-9 {
            let back = special::beta_cdf(x, a, b);
            prop_assert!((back - p).abs() < 1e-9 * p.min(1.0 - p) + 1e-12 * (a + b), "{x} {back}");
        }
        prop_assert!((special::t_cdf(special::t_ppf(p, df), df) - p).abs() < 1e-10);
        let z = special::norm_ppf(p);
        prop_assert!((special::norm_cdf(z) - p).abs() < 1e-14 * p.max(0.1) && (z > 0.0 || (special::norm_cdf(z) - p).abs() < 1e-14 * p));
    }

    /// A second opinion from a library, where it keeps its digits.
    #[test]
    fn statrs_agrees(x in 0.001..0.999_f64, a in 0.1..80.0_f64, b in 0.1..80.0_f64) {
        let (ours, theirs) = (special::beta_cdf(x, a, b), statrs::function::beta::beta_reg(a, b, x));
        prop_assert!((ours - theirs).abs() < 1e-11, "{ours} {theirs}");
    }

    #[test]
    fn quantile_bounds_enclose_their_point(x in prop::collection::vec(0.0..100.0_f64, 1..150), p in 0.05..0.95_f64, deff in 1.0..3.0_f64) {
        let mut x = x;
        x.push(f64::INFINITY);
        if let Ok(b) = choose::quantile(&mut x, p, 0.05, deff) {
            prop_assert!(b.lower <= b.point && b.point <= b.upper && !b.point.is_nan());
        }
    }

    #[test]
    fn a_guard_never_confirms_what_did_not_get_worse(passes in prop::collection::vec(0_u32..=5, 1..30), margin in 0.0..0.3_f64) {
        let arm: Vec<(u32, u32)> = passes.iter().map(|p| (*p, 5)).collect();
        let (fresh, violated) = guard::confirm(&arm, &arm, margin).unwrap();
        prop_assert!(!violated && fresh.loss == 0.0 && fresh.bound <= 0.0);
    }
}

#[test]
fn nothing_holds_on_no_rows() {
    let rows = Rows {
        value: &[],
        cluster: &[],
        weight: None,
    };
    assert_eq!(choose::pass_rate(&rows, 0.05), Err(Undefined::Empty));
    assert_eq!(
        choose::paired_difference(&rows, 0.05),
        Err(Undefined::Empty)
    );
    assert_eq!(choose::mean(&rows, 0.05), Err(Undefined::Empty));
    assert_eq!(
        choose::quantile(&mut [], 0.5, 0.05, 1.0),
        Err(Undefined::Empty)
    );
    assert!(choose::ratio(&[], &[], &[], 0.05).is_err());
    assert_eq!(guard::confirm(&[], &[], 0.1), Err(Undefined::Empty));
    assert!(!guard::trips(0.0, 0, 0.0));
    for interval in [
        proportion::clopper_pearson(0.0, 0.0, 0.05),
        proportion::jeffreys(0.0, 0.0, 0.05),
        proportion::wilson(0.0, 0.0, 0.05),
    ] {
        assert_eq!(
            against(interval.0, interval.1, 0.5),
            Verdict::NotEnoughEvidence,
            "{interval:?}"
        );
    }
    let (lower, upper) = gatewright_stats::paired::tango_bounds(0.0, 0.0, 0.0, 1.645);
    assert_eq!(against(lower, upper, -0.99), Verdict::NotEnoughEvidence);
    assert_eq!(against(f64::NAN, f64::NAN, 0.5), Verdict::NotEnoughEvidence);
    assert_eq!(
        gatewright_stats::verdict::zero_tolerance(0, 0, 0.99, 0.05).1,
        gatewright_stats::verdict::ZeroTolerance::NotEnoughEvidence
    );
}

#[test]
fn a_value_out_of_range_is_refused() {
    for bad in [f64::NAN, f64::INFINITY, -0.5, 1.5] {
        let rows = Rows {
            value: &[0.0, bad, 1.0],
            cluster: &[0, 1, 2],
            weight: None,
        };
        assert_eq!(
            choose::pass_rate(&rows, 0.05),
            Err(Undefined::OutOfRange),
            "{bad}"
        );
    }
    let weighted = |w: &[f64]| {
        choose::mean(
            &Rows {
                value: &[0.0, 1.0, 1.0],
                cluster: &[0, 1, 2],
                weight: Some(w),
            },
            0.05,
        )
    };
    assert_eq!(weighted(&[1.0, f64::NAN, 1.0]), Err(Undefined::OutOfRange));
    assert_eq!(weighted(&[1.0, -1.0, 1.0]), Err(Undefined::OutOfRange));
    assert_eq!(weighted(&[0.0, 0.0, 0.0]), Err(Undefined::ZeroWeight));
}

/// Rows that do not vary between clusters but for rounding errors never get bounds without width.
#[test]
fn rounding_errors_are_no_variance() {
    // Each cluster: one won, two lost; the mean −1/3 is not a float.
    let value: Vec<f64> = (0..36)
        .map(|i| if i % 3 == 0 { 1.0 } else { -1.0 })
        .collect();
    let cluster: Vec<u32> = (0..36).map(|i| i / 3).collect();
    let mean = cluster_mean(&value, &cluster, None).unwrap();
    assert_eq!((mean.cr0, mean.cr2), (0.0, 0.0));
    let rows = Rows {
        value: &value,
        cluster: &cluster,
        weight: None,
    };
    let bounds = choose::paired_difference(&rows, 0.05).unwrap();
    assert!(
        bounds.method == Method::EffectiveTango && bounds.upper - bounds.lower > 0.3,
        "{bounds:?}"
    );
    let passes: Vec<f64> = value.iter().map(|v| 0.5 * (v + 1.0)).collect();
    let bounds = choose::pass_rate(
        &Rows {
            value: &passes,
            ..rows
        },
        0.05,
    )
    .unwrap();
    assert!(bounds.n_eff <= 12.0, "{bounds:?}");
    let weight: Vec<f64> = (0..36).map(|i| 0.1 * f64::from(1 + i % 7)).collect();
    let constant = Rows {
        value: &[0.3; 36],
        cluster: &cluster,
        weight: Some(&weight),
    };
    assert_eq!(choose::mean(&constant, 0.05), Err(Undefined::Unbounded));
}

/// Rows of weight 0 are dropped before anything is counted.
#[test]
fn rows_without_weight_choose_no_method() {
    let mut value: Vec<f64> = (0..40)
        .map(|i| if i % 5 == 0 { 1.0 } else { 0.0 })
        .collect();
    let mut weight: Vec<f64> = (0..40).map(|i| 1.0 + f64::from(i % 2)).collect();
    let mut cluster: Vec<u32> = (0..40).collect();
    let before = choose::paired_difference(
        &Rows {
            value: &value,
            cluster: &cluster,
            weight: Some(&weight),
        },
        0.05,
    )
    .unwrap();
    value.extend([1.0, -1.0, 1.0]);
    weight.extend([0.0; 3]);
    cluster.extend([3, 41, 42]);
    let after = choose::paired_difference(
        &Rows {
            value: &value,
            cluster: &cluster,
            weight: Some(&weight),
        },
        0.05,
    )
    .unwrap();
    assert_eq!(before.method, Method::EffectiveTango);
    assert_eq!(after, before);
}

#[test]
fn the_table_chooses_the_method() {
    let check = |value: &[f64], cluster: &[u32], weight: Option<&[f64]>| {
        shown(choose::paired_difference(
            &Rows {
                value,
                cluster,
                weight,
            },
            0.05,
        ))
        .map(|b| b.method)
    };
    let singles: Vec<u32> = (0..40).collect();
    let fives: Vec<u32> = (0..40).map(|i| i / 2).collect();
    let alternating: Vec<f64> = (0..40).map(|i| f64::from(i % 3) - 1.0).collect();
    let sparse: Vec<f64> = (0..40).map(|i| if i == 7 { -1.0 } else { 0.0 }).collect();
    let shares: Vec<f64> = alternating.iter().map(|v| 0.5 * v).collect();
    let weights: Vec<f64> = (0..40).map(|i| f64::from(1 + i % 4)).collect();
    assert_eq!(check(&alternating, &singles, None), Some(Method::Tango));
    assert_eq!(
        check(&alternating, &fives, None),
        Some(Method::Cr2Satterthwaite)
    );
    assert_eq!(
        check(&alternating, &singles, Some(&weights)),
        Some(Method::Cr2Satterthwaite)
    );
    assert_eq!(check(&sparse, &fives, None), Some(Method::EffectiveTango));
    assert_eq!(
        check(&[0.0; 40], &fives, None),
        Some(Method::EffectiveTango)
    );
    assert_eq!(check(&shares, &singles, None), Some(Method::StudentT));
    assert_eq!(
        check(&shares[..9], &singles[..9], None),
        Some(Method::Betting)
    );
    assert_eq!(check(&[0.5; 40], &singles, None), Some(Method::Betting));
    assert_eq!(check(&shares, &fives, None), Some(Method::Cr2Satterthwaite));
    assert_eq!(check(&alternating, &[0; 40], None), None);
    let three: Vec<u32> = (0..40).map(|i| i % 3).collect();
    let few = choose::paired_difference(
        &Rows {
            value: &alternating,
            cluster: &three,
            weight: None,
        },
        0.05,
    );
    assert!(
        matches!(few, Err(Undefined::FewDegreesOfFreedom { .. })),
        "{few:?}"
    );
}

#[test]
fn the_tables_of_the_specification() {
    let floor = |n, floor| {
        power::power_floor_cp(n, floor, 0.97, 0.05)
            .unwrap()
            .min_passes
    };
    assert_eq!(
        [12, 30, 60, 100, 300].map(|n| floor(n, 0.90)),
        [None, Some(30), Some(59), Some(96), Some(279)]
    );
    assert_eq!(
        [12, 30, 60, 100, 300].map(|n| floor(n, 0.95)),
        [None, None, Some(60), Some(99), Some(292)]
    );
    // The formula gives 4636.9 for a share of .30 at 2 points; the table of the specification says 4638.
    let n = |d, m| power::n_non_inferiority(d, 0.0, m, 0.05, 0.8, 1.0).unwrap();
    assert_eq!(
        [0.02, 0.03, 0.05, 0.10].map(|m| n(0.05, m)),
        [773, 344, 124, 31]
    );
    assert_eq!(
        [0.02, 0.03, 0.05, 0.10].map(|m| n(0.30, m)),
        [4637, 2061, 742, 186]
    );
    assert_eq!(
        [0.05, 0.01, 0.001].map(|q| proportion::zero_event_n(q, 0.05).unwrap()),
        [59, 299, 2995]
    );
    assert_eq!(
        [0.95, 0.99].map(|p| quantile::min_n_for_upper(p, 0.05)),
        [59, 299]
    );
    let twelve = power::power_paired_tango(12, 0.20, 0.0, 0.10, 0.05).unwrap();
    assert!((0.10..0.14).contains(&twelve.holds), "{twelve:?}");
    assert!(!power::mde_paired(12, 0.20, 0.05, 0.8, 1.0).unwrap().visible);
}

#[test]
fn guards_trip_and_are_confirmed() {
    assert!(guard::trips(2.9999999999, 12, 0.10) && !guard::trips(2.99, 12, 0.10));
    assert!(guard::trips(10.0, 100, 0.10) && !guard::trips(9.9, 100, 0.10));
    assert!((guard::sign_test_worse(5, 0) - 1.0 / 32.0).abs() < 1e-15);
    assert!((guard::sign_test_worse(0, 0) - 1.0).abs() < 1e-15);
    // A loss of one noisy example in twenty is below the margin; the same loss at margin 0.01 drowns in noise.
    let production = vec![(4, 5); 20];
    let mut candidate = production.clone();
    candidate[0] = (3, 5);
    assert!(!guard::confirm(&production, &candidate, 0.05).unwrap().1);
    assert!(!guard::confirm(&production, &candidate, 0.01).unwrap().1);
}
