//! Numbers and names in words people use.

use crate::analyse::Slice;
use crate::report::model::{Money, ScopeView, Unit};

/// Formats a value in its unit: `91.2 %`, `4.1 s`, `0.02 USD`, `0.713`.
pub fn amount(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share => format!("{} %", short(value * 100.0, 1)),
        Unit::Milliseconds if value.abs() >= 1000.0 => format!("{} s", short(value / 1000.0, 2)),
        Unit::Milliseconds => format!("{} ms", short(value, 0)),
        Unit::Usd => format!("{} USD", money_digits(value)),
        Unit::Cost => money_digits(value),
        Unit::Number => short(value, 3),
    }
}

/// Formats a difference in its unit, with its sign: `−20.8 points`, `+0.3 s`.
pub fn change(unit: Unit, value: f64) -> String {
    let text = match unit {
        Unit::Share => format!("{} points", short(value.abs() * 100.0, 1)),
        _ => amount(unit, value.abs()),
    };
    format!("{}{text}", sign(value))
}

/// Formats a difference without its sign: `20.8 points`.
pub fn distance(unit: Unit, value: f64) -> String {
    change(unit, value.abs()).trim_start_matches('+').to_owned()
}

/// Returns `+`, `−` or nothing.
pub fn sign(value: f64) -> &'static str {
    if value > 0.0 {
        "+"
    } else if value < 0.0 {
        "−"
    } else {
        ""
    }
}

/// Formats a bound of a share in per cent, without the sign; `?` where there is none.
pub fn bound(bound: Option<f64>, decimals: usize) -> String {
    bound.map_or_else(|| "?".to_owned(), |bound| short(bound * 100.0, decimals))
}

/// Formats a number with at most so many decimals and no trailing zeros, thousands separated.
pub fn short(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut out = String::new();
    if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        out.push('−');
    }
    out.push_str(&thousands(whole));
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Formats a count with thousands separated.
pub fn count(value: u64) -> String {
    thousands(&value.to_string())
}

fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Rounds a figure for "about": two significant digits from 100 up.
pub fn about(value: f64) -> String {
    let value = value.abs();
    if value < 100.0 {
        return short(value, 0);
    }
    let step = 10_f64.powi(value.log10().floor() as i32 - 1);
    short((value / step).round() * step, 0)
}

/// Formats money rounded for "about".
pub fn about_money(money: &Money) -> String {
    match &money.currency {
        Some(currency) => format!("{} {currency}", about(money.amount)),
        None => format!("{} cost units", about(money.amount)),
    }
}

/// Formats money.
pub fn money(money: &Money) -> String {
    match &money.currency {
        Some(currency) => format!("{} {currency}", money_digits(money.amount)),
        None => money_digits(money.amount),
    }
}

fn money_digits(value: f64) -> String {
    if value.abs() < 1.0 {
        short(value, 4)
    } else {
        short(value, 2)
    }
}

/// Names a failure class in words: `unsupported-claim` → `unsupported claim`; plural from 0 and 2.
pub fn class(id: &str, how_many: u64) -> String {
    if id == "latency" {
        return if how_many == 1 {
            "slow answer"
        } else {
            "slow answers"
        }
        .to_owned();
    }
    let words = match id.strip_prefix("over-") {
        Some(rest) => format!("over-{}", rest.replace('-', " ")),
        None => id.replace('-', " "),
    };
    if how_many == 1 {
        return words;
    }
    let vowel_before_y = words
        .chars()
        .rev()
        .nth(1)
        .is_some_and(|one| "aeiou".contains(one));
    if words.ends_with('y') && !vowel_before_y {
        format!("{}ies", &words[..words.len() - 1])
    } else if ["s", "x", "ch", "sh"]
        .iter()
        .any(|end| words.ends_with(end))
    {
        format!("{words}es")
    } else {
        format!("{words}s")
    }
}

/// Names a place: `cancellation` for a task, `risk high` for other dimensions, `all examples` for everything.
pub fn place(slice: &Slice) -> String {
    if slice.is_empty() {
        return "all examples".to_owned();
    }
    slice
        .iter()
        .map(|(dimension, value)| match dimension.as_str() {
            "task" => value.clone(),
            _ => format!("{dimension} {value}"),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// Names the place of a narrow: `refund, plan-change (81 % of traffic)`, `5 % of traffic`.
pub fn scope(scope: &ScopeView) -> String {
    let share = scope.share.map(|share| amount(Unit::Share, share));
    match (&scope.dimension, share) {
        (None, share) => format!(
            "{} of traffic",
            share.unwrap_or_else(|| "a share".to_owned())
        ),
        (Some(_), None) => list(&scope.values),
        (Some(_), Some(share)) => format!("{} ({share} of traffic)", list(&scope.values)),
    }
}

/// Joins names with commas and "and".
pub fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(amount(Unit::Share, 0.912), "91.2 %");
        assert_eq!(amount(Unit::Share, 0.9), "90 %");
        assert_eq!(change(Unit::Share, -0.2083), "−20.8 points");
        assert_eq!(change(Unit::Share, 0.0), "0 points");
        assert_eq!(distance(Unit::Milliseconds, -1300.0), "1.3 s");
        assert_eq!(short(-0.0001, 1), "0");
        assert_eq!(short(f64::INFINITY, 1), "∞");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(about(1234.0), "1,200");
        assert_eq!(about(14.6), "15");
    }

    #[test]
    fn classes_and_places_read_as_words() {
        assert_eq!(class("unsupported-claim", 2), "unsupported claims");
        assert_eq!(class("over-refusal", 0), "over-refusals");
        assert_eq!(class("policy-ambiguity", 3), "policy ambiguities");
        assert_eq!(class("scope-mismatch", 1), "scope mismatch");
        assert_eq!(place(&vec![("task".into(), "refund".into())]), "refund");
        assert_eq!(place(&vec![("risk".into(), "high".into())]), "risk high");
    }
}
