//! What pictures show: which rows, in which order, how strongly coloured, and what each says as a sentence.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyse::{Cell, Finding, Slice, Standing};
use crate::calibrate::{Calibration, Fitness, reason_words};
use crate::manifest::{Compare, Role, Subject};
use crate::report::model::*;
use crate::report::tables::{point, rate_unit};
use crate::report::view::{Materials, slice};
use crate::report::{rests, sentence, words};

/// Below so many examples one of them moves a share by five points or more.
const THIN_BELOW: u64 = 20;
/// Most segments of the heat map: more are no picture.
const HEAT_ROWS_MAX: usize = 40;
/// Differences that are coloured, by strength: under the first nothing is.
const SHADES: [f64; 3] = [0.02, 0.1, 0.25];
/// Steps that an axis may be marked at.
const STEPS: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.5];
/// Most marks on an axis.
const TICKS_MAX: f64 = 7.0;

/// Candidate − production per rule and slice.
pub(super) fn forest(materials: &Materials<'_>) -> Option<ForestView> {
    if !materials.manifest.systems.contains_key(&Role::Production) {
        return None;
    }
    let findings = materials.analysis.findings.iter().enumerate();
    let mut rows: Vec<ForestRow> = findings
        .filter_map(|(index, finding)| forest_row(materials, index, finding))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let at = |row: &ForestRow| row.difference.as_ref().map_or(0.0, |shown| shown.point);
    let rank = |row: &ForestRow| match (row.standing, row.deciding) {
        (StandingWord::Violated, true) => 0,
        (StandingWord::Undecided, true) => 1,
        _ => 2,
    };
    // Stable: rows that are equal stay in the order of the page.
    rows.sort_by(|a, b| {
        let on_axis = |row: &ForestRow| row.unit != Unit::Share;
        on_axis(a)
            .cmp(&on_axis(b))
            .then(rank(a).cmp(&rank(b)))
            .then(at(a).total_cmp(&at(b)))
    });
    let (axis, ticks) = axis(&rows);
    Some(ForestView {
        caption: forest_caption(&rows),
        axis,
        ticks,
        rows,
    })
}

fn forest_row(materials: &Materials<'_>, index: usize, finding: &Finding) -> Option<ForestRow> {
    let manifest = materials.manifest;
    let rule = &manifest.gate[finding.rule];
    let Subject::Criterion(criterion) = rule.subject else {
        return None;
    };
    let (Compare::NoWorse { than, .. } | Compare::Better { than, .. }) = rule.compare else {
        return None;
    };
    if than != Role::Production {
        return None;
    }
    let measured = &finding.measured;
    // The bounds that stand beside the rule's sentence.
    let (difference, no_interval) = match rests::behind(materials, finding) {
        (None, None) => (None, Some("no interval was computed".to_owned())),
        found => found,
    };
    let roles = |role| {
        let planned = materials.plan.systems.iter();
        let mut of = planned.filter(|system| system.role == role);
        of.next().map_or(0, |system| system.trials)
    };
    Some(ForestRow {
        finding: index,
        rule: rule.id.to_string(),
        verb: rule.verb,
        criterion: manifest.criteria[usize::from(criterion)].id.to_string(),
        slice: slice(&finding.slice),
        standing: standing(&finding.standing),
        deciding: finding.deciding,
        severity: rule.severity,
        fired: materials.proposal.fired.contains(&index),
        unit: sentence::unit(manifest, rule),
        n: measured.n,
        level: difference.as_ref().map(|shown| 1.0 - 2.0 * shown.alpha),
        difference,
        no_interval,
        limit: measured.limit,
        lost: measured.lost,
        gained: measured.gained,
        fresh: measured.fresh.as_ref().map(|fresh| FreshDifference {
            difference: -fresh.loss,
            at_best: -fresh.bound,
            calls: fresh.calls,
        }),
        trials: (roles(Role::Candidate), roles(Role::Production)),
    })
}

