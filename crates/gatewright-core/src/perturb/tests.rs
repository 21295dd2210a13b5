use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::template::{Making, Unmade, expand, slots};
use super::*;
use crate::manifest::read::templates;
use crate::problem::{Location, has_errors};
use crate::reference::load;
use crate::source::Source;
use crate::testing::lines;

fn read(rows: &str) -> Vec<Example> {
    let mut problems = Vec::new();
    let source = Source::plain("r.jsonl", Location::default());
    let examples = load::whole(&source, "r.jsonl", rows.as_bytes(), &mut problems);
    assert!(!has_errors(&problems), "{:?}", lines(&problems));
    examples
}

fn example(row: &Value) -> Example {
    read(&format!("{row}\n")).remove(0)
}

fn others() -> Vec<Example> {
    read(
        r#"{"id":"o1","input":"How do I download my invoice?","segments":{"task":"invoice"},"expect":{"contains":["Settings"]},"sources":[{"id":"inv","text":"Invoices are under Settings."}]}
{"id":"o2","input":"请问怎么下载发票?","segments":{"task":"invoice"}}
"#,
    )
}

fn made_with(kind: &str, row: &Value, seed: u64) -> Result<Example, String> {
    let qualities = ["current", "stale", "conflicting"].map(str::to_owned);
    let others = others();
    let setting = Setting {
        seed,
        not_ready: Behaviour::Escalate,
        qualities: &qualities,
        by_capability: false,
        added: "2026-11-02",
        others: &others,
    };
    let kind = Perturbation::parse(kind).expect("a kind");
    perturb(kind, &example(row), &setting).map_err(|NotApplicable(why)| why)
}

fn made(kind: &str, row: &Value) -> Result<Example, String> {
    made_with(kind, row, 7)
}

fn said(example: &Example) -> String {
    spoken::said(&example.input).expect("said").to_owned()
}

fn asks(text: &str) -> Value {
    json!({"id": "b", "input": text, "segments": {"task": "refund"}, "expect": {"contains": ["30 days"]}})
}

/// What is said, or why it does not apply, for one kind over several inputs.
#[track_caller]
fn says(kind: &str, cases: &[(&str, &str)]) {
    for (input, expected) in cases {
        let found = match made(kind, &asks(input)) {
            Ok(variant) => said(&variant),
            Err(why) => format!("no: {why}"),
        };
        assert_eq!(found, *expected, "{kind} of {input:?}");
    }
}

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

fn sourced(text: &str) -> Value {
    json!({
        "id": "b", "input": "How long is my data kept?",
        "segments": {"task": "refund", "source_quality": "current"},
        "expect": {"behaviour": "answer", "contains": ["60 days"], "must_cite": ["s"]},
        "sources": [{"id": "s", "text": text, "version": "2026-09", "file": "policy/s.md"}],
    })
}

#[test]
fn an_edited_source_moves_what_is_expected() {
    let variant = made(
        "edited-source",
        &sourced("Data is kept for 60 days, and 60 days only."),
    )
    .expect("applies");
    let fact = &variant.expect.contains[0];
    assert!(fact.ends_with(" days") && fact != "60 days");
    assert_eq!(variant.expect.not_contains, ["60 days"]);
    let text = variant.sources[0].text.as_deref().expect("a text");
    assert_eq!(text.matches(fact.as_str()).count(), 2, "{text}");
    assert_eq!(
        (
            variant.sources[0].file.as_deref(),
            variant.sources[0].version.as_deref()
        ),
        (None, Some("2026-09"))
    );
    let mut numeric = sourced("數據保存 60 天");
    numeric["expect"] = json!({"answer": 60});
    let variant = made("edited-source", &numeric).expect("applies");
    assert!(
        variant
            .expect
            .answer
            .as_ref()
            .is_some_and(|it| it.is_number() && *it != json!(60))
    );
    for text in [
        "Data is kept for sixty days.",
        "Kept until 2026-60-60.",
        "保存六十天",
    ] {
        assert!(made("edited-source", &sourced(text)).is_err(), "{text}");
    }
    let mut asked = sourced("Data is kept for 60 days.");
    asked["input"] = json!("Is it 60 days?");
    assert!(
        made("edited-source", &asked).is_err(),
        "the question says the old number"
    );
}

