//! A past run decided by what the page says today. Only in memory: its log and its decision stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gatewright_core::decide::Answer;
use gatewright_core::event::RunEvent;
use gatewright_core::manifest::{Grader, Manifest, Role, Subject, Target, Verb};
use gatewright_core::outcome::{Bin, Missing};
use gatewright_core::plan::PlannedSystem;
use gatewright_core::report::View;
use gatewright_core::seal::Seal;
use gatewright_store::{RunLog, StoreError};

use crate::commands::Context;
use crate::error::Failure;
use crate::pipeline::evidence;
use crate::pipeline::hashing::digest;
use crate::pipeline::judge::judge;
use crate::pipeline::load::{Depth, Loaded};
use crate::pipeline::runs::{self, RunFolder};
use crate::pipeline::session::Session;
use crate::project::Project;

/// What today's page makes of a past run.
pub(crate) struct Replayed {
    /// The run.
    pub(crate) run: String,
    /// When it began, as its log says.
    pub(crate) at: String,
    /// The answer on its record; nothing when it was never decided.
    pub(crate) then: Option<String>,
    /// What it comes to now.
    pub(crate) now: Now,
}

/// An answer under today's page, or why there is none.
pub(crate) enum Now {
    /// It was decided.
    Decided(Box<View>),
    /// It cannot be.
    Cannot(String),
}

/// Finds a run: of this project by name or number, else a path to its folder or log.
///
/// # Errors
/// When there is none.
pub(crate) fn find(project: &Project, name: &str, here: &Path) -> Result<RunFolder, Failure> {
    if let Ok(folder) = runs::find(&project.state, Some(name), "") {
        return Ok(folder);
    }
    let path = here.join(name);
    let dir = match path.file_name() {
        Some(file) if file == RunLog::FILE => path.parent().map(Path::to_path_buf),
        _ => Some(path),
    };
    let found = dir.filter(|dir| dir.join(RunLog::FILE).is_file());
    let dir = found.ok_or_else(|| {
        Failure::usage(format!("there is no run `{name}`"))
            .why("it is no run of this project and no path to one")
            .next("a run's name or number, or a path to the folder that holds its run.db")
    })?;
    let dir = dir.canonicalize().unwrap_or(dir);
    let called = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    Ok(RunFolder {
        number: 0,
        name: called.unwrap_or_default(),
        dir,
    })
}

/// What a log says of its run.
#[derive(Default)]
struct Past {
    seal: Option<Seal>,
    systems: Vec<PlannedSystem>,
    names: BTreeMap<Role, String>,
}

/// Decides a run by today's page.
///
/// # Errors
/// When the page or its data are wrong: that is nothing about the run.
pub(crate) fn replay(context: &Context, folder: RunFolder) -> Result<Replayed, Failure> {
    let project = context.project()?;
    let log = match RunLog::read_only(&folder.dir) {
        Ok(log) => log,
        Err(error) => return Ok(unread(folder, &error)),
    };
    let mut replayed = Replayed {
        run: folder.name.clone(),
        at: log.first_at()?.unwrap_or_default(),
        then: log.answer()?.map(|(answer, _)| answer),
        now: Now::Cannot(String::new()),
    };
    let past = match past(&log) {
        Ok(past) => past,
        Err(error) => {
            replayed.now = Now::Cannot(error.to_string());
            return Ok(replayed);
        }
    };
    let loaded = Loaded::read_as(project, &context.now, Depth::Errors, &past.names)?.sound()?;
    replayed.now = match decided(context, loaded, folder, log, &past)? {
        Ok(view) => Now::Decided(Box::new(view)),
        Err(why) => Now::Cannot(why),
    };
    Ok(replayed)
}

fn unread(folder: RunFolder, error: &StoreError) -> Replayed {
    let why = match error {
        StoreError::Older { .. } => format!(
            "its log is of an older program: gatewright report {} brings it up to date",
            folder.name
        ),
        other => other.to_string(),
    };
    Replayed {
        run: folder.name,
        at: String::new(),
        then: None,
        now: Now::Cannot(why),
    }
}

fn past(log: &RunLog) -> Result<Past, StoreError> {
    let mut past = Past::default();
    for event in log.events() {
        match event?.body {
            RunEvent::Sealed { seal } if past.seal.is_none() => past.seal = Some(*seal),
            RunEvent::Systems { systems, names } => {
                past.systems = systems;
                past.names = names;
            }
            _ => {}
        }
    }
    Ok(past)
}

/// Decides, or says why nothing can be decided about this run.
fn decided(
    context: &Context,
    mut loaded: Loaded,
    folder: RunFolder,
    log: RunLog,
    past: &Past,
) -> Result<Result<View, String>, Failure> {
    let Some(sealed) = &past.seal else {
        return Ok(Err("it was never sealed".to_owned()));
    };
    loaded.adopt(log.options()?);
    if let Some(shard) = loaded.plan().shard {
        return Ok(Err(format!("it is part {shard}: a part decides nothing")));
    }
    if let Some(why) = other_examples(&loaded, sealed) {
        return Ok(Err(why));
    }
    let known = |role: &Role| loaded.manifest.systems.contains_key(role);
    if let Some(gone) = past.systems.iter().find(|system| !known(&system.role)) {
        return Ok(Err(format!("the page has no {} now", gone.role.word())));
    }
    if let Some(why) = other_answers(&loaded, past, sealed) {
        return Ok(Err(why));
    }
    let mut plan = loaded.plan();
    if !past.systems.is_empty() {
        plan.systems.clone_from(&past.systems);
    }
    if !folder.name.ends_with(&runs::plan_mark(&plan)) {
        return Ok(Err(
            "its plan is another: the seed or the order of examples changed".to_owned(),
        ));
    }
    let mut session = Session::of(folder, log, plan, "")?;
    session.same_plan = true;
    // What was agreed then is not what is asked now; that outputs were there before their rules is as true as it was.
    session.seal = Some(Seal {
        after_outputs: sealed.after_outputs,
        ..loaded.seal()
    });
    if let Some(why) = ungraded(&loaded, &session)? {
        return Ok(Err(why));
    }
    let judged = judge(&loaded, &session, &context.now)?;
    Ok(Ok(judged.view))
}

