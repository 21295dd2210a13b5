//! The page: what each part shows, in words. The order of the parts is that of the template.

mod conduct;
pub(crate) mod flips;
mod pictures;
mod tables;
pub(crate) mod top;

use askama::Template;
use gatewright_core::report::{View, decisions, overrides};

use flips::{FlipCard, FlipRow};
use pictures::{Forest, Heat, Owners, Pace};
use tables::Table;
use top::Top;

/// The report of one run.
#[derive(Template)]
#[template(path = "report.html")]
pub(crate) struct Page<'a> {
    policy: &'static str,
    view: &'a View,
    top: Top,
    parts: Vec<(&'static str, &'static str)>,
    flips_title: String,
    printed: usize,
    cards: Vec<FlipCard<'a>>,
    further: Vec<FlipRow>,
    further_note: Option<String>,
    forest: Option<Forest>,
    heat: Option<Heat>,
    done: Option<Table>,
    lapses: Option<Table>,
    behaviour: Option<Table>,
    owners: Option<Owners>,
    pace: Option<Pace>,
    denominators: Table,
    judges: Option<Table>,
    fitness: Option<Table>,
    reference: Table,
    incidents: Option<Table>,
    reference_notes: Vec<String>,
    rules: Table,
    segments: Option<Table>,
    cells: Table,
    reliability: Option<Table>,
    run: Table,
    stable: Option<Table>,
    decisions: Vec<String>,
    overrides: Vec<String>,
}

impl<'a> Page<'a> {
    /// Puts a view into words.
    pub(crate) fn of(view: &'a View) -> Self {
        let (cards, further, further_note) = flips::flips(view);
        let mut page = Self {
            policy: crate::CONTENT_SECURITY_POLICY,
            view,
            top: Top::of(view),
            parts: Vec::new(),
            flips_title: flips::title(view),
            printed: flips::PRINTED,
            cards,
            further,
            further_note,
            forest: view.forest.as_ref().map(Forest::of),
            heat: view.heat.as_ref().map(|heat| Heat::of(heat, &view.tables)),
            done: conduct::done(view),
            lapses: conduct::lapses(view),
            behaviour: tables::behaviour(view),
            owners: Owners::of(view),
            pace: view
                .evidence
                .as_ref()
                .and_then(|evidence| evidence.pace.as_ref())
                .map(Pace::of),
            denominators: tables::denominators(view),
            judges: tables::judges(view),
            fitness: tables::fitness(view),
            reference: tables::reference(view),
            incidents: tables::incidents(view),
            reference_notes: tables::reference_notes(view),
            rules: tables::rules(view),
            segments: tables::segments(view),
            cells: tables::cells(view),
            reliability: tables::reliability(view),
            run: tables::run(view),
            stable: tables::stable(view),
            decisions: decisions(view),
            overrides: overrides(view),
        };
        page.parts = page.contents();
        page
    }

    /// The parts that are on this page, as links.
    fn contents(&self) -> Vec<(&'static str, &'static str)> {
        let judged =
            self.judges.is_some() || self.fitness.is_some() || !self.view.judge_notes.is_empty();
        [
            ("flips", "What changed", true),
            ("forest", "Against production", self.forest.is_some()),
            ("heat", "By segment", self.heat.is_some()),
            ("done", "Expected and done", self.done.is_some()),
            ("behaviour", "Behavioural tests", self.behaviour.is_some()),
            ("owners", "Failures and owners", self.owners.is_some()),
            ("pace", "Time and money", self.pace.is_some()),
            ("traded", "Traded", self.view.trade_offs.is_some()),
            ("counted", "Counted and missing", true),
            ("stable", "How stable", self.view.stability.is_some()),
            ("unseen", "Not seen", true),
            ("judges", "Judges", judged),
            ("set", "The examples", true),
            ("rules", "All rules", true),
            ("tables", "All tables", true),
            ("run", "Run and seal", true),
            ("record", "On the record", self.view.record.is_some()),
        ]
        .into_iter()
        .filter(|(_, _, shown)| *shown)
        .map(|(id, title, _)| (id, title))
        .collect()
    }
}

/// One run of a project, for the list.
#[derive(Clone, Debug)]
pub struct RunLine {
    /// The run folder's name; also the address of its report.
    pub name: String,
    /// When it was begun, as it states it.
    pub at: String,
    /// The answer on its record; none when nothing was decided.
    pub answer: Option<String>,
    /// What of its terms changed since they were sealed: its report cannot decide.
    pub changed: Vec<String>,
    /// Why it has no report, where it has none.
    pub broken: Option<String>,
}

/// The list of runs.
#[derive(Template)]
#[template(path = "runs.html")]
pub(crate) struct Runs<'a> {
    pub(crate) product: &'a str,
    pub(crate) runs: &'a [RunLine],
}
