//! Asks judges and grader programs what is outstanding: each judged unit is an attempt of the engine, and what it commits stands in the run's own log.

mod ask;
mod heard;
mod lacks;
mod planned;
mod units;

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::analyse;
use gatewright_core::grade::Graders;
use gatewright_core::judge::{Judged, JudgedUnit, MemberReport, Subject};
use gatewright_core::manifest::Grader;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::report::untrusted::line;
use gatewright_core::response::{AttemptEnd, Response};

use self::ask::{Asked, Session as Asking};
pub(crate) use self::heard::Heard;
pub(crate) use self::lacks::{Without, without_verdict};
pub(super) use self::planned::{Planned, judgements, planned};
use self::units::Work;
use crate::console::Console;
use crate::error::Failure;
use crate::exit;
use crate::now::Now;
use crate::pipeline::drive::{self, Drive};
use crate::pipeline::evidence;
use crate::pipeline::load::Loaded;
use crate::pipeline::programs::{self, Whose};
use crate::pipeline::session::Session;

/// Oddities of one round that are told, of those that differ.
const ODD_SHOWN: usize = 3;

/// What systems answered, of every attempt that a judged criterion applies to.
pub(super) type Answers = BTreeMap<AttemptSpec, Response>;

/// What is left to judge after the judges were asked.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Judges and programs that could not be asked to the end: of which criterion, and why.
    of: Vec<(u16, String)>,
}

impl Left {
    /// Says whether everything was asked.
    pub(crate) fn is_nothing(&self) -> bool {
        self.of.is_empty()
    }

    /// Says whether what is missing could change the answer: then nothing is decided. What is only watched cannot, nor what no rule is on.
    pub(crate) fn blocks(&self, loaded: &Loaded) -> bool {
        let mut of = self.of.iter();
        of.any(|(criterion, _)| analyse::rests_on(&loaded.manifest, &loaded.incidents, *criterion))
    }

    /// Says what was not judged, and why.
    pub(crate) fn tell(&self, console: &Console) {
        for (_, why) in &self.of {
            console.say_wrapped(&format!("not judged: {}", line(why, 400)));
        }
    }

    /// The run is incomplete: nothing is decided, and the same command goes on with the judging alone.
    pub(crate) fn incomplete(&self, command: &str) -> Failure {
        Failure::expected(
            exit::INCOMPLETE,
            "the run is incomplete: judgements are missing",
        )
        .why("nothing is decided while they are; what systems answered is kept")
        .next(format!("{command}   (only the judging goes on)"))
        .next("gatewright decide   (what is missing stays missing)")
    }
}

/// Folds what judges and programs said in a run so far; `None` where nothing on the page is judged.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn judged(loaded: &Loaded, session: &Session) -> Result<Option<Judged>, Failure> {
    let Some(mut judged) = nothing_yet(loaded) else {
        return Ok(None);
    };
    for event in session.log.events() {
        judged.take(event?.body);
    }
    Ok(Some(judged))
}

/// What nobody has said anything to yet; `None` where nothing on the page is judged, and no label is of two texts.
fn nothing_yet(loaded: &Loaded) -> Option<Judged> {
    let has_pairs = has_pairs(loaded);
    let judged = (is_wanted(loaded) || has_pairs).then(Judged::default)?;
    Some(match has_pairs {
        true => judged.with_pairs(),
        false => judged,
    })
}

/// Says whether what production answered is needed beside the candidate's answer.
fn has_pairs(loaded: &Loaded) -> bool {
    let mut criteria = (0..).zip(&loaded.manifest.criteria);
    criteria.any(|(index, it)| match &it.grader {
        Grader::Judge(judge) => judge.pair,
        Grader::Preference(_) => loaded.labels.tells_texts(index),
        _ => false,
    })
}

/// Says of each criterion why its judges may not gate, by their canaries and by what they said when they were asked again: one judge of a panel is enough.
pub(crate) fn forbidden(reports: &[(u16, Vec<MemberReport>)]) -> BTreeMap<u16, String> {
    let of = |(criterion, members): &(u16, Vec<MemberReport>)| {
        let why = members.iter().find_map(MemberReport::unfit)?;
        Some((*criterion, why))
    };
    reports.iter().filter_map(of).collect()
}

