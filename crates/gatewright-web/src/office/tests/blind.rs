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
