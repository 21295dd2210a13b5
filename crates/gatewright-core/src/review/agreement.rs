//! `gatewright-agreement/1`: how far people agree, as JSON (docs/format-agreement.md). Every number is already chosen.

use std::collections::BTreeSet;

use gatewright_stats::agreement::{LEAST_ALPHA, LEAST_ITEMS, Level, Ratings};
use gatewright_stats::bootstrap::Interval;
use gatewright_stats::dawid_skene::{Annotation, LEAST_WORKERS, Size, Stop, dawid_skene};
use gatewright_stats::estimate::Undefined;
use gatewright_stats::rng::Stream;
use schemars::JsonSchema;
use serde::Serialize;

use super::reviewers::{pairs, ratings};
use super::{Rated, Unit, Whose, is_of_people, rated};
use crate::label::Labels;
use crate::manifest::Manifest;
use crate::reference::ReferenceSet;

/// The name of the format.
pub const FORMAT: &str = "gatewright-agreement/1";

/// Level of each bound: together they are a 95 % interval.
const TAIL: f64 = 0.025;

/// Everything that `gatewright review agreement` says.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgreementDocument {
    /// `gatewright-agreement/1`.
    pub format: String,
    /// One entry for each criterion that people label.
    pub criteria: Vec<CriterionView>,
}

/// One criterion.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CriterionView {
    /// Its name.
    pub criterion: String,
    /// The version of the rubric that people follow, where the page names it.
    pub rubric: Option<String>,
    /// Who labelled.
    pub people: Vec<String>,
    /// `nominal`: labels are equal or not; `interval`: they are scores, and alpha goes by how far apart they are.
    pub level: String,
    /// All labels.
    pub all: ScopeView,
    /// The answers of one system each; empty where there is one.
    pub systems: Vec<ScopeView>,
    /// One label against all others; empty where there are no more than two labels.
    pub labels: Vec<ScopeView>,
    /// Each two people; empty beyond eight.
    pub pairs: Vec<PairView>,
    /// A hint where to look first, and no more: how often each person would give the right label if the model of Dawid and Skene held, by their
    /// labels alone. Empty below three people, of scores, and where it says nothing. Blind spots that people share break it.
    pub hints: Vec<HintView>,
}

/// One person, as Dawid and Skene (1979) would have it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct HintView {
    /// Who.
    pub person: String,
    /// The estimated share of right labels, in [0, 1]. Below one over the number of labels, labels may be turned round.
    pub accuracy: f64,
}

/// How far people agree on some units (answers, or parts of answers).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ScopeView {
    /// The system or the label; `null` for all.
    pub of: Option<String>,
    /// Units with a label.
    pub units: u64,
    /// Of these, units that two or more people labelled.
    pub shared: u64,
    /// Of these, units on which they differ.
    pub differ: u64,
    /// Mean share of agreeing pairs of people, in [0, 1]; `null` where nobody labelled the same.
    pub percent: Option<f64>,
    /// Krippendorff's alpha; `null` where it is not defined, as where all labels are equal.
    pub alpha: Option<EstimateView>,
    /// Gwet's AC1, which keeps its meaning where nearly everything passes; `null` of scores.
    pub ac1: Option<EstimateView>,
    /// What follows.
    pub standing: Standing,
}

/// A coefficient with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EstimateView {
    /// The coefficient, at most 1.
    pub value: f64,
    /// 95 % interval by 2,000 resamples of units; `null` below 20 shared units.
    pub interval: Option<(f64, f64)>,
}

/// What agreement says of a rubric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nobody labelled the same answer.
    NotShared,
    /// Fewer than 20 shared units: an anecdote.
    Anecdote,
    /// All labels are equal: no coefficient is defined.
    AllEqual,
    /// The lower bound of alpha is below 0.667: the rubric needs repair.
    RepairRubric,
    /// The lower bound of alpha is 0.667 or more.
    Agrees,
}

/// Two people.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PairView {
    /// One.
    pub first: String,
    /// The other.
    pub second: String,
    /// Units that both labelled.
    pub n: u64,
    /// Cohen's kappa; `null` where it is not defined.
    pub kappa: Option<f64>,
}

/// Returns the JSON Schema of the document.
pub fn schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(AgreementDocument)).unwrap_or_default()
}

/// Says how far people agree: on one criterion or on all that they label, and with `only` of these people alone.
///
/// Intervals come from the page's seed: the same labels give the same bytes.
pub fn agreement(
    manifest: &Manifest,
    reference: &ReferenceSet,
    labels: &Labels,
    criterion: Option<u16>,
    only: &BTreeSet<String>,
) -> AgreementDocument {
    let wanted = |index: &u16| criterion.is_none_or(|one| one == *index);
    let all = (0..manifest.criteria.len() as u16).filter(wanted);
    let one = |index: u16| {
        let declared = &manifest.criteria[usize::from(index)];
        let whose = Whose {
            criterion: index,
            beside: is_of_people(declared)?,
            system: None,
        };
        let mut found = rated(labels, reference, whose);
        if !only.is_empty() {
            found = found.by(only);
        }
        let rubric = declared.people_rubric().map(str::to_owned);
        Some(view(&found, declared.id.as_str(), rubric, manifest.seed))
    };
    AgreementDocument {
        format: FORMAT.to_owned(),
        criteria: all.filter_map(one).collect(),
    }
}

