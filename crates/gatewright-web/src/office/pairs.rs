//! Two answers side by side: in an order of each person's own, without names, and with words in place of labels.
//!
//! A label says which of two systems is better, so it is stored as what it means whatever order it was given in, and neither a page nor a form has it:
//! choices are numbers of what is on the screen.

use gatewright_core::review::{Item, Refusal};

use super::Served;

const FIRST: &str = "Answer 1 is better";
const SECOND: &str = "Answer 2 is better";
const NEITHER: &str = "Neither is better";

/// Says whether a person sees the two answers of an item in the other order.
pub(super) fn is_turned(served: &Served, who: &str, item: &Item) -> bool {
    item.second.is_some() && served.aliases.is_turned(who, &item.id())
}

/// Returns the choices of an item in the order of their numbers, from 1, in the words of one person's screen.
pub(super) fn choices(served: &Served, who: &str, item: &Item) -> Vec<String> {
    let all = 0..item.labels.len();
    let label = |place| item.labels.get(at(served, who, item, place)).cloned();
    let label = |place| label(place).unwrap_or_default();
    all.map(|place| words(served, who, item, &label(place)))
        .collect()
}

/// Puts a label into the words of one person's screen.
pub(super) fn words(served: &Served, who: &str, item: &Item, label: &str) -> String {
    let place = item.labels.iter().position(|it| it == label);
    match (&item.second, place) {
        (None, _) => label.to_owned(),
        (Some(_), Some(place)) => {
            let words = [FIRST, SECOND, NEITHER];
            let place = at(served, who, item, place);
            words.get(place).copied().unwrap_or(NEITHER).to_owned()
        }
        // What is no label was typed by nobody at this page.
        (Some(_), None) => String::new(),
    }
}

/// Returns the label of the choice with this number.
pub(super) fn label_of(served: &Served, who: &str, item: &Item, choice: &str) -> Option<String> {
    let place = choice.parse::<usize>().ok()?.checked_sub(1)?;
    item.labels.get(at(served, who, item, place)).cloned()
}

/// Puts a refusal into the words of one person's screen: it may name the labels.
pub(super) fn refusal(served: &Served, who: &str, item: Option<&Item>, why: &Refusal) -> Refusal {
    match (why, item) {
        (Refusal::NotALabel { .. }, Some(item)) if item.second.is_some() => Refusal::NotALabel {
            known: choices(served, who, item),
        },
        _ => why.clone(),
    }
}

/// Goes from a place on the screen to the place of the label, and back: of two answers that are turned, the first two are the other way round.
fn at(served: &Served, who: &str, item: &Item, place: usize) -> usize {
    match (place, is_turned(served, who, item)) {
        (0, true) => 1,
        (1, true) => 0,
        _ => place,
    }
}
