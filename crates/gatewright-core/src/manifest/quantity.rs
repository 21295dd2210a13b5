//! Quantities as people write them: `10 pts`, `5 %`, `0.05`, `4 s`, `400 USD`.
//!
//! NaN, infinity, signs, exponents and more than 100 % are refused (hardening.md A31), each with what to write instead.

use crate::class::Cost;

/// Largest number of a page.
const LARGEST: f64 = 1e15;

/// Says why a text is no such quantity: what is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAQuantity {
    /// What is wrong.
    pub(crate) what: String,
    /// What to write instead.
    pub(crate) instead: &'static str,
}

fn refuse<T>(text: &str, what: &str, instead: &'static str) -> Result<T, NotAQuantity> {
    Err(NotAQuantity {
        what: format!("`{text}` {what}"),
        instead,
    })
}

/// Reads plain decimal digits with an optional fraction: `15`, `0.05`.
pub(crate) fn number(text: &str) -> Result<f64, NotAQuantity> {
    const PLAIN: &str = "decimal digits, such as `15` or `0.05`";
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    if text.starts_with('-') && text.len() > 1 {
        return refuse(text, "is negative", "a number that is not negative");
    }
    if !digits(whole) || fraction.is_some_and(|part| !digits(part)) {
        return refuse(text, "is no plain decimal number", PLAIN);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return refuse(text, "begins with a zero that could mean base 8", PLAIN);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value <= LARGEST => Ok(value),
        _ => refuse(text, "is too large", "a number of at most 15 digits"),
    }
}

/// Reads a whole number.
pub(crate) fn whole(text: &str) -> Result<u64, NotAQuantity> {
    match number(text) {
        Ok(value) if value.fract() == 0.0 && !text.contains('.') => Ok(value as u64),
        Ok(_) => refuse(text, "is no whole number", "a whole number, such as `3`"),
        Err(error) => Err(error),
    }
}

/// Splits `4 s`, `4s` into number and unit.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let cut = text
        .find(|it: char| !(it.is_ascii_digit() || matches!(it, '.' | '-' | '+')))
        .unwrap_or(text.len());
    // `1e3` stays whole, so that it is refused as a number and not as a unit.
    let (number, unit) = text.split_at(cut);
    (number.trim(), unit.trim())
}

/// Reads a share in [0, 1]: `95 %` or `0.95`.
pub(crate) fn share(text: &str) -> Result<f64, NotAQuantity> {
    const SHARE: &str = "a share such as `95 %` or `0.95`";
    let (digits, unit) = split(text);
    let value = match (number(digits), unit) {
        (Ok(value), "%") => value / 100.0,
        (Ok(value), "") => {
            if value > 1.0 {
                return refuse(text, "is more than 1 and has no unit", SHARE);
            }
            value
        }
        (Ok(_), "pts" | "pt") => {
            return refuse(text, "is a difference in points, not a share", SHARE);
        }
        _ => return refuse(text, "is no share", SHARE),
    };
    if value > 1.0 {
        return refuse(text, "is more than 100 %", SHARE);
    }
    Ok(value)
}

/// Reads a difference of shares in [0, 1]: `10 pts` or `0.1`.
pub(crate) fn points(text: &str) -> Result<f64, NotAQuantity> {
    const POINTS: &str = "points such as `10 pts`, or a fraction such as `0.1`";
    let (digits, unit) = split(text);
    let value = match (number(digits), unit) {
        (Ok(value), "pts" | "pt") => value / 100.0,
        (Ok(value), "") if value <= 1.0 => value,
        (Ok(_), "") => return refuse(text, "is more than 1 and has no unit", POINTS),
        (Ok(_), "%") => {
            return refuse(text, "may mean points or a part of the value", POINTS);
        }
        _ => return refuse(text, "is no number of points", POINTS),
    };
    if value > 1.0 {
        return refuse(text, "is more than 100 points", POINTS);
    }
    Ok(value)
}

/// Reads a time in milliseconds: `4 s`, `250 ms`, `2 min`, `1 h`.
pub(crate) fn milliseconds(text: &str) -> Result<f64, NotAQuantity> {
    const TIME: &str = "a time with its unit, such as `4 s`, `250 ms` or `2 min`";
    let (digits, unit) = split(text);
    let factor = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "min" => 6e4,
        "h" => 3.6e6,
        "" => return refuse(text, "has no unit of time", TIME),
        _ => return refuse(text, "is no time", TIME),
    };
    match number(digits) {
        Ok(value) if value * factor <= LARGEST => Ok(value * factor),
        _ => refuse(text, "is no time", TIME),
    }
}

