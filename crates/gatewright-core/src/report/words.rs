//! Numbers and names in words people use.

use crate::analyse::Slice;
use crate::decide::Answer;
use crate::manifest::Enforce;
use crate::report::model::{EstimateView, LapseView, Money, ScopeView, SegmentView, Unit, View};
use crate::words::thousands;
pub use crate::words::{count, counted, list};

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

/// A level with its bounds: `84 % (75.8 to 90.1)`, or why there is none.
pub fn level_shown(unit: Unit, shown: Option<&EstimateView>, why: Option<&str>) -> String {
    with_bounds((unit, amount), shown, why)
}

/// A difference with its bounds: `−30 points (−54.6 to −5.4)`, or why there is none.
pub fn change_shown(unit: Unit, shown: Option<&EstimateView>, why: Option<&str>) -> String {
    with_bounds((unit, change), shown, why)
}

fn with_bounds(
    (unit, point): (Unit, fn(Unit, f64) -> String),
    shown: Option<&EstimateView>,
    why: Option<&str>,
) -> String {
    let Some(shown) = shown else {
        return why.unwrap_or("–").to_owned();
    };
    let mut text = point(unit, shown.point);
    if shown.lower.is_some() || shown.upper.is_some() {
        text.push_str(&format!(" ({})", bounds((unit, point), shown)));
    }
    if let Some(why) = why {
        text.push_str(&format!("; {why}"));
    }
    text
}

/// `75.8 to 90.1`: shares without their unit, which stands beside the point.
fn bounds((unit, point): (Unit, fn(Unit, f64) -> String), shown: &EstimateView) -> String {
    let one = |value: Option<f64>| match (value, unit) {
        (None, _) => "no bound".to_owned(),
        (Some(value), Unit::Share) => short(value * 100.0, 1),
        (Some(value), _) => point(unit, value),
    };
    format!("{} to {}", one(shown.lower), one(shown.upper))
}

/// The interval alone, with level and method: `75.8 to 90.1, 95 % interval, Clopper-Pearson`. Each bound has half of what is
/// outside the level.
pub fn interval(unit: Unit, compares: bool, shown: &EstimateView) -> String {
    let point: fn(Unit, f64) -> String = if compares { change } else { amount };
    format!(
        "{}, {} interval, {}",
        bounds((unit, point), shown),
        amount(Unit::Share, 1.0 - 2.0 * shown.alpha),
        shown.method
    )
}

/// How often one thing went wrong, with share, interval and method: `3 of 250: 1.2 % (0.2 to 3.5, 95 % interval, Clopper-Pearson)`.
pub fn lapse(lapse: &LapseView) -> String {
    let counted = lapse_counted(lapse);
    if lapse.of == 0 {
        return counted;
    }
    let why = lapse.no_interval.as_deref();
    match (&lapse.rate, why) {
        (None, why) => format!("{counted}: no interval: {}", why.unwrap_or("none")),
        (Some(rate), why) => format!(
            "{counted}: {} ({}){}",
            amount(Unit::Share, rate.point),
            interval(Unit::Share, false, rate),
            why.map(|why| format!("; {why}")).unwrap_or_default()
        ),
    }
}

/// The same where there is little room, without share and method: `3 of 250 (0.2 to 3.5)`.
pub fn lapse_short(lapse: &LapseView) -> String {
    let counted = lapse_counted(lapse);
    match &lapse.rate {
        _ if lapse.of == 0 => counted,
        None => format!("{counted} (no interval)"),
        Some(rate) => format!("{counted} ({})", bounds((Unit::Share, amount), rate)),
    }
}

/// What was not seen could have gone wrong: only where no unit could, it cannot happen.
fn lapse_counted(lapse: &LapseView) -> String {
    let unseen = format!("{} unseen", count(lapse.unseen));
    match (lapse.of, lapse.unseen) {
        (0, 0) => "cannot happen".to_owned(),
        (0, _) => unseen,
        (of, 0) => format!("{} of {}", count(lapse.count), count(of)),
        (of, _) => format!("{} of {}, {unseen}", count(lapse.count), count(of)),
    }
}

/// What a lapse is called at the head of a column or a line.
pub const OVER_REFUSAL: &str = "refused what it should do";
/// The other one.
pub const REFUSAL_FAILURE: &str = "did what it should refuse";

/// The method behind an estimate, with what it counted.
pub fn method_shown(shown: Option<&EstimateView>) -> String {
    shown.map_or_else(String::new, |shown| {
        format!(
            "{}, {} sources, effective n {}",
            shown.method,
            count(shown.clusters),
            short(shown.n_eff, 1)
        )
    })
}

/// What production and the candidate have in a segment: their values, or of a preference how often each was preferred.
pub fn both(row: &SegmentView) -> (String, String) {
    if row.tied.is_some() {
        let won = |wins: u64| format!("{} won", count(wins));
        return (won(row.lost), won(row.gained));
    }
    let shown =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| amount(row.unit, value));
    (shown(row.production), shown(row.candidate))
}

/// The answer in one sentence, as it would be where the gate only advises: `WOULD HOLD: …`, `WOULD FIND NOT ENOUGH EVIDENCE: …`.
pub fn answered(view: &View) -> String {
    let word = view.answer.word().to_uppercase();
    match (view.enforce, view.sentence.strip_prefix(&word)) {
        (Enforce::Block, _) => view.sentence.clone(),
        (_, Some(rest)) => format!("{}{rest}", would(view.answer).to_uppercase()),
        (_, None) => view.sentence.clone(),
    }
}

/// What a gate that only advises says: what it would do if it were enforced.
pub fn would(answer: Answer) -> &'static str {
    match answer {
        Answer::Ship => "would ship",
        Answer::Narrow => "would narrow",
        Answer::Repair => "would repair",
        Answer::Hold => "would hold",
        Answer::Rollback => "would roll back",
        Answer::NotEnoughEvidence => "would find not enough evidence",
    }
}

/// A criterion with what its numbers are, where that is not plain: `speed (mean)`.
pub fn noted(criterion: &str, note: Option<&str>) -> String {
    match note {
        Some(note) => format!("{criterion} ({note})"),
        None => criterion.to_owned(),
    }
}

/// What is kept in the reference set and not asked: `3 examples quarantined, 2 retired: not asked`; nothing when all are.
pub fn set_aside(quarantined: u64, retired: u64) -> Option<String> {
    let aside = match (quarantined, retired) {
        (0, 0) => return None,
        (0, retired) => format!("{} retired", counted(retired, "example")),
        (quarantined, 0) => format!("{} quarantined", counted(quarantined, "example")),
        (quarantined, retired) => format!(
            "{} quarantined, {} retired",
            counted(quarantined, "example"),
            count(retired)
        ),
    };
    Some(format!("{aside}: not asked"))
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
        (Some(_), None) => format!("{} (share of traffic unknown)", list(&scope.values)),
        (Some(_), Some(share)) => format!("{} ({share} of traffic)", list(&scope.values)),
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
