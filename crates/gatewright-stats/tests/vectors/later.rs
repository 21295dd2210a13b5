//! Vectors of what comes after a decision: evidence over time, shift of traffic, the gate's own record.

#![expect(
    clippy::unwrap_used,
    reason = "a vector whose input this crate refuses must fail the test"
)]

use std::collections::BTreeSet;

use gatewright_stats::backtest::{self, Releases};
use gatewright_stats::proportion::Share;
use gatewright_stats::sequential::{self, Capital, PairedProcess};
use gatewright_stats::{betting, shift};
use serde_json::{Map, Value, json};

/// Returns the computed `out` of a vector, or `None` for a function of another part.
pub(crate) fn check(name: &str, input: &Value) -> Option<Value> {
    Some(match name {
        "betting_capital" => betting_capital(input),
        "empirical_bernstein_cs" => {
            let x = list(&input["x"]);
            assert_eq!(f(input, "trunc"), 0.5);
            at_times(&sequential::empirical_bernstein_sequence(&x, half(input)).unwrap())
        }
        "hoeffding_cs" => {
            at_times(&sequential::hoeffding_sequence(&list(&input["x"]), half(input)).unwrap())
        }
        "paired_eprocess" => paired_eprocess(input),
        "msprt_log_e" => {
            let [mean, variance, tau2, null] =
                ["mean", "variance", "tau2", "theta0"].map(|key| f(input, key));
            let log_e = sequential::msprt_log_e(mean, variance, u(input, "t"), tau2, null).unwrap();
            json!({"log_e": log_e})
        }
        "asymptotic_cs" => {
            let (t, best) = (u(input, "t"), u(input, "t_opt"));
            let (mean, sd) = (f(input, "mean"), f(input, "sd"));
            let found = sequential::asymptotic_sequence(mean, sd, t, best, half(input)).unwrap();
            json!({"rho": found.rho, "lower": found.lower, "upper": found.upper})
        }
        "sign_eprocess" => {
            json!({"log_e_worse": sequential::sign_log_e_worse(u(input, "b"), u(input, "c"))})
        }
        "mix_shift" => mix_shift(input),
        "ks_wasserstein" => {
            let found = shift::sample_shift(&list(&input["x"]), &list(&input["y"])).unwrap();
            json!({"ks": found.ks, "wasserstein1": found.wasserstein1})
        }
        "gate_confusion" => gate_confusion(input),
        "item_discrimination" => item_discrimination(input),
        "decision_stability" => decision_stability(input),
        _ => return None,
    })
}

fn f(input: &Value, key: &str) -> f64 {
    input[key]
        .as_f64()
        .unwrap_or_else(|| panic!("number {key} in {input}"))
}

fn u(input: &Value, key: &str) -> u64 {
    input[key]
        .as_u64()
        .unwrap_or_else(|| panic!("count {key} in {input}"))
}

fn list(value: &Value) -> Vec<f64> {
    let items = value.as_array().unwrap();
    items.iter().map(|item| item.as_f64().unwrap()).collect()
}

/// One-sided level of a two-sided one.
fn half(input: &Value) -> f64 {
    f(input, "alpha") / 2.0
}

/// The times at which the vectors look: some early, some late, none twice.
fn times(n: usize) -> Vec<usize> {
    let all = BTreeSet::from([1, 2, 5, n / 4, n / 2, n]);
    all.into_iter().filter(|t| (1..=n).contains(t)).collect()
}

fn out(value: f64) -> Value {
    if value == f64::INFINITY {
        json!("inf")
    } else if value == f64::NEG_INFINITY {
        json!("-inf")
    } else {
        json!(value)
    }
}

fn at_times(bounds: &[(f64, f64)]) -> Value {
    let times = times(bounds.len());
    let (lower, upper): (Vec<f64>, Vec<f64>) = times.iter().map(|t| bounds[t - 1]).unzip();
    json!({"t": times, "lower": lower, "upper": upper})
}

