//! What may be said of an answer, by whom and when; and what nobody sees before.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::{
    AskedRow, Desk, Item, Origin, Refusal, ReviewEvent, Stand, desk_agreement, people, said,
};
use crate::digest::Digest;

fn item(number: usize) -> Item {
    Item {
        criterion: "good".to_owned(),
        example: format!("e{number}"),
        answer_id: format!("{number:016x}"),
        trial: 0,
        part: None,
        labels: vec!["yes".to_owned(), "no".to_owned()],
        rubric: Some("r-1".to_owned()),
        input: "asked".to_owned(),
        output: Some(format!("answered {number}")),
        second: None,
        inclusion: None,
    }
}

fn at(second: u32) -> String {
    format!("2026-11-27T10:{:02}:{:02}Z", second / 60, second % 60)
}

fn asked(number: usize, people: u32) -> ReviewEvent {
    asked_of(item(number), people)
}

fn asked_of(item: Item, people: u32) -> ReviewEvent {
    ReviewEvent::Asked {
        item: Box::new(item),
        people,
        not_by: BTreeSet::from(["author".to_owned()]),
        why: "flipped".to_owned(),
        by: "lead".to_owned(),
        at: at(0),
    }
}

fn known(number: usize, label: &str) -> ReviewEvent {
    ReviewEvent::Gold {
        item: item(number).id(),
        label: label.to_owned(),
        by: "lead".to_owned(),
        at: at(0),
    }
}

fn says(number: usize, by: &str, label: &str, second: u32) -> ReviewEvent {
    ReviewEvent::Labelled {
        item: item(number).id(),
        label: label.to_owned(),
        by: by.to_owned(),
        note: String::new(),
        settles: false,
        origin: Origin::Here,
        at: at(second),
    }
}

fn settles(number: usize, by: &str, label: &str, note: &str) -> ReviewEvent {
    ReviewEvent::Labelled {
        item: item(number).id(),
        label: label.to_owned(),
        by: by.to_owned(),
        note: note.to_owned(),
        settles: true,
        origin: Origin::Here,
        at: at(90),
    }
}

fn back(number: usize, by: &str, second: u32) -> ReviewEvent {
    ReviewEvent::Withdrawn {
        item: item(number).id(),
        by: by.to_owned(),
        at: at(second),
    }
}

fn desk(events: &[ReviewEvent]) -> Desk {
    let mut desk = Desk::default();
    events.iter().for_each(|event| desk.apply(event));
    desk
}

fn stand(desk: &Desk, number: usize) -> Stand {
    desk.find(&item(number).id()).expect("asked").stand()
}

#[test]
fn two_people_differ_and_a_third_settles_it() {
    let mut desk = desk(&[asked(1, 2), says(1, "ana", "yes", 1)]);
    assert_eq!(stand(&desk, 1), Stand::Open);
    desk.apply(&says(1, "ben", "no", 2));
    assert_eq!(stand(&desk, 1), Stand::Disputed);
    let refused = |event: &ReviewEvent| desk.check(event).expect_err("refused");
    assert_eq!(
        refused(&settles(1, "ana", "yes", "as clause 2 says")),
        Refusal::OwnDispute
    );
    assert_eq!(refused(&settles(1, "cy", "yes", " ")), Refusal::Reason);
    assert_eq!(
        refused(&settles(1, "author", "yes", "as clause 2 says")),
        Refusal::Author
    );
    desk.apply(&settles(1, "cy", "yes", "as clause 2 says"));
    assert_eq!(stand(&desk, 1), Stand::Settled);
    let entry = desk.find(&item(1).id()).expect("asked");
    assert_eq!(entry.given.len(), 2, "what both said stays");
    assert_eq!(
        desk.check(&says(1, "dee", "no", 99)),
        Err(Refusal::Settled {
            by: "cy".to_owned()
        })
    );
    let rows: Vec<String> = said(&desk, |_| true)
        .map(|row| serde_json::to_string(&row).expect("a row"))
        .collect();
    assert_eq!(rows.len(), 3);
    assert!(rows[2].contains("human_adjudicated") && rows[2].contains("\"cy\""));
}

