//! Files of earlier schemas, as the programs of their time wrote them.

use gatewright_core::digest::Digest;
use gatewright_core::event::RunEvent;
use gatewright_core::exchange::Blob;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::AttemptEnd;
use gatewright_store::{RunLog, StoreError};
use rusqlite::{Connection, params};
use tempfile::{TempDir, tempdir};

use crate::sample::{NOW, writer};

/// Schema 1, to the letter: it was released, and is never edited.
const SCHEMA_1: &str = "
CREATE TABLE event (
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  format INTEGER NOT NULL,
  id TEXT NOT NULL,
  stream TEXT NOT NULL,
  writer TEXT NOT NULL,
  actor TEXT NOT NULL,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  example INTEGER,
  system TEXT,
  trial INTEGER,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX event_attempt ON event (example, system, trial, kind) WHERE example IS NOT NULL;
PRAGMA application_id = 1196913201;
PRAGMA user_version = 1;
";

/// A row as that program wrote it: kind, attempt, body.
type Row = (&'static str, Option<(u32, &'static str, u32)>, &'static str);

const ROWS: [Row; 4] = [
    (
        "started",
        Some((0, "candidate", 0)),
        r#"{"attempt":{"example":0,"system":"candidate","trial":0},"event":"started"}"#,
    ),
    (
        "ended",
        Some((0, "candidate", 0)),
        r#"{"attempt":{"example":0,"system":"candidate","trial":0},"end":{"ended":"answered","response":{"latency_ms":12.75,"output":"zwölf","usage":{}}},"event":"ended"}"#,
    ),
    (
        "started",
        Some((1, "production", 0)),
        r#"{"attempt":{"example":1,"system":"production","trial":0},"event":"started"}"#,
    ),
    (
        "stderr",
        None,
        r#"{"event":"stderr","line":"a line","system":"production"}"#,
    ),
];

fn written_by_schema_1() -> TempDir {
    let folder = tempdir().expect("folder");
    let old = Connection::open(folder.path().join(RunLog::FILE)).expect("sqlite");
    old.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
        .expect("journal");
    old.execute_batch(SCHEMA_1).expect("schema 1");
    for (seq, (kind, attempt, body)) in (1..).zip(ROWS) {
        old.execute(
            "INSERT INTO event VALUES (?1, 1, ?2, 'run', 'gatewright gate', 'ada', ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                seq,
                Digest::of(body.as_bytes()).to_string(),
                NOW,
                kind,
                attempt.map(|(example, ..)| example),
                attempt.map(|(_, system, _)| system),
                attempt.map(|(.., trial)| trial),
                body,
            ],
        )
        .expect("a row");
    }
    folder
}

fn require_whole(log: &RunLog) {
    let bodies: Vec<RunEvent> = log
        .events()
        .map(|event| event.expect("sound").body)
        .collect();
    assert_eq!(bodies.len(), ROWS.len());
    let RunEvent::Ended {
        end: AttemptEnd::Answered { response },
        exchange: None,
        ..
    } = &bodies[1]
    else {
        panic!("{:?}", bodies[1]);
    };
    assert_eq!(
        (response.output.as_str(), response.latency_ms),
        ("zwölf", Some(12.75))
    );
    let attempt = |example, system| AttemptSpec {
        example,
        system,
        trial: 0,
    };
    let progress = log.progress().expect("progress");
    assert_eq!(
        progress.ended.iter().copied().collect::<Vec<_>>(),
        [attempt(0, Role::Candidate)]
    );
    assert_eq!(
        progress.started.keys().copied().collect::<Vec<_>>(),
        [attempt(1, Role::Production)]
    );
    assert!(log.options().expect("options").is_default());
    assert!(log.superseded().expect("superseded").is_empty());
    log.integrity_check().expect("sound");
}

/// F20: an older file is read, copied before it is changed, and says the same after.
#[test]
fn f20_a_run_of_schema_1_is_migrated_with_a_copy_and_reads_the_same() {
    let folder = written_by_schema_1();
    let refused = RunLog::read_only(folder.path()).expect_err("must be migrated first");
    assert!(
        matches!(
            refused,
            StoreError::Older {
                found: 1,
                known: 2,
                ..
            }
        ),
        "{refused}"
    );

    let mut log = RunLog::open(folder.path(), writer("gate")).expect("migrates");
    require_whole(&log);
    let copy = folder.path().join("run.db.schema-1");
    let old = Connection::open(copy).expect("the copy");
    let version: i64 = old
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .expect("version");
    let rows: i64 = old
        .query_row("SELECT count(*) FROM event", [], |row| row.get(0))
        .expect("rows");
    assert_eq!((version, rows), (1, 4));

    // And it takes what only the newer schema knows.
    let blob = Blob::of(b"bytes ".repeat(100));
    log.append_with(&[], std::slice::from_ref(&blob), NOW)
        .expect("kept");
    drop(log);
    let log = RunLog::read_only(folder.path()).expect("reads");
    require_whole(&log);
    assert_eq!(log.blob(&blob.digest).expect("read"), Some(blob.bytes));
    assert_eq!(log.blobs().expect("listed"), [blob.digest]);
}
