mod conduct;
mod families;
mod ifeval;
mod judged;
mod labels;
mod real;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use super::*;
use crate::manifest::{
    Absent, Combine, LabelGrader, LabelMap, PartsRule, PreferenceGrader, Target,
};
use crate::problem::Location;
use crate::recorded;
use crate::response::{Behaviour, ToolCall, Usage};
use crate::source::Source;
use crate::testing::{criterion, data, lines, mapped, page, set, system};

fn reference(example: &str) -> ReferenceSet {
    let source = Source::plain("r.jsonl", Location::default());
    let (set, problems) = set(&page(), &source, example.as_bytes());
    assert_eq!(lines(&problems), Vec::<String>::new());
    set
}

const ATTEMPT: AttemptSpec = AttemptSpec {
    example: 0,
    system: Role::Candidate,
    trial: 0,
};

/// Grades one answer with one grader; shows the bin, or the symptom's class, and the reason.
fn check(grader: Grader, example: &str, response: Response) -> String {
    let mut manifest = page();
    let map: BTreeMap<String, u16> = symptoms(&grader).into_iter().zip(0..).collect();
    let names: Vec<String> = symptoms(&grader);
    criterion(
        &mut manifest,
        "c",
        grader,
        FailsAs::BySymptom {
            map,
            otherwise: None,
        },
    );
    let reference = reference(example);
    let labels = Labels::default();
    let graders = Graders::new(&manifest, &reference, &labels).expect("sound graders");
    let mut out = Vec::new();
    graders
        .grade(ATTEMPT, None, &AttemptEnd::Answered { response }, &mut out)
        .expect("unchanged");
    assert_eq!(out.len(), 1);
    let value = out[0]
        .value
        .map(|value| format!(" {value}"))
        .unwrap_or_default();
    match out[0].bin {
        Bin::Fail(class) => format!("{}{value}", names[usize::from(class)]),
        Bin::Pass => format!("pass{value}"),
        Bin::NotApplicable => "not applicable".to_owned(),
        Bin::Value(value) => format!("value {value}"),
        Bin::Missing(missing) => format!(
            "{}: {}",
            missing.word(),
            out[0].why.as_deref().unwrap_or("")
        ),
        other => format!("{other:?}"),
    }
}

fn says(output: &str) -> Response {
    Response {
        output: output.to_owned(),
        ..Response::default()
    }
}

#[test]
fn what_is_forbidden_does_not_hide() {
    let example = r#"{"id":"a","input":"x"}"#;
    let forbids = |text: &str, ignore_case| Grader::NotContains {
        texts: vec![text.to_owned()],
        ignore_case,
    };
    for (text, ignore_case, answer, verdict) in [
        ("SSN", false, "S\u{200b}SN 123", "forbidden-text"),
        ("SSN", false, "S\u{ad}S\u{2060}N", "forbidden-text"),
        ("café", false, "cafe\u{301}", "forbidden-text"),
        ("cafe\u{301}", false, "café", "forbidden-text"),
        ("CAFÉ", true, "the cafe\u{301}", "forbidden-text"),
        // Line ends separate, and letters of another alphabet are other letters.
        ("SSN", false, "S\nSN é", "pass"),
        ("cafe", false, "café", "pass"),
        ("\u{200b}", false, "é", "pass"),
        ("\u{200b}", false, "é\u{200b}", "forbidden-text"),
    ] {
        assert_eq!(
            check(forbids(text, ignore_case), example, says(answer)),
            verdict,
            "{text:?} in {answer:?}"
        );
    }
}

