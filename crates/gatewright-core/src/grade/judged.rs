//! Criteria that model judges or programs grade: their verdicts, taken from what they said in this run.

use std::fmt;
use std::sync::Arc;

use super::sheet::{Measures, Sheet};
use super::{Sink, behaviour, class_of, clip};
use crate::digest::Digest;
use crate::judge::{
    Judged, JudgedUnit, Meaning, NoVerdict, Rubric, Subject, Verdict, hash_of_judge,
    hash_of_program, hash_of_response,
};
use crate::manifest::{Criterion, JudgeGrader, Manifest, ProgramGrader};
use crate::outcome::{Bin, GraderKind, Missing};
use crate::plan::AttemptSpec;
use crate::response::{Behaviour, Response};

/// What these graders are good for.
pub(super) const SHEETS: [Sheet; 2] = [
    Sheet {
        kind: "judge",
        measures: Measures::Judgement,
        checks: "what the rubric says, as a model reads it; alone, or the candidate's answer beside production's in both orders",
        protects: &[],
        cost: "a call of each judge for each answer, and canaries",
        deterministic: false,
        blind_spot: "what reads well and is wrong; it gates only when it is calibrated on people's labels and its canaries hold",
    },
    Sheet {
        kind: "program",
        measures: Measures::Judgement,
        checks: "what a program of the team's own says, over JSON lines",
        protects: &[],
        cost: "a line to a program for each answer",
        deterministic: false,
        blind_spot: "whatever the program does not look at",
    },
];

/// A judged criterion with the hash of each of its judges.
#[derive(Debug)]
pub(super) struct ReadyJudge<'a> {
    criterion: &'a Criterion,
    rubric: &'a Rubric,
    votes: u32,
    pub(super) pair: bool,
    members: Vec<(&'a str, Digest)>,
}

/// A criterion that a program grades.
#[derive(Debug)]
pub(super) struct ReadyProgram<'a> {
    criterion: &'a Criterion,
    hash: Digest,
}

/// What one judge or a panel came to.
enum Came {
    Verdict(Verdict),
    Missing(Lack),
}

/// Why an answer has no verdict of a judge or program that counts. Texts are untrusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// It was not asked, or not to the end.
    NotJudged {
        /// Who.
        who: String,
    },
    /// It was asked, and nothing came back.
    Nothing {
        /// Who.
        who: String,
        /// What happened instead.
        why: String,
    },
    /// What it said is no verdict.
    Unreadable {
        /// Who.
        who: String,
        /// What is wrong with it.
        why: String,
    },
    /// No verdict has most of the votes.
    Split {
        /// Who.
        who: String,
        /// Votes for a pass.
        pass: usize,
        /// Votes for a fail.
        fail: usize,
        /// Votes for neither, those that are missing among them.
        neither: usize,
    },
    /// It fails, and the page names no class for it.
    NoClass {
        /// What the judge or program calls the failure.
        symptom: String,
    },
    /// It was judged not applicable, which only an example can be.
    NotApplicable {
        /// Why, in the judge's words.
        why: String,
    },
    /// Production gave no answer to compare it with.
    NotBeside,
}

impl Lack {
    /// Returns the bin's reason.
    pub fn missing(&self) -> Missing {
        match self {
            Lack::NotJudged { .. } | Lack::NotBeside => Missing::NotAttempted,
            _ => Missing::GraderError,
        }
    }

    fn bin(&self) -> Bin {
        Bin::Missing(self.missing())
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::NotJudged { who } => write!(f, "{who} has not judged it yet"),
            Lack::Nothing { who, why } | Lack::Unreadable { who, why } => {
                write!(f, "{who}: {why}")
            }
            Lack::Split {
                who,
                pass,
                fail,
                neither,
            } => write!(
                f,
                "{who} is split: {pass} pass, {fail} fail, {neither} neither"
            ),
            Lack::NoClass { symptom } => write!(f, "`fails_as` names no class for `{symptom}`"),
            Lack::NotApplicable { why } => write!(f, "judged not applicable: {why}"),
            Lack::NotBeside => f.write_str("production gave no answer to compare it with"),
        }
    }
}

impl<'a> ReadyJudge<'a> {
    /// Looks up the judges; `None` while the rubric's file was not read.
    pub(super) fn new(
        manifest: &'a Manifest,
        criterion: &'a Criterion,
        grader: &'a JudgeGrader,
    ) -> Option<Self> {
        let members = grader.by.iter().filter_map(|name| {
            let judge = manifest.judges.get(name)?;
            Some((name.as_str(), hash_of_judge(judge, grader)))
        });
        Some(Self {
            criterion,
            rubric: grader.rubric.as_ref()?,
            votes: grader.votes,
            pair: grader.pair,
            members: members.collect(),
        })
    }

