use std::sync::Arc;

use crate::manifest::{Kind, Matcher};
use crate::problem::{Location, Weight, has_errors};
use crate::reference::{Design, InMemory, ReferenceSet, Relation, Standing};
use crate::source::Source;
use crate::testing::{data, dimension, lines, mapped, page, set};

fn ours(text: &str) -> (ReferenceSet, Vec<crate::problem::Problem>) {
    set(
        &page(),
        &Source::plain("r.jsonl", Location::default()),
        text.as_bytes(),
    )
}

#[test]
fn a_full_example_is_read() {
    let (set, problems) = ours(
        r#"{"id":"b","input":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"}],"context":{"plan":"pro"},"segments":{"size":2},"expect":{"behaviour":"refuse","answer":42,"must_cite":"s1","contains":["x"]},"sources":[{"id":"s1","text":"t","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"},"s2"],"cluster":"c","provenance":{"kind":"traffic","ref":"log 7","by":"ana"},"stratum":"s","inclusion":0.5,"review_by":"2027-01-31","variant_of":"a","relation":"invariance","fields":{"k":[1]}}
{"id":"a","input":"hello","cluster":"other","status":{"state":"retired","by":"ana","at":"2026-01-01","why":"old"}}
{"id":7,"input":"seven"}"#,
    );
    assert_eq!(
        lines(&problems),
        [
            "r.jsonl:1:127 unknown-dimension: `size` is no dimension of the page / add `size: {}` under `segments`"
        ]
    );
    assert_eq!(
        set.examples
            .iter()
            .map(|e| e.id.as_str())
            .collect::<Vec<_>>(),
        ["7", "b"]
    );
    assert_eq!(set.set_aside[0].standing, Standing::Retired);
    assert_eq!(set.examples[1].inclusion, Some(0.5));
    let b = set.example(1).expect("as it was");
    assert_eq!(b.input.text(), "hi\nyes?");
    assert_eq!(
        b.design,
        Design::Sampled {
            stratum: Some("s".into()),
            inclusion: Some(0.5)
        }
    );
    assert_eq!(b.sources.len(), 2);
    assert_eq!(
        b.variant.as_ref().map(|v| v.relation),
        Some(Relation::Invariance)
    );
    assert_eq!(set.examples[0].kind, Kind::Handpicked);
    assert_eq!((set.clusters, set.cluster), (2, vec![0, 1]));
}

#[test]
fn everything_wrong_is_said_at_once_with_hints() {
    let (_, problems) = ours(
        r#"{"id":"a","inptu":"x"}
{"id":"b","input":"x","expect":{"behavior":"refuse"}}
{"id":"c","input":"x","expect":{"behaviour":"refuses"}}
{"id":"d","input":"x","provenance":{"kind":"trafic"}}
{"input":"x","inclusion":1.5}
{"id":"e","input":"x","review_by":"tomorrow","status":"gone"}
{"id":"f","input":"x","variant_of":"nowhere","relation":"never"}
{"id":"f","input":"y"}"#,
    );
    assert_eq!(
        lines(&problems),
        [
            "r.jsonl:1:11 unknown-key: unknown key `inptu` / did you mean `input`?",
            "r.jsonl:1:1 missing-input: the example has no `input` / what the system is asked; `withheld: true` on the source when it exists and may not be shown",
            "r.jsonl:2:33 unknown-key: unknown key `behavior` in `expect` / did you mean `behaviour`?",
            "r.jsonl:3:33 unknown-word: `refuses` is no `expect.behaviour` / did you mean `refuse`?",
            "r.jsonl:4:37 unknown-word: `trafic` is no `provenance.kind` / did you mean `traffic`?",
            "r.jsonl:5:1 missing-id: the example has no `id` / give every example a name of its own",
            "r.jsonl:5:14 bad-inclusion: the inclusion probability is 1.5 / a number above 0 and at most 1",
            "r.jsonl:6:23 bad-date: `review_by` is `tomorrow` / a date such as 2027-03-01",
            "r.jsonl:6:46 unknown-word: `gone` is no `status` / one of active, quarantined, retired",
            "r.jsonl:8:2 duplicate-id: the id `f` is taken by the example at r.jsonl:7 / give it another id, or remove one of the two",
            "r.jsonl:7:23 unknown-base: `f` is a variant of `nowhere`, which is no example / the id of an example of this set",
        ]
    );
}

