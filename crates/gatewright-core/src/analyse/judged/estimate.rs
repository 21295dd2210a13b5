//! The estimate of a judged rule: people's labels, the judge's verdicts, or both (statistics.md §8).

use gatewright_stats::choose::{Rows, paired_difference, pass_rate};
use gatewright_stats::estimate::{Bounds, Method, Undefined};
use gatewright_stats::judge::{Rate, accuracy, corrected_difference, lang_reiczigel_of};
use gatewright_stats::ppi::{Labelled, Tuning, ppi_clustered};

use crate::analyse::Undecided;
use crate::analyse::weight::Mass;
use crate::calibrate::{Evidence, Unit, share_rate};
use crate::manifest::Role;

/// Fewest labelled pairs for labels alone to carry a difference; below, the judge's difference is corrected.
const LEAST_PAIRS: usize = 30;

/// Fewest labelled pairs on which people see a difference, for a difference by labels and judge together.
const LEAST_DIFFERING: usize = 10;

/// What is known of one example.
#[derive(Clone, Debug)]
pub(super) struct Example {
    pub(super) example: u32,
    cluster: u32,
    /// The judge's mean per system of the rule; none where a verdict is missing.
    judged: Vec<Option<f64>>,
    /// People's mean per system; none unless every unit is labelled.
    said: Vec<Option<f64>>,
    /// Passes and fails of people among its units.
    counts: (u64, u64),
    /// Weight to traffic.
    pub(super) weight: f64,
    /// The same before weights were cut.
    pub(super) uncut: f64,
    /// Probability with which it was drawn to be labelled.
    inclusion: f64,
    /// Judged units.
    pub(super) units: usize,
}

impl Example {
    pub(super) fn of(
        (example, cluster): (u32, u32),
        units: &[&Unit],
        roles: &[Role],
        weight: f64,
    ) -> Self {
        let mean = |role: &Role, read: fn(&Unit) -> Option<bool>| {
            let of: Vec<Option<bool>> = units
                .iter()
                .filter(|unit| unit.role == *role)
                .map(|unit| read(unit))
                .collect();
            let all: Option<Vec<bool>> = of.into_iter().collect();
            let all = all.filter(|all| !all.is_empty())?;
            Some(all.iter().filter(|passed| **passed).count() as f64 / all.len() as f64)
        };
        let own = units.iter().filter(|unit| roles.contains(&unit.role));
        let said: Vec<bool> = own.clone().filter_map(|unit| unit.said()).collect();
        let passes = said.iter().filter(|passed| **passed).count() as u64;
        let drawn = own
            .clone()
            .filter_map(|unit| Some(unit.beside.people.as_ref()?.inclusion));
        Self {
            example,
            cluster,
            judged: roles.iter().map(|role| mean(role, Unit::judged)).collect(),
            said: roles.iter().map(|role| mean(role, Unit::said)).collect(),
            counts: (passes, said.len() as u64 - passes),
            weight,
            uncut: weight,
            inclusion: drawn.fold(1.0, f64::min),
            units: own.count(),
        }
    }

    pub(super) fn is_judged(&self) -> bool {
        self.judged.iter().all(Option::is_some)
    }

    pub(super) fn is_labelled(&self) -> bool {
        self.is_judged() && self.said.iter().all(Option::is_some)
    }

    /// The judge's value: a share, or the first system's less the second's.
    pub(super) fn judged_value(&self, compares: bool) -> Option<f64> {
        value(&self.judged, compares)
    }

    /// People's value.
    pub(super) fn said_value(&self, compares: bool) -> Option<f64> {
        value(&self.said, compares)
    }

    pub(super) fn judged_difference(&self) -> Option<f64> {
        self.judged_value(true)
    }

    pub(super) fn said_difference(&self) -> Option<f64> {
        self.said_value(true)
    }
}

fn value(sides: &[Option<f64>], compares: bool) -> Option<f64> {
    match (sides, compares) {
        ([one, ..], false) => *one,
        ([one, other, ..], true) => Some((*one)? - (*other)?),
        _ => None,
    }
}

