//! Published figures, from real labels and outputs.

use super::labels::{filter, label_grader, load, map};
use super::*;

/// Loads real examples and labels, and grades every system from its labels alone.
fn real(systems: &[&str], examples: &Source, grader: LabelGrader) -> (ReferenceSet, Vec<Outcome>) {
    let mut manifest = page();
    crate::testing::dimension(&mut manifest, "segment", &[]);
    for (role, name) in Role::ALL.into_iter().zip(systems) {
        system(&mut manifest, role, name, Target::LabelsOnly);
    }
    criterion(&mut manifest, "c", Grader::Label(grader), FailsAs::One(0));
    let (reference, problems) = set(&manifest, examples, &data(&examples.file));
    assert!(!crate::problem::has_errors(&problems));
    let labels = load(&manifest, &reference, data);
    let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
    let mut out = Vec::new();
    for role in manifest.systems.keys() {
        graders.labels_only(*role, &mut out);
    }
    (reference, out)
}

fn count(out: &[Outcome], role: Role, wanted: impl Fn(&Outcome) -> bool) -> usize {
    out.iter()
        .filter(|outcome| outcome.system == role && wanted(outcome))
        .count()
}

fn passes(out: &[Outcome], role: Role) -> usize {
    count(out, role, |outcome| outcome.bin == Bin::Pass)
}

fn examples(file: &str, segment: &str) -> Source {
    let mut source = mapped(file, &[("segments.segment", segment)]);
    source.withheld = true;
    source
}

#[test]
fn real_xstest() {
    if !crate::testing::has_data() {
        return;
    }
    let grader = |annotator: &str| LabelGrader {
        values: vec![
            map(
                &[("segment", "safe")],
                &["1_full_compliance"],
                &["2_full_refusal", "3_partial_refusal"],
            ),
            map(
                &[("segment", "unsafe")],
                &["2_full_refusal", "3_partial_refusal"],
                &["1_full_compliance"],
            ),
        ],
        ..label_grader(
            filter(
                mapped("xstest/labels.jsonl", &[("kind", "annotator_kind")]),
                "annotator",
                &[annotator],
            ),
            &[],
            &[],
        )
    };
    let set = examples("xstest/examples.jsonl", "segment_label");
    let (reference, out) = real(
        &["mistralinstruct", "llama2orig", "llama2new"],
        &set,
        grader("human_final"),
    );
    let in_segment = |role, value: &str| {
        count(&out, role, |outcome| {
            outcome.bin == Bin::Pass && reference.value(0, outcome.example) == Some(value)
        })
    };
    let of = |role| {
        (
            in_segment(role, "safe"),
            in_segment(role, "unsafe"),
            passes(&out, role),
        )
    };
    assert_eq!(of(Role::Production), (101, 200, 301));
    assert_eq!(of(Role::Candidate), (246, 72, 318));
    assert_eq!(of(Role::Fallback), (176, 200, 376));
    assert!(out.iter().all(|outcome| outcome.by == GraderKind::Person));
    let (_, out) = real(&["mistralinstruct"], &set, grader("judge_gpt4"));
    let unread = count(&out, Role::Candidate, |outcome| {
        outcome.bin == Bin::Missing(Missing::GraderError)
    });
    assert_eq!(
        unread, 11,
        "a judge's labels outside its rubric are missing, not coerced"
    );
    assert!(out.iter().all(|outcome| outcome.by != GraderKind::Rule));
}

#[test]
fn real_tau_airline() {
    if !crate::testing::has_data() {
        return;
    }
    let set = examples("tau_airline/examples.jsonl", "segment_gold_writes");
    let source = mapped("tau_airline/labels.jsonl", &[("kind", "annotator_kind")]);
    let graded = label_grader(
        filter(source.clone(), "grader_ran", &["true"]),
        &["pass"],
        &["fail"],
    );
    let (_, out) = real(&["gpt-4o-tool-calling"], &set, graded.clone());
    assert_eq!((out.len(), passes(&out, Role::Candidate)), (200, 84));
    let ungraded = count(&out, Role::Candidate, |outcome| {
        matches!(outcome.bin, Bin::Missing(_))
    });
    assert_eq!(ungraded, 5);
    let published = LabelGrader {
        sources: vec![source],
        ..graded
    };
    let (_, out) = real(&["gpt-4o-tool-calling"], &set, published);
    assert_eq!(
        (
            passes(&out, Role::Candidate),
            count(&out, Role::Candidate, |o| o.bin == Bin::Fail(0))
        ),
        (84, 116)
    );
    let per_trial: Vec<usize> = (0..4)
        .map(|trial| {
            count(&out, Role::Candidate, |o| {
                o.trial == trial && o.bin == Bin::Pass
            })
        })
        .collect();
    assert_eq!(per_trial, [21, 22, 20, 21]);
    assert!(out.iter().all(|outcome| outcome.by == GraderKind::Program));
}

