//! `gatewright serve` with an identity provider: who gets in by it, and that nobody else does, whatever the provider says.

use std::net::SocketAddr;

use gatewright_store::Accounts;
use gatewright_testkit::TestEnvironment;
use gatewright_testkit::browser::{Browser, Page};
use gatewright_testkit::identity::{Amiss, IdentityProvider, Signing};

use crate::serve::{PASSWORD, Server, asked};

const CLIENT: &str = "gatewright";
const SECRET: &str = "canary-secret-of-the-client";

/// A project, its server, and the provider that it knows; ana is its admin.
struct Site {
    project: TestEnvironment,
    provider: IdentityProvider,
    server: Server,
    ana: Browser,
}

impl Site {
    fn new() -> Self {
        let project = asked();
        let provider = IdentityProvider::start(CLIENT, SECRET);
        let server = serve(&project, provider.url());
        let mut ana = browser(server.port);
        let code = server.code.as_deref().expect("a code");
        let form = format!("code={code}&name=ana&password={PASSWORD}");
        let made = ana.post("/first", &form).expect("answered");
        assert_eq!(made.status, 303, "{made:?}");
        Self {
            project,
            provider,
            server,
            ana,
        }
    }

    fn browser(&self) -> Browser {
        browser(self.server.port)
    }

    /// Changes an account as ana.
    fn change(&mut self, form: &str) -> Page {
        let csrf = self.ana.get("/accounts").expect("answered").hidden("csrf");
        let form = format!("csrf={csrf}&{form}");
        self.ana.post("/accounts", &form).expect("answered")
    }

    /// Adds somebody who logs in by the provider alone.
    fn add(&mut self, name: &str, provider: &str) {
        let form = format!("action=add&name={name}&role=reviewer&password=&provider={provider}");
        let added = self.change(&form);
        assert_eq!(added.status, 303, "{}", added.body);
    }

    fn notes(&self) -> Vec<(String, String)> {
        let accounts = Accounts::open(&self.project.project().join(".gatewright"));
        let notes = accounts.expect("opens").notes().expect("reads");
        notes.into_iter().map(|it| (it.who, it.what)).collect()
    }

    /// Says that a login was refused with these words, that the audit has it, and that nobody is in.
    fn refused(&self, browser: &mut Browser, page: &Page, status: u16, word: &str) {
        assert_eq!(page.status, status, "{word}: {}", page.body);
        assert!(page.body.contains(word), "{word}: {}", page.body);
        assert!(!page.body.contains("<b>"), "{}", page.body);
        assert_eq!(page.header("refresh"), "");
        let home = browser.get("/").expect("answered");
        assert_eq!(home.header("location"), "/login", "{word}");
    }
}

fn serve(project: &TestEnvironment, issuer: &str) -> Server {
    let all = [
        "--address",
        "127.0.0.1:0",
        "--oidc-issuer",
        issuer,
        "--oidc-client-id",
        CLIENT,
        "--oidc-client-secret",
        "env:OIDC_SECRET",
    ];
    Server::with(project, &all, &[("OIDC_SECRET", SECRET)])
}

fn browser(port: u16) -> Browser {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Browser::at(address, &format!("127.0.0.1:{port}"))
}

/// Goes to the provider; returns the path by which it sends the browser back.
fn begin(browser: &mut Browser, provider: &IdentityProvider) -> String {
    let gone = browser.get("/login/oidc").expect("answered");
    assert_eq!(gone.status, 303, "{gone:?}");
    assert!(
        gone.header("set-cookie").contains("; SameSite=Lax"),
        "{gone:?}"
    );
    let place = gone.header("location").to_owned();
    let path = place.strip_prefix(provider.url()).expect("to the provider");
    let mut there = Browser::at(provider.address(), "provider");
    let back = there.get(path).expect("answered");
    assert_eq!(back.status, 302, "{back:?}");
    let place = back.header("location");
    let (_, rest) = place.split_once("://").expect("an address");
    rest[rest.find('/').expect("a path")..].to_owned()
}

fn login(browser: &mut Browser, provider: &IdentityProvider) -> Page {
    let back = begin(browser, provider);
    browser.get_from_elsewhere(&back).expect("answered")
}

/// Says that somebody is in, with a session of this login.
fn is_in(browser: &mut Browser, page: &Page, who: &str) {
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(page.header("refresh"), "0; url=/", "{page:?}");
    let home = browser.get("/").expect("answered");
    assert_eq!(home.status, 200, "{home:?}");
    assert!(home.body.contains(who), "{who}: {}", home.body);
}

