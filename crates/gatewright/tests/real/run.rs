//! One page on the real data, through the product's own readers, graders, analysis and decision.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use gatewright_core::analyse::{self, Analysis, Cell, People, SystemCell};
use gatewright_core::decide::{self, DecisionContext, Proposal};
use gatewright_core::grade::Graders;
use gatewright_core::label::{self, Labels};
use gatewright_core::manifest::{Manifest, Role, Target};
use gatewright_core::outcome::Outcome;
use gatewright_core::plan::Plan;
use gatewright_core::problem::{Problem, Weight};
use gatewright_core::recorded::{self, Recorded};
use gatewright_core::reference::{ReferenceSet, load};
use gatewright_core::source::Source;

use crate::ledger::Ledger;

/// Everything that one page gives.
pub(crate) struct Run {
    pub(crate) manifest: Manifest,
    pub(crate) reference: ReferenceSet,
    pub(crate) recorded: BTreeMap<Role, Recorded>,
    pub(crate) labels: Labels,
    plan: Plan,
    outcomes: Vec<Outcome>,
    pub(crate) analysis: Analysis,
    pub(crate) proposal: Proposal,
}

/// Replaces the page's (production, candidate) by another pair.
pub(crate) fn swap<'a>(
    old: (&'a str, &'a str),
    new: (&'a str, &'a str),
) -> [(&'a str, &'a str); 2] {
    [(old.0, new.0), (old.1, new.1)]
}

impl Run {
    /// Reads a page under `tests/real`, with some of its texts replaced (all at once), and decides.
    ///
    /// # Panics
    ///
    /// When the page, or a file it names, has an error.
    pub(crate) fn of(page: &str, replace: &[(&str, &str)]) -> Self {
        let (manifest, mut problems) = read_page(page, replace);
        let reference = read_reference(&manifest, &mut problems);
        let recorded = read_recorded(&manifest, &reference, &mut problems);
        let labels = read_labels(&manifest, &reference, &mut problems);
        no_errors(page, &problems);
        let plan = Plan::first_look(&manifest, &reference, |role| {
            match &manifest.systems[&role].target {
                Target::LabelsOnly => labels.trials(&manifest.systems[&role].name),
                _ => recorded.get(&role).map_or(0, |recorded| recorded.trials),
            }
        });
        let outcomes = grade(page, &manifest, &reference, &plan, &recorded, &labels);
        let (analysis, proposal) = conclude(&manifest, &reference, &plan, &recorded, &outcomes);
        Self {
            manifest,
            reference,
            recorded,
            labels,
            plan,
            outcomes,
            analysis,
            proposal,
        }
    }

    /// Decides again, with outcomes changed as another reading of the same labels would have them.
    pub(crate) fn reading(mut self, change: impl Fn(&mut Outcome)) -> Self {
        self.outcomes.iter_mut().for_each(change);
        (self.analysis, self.proposal) = conclude(
            &self.manifest,
            &self.reference,
            &self.plan,
            &self.recorded,
            &self.outcomes,
        );
        self
    }

    /// Returns a criterion's index.
    pub(crate) fn criterion(&self, name: &str) -> u16 {
        self.manifest
            .criterion_index(name)
            .unwrap_or_else(|| panic!("the page has no criterion `{name}`"))
    }

    /// Returns a criterion's cell in a slice.
    pub(crate) fn cell(&self, criterion: &str, slice: &[(&str, &str)]) -> &Cell {
        let criterion_index = self.criterion(criterion);
        self.analysis
            .cells
            .iter()
            .find(|cell| {
                cell.criterion == criterion_index
                    && cell.slice.len() == slice.len()
                    && cell
                        .slice
                        .iter()
                        .zip(slice)
                        .all(|(a, b)| (a.0.as_str(), a.1.as_str()) == *b)
            })
            .unwrap_or_else(|| panic!("no cell for `{criterion}` in {slice:?}"))
    }

    /// Returns one system's numbers.
    pub(crate) fn system(
        &self,
        criterion: &str,
        slice: &[(&str, &str)],
        role: Role,
    ) -> &SystemCell {
        &self.cell(criterion, slice).systems[&role]
    }

    /// Returns one system's outcomes by a criterion.
    pub(crate) fn outcomes(&self, criterion: &str, role: Role) -> impl Iterator<Item = &Outcome> {
        let criterion = self.criterion(criterion);
        self.outcomes
            .iter()
            .filter(move |outcome| outcome.criterion == criterion && outcome.system == role)
    }

    /// Compares a paired table with the file's: n, passes of both, gained, lost, difference and exact p.
    pub(crate) fn compare(
        &self,
        ledger: &mut Ledger,
        at: &str,
        criterion: &str,
        slice: &[(&str, &str)],
    ) {
        let cell = self.cell(criterion, slice);
        let pair = &cell.against[&Role::Production];
        ledger.count(&format!("{at}/n"), pair.n);
        ledger.count(&format!("{at}/prod_ok"), pair.both + pair.lost);
        ledger.count(&format!("{at}/cand_ok"), pair.both + pair.gained);
        ledger.count(&format!("{at}/regressed"), pair.lost);
        ledger.count(&format!("{at}/improved"), pair.gained);
        let difference = pair
            .difference
            .as_ref()
            .map_or(f64::NAN, |bounds| bounds.point);
        ledger.rounded(&format!("{at}/diff_cand_minus_prod"), difference, 6);
        ledger.full(
            &format!("{at}/mcnemar_exact_p"),
            pair.p_exact.unwrap_or(f64::NAN),
        );
    }
}

