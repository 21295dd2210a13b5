//! The report as Markdown: for a pull request, a step summary, a file beside the release.

use std::fmt::Write as _;

use crate::manifest::{Enforce, Role};
use crate::report::conduct;
use crate::report::model::{
    CasesView, EstimateView, FindingView, FlipsView, LapseView, Unit, View,
};
use crate::report::untrusted::markdown as safe;
use crate::report::{record, words};
use crate::response::Behaviour;

/// Most bytes of the Markdown (comments above 64 KB are refused by forges): sections shrink, nothing fails.
pub const MARKDOWN_BYTES_MAX: usize = 60_000;

/// Shows a view as Markdown. Tables are shortened until it fits [`MARKDOWN_BYTES_MAX`].
pub fn markdown(view: &View) -> String {
    let mut rows = 200;
    loop {
        let text = sized(view, rows);
        if text.len() <= MARKDOWN_BYTES_MAX || rows <= 1 {
            return text;
        }
        rows /= 2;
    }
}

fn sized(view: &View, rows: usize) -> String {
    let mut out = String::new();
    head(&mut out, view);
    findings(&mut out, view, rows);
    segments(&mut out, view, rows);
    classes(&mut out, view, rows);
    denominators(&mut out, view);
    reliability(&mut out, view, rows);
    behaviour(&mut out, view, rows);
    confusion(&mut out, view, rows);
    flips(&mut out, view, rows);
    lists(&mut out, view, rows);
    provenance(&mut out, view);
    out
}

fn head(out: &mut String, view: &View) {
    let answer = match view.enforce {
        Enforce::Block => view.answer.word(),
        Enforce::Advise | Enforce::Observe => words::would(view.answer),
    };
    let mut answer = answer.to_owned();
    if view.enforce != Enforce::Block {
        answer[..1].make_ascii_uppercase();
    }
    let _ = writeln!(out, "# {answer}: {}\n", safe(&view.product, 200));
    let _ = write!(out, "**{}**", safe(&words::answered(view), 600));
    for follow in &view.follows {
        let _ = write!(out, " {}", safe(follow, 400));
    }
    out.push_str("\n\n");
    for one in record::overrides(view) {
        let _ = writeln!(out, "> **Override in force**: {}\n", safe(&one, 800));
    }
    if !view.question.is_empty() {
        let _ = writeln!(out, "Question: {}  ", safe(&view.question, 400));
    }
    let _ = writeln!(out, "Promise: {}\n", safe(&view.promise, 1000));
    if let Some(week) = &view.per_week {
        let _ = writeln!(out, "Failures a week rest on {}.\n", safe(&week.basis, 300));
    }
    if let Some(line) = &view.trade_offs {
        let _ = writeln!(
            out,
            "Traded (candidate against production): {}\n",
            safe(line, 600)
        );
    }
}

