//! Quotations: what an answer puts in quotation marks, and whether a text holds it.
//!
//! A mark more or less (an inch, a stray one) must not turn quotations into the prose between them: where the marks do not pair well, every way to
//! pair them is looked at.

use super::digits::in_a_word;
use super::text::words;

/// A quotation of fewer words is a name or an emphasis, not a passage.
const PASSAGE_WORDS: usize = 3;
const MARKS: [char; 6] = ['"', '“', '”', '„', '«', '»'];

/// Finds the first quoted passage of three words or more that stands in none of the texts, apart from case, white space and a last punctuation mark.
pub(super) fn unsupported(texts: &[&str], output: &str) -> Option<String> {
    if !output.contains(MARKS) {
        return None;
    }
    let single = |text: &str| words(&text.replace(['’', '‘'], "'"));
    let straight = |text: &str| text.replace(MARKS, "\"");
    let texts: Vec<String> = texts.iter().map(|text| straight(&single(text))).collect();
    let output = single(output);
    let passages = passages(&output).into_iter().map(|passage| {
        let passage = passage.trim();
        straight(passage.trim_end_matches(['.', ',', ';', ':', '!', '?', '…']))
    });
    passages
        .filter(|passage| passage.split_whitespace().count() >= PASSAGE_WORDS)
        .find(|passage| !texts.iter().any(|text| text.contains(passage)))
}

/// Words of a source that are looked through for the passage nearest to a quotation that stands nowhere.
const LOOKED_THROUGH: usize = 20_000;
/// Words that a passage must have in a row with a quotation to be the nearest to it.
const IN_A_ROW: usize = 2;

/// Finds the passage of the sources that is nearest to a quotation which stands in none of them: around the longest row of words that both have,
/// as many words as the quotation has. Returns the source's name and the passage as it stands there.
pub(super) fn nearest<'s>(
    sources: impl IntoIterator<Item = (&'s str, &'s str)>,
    passage: &str,
) -> Option<(&'s str, String)> {
    let plain = |word: &str| {
        let letters = word.chars().filter(|one| one.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect::<String>()
    };
    let wanted: Vec<String> = passage.split_whitespace().map(plain).collect();
    let mut best: Option<(usize, &str, String)> = None;
    for (name, text) in sources {
        let words: Vec<&str> = text.split_whitespace().take(LOOKED_THROUGH).collect();
        let theirs: Vec<String> = words.iter().map(|word| plain(word)).collect();
        // How long the row is that ends at each word of the quotation, for the source's word before this one.
        let mut ending = vec![0_usize; wanted.len()];
        for (at, word) in theirs.iter().enumerate() {
            for place in (0..wanted.len()).rev() {
                let before = place.checked_sub(1).map_or(0, |before| ending[before]);
                ending[place] = if !word.is_empty() && *word == wanted[place] {
                    before + 1
                } else {
                    0
                };
                let row = ending[place];
                if row >= IN_A_ROW && best.as_ref().is_none_or(|(most, ..)| row > *most) {
                    let from = at.saturating_sub(place);
                    let to = (from + wanted.len()).min(words.len());
                    best = Some((row, name, words[from..to].join(" ")));
                }
            }
        }
    }
    best.map(|(_, name, text)| (name, text))
}

/// Lists what may be a quotation. An unclosed mark quotes nothing.
fn passages(text: &str) -> Vec<&str> {
    let all: Vec<usize> = text.match_indices(MARKS).map(|(at, _)| at).collect();
    // A mark behind a digit closes what is open; where nothing is, it is an inch.
    let mut kept: Vec<usize> = Vec::with_capacity(all.len());
    for at in &all {
        if kept.len() % 2 == 1 || !may_be_inch(text, *at) {
            kept.push(*at);
        }
    }
    let clear = |pair: &[usize]| opens(text, pair[0]) && closes(text, pair[0], pair[1]);
    if kept.len().is_multiple_of(2) && kept.chunks_exact(2).all(clear) {
        let pairs = kept.chunks_exact(2);
        return pairs.map(|pair| between(text, pair)).collect();
    }
    let no_inch: Vec<usize> = all
        .into_iter()
        .filter(|at| !may_be_inch(text, *at))
        .collect();
    // Both pairings of a row of marks are all pairs of neighbours.
    let mut found = Vec::new();
    for marks in [&kept, &no_inch] {
        let gaps: Vec<&str> = marks.windows(2).map(|pair| between(text, pair)).collect();
        for (index, gap) in gaps.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|index| gaps.get(index));
            let beside = [before, gaps.get(index + 1)];
            let prose = gap.starts_with(' ') && gap.ends_with(' ');
            if !(prose && beside.into_iter().flatten().any(|gap| is_tight(gap))) {
                found.push(*gap);
            }
        }
    }
    found
}

