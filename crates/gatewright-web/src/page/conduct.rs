//! What was expected against what was done.

use gatewright_core::report::View;
use gatewright_core::report::words;
use gatewright_core::response::Behaviour;

use super::tables::Table;

/// The matrix over all examples: a row for each behaviour that an example expects, per system.
pub(crate) fn done(view: &View) -> Option<Table> {
    let mut head = vec![
        "expected".to_owned(),
        "criterion".to_owned(),
        "system".to_owned(),
    ];
    head.extend(Behaviour::ALL.map(|it| format!("#{}", it.done_word())));
    head.push("#not known".to_owned());
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut table = Table::new("What examples expect, and what was done", &head);
    let whole = view
        .confusion
        .iter()
        .filter(|matrix| matrix.slice.values.is_empty());
    for matrix in whole {
        for (role, done) in &matrix.systems {
            for row in &done.expected {
                let mut cells = vec![
                    row.behaviour.word().to_owned(),
                    matrix.criterion.clone(),
                    role.word().to_owned(),
                ];
                cells.extend(Behaviour::ALL.map(|it| {
                    let count = row.observed.get(&it).copied();
                    count.unwrap_or(0).to_string()
                }));
                cells.push(row.unseen.to_string());
                table.push(cells);
            }
        }
    }
    table.unless_empty()
}

/// Over-refusals and refusal failures in every segment where they can happen, seen or not.
pub(crate) fn lapses(view: &View) -> Option<Table> {
    let head = [
        "where",
        "criterion",
        "system",
        words::OVER_REFUSAL,
        words::REFUSAL_FAILURE,
    ];
    let mut table = Table::new("Over-refusals and refusal failures, by segment", &head);
    for matrix in &view.confusion {
        for (role, done) in &matrix.systems {
            if !done.over_refusal.could_happen() && !done.refusal_failure.could_happen() {
                continue;
            }
            table.push(vec![
                matrix.slice.words.clone(),
                matrix.criterion.clone(),
                role.word().to_owned(),
                words::lapse(&done.over_refusal),
                words::lapse(&done.refusal_failure),
            ]);
        }
    }
    table.unless_empty()
}