/// Reads and renames the page.
fn read_page(page: &str, replace: &[(&str, &str)]) -> (Manifest, Vec<Problem>) {
    let file = gatewright_testkit::shared::project_root()
        .join("tests/real")
        .join(page);
    let mut text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    // Two rounds, so that names can change places.
    for (index, (old, _)) in replace.iter().enumerate() {
        text = text.replace(old, &format!("@@{index}@@"));
    }
    for (index, (_, new)) in replace.iter().enumerate() {
        text = text.replace(&format!("@@{index}@@"), new);
    }
    let (manifest, problems) = gatewright_core::manifest::read::read(text.as_bytes(), page);
    no_errors(page, &problems);
    (
        manifest.unwrap_or_else(|| panic!("{page} could not be read")),
        problems,
    )
}

fn read_reference(manifest: &Manifest, problems: &mut Vec<Problem>) -> ReferenceSet {
    let files = manifest.reference.iter().map(|source| {
        let mut bytes = Vec::new();
        open(source).read_to_end(&mut bytes).expect("readable");
        (source.clone(), source.file.clone(), bytes)
    });
    load::in_memory(manifest, files, problems)
}

fn read_recorded(
    manifest: &Manifest,
    reference: &ReferenceSet,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Role, Recorded> {
    manifest
        .systems
        .values()
        .filter_map(|system| match &system.target {
            Target::Recorded(source) => {
                let read = recorded::read(
                    source,
                    &source.file,
                    open(source),
                    system.role,
                    reference,
                    problems,
                );
                Some((system.role, read))
            }
            _ => None,
        })
        .collect()
}

fn read_labels(
    manifest: &Manifest,
    reference: &ReferenceSet,
    problems: &mut Vec<Problem>,
) -> Labels {
    let mut labels = Labels::default();
    for (file, requests) in label::requests(manifest) {
        let reader = open(requests[0].source);
        label::load(
            manifest,
            reference,
            &requests,
            file,
            reader,
            NonZeroUsize::MIN,
            &mut labels,
            problems,
        );
    }
    labels
}

/// Grades everything that was recorded, and everything that was only labelled.
fn grade(
    page: &str,
    manifest: &Manifest,
    reference: &ReferenceSet,
    plan: &Plan,
    recorded: &BTreeMap<Role, Recorded>,
    labels: &Labels,
) -> Vec<Outcome> {
    let graders = match Graders::new(manifest, reference, labels) {
        Ok(graders) => graders,
        Err(problems) => {
            no_errors(page, &problems);
            panic!("{page}: the graders could not be made");
        }
    };
    let mut outcomes = Vec::new();
    for system in manifest.systems.values() {
        let mut ends: BTreeMap<_, _> = recorded
            .get(&system.role)
            .into_iter()
            .flat_map(|recorded| &recorded.attempts)
            .map(|one| (one.attempt, one))
            .collect();
        if matches!(system.target, Target::LabelsOnly) {
            graders.labels_only(system.role, &mut outcomes);
            continue;
        }
        for attempt in plan
            .attempts()
            .filter(|attempt| attempt.system == system.role)
        {
            match ends.remove(&attempt) {
                Some(one) => {
                    let trial = Some(one.recorded_trial);
                    let graded = graders.grade(attempt, trial, &one.end, &mut outcomes);
                    graded.unwrap_or_else(|changed| panic!("{page}: {changed}"));
                }
                None => graders.not_attempted(attempt, &mut outcomes),
            }
        }
    }
    outcomes
}

fn conclude(
    manifest: &Manifest,
    reference: &ReferenceSet,
    plan: &Plan,
    recorded: &BTreeMap<Role, Recorded>,
    outcomes: &[Outcome],
) -> (Analysis, Proposal) {
    let answers = recorded
        .values()
        .flat_map(|recorded| &recorded.attempts)
        .map(|one| (one.attempt, &one.end));
    let denominators = analyse::denominators(plan, answers);
    let people = People::default();
    let analysis = analyse::analyse(
        manifest,
        reference,
        plan,
        outcomes.iter().cloned(),
        &people,
        denominators,
    );
    let context = DecisionContext {
        attempt: 1,
        sealed_after_outputs: true,
        ..DecisionContext::default()
    };
    let proposal = decide::decide(manifest, &analysis, &context);
    (analysis, proposal)
}

/// Opens a file under the root `data`.
fn open(source: &Source) -> BufReader<File> {
    let data = gatewright_testkit::shared_data().expect("the caller looked for the data first");
    let rest = source
        .file
        .strip_prefix("data:")
        .unwrap_or_else(|| panic!("`{}` is not under the root `data`", source.file));
    let file: PathBuf = data.join(rest);
    BufReader::new(File::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

fn no_errors(page: &str, problems: &[Problem]) {
    let errors: Vec<String> = problems
        .iter()
        .filter(|problem| problem.weight == Weight::Error)
        .map(|problem| {
            format!(
                "{} {}: {}; {} {}",
                problem.at, problem.code, problem.what, problem.why, problem.instead
            )
        })
        .collect();
    assert!(errors.is_empty(), "{page}:\n{}", errors.join("\n"));
}
