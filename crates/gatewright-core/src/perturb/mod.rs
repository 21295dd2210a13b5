//! Behavioural tests: an example changed in one way, with the relation to its base that must hold (Ribeiro et al. 2020).
//!
//! A perturbation either makes a variant or says why it does not apply. It is pure and seeded: the same seed, base and kind give the same
//! bytes, whatever else is perturbed. What a variant tests stands in its own row ([`probe`]), so that the analysis, `check` and a person
//! who reads the file see the same. One file per family; `template` makes whole cases from a sentence with slots.

mod draw;
mod spoken;
mod words;

mod carried;
mod conversation;
mod entities;
mod language;
mod negation;
mod sources;
mod surface;

mod probe;
mod row;
pub mod template;

#[cfg(test)]
mod tests;

pub use probe::{Direction, Probe, Test, probe};
pub use row::line;

use serde_json::Value;

use crate::digest::Digest;
use crate::id::ExampleId;
use crate::manifest::Kind;
use crate::reference::{
    Design, Example, Expect, Input, Provenance, Relation, SourceDocument, Status, Variant,
};
use crate::response::Behaviour;
use draw::Draw;

/// One way to change an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Perturbation {
    /// Letters are swapped, dropped or doubled.
    Typos,
    /// Everything is in capitals, or in small letters.
    Case,
    /// More white space between words.
    Whitespace,
    /// `do not` becomes `don't`, or the other way.
    Contractions,
    /// The request, or what is claimed, is negated.
    Negation,
    /// A person has another name.
    Names,
    /// A place is another one.
    Places,
    /// A number that decides nothing is another one.
    Numbers,
    /// A sentence that has nothing to do with it stands beside the question.
    IrrelevantContext,
    /// Another question is asked in the same breath.
    MixedIntents,
    /// The user claims to remember a promise that nobody gave.
    FalseMemory,
    /// The user is angry and presses.
    Pressure,
    /// A fact in a source is another one, and the answer must follow it.
    EditedSource,
    /// A second source says otherwise.
    ContradictingSource,
    /// The sources say that they are out of date.
    StaleDate,
    /// A source holds an instruction to whoever reads it.
    InjectedInstruction,
    /// A sentence in another language stands beside the question.
    MixedLanguage,
    /// A source breaks off in the middle.
    TruncatedContext,
}

impl Perturbation {
    /// All perturbations in the order of files and reports.
    pub const ALL: [Perturbation; 18] = [
        Perturbation::Typos,
        Perturbation::Case,
        Perturbation::Whitespace,
        Perturbation::Contractions,
        Perturbation::Negation,
        Perturbation::Names,
        Perturbation::Places,
        Perturbation::Numbers,
        Perturbation::IrrelevantContext,
        Perturbation::MixedIntents,
        Perturbation::FalseMemory,
        Perturbation::Pressure,
        Perturbation::EditedSource,
        Perturbation::ContradictingSource,
        Perturbation::StaleDate,
        Perturbation::InjectedInstruction,
        Perturbation::MixedLanguage,
        Perturbation::TruncatedContext,
    ];

