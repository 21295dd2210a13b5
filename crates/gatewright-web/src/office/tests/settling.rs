//! Disagreements, reviewers, and the server as a whole.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::super::access::Role;
use super::super::front::PublicUrl;
use super::super::office;
use super::*;

/// Who may be shown what others said does not add a label to it: whoever settles, the author, and who put it aside.
#[test]
fn a23_nobody_labels_what_others_said_of_was_open_to_them() {
    let (open, disputed, desk) = two_answers();
    let site = Site::new(desk);
    let label = |login: &Login, item: &Item| {
        let hex = site.alias(item);
        let form = [("item", hex.as_str()), ("choice", "1"), ("note", "mine")];
        site.post("/review/label", Some(login), &form)
    };
    let owner = site.login("own", Role::Owner);
    let late = label(&owner, &disputed);
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.body);
    assert!(
        late.body
            .contains("Enough people have labelled this answer.")
    );
    assert!(late.body.contains("mine"), "what was typed is kept");
    let author = site.login("author", Role::Owner);
    assert_eq!(label(&author, &disputed).status, StatusCode::FORBIDDEN);
    let path = format!("/settle/{}", site.alias(&disputed));
    let seen = site.get(&path, Some(&author));
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(!seen.body.contains("page 3 says so"), "{}", seen.body);
    // Who asks about the policy sees what others said, and neither labels nor settles.
    let hex = site.alias(&open);
    let ask = [
        ("item", hex.as_str()),
        ("reason", "what of refunds?"),
        ("policy", "yes"),
    ];
    assert_eq!(
        site.post("/review/aside", Some(&owner), &ask).place(),
        "/review"
    );
    let path = format!("/settle/{hex}");
    let page = site.get(&path, Some(&owner));
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("somebody else settles it"),
        "{}",
        page.body
    );
    let own = [("choice", "1"), ("reason", "as I asked")];
    assert_eq!(
        site.post(&path, Some(&owner), &own).status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(label(&owner, &open).status, StatusCode::CONFLICT);
    // Nor does a reviewer to whom it was not shown before.
    let cyn = site.login("cyn", Role::Reviewer);
    assert_eq!(label(&cyn, &disputed).status, StatusCode::CONFLICT);
}

/// An owner reads what others said, and then one more is asked: somebody else.
#[test]
fn a23_who_opened_a_disagreement_is_not_asked_about_it_later() {
    let (open, disputed, desk) = two_answers();
    // The page with what was said is opened; then three are to label it.
    let site = Site::new(desk);
    let owner = site.login("own", Role::Owner);
    let path = format!("/settle/{}", site.alias(&disputed));
    assert_eq!(site.get(&path, Some(&owner)).status, StatusCode::OK);
    let mut desk = Desk::clone(&site.memory.desk.lock().expect("held"));
    desk.apply(&asked(&disputed, 3, "one more"));
    let site = Site::new(desk);
    let owner = site.login("own", Role::Owner);
    let next = site.get("/review", Some(&owner)).body;
    assert!(next.contains(&site.alias(&open)), "{next}");
    let hex = site.alias(&disputed);
    let form = [("item", hex.as_str()), ("choice", "1"), ("note", "")];
    let late = site.post("/review/label", Some(&owner), &form);
    assert_eq!(late.status, StatusCode::FORBIDDEN, "{}", late.body);
    assert!(late.body.contains("what others said"), "{}", late.body);
    let fresh = site.login("fay", Role::Reviewer);
    let taken = site.post("/review/label", Some(&fresh), &form);
    assert_eq!(taken.place(), "/review", "{}", taken.body);
}

/// Two have the same answer on the screen, and one is faster: the other's label counts too, unless that one has been told of it since.
#[test]
fn f24_who_had_an_answer_on_the_screen_may_label_it_late() {
    for told in [false, true] {
        let (open, _, desk) = two_answers();
        let site = Site::new(desk);
        let hex = site.alias(&open);
        let form = [("item", hex.as_str()), ("choice", "1"), ("note", "")];
        let people = ["ana", "ben", "cyn"].map(|name| site.login(name, Role::Owner));
        for person in &people {
            let page = site.get("/review", Some(person)).body;
            assert!(page.contains(&hex), "{page}");
        }
        for person in &people[..2] {
            assert_eq!(
                site.post("/review/label", Some(person), &form).place(),
                "/review"
            );
        }
        if told {
            assert_eq!(site.get("/settle", Some(&people[2])).status, StatusCode::OK);
        }
        let late = site.post("/review/label", Some(&people[2]), &form);
        let wanted = if told {
            StatusCode::CONFLICT
        } else {
            StatusCode::SEE_OTHER
        };
        assert_eq!(late.status, wanted, "{}", late.body);
    }
}

