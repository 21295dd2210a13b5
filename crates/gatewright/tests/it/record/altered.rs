//! Whatever is changed, cut or put back is named, and nothing that does not follow is believed.

use super::*;

#[test]
fn a27_whatever_is_changed_is_named() {
    let project = signed();
    let state = state(&project);
    let whole = project.project().join("whole");
    copy(&state, &whole);
    let record = folder(&project, "records", 1);
    let run = folder(&project, "runs", 1).join("run.db");
    let log = state.join("project.db");
    let restored = || {
        std::fs::remove_dir_all(&state).expect("removed");
        copy(&whole, &state);
        let _ = project.run(&["verify"]).expect(0);
    };
    let file = |name: &str| record.join(name);
    type Change = fn(&Path);
    let flip: Change = |path| {
        let mut bytes = std::fs::read(path).expect("a file");
        bytes[40] ^= 1;
        std::fs::write(path, bytes).expect("written");
    };
    let lie: Change = |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        std::fs::write(path, text.replace("\"hold\"", "\"ship\"")).expect("written");
    };
    let make: Change = |path| std::fs::write(path, "").expect("written");
    let remove: Change = |path| std::fs::remove_file(path).expect("removed");
    let of_files = [
        (
            flip,
            "files/reference/all.jsonl",
            "file:reference/all.jsonl",
        ),
        (make, "files/incidents.jsonl", "file:incidents.jsonl"),
        (
            remove,
            "files/runs/candidate.jsonl",
            "file:runs/candidate.jsonl",
        ),
        (lie, "proposal.json", "proposal"),
    ];
    for (change, path, named) in of_files {
        change(&file(path));
        let verify = project.run(&["verify"]).expect(112);
        assert!(verify.stderr.contains(named), "{path}\n{verify}");
        restored();
    }
    // Any SQLite tool, also with the hashes of bodies computed again.
    let of_logs = [
        (
            &run,
            "UPDATE event SET body = replace(body, 'no idea', 'warm-00') WHERE kind = 'ended'; UPDATE event SET id = digest(body)",
            "run:events",
        ),
        (
            &run,
            "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
            "were recorded",
        ),
        (
            &run,
            "UPDATE event SET actor = 'eve' WHERE seq = 1",
            "run:events",
        ),
        (&log, "DELETE FROM event WHERE seq = 3", "event 3 of"),
        (
            &log,
            "UPDATE event SET seq = 1000 WHERE seq = 3; UPDATE event SET seq = 3 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = 1000",
            "event 3 of",
        ),
        (
            &log,
            "UPDATE event SET actor = 'eve' WHERE seq = 2",
            "event 2 of",
        ),
        (
            &log,
            "DELETE FROM event WHERE kind IN ('decided', 'signed')",
            "the project's log does not have it",
        ),
        (
            &log,
            "UPDATE event SET body = replace(body, 'warm colours', 'cold colours') WHERE kind = 'signed'; UPDATE event SET id = digest(body)",
            "its link does not follow",
        ),
    ];
    for (path, sql, named) in of_logs {
        edit(path, sql);
        let verify = project.run(&["verify"]).expect(112);
        assert!(verify.stderr.contains(named), "{sql}\n{verify}");
        restored();
    }
}

#[test]
fn a27_f30_an_older_log_is_found_against_a_checkpoint() {
    let project = signed();
    let state = state(&project);
    let older = project.project().join("older");
    copy(&state, &older);
    let _ = project.run(&["key", "new", "--identity", "ben"]).expect(0);
    let json_of = |arguments: &[&str], code| json(&project.run(arguments).expect(code));
    let newer = json_of(&["verify", "--json"], 0)["checkpoint"].clone();
    let newer = newer.as_str().expect("a checkpoint").to_owned();
    std::fs::remove_dir_all(&state).expect("removed");
    copy(&older, &state);
    // Sound in itself: only somebody who kept the checkpoint can tell.
    let _ = project.run(&["verify"]).expect(0);
    let rolled = project.run(&["verify", "--against", &newer]).expect(112);
    assert!(
        rolled.stderr.contains("an older copy was put in its place"),
        "{rolled}"
    );
    // Another history of the same length.
    let _ = project.run(&["key", "new", "--identity", "eve"]).expect(0);
    let other = project.run(&["verify", "--against", &newer]).expect(112);
    assert!(
        other.stderr.contains("another history up to event"),
        "{other}"
    );
    let wrong = project.run(&["verify", "--against", "12"]).expect(2);
    assert!(wrong.stderr.contains("SIZE:HEX"), "{wrong}");
}

#[test]
fn f30_an_export_is_verified_without_the_project() {
    let project = signed();
    let _ = project.run(&["verify", "--export", "kept"]).expect(0);
    let twice = project.run(&["verify", "--export", "kept"]).expect(2);
    assert!(twice.stderr.contains("cannot export"), "{twice}");
    let elsewhere = project
        .project()
        .parent()
        .expect("a parent")
        .join("elsewhere");
    copy(&project.project().join("kept"), &elsewhere);
    std::fs::remove_dir_all(project.project()).expect("gone");
    let record = std::fs::read_dir(elsewhere.join("records"))
        .expect("records")
        .next();
    let record = record.expect("one").expect("an entry").path();
    let there = |path: &Path| {
        project
            .command(&["verify", &path.display().to_string()])
            .current_dir(&elsewhere)
            .output()
            .expect("runs")
    };
    for path in [record.clone(), record.join("record.json")] {
        let verified = there(&path);
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert_eq!(verified.status.code(), Some(0), "{said}");
    }
}

