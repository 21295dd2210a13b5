//! What judges and programs would be asked, before any of it is: counted from the answers there are and those that are planned.

use std::collections::BTreeMap;

use gatewright_core::grade::Graders;
use gatewright_core::judge::{JudgedUnit, Subject};
use gatewright_core::manifest::{Grader, Manifest};
use gatewright_core::plan::{AttemptSpec, Plan};
use gatewright_core::reference::Input;
use gatewright_core::response::{AttemptEnd, Response};

use super::units::{self, Work};
use super::{Answers, Judged};
use crate::error::Failure;
use crate::pipeline::evidence;
use crate::pipeline::load::Loaded;
use crate::pipeline::session::Session;

/// What one judge or program would be asked on one criterion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct Planned {
    /// The criterion's id.
    pub(in crate::pipeline) criterion: String,
    /// The judge's name; none for a program.
    pub(in crate::pipeline) judge: Option<String>,
    /// Answers, each as often as it is voted on.
    pub(in crate::pipeline) answers: u64,
    /// Pairs in one order each.
    pub(in crate::pipeline) pairs: u64,
    /// Canaries, at most: answers that are alike make fewer.
    pub(in crate::pipeline) canaries: u64,
    /// Answers that are judged a second time.
    pub(in crate::pipeline) again: u64,
    /// Characters that a judge would read, without answers that are still to be given.
    pub(in crate::pipeline) characters: u64,
    /// Answers that are still to be given.
    pub(in crate::pipeline) to_come: u64,
}

impl Planned {
    /// Calls, or lines to a program; without second askings where a verdict cannot be read.
    pub(in crate::pipeline) fn calls(&self) -> u64 {
        self.answers + self.pairs + self.canaries + self.again
    }

    fn count(&mut self, unit: &JudgedUnit) {
        match unit.subject {
            Subject::Answer { .. } => self.answers += 1,
            Subject::Pair { .. } => self.pairs += 1,
            Subject::Again { .. } => self.again += 1,
            Subject::Wrong { .. } | Subject::Injected { .. } | Subject::PairCanary { .. } => {
                self.canaries += 1;
            }
        }
    }
}

/// Counts what would be asked once the attempts `to_make` are made, in the order of the page. `session` is the run that would go on.
///
/// # Errors
/// When a log cannot be read, or an example is not what it was.
pub(in crate::pipeline) fn planned(
    loaded: &Loaded,
    plan: &Plan,
    session: Option<&Session>,
    to_make: &[AttemptSpec],
    errors: bool,
) -> Result<Vec<Planned>, Failure> {
    // A part is judged where all of them are put together.
    if !super::is_wanted(loaded) || plan.shard.is_some() {
        return Ok(Vec::new());
    }
    let mut judged = Judged::default();
    let mut answers = Answers::new();
    let graders = evidence::graders(loaded)?;
    if let Some(session) = session {
        judged = super::judged(loaded, session)?.unwrap_or_default();
        answers = super::answers(loaded, session, &graders)?;
    }
    let mut to_come = Vec::new();
    let recorded = recorded(loaded);
    for &attempt in to_make {
        match recorded.get(&attempt) {
            Some(&response) => {
                answers.insert(attempt, response.clone());
            }
            None if is_recorded(loaded, attempt) => {}
            None => {
                // An empty answer stands for it: what is asked beside it is known.
                answers.insert(attempt, Response::default());
                to_come.push(attempt);
            }
        }
    }
    let mut all = Vec::new();
    for index in 0..loaded.manifest.criteria.len() as u16 {
        let to_come = to_come.iter();
        let to_come = to_come.filter(|attempt| graders.wants(index, **attempt));
        let to_come = to_come.count() as u64;
        for work in units::of(loaded, plan, &graders, index, &answers)? {
            let mut one = of_work(loaded, plan, &work, &answers, &judged, errors)?;
            one.to_come = to_come;
            one.expect_canaries(&loaded.manifest, index, &answers);
            all.push(one);
        }
    }
    Ok(all)
}

fn of_work(
    loaded: &Loaded,
    plan: &Plan,
    work: &Work<'_>,
    answers: &Answers,
    judged: &Judged,
    errors: bool,
) -> Result<Planned, Failure> {
    let names = units::names(loaded);
    let mut one = Planned {
        criterion: work.criterion().to_owned(),
        judge: work.judge_name().map(str::to_owned),
        ..Planned::default()
    };
    for unit in &work.units {
        let Some(due) = judged.due(unit, work.reading(), errors) else {
            continue;
        };
        one.count(&due);
        let asks = work.asks(loaded, plan.seed, answers, judged, &due, &names)?;
        if let Some(Input::Messages(messages)) = asks.map(|asks| asks.example.input) {
            let read = messages.iter().map(|it| it.content.chars().count() as u64);
            one.characters += read.sum::<u64>();
        }
    }
    Ok(one)
}

impl Planned {
    /// Answers that are still to come make canaries too, as many as the page wants and examples allow.
    fn expect_canaries(&mut self, manifest: &Manifest, criterion: u16, answers: &Answers) {
        let Grader::Judge(grader) = &manifest.criteria[usize::from(criterion)].grader else {
            return;
        };
        if self.to_come == 0 {
            return;
        }
        let mut examples: Vec<u32> = answers.keys().map(|it| it.example).collect();
        examples.sort_unstable();
        examples.dedup();
        // Two kinds, or of pairs three, each in both orders.
        let each = if grader.pair { 6 } else { 2 };
        let most = each * u64::from(grader.canaries).min(examples.len() as u64);
        let more = most.saturating_sub(self.canaries);
        let calls = self.calls();
        if let Some(each) = self.characters.checked_div(calls) {
            self.characters += each * more;
        }
        self.canaries += more;
    }
}

/// Counts the verdicts that one answer asks for.
pub(in crate::pipeline) fn judgements(
    manifest: &Manifest,
    graders: &Graders<'_>,
    attempt: AttemptSpec,
) -> u64 {
    let of = |(index, grader): (u16, &Grader)| match grader {
        _ if !graders.wants(index, attempt) => 0,
        Grader::Judge(grader) => {
            let orders = if grader.pair { 2 } else { 1 };
            grader.by.len() as u64 * u64::from(grader.votes) * orders
        }
        _ => 1,
    };
    let graders = manifest.criteria.iter().map(|it| &it.grader);
    (0..).zip(graders).map(of).sum()
}

fn is_recorded(loaded: &Loaded, attempt: AttemptSpec) -> bool {
    let system = loaded.manifest.systems.get(&attempt.system);
    !system.is_some_and(|system| system.target.can_rerun())
}

/// What recorded systems answered, by attempt.
fn recorded(loaded: &Loaded) -> BTreeMap<AttemptSpec, &Response> {
    let all = loaded.recorded.values().flat_map(|it| &it.attempts);
    all.filter_map(|one| match &one.end {
        AttemptEnd::Answered { response } => Some((one.attempt, response)),
        _ => None,
    })
    .collect()
}
