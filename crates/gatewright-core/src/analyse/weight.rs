//! Weights to traffic (statistics.md §7): inclusion probabilities, else the page's traffic shares.

use std::collections::BTreeMap;

use gatewright_stats::weights::{self, RakeError};

use crate::analyse::slice::{Members, is_on_traffic};
use crate::analyse::{Standing, Undecided};
use crate::manifest::{Kind, Manifest, Rule};
use crate::reference::{Entry, ReferenceSet};

/// Weights of a slice's examples, and the traffic that no example covers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Weights {
    /// One weight per example of the slice; `None` when all are alike.
    pub(crate) each: Option<Vec<f64>>,
    /// The weights as they were before some of them were cut; `None` when none was.
    pub(crate) uncut: Option<Vec<f64>>,
    /// Share of the slice's traffic without any example.
    pub(crate) uncovered: f64,
    /// The dimensions whose shares are reached together, where they are several.
    pub(crate) raked: Vec<String>,
    /// What weighs nothing because not all examples state it: dimensions of which one has none of the values with a share, or `inclusion`.
    pub(crate) unweighed: Vec<String>,
    /// Why the stated shares are not reached together.
    pub(crate) unraked: Option<Unraked>,
}

/// Why examples cannot be weighed to the shares of several dimensions together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unraked {
    /// A dimension's value whose share no weights of these examples reach.
    Unreachable { dimension: String, value: String },
    /// The dimensions have more combinations of values than are looked at.
    Combinations { dimensions: Vec<String> },
}

impl From<Unraked> for Undecided {
    fn from(unraked: Unraked) -> Self {
        match unraked {
            Unraked::Unreachable { dimension, value } => {
                Undecided::Unreachable { dimension, value }
            }
            Unraked::Combinations { dimensions } => Undecided::Combinations { dimensions },
        }
    }
}

impl Weights {
    /// How a demand stands whose bound holds: examples that are weighed by half of what they state show nothing about traffic, and taking the
    /// statement of one example away would else take all weights away.
    pub(crate) fn holding(&self) -> Standing {
        match self.unweighed.as_slice() {
            [] => Standing::Holds,
            by => Standing::Undecided(Undecided::HalfWeighed { by: by.to_vec() }),
        }
    }

    /// An example's weight before the cut, by its place in the slice.
    pub(crate) fn uncut(&self, place: usize) -> Option<f64> {
        let weights = self.uncut.as_ref().or(self.each.as_ref());
        weights.map(|each| each[place])
    }
}

/// What the rows of a rule weigh, before and after the cut.
///
/// Weight that was cut is traffic that the rows speak for no more: it counts like traffic without examples. How much one
/// example carries is a matter of the weight that it had.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mass {
    kept: f64,
    uncut: f64,
    largest: f64,
}

impl Mass {
    /// Adds rows of one example: how many, the weight of each, and what that was before the cut.
    pub(crate) fn add(&mut self, rows: usize, weight: f64, uncut: f64) {
        if rows > 0 {
            self.kept += rows as f64 * weight;
            self.uncut += rows as f64 * uncut;
            self.largest = self.largest.max(uncut);
        }
    }

    /// The largest share of one row, in [0, 1]; 0 without weights.
    pub(crate) fn largest(&self) -> f64 {
        if self.uncut > 0.0 {
            self.largest / self.uncut
        } else {
            0.0
        }
    }

    /// Share of the weight that was cut, in [0, 1].
    pub(crate) fn trimmed(&self) -> f64 {
        if self.uncut > 0.0 {
            (1.0 - self.kept / self.uncut).max(0.0)
        } else {
            0.0
        }
    }

    /// Share of traffic that the rows do not speak for: what no example covers, and of the rest what was cut.
    pub(crate) fn unspoken(&self, uncovered: f64) -> f64 {
        uncovered + (1.0 - uncovered) * self.trimmed()
    }
}

/// Most combinations of values that are raked.
const CELLS_MAX: usize = 1 << 20;

