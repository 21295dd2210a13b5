//! What issues say of a view, whatever stands in it.

use pulldown_cmark::{Event, Parser};

use super::*;
use crate::work::{Asks, Key, plan};

/// A9, A10: in an issue's text what others wrote is code, and in its title nothing that a forge reads.
#[test]
fn a9_a10_hostile_text_stays_text_in_an_issue() {
    let hostile = format!("/close fixes #12 @all {HOSTILE}");
    let mut page = page();
    page.product.clone_from(&hostile);
    page.gate[0].id = hostile.as_str().into();
    let owner = page.owners.get_mut("grounding").expect("there");
    owner.name = hostile.repeat(40);
    owner.contact = Some("@team".to_owned());
    let mut proposal = proposal();
    proposal.work_items[0].what = hostile.repeat(100);
    let mut analysis = analysis();
    analysis.findings[0].slice = vec![("task".to_owned(), hostile.clone())];
    let view = made(&page, &proposal, &analysis);
    let asks = Asks::of(&view, "", Some("https://ci.example/runs/1?x=@all"));
    assert_eq!(
        asks.link, None,
        "an address with more than plain signs is left out"
    );
    let [asked] = asks.items.as_slice() else {
        panic!("{asks:?}");
    };
    assert_eq!(Key::read(&asked.body), Some(asked.key));
    assert!(asked.title.chars().count() <= 200 && !asked.title.contains(['@', '#', '/']));
    assert!(asked.body.len() < 65_536, "{}", asked.body.len());
    for line in asked.body.lines() {
        assert!(
            line.is_empty() || line.starts_with(['<', 'T', '-']),
            "{line}"
        );
    }
    let mut html = 0;
    for event in Parser::new(&asked.body) {
        match event {
            Event::Text(text) => {
                for word in ["@", "fixes", "#", "/close", "::"] {
                    assert!(!text.contains(word), "{word} in {text}");
                }
            }
            Event::Html(_) | Event::InlineHtml(_) => html += 1,
            _ => {}
        }
    }
    assert_eq!(html, 1, "the hidden line and no more");
}

/// A view says which work follows from a rule, which rule holds where, and whether the run may close anything.
#[test]
fn what_a_view_asks_for_and_what_it_shows_to_hold() {
    let (page, analysis) = (page(), analysis());
    let asks = Asks::of(&made(&page, &proposal(), &analysis), "", None);
    assert_eq!(asks.items.len(), 1);
    assert_eq!(asks.closes_nothing, None);
    assert!(!asks.held.contains(&asks.items[0].key));
    // Another page of the repository, of the same product and with the same rule, asks for other work.
    let elsewhere = Asks::of(
        &made(&page, &proposal(), &analysis),
        "eu/gatewright.yaml",
        None,
    );
    assert_ne!(elsewhere.items[0].key, asks.items[0].key);
    assert!(!asks.items[0].key.is_of(&elsewhere.product));
    assert!(elsewhere.items[0].key.is_of(&elsewhere.product));
    let mut holds = analysis;
    holds.findings[0].standing = Standing::Holds;
    let mut ship = proposal();
    ship.answer = Answer::Ship;
    ship.fired.clear();
    let incident = WorkItem {
        finding: None,
        ..ship.work_items.remove(0)
    };
    ship.work_items.push(incident);
    let repaired = Asks::of(&made(&page, &ship, &holds), "", None);
    assert!(repaired.held.contains(&asks.items[0].key));
    assert_eq!((repaired.items.len(), repaired.without_rule), (0, 1));
    assert!(plan(&repaired, "gatewright", &[]).actions.is_empty());
    holds.findings[0].deciding = false;
    assert!(
        Asks::of(&made(&page, &ship, &holds), "", None)
            .held
            .is_empty()
    );
    ship.answer = Answer::NotEnoughEvidence;
    let undecided = Asks::of(&made(&page, &ship, &holds), "", None);
    assert!(undecided.closes_nothing.is_some());
    ship.invalid
        .push("the gate changed after the seal".to_owned());
    assert!(
        Asks::of(&made(&page, &ship, &holds), "", None)
            .invalid
            .is_some()
    );
}
