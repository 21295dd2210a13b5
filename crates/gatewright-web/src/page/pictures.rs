//! Pictures: what stands where, and the words and the table beside each.

use gatewright_core::manifest::Role;
use gatewright_core::report::View;
use gatewright_core::report::model::{
    CaptionView, CellView, EstimateView, ForestRow, ForestView, HeatCell, HeatView, PaceRow,
    PaceView, StandingWord, Unit,
};
use gatewright_core::report::words;

use crate::chart::{Scale, Span, percent};
use crate::page::tables::Table;
use crate::text::amount;

/// Candidate − production per rule and segment.
pub(crate) struct Forest {
    pub(crate) caption: CaptionView,
    pub(crate) zero: String,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) rows: Vec<ForestLine>,
    pub(crate) table: Table,
}

/// A mark of the axis.
pub(crate) struct Tick {
    pub(crate) at: String,
    pub(crate) words: String,
    pub(crate) anchor: &'static str,
}

/// One drawn row.
pub(crate) struct ForestLine {
    pub(crate) anchor: String,
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) standing: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) fired: bool,
    pub(crate) interval: Option<Span>,
    pub(crate) at: Option<String>,
    pub(crate) limit: Option<String>,
    pub(crate) fresh: Option<String>,
    /// Height of dot and bar: above the diamond, where there is one.
    pub(crate) y: u8,
    pub(crate) words: String,
    pub(crate) rests_on: String,
}

impl Forest {
    pub(crate) fn of(view: &ForestView) -> Self {
        let scale = Scale::new(view.axis.0, view.axis.1);
        let last = view.ticks.len().saturating_sub(1);
        let ticks = view.ticks.iter().enumerate();
        Self {
            caption: view.caption.clone(),
            zero: percent(scale.at(0.0)),
            ticks: ticks
                .map(|(at, &value)| Tick {
                    at: percent(scale.at(value)),
                    words: format!("{}{}", plus(value), words::short(value * 100.0, 0)),
                    anchor: match at {
                        0 => "start",
                        at if at == last => "end",
                        _ => "middle",
                    },
                })
                .collect(),
            rows: view
                .rows
                .iter()
                .filter(|row| row.unit == Unit::Share)
                .map(|row| line(scale, row))
                .collect(),
            table: forest_table(&view.rows),
        }
    }
}

fn plus(value: f64) -> &'static str {
    if value > 0.0 { "+" } else { "" }
}

fn standing(row: &ForestRow) -> (&'static str, &'static str) {
    match (row.standing, row.deciding) {
        (_, false) => ("watched", "watch"),
        (StandingWord::Holds, _) => ("holds", "good"),
        (StandingWord::Violated, _) => ("violated", "bad"),
        (StandingWord::Undecided, _) => ("undecided", "open"),
    }
}

fn line(scale: Scale, row: &ForestRow) -> ForestLine {
    let shown = row.difference.as_ref();
    let (standing, mark) = standing(row);
    let mut rests_on = format!("n {}", words::count(row.n));
    match (row.lost, row.gained) {
        (0, 0) => {}
        (lost, gained) => rests_on.push_str(&format!(", {lost} lost, {gained} gained")),
    }
    if let Some(limit) = row.limit {
        rests_on.push_str(&format!(", limit {}", points(limit)));
    }
    if let Some(fresh) = row.fresh {
        rests_on.push_str(&format!(
            ", fresh {} in {} calls",
            points(fresh.difference),
            words::count(fresh.calls)
        ));
    }
    ForestLine {
        anchor: format!("#rule-{}", row.finding + 1),
        place: row.slice.words.clone(),
        what: format!("{} · {}", row.rule, row.criterion),
        standing,
        mark,
        fired: row.fired,
        interval: shown.and_then(|shown| Some(Span::new(scale, shown.lower?, shown.upper?))),
        at: shown.map(|shown| percent(scale.at(shown.point))),
        limit: row.limit.map(|limit| percent(scale.at(limit))),
        fresh: row.fresh.map(|fresh| percent(scale.at(fresh.difference))),
        y: if row.fresh.is_some() { 11 } else { 18 },
        words: words::change_shown(Unit::Share, shown, row.no_interval.as_deref())
            .replace(" points", " pts"),
        rests_on,
    }
}

