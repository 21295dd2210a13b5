use proptest::prelude::*;

use super::*;

fn fault(text: &[u8]) -> Fault {
    let whole = parse_object(text).expect_err("a fault");
    let mut picker = Picker::new(vec!["label".to_owned()]);
    let mut slots = Vec::new();
    let picked = picker.pick(text, &mut slots).expect_err("a fault");
    assert_eq!(whole, picked, "both ways of reading agree");
    whole.fault
}

type Lines = Vec<(u32, String)>;

fn lines(bytes: &[u8], block: usize, limit: usize) -> (Lines, Vec<(u32, Fault)>) {
    let mut blocks =
        Blocks::with_limits(std::io::BufReader::with_capacity(16, bytes), block, limit);
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    while let Some(block) = blocks.next_block() {
        let block = block.expect("memory can be read");
        faults.extend(block.faults.clone());
        out.extend(
            block
                .lines()
                .map(|(n, line)| (n, String::from_utf8_lossy(line).into_owned())),
        );
    }
    (out, faults)
}

/// A5: JSON is read strictly, with the same answer from both readers.
#[test]
fn a5_strict_json() {
    assert_eq!(fault(br#"{"a":1,"a":2}"#), Fault::DuplicateKey("a".into()));
    assert_eq!(
        fault(br#"{"a":1,"\u0061":2}"#),
        Fault::DuplicateKey("a".into())
    );
    assert_eq!(
        fault(br#"{"x":{"y":[{"a":1,"a":2}]}}"#),
        Fault::DuplicateKey("a".into())
    );
    assert_eq!(fault(br#"{"a\u0000b":1}"#), Fault::NulInKey);
    assert_eq!(
        fault(br#"{"a":1e400}"#),
        Fault::NumberTooLarge("1e400".into())
    );
    assert_eq!(
        fault(br#"{"label":-1e400}"#),
        Fault::NumberTooLarge("-1e400".into())
    );
    assert!(matches!(fault(br#"{"a":NaN}"#), Fault::NotANumber(_)));
    assert!(matches!(fault(br#"{"a":-Infinity}"#), Fault::NotANumber(_)));
    assert_eq!(fault(br#"{"a":"\ud800"}"#), Fault::LoneSurrogate);
    assert_eq!(fault(br#"{"a":"\udc00\ud800"}"#), Fault::LoneSurrogate);
    assert_eq!(fault(b"{\"a\":\"\xff\"}"), Fault::InvalidUtf8(6));
    assert_eq!(fault(b"{\"a\":\"\x01\"}"), Fault::RawControl(1));
    assert_eq!(fault(br#"{"a":1} x"#), Fault::TrailingText);
    assert_eq!(fault(br#"[1]"#), Fault::Expected("a JSON object"));
    for early in [
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"a\":\"\\u00",
    ] {
        assert_eq!(fault(early.as_bytes()), Fault::EndsEarly, "{early}");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(127), "]".repeat(127));
    assert!(parse_object(deep.as_bytes()).is_ok());
    let bomb = format!("{{\"a\":{}", "[".repeat(1_000_000));
    assert_eq!(fault(bomb.as_bytes()), Fault::TooDeep);
    let pair = parse_object(br#"{"a":"\ud83d\ude00\u0000"}"#).expect("valid");
    assert_eq!(pair["a"], "😀\0", "NUL in a value is data");
}

#[test]
fn a5_errors_carry_line_and_column() {
    let mut problems = Vec::new();
    let mut collector = Collector::new("x.jsonl", &mut problems);
    let mut seen = Vec::new();
    let text = "\u{feff}{\"a\":1}\r\n\r\n{\"é\":01}\r\n{\"a\":2}\n{\"a\":3,\"a\":4}";
    for_each_object(text.as_bytes(), &mut collector, |line, map, _| {
        seen.push((line, map["a"].clone()))
    });
    collector.finish();
    assert_eq!(seen, [(1, 1.into()), (4, 2.into())]);
    let shown: Vec<String> = problems
        .iter()
        .map(|p| format!("{} {}", p.at, p.code))
        .collect();
    assert_eq!(
        shown,
        [
            "x.jsonl:1:1 byte-order-mark",
            "x.jsonl:3:6 bad-json",
            "x.jsonl:5:8 duplicate-key"
        ]
    );
}

#[test]
fn many_faults_are_counted_not_listed() {
    let mut problems = Vec::new();
    let mut collector = Collector::new("x.jsonl", &mut problems);
    for_each_object("{\n".repeat(250).as_bytes(), &mut collector, |_, _, _| {});
    collector.finish();
    assert_eq!(problems.len(), SHOWN_LIMIT + 1);
    assert_eq!(
        problems[SHOWN_LIMIT].what,
        "and 150 more errors in this file"
    );
}

#[test]
fn a_line_over_the_limit_is_reported_and_skipped() {
    let text = format!("{{\"a\":1}}\n{}\n{{\"a\":2}}\n", "x".repeat(1000));
    let (kept, faults) = lines(text.as_bytes(), 32, 100);
    assert_eq!(kept, [(1, "{\"a\":1}".into()), (3, "{\"a\":2}".into())]);
    assert_eq!(faults, [(2, Fault::LineTooLong(100))]);
    let (kept, faults) = lines("y".repeat(1000).as_bytes(), 32, 100);
    assert_eq!((kept.len(), faults.len()), (0, 1));
}

#[test]
fn picker_reads_wanted_fields() {
    let mut picker = Picker::new(["label", "a.b", "n", "absent"].map(str::to_owned).to_vec());
    let mut slots = Vec::new();
    for line in [
        &br#"{"label":"x\n","a":{"b":5},"n":1.50,"z":[{}]}"#[..],
        br#"{"n":1.50,"label":"x\n","a":{"b":5}}"#,
        br#"{"a.b":5,"a":{"b":6},"n":1.50,"label":"x\n"}"#,
    ] {
        for _ in 0..3 {
            picker.pick(line, &mut slots).expect("valid");
            let texts: Vec<_> = slots
                .iter()
                .map(|slot| slot.text().map(String::from))
                .collect();
            assert_eq!(
                texts,
                [
                    Some("x\n".into()),
                    Some("5".into()),
                    Some("1.50".into()),
                    None
                ]
            );
        }
    }
    assert!(picker.pick(br#"{"n":1,"q":1,"n":2}"#, &mut slots).is_err());
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |x| x.is_finite().then(|| Value::from(x))),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[^\0]{0,5}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_serde_json_writes(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        prop_assert_eq!(parse(text.expect("json").as_bytes()), Ok(value));
    }

    #[test]
    fn never_panics_and_is_at_least_as_strict(bytes in prop::collection::vec(prop::sample::select(b"{}[]\":,\\u0019aDd8e+-.tfn \xc3\xa9".to_vec()), 0..40)) {
        if parse(&bytes).is_ok() {
            prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
        }
        let mut picker = Picker::new(vec!["a".into(), "d.e".into()]);
        let mut slots = Vec::new();
        prop_assert_eq!(parse_object(&bytes).is_ok(), picker.pick(&bytes, &mut slots).is_ok());
    }

    #[test]
    fn blocks_do_not_change_lines(text in "[ab\r\n]{0,200}", block in 1usize..64) {
        prop_assert_eq!(lines(text.as_bytes(), block, 1000), lines(text.as_bytes(), 1 << 20, 1000));
    }
}

/// A column is that of a key, in characters; of what is there of a path that is not; of the object where nothing is.
#[test]
fn a_member_has_a_column() {
    let line = r#"  {"é":1, "a":{"b":[{"a.b":1}],"c":{}}, "x.y":2}"#.as_bytes();
    for (path, found) in [
        ("é", 4),
        ("a", 11),
        ("a.b", 16),
        ("a.c", 32),
        ("a.c.d", 32),
        ("a.z", 11),
        ("x.y", 41),
        ("", 3),
        ("nothing.here", 3),
    ] {
        assert_eq!(column(line, path), found, "{path}");
    }
    assert_eq!(column_named(line, "`7` is no `x.y` of `a`"), 41);
    assert_eq!(column_named(line, "nothing is named"), 3);
}
