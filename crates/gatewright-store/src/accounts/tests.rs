use std::os::unix::fs::PermissionsExt as _;

use super::*;

const AT: &str = "2026-11-27T10:00:00Z";
const TOKEN: [u8; 32] = [7; 32];
const IDLE: i64 = 7200;
/// What ana's password is held against.
const OWN: Proof<'static> = Proof::Password { hash: "h" };

fn with_ana() -> (tempfile::TempDir, Accounts) {
    let dir = tempfile::tempdir().expect("a folder");
    let accounts = Accounts::open(dir.path()).expect("opens");
    assert!(
        accounts
            .add("ana", "reviewer", ("h", false), AT)
            .expect("adds")
    );
    (dir, accounts)
}

#[test]
fn the_file_is_its_owners_alone_and_holds_what_was_said() {
    let (dir, accounts) = with_ana();
    let mode = |name: &str| {
        let metadata = dir.path().join(name).metadata().expect("is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(Accounts::FILE), 0o600);
    assert!(!accounts.add("ana", "admin", ("x", true), AT).expect("asks"));
    accounts.note(AT, "ana", "logged in").expect("notes");
    drop(accounts);
    let again = Accounts::open(dir.path()).expect("opens");
    let ana = again.find("ana").expect("reads").expect("is there");
    assert_eq!((ana.role.as_str(), ana.disabled), ("reviewer", false));
    assert_eq!(again.people().expect("reads"), [ana]);
    assert_eq!(again.find("ben").expect("reads"), None);
    assert_eq!(again.notes().expect("reads")[0].what, "logged in");
    assert_eq!(again.secret(&[1; 32]).expect("keeps"), [1; 32]);
    assert_eq!(again.secret(&[2; 32]).expect("reads"), [1; 32]);
}

#[test]
fn a22_a_session_ends_by_time_by_disuse_by_logout_and_with_its_person() {
    let (_dir, mut accounts) = with_ana();
    let begin = |accounts: &Accounts, now: i64| {
        accounts
            .start_session(&TOKEN, ("ana", OWN), "c", now, now + 43_200)
            .expect("begins");
    };
    let role = |accounts: &Accounts, now: i64| {
        let found = accounts.session(&TOKEN, now, IDLE).expect("reads");
        found.map(|session| session.role)
    };
    begin(&accounts, 0);
    assert_eq!(role(&accounts, 7199).as_deref(), Some("reviewer"));
    let changed = accounts.set_role("ana", "viewer", "viewer");
    assert_eq!(changed.expect("changes"), Changed::Done);
    assert_eq!(role(&accounts, 14_398).as_deref(), Some("viewer"));
    assert_eq!(role(&accounts, 14_398 + IDLE), None);
    for now in (15_000..43_200).step_by(7000) {
        assert!(role(&accounts, now).is_some(), "{now}");
    }
    assert_eq!(role(&accounts, 43_200), None);
    begin(&accounts, 50_000);
    accounts.end_session(&TOKEN).expect("ends");
    assert_eq!(role(&accounts, 50_001), None);
    begin(&accounts, 60_000);
    assert_eq!(
        accounts.disable("ana", "viewer").expect("asks"),
        Changed::Last
    );
    assert!(role(&accounts, 60_001).is_some());
    let ben = accounts.add("ben", "viewer", ("h", false), AT);
    assert!(ben.expect("adds"));
    assert_eq!(
        accounts.disable("ana", "viewer").expect("changes"),
        Changed::Done
    );
    assert_eq!(role(&accounts, 60_001), None);
    assert!(accounts.enable("ana").expect("changes"));
    assert_eq!(role(&accounts, 60_001), None, "a new session is needed");
    let nobody = accounts.disable("nobody", "viewer");
    assert_eq!(nobody.expect("asks"), Changed::NoPerson);
    begin(&accounts, 70_000);
    assert!(accounts.set_password("ana", "h2", true).expect("changes"));
    assert_eq!(role(&accounts, 70_001), None, "a password ends sessions");
    assert!(
        accounts
            .find("ana")
            .expect("reads")
            .expect("is there")
            .provisional
    );
}

#[test]
fn a22_a_link_is_bound_at_the_first_login_and_to_that_alone() {
    const AT_HOME: &str = "https://id.example";
    let (_dir, mut accounts) = with_ana();
    let link = |kind, known_as: &str| Link {
        issuer: AT_HOME.to_owned(),
        kind,
        known_as: known_as.to_owned(),
        sub: None,
    };
    let email = link(Known::Email, "ana@example.com");
    assert_eq!(accounts.link("ana", &email).expect("links"), Added::Done);
    assert_eq!(
        accounts.link("ana", &link(Known::Sub, "x")).expect("asks"),
        Added::NameTaken
    );
    assert_eq!(
        accounts.link("nobody", &email).expect("asks"),
        Added::NoPerson
    );
    let mut add = |name: &str, link: &Link| {
        let added = accounts.add_linked(name, "viewer", (NO_PASSWORD, false), link, AT);
        added.expect("asks")
    };
    assert_eq!(add("ben", &email), Added::LinkTaken);
    assert_eq!(add("ana", &link(Known::Sub, "s-2")), Added::NameTaken);
    assert_eq!(add("cleo", &link(Known::Sub, "s-2")), Added::Done);
    assert_eq!(
        accounts.find("ben").expect("reads"),
        None,
        "both or neither"
    );
    // Who is shut out is bound to nobody meanwhile.
    let at = Some("ana@example.com");
    let admin = accounts.add("root", "admin", ("h", false), AT);
    assert!(admin.expect("adds"));
    accounts.disable("ana", "admin").expect("changes");
    assert_eq!(accounts.bind(AT_HOME, "s-0", at).expect("asks"), None);
    assert!(accounts.enable("ana").expect("changes"));
    let mut bind = |issuer: &str, sub: &str, email: Option<&str>| {
        let found = accounts.bind(issuer, sub, email).expect("asks");
        found.map(|person| person.name)
    };
    assert_eq!(bind("https://other.example", "s-1", at), None);
    assert_eq!(bind(AT_HOME, "s-1", None), None, "no address, no link");
    assert_eq!(bind(AT_HOME, "ana@example.com", None), None, "another kind");
    assert_eq!(bind(AT_HOME, "s-1", at).as_deref(), Some("ana"));
    assert_eq!(bind(AT_HOME, "s-1", None).as_deref(), Some("ana"));
    assert_eq!(bind(AT_HOME, "s-9", at), None, "bound to the first");
    assert_eq!(bind(AT_HOME, "s-2", at).as_deref(), Some("cleo"));
    let as_ana = |sub| {
        let proof = Proof::Provider {
            issuer: AT_HOME,
            sub,
        };
        let begun = accounts.start_session(&TOKEN, ("ana", proof), "c", 0, 43_200);
        begun.expect("asks")
    };
    assert!(!as_ana("s-2"), "another's");
    assert!(as_ana("s-1"));
    assert_eq!(accounts.unlink("cleo").expect("asks"), Unlinked::NoPassword);
    assert_eq!(accounts.unlink("ana").expect("does"), Unlinked::Done);
    assert_eq!(accounts.unlink("ana").expect("asks"), Unlinked::NoLink);
    let proof = Proof::Provider {
        issuer: AT_HOME,
        sub: "s-1",
    };
    let late = accounts.start_session(&TOKEN, ("ana", proof), "c", 0, 43_200);
    assert!(!late.expect("asks"), "unlinked since the provider said so");
    assert!(accounts.session(&TOKEN, 1, IDLE).expect("reads").is_none());
    assert_eq!(accounts.bind(AT_HOME, "s-1", at).expect("asks"), None);
}

#[test]
fn somebody_unknown_has_no_session_and_a_log_is_no_accounts() {
    let (dir, accounts) = with_ana();
    let begun = accounts.start_session(&TOKEN, ("ben", OWN), "c", 0, 10);
    assert!(!begun.expect("asks"), "nobody of that name");
    assert!(accounts.session(&TOKEN, 1, IDLE).expect("reads").is_none());
    let other = Proof::Password { hash: "h-before" };
    let begun = accounts.start_session(&TOKEN, ("ana", other), "c", 0, 10);
    assert!(!begun.expect("asks"), "the password is another one by now");
    assert!(accounts.session(&TOKEN, 1, IDLE).expect("reads").is_none());
    let log = dir.path().join("project.db");
    drop(accounts);
    std::fs::copy(dir.path().join(Accounts::FILE), &log).expect("copies");
    let writer = crate::Writer {
        name: "t".to_owned(),
        actor: "t".to_owned(),
        at: AT.to_owned(),
    };
    let opened = crate::ProjectLog::open(dir.path(), writer);
    assert!(matches!(opened, Err(StoreError::Foreign { .. })));
}
