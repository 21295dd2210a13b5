//! Examples that changed: in full where the evidence is there, the rest as rows.

use gatewright_core::manifest::Role;
use gatewright_core::outcome::GraderKind;
use gatewright_core::report::View;
use gatewright_core::report::model::{ChangedView, FlipView, PieceView, SaidView, TallyView, Unit};
use gatewright_core::report::words;

/// Flips that stand open when the page is opened.
const OPEN_AT_FIRST: usize = 5;
/// Flips that are printed in full; of the others paper has one line.
pub(super) const PRINTED: usize = 25;

/// A flip in full.
pub(crate) struct FlipCard<'a> {
    pub(crate) id: String,
    pub(crate) open: bool,
    pub(crate) printed: bool,
    pub(crate) lost: bool,
    pub(crate) flip: &'a FlipView,
    pub(crate) segments: String,
    pub(crate) class: Option<String>,
    pub(crate) scores: String,
    pub(crate) fresh: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) changed: &'a ChangedView,
    pub(crate) sides: Vec<Side<'a>>,
    pub(crate) clipped: Option<String>,
}

/// One system's answer.
pub(crate) struct Side<'a> {
    pub(crate) who: &'static str,
    pub(crate) passed: bool,
    pub(crate) tally: String,
    pub(crate) text: &'a [PieceView],
    pub(crate) no_answer: Option<&'a str>,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) calls: &'a [String],
    pub(crate) grades: Vec<Grade<'a>>,
}

/// What a criterion said.
pub(crate) struct Grade<'a> {
    pub(crate) mark: &'static str,
    pub(crate) criterion: &'a str,
    pub(crate) flipped: bool,
    pub(crate) verdict: String,
    pub(crate) by: &'static str,
    pub(crate) why: &'a str,
}

/// A flip as a row of a table.
pub(crate) struct FlipRow {
    pub(crate) cells: Vec<String>,
}

/// "96 lost, 56 gained".
pub(crate) fn title(view: &View) -> String {
    if view.forest.is_none() && !view.run.systems.contains_key(&Role::Production) {
        return "There is no production to compare with".to_owned();
    }
    if view.flips_total == 0 {
        return "No example changed between production and candidate".to_owned();
    }
    format!(
        "{} lost and {} gained between production and candidate",
        words::counted(view.flips_lost, "verdict"),
        words::count(view.flips_gained)
    )
}

/// Cards, rows for what has no card, and what is said of the rest.
pub(crate) fn flips(view: &View) -> (Vec<FlipCard<'_>>, Vec<FlipRow>, Option<String>) {
    let changed: &[ChangedView] = view
        .evidence
        .as_ref()
        .map_or(&[], |evidence| evidence.changed.as_slice());
    let cards: Vec<FlipCard<'_>> = changed
        .iter()
        .filter_map(|changed| Some((changed, view.flips.get(changed.flip)?)))
        .enumerate()
        .map(|(at, (changed, flip))| card(at, changed, flip))
        .collect();
    let rows: Vec<FlipRow> = view.flips.iter().skip(cards.len()).map(row).collect();
    let beyond = view.flips_total.saturating_sub(view.flips.len() as u64);
    let note = (beyond > 0).then(|| {
        format!(
            "{} more changed. `gatewright diff --limit {}` shows all of them.",
            words::counted(beyond, "verdict"),
            view.flips_total
        )
    });
    (cards, rows, note)
}

fn segments(flip: &FlipView) -> String {
    let named = flip.segments.iter();
    let words: Vec<String> = named
        .map(|(dimension, value)| format!("{dimension} {value}"))
        .collect();
    words.join(" · ")
}

