//! `docs/graders.md`: what each grader can tell, from the sheets in the domain.

use gatewright_core::grade;

use super::Generated;

const HEAD: &str = "# Graders

What each grader checks, which of the shipped failure classes it can protect, what it costs, and what it does not see. `cargo xtask generate` writes this page from the sheets beside each grader's code;
`gatewright graders` prints them, and `gatewright graders try` tries one on one response. The options of each are in [format-manifest.md](format-manifest.md), the classes in [failure-classes.md](failure-classes.md).

All of them are rules, pure functions of the example and the response: the same answer gets the same verdict on every machine and with every number of threads. What they read of an answer is data; no
answer makes them run for more than a few passes over it, and none makes them fail. `label` and `preference` read what somebody else said, which may not be repeatable; the reading is.

A grader that only sees that something is there, how the answer looks, or how long it took cannot say that the answer is right. `gatewright check` suggests another one where such a grader protects
`unsupported-claim`, `wrong-source` or `source-conflict`.

";

const TAIL: &str = "
Languages are told by trigrams of 70 languages (the crate whatlang), words and sentences are those of Unicode (UAX #29), Markdown is CommonMark with tables (the crate pulldown-cmark), a JSONPath is that of
RFC 9535. ROUGE, chrF, token F1 and the edit distance give the figures of rouge-score, sacrebleu, the SQuAD script and RapidFuzz on the sentences of `crates/gatewright-core/tests/vectors`.
";

/// Writes the page.
pub(super) fn generate() -> Generated {
    Generated {
        path: "docs/graders.md",
        text: format!("{HEAD}{}{TAIL}", grade::table()),
    }
}