/// The traffic examples of a slice, weighed as a demand on that slice weighs them: so that both say the same of a week.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    examples: Vec<u32>,
    each: Option<Vec<f64>>,
}

impl Traffic {
    pub(crate) fn of(manifest: &Manifest, reference: &ReferenceSet, members: &Members) -> Self {
        let is_traffic =
            |example: &&u32| reference.examples[**example as usize].kind == Kind::Traffic;
        let members = Members {
            slice: members.slice.clone(),
            examples: members
                .examples
                .iter()
                .filter(is_traffic)
                .copied()
                .collect(),
        };
        let each = weights(manifest, reference, &members).each;
        Self {
            examples: members.examples,
            each,
        }
    }

    /// Starts a mean over them.
    pub(crate) fn mean(&self) -> TrafficMean<'_> {
        TrafficMean {
            of: self,
            n: 0,
            sum: 0.0,
            weight: 0.0,
        }
    }
}

/// The mean of something over the traffic examples of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrafficMean<'a> {
    of: &'a Traffic,
    n: u64,
    sum: f64,
    weight: f64,
}

impl TrafficMean<'_> {
    /// Adds an example's value; examples of other kinds are left out.
    pub(crate) fn add(&mut self, example: u32, value: f64) {
        let Ok(place) = self.of.examples.binary_search(&example) else {
            return;
        };
        let weight = self.of.each.as_ref().map_or(1.0, |each| each[place]);
        self.n += 1;
        self.sum += weight * value;
        self.weight += weight;
    }

    /// The mean, with the number of examples; `None` without any.
    pub(crate) fn found(&self) -> Option<(f64, u64)> {
        (self.weight > 0.0).then(|| (self.sum / self.weight, self.n))
    }
}

/// An example's inclusion probability, where its design states one.
fn inclusion(example: &Entry) -> Option<f64> {
    example.inclusion.filter(|probability| *probability > 0.0)
}

/// Finds the weights of a slice.
///
/// Known inclusion probabilities win (1/π). Otherwise the shares that the page states: those of one dimension post-stratify (each value's
/// examples share its traffic evenly), those of several are raked to, all at once. In a segment the other dimensions' shares are taken to be
/// those of all traffic.
fn weights(manifest: &Manifest, reference: &ReferenceSet, members: &Members) -> Weights {
    if members.examples.is_empty() {
        return Weights::default();
    }
    if let Some(each) = by_inclusion(reference, &members.examples) {
        return Weights {
            each: unless_alike(each),
            uncovered: uncovered(manifest, reference, members),
            ..Weights::default()
        };
    }
    let margins = margins(manifest, reference, members);
    // Traffic without examples in one dimension may be other traffic than in another.
    let lost: f64 = margins.iter().map(|margin| margin.uncovered).sum();
    // One value alone tells nothing apart, and a dimension cannot weigh an example that has none of its stated values.
    let several = margins.into_iter().filter(|it| it.shares.len() > 1);
    let (margins, without): (Vec<_>, Vec<_>) = several.partition(|it| !it.level.is_empty());
    let states = |example: &u32| inclusion(&reference.examples[*example as usize]).is_some();
    let inclusion = members
        .examples
        .iter()
        .any(states)
        .then(|| "inclusion".to_owned());
    let unweighed = without.iter().map(|margin| margin.name.to_owned());
    let unweighed = inclusion.into_iter().chain(unweighed);
    let found = match margins.as_slice() {
        [] => Weights::default(),
        [one] => Weights {
            each: unless_alike(one.each()),
            ..Weights::default()
        },
        several => raked(several),
    };
    Weights {
        uncovered: lost.min(1.0),
        unweighed: unweighed.collect(),
        ..found
    }
}

/// Finds the weights of a rule in a slice. Chosen examples stand for no traffic: a rule on those speaks of this mix, where every example counts alike.
pub(crate) fn weights_for(
    manifest: &Manifest,
    reference: &ReferenceSet,
    rule: &Rule,
    members: &Members,
) -> Weights {
    let found = weights(manifest, reference, members);
    if is_on_traffic(rule) {
        return found;
    }
    Weights {
        uncovered: found.uncovered,
        ..Weights::default()
    }
}

