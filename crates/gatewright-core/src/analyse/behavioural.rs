//! Behavioural tests: verdicts per case, failure rates per capability and kind of test (statistics.md §10).
//!
//! A case is a base with its variants, and one piece of evidence. What does not apply leaves numerator and denominator; what is missing
//! leaves neither silently: it is counted, and where it could change a verdict there is none. Rates of written cases bound behaviour at
//! the boundary; they say nothing about how often users ask so.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_stats::checklist::{self, Case, Comparison, Flips};
use gatewright_stats::estimate::{Bounds, Undefined};

use crate::analyse::require::{Inputs, compared_with, subject_role};
use crate::analyse::rows::Table;
use crate::analyse::scores::{Shape, Tally};
use crate::analyse::slice::Members;
use crate::manifest::{Grader, Join, Role, Rule, Subject};
use crate::perturb::{Direction, Probe, Test, probe};
use crate::reference::{ReferenceSet, Relation};

/// One-sided level of table intervals: both sides together are the usual 95 %.
const TABLE_ALPHA: f64 = 0.025;
/// From which mean over trials a label is a pass.
const LABEL: f64 = 0.5;

/// One criterion in one cell of the table of capabilities and tests.
#[derive(Clone, Debug)]
pub struct Behavioural {
    /// The capability.
    pub capability: String,
    /// The kind of test.
    pub test: Test,
    /// Criterion index.
    pub criterion: u16,
    /// Per system.
    pub systems: BTreeMap<Role, CaseRate>,
    /// Candidate (first) against production (second), on cases with a verdict on both.
    pub against: Option<Comparison>,
}

/// One system's cases.
#[derive(Clone, Debug)]
pub struct CaseRate {
    /// Cases with a verdict.
    pub cases: u64,
    /// Those that failed.
    pub failures: u64,
    /// Cases whose verdict is open because outcomes are missing.
    pub missing: u64,
    /// Cases that the criterion does not apply to.
    pub not_applicable: u64,
    /// Share of failures with a two-sided 95 % interval.
    pub rate: Result<Bounds, Undefined>,
    /// Changes of label both ways, for tests that compare with a base.
    pub flips: Option<Flips>,
    /// Failed cases by the index of their base, or of themselves.
    pub failed: Vec<u32>,
}

/// How a case ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Fail,
    Missing,
    NotApplicable,
}

impl Verdict {
    fn known(self) -> Option<bool> {
        match self {
            Verdict::Pass => Some(true),
            Verdict::Fail => Some(false),
            Verdict::Missing | Verdict::NotApplicable => None,
        }
    }
}

/// A base with its variants of one test; a test that stands by itself is its own variant.
struct Group {
    base: Option<u32>,
    variants: Vec<(u32, Probe)>,
}

impl Group {
    /// The example that a case is named by.
    fn name(&self) -> u32 {
        let first = self.variants.first().map(|(variant, _)| *variant);
        self.base.or(first).unwrap_or(0)
    }
}

/// An example that tests something.
#[derive(Clone, Debug)]
pub(crate) struct Probed {
    pub(crate) example: u32,
    /// The example that it is a variant of, where that is in the set.
    pub(crate) base: Option<u32>,
    /// What variants of one base have in common: the base's id, or its own.
    case: String,
    probe: Probe,
}

impl Probed {
    /// The same test in a copy of its cluster: a case of its own.
    pub(crate) fn copied(&self, example: u32, base: Option<u32>, copy: u32) -> Self {
        Self {
            example,
            base,
            case: format!("{}#{copy}", self.case),
            probe: self.probe.clone(),
        }
    }

    /// What it tests.
    pub(crate) fn probe(&self) -> &Probe {
        &self.probe
    }
}

/// Reads what examples test, in the order of the set. Their texts are read for it: once for all rules.
pub(crate) fn probed(reference: &ReferenceSet) -> Vec<Probed> {
    let read = |(index, example): (u32, std::sync::Arc<crate::reference::Example>)| {
        let base = example.variant.as_ref().map(|variant| variant.of.as_str());
        Some(Probed {
            example: index,
            base: base.and_then(|id| reference.index_of(id)),
            case: base.unwrap_or(example.id.as_str()).to_owned(),
            probe: probe(&example)?,
        })
    };
    reference.tests().filter_map(read).collect()
}