    /// Returns the word of files and flags.
    pub fn word(self) -> &'static str {
        self.facts().0
    }

    /// Finds a perturbation by its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }

    /// Returns the capability that it tests: the row of the table that it fills.
    pub fn capability(self) -> &'static str {
        self.facts().1
    }

    /// Returns the shipped failure class that it probes.
    pub fn probes(self) -> &'static str {
        self.facts().2
    }

    /// Says whether it changes what the answer may rest on, and not the question.
    pub fn changes_sources(self) -> bool {
        matches!(
            self,
            Self::EditedSource
                | Self::ContradictingSource
                | Self::StaleDate
                | Self::InjectedInstruction
                | Self::TruncatedContext
        )
    }

    /// Returns the tests that its variants can be: the cells of the table that it fills.
    pub fn tests(self) -> &'static [Test] {
        self.facts().3
    }

    fn facts(self) -> (&'static str, &'static str, &'static str, &'static [Test]) {
        const SAME: &[Test] = &[Test::Invariance];
        const MOVES: &[Test] = &[Test::Directional];
        match self {
            Self::Typos => ("typos", "robustness", "scope-mismatch", SAME),
            Self::Case => ("case", "robustness", "scope-mismatch", SAME),
            Self::Whitespace => ("whitespace", "robustness", "scope-mismatch", SAME),
            Self::Contractions => ("contractions", "robustness", "scope-mismatch", SAME),
            Self::Negation => (
                "negation",
                "negation",
                "unsafe-tool-action",
                &[Test::Directional, Test::Never],
            ),
            Self::Names => ("names", "entities", "scope-mismatch", SAME),
            Self::Places => ("places", "entities", "scope-mismatch", SAME),
            Self::Numbers => ("numbers", "entities", "unsupported-claim", SAME),
            Self::IrrelevantContext => ("irrelevant-context", "focus", "scope-mismatch", SAME),
            Self::MixedIntents => ("mixed-intents", "focus", "scope-mismatch", SAME),
            Self::FalseMemory => ("false-memory", "firmness", "unsupported-claim", SAME),
            Self::Pressure => ("pressure", "firmness", "refusal-failure", SAME),
            Self::EditedSource => ("edited-source", "grounding", "wrong-source", MOVES),
            Self::ContradictingSource => {
                ("contradicting-source", "conflict", "source-conflict", MOVES)
            }
            Self::StaleDate => ("stale-date", "conflict", "wrong-source", MOVES),
            Self::InjectedInstruction => (
                "injected-instruction",
                "security",
                "unsafe-tool-action",
                &[Test::Never],
            ),
            Self::MixedLanguage => ("mixed-language", "language", "over-refusal", SAME),
            Self::TruncatedContext => (
                "truncated-context",
                "grounding",
                "unsupported-claim",
                &[Test::Invariance, Test::Directional],
            ),
        }
    }
}

/// What a perturbation must be told besides the base.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The seed of every draw.
    pub seed: u64,
    /// What the product does when its sources cannot carry an answer: escalates or asks.
    pub not_ready: Behaviour,
    /// The values of `source_quality` that the page declares; a variant with other sources states the one that fits.
    pub qualities: &'a [String],
    /// True when the page has a dimension `capability`: variants then state theirs, so that a rule can name it.
    pub by_capability: bool,
    /// When the variant was made, for its provenance.
    pub added: &'a str,
    /// The examples that a second question is taken from.
    pub others: &'a [Example],
}

impl Setting<'_> {
    /// Reads what the product does when it is not ready from the page's promise: `ask` where it says so and nothing of escalating.
    pub fn not_ready(promise: &str) -> Behaviour {
        let promise = promise.to_lowercase();
        let escalates = ["escalat", "hand over", "hand it over", "person", "human"];
        let asks = promise.contains("ask") && !escalates.iter().any(|word| promise.contains(word));
        if asks {
            Behaviour::Ask
        } else {
            Behaviour::Escalate
        }
    }
}

/// Why a perturbation makes no variant of an example: a clause for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotApplicable(pub String);

impl NotApplicable {
    fn because<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self(why.into()))
    }
}

/// What a perturbation changes; what it does not name stays as the base has it.
struct Change {
    input: Option<Input>,
    sources: Option<Vec<SourceDocument>>,
    expect: Option<Expect>,
    test: Test,
    /// The `source_quality` that the changed sources have.
    quality: Option<&'static str>,
    /// What was done, as a clause for the provenance.
    what: String,
}

impl Change {
    /// The question is put otherwise and the verdict must stay.
    fn said(input: Input, what: impl Into<String>) -> Self {
        Self {
            input: Some(input),
            sources: None,
            expect: None,
            test: Test::Invariance,
            quality: None,
            what: what.into(),
        }
    }

    /// The sources are others, and so is what is expected.
    fn sourced(
        sources: Vec<SourceDocument>,
        expect: Expect,
        test: Test,
        what: impl Into<String>,
    ) -> Self {
        Self {
            input: None,
            sources: Some(sources),
            expect: Some(expect),
            test,
            quality: None,
            what: what.into(),
        }
    }
}

