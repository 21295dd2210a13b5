//! The two tables of the summary: segments that changed, and failing examples by class and owner.

use super::fit::Section;
use crate::manifest::Role;
use crate::report::model::{ClassView, EstimateView, SegmentView, Unit, View};
use crate::report::untrusted::{clip, columns, line, pad};
use crate::report::words;

/// Room that both tables share, so that their columns stand under each other.
pub(super) struct Columns {
    width: usize,
    name: usize,
    n: usize,
    gap: usize,
}

/// Most columns of a name, and fewest.
const NAME: (usize, usize) = (12, 40);
/// Columns that the two systems take.
const SYSTEMS: (usize, usize) = (10, 9);

impl Columns {
    /// As much room for names as what stands behind them leaves; where that is little, the columns stand closer.
    pub(super) fn of(view: &View, width: usize) -> Self {
        let rows = chosen(view);
        let changes = rows.iter().map(|(row, _)| columns(&change(row)));
        let behind = changes.max().unwrap_or(0).max(columns(&title(&rows).1));
        let counts = rows.iter().map(|(row, _)| row.n);
        let counts = counts.chain([view.reference.active]);
        let n = counts.map(|n| columns(&words::count(n))).max().unwrap_or(1);
        let one = one_criterion(&rows);
        let names = rows.iter().map(|(row, _)| columns(&name(row, one, &rows)));
        let names = names.chain([columns(CLASSES)]);
        let wanted = names.max().unwrap_or(0);
        let mut found = (NAME.0, 1);
        for gap in [2, 1] {
            let taken = 2 + n + SYSTEMS.0 + SYSTEMS.1 + 3 * gap + 1 + behind;
            let room = width.saturating_sub(taken).clamp(NAME.0, NAME.1);
            found = (room, gap);
            if room >= wanted {
                break;
            }
        }
        Self {
            width,
            name: found.0,
            n,
            gap: found.1,
        }
    }

    fn row(&self, mark: char, name: &str, cells: [&str; 3], rest: &str) -> String {
        let (gap, n) = (" ".repeat(self.gap), self.n);
        let [count, production, candidate] = cells;
        let text = format!(
            "{mark} {} {count:>n$}{gap}{production:>p$}{gap}{candidate:>c$}{gap}{rest}",
            pad(name, self.name),
            p = SYSTEMS.0,
            c = SYSTEMS.1,
        );
        clip(text.trim_end(), self.width)
    }
}

const CLASSES: &str = "Examples failing as";

/// Segments that lost, the largest loss first, then those that gained, then all examples.
pub(super) fn segments(view: &View, room: &Columns) -> Option<Section> {
    let rows = chosen(view);
    let (name_title, change_title) = title(&rows);
    if rows.is_empty() {
        return None;
    }
    let one = one_criterion(&rows);
    // A long name stands alone: behind it is "change".
    let name_title = match columns(&name_title) <= room.name {
        true => &name_title,
        false => name_title.trim_start_matches("Changed on "),
    };
    let head = room.row(
        ' ',
        name_title,
        ["n", "production", "candidate"],
        &change_title,
    );
    let lines = rows.iter().map(|(row, leaves)| {
        let mark = match row.net {
            net if net < -1e-9 => '▼',
            net if net > 1e-9 => '▲',
            _ => '·',
        };
        let (production, candidate) = words::both(row);
        let text = room.row(
            mark,
            &name(row, one, &rows),
            [&words::count(row.n), &production, &candidate],
            &change(row),
        );
        (text, *leaves)
    });
    let lines: Vec<(String, usize)> = lines.collect();
    Some(Section::table(
        head,
        lines,
        (5, 3),
        4,
        ("segment", "segments"),
    ))
}

fn one_criterion(rows: &[(&SegmentView, usize)]) -> bool {
    let first = rows.first().map(|(row, _)| &row.criterion);
    rows.iter().all(|(row, _)| Some(&row.criterion) == first)
}

/// There is room for the first words of what the numbers are.
fn short_note(row: &SegmentView) -> Option<&str> {
    let note = row.note.as_deref()?;
    Some(note.trim_end_matches(", not corrected"))
}

fn alike(rows: &[(&SegmentView, usize)]) -> bool {
    let first = rows.first().map(|(row, _)| &row.note);
    rows.iter().all(|(row, _)| Some(&row.note) == first)
}

/// What stands above the names, and above the changes.
fn title(rows: &[(&SegmentView, usize)]) -> (String, String) {
    let first = rows.first().map(|(row, _)| *row);
    let names = match first {
        Some(first) if one_criterion(rows) => {
            format!("Changed on {}", line(&first.criterion, 40))
        }
        _ => "Changed".to_owned(),
    };
    let change = match first.and_then(short_note).filter(|_| alike(rows)) {
        Some(note) => format!("95 % change ({note})"),
        None => "change (95 % interval)".to_owned(),
    };
    (names, change)
}

