//! What judges and programs said in a run, and how far each judge may be trusted: read from the log once.

use gatewright_core::digest::Digest;
use gatewright_core::event::RunEvent;
use gatewright_core::grade::Graders;
use gatewright_core::judge::{Judged, MemberReport, hash_of_judge};
use gatewright_core::manifest::{Grader, JudgeGrader, MixedModels};
use gatewright_core::mixed::Answerers;
use gatewright_core::report::untrusted::line;
use gatewright_core::response::AttemptEnd;

use super::{Answers, has_pairs, nothing_yet, units};
use crate::error::Failure;
use crate::pipeline::evidence;
use crate::pipeline::load::Loaded;
use crate::pipeline::session::Session;

/// Characters of the names that a provider gave.
const NAMES_CHARS_MAX: usize = 300;

/// What judges and programs said, and how far each judge may be trusted.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Every verdict.
    pub(crate) judged: Judged,
    /// How each judge of a criterion stands, by what it said of canaries.
    pub(crate) reports: Vec<(u16, Vec<MemberReport>)>,
    /// Which judges were not one model all along, where the page allows it.
    pub(crate) notes: Vec<String>,
}

impl Heard {
    /// Reads the log.
    ///
    /// # Errors
    /// When it cannot be read, or an example is not what it was.
    pub(crate) fn of(
        loaded: &Loaded,
        session: &Session,
        graders: &Graders<'_>,
    ) -> Result<Self, Failure> {
        let Some(judged) = nothing_yet(loaded) else {
            return Ok(Self::default());
        };
        let log = Log::read(loaded, session, graders, judged)?;
        let mut reports = Vec::new();
        let mut notes = Vec::new();
        for (index, grader) in judge_graders(loaded) {
            let id = loaded.manifest.criteria[usize::from(index)].id.as_str();
            let mixed = |name: &str| log.mixed(loaded, name);
            let allowed = loaded.manifest.decision.mixed_models == MixedModels::Allow;
            let Some(rubric) = &grader.rubric else {
                continue;
            };
            let planned = (index, grader, rubric);
            let planned = units::tests(loaded, &session.plan, graders, planned, &log.answers)?;
            let mut members = Vec::new();
            for name in &grader.by {
                let Some(judge) = loaded.manifest.judges.get(name) else {
                    continue;
                };
                let hash = hash_of_judge(judge, grader);
                let mut report = match grader.pair {
                    true => log.judged.report_pairs(id, name, &hash, &planned),
                    false => log.judged.report(id, name, &hash, rubric, &planned),
                };
                match allowed {
                    true => notes.extend(note(id, name, mixed)),
                    false => report.mixed = mixed(name),
                }
                members.push(report);
            }
            reports.push((index, members));
        }
        Ok(Self {
            judged: log.judged,
            reports,
            notes,
        })
    }
}

/// What one reading of the log brings.
struct Log {
    judged: Judged,
    /// What systems answered where a criterion with canaries applies: canaries are made of it, so what was planned is known without anybody
    /// having asked for it.
    answers: Answers,
    answerers: Answerers,
}

impl Log {
    fn read(
        loaded: &Loaded,
        session: &Session,
        graders: &Graders<'_>,
        mut judged: Judged,
    ) -> Result<Self, Failure> {
        let pairs = has_pairs(loaded);
        // Answers to another plan are about other examples.
        let with_canaries =
            judge_graders(loaded).filter(|(_, grader)| session.same_plan && grader.canaries > 0);
        let with_canaries: Vec<u16> = with_canaries.map(|(index, _)| index).collect();
        let superseded = session.log.superseded()?;
        let mut answers = Answers::new();
        let mut answerers = Answerers::default();
        for event in session.log.events() {
            let event = event?;
            if matches!(event.body, RunEvent::Judged { .. }) {
                answerers.observe(&event.body);
                judged.take(event.body);
                continue;
            }
            if pairs {
                judged.take(event.body.clone());
            }
            if let Some(one) = evidence::ended(event, &superseded)
                && let AttemptEnd::Answered { response } = one.end
                && let example = one.attempt.example
                && with_canaries
                    .iter()
                    .any(|&index| graders.applies(index, example))
            {
                answers.insert(one.attempt, response);
            }
        }
        Ok(Self {
            judged,
            answers,
            answerers,
        })
    }

    /// Says by which models a judge was answered, where it was not one all along: on one line, for the names are a provider's.
    fn mixed(&self, loaded: &Loaded, judge: &str) -> Option<String> {
        let models = self.answerers.mixed_judge(judge, &hashes(loaded, judge))?;
        Some(line(&models, NAMES_CHARS_MAX))
    }
}

fn note(criterion: &str, judge: &str, mixed: impl Fn(&str) -> Option<String>) -> Option<String> {
    mixed(judge).map(|models| format!("{criterion}: judge {judge} {models}"))
}

/// Lists the criteria that judges grade.
fn judge_graders(loaded: &Loaded) -> impl Iterator<Item = (u16, &JudgeGrader)> {
    let criteria = (0..).zip(&loaded.manifest.criteria);
    criteria.filter_map(|(index, criterion)| match &criterion.grader {
        Grader::Judge(grader) => Some((index, &**grader)),
        _ => None,
    })
}

/// Every hash that a judge of the page has: one for each criterion that it grades.
fn hashes(loaded: &Loaded, judge: &str) -> Vec<Digest> {
    let Some(one) = loaded.manifest.judges.get(judge) else {
        return Vec::new();
    };
    let own = judge_graders(loaded).filter(|(_, it)| it.by.iter().any(|name| name == judge));
    own.map(|(_, grader)| hash_of_judge(one, grader)).collect()
}