/// A30: the same case under two ids is reported, and is no error; an empty file is an empty set.
#[test]
fn a30_same_content_is_reported() {
    let (set, problems) = ours(
        "{\"id\":\"a\",\"input\":\"x\"}\n{\"id\":\"b\",\"input\":\"x\",\"provenance\":\"edge\"}\n{\"id\":\"c\",\"input\":\"y\"}",
    );
    assert_eq!(set.examples.len(), 3);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].weight, Weight::Suggestion);
    assert_eq!(problems[0].what, "2 examples are the same case: a, b");
    let (set, problems) = ours("\n");
    assert_eq!(
        (set.examples.len(), set.clusters, problems.len()),
        (0, 0, 0)
    );
}

/// A30, near-duplicate inflation: the same question in other capitals, with other punctuation or white space, is suggested as one. Another
/// question, the same one about another account, variants and what shares a cluster are not.
#[test]
fn a30_near_duplicate_inflation_is_reported() {
    let text = r#"{"id":"a","input":"Where is my refund?"}
{"id":"b","input":"where is my refund"}
{"id":"c","input":"  WHERE is my  refund ?! "}
{"id":"d","input":"Where is my receipt?"}
{"id":"e","input":"Where is my refund?","context":{"account":7}}
{"id":"f","input":"where is my refund!","variant_of":"a","relation":"invariance"}
{"id":"g","input":[{"role":"user","content":"Don't charge me again."}]}
{"id":"h","input":[{"role":"user","content":"dont charge me again"}]}
{"id":"i","input":"Cancel my plan now","cluster":"x"}
{"id":"j","input":"cancel my plan now.","cluster":"x"}
{"id":"k","input":"Yes."}
{"id":"l","input":"yes"}"#;
    let (set, problems) = ours(text);
    assert_eq!(set.examples.len(), 12);
    assert!(problems.iter().all(|it| it.weight == Weight::Suggestion));
    assert_eq!(
        lines(&problems),
        [
            "r.jsonl:2:11 near-content: 3 examples ask the same but for capitals, punctuation or white space: a, b, c / retire all but one, or give them one `cluster`",
            "r.jsonl:8:11 near-content: 2 examples ask the same but for capitals, punctuation or white space: g, h / retire all but one, or give them one `cluster`",
        ]
    );
}

#[test]
fn content_is_identity_and_place_is_not() {
    let (one, _) = ours("{\"id\":\"a\",\"input\":\"x\"}\n{\"id\":\"b\",\"input\":\"y\"}");
    let (two, _) = ours("\n\n{\"input\":\"y\",\"id\":\"b\"}\r\n{\"id\":\"a\",\"input\":\"x\"}");
    let (three, _) =
        ours("{\"id\":\"a\",\"input\":\"x\"}\n{\"id\":\"b\",\"input\":\"y\",\"cluster\":\"a\"}");
    assert_eq!(one.digest, two.digest);
    assert_ne!(one.digest, three.digest);
    assert_eq!(three.clusters, 2, "a cluster's name is no example's id");
}

#[test]
fn segments_by_field_and_expression() {
    let mut manifest = page();
    manifest.tasks.insert("refund".into(), String::new());
    dimension(&mut manifest, "task", &[]);
    dimension(
        &mut manifest,
        "risk",
        &[
            ("high", Matcher::InputMatches("refund|chargeback".into())),
            ("low", Matcher::Rest),
        ],
    );
    let pro = Matcher::FieldIn {
        field: "context.plan".into(),
        values: vec!["pro".into()],
    };
    dimension(&mut manifest, "plan", &[("paid", pro)]);
    let text = r#"{"id":"a","input":"My REFUND","segments":{"task":"refund"},"context":{"plan":"pro"}}
{"id":"b","input":"hello","segments":{"task":"refunds"}}
{"id":"c","input":"hello","segments":{"risk":"high"}}"#;
    let source = Source::plain("r.jsonl", Location::default());
    let (set, problems) = set(&manifest, &source, text.as_bytes());
    assert_eq!(
        lines(&problems),
        [
            "r.jsonl:2:39 undeclared-value: `refunds` is no value of `task` on the page / did you mean `refund`?"
        ]
    );
    let values = |d| [0, 1, 2].map(|e| set.value(d, e).unwrap_or("-").to_owned());
    assert_eq!(values(0), ["refund", "-", "-"]);
    assert_eq!(values(1), ["high", "low", "high"]);
    assert_eq!(values(2), ["paid", "-", "-"]);
    let conditions = [
        ("risk".to_owned(), vec!["high".to_owned()]),
        ("context.plan".to_owned(), vec!["pro".to_owned()]),
    ];
    let dimensions = ["risk".to_owned()];
    let matches = |example| {
        let whole = set.example(example).expect("as it was");
        crate::segment::is_in(&manifest, &set, example, &conditions)
            && crate::segment::has_fields(&dimensions, &whole, &conditions)
    };
    assert_eq!([0, 1, 2].map(matches), [true, false, false]);
}

