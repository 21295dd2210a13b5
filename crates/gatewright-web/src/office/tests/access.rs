//! A18, A20, A32: who gets what, by every way there is.

use std::collections::BTreeSet;

use super::super::access::{How, Needs, ROUTES, Role};
use super::book::RUN;
use super::*;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

/// Says whether a path is the one of a route: what the table says, without the router.
fn is_at(template: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let mut wanted = template.split('/');
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(one), Some(part)) if one.starts_with('{') && !part.is_empty() => {}
            (Some(one), Some(part)) if one == part => {}
            _ => return false,
        }
    }
}

/// Writes a path in other ways, itself among them.
fn variants(path: &str) -> Vec<String> {
    let rest = path.trim_start_matches('/');
    let mut first = rest.chars();
    let coded = first.next().map_or_else(String::new, |one| {
        format!("/%{:02X}{}", u32::from(one), first.as_str())
    });
    vec![
        path.to_owned(),
        format!("{path}/"),
        format!("/{path}"),
        format!("/{}", rest.replace('/', "//")),
        format!("/{}", rest.replace('/', "%2F")),
        format!("{path}%2F"),
        format!("{path};x"),
        format!("{path};/x"),
        format!("{path}%00"),
        format!("{path}.json"),
        format!("/x/..{path}"),
        format!("/.{path}"),
        path.to_uppercase(),
        coded,
    ]
}

/// What the table says of a request.
#[derive(Debug, PartialEq)]
enum Due {
    Page,
    ToLogin,
    Is(StatusCode),
}

