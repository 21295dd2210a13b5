//! Releases as the review server shows and signs them: the same calls as those of the commands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gatewright_core::analyse::{Finding, Standing};
use gatewright_core::record::permit::{self, Refusal};
use gatewright_core::record::{Keys, Kind, recorded};
use gatewright_core::report::{decisions_of, one_flip, overrides_of, record_of};
use gatewright_store::ProjectLog;
use gatewright_web::project::{
    AsideWish, CauseWish, Due, FailingOne, Failures, IncidentWish, Incidents, Look, Looked,
    NotDone, Patch, Project as Pages, Proposal, Release, ReleaseLine, Releases, RubricWish, Suite,
    ToLook, Wish as Asked,
};

use super::failures::Known;
use super::held::Held;
use super::memo::{self, Kept, Memo};
use crate::args::answer;
use crate::commands::incident::missing;
use crate::commands::sign::{authors, decided, refused};
use crate::commands::{Context, serve::COMMAND};
use crate::console::{Console, clean};
use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::{
    Depth, Judged, Loaded, Session, Signer as _, Signing, Stopped, Wish, changed, due, find_record,
    in_full, judge, look, looks, names_of, newer_run, on_record, outlined, project_events,
    run_folders, stored, writer,
};
use crate::project::Project;

/// Width of what goes wrong, on a page.
const WIDTH: usize = 400;

/// Requests that may wait for their turn, the one that has it among them.
const WAIT_MAX: usize = 32;
/// How long what is due may be told without looking again.
const DUE_FOR: Duration = Duration::from_secs(30);

/// A project, as its pages show it. One request is computed at a time: each may take as much memory as a report.
pub(super) struct Served {
    project: Project,
    global: crate::args::Global,
    console: Console,
    here: std::path::PathBuf,
    one: Mutex<()>,
    waiting: AtomicUsize,
    /// The rules of the newest run that nobody has signed, as of a length of the project's log.
    fired: Mutex<Option<(String, usize, Vec<String>)>>,
    /// What was counted of decided runs.
    pub(super) counted: Mutex<Known>,
    /// What was due of whom, and when that was computed.
    due: Mutex<BTreeMap<String, (Instant, Due)>>,
    /// Pages as they were told last.
    memo: Mutex<Memo>,
}

/// A request that waits, or is being computed.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn of(count: &'a AtomicUsize) -> Option<Self> {
        let own = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < WAIT_MAX).then_some(own)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to compute.
struct Turn<'a> {
    _one: MutexGuard<'a, ()>,
    _waiting: Waiting<'a>,
}

/// A request that failed, or that is refused.
pub(super) type Made<T> = Result<Result<T, NotDone>, Failure>;

impl Served {
    pub(super) fn new(context: &Context, project: Project) -> Self {
        Self {
            project,
            global: context.global.clone(),
            console: Console {
                quiet: true,
                json: false,
                live: false,
                interactive: false,
                ..context.console.clone()
            },
            here: context.here.clone(),
            one: Mutex::default(),
            waiting: AtomicUsize::default(),
            fired: Mutex::default(),
            counted: Mutex::default(),
            due: Mutex::default(),
            memo: Mutex::default(),
        }
    }

    pub(super) fn context(&self) -> Result<Context, Failure> {
        Ok(Context {
            global: self.global.clone(),
            console: self.console.clone(),
            now: Now::read(None, None)?,
            here: self.here.clone(),
        })
    }

    /// Reads the page and its data as they are now.
    pub(super) fn loaded(&self, context: &Context) -> Result<Loaded, Failure> {
        let mut project = Project::find(
            Some(&self.project.page),
            Some(&self.project.state),
            &self.global.root,
            &self.here,
        )?;
        project.name.clone_from(&self.project.name);
        Loaded::read(project, &context.now, Depth::Errors)?.sound()
    }