/// Names a standing.
pub(super) fn standing(standing: &Standing) -> StandingWord {
    match standing {
        Standing::Holds => StandingWord::Holds,
        Standing::Violated => StandingWord::Violated,
        Standing::Undecided(_) => StandingWord::Undecided,
    }
}

/// The table's cell of a criterion in a slice.
pub(super) fn cell<'a>(
    materials: &Materials<'a>,
    criterion: u16,
    slice: &Slice,
) -> Option<&'a Cell> {
    let mut cells = materials.analysis.cells.iter();
    cells.find(|cell| cell.criterion == criterion && cell.slice == *slice)
}

/// The axis over everything that is drawn, and its marks.
fn axis(rows: &[ForestRow]) -> ((f64, f64), Vec<f64>) {
    let mut ends = (0.0_f64, 0.0_f64);
    for row in rows.iter().filter(|row| row.unit == Unit::Share) {
        let shown = row.difference.iter();
        let values = shown
            .flat_map(|one| [Some(one.point), one.lower, one.upper])
            .chain([row.limit, row.fresh.map(|fresh| fresh.difference)]);
        for value in values.flatten().filter(|value| value.is_finite()) {
            ends = (ends.0.min(value), ends.1.max(value));
        }
    }
    let (low, high) = (ends.0.max(-1.0), ends.1.min(1.0));
    let fits = |step: &&f64| (high / **step).ceil() - (low / **step).floor() <= TICKS_MAX;
    let step = *STEPS.iter().find(fits).unwrap_or(&STEPS[STEPS.len() - 1]);
    let first = (low / step).floor().min(-1.0);
    let last = (high / step).ceil().max(1.0);
    let ticks = (first as i32..=last as i32)
        .map(|mark| f64::from(mark) * step)
        .collect();
    ((first * step, last * step), ticks)
}

/// The row with the least value, its place and its change in words; the first of equals, in the order of the picture.
fn lowest<'a>(rows: &[&'a ForestRow]) -> Option<(String, String, &'a ForestRow)> {
    let valued = rows.iter().filter_map(|row| {
        let shown = row.difference.as_ref()?;
        Some((shown.point, *row))
    });
    let (point, row) = valued.reduce(|least, one| if one.0 < least.0 { one } else { least })?;
    let place = format!("{} in {}", row.criterion, row.slice.words);
    Some((place, words::change(Unit::Share, point), row))
}

fn forest_caption(rows: &[ForestRow]) -> CaptionView {
    let drawn = rows.iter().filter(|row| row.unit == Unit::Share);
    let deciding: Vec<&ForestRow> = drawn.filter(|row| row.deciding).collect();
    let (violated, others): (Vec<&ForestRow>, Vec<&ForestRow>) = deciding
        .into_iter()
        .partition(|row| row.standing == StandingWord::Violated);
    let beyond = violated.len();
    let of = beyond + others.len();
    let finding = match (lowest(&violated), lowest(&others)) {
        (Some((place, change, row)), _) => {
            let allowed = row.limit.map(|limit| {
                let limit = words::change(Unit::Share, limit);
                format!(", where {} allows {limit}", row.rule)
            });
            format!(
                "{place}: {change} against production (n {}){}. {beyond} of {of} comparisons are violated.",
                words::count(row.n),
                allowed.unwrap_or_default()
            )
        }
        (None, _) if beyond > 0 => {
            format!("{beyond} of {of} comparisons are violated; none of them has a value to show.")
        }
        (None, Some((place, change, row))) => format!(
            "No comparison with production is violated; the lowest of {of} is {place}, {change} (n {}).",
            words::count(row.n)
        ),
        (None, None) => "No deciding rule compares shares with production.".to_owned(),
    };
    let mut summary = "Each row is one rule in one segment. The dot is candidate minus production and the bar its interval; left of zero the candidate is worse. The dashed line is what the rule allows.".to_owned();
    if rows.iter().any(|row| row.fresh.is_some()) {
        summary.push_str(" Where a guard tripped, the diamond below is what fresh trials showed.");
    }
    let off = rows.iter().filter(|row| row.unit != Unit::Share).count();
    if off > 0 {
        summary.push_str(&format!(
            " {off} more in other units are in the data table only."
        ));
    }
    CaptionView { finding, summary }
}