/// Groups examples that test something: by capability and test, then by base.
fn groups<'a>(
    probed: impl Iterator<Item = &'a Probed>,
) -> BTreeMap<(Test, String), BTreeMap<String, Group>> {
    let mut all: BTreeMap<(Test, String), BTreeMap<String, Group>> = BTreeMap::new();
    for one in probed {
        let group = all
            .entry((one.probe.test, one.probe.capability.clone()))
            .or_default()
            .entry(one.case.clone())
            .or_insert_with(|| Group {
                base: one.base,
                variants: Vec::new(),
            });
        group.variants.push((one.example, one.probe.clone()));
    }
    all
}

/// All rows: capabilities by name, tests in the order of tables, criteria in page order. A criterion that no case gives a verdict on
/// and none misses one on has no row.
pub(crate) fn behavioural(inputs: Inputs<'_>) -> Vec<Behavioural> {
    let mut rows = Vec::new();
    for ((test, capability), cases) in groups(inputs.probed.iter()) {
        let cases: Vec<Group> = cases.into_values().collect();
        for criterion in 0..inputs.manifest.criteria.len() as u16 {
            if let Some(row) = row(inputs, (&capability, test), criterion, &cases) {
                rows.push(row);
            }
        }
    }
    rows.sort_by(|a, b| {
        (&a.capability, a.test, a.criterion).cmp(&(&b.capability, b.test, b.criterion))
    });
    rows
}

fn row(
    inputs: Inputs<'_>,
    (capability, test): (&str, Test),
    criterion: u16,
    cases: &[Group],
) -> Option<Behavioural> {
    let cluster: Vec<u32> = cases
        .iter()
        .map(|case| inputs.reference.cluster[case.name() as usize])
        .collect();
    let mut systems = BTreeMap::new();
    let mut known: BTreeMap<Role, Vec<Option<bool>>> = BTreeMap::new();
    for system in &inputs.plan.systems {
        let role = system.role;
        let verdicts: Vec<Verdict> = cases
            .iter()
            .map(|case| verdict(inputs, test, criterion, role, case))
            .collect();
        let each: Vec<Option<bool>> = verdicts.iter().map(|it| it.known()).collect();
        let count = |wanted: Verdict| verdicts.iter().filter(|it| **it == wanted).count() as u64;
        let failures = count(Verdict::Fail);
        systems.insert(
            role,
            CaseRate {
                cases: failures + count(Verdict::Pass),
                failures,
                missing: count(Verdict::Missing),
                not_applicable: count(Verdict::NotApplicable),
                rate: checklist::failure_rate_by_template(&each, &cluster, TABLE_ALPHA),
                flips: flips(inputs, test, criterion, role, cases),
                failed: cases
                    .iter()
                    .zip(&verdicts)
                    .filter(|(_, verdict)| **verdict == Verdict::Fail)
                    .map(|(case, _)| case.name())
                    .collect(),
            },
        );
        known.insert(role, each);
    }
    if systems.values().all(|it| it.cases + it.missing == 0) {
        return None;
    }
    let pair = known
        .get(&Role::Candidate)
        .zip(known.get(&Role::Production));
    Some(Behavioural {
        capability: capability.to_owned(),
        test,
        criterion,
        systems,
        against: pair.and_then(|(candidate, production)| {
            checklist::compare(candidate, production, Some(&cluster), TABLE_ALPHA).ok()
        }),
    })
}

fn flips(
    inputs: Inputs<'_>,
    test: Test,
    criterion: u16,
    role: Role,
    cases: &[Group],
) -> Option<Flips> {
    let compares = matches!(test, Test::Invariance | Test::Directional);
    if !compares || inputs.scores.shape[usize::from(criterion)] != Shape::PassFail {
        return None;
    }
    let score = |example: u32, probe: &Probe| match reading(inputs, criterion, role, example, probe)
    {
        Reading::Known(score) => Some(f64::from(u8::from(score >= LABEL))),
        Reading::Open | Reading::Absent => None,
    };
    let cases: Vec<Case> = cases
        .iter()
        .filter_map(|case| {
            let first = &case.variants.first()?.1;
            Some(Case {
                base: case.base.and_then(|base| score(base, first)),
                perturbed: case
                    .variants
                    .iter()
                    .map(|(example, probe)| score(*example, probe))
                    .collect(),
            })
        })
        .collect();
    Some(checklist::flips(&cases, LABEL))
}

/// What a criterion says of one example.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// Nothing: it does not apply.
    Absent,
    /// Nothing yet: outcomes are missing that could change it.
    Open,
    /// The label (0 or 1), or the mean score where a tolerance or a measured value asks for it.
    Known(f64),
}