#[test]
fn what_people_differ_on_is_settled_by_somebody_else_without_their_names() {
    let (open, disputed, desk) = two_answers();
    let site = Site::new(desk);
    let owner = site.login("own", Role::Owner);
    assert!(
        site.get("/", Some(&owner))
            .body
            .contains("<strong>1</strong> to settle")
    );
    let path = format!("/settle/{}", site.alias(&disputed));
    assert!(site.get("/settle", Some(&owner)).body.contains(&path));
    let page = site.get(&path, Some(&owner)).body;
    assert!(
        page.contains("page 3 says so") && page.contains("no source"),
        "{page}"
    );
    assert!(!page.contains("zoe") && !page.contains("yan"), "{page}");
    assert!(
        page.contains("<strong>2 labels</strong> of 1 answer by version r-1"),
        "what a new rubric would void is said first: {page}"
    );
    let zoe = site.login("zoe", Role::Owner);
    let page = site.get(&path, Some(&zoe)).body;
    assert!(
        page.contains("by yan") && page.contains("somebody else settles it"),
        "{page}"
    );
    assert!(!page.contains("</textarea>"), "{page}");
    let settle = |login: &Login, choice: &str, reason: &str| {
        let form = [("choice", choice), ("reason", reason)];
        site.post(&path, Some(login), &form)
    };
    let got = settle(&zoe, "1", "as I said");
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    assert!(got.body.contains(">as I said</textarea>"), "{}", got.body);
    let got = settle(&owner, "2", "no");
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(got.body.contains(r#"value="2" checked"#), "{}", got.body);
    assert_eq!(site.login("author", Role::Owner).csrf.len(), 64);
    let author = site.login("author", Role::Owner);
    assert_eq!(settle(&author, "2", "mine").status, StatusCode::FORBIDDEN);
    assert_eq!(
        settle(&owner, "2", "no source on page 3").place(),
        "/settle"
    );
    let other = site.login("mia", Role::Owner);
    let got = settle(&other, "1", "kept words");
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert!(
        got.body.contains("own has settled this answer."),
        "{}",
        got.body
    );
    assert!(got.body.contains(">kept words</textarea>"), "{}", got.body);
    let page = site.get("/people-who-label", Some(&owner)).body;
    for said in [
        "needs 30",
        "1 of 1",
        "0 of 1",
        "grounded (rubric r-1)",
        "an anecdote",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let hex = site.alias(&open);
    let got = site.get(&format!("/settle/{hex}"), Some(&owner));
    assert_eq!(
        got.status,
        StatusCode::FORBIDDEN,
        "it waits for this owner's label"
    );
    // Two opened what others said, and one said something.
    let events = site.memory.events.lock().expect("held");
    let read = |event: &&ReviewEvent| matches!(event, ReviewEvent::Read { .. });
    assert_eq!(events.iter().filter(read).count(), 2, "{events:?}");
    assert_eq!(events.len(), 3, "{events:?}");
}

#[test]
fn a23_who_is_to_label_an_answer_is_not_shown_that_others_differ() {
    let item = item("e1", "May I?", "Yes.");
    let mut desk = Desk::default();
    for event in [
        asked(&item, 3, ""),
        labelled(&item, "zoe", "supported", ""),
        labelled(&item, "yan", "unsupported", ""),
    ] {
        desk.apply(&event);
    }
    let site = Site::new(desk);
    let owner = site.login("own", Role::Owner);
    let id = site.alias(&item);
    let path = format!("/settle/{id}");
    let sees = || site.get("/settle", Some(&owner)).body.contains(&path);
    let settle = || {
        let form = [("choice", "1"), ("reason", "because")];
        site.post(&path, Some(&owner), &form).status
    };
    assert!(!sees() && settle() == StatusCode::FORBIDDEN);
    let label = [("item", id.as_str()), ("choice", "1")];
    site.post("/review/label", Some(&owner), &label);
    assert!(!sees(), "the label can still be taken back");
    assert_eq!(site.get(&path, Some(&owner)).status, StatusCode::FORBIDDEN);
    site.memory.wait(31);
    assert!(sees());
    assert!(site.get(&path, Some(&owner)).body.contains("by zoe"));
    let mia = site.login("mia", Role::Owner);
    assert_eq!(
        site.get(&path, Some(&mia)).status,
        StatusCode::OK,
        "three have labelled it"
    );
}

#[test]
fn a_server_answers_on_its_port_until_it_is_told_to_stop() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let site = Site::new(two_answers().2);
    let dir = tempfile::tempdir().expect("a folder");
    runtime.block_on(async {
        let memory = Arc::clone(&site.memory) as Arc<dyn Office>;
        let book = Arc::clone(&site.book) as Arc<dyn Project>;
        let public = PublicUrl::parse("https://evals.example.com").expect("one");
        for (public, word) in [(Some(public), "first admin"), (None, "encrypted")] {
            let open = Accounts::open(dir.path()).expect("opens");
            let everywhere = tokio::net::TcpListener::bind("0.0.0.0:0")
                .await
                .expect("a port");
            let mut door = Door::default();
            door.front.public = public;
            let both = (Arc::clone(&memory), Arc::clone(&book));
            let refused = office(everywhere, both, open, door, async {}).await;
            let said = refused.expect_err("others can reach it").to_string();
            assert!(said.contains(word), "{said}");
        }

        let accounts = Accounts::open(dir.path()).expect("opens");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stop_at = async move {
            let _ = stopped.await;
        };
        let door = Door {
            first_code: Some(CODE.to_owned()),
            ..Door::default()
        };
        let server = tokio::spawn(office(listener, (memory, book), accounts, door, stop_at));
        let asked = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("connects");
            let head = format!("GET /login HTTP/1.1\r\nHost: {address}\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("sent");
            let mut start = [0; 15];
            stream.read_exact(&mut start).expect("an answer");
            let mut long = TcpStream::connect(address).expect("connects");
            let head = format!(
                "GET / HTTP/1.1\r\nHost: {address}\r\nx: {}\r\n\r\n",
                "x".repeat(1 << 16)
            );
            let _ = long.write_all(head.as_bytes());
            let mut answer = Vec::new();
            let _ = long.read_to_end(&mut answer);
            (start, String::from_utf8_lossy(&answer).into_owned(), stream)
        });
        let (start, long, still_open) = asked.await.expect("asked");
        assert_eq!(&start, b"HTTP/1.1 200 OK");
        assert!(!long.contains(" 200 ") && !long.contains(" 303 "), "{long}");
        stop.send(()).expect("heard");
        server.await.expect("ends").expect("serves");
        drop(still_open);
    });
}
