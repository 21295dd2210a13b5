//! What each kind of rule says of answers, hostile ones among them. The cases are data: one line of `tests/vectors/graders.jsonl` each.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::*;
use crate::grade::ready::{Ready, judge, prepare_rule};
use crate::manifest::read;
use crate::reference::Example;

const CASES: &str = include_str!("../../../tests/vectors/graders.jsonl");
const REFUSED: &str = include_str!("../../../tests/vectors/graders-refused.jsonl");

/// Kinds that read recorded labels, which one response has none of.
const LABELLED: [&str; 4] = ["label", "preference", "judge", "program"];

/// One answer, and what a grader must say of it.
struct Case {
    kind: String,
    options: String,
    example: Example,
    response: Response,
    verdict: String,
}

fn rows(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
}

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().expect("a text").to_owned()
}

/// What came back besides the text.
fn response(row: &Value) -> Response {
    let beside = row.get("response").cloned();
    beside.map_or_else(Response::default, |beside| {
        serde_json::from_value(beside).expect("a response")
    })
}

/// Reads one whole example.
fn whole(row: &str) -> Example {
    let example = reference(row).example(0).expect("unchanged");
    (*example).clone()
}

fn cases() -> Vec<Case> {
    let one = |row: Value| {
        let mut example = row.get("example").cloned().unwrap_or_default();
        example["id"] = "a".into();
        example["input"] = "x".into();
        Case {
            kind: text(&row, "kind"),
            options: text(&row, "options"),
            example: whole(&example.to_string()),
            response: Response {
                output: text(&row, "output"),
                ..response(&row)
            },
            verdict: text(&row, "verdict"),
        }
    };
    rows(CASES).map(one).collect()
}

/// Reads a grader as a page would.
fn rule(kind: &str, options: &str) -> Grader {
    let (grader, problems) = read::grader(kind, options, "options");
    grader.unwrap_or_else(|| panic!("{kind} {options}: {:?}", lines(&problems)))
}

/// Shows the verdict of a rule on an answer.
fn verdict(case: &Case, response: &Response) -> String {
    let grader = rule(&case.kind, &case.options);
    let tried = try_one(&grader, &case.example, response).expect("a rule");
    match (tried.symptom, tried.value) {
        (Some(symptom), _) => symptom,
        (None, Some(value)) if tried.verdict == "value" => format!("value {value:.3}"),
        _ => tried.verdict.to_owned(),
    }
}

