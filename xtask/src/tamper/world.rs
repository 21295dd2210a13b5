//! The project that is tampered with: decided, looked at, triaged, signed by two persons, with kept bytes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::repository::{self, Failure};

/// Examples of each task.
const PER_TASK: usize = 4;
/// The time of everything.
const NOW: &str = "2026-11-23T09:00:00Z";

const PAGE: &str = r#"gatewright: 1
product: demo
promise: {does: Answer questions about colours., for: painters, evidence: the colour book, when_not_ready: ask}
tasks: {warm: Warm colours, cold: Cold colours}
failures:
  unsupported-claim: {severity: high, cost: 10 USD, owner: team, repair: "the colour book"}
owners: {team: {name: Colour team}}
decision: {question: "Release?", decided_by: team, standard: unbroken, sign: {persons: 2}}
systems:
  candidate: {recorded: runs/candidate.jsonl}
  production: {recorded: runs/production.jsonl}
reference: [reference/*.jsonl]
criteria:
  right: {grader: {contains: {}}, fails_as: unsupported-claim}
gate:
  - {id: no-task-breaks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}
"#;

/// Puts kept bytes into a run as those of a live system would be: some packed bytes are as good as any, their digest is what counts.
const KEEP: &str = "import hashlib, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for index in range(12):
    kept = (b'what came back, number %d. ' % index) * (1 + 7 * index)
    db.execute('INSERT INTO blob VALUES (?, 0, ?, ?)', (hashlib.sha256(kept).digest(), len(kept), kept))
db.commit()
db.execute('PRAGMA wal_checkpoint(TRUNCATE)')";

/// Runs the program in a folder with a fixed time and none of the user's settings.
pub(super) fn run(binary: &Path, folder: &Path, arguments: &[&str]) -> Result<Output, Failure> {
    Ok(repository::program(binary, folder, NOW)
        .args(arguments)
        .output()?)
}

/// Makes the project and its record; returns the state folder and the record in it.
pub(super) fn make(binary: &Path, folder: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let _ = fs::remove_dir_all(folder);
    let (mut reference, mut right, mut wrong) = (String::new(), String::new(), String::new());
    for task in ["cold", "warm"] {
        for index in 0..PER_TASK {
            let id = format!("{task}-{index}");
            writeln!(
                reference,
                r#"{{"id":"{id}","input":"what is {id}?","segments":{{"task":"{task}"}},"expect":{{"contains":["{id}"]}},"provenance":{{"kind":"policy","added":"2026-10-01"}}}}"#
            )?;
            writeln!(right, r#"{{"example":"{id}","output":"it is {id}"}}"#)?;
            let said = if task == "warm" { "no idea" } else { &id };
            writeln!(wrong, r#"{{"example":"{id}","output":"it is {said}"}}"#)?;
        }
    }
    let files = [
        ("gatewright.yaml", PAGE),
        ("reference/all.jsonl", &reference),
        ("runs/production.jsonl", &right),
        ("runs/candidate.jsonl", &wrong),
    ];
    repository::write_files(folder, &files)?;
    let must = |codes: &[i32], arguments: &[&str]| -> Result<(), Failure> {
        let output = run(binary, folder, arguments)?;
        match codes.contains(&output.status.code().unwrap_or(-1)) {
            true => Ok(()),
            false => Err(format!(
                "`gatewright {}` ended with {:?}: {}",
                arguments.join(" "),
                output.status.code(),
                String::from_utf8_lossy(&output.stderr)
            )
            .into()),
        }
    };
    must(&[100, 110], &["gate"])?;
    let state = folder.join(".gatewright");
    let log = only(&state.join("runs"))?.join("run.db");
    let kept = Command::new("python3")
        .args(["-c", KEEP])
        .arg(&log)
        .status()?;
    if !kept.success() {
        return Err("no kept bytes could be put into the run".into());
    }
    for person in ["ana", "ben"] {
        must(
            &[0],
            &[
                "key",
                "new",
                "--identity",
                person,
                "-o",
                &format!("{person}.pem"),
            ],
        )?;
    }
    let cause = [
        "triage",
        "set",
        "warm-0",
        "--criterion",
        "right",
        "--cause",
        "unsupported-claim",
    ];
    must(
        &[0],
        &[
            &cause[..],
            &["--author", "ana", "--reason", "the book does not say so"],
        ]
        .concat(),
    )?;
    must(&[0], &["diff", "--not-looked-at", "--looked-by", "ben"])?;
    for (person, reason) in [
        ("ana", "as the gate says"),
        ("ben", "I have read all of them"),
    ] {
        must(
            &[0],
            &[
                "sign",
                "--key",
                &format!("{person}.pem"),
                "--reason",
                reason,
            ],
        )?;
    }
    must(&[0], &["verify", "--require", "hold,not-enough-evidence"])?;
    let record = only(&state.join("records"))?;
    Ok((state, record))
}

fn only(folder: &Path) -> Result<PathBuf, Failure> {
    let mut entries = fs::read_dir(folder)?;
    let first = entries.next().ok_or("an empty folder")??;
    Ok(first.path())
}
