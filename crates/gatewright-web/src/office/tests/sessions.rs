//! A19, A22: the first admin, passwords, sessions and accounts.

use super::super::access::Role;
use super::*;

fn login(site: &Site, name: &str, password: &str, with: Option<&Login>) -> Got {
    site.post("/login", with, &[("name", name), ("password", password)])
}

/// What a browser has after logging in.
fn session(site: &Site, got: &Got) -> Login {
    assert_eq!(
        (got.status, got.place()),
        (StatusCode::SEE_OTHER, "/"),
        "{}",
        got.body
    );
    let line = got.headers[header::SET_COOKIE].to_str().expect("text");
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(line.contains(part), "{line}");
    }
    let mut login = Login {
        cookie: got.cookie(),
        csrf: String::new(),
    };
    let page = site.get("/", Some(&login)).body;
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).expect("a token");
    login.csrf = rest[..64].to_owned();
    login
}

const OWN: &str = "chosen-by-nobody-else";

/// Logs somebody in whose password another person chose, and chooses another.
fn settle_in(site: &Site, name: &str) -> Login {
    let got = login(site, name, PASSWORD, None);
    let mut first = Login {
        cookie: got.cookie(),
        csrf: String::new(),
    };
    let page = site.get("/password", Some(&first)).body;
    assert!(page.contains("Somebody else chose your password"), "{page}");
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).expect("a token");
    first.csrf = rest[..64].to_owned();
    // There is nothing else for them before.
    for path in ["/", "/review", "/accounts", "/nothing"] {
        assert_eq!(site.get(path, Some(&first)).place(), "/password", "{path}");
    }
    let undo = site.post("/review/undo", Some(&first), &[("item", "x")]);
    assert_eq!(undo.place(), "/password");
    let change = |before: &str, new: &str, again: &str| {
        let form = [("password", before), ("new", new), ("again", again)];
        site.post("/password", Some(&first), &form)
    };
    for (before, new, again, status) in [
        ("wrong-wrong-wrong", OWN, OWN, StatusCode::FORBIDDEN),
        (PASSWORD, "short", "short", StatusCode::BAD_REQUEST),
        (PASSWORD, OWN, PASSWORD, StatusCode::BAD_REQUEST),
        (PASSWORD, PASSWORD, PASSWORD, StatusCode::BAD_REQUEST),
    ] {
        let got = change(before, new, again);
        assert_eq!(got.status, status, "{}", got.body);
        assert!(!got.body.contains(OWN) && !got.body.contains(PASSWORD));
    }
    let own = session(site, &change(PASSWORD, OWN, OWN));
    assert_ne!(own.cookie, first.cookie, "a session of its own");
    assert_eq!(site.get("/", Some(&first)).place(), "/login");
    own
}

fn is_in(site: &Site, login: &Login) -> bool {
    site.get("/", Some(login)).status == StatusCode::OK
}

#[test]
fn a19_the_first_admin_is_made_once_with_the_code() {
    let site = Site::new(Desk::default());
    let first = |code: &str, name: &str, password: &str| {
        let form = [("code", code), ("name", name), ("password", password)];
        site.post("/first", None, &form)
    };
    assert!(site.get("/login", None).body.contains("/first"));
    assert_eq!(
        first("wrong", "ana", PASSWORD).status,
        StatusCode::FORBIDDEN
    );
    for (name, password) in [
        ("a", PASSWORD),
        ("аna", PASSWORD),
        ("ana", "short"),
        ("a b", PASSWORD),
    ] {
        let got = first(CODE, name, password);
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{name}");
        assert!(!got.body.contains(PASSWORD) && !got.body.contains("short"));
    }
    let ana = session(&site, &site.first());
    assert_eq!(site.get("/accounts", Some(&ana)).status, StatusCode::OK);
    assert_eq!(first(CODE, "eve", PASSWORD).status, StatusCode::FORBIDDEN);
    assert_eq!(site.get("/first", None).place(), "/login");
    assert!(!site.get("/login", None).body.contains("/first"));
    let people = site.served.accounts().people().expect("reads");
    assert_eq!(people.len(), 1);
    assert!(
        people[0]
            .hash
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{}",
        people[0].hash
    );
}

#[test]
fn a19_five_wrong_codes_lock_the_first_admin_out_until_the_server_starts_again() {
    let site = Site::new(Desk::default());
    for _ in 0..5 {
        let form = [("code", "wrong"), ("name", "eve"), ("password", PASSWORD)];
        assert_eq!(
            site.post("/first", None, &form).status,
            StatusCode::FORBIDDEN
        );
    }
    assert_eq!(site.first().status, StatusCode::FORBIDDEN);
    assert_eq!(site.get("/first", None).status, StatusCode::FORBIDDEN);
    assert_eq!(site.served.accounts().people().expect("reads").len(), 0);
}

#[test]
fn a22_a_session_is_new_at_each_login_and_ends_at_once() {
    let site = Site::new(Desk::default());
    let one = session(&site, &site.first());
    let fixed = Login {
        cookie: format!("{}={}", site.served.cookie, "0".repeat(64)),
        csrf: String::new(),
    };
    let two = session(&site, &login(&site, "ANA", PASSWORD, Some(&fixed)));
    assert!(two.cookie != fixed.cookie && !is_in(&site, &fixed));
    assert!(is_in(&site, &one) && is_in(&site, &two));
    let three = session(&site, &login(&site, "ana", PASSWORD, Some(&two)));
    assert!(!is_in(&site, &two), "the browser's old session ended");
    assert!(is_in(&site, &three) && three.csrf != two.csrf);
    let got = site.post("/logout", Some(&three), &[]);
    assert_eq!(got.place(), "/login");
    assert!(
        !is_in(&site, &three),
        "a copy of the cookie is worth nothing"
    );
    site.memory.wait(2 * 3600);
    assert!(!is_in(&site, &one), "two hours unused");
    let four = session(&site, &login(&site, "ana", PASSWORD, None));
    for _ in 0..11 {
        site.memory.wait(3600);
        assert!(is_in(&site, &four));
    }
    site.memory.wait(3600);
    assert!(!is_in(&site, &four), "twelve hours");
}

