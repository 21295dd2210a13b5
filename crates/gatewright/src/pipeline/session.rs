//! A run: its folder, its log, what was sealed, what is planned. Opened, resumed or started.

use std::path::Path;

use gatewright_core::decide::DecisionContext;
use gatewright_core::event::RunEvent;
use gatewright_core::plan::{Confirmation, Plan};
use gatewright_core::seal::Seal;
use gatewright_store::{RunLog, StoreError, Writer};

use crate::console::Console;
use crate::error::Failure;
use crate::exit;
use crate::now::Now;
use crate::pipeline::attempts;
use crate::pipeline::drive::Drive;
use crate::pipeline::load::Loaded;
use crate::pipeline::runs::{self, RunFolder};

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// An unfinished run of the same plan and seal goes on; otherwise a new one begins.
    Resume,
    /// A new one begins.
    Fresh,
}

/// A run that is open.
pub(crate) struct Session {
    /// Its folder's name.
    pub(crate) name: String,
    /// Its log.
    pub(crate) log: RunLog,
    /// What is planned, with the confirmation rounds of the log.
    pub(crate) plan: Plan,
    /// What was sealed.
    pub(crate) seal: Option<Seal>,
    /// The context of the last decision, if there was one.
    pub(crate) decided: Option<DecisionContext>,
    /// False when the run's plan is not the page's any more.
    pub(crate) same_plan: bool,
}

/// What a log says about its run, besides attempts.
#[derive(Default)]
struct Facts {
    seal: Option<Seal>,
    rounds: Vec<Confirmation>,
    decided: Option<DecisionContext>,
}

impl Session {
    /// Starts a run, or goes on with one.
    ///
    /// # Errors
    /// When nothing is there to judge, or an unfinished run of the same plan was sealed on other terms.
    pub(crate) fn begin(
        loaded: &Loaded,
        start: Start,
        now: &Now,
        console: &Console,
        command: &str,
    ) -> Result<Self, Failure> {
        if loaded.reference.examples.is_empty() {
            return Err(Failure::expected(
                exit::NOTHING,
                "there is no active example: nothing to judge",
            )
            .why("an answer about nothing would look like a green build")
            .next("gatewright check"));
        }
        let plan = loaded.plan();
        let seal = loaded.seal();
        let state = &loaded.project.state;
        let mark = runs::plan_mark(&plan);
        if start == Start::Resume
            && let Some(session) = resumable(loaded, &plan, &seal, &mark, now, console, command)?
        {
            return Ok(session);
        }
        let folder = runs::create(state, &mark)?;
        let mut log = RunLog::create(&folder.dir, writer(command, now))?;
        let sealed = RunEvent::Sealed {
            seal: Box::new(seal.clone()),
        };
        log.append(&[sealed], &now.at)?;
        console.detail(&format!("run {} sealed", folder.name));
        Ok(Self {
            name: folder.name,
            log,
            plan,
            seal: Some(seal),
            decided: None,
            same_plan: true,
        })
    }

    /// Opens a stored run to add to it.
    ///
    /// # Errors
    /// When there is none, or another process writes to it.
    pub(crate) fn open(
        loaded: &Loaded,
        wanted: Option<&str>,
        now: &Now,
        command: &str,
    ) -> Result<Self, Failure> {
        let plan = loaded.plan();
        let mark = runs::plan_mark(&plan);
        let folder = runs::find(&loaded.project.state, wanted, &mark)?;
        let log = RunLog::open(&folder.dir, writer(command, now))?;
        Self::of(folder, log, plan, &mark)
    }