fn due(path: &str, method: &str, role: Option<Role>) -> Due {
    let how = match method {
        "GET" | "HEAD" => Some(How::See),
        "POST" => Some(How::Change),
        _ => None,
    };
    let here: Vec<_> = ROUTES.iter().filter(|it| is_at(it.path, path)).collect();
    let route = here.iter().find(|route| Some(route.how) == how);
    match (route.map(|route| &route.needs), role) {
        (Some(Needs::Anybody(_)), _) => Due::Page,
        (_, None) if how == Some(How::See) => Due::ToLogin,
        (_, None) => Due::Is(StatusCode::FORBIDDEN),
        (Some(Needs::Role(needed, _)), Some(role)) if role >= *needed => Due::Page,
        (Some(Needs::Role(..)), _) => Due::Is(StatusCode::FORBIDDEN),
        (None, _) if here.is_empty() => Due::Is(StatusCode::NOT_FOUND),
        (None, _) => Due::Is(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// Puts names into a route's path.
fn named(path: &str, id: &str) -> String {
    path.replace("{id}", id)
        .replace("{run}", RUN)
        .replace("{n}", "1")
}

/// Says whether a path has the shape of a page and names nothing that there is.
fn is_missing(path: &str, id: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["settle", one] => *one != id,
        ["releases", run, "look", number] => (*run, *number) != (RUN, "1"),
        ["failures", number] => *number != "1",
        ["releases", run] | ["releases", run, _] => *run != RUN,
        _ => false,
    }
}

/// Every route, written in every way, by every method, for everybody: what the table allows and nothing else.
#[test]
fn a20_the_table_of_routes_is_the_only_way_to_a_page() {
    let (_, disputed, desk) = two_answers();
    let site = Site::new(desk);
    let id = site.alias(&disputed);
    let people: Vec<Option<Role>> = std::iter::once(None).chain(Role::ALL.map(Some)).collect();
    let paths: BTreeSet<String> = ROUTES
        .iter()
        .flat_map(|route| variants(&named(route.path, &id)))
        // The root alone has no first letter to write in another way.
        .filter(|path| !path.is_empty())
        .chain(
            [
                "/settle/x",
                "/releases/x/sign",
                "/releases/0001-0123abcd/look/2",
                "/admin",
                "/api",
                "/.git/config",
            ]
            .map(str::to_owned),
        )
        .collect();
    let (mut asked, mut allowed) = (0, 0);
    site.login("root", Role::Admin);
    for role in people {
        let name = role.map_or("", Role::word);
        let mut login = role.map(|role| site.login(name, role));
        for path in &paths {
            for method in METHODS {
                let csrf = login.as_ref().map_or("", |login| login.csrf.as_str());
                let body = format!("csrf={csrf}");
                let got = site.ask(method, path, login.as_ref(), &[], body);
                let said = format!("{method} {path} by {role:?}: {} {}", got.status, got.body);
                asked += 1;
                match due(path, method, role) {
                    Due::Is(status) => assert_eq!(got.status, status, "{said}"),
                    Due::ToLogin => {
                        assert_eq!(got.status, StatusCode::SEE_OTHER, "{said}");
                        assert_eq!(got.place(), "/login", "{said}");
                    }
                    Due::Page => {
                        allowed += 1;
                        let missing = is_missing(path, &id);
                        let is_404 = got.status == StatusCode::NOT_FOUND;
                        assert_eq!(is_404, missing, "{said}");
                        assert_ne!(got.status, StatusCode::METHOD_NOT_ALLOWED, "{said}");
                        assert!(!got.status.is_server_error(), "{said}");
                        // There are people, so the first admin's page sends on.
                        if method == "GET" && path == "/first" {
                            assert_eq!(got.place(), "/login", "{said}");
                        } else if method == "GET" && !missing {
                            assert_eq!(got.status, StatusCode::OK, "{said}");
                        }
                        assert!(!got.body.contains("Your role does not allow"), "{said}");
                    }
                }
                if method == "HEAD" {
                    assert_eq!(got.body, "", "{said}");
                }
                assert_eq!(got.headers["x-frame-options"], "DENY", "{said}");
                assert_eq!(got.headers["cache-control"], "no-store", "{said}");
                if path == "/logout" && method == "POST" {
                    login = role.map(|role| site.login(name, role));
                }
            }
        }
    }
    let events = site.memory.events.lock().expect("held");
    let told = |event: &ReviewEvent| matches!(event, ReviewEvent::Told { .. });
    let read = |event: &ReviewEvent| matches!(event, ReviewEvent::Read { .. });
    assert!(
        events.iter().all(|event| told(event) || read(event)),
        "nothing was recorded by an empty form: {events:?}"
    );
    let count = |of: &dyn Fn(&ReviewEvent) -> bool| events.iter().filter(|it| of(it)).count();
    // One for each who may see the page that tells which system answers, and for each who may see what others said.
    assert_eq!(count(&told), Role::ALL.len(), "{events:?}");
    let owners = Role::ALL.iter().filter(|role| **role >= Role::Owner);
    assert_eq!(count(&read), owners.count(), "{events:?}");
    drop(events);
    assert!(site.book.done.lock().expect("held").is_empty());
    println!(
        "access matrix: {asked} requests, {allowed} of them allowed, over {} paths",
        paths.len()
    );
    assert!(asked > 7000 && allowed > 100, "{asked} {allowed}");
}

/// The matrix holds the server to the table; this holds the table to what the documentation says.
#[test]
fn a20_the_table_of_routes_says_who_may_what() {
    let said: Vec<(How, &str, Option<Role>)> = ROUTES
        .iter()
        .map(|route| match route.needs {
            Needs::Anybody(_) => (route.how, route.path, None),
            Needs::Role(role, _) => (route.how, route.path, Some(role)),
        })
        .collect();
    let (see, change) = (How::See, How::Change);
    assert_eq!(
        said,
        [
            (see, "/style.css", None),
            (see, "/review.js", None),
            (see, "/login", None),
            (change, "/login", None),
            (see, "/login/oidc", None),
            (see, "/login/oidc/done", None),
            (see, "/first", None),
            (change, "/first", None),
            (change, "/logout", Some(Role::Viewer)),
            (see, "/password", Some(Role::Viewer)),
            (change, "/password", Some(Role::Viewer)),
            (see, "/", Some(Role::Viewer)),
            (see, "/keys", Some(Role::Viewer)),
            (see, "/review", Some(Role::Reviewer)),
            (change, "/review/label", Some(Role::Reviewer)),
            (change, "/review/aside", Some(Role::Reviewer)),
            (change, "/review/undo", Some(Role::Reviewer)),
            (see, "/settle", Some(Role::Owner)),
            (see, "/settle/{id}", Some(Role::Owner)),
            (change, "/settle/{id}", Some(Role::Owner)),
            (change, "/settle/{id}/rubric", Some(Role::Owner)),
            (change, "/settle/{id}/quarantine", Some(Role::Owner)),
            (see, "/people-who-label", Some(Role::Owner)),
            (see, "/releases", Some(Role::Viewer)),
            (see, "/releases/{run}", Some(Role::Viewer)),
            (see, "/releases/{run}/look/{n}", Some(Role::Viewer)),
            (change, "/releases/{run}/look/{n}", Some(Role::Reviewer)),
            (see, "/releases/{run}/sign", Some(Role::ReleaseManager)),
            (change, "/releases/{run}/sign", Some(Role::ReleaseManager)),
            (see, "/releases/{run}/override", Some(Role::ReleaseManager)),
            (
                change,
                "/releases/{run}/override",
                Some(Role::ReleaseManager)
            ),
            (see, "/failures", Some(Role::Viewer)),
            (see, "/failures/{n}", Some(Role::Viewer)),
            (change, "/failures/{n}", Some(Role::Owner)),
            (see, "/incidents", Some(Role::Viewer)),
            (change, "/incidents", Some(Role::Owner)),
            (see, "/suite", Some(Role::Viewer)),
            (change, "/suite", Some(Role::Owner)),
            (see, "/accounts", Some(Role::Admin)),
            (change, "/accounts", Some(Role::Admin)),
        ]
    );
    assert!(Role::ALL.is_sorted());
}

#[test]
fn a18_a_form_without_its_token_or_from_elsewhere_changes_nothing() {
    let (open, _, desk) = two_answers();
    let site = Site::new(desk);
    let (ana, ben) = (
        site.login("ana", Role::Reviewer),
        site.login("ben", Role::Reviewer),
    );
    let body = |csrf: &str| format!("csrf={csrf}&item={}&choice=1", site.alias(&open));
    let here = format!("http://{HOST}");
    for (csrf, headers) in [
        ("", vec![]),
        (ben.csrf.as_str(), vec![]),
        (&ana.csrf[..63], vec![]),
        (&ana.csrf, vec![("origin", "http://evil.example")]),
        (&ana.csrf, vec![("origin", "null")]),
        (&ana.csrf, vec![("origin", "http://localhost:7417")]),
        (&ana.csrf, vec![("sec-fetch-site", "cross-site")]),
        (&ana.csrf, vec![("sec-fetch-site", "same-site")]),
        (
            &ana.csrf,
            vec![("origin", &here), ("origin", "http://evil.example")],
        ),
    ] {
        let got = site.ask("POST", "/review/label", Some(&ana), &headers, body(csrf));
        assert_eq!(
            got.status,
            StatusCode::FORBIDDEN,
            "{headers:?} {}",
            got.body
        );
    }
    for headers in [
        vec![("origin", "http://evil.example")],
        vec![("origin", "null")],
    ] {
        let form = "name=ana&password=x".to_owned();
        let got = site.ask("POST", "/login", None, &headers, form);
        assert_eq!(got.status, StatusCode::FORBIDDEN);
        assert!(got.body.contains("another site"), "{}", got.body);
    }
    let other = [("host", "evil.example:7418")];
    let got = site.ask("GET", "/", Some(&ana), &other, String::new());
    assert_eq!(got.status, StatusCode::FORBIDDEN, "two names");
    assert_eq!((site.memory.events(), site.notes().len()), (0, 0));
    let headers = [("origin", here.as_str()), ("sec-fetch-site", "same-origin")];
    let got = site.ask(
        "POST",
        "/review/label",
        Some(&ana),
        &headers,
        body(&ana.csrf),
    );
    assert_eq!(
        (got.status, got.place()),
        (StatusCode::SEE_OTHER, "/review")
    );
    assert_eq!((site.memory.events(), site.notes().len()), (1, 1));
}

#[test]
fn a32_a_form_is_small_and_not_packed() {
    let site = Site::new(Desk::default());
    let ana = site.login("ana", Role::Reviewer);
    let ask = |headers: &[(&str, &str)], body: String| {
        let got = site.ask("POST", "/review/label", Some(&ana), headers, body);
        got.status
    };
    let long = format!("csrf={}&note={}", ana.csrf, "x".repeat(64 * 1024));
    assert_eq!(ask(&[], long), StatusCode::PAYLOAD_TOO_LARGE);
    let packed = [("content-encoding", "gzip")];
    let form = format!("csrf={}", ana.csrf);
    assert_eq!(
        ask(&packed, form.clone()),
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(ask(&[], form), StatusCode::BAD_REQUEST);
    let held = Arc::clone(&site.served.room).try_acquire_many_owned(200);
    assert_eq!(
        site.get("/", Some(&ana)).status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    drop(held);
    assert_eq!(site.get("/", Some(&ana)).status, StatusCode::OK);
}

#[test]
fn pages_load_nothing_but_their_style_and_one_of_them_a_script() {
    let site = Site::new(two_answers().2);
    let admin = site.login("root", Role::Admin);
    for path in [
        "/",
        "/keys",
        "/review",
        "/settle",
        "/people-who-label",
        "/releases",
        "/releases/0001-0123abcd",
        "/releases/0001-0123abcd/look/1",
        "/releases/0001-0123abcd/sign",
        "/releases/0001-0123abcd/override",
        "/failures",
        "/failures/1",
        "/incidents",
        "/suite",
        "/accounts",
    ] {
        let got = site.get(path, Some(&admin));
        let policy = got.headers["content-security-policy"]
            .to_str()
            .expect("text");
        assert_eq!(
            policy.contains("script-src 'self'"),
            path == "/review",
            "{path}"
        );
        assert_eq!(got.body.contains("<script"), path == "/review", "{path}");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        assert!(policy.contains("form-action 'self'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(got.headers["referrer-policy"], "same-origin");
        assert!(
            !got.body.contains(" style=") && !got.body.contains("onclick"),
            "{path}"
        );
        assert!(
            got.body.contains("Billing &#60;assistant&#62;"),
            "{}",
            got.body
        );
    }
    let style = site.get("/style.css", None);
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
}
