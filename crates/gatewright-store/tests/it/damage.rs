//! Damaged, foreign, changed and full: named, never guessed.

use std::path::Path;

use gatewright_store::{RunLog, StoreError};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use crate::sample::{NOW, chain, ended, started, writer};

/// Makes a run of a few hundred events, then changes its database behind the log's back.
fn changed_by(sql: &str) -> TempDir {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    let events: Vec<_> = (0..300).map(|i| ended(i, &"text ".repeat(50))).collect();
    log.append(&events, NOW).expect("append");
    drop(log);
    let connection = Connection::open(folder.path().join(RunLog::FILE)).expect("sqlite");
    connection.execute_batch(sql).expect("change");
    folder
}

fn first_error(folder: &Path) -> StoreError {
    RunLog::read_only(folder)
        .expect("opens")
        .integrity_check()
        .expect_err("wrong")
}

#[test]
fn a_changed_body_is_named_by_its_number() {
    let folder = changed_by("UPDATE event SET body = replace(body, 'text', 'teXt') WHERE seq = 7");
    let error = first_error(folder.path());
    assert!(
        matches!(error, StoreError::Changed { seq: 7, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("event 7"), "{error}");
}

#[test]
fn columns_that_say_something_else_than_the_body_are_found() {
    for sql in [
        "UPDATE event SET example = 9999 WHERE seq = 11",
        "UPDATE event SET kind = 'started' WHERE seq = 11",
        "UPDATE event SET system = 'production' WHERE seq = 11",
        "UPDATE event SET stream = 'project' WHERE seq = 11",
    ] {
        let error = first_error(changed_by(sql).path());
        assert!(
            matches!(error, StoreError::Changed { seq: 11, .. }),
            "{sql}: {error}"
        );
    }
}

#[test]
fn a_removed_event_is_missed() {
    let folder = changed_by("DELETE FROM event WHERE seq = 5");
    assert!(matches!(
        first_error(folder.path()),
        StoreError::Gap { seq: 5, .. }
    ));
}

#[test]
fn f20_a_newer_event_or_file_is_refused_by_version() {
    let folder = changed_by("UPDATE event SET format = 9 WHERE seq = 3");
    let error = first_error(folder.path());
    assert!(
        matches!(
            error,
            StoreError::Unreadable {
                seq: 3,
                format: 9,
                ..
            }
        ),
        "{error}"
    );
    let folder = changed_by("PRAGMA user_version = 41");
    for error in [
        RunLog::read_only(folder.path()).expect_err("newer"),
        RunLog::open(folder.path(), writer("gate")).expect_err("newer"),
    ] {
        assert!(
            matches!(error, StoreError::Newer { found: 41, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("schema 41"), "{error}");
    }
}

#[test]
fn files_that_are_no_log_are_refused_and_left_alone() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join(RunLog::FILE);
    let text = b"just some notes, much longer than one hundred bytes ".repeat(10);
    std::fs::write(&path, &text).expect("write");
    let error = RunLog::open(folder.path(), writer("gate")).expect_err("text");
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&path).expect("bytes"), text);

    std::fs::remove_file(&path).expect("remove");
    Connection::open(&path)
        .expect("sqlite")
        .execute_batch("CREATE TABLE recipes (name TEXT)")
        .expect("another program's database");
    let before = std::fs::read(&path).expect("bytes");
    for result in [
        RunLog::open(folder.path(), writer("gate")),
        RunLog::read_only(folder.path()),
    ] {
        let error = result.expect_err("foreign");
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
    assert_eq!(std::fs::read(&path).expect("bytes"), before);
}

#[test]
fn f4_a_truncated_or_scrambled_file_is_an_error_and_never_a_short_log() {
    let whole = changed_by("VACUUM");
    let bytes = std::fs::read(whole.path().join(RunLog::FILE)).expect("bytes");
    let cuts = [50, 512, 4096, 4097, bytes.len() / 2, bytes.len() - 4096];
    for cut in cuts {
        let folder = tempdir().expect("folder");
        std::fs::write(folder.path().join(RunLog::FILE), &bytes[..cut]).expect("write");
        let outcome = RunLog::read_only(folder.path()).and_then(|log| log.integrity_check());
        let error = outcome.expect_err("cut");
        assert!(!chain(&error).is_empty(), "{cut}");
    }
    for at in (4096..bytes.len()).step_by(8192) {
        let folder = tempdir().expect("folder");
        let mut scrambled = bytes.clone();
        for byte in &mut scrambled[at..at + 64] {
            *byte ^= 0x5a;
        }
        std::fs::write(folder.path().join(RunLog::FILE), scrambled).expect("write");
        let outcome = RunLog::read_only(folder.path()).and_then(|log| log.integrity_check());
        // Bytes that no event uses may be scrambled without harm; then every event must still be there.
        if outcome.is_ok() {
            let log = RunLog::read_only(folder.path()).expect("opens");
            assert_eq!(log.events().filter(Result::is_ok).count(), 300, "at {at}");
        }
    }
}

#[test]
fn a2_a_link_is_not_followed() {
    let folder = tempdir().expect("folder");
    let elsewhere = folder.path().join("elsewhere.db");
    let run = folder.path().join("run");
    std::fs::create_dir(&run).expect("folder");
    std::fs::write(&elsewhere, b"").expect("file");
    std::os::unix::fs::symlink(&elsewhere, run.join(RunLog::FILE)).expect("link");
    let error = RunLog::open(&run, writer("gate")).expect_err("link");
    assert!(matches!(error, StoreError::Link { .. }), "{error}");
    assert_eq!(std::fs::read(&elsewhere).expect("bytes"), b"");
}

#[test]
fn f3_f4_after_a_failed_write_nothing_counts_and_nothing_more_is_taken() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    log.append(&[started(0)], NOW).expect("append");
    // A trigger stands for the disk that refuses in the middle of a batch.
    Connection::open(folder.path().join(RunLog::FILE))
        .expect("sqlite")
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON event WHEN NEW.seq = 3 BEGIN SELECT raise(ABORT, 'disk is full'); END",
        )
        .expect("trigger");
    let error = log
        .append(&[ended(0, "a"), started(1), started(2)], NOW)
        .expect_err("refused");
    assert!(
        matches!(error, StoreError::Append { events: 3, .. }),
        "{error}"
    );
    assert!(chain(&error).contains("disk is full"), "{}", chain(&error));
    assert!(matches!(
        log.append(&[started(9)], NOW),
        Err(StoreError::Broken { .. })
    ));
    drop(log);
    Connection::open(folder.path().join(RunLog::FILE))
        .expect("sqlite")
        .execute_batch("DROP TRIGGER full")
        .expect("space returns");
    let mut log = RunLog::open(folder.path(), writer("gate")).expect("resumes");
    assert_eq!(log.last_seq(), 1, "nothing of the batch counts");
    log.append(&[ended(0, "a")], NOW).expect("append");
    log.integrity_check().expect("sound");
}

