//! Keys: private, listed, rotated and revoked.

use super::*;

#[test]
fn f25_keys_are_private_listed_rotated_and_revoked() {
    let project = decided("", &["ana"]);
    look(&project);
    let path = key(&project, "ana");
    let mode = |mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode()
            & 0o777
    };
    use std::os::unix::fs::PermissionsExt as _;
    let made = std::fs::metadata(&path)
        .expect("a key")
        .permissions()
        .mode();
    assert_eq!(made & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).expect("a key");
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"));
    let again = project
        .run(&["key", "new", "--identity", "ana", "-o", &path])
        .expect(2);
    assert!(again.stderr.contains("never overwritten"), "{again}");
    assert_eq!(std::fs::read_to_string(&path).expect("a key"), text);
    for wide in [0o640, 0o604, 0o660] {
        assert_eq!(mode(wide), wide);
        let refused = sign(&project, "ana", &[]).expect(2);
        assert!(
            refused.stderr.contains("others may read it") && refused.stderr.contains("chmod 600"),
            "{refused}"
        );
    }
    mode(0o600);
    let missing = sign(&project, "nobody", &[]).expect(2);
    assert!(missing.stderr.contains("gatewright key new"), "{missing}");
    assert!(!state(&project).join("records").join("0001").exists());
    assert_eq!(
        project
            .run(&["verify", "--json"])
            .expect(0)
            .stdout
            .matches("null")
            .count(),
        1
    );
    let _ = sign(&project, "ana", &[]).expect(0);
    // Rotated: the old one signs no more, and what it signed stays.
    let id = json(&project.run(&["key", "list", "--json"]).expect(0))["keys"][0]["key"].clone();
    let id = id.as_str().expect("an id").to_owned();
    let _ = project
        .run(&["key", "new", "--identity", "ana", "--replaces", &id[..16]])
        .expect(0);
    let list = project.run(&["key", "list"]).expect(0);
    assert!(
        list.stdout.contains("revoked 2026-11-02: ") && list.stdout.contains("in use"),
        "{list}"
    );
    let _ = project.run(&["verify"]).expect(0);
    let refused = sign(&project, "ana", &["--anew"]).expect(2);
    assert!(
        refused.stderr.contains("was revoked on 2026-11-02"),
        "{refused}"
    );
    // Void since a day: then what it signed on that day is void too.
    let later = project
        .command(&[
            "key",
            "revoke",
            &id,
            "--since",
            "2026-11-03",
            "--reason",
            "the laptop was stolen",
        ])
        .env("GATEWRIGHT_NOW", "2026-11-04")
        .output()
        .expect("runs");
    assert!(later.status.success());
    let _ = project.run(&["verify"]).expect(0);
    let _ = project
        .run(&[
            "key",
            "revoke",
            &id,
            "--since",
            "2026-11-02",
            "--reason",
            "the laptop was stolen",
        ])
        .expect(0);
    let void = project.run(&["verify"]).expect(112);
    assert!(void.stderr.contains("void since 2026-11-02"), "{void}");
}

/// One file taken for the other, a day that has not come, a key too many: each is said, with what to type.
#[test]
fn mistakes_with_keys_are_named() {
    let project = signed().with_variable("COLUMNS", "80");
    let private = key(&project, "ana");
    let public = private.replace(".pem", ".pub.pem");
    let wrong = project
        .run(&["sign", "--key", &public, "--reason", REASON])
        .expect(2);
    assert!(wrong.said().contains("it is a public key"), "{wrong}");
    assert!(!wrong.said().contains("revoke"), "{wrong}");
    let wrong = project
        .run(&["key", "add", &private, "--identity", "bob"])
        .expect(2);
    assert!(wrong.said().contains("it is a private key"), "{wrong}");
    let list = json(&project.run(&["key", "list", "--json"]).expect(0));
    let id = list["keys"][0]["key"].as_str().expect("an id").to_owned();
    let revoke = |more: &[&str]| {
        let first = ["key", "revoke", &id, "--reason", "the laptop was stolen"];
        project.run(&[&first, more].concat())
    };
    let early = revoke(&["--since", "2026-11-03"]).expect(2);
    assert!(
        early.said().contains("2026-11-03 has not come yet"),
        "{early}"
    );
    let second = project.run(&["key", "new", "--identity", "ana"]).expect(0);
    assert!(second.said().contains("has the key"), "{second}");
    assert!(second.said().contains("--replaces"), "{second}");
    for line in second.stdout.lines().chain(second.stderr.lines()) {
        let words = line.split_whitespace().count();
        assert!(line.chars().count() <= 80 || words == 1, "{line}");
    }
    let _ = revoke(&[]).expect(0);
    let again = revoke(&[]).expect(2);
    assert!(again.said().contains("--since DATE"), "{again}");
    // Good bytes of a key that does not count are no altered ones.
    let _ = revoke(&["--since", "2026-11-02"]).expect(0);
    let void = project.run(&["verify"]).expect(112);
    assert!(void.said().contains("signature 1 does not count"), "{void}");
    assert!(!void.said().contains("not what was signed"), "{void}");
    assert!(!void.said().contains("copy"), "{void}");
}

#[test]
fn a_copy_says_how_it_is_verified_and_quiet_is_quiet() {
    let project = signed();
    let out = project.run(&["verify", "--export", "copy"]).expect(0);
    assert!(
        out.said().contains("gatewright verify copy/records/"),
        "{out}"
    );
    let again = project.run(&["verify", "--export", "copy"]).expect(2);
    assert!(again.said().contains("nothing is overwritten"), "{again}");
    let quiet = project.run(&["--quiet", "verify"]).expect(0);
    assert_eq!(quiet.stdout.lines().count(), 1, "{quiet}");
    assert!(quiet.stderr.is_empty(), "{quiet}");
}
