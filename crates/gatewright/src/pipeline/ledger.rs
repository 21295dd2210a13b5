//! The project's log as the pipeline reads it: what people said of runs, and which release attempts there were.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, ProjectEvent, RunEvent};
use gatewright_core::manifest::Role;
use gatewright_store::{ProjectLog, RunLog, StoreError, Writer};

use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::load::Loaded;
use crate::pipeline::runs::{self, RunFolder};
use crate::pipeline::session::{Session, writer};
use crate::project::Project;

/// Opens the project's log to read it; nothing when there is none, or only the file that a crash left before its first table was made.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn project_log(state: &Path) -> Result<Option<ProjectLog>, Failure> {
    match ProjectLog::read_only(state) {
        Ok(log) => Ok(Some(log)),
        Err(StoreError::Absent { .. } | StoreError::Older { found: 0, .. }) => Ok(None),
        // A file of an older program is brought to this one's schema once, with a copy beside it.
        Err(StoreError::Older { .. }) => {
            let reader = Writer {
                name: "gatewright".to_owned(),
                actor: String::new(),
                at: String::new(),
            };
            Ok(Some(ProjectLog::open(state, reader)?))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads what a project's log says, as far as this project looks: a decision rests on what was there when it was recorded.
///
/// # Errors
/// When it cannot be read, or an event is not what was written.
pub(crate) fn project_events(project: &Project) -> Result<Vec<Event<ProjectEvent>>, Failure> {
    let Some(log) = project_log(&project.state)? else {
        return Ok(Vec::new());
    };
    let until = project.log_until.unwrap_or(u64::MAX);
    let events = log.events().take_while(|event| {
        // An error is not left behind.
        event.as_ref().map_or(true, |event| event.seq <= until)
    });
    Ok(events.collect::<Result<_, _>>()?)
}

/// Finds the newest run after the one that was decided, decided itself or not. Runs that are known to be of another product are left out.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn newer_run(state: &Path, run: &str, product: &str) -> Result<Option<String>, Failure> {
    let mut products: BTreeMap<String, String> = BTreeMap::new();
    for event in project_log(state)?.iter().flat_map(ProjectLog::events) {
        if let ProjectEvent::Attempted { product, run, .. } = event?.body {
            products.insert(run, product);
        }
    }
    let number = |name: &str| name.split_once('-')?.0.parse::<u32>().ok();
    let own = number(run);
    let newer = runs::list(state).into_iter().rfind(|run| {
        let of = products.get(&run.name);
        Some(run.number) > own && of.is_none_or(|of| *of == *product)
    });
    Ok(newer.map(|run| run.name))
}

/// Says whether the ledger of attempts knows a run.
///
/// # Errors
/// When it cannot be read.
pub(super) fn is_attempted(loaded: &Loaded, session: &Session) -> Result<bool, Failure> {
    let Some(log) = project_log(&loaded.project.state)? else {
        return Ok(false);
    };
    for event in log.events() {
        if let ProjectEvent::Attempted { run, .. } = event?.body
            && run == session.name
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts release attempts into the ledger that a crash kept out of it: runs of which the answer is on their own record. A new run would
/// otherwise be counted as if they had never been.
///
/// # Errors
/// When the ledger cannot be read or refuses them. Runs that cannot be read are left alone.
pub(super) fn catch_up(loaded: &Loaded, now: &Now, command: &str) -> Result<(), Failure> {
    let mut known = BTreeSet::new();
    if let Some(log) = project_log(&loaded.project.state)? {
        for event in log.events() {
            if let ProjectEvent::Attempted { run, .. } = event?.body {
                known.insert(run);
            }
        }
    }
    let mark = runs::plan_mark(&loaded.plan());
    let missed: Vec<ProjectEvent> = runs::list(&loaded.project.state)
        .iter()
        .filter(|folder| !known.contains(&folder.name))
        .filter_map(|folder| attempted(loaded, folder, &mark))
        .collect();
    if !missed.is_empty() {
        ProjectLog::open(&loaded.project.state, writer(command, now))?.append(&missed, &now.at)?;
    }
    Ok(())
}

/// Reads from a run's own record what the ledger would say of it; nothing for one that is not decided.
fn attempted(loaded: &Loaded, folder: &RunFolder, mark: &str) -> Option<ProjectEvent> {
    let log = RunLog::read_only(&folder.dir).ok()?;
    if !log.is_decided().ok()? {
        return None;
    }
    let (mut reference, mut answer, mut at) = (None, None, String::new());
    // A run of the page as it is has its candidate; others say theirs, where a log must be readable without the page.
    let is_of_page = folder.name.ends_with(mark);
    let mut candidate: Option<Digest> = is_of_page.then(|| {
        let system = loaded.manifest.systems.get(&Role::Candidate);
        system.map(|system| system.fingerprint).unwrap_or_default()
    });
    for event in log.events() {
        let event = event.ok()?;
        match event.body {
            RunEvent::Sealed { seal } if reference.is_none() => {
                reference = seal.parts.get("reference").copied();
            }
            RunEvent::Systems { systems, .. } => {
                let system = systems.iter().find(|it| it.role == Role::Candidate);
                candidate = system.map(|system| system.fingerprint).or(candidate);
            }
            RunEvent::Proposed { answer: word, .. } if answer.is_none() => {
                (answer, at) = (Some(word), event.at);
            }
            _ => {}
        }
    }
    Some(ProjectEvent::Attempted {
        product: loaded.manifest.product.clone(),
        reference: reference?,
        candidate: candidate?,
        run: folder.name.clone(),
        answer: answer?,
        at,
    })
}