#[test]
fn text_graders() {
    let exact = |text: Option<&str>, normalise| Grader::Exact {
        text: text.map(str::to_owned),
        normalise,
    };
    let bare = r#"{"id":"a","input":"x"}"#;
    let expects = r#"{"id":"a","input":"x","expect":{"answer":"Blue  Sky","contains":["sky","sea"],"not_contains":["grey"]}}"#;
    assert_eq!(check(exact(None, false), bare, says("x")), "not applicable");
    assert_eq!(
        check(exact(None, false), expects, says("Blue  Sky")),
        "pass"
    );
    assert_eq!(
        check(exact(None, false), expects, says("blue sky")),
        "different-answer"
    );
    assert_eq!(
        check(exact(None, true), expects, says(" blue\nsky ")),
        "pass"
    );
    assert_eq!(check(exact(Some("x"), false), bare, says("x")), "pass");
    let contains = |texts: &[&str], ignore_case, any| Grader::Contains {
        texts: texts.iter().map(|it| (*it).to_owned()).collect(),
        ignore_case,
        any,
    };
    assert_eq!(
        check(contains(&[], false, false), bare, says("")),
        "not applicable"
    );
    assert_eq!(
        check(contains(&[], false, false), expects, says("sky and sea")),
        "pass"
    );
    assert_eq!(
        check(contains(&[], false, false), expects, says("Sky and sea")),
        "missing-text"
    );
    assert_eq!(
        check(contains(&[], true, true), expects, says("SKY")),
        "pass"
    );
    let forbids = Grader::NotContains {
        texts: vec!["Red".into()],
        ignore_case: true,
    };
    assert_eq!(
        check(forbids.clone(), expects, says("red")),
        "forbidden-text"
    );
    assert_eq!(
        check(forbids.clone(), expects, says("grey")),
        "forbidden-text"
    );
    assert_eq!(check(forbids, expects, says("green")), "pass");
    let regex = |negate| Grader::Regex {
        pattern: r"\d+ USD".into(),
        negate,
    };
    assert_eq!(check(regex(false), bare, says("50 USD")), "pass");
    assert_eq!(check(regex(false), bare, says("USD")), "no-match");
    assert_eq!(check(regex(true), bare, says("50 USD")), "match");
}

/// A6: a huge answer is matched in linear time; a huge or broken pattern is an error of the page.
#[test]
fn a6_bad_patterns_are_page_errors_and_huge_answers_are_fine() {
    let bare = r#"{"id":"a","input":"x"}"#;
    let evil = Grader::Regex {
        pattern: "(x+x+)+y".into(),
        negate: true,
    };
    assert_eq!(check(evil, bare, says(&"x".repeat(1 << 20))), "pass");
    let mut manifest = page();
    for (name, pattern) in [("one", "(".to_owned()), ("two", "a".repeat(1 << 20))] {
        criterion(
            &mut manifest,
            name,
            Grader::Regex {
                pattern,
                negate: false,
            },
            FailsAs::One(0),
        );
    }
    let schema = serde_json::json!({"type": "strange"});
    criterion(
        &mut manifest,
        "three",
        Grader::JsonSchema { schema },
        FailsAs::One(0),
    );
    let (reference, labels) = (reference(bare), Labels::default());
    let problems = Graders::new(&manifest, &reference, &labels).expect_err("three problems");
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["bad-pattern", "bad-pattern", "bad-schema"]);
}

#[test]
fn structure_graders() {
    let number = |tolerance, relative| Grader::Number {
        tolerance,
        relative,
    };
    let expects = r#"{"id":"a","input":"x","expect":{"answer":1200}}"#;
    assert_eq!(
        check(
            number(0.0, 0.0),
            r#"{"id":"a","input":"x","expect":{"answer":"blue"}}"#,
            says("1")
        ),
        "not applicable"
    );
    assert_eq!(
        check(number(0.0, 0.0), expects, says("It costs 1,200 USD.")),
        "pass"
    );
    assert_eq!(
        check(number(0.0, 0.01), expects, says("1.19e3 or so")),
        "pass"
    );
    assert_eq!(
        check(number(5.0, 0.0), expects, says("1,194.9 or 7")),
        "wrong-number"
    );
    assert_eq!(check(number(5.0, 0.0), expects, says("none")), "no-number");
    let schema = Grader::JsonSchema {
        schema: serde_json::json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "pattern": "^(x+)+$"}}}),
    };
    assert_eq!(
        check(schema.clone(), expects, says(" {\"a\":\"xx\"}\n")),
        "pass"
    );
    assert_eq!(
        check(
            schema.clone(),
            expects,
            says(&format!("{{\"a\":\"{}y\"}}", "x".repeat(100_000)))
        ),
        "schema-violation"
    );
    assert_eq!(
        check(schema.clone(), expects, says("{\"a\":\"x\",\"a\":\"x\"}")),
        "not-json"
    );
    assert_eq!(check(schema, expects, says("Sure! {}")), "not-json");
}

