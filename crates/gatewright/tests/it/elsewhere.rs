//! `gatewright serve` for people at other machines: what it refuses, TLS, and a proxy in front.

use std::net::{SocketAddr, TcpListener};

use gatewright_store::{Accounts, Added, Known, Link, NO_PASSWORD};
use gatewright_testkit::TestEnvironment;
use gatewright_testkit::browser::Browser;
use gatewright_testkit::tls::certificate;

use crate::serve::{PASSWORD, Server, asked};

/// Writes a certificate for this machine's address and its key into a project; returns who vouches for it.
fn with_tls(project: &TestEnvironment) -> String {
    let (own, key, authority) = certificate("127.0.0.1");
    project.write("site.pem", own);
    project.write("site.key", key);
    authority
}

const TLS: [&str; 4] = ["--tls-cert", "site.pem", "--tls-key", "site.key"];

/// A port that is free, as far as one can say that of a port.
fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Makes the first admin, ana.
fn first(server: &Server) {
    let code = server.code.as_deref().expect("a code");
    let form = format!("code={code}&name=ana&password={PASSWORD}");
    let mut browser = Browser::at(address(server.port), &format!("127.0.0.1:{}", server.port));
    let made = browser.post("/first", &form).expect("answered");
    assert_eq!((made.status, made.header("location")), (303, "/"));
}

#[test]
fn a19_others_get_in_neither_in_the_clear_nor_before_somebody_may_log_in() {
    let project = asked();
    with_tls(&project);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7418"] {
        let plain = project.run(&["serve", "--address", address]).expect(2);
        let said = plain.said();
        for word in ["--tls-cert", "--public-url", "ssh -L", "as they are typed"] {
            assert!(said.contains(word), "{word}: {plain}");
        }
        let behind = ["--public-url", "https://evals.example.com"];
        for way in [&TLS[..], &behind[..]] {
            let all = [&["serve", "--address", address], way].concat();
            let nobody = project.run(&all).expect(2);
            let said = nobody.said();
            for word in ["nobody may log in yet", "/first", "the same command again"] {
                assert!(said.contains(word), "{word}: {nobody}");
            }
        }
    }
    assert!(!project.project().join(".gatewright/accounts.db").exists());
    // Somebody who logs in by an identity provider alone does not without one.
    let accounts = Accounts::open(&project.project().join(".gatewright"));
    let mut accounts = accounts.expect("opens");
    let link = Link {
        issuer: "https://id.example".to_owned(),
        kind: Known::Sub,
        known_as: "s-1".to_owned(),
        sub: None,
    };
    let theirs = (NO_PASSWORD, false);
    let added = accounts.add_linked("ben", "admin", theirs, &link, "2026-11-27T10:00:00Z");
    assert_eq!(added.expect("adds"), Added::Done);
    let all = [&["serve", "--address", "0.0.0.0:0"], &TLS[..]].concat();
    let nobody = project.run(&all).expect(2);
    assert!(nobody.said().contains("nobody may log in yet"), "{nobody}");
}

#[test]
fn a19_files_for_tls_that_cannot_be_used_are_named() {
    let project = asked();
    with_tls(&project);
    let (_, other, _) = certificate("127.0.0.1");
    project.write("other.key", other);
    project.write("nothing.pem", "nothing");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    project.write("broken.pem", broken);
    for (certificate, key, words) in [
        ("absent.pem", "site.key", ["`absent.pem`", "No such file"]),
        ("site.pem", "absent.key", ["`absent.key`", "No such file"]),
        (
            "nothing.pem",
            "site.key",
            ["`nothing.pem`", "no certificate in it"],
        ),
        (
            "site.key",
            "site.key",
            ["`site.key`", "no certificate in it"],
        ),
        ("broken.pem", "site.key", ["`broken.pem`", "cannot be used"]),
        ("site.pem", "site.pem", ["`site.pem`", "no key in it"]),
        (
            "site.pem",
            "other.key",
            ["`other.key`", "not the one of the certificate"],
        ),
    ] {
        let all = ["serve", "--tls-cert", certificate, "--tls-key", key];
        let refused = project.run(&all).expect(2);
        for word in words {
            assert!(refused.said().contains(word), "{word}: {refused}");
        }
    }
    let half = project.run(&["serve", "--tls-cert", "site.pem"]).expect(2);
    assert!(half.said().contains("--tls-key"), "{half}");
    for wrong in [
        "http://evals.example.com",
        "https://evals.example.com/gate",
        "evals",
    ] {
        let refused = project.run(&["serve", "--public-url", wrong]).expect(2);
        let said = refused.said();
        assert!(
            said.contains(wrong) && said.contains("--public-url https://"),
            "{refused}"
        );
    }
}