/// Segment × criterion.
pub(super) fn heat(materials: &Materials<'_>) -> Option<HeatView> {
    let mut by_slice: BTreeMap<&Slice, BTreeMap<u16, &Cell>> = BTreeMap::new();
    for cell in &materials.analysis.cells {
        if cell.slice.len() <= 1 {
            let row = by_slice.entry(&cell.slice).or_default();
            row.insert(cell.criterion, cell);
        }
    }
    let criteria = 0..materials.manifest.criteria.len() as u16;
    let drawn: Vec<u16> = criteria
        .filter(|criterion| {
            let mut cells = by_slice.values().filter_map(|row| row.get(criterion));
            cells.any(|cell| heat_cell(materials, cell).is_some())
        })
        .collect();
    let mut rows: Vec<HeatRow> = by_slice
        .iter()
        .map(|(one, cells)| HeatRow {
            slice: slice(one),
            examples: cells.values().map(|cell| cell.examples).max().unwrap_or(0),
            cells: drawn
                .iter()
                .map(|criterion| heat_cell(materials, cells.get(criterion)?))
                .collect(),
        })
        .filter(|row| row.cells.iter().any(Option::is_some))
        .collect();
    if rows.is_empty() {
        return None;
    }
    rows.sort_by(|a, b| {
        let key = |row: &HeatRow| (!row.slice.values.is_empty(), is_thin(row));
        key(a)
            .cmp(&key(b))
            .then(least(a).total_cmp(&least(b)))
            .then(a.slice.words.cmp(&b.slice.words))
    });
    let left_out = rows.len().saturating_sub(HEAT_ROWS_MAX) as u64;
    rows.truncate(HEAT_ROWS_MAX);
    let criteria: Vec<String> = drawn
        .iter()
        .map(|index| {
            materials.manifest.criteria[usize::from(*index)]
                .id
                .to_string()
        })
        .collect();
    let compares = materials.manifest.systems.contains_key(&Role::Production);
    Some(HeatView {
        caption: heat_caption(&criteria, &rows, compares),
        criteria,
        rows,
        left_out,
        thin_below: THIN_BELOW,
        compares,
    })
}

fn heat_cell(materials: &Materials<'_>, cell: &Cell) -> Option<HeatCell> {
    let unit = rate_unit(materials, cell.criterion);
    let ours = cell.systems.get(&Role::Candidate)?;
    let paired = cell.against.get(&Role::Production);
    let change = paired.and_then(|paired| point(&paired.difference));
    // Of the same pairs where it is compared, so that value, change and n belong together.
    let compared = paired.filter(|_| change.is_some());
    let candidate = compared
        .and_then(|paired| paired.candidate)
        .or_else(|| point(&ours.rate))?;
    let n = compared.map_or(ours.n, |paired| paired.n);
    let strength = change.map_or(0, |change| {
        SHADES
            .iter()
            .filter(|edge| change.abs() >= **edge - 1e-9)
            .count() as i8
    });
    Some(HeatCell {
        unit,
        candidate,
        change,
        n,
        thin: n < THIN_BELOW,
        shade: match change {
            Some(change) if unit == Unit::Share && change < 0.0 => -strength,
            Some(_) if unit == Unit::Share => strength,
            _ => 0,
        },
    })
}

fn is_thin(row: &HeatRow) -> bool {
    row.cells.iter().flatten().all(|cell| cell.thin)
}

