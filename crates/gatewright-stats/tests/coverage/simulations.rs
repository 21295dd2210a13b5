//! Simulations that must agree with the recorded ones: graders, looks at any time, families of rules, clustered intervals.

#![expect(clippy::unwrap_used, reason = "a failing unwrap in a test says where")]

use gatewright_stats::bootstrap::{self, cluster_bootstrap};
use gatewright_stats::cluster::{cluster_mean, effective_tango};
use gatewright_stats::judge::{Confusion, lang_reiczigel};
use gatewright_stats::mean::student_t;
use gatewright_stats::multiplicity::holm;
use gatewright_stats::paired::tango_bounds;
use gatewright_stats::ppi::{Tuning, labels_only, ppi_mean};
use gatewright_stats::proportion::wilson;
use gatewright_stats::rng::Stream;
use gatewright_stats::sequential::Capital;
use gatewright_stats::special::{norm_cdf, norm_ppf, t_ppf};
use serde_json::Value;

use crate::{Setting, facts, normal};

/// Two-sided 95 %.
const ALPHA: f64 = 0.025;

/// Shares counted here against recorded ones, with the slack that the recorded file asks for.
struct Shares<'a> {
    fact: &'a Value,
    runs: f64,
    wrong: Vec<String>,
    seen: u32,
}

impl<'a> Shares<'a> {
    fn new(fact: &'a Value, runs: u64) -> Self {
        Self {
            fact,
            runs: runs as f64,
            wrong: Vec::new(),
            seen: 0,
        }
    }

    /// `of` is the recorded object or number; `replications` how many runs it has.
    fn check(&mut self, name: &str, hits: u64, want: &Value, replications: f64) {
        let (got, want) = (hits as f64 / self.runs, want.as_f64().unwrap());
        let se = |runs: f64| want * (1.0 - want) / runs;
        let slack = 4.0 * (se(self.runs) + se(replications)).sqrt() + 0.002;
        let id = self.fact["id"].as_str().unwrap();
        println!("{id} {name}: {got:.4}, recorded {want:.4} ± {slack:.4}");
        self.seen += 1;
        if (got - want).abs() > slack {
            self.wrong
                .push(format!("{id} {name}: {got} against {want} ± {slack}"));
        }
    }

    /// Coverage of a method of this fact.
    fn coverage(&mut self, name: &str, hits: u64) {
        let want = &self.fact["results"][name];
        let replications = want["replications"].as_f64().unwrap();
        self.check(name, hits, &want["coverage"], replications);
    }

    fn finish(self) {
        assert!(self.seen > 0 && self.wrong.is_empty(), "{:#?}", self.wrong);
    }
}

fn facts_of(kind: &str) -> Vec<Value> {
    let mut facts = facts();
    let read = !facts.is_empty();
    facts.retain(|fact| fact["id"].as_str().unwrap().starts_with(kind));
    assert_eq!(!facts.is_empty(), read, "no facts of {kind}");
    facts
}

fn stream(fact: &Value, run: u64) -> Stream {
    Stream::new(
        20_261_127,
        fact["id"].as_str().unwrap(),
        "all",
        "coverage",
        run,
    )
}

fn covers(bounds: (f64, f64), truth: f64) -> u64 {
    u64::from(bounds.0 <= truth && truth <= bounds.1)
}

fn wald(estimate: f64, variance: f64) -> (f64, f64) {
    let half = -norm_ppf(ALPHA) * variance.sqrt();
    (estimate - half, estimate + half)
}

