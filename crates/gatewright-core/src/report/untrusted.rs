//! The one door for text that others wrote: outputs, ids, names, reasons (hardening A9, A10).
//!
//! What a system says is data. It must never move a cursor, reverse a line, hide a character, start a CI
//! command or become markup. Everything is shown visibly instead of being dropped.

use std::fmt::Write as _;

use url::Host;

/// Most characters of an IPv6 address and its closing bracket.
const IPV6_CHARS_MAX: usize = 46;
/// Most characters of one untrusted line in a terminal or a table.
pub const LINE_CHARS_MAX: usize = 2000;

/// Returns one visible line: control, bidi and invisible characters as `\u{…}`, line feeds as `⏎`, CI commands broken up, clipped to `max` characters.
///
/// An IPv6 address in brackets (`[::1]`) is read as one, and what is written is its own form: behind its bracket it can begin no line.
pub fn line(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut left = max;
    let mut previous = ' ';
    let mut chars = text.chars().peekable();
    while let Some(one) = chars.next() {
        if left == 0 {
            out.push('…');
            break;
        }
        left -= 1;
        match one {
            '[' if let Some((shown, length)) = ipv6(chars.clone()) => {
                // Whole or not at all: half of it would be another address.
                if length > left {
                    out.push('…');
                    break;
                }
                left -= length;
                out.push_str(&shown);
                chars.nth(length - 1);
                previous = ']';
                continue;
            }
            '\n' => out.push('⏎'),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\t' => out.push(' '),
            // `::error`, `::add-mask`, `::stop-commands`: a runner reads a command wherever a line starts with it,
            // and we wrap lines; `##[` is read anywhere in a line.
            ':' if chars.peek() == Some(&':') && !previous.is_alphanumeric() => {
                out.push_str("\\u{3a}");
            }
            '#' if chars.peek() == Some(&'[') && previous == '#' => out.push_str("\\u{23}"),
            one if must_show(one) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(one));
            }
            one => out.push(one),
        }
        previous = one;
    }
    out
}

/// Reads an IPv6 address behind its opening bracket; returns its own form, and how many characters it took, the closing bracket among them.
fn ipv6(rest: impl Iterator<Item = char>) -> Option<(String, usize)> {
    let text: String = rest
        .take(IPV6_CHARS_MAX)
        .take_while(|&one| one.is_ascii_hexdigit() || one == ':' || one == '.' || one == ']')
        .collect();
    let (address, _) = text.split_once(']')?;
    match Host::parse(&format!("[{address}]")).ok()? {
        Host::Ipv6(parsed) => {
            let shown = Host::<&str>::Ipv6(parsed).to_string();
            Some((shown, address.len() + 1))
        }
        _ => None,
    }
}

/// Returns visible lines: like [`line()`], with the text's own line breaks kept and at most `lines_max` lines.
pub fn block(text: &str, max: usize, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .take(lines_max)
        .map(|one| line(one, max))
        .collect();
    let rest = text.lines().skip(lines_max).count();
    if rest > 0 {
        lines.push(format!("… {rest} more lines"));
    }
    lines
}

/// Returns one visible line in which nothing is Markdown or HTML, clipped to `max` characters.
pub fn markdown(text: &str, max: usize) -> String {
    let shown = line(text, max);
    let mut out = String::new();
    let mut chars = shown.chars().peekable();
    while let Some(one) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match one {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Forges look for people and issues in the rendered text: an empty comment parts the sign from the name.
            '@' => out.push_str("@<!-- -->"),
            '#' if next.is_ascii_digit() => out.push_str("#<!-- -->"),
            // `http://` would become a link; `::` may start a command.
            ':' if next == '/' || next == ':' => out.push_str("&#58;"),
            '.' if out.ends_with("www") => out.push_str("\\."),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' => {
                out.push('\\');
                out.push(one);
            }
            one => out.push(one),
        }
    }
    out
}

/// Escapes, inside finished JSON, what a terminal could obey or hide. The JSON stays the same value: such characters stand only in strings.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut units = [0u16; 2];
    for one in text.chars() {
        if one != '\n' && must_show(one) {
            for unit in one.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(one);
        }
    }
    out
}

/// Shows, in a finished page, what could hide or reorder its text. Line feeds and tabs stay; a carriage return before a line feed goes.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Nearly everything is plain: it is copied in long pieces.
    while let Some((at, one)) = rest
        .char_indices()
        .find(|(_, one)| !matches!(one, ' '..='~' | '\n' | '\t') && must_show(*one))
    {
        out.push_str(&rest[..at]);
        rest = &rest[at + one.len_utf8()..];
        if !(one == '\r' && rest.starts_with('\n')) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(one));
        }
    }
    out.push_str(rest);
    out
}