/// Reads an amount of memory in MiB: `512 MiB`, `2 GiB`.
pub(crate) fn mebibytes(text: &str) -> Result<u64, NotAQuantity> {
    const MEMORY: &str = "an amount of memory, such as `512 MiB` or `2 GiB`";
    let (digits, unit) = split(text);
    let factor = match unit {
        "MiB" => 1,
        "GiB" => 1024,
        _ => return refuse(text, "is no amount of memory", MEMORY),
    };
    match whole(digits) {
        Ok(value) if (1..=1 << 20).contains(&value) => Ok(value * factor),
        _ => refuse(text, "is no amount of memory", MEMORY),
    }
}

/// Reads an amount of money or of plain cost units: `400 USD`, `15`.
pub(crate) fn money(text: &str) -> Result<Cost, NotAQuantity> {
    const MONEY: &str = "an amount such as `400 USD`, or plain cost units such as `15`";
    let (digits, unit) = split(text);
    let Ok(amount) = number(digits) else {
        return refuse(text, "is no amount", MONEY);
    };
    let currency = match unit {
        "" => None,
        code if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            Some(code.to_owned())
        }
        _ => return refuse(text, "has no currency code of three capitals", MONEY),
    };
    Ok(Cost { amount, currency })
}

/// Reads an amount in US dollars: `0.02 USD`.
pub(crate) fn dollars(text: &str) -> Result<f64, NotAQuantity> {
    const DOLLARS: &str = "an amount in US dollars, such as `0.02 USD`";
    match money(text) {
        Ok(Cost {
            amount,
            currency: Some(code),
        }) if code == "USD" => Ok(amount),
        Ok(Cost { currency: None, .. }) => refuse(text, "has no currency", DOLLARS),
        Ok(_) => refuse(
            text,
            "is not in US dollars, the unit of recorded costs",
            DOLLARS,
        ),
        Err(_) => refuse(text, "is no amount", DOLLARS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_as_people_write_them() {
        assert_eq!(share("95 %"), Ok(0.95));
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.05"), Ok(0.05));
        assert_eq!(points("10 pts"), Ok(0.1));
        assert_eq!(points("0 pts"), Ok(0.0));
        assert_eq!(points("0.05"), Ok(0.05));
        assert_eq!(milliseconds("4 s"), Ok(4000.0));
        assert_eq!(milliseconds("250ms"), Ok(250.0));
        assert_eq!(milliseconds("2 min"), Ok(120_000.0));
        assert_eq!(dollars("0.02 USD"), Ok(0.02));
        let cost = |amount, currency: Option<&str>| Cost {
            amount,
            currency: currency.map(str::to_owned),
        };
        assert_eq!(money("400 USD"), Ok(cost(400.0, Some("USD"))));
        assert_eq!(money("15"), Ok(cost(15.0, None)));
        assert_eq!(whole("42000"), Ok(42_000));
    }

    /// A31: NaN, infinity, 110 %, negative and ambiguous quantities are errors.
    #[test]
    fn a31_no_number_that_means_nothing() {
        for text in [
            "NaN",
            "nan",
            ".nan",
            "inf",
            ".inf",
            "-inf",
            "110 %",
            "-5 %",
            "1e3",
            "0x10",
            "017",
            "+5",
            "",
            "%",
            "1_000",
            "1,5",
            "5 %%",
            "95",
            "9999999999999999999999",
        ] {
            assert!(share(text).is_err(), "{text}");
        }
        for text in [
            "101 pts", "10 %", "5", "-1 pts", "NaN pts", "inf pts", "1e1 pts",
        ] {
            assert!(points(text).is_err(), "{text}");
        }
        for text in ["4", "4 sec", "-4 s", "NaN s", "s", "1e3 s"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
        for text in ["$4", "4 usd", "USD", "-4 USD", "inf USD", "4 EURO"] {
            assert!(money(text).is_err(), "{text}");
        }
        assert!(dollars("4").is_err() && dollars("4 EUR").is_err());
        assert!(whole("3.0").is_err() && whole("1e3").is_err());
    }
}