#[test]
fn nobody_says_anything_twice_and_the_author_says_nothing() {
    let desk = desk(&[asked(1, 2), says(1, "ana", "yes", 1)]);
    let twice = says(1, "ana", "no", 2);
    assert_eq!(desk.check(&twice), Err(Refusal::Twice));
    let mut later = desk.clone();
    later.apply(&twice);
    assert_eq!(
        later.find(&item(1).id()),
        desk.find(&item(1).id()),
        "never a silent change"
    );
    assert_eq!(
        desk.check(&says(1, "author", "no", 2)),
        Err(Refusal::Author)
    );
    assert_eq!(desk.check(&says(2, "ben", "no", 2)), Err(Refusal::NoItem));
    let other = desk.check(&says(1, "ben", "maybe", 2));
    assert!(matches!(other, Err(Refusal::NotALabel { .. })), "{other:?}");
    assert!(desk.waiting("author").next().is_none());
    assert_eq!(
        desk.check(&settles(1, "ben", "no", "because so")),
        Err(Refusal::NotDisputed)
    );
}

#[test]
fn a_label_is_taken_back_for_thirty_seconds() {
    let mut desk = desk(&[asked(1, 1), says(1, "ana", "yes", 10)]);
    assert_eq!(desk.check(&back(1, "ana", 41)), Err(Refusal::TooLate));
    assert_eq!(
        desk.check(&back(1, "ana", 9)),
        Err(Refusal::TooLate),
        "a clock that ran back"
    );
    assert_eq!(desk.check(&back(1, "ben", 12)), Err(Refusal::NothingSaid));
    assert!(desk.last_of("ana", &at(40)).is_some());
    desk.apply(&back(1, "ana", 40));
    assert_eq!(stand(&desk, 1), Stand::Open);
    assert!(desk.last_of("ana", &at(41)).is_none());
    desk.apply(&says(1, "ana", "no", 42));
    assert_eq!(
        desk.find(&item(1).id()).expect("asked").given[0].label,
        "no"
    );
}

#[test]
fn what_is_put_aside_comes_back_to_nobody_but_others() {
    let mut desk = desk(&[asked(1, 2)]);
    let aside = |by: &str, reason: &str, policy| ReviewEvent::PutAside {
        item: item(1).id(),
        by: by.to_owned(),
        reason: reason.to_owned(),
        policy,
        at: at(5),
    };
    assert_eq!(desk.check(&aside("ana", "x", false)), Err(Refusal::Reason));
    desk.apply(&aside("ana", "not my language", false));
    assert!(desk.waiting("ana").next().is_none());
    assert!(desk.waiting("ben").next().is_some());
    assert_eq!(desk.to_settle().count(), 0);
    desk.apply(&aside("ben", "the policy says nothing", true));
    assert_eq!(desk.to_settle().count(), 1);
    let own = settles(1, "ben", "no", "as I asked");
    assert_eq!(desk.check(&own), Err(Refusal::OwnQuestion));
    let settled = settles(1, "cy", "no", "asked the owner");
    assert_eq!(desk.check(&settled), Err(Refusal::LabelFirst));
    assert_eq!(desk.to_settle_by("cy", &at(10)).count(), 0);
    desk.apply(&aside("cy", "I shall settle it", false));
    assert_eq!(desk.to_settle_by("cy", &at(10)).count(), 1);
    // What others said may have been shown since.
    assert_eq!(desk.check(&says(1, "ana", "yes", 9)), Err(Refusal::Aside));
    desk.apply(&settled);
    assert_eq!(
        (desk.to_settle().count(), stand(&desk, 1)),
        (0, Stand::Settled)
    );
}

/// A4 of the desk: nobody reopens what others agree on, and who asks about the policy does not answer.
#[test]
fn what_people_agree_on_is_put_aside_and_settled_by_nobody() {
    let mut desk = desk(&[
        asked(1, 2),
        says(1, "ana", "yes", 1),
        says(1, "ben", "yes", 2),
    ]);
    let aside = |by: &str| ReviewEvent::PutAside {
        item: item(1).id(),
        by: by.to_owned(),
        reason: "my own question".to_owned(),
        policy: true,
        at: at(3),
    };
    assert_eq!(desk.check(&aside("cy")), Err(Refusal::Enough));
    assert_eq!(desk.check(&aside("author")), Err(Refusal::Author));
    assert_eq!(desk.check(&aside("ana")), Err(Refusal::Twice));
    let settled = settles(1, "cy", "no", "I say no");
    assert_eq!(desk.check(&settled), Err(Refusal::NotDisputed));
    // A label on top, by somebody who had it on the screen, is taken.
    desk.apply(&says(1, "dee", "no", 4));
    assert_eq!(stand(&desk, 1), Stand::Disputed);
}