    /// Waits until nothing else is computed; refuses when many wait already, so that they do not take the places of those who label.
    fn turn(&self) -> Result<Turn<'_>, String> {
        let waiting = Waiting::of(&self.waiting)
            .ok_or("many releases are being computed: try again in a moment")?;
        let one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Turn {
            _one: one,
            _waiting: waiting,
        })
    }

    /// Tells a page again while all files are what they were; else makes it, and keeps it if they are the same afterwards.
    fn kept<T: Kept>(
        &self,
        run: &str,
        make: impl FnOnce() -> Result<Result<T, NotDone>, String>,
    ) -> Result<Result<T, NotDone>, String> {
        let today = || self.context().map(|it| it.now.today.to_string()).ok();
        let key = || memo::key(&self.project, !self.global.root.is_empty(), today()?);
        let before = key();
        let memo = || self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = before.as_ref().and_then(|key| memo().get(key, run)) {
            return Ok(Ok(page));
        }
        let made = make()?;
        if let Some(before) = before.filter(|before| key().as_ref() == Some(before)) {
            memo().put(before, run, &made);
        }
        Ok(made)
    }

    /// Makes something of a run that is decided.
    fn of<T>(
        &self,
        run: &str,
        make: impl FnOnce(&Context, &Loaded, &Session) -> Made<T>,
    ) -> Result<Result<T, NotDone>, String> {
        let _turn = self.turn()?;
        let made = || -> Made<T> {
            let context = self.context()?;
            let mut loaded = self.loaded(&context)?;
            // Only a name that is on the list is ever joined to a path.
            let known = run_folders(&loaded.project.state);
            if known.iter().all(|folder| folder.name != run) {
                return Ok(Err(NotDone::Missing));
            }
            let (now, console) = (&context.now, &context.console);
            let session = Session::read(&mut loaded, Some(run), now, console, COMMAND)?;
            decided(&session)?;
            make(&context, &loaded, &session)
        };
        told(made())
    }

    /// Says what is due of an account; what was said less than half a minute ago is said again, where nothing was done here since.
    fn due_of(&self, account: &str) -> Result<Due, Failure> {
        let mut known = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, due)) = known.get(account)
            && at.elapsed() < DUE_FOR
        {
            return Ok(due.clone());
        }
        let context = self.context()?;
        let mut loaded = self.loaded(&context)?;
        let held = Held {
            state: &self.project.state,
            account,
        };
        // Whoever has no key that signs is told so when signing.
        let who = held.who(&Keys::fold(&project_events(&loaded.project)?));
        let who = who.unwrap_or_else(|_| account.to_owned());
        let of_run = due(&context, COMMAND, &mut loaded, Some(&who))?;
        let due = Due {
            to_sign: of_run.to_sign,
            without_cause: of_run.without_cause,
            incidents: missing(&loaded).len() as u64,
        };
        known.insert(account.to_owned(), (Instant::now(), due.clone()));
        Ok(due)
    }

    /// Forgets what was due: something was done.
    fn done(&self) {
        self.due
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Computes the rules that fired in a run that nobody has signed; once for each length of the log.
    fn fired(&self, context: &Context, run: &str, log: usize) -> Result<Vec<String>, Failure> {
        let mut known = self.fired.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, at, rules)) = &*known
            && (of.as_str(), *at) == (run, log)
        {
            return Ok(rules.clone());
        }
        let mut loaded = self.loaded(context)?;
        let (now, console) = (&context.now, &context.console);
        let session = Session::read(&mut loaded, Some(run), now, console, COMMAND)?;
        let view = judge(&loaded, &session, now)?.view;
        let mut rules: Vec<String> = Vec::new();
        for finding in view.fired.iter().filter_map(|at| view.findings.get(*at)) {
            if !rules.contains(&finding.rule) {
                rules.push(finding.rule.clone());
            }
        }
        *known = Some((run.to_owned(), log, rules.clone()));
        Ok(rules)
    }

    fn listed(&self) -> Result<Releases, Failure> {
        let context = self.context()?;
        let mut loaded = self.loaded(&context)?;
        let events = project_events(&loaded.project)?;
        let all = recorded(&events, &Keys::fold(&events));
        let today = context.now.today.to_string();
        let product = loaded.manifest.product.clone();
        let mut lines = Vec::new();
        for folder in run_folders(&loaded.project.state) {
            let found = outlined(&mut loaded, &folder);
            let name = folder.name;
            let line = match found {
                Ok((_, None, _)) => continue,
                Ok((at, Some((answer, _)), changed)) => {
                    let record = record_of(&all, None, (&name, &product), &today);
                    let own = all
                        .iter()
                        .rev()
                        .find(|one| one.summary.run == name && one.summary.product == product);
                    ReleaseLine {
                        at,
                        answer,
                        rules: match own {
                            Some(one) => recorded_rules(&loaded, &one.summary.record),
                            None => Vec::new(),
                        },
                        decisions: decisions_of(&record),
                        changed,
                        broken: None,
                        run: name,
                    }
                }
                Err(error) => ReleaseLine {
                    run: name,
                    broken: Some(error.to_string()),
                    ..ReleaseLine::default()
                },
            };
            lines.push(line);
        }
        lines.reverse();
        if let Some(line) = lines.first_mut()
            && line.decisions.is_empty()
            && line.changed.is_empty()
            && line.broken.is_none()
        {
            line.rules = self.fired(&context, &line.run, events.len())?;
        }
        let overrides = overrides_of(&record_of(&all, None, ("", &product), &today), "");
        Ok(Releases { lines, overrides })
    }
}