#[test]
fn f2_a_torn_write_ahead_log_leaves_whole_batches_from_the_start() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    for batch in 0..40 {
        let events: Vec<_> = (batch * 5..batch * 5 + 5)
            .map(|i| ended(i, "text"))
            .collect();
        log.append(&events, NOW).expect("append");
    }
    // What a power cut leaves: the database as it was, and some of the write-ahead log.
    let database = std::fs::read(folder.path().join(RunLog::FILE)).expect("bytes");
    let ahead = std::fs::read(folder.path().join("run.db-wal")).expect("bytes");
    let mut counts = Vec::new();
    for cut in (0..=ahead.len()).step_by(ahead.len() / 23) {
        let torn = tempdir().expect("folder");
        std::fs::write(torn.path().join(RunLog::FILE), &database).expect("write");
        std::fs::write(torn.path().join("run.db-wal"), &ahead[..cut]).expect("write");
        let log = RunLog::open(torn.path(), writer("gate")).expect("opens");
        log.integrity_check().expect("sound");
        assert_eq!(
            log.last_seq() % 5,
            0,
            "a batch is there as a whole or not at all"
        );
        counts.push(log.last_seq());
    }
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!(counts.first(), Some(&0));
    assert!(*counts.last().expect("cuts") >= 180, "{counts:?}");
}