    /// Opens a stored run to read it.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn read(loaded: &Loaded, wanted: Option<&str>) -> Result<Self, Failure> {
        let plan = loaded.plan();
        let mark = runs::plan_mark(&plan);
        let folder = runs::find(&loaded.project.state, wanted, &mark)?;
        let log = RunLog::read_only(&folder.dir)?;
        Self::of(folder, log, plan, &mark)
    }

    fn of(folder: RunFolder, log: RunLog, mut plan: Plan, mark: &str) -> Result<Self, Failure> {
        let facts = facts(&log)?;
        plan.confirmations = facts.rounds;
        Ok(Self {
            same_plan: folder.name.ends_with(mark),
            name: folder.name,
            log,
            plan,
            seal: facts.seal,
            decided: facts.decided,
        })
    }

    /// Makes every outstanding attempt that the drive takes.
    ///
    /// # Errors
    /// Interrupted or incomplete, both resumable; otherwise what the engine or the log refused.
    pub(crate) fn attempt(
        &mut self,
        loaded: &Loaded,
        drive: &mut Drive,
        now: &Now,
        console: &Console,
    ) -> Result<(), Failure> {
        attempts::make(loaded, &self.plan, drive, &mut self.log, &now.at, console)
    }

    /// Adds a round of fresh trials to the plan, on the record first.
    ///
    /// # Errors
    /// When the log refuses it.
    pub(crate) fn confirm(&mut self, round: Confirmation, now: &Now) -> Result<(), Failure> {
        let event = RunEvent::Confirming {
            round: round.clone(),
        };
        self.log.append(&[event], &now.at)?;
        self.plan.confirmations.push(round);
        Ok(())
    }
}

/// Finds a run of the same plan that can go on: unfinished, or finished from recorded files alone.
fn resumable(
    loaded: &Loaded,
    plan: &Plan,
    seal: &Seal,
    mark: &str,
    now: &Now,
    console: &Console,
    command: &str,
) -> Result<Option<Session>, Failure> {
    let all = runs::list(&loaded.project.state);
    let Some(folder) = all.into_iter().rev().find(|run| run.name.ends_with(mark)) else {
        return Ok(None);
    };
    let log = match RunLog::open(&folder.dir, writer(command, now)) {
        Ok(log) => log,
        Err(StoreError::Absent { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if let Some(holder) = log.taken_over_from() {
        console.detail(&format!("taken over from {holder}, which has ended"));
    }
    let session = Session::of(folder, log, plan.clone(), mark)?;
    let Some(sealed) = &session.seal else {
        // A crash before the seal was on disk: nothing was judged, and nothing may be.
        return Ok(None);
    };
    let changed = sealed.differences(seal);
    let callable = loaded
        .manifest
        .systems
        .values()
        .any(|system| system.target.can_rerun());
    match (session.decided.is_some(), changed.is_empty()) {
        (false, false) => Err(Failure::usage(format!(
            "run {} is unfinished and was sealed on other terms",
            session.name
        ))
        .why(format!("changed since: {}", changed.join(", ")))
        .next("put back what changed, and the run goes on")
        .next(format!("{command} --fresh   (starts anew)"))),
        (true, true) if !callable => {
            console.detail(&format!(
                "run {} has these very files: its record is decided again",
                session.name
            ));
            Ok(Some(session))
        }
        (true, _) => Ok(None),
        (false, true) => {
            console.note(&format!("going on with run {}", session.name));
            Ok(Some(session))
        }
    }
}

fn facts(log: &RunLog) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    for event in log.events() {
        match event?.body {
            RunEvent::Sealed { seal } if facts.seal.is_none() => facts.seal = Some(*seal),
            RunEvent::Confirming { round } => facts.rounds.push(round),
            RunEvent::Proposed { context, .. } => {
                facts.decided = serde_json::from_value(context).ok()
            }
            _ => {}
        }
    }
    Ok(facts)
}

/// Says who writes.
pub(crate) fn writer(command: &str, now: &Now) -> Writer {
    let name = ["GATEWRIGHT_ACTOR", "USER", "LOGNAME"];
    let actor = name
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    Writer {
        name: command.to_owned(),
        actor: actor.unwrap_or_else(|| "unknown".to_owned()),
        at: now.at.clone(),
    }
}

/// Says whether a project has a log of its own yet.
pub(crate) fn has_project_log(state: &Path) -> bool {
    state.join(gatewright_store::ProjectLog::FILE).exists()
}
