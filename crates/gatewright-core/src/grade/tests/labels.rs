//! Recorded labels: combined, with holes, with judges beside people.

use super::*;

pub(super) fn label_grader(source: Source, pass: &[&str], fail: &[&str]) -> LabelGrader {
    LabelGrader {
        sources: vec![source],
        by: GraderKind::Person,
        rubric: None,
        values: vec![map(&[], pass, fail)],
        behaviours: BTreeMap::new(),
        combine: Combine::Majority,
        parts: None,
        parts_from: None,
        score: false,
        absent: Absent::Missing,
    }
}

pub(super) fn map(when: &[(&str, &str)], pass: &[&str], fail: &[&str]) -> LabelMap {
    LabelMap {
        when: when
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
            .collect(),
        pass: pass.iter().map(|it| (*it).to_owned()).collect(),
        fail: fail.iter().map(|it| ((*it).to_owned(), None)).collect(),
        not_applicable: BTreeSet::new(),
    }
}

pub(super) fn filter(mut source: Source, field: &str, values: &[&str]) -> Source {
    source.filter.push((
        field.to_owned(),
        values.iter().map(|it| (*it).to_owned()).collect(),
    ));
    source
}

pub(super) fn load(
    manifest: &Manifest,
    reference: &ReferenceSet,
    bytes: impl Fn(&str) -> Vec<u8>,
) -> Labels {
    let (mut labels, mut problems) = (Labels::default(), Vec::new());
    let threads = NonZeroUsize::new(2).expect("some");
    for (file, requests) in crate::label::requests(manifest) {
        let bytes = bytes(file);
        crate::label::load(
            manifest,
            reference,
            &requests,
            file,
            &bytes[..],
            threads,
            &mut labels,
            &mut problems,
        );
    }
    assert_eq!(lines(&problems), Vec::<String>::new());
    labels
}

/// Beside a person's label a judge's counts for nothing, so that taking it away changes nothing; alone it is a judge's verdict.
#[test]
fn a_judge_s_label_does_not_decide_whether_people_s_count() {
    let judged = r#"{"example":"a","system":"s","annotator":"1","label":"ok"}
{"example":"a","system":"s","annotator":"j","label":"no","kind":"model"}
{"example":"b","system":"s","annotator":"j","label":"ok","kind":"model"}"#;
    let reference = reference("{\"id\":\"a\",\"input\":\"1\"}\n{\"id\":\"b\",\"input\":\"2\"}");
    let run = |rows: &str, by| {
        let mut manifest = page();
        system(&mut manifest, Role::Candidate, "s", Target::LabelsOnly);
        let grader = LabelGrader {
            by,
            combine: Combine::Unanimous,
            ..label_grader(
                Source::plain("l.jsonl", Location::default()),
                &["ok"],
                &["no"],
            )
        };
        criterion(&mut manifest, "c", Grader::Label(grader), FailsAs::One(0));
        let labels = load(&manifest, &reference, |_| rows.as_bytes().to_vec());
        let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
        let mut out = Vec::new();
        graders.labels_only(Role::Candidate, &mut out);
        out.iter().map(|one| (one.bin, one.by)).collect::<Vec<_>>()
    };
    let (person, model) = (GraderKind::Person, GraderKind::Model);
    assert_eq!(
        run(judged, person),
        [(Bin::Pass, person), (Bin::Pass, model)]
    );
    let without: Vec<&str> = judged.lines().take(1).collect();
    assert_eq!(run(without[0], person)[0], (Bin::Pass, person));
    // Where the page lets a judge judge, everything counts, as a judge's.
    assert_eq!(run(judged, model)[0], (Bin::Fail(0), model));
}