#[test]
fn evidence_and_tool_graders() {
    let expects = r#"{"id":"a","input":"x","expect":{"must_cite":["s1"],"must_call":["look"],"must_not_call":["pay"]},"sources":[{"id":"s1","text":"The fee is  refunded in full."},"s2"]}"#;
    let bare = r#"{"id":"a","input":"x"}"#;
    let cites = |ids: &[&str]| Response {
        citations: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..says("x")
    };
    assert_eq!(check(Grader::MustCite, bare, cites(&[])), "not applicable");
    assert_eq!(
        check(Grader::MustCite, expects, cites(&["s2"])),
        "missing-citation"
    );
    assert_eq!(
        check(Grader::MustCite, expects, cites(&["s2", "s1"])),
        "pass"
    );
    assert_eq!(
        check(Grader::CitesKnown, bare, cites(&["s1"])),
        "not applicable"
    );
    assert_eq!(
        check(Grader::CitesKnown, expects, cites(&["s1", "s3"])),
        "unknown-source"
    );
    assert_eq!(check(Grader::CitesKnown, expects, cites(&[])), "no-source");
    assert_eq!(check(Grader::CitesKnown, expects, cites(&["s2"])), "pass");
    let quotes = Grader::QuotesInSources;
    assert_eq!(
        check(
            quotes.clone(),
            expects,
            says("As it says, “the fee is refunded in full.”")
        ),
        "pass"
    );
    assert_eq!(
        check(
            quotes.clone(),
            expects,
            says("\"the fee is refunded in part\"")
        ),
        "unsupported-quote"
    );
    assert_eq!(
        check(
            quotes.clone(),
            expects,
            says("press \"Pay now\", it is 5\" wide")
        ),
        "pass"
    );
    assert_eq!(check(quotes, bare, says("\"a b c\"")), "not applicable");
    let calls = |names: &[&str]| Response {
        tool_calls: names
            .iter()
            .map(|name| ToolCall {
                name: (*name).to_owned(),
                arguments: serde_json::Value::Null,
            })
            .collect(),
        ..Response::default()
    };
    assert_eq!(
        check(Grader::MustCall, expects, calls(&["pay"])),
        "missing-call"
    );
    assert_eq!(check(Grader::MustCall, expects, calls(&["look"])), "pass");
    let forbids = Grader::MustNotCall {
        tools: vec!["drop".into()],
    };
    assert_eq!(
        check(forbids.clone(), bare, calls(&["drop"])),
        "forbidden-call"
    );
    assert_eq!(
        check(forbids.clone(), expects, calls(&["pay"])),
        "forbidden-call"
    );
    assert_eq!(check(forbids, expects, calls(&["look"])), "pass");
}

#[test]
fn behaviour_latency_and_cost() {
    let refuse = r#"{"id":"a","input":"x","expect":{"behaviour":"refuse"}}"#;
    let does = |behaviour| Response {
        behaviour: Some(behaviour),
        ..Response::default()
    };
    assert_eq!(
        check(
            Grader::Behaviour(Box::default()),
            refuse,
            does(Behaviour::Refuse)
        ),
        "pass"
    );
    assert_eq!(
        check(
            Grader::Behaviour(Box::default()),
            refuse,
            does(Behaviour::Ask)
        ),
        "asked-when-refuse"
    );
    assert_eq!(
        check(Grader::Behaviour(Box::default()), refuse, says("Sure.")),
        "answered-when-refuse"
    );
    assert_eq!(
        check(Grader::Behaviour(Box::default()), refuse, says(" ")),
        "grader error: the response is empty and states no behaviour"
    );
    assert_eq!(
        check(
            Grader::Behaviour(Box::default()),
            r#"{"id":"a","input":"x"}"#,
            says("")
        ),
        "not applicable"
    );
    let timed = Response {
        latency_ms: Some(900.0),
        usage: Usage {
            cost_usd: Some(0.03),
            ..Usage::default()
        },
        ..says("x")
    };
    let latency = |at_most_ms| Grader::Latency {
        at_most_ms,
        field: None,
    };
    assert_eq!(check(latency(None), refuse, timed.clone()), "value 900");
    assert_eq!(
        check(latency(Some(900.0)), refuse, timed.clone()),
        "pass 900"
    );
    assert_eq!(
        check(latency(Some(500.0)), refuse, timed.clone()),
        "too-slow 900"
    );
    assert_eq!(
        check(latency(Some(500.0)), refuse, says("x")),
        "grader error: no time was recorded"
    );
    assert_eq!(
        check(
            Grader::Cost {
                at_most_usd: Some(0.02)
            },
            refuse,
            timed
        ),
        "too-expensive 0.03"
    );
    let mut first = says("x");
    first.fields.insert("ttft_s".into(), 0.25.into());
    let field = Grader::Latency {
        at_most_ms: None,
        field: Some("ttft_s".into()),
    };
    assert_eq!(check(field, refuse, first), "value 250");
}

