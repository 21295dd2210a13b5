//! What is judged: every answer, pairs in both orders, canaries, and some answers a second time.

use std::collections::BTreeMap;

use gatewright_core::digest::Digest;
use gatewright_core::grade::Graders;
use gatewright_core::id::CriterionId;
use gatewright_core::judge::ask::{Ask, Names, messages, schema};
use gatewright_core::judge::{
    Canary, Judged, JudgedUnit, Reading, Rubric, Said, Subject, canaries, hash_of_judge,
    hash_of_program, hash_of_response, in_order, pair_canaries,
};
use gatewright_core::manifest::{Grader, JudgeGrader, ProgramGrader, Protocol, Role};
use gatewright_core::plan::{AttemptSpec, Plan};
use gatewright_core::reference::{Changed, Example, Input};
use gatewright_core::response::Response;
use gatewright_engine::Target;
use serde_json::{Value, json};

use super::ask::Asks;
use super::{Answers, attempt_of, program};
use crate::error::Failure;
use crate::pipeline::drive::Drive;
use crate::pipeline::load::Loaded;
use crate::pipeline::programs::Whose;

/// The units of one criterion and one judge, or of a program.
pub(super) struct Work<'a> {
    /// The judge's name, as units carry it.
    pub(super) judge: String,
    pub(super) units: Vec<JudgedUnit>,
    criterion: &'a CriterionId,
    canaries: Vec<Canary>,
    by: By<'a>,
}

/// Who judges.
enum By<'a> {
    Judge(&'a JudgeGrader, &'a Rubric),
    Program(&'a ProgramGrader),
}

/// Lists the work of one criterion: one entry for each judge.
pub(super) fn of<'a>(
    loaded: &'a Loaded,
    plan: &Plan,
    graders: &Graders<'_>,
    index: u16,
    answers: &Answers,
) -> Result<Vec<Work<'a>>, Failure> {
    let criterion = &loaded.manifest.criteria[usize::from(index)];
    let of_it = of_criterion(graders, index, answers);
    let unit = |judge: &str, hash: Digest, subject: Subject, vote: u32| JudgedUnit {
        criterion: criterion.id.clone(),
        judge: judge.to_owned(),
        hash,
        subject,
        vote,
        repair: false,
    };
    match &criterion.grader {
        Grader::Program(grader) => {
            let hash = hash_of_program(grader);
            let units = of_it.iter().map(|(attempt, response)| {
                let said = hash_of_response(response);
                let subject = Subject::Answer {
                    attempt: *attempt,
                    said,
                };
                unit("program", hash, subject, 0)
            });
            Ok(vec![Work {
                judge: "program".to_owned(),
                units: units.collect(),
                criterion: &criterion.id,
                canaries: Vec::new(),
                by: By::Program(grader),
            }])
        }
        Grader::Judge(grader) => {
            let Some(rubric) = &grader.rubric else {
                return Ok(Vec::new());
            };
            let subjects = subjects(grader, &of_it, answers);
            let seed = plan.seed;
            let made = canaries_of(loaded, grader, rubric, &of_it, seed)?;
            let again = again(grader, &of_it, plan);
            let work = grader.by.iter().filter_map(|name| {
                let judge = loaded.manifest.judges.get(name)?;
                let hash = hash_of_judge(judge, grader);
                let mut units = Vec::new();
                for subject in &subjects {
                    units.extend((0..grader.votes).map(|vote| unit(name, hash, *subject, vote)));
                }
                let canaries = made.iter().map(|canary| canary.subject);
                let tests = canaries.chain(again.iter().copied());
                units.extend(tests.map(|subject| unit(name, hash, subject, 0)));
                Some(Work {
                    judge: name.clone(),
                    units: in_order(units, seed),
                    criterion: &criterion.id,
                    canaries: made.clone(),
                    by: By::Judge(grader, rubric),
                })
            });
            Ok(work.collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// What systems said, as it is judged: each answer, or the candidate's beside production's in both orders.
fn subjects(
    grader: &JudgeGrader,
    of_it: &[(AttemptSpec, &Response)],
    answers: &Answers,
) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (attempt, response) in of_it {
        let attempt = *attempt;
        let said = hash_of_response(response);
        if !grader.pair {
            subjects.push(Subject::Answer { attempt, said });
            continue;
        }
        let beside = AttemptSpec {
            system: Role::Production,
            ..attempt
        };
        if attempt.system == Role::Candidate
            && let Some(other) = answers.get(&beside)
        {
            let said = Digest::of_json(&(said, hash_of_response(other)));
            for swapped in [false, true] {
                subjects.push(Subject::Pair {
                    attempt,
                    said,
                    swapped,
                });
            }
        }
    }
    subjects
}

/// The answers that a criterion applies to.
fn of_criterion<'a>(
    graders: &Graders<'_>,
    index: u16,
    answers: &'a Answers,
) -> Vec<(AttemptSpec, &'a Response)> {
    let all = answers.iter();
    all.filter(|(attempt, _)| graders.applies(index, attempt.example))
        .map(|(attempt, response)| (*attempt, response))
        .collect()
}

/// Lists what each judge of a criterion is tested with: canaries, and answers that it judges a second time.
///
/// # Errors
/// When an example is not what it was.
pub(super) fn tests(
    loaded: &Loaded,
    plan: &Plan,
    graders: &Graders<'_>,
    (index, grader, rubric): (u16, &JudgeGrader, &Rubric),
    answers: &Answers,
) -> Result<Vec<Subject>, Changed> {
    let of_it = of_criterion(graders, index, answers);
    let made = canaries_of(loaded, grader, rubric, &of_it, plan.seed)?;
    let mut subjects: Vec<Subject> = made.into_iter().map(|canary| canary.subject).collect();
    subjects.extend(again(grader, &of_it, plan));
    Ok(subjects)
}

/// Draws answers of the first look that are judged a second time; none of pairs.
fn again(grader: &JudgeGrader, of_it: &[(AttemptSpec, &Response)], plan: &Plan) -> Vec<Subject> {
    if grader.pair {
        return Vec::new();
    }
    let seed = plan.seed;
    let first_look =
        |(attempt, _): &&(AttemptSpec, &Response)| attempt.trial < plan.trials(attempt.system);
    let mut drawn: Vec<&(AttemptSpec, &Response)> = of_it.iter().filter(first_look).collect();
    drawn.sort_by_cached_key(|(attempt, _)| {
        *Digest::of_json(&("gatewright-again", seed, attempt)).bytes()
    });
    let again = drawn.into_iter().take(grader.canaries as usize);
    again
        .map(|(attempt, response)| Subject::Again {
            attempt: *attempt,
            said: hash_of_response(response),
        })
        .collect()
}

fn canaries_of(
    loaded: &Loaded,
    grader: &JudgeGrader,
    rubric: &Rubric,
    of_it: &[(AttemptSpec, &Response)],
    seed: u64,
) -> Result<Vec<Canary>, Changed> {
    if grader.canaries == 0 {
        return Ok(Vec::new());
    }
    let one_each = one_each(of_it);
    let mut examples = Vec::with_capacity(one_each.len());
    for &index in one_each.keys() {
        examples.push(loaded.reference.example(index)?);
    }
    let with_examples = one_each
        .into_iter()
        .zip(&examples)
        .map(|((index, response), example)| (index, (&**example, response)))
        .collect();
    let each = grader.canaries as usize;
    Ok(match grader.pair {
        true => pair_canaries(&with_examples, each, seed),
        false => canaries(&with_examples, rubric, each, seed),
    })
}

/// The answers that canaries are made of: one for each example, production's first where there is one.
fn one_each<'a>(of_it: &[(AttemptSpec, &'a Response)]) -> BTreeMap<u32, &'a Response> {
    let mut one: BTreeMap<u32, &Response> = BTreeMap::new();
    for role in [Role::Production, Role::Candidate] {
        for (attempt, response) in of_it.iter().filter(|(it, _)| it.system == role) {
            one.entry(attempt.example).or_insert(response);
        }
    }
    one
}