/// Raw grader scores cover almost nothing, corrected ones nearly what they claim.
#[test]
fn graders() {
    const RUNS: u64 = 6000;
    const METHODS: [&str; 6] = [
        "judge_raw_wald",
        "labels_only_wald",
        "labels_only_wilson",
        "ppi_lambda1",
        "ppi_plus_plus",
        "lang_reiczigel",
    ];
    for fact in facts_of("judge_") {
        let at = |key: &str| fact["parameters"][key].as_f64().unwrap();
        let (truth, se, sp) = (at("prev"), at("se"), at("sp"));
        let (n, others) = (at("n") as usize, at("N") as usize);
        let mut hits = [0; 6];
        for run in 0..RUNS {
            let mut stream = stream(&fact, run);
            let mut row = || {
                let passes = stream.uniform() < truth;
                let says = stream.uniform() < if passes { se } else { 1.0 - sp };
                (passes, says)
            };
            let labelled: Vec<(bool, bool)> = (0..n).map(|_| row()).collect();
            let graded: Vec<f64> = (0..others).map(|_| number(row().1)).collect();
            let y: Vec<f64> = labelled.iter().map(|row| number(row.0)).collect();
            let f: Vec<f64> = labelled.iter().map(|row| number(row.1)).collect();
            let (raw, alone) = (labels_only(&graded).unwrap(), labels_only(&y).unwrap());
            let with = |tuning| ppi_mean(&y, &f, &graded, tuning).unwrap().bounds(ALPHA);
            let apparent = graded.iter().sum::<f64>() as u64;
            let bounds = [
                wald(raw.0, raw.1),
                wald(alone.0, alone.1),
                wilson(y.iter().sum(), n as f64, ALPHA),
                with(Tuning::Fixed(1.0)),
                with(Tuning::Power),
                lang_reiczigel(
                    &Confusion::count(labelled.iter().copied()),
                    apparent,
                    others as u64,
                    ALPHA,
                )
                .unwrap_or((0.0, 1.0)),
            ];
            for (hit, bounds) in hits.iter_mut().zip(bounds) {
                *hit += covers(bounds, truth);
            }
        }
        let mut shares = Shares::new(&fact, RUNS);
        for (method, hits) in METHODS.into_iter().zip(hits) {
            shares.coverage(method, hits);
        }
        shares.finish();
    }
}

fn number(passes: bool) -> f64 {
    f64::from(u8::from(passes))
}

/// Looking after every value: an interval made for one look excludes the truth in a third of all runs, betting does not.
#[test]
fn looks_at_any_time() {
    const RUNS: u64 = 3000;
    for fact in facts_of("anytime_") {
        let at = |key: &str| fact["parameters"][key].as_f64().unwrap();
        let (p, n) = (at("p"), at("n") as u64);
        let (mut betting, mut peeked, mut last) = (0, 0, 0);
        for run in 0..RUNS {
            let mut stream = stream(&fact, run);
            let mut sides = [true, false].map(|above| Capital::new(p, above, ALPHA).unwrap());
            let (mut passes, mut ever, mut out) = (0.0, false, false);
            for t in 1..=n {
                let value = number(stream.uniform() < p);
                passes += value;
                for side in &mut sides {
                    side.observe(value).unwrap();
                }
                if t >= 10 {
                    out = covers(wilson(passes, t as f64, ALPHA), p) == 0;
                    ever |= out;
                }
            }
            betting += u64::from(sides.iter().any(|side| side.crossed().is_some()));
            peeked += u64::from(ever);
            last += u64::from(out);
        }
        let results = &fact["results"];
        let mut shares = Shares::new(&fact, RUNS);
        for (name, hits) in [
            ("betting_hedged_ever_excludes_truth", betting),
            (
                "wilson_peeked_every_step_from_10_ever_excludes_truth",
                peeked,
            ),
            ("wilson_at_final_n_excludes_truth", last),
        ] {
            shares.check(name, hits, &results[name], 3000.0);
        }
        shares.finish();
    }
}

/// All rules must hold: no correction is needed for that. Claims of harm anywhere need one.
#[test]
fn families_of_rules() {
    const RUNS: u64 = 20_000;
    for fact in facts_of("gate_family_") {
        let at = |key: &str| fact["parameters"][key].as_u64().unwrap();
        let (cells, bad) = (at("K"), at("Kbad"));
        let (mut ships, mut claims, mut corrected) = (0, 0, 0);
        for run in 0..RUNS {
            let mut stream = stream(&fact, run);
            let estimates: Vec<f64> = (0..cells)
                .map(|cell| if cell < bad { -0.05 } else { 0.0 } + 0.04 * normal(&mut stream))
                .collect();
            let p: Vec<f64> = estimates
                .iter()
                .map(|e| norm_cdf((e + 0.05) / 0.04))
                .collect();
            let lower = |e: &f64| e + norm_ppf(0.05) * 0.04;
            ships += u64::from(estimates.iter().all(|e| lower(e) > -0.05));
            claims += u64::from(p.iter().any(|p| *p < 0.05));
            corrected += u64::from(holm(&p).iter().any(|p| *p < 0.05));
        }
        let results = &fact["results"];
        let mut shares = Shares::new(&fact, RUNS);
        for (name, hits) in [
            ("P(all rules hold -> ship)", ships),
            ("P(any violated, unadjusted)", claims),
            ("P(any violated, Holm)", corrected),
        ] {
            shares.check(name, hits, &results[name], 40_000.0);
        }
        shares.finish();
    }
}