/// At an address that others can reach: logging in over TLS, and what a browser is told.
#[test]
fn a22_people_log_in_over_tls_and_cookies_stay_there() {
    let project = asked();
    let authority = with_tls(&project);
    first(&Server::start(&project, 0));
    let all = [&["--address", "0.0.0.0:0"], &TLS[..]].concat();
    let server = Server::with(&project, &all, &[]);
    let (at, host) = (address(server.port), format!("127.0.0.1:{}", server.port));
    let mut browser = Browser::at(at, &host).by_tls(authority.as_bytes());
    let got = browser.get("/").expect("answered");
    assert_eq!((got.status, got.header("location")), (303, "/login"));
    let form = format!("name=ana&password={PASSWORD}");
    let got = browser.post("/login", &form).expect("answered");
    assert_eq!((got.status, got.header("location")), (303, "/"), "{got:?}");
    let cookie = got.header("set-cookie");
    let name = format!("__Host-gatewright-review-{}=", server.port);
    assert!(cookie.starts_with(&name), "{cookie}");
    for part in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let home = browser.get("/").expect("answered");
    assert_eq!(home.status, 200);
    assert!(home.body.contains("ana, admin"), "{}", home.body);
    // Not for names of this machine: other servers on it may speak http.
    assert_eq!(home.header("strict-transport-security"), "");
    // Whoever trusts another authority ends the connection, and what is no TLS is not answered.
    let (_, _, other) = certificate("127.0.0.1");
    let mut wary = Browser::at(at, &host).by_tls(other.as_bytes());
    assert!(wary.get("/login").is_err());
    let mut plain = Browser::at(at, &host);
    let none = plain.get("/login");
    assert!(
        none.as_ref()
            .is_err_and(|it| !it.to_string().contains("200")),
        "{none:?}"
    );
    // Pages of another origin change nothing.
    let mut elsewhere = Browser::at(at, &host).by_tls(authority.as_bytes());
    elsewhere.also = vec![("Origin".to_owned(), format!("http://{host}"))];
    let got = elsewhere.post("/login", &form).expect("answered");
    assert_eq!(got.status, 403, "{got:?}");
}

/// Behind a proxy that ends TLS: its name, its origin, and whose word about a client counts.
#[test]
fn a22_behind_a_proxy_people_use_the_public_address_alone() {
    let project = asked();
    first(&Server::start(&project, 0));
    let port = free();
    let listen = format!("127.0.0.1:{port}");
    let public = "https://evals.example.com";
    let all = ["--address", &listen, "--public-url", public];
    let _server = Server::with(&project, &all, &[]);
    let proxied = |client: &str| {
        let mut browser = Browser::at(address(port), "evals.example.com").by_proxy();
        browser.also = vec![("X-Forwarded-For".to_owned(), format!("6.6.6.6, {client}"))];
        browser
    };
    let mut browser = proxied("203.0.113.5");
    let form = format!("name=ana&password={PASSWORD}");
    let got = browser.post("/login", &form).expect("answered");
    assert_eq!((got.status, got.header("location")), (303, "/"), "{got:?}");
    assert!(got.header("set-cookie").contains("; Secure"), "{got:?}");
    assert_eq!(got.header("strict-transport-security"), "max-age=31536000");
    assert_eq!(browser.get("/").expect("answered").status, 200);
    let mut insecure = Browser::at(address(port), "evals.example.com");
    let got = insecure.post("/login", &form).expect("answered");
    assert_eq!(got.status, 403, "an origin that is not encrypted: {got:?}");
    let mut other = Browser::at(address(port), "evil.example.com").by_proxy();
    let got = other.get("/login").expect("answered");
    assert_eq!(got.status, 403);
    assert!(got.body.contains(public), "{}", got.body);
    // Twenty wrong passwords of one client, for as many names: it waits, whatever it says of itself, and others do not.
    let guess = |browser: &mut Browser, name: &str| {
        let form = format!("name={name}&password=a-wrong-password");
        browser.post("/login", &form).expect("answered").status
    };
    let mut guesser = proxied("198.51.100.7");
    for number in 0..20 {
        assert_eq!(guess(&mut guesser, &format!("n{number}")), 403);
    }
    // The wait is counted in seconds, and looking a password up takes part of one: the next guess or one after it has to wait.
    let waits = |browser: &mut Browser| (0..5).any(|_| guess(browser, "ben") == 429);
    assert!(waits(&mut guesser));
    let pretended = "198.51.100.9, 198.51.100.7".to_owned();
    guesser.also = vec![("X-Forwarded-For".to_owned(), pretended)];
    assert!(
        waits(&mut guesser),
        "what it wrote itself counts for nothing"
    );
    assert_eq!(guess(&mut proxied("203.0.113.5"), "ben"), 403);
    let accounts = Accounts::open(&project.project().join(".gatewright")).expect("opens");
    let notes = accounts.notes().expect("reads");
    let last = notes.last().expect("a line");
    assert_eq!(last.what, "gave a wrong password, from 203.0.113.5");
}