/// The rules that made a recorded answer; none where the record cannot be read, which `verify` says.
fn recorded_rules(loaded: &Loaded, record: &str) -> Vec<String> {
    let folder = find_record(&loaded.project.state, Some(record));
    let statement = folder.and_then(|folder| stored(&folder));
    statement.map_or_else(|_| Vec::new(), |it| it.predicate.fired)
}

/// The text of a failure, without secrets.
fn text(failure: &Failure) -> String {
    clean(&failure.text(WIDTH)).into_owned()
}

/// Tells what a person can act on from what the server cannot do.
fn told<T>(made: Made<T>) -> Result<Result<T, NotDone>, String> {
    match made {
        Ok(made) => Ok(made),
        Err(Failure::Expected(expected)) => {
            let mut said = expected.what.clone();
            for more in std::iter::once(&expected.why).chain(&expected.next) {
                if !more.is_empty() {
                    said = format!("{said}. {more}");
                }
            }
            Ok(Err(NotDone::Stands(clean(&sentence(&said)).into_owned())))
        }
        Err(failure) => Err(text(&failure)),
    }
}

/// Makes a sentence of words that begin small and end without a stop.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|one| one.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}

/// Lists what is to be looked at, with who has.
fn to_look(loaded: &Loaded, judged: &Judged) -> Result<Vec<ToLook>, Failure> {
    let events = project_events(&loaded.project)?;
    let looks = looks(&events, &judged.view.run.name);
    let all = permit::to_look_at(&loaded.manifest, &judged.analysis);
    let entry = |index: usize| {
        let flip = &judged.analysis.flips[index];
        let (example, criterion) = names_of(loaded, flip);
        let looked = looks.get(&(example.clone(), criterion.clone()));
        let segments = one_flip(&loaded.manifest, &loaded.reference, flip);
        let segments = segments.map(|flip| flip.segments).unwrap_or_default();
        let segments = segments
            .into_iter()
            .map(|(name, value)| format!("{name} {value}"));
        ToLook {
            segments: segments.collect::<Vec<_>>().join(" · "),
            looked: looked.cloned().unwrap_or_default(),
            example,
            criterion,
        }
    };
    Ok(all.into_iter().map(entry).collect())
}

pub(super) fn examples(loaded: &Loaded) -> BTreeSet<String> {
    let all = loaded.reference.examples.iter();
    all.map(|example| example.id.to_string()).collect()
}

fn release(context: &Context, loaded: &Loaded, mut judged: Judged) -> Result<Release, Failure> {
    judged.view.record = Some(on_record(loaded, &judged.view, &context.now)?);
    let to_look = to_look(loaded, &judged)?;
    let (state, product) = (&loaded.project.state, &loaded.manifest.product);
    let newer = newer_run(state, &judged.view.run.name, product)?;
    let mut release = Release::of(&judged.view, to_look, examples(loaded));
    if let Some(newer) = newer {
        release.know(format!("Run {newer} is newer than this one"));
    }
    Ok(release)
}

/// Names the rules that stand against letting it out, and that no override may bypass.
fn not_overridable(loaded: &Loaded, findings: &[Finding]) -> Vec<String> {
    let against = findings
        .iter()
        .filter(|finding| finding.deciding && !matches!(finding.standing, Standing::Holds));
    let rules: BTreeSet<usize> = against.map(|finding| finding.rule).collect();
    let rules = rules.into_iter().map(|rule| &loaded.manifest.gate[rule]);
    rules
        .filter(|rule| !rule.overridable)
        .map(|rule| rule.id.to_string())
        .collect()
}

fn proposal(context: &Context, loaded: &Loaded, signing: Signing<'_>) -> Result<Proposal, Stopped> {
    let before = signing.before(&Wish::default())?;
    let seen = signing.seen()?;
    let left = signing.computed.left().len();
    let rules = &loaded.manifest.signing;
    let last = signing.last.as_ref();
    let by = last.map(|last| last.summary.by.clone());
    let to = permit::last_day(rules, &context.now.today.to_string());
    let judged = signing.computed.judged;
    Ok(Proposal {
        answer: judged.view.answer.word(),
        who: signing.who,
        seen,
        left,
        before: before.as_ref().and(by),
        moved: before.map(|before| before.moved).unwrap_or_default(),
        decided: last.is_some(),
        overridden: last.is_some_and(|last| last.summary.kind == Kind::Override),
        persons: rules.persons,
        authors: rules.authors.clone(),
        wants_author: rules.author_may_sign == Some(false) && rules.authors.is_empty(),
        not_overridable: not_overridable(loaded, &judged.analysis.findings),
        ends: (context.now.today.to_string(), to),
        release: release(context, loaded, judged)?,
    })
}

