//! A decision computed again, from the copies that its record keeps, the run's log and the project's log as far as it had come.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gatewright_core::analyse::Analysis;
use gatewright_core::decide::Answer;
use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, ProjectEvent, RunEvent};
use gatewright_core::label;
use gatewright_core::record::outcomes::OutcomeHasher;
use gatewright_core::record::permit::{self, Refusal};
use gatewright_core::record::statement::{Evidence, FORMAT, FileEntry, RecordedBy, SignOff};
use gatewright_core::record::{Checkpoint, Kind, Predicate, canonical};
use gatewright_core::report::{self, RecordView, View};
use gatewright_core::seal::Seal;
use gatewright_store::{RunLog, StoreError};

use crate::commands::Context;
use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::TOOL;
use crate::pipeline::evidence;
use crate::pipeline::judge::{Judged, judge};
use crate::pipeline::ledger::{project_events, project_log};
use crate::pipeline::load::{Depth, Loaded};
use crate::pipeline::looking::looks;
use crate::pipeline::runs::{RunFolder, plan_mark};
use crate::pipeline::session::Session;
use crate::project::Project;

/// A decision that was computed again.
pub(crate) struct Recomputed {
    /// The page and its data.
    pub(crate) loaded: Loaded,
    /// What the run amounts to.
    pub(crate) judged: Judged,
    /// Everything that is hashed.
    pub(crate) evidence: Evidence,
    /// The project's log as far as the decision looks.
    pub(crate) events: Vec<Event<ProjectEvent>>,
}

/// Where a decision's evidence is.
pub(crate) struct Place<'a> {
    /// The record's folder.
    pub(crate) dir: &'a Path,
    /// The state folder with the run and the project's log.
    pub(crate) state: &'a Path,
    /// The page's file name among the copies.
    pub(crate) page: &'a str,
    /// The run.
    pub(crate) run: &'a str,
    /// Where the project's log stood.
    pub(crate) log: Checkpoint,
}

/// Computes a decision again.
///
/// # Errors
/// When something cannot be read or is not what was written.
pub(crate) fn recompute(
    context: &Context,
    place: &Place<'_>,
    files: Vec<FileEntry>,
    now: &Now,
) -> Result<Recomputed, Failure> {
    let project = Project::of_copies(place.dir, place.page, place.state, place.log.size)?;
    let mut loaded = Loaded::read(project, now, Depth::Errors)?.sound()?;
    let session = Session::read(
        &mut loaded,
        Some(place.run),
        now,
        &context.console,
        "gatewright verify",
    )?;
    let judged = judge(&loaded, &session, now)?;
    let events = project_events(&loaded.project)?;
    let mut hasher = OutcomeHasher::new(&loaded.manifest, &loaded.reference);
    evidence::with_outcomes(&loaded, &session, |outcomes| {
        outcomes.for_each(|outcome| hasher.take(&outcome));
    })?;
    let outcomes = hasher.finish();
    let kept = session.log.blobs()?;
    let of_kept: Vec<u8> = kept.iter().flat_map(|digest| *digest.bytes()).collect();
    let seal = session
        .seal
        .clone()
        .ok_or_else(|| Failure::usage("the run was never sealed"))?;
    let evidence = Evidence {
        tool: TOOL.to_owned(),
        seal,
        labels: labels(&loaded, place.run, &files, &events),
        files,
        events: session.log.checkpoint()?,
        kept: (kept.len() as u64, Digest::of(&of_kept)),
        outcomes,
        proposal: Digest::of(canonical(&judged.view).as_bytes()),
        log: place.log,
    };
    Ok(Recomputed {
        loaded,
        judged,
        evidence,
        events,
    })
}

/// Hashes what people and recorded judges said: the files that labels come from, causes that were set in this run, calibrations.
fn labels(
    loaded: &Loaded,
    run: &str,
    files: &[FileEntry],
    events: &[Event<ProjectEvent>],
) -> Digest {
    let named: BTreeSet<&str> = label::requests(&loaded.manifest).into_keys().collect();
    let files: BTreeMap<&str, Digest> = files
        .iter()
        .filter(|file| named.contains(file.path.as_str()))
        .map(|file| (file.path.as_str(), file.digest))
        .collect();
    let said: Vec<Digest> = events
        .iter()
        .filter(|event| match &event.body {
            ProjectEvent::Triaged { run: of, .. } => of == run,
            ProjectEvent::Calibrated { product, .. } => *product == loaded.manifest.product,
            _ => false,
        })
        .map(|event| event.id)
        .collect();
    Digest::of_json(&serde_json::json!({"files": files, "said": said}))
}

/// What a person adds to what the gate computed.
#[derive(Clone)]
pub(crate) struct Claim {
    /// Who, when and why.
    pub(crate) recorded: RecordedBy,
    /// Another answer than the gate's, and its last date.
    pub(crate) other: Option<(Answer, String)>,
    /// Authors of the change beyond those of the page.
    pub(crate) authors: Vec<String>,
    /// The decision before.
    pub(crate) parent: Option<Digest>,
}

impl Recomputed {
    /// Lists what regressed and nobody has looked at, by id.
    pub(crate) fn left(&self) -> Vec<String> {
        let run = &self.judged.view.run.name;
        not_looked_at(&self.loaded, &self.judged.analysis, run, &self.events)
    }

