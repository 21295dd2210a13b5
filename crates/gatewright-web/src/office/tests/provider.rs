//! A22: logging in by an identity provider, where time matters. The whole journeys are tests of the program.

use std::sync::atomic::AtomicUsize;

use gatewright_testkit::browser::Browser;
use gatewright_testkit::identity::{Amiss, IdentityProvider, Signing};

use super::super::access::Role;
use super::super::oidc::{Errand, Fetch, Issuer, Oidc, Returned};
use super::*;

/// An admin's form for an account that the provider knows as `s-ben`.
const BEN: [(&str, &str); 4] = [
    ("action", "add"),
    ("name", "ben"),
    ("role", "owner"),
    ("provider", "s-ben"),
];

/// Carries requests to a provider on this machine, and counts them.
struct Direct(Arc<IdentityProvider>, AtomicUsize);

impl Fetch for Direct {
    fn fetch(&self, errand: &Errand) -> Result<Returned, String> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let path = errand
            .address
            .strip_prefix(self.0.url())
            .ok_or("elsewhere")?;
        let mut browser = Browser::at(self.0.address(), "provider");
        browser.also = errand.headers.clone();
        let page = match errand.method.as_str() {
            "GET" => browser.get(path),
            _ => browser.post(path, &String::from_utf8_lossy(&errand.body)),
        };
        let page = page.map_err(|why| why.to_string())?;
        Ok(Returned {
            status: page.status,
            headers: page.headers,
            body: page.body.into_bytes(),
        })
    }
}

struct Linked {
    site: Site,
    provider: Arc<IdentityProvider>,
    carrier: Arc<Direct>,
}

impl Linked {
    /// A server at which ana, who is admin, has linked ben to `s-ben`, who comes to the provider.
    fn new() -> Self {
        let provider = Arc::new(IdentityProvider::start("c", "sesame"));
        let carrier = Arc::new(Direct(Arc::clone(&provider), AtomicUsize::new(0)));
        let issuer = Issuer::parse(provider.url()).expect("one");
        let secret = Some("sesame".to_owned());
        let fetch = Arc::clone(&carrier) as Arc<dyn Fetch>;
        let door = Door {
            oidc: Some(Oidc::new(issuer, "c".to_owned(), secret, fetch)),
            ..Door::default()
        };
        let address = HOST.replace("localhost", "127.0.0.1");
        let site = Site::reached(Desk::default(), door, address.parse().expect("one"));
        let ana = site.login("ana", Role::Admin);
        assert_eq!(
            site.post("/accounts", Some(&ana), &BEN).place(),
            "/accounts"
        );
        provider.comes("s-ben", None, false);
        Self {
            site,
            provider,
            carrier,
        }
    }

    /// Goes to the provider; returns the path of the way back, and the cookie of the login.
    fn begin(&self) -> (String, Login) {
        let gone = self.site.get("/login/oidc", None);
        assert_eq!(gone.status, StatusCode::SEE_OTHER, "{}", gone.body);
        let path = gone.place().strip_prefix(self.provider.url());
        let mut there = Browser::at(self.provider.address(), "provider");
        let back = there.get(path.expect("to the provider")).expect("answered");
        let place = back.header("location").to_owned();
        let back = place.strip_prefix(&format!("http://{HOST}"));
        let login = Login {
            cookie: gone.cookie(),
            csrf: String::new(),
        };
        (back.expect("back here").to_owned(), login)
    }

    fn login(&self) -> Got {
        let (back, login) = self.begin();
        self.site.get(&back, Some(&login))
    }

    fn logs_in(&self) {
        let got = self.login();
        assert_eq!(got.status, StatusCode::OK, "{}", got.body);
    }

    fn asked(&self) -> usize {
        self.carrier.1.load(Ordering::Relaxed)
    }
}

#[test]
fn a22_a_login_at_the_provider_lasts_ten_minutes() {
    let linked = Linked::new();
    let (back, login) = linked.begin();
    linked.site.memory.wait(599);
    assert_eq!(linked.site.get(&back, Some(&login)).status, StatusCode::OK);
    let (back, login) = linked.begin();
    linked.site.memory.wait(600);
    let late = linked.site.get(&back, Some(&login));
    assert_eq!(late.status, StatusCode::BAD_REQUEST, "{}", late.body);
}

#[test]
fn a22_the_providers_keys_are_asked_again_when_one_is_not_known() {
    let linked = Linked::new();
    linked.logs_in();
    // What it says of itself, its keys, and the token.
    assert_eq!(linked.asked(), 3);
    linked.logs_in();
    assert_eq!(linked.asked(), 4, "known for ten minutes");
    linked.provider.signs_with(Signing::New);
    linked.site.memory.wait(60);
    linked.logs_in();
    assert_eq!(linked.asked(), 7);
    // A token by nobody's key makes the server ask once, and not each time.
    linked.provider.signs_with(Signing::Unknown);
    linked.site.memory.wait(60);
    assert_eq!(linked.login().status, StatusCode::FORBIDDEN);
    assert_eq!(linked.asked(), 10);
    assert_eq!(linked.login().status, StatusCode::FORBIDDEN);
    assert_eq!(linked.asked(), 11);
}

#[test]
fn a22_refused_logins_by_the_provider_wait_as_wrong_passwords_do() {
    let linked = Linked::new();
    linked.provider.does(Amiss::WrongNonce);
    for _ in 0..5 {
        assert_eq!(linked.login().status, StatusCode::FORBIDDEN);
    }
    let asked = linked.asked();
    let wait = linked.login();
    assert_eq!(wait.status, StatusCode::TOO_MANY_REQUESTS, "{}", wait.body);
    assert_eq!(linked.asked(), asked, "the provider is not asked either");
    assert_eq!(linked.site.notes().len(), 6, "{:?}", linked.site.notes());
    linked.site.memory.wait(1);
    linked.provider.does(Amiss::Nothing);
    linked.logs_in();
}

/// A link is nobody's who has no account, and a page that was not made for the provider is not shown by it.
#[test]
fn a20_without_a_provider_its_pages_say_so() {
    let site = Site::new(Desk::default());
    for path in ["/login/oidc", "/login/oidc/done?code=x&state=y"] {
        let got = site.get(path, None);
        assert_eq!(got.status, StatusCode::OK);
        assert!(got.body.contains("no identity provider"), "{}", got.body);
        assert!(!got.headers.contains_key(header::SET_COOKIE));
    }
    assert!(!site.get("/login", None).body.contains("/login/oidc"));
    let ana = site.login("ana", Role::Admin);
    let refused = site.post("/accounts", Some(&ana), &BEN);
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.body);
    assert!(refused.body.contains("--oidc-issuer"), "{}", refused.body);
}