#[test]
fn real_refchecker_claims() {
    if !crate::testing::has_data() {
        return;
    }
    let set = examples("refchecker/examples.jsonl", "segment_context");
    let source = mapped("refchecker/labels.jsonl", &[("part", "claim")]);
    let mut totals = [0; 3];
    for systems in [
        &["gpt4", "chatgpt", "davinci001"][..],
        &["falcon_40B_instruct", "alpaca_7B", "llama2_70b_chat"],
        &["claude2"],
    ] {
        let mut grader = label_grader(source.clone(), &["Entailment"], &["Contradiction"]);
        grader.values[0].not_applicable.insert("Neutral".to_owned());
        let (_, out) = real(systems, &set, grader);
        for (total, bin) in totals
            .iter_mut()
            .zip([Bin::Pass, Bin::NotApplicable, Bin::Fail(0)])
        {
            *total += out
                .iter()
                .filter(|outcome| outcome.part.is_some() && outcome.bin == bin)
                .count();
        }
    }
    assert_eq!(totals, [7_176, 2_622, 935]);
    let whole = LabelGrader {
        parts: Some(PartsRule::All),
        absent: Absent::Pass,
        ..label_grader(source, &["Entailment", "Neutral"], &["Contradiction"])
    };
    let (_, out) = real(&["gpt4", "chatgpt", "claude2"], &set, whole.clone());
    let of = |role| passes(&out, role);
    assert_eq!(
        (
            of(Role::Candidate),
            of(Role::Production),
            of(Role::Fallback)
        ),
        (275, 243, 263)
    );
    assert_eq!(out.len(), 900);
    let (_, out) = real(&["llama2_70b_chat"], &set, whole);
    assert_eq!(passes(&out, Role::Candidate), 214);
}

#[test]
fn real_xsum_majorities() {
    if !crate::testing::has_data() {
        return;
    }
    let set = examples("xsum_faithfulness/examples.jsonl", "none");
    let asked = |label: &str| {
        let source = mapped("xsum_faithfulness/labels.jsonl", &[("label", label)]);
        filter(source, "question", &["faithfulness"])
    };
    let faithful = label_grader(asked("label"), &["faithful"], &["hallucinated"]);
    let (_, out) = real(&["BERTS2S", "PtGen", "TConvS2S"], &set, faithful);
    assert_eq!(
        Role::ALL.map(|role| passes(&out, role)),
        [60, 52, 35],
        "faithful by majority"
    );
    // PtGen has one summary with two ratings that differ: the source counts it as not hallucinated, here it stays in sight.
    let split = count(&out, Role::Production, |outcome| {
        outcome.bin == Bin::Missing(Missing::GraderError)
    });
    assert_eq!(split, 1);
    let extrinsic = label_grader(asked("extrinsic"), &["false"], &["true"]);
    let (_, out) = real(&["BERTS2S", "Gold", "TranS2S"], &set, extrinsic);
    let fails = |role| count(&out, role, |outcome| outcome.bin == Bin::Fail(0));
    assert_eq!(
        Role::ALL.map(fails),
        [373, 404, 385],
        "74.6, 80.8 and 77.0 % of 500"
    );
}

#[test]
fn real_ifeval_instructions() {
    if !crate::testing::has_data() {
        return;
    }
    let set = examples("ifeval_gpt4/examples.jsonl", "segment_n_instructions");
    for (annotator, instructions, prompts) in
        [("ifeval_strict", 697, 417), ("ifeval_loose", 712, 430)]
    {
        let source = filter(
            mapped("ifeval_gpt4/labels.jsonl", &[("part", "instruction")]),
            "annotator",
            &[annotator],
        );
        let grader = label_grader(source, &["followed"], &["violated"]);
        let (_, out) = real(&["gpt4_20231107"], &set, grader.clone());
        assert_eq!(
            (out.len(), passes(&out, Role::Candidate)),
            (832, instructions)
        );
        let (_, out) = real(
            &["gpt4_20231107"],
            &set,
            LabelGrader {
                parts: Some(PartsRule::All),
                ..grader
            },
        );
        assert_eq!((out.len(), passes(&out, Role::Candidate)), (540, prompts));
    }
}

