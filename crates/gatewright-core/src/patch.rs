//! Changes to files as patches that `git apply` takes: what a person reads and puts in, instead of a file that changed by itself.

use std::fmt::Write as _;

/// Lines around a change.
const CONTEXT: usize = 3;

/// Writes the change of one file, by its path below the folder in which the patch is applied; nothing when there is none. A file that is not there
/// yet has no text.
///
/// All that differs is in one piece, from the first line that does to the last.
pub fn patch(path: &str, old: Option<&str>, new: &str) -> String {
    let (before, after) = (lines(old.unwrap_or_default()), lines(new));
    if old.is_some() && before == after || after.is_empty() && old.is_none() {
        return String::new();
    }
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = before.iter().zip(&after).take_while(same).count();
    let rest = before.len().min(after.len()) - head;
    let tails = before.iter().rev().zip(after.iter().rev());
    let tail = tails.take(rest).take_while(same).count();
    let from = head.saturating_sub(CONTEXT);
    let more = tail.min(CONTEXT);
    let (gone, come) = (before.len() - tail, after.len() - tail);
    let mut text = String::new();
    let (a, b) = (quoted("a/", path), quoted("b/", path));
    // Without git's own heading: with it, paths are from the root of the repository, and in a folder below `git apply` would do nothing and not say so.
    let a = if old.is_some() {
        a.as_str()
    } else {
        "/dev/null"
    };
    let _ = writeln!(text, "--- {a}{}\n+++ {b}{}", end_of(a), end_of(&b));
    let range = |count: usize| match count {
        // Of nothing, the line before it is named.
        0 => format!("{from},0"),
        count => format!("{},{count}", from + 1),
    };
    let (was, is) = (range(gone + more - from), range(come + more - from));
    let _ = writeln!(text, "@@ -{was} +{is} @@");
    let rows = before[from..head].iter().map(|row| (' ', row));
    let rows = rows.chain(before[head..gone].iter().map(|row| ('-', row)));
    let rows = rows.chain(after[head..come].iter().map(|row| ('+', row)));
    let rows = rows.chain(before[gone..gone + more].iter().map(|row| (' ', row)));
    for (mark, row) in rows {
        text.push(mark);
        text.push_str(row);
        if !row.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
    text
}

/// Cuts a text into lines with their ends: a line without one is another line.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A name with a space ends where a tab is.
fn end_of(name: &str) -> &'static str {
    if name.contains(' ') { "\t" } else { "" }
}

/// Writes a path as git does: between quotes, with bytes by their numbers, where it has any that could be misread.
fn quoted(before: &str, path: &str) -> String {
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    if path.bytes().all(plain) {
        return format!("{before}{path}");
    }
    let mut text = format!("\"{before}");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            byte if plain(byte) => text.push(char::from(byte)),
            byte => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_the_middle_is_one_piece_with_what_is_around() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let new = old.replace("5\n", "five\n");
        assert_eq!(
            patch("reference/all.jsonl", Some(old), &new),
            "--- a/reference/all.jsonl\n+++ b/reference/all.jsonl\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(patch("x", Some(old), old), "");
    }

    #[test]
    fn a_new_file_and_a_missing_line_end_are_said() {
        assert_eq!(
            patch("x y", None, "1\n"),
            "--- /dev/null\n+++ b/x y\t\n@@ -0,0 +1,1 @@\n+1\n"
        );
        let added = patch("x", Some("1"), "1\n2\n");
        assert!(
            added.ends_with("@@ -1,1 +1,2 @@\n-1\n\\ No newline at end of file\n+1\n+2\n"),
            "{added}"
        );
        assert!(patch("ü", Some("0\n"), "1\n").starts_with("--- \"a/\\303\\274\""));
    }
}
