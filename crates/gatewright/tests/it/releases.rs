//! Releases at the review server, over loopback and through the everyday binary: looked at, signed, refused, overridden; and the record that follows.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use gatewright_core::event::ProjectEvent;
use gatewright_store::ProjectLog;
use gatewright_testkit::TestEnvironment;
use url::form_urlencoded;

use crate::project::{not_overridable, recorded};
use crate::serve::{PASSWORD, Server, hidden};

const REASON: &str = "as the gate says: warm colours go back";

/// Somebody who is logged in.
struct Person<'s> {
    server: &'s Server,
    cookie: String,
}

impl Person<'_> {
    fn see(&self, path: &str) -> (u16, String) {
        let (status, _, page) = self.server.ask("GET", path, &self.cookie, "");
        (status, page)
    }

    /// Reads a page that is there.
    fn page(&self, path: &str) -> String {
        let (status, page) = self.see(path);
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    fn send(&self, path: &str, csrf: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let form = form.append_pair("csrf", csrf).extend_pairs(fields).finish();
        let (status, _, page) = self.server.ask("POST", path, &self.cookie, &form);
        (status, page)
    }

    /// Opens a page, and sends its form with what the page showed.
    fn fill(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let page = self.page(path);
        let seen = seen(&page);
        let all: Vec<(&str, &str)> = [("seen", seen.as_str())]
            .into_iter()
            .chain(fields.iter().copied())
            .collect();
        self.send(path, hidden(&page, "csrf"), &all)
    }

    fn sign(&self, run: &str, reason: &str) -> (u16, String) {
        self.fill(&format!("/releases/{run}/sign"), &[("reason", reason)])
    }

    /// Looks at every regressed example of a run; returns how many there were.
    fn look_at_all(&self, run: &str) -> usize {
        let mut number = 1;
        loop {
            let path = format!("/releases/{run}/look/{number}");
            let (status, page) = self.see(&path);
            if status == 404 {
                return number - 1;
            }
            assert_eq!(status, 200, "{page}");
            let fields = ["example", "criterion"].map(|name| (name, hidden(&page, name)));
            let (status, said) = self.send(&path, hidden(&page, "csrf"), &fields);
            assert_eq!(status, 303, "{said}");
            number += 1;
        }
    }
}

/// What a page showed: the digests that its form carries.
fn seen(page: &str) -> String {
    let rest = page.split_once("name=\"seen\" hidden>").expect("digests").1;
    let text = rest.split_once("</textarea>").expect("an end").0;
    assert!(text.lines().count() > 10, "{text}");
    text.to_owned()
}

/// A decided project (hold: warm colours lost six of ten), and its run's name.
fn decided(decision: &str) -> (TestEnvironment, String) {
    let project = recorded(&format!("standard: unbroken, {decision}"), 10, 6);
    let _ = project.run(&["gate"]).expect(100);
    let run = newest_run(&project);
    (project, run)
}

fn newest_run(project: &TestEnvironment) -> String {
    let entries = std::fs::read_dir(project.project().join(".gatewright/runs")).expect("runs");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let newest = names.max().expect("a run");
    newest.into_string().expect("text")
}

/// Makes the first admin and these accounts; returns everybody, logged in.
fn people<'s, const N: usize>(server: &'s Server, all: [(&str, &str); N]) -> [Person<'s>; N] {
    let code = server.code.clone().expect("a code");
    let form = format!("code={code}&name=root&password={PASSWORD}");
    assert_eq!(server.ask("POST", "/first", "", &form).0, 303);
    let root = login(server, "root");
    let page = root.page("/accounts");
    let csrf = hidden(&page, "csrf");
    for (name, role) in all {
        let fields = [
            ("action", "add"),
            ("name", name),
            ("role", role),
            ("password", PASSWORD),
        ];
        let (status, page) = root.send("/accounts", csrf, &fields);
        assert_eq!(status, 303, "{page}");
    }
    all.map(|(name, _)| login(server, name))
}

fn login<'s>(server: &'s Server, name: &str) -> Person<'s> {
    let form = format!("name={name}&password={PASSWORD}");
    let (status, cookie, page) = server.ask("POST", "/login", "", &form);
    assert_eq!(status, 303, "{page}");
    // Where somebody else chose the password, there is nothing before one's own.
    if server.ask("GET", "/", &cookie, "").0 == 303 {
        let (_, _, page) = server.ask("GET", "/password", &cookie, "");
        let own = format!("{PASSWORD}-of-{name}");
        let csrf = hidden(&page, "csrf");
        let form = format!("csrf={csrf}&password={PASSWORD}&new={own}&again={own}");
        let (status, cookie, page) = server.ask("POST", "/password", &cookie, &form);
        assert_eq!(status, 303, "{page}");
        return Person { server, cookie };
    }
    Person { server, cookie }
}

