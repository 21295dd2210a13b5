//! Vectors of the distribution functions, proportions, paired tables, clusters, quantiles and the generator.

use gatewright_stats::{
    betting, binomial, cluster, mean, paired, proportion, quantile, rng, special, verdict,
};
use serde_json::{Value, json};

/// Computes the `out` object of a case; `None` for functions that stand elsewhere.
pub(crate) fn check(name: &str, input: &Value) -> Option<Value> {
    distribution(name, input)
        .or_else(|| one_proportion(name, input))
        .or_else(|| pairs(name, input))
        .or_else(|| clusters(name, input))
        .or_else(|| verdicts(name, input))
        .or_else(|| generator(name, input))
        .or_else(|| betting_at_fixed_n(name, input))
}

fn f(input: &Value, key: &str) -> f64 {
    input[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {input}"))
}

fn u(input: &Value, key: &str) -> u64 {
    input[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} in {input}"))
}

fn list(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("list")
        .iter()
        .map(|item| item.as_f64().expect("number"))
        .collect()
}

/// JSON has no infinity: the vectors write it as text.
fn out(value: f64) -> Value {
    if value == f64::INFINITY {
        json!("inf")
    } else if value == f64::NEG_INFINITY {
        json!("-inf")
    } else {
        json!(value)
    }
}

fn alpha(input: &Value) -> f64 {
    (1.0 - f(input, "conf")) / 2.0
}

fn distribution(name: &str, input: &Value) -> Option<Value> {
    Some(match name {
        "norm_cdf" => {
            let x = f(input, "x");
            json!({"cdf": special::norm_cdf(x), "sf": special::norm_sf(x), "log_cdf": special::norm_log_cdf(x)})
        }
        "norm_ppf" => json!({"x": out(special::norm_ppf(f(input, "p")))}),
        "t_cdf" => {
            let (x, df) = (f(input, "x"), f(input, "df"));
            json!({"cdf": special::t_cdf(x, df), "sf": special::t_sf(x, df)})
        }
        "t_ppf" => json!({"x": special::t_ppf(f(input, "p"), f(input, "df"))}),
        "beta_cdf" => {
            let (x, a, b) = (f(input, "x"), f(input, "a"), f(input, "b"));
            json!({"cdf": special::beta_cdf(x, a, b), "sf": special::beta_sf(x, a, b)})
        }
        "beta_ppf" => json!({"x": special::beta_ppf(f(input, "p"), f(input, "a"), f(input, "b"))}),
        "ln_gamma" => json!({"y": special::ln_gamma(f(input, "x"))}),
        "chi2_sf" => json!({"sf": special::chi2_sf(f(input, "x"), f(input, "df"))}),
        "binom_tails" => {
            let k = input["k"].as_i64().expect("k");
            let tails = binomial::tails(k, u(input, "n"), f(input, "p"));
            json!({
                "pmf": tails.pmf, "cdf": tails.cdf, "sf_ge": tails.sf_ge,
                "log_pmf": out(tails.log_pmf), "log_cdf": out(tails.log_cdf), "log_sf_ge": out(tails.log_sf_ge),
            })
        }
        "binom_test" => {
            let alternative = match input["alternative"].as_str().expect("alternative") {
                "less" => binomial::Alternative::Less,
                "greater" => binomial::Alternative::Greater,
                _ => binomial::Alternative::TwoSided,
            };
            json!({"p_value": binomial::test(u(input, "k"), u(input, "n"), f(input, "p"), alternative)})
        }
        _ => return None,
    })
}

fn one_proportion(name: &str, input: &Value) -> Option<Value> {
    let interval = |(lower, upper): (f64, f64)| json!({"lower": lower, "upper": upper});
    Some(match name {
        "wilson" => interval(proportion::wilson(
            f(input, "x"),
            f(input, "n"),
            alpha(input),
        )),
        "clopper_pearson" => interval(proportion::clopper_pearson(
            f(input, "x"),
            f(input, "n"),
            alpha(input),
        )),
        "jeffreys" => interval(proportion::jeffreys(
            f(input, "x"),
            f(input, "n"),
            alpha(input),
        )),
        "agresti_coull" => interval(proportion::agresti_coull(
            f(input, "x"),
            f(input, "n"),
            alpha(input),
        )),
        "korn_graubard" => {
            let (n_eff, lower, upper) = proportion::korn_graubard(
                f(input, "p_hat"),
                f(input, "n"),
                f(input, "var_hat"),
                f(input, "df"),
                alpha(input),
            );
            json!({"n_eff": n_eff, "lower": lower, "upper": upper})
        }
        "zero_event_upper" => {
            let n = u(input, "n");
            let upper = proportion::zero_event_upper(n, 1.0 - f(input, "conf")).expect("n > 0");
            json!({"upper": upper, "rule_of_three": proportion::rule_of_three(n, 1.0 - f(input, "conf"))})
        }
        "zero_event_n" => {
            json!({"n": proportion::zero_event_n(f(input, "p0"), 1.0 - f(input, "conf")).expect("a cap")})
        }
        "goodman_multinomial" => {
            let counts: Vec<u64> = list(&input["counts"])
                .into_iter()
                .map(|count| count as u64)
                .collect();
            let bounds = proportion::goodman_multinomial(&counts, f(input, "alpha"));
            let (lower, upper): (Vec<f64>, Vec<f64>) = bounds.into_iter().unzip();
            json!({"lower": lower, "upper": upper})
        }
        "quantile_ci" => quantile_ci(input),
        "quantile_min_n" => {
            json!({"n_for_upper_bound": quantile::min_n_for_upper(f(input, "p"), 1.0 - f(input, "conf"))})
        }
        _ => return None,
    })
}

fn quantile_ci(input: &Value) -> Value {
    let (n, p, alpha) = (u(input, "n"), f(input, "p"), alpha(input));
    let (lower, upper) = quantile::bound_ranks(n, p, alpha);
    let sorted = input["x"].as_array().map(|_| {
        let mut values = list(&input["x"]);
        values.sort_by(f64::total_cmp);
        values
    });
    let at = |rank: Option<u64>| match (&sorted, rank) {
        (Some(values), Some(rank)) => json!(values[rank as usize - 1]),
        _ => Value::Null,
    };
    // Coverage of (x_(r), x_(s)) = P(r ≤ Bin(n, p) ≤ s − 1); an open side reaches to the end.
    let below = upper.map_or(1.0, |s| binomial::cdf(s as i64 - 1, n, p));
    let coverage = below - lower.map_or(0.0, |r| binomial::cdf(r as i64 - 1, n, p));
    let point = |of: fn(&[f64], f64) -> f64| sorted.as_ref().map(|values| of(values, p));
    json!({
        "rank_lower": lower, "rank_upper": upper, "exact_coverage": coverage, "lower": at(lower), "upper": at(upper),
        "type7": point(quantile::type7), "type8": point(quantile::type8),
    })
}

fn pairs(name: &str, input: &Value) -> Option<Value> {
    let estimate = |b: f64, c: f64, n: f64| {
        if n > 0.0 {
            json!((b - c) / n)
        } else {
            Value::Null
        }
    };
    let z = |input: &Value| -special::norm_ppf(alpha(input));
    Some(match name {
        "tango_ci" | "newcombe_paired_ci" | "bonett_price_ci" => {
            let (a, b, c, d) = (f(input, "a"), f(input, "b"), f(input, "c"), f(input, "d"));
            let n = a + b + c + d;
            let (lower, upper) = match name {
                "tango_ci" => paired::tango_bounds(b, c, n, z(input)),
                "newcombe_paired_ci" => paired::newcombe(a, b, c, d, alpha(input)),
                _ => paired::bonett_price(b, c, n, alpha(input)),
            };
            json!({"estimate": estimate(b, c, n), "lower": lower, "upper": upper})
        }
        "mcnemar" => {
            let test = paired::mcnemar(u(input, "b"), u(input, "c"));
            json!({
                "exact_two_sided": test.exact_two_sided, "midp_two_sided": test.midp_two_sided,
                "asymptotic_two_sided": test.asymptotic_two_sided, "exact_greater": test.exact_greater,
            })
        }
        "tango_test" => {
            let score = paired::tango_z(
                f(input, "b"),
                f(input, "c"),
                f(input, "n"),
                f(input, "delta0"),
            );
            json!({"z": out(score), "p_greater": special::norm_sf(score), "p_less": special::norm_cdf(score)})
        }
        "paired_t" => {
            let (ours, theirs) = (list(&input["cand"]), list(&input["prod"]));
            let differences: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a - b).collect();
            match mean::student_t(&differences, alpha(input)) {
                Some(found) => json!({
                    "estimate": found.estimate, "se": found.se, "df": found.df, "t": found.t,
                    "p_two_sided": found.p_two_sided, "lower": found.lower, "upper": found.upper,
                }),
                None => without_t(&differences),
            }
        }
        "sign_flip_exact" => {
            let (two_sided, greater) =
                mean::sign_flip_exact(&list(&input["d"])).expect("few differences");
            json!({"p_two_sided": two_sided, "p_greater": greater})
        }
        _ => return None,
    })
}