#[test]
fn every_case() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = verdict(&case, &case.response);
        if found != case.verdict {
            let Case {
                kind,
                options,
                response,
                verdict,
                ..
            } = case;
            wrong.push(format!(
                "{kind} {options} {:?}: {found}, not {verdict}",
                response.output
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_has_six_cases_and_no_symptom_is_forgotten() {
    let cases = cases();
    let kinds = sheets().into_iter().map(|sheet| sheet.kind);
    for kind in kinds.filter(|kind| !LABELLED.contains(kind)) {
        let of: Vec<&Case> = cases.iter().filter(|case| case.kind == kind).collect();
        assert!(of.len() >= 6, "{kind} has {} cases", of.len());
        let seen: BTreeSet<&str> = of.iter().map(|case| case.verdict.as_str()).collect();
        assert!(seen.contains("pass"), "{kind}");
        for case in of {
            let named = symptoms(&rule(kind, &case.options));
            let plain = ["pass", "missing", "not applicable"].contains(&case.verdict.as_str())
                || case.verdict.starts_with("value");
            assert!(
                plain || named.contains(&case.verdict),
                "{kind}: {} is not among {named:?}",
                case.verdict
            );
            // Those of `all` and `instructions` are its rules' and the list's; `behaviour` has thirty of one form.
            if !["all", "instructions", "behaviour"].contains(&kind) {
                for symptom in &named {
                    assert!(
                        seen.contains(symptom.as_str()),
                        "{kind}: no case of {symptom}"
                    );
                }
            }
        }
    }
}

/// Texts that break readers of text: empty, white, huge, nested, right to left, lone marks, look-alike and private characters.
fn hostile() -> Vec<String> {
    const PLAIN: [&str; 34] = [
        "",
        " ",
        "\n\n\n",
        "\u{0}",
        "\u{feff}",
        "\u{202e}abc\u{202c}",
        "שלום עולם",
        "\u{301}\u{301}",
        "👩‍👩‍👧‍👦",
        "\u{fffd}\u{fffd}",
        "\u{d7ff}\u{e000}\u{10ffff}",
        "```",
        "````\n```\n````",
        "|",
        "|-|",
        "- - - -",
        "1. 1) -",
        "[[[",
        "}{",
        "\"",
        "<<>>",
        "***",
        "*",
        "**",
        "******",
        "P.",
        "2026-99-99",
        "1e999 km",
        "$",
        "°",
        "%",
        "\r\n\r\r\n",
        "a\u{2028}b\u{2029}c\u{85}d",
        "İıẞßΣς",
    ];
    const REPEATED: [&str; 20] = [
        "a",
        "a ",
        "9",
        "ﷺ",
        "[",
        "{\"a\":[",
        "```\n",
        "> ",
        "- ",
        "|a|b|\n|-|-|\n",
        "*",
        "_*",
        "<",
        "1 km ",
        "1,",
        "P. ",
        "5 May ",
        "\u{202e}",
        "م",
        "\n",
    ];
    const LONG: usize = 1 << 11;
    let mut all: Vec<String> = PLAIN.iter().map(|it| (*it).to_owned()).collect();
    all.extend(REPEATED.iter().map(|it| it.repeat(LONG / it.len())));
    all
}

/// Each rule of the cases once.
fn distinct() -> Vec<Case> {
    let mut seen = BTreeSet::new();
    let mut all = cases();
    all.retain(|case| seen.insert((case.kind.clone(), case.options.clone())));
    all
}

/// No rule panics or hangs on any of them, whatever it is asked to check.
#[test]
fn hostile_answers_are_judged_in_time() {
    // Far above what one pass takes in a build without optimisation, far below what a quadratic one would on long.
    const MOST: Duration = Duration::from_secs(10);
    let texts = hostile();
    for case in distinct() {
        for text in &texts {
            let start = Instant::now();
            assert!(!verdict(&case, &says(text)).is_empty());
            let took = start.elapsed();
            let shown: String = text.chars().take(20).collect();
            assert!(
                took < MOST,
                "{} {}: {took:?} on {shown:?}…",
                case.kind,
                case.options
            );
        }
    }
    let long = "It is **5 km** [here], on 3 May 2026.\n- one\n".repeat(1 << 12);
    let mut kinds = BTreeSet::new();
    for case in distinct()
        .iter()
        .filter(|case| kinds.insert(case.kind.clone()))
    {
        let start = Instant::now();
        verdict(case, &says(&long));
        let took = start.elapsed();
        assert!(took < 6 * MOST, "{} took {took:?}", case.kind);
    }
}

/// Any text gets a verdict from every rule, twice the same.
#[test]
fn any_text_is_judged() {
    let cases = distinct();
    let rules: Vec<(Grader, &Example)> = cases
        .iter()
        .filter(|case| case.kind != "instructions")
        .map(|case| (rule(&case.kind, &case.options), &case.example))
        .collect();
    let ready: Vec<Ready<'_>> = rules
        .iter()
        .map(|(grader, _)| prepare_rule(grader).expect("a sound rule"))
        .collect();
    let texts = prop_oneof![
        any::<String>(),
        "[\\[\\]{}()<>\"'`*_|~#:;,.!?$%0-9 \\n\\tabPS\u{202e}\u{301}שم-]{0,60}"
    ];
    // Each text goes through every rule twice: 64 texts are eleven thousand verdicts.
    let judged = TestRunner::new(ProptestConfig::with_cases(64)).run(&texts, |text| {
        let response = says(&text);
        for ((grader, example), ready) in rules.iter().zip(&ready) {
            let first = judge(grader, ready, example, &response);
            prop_assert_eq!(&first, &judge(grader, ready, example, &response));
        }
        Ok(())
    });
    judged.expect("every text is judged");
}

/// Every instruction judges any text, with arguments that fit and with any others.
#[test]
fn any_text_follows_an_instruction_or_not() {
    let args = serde_json::json!({
        "capital_frequency": 2, "capital_relation": "less than", "prompt_to_repeat": "Say it.", "num_placeholders": 1,
        "postscript_marker": "P.S.", "section_spliter": "Section", "num_sections": 2, "num_bullets": 1, "num_highlights": 1,
        "keywords": ["a", "ß"], "forbidden_words": ["b"], "keyword": "a", "frequency": 1, "relation": "at least",
        "letter": "é", "let_frequency": 1, "let_relation": "at least", "language": "en", "num_paragraphs": 1,
        "nth_paragraph": 1, "first_word": "a", "num_sentences": 2, "num_words": 3, "end_phrase": "b",
    });
    let list: Vec<Value> = instructions::IDS
        .iter()
        .flat_map(|id| {
            [
                serde_json::json!({"id": id, "args": args}),
                serde_json::json!({"id": id}),
            ]
        })
        .collect();
    let row = serde_json::json!({"id": "a", "input": "x", "fields": {"instructions": list}});
    let example = whole(&row.to_string());
    let texts = prop_oneof![
        any::<String>(),
        "[\\[\\]<>\"*PpSs.,`{} \\n0-9Aaßé\u{202e}-]{0,60}"
    ];
    let judged = TestRunner::default().run(&texts, |text| {
        for reading in [
            crate::manifest::Reading::Strict,
            crate::manifest::Reading::Loose,
        ] {
            let each = instructions::grade("instructions", reading, &example, &says(&text));
            prop_assert_eq!(each.len(), 2 * instructions::IDS.len());
            let judged = each
                .iter()
                .step_by(2)
                .all(|it| !matches!(it.verdict, Verdict::Missing(_)));
            prop_assert!(judged, "an instruction with all its arguments is judged");
        }
        Ok(())
    });
    judged.expect("every text is judged");
}

/// What cannot be joined, has no limit or names what nobody knows is an error of the page, with its place.
#[test]
fn options_that_cannot_be_meant_are_refused() {
    for row in rows(REFUSED) {
        let (grader, problems) =
            read::grader(&text(&row, "kind"), &text(&row, "options"), "options");
        assert!(grader.is_none(), "{row}");
        let first = &problems[0];
        let found = serde_json::json!([first.code, first.at.column]);
        assert_eq!(
            found,
            serde_json::json!([row["code"], row["column"]]),
            "{:?}",
            lines(&problems)
        );
        assert!(!first.instead.is_empty(), "{row}");
    }
}

#[test]
fn every_kind_has_one_sheet() {
    let kinds: BTreeSet<&str> = read::grader_kinds().collect();
    let all = sheets();
    let described: BTreeSet<&str> = all.iter().map(|sheet| sheet.kind).collect();
    assert_eq!(described, kinds);
    assert_eq!(all.len(), kinds.len());
    let shipped: BTreeSet<&str> = crate::class::SHIPPED.iter().map(|(id, ..)| *id).collect();
    for sheet in all {
        for class in sheet.protects {
            assert!(shipped.contains(class), "{}: {class}", sheet.kind);
        }
        for text in [sheet.checks, sheet.cost, sheet.blind_spot] {
            let good = !text.is_empty() && !text.contains('|') && !text.ends_with('.');
            assert!(good, "{}: {text}", sheet.kind);
        }
    }
}
