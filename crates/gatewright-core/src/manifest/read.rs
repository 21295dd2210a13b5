//! Reads the page: bytes to the domain, with everything wrong at once.
//!
//! Two stages: YAML becomes a tree of texts with places (`node`), and a walk over the tree gives each text the meaning of its key.
//! The walk never stops at an error; what cannot be read is left out.

mod criteria;
mod gate;
mod grader;
mod judge;
mod live;
mod product;
mod rubric;
mod segments;
mod source;
mod systems;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::node::{self, Node};
use super::walk::{Fields, Walk};
use super::{
    DecisionPolicy, Enforce, Grader, Manifest, MixedModels, Promise, SignRules, Standard, Trials,
    Verb,
};
use crate::digest::Digest;
use crate::problem::{Location, Problem, has_errors, nearest};
use crate::source::Source;

pub use rubric::rubric_head;
pub use template::templates;

/// The version of the page's format that this program reads.
pub const VERSION: &str = "1";

/// The keys of the page, in the order of the seven questions.
pub(super) const KEYS: [&str; 19] = [
    "gatewright",
    "product",
    "promise",
    "uses",
    "tasks",
    "failures",
    "owners",
    "evidence",
    "traffic",
    "decision",
    "segments",
    "systems",
    "judges",
    "trials",
    "reference",
    "criteria",
    "gate",
    "seed",
    "incidents",
];

#[cfg(test)]
pub(super) use grader::KINDS as GRADERS;

/// The keys of every part with keys of its own, by the name of its shape; the schema must know the same.
#[cfg(test)]
pub(super) fn known_keys() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("PromiseShape", &product::PROMISE[..]),
        ("Failure", &product::FAILURE),
        ("OwnerShape", &product::OWNER),
        ("EvidencePlace", &product::EVIDENCE),
        ("TrafficShape", &product::TRAFFIC),
        ("Decision", &product::DECISION),
        ("Sign", &product::SIGN),
        ("Expression", &segments::VALUE),
        ("SystemShape", &systems::KEYS),
        ("JudgeShape", &judge::JUDGE),
        ("OpenAi", &live::OPENAI),
        ("Anthropic", &live::ANTHROPIC),
        ("Http", &live::HTTP),
        ("Provider", &live::PROVIDER),
        ("PriceShape", &live::PRICE),
        ("PaceShape", &live::LIMITS),
        ("SourceShape", &source::KEYS),
        ("ProvenanceShape", &source::PROVENANCE),
        ("CriterionShape", &criteria::KEYS),
        ("LabelMapShape", &grader::LABEL_MAP),
        ("CallRuleShape", &grader::conduct::RULE),
        ("CallCount", &grader::conduct::COUNT),
        ("PermissionsShape", &grader::conduct::PERMISSIONS),
        ("PeopleShape", &grader::PEOPLE),
        ("RuleShape", &gate::KEYS),
        ("Then", &gate::THEN),
    ])
}

/// Lists every kind of grader, in the order of the page's documentation.
pub fn grader_kinds() -> impl Iterator<Item = &'static str> {
    grader::KINDS.iter().map(|(kind, _)| *kind)
}

/// Returns the options of a kind of grader; `None` for a kind that there is not.
pub fn grader_options(kind: &str) -> Option<&'static [&'static str]> {
    let found = grader::KINDS.iter().find(|(name, _)| *name == kind);
    found.map(|(_, options)| *options)
}

/// Reads one grader outside a page: its kind, and its options as YAML or JSON (empty: none). `file` names the options in messages.
///
/// There are no failure classes here, so that options which name one are refused.
pub fn grader(kind: &str, options: &str, file: &str) -> (Option<Grader>, Vec<Problem>) {
    let mut problems = Vec::new();
    let file: Arc<str> = file.into();
    let mut inner = Node {
        place: (1, 1),
        content: node::Content::Map(Vec::new()),
    };
    if !options.trim().is_empty() {
        match node::parse(options.as_bytes(), &file, &mut problems) {
            Some(read) => inner = read,
            None => return (None, problems),
        }
    }
    let key = node::Key {
        text: kind.to_owned(),
        place: (1, 1),
    };
    let node = Node {
        place: (1, 1),
        content: node::Content::Map(vec![(key, inner)]),
    };
    let page = blank(options.as_bytes());
    let mut walk = Walk::new(&file, &mut problems);
    let read = grader::read(&mut walk, &node, "grader", &page);
    let read = read.filter(|_| !has_errors(&problems));
    (read, problems)
}

/// Reads a page. There is no manifest as soon as one problem is an error: nothing is judged by half a gate.
pub fn read(bytes: &[u8], file: &str) -> (Option<Manifest>, Vec<Problem>) {
    let (manifest, problems) = survey(bytes, file);
    (manifest.filter(|_| !has_errors(&problems)), problems)
}