/// Says whether a character must be shown by its number: control, bidi, zero-width, invisible, line separators, tags.
fn must_show(one: char) -> bool {
    one.is_control()
        || matches!(one,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{e000}'..='\u{f8ff}')
}

/// Says whether a character is there and cannot be seen: what must be shown by its number, but for line ends and tabs.
pub fn is_hidden(one: char) -> bool {
    must_show(one) && !matches!(one, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}')
}

/// Returns the columns a text takes in a terminal.
pub fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// Returns the columns a character takes: combining marks none, wide East Asian characters and emoji two.
pub fn char_columns(one: char) -> usize {
    match one {
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Clips a text to a number of columns, with an ellipsis.
pub fn clip(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for one in text.chars() {
        used += char_columns(one);
        if used + 1 > width {
            break;
        }
        out.push(one);
    }
    out.push('…');
    out
}

/// Pads or clips a text to exactly `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    let text = clip(text, width);
    let missing = width.saturating_sub(columns(&text));
    format!("{text}{}", " ".repeat(missing))
}

/// Wraps a text at spaces to a width in columns; further lines are indented. A word longer than a line is clipped, never split:
/// the second half of a split word could read as a command.
pub fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let lead = text.len() - text.trim_start_matches(' ').len();
    let mut current = " ".repeat(lead);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let fits = columns(&current) + 1 + columns(word) <= width;
        if current.trim().is_empty() {
            current.push_str(&clip(word, width.saturating_sub(columns(&current))));
        } else if fits {
            current.push(' ');
            current.push_str(word);
        } else {
            lines.push(std::mem::replace(&mut current, " ".repeat(indent)));
            current.push_str(&clip(word, width.saturating_sub(indent)));
        }
    }
    if !current.trim().is_empty() {
        lines.push(current);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a9_control_bidi_and_invisible_characters_are_shown() {
        assert_eq!(
            line("\x1b[31mred\x1b]0;t\x07", 99),
            "\\u{1b}[31mred\\u{1b}]0;t\\u{7}"
        );
        assert_eq!(
            line("a\u{202e}b\u{200b}c\u{9b}31m", 99),
            "a\\u{202e}b\\u{200b}c\\u{9b}31m"
        );
        assert_eq!(line("one\r\ntwo\nthree\tx", 99), "one⏎two⏎three x");
        assert_eq!(line("\rover", 99), "\\u{d}over");
        let long = "x".repeat(1 << 20);
        assert_eq!(line(&long, 10), "xxxxxxxxxx…");
        assert_eq!(block("a\nb\nc", 9, 2), ["a", "b", "… 1 more lines"]);
    }

    #[test]
    fn a9_json_stays_the_same_value_and_hides_nothing() {
        let value = serde_json::json!({"why": "a\u{202e}b\u{9b}\u{e0041}\n\u{1b}"});
        let text = json(&serde_json::to_string_pretty(&value).expect("json"));
        assert!(
            text.contains("\\u202e") && text.contains("\\u009b") && text.contains("\\udb40\\udc41")
        );
        let back: serde_json::Value = serde_json::from_str(&text).expect("still json");
        assert_eq!(back, value);
    }

    #[test]
    fn a10_workflow_commands_are_neutralised() {
        for hostile in [
            "::error file=x::owned",
            "  ::add-mask::s",
            "ok\n::stop-commands::t",
            "##[error]x",
            ":::error",
        ] {
            let shown = line(hostile, 99);
            assert!(!shown.contains("##["), "{shown}");
            for wrapped in wrap(&shown, 12, 2) {
                assert!(!wrapped.trim_start().starts_with("::"), "{wrapped}");
            }
        }
        assert_eq!(line("std::vec", 99), "std::vec");
    }

    /// An address is shown as one. What is only like one is guarded as ever, and nothing that is shown begins a line with `::`.
    #[test]
    fn a10_addresses_in_brackets_are_shown_and_commands_are_not() {
        for (text, shown) in [
            ("[::1]:8080", "[::1]:8080"),
            ("--allow-host [fe80::1]:443", "--allow-host [fe80::1]:443"),
            ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("[::error]", "[\\u{3a}:error]"),
            ("[::", "[\\u{3a}:"),
            ("[::1", "[\\u{3a}:1"),
            ("[::1]::error::x", "[::1]\\u{3a}:error::x"),
            ("##[::1]", "#\\u{23}[::1]"),
            ("::1", "\\u{3a}:1"),
        ] {
            assert_eq!(line(text, 99), shown);
        }
        assert_eq!(line("a [::1]:80", 5), "a …");
        for width in 1..20 {
            for hostile in [
                "[::1] ::error::x",
                "x [::1]\n::error::x",
                "[::1]::add-mask::y",
            ] {
                for max in 1..20 {
                    for row in wrap(&line(hostile, max), width, 0) {
                        assert!(!row.trim_start().starts_with("::"), "{hostile}: {row}");
                    }
                }
            }
        }
    }

    #[test]
    fn a8_markdown_has_no_markup() {
        let shown = markdown("<script>|[x](javascript:1)|`@all` #1 http://a www.b", 99);
        assert_eq!(
            shown,
            "&lt;script&gt;\\|\\[x\\](javascript:1)\\|\\`@<!-- -->all\\` #<!-- -->1 http&#58;//a www\\.b"
        );
    }

    #[test]
    fn a9_a_finished_page_hides_nothing() {
        assert_eq!(
            visible("a\r\nb\tc\u{202e}d\u{1b}[1m\u{200b}é\r"),
            "a\nb\tc\\u{202e}d\\u{1b}[1m\\u{200b}é\\u{d}"
        );
    }

    #[test]
    fn widths_are_columns() {
        assert_eq!(columns("日本"), 4);
        assert_eq!(clip("日本語", 5), "日本…");
        assert_eq!(wrap("a bb ccc", 4, 2), ["a bb", "  c…"]);
        assert_eq!(wrap("  a bb", 4, 3), ["  a", "   …"]);
        assert_eq!(wrap("", 4, 2), Vec::<String>::new());
    }
}