/// The real sets load through field maps, every row of them.
#[test]
fn threads_change_nothing() {
    use std::fmt::Write as _;

    // Several blocks, with more faults of both weights than are shown one by one.
    let mut text = String::new();
    for index in 0..40_000 {
        let line = match index % 300 {
            7 => "{\"id\":".to_owned(),
            9 => format!("{{\"id\":\"e{index}\",\"inptu\":\"x\"}}"),
            _ => format!(
                "{{\"id\":\"e{index}\",\"input\":\"{}\"}}",
                "word ".repeat(20)
            ),
        };
        writeln!(text, "{line}").expect("a string grows");
    }
    let source = Source::plain("a.jsonl", Location::default());
    let read = |threads: usize| {
        let threads = std::num::NonZeroUsize::new(threads).expect("at least one");
        let mut problems = Vec::new();
        let manifest = page();
        let mut loader = super::Loader::new(&manifest);
        loader.file(threads, &source, "a.jsonl", text.as_bytes(), &mut problems);
        let rows = InMemory(vec![text.clone().into_bytes()]);
        let set = loader.finish(Arc::new(rows), &mut problems);
        (set.examples, set.cluster, lines(&problems))
    };
    let alone = read(1);
    assert!(
        alone.0.len() > 39_000 && alone.2.len() > 100,
        "{}",
        alone.2.len()
    );
    for threads in [2, 5] {
        assert!(read(threads) == alone, "{threads} threads");
    }
}

#[test]
fn real_sets_load() {
    if !crate::testing::has_data() {
        return;
    }
    let mut manifest = page();
    dimension(&mut manifest, "label", &[]);
    let check = |file: &str, map: &[(&str, &str)], withheld: bool, filter: Option<(&str, &str)>| {
        let mut source = mapped(file, map);
        source.withheld = withheld;
        source.kind = Some(Kind::Benchmark);
        if let Some((field, value)) = filter {
            source
                .filter
                .push((field.to_owned(), vec![value.to_owned()]));
        }
        let (set, problems) = set(&manifest, &source, &data(file));
        assert!(!has_errors(&problems), "{file}: {:?}", lines(&problems));
        set
    };
    let xstest = check(
        "xstest/examples.jsonl",
        &[
            ("segments.label", "segment_label"),
            ("fields.type", "segment_type"),
        ],
        false,
        None,
    );
    assert_eq!(xstest.examples.len(), 450);
    assert_eq!(xstest.values[0], ["safe", "unsafe"]);
    assert_eq!(
        xstest.assigned[0]
            .iter()
            .filter(|value| **value == 1)
            .count(),
        200
    );
    let tau = check(
        "tau_airline/examples.jsonl",
        &[
            ("segments.label", "segment_gold_writes"),
            ("fields.gold", "gold_actions"),
        ],
        false,
        None,
    );
    assert_eq!(
        (tau.examples.len(), tau.values[0].clone()),
        (50, vec!["0".into(), "1".into(), "2+".into()])
    );
    let xsum = check(
        "xsum_faithfulness/examples.jsonl",
        &[("id", "id")],
        true,
        None,
    );
    assert_eq!(xsum.examples.len(), 500);
    assert!(xsum.examples.iter().all(|example| example.traits.withheld));
    let refchecker = check(
        "refchecker/examples.jsonl",
        &[("segments.label", "segment_context")],
        true,
        None,
    );
    assert_eq!(
        (refchecker.examples.len(), refchecker.values[0].len()),
        (300, 3)
    );
    let ifeval = check(
        "ifeval_gpt4/examples.jsonl",
        &[("segments.label", "segment_n_instructions")],
        false,
        None,
    );
    assert_eq!(ifeval.examples.len(), 540);
    let pandalm = check(
        "pandalm/examples.jsonl",
        &[
            ("segments.label", "segment_pair"),
            ("fields.system_1", "system_1"),
            ("fields.system_2", "system_2"),
        ],
        false,
        None,
    );
    assert_eq!((pandalm.examples.len(), pandalm.values[0].len()), (999, 10));
    let llmperf = check(
        "llmperf_latency/outputs.jsonl",
        &[
            ("id", "example_id"),
            ("segments.label", "segment_model_size"),
        ],
        true,
        Some(("system", "anyscale")),
    );
    assert_eq!((llmperf.examples.len(), llmperf.values[0].len()), (450, 3));
}