#[test]
fn a34_a_name_in_two_spellings_is_one_person() {
    let mut desk = desk(&[asked(1, 2), says(1, " Ana ", "yes", 1)]);
    assert_eq!(desk.check(&says(1, "ana", "no", 2)), Err(Refusal::Twice));
    assert_eq!(
        desk.check(&says(1, "AUTHOR", "no", 2)),
        Err(Refusal::Author)
    );
    let file = |by: &str| match says(1, by, "no", 2) {
        ReviewEvent::Labelled {
            item,
            label,
            by,
            note,
            settles,
            at,
            ..
        } => ReviewEvent::Labelled {
            item,
            label,
            by,
            note,
            settles,
            origin: Origin::Page,
            at,
        },
        other => other,
    };
    assert_eq!(desk.check(&file("Author")), Err(Refusal::Author));
    assert_eq!(desk.check(&file("Ana")), Err(Refusal::Twice));
    desk.apply(&says(1, "Ben", "no", 2));
    assert!(desk.has(&says(1, "ben", "no", 2)));
    desk.apply(&back(1, "BEN", 20));
    let entry = desk.find(&item(1).id()).expect("asked");
    assert_eq!(entry.given[0].by, "ana");
    assert_eq!(entry.withdrawn[0].by, "ben");
}

/// What is shown to whoever settles leaves out what that person is to label, and does not change with what others said of it.
#[test]
fn a23_a_desk_as_seen_by_somebody_is_without_what_waits_for_them() {
    let seen = |labels: [&str; 2]| {
        let mut desk = desk(&[asked(1, 3), asked(2, 1), says(2, "ana", "yes", 1)]);
        desk.apply(&says(1, "ana", labels[0], 1));
        desk.apply(&says(1, "ben", labels[1], 1));
        desk.apply(&says(2, "cy", "no", 100));
        let ids = |now: u32| -> Vec<Digest> {
            let seen = desk.seen_by("cy", &at(now));
            assert!(seen.entries().iter().all(|it| seen.find(&it.id).is_some()));
            seen.entries().iter().map(|entry| entry.id).collect()
        };
        (ids(101), ids(131))
    };
    assert_eq!(seen(["yes", "no"]), (vec![], vec![item(2).id()]));
    assert_eq!(seen(["yes", "yes"]), seen(["no", "yes"]));
}

#[test]
fn what_can_still_be_taken_back_is_not_final() {
    let mut desk = desk(&[asked(1, 1), says(1, "ana", "yes", 10)]);
    let is_final = |desk: &Desk, second: u32| {
        let entry = desk.find(&item(1).id()).expect("asked");
        entry.is_final(&at(second))
    };
    assert!(!is_final(&desk, 40) && is_final(&desk, 41));
    desk.apply(&back(1, "ana", 40));
    assert!(!is_final(&desk, 99), "nobody has labelled it");
}

/// Whoever reads one of two answers with the same words has read the other: what was said of one is not shown before both are labelled.
#[test]
fn a23_answers_with_the_same_words_are_one_to_whoever_labels_them() {
    let other = |number: usize, output: &str| {
        let mut item = item(number);
        item.output = Some(output.to_owned());
        item
    };
    let mut desk = Desk::default();
    for item in [other(1, "so"), other(2, "so"), other(3, "else")] {
        desk.apply(&asked_of(item, 2));
    }
    desk.apply(&says(1, "ana", "yes", 1));
    desk.apply(&says(1, "ben", "no", 1));
    let blind = |desk: &Desk| {
        let one = desk.find(&item(1).id()).expect("asked");
        (
            desk.is_blind(one, "cy", &at(60)),
            desk.to_settle_by("cy", &at(60)).count(),
        )
    };
    assert_eq!(blind(&desk), (true, 0), "its twin waits for cy");
    desk.apply(&says(2, "cy", "yes", 2));
    assert_eq!(blind(&desk), (false, 1));
    let seen = desk.seen_by("dee", &at(60));
    assert_eq!(
        seen.entries().len(),
        0,
        "two wait for dee, and the third has their words"
    );
}

