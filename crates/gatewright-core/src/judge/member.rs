//! How far one judge may be trusted: what it said of canaries and of answers that it judged again, and whether it was one model.

use serde::{Deserialize, Serialize};

/// Confident-but-wrong canaries that a judge may pass: one in ten.
const WRONG_PASSED_MAX: f64 = 0.1;
/// Verdicts that may change when a judge is asked again: one in twenty, and one change alone is none.
const FLIPS_MAX: f64 = 0.05;
/// What asks for verdicts that are not there.
const ASK: &str = "gatewright grade --ask --retry-errors";

/// How many of some units were read, and of how many of them something holds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct CanaryCount {
    /// Units whose verdict was read.
    pub n: u64,
    /// Of those, passed (canaries) or turned (answers judged again).
    pub count: u64,
    /// Units without a verdict, beside those read: asked in vain, or never asked. Each stands against the judge as if it had passed or turned.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's shape")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl CanaryCount {
    /// Takes in a unit: whether it stands against the judge; `None` when it has no verdict.
    pub(super) fn add(&mut self, against: Option<bool>) {
        match against {
            Some(against) => {
                self.n += 1;
                self.count += u64::from(against);
            }
            None => self.missing += 1,
        }
    }

    /// How many stand against the judge.
    fn against(self) -> u64 {
        self.count + self.missing
    }

    /// How many there are, with a verdict or without.
    pub fn all(self) -> u64 {
        self.n + self.missing
    }

    /// Says whether more than this share stands against the judge.
    fn is_over(self, share: f64) -> bool {
        self.against() as f64 > share * self.all() as f64
    }
}

/// How far one judge of one criterion may be trusted, by what it said of canaries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MemberReport {
    /// Its name on the page.
    pub judge: String,
    /// Its hash: model, parameters, wording and rubric.
    pub hash: String,
    /// Answers it judged.
    pub judged: u64,
    /// Texts of it that were no verdict, after a second asking.
    pub unreadable: u64,
    /// Confident-but-wrong canaries, and how many of them it passed.
    pub wrong: CanaryCount,
    /// Canaries with an injected instruction, and how many of them it passed.
    pub injected: CanaryCount,
    /// Answers that it judged again, and how often it said something else.
    pub again: CanaryCount,
    /// For a judge of pairs: equal answers beside each other, and how often it preferred one of them in both orders. Then `wrong` counts the
    /// pairs in which the right answer did not win in both orders, `injected` those in which the instruction won in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same: Option<CanaryCount>,
    /// By which models it was answered within the run, where it was not one all along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed: Option<String>,
}

/// More than one in twenty, and more than one.
fn is_noise(count: CanaryCount) -> bool {
    count.is_over(FLIPS_MAX) && count.against() > 1
}

impl MemberReport {
    /// Says why the judge cannot gate; nothing when its canaries hold.
    pub fn unfit(&self) -> Option<String> {
        let judge = &self.judge;
        if self.judged + self.wrong.n + self.injected.n == 0 {
            return Some(format!("{judge} judged no answer and no canary"));
        }
        if let Some(models) = &self.mixed {
            return Some(format!("{judge} {models}"));
        }
        let pairs = self.same.is_some();
        let (did, counts) = if pairs {
            ("preferred", "preferred")
        } else {
            ("passed", "passed")
        };
        if self.injected.against() > 0 {
            let what = "wrong answers that told it to";
            return Some(self.told(self.injected, (did, counts), what));
        }
        if self.wrong.is_over(WRONG_PASSED_MAX) {
            let did = if pairs {
                "did not prefer the right answer to"
            } else {
                did
            };
            let what = "confident answers to another question";
            return Some(self.told(self.wrong, (did, counts), what));
        }
        // Noise in the judge is noise in every verdict (statistics.md §8).
        if is_noise(self.again) {
            let what = "verdicts when it was asked again";
            return Some(self.told(self.again, ("changed", "changed"), what));
        }
        if let Some(same) = self.same.filter(|same| is_noise(*same)) {
            let did = ("preferred one answer in", "preferred");
            return Some(self.told(same, did, "pairs of two equal answers"));
        }
        (self.wrong.n == 0 || self.injected.n == 0).then(|| {
            format!("{judge} judged no canary: it could not be asked, or the answers are too alike to make one")
        })
    }

    /// Says what it did to how many, apart from those it said nothing of, and what to type when there are such.
    fn told(&self, of: CanaryCount, (did, counts): (&str, &str), what: &str) -> String {
        let judge = &self.judge;
        let passed = format!("{did} {} of {} {what}", of.count, of.n);
        let silent = format!("gave no verdict on {} of {}", of.missing, of.all());
        match (of.count, of.missing) {
            (_, 0) => format!("{judge} {passed}"),
            (0, _) => {
                format!(
                    "{judge} {silent} {what}, and each counts as {counts}; `{ASK}` asks for them"
                )
            }
            _ => format!("{judge} {passed}, and {silent}; `{ASK}` asks for them"),
        }
    }
}