fn name(row: &SegmentView, one_criterion: bool, rows: &[(&SegmentView, usize)]) -> String {
    let mut name = line(&row.slice.words, 60);
    if !one_criterion {
        name = format!("{name}, {}", line(&row.criterion, 30));
    }
    if let Some(note) = short_note(row).filter(|_| !alike(rows)) {
        name = format!("{name} ({note})");
    }
    match row.tied {
        Some(tied) if tied > 0 => format!("{name}, {} tied", words::count(tied)),
        _ => name,
    }
}

/// Where rules fired, the largest losses, the largest gains and all examples, of the criteria that decide; each with when it leaves.
fn chosen(view: &View) -> Vec<(&SegmentView, usize)> {
    let decides = |row: &SegmentView| {
        view.findings
            .iter()
            .any(|finding| finding.deciding && finding.subject == row.criterion)
    };
    let fired: Vec<&SegmentView> = view
        .segments
        .iter()
        .filter(|row| row.fired)
        .take(3)
        .collect();
    let same = |row: &SegmentView| {
        fired.is_empty() || fired.iter().any(|one| one.criterion == row.criterion)
    };
    let whole = |row: &SegmentView| row.slice.values.is_empty();
    // A dimension with one value says the same as all examples.
    let repeats = |row: &SegmentView| {
        let mut all = view.segments.iter().filter(|one| whole(one));
        !whole(row) && all.any(|one| one.criterion == row.criterion && one.n == row.n)
    };
    let others: Vec<&SegmentView> = view
        .segments
        .iter()
        .filter(|row| !row.fired && decides(row) && same(row) && !repeats(row))
        .collect();
    let mut rows: Vec<(&SegmentView, usize)> = fired.iter().map(|row| (*row, 0)).collect();
    // A better average over a broken segment is the thing to see.
    let all = others.iter().filter(|row| whole(row)).take(1);
    rows.extend(all.map(|row| (*row, 1)));
    let lost = others.iter().filter(|row| row.net < -1e-9 && !whole(row));
    rows.extend(lost.take(2).zip([2, 4]).map(|(row, at)| (*row, at)));
    let gained = others.iter().rev();
    let gained = gained.filter(|row| row.net > 1e-9 && !whole(row));
    rows.extend(gained.take(2).zip([3, 5]).map(|(row, at)| (*row, at)));
    // A stable sort: of equal losses the one that fired stands first.
    rows.sort_by(|(a, _), (b, _)| {
        let group = |row: &SegmentView| (whole(row), row.net > 1e-9, row.net >= -1e-9);
        let size = |row: &SegmentView| -row.net.abs();
        group(a).cmp(&group(b)).then(size(a).total_cmp(&size(b)))
    });
    rows
}

/// `−20.8 pts (−38 to −4)`.
fn change(row: &SegmentView) -> String {
    difference(row.unit, row.difference.as_ref())
}

fn difference(unit: Unit, estimate: Option<&EstimateView>) -> String {
    let Some(estimate) = estimate else {
        return "no interval".to_owned();
    };
    let show = |value: f64| match unit {
        Unit::Share => format!(
            "{}{}",
            words::sign(value),
            words::short(value.abs() * 100.0, 1)
        ),
        other => words::change(other, value),
    };
    let bound = |bound: Option<f64>| bound.map_or_else(|| "?".to_owned(), show);
    let points = if unit == Unit::Share { " pts" } else { "" };
    format!(
        "{}{points} ({} to {})",
        show(estimate.point),
        bound(estimate.lower),
        bound(estimate.upper)
    )
}

/// Failing examples by class, with who repairs them.
pub(super) fn classes(view: &View, room: &Columns) -> Option<Section> {
    // What only the fallback fails is in the report: the summary compares the other two.
    let fails = |class: &&ClassView| {
        let pair = [Role::Candidate, Role::Production];
        let mut counts = pair.iter().filter_map(|role| class.examples.get(role));
        counts.any(|count| *count > 0)
    };
    let classes: Vec<&ClassView> = view.classes.iter().filter(fails).collect();
    if classes.is_empty() {
        return None;
    }
    let head = room.row(' ', CLASSES, ["n", "production", "candidate"], "owner");
    let rows = classes.into_iter().enumerate().map(|(leaves, class)| {
        let of = |role: Role| {
            let count = class.examples.get(&role).copied();
            count.map_or_else(|| "-".to_owned(), words::count)
        };
        let contact = class.owner.contact.as_deref();
        let contact = contact.map(|contact| format!(" {}", line(contact, 40)));
        let owner = format!(
            "{}{}",
            line(&class.owner.name, 60),
            contact.unwrap_or_default()
        );
        let name = words::class(&line(&class.class, 60), 2);
        let cells = [
            &words::count(view.reference.active)[..],
            &of(Role::Production),
            &of(Role::Candidate),
        ];
        (room.row(' ', &name, cells, &owner), leaves)
    });
    let what = ("failure class", "failure classes");
    Some(Section::table(head, rows.collect(), (4, 2), 3, what))
}