/// Whoever was shown which system answers an example labels no answer to it; what they said before stays, and files are taken over as before.
#[test]
fn a23_who_was_told_which_system_answers_is_asked_no_more() {
    let told = |example: &str| ReviewEvent::Told {
        example: example.to_owned(),
        by: "Ana".to_owned(),
        at: at(5),
    };
    let mut desk = desk(&[asked(1, 2), asked(2, 2), says(2, "ana", "yes", 1)]);
    desk.apply(&told("e1"));
    desk.apply(&told("e2"));
    assert_eq!(
        desk.check(&told("e1")),
        Err(Refusal::Told),
        "it is written once"
    );
    assert_eq!(desk.check(&says(1, "ana", "no", 6)), Err(Refusal::Told));
    assert_eq!(desk.waiting("ana").count(), 0);
    assert_eq!(desk.waiting("ben").count(), 2);
    assert_eq!(desk.find(&item(2).id()).expect("asked").given.len(), 1);
}

/// Who was shown what others said, to settle it, is asked no more, however many people are asked later: also not about the same words again.
#[test]
fn a23_who_has_read_what_others_said_labels_it_no_more() {
    let read = |number: usize, by: &str| ReviewEvent::Read {
        item: item(number).id(),
        by: by.to_owned(),
        at: at(50),
    };
    let twin = Item {
        answer_id: format!("{:016x}", 9),
        ..item(1)
    };
    let mut desk = desk(&[
        asked(1, 2),
        asked(2, 2),
        says(1, "ana", "yes", 1),
        says(1, "ben", "no", 2),
        read(1, "Cleo"),
    ]);
    assert_eq!(desk.check(&read(1, "cleo")), Err(Refusal::Read), "once");
    assert_eq!(desk.check(&read(1, "ana")), Err(Refusal::Twice));
    assert_eq!(desk.check(&read(7, "cleo")), Err(Refusal::NoItem));
    assert_eq!(
        desk.check(&settles(1, "cleo", "yes", "the clause says so")),
        Ok(())
    );
    desk.apply(&asked(1, 3));
    desk.apply(&asked_of(twin, 2));
    let waits: Vec<&str> = desk
        .waiting("cleo")
        .map(|it| it.item.example.as_str())
        .collect();
    assert_eq!(waits, ["e2"]);
    assert_eq!(desk.check(&says(1, "cleo", "yes", 60)), Err(Refusal::Read));
    assert_eq!(desk.waiting("dan").count(), 3);
}

/// Answers of another version of the rubric than the page names wait for nobody, and nothing more is said of them; what was said stays.
#[test]
fn answers_by_an_old_rubric_wait_for_nobody() {
    let mut desk = desk(&[
        asked(1, 2),
        says(1, "ana", "yes", 1),
        says(1, "ben", "no", 1),
    ]);
    desk.apply(&asked(2, 2));
    assert_eq!(desk.to_settle().count(), 1);
    let named =
        |version: &str| std::sync::Arc::new([("good".to_owned(), Some(version.to_owned()))].into());
    desk.by_rubrics(named("r-1"));
    assert_eq!(
        (desk.waiting("cy").count(), desk.to_settle().count()),
        (1, 1)
    );
    desk.by_rubrics(named("r-2"));
    assert_eq!(
        (desk.waiting("cy").count(), desk.to_settle().count()),
        (0, 0)
    );
    assert_eq!(desk.progress("ana", &at(60)).labelled, 0);
    let late = says(2, "cy", "yes", 9);
    assert_eq!(desk.may_be_said(&late), Err(Refusal::OldRubric));
    assert_eq!(
        desk.check(&late),
        Ok(()),
        "a log that is read again is as it was"
    );
    assert_eq!(desk.entries()[0].given.len(), 2);
}