/// `−5 pts`: a difference of shares where there is little room.
fn points(value: f64) -> String {
    format!("{}{} pts", plus(value), words::short(value * 100.0, 1))
}

fn forest_table(rows: &[ForestRow]) -> Table {
    let mut table = Table::new(
        "Candidate minus production, all rows",
        &[
            "segment",
            "rule",
            "verb",
            "criterion",
            "standing",
            "severity",
            "#n",
            "#change",
            "#level",
            "#limit",
            "#lost",
            "#gained",
            "trials",
            "fresh trials",
            "method",
        ],
    );
    for row in rows {
        let (standing, _) = standing(row);
        table.push(vec![
            row.slice.words.clone(),
            row.rule.clone(),
            row.verb.word().to_owned(),
            row.criterion.clone(),
            standing.to_owned(),
            row.severity.word().to_owned(),
            words::count(row.n),
            words::change_shown(
                row.unit,
                row.difference.as_ref(),
                row.no_interval.as_deref(),
            ),
            amount(Unit::Share, row.level),
            row.limit
                .map_or_else(|| "–".to_owned(), |limit| words::change(row.unit, limit)),
            words::count(row.lost),
            words::count(row.gained),
            format!("candidate {}, production {}", row.trials.0, row.trials.1),
            row.fresh.map_or_else(
                || "none".to_owned(),
                |fresh| {
                    format!(
                        "{} (at best {}), {} calls",
                        words::change(Unit::Share, fresh.difference),
                        words::change(Unit::Share, fresh.at_best),
                        words::count(fresh.calls)
                    )
                },
            ),
            words::method_shown(row.difference.as_ref()),
        ]);
    }
    table
}

/// Segment × criterion.
pub(crate) struct Heat {
    pub(crate) caption: CaptionView,
    pub(crate) criteria: Vec<String>,
    pub(crate) rows: Vec<HeatLine>,
    pub(crate) left_out: Option<String>,
    pub(crate) thin_below: u64,
    pub(crate) compares: bool,
}

/// One segment.
pub(crate) struct HeatLine {
    pub(crate) place: String,
    pub(crate) cells: Vec<HeatBox>,
}

/// One cell.
pub(crate) struct HeatBox {
    pub(crate) class: String,
    pub(crate) mark: &'static str,
    pub(crate) main: String,
    pub(crate) beside: String,
    pub(crate) thin: bool,
}

impl Heat {
    /// `tables` know what a criterion's numbers are.
    pub(crate) fn of(view: &HeatView, tables: &[CellView]) -> Self {
        let noted = |criterion: &String| {
            let mut cells = tables.iter();
            let cell = cells.find(|cell| cell.criterion == *criterion);
            words::noted(criterion, cell.and_then(|cell| cell.note.as_deref()))
        };
        Self {
            caption: view.caption.clone(),
            criteria: view.criteria.iter().map(noted).collect(),
            rows: view
                .rows
                .iter()
                .map(|row| HeatLine {
                    place: row.slice.words.clone(),
                    cells: row
                        .cells
                        .iter()
                        .map(|cell| heat_box(cell.as_ref()))
                        .collect(),
                })
                .collect(),
            left_out: (view.left_out > 0)
                .then(|| format!("{} more segments are in the tables below.", view.left_out)),
            thin_below: view.thin_below,
            compares: view.compares,
        }
    }
}

