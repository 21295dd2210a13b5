//! Answers of earlier runs: taken over for the very same request and trial, when that was asked for.
//!
//! Only first-look trials of live systems: a program costs nothing and may depend on more than its files, and a
//! confirmation is worth something because it is fresh. The key is content: the system's fingerprint, the example's
//! digest, the trial, the tool. Errors and timeouts are never taken over.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, RunEvent};
use gatewright_core::exchange::Exchange;
use gatewright_core::manifest::Role;
use gatewright_core::plan::{AttemptSpec, PlannedSystem, outstanding};
use gatewright_core::response::AttemptEnd;
use gatewright_store::{RunLog, StoreError};

use crate::console::Console;
use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::TOOL;
use crate::pipeline::load::Loaded;
use crate::pipeline::runs;
use crate::pipeline::session::Session;

/// Answers that are appended at once.
const BATCH: usize = 256;

/// What an answer is an answer to: the system's fingerprint, the example's digest, the trial.
type Key = (Digest, Digest, u32);

/// What is still wanted; never an empty list.
type Wanted = BTreeMap<Key, Vec<AttemptSpec>>;

/// Takes over what earlier runs of this project have, newest first, before anything is sent.
///
/// # Errors
/// When this run's log refuses it. An earlier run that cannot be read has nothing.
pub(super) fn take_over(
    loaded: &Loaded,
    session: &mut Session,
    now: &Now,
    console: &Console,
) -> Result<(), Failure> {
    let mut wanted = wanted(loaded, session)?;
    let mut used = BTreeSet::new();
    let (mut taken, mut changed) = (0, 0);
    for folder in runs::list(&loaded.project.state).into_iter().rev() {
        if wanted.is_empty() {
            break;
        }
        if folder.name == session.name {
            continue;
        }
        let Ok(log) = RunLog::read_only(&folder.dir) else {
            continue;
        };
        let mut earlier = Earlier::new(&folder.name);
        let mut batch = Vec::new();
        for event in log.sound_events() {
            match event {
                Ok(event) => {
                    let Some(Found {
                        key,
                        role,
                        from,
                        end,
                        exchange,
                    }) = earlier.take(event, &wanted)
                    else {
                        continue;
                    };
                    if !is_kept(&log, exchange.as_deref()) {
                        changed += 1;
                        continue;
                    }
                    // One answer stands for one attempt, also where two systems are asked the very same.
                    if !used.insert(Digest::of_json(&(key, &end))) {
                        continue;
                    }
                    if let Some(attempt) = pick(&mut wanted, &key, role) {
                        batch.push(RunEvent::Reused { attempt, from, end });
                    }
                }
                Err(StoreError::Changed { .. }) => changed += 1,
                Err(_) => {}
            }
            if batch.len() >= BATCH {
                taken += batch.len();
                session.log.append(&batch, &now.at)?;
                batch.clear();
            }
        }
        taken += batch.len();
        session.log.append(&batch, &now.at)?;
    }
    console.note(&match taken {
        0 => "no earlier answer to the very same requests".to_owned(),
        1 => "1 answer is taken over from an earlier run".to_owned(),
        count => format!("{count} answers are taken over from earlier runs"),
    });
    if changed > 0 {
        console.note(&format!(
            "{changed} events of earlier runs were changed after they were written: nothing of them is taken over"
        ));
    }
    Ok(())
}

fn wanted(loaded: &Loaded, session: &Session) -> Result<Wanted, Failure> {
    let live: BTreeMap<Role, Digest> = loaded
        .manifest
        .systems
        .values()
        .filter(|system| system.live().is_some())
        .map(|system| (system.role, system.fingerprint))
        .collect();
    let progress = session.log.progress()?;
    let mut wanted = Wanted::new();
    for attempt in outstanding(&session.plan, &progress) {
        // What was reopened ended in an error here; an earlier answer to the same request is as good as a new one.
        let Some(fingerprint) = live.get(&attempt.system) else {
            continue;
        };
        let digest = session.plan.example_digests.get(attempt.example as usize);
        if let Some(digest) = digest
            && attempt.trial < session.plan.trials(attempt.system)
        {
            let key = (*fingerprint, *digest, attempt.trial);
            wanted.entry(key).or_default().push(attempt);
        }
    }
    Ok(wanted)
}

