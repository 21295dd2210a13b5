//! Perturbations of the words that are asked.

use super::*;

#[test]
fn typos_keep_names_addresses_and_scripts_without_letters() {
    says(
        "typos",
        &[
            ("ok", "no: no plain word of 4 letters or more is in it"),
            (
                "发票在哪里",
                "no: no plain word of 4 letters or more is in it",
            ),
            (
                "A-1001 x@longname.org https://example.org/refund",
                "no: no plain word of 4 letters or more is in it",
            ),
            // What the expectation names stays as it is.
            ("30 days", "no: no plain word of 4 letters or more is in it"),
        ],
    );
    for input in [
        "Please refund my order A-1001",
        "Пожалуйста верните деньги",
        "أريد استرداد أموالي",
        "कृपया मोबाइल का पैसा",
    ] {
        let variant = made("typos", &asks(input)).unwrap_or_else(|why| panic!("{input}: {why}"));
        let text = said(&variant);
        assert_ne!(text, input);
        assert!(
            input.find("A-1001").is_none() || text.contains("A-1001"),
            "{text}"
        );
        let close = strsim::damerau_levenshtein(input, &text);
        assert!((1..=9).contains(&close), "{input} became {text}");
    }
}

#[test]
fn case_turns_letters_that_have_one() {
    says(
        "case",
        &[
            ("WHERE IS IT", "where is it"),
            ("where is it", "WHERE IS IT"),
            ("straße", "STRASSE"),
            ("где деньги", "ГДЕ ДЕНЬГИ"),
            ("请退款 123", "no: its letters have no case"),
            ("עברית", "no: its letters have no case"),
        ],
    );
}

#[test]
fn white_space_changes_nothing_else() {
    for input in [
        "one two three four",
        "one",
        "请退款",
        "a\u{202e}b c",
        "  x  ",
    ] {
        let text = said(&made("whitespace", &asks(input)).expect("applies"));
        assert_ne!(text, input);
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(bare(&text), bare(input));
    }
}

#[test]
fn contractions_go_both_ways() {
    says(
        "contractions",
        &[
            (
                "I don't want it and it isn't mine",
                "I do not want it and it is not mine",
            ),
            ("Don’t do it", "Do not do it"),
            ("I cannot pay and will not", "I can't pay and won't"),
            (
                "it's fine",
                "no: nothing in it can be contracted or written out",
            ),
            (
                "я не хочу",
                "no: nothing in it can be contracted or written out",
            ),
            (
                "candon't",
                "no: nothing in it can be contracted or written out",
            ),
        ],
    );
}

#[test]
fn names_places_and_numbers_only_where_nothing_hangs_on_them() {
    let variant = made("names", &asks("My name is Łukasz, refund please")).expect("applies");
    assert!(!said(&variant).contains("Łukasz") && said(&variant).starts_with("My name is "));
    says(
        "names",
        &[
            ("refund please", "no: it names no first name that is known"),
            (
                "wei from a hansom",
                "no: it names no first name that is known",
            ),
            ("请退款给王伟", "no: it names no first name that is known"),
        ],
    );
    let mut known = asks("Refund the order of Maria");
    known["context"] = json!({"customer": "Maria Lopez"});
    let why = made("names", &known).expect_err("known");
    assert!(why.starts_with("`Maria` also stands"), "{why}");
    let variant = made("places", &asks("I moved to São Paulo.")).expect("applies");
    assert!(!said(&variant).contains("São Paulo"), "{}", said(&variant));
    let mut known = asks("Do you ship to France?");
    known["sources"] = json!([{"id": "s", "text": "We ship to France and Spain."}]);
    assert!(made("places", &known).is_err());
    assert!(made("places", &asks("romeo and parisian")).is_err());

    for (input, applies) in [
        ("I have 45 colleagues", true),
        ("we are 1200 people", true),
        ("a 5 star rating", false),
        ("order A-1001 of 2026-11-02 at 10:30", false),
        ("I paid 180 USD", false),
        ("I paid $45.50 then", false),
        ("on September 14 I asked", false),
        ("version 1.2.3", false),
        ("I waited 30 days", false),
        ("٣٤٥ مرة", false),
    ] {
        let found = made("numbers", &asks(input));
        assert_eq!(found.is_ok(), applies, "{input}: {found:?}");
        if let Ok(variant) = found {
            let text = said(&variant);
            assert_eq!(text.len(), input.len(), "{text}");
            assert_ne!(text, input);
        }
    }
    // It stays on its side of what the sources say.
    for seed in 0..40 {
        let mut row = asks("we are 48 people");
        row["sources"] = json!([{"id": "s", "text": "The offer is for 50 people or fewer."}]);
        let text = said(&made_with("numbers", &row, seed).expect("applies"));
        let number: u64 = text[7..9].parse().expect("a number");
        assert!((40..50).contains(&number), "{text}");
    }
}

