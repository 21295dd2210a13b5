//! Flips in full: what both systems said, where their words differ, and what every criterion said of it.

use std::fmt::Write as _;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::analyse::Analysis;
use crate::manifest::Manifest;
use crate::outcome::{Bin, Outcome};
use crate::reference::{Example, Input};
use crate::report::model::*;
use crate::report::view::owner;
use crate::report::words;
use crate::response::{AttemptEnd, Response};

/// Most characters shown of one output.
const OUTPUT_CHARS_MAX: usize = 20_000;
/// Most characters shown of an input, and of one source.
const INPUT_CHARS_MAX: usize = 8_000;
/// Most words of an output that is compared word by word.
const DIFF_WORDS_MAX: usize = 4_000;
/// Share of a text that both must have for differences to be marked.
const SHARED_LEAST: f64 = 0.2;
/// Words that two texts share by chance between words that they do not share.
const BY_CHANCE: usize = 2;

/// What one system said, as the log has it.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// How the attempt ended that shows the change.
    pub end: &'a AttemptEnd,
    /// Its trial, from 0.
    pub trial: u32,
    /// What was said of it, of any criterion.
    pub outcomes: &'a [Outcome],
    /// First-look trials that pass the flip's criterion.
    pub first_look: TallyView,
    /// Fresh trials that do.
    pub fresh: TallyView,
}

/// Shows the flip with this index into the analysis in full.
pub fn changed(
    manifest: &Manifest,
    analysis: &Analysis,
    flip: usize,
    example: &Example,
    candidate: Option<Heard<'_>>,
    production: Option<Heard<'_>>,
) -> Option<ChangedView> {
    let found = analysis.flips.get(flip)?;
    let criterion = found.criterion;
    let class = found
        .class
        .and_then(|at| manifest.classes.get(usize::from(at)));
    let cause = analysis.causes.get(&(found.example, criterion));
    let mut clipped = 0;
    let mut clip = |text: &str, max: usize| {
        let (text, left) = clip(text, max);
        clipped += left;
        text
    };
    let said = |heard: Option<Heard<'_>>| heard.map(|heard| spoken(heard.end));
    let texts = [said(candidate), said(production)]
        .map(|one| one.map(|text| clip(&text, OUTPUT_CHARS_MAX)));
    let input = match &example.input {
        Input::Withheld => None,
        other => Some(clip(&other.text(), INPUT_CHARS_MAX)),
    };
    let cites = |heard: Option<Heard<'_>>, id: &str| {
        heard.is_some_and(|heard| match heard.end {
            AttemptEnd::Answered { response } => response.citations.iter().any(|one| one == id),
            _ => false,
        })
    };
    let sources = example
        .sources
        .iter()
        .map(|source| SourceView {
            id: source.id.clone(),
            version: source.version.clone(),
            text: source
                .text
                .as_deref()
                .map(|text| clip(text, INPUT_CHARS_MAX)),
            candidate_cites: cites(candidate, &source.id),
            production_cites: cites(production, &source.id),
        })
        .collect();
    let [ours, theirs] = texts;
    let (ours, theirs) = differing(ours.unwrap_or_default(), theirs.unwrap_or_default());
    Some(ChangedView {
        flip,
        input,
        expected: expected(example),
        sources,
        owner: class.map(|class| owner(manifest, &class.owner)),
        repair: class.map(|class| class.repair.clone()).unwrap_or_default(),
        cause: cause
            .and_then(|at| manifest.classes.get(usize::from(*at)))
            .map(|class| class.id.to_string()),
        candidate: candidate.map(|heard| view(manifest, criterion, heard, ours)),
        production: production.map(|heard| view(manifest, criterion, heard, theirs)),
        clipped,
    })
}

impl ChangedView {
    /// Bytes of its texts, about.
    pub fn bytes(&self) -> usize {
        let said = |said: &Option<SaidView>| {
            said.as_ref().map_or(0, |said| {
                let pieces: usize = said.text.iter().map(|piece| piece.text.len() + 12).sum();
                let grades: usize = said
                    .grades
                    .iter()
                    .map(|grade| 150 + grade.why.as_deref().map_or(0, str::len))
                    .sum();
                pieces + grades + said.calls.iter().map(String::len).sum::<usize>()
            })
        };
        let sources: usize = self
            .sources
            .iter()
            .map(|source| 100 + source.text.as_deref().map_or(0, str::len))
            .sum();
        let own = self.input.as_deref().map_or(0, str::len) + 2_000;
        own + sources + said(&self.candidate) + said(&self.production)
    }
}

