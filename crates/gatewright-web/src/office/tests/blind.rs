//! A23: before somebody has labelled an answer, nothing tells what others said, what is known, or why it is asked.

use proptest::prelude::*;

use super::super::access::Role;
use super::*;

const LABELS: [&str; 2] = ["supported", "unsupported"];
const ANSWERS: usize = 5;

/// What one answer's peers said, what is known of it and why it is asked: all that must not show.
#[derive(Clone, Debug)]
struct Hidden {
    zoe: usize,
    yan: usize,
    gold: Option<usize>,
    why: String,
    note: String,
}

fn hidden() -> impl Strategy<Value = Vec<Hidden>> {
    let one = (
        0..2_usize,
        0..2_usize,
        proptest::option::of(0..2_usize),
        "[a-z]{1,9}",
        "[a-z]{0,9}",
    );
    let one = one.prop_map(|(zoe, yan, gold, why, note)| Hidden {
        zoe,
        yan,
        gold,
        why: format!("why-{why}"),
        note: format!("note-{note}"),
    });
    proptest::collection::vec(one, ANSWERS)
}

/// Answers that wait for a third person.
fn desk(hidden: &[Hidden]) -> Desk {
    let mut desk = Desk::default();
    for (index, one) in hidden.iter().enumerate() {
        let item = item(&format!("e{index}"), "May I cancel?", "Yes.");
        let mut events = vec![
            asked(&item, 3, &one.why),
            labelled(&item, "zoe", LABELS[one.zoe], &one.note),
            labelled(&item, "yan", LABELS[one.yan], ""),
        ];
        events.extend(one.gold.map(|gold| ReviewEvent::Gold {
            item: item.id(),
            label: LABELS[gold].to_owned(),
            by: "boss".to_owned(),
            at: "2026-11-27T09:40:00Z".to_owned(),
        }));
        for event in events {
            desk.check(&event).expect("may be said");
            desk.apply(&event);
        }
    }
    desk
}

fn pages(site: &Site, desk: Desk, login: &Login) -> Vec<Got> {
    site.memory.set(desk);
    let paths = ["/", "/review", "/settle", "/people-who-label", "/keys"];
    let mut pages: Vec<Got> = paths.map(|path| site.get(path, Some(login))).into();
    // Refusals tell nothing either.
    let item = site.alias(&item("e0", "", ""));
    let refused = [("item", item.as_str()), ("choice", "9"), ("note", "n")];
    pages.push(site.post("/review/label", Some(login), &refused));
    pages.push(site.post("/review/undo", Some(login), &refused));
    let settle = format!("/settle/{item}");
    pages.push(site.get(&settle, Some(login)));
    pages
}

#[test]
fn a23_pages_are_the_same_bytes_whatever_others_said() {
    let site = Site::new(Desk::default());
    let cyn = site.login("cyn", Role::Reviewer);
    let owner = site.login("own", Role::Owner);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let run = runner.run(&(hidden(), hidden()), |(one, other)| {
        let (left, right) = (
            pages(&site, desk(&one), &cyn),
            pages(&site, desk(&other), &cyn),
        );
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(left[1].status, StatusCode::OK);
        prop_assert!(left[1].body.contains("May I cancel?"), "{}", left[1].body);
        for page in &left {
            let tells = page.body.contains("why-") || page.body.contains("note-");
            prop_assert!(!tells && !page.body.contains("zoe"), "{}", page.body);
        }
        // Who settles sees counts, but none of answers that wait for this person's own label.
        let (left, right) = (
            pages(&site, desk(&one), &owner),
            pages(&site, desk(&other), &owner),
        );
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(left[7].status, StatusCode::FORBIDDEN);
        Ok(())
    });
    run.expect("nothing tells");
}

#[test]
fn a23_why_an_answer_is_asked_is_shown_once_its_label_stands() {
    let (open, _, desk) = two_answers();
    let site = Site::new(desk);
    let cyn = site.login("cyn", Role::Reviewer);
    let shows_why = || {
        let page = site.get("/review", Some(&cyn)).body;
        page.contains("the judge failed it")
    };
    assert!(!shows_why());
    let id = site.alias(&open);
    let form = [("item", id.as_str()), ("choice", "1")];
    assert_eq!(
        site.post("/review/label", Some(&cyn), &form).place(),
        "/review"
    );
    assert!(!shows_why(), "it can still be taken back");
    site.memory.wait(30);
    assert!(!shows_why(), "it can still be taken back");
    site.memory.wait(1);
    assert!(shows_why());
}

/// The two answers of a pair, whose labels name the systems.
fn pair(name: &str) -> Item {
    Item {
        labels: ["candidate-better", "production-better", "neither-of-them"]
            .map(str::to_owned)
            .into(),
        second: Some("And no.".to_owned()),
        ..item(name, "May I cancel?", "And yes.")
    }
}

fn pairs_desk(labels: &[(usize, usize)]) -> Desk {
    let mut desk = Desk::default();
    for (index, (zoe, yan)) in labels.iter().enumerate() {
        let item = pair(&format!("p{index}"));
        for event in [
            asked(&item, 3, "why-they-differ"),
            labelled(&item, "zoe", &item.labels[*zoe], "note-zoe"),
            labelled(&item, "yan", &item.labels[*yan], ""),
        ] {
            desk.check(&event).expect("may be said");
            desk.apply(&event);
        }
    }
    desk
}