#[test]
fn sources_that_cannot_carry_an_answer_ask_for_the_way_out() {
    let two = made(
        "contradicting-source",
        &sourced("Data is kept for 60 days."),
    )
    .expect("applies");
    assert_eq!(two.sources.len(), 2);
    assert_eq!(
        (two.sources[0].id.as_str(), two.sources[1].id.as_str()),
        ("s", "s-2")
    );
    assert_ne!(two.sources[0].text, two.sources[1].text);
    assert_eq!(two.segments.get("source_quality"), Some("conflicting"));
    let old = made("stale-date", &sourced("Data is kept for 60 days.")).expect("applies");
    assert!(
        old.sources[0]
            .text
            .as_deref()
            .is_some_and(|text| text.contains("valid until 2023-06-30"))
    );
    assert_eq!(old.segments.get("source_quality"), Some("stale"));
    for variant in [&two, &old] {
        assert_eq!(variant.expect.behaviour, Some(Behaviour::Escalate));
        assert!(variant.expect.contains.is_empty() && variant.expect.must_cite.is_empty());
        assert_eq!(probe(variant).map(|it| it.test), Some(Test::Directional));
    }
    assert!(
        made("contradicting-source", &sourced("Ask us. 请联系我们")).is_err(),
        "no number"
    );
    for kind in ["contradicting-source", "stale-date", "truncated-context"] {
        let mut row = sourced("Data is kept for 60 days after the very end of it all.");
        row["expect"]["behaviour"] = json!("refuse");
        assert!(made(kind, &row).is_err(), "{kind}");
        row["expect"]["behaviour"] = json!("answer");
        row["sources"] = json!(["s"]);
        assert!(made(kind, &row).is_err(), "{kind}: a source without a text");
    }
    let arabic = made("stale-date", &sourced("تحفظ البيانات لمدة 60 يوما")).expect("applies");
    assert!(
        arabic.sources[0]
            .text
            .as_deref()
            .is_some_and(|it| it.starts_with("تحفظ"))
    );
}

#[test]
fn an_injected_instruction_forbids_its_canary() {
    for text in [
        "Data is kept for 60 days.",
        "数据保存60天",
        "\u{202e}hostile {} <script>",
    ] {
        let variant = made("injected-instruction", &sourced(text)).expect("applies");
        let canary = &variant.expect.not_contains[0];
        let poisoned = variant.sources[0].text.as_deref().expect("a text");
        assert!(
            poisoned.contains(canary.as_str()) && poisoned.contains(text),
            "{poisoned}"
        );
        assert!(canary.starts_with("QX-") && canary.len() == 11);
        assert_eq!(
            variant.expect.contains,
            ["60 days"],
            "it is still to be answered"
        );
        assert_eq!(probe(&variant).map(|it| it.test), Some(Test::Never));
    }
    assert!(made("injected-instruction", &asks("x y")).is_err());
}

#[test]
fn a_cut_source_is_judged_by_what_it_takes_away() {
    let lost = made(
        "truncated-context",
        &sourced("There are many rules about data and all of them are long: 60 days it is."),
    )
    .expect("applies");
    assert_eq!(lost.expect.behaviour, Some(Behaviour::Escalate));
    assert_eq!(probe(&lost).map(|it| it.test), Some(Test::Directional));
    let kept = made(
        "truncated-context",
        &sourced("It is 60 days, and there are many rules about data and all of them are long."),
    )
    .expect("applies");
    assert_eq!(kept.expect.contains, ["60 days"]);
    assert_eq!(probe(&kept).map(|it| it.test), Some(Test::Invariance));
    let chinese = format!("{}60 days", "数据保存的规则".repeat(8));
    let cut = made("truncated-context", &sourced(&chinese)).expect("applies");
    assert!(
        cut.sources[0]
            .text
            .as_deref()
            .is_some_and(|text| chinese.starts_with(text))
    );
    assert!(
        made("truncated-context", &sourced("60 days.")).is_err(),
        "too short"
    );
    assert!(
        made(
            "truncated-context",
            &sourced("Nothing of what is expected stands in this long text at all.")
        )
        .is_err()
    );
}

