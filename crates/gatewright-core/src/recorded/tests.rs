use super::*;
use crate::problem::Location;
use crate::testing::{data, lines, mapped, page, set};

fn read_text(text: &str) -> (Recorded, Vec<String>) {
    let source = Source::plain("o.jsonl", Location::default());
    let examples = "{\"id\":\"a\",\"input\":\"x\"}\n{\"id\":\"b\",\"input\":\"y\"}\n{\"id\":\"r\",\"input\":\"z\",\"status\":\"retired\"}";
    let (reference, _) = set(&page(), &source, examples.as_bytes());
    let mut problems = Vec::new();
    let recorded = read(
        &source,
        "o.jsonl",
        text.as_bytes(),
        Role::Candidate,
        &reference,
        &mut problems,
    );
    (recorded, lines(&problems))
}

/// A trial that nobody recorded is there all the same where the page says how many there should be.
#[test]
fn declared_trials_are_there() {
    let count = |trials, text: &str| {
        let source = Source {
            trials,
            ..Source::plain("o.jsonl", Location::default())
        };
        let examples = "{\"id\":\"a\",\"input\":\"x\"}";
        let (reference, _) = set(&page(), &source, examples.as_bytes());
        let mut problems = Vec::new();
        let (role, bytes) = (Role::Candidate, text.as_bytes());
        read(&source, "o.jsonl", bytes, role, &reference, &mut problems).trials
    };
    let two = "{\"example\":\"a\",\"trial\":1,\"output\":\"x\"}\n{\"example\":\"a\",\"trial\":3,\"output\":\"y\"}";
    assert_eq!(
        (count(None, two), count(Some(4), two), count(Some(1), two)),
        (2, 4, 2)
    );
    assert_eq!(count(Some(4), ""), 0, "a file of nothing is no recording");
}

#[test]
fn trials_are_renumbered_and_rows_counted() {
    let (recorded, problems) = read_text(
        r#"{"example":"b","trial":3,"output":"three"}
{"example_id":"b","trial":1,"output":"one","tool_calls":["t",{"function":{"name":"u"}}],"citations":"s1"}
{"example":"a","error":"rate limit","error_code":429,"latency_s":0.5}
{"example":"z","output":"x"}
{"example":"r","output":"x"}
{"example":"b","trial":"7","status":"timeout","latency_ms":900}"#,
    );
    assert_eq!(problems, Vec::<String>::new());
    let seen: Vec<_> = recorded
        .attempts
        .iter()
        .map(|it| (it.attempt.example, it.attempt.trial, it.recorded_trial))
        .collect();
    assert_eq!(seen, [(0, 0, 0), (1, 0, 1), (1, 1, 3), (1, 2, 7)]);
    assert_eq!(
        (
            recorded.trials,
            recorded.unknown_rows,
            recorded.set_aside_rows
        ),
        (3, 1, 1)
    );
    assert_eq!(recorded.unknown_examples, ["z"]);
    assert_eq!(
        recorded.attempts[0].end,
        AttemptEnd::ProviderError {
            message: "rate limit".into(),
            code: Some("429".into()),
            latency_ms: Some(500.0)
        }
    );
    assert_eq!(
        recorded.attempts[3].end,
        AttemptEnd::TimedOut { after_ms: 900 }
    );
    let AttemptEnd::Answered { response } = &recorded.attempts[1].end else {
        panic!("answered")
    };
    assert_eq!(
        response
            .tool_calls
            .iter()
            .map(|call| call.name.as_str())
            .collect::<Vec<_>>(),
        ["t", "u"]
    );
    assert_eq!(response.citations, ["s1"]);
}

#[test]
fn bad_rows_are_named() {
    let (recorded, problems) = read_text(
        r#"{"example":"a","output":"x"}
{"example":"a","output":"y"}
{"example":"b","ouput":"y"}
{"output":"y"}
{"example":"b","output":"y","trial":-1,"latency_ms":-2,"behaviour":"refuses","status":"okay"}"#,
    );
    assert_eq!(recorded.attempts.len(), 1);
    assert_eq!(
        problems,
        [
            "o.jsonl:3:16 unknown-key: unknown key `ouput` / did you mean `output`?",
            "o.jsonl:3:1 missing-output: the row has no output / map `output` (or `error`, when there was none)",
            "o.jsonl:4:1 missing-id: the row names no example / `example`: the example's id",
            "o.jsonl:5:29 bad-number: `trial` is -1 / a whole number from 0",
            "o.jsonl:5:40 bad-number: `latency_ms` is -2 / a number from 0",
            "o.jsonl:5:78 unknown-word: `okay` is no `status` / did you mean `ok`?",
            "o.jsonl:5:56 unknown-word: `refuses` is no behaviour / did you mean `refuse`?",
            "o.jsonl:2:1 duplicate-output: trial 0 of `a` is already recorded in line 1 / map `trial`, or keep one system with `where`",
        ]
    );
}

