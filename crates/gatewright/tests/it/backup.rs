//! Copies of all that a project keeps, made while a server writes, and put back elsewhere.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::serve::{PASSWORD, Server, asked, asked_about, hidden};

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn a_copy_made_while_people_label_is_whole_and_can_be_put_back() {
    let project = asked();
    let _ = project.run(&["gate"]);
    let server = Server::start(&project, 0);
    let code = server.code.clone().expect("a code for the first account");
    let form = format!("code={code}&name=ana&password={PASSWORD}");
    let (_, cookie, _) = server.ask("POST", "/first", "", &form);
    let label = |server: &Server| {
        let (status, _, page) = server.ask("GET", "/review", &cookie, "");
        assert_eq!(status, 200, "{page}");
        let item = asked_about(&page);
        let form = format!("csrf={}&item={item}&choice=1&note=", hidden(&page, "csrf"));
        assert_eq!(server.ask("POST", "/review/label", &cookie, &form).0, 303);
    };
    label(&server);
    let made = project.run(&["backup", "copy"]).expect(0);
    assert!(made.stdout.contains("Log: "), "{made}");
    label(&server);
    drop(server);
    let copy = project.project().join("copy");
    for path in files(&copy) {
        let mode = path.metadata().expect("is there").permissions().mode() & 0o777;
        assert!(mode == 0o600, "{path:?}: {mode:o}");
    }
    let again = project.run(&["backup", "copy"]).expect(2);
    assert!(again.said().contains("holds something"), "{again}");
    let inside = project.run(&["backup", ".gatewright/copy"]).expect(2);
    assert!(
        inside.said().contains("inside of what it holds"),
        "{inside}"
    );
    // Over what is there nothing is put.
    let refused = project.run(&["restore", "copy"]).expect(2);
    assert!(refused.said().contains(".gatewright.before"), "{refused}");
    let state = project.project().join(".gatewright");
    std::fs::rename(&state, project.project().join(".gatewright.before")).expect("moved");
    let back = project.run(&["restore", "copy"]).expect(0);
    assert!(
        back.stdout.contains("Everybody has to log in again"),
        "{back}"
    );
    // One label, not two; the gate finds its run; and who was logged in is not.
    let wrote = project
        .run(&["review", "export", "-o", "out.jsonl"])
        .expect(0);
    assert!(wrote.stdout.starts_with("Wrote 1 label "), "{wrote}");
    let _ = project.run(&["report", "--json"]).expect(0);
    let server = Server::start(&project, 0);
    assert_eq!(server.code, None, "the account is there");
    assert_eq!(server.ask("GET", "/review", &cookie, "").0, 303, "log in");
    let form = format!("name=ana&password={PASSWORD}");
    let (status, _, page) = server.ask("POST", "/login", "", &form);
    assert_eq!(status, 303, "{page}");
}

#[test]
fn a27_a_copy_in_which_one_byte_is_other_is_not_put_back() {
    let project = asked();
    let _ = project.run(&["gate"]);
    let _ = project.run(&["backup", "copy"]).expect(0);
    std::fs::remove_dir_all(project.project().join(".gatewright")).expect("gone");
    let state = project.project().join(".gatewright");
    for path in files(&project.project().join("copy")) {
        let whole = std::fs::read(&path).expect("read");
        let mut bytes = whole.clone();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        let refused = project.run(&["restore", "copy"]);
        let code = refused.code.expect("a code");
        assert!(
            code == 112 || (code == 2 && path.ends_with("backup.json")),
            "{path:?}\n{refused}"
        );
        assert!(!state.exists(), "{path:?}");
        std::fs::write(&path, &whole).expect("written");
    }
    let contents = project.read("copy/backup.json");
    project.write(
        "copy/backup.json",
        contents.replace("project.db", "../project.db"),
    );
    let outside = project.run(&["restore", "copy"]).expect(112);
    assert!(
        outside.said().contains("it names `../project.db`"),
        "{outside}"
    );
    std::fs::remove_file(project.project().join("copy/backup.json")).expect("gone");
    let none = project.run(&["restore", "copy"]).expect(2);
    assert!(none.said().contains("is no backup"), "{none}");
    assert!(!state.exists());
}