/// Blank lines, other line ends, a byte order mark, lines that are left out and lines beyond a block: every example is read again as it was.
#[test]
fn every_example_is_read_again_from_its_place() {
    let mut text = String::from("\u{feff}\n  \r\n");
    for index in (0..9000).rev() {
        let end = ["\n", "\r\n", "\n\n"][index % 3];
        let id = format!("\"id\":\"e{index:04}\"");
        let input = format!("größe {index} {}", "word ".repeat(index % 70));
        let line = match index % 500 {
            3 => "{\"id\":".to_owned(),
            4 => format!("{{{id},\"input\":\"x\",\"status\":\"retired\"}}"),
            _ => format!("{{{id},\"input\":\"{input}\",\"fields\":{{\"n\":{index}}}}}"),
        };
        text += &(line + end);
    }
    let (set, problems) = ours(&text);
    // The byte order mark, and a line in every 500.
    assert_eq!(problems.len(), 19);
    assert_eq!((set.examples.len(), set.set_aside.len()), (8964, 18));
    for (index, entry) in (0..).zip(&set.examples) {
        let example = set.example(index).expect("as it was");
        assert_eq!((&example.id, example.digest), (&entry.id, entry.digest));
        assert_eq!(example.at, set.at(entry));
        let number = example.fields["n"].as_u64().expect("a number");
        assert_eq!(entry.id.as_str(), format!("e{number:04}"));
        assert!(
            example
                .input
                .text()
                .starts_with(&format!("größe {number} "))
        );
    }
}

/// Nothing is sent or judged with an example that is not what it was, whatever became of its file.
#[test]
fn an_example_that_changed_is_no_example() {
    #[derive(Debug)]
    struct Edited(std::sync::Mutex<Vec<u8>>);
    impl crate::reference::Rows for Edited {
        fn read(&self, file: u32, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
            let bytes = self.0.lock().expect("not poisoned").clone();
            InMemory(vec![bytes]).read(file, offset, into)
        }
    }
    let text = "{\"id\":\"a\",\"input\":\"one\"}\n{\"id\":\"b\",\"input\":\"two\"}\n";
    let later = |edited: &str| {
        let manifest = page();
        let source = Source::plain("r.jsonl", Location::default());
        let mut problems = Vec::new();
        let mut loader = super::Loader::new(&manifest);
        let one = std::num::NonZeroUsize::MIN;
        loader.file(one, &source, "r.jsonl", text.as_bytes(), &mut problems);
        let rows = Arc::new(Edited(std::sync::Mutex::new(text.as_bytes().to_vec())));
        let set = loader.finish(rows.clone(), &mut problems);
        assert_eq!(problems, []);
        *rows.0.lock().expect("not poisoned") = edited.as_bytes().to_vec();
        set.example(1)
            .map_err(|changed| format!("{changed}: {}", changed.why))
    };
    let said = |edited: &str| later(edited).expect_err("another example");
    assert!(later(text).is_ok());
    let start = "r.jsonl:2 changed while this command was running: ";
    assert_eq!(
        said(&text.replace("two", "owt")),
        format!("{start}`b` is not what it was")
    );
    assert_eq!(
        said(&text.replace("\"b\"", "\"c\"")),
        format!("{start}`b` is not what it was")
    );
    assert!(
        said(&text.replace("one", "three")).starts_with(&format!("{start}no example is there"))
    );
    assert!(said("").starts_with(&format!("{start}it cannot be read any more")));
    // What does not change the example does not matter.
    assert!(later(&text.replace("one", "six")).is_ok());
}
