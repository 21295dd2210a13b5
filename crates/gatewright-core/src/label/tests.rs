use std::num::NonZeroUsize;

use super::*;
use crate::manifest::{Role, Target};
use crate::problem::Location;
use crate::testing::{data, lines, mapped, page, set, system};

fn load_text(
    manifest: &Manifest,
    requests: &[Request<'_>],
    text: &str,
    threads: usize,
) -> (Labels, Vec<String>) {
    let source = Source::plain("r.jsonl", Location::default());
    let examples = "{\"id\":\"a\",\"input\":\"x\"}\n{\"id\":\"5\",\"input\":\"y\"}\n{\"id\":\"r\",\"input\":\"z\",\"status\":\"retired\"}";
    let (reference, _) = set(&page(), &source, examples.as_bytes());
    let (mut labels, mut problems) = (Labels::default(), Vec::new());
    let threads = NonZeroUsize::new(threads).expect("some");
    load(
        manifest,
        &reference,
        requests,
        "l.jsonl",
        text.as_bytes(),
        threads,
        &mut labels,
        &mut problems,
    );
    (labels, lines(&problems))
}

fn two_systems() -> Manifest {
    let mut manifest = page();
    system(&mut manifest, Role::Candidate, "new", Target::LabelsOnly);
    system(&mut manifest, Role::Production, "old", Target::LabelsOnly);
    for id in ["good", "score"] {
        crate::testing::criterion(
            &mut manifest,
            id,
            crate::manifest::Grader::MustCite,
            crate::manifest::FailsAs::One(0),
        );
    }
    manifest
}

#[test]
fn one_pass_feeds_every_criterion() {
    let manifest = two_systems();
    let own = Source::plain("l.jsonl", Location::default());
    let requests = [
        Request {
            criterion: 0,
            source: &own,
            score: false,
            pair: false,
            people: false,
            by_person: false,
        },
        Request {
            criterion: 1,
            source: &own,
            score: true,
            pair: false,
            people: false,
            by_person: false,
        },
    ];
    let text = r#"{"example":"a","system":"new","annotator":"ana","kind":"human","label":"ok","score":0.5,"trial":2}
{"example":5,"system":"new","annotator":"ben","label":true,"score":1e-1}
{"example":"a","system":"new","annotator":"ben","label":"no","score":"high","trial":2}
{"example":"a","system":"else","label":"ok","score":1}
{"example":"q","system":"new","label":"ok","score":1}
{"example":"r","system":"new","label":null,"score":1}
{"example":"a","system":"old","label":null,"score":1,"part":3}
{"example":"a","system":"old","label":"x","score":1,"criterion":"good","part":4}"#;
    let (labels, problems) = load_text(&manifest, &requests, text, 1);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!((labels.count(0), labels.count(1)), (5, 4));
    // Each criterion counts the rows it leaves out.
    assert_eq!(
        (
            labels.other_system_rows,
            labels.unknown_rows,
            labels.set_aside_rows
        ),
        (2, 2, 2)
    );
    assert_eq!(labels.unknown_examples, ["q"]);
    let of_a = labels.of_example(0, 1);
    let shown: Vec<_> = of_a
        .iter()
        .map(|l| {
            format!(
                "{} {} {:?} {} {:?} {}",
                l.system.as_deref().unwrap_or("-"),
                l.trial,
                l.part,
                l.annotator,
                l.kind,
                l.label
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "new 2 None ana Some(Person) ok",
            "new 2 None ben None no",
            "old 0 Some(3)  None null",
            "old 0 Some(4)  None x"
        ]
    );
    let scores: Vec<_> = labels.of_example(1, 1).iter().map(|l| l.score).collect();
    assert_eq!(scores, [Some(0.5), None, Some(1.0)]);
    assert_eq!(
        labels.disagreement(0),
        Disagreement {
            units: 4,
            shared: 1,
            differ: 1,
            ..Disagreement::default()
        }
    );
    assert_eq!(labels.recorded_trials("new", 1), [2]);
    assert_eq!(labels.trials("new"), 1);
}

#[test]
fn bad_labels_are_named() {
    let manifest = two_systems();
    let own = Source::plain("l.jsonl", Location::default());
    let requests = [Request {
        criterion: 0,
        source: &own,
        score: false,
        pair: false,
        people: false,
        by_person: false,
    }];
    let text = r#"{"example":"a","system":"new","label":"x"}
{"example":"a","system":"new","label":"y"}
{"example":"a","system":"old","lable":"y"}
{"example":"a","label":"y"}
{"system":"old","label":"y"}
{"example":"a","system":"old","label":"y","trial":1.5}
{"example":"a","system":"old","label":"y","kind":"humn"}
{"example":"a","system":"old","label":"y","label":"z"}"#;
    let (labels, problems) = load_text(&manifest, &requests, text, 1);
    assert_eq!(
        problems,
        [
            "l.jsonl:8:43 duplicate-key: the key `label` occurs twice in one object / keep one of the two",
            "l.jsonl:3:31 unknown-key: unknown key `lable` / did you mean `label`?",
            "l.jsonl:3:1 missing-label: the row has no label for `good` / map `label`, or leave the row out with `where`",
            "l.jsonl:4:1 missing-system: the row names no system / map `system`, or fix it: `set: {system: NAME}`",
            "l.jsonl:5:1 missing-id: the row names no example / `example`: the example's id",
            "l.jsonl:6:43 bad-number: `trial` is 1.5 / a whole number from 0",
            "l.jsonl:7:1 unknown-word: `humn` is no kind of annotator / did you mean `human`?",
            "l.jsonl:2:1 duplicate-label: `` already labelled `a` for `good` in line 1 / map `annotator`, `trial` or `part`, or keep one question with `where`",
        ]
    );
    assert_eq!(labels.count(0), 1);
}

/// A wide row holds both systems' verdicts: two sources of one criterion read it, in one pass. A vote that is there twice is named
/// with the file it was first in.
#[test]
fn one_criterion_takes_labels_from_several_sources() {
    let manifest = two_systems();
    let wide = |label: &str, system: &str| {
        let mut source = mapped("l.jsonl", &[("example", "id"), ("label", label)]);
        source.set.insert("system".into(), system.into());
        source
            .filter
            .push(("criterion".into(), vec!["good".into()]));
        source
    };
    let (new, old) = (wide("cand", "new"), wide("prod", "old"));
    let requests = [&new, &old].map(|source| Request {
        criterion: 0,
        source,
        score: false,
        pair: false,
        people: false,
        by_person: false,
    });
    let text = r#"{"id":"a","criterion":"good","cand":1,"prod":0}
{"id":"a","criterion":"goodness","cand":0,"prod":0}
{"id":"5","criterion":"good","cand":0,"prod":1}"#;
    let mut seen = Vec::new();
    for threads in [1, 3] {
        let (labels, problems) = load_text(&manifest, &requests, text, threads);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(labels.count(0), 4);
        assert_eq!((labels.trials("new"), labels.trials("old")), (1, 1));
        assert_eq!(labels.recorded_trials("old", 1), [0]);
        seen.push([0, 1].map(|example| {
            let of = labels.of_example(0, example).into_iter();
            of.map(|label| {
                let system = label.system.expect("named");
                (system.to_string(), label.label.to_string())
            })
            .collect::<Vec<_>>()
        }));
    }
    assert_eq!(seen[0], seen[1]);
    let pair = |new: &str, old: &str| {
        vec![
            ("new".to_owned(), new.to_owned()),
            ("old".to_owned(), old.to_owned()),
        ]
    };
    // The set is in the order of ids: `5`, then `a`.
    assert_eq!(seen[0], [pair("0", "1"), pair("1", "0")]);

    let source = Source::plain("r.jsonl", Location::default());
    let (reference, _) = set(&page(), &source, br#"{"id":"a","input":"x"}"#);
    let (mut labels, mut problems) = (Labels::default(), Vec::new());
    for file in ["l.jsonl", "more.jsonl"] {
        load(
            &manifest,
            &reference,
            &requests[..1],
            file,
            &br#"{"id":"a","criterion":"good","cand":1}"#[..],
            NonZeroUsize::MIN,
            &mut labels,
            &mut problems,
        );
    }
    assert_eq!(
        lines(&problems),
        [
            "more.jsonl:1:1 duplicate-label: `` already labelled `a` for `good` in line 1 of `l.jsonl` / map `annotator`, `trial` or `part`, or keep one question with `where`"
        ]
    );
    assert_eq!(labels.count(0), 1);
}

/// Wide rows: sixteen readings of one file in one pass; the same for any number of threads.
#[test]
fn wide_rows_and_threads() {
    let mut manifest = page();
    system(
        &mut manifest,
        Role::Candidate,
        "candidate",
        Target::LabelsOnly,
    );
    system(
        &mut manifest,
        Role::Production,
        "production",
        Target::LabelsOnly,
    );
    let mut sources = Vec::new();
    for criterion in 0..8_u16 {
        crate::testing::criterion(
            &mut manifest,
            &format!("c{criterion}"),
            crate::manifest::Grader::MustCite,
            crate::manifest::FailsAs::One(0),
        );
        for (name, field) in [("candidate", "cand"), ("production", "prod")] {
            let mut source = mapped("w.jsonl", &[("example", "example_id"), ("label", field)]);
            source
                .filter
                .push(("criterion".into(), vec![criterion.to_string()]));
            source.set.insert("system".into(), name.into());
            sources.push((criterion, source));
        }
    }
    let requests: Vec<Request<'_>> = sources
        .iter()
        .map(|(criterion, source)| Request {
            criterion: *criterion,
            source,
            score: false,
            pair: false,
            people: false,
            by_person: false,
        })
        .collect();
    let examples: String = (0..4000)
        .map(|id| format!("{{\"id\":{id},\"input\":\"q{id}\"}}\n"))
        .collect();
    let plain = Source::plain("r.jsonl", Location::default());
    let (reference, problems) = set(&page(), &plain, examples.as_bytes());
    assert_eq!(problems, []);
    let text: String = (0..32_000)
        .map(|row| format!("{{\"example_id\":{},\"cluster_id\":1,\"segment\":\"s{}\",\"criterion\":{},\"cand\":{},\"prod\":{},\"cand_ms\":12.5,\"prod_ms\":8}}\n", row / 8, row % 40, row % 8, row % 3 % 2, row % 5 % 2))
        .collect();
    let run = |threads| {
        let (mut labels, mut problems) = (Labels::default(), Vec::new());
        let threads = NonZeroUsize::new(threads).expect("some");
        load(
            &manifest,
            &reference,
            &requests,
            "w.jsonl",
            text.as_bytes(),
            threads,
            &mut labels,
            &mut problems,
        );
        assert_eq!(problems, []);
        labels
    };
    let (one, four) = (run(1), run(4));
    for criterion in 0..8 {
        assert_eq!(one.count(criterion), 8000);
        for example in (0..4000).step_by(37) {
            assert_eq!(
                one.of_example(criterion, example),
                four.of_example(criterion, example)
            );
        }
    }
}

fn real(
    manifest: &Manifest,
    examples: &Source,
    source: &Source,
    score: bool,
    pair: bool,
) -> Labels {
    let (reference, problems) = set(&page(), examples, &data(&examples.file));
    assert!(
        !crate::problem::has_errors(&problems),
        "{:?}",
        lines(&problems)
    );
    let (mut labels, mut problems) = (Labels::default(), Vec::new());
    let request = [Request {
        criterion: 0,
        source,
        score,
        pair,
        people: false,
        by_person: false,
    }];
    let threads = NonZeroUsize::new(2).expect("some");
    let bytes = data(&source.file);
    load(
        manifest,
        &reference,
        &request,
        &source.file,
        &bytes[..],
        threads,
        &mut labels,
        &mut problems,
    );
    assert_eq!(lines(&problems), Vec::<String>::new());
    assert_eq!(labels.unknown_rows, 0);
    labels
}

fn named(systems: &[&str]) -> Manifest {
    let mut manifest = page();
    for (role, name) in Role::ALL.into_iter().zip(systems) {
        system(&mut manifest, role, name, Target::LabelsOnly);
    }
    crate::testing::criterion(
        &mut manifest,
        "c",
        crate::manifest::Grader::MustCite,
        crate::manifest::FailsAs::One(0),
    );
    manifest
}

#[test]
fn real_labels_load() {
    if !crate::testing::has_data() {
        return;
    }
    let withheld = |file: &str| {
        let mut source = mapped(file, &[("id", "id")]);
        source.withheld = true;
        source
    };
    let filter = |mut source: Source, field: &str, values: &[&str]| {
        source.filter.push((
            field.to_owned(),
            values.iter().map(|it| (*it).to_owned()).collect(),
        ));
        source
    };
    let xstest = withheld("xstest/examples.jsonl");
    let kind = [("kind", "annotator_kind")];
    let humans = filter(
        mapped("xstest/labels.jsonl", &kind),
        "annotator",
        &["human_1", "human_2"],
    );
    let labels = real(
        &named(&["gpt4", "llama2orig", "llama2new"]),
        &xstest,
        &humans,
        false,
        false,
    );
    assert_eq!(labels.count(0), 3 * 900);
    let labels = real(
        &named(&["mistralinstruct", "mistralguard"]),
        &xstest,
        &humans,
        false,
        false,
    );
    assert_eq!(labels.disagreement(0).shared, 900);
    let claims = mapped("refchecker/labels.jsonl", &[("part", "claim")]);
    let all: u32 = [
        ["gpt4", "chatgpt", "davinci001"],
        ["falcon_40B_instruct", "alpaca_7B", "llama2_70b_chat"],
        ["claude2", "-", "--"],
    ]
    .iter()
    .map(|systems| {
        real(
            &named(systems),
            &withheld("refchecker/examples.jsonl"),
            &claims,
            false,
            false,
        )
        .disagreement(0)
        .units
    })
    .sum();
    assert_eq!(all, 10_733);
    let xsum = filter(
        mapped("xsum_faithfulness/labels.jsonl", &[("label", "label")]),
        "question",
        &["faithfulness"],
    );
    let labels = real(
        &named(&["PtGen", "BERTS2S"]),
        &withheld("xsum_faithfulness/examples.jsonl"),
        &xsum,
        false,
        false,
    );
    assert_eq!(
        (labels.count(0), labels.disagreement(0).units),
        (2_999, 1_000)
    );
    let scores = mapped("xsum_faithfulness/scores.jsonl", &[("score", "entailment")]);
    let labels = real(
        &named(&["PtGen"]),
        &withheld("xsum_faithfulness/examples.jsonl"),
        &scores,
        true,
        false,
    );
    assert_eq!(labels.count(0), 498);
    let people = filter(
        mapped("pandalm/labels.jsonl", &kind),
        "annotator",
        &["human_1", "human_2", "human_3"],
    );
    let labels = real(
        &named(&["bloom-7b", "llama-7b"]),
        &withheld("pandalm/examples.jsonl"),
        &people,
        false,
        true,
    );
    assert_eq!(
        labels.disagreement(0),
        Disagreement {
            units: 999,
            shared: 999,
            differ: 120,
            ..Disagreement::default()
        }
    );
    let strict = filter(
        mapped("ifeval_gpt4/labels.jsonl", &[("part", "instruction")]),
        "annotator",
        &["ifeval_strict"],
    );
    let labels = real(
        &named(&["gpt4_20231107"]),
        &withheld("ifeval_gpt4/examples.jsonl"),
        &strict,
        false,
        false,
    );
    assert_eq!(labels.count(0), 832);
    let tau = mapped("tau_airline/labels.jsonl", &kind);
    let labels = real(
        &named(&["gpt-4o-tool-calling"]),
        &withheld("tau_airline/examples.jsonl"),
        &tau,
        false,
        false,
    );
    assert_eq!(
        (labels.count(0), labels.trials("gpt-4o-tool-calling")),
        (200, 4)
    );
}

#[test]
fn people_s_labels_are_apart_and_their_places_may_be_empty() {
    let manifest = two_systems();
    let own = Source::plain("l.jsonl", Location::default());
    let request = |people| Request {
        criterion: 0,
        source: &own,
        score: false,
        pair: false,
        people,
        by_person: people,
    };
    let id = answer_id("good", "a", "old", (0, None), None);
    let text = format!(
        r#"{{"criterion":"good","example":"a","answer_id":"{id}","label":"yes","annotator":"ana","inclusion":0.25}}
{{"criterion":"good","example":"5","answer_id":"x","label":null,"inclusion":1}}
{{"criterion":"good","example":"5","answer_id":"x","label":" "}}
{{"criterion":"score","example":"a","system":"new","label":"no"}}"#
    );
    let (labels, problems) = load_text(&manifest, &[request(true)], &text, 1);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(labels.count(0), 0, "none of them is a judge's");
    assert_eq!(labels.trials("old"), 0, "and none of them makes a trial");
    let found = labels.people_of_example(0, 1);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].system.as_deref(), &*found[0].label),
        (Some("old"), "yes")
    );
    let row = labels.rows(PEOPLE, labels.system_index("old").expect("there"), 1)[0];
    assert!((labels.inclusion(0, &row) - 0.25).abs() < 1e-12);
    assert_eq!(labels.annotators(0, true).len(), 1);

    let wrong = r#"{"criterion":"good","example":"a","answer_id":"0123","label":"yes"}
{"criterion":"good","example":"5","system":"old","label":"yes","inclusion":0}"#;
    let (_, problems) = load_text(&manifest, &[request(true)], wrong, 1);
    assert_eq!(
        problems,
        [
            "l.jsonl:1:35 unknown-answer: `answer_id` 0123 is no answer of this page's systems / leave the rows that Gatewright wrote as they are, but for `label` and `annotator`",
            "l.jsonl:2:64 bad-number: `inclusion` is 0 / the probability of being drawn, above 0 and at most 1"
        ]
    );
}