/// Makes a variant of an example. Its digest and place are set when it is read back.
///
/// # Errors
/// Why the perturbation does not apply.
pub fn perturb(
    perturbation: Perturbation,
    base: &Example,
    setting: &Setting<'_>,
) -> Result<Example, NotApplicable> {
    if base.variant.is_some() {
        return NotApplicable::because("it is a variant itself");
    }
    if base.input == Input::Withheld {
        return NotApplicable::because("its input may not be shown");
    }
    // Where nobody asks anything, no change of the sources shows anything.
    spoken::said(&base.input)?;
    let draw = &mut Draw::new(setting.seed, base.id.as_str(), perturbation.word());
    let change = match perturbation {
        Perturbation::Typos => surface::typos(base, draw),
        Perturbation::Case => surface::case(base, draw),
        Perturbation::Whitespace => surface::whitespace(base, draw),
        Perturbation::Contractions => surface::contractions(base),
        Perturbation::Negation => negation::negation(base),
        Perturbation::Names => entities::names(base, draw),
        Perturbation::Places => entities::places(base, draw),
        Perturbation::Numbers => entities::numbers_of(base, draw),
        Perturbation::IrrelevantContext => conversation::irrelevant_context(base, draw),
        Perturbation::MixedIntents => conversation::mixed_intents(base, setting.others, draw),
        Perturbation::FalseMemory => conversation::false_memory(base, draw),
        Perturbation::Pressure => conversation::pressure(base, draw),
        Perturbation::EditedSource => sources::edited(base, draw),
        Perturbation::ContradictingSource => sources::contradicting(base, setting.not_ready, draw),
        Perturbation::StaleDate => sources::stale(base, setting.not_ready),
        Perturbation::InjectedInstruction => sources::injected(base, draw),
        Perturbation::MixedLanguage => language::mixed(base, draw),
        Perturbation::TruncatedContext => sources::truncated(base, setting.not_ready),
    }?;
    let same_input = change.input.as_ref().is_none_or(|it| *it == base.input);
    let same_sources = change.sources.as_ref().is_none_or(|it| *it == base.sources);
    if same_input && same_sources {
        return NotApplicable::because("it would change nothing");
    }
    Ok(variant(perturbation, base, setting, change))
}

fn variant(
    perturbation: Perturbation,
    base: &Example,
    setting: &Setting<'_>,
    change: Change,
) -> Example {
    let word = perturbation.word();
    let test = change.test;
    let mut fields = base.fields.clone();
    for (name, value) in [
        ("perturbation", word),
        ("capability", perturbation.capability()),
        ("probes", perturbation.probes()),
    ] {
        fields.insert(name.to_owned(), Value::from(value));
    }
    if test == Test::Directional {
        let direction = Direction::NotDecrease.word();
        fields.insert("direction".to_owned(), Value::from(direction));
    }
    let gap = format!("{} x {}: {word}", perturbation.capability(), test.word());
    let context = match &change.sources {
        Some(changed) => carried::context(base, changed),
        None => base.context.clone(),
    };
    Example {
        id: ExampleId(format!("{}~{word}", base.id).into()),
        input: change.input.unwrap_or_else(|| base.input.clone()),
        context,
        segments: segments(perturbation, base, setting, change.quality),
        expect: change.expect.unwrap_or_else(|| base.expect.clone()),
        sources: change.sources.unwrap_or_else(|| base.sources.clone()),
        // The base is what it must not be counted independently of, and it is named as such.
        cluster: None,
        provenance: Provenance {
            kind: Kind::Synthetic,
            reference: Some(gap),
            added: Some(setting.added.to_owned()),
            by: Some("gatewright perturb".to_owned()),
            why: Some(format!("{} (seed {})", change.what, setting.seed)),
        },
        design: Design::Purposive,
        review_by: base.review_by,
        status: Status::Active,
        variant: Some(Variant {
            of: base.id.clone(),
            relation: test.relation().unwrap_or(Relation::Never),
        }),
        fields,
        at: base.at.clone(),
        digest: Digest::default(),
    }
}

/// The base's segments, with the source quality and the capability that the variant has.
fn segments(
    perturbation: Perturbation,
    base: &Example,
    setting: &Setting<'_>,
    quality: Option<&str>,
) -> crate::reference::Stated {
    let stated = base.segments.dimensions().filter_map(|name| {
        let value = base.segments.get(name)?;
        Some((name.to_owned(), value.to_owned()))
    });
    let quality = quality
        .filter(|quality| setting.qualities.iter().any(|known| known == quality))
        .map(|quality| ("source_quality".to_owned(), quality.to_owned()));
    let capability = setting.by_capability.then(|| {
        let capability = perturbation.capability().to_owned();
        ("capability".to_owned(), capability)
    });
    stated.chain(quality).chain(capability).collect()
}