/// One dimension's shares in a slice.
struct Margin<'m> {
    name: &'m str,
    /// The values that occur, with their shares; these add up to 1.
    shares: Vec<(&'m str, f64)>,
    /// For each example of the slice its value, as an index into the shares; empty when one of them has no stated share.
    level: Vec<usize>,
    /// Share of the slice's traffic in values that do not occur.
    uncovered: f64,
}

/// The stated shares that tell the slice's examples apart, in the order of the page's dimensions' names.
fn margins<'m>(
    manifest: &'m Manifest,
    reference: &ReferenceSet,
    members: &Members,
) -> Vec<Margin<'m>> {
    let stated = manifest.traffic.iter().flat_map(|traffic| &traffic.share);
    let margin = |(name, shares): (&'m String, &'m BTreeMap<String, f64>)| {
        let (dimension, _) = manifest.dimension(name)?;
        let mut pins = members.slice.iter().filter(|(dim, _)| dim == name);
        let pinned = pins.next().map(|(_, accepted)| accepted.as_str());
        let in_slice = |value: &str| {
            pinned.is_none_or(|accepted| accepted.split(" or ").any(|one| one == value))
        };
        let asked = shares.iter().filter(|(value, _)| in_slice(value));
        let total: f64 = asked.clone().map(|(_, share)| share).sum();
        if total <= 0.0 {
            return None;
        }
        let value = |example: &u32| reference.value(dimension, *example);
        let occurs = |wanted: &str| members.examples.iter().any(|it| value(it) == Some(wanted));
        let there: Vec<(&str, f64)> = asked
            .filter(|(value, _)| occurs(value))
            .map(|(value, share)| (value.as_str(), *share))
            .collect();
        let covered: f64 = there.iter().map(|(_, share)| share).sum();
        let level = |example: &u32| {
            let own = value(example)?;
            there.iter().position(|(value, _)| *value == own)
        };
        let level: Option<Vec<usize>> = members.examples.iter().map(level).collect();
        let whole = |(value, share)| (value, if covered > 0.0 { share / covered } else { 0.0 });
        Some(Margin {
            name,
            level: level.filter(|_| covered > 0.0).unwrap_or_default(),
            shares: there.into_iter().map(whole).collect(),
            uncovered: ((total - covered) / total).max(0.0),
        })
    };
    stated.filter_map(margin).collect()
}

impl Margin<'_> {
    /// Post-stratification: each value's examples share its traffic evenly.
    fn each(&self) -> Vec<f64> {
        let mut counts = vec![0_usize; self.shares.len()];
        for &level in &self.level {
            counts[level] += 1;
        }
        let weight = |level: &usize| self.shares[*level].1 / counts[*level] as f64;
        self.level.iter().map(weight).collect()
    }
}