/// The convention where t gives no interval: the mean is shown, the rest is undefined.
fn without_t(differences: &[f64]) -> Value {
    let n = differences.len();
    let estimate = if n == 0 {
        Value::Null
    } else {
        json!(differences.iter().sum::<f64>() / n as f64)
    };
    let se = if n >= 2 { json!(0.0) } else { Value::Null };
    let df = if n >= 1 { json!(n - 1) } else { Value::Null };
    json!({"estimate": estimate, "se": se, "df": df, "t": null, "p_two_sided": null, "lower": null, "upper": null})
}

fn clusters(name: &str, input: &Value) -> Option<Value> {
    if !["cluster_mean", "tango_effective", "icc_deff"].contains(&name) {
        return None;
    }
    let values = list(&input["d"]);
    let labels: Vec<u32> = list(&input["cluster"])
        .into_iter()
        .map(|label| label as u32)
        .collect();
    let weights = input["weight"].as_array().map(|_| list(&input["weight"]));
    Some(match name {
        "cluster_mean" => cluster_mean(&values, &labels, weights.as_deref()),
        "tango_effective" => {
            let found = cluster::effective_tango(&values, &labels, None, alpha(input))
                .expect("two clusters");
            json!({
                "b": found.b, "c": found.c, "n_eff": found.n_eff, "df": found.df,
                "lower": found.lower, "upper": found.upper,
            })
        }
        _ => match cluster::icc_deff(&values, &labels) {
            Ok(found) => json!({
                "icc": found.icc, "n0": found.n0, "deff_observed": found.deff_observed, "deff_kish": found.deff_kish,
            }),
            Err(_) => json!({"icc": null, "deff_observed": null, "deff_kish": null}),
        },
    })
}

