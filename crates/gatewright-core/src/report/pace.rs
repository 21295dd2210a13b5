//! What answers took in time and money, beside what they are worth.

use std::collections::BTreeMap;

use gatewright_stats::quantile;

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
    priced: u64,
    cost: f64,
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
            self.priced += 1;
            self.cost += cost;
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
    let stated = |took: &Took| !took.times.is_empty() || took.priced > 0;
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
    let systems: Vec<PaceRow> = took
        .iter()
        .map(|(role, took)| PaceRow {
            system: *role,
            name: manifest
                .systems
                .get(role)
                .map_or_else(|| role.word().to_owned(), |system| system.name.clone()),
            quality: criteria
                .iter()
                .map(|&criterion| shown(&whole(criterion)?.systems.get(role)?.rate).0)
                .collect(),
            answers: took.answers,
            timed: took.times.len() as u64,
            p50: time(reference, took, 0.5),
            p95: time(reference, took, 0.95),
            priced: took.priced,
            cost_mean: (took.priced > 0).then(|| took.cost / took.priced as f64),
            cost_total: (took.priced > 0).then_some(took.cost),
        })
        .collect();
    let criteria: Vec<String> = criteria
        .iter()
        .map(|&criterion| manifest.criteria[usize::from(criterion)].id.to_string())
        .collect();
    let slowest = systems
        .iter()
        .filter_map(|row| row.p95.as_ref())
        .map(|shown| shown.point)
        .reduce(f64::max);
    Some(PaceView {
        caption: caption(&criteria, &systems),
        criteria,
        systems,
        slowest,
    })
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
            "{name} {}",
            words::amount(Unit::Share, share.point)
        ))
    };
    let said = |row: &PaceRow| {
        let parts = [
            quality(row),
            row.p95
                .as_ref()
                .map(|p95| format!("p95 {}", words::amount(Unit::Milliseconds, p95.point))),
            row.cost_mean
                .map(|cost| format!("{} an answer", words::amount(Unit::Usd, cost))),
        ];
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
                ""
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
        assert_eq!((took.priced, took.cost), (40, 20.0));
    }
}