    /// Grades one answer by what its judges said.
    pub(super) fn grade(
        &self,
        judged: &Judged,
        attempt: AttemptSpec,
        (response, expected): (&Response, Option<Behaviour>),
        sink: &mut Sink<'_>,
    ) {
        let came = self.came(judged, attempt, response);
        let observed = self.observed(&came, expected);
        push(GraderKind::Model, settled(self.criterion, came), sink);
        sink.observed(observed);
    }

    /// Says why an answer has no verdict, if it has none.
    pub(super) fn lack(
        &self,
        judged: &Judged,
        attempt: AttemptSpec,
        response: &Response,
    ) -> Option<Lack> {
        match self.pair {
            true => self.preferred(judged, attempt, response).err(),
            false => settled(self.criterion, self.came(judged, attempt, response)).err(),
        }
    }

    fn came(&self, judged: &Judged, attempt: AttemptSpec, response: &Response) -> Came {
        let said = hash_of_response(response);
        let of_members: Vec<Came> = self
            .members
            .iter()
            .map(|(name, hash)| {
                let votes = (0..self.votes).map(|vote| {
                    let unit = JudgedUnit {
                        criterion: self.criterion.id.clone(),
                        judge: (*name).to_owned(),
                        hash: *hash,
                        subject: Subject::Answer { attempt, said },
                        vote,
                        repair: false,
                    };
                    came(judged.verdict(&unit, self.rubric), name)
                });
                majority(votes.collect(), name)
            })
            .collect();
        let panel = if of_members.len() > 1 {
            "the panel"
        } else {
            "the judge"
        };
        majority(of_members, panel)
    }

    /// What the system did, where every failing level of the rubric names a behaviour (`answered-when-refuse`).
    fn observed(&self, came: &Came, expected: Option<Behaviour>) -> Option<Behaviour> {
        let mut failing = self.rubric.failing().peekable();
        failing.peek()?;
        if !failing.all(|level| behaviour::done_under(level).is_some()) {
            return None;
        }
        match came {
            Came::Verdict(verdict) if verdict.meaning == Meaning::Pass => expected,
            Came::Verdict(verdict) if verdict.meaning == Meaning::Fail => {
                behaviour::done_under(&verdict.symptom)
            }
            _ => None,
        }
    }

    /// Grades the candidate's answer beside production's: a judge's preference counts only when it is the same in both orders.
    pub(super) fn prefer(
        &self,
        judged: &Judged,
        attempt: AttemptSpec,
        response: &Response,
        sink: &mut Sink<'_>,
    ) {
        let (sum, turned) = match self.preferred(judged, attempt, response) {
            Ok(preferred) => preferred,
            Err(lack) => return push(GraderKind::Model, Err(lack), sink),
        };
        let bin = match sum.signum() {
            1 => Bin::Win,
            -1 => Bin::Loss,
            _ => Bin::Tie,
        };
        let why = (!turned.is_empty()).then(|| {
            let what = format!(
                "{} preferred another one when the order was turned",
                turned.join(", ")
            );
            Arc::from(clip(&what))
        });
        sink.push(GraderKind::Model, bin, None, why);
    }

    /// Adds up what the judges prefer, from the candidate's side, and names those whose preference turned with the order.
    fn preferred(
        &self,
        judged: &Judged,
        attempt: AttemptSpec,
        response: &Response,
    ) -> Result<(i32, Vec<&'a str>), Lack> {
        let Some(said) = judged.pair(attempt, hash_of_response(response)) else {
            return Err(Lack::NotBeside);
        };
        let mut sum = 0_i32;
        let mut turned = Vec::new();
        for (name, hash) in &self.members {
            let mut wins = 0_i32;
            for vote in 0..self.votes {
                let mut orders = [0_i32; 2];
                for (order, swapped) in orders.iter_mut().zip([false, true]) {
                    let unit = JudgedUnit {
                        criterion: self.criterion.id.clone(),
                        judge: (*name).to_owned(),
                        hash: *hash,
                        subject: Subject::Pair {
                            attempt,
                            said,
                            swapped,
                        },
                        vote,
                        repair: false,
                    };
                    let who = || (*name).to_owned();
                    let which = match judged.winner(&unit) {
                        None => return Err(Lack::NotJudged { who: who() }),
                        Some(Err(why)) => return Err(lack(why, who())),
                        Some(Ok((which, _))) => which,
                    };
                    // From the candidate's side.
                    *order = match (which, swapped) {
                        (0, _) => 0,
                        (1, false) | (2, true) => 1,
                        _ => -1,
                    };
                }
                if orders[0] == orders[1] {
                    wins += orders[0];
                } else {
                    turned.push(*name);
                }
            }
            sum += wins.signum();
        }
        Ok((sum, turned))
    }
}

impl<'a> ReadyProgram<'a> {
    pub(super) fn new(criterion: &'a Criterion, grader: &'a ProgramGrader) -> Self {
        Self {
            criterion,
            hash: hash_of_program(grader),
        }
    }

