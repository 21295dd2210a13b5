//! The run log: durable, ordered, one writer.

use std::os::unix::fs::PermissionsExt;

use gatewright_core::digest::Digest;
use gatewright_core::event::RunEvent;
use gatewright_core::plan::RunOptions;
use gatewright_store::{RunLog, StoreError};
use tempfile::tempdir;

use crate::sample::{NOW, attempt, ended, exchanged, failed, reopened, reused, started, writer};

fn bodies(log: &RunLog) -> Vec<RunEvent> {
    log.events()
        .map(|event| event.expect("event").body)
        .collect()
}

#[test]
fn what_was_appended_comes_back_in_order_with_its_envelope() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    let batch = [started(0), started(1), ended(1, "one"), ended(0, "zero")];
    log.append(&batch[..2], NOW).expect("append");
    log.append(&batch[2..], "2026-01-02T03:04:06Z")
        .expect("append");
    drop(log);

    let log = RunLog::read_only(folder.path()).expect("read");
    let events: Vec<_> = log.events().collect::<Result<_, _>>().expect("events");
    assert_eq!(
        events.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    let third = &events[2];
    assert_eq!(third.body, batch[2]);
    assert_eq!(third.id, Digest::of_json(&third.body));
    assert_eq!(
        (
            third.stream.as_str(),
            third.writer.as_str(),
            third.actor.as_str()
        ),
        ("run", "gate", "ada")
    );
    assert_eq!(third.at, "2026-01-02T03:04:06Z");
    assert_eq!(log.last_seq(), 4);
    log.integrity_check().expect("sound");
}

#[test]
fn progress_folds_what_ended_and_what_may_have_been_paid_for() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    log.append(
        &[started(0), started(1), ended(0, "a"), ended(2, "recorded")],
        NOW,
    )
    .expect("append");
    let progress = log.progress().expect("progress");
    assert_eq!(
        progress.ended.into_iter().collect::<Vec<_>>(),
        [attempt(0, 0), attempt(2, 0)]
    );
    assert_eq!(
        progress.started.into_keys().collect::<Vec<_>>(),
        [attempt(1, 0)]
    );
}

#[test]
fn a_log_is_made_once_and_opened_after() {
    let folder = tempdir().expect("folder");
    let run = folder.path().join("runs/one");
    assert!(matches!(
        RunLog::open(&run, writer("gate")),
        Err(StoreError::Absent { .. })
    ));
    assert!(matches!(
        RunLog::read_only(&run),
        Err(StoreError::Absent { .. })
    ));
    drop(RunLog::create(&run, writer("gate")).expect("create"));
    assert!(matches!(
        RunLog::create(&run, writer("gate")),
        Err(StoreError::Exists { .. })
    ));
    let mut log = RunLog::open(&run, writer("gate")).expect("open");
    log.append(&[started(0)], NOW).expect("append");
    assert_eq!(bodies(&log), [started(0)]);
}

#[test]
fn f29_the_folder_and_its_files_are_the_owners_alone() {
    let folder = tempdir().expect("folder");
    let run = folder.path().join("run with ünicode");
    let mut log = RunLog::create(&run, writer("gate")).expect("create");
    log.append(&[started(0)], NOW).expect("append");
    let mode =
        |path: &std::path::Path| path.metadata().expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&run), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(&run).expect("list") {
        let path = entry.expect("entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert!(files >= 3, "database, write-ahead log and lease: {files}");
}

#[test]
fn f7_a_second_writer_is_refused_with_the_holders_name() {
    let folder = tempdir().expect("folder");
    let mut first = RunLog::create(folder.path(), writer("gatewright gate")).expect("create");
    let error = RunLog::open(folder.path(), writer("gatewright run")).expect_err("held");
    let text = error.to_string();
    assert!(matches!(error, StoreError::Held { .. }), "{text}");
    assert!(text.contains("gatewright gate"), "{text}");
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    assert!(text.contains(NOW) && text.contains("ada"), "{text}");

    first.append(&[started(0)], NOW).expect("first goes on");
    let reader = RunLog::read_only(folder.path()).expect("readers need no lease");
    assert_eq!(reader.last_seq(), 1);
    drop(first);
    let second = RunLog::open(folder.path(), writer("gatewright run")).expect("free now");
    assert_eq!(second.taken_over_from(), None);
}

#[test]
fn f7_a_lease_whose_process_is_gone_is_broken_and_named() {
    let folder = tempdir().expect("folder");
    drop(RunLog::create(folder.path(), writer("gate")).expect("create"));
    let dead = r#"{"name":"gatewright gate","actor":"bob","pid":1,"host":"h","since":"2025-12-31T00:00:00Z"}"#;
    std::fs::write(folder.path().join(RunLog::LEASE), dead).expect("lease");
    let log = RunLog::open(folder.path(), writer("gate")).expect("taken over");
    let holder = log.taken_over_from().expect("named");
    assert_eq!((holder.actor.as_str(), holder.pid), ("bob", 1));
    drop(log);
    std::fs::write(folder.path().join(RunLog::LEASE), b"\xff garbage {").expect("lease");
    RunLog::open(folder.path(), writer("gate")).expect("garbage holds nothing");
}

#[test]
fn a_reader_cannot_write() {
    let folder = tempdir().expect("folder");
    drop(RunLog::create(folder.path(), writer("gate")).expect("create"));
    let mut log = RunLog::read_only(folder.path()).expect("read");
    assert!(matches!(
        log.append(&[started(0)], NOW),
        Err(StoreError::ReadOnly { .. })
    ));
}

#[test]
fn a_copy_holds_what_was_there_when_it_was_made() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(&folder.path().join("run"), writer("gate")).expect("create");
    log.append(&[started(0), ended(0, "a")], NOW)
        .expect("append");
    let there = folder.path().join("copy");
    std::fs::create_dir(&there).expect("folder");
    log.copy_to(&there.join(RunLog::FILE)).expect("copy");
    log.append(&[started(1)], NOW).expect("append");
    let copy = RunLog::read_only(&there).expect("read");
    assert_eq!(bodies(&copy), [started(0), ended(0, "a")]);
    copy.integrity_check().expect("sound");
}

