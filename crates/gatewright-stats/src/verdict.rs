//! Three-way verdicts (statistics.md §3): bounds against a threshold, larger is better. Equality decides nothing.

use crate::proportion::clopper_pearson;

/// What bounds say about a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The lower bound is above it.
    Holds,
    /// The upper bound is below it.
    Violated,
    /// Neither.
    NotEnoughEvidence,
}

impl Verdict {
    /// Returns the word of the reference vectors.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Violated => "violated",
            Verdict::NotEnoughEvidence => "not_enough_evidence",
        }
    }
}

/// Compares bounds with a threshold. NaN decides nothing.
pub fn against(lower: f64, upper: f64, threshold: f64) -> Verdict {
    if lower > threshold {
        Verdict::Holds
    } else if upper < threshold {
        Verdict::Violated
    } else {
        Verdict::NotEnoughEvidence
    }
}

/// Equivalence within [−margin, margin].
pub fn equivalent(lower: f64, upper: f64, margin: f64) -> Verdict {
    if lower > -margin && upper < margin {
        Verdict::Holds
    } else if lower > margin || upper < -margin {
        Verdict::Violated
    } else {
        Verdict::NotEnoughEvidence
    }
}

/// What a count of confirmed events says about a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroTolerance {
    /// An event was observed: no inference is needed.
    ViolatedObserved,
    /// None, and the upper bound is at most the cap.
    Holds,
    /// None, and n is too small for the cap.
    NotEnoughEvidence,
}

impl ZeroTolerance {
    /// Returns the word of the reference vectors.
    pub fn word(self) -> &'static str {
        match self {
            ZeroTolerance::ViolatedObserved => "violated_observed",
            ZeroTolerance::Holds => "holds",
            ZeroTolerance::NotEnoughEvidence => "not_enough_evidence",
        }
    }
}

/// Returns the Clopper–Pearson upper bound of an event's rate and what it says about a cap (statistics.md §1, §5).
pub fn zero_tolerance(events: u64, n: u64, cap: f64, alpha: f64) -> (f64, ZeroTolerance) {
    let upper = clopper_pearson(events as f64, n as f64, alpha).1;
    let found = if events > 0 {
        ZeroTolerance::ViolatedObserved
    } else if n > 0 && upper <= cap {
        ZeroTolerance::Holds
    } else {
        ZeroTolerance::NotEnoughEvidence
    };
    (upper, found)
}