#[test]
fn a28_an_envelope_that_is_not_ours_is_refused() {
    let project = signed();
    let path = folder(&project, "records", 1).join("record.json");
    let good = std::fs::read_to_string(&path).expect("a record");
    let (envelope, _) = Envelope::read(good.as_bytes()).expect("an envelope");
    let stranger = SecretKey::of_seed(&[9; 32]);
    let with = |change: &dyn Fn(&mut Envelope)| {
        let mut other = envelope.clone();
        change(&mut other);
        other.write()
    };
    let cases = [
        (good.replace("in-toto+json", "other+json"), "is expected"),
        (
            with(&|other| other.signatures[0].keyid = stranger.public().id()),
            "not in the project's list",
        ),
        (
            with(&|other| {
                let twice = other.signatures[0].clone();
                other.signatures.push(twice);
            }),
            "key is there twice",
        ),
        (
            with(&|other| {
                other.signatures.push(Signature {
                    keyid: stranger.public().id(),
                    sig: stranger.sign(&other.signed()),
                });
            }),
            "not in the project's list",
        ),
        (with(&|other| other.payload[20] ^= 1), "over these bytes"),
        (
            with(&|other| other.signatures[0].sig[5] ^= 1),
            "over these bytes",
        ),
        (with(&|other| other.signatures.clear()), "nobody signed it"),
        (
            good.replace("\"payload\":", "\"payload\":\"e30=\",\"payload\":"),
            "occurs twice",
        ),
    ];
    for (text, named) in cases {
        std::fs::write(&path, text).expect("written");
        let refused = project.run(&["verify"]).expect(112);
        assert!(refused.stderr.contains(named), "{named}\n{refused}");
    }
    // What the standard lets others add is ignored, and shown.
    std::fs::write(
        &path,
        good.replace("{\"payload\":", "{\"note\":1,\"payload\":"),
    )
    .expect("written");
    let noted = project.run(&["verify"]).expect(0);
    assert!(noted.stdout.contains("`note` is not known"), "{noted}");
}

/// Whoever holds a listed key can sign anything: the decision is computed again, and a false one is found.
#[test]
fn a29_a_signed_record_that_does_not_follow_from_its_evidence_is_found() {
    let project = signed();
    let record = folder(&project, "records", 1);
    let read = |name: &str| std::fs::read_to_string(record.join(name)).expect("a file");
    let secret = std::fs::read_to_string(key(&project, "ana")).expect("a key");
    let secret = SecretKey::read(&secret).expect("a key");
    let (mut envelope, _) = Envelope::read(read("record.json").as_bytes()).expect("an envelope");
    let (mut statement, _) = Statement::read(&envelope.payload).expect("a statement");
    let forged = read("proposal.json").replace("\"answer\":\"hold\"", "\"answer\":\"ship\"");
    std::fs::write(record.join("proposal.json"), &forged).expect("written");
    statement.predicate.answer = gatewright_core::decide::Answer::Ship;
    statement.predicate.proposed = statement.predicate.answer;
    for subject in &mut statement.subject {
        if subject.name == "proposal" {
            let digest = Digest::of(forged.as_bytes()).hex();
            subject.digest.insert("sha256".to_owned(), digest);
        }
    }
    envelope.payload = statement.write();
    let sig = secret.sign(&envelope.signed());
    envelope.signatures[0].sig = sig.clone();
    std::fs::write(record.join("record.json"), envelope.write()).expect("written");
    let payload = Digest::of(&envelope.payload);
    let recorded = &statement.predicate.recorded;
    let said = SignOff {
        payload,
        by: &recorded.by,
        reason: &recorded.reason,
        at: &recorded.at,
    };
    let name = record.file_name().expect("a name").to_string_lossy();
    let events = [
        ProjectEvent::Decided {
            payload,
            decision: Box::new(statement.predicate.summary(&name)),
        },
        ProjectEvent::Signed {
            payload,
            key: recorded.key.clone(),
            by: recorded.by.clone(),
            reason: recorded.reason.clone(),
            signature: to_base64(&sig),
            said: to_base64(&secret.sign(&said.signed())),
            at: recorded.at.clone(),
        },
    ];
    let writer = Writer {
        name: "gatewright sign".to_owned(),
        actor: "ana".to_owned(),
        at: AT.to_owned(),
    };
    let mut log = ProjectLog::open(&state(&project), writer).expect("a log");
    assert_eq!(log.append(&events, AT).expect("appended"), 2);
    let found = project.run(&["verify"]).expect(112);
    assert!(
        found.stderr.contains("the decision's `answer`")
            && found
                .stderr
                .contains("recorded \"ship\", computed \"hold\""),
        "{found}"
    );
}
