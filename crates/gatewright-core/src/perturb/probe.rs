//! What a row tests: read from its own fields, so that a hand-written variant and one that was made count alike.

use serde_json::Value;

use crate::reference::{Example, Relation};

/// The kinds of behavioural tests, in the order of tables.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Test {
    /// Minimum functionality: a simple case by itself must pass.
    Mft,
    /// The verdict must not change.
    Invariance,
    /// The verdict may move one way only.
    Directional,
    /// It must never happen.
    Never,
}

impl Test {
    /// All tests in the order of tables.
    pub const ALL: [Test; 4] = [Test::Mft, Test::Invariance, Test::Directional, Test::Never];

    /// Returns the word of files and tables.
    pub fn word(self) -> &'static str {
        match self {
            Test::Mft => "mft",
            Test::Invariance => "invariance",
            Test::Directional => "directional",
            Test::Never => "never",
        }
    }

    /// Returns the relation of a variant that is this test; none for one that stands by itself.
    pub fn relation(self) -> Option<Relation> {
        match self {
            Test::Mft => None,
            Test::Invariance => Some(Relation::Invariance),
            Test::Directional => Some(Relation::Directional),
            Test::Never => Some(Relation::Never),
        }
    }
}

/// Which way a score may not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Up.
    NotIncrease,
    /// Down.
    NotDecrease,
}

impl Direction {
    /// Returns the word of files.
    pub fn word(self) -> &'static str {
        match self {
            Direction::NotIncrease => "not-increase",
            Direction::NotDecrease => "not-decrease",
        }
    }
}

/// What an example tests.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The kind of test.
    pub test: Test,
    /// The capability: `fields.capability`, or `unnamed`.
    pub capability: String,
    /// For directional tests: `fields.direction`; `not-decrease` when nothing is said.
    pub direction: Direction,
    /// How far the score may move, ≥ 0: `fields.tolerance`. None: only the label counts.
    pub tolerance: Option<f64>,
}

/// The capability of a test that names none.
pub(crate) const UNNAMED: &str = "unnamed";

/// Says what an example tests: a variant by its relation, any other by `fields.test` (`mft` or `never`); most test nothing.
pub fn probe(example: &Example) -> Option<Probe> {
    let text = |name: &str| example.fields.get(name).and_then(Value::as_str);
    let test = match (&example.variant, text("test")) {
        (Some(variant), _) => match variant.relation {
            Relation::Invariance => Test::Invariance,
            Relation::Directional => Test::Directional,
            Relation::Never => Test::Never,
        },
        (None, Some("mft")) => Test::Mft,
        (None, Some("never")) => Test::Never,
        (None, _) => return None,
    };
    let tolerance = example.fields.get("tolerance").and_then(Value::as_f64);
    Some(Probe {
        test,
        capability: text("capability").unwrap_or(UNNAMED).to_owned(),
        direction: match text("direction") {
            Some("not-increase") => Direction::NotIncrease,
            _ => Direction::NotDecrease,
        },
        tolerance: tolerance.filter(|it| it.is_finite() && *it >= 0.0),
    })
}
