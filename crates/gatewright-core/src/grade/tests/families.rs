//! What each kind of rule says of answers, hostile ones among them: one line is one case.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use crate::manifest::read;

mod cases;

/// Reads a grader as a page would.
fn rule(kind: &str, options: &str) -> Grader {
    let (grader, problems) = read::grader(kind, options, "options");
    grader.unwrap_or_else(|| panic!("{kind} {options}: {:?}", lines(&problems)))
}

/// Shows the verdict of a rule on an answer to an example that expects something.
fn verdict(kind: &str, options: &str, expect: &str, output: &str) -> String {
    let example = match expect {
        "" => r#"{"id":"a","input":"x"}"#.to_owned(),
        expect => format!(r#"{{"id":"a","input":"x",{expect}}}"#),
    };
    let reference = reference(&example);
    let tried = try_one(&rule(kind, options), &reference.examples[0], &says(output));
    let tried = tried.expect("a rule");
    match (tried.symptom, tried.value) {
        (Some(symptom), _) => symptom,
        (None, Some(value)) if tried.verdict == "value" => format!("value {value:.3}"),
        _ => tried.verdict.to_owned(),
    }
}

#[test]
fn every_case() {
    let mut wrong = Vec::new();
    for (kind, options, expect, output, wanted) in cases::CASES {
        let found = verdict(kind, options, expect, output);
        if found != *wanted {
            wrong.push(format!(
                "{kind} {options} {expect} {output:?}: {found}, not {wanted}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The kinds that this table is about: those that need nothing but an answer and an example.
fn tabled() -> BTreeSet<&'static str> {
    let elsewhere = [
        "must_cite",
        "cites",
        "quotes_in_sources",
        "must_call",
        "must_not_call",
        "behaviour",
        "latency",
        "cost",
        "label",
        "preference",
        "judge",
        "program",
        "exact",
        "contains",
        "not_contains",
        "regex",
        "number",
        "json_schema",
    ];
    let kinds = sheets().into_iter().map(|sheet| sheet.kind);
    kinds.filter(|kind| !elsewhere.contains(kind)).collect()
}

#[test]
fn every_kind_has_six_cases_and_no_symptom_is_forgotten() {
    for kind in tabled() {
        let of = || cases::CASES.iter().filter(|case| case.0 == kind);
        assert!(of().count() >= 6, "{kind} has {} cases", of().count());
        let seen: BTreeSet<&str> = of().map(|case| case.4).collect();
        for (_, options, ..) in of() {
            let named = symptoms(&rule(kind, options));
            if kind != "instructions" && kind != "all" {
                for symptom in &named {
                    assert!(
                        seen.contains(symptom.as_str()),
                        "{kind}: no case of {symptom}"
                    );
                }
            }
        }
        for (_, options, _, output, wanted) in of() {
            let named = symptoms(&rule(kind, options));
            let plain = ["pass", "missing", "not applicable"].contains(wanted)
                || wanted.starts_with("value");
            assert!(
                plain || named.iter().any(|it| it == wanted),
                "{kind} {options} {output:?}: {wanted} is not among {named:?}"
            );
        }
    }
}

/// Texts that once broke some reader of text: empty, white, huge, nested, right to left, lone marks, look-alike and private characters.
fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
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
        "9".repeat(400).as_str(),
        "$",
        "°",
        "%",
        "²",
        "\r\n\r\r\n",
        "a\u{2028}b\u{2029}c\u{85}d",
        "İıẞßΣς",
        "ﷺ".repeat(50).as_str(),
    ]
    .iter()
    .map(|text| (*text).to_owned())
    .collect();
    for piece in [
        "a",
        "a ",
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
    ] {
        all.push(piece.repeat((1 << 17) / piece.len()));
    }
    all
}

/// No rule panics, refuses or hangs on any of them, whatever it is asked to check.
#[test]
fn hostile_answers_are_judged_in_time() {
    // Far above what one pass takes in a build without optimisation, far below what a quadratic one would.
    const MOST: Duration = Duration::from_secs(20);
    let texts = hostile();
    let mut tried = BTreeSet::new();
    for (kind, options, expect, ..) in cases::CASES {
        if !tried.insert((*kind, *options)) {
            continue;
        }
        for text in &texts {
            let start = Instant::now();
            let found = verdict(kind, options, expect, text);
            assert!(!found.is_empty());
            if start.elapsed() > Duration::from_millis(150) {
                println!(
                    "SLOW {kind} {options} {:?} {:?}",
                    start.elapsed(),
                    text.chars().take(12).collect::<String>()
                );
            }
            assert!(
                start.elapsed() < MOST,
                "{kind} {options} took {:?} on {:?}…",
                start.elapsed(),
                text.chars().take(20).collect::<String>()
            );
        }
    }
}

/// What cannot be joined, has no limit or names what nobody knows is an error of the page, with its place.
#[test]
fn options_that_cannot_be_meant_are_refused() {
    for (kind, options, code, column) in cases::REFUSED {
        let (grader, problems) = read::grader(kind, options, "options");
        assert!(grader.is_none(), "{kind} {options}");
        let first = &problems[0];
        assert_eq!(
            (first.code, first.at.column),
            (*code, *column),
            "{kind} {options}: {:?}",
            lines(&problems)
        );
        assert!(!first.instead.is_empty(), "{kind} {options}");
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
            assert!(
                !text.is_empty() && !text.contains('|') && !text.ends_with('.'),
                "{}: {text}",
                sheet.kind
            );
        }
    }
}