fn cluster_mean(values: &[f64], labels: &[u32], weights: Option<&[f64]>) -> Value {
    let Ok(found) = cluster::cluster_mean(values, labels, weights) else {
        // One cluster: the mean exists, nothing about its precision does.
        let total: f64 = weights.map_or(values.len() as f64, |weights| weights.iter().sum());
        let sum: f64 = values
            .iter()
            .enumerate()
            .map(|(i, d)| d * weights.map_or(1.0, |weights| weights[i]))
            .sum();
        return json!({"estimate": sum / total, "G": 1, "df_g1": 0.0, "v_cr0": 0.0, "zero_weight_clusters_dropped": 0});
    };
    let interval = |conf: f64| {
        let half = -special::t_ppf((1.0 - conf) / 2.0, found.df) * found.cr2.sqrt();
        json!([found.estimate - half, found.estimate + half])
    };
    json!({
        "estimate": found.estimate, "G": found.clusters,
        "v_cr0": found.cr0, "v_cr1": found.cr1, "v_cr2": found.cr2, "v_cr3": found.cr3,
        "df_g1": (found.clusters - 1) as f64, "df_satt2": found.df, "df_satt3": found.df_cr3,
        "zero_weight_clusters_dropped": found.zero_weight_clusters,
        "intervals": {"cr2_satt_0.9": interval(0.9), "cr2_satt_0.95": interval(0.95)},
    })
}