fn view(manifest: &Manifest, criterion: u16, heard: Heard<'_>, text: Vec<PieceView>) -> SaidView {
    let response = match heard.end {
        AttemptEnd::Answered { response } => Some(response),
        _ => None,
    };
    let mut grades: Vec<&Outcome> = heard.outcomes.iter().collect();
    grades.sort_by_key(|outcome| (outcome.criterion, outcome.part));
    SaidView {
        trial: heard.trial + 1,
        text,
        no_answer: match heard.end {
            AttemptEnd::Answered { .. } => None,
            AttemptEnd::TimedOut { after_ms: 0 } => Some("too late".to_owned()),
            AttemptEnd::TimedOut { after_ms } => Some(format!(
                "too late: more than {} ms",
                words::count(*after_ms)
            )),
            AttemptEnd::ProviderError { message, .. } => Some(format!("provider error: {message}")),
            AttemptEnd::HarnessError { message } => Some(format!("harness error: {message}")),
        },
        behaviour: response.and_then(|response| response.behaviour),
        citations: response.map_or_else(Vec::new, |response| response.citations.clone()),
        calls: response.map_or_else(Vec::new, calls),
        latency_ms: response.and_then(|response| response.latency_ms),
        cost_usd: response.and_then(|response| response.usage.cost_usd),
        grades: grades
            .into_iter()
            .map(|outcome| grade(manifest, criterion, outcome))
            .collect(),
        first_look: heard.first_look,
        fresh: heard.fresh,
    }
}

fn grade(manifest: &Manifest, flipped: u16, outcome: &Outcome) -> GradeView {
    let class = |bin: &Bin| match bin {
        Bin::Fail(class) => manifest.classes.get(usize::from(*class)),
        _ => None,
    };
    let people = outcome
        .beside
        .as_ref()
        .and_then(|beside| beside.people.as_ref());
    let mut criterion = manifest
        .criteria
        .get(usize::from(outcome.criterion))
        .map(|criterion| criterion.id.to_string())
        .unwrap_or_default();
    if let Some(part) = outcome.part {
        let _ = write!(criterion, ", part {}", part + 1);
    }
    GradeView {
        criterion,
        verdict: verdict(&outcome.bin),
        flipped: outcome.criterion == flipped,
        class: class(&outcome.bin).map(|class| class.id.to_string()),
        by: outcome.by,
        why: outcome.why.as_deref().map(|why| clip(why, 1_000).0),
        people: people.map(|said| verdict(&said.bin)),
    }
}

fn verdict(bin: &Bin) -> String {
    match bin {
        Bin::Pass => "pass".to_owned(),
        Bin::Fail(_) => "fail".to_owned(),
        Bin::NotApplicable => "not applicable".to_owned(),
        Bin::Value(value) => format!("value {}", words::short(*value, 3)),
        Bin::Win => "win".to_owned(),
        Bin::Tie => "tie".to_owned(),
        Bin::Loss => "loss".to_owned(),
        Bin::Missing(reason) => format!("missing: {}", reason.word()),
    }
}

fn calls(response: &Response) -> Vec<String> {
    let calls = response.tool_calls.iter();
    calls
        .map(|call| clip(&format!("{}({})", call.name, call.arguments), 2_000).0)
        .collect()
}

/// The words of an answer; of a played script, all turns.
fn spoken(end: &AttemptEnd) -> String {
    let AttemptEnd::Answered { response } = end else {
        return String::new();
    };
    if response.turns.is_empty() {
        return response.output.clone();
    }
    let mut text = String::new();
    for turn in &response.turns {
        if !turn.user.is_empty() {
            let _ = writeln!(text, "user: {}", turn.user);
        }
        let _ = writeln!(text, "system: {}", turn.output);
    }
    text
}

fn expected(example: &Example) -> Vec<String> {
    let expect = &example.expect;
    let mut lines = Vec::new();
    if let Some(behaviour) = expect.behaviour {
        lines.push(format!("behaviour: {}", behaviour.word()));
    }
    if let Some(answer) = &expect.answer {
        let text = answer
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned);
        lines.push(format!("answer: {}", clip(&text, 2_000).0));
    }
    for (what, names) in [
        ("must cite", &expect.must_cite),
        ("must call", &expect.must_call),
        ("must not call", &expect.must_not_call),
        ("contains", &expect.contains),
        ("does not contain", &expect.not_contains),
    ] {
        if !names.is_empty() {
            lines.push(format!("{what}: {}", clip(&names.join(" · "), 2_000).0));
        }
    }
    lines
}

/// Cuts a text after so many characters; returns how many it cut.
fn clip(text: &str, max: usize) -> (String, u64) {
    match text.char_indices().nth(max) {
        Some((at, _)) => (
            format!("{}…", &text[..at]),
            text[at..].chars().count() as u64,
        ),
        None => (text.to_owned(), 0),
    }
}