/// Which of the two stands first on a page.
fn first_is_yes(body: &str) -> bool {
    let at = |text: &str| body.find(text).expect("both answers are on the page");
    at("And yes.") < at("And no.")
}

#[test]
fn a23_a_pair_tells_neither_arm_nor_order_nor_what_others_said() {
    let site = Site::new(Desk::default());
    let cyn = site.login("cyn", Role::Reviewer);
    let owner = site.login("own", Role::Owner);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let said = || proptest::collection::vec((0..3_usize, 0..3_usize), ANSWERS);
    let run = runner.run(&(said(), said()), |(one, other)| {
        for login in [&cyn, &owner] {
            let seen = |labels: &[(usize, usize)]| {
                site.memory.set(pairs_desk(labels));
                let item = site.alias(&pair("p0"));
                let refused = [("item", item.as_str()), ("choice", "9"), ("note", "n")];
                let settle = format!("/settle/{item}");
                vec![
                    site.get("/", Some(login)),
                    site.get("/review", Some(login)),
                    site.get("/settle", Some(login)),
                    site.get(&settle, Some(login)),
                    site.post("/review/label", Some(login), &refused),
                    site.post("/review/undo", Some(login), &refused),
                ]
            };
            let (left, right) = (seen(&one), seen(&other));
            prop_assert_eq!(&left, &right);
            prop_assert!(
                left[1].body.contains("Answer 2 is better"),
                "{}",
                left[1].body
            );
            prop_assert_eq!(left[4].status, StatusCode::BAD_REQUEST);
            for page in &left {
                for word in [
                    "candidate",
                    "production",
                    "neither-of",
                    "why-",
                    "note-z",
                    "zoe",
                ] {
                    prop_assert!(!page.body.contains(word), "{word}: {}", page.body);
                }
            }
        }
        Ok(())
    });
    run.expect("nothing tells");
}

#[test]
fn a_pair_is_labelled_as_what_was_on_the_screen_in_an_order_of_each_person_s_own() {
    let items: Vec<Item> = (0..24).map(|index| pair(&format!("p{index}"))).collect();
    let mut desk = Desk::default();
    for item in &items {
        desk.apply(&asked(item, 2, "flips"));
    }
    let site = Site::new(desk);
    let mut turned = Vec::new();
    for name in ["cyn", "dan"] {
        let login = site.login(name, Role::Reviewer);
        let mut orders = std::collections::BTreeMap::new();
        for _ in &items {
            let page = site.get("/review", Some(&login)).body;
            assert_eq!(
                page,
                site.get("/review", Some(&login)).body,
                "the same at each look"
            );
            let item = items
                .iter()
                .find(|it| page.contains(&format!("data-item=\"{}\"", site.alias(it))))
                .expect("one of them");
            let yes = first_is_yes(&page);
            orders.insert(item.example.clone(), yes);
            // Everybody finds "And yes." the better one, wherever it stands.
            let id = site.alias(item);
            let form = [
                ("item", id.as_str()),
                ("choice", if yes { "1" } else { "2" }),
            ];
            assert_eq!(
                site.post("/review/label", Some(&login), &form).place(),
                "/review"
            );
            let said = if yes {
                "Answer 1 is better"
            } else {
                "Answer 2 is better"
            };
            let next = site.get("/review", Some(&login)).body;
            assert!(
                next.contains(&format!("You said <strong>{said}</strong>")),
                "{next}"
            );
        }
        turned.push(orders);
    }
    for orders in &turned {
        let first = orders.values().filter(|yes| **yes).count();
        assert!((4..=20).contains(&first), "{first} of 24");
    }
    assert_ne!(
        turned[0], turned[1],
        "each person has an order of their own"
    );
    let events = site.memory.events.lock().expect("held");
    assert_eq!(events.len(), 48);
    for event in events.iter() {
        let ReviewEvent::Labelled { label, .. } = event else {
            panic!("{event:?}");
        };
        assert_eq!(
            label, "candidate-better",
            "what is stored hangs on no order"
        );
    }
}

/// Whoever settles reads what was said in the words of their own screen.
#[test]
fn what_people_differ_on_is_settled_on_the_screen_s_own_terms() {
    let items: Vec<Item> = (0..8).map(|index| pair(&format!("p{index}"))).collect();
    let mut desk = Desk::default();
    for item in &items {
        desk.apply(&asked(item, 2, "flips"));
        desk.apply(&labelled(item, "zoe", &item.labels[0], ""));
        desk.apply(&labelled(item, "yan", &item.labels[2], ""));
    }
    let site = Site::new(desk);
    let owner = site.login("own", Role::Owner);
    for item in &items {
        let path = format!("/settle/{}", site.alias(item));
        let page = site.get(&path, Some(&owner)).body;
        let (number, better) = match first_is_yes(&page) {
            true => ("1", "Answer 1 is better"),
            false => ("2", "Answer 2 is better"),
        };
        assert!(
            page.contains(&format!("<strong><bdi>{better}</bdi></strong>")),
            "{page}"
        );
        assert!(!page.contains("candidate-better"), "{page}");
        let form = [("choice", number), ("reason", "the policy says so")];
        assert_eq!(site.post(&path, Some(&owner), &form).place(), "/settle");
        let desk = site.memory.desk().expect("there");
        let entry = desk.find(&item.id()).expect("asked");
        let settled = entry.settled.as_ref().expect("settled");
        assert_eq!(settled.label, "candidate-better");
    }
}
