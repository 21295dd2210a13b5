//! What answers took in time and money, beside what they are worth.

use std::collections::BTreeMap;

use gatewright_stats::{choose, quantile};

use crate::analyse::Analysis;
use crate::manifest::{Manifest, Role, Subject};
use crate::reference::ReferenceSet;
use crate::report::model::*;
use crate::report::tables::shown;
use crate::report::words;
use crate::response::Response;

/// One-sided level of the bounds on times.
const ALPHA: f64 = 0.025;

/// What the first-look answers of one system took.
#[derive(Clone, Debug, Default)]
pub struct Took {
    answers: u64,
    /// Example and time of its first trial's answer: one example, one time.
    times: Vec<(u32, f64)>,
    /// Example and price of every answer with one.
    prices: Vec<(u32, f64)>,
}

impl Took {
    /// Takes in a first-look answer.
    pub fn observe(&mut self, example: u32, trial: u32, response: &Response) {
        self.answers += 1;
        if let Some(time) = response
            .latency_ms
            .filter(|time| trial == 0 && time.is_finite())
        {
            self.times.push((example, time));
        }
        if let Some(cost) = response.usage.cost_usd.filter(|cost| cost.is_finite()) {
            self.prices.push((example, cost));
        }
    }
}

/// Time and money beside what answers are worth; nothing when no answer states either.
pub fn pace(
    manifest: &Manifest,
    reference: &ReferenceSet,
    analysis: &Analysis,
    took: &BTreeMap<Role, Took>,
) -> Option<PaceView> {
    let stated = |took: &Took| !took.times.is_empty() || !took.prices.is_empty();
    if !took.values().any(stated) {
        return None;
    }
    let mut criteria: Vec<u16> = Vec::new();
    for finding in analysis.findings.iter().filter(|finding| finding.deciding) {
        if let Subject::Criterion(criterion) = manifest.gate[finding.rule].subject
            && !criteria.contains(&criterion)
        {
            criteria.push(criterion);
        }
    }
    let whole = |criterion: u16| {
        let mut cells = analysis.cells.iter();
        cells.find(move |cell| cell.criterion == criterion && cell.slice.is_empty())
    };
    // Shares only: what is measured in time or money stands in its own columns.
    criteria.retain(|&criterion| {
        whole(criterion).is_some_and(|cell| {
            let counts = cell.systems.values().map(|system| &system.counts);
            counts.into_iter().all(|counts| counts.value == 0)
        })
    });
    let named = |role: Role| {
        let system = manifest.systems.get(&role);
        system.map_or_else(|| role.word().to_owned(), |system| system.name.clone())
    };
    let systems: Vec<PaceRow> = took
        .iter()
        .map(|(role, took)| {
            let (cost_total, cost, cost_no_interval) = price(reference, took);
            PaceRow {
                system: *role,
                name: named(*role),
                quality: criteria
                    .iter()
                    .map(|&criterion| shown(&whole(criterion)?.systems.get(role)?.rate).0)
                    .collect(),
                answers: took.answers,
                timed: took.times.len() as u64,
                p50: time(reference, took, 0.5),
                p95: time(reference, took, 0.95),
                priced: took.prices.len() as u64,
                cost_mean: cost_total.map(|total| total / took.prices.len() as f64),
                cost_total,
                cost,
                cost_no_interval,
            }
        })
        .collect();
    let criteria: Vec<String> = criteria
        .iter()
        .map(|&criterion| manifest.criteria[usize::from(criterion)].id.to_string())
        .collect();
    let slow = || systems.iter().filter_map(|row| row.p95.as_ref());
    let slowest = slow().map(|shown| shown.point).reduce(f64::max);
    let widest = slow().flat_map(|shown| [Some(shown.point), shown.upper]);
    let widest = widest.flatten().reduce(f64::max);
    Some(PaceView {
        caption: caption(&criteria, &systems),
        criteria,
        systems,
        slowest,
        widest,
    })
}

/// What all priced answers cost, and the mean price of one with its bounds, or why it has none.
fn price(
    reference: &ReferenceSet,
    took: &Took,
) -> (Option<f64>, Option<EstimateView>, Option<String>) {
    // In one order, whatever order answers came in: a sum depends on it.
    let mut prices = took.prices.clone();
    prices.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    if prices.is_empty() {
        return (None, None, None);
    }
    let source = |example: u32| reference.cluster.get(example as usize).copied();
    let rows = prices
        .iter()
        .filter_map(|&(example, price)| Some((price, source(example)?)));
    let (value, cluster): (Vec<f64>, Vec<u32>) = rows.unzip();
    let answers = vec![1.0; value.len()];
    let found = choose::ratio(&value, &answers, &cluster, ALPHA);
    let (cost, why) = shown(&found);
    (Some(prices.iter().map(|(_, price)| price).sum()), cost, why)
}