/// Counts for each criterion how many verdicts its judges changed when they were asked again, and how many they were asked again.
pub(crate) fn retested(reports: &[(u16, Vec<MemberReport>)]) -> BTreeMap<u16, (u64, u64)> {
    let of = |(criterion, members): &(u16, Vec<MemberReport>)| {
        let again = members.iter().map(|member| member.again);
        let sum = again.fold((0, 0), |sum, it| (sum.0 + it.count, sum.1 + it.n));
        (sum.1 > 0).then_some((*criterion, sum))
    };
    reports.iter().filter_map(of).collect()
}

/// Says whether the page has criteria that a live judge grades.
pub(crate) fn is_judged(loaded: &Loaded) -> bool {
    let mut criteria = loaded.manifest.criteria.iter();
    criteria.any(|it| matches!(it.grader, Grader::Judge(_)))
}

/// Says whether the page has criteria that judges or programs grade.
pub(crate) fn is_wanted(loaded: &Loaded) -> bool {
    let mut criteria = loaded.manifest.criteria.iter();
    criteria.any(|it| matches!(it.grader, Grader::Judge(_) | Grader::Program(_)))
}

/// Asks every judge and program what is outstanding, a second time where a verdict could not be read. A judge that cannot be reached leaves the
/// rest as it is: what systems answered is kept, and the next call goes on with the judging alone (F28).
///
/// # Errors
/// Interrupted (130) or out of budget (111), both resumable; hosts that nobody allowed, secrets that are not there; what the log refused.
pub(crate) fn ask(
    loaded: &Loaded,
    session: &mut Session,
    drive: &mut Drive,
    errors: bool,
    now: &Now,
    console: &Console,
) -> Result<Left, Failure> {
    let Some(mut judged) = judged(loaded, session)? else {
        return Ok(Left::default());
    };
    let open = judged.open().count();
    if open > 0 {
        console.note(&format!(
            "{open} judgements of the interrupted run may have been paid for without a result; they are made again"
        ));
    }
    let graders = evidence::graders(loaded)?;
    let answers = answers(loaded, session, &graders)?;
    programs_are_there(loaded, session, &graders, &answers, &judged, errors)?;
    let mut left = Left::default();
    for index in 0..loaded.manifest.criteria.len() as u16 {
        for work in units::of(loaded, &session.plan, &graders, index, &answers)? {
            if let Some(why) = all_of(
                loaded,
                session,
                drive,
                &work,
                &answers,
                &mut judged,
                errors,
                (now, console),
            )? {
                left.of.push((index, why));
            }
        }
    }
    Ok(left)
}

