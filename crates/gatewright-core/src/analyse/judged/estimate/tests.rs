//! How often the bounds of a judged rule miss the truth, over many seeded worlds.

use gatewright_stats::rng::Stream;

use super::*;
use crate::calibrate::{Evidence, Known};
use crate::outcome::{Beside, Bin, Said};

const WORLDS: u64 = 1000;
const ROLES: [Role; 2] = [Role::Candidate, Role::Production];

/// What a world is like: chances to pass of the two systems, of the judge to be right, and of an example to be labelled.
#[derive(Clone, Copy)]
struct World {
    n: u32,
    pass: [f64; 2],
    se: f64,
    sp: f64,
    labelled: f64,
    /// Flips of the judge and half of the rest are labelled, weighed by inclusion.
    by_design: bool,
}

fn units(world: World, seed: u64) -> Vec<Unit> {
    let mut dice = Stream::new(seed, "right", "", "judged", 0);
    let mut all = Vec::new();
    for example in 0..world.n {
        // One number for both systems: their answers are alike, as two releases' are.
        let hard = dice.uniform();
        let both: Vec<(bool, bool)> = (0..2)
            .map(|arm| {
                let truth = hard < world.pass[arm];
                let right = dice.uniform() < if truth { world.se } else { world.sp };
                (truth, truth == right)
            })
            .collect();
        let flip = both[0].1 != both[1].1;
        let inclusion = match (world.by_design, flip) {
            (true, true) => 1.0,
            _ => world.labelled,
        };
        let drawn = dice.uniform() < inclusion;
        let bin = |passed| if passed { Bin::Pass } else { Bin::Fail(0) };
        for (role, (truth, judge)) in ROLES.into_iter().zip(both) {
            all.push(Unit {
                role,
                example,
                trial: 0,
                part: None,
                judge: bin(judge),
                beside: Beside {
                    people: drawn.then(|| Said {
                        bin: bin(truth),
                        label: None,
                        inclusion: if world.by_design { inclusion } else { 1.0 },
                    }),
                    judge: None,
                    flips: None,
                    outdated: false,
                },
            });
        }
    }
    all
}

/// Returns how often the lower and the upper bound at one-sided 5 % miss, and the share of worlds with this method.
fn misses(world: World, compares: bool, method: Method) -> (f64, f64, f64) {
    let mut page = crate::testing::page();
    crate::testing::criterion(
        &mut page,
        "right",
        crate::manifest::Grader::MustCite,
        crate::manifest::FailsAs::One(0),
    );
    let reference = crate::testing::blank_set(world.n);
    let roles = if compares { &ROLES[..] } else { &ROLES[..1] };
    let truth = if compares {
        world.pass[0] - world.pass[1]
    } else {
        world.pass[0]
    };
    let (mut low, mut high, mut by_method) = (0, 0, 0);
    let mut first: Option<Evidence> = None;
    for seed in 0..WORLDS {
        let all = units(world, seed);
        let of: Vec<&Unit> = all.iter().filter(|u| roles.contains(&u.role)).collect();
        let nobody = Known::default();
        // Only a corrected rate looks at the error rates; the others take the first world's, which saves most of the time.
        let evidence = match first.clone() {
            Some(evidence) if method != Method::LangReiczigel => evidence,
            _ => Evidence::of(&reference, &page.criteria[0], &of, roles, nobody, 0.05),
        };
        first = Some(evidence.clone());
        let examples: Vec<Example> = of
            .chunk_by(|a, b| a.example == b.example)
            .map(|own| Example::of((own[0].example, own[0].example), own, roles, 1.0))
            .collect();
        let estimator = Estimator {
            examples: &examples,
            evidence: &evidence,
            compares,
            idle: false,
        };
        let bounds = estimator.bounds(0.05).expect("bounds");
        by_method += u64::from(bounds.method == method);
        low += u64::from(bounds.lower > truth);
        high += u64::from(bounds.upper < truth);
    }
    let share = |count: u64| count as f64 / WORLDS as f64;
    (share(low), share(high), share(by_method))
}

/// Bounds of 5 % each. Prediction-powered ones cover 93 to 95 % where 95 % is said (statistics.md §8): up to 7 % of misses on
/// the skewed side here. Nine of a hundred would be three standard errors above that.
fn keeps(name: &str, found: (f64, f64, f64), by_method: f64) {
    println!(
        "{name}: lower misses {:.3}, upper {:.3}, by method {:.2}",
        found.0, found.1, found.2
    );
    assert!(found.0 <= 0.09 && found.1 <= 0.09, "{name}: {found:?}");
    assert!(found.0 + found.1 <= 0.14, "{name}: {found:?}");
    assert!(found.2 >= by_method, "{name}: another method, {found:?}");
}

#[test]
fn bounds_of_judged_rules_miss_no_more_often_than_they_say() {
    let world = World {
        n: 300,
        pass: [0.75, 0.8],
        se: 0.92,
        sp: 0.85,
        labelled: 0.4,
        by_design: false,
    };
    keeps(
        "share, PPI++",
        misses(world, false, Method::PpiPlusPlus),
        0.9,
    );
    // Six labelled pairs differ: labels alone, since a normal bound would miss in 11 %.
    keeps(
        "difference, few flips",
        misses(world, true, Method::Tango),
        0.8,
    );
    let apart = World {
        pass: [0.7, 0.85],
        ..world
    };
    keeps(
        "difference, PPI++",
        misses(apart, true, Method::PpiPlusPlus),
        0.9,
    );
    let design = World {
        by_design: true,
        labelled: 0.3,
        ..apart
    };
    keeps(
        "difference, drawn by design",
        misses(design, true, Method::PpiPlusPlus),
        0.9,
    );
    let few = World {
        labelled: 0.12,
        ..world
    };
    keeps(
        "share, few labels",
        misses(few, false, Method::LangReiczigel),
        0.9,
    );
    // A judge that is hard on what people pass: by itself it would see 54 % of 75 %.
    let harsh = World {
        se: 0.7,
        sp: 0.95,
        ..world
    };
    keeps(
        "share, a harsh judge",
        misses(harsh, false, Method::PpiPlusPlus),
        0.9,
    );
}
