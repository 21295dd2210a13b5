//! Golden vectors of multiplicity, power, ratios, costs, repeats and weights.

#![expect(
    clippy::unwrap_used,
    reason = "a vector whose input this crate refuses must fail the test"
)]

use gatewright_stats::{cost, multiplicity as m, power, ratio, repeats, weights};
use serde_json::{Value, json};

/// Returns the computed `out` of a vector, or `None` for a function of another part.
pub(crate) fn check(fn_name: &str, input: &Value) -> Option<Value> {
    Some(match fn_name {
        "p_adjust" => p_adjust(&input["p"]),
        "closed_test" => closed_test(input),
        "tiered_holm" => tiered_holm(&input["tiers"]),
        "power_floor_cp" => {
            let p = power::power_floor_cp(
                n(input),
                f(input, "floor"),
                f(input, "true_rate"),
                alpha(input),
            )
            .unwrap();
            json!({"min_passes_to_hold": p.min_passes, "power_holds": p.power})
        }
        "power_paired_tango" => {
            let (d, t, m) = (
                f(input, "discordant"),
                f(input, "true_delta"),
                f(input, "margin"),
            );
            let p = power::power_paired_tango(n(input), d, t, m, alpha(input)).unwrap();
            json!({"p_holds": p.holds, "p_violated": p.violated})
        }
        "power_mcnemar_midp_worse" => {
            let (d, t) = (f(input, "discordant"), f(input, "true_delta"));
            json!({"power": power::power_mcnemar_midp_worse(n(input), d, t, alpha(input)).unwrap()})
        }
        "n_non_inferiority" => {
            let (d, t, m) = (
                f(input, "discordant"),
                f(input, "true_delta"),
                f(input, "margin"),
            );
            json!({"n": power::n_non_inferiority(d, t, m, alpha(input), f(input, "power"), f(input, "deff")).unwrap()})
        }
        "mde_paired" => {
            let d = f(input, "discordant");
            let got = power::mde_paired(
                n(input),
                d,
                alpha(input),
                f(input, "power"),
                f(input, "deff"),
            )
            .unwrap();
            json!({"mde": got.mde, "mde_capped": got.capped, "visible": got.visible})
        }
        "power_t_one_sided" => {
            json!({"power": power::power_t_one_sided(n(input), f(input, "effect_sd"), alpha(input)).unwrap()})
        }
        "n_miller" => n_miller(input),
        "ratio_ci" => ratio_ci(input),
        "expected_cost" => expected_cost(input),
        "cost_difference" => cost_difference(input),
        "pass_at_k" => {
            let [n, c, k] =
                ["n", "c", "k"].map(|key| u32::try_from(input[key].as_u64().unwrap()).unwrap());
            json!({
                "pass_at_k": repeats::pass_at_k(n, c, k).unwrap(),
                "pass_hat_k": repeats::pass_hat_k(n, c, k).unwrap(),
            })
        }
        "variance_decomposition" => variance_decomposition(input),
        "hajek" => hajek(input),
        "poststratify" => poststratify(input),
        "rake" => rake(input),
        _ => return None,
    })
}

fn f(input: &Value, key: &str) -> f64 {
    input[key]
        .as_f64()
        .unwrap_or_else(|| panic!("number {key} in {input}"))
}

fn n(input: &Value) -> u64 {
    input["n"].as_u64().unwrap()
}

fn alpha(input: &Value) -> f64 {
    f(input, "alpha")
}

/// Numbers of a list, null as NaN.
fn list(v: &Value) -> Vec<f64> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap_or(f64::NAN))
        .collect()
}

fn lists(v: &Value) -> Vec<Vec<f64>> {
    v.as_array().unwrap().iter().map(list).collect()
}

fn p_adjust(p: &Value) -> Value {
    let p = list(p);
    // serde_json writes NaN, which has left the family, as null.
    json!({
        "bonferroni": m::bonferroni(&p),
        "sidak": m::sidak(&p),
        "holm": m::holm(&p),
        "holm_sidak": m::holm_sidak(&p),
        "hochberg": m::hochberg(&p),
        "hommel": m::hommel(&p),
        "bh": m::bh(&p),
        "by": m::by(&p),
        "iut_max": m::iut_max(&p),
        "simes_global": m::simes_global(&p),
    })
}

fn closed_test(input: &Value) -> Value {
    let p = list(&input["p"]);
    json!({
        "simes": m::closed_simes(&p),
        "bonferroni": m::closed_bonferroni(&p),
        "weighted_holm": m::weighted_holm(&p, &list(&input["weights"])),
    })
}

fn tiered_holm(tiers: &Value) -> Value {
    json!({"adjusted": m::tiered_holm(&lists(tiers))})
}