/// Refuses to begin while a program is not there that would be asked: nobody else is paid for what it could not judge.
fn programs_are_there(
    loaded: &Loaded,
    session: &Session,
    graders: &Graders<'_>,
    answers: &Answers,
    judged: &Judged,
    errors: bool,
) -> Result<(), Failure> {
    let all = |whose: &Whose| !matches!(whose, Whose::System(_));
    if programs::present(loaded, all).is_ok() {
        return Ok(());
    }
    let mut asked = Vec::new();
    for index in 0..loaded.manifest.criteria.len() as u16 {
        for work in units::of(loaded, &session.plan, graders, index, answers)? {
            let mut units = work.units.iter();
            if units.any(|unit| judged.due(unit, work.reading(), errors).is_some()) {
                asked.push(work.whose());
            }
        }
    }
    programs::present(loaded, |whose| asked.contains(whose))
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one judge's work, each needed once"
)]
/// Asks one judge or program; says why it could not be asked to the end, if so.
fn all_of(
    loaded: &Loaded,
    session: &mut Session,
    drive: &mut Drive,
    work: &Work<'_>,
    answers: &Answers,
    judged: &mut Judged,
    errors: bool,
    (now, console): (&Now, &Console),
) -> Result<Option<String>, Failure> {
    // First what was never asked, or is asked anew; then what of it could not be read.
    for repair in [false, true] {
        let due = work.units.iter();
        let due = due.filter_map(|unit| judged.due(unit, work.reading(), errors));
        let due = due.filter(|unit| unit.repair == repair).collect();
        let round = one_round(
            loaded,
            session,
            drive,
            work,
            answers,
            due,
            judged,
            (now, console),
        )?;
        if round.is_some() {
            return Ok(round);
        }
    }
    Ok(None)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one round, each needed once"
)]
fn one_round(
    loaded: &Loaded,
    session: &mut Session,
    drive: &mut Drive,
    work: &Work<'_>,
    answers: &Answers,
    mut units: Vec<JudgedUnit>,
    judged: &mut Judged,
    (now, console): (&Now, &Console),
) -> Result<Option<String>, Failure> {
    if units.is_empty() {
        return Ok(None);
    }
    // What was refused before comes last: an answer to another one tells what the refusal was about.
    units.sort_by_key(|unit| judged.times_refused(unit) > 0);
    let refused = (0..).zip(&units).filter_map(|(index, unit)| {
        let times = judged.times_refused(unit);
        (times > 0).then_some((index, times))
    });
    let refused = refused.collect();
    drive.open(loaded, &session.plan, console)?;
    let Some(target) = work.target(loaded, drive) else {
        return Ok(None);
    };
    console.wrapped(&format!("{} judges {}", work.who(), work.counts(&units)));
    let names = units::names(loaded);
    let seed = session.plan.seed;
    let known: &Judged = judged;
    let asks = |unit: &JudgedUnit| work.asks(loaded, seed, answers, known, unit, &names);
    let asking = Asking {
        units,
        asks: &asks,
        target,
        seed,
        has_answered: known.iter().any(|(unit, _)| unit.judge == work.judge),
        refused,
    };
    let limits = drive.limits();
    let Asked {
        why,
        calls,
        dollars,
        odd,
        said,
    } = asking.run(&mut session.log, &limits, &now.at, drive.command, console)?;
    drive.spend(calls, dollars);
    for what in odd.iter().take(ODD_SHOWN) {
        console.wrapped(&format!("{}: {}", work.who(), line(what, 200)));
    }
    for event in said {
        judged.take(event);
    }
    Ok(why.map(|why| format!("{}: {why}", work.who())))
}

/// Fetches what systems answered where a judged criterion applies.
fn answers(loaded: &Loaded, session: &Session, graders: &Graders<'_>) -> Result<Answers, Failure> {
    let judged: Vec<u16> = (0..)
        .zip(&loaded.manifest.criteria)
        .filter(|(_, it)| matches!(it.grader, Grader::Judge(_) | Grader::Program(_)))
        .map(|(index, _)| index)
        .collect();
    let mut answers = Answers::new();
    for one in evidence::ends(session)? {
        let one = one?;
        let applies = judged
            .iter()
            .any(|&criterion| graders.applies(criterion, one.attempt.example));
        if let AttemptEnd::Answered { response } = one.end
            && applies
        {
            answers.insert(one.attempt, response);
        }
    }
    Ok(answers)
}

/// How a grader program is reached.
fn program(
    loaded: &Loaded,
    grader: &gatewright_core::manifest::ProgramGrader,
) -> gatewright_engine::Target {
    let cores = std::thread::available_parallelism().map_or(1, |it| it.get() as u32);
    let timeout = grader.timeout_ms.map(Duration::from_millis);
    let workers = grader.workers.unwrap_or(cores);
    drive::program(
        loaded,
        &grader.argv,
        workers,
        &grader.env,
        timeout,
        grader.memory_mib,
    )
}

/// The attempt that a unit is about, where it is about one.
fn attempt_of(subject: &Subject) -> Option<AttemptSpec> {
    match subject {
        Subject::Answer { attempt, .. }
        | Subject::Pair { attempt, .. }
        | Subject::Again { attempt, .. } => Some(*attempt),
        Subject::Wrong { .. } | Subject::Injected { .. } | Subject::PairCanary { .. } => None,
    }
}
