//! The project log: many writers, each event once.

use gatewright_core::digest::Digest;
use gatewright_core::event::ProjectEvent;
use gatewright_core::manifest::Role;
use gatewright_store::{ProjectLog, StoreError};
use tempfile::tempdir;

use crate::sample::{NOW, writer};

fn triaged(example: &str) -> ProjectEvent {
    ProjectEvent::Triaged {
        run: "run-1".to_owned(),
        example: example.to_owned(),
        system: Role::Candidate,
        criterion: "grounded".to_owned(),
        response: Some(Digest::of(b"response")),
        cause: "noise".to_owned(),
        author: "ada".to_owned(),
        reason: "reads the same".to_owned(),
        at: NOW.to_owned(),
    }
}

#[test]
fn f17_an_event_is_kept_once_however_often_it_is_sent() {
    let folder = tempdir().expect("folder");
    let mut log = ProjectLog::open(folder.path(), writer("triage")).expect("open");
    assert_eq!(
        log.append(&[triaged("a"), triaged("b")], NOW)
            .expect("append"),
        2
    );
    assert_eq!(
        log.append(
            &[triaged("b"), triaged("c"), triaged("c")],
            "2027-01-01T00:00:00Z"
        )
        .expect("append"),
        1
    );
    let events: Vec<_> = ProjectLog::read_only(folder.path())
        .expect("read")
        .events()
        .collect::<Result<_, _>>()
        .expect("events");
    assert_eq!(
        events.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(events[1].at, NOW, "the first writing counts");
    assert_eq!(events[2].body, triaged("c"));
    log.integrity_check().expect("sound");
}

#[test]
fn f7_many_writers_wait_for_each_other() {
    let folder = tempdir().expect("folder");
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let dir = folder.path().to_owned();
            std::thread::spawn(move || {
                for i in 0..20 {
                    let mut log = ProjectLog::open(&dir, writer("triage")).expect("open");
                    log.append(&[triaged(&format!("{thread}-{i}")), triaged("shared")], NOW)
                        .expect("append");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no writer failed");
    }
    let log = ProjectLog::read_only(folder.path()).expect("read");
    assert_eq!(log.events().filter(Result::is_ok).count(), 8 * 20 + 1);
    log.integrity_check().expect("sound");
}

#[test]
fn a_run_log_is_no_project_log() {
    let folder = tempdir().expect("folder");
    drop(gatewright_store::RunLog::create(folder.path(), writer("gate")).expect("create"));
    std::fs::rename(
        folder.path().join(gatewright_store::RunLog::FILE),
        folder.path().join(ProjectLog::FILE),
    )
    .expect("rename");
    let error = ProjectLog::open(folder.path(), writer("triage")).expect_err("foreign");
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[test]
fn a27_every_column_is_in_the_chain() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join(ProjectLog::FILE);
    let mut log = ProjectLog::open(folder.path(), writer("triage")).expect("open");
    log.append(&[triaged("a"), triaged("b"), triaged("c")], NOW)
        .expect("append");
    let told = log.checkpoint().expect("a checkpoint");
    assert_eq!(told.size, 3);
    drop(log);
    let log = ProjectLog::read_only(folder.path()).expect("read");
    let mut computed = gatewright_core::record::Checkpoint::default();
    for event in log.events() {
        computed.take(&event.expect("sound"));
    }
    assert_eq!(computed, told);
    drop(log);
    for change in [
        "at = 'x'",
        "actor = 'x'",
        "writer = 'x'",
        "link = 'x'",
        "link = replace(link, substr(link, 1, 1), 'g')",
    ] {
        let other = tempdir().expect("folder");
        std::fs::copy(&path, other.path().join(ProjectLog::FILE)).expect("copied");
        let raw = rusqlite::Connection::open(other.path().join(ProjectLog::FILE)).expect("sqlite");
        raw.execute(&format!("UPDATE event SET {change} WHERE seq = 2"), [])
            .expect("changed");
        drop(raw);
        let log = ProjectLog::read_only(other.path()).expect("read");
        let error = log.integrity_check().expect_err(change);
        assert!(
            matches!(error, StoreError::Changed { seq: 2, .. }),
            "{change}: {error}"
        );
    }
}

#[test]
fn f20_a_log_without_links_gets_them() {
    let folder = tempdir().expect("folder");
    let mut log = ProjectLog::open(folder.path(), writer("triage")).expect("open");
    log.append(&[triaged("a"), triaged("b")], NOW)
        .expect("append");
    let told = log.checkpoint().expect("a checkpoint");
    drop(log);
    // The file as schema 1 had it: the same rows, without the column.
    let path = folder.path().join(ProjectLog::FILE);
    let raw = rusqlite::Connection::open(&path).expect("sqlite");
    raw.execute_batch("ALTER TABLE event DROP COLUMN link; PRAGMA user_version = 1;")
        .expect("older");
    drop(raw);
    let error = ProjectLog::read_only(folder.path()).expect_err("older");
    assert!(
        matches!(error, StoreError::Older { found: 1, .. }),
        "{error}"
    );
    let mut log = ProjectLog::open(folder.path(), writer("triage")).expect("migrates");
    assert_eq!(log.checkpoint().expect("a checkpoint"), told);
    log.append(&[triaged("c")], NOW).expect("append");
    log.integrity_check().expect("sound");
    assert!(folder.path().join("project.db.schema-1").exists());
}