/// Which of two systems' answers to one example comes first differs from person to person, and from example to example.
#[test]
fn a23_the_order_of_two_answers_to_one_example_tells_nothing() {
    let pair = |number: usize| {
        let of = |answer: usize| {
            let mut item = item(2 * number + answer);
            item.example = format!("e{number}");
            item
        };
        [of(0), of(1)]
    };
    let mut desk = Desk::default();
    for number in 0..40 {
        for item in pair(number) {
            desk.apply(&asked_of(item, 2));
        }
    }
    let firsts = |who: &str| -> Vec<bool> {
        let mut desk = desk.clone();
        let mut firsts = Vec::new();
        for number in 0..40 {
            for turn in 0..2 {
                let next = desk.next_for(who).expect("one waits").item.clone();
                assert_eq!(
                    next.example,
                    format!("e{number}"),
                    "examples keep their order"
                );
                if turn == 0 {
                    firsts.push(next == pair(number)[0]);
                }
                desk.apply(&ReviewEvent::Labelled {
                    item: next.id(),
                    label: "yes".to_owned(),
                    by: who.to_owned(),
                    note: String::new(),
                    settles: false,
                    origin: Origin::Here,
                    at: at(1),
                });
            }
        }
        assert!(desk.next_for(who).is_none());
        firsts
    };
    let (ana, ben) = (firsts("ana"), firsts("ben"));
    for one in [&ana, &ben] {
        let count = one.iter().filter(|first| **first).count();
        assert!((8..=32).contains(&count), "{count} of 40");
    }
    assert_ne!(ana, ben);
    assert_eq!(ana, firsts("ana"), "a reload shows the same");
}

#[test]
fn of_sixty_known_answers_the_last_thirty_are_told_apart() {
    let mut desk = Desk::default();
    for number in 0..60 {
        desk.apply(&asked(number, 1));
        desk.apply(&known(number, "yes"));
    }
    for number in 0..60_u32 {
        // Right in the first half, and on every third of the second.
        let right = number < 30 || number % 3 == 0;
        assert!(
            people(&desk)
                .first()
                .is_none_or(|line| line.lately.is_none())
        );
        desk.apply(&says(
            number as usize,
            "ana",
            if right { "yes" } else { "no" },
            100 + number,
        ));
    }
    let line = people(&desk).remove(0);
    let (all, lately) = (line.right.expect("sixty"), line.lately.expect("sixty"));
    assert!((all.0 - 40.0 / 60.0).abs() < 1e-12 && (lately.0 - 10.0 / 30.0).abs() < 1e-12);
    // Clopper–Pearson of 10 of 30 at 95 %, by R's binom.test.
    assert!(
        (lately.1 - 0.1729).abs() < 1e-4 && (lately.2 - 0.5281).abs() < 1e-4,
        "{lately:?}"
    );
}

#[test]
fn three_people_have_a_hint_and_two_have_none() {
    let labelled = |names: &[&str]| {
        let mut desk = Desk::default();
        for number in 0..40 {
            desk.apply(&asked(number, 3));
            for (place, who) in names.iter().enumerate() {
                // The third is wrong on every fourth.
                let wrong = place == 2 && number % 4 == 0;
                let truth = number % 2 == 0;
                desk.apply(&says(
                    number,
                    who,
                    if truth != wrong { "yes" } else { "no" },
                    1,
                ));
            }
        }
        desk_agreement(&desk, 1).criteria.remove(0).hints
    };
    assert_eq!(labelled(&["ana", "ben"]), vec![]);
    let hints = labelled(&["ana", "ben", "cy"]);
    assert_eq!(hints.len(), 3);
    assert!(
        hints[0].accuracy > 0.99 && hints[1].accuracy > 0.99,
        "{hints:?}"
    );
    assert!((hints[2].accuracy - 0.75).abs() < 0.02, "{hints:?}");
}

/// The order and number of what waits for somebody hang on no label of others: only on how many there are.
#[test]
fn a23_nothing_of_what_others_said_moves_what_waits() {
    let events: Vec<ReviewEvent> = (0..6).map(|number| asked(number, 2)).collect();
    let waiting = |labels: [&str; 3], gold: bool| {
        let mut desk = desk(&events);
        for (number, label) in labels.iter().enumerate() {
            desk.apply(&says(number, "ben", label, 1));
        }
        if gold {
            desk.apply(&known(4, "no"));
        }
        desk.waiting("ana")
            .map(|entry| entry.id)
            .collect::<Vec<Digest>>()
    };
    assert_eq!(
        waiting(["yes", "yes", "yes"], false),
        waiting(["no", "yes", "no"], true)
    );
}