/// Reads what can be read of a page, errors or not, so that `check` can look further. Never gate by it.
pub fn survey(bytes: &[u8], file: &str) -> (Option<Manifest>, Vec<Problem>) {
    let file: Arc<str> = file.into();
    let mut problems = Vec::new();
    let manifest = node::parse(bytes, &file, &mut problems)
        .and_then(|root| page(&root, bytes, &file, &mut problems));
    problems.sort_by(|a, b| a.at.cmp(&b.at));
    (manifest, problems)
}

fn page(
    root: &Node,
    bytes: &[u8],
    file: &Arc<str>,
    problems: &mut Vec<Problem>,
) -> Option<Manifest> {
    let mut walk = Walk::new(file, problems);
    let w = &mut walk;
    let top = w.open_fields(root, "")?;
    version(w, &top)?;
    w.fields(root, "", &KEYS);
    let mut page = blank(bytes);
    product::read(w, &top, &mut page);
    segments::read(w, &top, &mut page);
    product::traffic_and_decision(w, &top, &mut page);
    systems::read(w, &top, &mut page);
    judge::read(w, &top, &mut page);
    page.reference = reference(w, &top);
    page.trials = trials(w, &top);
    page.seed = w.count_at(&top, "seed", 0..=1 << 53).unwrap_or(1);
    if let Some(path) = w.text_at(&top, "incidents") {
        path.clone_into(&mut page.incidents);
    }
    criteria::read(w, &top, &mut page);
    gate::read(w, &top, &mut page);
    let claims = page.gate.iter().any(|rule| rule.verb == Verb::Require);
    if !product::states_standard(&top) && !claims {
        // `shown` asks for a require; a page without one can only say that nothing broke.
        page.decision.standard = Standard::Unbroken;
    }
    w.spans.insert(String::new(), Location::new(file, 1, 1));
    page.spans = std::mem::take(&mut w.spans);
    Some(page)
}

/// The page before anything is read: every default in one place.
fn blank(bytes: &[u8]) -> Manifest {
    Manifest {
        product: super::PRODUCT_UNNAMED.to_owned(),
        promise: Promise::default(),
        uses: BTreeSet::new(),
        tasks: BTreeMap::new(),
        classes: Vec::new(),
        owners: BTreeMap::new(),
        evidence: Vec::new(),
        traffic: None,
        decision: DecisionPolicy {
            question: String::new(),
            decided_by: None,
            exposed: false,
            standard: Standard::Shown,
            route_by: Vec::new(),
            narrow_share: 0.05,
            enforce: Enforce::Block,
            attempts: None,
            mixed_models: MixedModels::Hold,
        },
        signing: SignRules::default(),
        dimensions: Vec::new(),
        systems: BTreeMap::new(),
        judges: BTreeMap::new(),
        trials: Trials::Auto,
        reference: Vec::new(),
        incidents: "incidents.jsonl".to_owned(),
        criteria: Vec::new(),
        gate: Vec::new(),
        seed: 1,
        spans: BTreeMap::new(),
        digest: Digest::of(bytes),
    }
}

/// Refuses other versions before anything else: their other keys would only make noise.
fn version(w: &mut Walk<'_>, top: &Fields<'_>) -> Option<()> {
    let Some(node) = top.get("gatewright") else {
        let hint = top.entries().find_map(|(key, _)| {
            nearest(&key.text, ["gatewright"])
                .map(|_| format!("write `gatewright` for `{}`", key.text))
        });
        let instead = hint.unwrap_or_else(|| format!("begin with `gatewright: {VERSION}`"));
        w.error_in(
            top,
            "no-version",
            "`gatewright:` does not say the version of the page",
            instead,
        );
        return None;
    };
    let text = w.text(node, "gatewright")?;
    if text == VERSION {
        return Some(());
    }
    let what = format!("the page is of version {text}; this program reads version {VERSION}");
    w.error(
        node,
        "version",
        what,
        format!("`gatewright: {VERSION}`, or a program that reads version {text}"),
    );
    None
}

fn reference(w: &mut Walk<'_>, top: &Fields<'_>) -> Vec<Source> {
    if !top.has("reference") {
        let at = w.location((1, 1));
        return vec![Source::plain("reference/*.jsonl", at)];
    }
    let items = w.list_at(top, "reference");
    if items.is_empty() {
        w.error_in(
            top,
            "no-reference",
            "`reference` names no file",
            "`reference: [reference/*.jsonl]`",
        );
    }
    let single = top
        .get("reference")
        .is_some_and(|node| items.first().is_some_and(|first| std::ptr::eq(first, node)));
    items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| {
            let path = if single {
                "reference".to_owned()
            } else {
                format!("reference[{index}]")
            };
            source::read(w, item, &path, source::Use::Reference)
        })
        .collect()
}

fn trials(w: &mut Walk<'_>, top: &Fields<'_>) -> Trials {
    match top.get("trials").map(|node| w.text(node, "trials")) {
        None | Some(None | Some("auto")) => Trials::Auto,
        Some(Some(_)) => match w.count_at(top, "trials", 1..=1000) {
            Some(count) => Trials::Fixed(count as u32),
            None => Trials::Auto,
        },
    }
}

#[cfg(test)]
mod tests;
