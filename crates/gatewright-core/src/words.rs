//! Counts and lists in words, for whoever says something to people.

/// `1 example`, `12 examples`.
pub fn counted(how_many: u64, one: &str) -> String {
    match how_many {
        1 => format!("1 {one}"),
        more => format!("{} {one}s", count(more)),
    }
}

/// Formats a count with thousands separated.
pub fn count(value: u64) -> String {
    thousands(&value.to_string())
}

pub(crate) fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Joins names with commas and "and".
pub fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