/// Rakes to several margins (statistics.md §7), and cuts weights at five times their median.
fn raked(margins: &[Margin<'_>]) -> Weights {
    let names = || margins.iter().map(|it| it.name.to_owned()).collect();
    let none = |unraked: Unraked| Weights {
        unraked: Some(unraked),
        ..Weights::default()
    };
    let lengths = margins.iter().map(|margin| margin.shares.len());
    let cells = lengths.fold(1_usize, |cells, levels| cells.saturating_mul(levels));
    let too_many = || {
        none(Unraked::Combinations {
            dimensions: names(),
        })
    };
    if cells > CELLS_MAX {
        return too_many();
    }
    let cell = |place: usize| {
        let step = |at, margin: &Margin<'_>| at * margin.shares.len() + margin.level[place];
        margins.iter().fold(0, step)
    };
    let at: Vec<usize> = (0..margins[0].level.len()).map(cell).collect();
    let mut counts = vec![0.0; cells];
    for &cell in &at {
        counts[cell] += 1.0;
    }
    let shares = |margin: &Margin<'_>| margin.shares.iter().map(|it| it.1).collect();
    let shares: Vec<Vec<f64>> = margins.iter().map(shares).collect();
    let table = match weights::rake(&counts, &shares) {
        Ok(table) => table,
        Err(RakeError::NoConvergence { margin, level }) => {
            return none(Unraked::Unreachable {
                dimension: margins[margin].name.to_owned(),
                value: margins[margin].shares[level].0.to_owned(),
            });
        }
        // Shares of a margin add up to 1 here, and the table has one cell for each combination.
        Err(RakeError::OutOfRange { .. } | RakeError::Shape) => return too_many(),
    };
    let uncut: Vec<f64> = at.iter().map(|cell| table.cell_weight[*cell]).collect();
    let (each, trimmed) = weights::trim(&uncut).unwrap_or((uncut.clone(), 0.0));
    Weights {
        each: unless_alike(each),
        uncut: (trimmed > 0.0).then_some(uncut),
        raked: names(),
        ..Weights::default()
    }
}

/// Share of traffic that lies in stated values without any example, where the slice is all traffic or is told apart by
/// that dimension alone. A draw that reached a value has examples of it; one without them says nothing about it.
fn uncovered(manifest: &Manifest, reference: &ReferenceSet, members: &Members) -> f64 {
    let stated = manifest.traffic.iter().flat_map(|traffic| &traffic.share);
    stated
        .filter(|(name, _)| members.slice.iter().all(|(dim, _)| dim == *name))
        .filter_map(|(name, shares)| {
            let (dimension, _) = manifest.dimension(name)?;
            let asked = members.slice.first().map(|(_, accepted)| accepted.as_str());
            let seen = |value: &str| {
                members
                    .examples
                    .iter()
                    .any(|&example| reference.value(dimension, example) == Some(value))
            };
            let (mut total, mut without) = (0.0, 0.0);
            for (value, share) in shares {
                if asked.is_none_or(|accepted| accepted.split(" or ").any(|one| one == value)) {
                    total += share;
                    without += if seen(value) { 0.0 } else { *share };
                }
            }
            (total > 0.0).then(|| without / total)
        })
        .fold(0.0, f64::max)
}

fn by_inclusion(reference: &ReferenceSet, examples: &[u32]) -> Option<Vec<f64>> {
    examples
        .iter()
        .map(|&example| {
            inclusion(&reference.examples[example as usize]).map(|probability| 1.0 / probability)
        })
        .collect()
}

fn unless_alike(each: Vec<f64>) -> Option<Vec<f64>> {
    let first = each[0];
    (!each
        .iter()
        .all(|weight| (weight - first).abs() <= 1e-12 * first.abs()))
    .then_some(each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::read::read;
    use crate::reference::load;

    const PAGE: &str = "gatewright: 1
promise: Answer.
tasks: {refund: A, invoice: B}
failures: {unsupported-claim: {severity: medium}}
owners: {team: Team}
segments: {risk: [high, low]}
traffic: {per_week: 1000, share: {task: {refund: 0.3, invoice: 0.7}, risk: {high: 0.2, low: 0.8}}}
systems: {candidate: {labels_only: true}, production: {labels_only: true}}
reference: r.jsonl
gate: [{guard: contains, against: production, margin: 10 pts, then: {violated: hold}, owner: team}]
";

    /// Weights of a slice of examples with these values of task and risk.
    fn of(page: &str, cells: &[(&str, &str, usize)], slice: &[(&str, &str)]) -> Weights {
        let (page, problems) = read(page.as_bytes(), "p.yaml");
        let page = page.unwrap_or_else(|| panic!("{problems:#?}"));
        let mut rows = String::new();
        for (task, risk, count) in cells {
            for index in 0..*count {
                let of_risk = match *risk {
                    "" => String::new(),
                    risk => format!(",\"risk\":\"{risk}\""),
                };
                rows += &format!(
                    "{{\"id\":\"{task}-{risk}-{index:02}\",\"input\":\"about {task} of {risk} number {index}\",\"segments\":{{\"task\":\"{task}\"{of_risk}}},\"provenance\":\"traffic\"}}\n"
                );
            }
        }
        let mut problems = Vec::new();
        let file = (
            page.reference[0].clone(),
            "r.jsonl".to_owned(),
            rows.into_bytes(),
        );
        let set = load::in_memory(&page, [file], &mut problems);
        assert!(problems.is_empty(), "{problems:#?}");
        let fits = |example: &u32| {
            slice.iter().all(|(name, wanted)| {
                let (dimension, _) = page.dimension(name).expect("a dimension");
                set.value(dimension, *example) == Some(*wanted)
            })
        };
        let members = Members {
            slice: slice
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            examples: (0..set.examples.len() as u32).filter(fits).collect(),
        };
        weights(&page, &set, &members)
    }

    const CELLS: [(&str, &str, usize); 4] = [
        ("invoice", "high", 3),
        ("invoice", "low", 5),
        ("refund", "high", 4),
        ("refund", "low", 8),
    ];

    const RAKED: [f64; 4] = [
        0.048661673812669844,
        0.11080299571239811,
        0.013503744640497624,
        0.030748127679751193,
    ];

    /// Against a table that was raked by another program (Python, in double precision).
    #[test]
    fn several_margins_are_all_reached() {
        let found = of(PAGE, &CELLS, &[]);
        assert_eq!(found.raked, ["risk", "task"]);
        assert_eq!((found.uncovered, &found.unraked), (0.0, &None));
        assert_eq!(found.uncut, None);
        let each = found.each.expect("weights");
        // In the order of ids: invoice-high, invoice-low, refund-high, refund-low.
        let of_cell = [each[0], each[3], each[8], each[12]];
        for (found, wanted) in of_cell.into_iter().zip(RAKED) {
            assert!((found - wanted).abs() < 1e-10, "{of_cell:?}");
        }
        let total: f64 = each.iter().sum();
        let task: f64 = each[8..].iter().sum();
        let risk: f64 = each[..3].iter().chain(&each[8..12]).sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
        assert!(
            (task - 0.3).abs() < 1e-9 && (risk - 0.2).abs() < 1e-9,
            "{task} {risk}"
        );
    }

    #[test]
    fn what_cannot_be_reached_is_named_and_what_is_not_there_is_uncovered() {
        // All refunds are high and all invoices low: a fifth high and three tenths refunds cannot both be.
        let found = of(PAGE, &[("refund", "high", 5), ("invoice", "low", 5)], &[]);
        assert_eq!(found.each, None);
        let Some(Unraked::Unreachable { dimension, value }) = found.unraked else {
            panic!("{found:?}");
        };
        assert!(
            ["task", "risk"].contains(&dimension.as_str()),
            "{dimension} {value}"
        );
        // No high one at all: the rest is weighted by task, and a fifth of traffic has no example.
        let found = of(PAGE, &[("refund", "low", 5), ("invoice", "low", 5)], &[]);
        assert!((found.uncovered - 0.2).abs() < 1e-12);
        let each = found.each.expect("weights");
        assert!(
            (each[0] - 0.14).abs() < 1e-12 && (each[5] - 0.06).abs() < 1e-12,
            "{each:?}"
        );
        // In a segment the other dimension's shares are left.
        let found = of(PAGE, &CELLS, &[("task", "refund")]);
        let each = found.each.expect("weights");
        assert!(
            (each[0] / each[4] - (0.2 / 4.0) / (0.8 / 8.0)).abs() < 1e-9,
            "{each:?}"
        );
        assert_eq!(found.raked, Vec::<String>::new());
        // An example whose value has no share stands for no traffic: its dimension weighs nothing, the other one does.
        let other = PAGE.replace("risk: {high: 0.2, low: 0.8}", "risk: {high: 0.2}");
        let found = of(&other, &CELLS, &[]);
        let each = found.each.expect("weights");
        assert!((each[0] - 0.7 / 8.0).abs() < 1e-12 && (each[8] - 0.3 / 12.0).abs() < 1e-12);
        assert_eq!((found.uncovered, found.raked), (0.0, Vec::new()));
        assert_eq!(
            found.unweighed,
            Vec::<String>::new(),
            "one value tells nothing apart"
        );
    }

    /// One example without a value of one dimension takes away neither the other's weights nor what no example covers.
    #[test]
    fn an_example_without_a_value_drops_its_dimension_only() {
        let cells = [("refund", "high", 5), ("refund", "low", 5)];
        assert!((of(PAGE, &cells, &[]).uncovered - 0.7).abs() < 1e-12);
        let cells = [
            ("refund", "high", 5),
            ("refund", "low", 5),
            ("refund", "", 1),
        ];
        let found = of(PAGE, &cells, &[]);
        assert!((found.uncovered - 0.7).abs() < 1e-12, "{found:?}");
        assert_eq!(found.each, None);
        let cells = [
            ("refund", "high", 5),
            ("invoice", "low", 4),
            ("refund", "", 1),
        ];
        let found = of(PAGE, &cells, &[]);
        let each = found.each.expect("weights by task");
        assert!((each[0] - 0.7 / 4.0).abs() < 1e-12 && (each[9] - 0.3 / 6.0).abs() < 1e-12);
        assert_eq!(found.unweighed, ["risk"]);
        // No example has any value of it: all of its traffic is without examples.
        let cells = [("refund", "", 5), ("invoice", "", 5)];
        assert!((of(PAGE, &cells, &[]).uncovered - 1.0).abs() < 1e-12);
    }

    #[test]
    fn too_many_combinations_are_a_reason_of_their_own() {
        let levels: Vec<String> = (0..200).map(|at| format!("v{at}")).collect();
        let margin = |name| Margin {
            name,
            shares: levels.iter().map(|it| (it.as_str(), 0.005)).collect(),
            level: (0..200).collect(),
            uncovered: 0.0,
        };
        let found = raked(&[margin("a"), margin("b"), margin("c")]);
        let dimensions = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(found.unraked, Some(Unraked::Combinations { dimensions }));
        assert_eq!(found.each, None);
    }

    #[test]
    fn one_dimension_post_stratifies_as_ever() {
        let one = PAGE.replace(", risk: {high: 0.2, low: 0.8}", "");
        let found = of(&one, &CELLS, &[]);
        assert!(found.raked.is_empty());
        let each = found.each.expect("weights");
        assert!((each[0] - 0.7 / 8.0).abs() < 1e-12 && (each[8] - 0.3 / 12.0).abs() < 1e-12);
    }

    /// A very rare combination would carry most: it is cut at five times the median. What was cut counts as traffic that
    /// nothing speaks for, and what one example carries is what it carried before.
    #[test]
    fn heavy_weights_are_cut() {
        let cells = [
            ("invoice", "high", 1),
            ("invoice", "low", 1),
            ("refund", "high", 20),
            ("refund", "low", 20),
        ];
        let found = of(PAGE, &cells, &[]);
        let each = found.each.clone().expect("weights");
        let mut sorted = each.clone();
        sorted.sort_by(f64::total_cmp);
        let median = (sorted[20] + sorted[21]) / 2.0;
        assert!(each.iter().all(|it| *it <= 5.0 * median * (1.0 + 1e-9)));
        let mut mass = Mass::default();
        let (mut uncut, mut kept) = (0.0, 0.0);
        for (place, &weight) in each.iter().enumerate() {
            let before = found.uncut(place).expect("weights before the cut");
            mass.add(1, weight, before);
            (uncut, kept) = (uncut + before, kept + weight);
        }
        assert!((uncut - 1.0).abs() < 1e-9, "{uncut}");
        assert!(mass.trimmed() > 0.3 && (mass.trimmed() - (1.0 - kept)).abs() < 1e-9);
        assert!(mass.largest() > 0.5, "{}", mass.largest());
        let wanted = 0.1 + 0.9 * mass.trimmed();
        assert!((mass.unspoken(0.1) - wanted).abs() < 1e-12);
    }
}