/// Says whether the examples are not those of the run.
fn other_examples(loaded: &Loaded, sealed: &Seal) -> Option<String> {
    let today = loaded.seal();
    let part = |seal: &Seal| seal.parts.get("reference").copied();
    (part(sealed) != part(&today)).then(|| {
        format!(
            "the examples are not those that were asked ({} now)",
            loaded.reference.examples.len()
        )
    })
}

/// Says why labels may be of other answers than the run's. They are found by the system's name, and say nothing of the answer itself.
fn other_answers(loaded: &Loaded, past: &Past, sealed: &Seal) -> Option<String> {
    let manifest = &loaded.manifest;
    let labelled = |index: &u16| {
        let criterion = &manifest.criteria[usize::from(*index)];
        matches!(criterion.grader, Grader::Label(_) | Grader::Preference(_))
    };
    let deciding = deciding(manifest);
    let criterion = deciding.iter().find(|index| labelled(index))?;
    let by_labels = format!(
        "`{}` goes by labels",
        manifest.criteria[usize::from(*criterion)].id
    );
    for system in &past.systems {
        let role = system.role.word();
        let Some(name) = past.names.get(&system.role) else {
            // A log that does not name its systems can only be about those of the page.
            let now = manifest.systems.get(&system.role);
            if now.is_none_or(|now| now.fingerprint != system.fingerprint) {
                return Some(format!("{by_labels}, and the run does not name its {role}"));
            }
            continue;
        };
        let other = manifest.systems.iter().find(|(role, now)| {
            loaded.own_names().get(role) == Some(name) && now.fingerprint != system.fingerprint
        });
        if let Some((now, _)) = other {
            return Some(format!(
                "{by_labels}, which are found by name: its {role} and today's {} are both called `{name}`, and they are not the same",
                now.word()
            ));
        }
    }
    let changed = rewritten(loaded, sealed)?;
    Some(format!(
        "{by_labels}, and `{changed}` is not what it was: they may be of other answers"
    ))
}

/// Finds a file of the run's outputs that is there and is another one now. Labels may grow; the answers that they are about may not change.
fn rewritten<'s>(loaded: &Loaded, sealed: &'s Seal) -> Option<&'s str> {
    let manifest = &loaded.manifest;
    let outputs = manifest
        .systems
        .values()
        .filter_map(|system| match &system.target {
            Target::Recorded(source) => Some(source.file.as_str()),
            _ => None,
        });
    let outputs: BTreeSet<&str> = outputs.collect();
    let labels = gatewright_core::label::requests(manifest);
    let is_labels = |path: &str| labels.contains_key(path) && !outputs.contains(path);
    let now = |path: &str| match loaded.files.get(path) {
        Some(digest) => Some(*digest),
        None => loaded.project.open(path).ok().and_then(digest),
    };
    let files = sealed.files.iter();
    let mut changed =
        files.filter(|(path, was)| !is_labels(path) && now(path).is_some_and(|now| now != **was));
    changed.next().map(|(path, _)| path.as_str())
}

/// Says which deciding criterion nothing can judge any more: labels of other systems, judges and programs that were never asked by this rubric.
fn ungraded(loaded: &Loaded, session: &Session) -> Result<Option<String>, Failure> {
    let manifest = &loaded.manifest;
    let deciding = deciding(manifest);
    // (criterion, role): answers that something was said of, and answers of which nothing was.
    let mut counts: BTreeMap<(u16, Role), [u64; 2]> = BTreeMap::new();
    evidence::with_outcomes(loaded, session, |outcomes| {
        for outcome in outcomes.filter(|outcome| deciding.contains(&outcome.criterion)) {
            let of = counts
                .entry((outcome.criterion, outcome.system))
                .or_default();
            match outcome.bin {
                Bin::Missing(Missing::GraderError) => of[1] += 1,
                Bin::Missing(_) | Bin::NotApplicable => {}
                _ => of[0] += 1,
            }
        }
    })?;
    let silent = counts
        .into_iter()
        .find(|(_, [said, nothing])| *said == 0 && *nothing > 0);
    Ok(silent.map(|((criterion, role), [_, nothing])| {
        let system = manifest
            .systems
            .get(&role)
            .map_or("", |system| system.name.as_str());
        format!(
            "`{}` has no verdict on any of the {nothing} answers of {} ({system})",
            manifest.criteria[usize::from(criterion)].id,
            role.word(),
        )
    }))
}

/// Criteria that a deciding rule reads.
fn deciding(manifest: &Manifest) -> BTreeSet<u16> {
    let rules = manifest.gate.iter().filter(|rule| rule.verb != Verb::Watch);
    let of = |subject: &Subject| match *subject {
        Subject::Criterion(criterion) => vec![criterion],
        // What is missing in any criterion that can fail as the class is missing in the rule.
        Subject::Class(class) => {
            let criteria = manifest.criteria.iter().zip(0..);
            let fails = criteria.filter(|(criterion, _)| criterion.classes().contains(&class));
            fails.map(|(_, index)| index).collect()
        }
    };
    rules.flat_map(|rule| of(&rule.subject)).collect()
}

/// Says whether an answer keeps a release back because something broke.
pub(crate) fn holds(answer: Answer) -> bool {
    matches!(answer, Answer::Hold | Answer::Repair | Answer::Rollback)
}