/// A quantile of the times of examples' first answers, with bounds from order statistics.
fn time(reference: &ReferenceSet, took: &Took, p: f64) -> Option<EstimateView> {
    let mut times: Vec<f64> = took.times.iter().map(|(_, time)| *time).collect();
    if times.is_empty() {
        return None;
    }
    times.sort_by(f64::total_cmp);
    let n = times.len() as u64;
    let (lower, upper) = quantile::bound_ranks(n, p, ALPHA);
    let at = |rank: Option<u64>| times.get(usize::try_from(rank? - 1).ok()?).copied();
    let mut clusters: Vec<u32> = took
        .times
        .iter()
        .filter_map(|(example, _)| reference.cluster.get(*example as usize).copied())
        .collect();
    clusters.sort_unstable();
    clusters.dedup();
    Some(EstimateView {
        point: quantile::type7(&times, p),
        lower: at(lower),
        upper: at(upper),
        alpha: ALPHA,
        n,
        clusters: clusters.len() as u64,
        n_eff: n as f64,
        df: None,
        method: "order statistics of each example's first answer".to_owned(),
    })
}

fn caption(criteria: &[String], systems: &[PaceRow]) -> CaptionView {
    let of = |role| systems.iter().find(|row| row.system == role);
    let quality = |row: &PaceRow| {
        let share = row.quality.first().and_then(Option::as_ref)?;
        let name = criteria.first()?;
        Some(format!(
            "{name} {} (n {})",
            words::amount(Unit::Share, share.point),
            words::count(share.n)
        ))
    };
    let p95 = |row: &PaceRow| {
        let p95 = row.p95.as_ref()?;
        let shown = words::amount(Unit::Milliseconds, p95.point);
        Some(format!("p95 {shown} (n {})", words::count(p95.n)))
    };
    let cost = |row: &PaceRow| {
        let shown = words::amount(Unit::Usd, row.cost_mean?);
        Some(format!(
            "{shown} an answer (n {})",
            words::count(row.priced)
        ))
    };
    let said = |row: &PaceRow| {
        let parts = [quality(row), p95(row), cost(row)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("{}: {}", row.system.word(), parts.join(", "))
    };
    let named: Vec<String> = [Role::Candidate, Role::Production]
        .into_iter()
        .filter_map(of)
        .map(said)
        .collect();
    let unpriced = systems.iter().all(|row| row.priced == 0);
    CaptionView {
        finding: format!("{}.", named.join("; ")),
        summary: format!(
            "Bars of time are medians and 95th percentiles of each example's first answer, with 95 % intervals that take examples as independent; bars of quality are all examples.{}",
            if unpriced {
                " No answer states a price."
            } else {
                " Intervals of prices are in the data table."
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_first_answers_and_money_is_of_all() {
        let mut took = Took::default();
        let response = |time: f64| Response {
            latency_ms: Some(time),
            usage: crate::response::Usage {
                cost_usd: Some(0.5),
                ..crate::response::Usage::default()
            },
            ..Response::default()
        };
        for example in 0..20 {
            took.observe(example, 0, &response(f64::from(example)));
            took.observe(example, 1, &response(1000.0));
        }
        let mut set = ReferenceSet::default();
        set.cluster = (0..20).map(|index| index / 2).collect();
        let p50 = time(&set, &took, 0.5).expect("times");
        // scipy.stats.binom: the order statistics 6 and 15 of 20 bound the median at one-sided 2.5 % each.
        assert_eq!(
            (p50.point, p50.lower, p50.upper),
            (9.5, Some(5.0), Some(14.0))
        );
        assert_eq!((p50.n, p50.clusters), (20, 10));
        let p95 = time(&set, &took, 0.95).expect("times");
        assert_eq!(p95.upper, None, "20 answers have no upper bound of a p95");
        let (total, cost, why) = price(&set, &took);
        let cost = cost.expect("a price");
        assert_eq!((total, cost.point, why), (Some(20.0), 0.5, None));
        // 40 answers, but of 10 sources: a price that never varies has no width.
        assert_eq!(
            (cost.clusters, cost.lower, cost.upper),
            (10, Some(0.5), Some(0.5))
        );
    }

    #[test]
    fn a_price_has_an_interval_and_does_not_depend_on_the_order_of_answers() {
        let mut set = ReferenceSet::default();
        set.cluster = (0..12).collect();
        let price_of = |example: u32| 0.01 + 0.01 * f64::from(example % 3);
        let mut took = [Took::default(), Took::default()];
        for example in 0..12 {
            took[0].prices.push((example, price_of(example)));
            took[1].prices.push((11 - example, price_of(11 - example)));
        }
        let [forth, back] = took.map(|took| price(&set, &took));
        assert_eq!(forth, back);
        let cost = forth.1.expect("a price");
        // scipy: mean 0.02, standard error 0.0024618 (n − 1), t(11) at 2.5 % 2.200985.
        assert!((cost.point - 0.02).abs() < 1e-12);
        let (low, high) = (cost.lower.expect("a bound"), cost.upper.expect("a bound"));
        assert!(
            (low - 0.014581574).abs() < 1e-6 && (high - 0.025418426).abs() < 1e-6,
            "{low} {high}"
        );
        let one = Took {
            prices: vec![(0, 0.5), (0, 0.25)],
            ..Took::default()
        };
        let (total, cost, why) = price(&set, &one);
        assert_eq!((total, cost), (Some(0.75), None));
        assert!(why.is_some_and(|why| why.contains("independent source")));
    }
}
