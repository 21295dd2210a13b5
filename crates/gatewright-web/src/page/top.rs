//! The top of the page: the answer, the rule that fired, what would change it, who acts next.

use gatewright_core::decide::{Answer, WorkKind};
use gatewright_core::manifest::{Enforce, Standard};
use gatewright_core::report::View;
use gatewright_core::report::model::FindingView;
use gatewright_core::report::words;

/// What stands first.
#[derive(Clone)]
pub struct Top {
    /// CSS class and picture of the answer: `ship`, `narrow`, `hold`, `repair`, `rollback`, `open`.
    pub(crate) class: &'static str,
    /// `Hold`, or `Would hold` where nothing is enforced.
    pub(crate) word: String,
    /// The sentence without the word before it.
    pub(crate) sentence: String,
    pub(crate) follows: Vec<String>,
    pub(crate) title: String,
    pub(crate) standard: &'static str,
    pub(crate) fired: Vec<Fired>,
    /// Said when no rule fired.
    pub(crate) nothing_fired: Option<String>,
    pub(crate) change: Vec<String>,
    pub(crate) acts: Vec<Act>,
    pub(crate) watches: Vec<String>,
    pub(crate) basis: Option<String>,
}

/// A rule that made the answer.
#[derive(Clone)]
pub(crate) struct Fired {
    pub(crate) anchor: String,
    pub(crate) rule: String,
    pub(crate) at: String,
    pub(crate) verb: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) standing: &'static str,
    pub(crate) sentence: String,
    pub(crate) rests_on: String,
}

/// Who acts.
#[derive(Clone)]
pub(crate) struct Act {
    pub(crate) who: String,
    pub(crate) contact: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) what: String,
    pub(crate) examples: Vec<(String, Option<String>)>,
    pub(crate) more: u64,
}

/// Example ids that are listed with one work item.
const EXAMPLES_SHOWN: usize = 12;

impl Top {
    /// Puts the top of a view into words.
    pub fn of(view: &View) -> Self {
        let lead = view.answer.word();
        let word = match view.enforce {
            Enforce::Block => capital(lead),
            Enforce::Advise | Enforce::Observe => capital(words::would(view.answer)),
        };
        let sentence = match view.sentence.split_once(": ") {
            Some((before, rest)) if before.eq_ignore_ascii_case(lead) => rest.to_owned(),
            _ => view.sentence.clone(),
        };
        let fired = view
            .fired
            .iter()
            .filter_map(|&at| Some((at, view.findings.get(at)?)))
            .map(|(at, finding)| one_fired(at, finding))
            .collect::<Vec<_>>();
        let deciding = view
            .findings
            .iter()
            .filter(|finding| finding.deciding)
            .count() as u64;
        let nothing_fired = fired.is_empty().then(|| match view.answer {
            Answer::Ship => format!(
                "No rule fired: {} found nothing.",
                words::counted(deciding, "deciding comparison")
            ),
            _ if !view.invalid.is_empty() => {
                "No rule was asked: the run itself is not valid.".to_owned()
            }
            _ => "No single rule fired.".to_owned(),
        });
        Self {
            class: class(view.answer),
            title: format!("{word}: {}", view.product),
            word,
            sentence,
            follows: view.follows.clone(),
            standard: match view.standard {
                Standard::Shown => "shown: at least one demand, and all hold",
                Standard::Unbroken => "unbroken: nothing is violated, tripped or missing",
            },
            fired,
            nothing_fired,
            change: view.would_change.clone(),
            acts: acts(view),
            watches: view
                .watches
                .iter()
                .filter_map(|&at| view.findings.get(at))
                .map(|finding| format!("{}: {}", finding.rule, finding.sentence))
                .collect(),
            basis: view
                .per_week
                .as_ref()
                .map(|week| format!("Failures a week rest on {}.", week.basis)),
        }
    }
}

/// The class of an answer, for colour and picture.
pub(crate) fn class(answer: Answer) -> &'static str {
    match answer {
        Answer::Ship => "ship",
        Answer::Narrow => "narrow",
        Answer::Hold => "hold",
        Answer::Repair => "repair",
        Answer::Rollback => "rollback",
        Answer::NotEnoughEvidence => "open",
    }
}

fn one_fired(at: usize, finding: &FindingView) -> Fired {
    Fired {
        anchor: format!("#rule-{}", at + 1),
        rule: finding.rule.clone(),
        at: finding.at.clone(),
        verb: finding.verb.word(),
        severity: finding.severity.word(),
        standing: finding.standing.word(),
        sentence: finding.sentence.clone(),
        rests_on: format!("{}, {}", finding.slice.words, finding.rests_on),
    }
}

fn acts(view: &View) -> Vec<Act> {
    let card = |example: &String| {
        let evidence = view.evidence.as_ref()?;
        let found = evidence.changed.iter().find(|changed| {
            view.flips
                .get(changed.flip)
                .is_some_and(|flip| flip.example == *example)
        })?;
        Some(format!("#flip-{}", found.flip + 1))
    };
    view.work_items
        .iter()
        .map(|item| Act {
            who: item.owner.name.clone(),
            contact: item.owner.contact.clone(),
            kind: kind(item.kind),
            what: item.what.clone(),
            examples: item
                .examples
                .iter()
                .take(EXAMPLES_SHOWN)
                .map(|example| (example.clone(), card(example)))
                .collect(),
            more: item.examples.len().saturating_sub(EXAMPLES_SHOWN) as u64,
        })
        .collect()
}

fn kind(kind: WorkKind) -> &'static str {
    match kind {
        WorkKind::FixEvaluation => "fix the evaluation",
        WorkKind::RepairBoundary => "repair",
        WorkKind::FixSources => "fix sources",
        WorkKind::ChangePolicy => "decide the policy",
        WorkKind::RepairRubric => "repair the rubric",
        WorkKind::QuarantineExamples => "look at examples",
        WorkKind::CollectEvidence => "collect evidence",
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + chars.as_str(),
        None => String::new(),
    }
}