/// Says why nothing was signed.
fn not_signed(stopped: Stopped) -> Made<std::convert::Infallible> {
    Ok(Err(match stopped {
        Stopped::Moved { what, .. } => NotDone::Moved(what),
        Stopped::NotLookedAt(left) => NotDone::Stands(format!(
            "Nobody has looked at {} of the regressed examples.",
            left.len()
        )),
        Stopped::Failed(failure) => return Err(failure),
        Stopped::Refused(refusal) => {
            let kind = match &refusal {
                Refusal::Reason | Refusal::NothingToOverride(_) | Refusal::Expiry { .. } => {
                    NotDone::Bad
                }
                Refusal::Twice { .. } => NotDone::Stands,
                _ => NotDone::Forbidden,
            };
            let why = match refused(refusal.clone()) {
                Failure::Expected(expected) => expected.why.clone(),
                _ => String::new(),
            };
            let mut said = match &refusal {
                // It begins with somebody's name, which is as it is.
                Refusal::NotAmong(_) | Refusal::Author(_) | Refusal::Twice { .. } => {
                    format!("{refusal}.")
                }
                _ => sentence(&refusal.to_string()),
            };
            if refusal == Refusal::Reason {
                said = "The reason has 10 to 2,000 characters, and more than one word.".to_owned();
            }
            if !why.is_empty() {
                said = format!("{said} {}", sentence(&why));
            }
            kind(said)
        }
    }))
}

impl Pages for Served {
    fn due(&self, account: &str) -> Result<Due, String> {
        let _turn = self.turn()?;
        self.due_of(account).map_err(|failure| text(&failure))
    }

    fn releases(&self) -> Result<Releases, String> {
        let made = self.kept("", || {
            let _turn = self.turn()?;
            self.listed().map(Ok).map_err(|failure| text(&failure))
        })?;
        made.map_err(|_| "the releases cannot be listed".to_owned())
    }

    fn release(&self, run: &str) -> Result<Result<Release, NotDone>, String> {
        self.kept(run, || {
            self.of(run, |context, loaded, session| {
                let judged = judge(loaded, session, &context.now)?;
                release(context, loaded, judged).map(Ok)
            })
        })
    }

    fn look(&self, run: &str, number: usize) -> Result<Result<Look, NotDone>, String> {
        self.of(run, |context, loaded, session| {
            let judged = judge(loaded, session, &context.now)?;
            let all = permit::to_look_at(&loaded.manifest, &judged.analysis);
            let Some(&index) = number.checked_sub(1).and_then(|it| all.get(it)) else {
                return Ok(Err(NotDone::Missing));
            };
            let mut full = in_full(loaded, session, &judged, index..index + 1)?;
            let flip = &judged.analysis.flips[index];
            let flip = one_flip(&loaded.manifest, &loaded.reference, flip);
            let (Some(changed), Some(flip)) = (full.changed.pop(), flip) else {
                return Ok(Err(NotDone::Stands(
                    "The plan is not the one that was run: what was said cannot be shown."
                        .to_owned(),
                )));
            };
            let entry = to_look(loaded, &judged)?.swap_remove(number - 1);
            Ok(Ok(Look {
                entry,
                of: all.len(),
                flip,
                changed,
                examples: examples(loaded),
            }))
        })
    }

    fn looked(&self, what: &Looked<'_>) -> Result<Result<(), NotDone>, String> {
        self.of(what.run, |context, loaded, session| {
            let judged = judge(loaded, session, &context.now)?;
            let all = permit::to_look_at(&loaded.manifest, &judged.analysis);
            let index = what.number.checked_sub(1).and_then(|it| all.get(it));
            let flip = index.map(|index| &judged.analysis.flips[*index]);
            let shown = (what.example.to_owned(), what.criterion.to_owned());
            let Some(flip) = flip.filter(|flip| names_of(loaded, flip) == shown) else {
                let said = "the list of examples to look at";
                return Ok(Err(NotDone::Moved(vec![said.to_owned()])));
            };
            let held = Held {
                state: &loaded.project.state,
                account: what.account,
            };
            let by = held.who(&Keys::fold(&project_events(&loaded.project)?))?;
            let at = &context.now.at;
            let event = look(loaded, what.run, flip, &by, at);
            ProjectLog::open(&loaded.project.state, writer(COMMAND, &context.now))?
                .append(&[event], at)?;
            Ok(Ok(()))
        })
    }

