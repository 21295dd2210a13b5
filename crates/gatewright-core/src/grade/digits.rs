//! Digits of every script, read as the numbers they are, and told from those in names.

use std::borrow::Cow;
use std::ops::Range;

/// The zero of each run of ten decimal digits in Unicode 17 (general category Nd), but ASCII's.
const ZEROS: [u32; 75] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
    0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0,
    0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50,
    0x11da0, 0x11de0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce,
    0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950,
];
/// The one after these, of the legacy segmented digits.
const SEGMENTED: u32 = 0x1fbf0;

/// Writes digits, decimal marks, marks of thousands and minus signs of other scripts as ASCII does; character for character, so that places stay.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.chars().any(|one| other(one).is_some()) {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().map(|one| other(one).unwrap_or(one));
    Cow::Owned(plain.collect())
}

fn other(one: char) -> Option<char> {
    match one {
        '\0'..='\u{7f}' => None,
        // Arabic decimal mark; thousands, which the apostrophe marks in Swiss and is never a decimal mark.
        '٫' => Some('.'),
        '٬' => Some('’'),
        '．' => Some('.'),
        '，' => Some(','),
        '−' | '﹣' | '－' => Some('-'),
        _ => digit(one as u32),
    }
}

fn digit(code: u32) -> Option<char> {
    let zero = match ZEROS.partition_point(|zero| *zero <= code) {
        0 => return None,
        _ if code >= SEGMENTED => SEGMENTED,
        after => ZEROS[after - 1],
    };
    char::from_digit(code - zero, 10)
}

/// Says whether what follows a text goes on with its last word: `v`, `x_`. Letters without case (Chinese, Arabic) stand close to a number that is
/// none of theirs.
pub(super) fn in_a_word(before: &str) -> bool {
    let mut back = before.chars().rev();
    match back.next() {
        // `_5_` is an emphasis.
        Some('_') => back.next().is_some_and(char::is_alphanumeric),
        Some(one) => one.is_lowercase() || one.is_uppercase(),
        None => false,
    }
}

/// Returns the number found at a place of a plain text: without its hyphen where that means a range (`10-12`); `None` where it is part of a
/// name (`v12`, `COVID-19`), of a version (`1.12.5`), of a date (`2026-03-04`), of `0x12` or of `12½`.
pub(super) fn alone(text: &str, range: Range<usize>) -> Option<&str> {
    let (found, before) = (&text[range.clone()], &text[..range.start]);
    let mut after = text[range.end..].chars();
    let (next, then) = (after.next(), after.next());
    let digit_then = then.is_some_and(|one| one.is_ascii_digit());
    let goes_on = next.is_some_and(|one| match one {
        '.' => digit_then,
        '¼'..='¾' | '⅐'..='⅟' | '↉' => true,
        'x' | 'X' | 'b' | 'B' | 'o' | 'O' => {
            found == "0" && then.is_some_and(|one| one.is_ascii_hexdigit())
        }
        _ => one.is_ascii_digit(),
    });
    if goes_on || in_a_word(before) {
        return None;
    }
    let after_digit = ends_in_digit(before);
    match found.strip_prefix('-') {
        Some(positive) if after_digit || before.ends_with('%') => {
            let earlier = before.trim_end_matches(|one: char| one.is_ascii_digit() || one == '.');
            let part = earlier.strip_suffix('-').is_some_and(ends_in_digit);
            let part = part || (next == Some('-') && digit_then);
            (!part).then_some(positive)
        }
        Some(_) => Some(found),
        None => {
            let part = before.strip_suffix('.').is_some_and(ends_in_digit);
            (!part && !after_digit).then_some(found)
        }
    }
}

fn ends_in_digit(text: &str) -> bool {
    text.ends_with(|one: char| one.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a pattern takes for a digit is one here.
    #[test]
    fn every_digit_of_unicode_is_read() {
        let digits = crate::pattern::compile(r"^\d$", false).expect("a pattern");
        let mut found = 0;
        for one in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let text = one.to_string();
            if digits.is_match(&text) {
                found += 1;
                assert!(
                    plain(&text).as_bytes()[0].is_ascii_digit(),
                    "{:x}",
                    one as u32
                );
            } else {
                assert!(!other(one).is_some_and(|it| it.is_ascii_digit()) || one as u32 > 0x7f);
            }
        }
        assert!(found >= 660, "{found}");
        for (text, wanted) in [
            ("٣٠", "30"),
            ("३०,०००", "30,000"),
            ("３０．５", "30.5"),
            ("١٬٢٥٠٫٥", "1’250.5"),
            ("−３", "-3"),
            ("plain 30 €", "plain 30 €"),
        ] {
            assert_eq!(plain(text), wanted);
        }
    }
}