fn heat_box(cell: Option<&HeatCell>) -> HeatBox {
    let Some(cell) = cell else {
        return HeatBox {
            class: "none".to_owned(),
            mark: "",
            main: "–".to_owned(),
            beside: "not graded".to_owned(),
            thin: false,
        };
    };
    let shade = match cell.shade {
        0 => "even".to_owned(),
        shade if shade < 0 => format!("worse{}", -shade),
        shade => format!("better{shade}"),
    };
    let value = words::amount(cell.unit, cell.candidate);
    let n = format!("n {}", words::count(cell.n));
    let (main, beside) = match cell.change {
        Some(change) if cell.unit == Unit::Share => (
            format!("{}{}", plus(change), words::short(change * 100.0, 1)),
            format!("{value}, {n}"),
        ),
        Some(change) => (words::change(cell.unit, change), format!("{value}, {n}")),
        None => (value, n),
    };
    HeatBox {
        class: if cell.thin {
            format!("{shade} thin")
        } else {
            shade
        },
        mark: match cell.shade {
            0 => "",
            shade if shade < 0 => "▼",
            _ => "▲",
        },
        main,
        beside,
        thin: cell.thin,
    }
}

/// Failing examples by class and owner.
pub(crate) struct Owners {
    pub(crate) caption: CaptionView,
    pub(crate) owners: Vec<OwnerBlock>,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) table: Table,
}

/// One owner with classes.
pub(crate) struct OwnerBlock {
    pub(crate) name: String,
    pub(crate) contact: Option<String>,
    pub(crate) cost: Option<String>,
    pub(crate) classes: Vec<ClassBars>,
}

/// One class.
pub(crate) struct ClassBars {
    pub(crate) name: String,
    pub(crate) severity: &'static str,
    pub(crate) bars: Vec<Bar>,
    pub(crate) repair: String,
}

/// One bar.
pub(crate) struct Bar {
    pub(crate) who: &'static str,
    pub(crate) width: String,
    pub(crate) words: String,
}

impl Owners {
    pub(crate) fn of(view: &View) -> Option<Self> {
        let shown = view.class_owners.as_ref()?;
        let scale = Scale::new(0.0, shown.most as f64);
        let roles: Vec<Role> = Role::ALL
            .into_iter()
            .filter(|role| {
                view.classes
                    .iter()
                    .any(|class| class.examples.contains_key(role))
            })
            .collect();
        let label = format!(
            "Failing examples by class, of {}",
            words::counted(shown.examples, "example")
        );
        let mut table = Table::new(
            &label,
            &[
                "class",
                "owner",
                "severity",
                "#cost of one",
                "#candidate",
                "#production",
                "#fallback",
                "~repair",
            ],
        );
        for class in &view.classes {
            let of = |role: Role| {
                class
                    .examples
                    .get(&role)
                    .map_or_else(|| "–".to_owned(), |count| words::count(*count))
            };
            table.push(vec![
                class.class.clone(),
                class.owner.name.clone(),
                class.severity.word().to_owned(),
                words::money(&class.cost),
                of(Role::Candidate),
                of(Role::Production),
                of(Role::Fallback),
                class.repair.clone(),
            ]);
        }
        let owners = shown
            .owners
            .iter()
            .map(|row| OwnerBlock {
                name: row.owner.name.clone(),
                contact: row.owner.contact.clone(),
                cost: row
                    .cost
                    .as_ref()
                    .filter(|cost| cost.amount > 0.0)
                    .map(words::about_money),
                classes: row
                    .classes
                    .iter()
                    .filter_map(|&at| view.classes.get(at))
                    .map(|class| ClassBars {
                        name: words::class(&class.class, 2),
                        severity: class.severity.word(),
                        repair: class.repair.clone(),
                        bars: roles
                            .iter()
                            .map(|role| {
                                let count = class.examples.get(role).copied().unwrap_or(0);
                                Bar {
                                    who: role.word(),
                                    width: percent(scale.at(count as f64)),
                                    words: words::count(count),
                                }
                            })
                            .collect(),
                    })
                    .collect(),
            })
            .collect();
        Some(Self {
            caption: shown.caption.clone(),
            owners,
            roles: roles.into_iter().map(Role::word).collect(),
            table,
        })
    }
}

