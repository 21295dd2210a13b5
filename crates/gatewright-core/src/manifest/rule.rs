//! The options of rule graders that need more than a flag or a text.

use serde::{Deserialize, Serialize};

/// How the verdicts of several rules make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Every rule passes.
    All,
    /// One rule passes at least.
    Any,
    /// No rule passes.
    None,
}

/// An end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Where it begins.
    Start,
    /// Where it stops.
    End,
}

/// How many there may be; both limits count as allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The smallest number that is allowed; none: 0.
    pub at_least: Option<u64>,
    /// The largest number that is allowed; none: any.
    pub at_most: Option<u64>,
}

/// What a length is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LengthIn {
    /// Characters as a reader sees them (extended grapheme clusters of UAX #29).
    Characters,
    /// Words of UAX #29: runs between word boundaries that hold a letter or digit.
    Words,
    /// Sentences of UAX #29, line breaks inside a paragraph read as spaces.
    Sentences,
    /// Lines that hold more than white space.
    Lines,
    /// Blocks of such lines with an empty line between them.
    Paragraphs,
}

/// What marks the items of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListMarks {
    /// `-`, `*`, `+`.
    Bullets,
    /// `1.`, `2)`.
    Numbers,
    /// Either.
    Any,
}

/// Which of the first two numbers of `03/04/2026` is the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

/// How like two texts are, each in [0, 1]; 1 is equal as far as the metric looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SimilarityMetric {
    /// F1 of shared words (ROUGE-1).
    #[serde(rename = "rouge_1")]
    Rouge1,
    /// F1 of shared pairs of words (ROUGE-2).
    #[serde(rename = "rouge_2")]
    Rouge2,
    /// F1 of the longest common subsequence of words (ROUGE-L).
    RougeL,
    /// F2 of shared runs of one to six characters (chrF2).
    Chrf,
    /// F1 of shared words without articles and punctuation, as SQuAD counts.
    TokenF1,
    /// 1 − edit distance ÷ length of the longer text, in characters.
    Edit,
}

impl SimilarityMetric {
    /// All metrics by the word of pages.
    pub const ALL: [(&'static str, SimilarityMetric); 6] = [
        ("rouge_1", SimilarityMetric::Rouge1),
        ("rouge_2", SimilarityMetric::Rouge2),
        ("rouge_l", SimilarityMetric::RougeL),
        ("chrf", SimilarityMetric::Chrf),
        ("token_f1", SimilarityMetric::TokenF1),
        ("edit", SimilarityMetric::Edit),
    ];

    /// Returns the word of pages.
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, metric)| *metric == self)
            .map_or("", |(word, _)| word)
    }
}

/// How an instruction about form is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// The answer as it is.
    Strict,
    /// Followed when any of eight variants follows it: with and without the first line, the last line and asterisks.
    Loose,
}