/// The largest loss of a row, of cells that are not thin where there are such.
fn least(row: &HeatRow) -> f64 {
    let all_thin = is_thin(row);
    let cells = row.cells.iter().flatten();
    cells
        .filter(|cell| cell.unit == Unit::Share && (all_thin || !cell.thin))
        .filter_map(|cell| cell.change)
        .fold(f64::INFINITY, f64::min)
}

fn heat_caption(criteria: &[String], rows: &[HeatRow], compares: bool) -> CaptionView {
    let cells: Vec<(&HeatRow, &String, &HeatCell)> = rows
        .iter()
        .flat_map(|row| {
            let named = row.cells.iter().zip(criteria);
            named.filter_map(move |(cell, name)| Some((row, name, cell.as_ref()?)))
        })
        .collect();
    let thin = cells.iter().filter(|(_, _, cell)| cell.thin).count();
    let solid = cells.iter().filter(|(_, _, cell)| !cell.thin);
    let worst = solid
        .filter(|(_, _, cell)| cell.unit == Unit::Share)
        .filter_map(|(row, name, cell)| Some((cell.change?, *row, *name, *cell)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let worse = cells.iter().filter(|(_, _, cell)| cell.shade <= -2).count();
    let better = cells.iter().filter(|(_, _, cell)| cell.shade >= 2).count();
    let finding = match worst {
        Some((change, row, name, cell)) if change <= -SHADES[0] => format!(
            "The largest loss is {name} in {}: {} (n {}). Of {} cells, {worse} are worse than production by 10 points or more, {better} better.",
            row.slice.words,
            words::change(Unit::Share, change),
            words::count(cell.n),
            cells.len()
        ),
        Some(_) => format!(
            "Nothing that rests on {THIN_BELOW} examples or more lost 2 points; {better} of {} cells gained 10 or more.",
            cells.len()
        ),
        None if compares => format!(
            "None of the {} cells rests on {THIN_BELOW} examples or more of both systems.",
            cells.len()
        ),
        None => format!(
            "The candidate alone, in {} cells: there is no production to compare with.",
            cells.len()
        ),
    };
    let summary = format!(
        "Rows are segments, columns criteria. {}A hatched cell rests on fewer than {THIN_BELOW} examples: {thin} do.",
        if compares {
            "A cell says the change from production in points, then the candidate's value and n; it is coloured from 2, 10 and 25 points. "
        } else {
            "A cell says the candidate's value and n. "
        }
    );
    CaptionView { finding, summary }
}

/// Failing examples by class and owner; `examples` is of how many.
pub(super) fn class_owners(classes: &[ClassView], examples: u64) -> Option<OwnersView> {
    let mut owners: Vec<OwnerRow> = Vec::new();
    for (index, class) in classes.iter().enumerate() {
        match owners.iter_mut().find(|row| row.owner == class.owner) {
            Some(row) => row.classes.push(index),
            None => owners.push(OwnerRow {
                owner: class.owner.clone(),
                classes: vec![index],
                cost: None,
            }),
        }
    }
    for row in &mut owners {
        row.cost = cost_together(&of_owner(classes, row));
    }
    // What cannot be added up is not known to be the costliest: it comes last. Stable: equal ones stay in their order.
    owners.sort_by(|a, b| {
        let cost = |row: &OwnerRow| row.cost.as_ref().map_or(-1.0, |cost| cost.amount);
        cost(b).total_cmp(&cost(a))
    });
    if owners.is_empty() {
        return None;
    }
    let most = classes
        .iter()
        .flat_map(|class| class.examples.values().copied());
    Some(OwnersView {
        caption: CaptionView {
            finding: owners_finding(classes, &owners, examples),
            summary: "Bars are examples that fail as each class at least once at first look; an example that fails as two classes counts in both. They count these examples and estimate no rate, so there is no interval.".to_owned(),
        },
        most: most.max().unwrap_or(0),
        owners,
        examples,
    })
}

fn failing(class: &ClassView) -> u64 {
    class.examples.get(&Role::Candidate).copied().unwrap_or(0)
}

fn of_owner<'a>(classes: &'a [ClassView], row: &OwnerRow) -> Vec<&'a ClassView> {
    let at = row.classes.iter();
    at.filter_map(|&at| classes.get(at)).collect()
}