#[test]
fn f13_every_character_survives() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    let text = "nul \0 esc \u{1b}[31m bidi \u{202e} bom \u{feff} crlf \r\n astral 🜁 del \u{7f}";
    log.append(&[ended(0, text)], NOW).expect("append");
    assert_eq!(bodies(&log), [ended(0, text)]);
}

#[test]
fn f22_a_log_larger_than_the_read_ahead_streams() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    let large = "x".repeat(1 << 20);
    let batch: Vec<_> = (0..10).map(|i| ended(i, &large)).collect();
    log.append(&batch, NOW).expect("append");
    let small: Vec<_> = (10..9000).map(|i| ended(i, "y")).collect();
    log.append(&small, NOW).expect("append");
    assert_eq!(log.events().filter(Result::is_ok).count(), 9000);
    assert_eq!(log.progress().expect("progress").ended.len(), 9000);
}

#[test]
fn an_attempt_is_outstanding_when_it_was_reopened_last() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    log.append(
        &[
            started(0),
            failed(0),
            reopened(0),
            started(1),
            failed(1),
            reopened(1),
            started(1),
            ended(1, "later"),
            reused(2),
            started(3),
            failed(3),
            reopened(3),
            started(3),
        ],
        NOW,
    )
    .expect("append");
    let progress = log.progress().expect("progress");
    let outstanding: Vec<u32> = (0..5)
        .filter(|&i| progress.is_outstanding(&attempt(i, 0)))
        .collect();
    assert_eq!(outstanding, [0, 3, 4]);
    assert_eq!(
        progress.ended.len(),
        4,
        "what was reopened counts as it ended"
    );
    assert_eq!(
        progress.started.into_keys().collect::<Vec<_>>(),
        [attempt(3, 0)]
    );
    assert_eq!(
        log.superseded()
            .expect("superseded")
            .into_iter()
            .collect::<Vec<_>>(),
        [5]
    );
}

#[test]
fn options_stand_behind_the_seal_or_nowhere() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    assert!(log.options().expect("none").is_default());
    let options = RunOptions {
        trials: Some(3),
        ..RunOptions::default()
    };
    log.append(&[started(0), RunEvent::Options { options }], NOW)
        .expect("append");
    assert_eq!(log.options().expect("there"), options);
}

#[test]
fn a_conversation_goes_on_from_the_turns_that_came_back() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    log.append(
        &[
            started(0),
            exchanged(0, 0, Some("one")),
            exchanged(0, 1, None),
            exchanged(0, 1, Some("two")),
            started(1),
            exchanged(1, 0, Some("x")),
            ended(1, "done"),
            started(2),
            // Begun anew: what it said the first time is dropped.
            started(3),
            exchanged(3, 0, Some("old")),
            exchanged(3, 1, Some("old")),
            started(3),
            exchanged(3, 0, Some("new")),
            // Reopened: nothing of the time before its error.
            started(4),
            exchanged(4, 0, Some("old")),
            failed(4),
            reopened(4),
            started(4),
            exchanged(4, 0, Some("new")),
        ],
        NOW,
    )
    .expect("append");
    let begun = log.begun().expect("begun");
    let said: Vec<(u32, Vec<(u32, String)>)> = begun
        .into_iter()
        .map(|(attempt, turns)| {
            let turns = turns
                .into_iter()
                .map(|(exchange, response)| (exchange.step, response.output));
            (attempt.example, turns.collect())
        })
        .collect();
    let turn = |step, text: &str| (step, text.to_owned());
    assert_eq!(
        said,
        [
            (0, vec![turn(0, "one"), turn(1, "two")]),
            (3, vec![turn(0, "new")]),
            (4, vec![turn(0, "new")]),
        ]
    );
}

/// F19: what was changed is named, and what follows it can still be used.
#[test]
fn f19_sound_events_go_on_behind_one_that_was_changed() {
    let folder = tempdir().expect("folder");
    let mut log = RunLog::create(folder.path(), writer("gate")).expect("create");
    log.append(
        &[ended(0, "a"), ended(1, "b"), ended(2, "c"), ended(3, "d")],
        NOW,
    )
    .expect("append");
    drop(log);
    let raw = rusqlite::Connection::open(folder.path().join(RunLog::FILE)).expect("raw");
    raw.execute(
        "UPDATE event SET body = replace(body, '\"b\"', '\"B\"') WHERE seq = 2",
        [],
    )
    .expect("change");
    raw.execute("DELETE FROM event WHERE seq = 3", [])
        .expect("delete");
    drop(raw);
    let log = RunLog::read_only(folder.path()).expect("read");
    let seen: Vec<Result<u64, ()>> = log
        .sound_events()
        .map(|event| event.map(|event| event.seq).map_err(|_| ()))
        .collect();
    assert_eq!(seen, [Ok(1), Err(()), Ok(4)]);
    assert_eq!(log.events().filter(Result::is_ok).count(), 1);
}
