//! Operating characteristics: exact error rates against `coverage.json`, and seeded simulations of the gate's default
//! and of everything else it records.

#![expect(clippy::unwrap_used, reason = "a failing unwrap in a test says where")]

mod labels;
mod simulations;

use std::path::PathBuf;

use gatewright_stats::choose::{self, Rows};
use gatewright_stats::estimate::Undefined;
use gatewright_stats::paired::tango_z;
use gatewright_stats::rng::Stream;
use gatewright_stats::{binomial, proportion, special};
use serde_json::Value;

const Z: f64 = 1.644_853_626_951_472_2;

type IntervalOf = fn(f64, f64, f64) -> (f64, f64);

const METHODS: [(&str, IntervalOf); 3] = [
    ("wilson", proportion::wilson),
    ("clopper_pearson", proportion::clopper_pearson),
    ("jeffreys", proportion::jeffreys),
];

/// The recorded facts; none where the vectors are not beside the project.
fn facts() -> Vec<Value> {
    let named = std::env::var_os("GATEWRIGHT_VECTORS");
    let folder = named.clone().map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/stats"),
        PathBuf::from,
    );
    if named.is_none() && !folder.exists() {
        println!("skipped: no vectors at {}", folder.display());
        return Vec::new();
    }
    let path = folder.join("coverage.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_json::from_str::<Value>(&text).unwrap()["facts"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn exact_facts() {
    let facts = facts();
    if facts.is_empty() {
        return;
    }
    let (mut seen, mut wrong) = (0, Vec::new());
    for fact in facts.iter().filter(|fact| fact["kind"] == "exact") {
        let id = fact["id"].as_str().unwrap();
        let mut check = |what: &str, got: f64, want: &Value| {
            seen += 1;
            let want = want.as_f64().unwrap();
            if (got - want).abs() > 1e-9 {
                wrong.push(format!("{id} {what}: got {got}, want {want}"));
            }
        };
        let (at, results) = (&fact["parameters"], &fact["results"]);
        let n = at["n"].as_u64().unwrap();
        match id.split("_n").next().unwrap() {
            "exact_prop" => {
                for (name, interval) in METHODS {
                    let (above, below) = error_at(interval, n, at["p"].as_f64().unwrap());
                    check(name, above, &results[name]["P(lower>p)"]);
                    check(name, below, &results[name]["P(upper<p)"]);
                }
            }
            "worst_prop" => {
                for (name, interval) in METHODS {
                    let (above, below) = worst_error(interval, n);
                    check(name, above, &results[name]["sup P(lower>p)"]);
                    check(name, below, &results[name]["sup P(upper<p)"]);
                }
            }
            "exact_tango" => {
                let (margin, d) = (
                    at["margin"].as_f64().unwrap(),
                    at["discordant"].as_f64().unwrap(),
                );
                check(
                    "boundary",
                    tango_holds(n, d, -margin, margin),
                    &results["wrong_ship_at_boundary"],
                );
                check(
                    "power",
                    tango_holds(n, d, 0.0, margin),
                    &results["power_at_true_difference_0"],
                );
            }
            "worst_tango" => {
                for (key, want) in results.as_object().unwrap() {
                    let margin: f64 = key.strip_prefix("margin_").unwrap().parse().unwrap();
                    let shares = (0..40).map(|i| margin + (0.5 - margin) * f64::from(i) / 39.0);
                    let worst = shares
                        .map(|d| tango_holds(n, d, -margin, margin))
                        .fold(0.0, f64::max);
                    check(key, worst, want);
                }
            }
            other => panic!("exact fact {other} is not known here"),
        }
    }
    assert!(
        seen > 0 && wrong.is_empty(),
        "{} of {seen} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// P(lower bound > p) and P(upper bound < p) at nominal 5 % each.
fn error_at(interval: IntervalOf, n: u64, p: f64) -> (f64, f64) {
    let (mut above, mut below) = (0.0, 0.0);
    for x in 0..=n {
        let (lower, upper) = interval(x as f64, n as f64, 0.05);
        let weight = binomial::pmf(x as i64, n, p);
        above += if lower > p { weight } else { 0.0 };
        below += if upper < p { weight } else { 0.0 };
    }
    (above, below)
}

/// The suprema over p in [.5, 1), approached at the bounds themselves.
fn worst_error(interval: IntervalOf, n: u64) -> (f64, f64) {
    let (mut above, mut below) = (0.0_f64, 0.0_f64);
    let inside = |p: f64| (0.5..1.0).contains(&p);
    for x in 0..=n {
        let (lower, upper) = interval(x as f64, n as f64, 0.05);
        if inside(lower) {
            above = above.max(binomial::sf_ge(x as i64, n, lower));
        }
        if inside(upper) {
            below = below.max(binomial::cdf(x as i64, n, upper));
        }
    }
    (above, below)
}

/// P(Tango z at −margin ≥ 1.645), summed over all tables.
fn tango_holds(n: u64, discordant: f64, delta: f64, margin: f64) -> f64 {
    let wins = (0.5 * (discordant + delta) / discordant).clamp(0.0, 1.0);
    let mut total = 0.0;
    for m in 0..=n {
        let outer = binomial::pmf(m as i64, n, discordant);
        for b in 0..=m {
            if tango_z(b as f64, (m - b) as f64, n as f64, -margin) >= Z {
                total += outer * binomial::pmf(b as i64, m, wins);
            }
        }
    }
    total
}

/// `gate_default` covers at least 94 % of truths at nominal 95 % in every clustered scenario, with 4 standard errors.
#[test]
fn gate_default_coverage() {
    const RUNS: u64 = 1200;
    let facts = facts();
    if facts.is_empty() {
        return;
    }
    let mut scenarios = 0;
    for fact in facts {
        let id = fact["id"].as_str().unwrap();
        if !id.starts_with("cluster_") || fact["kind"] != "simulation" {
            continue;
        }
        scenarios += 1;
        let setting = Setting::read(&fact["parameters"]);
        let truth = setting.truth();
        let covered = (0..RUNS)
            .filter(|&run| {
                setting.covers(
                    &mut Stream::new(20_261_123, id, "all", "coverage", run),
                    truth,
                )
            })
            .count();
        let (got, want) = (
            covered as f64 / RUNS as f64,
            fact["results"]["gate_default"]["coverage"]
                .as_f64()
                .unwrap(),
        );
        let se = |runs: f64| want * (1.0 - want) / runs;
        let slack = 4.0 * (se(RUNS as f64) + se(6000.0)).sqrt() + 0.002;
        println!("{id}: covered {got:.4}, reference {want:.4}");
        assert!(
            (got - want).abs() <= slack,
            "{id}: {got} against {want} ± {slack}"
        );
        assert!(got >= 0.94 - slack, "{id}: {got}");
    }
    assert!(scenarios > 0);
}

struct Setting {
    sizes: Vec<u64>,
    a: f64,
    delta: f64,
    su: f64,
    sv: f64,
    se: f64,
}

impl Setting {
    fn read(at: &Value) -> Self {
        let f = |key: &str| at[key].as_f64().unwrap();
        let sizes = at["sizes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s.as_u64().unwrap())
            .collect();
        Self {
            sizes,
            a: f("a"),
            delta: f("delta"),
            su: f("su"),
            sv: f("sv"),
            se: f("se"),
        }
    }

    fn truth(&self) -> f64 {
        let common = 1.0 + self.su * self.su + self.se * self.se;
        let candidate = (self.a + self.delta) / (common + self.sv * self.sv).sqrt();
        special::norm_cdf(candidate) - special::norm_cdf(self.a / common.sqrt())
    }

    /// Differences and their clusters.
    fn draw(&self, stream: &mut Stream) -> (Vec<f64>, Vec<u32>) {
        let (mut value, mut cluster) = (Vec::new(), Vec::new());
        for (g, size) in self.sizes.iter().enumerate() {
            let (u, v) = (self.su * normal(stream), self.sv * normal(stream));
            for _ in 0..*size {
                let e = self.se * normal(stream);
                let production = stream.uniform() < special::norm_cdf(self.a + u + e);
                let candidate =
                    stream.uniform() < special::norm_cdf(self.a + self.delta + u + v + e);
                value.push(f64::from(u8::from(candidate)) - f64::from(u8::from(production)));
                cluster.push(g as u32);
            }
        }
        (value, cluster)
    }

    fn covers(&self, stream: &mut Stream, truth: f64) -> bool {
        let (value, cluster) = self.draw(stream);
        let rows = Rows {
            value: &value,
            cluster: &cluster,
            weight: None,
        };
        let bounds = match choose::paired_difference(&rows, 0.025) {
            Ok(bounds) => bounds,
            Err(Undefined::FewDegreesOfFreedom { shown, .. }) => *shown,
            Err(error) => panic!("{error}"),
        };
        bounds.lower <= truth && truth <= bounds.upper
    }
}

fn normal(stream: &mut Stream) -> f64 {
    special::norm_ppf(stream.uniform().max(1e-16))
}
