//! People's labels: events of the project's log, all read once and then only those that are new.

use std::sync::Arc;

use gatewright_core::event::ProjectEvent;
use gatewright_core::record::Checkpoint;
use gatewright_core::review::{Desk, Refusal, ReviewEvent, Rubrics};
use gatewright_store::{ProjectLog, StoreError, Writer};

use crate::error::Failure;
use crate::pipeline::ledger::project_log;
use crate::project::Project;

/// Events that are written in one transaction.
const BATCH: usize = 5_000;

/// The desk, and the log that it comes from.
pub(crate) struct DeskLog {
    log: ProjectLog,
    known: Checkpoint,
    desk: Arc<Desk>,
}

impl DeskLog {
    /// Opens the project's log, making it when it is not there, and reads it.
    ///
    /// # Errors
    /// When it cannot be read or made, or an event is not what was written.
    pub(crate) fn open(project: &Project, writer: Writer) -> Result<Self, StoreError> {
        Self::of(ProjectLog::open(&project.state, writer)?)
    }

    fn of(log: ProjectLog) -> Result<Self, StoreError> {
        let mut opened = Self {
            log,
            known: Checkpoint::default(),
            desk: Arc::default(),
        };
        opened.refresh()?;
        Ok(opened)
    }

    /// Reads the desk of a project; an empty one where there is no log. Nothing is made by looking.
    ///
    /// # Errors
    /// When the log cannot be read, or an event is not what was written.
    pub(crate) fn look(project: &Project) -> Result<Arc<Desk>, Failure> {
        match project_log(&project.state)? {
            Some(log) => Ok(Self::of(log)?.desk),
            None => Ok(Arc::default()),
        }
    }

    /// Says by which versions of their rubrics answers are asked about from now on.
    pub(crate) fn by_rubrics(&mut self, rubrics: Arc<Rubrics>) {
        Arc::make_mut(&mut self.desk).by_rubrics(rubrics);
    }

    /// Takes in what was written since the last time, by this process and others.
    ///
    /// # Errors
    /// As [`DeskLog::open`].
    pub(crate) fn refresh(&mut self) -> Result<Arc<Desk>, StoreError> {
        let head = self.log.checkpoint()?;
        if head.size > self.known.size {
            let desk = Arc::make_mut(&mut self.desk);
            let events = self.log.events_after(&self.known);
            for event in events.take((head.size - self.known.size) as usize) {
                if let ProjectEvent::Reviewed { what } = event?.body {
                    desk.apply(&what);
                }
            }
            self.known = head;
        }
        Ok(Arc::clone(&self.desk))
    }

    /// Writes one event, if it may be; it is on disk and in effect when this returns well.
    ///
    /// # Errors
    /// When the log cannot be read or written. Inside: why it may not be said.
    pub(crate) fn record(
        &mut self,
        event: ReviewEvent,
        at: &str,
    ) -> Result<Result<(), Refusal>, StoreError> {
        if let Err(refusal) = self.refresh()?.may_be_said(&event) {
            return Ok(Err(refusal));
        }
        let body = ProjectEvent::Reviewed { what: event };
        self.log.append(std::slice::from_ref(&body), at)?;
        let desk = self.refresh()?;
        Ok(match &body {
            // Another process was first, and the log has both: what it did says why this did nothing.
            ProjectEvent::Reviewed { what } if !desk.has(what) => {
                Err(desk.check(what).err().unwrap_or(Refusal::Twice))
            }
            _ => Ok(()),
        })
    }

    /// Writes the events of a list that may be, in their order; returns how many, and the first refusal of the others.
    ///
    /// # Errors
    /// When the log cannot be read or written.
    pub(crate) fn record_all(
        &mut self,
        events: Vec<ReviewEvent>,
        at: &str,
    ) -> Result<(usize, Option<Refusal>), StoreError> {
        let mut ahead = Desk::clone(&*self.refresh()?);
        let mut refused = None;
        let mut bodies = Vec::new();
        for what in events {
            match ahead.check(&what) {
                Ok(()) => {
                    ahead.apply(&what);
                    bodies.push(ProjectEvent::Reviewed { what });
                }
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        for batch in bodies.chunks(BATCH) {
            self.log.append(batch, at)?;
        }
        self.refresh()?;
        Ok((bodies.len(), refused))
    }
}