/// Says whether the bytes that an answer was read from are there as they came.
fn is_kept(log: &RunLog, exchange: Option<&Exchange>) -> bool {
    let Some(exchange) = exchange else {
        return true;
    };
    exchange
        .response
        .iter()
        .chain([&exchange.request])
        .all(|digest| matches!(log.blob(digest), Ok(Some(_))))
}

/// Takes the attempt that an answer is for off the list: the same system's before another's.
fn pick(wanted: &mut Wanted, key: &Key, role: Role) -> Option<AttemptSpec> {
    let attempts = wanted.get_mut(key)?;
    let same = attempts.iter().position(|attempt| attempt.system == role);
    let attempt = attempts.swap_remove(same.unwrap_or(0));
    if attempts.is_empty() {
        wanted.remove(key);
    }
    Some(attempt)
}

/// An answer of an earlier run that is wanted.
struct Found {
    key: Key,
    role: Role,
    from: String,
    end: AttemptEnd,
    exchange: Option<Box<Exchange>>,
}

/// What an earlier run says of itself, as far as it was read.
struct Earlier<'n> {
    name: &'n str,
    same_tool: bool,
    systems: Vec<PlannedSystem>,
    examples: BTreeMap<u32, Digest>,
}

impl<'n> Earlier<'n> {
    fn new(name: &'n str) -> Self {
        Self {
            name,
            same_tool: false,
            systems: Vec::new(),
            examples: BTreeMap::new(),
        }
    }

    /// Takes in an event; returns an answer that is wanted.
    fn take(&mut self, event: Event<RunEvent>, wanted: &Wanted) -> Option<Found> {
        let (attempt, from, end, exchange) = match event.body {
            RunEvent::Sealed { seal } => {
                self.same_tool = seal.tool == TOOL;
                return None;
            }
            RunEvent::Systems { systems, .. } => {
                self.systems = systems;
                return None;
            }
            RunEvent::Examples { first, examples } => {
                let digests = (first..).zip(examples.into_iter().map(|(_, digest)| digest));
                self.examples.extend(digests);
                return None;
            }
            RunEvent::Ended {
                attempt,
                end,
                exchange,
                ..
            } => (attempt, self.name.to_owned(), end, exchange),
            RunEvent::Reused { attempt, from, end } => (attempt, from, end, None),
            _ => return None,
        };
        let system = self
            .systems
            .iter()
            .find(|system| system.role == attempt.system)?;
        let is_answer = matches!(end, AttemptEnd::Answered { .. });
        if !self.same_tool || !is_answer || attempt.trial >= system.trials {
            return None;
        }
        let example = *self.examples.get(&attempt.example)?;
        let key = (system.fingerprint, example, attempt.trial);
        wanted.contains_key(&key).then_some(Found {
            key,
            role: attempt.system,
            from,
            end,
            exchange,
        })
    }
}

#[cfg(test)]
mod tests {
    use gatewright_core::decide::Answer;
    use gatewright_core::response::Response;
    use tempfile::TempDir;

    use super::*;
    use crate::args;
    use crate::pipeline::session::{Asked, Start};
    use crate::pipeline::{Depth, judge};
    use crate::project::Project;