fn n_miller(input: &Value) -> Value {
    let plan = power::MillerPlan {
        omega2: f(input, "omega2"),
        sigma2: ["sigma2_a", "sigma2_b"].map(|key| f(input, key)),
        k: ["k_a", "k_b"].map(|key| u32::try_from(input[key].as_u64().unwrap()).unwrap()),
    };
    let (alpha, power) = (alpha(input), f(input, "power"));
    json!({
        "n": power::n_miller(&plan, f(input, "delta"), alpha, power).unwrap(),
        "mde_at_500": plan.mde(500, alpha, power).unwrap(),
    })
}

fn ratio_ci(input: &Value) -> Value {
    let alpha = (1.0 - f(input, "conf")) / 2.0;
    let unbounded = json!(["-inf", "inf"]);
    let Ok(r) = ratio::ratio(&list(&input["num"]), &list(&input["den"])) else {
        return json!({
            "ratio": null, "v_delta": null, "delta": null, "fieller": unbounded, "fieller_bounded": false,
            "v_jackknife": null,
        });
    };
    let fieller = r.fieller(alpha);
    json!({
        "ratio": r.ratio,
        "v_delta": r.v_delta,
        "delta": r.delta(alpha).unwrap(),
        "fieller_bounded": fieller.is_ok(),
        "fieller": fieller.map_or(unbounded, |b| json!(b)),
        "v_jackknife": r.v_jackknife,
    })
}

fn expected_cost(input: &Value) -> Value {
    let costs = list(&input["costs"]);
    let rows: Vec<f64> = costs
        .iter()
        .zip(list(&input["counts"]))
        .flat_map(|(&c, count)| std::iter::repeat_n(c, count as usize))
        .collect();
    let got = cost::expected_cost(&rows).unwrap();
    let t = got.t_bounds(alpha(input)).unwrap();
    let c_max = costs.iter().copied().fold(0.0, f64::max);
    let (lower, upper) = got.empirical_bernstein(c_max, alpha(input)).unwrap();
    json!({
        "mean": got.mean, "var": got.variance,
        "t_lower": t.map(|t| t.0), "t_upper": t.map(|t| t.1),
        "bernstein_lower": lower, "bernstein_upper": upper,
    })
}

fn cost_difference(input: &Value) -> Value {
    let got =
        cost::cost_difference(&list(&input["cand_cost"]), &list(&input["prod_cost"])).unwrap();
    let t = got.t_bounds((1.0 - f(input, "conf")) / 2.0).unwrap();
    json!({"mean_diff": got.mean, "lower": t.map(|t| t.0), "upper": t.map(|t| t.1)})
}

fn variance_decomposition(input: &Value) -> Value {
    let d = repeats::decompose(&lists(&input["y"])).unwrap();
    let plan = list(&input["K_plan"]);
    json!({
        "mean": d.mean, "within": d.within, "total": d.total, "between": d.between,
        "between_floored": d.between_floored(), "se_now": d.se_now(),
        "se_at_K": plan.iter().map(|&k| d.se_at(k as u32)).collect::<Vec<_>>(),
    })
}

fn hajek(input: &Value) -> Value {
    let (y, w) = (list(&input["y"]), list(&input["w"]));
    let h = weights::hajek(&y, &w).unwrap();
    json!({
        "hajek": h.mean, "variance": h.variance, "kish_n_eff": h.n_eff, "deff_weights": h.deff,
        "horvitz_thompson_mean": weights::horvitz_thompson_mean(&y, &w, f(input, "n_population")).unwrap(),
    })
}

fn poststratify(input: &Value) -> Value {
    let p = weights::poststratify(
        &list(&input["traffic_share"]),
        &lists(&input["y_by_stratum"]),
    )
    .unwrap();
    json!({
        "covered_mass": p.covered_mass, "estimate": p.estimate, "variance": p.variance, "df": p.df,
        "worst_case": p.worst_case, "best_case": p.best_case,
    })
}

fn rake(input: &Value) -> Value {
    let mut counts = Vec::new();
    flatten(&input["counts"], &mut counts);
    let got = weights::rake(&counts, &lists(&input["margins"])).unwrap();
    json!({
        "cell_share": shaped(&input["counts"], &mut got.cell_share.into_iter()),
        "cell_weight": shaped(&input["counts"], &mut got.cell_weight.into_iter()),
    })
}

/// Appends the numbers of a nested table in row-major order.
fn flatten(v: &Value, out: &mut Vec<f64>) {
    match v.as_array() {
        Some(rows) => rows.iter().for_each(|r| flatten(r, out)),
        None => out.push(v.as_f64().unwrap()),
    }
}

/// Puts numbers into the shape of a nested table.
fn shaped(like: &Value, numbers: &mut impl Iterator<Item = f64>) -> Value {
    match like.as_array() {
        Some(rows) => Value::Array(rows.iter().map(|r| shaped(r, numbers)).collect()),
        None => json!(numbers.next()),
    }
}