/// Time and money beside quality.
pub(crate) struct Pace {
    pub(crate) caption: CaptionView,
    pub(crate) systems: Vec<PaceLine>,
    pub(crate) table: Table,
}

/// One system.
pub(crate) struct PaceLine {
    pub(crate) who: String,
    pub(crate) bars: Vec<PaceBar>,
}

/// One measure of a system.
pub(crate) struct PaceBar {
    pub(crate) what: String,
    pub(crate) kind: &'static str,
    pub(crate) at: String,
    pub(crate) interval: Option<Span>,
    pub(crate) words: String,
}

impl Pace {
    pub(crate) fn of(view: &PaceView) -> Self {
        let share = Scale::new(0.0, 1.0);
        let time = Scale::new(0.0, view.widest.unwrap_or(0.0));
        let bar = |what: String, kind, scale: Scale, unit, shown: &EstimateView| PaceBar {
            what,
            kind,
            at: percent(scale.at(shown.point)),
            interval: shown
                .lower
                .zip(shown.upper)
                .map(|(low, high)| Span::new(scale, low, high)),
            words: words::level_shown(unit, Some(shown), None),
        };
        let line = |row: &PaceRow| {
            let quality = row.quality.iter().zip(&view.criteria);
            let mut bars: Vec<PaceBar> = quality
                .filter_map(|(shown, name)| {
                    Some(bar(
                        name.clone(),
                        "quality",
                        share,
                        Unit::Share,
                        shown.as_ref()?,
                    ))
                })
                .collect();
            let times = [("median time", &row.p50), ("p95 time", &row.p95)];
            bars.extend(times.into_iter().filter_map(|(what, shown)| {
                Some(bar(
                    what.to_owned(),
                    "time",
                    time,
                    Unit::Milliseconds,
                    shown.as_ref()?,
                ))
            }));
            PaceLine {
                who: who(row),
                bars,
            }
        };
        Self {
            caption: view.caption.clone(),
            systems: view.systems.iter().map(line).collect(),
            table: pace_table(view),
        }
    }
}

/// The role, and the system's name where it says more.
fn who(row: &PaceRow) -> String {
    match row.system.word() {
        role if role == row.name => role.to_owned(),
        role => format!("{role} ({})", row.name),
    }
}

/// The mean price without an interval, and why there is none.
fn dearness(row: &PaceRow) -> String {
    let mean = amount(Unit::Usd, row.cost_mean);
    match &row.cost_no_interval {
        Some(why) => format!("{mean}; no interval: {why}"),
        None => mean,
    }
}

fn pace_table(view: &PaceView) -> Table {
    let mut head: Vec<String> = vec!["system".to_owned()];
    head.extend(view.criteria.iter().map(|name| format!("#{name}")));
    let rest = [
        "#answers",
        "#timed",
        "#p50",
        "#p95",
        "#priced",
        "#cost of an answer",
        "#cost of all",
        "method of the cost",
    ];
    head.extend(rest.map(str::to_owned));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut table = Table::new("Time and money of first-look answers", &head);
    for row in &view.systems {
        let mut cells = vec![who(row)];
        cells.extend(
            row.quality
                .iter()
                .map(|shown| words::level_shown(Unit::Share, shown.as_ref(), None)),
        );
        cells.extend([
            words::count(row.answers),
            words::count(row.timed),
            words::level_shown(Unit::Milliseconds, row.p50.as_ref(), None),
            words::level_shown(Unit::Milliseconds, row.p95.as_ref(), None),
            words::count(row.priced),
            match &row.cost {
                Some(_) => words::level_shown(
                    Unit::Usd,
                    row.cost.as_ref(),
                    row.cost_no_interval.as_deref(),
                ),
                None => dearness(row),
            },
            amount(Unit::Usd, row.cost_total),
            words::method_shown(row.cost.as_ref()),
        ]);
        table.push(cells);
    }
    table
}