/// Rows in columns.
#[derive(Default)]
struct Column {
    value: Vec<f64>,
    cluster: Vec<u32>,
    weight: Vec<f64>,
}

impl Column {
    fn push(&mut self, value: f64, cluster: u32, weight: f64) {
        self.value.push(value);
        self.cluster.push(cluster);
        self.weight.push(weight);
    }

    /// Weights that are all alike are none: the exact methods are for those.
    fn weights(&self) -> Option<&[f64]> {
        let first = self.weight.first()?;
        let alike = |weight: &f64| (weight - first).abs() <= 1e-12 * first.abs();
        (!self.weight.iter().all(alike)).then_some(self.weight.as_slice())
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            value: &self.value,
            cluster: &self.cluster,
            weight: self.weights(),
        }
    }
}

/// Estimates a rule in a slice.
pub(super) struct Estimator<'a> {
    pub(super) examples: &'a [Example],
    pub(super) evidence: &'a Evidence,
    /// A difference of two systems, instead of one system's share.
    pub(super) compares: bool,
    /// The judge adds nothing: labels alone.
    pub(super) idle: bool,
}

/// How it is estimated.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    LabelsOnly,
    Ppi,
    Corrected,
}

impl Estimator<'_> {
    /// Returns bounds at one-sided level alpha each.
    pub(super) fn bounds(&self, alpha: f64) -> Result<Bounds, Undefined> {
        match self.way() {
            Way::LabelsOnly => self.labels_only(alpha),
            Way::Ppi => match self.ppi(alpha) {
                // Nothing varies: an interval of no width would claim too much, and the labels alone have one.
                Err(Undefined::NoVariation) => self.labels_only(alpha),
                other => other,
            },
            Way::Corrected if self.compares => self.corrected_difference(alpha),
            Way::Corrected => self.corrected_share(alpha),
        }
    }

    /// Where labels decide how: all answers labelled, or enough of them for prediction-powered estimates; else the error rates.
    fn way(&self) -> Way {
        let judged = || self.examples.iter().filter(|one| one.is_judged());
        let labelled: Vec<&Example> = judged().filter(|one| one.is_labelled()).collect();
        if self.idle || labelled.len() == judged().count() {
            return Way::LabelsOnly;
        }
        let passes: u64 = labelled.iter().map(|one| one.counts.0).sum();
        let fails: u64 = labelled.iter().map(|one| one.counts.1).sum();
        let differing = labelled.iter().filter(|one| {
            let said = one.said_difference();
            said.is_some_and(|said| said.abs() > 1e-12)
        });
        // A normal bound of a difference that few pairs carry misses twice as often as it says (statistics.md §2.3); labels
        // alone have Tango's.
        let carried = !self.compares || differing.count() >= LEAST_DIFFERING;
        if self.evidence.by_hand {
            Way::Corrected
        } else if labelled.len() >= LEAST_PAIRS && passes >= 15 && fails >= 15 && carried {
            Way::Ppi
        } else if self.compares && labelled.len() >= LEAST_PAIRS {
            Way::LabelsOnly
        } else {
            Way::Corrected
        }
    }

    fn labels_only(&self, alpha: f64) -> Result<Bounds, Undefined> {
        let mut column = Column::default();
        let labelled = self.examples.iter().filter(|one| one.is_labelled());
        for one in labelled {
            if let Some(value) = one.said_value(self.compares) {
                column.push(value, one.cluster, one.weight / one.inclusion);
            }
        }
        self.plain(&column, alpha)
    }

    fn plain(&self, column: &Column, alpha: f64) -> Result<Bounds, Undefined> {
        if self.compares {
            paired_difference(&column.rows(), alpha)
        } else {
            pass_rate(&column.rows(), alpha)
        }
    }

    fn ppi(&self, alpha: f64) -> Result<Bounds, Undefined> {
        let (mut people, mut graded) = (Column::default(), Column::default());
        let mut f = Vec::new();
        // The judge's mean is over all rows, not over the rest: the two forms are one estimator with another λ, and this one
        // stays sound where the rest is small, or no random part (labels drawn by design, flips that nobody labelled yet).
        for one in self.examples {
            let Some(judged) = one.judged_value(self.compares) else {
                continue;
            };
            graded.push(judged, one.cluster, one.weight);
            if let Some(said) = one.said_value(self.compares).filter(|_| one.is_labelled()) {
                people.push(said, one.cluster, one.weight / one.inclusion);
                f.push(judged);
            }
        }
        let labelled = Labelled {
            y: &people.value,
            f: &f,
            cluster: &people.cluster,
            weight: people.weights(),
        };
        let found = ppi_clustered(&labelled, &graded.rows(), Tuning::Power)?.bounds(alpha)?;
        let (least, most) = if self.compares {
            (-1.0, 1.0)
        } else {
            (0.0, 1.0)
        };
        Ok(Bounds {
            point: found.point.clamp(least, most),
            lower: found.lower.clamp(least, most),
            upper: found.upper.clamp(least, most),
            ..found
        })
    }

    fn judged(&self) -> Column {
        let mut column = Column::default();
        for one in self.examples {
            if let Some(value) = one.judged_value(self.compares) {
                column.push(value, one.cluster, one.weight);
            }
        }
        column
    }

    fn corrected_share(&self, alpha: f64) -> Result<Bounds, Undefined> {
        let seen = pass_rate(&self.judged().rows(), alpha)?;
        let rates = &self.evidence.accuracy;
        let (se, sp) = (share_rate(rates.se), share_rate(rates.sp));
        let (lower, upper) = lang_reiczigel_of(Rate::from(&seen), se, sp, alpha)?;
        let youden = rates.youden().ok_or(Undefined::Empty)?;
        if youden <= 0.0 {
            return Err(Undefined::Uninformative);
        }
        let point = (seen.point + rates.sp.point.unwrap_or(0.0) - 1.0) / youden;
        Ok(Bounds {
            // The adjusted interval need not hold the plain estimate at the edge.
            point: point.clamp(lower, upper),
            lower,
            upper,
            method: Method::LangReiczigel,
            ..seen
        })
    }

    fn corrected_difference(&self, alpha: f64) -> Result<Bounds, Undefined> {
        let seen = paired_difference(&self.judged().rows(), alpha / 2.0)?;
        let counted = accuracy(&self.evidence.table, alpha / 4.0);
        let (lower, upper) = corrected_difference((seen.lower, seen.upper), &counted)?;
        let youden = self.evidence.accuracy.youden().ok_or(Undefined::Empty)?;
        if youden <= 0.0 {
            return Err(Undefined::Uninformative);
        }
        Ok(Bounds {
            point: (seen.point / youden).clamp(lower, upper),
            lower,
            upper,
            alpha,
            method: Method::CorrectedDifference,
            ..seen
        })
    }

    /// What the examples weigh.
    pub(super) fn mass(&self) -> Mass {
        let mut mass = Mass::default();
        for one in self.examples {
            mass.add(1, one.weight, one.uncut);
        }
        mass
    }

    /// What would show it if everything stays as seen: more labels, or with everything labelled more examples. Widths shrink
    /// with the root of the number of labels.
    pub(super) fn more_labels(&self, found: &Bounds, limit: f64, smaller: bool) -> Undecided {
        let labelled = self.examples.iter().filter(|one| one.is_labelled()).count();
        let (half, room) = if smaller {
            (found.upper - found.point, limit - found.point)
        } else {
            (found.point - found.lower, found.point - limit)
        };
        if room <= 0.0 || half <= 0.0 {
            return Undecided::TooFew { more: None };
        }
        let times = (half / room) * (half / room);
        let wanted = (labelled.max(1) as f64 * times).min(1e9) as u64 + 1;
        if labelled < self.examples.len() && wanted <= self.examples.len() as u64 {
            return Undecided::FewLabels {
                more: wanted.saturating_sub(labelled as u64).max(1),
            };
        }
        let wanted = (self.examples.len() as f64 * times).min(1e9) as u64 + 1;
        Undecided::TooFew {
            more: Some(wanted.saturating_sub(self.examples.len() as u64).max(1)),
        }
    }
}

#[cfg(test)]
mod tests;
