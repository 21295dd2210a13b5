//! Graders of language and script.
//!
//! Languages are told by the crate `whatlang`: trigrams of 70 languages. Scripts are the property of each character (UAX #24).

use regex::Regex;
use whatlang::{Lang, detect};

use super::sheet::{Measures, ONE_PASS, Sheet};
use super::verdict::Graded;
use crate::pattern::{self, PatternError};
use crate::response::Response;

/// What these graders can tell.
pub(super) const SHEETS: [Sheet; 2] = [
    Sheet {
        kind: "language",
        measures: Measures::Form,
        checks: "the answer is in one of the languages",
        protects: &["format-violation", "scope-mismatch"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "short answers, names, code and mixed languages mislead it; one foreign paragraph in a long answer passes; where the text does not tell, the outcome is missing",
    },
    Sheet {
        kind: "script",
        measures: Measures::Form,
        checks: "so large a share of the answer's letters is of the scripts",
        protects: &["format-violation"],
        cost: ONE_PASS,
        deterministic: true,
        blind_spot: "many languages share a script; digits, punctuation and emoji are of none and are left out",
    },
];

/// The languages that can be told: ISO 639-1 where there is a code of two letters, and ISO 639-3.
const CODES: [(&str, &str); 70] = [
    ("eo", "epo"),
    ("en", "eng"),
    ("ru", "rus"),
    ("zh", "cmn"),
    ("es", "spa"),
    ("pt", "por"),
    ("it", "ita"),
    ("bn", "ben"),
    ("fr", "fra"),
    ("de", "deu"),
    ("uk", "ukr"),
    ("ka", "kat"),
    ("ar", "ara"),
    ("hi", "hin"),
    ("ja", "jpn"),
    ("he", "heb"),
    ("yi", "yid"),
    ("pl", "pol"),
    ("am", "amh"),
    ("jv", "jav"),
    ("ko", "kor"),
    ("nb", "nob"),
    ("da", "dan"),
    ("sv", "swe"),
    ("fi", "fin"),
    ("tr", "tur"),
    ("nl", "nld"),
    ("hu", "hun"),
    ("cs", "ces"),
    ("el", "ell"),
    ("bg", "bul"),
    ("be", "bel"),
    ("mr", "mar"),
    ("kn", "kan"),
    ("ro", "ron"),
    ("sl", "slv"),
    ("hr", "hrv"),
    ("sr", "srp"),
    ("mk", "mkd"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("et", "est"),
    ("ta", "tam"),
    ("vi", "vie"),
    ("ur", "urd"),
    ("th", "tha"),
    ("gu", "guj"),
    ("uz", "uzb"),
    ("pa", "pan"),
    ("az", "aze"),
    ("id", "ind"),
    ("te", "tel"),
    ("fa", "pes"),
    ("ml", "mal"),
    ("or", "ori"),
    ("my", "mya"),
    ("ne", "nep"),
    ("si", "sin"),
    ("km", "khm"),
    ("tk", "tuk"),
    ("ak", "aka"),
    ("zu", "zul"),
    ("sn", "sna"),
    ("af", "afr"),
    ("la", "lat"),
    ("sk", "slk"),
    ("ca", "cat"),
    ("tl", "tgl"),
    ("hy", "hye"),
    ("cy", "cym"),
];

/// Lists the codes of languages that can be told.
pub fn languages() -> impl Iterator<Item = &'static str> {
    CODES.iter().flat_map(|(two, three)| [*two, *three])
}

/// Says whether a language can be told, by its ISO 639 code; a region after `-` is left out.
pub fn knows_language(code: &str) -> bool {
    three(code).is_some()
}

fn three(code: &str) -> Option<&'static str> {
    let main = code.split('-').next().unwrap_or(code).to_lowercase();
    CODES
        .iter()
        .find(|(two, three)| *two == main || *three == main)
        .map(|(_, three)| *three)
}

/// What a text's language is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The text has no letters.
    NoText,
    /// The language, by its ISO 639-3 code, and whether that is sure.
    Language(&'static str, bool),
}

/// Tells a text's language.
pub(super) fn tell(text: &str) -> Told {
    match detect(text) {
        None => Told::NoText,
        Some(info) => Told::Language(Lang::code(&info.lang()), info.is_reliable()),
    }
}

/// Says whether a text's likeliest language is this one, sure or not; `None` when it has no letters or the language cannot be told.
pub(super) fn is_in(text: &str, code: &str) -> Option<bool> {
    let wanted = three(code)?;
    match tell(text) {
        Told::NoText => None,
        Told::Language(found, _) => Some(found == wanted),
    }
}

/// Passes when the answer is in one of the languages; symptoms `no-text` and `wrong-language`. Missing when another language is likely and
/// not sure.
pub(super) fn language(is: &[String], response: &Response) -> Graded {
    match tell(&response.output) {
        Told::NoText => Graded::fail("no-text", "the answer has no letters"),
        Told::Language(found, _) if is.iter().any(|code| three(code) == Some(found)) => {
            Graded::pass()
        }
        Told::Language(found, true) => {
            let why = format!("the answer is in `{found}`; expected {}", is.join(" or "));
            Graded::fail("wrong-language", why)
        }
        Told::Language(found, false) => Graded::missing(format!(
            "the text does not tell its language; perhaps `{found}`"
        )),
    }
}

/// Counts letters of scripts.
#[derive(Debug)]
pub(super) struct ReadyScript {
    ours: Regex,
    names: String,
    share: f64,
}

/// Says whether a script has this name in Unicode.
pub fn knows_script(name: &str) -> bool {
    class(name).is_some_and(|class| pattern::compile(&format!("[{class}]"), false).is_ok())
}

/// Script extensions, so that marks and letters that several scripts share count for each.
fn class(name: &str) -> Option<String> {
    let plain = !name.is_empty() && name.chars().all(|it| it.is_ascii_alphabetic() || it == '_');
    plain.then(|| format!(r"\p{{scx={name}}}"))
}

impl ReadyScript {
    pub(super) fn new(is: &[String], share: f64) -> Result<Self, PatternError> {
        let classes: String = is.iter().filter_map(|name| class(name)).collect();
        Ok(Self {
            ours: pattern::compile(&format!(r"[\p{{Alphabetic}}&&[{classes}]]+"), false)?,
            names: is.join(" or "),
            share,
        })
    }

    /// Passes when the share of letters is reached; symptoms `no-text` and `wrong-script`.
    pub(super) fn grade(&self, response: &Response) -> Graded {
        let letters = response
            .output
            .chars()
            .filter(|it| it.is_alphabetic())
            .count();
        if letters == 0 {
            return Graded::fail("no-text", "the answer has no letters");
        }
        let ours: usize = self
            .ours
            .find_iter(&response.output)
            .map(|run| run.as_str().chars().count())
            .sum();
        if ours as f64 >= self.share * letters as f64 {
            return Graded::pass();
        }
        let why = format!("{ours} of {letters} letters are {}", self.names);
        Graded::fail("wrong-script", why)
    }
}