    /// Says what is decided: what the gate computed, and what a person adds.
    ///
    /// # Errors
    /// When an override may not be.
    pub(crate) fn predicate(&self, claim: &Claim) -> Result<Predicate, Refusal> {
        let manifest = &self.loaded.manifest;
        let view = &self.judged.view;
        let (kind, answer, bypasses, expires) = match &claim.other {
            None => (Kind::Proposal, view.answer, Vec::new(), None),
            Some((answer, expires)) => {
                let bypasses = permit::bypassed(
                    manifest,
                    &self.judged.analysis,
                    &self.judged.context,
                    view.answer,
                    *answer,
                )?;
                let day = claim.recorded.at.get(..10).unwrap_or_default();
                let expires = permit::expiry(&manifest.signing, day, expires)?;
                (Kind::Override, *answer, bypasses, Some(expires))
            }
        };
        let fired = view
            .fired
            .iter()
            .filter_map(|index| view.findings.get(*index));
        let mut rules: Vec<String> = Vec::new();
        for finding in fired {
            if !rules.contains(&finding.rule) {
                rules.push(finding.rule.clone());
            }
        }
        Ok(Predicate {
            format: FORMAT.to_owned(),
            kind,
            product: manifest.product.clone(),
            question: manifest.decision.question.clone(),
            run: view.run.name.clone(),
            answer,
            proposed: view.answer,
            sentence: view.sentence.clone(),
            fired: rules,
            bypasses,
            expires,
            parent: claim.parent,
            recorded: claim.recorded.clone(),
            sign: manifest.signing.clone(),
            authors: claim.authors.clone(),
            not_looked_at: self.left(),
            tool: self.evidence.tool.clone(),
            evidence: self.evidence.counts(),
            page: self.loaded.project.page_name(),
            files: self.evidence.files.clone(),
        })
    }
}

/// Lists regressed examples of never and guard rules that nobody has looked at, by id.
pub(crate) fn not_looked_at(
    loaded: &Loaded,
    analysis: &Analysis,
    run: &str,
    events: &[Event<ProjectEvent>],
) -> Vec<String> {
    let looked: BTreeSet<(String, String)> = looks(events, run).into_keys().collect();
    permit::not_looked_at(&loaded.manifest, &loaded.reference, analysis, &looked)
}

/// Returns what a person says with a signature, ready to be signed.
pub(crate) fn sign_off(payload: Digest, recorded: &RecordedBy) -> Vec<u8> {
    let said = SignOff {
        payload,
        by: &recorded.by,
        reason: &recorded.reason,
        at: &recorded.at,
    };
    said.signed()
}

/// Says what of a run's terms is not what it was when they were sealed.
fn changes(loaded: &Loaded, sealed: Option<&Seal>, same_plan: bool) -> Vec<String> {
    let now = loaded.seal();
    let mut changes = sealed.map_or_else(Vec::new, |sealed| sealed.changes(&now));
    if !same_plan && changes.is_empty() {
        changes.push("the plan: examples, systems, trials or seed".to_owned());
    }
    changes
}

/// Says the same of a run's log, without reading all of it; the run's options are taken over.
fn changed_since(
    loaded: &mut Loaded,
    folder: &RunFolder,
    log: &RunLog,
) -> Result<Vec<String>, StoreError> {
    loaded.adopt(log.options()?);
    let mark = plan_mark(&loaded.plan());
    // The seal is the first event; a run that was cut off before it has none.
    let sealed = match log.events().next().transpose()?.map(|event| event.body) {
        Some(RunEvent::Sealed { seal }) => Some(*seal),
        _ => None,
    };
    Ok(changes(
        loaded,
        sealed.as_ref(),
        folder.name.ends_with(&mark),
    ))
}

/// A run in a list: when it began, its answer with the sentence where there is one, and what changed since its seal.
pub(crate) type Outline = (String, Option<(String, String)>, Vec<String>);

/// Reads what a list says of a run, without reading all of its log; the run's options are taken over.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn outlined(loaded: &mut Loaded, folder: &RunFolder) -> Result<Outline, StoreError> {
    let log = RunLog::read_only(&folder.dir)?;
    let at = log.first_at()?.unwrap_or_default();
    let changed = changed_since(loaded, folder, &log)?;
    Ok((at, log.answer()?, changed))
}

/// Says what of a run's terms is not what it was when they were sealed.
pub(crate) fn changed(loaded: &Loaded, session: &Session) -> Vec<String> {
    changes(loaded, session.seal.as_ref(), session.same_plan)
}

/// Refuses a run whose sealed parts are not what they were, and says which.
///
/// # Errors
/// Altered (112).
pub(crate) fn refuse_changed(loaded: &Loaded, session: &Session) -> Result<(), Failure> {
    let changes = changed(loaded, session);
    if changes.is_empty() {
        return Ok(());
    }
    Err(Failure::expected(
        crate::exit::ALTERED,
        format!(
            "run {} is not decided again: what was sealed has changed since",
            session.name
        ),
    )
    .why(changes.join(", "))
    .next("put back what changed, and the answer is what it was")
    .next("gatewright gate   (a new run, sealed on the new terms)"))
}

/// Says what is on the record besides the proposal, as of now.
///
/// # Errors
/// When the project's log cannot be read.
pub(crate) fn on_record(loaded: &Loaded, view: &View, now: &Now) -> Result<RecordView, Failure> {
    let events = project_events(&loaded.project)?;
    let log = project_log(&loaded.project.state)?;
    let checkpoint = match &log {
        Some(log) => Some(log.checkpoint()?),
        None => None,
    };
    let today = now.today.to_string();
    Ok(report::record(&events, checkpoint, view, &today))
}