#[test]
fn annotators_and_parts_are_combined() {
    let rows = r#"{"example":"a","system":"s","annotator":"1","label":"ok"}
{"example":"a","system":"s","annotator":"2","label":"no"}
{"example":"a","system":"s","annotator":"3","label":"no","kind":"program"}
{"example":"b","system":"s","annotator":"1","label":"ok"}
{"example":"b","system":"s","annotator":"2","label":"odd"}
{"example":"c","system":"s","annotator":"1","label":"ok","part":0}
{"example":"c","system":"s","annotator":"1","label":"no","part":1}"#;
    let examples = "{\"id\":\"a\",\"input\":\"1\"}\n{\"id\":\"b\",\"input\":\"2\"}\n{\"id\":\"c\",\"input\":\"3\"}\n{\"id\":\"d\",\"input\":\"4\"}";
    let reference = reference(examples);
    let run = |combine, parts, absent| {
        let mut manifest = page();
        system(&mut manifest, Role::Candidate, "s", Target::LabelsOnly);
        let plain = Source::plain("l.jsonl", Location::default());
        let grader = LabelGrader {
            combine,
            parts,
            absent,
            ..label_grader(plain, &["ok"], &["no"])
        };
        criterion(&mut manifest, "c", Grader::Label(grader), FailsAs::One(0));
        let labels = load(&manifest, &reference, |_| rows.as_bytes().to_vec());
        let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
        let mut out = Vec::new();
        for (example, _) in (0..).zip(&reference.examples) {
            let end = AttemptEnd::Answered {
                response: Response::default(),
            };
            graders
                .grade(AttemptSpec { example, ..ATTEMPT }, Some(0), &end, &mut out)
                .expect("unchanged");
        }
        out
    };
    let bins = |out: &[Outcome]| out.iter().map(|outcome| outcome.bin).collect::<Vec<_>>();
    let error = Bin::Missing(Missing::GraderError);
    let out = run(Combine::Majority, None, Absent::Missing);
    assert_eq!(
        bins(&out),
        [Bin::Fail(0), error, Bin::Pass, Bin::Fail(0), error]
    );
    assert_eq!(
        out.iter().map(|outcome| outcome.part).collect::<Vec<_>>(),
        [None, None, Some(0), Some(1), None]
    );
    assert_eq!(
        (out[0].by, out[1].by),
        (GraderKind::Person, GraderKind::Person)
    );
    assert_eq!(out[1].why.as_deref(), Some("labelled ok, odd"));
    let out = run(Combine::Unanimous, Some(PartsRule::All), Absent::Pass);
    assert_eq!(bins(&out), [Bin::Fail(0), error, Bin::Fail(0), Bin::Pass]);
    let out = run(Combine::Any, Some(PartsRule::Any), Absent::Fail);
    assert_eq!(bins(&out), [Bin::Pass, Bin::Pass, Bin::Pass, Bin::Fail(0)]);
    let out = run(Combine::Any, Some(PartsRule::Share), Absent::NotApplicable);
    assert_eq!(
        bins(&out),
        [
            Bin::Value(1.0),
            Bin::Value(1.0),
            Bin::Value(0.5),
            Bin::NotApplicable
        ]
    );
    for (absent, share) in [(Absent::Fail, 0.0), (Absent::Pass, 1.0)] {
        let out = run(Combine::Any, Some(PartsRule::Share), absent);
        assert_eq!(out[3].bin, Bin::Value(share), "an answer without parts");
    }
}

/// The label of one part taken away leaves a hole in the numbers: that part is missing, not gone.
#[test]
fn a_part_without_a_label_between_others_is_missing() {
    let rows = r#"{"example":"a","system":"s","annotator":"1","label":"ok","part":0}
{"example":"a","system":"s","annotator":"1","label":"ok","part":2}"#;
    let reference = reference("{\"id\":\"a\",\"input\":\"1\"}");
    let run = |parts| {
        let mut manifest = page();
        system(&mut manifest, Role::Candidate, "s", Target::LabelsOnly);
        let plain = Source::plain("l.jsonl", Location::default());
        let grader = LabelGrader {
            parts,
            ..label_grader(plain, &["ok"], &["no"])
        };
        criterion(&mut manifest, "c", Grader::Label(grader), FailsAs::One(0));
        let labels = load(&manifest, &reference, |_| rows.as_bytes().to_vec());
        let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
        let mut out = Vec::new();
        let end = AttemptEnd::Answered {
            response: Response::default(),
        };
        graders
            .grade(ATTEMPT, Some(0), &end, &mut out)
            .expect("unchanged");
        out.iter()
            .map(|outcome| (outcome.part, outcome.bin))
            .collect::<Vec<_>>()
    };
    let error = Bin::Missing(Missing::GraderError);
    assert_eq!(
        run(None),
        [(Some(0), Bin::Pass), (Some(2), Bin::Pass), (Some(1), error)]
    );
    assert_eq!(run(Some(PartsRule::All)), [(None, error)]);
    assert_eq!(run(Some(PartsRule::Share)), [(None, error)]);
}