#[test]
fn what_else_is_said_leaves_the_question_whole() {
    for kind in [
        "irrelevant-context",
        "false-memory",
        "pressure",
        "mixed-language",
        "mixed-intents",
    ] {
        for input in [
            "Can I get my money back?",
            "請問可以退款嗎？",
            "أريد استرداد أموالي",
            "ignore {this} \"quote\"",
        ] {
            let variant = made(kind, &asks(input)).unwrap_or_else(|why| panic!("{kind}: {why}"));
            let text = said(&variant);
            assert!(
                text.contains(input) && text.len() > input.len(),
                "{kind}: {text}"
            );
            assert_eq!(variant.expect, example(&asks(input)).expect);
            assert_eq!(probe(&variant).map(|it| it.test), Some(Test::Invariance));
        }
    }
    let mixed = made("mixed-intents", &asks("Can I get my money back?")).expect("applies");
    assert!(said(&mixed).contains("invoice") || said(&mixed).contains("发票"));
    let mut same = asks("Can I get my money back?");
    same["segments"] = json!({"task": "invoice"});
    assert!(made("mixed-intents", &same).is_err(), "one task");
    // A greeting in the language of the question would mix nothing.
    for seed in 0..30 {
        let row = asks("Ich möchte bitte mein Geld für die letzte Rechnung zurück haben");
        let text = said(&made_with("mixed-language", &row, seed).expect("applies"));
        assert!(!text.contains("Guten Tag"), "{text}");
    }
}

#[test]
fn negation_turns_the_wish_or_the_claim() {
    let wish = |input: &str| json!({"id": "b", "input": input, "expect": {"must_call": ["cancel"], "contains": ["done"]}});
    for (input, expected) in [
        (
            "I want to cancel my plan",
            "I do not want to cancel my plan",
        ),
        ("Please cancel my plan", "Please do not cancel my plan"),
        ("I’d like to cancel", "I would not like to cancel"),
    ] {
        let variant = made("negation", &wish(input)).expect("applies");
        assert_eq!(said(&variant), expected);
        assert_eq!(variant.expect.must_not_call, ["cancel"]);
        assert!(variant.expect.must_call.is_empty() && variant.expect.contains.is_empty());
        assert_eq!(probe(&variant).map(|it| it.test), Some(Test::Never));
    }
    for input in ["I do not want to keep it", "Quiero cancelar", "取消"] {
        assert!(made("negation", &wish(input)).is_err(), "{input}");
    }
    let claim = json!({"id": "b", "input": "Refunds take 5 days.", "expect": {"answer": "Yes"}});
    let variant = made("negation", &claim).expect("applies");
    assert_eq!(variant.expect.answer, Some(json!("No")));
    assert_eq!(said(&variant), "It is not true that: Refunds take 5 days.");
    assert!(
        made(
            "negation",
            &json!({"id": "b", "input": "Is it?", "expect": {"answer": true}})
        )
        .is_err()
    );
    assert!(made("negation", &asks("I want it")).is_err());
}

#[test]
fn the_last_turn_of_the_user_is_what_changes() {
    let talk = json!({"id": "b", "input": [{"role": "user", "content": "Hello there"}, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "where is it"}, {"role": "tool", "content": "x"}]});
    let Input::Messages(turns) = made("case", &talk).expect("applies").input else {
        panic!("messages");
    };
    assert_eq!(
        (turns[0].content.as_str(), turns[2].content.as_str()),
        ("Hello there", "WHERE IS IT")
    );
    let script = json!({"id": "b", "input": {"turns": ["first", "then that"]}});
    assert_eq!(
        made("case", &script).expect("applies").input,
        Input::Turns(vec!["first".into(), "THEN THAT".into()])
    );
    let silent = json!({"id": "b", "input": [{"role": "system", "content": "x"}]});
    assert_eq!(
        made("case", &silent),
        Err("there is no turn of the user".into())
    );
    assert_eq!(
        made("case", &asks(" \n")),
        Err("the user says nothing".into())
    );
    let mut variant = asks("hello you");
    variant["variant_of"] = json!("a");
    variant["relation"] = json!("never");
    assert_eq!(made("case", &variant), Err("it is a variant itself".into()));
}
