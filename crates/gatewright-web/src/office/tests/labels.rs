//! Labelling: what is shown, what is recorded, and what is refused with nothing lost.

use std::thread;

use super::super::access::Role;
use super::*;

fn label(site: &Site, login: &Login, item: &Item, choice: &str, note: &str) -> Got {
    let id = site.alias(item);
    let form = [("item", id.as_str()), ("choice", choice), ("note", note)];
    site.post("/review/label", Some(login), &form)
}

#[test]
fn one_answer_after_the_other_is_labelled_until_none_waits() {
    let (open, _, desk) = two_answers();
    let site = Site::new(desk);
    let cyn = site.login("cyn", Role::Reviewer);
    let page = site.get("/review", Some(&cyn)).body;
    for said in [
        "grounded",
        "Rubric r-1",
        "May I cancel?",
        "Yes, at any time.",
        "0 of 1 labelled",
        "<kbd>1</kbd> <bdi>supported</bdi>",
        "<kbd>2</kbd> <bdi>unsupported</bdi>",
        r#"dir="auto""#,
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(
        site.get("/", Some(&cyn))
            .body
            .contains("<strong>1</strong> to label")
    );
    let got = label(&site, &cyn, &open, "2", " a\r\nnote ");
    assert_eq!(
        (got.status, got.place()),
        (StatusCode::SEE_OTHER, "/review")
    );
    let events = site.memory.events.lock().expect("held").clone();
    assert_eq!(
        events,
        [ReviewEvent::Labelled {
            item: open.id(),
            label: "unsupported".to_owned(),
            by: "cyn".to_owned(),
            note: "a\nnote".to_owned(),
            settles: false,
            origin: Origin::Here,
            at: "2026-11-27T10:00:00Z".to_owned(),
        }]
    );
    let page = site.get("/review", Some(&cyn)).body;
    assert!(
        page.contains("Nothing waits for you") && page.contains("1 of 1"),
        "{page}"
    );
    assert!(
        page.contains("You said <strong>unsupported</strong>"),
        "{page}"
    );
    let notes = site.notes();
    assert!(notes[0].who == "cyn" && notes[0].what.ends_with("labelled it unsupported"));
}

/// A code that hangs on the system's name alone could be tried out by whoever knows the names.
#[test]
fn a23_no_page_names_an_answer_by_what_hangs_on_its_system() {
    let (open, disputed, desk) = two_answers();
    let site = Site::new(desk);
    let owner = site.login("own", Role::Owner);
    let settle = format!("/settle/{}", site.alias(&disputed));
    for path in ["/review", "/settle", settle.as_str()] {
        let page = site.get(path, Some(&owner));
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for item in [&open, &disputed] {
            for told in [item.answer_id.clone(), item.id().hex()] {
                assert!(!page.body.contains(&told), "{path}: {told}");
            }
        }
    }
    let own = format!("/settle/{}", disputed.id().hex());
    assert_eq!(site.get(&own, Some(&owner)).status, StatusCode::NOT_FOUND);
}

#[test]
fn f24_two_at_once_both_count_and_one_twice_counts_once() {
    let (open, _, desk) = two_answers();
    let site = Site::new(desk);
    let people = ["cyn", "dan"].map(|name| site.login(name, Role::Reviewer));
    // She has it on the screen before the others are done.
    let eve = site.login("eve", Role::Reviewer);
    assert!(
        site.get("/review", Some(&eve))
            .body
            .contains(&site.alias(&open))
    );
    let statuses = thread::scope(|scope| {
        let all = people
            .each_ref()
            .map(|login| scope.spawn(|| label(&site, login, &open, "1", "").status));
        all.map(|one| one.join().expect("answers"))
    });
    assert_eq!(statuses, [StatusCode::SEE_OTHER; 2]);
    let mut twice = thread::scope(|scope| {
        let (site, open) = (&site, &open);
        let all = ["1", "2"].map(|choice| {
            let eve = eve.clone();
            scope.spawn(move || label(site, &eve, open, choice, "kept words").status)
        });
        all.map(|one| one.join().expect("answers"))
    });
    twice.sort();
    assert_eq!(twice, [StatusCode::SEE_OTHER, StatusCode::CONFLICT]);
    let desk = site.memory.desk().expect("there");
    let entry = desk.find(&open.id()).expect("asked");
    assert_eq!(entry.given.len(), 3, "{:?}", entry.given);
}

#[test]
fn f23_a_refused_label_loses_nothing_that_was_typed() {
    let (open, _, desk) = two_answers();
    let site = Site::new(desk);
    let cyn = site.login("cyn", Role::Reviewer);
    let got = label(&site, &cyn, &open, "7", "kept <words>");
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(
        got.body.contains(">kept &#60;words&#62;</textarea>"),
        "{}",
        got.body
    );
    assert!(
        got.body.contains("That is no label of this criterion"),
        "{}",
        got.body
    );
    assert_eq!(
        label(&site, &cyn, &open, "1", "").status,
        StatusCode::SEE_OTHER
    );
    let got = label(&site, &cyn, &open, "2", "kept words");
    assert_eq!(got.status, StatusCode::CONFLICT);
    for said in [
        "You have labelled this answer already.",
        "What you said before stands: <strong>supported</strong>",
        "unsupported",
        "kept words",
    ] {
        assert!(got.body.contains(said), "{said}: {}", got.body);
    }
    let author = site.login("author", Role::Reviewer);
    let got = label(&site, &author, &open, "1", "");
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    assert!(
        got.body
            .contains("The author of a change does not label it.")
    );
    let got = site.post(
        "/review/label",
        Some(&cyn),
        &[("item", "x"), ("choice", "1")],
    );
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.memory.events(), 1);
}