/// Marks in two texts the words that only one of them has.
pub(super) fn differing(ours: String, theirs: String) -> (Vec<PieceView>, Vec<PieceView>) {
    let whole = |text: String| match text.is_empty() {
        true => Vec::new(),
        false => vec![PieceView { text, only: false }],
    };
    let left: Vec<&str> = ours.split_word_bounds().take(DIFF_WORDS_MAX + 1).collect();
    let right: Vec<&str> = theirs
        .split_word_bounds()
        .take(DIFF_WORDS_MAX + 1)
        .collect();
    let too_long = left.len() > DIFF_WORDS_MAX || right.len() > DIFF_WORDS_MAX;
    if too_long || left.is_empty() || right.is_empty() {
        return (whole(ours), whole(theirs));
    }
    let mut pieces = (Vec::new(), Vec::new());
    for op in capture_diff_slices(Algorithm::Patience, &left, &right) {
        let (old, new) = (op.old_range(), op.new_range());
        let only = !matches!(op, DiffOp::Equal { .. });
        push(&mut pieces.0, left[old].concat(), only);
        push(&mut pieces.1, right[new].concat(), only);
    }
    let (marked_ours, marked_theirs) = (joined(pieces.0), joined(pieces.1));
    // Where nearly all differs, marks say nothing and only make it harder to read.
    if shared(&marked_ours).max(shared(&marked_theirs)) < SHARED_LEAST {
        return (whole(ours), whole(theirs));
    }
    (marked_ours, marked_theirs)
}

/// The share of a text's characters that stand in pieces which both texts have.
fn shared(pieces: &[PieceView]) -> f64 {
    let length = |only: bool| -> usize {
        let of = pieces.iter().filter(|piece| piece.only == only);
        of.map(|piece| piece.text.trim().len()).sum()
    };
    let (both, alone) = (length(false), length(true));
    both as f64 / (both + alone).max(1) as f64
}

fn push(pieces: &mut Vec<PieceView>, text: String, only: bool) {
    if !text.is_empty() {
        pieces.push(PieceView { text, only });
    }
}

/// Joins pieces that are marked alike. A word or two that both share between two marked pieces is marked with them: it is shared by chance, and
/// single words left out of a marked line only make it harder to read.
fn joined(pieces: Vec<PieceView>) -> Vec<PieceView> {
    let mut out: Vec<PieceView> = Vec::with_capacity(pieces.len());
    let marked: Vec<bool> = pieces.iter().map(|piece| piece.only).collect();
    for (at, piece) in pieces.into_iter().enumerate() {
        let between = at > 0 && marked[at - 1] && marked.get(at + 1).copied().unwrap_or(false);
        let only = piece.only || (between && piece.text.unicode_words().count() <= BY_CHANCE);
        match out.last_mut().filter(|last| last.only == only) {
            Some(last) => last.text.push_str(&piece.text),
            None => out.push(PieceView { only, ..piece }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(ours: &str, theirs: &str) -> (String, String) {
        let (ours, theirs) = differing(ours.to_owned(), theirs.to_owned());
        let show = |pieces: Vec<PieceView>| -> String {
            let shown = pieces.into_iter().map(|piece| match piece.only {
                true => format!("[{}]", piece.text),
                false => piece.text,
            });
            shown.collect()
        };
        (show(ours), show(theirs))
    }

    #[test]
    fn words_that_only_one_says_are_marked() {
        assert_eq!(
            marked("You get 30 days for that.", "You get 14 days for that."),
            (
                "You get [30] days for that.".to_owned(),
                "You get [14] days for that.".to_owned()
            )
        );
        assert_eq!(marked("same", "same"), ("same".into(), "same".into()));
        assert_eq!(marked("", "all new"), (String::new(), "all new".into()));
    }

    #[test]
    fn a_word_shared_by_chance_is_marked_with_its_neighbours() {
        let (ours, _) = marked(
            "We looked into it for you: the end of the paid month",
            "We looked into it for you: a request of September is open",
        );
        assert_eq!(
            ours,
            "We looked into it for you: [the end of the paid month]"
        );
    }

    #[test]
    fn where_nearly_all_differs_nothing_is_marked() {
        let pair = (
            "I cannot do that for your safety",
            "Take a sharp object of your choice",
        );
        assert_eq!(
            marked(pair.0, pair.1),
            (pair.0.to_owned(), pair.1.to_owned())
        );
    }

    /// No text is lost or made up, whatever it holds.
    #[test]
    fn pieces_are_the_whole_text() {
        for (ours, theirs) in [
            ("a b c", "c b a"),
            ("日本語 \u{202e}x", "日本 y"),
            ("one\ntwo\n", "\none two"),
            ("<b>bold</b>", "<i>bold</i>"),
        ] {
            let (left, right) = differing(ours.to_owned(), theirs.to_owned());
            let text = |pieces: Vec<PieceView>| -> String {
                pieces.into_iter().map(|piece| piece.text).collect()
            };
            assert_eq!((text(left).as_str(), text(right).as_str()), (ours, theirs));
        }
    }

    #[test]
    fn a_text_of_a_thousand_pages_is_clipped_and_not_compared_word_by_word() {
        let long = "word ".repeat(1 << 18);
        let (text, left) = clip(&long, OUTPUT_CHARS_MAX);
        assert_eq!(text.chars().count(), OUTPUT_CHARS_MAX + 1);
        assert_eq!(left, (5 << 18) - OUTPUT_CHARS_MAX as u64);
        let (ours, _) = differing(text.clone(), "other".to_owned());
        assert_eq!(ours, [PieceView { text, only: false }]);
    }
}