/// Intervals of a clustered difference: those that ignore clusters or count too many of them, and those that do not.
#[test]
fn clustered_intervals() {
    const RUNS: u64 = 2000;
    const METHODS: [&str; 9] = [
        "naive_t",
        "cr1_z",
        "cr1_t(G-1)",
        "cr2_t(G-1)",
        "cr2_t(satt)",
        "cr3_t(G-1)",
        "cr3_t(satt)",
        "tango_ignoring_clusters",
        "tango_effective_n",
    ];
    for fact in facts_of("cluster_") {
        let setting = Setting::read(&fact["parameters"]);
        let truth = setting.truth();
        let mut hits = [0; 9];
        for run in 0..RUNS {
            let (d, cluster) = setting.draw(&mut stream(&fact, run));
            let found = cluster_mean(&d, &cluster, None).unwrap();
            let centre = found.estimate;
            let with = |quantile: f64, variance: f64| {
                let half = -quantile * variance.sqrt();
                (centre - half, centre + half)
            };
            let (z, t) = (norm_ppf(ALPHA), t_ppf(ALPHA, found.clusters as f64 - 1.0));
            let count = |sign: f64| d.iter().filter(|d| **d == sign).count() as f64;
            let effective = effective_tango(&d, &cluster, None, ALPHA).unwrap();
            let bounds = [
                student_t(&d, ALPHA).map_or((centre, centre), |t| (t.lower, t.upper)),
                with(z, found.cr1),
                with(t, found.cr1),
                with(t, found.cr2),
                with(t_ppf(ALPHA, found.df), found.cr2),
                with(t, found.cr3),
                with(t_ppf(ALPHA, found.df_cr3), found.cr3),
                tango_bounds(count(1.0), count(-1.0), d.len() as f64, -z),
                (effective.lower, effective.upper),
            ];
            for (hit, bounds) in hits.iter_mut().zip(bounds) {
                *hit += covers(bounds, truth);
            }
        }
        let mut shares = Shares::new(&fact, RUNS);
        for (method, hits) in METHODS.into_iter().zip(hits) {
            shares.coverage(method, hits);
        }
        shares.finish();
    }
}

/// The bootstrap covers too little with few clusters: why it never gates.
#[test]
fn clustered_bootstraps() {
    const RUNS: u64 = 500;
    const RESAMPLES: u64 = 599;
    for fact in facts_of("cluster_") {
        let setting = Setting::read(&fact["parameters"]);
        let truth = setting.truth();
        let mut hits = [0; 3];
        for run in 0..RUNS {
            let (d, cluster) = setting.draw(&mut stream(&fact, run));
            let groups = setting.sizes.len();
            let label = fact["id"].as_str().unwrap();
            let mut words = Stream::new(20_261_127, label, "all", "resamples", run);
            let draws: Vec<Vec<usize>> = (0..RESAMPLES)
                .map(|_| bootstrap::draw(&mut words, groups))
                .collect();
            let found = cluster_bootstrap(&d, &cluster, &draws, ALPHA).unwrap();
            let jackknife = without_each(&d, &cluster, groups);
            let bca = bootstrap::bca(found.estimate, &found.resamples, &jackknife, ALPHA).unwrap();
            let point = (found.estimate, found.estimate);
            hits[0] += covers(found.percentile, truth);
            hits[1] += covers((bca.lower, bca.upper), truth);
            hits[2] += covers(found.studentised.unwrap_or(point), truth);
        }
        let mut shares = Shares::new(&fact, RUNS);
        for (method, hits) in ["boot_percentile", "boot_bca", "boot_studentised"]
            .into_iter()
            .zip(hits)
        {
            shares.coverage(method, hits);
        }
        shares.finish();
    }
}

/// The mean without each cluster.
fn without_each(d: &[f64], cluster: &[u32], groups: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); groups];
    for (d, g) in d.iter().zip(cluster) {
        sums[*g as usize].0 += d;
        sums[*g as usize].1 += 1.0;
    }
    let (total, rows) = (d.iter().sum::<f64>(), d.len() as f64);
    sums.iter().map(|(s, w)| (total - s) / (rows - w)).collect()
}