/// Writes a table: at most `rows` rows, and how many more there are.
fn table(out: &mut String, title: &str, header: &[&str], body: Vec<Vec<String>>, rows: usize) {
    if body.is_empty() {
        return;
    }
    let _ = writeln!(out, "## {title}\n\n| {} |", header.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(header.len()));
    let total = body.len();
    for row in body.into_iter().take(rows) {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    if total > rows {
        let _ = writeln!(out, "\n{} more rows are in the JSON report.", total - rows);
    }
    out.push('\n');
}

fn findings(out: &mut String, view: &View, rows: usize) {
    let mut order: Vec<&FindingView> = view
        .fired
        .iter()
        .filter_map(|index| view.findings.get(*index))
        .collect();
    let rest = view.findings.iter().enumerate();
    order.extend(
        rest.filter(|(index, _)| !view.fired.contains(index))
            .map(|(_, finding)| finding),
    );
    let body = order
        .into_iter()
        .map(|finding| {
            let standing = match finding.deciding {
                true => finding.standing.word().to_owned(),
                false => format!("{} (reports only)", finding.standing.word()),
            };
            vec![
                safe(&finding.rule, 80),
                finding.verb.word().to_owned(),
                safe(&finding.slice.words, 80),
                standing,
                safe(&finding.sentence, 500),
                safe(&finding.rests_on, 300),
                safe(&finding.owner.name, 80),
            ]
        })
        .collect();
    let header = [
        "rule",
        "verb",
        "where",
        "standing",
        "what was seen",
        "what it rests on",
        "owner",
    ];
    table(out, "Rules", &header, body, rows);
}

fn interval(
    unit: crate::report::model::Unit,
    estimate: Option<&EstimateView>,
    why: Option<&str>,
) -> String {
    let Some(estimate) = estimate else {
        return safe(why.unwrap_or("none"), 100);
    };
    let bound = |bound: Option<f64>| {
        bound.map_or_else(|| "?".to_owned(), |bound| words::change(unit, bound))
    };
    format!(
        "{} ({} to {}), {}",
        safe(&words::change(unit, estimate.point), 60),
        safe(&bound(estimate.lower), 60),
        safe(&bound(estimate.upper), 60),
        safe(&estimate.method, 60)
    )
}

fn segments(out: &mut String, view: &View, rows: usize) {
    let body = view
        .segments
        .iter()
        .map(|row| {
            let (production, candidate) = words::both(row);
            let tied = row
                .tied
                .map(|tied| format!(", {} tied", words::count(tied)));
            vec![
                safe(&row.slice.words, 80),
                safe(&words::noted(&row.criterion, row.note.as_deref()), 120),
                words::count(row.n),
                safe(&production, 60),
                safe(&format!("{candidate}{}", tied.unwrap_or_default()), 60),
                interval(
                    row.unit,
                    row.difference.as_ref(),
                    row.no_interval.as_deref(),
                ),
                words::count(row.lost),
                words::count(row.gained),
                row.per_week.map_or_else(String::new, |failures| {
                    format!("{}{}", words::sign(failures), words::about(failures))
                }),
            ]
        })
        .collect();
    let header = [
        "segment",
        "criterion",
        "n",
        "production",
        "candidate",
        "change (95 % interval)",
        "lost",
        "gained",
        "failures a week",
    ];
    table(out, "Segments that lost and gained", &header, body, rows);
}

fn classes(out: &mut String, view: &View, rows: usize) {
    let body = view
        .classes
        .iter()
        .map(|class| {
            let of = |role: Role| {
                class
                    .examples
                    .get(&role)
                    .copied()
                    .map_or_else(String::new, words::count)
            };
            let contact = class.owner.contact.as_deref().unwrap_or_default();
            vec![
                safe(&class.class, 80),
                class.severity.word().to_owned(),
                safe(&words::money(&class.cost), 60),
                of(Role::Candidate),
                of(Role::Production),
                of(Role::Fallback),
                safe(&format!("{} {contact}", class.owner.name), 120),
                safe(&class.repair, 200),
            ]
        })
        .collect();
    let header = [
        "class",
        "severity",
        "cost of one",
        "candidate",
        "production",
        "fallback",
        "owner",
        "repair",
    ];
    let title = format!(
        "Failing examples by class, of {} (counts of these examples: no interval)",
        words::counted(view.reference.active, "example")
    );
    table(out, &title, &header, body, rows);
}

fn denominators(out: &mut String, view: &View) {
    let body = view
        .denominators
        .iter()
        .map(|row| {
            let missing: Vec<String> = row
                .missing
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            vec![
                row.system.word().to_owned(),
                safe(&row.name, 80),
                words::count(row.planned),
                if row.reused > 0 {
                    format!(
                        "{} ({} reused)",
                        words::count(row.answered),
                        words::count(row.reused)
                    )
                } else {
                    words::count(row.answered)
                },
                words::count(row.timed_out),
                if missing.is_empty() {
                    "0".to_owned()
                } else {
                    missing.join(", ")
                },
                words::count(row.confirm_answered),
            ]
        })
        .collect();
    let header = [
        "system",
        "name",
        "planned",
        "answered",
        "too late",
        "missing",
        "fresh answers for confirmation",
    ];
    let aside = words::set_aside(view.reference.quarantined, view.reference.retired);
    let aside = aside.map(|aside| format!(" ({aside})"));
    let title = format!("What was counted{}", aside.unwrap_or_default());
    table(out, &title, &header, body, usize::MAX);
}

fn reliability(out: &mut String, view: &View, rows: usize) {
    let body = view
        .reliability
        .iter()
        .map(|row| {
            let share = |share: crate::report::model::ShareOf| {
                format!(
                    "{} (n {})",
                    share
                        .value
                        .map_or_else(|| "-".to_owned(), |value| words::short(value, 4)),
                    words::count(share.n)
                )
            };
            vec![
                safe(&row.criterion, 80),
                row.system.word().to_owned(),
                row.k.to_string(),
                share(row.ungraded_failed),
                share(row.ungraded_missing),
                row.gates.clone(),
            ]
        })
        .collect();
    let header = [
        "criterion",
        "system",
        "k",
        "ungraded counted as failed",
        "ungraded missing",
        "which one gates",
    ];
    table(
        out,
        "k uses in a row all work (pass^k)",
        &header,
        body,
        rows,
    );
}

fn behaviour(out: &mut String, view: &View, rows: usize) {
    let failed = |cases: Option<&CasesView>| {
        let Some(cases) = cases else {
            return String::new();
        };
        let missing = match cases.missing {
            0 => String::new(),
            missing => format!(", {missing} missing"),
        };
        let rate = cases.rate.as_ref().map_or_else(
            || safe(cases.no_interval.as_deref().unwrap_or("none"), 100),
            |rate| {
                let share = |value: f64| words::amount(Unit::Share, value);
                let bound = |bound: Option<f64>| bound.map_or_else(|| "?".to_owned(), share);
                let (low, high) = (bound(rate.lower), bound(rate.upper));
                let point = share(rate.point);
                safe(&format!("{point} ({low} to {high}), {}", rate.method), 120)
            },
        );
        format!("{} of {}: {rate}{missing}", cases.failures, cases.cases)
    };
    let body = view
        .behaviour
        .iter()
        .map(|row| {
            let candidate = row.systems.get(&Role::Candidate);
            let against = row.against.as_ref();
            let flips = candidate.and_then(|cases| cases.flips.as_ref());
            let flip = |count: fn(&FlipsView) -> u64| {
                flips.map_or_else(String::new, |flips| words::count(count(flips)))
            };
            vec![
                safe(&row.capability, 80),
                row.test.word().to_owned(),
                safe(&row.criterion, 80),
                failed(candidate),
                failed(row.systems.get(&Role::Production)),
                against.map_or_else(String::new, |pair| {
                    interval(
                        Unit::Share,
                        pair.difference.as_ref(),
                        pair.no_interval.as_deref(),
                    )
                }),
                flip(|flips| flips.to_fail),
                flip(|flips| flips.to_pass),
            ]
        })
        .collect();
    let header = [
        "capability",
        "test",
        "criterion",
        "candidate: failed cases",
        "production: failed cases",
        "cases that hold, candidate less production",
        "right to wrong",
        "wrong to right",
    ];
    let title = "Behavioural tests (cases written at the boundary: no rates of traffic)";
    table(out, title, &header, body, rows);
}

fn confusion(out: &mut String, view: &View, rows: usize) {
    let body = conduct::rows(view).into_iter();
    let body = body.map(|(matrix, role, expected, counts)| {
        let mut row = vec![
            safe(&matrix.slice.words, 80),
            safe(&matrix.criterion, 80),
            role.word().to_owned(),
            expected.behaviour.word().to_owned(),
        ];
        row.extend(counts.map(words::count));
        row
    });
    let mut header = vec!["where", "criterion", "system", "expected"];
    header.extend(Behaviour::ALL.map(Behaviour::word));
    header.push("unseen");
    let title = "Behaviour: expected against done (answers)";
    table(out, title, &header, body.collect(), rows);
    let lapse = |lapse: &LapseView| safe(&words::lapse(lapse), 200);
    let body = conduct::lapses(view)
        .into_iter()
        .flat_map(|(matrix, systems)| {
            systems.into_iter().map(move |(role, done)| {
                vec![
                    safe(&matrix.slice.words, 80),
                    safe(&matrix.criterion, 80),
                    role.word().to_owned(),
                    lapse(&done.over_refusal),
                    lapse(&done.refusal_failure),
                ]
            })
        });
    let header = [
        "where",
        "criterion",
        "system",
        words::OVER_REFUSAL,
        words::REFUSAL_FAILURE,
    ];
    let title = "Refusals";
    table(out, title, &header, body.collect(), rows);
}

fn flips(out: &mut String, view: &View, rows: usize) {
    let body = view
        .flips
        .iter()
        .map(|flip| {
            vec![
                safe(&flip.example, 120),
                safe(&flip.criterion, 80),
                format!(
                    "{} → {}",
                    words::short(flip.production, 3),
                    words::short(flip.candidate, 3)
                ),
                flip.fresh
                    .map_or_else(String::new, |(candidate, production)| {
                        format!(
                            "{} → {}",
                            words::short(production, 3),
                            words::short(candidate, 3)
                        )
                    }),
                safe(flip.class.as_deref().unwrap_or_default(), 80),
                safe(flip.why.as_deref().unwrap_or_default(), 200),
            ]
        })
        .collect();
    let header = [
        "example",
        "criterion",
        "production → candidate",
        "fresh trials",
        "class",
        "why",
    ];
    table(out, "Examples that changed", &header, body, rows.min(50));
}

fn lists(out: &mut String, view: &View, rows: usize) {
    let work: Vec<String> = view
        .work_items
        .iter()
        .map(|item| format!("{}: {}", item.owner.name, item.what))
        .collect();
    let watches: Vec<String> = view
        .watches
        .iter()
        .filter_map(|index| view.findings.get(*index))
        .map(|finding| format!("{}: {}", finding.rule, finding.sentence))
        .collect();
    let decisions = record::decisions(view);
    let stable = view.stability.as_ref().map(|stability| {
        let found = std::iter::once(&stability.finding);
        let said = found.chain(&stability.notes);
        said.chain([&stability.summary]).cloned().collect()
    });
    let stable: Vec<String> = stable.unwrap_or_default();
    for (title, entries) in [
        ("Decisions on the record", &decisions),
        ("Why the run is invalid", &view.invalid),
        ("How the run went", &view.run.notes),
        ("Work items", &work),
        ("What would decide it", &view.needs),
        ("How stable the answer is", &stable),
        ("What could not have been seen", &view.unseen),
        ("Judges and reviewers", &view.judge_notes),
        ("Watches that go along", &watches),
    ] {
        if entries.is_empty() {
            continue;
        }
        let _ = writeln!(out, "## {title}\n");
        for entry in entries.iter().take(rows) {
            let _ = writeln!(out, "- {}", safe(entry, 500));
        }
        out.push('\n');
    }
}

fn provenance(out: &mut String, view: &View) {
    let reference = &view.reference;
    let kinds: Vec<String> = reference
        .kinds
        .iter()
        .map(|(kind, count)| format!("{} {}", words::count(*count), kind.word()))
        .collect();
    let _ = writeln!(out, "## Where this comes from\n");
    let _ = writeln!(
        out,
        "- {} examples ({}) from {} independent sources; {} quarantined, {} retired, {} past their review date",
        words::count(reference.active),
        kinds.join(", "),
        words::count(reference.clusters),
        reference.quarantined,
        reference.retired,
        reference.overdue
    );
    if let (Some(oldest), Some(newest)) = (&reference.oldest, &reference.newest) {
        let _ = writeln!(
            out,
            "- added between {} and {}",
            safe(oldest, 40),
            safe(newest, 40)
        );
    }
    let run = &view.run;
    let _ = writeln!(
        out,
        "- run {}, attempt {}, {}, {}, decided {}",
        safe(&run.name, 80),
        run.attempt,
        run.sealed,
        safe(&run.tool, 60),
        safe(&run.today, 20)
    );
    let _ = writeln!(
        out,
        "- plan `{}`, reference `{}`",
        run.plan, reference.digest
    );
    if !run.changed.is_empty() {
        let _ = writeln!(
            out,
            "- changed since the seal: {}",
            safe(&run.changed.join(", "), 500)
        );
    }
    let checkpoint = view
        .record
        .as_ref()
        .and_then(|record| record.checkpoint.as_ref());
    if let Some(at) = checkpoint {
        let _ = writeln!(out, "- log `{at}` (`gatewright verify --against` takes it)");
    }
    let _ = writeln!(out, "\nNext: {}", safe(&view.next, 300));
}
