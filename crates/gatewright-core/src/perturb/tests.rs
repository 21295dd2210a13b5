mod sources;
mod template;
mod wording;

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