/// Puts a flip in full into words; `at` is its place on the page.
pub(crate) fn card<'a>(at: usize, changed: &'a ChangedView, flip: &'a FlipView) -> FlipCard<'a> {
    let lost = flip.change < 0.0;
    let side = |who, said: &'a Option<SaidView>, passed: bool| side(who, said.as_ref(), passed);
    FlipCard {
        id: format!("flip-{}", changed.flip + 1),
        open: at < OPEN_AT_FIRST,
        printed: at < PRINTED,
        lost,
        flip,
        segments: segments(flip),
        class: flip.class.as_deref().map(|class| match flip.cost {
            cost if cost > 0.0 => format!("{} (cost {})", words::class(class, 1), words::short(cost, 2)),
            _ => words::class(class, 1),
        }),
        scores: format!("{} → {}", words::short(flip.production, 2), words::short(flip.candidate, 2)),
        fresh: flip.fresh.map(|(candidate, production)| {
            format!(
                "fresh trials: production {}, candidate {}",
                words::short(production, 2),
                words::short(candidate, 2)
            )
        }),
        owner: changed.owner.as_ref().map(|owner| match &owner.contact {
            Some(contact) => format!("{} {contact}", owner.name),
            None => owner.name.clone(),
        }),
        changed,
        sides: vec![
            side("Production", &changed.production, lost),
            side("Candidate", &changed.candidate, !lost),
        ],
        clipped: (changed.clipped > 0).then(|| {
            format!(
                "{} of the longer texts are left out here; `gatewright diff --json` has all of them.",
                words::counted(changed.clipped, "character")
            )
        }),
    }
}

fn tally(said: &SaidView) -> String {
    let of = |tally: TallyView, what: &str| match tally.trials {
        0 => String::new(),
        trials => format!("passes {} of {trials} {what}", tally.passes),
    };
    let parts = [
        of(
            said.first_look,
            if said.first_look.trials == 1 {
                "trial"
            } else {
                "trials"
            },
        ),
        of(said.fresh, "fresh"),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

fn side<'a>(who: &'static str, said: Option<&'a SaidView>, passed: bool) -> Side<'a> {
    let Some(said) = said else {
        return Side {
            who,
            passed,
            tally: String::new(),
            text: &[],
            no_answer: Some("no output was recorded"),
            facts: Vec::new(),
            calls: &[],
            grades: Vec::new(),
        };
    };
    let mut facts = Vec::new();
    if let Some(behaviour) = said.behaviour {
        facts.push(("Does", behaviour.word().to_owned()));
    }
    if !said.citations.is_empty() {
        facts.push(("Cites", said.citations.join(", ")));
    }
    if let Some(time) = said.latency_ms {
        facts.push(("Took", words::amount(Unit::Milliseconds, time)));
    }
    if let Some(cost) = said.cost_usd {
        facts.push(("Cost", words::amount(Unit::Usd, cost)));
    }
    if said.first_look.trials > 1 {
        facts.push(("Trial", said.trial.to_string()));
    }
    Side {
        who,
        passed,
        tally: tally(said),
        text: &said.text,
        no_answer: said.no_answer.as_deref(),
        facts,
        calls: &said.calls,
        grades: said
            .grades
            .iter()
            .map(|grade| Grade {
                mark: match grade.verdict.as_str() {
                    "pass" | "win" => "pass",
                    "fail" | "loss" => "fail",
                    _ => "other",
                },
                criterion: &grade.criterion,
                flipped: grade.flipped,
                verdict: {
                    let mut text = grade.verdict.clone();
                    if let Some(class) = &grade.class {
                        text.push_str(&format!(" ({})", words::class(class, 1)));
                    }
                    if let Some(people) = &grade.people {
                        text.push_str(&format!("; people: {people}"));
                    }
                    text
                },
                by: match grade.by {
                    GraderKind::Rule => "rule",
                    GraderKind::Program => "program",
                    GraderKind::Model => "model",
                    GraderKind::Person => "person",
                },
                why: grade.why.as_deref().unwrap_or_default(),
            })
            .collect(),
    }
}

fn row(flip: &FlipView) -> FlipRow {
    let lost = if flip.change < 0.0 {
        "▼ lost"
    } else {
        "▲ gained"
    };
    FlipRow {
        cells: vec![
            flip.example.clone(),
            lost.to_owned(),
            flip.criterion.clone(),
            segments(flip),
            format!(
                "{} → {}",
                words::short(flip.production, 2),
                words::short(flip.candidate, 2)
            ),
            flip.fresh
                .map_or_else(String::new, |(candidate, production)| {
                    format!(
                        "{} → {}",
                        words::short(production, 2),
                        words::short(candidate, 2)
                    )
                }),
            flip.class
                .as_deref()
                .map_or_else(String::new, |class| words::class(class, 1)),
            flip.why.clone().unwrap_or_default(),
        ],
    }
}