    fn proposal(&self, run: &str, account: &str) -> Result<Result<Proposal, NotDone>, String> {
        self.of(run, |context, loaded, session| {
            let changes = changed(loaded, session);
            if !changes.is_empty() {
                let parts = changes.into_iter().map(|part| format!("sealed: {part}"));
                return Ok(Err(NotDone::Moved(parts.collect())));
            }
            let held = Held {
                state: &loaded.project.state,
                account,
            };
            let signing = Signing::begin(context, COMMAND, (loaded, run), &held)?;
            match proposal(context, loaded, signing) {
                Ok(proposal) => Ok(Ok(proposal)),
                Err(stopped) => not_signed(stopped).map(|it| it.map(|never| match never {})),
            }
        })
    }

    fn sign(&self, asked: &Asked) -> Result<Result<String, NotDone>, String> {
        self.done();
        self.of(&asked.run, |context, loaded, session| {
            let changes = changed(loaded, session);
            if !changes.is_empty() {
                let parts = changes.into_iter().map(|part| format!("sealed: {part}"));
                return Ok(Err(NotDone::Moved(parts.collect())));
            }
            let authors = match authors(&asked.authors) {
                Ok(authors) => authors,
                Err(_) => {
                    let said = "Who wrote the change is not a list of names or mail addresses.";
                    return Ok(Err(NotDone::Bad(said.to_owned())));
                }
            };
            let other = asked.other.as_ref().map(|(word, _)| answer(word));
            let Ok(other) = other.transpose() else {
                return Ok(Err(NotDone::Bad("There is no such answer.".to_owned())));
            };
            let seen: BTreeMap<String, String> = asked.seen.clone();
            let wish = Wish {
                reason: asked.reason.clone(),
                other,
                expires: asked.other.as_ref().map(|(_, date)| date.clone()),
                authors,
                without_looking: asked.without_looking,
                anew: asked.anew,
                seen: Some(seen),
            };
            let held = Held {
                state: &loaded.project.state,
                account: &asked.account,
            };
            let signing = Signing::begin(context, COMMAND, (loaded, &asked.run), &held)?;
            match signing.put(&wish) {
                Ok(done) => {
                    let predicate = &done.predicate;
                    let what = match predicate.kind {
                        Kind::Proposal => "signed",
                        Kind::Override => "override to",
                    };
                    let answer = predicate.answer.word();
                    Ok(Ok(format!("{what} {answer}, record {}", done.folder.name)))
                }
                Err(stopped) => not_signed(stopped).map(|it| it.map(|never| match never {})),
            }
        })
    }

    fn failures(&self) -> Result<Result<Failures, NotDone>, String> {
        self.kept("", || {
            let _turn = self.turn()?;
            told(self.board())
        })
    }

    fn failure(&self, number: usize) -> Result<Result<FailingOne, NotDone>, String> {
        let _turn = self.turn()?;
        told(self.one_failure(number))
    }

    fn set_cause(&self, wish: &CauseWish) -> Result<Result<(), NotDone>, String> {
        let _turn = self.turn()?;
        self.done();
        told(self.cause(wish))
    }

    fn incidents(&self) -> Result<Result<Incidents, NotDone>, String> {
        let _turn = self.turn()?;
        told(self.incidents_of())
    }

    fn incident_patch(&self, wish: &IncidentWish) -> Result<Result<Patch, NotDone>, String> {
        let _turn = self.turn()?;
        told(self.incident_patch_of(wish))
    }

    fn suite(&self) -> Result<Result<Suite, NotDone>, String> {
        let _turn = self.turn()?;
        told(self.suite_of())
    }

    fn suite_patch(&self, wish: &AsideWish) -> Result<Result<Patch, NotDone>, String> {
        let _turn = self.turn()?;
        told(self.suite_patch_of(wish))
    }

    fn rubric_patch(&self, wish: &RubricWish) -> Result<Result<Patch, NotDone>, String> {
        let _turn = self.turn()?;
        told(self.rubric_patch_of(wish))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a32_only_so_many_wait_and_each_leaves_its_place() {
        let count = AtomicUsize::default();
        let mut held: Vec<Waiting<'_>> = Vec::new();
        for _ in 0..WAIT_MAX {
            held.push(Waiting::of(&count).expect("there is room"));
        }
        assert!(Waiting::of(&count).is_none());
        assert!(
            Waiting::of(&count).is_none(),
            "who is refused leaves no trace"
        );
        held.pop();
        assert!(Waiting::of(&count).is_some());
    }
}