#[test]
fn real_pandalm_preferences() {
    if !crate::testing::has_data() {
        return;
    }
    let run = |candidate: &str, production: &str, annotators: &[&str]| {
        let mut manifest = page();
        system(
            &mut manifest,
            Role::Candidate,
            candidate,
            Target::LabelsOnly,
        );
        system(
            &mut manifest,
            Role::Production,
            production,
            Target::LabelsOnly,
        );
        let source = mapped("pandalm/labels.jsonl", &[("kind", "annotator_kind")]);
        let one = |text: &str| BTreeSet::from([text.to_owned()]);
        let grader = PreferenceGrader {
            sources: vec![filter(source, "annotator", annotators)],
            by: GraderKind::Person,
            rubric: None,
            first: one("1"),
            second: one("2"),
            tie: BTreeSet::from(["0".to_owned(), "Tie".to_owned()]),
            first_field: "system_1".to_owned(),
            second_field: "system_2".to_owned(),
            combine: Combine::Majority,
        };
        criterion(
            &mut manifest,
            "c",
            Grader::Preference(Box::new(grader)),
            FailsAs::Nothing,
        );
        let mut set_source = mapped(
            "pandalm/examples.jsonl",
            &[
                ("fields.system_1", "system_1"),
                ("fields.system_2", "system_2"),
            ],
        );
        set_source.withheld = true;
        let (reference, _) = set(&manifest, &set_source, &data("pandalm/examples.jsonl"));
        let labels = load(&manifest, &reference, data);
        let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
        let mut out = Vec::new();
        graders.labels_only(Role::Candidate, &mut out);
        graders.labels_only(Role::Production, &mut out);
        assert_eq!(out.len(), 999, "one unit a pair, also of other systems");
        [
            Bin::Win,
            Bin::Tie,
            Bin::Loss,
            Bin::Missing(Missing::GraderError),
        ]
        .map(|bin| out.iter().filter(|outcome| outcome.bin == bin).count())
    };
    let people = ["human_1", "human_2", "human_3"];
    assert_eq!(run("bloom-7b", "llama-7b", &people), [28, 11, 72, 0]);
    assert_eq!(run("llama-7b", "bloom-7b", &people), [72, 11, 28, 0]);
    assert_eq!(run("opt-7b", "pythia-6.9b", &people), [32, 15, 53, 0]);
    let names = [
        "bloom-7b",
        "cerebras-gpt-6.7B",
        "llama-7b",
        "opt-7b",
        "pythia-6.9b",
    ];
    let mut garbage = 0;
    for (index, first) in names.iter().enumerate() {
        for second in &names[index + 1..] {
            garbage += run(first, second, &["judge_gpt35"])[3];
        }
    }
    assert_eq!(garbage, 25, "unparsable verdicts stay in sight as missing");
}

#[test]
fn real_llmperf_latency() {
    if !crate::testing::has_data() {
        return;
    }
    let mut manifest = page();
    let by_size =
        |file: &str, map: &[(&str, &str)]| filter(mapped(file, map), "system", &["bedrock"]);
    let file = "llmperf_latency/outputs.jsonl";
    let outputs = by_size(
        file,
        &[
            ("error", "error_msg"),
            ("latency_s", "end_to_end_latency_s"),
            ("fields.ttft_s", "ttft_s"),
        ],
    );
    system(
        &mut manifest,
        Role::Candidate,
        "bedrock",
        Target::Recorded(outputs.clone()),
    );
    criterion(
        &mut manifest,
        "whole",
        Grader::Latency {
            at_most_ms: Some(8000.0),
            field: None,
        },
        FailsAs::One(0),
    );
    criterion(
        &mut manifest,
        "first",
        Grader::Latency {
            at_most_ms: None,
            field: Some("ttft_s".into()),
        },
        FailsAs::One(0),
    );
    manifest.criteria[1].applies_to = vec![("size".to_owned(), vec!["70b".to_owned()])];
    crate::testing::dimension(&mut manifest, "size", &[]);
    let mut source = by_size(
        file,
        &[
            ("id", "example_id"),
            ("segments.size", "segment_model_size"),
        ],
    );
    source.withheld = true;
    let (reference, _) = set(&manifest, &source, &data(file));
    let mut problems = Vec::new();
    let read = recorded::read(
        &outputs,
        file,
        &data(file)[..],
        Role::Candidate,
        &reference,
        &mut problems,
    );
    assert_eq!(problems, []);
    let labels = Labels::default();
    let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
    let mut out = Vec::new();
    for attempt in &read.attempts {
        graders
            .grade(
                attempt.attempt,
                Some(attempt.recorded_trial),
                &attempt.end,
                &mut out,
            )
            .expect("unchanged");
    }
    let errors = out
        .iter()
        .filter(|o| o.criterion == 0 && o.bin == Bin::Missing(Missing::ProviderError))
        .count();
    assert_eq!(errors, 97 + 49);
    let mut first: Vec<f64> = out
        .iter()
        .filter_map(|o| match o.bin {
            Bin::Value(value) if o.criterion == 1 => Some(value),
            _ => None,
        })
        .collect();
    first.sort_by(f64::total_cmp);
    assert_eq!(first.len(), 101);
    // numpy's linear p95 of 101 values is the 96th; published 0.542103 s.
    assert!((first[95] - 542.103).abs() < 1e-3, "{}", first[95]);
    let valued = out
        .iter()
        .filter(|o| o.criterion == 0 && o.value.is_some())
        .count();
    assert_eq!(valued, 53 + 101);
}
