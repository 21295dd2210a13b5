//! How stable a run's answer is: computed for reports, and for nothing that is decided, signed or verified.

use std::thread::available_parallelism;

use gatewright_core::report::model::StabilityView;
use gatewright_core::{report, stability};

use crate::error::Failure;
use crate::pipeline::judge::Judged;
use crate::pipeline::load::Loaded;
use crate::pipeline::{Session, with_outcomes};

/// Most examples of which it is computed unasked: every rule is evaluated a thousand times over.
pub(crate) const UNASKED_MAX: usize = 1_000;

/// Computes a run's stability. None where the run is invalid, whatever is drawn, and, unless it was asked for, beyond [`UNASKED_MAX`] examples.
///
/// # Errors
/// When the run or the project's log cannot be read.
pub(crate) fn stable(
    loaded: &Loaded,
    session: &Session,
    judged: &Judged,
    asked: bool,
) -> Result<Option<StabilityView>, Failure> {
    let small = loaded.reference.examples.len() <= UNASKED_MAX;
    if !judged.view.invalid.is_empty() || !(small || asked) {
        return Ok(None);
    }
    let threads = available_parallelism().map_or(1, usize::from);
    let found = with_outcomes(loaded, session, |outcomes| {
        stability::stability(
            &loaded.manifest,
            (&loaded.reference, &session.plan),
            outcomes,
            &judged.people,
            &judged.context,
            stability::Effort {
                resamples: stability::RESAMPLES,
                threads,
            },
        )
    })?;
    Ok(Some(report::stability(
        &found,
        &loaded.reference,
        &judged.view,
    )))
}