impl Work<'_> {
    /// Names who judges what.
    pub(super) fn who(&self) -> String {
        match self.by {
            By::Judge(..) => format!("{}: judge {}", self.criterion, self.judge),
            By::Program(_) => format!("{}: the program", self.criterion),
        }
    }

    /// Returns the criterion's id.
    pub(super) fn criterion(&self) -> &str {
        self.criterion.as_str()
    }

    /// Returns the judge's name; nothing for a program.
    pub(super) fn judge_name(&self) -> Option<&str> {
        match self.by {
            By::Judge(..) => Some(&self.judge),
            By::Program(_) => None,
        }
    }

    /// Says whose program is asked, where it is one.
    pub(super) fn whose(&self) -> Whose {
        match self.by {
            By::Judge(..) => Whose::Judge(self.judge.clone()),
            By::Program(_) => Whose::Grader(self.criterion.to_string()),
        }
    }

    /// Says in words what is asked now.
    pub(super) fn counts(&self, units: &[JudgedUnit]) -> String {
        let again = units.iter().filter(|unit| unit.repair).count();
        if again > 0 {
            return match again {
                1 => "1 answer again: its verdict could not be read".to_owned(),
                count => format!("{count} answers again: their verdicts could not be read"),
            };
        }
        let count = |wanted: fn(&Subject) -> bool| {
            units.iter().filter(|unit| wanted(&unit.subject)).count()
        };
        let answers = count(|it| matches!(it, Subject::Answer { .. }));
        let pairs = count(|it| matches!(it, Subject::Pair { .. }));
        let canaries = count(is_canary);
        let twice = count(|it| matches!(it, Subject::Again { .. }));
        let mut parts = Vec::new();
        for (count, one, several) in [
            (answers, "answer", "answers"),
            (pairs, "ordered pair", "ordered pairs"),
            (canaries, "canary", "canaries"),
            (twice, "answer a second time", "answers a second time"),
        ] {
            match count {
                0 => {}
                1 => parts.push(format!("1 {one}")),
                _ => parts.push(format!("{count} {several}")),
            }
        }
        parts.join(", ")
    }

    /// Says what a text must be to count as a verdict.
    pub(super) fn reading(&self) -> Reading<'_> {
        match self.by {
            By::Judge(grader, _) if grader.pair => Reading::Better,
            By::Judge(_, rubric) => Reading::Level(rubric),
            By::Program(_) => Reading::Program,
        }
    }

    /// Returns how the judge or program is reached.
    pub(super) fn target(&self, loaded: &Loaded, drive: &Drive) -> Option<Target> {
        match &self.by {
            By::Program(grader) => Some(program(loaded, grader)),
            By::Judge(grader, rubric) => {
                let mut target = drive.judges.get(&self.judge)?.clone();
                if let Target::Live(live) = &mut target
                    && grader.structured
                    && live.live.protocol == Protocol::OpenAiChat
                {
                    let format = json!({"type": "json_schema", "json_schema": {
                        "name": "verdict", "strict": true, "schema": schema(rubric, grader.pair),
                    }});
                    live.live
                        .parameters
                        .insert("response_format".to_owned(), format);
                }
                Some(target)
            }
        }
    }

    /// Writes what a unit asks.
    ///
    /// # Errors
    /// When the example is not what it was.
    pub(super) fn asks(
        &self,
        loaded: &Loaded,
        seed: u64,
        answers: &Answers,
        judged: &Judged,
        unit: &JudgedUnit,
        names: &Names,
    ) -> Result<Option<Asks>, Changed> {
        let Some((index, shown)) = self.shown(answers, &unit.subject) else {
            return Ok(None);
        };
        let example = loaded.reference.example(index)?;
        let id = unit.key().hex();
        Ok(match self.by {
            By::Program(_) => {
                let line = line(&example, shown[0]);
                Some(Asks {
                    example: Example::asking(example.id.as_str(), Input::Withheld),
                    line: Some(line),
                })
            }
            By::Judge(grader, rubric) => {
                let first = JudgedUnit {
                    repair: false,
                    ..unit.clone()
                };
                let unreadable = match judged.of(&first) {
                    Some(Said::Answer(response)) if unit.repair => Some(response.output.as_str()),
                    _ => None,
                };
                let ask = Ask {
                    rubric,
                    example: &example,
                    answers: &shown,
                    sees: grader.sees,
                    names,
                    unreadable,
                };
                let messages = messages(&ask, &first, seed);
                Some(Asks {
                    example: Example::asking(&id, Input::Messages(messages)),
                    line: None,
                })
            }
        })
    }

    /// Finds what a unit is about: the example's index, and the answers in the order they are shown in.
    fn shown<'s>(
        &'s self,
        answers: &'s Answers,
        subject: &Subject,
    ) -> Option<(u32, Vec<&'s Response>)> {
        if let Subject::Wrong { example, .. }
        | Subject::Injected { example, .. }
        | Subject::PairCanary { example, .. } = subject
        {
            let mut made = self.canaries.iter();
            let canary = made.find(|canary| canary.subject == *subject)?;
            return Some((*example, canary.answers.iter().collect()));
        }
        let attempt = attempt_of(subject)?;
        let own = answers.get(&attempt)?;
        let Subject::Pair { swapped, .. } = subject else {
            return Some((attempt.example, vec![own]));
        };
        let beside = AttemptSpec {
            system: Role::Production,
            ..attempt
        };
        let other = answers.get(&beside)?;
        let shown = match *swapped {
            true => vec![other, own],
            false => vec![own, other],
        };
        Some((attempt.example, shown))
    }
}

/// Names that would tell a judge who answered.
pub(super) fn names(loaded: &Loaded) -> Names {
    let systems = loaded.manifest.systems.values();
    Names::new(systems.flat_map(|system| {
        let model = system.live().map(|live| live.model.clone());
        std::iter::once(system.name.clone()).chain(model)
    }))
}

fn is_canary(subject: &Subject) -> bool {
    matches!(
        subject,
        Subject::Wrong { .. } | Subject::Injected { .. } | Subject::PairCanary { .. }
    )
}

/// What a grader program is given of one answer.
fn line(example: &Example, response: &Response) -> Value {
    let expect = &example.expect;
    json!({
        "input": example.input.text(),
        "context": example.context,
        "output": response.output,
        "behaviour": response.behaviour,
        "citations": response.citations,
        "tool_calls": response.tool_calls,
        "turns": response.turns,
        "fields": response.fields,
        "sources": example.sources,
        "expect": {
            "behaviour": expect.behaviour,
            "answer": expect.answer,
            "must_cite": expect.must_cite,
            "must_call": expect.must_call,
            "must_not_call": expect.must_not_call,
            "contains": expect.contains,
            "not_contains": expect.not_contains,
        },
        "example_fields": example.fields,
    })
}