/// Who was refused, and why, by the project's log.
fn refusals(project: &TestEnvironment) -> Vec<(String, String)> {
    let log = ProjectLog::read_only(&project.project().join(".gatewright")).expect("a log");
    let events = log.events().map(|event| event.expect("an event").body);
    let refused = events.filter_map(|event| match event {
        ProjectEvent::SignRefused { by, why, .. } => Some((by, why)),
        _ => None,
    });
    refused.collect()
}

fn records(project: &TestEnvironment) -> usize {
    let dir = project.project().join(".gatewright/records");
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .count()
}

#[test]
fn a24_a_release_is_signed_once_at_the_server_and_never_by_its_author() {
    let (project, run) = decided("sign: {authors: [mia@example.com]}");
    let server = Server::start(&project, 0);
    let manager = "release-manager";
    let [rita, mia, owen] = people(
        &server,
        [("rita", manager), ("mia", manager), ("owen", "owner")],
    );
    let list = rita.page("/releases");
    assert!(
        list.contains("<strong>hold</strong>")
            && list.contains("no-task-breaks")
            && list.contains("Nobody has signed it"),
        "{list}"
    );
    let due = project.run(&["today", "--person", "rita"]).expect(0);
    assert!(
        due.stdout
            .contains(&format!("1 decision to sign: run {run}")),
        "{due}"
    );
    let home = rita.page("/");
    assert!(home.contains("decision to sign"), "{home}");
    let due = project.run(&["today", "--person", "mia"]).expect(0);
    assert!(!due.stdout.contains("to sign"), "{due}");
    // Nobody has looked yet: nothing is signed, and it is said.
    let (status, page) = rita.sign(&run, REASON);
    assert_eq!(status, 409, "{page}");
    assert!(page.contains("Nobody has looked at 6"), "{page}");
    let page = owen.page(&format!("/releases/{run}/look/1"));
    assert!(
        page.contains("no idea") && page.contains("it is <"),
        "both answers: {page}"
    );
    assert_eq!(owen.look_at_all(&run), 6);
    let page = rita.page(&format!("/releases/{run}"));
    assert!(
        page.contains("Somebody has looked at each of the 6") && page.contains("looked at by owen"),
        "{page}"
    );
    // The author has an account of another spelling than the page's.
    let (status, page) = mia.sign(&run, REASON);
    assert_eq!(status, 403, "{page}");
    assert!(page.contains("is an author of the change"), "{page}");
    let (status, _) = owen.see(&format!("/releases/{run}/sign"));
    assert_eq!(status, 403, "an owner does not sign");
    assert_eq!(records(&project), 0);
    // The same form twice, as by a double click.
    let path = format!("/releases/{run}/sign");
    let page = rita.page(&path);
    let (csrf, digests) = (hidden(&page, "csrf").to_owned(), seen(&page));
    let fields = [("seen", digests.as_str()), ("reason", REASON)];
    let (status, said) = rita.send(&path, &csrf, &fields);
    assert_eq!(status, 303, "{said}");
    let (status, said) = rita.send(&path, &csrf, &fields);
    assert_eq!(status, 409, "{said}");
    assert!(said.contains("has signed this decision already"), "{said}");
    assert_eq!(records(&project), 1);
    assert!(!rita.page("/").contains("decision to sign"), "it is signed");
    let refused = refusals(&project);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(
        (refused[0].0.as_str(), refused[1].0.as_str()),
        ("mia", "rita")
    );
    let page = rita.page(&format!("/releases/{run}"));
    assert!(
        page.contains("signed by rita (logged in at the review server)"),
        "{page}"
    );
    drop(server);
    // The record is sound, and tells whose key it is not.
    let verified = project.run(&["verify"]).expect(0);
    assert!(
        verified.stdout.contains("Signed: rita with key")
            && verified
                .stdout
                .replace("\n  ", " ")
                .contains("the review server signed for whoever was logged in as rita"),
        "{verified}"
    );
    let keys = project.run(&["key", "list"]).expect(0);
    assert!(
        keys.stdout.contains("kept by the review server for rita"),
        "{keys}"
    );
    let key = project
        .project()
        .join(".gatewright/server-keys/of-rita/key.pem");
    let mode = std::fs::metadata(&key)
        .expect("the key")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // Who was refused has no key.
    assert!(
        !project
            .project()
            .join(".gatewright/server-keys/of-mia")
            .exists()
    );
}

