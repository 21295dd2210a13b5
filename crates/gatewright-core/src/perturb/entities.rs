//! Who, where and how many: another name, place or number, where nothing that is expected or known hangs on it.

use super::draw::Draw;
use super::spoken::{said, say};
use super::words::{find_word, has_digits, numbers, replace_number, replace_words, surroundings};
use super::{Change, NotApplicable};
use crate::reference::Example;

/// First names that are no English words, from many languages.
const NAMES: [&str; 48] = [
    "Aaliyah",
    "Ahmed",
    "Aisha",
    "Alejandro",
    "Amara",
    "Anna",
    "Ayşe",
    "Björn",
    "Chinedu",
    "Chloé",
    "David",
    "Elena",
    "Emily",
    "Fatima",
    "Giulia",
    "Hans",
    "Hiroshi",
    "Ingrid",
    "Isabella",
    "Jamal",
    "James",
    "Jessica",
    "Jing",
    "José",
    "Kwame",
    "Lakshmi",
    "Łukasz",
    "Maria",
    "Mehmet",
    "Michael",
    "Mohammed",
    "Ngozi",
    "Nguyen",
    "Olga",
    "Olivia",
    "Priya",
    "Rahul",
    "Rebecca",
    "Sakura",
    "Samantha",
    "Santiago",
    "Seán",
    "Sofia",
    "Sven",
    "Thomas",
    "Wei",
    "Yusuf",
    "Zoë",
];

/// Cities; one is replaced by another.
const CITIES: [&str; 28] = [
    "Amsterdam",
    "Athens",
    "Barcelona",
    "Berlin",
    "Boston",
    "Cairo",
    "Chicago",
    "Copenhagen",
    "Dublin",
    "Helsinki",
    "Istanbul",
    "Jakarta",
    "Lagos",
    "Lisbon",
    "London",
    "Madrid",
    "Manila",
    "Montréal",
    "Mumbai",
    "Nairobi",
    "Oslo",
    "Paris",
    "Prague",
    "Rome",
    "São Paulo",
    "Stockholm",
    "Vienna",
    "Zürich",
];

/// Countries; one is replaced by another.
const COUNTRIES: [&str; 24] = [
    "Argentina",
    "Australia",
    "Austria",
    "Belgium",
    "Brazil",
    "Canada",
    "Denmark",
    "Egypt",
    "Finland",
    "France",
    "Germany",
    "Ghana",
    "India",
    "Indonesia",
    "Ireland",
    "Italy",
    "Japan",
    "Kenya",
    "Mexico",
    "Nigeria",
    "Norway",
    "Poland",
    "Spain",
    "Sweden",
];

/// Draws before a number is given up.
const TRIES: usize = 32;

/// Gives a person another name.
pub(super) fn names(base: &Example, draw: &mut Draw) -> Result<Change, NotApplicable> {
    exchange(base, draw, &[&NAMES], "first name")
}

/// Puts another city or country in the place of one.
pub(super) fn places(base: &Example, draw: &mut Draw) -> Result<Change, NotApplicable> {
    exchange(base, draw, &[&CITIES, &COUNTRIES], "city or country")
}

/// Replaces the first entry of a list that the text holds, and that nothing else of the example does.
fn exchange(
    base: &Example,
    draw: &mut Draw,
    lists: &[&[&str]],
    noun: &str,
) -> Result<Change, NotApplicable> {
    let text = said(&base.input)?;
    let known = surroundings(base);
    let mut held = None;
    for list in lists {
        for entry in *list {
            // A name is written with its capital; `wei` and `hans` inside a sentence may be anything.
            let Some(at) = find_word(text, entry, 0).filter(|at| text[*at..].starts_with(*entry))
            else {
                continue;
            };
            if find_word(&known, entry, 0).is_some() {
                held = Some(*entry);
                continue;
            }
            let others: Vec<&str> = list
                .iter()
                .copied()
                .filter(|other| find_word(text, other, 0).is_none())
                .filter(|other| find_word(&known, other, 0).is_none())
                .collect();
            let Some(other) = draw.pick(&others) else {
                continue;
            };
            let changed = replace_words(&text[at..], entry, other).unwrap_or_default();
            let changed = format!("{}{changed}", &text[..at]);
            let what = format!("{entry} is now {other}");
            return Ok(Change::said(say(&base.input, changed), what));
        }
    }
    match held {
        Some(entry) => NotApplicable::because(format!(
            "`{entry}` also stands in what is expected, in the sources or in the context"
        )),
        None => NotApplicable::because(format!("it names no {noun} that is known")),
    }
}

/// Words that make a number a date, an amount or a share.
const DECIDING: [&str; 36] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "usd",
    "eur",
    "gbp",
    "chf",
    "jpy",
    "inr",
    "dollars",
    "euros",
    "pounds",
    "percent",
    "per",
    "cents",
];

/// Says whether a number is a date, an amount of money or a share, by what stands next to it: those decide something.
fn decides(before: &str, after: &str) -> bool {
    // Decimals belong to the number.
    let after = after.trim_start_matches(|one: char| one == '.' || one.is_ascii_digit());
    let word = |text: &str| text.to_ascii_lowercase();
    let last = before.split_whitespace().next_back().map(word);
    let next = after.split_whitespace().next().map(word);
    let marks = "$€£¥₹%‰";
    let named = |found: &Option<String>| {
        found.as_deref().is_some_and(|found| {
            let bare = found.trim_matches(|one: char| !one.is_alphanumeric());
            DECIDING.contains(&bare) || found.chars().any(|one| marks.contains(one))
        })
    };
    named(&last) || named(&next)
}

/// Changes a number that stands nowhere else, keeping its length, its first digit, and its side of every number of the sources and the
/// expectation: what it decides stays decided.
fn numbers_changed(text: &str, known: &str, draw: &mut Draw) -> Option<(String, String)> {
    let limits: Vec<u64> = numbers(known)
        .iter()
        .filter_map(|number| number.digits.parse().ok())
        .collect();
    for number in numbers(text) {
        let Ok(value) = number.digits.parse::<u64>() else {
            continue;
        };
        let room = 10_u64.pow(number.digits.len() as u32 - 1);
        let end = number.at + number.digits.len();
        if room < 10
            || has_digits(known, number.digits)
            || decides(&text[..number.at], &text[end..])
        {
            continue;
        }
        let lead = value / room * room;
        for _ in 0..TRIES {
            let other = lead + draw.index(room as usize) as u64;
            let (low, high) = (value.min(other), value.max(other));
            let crosses = limits.iter().any(|limit| (low..=high).contains(limit));
            if other != value && !crosses && !has_digits(text, &other.to_string()) {
                return Some((number.digits.to_owned(), other.to_string()));
            }
        }
    }
    None
}

/// Puts another number in the place of one that decides nothing.
pub(super) fn numbers_of(base: &Example, draw: &mut Draw) -> Result<Change, NotApplicable> {
    let text = said(&base.input)?;
    if numbers(text).is_empty() {
        return NotApplicable::because("no plain number is in it");
    }
    let Some((from, to)) = numbers_changed(text, &surroundings(base), draw) else {
        return NotApplicable::because(
            "every number in it has one digit, is a date or an amount, or stands in the sources, the context or what is expected too",
        );
    };
    let changed = replace_number(text, &from, &to);
    Ok(Change::said(
        say(&base.input, changed),
        format!("{from} is now {to}"),
    ))
}
