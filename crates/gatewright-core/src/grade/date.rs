//! The grader of dates: ISO 8601, English month names, and three numbers where their order is known.

use std::ops::Range;

use jiff::civil::Date;
use regex::{Captures, Regex};

use super::digits::{in_a_word, plain};
use super::sheet::{Measures, ONE_PASS, Sheet};
use super::verdict::Graded;
use crate::json::scalar_text;
use crate::manifest::DateOrder;
use crate::pattern::{self, PatternError};
use crate::reference::Example;
use crate::response::Response;

/// What this grader can tell.
pub(super) const SHEETS: [Sheet; 1] = [Sheet {
    kind: "date",
    measures: Measures::Answer,
    checks: "one of the answer's dates is the expected one, or so many days away",
    protects: &["unsupported-claim"],
    cost: ONE_PASS,
    deterministic: true,
    blind_spot: "any date counts, whatever it is said of; month names are English; `tomorrow`, dates without a year and `03/04/2026` without an `order` are not read; of a time with an offset it is the day as written",
}];

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

const PATTERN: &str = r"(?:(?P<y1>\d{4})[-/.](?P<m1>\d{1,2})[-/.](?P<d1>\d{1,2})|(?P<d2>\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<n2>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?,?\s+(?P<y2>\d{4})|(?P<n3>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?\s+(?P<d3>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y3>\d{4})|(?P<a4>\d{1,2})[/.-](?P<b4>\d{1,2})[/.-](?P<y4>\d{4}))";

/// Reads dates.
#[derive(Debug)]
pub(super) struct ReadyDate {
    pattern: Regex,
    is: Option<Date>,
    order: Option<DateOrder>,
    within_days: u64,
}

fn make(year: &str, month: i8, day: &str) -> Option<Date> {
    Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()
}

fn month(name: &str) -> Option<i8> {
    let lower = name.to_lowercase();
    let index = MONTHS.iter().position(|month| lower.starts_with(month))?;
    i8::try_from(index + 1).ok()
}

/// Reads the date of one match; `None` for a day that no calendar has, or numbers that can be read two ways.
fn read(found: &Captures<'_>, order: Option<DateOrder>) -> Option<Date> {
    let part = |name: &str| found.name(name).map(|it| it.as_str());
    if let Some(year) = part("y1") {
        return make(year, part("m1")?.parse().ok()?, part("d1")?);
    }
    if let Some(year) = part("y2") {
        return make(year, month(part("n2")?)?, part("d2")?);
    }
    if let Some(year) = part("y3") {
        return make(year, month(part("n3")?)?, part("d3")?);
    }
    let (year, a, b) = (part("y4")?, part("a4")?, part("b4")?);
    let day_first = make(year, b.parse().ok()?, a);
    let month_first = make(year, a.parse().ok()?, b);
    match (order, day_first, month_first) {
        (Some(DateOrder::Dmy), date, _) | (Some(DateOrder::Mdy), _, date) => date,
        (None, Some(one), Some(other)) if one != other => None,
        (None, one, other) => one.or(other),
    }
}

/// Says whether a date stands by itself: not in a longer word or run of digits, but perhaps with a time of day (`T10:00`, `Z`).
fn is_apart(text: &str, range: Range<usize>) -> bool {
    let before = &text[..range.start];
    if in_a_word(before) || before.ends_with(|one: char| one.is_ascii_digit()) {
        return false;
    }
    let mut after = text[range.end..].chars();
    let Some(next) = after.next() else {
        return true;
    };
    let then = after.next();
    match next {
        'T' | 't' => then.is_some_and(|one| one.is_ascii_digit()),
        'Z' | 'z' | '_' => !then.is_some_and(char::is_alphanumeric),
        _ => !(next.is_lowercase() || next.is_uppercase() || next.is_ascii_digit()),
    }
}

impl ReadyDate {
    pub(super) fn new(
        is: Option<Date>,
        order: Option<DateOrder>,
        within_days: u64,
    ) -> Result<Self, PatternError> {
        Ok(Self {
            pattern: pattern::compile(PATTERN, true)?,
            is,
            order,
            within_days,
        })
    }

    fn expected(&self, example: &Example) -> Option<Date> {
        self.is.or_else(|| {
            let text = example.expect.answer.as_ref().and_then(scalar_text)?;
            self.dates(&text).first().copied()
        })
    }

    fn dates(&self, text: &str) -> Vec<Date> {
        let text = &*plain(text);
        let mut dates = Vec::new();
        let mut from = 0;
        while let Some(found) = self.pattern.captures_at(text, from) {
            let Some(whole) = found.get(0) else { break };
            if is_apart(text, whole.range()) {
                dates.extend(read(&found, self.order));
                from = whole.end();
            } else {
                // Another date may begin within.
                from = text.ceil_char_boundary(whole.start() + 1);
            }
        }
        dates
    }

    /// Says whether a date is expected.
    pub(super) fn applies(&self, example: &Example) -> bool {
        self.expected(example).is_some()
    }

    /// Passes when a date of the answer is near enough; symptoms `no-date` and `wrong-date`.
    pub(super) fn grade(&self, example: &Example, response: &Response) -> Graded {
        let Some(expected) = self.expected(example) else {
            return Graded::missing("no date is expected");
        };
        let mut nearest: Option<(u64, Date)> = None;
        for date in self.dates(&response.output) {
            let away = date.duration_since(expected).as_hours().unsigned_abs() / 24;
            if away <= self.within_days {
                return Graded::pass();
            }
            if nearest.is_none_or(|(known, _)| away < known) {
                nearest = Some((away, date));
            }
        }
        match nearest {
            None => Graded::fail("no-date", format!("no date; expected {expected}")),
            Some((_, date)) => {
                let why = format!("the nearest date is {date}; expected {expected}");
                Graded::fail("wrong-date", why)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dates(text: &str, order: Option<DateOrder>) -> Vec<String> {
        let ready = ReadyDate::new(None, order, 0).expect("a good pattern");
        let dates = ready.dates(text);
        dates.iter().map(Date::to_string).collect()
    }

    #[test]
    fn dates_as_people_write_them() {
        for text in [
            "2026-03-12",
            "12 March 2026",
            "the 12th of March, 2026",
            "March 12th, 2026",
            "MAR 12 2026",
            "on 2026/3/12.",
            "12 mar. 2026",
        ] {
            assert_eq!(dates(text, None), ["2026-03-12"], "{text}");
        }
        assert_eq!(dates("03/04/2026", None), [""; 0]);
        assert_eq!(dates("03/04/2026", Some(DateOrder::Dmy)), ["2026-04-03"]);
        assert_eq!(dates("03/04/2026", Some(DateOrder::Mdy)), ["2026-03-04"]);
        assert_eq!(
            dates("13/04/2026 and 04/13/2026 and 5.5.2026", None),
            ["2026-04-13", "2026-04-13", "2026-05-05"]
        );
        assert_eq!(
            dates("30 February 2026, 2026-13-01, 99/99/9999, 1.2.3", None),
            [""; 0]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            dates(&text, None);
        }

        #[test]
        fn what_is_written_is_read(day in 0_i32..40_000) {
            let date = Date::new(1950, 1, 1).expect("a date") + jiff::Span::new().days(day);
            let name = MONTHS[usize::from(date.month().unsigned_abs()) - 1];
            prop_assert_eq!(dates(&format!("due {date}!"), None), vec![date.to_string()]);
            prop_assert_eq!(dates(&format!("{name} {}, {}", date.day(), date.year()), None), vec![date.to_string()]);
        }
    }
}
