//! How a text is laid out: sections, bullets, paragraphs, highlights, titles, postscripts.

/// Answers that an answer may be constrained to.
const CONSTRAINED: [&str; 3] = [
    "My answer is yes.",
    "My answer is no.",
    "My answer is maybe.",
];

/// Says whether one of the three answers stands in the text.
pub(super) fn constrained(text: &str) -> bool {
    CONSTRAINED.iter().any(|answer| text.contains(answer))
}

/// Says whether two different answers stand there, six asterisks between them.
pub(super) fn two_responses(text: &str) -> bool {
    let pieces: Vec<&str> = text.split("******").map(str::trim).collect();
    let last = pieces.len() - 1;
    let gap = pieces
        .iter()
        .enumerate()
        .any(|(index, piece)| piece.is_empty() && index != 0 && index != last);
    let answers: Vec<&&str> = pieces.iter().filter(|piece| !piece.is_empty()).collect();
    !gap && answers.len() == 2 && answers[0] != answers[1]
}

/// Counts `[…]` on one line each.
pub(super) fn placeholders(text: &str) -> usize {
    text.split('\n')
        .map(|line| {
            let mut count = 0;
            let mut rest = line;
            while let Some((_, after)) = rest.split_once('[') {
                let Some((_, after)) = after.split_once(']') else {
                    break;
                };
                count += 1;
                rest = after;
            }
            count
        })
        .sum()
}

/// Says whether a postscript begins somewhere, in any case; the two usual markers may have spaces inside.
pub(super) fn postscript(text: &str, marker: &str) -> bool {
    let lower = text.to_lowercase();
    match marker.trim() {
        "P.P.S" => spaced(&lower, &["p.", "p.", "s"]),
        "P.S." => spaced(&lower, &["p.", "s."]),
        other => lower.contains(&other.to_lowercase()),
    }
}

/// Says whether the pieces follow each other, at most one white space between two.
fn spaced(text: &str, pieces: &[&str]) -> bool {
    let Some((first, others)) = pieces.split_first() else {
        return true;
    };
    text.match_indices(first).any(|(start, found)| {
        let mut rest = &text[start + found.len()..];
        others.iter().all(|piece| {
            let next = rest.strip_prefix(char::is_whitespace).unwrap_or(rest);
            match rest
                .strip_prefix(piece)
                .or_else(|| next.strip_prefix(piece))
            {
                Some(after) => {
                    rest = after;
                    true
                }
                None => false,
            }
        })
    })
}

/// Takes a fence around the whole text away.
pub(super) fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let opened = ["```json", "```Json", "```JSON", "```"]
        .iter()
        .find_map(|fence| text.strip_prefix(fence));
    let text = opened.unwrap_or(text);
    text.strip_suffix("```").unwrap_or(text).trim()
}

/// Counts `SECTION 1`, `SECTION2`, …
pub(super) fn sections(text: &str, splitter: &str) -> usize {
    let splitter = splitter.trim();
    if splitter.is_empty() {
        return 0;
    }
    text.match_indices(splitter)
        .filter(|(start, found)| {
            let rest = &text[start + found.len()..];
            let rest = rest.strip_prefix(char::is_whitespace).unwrap_or(rest);
            rest.starts_with(char::is_numeric)
        })
        .count()
}

/// Counts lines that begin with `-`, or with one `*`.
pub(super) fn bullets(text: &str) -> usize {
    let mut lines = text.split('\n').map(str::trim_start).peekable();
    let mut count = 0;
    while let Some(line) = lines.next() {
        let star = match line.strip_prefix('*') {
            // A star alone takes the line below as its text, if there is one.
            Some("") => lines.peek().is_some(),
            Some(rest) => !rest.starts_with('*'),
            None => false,
        };
        count += usize::from(star || line.starts_with('-'));
    }
    count
}

/// Counts `*…*` with something inside, and `**…**` once more.
pub(super) fn highlights(text: &str) -> usize {
    marked(text, "*") + marked(text, "**")
}

/// Counts texts between two equal marks on one line that hold no asterisk and more than white space.
fn marked(text: &str, mark: &str) -> usize {
    let mut count = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find(mark) {
        let inside = at + found + mark.len();
        let length = text[inside..]
            .find(['*', '\n'])
            .unwrap_or(text.len() - inside);
        let end = inside + length;
        if text[end..].starts_with(mark) {
            count += usize::from(!text[inside..end].trim().is_empty());
            at = end + mark.len();
        } else {
            at += found + 1;
        }
    }
    count
}

/// Says whether a line holds `<<…>>` with something inside.
pub(super) fn title(text: &str) -> bool {
    text.split('\n').any(|line| {
        let (Some(start), Some(end)) = (line.find("<<"), line.rfind(">>")) else {
            return false;
        };
        let inside = line.get(start + 2..end).unwrap_or("");
        let inside = inside.trim_start_matches('<').trim_end_matches('>');
        !inside.trim().is_empty()
    })
}

/// Counts paragraphs with `***` between them; `None` when one inside is empty.
pub(super) fn divided(text: &str) -> Option<u64> {
    let pieces: Vec<bool> = text
        .split("***")
        .map(|piece| !piece.trim().is_empty())
        .collect();
    let inside = pieces.get(1..pieces.len() - 1).unwrap_or(&[]);
    inside
        .iter()
        .all(|full| *full)
        .then(|| pieces.iter().filter(|full| **full).count() as u64)
}

/// Says whether there are so many paragraphs, an empty line between two, and the nth begins with a word of lower case.
pub(super) fn paragraph_starts(text: &str, paragraphs: u64, nth: u64, word: &str) -> bool {
    let pieces: Vec<&str> = text.split("\n\n").map(str::trim).collect();
    let full = pieces.iter().filter(|piece| !piece.is_empty()).count() as u64;
    let nth = usize::try_from(nth).ok().filter(|nth| *nth as u64 <= full);
    let begins = nth
        .and_then(|nth| pieces.get(nth.checked_sub(1)?))
        .and_then(|piece| piece.split_whitespace().next())
        .map(|first| {
            let first = first.trim_start_matches('\'').trim_start_matches('"');
            let end = first.find(['.', ',', '?', '!', '\'', '"']);
            first[..end.unwrap_or(first.len())].to_lowercase()
        });
    full == paragraphs && begins.as_deref() == Some(word)
}