#[test]
fn a_label_is_taken_back_for_thirty_seconds() {
    let (open, _, desk) = two_answers();
    let site = Site::new(desk);
    let cyn = site.login("cyn", Role::Reviewer);
    let id = site.alias(&open);
    let undo = || site.post("/review/undo", Some(&cyn), &[("item", &id)]);
    let has_button = || {
        site.get("/review", Some(&cyn))
            .body
            .contains(r#"id="undo""#)
    };
    let got = undo();
    assert_eq!(got.status, StatusCode::BAD_REQUEST, "nothing said yet");
    label(&site, &cyn, &open, "1", "");
    site.memory.wait(30);
    assert!(has_button());
    assert_eq!(undo().status, StatusCode::SEE_OTHER);
    assert!(
        site.get("/review", Some(&cyn))
            .body
            .contains("0 of 1 labelled")
    );
    label(&site, &cyn, &open, "2", "");
    site.memory.wait(31);
    assert!(!has_button());
    let got = undo();
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(
        got.body
            .contains("A label can be taken back for 30 seconds."),
        "{}",
        got.body
    );
    let desk = site.memory.desk().expect("there");
    let entry = desk.find(&open.id()).expect("asked");
    assert_eq!(
        entry.said_by("cyn").map(|it| it.label.as_str()),
        Some("unsupported")
    );
}

#[test]
fn of_several_labels_the_newest_is_taken_back_and_the_newest_that_stands_is_told() {
    let items = ["a", "b", "c"].map(|name| item(name, name, name));
    let mut desk = Desk::default();
    for item in &items {
        desk.apply(&asked(item, 2, &format!("why of {}", item.example)));
    }
    let site = Site::new(desk);
    let cyn = site.login("cyn", Role::Reviewer);
    // Not in the order in which they were asked.
    for place in [2, 0, 1] {
        label(&site, &cyn, &items[place], "1", "");
        site.memory.wait(20);
    }
    let [a, b, _] = items.each_ref().map(|item| {
        let name = site.alias(item);
        format!("<code>{}</code>", &name[..8])
    });
    let page = site.get("/review", Some(&cyn)).body;
    let (last, stood) = page.split_once("Recorded:").expect("one stands");
    assert!(
        last.contains(&format!("answer {b}")) && !last.contains(&a),
        "{page}"
    );
    assert!(stood.contains(&a) && stood.contains("why of a"), "{page}");
    assert!(
        !page.contains("why of b") && !page.contains("why of c"),
        "{page}"
    );
}

#[test]
fn an_answer_is_put_aside_with_a_reason() {
    let (open, _, desk) = two_answers();
    let site = Site::new(desk);
    let cyn = site.login("cyn", Role::Reviewer);
    let id = site.alias(&open);
    let aside = |reason: &str| {
        let form = [("item", id.as_str()), ("reason", reason), ("policy", "yes")];
        site.post("/review/aside", Some(&cyn), &form)
    };
    let got = aside("no");
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(got.body.contains(">no</textarea>") && got.body.contains(" checked"));
    assert_eq!(aside("may we say this?").status, StatusCode::SEE_OTHER);
    assert_eq!(aside("may we say this?").status, StatusCode::CONFLICT);
    assert!(
        site.get("/review", Some(&cyn))
            .body
            .contains("Nothing waits for you")
    );
    let desk = site.memory.desk().expect("there");
    assert!(desk.find(&open.id()).expect("asked").is_policy_question());
}

#[test]
fn a8_a9_what_a_system_answered_is_text_and_hides_nothing() {
    let hostile = "<script>alert(1)</script>\u{1b}[31m\u{202e}evil\u{200b}<img src=x onerror=y>";
    let item = item(hostile, hostile, hostile);
    let mut desk = Desk::default();
    desk.apply(&asked(&item, 2, hostile));
    let site = Site::new(desk);
    let cyn = site.login("cyn", Role::Reviewer);
    let owner = site.login("own", Role::Owner);
    label(
        &site,
        &site.login("zoe", Role::Reviewer),
        &item,
        "1",
        hostile,
    );
    let mut pages = vec![site.get("/review", Some(&cyn))];
    pages.push(label(&site, &cyn, &item, "9", hostile));
    label(&site, &cyn, &item, "2", hostile);
    pages.push(site.get("/review", Some(&cyn)));
    let form = [("item", &*site.alias(&item)), ("reason", hostile)];
    pages.push(site.post("/review/aside", Some(&cyn), &form));
    site.memory.wait(31);
    pages.push(site.get("/review", Some(&cyn)));
    pages.push(site.get("/settle", Some(&owner)));
    pages.push(site.get(&format!("/settle/{}", site.alias(&item)), Some(&owner)));
    for got in pages {
        assert!(
            got.body.contains("&#60;script&#62;alert(1)"),
            "{}",
            got.body
        );
        assert!(!got.body.contains("<script>alert") && !got.body.contains("<img"));
        assert!(got.body.contains("\\u{1b}") && got.body.contains("\\u{202e}"));
        let shown =
            |one: char| one == '\n' || !(one.is_control() || "\u{202e}\u{200b}".contains(one));
        assert!(got.body.chars().all(shown), "{:?}", got.body);
    }
}
