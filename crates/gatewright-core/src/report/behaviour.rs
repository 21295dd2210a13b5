//! Behavioural tests in the report: what the view says of them, and the table for a terminal.

use crate::analyse::{Behavioural, CaseRate};
use crate::manifest::Role;
use crate::report::model::*;
use crate::report::tables::{example_ids, shown};
use crate::report::untrusted::{clip, line, pad};
use crate::report::view::Materials;
use crate::report::words;

/// Columns of capability, test and criterion, at 80 columns.
const NAMES: [usize; 3] = [10, 11, 9];

/// All rows, in the order of the analysis.
pub(super) fn behaviour(materials: &Materials<'_>) -> Vec<BehaviourView> {
    materials
        .analysis
        .behavioural
        .iter()
        .map(|row| BehaviourView {
            capability: row.capability.clone(),
            test: row.test,
            criterion: materials.manifest.criteria[usize::from(row.criterion)]
                .id
                .to_string(),
            systems: row
                .systems
                .iter()
                .map(|(role, cases)| (*role, cases_view(materials, cases)))
                .collect(),
            against: against(row),
        })
        .collect()
}

fn cases_view(materials: &Materials<'_>, cases: &CaseRate) -> CasesView {
    let (rate, no_interval) = shown(&cases.rate);
    CasesView {
        cases: cases.cases,
        failures: cases.failures,
        missing: cases.missing,
        not_applicable: cases.not_applicable,
        rate,
        no_interval,
        flips: cases.flips.map(|flips| FlipsView {
            compared: flips.compared,
            to_fail: flips.to_fail,
            to_pass: flips.to_pass,
        }),
        examples: example_ids(materials, &cases.failed),
    }
}

fn against(row: &Behavioural) -> Option<CasesAgainstView> {
    let compared = row.against.as_ref()?;
    let (difference, no_interval) = shown(&compared.difference);
    Some(CasesAgainstView {
        cases: compared.cases,
        gained: compared.first_only,
        lost: compared.second_only,
        difference,
        no_interval,
        // The test knows no clusters: where cases share one, it would take them for more than they are.
        p_exact: match &compared.difference {
            Ok(bounds) if bounds.clusters == bounds.n => Some(compared.mcnemar.exact_two_sided),
            _ => None,
        },
    })
}

/// Rows for a summary: what the candidate fails beyond production first, then what it fails most.
pub(super) fn worst_first(view: &View) -> Vec<&BehaviourView> {
    let failures = |row: &BehaviourView, role: Role| {
        row.systems
            .get(&role)
            .map_or(0, |cases| cases.failures as i64)
    };
    let mut rows: Vec<&BehaviourView> = view.behaviour.iter().collect();
    // Stable: equal rows stay in the order of the table.
    rows.sort_by_key(|row| {
        let ours = failures(row, Role::Candidate);
        let net = row
            .against
            .as_ref()
            .map_or(0, |pair| pair.lost as i64 - pair.gained as i64);
        (-net, -ours)
    });
    rows
}

/// The table for a terminal: a head and one line a row, none wider than `width` (at least 80 shows everything).
pub(super) fn table(rows: &[&BehaviourView], width: usize) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    // What is wider than 80 columns goes to the names, of which the criterion is the longest.
    let spare = width.saturating_sub(80);
    let names = [NAMES[0] + spare / 3, NAMES[1], NAMES[2] + spare - spare / 3];
    let head = format!(
        "{} {:>4} {:>4} {:>10} {:<17} {:<6}",
        [("Capability", 0), ("test", 1), ("criterion", 2)]
            .map(|(name, place)| pad(name, names[place]))
            .join(" "),
        "n",
        "miss",
        "production",
        "candidate (95 %)",
        "flips"
    );
    let mut lines = vec![clip(&format!("  {}", head.trim_end()), width)];
    for row in rows {
        let name = [
            pad(&line(&row.capability, 60), names[0]),
            pad(row.test.word(), names[1]),
            pad(&line(&row.criterion, 60), names[2]),
        ]
        .join(" ");
        let candidate = row.systems.get(&Role::Candidate);
        let production = row.systems.get(&Role::Production);
        let count = |of: fn(&CasesView) -> u64| {
            candidate.map_or_else(|| "-".to_owned(), |cases| words::count(of(cases)))
        };
        let text = format!(
            "{} {name} {:>4} {:>4} {:>10} {:<17} {}",
            mark(row),
            count(|cases| cases.cases),
            count(|cases| cases.missing),
            production.map_or_else(|| "-".to_owned(), point),
            candidate.map_or_else(|| "-".to_owned(), interval),
            candidate
                .and_then(|cases| cases.flips)
                .map_or_else(String::new, |flips| format!(
                    "−{} +{}",
                    flips.to_fail, flips.to_pass
                )),
        );
        lines.push(clip(text.trim_end(), width));
    }
    lines
}

/// Worse or better than production by net cases.
fn mark(row: &BehaviourView) -> char {
    match &row.against {
        Some(pair) if pair.lost > pair.gained => '▼',
        Some(pair) if pair.gained > pair.lost => '▲',
        _ => '·',
    }
}

fn point(cases: &CasesView) -> String {
    cases.rate.as_ref().map_or_else(
        || "-".to_owned(),
        |rate| words::amount(Unit::Share, rate.point),
    )
}

/// `8 % (2 to 20)`.
fn interval(cases: &CasesView) -> String {
    let Some(rate) = &cases.rate else {
        return "no interval".to_owned();
    };
    format!(
        "{} ({} to {})",
        words::amount(Unit::Share, rate.point),
        words::bound(rate.lower, 0),
        words::bound(rate.upper, 0)
    )
}