/// One person with an account and a key of their own is one person, in either order.
#[test]
fn a24_an_account_and_a_key_are_one_person() {
    let (project, run) = decided("sign: {persons: 2}");
    for person in ["ana@example.com", "ben"] {
        let _ = project.run(&["key", "new", "--identity", person]).expect(0);
    }
    let home = project.project().parent().expect("a parent").join("home");
    let key = |name: &str| {
        let path = home.join(format!(".config/gatewright/keys/{name}.pem"));
        path.display().to_string()
    };
    let _ = project
        .run(&["diff", "--not-looked-at", "--looked-by", "ben"])
        .expect(0);
    let own = key("ana@example.com");
    let _ = project
        .run(&["sign", "--key", &own, "--reason", REASON])
        .expect(0);
    let manager = "release-manager";
    // Otto's account is told to be ana's before it signs.
    let told = [
        "key",
        "new",
        "--identity",
        "Ana@example.com",
        "--account",
        "otto",
    ];
    let _ = project.run(&told).expect(0);
    let server = Server::start(&project, 0);
    let [ana, otto, ben] = people(
        &server,
        [("ana", manager), ("otto", manager), ("ben", manager)],
    );
    for person in [&ana, &otto] {
        let (status, page) = person.sign(&run, REASON);
        assert_eq!(status, 409, "{page}");
        assert!(page.contains("has signed this decision already"), "{page}");
    }
    let (status, page) = ben.sign(&run, "as ana says: it goes back");
    assert_eq!(status, 303, "{page}");
    // Ben has a key of his own in the list, and signed with the server's.
    let own = key("ben");
    let again = project
        .run(&["sign", "--key", &own, "--reason", REASON])
        .expect(2);
    assert!(
        again
            .said()
            .contains("ben has signed this decision already"),
        "{again}"
    );
    let verified = project.run(&["verify", "--require", "hold"]).expect(0);
    let text = verified.stdout.replace("\n  ", " ");
    assert!(
        text.contains("logged in as ben") && !text.contains("logged in as ana"),
        "{verified}"
    );
    assert_eq!(records(&project), 1);
}

/// The other way round: the account signs first, and then a key of the person that it may be. The command and `verify` are as careful as the server.
#[test]
fn a24_a_key_is_refused_what_an_account_of_that_name_has_signed_or_written() {
    let (project, run) = decided("sign: {persons: 2}");
    let made = project.run(&["key", "new", "--identity", "ana@example.com"]);
    let _ = made.expect(0);
    let manager = "release-manager";
    let server = Server::start(&project, 0);
    let [ana] = people(&server, [("ana", manager)]);
    assert_eq!(ana.look_at_all(&run), 6);
    let (status, page) = ana.sign(&run, REASON);
    assert_eq!(status, 303, "{page}");
    let second = project.run(&["sign", "--reason", REASON]).expect(2);
    assert!(
        second.said().contains("has signed this decision already"),
        "{second}"
    );
    assert!(
        second
            .said()
            .contains("ana has signed this decision already, and ana@example.com may be the same"),
        "{second}"
    );
    // A key that is lost takes neither the account's person nor its revocation with it.
    let list = project.run(&["key", "list", "--json"]).expect(0);
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("json");
    let keys = list["keys"].as_array().expect("keys");
    let held = keys.iter().find(|key| key["account"] == "ana");
    let id = held.expect("the server's")["key"].as_str().expect("an id");
    let revoke = [
        "key",
        "revoke",
        id,
        "--reason",
        "the server was open to all",
    ];
    let _ = project.run(&revoke).expect(0);
    let state = project.project().join(".gatewright");
    std::fs::remove_dir_all(state.join("server-keys")).expect("gone");
    let path = format!("/releases/{run}/sign");
    let (status, _, page) = server.ask("GET", &path, &ana.cookie, "");
    assert_eq!(status, 409, "{page}");
    assert!(page.contains("revoked"), "{page}");
}

