//! Tables: everything that is no picture.

use std::collections::BTreeMap;

use gatewright_core::manifest::Role;
use gatewright_core::report::View;
use gatewright_core::report::model::{
    CasesView, CellView, EstimateView, FindingView, ShareOf, ShareView, SystemCellView, Unit,
};
use gatewright_core::report::words;

use crate::text::amount;

/// A table of texts. A heading that begins with `#` is of numbers, one that begins with `~` of sentences.
pub(crate) struct Table {
    pub(crate) label: String,
    pub(crate) head: Vec<Head>,
    pub(crate) rows: Vec<Row>,
}

/// A heading.
pub(crate) struct Head {
    pub(crate) text: String,
    pub(crate) number: bool,
    pub(crate) wide: bool,
}

/// A row; its first cell heads it.
pub(crate) struct Row {
    pub(crate) id: Option<String>,
    pub(crate) class: &'static str,
    pub(crate) first: String,
    pub(crate) cells: Vec<Cell>,
}

/// A cell.
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) number: bool,
}

impl Table {
    pub(crate) fn new(label: &str, head: &[&str]) -> Self {
        Self {
            label: label.to_owned(),
            head: head
                .iter()
                .map(|text| Head {
                    text: text.trim_start_matches(['#', '~']).to_owned(),
                    number: text.starts_with('#'),
                    wide: text.starts_with('~'),
                })
                .collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.add(None, "", cells);
    }

    fn add(&mut self, id: Option<String>, class: &'static str, cells: Vec<String>) {
        let mut cells = cells.into_iter();
        let first = cells.next().unwrap_or_default();
        let kinds = self.head.iter().skip(1);
        self.rows.push(Row {
            id,
            class,
            first,
            cells: cells
                .zip(kinds)
                .map(|(text, head)| Cell {
                    text,
                    number: head.number,
                })
                .collect(),
        });
    }

    pub(super) fn unless_empty(self) -> Option<Self> {
        (!self.rows.is_empty()).then_some(self)
    }
}

/// How deciding rules stood in the draws; none where nothing was drawn.
pub(crate) fn stable(view: &View) -> Option<Table> {
    let stability = view.stability.as_ref()?;
    let draws = words::count(u64::from(stability.resamples));
    let label = format!("How each rule stood in {draws} draws of the examples");
    let mut columns = vec![
        "rule",
        "where",
        "stands",
        "#held",
        "#violated",
        "#undecided",
    ];
    let any_fragile = stability.rules.iter().any(|rule| rule.fragile);
    if any_fragile {
        columns.push("fragile");
    }
    let mut table = Table::new(&label, &columns);
    for rule in &stability.rules {
        let Some(finding) = view.findings.get(rule.finding) else {
            continue;
        };
        let number = |draws: u32| words::count(u64::from(draws));
        let mut row = vec![
            finding.rule.clone(),
            finding.slice.words.clone(),
            finding.standing.word().to_owned(),
            number(rule.holds),
            number(rule.violated),
            number(rule.undecided),
        ];
        if any_fragile {
            row.push(if rule.fragile { "fragile" } else { "" }.to_owned());
        }
        table.add(None, if rule.fragile { "fired" } else { "" }, row);
    }
    Some(table)
}

/// Every rule in every slice, those that fired first.
pub(crate) fn rules(view: &View) -> Table {
    let mut table = Table::new(
        "Every rule in every segment",
        &[
            "rule",
            "verb",
            "where",
            "standing",
            "~what was seen",
            "#n",
            "#effective n",
            "#missing",
            "#for holding",
            "#for violation",
            "method",
            "severity",
            "owner",
            "written at",
        ],
    );
    let is_fired = |at: usize| view.fired.contains(&at);
    let rest = (0..view.findings.len()).filter(|&at| !is_fired(at));
    for at in view.fired.iter().copied().chain(rest) {
        if let Some(finding) = view.findings.get(at) {
            let class = if is_fired(at) { "fired" } else { "" };
            table.add(Some(format!("rule-{}", at + 1)), class, rule(finding));
        }
    }
    table
}

fn rule(finding: &FindingView) -> Vec<String> {
    let standing = match finding.deciding {
        true => finding.standing.word().to_owned(),
        false => format!("{} (reports only)", finding.standing.word()),
    };
    let estimate = |shown: Option<&EstimateView>| match finding.against {
        Some(_) => words::change_shown(finding.unit, shown, None),
        None => words::level_shown(finding.unit, shown, None),
    };
    let shown = finding.for_holds.as_ref().or(finding.for_violated.as_ref());
    vec![
        finding.rule.clone(),
        finding.verb.word().to_owned(),
        finding.slice.words.clone(),
        standing,
        finding.sentence.clone(),
        words::count(finding.n),
        words::short(finding.n_eff, 1),
        words::count(finding.missing),
        estimate(finding.for_holds.as_ref()),
        estimate(finding.for_violated.as_ref()),
        words::method_shown(shown),
        finding.severity.word().to_owned(),
        finding.owner.name.clone(),
        finding.at.clone(),
    ]
}

/// Segments that lost and gained.
pub(crate) fn segments(view: &View) -> Option<Table> {
    let mut table = Table::new(
        "Segments that lost and gained",
        &[
            "segment",
            "criterion",
            "#n",
            "#production",
            "#candidate",
            "#change (95 %)",
            "#lost",
            "#gained",
            "#failures a week",
            "method",
        ],
    );
    for row in &view.segments {
        let week = row.per_week.map_or_else(
            || "–".to_owned(),
            |failures| format!("{}{}", words::sign(failures), words::about(failures)),
        );
        let (production, candidate) = words::both(row);
        let tied = row
            .tied
            .map(|tied| format!(", {} tied", words::count(tied)));
        table.add(
            None,
            if row.fired { "fired" } else { "" },
            vec![
                row.slice.words.clone(),
                words::noted(&row.criterion, row.note.as_deref()),
                words::count(row.n),
                production,
                format!("{candidate}{}", tied.unwrap_or_default()),
                words::change_shown(
                    row.unit,
                    row.difference.as_ref(),
                    row.no_interval.as_deref(),
                ),
                words::count(row.lost),
                words::count(row.gained),
                week,
                words::method_shown(row.difference.as_ref()),
            ],
        );
    }
    table.unless_empty()
}

/// Every criterion in every slice for every system.
pub(crate) fn cells(view: &View) -> Table {
    let mut table = Table::new(
        "Every criterion in every segment, per system",
        &[
            "criterion",
            "where",
            "system",
            "#planned",
            "#graded",
            "#pass",
            "#fail",
            "#not applicable",
            "missing",
            "#n",
            "#value (95 %)",
            "#p50 / p95 / p99",
            "method",
        ],
    );
    for cell in &view.tables {
        for (role, system) in &cell.systems {
            table.push(one_cell(cell, *role, system));
        }
    }
    table
}

fn one_cell(cell: &CellView, role: Role, system: &SystemCellView) -> Vec<String> {
    let times = |values: [f64; 3]| values.map(|value| words::short(value, 1)).join(" / ");
    vec![
        words::noted(&cell.criterion, cell.note.as_deref()),
        cell.slice.words.clone(),
        role.word().to_owned(),
        words::count(system.units),
        words::count(system.graded),
        words::count(system.pass),
        words::count(system.fail),
        words::count(system.not_applicable),
        reasons(&system.missing, "0"),
        words::count(system.n),
        words::level_shown(
            cell.unit,
            system.rate.as_ref(),
            system.no_interval.as_deref(),
        ),
        system.quantiles.map_or_else(String::new, times),
        words::method_shown(system.rate.as_ref()),
    ]
}

/// Missing units by reason, or the word for none.
fn reasons(missing: &BTreeMap<String, u64>, none: &str) -> String {
    let counted = missing.iter();
    let counted: Vec<String> = counted
        .map(|(reason, count)| format!("{} {reason}", words::count(*count)))
        .collect();
    match counted.is_empty() {
        true => none.to_owned(),
        false => counted.join(", "),
    }
}

/// Attempts per system.
pub(crate) fn denominators(view: &View) -> Table {
    let aside = words::set_aside(view.reference.quarantined, view.reference.retired);
    let aside = aside.map(|aside| format!(" ({aside})"));
    let mut table = Table::new(
        &format!("Attempts per system{}", aside.unwrap_or_default()),
        &[
            "system",
            "name",
            "#planned",
            "#answered",
            "#too late",
            "missing by reason",
            "#reused",
            "#fresh answers",
            "#fresh too late",
            "#fresh without answer",
        ],
    );
    for row in &view.denominators {
        table.push(vec![
            row.system.word().to_owned(),
            row.name.clone(),
            words::count(row.planned),
            words::count(row.answered),
            words::count(row.timed_out),
            reasons(&row.missing, "none"),
            words::count(row.reused),
            words::count(row.confirm_answered),
            words::count(row.confirm_timed_out),
            words::count(row.confirm_failed),
        ]);
    }
    table
}

/// pass^k.
pub(crate) fn reliability(view: &View) -> Option<Table> {
    let mut table = Table::new(
        "k uses in a row all work (pass^k)",
        &[
            "criterion",
            "system",
            "#k",
            "#ungraded counted as failed",
            "#ungraded missing",
            "~which one gates",
        ],
    );
    let share = |share: ShareOf| {
        format!(
            "{} (n {})",
            amount(Unit::Share, share.value),
            words::count(share.n)
        )
    };
    for row in &view.reliability {
        table.push(vec![
            row.criterion.clone(),
            row.system.word().to_owned(),
            row.k.to_string(),
            share(row.ungraded_failed),
            share(row.ungraded_missing),
            row.gates.clone(),
        ]);
    }
    table.unless_empty()
}

/// Behavioural tests.
pub(crate) fn behaviour(view: &View) -> Option<Table> {
    let mut table = Table::new(
        "Behavioural tests: cases written at the boundary, no rates of traffic",
        &[
            "capability",
            "test",
            "criterion",
            "#candidate: failed",
            "#share (95 %)",
            "#production: failed",
            "#holds, candidate less production",
            "#right to wrong",
            "#wrong to right",
            "~failed cases",
        ],
    );
    let failed = |cases: Option<&CasesView>| {
        cases.map_or_else(
            || "–".to_owned(),
            |cases| {
                let mut text = format!(
                    "{} of {}",
                    words::count(cases.failures),
                    words::count(cases.cases)
                );
                if cases.missing > 0 {
                    text.push_str(&format!(", {} missing", words::count(cases.missing)));
                }
                text
            },
        )
    };
    for row in &view.behaviour {
        let candidate = row.systems.get(&Role::Candidate);
        let flips = candidate.and_then(|cases| cases.flips);
        table.push(vec![
            row.capability.clone(),
            row.test.word().to_owned(),
            row.criterion.clone(),
            failed(candidate),
            candidate.map_or_else(String::new, |cases| {
                words::level_shown(
                    Unit::Share,
                    cases.rate.as_ref(),
                    cases.no_interval.as_deref(),
                )
            }),
            failed(row.systems.get(&Role::Production)),
            row.against.as_ref().map_or_else(
                || "–".to_owned(),
                |pair| {
                    words::change_shown(
                        Unit::Share,
                        pair.difference.as_ref(),
                        pair.no_interval.as_deref(),
                    )
                },
            ),
            flips.map_or_else(|| "–".to_owned(), |flips| words::count(flips.to_fail)),
            flips.map_or_else(|| "–".to_owned(), |flips| words::count(flips.to_pass)),
            candidate.map_or_else(String::new, |cases| {
                let shown: Vec<&str> = cases.examples.iter().take(10).map(String::as_str).collect();
                let more = cases.examples.len().saturating_sub(shown.len());
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                format!("{}{more}", shown.join(", "))
            }),
        ]);
    }
    table.unless_empty()
}

/// What canaries said of judges.
pub(crate) fn judges(view: &View) -> Option<Table> {
    let mut table = Table::new(
        "Judges and their canaries",
        &[
            "judge",
            "criterion",
            "#answers judged",
            "#unreadable",
            "#wrong answers passed",
            "#with an instruction passed",
            "#changed when asked again",
            "#one of two equal answers preferred",
            "may it gate, by its canaries",
        ],
    );
    for row in &view.judges {
        let of = |count: gatewright_core::judge::CanaryCount| {
            let said = format!("{} of {}", words::count(count.count), words::count(count.n));
            match count.missing {
                0 => said,
                missing => format!("{said}; {} without a verdict", words::count(missing)),
            }
        };
        table.push(vec![
            row.report.judge.clone(),
            row.criterion.clone(),
            words::count(row.report.judged),
            words::count(row.report.unreadable),
            of(row.report.wrong),
            of(row.report.injected),
            of(row.report.again),
            row.report.same.map(of).unwrap_or_default(),
            row.unfit
                .clone()
                .map_or_else(|| "yes".to_owned(), |why| format!("no: {why}")),
        ]);
    }
    table.unless_empty()
}

/// Judges beside people.
pub(crate) fn fitness(view: &View) -> Option<Table> {
    let mut table = Table::new(
        "Judges beside people's labels",
        &[
            "criterion",
            "may it gate",
            "#passes what people pass",
            "#fails what people fail",
            "#both pass",
            "#judge alone fails",
            "#judge alone passes",
            "#both fail",
        ],
    );
    let share = |share: ShareView| {
        format!(
            "{} ({} to {}), effective n {}",
            amount(Unit::Share, share.point),
            words::short(share.lower * 100.0, 1),
            words::short(share.upper * 100.0, 1),
            words::count(share.n)
        )
    };
    for row in &view.fitness {
        let mut cells = vec![
            row.criterion.clone(),
            row.standing.clone(),
            share(row.passes_right),
            share(row.fails_right),
        ];
        cells.extend(row.counts.map(words::count));
        table.push(cells);
    }
    table.unless_empty()
}

/// Examples by kind.
pub(crate) fn reference(view: &View) -> Table {
    let mut table = Table::new("Active examples by kind", &["kind", "#examples"]);
    for (kind, count) in &view.reference.kinds {
        table.push(vec![kind.word().to_owned(), words::count(*count)]);
    }
    table.push(vec!["all".to_owned(), words::count(view.reference.active)]);
    table
}

/// What is to say of the set, one sentence each.
pub(crate) fn reference_notes(view: &View) -> Vec<String> {
    let set = &view.reference;
    let mut notes = vec![format!(
        "{} examples from {} independent sources; {} quarantined, {} retired.",
        words::count(set.active),
        words::count(set.clusters),
        words::count(set.quarantined),
        words::count(set.retired)
    )];
    if let (Some(oldest), Some(middle), Some(newest)) = (&set.oldest, &set.middle, &set.newest) {
        notes.push(format!(
            "Added from {oldest} to {newest}, the middle one on {middle}; {} without a date.",
            words::count(set.undated)
        ));
    } else {
        notes.push(format!(
            "{} without a date of addition.",
            words::count(set.undated)
        ));
    }
    notes.push(format!(
        "{} past their review date ({}).",
        words::count(set.overdue),
        amount(Unit::Share, set.stale)
    ));
    let open = set
        .incidents
        .iter()
        .filter(|incident| incident.open)
        .count() as u64;
    notes.push(match set.incidents.len() {
        0 => "No incident is recorded.".to_owned(),
        all => format!(
            "{} of {all} recorded incidents are open.",
            words::count(open)
        ),
    });
    notes
}

/// Production failures that the gate knows of.
pub(crate) fn incidents(view: &View) -> Option<Table> {
    let mut table = Table::new(
        "Incidents",
        &[
            "incident",
            "state",
            "date",
            "class",
            "where",
            "~what happened",
            "reproduced by",
        ],
    );
    for row in &view.reference.incidents {
        let place: Vec<String> = row
            .segment
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        table.push(vec![
            row.id.clone(),
            if row.open { "open" } else { "covered" }.to_owned(),
            row.date.clone(),
            row.class.clone(),
            place.join(", "),
            row.what.clone(),
            row.example
                .clone()
                .unwrap_or_else(|| "nothing yet".to_owned()),
        ]);
    }
    table.unless_empty()
}

/// The run and its seal.
pub(crate) fn run(view: &View) -> Table {
    let run = &view.run;
    let mut table = Table::new("The run", &["what", "value"]);
    let mut say = |what: &str, value: String| table.push(vec![what.to_owned(), value]);
    say("run", run.name.clone());
    say("decided on", run.today.clone());
    say("release attempt on these examples", run.attempt.to_string());
    say("tool", run.tool.clone());
    for (role, system) in &run.systems {
        let trials = run.trials.get(role).copied().unwrap_or(0);
        let trials = match trials {
            1 => "1 trial an example".to_owned(),
            trials => format!("{trials} trials an example"),
        };
        say(
            role.word(),
            format!(
                "{}, {trials}, fingerprint {}",
                system.name, system.fingerprint
            ),
        );
    }
    say("sealed", run.sealed.clone());
    if let Some(seal) = &run.seal {
        say("seal", seal.clone());
    }
    if !run.changed.is_empty() {
        say("changed since the seal", run.changed.join(", "));
    }
    say("plan", run.plan.clone());
    say("reference set", view.reference.digest.clone());
    say("format", view.format.clone());
    table
}