#[test]
fn a22_whom_an_admin_linked_logs_in_and_the_first_login_binds() {
    let mut site = Site::new();
    let login_page = site.browser().get("/login").expect("answered").body;
    let host = site.provider.url().trim_start_matches("http://").to_owned();
    assert!(
        login_page.contains(&format!("Log in with {host}")),
        "{login_page}"
    );
    assert!(login_page.contains("name=\"password\""), "{login_page}");
    site.add("ben", "Ben%40Example.com");
    site.add("cleo", "s-cleo");
    // By address, which counts once: RSA, then another key; the role is the account's.
    site.provider.comes("s-ben", Some("BEN@example.com"), true);
    let mut ben = site.browser();
    let before = ben.cookies.clone();
    let page = login(&mut ben, &site.provider);
    is_in(&mut ben, &page, "ben, reviewer");
    assert_ne!(ben.cookies, before);
    let first = ben.cookies.clone();
    site.provider.signs_with(Signing::Es256);
    site.provider.comes("s-ben", Some("new@example.com"), false);
    let page = login(&mut ben, &site.provider);
    is_in(&mut ben, &page, "ben, reviewer");
    // A session of its own, and the browser's old one has ended.
    assert_ne!(ben.cookies, first);
    let mut old = site.browser();
    old.cookies = first;
    assert_eq!(old.get("/").expect("answered").header("location"), "/login");
    // By `sub`, without any address.
    site.provider.comes("s-cleo", None, false);
    let mut cleo = site.browser();
    let page = login(&mut cleo, &site.provider);
    is_in(&mut cleo, &page, "cleo, reviewer");
    // There is no password to be had by guessing, and none to be changed.
    let guess = format!("name=cleo&password={PASSWORD}");
    assert_eq!(
        site.browser()
            .post("/login", &guess)
            .expect("answered")
            .status,
        403
    );
    assert_eq!(
        site.browser()
            .post("/login", "name=cleo&password=-")
            .expect("answered")
            .status,
        403
    );
    let own = cleo.get("/password").expect("answered");
    assert!(own.body.contains("You have none here"), "{}", own.body);
    // Logging out ends the session.
    let csrf = cleo.get("/").expect("answered").hidden("csrf");
    let kept = cleo.cookies.clone();
    let out = cleo
        .post("/logout", &format!("csrf={csrf}"))
        .expect("answered");
    assert_eq!(out.header("location"), "/login");
    cleo.cookies = kept;
    assert_eq!(
        cleo.get("/").expect("answered").header("location"),
        "/login"
    );
    let notes = site.notes();
    for (who, what) in [
        (
            "ana",
            format!(
                "cleo: added as reviewer, linked to s-cleo at http://{host}, who has not logged in yet"
            ),
        ),
        (
            "ben",
            format!("logged in by {host}, `sub` s-ben, ben@example.com"),
        ),
        ("ben", format!("logged in by {host}, `sub` s-ben")),
        ("cleo", format!("logged in by {host}, `sub` s-cleo")),
        ("cleo", "logged out".to_owned()),
    ] {
        let line = (who.to_owned(), what);
        assert!(notes.contains(&line), "{line:?}: {notes:#?}");
    }
    // Asked to end, it does so as any program.
    assert_eq!(site.server.end(), Some(0));
    // The secret stands nowhere.
    for name in ["accounts.db", "accounts.db-wal"] {
        let bytes = std::fs::read(site.project.project().join(".gatewright").join(name));
        let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        assert!(!text.contains(SECRET), "{name}");
    }
}