#[test]
fn a22_unknown_shut_out_and_wrong_are_answered_alike_and_wait_alike() {
    let site = Site::new(Desk::default());
    let ana = session(&site, &site.first());
    let add = [
        ("action", "add"),
        ("name", "ben"),
        ("role", "reviewer"),
        ("password", PASSWORD),
    ];
    assert_eq!(
        site.post("/accounts", Some(&ana), &add).place(),
        "/accounts"
    );
    let ben = settle_in(&site, "ben");
    let shut = [("action", "disable"), ("name", "ben")];
    assert_eq!(
        site.post("/accounts", Some(&ana), &shut).place(),
        "/accounts"
    );
    assert!(!is_in(&site, &ben), "at once");
    let answer = |name: &str, password: &str| {
        let mut got = login(&site, name, password, None);
        let typed = format!(r#"value="{name}""#);
        assert!(got.body.contains(&typed), "{}", got.body);
        got.body = got.body.replace(&typed, "");
        got
    };
    let wrong = answer("ana", "a wrong password");
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(answer("eve", "a wrong password"), wrong);
    assert_eq!(answer("ben", OWN), wrong);
    for _ in 0..4 {
        assert_eq!(answer("eve", "a wrong password"), wrong);
        assert_eq!(answer("ana", "a wrong password"), wrong);
    }
    let wait = answer("ana", PASSWORD);
    assert_eq!(
        wait.status,
        StatusCode::TOO_MANY_REQUESTS,
        "also the right one"
    );
    assert!(wait.body.contains("Wait 1 second,") && wait.headers["retry-after"] == "1");
    assert_eq!(answer("eve", PASSWORD), wait);
    site.memory.wait(1);
    session(&site, &login(&site, "ana", PASSWORD, None));
}

#[test]
fn accounts_are_changed_by_admins_and_one_always_stays() {
    let site = Site::new(Desk::default());
    let ana = session(&site, &site.first());
    let change = |fields: &[(&str, &str)]| site.post("/accounts", Some(&ana), fields);
    let add = |name: &str, role: &str, password: &str| {
        change(&[
            ("action", "add"),
            ("name", name),
            ("role", role),
            ("password", password),
        ])
    };
    for (name, role, password, status) in [
        ("b", "reviewer", PASSWORD, StatusCode::BAD_REQUEST),
        ("ben", "god", PASSWORD, StatusCode::BAD_REQUEST),
        ("ben", "reviewer", "short", StatusCode::BAD_REQUEST),
        ("ana", "reviewer", PASSWORD, StatusCode::CONFLICT),
    ] {
        let got = add(name, role, password);
        assert_eq!(got.status, status, "{name} {role}");
        assert!(
            got.body.contains(&format!(r#"value="{name}""#)),
            "{}",
            got.body
        );
    }
    for last in [
        [("action", "disable"), ("name", "ana"), ("role", "")],
        [("action", "role"), ("name", "ana"), ("role", "owner")],
    ] {
        let got = change(&last);
        assert_eq!(got.status, StatusCode::CONFLICT, "{}", got.body);
        assert!(got.body.contains("the last admin"));
    }
    assert_eq!(add("Ben", "admin", PASSWORD).place(), "/accounts");
    let ben = settle_in(&site, "ben");
    assert_eq!(site.get("/accounts", Some(&ben)).status, StatusCode::OK);
    let demote = [("action", "role"), ("name", "ben"), ("role", "viewer")];
    assert_eq!(change(&demote).place(), "/accounts");
    assert_eq!(
        site.get("/accounts", Some(&ben)).status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        site.get("/review", Some(&ben)).status,
        StatusCode::FORBIDDEN
    );
    let said: Vec<String> = site.notes().into_iter().map(|note| note.what).collect();
    assert_eq!(
        said,
        [
            "became the first admin and logged in",
            "ben: added as admin",
            "logged in",
            "gave a wrong password",
            "changed the password",
            "ben: is viewer now",
        ]
    );
    // A lost password is given anew, and is no more than a first one.
    let lost = |password: &str| {
        change(&[
            ("action", "password"),
            ("name", "ben"),
            ("password", password),
        ])
    };
    assert_eq!(lost("short").status, StatusCode::BAD_REQUEST);
    assert_eq!(lost(PASSWORD).place(), "/accounts");
    assert!(!is_in(&site, &ben), "it ends the sessions");
    assert_eq!(login(&site, "ben", OWN, None).status, StatusCode::FORBIDDEN);
    settle_in(&site, "ben");
    assert!(change(&[("action", "disable"), ("name", "nobody")]).status == StatusCode::NOT_FOUND);
    assert_eq!(site.login("mia", Role::Admin).csrf.len(), 64);
    assert_eq!(
        change(&[("action", "disable"), ("name", "ana")]).place(),
        "/accounts"
    );
    assert!(!is_in(&site, &ana));
}
