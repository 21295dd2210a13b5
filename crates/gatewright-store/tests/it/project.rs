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