/// Part numbers come from files: a gap behind a thousand labelled parts is charged like any other, and the longest number is none too long.
#[test]
fn gaps_are_counted_not_numbers() {
    let reference = reference("{\"id\":\"a\",\"input\":\"1\"}");
    let run = |parts: &[u32], declared: Option<u64>| {
        let rows: Vec<String> = parts
            .iter()
            .map(|part| {
                format!(
                    r#"{{"example":"a","system":"s","annotator":"1","label":"ok","part":{part}}}"#
                )
            })
            .collect();
        let mut manifest = page();
        system(&mut manifest, Role::Candidate, "s", Target::LabelsOnly);
        let grader = LabelGrader {
            parts_from: declared.map(|_| "claims".to_owned()),
            ..label_grader(
                Source::plain("l.jsonl", Location::default()),
                &["ok"],
                &["no"],
            )
        };
        criterion(&mut manifest, "c", Grader::Label(grader), FailsAs::One(0));
        let labels = load(&manifest, &reference, |_| rows.join("\n").into_bytes());
        let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
        let mut response = Response::default();
        if let Some(count) = declared {
            response.fields.insert("claims".to_owned(), count.into());
        }
        let mut out = Vec::new();
        graders
            .grade(
                ATTEMPT,
                Some(0),
                &AttemptEnd::Answered { response },
                &mut out,
            )
            .expect("unchanged");
        let missing = out.iter().filter(|one| matches!(one.bin, Bin::Missing(_)));
        missing.filter_map(|one| one.part).collect::<Vec<_>>()
    };
    let many: Vec<u32> = (0..1500).filter(|part| *part != 1400).collect();
    assert_eq!(run(&many, None), [1400]);
    assert_eq!(run(&many, Some(1502)), [1400, 1500, 1501]);
    let far = run(&[0, u32::MAX - 1], None);
    assert_eq!((far.len(), far[0], far[999]), (1000, 1, 1000));
    let far = run(&[1, u32::MAX - 1], Some(u64::from(u32::MAX - 1)));
    assert_eq!((far.len(), far[0]), (1000, 2), "numbered from 1");
    assert_eq!(run(&[0], Some(u64::from(u32::MAX))).len(), 1000);
}