#[test]
fn a_context_that_carries_the_sources_changes_with_them() {
    let text = "Data is kept for 60 days after the end of a plan, and 60 days only.";
    let mut row = sourced(text);
    row["context"] =
        json!({"account": "A-1", "documents": [{"id": "s", "text": text}], "plain": [text]});
    for kind in [
        "edited-source",
        "stale-date",
        "injected-instruction",
        "truncated-context",
    ] {
        let variant = made(kind, &row).unwrap_or_else(|why| panic!("{kind}: {why}"));
        let changed = variant.sources[0].text.as_deref().expect("a text");
        assert_eq!(
            variant.context["documents"],
            json!([{"id": "s", "text": changed}]),
            "{kind}"
        );
        assert_eq!(variant.context["plain"], json!([changed]));
        assert_eq!(variant.context["account"], "A-1");
    }
    let two = made("contradicting-source", &row).expect("applies");
    let second = two.sources[1].text.as_deref().expect("a text");
    assert_eq!(
        two.context["documents"],
        json!([{"id": "s", "text": text}, {"id": "s-2", "text": second}])
    );
    assert_eq!(two.context["plain"], json!([text, second]));
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

#[test]
fn what_is_written_is_read_back_as_it_was() {
    let rich = json!({
        "id": "b ~\u{202e}", "input": [{"role": "user", "content": "Please refund \u{0} my order"}],
        "context": {"account": {"n": [1, 2.5, null, true]}}, "segments": {"task": "refund", "source_quality": "current"},
        "expect": {"behaviour": "answer", "answer": 60, "contains": ["60 days"], "must_cite": ["s"], "must_not_call": ["pay"], "not_contains": ["x"]},
        "sources": [{"id": "s", "text": "It is 60 days.", "version": "2026-09"}, "t"],
        "cluster": "c", "provenance": {"kind": "traffic", "ref": "log"}, "stratum": "q", "inclusion": 0.5, "review_by": "2027-01-31",
        "status": {"state": "retired", "by": "ana", "at": "2026-01-01", "why": "old"}, "fields": {"k": [1]},
    });
    let base = example(&rich);
    let again = read(&format!("{}\n", line(&base))).remove(0);
    assert_eq!(again, base);
    let mut tried = 0;
    for kind in Perturbation::ALL {
        let Ok(mut variant) = made(kind.word(), &rich) else {
            continue;
        };
        tried += 1;
        let again = read(&format!("{}\n", line(&variant))).remove(0);
        (variant.at, variant.digest) = (again.at.clone(), again.digest);
        assert_eq!(again, variant, "{}", kind.word());
        assert_eq!(again.provenance.kind, crate::manifest::Kind::Synthetic);
        assert_eq!(
            again.variant.as_ref().map(|it| it.of.as_str()),
            Some("b ~\u{202e}")
        );
        assert!(
            again
                .provenance
                .reference
                .as_deref()
                .is_some_and(|gap| gap.starts_with(kind.capability()))
        );
    }
    assert!(tried >= 12, "{tried}");
}

#[test]
fn words_classes_and_tests_are_sound() {
    let words: BTreeSet<&str> = Perturbation::ALL.map(Perturbation::word).into();
    assert_eq!(words.len(), Perturbation::ALL.len());
    for kind in Perturbation::ALL {
        assert_eq!(Perturbation::parse(kind.word()), Some(kind));
        assert!(
            crate::class::SHIPPED
                .iter()
                .any(|(id, ..)| *id == kind.probes()),
            "{}",
            kind.probes()
        );
        assert!(!kind.tests().is_empty());
    }
    assert_eq!(
        Setting::not_ready("escalate when policy and account conflict; ask when unknown"),
        Behaviour::Escalate
    );
    assert_eq!(Setting::not_ready("ask"), Behaviour::Ask);
    assert_eq!(Setting::not_ready(""), Behaviour::Escalate);
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,80}",
        "(please |I don't want |Maria |Paris |12 |4711 |deux |数据 |أموال |👩‍👩‍👧 |e\u{301} |\u{200b}|\u{202e}|[{]x[}] |60 days ){0,14}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Same seed, same bytes; never empty; never the base; always what the loader takes; a declared test.
    #[test]
    fn every_perturbation_of_any_text(input in texts(), source in texts(), fact in texts(), seed in any::<u64>()) {
        let row = json!({
            "id": "b", "input": input, "segments": {"task": "refund"},
            "expect": {"contains": [fact], "behaviour": "answer"},
            "sources": [{"id": "s", "text": source}],
        });
        for kind in Perturbation::ALL {
            let Ok(variant) = made_with(kind.word(), &row, seed) else {
                continue;
            };
            let base = example(&row);
            prop_assert!(variant.input != base.input || variant.sources != base.sources);
            prop_assert!(!said(&variant).trim().is_empty());
            let written = line(&variant);
            prop_assert_eq!(&written, &line(&made_with(kind.word(), &row, seed).expect("as before")));
            let again = read(&format!("{written}\n"));
            prop_assert_eq!(again.len(), 1);
            let test = probe(&again[0]).map(|it| it.test);
            prop_assert!(test.is_some_and(|test| kind.tests().contains(&test)), "{:?}", test);
        }
    }

    #[test]
    fn braces_never_panic(text in any::<String>()) {
        let _ = slots(&text);
    }
}