/// A run that was made since is named before anybody signs the one before it, and a form that did not show it is not taken.
#[test]
fn a25_a_newer_run_is_told_before_an_old_one_is_signed() {
    let (project, run) = decided("");
    let server = Server::start(&project, 0);
    let [rita] = people(&server, [("rita", "release-manager")]);
    assert_eq!(rita.look_at_all(&run), 6);
    let path = format!("/releases/{run}/sign");
    let page = rita.page(&path);
    assert!(!page.contains("is newer than this one"), "{page}");
    let answers = crate::project::outputs(10, |task, index| task == "cold" || index >= 2);
    project.write("runs/candidate.jsonl", answers);
    let _ = project.run(&["gate"]);
    let newer = newest_run(&project);
    assert_ne!(newer, run);
    project.write(
        "runs/candidate.jsonl",
        crate::project::outputs(10, |task, index| task == "cold" || index >= 6),
    );
    let form = [("seen", seen(&page)), ("reason", REASON.to_owned())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (status, said) = rita.send(&path, hidden(&page, "csrf"), &form);
    assert_eq!(status, 409, "{said}");
    assert!(
        said.contains(&format!("Run {newer} is newer than this one")),
        "{said}"
    );
}

#[test]
fn a25_what_moved_between_the_page_and_the_signature_is_named() {
    let (project, run) = decided("");
    let server = Server::start(&project, 0);
    let [rita] = people(&server, [("rita", "release-manager")]);
    assert_eq!(rita.look_at_all(&run), 6);
    let path = format!("/releases/{run}/sign");
    let shown = || {
        let page = rita.page(&path);
        (hidden(&page, "csrf").to_owned(), seen(&page))
    };
    let send = |(csrf, digests): &(String, String)| {
        rita.send(&path, csrf, &[("seen", digests), ("reason", REASON)])
    };
    // A cause that somebody set.
    let first = shown();
    let cause = [
        "triage",
        "set",
        "warm-00",
        "--criterion",
        "right",
        "--cause",
        "noise",
        "--author",
        "ben",
        "--reason",
        "the answer is right in other words",
    ];
    let _ = project.run(&cause).expect(0);
    let (status, page) = send(&first);
    assert_eq!(status, 409, "{page}");
    assert!(
        page.contains("labels of people, causes") && page.contains(REASON),
        "it names what moved, and keeps what was typed: {page}"
    );
    // The page's gate.
    let second = shown();
    let text = project.read("gatewright.yaml");
    project.write("gatewright.yaml", text.replace("10 pts", "90 pts"));
    let (status, page) = send(&second);
    assert_eq!(status, 409, "{page}");
    assert!(page.contains("gate"), "{page}");
    let (status, _) = rita.see(&path);
    assert_eq!(status, 409, "there is nothing to sign on other terms");
    project.write("gatewright.yaml", &text);
    // A comment changes no rule, and is another file all the same.
    project.write("gatewright.yaml", format!("{text}# agreed on Monday\n"));
    let (status, page) = send(&second);
    assert_eq!(status, 409, "{page}");
    assert!(page.contains("the file gatewright.yaml"), "{page}");
    project.write("gatewright.yaml", &text);
    // What was seen of one run is not signed of another.
    let _ = project.run(&["gate", "--fresh"]);
    let other = newest_run(&project);
    assert_ne!(other, run);
    assert_eq!(rita.look_at_all(&other), 6);
    let other_path = format!("/releases/{other}/sign");
    let (csrf, digests) = &second;
    let fields = [("seen", digests.as_str()), ("reason", REASON)];
    let (status, page) = rita.send(&other_path, csrf, &fields);
    assert_eq!(status, 409, "{page}");
    assert!(
        page.contains("the run&#39;s log") || page.contains("the run's log"),
        "{page}"
    );
    // Nothing sent is nothing seen.
    let (status, _) = rita.send(&path, csrf, &[("reason", REASON)]);
    assert_eq!(status, 409);
    assert_eq!(records(&project), 0);
    // All is as it was, but that there is a newer run.
    let (status, page) = send(&second);
    assert_eq!(status, 409, "{page}");
    assert!(page.contains("which run is the newest"), "{page}");
    assert_eq!(records(&project), 0);
    let (status, page) = send(&shown());
    assert_eq!(status, 303, "{page}");
    assert_eq!(records(&project), 1);
    drop(server);
    let _ = project.run(&["verify"]).expect(0);
}

#[test]
fn a26_an_override_at_the_server_has_a_reason_and_an_end() {
    let (project, run) = decided("sign: {override_days: 30}");
    let server = Server::start(&project, 0);
    let [rita] = people(&server, [("rita", "release-manager")]);
    rita.look_at_all(&run);
    let path = format!("/releases/{run}/override");
    assert!(
        rita.page(&path)
            .contains("There is no decision to override yet")
    );
    let (status, page) = rita.sign(&run, REASON);
    assert_eq!(status, 303, "{page}");
    let page = rita.page(&path);
    let date = |name: &str| {
        let from = format!(" {name}=\"20");
        let rest = page.split_once(&from).expect("a date").1;
        format!("20{}", rest.split('"').next().expect("a value"))
    };
    let (from, to) = (date("min"), date("max"));
    assert!(from < to, "{from} {to}");
    let reason = "the old version is withdrawn today";
    let long = "word ".repeat(500);
    for (answer, expires, why) in [
        ("ship", to.as_str(), ""),
        ("ship", &to, "ok!"),
        ("ship", &to, "          "),
        ("ship", &to, &long),
        ("ship", "", reason),
        ("ship", "2020-01-01", reason),
        ("ship", "2099-01-01", reason),
        ("maybe", &to, reason),
        ("hold", &to, reason),
    ] {
        let fields = [("answer", answer), ("expires", expires), ("reason", why)];
        let (status, page) = rita.fill(&path, &fields);
        assert_eq!(status, 400, "{answer} {expires} {why}: {page}");
    }
    let huge = "x".repeat(1 << 20);
    let csrf = hidden(&page, "csrf").to_owned();
    let (status, _) = rita.send(&path, &csrf, &[("reason", &huge)]);
    assert_eq!(status, 413);
    assert_eq!(records(&project), 1);
    // The log keeps equal events of one second once; each kind of refusal is there.
    let why: BTreeSet<String> = refusals(&project).into_iter().map(|(_, why)| why).collect();
    let kinds = [
        "the reason is too short",
        "an override ends on a date",
        "there is nothing to override",
    ];
    for kind in kinds {
        assert!(why.iter().any(|one| one.contains(kind)), "{kind}: {why:?}");
    }
    let fields = [("answer", "ship"), ("expires", &to), ("reason", reason)];
    let (status, page) = rita.fill(&path, &fields);
    assert_eq!(status, 303, "{page}");
    let list = rita.page("/releases");
    assert!(
        list.contains("Overrides in force") && list.contains("over no-task-breaks"),
        "{list}"
    );
    drop(server);
    let verified = project.run(&["verify"]).expect(0);
    assert!(
        verified.stdout.contains("ship instead of hold"),
        "{verified}"
    );
    let later = project
        .run(&["verify", "--now", "2099-01-01", "--require", "ship"])
        .expect(100);
    assert!(
        later.said().contains("ended") || later.said().contains("expired"),
        "{later}"
    );
}

#[test]
fn a26_a_rule_that_is_not_overridable_is_not_bypassed_at_the_server() {
    let project = not_overridable();
    let _ = project.run(&["gate"]).expect(100);
    let run = newest_run(&project);
    let server = Server::start(&project, 0);
    let [rita] = people(&server, [("rita", "release-manager")]);
    rita.look_at_all(&run);
    assert_eq!(rita.sign(&run, REASON).0, 303);
    let path = format!("/releases/{run}/override");
    let page = rita.page(&path);
    assert!(
        page.contains("No override may bypass no-task-breaks"),
        "{page}"
    );
    let to = page.split_once(" max=\"").expect("a date").1;
    let to = to.split('"').next().expect("a value");
    let reason = "the old version is withdrawn today";
    let fields = [("answer", "ship"), ("expires", to), ("reason", reason)];
    let (status, page) = rita.fill(&path, &fields);
    assert_eq!(status, 403, "{page}");
    assert!(
        page.contains("No override may bypass no-task-breaks"),
        "{page}"
    );
    assert_eq!(records(&project), 1);
    assert_eq!(refusals(&project).len(), 1);
}

/// A copy of a project in a folder of a repository.
struct Copy {
    _repository: tempfile::TempDir,
    place: std::path::PathBuf,
}

impl Copy {
    fn path(&self) -> &std::path::Path {
        &self.place
    }
}

/// Puts a patch in, as a person does, in a copy of the project that is not at the root of its repository.
fn git_apply(project: &TestEnvironment, patch: &str) -> Copy {
    let repository = tempfile::tempdir().expect("a folder");
    let copy = Copy {
        place: repository.path().join("evals"),
        _repository: repository,
    };
    std::fs::create_dir(copy.path()).expect("a folder");
    let git = |arguments: &[&str], input: &str| {
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(copy.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(input.as_bytes()).expect("written");
        drop(stdin);
        let done = child.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}\n{patch}");
    };
    for part in ["reference", "runs"] {
        std::fs::create_dir(copy.path().join(part)).expect("a folder");
    }
    let names = [
        "gatewright.yaml",
        "incidents.jsonl",
        "reference/all.jsonl",
        "runs/candidate.jsonl",
        "runs/production.jsonl",
    ];
    for name in names {
        let from = project.project().join(name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(name)).expect("copied");
        }
    }
    git(&["init", "-q", ".."], "");
    git(&["apply", "--check", "-"], patch);
    git(&["apply", "-"], patch);
    copy
}

