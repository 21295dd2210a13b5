//! Vectors of graders and reviewers: calibration, prediction-powered means, agreement, behavioural tests, the bootstrap.

#![expect(
    clippy::unwrap_used,
    reason = "a vector whose input this crate refuses must fail the test"
)]

use gatewright_stats::agreement::{Level, Ratings};
use gatewright_stats::checklist::{self, Case, Direction};
use gatewright_stats::dawid_skene::{Annotation, Size, Stop, dawid_skene};
use gatewright_stats::judge::{self, Confusion};
use gatewright_stats::ppi::{self, Stratum, Tuning};
use gatewright_stats::proportion::{Share, share};
use gatewright_stats::{bootstrap, kappa};
use serde_json::{Value, json};

/// Returns the computed `out` of a vector, or `None` for a function of another part.
pub(crate) fn check(name: &str, input: &Value) -> Option<Value> {
    Some(match name {
        "judge_correct" => judge_correct(input),
        "ppi_mean" => ppi_mean(input),
        "ppi_stratified" => ppi_stratified(input),
        "cohen_kappa" => cohen_kappa(input),
        "fleiss_kappa" => {
            let ratings = ratings(input);
            json!({"fleiss": ratings.fleiss().ok(), "randolph": ratings.randolph().unwrap()})
        }
        "gwet_ac1" => {
            let found = ratings(input).ac1().unwrap();
            json!({
                "ac1": found.ac1, "percent_agreement": found.percent_agreement, "chance": found.chance, "se": found.se,
            })
        }
        "krippendorff_alpha" => krippendorff_alpha(input),
        "krippendorff_bootstrap" => krippendorff_bootstrap(input),
        "hidden_gold" => {
            let found = share(u(input, "correct"), u(input, "n"), alpha(input));
            json!({"accuracy": found.point, "lower": found.lower, "upper": found.upper})
        }
        "dawid_skene" => likely_labels(input),
        "mft" => {
            let verdicts: Vec<Option<bool>> = items(&input["passed"])
                .map(|passed| passed.as_u64().map(|passed| passed == 1))
                .collect();
            failures(&verdicts)
        }
        "inv" => cases(input, |case, tolerance| {
            checklist::invariant(case, tolerance, f(input, "label_threshold"))
        }),
        "dir_not_increase" => cases(input, |case, tolerance| {
            checklist::directional(case, Direction::NotIncrease, tolerance)
        }),
        "bootstrap_mean" => bootstrap_mean(input),
        "bca_from_theta" => bca_from_theta(input),
        "cluster_bootstrap" => cluster_bootstrap(input),
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

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn list(value: &Value) -> Vec<f64> {
    items(value).map(|item| item.as_f64().unwrap()).collect()
}

fn labels(value: &Value) -> Vec<u32> {
    items(value)
        .map(|item| u32::try_from(item.as_u64().unwrap()).unwrap())
        .collect()
}

fn draws(value: &Value) -> Vec<Vec<usize>> {
    items(value)
        .map(|draw| {
            labels(draw)
                .into_iter()
                .map(|place| place as usize)
                .collect()
        })
        .collect()
}

/// One-sided level of a two-sided confidence.
fn alpha(input: &Value) -> f64 {
    (1.0 - f(input, "conf")) / 2.0
}

fn judge_correct(input: &Value) -> Value {
    let table = Confusion {
        true_pass: u(input, "tp"),
        false_fail: u(input, "fn"),
        false_pass: u(input, "fp"),
        true_fail: u(input, "tn"),
    };
    let (apparent, n) = (u(input, "apparent_passes"), u(input, "n"));
    let rates = judge::accuracy(&table, alpha(input));
    let ends = |share: Share| json!([share.lower, share.upper]);
    let corrected = judge::rogan_gladen(&table, apparent, n).ok();
    let bounds = judge::lang_reiczigel(&table, apparent, n, alpha(input)).ok();
    json!({
        "se": rates.se.point, "sp": rates.sp.point, "se_ci": ends(rates.se), "sp_ci": ends(rates.sp),
        "youden": rates.youden(),
        "rogan_gladen_raw": corrected.map(|c| c.raw), "rogan_gladen": corrected.map(|c| c.estimate),
        "delta_var": corrected.map(|c| c.variance),
        "lr_lower": bounds.map(|b| b.0), "lr_upper": bounds.map(|b| b.1),
    })
}

fn ppi_mean(input: &Value) -> Value {
    let (y, judged, unlabelled) = (list(&input["y"]), list(&input["f"]), list(&input["fu"]));
    let alpha = f(input, "alpha") / 2.0;
    let with = |tuning| ppi::ppi_mean(&y, &judged, &unlabelled, tuning).unwrap();
    let shown = |found: ppi::PpiMean| {
        let (lower, upper) = found.bounds(alpha);
        json!({"estimate": found.estimate, "lower": lower, "upper": upper})
    };
    json!({
        // Without the grader: λ = 0.
        "classical": with(Tuning::Fixed(0.0)).bounds(alpha),
        "lambda_1": shown(with(Tuning::Fixed(1.0))),
        "tuned": shown(with(Tuning::Power)),
        "lambda": with(Tuning::Power).lambda,
    })
}

fn ppi_stratified(input: &Value) -> Value {
    let columns: Vec<[Vec<f64>; 3]> = items(&input["strata"])
        .map(|stratum| ["y", "f", "fu"].map(|key| list(&stratum[key])))
        .collect();
    let strata: Vec<Stratum<'_>> = list(&input["share"])
        .into_iter()
        .zip(&columns)
        .map(|(share, [y, f, fu])| Stratum { share, y, f, fu })
        .collect();
    let found = ppi::ppi_stratified(&strata).unwrap();
    let (lower, upper) = found.bounds(f(input, "alpha") / 2.0);
    json!({"estimate": found.estimate, "variance": found.variance, "lower": lower, "upper": upper})
}

fn cohen_kappa(input: &Value) -> Value {
    let categories = u(input, "categories") as u32;
    let found = kappa::cohen(&labels(&input["a"]), &labels(&input["b"]), categories).unwrap();
    json!({
        "kappa": found.kappa, "se": found.se, "linear": found.linear, "quadratic": found.quadratic,
        "percent_agreement": found.percent_agreement,
    })
}

fn ratings(input: &Value) -> Ratings {
    let rows: Vec<Vec<Option<u32>>> = items(&input["ratings"])
        .map(|row| {
            items(row)
                .map(|rating| rating.as_u64().map(|rating| rating as u32))
                .collect()
        })
        .collect();
    Ratings::new(&rows, u(input, "categories") as u32).unwrap()
}

fn krippendorff_alpha(input: &Value) -> Value {
    let ratings = ratings(input);
    let values: Vec<f64> = (0..u(input, "categories")).map(|k| k as f64).collect();
    json!({
        "nominal": ratings.alpha(Level::Nominal).ok(),
        "ordinal": ratings.alpha(Level::Ordinal).ok(),
        "interval": ratings.alpha(Level::Interval(&values)).ok(),
    })
}

fn krippendorff_bootstrap(input: &Value) -> Value {
    let (ratings, draws) = (ratings(input), draws(&input["item_draws"]));
    let of = |draw: &[usize]| ratings.alpha_of_draw(draw, Level::Nominal).ok();
    let found = bootstrap::interval_of_draws(draws.clone(), alpha(input), of).unwrap();
    json!({
        "alpha_star": draws.iter().map(|draw| of(draw)).collect::<Vec<_>>(),
        "percentile": [found.lower, found.upper],
    })
}

fn likely_labels(input: &Value) -> Value {
    let annotations: Vec<Annotation> = items(&input["annotations"])
        .map(labels)
        .map(|a| Annotation {
            item: a[0],
            worker: a[1],
            label: a[2],
        })
        .collect();
    let size = Size {
        items: u(input, "items") as u32,
        workers: u(input, "workers") as u32,
        labels: input["labels"].as_array().unwrap().len() as u32,
    };
    let stop = Stop {
        iterations: u(input, "iterations") as u32,
        gain: None,
    };
    let found = dawid_skene(&annotations, size, stop).unwrap();
    json!({"posterior": found.posterior, "prior": found.prior, "errors": found.errors})
}

fn failures(verdicts: &[Option<bool>]) -> Value {
    let found = checklist::failure_rate(verdicts, 0.025);
    json!({
        "case_passed": verdicts, "cases": found.cases, "failures": found.failures,
        "failure_rate": found.rate.point, "ci95": [found.rate.lower, found.rate.upper],
    })
}

fn cases(input: &Value, verdict: impl Fn(&Case, f64) -> Option<bool>) -> Value {
    let verdicts: Vec<Option<bool>> = items(&input["cases"])
        .map(|case| Case {
            base: case["base"].as_f64(),
            perturbed: items(&case["perturbed"]).map(Value::as_f64).collect(),
        })
        .map(|case| verdict(&case, f(input, "tol")))
        .collect();
    failures(&verdicts)
}

fn bootstrap_mean(input: &Value) -> Value {
    let (x, alpha) = (list(&input["x"]), alpha(input));
    let given = list(&input["theta_star"]);
    let resamples = if input["indices"].is_null() {
        given
    } else {
        let drawn: Vec<f64> = draws(&input["indices"])
            .iter()
            .map(|draw| bootstrap::mean_of_draw(&x, draw))
            .collect();
        assert_eq!(drawn.len(), given.len());
        drawn
    };
    let all: Vec<usize> = (0..x.len()).collect();
    let estimate = bootstrap::mean_of_draw(&x, &all);
    let found =
        bootstrap::bca(estimate, &resamples, &bootstrap::jackknife_means(&x), alpha).unwrap();
    json!({
        "estimate": estimate, "theta_star": resamples, "z0": found.z0, "acceleration": found.acceleration,
        "bca_levels": found.levels, "bca": [found.lower, found.upper],
        "percentile": bootstrap::percentile(&resamples, alpha).unwrap(),
        "basic": bootstrap::basic(estimate, &resamples, alpha).unwrap(),
    })
}

fn bca_from_theta(input: &Value) -> Value {
    let (resamples, jackknife) = (list(&input["theta_star"]), list(&input["jackknife"]));
    let found = bootstrap::bca(f(input, "estimate"), &resamples, &jackknife, alpha(input)).unwrap();
    json!({
        "z0": found.z0, "acceleration": found.acceleration, "bca_levels": found.levels,
        "bca": [found.lower, found.upper],
    })
}

fn cluster_bootstrap(input: &Value) -> Value {
    let draws = draws(&input["draws"]);
    let (d, clusters) = (list(&input["d"]), labels(&input["cluster"]));
    let found = bootstrap::cluster_bootstrap(&d, &clusters, &draws, alpha(input)).unwrap();
    json!({
        "estimate": found.estimate, "se": found.se, "theta_star": found.resamples,
        "percentile": found.percentile, "studentised": found.studentised,
        "zero_se_resamples_skipped": found.zero_se,
    })
}