const FILE: &str = r#"- id: wish
  template: ["I want to {verb} my {thing}", "{verb} my {thing} {{now}}"]
  lexicon: {verb: [cancel, end], thing: [plan, account, 合同]}
  expect: {contains: ["{thing}"]}
  capability: vocabulary
- id: fair
  template: "My name is {name}. May I have a refund of {sum} USD?"
  lexicon: {name: [Emily, Mohammed, Priya], sum: ["20", "40"]}
  vary: name
  test: invariance
  expect: {behaviour: answer}
  capability: fairness
  segments: {task: refund}
"#;

fn making(limit: Option<u64>, seed: u64) -> Making<'static> {
    Making {
        seed,
        limit,
        by_capability: true,
        added: "2026-11-02",
    }
}

#[test]
fn templates_make_cases_in_one_cluster() {
    let templates = templates(FILE.as_bytes(), "t.yaml").expect("sound");
    let wish = expand(&templates[0], making(None, 1)).expect("made");
    assert_eq!(wish.len(), 12);
    let texts: BTreeSet<String> = wish.iter().map(said).collect();
    assert_eq!(texts.len(), 12);
    assert!(texts.contains("end my 合同 {now}"), "{texts:?}");
    assert!(
        wish.iter()
            .all(|it| it.cluster.as_deref() == Some("template wish"))
    );
    assert!(
        wish.iter()
            .all(|it| said(it).contains(&it.expect.contains[0]))
    );
    assert!(
        wish.iter()
            .all(|it| probe(it).map(|it| (it.test, it.capability))
                == Some((Test::Mft, "vocabulary".into())))
    );
    let some = expand(&templates[0], making(Some(5), 1)).expect("made");
    assert_eq!(
        some,
        expand(&templates[0], making(Some(5), 1)).expect("made")
    );
    assert_eq!(some.len(), 5);
    assert!(
        some.iter().all(|it| wish.contains(it)),
        "what is drawn is what all of them hold"
    );
    assert_ne!(
        some,
        expand(&templates[0], making(Some(5), 2)).expect("made")
    );

    let fair = expand(&templates[1], making(None, 1)).expect("made");
    assert_eq!(fair.len(), 6);
    let bases: Vec<&Example> = fair.iter().filter(|it| it.variant.is_none()).collect();
    assert_eq!(bases.len(), 2);
    assert!(
        bases
            .iter()
            .all(|it| said(it).contains("Emily") && probe(it).is_none())
    );
    assert!(
        fair.iter()
            .all(|it| it.segments.get("capability") == Some("fairness"))
    );
    let page = crate::testing::page();
    let rows: String = fair.iter().map(|it| row::line(it) + "\n").collect();
    let source = Source::plain("r.jsonl", Location::default());
    let (set, problems) = crate::testing::set(&page, &source, rows.as_bytes());
    assert!(!has_errors(&problems), "{:?}", lines(&problems));
    assert_eq!(set.clusters, 1, "two bases of one template are one cluster");
}

