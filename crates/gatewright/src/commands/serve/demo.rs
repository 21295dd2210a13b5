//! `gatewright serve --demo`: the shipped example, decided, with a criterion of which two people have labelled half.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatewright_core::review::{Entry, Origin, ReviewEvent};
use gatewright_store::Accounts;

use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::{DeskLog, writer};
use crate::project::{PAGE, Project};

/// Answers that are asked about: both to each question on which the candidate and production differ.
const ANSWERS: &str = "60";
/// The exit code of an answer that holds a release back (docs/exit-codes.md).
const HELD: i32 = 100;
/// Answers that the first and the second person have labelled.
const LABELLED: [usize; 2] = [30, 24];
/// Who is there: name, role. Whoever may label sees no release whose answers wait to be labelled; a viewer does.
const PEOPLE: [(&str, &str); 4] = [
    ("ana", "reviewer"),
    ("ben", "reviewer"),
    ("cleo", "owner"),
    ("vera", "viewer"),
];
/// The criterion that people label.
const CRITERION: &str = "criteria:
  tone:                     # how it is said: two people label every answer
    grader:
      label:
        from: reviewed.jsonl
        by: person
        rubric: tone-1
        values: {pass: [kind, plain], fail: {cold: scope-mismatch, blaming: scope-mismatch}}
    fails_as: scope-mismatch
";

/// A project in a folder of its own, which goes with it.
pub(super) struct Demo {
    folder: PathBuf,
    /// What everybody in it logs in with.
    pub(super) password: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Demo {
    /// Makes the project, runs it and labels half of it.
    ///
    /// # Errors
    /// When the folder cannot be written, or the example's program does not run.
    pub(super) fn make(now: &Now) -> Result<Self, Failure> {
        let demo = Self {
            folder: std::env::temp_dir().join(format!("gatewright-demo-{}", super::code()?)),
            password: format!("{}-{}", super::code()?, super::code()?),
        };
        private(&demo.folder).map_err(|error| cannot(&demo.folder, &error))?;
        demo.own(&["init", ".", "--example", "billing-support"])?;
        let page = demo.folder.join(PAGE);
        let text = std::fs::read_to_string(&page).map_err(|error| cannot(&page, &error))?;
        let text = text.replacen("criteria:\n", CRITERION, 1);
        std::fs::write(&page, text).map_err(|error| cannot(&page, &error))?;
        let labels = demo.folder.join("reviewed.jsonl");
        std::fs::write(&labels, "").map_err(|error| cannot(&labels, &error))?;
        demo.own(&["gate", "--repeat", "1", "--quiet"])?;
        let ask = ["review", "ask", "--policy", "flips", "--criterion", "tone"];
        demo.own(&[&ask[..], &["--at-most", ANSWERS]].concat())?;
        demo.label(now)?;
        Ok(demo)
    }

    /// Finds the project.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn project(&self) -> Result<Project, Failure> {
        Project::find(None, None, &[], &self.folder)
    }

    /// Gives everybody in it an account.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn accounts(&self, accounts: &Accounts, now: &Now) -> Result<(), Failure> {
        for (name, role) in PEOPLE {
            let mut salt = [0; 16];
            super::fill(&mut salt)?;
            let hash = gatewright_web::password_hash(&self.password, &salt);
            let hash = hash.map_err(|why| Failure::usage(format!("no password: {why}")))?;
            accounts.add(name, role, (&hash, false), &now.at)?;
        }
        Ok(())
    }

    /// Runs this program in the folder.
    fn own(&self, arguments: &[&str]) -> Result<(), Failure> {
        let program = std::env::current_exe().map_err(|error| cannot(&self.folder, &error))?;
        let kept = ["PATH", "HOME"];
        let kept = kept
            .iter()
            .filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let ran = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(kept)
            .output()
            .map_err(|error| cannot(&self.folder, &error))?;
        // The example is held: that is what there is to look at.
        let held = arguments[0] == "gate" && ran.status.code() == Some(HELD);
        if held || ran.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        Err(Failure::usage("the example does not run")
            .why(said.trim().to_owned())
            .next("python3, which answers in the example"))
    }

    fn label(&self, now: &Now) -> Result<(), Failure> {
        let mut log = DeskLog::open(&self.project()?, writer("gatewright serve --demo", now))?;
        let desk = log.refresh()?;
        let mut events = Vec::new();
        for (place, entry) in desk.entries().iter().enumerate() {
            for (person, ((by, _), labelled)) in PEOPLE.iter().zip(LABELLED).enumerate() {
                if place < labelled {
                    events.push(ReviewEvent::Labelled {
                        item: entry.id,
                        label: heard(entry, person).to_owned(),
                        by: (*by).to_owned(),
                        note: String::new(),
                        settles: false,
                        origin: Origin::Here,
                        at: now.at.clone(),
                    });
                }
            }
        }
        log.record_all(events, &now.at)?;
        Ok(())
    }
}

/// How an answer sounds to one of the two: the second finds short ones cold.
fn heard(entry: &Entry, person: usize) -> &'static str {
    let answer = entry.item.output.as_deref().unwrap_or_default();
    match answer {
        _ if answer.contains("sorry") => "kind",
        _ if person == 1 && answer.chars().count() < 90 => "cold",
        _ => "plain",
    }
}

fn private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot write `{}`", path.display())).why(error.to_string())
}