pub(super) fn view(
    found: &Rated,
    criterion: &str,
    rubric: Option<String>,
    seed: u64,
) -> CriterionView {
    let nominal = found.values.is_empty();
    let scope = |of: Option<&str>, units: &[Unit], categories: usize| {
        let level = found.level();
        let stream = |what: &str, replicate: u64| {
            Stream::new(seed, criterion, of.unwrap_or_default(), what, replicate)
        };
        scope(of, units, (categories, level), stream)
    };
    let names: BTreeSet<&str> = found
        .units
        .iter()
        .filter_map(|it| it.system.as_deref())
        .collect();
    let systems = names.iter().filter(|_| names.len() > 1).map(|name| {
        let of = found
            .units
            .iter()
            .filter(|it| it.system.as_deref() == Some(name));
        let units: Vec<Unit> = of.cloned().collect();
        scope(Some(name), &units, found.labels.len())
    });
    let many = nominal && found.labels.len() > 2;
    let labels = (0..)
        .zip(&found.labels)
        .filter(|_| many)
        .map(|(number, label)| {
            let is = |given: &mut Option<u32>| *given = given.map(|it| u32::from(it != number));
            let mut units = found.units.clone();
            for unit in &mut units {
                unit.given.iter_mut().for_each(is);
            }
            scope(Some(label), &units, 2)
        });
    CriterionView {
        criterion: criterion.to_owned(),
        rubric,
        people: found.people.iter().map(ToString::to_string).collect(),
        level: if nominal { "nominal" } else { "interval" }.to_owned(),
        all: scope(None, &found.units, found.labels.len()),
        systems: systems.collect(),
        labels: labels.collect(),
        pairs: pairs(found),
        hints: hints(found),
    }
}

fn hints(found: &Rated) -> Vec<HintView> {
    if !found.values.is_empty() || (found.people.len() as u32) < LEAST_WORKERS {
        return Vec::new();
    }
    let shared = found.units.iter().filter(|unit| unit.is_shared());
    let shared: Vec<&Unit> = shared.collect();
    let said = (0..).zip(&shared).flat_map(|(item, unit)| {
        let given = (0..).zip(&unit.given);
        given.filter_map(move |(worker, label)| {
            label.map(|label| Annotation {
                item,
                worker,
                label,
            })
        })
    });
    let said: Vec<Annotation> = said.collect();
    let size = Size {
        items: shared.len() as u32,
        workers: found.people.len() as u32,
        labels: found.labels.len() as u32,
    };
    let Ok(estimated) = dawid_skene(&said, size, Stop::default()) else {
        return Vec::new();
    };
    let people = found.people.iter().enumerate();
    let labelled = people.filter(|(worker, _)| said.iter().any(|it| it.worker as usize == *worker));
    let hint = |(worker, name): (usize, &std::sync::Arc<str>)| {
        Some(HintView {
            person: name.to_string(),
            accuracy: estimated.accuracy(worker)?,
        })
    };
    labelled.filter_map(hint).collect()
}

fn scope(
    of: Option<&str>,
    units: &[Unit],
    (categories, level): (usize, Level<'_>),
    stream: impl Fn(&str, u64) -> Stream,
) -> ScopeView {
    let shared: Vec<&Unit> = units.iter().filter(|unit| unit.is_shared()).collect();
    let counted = ratings(shared.iter().copied(), categories).ok();
    let counted = counted.as_ref();
    let estimate = |value: Result<f64, Undefined>, interval: Result<Interval, Undefined>| {
        value.ok().map(|value| EstimateView {
            value,
            interval: interval.ok().map(|found| (found.lower, found.upper)),
        })
    };
    let alpha = counted.and_then(|counted| {
        let interval = counted.alpha_interval(level, TAIL, |it| stream("alpha", it));
        estimate(counted.alpha(level), interval)
    });
    let nominal = counted.filter(|_| matches!(level, Level::Nominal));
    let ac1 = nominal.and_then(|counted| {
        let interval = counted.ac1_interval(TAIL, |it| stream("ac1", it));
        estimate(counted.ac1().map(|found| found.ac1), interval)
    });
    let standing = match (&alpha, shared.len() as u64) {
        (_, 0) => Standing::NotShared,
        (_, few) if few < LEAST_ITEMS => Standing::Anecdote,
        (None, _) => Standing::AllEqual,
        (Some(found), _) => match found.interval {
            Some((lower, _)) if lower >= LEAST_ALPHA => Standing::Agrees,
            _ => Standing::RepairRubric,
        },
    };
    ScopeView {
        of: of.map(ToOwned::to_owned),
        units: units.len() as u64,
        shared: shared.len() as u64,
        differ: shared.iter().filter(|unit| unit.is_disputed()).count() as u64,
        percent: counted.and_then(|counted: &Ratings| counted.percent_agreement().ok()),
        alpha,
        ac1,
        standing,
    }
}