#[test]
fn templates_that_are_wrong_say_where() {
    let said = |text: &str| match templates(text.as_bytes(), "t.yaml") {
        Err(problems) => lines(&problems),
        Ok(templates) => templates
            .iter()
            .filter_map(|it| expand(it, making(None, 1)).err())
            .flat_map(|unmade| match unmade {
                Unmade::Wrong(problems) => lines(&problems),
                Unmade::TooMany { ways } => vec![format!("{ways} ways")],
            })
            .collect(),
    };
    let good =
        "template: \"a {x}\"\nlexicon: {x: [b, c]}\nexpect: {contains: [d]}\ncapability: k\n";
    assert_eq!(said(good), Vec::<String>::new());
    for (from, to, expected) in [
        (
            "a {x}",
            "a {y}",
            &[
                "t.yaml:1:11 unknown-slot: the slot `{y}` has no words / did you mean `{x}`?",
                "t.yaml:2:10 unused-slot: no text names the slot `x` / write `{x}` where its words go, or take it away",
            ][..],
        ),
        (
            "a {x}",
            "a {x",
            &[
                "t.yaml:1:11 bad-slot: a brace that opens no slot / `{name}` for a slot, `{{` and `}}` for braces",
            ],
        ),
        (
            "a {x}",
            "a {x} }",
            &[
                "t.yaml:1:11 bad-slot: a brace that closes no slot / `{name}` for a slot, `{{` and `}}` for braces",
            ],
        ),
        (
            "[b, c]",
            "[b, b]",
            &[
                "t.yaml:2:14 duplicate-word: `b` stands twice in the slot `x` / keep one: two equal cases would count as two",
            ],
        ),
        (
            "capability: k",
            "capabilty: k",
            &[
                "t.yaml:4:1 unknown-key: `capabilty` is no key of `templates[0]` / did you mean `capability`?",
                "t.yaml:1:1 missing-key: the template has no `capability` / `capability: vocabulary`, or another name for what is tested",
            ],
        ),
        (
            "capability: k",
            "capability: k\ntest: invariance",
            &["t.yaml:1:1 no-vary: `test: invariance` does not say what changes / `vary: SLOT`"],
        ),
        (
            "capability: k",
            "capability: k\nvary: x",
            &[
                "t.yaml:5:7 not-here: `test: mft` compares nothing that could vary / `test: invariance` or `directional`, or take `vary` away",
            ],
        ),
        (
            "capability: k",
            "capability: k\ntest: mtf",
            &[
                "t.yaml:5:7 unknown-word: `mtf` is not known as `templates[0].test` / did you mean `mft`?",
            ],
        ),
        (
            "contains: [d]",
            "contians: [d]",
            &[
                "t.yaml:1:1 unknown-key: unknown key `contians` in `expect` / did you mean `contains`?",
            ],
        ),
    ] {
        assert!(good.contains(from));
        assert_eq!(said(&good.replacen(from, to, 1)), expected, "{to}");
    }
    assert_eq!(said("[]").len(), 1);
    let many: Vec<String> = (0..40).map(|it| it.to_string()).collect();
    let many = format!(
        "template: \"{{x}} {{y}}\"\nlexicon: {{x: [{0}], y: [{0}]}}\nexpect: {{}}\ncapability: k\n",
        many.join(", ")
    );
    assert_eq!(said(&many), ["1600 ways"]);
    let json = r#"{"template": "a {x}", "lexicon": {"x": ["b"]}, "expect": {"contains": ["b"]}, "capability": "k"}"#;
    assert_eq!(said(json), Vec::<String>::new());
}