/// Parts that nobody labelled are missing where the page says how many there should be, also behind the last labelled one.
#[test]
fn declared_parts_without_a_label_are_missing() {
    let rows = r#"{"example":"a","system":"s","annotator":"1","label":"ok","part":1}
{"example":"a","system":"s","annotator":"1","label":"no","part":2}
{"example":"b","system":"t","annotator":"1","label":"ok"}"#;
    let reference = reference(
        "{\"id\":\"a\",\"input\":\"1\"}\n{\"id\":\"b\",\"input\":\"2\",\"fields\":{\"claims\":[\"x\",\"y\"]}}\n{\"id\":\"c\",\"input\":\"3\"}",
    );
    let run = |example: u32, claims: serde_json::Value, parts| {
        let mut manifest = page();
        system(&mut manifest, Role::Candidate, "s", Target::LabelsOnly);
        let plain = Source::plain("l.jsonl", Location::default());
        let grader = LabelGrader {
            parts,
            parts_from: Some("claims".to_owned()),
            absent: Absent::Pass,
            ..label_grader(plain, &["ok"], &["no"])
        };
        criterion(&mut manifest, "c", Grader::Label(grader), FailsAs::One(0));
        let labels = load(&manifest, &reference, |_| rows.as_bytes().to_vec());
        let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
        let mut response = Response::default();
        if !claims.is_null() {
            response.fields.insert("claims".to_owned(), claims);
        }
        let mut out = Vec::new();
        let attempt = AttemptSpec { example, ..ATTEMPT };
        let end = AttemptEnd::Answered { response };
        graders
            .grade(attempt, Some(0), &end, &mut out)
            .expect("unchanged");
        let found = out.iter().map(|outcome| (outcome.part, outcome.bin));
        found.collect::<Vec<_>>()
    };
    let (error, null) = (Bin::Missing(Missing::GraderError), serde_json::Value::Null);
    let (ok, no) = ((Some(1), Bin::Pass), (Some(2), Bin::Fail(0)));
    let number = |count: u32| serde_json::Value::from(count);
    // Where the number should stand and does not, one part more has no verdict: a misspelt name ships nothing.
    assert_eq!(run(0, null.clone(), None), [ok, no, (Some(3), error)]);
    assert_eq!(run(0, "two".into(), None), [ok, no, (Some(3), error)]);
    assert_eq!(run(0, (-1).into(), None), [ok, no, (Some(3), error)]);
    let share = Some(PartsRule::Share);
    assert_eq!(run(0, null.clone(), share), [(None, error)]);
    assert_eq!(
        run(0, null.clone(), Some(PartsRule::All)),
        [(None, Bin::Fail(0))],
        "what failed failed"
    );
    assert_eq!(
        run(0, number(4), None),
        [ok, no, (Some(0), error), (Some(3), error)]
    );
    // Numbered from 1: the last label has the number of all.
    assert_eq!(run(0, number(2), None), [ok, no]);
    assert_eq!(run(0, number(1), None), [ok, no], "more than declared");
    assert_eq!(run(0, number(4), Some(PartsRule::Share)), [(None, error)]);
    assert_eq!(
        run(0, number(4), Some(PartsRule::All)),
        [(None, Bin::Fail(0))]
    );
    // The example says it where the response does not; none labelled is none judged, whatever an absent label means.
    assert_eq!(
        run(1, null.clone(), None),
        [(Some(0), error), (Some(1), error)]
    );
    assert_eq!(run(1, number(0), None), [(None, Bin::Pass)]);
    assert_eq!(run(2, null.clone(), None), [(None, error)]);
    assert_eq!(run(2, null, share), [(None, error)]);
}

#[test]
fn declared_trials_without_a_label_are_missing() {
    let rows = r#"{"example":"a","system":"s","trial":1,"annotator":"1","label":"ok"}
{"example":"a","system":"s","trial":2,"annotator":"1","label":"ok"}
{"example":"b","system":"s","trial":0,"annotator":"1","label":"no"}"#;
    let reference = reference("{\"id\":\"a\",\"input\":\"1\"}\n{\"id\":\"b\",\"input\":\"2\"}");
    let count = |trials| {
        let mut manifest = page();
        system(&mut manifest, Role::Candidate, "s", Target::LabelsOnly);
        let source = Source {
            trials,
            ..Source::plain("l.jsonl", Location::default())
        };
        let grader = label_grader(source, &["ok"], &["no"]);
        criterion(&mut manifest, "c", Grader::Label(grader), FailsAs::One(0));
        let labels = load(&manifest, &reference, |_| rows.as_bytes().to_vec());
        let graders = Graders::new(&manifest, &reference, &labels).expect("sound");
        let mut out = Vec::new();
        graders.labels_only(Role::Candidate, &mut out);
        let missing = |it: &&Outcome| it.bin == Bin::Missing(Missing::NotAttempted);
        assert_eq!(labels.trials("nobody"), 0);
        (
            labels.trials("s"),
            out.len(),
            out.iter().filter(missing).count(),
        )
    };
    assert_eq!(count(None), (2, 4, 1));
    assert_eq!(count(Some(4)), (4, 8, 5));
    assert_eq!(count(Some(1)), (2, 4, 1), "what is there is never cut");
}