fn verdicts(name: &str, input: &Value) -> Option<Value> {
    Some(match name {
        "paired_verdict" => {
            let (a, b, c, d) = (f(input, "a"), f(input, "b"), f(input, "c"), f(input, "d"));
            let z = -special::norm_ppf(f(input, "alpha"));
            let n = a + b + c + d;
            let (lower, upper) = if n > 0.0 {
                paired::tango_bounds(b, c, n, z)
            } else {
                (f64::NAN, f64::NAN)
            };
            let inferior = |margin: f64| verdict::against(lower, upper, -margin).word();
            json!({
                "lower": lower, "upper": upper,
                "non_inferior_margin_0.02": inferior(0.02), "non_inferior_margin_0.05": inferior(0.05),
                "non_inferior_margin_0.1": inferior(0.1), "superior": verdict::against(lower, upper, 0.0).word(),
                "equivalent_0.05": verdict::equivalent(lower, upper, 0.05).word(),
                "non_inferior_margin_0_no_drop": inferior(0.0),
            })
        }
        "floor_verdict" => {
            let (passes, n) = (f(input, "passes"), f(input, "n"));
            if n == 0.0 {
                return Some(
                    json!({"lower": null, "upper": null, "verdict": "not_enough_evidence"}),
                );
            }
            let (lower, upper) = proportion::clopper_pearson(passes, n, f(input, "alpha"));
            let word = verdict::against(lower, upper, f(input, "floor")).word();
            json!({"lower": lower, "upper": upper, "verdict": word})
        }
        "zero_tolerance_verdict" => {
            let (events, n) = (u(input, "events"), u(input, "n"));
            let (upper, found) =
                verdict::zero_tolerance(events, n, f(input, "cap"), f(input, "alpha"));
            json!({"upper": upper, "verdict": found.word()})
        }
        _ => return None,
    })
}

fn generator(name: &str, input: &Value) -> Option<Value> {
    let hex = |word: u64| format!("{word:016x}");
    Some(match name {
        "philox4x64_10" => {
            let words = |key: &str| -> Vec<u64> {
                input[key]
                    .as_array()
                    .expect("words")
                    .iter()
                    .map(|word| u64::from_str_radix(word.as_str().expect("hex"), 16).expect("hex"))
                    .collect()
            };
            let (counter, key) = (words("counter"), words("key"));
            let counter = [counter[0], counter[1], counter[2], counter[3]];
            let found = rng::philox4x64_10(counter, [key[0], key[1]]);
            json!({"words": found.map(hex)})
        }
        "cell_stream" => {
            let key = rng::key(input["label"].as_str().expect("label"));
            let n = u(input, "n_index");
            let words: Vec<u64> = (0..12)
                .map(|j| rng::word(key, u(input, "replicate"), j))
                .collect();
            json!({
                "key": key.map(hex),
                "words": words.iter().map(|word| hex(*word)).collect::<Vec<_>>(),
                "uniform": words.iter().map(|word| rng::uniform(*word)).collect::<Vec<_>>(),
                "index": words.iter().map(|word| rng::index(*word, n)).collect::<Vec<_>>(),
            })
        }
        "bootstrap_means" => {
            let key = rng::key(input["label"].as_str().expect("label"));
            let x = list(&input["x"]);
            let indices: Vec<Vec<u64>> = (0..u(input, "replicates"))
                .map(|r| {
                    (0..x.len() as u64)
                        .map(|j| rng::index(rng::word(key, r, j), x.len() as u64))
                        .collect()
                })
                .collect();
            let means: Vec<f64> = indices
                .iter()
                .map(|row| row.iter().map(|&i| x[i as usize]).sum::<f64>() / x.len() as f64)
                .collect();
            json!({"indices": indices, "means": means})
        }
        _ => return None,
    })
}

/// The betting confidence sequence at each listed time is the fixed-n interval of that prefix.
fn betting_at_fixed_n(name: &str, input: &Value) -> Option<Value> {
    if name != "betting_cs" {
        return None;
    }
    let (x, alpha) = (list(&input["x"]), f(input, "alpha"));
    let n = x.len();
    let times = [1, 2, 5, n / 4, n / 2, n];
    let (lower, upper): (Vec<f64>, Vec<f64>) = times
        .iter()
        .map(|&t| betting::bounds(&x[..t], alpha / 2.0))
        .unzip();
    Some(json!({"t": times, "lower": lower, "upper": upper}))
}
