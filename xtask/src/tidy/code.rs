//! Rust text with what is not code blanked out, so that a rule about calls does not trip over a sentence.

use std::sync::LazyLock;

use regex::Regex;

/// Returns the source with comments and the insides of literals replaced by spaces. Line numbers stay.
pub(crate) fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let Some(end) = blank_until(bytes, at) else {
            at += 1;
            continue;
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns the end of the comment or literal that starts here; `None` when code goes on.
fn blank_until(bytes: &[u8], at: usize) -> Option<usize> {
    let starts_word = !follows_word(bytes, at);
    match bytes[at] {
        b'/' if bytes[at..].starts_with(b"//") => Some(line_end(bytes, at)),
        b'/' if bytes[at..].starts_with(b"/*") => Some(block_comment_end(bytes, at)),
        b'r' if starts_word => raw_string_end(bytes, at),
        b'b' if starts_word && bytes.get(at + 1) == Some(&b'r') => raw_string_end(bytes, at + 1),
        b'"' => Some(quoted_end(bytes, at, b'"')),
        b'\'' => char_end(bytes, at),
        _ => None,
    }
}

/// Cuts the trailing test module: an inline `mod` under a test attribute at the start of a line.
pub(crate) fn without_tests(source: &str) -> &str {
    static OPENING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^#\[cfg\(test\)\]\nmod \w+ \{").expect("the pattern is a literal")
    });
    match OPENING.find(source) {
        Some(found) => &source[..found.start()],
        None => source,
    }
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// Counts the hashes of a raw string's opening; `None` when it is none.
fn raw_hashes(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes
        .get(at..)?
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    (bytes.get(at + hashes) == Some(&b'"')).then_some(hashes)
}

/// `at` is the position of the `r`; `None` when it opens no raw string.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = raw_hashes(bytes, at + 1)?;
    let close: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    let from = at + hashes + 2;
    let end = (from..bytes.len())
        .find(|&place| bytes[place..].starts_with(&close))
        .map_or(bytes.len(), |place| place + close.len());
    Some(end)
}

fn quoted_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A quote opens a character when one is closed right after; otherwise it is a lifetime.
fn char_end(bytes: &[u8], at: usize) -> Option<usize> {
    let width = match *bytes.get(at + 1)? {
        b'\\' => return Some(quoted_end(bytes, at, b'\'')),
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    };
    (bytes.get(at + 1 + width) == Some(&b'\'')).then_some(at + width + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeezed(source: &str) -> String {
        code_only(source)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn comments_and_literals_are_blank() {
        assert_eq!(squeezed("a(); // std::fs\nb();"), "a(); b();");
        assert_eq!(squeezed("a(/* x /* y */ z */);"), "a( );");
        assert_eq!(
            squeezed(r##"a("x\"y", r#"z"z"#, b"q", br"w", 'c', '\'');"##),
            "a( , , b , , , );"
        );
    }

    #[test]
    fn lifetimes_and_lines_stay() {
        assert_eq!(
            squeezed("fn f<'a>(x: &'a str) -> 'é' {}"),
            "fn f<'a>(x: &'a str) -> {}"
        );
        let source = "a\n\"b\nc\"\nd";
        assert_eq!(
            code_only("break; r#type; 'a: loop {}"),
            "break; r#type; 'a: loop {}"
        );
        assert_eq!(code_only(source).lines().count(), source.lines().count());
    }

    #[test]
    fn the_test_module_is_cut() {
        assert_eq!(
            without_tests("fn a() {}\n#[cfg(test)]\nmod tests {}\n"),
            "fn a() {}\n"
        );
        let named = "#[cfg(test)]\nmod tests;\nfn a() {}\n";
        assert_eq!(without_tests(named), named);
    }
}
