//! What judges and grader programs would be asked, apart from what systems are.

use gatewright_core::manifest::Target;
use gatewright_core::plan::{AttemptSpec, Confirmation, Plan};
use gatewright_core::report::untrusted;
use serde::Serialize;

use super::{CHARACTERS_OF_A_TOKEN, DryLive, Sum, estimate, kind};
use crate::args::Budget;
use crate::error::Failure;
use crate::pipeline::caller::Caller;
use crate::pipeline::display::number;
use crate::pipeline::evidence;
use crate::pipeline::hosts::Allowed;
use crate::pipeline::judging::{Planned, judgements, planned};
use crate::pipeline::load::Loaded;
use crate::pipeline::session::Session;

/// What would be asked of one judge or program on one criterion.
#[derive(Debug, Serialize)]
pub(super) struct DryJudge {
    criterion: String,
    /// The judge's name; none for a program.
    judge: Option<String>,
    kind: &'static str,
    answers: u64,
    pairs: u64,
    canaries: u64,
    again: u64,
    /// Calls, or lines to a program; one more comes for each verdict that cannot be read.
    calls: u64,
    /// Of the answers, those that are still to be given: their tokens are not counted.
    to_come: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<DryLive>,
}

/// Counts what would be asked.
///
/// # Errors
/// When a log cannot be read, or an example is not what it was.
pub(super) fn dry(
    loaded: &Loaded,
    plan: &Plan,
    session: Option<&Session>,
    (to_make, errors): (&[AttemptSpec], bool),
    allowed: &Allowed,
    budget: &Budget,
) -> Result<Vec<DryJudge>, Failure> {
    let all = planned(loaded, plan, session, to_make, errors)?;
    let shown = all.into_iter().map(|one| {
        let calls = one.calls();
        let target = one.judge.as_ref().and_then(|name| {
            let judge = loaded.manifest.judges.get(name)?;
            Some((Caller::Judge(name.clone()), &judge.target))
        });
        let live = match &target {
            Some((caller, Target::Live(live))) => {
                let sum = Sum {
                    calls,
                    tokens_read: (one.characters as f64 / CHARACTERS_OF_A_TOKEN).ceil() as u64,
                    ..Sum::default()
                };
                Some(estimate(loaded, caller, live, sum, allowed, budget))
            }
            _ => None,
        };
        let Planned {
            criterion,
            judge,
            answers,
            pairs,
            canaries,
            again,
            to_come,
            ..
        } = one;
        DryJudge {
            criterion,
            judge,
            kind: target.map_or("program", |(_, target)| kind(target)),
            answers,
            pairs,
            canaries,
            again,
            calls,
            to_come,
            live,
        }
    });
    Ok(shown.collect())
}

/// Counts the verdicts that the fresh answers of a confirmation ask for; nothing where graders cannot be prepared.
pub(super) fn on_fresh(loaded: &Loaded, round: &Confirmation) -> Option<u64> {
    let graders = evidence::graders(loaded).ok()?;
    let of = |attempt| judgements(&loaded.manifest, &graders, attempt);
    Some(round.attempts().map(of).sum())
}

impl DryJudge {
    pub(super) fn lines(&self) -> Vec<String> {
        let criterion = untrusted::line(&self.criterion, 60);
        let who = match &self.judge {
            Some(name) => format!(
                "judge {} on {criterion} ({})",
                untrusted::line(name, 60),
                self.kind
            ),
            None => format!("program on {criterion}"),
        };
        let mut parts = Vec::new();
        for (count, one, several) in [
            (self.answers, "answer", "answers"),
            (self.pairs, "ordered pair", "ordered pairs"),
            (self.canaries, "canary", "canaries"),
            (self.again, "answer a second time", "answers a second time"),
        ] {
            match count {
                0 => {}
                1 => parts.push(format!("1 {one}")),
                _ => parts.push(format!("{} {several}", number(count))),
            }
        }
        let calls = match (self.calls, self.canaries) {
            (1, 0) => "1 call".to_owned(),
            (calls, 0) => format!("{} calls", number(calls)),
            (calls, _) => format!("at most {} calls", number(calls)),
        };
        let what = match parts.is_empty() {
            true => "nothing is outstanding".to_owned(),
            false => format!("{}: {calls}", parts.join(", ")),
        };
        let mut lines = vec![format!("{who}: {what}")];
        if let Some(live) = self.live.as_ref().filter(|_| self.calls > 0) {
            lines.extend(live.lines());
            if self.to_come > 0 {
                lines.push(
                    "  besides: answers that are still to come, and one more call for each verdict that cannot be read"
                        .to_owned(),
                );
            }
        }
        lines
    }
}