/// What the candidate's failing examples of these classes cost, where all are in one currency.
fn cost_together(classes: &[&ClassView]) -> Option<Money> {
    let currency = classes
        .first()
        .and_then(|class| class.cost.currency.clone());
    let adds_up = classes.iter().all(|class| class.cost.currency == currency);
    let costs = classes.iter();
    adds_up.then(|| Money {
        amount: costs
            .map(|class| class.cost.amount * failing(class) as f64)
            .sum(),
        currency,
    })
}

/// Who answers for the costliest, where costs can be compared and there are any.
fn owners_finding(classes: &[ClassView], owners: &[OwnerRow], examples: u64) -> String {
    let of = words::counted(examples, "example");
    let counts = |classes: &[&ClassView]| {
        let failing = classes.iter().map(|class| (failing(class), *class));
        let named: Vec<String> = failing
            .filter(|(count, _)| *count > 0)
            .map(|(count, class)| {
                format!(
                    "{} {}",
                    words::count(count),
                    words::class(&class.class, count)
                )
            })
            .collect();
        words::list(&named)
    };
    let all: Vec<&ClassView> = classes.iter().collect();
    if all.iter().all(|class| failing(class) == 0) {
        return format!("No failure of the candidate on {of}.");
    }
    let costs = all
        .iter()
        .filter(|class| failing(class) > 0 && class.cost.amount > 0.0);
    let currencies: BTreeSet<&str> = costs
        .filter_map(|class| class.cost.currency.as_deref())
        .collect();
    let among = match owners.iter().any(|row| row.cost.is_none()) {
        true => ", of those whose costs add up",
        false => "",
    };
    let first = owners.first();
    match first.and_then(|row| Some((row, row.cost.as_ref()?))) {
        _ if currencies.len() > 1 => format!(
            "The candidate fails as {} on {of}; costs in several currencies are not compared.",
            counts(&all)
        ),
        Some((row, cost)) if cost.amount > 0.0 => format!(
            "{} answers for the costliest failures of the candidate{among}: {}, {} at the page's costs, on {of}.",
            row.owner.name,
            counts(&of_owner(classes, row)),
            words::about_money(cost)
        ),
        _ => format!(
            "The candidate fails as {} on {of}; the page gives no cost that could be compared.",
            counts(&all)
        ),
    }
}

/// Judges that people's labels calibrate.
pub(super) fn fitness(materials: &Materials<'_>) -> Vec<FitnessView> {
    let share = |share: gatewright_stats::proportion::Share| ShareView {
        point: share.point,
        lower: share.lower,
        upper: share.upper,
        n: share.n,
    };
    let one = |calibration: &Calibration| {
        let table = &calibration.evidence.table;
        let accuracy = &calibration.evidence.accuracy;
        FitnessView {
            criterion: materials.manifest.criteria[usize::from(calibration.criterion)]
                .id
                .to_string(),
            standing: match calibration.fitness {
                Fitness::Fit => "fit",
                Fitness::Unfit { .. } => "unfit",
                Fitness::Undecided { .. } => "undecided",
            }
            .to_owned(),
            reasons: calibration
                .fitness
                .reasons()
                .iter()
                .map(reason_words)
                .collect(),
            counts: [
                table.true_pass,
                table.false_fail,
                table.false_pass,
                table.true_fail,
            ],
            passes_right: share(accuracy.se),
            fails_right: share(accuracy.sp),
            from_earlier: calibration.evidence.from_earlier,
        }
    };
    materials.analysis.calibrations.iter().map(one).collect()
}
