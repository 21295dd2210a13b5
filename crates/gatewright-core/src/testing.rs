//! Builders for the unit tests of this crate.

use std::collections::{BTreeMap, BTreeSet};

use crate::class::{Cost, FailureClass, SHIPPED, Severity};
use crate::digest::Digest;
use crate::manifest::*;
use crate::problem::Problem;
use crate::reference::ReferenceSet;
use crate::source::Source;

/// A page with the shipped classes and nothing else.
pub(crate) fn page() -> Manifest {
    let mut classes: Vec<FailureClass> = SHIPPED
        .iter()
        .map(|(id, owner, repair)| FailureClass {
            id: (*id).into(),
            severity: Severity::Medium,
            cost: Cost {
                amount: 1.0,
                currency: None,
            },
            owner: (*owner).into(),
            repair: (*repair).to_owned(),
            declared: false,
        })
        .collect();
    classes.sort_by(|a, b| a.id.cmp(&b.id));
    Manifest {
        product: "test".to_owned(),
        promise: Promise::default(),
        uses: BTreeSet::new(),
        tasks: BTreeMap::new(),
        classes,
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
        digest: Digest::default(),
    }
}

/// Adds a system.
pub(crate) fn system(manifest: &mut Manifest, role: Role, name: &str, target: Target) {
    manifest.systems.insert(
        role,
        System {
            role,
            name: name.to_owned(),
            target,
            timeout_ms: None,
            fingerprint: Digest::default(),
        },
    );
}

/// Adds a criterion that applies everywhere.
pub(crate) fn criterion(manifest: &mut Manifest, id: &str, grader: Grader, fails_as: FailsAs) {
    manifest.criteria.push(Criterion {
        id: id.into(),
        grader,
        fails_as,
        protects: None,
        applies_to: Vec::new(),
        people: None,
    });
}

/// Adds a dimension; values without an expression come from the example's own field.
pub(crate) fn dimension(manifest: &mut Manifest, name: &str, values: &[(&str, Matcher)]) {
    let values = values
        .iter()
        .map(|(name, matches)| DimensionValue {
            name: (*name).to_owned(),
            matches: matches.clone(),
        })
        .collect();
    manifest.dimensions.push(Dimension {
        name: name.to_owned(),
        values,
    });
}

/// A source with `ours: theirs` pairs.
pub(crate) fn mapped(file: &str, map: &[(&str, &str)]) -> Source {
    let mut source = Source::plain(file, crate::problem::Location::default());
    for (ours, theirs) in map {
        source.map.insert((*ours).to_owned(), (*theirs).to_owned());
    }
    source
}

fn shared_data() -> std::path::PathBuf {
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::env::var_os("GATEWRIGHT_SHARED")
        .map_or(beside, std::path::PathBuf::from)
        .join("data")
}

/// Whether the shared real data is here; says so when it is not. A public clone does not have it (see `gatewright_testkit::shared_data`,
/// which this crate cannot use without building everything above it).
pub(crate) fn has_data() -> bool {
    let data = shared_data();
    let here = data.is_dir();
    assert!(
        here || std::env::var_os("GATEWRIGHT_SHARED").is_none(),
        "GATEWRIGHT_SHARED is set, but {} is not a folder",
        data.display()
    );
    if !here {
        println!("skipped: no shared data at {}", data.display());
    }
    here
}

/// The bytes of a file of the shared real data.
pub(crate) fn data(path: &str) -> Vec<u8> {
    let full = shared_data().join(path);
    std::fs::read(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()))
}

/// Loads and assembles one file.
pub(crate) fn set(
    manifest: &Manifest,
    source: &Source,
    bytes: &[u8],
) -> (ReferenceSet, Vec<Problem>) {
    let mut problems = Vec::new();
    let file = (source.clone(), source.file.clone(), bytes.to_vec());
    let set = crate::reference::load::in_memory(manifest, [file], &mut problems);
    (set, problems)
}

/// Problems as `file:line code what / instead`.
pub(crate) fn lines(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|it| format!("{} {}: {} / {}", it.at, it.code, it.what, it.instead))
        .collect()
}

/// Every page of the repository: the shipped example and the real sets.
pub(crate) fn committed_pages() -> Vec<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = |folder: std::path::PathBuf| -> Vec<std::path::PathBuf> {
        std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("readable").path())
            .collect()
    };
    let mut pages = vec![root.join("examples/billing-support/gatewright.yaml")];
    for set in list(root.join("tests/real")) {
        if set.is_dir() {
            pages.extend(list(set));
        }
    }
    pages.retain(|path| path.extension().is_some_and(|it| it == "yaml"));
    pages.sort();
    assert!(pages.len() > 10);
    pages
}

/// A set of examples that nobody reads, each a cluster of its own.
pub(crate) fn blank_set(n: u32) -> ReferenceSet {
    let mut set = ReferenceSet::default();
    set.cluster = (0..n).collect();
    set.clusters = n;
    set
}