/// A9, F13: what a system says is kept byte for byte, control characters included.
#[test]
fn a9_outputs_are_kept_as_they_are() {
    let (recorded, problems) =
        read_text(r#"{"example":"a","output":"\u001b]0;x\u0007\u0000\u202e\u200b\r\n"}"#);
    assert_eq!(problems, Vec::<String>::new());
    let AttemptEnd::Answered { response } = &recorded.attempts[0].end else {
        panic!("answered")
    };
    assert_eq!(response.output, "\u{1b}]0;x\u{7}\0\u{202e}\u{200b}\r\n");
}

fn real(examples: &Source, outputs: &Source) -> Recorded {
    let (reference, problems) = set(&page(), examples, &data(&examples.file));
    assert!(!crate::problem::has_errors(&problems));
    let mut problems = Vec::new();
    let bytes = data(&outputs.file);
    let recorded = read(
        outputs,
        &outputs.file,
        &bytes[..],
        Role::Candidate,
        &reference,
        &mut problems,
    );
    assert_eq!(lines(&problems), Vec::<String>::new());
    assert_eq!(recorded.unknown_rows, 0);
    recorded
}

#[test]
fn real_outputs_load() {
    if !crate::testing::has_data() {
        return;
    }
    let with = |mut source: Source, field: &str, values: &[&str]| {
        source.filter.push((
            field.to_owned(),
            values.iter().map(|it| (*it).to_owned()).collect(),
        ));
        source
    };
    let xstest = real(
        &mapped("xstest/examples.jsonl", &[("fields.type", "segment_type")]),
        &with(
            mapped("xstest/outputs.jsonl", &[]),
            "system",
            &["llama2new"],
        ),
    );
    assert_eq!(
        (xstest.attempts.len(), xstest.trials, xstest.filtered_rows),
        (450, 1, 1800)
    );
    let tau_map = [
        ("tool_calls", "tool_sequence"),
        ("fields.transferred", "transferred"),
    ];
    let tau = real(
        &mapped("tau_airline/examples.jsonl", &[("fields.user", "user_id")]),
        &with(
            mapped("tau_airline/outputs.jsonl", &tau_map),
            "trial",
            &["2", "3"],
        ),
    );
    assert_eq!((tau.attempts.len(), tau.trials), (100, 2));
    assert!(
        tau.attempts
            .iter()
            .all(|it| it.recorded_trial == it.attempt.trial + 2)
    );
    let llmperf_map = [
        ("error", "error_msg"),
        ("latency_s", "end_to_end_latency_s"),
        ("fields.ttft_s", "ttft_s"),
        ("output_tokens", "number_output_tokens"),
    ];
    let by_system = |system: &str| {
        let mut examples = with(
            mapped(
                "llmperf_latency/outputs.jsonl",
                &[
                    ("id", "example_id"),
                    ("segments.size", "segment_model_size"),
                ],
            ),
            "system",
            &[system],
        );
        examples.withheld = true;
        real(
            &examples,
            &with(
                mapped("llmperf_latency/outputs.jsonl", &llmperf_map),
                "system",
                &[system],
            ),
        )
    };
    let errors = |recorded: &Recorded| {
        recorded
            .attempts
            .iter()
            .filter(|it| matches!(it.end, AttemptEnd::ProviderError { .. }))
            .count()
    };
    assert_eq!(errors(&by_system("lepton")), 390);
    assert_eq!(errors(&by_system("groq")), 0);
    let bedrock = by_system("bedrock");
    assert_eq!(errors(&bedrock), 97 + 49);
    let times = bedrock.attempts.iter().filter(|it| matches!(&it.end, AttemptEnd::Answered { response } if response.latency_ms.is_some())).count();
    assert_eq!(times, 53 + 101);
}