/// Runs a command on a copy.
fn there(copy: &Copy, arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_gatewright"))
        .args(arguments)
        .current_dir(copy.path())
        .output()
        .expect("runs");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn a_cause_is_set_at_the_server_as_by_the_command() {
    let (project, run) = decided("");
    let server = Server::start(&project, 0);
    let [owen, vera] = people(&server, [("owen", "owner"), ("vera", "viewer")]);
    let page = vera.page("/failures");
    assert!(
        page.contains("<strong>6</strong> fail, 6 without a cause")
            && page.contains("Colour team")
            && page.contains("since 2026-11-02"),
        "{page}"
    );
    let page = owen.page("/failures/1");
    assert!(
        page.contains("what is warm-00?") && page.contains("it is no idea"),
        "{page}"
    );
    let hidden_fields = ["run", "example", "criterion"].map(|name| (name, hidden(&page, name)));
    let csrf = hidden(&page, "csrf").to_owned();
    let send = |cause: &str, reason: &str| {
        let more = [("cause", cause), ("reason", reason)];
        let all: Vec<(&str, &str)> = hidden_fields.into_iter().chain(more).collect();
        owen.send("/failures/1", &csrf, &all)
    };
    assert_eq!(send("noise", "short").0, 400);
    assert_eq!(
        send("nosie", "the words differ, the answer is right").0,
        400
    );
    let (status, page) = send("noise", "the words differ, the answer is right");
    assert_eq!(status, 303, "{page}");
    let page = owen.page("/failures");
    assert!(
        page.contains("cause: noise") && page.contains("5 without a cause"),
        "{page}"
    );
    // The same event as the command's: the gate and the command know it.
    let said = project.run(&["triage", "--json"]).expect(0);
    assert!(
        said.stdout.contains("\"cause\": \"noise\"") || said.stdout.contains("\"cause\":\"noise\""),
        "{said}"
    );
    let moved = [
        ("run", "0009-00000000"),
        ("example", "warm-00"),
        ("criterion", "right"),
    ];
    assert_eq!(owen.send("/failures/1", &csrf, &moved).0, 409);
    // A run in which it passes again says so.
    let answers = crate::project::outputs(10, |task, index| task == "cold" || index >= 2);
    project.write("runs/candidate.jsonl", answers);
    let _ = project.run(&["gate"]);
    assert_ne!(newest_run(&project), run);
    let page = owen.page("/failures");
    assert!(page.contains("What was repaired?"), "{page}");
}

#[test]
fn incidents_and_the_suite_leave_as_patches_that_git_takes() {
    let (project, _) = decided("");
    let before = project.read("reference/all.jsonl");
    let server = Server::start(&project, 0);
    let [owen] = people(&server, [("owen", "owner")]);
    let page = owen.page("/incidents");
    let csrf = hidden(&page, "csrf").to_owned();
    let add = [
        ("action", "add"),
        ("id", "INC-7"),
        ("date", "2026-11-01"),
        ("class", "unsupported-claim"),
        ("segment", "task=warm"),
        ("what", "it said \"red\" is cold <ü>"),
    ];
    let (status, patch) = owen.send("/incidents", &csrf, &add);
    assert_eq!(status, 200, "{patch}");
    assert!(
        patch.starts_with("--- /dev/null\n+++ b/incidents.jsonl"),
        "{patch}"
    );
    assert!(
        !project.project().join("incidents.jsonl").exists(),
        "nothing is written"
    );
    let copy = git_apply(&project, &patch);
    let list = there(&copy, &["incident", "list"]);
    assert!(
        list.contains("INC-7") && list.contains("no example reproduces it"),
        "{list}"
    );
    // A second one goes below the first, and the first is covered.
    std::fs::copy(
        copy.path().join("incidents.jsonl"),
        project.project().join("incidents.jsonl"),
    )
    .expect("taken over");
    let page = owen.page("/incidents");
    assert!(
        page.contains("1 of 1 oblige the gate") && page.contains("&#60;ü&#62;"),
        "{page}"
    );
    let cover = [
        ("action", "cover"),
        ("id", "INC-7"),
        ("example", "warm-03"),
        ("close", "yes"),
    ];
    let (status, patch) = owen.send("/incidents", &csrf, &cover);
    assert_eq!(status, 200, "{patch}");
    let copy = git_apply(&project, &patch);
    let list = there(&copy, &["incident", "list"]);
    assert!(
        list.contains("covered") && list.contains("0 without a reproducing"),
        "{list}"
    );
    for wrong in [
        vec![
            ("action", "add"),
            ("id", "INC-7"),
            ("class", "unsupported-claim"),
            ("what", "again"),
        ],
        vec![
            ("action", "add"),
            ("id", "INC-8"),
            ("class", "unsuported-claim"),
            ("what", "x"),
        ],
        vec![("action", "cover"), ("id", "INC-9"), ("example", "warm-03")],
        vec![("action", "cover"), ("id", "INC-7"), ("example", "warm-99")],
    ] {
        let (status, page) = owen.send("/incidents", &csrf, &wrong);
        assert_eq!(status, 400, "{wrong:?}: {page}");
    }
    let page = owen.page("/suite");
    assert!(
        page.contains("20 examples are in force") && page.contains(">policy</th>"),
        "{page}"
    );
    let aside = [
        ("id", "warm-05"),
        ("state", "quarantined"),
        ("reason", "two of us read the policy in two ways"),
    ];
    let (status, patch) = owen.send("/suite", &csrf, &aside);
    assert_eq!(status, 200, "{patch}");
    assert_eq!(
        patch.lines().filter(|line| line.starts_with('-')).count(),
        2,
        "{patch}"
    );
    let copy = git_apply(&project, &patch);
    let after = std::fs::read_to_string(copy.path().join("reference/all.jsonl")).expect("text");
    let changed = before
        .lines()
        .zip(after.lines())
        .filter(|(one, other)| one != other);
    assert_eq!(changed.count(), 1);
    let check = there(&copy, &["check"]);
    assert!(
        !check.is_empty() && !check.lines().any(|line| line.starts_with("error")),
        "{check}"
    );
    std::fs::copy(
        copy.path().join("reference/all.jsonl"),
        project.project().join("reference/all.jsonl"),
    )
    .expect("taken over");
    let page = owen.page("/suite");
    assert!(
        page.contains("19 examples are in force")
            && page.contains("two of us read the policy in two ways")
            && page.contains("by owen"),
        "{page}"
    );
    for wrong in [
        [
            ("id", "warm-99"),
            ("state", "retired"),
            ("reason", "it is not needed any more"),
        ],
        [
            ("id", "warm-06"),
            ("state", "deleted"),
            ("reason", "it is not needed any more"),
        ],
        [("id", "warm-06"), ("state", "retired"), ("reason", "no")],
    ] {
        let (status, page) = owen.send("/suite", &csrf, &wrong);
        assert_eq!(status, 400, "{wrong:?}: {page}");
    }
}

/// Two people differ, and the rubric is repaired: what it voids is shown first, and the answers are asked anew when the page names the new version.
#[test]
fn a_repaired_rubric_leaves_as_a_patch_and_its_answers_are_asked_anew() {
    let project = crate::serve::asked();
    let rows = project
        .run(&["review", "export", "-o", "rows.jsonl"])
        .expect(0);
    assert!(
        rows.stdout.contains("12 answers are not labelled"),
        "{rows}"
    );
    let row = project.read("rows.jsonl");
    // Both systems gave the same answer: whoever is still to label one of the two is shown nothing of the other.
    let twins = row.lines().filter(|row| row.contains("\"warm-00\""));
    let twins = twins.map(|row| row.replace(",\"open\":true", "") + "\n");
    let twins: String = twins.collect();
    for (who, label) in [("ana", "ok"), ("ben", "no")] {
        let filled = twins
            .replace("\"label\":null", &format!("\"label\":\"{label}\""))
            .replace("\"annotator\":\"\"", &format!("\"annotator\":\"{who}\""));
        project.write("filled.jsonl", filled);
        let _ = project
            .run(&["review", "ask", "filled.jsonl", "--people", "2"])
            .expect(0);
    }
    let server = Server::start(&project, 0);
    let [owen] = people(&server, [("owen", "owner")]);
    let list = owen.page("/settle");
    assert!(
        list.contains("people differ"),
        "{list}\n{}",
        project.read("filled.jsonl")
    );
    let path = list.split_once("href=\"/settle/").expect("one to settle").1;
    let path = format!("/settle/{}", path.split('"').next().expect("an end"));
    let page = owen.page(&path);
    assert!(
        page.contains("voids <strong>4 labels</strong> of 2 answers by version r1"),
        "{page}"
    );
    assert_eq!(
        page.matches("<li>one person: 2 labels</li>").count(),
        2,
        "{page}"
    );
    let csrf = hidden(&page, "csrf").to_owned();
    let before = project.read("gatewright.yaml");
    for (version, status) in [("r1", 400), ("", 400), ("r 2", 400), ("r2}", 400)] {
        let (found, page) = owen.send(&format!("{path}/rubric"), &csrf, &[("version", version)]);
        assert_eq!(found, status, "{version}: {page}");
    }
    let (status, patch) = owen.send(
        &format!("{path}/rubric"),
        &csrf,
        &[("version", "r2"), ("clause", "a colour is enough")],
    );
    assert_eq!(status, 200, "{patch}");
    assert_eq!(
        project.read("gatewright.yaml"),
        before,
        "nothing is written"
    );
    let copy = git_apply(&project, &patch);
    let page = std::fs::read_to_string(copy.path().join("gatewright.yaml")).expect("there");
    assert_eq!(page, before.replace("rubric: r1", "rubric: r2"));
    // The example is in doubt: another patch.
    let doubt = [("doubt", "it asks for two colours at once")];
    let (status, patch) = owen.send(&format!("{path}/quarantine"), &csrf, &doubt);
    assert_eq!(status, 200, "{patch}");
    assert!(
        patch.contains("quarantined") && patch.contains("reference/all.jsonl"),
        "{patch}"
    );
    let (status, _) = owen.send(&format!("{path}/quarantine"), &csrf, &[("doubt", "so")]);
    assert_eq!(status, 400);
    // The page names the new version: what was settled by nobody waits for nobody, and is asked anew.
    project.write("gatewright.yaml", page);
    assert!(!owen.page("/settle").contains("href=\"/settle/"));
    let asked = project
        .run(&["review", "ask", "--criterion", "right", "--people", "2"])
        .expect(0);
    assert!(
        asked.stdout.starts_with("12 answers, 12 of them new"),
        "{asked}"
    );
}

/// Pages that were told are told again while nothing has changed, and made anew as soon as a file has, also in place and at the same length.
#[test]
fn a_page_that_is_kept_is_never_an_old_one() {
    let (project, run) = decided("");
    let server = Server::start(&project, 0);
    let [vera] = people(&server, [("vera", "viewer")]);
    let path = format!("/releases/{run}");
    // Only files that have stood still for a while are trusted to show their changes.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let csrf_free = |page: String| {
        let csrf = hidden(&page, "csrf").to_owned();
        page.replace(&csrf, "")
    };
    for path in ["/releases", "/failures", path.as_str()] {
        let first = csrf_free(vera.page(path));
        assert_eq!(first, csrf_free(vera.page(path)), "{path}");
        assert!(!first.contains("runs/candidate.jsonl"), "{first}");
    }
    let answers = project.read("runs/candidate.jsonl");
    project.write(
        "runs/candidate.jsonl",
        answers.replacen("no idea", "an idea", 1),
    );
    assert!(
        vera.page(&path).contains("runs/candidate.jsonl"),
        "what changed is told at once"
    );
    project.write("runs/candidate.jsonl", answers);
    assert!(!vera.page(&path).contains("runs/candidate.jsonl"));
    let looked = project
        .run(&["diff", "--looked-by", "ana@example.com"])
        .expect(0);
    assert!(vera.page(&path).contains("ana@example.com"), "{looked}");
}

/// What the page names may lie in any folder, whatever it is called.
#[test]
fn a_page_that_is_kept_rests_on_every_folder() {
    let project = crate::project::recorded("standard: unbroken", 4, 0);
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("reference/*.jsonl", "target/ref/*.jsonl"),
    );
    let examples = project.read("reference/all.jsonl");
    project.write("target/ref/all.jsonl", &examples);
    let _ = project.run(&["gate"]).expect(0);
    let runs = project.project().join(".gatewright/runs");
    let run = std::fs::read_dir(runs).expect("runs").next();
    let run = run.expect("one").expect("an entry").file_name();
    let path = format!("/releases/{}", run.to_string_lossy());
    let server = Server::start(&project, 0);
    let [vera] = people(&server, [("vera", "viewer")]);
    std::thread::sleep(std::time::Duration::from_secs(4));
    let first = vera.page(&path);
    assert!(!first.contains("cannot decide"), "{first}");
    let _ = vera.page(&path);
    let fewer: Vec<&str> = examples.lines().skip(1).collect();
    project.write("target/ref/all.jsonl", fewer.join("\n"));
    let changed = vera.page(&path);
    assert!(changed.contains("reference"), "{changed}");
    assert_ne!(first.len(), changed.len(), "{changed}");
}