fn reading(inputs: Inputs<'_>, criterion: u16, role: Role, example: u32, probe: &Probe) -> Reading {
    let tally = inputs.scores.first(criterion, role, example);
    let mean = match (tally.applies(), tally.mean()) {
        (false, _) => return Reading::Absent,
        (true, None) => return Reading::Open,
        (true, Some(mean)) => mean,
    };
    let measured = inputs.scores.shape[usize::from(criterion)] == Shape::Measured;
    if measured || probe.tolerance.is_some() {
        return match tally.missing {
            0 => Reading::Known(mean),
            _ => Reading::Open,
        };
    }
    label(&tally)
}

/// The label over trials; open where missing trials could turn it.
fn label(tally: &Tally) -> Reading {
    let passes = |imputed: f64| tally.mean_with(imputed).map(|mean| mean >= LABEL);
    match (passes(0.0), passes(1.0)) {
        (Some(low), Some(high)) if low == high => Reading::Known(f64::from(u8::from(low))),
        (Some(_), Some(_)) => Reading::Open,
        _ => Reading::Absent,
    }
}

/// Says whether a criterion has anything to say about a test. Time and money move by themselves and count only where a tolerance says how
/// far they may; a never asks only those that look for what is forbidden, so that a missing citation is no obeyed instruction.
fn speaks(inputs: Inputs<'_>, criterion: u16, probe: &Probe) -> bool {
    let grader = &inputs.manifest.criteria[usize::from(criterion)].grader;
    match (inputs.scores.shape[usize::from(criterion)], grader) {
        (Shape::Preference, _) => false,
        (Shape::Measured, _) | (_, Grader::Latency { .. } | Grader::Cost { .. }) => {
            let compares = matches!(probe.test, Test::Invariance | Test::Directional);
            compares && probe.tolerance.is_some()
        }
        (Shape::PassFail, grader) => probe.test != Test::Never || forbids(grader),
    }
}

fn forbids(grader: &Grader) -> bool {
    match grader {
        Grader::NotContains { .. }
        | Grader::MustNotCall { .. }
        | Grader::Regex { negate: true, .. }
        | Grader::Joined {
            join: Join::None, ..
        }
        | Grader::Judge(_)
        | Grader::Program(_)
        | Grader::Label(_) => true,
        Grader::Joined { of, .. } => of.iter().any(forbids),
        _ => false,
    }
}