#[test]
fn a22_nobody_else_gets_in_because_the_provider_knows_them() {
    let mut site = Site::new();
    site.add("ben", "ben%40example.com");
    let mut none = site.browser();
    let tried = |site: &Site, browser: &mut Browser, who: (&str, Option<&str>, bool)| {
        site.provider.comes(who.0, who.1, who.2);
        login(browser, &site.provider)
    };
    // Known to the provider and to nobody here: the same words whether or not there is an account.
    let page = tried(&site, &mut none, ("s-1", Some("eve@example.com"), true));
    site.refused(
        &mut none,
        &page,
        403,
        "eve@example.com, `sub` s-1. No account",
    );
    let page = tried(&site, &mut none, ("s-1", None, false));
    site.refused(&mut none, &page, 403, "`sub` s-1. No account");
    // Somebody may write any address that is not vouched for.
    let page = tried(&site, &mut none, ("s-1", Some("ben@example.com"), false));
    site.refused(&mut none, &page, 403, "which it does not vouch for");
    // A name is not an address.
    let page = tried(&site, &mut none, ("ben@example.com", None, false));
    site.refused(&mut none, &page, 403, "No account");
    let mut ben = site.browser();
    let page = tried(&site, &mut ben, ("s-ben", Some("ben@example.com"), true));
    is_in(&mut ben, &page, "ben, reviewer");
    // Whoever has the address next is somebody else.
    let page = tried(&site, &mut none, ("s-2", Some("ben@example.com"), true));
    site.refused(&mut none, &page, 403, "No account");
    // The account page shows the link. Without a password it stays; with one it goes, and the session with it.
    let page = site.ana.get("/accounts").expect("answered").body;
    let said = format!(
        "Logs in as s-ben at {}, at first as ben@example.com; no password",
        site.provider.url()
    );
    assert!(page.contains(&said), "{page}");
    let kept = site.change("action=unlink&name=ben");
    assert_eq!(kept.status, 409, "{}", kept.body);
    let given = site.change(&format!("action=password&name=ben&password={PASSWORD}"));
    assert_eq!(given.status, 303, "{}", given.body);
    let page = tried(&site, &mut ben, ("s-ben", None, false));
    assert_eq!(page.status, 200);
    let home = ben.get("/").expect("answered");
    assert_eq!(
        home.header("location"),
        "/password",
        "an admin knows this password"
    );
    assert_eq!(site.change("action=unlink&name=ben").status, 303);
    assert_eq!(
        ben.get("/password").expect("answered").header("location"),
        "/login"
    );
    let page = tried(&site, &mut ben, ("s-ben", Some("ben@example.com"), true));
    site.refused(&mut ben, &page, 403, "No account");
    // Two accounts have no link in common, and what is nobody's name is refused.
    assert_eq!(
        site.change("action=link&name=ben&provider=ben%40example.com")
            .status,
        303
    );
    assert_eq!(
        site.change("action=link&name=ana&provider=ben%40example.com")
            .status,
        409
    );
    assert_eq!(site.change("action=link&name=ben&provider=s-3").status, 409);
    assert_eq!(
        site.change("action=link&name=ana&provider=a%20b").status,
        400
    );
    assert_eq!(
        site.change("action=link&name=nobody&provider=s-3").status,
        404
    );
    // Somebody who is shut out is told what a stranger is told.
    let page = tried(&site, &mut ben, ("s-ben", Some("ben@example.com"), true));
    assert_eq!(page.status, 200);
    assert_eq!(site.change("action=disable&name=ben").status, 303);
    let page = tried(&site, &mut ben, ("s-ben", Some("ben@example.com"), true));
    site.refused(
        &mut ben,
        &page,
        403,
        "ben@example.com, `sub` s-ben. No account that may log in",
    );
}

#[test]
fn a22_what_the_provider_says_wrongly_lets_nobody_in() {
    let mut site = Site::new();
    site.add("ben", "s-ben");
    site.provider.comes("s-ben", Some("ben@example.com"), true);
    let (mut ben, mut eve) = (site.browser(), site.browser());
    for (amiss, status, word) in [
        (Amiss::WrongNonce, 403, "nonce"),
        (Amiss::WrongState, 400, "not begun in this browser"),
        (Amiss::WrongAudience, 403, "audience"),
        (Amiss::WrongIssuer, 403, "issuer"),
        (Amiss::OtherIssuer, 403, "another issuer"),
        (Amiss::Expired, 403, "Expired"),
        (Amiss::WrongSignature, 403, "Signature verification failed"),
        (Amiss::NoSignature, 403, "ignature"),
        (
            Amiss::SignedWithSecret,
            403,
            "Disallowed signature algorithm",
        ),
        (Amiss::Denied, 403, "it says access_denied"),
    ] {
        site.provider.does(amiss);
        let before = site.notes().len();
        let page = login(&mut eve, &site.provider);
        site.refused(&mut eve, &page, status, word);
        // What was not asked for here is not the provider's doing.
        let told = usize::from(amiss != Amiss::WrongState);
        assert_eq!(site.notes().len() - before, told, "{amiss:?}");
        site.provider.does(Amiss::Nothing);
        let page = login(&mut ben, &site.provider);
        is_in(&mut ben, &page, "ben, reviewer");
    }
    // A key that the provider does not show, also when it is asked again.
    site.provider.signs_with(Signing::Unknown);
    let page = login(&mut eve, &site.provider);
    site.refused(&mut eve, &page, 403, "No matching key");
    site.provider.signs_with(Signing::Es256);
    let page = login(&mut ben, &site.provider);
    is_in(&mut ben, &page, "ben, reviewer");
}

