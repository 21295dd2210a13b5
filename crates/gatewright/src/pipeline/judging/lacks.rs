//! Why answers have no verdict of a judge or a program: how many, in plain words, one of them, and what to type next.

use std::collections::BTreeMap;

use gatewright_core::grade::{Graders, Lack};
use gatewright_core::manifest::{Grader, Role};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::report::untrusted::line;
use gatewright_core::response::AttemptEnd;
use serde::Serialize;

use crate::error::Failure;
use crate::pipeline::evidence;
use crate::pipeline::load::Loaded;
use crate::pipeline::session::Session;

/// Characters of what a judge, a program or a provider said.
const SAID_CHARS_MAX: usize = 300;

/// Answers to one criterion without a verdict, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Without {
    /// The criterion's id.
    pub(crate) criterion: String,
    /// Units without a verdict.
    pub(crate) count: u64,
    /// Why, on one line.
    pub(crate) reason: String,
    /// The id of one example.
    pub(crate) example: String,
    /// What to type or write next.
    pub(crate) next: String,
}

/// A reason in words, and what to do about it.
type Reason = (String, String);

/// Lists what has no verdict on criteria that judges and programs grade: by criterion, the most frequent reason first. Answers that timed out
/// fail by their time and need none.
///
/// # Errors
/// When a log cannot be read.
pub(crate) fn without_verdict(loaded: &Loaded, session: &Session) -> Result<Vec<Without>, Failure> {
    let Some(judged) = super::judged(loaded, session)?.filter(|_| session.same_plan) else {
        return Ok(Vec::new());
    };
    let graders = evidence::graders(loaded)?.with_judged(&judged);
    let mut counted = Counted {
        loaded,
        session,
        found: BTreeMap::new(),
    };
    for one in evidence::ends(session)? {
        let one = one?;
        for criterion in wanting(loaded, &graders, one.attempt) {
            let reason = match &one.end {
                AttemptEnd::Answered { response } => graders
                    .lack(criterion, one.attempt, response)
                    .map(|lack| counted.lack(criterion, &lack)),
                AttemptEnd::TimedOut { .. } => None,
                AttemptEnd::ProviderError { .. } => {
                    Some(counted.unanswered(one.attempt, "provider error"))
                }
                AttemptEnd::HarnessError { .. } => {
                    Some(counted.unanswered(one.attempt, "harness error"))
                }
            };
            counted.add(criterion, one.attempt, reason);
        }
    }
    let progress = session.log.progress()?;
    let never = session.plan.attempts();
    for attempt in never.filter(|attempt| !progress.ended.contains(attempt)) {
        for criterion in wanting(loaded, &graders, attempt) {
            let reason = counted.unanswered(attempt, "not attempted");
            counted.add(criterion, attempt, Some(reason));
        }
    }
    Ok(counted.list())
}

fn wanting(loaded: &Loaded, graders: &Graders<'_>, attempt: AttemptSpec) -> Vec<u16> {
    (0..loaded.manifest.criteria.len() as u16)
        .filter(|&criterion| graders.wants(criterion, attempt))
        .collect()
}

struct Counted<'a> {
    loaded: &'a Loaded,
    session: &'a Session,
    /// How many, and the first example by index.
    found: BTreeMap<(u16, Reason), (u64, u32)>,
}

impl Counted<'_> {
    fn add(&mut self, criterion: u16, attempt: AttemptSpec, reason: Option<Reason>) {
        let Some(reason) = reason else {
            return;
        };
        let one = self.found.entry((criterion, reason));
        let (count, example) = one.or_insert((0, attempt.example));
        *count += 1;
        *example = attempt.example.min(*example);
    }

    /// A system gave no answer that could be judged.
    fn unanswered(&self, attempt: AttemptSpec, what: &str) -> Reason {
        let role = attempt.system.word();
        let reason = format!("the {role} gave no answer ({what})");
        let next = self.again(attempt.system, what == "not attempted");
        (reason, next)
    }

    fn again(&self, role: Role, never: bool) -> String {
        let system = self.loaded.manifest.systems.get(&role);
        let callable = system.is_some_and(|system| system.target.can_rerun());
        match (callable, self.session.decided.is_some(), never) {
            (false, ..) => format!("add it to the recorded outputs of the {}", role.word()),
            (true, true, _) => "gatewright gate --fresh --reuse   (this run is decided)".to_owned(),
            (true, false, true) => "gatewright run".to_owned(),
            (true, false, false) => "gatewright run --retry-errors".to_owned(),
        }
    }

    fn lack(&self, criterion: u16, lack: &Lack) -> Reason {
        let criterion = &self.loaded.manifest.criteria[usize::from(criterion)];
        let program = matches!(criterion.grader, Grader::Program(_));
        let at = |key: &str| {
            let path = format!("criteria.{}.{key}", criterion.id);
            self.loaded.manifest.at(&path)
        };
        let anew = || "gatewright grade --ask --retry-errors".to_owned();
        match lack {
            Lack::NotJudged { who } => {
                let reason = format!("{who} was not asked yet, or not to the end");
                (reason, "gatewright grade --ask".to_owned())
            }
            Lack::Nothing { who, why } => (
                format!("{who} gave no verdict: {}", line(why, SAID_CHARS_MAX)),
                anew(),
            ),
            Lack::Unreadable { who, why } if program => (
                format!(
                    "what {who} wrote is no verdict: {}",
                    line(why, SAID_CHARS_MAX)
                ),
                anew(),
            ),
            Lack::Unreadable { who, why } => {
                (format!("{who}: {}", line(why, SAID_CHARS_MAX)), anew())
            }
            Lack::Split {
                who, neither: 1.., ..
            } => (format!("{who} has no majority: votes are missing"), anew()),
            Lack::Split {
                who, pass, fail, ..
            } => (
                format!("{who} is split, {pass} to {fail}"),
                format!(
                    "an odd number of judges (`by`) or `votes` at {}",
                    at("grader")
                ),
            ),
            Lack::NoClass { symptom } => {
                let symptom = line(symptom, SAID_CHARS_MAX);
                (
                    format!("it fails as `{symptom}`, which `fails_as` gives no class"),
                    format!(
                        "a class for `{symptom}`, or `otherwise`, at {}",
                        at("fails_as")
                    ),
                )
            }
            Lack::NotApplicable { .. } => (
                "judged not applicable, which is a property of the example alone".to_owned(),
                format!(
                    "`applies_to` for the examples that it is about, at {}",
                    at("grader")
                ),
            ),
            Lack::NotBeside => (lack.to_string(), self.again(Role::Production, false)),
        }
    }

    fn list(self) -> Vec<Without> {
        let mut found: Vec<_> = self.found.into_iter().collect();
        found.sort_by(|((a, why), (n, _)), ((b, other), (m, _))| (a, m, why).cmp(&(b, n, other)));
        let (manifest, reference) = (&self.loaded.manifest, &self.loaded.reference);
        found
            .into_iter()
            .map(|((criterion, (reason, next)), (count, example))| Without {
                criterion: manifest.criteria[usize::from(criterion)].id.to_string(),
                count,
                reason,
                example: reference.examples[example as usize].id.to_string(),
                next,
            })
            .collect()
    }
}