fn mark(text: &str, at: usize) -> char {
    text[at..].chars().next().unwrap_or('"')
}

fn between<'t>(text: &'t str, pair: &[usize]) -> &'t str {
    &text[pair[0] + mark(text, pair[0]).len_utf8()..pair[1]]
}

/// Says whether the marks stand close around the words, as they do around a quotation and not around the prose between two.
fn is_tight(gap: &str) -> bool {
    gap.starts_with(char::is_alphanumeric) && !gap.ends_with(' ')
}

/// `5"`, and no word begins behind it.
fn may_be_inch(text: &str, at: usize) -> bool {
    text[at..].starts_with('"')
        && text[..at].ends_with(char::is_numeric)
        && !text[at + 1..].starts_with(char::is_alphanumeric)
}

fn opens(text: &str, at: usize) -> bool {
    let one = mark(text, at);
    let after = &text[at + one.len_utf8()..];
    match one {
        '«' | '»' => true,
        '"' => {
            let before = &text[..at];
            !in_a_word(before)
                && !before.ends_with(char::is_numeric)
                && !after.is_empty()
                && !after.starts_with(' ')
        }
        _ => !after.starts_with(' '),
    }
}

fn closes(text: &str, opened: usize, at: usize) -> bool {
    let before = &text[..at];
    match mark(text, at) {
        '«' | '»' => true,
        '„' => false,
        '“' => mark(text, opened) == '„' && !before.ends_with(' '),
        _ => !before.ends_with(' '),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOURCE: &str = "The fee is refunded in full, with no further charge.";

    #[test]
    fn prose_between_two_quotations_is_none() {
        for text in [
            "\"the fee is refunded\" as the page goes on to say \"with no further charge\"",
            "“the fee is refunded”—or so it was once said—“with no further charge”",
            "他说\"the fee is refunded\"和这样的 a b c 话说\"with no further charge\"",
        ] {
            assert_eq!(unsupported(&[SOURCE], text), None, "{text}");
        }
    }

    /// Whoever repairs an invented quotation sees what the source says instead.
    #[test]
    fn the_nearest_passage_is_shown_as_it_stands() {
        let sources = [
            (
                "window",
                "A monthly charge can be refunded within 30 days of the charge date.",
            ),
            ("fees", "No fee is kept."),
        ];
        let near = |passage| nearest(sources, passage);
        assert_eq!(
            near("refunded within 60 days of the charge"),
            Some(("window", "refunded within 30 days of the charge".to_owned()))
        );
        assert_eq!(
            near("no FEE, is taken"),
            Some(("fees", "No fee is kept.".to_owned()))
        );
        assert_eq!(near("something else altogether"), None);
        assert_eq!(near("the the the"), None);
        assert_eq!(nearest([("a", "")], "x y z"), None);
        // At an end of the source there are fewer words.
        assert_eq!(
            near("by the charge date at last"),
            Some(("window", "of the charge date.".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn any_text_has_a_nearest_passage_or_none(text in any::<String>(), passage in any::<String>()) {
            nearest([("a", text.as_str())], &passage);
        }

        #[test]
        fn any_text_is_read(text in any::<String>(), marks in "[\"“”„«» 5ax.\\n]{0,40}") {
            unsupported(&["a b c"], &text);
            unsupported(&["a b c"], &marks);
        }

        /// However many inches and stray marks stand around it, an invented quotation is found.
        #[test]
        fn what_is_invented_is_found(before in "(it |a 5\" map |7½\" |the word\" ){0,5}", after in "( is| of 5\" size| or 9\"|\" it){0,5}", inside in "(big |5\" |wide ){0,3}") {
            let text = format!("{before}\"the {inside}fee is kept\"{after}.");
            prop_assert!(unsupported(&[SOURCE], &text).is_some(), "{}", text);
        }

        /// Inches alone turn no true quotation into a false one.
        #[test]
        fn what_is_true_stays_true(before in "(it |a 5\" map |the 7½\" one ){0,5}", after in "( is| of 5\" size| or 9\"){0,5}") {
            let text = format!("{before}\"the fee is refunded\"{after}, \"with no further charge\"");
            prop_assert_eq!(unsupported(&[SOURCE], &text), None, "{}", text);
        }
    }
}