    const PAGE: &str = "gatewright: 1
product: demo
promise:
  does: Answer questions about colours from the colour book.
  for: painters
  evidence: the colour book
  when_not_ready: ask
tasks: {warm: Warm colours}
failures:
  unsupported-claim: {severity: high, cost: 10 USD, owner: team, repair: \"the colour book\"}
owners:
  team: {name: Colour team, contact: \"#colour\"}
decision: {question: \"Release?\", decided_by: team, standard: unbroken}
systems:
  candidate: {openai: {model: m-1, base_url: \"http://127.0.0.1:9/v1\", prompt: \"{{ input }}\"}}
  production: {command: [cat]}
trials: 2
reference: [all.jsonl]
criteria:
  right: {grader: {contains: {}}, fails_as: unsupported-claim}
gate:
  - {id: no-task-breaks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}
";

    struct Place {
        folder: TempDir,
        now: Now,
        console: Console,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("gatewright.yaml"), PAGE).expect("the page");
            let mut examples = String::new();
            for index in 0..3 {
                examples.push_str(&format!(
                    "{{\"id\":\"warm-{index}\",\"input\":\"what is {index}?\",\"segments\":{{\"task\":\"warm\"}},\"expect\":{{\"contains\":[\"it\"]}},\"provenance\":{{\"kind\":\"policy\",\"added\":\"2026-10-01\"}}}}\n"
                ));
            }
            std::fs::write(folder.path().join("all.jsonl"), examples).expect("examples");
            let words = ["gatewright", "--quiet", "run"].map(Into::into);
            let global = args::parse(words).expect("arguments").global;
            Self {
                now: Now::read(Some("2026-11-02T09:00:00Z"), None).expect("a time"),
                console: Console::new(&global, |_| None),
                folder,
            }
        }

        fn loaded(&self) -> Loaded {
            let project = Project::find(None, None, &[], self.folder.path()).expect("a project");
            let loaded = Loaded::read(project, &self.now, Depth::Errors).expect("read");
            loaded
                .sound()
                .unwrap_or_else(|failure| panic!("{}", failure.text(100)))
        }

        fn begin(&self, loaded: &mut Loaded) -> Session {
            let asked = Asked::default();
            Session::begin(
                loaded,
                Start::Fresh,
                &asked,
                &self.now,
                &self.console,
                "test",
            )
            .expect("begins")
        }

        /// A run in which the candidate answered everything at first look but the last, which failed.
        fn earlier(&self) -> String {
            let mut loaded = self.loaded();
            let mut session = self.begin(&mut loaded);
            for example in 0..3 {
                for trial in 0..2 {
                    let failed = (example, trial) == (2, 1);
                    let (event, bytes) = ended(Role::Candidate, example, trial, failed);
                    session.log.append_with(&[event], &bytes, "").expect("kept");
                }
            }
            // Fresh trials of a confirmation, and a program's answers: never taken over.
            for (role, trial) in [(Role::Candidate, 2), (Role::Production, 0)] {
                let (event, bytes) = ended(role, 0, trial, false);
                session.log.append_with(&[event], &bytes, "").expect("kept");
            }
            session.name
        }

        fn take_over(&self) -> (Loaded, Session) {
            let mut loaded = self.loaded();
            let mut session = self.begin(&mut loaded);
            take_over(&loaded, &mut session, &self.now, &self.console).expect("taken over");
            (loaded, session)
        }

        fn change(&self, run: &str, sql: &str) {
            let path = self
                .folder
                .path()
                .join(".gatewright/runs")
                .join(run)
                .join(RunLog::FILE);
            let done = std::process::Command::new("python3")
                .args(["-c", "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nassert c.execute(sys.argv[2]).rowcount == 1\nc.commit()"])
                .arg(path)
                .arg(sql)
                .status();
            assert!(done.expect("python3").success());
        }
    }

    use gatewright_core::exchange::Blob;

    fn ended(system: Role, example: u32, trial: u32, failed: bool) -> (RunEvent, Vec<Blob>) {
        let request = Blob::of(format!("{} {example}", system.word()).into_bytes());
        let said = Blob::of(format!("it {} {example} {trial}", system.word()).into_bytes());
        let end = if failed {
            AttemptEnd::ProviderError {
                message: "no".to_owned(),
                code: None,
                latency_ms: None,
            }
        } else {
            AttemptEnd::Answered {
                response: Response {
                    output: format!("it {example} {trial}"),
                    latency_ms: Some(f64::from(100 * example + trial)),
                    ..Response::default()
                },
            }
        };
        let exchange = Exchange {
            request: request.digest,
            response: Some(said.digest),
            model: Some("m-1".to_owned()),
            ..Exchange::default()
        };
        let event = RunEvent::Ended {
            attempt: AttemptSpec {
                example,
                system,
                trial,
            },
            recorded_trial: None,
            end,
            exchange: Some(Box::new(exchange)),
        };
        (event, vec![request, said])
    }

    fn reused(session: &Session) -> Vec<(u32, u32, String)> {
        let events = session.log.events().map(|event| event.expect("sound").body);
        events
            .filter_map(|event| match event {
                RunEvent::Reused {
                    attempt,
                    end: AttemptEnd::Answered { response },
                    ..
                } => {
                    assert_eq!(attempt.system, Role::Candidate);
                    Some((attempt.example, attempt.trial, response.output))
                }
                _ => None,
            })
            .collect()
    }

    fn answers(of: &[(u32, u32)]) -> Vec<(u32, u32, String)> {
        of.iter()
            .map(|&(example, trial)| (example, trial, format!("it {example} {trial}")))
            .collect()
    }

    #[test]
    fn f19_only_answers_to_the_same_request_and_trial_are_taken_over() {
        let place = Place::new();
        place.earlier();
        let (loaded, session) = place.take_over();
        let all = answers(&[(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]);
        assert_eq!(reused(&session), all);
        let progress = session.log.progress().expect("progress");
        assert_eq!(
            outstanding(&session.plan, &progress).count(),
            7,
            "the error and the program's"
        );
        let judged = judge(&loaded, &session, &place.now).expect("judged");
        let row = &judged.view.denominators[0];
        assert_eq!((row.answered, row.reused), (5, 5));
        let text = gatewright_core::report::terminal(&judged.view, &place.console.options);
        assert!(text.contains("5 reused"), "{text}");
        assert!(text.lines().count() <= 25, "{text}");

        // Once more, from what was taken over itself: each answer once, and the first run is named.
        drop(session);
        let (_, session) = place.take_over();
        assert_eq!(reused(&session), all);
        let origins: BTreeSet<String> = session
            .log
            .events()
            .filter_map(|event| match event.expect("sound").body {
                RunEvent::Reused { from, .. } => Some(from),
                _ => None,
            })
            .collect();
        assert_eq!(origins.len(), 1);
        assert!(origins.iter().all(|from| from.starts_with("0001-")));
    }

    #[test]
    fn f19_another_request_or_system_has_no_earlier_answer() {
        let place = Place::new();
        place.earlier();
        let page = place.folder.path().join("gatewright.yaml");
        std::fs::write(&page, PAGE.replace("{{ input }}", "Please: {{ input }}")).expect("written");
        assert_eq!(reused(&place.take_over().1), []);
        std::fs::write(&page, PAGE).expect("written");
        let examples = place.folder.path().join("all.jsonl");
        let text = std::fs::read_to_string(&examples).expect("read");
        std::fs::write(&examples, text.replace("what is 1?", "what was 1?")).expect("written");
        assert_eq!(
            reused(&place.take_over().1),
            answers(&[(0, 0), (0, 1), (2, 0)])
        );
    }

    #[test]
    fn f19_what_was_changed_is_not_taken_over() {
        let place = Place::new();
        let run = place.earlier();
        // An event, and bytes that another was read from.
        place.change(
            &run,
            "UPDATE event SET body = replace(body, 'it 0 1', 'it 0 9') WHERE body LIKE '%it 0 1%'",
        );
        let digest = Blob::of(b"it candidate 1 0".to_vec()).digest.hex();
        place.change(
            &run,
            &format!("UPDATE blob SET bytes = x'00' WHERE digest = x'{digest}'"),
        );
        let digest = Blob::of(b"it candidate 1 1".to_vec()).digest.hex();
        place.change(
            &run,
            &format!("DELETE FROM blob WHERE digest = x'{digest}'"),
        );
        let (_, session) = place.take_over();
        assert_eq!(reused(&session), answers(&[(0, 0), (2, 0)]));
    }

    #[test]
    fn f27_a_run_of_two_models_holds_unless_the_page_allows_it() {
        let place = Place::new();
        let mut loaded = place.loaded();
        let mut session = place.begin(&mut loaded);
        let (event, bytes) = ended(Role::Candidate, 0, 0, false);
        session.log.append_with(&[event], &bytes, "").expect("kept");
        let mixed = |view: &gatewright_core::report::View| {
            view.invalid.iter().any(|why| why.contains("2 models"))
        };
        let judged = judge(&loaded, &session, &place.now).expect("judged");
        assert!(!mixed(&judged.view));
        let seen = RunEvent::ModelSeen {
            system: Role::Candidate,
            model: Some("m-2\u{1b}[31m".to_owned()),
            fingerprint: None,
        };
        session.log.append(&[seen], "").expect("kept");
        let judged = judge(&loaded, &session, &place.now).expect("judged");
        assert!(mixed(&judged.view), "{:?}", judged.view.invalid);
        assert_eq!(judged.view.answer, Answer::Hold);
        loaded.manifest.decision.mixed_models = gatewright_core::manifest::MixedModels::Allow;
        let judged = judge(&loaded, &session, &place.now).expect("judged");
        assert!(!mixed(&judged.view));
        let text = gatewright_core::report::terminal(&judged.view, &place.console.options);
        assert!(
            text.contains("was answered by 2 models") && !text.contains('\u{1b}'),
            "{text}"
        );
        let text = gatewright_core::report::markdown(&judged.view);
        assert!(text.contains("was answered by 2 models"), "{text}");
    }
}