#[test]
fn a22_an_answer_is_taken_once_and_in_the_browser_that_asked() {
    let mut site = Site::new();
    site.add("ben", "s-ben");
    site.provider.comes("s-ben", None, false);
    let (mut ben, mut eve) = (site.browser(), site.browser());
    let back = begin(&mut ben, &site.provider);
    // Somebody who saw the address has no use for it: not in another browser,
    let page = eve.get_from_elsewhere(&back).expect("answered");
    site.refused(&mut eve, &page, 400, "not begun in this browser");
    let page = ben.get_from_elsewhere(&back).expect("answered");
    is_in(&mut ben, &page, "ben, reviewer");
    // not a second time,
    let mut again = site.browser();
    let page = again.get_from_elsewhere(&back).expect("answered");
    site.refused(&mut again, &page, 400, "not begun in this browser");
    // and not its code in a login of one's own.
    let code = |back: &str| {
        let (_, rest) = back.split_once("code=").expect("a code");
        rest.split('&').next().expect("a value").to_owned()
    };
    let own = begin(&mut eve, &site.provider);
    let replayed = own.replace(&code(&own), &code(&back));
    let page = eve.get_from_elsewhere(&replayed).expect("answered");
    site.refused(&mut eve, &page, 403, "it refuses the code: invalid_grant");
    // A code that was not used yet is bound to the login that it was made for.
    let fresh = begin(&mut ben, &site.provider);
    let own = begin(&mut eve, &site.provider);
    let stolen = own.replace(&code(&own), &code(&fresh));
    let page = eve.get_from_elsewhere(&stolen).expect("answered");
    site.refused(&mut eve, &page, 403, "it refuses the code");
}

#[test]
fn a22_with_the_provider_down_passwords_still_work() {
    let mut site = Site::new();
    site.add("ben", "s-ben");
    site.provider.comes("s-ben", None, false);
    site.provider.does(Amiss::TokenDown);
    let mut ben = site.browser();
    let page = login(&mut ben, &site.provider);
    site.refused(&mut ben, &page, 502, "cannot be asked now");
    let notes = site.notes();
    assert!(
        notes
            .last()
            .expect("a line")
            .1
            .ends_with("/token answers 503"),
        "{notes:?}"
    );
    let form = format!("name=ana&password={PASSWORD}");
    let got = site.browser().post("/login", &form).expect("answered");
    assert_eq!((got.status, got.header("location")), (303, "/"));
    // Nobody is at the address at all: said at once, written down once.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let issuer = format!("http://{}", gone.local_addr().expect("bound"));
    drop(gone);
    let other = serve(&site.project, &issuer);
    let before = site.notes().len();
    for _ in 0..2 {
        let page = browser(other.port).get("/login/oidc").expect("answered");
        assert_eq!(page.status, 502, "{}", page.body);
        assert!(
            page.body.contains("log in with a password"),
            "{}",
            page.body
        );
    }
    assert_eq!(site.notes().len() - before, 1);
    let got = browser(other.port).post("/login", &form).expect("answered");
    assert_eq!(got.status, 303);
}

#[test]
fn a17_a_provider_that_cannot_be_used_is_refused_before_anything_listens() {
    let project = asked();
    let with = |issuer: &str, secret: &str| {
        let all = [
            "serve",
            "--oidc-issuer",
            issuer,
            "--oidc-client-id",
            "c",
            "--oidc-client-secret",
            secret,
        ];
        project.run(&all).expect(2)
    };
    let good = "https://id.example.com";
    for (issuer, secret, word) in [
        (
            "http://id.example.com",
            "env:X",
            "does not begin with https://",
        ),
        (
            "https://ana:pw@id.example.com",
            "env:X",
            "more than a host and a path",
        ),
        ("nothing", "env:X", "it is no address"),
        (good, "canary-secret", "is no reference to a secret"),
        (good, "env:NOT_SET_HERE", "env:NOT_SET_HERE is not set"),
        (good, "file:absent.txt", "file:absent.txt cannot be read"),
    ] {
        let refused = with(issuer, secret);
        let said = refused.said();
        assert!(said.contains(word), "{word}: {refused}");
        assert!(
            !said.contains("canary") && !said.contains("pw@"),
            "{refused}"
        );
    }
    let half = project.run(&["serve", "--oidc-issuer", good]).expect(2);
    assert!(half.said().contains("--oidc-client-id"), "{half}");
}