#[test]
fn how_often_somebody_is_right_is_said_of_thirty_known_answers() {
    let mut desk = Desk::default();
    for number in 0..31 {
        desk.apply(&asked(number, 1));
        desk.apply(&known(number, "yes"));
        if number < 29 {
            desk.apply(&says(
                number,
                "ana",
                if number < 27 { "yes" } else { "no" },
                1,
            ));
        }
    }
    assert_eq!(people(&desk)[0].right, None);
    desk.apply(&says(29, "ana", "yes", 1));
    let line = people(&desk).remove(0);
    assert_eq!((line.labelled, line.gold), (30, 30));
    let (share, lower, upper) = line.right.expect("thirty");
    // Clopper–Pearson of 28 of 30 at 95 %, by R's binom.test.
    assert!(
        (share - 28.0 / 30.0).abs() < 1e-12
            && (lower - 0.7793).abs() < 1e-4
            && (upper - 0.9918).abs() < 1e-4,
        "{line:?}"
    );
    // Who says what is right is not measured by it.
    desk.apply(&says(30, "lead", "yes", 1));
    assert_eq!(people(&desk)[1].gold, 0);
}

#[test]
fn agreement_at_the_desk_is_that_of_its_labels() {
    let mut desk = Desk::default();
    for number in 0..40 {
        desk.apply(&asked(number, 2));
        desk.apply(&says(
            number,
            "ana",
            if number < 20 { "yes" } else { "no" },
            1,
        ));
        desk.apply(&says(
            number,
            "ben",
            if number < 18 { "yes" } else { "no" },
            1,
        ));
    }
    let found = desk_agreement(&desk, 1);
    let view = serde_json::to_value(&found.criteria[0]).expect("a view");
    // Two of 40 differ: observed disagreement .05, expected 2 * 38 * 42 / (80 * 79).
    let alpha = 1.0 - 0.05 / (2.0 * 38.0 * 42.0 / (80.0 * 79.0));
    let text = view.to_string();
    assert!(
        text.contains(&format!("{alpha:.6}")[..7]),
        "{alpha} in {text}"
    );
}

#[test]
fn rows_of_label_files_are_what_is_asked() {
    let row = r#"{"criterion":"good","example":"e1","answer_id":"00","trial":0,"label":null,"annotator":"","fields":{"labels":["yes","no"],"rubric":"r-1","input":"q","output":"a"},"inclusion":0.5}"#;
    let asks = AskedRow::parse(row.as_bytes())
        .expect("read")
        .asks(|_, _, _| None)
        .expect("whole");
    assert_eq!(
        (asks.said, asks.settles, asks.item.inclusion),
        (None, false, Some(0.5))
    );
    let labelled = row.replace("null", "\"yes\"");
    let nameless = AskedRow::parse(labelled.as_bytes())
        .expect("read")
        .asks(|_, _, _| None);
    assert!(nameless.expect_err("nobody").contains("annotator"));
    let missing = AskedRow::parse(row.replace("answer_id", "id").as_bytes());
    assert!(missing.expect_err("no code").contains("answer_id"));
}

/// Whatever comes in whatever order: nobody has two labels of one answer, and what is settled stays.
fn any_event() -> impl Strategy<Value = ReviewEvent> {
    let who = prop::sample::select(vec!["ana", "ben", "cy", "author"]);
    let label = prop::sample::select(vec!["yes", "no", "maybe"]);
    (0..3_usize, who, label, 0..100_u32, 0..5_u8).prop_map(|(number, who, label, second, kind)| {
        match kind {
            0 => asked(number, 2),
            1 | 2 => says(number, who, label, second),
            3 => back(number, who, second),
            _ => settles(number, who, label, "a reason"),
        }
    })
}

proptest! {
    #[test]
    fn f24_one_label_a_person_and_settled_stays(events in prop::collection::vec(any_event(), 0..60)) {
        let mut desk = Desk::default();
        let mut settled = std::collections::BTreeMap::new();
        for event in &events {
            desk.apply(event);
            for entry in desk.entries() {
                let names: BTreeSet<&str> = entry.given.iter().map(|given| given.by.as_str()).collect();
                prop_assert_eq!(names.len(), entry.given.len());
                prop_assert!(!names.contains("author"));
                if let Some(was) = settled.get(&entry.id) {
                    prop_assert_eq!(Some(was), entry.settled.as_ref());
                }
                if let Some(now) = &entry.settled {
                    settled.insert(entry.id, now.clone());
                }
            }
        }
        // Read again, the same events give the same desk.
        let mut again = Desk::default();
        events.iter().for_each(|event| again.apply(event));
        prop_assert_eq!(again.entries(), desk.entries());
    }
}
