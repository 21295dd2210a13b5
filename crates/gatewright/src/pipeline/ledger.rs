//! The project's log as the pipeline reads it: what people said of runs, and which release attempts there were.

use std::path::Path;

use gatewright_core::event::ProjectEvent;
use gatewright_store::{ProjectLog, StoreError};

use crate::error::Failure;
use crate::pipeline::load::Loaded;
use crate::pipeline::session::Session;

/// Opens the project's log to read it; nothing when there is none, or only the file that a crash left before its first table was made.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn project_log(state: &Path) -> Result<Option<ProjectLog>, Failure> {
    match ProjectLog::read_only(state) {
        Ok(log) => Ok(Some(log)),
        Err(StoreError::Absent { .. } | StoreError::Older { found: 0, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