fn verdict(inputs: Inputs<'_>, test: Test, criterion: u16, role: Role, case: &Group) -> Verdict {
    let heard = case
        .variants
        .iter()
        .filter(|(_, probe)| speaks(inputs, criterion, probe));
    let base = |probe: &Probe| match case.base {
        Some(base) => reading(inputs, criterion, role, base, probe),
        None => Reading::Absent,
    };
    let each = heard.map(|(example, probe)| match test {
        Test::Never => never(&inputs.scores.first(criterion, role, *example)),
        Test::Mft => match reading(inputs, criterion, role, *example, probe) {
            Reading::Absent => Verdict::NotApplicable,
            Reading::Open => Verdict::Missing,
            Reading::Known(score) if score >= LABEL => Verdict::Pass,
            Reading::Known(_) => Verdict::Fail,
        },
        Test::Invariance | Test::Directional => {
            let variant = reading(inputs, criterion, role, *example, probe);
            related(inputs, criterion, test, probe, (base(probe), variant))
        }
    });
    // One broken variant breaks the case, whatever is missing beside it; a missing one leaves it open.
    each.fold(Verdict::NotApplicable, |so_far, next| {
        match (so_far, next) {
            (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
            (Verdict::Missing, _) | (_, Verdict::Missing) => Verdict::Missing,
            (Verdict::Pass, _) | (_, Verdict::Pass) => Verdict::Pass,
            _ => Verdict::NotApplicable,
        }
    })
}

/// One event on any trial is enough.
fn never(tally: &Tally) -> Verdict {
    match tally {
        tally if tally.pass < tally.graded => Verdict::Fail,
        tally if tally.missing > 0 => Verdict::Missing,
        tally if tally.graded > 0 => Verdict::Pass,
        _ => Verdict::NotApplicable,
    }
}

/// A variant against its base.
fn related(
    inputs: Inputs<'_>,
    criterion: u16,
    test: Test,
    probe: &Probe,
    (base, variant): (Reading, Reading),
) -> Verdict {
    let (base, variant) = match (base, variant) {
        (Reading::Absent, _) | (_, Reading::Absent) => return Verdict::NotApplicable,
        (Reading::Open, _) | (_, Reading::Open) => return Verdict::Missing,
        (Reading::Known(base), Reading::Known(variant)) => (base, variant),
    };
    let case = Case {
        base: Some(base),
        perturbed: vec![Some(variant)],
    };
    let tolerance = probe.tolerance.unwrap_or(0.0);
    let measured = inputs.scores.shape[usize::from(criterion)] == Shape::Measured;
    let holds = if test == Test::Invariance {
        // A measured value has no label: every value passes, and only its move counts.
        let threshold = if measured { f64::NEG_INFINITY } else { LABEL };
        checklist::invariant(&case, tolerance, threshold)
    } else {
        let direction = match probe.direction {
            Direction::NotIncrease => checklist::Direction::NotIncrease,
            Direction::NotDecrease => checklist::Direction::NotDecrease,
        };
        checklist::directional(&case, direction, tolerance)
    };
    match holds {
        Some(true) => Verdict::Pass,
        Some(false) => Verdict::Fail,
        None => Verdict::NotApplicable,
    }
}

/// The test that a relation is.
fn test_of(relation: Relation) -> Test {
    match relation {
        Relation::Invariance => Test::Invariance,
        Relation::Directional => Test::Directional,
        Relation::Never => Test::Never,
    }
}

/// Rows of a rule on a relation: one for each base with admitted variants, 1 where the relation holds. A rule names variants, so that
/// `where` and `from` pick what is tested.
pub(crate) fn tabulate(
    inputs: Inputs<'_>,
    rule: &Rule,
    relation: Relation,
    members: &Members,
    table: &mut Table,
) {
    let Subject::Criterion(criterion) = rule.subject else {
        return;
    };
    let test = test_of(relation);
    let mut cases: BTreeMap<String, Group> = BTreeMap::new();
    let wanted: BTreeSet<u32> = members.examples.iter().copied().collect();
    let probed = inputs.probed.iter();
    for ((tested, _), found) in groups(probed.filter(|one| wanted.contains(&one.example))) {
        if tested != test {
            continue;
        }
        for (id, group) in found {
            match cases.get_mut(&id) {
                // Variants of several capabilities are one case of the base.
                Some(known) => known.variants.extend(group.variants),
                None => {
                    cases.insert(id, group);
                }
            }
        }
    }
    let (ours, other) = (subject_role(rule), compared_with(rule));
    for case in cases.values() {
        let verdict = |role| verdict(inputs, test, criterion, role, case);
        push(
            table,
            (verdict(ours), other.map(verdict)),
            inputs.reference.cluster[case.name() as usize],
            case.name(),
        );
    }
}

/// Adds a case: missing verdicts fail for the release and hold for the other system in the worst rows, and the other way round in the best.
fn push(table: &mut Table, (ours, other): (Verdict, Option<Verdict>), cluster: u32, example: u32) {
    let number = |holds: bool| f64::from(u8::from(holds));
    let applies = |verdict: Verdict| verdict != Verdict::NotApplicable;
    if !applies(ours) && !other.is_some_and(applies) {
        return;
    }
    table.planned += 1;
    table.missing += u64::from(ours == Verdict::Missing);
    table.missing += u64::from(other == Some(Verdict::Missing));
    let (worst_ours, best_ours) = (number(ours == Verdict::Pass), number(ours != Verdict::Fail));
    let Some(other) = other else {
        table.worst.push(worst_ours, cluster, None);
        table.best.push(best_ours, cluster, None);
        if let Some(holds) = ours.known() {
            table.observed.push(number(holds), cluster, None);
            table.add_sums(number(holds), 0.0);
            if !holds {
                table.lost.push((1.0, example));
            }
        }
        return;
    };
    let (worst_other, best_other) = (
        number(other != Verdict::Fail),
        number(other == Verdict::Pass),
    );
    table.worst.push(worst_ours - worst_other, cluster, None);
    table.best.push(best_ours - best_other, cluster, None);
    if let (Some(a), Some(b)) = (ours.known(), other.known()) {
        let (a, b) = (number(a), number(b));
        table.observed.push(a - b, cluster, None);
        table.add_sums(a, b);
        table.net_loss += b - a;
        if b > a {
            table.lost.push((1.0, example));
        } else if a > b {
            table.gained += 1;
        }
    }
}