#[test]
fn a_symptom_without_a_class_is_missing_not_a_guess() {
    let mut manifest = page();
    let map = BTreeMap::from([("asked-when-refuse".to_owned(), 3)]);
    for (name, otherwise) in [("strict", None), ("lenient", Some(5))] {
        let map = map.clone();
        let fails_as = FailsAs::BySymptom { map, otherwise };
        criterion(
            &mut manifest,
            name,
            Grader::Behaviour(Box::default()),
            fails_as,
        );
    }
    let reference = reference(r#"{"id":"a","input":"x","expect":{"behaviour":"refuse"}}"#);
    let labels = Labels::default();
    let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
    let mut out = Vec::new();
    let response = says("Sure.");
    graders
        .grade(ATTEMPT, None, &AttemptEnd::Answered { response }, &mut out)
        .expect("unchanged");
    assert_eq!(out[0].bin, Bin::Missing(Missing::GraderError));
    let why = out[0].why.as_deref().unwrap_or_default();
    assert!(why.contains("`answered-when-refuse`"), "{why}");
    assert_eq!(out[1].bin, Bin::Fail(5));
}

/// A30: an error never counts as a pass, also where a missing text would be one; a time-out fails as latency; bins do not depend on what came back.
#[test]
fn a30_errors_are_missing_under_negative_assertions() {
    let mut manifest = page();
    let forbids = Grader::NotContains {
        texts: vec!["bad".into()],
        ignore_case: false,
    };
    criterion(&mut manifest, "polite", forbids, FailsAs::One(0));
    criterion(
        &mut manifest,
        "quiet",
        Grader::Regex {
            pattern: "bad".into(),
            negate: true,
        },
        FailsAs::One(0),
    );
    criterion(
        &mut manifest,
        "fast",
        Grader::Latency {
            at_most_ms: Some(9.0),
            field: None,
        },
        FailsAs::One(0),
    );
    criterion(&mut manifest, "cites", Grader::MustCite, FailsAs::One(0));
    let reference = reference(r#"{"id":"a","input":"x"}"#);
    let labels = Labels::default();
    let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
    let bins = |end: Option<AttemptEnd>| {
        let mut out = Vec::new();
        match end {
            Some(end) => graders
                .grade(ATTEMPT, None, &end, &mut out)
                .expect("unchanged"),
            None => graders.not_attempted(ATTEMPT, &mut out),
        }
        out.iter()
            .map(|outcome| (outcome.bin, outcome.value))
            .collect::<Vec<_>>()
    };
    let missing = |why| {
        vec![
            (Bin::Missing(why), None),
            (Bin::Missing(why), None),
            (Bin::Missing(why), None),
            (Bin::NotApplicable, None),
        ]
    };
    let provider = AttemptEnd::ProviderError {
        message: "503".into(),
        code: None,
        latency_ms: Some(1.0),
    };
    assert_eq!(bins(Some(provider)), missing(Missing::ProviderError));
    let harness = AttemptEnd::HarnessError {
        message: "no such program".into(),
    };
    assert_eq!(bins(Some(harness)), missing(Missing::HarnessError));
    assert_eq!(bins(None), missing(Missing::NotAttempted));
    let latency = Bin::Fail(manifest.class_index("latency").expect("it ships"));
    assert_eq!(
        bins(Some(AttemptEnd::TimedOut { after_ms: 4000 })),
        [
            (latency, None),
            (latency, None),
            (latency, Some(f64::INFINITY)),
            (Bin::NotApplicable, None)
        ]
    );
}