fn betting_capital(input: &Value) -> Value {
    let (x, m, alpha) = (list(&input["x"]), f(input, "m"), f(input, "alpha_for_bets"));
    assert_eq!(f(input, "trunc"), 0.5);
    let bets = betting::bets(&x, alpha);
    let capital = |above: bool| {
        let mut capital = Capital::new(m, above, alpha).unwrap();
        let path: Vec<f64> = x.iter().map(|x| capital.observe(*x).unwrap()).collect();
        let look = |t| {
            // Kept step by step or made at once: the same.
            let whole = betting::log_capital(&x[..t], &bets[..t], m, above);
            assert!(path[t - 1] == whole || (path[t - 1] - whole).abs() < 1e-12 * whole.abs());
            out(path[t - 1])
        };
        times(x.len()).into_iter().map(look).collect::<Vec<Value>>()
    };
    json!({
        "t": times(x.len()), "log_capital_pos": capital(true), "log_capital_neg": capital(false),
        "lambda": times(x.len()).iter().map(|t| bets[t - 1]).collect::<Vec<_>>(),
    })
}

fn paired_eprocess(input: &Value) -> Value {
    let (margin, alpha) = (f(input, "margin"), f(input, "alpha"));
    let mut process = PairedProcess::new(margin, alpha, alpha).unwrap();
    for x in list(&input["x"]) {
        process.observe_mapped(x).unwrap();
    }
    json!({
        "m0": (1.0 - margin) / 2.0,
        "max_log_e_holds": out(process.holds.most()), "max_log_e_violated": out(process.violated.most()),
        "first_t_holds": process.holds.crossed(), "first_t_violated": process.violated.crossed(),
        "verdict": process.verdict().word(),
    })
}

fn mix_shift(input: &Value) -> Value {
    let counts = ["reference_counts", "traffic_counts"].map(|key| list(&input[key]));
    let found = shift::mix_shift(&counts[0], &counts[1]).unwrap();
    json!({
        "tv": found.tv, "jsd": found.jsd, "kl_traffic_from_reference": out(found.kl_traffic_from_reference),
        "hellinger": found.hellinger, "psi": found.psi, "chi2_p": found.chi2_p,
        "uncovered_traffic_mass": found.uncovered,
    })
}

fn gate_confusion(input: &Value) -> Value {
    let releases = Releases {
        hold_incident: u(input, "hold_and_incident"),
        hold_quiet: u(input, "hold_no_incident"),
        ship_incident: u(input, "ship_and_incident"),
        ship_quiet: u(input, "ship_no_incident"),
    };
    let found = backtest::backtest(&releases, 0.025);
    let triple = |share: Share| json!([share.point, share.lower, share.upper]);
    json!({
        "catch_rate": triple(found.catch_rate), "false_hold_rate": triple(found.false_hold_rate),
        "miss_rate_among_ships": triple(found.miss_rate_among_ships),
        "precision_of_hold": triple(found.precision_of_hold), "mcc": found.mcc, "fisher_p": found.fisher_p,
    })
}

fn item_discrimination(input: &Value) -> Value {
    let rows = input["systems_by_items"].as_array().unwrap();
    let systems: Vec<Vec<f64>> = rows.iter().map(list).collect();
    let found = backtest::discrimination(&systems).unwrap();
    json!({
        "difficulty": found.difficulty, "corrected_item_total": found.item_rest,
        "cronbach_alpha": found.cronbach_alpha,
    })
}

fn decision_stability(input: &Value) -> Value {
    let d: Vec<i8> = list(&input["d"]).iter().map(|d| *d as i8).collect();
    let (margin, alpha) = (f(input, "margin"), f(input, "alpha"));
    let draws = input["indices"].as_array().unwrap().iter().map(|draw| {
        let places = list(draw);
        places.iter().map(|place| *place as usize).collect()
    });
    let found = backtest::stability(d.len(), draws, |draw| {
        backtest::paired_verdict(draw.iter().map(|&place| d[place]), margin, alpha)
    })
    .unwrap();
    let without: Map<String, Value> = backtest::leave_one_out(&d, margin, alpha)
        .into_iter()
        .map(|(sign, verdict)| (sign.to_string(), json!(verdict.word())))
        .collect();
    json!({
        "verdict": found.verdict.word(),
        "resample_verdicts": found.resamples.iter().map(|one| one.word()).collect::<Vec<_>>(),
        "flip_share": found.flip_share, "leave_one_out_verdict_by_d": without,
    })
}