    /// Grades one answer by what the program said.
    pub(super) fn grade(
        &self,
        judged: &Judged,
        attempt: AttemptSpec,
        response: &Response,
        sink: &mut Sink<'_>,
    ) {
        push(
            GraderKind::Program,
            self.settled(judged, attempt, response),
            sink,
        );
    }

    /// Says why an answer has no verdict, if it has none.
    pub(super) fn lack(
        &self,
        judged: &Judged,
        attempt: AttemptSpec,
        response: &Response,
    ) -> Option<Lack> {
        self.settled(judged, attempt, response).err()
    }

    fn settled(
        &self,
        judged: &Judged,
        attempt: AttemptSpec,
        response: &Response,
    ) -> Result<Settled, Lack> {
        let unit = JudgedUnit {
            criterion: self.criterion.id.clone(),
            judge: "program".to_owned(),
            hash: self.hash,
            subject: Subject::Answer {
                attempt,
                said: hash_of_response(response),
            },
            vote: 0,
            repair: false,
        };
        let came = came(judged.program(&unit), "the program");
        settled(self.criterion, came)
    }
}

/// What counts of a verdict: the bin, a program's number, and why.
type Settled = (Bin, Option<f64>, Option<String>);

fn came(read: Option<Result<Verdict, NoVerdict>>, who: &str) -> Came {
    match read {
        Some(Ok(verdict)) => Came::Verdict(verdict),
        Some(Err(why)) => Came::Missing(lack(why, who.to_owned())),
        None => Came::Missing(Lack::NotJudged {
            who: who.to_owned(),
        }),
    }
}

fn lack(why: NoVerdict, who: String) -> Lack {
    match why {
        NoVerdict::Nothing(why) => Lack::Nothing { who, why },
        NoVerdict::Unreadable(why) => Lack::Unreadable { who, why },
    }
}

/// The verdict of most. What is missing among them is a vote for none; a split is missing.
fn majority(mut votes: Vec<Came>, who: &str) -> Came {
    if votes.len() == 1
        && let Some(one) = votes.pop()
    {
        return one;
    }
    let count = |wanted: Meaning| {
        votes
            .iter()
            .filter(|came| matches!(came, Came::Verdict(verdict) if verdict.meaning == wanted))
            .count()
    };
    let all = votes.len();
    for wanted in [Meaning::Fail, Meaning::Pass, Meaning::NotApplicable] {
        if 2 * count(wanted) > all {
            // The first of them speaks for all; a failure's symptom is the most frequent's.
            let mut of_it: Vec<Verdict> = votes
                .into_iter()
                .filter_map(|came| match came {
                    Came::Verdict(verdict) if verdict.meaning == wanted => Some(verdict),
                    _ => None,
                })
                .collect();
            let often = |verdict: &Verdict| {
                of_it
                    .iter()
                    .filter(|it| it.symptom == verdict.symptom)
                    .count()
            };
            let most = (0..of_it.len()).max_by_key(|&at| (often(&of_it[at]), usize::MAX - at));
            return Came::Verdict(of_it.swap_remove(most.unwrap_or(0)));
        }
    }
    let outstanding = votes
        .iter()
        .any(|came| matches!(came, Came::Missing(Lack::NotJudged { .. })));
    let who = who.to_owned();
    if outstanding {
        return Came::Missing(Lack::NotJudged { who });
    }
    let (pass, fail) = (count(Meaning::Pass), count(Meaning::Fail));
    Came::Missing(Lack::Split {
        who,
        pass,
        fail,
        neither: all - pass - fail,
    })
}

fn settled(criterion: &Criterion, came: Came) -> Result<Settled, Lack> {
    let verdict = match came {
        Came::Missing(lack) => return Err(lack),
        Came::Verdict(verdict) => verdict,
    };
    match verdict.meaning {
        Meaning::Pass => Ok((Bin::Pass, verdict.score, None)),
        // What a judge says of an answer cannot take the example out: whether a criterion applies is a property of the example alone.
        Meaning::NotApplicable => Err(Lack::NotApplicable { why: verdict.why }),
        Meaning::Fail => match class_of(&criterion.fails_as, &verdict.symptom) {
            Some(class) => {
                let why = format!("{}: {}", verdict.symptom, verdict.why);
                Ok((Bin::Fail(class), verdict.score, Some(why)))
            }
            None => Err(Lack::NoClass {
                symptom: verdict.symptom,
            }),
        },
    }
}

fn push(by: GraderKind, came: Result<Settled, Lack>, sink: &mut Sink<'_>) {
    let (bin, score, why) = match came {
        Ok(settled) => settled,
        Err(lack) => (lack.bin(), None, Some(lack.to_string())),
    };
    sink.push(by, bin, score, why.map(|why| clip(&why).into()));
}
