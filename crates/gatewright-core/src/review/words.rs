//! Agreement as text: lines of 80 columns.

use std::fmt::Write as _;

use super::{AgreementDocument, CriterionView, EstimateView, ScopeView, Standing};
use crate::report::untrusted::{clip, line};

/// Rows of systems, labels and pairs that are shown of each.
const ROWS_SHOWN: usize = 8;
/// Columns of a row's name.
const NAME: usize = 14;

/// Writes the document for a terminal of this width (80 at least).
pub fn text(document: &AgreementDocument, width: usize) -> String {
    let width = width.max(80);
    let mut text = String::new();
    for one in &document.criteria {
        criterion(&mut text, one, width);
    }
    text
}

fn criterion(text: &mut String, one: &CriterionView, width: usize) {
    let rubric = one
        .rubric
        .as_ref()
        .map_or(String::new(), |it| format!(" (rubric {it})"));
    let head = line(
        &format!("{}{rubric}: {}", one.criterion, says(one.all.standing)),
        400,
    );
    let _ = writeln!(text, "{}", clip(&head, width));
    let scored = if one.level == "interval" {
        "scored"
    } else {
        "labelled"
    };
    let people = line(&format!("{scored} by {}", one.people.join(", ")), 400);
    let _ = writeln!(text, "  {}", clip(&people, width - 2));
    if one.all.shared == 0 {
        return;
    }
    let head = format!(
        "  {:NAME$} {:>6} {:>6} {:>6} {:20} {}",
        "", "shared", "differ", "agree", "alpha", "AC1"
    );
    let _ = writeln!(text, "{}", head.trim_end());
    row(text, "all", &one.all);
    for scope in one.systems.iter().chain(&one.labels).take(ROWS_SHOWN) {
        row(text, scope.of.as_deref().unwrap_or_default(), scope);
    }
    let rest = (one.systems.len() + one.labels.len()).saturating_sub(ROWS_SHOWN);
    if rest > 0 {
        let _ = writeln!(text, "  … {rest} more in --json");
    }
    let known = one.pairs.iter().filter(|pair| pair.n > 0);
    for pair in known.take(ROWS_SHOWN) {
        let kappa = pair
            .kappa
            .map_or("undefined".to_owned(), |it| format!("{it:.3}"));
        let said = format!(
            "{} and {}: Cohen's kappa {kappa} (n {})",
            pair.first, pair.second, pair.n
        );
        let _ = writeln!(text, "  {}", clip(&line(&said, 400), width - 2));
    }
    if !one.hints.is_empty() {
        let each = one.hints.iter().take(ROWS_SHOWN);
        let each = each.map(|it| format!("{} {:.0}%", it.person, 100.0 * it.accuracy));
        let each: Vec<String> = each.collect();
        let said = format!(
            "A hint by their labels alone (Dawid-Skene): {}",
            each.join(", ")
        );
        let _ = writeln!(text, "  {}", clip(&line(&said, 400), width - 2));
    }
    let name = &one.criterion;
    if one.all.differ > 0 {
        let _ = writeln!(
            text,
            "  Next: gatewright review disagreements {name} -o disputed.jsonl"
        );
    }
}

fn says(standing: Standing) -> &'static str {
    match standing {
        Standing::NotShared => "no answer has the labels of two people",
        Standing::Anecdote => "fewer than 20 shared answers, an anecdote",
        Standing::AllEqual => "all labels are equal, so agreement cannot be told from chance",
        Standing::RepairRubric => "repair the rubric, people do not agree enough",
        Standing::Agrees => "people agree",
    }
}

fn row(text: &mut String, name: &str, scope: &ScopeView) {
    let name = clip(&line(name, 200), NAME);
    let agree = scope
        .percent
        .map_or(String::new(), |it| format!("{:.1}%", 100.0 * it));
    let written = format!(
        "  {name:NAME$} {:>6} {:>6} {agree:>6} {:20} {}",
        scope.shared,
        scope.differ,
        estimate(scope.alpha),
        estimate(scope.ac1)
    );
    let _ = writeln!(text, "{}", written.trim_end());
}

fn estimate(found: Option<EstimateView>) -> String {
    match found {
        None => "undefined".to_owned(),
        Some(EstimateView {
            value,
            interval: None,
        }) => format!("{value:.3}"),
        Some(EstimateView {
            value,
            interval: Some((lower, upper)),
        }) => {
            format!("{value:.3} [{lower:.2}, {upper:.2}]")
        }
    }
}
